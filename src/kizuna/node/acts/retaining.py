"""What ends by time loses its bodies, by journalled acts: personal data whose `retain_until` has passed, and what a partner released for a term.

Personal data of ours is destroyed at every holder, as its originator may; what is a partner's is erased here alone. The day is the record's own
fact; where it was not disclosed, or a step of a case has none, nothing is erased by itself. The term is that of the provision under which the partner
released (`retain_days`), counted from the release. Positions lie in the archive besides, so `kizuna.node.maritime.ageing` looks for them and
asks for their end here. Officers' accounts end in `kizuna.node.people.accounts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kizuna.domains.maritime.records import OWN_UNIT_BATCH, POSITION_BATCH
from kizuna.errors import ChannelError
from kizuna.kernel.journal import Entry
from kizuna.node import effects as fx
from kizuna.node.acts import erasing
from kizuna.node.channel.world import World
from kizuna.node.effects import Effect, Reply
from kizuna.node.held.retained import ENDED

ACTOR = "system:retention"
_REASON = "personal data whose day has passed"
_TERM = "the term of the agreement has passed"
_EVERY_MS = 60_000
_AT_ONCE = 200


class Retaining:
    """Ends what is to end. `destroy` destroys a record of ours at every holder."""

    def __init__(self, world: World, destroy: Callable[[fx.Act, int, int], list[Effect]]) -> None:
        self._world = world
        self._destroy = destroy
        self._looked_ms = 0

    def due(self, now_ms: int) -> list[Effect]:
        """Return what erases the bodies that are to be erased by now; looked for once a minute."""
        if 0 <= now_ms - self._looked_ms < _EVERY_MS:
            return []
        self._looked_ms = now_ms
        rows = self._world.store.query(
            "SELECT t.record_id, r.own, r.standing, t.term FROM retained t JOIN record r ON r.id = t.record_id WHERE t.ends_ms <= ?"
            " AND (t.term = '' OR (r.own = 0 AND r.type NOT IN (?,?))) ORDER BY t.ends_ms, t.record_id LIMIT ?",
            (now_ms, POSITION_BATCH, OWN_UNIT_BATCH, _AT_ONCE),
        )
        effects: list[Effect] = []
        for record_id, own, standing, term in rows:
            if term:
                effects += erasing.erase(self._world, record_id, f"{_TERM} ({term})", now_ms)
            elif own and standing != "destroy":
                if record_id not in self._world.withdrawn:
                    effects += self._destroy(fx.Act(record_id, "destroy", _REASON, ACTOR), 0, now_ms)
            else:
                effects += erasing.erase(self._world, record_id, _REASON, now_ms)
        return effects

    def end(self, command: fx.EndPositions, reply_to: int, now_ms: int) -> list[Effect]:
        """Return what ends some positions: first the entry that says so, then their bodies and files; the reply is the entry's number.

        Raises:
            ChannelError: the clock is in doubt, and with it whether their time has passed.
        """
        if self._world.clock_in_doubt:
            raise ChannelError("positions do not end while the clock is in doubt: they are looked at again later")
        meta = {
            "days": list(command.days), "files": command.files, "files_sha256": command.files_sha256, "party": command.party,
            "records": list(command.records), "rows": command.rows, "rule": command.rule, "source": command.source,
            "source_kind": command.source_kind,
        }  # fmt: skip

        def then(seqs: Sequence[int], later_ms: int) -> list[Effect]:
            gone = [
                each for item in command.records for each in erasing.erase(self._world, item, command.rule, later_ms)
            ]
            return [*gone, Reply(reply_to, seqs[0])]

        entry = Entry(kind=ENDED, at_ms=now_ms, meta=meta)
        return [self._world.commit([entry], then, lambda error: [Reply(reply_to, error)])]
