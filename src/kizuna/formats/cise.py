"""EU CISE service model v1, as far as vessels go: messages in and out as XML, the handling fields, and the words of acknowledgement.

Bytes in, plain objects out, and back. No document type, entity or foreign encoding is read, and size and depth are bounded. Signatures are
`kizuna.formats.cise_signature`'s; whether a message may be answered, and what of a label it may say, is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from lxml import etree

from kizuna.errors import RecordError
from kizuna.formats.instants import LAST_MS, rfc3339

NAMESPACE = "http://www.cise.eu/servicemodel/v1/message/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
KINDS = ("Push", "PullRequest", "PullResponse", "Feedback", "Acknowledgement")
PULL_TYPES = ("Request", "Discover", "Subscribe", "Unsubscribe", "GetSubscribers")
ACK_CODES = (
    "Success", "BadRequest", "InvalidRequestObject", "TimestampError", "AuthenticationError", "Unauthorized", "SecurityError",
    "ObjectTypeNotAccepted", "EntityTypeNotAccepted", "ServiceTypeNotSupported", "EndPointNotFound", "NetworkError",
    "InternalGatewayFault", "ServiceManagerError", "ServerError",
)  # fmt: skip
"""Words of acknowledgement; a PullResponse has all but `NetworkError` and `ServiceManagerError`."""
LEVELS = ("NonClassified", "EURestricted", "EUConfidential", "EUSecret", "EUTopSecret")
"""Security levels from the lowest to the highest; beside them stands `NonSpecified`, which is no level."""
SENSITIVITIES = {
    "tlp:clear": "White",
    "tlp:white": "White",
    "tlp:green": "Green",
    "tlp:amber": "Amber",
    "tlp:red": "Red",
}
"""Caveats of ours, and their sensitivity; what has no word of its own, such as amber+strict, goes as red."""
PURPOSES = {
    "border-control": "BorderMonitoring", "coordination": "Operation", "counter-terrorism": "CounterTerrorism",
    "customs": "CustomsMonitoring", "environment": "EnvironmentMonitoring", "fisheries": "FisheriesMonitoring",
    "law-enforcement": "LawEnforcementMonitoring", "maritime-domain-awareness": "DefenceMonitoring", "safety": "Safety",
    "search-and-rescue": "SAR", "security": "Security", "traffic-management": "VTM",
}  # fmt: skip
"""Purposes of ours, and their word there; one without a word is not sent, for `NonSpecified` satisfies no provision."""
NOT_SPECIFIED = "NonSpecified"
MAX_BYTES = 4 << 20
MAX_DEPTH = 64
MAX_VESSELS = 2_000
_MOST_TEXT = 4_000
_DEGREE = 600_000


class Service(msgspec.Struct, frozen=True):
    """A participant's service; only its id is looked at."""

    id: str
    type: str = "VesselService"
    operation: str = "Push"
    role: str = "Provider"


class Vessel(msgspec.Struct, frozen=True, kw_only=True):
    """A vessel as far as a message tells of it; None: it does not."""

    mmsi: int | None = None
    imo_no: int | None = None
    name: str | None = None
    callsign: str | None = None
    length_m: int | None = None
    beam_m: int | None = None
    draught_dm: int | None = None
    lat_600000: int | None = None
    lon_600000: int | None = None
    course_ddeg: int | None = None
    speed_dkn: int | None = None
    heading_deg: int | None = None
    at_ms: int | None = None
    simulated: bool = False

    def like(self, example: Vessel) -> bool:
        """Return whether it agrees with all that an example says of a vessel's identity; one that says nothing asks for all."""
        asked = ((getattr(example, name), getattr(self, name)) for name in ("mmsi", "imo_no", "name", "callsign"))
        return all(wanted is None or wanted == found for wanted, found in asked)


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """Entities with how they are to be handled; a missing word on personal data counts as personal."""

    level: str = NOT_SPECIFIED
    sensitivity: str = NOT_SPECIFIED
    purpose: str = NOT_SPECIFIED
    personal: bool = True
    retain_until_ms: int | None = None
    vessels: tuple[Vessel, ...] = ()
    others: tuple[str, ...] = ()
    """Names of entities that are not vessels."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message; what belongs to other kinds is empty."""

    kind: Literal["Push", "PullRequest", "PullResponse", "Feedback", "Acknowledgement"]
    id: str
    correlation_id: str = ""
    created_ms: int
    sender: Service | None = None
    recipient: Service | None = None
    requires_ack: bool = False
    payload: Payload | None = None
    pull_type: str = ""
    code: str = ""
    """Of an acknowledgement its `AckCode`, of a pull response its `ResultCode`."""
    detail: str = ""


