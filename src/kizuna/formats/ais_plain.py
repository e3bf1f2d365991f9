"""The first compiled pass over AIS lines: position reports in one sentence of 28 characters, or of 16 from a satellite, nine tenths of all traffic.

Eight characters at a time are checked, summed and de-armoured in a word; a TAG block that says what the one before it said is not read again. Every
other line is left alone and marked, for the second pass (`kizuna.formats.ais_marked`). Bit positions are those of ITU-R M.1371-5, annex 8,
tables 47 (types 1-3), 51 (4), 57 (9), 69 (18) and 83 (27).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kizuna.formats import ais_words
from kizuna.formats.ais_words import (
    BACKSLASH,
    COMMA,
    CONSUMED,
    GROUP_END,
    LINE_SIZE,
    LINES,
    MARKED,
    MAX_LINE,
    NONE,
    PART,
    PENDING,
    ROWS,
    STAR,
    STATION,
    STATION_END,
    TIME,
    Bytes,
    Numbers,
    address,
    byte,
    fold,
    forget,
    get,
    hex_pair,
    line_end,
    load,
    may_announce,
    put,
    read_end,
    read_tag,
    some_bytes,
    station_of,
    turned,
)  # fmt: skip
from kizuna.formats.compiled import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_PLACE = -(2**31)
NO_SPEED, NO_COURSE, NO_HEADING, NO_STATUS = 1023, 3600, 360, 15
CLASS_A, BASE_STATION, AIRCRAFT, CLASS_B, LONG_RANGE = 3, 4, 9, 18, 27
MOST_LON, MOST_LAT = 180 * 600_000, 90 * 600_000

KNOWN_TIME, KNOWN_PLACE, KNOWN_SPEED, KNOWN_COURSE, KNOWN_HEADING, KNOWN_STATUS, KNOWN_STATION, OWN_SHIP = (
    1 << n for n in range(8)
)
"""Bits of a row's flags."""

_VDO_AT, _NEXT_AT, _CHANNEL_AT = 5, 8, 12
_CHARS, _FEW_CHARS = np.int64(28), np.int64(16)
"""Characters of the payload: a comma, the fill, a star and two digits of the checksum follow."""
_TO_SUM, _TO_END = 3, 5
_O, DIGIT_1, _DIGIT_2 = b"O12"

# Where fields begin and how long they are; as 64-bit numbers, for of a literal Numba would compile a helper anew for each value.
_A_STATUS, _A_SPEED, _A_LON, _A_LAT, _A_COURSE, _A_HEADING = (np.int64(n) for n in (38, 50, 61, 89, 116, 128))
_B_SPEED, _B_LON, _B_LAT, _B_COURSE, _B_HEADING = (np.int64(n) for n in (46, 57, 85, 112, 124))
_BASE_LON, _BASE_LAT, _MMSI = np.int64(79), np.int64(107), np.int64(8)
_FAR_STATUS, _FAR_LON, _FAR_LAT, _FAR_SPEED, _FAR_COURSE = (np.int64(n) for n in (40, 44, 62, 79, 85))
_FAR_LON_BITS, _FAR_LAT_BITS, _FAR_SPEED_BITS, _FAR_COURSE_BITS = (np.int64(n) for n in (18, 17, 6, 9))
_STATUS_BITS, _SPEED_BITS, _LON_BITS, _LAT_BITS, _COURSE_BITS, _HEADING_BITS, _MMSI_BITS = (
    np.int64(n) for n in (4, 10, 28, 27, 12, 9, 30)
)
_NO_SPEED, _NO_COURSE, _NO_HEADING, _NO_STATUS = (np.int64(n) for n in (NO_SPEED, NO_COURSE, 511, NO_STATUS))
_NO_FAR_SPEED = 63

_TOLD = np.int64(LINE_SIZE)
"""Where what the last TAG block told is kept, behind what is known of the line."""
_ONES = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_U2, _U4, _U8, _U16, _U48, _U96 = (np.uint64(n) for n in (2, 4, 8, 16, 48, 96))
_FROM_48, _FROM_80, _FROM_88, _FROM_112 = (np.uint64(n) * _ONES for n in (0x80 - 48, 0x50, 0x58, 0x38))
_PAIRS = np.uint64(0x0FC00FC00FC00FC0), np.uint64(0x003F003F003F003F)
_FOURS = np.uint64(0x00FFF00000FFF000), np.uint64(0x00000FFF00000FFF)
_EIGHTS = np.uint64(0x0000FFFFFF000000), np.uint64(0x0000000000FFFFFF)


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))


