"""The brief for the next meeting: what was promised since the last one, who owns it, what is late, what happened, and what to raise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kizuna.domains.dialogue import agenda, furniture, lookup, records, roadmap, rules
from kizuna.domains.dialogue.board import CommitmentRow
from kizuna.domains.dialogue.lookup import HELD, MeetingRow
from kizuna.domains.dialogue.meetings import shown
from kizuna.domains.dialogue.roadmap import MilestoneRow, RoadmapWanted
from kizuna.errors import RefusedError
from kizuna.formats import paper
from kizuna.formats.paper import Paper, Section
from kizuna.kernel.operation import Desk, Document, Happening, Query, Wanted
from kizuna.kernel.statement import day_of

_LONG_OPEN_DAYS = 365
_MOST = 500


class BriefWanted(Wanted, frozen=True):
    """Which meeting is to be prepared, and how."""

    mechanism: Annotated[str, Meta(description="The mechanism that meets next.")]
    since: Annotated[
        str, Meta(description="From this day on, YYYY-MM-DD; the last meeting that is known where not given.")
    ] = ""
    language: Annotated[Literal["en", "ja", "hi"], Meta(description="The language of headings and sentences.")] = "en"
    form: Annotated[Literal["html", "docx"], Meta(description="The form of the file.")] = "html"


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """What a brief says, before it is put into words."""

    title: str
    next: MeetingRow | None
    next_host: str
    last: MeetingRow | None
    first_on: str
    last_on: str
    open: tuple[CommitmentRow, ...]
    happened: tuple[Happening, ...]
    milestones: tuple[MilestoneRow, ...]
    positions: tuple[str, ...]
    points: tuple[tuple[str, dict[str, str]], ...]
    """What to raise: the name of a sentence of the furniture, and its values."""


def prepare(desk: Desk, mechanism: str, since: str) -> Brief:
    """Return what is to be said at the next meeting of a mechanism.

    Raises:
        RefusedError: the mechanism is not known, or `since` is no day.
    """
    if since and not rules.exact(since):
        raise RefusedError(f"`{since[:20]}` is no day: write it as `YYYY-MM-DD`")
    today = day_of(desk.now_ms)
    found = agenda.series(desk, agenda.SeriesWanted(mechanism=mechanism))
    held = [row for row in found.meetings if row.state in HELD and not rules.is_before(today, row.starts_on)]
    last = held[-1] if held else None
    bounds = rules.bounds(last.ends_on or last.starts_on) if last is not None else None
    first_on = since or (bounds[1] if bounds is not None else "")
    rows = agenda.carried(desk.db, mechanism, today, _MOST)
    stones = tuple(
        row for row in roadmap.milestones(desk, RoadmapWanted(limit=_MOST)) if row.state not in ("done", "cancelled")
    )
    ahead = [row for row in found.meetings if row.state in ("agreed", "proposed") and row.basis == "case"]
    return Brief(
        title=found.title or mechanism,
        next=ahead[0] if ahead else None,
        next_host=found.next_host,
        last=last,
        first_on=first_on,
        last_on=today,
        open=rows,
        happened=desk.happened(first_on or "0001-01-01", today),
        milestones=stones,
        positions=tuple(
            shown(each.body, "text") or "" for each in lookup.told(desk.db, records.POSITION, meeting=last.meeting)
        )
        if last is not None
        else (),
        points=tuple(_points(desk, mechanism, rows, stones)),
    )


def _points(
    desk: Desk, mechanism: str, rows: Sequence[CommitmentRow], stones: Iterable[MilestoneRow]
) -> Iterator[tuple[str, dict[str, str]]]:
    cased = [row for row in rows if row.basis == "case"]
    for row in rows:
        if row.days_overdue:
            yield "raise-overdue", {"name": row.text, "days": str(row.days_overdue)}
    yield from _joint_points(desk, cased)
    for gone in agenda.vanished(desk, agenda.VanishedWanted(mechanism=mechanism)):
        text = next((row.text for row in cased if row.commitment == gone.commitment), gone.commitment)
        yield "raise-vanished", {"name": text}
    for row in rows:
        if not row.due_on and row.state != "standing" and (row.days_open or 0) > _LONG_OPEN_DAYS:
            yield "raise-no-date", {"name": row.text, "days": str(row.days_open)}
    for stone in stones:
        if (stone.slipped_days or 0) > 0:
            yield "raise-slipped", {"name": stone.title, "days": str(stone.slipped_days)}


def _joint_points(desk: Desk, rows: Sequence[CommitmentRow]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what the two sides owe each other in the cases themselves: signatures, answers, owners, and a talk about scores that differ."""
    scores = _last_scores(desk, [row.commitment for row in rows])
    sides = _sides(desk, [row.commitment for row in rows])
    for row in rows:
        for name in row.waits_for.split():
            yield "raise-signature", {"name": row.text, "party": name}
        if row.state == "claimed_done":
            yield "raise-accept", {"name": row.text}
        for name in sides.get(row.commitment, ()):
            if name not in row.owners:
                yield "raise-owner", {"name": row.text, "party": name}
        given = scores.get(row.commitment, {})
        if len(set(given.values())) > 1:
            said = ", ".join(f"{name} {value:+d}" for name, value in sorted(given.items()))
            yield "raise-scores", {"name": row.text, "scores": said}


