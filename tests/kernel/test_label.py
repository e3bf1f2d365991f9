"""The label lattice: joining only restricts, in any order and however often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.kernel import label as labels
from kizuna.kernel.label import Grade, Label, aggregate, counted, dominates, expired, join

PARTIES = st.frozensets(st.sampled_from(["ind", "jpn", "usa", "aus"]))
WORDS = st.frozensets(st.sampled_from(["ops", "safety", "exercise", "law"]))
GRADES = st.dictionaries(
    st.sampled_from(["ind", "jpn", "nato"]), st.tuples(st.integers(0, 15), WORDS), min_size=1, max_size=3
).map(lambda found: tuple(Grade(policy, level, caveats) for policy, (level, caveats) in sorted(found.items())))
LABELS = st.builds(
    Label,
    grades=GRADES,
    originators=PARTIES.filter(bool),
    purposes=WORDS,
    releasable_to=PARTIES,
    review_by=st.none() | st.dates().map(lambda day: day.isoformat()),
)


@given(LABELS, LABELS, LABELS)
def test_join_is_associative(one: Label, other: Label, third: Label) -> None:
    assert join(join(one, other), third) == join(one, join(other, third))


@given(LABELS, LABELS)
def test_join_is_commutative_and_stays_well_formed(one: Label, other: Label) -> None:
    joined = join(one, other)
    assert joined == join(other, one)
    labels.check(joined)


@given(LABELS)
def test_join_is_idempotent_and_dominance_reflexive(one: Label) -> None:
    assert join(one, one) == one
    assert dominates(one, one)


@given(LABELS, LABELS, LABELS)
def test_join_is_monotone(one: Label, other: Label, third: Label) -> None:
    assert dominates(join(join(one, other), third), join(one, third))


@given(LABELS, LABELS)
def test_join_is_an_upper_bound_that_never_grows_releasability(one: Label, other: Label) -> None:
    joined = join(one, other)
    assert dominates(joined, one)
    assert dominates(joined, other)
    assert joined.releasable_to <= one.releasable_to & other.releasable_to
    assert joined.purposes <= one.purposes & other.purposes
    assert joined.originators >= one.originators | other.originators
    for part in (one, other):
        for grade in part.grades:
            mine = next(held for held in joined.grades if held.policy == grade.policy)
            assert mine.classification >= grade.classification
            assert mine.caveats >= grade.caveats
        assert part.review_by is None or (joined.review_by is not None and joined.review_by <= part.review_by)


@given(LABELS, LABELS, LABELS)
def test_the_join_is_the_least_upper_bound(one: Label, other: Label, third: Label) -> None:
    bound = join(join(one, other), third)
    assert dominates(bound, one)
    assert dominates(bound, other)
    assert dominates(bound, join(one, other))


@given(LABELS, LABELS)
def test_dominance_is_antisymmetric(one: Label, other: Label) -> None:
    if dominates(one, other) and dominates(other, one):
        assert one == other


@given(LABELS, LABELS, LABELS)
def test_dominance_is_transitive(one: Label, other: Label, third: Label) -> None:
    middle = join(one, other)
    high = join(middle, third)
    assert dominates(high, middle)
    assert dominates(middle, one)
    assert dominates(high, one)


def test_one_policy_takes_the_higher_grade_and_all_caveats() -> None:
    low = labels.label("ind", 1, originator="ind", releasable_to=("jpn", "usa"), purposes=("ops",), caveats=("a",))
    high = labels.label("ind", 3, originator="jpn", releasable_to=("jpn",), purposes=("ops", "law"), caveats=("b",))
    assert join(low, high) == Label(
        (Grade("ind", 3, frozenset({"a", "b"})),), frozenset({"ind", "jpn"}), frozenset({"ops"}), frozenset({"jpn"})
    )


def test_two_policies_stay_apart() -> None:
    joined = join(labels.label("ind", 2, originator="ind"), labels.label("jpn", 1, originator="jpn"))
    assert joined.grades == (Grade("ind", 2), Grade("jpn", 1))
    assert joined.releasable_to == joined.purposes == frozenset()


def test_a_label_expires_on_its_review_day() -> None:
    made = labels.label("ind", 0, originator="ind", review_by="2026-03-01")
    assert [expired(made, day) for day in ("2026-02-28", "2026-03-01", "2026-03-02")] == [False, True, True]
    assert not expired(labels.label("ind", 0, originator="ind"), "9999-12-31")


@pytest.mark.parametrize(
    "changed",
    [
        {"grades": ()},
        {"grades": (Grade("jpn", 1), Grade("ind", 1))},
        {"grades": (Grade("ind", 1), Grade("ind", 2))},
        {"grades": (Grade("ind", 16),)},
        {"grades": (Grade("ind", -1),)},
        {"grades": (Grade("IND", 1),)},
        {"grades": (Grade("ind", 1, frozenset({"Eyes Only"})),)},
        {"originators": frozenset()},
        {"originators": frozenset({"ind\n"})},
        {"releasable_to": frozenset({"JPN"})},
        {"releasable_to": frozenset({""})},
        {"purposes": frozenset({"a b"})},
        {"review_by": "2026-02-30"},
        {"review_by": "20260228"},
        {"review_by": "2026-W01-1"},
        {"review_by": "२०२६-०१-०१"},
        {"review_by": ""},
    ],
)
def test_malformed_labels_are_refused(changed: dict[str, object]) -> None:
    parts: dict[str, object] = {"grades": (Grade("ind", 1),), "originators": frozenset({"ind"})}
    with pytest.raises(RecordError):
        labels.check(Label(**(parts | changed)))  # type: ignore[arg-type] # parts of any type are the point


@given(st.lists(LABELS, min_size=1, max_size=5), st.none() | LABELS)
def test_what_is_made_of_parts_protects_each_of_them_in_any_order(parts: list[Label], own: Label | None) -> None:
    made = aggregate(parts, of=own)
    assert made is not None
    assert all(dominates(made, part) for part in [*parts, *([own] if own else [])])
    assert made == aggregate(reversed(parts), of=own)


@given(st.lists(LABELS, max_size=3))
def test_a_part_without_a_label_leaves_the_whole_without_one(parts: list[Label]) -> None:
    assert aggregate([*parts, None]) is None
    assert aggregate([]) is None


@given(st.lists(LABELS, max_size=6), st.lists(LABELS, max_size=6), st.sampled_from(["ind", "jpn", "usa", "aus"]))
def test_a_count_tells_nothing_of_what_its_reader_may_not_see(
    seen: list[Label], hidden: list[Label], party: str
) -> None:
    def admits(held: Label) -> bool:
        return party in held.releasable_to | held.originators

    shown = [held for held in seen if admits(held)]
    unshown = [held for held in hidden if not admits(held)]
    told = counted([*shown, *unshown, None], admits)
    assert told == counted(shown, admits)
    assert told.count == len(shown)
    assert all(told.label is not None and dominates(told.label, held) for held in shown)
