"""Gaps, stops, and voyages between ports, as stretches of a track's rows."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M
from kizuna.formats.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kizuna.domains.maritime.tracks.columns import Track

_UNIT_M = EARTH_RADIUS_M * np.pi / 180.0 / 600_000
_UNIT_RAD = np.pi / 180.0 / 600_000
_TURN = 360 * 600_000


class Stretches(NamedTuple):
    """Stretches of rows; each has all rows from `first` to `last`."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]


class Port(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place where voyages end and begin."""

    name: str
    lat_600000: int
    lon_600000: int


class Calls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a vessel is in a port; the distances that Global Fishing Watch publishes."""

    enter_m: int = 3_000
    id: str = "kizuna.maritime.calls.v1"
    leave_m: int = 4_000


class Voyage(msgspec.Struct, frozen=True):
    """From one port to another, or the same; the first one has no port before it, the last one none behind it."""

    mmsi: int
    from_port: str | None
    departed_ms: int
    to_port: str | None
    arrived_ms: int


def pieces(track: Track, gap_ms: int) -> Stretches:
    """Return the stretches between which a vessel was not heard for longer than `gap_ms`."""
    if not len(track.mmsi):
        return Stretches(np.empty(0, np.int64), np.empty(0, np.int64))
    breaks = np.flatnonzero((track.mmsi[1:] != track.mmsi[:-1]) | (track.time_ms[1:] - track.time_ms[:-1] > gap_ms))
    return Stretches(np.concatenate(([0], breaks + 1)), np.concatenate((breaks, [len(track.mmsi) - 1])))


def stops(track: Track, within_m: float, least_ms: int) -> Stretches:
    """Return where each vessel stayed for at least `least_ms` in a box whose diagonal is at most `within_m`.

    A stop begins with the earliest rows that last that long in such a box, takes in what follows as long as the box stays small enough, and ends
    before the first row that makes it larger.
    """
    found = np.empty((len(track.mmsi), 2), np.int64)
    count = (
        int(_stops(track.mmsi, track.time_ms, track.lat, track.lon, within_m / _UNIT_M, least_ms, found))
        if len(found)
        else 0
    )
    return Stretches(found[:count, 0], found[:count, 1])


@compiled()
def _stops(mmsi, time, lat, lon, within, least_ms, found):
    count, a = np.int64(0), np.int64(0)
    n = len(mmsi)
    while a < n:
        # The first row of `a`'s vessel; `b` is the first row that does not fit into the box that begins with `a`.
        south = north = lat[a]
        west = east = np.int64(0)
        narrow = np.cos(lat[a] * _UNIT_RAD)
        b = a + 1
        while b < n and mmsi[b] == mmsi[a]:
            x = (lon[b] - lon[a] + _TURN // 2) % _TURN - _TURN // 2
            wide = (max(east, x) - min(west, x)) * narrow
            high = float(max(north, lat[b]) - min(south, lat[b]))
            if wide * wide + high * high > within * within:
                break
            west, east, south, north = min(west, x), max(east, x), min(south, lat[b]), max(north, lat[b])
            b += 1
        if time[b - 1] - time[a] >= least_ms:
            found[count, 0], found[count, 1] = a, b - 1
            count += 1
            a = b
        else:
            a += 1
    return count


def in_ports(
    piece: NDArray[np.int64], lat: NDArray[np.int64], lon: NDArray[np.int64], ports: Sequence[Port], calls: Calls
) -> NDArray[np.int64]:
    """Return in which port each row is, by its place among the ports by latitude, longitude and name; -1 for none.

    Several places of one name are one port, called by the first of them.
    """
    order = sorted(ports, key=lambda port: (port.lat_600000, port.lon_600000, port.name))
    port_lat = np.array([port.lat_600000 for port in order], np.int64)
    port_lon = np.array([port.lon_600000 for port in order], np.int64)
    at = np.empty(len(piece), np.int64)
    if len(piece):
        _ports(piece, lat, lon, port_lat, port_lon, calls.enter_m / _UNIT_M, calls.leave_m / _UNIT_M, at)
    names = [port.name for port in order]
    first = np.array([*map(names.index, names), -1], np.int64)
    return first[at]


def voyages(track: Track, ports: Sequence[Port], calls: Calls = Calls()) -> list[Voyage]:  # noqa: B008 # frozen
    """Return the voyages of each vessel in order: from leaving one port to entering the next, by the rows at which that shows."""
    if not len(track.mmsi):
        return []
    order = sorted(ports, key=lambda port: (port.lat_600000, port.lon_600000, port.name))
    at = in_ports(track.mmsi, track.lat, track.lon, ports, calls)
    out: list[Voyage] = []
    starts = track.starts()
    for begin, end in pairwise(starts.tolist()):
        changes = [begin, *(np.flatnonzero(at[begin + 1 : end] != at[begin : end - 1]) + begin + 1).tolist(), end]
        before: str | None = None
        for first, after in pairwise(changes):
            if at[first] >= 0:
                before = order[int(at[first])].name
                continue
            to = order[int(at[after])].name if after < end else None
            last = min(after, end - 1)
            out.append(Voyage(int(track.mmsi[first]), before, int(track.time_ms[first]), to, int(track.time_ms[last])))
    return out


@compiled()
def _ports(mmsi, lat, lon, port_lat, port_lon, enter, leave, at):
    """Write which port each row is in, -1 for none: entered below one distance, left above a greater one."""
    inside = np.int64(-1)
    for i in range(len(mmsi)):
        if i == 0 or mmsi[i] != mmsi[i - 1]:
            inside = np.int64(-1)
        narrow = np.cos(lat[i] * _UNIT_RAD)
        if inside >= 0:
            x = ((port_lon[inside] - lon[i] + _TURN // 2) % _TURN - _TURN // 2) * narrow
            if np.hypot(x, float(port_lat[inside] - lat[i])) > leave:
                inside = np.int64(-1)
        if inside < 0:
            nearest = enter
            k = np.searchsorted(port_lat, lat[i] - np.int64(enter) - 1)
            while k < len(port_lat) and port_lat[k] <= lat[i] + enter:
                x = ((port_lon[k] - lon[i] + _TURN // 2) % _TURN - _TURN // 2) * narrow
                off = np.hypot(x, float(port_lat[k] - lat[i]))
                if off < nearest:
                    nearest, inside = off, np.int64(k)
                k += 1
        at[i] = inside
