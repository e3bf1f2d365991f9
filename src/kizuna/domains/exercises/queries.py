"""What is shown of exercises: series, editions with all that is said of each, and the measures by year and by partner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kizuna.domains.exercises.measures import AGGREGATES, FORMULAS, Measures, Tally, measures, partners_of
from kizuna.domains.exercises.rules import bounds
from kizuna.errors import RefusedError
from kizuna.kernel.journal import Db
from kizuna.kernel.operation import Desk, Happening, Wanted

_MOST = 1000
LAST_YEAR = 9999
HELD = ("closed", "held", "reported")
CHOSEN = "NOT EXISTS (SELECT 1 FROM exercises_edition o WHERE o.edition = e.edition AND o.standing < e.standing)"
"""Of each edition the statement that the register shows first: what its parties have agreed, then the preferred, then the better founded one."""
YEARS_FROM = Annotated[int, Meta(description="From this year on.", ge=0, le=LAST_YEAR)]
YEARS_TO = Annotated[int, Meta(description="Up to this year, which is included.", ge=0, le=LAST_YEAR)]
SERIES = Annotated[str, Meta(description="Only this series.")]
PARTNER = Annotated[str, Meta(description="Only editions in which this party takes part.")]


class SeriesWanted(Wanted, frozen=True):
    """Which series: all."""


class EditionsWanted(Wanted, frozen=True):
    """Which editions."""

    series: SERIES = ""
    partner: PARTNER = ""
    state: Annotated[str, Meta(description="Only editions in this state.")] = ""
    from_year: YEARS_FROM = 0
    to_year: YEARS_TO = LAST_YEAR
    limit: Annotated[int, Meta(description="At most so many, the latest first.", ge=1, le=_MOST)] = 100


class EditionWanted(Wanted, frozen=True):
    """Which edition."""

    edition: Annotated[str, Meta(description="The edition, like `jimex-2022`.")]


class MeasuresWanted(Wanted, frozen=True):
    """Which measures, of which editions that were held."""

    by: Annotated[
        Literal["year", "partner", "series"], Meta(description="One row for each year, partner or series.")
    ] = "year"
    series: SERIES = ""
    partner: PARTNER = ""
    from_year: YEARS_FROM = 0
    to_year: YEARS_TO = LAST_YEAR


class SeriesShown(msgspec.Struct, frozen=True):
    """A series as a party states it, with the number of its editions in the register."""

    series: str
    name: str | None
    domains: str | None
    services: str | None
    parties: str | None
    stated_by: str
    confidence: str | None
    sources: str | None
    note: str | None
    editions: int


class EditionRow(msgspec.Struct, frozen=True):
    """An edition in a list, as the statement shown first has it; `statements` are how many there are. What is None is not known."""

    edition: str
    series: str | None
    ordinal: int | None
    state: str | None
    starts_on: str | None
    ends_on: str | None
    place: str | None
    host: str | None
    parties: str | None
    observers: str | None
    statements: int
    case: str


class EditionStatement(msgspec.Struct, frozen=True):
    """One statement of an edition, whole: whose it is, and what it says; what is None is not known."""

    case: str
    record: str
    stated_by: str | None
    asserted_by: str | None
    preferred: bool
    confidence: str | None
    says: dict[str, str | int | None]
    sources: tuple[str, ...]
    note: str | None


class EditionShown(msgspec.Struct, frozen=True):
    """An edition with every statement of it, the one that the register shows first at the head; `differ` names what they do not agree on."""

    edition: str
    statements: tuple[EditionStatement, ...]
    differ: tuple[str, ...]


class MeasuresRow(msgspec.Struct, frozen=True):
    """The measures of one year, partner or series."""

    group: str
    measures: Measures


class MeasuresShown(msgspec.Struct, frozen=True):
    """Measures with the formulas by which they are computed; `undated` are held editions whose year is not known."""

    formulas: dict[str, str]
    rows: tuple[MeasuresRow, ...]
    total: Measures
    undated: int


def series(desk: Desk, _wanted: SeriesWanted) -> Sequence[SeriesShown]:
    """Return the series by name."""
    rows = desk.db.execute(
        "SELECT s.series, s.name, s.domains, s.services, s.parties, s.stated_by, s.confidence, s.sources, s.note,"
        " (SELECT COUNT(DISTINCT e.edition) FROM exercises_edition e WHERE e.series = s.series) FROM exercises_series s"
        " ORDER BY s.series, s.record_id LIMIT ?",
        (_MOST,),
    )
    return [SeriesShown(*row) for row in rows]


def _limits(wanted: EditionsWanted | MeasuresWanted) -> tuple[str, list[Any]]:
    tests, values = [CHOSEN], list[Any]()
    if wanted.series:
        tests.append("series = ?")
        values.append(wanted.series)
    if wanted.partner:
        tests.append("' ' || parties || ' ' LIKE ?")
        values.append(f"% {wanted.partner.replace('%', '').replace('_', '')} %")
    if (wanted.from_year, wanted.to_year) != (0, LAST_YEAR):
        tests.append("year BETWEEN ? AND ?")
        values += [wanted.from_year, wanted.to_year]
    return " AND ".join(tests), values


def editions(desk: Desk, wanted: EditionsWanted) -> Sequence[EditionRow]:
    """Return editions, the latest first, those without a known year last."""
    where, values = _limits(wanted)
    if wanted.state:
        where, values = f"{where} AND state = ?", [*values, wanted.state]
    rows = desk.db.execute(
        "SELECT edition, series, ordinal, state, starts_on, ends_on, place, host, parties, observers,"
        " (SELECT COUNT(*) FROM exercises_edition o WHERE o.edition = e.edition), case_id"
        f" FROM exercises_edition e WHERE {where} ORDER BY COALESCE(starts_on, '') DESC, edition LIMIT ?",
        (*values, wanted.limit),
    )
    return [EditionRow(*row) for row in rows]


_SAYS = (
    "series", "name", "ordinal", "state", "starts_on", "ends_on", "place", "host", "parties", "observers", "domains", "services",
    "warfare_areas", "unit_types", "units", "forces", "instrument", "live", "night", "live_fire", "cross_deck",
)  # fmt: skip
_COMPARED = ("ordinal", "state", "starts_on", "ends_on", "place", "host", "parties")


def edition(desk: Desk, wanted: EditionWanted) -> EditionShown:
    """Return an edition with every statement of it.

    Raises:
        RefusedError: nothing is held of it.
    """
    rows = list(
        desk.db.execute(
            "SELECT case_id, record_id, stated_by, asserted_by, preferred, confidence, sources, note,"
            f" {', '.join(_SAYS)} FROM exercises_edition WHERE edition = ? ORDER BY standing",
            (wanted.edition,),
        )
    )
    if not rows:
        raise RefusedError(
            f"nothing is held of an edition `{wanted.edition[:100]}`: that is not to say that it was not held; look the name up in `editions`"
        )
    shown = tuple(
        EditionStatement(
            case=case, record=record, stated_by=stated_by, asserted_by=asserted_by, preferred=bool(preferred), confidence=confidence,
            sources=tuple((sources or "").splitlines()), note=note, says=dict(zip(_SAYS, says, strict=True)),
        )
        for case, record, stated_by, asserted_by, preferred, confidence, sources, note, *says in rows
    )  # fmt: skip
    return EditionShown(
        edition=wanted.edition,
        statements=shown,
        differ=tuple(name for name in _COMPARED if len({each.says[name] for each in shown} - {None}) > 1),
    )


_GROUPED = {"year": "year", "partner": "COALESCE(parties, '')", "series": "COALESCE(series, '')"}
_NOT_STATED = "not stated"


def measured(desk: Desk, wanted: MeasuresWanted) -> MeasuresShown:
    """Return the measures of the editions that were held, group by group."""
    where, values = _limits(wanted)
    held = f"FROM exercises_edition e WHERE {where} AND state IN (?,?,?)"
    ((undated,),) = desk.db.execute(f"SELECT COUNT(*) {held} AND year IS NULL", (*values, *HELD))
    key = _GROUPED[wanted.by]
    rows = desk.db.execute(
        f"SELECT {key}, {', '.join(AGGREGATES)} {held} AND year IS NOT NULL GROUP BY {key}", (*values, *HELD)
    )
    total, groups = Tally(), dict[str, Tally]()
    for told, *aggregates in rows:
        tally = Tally.of(aggregates)
        total.add(tally)
        if wanted.by == "year":
            groups[f"{told:04}"] = tally
            continue
        names = partners_of(told, desk.party) if wanted.by == "partner" else told.split()
        for name in names or (_NOT_STATED,):
            groups.setdefault(name, Tally()).add(tally)
    days = {name: tally.days for name, tally in groups.items()}
    if wanted.by == "year":
        days = _by_year(groups)
    return MeasuresShown(
        formulas=FORMULAS,
        rows=tuple(
            MeasuresRow(name, measures(groups.get(name, Tally()), desk.party, days[name])) for name in sorted(days)
        ),
        total=measures(total, desk.party, total.days),
        undated=undated,
    )


def _by_year(groups: dict[str, Tally]) -> dict[str, int]:
    """Return the days of each year on which an edition was held that began in it or in the year before; some year may have only the latter."""
    days: dict[str, int] = {}
    for name, tally in groups.items():
        days[name] = days.get(name, 0) + tally.days - tally.over
        last = date.fromordinal(tally.last_day).year if tally.last_day else 0
        for year in range(int(name) + 1, last + 1):
            days[f"{year:04}"] = days.get(f"{year:04}", 0) + (tally.over - tally.beyond if year == int(name) + 1 else 0)
    return days


def happenings(db: Db, first_on: str, last_on: str) -> list[Happening]:
    """Return the editions that were held between two days, for any domain's brief; one known to the month or year stands for all of it."""
    rows = db.execute(
        "SELECT edition, COALESCE(name, edition), starts_on, ends_on, place, COALESCE('exercise-' || series, '')"
        f" FROM exercises_edition e WHERE {CHOSEN}"
        f" AND state IN ({', '.join('?' * len(HELD))}) AND starts_on IS NOT NULL ORDER BY starts_on, edition",
        HELD,
    )
    found = []
    for ref, name, starts_on, ends_on, place, group in rows:
        first, last = bounds(starts_on), bounds(ends_on or starts_on)
        if first is not None and last is not None and first[0] <= last_on and last[1] >= first_on:
            found.append(Happening("exercise", name, first[0], last[1], place or "", ref, group))
    return found
