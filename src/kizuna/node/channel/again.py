"""Entries of a channel's log that are served again: to a reader that has fallen behind or was restored, or in a bundle.

What was sequenced earlier may not be handed over any more, so each record is decided anew. The log is read a page at a time: a query for each
entry gives way to every other thread of a busy node, and takes many times as long as the reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from kizuna.kernel.journal import Db, Store
from kizuna.kernel.record import Record
from kizuna.node.channel import outgoing
from kizuna.node.channel.outgoing import OutState
from kizuna.node.channel.releasing import Releaser
from kizuna.node.held import facts, noting
from kizuna.node.held.facts import Partner
from kizuna.node.held.parsed import parse
from kizuna.node.held.relabelled import held_whole

PAGE = 256
"""Entries read at a time."""


class Written(NamedTuple):
    """An entry as its writer journalled it: header bytes, what the journal says beside them, and the item that it carried.

    `held` is its record with every disclosure of every holding, None where it is no record, was taken back or was erased.
    """

    header: bytes
    meta: dict[str, Any]
    kind: str
    item: str
    seq: int
    held: Record | None


class Again:
    """The entries of one channel's log for one answer, each decided when it is asked for."""

    def __init__(self, store: Store, releaser: Releaser, partner: Partner, state: OutState, now_ms: int) -> None:
        self._store = store
        self._releaser = releaser
        self._partner = partner
        self._state = state
        self._now_ms = now_ms
        self._page: dict[int, Written] = {}

    def entry(self, index: int, *, releasing: bool) -> tuple[bytes, bytes]:
        """Return header and body of an entry; the body is empty where it may not be handed over now, a record's also while nothing is released.

        Raises:
            RecordError: the body can no longer be rebuilt to its digest.
        """
        if index not in self._page:
            with self._store.view() as db:
                self._page = page(db, self._state, index)
        written = self._page[index]
        if written.kind == "record":
            return written.header, self.record_body(written) if releasing else b""
        return written.header, self._other_body(written)

    def record_body(self, written: Written) -> bytes:
        """Return the body of a record's entry, after a fresh decision; empty where it is now denied."""
        held = written.held
        if held is None:
            return b""
        names = frozenset(written.meta["names"])
        ruling = self._releaser.rule(held, self._partner.party, self._now_ms, **noting.as_sequenced(written.header))
        return held.bytes(names) if ruling.permit and names <= ruling.names else b""

    def _other_body(self, written: Written) -> bytes:
        meta, item = written.meta, written.item
        if written.kind in {"instrument", "notice"}:
            held = facts.load_record(self._store, item)
            names = meta["names"] if written.kind == "notice" else None
            return held.bytes(names) if held is not None else b""
        if written.kind == "act" and meta.get("queued"):  # it stands in place of a notice
            return outgoing.retraction(self._store, self._state.channel, meta["acts"][0][1])
        return facts.body_at(self._store, int(item) if item else written.seq) or b""


def page(db: Db, state: OutState, first: int) -> dict[int, Written]:
    """Return a page of a channel's entries from an index on, by index."""
    span = (state.channel, state.epoch, first, first + PAGE)
    held = _held(db, span)
    rows = db.execute(
        "SELECT l.idx, l.kind, l.record_id, l.seq, e.header FROM leaf_out l JOIN journal_entry e ON e.seq = l.seq"
        " WHERE l.channel = ? AND l.epoch = ? AND l.idx >= ? AND l.idx < ?",
        span,
    )
    found: dict[int, Written] = {}
    for index, kind, item, seq, header in rows:
        meta = msgspec.json.decode(header)["meta"]
        found[index] = Written(meta["header"].encode(), meta, kind, item, seq, held.get(index))
    return found


def _held(db: Db, span: Sequence[Any]) -> dict[int, Record]:
    """Return the records of some entries that were neither retracted nor recalled nor destroyed, with every disclosure of every holding, by index."""
    rows = db.execute(
        "SELECT l.idx, l.record_id, b.body FROM leaf_out l JOIN record r ON r.seq = l.record"
        " JOIN holding h ON h.record = r.seq JOIN journal_body b ON b.seq = h.seq"
        " WHERE l.channel = ? AND l.epoch = ? AND l.idx >= ? AND l.idx < ? AND l.kind = 'record' AND b.body IS NOT NULL"
        f" AND r.standing NOT IN {outgoing.WITHDRAWN}",
        span,
    )
    came: dict[int, list[tuple[str, bytes]]] = {}
    for index, record_id, body in rows:
        came.setdefault(index, []).append((record_id, body))
    found: dict[int, Record] = {}
    for index, showings in came.items():
        record_id, body = showings[0]
        held = parse(body) if len(showings) == 1 else held_whole(db, record_id)
        if held is not None:
            found[index] = held
    return found
