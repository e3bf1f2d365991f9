"""The edge towards EU CISE: what an adaptor hands in becomes records that stay at home, what it asks for goes as far as its plug may have it.

A message is judged in the order in which its sender could mend it: form, signature, time, address, kind, handling. The plug decides on release;
here a grade becomes a level by the node's own table, and what has no row, or no word for its purpose, is not sent. Bytes in, bytes and drafts out.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
import structlog
from cryptography import x509

from kizuna.domains.maritime.operations import Statement, cut_batches
from kizuna.domains.maritime.records import STATIC_REPORTED, StaticReported
from kizuna.errors import ConfigError, RecordError, SignatureError
from kizuna.formats import cise, cise_signature
from kizuna.formats.ais import PositionReport
from kizuna.formats.cise import Message, Payload, Service, Vessel
from kizuna.formats.ogc_features import MOST_LIMIT, Ask
from kizuna.formats.positions_arrow import from_reports
from kizuna.kernel.label import MAX_CLASSIFICATION, Label, label
from kizuna.kernel.ports import Random
from kizuna.node.effects import Draft
from kizuna.node.keys import keyfiles
from kizuna.node.maritime.feeding import drafts
from kizuna.node.plug_settings import CiseSettings
from kizuna.node.plugs.plugging import Plug
from kizuna.node.plugs.recipients import Given
from kizuna.node.plugs.showing import Positions, Seen, Showing

AHEAD_MS, BEHIND_MS = 300_000, 86_400_000
"""How far a message's time of creation may lie ahead of our clock, and behind it."""
ORIGINATOR = "cise"
"""The originator of what comes in: no party of an instrument, so that nothing of it is ever released onward."""
POLICY = "eu.cise.v1"
ACTOR = "system:cise"
PURPOSE_UNKNOWN = "no-equivalence"
_MOST_SEEN = 10_000
_NOT_TAKEN = frozenset({"Acknowledgement", "Feedback"})
_PRIVATE_CRAFT = frozenset({36, 37})
_SLUG = re.compile(r"[^a-z0-9.-]+")
_log = structlog.get_logger("kizuna.cise")


@dataclass(frozen=True)
class Taken:
    """The answer to a message, a signed message of its own, and the records that it brings."""

    answer: bytes
    code: str
    message: Message | None = None
    drafts: tuple[Draft, ...] = ()


