"""The measures are their published formulas, over raw counts that are shown; what is not known is never a figure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from math import exp, log
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.exercises import DOMAIN
from kizuna.domains.exercises.cases import EDITION
from kizuna.domains.exercises.measures import AXES, FORMULAS, WEIGHTS, Measures, diversity
from kizuna.domains.exercises.projections import EDITION_COLUMNS, insert
from kizuna.domains.exercises.queries import MeasuresShown, MeasuresWanted, measured
from kizuna.domains.exercises.records import EditionProposed
from kizuna.domains.exercises.rules import day_number, exact_days, period_fault
from kizuna.kernel.case import CaseEndorsed
from kizuna.kernel.casework import CaseView, Kinds, Move, folded, step_of
from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.kernel.operation import Desk
from kizuna.storage.sqlite import open_sqlite

WORDS = st.lists(st.sampled_from(("a", "b", "c", "d")), unique=True).map(tuple)
COUNTS = st.none() | st.integers(0, 40)
NEEDED = {
    "units": "units", "domains": "domains", "live serials": "live", "night serials": "night", "live-fire serials": "live_fire",
    "cross-deck serials": "cross_deck",
}  # fmt: skip
Row = dict[str, Any]


@st.composite
def editions(draw: st.DrawFn) -> Row:
    first = draw(st.none() | st.integers(day_number("2020-12-20"), day_number("2022-01-10")))
    last = None if first is None else first + draw(st.integers(0, 20) | st.integers(300, 800))
    year = draw(st.none() | st.just(2021)) if first is None else date.fromordinal(first).year
    texts = {name: draw(st.none() | WORDS) for name in (*AXES[:3], "parties", "domains")}
    counts = {name: draw(COUNTS) for name in ("units", "live", "night", "live_fire", "cross_deck")}
    series = draw(st.sampled_from((None, "malabar", "jimex")))
    return one(year=year, first_day=first, last_day=last, series=series, **texts, **counts)


def one(**changes: Any) -> Row:
    values: Row = {
        "year": 2022, "first_day": day_number("2022-12-30"), "last_day": day_number("2023-01-02"), "parties": ("ind", "jpn"),
        "domains": ("maritime", "air"), "services": ("navy",), "warfare_areas": ("mine",), "unit_types": ("ship",), "units": 5,
        "live": 8, "night": 4, "live_fire": 2, "cross_deck": 2, "series": "jimex",
    }  # fmt: skip
    return values | changes


def found(held: Sequence[Row], by: Any = "year") -> MeasuresShown:
    """Return what the query shows of editions that were held, put into the table as they are."""

    def fill(db: Db, _seq: int, _entry: Entry) -> None:
        for number, each in enumerate(held):
            words = {name: " ".join(value) if isinstance(value, tuple) else value for name, value in each.items()}
            row = {"case_id": "", "record_id": f"{number}", "edition": f"e{number}", "state": "held", "standing": "1"}
            insert(db, "exercises_edition", EDITION_COLUMNS, row | words)

    store = open_sqlite(":memory:", Projections("1", DOMAIN.schema, DOMAIN.tables, fill))
    store.commit([Entry("record", 0, {})])
    with store.view() as db:
        desk = Desk(db=db, now_ms=0, party="ind", actor="officer:1:desk", kinds=Kinds({}, {}), random=random.randbytes)
        shown = measured(desk, MeasuresWanted(by=by))
    store.close()
    return shown


def lacking(edition: Row) -> list[str]:
    """Return what would have to be known for the edition's complexity."""
    return [name for name, column in NEEDED.items() if edition[column] is None or edition[column] == ()]


def complexity(edition: Row) -> Fraction:
    """Return what the published formula says."""
    weighed = edition["live"] + sum(weight * edition[name] for name, weight in WEIGHTS.items())
    return edition["units"] * len(edition["domains"]) * Fraction(weighed)


def days_in(edition: Row, year: int) -> int:
    if edition["first_day"] is None:
        return 0
    days = range(edition["first_day"], edition["last_day"] + 1)
    return sum(date.fromordinal(day).year == year for day in days)


def test_complexity_is_what_its_formula_says() -> None:
    assert found([one()]).total.complexity == 5 * 2 * (8 + 0.5 * 4 + 1 * 2 + 0.5 * 2)
    assert found([one(live=0, night=0, live_fire=0, cross_deck=0)]).total.complexity == 0
    for weight in WEIGHTS.values():
        assert f"{weight} * " in FORMULAS["complexity"]


