"""A partner that says much about its agreements: they are compiled when they are next needed, and a suspension binds at once."""

from __future__ import annotations

import pytest

from kizuna.domains.instruments.records import ScopeOpened
from kizuna.kernel.label import label
from kizuna.node import effects as fx
from kizuna.node.channel import treaties
from tests.sim.world import POLICY, note, notes, pair, suspend

MANY = 150


def test_a_flood_of_words_about_agreements_is_compiled_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    federation, delhi, yokosuka, made = pair("flood")
    mark = label(POLICY, 0, originator="ind", releasable_to=made.parties, purposes=("coordination",))
    compiled: list[object] = []
    read = treaties.agreements
    monkeypatch.setattr(treaties, "agreements", lambda *args: compiled.append(args[0]) or read(*args))
    federation.weather.cut.add(frozenset({delhi.name, yokosuka.name}))
    for number in range(MANY):
        scope = ScopeOpened(
            instrument=made.id, name=f"scope-{number}", from_ms=delhi.now_ms, to_ms=delhi.now_ms + 1_000
        )
        delhi.do(fx.Say((fx.Draft("instruments.scope-opened.v1", scope, mark, "officer:1:desk", closed=True),)))
    suspend(delhi, made)
    federation.weather.cut.clear()
    yokosuka.do(fx.Say((note("before it is known", "jpn", "ind"),)))
    federation.run(60_000)
    assert yokosuka.store.query("SELECT COUNT(*) FROM leaf_in WHERE type = 'instruments.scope-opened.v1'") == [(MANY,)]
    at_yokosuka = [store for store in compiled if store is yokosuka.store]
    assert 1 <= len(at_yokosuka) <= MANY // 10
    ruled = yokosuka.do(fx.Say((note("held", "jpn", "ind"),)))
    assert ruled[0].due == ()
    federation.run(30_000)
    assert "held" not in notes(delhi)


def test_a_suspension_binds_the_very_next_decision() -> None:
    _federation, delhi, _, made = pair("at once")
    assert delhi.do(fx.Say((note("before", "ind", "jpn"),)))[0].due
    suspend(delhi, made)
    assert delhi.do(fx.Say((note("after", "ind", "jpn"),)))[0].due == ()
