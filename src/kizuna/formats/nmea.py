"""NMEA 0183 lines that carry AIS: bytes in, assembled AIS payloads out.

This module splits lines, judges checksums, reads TAG blocks, receive times and stations, and joins multipart
messages. What is wrong is set aside under one of `REASONS` and never raised: a feed has bad sentences as the
sea has waves. What the payload's bits mean is told by `kizuna.formats.ais`; opening and unpacking files is
done by the caller (`kizuna.formats.opening` helps).

Sources: IEC 61162-1 (sentences), NMEA 0183 4.10 section 7 (TAG blocks), the Gatehouse `$PGHP` wrapper and
the USCG suffix as their users publish them.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from kizuna.formats.nmea_tag import NO_TAG, Tag, parse_tag, xor_checksum

MAX_LINE_BYTES = 1024
"""A longer line is set aside as `too-long`; TAG block and sentence together stay far below it."""

MAX_PAYLOAD_CHARS = 200
"""Payload characters in one sentence; IEC 61162-1 permits 62, real feeds a few more."""

MAX_PENDING = 512
"""Multipart messages held open at once; the oldest is set aside first."""

MAX_AGE_LINES = 4096
"""A multipart message is given up when this many lines have passed since its first sentence."""

MAX_AGE_MS = 60_000
"""A multipart message is given up when its sentences lie further apart in receive time."""

REASONS = frozenset(
    {
        "checksum",
        "malformed",
        "tag-checksum",
        "incomplete-multipart",
        "payload",
        "too-long",
        "unsupported-type",
    }
)
"""Why something was set aside: a closed list, used as counter names."""

_EPOCH_YEAR = 1970
_HASH, _BACKSLASH = b"#\\"
_HEX = {b"%02X" % n: n for n in range(256)} | {b"%02x" % n: n for n in range(256)}
_DIGIT = {b"%d" % n: n for n in range(1, 10)}
_FILL = {b"": 0, b"0": 0, b"1": 1, b"2": 2, b"3": 3, b"4": 4, b"5": 5}


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """One thing that was set aside.

    A message that failed its checksum still says which type it would have been.
    """

    reason: str
    """One of `REASONS`."""
    raw: bytes
    """The line, the TAG block, or the lines of the message joined by a newline."""
    msg_type: int | None = None
    """The message type (ITU-R M.1371) where the payload could be read, else None."""


class AisPayload(msgspec.Struct, frozen=True, gc=False):
    """One assembled AIS message, still armoured in six-bit characters."""

    payload: bytes
    """The armoured characters of all parts."""
    fill_bits: int
    """Bits of the last character that are padding, 0 to 5."""
    received_ms: int | None
    """Receive time in milliseconds UTC as the feed gives it, None where it gives none."""
    station: str | None
    """The receiver that the feed names (TAG `s:` or the suffix column)."""
    talker: str
    """Two letters, `AI` for a mobile station, `BS` for a base station."""
    own_ship: bool
    """True for VDO: what the receiver's own vessel sent."""
    channel: str
    """Radio channel as written, `A`, `B`, `1`, `2` or empty."""
    checksum_ok: bool
    """False when any part failed its checksum; such a message is for counting, never for use."""
    raw: bytes
    """The lines as received, joined by a newline."""


class _Part(msgspec.Struct, gc=False):
    """One sentence: its fields, and what its line says about time and place."""

    total: int
    number: int
    sequence: bytes
    channel: bytes
    payload: bytes
    fill_bits: int
    talker: bytes
    """The first field, `!AIVDM`."""
    checksum: int
    checksum_ok: bool
    tag: Tag
    raw: bytes
    wrapper: tuple[int, int] | None = None
    """Receive time and announced checksum of the `$PGHP` sentence before this one."""


class _Pending(msgspec.Struct):
    parts: list[_Part]
    line_no: int


