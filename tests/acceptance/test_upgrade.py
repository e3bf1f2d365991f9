"""Data that the first part's software left behind: today's code verifies it, tells the same facts of it, and goes on exchanging."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from kizuna.cli.exits import exit_code
from kizuna.domains.maritime.operations import state_static
from kizuna.errors import ConfigError
from kizuna.node import effects as fx
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import projections
from kizuna.node.maritime.feeding import drafts, example_label
from kizuna.node.service import JOURNAL, Node, open_node, open_store
from kizuna.node.settings import read_settings
from tests.acceptance.stories import environment, kizuna, until

FROZEN = Path(__file__).resolve().parents[1] / "frozen" / "first-part.tar.xz"
FROZEN_MS = 1_795_722_060_000
"""When it was made; the story is told from then on, whatever the day is."""
PARTIES = ("ind", "jpn")
FACTS = (
    "SELECT id, type, issuer, subject, at_ms, own, standing FROM record",
    "SELECT channel, epoch, idx, leaf, kind, record_id FROM leaf_out",
    "SELECT channel, epoch, idx, leaf, kind, record_id, code FROM leaf_in",
    "SELECT channel, epoch, size, root, receipted, receipt_sha256, stopped FROM channel_out",
    "SELECT channel, epoch, size, root, receipted, quarantined, stopped FROM channel_in",
    "SELECT party, type, grade, reason, count FROM withheld",
    "SELECT record_id, channel, act, strength, confirmed_at_ms FROM act",
    "SELECT node, party, version FROM partner",
    "SELECT name, value FROM setting",
)
"""What both the old tables and today's tell."""

pytestmark = pytest.mark.slow


class Clock:
    """The day on which the data were frozen, going on."""

    def __init__(self) -> None:
        self._ahead_ms = FROZEN_MS - time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._ahead_ms

    def in_doubt(self) -> bool:
        return False


@dataclass
class Wire:
    """Carries a node's requests to the other one's runner."""

    name: str
    here: Node | None = None
    there: Node | None = None

    def send(self, node: str, data: bytes) -> None:
        here, there = self.here, self.there
        assert here is not None
        assert there is not None

        def answered(done: Future[bytes]) -> None:
            if done.exception() is None:
                here.runner.answered(node, done.result())
            else:
                here.runner.unreachable(node)

        there.runner.message(self.name, data).add_done_callback(answered)


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    with tarfile.open(FROZEN) as archive:
        archive.extractall(tmp_path, filter="data")
    for party in PARTIES:
        (tmp_path / party / "keys").chmod(0o700)
    return tmp_path


@contextmanager
def exchanging(folder: Path) -> Iterator[list[Node]]:
    """Run both nodes in this process, on the day of the frozen data, with a wire between them."""
    clock, wires, nodes = Clock(), [], []
    try:
        for party in PARTIES:
            settings = read_settings(folder / party / "node.toml")
            wires.append(Wire(settings.node))
            nodes.append(open_node(settings, clock=clock, random=os.urandom, send=wires[-1].send))
        for wire, here, there in zip(wires, nodes, nodes[::-1], strict=True):
            wire.here, wire.there = here, there
        for node in nodes:
            node.runner.start()
        yield nodes
    finally:
        for node in nodes:
            node.close()


def settled(nodes: Sequence[Node]) -> bool:
    """Whether each side has receipted all that the other released."""
    out = [node.store.query("SELECT size, receipted FROM channel_out")[0] for node in nodes]
    into = [node.store.query("SELECT size FROM channel_in")[0][0] for node in nodes]
    return all(size == receipted for size, receipted in out) and [size for size, _ in out] == into[::-1]


def arrived(node: Node, record_id: str) -> bool:
    """Whether a node holds a partner's record."""
    return node.store.query("SELECT own FROM record WHERE id = ?", (record_id,)) == [(0,)]


def told_before(folder: Path) -> list[list[tuple[object, ...]]]:
    """Return the facts as the old software's own tables tell them."""
    connection = sqlite3.connect(f"file:{folder / 'data' / JOURNAL}?mode=ro", uri=True)
    try:
        return [sorted(connection.execute(sql).fetchall()) for sql in FACTS]
    finally:
        connection.close()