@dataclass
class CiseEdge:
    """One node's service in that network."""

    service: str
    key: cise_signature.Key
    trusted: tuple[x509.Certificate, ...]
    rows: dict[tuple[str, int], str]
    party: str
    random: Random
    unsafe_sha1: bool = False
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)

    # --- in ------------------------------------------------------------------------------------------------------------------------

    def take(self, data: bytes, plug: Plug, showing: Showing, now_ms: int) -> Taken:
        """Return what is answered to a message, and the records that it brings; never raises for what is in it."""
        try:
            root = cise.parse(data)
            message = cise.read(root)
        except RecordError as error:
            return self._ack("BadRequest", str(error), None, now_ms)
        try:
            signer = cise_signature.verify(root, self.trusted, now_ms)
        except SignatureError as error:
            return self._ack("AuthenticationError", str(error), message, now_ms)
        except RecordError as error:
            return self._ack("BadRequest", str(error), message, now_ms)
        if signer.weak:
            _log.warning("weak signature taken in", kind="sha1")
        code, detail = self._refused(message, now_ms)
        if code:
            return self._ack(code, detail, message, now_ms)
        if message.kind == "PullRequest":
            return self._pulled(message, plug, showing, now_ms)
        return self._brought(message, now_ms)

    def _refused(self, message: Message, now_ms: int) -> tuple[str, str]:
        """Return the word and the sentence by which a message is refused that is signed well, or nothing."""
        sender, recipient, payload = message.sender, message.recipient, message.payload
        pulls = message.kind == "PullRequest"
        in_time = now_ms - BEHIND_MS <= message.created_ms <= now_ms + AHEAD_MS
        named = sender is not None and sender.id and recipient is not None and recipient.id
        level = cise.NOT_SPECIFIED if payload is None else payload.level
        rules = (
            (not in_time, "TimestampError", "the time of creation lies outside the window"),
            (not named, "InvalidRequestObject", "the message names no sender or no recipient"),
            (
                recipient is not None and recipient.id != self.service,
                "EndPointNotFound",
                "there is no such service here",
            ),
            (message.kind in _NOT_TAKEN, "ObjectTypeNotAccepted", "messages of this kind are not taken in here"),
            (
                pulls and message.pull_type != "Request",
                "ServiceTypeNotSupported",
                "pulls are answered one by one, and nothing else",
            ),
            (payload is None, "InvalidRequestObject", "the message has no payload"),
            (
                payload is not None and (payload.others or not payload.vessels),
                "EntityTypeNotAccepted",
                "vessels, and nothing else",
            ),
            (
                not pulls and level not in (*cise.LEVELS, cise.NOT_SPECIFIED),
                "SecurityError",
                "the level is none of this model's",
            ),
        )
        return next(((code, detail) for wrong, code, detail in rules if wrong), ("", ""))

    def _brought(self, message: Message, now_ms: int) -> Taken:
        payload, sender = message.payload, message.sender
        if message.id in self._seen or payload is None or sender is None:
            return self._ack("Success", "taken in before", message, now_ms)
        self._seen[message.id] = None
        if len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)
        source = f"cise-{_SLUG.sub('-', sender.id.lower())}"[:60].rstrip("-.")
        made = drafts(_statements(payload.vessels, source, message.created_ms), self._label(payload), ACTOR)
        return self._ack("Success", "", message, now_ms, made)

    def _label(self, payload: Payload) -> Label:
        """Return the label of what comes in: it stays at home, at the highest grade where its level is not specified."""
        known = payload.level in cise.LEVELS
        grade = cise.LEVELS.index(payload.level) if known else MAX_CLASSIFICATION
        word = {"White": "tlp:clear", "Green": "tlp:green", "Amber": "tlp:amber", "Red": "tlp:red"}.get(
            payload.sensitivity
        )
        made = label(POLICY, grade, originator=ORIGINATOR, caveats=(word,) if word else ())
        return msgspec.structs.replace(made, originators=made.originators | {self.party})

    # --- out -----------------------------------------------------------------------------------------------------------------------

    def push(self, plug: Plug, showing: Showing, recipient: str, now_ms: int) -> bytes:
        """Return a signed push to a service of the vessels that a plug may have; without any where none may be sent."""
        message = Message(
            kind="Push",
            id=self._id(),
            created_ms=now_ms,
            sender=Service(self.service),
            recipient=Service(recipient, role="Consumer"),
            payload=self._payload(plug, showing, None, now_ms),
        )
        return self._signed(message)

    def _pulled(self, message: Message, plug: Plug, showing: Showing, now_ms: int) -> Taken:
        who, payload = plug.gate.recipient, message.payload
        word = cise.PURPOSES.get(who.purpose)
        if who.unset or word is None or payload is None or payload.purpose != word:
            return self._ack("Unauthorized", "nothing goes for this purpose", message, now_ms)
        answer = Message(
            kind="PullResponse",
            id=self._id(),
            correlation_id=message.id,
            created_ms=now_ms,
            sender=Service(self.service, operation="Pull"),
            recipient=None if message.sender is None else Service(message.sender.id, operation="Pull", role="Consumer"),
            payload=self._payload(plug, showing, payload.vessels[0], now_ms),
            code="Success",
        )
        return Taken(self._signed(answer), "Success", message)

    def _payload(self, plug: Plug, showing: Showing, example: Vessel | None, now_ms: int) -> Payload | None:
        """Return the vessels that go, under the highest level and strictest words of any of them; None where none does."""
        purpose = cise.PURPOSES.get(plug.gate.recipient.purpose)
        held = plug.positions or Positions()
        seen = showing.vessels(plug.gate, held, Ask(limit=MOST_LIMIT), now_ms, plug.count).found
        sent: list[tuple[Seen, Vessel, str]] = []
        for each in seen:
            vessel = _vessel(each, simulated=plug.gate.recipient.simulated)
            grades = [] if each.label is None else [(grade.policy, grade.classification) for grade in each.label.grades]
            level = cise.level_of(grades, self.rows)
            if example is not None and not vessel.like(example):
                continue
            if level is None or purpose is None:
                grade = ",".join(f"{policy}:{number}" for policy, number in grades)
                plug.tally.count("maritime.position-batch.v1", grade, Given(permit=False, reason=PURPOSE_UNKNOWN))
                continue
            sent.append((each, vessel, level))
        if not sent or purpose is None:
            return None
        caveats = [
            frozenset(c for grade in each.label.grades for c in grade.caveats)
            for each, _, _ in sent
            if each.label is not None
        ]
        words = ("White", "Green", "Amber", "Red")
        days = min((each.retain_days for each, _, _ in sent if each.retain_days), default=0)
        return Payload(
            level=max((level for _, _, level in sent), key=cise.LEVELS.index),
            sensitivity=max((cise.sensitivity_of(each) for each in caveats), key=words.index),
            purpose=purpose,
            personal=any(each.facts.get("ship_type") in {None, *_PRIVATE_CRAFT} for each, _, _ in sent),
            retain_until_ms=now_ms + days * 86_400_000 if days else None,
            vessels=tuple(vessel for _, vessel, _ in sent),
        )

    def failed(self, taken: Taken, now_ms: int) -> bytes:
        """Return the acknowledgement of a message that could not be kept by our own fault; it may come again."""
        if taken.message is not None:
            self._seen.pop(taken.message.id, None)
        return self._ack(
            "ServerError", "the message could not be kept: send it again later", taken.message, now_ms
        ).answer

    def _ack(self, code: str, detail: str, message: Message | None, now_ms: int, made: Sequence[Draft] = ()) -> Taken:
        answer = Message(
            kind="Acknowledgement",
            id=self._id(),
            correlation_id="" if message is None else message.id[:200],
            created_ms=now_ms,
            sender=Service(self.service),
            recipient=None if message is None or message.sender is None else Service(message.sender.id),
            code=code,
            detail=detail,
        )
        return Taken(self._signed(answer), code, message, tuple(made))

    def _signed(self, message: Message) -> bytes:
        root = cise.element(message)
        cise_signature.sign(root, self.key, unsafe_sha1=self.unsafe_sha1)
        return cise.as_bytes(root)

    def _id(self) -> str:
        return str(UUID(bytes=self.random(16), version=4))


