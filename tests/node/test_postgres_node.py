"""Two whole nodes on a database server: the same exchange as on the embedded store, and the same tables after a rebuild."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from kizuna.kernel import canonical, instrument
from kizuna.node import effects as fx
from kizuna.node.acts import agreeing
from kizuna.node.channel.world import Sources
from kizuna.node.core import Core
from kizuna.node.held import seeking
from kizuna.node.held.filling import projections
from kizuna.node.readers.extract import Extracts
from kizuna.node.readers.thinning import Readers
from kizuna.node.runner import Runner, Shell
from kizuna.sim.federation import Federation, SimNode
from kizuna.storage.blobs import Blobs
from kizuna.storage.extracts import ExtractFolder
from kizuna.storage.highwater import HighWater
from kizuna.storage.postgres import PostgresStore, open_postgres
from tests.node.readers.shelves import InMemory
from tests.sim.world import DOMAINS, arrangement, note

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.postgres


class Clock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def in_doubt(self) -> bool:
        return False


class PgNode:
    """A node on PostgreSQL whose wire is the other one's runner."""

    def __init__(self, like: SimNode, store: PostgresStore, folder: Path) -> None:
        self.like = like
        self.store = store
        self.other: PgNode | None = None
        blobs = Blobs(folder / "blobs")
        sources = Sources(store, blobs, like.rng.randbytes, lambda _channel: None)
        core = Core(like.identity, sources, DOMAINS, like.limits)
        self.runner = Runner(core, Shell(store, blobs, HighWater(folder / "marks.json"), Clock(), self.send))

    def send(self, node: str, data: bytes) -> None:
        assert self.other is not None

        def answered(done: Future[bytes]) -> None:
            if done.exception() is None:
                self.runner.answered(node, done.result())
            else:
                self.runner.unreachable(node)

        self.other.runner.message(self.like.name, data).add_done_callback(answered)

    def do(self, command: fx.Command) -> Any:
        return self.runner.do(command).result(timeout=20)


@pytest.fixture
def pair(postgres_conninfo: str, tmp_path: Path) -> Iterator[tuple[PgNode, PgNode]]:
    federation = Federation("postgres")
    schemas, nodes = [], []
    for name in ("ind/delhi", "jpn/yokosuka"):
        schemas.append(f"node_{uuid.uuid4().hex[:12]}")
        store = open_postgres(postgres_conninfo, projections(DOMAINS), schema=schemas[-1])
        folder = tmp_path / name.replace("/", "-")
        folder.mkdir()
        nodes.append(PgNode(federation.add(name, DOMAINS), store, folder))
    nodes[0].other, nodes[1].other = nodes[1], nodes[0]
    for node in nodes:
        node.runner.start()
    yield nodes[0], nodes[1]
    for node in nodes:
        node.runner.stop()
        node.store.close()
    with psycopg.connect(postgres_conninfo, autocommit=True) as connection:
        for schema in schemas:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_note_crosses_is_receipted_and_retracted(pair: tuple[PgNode, PgNode], tmp_path: Path) -> None:
    delhi, yokosuka = pair
    held = arrangement("ind", "jpn")
    for node, other in ((delhi, yokosuka), (yokosuka, delhi)):
        node.do(fx.Enrol(other.like.card(), "officer:1:liaison"))
        node.do(fx.LoadInstrument(canonical.encode(held), "officer:1:desk"))
        party, root = node.like.identity.party, node.like.root
        envelope = instrument.sign_version(held, party, Clock().now_ms() - 10_000, root)
        node.do(fx.Say((agreeing.signed(held, envelope, root.public, party, "officer:1:desk"),)))
    until(lambda: all(len(n.store.query("SELECT 1 FROM instruments_signature")) == 2 for n in pair))
    said = delhi.do(fx.Say((note("on a server", "ind", "jpn"), note("too high", "ind", "jpn", level=3))))
    until(lambda: yokosuka.store.query("SELECT text FROM note") == [("on a server",)])
    assert said[1].held == (("jpn", "level"),)
    delhi.do(fx.Act(said[0].record_id, "retract", "a test", "officer:1:desk"))
    until(lambda: delhi.store.query("SELECT 1 FROM act WHERE channel <> '' AND confirmed_at_ms > 0") == [(1,)])
    assert yokosuka.store.query("SELECT standing FROM record WHERE id = ?", (said[0].record_id,)) == [("retract",)]
    with yokosuka.store.view() as db:
        (found,) = seeking.find(db, "SERVER on", seeking.whoever_holds_the_store(), ["notes.note"], most=5)
        assert [(hit.record, hit.title) for hit in found.hits] == [(said[0].record_id, "on a server")]
        for level, nationality, seen in ((3, "", 1), (0, "", 0), (3, "jpn", 1), (3, "phl", 0)):
            reader = seeking.Reader(level, nationality, lambda _record_id: True)
            assert len(seeking.find(db, "serv", reader, ["notes.note"], most=5)) == seen, (level, nationality)
    for node, shown in ((delhi, 1), (yokosuka, 1)):
        kept, fresh = (
            Extracts(node.store, projections(DOMAINS), shelf)
            for shelf in (ExtractFolder(tmp_path / node.like.identity.party), InMemory())
        )
        extract = kept.of(Readers(1))
        assert extract.query("SELECT COUNT(*) FROM note") == [(shown,)]
        for table in projections(DOMAINS).tables:
            assert extract.query(f"SELECT * FROM {table}") == fresh.of(Readers(1)).query(f"SELECT * FROM {table}"), (
                table
            )
        kept.close()
    for node in pair:
        assert node.store.verify().findings == ()
        before = [
            sorted(map(repr, node.store.query(f"SELECT * FROM {table}")))
            for table in ("record", "leaf_in", "leaf_out", "note", "sought", "sought_word")
        ]
        node.store.rebuild()
        after = [
            sorted(map(repr, node.store.query(f"SELECT * FROM {table}")))
            for table in ("record", "leaf_in", "leaf_out", "note", "sought", "sought_word")
        ]
        assert after == before
