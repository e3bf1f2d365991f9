"""Canonical JSON: one spelling for each value, and no value that two readers could take differently."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.kernel import canonical

NFC_TEXT = st.text().map(lambda text: unicodedata.normalize("NFC", text))
KEYS = st.text(alphabet=st.characters(max_codepoint=127))
SCALARS = st.none() | st.booleans() | st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER) | NFC_TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)

HOSTILE = {
    "duplicate key": b'{"a":0,"a":3}',
    "duplicate key, same value": b'{"a":3,"a":3}',
    "unsorted keys": b'{"b":1,"a":2}',
    "space after colon": b'{"a": 1}',
    "leading space": b' {"a":1}',
    "trailing newline": b'{"a":1}\n',
    "float": b'{"a":1.5}',
    "integral float": b'{"a":1.0}',
    "exponent": b'{"a":1e2}',
    "capital exponent": b'{"a":1E2}',
    "minus zero": b'{"a":-0}',
    "minus zero float": b'{"a":-0.0}',
    "leading zero": b'{"a":01}',
    "plus sign": b'{"a":+1}',
    "hexadecimal": b'{"a":0x1}',
    "not a number": b'{"a":NaN}',
    "infinity": b'{"a":Infinity}',
    "escaped ascii": b'{"a":"\\u0041"}',
    "escaped ascii in a key": b'{"\\u0061":1}',
    "escaped solidus": b'{"a":"\\/"}',
    "escaped e acute": b'{"a":"\\u00e9"}',
    "capital escape": b'{"a":"\\u001F"}',
    "long escape of newline": b'{"a":"\\u000a"}',
    "decomposed text": '{"a":"e\u0301"}'.encode(),
    "angstrom sign": '{"a":"\u212b"}'.encode(),
    "decomposed text after a bare scalar": '"e\u0301"'.encode(),
    "key outside ascii": '{"é":1}'.encode(),
    "two to the 53": b'{"a":9007199254740992}',
    "minus two to the 53": b'{"a":-9007199254740992}',
    "bare two to the 53": b"9007199254740992",
    "bare float": b"1.5",
    "twenty digits": b"[99999999999999999999]",
    "six thousand digits": b"9" * 6000,
    "deep lists": b"[" * 40 + b"]" * 40,
    "very deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep mappings": b'{"a":' * 40 + b"1" + b"}" * 40,
    "lone high surrogate": b'{"a":"\\ud800"}',
    "lone low surrogate": b'{"a":"\\udc00"}',
    "surrogate pair for a plain character": b'{"a":"\\ud83d\\ude00"}',
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "utf-16": '{"a":1}'.encode("utf-16-le"),
    "trailing bytes": b'{"a":1}x',
    "two values": b'{"a":1}{"a":1}',
    "trailing comma": b'{"a":1,}',
    "comment": b'{"a":1/*x*/}',
    "single quotes": b"{'a':1}",
    "raw control character": b'{"a":"\x01"}',
    "invalid utf-8": b'{"a":"\xff"}',
    "overlong utf-8": b'{"a":"\xc0\xaf"}',
    "utf-8 surrogate": b'{"a":"\xed\xa0\x80"}',
    "truncated": b'{"a":',
    "empty": b"",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError):
        canonical.decode(data)


@given(VALUES)
def test_what_is_encoded_decodes_to_itself_and_equals_rfc_8785(value: Any) -> None:
    data = canonical.encode(value)
    assert canonical.decode(data) == value
    assert data == rfc8785.dumps(value)


@given(VALUES, st.integers(0, 3))
def test_every_other_spelling_is_refused(value: Any, way: int) -> None:
    data = canonical.encode(value)
    other = (
        json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode(),
        data + b" ",
        b"\n" + data,
    )[way]
    if other != data:
        with pytest.raises(RecordError):
            canonical.decode(other)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except RecordError:
        return
    assert canonical.encode(value) == data


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        [1.0],
        {"a": 2.0**60},
        float("nan"),
        [float("inf")],
        {"a": float("-inf")},
        2**53,
        -(2**53),
        2**70,
        "e\u0301",
        {"é": 1},
        {"a": "\ud800"},
        object(),
        {("a", "b"): 1},
        {1: {2: float("nan")}},
    ],
)
def test_what_the_profile_cannot_say_is_not_encoded(value: Any) -> None:
    with pytest.raises(RecordError):
        canonical.encode(value)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_depth_is_bounded_alike_on_both_ways() -> None:
    deepest = nested(canonical.MAX_DEPTH)
    assert canonical.decode(canonical.encode(deepest)) == deepest
    for depth in (canonical.MAX_DEPTH + 1, 200, 5000):
        with pytest.raises(RecordError):
            canonical.encode(nested(depth))


def test_many_shallow_lists_are_not_deep() -> None:
    wide = [[i] for i in range(500)]
    assert canonical.decode(canonical.encode(wide)) == wide


NOT_OF_THE_PROFILE = (
    st.floats()
    | st.integers(canonical.MAX_INTEGER + 1, 2**64 - 1)
    | st.integers(-(2**63), -canonical.MAX_INTEGER - 1)
    | st.text(min_size=1).filter(lambda text: not unicodedata.is_normalized("NFC", text))
)


class Holder(msgspec.Struct, frozen=True):
    a: Any
    b: Any


@given(VALUES, NOT_OF_THE_PROFILE, st.integers(0, 3))
def test_no_number_or_text_beyond_the_profile_passes_in_any_place(value: Any, bad: Any, place: int) -> None:
    whole = [{"a": value, "b": bad}, [value, bad], [[bad], value], {"a": {"b": [bad, value]}}][place]
    for given_as in (whole, Holder(value, bad), Holder([bad], value)):
        with pytest.raises(RecordError):
            canonical.encode(given_as)
        data = msgspec.json.encode(given_as, order="sorted")
        if b"null" not in data:  # as which JSON writes what is no number
            with pytest.raises(RecordError):
                canonical.decode(data)


@pytest.mark.parametrize("text", ["1.5", ":1.5", "[1e9", ":.", ",-e", ",1234567890123456", "9007199254740993"])
def test_text_that_looks_like_a_bad_number_passes(text: str) -> None:
    assert canonical.decode(canonical.encode({"a": text})) == {"a": text}


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lat_600000: int
    name: str | None = None


@pytest.mark.parametrize(
    "data",
    [
        b'{"lat_600000":1}',
        b'{"lat_600000":"1","name":null}',
        b'{"lat_600000":true,"name":null}',
        b'{"lat_600000":1,"name":null,"x":0}',
        b'{"name":null}',
        b"[1,null]",
    ],
    ids=[
        "default left out",
        "text for number",
        "boolean for number",
        "unknown field",
        "missing field",
        "list for mapping",
    ],
)
def test_typed_decoding_is_strict(data: bytes) -> None:
    with pytest.raises(RecordError):
        canonical.decode(data, type=Point)


def test_typed_decoding_returns_the_struct() -> None:
    assert canonical.decode(b'{"lat_600000":1,"name":null}', type=Point) == Point(1)


@given(st.binary(max_size=70))
def test_base64url_comes_back(data: bytes) -> None:
    text = canonical.b64(data)
    assert "=" not in text
    assert canonical.unb64(text) == data


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=5))
def test_digests_are_written_together_as_one_by_one(digests: list[bytes]) -> None:
    assert canonical.b64_each(digests) == [canonical.b64(digest) for digest in digests]


@pytest.mark.parametrize("text", ["AA==", "AB", "A", "+A", "/w", "A A", "AA\n", "é", "-_=", "AAA!"])
def test_a_second_spelling_of_base64url_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        canonical.unb64(text)
