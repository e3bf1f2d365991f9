"""The measures are their published formulas, over raw counts that are shown; what is not known is never a figure."""

from __future__ import annotations

from fractions import Fraction
from math import exp, log
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.domains.exercises.cases import EDITION
from kizuna.domains.exercises.measures import (
    AXES,
    FORMULAS,
    WEIGHTS,
    Edition,
    complexity,
    diversity,
    frequency,
    lacking,
    measures,
)
from kizuna.domains.exercises.records import EditionProposed
from kizuna.domains.exercises.rules import day_number, exact_days, period_fault
from kizuna.kernel.case import CaseEndorsed
from kizuna.kernel.casework import CaseView, Move, folded, step_of

WORDS = st.lists(st.sampled_from(("a", "b", "c", "d")), unique=True).map(tuple)
COUNTS = st.none() | st.integers(0, 40)


@st.composite
def editions(draw: st.DrawFn) -> Edition:
    first = draw(st.none() | st.integers(day_number("2020-12-20"), day_number("2022-01-10")))
    last = None if first is None else first + draw(st.integers(0, 20))
    return Edition(
        year=2021, first_day=first, last_day=last,
        **{axis: draw(WORDS) for axis in (*AXES, "domains")},
        **{name: draw(COUNTS) for name in ("units", "live", "night", "live_fire", "cross_deck")},
    )  # fmt: skip


def one(**changes: Any) -> Edition:
    values: dict[str, Any] = {
        "year": 2023, "first_day": day_number("2022-12-30"), "last_day": day_number("2023-01-02"), "partners": ("jpn",),
        "domains": ("maritime", "air"), "services": ("navy",), "warfare_areas": ("mine",), "unit_types": ("ship",), "units": 5,
        "live": 8, "night": 4, "live_fire": 2, "cross_deck": 2,
    }  # fmt: skip
    return Edition(**(values | changes))


def test_complexity_is_what_its_formula_says() -> None:
    assert complexity(one()) == 5 * 2 * (8 + Fraction(1, 2) * 4 + 1 * 2 + Fraction(1, 2) * 2)
    assert complexity(one(live=0, night=0, live_fire=0, cross_deck=0)) == 0
    for weight in WEIGHTS.values():
        assert f"{weight} * " in FORMULAS["complexity"]


@given(st.lists(editions(), max_size=8))
def test_a_missing_count_makes_complexity_unknown_and_is_named(held: list[Edition]) -> None:
    found = measures(held)
    known = [each for each in held if complexity(each) is not None]
    assert all(bool(lacking(each)) == (complexity(each) is None) for each in held)
    assert found.complexity_known == len(known)
    assert (found.complexity is None) == (not known)
    assert found.complexity_lacks == {
        name: count for name in sorted({lack for each in held for lack in lacking(each)})
        if (count := sum(name in lacking(each) for each in held))
    }  # fmt: skip


@given(st.lists(WORDS, max_size=12))
def test_diversity_is_shannons_index_of_the_counts_shown(values: list[tuple[str, ...]]) -> None:
    found = diversity(values)
    total = sum(found.counts.values())
    assert found.stated_by == sum(map(bool, values))
    assert found.counts == {word: n for word in "abcd" if (n := sum(word in each for each in values))}
    if not total:
        assert found.index is None
        return
    assert found.index == pytest.approx(-sum(n / total * log(n / total) for n in found.counts.values()), abs=1e-4)
    assert 1 - 1e-3 <= exp(found.index) <= len(found.counts) + 1e-3


@given(st.lists(editions(), max_size=8))
def test_the_exercise_days_of_all_years_are_all_exercise_days(held: list[Edition]) -> None:
    days, known, unknown = frequency(held, None)
    assert days == sum(frequency(held, year)[0] for year in (2020, 2021, 2022))
    assert known + unknown == len(held)
    assert days >= known


@given(st.lists(editions(), max_size=6), st.randoms())
def test_measures_do_not_depend_on_the_order_of_editions(held: list[Edition], rng: Any) -> None:
    shuffled = held[:]
    rng.shuffle(shuffled)
    assert measures(held, 2021) == measures(shuffled, 2021)


def test_days_over_the_turn_of_a_year_count_in_each() -> None:
    assert measures([], 2023, spilling=[one()]).exercise_days == 2
    assert measures([one()], 2022).exercise_days == 2


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
        found = folded(EDITION, EDITION.subject("ind-malabar-2027"), moves)
        assert found is not None
        return found

    assert view(opening).state.state == view(signed[0], opening).state.state == "proposed"
    assert view(opening, *signed).state.state == view(*signed[::-1], opening).state.state == "agreed"
    assert view(opening, *signed).sides == {"host": "ind", "guest-1": "aus", "guest-2": "jpn"}
    stranger = msgspec.structs.replace(signed[1], step=msgspec.structs.replace(signed[1].step, party="usa"))
    assert view(opening, signed[0], stranger).state.state == "proposed"
