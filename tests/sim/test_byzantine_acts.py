"""A partner that reaches for what is not its own: the records and the agreements of others, or its keys of old."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kizuna.domains.instruments.records import Suspended
from kizuna.kernel import canonical, sign
from kizuna.kernel.channel import wire
from kizuna.node import effects as fx
from kizuna.node.channel import outgoing
from tests.sim.byzantine import Byzantine, stands, trap
from tests.sim.world import NoteSaid, notes
from tests.sim.world import note as note_draft

Lie = Callable[[Byzantine], None]
Make = Callable[[Byzantine], tuple[int, str]]


def act(evil: Byzantine, name: str, record_id: str, *targets: tuple[int, int]) -> int:
    return evil.add(outgoing.act_body(name, record_id, targets), kind="act")


@pytest.mark.parametrize("name", wire.ACTS)
def test_nobody_acts_on_the_records_of_others(name: str) -> None:
    federation, victim, honest, evil = trap(f"acts-{name}")
    own = victim.do(fx.Say((note_draft("our own", "jpn", "ind", "aus"),)))[0].record_id
    third = honest.do(fx.Say((note_draft("from perth", "aus", "jpn", "ind"),)))[0].record_id
    federation.run(10_000)
    stolen = bytes(
        victim.store.query(
            "SELECT b.body FROM record r JOIN holding h ON h.record = r.seq JOIN journal_body b ON b.seq = h.seq WHERE r.id = ?",
            (third,),
        )[0][0]
    )
    plain = evil.say("mine")
    relayed = evil.add(stolen)
    unseen = evil.issue(NoteSaid(text="never shown", source="y"), node="aus/perth").id
    for record_id in (own, third, unseen):
        for target in (plain, relayed, 0, 10**6):
            act(evil, name, record_id, (0, target))
        act(evil, name, record_id, (0, plain), (0, relayed), (7, 0))
    federation.run(60_000)
    assert evil.codes()[relayed] == "no-consent"
    assert victim.store.query("SELECT DISTINCT standing FROM record WHERE id IN (?,?)", (own, third)) == [("",)]
    bodies = b"".join(bytes(b) for (b,) in victim.store.query("SELECT body FROM journal_body WHERE body IS NOT NULL"))
    assert b"from perth" in bodies
    assert b"our own" in bodies
    stands(federation, victim, honest, evil)


def test_its_own_records_it_may_destroy_even_twice_in_one_answer() -> None:
    federation, victim, honest, evil = trap("twice")
    held = evil.issue(NoteSaid(text="canary-gone", source="y"))
    index = evil.add(held.bytes(evil.names()))
    federation.run(10_000)
    for _ in range(2):
        act(evil, "destroy", held.id, (0, index))
    federation.run(60_000)
    assert victim.store.query("SELECT standing FROM record WHERE id = ?", (held.id,)) == [("destroy",)]
    bodies = b"".join(bytes(b) for (b,) in victim.store.query("SELECT body FROM journal_body WHERE body IS NOT NULL"))
    assert b"canary-gone" not in bodies
    stands(federation, victim, honest, evil)


@pytest.mark.parametrize("name", ["aus-jpn-arrangement", "no-such-arrangement"])
def test_nobody_suspends_the_agreements_of_others(name: str) -> None:
    federation, victim, honest, evil = trap(f"suspends-{name}")
    evil.treaty("instruments.suspended.v1", Suspended(instrument=name, reason="mischief"))
    evil.treaty("instruments.terminated.v1", Suspended(instrument=name, reason="mischief"))
    federation.run(10_000)
    stands(federation, victim, honest, evil)


@pytest.mark.parametrize("name", wire.ACTS)
def test_an_act_on_what_others_have_not_shown_yet_counts_for_nothing(name: str) -> None:
    """Whoever holds a record can show it here before its originator does, be refused, and act on what was refused."""
    federation, victim, honest, evil = trap(f"unheld-{name}")
    federation.weather.cut.add(frozenset((victim.name, honest.name)))
    record_id = honest.do(fx.Say((note_draft("from perth", "aus", "jpn", "ind"),)))[0].record_id
    body = honest.store.query(
        "SELECT b.body FROM record r JOIN holding h ON h.record = r.seq JOIN journal_body b ON b.seq = h.seq WHERE r.id = ?",
        (record_id,),
    )
    index = evil.add(bytes(body[0][0]))
    act(evil, name, record_id, (0, index))
    federation.run(60_000)
    assert evil.codes()[index] == "no-consent"
    federation.weather.cut.clear()
    federation.run(120_000)
    assert victim.store.query("SELECT standing FROM record WHERE id = ?", (record_id,)) == [("",)]
    assert "from perth" in notes(victim)
    stands(federation, victim, honest, evil)


def test_a_key_that_comes_in_an_answer_counts_for_its_rest() -> None:
    federation, victim, honest, evil = trap("rest")
    evil.keys[sign.Purpose.RECORD] = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    evil.add(canonical.encode(evil.keyset(version=2)), kind="keys")
    index = evil.say("under the new key")
    federation.run(60_000)
    assert evil.codes()[index] == ""
    assert not any(receipt.refused or receipt.cured for receipt in evil.receipts)
    stands(federation, victim, honest, evil)


def test_what_is_said_of_an_agreement_goes_to_its_parties_alone() -> None:
    federation, victim, honest, evil = trap("parties")
    evil.ask()
    rows = victim.store.query(
        "SELECT l.channel, r.id FROM leaf_out l JOIN record r ON r.id = l.record_id WHERE l.kind = 'instrument'"
    )
    per_channel: dict[str, set[str]] = {}
    for channel, record_id in rows:
        per_channel.setdefault(channel, set()).add(record_id)
    assert len(per_channel) == 2
    one, other = per_channel.values()
    assert not one & other
    stands(federation, victim, honest, evil)
