"""Asking partners: pulls, the answers, the blobs that they show, and the receipt for each.

While one answer is judged and committed the next pull is already on its way, so that both nodes work at once; a receipt is handed over only once
its commit is durable. An answer that breaks the log stops the channel and tells security.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from kizuna.errors import ChannelError, ForkError, RecordError, SignatureError
from kizuna.kernel import canonical, keys, note, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import Accepted, ReaderState, check_answer, origin
from kizuna.kernel.channel.writer import NO_RECEIPT
from kizuna.kernel.domain import BlobCheck
from kizuna.kernel.journal import Entry
from kizuna.kernel.merkle import CompactRange
from kizuna.node.channel import incoming
from kizuna.node.channel.answers import (
    After,
    ahead_of,
    base_after,
    check_epoch_entry,
    keyset_entry,
    next_epoch,
    progress_entry,
    revoked_entry,
    split_at_rules,
)
from kizuna.node.channel.incoming import Arrival, InState
from kizuna.node.channel.returning import Returning
from kizuna.node.channel.world import World
from kizuna.node.effects import Effect, Send
from kizuna.node.held import facts, receipting
from kizuna.node.held.facts import Partner

BLOBS_AT_ONCE = 256
MAX_RECEIPTS = 256

Arrived = Callable[[Partner, Arrival, int], list[Effect]]


@dataclass
class Line:
    """The traffic with one partner as its reader: what is on its way, and when to ask again."""

    asked: wire.Pull | None = None
    ahead: ReaderState | None = None
    """Where the answers that are still being judged will have brought us; None when none are."""
    returning: bool = False
    """Whether entries of the partner's own are on their way back to it."""
    blobs: tuple[tuple[int, int], ...] = ()
    waiting: Arrival | None = None
    working: bool = False
    backlog: deque[tuple[int, wire.Answer, list[bytes]]] = field(default_factory=deque)
    """Answers that wait, each after the epoch that was asked for."""
    rest: tuple[ReaderState, wire.Answer, Accepted] | None = None
    """What of an answer is judged only once the keys or agreements before it are in force here."""
    asked_at_ms: int = 0
    next_at_ms: int = 0
    failures: int = 0
    examined: int = 0
    """The version of the rules under which the quarantine was last looked at."""


