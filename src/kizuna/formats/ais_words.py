"""What both compiled passes over AIS lines read with: eight bytes at a time, TAG blocks, stations, the ends of lines.

Bytes are looked at eight in a word, first byte lowest unless it says otherwise. Helpers take addresses: an array as an argument would cost more
than what most of them do. Nothing here judges: where something is not plain, the line
goes to `kizuna.formats.nmea`. What may be read beyond a line's end is at most `PAD` bytes, which the caller makes sure are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kizuna.formats.compiled import inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

Bytes: TypeAlias = "NDArray[np.uint8]"
Numbers: TypeAlias = "NDArray[np.int64]"

PAD = 256
MAX_LINE = 1024
NONE = -1
"""A number that was not told."""
MOST_STATIONS = 4096
NAME_WORDS = 4
"""A station's name has up to 31 bytes, in four words."""

# Places in `state`, which lives as long as its reader.
LINES, NOT_AIS, ROWS, STATICS, MARKED, SLOW, STATIONS, CONSUMED, PENDING, WRAP_MS, WRAP_SUM, LENT = range(12)
STATE_SIZE = 16

# Places in what is known of one line.
TIME, STATION, STATION_END, PART, GROUP, GROUP_END = range(6)
TOTAL, NUMBER, SEQUENCE, CHANNEL, OWN, CHARS, FILL, CHECK, TALKER, EOL = range(6, 16)
LINE_SIZE = 16

BACKSLASH, NEWLINE, RETURN, COMMA, STAR, COLON, DASH, BANG, DOLLAR, HASH, SPACE = b"\\\n\r,*:-!$# "
LETTER_C, LETTER_G, LETTER_S, LETTER_R, LETTER_B = b"cgsrb"
DIGIT_0, DIGIT_9 = b"09"
NOT_ASCII = 128
SEPARATE_TIME = 100_000_000_000
"""A `c:` value from here on is in milliseconds."""

NO_DIGIT = 255
HEX = np.full(256, NO_DIGIT, np.uint8)
"""Values of upper case digits; some writers use lower case, whom the careful reader serves."""
HEX[48:58] = np.arange(10)
HEX[65:71] = np.arange(10, 16)


def _each(byte: int) -> np.uint64:
    return np.uint64(byte * 0x0101010101010101)


_ONES, _LOW, _HIGH, _SPACES = _each(1), _each(0x7F), _each(0x80), _each(SPACE)
COMMAS, _BACKSLASHES, _NEWLINES = _each(COMMA), _each(BACKSLASH), _each(NEWLINE)
_U0, _U1, _U4, _U7, _U8, _U16, _U32 = (np.uint64(n) for n in (0, 1, 4, 7, 8, 16, 32))
_BYTE = np.uint64(255)
_TENS, _ZEROS, _SIXES = _each(0xF0), _each(DIGIT_0), _each(6)
_U10, _U100, _U10000 = (np.uint64(n) for n in (10, 100, 10_000))
_PAIRS, _FOURS, _EIGHTS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFFFFFF)


def _loads(bits: int) -> Any:
    """Return the way to read a number of so many bits at an address, widened to 64."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        place = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
        loaded = builder.load(place)
        loaded.align = 1
        return loaded if bits == 64 else builder.zext(loaded, ir.IntType(64))

    return build


@intrinsic
def load(_context: Any, at: Any) -> Any:
    """Return the eight bytes at an address as a word."""
    return types.uint64(types.int64), _loads(64)


@intrinsic
def byte(_context: Any, at: Any) -> Any:
    """Return the byte at an address."""
    return types.int64(types.int64), _loads(8)


@intrinsic
def put_word(_context: Any, at: Any, word: Any) -> Any:
    """Write a word at an address."""

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        stored = builder.store(args[1], builder.inttoptr(args[0], ir.IntType(64).as_pointer()))
        stored.align = 1
        return context.get_dummy_value()

    return types.void(types.int64, types.uint64), build


@intrinsic
def put_byte(_context: Any, at: Any, value: Any) -> Any:
    """Write a byte at an address."""

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        builder.store(builder.trunc(args[1], ir.IntType(8)), builder.inttoptr(args[0], ir.IntType(8).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), build


def _slot(builder: Any, numbers: Any, place: Any) -> Any:
    at = builder.add(numbers, builder.shl(place, ir.Constant(ir.IntType(64), 3)))
    return builder.inttoptr(at, ir.IntType(64).as_pointer())


@intrinsic
def get(_context: Any, numbers: Any, place: Any) -> Any:
    """Return one of the 64-bit numbers that stand from an address on."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.load(_slot(builder, args[0], args[1]))

    return types.int64(types.int64, types.int64), build


