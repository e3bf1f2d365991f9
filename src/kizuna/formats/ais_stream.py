"""AIS as JSON messages over a WebSocket, in the form that aisstream.io publishes: lines of JSON in, reports out.

Each message is an envelope `MessageType, MetaData, Message`; inside stands an ITU-R M.1371 message with its fields in plain units. What cannot be
read is set aside under the reasons of `kizuna.formats.nmea` and never raised. Connecting, and who is believed, is the business of others.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from kizuna.formats.ais import AisCounts, AisMessage, PositionReport, StaticReport
from kizuna.formats.ais_tables import Columns, columns_of
from kizuna.formats.nmea import Rejected

MAX_MESSAGE_BYTES = 64 << 10
"""A longer line is set aside as `too-long`."""
TYPES = {
    "PositionReport": 1,
    "BaseStationReport": 4,
    "ShipStaticData": 5,
    "StandardSearchAndRescueAircraftReport": 9,
    "StandardClassBPositionReport": 18,
    "ExtendedClassBPositionReport": 19,
    "AidsToNavigationReport": 21,
    "StaticDataReport": 24,
    "LongRangeAisBroadcastMessage": 27,
}
"""Names of the messages that are read, and their types; of 1 to 3 the message says which."""
_CLASS_A = (1, 2, 3)
_STATIC_ONLY = frozenset({5, 24})
_WITH_STATIC = frozenset({5, 19, 24})
_DEGREE = 600_000
_MOST_MMSI = 2**30
_NO_SPEED_KN, _MOST_DKN = 102.3, 1_022
_NO_STATUS = 15
_MOST_CHARS = 20
_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))? \+0000 UTC", re.ASCII).fullmatch


class _Meta(msgspec.Struct, frozen=True):
    time_utc: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    MessageType: str
    Message: dict[str, Any]
    MetaData: _Meta = _Meta()


def subscription(key: str, boxes: Sequence[tuple[float, float, float, float]]) -> str:
    """Return what a client says within three seconds of connecting; a box is south, west, north, east in degrees, none: the earth."""
    corners = [[[south, west], [north, east]] for south, west, north, east in boxes or [(-90.0, -180.0, 90.0, 180.0)]]
    return json.dumps({"APIKey": key, "BoundingBoxes": corners, "FilterMessageTypes": sorted(TYPES)})


class StreamReader:
    """Takes bytes in chunks of any border, a message a line, and gives tables and what was set aside; never raises for what is in them."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False
        self._lines = self._not_ais = 0
        self._types: Counter[int] = Counter()
        self._rejected: Counter[str] = Counter()

    @property
    def counts(self) -> AisCounts:
        """What went through so far."""
        return AisCounts(
            lines=self._lines,
            not_ais=self._not_ais,
            messages_by_type=self._types.copy(),
            rejected=self._rejected.copy(),
            checksum_failed_by_type=Counter(),
        )

    def feed(self, data: bytes) -> Columns:
        """Return what the lines completed by `data` say."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        items = [item for line in lines if (item := self._line(line)) is not None]
        if len(self._rest) > MAX_MESSAGE_BYTES:
            if not self._skipping:
                items += [item for item in (self._line(self._rest),) if item is not None]
            self._rest, self._skipping = b"", True
        return columns_of(items)

    def close(self) -> Columns:
        """Return what an unended last line says."""
        rest, self._rest = self._rest, b""
        item = self._line(rest) if rest else None
        return columns_of([] if item is None else [item])

    def _line(self, line: bytes) -> AisMessage | Rejected | None:
        if self._skipping:
            self._skipping = False
            return None
        line = line.strip()
        if not line:
            return None
        self._lines += 1
        item = read_message(line)
        if isinstance(item, Rejected):
            self._rejected[item.reason] += 1
        else:
            self._types[item.msg_type] += 1
        return item


def read_message(line: bytes) -> AisMessage | Rejected:
    """Return what one message says, or why it was set aside."""
    if len(line) > MAX_MESSAGE_BYTES:
        return Rejected("too-long", line[:1024])
    try:
        envelope = msgspec.json.decode(line, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Rejected("malformed", line[:1024])
    msg_type, said = TYPES.get(envelope.MessageType), envelope.Message.get(envelope.MessageType)
    if msg_type is None:
        return Rejected("unsupported-type", line[:1024])
    mmsi = _whole(said.get("UserID")) if isinstance(said, dict) and said.get("Valid") is not False else None
    if mmsi is None or not isinstance(said, dict) or not 0 < mmsi < _MOST_MMSI:
        return Rejected("payload", line[:1024], msg_type)
    if msg_type == 1 and said.get("MessageID") in _CLASS_A:
        msg_type = said["MessageID"]
    at_ms = _time(envelope.MetaData.time_utc)
    position = None if msg_type in _STATIC_ONLY else _position(mmsi, msg_type, at_ms, said)
    static = _static(mmsi, msg_type, at_ms, said) if msg_type in _WITH_STATIC else None
    return AisMessage(msg_type, mmsi, at_ms, own_ship=False, position=position, static=static)


def _time(text: str) -> int | None:
    found = _TIME(text)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)
    except ValueError:
        return None
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return max(0, since // timedelta(milliseconds=1) + int((found[3] or "0")[:3].ljust(3, "0")))


def _number(value: Any) -> float | None:
    """Return a JSON number; what is none, or no finite one, is not told."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None


