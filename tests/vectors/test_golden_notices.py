"""Golden bytes of notices: a consent, its revocation, a relabel, a correction and a retraction, and the headers that a release by them has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from kizuna.kernel import canonical, label, lifecycle, record, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.clause import Consent
from kizuna.kernel.instrument import Provision

ROOT = Path(__file__).parents[2]
GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "notices-v1.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "protocol" / "notices.md").read_text(encoding="utf-8")
KEY = sign.SigningKey(hashlib.sha256(GOLDEN["seeds"].encode()).digest(), sign.Purpose.RECORD)


def dice(name: str) -> Callable[[int], bytes]:
    """Return a source of random bytes that is the same for ever: SHA-256 over seed, name and a counter."""
    made = [b""]

    def read(count: int) -> bytes:
        while len(made[0]) < count:
            number = len(made[0]) // 32
            made[0] += hashlib.sha256(f"{GOLDEN['seeds']} {name} {number}".encode()).digest()
        found, made[0] = made[0][:count], made[0][count:]
        return found

    return read


def issued(name: str) -> record.Record:
    notice = GOLDEN["notices"][name]
    body = msgspec.convert(notice["payload"], lifecycle.KERNEL_RECORDS[notice["type"]])
    own = label.label(
        notice["policy"], 0, originator="ind", releasable_to=tuple(notice["releasable_to"]), purposes=("agreements",)
    )
    about = record.Facts(node="ind/fusion-delhi", actor="officer:7:liaison", at_ms=1_790_000_000_000)
    return record.issue(notice["type"], body, own, about, KEY, dice(name), closed=notice["closed"])


def test_notices_are_made_again() -> None:
    for name, notice in GOLDEN["notices"].items():
        made = issued(name)
        assert made.bytes(notice["shown"]).decode() == notice["body"], name
        assert made.id == notice["id"]


def test_notices_read_back_and_verify() -> None:
    for notice in GOLDEN["notices"].values():
        held = record.read(notice["body"].encode())
        record.verify(held, KEY.public)
        assert held.closed == notice["closed"]
        body = record.body_of(held, lifecycle.KERNEL_RECORDS[notice["type"]])
        assert json.loads(canonical.encode(body)) == notice["payload"]


def test_the_consent_folds_to_its_terms_and_its_revocation_ends_it() -> None:
    acts = {}
    for name in ("consent", "revocation"):
        held = record.read(GOLDEN["notices"][name]["body"].encode())
        acts[name] = lifecycle.act_of(held, record.body_of(held, lifecycle.KERNEL_RECORDS[held.clear.type]))
    (found,) = lifecycle.consents_of([acts["consent"]])
    assert found == Consent(
        id=GOLDEN["notices"]["consent"]["id"], originator="ind", relay="jpn", recipient="aus", fields=frozenset({"mmsi", "name"}),
        purpose="coordination", expires_ms=1_790_086_400_000, records=frozenset({"ab" * 32}),
    )  # fmt: skip
    assert lifecycle.consents_of(acts.values()) == ()


def test_a_holder_is_shown_its_own_releasability_alone() -> None:
    held = record.read(GOLDEN["notices"]["relabel"]["body"].encode())
    assert {name for name in held.disclosed if name.startswith("releasable_to/")} == {"releasable_to/jpn"}


def test_headers_read_back_and_hash_to_their_leaves() -> None:
    for name, entry in GOLDEN["headers"].items():
        data = entry["header"].encode()
        header = wire.decode_header(data)
        assert wire.encode_header(header)[0] == data
        assert hashlib.sha256(b"\0" + data).hexdigest() == entry["leaf"]
        assert (header.backfill is True) == (name == "backfill")
        assert header.consents == ((GOLDEN["notices"]["consent"]["id"],) if name == "relayed" else msgspec.UNSET)


def test_a_provision_that_lets_two_persons_go_back_says_so_and_one_that_does_not_says_nothing() -> None:
    made = canonical.decode(GOLDEN["provision"].encode(), type=Provision)
    assert made.backfill is True
    assert canonical.encode(made).decode() == GOLDEN["provision"]
    plain = msgspec.structs.replace(made, backfill=msgspec.UNSET)
    assert b"backfill" not in canonical.encode(plain)


def test_the_page_shows_the_golden_bytes() -> None:
    blocks = [block.strip("\n") for block in PAGE.split("```")[1::2]]
    assert blocks == [
        GOLDEN["notices"]["consent"]["body"],
        GOLDEN["notices"]["consent"]["id"],
        GOLDEN["headers"]["relayed"]["header"],
        GOLDEN["headers"]["relayed"]["leaf"],
        GOLDEN["notices"]["relabel"]["body"],
        GOLDEN["headers"]["backfill"]["header"],
        GOLDEN["provision"],
    ]
