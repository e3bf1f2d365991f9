"""Cleaning and cutting: which rows belong to one voyage of one ship, which were set aside and why, and where two ships share a number.

Each row is given to the open segment of its vessel that it continues best: one from which it can be reached at a speed that ships have. Where
there is none, a segment begins. So a jump of the position becomes a segment of a few rows beside a long one, and two ships on one number become
two long ones whose rows interleave. After a time without rows a segment is closed, for what came later may be anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M, KNOT_M_S
from kizuna.domains.maritime.tracks.columns import first_heard
from kizuna.formats.compiled import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kizuna.domains.maritime.tracks.columns import Track

KEPT, DOUBLE, JUMP, UNREACHABLE = range(4)
REASONS = ("kept", "double", "position-jump", "unreachable-speed")
"""Why a row is not in the track: another receiver told it first; its place lies off the track; it cannot be reached at the fastest speed."""

_UNIT_M = EARTH_RADIUS_M * np.pi / 180.0 / 600_000
_UNIT_RAD = np.pi / 180.0 / 600_000
_TURN = 360 * 600_000
_OPEN = 8
"""Segments of a vessel that are open at once; the one that waits longest is closed for another."""
_NONE = -1
_KNOT = KNOT_M_S / 1000 / _UNIT_M
"""A knot in units of a latitude a millisecond."""


class Cutting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers that decide; a change of any of them is a new id."""

    fastest_kn: int = 60
    """Faster is no ship; the fastest ferries make 58."""
    gap_ms: int = 86_400_000
    """After this long without a row a segment is closed."""
    id: str = "kizuna.maritime.cutting.v1"
    least_rows: int = 3
    """Fewer rows beside a longer segment are a jump, not a ship."""
    near_m: int = 1_000
    """Within this a row is near, whatever its time: clocks differ."""


V1 = Cutting()


class Segments(NamedTuple):
    """What cutting gives: for each row its segment and reason, and columns of the segments."""

    segment: NDArray[np.int64]
    """Number of the row's segment; -1 for a double."""
    reason: NDArray[np.uint8]
    """A place in `REASONS`."""
    mmsi: NDArray[np.int64]
    rows: NDArray[np.int64]
    from_ms: NDArray[np.int64]
    to_ms: NDArray[np.int64]
    """Time of the last row."""


class Clash(NamedTuple):
    """Two segments of one number at the same time, each with rows between the other's: two ships, or one that pretends."""

    mmsi: int
    segments: tuple[int, int]
    from_ms: int
    to_ms: int


def cut(track: Track, cutting: Cutting = V1) -> Segments:
    """Return the segments of a track; a pure function of its rows."""
    count = len(track.mmsi)
    reason = np.zeros(count, np.uint8)
    segment = np.full(count, _NONE, np.int64)
    doubles = first_heard(track) != np.arange(count)
    reason[doubles] = DOUBLE
    kept = np.flatnonzero(~doubles)
    part = track.take(kept)
    found = np.empty(len(kept), np.int64)
    limits = np.array([cutting.fastest_kn * KNOT_M_S / 1000 / _UNIT_M, cutting.near_m / _UNIT_M, cutting.gap_ms])
    total = (
        int(_assign(part.mmsi, part.time_ms, part.lat, part.lon, part.speed_dkn, part.course_ddeg, limits, found))
        if len(kept)
        else 0
    )
    segment[kept] = found
    first = np.full(total, np.iinfo(np.int64).max)
    last = np.full(total, np.iinfo(np.int64).min)
    mmsi = np.zeros(total, np.int64)
    np.minimum.at(first, found, part.time_ms)
    np.maximum.at(last, found, part.time_ms)
    mmsi[found] = part.mmsi
    rows = np.bincount(found, minlength=total)
    made = Segments(segment, reason, mmsi, rows, first, last)
    stray = _stray(made, cutting)
    reason[kept[stray[found]]] = np.where(rows[found[stray[found]]] == 1, JUMP, UNREACHABLE)
    return made


def _stray(made: Segments, cutting: Cutting) -> NDArray[np.bool_]:
    """Return which segments are a few rows beside a longer segment of their vessel."""
    few = made.rows < cutting.least_rows
    stray = np.zeros(len(few), np.bool_)
    for k in np.flatnonzero(few).tolist():
        near = slice(max(0, k - _OPEN * 4), k + _OPEN * 4)
        others = (made.mmsi[near] == made.mmsi[k]) & (made.rows[near] > made.rows[k])
        overlaps = (made.from_ms[near] <= made.to_ms[k] + cutting.gap_ms) & (
            made.to_ms[near] >= made.from_ms[k] - cutting.gap_ms
        )
        stray[k] = bool((others & overlaps).any())
    return stray


