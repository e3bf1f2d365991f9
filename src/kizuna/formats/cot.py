"""Cursor on Target out: one vessel's position as an `event` (MITRE, CoT 2.0 base schema, with the `detail` parts that TAK reads).

Values in, XML bytes out. Types follow MIL-STD-2525: at sea friend, assumed friend or unknown, never hostile nor suspect, for where a ship is says
nothing of whose it is. Access, caveat and releasability stand in every event, so that no reader fills in its network's own.
"""

from __future__ import annotations

import re
from typing import Literal
from xml.etree import ElementTree as ET

import msgspec

from kizuna.errors import RecordError
from kizuna.formats.instants import rfc3339

Standing = Literal["own", "partner", "vessel"]
"""Whose ship it is by its issuer's own word: one of ours, one of a partner's, or any other."""
_KINDS = {30: "-X-F", 36: "-X-R", 37: "-X-R", 55: "-X-L", **dict.fromkeys(range(60, 90), "-X-M")}
"""Fishing, sailing and pleasure craft, law enforcement, and what carries passengers, cargo or oil."""
_UNKNOWN_M = "9999999.0"
_KNOT_M_S = 1852 / 3600
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_TEXT = 500
_WORD = re.compile(r"[A-Za-z0-9._:/-]{1,120}", re.ASCII).fullmatch


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Where a vessel is, for how long that is worth showing, and how it may be handled."""

    uid: str
    """The same for each event of one vessel."""
    type: str
    at_ms: int
    sent_ms: int
    stale_ms: int
    lat_deg: float
    lon_deg: float
    callsign: str
    access: str
    caveat: str
    releasable_to: str
    course_deg: float | None = None
    speed_kn: float | None = None
    exercise: str = ""
    simulated: bool = False
    remarks: str = ""


def vessel_type(standing: Standing, ship_type: int | None) -> str:
    """Return the type of a ship at sea; `ship_type` is what it says of itself (ITU-R M.1371-5 table 53)."""
    if standing == "own":
        return "a-f-S"
    if standing == "partner":
        return "a-a-S"
    return f"a-u-S{_KINDS.get(ship_type, '') if ship_type is not None else ''}"


def event_xml(event: Event) -> bytes:
    """Return an event as one XML document on a line of its own, such as streams carry one after the other.

    Raises:
        RecordError: its id is no word, or it names no place of the earth.
    """
    if not _WORD(event.uid):
        raise RecordError(f"uid `{event.uid[:40]}` of an event is no plain word")
    if not (-90 <= event.lat_deg <= 90 and -180 <= event.lon_deg <= 180):  # noqa: PLR2004 # degrees
        raise RecordError(f"`{event.lat_deg},{event.lon_deg}` is no place of the earth")
    root = ET.Element(
        "event",
        {
            "version": "2.0",
            "uid": event.uid,
            "type": event.type,
            "how": "m-s" if event.simulated else "m-g",
            "time": rfc3339(event.sent_ms),
            "start": rfc3339(event.at_ms),
            "stale": rfc3339(event.stale_ms),
            "access": _plain(event.access),
            "caveat": _plain(event.caveat),
            "releasableTo": _plain(event.releasable_to),
        },
    )
    if event.exercise or event.simulated:
        root.set("opex", _plain(f"e-{event.exercise}" if event.exercise else "s-simulated"))
    spot = {
        "lat": f"{event.lat_deg:.6f}",
        "lon": f"{event.lon_deg:.6f}",
        "hae": _UNKNOWN_M,
        "ce": _UNKNOWN_M,
        "le": _UNKNOWN_M,
    }
    ET.SubElement(root, "point", spot)
    detail = ET.SubElement(root, "detail")
    ET.SubElement(detail, "contact", {"callsign": _plain(event.callsign)})
    if event.course_deg is not None and event.speed_kn is not None:
        moving = {"course": f"{event.course_deg:.1f}", "speed": f"{event.speed_kn * _KNOT_M_S:.2f}"}
        ET.SubElement(detail, "track", moving)
    if event.remarks:
        ET.SubElement(detail, "remarks").text = _plain(event.remarks)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body.replace(b"?>\n", b"?>", 1) + b"\n"


def _plain(text: str) -> str:
    """Return text without what XML cannot hold, and short."""
    return _NOT_XML.sub("", text)[:_MOST_TEXT]
