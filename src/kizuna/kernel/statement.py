"""The signed statement of a record: what everyone sees, and what may stand in it and in the facts that its digests open.

Making, reading and disclosing records is `kizuna.kernel.record`'s.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel import canonical
from kizuna.kernel import label as labels
from kizuna.kernel.intervals import DAY_MS

HANDLING = ("personal", "registered", "standard")
MAX_DIGESTS = 4096
MAX_TYPE_CHARS = 80
_DOMAIN = b"kizuna.field.v1\0"
_DIGEST_CHARS = 43
_TEXT = frozenset({str})
_EPOCH_DAY = date(1970, 1, 1).toordinal()

# One spelling of 32 bytes in base64url: the last of the 43 characters carries four bits, and two that are zero.
_are_digests = re.compile(r"(?:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])*").fullmatch
_is_id = re.compile(r"[0-9a-f]{64}").fullmatch
_is_key_id = re.compile(r"[0-9a-f]{32}").fullmatch
_is_type = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*\.v[1-9][0-9]{0,3}").fullmatch
_is_name = re.compile(
    r"node|actor|at|subject|exercise|purposes|originators|review_by"
    r"|(?:after|derived_from)/(?:0|[1-9][0-9]{0,3})"
    r"|caveats/[a-z0-9][a-z0-9.:-]{0,63}"
    r"|releasable_to/[a-z][a-z0-9-]{1,31}"
    r"|payload/[a-z][a-z0-9_]{0,63}(?:/(?:0|[1-9][0-9]{0,3}))?"
).fullmatch


class ClearGrade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grade without its caveats, which are commitments."""

    classification: Annotated[int, msgspec.Meta(ge=0, le=labels.MAX_CLASSIFICATION)]
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


encode = msgspec.json.Encoder(order="sorted").encode
decode = msgspec.json.Decoder(Clear, strict=True).decode
"""Read a statement that was judged before it was kept."""


def digests_of(disclosures: Iterable[bytes]) -> list[str]:
    """Return the commitment to each disclosure's canonical bytes: 43 characters of base64url."""
    return canonical.b64_each([hashlib.sha256(_DOMAIN + shown).digest() for shown in disclosures])


