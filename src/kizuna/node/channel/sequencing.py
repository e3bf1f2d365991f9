"""One step of a channel's writer: what is due is decided anew, appended in lane order up to a budget, and signed.

The outbox is not in the log. Only when a partner asks, or a bundle is made, are due items decided and sequenced; so the reader's prefix is
always contiguous, an urgent item overtakes by being sequenced first, and what was suspended in the meantime leaves no hole. This module
prepares one such step as journal entries; the core commits and sends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from kizuna.errors import RecordError
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.writer import NO_RECEIPT
from kizuna.kernel.instrument import Obligations
from kizuna.kernel.intervals import FOREVER
from kizuna.kernel.journal import Entry, Store
from kizuna.node.channel import outgoing, telling
from kizuna.node.channel.outgoing import OutState
from kizuna.node.channel.releasing import Releaser, Ruling
from kizuna.node.effects import Mark
from kizuna.node.held import facts, noting
from kizuna.node.held.facts import Identity, Partner
from kizuna.node.held.parsed import parse
from kizuna.node.held.schema import NUMBER_OF

ASK_AGAIN_MS = 1_000
PAGE = 512
"""Outbox rows looked at a time."""
NO_OBLIGATIONS = Obligations()


@dataclass(frozen=True)
class Step:
    """One sequencing step: entries to commit, and what memory holds once they are."""

    entries: tuple[Entry, ...]
    bodies: dict[int, tuple[bytes, bytes]]
    note: bytes
    mark: Mark | None


class _Due(msgspec.Struct, frozen=True):
    """An outbox row: the item, for a record its whole body, and whether this channel has shown something of it before."""

    item: str
    kind: str
    body: bytes | None
    shown: bool


class _Made(msgspec.Struct, frozen=True):
    """An entry about to be appended; `queued` is the kind of the outbox row that it settles, where it is another than its own."""

    header: wire.EntryHeader
    body: bytes
    names: tuple[str, ...]
    acts: list[list[str]]
    keys: list[list[int]] = msgspec.field(default_factory=list)
    queued: str = ""


class Sequencer:
    """Decides and appends what is due on one channel, within a budget of entries and bytes."""

    def __init__(
        self,
        store: Store,
        releaser: Releaser,
        partner: Partner,
        state: OutState,
        reverse: tuple[int, int],
        speaking: Identity,
        withdrawn: frozenset[str] = frozenset(),
    ) -> None:
        self._store = store
        self._releaser = releaser
        self._partner = partner
        self._state = state
        self._reverse = reverse
        self._speaking = speaking
        self._withdrawn = withdrawn
        self._own_party = speaking.party
        self._told: set[str] = set()
        """Notices sequenced in the step under way."""

    def step(self, now_ms: int, max_entries: int, max_bytes: int, *, releasing: bool) -> Step:
        """Return the entries that sequence what is due; memory (the tree) already holds their leaves.

        `releasing` is false while releases are halted or the clock is in doubt: then only the channel's own kinds go.
        """
        entries: list[Entry] = []
        bodies: dict[int, tuple[bytes, bytes]] = {}
        size = 0
        for due in self._due(now_ms):
            if len(bodies) >= max_entries or size >= max_bytes:
                break
            if due.kind == "record" and (not releasing or due.item in self._withdrawn):
                continue
            for item, made in self._sequence(due, now_ms):
                try:
                    data, leaf = wire.encode_header(made.header)
                except RecordError as error:
                    entries.append(self._unsendable(due, str(error), now_ms))
                    break
                self._state.tree.append(leaf)
                entries.append(
                    outgoing.released_entry(
                        data, now_ms, item, made.names, made.acts, queued=made.queued, keys_said=made.keys
                    )
                )
                body = made.body
                bodies[made.header.index] = (data, body)
                size += len(data) + len(body)
        if not entries and self._state.note:
            return Step((), {}, self._state.note, None)
        return self._signed(entries, bodies, now_ms)

    def _unsendable(self, due: _Due, sentence: str, now_ms: int) -> Entry:
        """Pass over an item that no header can carry, and tell a person; it must not hold up the others."""
        self._state.denied[due.item] = FOREVER
        meta = {
            "channel": self._state.channel,
            "kind": "unsendable",
            "sentence": f"`{due.item}`: {sentence}",
            "stop": False,
        }
        return Entry(kind="alert", at_ms=now_ms, meta=meta)

    def _signed(self, entries: list[Entry], bodies: dict[int, tuple[bytes, bytes]], now_ms: int) -> Step:
        state = self._state
        root = state.tree.root()
        signed = outgoing.checkpoint_note((self._speaking,), state.channel, state.epoch, state.tree)
        meta = {
            "channel": state.channel,
            "epoch": state.epoch,
            "no_receipt": NO_RECEIPT,
            "root": root.hex(),
            "size": state.tree.size,
        }
        entries.append(Entry(kind="checkpoint", at_ms=now_ms, meta=meta, body=signed))
        return Step(tuple(entries), bodies, signed, Mark(state.channel, state.epoch, state.tree.size, root))

    def _due(self, now_ms: int) -> Iterator[_Due]:
        """Yield due items by lane and age, passing over those that were denied a moment ago."""
        denied = self._state.denied
        last = (-1, -1, "")
        while True:
            # Most items were queued by the very entry that brought their record: it is found by number, and this channel has not shown it.
            # COALESCE, so that SQLite looks there and not among the ids.
            rows = self._store.query(
                "SELECT o.item, o.kind, o.lane, o.seq, b.body, n.seq IS NULL AND"
                " EXISTS (SELECT 1 FROM leaf_out l WHERE l.record = r.seq AND l.channel = o.channel)"
                " FROM outbox o LEFT JOIN record n ON n.seq = o.seq AND COALESCE(n.id, '') = o.item"
                " LEFT JOIN record r ON r.seq = COALESCE(n.seq, (SELECT f.seq FROM record f WHERE f.id = o.item))"
                " LEFT JOIN journal_body b ON b.seq = r.seq"
                f" WHERE o.channel = ? AND o.not_before_ms <= ? AND (r.standing IS NULL OR r.standing NOT IN {outgoing.WITHDRAWN}) AND"
                " (o.lane > ? OR (o.lane = ? AND (o.seq > ? OR (o.seq = ? AND o.item > ?)))) ORDER BY o.lane, o.seq, o.item LIMIT ?",
                (self._state.channel, now_ms, last[0], last[0], last[1], last[1], last[2], PAGE),
            )
            for item, kind, _, _, body, shown in rows:
                if denied.get(item, 0) <= now_ms:
                    yield _Due(item, kind, None if body is None else bytes(body), bool(shown))
            if len(rows) < PAGE:
                return
            last = (rows[-1][2], rows[-1][3], rows[-1][0])

    def _sequence(self, due: _Due, now_ms: int) -> Iterator[tuple[str, _Made]]:
        """Yield the entries that a due item makes, each with its item: for a record, first the notices without which its reader must refuse it.

        What is yielded is in the tree before the next one is asked for.
        """
        if due.kind == "record":
            yield from self._record(due, now_ms)
            return
        if due.kind == "notice":
            yield from self._notice(due.item, now_ms)
            return
        body = self._own_body(due)
        if not body:
            return
        acts = [[act, target] for act, target, _ in outgoing.acts_of(body)] if due.kind == "act" else []
        said = outgoing.keys_said(body, known=False) if due.kind == "keys" else []
        if any(revoked and version >= self._speaking.public.version for version, revoked, _ in said):
            # Its reader must hold newer keys first: else the very checkpoint over the revocation would not count.
            self._state.denied[due.item] = now_ms + ASK_AGAIN_MS
            return
        yield due.item, _Made(self._header(due.kind, body, now_ms), body, (), acts, said)

    def _notice(self, record_id: str, now_ms: int) -> Iterator[tuple[str, _Made]]:
        """Yield a notice as this partner may see it; one that names a successor that the partner may not have, as a bare retraction."""
        held = facts.load_record(self._store, record_id)
        if held is None:
            return
        self._told.add(record_id)
        target = noting.target_of(held)
        if held.clear.type == noting.SUPERSEDED and not self._may_have(held.text("payload/successor"), now_ms):
            body = (
                outgoing.retraction(self._store, self._state.channel, target)
                if held.clear.issuer == self._own_party
                else b""
            )
            if body:
                acts = [["retract", target]]
                yield record_id, _Made(self._header("act", body, now_ms), body, (), acts, queued="notice")
                return
            names = noting.shown_to(held, self._partner.party, frozenset()) - {"payload/successor"}
        else:
            names = noting.shown_to(
                held,
                self._partner.party,
                telling.opened(self._store, self._releaser, self._partner.party, target, now_ms),
            )
        body = held.bytes(names)
        acts = [[word, target]] if (word := noting.WITHDRAWALS.get(held.clear.type)) else []
        header = self._header("notice", body, now_ms, type_=held.clear.type)
        yield record_id, _Made(header, body, tuple(sorted(names)), acts)

    def _may_have(self, record_id: str, now_ms: int) -> bool:
        if any(self._shown(record_id)):
            return True
        held = facts.load_record(self._store, record_id) if outgoing.stands(self._store, record_id) else None
        return held is not None and self._releaser.rule(held, self._partner.party, now_ms).permit

    def _own_body(self, due: _Due) -> bytes:
        """Return the body of an item of the channel's own kinds: the journal entry or the record that it names; empty where it was erased."""
        if due.kind == "instrument":
            return due.body or b""
        return facts.body_at(self._store, int(due.item)) or b""

    def _record(self, due: _Due, now_ms: int) -> Iterator[tuple[str, _Made]]:
        if due.body is None:
            return
        held = parse(due.body)
        if held.clear.issuer != self._own_party:  # what others have said may have come in several showings
            held = facts.load_record(self._store, due.item) or held
        shown, held_there = self._shown(due.item) if due.shown else (frozenset[str](), frozenset[str]())
        ruling = self._releaser.rule(held, self._partner.party, now_ms, shown)
        backfill = not ruling.permit and telling.backfilled(self._store, self._state.channel, due.item)
        if backfill:
            ruling = self._releaser.rule(held, self._partner.party, now_ms, shown, backfill=True)
        if not ruling.permit or ruling.names <= held_there:
            self._state.denied[due.item] = max(now_ms + 60_000, ruling.decision.not_before_ms)
            return
        consents = ruling.decision.consents
        for notice in telling.untold(self._store, self._releaser, self._state.channel, held.id, consents):
            if notice not in self._told:
                yield from self._notice(notice, now_ms)
        self._releaser.ledger.spend(consents)
        body = held.bytes(ruling.names)
        blobs = facts.blobs_of(held, ruling.names)
        header = self._header("record", body, now_ms, ruling, blobs, held.clear.type, backfill=backfill)
        yield due.item, _Made(header, body, tuple(sorted(ruling.names)), [])

    def _shown(self, record_id: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return the names of a record that this channel may have shown its reader, and those that the reader surely holds."""
        rows = self._store.query(
            "SELECT e.header, l.outcome FROM leaf_out l JOIN journal_entry e ON e.seq = l.seq"
            f" WHERE l.record = {NUMBER_OF} AND l.channel = ?",
            (record_id, self._state.channel),
        )
        shown: set[str] = set()
        held: set[str] = set()
        for header, outcome in rows:
            names = msgspec.json.decode(bytes(header))["meta"]["names"]
            shown.update(names)
            held.update(names if outcome not in {"lost", "stub"} else ())
        return frozenset(shown), frozenset(held)

    def _header(
        self,
        kind: str,
        body: bytes,
        now_ms: int,
        ruling: Ruling | None = None,
        blobs: tuple[tuple[str, int], ...] = (),
        type_: str = "",
        *,
        backfill: bool = False,
    ) -> wire.EntryHeader:
        decision = ruling.decision if ruling is not None else None
        receipted_epoch, receipted = self._state.receipting(self._reverse)
        if kind == "instrument":
            type_ = parse(body).clear.type
        return wire.EntryHeader(
            blobs=tuple(wire.Blob(sha256, size) for sha256, size in blobs),
            body_sha256=hashlib.sha256(body).hexdigest(),
            body_size=len(body),
            channel=self._state.channel,
            epoch=self._state.epoch,
            index=self._state.tree.size,
            instrument=decision.instrument if decision else "",
            instrument_sha256=decision.version if decision else "",
            kind=kind,
            label=decision.label if decision else (),
            obligations=decision.obligations if decision else NO_OBLIGATIONS,
            provision=decision.provision if decision else "",
            purpose=decision.purpose if decision else "",
            receipted=receipted,
            receipted_epoch=receipted_epoch,
            released_at_ms=self._state.stamp(now_ms),
            type=type_,
            backfill=True if backfill else UNSET,
            consents=decision.consents if decision and decision.consents else UNSET,
        )
