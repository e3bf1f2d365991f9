import itertools

from hypothesis import given
from hypothesis import strategies as st

from kizuna.kernel import intervals
from kizuna.kernel.intervals import FOREVER, contains

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=5)
instants = st.integers(-5, 70)


@given(spans, spans, instants)
def test_set_algebra_is_that_of_instants(one: list[tuple[int, int]], other: list[tuple[int, int]], at: int) -> None:
    a, b = intervals.normal(one), intervals.normal(other)
    assert contains(a, at) == any(start <= at < end for start, end in one)
    assert contains(intervals.both(a, b), at) == (contains(a, at) and contains(b, at))
    assert contains(intervals.without(a, b), at) == (contains(a, at) and not contains(b, at))


@given(spans, spans)
def test_results_are_normal(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    for made in (intervals.both(tuple(one), tuple(other)), intervals.without(tuple(one), tuple(other))):
        assert intervals.normal(made) == made
        assert all(start < end for start, end in made)
        assert all(left[1] < right[0] for left, right in itertools.pairwise(made))


@given(spans, st.integers(1, 5), instants)
def test_margins_keep_off_each_boundary(one: list[tuple[int, int]], margin: int, at: int) -> None:
    made = tuple((start + 1, end + 1) for start, end in one)  # no boundary at the beginning of time
    near = [contains(intervals.normal(made), at + off) for off in range(-margin, margin + 1)]
    assert contains(intervals.shrink(made, margin), at) == all(near)
    assert contains(intervals.grow(made, margin), at) == any(near)


def test_the_ends_of_time_have_no_margin() -> None:
    assert intervals.shrink(((0, FOREVER),), 10) == ((0, FOREVER),)
    assert intervals.grow(((5, FOREVER),), 10) == ((-5, FOREVER),)


@given(st.lists(st.integers(0, 50), max_size=6), instants)
def test_a_segment_has_no_edge_inside(edges: list[int], at: int) -> None:
    ordered = tuple(sorted(edges))
    start, end = intervals.segment(ordered, at)
    assert start <= at < end
    assert not any(start < edge < end for edge in ordered)
