"""Bad entries in a good log: each is refused by its code, and the next one goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
import pytest

from kizuna.kernel import canonical, sign
from kizuna.kernel.record import Record
from kizuna.sim.lies import ENTRIES
from tests.sim.byzantine import PICTURES, Byzantine, Picture, pulled, stands, trap
from tests.sim.world import NoteSaid, notes

Make = Callable[[Byzantine], tuple[int, str]]


@pytest.mark.parametrize("make", ENTRIES, ids=lambda make: make.__name__)
def test_a_bad_entry_is_refused_by_its_code_and_blocks_nothing(make: Make) -> None:
    federation, victim, honest, evil = trap(make.__name__)
    pulled(evil)
    before = notes(victim)
    index, code = make(evil)
    beside = evil.say("beside it", receipted=1)
    federation.run(60_000)
    assert evil.codes()[index] == code
    assert evil.codes()[beside] == ""
    assert notes(victim) - before <= {"beside it", "said twice", "x"}
    assert "fork" not in victim.alerts
    assert victim.store.query("SELECT COUNT(*) FROM holding WHERE channel = ? AND idx = ?", (evil.channel, index)) == [
        (int(code == ""),)
    ]
    refused = {item.index: item.code for receipt in evil.receipts for item in receipt.refused}
    assert refused.get(index, "") == code
    stands(federation, victim, honest, evil)


def test_all_bad_entries_in_one_answer() -> None:
    federation, victim, honest, evil = trap("all")
    pulled(evil)
    expected = dict(make(evil) for make in ENTRIES if "receipting" not in make.__name__)
    federation.run(60_000)
    assert {index: code for index, code in evil.codes().items() if index in expected} == expected
    stands(federation, victim, honest, evil)


def two_ways(evil: Byzantine) -> tuple[bytes, bytes]:
    """Return two bodies of one statement whose author committed twice to `payload/text`; the second shows more besides."""
    held = evil.issue(Picture(text="one", picture={"a": 1}, source="z"))
    extra = evil.issue(NoteSaid(text="two")).disclosures["payload/text"]
    digest = canonical.b64(hashlib.sha256(b"kizuna.field.v1\0" + extra).digest())
    clear = msgspec.structs.replace(held.clear, digests=tuple(sorted((*held.clear.digests, digest))))
    envelope = sign.seal("statement", canonical.encode(clear), evil.keys[sign.Purpose.RECORD])
    label = {name: held.disclosures[name] for name in evil.names()}
    shown = label | {"payload/picture": held.disclosures["payload/picture"]}
    more = label | {"payload/text": extra, "payload/source": held.disclosures["payload/source"]}
    return Record("", envelope, clear, {}, shown).bytes(), Record("", envelope, clear, {}, more).bytes()


@pytest.mark.parametrize("together", [True, False])
def test_one_statement_that_opens_a_name_in_two_ways_is_refused_the_second_time(together: bool) -> None:  # noqa: FBT001 # a case
    federation, victim, honest, evil = trap(f"two-ways-{together}", PICTURES)
    first, second = two_ways(evil)
    index = evil.add(first)
    if not together:
        federation.run(10_000)
    other = evil.add(second)
    beside = evil.say("beside it")
    federation.run(60_000)
    assert evil.codes()[index] == evil.codes()[beside] == ""
    assert evil.codes()[other] == "body-malformed"
    assert victim.alerts == []
    stands(federation, victim, honest, evil)
