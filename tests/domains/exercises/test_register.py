"""The register out of files and into files: bundled facts with their sources, tables, charts, calendar."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from kizuna.domains.exercises import DOMAIN
from kizuna.domains.exercises.documents import ChartWanted, ExportWanted, calendar, chart, table
from kizuna.domains.exercises.queries import (
    EditionsWanted,
    EditionWanted,
    MeasuresWanted,
    edition,
    editions,
    happenings,
    measured,
    series,
)
from kizuna.domains.exercises.queries import SeriesWanted as AllSeries
from kizuna.domains.exercises.register import bundled, check_edition, editions_of
from kizuna.errors import RecordError
from kizuna.formats import csv_table, svg_bars
from kizuna.kernel import labelled
from kizuna.kernel.casework import Kinds
from kizuna.kernel.domain import Fact
from kizuna.kernel.journal import Db, Entry, Projections, Store
from kizuna.kernel.label import label
from kizuna.kernel.operation import Desk
from kizuna.kernel.record import Body
from kizuna.storage.sqlite import open_sqlite

SVG = "{http://www.w3.org/2000/svg}"
NOW_MS = 1_790_000_000_000
HEADER = "edition,series,state,starts_on,ends_on,parties,serials_live\n"


def filled(bodies: list[Body], party: str = "ind") -> Store:
    mark = label("ind.example.v1", 0, originator=party)

    def apply(db: Db, _seq: int, entry: Entry) -> None:
        body = bodies[entry.meta["at"]]
        identity = f"{entry.meta['at']:064x}"
        fact = Fact(identity, "", body, party, f"{party}/x", "officer:1:desk", "", 0, mark, "", own=True)
        DOMAIN.apply[type(body)](db, fact)

    store = open_sqlite(
        ":memory:", Projections("1", DOMAIN.schema + labelled.SCHEMA, DOMAIN.tables + labelled.TABLES, apply)
    )
    store.commit([Entry(kind="record", at_ms=0, meta={"at": at}) for at in range(len(bodies))])
    return store


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    facts = bundled()
    made = filled([*facts.series, *facts.editions])
    yield made
    made.close()


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    with store.view() as db:
        yield Desk(
            db=db,
            now_ms=NOW_MS,
            party="ind",
            actor="officer:1:exercise",
            kinds=Kinds({}, {}),
            random=Random(1).randbytes,
        )


def test_every_bundled_fact_is_sound_and_cited() -> None:
    facts = bundled()
    assert len(facts.series) == 10
    assert len({each.edition for each in facts.editions}) == 26
    for each in facts.editions:
        check_edition(each)
        assert each.sources
        assert each.confidence
    assert all(each.sources for each in facts.series)


def test_the_bundled_facts_are_the_compiled_ones(shared_dir: Path) -> None:
    compiled = json.loads((shared_dir / "data" / "india-japan.json").read_text(encoding="utf-8"))
    ours = {each.edition: each for each in reversed(bundled().editions)}
    assert len(compiled["exercise_editions"]) == len(ours)
    for said in compiled["exercise_editions"]:
        made = ours[said["id"].removeprefix("exercise-")]
        assert (made.starts_on, made.state) == (said["start"]["value"] or "unknown", said["state"])
        assert (made.ordinal or None, made.host or None, made.place or None) == (
            said["ordinal"],
            said["host"],
            said["area"],
        )


def test_the_register_tells_what_is_known_and_no_more(desk: Desk) -> None:
    assert len(series(desk, AllSeries())) == 10
    assert len(editions(desk, EditionsWanted())) == 26
    (planned,) = editions(desk, EditionsWanted(state="planned"))
    assert planned.edition == "dharma-guardian-2022"
    veer = edition(desk, EditionWanted(edition="veer-guardian-2023"))
    assert {each.says["starts_on"] for each in veer.statements} == {"2023-01-12", "2023-01-16"}
    assert not any(each.preferred for each in veer.statements)
    assert "starts_on" in veer.differ
    jimex = edition(desk, EditionWanted(edition="jimex-2012"))
    assert [each.says["starts_on"] for each in jimex.statements] == ["2012-06-09", "2012-01"]
    assert jimex.statements[0].says["ends_on"] == "unknown"


def test_measures_of_the_bundled_register(desk: Desk) -> None:
    found = measured(desk, MeasuresWanted())
    rows = {row.group: row.measures for row in found.rows}
    assert found.total.editions == 25
    assert "2022" in rows
    assert rows["2013"].exercise_days == 4
    assert rows["2012"].days_unknown == 1
    assert rows["2012"].exercise_days == 0
    assert found.total.complexity is None
    assert found.total.complexity_lacks["live serials"] == 25
    assert found.total.diversity["warfare_areas"].index is None
    assert found.total.diversity["services"].counts["army"] == 5
    by_partner = {row.group: row.measures for row in measured(desk, MeasuresWanted(by="partner")).rows}
    assert by_partner["aus"].editions == by_partner["usa"].editions - 1 == 3
    assert measured(desk, MeasuresWanted(series="jimex", from_year=2020, to_year=2022)).total.editions == 3


@pytest.mark.parametrize("measure", ["frequency", "complexity", "diversity"])
@pytest.mark.parametrize("by", ["year", "partner", "series"])
def test_a_chart_can_be_read_without_eyes_and_its_table_says_the_same(desk: Desk, measure: Any, by: Any) -> None:
    drawn = chart(desk, ChartWanted(measure=measure, by=by))
    root = ET.fromstring(drawn.data)  # noqa: S314 # we made it ourselves
    title, text = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert text is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {text.get('id')}"
    assert b"http" not in drawn.data.replace(b"http://www.w3.org/2000/svg", b"")
    page = chart(desk, ChartWanted(measure=measure, by=by, form="html")).data.decode()
    rows = measured(desk, MeasuresWanted(by=by)).rows
    assert page.count('<th scope="row">') == len(rows)
    assert "<figure><svg" in page
    assert ("unknown" in page) == (measure != "frequency")
    if measure == "frequency":
        heights = [
            float(bar.get("height", "")) for bar in root.findall(f"{SVG}rect") if bar.find(f"{SVG}title") is not None
        ]
        assert max(heights) == 220


def test_the_table_comes_back_as_it_went(desk: Desk) -> None:
    data = table(desk, ExportWanted()).data.decode()
    assert data.startswith("# UNMARKED"), "of what nobody labelled nobody knows the grade"
    rows = list(csv.DictReader(io.StringIO(data.partition("\r\n")[2])))
    assert len(rows) == 26
    by_name = {row["edition"]: row for row in rows}
    assert by_name["jimex-2018"]["starts_on"] == "2018-10"
    assert by_name["jimex-2018"]["live"] == ""


def test_the_calendar_shows_only_known_days(desk: Desk) -> None:
    found = Calendar.from_ical(calendar(desk, ExportWanted()).data)
    events = {str(event["uid"]): event for event in found.walk("VEVENT")}
    assert "jimex-2018@exercises.kizuna" not in events
    malabar = events["malabar-2023@exercises.kizuna"]
    assert (malabar["dtstart"].dt.isoformat(), malabar["dtend"].dt.isoformat()) == ("2023-08-11", "2023-08-22")
    assert "last day is not known" in str(events["jimex-2012@exercises.kizuna"]["description"])


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a-1,a,held,2027-13-01,,,", "csv:2: `starts_on`: date `2027-13-01` is not in the calendar"),
        ("a-1,a,done,,,,", r"csv:2: Invalid enum value 'done' - at `\$.state`"),
        ("a-1,a,held,,,,many", r"csv:2: Expected `int`, got `str` - at `\$.serials_live`"),
        ("a-1,a,held,,,,-3", r"csv:2: Expected `int`, got `str`"),
        (",a,held,,,,", "csv:2: `edition` is missing"),
        ("a-1,a,held", "csv:2: has 3 cells, the header has 7"),
        ('a-1,a,"held', "csv:2: is no csv"),
        ("a-1,a,held,,,,\na-1,a,held,,,,", "csv:3: `edition` `a-1` stands on line 2 too"),
        ("", "csv:2: there is no row"),
    ],
)
def test_half_a_table_says_its_line_and_changes_nothing(row: str, says: str) -> None:
    with pytest.raises(RecordError, match=says):
        editions_of(HEADER + row)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("edition,series", "csv:1: column `state` is missing"),
        ("edition,series,state,colour", "csv:1: column `colour` is not known"),
        ("edition,series,state,state", "csv:1: column `state` stands twice"),
    ],
)
def test_a_header_is_judged_first(header: str, says: str) -> None:
    with pytest.raises(RecordError, match=says):
        editions_of(header + "\n")


def test_a_good_table_is_taken_whole() -> None:
    (made,) = editions_of("\ufeff" + HEADER + "jimex-2027,jimex,planned,2027-05,unknown,ind jpn,12\n\n")
    assert (made.starts_on, made.parties, made.serials_live, made.preferred) == ("2027-05", ("ind", "jpn"), 12, True)


CELLS = st.text(st.characters(exclude_categories=["C"]), max_size=12).map(str.strip)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_what_is_written_as_a_table_reads_the_same_and_is_no_formula(rows: list[tuple[str, str]]) -> None:
    data = csv_table.write(("one", "two"), rows, "A").decode()
    found = [cells for _, cells in csv_table.read(data, ("one", "two"), ())]
    expected = [
        {name: cell for name, cell in zip(("one", "two"), row, strict=True) if cell} for row in rows if any(row)
    ]
    assert [{name: cell for name, cell in cells.items() if cell} for cells in found] == expected
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in csv.reader(io.StringIO(data)) for cell in row)


@given(st.text(st.characters(exclude_categories=["C"]), max_size=20) | st.sampled_from(("\x00<a>", "\ufffe", "\x1b&")))
def test_whatever_a_chart_is_called_it_stays_well_formed(name: str) -> None:
    drawn = svg_bars.bars(name, name, [name, "b"], [svg_bars.Series(name, [1.5, None])], name)
    root = ET.fromstring(drawn)  # noqa: S314 # we made it ourselves
    title = root.find(f"{SVG}title")
    assert title is not None
    assert (title.text or "") == re.sub("[\x00\x1b\ufffe]", "\ufffd", name)


@pytest.mark.parametrize("values", [[1.0], [1.0, -2.0]])
def test_a_chart_that_lies_is_refused(values: list[float]) -> None:
    with pytest.raises(RecordError, match="one value of nought or more for each of 2"):
        svg_bars.bars("t", "d", ["a", "b"], [svg_bars.Series("s", values)], "m")


def test_a_brief_is_told_what_was_held_between_two_days(desk: Desk) -> None:
    told = happenings(desk.db, "2023-01-01", "2023-01-31")
    assert [(each.kind, each.ref) for each in told] == [("exercise", "veer-guardian-2023")]
    assert happenings(desk.db, "2023-01-27", "2023-01-31") == []
    assert happenings(desk.db, "2047-01-01", "2047-12-31") == []