@given(st.lists(editions(), max_size=8), st.sampled_from(("year", "partner", "series")))
@settings(max_examples=60, deadline=None)
def test_each_figure_is_its_formula_over_the_editions_of_its_group(held: list[Row], by: str) -> None:
    shown = found(held, by)
    dated = [each for each in held if each["year"] is not None]
    assert shown.undated == len(held) - len(dated)
    partners = [[party for party in each["parties"] or () if party != "ind"] or ["not stated"] for each in dated]
    names = {
        "year": [[str(each["year"])] for each in dated],
        "partner": partners,
        "series": [[each["series"] or "not stated"] for each in dated],
    }[by]
    groups: dict[str, list[Row]] = {}
    for each, said in zip(dated, names, strict=True):
        for name in said:
            groups.setdefault(name, []).append(each)
    _holds(dated, shown.total, sum(days_in(each, year) for each in dated for year in range(2020, 2026)))
    for row in shown.rows:
        group = groups.pop(row.group, [])
        year = int(row.group) if by == "year" else 0
        days = sum(
            days_in(each, year) if by == "year" else sum(days_in(each, every) for every in range(2020, 2026))
            for each in (dated if by == "year" else group)
            if by != "year" or each["year"] >= year - 1  # a third year is not counted on
        )
        _holds(group, row.measures, days)
        assert group or (by == "year" and any(each["last_day"] and each["year"] < year for each in dated))
    assert not groups


def _holds(held: list[Row], said: Measures, days: int) -> None:
    whole = [each for each in held if not lacking(each)]
    assert (said.editions, said.exercise_days) == (len(held), days)
    assert said.days_known == sum(each["first_day"] is not None for each in held)
    assert said.days_known + said.days_unknown == len(held)
    assert said.complexity_known == len(whole)
    assert said.complexity == (round(float(sum(map(complexity, whole))), 2) if whole else None)
    lacks = Counter(name for each in held for name in lacking(each))
    assert said.complexity_lacks == dict(sorted(lacks.items()))
    for axis in AXES:
        words = [each["parties" if axis == "partners" else axis] or () for each in held]
        assert said.diversity[axis] == diversity((tuple(set(each) - {"ind"}), 1) for each in words)


@given(st.lists(WORDS, max_size=12))
def test_diversity_is_shannons_index_of_the_counts_shown(values: list[tuple[str, ...]]) -> None:
    shown = diversity(Counter(values).items())
    total = sum(shown.counts.values())
    assert shown.stated_by == sum(map(bool, values))
    assert shown.counts == {word: n for word in "abcd" if (n := sum(word in each for each in values))}
    if not total:
        assert shown.index is None
        return
    assert shown.index == pytest.approx(-sum(n / total * log(n / total) for n in shown.counts.values()), abs=1e-4)
    assert 1 - 1e-3 <= exp(shown.index) <= len(shown.counts) + 1e-3


def test_days_over_the_turn_of_a_year_count_in_each() -> None:
    rows = {row.group: row.measures for row in found([one()]).rows}
    assert (rows["2022"].exercise_days, rows["2022"].editions) == (2, 1)
    assert (rows["2023"].exercise_days, rows["2023"].editions) == (2, 0)


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "says"),
    [
        ("2027-02-30", "unknown", "`starts_on`: date `2027-02-30` is not in the calendar"),
        ("unknown", "soon", "`ends_on`: date `soon` is not"),
        ("2027-05", "2027-04", "`ends_on` `2027-04` lies before `starts_on` `2027-05`"),
        ("2027-05-10", "2027", ""),
        ("unknown", "2027-04-01", ""),
    ],
)
def test_a_period_is_judged_as_far_as_it_is_known(starts_on: str, ends_on: str, says: str) -> None:
    found = period_fault(starts_on, ends_on)
    assert found.startswith(says) if says else not found


def test_only_what_is_known_to_the_day_has_days() -> None:
    assert exact_days("2023-01-12", "2023-01-26") == ("2023-01-12", "2023-01-26")
    assert exact_days("2023-01", "2023-01-26") is None
    assert exact_days("2023-01-12", "unknown") is None


# --- the machine for several parties ----------------------------------------------------------------------------------------------


def move(record: str, type_: str, body: Any, party: str, *after: str) -> Move:
    step = step_of(EDITION, record, type_, body, party, f"officer:{party}:exercise", 0, frozenset(after))
    return Move(step=step, type=type_, body=body)


def test_an_edition_of_three_is_agreed_once_all_three_have_signed_in_any_order() -> None:
    proposed = EditionProposed(
        series="malabar", starts_on="2027-11-01", ends_on="2027-11-09", parties=("aus", "ind", "jpn")
    )
    opening = move("1" * 64, "exercises.edition-proposed.v1", proposed, "ind")
    signed = [
        move(digit * 64, "case.endorsed.v1", CaseEndorsed(endorses="1" * 64), party, "1" * 64)
        for digit, party in (("2", "jpn"), ("3", "aus"))
    ]

    def view(*moves: Move) -> CaseView:
        whole = folded(EDITION, EDITION.subject("ind-malabar-2027"), moves)
        assert whole is not None
        return whole

    assert view(opening).state.state == view(signed[0], opening).state.state == "proposed"
    assert view(opening, *signed).state.state == view(*signed[::-1], opening).state.state == "agreed"
    assert view(opening, *signed).sides == {"host": "ind", "guest-1": "aus", "guest-2": "jpn"}
    stranger = msgspec.structs.replace(signed[1], step=msgspec.structs.replace(signed[1].step, party="usa"))
    assert view(opening, signed[0], stranger).state.state == "proposed"
