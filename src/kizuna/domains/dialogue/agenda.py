"""Mechanisms with their series of meetings, and one meeting: what it carries, what it decided, and what it forgot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from kizuna.domains.dialogue import board, lookup, records, rules
from kizuna.domains.dialogue.board import CommitmentRow
from kizuna.domains.dialogue.lookup import HELD, MeetingRow
from kizuna.domains.dialogue.meetings import shown
from kizuna.errors import RefusedError
from kizuna.kernel.journal import Db
from kizuna.kernel.operation import Desk, Happening, Query, Wanted
from kizuna.kernel.statement import day_of

CARRIED = 200
_YEAR_MONTHS = 12


class NothingWanted(Wanted, frozen=True):
    """All of them."""


class SeriesWanted(Wanted, frozen=True):
    """Which mechanism."""

    mechanism: Annotated[str, Meta(description="Its name, like `ind-jpn-2plus2-ministerial`.")]


class MeetingWanted(Wanted, frozen=True):
    """Which meeting."""

    meeting: Annotated[str, Meta(description="Its name: the key of its case, or that under which it is cited.")]


class VanishedWanted(Wanted, frozen=True):
    """Where to look."""

    mechanism: Annotated[str, Meta(description="Only meetings of this mechanism.")] = ""
    limit: Annotated[int, Meta(description="At most so many.", ge=1, le=1000)] = 100


class MechanismRow(msgspec.Struct, frozen=True, kw_only=True):
    """A standing forum, with its last meeting that was held and what is open in it."""

    mechanism: str
    title: str
    level: str
    posts: tuple[str, ...]
    cadence_months: int | None
    meetings: int
    last_held_on: str
    open_commitments: int
    told_by: tuple[str, ...]


class SeriesShown(msgspec.Struct, frozen=True, kw_only=True):
    """A mechanism with its meetings.

    `unknown_ordinals` are numbers below the greatest that nobody has seen, `doubled_ordinals` those that stand twice, `years_unseen` the years
    without a known meeting where one is due each year: all of them unknown, none of them "not held". `next_host` is who hosts next if the two
    alternate, empty where the last host is not known.
    """

    mechanism: str
    title: str
    level: str
    posts: tuple[str, ...]
    cadence_months: int | None
    host_rule: str
    meetings: tuple[MeetingRow, ...]
    unknown_ordinals: tuple[int, ...]
    doubled_ordinals: tuple[int, ...]
    years_unseen: tuple[int, ...]
    next_host: str
    sources: tuple[str, ...]


class ItemRow(msgspec.Struct, frozen=True):
    """An item of an agenda that somebody added, in its order after what is carried."""

    no: int
    title: str
    owner_party: str
    commitment: str
    added_by: str


class MinuteRow(msgspec.Struct, frozen=True):
    """A joint text of a meeting; `text_sha256` is the hash by which it was, or would be, agreed."""

    minute: str
    state: str
    title: str
    versions: int
    text_sha256: str


class MeetingShown(msgspec.Struct, frozen=True, kw_only=True):
    """A meeting whole. `carried` are the open commitments of its mechanism, the overdue ones first: the agenda begins with them."""

    row: MeetingRow
    carried: tuple[CommitmentRow, ...]
    items: tuple[ItemRow, ...]
    minutes: tuple[MinuteRow, ...]
    decisions: tuple[str, ...]
    dispositions: dict[str, str]
    vanished: tuple[str, ...]
    positions: tuple[str, ...]
    documents: tuple[str, ...]


class VanishedRow(msgspec.Struct, frozen=True):
    """A commitment that was open when a mechanism last reported, and of which that report says nothing."""

    commitment: str
    meeting: str


def mechanisms(desk: Desk, _wanted: NothingWanted) -> Sequence[MechanismRow]:
    """Return the standing forums, by level and name."""
    counts = dict(desk.db.execute(
        "SELECT f.mechanism, COUNT(*) FROM dialogue_followed f JOIN dialogue_commitment c ON c.case_id = f.case_id"
        " WHERE c.closed = 0 GROUP BY f.mechanism"
    ))  # fmt: skip
    held = _held(desk.db)
    return [
        MechanismRow(
            mechanism=found.name, title=shown(found.body, "title") or "", level=shown(found.body, "level") or "",
            posts=shown(found.body, "posts") or (), cadence_months=shown(found.body, "cadence_months"),
            meetings=len(days := held.get(found.name, [])), last_held_on=max(days, default=""), open_commitments=counts.get(found.name, 0),
            told_by=found.told_by,
        )
        for found in lookup.told(desk.db, records.MECHANISM)
    ]  # fmt: skip


def _held(db: Db) -> dict[str, list[str]]:
    """Return the days of all meetings that were held, by mechanism; a meeting that is both a case and cited counts once."""
    found: dict[str, dict[str, str]] = {}
    for each in lookup.told(db, records.MEETING_CITED):
        if shown(each.body, "state") == "held":
            found.setdefault(shown(each.body, "mechanism") or "", {})[each.name] = shown(each.body, "starts_on") or ""
    for mechanism, name, starts_on in db.execute(
        "SELECT mechanism, name, starts_on FROM dialogue_meeting WHERE state IN ('held', 'reported')"
    ):
        found.setdefault(mechanism, {})[name] = starts_on
    return {mechanism: [*days.values()] for mechanism, days in found.items()}


def series(desk: Desk, wanted: SeriesWanted) -> SeriesShown:
    """Return a mechanism with its meetings.

    Raises:
        RefusedError: no such mechanism is held.
    """
    found = lookup.mechanism(desk.db, wanted.mechanism)
    if found is None:
        raise RefusedError(
            f"no mechanism is called `{wanted.mechanism[:100]}` here: `kizuna dialogue mechanisms` lists them"
        )
    rows = lookup.series(desk.db, wanted.mechanism)
    held = [row for row in rows if row.state in HELD]
    numbers = [row.ordinal for row in rows if row.ordinal is not None]
    counted = [row for row in held if row.ordinal is not None] or held
    cadence = shown(found.body, "cadence_months")
    return SeriesShown(
        mechanism=found.name, title=shown(found.body, "title") or "", level=shown(found.body, "level") or "",
        posts=shown(found.body, "posts") or (), cadence_months=cadence, host_rule=shown(found.body, "host_rule") or "",
        meetings=tuple(rows), unknown_ordinals=tuple(rules.missing_ordinals(numbers)),
        doubled_ordinals=tuple(sorted({number for number in numbers if numbers.count(number) > 1})),
        years_unseen=tuple(rules.years_unseen([row.starts_on for row in held])) if cadence == _YEAR_MONTHS else (),
        next_host=rules.next_host([row.host for row in counted], shown(found.body, "parties") or ()), sources=found.sources,
    )  # fmt: skip


def carried(db: Db, mechanism: str, today: str, limit: int = CARRIED) -> tuple[CommitmentRow, ...]:
    """Return the open commitments of a mechanism, the overdue ones first, then the cited ones that no case has taken up."""
    rows = board.rows_of(
        db, today, ["f.mechanism = ?", "c.closed = 0", "c.confirmed_at_ms IS NOT NULL"], [mechanism], limit,
        "dialogue_followed f JOIN dialogue_commitment c ON c.case_id = f.case_id",
    )  # fmt: skip
    overdue = [row for row in rows if row.days_overdue]
    rest = [row for row in rows if not row.days_overdue]
    return (*overdue, *rest, *board.cited_rows(db, today, mechanism=mechanism))


def meeting(desk: Desk, wanted: MeetingWanted) -> MeetingShown:
    """Return a meeting with its agenda, the commitments that it carries first.

    Raises:
        RefusedError: no such meeting is held.
    """
    db = desk.db
    row = lookup.meeting(db, wanted.meeting.removeprefix("dialogue.meeting:"))
    if row is None:
        raise RefusedError(
            f"no meeting is called `{wanted.meeting[:100]}` here: `kizuna dialogue series` lists those of a mechanism"
        )
    case_id = f"dialogue.meeting:{row.meeting}"
    texts = db.execute(
        "SELECT name, state, title, versions, text_sha256 FROM dialogue_minute WHERE meeting = ? ORDER BY name",
        (row.meeting,),
    )
    items = db.execute(
        "SELECT no, title, owner_party, commitment, party FROM dialogue_agenda WHERE case_id = ? ORDER BY no",
        (case_id,),
    )
    decided = db.execute("SELECT text FROM dialogue_decision WHERE case_id = ? ORDER BY no", (case_id,))
    disposed = db.execute(
        "SELECT commitment, becomes FROM dialogue_disposition WHERE case_id = ? ORDER BY commitment", (case_id,)
    )
    before = row.basis == "case" and row.state not in HELD
    return MeetingShown(
        row=row,
        carried=carried(db, row.mechanism, day_of(desk.now_ms)) if before else (),
        items=tuple(ItemRow(*values) for values in items),
        minutes=tuple(MinuteRow(*values) for values in texts),
        decisions=tuple(text for (text,) in decided),
        dispositions=dict(disposed),
        vanished=tuple(
            found.commitment for found in _vanished(db, row.mechanism, CARRIED) if found.meeting == row.meeting
        ),
        positions=tuple(
            shown(found.body, "text") or "" for found in lookup.told(db, records.POSITION, meeting=row.meeting)
        ),
        documents=tuple(
            shown(found.body, "text") or "" for found in lookup.told(db, records.DOCUMENT, meeting=row.meeting)
        ),
    )


def vanished(desk: Desk, wanted: VanishedWanted) -> Sequence[VanishedRow]:
    """Return commitments of which the last report of their mechanism says nothing: two nodes apart may each know some that the other did not."""
    return _vanished(desk.db, wanted.mechanism, wanted.limit)


def _vanished(db: Db, mechanism: str, limit: int) -> list[VanishedRow]:
    last: dict[str, tuple[int, str, str]] = {}
    reported = db.execute(
        "SELECT mechanism, reported_at_ms, case_id, name FROM dialogue_meeting WHERE state = 'reported'"
        + (" AND mechanism = ?" if mechanism else ""),
        (mechanism,) if mechanism else (),
    )
    for each, *report in reported:
        last[each] = max(last.get(each, (0, "", "")), tuple(report))
    found: list[VanishedRow] = []
    for each, (reported_at_ms, case_id, meeting_name) in sorted(last.items()):
        rows = db.execute(
            "SELECT c.name FROM dialogue_followed f JOIN dialogue_commitment c ON c.case_id = f.case_id"
            " WHERE f.mechanism = ? AND c.confirmed_at_ms < ? AND (c.closed_at_ms IS NULL OR c.closed_at_ms >= ?)"
            " AND NOT EXISTS (SELECT 1 FROM dialogue_disposition d WHERE d.case_id = ? AND d.commitment = c.name)"
            " ORDER BY c.name LIMIT ?",
            (each, reported_at_ms, reported_at_ms, case_id, limit),
        )
        found += [VanishedRow(name, meeting_name) for (name,) in rows]
    return found[:limit]


def happenings(db: Db, first_on: str, last_on: str) -> list[Happening]:
    """Return the meetings that were held and the documents that were exchanged between two days, for any domain's brief."""
    cased = db.execute(
        "SELECT COALESCE(NULLIF(title, ''), mechanism), starts_on, ends_on, place, name, mechanism FROM dialogue_meeting"
        " WHERE state IN ('held', 'reported') AND starts_on <= ? AND ends_on >= ?",
        (last_on, first_on),
    )
    found = [Happening("meeting", *values) for values in cased]
    names = {each.ref for each in found}
    titles = {each.name: shown(each.body, "title") or each.name for each in lookup.told(db, records.MECHANISM)}
    for each in lookup.told(db, records.MEETING_CITED):
        bounds = rules.bounds(shown(each.body, "starts_on"))
        if each.name in names or shown(each.body, "state") != "held" or bounds is None:
            continue
        last = rules.bounds(shown(each.body, "ends_on")) or bounds
        if bounds[0] <= last_on and last[1] >= first_on:
            mechanism = shown(each.body, "mechanism") or ""
            place = shown(each.body, "place") or ""
            title = titles.get(mechanism, mechanism)
            found.append(Happening("meeting", title, bounds[0], last[1], place, each.name, mechanism))
    for each in lookup.told(db, records.DOCUMENT):
        bounds = rules.bounds(shown(each.body, "on"))
        if bounds is not None and bounds[0] <= last_on and bounds[1] >= first_on:
            found.append(Happening("document", shown(each.body, "text") or "", *bounds, "", each.name))
    return found


QUERIES = (
    Query(name="mechanisms", text="Standing forums with their last meetings.", asks=NothingWanted, run=mechanisms),
    Query(
        name="series", text="A mechanism's meetings: intervals, gaps, who hosts next.", asks=SeriesWanted, run=series
    ),
    Query(
        name="meeting", text="One meeting: agenda with what is carried first, outcome.", asks=MeetingWanted, run=meeting
    ),
    Query(
        name="vanished",
        text="Open commitments on which the last report is silent.",
        asks=VanishedWanted,
        run=vanished,
    ),
)
