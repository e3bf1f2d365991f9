"""Signatures: libsodium's rule on the public edge cases, and envelopes that cannot stand for one another."""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import canonical, sign

VECTORS = Path(os.environ.get("KIZUNA_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "vectors"
P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def vectors(name: str) -> Any:
    path = VECTORS / name
    if not path.exists():
        pytest.skip(f"no {name} below {VECTORS}; set KIZUNA_SHARED")
    return json.loads(path.read_text())


def accepts(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        sign.verify(key, message, signature)
    except SignatureError:
        return False
    return True


def test_cctv_edge_cases_follow_libsodiums_rule() -> None:
    refused = {"low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue", "reencoded_k"}
    cases = vectors("cctv-ed25519.json")
    assert len(cases) == 914
    wrong = [
        case["number"]
        for case in cases
        if accepts(bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"]))
        == bool(refused & set(case["flags"] or ()))
    ]
    assert wrong == []


def test_wycheproof_cases_are_judged_as_published() -> None:
    wrong = [
        case["tcId"]
        for group in vectors("wycheproof-ed25519.json")["testGroups"]
        for case in group["tests"]
        if accepts(bytes.fromhex(group["publicKey"]["pk"]), bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
        != (case["result"] == "valid")
    ]
    assert wrong == []


def test_rfc_8032_test_2() -> None:
    key = sign.SigningKey(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert key.public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = key.sign(b"\x72")
    assert signature.hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    sign.verify(key.public, b"\x72", signature)


def add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2) = one, other
    cross = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + cross, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - cross, -1, P) % P,
    )


def recover(y: int) -> tuple[int, int]:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square
    return x, y


def small_order_spellings() -> set[bytes]:
    """Work the eight points out from one of order 8, with every spelling of each: y or y + p, either sign bit."""
    generator = recover(
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little")
    )
    point, ys = (0, 1), set()
    for _ in range(8):
        ys.add(point[1])
        point = add(point, generator)
    assert point == (0, 1)
    assert len(ys) == 5
    spelled = {y + k * P for y in ys for k in (0, 1) if y + k * P < 2**255}
    return {(y | sign_bit << 255).to_bytes(32, "little") for y in spelled for sign_bit in (0, 1)}


@pytest.mark.parametrize("key", sorted(small_order_spellings()), ids=bytes.hex)
def test_small_order_keys_are_refused_in_every_spelling(key: bytes) -> None:
    with pytest.raises(SignatureError):
        sign.check_public_key(key)
    assert not accepts(key, b"anything", key + bytes(32))


@pytest.mark.parametrize("key", [b"", b"\x01" * 31, b"\x01" * 33, (2).to_bytes(32, "little"), b"\xff" * 32])
def test_what_is_no_point_is_refused_at_enrolment(key: bytes) -> None:
    with pytest.raises(SignatureError):
        sign.check_public_key(key)


def test_a_point_with_a_small_order_part_is_refused_at_enrolment() -> None:
    x, y = add(recover(4 * pow(5, -1, P) % P), (0, P - 1))
    with pytest.raises(SignatureError):
        sign.check_public_key((y | (x & 1) << 255).to_bytes(32, "little"))


def test_a_made_key_is_enrolled() -> None:
    sign.check_public_key(sign.SigningKey(b"\x07" * 32).public)


@pytest.mark.parametrize("change", ["key", "message", "signature", "length"])
def test_any_change_is_refused(change: str) -> None:
    key = sign.SigningKey(b"\x07" * 32)
    public, message, signature = key.public, b"text", key.sign(b"text")
    if change == "key":
        public = sign.SigningKey(b"\x08" * 32).public
    elif change == "message":
        message = b"texu"
    elif change == "signature":
        signature = bytes([signature[0] ^ 1]) + signature[1:]
    else:
        signature += b"\0"
    assert not accepts(public, message, signature)


def test_pre_authentication_encoding_is_that_of_the_dsse_specification() -> None:
    assert (
        sign.pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_lengths_are_those_of_bytes() -> None:
    assert sign.pae("é", "é".encode()) == "DSSEv1 2 é 2 é".encode()


def test_key_id_depends_on_the_purpose() -> None:
    public = sign.SigningKey(b"\x07" * 32).public
    expected = hashlib.sha256(b"kizuna.key.v1\0record\0" + public).hexdigest()[:32]
    assert sign.key_id(sign.Purpose.RECORD, public) == expected
    assert len({sign.key_id(purpose, public) for purpose in sign.Purpose}) == len(sign.Purpose)


def test_an_envelope_of_one_kind_never_opens_as_another() -> None:
    key = sign.SigningKey(b"\x07" * 32)
    for kind in sign.PAYLOAD_TYPES:
        envelope = sign.seal(kind, b"{}", key)
        for other in sign.PAYLOAD_TYPES:
            if other == kind:
                assert sign.unseal(other, envelope, key.public) == b"{}"
            else:
                with pytest.raises(RecordError):
                    sign.unseal(other, envelope, key.public)


def test_a_renamed_payload_type_does_not_verify() -> None:
    key = sign.SigningKey(b"\x07" * 32)
    made = sign.seal("receipt", b"{}", key)
    renamed = sign.Envelope(made.payload, sign.PAYLOAD_TYPES["statement"], made.signatures)
    with pytest.raises(SignatureError):
        sign.unseal("statement", renamed, key.public)


def envelope_bytes(**changed: Any) -> bytes:
    fields = {
        "payload": b64encode(b"{}").decode(),
        "payloadType": sign.PAYLOAD_TYPES["statement"],
        "signatures": [{"keyid": "00" * 16, "sig": b64encode(bytes(64)).decode()}],
    }
    return canonical.encode(fields | changed)


def test_a_plain_envelope_is_read() -> None:
    envelope = sign.read_envelope(envelope_bytes())
    assert envelope.payload_bytes() == b"{}"
    assert envelope.signature_bytes() == bytes(64)
    assert envelope.key_id == "00" * 16


ONE = {"keyid": "00" * 16, "sig": ""}


@pytest.mark.parametrize("changed", [{"signatures": []}, {"signatures": [ONE, ONE]}, {"extra": 1}, {"payload": None}])
def test_an_envelope_has_one_signature_and_nothing_else(changed: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        sign.read_envelope(envelope_bytes(**changed))


@pytest.mark.parametrize("payload", ["e30", "e31=", "e3 0=", "e30=\n", "-_8=", "é"])
def test_a_second_spelling_of_base64_is_refused(payload: str) -> None:
    with pytest.raises(RecordError):
        sign.read_envelope(envelope_bytes(payload=payload)).payload_bytes()


@pytest.mark.parametrize("sig", ["", "AAAA", b64encode(bytes(63)).decode(), b64encode(bytes(65)).decode()])
def test_a_signature_of_another_length_is_refused(sig: str) -> None:
    with pytest.raises(RecordError):
        sign.read_envelope(envelope_bytes(signatures=[{"keyid": "00" * 16, "sig": sig}])).signature_bytes()
