"""What the bits of a message mean, for the second pass over AIS lines: tables of bit positions by ITU-R M.1371-5, annex 8, and their readers.

`six` is the address of six-bit values, a byte each. `kizuna.formats.ais` says the same for the careful reader, and tests hold one against the other.
"""

from __future__ import annotations

import numpy as np

from kizuna.formats.ais_plain import NO_COURSE, NO_SPEED, NO_STATUS, packed, signed
from kizuna.formats.ais_words import NONE, SPACE, byte, load, put_byte
from kizuna.formats.compiled import inlined

_TEXT = np.frombuffer(b"@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_ !\"#$%&'()*+,-./0123456789:;<=>?", np.uint8).copy()
_AT = ord("@")

VOYAGE, AIRCRAFT, EXTENDED_B, TWO_PARTS, LONG_RANGE = 5, 9, 19, 24, 27
_NONE_SUCH = 1 << 20
NEEDS = np.full(64, _NONE_SUCH, np.int64)
"""Bits of a message from which its position can be read."""
_REPORT = np.zeros((64, 8), np.int64)
"""Of each type: where longitude begins and its bits (the latitude follows, a bit shorter); speed, course, each with its bits; heading; status."""
for _kinds, _needs, _at in (
    ((1, 2, 3), 137, (61, 28, 50, 10, 116, 12, 128, 38)),
    ((4,), 134, (79, 28, 0, 0, 0, 0, 0, 0)),
    ((9,), 128, (61, 28, 50, 10, 116, 12, 0, 0)),
    ((18, 19), 133, (57, 28, 46, 10, 112, 12, 124, 0)),
    ((21,), 219, (164, 28, 0, 0, 0, 0, 0, 0)),
    ((27,), 94, (44, 18, 79, 6, 85, 9, 0, 40)),
):
    NEEDS[list(_kinds)], _REPORT[list(_kinds)] = _needs, _at

STATIC_NEEDS = np.full(64, _NONE_SUCH, np.int64)
STATIC_NEEDS[[5, 19, 21, 24]] = 302, 301, 249, 160
IMO, SHIP_TYPE, LENGTH, BEAM, DRAUGHT, STATION_NO, ETA = range(1, 8)
"""Rows of the static columns of numbers; the first is the MMSI."""
_STATIC_BITS = np.array([0, 30, 8, 9, 6, 8, 0, 20], np.int64)
_STATIC_AT = np.array([
    [0, 40, 232, 240, 258, 294, 0, 274],  # type 5
    [0, 0, 263, 271, 289, 0, 0, 0],  # 19
    [0, 0, 0, 219, 237, 0, 0, 0],  # 21
    [0, 0, 0, 0, 0, 0, 0, 0],  # 24, part A
    [0, 0, 40, 132, 150, 0, 0, 0],  # 24, part B
    [0, 0, 40, 0, 0, 0, 0, 0],  # the same without dimensions
], np.int64)  # fmt: skip
_TEXT_CHARS = np.array([20, 7, 20], np.int64)
_TEXT_AT = np.array([[112, 70, 302], [143, 0, 0], [43, 0, 0], [40, 0, 0], [0, 90, 0], [0, 90, 0]], np.int64)
"""Where name, call sign and destination begin."""
ADDRESSED_BINARY, BROADCAST_BINARY = 6, 8
_BINARY_BITS = 88
"""A binary message that is shorter may lack what says how to read it; of longer ones, and of other types, `pyais` reads any bits."""
_ONE, _TWO, _FOUR, _NINE, MMSI_AT, MMSI_BITS, _PART_AT = (np.int64(n) for n in (1, 2, 4, 9, 8, 30, 38))
# As 64-bit numbers: of a literal, Numba would compile a helper anew for each value.
_NO_SPEED, _NO_COURSE, _NO_HEADING, _NO_STATUS = (np.int64(n) for n in (NO_SPEED, NO_COURSE, 511, NO_STATUS))
_NO_LONG_RANGE_SPEED = 63
_LEAST_BITS = 38
_NO_ETA = (24 << 6) + 60


@inlined
def num(six: int, at: int, width: int) -> int:
    """Return the unsigned integer of at most 43 bits from bit `at`: of the eight values from the one on in which it begins."""
    first = at // 6
    return (packed(load(six + first)) >> (48 - at + 6 * first - width)) & ((np.int64(1) << width) - 1)


