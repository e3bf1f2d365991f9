"""Sets of instants as sorted, disjoint, half-open intervals of milliseconds: the arithmetic of being in force.

Nothing here knows what an interval means; `kizuna.kernel.instrument` and `kizuna.kernel.release` do.
"""

from __future__ import annotations

from collections.abc import Iterable

BEGINNING = 0
"""The earliest instant: the Unix epoch."""
FOREVER = 2**53 - 1
"""An end that never comes: the largest integer on the wire."""

DAY_MS = 86_400_000

Interval = tuple[int, int]
Intervals = tuple[Interval, ...]

ALWAYS: Intervals = ((BEGINNING, FOREVER),)


def normal(intervals: Iterable[Interval]) -> Intervals:
    """Return the same instants as sorted, disjoint, non-empty intervals."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def both(one: Intervals, other: Intervals) -> Intervals:
    """Return the instants that are in both sets."""
    return normal((max(a, c), min(b, d)) for a, b in one for c, d in other)


def without(one: Intervals, other: Intervals) -> Intervals:
    """Return the instants of the first set that are not in the second."""
    left = normal(one)
    for start, end in normal(other):
        left = normal(part for a, b in left for part in ((a, min(b, start)), (max(a, end), b)))
    return left


def shrink(intervals: Intervals, margin_ms: int) -> Intervals:
    """Return the set without a margin on the inside of each boundary; the ends of time have no boundary."""
    return normal(
        (a if a <= BEGINNING else a + margin_ms, b if b >= FOREVER else b - margin_ms) for a, b in normal(intervals)
    )


def grow(intervals: Intervals, margin_ms: int) -> Intervals:
    """Return the set with a margin on the outside of each boundary."""
    return normal((a - margin_ms, min(FOREVER, b + margin_ms)) for a, b in normal(intervals))


def contains(intervals: Intervals, instant_ms: int) -> bool:
    """Return whether the instant is in the set."""
    for start, end in intervals:  # noqa: SIM110 # a generator here costs a third of a release decision
        if start <= instant_ms < end:
            return True
    return False


def segment(edges: tuple[int, ...], instant_ms: int) -> Interval:
    """Return the stretch between two neighbouring edges, sorted, that holds the instant."""
    start, end = -FOREVER, FOREVER + 1
    for edge in edges:
        if edge <= instant_ms:
            start = edge
        else:
            end = edge
            break
    return start, end