# `!xxVDM,1` and `,1,,`: what a sentence of its own looks like; VDO differs from VDM in one bit.
_HEAD_MASK, _HEAD = _word(b"\xff\0\0\xff\xff\xfd\xff\xff"), _word(b"!\0\0VDM,1")
_NEXT_MASK, _NEXT = _word(b"\xff\xff\xff\xff\0\0\0\0"), _word(b",1,,\0\0\0\0")


@inlined
def is_name(c: int) -> bool:
    """Return whether a byte may stand as a talker, channel or sequence: digit, letter, or what lies between them."""
    return 48 <= c <= 122


@inlined
def six_values(word: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the values of eight armoured characters, a byte each, and a bit in the byte of each that is no such character.

    The characters are `0` to `W` and backquote to `w` (IEC 61162-1): 48 to 87 and 96 to 119.
    """
    raised = (word | _HIGH) - _U48 * _ONES
    value = raised & ~_HIGH
    above = (value + _FROM_80) & _HIGH
    strange = (
        (word & _HIGH) | (~raised & _HIGH) | (((value + _FROM_88) & _HIGH) ^ above) | ((value + _FROM_112) & _HIGH)
    )
    return value - (above >> _U4), strange


@inlined
def packed(values: np.uint64) -> int:
    """Return the 48 bits of eight six-bit values, a byte each, first one highest."""
    value = turned(values)
    value = ((value >> _U2) & _PAIRS[0]) | (value & _PAIRS[1])
    value = ((value >> _U4) & _FOURS[0]) | (value & _FOURS[1])
    return np.int64(((value >> _U8) & _EIGHTS[0]) | (value & _EIGHTS[1]))


@inlined
def six_bits(word: np.uint64) -> tuple[int, np.uint64]:
    """Return the 48 bits that eight armoured characters spell, first one highest, and a bit in the byte of each that is no such character."""
    values, strange = six_values(word)
    return packed(values), strange


@inlined
def _ends_at(comma: int) -> bool:
    """Return whether a payload may end at a comma, with fill and checksum behind it."""
    return byte(comma) == COMMA and byte(comma + 2) == STAR


@inlined
def payload_of(at: int) -> tuple[int, int]:
    """Return where the characters begin, and how many they are, if a sentence of its own of 28 or 16 may stand at `at`, else zeros.

    The channel may be empty.
    """
    nothing = np.int64(0), np.int64(0)
    if (load(at) & _HEAD_MASK) != _HEAD or (load(at + _NEXT_AT) & _NEXT_MASK) != _NEXT:
        return nothing
    if not is_name(byte(at + 1)) or not is_name(byte(at + 2)):
        return nothing
    payload = at + _CHANNEL_AT + 1
    if byte(at + _CHANNEL_AT) != COMMA:
        if byte(payload) != COMMA or not is_name(byte(at + _CHANNEL_AT)):
            return nothing
        payload += 1
    if _ends_at(payload + _CHARS):
        return payload, _CHARS
    return (payload, _FEW_CHARS) if _ends_at(payload + _FEW_CHARS) else nothing


@inlined
def read_plain(at: int, payload: int, chars: int) -> tuple[int, int, int, int]:
    """Return the bits 0-47, 48-95 and 96-143 of the message at `payload`, and the checksum of its sentence, -1 where it is not right."""
    p1, p2 = load(payload), load(payload + 8)
    v1, strange1 = six_bits(p1)
    v2, strange2 = six_bits(p2)
    v3, strange = np.int64(0), strange1 | strange2
    # From the talker on. `,1,,` is one comma and a 1, and two commas cancel out.
    total = (load(at) >> _U8) ^ p1 ^ p2
    if chars == _CHARS:
        p3, p4 = load(payload + 16), load(payload + 20)
        v3, strange3 = six_bits(p3)
        _, strange4 = six_bits(p4)
        strange |= strange3 | strange4
        total ^= p3 ^ (p4 >> np.uint64(32))  # the last four characters are the upper half of `p4`
    channel = byte(at + _CHANNEL_AT) if payload - at > _CHANNEL_AT + 1 else np.int64(0)
    fill = byte(payload + chars + 1)
    check = fold(total) ^ COMMA ^ DIGIT_1 ^ channel ^ fill
    right = strange == np.uint64(0) and 48 <= fill <= 53
    return v1, v2, v3, check if right and hex_pair(payload + chars + _TO_SUM) == check else np.int64(-1)


@inlined
def _is_taken(kind: int, chars: int, fill: int) -> bool:
    """Return whether a message of so many characters is long enough for the position that its type tells."""
    if chars == _CHARS:
        return bool(_TAKEN[kind])
    return kind == LONG_RANGE and fill <= _DIGIT_2


@inlined
def _field(v1: int, v2: int, v3: int, at: int, width: int) -> int:
    """Return the `width` bits from bit `at` on; both are constants where this is called, so that nothing is left to decide."""
    if at + width <= 48:
        value = v1 >> (48 - at - width)
    elif at < 48:
        value = (v1 << (at + width - 48)) | (v2 >> (96 - at - width))
    elif at + width <= 96:
        value = v2 >> (96 - at - width)
    elif at < 96:
        value = (v2 << (at + width - 96)) | (v3 >> (144 - at - width))
    else:
        value = v3 >> (144 - at - width)
    return value & ((1 << width) - 1)


@inlined
def signed(value: int, width: int) -> int:
    """Return a number of `width` bits as two's complement."""
    return value - ((value >> (width - 1)) << width)


@inlined
def _told(v1: int, v2: int, v3: int, kind: int) -> tuple[int, int, int, int, int, int]:
    """Return longitude, latitude, speed, course, heading and status as on the air, with "not available" where the type has none."""
    speed, course, heading, status = _NO_SPEED, _NO_COURSE, _NO_HEADING, _NO_STATUS
    if kind == CLASS_B:
        lon, lat = _field(v1, v2, v3, _B_LON, _LON_BITS), _field(v1, v2, v3, _B_LAT, _LAT_BITS)
        speed, course = _field(v1, v2, v3, _B_SPEED, _SPEED_BITS), _field(v1, v2, v3, _B_COURSE, _COURSE_BITS)
        heading = _field(v1, v2, v3, _B_HEADING, _HEADING_BITS)
    elif kind == BASE_STATION:
        lon, lat = _field(v1, v2, v3, _BASE_LON, _LON_BITS), _field(v1, v2, v3, _BASE_LAT, _LAT_BITS)
    elif kind == LONG_RANGE:  # tenths of a minute, whole knots and degrees
        lon = signed(_field(v1, v2, v3, _FAR_LON, _FAR_LON_BITS), _FAR_LON_BITS) * 1000
        lat = signed(_field(v1, v2, v3, _FAR_LAT, _FAR_LAT_BITS), _FAR_LAT_BITS) * 1000
        speed, course = (
            _field(v1, v2, v3, _FAR_SPEED, _FAR_SPEED_BITS),
            _field(v1, v2, v3, _FAR_COURSE, _FAR_COURSE_BITS),
        )
        speed = speed * 10 if speed != _NO_FAR_SPEED else _NO_SPEED
        return lon, lat, speed, course * 10, heading, _field(v1, v2, v3, _FAR_STATUS, _STATUS_BITS)
    else:
        lon, lat = _field(v1, v2, v3, _A_LON, _LON_BITS), _field(v1, v2, v3, _A_LAT, _LAT_BITS)
        speed, course = _field(v1, v2, v3, _A_SPEED, _SPEED_BITS), _field(v1, v2, v3, _A_COURSE, _COURSE_BITS)
        if kind <= CLASS_A:
            heading = _field(v1, v2, v3, _A_HEADING, _HEADING_BITS)
            status = _field(v1, v2, v3, _A_STATUS, _STATUS_BITS)
        elif speed != NO_SPEED:
            speed *= 10  # search and rescue aircraft send whole knots
    return signed(lon, _LON_BITS), signed(lat, _LAT_BITS), speed, course, heading, status


@inlined
def put_row(row, time, mmsi, told, kind, station, own, times, wide, narrow, tiny, flags):
    """Write a position report; `told` is longitude to status as on the air. Sets the flags of what is known."""
    lon, lat, speed, course, heading, status = told
    placed = -MOST_LON <= lon <= MOST_LON and -MOST_LAT <= lat <= MOST_LAT
    known = (KNOWN_TIME if time != NONE else 0) | (KNOWN_PLACE if placed else 0) | (OWN_SHIP if own else 0)
    known |= (KNOWN_SPEED if speed != NO_SPEED else 0) | (KNOWN_COURSE if course < NO_COURSE else 0)
    known |= (KNOWN_HEADING if heading < NO_HEADING else 0) | (KNOWN_STATUS if status != NO_STATUS else 0)
    known |= KNOWN_STATION if station >= 0 else 0
    times[row] = time
    wide[0, row], wide[1, row], wide[2, row], wide[3, row] = mmsi, lat, lon, station
    narrow[0, row], narrow[1, row], narrow[2, row] = speed, course, heading
    tiny[0, row], tiny[1, row] = status, kind
    flags[row] = known


@inlined
def _recalled(at: int, end: int, told: int, size: int, line: int) -> bool:
    """Return whether the TAG block before `at` is byte for byte the one of `size` bytes at `told`, which `line` then tells of again."""
    if size <= 0 or at + size > end:
        return False
    for k in range(0, size, 8):
        if some_bytes(at + k, size - k) != some_bytes(told + k, size - k):
            return False
    for place in range(TIME, GROUP_END + 1):
        put(line, place, get(line, _TOLD + place))
    return True


@inlined
def _remember(line: int) -> None:
    """Keep what a TAG block told: what follows the sentence may tell more of its line alone."""
    for place in range(TIME, GROUP_END + 1):
        put(line, _TOLD + place, get(line, place))


_TAKEN = np.zeros(64, np.bool_)
_TAKEN[[1, 2, 3, BASE_STATION, AIRCRAFT, CLASS_B]] = True


@compiled(ais_words)
def first_pass(buf: Bytes, size: int, numbers: Numbers, spare: Numbers, names: Numbers, slots: Numbers, times: Numbers,
               wide: NDArray[np.int32], narrow: NDArray[np.int16], tiny: NDArray[np.int8], flags: Bytes, counts: Numbers,
               marked: Numbers) -> None:  # fmt: skip
    """Read the whole lines of `buf[:size]`, which ends with a newline, until the columns are full; the state's `CONSUMED` tells how far.

    Rows go into the columns, their number into the state, which `numbers` holds; `marked` gets begin, end and number of every line that is left.
    """
    state, line, known, known_at = address(numbers), address(spare), address(names), address(slots)
    base = address(buf)
    i, end, row, mark = base, base + size, np.int64(0), np.int64(0)
    number, pending = get(state, LINES), get(state, PENDING)
    told_at = told_size = station_at = np.int64(0)
    station = np.int64(-1)
    while i < end and row + mark < len(times):
        start = at = i
        if byte(i) != BACKSLASH:
            forget(line)
        elif _recalled(i + 1, end, told_at, told_size, line):
            at = i + 1 + told_size
        else:
            at = read_tag(i + 1, min(end, i + MAX_LINE), line)
            told_at, told_size = i + 1, at - i - 1
            _remember(line)
        eol, kind = np.int64(-1), np.int64(0)
        v1 = v2 = v3 = chars = payload = np.int64(0)
        if at >= 0 and get(line, PART) == 0:
            payload, chars = payload_of(at)
        if payload > 0:
            v1, v2, v3, check = read_plain(at, payload, chars)
            kind = v1 >> 42
            if check >= 0 and _is_taken(kind, chars, byte(payload + chars + 1)):
                eol = read_end(payload + chars + _TO_END, end, line)
        if eol - start > MAX_LINE:
            eol = np.int64(-1)
        if eol >= 0 and pending == 0 and (get(line, STATION) != station_at or station_at == 0):
            station_at = get(line, STATION)
            station = station_of(station_at, get(line, STATION_END), known, known_at, state)
        if eol >= 0 and pending == 0 and station != -2:
            mmsi, own = _field(v1, v2, v3, _MMSI, _MMSI_BITS), byte(at + _VDO_AT) == _O
            told = _told(v1, v2, v3, kind)
            put_row(row, get(line, TIME), mmsi, told, kind, station, own, times, wide, narrow, tiny, flags)
            counts[kind] += 1
            row += 1
        else:
            # A wrapper tells of the next sentence: until one has come that is plain, all lines go to the second pass, in their order.
            pending = np.int64(0) if eol >= 0 else max(pending, np.int64(may_announce(start, at)))
            eol = line_end(start)
            if eol > start:
                marked[mark, 0], marked[mark, 1], marked[mark, 2] = start - base, eol - base, number
                mark += 1
        number += 1
        i = eol + 1
    put(state, LINES, number)
    put(state, PENDING, pending)
    put(state, ROWS, row)
    put(state, MARKED, mark)
    put(state, CONSUMED, i - base)


_TURNS = tuple((np.uint64(shift), np.uint64(mask)) for shift, mask in (
    (7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0),
))  # fmt: skip


@compiled(ais_words)
def spread_flags(flags: Bytes, rows: int, bits: NDArray[np.uint8]) -> None:
    """Turn the flags of rows, a byte a row, into eight bitmaps as Arrow lays them out: eight by eight bits at a time."""
    for i in range((rows + 7) // 8):
        word = load(address(flags) + 8 * i)
        swapped = (word ^ (word >> _TURNS[0][0])) & _TURNS[0][1]
        word ^= swapped ^ (swapped << _TURNS[0][0])
        swapped = (word ^ (word >> _TURNS[1][0])) & _TURNS[1][1]
        word ^= swapped ^ (swapped << _TURNS[1][0])
        swapped = (word ^ (word >> _TURNS[2][0])) & _TURNS[2][1]
        word ^= swapped ^ (swapped << _TURNS[2][0])
        for k in range(8):
            bits[k, i] = (word >> np.uint64(8 * k)) & np.uint64(255)
