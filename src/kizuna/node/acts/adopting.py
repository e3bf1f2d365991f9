"""A restored writer takes back its own entries from their reader before it signs anything new.

Each page is verified against our own signature and committed by itself, so that a power loss in between costs nothing: the node finds out again how
far it is, and goes on. What the reader cannot give back is given up by opening a new epoch, which is `kizuna.node.channel.serving`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kizuna.errors import ForkError, KizunaError, RecordError, SignatureError
from kizuna.kernel import record, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import Shown
from kizuna.kernel.channel.returned import Back, check_returned, holds_no_more
from kizuna.kernel.channel.writer import NO_RECEIPT
from kizuna.kernel.journal import Entry
from kizuna.kernel.merkle import Tree
from kizuna.node import effects as fx
from kizuna.node.acts.desk import Desk, Offer, acted_entries, record_entry
from kizuna.node.channel import outgoing
from kizuna.node.channel.outgoing import OutState
from kizuna.node.channel.serving import Serving, given_back_entry
from kizuna.node.channel.world import Failed, World, fault
from kizuna.node.effects import Effect, Mark, Reply
from kizuna.node.held import facts
from kizuna.node.held.facts import Partner
from kizuna.node.held.noting import NOTICE_TYPES
from kizuna.node.held.parsed import remember

_ACTOR = "system:adopting"
_WHY = "taken back from a partner after a restore"

Then = Callable[[int], list[Effect]]


@dataclass
class _Page:
    """One page on its way into the journal: the channel's log before and after it."""

    state: OutState
    epoch: int
    tree: Tree
    back: Back


