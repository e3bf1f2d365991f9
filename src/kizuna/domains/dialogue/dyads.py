"""The dialogue of each pair of parties as tables for those who count: one row for each year, and one for each thing that happened.

A promise counts in the year in which it was first made: restating it makes no other. What is only cited stands beside what both agreed on here,
and what has no known year is counted as such, not left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from kizuna.domains.dialogue import records, rules
from kizuna.domains.dialogue.lookup import HELD, cited_commitments, told
from kizuna.domains.dialogue.meetings import shown
from kizuna.errors import RefusedError
from kizuna.formats import csv_table
from kizuna.kernel.instrument import limited_date
from kizuna.kernel.journal import Db
from kizuna.kernel.operation import Desk, Document, Query, Wanted

Kind = Literal["meeting held", "commitment made", "commitment restated", "commitment fulfilled"]
_KINDS: tuple[Kind, ...] = ("meeting held", "commitment made", "commitment restated", "commitment fulfilled")
_YEARS = (
    "party_a", "party_b", "year", "meetings_held", "commitments_made", "commitments_restated", "commitments_fulfilled",
    "with_unknown_dates",
)  # fmt: skip
_DAYS = ("party_a", "party_b", "on", "precision", "kind", "name", "basis")
_FULFILLED = ("accepted_done", "verified")


class YearsWanted(Wanted, frozen=True):
    """Which years."""

    first: Annotated[int, Meta(description="The first year.", ge=1900, le=2200)]
    last: Annotated[int, Meta(description="The last year.", ge=1900, le=2200)]


class DaysWanted(Wanted, frozen=True):
    """All that is held."""


class _Event(NamedTuple):
    party_a: str
    party_b: str
    on: str
    kind: Kind
    name: str
    basis: str


def years(desk: Desk, wanted: YearsWanted) -> Document:
    """Return one row for each pair of parties and year; a year in which nothing is known has a row with zeros.

    Raises:
        RefusedError: the last year lies before the first.
    """
    if wanted.last < wanted.first:
        raise RefusedError(f"`last` `{wanted.last}` lies before `first` `{wanted.first}`: turn them round")
    found = list(_events(desk.db))
    counts = Counter((event.party_a, event.party_b, _year(event.on), event.kind) for event in found)
    unknown = Counter((event.party_a, event.party_b) for event in found if not _year(event.on))
    rows = [
        (*pair, year, *(counts[*pair, str(year), kind] for kind in _KINDS), unknown[pair])
        for pair in sorted({(event.party_a, event.party_b) for event in found})
        for year in range(wanted.first, wanted.last + 1)
    ]
    data = csv_table.write(_YEARS, rows, desk.marked(domains=("dialogue",)))
    return Document("dialogue-dyad-years.csv", csv_table.MEDIA_TYPE, data)


def days(desk: Desk, _wanted: DaysWanted) -> Document:
    """Return one row for each thing that happened, the earliest first, with the precision of its date; those without a date come last."""
    rows = [
        (event.party_a, event.party_b, event.on, limited_date(event.on).precision, event.kind, event.name, event.basis)
        for event in sorted(_events(desk.db), key=lambda each: (_first_day(each.on), each))
    ]
    data = csv_table.write(_DAYS, rows, desk.marked(domains=("dialogue",)))
    return Document("dialogue-dyad-days.csv", csv_table.MEDIA_TYPE, data)


def _first_day(on: str) -> str:
    found = rules.bounds(on)
    return found[0] if found is not None else "9999-99-99"


def _year(on: str) -> str:
    found = rules.bounds(on)
    return found[0][:4] if found is not None and found[0][:4] == found[1][:4] else ""


def _events(db: Db) -> Iterator[_Event]:
    yield from _meetings(db)
    rows = db.execute(
        "SELECT name, opener, other, state, COALESCE(first_made_on, made_on), restated_on, done_on FROM dialogue_commitment"
        " WHERE confirmed_at_ms IS NOT NULL"
    )
    for name, opener, other, state, made_on, restated_on, done_on in rows:
        yield from _between((opener, other), made_on, "commitment made", name, "case")
        if restated_on:
            yield from _between((opener, other), restated_on, "commitment restated", name, "case")
        if state in _FULFILLED:
            yield from _between((opener, other), done_on, "commitment fulfilled", name, "case")
    for found in cited_commitments(db):
        parties = shown(found.body, "actors") or ()
        yield from _between(parties, shown(found.body, "made_on"), "commitment made", found.name, "cited")
        if str(shown(found.body, "status")).startswith("fulfilled"):
            yield from _between(parties, shown(found.body, "fulfilled_on"), "commitment fulfilled", found.name, "cited")


def _meetings(db: Db) -> Iterator[_Event]:
    names = set()
    for name, host, guest, state, starts_on in db.execute(
        "SELECT name, host, guest, state, starts_on FROM dialogue_meeting"
    ):
        names.add(name)
        if state in HELD:
            yield from _between((host, guest), starts_on, "meeting held", name, "case")
    of = {found.name: shown(found.body, "parties") or () for found in told(db, records.MECHANISM)}
    for found in told(db, records.MEETING_CITED):
        if shown(found.body, "state") == "held" and found.name not in names:
            parties = of.get(shown(found.body, "mechanism") or "", ())
            yield from _between(parties, shown(found.body, "starts_on"), "meeting held", found.name, "cited")


def _between(parties: tuple[str, ...], on: str | None, kind: Kind, name: str, basis: str) -> Iterator[_Event]:
    for one, other in combinations(sorted(set(parties)), 2):
        yield _Event(one, other, on if on and rules.bounds(on) is not None else "unknown", kind, name, basis)


QUERIES = (
    Query(
        name="dyad-years",
        text="Meetings and promises of each pair of parties by year, as CSV.",
        asks=YearsWanted,
        run=years,
    ),
    Query(
        name="dyad-days",
        text="What happened between each pair of parties, a row a day, as CSV.",
        asks=DaysWanted,
        run=days,
    ),
)
