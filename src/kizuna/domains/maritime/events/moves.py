"""Moves that no ship makes: impossible speed and turn, a place on land, and several vessels that jump at once.

Each rests on rows that cleaning set apart, or on legs of a track. They tell that a position is wrong, not why: a fault, a number that two ships
use, or interference. Several vessels that leave one place and reach another together are no faults of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kizuna.domains.maritime.events import kernels
from kizuna.domains.maritime.events.model import Event, in_order
from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M, KNOT_M_S
from kizuna.domains.maritime.tracks.segments import KEPT, REASONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.given import Given
    from kizuna.domains.maritime.tracks.clean import Clean
    from kizuna.domains.maritime.tracks.columns import Track

_RAD = np.pi / 180.0 / 600_000
_TURN = 360 * 600_000
_UNIT_M = EARTH_RADIUS_M * _RAD
_CAUTION = 1.001
"""Rounding decides nothing."""


class Jumps(NamedTuple):
    """Rows of what was heard at which a vessel is not where it can be, each with the row before it."""

    row: NDArray[np.int64]

    def places(self, heard: Track) -> tuple[NDArray[np.int64], ...]:
        """Return latitudes and longitudes that were left, and those that were reached."""
        before = self.row - 1
        return heard.lat[before], heard.lon[before], heard.lat[self.row], heard.lon[self.row]


def jumps_of(clean: Clean, *, longest_ms: int = 86_400_000) -> Jumps:
    """Return where a number changes its segment from one report to the next; numbers that two ships use are left out."""
    heard = clean.heard
    shared = np.isin(heard.mmsi, np.array(sorted({each.mmsi for each in clean.clashes}), np.int64))
    changes = (
        (heard.mmsi[1:] == heard.mmsi[:-1])
        & (clean.segment[1:] != clean.segment[:-1])
        & (heard.time_ms[1:] - heard.time_ms[:-1] <= longest_ms)
        & ~shared[1:]
    )
    return Jumps(np.flatnonzero(changes) + 1)


def find_speeds(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return the runs of rows that cleaning set aside, because no ship sails there from where it was."""
    heard = clean.heard
    rows = np.flatnonzero(clean.reason != KEPT)
    if not len(rows):
        return ()
    ends = np.flatnonzero((np.diff(rows) > 1) | (heard.mmsi[rows[1:]] != heard.mmsi[rows[:-1]]))
    events = []
    for run in np.split(rows, ends + 1):
        before = run[0] - 1
        told = run if before < 0 or heard.mmsi[before] != heard.mmsi[run[0]] else np.concatenate(([before], run))
        events.append(
            given.event(
                "impossible-speed",
                heard,
                told,
                from_ms=int(heard.time_ms[told[0]]),
                to_ms=int(heard.time_ms[run[-1]]) + 1,
                lat_600000=int(heard.lat[run[0]]),
                lon_600000=int(heard.lon[run[0]]),
                what=REASONS[int(clean.reason[run[0]])],
            )
        )
    return in_order(events)


