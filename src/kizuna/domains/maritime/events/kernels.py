"""The loops behind the events, compiled by Numba: columns of whole numbers in, columns out, one signature each.

They run as they stand without the compiler too (`NUMBA_DISABLE_JIT=1`), to the same results. Places are in 1/600000 degree, times in
milliseconds. Those that cannot know how much they find write as far as the columns go that they are given, and return how much there is:
`filled` calls them again where that was more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M
from kizuna.formats.compiled import compiled, inlined

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_TURN = 360 * 600_000
_RAD = np.pi / 180.0 / 600_000
_EARLIEST = -(2**62)


def filled(
    work: Callable[..., int], given: Sequence[object], columns: int, guess: int
) -> tuple[NDArray[np.int64], ...]:
    """Return the columns that a loop fills: it is called once if it finds no more than was guessed."""
    made = tuple(np.empty(guess, np.int64) for _ in range(columns))
    count = int(work(*given, *made))
    if count > guess:
        made = tuple(np.empty(count, np.int64) for _ in range(columns))
        work(*given, *made)
    return tuple(column[:count] for column in made)


@inlined
def haversine(lat_a, lon_a, lat_b, lon_b):
    """Return the haversine of the angle between two places, which grows with it; the product of both cosines is had from one of their sum."""
    north = np.sin((lat_b - lat_a) * _RAD / 2) ** 2
    return north + (1 - 2 * north + np.cos((lat_a + lat_b) * _RAD)) / 2 * np.sin((lon_b - lon_a) * _RAD / 2) ** 2


@inlined
def metres(lat_a, lon_a, lat_b, lon_b):
    """Return the great-circle distance between two places."""
    return 2 * EARTH_RADIUS_M * np.arcsin(min(1.0, np.sqrt(haversine(lat_a, lon_a, lat_b, lon_b))))


@inlined
def haversine_of(way_m):
    """Return the haversine of a distance."""
    return np.sin(way_m / (2 * EARTH_RADIUS_M)) ** 2


@compiled()
def legs_m(lat, lon, out):
    """Write the distance from each row to the next."""
    for i in range(len(out)):
        out[i] = metres(lat[i], lon[i], lat[i + 1], lon[i + 1])


@compiled()
def ways_m(lat, lon, row, out):
    """Write the distance from each of some rows to the next row of the track."""
    for i in range(len(row)):
        k = row[i]
        out[i] = metres(lat[k], lon[k], lat[k + 1], lon[k + 1])


@compiled()
def slots(piece, time, lat, lon, step, most, row, slot, slat, slon):
    """Write where each piece was at the multiples of `step` between reports less than `most` apart; return how many places there are.

    A multiple that falls on a report ends one leg and begins the next: the earlier leg speaks. Division in floating
    point, which takes a third of the time, is exact here: of a whole number below 2**53 no quotient is rounded up to a whole one.
    """
    count, k, at = np.int64(0), np.int64(0), np.int64(_EARLIEST)
    for i in range(len(time) - 1):
        if piece[i] != piece[i + 1]:
            at = np.int64(_EARLIEST)
            continue
        if at > time[i + 1]:
            continue
        if at < time[i]:
            k = -((-time[i]) // step)
            at = k * step
        whole = time[i + 1] - time[i]
        if whole >= most or whole <= 0:
            continue
        north, east = lat[i + 1] - lat[i], lon[i + 1] - lon[i]
        if abs(east) > _TURN // 2:
            east -= _TURN if east > 0 else -_TURN
        while at <= time[i + 1]:
            if count < len(row):
                since = at - time[i]
                row[count], slot[count] = i, k
                slat[count] = lat[i] + np.int64(np.floor(north * since / whole))
                slon[count] = (lon[i] + np.int64(np.floor(east * since / whole)) + _TURN // 2) % _TURN - _TURN // 2
            count += 1
            k += 1
            at += step
    return count


@compiled()
def pairs(group, lat, lon, piece, reach, within_m, a, b):
    """Write the pairs of rows of one slot and different pieces that lie near each other; return how many there are.

    Rows stand by `group`, a slot's band of latitude `reach` high, and then by longitude, to 32 units; bands that touch have numbers that follow
    each other.
    """
    count, n, begin, most = np.int64(0), np.int64(len(group)), np.int64(0), haversine_of(within_m)
    while begin < n:
        end = np.int64(begin)
        while end < n and group[end] == group[begin]:
            end += 1
        after = np.int64(end)
        while after < n and group[after] == group[begin] + 1:
            after += 1
        steepest = np.int64(0)
        for i in range(begin, after):
            steepest = max(steepest, abs(lat[i]))
        wide = reach / max(0.01, np.cos(steepest * _RAD)) + 64
        p = end
        for i in range(begin, end):
            j = np.int64(i + 1)
            while j < end and lon[j] - lon[i] <= wide:
                if piece[j] != piece[i] and haversine(lat[i], lon[i], lat[j], lon[j]) <= most:
                    if count < len(a):
                        a[count], b[count] = i, j
                    count += 1
                j += 1
            while p < after and lon[p] < lon[i] - wide:
                p += 1
            j = p
            while j < after and lon[j] - lon[i] <= wide:
                if piece[j] != piece[i] and haversine(lat[i], lon[i], lat[j], lon[j]) <= most:
                    if count < len(a):
                        a[count], b[count] = i, j
                    count += 1
                j += 1
        begin = np.int64(end)
    return count


@inlined
def beside(piece, slot, lat, lon, p, q, step, most):
    """Return whether the rows one before or after two others are the same pieces at the grid time before or after, near each other."""
    r, s = p + step, q + step
    if r < 0 or s < 0 or r >= len(slot) or s >= len(slot) or piece[r] != piece[p] or piece[s] != piece[q]:
        return False
    if slot[r] != slot[p] + step or slot[s] != slot[q] + step:
        return False
    return haversine(lat[r], lon[r], lat[s], lon[s]) <= most


@compiled()
def runs(piece, slot, lat, lon, a, b, within_m, first_a, first_b, length):
    """Write the runs of grid times in a row at which two pieces are near, of which the given pairs of rows are some; return how many.

    Rows stand by piece and slot, so those of a run keep their distance: the pairs come by that, and then by row.
    """
    count, most = np.int64(0), haversine_of(within_m)
    for i in range(len(a)):
        p, q = a[i], b[i]
        if (
            count > 0
            and q - p == first_b[count - 1] - first_a[count - 1]
            and p < first_a[count - 1] + length[count - 1]
        ):
            continue
        while beside(piece, slot, lat, lon, p, q, -1, most):
            p -= 1
            q -= 1
        first_a[count], first_b[count], forth = p, q, a[i] - p
        while beside(piece, slot, lat, lon, p + forth, q + forth, 1, most):
            forth += 1
        length[count] = forth + 1
        count += 1
    return count


@compiled()
def away(lat, lon, first, count, port_lat, port_lon, least_m, out):
    """Write for each stretch of rows whether its mean place is `least_m` or more from every port."""
    for i in range(len(first)):
        begin, north, east = first[i], np.int64(0), np.int64(0)
        for j in range(begin, begin + count[i]):
            north += lat[j]
            east += (lon[j] - lon[begin] + _TURN // 2) % _TURN - _TURN // 2
        mean_lat, mean_lon = north / count[i], lon[begin] + east / count[i]
        out[i] = True
        for port in range(len(port_lat)):
            if metres(mean_lat, mean_lon, port_lat[port], port_lon[port]) < least_m:
                out[i] = False
                break


@compiled()
def hours(piece, time, way_m, usable, hour_ms, first, last, at, sailed_m, ms):
    """Write each piece's hours: rows from where to where, and the way and time of the legs whose later report lies in it; return how many.

    An hour with a leg that is not usable has no time at all: nothing is known of its speed.
    """
    count = np.int64(-1)
    for i in range(1, len(time)):
        if piece[i] != piece[i - 1]:
            continue
        hour = time[i] // hour_ms
        if count < 0 or at[count] != hour or piece[first[count]] != piece[i]:
            count += 1
            first[count], at[count], sailed_m[count], ms[count] = i - 1, hour, 0.0, 0
        last[count] = i
        if not usable[i - 1]:
            ms[count] = -1
        elif ms[count] >= 0:
            sailed_m[count] += way_m[i - 1]
            ms[count] += time[i] - time[i - 1]
    return count + 1


@compiled()
def stopped(piece, speed_ckn, begin, end, out):
    """Write whether each row is in a stop: it begins at one speed or below, ends at a greater one or above; -1 is no speed."""
    state = False
    for i in range(len(piece)):
        if i > 0 and piece[i] != piece[i - 1]:
            state = False
        if 0 <= speed_ckn[i] <= begin:
            state = True
        elif speed_ckn[i] >= end:
            state = False
        out[i] = state
