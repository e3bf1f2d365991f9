"""What the tables hold of mechanisms, meetings and cited promises, joined as people look things up: a case goes before what is only cited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from kizuna.domains.dialogue import records, rules
from kizuna.domains.dialogue.meetings import shown
from kizuna.domains.dialogue.records import STATEMENTS, CommitmentCited, MechanismDescribed, MeetingCited
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

B = TypeVar("B", bound=Body)
HELD = ("held", "reported")


@dataclass(frozen=True)
class Told(Generic[B]):
    """One thing that parties state, by its name: the newest statement, our own before a partner's, and the sources of all who state it."""

    name: str
    body: B
    told_by: tuple[str, ...]
    sources: tuple[str, ...]


def told(db: Db, wire: str, *, name: str = "", mechanism: str = "", meeting: str = "") -> list[Told[Any]]:
    """Return what is stated under a wire name, by name: one thing told ten times is one thing with ten sources."""
    given = {"name": name, "mechanism": mechanism, "meeting": meeting}
    tests = {f"{column} = ?": value for column, value in given.items() if value}
    rows = db.execute(
        f"SELECT name, party, body FROM dialogue_said WHERE {' AND '.join(['type = ?', *tests])}"
        " ORDER BY name, own, at_ms, record_id",
        (wire, *tests.values()),
    )
    newest: dict[str, dict[str, Any]] = {}
    for found, party, body in rows:
        held = newest.setdefault(found, {})
        held.pop(party, None)  # so that the newest of all comes last
        held[party] = msgspec.json.decode(body, type=STATEMENTS[wire])
    return [
        Told(
            name=found,
            body=[*held.values()][-1],
            told_by=tuple(sorted(held)),
            sources=tuple(dict.fromkeys(source for body in held.values() for source in shown(body, "sources") or ())),
        )
        for found, held in newest.items()
        if found
    ]


def mechanism(db: Db, name: str) -> Told[MechanismDescribed] | None:
    """Return a mechanism, or None."""
    return next(iter(told(db, records.MECHANISM, name=name)), None)


class MeetingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One meeting of a series; `basis` is `case` where two parties agreed on it here and `cited` where sources tell of it.

    `days_since` counts from the meeting before it that was held, None where one of the two is not known to the day.
    """

    meeting: str
    mechanism: str
    ordinal: int | None
    state: str
    starts_on: str
    ends_on: str
    place: str
    host: str
    basis: str
    days_since: int | None = None
    note: str = ""


_COLUMNS = "name, mechanism, ordinal, state, starts_on, ends_on, place, host"


def _row(values: Sequence[Any]) -> MeetingRow:
    name, found, ordinal, state, starts_on, ends_on, place, host = values
    return MeetingRow(
        meeting=name, mechanism=found, ordinal=ordinal, state=state, starts_on=starts_on, ends_on=ends_on, place=place, host=host,
        basis="case",
    )  # fmt: skip


def _cited(found: Told[MeetingCited]) -> MeetingRow:
    def text(name: str) -> str:
        return str(shown(found.body, name) or "")

    return MeetingRow(
        meeting=found.name, mechanism=text("mechanism"), ordinal=shown(found.body, "ordinal"), state=text("state"),
        starts_on=text("starts_on"), ends_on=text("ends_on") or text("starts_on"), place=text("place"), host=text("host"),
        basis="cited", note=text("note"),
    )  # fmt: skip


def meeting(db: Db, name: str) -> MeetingRow | None:
    """Return a meeting by its name, or None."""
    rows = [*db.execute(f"SELECT {_COLUMNS} FROM dialogue_meeting WHERE case_id = ?", (f"dialogue.meeting:{name}",))]
    if rows:
        return _row(rows[0])
    return next(map(_cited, told(db, records.MEETING_CITED, name=name)), None)


def _starts(row: MeetingRow) -> tuple[str, str]:
    found = rules.bounds(row.starts_on)
    return (found[0] if found else "9999", row.meeting)


def series(db: Db, name: str) -> list[MeetingRow]:
    """Return the meetings of a mechanism, the earliest first, each with the days since the one that was held before it."""
    cased = [
        _row(values)
        for values in db.execute(
            f"SELECT {_COLUMNS} FROM dialogue_meeting WHERE mechanism = ? ORDER BY starts_on", (name,)
        )
    ]
    names = {row.meeting for row in cased}
    cited = [_cited(found) for found in told(db, records.MEETING_CITED, mechanism=name) if found.name not in names]
    rows, before = [], ""
    for row in sorted([*cased, *cited], key=_starts):
        held = row.state in HELD
        rows.append(
            msgspec.structs.replace(row, days_since=rules.days_between(before, row.starts_on))
            if held and before
            else row
        )
        before = row.starts_on if held else before
    return rows


def taken_up(db: Db) -> frozenset[str]:
    """Return the names of cited promises that a case of two parties has taken up."""
    rows = db.execute(
        "SELECT DISTINCT restates FROM dialogue_commitment WHERE restates IS NOT NULL AND confirmed_at_ms IS NOT NULL"
    )
    return frozenset(name for (name,) in rows)


def cited_commitments(db: Db, *, mechanism: str = "", name: str = "") -> list[Told[CommitmentCited]]:
    """Return the promises that are only cited: those that a case has taken up are left to the case."""
    held = taken_up(db)
    return [
        found for found in told(db, records.COMMITMENT_CITED, mechanism=mechanism, name=name) if found.name not in held
    ]
