"""The definitions of events read plainly, row by row, without columns: what tests and benchmarks hold the kernels against."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple

from kizuna.domains.maritime.events.model import V2
from kizuna.domains.maritime.geodesy import KNOT_M_S, distance_m

DEGREE = 600_000
TURN = 360 * DEGREE
Place = tuple[int, int]
Row = tuple[int, Place]
"""Time, and latitude and longitude."""
SILENT: Place = (TURN, TURN)
Heard = Callable[[int, int], bool]
"""Says whether the feed was heard from one instant to another."""


class Stretch(NamedTuple):
    from_ms: int
    to_ms: int
    lat: float
    lon: float
    speeds: tuple[float, float]


def metres(a: Place, b: Place) -> float:
    return distance_m((a[0] / DEGREE, a[1] / DEGREE), (b[0] / DEGREE, b[1] / DEGREE))


def always(_from_ms: int, _to_ms: int) -> bool:
    return True


def resampled(track: Sequence[Row], heard: Heard = always) -> dict[int, Place]:
    """Return where a vessel was at the full multiples of ten minutes between reports less than an hour apart."""
    step, places = V2.encounter_grid_ms, dict[int, Place]()
    for (start, (lat_a, lon_a)), (end, (lat_b, lon_b)) in pairwise(track):
        if not 0 < end - start < V2.encounter_max_interpolation_ms:
            continue
        east = (lon_b - lon_a + TURN // 2) % TURN - TURN // 2
        for slot in range(math.ceil(start / step), end // step + 1):
            if slot in places:
                continue
            since, whole = slot * step - start, end - start
            lon = (lon_a + east * since // whole + TURN // 2) % TURN - TURN // 2
            places[slot] = (lat_a + (lat_b - lat_a) * since // whole, lon)
            if not heard(start, end):
                places[slot] = SILENT
    return {slot: place for slot, place in places.items() if place != SILENT}


def stretches(one: dict[int, Place], other: dict[int, Place]) -> Iterable[Stretch]:
    """Yield the runs of consecutive grid times, of an hour or more, at which two vessels are within 500 metres."""
    near = [
        slot for slot in sorted(one.keys() & other.keys()) if metres(one[slot], other[slot]) <= V2.encounter_distance_m
    ]
    for _, group in groupby(enumerate(near), key=lambda pair: pair[1] - pair[0]):
        run = [slot for _, slot in group]
        from_ms, to_ms = run[0] * V2.encounter_grid_ms, run[-1] * V2.encounter_grid_ms
        if to_ms - from_ms < V2.encounter_part_ms:
            continue
        speeds = tuple(
            median(metres(side[a], side[b]) / (V2.encounter_grid_ms / 1000) for a, b in pairwise(run)) for side in (one, other)
        )  # fmt: skip
        first = one[run[0]][1]
        east = [(one[slot][1] - first + TURN // 2) % TURN - TURN // 2 for slot in run]
        yield Stretch(
            from_ms, to_ms, sum(one[slot][0] for slot in run) / len(run), first + sum(east) / len(run), (speeds[0], speeds[1])
        )  # fmt: skip


def encounters(
    tracks: dict[int, Sequence[Row]], anchorages: Sequence[Place] = (), heard: Heard = always
) -> set[tuple[tuple[int, int], int, int]]:
    """Return the encounters as the published definition reads: pair, start and end."""
    places = {vessel: resampled(track, heard) for vessel, track in tracks.items()}
    by_slot: dict[int, list[int]] = defaultdict(list)
    for vessel, at in places.items():
        for slot in at:
            by_slot[slot].append(vessel)
    pairs = {
        (low, high) for slot, there in by_slot.items() for low, high in near_each_other(slot, sorted(there), places)
    }
    found = set()
    for low, high in sorted(pairs):
        joined: list[Stretch] = []
        parts = [
            part
            for part in stretches(places[low], places[high])
            if all(
                distance_m((part.lat / DEGREE, part.lon / DEGREE), (lat / DEGREE, lon / DEGREE))
                >= V2.encounter_anchorage_m
                for lat, lon in anchorages
            )
        ]
        for part in [*parts, None]:
            if joined and (part is None or not goes_on(joined[-1], part, heard)):
                lasts = joined[-1].to_ms - joined[0].from_ms
                speed = median(speed for each in joined for speed in each.speeds)
                if lasts >= V2.encounter_min_ms and speed < V2.encounter_speed_dkn / 10 * KNOT_M_S:
                    found.add(((low, high), joined[0].from_ms, joined[-1].to_ms))
                joined = []
            if part is not None:
                joined.append(part)
    return found


def goes_on(before: Stretch, after: Stretch, heard: Heard) -> bool:
    """Return whether less than four hours, with the feed heard, lie between two stretches."""
    return after.from_ms - before.to_ms < V2.encounter_between_ms and heard(before.to_ms, after.from_ms)


def near_each_other(slot: int, there: list[int], places: dict[int, dict[int, Place]]) -> Iterable[tuple[int, int]]:
    """Yield the pairs of vessels that are near at a grid time, looked for in boxes of a hundredth of a degree and those around them."""
    side, boxes = DEGREE // 100, defaultdict[tuple[int, int], list[int]](list)
    for vessel in there:
        lat, lon = places[vessel][slot]
        wide = max(1, math.ceil(1 / max(0.01, math.cos(math.radians(lat / DEGREE)))))
        for north in (-1, 0, 1):
            for east in range(-wide, wide + 1):
                boxes[lat // side + north, (lon // side + east) % (TURN // side)].append(vessel)
    for vessel in there:
        lat, lon = places[vessel][slot]
        for other in boxes[lat // side, lon // side % (TURN // side)]:
            if vessel < other and metres((lat, lon), places[other][slot]) <= V2.encounter_distance_m:
                yield vessel, other


def loitering(track: Sequence[Row], heard: Heard = always, *, far: Callable[[Place], bool]) -> set[tuple[int, int]]:
    """Return the stretches of hours in which a vessel hardly moved, from the report before them to the last in them."""
    way: dict[int, float] = defaultdict(float)
    took: dict[int, int] = defaultdict(int)
    broken: set[int] = set()
    first: dict[int, int] = {}
    last: dict[int, tuple[int, Place]] = {}
    for (start, a), (end, b) in pairwise(track):
        hour = end // V2.loitering_hour_ms
        first.setdefault(hour, start)
        last[hour] = (end, b)
        way[hour] += metres(a, b)
        took[hour] += end - start
        if end - start > V2.loitering_hour_ms or not heard(start, end):
            broken.add(hour)
    limit = V2.loitering_speed_dkn / 10 * KNOT_M_S
    slow = [
        hour for hour in sorted(took) if hour not in broken and took[hour] and way[hour] / (took[hour] / 1000) < limit and far(last[hour][1])
    ]  # fmt: skip
    found = set()
    for _, group in groupby(enumerate(slow), key=lambda pair: pair[1] - pair[0]):
        run = [hour for _, hour in group]
        if len(run) * V2.loitering_hour_ms >= V2.loitering_min_ms:
            found.add((first[run[0]], last[run[-1]][0]))
    return found
