"""The record: a signed statement whose facts are salted commitments, disclosed or withheld one by one.

In the clear stand only type, issuer, key, label grades, exercise mark, handling class and day of issue. All else is a commitment in one
sorted list of digests without names, padded with decoys. Withholding a fact leaves id and signature valid: that is how one record travels
under several agreements, each disclosing what its provision names. `docs/protocol/record.md` shows the bytes; what may stand in the statement and
in its facts is judged by `kizuna.kernel.statement`.

Which facts to disclose is `kizuna.kernel.release`'s judgement; which key belongs to whom is the node's.
"""

from __future__ import annotations

import hashlib
from binascii import a2b_base64
from collections.abc import Iterable
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET as WITHHELD
from msgspec import UnsetType as Withheld

from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import canonical, sign, statement
from kizuna.kernel import label as labels
from kizuna.kernel.label import Grade, Label
from kizuna.kernel.ports import Random
from kizuna.kernel.statement import Clear, ClearGrade, encode

__all__ = [
    "WITHHELD",
    "Body",
    "Clear",
    "Facts",
    "Record",
    "Withheld",
    "body_of",
    "issue",
    "label_of",
    "merge",
    "read",
]

B = TypeVar("B", bound="Body")

SALT_BYTES = 32
_PAYLOAD_TYPE = sign.PAYLOAD_TYPES["statement"]
MAX_BODY_BYTES = 1 << 20
"""The largest entry body: larger data is a blob, whose digest the record commits to."""


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The payload of a record type: each field is `T | Withheld = WITHHELD`.

    A field named in the class's `__each__` is a sequence whose items are committed one by one, so that a release can disclose some; where it
    has no items, nothing is committed, and it reads as withheld.
    """

    __each__ = frozenset[str]()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says about itself beside its payload and label.

    `actor` is a pseudonymous officer with role (`officer:<id>:<role>`) or `system:<job>`; `after` are the ids of the records that its author
    had folded; `exercise` names the exercise that the record is made for, or is empty; `derived_from` are the ids of source records.
    """

    node: str
    actor: str
    at_ms: int
    subject: str = ""
    after: tuple[str, ...] = ()
    exercise: str = ""
    derived_from: tuple[str, ...] = ()
    handling: str = "standard"


class Record(msgspec.Struct, frozen=True, dict=True):
    """A record as one party holds it: the envelope whole, and the facts that were disclosed to that party."""

    id: str
    envelope: sign.Envelope
    clear: Clear
    disclosed: dict[str, Any]
    disclosures: dict[str, bytes]
    """Name to the canonical bytes `[salt, name, value]`, as the issuer hashed them."""

    @cached_property
    def label(self) -> Label:
        """The label as far as it was disclosed; see `label_of`."""
        return _label_of(self)

    @cached_property
    def signed(self) -> tuple[bytes, bytes]:
        """The bytes that were signed, DSSE's encoding of the statement, and the signature over them."""
        payload = self.envelope.payload_bytes()
        return sign.pae(self.envelope.payload_type, payload), self.envelope.signature_bytes()

    @cached_property
    def whole(self) -> bytes:
        """The entry body with all disclosures that are held."""
        return _body(self.disclosures.values(), self.envelope)

    @property
    def closed(self) -> bool:
        """Whether every digest is opened: nothing is hidden and there is no decoy."""
        return len(self.clear.digests) == len(self.disclosures)

    @property
    def at_ms(self) -> int | None:
        """When the author says it was made, in milliseconds UTC, or None where withheld."""
        value = self.disclosed.get("at")
        return value if isinstance(value, int) else None

    def text(self, name: str) -> str:
        """Return a disclosed fact that is text, or the empty string where it is withheld."""
        value = self.disclosed.get(name)
        return value if isinstance(value, str) else ""

    def listed(self, prefix: str) -> tuple[str, ...]:
        """Return the disclosed items of a list that is committed one by one (`after`, `derived_from`), in order."""
        start = f"{prefix}/"
        found = [
            (int(name[len(start) :]), value)
            for name, value in self.disclosed.items()
            if name.startswith(start) and name[len(start) :].isdecimal() and isinstance(value, str)
        ]
        return tuple(value for _, value in sorted(found))

    def bytes(self, names: Iterable[str] | None = None) -> bytes:
        """Return the entry body: envelope and the named disclosures (all held ones by default), sorted.

        A name that is not held is passed over: one cannot show what one was not shown.
        """
        if names is None:
            return self.whole
        held = self.disclosures
        return _body([held[name] for name in names if name in held], self.envelope)


