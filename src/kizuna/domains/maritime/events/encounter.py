"""Encounter: two slow vessels side by side for hours, away from every anchorage.

As Global Fishing Watch publishes it: tracks are drawn in straight lines between reports less than an hour apart and compared every ten minutes;
two vessels meet while they are within 500 metres of each other; meetings of an hour or more with less than four hours between them, in which
the feed was heard, are one; it counts from two hours, a median speed below two knots and ten kilometres from an anchorage. Nothing is cut at
midnight, and nothing is drawn beyond a vessel's last report: an encounter rests on what was reported.

An hour's stretch holds one grid time of every seventh, so pairs are looked for at those alone, and what is found is followed both ways.

Each of the three steps works on its share alone: `slots_of` on some vessels, `near` on some times, `meetings` on some pairs.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kizuna.domains.maritime.events import kernels
from kizuna.domains.maritime.events.model import Event, ThresholdSet, in_order
from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M, KNOT_M_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.given import Given
    from kizuna.domains.maritime.tracks.clean import Clean

_UNITS_OF_A_DEGREE = 600_000
_TURN = 360 * _UNITS_OF_A_DEGREE
_NONE = np.empty(0, np.int64)


class Slots(NamedTuple):
    """Where pieces of tracks were at grid times, by piece and then time."""

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


class Stretches(NamedTuple):
    """Consecutive grid times at which a pair was near: the first rows of the slots of both, and how many times there are."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    length: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Stretches:
        """Return some of the stretches."""
        return Stretches(*(column[rows] for column in self))