class Pulling:
    """The reader's side of every channel of this node. `arrived` is called after each commit that brought entries."""

    def __init__(self, world: World, arrived: Arrived) -> None:
        self._world = world
        self._arrived = arrived
        self._lines: dict[str, Line] = {}
        self._returning = Returning(world)
        self.checks: Mapping[str, BlobCheck | None] = {
            name: domain.blob_checks.get(kind) for domain in world.domains for name, kind in domain.records.items()
        }

    def _line(self, node: str) -> Line:
        return self._lines.setdefault(node, Line())

    # --- asking --------------------------------------------------------------------------------------------------------------------

    def due(self, now_ms: int) -> list[Effect]:
        """Return a pull for each partner that can be asked and is not being asked."""
        effects: list[Effect] = []
        for node in self._lines.keys() - self._world.partners.keys():
            del self._lines[node]  # removed; whatever it answers is passed over
        for node, partner in self._world.partners.items():
            line = self._line(node)
            under_way = line.working or line.returning
            idle = line.asked is None and not under_way and line.waiting is None and not line.blobs
            if idle and line.examined != self._world.rules_version:
                line.examined = self._world.rules_version
                again = self._reexamine(partner, line, now_ms)
                effects += again
                idle = not again
            # A moment further away than we ever wait was set by a clock that has been set back since.
            waits = now_ms < line.next_at_ms <= now_ms + self._world.limits.retry_most_ms
            if partner.address and idle and not waits and not self._world.in_channel(node).stopped:
                effects.append(self._pull(node, line, now_ms))
        return effects

    def _pull(self, node: str, line: Line, now_ms: int) -> Effect:
        state = self._world.in_channel(node)
        reader = line.ahead or state.reader
        limits = self._world.limits
        line.asked = wire.Pull(
            channel=reader.channel,
            epoch=reader.epoch,
            max_bytes=limits.pull_bytes,
            max_entries=limits.pull_entries,
            receipt_sha256=state.receipt_sha256,
            seen=reader.seen_size,
            start=reader.size,
            wait_ms=limits.wait_ms,
        )
        line.asked_at_ms = now_ms
        return Send(node, wire.pack_message(line.asked, [state.note, *state.unconfirmed[:MAX_RECEIPTS]]))

    def on_unreachable(self, node: str, now_ms: int) -> list[Effect]:
        """Wait longer after each failure."""
        line = self._line(node)
        line.failures += 1
        limits = self._world.limits
        line.next_at_ms = now_ms + min(limits.retry_ms * 2 ** min(line.failures, 8), limits.retry_most_ms)
        line.asked = None
        line.returning = False
        line.blobs = ()
        if line.waiting is not None:
            line.waiting = None  # its answer is asked for again
            self._drop(line)
        return []

    def hold(self, node: str) -> None:
        """Keep the wire from reading a channel while a bundle is taken in; what answers meanwhile is judged after.

        Raises:
            ChannelError: an answer is being taken in.
        """
        line = self._line(node)
        if line.working or line.waiting is not None:
            raise ChannelError(f"entries of `{node}` are just coming over the wire: try again")
        line.working = True

    def let_go(self, node: str) -> None:
        """Read over the wire again, from where the bundle has led."""
        self._drop(self._line(node))

    def _drop(self, line: Line) -> None:
        line.ahead = None
        line.working = False
        line.rest = None
        line.backlog.clear()

    # --- answers -------------------------------------------------------------------------------------------------------------------

    def on_answer(self, partner: Partner, head: wire.Answer, parts: list[bytes], now_ms: int) -> list[Effect]:
        """Return the effects of a partner's answer."""
        line = self._line(partner.node)
        asked = line.asked
        if asked is None:
            return self.on_unreachable(partner.node, now_ms) if line.blobs else []
        if head.receipt_sha256 == asked.receipt_sha256:
            self._world.in_channel(partner.node).confirmed(head.receipt_sha256)
        line.asked = None
        line.failures = 0
        if line.working or line.waiting is not None:
            line.backlog.append((asked.epoch, head, parts))
            return []
        return self._take(partner, line, asked.epoch, head, parts, now_ms)

    def on_return(self, partner: Partner, head: wire.Return, now_ms: int) -> list[Effect]:
        """Give a restored writer back what it asks for instead of answering; where that cannot be, ask it again later."""
        line = self._line(partner.node)
        if line.asked is None and not line.returning:
            return []
        given = self._returning.returned(partner, head)
        if given is None:
            return self.on_unreachable(partner.node, now_ms)
        line.asked = None
        line.returning = True
        return [Send(partner.node, wire.pack_message(*given))]

    def on_fault(self, partner: Partner, head: wire.Fault, now_ms: int) -> list[Effect]:
        """Wait after a request that was not served; `NetworkError` says that another copy of the pull took its place: ask anew."""
        line = self._line(partner.node)
        if head.code == "NetworkError" and not line.blobs:
            line.asked = None
            line.returning = False
            line.next_at_ms = now_ms + self._world.limits.retry_ms
            return []
        return self.on_unreachable(partner.node, now_ms)

    def _take(
        self, partner: Partner, line: Line, asked: int, head: wire.Answer, parts: list[bytes], now_ms: int
    ) -> list[Effect]:
        state = self._world.in_channel(partner.node)
        if state.stopped:
            return []
        base = line.ahead or state.reader
        try:
            base = self._same_or_next_epoch(base, asked, head)
            name = origin(base.channel, head.epoch)
            public = partner.noted(sign.Purpose.CHECKPOINT, parts[0] if parts else b"", name)
            accepted = check_answer(base, head, parts, public)
            if head.epoch != state.reader.epoch:
                check_epoch_entry(accepted, state.reader)
            adopted = self._own_receipt(state, head, parts[1], now_ms)
        except ForkError as error:
            self._drop(line)
            evidence = parts[0] if parts else b""
            return self._world.alarm("fork", state.reader.channel, str(error), now_ms, stop=True, evidence=evidence)
        except (RecordError, SignatureError):
            self._drop(line)
            return self.on_unreachable(partner.node, now_ms)
        if self._world.clock_in_doubt and incoming.from_the_future(accepted, now_ms):
            self._drop(
                line
            )  # the wrong clock may be ours, and an entry that is refused for its time is refused for good
            return self.on_unreachable(partner.node, now_ms)
        line.ahead = ahead_of(base, accepted, head.epoch)
        effects = [adopted] if adopted is not None else []
        if head.more and accepted.entries:
            effects.append(self._pull(partner.node, line, now_ms))
        line.working = True
        later = self._world.commit(
            (),
            lambda _seqs, later_ms: self._judge(partner, line, base, head, accepted, later_ms),
            lambda _error: self._failed(state, line),
        )
        return [*effects, later]

    def _same_or_next_epoch(self, base: ReaderState, asked: int, head: wire.Answer) -> ReaderState:
        if head.epoch < asked:
            raise ForkError(f"`{base.channel}` went back to epoch `{head.epoch}`")
        if head.epoch == base.epoch:
            return base
        if head.epoch < base.epoch or head.start != 0:  # it came too late, or something else is held by now
            raise RecordError(f"answer of epoch `{head.epoch}` does not fit `{base.channel}` at epoch `{base.epoch}`")
        return next_epoch(base, head.epoch)

    def _own_receipt(self, state: InState, head: wire.Answer, data: bytes, now_ms: int) -> Effect | None:
        """Adopt the newest receipt that this node itself signed: after a restore from a backup it goes on from there."""
        if head.epoch != state.reader.epoch:
            return None
        if self.note_held_receipt(state, head):
            return self._signed_anew(state, head, now_ms)
        if not data:
            return None
        receipt, reader = self._own(data), state.reader
        if (receipt.channel, receipt.epoch) != (reader.channel, head.epoch):
            return None
        chain = [data]
        if receipt.size < reader.size:  # it came to the writer beside those that this node has signed since its restore
            chain.append(self._since(state, receipt, data, now_ms))
        state.unconfirmed.clear()
        for each in chain:
            state.sign_off(each)
        del state.unconfirmed[0]
        return self._keep_receipts(state, head.epoch, chain, now_ms)

    def _signed_anew(self, state: InState, head: wire.Answer, now_ms: int) -> Effect | None:
        """Sign one receipt in place of those that the writer does not hold, where a key under them has been revoked since; usually none."""
        revoked = self._world.told_revoked(sign.Purpose.RECEIPT, state.node)
        if not any(sign.read_envelope(data).key_id in revoked for data in state.unconfirmed):
            return None
        last = msgspec.structs.replace(self._own(state.unconfirmed[0]), size=0)
        held = receipting.receipt_of_digest(self._world.store, state.reader.channel, head.receipt_sha256)
        made = self._since(state, self._own(held) if held else last, held, now_ms)
        state.unconfirmed.clear()
        state.sign_off(made)
        return self._keep_receipts(state, head.epoch, [made], now_ms)

    def _since(self, state: InState, last: wire.Receipt, previous: bytes, now_ms: int) -> bytes:
        """Return the signed receipt that goes on from `last`, whose bytes are `previous`, up to all that is held."""
        reader = state.reader
        root = CompactRange.from_bytes(reader.frontier).root()
        since = receipting.receipt_since(self._world.store, last, previous, reader.size, root, now_ms)
        return wire.sign_receipt(since, self._world.sign_key(sign.Purpose.RECEIPT, state.node))

    def _keep_receipts(self, state: InState, epoch: int, signed: Sequence[bytes], now_ms: int) -> Effect:
        entries = [incoming.receipt_entry(state, epoch, each, now_ms) for each in signed]
        line = self._line(state.node)
        return self._world.commit(entries, lambda _seqs, _now_ms: [], lambda _error: self._failed(state, line))

    def note_held_receipt(self, state: InState, head: wire.Answer) -> bool:
        """Learn which receipt the writer holds, and keep those after it to be sent; return False where that one is unknown here."""
        if head.receipt_sha256 == state.receipt_sha256:
            state.unconfirmed.clear()
            return True
        if state.confirmed(head.receipt_sha256):
            return True
        later = receipting.receipts_after(self._world.store, state.reader.channel, head.epoch, head.receipt_sha256)
        if later is None:
            return False
        state.unconfirmed = later
        return True

    def _judge(
        self, partner: Partner, line: Line, base: ReaderState, head: wire.Answer, accepted: Accepted, now_ms: int
    ) -> list[Effect]:
        now_partner = self._world.partners.get(partner.node)
        if now_partner is None:
            self._drop(line)
            return []
        partner = now_partner  # what came before may have brought new keys
        first, rest = split_at_rules(base, accepted)
        state = self._world.in_channel(partner.node)
        judge = self.judge(partner, state, base)
        arrival = incoming.arrival(judge, first, self._world.blobs, now_ms)
        if rest is not None:
            line.rest = (base_after(base, first, arrival.floor), head, rest)
        line.working = False
        if arrival.missing:
            line.waiting = arrival
            return [self._ask_blobs(partner, line, arrival, head.epoch)]
        return self._commit(partner, line, arrival, now_ms)

    def judge(self, partner: Partner, state: InState, base: ReaderState) -> incoming.Judge:
        """Return the judge of the entries that follow `base`."""
        judged = replace(state, reader=base)
        out = self._world.out_channel(partner.node)
        quota = self._world.limits.quarantine_bytes
        written = (out.epoch, out.tree.size)
        issuers = self._world.issuers

        def check_unshared(keyset: keys.KeySet) -> None:
            others = self._world.partners.values()
            facts.check_unshared(canonical.b64(partner.root), keyset, self._world.identity, others)

        world = self._world
        return incoming.Judge(world.store, world.releaser, partner, judged, quota, written, issuers, check_unshared)

    # --- blobs ---------------------------------------------------------------------------------------------------------------------

    def _ask_blobs(self, partner: Partner, line: Line, arrival: Arrival, epoch: int) -> Effect:
        line.blobs = tuple(sorted(arrival.missing))[:BLOBS_AT_ONCE]
        channel = self._world.in_channel(partner.node).reader.channel
        return Send(partner.node, wire.pack_message(wire.BlobPull(channel=channel, epoch=epoch, items=line.blobs), []))

    def on_blobs(self, partner: Partner, head: wire.BlobAnswer, parts: list[bytes], now_ms: int) -> list[Effect]:
        """Return the effects of blobs that came."""
        line = self._line(partner.node)
        arrival, asked = line.waiting, line.blobs
        line.blobs = ()
        if arrival is None or not parts or len(parts) > len(asked) or head.count != len(parts):
            return self.on_unreachable(partner.node, now_ms)
        incoming.take_blobs(arrival, asked[: len(parts)], parts, self.checks)
        if arrival.missing:
            epoch = arrival.verdicts[0].shown.header.epoch
            return [self._ask_blobs(partner, line, arrival, epoch)]
        line.waiting = None
        return self._commit(partner, line, arrival, now_ms)

    # --- the commit ----------------------------------------------------------------------------------------------------------------

    def _commit(self, partner: Partner, line: Line, arrival: Arrival, now_ms: int) -> list[Effect]:
        state = self._world.in_channel(partner.node)
        entries, after = self.entries(state, arrival, now_ms)
        if not arrival.verdicts:  # an answer that brings nothing is not asked for again at once
            line.next_at_ms = max(line.next_at_ms, line.asked_at_ms + self._world.limits.retry_ms)
        if not entries:
            return self._next(partner, line, now_ms)
        line.working = True

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            self.settle(state, after)
            line.working = False
            return self._arrived(partner, arrival, later_ms) + self._next(partner, line, later_ms)

        blobs = tuple(arrival.fetched.values())
        return [self._world.commit(entries, then, lambda _error: self._failed(state, line), blobs=blobs)]

    def entries(self, state: InState, arrival: Arrival, now_ms: int) -> tuple[list[Entry], After | None]:
        """Return the journal entries of an arrival with its receipt, and what memory holds once they are durable; none where nothing is new."""
        accepted = arrival.accepted
        verdicts = arrival.verdicts
        if not verdicts and accepted.checkpoint.size == state.reader.seen_size and state.note:
            return [], None
        entries = [incoming.received_entry(verdict, now_ms) for verdict in verdicts]
        entries += [keyset_entry(state.node, verdict.keyset, now_ms) for verdict in verdicts if verdict.keyset]
        entries += [revoked_entry(state.node, verdict.revoked, now_ms) for verdict in verdicts if verdict.revoked]
        epoch = int(accepted.checkpoint.origin.rpartition("/")[2])
        size = verdicts[-1].shown.header.index + 1 if verdicts else state.reader.size
        reader = ReaderState(
            channel=state.reader.channel,
            epoch=epoch,
            size=size,
            frontier=accepted.frontier,
            seen_size=accepted.checkpoint.size,
            seen_root=accepted.checkpoint.root,
            released_at_ms=arrival.floor.released_at_ms,
            receipted_epoch=arrival.floor.receipted_epoch,
            receipted=arrival.floor.receipted,
        )
        entries.append(progress_entry(reader, accepted, now_ms))
        receipt = self._receipt(state, arrival, reader, now_ms)
        if receipt is not None:
            entries.append(incoming.receipt_entry(state, reader.epoch, receipt, now_ms))
        return entries, After(reader, self._cosigned(reader, accepted, now_ms), receipt, arrival)

    def _cosigned(self, reader: ReaderState, accepted: Accepted, now_ms: int) -> bytes:
        """Return the partner's checkpoint with this node's cosignature, once all that it covers is held (C2SP tlog-cosignature)."""
        if reader.size != accepted.checkpoint.size:
            return accepted.note
        node = wire.ends_of(accepted.checkpoint.origin)[0]
        key = self._world.sign_key(sign.Purpose.RECEIPT, node)
        return note.cosign(note.parse_note(accepted.note), self._world.identity.node, key, now_ms // 1000).to_bytes()

    def _receipt(self, state: InState, arrival: Arrival, reader: ReaderState, now_ms: int) -> bytes | None:
        if reader.epoch != state.reader.epoch:
            state = replace(state, receipt=b"", receipt_sha256=NO_RECEIPT)
        if state.receipt:
            last = self._own(state.receipt)
            if reader.size <= last.size:
                return None  # receipted already, before this node was restored from a backup
            arrival = replace(arrival, verdicts=[v for v in arrival.verdicts if v.shown.header.index >= last.size])
        elif not arrival.verdicts:
            return None
        receipt = incoming.receipt_of(arrival, state, reader.size, arrival.accepted.root, now_ms)
        return wire.sign_receipt(receipt, self._world.sign_key(sign.Purpose.RECEIPT, state.node))

    def _own(self, data: bytes) -> wire.Receipt:
        """Return a receipt that this node signed, whichever of its keys it used."""
        key_id = sign.read_envelope(data).key_id
        return wire.open_receipt(data, self._world.own_signer(sign.Purpose.RECEIPT, key_id))

    def settle(self, state: InState, after: After | None) -> None:
        """Bring memory up to what was just committed."""
        if after is None:
            return
        if after.reader.epoch != state.reader.epoch:
            state.receipt, state.receipt_sha256 = b"", NO_RECEIPT
            state.unconfirmed.clear()
        state.reader = after.reader
        state.note = after.note
        state.quarantined += sum(len(v.shown.body) for v in after.arrival.verdicts if v.code in wire.CURABLE)
        if after.receipt is not None:
            state.sign_off(after.receipt)

    # --- what stands in quarantine ---------------------------------------------------------------------------------------------------

    def _reexamine(self, partner: Partner, line: Line, now_ms: int) -> list[Effect]:
        """Judge again what new keys or agreements may have cured; each entry that is let in is journalled and receipted as cured."""
        state = self._world.in_channel(partner.node)
        if not state.quarantined or state.stopped:
            return []
        judge = self.judge(partner, state, state.reader)
        waiting = incoming.quarantined(self._world.store, state)
        judge.prepare(waiting)
        verdicts = [judge.again(shown) for shown in waiting]
        cured = [v for v in verdicts if not v.code and all(self._world.blobs.has(sha256) for sha256, _ in v.blobs)]
        if not cured:
            return []
        root = CompactRange.from_bytes(state.reader.frontier).root()
        empty = Arrival(Accepted((), note.Checkpoint("", 0, root), b"", b"", root), [], judge.floor)
        receipt = incoming.receipt_of(empty, state, state.reader.size, root, now_ms)
        receipt = msgspec.structs.replace(receipt, cured=tuple(v.shown.header.index for v in cured))
        data = wire.sign_receipt(receipt, self._world.sign_key(sign.Purpose.RECEIPT, state.node))
        entries = [incoming.received_entry(verdict, now_ms, again=True) for verdict in cured]
        entries.append(incoming.receipt_entry(state, state.reader.epoch, data, now_ms))
        line.working = True

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            line.working = False
            state.sign_off(data)
            state.quarantined -= sum(len(v.shown.body) for v in cured)
            return self._arrived(partner, replace(empty, verdicts=cured), later_ms) + self.due(later_ms)

        return [self._world.commit(entries, then, lambda _error: self._failed(state, line))]

    def _failed(self, state: InState, line: Line) -> list[Effect]:
        """Go back to what the journal says after a commit that was not made, and ask again later."""
        self._drop(line)
        line.waiting = None
        line.next_at_ms += self._world.limits.retry_ms
        self._world.reload_in(state.reader.channel)
        return []

    def _next(self, partner: Partner, line: Line, now_ms: int) -> list[Effect]:
        if partner.node not in self._world.partners:
            self._drop(line)
            return []
        if line.rest is not None:
            base, rest_head, rest = line.rest
            line.rest = None
            return self._judge(partner, line, base, rest_head, rest, now_ms)
        if line.backlog:
            asked, head, parts = line.backlog.popleft()
            return self._take(partner, line, asked, head, parts, now_ms)
        if line.asked is None:
            line.ahead = None
        return self.due(now_ms)
