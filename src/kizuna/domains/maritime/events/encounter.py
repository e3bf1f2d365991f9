"""Encounter: two slow vessels side by side for hours, away from every anchorage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kizuna.domains.maritime.events.model import V1, Event, Evidence, ThresholdSet, in_order
from kizuna.domains.maritime.events.tracks import distance_m
from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M, KNOT_M_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.coverage import Coverage
    from kizuna.domains.maritime.events.tracks import Tracks

_UNITS_OF_A_DEGREE = 600_000
_TURN = 360 * _UNITS_OF_A_DEGREE


class _Slots(NamedTuple):
    """Slow vessels at grid times."""

    mmsi: NDArray[np.int64]
    slot: NDArray[np.int64]
    """Grid time divided by the grid's step."""
    lat: NDArray[np.int64]
    lon: NDArray[np.int64]
    row: NDArray[np.int64]
    """The report before; the next row is the report after."""


def find_encounters(
    tracks: Tracks,
    coverage: Coverage,
    *,
    anchorages: Sequence[tuple[int, int]] = (),
    thresholds: ThresholdSet = V1,
) -> tuple[Event, ...]:
    """Return the encounters in one source's tracks.

    Tracks are compared at the full multiples of the grid, drawn in straight lines between reports; a vessel
    is slow
    where the line's own speed is. Two vessels meet from the first to the last of the consecutive grid times
    at which
    both are slow and near each other, if that is long enough.

    Args:
        tracks: of one source.
        coverage: that source's feed states.
        anchorages: latitude and longitude of known anchorages, 1/600000 degree.
        thresholds: the published numbers.
    """
    slots = _resample(tracks, coverage, thresholds)
    for lat, lon in anchorages:
        away_m = distance_m(slots.lat, slots.lon, np.array([lat]), np.array([lon]))
        slots = _Slots(*(column[away_m >= thresholds.encounter_anchorage_m] for column in slots))
    a, b = _near(slots, thresholds)
    if not len(a):
        return ()
    order = np.lexsort((slots.slot[a], slots.mmsi[b], slots.mmsi[a]))
    a, b = a[order], b[order]
    follows = np.zeros(len(a), dtype=np.bool_)
    follows[1:] = (
        (slots.mmsi[a[1:]] == slots.mmsi[a[:-1]])
        & (slots.mmsi[b[1:]] == slots.mmsi[b[:-1]])
        & (slots.slot[a[1:]] == slots.slot[a[:-1]] + 1)
    )
    starts = np.flatnonzero(~follows)
    ends = np.append(starts[1:], len(a)) - 1
    lasting = (slots.slot[a[ends]] - slots.slot[a[starts]]) * thresholds.encounter_grid_ms
    events = [
        _event(tracks, slots, (a[start : end + 1], b[start : end + 1]), coverage, thresholds)
        for start, end, ms in zip(starts.tolist(), ends.tolist(), lasting.tolist(), strict=True)
        if ms >= thresholds.encounter_min_ms
    ]
    return in_order(events)


def _resample(tracks: Tracks, coverage: Coverage, thresholds: ThresholdSet) -> _Slots:
    """Return where each slow vessel was at the grid times between two reports near enough in time."""
    step = thresholds.encounter_grid_ms
    start, end = tracks.time_ms[:-1], tracks.time_ms[1:]
    usable = tracks.joined() & (end - start <= thresholds.encounter_max_interpolation_ms)
    usable &= coverage.heard(start, end)
    span_s = np.maximum(end - start, 1) / 1000.0
    moved_m = distance_m(tracks.lat[:-1], tracks.lon[:-1], tracks.lat[1:], tracks.lon[1:])
    usable &= moved_m / span_s < thresholds.encounter_speed_dkn / 10 * KNOT_M_S
    legs = np.flatnonzero(usable)
    first = -(-start[legs] // step)
    counts = np.maximum(end[legs] // step - first + 1, 0)
    row = np.repeat(legs, counts)
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    slot = np.repeat(first, counts) + within
    # a grid time that falls on a report ends one line and begins the next: the earlier line speaks
    once = np.ones(len(row), dtype=np.bool_)
    once[1:] = (tracks.mmsi[row[1:]] != tracks.mmsi[row[:-1]]) | (slot[1:] != slot[:-1])
    row, slot = row[once], slot[once]
    since, whole = slot * step - tracks.time_ms[row], tracks.time_ms[row + 1] - tracks.time_ms[row]
    lat = tracks.lat[row] + (tracks.lat[row + 1] - tracks.lat[row]) * since // whole
    d_lon = (tracks.lon[row + 1] - tracks.lon[row] + _TURN // 2) % _TURN - _TURN // 2
    lon = tracks.lon[row] + d_lon * since // whole
    return _Slots(tracks.mmsi[row], slot, lat, (lon + _TURN // 2) % _TURN - _TURN // 2, row)


def _near(slots: _Slots, thresholds: ThresholdSet) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of rows of `slots` at one time and near each other, the lower MMSI first.

    Rows are swept by time and latitude: only rows within the distance's latitudes are compared.
    """
    reach = int(thresholds.encounter_distance_m / (EARTH_RADIUS_M * np.pi / 180) * _UNITS_OF_A_DEGREE) + 1
    base = slots.slot.min() if len(slots.slot) else 0
    key = (slots.slot - base) * _TURN + slots.lat + _TURN // 4
    order = np.argsort(key, kind="stable")
    key = key[order]
    ends = np.searchsorted(key, key + reach, side="right")
    counts = ends - np.arange(len(key)) - 1
    left = np.repeat(np.arange(len(key)), counts)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    a, b = order[left], order[right]
    apart_m = distance_m(slots.lat[a], slots.lon[a], slots.lat[b], slots.lon[b])
    near = (apart_m <= thresholds.encounter_distance_m) & (slots.mmsi[a] != slots.mmsi[b])
    a, b = a[near], b[near]
    swap = slots.mmsi[a] > slots.mmsi[b]
    return np.where(swap, b, a), np.where(swap, a, b)


def _event(
    tracks: Tracks,
    slots: _Slots,
    pair: tuple[NDArray[np.int64], NDArray[np.int64]],
    coverage: Coverage,
    thresholds: ThresholdSet,
) -> Event:
    """Return the event of one pair over consecutive grid times.

    Its evidence is every report that a line ended at.
    """
    both = np.concatenate(pair)
    rows = np.unique(np.concatenate([slots.row[both], slots.row[both] + 1]))
    live = coverage.live(tracks.time_ms[slots.row[both]], tracks.time_ms[slots.row[both] + 1])
    first, last = int(pair[0][0]), int(pair[0][-1])
    return Event(
        kind="encounter",
        mmsi=(int(slots.mmsi[pair[0][0]]), int(slots.mmsi[pair[1][0]])),
        from_ms=int(slots.slot[first]) * thresholds.encounter_grid_ms,
        to_ms=int(slots.slot[last]) * thresholds.encounter_grid_ms,
        lat_600000=int(slots.lat[first]),
        lon_600000=int(slots.lon[first]),
        threshold_set_id=thresholds.id,
        evidence=tuple(Evidence(int(tracks.mmsi[row]), int(tracks.time_ms[row])) for row in rows.tolist()),
        confidence="high" if live.all() else "low",
        coverage_ref=coverage.ref,
    )