class AisLineReader:
    """Takes bytes in chunks of any border and gives assembled payloads and what was set aside.

    The buffer never holds more than `MAX_LINE_BYTES` and the table of open multipart messages never more than
    `MAX_PENDING`.
    """

    def __init__(self) -> None:
        self.lines = 0
        """Lines seen, blank ones and comments included."""
        self.not_ais = 0
        """Well-formed NMEA sentences of other kinds; ignored, but counted."""
        self._rest = b""
        self._skipping = False
        self._wrapper: tuple[int, int] | None = None
        self._pending: dict[tuple[bytes, ...], _Pending] = {}
        self._groups: dict[str, Tag] = {}

    def feed(self, data: bytes) -> list[AisPayload | Rejected]:
        """Return what the lines completed by `data` give, in their order."""
        out: list[AisPayload | Rejected] = []
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if self._skipping:
                self._skipping = False
            else:
                self._line(line, out)
        if len(self._rest) > MAX_LINE_BYTES:
            if not self._skipping:
                self._line(self._rest, out)
            self._rest = b""
            self._skipping = True
        return out

    def close(self) -> list[AisPayload | Rejected]:
        """Return what an unended last line gives, then every message still open as `incomplete-multipart`."""
        out: list[AisPayload | Rejected] = []
        rest, self._rest = self._rest, b""
        if rest and not self._skipping:
            self._line(rest, out)
        out += [_incomplete(pending) for pending in self._pending.values()]
        self._pending.clear()
        self._skipping = False
        return out

    def take_rest(self) -> bytes:
        """Return the bytes of an unended line that are held, and hold them no more."""
        rest, self._rest = self._rest, b""
        return rest

    @property
    def skipping(self) -> bool:
        """Whether all is passed over up to the end of a line that was too long."""
        return self._skipping

    def resume(self, lines: int, announced: tuple[int, int] | None, *, keep: bool) -> None:
        """Go on after `lines` lines, of which others were read elsewhere; `announced` is the wrapper before the next one unless ours is to `keep`."""
        self.lines = lines
        if not keep:
            self._wrapper = announced

    @property
    def remembers(self) -> bool:
        """Whether a wrapper waits for its sentence."""
        return self._wrapper is not None

    def open_groups(self) -> list[str]:
        """Return the ids of the groups of which the last sentence has not come."""
        return list(self._groups)

    def open_messages(self) -> list[tuple[bytes, bytes, bytes, int]]:
        """Return of each message whose last sentence has not come its sequence, channel and `Tag.stream`, and the line that began it, from 1."""
        return [(key[0], key[1], key[-1], pending.line_no) for key, pending in self._pending.items()]

    def _line(self, line: bytes, out: list[AisPayload | Rejected]) -> None:
        self.lines += 1
        if len(line) > MAX_LINE_BYTES:
            out.append(Rejected("too-long", line[:MAX_LINE_BYTES]))
            return
        line = line.strip()
        if not line or line[0] == _HASH:
            return
        sentence, tag = line, NO_TAG
        if line[0] == _BACKSLASH:
            block, closed, sentence = line[1:].partition(b"\\")
            if not closed:
                out.append(Rejected("malformed", line))
                return
            parsed = parse_tag(block)
            if parsed is None:
                out.append(Rejected("tag-checksum", block))
            else:
                tag = parsed if parsed.group is None else self._inherit(parsed, parsed.group)
        self._sentence(sentence, tag, line, out)

    def _inherit(self, tag: Tag, group: str) -> Tag:
        """Complete a group's later block from its first one: only the first carries time and source."""
        if tag.group_first:
            self._groups.pop(group, None)
            if tag.group_last:
                return tag
            if len(self._groups) >= MAX_PENDING:
                del self._groups[next(iter(self._groups))]
            self._groups[group] = tag
            return tag
        first = self._groups.pop(group, NO_TAG) if tag.group_last else self._groups.get(group, NO_TAG)
        received_ms = first.received_ms if tag.received_ms is None else tag.received_ms
        return Tag(received_ms, tag.station or first.station, group)

    def _sentence(self, sentence: bytes, tag: Tag, line: bytes, out: list[AisPayload | Rejected]) -> None:
        kind = sentence[3:6]
        if sentence[:1] != b"!" or kind not in (b"VDM", b"VDO") or sentence[6:7] != b",":
            if sentence[:6] == b"$PGHP,":
                self._wrapper = _wrapper_time(sentence)
            elif sentence[:1] in (b"$", b"!") and b"," in sentence:
                self.not_ais += 1
            elif sentence:
                out.append(Rejected("malformed", line))
            return
        part = _parse_part(sentence, tag, line)
        if isinstance(part, Rejected):
            out.append(part)
            return
        part.wrapper, self._wrapper = self._wrapper, None
        if part.total == 1:
            out.append(_single(part))
        else:
            self._assemble(part, out)

    def _assemble(self, part: _Part, out: list[AisPayload | Rejected]) -> None:
        self._age_out(out)
        plain = (part.sequence, part.channel, part.talker, b"%d" % part.total)
        key: tuple[bytes, ...] = (*plain, part.tag.stream)
        if part.number == 1:
            if (replaced := self._pending.pop(key, None)) is not None:
                out.append(_incomplete(replaced))
            if len(self._pending) >= MAX_PENDING:
                out.append(_incomplete(self._pending.pop(next(iter(self._pending)))))
            self._pending[key] = _Pending([part], self.lines)
            return
        if key not in self._pending:
            # one of the lines came without its TAG block: the newest open message of that sequence is the
            # best guess
            key = next((k for k in reversed(self._pending) if k[:-1] == plain and _loose(k, key)), key)
        pending = self._pending.get(key)
        if pending is None or part.number != len(pending.parts) + 1 or _apart(pending.parts[0], part):
            out.append(Rejected("incomplete-multipart", part.raw))
            return
        pending.parts.append(part)
        if part.number == part.total:
            del self._pending[key]
            out.append(_joined(pending.parts))

    def _age_out(self, out: list[AisPayload | Rejected]) -> None:
        oldest = self.lines - MAX_AGE_LINES
        while self._pending:
            key = next(iter(self._pending))
            if self._pending[key].line_no >= oldest:
                return
            out.append(_incomplete(self._pending.pop(key)))


