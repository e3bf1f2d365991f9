"""Backfill: what was made before its provision opened follows by two persons, where both parties signed that it may; by that alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kizuna.errors import RefusedError
from kizuna.kernel import instrument
from kizuna.kernel.channel import wire
from kizuna.node import effects as fx
from kizuna.node.acts import agreeing
from kizuna.sim.federation import Federation, SimNode
from tests.sim.byzantine import SHOWN, trap
from tests.sim.test_recovery import projected
from tests.sim.world import DOMAINS, NoteSaid, arrangement, note, notes, provision, sign_instrument

DAY_MS = 86_400_000
ONE, TWO = "officer:1:liaison", "officer:2:security"


def scoped(seed: str, *, agreed: bool) -> tuple[Federation, SimNode, SimNode]:
    """Return two nodes whose agreement covers what is made during an operation, which opens in a moment; a note is from before."""
    federation = Federation(seed)
    delhi, yokosuka = federation.add("ind/delhi", DOMAINS), federation.add("jpn/yokosuka", DOMAINS)
    federation.introduce(delhi, yokosuka)
    changes: dict[str, Any] = {"scope": "milan"} | ({"backfill": True} if agreed else {})
    made = msgspec.structs.replace(arrangement("ind", "jpn", provision("ind", "jpn", **changes)), scopes=("milan",))
    for node in (delhi, yokosuka):
        sign_instrument(node, made)
    federation.run(10_000)
    delhi.do(fx.Say((note("from before", "ind", "jpn"),)))
    federation.run(10_000)
    start_ms = federation.now_ms
    for node in (delhi, yokosuka):
        party = node.identity.party
        draft = agreeing.scope_opened(made, "milan", start_ms, start_ms + DAY_MS, party, ONE)
        node.do(fx.Say((draft,)))
    federation.run(10_000)
    delhi.do(fx.Say((note("from within", "ind", "jpn"),)))
    federation.run(10_000)
    assert notes(yokosuka) == {"from within"}
    return federation, delhi, yokosuka


def backfill(node: SimNode, partner: SimNode, second: str = TWO) -> tuple[str, ...]:
    return tuple(node.do(fx.Backfill(partner.name, 0, node.now_ms, ONE, second)))


def test_two_persons_release_what_was_made_before() -> None:
    federation, delhi, yokosuka = scoped("two persons", agreed=True)
    (shown,) = backfill(delhi, yokosuka, "")
    federation.run(10_000)
    assert notes(yokosuka) == {"from within"}  # that was a preview
    with pytest.raises(RefusedError):
        backfill(delhi, yokosuka, "officer:1:security")
    assert backfill(delhi, yokosuka) == (shown,)
    federation.run(10_000)
    assert notes(yokosuka) == {"from within", "from before"}
    headers = [
        wire.decode_header(msgspec.json.decode(bytes(header))["meta"]["header"].encode())
        for (header,) in yokosuka.store.query(
            "SELECT e.header FROM leaf_in l JOIN journal_entry e ON e.seq = l.seq WHERE l.kind = 'record' ORDER BY l.idx"
        )
    ]
    assert [header.backfill is True for header in headers] == [False, True]
    for node in (delhi, yokosuka):
        before = projected(node)
        node.store.rebuild()
        assert projected(node) == before


def test_where_the_parties_did_not_agree_to_it_nothing_follows() -> None:
    federation, delhi, yokosuka = scoped("not agreed", agreed=False)
    assert backfill(delhi, yokosuka) == ()
    federation.run(10_000)
    assert notes(yokosuka) == {"from within"}


def test_it_is_judged_when_it_is_handed_over() -> None:
    federation, delhi, yokosuka = scoped("closed meanwhile", agreed=True)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    federation.run(30_000)
    assert backfill(delhi, yokosuka)
    federation.run(DAY_MS + 60_000)
    federation.weather.cut.clear()
    federation.run(120_000)
    assert notes(yokosuka) == {"from within"}


@pytest.mark.parametrize("agreed", [False, True])
@pytest.mark.parametrize("marked", [False, True])
def test_a_partner_that_backfills_without_the_word_or_the_clause_is_refused(*, agreed: bool, marked: bool) -> None:
    federation, victim, _, evil = trap(f"evil-{agreed}-{marked}")
    changes: dict[str, Any] = {"backfill": True} if agreed else {}
    made = msgspec.structs.replace(
        arrangement("ind", "jpn", provision("ind", "jpn", **changes)), in_force_on=instrument.limited_date("2026-09-20"),
        id="later",
    )  # fmt: skip
    sign_instrument(victim, made)
    evil.sign(made)
    federation.run(10_000)
    old = evil.issue(NoteSaid(text="old", source="x"), at_ms=instrument.day_ms("2026-09-01"))
    header: dict[str, Any] = {"backfill": True} if marked else {}
    index = evil.add(
        old.bytes((*SHOWN, "releasable_to/jpn")), instrument=made.id, instrument_sha256=instrument.version_of(made),
        provision=made.provisions[0].id, **header,
    )  # fmt: skip
    federation.run(30_000)
    assert evil.codes()[index] == ("" if agreed and marked else "expired")
