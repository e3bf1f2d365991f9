"""Tracks for display and for comparison: at even times, or with as few points as show the same line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M
from kizuna.formats.compiled import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kizuna.domains.maritime.tracks.columns import Track

_UNIT_M = EARTH_RADIUS_M * np.pi / 180.0 / 600_000
_UNIT_RAD = np.pi / 180.0 / 600_000
_TURN = 360 * 600_000


class Places(NamedTuple):
    """Where vessels were at even times."""

    mmsi: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    lat: NDArray[np.int64]
    """1/600000 degree, between two rows on the straight line of the chart."""
    lon: NDArray[np.int64]
    row: NDArray[np.int64]
    """The row before, or at that time."""


def resampled(track: Track, step_ms: int, max_gap_ms: int) -> Places:
    """Return places at the full multiples of `step_ms` between rows of one vessel that are at most `max_gap_ms` apart.

    The way over 180 degrees is the short one. A row at a full multiple is its own place.
    """
    time, same = track.time_ms, np.zeros(len(track.mmsi), np.bool_)
    same[:-1] = (track.mmsi[1:] == track.mmsi[:-1]) & (time[1:] - time[:-1] <= max_gap_ms)
    until = np.where(same, np.roll(time, -1), time + 1)  # half-open; the last row of a piece stands for itself alone
    first = -(-time // step_ms)
    count = np.maximum(0, -(-until // step_ms) - first)
    row = np.repeat(np.arange(len(time)), count)
    number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    at_ms = (first[row] + number) * step_ms
    following = np.minimum(row + 1, len(time) - 1)
    share = np.where(same[row], (at_ms - time[row]) / np.maximum(1, time[following] - time[row]), 0.0)
    east = (track.lon[following] - track.lon[row] + _TURN // 2) % _TURN - _TURN // 2
    lat = track.lat[row] + np.rint(share * (track.lat[following] - track.lat[row])).astype(np.int64)
    lon = (track.lon[row] + np.rint(share * east).astype(np.int64) + _TURN // 2) % _TURN - _TURN // 2
    return Places(track.mmsi[row], at_ms, lat, lon, row)


def simplified(track: Track, tolerance_m: float, segment: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Return the rows that draw each vessel's line, no row farther from it than the tolerance (Douglas and Peucker).

    Args:
        track: its rows; ends of vessels and segments always stay.
        tolerance_m: metres.
        segment: each row's segment, where lines shall end with them; of each vessel its rows must then stand together.
    """
    if not len(track.mmsi):
        return np.empty(0, np.int64)
    parts = track.mmsi if segment is None else segment
    kept = np.zeros(len(parts), np.bool_)
    _simplify(parts, track.lat, track.lon, tolerance_m / _UNIT_M, kept, np.empty((len(parts), 2), np.int64))
    return np.flatnonzero(kept)


@inlined
def _from_line(lat, lon, i, a, b):
    """Return how far row `i` lies from the line of rows `a` and `b`, in units of a latitude on the plane at `a`."""
    narrow = np.cos(lat[a] * _UNIT_RAD)
    bx = ((lon[b] - lon[a] + _TURN // 2) % _TURN - _TURN // 2) * narrow
    ix = ((lon[i] - lon[a] + _TURN // 2) % _TURN - _TURN // 2) * narrow
    by, iy = float(lat[b] - lat[a]), float(lat[i] - lat[a])
    length = bx * bx + by * by
    along = 0.0 if length == 0 else min(1.0, max(0.0, (ix * bx + iy * by) / length))
    return np.hypot(ix - along * bx, iy - along * by)


@compiled()
def _simplify(parts, lat, lon, tolerance, kept, waiting):
    """Mark the rows that stay; `waiting` holds the stretches that are still to be looked at."""
    begin = np.int64(0)
    for end in range(1, len(parts) + 1):
        if end < len(parts) and parts[end] == parts[begin]:
            continue
        kept[begin] = kept[end - 1] = True
        waiting[0, 0], waiting[0, 1] = begin, end - 1
        depth = np.int64(1)
        while depth > 0:
            depth -= 1
            a, b = waiting[depth, 0], waiting[depth, 1]
            far, most = np.int64(-1), tolerance
            for i in range(a + 1, b):
                off = _from_line(lat, lon, i, a, b)
                if off > most:
                    far, most = np.int64(i), off
            if far >= 0:
                kept[far] = True
                waiting[depth, 0], waiting[depth, 1] = a, far
                waiting[depth + 1, 0], waiting[depth + 1, 1] = far, b
                depth += 2
        begin = np.int64(end)