def _loose(a: tuple[bytes, ...], b: tuple[bytes, ...]) -> bool:
    return not a[-1] or not b[-1]


def _apart(first: _Part, part: _Part) -> bool:
    start, end = first.tag.received_ms, part.tag.received_ms
    return start is not None and end is not None and abs(end - start) > MAX_AGE_MS


def _incomplete(pending: _Pending) -> Rejected:
    return Rejected("incomplete-multipart", b"\n".join(part.raw for part in pending.parts))


def _single(part: _Part) -> AisPayload:
    """Return the payload of a message of one sentence."""
    return AisPayload(
        part.payload,
        part.fill_bits,
        part.tag.received_ms if part.wrapper is None else _received_ms(part, [part]),
        part.tag.station,
        part.talker[1:3].decode("ascii"),
        part.talker[5:] == b"O",
        part.channel.decode("ascii"),
        part.checksum_ok,
        part.raw,
    )


def _joined(parts: list[_Part]) -> AisPayload:
    """Return one payload; time and station are the first sentence's, for later ones often carry none."""
    return msgspec.structs.replace(
        _single(parts[0]),
        payload=b"".join([part.payload for part in parts]),
        fill_bits=parts[-1].fill_bits,
        received_ms=_received_ms(parts[0], parts),
        checksum_ok=all(part.checksum_ok for part in parts),
        raw=b"\n".join([part.raw for part in parts]),
    )


def _received_ms(first: _Part, parts: list[_Part]) -> int | None:
    """Return the receive time of the first sentence, from its own line or from the wrapper before it.

    The wrapper repeats the checksum of what follows (of several sentences: their exclusive or; zero: not
    told), so that a lost line cannot shift the times.
    """
    if first.tag.received_ms is not None or first.wrapper is None:
        return first.tag.received_ms
    received_ms, announced = first.wrapper
    followed = 0
    for part in parts:
        followed ^= part.checksum
    return received_ms if announced in (0, followed) else None


def _parse_part(sentence: bytes, tag: Tag, line: bytes) -> _Part | Rejected:
    """Return the fields of one VDM or VDO sentence.

    `!AIVDM,total,number,sequence,channel,payload,fill*hh[,suffix]`.
    """
    if not sentence.isascii():
        return Rejected("malformed", line)
    body, star, tail = sentence.partition(b"*")
    fields = body.split(b",")
    if len(fields) != 7:  # noqa: PLR2004 # the seven fields above
        return Rejected("malformed", line)
    talker, total_field, number_field, sequence, channel, payload, fill_field = fields
    total, number = _DIGIT.get(total_field), _DIGIT.get(number_field)
    fill_bits = _FILL.get(fill_field) if star else 0  # without its checksum the end of the line is in doubt
    if total is None or number is None or number > total or fill_bits is None:
        return Rejected("malformed", line)
    if len(payload) > MAX_PAYLOAD_CHARS:
        return Rejected("too-long", line)
    if len(tail) > 2:  # noqa: PLR2004 # two hexadecimal digits
        tag = _with_suffix(tag, tail[2:])
    checksum = xor_checksum(body[1:])
    ok = checksum == _HEX.get(tail[:2])
    return _Part(total, number, sequence, channel, payload, fill_bits, talker, checksum, ok, tag, line)


def _with_suffix(tag: Tag, suffix: bytes) -> Tag:
    """Return `tag` completed from the columns after the checksum.

    `,r003669945,1085889681` (USCG), others skipped.
    """
    station, received_ms = tag.station, tag.received_ms
    found = False
    for column in suffix.split(b",")[1:]:
        if column[:1] in (b"r", b"b") and column[1:].isalnum() and not found:
            station = station or column.decode("ascii")
            found = True
        elif column.isdigit() and 9 <= len(column) <= 10 and received_ms is None:  # noqa: PLR2004 # digits of Unix seconds since 1973
            received_ms = int(column) * 1000
    return Tag(received_ms, station, tag.group)


def _wrapper_time(sentence: bytes) -> tuple[int, int] | None:
    """Return the receive time of a Gatehouse `$PGHP` sentence and the checksum of the sentence after it."""
    body, star, tail = sentence[1:].partition(b"*")
    if not star or _HEX.get(tail[:2]) != xor_checksum(body):
        return None
    fields = body.split(b",")
    if len(fields) < 9:  # noqa: PLR2004 # PGHP, type and the seven of the time
        return None
    try:
        year, month, day, hour, minute, second, milli = (int(field) for field in fields[2:9])
        at = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except (OverflowError, ValueError):  # the former for a number of more than nine digits
        return None
    if year < _EPOCH_YEAR or not 0 <= milli < 1000:  # noqa: PLR2004 # milliseconds of a second
        return None
    return int(at.timestamp()) * 1000 + milli, _HEX.get(fields[-1], 0)
