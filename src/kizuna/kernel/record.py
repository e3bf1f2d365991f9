"""The record: a signed statement whose facts are salted commitments, disclosed or withheld one by one.

In the clear stand only type, issuer, key, label grades, exercise mark, handling class and day of issue. All else is a commitment in one
sorted list of digests without names, padded with decoys. Withholding a fact leaves id and signature valid: that is how one record travels
under several agreements, each disclosing what its provision names. `docs/protocol/record.md` shows the bytes.

Which facts to disclose is `kizuna.kernel.release`'s judgement; which key belongs to whom is the node's.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET as WITHHELD
from msgspec import UnsetType as Withheld

from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import canonical, sign
from kizuna.kernel import label as labels
from kizuna.kernel.label import Grade, Label
from kizuna.kernel.ports import Random

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
MAX_DIGESTS = 4096
MAX_BODY_BYTES = 1 << 20
"""The largest entry body: larger data is a blob, whose digest the record commits to."""
_DOMAIN = b"kizuna.field.v1\0"
_DIGEST_CHARS = 43
HANDLING = ("personal", "registered", "standard")


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The payload of a record type: each field is `T | Withheld`.

    A field named in the class's `__each__` is a sequence whose items are committed one by one, so that a release can disclose some.
    """

    __each__ = frozenset[str]()


class ClearGrade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grade without its caveats, which are commitments."""

    classification: int
    policy: str


class Clear(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement as it is signed: what everyone sees, and the digests of what they may not."""

    digests: tuple[str, ...]
    exercise: bool
    handling: str
    issued_on: str
    issuer: str
    key: str
    label: tuple[ClearGrade, ...]
    type: str


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


class Record(msgspec.Struct, frozen=True):
    """A record as one party holds it: the envelope whole, and the facts that were disclosed to that party."""

    id: str
    envelope: sign.Envelope
    clear: Clear
    disclosed: dict[str, Any]
    disclosures: dict[str, bytes]
    """Name to the canonical bytes `[salt, name, value]`, as the issuer hashed them."""

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
        found = [
            (int(name[len(prefix) + 1 :]), value)
            for name, value in self.disclosed.items()
            if name.startswith(f"{prefix}/") and name[len(prefix) + 1 :].isdecimal() and isinstance(value, str)
        ]
        return tuple(value for _, value in sorted(found))

    def bytes(self, names: Iterable[str] | None = None) -> bytes:
        """Return the entry body: envelope and the named disclosures (all held ones by default), sorted.

        A name that is not held is passed over: one cannot show what one was not shown.
        """
        held = self.disclosures
        chosen = held.values() if names is None else [held[name] for name in names if name in held]
        body = b",".join(sorted(chosen))
        return b'{"disclosures":[' + body + b'],"envelope":' + canonical.encode(self.envelope) + b"}"


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    disclosures: tuple[msgspec.Raw, ...]
    envelope: sign.Envelope


_wire_decoder = msgspec.json.Decoder(_Wire, strict=True)
_disclosure_decoder = msgspec.json.Decoder(tuple[str, str, Any], strict=True)


def digest(disclosure: bytes) -> str:
    """Return the commitment to a disclosure's canonical bytes: 43 characters of base64url."""
    return canonical.b64(hashlib.sha256(_DOMAIN + disclosure).digest())


def _padded(count: int) -> int:
    size = 8
    while size < count:
        size *= 2
    return size


def _payload_facts(body: Body) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for field, value in msgspec.to_builtins(body, builtin_types=()).items():
        if field in body.__each__:
            facts.update({f"payload/{field}/{i}": item for i, item in enumerate(value)})
        else:
            facts[f"payload/{field}"] = value
    return facts


def _label_facts(label: Label) -> dict[str, Any]:
    facts: dict[str, Any] = {f"releasable_to/{party}": True for party in label.releasable_to}
    facts |= {f"caveats/{grade.policy}": sorted(grade.caveats) for grade in label.grades if grade.caveats}
    facts["purposes"] = sorted(label.purposes)
    facts["originators"] = sorted(label.originators)
    if label.review_by is not None:
        facts["review_by"] = label.review_by
    return facts


