"""Commitments as CSV or XLSX, out and in; meetings, due days and milestones as a calendar; what a joint text is read as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kizuna.domains.dialogue import reading, records, rules
from kizuna.domains.dialogue.asking import ROLES
from kizuna.domains.dialogue.board import days_overdue
from kizuna.domains.dialogue.commitments import SETTLED
from kizuna.domains.dialogue.lookup import told
from kizuna.domains.dialogue.meetings import shown
from kizuna.domains.dialogue.ops_commitments import IdentifyAsked, identified
from kizuna.errors import RecordError, RefusedError
from kizuna.formats import calendar_days, csv_table, xlsx_table
from kizuna.formats.calendar_days import Day
from kizuna.kernel.operation import Asked, Desk, Document, Operation, Outcome, Query, Statement, Wanted
from kizuna.kernel.statement import day_of

NEEDED = ("commitment", "text", "minute", "paragraph")
GIVEN = (
    *NEEDED,
    "actors",
    "language",
    "due_on",
    "due_phrase",
    "indicator",
    "target",
    "restates",
    "parent",
    "milestone",
)
"""Columns that a file may give."""
SHOWN = ("state", "owners", "first_made_on", "restated_on", "days_overdue", "scores")
"""Columns that only a written file has; when read they are passed over."""
COLUMNS = (*GIVEN, *SHOWN)
MOST_ROWS = 1000
_PREFIX = "dialogue.commitment:"
_XLSX = b"PK\x03\x04"


class ExportWanted(Wanted, frozen=True):
    """Which commitments, and in which form."""

    mechanism: Annotated[str, Meta(description="Only those made or restated at meetings of this mechanism.")] = ""
    closed: Annotated[bool, Meta(description="Closed ones too.")] = False
    form: Annotated[Literal["csv", "xlsx"], Meta(description="The form of the file.")] = "csv"


class CalendarWanted(Wanted, frozen=True):
    """Which days."""

    from_on: Annotated[str, Meta(description="From this day on, YYYY-MM-DD; today where not given.")] = ""


class ReadWanted(Wanted, frozen=True):
    """Which joint text."""

    minute: Annotated[str, Meta(description="The text, by the key of its minute.")]
    language: Annotated[str, Meta(description="In this language; the first that can be read where not given.")] = ""
    views: Annotated[bool, Meta(description="Also what was read as a view, not a promise.")] = False


class ImportAsked(Asked, frozen=True):
    """Read commitments from a file; all of them, or none."""

    file: Annotated[bytes, Meta(description="A CSV (UTF-8) or XLSX file.", extra={"file": True})]


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What a sentence of a joint text was read as; `known` names commitments that rest on its paragraph already."""

    paragraph: int
    kind: str
    verb: str
    strength: str
    actors: tuple[str, ...]
    due_phrase: str
    sentence: str
    sha256: str
    known: tuple[str, ...]


# --- out --------------------------------------------------------------------------------------------------------------------------

_FROM_CASE = (
    "name", "text", "minute", "paragraph", "actors", "language", "due_on", "due_phrase", "indicator", "target", "restates", "parent",
    "milestone", "state", "first_made_on", "restated_on",
)  # fmt: skip


def export(desk: Desk, wanted: ExportWanted) -> Document:
    """Return commitments as a table.

    Raises:
        ConfigError: an XLSX is wanted and its library is not installed.
    """
    tests = [] if wanted.closed else ["c.closed = 0"]
    if wanted.mechanism:
        tests.append("EXISTS (SELECT 1 FROM dialogue_followed f WHERE f.mechanism = ? AND f.case_id = c.case_id)")
    found = desk.db.execute(
        f"SELECT {', '.join(f'c.{name}' for name in _FROM_CASE)}, c.case_id FROM dialogue_commitment c"
        f" WHERE {' AND '.join(tests) or '1 = 1'} ORDER BY c.name",
        (wanted.mechanism,) if wanted.mechanism else (),
    )
    owners = _by_case(desk, "SELECT case_id, party, owner FROM dialogue_owner ORDER BY case_id, party")
    scores = _by_case(desk, "SELECT case_id, party, value FROM dialogue_score ORDER BY case_id, no")
    today = day_of(desk.now_ms)
    mark = desk.marked(subjects=[values[-1] for values in found])
    rows = [_line(values[:-1], owners.get(values[-1], {}), scores.get(values[-1], {}), today) for values in found]
    if wanted.form == "xlsx":
        return Document("commitments.xlsx", xlsx_table.MEDIA_TYPE, xlsx_table.write(COLUMNS, rows, "commitments", mark))
    return Document("commitments.csv", csv_table.MEDIA_TYPE, csv_table.write(COLUMNS, rows, mark))


