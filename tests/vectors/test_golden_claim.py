"""Golden bytes of claims, both versions of the assertion: what was said once reads and folds alike for ever."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kizuna.kernel import record, sign
from kizuna.kernel.claim import CLAIM_RECORDS, ClaimAct, fold
from kizuna.kernel.label import label

GOLDEN = json.loads((Path(__file__).parent / "claim-v2.json").read_text(encoding="utf-8"))
CASES = pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: str(case["name"]))


class Counter:
    """The vectors' fixed stream: byte block `i` is SHA-256 of the seed text and `i`."""

    def __init__(self) -> None:
        self.block = 0

    def __call__(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += hashlib.sha256(f"{GOLDEN['salts']} {self.block}".encode()).digest()
            self.block += 1
        return data[:count]


def made(case: dict[str, Any]) -> record.Record:
    body = msgspec.convert(case["body"], CLAIM_RECORDS[case["type"]])
    facts = record.Facts(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in case["facts"].items()}
    )
    mark = label("ind", 0, originator="ind", releasable_to=("jpn",), purposes=("coordination",))
    return record.issue(case["type"], body, mark, facts, sign.SigningKey(bytes.fromhex(GOLDEN["seed"])), Counter())


@CASES
def test_the_same_inputs_make_the_same_bytes(case: dict[str, Any]) -> None:
    issued = made(case)
    assert issued.bytes().decode() == case["bytes"]
    assert issued.id == case["id"]


@CASES
def test_the_bytes_read_to_what_was_said(case: dict[str, Any]) -> None:
    held = record.read(case["bytes"].encode())
    assert held.id == case["id"]
    assert json.loads(msgspec.json.encode(record.body_of(held, CLAIM_RECORDS[case["type"]]))) == case["body"]


def test_the_acts_fold_to_the_standing() -> None:
    acts = []
    for case in GOLDEN["cases"]:
        held = record.read(case["bytes"].encode())
        body = record.body_of(held, CLAIM_RECORDS[case["type"]])
        acts.append(ClaimAct(held.id, held.clear.issuer, body, frozenset(held.listed("after"))))
    assert {name: found.status.value for name, found in fold(acts).items()} == GOLDEN["standing"]


def test_the_page_shows_the_golden_payload() -> None:
    page = (Path(__file__).parents[2] / "docs" / "protocol" / "claim.md").read_text(encoding="utf-8")
    said = next(case["body"] for case in GOLDEN["cases"] if case["name"] == "second version")
    assert json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True) in page
    assert all(f"`{name}`" in page for name in CLAIM_RECORDS)