def clashes(track: Track, made: Segments, cutting: Cutting = V1) -> tuple[Clash, ...]:
    """Return where segments of one number interleave, each with at least `least_rows` rows while the other lasts."""
    out: list[Clash] = []
    big = np.flatnonzero(made.rows >= cutting.least_rows)
    order = big[np.lexsort((made.from_ms[big], made.mmsi[big]))]
    times: dict[int, NDArray[np.int64]] = {}
    for place, a in enumerate(order.tolist()):
        for b in order[place + 1 :].tolist():
            if made.mmsi[b] != made.mmsi[a]:
                break
            from_ms, to_ms = int(made.from_ms[b]), int(min(made.to_ms[a], made.to_ms[b]))
            if from_ms > to_ms:
                continue
            times = times or _times_by_segment(track, made)
            inside = [int(((times[k] >= from_ms) & (times[k] <= to_ms)).sum()) for k in (a, b)]
            if min(inside) >= cutting.least_rows:
                out.append(Clash(int(made.mmsi[a]), (a, b), from_ms, to_ms + 1))
    return tuple(out)


def _times_by_segment(track: Track, made: Segments) -> dict[int, NDArray[np.int64]]:
    rows = np.flatnonzero(made.segment >= 0)
    order = rows[np.lexsort((track.time_ms[rows], made.segment[rows]))]
    numbers = made.segment[order]
    starts = (
        np.flatnonzero(np.concatenate(([True], numbers[1:] != numbers[:-1]))) if len(order) else np.empty(0, np.int64)
    )
    return (
        dict(zip(numbers[starts].tolist(), np.split(track.time_ms[order], starts[1:]), strict=True))
        if len(order)
        else {}
    )


@inlined
def _units_between(lat_a, lon_a, lat_b, lon_b):
    """Return the distance on the plane that touches between the two places, in 1/600000 degree of latitude."""
    east = lon_b - lon_a
    if east > _TURN / 2:
        east -= _TURN
    elif east < -_TURN / 2:
        east += _TURN
    east *= np.cos((lat_a + lat_b) / 2 * _UNIT_RAD)
    north = lat_b - lat_a
    return np.sqrt(east * east + north * north)


@inlined
def _off(time, lat, lon, last, limits):
    """Return how far a place lies from where a segment would be by now, -1 where it cannot be reached or the segment is over."""
    since = time - last[0]
    if since > limits[2]:
        return -1.0
    moved = _units_between(last[1], last[2], lat, lon)
    if moved > limits[1] + limits[0] * since:
        return -1.0
    return min(moved, _units_between(last[1] + last[3] * since, last[2] + last[4] * since, lat, lon))


@compiled()
def _assign(mmsi, time, lat, lon, speed, course, limits, found):
    """Write each row's segment into `found`, numbered as they begin; return how many there are. Speeds are units of a latitude a millisecond."""
    last = np.zeros((_OPEN, 5))
    number = np.full(_OPEN, -1, np.int64)
    total = np.int64(0)
    for i in range(len(mmsi)):
        if i == 0 or mmsi[i] != mmsi[i - 1]:
            number[:] = -1
        best, least, oldest = np.int64(-1), 0.0, np.int64(0)
        for k in range(_OPEN):
            if number[k] < 0:
                if number[oldest] >= 0:
                    oldest = np.int64(k)
                continue
            off = _off(time[i], float(lat[i]), float(lon[i]), last[k], limits)
            if off >= 0 and (best < 0 or off < least):
                best, least = np.int64(k), off
            if number[oldest] >= 0 and last[k, 0] < last[oldest, 0]:
                oldest = np.int64(k)
        if best < 0:
            best = oldest
            number[best] = total
            total += 1
        found[i] = number[best]
        last[best, 0], last[best, 1], last[best, 2] = time[i], lat[i], lon[i]
        last[best, 3] = last[best, 4] = 0.0
        if speed[i] > 0 and course[i] >= 0:
            pace = speed[i] / 10 * _KNOT
            last[best, 3] = pace * np.cos(course[i] / 10 * np.pi / 180)
            last[best, 4] = pace * np.sin(course[i] / 10 * np.pi / 180) / max(0.01, np.cos(lat[i] * _UNIT_RAD))
    return total
