"""How simulated ships move.

Each course is a pure function of time, so that any moment can be asked for in any order.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from typing import Protocol

import msgspec

from kizuna.domains.maritime.geodesy import (
    KNOT_M_S,
    NAUTICAL_MILE_M,
    Point,
    bearing_deg,
    between,
    destination,
    distance_m,
)

_PROBE_MS = 10_000
"""Speed and course are what the next ten seconds will show."""


class Course(Protocol):
    """Where a ship is at a time in milliseconds UTC."""

    def at(self, time_ms: int) -> Point:
        """Return latitude and longitude in degrees."""
        ...


class Motion(msgspec.Struct, frozen=True):
    """Where a ship is and how it moves."""

    lat_deg: float
    lon_deg: float
    speed_kn: float
    course_deg: float


def motion(course: Course, time_ms: int) -> Motion:
    """Return place, speed and course over ground at `time_ms`."""
    here, soon = course.at(time_ms), course.at(time_ms + _PROBE_MS)
    speed_kn = distance_m(here, soon) / (_PROBE_MS / 1000) / KNOT_M_S
    return Motion(here[0], here[1], speed_kn, bearing_deg(here, soon))


class Loop(msgspec.Struct, frozen=True):
    """A closed course at constant speed, with a stay of `stay_ms` at each of the `stops`."""

    points: tuple[Point, ...]
    ends_m: tuple[float, ...]
    """Distance from the first point to the end of each leg."""
    speed_kn: float
    start_m: float
    """Where on the loop the ship is at the time zero."""
    stay_ms: int
    stops_m: tuple[float, ...]

    def at(self, time_ms: int) -> Point:
        """Return the point that the ship has reached."""
        metres_per_ms = self.speed_kn * KNOT_M_S / 1000
        stay_m = self.stay_ms * metres_per_ms
        lap_m = self.ends_m[-1] + stay_m * len(self.stops_m)
        done = (self.start_m + time_ms * metres_per_ms) % lap_m
        for stop_m in self.stops_m:
            if done > stop_m:
                done = max(stop_m, done - stay_m)
        leg = min(bisect_right(self.ends_m, done), len(self.ends_m) - 1)
        leg_start = self.ends_m[leg - 1] if leg else 0.0
        length = self.ends_m[leg] - leg_start
        return between(self.points[leg], self.points[leg + 1], (done - leg_start) / length if length else 0.0)


def closed_loop(points: tuple[Point, ...], speed_kn: float, start_share: float) -> Loop:
    """Return a course round and round through `points`, beginning at `start_share` (0 to 1) of it."""
    ring = (*points, points[0])
    ends = _ends_m(ring)
    return Loop(ring, ends, speed_kn, ends[-1] * start_share, 0, ())


def there_and_back(
    points: tuple[Point, ...], offset_nm: float, speed_kn: float, start_share: float, stay_ms: int = 0
) -> Loop:
    """Return a course along `points` and back, `offset_nm` to starboard both ways, staying at both ends."""
    out = _offset(points, offset_nm)
    back = _offset(points[::-1], offset_nm)
    ring = (*out, *back, out[0])
    ends = _ends_m(ring)
    # a stop lies before the short leg across the lane's end, and one at the very end of the lap
    stops = (ends[len(out) - 2], ends[-1]) if stay_ms else ()
    return Loop(ring, ends, speed_kn, ends[-1] * start_share, stay_ms, stops)


def _ends_m(points: tuple[Point, ...]) -> tuple[float, ...]:
    ends: list[float] = []
    total = 0.0
    for a, b in pairwise(points):
        total += distance_m(a, b)
        ends.append(total)
    return tuple(ends)


def _offset(points: tuple[Point, ...], offset_nm: float) -> tuple[Point, ...]:
    """Return the points moved to starboard, at bends along the bisector, so that the legs stay joined."""
    moved: list[Point] = []
    for i, point in enumerate(points):
        before = bearing_deg(points[i - 1], point) if i else bearing_deg(point, points[1])
        after = bearing_deg(point, points[i + 1]) if i + 1 < len(points) else before
        turn = (after - before + 180.0) % 360.0 - 180.0
        moved.append(destination(point, (before + turn / 2 + 90.0) % 360.0, offset_nm * NAUTICAL_MILE_M))
    return tuple(moved)


class Wander(msgspec.Struct, frozen=True):
    """A smooth drift around a centre, as nets are worked or as a ship swings at anchor."""

    centre: Point
    radius_m: float
    periods_ms: tuple[float, float]
    phases: tuple[float, float]

    def at(self, time_ms: int) -> Point:
        """Return the point on the drift's curve."""
        east = math.sin(time_ms / self.periods_ms[0] * math.tau + self.phases[0])
        north = math.sin(time_ms / self.periods_ms[1] * math.tau + self.phases[1])
        bearing = math.degrees(math.atan2(east, north)) % 360.0
        return destination(self.centre, bearing, self.radius_m * math.hypot(east, north) / math.sqrt(2))


class Timed(msgspec.Struct, frozen=True):
    """A course through given points at given times.

    Before the first and after the last the ship lies still.
    """

    times_ms: tuple[int, ...]
    points: tuple[Point, ...]

    def at(self, time_ms: int) -> Point:
        """Return the point between the neighbours in time."""
        if time_ms <= self.times_ms[0]:
            return self.points[0]
        if time_ms >= self.times_ms[-1]:
            return self.points[-1]
        i = bisect_right(self.times_ms, time_ms)
        start, end = self.times_ms[i - 1], self.times_ms[i]
        return between(self.points[i - 1], self.points[i], (time_ms - start) / (end - start))