def _last_scores(desk: Desk, names: Sequence[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    rows = desk.db.execute(
        "SELECT c.name, s.party, s.value FROM dialogue_score s JOIN dialogue_commitment c ON c.case_id = s.case_id"
        f" WHERE s.case_id IN ({','.join('?' * len(names)) or 'NULL'}) ORDER BY s.case_id, s.no",
        [f"dialogue.commitment:{name}" for name in names],
    )
    for name, party, value in rows:
        found.setdefault(name, {})[party] = value
    return found


def _sides(desk: Desk, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    rows = desk.db.execute(
        f"SELECT name, opener, other FROM dialogue_commitment WHERE case_id IN ({','.join('?' * len(names)) or 'NULL'})",
        [f"dialogue.commitment:{name}" for name in names],
    )
    return {name: (opener, other) for name, opener, other in rows}


# --- in words ---------------------------------------------------------------------------------------------------------------------


def in_words(made: Brief, party: str, language: str, now_ms: int, marking: str) -> Paper:
    """Return a brief as a paper in a language, under its marking."""

    def say(name: str, /, **values: object) -> str:
        return furniture.word(name, language, **values)

    since = made.first_on
    fresh = [row for row in made.open if since and not rules.is_before(row.first_made_on, since)]
    late = [row for row in made.open if row.days_overdue]
    listed = {row.commitment for row in (*fresh, *late)}
    older = [row for row in made.open if row.commitment not in listed]
    nothing = say("nothing")
    return Paper(
        language=language,
        title=say("title", title=made.title),
        lead=[*_lead(made, language)],
        sections=(
            Section(
                heading=say("raise"), sentences=[_point(name, values, language) for name, values in made.points],
                empty="" if made.points else nothing,
            ),
            _commitments("overdue", late, party, language, late=True),
            _commitments("promised", fresh, party, language),
            _commitments("open", older, party, language),
            Section(
                heading=say("happened"), columns=[say(name) for name in ("when", "kind", "what", "where")], empty=nothing,
                rows=[
                    (_span(each.first_on, each.last_on), furniture.kind(each.kind, language), each.title, each.place) for each in made.happened
                ],
            ),
            Section(
                heading=say("milestones"), columns=[say(name) for name in ("milestone", "party", "state", "baseline", "forecast", "slipped")],
                empty=nothing,
                rows=[
                    (row.title, furniture.party(row.owner_party, language), furniture.state(row.state, language), row.baseline_on,
                     row.forecast_on, str(row.slipped_days if row.slipped_days is not None else ""))
                    for row in made.milestones
                ],
            ),
            Section(heading=say("positions"), sentences=made.positions, empty="" if made.positions else nothing),
        ),
        foot=say("foot", day=day_of(now_ms), party=furniture.party(party, language)),
        made_ms=now_ms,
        marking=marking,
    )  # fmt: skip


def _lead(made: Brief, language: str) -> Iterator[str]:
    def say(name: str, /, **values: object) -> str:
        return furniture.word(name, language, **values)

    def place(row: MeetingRow) -> str:
        return row.place or say("unknown-place")

    if made.next is not None:
        yield say("next", when=_span(made.next.starts_on, made.next.ends_on), place=place(made.next))
    else:
        yield say("next-open")
        if made.next_host:
            yield say("next-host", party=furniture.party(made.next_host, language))
    if made.last is not None:
        days = rules.days_between(made.last.starts_on, made.last_on)
        yield say(
            "last",
            when=_span(made.last.starts_on, made.last.ends_on),
            place=place(made.last),
            days="?" if days is None else days,
        )
    else:
        yield say("last-none")
    if made.first_on:
        yield say("period", first=made.first_on, last=made.last_on)


def _span(first: str, last: str) -> str:
    return first if last in ("", first) else f"{first} – {last}"  # noqa: RUF001 # a dash between two days


def _point(name: str, values: dict[str, str], language: str) -> str:
    party = values.get("party")
    return furniture.word(name, language, **(values | ({"party": furniture.party(party, language)} if party else {})))


def _commitments(
    heading: str, rows: Iterable[CommitmentRow], party: str, language: str, *, late: bool = False
) -> Section:
    def say(name: str, /) -> str:
        return furniture.word(name, language)

    days = "days-late" if late else "days-open"
    return Section(
        heading=say(heading), empty=say("nothing"),
        columns=[say(name) for name in ("commitment", "since", "owner-own", "owner-other", "due", "state", days)],
        rows=[
            (
                f"{row.text} ({say('cited')})" if row.basis == "cited" else f"{row.text} [{row.commitment}]",
                row.first_made_on,
                row.owners.get(party) or say("nobody"),
                ", ".join(owner for side, owner in row.owners.items() if side != party) or say("nobody"),
                row.due_on or row.due_phrase or say("open-due"),
                furniture.state(row.state, language),
                str((row.days_overdue if late else row.days_open) or ""),
            )
            for row in rows
        ],
    )  # fmt: skip


def brief(desk: Desk, wanted: BriefWanted) -> Document:
    """Return the brief as a file.

    Raises:
        RefusedError: see `prepare`.
        ConfigError: a DOCX is wanted and its library is not installed.
    """
    mark = desk.marked(wanted.language, domains=("dialogue", "exercises"))  # whose happenings it tells
    made = in_words(prepare(desk, wanted.mechanism, wanted.since), desk.party, wanted.language, desk.now_ms, mark)
    name = f"brief-{wanted.mechanism}-{day_of(desk.now_ms)}-{wanted.language}.{wanted.form}"
    if wanted.form == "docx":
        return Document(name, paper.DOCX, paper.to_docx(made))
    return Document(name, paper.HTML, paper.to_html(made))


QUERIES = (
    Query(
        name="brief",
        text="The brief for the next meeting, as HTML or DOCX, in three languages.",
        asks=BriefWanted,
        run=brief,
    ),
)
