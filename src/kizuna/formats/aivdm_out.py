"""AIS messages out.

Scaled integers in, AIVDM sentences with checksums and TAG blocks out (ITU-R M.1371-5, IEC 61162-1).

The inverse of `kizuna.formats.ais` for the types that the traffic generator and the re-emitter send: 1 and 18
(positions), 5 and 24 (static data). Values go to the wire as they are; None becomes "not available".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kizuna.errors import RecordError
from kizuna.formats.nmea_tag import make_tag, xor_checksum

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_CHARS = 56
"""Payload characters in one sentence, so that no line passes the 82 characters of IEC 61162-1."""

_ARMOUR = "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW`abcdefghijklmnopqrstuvw"
_SIXBIT = "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_ !\"#$%&'()*+,-./0123456789:;<=>?"
_NO_LON = 181 * 600_000
_NO_LAT = 91 * 600_000
_NO_TURN = 0x80  # rate of turn not available

Payload = tuple[str, int]
"""The armoured characters and the number of fill bits."""


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One position as it goes on the air; None means not available."""

    mmsi: int
    lon_600000: int | None
    lat_600000: int | None
    speed_dkn: int | None
    course_ddeg: int | None
    heading_deg: int | None
    second: int
    """UTC second of the fix; 60 where that is not known."""


def position_a(fix: Fix, nav_status: int | None) -> Payload:
    """Return a class A position report, type 1."""
    return _armour(
        [
            (1, 6),
            (0, 2),
            (fix.mmsi, 30),
            (_or(nav_status, 15), 4),
            (_NO_TURN, 8),
            *_motion(fix),
            (0, 2 + 3 + 1 + 19),
        ]
    )


def position_b(fix: Fix) -> Payload:
    """Return a class B position report, type 18, of a carrier-sense unit."""
    return _armour(
        [
            (18, 6),
            (0, 2),
            (fix.mmsi, 30),
            (0, 8),
            *_motion(fix),
            (0, 2),
            (1, 1),  # carrier sense
            (0, 6),
            (1, 1),  # communication state follows the carrier-sense form
            (0b1100000000000000110, 20),
        ]
    )


def _motion(fix: Fix) -> list[tuple[int, int]]:
    """Return the fields from speed to second, which classes A and B have in the same order."""
    return [
        (_or(fix.speed_dkn, 1023), 10),
        (0, 1),
        (_or(fix.lon_600000, _NO_LON), 28),
        (_or(fix.lat_600000, _NO_LAT), 27),
        (_or(fix.course_ddeg, 3600), 12),
        (_or(fix.heading_deg, 511), 9),
        (fix.second, 6),
    ]


def static_a(
    *,
    mmsi: int,
    imo_no: int | None,
    callsign: str,
    name: str,
    ship_type: int,
    length_m: int,
    beam_m: int,
    draught_dm: int,
    destination: str,
    eta: tuple[int, int, int, int] = (0, 0, 24, 60),
) -> Payload:
    """Return static and voyage data of class A, type 5; the antenna stands amidships.

    `eta` is month, day, hour, minute.
    """
    month, day, hour, minute = eta
    return _armour(
        [
            (5, 6),
            (0, 2),
            (mmsi, 30),
            (0, 2),
            (_or(imo_no, 0), 30),
            *_text(callsign, 7),
            *_text(name, 20),
            (ship_type, 8),
            *_size(length_m, beam_m),
            (1, 4),  # fixed by GPS
            (month, 4),
            (day, 5),
            (hour, 5),
            (minute, 6),
            (draught_dm, 8),
            *_text(destination, 20),
            (0, 2),
        ]
    )


def static_b(*, mmsi: int, name: str, callsign: str, ship_type: int, length_m: int, beam_m: int) -> list[Payload]:
    """Return both parts, A and B, of the static data of class B, type 24."""
    head = [(24, 6), (0, 2), (mmsi, 30)]
    part_a = [*head, (0, 2), *_text(name, 20), (0, 8)]
    part_b = [*head, (1, 2), (ship_type, 8), (0, 42), *_text(callsign, 7), *_size(length_m, beam_m), (0, 6)]
    return [_armour(part_a), _armour(part_b)]


def sentences(
    payload: Payload,
    *,
    talker: str = "AI",
    channel: str = "A",
    sequence: int = 0,
    received_ms: int | None = None,
    station: str = "",
    line_no: int | None = None,
) -> list[bytes]:
    r"""Return the sentences of one message, each ended by CR LF.

    Args:
        payload: the characters and fill bits.
        talker: two letters.
        channel: `A` or `B`.
        sequence: joins the parts of a message of several sentences, 0 to 9; also the group id of the TAG
            blocks.
        received_ms: with it each sentence has a TAG block with this time, in milliseconds UTC.
        station: the receiver's name in the TAG block.
        line_no: the number of the first sentence in the TAG block; its successors count on.
    """
    armoured, fill_bits = payload
    parts = [armoured[i : i + MAX_CHARS] for i in range(0, len(armoured), MAX_CHARS)]
    total = len(parts)
    out: list[bytes] = []
    for number, part in enumerate(parts, start=1):
        joined = str(sequence % 10) if total > 1 else ""
        fill = fill_bits if number == total else 0
        body = f"{talker}VDM,{total},{number},{joined},{channel},{part},{fill}".encode("ascii")
        tag = b""
        if received_ms is not None:
            group = (number, total, sequence) if total > 1 else None
            count = None if line_no is None else line_no + number - 1
            tag = make_tag(received_ms=received_ms, station=station, group=group, line_no=count)
        out.append(b"%s!%s*%02X\r\n" % (tag, body, xor_checksum(body)))
    return out


def sixbit(text: str, chars: int) -> str:
    """Return text as the six-bit alphabet can say it, at most `chars` long: in capitals, a space for what it has no sign for."""
    return "".join([char if char in _SIXBIT and char != "@" else " " for char in text.upper()[:chars]]).rstrip()


def _or(value: int | None, missing: int) -> int:
    return missing if value is None else value


def _size(length_m: int, beam_m: int) -> list[tuple[int, int]]:
    return [
        (length_m - length_m // 2, 9),
        (length_m // 2, 9),
        (beam_m - beam_m // 2, 6),
        (beam_m // 2, 6),
    ]


def _text(text: str, chars: int) -> list[tuple[int, int]]:
    codes = [_SIXBIT.find(char) for char in text[:chars]]
    if -1 in codes:
        raise RecordError(f"text `{text}` has a character outside the AIS six-bit alphabet: use capitals")
    return [(code, 6) for code in codes + [0] * (chars - len(codes))]


def _armour(fields: Iterable[tuple[int, int]]) -> Payload:
    """Return the fields, each a value and its width in bits, as six-bit characters."""
    value = length = 0
    for number, width in fields:
        if not -(1 << (width - 1)) <= number < 1 << width:
            raise RecordError(f"value `{number}` does not fit the {width} bits of its AIS field")
        value = value << width | number & ((1 << width) - 1)
        length += width
    fill_bits = -length % 6
    value <<= fill_bits
    shifts = range(length + fill_bits - 6, -1, -6)
    return "".join([_ARMOUR[value >> shift & 63] for shift in shifts]), fill_bits
