"""Golden bytes of instruments: the file reads to them, they hash to the version, and the signatures over it verify, for ever."""

import hashlib
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import nacl.signing
import pytest

from kizuna.kernel import canonical, sign
from kizuna.kernel.instrument import Instrument, read_signature, sign_version, version_of
from kizuna.kernel.instrument_file import load_partnership

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((Path(__file__).parent / "instrument-v1.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "protocol" / "instrument.md").read_text(encoding="utf-8")
SIGNATURES = pytest.mark.parametrize("signed", GOLDEN["signatures"], ids=lambda signed: str(signed["party"]))


def test_the_file_reads_to_the_same_bytes() -> None:
    (made,) = load_partnership([("example.toml", GOLDEN["toml"])])
    assert canonical.encode(made).decode() == GOLDEN["instrument"]
    assert version_of(made) == GOLDEN["version"]


def test_the_bytes_decode_and_encode_to_themselves() -> None:
    made = canonical.decode(GOLDEN["instrument"].encode(), type=Instrument)
    assert canonical.encode(made).decode() == GOLDEN["instrument"]


def test_the_version_holds_by_the_standard_library_alone() -> None:
    value = json.loads(GOLDEN["instrument"])
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    assert text == GOLDEN["instrument"]
    assert hashlib.sha256(text.encode()).hexdigest() == GOLDEN["version"]


@SIGNATURES
def test_the_signature_is_made_and_read_the_same(signed: dict[str, Any]) -> None:
    (made,) = load_partnership([("example.toml", GOLDEN["toml"])])
    key = sign.SigningKey(bytes.fromhex(signed["seed"]), sign.Purpose.ROOT)
    envelope = sign_version(made, signed["party"], signed["signed_at_ms"], key)
    assert canonical.encode(envelope).decode() == signed["envelope"]
    said = read_signature(
        sign.read_envelope(signed["envelope"].encode()), {signed["party"]: bytes.fromhex(signed["public"])}
    )
    assert (said.instrument, said.version) == (made.id, GOLDEN["version"])


@SIGNATURES
def test_the_signature_holds_from_the_page_s_words_alone(signed: dict[str, Any]) -> None:
    envelope = json.loads(signed["envelope"])
    payload, kind = b64decode(envelope["payload"], validate=True), envelope["payloadType"].encode()
    assert payload.decode() == signed["statement"]
    assert json.loads(payload)["version"] == GOLDEN["version"]
    message = b"DSSEv1 " + str(len(kind)).encode() + b" " + kind + b" " + str(len(payload)).encode() + b" " + payload
    (signature,) = envelope["signatures"]
    nacl.signing.VerifyKey(bytes.fromhex(signed["public"])).verify(message, b64decode(signature["sig"]))
    key = hashlib.sha256(b"kizuna.key.v1\0root\0" + bytes.fromhex(signed["public"])).hexdigest()[:32]
    assert signature["keyid"] == key


def test_the_page_shows_the_golden_bytes() -> None:
    blocks = [block.removeprefix("toml").strip() for block in PAGE.split("```")[1::2]]
    japanese = GOLDEN["signatures"][1]
    for shown in (
        GOLDEN["toml"].strip(),
        GOLDEN["instrument"],
        GOLDEN["version"],
        japanese["statement"],
        japanese["envelope"],
    ):
        assert shown in blocks
