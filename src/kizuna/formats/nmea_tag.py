"""NMEA 0183 4.10 TAG blocks: receive time, source and group of the sentence that follows.

Leaves sentences and assembly to `kizuna.formats.nmea`.
"""

from __future__ import annotations

import msgspec

_MILLISECONDS_FROM = 10**11
"""A `c:` value above this is in milliseconds: as seconds it would lie beyond the year 5000."""

_MAX_TIME_DIGITS = 13
_FOLDS = (4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8)
_SHORT_FOLDS = (512, 256, 128, 64, 32, 16, 8)
_SHORT_BYTES = 128
_HEX = {form % n: n for form in (b"%X", b"%x", b"%02X", b"%02x") for n in range(256)}
"""One or two digits: some writers drop the leading zero."""


class Tag(msgspec.Struct, frozen=True, gc=False):
    """What a TAG block, a wrapper or a suffix says about one sentence."""

    received_ms: int | None
    """Receive time, milliseconds UTC."""
    station: str | None
    """The receiver's name."""
    group: str | None
    """The id of the group of sentences that belong together, from `g:n-total-id`."""
    group_first: bool = False
    """Whether this is the group's first sentence; only that one carries time and station for all."""
    group_last: bool = False
    """Whether this is the group's last sentence, after which the group is closed."""

    @property
    def stream(self) -> bytes:
        """Return what tells apart multipart messages that share a sequence id.

        The group, else the station.
        """
        if self.group is not None:
            return b"g" + self.group.encode()
        return b"s" + self.station.encode() if self.station else b""


NO_TAG = Tag(None, None, None)


def xor_checksum(data: bytes) -> int:
    """Return the exclusive or of all bytes of `data` (at most 1,024), the checksum of NMEA 0183.

    Folding one large integer onto itself takes ten steps in C instead of a Python step for each byte.
    """
    value = int.from_bytes(data, "big")
    for shift in _SHORT_FOLDS if len(data) <= _SHORT_BYTES else _FOLDS:
        value ^= value >> shift
    return value & 0xFF


def parse_tag(block: bytes) -> Tag | None:
    """Return the content of a TAG block without its backslashes, None when its checksum or form is wrong.

    Unknown and unreadable fields are skipped: the block only tells about the sentence, which stands for
    itself.
    """
    body, star, tail = block.rpartition(b"*")
    if not star or not block.isascii() or _HEX.get(tail) != xor_checksum(body):
        return None
    received_ms: int | None = None
    station: str | None = None
    group: str | None = None
    group_first = group_last = False
    for field in body.split(b","):
        code, value = field[:2], field[2:]
        if code == b"c:":
            received_ms = parse_time(value)
        elif code == b"s:":
            station = value.decode("ascii") or None
        elif code == b"g:":
            group = value.rpartition(b"-")[2].decode("ascii") or None
            number, _, others = value.partition(b"-")
            group_first, group_last = number == b"1", number == others.partition(b"-")[0]
    return Tag(received_ms, station, group, group_first, group_last)


def parse_time(value: bytes) -> int | None:
    """Return a `c:` value as milliseconds UTC: it may be in seconds or in milliseconds.

    None when it is no number.
    """
    if not value.isdigit() or len(value) > _MAX_TIME_DIGITS:
        return None
    number = int(value)
    return number if number >= _MILLISECONDS_FROM else number * 1000


def make_tag(
    *, received_ms: int, station: str, group: tuple[int, int, int] | None = None, line_no: int | None = None
) -> bytes:
    r"""Return a TAG block with its backslashes.

    `\s:station,c:milliseconds*hh\`, with `g:` first where a group is given, and `n:` last where lines are counted.
    """
    fields = [b"g:%d-%d-%d" % group] if group else []
    fields += [b"s:" + station.encode("ascii"), b"c:%d" % received_ms]
    fields += [b"n:%d" % line_no] if line_no is not None else []
    body = b",".join(fields)
    return b"\\%s*%02X\\" % (body, xor_checksum(body))
