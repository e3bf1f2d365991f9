"""The second compiled pass over AIS lines: those that the first one marked.

Messages of other lengths and types, static data, messages of two sentences that follow one another, receive times from `$PGHP` wrappers. What
it does not understand whole it names in `slow`, and `kizuna.formats.nmea` judges that line. Bit positions are those of ITU-R M.1371-5, annex 8.

The careful reader remembers: messages that are open, groups, a wrapper that waits. So that both ways tell the same, no pair is taken here while
a message of its sequence or group may be open there, and no sentence while a wrapper may wait there.
"""

from __future__ import annotations

import numpy as np

from kizuna.formats import ais_fields, ais_plain, ais_words
from kizuna.formats.ais_fields import MMSI_AT, MMSI_BITS, NEEDS, STATIC_NEEDS, is_slow, num, put_static, told
from kizuna.formats.ais_plain import is_name, put_row, six_values
from kizuna.formats.ais_words import (
    BACKSLASH,
    BANG,
    CHANNEL,
    CHARS,
    CHECK,
    COLON,
    COMMA,
    COMMAS,
    CONSUMED,
    DASH,
    DIGIT_0,
    DOLLAR,
    EOL,
    FILL,
    GROUP,
    GROUP_END,
    HASH,
    LENT,
    LETTER_G,
    LINE_SIZE,
    LINES,
    MARKED,
    MAX_LINE,
    MORE_SPREAD,
    NONE,
    NOT_AIS,
    NUMBER,
    OWN,
    PART,
    ROWS,
    SEQUENCE,
    SLOW,
    STAR,
    STATICS,
    STATION,
    STATION_END,
    TALKER,
    TIME,
    TOTAL,
    WRAP_MS,
    WRAP_SUM,
    WRAPPER,
    WRAPPER_SIZE,
    address,
    begins,
    byte,
    digits,
    equal_bytes,
    first_byte,
    fold,
    forget,
    get,
    hex_pair,
    load,
    may_announce,
    place_of,
    put,
    put_word,
    read_end,
    read_tag,
    some_bytes,
    station_of,
)  # fmt: skip
from kizuna.formats.compiled import compiled, inlined

MAX_CHARS = 400
"""Armoured characters of one message: two sentences of 200."""
_SENTENCE_CHARS = 200
SIX_SIZE = MAX_CHARS + 64
MAX_APART_MS = 60_000
MAX_AGE_LINES = 4096
"""As `nmea.MAX_AGE_MS` and `nmea.MAX_AGE_LINES`: an older first half is given up before another one is looked at."""
OPEN_SIZE = np.int64(4096)
NO_STREAM, ANY_STREAM, STREAMS_FROM = np.int64(0), np.int64(1), np.int64(2)
DIGIT_1 = ord("1")
KEEP = -2
"""As a wrapper's time: the careful reader keeps what it holds."""

_U0, _U1, _U7 = np.uint64(0), np.uint64(1), np.uint64(7)
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_V, _D, _M, _O = b"VDMO"


@inlined
def _read_payload(begin: int, limit: int, six: int) -> int:
    """Write the six-bit values of armoured characters, eight at a time; return where their comma is, -1 where there is none or another character."""
    i = begin
    while i < limit:
        word = load(i)
        values, strange = six_values(word)
        commas = equal_bytes(word, COMMAS)
        put_word(six + i - begin, values)
        if commas != _U0:
            before = ((commas & (~commas + _U1)) >> _U7) - _U1
            end = i + first_byte(commas)
            return end if (strange & before) == _U0 and end < limit else np.int64(-1)
        if strange != _U0:
            return np.int64(-1)
        i += 8
    return np.int64(-1)


@inlined
def _read_sentence(at: int, end: int, six: int, have: int, line: int) -> int:
    """Read one VDM or VDO sentence whose checksum is right; its six-bit values follow the first `have` of `six`.

    Returns where its checksum ends, -1 where it is not plain.
    """
    if byte(at) != BANG or byte(at + 3) != _V or byte(at + 4) != _D or byte(at + 6) != COMMA or byte(at + 8) != COMMA:
        return np.int64(-1)
    kind = byte(at + 5)
    total, number = byte(at + 7) - DIGIT_0, byte(at + 9) - DIGIT_0
    if (kind != _M and kind != _O) or number < 1 or number > total or total > 2 or byte(at + 10) != COMMA:
        return np.int64(-1)
    if not is_name(byte(at + 1)) or not is_name(byte(at + 2)):
        return np.int64(-1)
    put(line, SEQUENCE, COMMA)
    put(line, CHANNEL, COMMA)
    i = at + 11
    if is_name(byte(i)):
        put(line, SEQUENCE, byte(i))
        i += 1
    if byte(i) != COMMA:
        return np.int64(-1)
    i += 1
    if is_name(byte(i)):
        put(line, CHANNEL, byte(i))
        i += 1
    if byte(i) != COMMA:
        return np.int64(-1)
    begin = i = i + 1
    i = _read_payload(begin, min(end, begin + _SENTENCE_CHARS + 1), six + have)
    if i <= begin:
        return np.int64(-1)
    put(line, CHARS, i - begin)
    i += 1
    fill = np.int64(0)
    if byte(i) != STAR:
        fill = byte(i) - DIGIT_0
        i += 1
    if fill < 0 or fill > 5 or byte(i) != STAR:
        return np.int64(-1)
    put(line, TOTAL, total)
    put(line, NUMBER, number)
    put(line, OWN, kind == _O)
    put(line, FILL, fill)
    put(line, TALKER, byte(at + 1) * 256 + byte(at + 2))
    return _end_of_sum(at + 1, i, line)


