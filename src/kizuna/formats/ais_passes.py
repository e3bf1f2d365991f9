"""The compiled passes over AIS lines with their memory, for `kizuna.formats.ais_columns`: buffers in, Arrow tables out.

Loading this module loads Numba. Columns of positions are written where Arrow keeps them; the rest is small and copied.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from kizuna.formats import ais_words as words
from kizuna.formats.ais_marked import ANY_STREAM, KEEP, NO_STREAM, OPEN_SIZE, SIX_SIZE, STREAMS_FROM, second_pass
from kizuna.formats.ais_plain import first_pass, spread_flags
from kizuna.formats.ais_tables import CHUNK_BYTES, POSITIONS, STATICS, Columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kizuna.formats.nmea import AisLineReader

_LEAST_ROWS = 1024
_BYTES_A_ROW = 48
"""A plain sentence has as many; where rows are more, a pass stops early and goes on."""
_MOST_ROWS = CHUNK_BYTES // _BYTES_A_ROW + _LEAST_ROWS
_HALF_FULL = 256
_ALIGNED = 64
_TEXTS = 3
_MOST_TEXT = 20
_FLAGS = 8

SlowLine = tuple[int, int, int, "tuple[int, int] | None", bool]
"""Begin, end, number, what was announced before it, and whether the careful reader keeps what it holds of that."""


class _Rows(NamedTuple):
    """Columns of positions in one buffer of Arrow's, of which tables are made without a copy."""

    memory: pa.Buffer
    times: NDArray[np.int64]
    wide: NDArray[np.int32]
    narrow: NDArray[np.int16]
    tiny: NDArray[np.int8]
    bits: NDArray[np.uint8]
    starts: tuple[int, ...]


