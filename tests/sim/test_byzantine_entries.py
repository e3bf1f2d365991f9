"""Bad entries in a good log: each is refused by its code, and the next one goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
import pytest

from kizuna.domains.instruments.records import Suspended
from kizuna.kernel import canonical, sign
from kizuna.kernel.label import Grade
from kizuna.kernel.record import Body, Record
from tests.sim.byzantine import PICTURES, Byzantine, Picture, pulled, stands, trap
from tests.sim.world import POLICY, NoteSaid, SecretSaid, notes

Lie = Callable[[Byzantine], None]
Make = Callable[[Byzantine], tuple[int, str]]


def entry_too_high(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), evil.label(3))
    return evil.add(held.bytes(evil.names())), "level"


def entry_translated_too_low(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), evil.label(3))
    return evil.add(held.bytes(evil.names()), label=(Grade(POLICY, 0, frozenset()),)), "level"


def entry_translated_into_another_policy(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", label=(Grade("other.v1", 0, frozenset()),)), "no-equivalence"


def entry_not_releasable(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), evil.label(to=("kor",)))
    return evil.add(held.bytes((*evil.names(), "releasable_to/kor"))), "releasability"


def entry_with_its_releasability_withheld(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"))
    return evil.add(held.bytes(name for name in evil.names() if name != "releasable_to/jpn")), "releasability"


def entry_without_its_caveats(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"))
    return evil.add(held.bytes(name for name in evil.names() if not name.startswith("caveats"))), "releasability"


def entry_for_another_purpose(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", purpose="targeting"), "purpose"


def entry_that_discloses_more(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="canary"))
    return evil.add(held.bytes(evil.names("payload/source"))), "over-disclosed"


def entry_under_another_provision(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", provision=evil.made.provisions[1].id), "no-provision"


def entry_under_no_provision(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", provision="whatever"), "no-provision"


def entry_under_another_version(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", instrument_sha256="00" * 32), "no-instrument"


def entry_under_the_agreement_of_others(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", instrument="aus-jpn-arrangement"), "no-instrument"


def entry_of_a_type_that_no_provision_names(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(SecretSaid(text="x"), type_="notes.secret-said.v1")
    return evil.add(held.bytes(evil.names()), type="notes.secret-said.v1"), "no-provision"


def entry_of_an_unknown_type(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(SecretSaid(text="x"), type_="notes.prophecy-said.v9")
    return evil.add(held.bytes(evil.names()), type="notes.prophecy-said.v9"), "no-provision"


def entry_headed_as_another_type(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(SecretSaid(text="x"), type_="notes.secret-said.v1")
    return evil.add(held.bytes(evil.names())), "body-malformed"


def entry_by_a_key_that_nobody_certified(evil: Byzantine) -> tuple[int, str]:
    stray = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    return evil.add(evil.issue(NoteSaid(text="x", source="y"), key=stray).bytes(evil.names())), "unknown-key"


def entry_by_the_checkpoint_key(evil: Byzantine) -> tuple[int, str]:
    seed = evil.keys[sign.Purpose.CHECKPOINT]
    stray = object.__new__(sign.SigningKey)
    stray.public, stray._secret = seed.public, seed._secret
    stray.purpose = "record"
    stray.key_id = sign.key_id("record", seed.public)
    return evil.add(evil.issue(NoteSaid(text="x", source="y"), key=stray).bytes(evil.names())), "unknown-key"


def entry_with_a_forged_signature(evil: Byzantine) -> tuple[int, str]:
    stray = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    stray.key_id = evil.keys[sign.Purpose.RECORD].key_id
    return evil.add(evil.issue(NoteSaid(text="x", source="y"), key=stray).bytes(evil.names())), "bad-signature"


def entry_in_the_name_of_another_party(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), node="aus/perth")
    return evil.add(held.bytes(evil.names())), "no-consent"


def entry_with_a_body_that_is_not_headed(evil: Byzantine) -> tuple[int, str]:
    one, other = (evil.issue(NoteSaid(text=text, source="y")).bytes(evil.names()) for text in "ab")
    return evil.add(one, shown=other), "body-malformed"


def entry_released_in_the_future(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", released_at_ms=evil.federation.now_ms + 10**9), "time"


def entry_released_before_the_one_before(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", released_at_ms=evil.federation.now_ms - 10**9), "time"


def entry_released_before_the_beginning(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", released_at_ms=-(10**9)), "time"


def entry_receipting_what_was_never_written(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", receipted=10**12), ""  # it says nothing: after a restore we may know less than our partner


def entry_receipting_less_than_the_one_before(evil: Byzantine) -> tuple[int, str]:
    evil.say("x", receipted=1)
    return evil.say("x", receipted=0), "time"


def entry_made_before_the_agreement(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), at_ms=0)
    return evil.add(held.bytes(evil.names())), "expired"


def entry_oversize(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b"x" * ((1 << 20) + 1)), "oversize"


def entry_empty(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b""), "body-malformed"


def entry_of_noise(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b"\xff\x00 not json"), "body-malformed"


def entry_nested_without_end(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b"[" * 500_000), "body-malformed"


def entry_nested_within_its_value(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y")).bytes(evil.names())
    return evil.add(held.replace(b'"x"', b"[" * 5000 + b"]" * 5000)), "body-malformed"


def entry_with_a_doubled_key(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y")).bytes(evil.names())
    return evil.add(held[:-1] + b',"envelope":{}}'), "body-malformed"


def entry_with_a_disclosure_that_opens_nothing(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y")).bytes(evil.names())
    return evil.add(held.replace(b'"x"', b'"z"')), "body-malformed"


def entry_whose_payload_fits_no_class(evil: Byzantine) -> tuple[int, str]:
    class Odd(Body, frozen=True):
        text: object = 7

    return evil.add(evil.issue(Odd()).bytes(evil.names())), ""  # kept, and never projected


def entry_again(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="said twice", source="y")).bytes(evil.names())
    evil.add(held)
    return evil.add(held), "replay"


def entry_about_an_agreement_with_something_else(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"))
    return evil.add(held.bytes(evil.names()), kind="instrument", type="notes.note-said.v1"), "no-provision"


def entry_about_an_agreement_headed_otherwise(evil: Byzantine) -> tuple[int, str]:
    body = Suspended(instrument="x", reason="y")
    index = evil.treaty("instruments.suspended.v1", body, type="instruments.resumed.v1")
    return index, "body-malformed"


def entry_about_an_agreement_not_for_us(evil: Byzantine) -> tuple[int, str]:
    return evil.treaty("instruments.suspended.v1", Suspended(instrument="x", reason="y"), ("kor",)), "releasability"


def entry_of_a_keyset_of_another_root(evil: Byzantine) -> tuple[int, str]:
    own, evil.root = evil.root, sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.ROOT)
    body = canonical.encode(evil.keyset(version=2))
    evil.root = own
    return evil.add(body, kind="keys"), "bad-signature"


def entry_of_a_keyset_with_a_key_of_small_order(evil: Byzantine) -> tuple[int, str]:
    weak = {str(purpose): canonical.b64(key.public) for purpose, key in evil.keys.items()}
    weak["record"] = canonical.b64(bytes.fromhex("01" + "00" * 31))
    return evil.add(canonical.encode(evil.keyset(version=2, keys=weak)), kind="keys"), "bad-signature"


def entry_of_an_old_keyset(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode(evil.keyset(version=1, made_at_ms=1)), kind="keys"), "body-malformed"


def entry_of_a_keyset_of_another_node(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode(evil.keyset(version=2, node="ind/mumbai")), kind="keys"), "bad-signature"


def entry_of_an_unknown_act(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode({"act": "bless", "record": "0" * 64, "targets": [[0, 0]]}), kind="act"), (
        "body-malformed"
    )


def entry_of_an_epoch_in_the_middle(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode({"epoch": 0, "root": "", "size": 0}), kind="epoch"), "body-malformed"


def entry_naming_a_blob_that_is_no_digest(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(Picture(text="x", picture={"blob": {"sha256": "../../../etc/passwd", "size": 5}}))
    return evil.add(held.bytes(evil.names("payload/picture"))), "over-disclosed"


ENTRIES = [made for name, made in sorted(globals().items()) if name.startswith("entry_")]


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