# --- in ---------------------------------------------------------------------------------------------------------------------------


def parse(data: bytes) -> etree._Element:
    """Return the root of a document that is safe to look at.

    Raises:
        RecordError: it is too large or too deep, not UTF-8, has a document type, or is not well-formed.
    """
    if len(data) > MAX_BYTES:
        raise RecordError(f"the message has more than {MAX_BYTES} bytes")
    head = data[:200].lower()
    declared = head.partition(b"?>")[0] if head.lstrip(b"\xef\xbb\xbf").startswith(b"<?xml") else b""
    if b"\0" in data or b"<!doctype" in data.lower() or (b"encoding" in declared and b"utf-8" not in declared):
        raise RecordError("the message has a document type, or is not UTF-8: send plain XML")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise RecordError("the message is not well-formed XML") from error
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise RecordError(f"the message is nested deeper than {MAX_DEPTH}")
        waiting += [(child, depth + 1) for child in node]
    return root


def read(root: etree._Element) -> Message:
    """Return what a document says.

    Raises:
        RecordError: it is no message of this model, or lacks what every message has.
    """
    kind = next((each for each in KINDS if root.tag == f"{{{NAMESPACE}}}{each}"), None)
    if kind is None:
        raise RecordError("the document is no message of CISE's service model, version 1")
    payload = root.find("Payload")
    return Message(
        kind=kind,  # type: ignore[arg-type] # one of the five
        id=_needed(root, "MessageID"),
        correlation_id=_text(root, "CorrelationID"),
        created_ms=_instant(_needed(root, "CreationDateTime")),
        sender=_service(root.find("Sender")),
        recipient=_service(root.find("Recipient")),
        requires_ack=_text(root, "RequiresAck") == "true",
        payload=None if payload is None else _payload(payload),
        pull_type=_text(root, "PullType"),
        code=_text(root, "AckCode") or _text(root, "ResultCode"),
        detail=_text(root, "AckDetail") or _text(root, "ErrorDetail"),
    )


def _text(node: etree._Element, path: str) -> str:
    found = node.findtext(path)
    return found.strip()[:_MOST_TEXT] if isinstance(found, str) else ""


def _needed(node: etree._Element, name: str) -> str:
    text = _text(node, name)
    if not text:
        raise RecordError(f"the message has no `{name}`")
    return text


def _instant(text: str) -> int:
    """Return an xs:dateTime in milliseconds UTC; one without a zone is UTC."""
    try:
        found = datetime.fromisoformat(text[:40])
        at_ms = int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise RecordError(f"`{text[:40]}` is no instant") from error
    if not 0 <= at_ms <= LAST_MS:
        raise RecordError(f"`{text[:40]}` is an instant of no use")
    return at_ms


def _service(node: etree._Element | None) -> Service | None:
    if node is None:
        return None
    names = ("ServiceID", "ServiceType", "ServiceOperation", "ServiceRole")
    return Service(*(_text(node, name) for name in names))