def _within(value: Any, least: int, most: int) -> int | None:
    number = _whole(value)
    return number if number is not None and least <= number <= most else None


def _position(mmsi: int, msg_type: int, at_ms: int | None, said: dict[str, Any]) -> PositionReport:
    lat, lon = _number(said.get("Latitude")), _number(said.get("Longitude"))
    known = lat is not None and lon is not None and abs(lat) <= 90 and abs(lon) <= 180  # noqa: PLR2004 # degrees
    speed, course = _number(said.get("Sog")), _number(said.get("Cog"))
    status = _within(said.get("NavigationalStatus"), 0, _NO_STATUS - 1) if msg_type in (*_CLASS_A, 27) else None
    moved = speed is not None and speed >= 0 and (speed < _NO_SPEED_KN or msg_type == 9)  # noqa: PLR2004 # aircraft are faster
    return PositionReport(
        mmsi=mmsi,
        msg_type=msg_type,
        received_ms=at_ms,
        lon_600000=round(lon * _DEGREE) if known and lon is not None else None,
        lat_600000=round(lat * _DEGREE) if known and lat is not None else None,
        speed_dkn=min(round(speed * 10), 10 * _MOST_DKN) if moved and speed is not None else None,
        course_ddeg=round(course * 10) % 3600 if course is not None and 0 <= course < 360 else None,  # noqa: PLR2004 # degrees
        heading_deg=_within(said.get("TrueHeading"), 0, 359),
        nav_status=status,
        station=None,
    )


def _text(value: Any, most: int = _MOST_CHARS) -> str | None:
    if not isinstance(value, str):
        return None
    text = "".join(char for char in value if " " <= char <= "~").rstrip("@ ").lstrip()[:most]
    return text or None


def _static(mmsi: int, msg_type: int, at_ms: int | None, said: dict[str, Any]) -> StaticReport:
    if msg_type == 24:  # noqa: PLR2004 # it comes in two parts, of which one may be missing
        parts = [
            part
            for name in ("ReportA", "ReportB")
            if isinstance(part := said.get(name), dict) and part.get("Valid") is not False
        ]
        said = {name: value for part in parts for name, value in part.items()}
    size = said.get("Dimension")
    sides = (
        {side: _within(size.get(side), 0, 511) or 0 for side in "ABCD"}
        if isinstance(size, dict)
        else dict.fromkeys("ABCD", 0)
    )
    draught = _number(said.get("MaximumStaticDraught"))
    kind = said.get("ShipType") if msg_type == 24 else said.get("Type")  # noqa: PLR2004 # as above
    return StaticReport(
        mmsi=mmsi,
        msg_type=msg_type,
        received_ms=at_ms,
        imo_no=_within(said.get("ImoNumber"), 1, 2**30 - 1),
        name=_text(said.get("Name")),
        callsign=_text(said.get("CallSign"), 7),
        ship_type=_within(kind, 1, 255),
        length_m=sides["A"] + sides["B"] or None,
        beam_m=sides["C"] + sides["D"] or None,
        draught_dm=round(draught * 10) if draught is not None and 0 < draught <= 25.5 else None,  # noqa: PLR2004 # what the field holds
        destination=_text(said.get("Destination")),
        eta=None,
        station=None,
    )