@inlined
def _end_of_sum(begin: int, star: int, line: int) -> int:
    total = _U0
    for at in range(begin, star, 8):
        total ^= some_bytes(at, star - at)
    check = fold(total)
    put(line, CHECK, check)
    return star + 3 if hex_pair(star + 1) == check else -1


@inlined
def _read_line(start: int, end: int, six: int, have: int, line: int) -> bool:
    """Read a line's TAG block, sentence and end; False where it is not plain."""
    at = start
    if byte(start) == BACKSLASH:
        at = read_tag(start + 1, min(end, start + MAX_LINE), line)
    else:
        forget(line)
    if at < 0:
        return False
    at = _read_sentence(at, end, six, have, line)
    if at < 0:
        return False
    put(line, EOL, read_end(at, end, line))
    return get(line, EOL) >= 0 and get(line, EOL) - start <= MAX_LINE


@inlined
def _same(a: int, a_end: int, b: int, b_end: int) -> bool:
    if a_end - a != b_end - b:
        return False
    for k in range(a_end - a):
        if byte(a + k) != byte(b + k):
            return False
    return True


@inlined
def _belong(one: int, two: int) -> bool:
    """Return whether two sentences are the halves of one message."""
    if get(two, TOTAL) != 2 or get(two, NUMBER) != 2:
        return False
    for k in (SEQUENCE, CHANNEL, TALKER, OWN):
        if get(one, k) != get(two, k):
            return False
    if get(one, TIME) != NONE and get(two, TIME) != NONE and abs(get(one, TIME) - get(two, TIME)) > MAX_APART_MS:
        return False
    if get(one, PART) == 1:
        return get(two, PART) == 2 and _same(get(one, GROUP), get(one, GROUP_END), get(two, GROUP), get(two, GROUP_END))
    if get(two, PART) != 0:
        return False
    unnamed = get(one, STATION) == get(one, STATION_END) or get(two, STATION) == get(two, STATION_END)
    return unnamed or _same(get(one, STATION), get(one, STATION_END), get(two, STATION), get(two, STATION_END))


@inlined
def _announced(start: int, end: int, state: int, parts: int) -> bool:
    """Read what a `$PGHP` line says of the next sentence, its receive time and checksum; False where it is not plain."""
    star, commas = start, np.int64(0)
    while star < end and byte(star) != STAR:
        commas += byte(star) == COMMA
        star += 1
    if end - start > MAX_LINE or star + 3 > end or commas < 8 or _end_of_sum(start + 1, star, parts) < 0:
        return False
    begin = start
    for part in range(9):
        i = begin
        while i < star and byte(i) != COMMA:
            i += 1
        if part >= 2:
            value = digits(begin, i)
            if value < 0:
                return False
            put(parts, part, value)
        begin = i + 1
    last = star
    while byte(last - 1) != COMMA:
        last -= 1
    put(state, LENT, 0)
    put(state, WRAP_SUM, 0)
    if star - last == 2:
        put(state, WRAP_SUM, hex_pair(last))
    put(state, WRAP_MS, _milliseconds(parts))
    return get(state, WRAP_MS) >= 0 and get(state, WRAP_SUM) < 256


@inlined
def _milliseconds(parts: int) -> int:
    """Return year, month, day, hour, minute, second and millisecond as milliseconds UTC, `NONE` where there is no such time."""
    y, m, d = get(parts, 2), get(parts, 3), get(parts, 4)
    if y < 1970 or y > 9999 or m < 1 or m > 12 or d < 1:
        return np.int64(NONE)
    leap = m == 2 and y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)
    if d > _DAYS[m] + leap or get(parts, 5) > 23 or get(parts, 6) > 59 or get(parts, 7) > 59 or get(parts, 8) > 999:
        return np.int64(NONE)
    y -= m <= 2
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (m + (-3 if m > 2 else 9)) + 2) // 5 + d - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return ((days * 24 + get(parts, 5)) * 60 + get(parts, 6)) * 60_000 + get(parts, 7) * 1000 + get(parts, 8)