def _body(disclosures: Iterable[bytes], envelope: sign.Envelope) -> bytes:
    return b'{"disclosures":[' + b",".join(sorted(disclosures)) + b'],"envelope":' + encode(envelope) + b"}"


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    disclosures: tuple[tuple[str, str, Any], ...]
    envelope: sign.Envelope


_wire_decoder = msgspec.json.Decoder(_Wire, strict=True)


def _padded(count: int) -> int:
    size = 8
    while size < count:
        size *= 2
    return size


_SCALARS = frozenset({bool, int, str, type(None)})


def _payload_facts(body: Body) -> dict[str, Any]:
    """Return the payload's facts, sorted by field, each value as a reader will decode it.

    Raises:
        RecordError: one cannot be said in canonical form.
    """
    facts: dict[str, Any] = {}
    for field, name, each in _fields(type(body)):
        value = getattr(body, field)
        if value is WITHHELD:
            continue
        if each or type(value) not in _SCALARS:
            return _decoded_facts(body)
        facts[name] = value  # a scalar is decoded as what it is: most payloads have no more, and need no round trip
    canonical.check(facts)
    return facts


@lru_cache(maxsize=1024)
def _fields(kind: type[Body]) -> list[tuple[str, str, bool]]:
    """Return the fields of a record class, sorted by their facts' names, with these and whether they are committed item by item."""
    wire_names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    found = [(field, f"payload/{name}", name in kind.__each__) for field, name in wire_names]
    for _, name, _ in found:
        statement.check_name(name)
    return sorted(found, key=itemgetter(1))


def _decoded_facts(body: Body) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for field, value in msgspec.json.decode(canonical.encode(body)).items():
        if field in body.__each__:
            facts.update({f"payload/{field}/{i}": item for i, item in enumerate(value)})
        else:
            facts[f"payload/{field}"] = value
    return facts


@lru_cache(maxsize=4096)  # few labels recur in many records
def _label_facts(label: Label) -> dict[str, Any]:
    """Return a label's facts.

    Raises:
        RecordError: it is malformed.
    """
    labels.check(label)
    # Caveats and review date are committed also where there are none: else a holder could not tell "none" from "withheld".
    facts: dict[str, Any] = {f"releasable_to/{party}": True for party in sorted(label.releasable_to)}
    facts |= {f"caveats/{grade.policy}": sorted(grade.caveats) for grade in label.grades}
    facts["purposes"] = sorted(label.purposes)
    facts["originators"] = sorted(label.originators)
    facts["review_by"] = label.review_by
    return facts


def _header_facts(facts: Facts) -> dict[str, Any]:
    stated: dict[str, Any] = {"node": facts.node, "actor": facts.actor, "at": facts.at_ms, "subject": facts.subject}
    stated |= {f"after/{i}": parent for i, parent in enumerate(facts.after)}
    stated |= {f"derived_from/{i}": source for i, source in enumerate(facts.derived_from)}
    if facts.exercise:
        stated["exercise"] = facts.exercise
    return stated


