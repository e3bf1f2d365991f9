"""The node: one synchronous state machine, owned by one thread.

Messages, commands, time and the outcome of commits go in; effects come out. It reads through the store's snapshots and writes only by `Commit`;
nothing that depends on a commit leaves before `on_commit`. Real ports and simulated ones run the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kizuna.errors import KizunaError, RecordError, RefusedError
from kizuna.kernel.channel import wire
from kizuna.kernel.domain import Domain
from kizuna.node import effects as fx
from kizuna.node.acts import erasing
from kizuna.node.acts.adopting import Adopting
from kizuna.node.acts.carrying import Carrying
from kizuna.node.acts.consenting import Consenting
from kizuna.node.acts.desk import Desk
from kizuna.node.acts.handing import Handing
from kizuna.node.acts.operating import Operating
from kizuna.node.acts.retaining import Retaining
from kizuna.node.acts.rotating import Rotating
from kizuna.node.acts.watching import Watching
from kizuna.node.channel.incoming import Arrival, Verdict
from kizuna.node.channel.pulling import Pulling
from kizuna.node.channel.serving import Serving
from kizuna.node.channel.world import Limits, Sources, World, fault
from kizuna.node.effects import Command, Effect, Reply
from kizuna.node.held.facts import Identity, Partner

SETTLE_MS = 60_000
"""How long a clock that leapt must go on steadily before it is believed."""
FORWARD_MS = 3_600_000
"""How far the clock may jump forward between two inputs before it is in doubt."""


class Core:
    """A node without input or output; see the module's text."""

    def __init__(
        self, identity: Identity, sources: Sources, domains: Sequence[Domain], limits: Limits | None = None
    ) -> None:
        self.world = World(identity, sources, domains, limits or Limits())
        self.serving = Serving(self.world)
        self.consenting = Consenting(self.world, self._woken)
        self.desk = Desk(self.world, self._woken, self.consenting)
        self.pulling = Pulling(self.world, self._arrived)
        self.adopting = Adopting(self.world, self.serving, self.desk, self._adopted)
        self.carrying = Carrying(self.world, self.serving, self.pulling, self.adopting, self._arrived)
        self.operating = Operating(self.world, self.desk)
        self.retaining = Retaining(self.world, self.desk.act)
        self.rotating = Rotating(self.world, self._woken)
        self.handing = Handing(self.world)
        self.watching = Watching(self.world)
        self._operations: dict[type, Callable[[Any, int, int], list[Effect]]] = {
            fx.Act: self.desk.act,
            fx.Backfill: self.desk.backfill,
            fx.EndPositions: self.retaining.end,
            fx.Enrol: self.desk.enrol,
            fx.ExportBundle: self.carrying.export,
            fx.GrantConsent: self.consenting.consent,
            fx.Halt: self.desk.halt,
            fx.ImportBundle: self.carrying.take_in,
            fx.Introduce: self.consenting.introduce,
            fx.LoadInstrument: self.desk.load_instrument,
            fx.NoteHanded: self.handing.note,
            fx.Operate: self.operating.operate,
            fx.NoteAccount: self.watching.note_account,
            fx.NoteReads: self.watching.note_reads,
            fx.RemovePartner: self.desk.remove,
            fx.Relabel: self.consenting.relabel,
            fx.Reopen: self.desk.reopen,
            fx.RevokeConsent: self.consenting.revoke,
            fx.Revoke: self.rotating.revoke,
            fx.Rotate: self.rotating.rotate,
            fx.Say: self.desk.say,
            fx.StopChannel: self.watching.stop_channel,
            fx.Supersede: self.consenting.supersede,
        }
        self.clock_suspect = False
        """Whether the shell's clock doubts itself; the core's own doubt comes on top."""
        self._last_ms = 0
        """The latest time that was believed."""
        self._seen_ms = 0
        self._examined_ms = 0
        self._trusted_since_ms = 0

    # --- inputs --------------------------------------------------------------------------------------------------------------------

    def on_local(self, command: Command, reply_to: int, now_ms: int) -> list[Effect]:
        """Return the effects of an officer's or a job's command; the reply is a value, or the error that refused it."""
        now_ms = self._observe(now_ms)
        try:
            return self._command(command, reply_to, now_ms)
        except KizunaError as error:
            return [Reply(reply_to, error)]

    def _command(self, command: Command, reply_to: int, now_ms: int) -> list[Effect]:
        operation = self._operations.get(type(command))
        if operation is None:
            raise RefusedError(f"`{type(command).__name__}` is not a command of this node")
        return operation(command, reply_to, now_ms)

    def on_message(self, node: str, data: bytes, reply_to: int, now_ms: int) -> list[Effect]:
        """Return the effects of a partner's request; `node` is who the transport has authenticated."""
        now_ms = self._observe(now_ms)
        partner = self.world.partners.get(node)
        if partner is None:
            return [fault(reply_to, "AuthenticationError", "not an enrolled partner")]
        try:
            head, parts = wire.unpack_message(data)
        except RecordError as error:
            return [fault(reply_to, "BadRequest", str(error))]
        match head:
            case wire.Pull():
                effects = self.serving.on_pull(partner, head, parts, reply_to, now_ms)
            case wire.BlobPull():
                effects = self.serving.on_blobs(partner, head, reply_to, now_ms)
            case wire.Returned():
                effects = self.adopting.on_returned(partner, head, parts, reply_to, now_ms)
            case _:
                effects = [fault(reply_to, "ServiceTypeNotSupported", "not a request")]
        return effects

    def on_answer(self, node: str, data: bytes, now_ms: int) -> list[Effect]:
        """Return the effects of a partner's answer to a request of ours."""
        now_ms = self._observe(now_ms)
        partner = self.world.partners.get(node)
        if partner is None:
            return []
        try:
            head, parts = wire.unpack_message(data)
        except RecordError:
            return self.pulling.on_unreachable(node, now_ms)
        match head:
            case wire.Answer():
                effects = self.pulling.on_answer(partner, head, parts, now_ms)
            case wire.BlobAnswer():
                effects = self.pulling.on_blobs(partner, head, parts, now_ms)
            case wire.Return():
                effects = self.pulling.on_return(partner, head, now_ms)
            case wire.Fault():
                effects = self.pulling.on_fault(partner, head, now_ms)
            case _:
                effects = self.pulling.on_unreachable(node, now_ms)
        return effects

    def on_unreachable(self, node: str, now_ms: int) -> list[Effect]:
        """Return the effects of a request that got no answer."""
        return self.pulling.on_unreachable(node, self._observe(now_ms))

    def on_tick(self, now_ms: int) -> list[Effect]:
        """Return what time alone brings: pulls, delayed releases, openings of provisions, answers to those who waited."""
        now_ms = self._observe(now_ms)
        effects = self.rotating.begin(now_ms)
        if not self._examined_ms:
            effects += erasing.unfinished(self.world, now_ms)
        if self._seen_ms >= self._trusted_since_ms:
            # Not from the last input on: an input may fall between a boundary and the next tick.
            if not self._examined_ms or any(self._examined_ms < edge <= now_ms for edge in self.world.boundaries):
                effects += self.desk.redecide(now_ms)
            self._examined_ms = now_ms
        effects += self.desk.overdue(now_ms)
        if not self.world.clock_in_doubt:
            effects += self.operating.due(now_ms) + self.retaining.due(now_ms)
        due = self._due_channels(now_ms)
        return effects + self.serving.wake(now_ms, due) + self.pulling.due(now_ms)

    def on_commit(self, token: int, seqs: Sequence[int], now_ms: int) -> list[Effect]:
        """Return what follows a commit that is durable."""
        return self.world.committed(token, seqs, self._believed(now_ms))

    def on_abort(self, token: int, error: KizunaError) -> list[Effect]:
        """Return what follows a commit that was not made."""
        return self.world.aborted(token, error)

    # --- inside --------------------------------------------------------------------------------------------------------------------

    def _observe(self, now_ms: int) -> int:
        """Return the time to go by. A clock that steps back, or leaps, is doubted until it has passed where it was, or gone on steadily.

        While a clock that leapt ahead is doubted, time stands where it was last believed: no record, entry or delay may rest on what may be wrong.
        """
        backward_ms = self.world.limits.backward_ms
        if now_ms < self._last_ms - backward_ms:
            self._trusted_since_ms = self._last_ms
        elif self._seen_ms and not self._seen_ms - backward_ms <= now_ms <= self._seen_ms + FORWARD_MS:
            self._trusted_since_ms = now_ms + SETTLE_MS
        self._seen_ms = now_ms
        self.world.clock_in_doubt = self.clock_suspect or now_ms < self._trusted_since_ms
        self._last_ms = max(self._last_ms, now_ms) if now_ms >= self._trusted_since_ms else self._last_ms
        return self._believed(now_ms)

    def _believed(self, now_ms: int) -> int:
        return now_ms if now_ms >= self._trusted_since_ms else min(now_ms, self._last_ms)

    def _due_channels(self, now_ms: int) -> list[str]:
        waiting = self.serving.waiting()
        if not waiting or not self.world.releasing:
            return []
        found = []
        for channel in waiting:
            rows = self.world.store.query(
                "SELECT item FROM outbox WHERE channel = ? AND not_before_ms <= ? LIMIT 8", (channel, now_ms)
            )
            denied = self.world.outs[channel].denied
            if any(denied.get(item, 0) <= now_ms for (item,) in rows):
                found.append(channel)
        return found

    def _woken(self, channels: Sequence[str], now_ms: int) -> list[Effect]:
        return self.serving.wake(now_ms, channels)

    def _compromised(self, verdict: Verdict, now_ms: int) -> list[Effect]:
        """Tell a person of what was taken in under keys of which the partner now says that they were no longer its own."""
        _, epoch, index = verdict.revoked or (0, 0, 0)
        header = verdict.shown.header
        rows = self.world.store.query(
            "SELECT COUNT(*) FROM leaf_in WHERE channel = ? AND (epoch > ? OR (epoch = ? AND idx >= ?)) AND kind = 'record' AND code = ''",
            (header.channel, epoch, epoch, index),
        )
        if (epoch, index) >= (header.epoch, header.index) or not rows[0][0]:
            return []
        sentence = f"`{header.channel}`: keys were compromised from entry `{index}` on; `{rows[0][0]}` records held since need a look"
        return self.world.alarm("compromised-key", header.channel, sentence, now_ms, stop=False)

    def _adopted(self, now_ms: int) -> list[Effect]:
        """Act on what a restored node took back: agreements count at once, and what was destroyed is erased again."""
        self.world.refresh_ledger()
        return self.desk.treaties_changed(now_ms) + erasing.unfinished(self.world, now_ms)

    def _arrived(self, _partner: Partner, arrival: Arrival, now_ms: int) -> list[Effect]:
        """Act on what a commit brought: new keys and agreements count at once, and destruction reaches the bodies."""
        effects: list[Effect] = []
        accepted = [verdict for verdict in arrival.verdicts if not verdict.code and not verdict.stub]
        if any(verdict.keyset or verdict.revoked for verdict in accepted):
            self.world.refresh_partners()
        for verdict in accepted:
            effects += self._compromised(verdict, now_ms) if verdict.revoked else []
        if any(verdict.shown.header.kind == "instrument" for verdict in accepted):
            effects += self.desk.treaties_changed(now_ms)
        effects += self.consenting.arrived(arrival, now_ms)
        gone = {
            (record_id, verdict.shown.header.channel)
            for verdict in accepted
            for act, record_id in verdict.acts
            if act == "destroy"
        }
        for record_id, channel in sorted(gone):
            effects += erasing.erase(self.world, record_id, "destroyed by its originator", now_ms, channel)
        for verdict in accepted:
            for act, record_id in verdict.acts:
                effects += self.desk.withdraw_derived(record_id, act, now_ms)
        if accepted and not gone:  # a record may come after its destruction
            effects += erasing.unfinished(self.world, now_ms)
        if any(verdict.shown.header.kind == "epoch" for verdict in accepted):
            channel = arrival.verdicts[0].shown.header.channel
            sentence = f"`{channel}` began a new epoch: its writer lost part of its log and declares the rest unknown"
            effects += self.world.alarm("epoch", channel, sentence, now_ms, stop=False)
        return effects
