"""A log that has grown long: what a start reads of it, and what is proved from it."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from kizuna.errors import JournalCorruptError
from kizuna.kernel.channel import wire
from kizuna.kernel.merkle import TILE_LEAVES, Tree, verify_inclusion
from kizuna.node import effects as fx
from kizuna.node.channel import outgoing
from kizuna.node.held.filling import projections
from kizuna.storage.sqlite import open_sqlite
from tests.sim.world import DOMAINS, note, pair

TILES = "SELECT channel, epoch, number, root FROM leaf_tile ORDER BY channel, epoch, number"


@pytest.mark.timeout(120)
def test_a_start_reads_the_roots_of_full_tiles_and_not_their_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    federation, delhi, tokyo, _ = pair("long log")
    for first in range(0, 2 * TILE_LEAVES, 64):
        delhi.do(fx.Say(tuple(note(f"seen, number {first + number}", "ind", "jpn") for number in range(64))))
        federation.run(5_000)
    channel = wire.channel_name(delhi.name, tokyo.name)
    leaves = [
        bytes(leaf)
        for (leaf,) in delhi.store.query("SELECT leaf FROM leaf_out WHERE channel = ? ORDER BY idx", (channel,))
    ]
    roots = [Tree(leaves[at : at + TILE_LEAVES]).root() for at in (0, TILE_LEAVES)]
    kept = delhi.store.query(TILES)
    assert [(number, bytes(root)) for name, _, number, root in kept if name == channel] == list(enumerate(roots))

    read: list[int] = []
    reading = outgoing.leaves(delhi.store, channel, 0)

    def noted(start: int, end: int) -> list[bytes]:
        read.append(start)
        return reading(start, end)

    monkeypatch.setattr(outgoing, "leaves", lambda *_: noted)
    tree = outgoing.load(delhi.store, channel).tree
    assert read == [2 * TILE_LEAVES, len(leaves)], "what no full tile holds, and whether there is more"
    assert delhi.store.query("SELECT size, root FROM channel_out WHERE channel = ?", (channel,)) == [
        (len(leaves), tree.root().hex())
    ]
    verify_inclusion(3, tree.size, leaves[3], tree.inclusion_proof(3, tree.size), tree.root())
    assert read[2:] == [0], "one tile is opened for the proof"

    store = open_sqlite(":memory:", projections(DOMAINS))
    for stored in delhi.store.read(1, 10_000):
        store.commit([stored.entry])
    assert store.query(TILES) == kept, "entry by entry, or many in one commit"
    store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM leaf_out WHERE idx = 2",
        "UPDATE leaf_out SET leaf = (SELECT leaf FROM leaf_out WHERE idx = 1) WHERE idx = 2",
        "INSERT INTO leaf_tile SELECT channel, epoch, 0, leaf FROM leaf_out WHERE idx = 1",
    ],
)
def test_nothing_more_is_signed_over_a_log_that_was_damaged(damage: str, tmp_path: Path) -> None:
    store = open_sqlite(str(tmp_path / "journal.sqlite"), projections(DOMAINS))
    federation, delhi, tokyo, _ = pair("damaged log")
    delhi.do(fx.Say((note("seen once", "ind", "jpn"), note("seen twice", "ind", "jpn"))))
    federation.run(5_000)
    store.commit([stored.entry for stored in delhi.store.read(1, 10_000)])
    channel = wire.channel_name(delhi.name, tokyo.name)
    assert outgoing.load(store, channel).tree.size > 2
    connection = apsw.Connection(str(tmp_path / "journal.sqlite"))
    connection.execute(damage)
    connection.close()
    with pytest.raises(JournalCorruptError, match="verify the journal"):
        outgoing.load(store, channel)
    store.close()