def _payload(node: etree._Element) -> Payload:
    vessels = node.findall("Vessel")
    if len(vessels) > MAX_VESSELS:
        raise RecordError(f"the payload has more than {MAX_VESSELS} vessels: send several messages")
    handling = {
        "InformationSecurityLevel",
        "InformationSensitivity",
        "IsPersonalData",
        "Purpose",
        "RetentionPeriod",
        "EnsureEncryption",
        "Vessel",
    }
    until = _text(node, "RetentionPeriod")
    return Payload(
        level=_text(node, "InformationSecurityLevel") or NOT_SPECIFIED,
        sensitivity=_text(node, "InformationSensitivity") or NOT_SPECIFIED,
        purpose=_text(node, "Purpose") or NOT_SPECIFIED,
        personal=_text(node, "IsPersonalData") != "false",
        retain_until_ms=_instant(until) if until else None,
        vessels=tuple(_vessel(each) for each in vessels),
        others=tuple(sorted({str(each.tag)[:60] for each in node} - handling)),
    )


def _number(node: etree._Element, path: str, scale: int, least: int, most: int) -> int | None:
    """Return a decimal in scaled integers; what is none, or out of range, is not told."""
    try:
        value = float(_text(node, path) or "nan")
    except ValueError:
        return None
    scaled = round(value * scale) if math.isfinite(value) else most + 1
    return scaled if least <= scaled <= most else None


def _vessel(node: etree._Element) -> Vessel:
    spot = "LocationRel/Location/Geometry/"
    lat = _number(node, f"{spot}Latitude", _DEGREE, -90 * _DEGREE, 90 * _DEGREE)
    lon = _number(node, f"{spot}Longitude", _DEGREE, -180 * _DEGREE, 180 * _DEGREE)
    day, hour = (_text(node, f"LocationRel/PeriodOfTime/{name}") for name in ("StartDate", "StartTime"))
    return Vessel(
        mmsi=_number(node, "MMSI", 1, 1, 999_999_999),
        imo_no=_number(node, "IMONumber", 1, 1, 9_999_999),
        name=_text(node, "Name")[:40] or None,
        callsign=_text(node, "CallSign")[:16] or None,
        length_m=_number(node, "Length", 1, 1, 1_022),
        beam_m=_number(node, "Breadth", 1, 1, 126),
        draught_dm=_number(node, "Draught", 10, 1, 255),
        lat_600000=lat if lon is not None else None,
        lon_600000=lon if lat is not None else None,
        course_ddeg=_number(node, "LocationRel/COG", 10, 0, 3_599),
        speed_dkn=_number(node, "LocationRel/Speed", 10, 0, 10_220),
        heading_deg=_number(node, "LocationRel/Heading", 1, 0, 359),
        at_ms=_instant(f"{day[:10]}T{hour}") if day and hour else None,
        simulated=_text(node, "LocationRel/SourceType") == "Simulation",
    )


# --- out --------------------------------------------------------------------------------------------------------------------------


def level_of(grades: Sequence[tuple[str, int]], rows: Mapping[tuple[str, int], str]) -> str | None:
    """Return the level of a label's grades by a table, the highest of them, or None where one has no row: then it is not sent."""
    found = [rows.get(grade) for grade in grades]
    known = [LEVELS.index(level) for level in found if level is not None]
    return LEVELS[max(known)] if known and len(known) == len(found) else None


def sensitivity_of(caveats: frozenset[str]) -> str:
    """Return the sensitivity that a label's caveats ask for; where none does, the strictest."""
    marks = [caveat for caveat in caveats if caveat.startswith("tlp:")]
    found = {SENSITIVITIES.get(mark, "Red") for mark in marks} or {"Red"}
    return next(word for word in ("Red", "Amber", "Green", "White") if word in found)


def element(message: Message) -> etree._Element:
    """Return a message as a document without a signature."""
    made = etree.Element(f"{{{NAMESPACE}}}{message.kind}", nsmap={"m": NAMESPACE})
    if message.correlation_id:
        _add(made, "CorrelationID", message.correlation_id)
    _add(made, "CreationDateTime", rfc3339(message.created_ms))
    _add(made, "MessageID", message.id)
    _add(made, "Priority", "Low")
    _add(made, "RequiresAck", "true" if message.requires_ack else "false")
    for name, service in (("Sender", message.sender), ("Recipient", message.recipient)):
        if service is not None:
            _add_service(made, name, service)
    if message.payload is not None:
        _add_payload(made, message.payload)
    if message.pull_type:
        _add(made, "PullType", message.pull_type)
    if message.kind == "Acknowledgement":
        _add(made, "AckCode", message.code)
        _add(made, "AckDetail", message.detail)
    elif message.code:
        _add(made, "ResultCode", message.code)
    return made