def open_edge(settings: CiseSettings, party: str, random: Random) -> CiseEdge:
    """Return the edge that the settings describe.

    Raises:
        ConfigError: key, certificate or authorities cannot be used, or others may read the key.
    """
    keyfiles.check_private(settings.key)
    try:
        key, certificate, trusted = (
            path.read_bytes() for path in (settings.key, settings.certificate, settings.authorities)
        )
    except OSError as error:
        raise ConfigError(f"a file of the CISE adaptor cannot be read ({error.strerror}): mend `[cise]`") from error
    rows = {(row.policy, row.classification): row.level for row in settings.levels}
    return CiseEdge(
        service=settings.service,
        key=cise_signature.Key(key, certificate),
        trusted=cise_signature.authorities(trusted),
        rows=dict(rows),
        party=party,
        random=random,
        unsafe_sha1=settings.unsafe_sha1,
    )


def _statements(vessels: Sequence[Vessel], source: str, created_ms: int) -> list[Statement]:
    """Return what a message says of vessels: what each is, and where those are that name their MMSI; made-up ones apart."""
    found: list[Statement] = []
    for simulated in (False, True):
        kind = "simulated" if simulated else "live"
        some = [vessel for vessel in vessels if vessel.simulated is simulated]
        reports = [_report(vessel, vessel.mmsi) for vessel in some if vessel.mmsi is not None]
        found += cut_batches(from_reports(reports, received_ms=created_ms), source=source, source_kind=kind)  # type: ignore[arg-type] # one of the two
        found += [Statement(STATIC_REPORTED, _static(vessel, source, kind, created_ms)) for vessel in some]
    return found


def _report(vessel: Vessel, mmsi: int) -> PositionReport:
    return PositionReport(
        mmsi=mmsi, msg_type=1, received_ms=vessel.at_ms, lon_600000=vessel.lon_600000, lat_600000=vessel.lat_600000,
        speed_dkn=vessel.speed_dkn, course_ddeg=vessel.course_ddeg, heading_deg=vessel.heading_deg, nav_status=None, station=None,
    )  # fmt: skip


def _static(vessel: Vessel, source: str, kind: str, created_ms: int) -> StaticReported:
    known = {
        name: value
        for name in ("mmsi", "imo_no", "name", "callsign", "length_m", "beam_m", "draught_dm")
        if (value := getattr(vessel, name)) is not None
    }
    return StaticReported(reported_at_ms=created_ms, source=source, source_kind=kind, **known)  # type: ignore[arg-type] # fields of several kinds


def _vessel(seen: Seen, *, simulated: bool) -> Vessel:
    said = {name: seen.facts[name] for name in Vessel.__struct_fields__ if name in seen.facts}
    return msgspec.convert(said | {"at_ms": seen.from_ms, "simulated": simulated}, Vessel)
