"""Leaves of a log that are back before what they showed."""

from __future__ import annotations

from kizuna.node import effects as fx
from kizuna.node.channel import outgoing
from kizuna.node.held.filling import projections
from kizuna.storage.sqlite import open_sqlite
from tests.sim.world import DOMAINS, note, pair


def test_a_leaf_that_came_back_before_its_record_finds_it() -> None:
    """A relay that was restored is given its leaves back by its reader, and what they showed by the originator, later."""
    federation, delhi, _, _ = pair("leaf first")
    said = delhi.do(fx.Say((note("shown, lost, and given again", "ind", "jpn"),)))[0].record_id
    federation.run(3_000)
    entries = [stored.entry for stored in delhi.store.read(1, 10_000)]
    (shown,) = (entry for entry in entries if entry.kind == "released" and entry.meta["item"] == said)
    entries.remove(shown)
    first = next(at for at, entry in enumerate(entries) if entry.kind == "record" and entry.meta["item"] == said)
    store = open_sqlite(":memory:", projections(DOMAINS))
    store.commit([*entries[:first], shown])
    assert outgoing.holders(store, said) == {}
    store.commit(entries[first:])
    assert outgoing.holders(store, said) == outgoing.holders(delhi.store, said) != {}
    store.close()
