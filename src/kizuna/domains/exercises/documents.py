"""The register as files: charts of the measures, a table for spreadsheets, a calendar."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from kizuna.domains.exercises.measures import AXES, FORMULAS
from kizuna.domains.exercises.queries import (
    CHOSEN,
    EditionsWanted,
    EditionWanted,
    MeasuresShown,
    MeasuresWanted,
    SeriesWanted,
    edition,
    editions,
    measured,
    series,
)
from kizuna.domains.exercises.rules import exact_days
from kizuna.formats import calendar_days, csv_table, svg_bars
from kizuna.formats.svg_bars import Series
from kizuna.kernel.operation import Desk, Document, Query, Wanted

_EXPORTED = (
    "edition", "series", "name", "ordinal", "state", "starts_on", "ends_on", "place", "host", "parties", "observers", "domains",
    "services", "warfare_areas", "unit_types", "units", "live", "night", "live_fire", "cross_deck", "instrument", "asserted_by",
    "confidence", "note",
)  # fmt: skip
_MOST = 20_000


class ChartWanted(MeasuresWanted, frozen=True):
    """Which chart, of which editions that were held."""

    measure: Annotated[Literal["frequency", "complexity", "diversity"], Meta(description="Which measure is drawn.")] = (
        "frequency"
    )
    form: Annotated[
        Literal["svg", "html"], Meta(description="The chart alone, or a page with its table and formula beside it.")
    ] = "svg"


class ExportWanted(Wanted, frozen=True):
    """Which editions: all that are held."""


def _table(shown: MeasuresShown, measure: str) -> tuple[tuple[str, ...], list[Series], list[tuple[str, ...]]]:
    """Return the columns, the series that are drawn, and the rows of words of one measure."""
    found = [row.measures for row in shown.rows]
    columns: tuple[str, ...]
    if measure == "frequency":
        columns = ("editions", "exercise-days", "editions without known days")
        values = [
            [row.editions for row in found],
            [row.exercise_days for row in found],
            [row.days_unknown for row in found],
        ]
        drawn = [Series(name, each) for name, each in zip(columns[:2], values, strict=False)]
        cells = [tuple(map(str, each)) for each in zip(*values, strict=True)]
    elif measure == "complexity":
        columns = ("complexity", "editions of which it is known", "what lacks, and in how many editions")
        drawn = [Series("complexity", [row.complexity for row in found])]
        cells = [
            (
                _figure(row.complexity), str(row.complexity_known),
                ", ".join(f"{name}: {count}" for name, count in row.complexity_lacks.items()) or "nothing",
            )
            for row in found
        ]  # fmt: skip
    else:
        columns = tuple(
            name for axis in AXES for name in (axis.replace("_", " "), f"counts of {axis.replace('_', ' ')}")
        )
        drawn = [Series(axis.replace("_", " "), [row.diversity[axis].index for row in found]) for axis in AXES]
        cells = [
            tuple(
                cell
                for axis in AXES
                for cell in (
                    _figure(row.diversity[axis].index),
                    ", ".join(f"{name} {count}" for name, count in row.diversity[axis].counts.items()) or "none stated",
                )
            )
            for row in found
        ]
    rows = [(row.group, *cell) for row, cell in zip(shown.rows, cells, strict=True)]
    return columns, drawn, rows


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.6g}"


def chart(desk: Desk, wanted: ChartWanted) -> Document:
    """Return a chart of one measure, with its table and formula beside it where a page is asked for."""
    shown = measured(desk, wanted)
    columns, drawn, rows = _table(shown, wanted.measure)
    title = f"{wanted.measure.capitalize()} of exercises by {wanted.by}"
    said = "; ".join(f"{row[0]}: {', '.join(row[1 : 1 + len(drawn)])}" for row in rows) or "no edition is held"
    mark = desk.marked(domains=("exercises",))
    drawing = svg_bars.bars(title, f"{FORMULAS[wanted.measure]}. {said}", [row[0] for row in rows], drawn, mark)
    name = f"exercises-{wanted.measure}-by-{wanted.by}"
    if wanted.form == "svg":
        return Document(name=f"{name}.svg", media_type=svg_bars.MEDIA_TYPE, data=drawing.encode())
    notes = (FORMULAS[wanted.measure], f"held editions without a known year, which are in no row: {shown.undated}")
    page = svg_bars.page(drawing, title, (wanted.by, *columns), rows, notes, mark)
    return Document(name=f"{name}.html", media_type="text/html; charset=utf-8", data=page.encode())


def table(desk: Desk, _wanted: ExportWanted) -> Document:
    """Return all editions as CSV, as the statement shown first has each; what is not known is an empty cell."""
    rows = desk.db.execute(
        f"SELECT {', '.join(_EXPORTED)} FROM exercises_edition e WHERE {CHOSEN} ORDER BY COALESCE(starts_on, ''), edition LIMIT ?",
        (_MOST,),
    )
    data = csv_table.write(_EXPORTED, list(rows), desk.marked(domains=("exercises",)))
    return Document(name="exercises.csv", media_type=csv_table.MEDIA_TYPE, data=data)


def calendar(desk: Desk, _wanted: ExportWanted) -> Document:
    """Return the editions whose first day is known as an iCalendar file; one without a known last day shows its first alone and says so."""
    rows = desk.db.execute(
        "SELECT edition, COALESCE(name, edition), starts_on, ends_on, COALESCE(place, ''), COALESCE(state, '')"
        f" FROM exercises_edition e WHERE {CHOSEN} AND LENGTH(starts_on) = 10 ORDER BY starts_on, edition LIMIT ?",
        (_MOST,),
    )
    days = []
    for key, name, starts_on, ends_on, place, state in rows:
        whole = exact_days(starts_on, ends_on)
        single = exact_days(starts_on, starts_on)
        first, last = whole or single or ("", "")
        if first:
            text = f"state: {state}" + ("" if whole else "; the last day is not known")
            days.append(
                calendar_days.Day(
                    uid=f"{key}@exercises.kizuna", title=name, first=first, last=last, place=place, text=text
                )
            )
    data = calendar_days.calendar("Exercises", days, desk.now_ms, desk.marked(domains=("exercises",)))
    return Document(name="exercises.ics", media_type=calendar_days.MEDIA_TYPE, data=data)


QUERIES = (
    Query(name="series", text="The series of exercises.", asks=SeriesWanted, run=series),
    Query(name="editions", text="Editions, the latest first.", asks=EditionsWanted, run=editions),
    Query(name="edition", text="One edition with every statement of it.", asks=EditionWanted, run=edition),
    Query(
        name="measures",
        text="Frequency, complexity and diversity with formulas and raw counts.",
        asks=MeasuresWanted,
        run=measured,
    ),
    Query(name="chart", text="A measure as a chart.", asks=ChartWanted, run=chart),
    Query(name="csv", text="The register as a table for spreadsheets.", asks=ExportWanted, run=table),
    Query(name="calendar", text="The register as a calendar file.", asks=ExportWanted, run=calendar),
)
