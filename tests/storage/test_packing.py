"""Packing gives the very same bytes back, of whatever kind, and never more room than a body may take to bytes that were tampered with."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import tracemalloc
import unicodedata
from collections.abc import Callable
from functools import partial
from random import Random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import JournalCorruptError
from kizuna.kernel import canonical
from kizuna.kernel.record import MAX_BODY_BYTES
from kizuna.kernel.statement import digests_of
from kizuna.storage import packing
from kizuna.storage.packing import FOLDED, WHOLE, fold, pack, unpack

DICTIONARY_SHA256 = "379ba3bbdde0966aabee15522497003bd8644f37a9341055a6953c24b3b9748e"
"""Of the dictionary of version 1, which journals need for ever."""

runs = st.binary(min_size=32, max_size=32).map(lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode())
names = st.text(st.characters(max_codepoint=127), max_size=50)
texts = st.one_of(
    st.text(max_size=50).map(partial(unicodedata.normalize, "NFC")), runs, st.text("AZaz09-_", min_size=43, max_size=43)
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(st.one_of(names, runs), inner, max_size=6)),
    max_leaves=30,
)


def again(data: bytes) -> bytes:
    form, packed = pack(data)
    return packed if form is None else unpack(form, packed)


def statement(rng: Random, digests: int, opened: int = 0) -> bytes:
    """Return a body like those of the wire: a signed statement of sorted digests, with the facts that open some of them."""
    shown = [[run(rng), f"payload/name-{number}", number] for number in range(opened)]
    listed = sorted(digests_of(map(canonical.encode, shown)) + [run(rng) for _ in range(digests - opened)])
    said = canonical.encode({"digests": listed, "issuer": "ind", "type": "maritime.static-reported.v1"})
    return canonical.encode({
        "disclosures": shown,
        "envelope": {"payload": base64.b64encode(said).decode(), "payloadType": "application/vnd.kizuna.statement.v1+json",
                     "signatures": [{"keyid": rng.randbytes(16).hex(), "sig": base64.b64encode(rng.randbytes(64)).decode()}]},
    })  # fmt: skip


def run(rng: Random) -> str:
    return base64.urlsafe_b64encode(rng.randbytes(32)).rstrip(b"=").decode()


def test_the_dictionary_of_a_form_is_never_edited() -> None:
    assert hashlib.sha256(packing._DICTIONARY.read_bytes()).hexdigest() == DICTIONARY_SHA256


@given(st.binary(max_size=3_000))
def test_any_bytes_come_back(data: bytes) -> None:
    assert again(data) == data


@given(values, values)
def test_canonical_json_comes_back_also_around_a_statement(said: object, beside: object) -> None:
    for payload in (canonical.encode(said), b"\x01\x02", b""):
        envelope = {"payload": base64.b64encode(payload).decode(), "signatures": beside}
        data = canonical.encode({"disclosures": [beside], "envelope": envelope})
        for each in (
            data,
            canonical.encode(said),
            data[:-30],
            data.replace(b"=", b""),
            data + data,
            data + b"\x01",
            data + b"\x02",
        ):
            assert again(each) == each


@pytest.mark.parametrize(("digests", "opened"), [(1, 0), (1, 1), (16, 0), (16, 10), (16, 16), (300, 299)])
def test_a_record_takes_little_more_than_its_salts_signature_and_what_stays_closed(digests: int, opened: int) -> None:
    data = statement(Random(digests), digests, opened)
    form, packed = pack(data)
    assert form == FOLDED
    assert unpack(FOLDED, packed) == data
    assert len(packed) < 32 * digests + 64 + 16 + 200 + 8 * opened


def test_facts_that_open_nothing_or_stand_twice_come_back_too() -> None:
    sound = statement(Random(2), 8, 5)
    shown, envelope = (sound[sound.index(b"[[") : sound.index(b"]]") + 2], sound[sound.index(b',"envelope"') :])
    for facts in (
        b"[]",
        b"[[]]",
        b"[ " + shown[1:],
        shown[:-1] + b',["a","b",1]]',
        b"[" + shown[1:-1] + b"," + shown[1:],
        b"[",
        b"7",
        b"null",
    ):
        data = b'{"disclosures":' + facts + envelope
        assert again(data) == data
    unsorted = base64.b64encode(canonical.encode({"digests": [run(Random(n)) for n in (9, 3, 5)], "issuer": "ind"}))
    payload = envelope[envelope.index(b'"payload":"') + 11 : envelope.index(b'","payloadType')]
    data = sound.replace(payload, unsorted)
    assert again(data) == data


def test_a_body_that_a_stranger_made_to_come_back_otherwise_comes_back_as_it_is() -> None:
    rng = Random(7)
    shown = [[run(rng), "payload/name", 1]]
    for listed in (
        ["", *digests_of(map(canonical.encode, shown))],
        ["", "", run(rng)],
        [*digests_of(map(canonical.encode, shown))] * 2,
    ):
        said = base64.b64encode(canonical.encode({"digests": listed, "issuer": "ind"})).decode()
        body = canonical.encode({"disclosures": shown, "envelope": {"payload": said}})
        assert again(body) == body


@pytest.mark.parametrize("opens", [b"[", b"[1,[", b'{"a":', b'[["'])
@pytest.mark.parametrize("closes", [b"]", b""])
def test_facts_that_lie_deep_in_one_another_come_back_however_deep_the_caller_is(opens: bytes, closes: bytes) -> None:
    """A parser gives up at a depth that its caller has a share in: what was packed at one place would not come back at another."""
    for depth in (200, 100_000):
        fact = b'["%s","payload/name",%s]' % (run(Random(1)).encode(), opens * depth + closes * depth)
        said = canonical.encode({"digests": sorted([*digests_of([fact]), run(Random(2))]), "issuer": "ind"})
        data = b'{"disclosures":[%s],"envelope":{"payload":"%s"}}' % (fact, base64.b64encode(said))
        form, packed = pack(data)
        assert form == FOLDED
        assert called_from_below(partial(unpack, FOLDED, packed), 700) == data


def called_from_below(call: Callable[[], bytes], frames: int) -> bytes:
    return call() if not frames else called_from_below(call, frames - 1)


def test_a_sentence_of_43_letters_is_left_where_it_is() -> None:
    """It is no digest though it has the length of one: its last letter says bits that 32 bytes do not have."""
    data = statement(Random(5), 3, 3).replace(b"payload/name-1", b"x" * 43)
    text, lifted = fold(data)
    assert lifted == b""
    assert b"x" * 43 in text
    assert again(data) == data
    spaced = statement(Random(5), 3, 3).replace(b"payload/name-1", b"a sentence " * 3 + b"of 10 more")
    assert len(fold(spaced)[1]) == 32 * 6
    assert again(spaced) == spaced


def test_what_would_not_become_shorter_is_kept_as_it_is() -> None:
    for data in (b"", b"{}", Random(1).randbytes(2_000), b"{" + b"x" * MAX_BODY_BYTES + b"}"):
        assert pack(data) == (None, data)


def test_packed_bytes_that_were_cut_or_altered_are_refused_or_other_bytes_in_bounds() -> None:
    rng = Random(7)
    data = statement(rng, 9, 4)
    for form, packed in (pack(data), (WHOLE, pack(b'{"kind":"released"}' * 9)[1])):
        assert form is not None
        for cut in range(len(packed)):
            with pytest.raises(JournalCorruptError):
                unpack(form, packed[:cut])
        for _ in range(3_000):
            altered = bytearray(packed)
            altered[rng.randrange(len(altered))] ^= 1 << rng.randrange(8)
            try:
                assert len(unpack(form, bytes(altered))) <= MAX_BODY_BYTES
            except JournalCorruptError:
                continue


def swollen() -> bytes:
    """Return few bytes that unfold to many: facts that each have a digest, and a statement that is to name them all."""
    facts = (
        b'{"disclosures":['
        + b"7," * (MAX_BODY_BYTES // 4)
        + b'7],"envelope":{"payload":"\x02\x03{"digests":[""]}\x02"}}'
    )
    return b"\0\0" + zstandard.ZstdCompressor().compress(facts)


@pytest.mark.parametrize("form", [WHOLE, FOLDED, 2, -1, 1 << 40])
def test_packed_bytes_that_claim_to_be_enormous_take_no_memory(form: int) -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 30))
    unsaid = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 24))
    few = (bomb, b"\0\0" + bomb, unsaid, b"\0\0" + unsaid, b"\xff\xff" + bytes(9), swollen())
    tracemalloc.start()
    for packed in few:
        with contextlib.suppress(JournalCorruptError):
            assert len(unpack(form, packed)) <= MAX_BODY_BYTES
    assert tracemalloc.get_traced_memory()[1] < 32 * MAX_BODY_BYTES
    tracemalloc.stop()
