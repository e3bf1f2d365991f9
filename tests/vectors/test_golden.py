"""Golden bytes of the wire, version by version: what was signed once must read, verify and be made the same for ever."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from kizuna.kernel import record, sign
from kizuna.kernel.label import Grade, Label
from kizuna.kernel.record import WITHHELD, Body, Facts, Withheld

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((Path(__file__).parent / "record-v1.json").read_text(encoding="utf-8"))
PAGE = ROOT / "docs" / "protocol" / "record.md"
CASES = pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: str(case["name"]))


class Sighting(Body, frozen=True):
    """The payload of the example type: plain, optional, and committed item by item."""

    __each__ = frozenset({"seen_by"})
    course_deg: int | Withheld | None = WITHHELD
    seen_by: tuple[str, ...] | Withheld = WITHHELD
    vessel: str | Withheld = WITHHELD


class Counter:
    """The vectors' fixed stream: byte block `i` is SHA-256 of the seed text and `i`."""

    def __init__(self) -> None:
        self.block = 0

    def __call__(self, count: int) -> bytes:
        blocks = []
        for _ in range(-(-count // 32)):
            blocks.append(hashlib.sha256(f"{GOLDEN['salts']} {self.block}".encode()).digest())
            self.block += 1
        return b"".join(blocks)[:count]


def issued(case: dict[str, Any]) -> record.Record:
    """Return the record that the case's inputs make."""
    given, of = case["given"], case["given"]["label"]
    body: dict[str, Any] = {
        field: tuple(value) if isinstance(value, list) else value for field, value in given["body"].items()
    }
    facts: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given["facts"].items()
    }
    return record.issue(
        given["type"],
        Sighting(**body),
        Label(
            grades=tuple(Grade(g["policy"], g["classification"], frozenset(g["caveats"])) for g in of["grades"]),
            originators=frozenset(of["originators"]),
            purposes=frozenset(of["purposes"]),
            releasable_to=frozenset(of["releasable_to"]),
            review_by=of["review_by"],
        ),
        Facts(**facts),
        sign.SigningKey(bytes.fromhex(GOLDEN["seed"])),
        Counter(),
        closed=given["closed"],
    )


@CASES
def test_the_same_inputs_make_the_same_bytes(case: dict[str, Any]) -> None:
    made = issued(case)
    assert made.bytes().decode() == case["body"]
    assert made.id == case["id"]


@CASES
def test_the_bytes_decode_to_what_was_given(case: dict[str, Any]) -> None:
    held = record.read(case["body"].encode())
    given = case["given"]
    assert held.id == case["id"]
    assert held.clear.type == given["type"]
    assert held.closed == given["closed"]
    for field, value in given["body"].items():
        shown = getattr(record.body_of(held, Sighting), field)
        assert (list(shown) if isinstance(shown, tuple) else shown) == value
    assert held.at_ms == given["facts"]["at_ms"]
    record.verify(held, bytes.fromhex(GOLDEN["public"]))


@CASES
def test_the_bytes_hold_by_the_standard_library_alone(case: dict[str, Any]) -> None:
    """Compute id, digests and key id from the page's words, with no line of ours."""
    body = json.loads(case["body"])
    envelope = body["envelope"]
    payload = b64decode(envelope["payload"], validate=True)
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 " + str(len(kind)).encode() + b" " + kind + b" " + str(len(payload)).encode() + b" " + payload
    assert hashlib.sha256(signed).hexdigest() == case["id"]
    statement = json.loads(payload)
    assert payload.decode() == case["statement"]
    digests = set()
    for item in body["disclosures"]:
        text = json.dumps(item, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        assert text in case["body"]
        digest = hashlib.sha256(b"kizuna.field.v1\0" + text.encode()).digest()
        digests.add(urlsafe_b64encode(digest).rstrip(b"=").decode())
    assert digests <= set(statement["digests"])
    assert statement["digests"] == sorted(set(statement["digests"]))
    key = hashlib.sha256(b"kizuna.key.v1\0record\0" + bytes.fromhex(GOLDEN["public"])).hexdigest()[:32]
    assert key == statement["key"] == envelope["signatures"][0]["keyid"]


def test_the_page_shows_the_golden_bytes() -> None:
    case = GOLDEN["cases"][0]
    body = json.loads(case["body"])
    name = "payload/vessel"
    disclosure = next(item for item in body["disclosures"] if item[1] == name)
    text = json.dumps(disclosure, ensure_ascii=False, separators=(",", ":"))
    digest = urlsafe_b64encode(hashlib.sha256(b"kizuna.field.v1\0" + text.encode()).digest()).rstrip(b"=").decode()
    envelope = json.dumps(body["envelope"], separators=(",", ":"), sort_keys=True)
    page = PAGE.read_text(encoding="utf-8")
    blocks = [block.strip() for block in page.split("```")[1::2]]
    for shown in (case["statement"], text, digest, envelope, case["id"]):
        assert shown in blocks