def find_encounters(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return the encounters in cleaned tracks; one that may still go on has no end."""
    slots = slots_of(clean, given.thresholds)
    return in_order(list(meetings(clean, slots, near(slots, given.thresholds), given)))


def slots_of(clean: Clean, thresholds: ThresholdSet) -> Slots:
    """Return where each piece was at the grid times between two reports near enough in time."""
    columns = (clean.piece, clean.track.time_ms, clean.track.lat, clean.track.lon)
    limits = (thresholds.encounter_grid_ms, thresholds.encounter_max_interpolation_ms)
    row, slot, lat, lon = kernels.filled(kernels.slots, (*columns, *limits), 4, len(clean.piece))
    return Slots(clean.piece[row], slot, lat, lon, row)


def near(slots: Slots, thresholds: ThresholdSet, *, every: int = 0) -> Pairs:
    """Return the pairs of pieces near each other; of some grid times, if only their slots are given.

    Args:
        slots: where they were.
        thresholds: how near.
        every: at each multiple of so many grid times; 0: at those of which every stretch that counts holds one, who has the rest at hand.
    """
    every = every or _least(thresholds)
    rows = np.flatnonzero(slots.slot // every * every == slots.slot)  # much faster than to ask for the rest
    if not len(rows):
        return Pairs(_NONE, _NONE)
    reach = int(thresholds.encounter_distance_m / (EARTH_RADIUS_M * np.pi / 180) * _UNITS_OF_A_DEGREE) + 1
    bands = _TURN // 2 // reach + 3
    lon = slots.lon[rows]
    # places just east of 180 degrees west stand once more beyond 180 degrees east
    edge = np.flatnonzero(lon < -_TURN // 2 + 100 * reach)
    rows, lon = np.concatenate((rows, rows[edge])), np.concatenate((lon, lon[edge] + _TURN))
    group = (slots.slot[rows] - slots.slot.min()) * bands + (slots.lat[rows] + _TURN // 4) // reach
    order = np.argsort((group << 25) + ((lon + _TURN) >> 5))  # to 32 units, which the kernel knows
    rows, lon, group = rows[order], lon[order], group[order]
    columns = (group, slots.lat[rows], lon, slots.piece[rows], reach, float(thresholds.encounter_distance_m))
    a, b = (rows[each] for each in kernels.filled(kernels.pairs, columns, 2, len(rows)))
    return Pairs(np.minimum(a, b), np.maximum(a, b))  # rows stand by piece


def meetings(clean: Clean, slots: Slots, found: Pairs, given: Given) -> Iterator[Event]:
    """Yield the encounters of pairs; of some of the pairs, if only theirs are given."""
    thresholds, step, mmsi = given.thresholds, given.thresholds.encounter_grid_ms, clean.track.mmsi
    parts = _away(slots, _stretches(clean, slots, found, given), given)
    if not len(parts.a):
        return
    sides = mmsi[slots.row[parts.a]], mmsi[slots.row[parts.b]]
    low, high = np.minimum(*sides), np.maximum(*sides)
    from_ms = slots.slot[parts.a] * step
    to_ms = from_ms + (parts.length - 1) * step
    order = np.lexsort((to_ms, from_ms, high, low))
    parts, low, high, from_ms, to_ms = parts.take(order), low[order], high[order], from_ms[order], to_ms[order]
    goes_on = (low[1:] == low[:-1]) & (high[1:] == high[:-1]) & _goes_on(clean, slots, parts, (from_ms, to_ms), given)
    starts = np.concatenate(([0], np.flatnonzero(~goes_on) + 1))
    ends_ms, sizes = np.maximum.reduceat(to_ms, starts), np.diff(starts, append=len(order))
    lasting = ends_ms - from_ms[starts] >= thresholds.encounter_min_ms
    spans = zip(low[starts[lasting]].tolist(), high[starts[lasting]].tolist(), from_ms[starts[lasting]].tolist(),
                ends_ms[lasting].tolist(), sizes[lasting].tolist(), strict=True)  # fmt: skip
    yield from _events(clean, slots, parts.take(np.repeat(lasting, sizes)), spans, given)


def _least(thresholds: ThresholdSet) -> int:
    """Return how many places a stretch that counts has, from the first to the last."""
    return 1 + -(-thresholds.encounter_part_ms // thresholds.encounter_grid_ms)


def _ranges(first: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of several ranges, one range after the other."""
    ends = np.cumsum(count)
    result: NDArray[np.int64] = np.arange(count.sum()) + np.repeat(first - ends + count, count)
    return result


def _stretches(clean: Clean, slots: Slots, found: Pairs, given: Given) -> Stretches:
    """Return the stretches that are long enough, none over a time in which a feed was silent."""
    least = _least(given.thresholds)
    time, source, mmsi = clean.track.time_ms, clean.track.source, clean.track.mmsi
    two = mmsi[slots.row[found.a]] != mmsi[slots.row[found.b]]
    order = np.lexsort((found.a[two], found.b[two] - found.a[two]))
    pairs = (found.a[two][order], found.b[two][order])
    columns = (slots.piece, slots.slot, slots.lat, slots.lon, *pairs, float(given.thresholds.encounter_distance_m))
    runs = Stretches(*kernels.filled(kernels.runs, columns, 3, len(order)))
    runs = runs.take(runs.length >= least)
    a, b = _ranges(runs.a, runs.length), _ranges(runs.b, runs.length)
    good = np.ones(len(a), np.bool_)
    for side in (a, b):
        row = slots.row[side]
        good &= given.receivers.heard(source[row], time[row], time[row + 1])
    if good.all():
        return runs
    a, b, run = a[good], b[good], np.repeat(np.arange(len(runs.a)), runs.length)[good]
    starts = np.concatenate(([0], np.flatnonzero((run[1:] != run[:-1]) | (np.diff(a) != 1)) + 1))[: len(a)]
    parts = Stretches(a[starts], b[starts], np.diff(starts, append=len(a)))
    return parts.take(parts.length >= least)


def _away(slots: Slots, parts: Stretches, given: Given) -> Stretches:
    """Return the stretches whose mean place is far enough from every port."""
    if not given.ports or not len(parts.a):
        return parts
    port_lat = np.array([port.lat_600000 for port in given.ports], np.int64)
    port_lon = np.array([port.lon_600000 for port in given.ports], np.int64)
    away, least_m = np.empty(len(parts.a), np.bool_), float(given.thresholds.encounter_anchorage_m)
    kernels.away(slots.lat, slots.lon, parts.a, parts.length, port_lat, port_lon, least_m, away)
    return parts.take(away)


def _goes_on(
    clean: Clean, slots: Slots, parts: Stretches, span: tuple[NDArray[np.int64], NDArray[np.int64]], given: Given
) -> NDArray[np.bool_]:
    """Return whether little time, in which the feeds of both were heard, lies between each stretch and the next."""
    from_ms, to_ms = span[0][1:], span[1][:-1]
    result: NDArray[np.bool_] = from_ms - to_ms < given.thresholds.encounter_between_ms
    until_ms, last = np.maximum(from_ms, to_ms), parts.length[:-1] - 1
    for side in (parts.a[:-1] + last, parts.b[:-1] + last):
        result &= given.receivers.heard(clean.track.source[slots.row[side]], to_ms, until_ms)
    return result


def _events(
    clean: Clean, slots: Slots, parts: Stretches, spans: Iterable[tuple[int, int, int, int, int]], given: Given
) -> Iterator[Event]:
    """Yield the events that are slow enough. Their evidence is every report that a line ended at.

    Args:
        clean: the tracks.
        slots: their places.
        parts: the stretches of all of them, in their order.
        spans: of each both vessels, start, end, and how many stretches it joins.
        given: what the search is given.
    """
    track, thresholds = clean.track, given.thresholds
    first, count = np.stack((parts.a, parts.b), axis=1).ravel(), np.repeat(parts.length, 2)
    rows = _ranges(first, count)
    before = slots.row[rows]
    live = given.receivers.live(track.source[before], track.time_ms[before], track.time_ms[before + 1])
    cited = np.stack((before, before + 1), axis=1).ravel()
    way_m = np.empty(max(0, len(rows) - 1), np.float64)
    kernels.legs_m(slots.lat[rows], slots.lon[rows], way_m)
    ways_m, edges, begin = way_m.tolist(), [0, *np.cumsum(count).tolist()], 0
    limit_m = thresholds.encounter_speed_dkn / 10 * KNOT_M_S * thresholds.encounter_grid_ms / 1000
    for low, high, from_ms, to_ms, size in spans:
        side, begin = begin, begin + 2 * size
        if median(median(ways_m[edges[k] : edges[k + 1] - 1]) for k in range(side, begin)) >= limit_m:
            continue
        there, place = slice(edges[side], edges[begin]), first[side]
        yield given.event(
            "encounter",
            track,
            cited[2 * there.start : 2 * there.stop],
            mmsi=(low, high),
            from_ms=from_ms,
            to_ms=None if to_ms + thresholds.encounter_between_ms > given.now_ms else to_ms,
            lat_600000=int(slots.lat[place]),
            lon_600000=int(slots.lon[place]),
            confidence="high" if live[there].all() else "low",
        )
