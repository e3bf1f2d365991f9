"""Encounter: two slow vessels side by side for hours, away from every anchorage.

As Global Fishing Watch publishes it: tracks are drawn in straight lines between reports less than an hour apart and compared every ten minutes;
two vessels meet while they are within 500 metres of each other; meetings of an hour or more with less than four hours between them, in which
the feed was heard, are one; it counts from two hours, a median speed below two knots and ten kilometres from an anchorage. Nothing is cut at
midnight, and nothing is drawn beyond a vessel's last report: an encounter rests on what was reported.

Each of the three steps works on its share alone: `slots_of` on some vessels, `near` on some times, `meetings` on some pairs.
"""

from __future__ import annotations

from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kizuna.domains.maritime.events import kernels
from kizuna.domains.maritime.events.model import Event, ThresholdSet, in_order
from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M, KNOT_M_S, distance_m

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.given import Given
    from kizuna.domains.maritime.tracks.clean import Clean

_UNITS_OF_A_DEGREE = 600_000
_TURN = 360 * _UNITS_OF_A_DEGREE
_NONE = np.empty(0, np.int64)


class Slots(NamedTuple):
    """Where pieces of tracks were at grid times."""

    piece: NDArray[np.int64]
    slot: NDArray[np.int64]
    """Grid time divided by the grid's step."""
    lat: NDArray[np.int64]
    lon: NDArray[np.int64]
    row: NDArray[np.int64]
    """The report before; the next row is the report after."""


class Pairs(NamedTuple):
    """Two pieces near each other at one grid time: rows of the slots, the one with the lower number first."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]


class Meeting(NamedTuple):
    """Consecutive grid times at which a pair was near: rows of the slots."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]


