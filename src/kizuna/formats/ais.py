"""AIS messages (ITU-R M.1371-5): payload bits in, plain frozen reports out.

Numbers stay the scaled integers that were on the air (1/600000 degree, tenths of a knot and of a degree);
what the standard calls "not available" is None. Position and static reports are read straight from the
bits; every other type is handed to `pyais` for judgement and only counted. Sentences are the business of
`kizuna.formats.nmea`, writing that of `kizuna.formats.aivdm_out`.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from kizuna.formats.nmea import AisLineReader, AisPayload, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DEGREE = 600_000
"""Units of a degree in `lon_600000` and `lat_600000`."""

_ARMOUR = bytes((*range(48, 88), *range(96, 120)))
"""The 64 characters that may stand in a payload (IEC 61162-1 table of six-bit field characters)."""

_TO_BASE64 = bytes.maketrans(_ARMOUR, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_SIXBIT = "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_ !\"#$%&'()*+,-./0123456789:;<=>?"
"""The text alphabet of ITU-R M.1371-5 table 47."""

_TYPE_END = 6
_MMSI_END = 38
_NO_HEADING = 360
_NO_COURSE_DDEG = 3600
_NO_SPEED = 1023
_NO_NAV_STATUS = 15
_END_OF_24B_SIZE = 162
_AUXILIARY_CRAFT = 98  # leading digits of the MMSI of a craft that gives its mother ship in place of dimensions


class PositionReport(msgspec.Struct, frozen=True, gc=False):
    """Where a station says that it is."""

    mmsi: int
    msg_type: int
    received_ms: int | None
    """Receive time, milliseconds UTC, as the feed gave it; None where it gave none."""
    lon_600000: int | None
    """Longitude east, 1/600000 degree; None together with the latitude."""
    lat_600000: int | None
    speed_dkn: int | None
    """Speed over ground, tenths of a knot; 1022 (types 1-3, 18, 19) means that or more."""
    course_ddeg: int | None
    """Course over ground, tenths of a degree."""
    heading_deg: int | None
    nav_status: int | None
    """Navigational status 0 to 14; class B and aids have none."""
    station: str | None
    """The receiver as named by the feed."""


class StaticReport(msgspec.Struct, frozen=True, gc=False):
    """What a station says that it is; parts A and B of type 24 each fill what they carry."""

    mmsi: int
    msg_type: int
    received_ms: int | None
    imo_no: int | None
    name: str | None
    callsign: str | None
    ship_type: int | None
    length_m: int | None
    beam_m: int | None
    draught_dm: int | None
    destination: str | None
    eta: tuple[int, int, int, int] | None
    """Month, day, hour, minute as sent; 0, 0, 24, 60 stand for "not available" one by one."""
    station: str | None


class AisMessage(msgspec.Struct, frozen=True, gc=False):
    """One message.

    Its type and, where it has one, its position and its static data (type 19 and 21 have both).
    """

    msg_type: int
    mmsi: int | None
    """None where the payload ends before it."""
    received_ms: int | None
    own_ship: bool
    position: PositionReport | None
    static: StaticReport | None


class _Bits:
    """The bits of one payload as one large integer, and where they came from.

    Readers ask only for bits that exist: `decode` has compared the length with what the reader needs.
    """

    __slots__ = ("length", "mmsi", "msg_type", "payload", "value")

    def __init__(self, payload: AisPayload) -> None:
        armoured = payload.payload
        # six-bit armour is base64 in another alphabet, so that the repacking can run in C
        surplus = -len(armoured) & 3
        packed = b64decode(armoured.translate(_TO_BASE64) + b"A" * surplus)
        self.value = int.from_bytes(packed, "big") >> (6 * surplus + payload.fill_bits)
        self.length = 6 * len(armoured) - payload.fill_bits
        self.payload = payload
        self.msg_type = self.num(0, 6) if self.length >= _TYPE_END else self.value
        self.mmsi = self.num(8, 30) if self.length >= _MMSI_END else 0

    def num(self, at: int, width: int) -> int:
        """Return the unsigned integer of `width` bits from bit `at`."""
        return (self.value >> (self.length - at - width)) & ((1 << width) - 1)

    def signed(self, at: int, width: int) -> int:
        """Return the two's complement integer of `width` bits from bit `at`."""
        sign = 1 << (width - 1)
        return (((self.value >> (self.length - at - width)) & ((1 << width) - 1)) ^ sign) - sign

    def text(self, at: int, width: int) -> str:
        """Return the six-bit text without its filling.

        Bits beyond the end of a short message read as filling.
        """
        width = min(width, (self.length - at) // 6 * 6)
        text = "".join([_SIXBIT[self.num(i, 6)] for i in range(at, at + width, 6)])
        return text.rstrip("@").strip()


def _position(
    bits: _Bits,
    lon_lat: tuple[int, int],
    speed_dkn: int | None,
    course_ddeg: int | None,
    heading_deg: int | None = None,
    nav_status: int | None = None,
) -> PositionReport:
    """Return the report with impossible or unavailable places and directions as None."""
    lon, lat = lon_lat
    known = -180 * DEGREE <= lon <= 180 * DEGREE and -90 * DEGREE <= lat <= 90 * DEGREE
    return PositionReport(
        bits.mmsi,
        bits.msg_type,
        bits.payload.received_ms,
        lon if known else None,
        lat if known else None,
        speed_dkn,
        course_ddeg if course_ddeg is not None and course_ddeg < _NO_COURSE_DDEG else None,
        heading_deg if heading_deg is not None and heading_deg < _NO_HEADING else None,
        nav_status if nav_status != _NO_NAV_STATUS else None,
        bits.payload.station,
    )


def _speed(raw: int) -> int | None:
    return None if raw == _NO_SPEED else raw


def _class_a(bits: _Bits) -> PositionReport:
    num = bits.num
    lon_lat = bits.signed(61, 28), bits.signed(89, 27)
    return _position(bits, lon_lat, _speed(num(50, 10)), num(116, 12), num(128, 9), num(38, 4))


def _class_b(bits: _Bits) -> PositionReport:
    num = bits.num
    lon_lat = bits.signed(57, 28), bits.signed(85, 27)
    return _position(bits, lon_lat, _speed(num(46, 10)), num(112, 12), num(124, 9))


def _base_station(bits: _Bits) -> PositionReport:
    return _position(bits, (bits.signed(79, 28), bits.signed(107, 27)), None, None)


def _aircraft(bits: _Bits) -> PositionReport:
    num = bits.num
    speed_kn = _speed(num(50, 10))  # search and rescue aircraft send whole knots
    lon_lat = bits.signed(61, 28), bits.signed(89, 27)
    return _position(bits, lon_lat, None if speed_kn is None else speed_kn * 10, num(116, 12))


def _aid(bits: _Bits) -> PositionReport:
    return _position(bits, (bits.signed(164, 28), bits.signed(192, 27)), None, None)


def _long_range(bits: _Bits) -> PositionReport:
    """Type 27 counts in 1/10 minute, whole knots and whole degrees: each converts exactly."""
    num = bits.num
    speed_kn, course_deg = num(79, 6), num(85, 9)
    return _position(
        bits,
        (bits.signed(44, 18) * 1000, bits.signed(62, 17) * 1000),
        None if speed_kn == 63 else speed_kn * 10,  # noqa: PLR2004 # table 84: not available
        course_deg * 10,
        None,
        num(40, 4),
    )


def _static(bits: _Bits, **fields: Any) -> StaticReport:
    """Return the report; zero and empty text are the standard's "not available"."""
    given = dict.fromkeys(StaticReport.__struct_fields__)
    given |= {name: value or None for name, value in fields.items()}
    given |= {"mmsi": bits.mmsi, "msg_type": bits.msg_type}
    given |= {"received_ms": bits.payload.received_ms, "station": bits.payload.station}
    return StaticReport(**given)  # type: ignore[arg-type] # a dict of mixed values


def _size(bits: _Bits, at: int) -> dict[str, int]:
    num = bits.num
    return {
        "length_m": num(at, 9) + num(at + 9, 9),
        "beam_m": num(at + 18, 6) + num(at + 24, 6),
    }


def _voyage(bits: _Bits) -> StaticReport:
    num, text = bits.num, bits.text
    eta = num(274, 4), num(278, 5), num(283, 5), num(288, 6)
    return _static(
        bits,
        imo_no=num(40, 30),
        callsign=text(70, 42),
        name=text(112, 120),
        ship_type=num(232, 8),
        draught_dm=num(294, 8),
        destination=text(302, 120),
        eta=None if eta == (0, 0, 24, 60) else eta,
        **_size(bits, 240),
    )


def _extended_class_b(bits: _Bits) -> StaticReport:
    return _static(bits, name=bits.text(143, 120), ship_type=bits.num(263, 8), **_size(bits, 271))


def _aid_static(bits: _Bits) -> StaticReport:
    return _static(bits, name=bits.text(43, 120), **_size(bits, 219))


def _static_part(bits: _Bits) -> StaticReport:
    if bits.num(38, 2) == 0:
        return _static(bits, name=bits.text(40, 120))
    no_size = bits.mmsi // 10**7 == _AUXILIARY_CRAFT or bits.length < _END_OF_24B_SIZE
    size = {} if no_size else _size(bits, 132)
    return _static(bits, ship_type=bits.num(40, 8), callsign=bits.text(90, 42), **size)


_POSITIONS: dict[int, tuple[int, Callable[[_Bits], PositionReport]]] = {
    1: (137, _class_a),
    2: (137, _class_a),
    3: (137, _class_a),
    4: (134, _base_station),
    9: (128, _aircraft),
    18: (133, _class_b),
    19: (133, _class_b),
    21: (219, _aid),
    27: (94, _long_range),
}
"""Message type to the bits that the report needs and its reader."""

_STATICS: dict[int, tuple[int, Callable[[_Bits], StaticReport]]] = {
    5: (302, _voyage),
    19: (301, _extended_class_b),
    21: (249, _aid_static),
    24: (160, _static_part),
}

_TWO_PARTS = 24
KNOWN_TYPES = range(29)
"""The message types of which `pyais` knows a layout."""
_PARTS_OF_24 = 2  # parts A and B; the numbers 2 and 3 are not defined


def decode(payload: AisPayload) -> AisMessage | Rejected:
    """Return the message in `payload`, or why it is set aside: `checksum`, `payload` or `unsupported-type`.

    A message too short for its reports is counted by its type and carries none of them.
    """
    armoured = payload.payload
    if not armoured or armoured.translate(None, _ARMOUR):
        return Rejected("payload" if payload.checksum_ok else "checksum", payload.raw)
    bits = _Bits(payload)
    msg_type = bits.msg_type
    reason = None if payload.checksum_ok else "checksum"
    if reason is None and msg_type not in KNOWN_TYPES:
        reason = "unsupported-type"
    position = _POSITIONS.get(msg_type)
    static = _STATICS.get(msg_type)
    if reason is None and not position and (not static or msg_type == _TWO_PARTS):
        reason = _judge(bits)
    if reason is not None:
        return Rejected(reason, payload.raw, msg_type)
    return AisMessage(
        msg_type,
        bits.mmsi if bits.length >= _MMSI_END else None,
        payload.received_ms,
        payload.own_ship,
        position[1](bits) if position and bits.length >= position[0] else None,
        static[1](bits) if static and bits.length >= static[0] else None,
    )


def _judge(bits: _Bits) -> str | None:
    """Return why `pyais` cannot read a message that we only count, None when it can."""
    if bits.msg_type == _TWO_PARTS and bits.length >= _STATICS[24][0]:
        return None if bits.num(38, 2) < _PARTS_OF_24 else "payload"
    from pyais.bit_vector import int_bit_vector  # noqa: PLC0415 # a fifth of a second that only rare types need
    from pyais.exceptions import AISBaseException  # noqa: PLC0415 # the same
    from pyais.messages import MSG_CLASS  # noqa: PLC0415 # the same

    try:
        vector = int_bit_vector(bits.payload.payload, bits.payload.fill_bits)
        MSG_CLASS[bits.msg_type].from_vector(vector)
    except (AISBaseException, ArithmeticError, LookupError, TypeError, ValueError):
        return "payload"  # a binary message that lies about its own layout
    return None


class AisCounts(msgspec.Struct):
    """What went through a reader."""

    lines: int = 0
    not_ais: int = 0
    """NMEA sentences of other kinds."""
    messages_by_type: Counter[int] = msgspec.field(default_factory=Counter)
    """Messages read, by type."""
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    """What was set aside, by reason."""
    checksum_failed_by_type: Counter[int] = msgspec.field(default_factory=Counter)
    """The types that messages with a wrong or missing checksum claimed.

    They are in `rejected`, never in `messages_by_type`.
    """

    def readable_by_type(self) -> Counter[int]:
        """Return the messages that can be read, whatever their checksum says.

        What `pyais` counts, which does not judge checksums.
        """
        return self.messages_by_type + self.checksum_failed_by_type


class AisReader:
    """Bytes in chunks of any border to messages and what was set aside, counting both.

    Holds little: see `AisLineReader`.
    """

    def __init__(self) -> None:
        self._reader = AisLineReader()
        self.counts = AisCounts()

    def feed(self, data: bytes) -> list[AisMessage | Rejected]:
        """Return what the lines completed by `data` say, in their order; never raises for what is in them."""
        return self._decode(self._reader.feed(data))

    def close(self) -> list[AisMessage | Rejected]:
        """Return what an unended last line says and every multipart message that stayed open."""
        return self._decode(self._reader.close())

    @property
    def lines(self) -> AisLineReader:
        """The reader of the lines."""
        return self._reader

    def _decode(self, items: Iterable[AisPayload | Rejected]) -> list[AisMessage | Rejected]:
        out: list[AisMessage | Rejected] = []
        counts = self.counts
        for item in items:
            result = decode(item) if type(item) is AisPayload else item
            if type(result) is AisMessage:
                counts.messages_by_type[result.msg_type] += 1
            elif type(result) is Rejected:
                counts.rejected[result.reason] += 1
                if result.reason == "checksum" and result.msg_type is not None:
                    counts.checksum_failed_by_type[result.msg_type] += 1
            out.append(result)  # type: ignore[arg-type] # payloads have become messages above
        counts.lines, counts.not_ais = self._reader.lines, self._reader.not_ais
        return out