def _add(parent: etree._Element, name: str, text: str = "") -> etree._Element:
    made = etree.SubElement(parent, name)
    if text:
        made.text = "".join(
            char for char in text if char >= " " and char not in "\ufffe\uffff" and not "\ud800" <= char <= "\udfff"
        )
    return made


def _add_service(parent: etree._Element, name: str, service: Service) -> None:
    made = _add(parent, name)
    for word, text in (
        ("SeaBasin", NOT_SPECIFIED),
        ("ServiceID", service.id),
        ("ServiceOperation", service.operation),
        ("ServiceRole", service.role),
        ("ServiceStatus", "Online"),
        ("ServiceType", service.type),
    ):
        _add(made, word, text)


def _add_payload(parent: etree._Element, payload: Payload) -> None:
    made = etree.SubElement(parent, "Payload", {f"{{{XSI}}}type": "m:XmlEntityPayload"}, nsmap={"xsi": XSI})
    _add(made, "InformationSecurityLevel", payload.level)
    _add(made, "InformationSensitivity", payload.sensitivity)
    _add(made, "IsPersonalData", "true" if payload.personal else "false")
    _add(made, "Purpose", payload.purpose)
    if payload.retain_until_ms is not None:
        _add(made, "RetentionPeriod", rfc3339(payload.retain_until_ms))
    _add(made, "EnsureEncryption", "true")
    for vessel in payload.vessels:
        _add_vessel(made, vessel)


def _add_vessel(parent: etree._Element, vessel: Vessel) -> None:
    made = _add(parent, "Vessel")
    told: list[tuple[str, Any, int]] = [
        ("Breadth", vessel.beam_m, 1), ("CallSign", vessel.callsign, 0), ("Draught", vessel.draught_dm, 10),
        ("IMONumber", vessel.imo_no, 1), ("Length", vessel.length_m, 1), ("MMSI", vessel.mmsi, 1),
    ]  # fmt: skip
    if vessel.name is not None:
        _add(made, "Name", vessel.name)
    if vessel.lat_600000 is not None and vessel.lon_600000 is not None:
        _add_place(made, vessel, vessel.lat_600000, vessel.lon_600000)
    for name, value, scale in told:
        if value is not None:
            _add(made, name, str(value) if scale in (0, 1) else f"{value / scale:.1f}")


def _add_place(parent: etree._Element, vessel: Vessel, lat_600000: int, lon_600000: int) -> None:
    related = _add(parent, "LocationRel")
    spot = _add(_add(related, "Location"), "Geometry")
    _add(spot, "Latitude", f"{lat_600000 / _DEGREE:.6f}")
    _add(spot, "Longitude", f"{lon_600000 / _DEGREE:.6f}")
    if vessel.at_ms is not None:
        day, _, hour = rfc3339(vessel.at_ms).partition("T")
        period = _add(related, "PeriodOfTime")
        _add(period, "StartDate", day)
        _add(period, "StartTime", hour)
    _add(related, "SourceType", "Simulation" if vessel.simulated else "Declaration")
    if vessel.course_ddeg is not None:
        _add(related, "COG", f"{vessel.course_ddeg / 10:.1f}")
    if vessel.heading_deg is not None:
        _add(related, "Heading", str(vessel.heading_deg))
    if vessel.speed_dkn is not None:
        _add(related, "Speed", f"{vessel.speed_dkn / 10:.1f}")


def as_bytes(root: etree._Element) -> bytes:
    """Return a document's bytes."""
    made: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return made
