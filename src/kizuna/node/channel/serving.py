"""Answering a partner: pulls and blobs of the channel that this node writes for it.

One pull is one step: accept the receipt that came with it, sequence what is due, commit, answer. A pull that finds nothing waits here until
something is due or its time is up. A node that finds its own log behind what it once signed asks its reader for its entries back, and opens a new
epoch for what cannot be had.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kizuna.errors import ChannelError, ForkError, KizunaError, RecordError, SignatureError
from kizuna.kernel import canonical, note, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import origin
from kizuna.kernel.channel.writer import NO_RECEIPT, check_receipt
from kizuna.kernel.journal import Entry
from kizuna.kernel.merkle import Tree
from kizuna.node.channel import outgoing
from kizuna.node.channel.again import Again
from kizuna.node.channel.outgoing import OutState
from kizuna.node.channel.sequencing import NO_OBLIGATIONS, Step
from kizuna.node.channel.world import World, fault
from kizuna.node.effects import Effect, Mark, Reply
from kizuna.node.held import facts, noting
from kizuna.node.held.facts import Partner

MAX_BLOB_ITEMS = 256
MAX_RECEIPTS = 256
MOST_ASKED_BACK = 8
"""How often a reader is asked to give entries back before they are given up: it may not know how."""
MOST_SIGNATURES = 8
"""By so many of our key sets a checkpoint is signed for a reader that goes back."""
MOST_WAITING = 16
"""Pulls of one partner that wait for a commit; it has one on its way, and copies that the network made."""


@dataclass(frozen=True)
class Asked:
    """A pull as it came: who asks, what, the receipts and the newest checkpoint of ours that it holds, and where the answer goes."""

    partner: Partner
    pull: wire.Pull
    receipts: tuple[bytes, ...]
    seen: bytes
    reply_to: int
    until_ms: int


class Serving:
    """The writer's side of every channel of this node."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._busy: dict[str, deque[Asked]] = {}
        self._parked: dict[str, Asked] = {}
        self._asked_back: dict[str, int] = {}

    def on_pull(
        self, partner: Partner, pull: wire.Pull, parts: list[bytes], reply_to: int, now_ms: int
    ) -> list[Effect]:
        """Return the effects of a partner's pull."""
        state = self._world.out_channel(partner.node)
        if (
            pull.channel != state.channel
            or not 1 <= len(parts) <= MAX_RECEIPTS + 1
            or pull.start < 0
            or pull.seen < pull.start
        ):
            return [fault(reply_to, "EndPointNotFound", "no such channel for this node")]
        wait_ms = max(0, min(pull.wait_ms, self._world.limits.wait_ms))
        asked = Asked(partner, pull, tuple(parts[1:]), parts[0], reply_to, now_ms + wait_ms)
        waiting = self._busy.get(state.channel)
        if waiting is None:
            return self._serve(asked, now_ms)
        if len(waiting) >= MOST_WAITING:
            return [fault(reply_to, "TooManyRequests", "too many pulls at once: ask again later")]
        waiting.append(asked)
        return []

    def _serve(self, asked: Asked, now_ms: int) -> list[Effect]:
        if asked.partner.node not in self._world.partners:
            return [fault(asked.reply_to, "AuthenticationError", "not an enrolled partner")]
        state = self._world.out_channel(asked.partner.node)
        superseded = self._parked.pop(state.channel, None)
        effects = [] if superseded is None else [fault(superseded.reply_to, "NetworkError", "another pull came")]
        rests = self._rests(asked.pull, state)
        if rests:
            return [*effects, fault(asked.reply_to, "ServiceManagerError", rests)]
        entries: list[Entry] = []
        try:
            # Whether this log is behind comes first: a receipt for what a restore has lost is no fork.
            last = self._last_signed(asked, state)
            if last is not None and self._can_be_had(state, asked.pull):
                return [*effects, Reply(asked.reply_to, self.return_bytes(state, asked.pull.epoch))]
            if last is not None:
                entries += self._new_epoch(state, last, asked.pull.epoch, now_ms)
            entries += self.receipt_entries(asked.partner, asked.receipts, asked.seen, now_ms)
            entries += outgoing.lost_again(self._world.store, state, now_ms)
        except ForkError as error:
            self.forget(state.channel)
            alarm = self._world.alarm("fork", state.channel, str(error), now_ms, stop=True)
            return [*effects, fault(asked.reply_to, "SecurityError", "channel is stopped"), *alarm]
        except (RecordError, SignatureError) as error:
            if entries:
                self.forget(state.channel)
            return [*effects, fault(asked.reply_to, "BadRequest", str(error))]
        most = min(asked.pull.max_entries, self._world.limits.pull_entries)
        behind = state.tree.size - (asked.pull.start if asked.pull.epoch == state.epoch else 0)
        room = self._world.limits.window_entries - (state.tree.size - state.receipted)
        step = self._world.sequencer(asked.partner).step(
            now_ms,
            # What does not go into this answer would have to be decided again; what a closed epoch held is queued once this is durable.
            0 if last is not None else max(0, min(most - max(0, behind), room)),
            min(asked.pull.max_bytes, self._world.limits.pull_bytes),
            releasing=self._world.releasing,
        )
        entries += step.entries
        going = (
            [self._commit(asked, state, step, entries)] if entries else self._answer_or_wait(asked, state, step, now_ms)
        )
        return effects + going

    def _rests(self, pull: wire.Pull, state: OutState) -> str:
        """Return why a pull is not served now, or the empty string."""
        if state.stopped:
            return "channel is stopped: security was told"
        # A reader that was restored asks for what it has receipted: bare headers now would leave it without the bodies for ever.
        again = pull.epoch == state.epoch and pull.start < state.receipted
        return "releases rest: ask again later" if again and not self._world.releasing else ""

    def forget(self, channel: str) -> None:
        """Go back to what the journal says of a channel: what memory held beyond it was not made durable."""
        self._world.reload_out(channel)

    def _commit(self, asked: Asked, state: OutState, step: Step, entries: list[Entry]) -> Effect:
        self._busy[state.channel] = deque()

        def then(_seqs: Sequence[int], now_ms: int) -> list[Effect]:
            state.bodies.update(step.bodies)
            state.note = step.note
            answered = self._answer_or_wait(asked, state, step, now_ms)
            state.bodies.clear()  # whatever is served again later is decided anew
            return answered + self._go_on(state.channel, now_ms)

        def failed(error: KizunaError) -> list[Effect]:
            self.forget(state.channel)
            waiting = self._busy.pop(state.channel)
            return [fault(one.reply_to, "ServerError", str(error)) for one in (asked, *waiting)]

        marks = (step.mark,) if step.mark is not None else ()
        return self._world.commit(entries, then, failed, marks=marks)

    def _go_on(self, channel: str, now_ms: int) -> list[Effect]:
        waiting = self._busy.pop(channel)
        effects: list[Effect] = []
        for one in waiting:
            if channel in self._busy:
                self._busy[channel].append(one)
            else:
                effects += self._serve(one, now_ms)
        return effects

    # --- the receipt that came with the pull ---------------------------------------------------------------------------------------

    def receipt_entries(self, partner: Partner, receipts: Sequence[bytes], cosigned: bytes, now_ms: int) -> list[Entry]:
        """Return the journal entries of a reader's receipts, oldest first, and cosigned checkpoint; none where they say nothing new.

        Raises:
            RecordError: one is malformed, or of another channel.
            SignatureError: the reader did not sign it.
            ForkError: it contradicts this node's log.
        """
        state = self._world.out_channel(partner.node)
        entries: list[Entry] = []
        at, newest = state.writer_state(), state.receipt
        for data in receipts:
            key_id = sign.read_envelope(data).key_id
            if partner.is_revoked(sign.Purpose.RECEIPT, key_id):
                continue  # an old one shown again; what was not held before the key was revoked its reader signs anew
            public = partner.signer(sign.Purpose.RECEIPT, key_id)
            receipt = check_receipt(at, state.tree, data, public)
            if receipt is None:
                continue
            entries.append(receipt_entry(receipt, data, now_ms))
            at = replace(at, receipted=receipt.size, receipt_sha256=entries[-1].meta["sha256"])
            newest = data
        # Not before all of them are judged: memory may be ahead of the journal by what is being committed, and by nothing else.
        state.receipted, state.receipt, state.receipt_sha256 = at.receipted, newest, at.receipt_sha256
        state.bare.difference_update(*(entry.meta["stubs"] for entry in entries))
        return entries + self._cosignature(partner, state, cosigned, now_ms) if entries else []

    def _cosignature(self, partner: Partner, state: OutState, data: bytes, now_ms: int) -> list[Entry]:
        """Return the entry of the reader's cosignature on our checkpoint, where one came that verifies; the receipt stands without it."""
        try:
            name = origin(state.channel, state.epoch)
            note.open_checkpoint(data, name, self._world.own_noted(name, data))
            public = partner.noted(sign.Purpose.RECEIPT, data, partner.node, note.KEY_COSIGNATURE)
            note.verify_cosignature(note.parse_note(data), partner.node, public)
        except KizunaError:
            return []
        return [Entry(kind="cosigned", at_ms=now_ms, meta={"channel": state.channel}, body=data)]

    # --- a node that finds itself behind ---------------------------------------------------------------------------------------------

    def _can_be_had(self, state: OutState, pull: wire.Pull) -> bool:
        """Return whether the reader says to hold entries that this log has lost, and has not shown that it cannot give them."""
        size = state.tree.size if pull.epoch == state.epoch else 0
        return (
            pull.start > size
            and not self._given_back(state)
            and self._asked_back.get(state.channel, 0) < MOST_ASKED_BACK
        )

    def _given_back(self, state: OutState) -> bool:
        """Return whether the reader has given back all that it holds beyond this log."""
        rows = self._world.store.query("SELECT value FROM setting WHERE name = ?", (f"given-back {state.channel}",))
        return bool(rows) and rows[0][0] == f"{state.epoch}:{state.tree.size}"

    def give_up(self, channel: str) -> None:
        """Ask for nothing back on this channel any more."""
        self._asked_back[channel] = MOST_ASKED_BACK

    def return_bytes(self, state: OutState, epoch: int) -> bytes:
        """Return the request for this channel's own entries beyond those that are left here."""
        self._asked_back[state.channel] = self._asked_back.get(state.channel, 0) + 1
        limits = self._world.limits
        asked = wire.Return(
            channel=state.channel,
            epoch=max(epoch, state.epoch),
            max_bytes=limits.pull_bytes,
            max_entries=limits.pull_entries,
            start=state.tree.size if epoch <= state.epoch else 0,
        )
        return wire.pack_message(asked, [])

    def _last_signed(self, asked: Asked, state: OutState) -> tuple[int, int, bytes] | None:
        pull = asked.pull
        ahead = pull.epoch > state.epoch or (pull.epoch == state.epoch and pull.seen > state.tree.size)
        if ahead:
            name = origin(state.channel, pull.epoch)
            signed = note.parse_note(asked.seen)
            note.verify_note(signed, name, self._world.own_noted(name, asked.seen))
            checkpoint = note.decode_checkpoint(signed.text)
            if checkpoint.origin != name or checkpoint.size != pull.seen:
                raise RecordError("the checkpoint shown is not the one that the pull speaks of")
            return pull.epoch, checkpoint.size, checkpoint.root
        return self.behind_mark(state)

    def behind_mark(self, state: OutState) -> tuple[int, int, bytes] | None:
        """Return the high-water mark where the log is behind it: only a restore brings that about."""
        mark = self._world.high_water(state.channel)
        if mark is not None and (mark.epoch, mark.size) > (state.epoch, state.tree.size):
            return mark.epoch, mark.size, mark.root
        return None

    def checked_epoch(self, state: OutState, now_ms: int) -> list[Entry]:
        """Return the entries that open a new epoch where the high-water mark says that this log is behind; usually none."""
        if self.is_busy(state.channel):
            raise ChannelError(f"channel `{state.channel}` is being served: try again")
        mark = self.behind_mark(state)
        return [] if mark is None else self._new_epoch(state, mark, 0, now_ms)

    def wants_back(self, state: OutState) -> bool:
        """Return whether a bundle must ask for entries back before another may carry any."""
        return self.behind_mark(state) is not None and not self._given_back(state)

    def shown_ahead(self, state: OutState, data: bytes) -> Mark | None:
        """Return the mark of a checkpoint that bears our own signature and is ahead of this log and of the mark kept; usually none."""
        try:
            signed = note.parse_note(data)
            checkpoint = note.decode_checkpoint(signed.text)
            channel, _, epoch = checkpoint.origin.rpartition("/")
            if channel != state.channel or not epoch.isdecimal():
                return None
            note.verify_note(signed, checkpoint.origin, self._world.own_noted(checkpoint.origin, data))
        except KizunaError:
            return None
        mark = Mark(channel, int(epoch), checkpoint.size, checkpoint.root)
        kept = self._world.high_water(channel)
        known = (kept.epoch, kept.size) if kept is not None else (0, 0)
        ahead = (mark.epoch, mark.size) > max(known, (state.epoch, state.tree.size))
        return mark if ahead else None

    def is_busy(self, channel: str) -> bool:
        """Return whether something of a channel is on its way into the journal."""
        return channel in self._busy

    def lock(self, channel: str) -> None:
        """Let pulls wait while a bundle is made."""
        self._busy[channel] = deque()

    def unlock(self, channel: str, now_ms: int) -> list[Effect]:
        """Serve the pulls that waited for a bundle."""
        return self._go_on(channel, now_ms)

    def _new_epoch(self, state: OutState, last: tuple[int, int, bytes], asked: int, now_ms: int) -> list[Entry]:
        epoch, size, root = last
        body = canonical.encode({"epoch": epoch, "root": root.hex(), "size": size})
        return self.open_epoch(state, max(epoch, state.epoch, asked) + 1, body, now_ms)

    def open_epoch(self, state: OutState, epoch: int, body: bytes, now_ms: int) -> list[Entry]:
        """Return the entries that close the log and open `epoch`, whose first entry names the last known checkpoint."""
        state.epoch = epoch
        state.tree = Tree(read=outgoing.leaves(self._world.store, state.channel, epoch))
        state.receipted = 0
        state.receipt = b""
        state.receipt_sha256 = NO_RECEIPT
        state.bodies.clear()
        state.bare.clear()
        state.said = (0, 0)
        header = wire.EntryHeader(
            blobs=(),
            body_sha256=hashlib.sha256(body).hexdigest(),
            body_size=len(body),
            channel=state.channel,
            epoch=epoch,
            index=0,
            instrument="",
            instrument_sha256="",
            kind="epoch",
            label=(),
            obligations=NO_OBLIGATIONS,
            provision="",
            purpose="",
            receipted=0,
            receipted_epoch=0,
            released_at_ms=state.stamp(now_ms),
            type="",
        )
        data, leaf = wire.encode_header(header)
        state.tree.append(leaf)
        state.bodies[0] = (data, body)
        state.note = b""
        return [outgoing.released_entry(data, now_ms, "", (), [], body)]

    # --- the answer ----------------------------------------------------------------------------------------------------------------

    def _answer_or_wait(self, asked: Asked, state: OutState, step: Step, now_ms: int) -> list[Effect]:
        caught_up = asked.pull.epoch == state.epoch and asked.pull.start == asked.pull.seen == state.tree.size
        if caught_up and not step.bodies and now_ms < asked.until_ms:
            self._parked[state.channel] = asked
            return []
        return [self._answer(asked, state, now_ms)]

    def _answer(self, asked: Asked, state: OutState, now_ms: int) -> Effect:
        return Reply(asked.reply_to, self.answer_bytes(asked, state, now_ms)[0])

    def answer_bytes(self, asked: Asked, state: OutState, now_ms: int, *, whole: bool = False) -> tuple[bytes, int]:
        """Return an answer's bytes and where it ends; `whole` lifts this node's own byte limit, for a bundle."""
        pull = asked.pull
        same = pull.epoch == state.epoch
        start, seen = (pull.start, pull.seen) if same else (0, 0)
        parts: list[bytes] = []
        end, size = start, state.tree.size
        budget = pull.max_bytes if whole else min(pull.max_bytes, self._world.limits.pull_bytes)
        releasing = self._world.releasing
        again = Again(self._world.store, self._world.releaser, asked.partner, state, now_ms)
        while end < size and end - start < min(pull.max_entries, wire.MAX_ENTRIES) and budget > 0:
            made = state.bodies.get(end) if releasing else None  # sequenced a moment ago: it need not be decided anew
            header, body = made or again.entry(end, releasing=releasing)
            (state.bare.discard if body else state.bare.add)(end)
            parts += [header, body]
            budget -= len(header) + len(body)
            end += 1
        head = wire.Answer(
            channel=state.channel,
            consistency=prefix_proof(state.tree, seen),
            end=end,
            epoch=state.epoch,
            more=end < size or self._due_now(state, now_ms),
            proof=prefix_proof(state.tree, end),
            receipt_sha256=state.receipt_sha256,
            start=start,
        )
        receipt = b"" if pull.receipt_sha256 == state.receipt_sha256 else state.receipt
        return wire.pack_message(head, [self._note_for(pull, state), receipt, *parts]), end

    def _note_for(self, pull: wire.Pull, state: OutState) -> bytes:
        """Return the newest checkpoint as the reader can verify it.

        Which of our keys it holds, or holds for revoked, nobody here can say where it goes back, for then it was restored from a backup; where it
        has not receipted the newest, for the card that it has of us may be older or newer than what we told it; and where the note is older.
        """
        identity, world = self._world.identity, self._world
        if not identity.former or not state.note:
            return state.note
        goes_back = pull.epoch != state.epoch or pull.start < state.receipted
        newest = identity.keys[sign.Purpose.CHECKPOINT].public
        is_new = world.own_noted(origin(state.channel, state.epoch), state.note) == newest
        if not goes_back and is_new and world.has_receipted_newest(state.node):
            return state.note
        signers = world.signers(state.node, MOST_SIGNATURES)
        return outgoing.checkpoint_note(signers, state.channel, state.epoch, state.tree)

    def _due_now(self, state: OutState, now_ms: int) -> bool:
        if not self._world.releasing:
            return False
        rows = self._world.store.query(
            "SELECT item FROM outbox WHERE channel = ? AND not_before_ms <= ? LIMIT 8", (state.channel, now_ms)
        )
        return any(state.denied.get(item, 0) <= now_ms for (item,) in rows)

    # --- blobs ---------------------------------------------------------------------------------------------------------------------

    def on_blobs(self, partner: Partner, asked: wire.BlobPull, reply_to: int, now_ms: int) -> list[Effect]:
        """Return the effects of a partner's request for blobs: each is decided anew; whatever is not for it is an empty part."""
        state = self._world.out_channel(partner.node)
        if asked.channel != state.channel or len(asked.items) > MAX_BLOB_ITEMS:
            return [fault(reply_to, "EndPointNotFound", "no such channel for this node")]
        parts: list[bytes] = []
        shown: dict[int, tuple[wire.Blob, ...]] = {}
        for index, place in asked.items:
            if index not in shown:
                shown[index] = self._shown_blobs(partner, state, asked.epoch, index, now_ms)
            data = self._blob(shown[index], place)
            if sum(map(len, parts)) + len(data) > wire.MAX_MESSAGE_BYTES - (1 << 20):
                break  # the reader asks again for the rest
            parts.append(data)
        head = wire.BlobAnswer(channel=state.channel, count=len(parts))
        return [Reply(reply_to, wire.pack_message(head, parts))]

    def _shown_blobs(
        self, partner: Partner, state: OutState, epoch: int, index: int, now_ms: int
    ) -> tuple[wire.Blob, ...]:
        """Return the blobs of an entry in its header's order, after a fresh decision; none where it may not be handed over now."""
        try:
            data, names, item = outgoing.header_at(self._world.store, state.channel, epoch, index)
        except RecordError:
            return ()
        held = facts.load_record(self._world.store, item) if outgoing.stands(self._world.store, item) else None
        if held is None or not self._world.releasing or item in self._world.withdrawn:
            return ()
        ruling = self._world.releaser.rule(held, partner.party, now_ms, **noting.as_sequenced(data))
        return wire.decode_header(data).blobs if ruling.permit and names <= ruling.names else ()

    def _blob(self, shown: Sequence[wire.Blob], place: int) -> bytes:
        if not 0 <= place < len(shown) or not self._world.blobs.has(shown[place].sha256):
            return b""
        try:
            return self._world.blobs.get(shown[place].sha256)
        except KizunaError:  # lost or altered on our disk: to the partner there is none
            return b""

    def blobs_at(self, partner: Partner, state: OutState, index: int, now_ms: int) -> list[tuple[str, bytes]]:
        """Return digest and bytes of the blobs that an entry shows and that may be handed over now."""
        found = []
        shown = self._shown_blobs(partner, state, state.epoch, index, now_ms)
        for place, blob in enumerate(shown):
            content = self._blob(shown, place)
            if content or not blob.size:
                found.append((blob.sha256, content))
        return found

    # --- waiting pulls ---------------------------------------------------------------------------------------------------------------

    def wake(self, now_ms: int, channels: Sequence[str] = ()) -> list[Effect]:
        """Serve the pulls that wait on these channels, and answer those whose time is up."""
        effects: list[Effect] = []
        for channel, asked in list(self._parked.items()):
            if channel in self._busy or self._parked.get(channel) is not asked:
                continue
            if channel in channels or now_ms >= asked.until_ms:
                del self._parked[channel]
                effects += self._serve(asked, now_ms)
        return effects

    def waiting(self) -> tuple[str, ...]:
        """Return the channels on which a pull waits."""
        return tuple(self._parked)


def prefix_proof(tree: Tree, size: int) -> tuple[str, ...]:
    """Return the proof, in hex, that the first `size` entries are a prefix of the log; nothing is needed for none (RFC 9162 §2.1.4)."""
    return tuple(item.hex() for item in tree.consistency_proof(size, tree.size)) if size else ()


def receipt_entry(receipt: wire.Receipt, data: bytes, now_ms: int) -> Entry:
    """Return the journal entry of a reader's receipt."""
    meta = {
        "applied": [[item.index, item.act, item.backups_pending_until_ms] for item in receipt.applied],
        "channel": receipt.channel,
        "cured": list(receipt.cured),
        "epoch": receipt.epoch,
        "refused": [[item.index, item.code] for item in receipt.refused],
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": receipt.size,
        "stubs": list(receipt.stubs),
    }
    return Entry(kind="receipt-in", at_ms=now_ms, meta=meta, body=data)


def given_back_entry(channel: str, epoch: int, size: int, now_ms: int) -> Entry:
    """Return the journal entry that says that a reader has nothing more of ours to give back."""
    meta = {"name": f"given-back {channel}", "value": f"{epoch}:{size}"}
    return Entry(kind="setting", at_ms=now_ms, meta=meta)