@intrinsic
def put(_context: Any, numbers: Any, place: Any, value: Any) -> Any:
    """Write one of the 64-bit numbers that stand from an address on."""

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        builder.store(args[2], _slot(builder, args[0], args[1]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), build


@inlined
def address(array: NDArray[Any]) -> int:
    """Return where the values of an array stand; whoever calls a pass holds the array."""
    return np.int64(array.ctypes.data)


@intrinsic
def turned(_context: Any, word: Any) -> Any:
    """Return a word with its bytes in the other order."""
    return types.uint64(word), lambda _context, builder, _signature, args: builder.bswap(args[0])


@intrinsic
def first_byte(_context: Any, mask: Any) -> Any:
    """Return the number of the lowest byte that has a bit in a mask that is not zero."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        zeros = builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))
        return builder.lshr(zeros, ir.Constant(ir.IntType(64), 3))

    return types.int64(mask), build


@inlined
def equal_bytes(word: np.uint64, repeated: np.uint64) -> np.uint64:
    """Return the high bit of each byte that is the repeated one."""
    x = word ^ repeated
    return ~(((x & _LOW) + _LOW) | x | _LOW)


@inlined
def fold(word: np.uint64) -> int:
    """Return the exclusive or of a word's eight bytes."""
    word ^= word >> _U32
    word ^= word >> _U16
    word ^= word >> _U8
    return np.int64(word & _BYTE)


@inlined
def line_end(at: int) -> int:
    """Return where the newline is that ends the line which `at` lies in."""
    found = equal_bytes(load(at), _NEWLINES)
    while found == _U0:
        at += 8
        found = equal_bytes(load(at), _NEWLINES)
    return at + first_byte(found)


@inlined
def hex_pair(at: int) -> int:
    """Return the byte that two digits spell, more than 255 where they are none."""
    high, low = np.int64(HEX[byte(at)]), np.int64(HEX[byte(at + 1)])
    return high * 16 + low if high < 16 and low < 16 else np.int64(256)


@inlined
def digits(at: int, end: int) -> int:
    """Return the number that the digits from `at` to `end` spell, or `NONE` where there are none, more than 13, or something else."""
    if at >= end or end - at > 13:
        return np.int64(NONE)
    value = np.int64(0)
    if end - at >= 8:
        word = load(at)
        if ((word & _TENS) ^ _ZEROS) | (((word + _SIXES) & _TENS) ^ _ZEROS):
            return np.int64(NONE)
        word -= _ZEROS
        word = (word * _U10 + (word >> _U8)) & _PAIRS
        word = (word * _U100 + (word >> _U16)) & _FOURS
        value = np.int64((word * _U10000 + (word >> _U32)) & _EIGHTS)
        at += 8
    for i in range(at, end):
        digit = byte(i) - DIGIT_0
        if digit < 0 or digit > 9:
            return np.int64(NONE)
        value = value * 10 + digit
    return value


@inlined
def forget(line: int) -> None:
    """Make what is known of a line nothing."""
    put(line, TIME, NONE)
    for place in range(STATION, GROUP_END + 1):
        put(line, place, np.int64(0))


@inlined
def _read_field(at: int, end: int, line: int) -> bool:
    """Read one field of a TAG block; False where it is a group in another form than `1-2-id`, `2-2-id` or `1-1-id`."""
    if byte(at + 1) != COLON or end - at < 2:
        return True
    code = byte(at)
    if code == LETTER_C:
        value = digits(at + 2, end)
        put(line, TIME, value if value >= SEPARATE_TIME or value == NONE else value * 1000)
    elif code == LETTER_S:
        put(line, STATION, at + 2)
        put(line, STATION_END, end)
    elif code == LETTER_G:
        if end - at < 7 or get(line, PART) != 0 or byte(at + 3) != DASH or byte(at + 5) != DASH:
            return False
        for k in range(at + 6, end):
            if byte(k) == DASH:
                return False
        number, total = (byte(at + 2)) - DIGIT_0, (byte(at + 4)) - DIGIT_0
        if number < 1 or number > total or total > 2:
            return False
        put(line, PART, 3 if total == 1 else number)
        put(line, GROUP, at + 6)
        put(line, GROUP_END, end)
    return True


@inlined
def read_tag(at: int, end: int, line: int) -> int:
    """Read a TAG block whose first backslash is before `at`; return where the sentence begins, or -1 where it is not plain and right.

    `line` gets time, station and group; its part is 0 without a group, 3 alone in one.
    """
    forget(line)
    total, strange = _U0, _U0
    field = i = at
    while i < end:
        word = load(i)
        closing = equal_bytes(word, _BACKSLASHES)
        before = ((closing & (~closing + _U1)) >> _U7) - _U1  # ones up to the closing backslash, or everywhere
        kept = word & before
        total ^= kept
        strange |= (kept | ((word - _SPACES) & ~word & before)) & _HIGH
        commas = equal_bytes(word, COMMAS) & before
        while commas != _U0:
            comma = i + first_byte(commas)
            commas &= commas - _U1
            if not _read_field(field, comma, line):
                return np.int64(-1)
            field = comma + 1
        if closing != _U0:
            close = i + first_byte(closing)
            star = close - 3
            if star < field or byte(star) != STAR or strange != _U0 or not _read_field(field, star, line):
                return np.int64(-1)
            wanted = fold(total) ^ STAR ^ (byte(close - 2)) ^ (byte(close - 1))
            return close + 1 if hex_pair(close - 2) == wanted else np.int64(-1)
        i += 8
    return np.int64(-1)


@inlined
def _read_column(at: int, end: int, line: int) -> bool:
    """Read one column after the checksum; True where it names a station."""
    size = end - at
    if size > 1 and (byte(at) == LETTER_R or byte(at) == LETTER_B):
        for k in range(at + 1, end):
            c = byte(k)
            if not (48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122):
                return False
        return True
    if 9 <= size <= 10 and get(line, TIME) == NONE:
        value = digits(at, end)
        if value >= 0:
            put(line, TIME, value * 1000)
    return False


@inlined
def read_end(at: int, end: int, line: int) -> int:
    """Read what follows a checksum, such as `,r003669945,1085889681`; return where the line ends, or -1 where something strange stands there."""
    if byte(at) == NEWLINE:
        return at
    if byte(at) == RETURN and byte(at + 1) == NEWLINE:
        return at + 1
    stop = at
    while stop < end and SPACE < byte(stop) < NOT_ASCII:
        stop += 1
    eol = stop + 1 if byte(stop) == RETURN else stop
    if byte(eol) != NEWLINE:
        return np.int64(-1)
    i = at
    while i < stop and byte(i) != COMMA:
        i += 1
    named = False
    while i < stop:
        begin = i = i + 1
        while i < stop and byte(i) != COMMA:
            i += 1
        if _read_column(begin, i, line) and not named:
            named = True
            if get(line, STATION) == get(line, STATION_END):
                put(line, STATION, begin)
                put(line, STATION_END, i)
    return eol


@inlined
def some_bytes(at: int, count: int) -> np.uint64:
    """Return the first `count` of eight bytes as a word, nothing where there are none."""
    if count <= 0:
        return _U0
    word = load(at)
    return word if count >= 8 else word & ((_U1 << np.uint64(8 * count)) - _U1)


SPREAD = np.uint64(0x9E3779B97F4A7C15)
MORE_SPREAD = np.uint64(0xC2B2AE3D27D4EB4F)
_TOP_TWELVE = np.uint64(52)


@inlined
def place_of(word: np.uint64) -> int:
    """Return a number below 4096 that a word is spread to."""
    return np.int64((word * SPREAD) >> _TOP_TWELVE)


@inlined
def _word(words: int, place: int) -> np.uint64:
    return np.uint64(get(words, place))


@inlined
def station_of(at: int, end: int, names: int, slots: int, state: int) -> int:
    """Return the number of a station by its name, -1 where it has none, -2 where the table is full or the name too long."""
    size = end - at
    if size <= 0:
        return np.int64(-1)
    if size >= 8 * NAME_WORDS:
        return np.int64(-2)
    a, b = some_bytes(at, size), some_bytes(at + 8, size - 8)
    c, d = some_bytes(at + 16, size - 16), some_bytes(at + 24, size - 24)
    slot = place_of(a ^ (b * MORE_SPREAD) ^ (c >> _U7) ^ (d * SPREAD))
    k = get(slots, slot) - 1
    while k >= 0:
        name = 4 * k
        if (
            _word(names, name) == a
            and _word(names, name + 1) == b
            and _word(names, name + 2) == c
            and _word(names, name + 3) == d
        ):
            return k
        slot = (slot + 1) & (MOST_STATIONS - 1)
        k = get(slots, slot) - 1
    k = get(state, STATIONS)
    if k >= MOST_STATIONS * 3 // 4:
        return np.int64(-2)
    put(state, STATIONS, k + 1)
    put(slots, slot, k + 1)
    for place, word in enumerate((a, b, c, d)):
        put(names, 4 * k + place, np.int64(word))
    return k


@inlined
def begins(at: int, word: np.uint64, count: int) -> bool:
    """Return whether the text at `at` begins with the first `count` bytes of a word."""
    return some_bytes(at, count) == word


WRAPPER = np.uint64(int.from_bytes(b"$PGHP,", "little"))
WRAPPER_SIZE = np.int64(6)


@inlined
def may_announce(start: int, sentence: int) -> bool:
    """Return whether a line may be a wrapper, by itself or behind a TAG block; `sentence` is where that ends, -1 where it is not plain."""
    c = byte(start)
    if c == BACKSLASH:
        return sentence < 0 or byte(sentence) != BANG
    if c == DOLLAR:
        return begins(start, WRAPPER, WRAPPER_SIZE)
    return c != BANG and c != HASH