def _by_case(desk: Desk, sql: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for case_id, party, value in desk.db.execute(sql):
        found.setdefault(case_id, {})[party] = value
    return found


def _line(values: Sequence[Any], owners: dict[str, str], scores: dict[str, int], today: str) -> list[object]:
    row = dict(zip(_FROM_CASE, values, strict=True)) | {
        "commitment": values[0],
        "owners": "; ".join(f"{party}: {owner}" for party, owner in owners.items()),
        "scores": "; ".join(f"{party}: {value:+d}" for party, value in sorted(scores.items())),
    }
    row["days_overdue"] = 0 if row["state"] in SETTLED else days_overdue(row["due_on"], today)
    return [row.get(name) for name in COLUMNS]


def calendar(desk: Desk, wanted: CalendarWanted) -> Document:
    """Return meetings, due days and milestones as a calendar.

    Raises:
        RefusedError: the day is none.
        ConfigError: the library is not installed.
    """
    from_on = wanted.from_on or day_of(desk.now_ms)
    if not rules.exact(from_on):
        raise RefusedError(f"`{from_on[:20]}` is no day: write it as `YYYY-MM-DD`")
    days = [*_days(desk, from_on)]
    return Document(
        "dialogue.ics",
        calendar_days.MEDIA_TYPE,
        calendar_days.calendar("Kizuna dialogue", days, desk.now_ms, desk.marked(domains=("dialogue",))),
    )


def _days(desk: Desk, from_on: str) -> Iterator[Day]:
    rows = desk.db.execute(
        "SELECT name, COALESCE(NULLIF(title, ''), mechanism), starts_on, ends_on, place, state FROM dialogue_meeting"
        " WHERE state IN ('agreed', 'held', 'reported') AND ends_on >= ? ORDER BY starts_on, name",
        (from_on,),
    )
    names = set()
    for name, title, starts_on, ends_on, place, state in rows:
        names.add(name)
        yield Day(uid=f"dialogue.meeting:{name}", title=title, first=starts_on, last=ends_on, place=place, text=state)
    for found in told(desk.db, records.MEETING_CITED):
        first, last = (rules.exact(shown(found.body, field)) for field in ("starts_on", "ends_on"))
        if first and (last or first) >= from_on and found.name not in names:
            yield Day(
                uid=f"dialogue.cited:{found.name}", title=str(shown(found.body, "mechanism") or found.name), first=first, last=last or first,
                place=str(shown(found.body, "place") or ""), text=str(shown(found.body, "state") or ""),
            )  # fmt: skip
    due = desk.db.execute(
        "SELECT name, text, due_on FROM dialogue_commitment WHERE closed = 0 AND due_on IS NOT NULL ORDER BY due_on, name"
    )
    for name, text, due_on in due:
        bounds = rules.bounds(due_on)
        if bounds is not None and bounds[1] >= from_on:
            yield Day(uid=f"{_PREFIX}{name}", title=f"Due: {text}", first=bounds[1], last=bounds[1])
    stones = desk.db.execute(
        "SELECT name, title, forecast_on FROM dialogue_milestone WHERE state NOT IN ('done', 'cancelled') AND forecast_on >= ?"
        " ORDER BY forecast_on, name",
        (from_on,),
    )
    for name, title, forecast_on in stones:
        if rules.exact(forecast_on):
            yield Day(
                uid=f"dialogue.milestone:{name}", title=f"Milestone: {title}", first=forecast_on, last=forecast_on
            )


def read(desk: Desk, wanted: ReadWanted) -> Sequence[Proposal]:
    """Return what the sentences of a joint text are read as: promises that a person may confirm, and views if asked for.

    Raises:
        RefusedError: no such text is held, or not in that language, or in none that can be read.
    """
    texts: dict[str, list[tuple[str, str]]] = {}
    for language, text, sha256 in desk.db.execute(
        "SELECT language, text, sha256 FROM dialogue_paragraph WHERE case_id = ? ORDER BY language, no",
        (f"dialogue.minute:{wanted.minute.removeprefix('dialogue.minute:')}",),
    ):
        texts.setdefault(language, []).append((text, sha256))
    language = wanted.language or next((each for each in reading.LANGUAGES if each in texts), "")
    if language not in texts or language not in reading.LANGUAGES:
        held = ", ".join(sorted(texts)) or "nothing"
        raise RefusedError(
            f"the text `{wanted.minute[:100]}` is held in {held}, and the reader knows {', '.join(reading.LANGUAGES)}: choose one of both"
        )
    known: dict[int, list[str]] = {}
    for no, name in desk.db.execute(
        "SELECT paragraph, name FROM dialogue_commitment WHERE minute = ? ORDER BY name",
        (wanted.minute.removeprefix("dialogue.minute:"),),
    ):
        known.setdefault(no, []).append(name)
    return [
        Proposal(
            paragraph=each.paragraph, kind=each.kind, verb=each.verb, strength=each.strength or "", actors=each.actors,
            due_phrase=each.due_phrase, sentence=each.sentence, sha256=texts[language][each.paragraph - 1][1],
            known=tuple(known.get(each.paragraph, ())),
        )
        for each in reading.read([text for text, _ in texts[language]], language)
        if wanted.views or each.kind == "commitment"
    ]  # fmt: skip


# --- in ---------------------------------------------------------------------------------------------------------------------------


def import_(desk: Desk, asked: ImportAsked) -> Outcome:
    """Open a commitment for each row of a file that names a new one; rows of known ones must say the same.

    Raises:
        RefusedError: a row cannot be one; says where. Nothing is said then.
    """
    form = "xlsx" if asked.file.startswith(_XLSX) else "csv"
    statements: list[Statement] = []
    known, seen = 0, dict[str, int]()
    try:
        for line, row in _rows(asked.file, form):
            name = row.get("commitment", "")
            if name in seen:
                raise RefusedError(
                    f"{form}:{line}: `{name}` stands in row {seen[name]} already: say each commitment once"
                )
            seen[name] = line
            if len(seen) > MOST_ROWS:
                raise RefusedError(f"{form}:{line}: more than {MOST_ROWS} commitments: divide the file")
            if _is_known(desk, name, row, f"{form}:{line}"):
                known += 1
            else:
                statements.append(_opened(desk, row, f"{form}:{line}"))
    except RecordError as error:
        raise RefusedError(str(error)) from error
    return Outcome(statements, {"known": known, "opened": len(statements)})


def _rows(data: bytes, form: str) -> Iterator[tuple[int, dict[str, str]]]:
    if form == "xlsx":
        return xlsx_table.read(data, COLUMNS, NEEDED)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordError(f"csv: is not UTF-8 from byte {error.start} on: save it as UTF-8") from error
    return csv_table.read(text, COLUMNS, NEEDED)


def _is_known(desk: Desk, name: str, row: dict[str, str], where: str) -> bool:
    for (text,) in desk.db.execute("SELECT text FROM dialogue_commitment WHERE case_id = ?", (_PREFIX + name,)):
        if text != row.get("text", ""):
            raise RefusedError(
                f"{where}: `{name}` is held with another text: what both confirmed is not rewritten; supersede or restate it"
            )
        return True
    return False


def _opened(desk: Desk, row: dict[str, str], where: str) -> Statement:
    missing = [name for name in NEEDED if name not in row]
    if missing:
        raise RefusedError(f"{where}: `{missing[0]}` is empty: give it")
    if not row["paragraph"].isascii() or not row["paragraph"].isdecimal() or int(row["paragraph"][:9]) < 1:
        raise RefusedError(f"{where}: paragraph `{row['paragraph'][:20]}` is no number from 1")
    values: dict[str, Any] = {name: row[name] for name in GIVEN if name in row and name != "commitment"}
    values |= {
        "key": row["commitment"],
        "paragraph": int(row["paragraph"][:9]),
        "actors": row.get("actors", "").replace(",", " ").split(),
    }
    try:
        asked = msgspec.convert(values, IdentifyAsked)
    except msgspec.ValidationError as error:
        raise RefusedError(f"{where}: {error}: mend the row") from error
    try:
        return identified(desk, asked)
    except RefusedError as error:
        raise RefusedError(f"{where}: {error}") from error


OPERATIONS = (
    Operation(
        name="import",
        text="Open commitments from a CSV or XLSX file: all, or none.",
        asks=ImportAsked,
        run=import_,
        roles=ROLES,
    ),
)
QUERIES = (
    Query(name="export", text="Commitments as CSV or XLSX.", asks=ExportWanted, run=export),
    Query(
        name="calendar",
        text="Meetings, due days and milestones as an iCalendar file.",
        asks=CalendarWanted,
        run=calendar,
    ),
    Query(name="read", text="What a joint text is read as: promises to confirm, and views.", asks=ReadWanted, run=read),
)
