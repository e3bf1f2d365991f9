"""The power goes, at either node, at any moment, again and again: nothing that was acknowledged is missing, nothing is doubled."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import pytest

from kizuna.cli import demo_world
from kizuna.cli.base import CLOCK
from kizuna.cli.base import random as fresh
from kizuna.cli.demo_world import DemoNode
from kizuna.domains.maritime.traffic import Traffic
from kizuna.kernel.channel.wire import decode_header
from kizuna.kernel.journal import Store
from kizuna.node.channel.treaties import bundled
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import projections
from kizuna.node.service import open_store
from kizuna.node.settings import read_settings
from kizuna.storage.blobs import Blobs
from tests.acceptance.stories import SOURCE, call, token_of, until

KILLS = 8
SEED = 20261030
ONCE = (
    "SELECT seq FROM journal_entry",
    "SELECT id FROM record",
    "SELECT record_id, channel FROM leaf_out WHERE kind = 'record'",
    "SELECT record_id, channel FROM leaf_in WHERE kind = 'record'",
)
"""What stands at most once in a node's tables, and at least once after a story."""
AT_ONCE = 1_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Promised:
    """What a node's API acknowledged before its power went: heads of its journal, and reasons that an officer was told are journalled."""

    heads: list[tuple[int, str]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def write_down(node: DemoNode, promised: Promised, reason: str) -> None:
    """Have the node acknowledge a word of an officer, and note what it says of its journal."""
    assert acknowledged(node, promised, reason)


def acknowledged(node: DemoNode, promised: Promised, reason: str) -> bool:
    """Tell the node a word of an officer, note what it acknowledges, and return whether it did."""
    halted = call(node.users_port, "POST", "/api/v1/release/halt", {"on": False, "reason": reason}, token_of(node))
    if halted != (200, b'{"halted":false}'):
        return False
    promised.reasons.append(reason)
    status, body = call(node.users_port, "GET", "/api/v1/status", token=token_of(node))
    if status == HTTPStatus.OK:
        state = json.loads(body)
        promised.heads.append((state["journal_seq"], state["journal_head"]))
    return status == HTTPStatus.OK


def hear(nodes: list[DemoNode], traffic: list[Traffic], seconds: float) -> None:
    """Let both receivers hear the sea for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for node, sea in zip(nodes, traffic, strict=True):
            node.say(sea.step(CLOCK.now_ms()))
        time.sleep(0.05)


def settled(nodes: list[DemoNode]) -> bool:
    channels = [one for node in nodes for one in (node.get("/api/v1/status") or {"channels": [{}]})["channels"]]
    return all(
        one and one["out_size"] == one["out_receipted"] and not one["out_due"] and one["in_size"] == one["in_seen"]
        for one in channels
    )


def store_of(node: DemoNode) -> Store:
    return open_store(read_settings(node.config), projections(DOMAINS))


def test_power_cuts_at_either_node_lose_nothing_and_double_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    dice = random.Random(SEED)
    nodes = list(demo_world.prepare(tmp_path / "demo", bundled(), CLOCK, fresh))
    traffic = [Traffic(SEED, 150, CLOCK.now_ms(), regions=node.side.regions) for node in nodes]
    promised = [Promised(), Promised()]
    victims = [0, 1] + [dice.randrange(2) for _ in range(KILLS - 2)]
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_ready(lambda _text: None)
        for number, victim in enumerate(victims):
            hear(nodes, traffic, dice.uniform(0.3, 1.5))
            write_down(nodes[victim], promised[victim], f"power cut {number}")
            hear(nodes, traffic, dice.uniform(0.0, 0.6))
            nodes[victim].kill()
            hear(nodes, traffic, dice.uniform(0.0, 0.5))  # the other goes on
            nodes[victim].start()
            if dice.random() < 0.3:  # sometimes the power goes again before the node is up
                time.sleep(dice.uniform(0.2, 1.5))
                nodes[victim].kill()
                nodes[victim].start()
            nodes[victim].wait_ready(lambda _text: None)
        hear(nodes, traffic, 2.0)
        until(lambda: settled(nodes), "everything released is receipted")
        time.sleep(1.0)
        until(lambda: settled(nodes), "everything released is receipted")
    finally:
        for node in nodes:
            node.stop()

    for node, kept in zip(nodes, promised, strict=True):
        assert_kept(node, kept)
    one, other = (demo_world.audit(node) for node in nodes)
    assert one.findings == other.findings == (), "both journals verify"
    assert (one.out_root, other.out_root) == (other.in_root, one.in_root)
    assert one.released == one.receipted == other.received > 0
    assert other.released == other.receipted == one.received > 0
    assert not one.refused
    assert not other.refused
    assert_same_channel(nodes[0], nodes[1])
    assert_same_channel(nodes[1], nodes[0])


def assert_kept(node: DemoNode, promised: Promised, tables: Sequence[str] = ONCE) -> None:
    """Everything that was acknowledged is where it was; no record stands twice."""
    store = store_of(node)
    try:
        assert promised.heads
        for seq, head in promised.heads:
            assert [
                chain.hex() for (chain,) in store.query("SELECT chain FROM journal_entry WHERE seq = ?", (seq,))
            ] == [head], f"entry {seq}, which the API had acknowledged"
        journalled = {json.loads(header)["meta"]["reason"] for header in settings_said(store)}
        assert set(promised.reasons) <= journalled
        for sql in tables:
            ((rows, different),) = store.query(
                f"SELECT (SELECT COUNT(*) FROM ({sql}) AS one), (SELECT COUNT(*) FROM (SELECT DISTINCT * FROM ({sql}) AS two) AS each)"
            )
            assert rows, sql
            assert rows == different, f"doubled: {sql}"
        ((last, entries),) = store.query("SELECT MAX(seq), COUNT(*) FROM journal_entry")
        assert entries == last
    finally:
        store.close()


def settings_said(store: Store) -> list[bytes]:
    rows = store.query("SELECT e.header FROM audit a JOIN journal_entry e ON e.seq = a.seq WHERE a.kind = 'setting'")
    return [bytes(header) for (header,) in rows]


def assert_same_channel(writer: DemoNode, reader: DemoNode) -> None:
    """Both sides hold the same leaves, from the first to the last, without a gap, and every blob that they show."""
    wrote, read = store_of(writer), store_of(reader)
    try:
        sent = wrote.query("SELECT epoch, idx, leaf FROM leaf_out ORDER BY epoch, idx")
        held = read.query("SELECT epoch, idx, leaf FROM leaf_in ORDER BY epoch, idx")
        assert sent
        assert sent == held
        assert {epoch for epoch, _, _ in held} == {0}, "a power cut is no restore: no epoch was lost"
        assert [index for _, index, _ in held] == list(range(len(held)))
        assert len({bytes(leaf) for _, _, leaf in held}) == len(held)
        (stood,) = wrote.query("SELECT size, root, receipted FROM channel_out")
        (stands,) = read.query("SELECT size, root, size FROM channel_in")
        assert stood == stands
        assert_blobs(writer, reader, wrote, len(held))
    finally:
        wrote.close()
        read.close()


def assert_blobs(writer: DemoNode, reader: DemoNode, wrote: Store, size: int) -> None:
    """The reader holds every blob that the first entries of a channel show."""
    blobs = Blobs(read_settings(reader.config).data / "blobs")
    channel = f"kizuna/{writer.side.node}/to/{reader.side.node}"
    for first in range(0, size, AT_ONCE):
        rows = wrote.query(
            "SELECT e.header FROM leaf_out l JOIN journal_entry e ON e.seq = l.seq"
            " WHERE l.channel = ? AND l.epoch = 0 AND l.idx >= ? AND l.idx < ?",
            (channel, first, min(first + AT_ONCE, size)),
        )
        assert len(rows) == min(AT_ONCE, size - first)
        for (header,) in rows:
            for blob in decode_header(json.loads(header)["meta"]["header"].encode()).blobs:
                assert len(blobs.get(blob.sha256)) == blob.size, "checked against its digest as it is read"
