"""What is done for the security officer: reads and what befalls accounts are journalled, and one channel is stopped by hand."""

from __future__ import annotations

from kizuna.errors import RefusedError
from kizuna.kernel.journal import Entry
from kizuna.node import effects as fx
from kizuna.node.channel.world import World, plain
from kizuna.node.effects import Alert, Effect, Reply
from kizuna.node.held.auditing import ACCOUNT, MOST_READ, READ

STOPPED = "stopped-by-officer"


class Watching:
    """Journals reads and what befalls accounts, and stops channels."""

    def __init__(self, world: World) -> None:
        self._world = world

    def note_reads(self, command: fx.NoteReads, reply_to: int, now_ms: int) -> list[Effect]:
        """Journal the records that an officer was shown, as many an entry as fit."""
        found = sorted(set(command.records))
        parts = [found[start : start + MOST_READ] for start in range(0, len(found), MOST_READ)]
        if not parts:
            return [Reply(reply_to, 0)]
        entries = [Entry(kind=READ, at_ms=now_ms, meta={"actor": command.actor, "records": part}) for part in parts]
        return [
            self._world.commit(
                entries, lambda _seqs, _now_ms: [Reply(reply_to, len(found))], lambda error: [Reply(reply_to, error)]
            )
        ]

    def note_account(self, command: fx.NoteAccount, reply_to: int, now_ms: int) -> list[Effect]:
        """Journal what was done to an account."""
        meta = {"act": command.act, "actor": command.actor, "officer": command.officer}
        meta |= {"name": command.name} if command.name else {}
        meta |= {"second_actor": command.second_actor} if command.second_actor else {}
        entry = Entry(kind=ACCOUNT, at_ms=now_ms, meta=meta)
        return [
            self._world.commit(
                [entry], lambda _seqs, _now_ms: [Reply(reply_to, command.act)], lambda error: [Reply(reply_to, error)]
            )
        ]

    def stop_channel(self, command: fx.StopChannel, reply_to: int, now_ms: int) -> list[Effect]:
        """Stop what goes to a partner, in memory before it is journalled; it is reopened like one that a fault has stopped."""
        state = self._world.out_channel(command.node)
        if state.stopped:
            raise RefusedError(f"the channel to `{command.node}` is stopped already by `{state.stopped}`")
        channel, sentence = state.channel, plain(f"an officer stopped it: {command.reason}")
        meta = {"actor": command.actor, "channel": channel, "kind": STOPPED, "sentence": sentence, "stop": True}
        state.stopped = STOPPED
        entry = Entry(kind="alert", at_ms=now_ms, meta=meta)
        return [
            Alert(STOPPED, channel, sentence),
            self._world.commit(
                [entry], lambda _seqs, _now_ms: [Reply(reply_to, channel)], lambda error: [Reply(reply_to, error)]
            ),
        ]