def issue(
    type_: str,
    body: Body,
    label: Label,
    facts: Facts,
    key: sign.SigningKey,
    random: Random,
    *,
    closed: bool = False,
) -> Record:
    """Return a new signed record with everything disclosed to its author.

    `closed` makes a statement that binds two parties: no decoys, so that whoever endorses it can see that nothing is hidden.

    Raises:
        RecordError: a part is malformed.
    """
    if key.purpose != sign.Purpose.RECORD:
        raise RecordError(f"a key for `{key.purpose}` signs no records: take the node's record key")
    stated = _header_facts(facts)
    named = stated | _label_facts(label) | _payload_facts(body)
    count = len(named)
    fresh = random(SALT_BYTES * (count if closed else _padded(count)))
    texts = canonical.b64_each([fresh[i : i + SALT_BYTES] for i in range(0, len(fresh), SALT_BYTES)])
    try:
        disclosures = {name: encode((salt, name, named[name])) for salt, name in zip(texts, named, strict=False)}
    except (UnicodeError, OverflowError) as error:
        raise RecordError(f"a fact cannot be written as json: {error}") from error
    clear = Clear(
        digests=tuple(sorted(statement.digests_of(disclosures.values()) + texts[count:])),
        exercise=bool(facts.exercise),
        handling=facts.handling,
        issued_on=statement.day_of(facts.at_ms),
        issuer=facts.node.partition("/")[0],
        key=key.key_id,
        label=tuple(ClearGrade(grade.classification, grade.policy) for grade in label.grades),
        type=type_,
    )
    # Salts and digests are spelled here, label and payload were judged with their facts: what is left is what the caller states.
    statement.check_spelled(clear)
    statement.check_values(clear, stated)
    payload = encode(clear)
    message = sign.pae(_PAYLOAD_TYPE, payload)
    envelope = sign.enclose("statement", payload, key.key_id, key.sign(message))
    made = Record(_record_id(message), envelope, clear, named, disclosures)
    made.__dict__["label"] = label  # as its facts would say it
    _check_size(len(made.whole))
    return made


def _record_id(message: bytes) -> str:
    return hashlib.sha256(message).hexdigest()


