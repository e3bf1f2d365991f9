"""Loitering: a vessel that hardly moves for hours, far from the shore.

Each clock hour of a vessel has a mean speed: the way from report to report over the time that it took, of the legs whose later report lies in
that hour. Consecutive hours below the threshold are one event, from the report before the first of them. An hour in which a leg is longer than
an hour, or the feed was silent, has no speed. Where no land is known there is no shore, and nothing is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kizuna.domains.maritime.events import kernels
from kizuna.domains.maritime.events.model import Event, ThresholdSet, in_order
from kizuna.domains.maritime.geodesy import KNOT_M_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.coverage import Receivers
    from kizuna.domains.maritime.events.given import Given
    from kizuna.domains.maritime.tracks.clean import Clean


class Hours(NamedTuple):
    """The hours of pieces: rows from the report before the first leg to the last report."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    at: NDArray[np.int64]
    """Time divided by an hour."""
    slow: NDArray[np.bool_]


def hours_of(clean: Clean, receivers: Receivers, thresholds: ThresholdSet) -> Hours:
    """Return every hour of every piece and whether it was slow."""
    track, count = clean.track, max(0, len(clean.piece) - 1)
    time = track.time_ms
    way = np.empty(count, np.float64)
    first, last, at, ms = (np.empty(count, np.int64) for _ in range(4))
    sailed = np.empty(count, np.float64)
    found = 0
    if count:
        kernels.legs_m(track.lat, track.lon, way)
        usable = (time[1:] - time[:-1] <= thresholds.loitering_hour_ms) & receivers.heard(
            track.source[:-1], time[:-1], time[1:]
        )
        found = int(
            kernels.hours(clean.piece, time, way, usable, thresholds.loitering_hour_ms, first, last, at, sailed, ms)
        )
    limit = thresholds.loitering_speed_dkn / 10 * KNOT_M_S / 1000
    slow = (ms[:found] > 0) & (sailed[:found] < limit * ms[:found])
    return Hours(first[:found], last[:found], at[:found], slow)


def find_loitering(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return where vessels loiter; what may still go on has no end."""
    thresholds, track = given.thresholds, clean.track
    hours = hours_of(clean, given.receivers, thresholds)
    least = -(-thresholds.loitering_min_ms // thresholds.loitering_hour_ms)
    far = np.zeros(len(hours.slow), np.bool_)
    for begin, end in _runs(clean, hours, hours.slow):
        far[begin:end] = end - begin >= least
    land = given.land() if far.any() else None
    if land is None:
        return ()
    rows = hours.last[far]
    far[far] = land.farther(track.lat[rows], track.lon[rows], thresholds.loitering_shore_m)
    events: list[Event] = []
    for begin, end in _runs(clean, hours, far):
        if end - begin < least:
            continue
        rows = np.arange(hours.first[begin], hours.last[end - 1] + 1)
        time = track.time_ms[rows]
        live = given.receivers.live(track.source[rows[:-1]], time[:-1], time[1:])
        goes_on = (hours.at[end - 1] + 2) * thresholds.loitering_hour_ms > given.now_ms
        events.append(
            given.event(
                "loitering",
                track,
                rows,
                from_ms=int(time[0]),
                to_ms=None if goes_on else int(time[-1]),
                confidence="high" if live.all() else "low",
            )
        )
    return in_order(events)


def _runs(clean: Clean, hours: Hours, wanted: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the stretches of consecutive wanted hours of one piece, half-open."""
    rows = np.flatnonzero(wanted)
    if not len(rows):
        return []
    piece, at = clean.piece[hours.first[rows]], hours.at[rows]
    breaks = np.flatnonzero((piece[1:] != piece[:-1]) | (at[1:] != at[:-1] + 1)) + 1
    return [(int(run[0]), int(run[-1]) + 1) for run in np.split(rows, breaks)]
