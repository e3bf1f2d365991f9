"""A relay that shows more, longer or otherwise than the originator let it: each entry is refused by its code, and the next one goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from kizuna.kernel import record, sign
from kizuna.kernel.lifecycle import ConsentGranted, RecordRelabelled, RecordRetracted
from kizuna.kernel.record import Body, Record
from kizuna.node import effects as fx
from kizuna.node.held import facts
from tests.sim.byzantine import SHOWN, stands, trap
from tests.sim.world import NoteSaid, note

SHOWN_HERE = (*SHOWN, "releasable_to/jpn")
DAY_MS = 86_400_000


class Relay:
    """Perth originates, the Byzantine Delhi relays, Yokosuka receives."""

    def __init__(self, seed: str) -> None:
        self.federation, self.victim, self.honest, self.evil = trap(seed, discloses=("text", "source"))
        self.honest.do(fx.Enrol(self.evil.card(reachable=False), "officer:1:liaison"))

    def said(self, text: str, *to: str) -> Record:
        made = self.honest.do(fx.Say((note(text, "aus", *(to or ("jpn", "ind"))),)))[0].record_id
        held = facts.load_record(self.honest.store, made)
        assert held is not None
        return held

    def consent(self, *records: str, **changes: Any) -> str:
        values: dict[str, Any] = {
            "records": records, "record_type": None, "from_ms": None, "to_ms": None, "relay": "ind", "recipient": "jpn",
            "fields": ("text",), "purpose": "coordination", "expires_ms": self.honest.now_ms + DAY_MS, "single_use": False,
        }  # fmt: skip
        terms = ConsentGranted(**(values | changes))
        return str(self.honest.do(fx.GrantConsent(terms, "officer:3:liaison")))

    def pass_notice(self, record_id: str, names: tuple[str, ...] | None = None) -> int:
        held = facts.load_record(self.honest.store, record_id)
        assert held is not None
        return self.evil.add(held.bytes(names), kind="notice", type=held.clear.type)

    def pass_record(self, held: Record, *consents: str, more: tuple[str, ...] = (), **changes: Any) -> int:
        named = {"consents": consents} if consents else {}
        return self.evil.add(held.bytes((*SHOWN_HERE, *more)), **(named | changes))

    def given(self, held: Record, **changes: Any) -> str:
        consent = self.consent(held.id, **changes)
        self.pass_notice(consent)
        return consent


def over_the_consent(it: Relay) -> tuple[int, str]:
    held = it.said("with its source")
    return it.pass_record(held, it.given(held), more=("payload/source",)), "over-disclosed"


def expired(it: Relay) -> tuple[int, str]:
    held = it.said("too late")
    consent = it.given(held, expires_ms=it.honest.now_ms + 1_000)
    it.federation.run(2_000)
    return it.pass_record(held, consent), "no-consent"


def revoked(it: Relay) -> tuple[int, str]:
    held = it.said("taken back")
    consent = it.given(held)
    it.pass_notice(it.honest.do(fx.RevokeConsent(consent, "enough", "officer:3:liaison")))
    return it.pass_record(held, consent), "no-consent"


def spent(it: Relay) -> tuple[int, str]:
    one, other = it.said("first"), it.said("second")
    consent = it.consent(one.id, other.id, single_use=True)
    it.pass_notice(consent)
    it.pass_record(one, consent)
    return it.pass_record(other, consent), "no-consent"


def of_another_record(it: Relay) -> tuple[int, str]:
    return it.pass_record(it.said("not that one"), it.given(it.said("this one"))), "no-consent"


def for_another_purpose(it: Relay) -> tuple[int, str]:
    held = it.said("for rescue alone")
    return it.pass_record(held, it.given(held, purpose="search-and-rescue")), "no-consent"


def unnamed(it: Relay) -> tuple[int, str]:
    held = it.said("names no consent")
    it.given(held)
    return it.pass_record(held), "no-consent"


def never_given(it: Relay) -> tuple[int, str]:
    return it.pass_record(it.said("never given"), "ab" * 32), "no-consent"


def not_releasable_to_us(it: Relay) -> tuple[int, str]:
    held = it.said("does not open that we may")
    consent = it.given(held)
    return it.evil.add(held.bytes(SHOWN), consents=(consent,)), "releasability"


def with_something_withheld(it: Relay) -> tuple[int, str]:
    consent = facts.load_record(it.honest.store, it.consent(it.said("half a consent").id))
    assert consent is not None
    return it.pass_notice(
        consent.id, tuple(name for name in consent.disclosed if name != "payload/fields")
    ), "no-consent"


def meant_for_another(it: Relay) -> tuple[int, str]:
    return it.pass_notice(it.consent(it.said("for manila", "phl", "ind").id, recipient="phl")), "no-consent"


def forged(it: Relay, body: Body, type_: str, **changes: Any) -> tuple[int, str]:
    about = record.Facts(node="aus/perth", actor="officer:1:evil", at_ms=it.evil.federation.now_ms)
    own = note("", "aus", "jpn", "ind").label
    key = it.evil.keys[sign.Purpose.RECORD]
    held = record.issue(type_, body, own, about, key, it.evil.rng.randbytes, closed=True)
    return it.evil.add(held.bytes(), **({"kind": "notice", "type": type_} | changes)), "unknown-key"


def forged_consent(it: Relay) -> tuple[int, str]:
    body = ConsentGranted(
        records=("ab" * 32,), record_type=None, from_ms=None, to_ms=None, relay="ind", recipient="jpn", fields=("text",),
        purpose="coordination", expires_ms=it.honest.now_ms + DAY_MS, single_use=False,
    )  # fmt: skip
    return forged(it, body, "consent.granted.v1")


def forged_retraction(it: Relay) -> tuple[int, str]:
    return forged(it, RecordRetracted(target=it.said("stands").id, reason="a lie"), "record.retracted.v1")


def forged_record(it: Relay) -> tuple[int, str]:
    it.given(it.said("a real one"))
    index, _ = forged(
        it, NoteSaid(text="made up", source="x"), "notes.note-said.v1", kind="record", consents=("ab" * 32,)
    )
    return index, "unknown-key"


def act_in_place_of_the_originator(it: Relay) -> tuple[int, str]:
    held = it.said("the relay may not retract it")
    index = it.pass_record(held, it.given(held))
    body = {"act": "retract", "record": held.id, "targets": [[0, index]]}
    return it.evil.add(msgspec.json.encode(body, order="sorted"), kind="act"), "no-consent"


LIES: tuple[Callable[[Relay], tuple[int, str]], ...] = (
    over_the_consent, expired, revoked, spent, of_another_record, for_another_purpose, unnamed, never_given, not_releasable_to_us,
    with_something_withheld, meant_for_another, forged_consent, forged_retraction, forged_record, act_in_place_of_the_originator,
)  # fmt: skip


def test_a_relay_that_oversteps_is_refused_entry_by_entry() -> None:
    it = Relay("oversteps")
    expected = {}
    for lie in LIES:
        index, code = lie(it)
        expected[index] = (lie.__name__, code)
    good = it.said("as consented")
    consent = it.given(good)
    index = it.pass_record(good, consent)
    it.federation.run(60_000)
    codes = it.evil.codes()
    assert {i: (name, codes.get(i)) for i, (name, _) in expected.items()} == expected
    assert codes[index] == ""
    rows = it.victim.store.query("SELECT DISTINCT standing FROM record WHERE issuer = 'aus'")
    assert rows == [("",)]
    stands(it.federation, it.victim, it.honest, it.evil)


def test_a_relabel_by_one_person_counts_for_nothing_here_either() -> None:
    it = Relay("one person")
    held = it.said("still level one")
    it.given(held)
    body = RecordRelabelled(
        target=held.id, approved_by="officer:1:security", grades={"common.v1": 0}, releasability=False, purposes=None,
        caveats=None, review_by=None, reason="alone",
    )  # fmt: skip
    about = record.Facts(node="aus/perth", actor="officer:1:desk", at_ms=it.honest.now_ms)
    key = it.honest.identity.keys[sign.Purpose.RECORD]
    made = record.issue("record.relabelled.v1", body, held.label, about, key, it.honest.rng.randbytes)
    index = it.evil.add(made.bytes(), kind="notice", type=made.clear.type)
    it.federation.run(30_000)
    assert it.evil.codes()[index] == ""  # its originator signed it
    header = it.victim.core.world.releaser.header(held)
    assert header.label == held.label


def test_whom_an_originator_let_pass_on_nothing_says_nothing_of_its_records() -> None:
    it = Relay("no relay")
    held = it.said("between two")
    notice = it.honest.do(
        fx.Relabel(held.id, "reviewed", "officer:1:desk", "officer:2:security", grades={"common.v1": 0})
    )
    indexes = it.pass_notice(notice), it.pass_record(held, "ab" * 32)
    it.federation.run(30_000)
    assert [it.evil.codes()[index] for index in indexes] == ["no-consent", "no-consent"]