def find_encounters(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return the encounters in cleaned tracks; one that may still go on has no end."""
    slots = slots_of(clean, given.thresholds)
    return in_order(list(meetings(clean, slots, near(slots, given.thresholds), given)))


def slots_of(clean: Clean, thresholds: ThresholdSet) -> Slots:
    """Return where each piece was at the grid times between two reports near enough in time."""
    columns = (clean.piece, clean.track.time_ms, clean.track.lat, clean.track.lon)
    limits = (thresholds.encounter_grid_ms, thresholds.encounter_max_interpolation_ms)
    count = int(kernels.slots(*columns, *limits, _NONE, _NONE, _NONE, _NONE)) if len(clean.piece) else 0
    row, slot, lat, lon = (np.empty(count, np.int64) for _ in range(4))
    if count:
        kernels.slots(*columns, *limits, row, slot, lat, lon)
    return Slots(clean.piece[row], slot, lat, lon, row)


def near(slots: Slots, thresholds: ThresholdSet) -> Pairs:
    """Return the pairs of pieces near each other; of some grid times, if only their slots are given."""
    if not len(slots.slot):
        return Pairs(_NONE, _NONE)
    reach = int(thresholds.encounter_distance_m / (EARTH_RADIUS_M * np.pi / 180) * _UNITS_OF_A_DEGREE) + 1
    bands = _TURN // 2 // reach + 3
    # places just east of 180 degrees west stand once more beyond 180 degrees east
    edge = np.flatnonzero(slots.lon < -_TURN // 2 + 100 * reach)
    rows = np.concatenate((np.arange(len(slots.slot)), edge))
    lon = np.concatenate((slots.lon, slots.lon[edge] + _TURN))
    group = (slots.slot[rows] - slots.slot.min()) * bands + (slots.lat[rows] + _TURN // 4) // reach
    order = np.argsort((group << 25) + ((lon + _TURN) >> 5))  # to 32 units, which the kernel knows
    rows, lon, group = rows[order], lon[order], group[order]
    columns = (group, slots.lat[rows], lon, slots.piece[rows], reach, float(thresholds.encounter_distance_m))
    count = int(kernels.pairs(*columns, _NONE, _NONE))
    a, b = np.empty(count, np.int64), np.empty(count, np.int64)
    if count:
        kernels.pairs(*columns, a, b)
    a, b = rows[a], rows[b]
    swap = slots.piece[a] > slots.piece[b]
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    if len(edge):
        a, b = np.unique(np.stack((a, b)), axis=1)
    return Pairs(a, b)


def meetings(clean: Clean, slots: Slots, found: Pairs, given: Given) -> Iterator[Event]:
    """Yield the encounters of pairs; of some of the pairs, if only theirs are given."""
    parts = [part for part in _parts(clean, slots, found, given) if _away(slots, part, given)]
    vessels = clean.track.mmsi[slots.row]

    def pair(part: Meeting) -> tuple[int, int]:
        low, high = sorted((int(vessels[part.a[0]]), int(vessels[part.b[0]])))
        return low, high

    parts.sort(key=lambda part: (pair(part), int(slots.slot[part.a[0]]), int(slots.slot[part.a[-1]])))
    for _, group in groupby(parts, key=pair):
        joined: list[Meeting] = []
        for part in group:
            if joined and not _goes_on(clean, slots, (joined[-1], part), given):
                yield from _event(clean, slots, joined, given)
                joined = []
            joined.append(part)
        yield from _event(clean, slots, joined, given)


def _goes_on(clean: Clean, slots: Slots, parts: tuple[Meeting, Meeting], given: Given) -> bool:
    """Return whether little time, in which the feeds of both were heard, lies between two stretches."""
    before, after = parts
    step = given.thresholds.encounter_grid_ms
    edges = np.array([[int(slots.slot[before.a[-1]]) * step], [int(slots.slot[after.a[0]]) * step]])
    if edges[1, 0] - edges[0, 0] >= given.thresholds.encounter_between_ms:
        return False
    return all(
        bool(given.receivers.heard(clean.track.source[slots.row[side[-1:]]], edges[0], np.maximum(*edges))[0])
        for side in before
    )


def _parts(clean: Clean, slots: Slots, found: Pairs, given: Given) -> Iterator[Meeting]:
    """Yield the stretches of consecutive grid times, none over a time in which a feed was silent."""
    a, b = found
    time, source, mmsi = clean.track.time_ms, clean.track.source, clean.track.mmsi
    good = mmsi[slots.row[a]] != mmsi[slots.row[b]]
    for side in (a, b):
        row = slots.row[side]
        good &= given.receivers.heard(source[row], time[row], time[row + 1])
    a, b = a[good], b[good]
    if not len(a):
        return
    order = np.lexsort((slots.slot[a], slots.piece[b], slots.piece[a]))
    a, b = a[order], b[order]
    goes_on = (
        (slots.piece[a[1:]] == slots.piece[a[:-1]])
        & (slots.piece[b[1:]] == slots.piece[b[:-1]])
        & (slots.slot[a[1:]] == slots.slot[a[:-1]] + 1)
    )
    starts = np.concatenate(([0], np.flatnonzero(~goes_on) + 1))
    ends = np.append(starts[1:], len(a))
    least = -(-given.thresholds.encounter_part_ms // given.thresholds.encounter_grid_ms)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start > least:  # so many steps, from the first place to the last
            yield Meeting(a[start:end], b[start:end])


def _away(slots: Slots, part: Meeting, given: Given) -> bool:
    """Return whether the mean place of a stretch is far enough from every port."""
    first = int(slots.lon[part.a[0]])
    east = (slots.lon[part.a] - first + _TURN // 2) % _TURN - _TURN // 2
    place = float(slots.lat[part.a].mean()) / _UNITS_OF_A_DEGREE, (first + float(east.mean())) / _UNITS_OF_A_DEGREE
    return all(
        distance_m(place, (port.lat_600000 / _UNITS_OF_A_DEGREE, port.lon_600000 / _UNITS_OF_A_DEGREE))
        >= given.thresholds.encounter_anchorage_m
        for port in given.ports
    )


def _speed_m_s(slots: Slots, side: NDArray[np.int64], step_ms: int) -> float:
    """Return the median of the speeds from place to place."""
    way = np.empty(len(side) - 1, np.float64)
    kernels.legs_m(slots.lat[side], slots.lon[side], way)
    return median(way.tolist()) / (step_ms / 1000)


def _event(clean: Clean, slots: Slots, parts: list[Meeting], given: Given) -> Iterator[Event]:
    """Yield the event of joined stretches, if it lasts and is slow enough. Its evidence is every report that a line ended at."""
    thresholds, step = given.thresholds, given.thresholds.encounter_grid_ms
    from_ms = int(slots.slot[parts[0].a[0]]) * step
    to_ms = max(int(slots.slot[part.a[-1]]) for part in parts) * step
    if to_ms - from_ms < thresholds.encounter_min_ms:
        return
    sides = [side for part in parts for side in part]
    speed = median([_speed_m_s(slots, side, step) for side in sides])
    if speed >= thresholds.encounter_speed_dkn / 10 * KNOT_M_S:
        return
    before = np.unique(slots.row[np.concatenate(sides)])
    track, first = clean.track, parts[0].a[0]
    live = given.receivers.live(track.source[before], track.time_ms[before], track.time_ms[before + 1])
    yield given.event(
        "encounter",
        track,
        np.unique(np.concatenate((before, before + 1))),
        from_ms=from_ms,
        to_ms=None if to_ms + thresholds.encounter_between_ms > given.now_ms else to_ms,
        lat_600000=int(slots.lat[first]),
        lon_600000=int(slots.lon[first]),
        confidence="high" if live.all() else "low",
    )
