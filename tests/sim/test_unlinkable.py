"""Where an agreement asks that records cannot be linked, each partner gets one of its own: id, salts and a coarse instant."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from kizuna.kernel.instrument import Obligations
from kizuna.kernel.record import Record
from kizuna.node import effects as fx
from kizuna.node.channel.releasing import HOUR_MS
from kizuna.node.held import facts
from kizuna.sim.federation import Federation, SimNode
from tests.sim.test_withdrawing import act, bodies
from tests.sim.world import DOMAINS, arrangement, note, notes, provision, sign_instrument


def world(seed: str, duties: Obligations) -> tuple[Federation, SimNode, list[SimNode]]:
    federation = Federation(seed)
    delhi = federation.add("ind/delhi", DOMAINS)
    others = [federation.add(name, DOMAINS) for name in ("jpn/yokosuka", "aus/canberra")]
    for other in others:
        party = other.identity.party
        federation.introduce(delhi, other)
        terms = provision("ind", party, discloses=("text", "@subject", "@after", "@node"), obligations=duties)
        made = arrangement("ind", party, terms)
        sign_instrument(delhi, made)
        sign_instrument(other, made)
    federation.run(10_000)
    return federation, delhi, others


def held(node: SimNode) -> Record:
    ((record_id,),) = node.store.query("SELECT record_id FROM note")
    found = facts.load_record(node.store, record_id)
    assert found is not None
    return found


@pytest.mark.parametrize("step_ms", [0, 900_000])
def test_each_partner_gets_a_record_of_its_own(step_ms: int) -> None:
    duties = Obligations(unlinkable=True, time_step_ms=step_ms)
    federation, delhi, others = world(f"own-{step_ms}", duties)
    draft = dataclasses.replace(note("the same words", "ind", "jpn", "aus"), after=("ab" * 32,), subject="ship:1")
    said = delhi.do(fx.Say((draft,)))[0]
    federation.run(10_000)
    if step_ms:  # a time step asks for values that are rewritten, which notes cannot be
        assert all(notes(other) == set() for other in others)
        return
    one, other = (held(node) for node in others)
    assert one.text("payload/text") == other.text("payload/text") == "the same words"
    assert len({one.id, other.id, said.record_id}) == 3
    assert not set(one.clear.digests) & set(other.clear.digests)
    assert one.at_ms == other.at_ms
    assert (one.at_ms or 1) % HOUR_MS == 0
    for found in (one, other):
        assert found.listed("after") == ()
        assert found.listed("derived_from") == ()
    for node in others:
        seen = b"".join(data for _, to, data in federation.wire if to == node.name)
        assert said.record_id.encode() not in seen


def test_a_withdrawal_of_the_source_reaches_each_of_them() -> None:
    federation, delhi, others = world("withdrawn", Obligations(unlinkable=True))
    said = delhi.do(fx.Say((note("canary of no link", "ind", "jpn", "aus"),)))[0]
    federation.run(10_000)
    act(delhi, said.record_id, "destroy")
    federation.run(10_000)
    for node in (delhi, *others):
        assert b"canary of no link" not in bodies(node)


def test_what_others_have_said_is_not_said_again_in_our_name() -> None:
    federation, delhi, others = world("others", Obligations(unlinkable=True))
    releaser = delhi.core.world.releaser
    said = delhi.do(fx.Say((note("ours", "ind", "jpn", "aus"),)))[0]
    found = facts.load_record(delhi.store, said.record_id)
    assert found is not None
    ruling = releaser.rule(found, "jpn", delhi.now_ms)
    assert not ruling.permit
    assert ruling.reason == "provision:notes-ind-jpn"
    foreign = msgspec.structs.replace(found, clear=msgspec.structs.replace(found.clear, issuer="usa"))
    assert not releaser.rule(foreign, "jpn", delhi.now_ms).permit
    del federation, others