def _check_size(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise RecordError(f"body of {size} bytes is over {MAX_BODY_BYTES}: put large data in a blob")


def read(data: bytes) -> Record:
    """Return the record of an entry body; its signature is not judged here but by `verify`.

    Raises:
        RecordError: the bytes are malformed, not canonical, or a disclosure opens no digest, or one twice.
    """
    _check_size(len(data))
    try:
        wire = _wire_decoder.decode(data)
        shown = [encode(item) for item in wire.disclosures]
        again = b'{"disclosures":[' + b",".join(shown) + b'],"envelope":' + encode(wire.envelope) + b"}"
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
        raise RecordError(f"not a record body: {error}") from error
    if again != data or shown != sorted(shown):
        raise RecordError("record body is not in canonical form")
    envelope = wire.envelope
    if envelope.payload_type != _PAYLOAD_TYPE:
        raise RecordError(f"expected a statement, got payload type `{envelope.payload_type[:80]}`")
    payload = envelope.payload_bytes()
    clear = statement.read(payload)
    statement.check(clear)
    signed = sign.pae(envelope.payload_type, payload), envelope.signature_bytes()
    if envelope.key_id != clear.key:
        raise RecordError("the envelope names another key than its statement")
    statement.check_opened(clear, shown)
    disclosed = statement.check_facts(clear, wire.disclosures)
    made = Record(_record_id(signed[0]), envelope, clear, disclosed, dict(zip(disclosed, shown, strict=True)))
    made.__dict__.update(signed=signed, whole=data)  # `verify` comes next: it need not decode them again
    return made


def reread(data: bytes) -> Record:
    """Return the record of an entry body that `read` accepted, or `issue` made, before it was kept: nothing is judged again.

    Raises:
        RecordError: the bytes are no such body.
    """
    try:
        wire = _wire_decoder.decode(data)
        payload = a2b_base64(wire.envelope.payload)
        clear = statement.decode(payload)
        shown = [encode(item) for item in wire.disclosures]
    except (msgspec.MsgspecError, ValueError) as error:
        raise RecordError(f"not a record body: {error}") from error
    disclosed = {name: value for _, name, value in wire.disclosures}
    message = sign.pae(_PAYLOAD_TYPE, payload)
    made = Record(_record_id(message), wire.envelope, clear, disclosed, dict(zip(disclosed, shown, strict=True)))
    made.__dict__["whole"] = data
    return made


def verify(record: Record, public_key: bytes) -> None:
    """Accept the issuer's signature.

    Raises:
        SignatureError: it does not verify under this key, or the key's id is not the one that the statement names.
    """
    if sign.key_id(sign.Purpose.RECORD, public_key) != record.clear.key:
        raise SignatureError(f"the statement names key `{record.clear.key[:32]}`, not this one")
    if record.envelope.payload_type != _PAYLOAD_TYPE:
        raise RecordError(f"expected a statement, got payload type `{record.envelope.payload_type[:80]}`")
    message, signature = record.signed
    sign.verify(public_key, message, signature)


def merge(one: Record, other: Record) -> Record:
    """Return the record with the disclosures of both, each verified before: a second release may disclose more.

    The id covers the statement and not the signature; of two valid signatures the lesser stays, so that any order of merging gives one result.

    Raises:
        RecordError: they are different records, or open one name differently.
    """
    if one.id != other.id:
        raise RecordError("only two holdings of one record merge")
    for name in one.disclosures.keys() & other.disclosures.keys():
        if one.disclosures[name] != other.disclosures[name]:
            raise RecordError(f"`{name[:60]}` is opened in two ways")
    envelope = min(one.envelope, other.envelope, key=lambda held: held.signatures[0].sig)
    return Record(one.id, envelope, one.clear, one.disclosed | other.disclosed, one.disclosures | other.disclosures)


def label_of(record: Record) -> Label:
    """Return the label as far as it was disclosed.

    What was not disclosed denies: where caveats, originators or review date are withheld, nothing is releasable and no purpose allowed.

    Raises:
        RecordError: a disclosed label part is malformed.
    """
    return record.label


def _label_of(record: Record) -> Label:
    shown = {
        name: value
        for name, value in record.disclosed.items()
        if name in _LABEL_FACTS or name.startswith(("caveats/", "releasable_to/"))
    }
    return _label(encode((record.clear.issuer, record.clear.label, shown)))


_LABEL_FACTS = frozenset({"originators", "purposes", "review_by"})
_label_decoder = msgspec.json.Decoder(tuple[str, tuple[ClearGrade, ...], dict[str, Any]])


@lru_cache(maxsize=4096)  # few labels recur in many records, and one object for each makes them quick to compare
def _label(stated: bytes) -> Label:
    """Return the label of an issuer, the grades in the clear, and the label's facts as far as they were disclosed."""
    issuer, clear, shown = _label_decoder.decode(stated)
    policies = [grade.policy for grade in clear]
    caveats = {name.partition("/")[2] for name in shown if name.startswith("caveats/")}
    if not caveats <= set(policies):
        raise RecordError(f"caveats of policies `{sorted(caveats)}`, of which some have no grade")
    complete = len(caveats) == len(policies) and "originators" in shown and "review_by" in shown
    label = Label(
        grades=tuple(
            Grade(grade.policy, grade.classification, frozenset(shown.get(f"caveats/{grade.policy}", ())))
            for grade in clear
        ),
        originators=frozenset(shown.get("originators", ())) or frozenset({issuer}),
        purposes=frozenset(shown.get("purposes", ()) if complete else ()),
        releasable_to=frozenset(
            name.partition("/")[2] for name in shown if complete and name.startswith("releasable_to/")
        ),
        review_by=shown.get("review_by"),
    )
    labels.check(label)
    return label


def body_of(record: Record, body_type: type[B]) -> B:
    """Return the payload as its record class; what was not disclosed is `WITHHELD`.

    Raises:
        RecordError: a disclosed field is unknown to the class or of another type.
    """
    fields: dict[str, Any] = {}
    items: dict[str, list[tuple[int, Any]]] = {}
    for name, value in record.disclosed.items():
        if not name.startswith("payload/"):
            continue
        field, _, index = name.removeprefix("payload/").partition("/")
        if not index:
            if field in body_type.__each__:
                raise RecordError(f"`{name[:60]}` must be committed item by item")
            fields[field] = value
        elif field in body_type.__each__ and index.isdecimal():
            items.setdefault(field, []).append((int(index), value))
        else:
            raise RecordError(f"`{name[:60]}` is no field of `{record.clear.type}`")
    fields |= {field: [value for _, value in sorted(pairs, key=itemgetter(0))] for field, pairs in items.items()}
    try:
        return msgspec.convert(fields, body_type, strict=True)
    except msgspec.ValidationError as error:
        raise RecordError(f"payload of `{record.clear.type}`: {error}") from error
