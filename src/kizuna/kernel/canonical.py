"""Canonical JSON: the one byte form of everything that is signed, hashed or chained.

The profile is RFC 8785 restricted to what every implementation agrees on: sorted ASCII keys, UTF-8 in NFC, no floats, integers below 2^53.
A decoder that tolerates a second spelling of the same value lets one signature mean two things, so `decode` re-encodes and compares bytes.
What the values mean is left to the structs that callers pass as `type`.
"""

from __future__ import annotations

import unicodedata
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeVar, overload

import msgspec
import msgspec.inspect

from kizuna.errors import RecordError

T = TypeVar("T")

MAX_INTEGER = 2**53 - 1
"""The largest integer magnitude on the wire: every JSON reader holds it exactly."""

MAX_DEPTH = 32
"""How many lists and mappings may stand inside one another: a fixed bound, so that no two nodes differ in what they can read."""

_encoder = msgspec.json.Encoder(order="sorted")
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
# Before a number stands a colon, a comma or a bracket, which here are all one, as digits are.
_ALIKE = bytes.maketrans(b"123456789,[E", b"000000000::e")
_SIXTEEN_DIGITS = b":" + b"0" * 16
_TEXT = frozenset({str})
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def check(value: Any, depth: int = MAX_DEPTH) -> None:
    """Accept a value of built-in types that the profile can say.

    Raises:
        RecordError: it holds a float, an integer beyond 2^53, text outside NFC, a key that is not ASCII, or nests deeper than `depth`.
    """
    if _is_plain(value, depth):
        return
    if isinstance(value, str):
        if not unicodedata.is_normalized("NFC", value):
            raise RecordError(f"text `{value[:40]}` is not in unicode normal form NFC: normalise it before signing")
    elif isinstance(value, float):
        raise RecordError(f"`{value}` is a float: use a scaled integer or a decimal string")
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise RecordError(f"integer `{value}` is beyond 2^53: write it as a string")
    elif value is not None:
        _check_items(value, depth)


def _check_items(value: Any, depth: int) -> None:
    if depth == 0:
        raise RecordError(f"nested deeper than {MAX_DEPTH}: use a flatter shape")
    if isinstance(value, dict):
        for key in value:
            if not key.isascii():
                raise RecordError(f"key `{key[:40]}` is not ascii")
        value = value.values()
    for item in value:
        check(item, depth - 1)


def _is_plain(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Return whether a value is of the profile at a glance: nothing but ASCII text, integers in range, and lists and mappings of such."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if kind is bool or value is None:
        return True
    if depth == 0:
        return False
    if kind is dict:
        return set(map(type, value)) <= _TEXT and "".join(value).isascii() and _are_plain(value.values(), depth)
    return (kind is list or kind is tuple) and _are_plain(value, depth)


def _are_plain(values: Iterable[Any], depth: int) -> bool:
    # A loop of its own, though `all` says it shorter: most values are text or numbers, and a call for each would be most of the time.
    for value in values:
        kind = type(value)
        if kind is str:
            if not value.isascii():
                return False
        elif kind is int:
            if not -MAX_INTEGER <= value <= MAX_INTEGER:
                return False
        elif not _is_plain(value, depth - 1):
            return False
    return True


def _needs_walk(data: bytes) -> bool:
    return (
        data[:1] not in {b"{", b"["}
        or _typed_needs_walk(data)
        # A float is digits with a point or an exponent. Text may look like one: that only sends the value to the slow, exact walk.
        or b":." in (bare := data.translate(_ALIKE, b"-0123456789"))
        or b":e" in bare
    )


def _typed_needs_walk(data: bytes) -> bool:
    """Tell whether a value read as a type without floats needs the walk: what is left to go wrong are its texts, its integers and its depth."""
    return (
        not data.isascii()
        or data.count(b"[") + data.count(b"{") > MAX_DEPTH
        or _SIXTEEN_DIGITS in (b":" + data).translate(_ALIKE, b"-")
    )


@cache
def _may_hold_floats(kind: Any) -> bool:
    """Return whether a value read as this type can hold a float, or something that its type does not say."""
    return _holds_floats(msgspec.inspect.type_info(kind))


def _holds_floats(info: Any) -> bool:
    types = msgspec.inspect
    if isinstance(info, types.StructType):
        return any(_holds_floats(field.type) for field in info.fields)
    if isinstance(info, types.UnionType):
        return any(map(_holds_floats, info.types))
    if isinstance(info, types.TupleType):
        return any(map(_holds_floats, info.item_types))
    if isinstance(info, types.VarTupleType | types.ListType | types.FrozenSetType):
        return _holds_floats(info.item_type)
    return not isinstance(info, types.IntType | types.StrType | types.BoolType | types.NoneType | types.LiteralType)


def encode(value: Any) -> bytes:
    """Return the canonical bytes of a struct, mapping, sequence or scalar.

    Raises:
        RecordError: the value holds a float, an integer beyond 2^53, text outside NFC, more than `MAX_DEPTH` levels, or something that JSON
            cannot say.
    """
    try:
        data = _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RecordError(f"cannot be written as canonical json: {error}") from error
    if _is_plain(value):
        return data
    if b"null" in data:  # what the encoder writes for a float that is no number
        check(msgspec.to_builtins(value, str_keys=True))
    if _needs_walk(data):
        check(msgspec.json.decode(data))
    return data


@overload
def decode(data: bytes, *, type: type[T]) -> T: ...  # the word msgspec users expect
@overload
def decode(data: bytes) -> Any: ...
def decode(data: bytes, *, type: Any = Any) -> Any:  # noqa: A002 # the word msgspec users expect
    """Return the value of canonical bytes, decoded strictly as `type`.

    Raises:
        RecordError: the bytes are not JSON, not of that type, or not the one canonical spelling of their value.
    """
    decoder = _decoders.get(type)
    if decoder is None:
        decoder = _decoders[type] = msgspec.json.Decoder(type, strict=True)
    try:
        value = decoder.decode(data)
        again = _encoder.encode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
        raise RecordError(f"not a well-formed `{getattr(type, '__name__', 'value')}`: {error}") from error
    if again != data:
        raise RecordError("not in canonical form: keys sorted and given once, no spaces, one spelling a value")
    if _needs_walk(data) if _may_hold_floats(type) else _typed_needs_walk(data):
        check(msgspec.json.decode(data))
    return value


def b64(data: bytes) -> str:
    """Return base64url without padding: 43 characters for 32 bytes."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def b64_each(digests: Sequence[bytes]) -> list[str]:
    """Return base64url without padding of each 32-byte string: one call for all of them is several times as fast."""
    text = b64(
        b"\0".join(digests) + b"\0"
    )  # a 33rd byte makes each a whole number of characters, the last of them empty
    return [text[i : i + 43] for i in range(0, 44 * len(digests), 44)]


def unb64(text: str) -> bytes:
    """Return the bytes of base64url without padding.

    Raises:
        RecordError: the text is not the one spelling of its bytes.
    """
    try:
        data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (ValueError, UnicodeError) as error:
        raise RecordError(f"`{text[:20]}` is not base64url") from error
    if b64(data) != text:
        raise RecordError(f"`{text[:20]}` is not the one base64url spelling of its bytes")
    return data