def _header_facts(facts: Facts) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "node": facts.node,
        "actor": facts.actor,
        "at": facts.at_ms,
        "subject": facts.subject,
    }
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
    labels.check(label)
    if facts.handling not in HANDLING:
        raise RecordError(f"handling class `{facts.handling}` is not one of {list(HANDLING)}")
    named = _header_facts(facts) | _label_facts(label) | _payload_facts(body)
    count = len(named)
    salts = random(SALT_BYTES * count)
    disclosures = {
        name: canonical.encode([canonical.b64(salts[i * SALT_BYTES : (i + 1) * SALT_BYTES]), name, value])
        for i, (name, value) in enumerate(named.items())
    }
    digests = [digest(shown) for shown in disclosures.values()]
    if not closed:
        digests += [canonical.b64(random(SALT_BYTES)) for _ in range(_padded(count) - count)]
    clear = Clear(
        digests=tuple(sorted(digests)),
        exercise=bool(facts.exercise),
        handling=facts.handling,
        issued_on=datetime.fromtimestamp(facts.at_ms / 1000, UTC).date().isoformat(),
        issuer=facts.node.partition("/")[0],
        key=key.key_id,
        label=tuple(ClearGrade(grade.classification, grade.policy) for grade in label.grades),
        type=type_,
    )
    payload = canonical.encode(clear)
    envelope = sign.seal("statement", payload, key)
    return Record(_record_id(payload), envelope, clear, named, disclosures)


def _record_id(payload: bytes) -> str:
    return hashlib.sha256(sign.pae(sign.PAYLOAD_TYPES["statement"], payload)).hexdigest()


def read(data: bytes) -> Record:
    """Return the record of an entry body; its signature is not judged here but by `verify`.

    Raises:
        RecordError: the bytes are malformed, not canonical, or a disclosure opens no digest, or one twice.
    """
    if len(data) > MAX_BODY_BYTES:
        raise RecordError(f"body of {len(data)} bytes is over {MAX_BODY_BYTES}: put large data in a blob")
    try:
        wire = _wire_decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise RecordError(f"not a record body: {error}") from error
    shown = [bytes(raw) for raw in wire.disclosures]
    again = b'{"disclosures":[' + b",".join(shown) + b'],"envelope":' + canonical.encode(wire.envelope) + b"}"
    if again != data or shown != sorted(shown):
        raise RecordError("record body is not in canonical form")
    if wire.envelope.payload_type != sign.PAYLOAD_TYPES["statement"]:
        raise RecordError(f"expected a statement, got payload type `{wire.envelope.payload_type[:80]}`")
    payload = wire.envelope.payload_bytes()
    clear = canonical.decode(payload, type=Clear)
    _check_clear(clear, wire.envelope)
    disclosed, disclosures = _open(clear, shown)
    return Record(_record_id(payload), wire.envelope, clear, disclosed, disclosures)


def _check_clear(clear: Clear, envelope: sign.Envelope) -> None:
    digests = clear.digests
    if len(digests) > MAX_DIGESTS or any(len(text) != _DIGEST_CHARS for text in digests):
        raise RecordError("digests are not 43 characters each, or too many")
    if any(one >= other for one, other in itertools.pairwise(digests)):
        raise RecordError("digests are not sorted, or one stands twice")
    if envelope.key_id != clear.key:
        raise RecordError("the envelope names another key than its statement")
    if clear.handling not in HANDLING:
        raise RecordError(f"handling class `{clear.handling[:40]}` is unknown")
    policies = [grade.policy for grade in clear.label]
    if not policies or policies != sorted(set(policies)):
        raise RecordError("label grades must stand once for each policy, sorted by policy")


