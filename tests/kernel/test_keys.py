"""Key sets and cards: what the root certified counts, every version of it checked, and nothing else."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import KizunaError, RecordError, SignatureError
from kizuna.kernel import canonical, keys, sign
from kizuna.kernel.bundle import sealing_public


def seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


ROOT = sign.SigningKey(seed("root"), sign.Purpose.ROOT)
HELD = {str(purpose): sign.SigningKey(seed(purpose), purpose) for purpose in keys.NODE_PURPOSES}
KEYSET = keys.KeySetV1(
    keys=keys.public_keys(HELD),
    made_at_ms=1_790_000_000_000,
    node="ind/delhi",
    party="ind",
    seal=canonical.b64(sealing_public(seed("seal"))),
    tls_sha256="",
    version=1,
)
CARD = keys.Card(address="", certificate_pem="", keyset=keys.certify(KEYSET, ROOT), root=canonical.b64(ROOT.public))
SMALL_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "ec" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
    "01" + "00" * 30 + "80",
]
SMALL_X25519 = [
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
    "ee" + "ff" * 31,
]


def certified(**changes: object) -> sign.Envelope:
    return keys.certify(msgspec.structs.replace(KEYSET, **changes), ROOT)


def with_key(purpose: str, public: bytes) -> dict[str, str]:
    return KEYSET.keys | {purpose: canonical.b64(public)}


def test_what_the_root_certified_is_read() -> None:
    read = keys.read_keyset(certified(), ROOT.public)
    assert read == KEYSET
    for purpose in keys.NODE_PURPOSES:
        assert read.public(purpose) == HELD[purpose].public
        assert read.key_id(purpose) == HELD[purpose].key_id
    with pytest.raises(SignatureError):
        read.public("tls")


def test_only_the_root_certifies() -> None:
    other = sign.SigningKey(seed("other"), sign.Purpose.ROOT)
    with pytest.raises(SignatureError):
        keys.read_keyset(keys.certify(KEYSET, other), ROOT.public)
    with pytest.raises(SignatureError):
        keys.read_keyset(certified(), bytes(32))
    with pytest.raises(RecordError):
        keys.read_keyset(sign.seal("statement", canonical.encode(KEYSET), ROOT), ROOT.public)


def test_versions_only_grow() -> None:
    assert keys.read_keyset(certified(version=3), ROOT.public, newer_than=2).version == 3
    for version in (2, 1, 0, -1):
        with pytest.raises(RecordError, match="not newer"):
            keys.read_keyset(certified(version=version), ROOT.public, newer_than=2)


@pytest.mark.parametrize("text", SMALL_ORDER)
@pytest.mark.parametrize("purpose", [str(purpose) for purpose in keys.NODE_PURPOSES])
def test_keys_of_small_order_are_refused_in_every_version(purpose: str, text: str) -> None:
    for version in (1, 7):
        with pytest.raises(SignatureError):
            keys.read_keyset(certified(keys=with_key(purpose, bytes.fromhex(text)), version=version), ROOT.public)


@pytest.mark.parametrize("text", SMALL_X25519)
def test_a_sealing_key_of_small_order_is_refused(text: str) -> None:
    """All the world could open what is sealed to it."""
    with pytest.raises(SignatureError):
        keys.read_keyset(certified(seal=canonical.b64(bytes.fromhex(text))), ROOT.public)


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": with_key("record", HELD["receipt"].public)},
        {"keys": with_key("checkpoint", ROOT.public)},
        {"keys": {name: text for name, text in KEYSET.keys.items() if name != "bundle"}},
        {"keys": KEYSET.keys | {"tls": KEYSET.keys["record"]}},
        {"keys": KEYSET.keys | {"record": "short"}},
        {"keys": KEYSET.keys | {"record": "not base64!"}},
        {"seal": ""},
        {"seal": canonical.b64(bytes(31))},
        {"party": "jpn"},
        {"party": "IND"},
        {"node": "jpn/delhi"},
        {"node": "ind"},
        {"node": "ind/"},
        {"node": "ind/new delhi"},
        {"node": "ind/delhi/to/jpn/yokosuka"},
        {"node": "ind/delhi+1"},
        {"node": "ind/" + "x" * 200},
        {"version": 0},
    ],
    ids=str,
)
def test_a_keyset_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises((RecordError, SignatureError)):
        keys.read_keyset(certified(**changes), ROOT.public)


def test_a_card_carries_its_keyset_and_is_named_by_its_fingerprint() -> None:
    data = canonical.encode(CARD)
    assert keys.read_card(data) == (CARD, KEYSET)
    shown = keys.fingerprint(data)
    assert [len(group) for group in shown.split(" ")] == [4] * 8
    altered = canonical.encode(msgspec.structs.replace(CARD, address="https://elsewhere"))
    assert keys.fingerprint(altered) != shown


def test_a_card_under_another_root_is_refused() -> None:
    other = sign.SigningKey(seed("other"), sign.Purpose.ROOT)
    with pytest.raises(SignatureError):
        keys.read_card(canonical.encode(msgspec.structs.replace(CARD, root=canonical.b64(other.public))))


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_an_altered_card_never_passes_for_the_same(at: int, flip: int) -> None:
    data = bytearray(canonical.encode(CARD))
    data[at % len(data)] ^= flip
    try:
        _, keyset = keys.read_card(bytes(data))
    except KizunaError:
        return
    assert keyset == KEYSET  # only what the root did not sign can differ: the fingerprint shows that
    assert keys.fingerprint(bytes(data)) != keys.fingerprint(canonical.encode(CARD))