@inlined
def _stream(line: int) -> int:
    """Return a number for the group that a line stands in, else for its station; `NO_STREAM` where it names neither."""
    at, end = get(line, STATION), get(line, STATION_END)
    if get(line, PART) != 0:
        at, end = get(line, GROUP), get(line, GROUP_END)
    if at == end:
        return NO_STREAM
    return place_of(some_bytes(at, end - at) ^ (some_bytes(at + 8, end - at - 8) * MORE_SPREAD)) + STREAMS_FROM


@inlined
def _open_place(message: int, stream: int) -> int:
    """Return the place of a multipart message in the table of those that may be open."""
    return place_of(np.uint64(message * 65_536 + stream))


@inlined
def _since(message: int, stream: int, opened: int) -> int:
    """Return the number behind the last line from which a message may be open that a half of this stream might join, 0 for none.

    A half without a stream may join any, and one with a stream those that have the same or none.
    """
    if stream == NO_STREAM:
        return get(opened, _open_place(message, ANY_STREAM))
    return max(get(opened, _open_place(message, stream)), get(opened, _open_place(message, NO_STREAM)))


@inlined
def _opens(start: int, eol: int) -> int:
    """Return sequence and channel of the multipart message that the careful reader may open with a line, -1 where it is surely no part of one."""
    i = start
    if byte(i) == BACKSLASH:
        i += 1
        while i < eol and byte(i) != BACKSLASH:
            i += 1
    field = np.int64(0)
    while i < eol and field < 3:
        if byte(i) == COMMA:
            field += 1
            if field == 1 and byte(i + 1) == DIGIT_1 and byte(i + 2) == COMMA:
                return np.int64(-1)
        i += 1
    sequence = byte(i)
    while i < eol and byte(i) != COMMA:
        i += 1
    return sequence * 256 + byte(i + 1) if i < eol else np.int64(-1)


@inlined
def group_place(at: int, end: int) -> int:
    """Return the place of a group in the same table, behind the messages."""
    return OPEN_SIZE + place_of(some_bytes(at, end - at))


@inlined
def _note_open(start: int, eol: int, number: int, stream: int, opened: int) -> None:
    """Remember which message and which group the careful reader may hold open after a line."""
    message = _opens(start, eol)
    if message >= 0:
        put(opened, _open_place(message, stream), number + 1)
        put(opened, _open_place(message, ANY_STREAM), number + 1)
    if byte(start) != BACKSLASH:
        return
    i = start + 1
    while i < eol and byte(i) != BACKSLASH:
        if byte(i) == LETTER_G and byte(i + 1) == COLON:
            begin = i + 2
            while i < eol and byte(i) != BACKSLASH and byte(i) != COMMA and byte(i) != STAR:
                i += 1
                if byte(i) == DASH:
                    begin = i + 1
            put(opened, group_place(begin, i), 1)
        i += 1


@inlined
def _hand_over(start: int, eol: int, number: int, state: int, opened: int, one: int, slow: int) -> None:
    """Leave a line to the careful reader, together with the wrapper that waits."""
    k = get(state, SLOW)
    entry = slow + 8 * 5 * k
    put(entry, 0, start)
    put(entry, 1, eol)
    put(entry, 2, number)
    put(entry, 3, get(state, WRAP_MS) if get(state, LENT) == 0 else np.int64(KEEP))
    put(entry, 4, get(state, WRAP_SUM))
    put(state, SLOW, k + 1)
    at = read_tag(start + 1, min(eol, start + MAX_LINE), one) if byte(start) == BACKSLASH else start
    if get(state, WRAP_MS) >= 0 or may_announce(start, at):
        put(state, LENT, 1)
    put(state, WRAP_MS, NONE)
    # Without a right TAG block a name may stand behind the sentence: then it counts as a line that may join any.
    stream = _stream(one) if byte(start) == BACKSLASH and at >= 0 else NO_STREAM
    _note_open(start, eol, number, stream, opened)


@inlined
def _is_other(start: int, eol: int, state: int, parts: int) -> bool:
    """Return whether a line is a comment, a wrapper or a sentence of another kind, and keep what it says."""
    c = byte(start)
    if eol - start > MAX_LINE:
        return False
    if c == HASH:
        return True
    if c == DOLLAR and begins(start, WRAPPER, WRAPPER_SIZE):
        return _announced(start, eol, state, parts)
    if c != DOLLAR and (c != BANG or (byte(start + 3) == _V and byte(start + 4) == _D)):
        return False
    for k in range(start, eol):
        if byte(k) == COMMA:
            put(state, NOT_AIS, get(state, NOT_AIS) + 1)
            return True
    return False


