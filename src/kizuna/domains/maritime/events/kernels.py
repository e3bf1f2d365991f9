"""The loops behind the events, compiled by Numba: columns of whole numbers in, columns out, one signature each.

They run as they stand without the compiler too (`NUMBA_DISABLE_JIT=1`), to the same results. Places are in 1/600000 degree, times in
milliseconds. Those that cannot know how much they find are called twice: first to count, then to fill what was made for it.
"""

from __future__ import annotations

import numpy as np

from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M
from kizuna.formats.compiled import compiled, inlined

_TURN = 360 * 600_000
_RAD = np.pi / 180.0 / 600_000


@inlined
def metres(lat_a, lon_a, lat_b, lon_b):
    """Return the great-circle distance between two places (haversine)."""
    phi_a, phi_b = lat_a * _RAD, lat_b * _RAD
    half_lat, half_lon = (phi_b - phi_a) / 2, (lon_b - lon_a) * _RAD / 2
    h = np.sin(half_lat) ** 2 + np.cos(phi_a) * np.cos(phi_b) * np.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * np.arcsin(min(1.0, np.sqrt(h)))


@compiled()
def legs_m(lat, lon, out):
    """Write the distance from each row to the next."""
    for i in range(len(out)):
        out[i] = metres(lat[i], lon[i], lat[i + 1], lon[i + 1])


@compiled()
def slots(piece, time, lat, lon, step, most, row, slot, slat, slon):
    """Write where each piece was at the multiples of `step` between reports less than `most` apart; return how many places there are.

    A multiple that falls on a report ends one leg and begins the next: the earlier leg speaks. Nothing is written into empty columns.
    """
    count, fill, done = np.int64(0), len(row) > 0, np.int64(-(2**62))
    for i in range(len(time) - 1):
        if piece[i] != piece[i + 1]:
            done = np.int64(-(2**62))
            continue
        whole = time[i + 1] - time[i]
        if whole >= most or whole <= 0:
            continue
        k = max(-((-time[i]) // step), done + 1)
        east = (lon[i + 1] - lon[i] + _TURN // 2) % _TURN - _TURN // 2
        while k * step <= time[i + 1]:
            if fill:
                since = k * step - time[i]
                row[count], slot[count] = i, k
                slat[count] = lat[i] + (lat[i + 1] - lat[i]) * since // whole
                slon[count] = (lon[i] + east * since // whole + _TURN // 2) % _TURN - _TURN // 2
            count += 1
            k += 1
        done = k - 1
    return count


@compiled()
def pairs(group, lat, lon, piece, reach, within_m, a, b):
    """Write the pairs of rows of one slot and different pieces that lie near each other; return how many there are.

    Rows stand by `group`, a slot's band of latitude `reach` high, and then by longitude, to 32 units; bands that touch have numbers that follow
    each other.
    Nothing is written into empty columns.
    """
    count, fill, n, begin = np.int64(0), len(a) > 0, np.int64(len(group)), np.int64(0)
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
                if piece[j] != piece[i] and metres(lat[i], lon[i], lat[j], lon[j]) <= within_m:
                    if fill:
                        a[count], b[count] = i, j
                    count += 1
                j += 1
            while p < after and lon[p] < lon[i] - wide:
                p += 1
            j = p
            while j < after and lon[j] - lon[i] <= wide:
                if piece[j] != piece[i] and metres(lat[i], lon[i], lat[j], lon[j]) <= within_m:
                    if fill:
                        a[count], b[count] = i, j
                    count += 1
                j += 1
        begin = np.int64(end)
    return count


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