def _rows(most: int) -> _Rows:
    """Return columns for so many rows; a multiple of 64, so that each of them is aligned."""
    most = -(-most // (_ALIGNED * 8)) * _ALIGNED * 8
    sizes = (8 * most, 16 * most, 6 * most, 2 * most, most)
    starts = tuple(sum(sizes[:k]) for k in range(len(sizes)))
    memory = pa.allocate_buffer(sum(sizes))
    whole = np.frombuffer(memoryview(memory), np.uint8)
    parts = [whole[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    return _Rows(
        memory,
        parts[0].view(np.int64),
        parts[1].view(np.int32).reshape(4, most),
        parts[2].view(np.int16).reshape(3, most),
        parts[3].view(np.int8).reshape(2, most),
        parts[4].reshape(_FLAGS, most // 8),
        starts,
    )


def compile_all() -> None:
    """Have every pass compiled, or loaded from the cache, by reading a few sentences: one for each pass and one that is broken."""
    sentences = b"!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24\n!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*00\n"
    Passes().run(sentences, 0, len(sentences))


class Passes:
    """The passes of one reader: what they remember from chunk to chunk, and the buffers that they use again."""

    def __init__(self) -> None:
        rows = _MOST_ROWS
        self._state = np.zeros(words.STATE_SIZE, np.int64)
        self._state[words.WRAP_MS] = words.NONE
        self._spare = np.zeros(2 * words.LINE_SIZE, np.int64)
        self._names = np.zeros((words.MOST_STATIONS, words.NAME_WORDS), np.int64)
        self._slots = np.zeros(words.MOST_STATIONS, np.int64)
        self._open = np.zeros(2 * int(OPEN_SIZE), np.int64)
        self._counts = np.zeros(64, np.int64)
        self._six = np.zeros(SIX_SIZE, np.uint8)
        self._flags = np.zeros(rows + words.PAD, np.uint8)
        self._marked = np.empty((rows, 3), np.int64)
        self._slow = np.empty((rows, 5), np.int64)
        self._static_times = np.empty(rows, np.int64)
        self._static_wide = np.empty((8, rows), np.int32)
        self._static_tiny = np.empty((2, rows), np.int8)
        self._texts = np.empty((_TEXTS, rows * _MOST_TEXT), np.uint8)
        self._ends = np.zeros((_TEXTS, rows + 1), np.int32)
        self._rows = _rows(0)
        self._base = 0
        self._stations: pa.Array[Any] = pa.array([], pa.string())

    @property
    def lines(self) -> int:
        """Lines up to now, those included that were read elsewhere."""
        return int(self._state[words.LINES])

    @property
    def not_ais(self) -> int:
        """Sentences of other kinds."""
        return int(self._state[words.NOT_AIS])

    def messages_by_type(self) -> Counter[int]:
        """Return how many messages of each type were taken."""
        return Counter({kind: int(count) for kind, count in enumerate(self._counts) if count})

    def follow(self, careful: AisLineReader) -> None:
        """Learn what the careful reader remembers by now, having read what was left to it."""
        state = self._state
        state[words.LINES] = careful.lines
        state[words.LENT] = careful.remembers
        state[words.PENDING] = max(state[words.PENDING], state[words.LENT])
        # The passes note what may be open; the careful reader knows: else a message once left to it would be left to it for ever.
        self._open[:] = 0
        for sequence, channel, stream, line in careful.open_messages():
            message = (sequence or b",")[0] * 256 + (channel or b",")[0]
            for each in (_stream_of(stream), int(ANY_STREAM)):
                place = _place_of(message * 65_536 + each)
                self._open[place] = max(self._open[place], line)
        groups = careful.open_groups()
        self._open[OPEN_SIZE:] = len(groups) > _HALF_FULL
        for group in groups:
            self._open[int(OPEN_SIZE) + _place_of(_word(group.encode()))] = 1

    @property
    def lent(self) -> bool:
        """Whether a wrapper that the careful reader holds is still the newest one."""
        return bool(self._state[words.LENT])

    def take_wrapper(self) -> tuple[tuple[int, int] | None, bool]:
        """Return the wrapper that waits, and whether the careful reader keeps what it holds; it waits here no more."""
        state = self._state
        announced = (int(state[words.WRAP_MS]), int(state[words.WRAP_SUM])) if state[words.WRAP_MS] >= 0 else None
        state[words.WRAP_MS] = words.NONE
        return announced, announced is None and self.lent

    def run(self, data: bytes, begin: int, end: int) -> int:
        """Pass over the whole lines of `data[begin:end]`, and return how many bytes were read; at least a line, unless a second half is missing."""
        size = end - begin
        if end + words.PAD <= len(data):
            buf = np.frombuffer(data, np.uint8)[begin:]
        else:
            buf = np.full(size + words.PAD, words.NEWLINE, np.uint8)
            buf[:size] = np.frombuffer(data, np.uint8)[begin:end]
            buf.flags.writeable = False
        self._base = buf.ctypes.data
        rows = self._rows = _rows(min(size // _BYTES_A_ROW + _LEAST_ROWS, _MOST_ROWS))
        state, shared = self._state, (self._names, self._slots)
        most = min(rows.times.size, _MOST_ROWS)
        places = (rows.times[:most], rows.wide, rows.narrow, rows.tiny, self._flags, self._counts, self._marked)
        passed: tuple[Any, ...] = (*shared, *places)
        first_pass(buf, size, state, self._spare, *passed)
        state[words.STATICS] = state[words.SLOW] = 0
        if state[words.MARKED]:
            second_pass(
                buf, state, self._spare, *shared, self._open, self._six, *places,
                self._static_times, self._static_wide, self._static_tiny, self._texts, self._ends, self._slow,
            )  # fmt: skip
        spread_flags(self._flags, int(state[words.ROWS]), rows.bits)
        return int(state[words.CONSUMED])

    def slow_lines(self) -> list[SlowLine]:
        """Return the lines of the last pass that are left to the careful reader."""
        return [
            (start - self._base, eol - self._base, number, (ms, check) if ms >= 0 else None, ms == KEEP)
            for start, eol, number, ms, check in self._slow[: self._state[words.SLOW]].tolist()
        ]

    def columns(self) -> Columns:
        """Return the rows of the last pass."""
        count = int(self._state[words.STATIONS])
        if count != len(self._stations):
            self._stations = pa.array(self._names[:count].view(f"S{8 * words.NAME_WORDS}").ravel(), pa.binary()).cast(
                pa.string()
            )
        return Columns(self._positions(), self._statics(), [])

    def _positions(self) -> pa.Table:
        count, rows = int(self._state[words.ROWS]), self._rows
        most = rows.times.size
        if not count:
            return POSITIONS.empty_table()

        def column(part: int, k: int, flag: int | None, kind: pa.DataType) -> pa.Array[Any]:
            width = kind.bit_width // 8
            values = rows.memory.slice(rows.starts[part] + k * most * width, count * width)
            return pa.Array.from_buffers(kind, count, [None if flag is None else bits(flag), values])

        def bits(flag: int) -> pa.Buffer:
            return rows.memory.slice(rows.starts[4] + flag * (most // 8), (count + 7) // 8)

        int8, int16, int32 = pa.int8(), pa.int16(), pa.int32()
        return pa.table([
            column(0, 0, 0, pa.int64()), column(1, 0, None, int32), column(1, 1, 1, int32), column(1, 2, 1, int32),
            column(2, 0, 2, int16), column(2, 1, 3, int16), column(2, 2, 4, int16), column(3, 0, 5, int8), column(3, 1, None, int8),
            pa.Array.from_buffers(pa.bool_(), count, [None, bits(7)]),
            pa.DictionaryArray.from_arrays(column(1, 3, 6, int32), self._stations, safe=False),
        ], schema=POSITIONS)  # fmt: skip

    def _statics(self) -> pa.Table:
        count = int(self._state[words.STATICS])
        if not count:
            return STATICS.empty_table()
        wide, tiny, times = self._static_wide[:, :count], self._static_tiny[:, :count], self._static_times[:count]
        eta, stations = wide[7], wide[6]
        none = eta == words.NONE
        return pa.table([
            _array(times, times == words.NONE, pa.int64()), _array(wide[0], None, pa.int32()), _array(tiny[0], None, pa.int8()),
            _array(wide[1], wide[1] == 0, pa.int32()), self._text(0), self._text(1),
            *(_array(wide[k], wide[k] == 0, pa.int16()) for k in (2, 3, 4, 5)), self._text(2),
            *(_array((eta >> shift) & mask, none, pa.int8()) for shift, mask in ((16, 15), (11, 31), (6, 31), (0, 63))),
            pa.DictionaryArray.from_arrays(_array(stations, stations < 0, pa.int32()), self._stations),
        ], schema=STATICS)  # fmt: skip

    def _text(self, column: int) -> pa.Array[Any]:
        """Return a column of texts, which the pass wrote as Arrow lays them out; an empty one is null."""
        ends = self._ends[column, : int(self._state[words.STATICS]) + 1]
        known = np.packbits(ends[1:] > ends[:-1], bitorder="little").tobytes()
        buffers: list[pa.Buffer | None] = [
            pa.py_buffer(part) for part in (known, ends.tobytes(), self._texts[column, : ends[-1]].tobytes())
        ]
        return pa.Array.from_buffers(pa.string(), len(ends) - 1, buffers)


def _array(values: NDArray[Any], missing: NDArray[np.bool_] | None, kind: pa.DataType) -> pa.Array[Any]:
    return pa.array(values.astype(kind.to_pandas_dtype()), kind, mask=missing)


def _word(text: bytes) -> int:
    """Return what `ais_words.some_bytes` does of the first eight."""
    return int.from_bytes(text[:8], "little")


def _stream_of(stream: bytes) -> int:
    """Return what `ais_marked` numbers a stream by, which `nmea_tag.Tag.stream` names with a letter before it."""
    if not stream:
        return int(NO_STREAM)
    return _place_of(_word(stream[1:]) ^ _word(stream[9:]) * int(words.MORE_SPREAD)) + int(STREAMS_FROM)


def _place_of(word: int) -> int:
    """Return what `ais_words.place_of` does."""
    return (word * int(words.SPREAD) & (1 << 64) - 1) >> 52
