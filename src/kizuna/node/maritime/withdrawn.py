"""Which entries of the journal brought positions that stand no longer: their record was taken back, they ended by a rule, or their body was erased.

An archive keeps by those entries what it holds, for once a body is erased nobody could say any more which rows were its own. What is done about it
is `kizuna.node.maritime.clearing`'s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kizuna.domains.maritime.records import OWN_UNIT_BATCH, POSITION_BATCH, RECORDS, SIMULATED
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.journal import ERASED, Entry, Store
from kizuna.node.held import noting
from kizuna.node.held.parsed import parse
from kizuna.node.held.retained import ENDED
from kizuna.node.maritime.archives import NEVER, ArchiveKey

_PAGE = 500
_TAKEN_BACK = frozenset({noting.SUPERSEDED, *noting.WITHDRAWALS})
_ENDED_BEFORE = "COALESCE((SELECT MAX(e.seq) FROM positions_ended e WHERE e.record_id = r.id), 0)"
_STANDS = f"r.standing = '' AND h.seq > {_ENDED_BEFORE}"
"""What was named as ended is held no more, though its bodies may still be there for a moment; what came again since then is."""
_BATCHES = "maritime_batch b JOIN record r ON r.id = COALESCE(b.record_id, '') JOIN holding h ON h.record = r.seq"
"""COALESCE, so that SQLite begins with the batches, which are few, and not with all that is held."""
_TYPES = tuple(sorted(RECORDS))
_MARKS = ",".join("?" * len(_TYPES))


def withdrawn_by(store: Store, entry: Entry) -> list[int]:
    """Return the entries of maritime records that stand no longer by what an entry of the journal says; of what is erased by now it may not know."""
    if entry.kind == ERASED:
        return _erased(store, entry.meta["target"])
    if entry.kind == "acted":
        items = [entry.meta["item"]]
    elif entry.kind == ENDED:
        items = entry.meta["records"]
    elif entry.kind == "received" and entry.meta.get("acts"):
        items = [item for _, item in entry.meta["acts"]]
    elif entry.body is not None and _may_take_back(entry):
        held = parse(entry.body)
        items = [noting.target_of(held)] if held.clear.type in _TAKEN_BACK else []
    else:
        return []
    return [seq for item in items for seq in _fallen(store, item)]


def _may_take_back(entry: Entry) -> bool:
    if entry.kind == "record":
        return entry.meta["clear"][0] in _TAKEN_BACK
    return entry.kind == "received" and entry.meta["kind"] == "notice" and not entry.meta["code"]


def _erased(store: Store, target: int) -> list[int]:
    items = [stored.entry.meta.get("item", "") for stored in store.read(target, 1) if stored.seq == target]
    rows = [store.query(f"SELECT 1 FROM record WHERE id = ? AND type IN ({_MARKS})", (item, *_TYPES)) for item in items]
    return [target] if any(rows) else []


def _fallen(store: Store, record_id: str) -> list[int]:
    rows = store.query(
        "SELECT h.seq FROM holding h JOIN record r ON r.seq = h.record"
        f" WHERE r.id = ? AND r.type IN ({_MARKS}) AND NOT ({_STANDS}) ORDER BY h.seq",
        (record_id, *_TYPES),
    )
    return [int(seq) for (seq,) in rows]


def withdrawn_since(store: Store, cleared: int, seq: int) -> list[int]:
    """Return the entries that stand no longer by what was journalled after an entry up to another; after `NEVER`, those of all that is still held."""
    if cleared == NEVER:
        rows = store.query(f"SELECT h.seq FROM {_BATCHES} WHERE NOT ({_STANDS}) ORDER BY h.seq")
        return [int(row[0]) for row in rows]
    found: list[int] = []
    for first in range(cleared + 1, seq + 1, _PAGE):
        for stored in store.read(first, min(_PAGE, seq + 1 - first)):
            found += withdrawn_by(store, stored.entry)
    return found


def stands(store: Store, record_id: str) -> bool:
    """Return whether nobody has taken a record back who may."""
    return not store.query("SELECT 1 FROM record WHERE id = ? AND standing <> ''", (record_id,))


def standing(store: Store, entries: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return those of some entries, ascending, whose records are held and stand."""
    if not len(entries):
        return entries
    rows = store.query(
        f"SELECT h.seq FROM holding h JOIN record r ON r.seq = h.record WHERE h.seq BETWEEN ? AND ? AND {_STANDS}",
        (int(entries[0]), int(entries[-1])),
    )
    return np.intersect1d(entries, np.array([seq for (seq,) in rows], np.int64))


def entries_of_day(store: Store, key: ArchiveKey, day: int) -> NDArray[np.int64]:
    """Return the entries of the batches of a source that stand and may have rows of a day (since 1970), as an archive has them, ascending."""
    rows = store.query(
        f"SELECT h.seq FROM {_BATCHES}"
        " WHERE b.party = ? AND b.exercise = '' AND COALESCE(b.source_kind, ?) = ? AND COALESCE(b.source, '') = ?"
        f" AND NOT (b.own = 1 AND b.coarse = 1) AND COALESCE(b.window_from_ms, 0) < ? AND COALESCE(b.window_to_ms, ?) > ? AND {_STANDS}"
        " ORDER BY h.seq",
        (key.party, SIMULATED, key.source_kind, key.source, (day + 1) * DAY_MS, 2**53, day * DAY_MS),
    )
    return np.array([seq for (seq,) in rows], np.int64)


def parties_with_withdrawn(store: Store) -> frozenset[str]:
    """Return the parties of which some batch was taken back, has ended or was erased."""
    rows = store.query(
        "SELECT DISTINCT r.issuer FROM record r WHERE r.type IN (?,?)"
        f" AND NOT EXISTS (SELECT 1 FROM holding h WHERE h.record = r.seq AND {_STANDS})",
        (POSITION_BATCH, OWN_UNIT_BATCH),
    )
    return frozenset(str(party) for (party,) in rows)
