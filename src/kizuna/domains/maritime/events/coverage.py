"""When a feed was heard: the states that its node measured, made ready to ask about intervals.

Silent beats degraded, degraded beats live, and a time without a state counts as silent: unknown means deny.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

State = Literal["live", "degraded", "silent"]
_RANK: dict[State, int] = {"silent": 0, "degraded": 1, "live": 2}


class FeedInterval(msgspec.Struct, frozen=True, order=True):
    """A feed's state from `from_ms` up to, not including, `to_ms`."""

    from_ms: int
    to_ms: int
    state: State


def heard_intervals(times_ms: NDArray[np.int64], silent_ms: int) -> list[FeedInterval]:
    """Return when a feed was live, read from the times of all that it delivered, in any order.

    It is taken as live from each report until `silent_ms` later; where no report follows by then it is silent, which here is told by the
    missing interval.
    """
    times = np.unique(times_ms)
    if not len(times):
        return []
    breaks = np.flatnonzero(np.diff(times) > silent_ms)
    starts = times[np.concatenate(([0], breaks + 1))]
    ends = times[np.concatenate((breaks, [len(times) - 1]))] + silent_ms
    return [FeedInterval(a, b, "live") for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]


class Coverage:
    """The states of one feed; `ref` names it in the events that rest on it.

    Args:
        ref: the source's name.
        intervals: in any order, overlapping or repeated.
    """

    def __init__(self, ref: str, intervals: Iterable[FeedInterval]) -> None:
        self.ref = ref
        states = set(intervals)
        heard, live = _spans(states, _RANK["degraded"]), _spans(states, _RANK["live"])
        self._heard_from, self._heard_to = _columns(heard)
        self._live_from, self._live_to = _columns(live)

    def heard(self, from_ms: NDArray[np.int64], to_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each interval, both ends included, whether the feed was never silent or unknown."""
        return _within(from_ms, to_ms, self._heard_from, self._heard_to)

    def live(self, from_ms: NDArray[np.int64], to_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each interval, both ends included, whether the feed was live all the while."""
        return _within(from_ms, to_ms, self._live_from, self._live_to)

    def until(self, at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for each instant the end of the time without silence that it lies in; the instant itself where the feed was not heard."""
        return _until(at_ms, self._heard_from, self._heard_to)


class Receivers:
    """The feeds of several sources, each asked about what it told.

    A vessel that one source no longer hears may be out of its reach: that another was live says nothing of it.

    Args:
        coverages: in the order of the sources' numbers.
    """

    def __init__(self, coverages: Sequence[Coverage]) -> None:
        self._coverages = tuple(coverages)

    def heard(
        self, source: NDArray[np.int64], from_ms: NDArray[np.int64], to_ms: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return for each interval, both ends included, whether its source was never silent or unknown."""
        return self._asked(Coverage.heard, source, from_ms, to_ms)

    def live(
        self, source: NDArray[np.int64], from_ms: NDArray[np.int64], to_ms: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return for each interval, both ends included, whether its source was live all the while."""
        return self._asked(Coverage.live, source, from_ms, to_ms)

    def _asked(
        self,
        ask: Callable[[Coverage, NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]],
        source: NDArray[np.int64],
        from_ms: NDArray[np.int64],
        to_ms: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Return what each interval's source answers."""
        if len(self._coverages) == 1:
            return ask(self._coverages[0], from_ms, to_ms)
        result = np.zeros(len(source), dtype=np.bool_)
        for number, coverage in enumerate(self._coverages):
            rows = source == number
            result[rows] = ask(coverage, from_ms[rows], to_ms[rows])
        return result

    def until(self, source: NDArray[np.int64], at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for each instant until when its source was heard without a break."""
        result = at_ms.copy()
        for number, coverage in enumerate(self._coverages):
            rows = source == number
            result[rows] = coverage.until(at_ms[rows])
        return result

    def ref(self, source: NDArray[np.int64]) -> str:
        """Return the names of sources, as events cite them."""
        numbers = set(source.tolist()) if len(self._coverages) > 1 else {0}
        return ", ".join(sorted({self._coverages[number].ref for number in numbers}))


def _spans(states: set[FeedInterval], least: int) -> list[tuple[int, int]]:
    """Return the longest intervals in which a state is told and all that are told are at least `least`."""
    marks: dict[int, list[int]] = {}
    for state in states:
        if state.from_ms < state.to_ms:
            column = 0 if _RANK[state.state] >= least else 1
            marks.setdefault(state.from_ms, [0, 0])[column] += 1
            marks.setdefault(state.to_ms, [0, 0])[column] -= 1
    spans: list[tuple[int, int]] = []
    good = bad = 0
    start: int | None = None
    for at_ms in sorted(marks):
        good += marks[at_ms][0]
        bad += marks[at_ms][1]
        if good > 0 and bad == 0:
            start = at_ms if start is None else start
        elif start is not None:
            spans.append((start, at_ms))
            start = None
    return spans


def _columns(spans: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    columns = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


def _within(
    from_ms: NDArray[np.int64],
    to_ms: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> NDArray[np.bool_]:
    if not len(starts):
        return np.zeros(len(from_ms), dtype=np.bool_)
    at = np.searchsorted(starts, from_ms, side="right") - 1
    result: NDArray[np.bool_] = (at >= 0) & (to_ms < ends[np.maximum(at, 0)])
    return result


def _until(at_ms: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    if not len(starts):
        return at_ms.copy()
    at = np.searchsorted(starts, at_ms, side="right") - 1
    return np.where(at >= 0, np.maximum(at_ms, ends[np.maximum(at, 0)]), at_ms)