def heads(folder: Path) -> list[dict[str, object]]:
    """Return what `kizuna journal verify` finds at each node; it fails where anything is wrong."""
    return [kizuna("journal", "verify", "--config", folder / party / "node.toml") for party in PARTIES]


def test_data_of_the_first_part_is_verified_told_and_exchanged_as_before(frozen: Path) -> None:
    before = [told_before(frozen / party) for party in PARTIES]
    found = heads(frozen)
    assert [(each["ok"], each["entries"], each["erased"]) for each in found] == [(True, 159, 1), (True, 126, 0)]
    for party, facts in zip(PARTIES, before, strict=True):
        store = open_store(read_settings(frozen / party / "node.toml"), projections(DOMAINS))
        try:
            assert [sorted(store.query(sql)) for sql in FACTS] == facts
        finally:
            store.close()
    assert heads(frozen) == found, "looking at it, and its new tables, changed no entry"

    with exchanging(frozen) as nodes:
        until(lambda: settled(nodes), "what the old software had released crosses")
        delhi, yokosuka = nodes
        acts = dict(delhi.store.query("SELECT act, record_id FROM act WHERE channel <> ''"))
        until(
            lambda: (
                {"retract", "destroy"} == set(acts)
                and all(
                    yokosuka.store.query("SELECT standing FROM record WHERE id = ?", (acts[act],)) == [(act,)]
                    for act in acts
                )
            ),
            "both acts of the old software count at the partner",
        )
        until(
            lambda: delhi.store.query("SELECT 1 FROM act WHERE channel <> '' AND confirmed_at_ms = 0") == [],
            "and are confirmed",
        )
        for node, other in ((delhi, yokosuka), (yokosuka, delhi)):
            statement = state_static(
                419_000_123, {"name": "KIBO"}, reported_at_ms=FROZEN_MS, source="today", source_kind="terrestrial"
            )
            mark = example_label(node.identity.party, PARTIES)
            (said,) = node.runner.do(fx.Say(drafts([statement], mark))).result(timeout=30)
            assert said.due, "today's record is released by the old signatures on the arrangement"
            until(partial(arrived, other, said.record_id), "today's record crosses")
            assert other.store.query("SELECT code FROM leaf_in WHERE code <> ''") == []
        until(lambda: settled(nodes), "and is receipted")

    ends = heads(frozen)
    assert [each["ok"] for each in ends] == [True, True]
    assert [each["erased"] for each in ends] == [1, 1], "what was destroyed is gone from the partner's journal too"
    with exchanging(frozen) as nodes:
        time.sleep(0.5)
        assert settled(nodes)
    assert heads(frozen) == ends, "a second start changes nothing"
    for party, former in zip(PARTIES, found, strict=True):
        config = frozen / party / "node.toml"
        store = open_store(read_settings(config), projections(DOMAINS))
        try:
            ((as_it_lay,),) = store.query("SELECT MAX(seq) FROM journal_packed_entry WHERE form IS NULL")
            ((packed,),) = store.query("SELECT MIN(seq) FROM journal_packed_entry WHERE form IS NOT NULL")
            assert as_it_lay == former["entries"], "what the old software wrote lies as it lay"
            assert packed == as_it_lay + 1
            assert store.query("SELECT value FROM journal_meta WHERE name = 'oldest_reader'") == [("2",)]
        finally:
            store.close()
        kizuna("backup", frozen / f"{party}-backup", "--config", config)
        kizuna("restore", frozen / f"{party}-backup", "--config", config)
    assert heads(frozen) == ends, "and a backup brings back the same"


def test_data_of_newer_software_is_refused_in_words(frozen: Path) -> None:
    folder = frozen / "ind"
    connection = sqlite3.connect(folder / "data" / JOURNAL)
    newer = (("journal_version", "9"), ("oldest_reader", "9"), ("oldest_release", "4.2.0"))
    connection.executemany("UPDATE journal_meta SET value = ? WHERE name = ?", [(value, name) for name, value in newer])
    connection.commit()
    connection.close()
    kept = (folder / "data" / JOURNAL).read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "kizuna", "run", "--config", str(folder / "node.toml")],
        capture_output=True, text=True, env=environment(), timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == exit_code(ConfigError("x")), done.stderr
    assert "install kizuna `4.2.0` or newer" in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "data" / JOURNAL).read_bytes() == kept, "and is left as it is"
