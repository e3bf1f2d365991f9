"""AIS messages as Arrow columns: bytes in chunks of any border to tables of positions and static data, at the speed of compiled passes.

Two passes (`kizuna.formats.ais_plain`, `kizuna.formats.ais_marked`) take the sentences that are plain and whole; all others go through
`kizuna.formats.ais`, line by line, which alone judges what is wrong with a sentence: so both ways give the same rows, counts and reasons.
Numba and the passes are loaded when `Passes` is made, which takes a second, and tens of seconds once for each machine: whoever reads decides
when that is worth it. Until a reader is given passes, it reads by the careful way alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kizuna.formats.ais import AisCounts, AisMessage, AisReader
from kizuna.formats.ais_tables import CHUNK_BYTES, Columns, columns_of, joined
from kizuna.formats.nmea import MAX_LINE_BYTES, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from kizuna.formats.ais_passes import Passes

_MOST_HELD = 2 * MAX_LINE_BYTES + 2
WORTH_BYTES = 1 << 20
"""From so many bytes on, a reader asks for the passes: the careful way reads less before they are loaded."""


def no_passes() -> None:
    """Return nothing where passes are asked for: all is read the careful way."""


class ColumnReader:
    """Bytes in chunks of any border to columns, counting what goes through; what it holds is bounded by `CHUNK_BYTES`.

    Args:
        passes: returns compiled passes for this reader alone, or None as long as they are not ready; asked before each chunk.
        worth_bytes: how much must have come before they are asked for.
    """

    def __init__(self, passes: Callable[[], Passes | None], *, worth_bytes: int = 0) -> None:
        self._careful = AisReader()
        self._ask = passes
        self._passes: Passes | None = None
        self._worth = worth_bytes
        self._seen = 0
        self._rest = b""

    @property
    def counts(self) -> AisCounts:
        """What went through so far."""
        found = self._careful.counts
        if self._passes is None:
            return found
        return AisCounts(
            lines=self._passes.lines,
            not_ais=found.not_ais + self._passes.not_ais,
            messages_by_type=found.messages_by_type + self._passes.messages_by_type(),
            rejected=found.rejected,
            checksum_failed_by_type=found.checksum_failed_by_type,
        )

    def feed(self, data: bytes) -> Columns:
        """Return what the lines completed by `data` say; never raises for what is in them."""
        passes = self._passes or self._begin(len(data))
        if passes is None:
            return columns_of(self._careful.feed(data))
        parts: list[Columns] = []
        begin = 0
        if self._careful.lines.skipping:
            begin = data.find(b"\n") + 1 or len(data)
            parts.append(self._carefully(passes, data[:begin]))
        if self._rest:
            # Only as much is joined to what is held as makes two lines whole: of those at most the second is left over.
            cut = data.find(b"\n", data.find(b"\n") + 1) + 1 or len(data)
            head, self._rest = self._rest + data[:cut], b""
            left = head[self._run(passes, head, 0, parts) :]
            if cut == len(data):
                self._keep(passes, left, parts)
                return joined(parts)
            begin = cut - len(left)
        begin = self._run(passes, data, begin, parts)
        self._keep(passes, data[begin:], parts)
        return joined(parts)

    def close(self) -> Columns:
        """Return what an unended last line says, and set aside every multipart message that stayed open."""
        rest, self._rest = self._rest, b""
        read = columns_of(self._careful.feed(rest)) if self._passes is None else self._carefully(self._passes, rest)
        last = columns_of(self._careful.close())
        if self._passes is not None:
            self._passes.follow(self._careful.lines)
        return joined([read, last])

    def _begin(self, size: int) -> Passes | None:
        """Return the passes if there are some by now, which then take over from the careful reader."""
        self._seen += size
        self._passes = self._ask() if self._seen >= self._worth else None
        if self._passes is not None:
            self._rest = self._careful.lines.take_rest()
            self._passes.follow(self._careful.lines)
        return self._passes

    def _run(self, passes: Passes, data: bytes, begin: int, parts: list[Columns]) -> int:
        """Read the whole lines from `begin` on, add what they say to `parts`, and return how far it came."""
        last = data.rfind(b"\n") + 1
        while begin < last:
            end = data.rfind(b"\n", begin, begin + CHUNK_BYTES) + 1 or data.index(b"\n", begin) + 1
            used = passes.run(data, begin, end)
            parts.append(passes.columns())
            slow = passes.slow_lines()
            if slow:
                items: list[AisMessage | Rejected] = []
                for start, eol, number, announced, keep in slow:
                    self._careful.lines.resume(number, announced, keep=keep)
                    items += self._careful.feed(data[begin + start : begin + eol + 1])
                self._careful.lines.resume(passes.lines, None, keep=passes.lent)
                passes.follow(self._careful.lines)
                parts.append(columns_of(items))
            begin += used
            if not used or begin == end == last:
                break
        return begin

    def _carefully(self, passes: Passes, data: bytes) -> Columns:
        """Return what the careful reader makes of bytes that come next."""
        announced, keep = passes.take_wrapper()
        self._careful.lines.resume(passes.lines, announced, keep=keep)
        read = columns_of(self._careful.feed(data))
        passes.follow(self._careful.lines)
        return read

    def _keep(self, passes: Passes, rest: bytes, parts: list[Columns]) -> None:
        """Hold what is not a whole line yet, with the first half of a message before it; what grows too long is set aside now."""
        if len(rest) > _MOST_HELD:
            parts.append(self._carefully(passes, rest))
        else:
            self._rest = rest
