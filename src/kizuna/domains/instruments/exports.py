"""Agreements as files: a register, the years of each pair of parties as one row each, and a calendar of what expires.

A date leaves with the precision with which it is known, in a column of its own; what is unknown is empty or says so, and is never "no".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Annotated, Any

from msgspec import Meta

from kizuna.domains.instruments import rules
from kizuna.domains.instruments.shown import date_text, day_of, instruments_of, life_of
from kizuna.formats import calendar_days, csv_table
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.operation import Desk, Document, Query, Wanted

_REGISTER = (
    "id", "title", "kind", "binding", "parties", "signed_on", "signed_precision", "in_force_on", "in_force_precision", "terminates_on",
    "terminates_precision", "parent", "supersedes", "state", "basis", "citations",
)  # fmt: skip
_YEARS = (
    "party_a",
    "party_b",
    "year",
    "instruments_signed",
    "instruments_in_force",
    "binding_in_force",
    "with_unknown_dates",
)
_REMIND_DAYS = 365


class RegisterWanted(Wanted, frozen=True):
    """The register of all agreements that are held."""


class YearsWanted(Wanted, frozen=True):
    """Which years."""

    first: Annotated[int, Meta(description="The first year.", ge=1900, le=2200)]
    last: Annotated[int, Meta(description="The last year.", ge=1900, le=2200)]


class CalendarWanted(Wanted, frozen=True):
    """All that expires."""


def _precision(date: Any) -> str:
    return "" if date is None else str(date.precision)


def register(desk: Desk, _wanted: RegisterWanted) -> Document:
    """Return the register as CSV."""
    today = day_of(desk, "")
    rows = [
        (
            made.id, made.title, made.kind, {True: "yes", False: "no", None: "unknown"}[made.binding], " ".join(made.parties),
            date_text(made.signed_on), _precision(made.signed_on), date_text(made.in_force_on), _precision(made.in_force_on),
            date_text(made.terminates_on), _precision(made.terminates_on), made.parent, made.supersedes,
            rules.state_on(life_of(desk.db, made.id, made.parties), made.parties, today), made.basis,
            " ".join(citation.source for citation in made.citations),
        )
        for made in instruments_of(desk).values()
    ]  # fmt: skip
    return Document(
        "instruments.csv", csv_table.MEDIA_TYPE, csv_table.write(_REGISTER, rows, desk.marked(domains=("instruments",)))
    )


def years(desk: Desk, wanted: YearsWanted) -> Document:
    """Return one row for each pair of parties and year: how many agreements were signed in it and in force at its end.

    A year in which none is known has a row with zeros and with the number of agreements whose dates are unknown: it may be one of those.
    """
    held = list(instruments_of(desk).values())
    rows = []
    for pair in sorted({pair for made in held for pair in combinations(sorted(made.parties), 2)}):
        ours = [made for made in held if set(pair) <= set(made.parties)]
        for year in range(wanted.first, wanted.last + 1):
            in_force = [made for made in ours if _in_force(made, f"{year}-12-31")]
            rows.append((
                *pair, year, sum(_within(made, year) for made in ours), len(in_force),
                sum(made.binding is True for made in in_force), sum(made.in_force_on.bounds() is None for made in ours),
            ))  # fmt: skip
    return Document(
        "dyad-years.csv", csv_table.MEDIA_TYPE, csv_table.write(_YEARS, rows, desk.marked(domains=("instruments",)))
    )


def _within(made: Instrument, year: int) -> bool:
    found = made.signed_on.bounds()
    return found is not None and found[0][:4] == str(year) == found[1][:4]


def _in_force(made: Instrument, day: str) -> bool:
    starts, ends = made.in_force_on.bounds(), made.terminates_on
    until = ends.bounds() if ends is not None else None
    return starts is not None and starts[1] <= day and (ends is None or (until is not None and day < until[0]))


def calendar(desk: Desk, _wanted: CalendarWanted) -> Document:
    """Return what expires as iCalendar: the day itself, and a reminder a year before; a date known to the month or year spans it.

    Raises:
        ConfigError: the library is not installed.
    """
    days = [day for made in instruments_of(desk).values() for day in _ends(desk, made)]
    data = calendar_days.calendar(
        "Agreements: expiry and renewal", days, desk.now_ms, desk.marked(domains=("instruments",))
    )
    return Document("instruments.ics", calendar_days.MEDIA_TYPE, data)


def _ends(desk: Desk, made: Instrument) -> Iterator[calendar_days.Day]:
    row = desk.db.execute(
        "SELECT until FROM instruments_life WHERE instrument = ? AND parties = ? AND until <> ''",
        (made.id, ".".join(sorted(made.parties))),
    )
    stated = row[0][0] if row else date_text(made.terminates_on)
    found = rules.bounds(stated)
    if found is None:
        return
    text = f"known to the {rules.precision(stated)}: {stated}"
    yield calendar_days.Day(
        uid=f"{made.id}-ends@kizuna", title=f"{made.title}: term ends", first=found[0], last=found[1], text=text
    )
    if rules.precision(stated) == "day":
        before = rules.days_before(found[0], _REMIND_DAYS)
        title = f"{made.title}: term ends in a year, decide on renewal"
        yield calendar_days.Day(uid=f"{made.id}-renewal@kizuna", title=title, first=before, last=before, text=text)


EXPORTS = (
    Query(name="register", text="All agreements as a CSV file.", asks=RegisterWanted, run=register),
    Query(name="years", text="Agreements of each pair of parties by year, as a CSV file.", asks=YearsWanted, run=years),
    Query(
        name="calendar",
        text="What expires and is to be renewed, as an iCalendar file.",
        asks=CalendarWanted,
        run=calendar,
    ),
)