@inlined
def told(six: int, kind: int) -> tuple[int, int, int, int, int, int]:
    """Return longitude, latitude, speed, course, heading and status as on the air, with "not available" where the type has none."""
    at = _REPORT[kind]
    lon = signed(num(six, at[0], at[1]), at[1])
    lat = signed(num(six, at[0] + at[1], at[1] - _ONE), at[1] - _ONE)
    speed = num(six, at[2], at[3]) if at[2] else _NO_SPEED
    course = num(six, at[4], at[5]) if at[4] else _NO_COURSE
    heading = num(six, at[6], _NINE) if at[6] else _NO_HEADING
    status = num(six, at[7], _FOUR) if at[7] else _NO_STATUS
    if kind == AIRCRAFT and speed != NO_SPEED:
        speed *= 10
    elif kind == LONG_RANGE:  # tenths of a minute, whole knots and degrees
        lon, lat, course = lon * 1000, lat * 1000, course * 10
        speed = speed * 10 if speed != _NO_LONG_RANGE_SPEED else _NO_SPEED
    return lon, lat, speed, course, heading, status


@inlined
def _text(six: int, at: int, chars: int, length: int, out: int) -> int:
    """Write six-bit text without its filling; return its length. Bits beyond a short message's end are filling."""
    have = min(chars, max(0, (length - at) // 6))
    end = start = np.int64(0)
    first, left = six + at // 6, at % 6
    for k in range(have):
        c = np.int64(_TEXT[((byte(first + k) << left) | (byte(first + k + 1) >> (6 - left))) & 63])
        put_byte(out + k, c)
        if c != _AT:
            end = k + 1
    while start < end and byte(out + start) == SPACE:
        start += 1
    while end > start and byte(out + end - 1) == SPACE:
        end -= 1
    for k in range(end - start):
        put_byte(out + k, byte(out + start + k))
    return end - start


@inlined
def _layout_of(six: int, kind: int, length: int, mmsi: int) -> int:
    """Return the row of `_STATIC_AT` and `_TEXT_AT` by which a message tells static data."""
    if kind != TWO_PARTS:
        return np.int64(0 if kind == VOYAGE else 1 if kind == EXTENDED_B else 2)
    if num(six, _PART_AT, _TWO) == 0:
        return np.int64(3)
    sized = mmsi // 10_000_000 != 98 and length >= 162  # an auxiliary craft names its mother ship there
    return np.int64(4 if sized else 5)


@inlined
def put_static(six, length, kind, mmsi, texts, texts_size, ends, wide, row):
    """Write the static data of a message; zero is "not available", of the ETA `NONE`.

    `texts` holds names, call signs and destinations, each one after the other, `ends` where each row's ends: that of row `r` at `r + 1`.
    """
    layout = _layout_of(six, kind, length, mmsi)
    for k in range(1, 8):
        at, width = _STATIC_AT[layout, k], _STATIC_BITS[k]
        value = np.int64(0)
        if at > 0:
            value = num(six, at, width)
            if k == LENGTH or k == BEAM:
                value += num(six, at + width, width)  # from the antenna to both ends
        wide[k, row] = value
    if (wide[ETA, row] == 0 and layout != 0) or wide[ETA, row] == _NO_ETA:
        wide[ETA, row] = NONE
    for k in range(3):
        at = _TEXT_AT[layout, k]
        begin = np.int64(ends[k, row])
        out = texts + k * texts_size + begin
        ends[k, row + 1] = begin + _text(six, at, _TEXT_CHARS[k], length, out) if at > 0 else begin


@inlined
def is_slow(six: int, chars: int, fill: int) -> bool:
    """Return whether the careful reader is to judge a message of right sentences."""
    for k in range(chars, max(chars + 1, 28)):
        put_byte(six + k, np.int64(0))
    kind, length = byte(six), 6 * chars - fill
    binary = kind == ADDRESSED_BINARY or kind == BROADCAST_BINARY
    if kind < 1 or kind > 27 or length < (_BINARY_BITS if binary else _LEAST_BITS):
        return True
    return kind == 24 and (length < STATIC_NEEDS[24] or num(six, _PART_AT, _TWO) > 1)