def day_of(at_ms: int) -> str:
    """Return the UTC day of an instant in milliseconds, as `YYYY-MM-DD`.

    Raises:
        RecordError: it lies outside the calendar.
    """
    try:
        return date.fromordinal(_EPOCH_DAY + at_ms // DAY_MS).isoformat()
    except (TypeError, ValueError, OverflowError) as error:
        raise RecordError(f"instant `{at_ms}` is outside the calendar: give milliseconds since 1970") from error


@lru_cache(maxsize=256)
def _epoch_day(day: str) -> int:
    if not labels.is_date(day):
        raise RecordError(f"day of issue `{day[:20]}` is not `YYYY-MM-DD`")
    return date.fromisoformat(day).toordinal() - _EPOCH_DAY


def _are_32_bytes(texts: Sequence[str]) -> bool:
    return set(map(len, texts)) <= {_DIGEST_CHARS} and _are_digests("".join(texts)) is not None


def read(payload: bytes) -> Clear:
    """Return the statement of an envelope's payload; `check` judges what it says.

    Raises:
        RecordError: it is no statement in canonical form.
    """
    # No walk as in `canonical.decode`: a statement has no free values, and `check` holds each of its texts to an ASCII pattern.
    try:
        clear = decode(payload)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise RecordError(f"not a statement: {error}") from error
    if encode(clear) != payload:
        raise RecordError("the statement is not in canonical form")
    return clear


def check(clear: Clear) -> None:
    """Accept a statement each of whose parts has its form.

    Raises:
        RecordError: one has not; says which.
    """
    if len(clear.digests) > MAX_DIGESTS or not _are_32_bytes(clear.digests):
        raise RecordError(f"digests are not 32 bytes each in base64url, or more than {MAX_DIGESTS}")
    check_spelled(clear)


def check_spelled(clear: Clear) -> None:
    """Accept a statement each of whose parts has its form, where its digests are known to be 32 bytes in their one spelling.

    Raises:
        RecordError: one has not; says which.
    """
    digests = clear.digests
    if len(digests) > MAX_DIGESTS:
        raise RecordError(f"a record of {len(digests)} facts and decoys is over {MAX_DIGESTS}: cut it into several")
    if list(digests) != sorted(set(digests)):
        raise RecordError("digests are not sorted, or one stands twice")
    _check_named(clear.key, clear.handling, clear.type, clear.issuer, clear.issued_on, clear.label)


@lru_cache(maxsize=4096)  # one node's records of one type and day differ in their digests alone
def _check_named(
    key: str, handling: str, type_: str, issuer: str, issued_on: str, label: tuple[ClearGrade, ...]
) -> None:
    if not _is_key_id(key):
        raise RecordError(f"key `{key[:40]}` is not 32 hex digits")
    if handling not in HANDLING:
        raise RecordError(f"handling class `{handling[:40]}` is not one of {list(HANDLING)}")
    if len(type_) > MAX_TYPE_CHARS or not _is_type(type_):
        raise RecordError(f"type `{type_[:MAX_TYPE_CHARS]}` is not a wire name such as `supply.order-requested.v1`")
    if not labels.PARTY(issuer):
        raise RecordError(f"issuer `{issuer[:40]}` is not the lower-case name of a party")
    _epoch_day(issued_on)
    policies = [grade.policy for grade in label]
    if not policies or policies != sorted(set(policies)) or not all(map(labels.WORD, policies)):
        raise RecordError("label grades must stand once for each policy, sorted by policy")


def check_opened(clear: Clear, shown: list[bytes]) -> None:
    """Accept disclosures, as canonical bytes, of which each opens a digest.

    Raises:
        RecordError: one opens none.
    """
    if not set(digests_of(shown)).issubset(clear.digests):
        raise RecordError("a disclosure opens no digest of its statement")


def check_facts(clear: Clear, items: Sequence[tuple[str, str, Any]]) -> dict[str, Any]:
    """Return the facts of disclosures `(salt, name, value)` by name.

    Raises:
        RecordError: a salt, name or value is malformed, contradicts the statement, or a fact stands twice.
    """
    if not _are_32_bytes([item[0] for item in items]):
        raise RecordError("a salt is not 32 bytes in base64url")
    facts = {name: value for _, name, value in items}
    if len(facts) != len(items):
        raise RecordError("a fact is disclosed twice")
    check_values(clear, facts)
    return facts


def check_values(clear: Clear, facts: Mapping[str, Any]) -> None:
    """Accept facts by name.

    Raises:
        RecordError: a name or value is malformed, or contradicts the statement.
    """
    for name, value in facts.items():
        judge = _judge(name)
        if judge is not None and not judge(value, clear):
            raise RecordError(f"the value of `{name[:60]}` is malformed or contradicts its statement")
    canonical.check(facts, canonical.MAX_DEPTH + 1)  # the level that holds them all is no value's


@lru_cache(maxsize=4096)  # names recur from record to record
def _judge(name: str) -> Callable[[Any, Clear], bool] | None:
    """Return what judges the value of a header fact, or None for a field of the payload."""
    check_name(name)
    return _HEADER.get(name.partition("/")[0])


def check_name(name: str) -> None:
    """Accept the name of a fact.

    Raises:
        RecordError: it is none.
    """
    if not _is_name(name):
        raise RecordError(f"`{name[:60]}` is not the name of a fact")


def _is_text(value: Any, _: Clear) -> bool:
    return isinstance(value, str)


def _is_record_id(value: Any, _: Clear) -> bool:
    return isinstance(value, str) and _is_id(value) is not None


def _are_texts(value: Any, _: Clear) -> bool:
    return isinstance(value, list) and set(map(type, value)) <= _TEXT and value == sorted(set(value))


_HEADER: dict[str, Callable[[Any, Clear], bool]] = {
    "actor": _is_text,
    "after": _is_record_id,
    "at": lambda value, clear: type(value) is int and value // DAY_MS == _epoch_day(clear.issued_on),
    "caveats": _are_texts,
    "derived_from": _is_record_id,
    "exercise": lambda value, clear: isinstance(value, str) and clear.exercise,
    "node": lambda value, clear: isinstance(value, str) and value.startswith(f"{clear.issuer}/"),
    "originators": _are_texts,
    "purposes": _are_texts,
    "releasable_to": lambda value, _: value is True,
    "review_by": lambda value, _: value is None or isinstance(value, str),
    "subject": _is_text,
}
"""What each header fact's value must be, against its statement; payload fields are judged by `body_of`."""