class Adopting:
    """The writer's recovery of its own entries; `settled` is called once records or acts came home."""

    def __init__(self, world: World, serving: Serving, desk: Desk, settled: Callable[[int], list[Effect]]) -> None:
        self._world = world
        self._serving = serving
        self._desk = desk
        self._settled = settled

    def on_returned(
        self, partner: Partner, head: wire.Returned, parts: list[bytes], reply_to: int, now_ms: int
    ) -> list[Effect]:
        """Return the effects of what a reader gives back over the wire: the answer asks for the next page, or for a pull."""
        state = self._world.out_channel(partner.node)
        if state.stopped or self._serving.is_busy(state.channel):
            return [fault(reply_to, "TooManyRequests", "not now: pull again later")]
        if (head.epoch, head.start) < (state.epoch, state.tree.size):  # a network may deliver twice: that is no lie
            return [fault(reply_to, "NetworkError", "that was taken back before: pull again")]

        def then(_now_ms: int) -> list[Effect]:
            if head.end < head.held:
                return [Reply(reply_to, self._serving.return_bytes(state, head.epoch))]
            return [fault(reply_to, "NetworkError", "all that came is taken back: pull again")]

        try:
            return self.adopt(
                partner, head, parts, now_ms, then, lambda error: [fault(reply_to, "ServerError", str(error))]
            )
        except (ForkError, RecordError, SignatureError) as error:
            return [fault(reply_to, "BadRequest", str(error)), *self.refused(state, error, now_ms)]

    def refused(self, state: OutState, error: KizunaError, now_ms: int) -> list[Effect]:
        """Return the effects of something that came back and is not ours: a person is told, and it is not asked for again."""
        self._serving.give_up(state.channel)
        sentence = f"`{state.channel}` cannot be taken back from its reader: {error}"
        return self._world.alarm("not-taken-back", state.channel, sentence, now_ms, stop=False)

    def adopt(
        self, partner: Partner, head: wire.Returned, parts: Sequence[bytes], now_ms: int, then: Then, failed: Failed
    ) -> list[Effect]:
        """Verify a page and commit it; `then` follows once it is durable.

        Raises:
            RecordError: it does not fit what is missing, or is malformed.
            SignatureError: a record in it bears no signature of ours.
            ForkError: it is not in the log that this node signed.
        """
        state = self._world.out_channel(partner.node)
        if head.epoch < state.epoch:
            raise RecordError(f"what came back is of epoch `{head.epoch}`, the log is at `{state.epoch}`")
        if holds_no_more(state.epoch, state.tree, head, parts):
            given_back = given_back_entry(state.channel, state.epoch, state.tree.size, now_ms)
            return [self._world.commit([given_back], lambda _seqs, later_ms: then(later_ms), failed)]
        tree = state.tree
        if head.epoch != state.epoch:
            tree = Tree(read=outgoing.leaves(self._world.store, state.channel, head.epoch))
        back, grown = check_returned(state.channel, tree, head, parts, self._world.own_keys(sign.Purpose.CHECKPOINT))
        page = _Page(state, head.epoch, grown, back)
        entries = self._entries(page, now_ms)
        blobs = tuple(blob for shown in back.blobs for blob in shown if blob)
        self._serving.lock(state.channel)

        def done(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            _settle(page)
            effects = then(later_ms)
            if back.entries:
                effects += self._settled(later_ms)
            return effects + self._serving.unlock(state.channel, later_ms)

        def undone(error: KizunaError) -> list[Effect]:
            self._serving.forget(state.channel)
            return failed(error) + self._serving.unlock(state.channel, now_ms)

        return [self._world.commit(entries, done, undone, blobs=blobs, marks=self._marks(page))]

    def _marks(self, page: _Page) -> tuple[Mark, ...]:
        """Return the mark that our own checkpoint calls for, where the one outside the data is lost or behind."""
        signed, mark = page.back.checkpoint, self._world.high_water(page.state.channel)
        if mark is not None and (mark.epoch, mark.size) >= (page.epoch, signed.size):
            return ()
        return (Mark(page.state.channel, page.epoch, signed.size, signed.root),)

    def _entries(self, page: _Page, now_ms: int) -> list[Entry]:
        back, channel = page.back, page.state.channel
        entries: list[Entry] = []
        fresh: dict[str, record.Record] = {}
        for shown in back.entries:
            entries += self._adopted(channel, shown, fresh, now_ms)
        if back.entries and page.tree.size == back.checkpoint.size:
            meta = {
                "channel": channel,
                "epoch": page.epoch,
                "no_receipt": NO_RECEIPT,
                "root": back.checkpoint.root.hex(),
                "size": page.tree.size,
            }
            entries.append(Entry(kind="checkpoint", at_ms=now_ms, meta=meta, body=back.note))
        if back.whole:
            entries.append(given_back_entry(channel, page.epoch, page.tree.size, now_ms))
        return entries

    def _adopted(self, channel: str, shown: Shown, fresh: dict[str, record.Record], now_ms: int) -> list[Entry]:
        """Return the journal entries of one entry that came back: what it carried, where that is lost here too, then its leaf."""
        header, body = shown.header, shown.body
        if not body:
            return [outgoing.released_entry(shown.header_bytes, now_ms, "", (), [])]
        if header.kind in {"instrument", "notice", "record"}:
            held = record.read(body)
            entries = self._record(channel, held, fresh, now_ms)
            entries += self._withdrawn(channel, shown, held.id, now_ms)
            names = tuple(sorted(held.disclosed)) if header.kind != "instrument" else ()
            return [*entries, outgoing.released_entry(shown.header_bytes, now_ms, held.id, names, [])]
        item = self._own_item(channel, header.kind, body)
        acts = [[act, target] for act, target, _ in outgoing.acts_of(body)] if header.kind == "act" else []
        said = outgoing.keys_said(body, known=True) if header.kind == "keys" else []
        entries = [] if item else self._lost_acts(channel, acts, now_ms)
        kept = None if item else body
        leaf = outgoing.released_entry(shown.header_bytes, now_ms, item, (), acts, kept, keys_said=said)
        return [*entries, leaf]

    def _record(self, channel: str, held: record.Record, fresh: dict[str, record.Record], now_ms: int) -> list[Entry]:
        """Return the entry of a record that this node lost, or of which it lost a part; none where it is whole, or was erased."""
        if held.clear.issuer != self._world.identity.party:
            return []  # what was passed on is its originator's to give again
        public = self._world.own_record_keys().get(held.clear.key)
        if public is None:
            raise SignatureError(f"record `{held.id[:16]}` that came back is not signed by a key of ours")
        record.verify(held, public)
        known = fresh.get(held.id) or facts.load_record(self._world.store, held.id)
        rows = self._world.store.query("SELECT 1 FROM record WHERE id = ?", (held.id,))
        if (known is None and rows) or (known is not None and held.disclosed.keys() <= known.disclosed.keys()):
            return []
        whole = held if known is None else record.merge(known, held)
        fresh[held.id] = whole
        remember(whole.bytes(), whole)
        offer = Offer([], [], []) if held.clear.type in NOTICE_TYPES else self._desk.offer(whole, now_ms)
        offer.due[:] = [row for row in offer.due if row[0] != channel]
        return [record_entry(whole, offer, now_ms)]

    def _withdrawn(self, channel: str, shown: Shown, record_id: str, now_ms: int) -> list[Entry]:
        """Return what tells a reader of an act that was done here before it was known again that the reader holds the record."""
        rows = self._world.store.query("SELECT standing FROM record WHERE id = ? AND own = 1", (record_id,))
        if not rows or rows[0][0] not in wire.ACTS:
            return []
        places = {channel: [(shown.header.epoch, shown.header.index)]}
        return acted_entries(fx.Act(record_id, rows[0][0], _WHY, _ACTOR), places, now_ms)

    def _own_item(self, channel: str, kind: str, body: bytes) -> str:
        """Return the outbox item of this very body, which the backup still has as not yet shown; empty where there is none."""
        rows = self._world.store.query(
            "SELECT o.item, b.body FROM outbox o JOIN journal_body b ON CAST(b.seq AS TEXT) = o.item"
            " WHERE o.channel = ? AND o.kind = ? ORDER BY o.seq",
            (channel, kind),
        )
        return next((str(item) for item, data in rows if data is not None and bytes(data) == body), "")

    def _lost_acts(self, channel: str, acts: list[list[str]], now_ms: int) -> list[Entry]:
        """Return the entries of acts that are lost here: the record's standing, and what its other holders are to be told."""
        entries: list[Entry] = []
        for act, record_id in acts:
            told = {
                str(name)
                for (name,) in self._world.store.query(
                    "SELECT channel FROM act WHERE record_id = ? AND act = ?", (record_id, act)
                )
            }
            if "" not in told:
                holders = outgoing.holders(self._world.store, record_id)
                others = {name: places for name, places in holders.items() if name not in told | {channel}}
                entries += acted_entries(fx.Act(record_id, act, _WHY, _ACTOR), others, now_ms)
        return entries


def _settle(page: _Page) -> None:
    """Bring memory up to what was just committed."""
    state, back = page.state, page.back
    if page.epoch != state.epoch:
        state.epoch = page.epoch
        state.receipted, state.receipt, state.receipt_sha256 = 0, b"", NO_RECEIPT
        state.note = b""
    state.tree = page.tree
    state.bodies.clear()
    state.bare.clear()
    if back.entries:
        last = back.entries[-1].header
        state.released_at_ms = last.released_at_ms
        state.said = (last.receipted_epoch, last.receipted)
        if page.tree.size == back.checkpoint.size:
            state.note = back.note
