"""Bundles: the same entries, checkpoint and receipts in a file for a partner that no wire reaches.

Export *is* release: what is due is decided, sequenced and journalled then, and stands as outstanding until its receipt comes home in a bundle of
the partner's. Importing twice, out of order, truncated or altered is safe and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from kizuna.errors import BundleError, ChannelError, ForkError, KizunaError, RecordError, SignatureError
from kizuna.kernel import bundle, canonical, sign
from kizuna.kernel.bundle import Consignment, Member
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import Accepted, ReaderState, origin
from kizuna.kernel.journal import Entry
from kizuna.node import effects as fx
from kizuna.node.acts.adopting import Adopting
from kizuna.node.channel import incoming
from kizuna.node.channel.answers import base_of, check_carried, split_at_rules
from kizuna.node.channel.incoming import Arrival
from kizuna.node.channel.outgoing import OutState
from kizuna.node.channel.pulling import Pulling
from kizuna.node.channel.returning import Returning
from kizuna.node.channel.serving import Asked, Serving
from kizuna.node.channel.world import World
from kizuna.node.effects import Effect, Reply
from kizuna.node.held.facts import Partner

MAX_EXPORT_ENTRIES = 100_000
MAX_EXPORT_BYTES = 200 << 20

ANSWER, BLOB, RECEIPT, CHECKPOINT = "answer", "blob", "receipt", "cosigned-checkpoint"
RETURN, RETURNED = "return", "returned"


@dataclass
class _Import:
    """An import on its way: what is still to be taken in, and the tally so far."""

    command: fx.ImportBundle
    reply_to: int
    partner: Partner
    answers: list[bytes]
    blobs: dict[str, bytes]
    returned: list[bytes]
    asked: bytes
    receipts: list[bytes]
    cosigned: bytes
    receipt: bool = False
    new: int = 0
    known: int = 0
    refused: int = 0
    epoch: int = field(default=0)


class Carrying:
    """Making and taking in bundles."""

    def __init__(
        self,
        world: World,
        serving: Serving,
        pulling: Pulling,
        adopting: Adopting,
        arrived: Callable[[Partner, Arrival, int], list[Effect]],
    ) -> None:
        self._world = world
        self._serving = serving
        self._pulling = pulling
        self._adopting = adopting
        self._returning = Returning(world)
        self._arrived = arrived

    # --- out -----------------------------------------------------------------------------------------------------------------------

    def export(self, command: fx.ExportBundle, reply_to: int, now_ms: int) -> list[Effect]:
        """Sequence what is due and reply with the sealed bundle once that is durable."""
        partner = self._world.partner(command.node)
        state = self._world.out_channel(partner.node)
        if state.stopped:
            raise ChannelError(f"channel `{state.channel}` is stopped by `{state.stopped}`: reopen it first")
        if command.not_after_ms <= now_ms:
            raise BundleError("a bundle must be good for some time: give a later end")
        if not self._world.releasing:
            raise ChannelError("releases are halted, or the clock is in doubt: no bundle is made")
        if self._serving.wants_back(state):
            return [Reply(reply_to, self._asking_back(partner, state, command.not_after_ms, now_ms))]
        entries = self._serving.checked_epoch(state, now_ms)
        back = self._given_back(partner)
        if back:
            entries.append(_return_setting(partner, self._world.identity.node, "", now_ms))
        step = self._world.sequencer(partner).step(now_ms, MAX_EXPORT_ENTRIES, MAX_EXPORT_BYTES, releasing=True)
        entries += step.entries
        meta = {
            "actor": command.actor,
            "channel": state.channel,
            "epoch": state.epoch,
            "from_size": state.receipted,
            "not_after_ms": command.not_after_ms,
            "to_size": state.tree.size,
        }
        entries.append(Entry(kind="bundle-out", at_ms=now_ms, meta=meta))

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            state.bodies.update(step.bodies)
            state.note = step.note
            try:
                members = [*back, *self._answers(partner, state, later_ms)]
                reply: bytes | KizunaError = self._sealed(partner, state, members, command.not_after_ms, later_ms)
            except KizunaError as error:
                reply = error
            state.bodies.clear()
            return [Reply(reply_to, reply), *self._serving.unlock(state.channel, later_ms)]

        def failed(error: KizunaError) -> list[Effect]:
            self._serving.forget(state.channel)
            return [Reply(reply_to, error), *self._serving.unlock(state.channel, now_ms)]

        self._serving.lock(state.channel)
        marks = (step.mark,) if step.mark is not None else ()
        return [self._world.commit(entries, then, failed, marks=marks)]

    def _asking_back(self, partner: Partner, state: OutState, not_after_ms: int, now_ms: int) -> bytes:
        """Return a bundle that hands over no entry, and asks for those that this node has lost."""
        mark = self._serving.behind_mark(state)
        members = [Member(RETURN, RETURN, self._serving.return_bytes(state, mark[0] if mark else state.epoch))]
        return self._sealed(partner, replace(state, note=b"", receipted=state.tree.size), members, not_after_ms, now_ms)

    def _given_back(self, partner: Partner) -> list[Member]:
        """Return what the partner's last bundle asked back, of what this node still holds."""
        channel = wire.channel_name(partner.node, self._world.identity.node)
        rows = self._world.store.query("SELECT value FROM setting WHERE name = ?", (f"return {channel}",))
        if not rows or not rows[0][0]:
            return []
        epoch, _, start = str(rows[0][0]).partition(":")
        budget = wire.MAX_MESSAGE_BYTES // 2
        asked = wire.Return(
            channel=channel, epoch=int(epoch), max_bytes=budget, max_entries=wire.MAX_ENTRIES, start=int(start)
        )
        members: list[Member] = []
        while (given := self._returning.returned(partner, asked)) is not None:
            members.append(Member(f"{RETURNED}-{len(members)}", RETURNED, wire.pack_message(*given)))
            asked = msgspec.structs.replace(asked, start=given[0].end)
            if given[0].end >= given[0].held:
                break
        return members

    def _sealed(
        self, partner: Partner, state: OutState, members: list[Member], not_after_ms: int, now_ms: int
    ) -> bytes:
        reverse = self._world.in_channel(partner.node)
        members += [Member(f"{RECEIPT}-{i}", RECEIPT, data) for i, data in enumerate(reverse.unconfirmed)]
        if reverse.unconfirmed:
            members.append(Member(CHECKPOINT, CHECKPOINT, reverse.note))
        consignment = Consignment(
            channel=state.channel,
            checkpoint=state.note.decode(),
            epoch=state.epoch,
            from_size=state.receipted,
            made_at_ms=now_ms,
            not_after_ms=not_after_ms,
            recipient=partner.node,
            sender=self._world.identity.node,
            to_size=state.tree.size,
        )
        key = self._world.sign_key(sign.Purpose.BUNDLE, partner.node)
        seal = canonical.unb64(partner.keyset.seal)
        return bundle.seal(consignment, members, key, seal, self._world.random)

    def _answers(self, partner: Partner, state: OutState, now_ms: int) -> list[Member]:
        """Return answers from the last receipt on, as a pull would have got them, each followed by the blobs that it shows."""
        members: list[Member] = []
        shown: set[str] = set()
        start = state.receipted
        while True:
            pull = wire.Pull(
                channel=state.channel,
                epoch=state.epoch,
                max_bytes=wire.MAX_MESSAGE_BYTES // 2,
                max_entries=wire.MAX_ENTRIES,
                receipt_sha256="",  # shows the newest receipt held whatever it is: the reader may have lost it
                seen=start,
                start=start,
                wait_ms=0,
            )
            data, end = self._serving.answer_bytes(Asked(partner, pull, (), b"", 0, 0), state, now_ms, whole=True)
            members.append(Member(f"{ANSWER}-{len(members)}", ANSWER, data))
            for index in range(start, end):
                for sha256, blob in self._serving.blobs_at(partner, state, index, now_ms):
                    if sha256 not in shown:
                        shown.add(sha256)
                        members.append(Member(sha256, BLOB, blob))
            start = end
            if end >= state.tree.size:
                return members

    # --- in ------------------------------------------------------------------------------------------------------------------------

    def take_in(self, command: fx.ImportBundle, reply_to: int, now_ms: int) -> list[Effect]:
        """Verify a bundle whole, then take in its receipt and its entries."""
        manifest, members = bundle.open_bundle(
            command.data, self._world.identity.node, self._private_keys(), now_ms, self._bundle_key
        )
        partner = self._world.partner(manifest.sender)
        state = self._world.in_channel(partner.node)
        if manifest.channel != state.reader.channel:
            raise BundleError(f"bundle of `{manifest.channel}` is not for `{state.reader.channel}`")
        if state.stopped:
            raise ChannelError(f"channel `{state.reader.channel}` is stopped by `{state.stopped}`: reopen it first")
        if self._world.clock_in_doubt and manifest.made_at_ms > now_ms + incoming.SKEW_MS:
            raise ChannelError(
                "the bundle is from the future of a clock that is in doubt: set the clock, then import it again"
            )
        going = _Import(
            command,
            reply_to,
            partner,
            [member.data for member in members if member.kind == ANSWER],
            {member.name: member.data for member in members if member.kind == BLOB},
            [member.data for member in members if member.kind == RETURNED],
            next((member.data for member in members if member.kind == RETURN), b""),
            [member.data for member in members if member.kind == RECEIPT],
            next((member.data for member in members if member.kind == CHECKPOINT), b""),
            epoch=manifest.epoch,
        )
        self._pulling.hold(partner.node)
        try:
            return self._returned(going, now_ms)
        except KizunaError:
            self._pulling.let_go(partner.node)
            raise

    def _private_keys(self) -> dict[str, bytes]:
        every = [each.seal_private for each in self._world.identity.every]
        return {bundle.sealing_key_id(bundle.sealing_public(private)): private for private in every}

    def _bundle_key(self, sender: str, key_id: str) -> bytes | None:
        partner = self._world.partners.get(sender)
        if partner is None:
            return None
        public = partner.signer(sign.Purpose.BUNDLE, key_id)
        return public if sign.key_id(sign.Purpose.BUNDLE, public) == key_id else None

    def _returned(self, going: _Import, now_ms: int) -> list[Effect]:
        """Take back page after page what this node had lost, then note what the partner asks back, then go on to the receipts."""
        state = self._world.out_channel(going.partner.node)
        if going.returned:
            head, parts = wire.unpack_message(going.returned.pop(0))
            if isinstance(head, wire.Returned) and (head.epoch, head.start) >= (state.epoch, state.tree.size):
                return self._adopt(going, state, head, parts, now_ms)
            return self._returned(going, now_ms)  # a copy of a bundle that was taken in before
        own = self._world.identity.node
        asked = wire.unpack_message(going.asked)[0] if going.asked else None
        entries = []
        if isinstance(asked, wire.Return) and asked.channel == wire.channel_name(going.partner.node, own):
            entries.append(_return_setting(going.partner, own, f"{asked.epoch}:{asked.start}", now_ms))
        mark = self._serving.shown_ahead(state, going.cosigned)
        return [
            self._world.commit(
                entries,
                lambda _seqs, later_ms: self._receipt(going, later_ms),
                lambda error: self._failed(going, error),
                marks=(mark,) if mark is not None else (),
            )
        ]

    def _adopt(
        self, going: _Import, state: OutState, head: wire.Returned, parts: list[bytes], now_ms: int
    ) -> list[Effect]:
        try:
            return self._adopting.adopt(
                going.partner,
                head,
                parts,
                now_ms,
                lambda later_ms: self._returned(going, later_ms),
                lambda error: self._failed(going, error),
            )
        except (ForkError, RecordError, SignatureError) as error:
            self._pulling.let_go(going.partner.node)
            return [Reply(going.reply_to, error), *self._adopting.refused(state, error, now_ms)]

    def _receipt(self, going: _Import, now_ms: int) -> list[Effect]:
        if going.partner.node not in self._world.partners:
            return [Reply(going.reply_to, ChannelError(f"`{going.partner.node}` was removed meanwhile"))]
        out = self._world.out_channel(going.partner.node)
        # A receipt for what a restore has lost is no fork: it is taken once this log reaches so far again.
        receipts = [] if self._serving.behind_mark(out) is not None else going.receipts
        try:
            entries = self._serving.receipt_entries(going.partner, receipts, going.cosigned, now_ms)
        except ForkError as error:
            self._pulling.let_go(going.partner.node)
            return [
                Reply(going.reply_to, error),
                *self._world.alarm("fork", out.channel, str(error), now_ms, stop=True),
            ]
        if not entries:
            return self._entries(going, now_ms)
        going.receipt = True
        return [
            self._world.commit(
                entries,
                lambda _seqs, later_ms: self._entries(going, later_ms),
                lambda error: self._failed(going, error),
            )
        ]

    def _failed(self, going: _Import, error: KizunaError) -> list[Effect]:
        """Go back to what the journal says after a commit that was not made, and say so."""
        node, own = going.partner.node, self._world.identity.node
        self._serving.forget(wire.channel_name(own, node))
        self._world.reload_in(wire.channel_name(node, own))
        self._pulling.let_go(node)
        return [Reply(going.reply_to, error)]

    def _entries(self, going: _Import, now_ms: int) -> list[Effect]:
        if going.partner.node not in self._world.partners:
            return [Reply(going.reply_to, ChannelError(f"`{going.partner.node}` was removed meanwhile"))]
        state = self._world.in_channel(going.partner.node)
        while going.answers:
            data = going.answers.pop(0)
            try:
                made = self._checked(going, state, data)
            except ForkError as error:
                alarm = self._world.alarm("fork", state.reader.channel, str(error), now_ms, stop=True)
                self._pulling.let_go(going.partner.node)
                return [Reply(going.reply_to, error), *alarm]
            except KizunaError as error:
                self._pulling.let_go(going.partner.node)
                return [Reply(going.reply_to, error)]
            if made is not None:
                base = base_of(state.reader, made)
                first, rest = split_at_rules(base, made)
                if rest is not None:  # judged once the keys or agreements before it are in force here
                    going.answers.insert(0, data)
                    going.known -= len(first.entries)
                return self._commit(going, state, base, first, now_ms)
        self._pulling.let_go(going.partner.node)
        done = fx.Imported(going.partner.node, going.new, going.known, going.refused, going.receipt)
        return [Reply(going.reply_to, done)]

    def _checked(self, going: _Import, state: incoming.InState, data: bytes) -> Accepted | None:
        head, parts = wire.unpack_message(data)
        if not isinstance(head, wire.Answer):
            raise BundleError("the bundle holds something that is not an answer: ask for it again")
        rows = self._world.store.query(
            "SELECT leaf FROM leaf_in WHERE channel = ? AND epoch = ? ORDER BY idx",
            (state.reader.channel, state.reader.epoch),
        )
        partner = self._world.partners.get(
            going.partner.node, going.partner
        )  # what came before may have brought new keys
        name = origin(state.reader.channel, head.epoch)
        public = partner.noted(sign.Purpose.CHECKPOINT, parts[0] if parts else b"", name)
        if head.epoch == state.reader.epoch:
            self._pulling.note_held_receipt(state, head)
        try:
            accepted = check_carried(state, [bytes(leaf) for (leaf,) in rows], head, parts, public)
        except RecordError as error:
            raise BundleError(f"the bundle's entries do not fit: {error}") from error
        going.known += head.end - head.start - (len(accepted.entries) if accepted is not None else 0)
        return accepted

    def _commit(
        self, going: _Import, state: incoming.InState, base: ReaderState, accepted: Accepted, now_ms: int
    ) -> list[Effect]:
        partner = self._world.partners.get(going.partner.node, going.partner)
        judge = self._pulling.judge(partner, state, base)
        arrival = incoming.arrival(judge, accepted, self._world.blobs, now_ms)
        asked = tuple(sorted(arrival.missing))
        parts = [going.blobs.get(arrival.missing[place].sha256, b"") for place in asked]
        incoming.take_blobs(arrival, asked, parts, self._pulling.checks)
        entries, after = self._pulling.entries(state, arrival, now_ms)

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            self._pulling.settle(state, after)
            going.new += len(arrival.verdicts)
            going.refused += sum(1 for verdict in arrival.verdicts if verdict.code)
            return self._arrived(going.partner, arrival, later_ms) + self._entries(going, later_ms)

        if not entries:
            return self._entries(going, now_ms)
        return [
            self._world.commit(
                entries, then, lambda error: self._failed(going, error), blobs=tuple(arrival.fetched.values())
            )
        ]


def _return_setting(partner: Partner, own: str, value: str, now_ms: int) -> Entry:
    """Return the journal entry that notes from where a partner asks for its entries back; an empty value says that it was given them."""
    meta = {"name": f"return {wire.channel_name(partner.node, own)}", "value": value}
    return Entry(kind="setting", at_ms=now_ms, meta=meta)