@inlined
def _sentences(number: int, end: int, adjoins: bool, six: int, one: int, two: int, opened: int) -> int:
    """Return of how many lines the message is that begins with the line read, all of it then in `one`; 0 where it is not plain."""
    open_group = get(one, PART) != 0 and get(opened, group_place(get(one, GROUP), get(one, GROUP_END))) != 0
    if get(one, NUMBER) != 1 or get(one, PART) == 2 or open_group:
        return np.int64(0)
    if get(one, TOTAL) == 1:
        return np.int64(get(one, PART) != 1)
    since = _since(get(one, SEQUENCE) * 256 + get(one, CHANNEL), _stream(one), opened)
    if not adjoins or get(one, PART) == 3 or (since > 0 and number - since <= MAX_AGE_LINES):
        return np.int64(0)
    if not _read_line(get(one, EOL) + 1, end, six, get(one, CHARS), two) or not _belong(one, two):
        return np.int64(0)
    put(one, CHARS, get(one, CHARS) + get(two, CHARS))
    put(one, CHECK, get(one, CHECK) ^ get(two, CHECK))
    put(one, FILL, get(two, FILL))
    put(one, EOL, get(two, EOL))
    return np.int64(2)


@inlined
def _time_of(one: int, state: int) -> int:
    """Return the receive time of a message, which a wrapper may tell; it then waits no more."""
    time, waiting = get(one, TIME), get(state, WRAP_MS)
    put(state, WRAP_MS, NONE)
    if time == NONE and waiting >= 0 and (get(state, WRAP_SUM) == 0 or get(state, WRAP_SUM) == get(one, CHECK)):
        return waiting
    return time


@compiled(ais_words, ais_plain, ais_fields)
def second_pass(buf, numbers, spare, names, slots, open_table, six_bits, times, wide, narrow, tiny, flags, counts, marked,
                static_times, static_wide, static_tiny, texts, ends, slow):  # fmt: skip
    """Read the lines that the first pass marked; rows go behind its own, static data into their columns, what is left into `slow`.

    Messages without columns are counted by their type. A first half at the end is
    not consumed: it comes again with what follows. `slow` tells addresses.
    """
    state, one, two = address(numbers), address(spare), address(spare) + 8 * LINE_SIZE
    six, opened = address(six_bits), address(open_table)
    base = address(buf)
    row, static, k, marks, last = (
        get(state, ROWS),
        np.int64(0),
        np.int64(0),
        get(state, MARKED),
        base + get(state, CONSUMED),
    )
    while k < marks:
        start, eol, number = base + marked[k, 0], base + marked[k, 1], marked[k, 2]
        k += 1
        if _is_other(start, eol, state, one):
            continue
        plain = _read_line(start, last, six, np.int64(0), one)
        if plain and get(one, TOTAL) == 2 and get(one, NUMBER) == 1 and eol + 1 == last:
            put(state, CONSUMED, start - base)
            put(state, LINES, number)
            break
        adjoins = k < marks and base + marked[k, 0] == eol + 1
        lines = _sentences(number, last, adjoins, six, one, two, opened) if plain else np.int64(0)
        station = np.int64(-2)
        if lines > 0 and get(state, LENT) == 0 and not is_slow(six, get(one, CHARS), get(one, FILL)):
            station = station_of(get(one, STATION), get(one, STATION_END), address(names), address(slots), state)
        if station == -2:
            _hand_over(start, eol, number, state, opened, one, address(slow))
            put(state, LENT, np.int64(0) if plain else get(state, LENT))
            continue
        k += lines - 1
        kind, length, mmsi = byte(six), 6 * get(one, CHARS) - get(one, FILL), num(six, MMSI_AT, MMSI_BITS)
        time, own = _time_of(one, state), get(one, OWN)
        counts[kind] += 1
        if length >= NEEDS[kind]:
            put_row(row, time, mmsi, told(six, kind), kind, station, own != 0, times, wide, narrow, tiny, flags)
            row += 1
        if length >= STATIC_NEEDS[kind]:
            put_static(six, length, kind, mmsi, address(texts), texts.shape[1], ends, static_wide, static)
            static_times[static], static_wide[0, static], static_wide[6, static] = time, mmsi, station
            static_tiny[0, static], static_tiny[1, static] = kind, own
            static += 1
    put(state, ROWS, row)
    put(state, STATICS, static)
