"""The account of what plugs were given: counted as it goes out, journalled a minute at a time, and shown by plug, type and reason.

A stream of positions handed over is too much to journal one by one, so a minute's are said in one entry: how many of which type and grade went
under which clause, and how many stayed at home and why. No entry holds a record's content.
"""

from __future__ import annotations

import msgspec

from kizuna.kernel.journal import Db, Entry
from kizuna.node.channel.world import World
from kizuna.node.effects import Effect, NoteHanded, Reply

KIND = "handed"
"""The journal's word for such an entry."""
Row = tuple[str, str, int, str, int]
"""Record type, grade, whether it was given, under which clause or why not, and how many."""


class HandedRow(msgspec.Struct, frozen=True):
    """How many records of a type and grade a plug was given (`permit`) or not, under which clause or for which reason."""

    plug: str
    party: str
    type: str
    grade: str
    permit: bool
    reason: str
    count: int


class Handing:
    """Journals accounts, on the core's thread."""

    def __init__(self, world: World) -> None:
        self._world = world

    def note(self, command: NoteHanded, reply_to: int, now_ms: int) -> list[Effect]:
        """Return the effects of an account; the reply is the number of its rows."""
        rows = [list(row) for row in command.rows]
        meta = {"party": command.party, "plug": command.plug, "purpose": command.purpose, "rows": rows}
        entry = Entry(kind=KIND, at_ms=now_ms, meta=meta)
        return [
            self._world.commit(
                [entry],
                lambda _seqs, _later_ms: [Reply(reply_to, len(rows))],
                lambda error: [Reply(reply_to, error)],
            )
        ]


def handed(db: Db) -> tuple[HandedRow, ...]:
    """Return the account of all plugs so far, what was given first."""
    rows = db.execute(
        "SELECT plug, party, type, grade, permit, reason, count FROM handed ORDER BY plug, permit DESC, type, grade, reason, party"
    )
    return tuple(
        HandedRow(plug, party, type_, grade, bool(permit), reason, int(count))
        for plug, party, type_, grade, permit, reason, count in rows
    )