def find_turns(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return where a fast vessel turns as no ship does, between two legs that are too long for a fault of the clock."""
    track, thresholds = clean.track, given.thresholds
    if len(clean.piece) < 3:  # noqa: PLR2004 # a turn takes two legs
        return ()
    took_ms = np.diff(track.time_ms)
    fast = clean.legs() & (took_ms > 0) & (took_ms <= thresholds.turn_within_ms)
    least_m = np.maximum(thresholds.turn_leg_m, took_ms * (thresholds.turn_speed_dkn / 10 * KNOT_M_S / 1000))
    fast &= _at_least(track, fast, least_m)
    first = np.flatnonzero(fast[:-1] & fast[1:] & (track.time_ms[2:] - track.time_ms[:-2] <= thresholds.turn_within_ms))
    turned = np.abs((_bearings(track, first + 1) - _bearings(track, first) + 180) % 360 - 180)
    rows = first[turned >= thresholds.turn_deg]
    events = [
        given.event(
            "impossible-turn", track, np.arange(row, row + 3), from_ms=int(track.time_ms[row]),
            to_ms=int(track.time_ms[row + 2]) + 1, lat_600000=int(track.lat[row + 1]), lon_600000=int(track.lon[row + 1]),
            what=f"{degrees:.0f} degrees",
        )
        for row, degrees in zip(rows.tolist(), turned[turned >= thresholds.turn_deg].tolist(), strict=True)
    ]  # fmt: skip
    return in_order(events)


def _at_least(track: Track, legs: NDArray[np.bool_], least_m: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of some legs are so long; few are measured, for no way is longer than north and then east as on the equator."""
    bound = (np.abs(np.diff(track.lat)) + np.abs(np.diff(track.lon))) * _UNIT_M
    rows = np.flatnonzero(legs & (bound * _CAUTION >= least_m))
    way = np.empty(len(rows), np.float64)
    kernels.ways_m(track.lat, track.lon, rows, way)
    result = np.zeros(len(legs), np.bool_)
    result[rows] = way >= least_m[rows]
    return result


def _bearings(track: Track, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the bearings in degrees from rows to the next ones, on the plane."""
    east = (track.lon[rows + 1] - track.lon[rows] + _TURN // 2) % _TURN - _TURN // 2
    result: NDArray[np.float64] = np.degrees(
        np.arctan2(east * np.cos(track.lat[rows] * _RAD), track.lat[rows + 1] - track.lat[rows])
    )
    return result


def find_on_land(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return where a vessel is put on land, far from any water of the sea, by a leg too long for the way up a river.

    Its confidence is high where no ship can have sailed that leg. A vessel that was only ever heard on land is one of inland waters.
    """
    heard, thresholds = clean.heard, given.thresholds
    same = heard.mmsi[1:] == heard.mmsi[:-1]
    rows = np.flatnonzero(_at_least(heard, same, np.full(len(same), thresholds.land_leg_m))) + 1
    land = given.land() if len(rows) else None
    if land is None:
        return ()
    rows = rows[land.deeper(heard.lat[rows], heard.lon[rows], thresholds.land_depth_m)]
    rows = rows[~land.on_land(heard.lat[rows - 1], heard.lon[rows - 1])]
    events = []
    for row in rows.tolist():
        end = row + 1
        while (
            end < len(heard.mmsi)
            and heard.mmsi[end] == heard.mmsi[row]
            and bool(land.on_land(heard.lat[end : end + 1], heard.lon[end : end + 1])[0])
        ):
            end += 1
        impossible = bool(clean.segment[row] != clean.segment[row - 1])
        events.append(
            given.event(
                "on-land",
                heard,
                np.arange(row - 1, end),
                from_ms=int(heard.time_ms[row]),
                to_ms=int(heard.time_ms[end - 1]) + 1,
                lat_600000=int(heard.lat[row]),
                lon_600000=int(heard.lon[row]),
                confidence="high" if impossible else "low",
            )
        )
    return in_order(events)


def find_together(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return where several vessels jump at once, from near each other to near each other: the signature of interference with GNSS."""
    heard, thresholds = clean.heard, given.thresholds
    jumps = jumps_of(clean)
    order = np.lexsort((heard.mmsi[jumps.row], heard.time_ms[jumps.row]))
    jumps = Jumps(jumps.row[order])
    places, time, vessel = jumps.places(heard), heard.time_ms[jumps.row], heard.mmsi[jumps.row]
    used = np.zeros(len(time), dtype=np.bool_)
    events: list[Event] = []
    for seed in range(len(time)):
        if used[seed]:
            continue
        until = int(np.searchsorted(time, time[seed] + thresholds.jumps_within_ms, side="right"))
        near = [
            k
            for k in range(seed, until)
            if not used[k]
            and all(_apart_m(places[side : side + 2], seed, k) <= thresholds.jumps_within_m for side in (0, 2))
        ]
        if len(set(vessel[near].tolist())) < thresholds.jumps_least:
            continue
        used[near] = True
        rows = jumps.row[np.array(near)]
        events.append(
            given.event(
                "simultaneous-jumps",
                heard,
                np.unique(np.concatenate((rows - 1, rows))),
                from_ms=int(time[near].min()),
                to_ms=int(time[near].max()) + 1,
                lat_600000=int(heard.lat[rows[0] - 1]),
                lon_600000=int(heard.lon[rows[0] - 1]),
                what=f"{len(set(vessel[near].tolist()))} vessels",
            )
        )
    return in_order(events)


def _apart_m(places: tuple[NDArray[np.int64], ...], a: int, b: int) -> float:
    """Return the distance between two of some places."""
    lat, lon = places
    way = np.empty(1, np.float64)
    kernels.legs_m(lat[[a, b]], lon[[a, b]], way)
    return float(way[0])
