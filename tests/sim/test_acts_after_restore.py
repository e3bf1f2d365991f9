"""What a restored node takes back while it does not know yet who holds it."""

from __future__ import annotations

import pytest

from kizuna.kernel.channel import wire
from kizuna.node import effects as fx
from tests.sim.test_after_restore import backup_of, codes, restored, say
from tests.sim.world import notes, pair


@pytest.mark.parametrize("act", wire.ACTS)
def test_an_act_before_the_leaf_came_home_reaches_whoever_holds_the_record(act: str) -> None:
    """The backup knows the record, and not that Japan was shown it; an officer takes it back before Japan has given its entries back."""
    federation, delhi, yokosuka, _ = pair(f"{act} before the leaf")
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    federation.run(40_000)  # the pull that waited is lost: what is said now is only queued
    said = say(delhi, "to be taken back")
    before = backup_of(delhi)
    federation.weather.cut.clear()
    federation.run(60_000)
    assert notes(yokosuka) == {"to be taken back"}
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    restored(delhi, before)
    federation.run(1_000)
    assert delhi.store.query("SELECT COUNT(*) FROM leaf_out WHERE kind = 'record'") == [(0,)]
    delhi.do(fx.Act(said, act, "said in error", "officer:2:security"))
    federation.weather.cut.clear()
    federation.run(120_000)
    assert yokosuka.store.query("SELECT standing FROM record WHERE id = ?", (said,)) == [(act,)]
    assert codes(yokosuka) == {""}