def _open(clear: Clear, shown: list[bytes]) -> tuple[dict[str, Any], dict[str, bytes]]:
    closed_digests = set(clear.digests)
    disclosed: dict[str, Any] = {}
    disclosures: dict[str, bytes] = {}
    for raw in shown:
        mark = digest(raw)
        if mark not in closed_digests:
            raise RecordError("a disclosure opens no digest of its statement, or one that is open already")
        closed_digests.remove(mark)
        try:
            salt, name, value = _disclosure_decoder.decode(raw)
        except msgspec.MsgspecError as error:
            raise RecordError(f"a disclosure is not salt, name and value: {error}") from error
        if len(salt) != _DIGEST_CHARS or canonical.encode([salt, name, value]) != raw:
            raise RecordError("a disclosure is not in canonical form")
        if name in disclosed:
            raise RecordError(f"`{name[:60]}` is disclosed twice")
        disclosed[name] = value
        disclosures[name] = raw
    return disclosed, disclosures


def verify(record: Record, public_key: bytes) -> None:
    """Accept the issuer's signature.

    Raises:
        SignatureError: it does not verify under this key, or the key's id is not the one that the statement names.
    """
    if sign.key_id(sign.Purpose.RECORD, public_key) != record.clear.key:
        raise SignatureError(f"the statement names key `{record.clear.key[:32]}`, not this one")
    sign.unseal("statement", record.envelope, public_key)


def merge(one: Record, other: Record) -> Record:
    """Return the record with the disclosures of both: a second release may disclose more.

    Raises:
        RecordError: they are different records, or open one name differently.
    """
    if one.id != other.id:
        raise RecordError("only two holdings of one record merge")
    for name in one.disclosures.keys() & other.disclosures.keys():
        if one.disclosures[name] != other.disclosures[name]:
            raise RecordError(f"`{name[:60]}` is opened in two ways")
    return Record(one.id, one.envelope, one.clear, one.disclosed | other.disclosed, one.disclosures | other.disclosures)


def label_of(record: Record) -> Label:
    """Return the label as far as it was disclosed; what was not disclosed denies.

    Raises:
        RecordError: a disclosed label part is malformed.
    """
    shown = record.disclosed
    label = Label(
        grades=tuple(
            Grade(grade.policy, grade.classification, _texts(shown.get(f"caveats/{grade.policy}", [])))
            for grade in record.clear.label
        ),
        originators=_texts(shown.get("originators", [])) or frozenset({record.clear.issuer}),
        purposes=_texts(shown.get("purposes", [])),
        releasable_to=frozenset(
            name.partition("/")[2]
            for name, value in shown.items()
            if name.startswith("releasable_to/") and value is True
        ),
        review_by=shown.get("review_by"),
    )
    labels.check(label)
    return label


def _texts(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RecordError("a label part is not a list of names")
    return frozenset(value)


def body_of(record: Record, body_type: type[B]) -> B:
    """Return the payload as its record class; what was not disclosed is `WITHHELD`.

    Raises:
        RecordError: a disclosed field is unknown to the class or of another type.
    """
    fields: dict[str, Any] = {}
    items: dict[str, list[tuple[int, Any]]] = {}
    for name, value in record.disclosed.items():
        kind, _, field = name.partition("/")
        if kind != "payload":
            continue
        field, _, index = field.partition("/")
        if not index:
            if field in body_type.__each__:
                raise RecordError(f"`{name[:60]}` must be committed item by item")
            fields[field] = value
        elif field in body_type.__each__ and index.isdecimal():
            items.setdefault(field, []).append((int(index), value))
        else:
            raise RecordError(f"`{name[:60]}` is no field of `{record.clear.type}`")
    fields |= {field: [value for _, value in sorted(pairs, key=_first)] for field, pairs in items.items()}
    try:
        return msgspec.convert(fields, body_type, strict=True)
    except msgspec.ValidationError as error:
        raise RecordError(f"payload of `{record.clear.type}`: {error}") from error


def _first(pair: tuple[int, Any]) -> int:
    return pair[0]
