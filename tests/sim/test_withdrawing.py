"""Retraction, recall and destruction in every order: before the hand-over, during it, after it, and with the power gone in between."""

from __future__ import annotations

import pytest

from kizuna.errors import RefusedError
from kizuna.kernel.channel import wire
from kizuna.node import effects as fx
from kizuna.sim.disk import PowerLossError
from kizuna.sim.federation import SimNode
from tests.sim.test_recovery import projected
from tests.sim.world import note, notes, pair, sides


def act(node: SimNode, record_id: str, name: str) -> None:
    node.do(fx.Act(record_id, name, "a test", "officer:2:security"))


def bodies(node: SimNode) -> bytes:
    return b"".join(bytes(body) for (body,) in node.store.query("SELECT body FROM journal_body WHERE body IS NOT NULL"))


@pytest.mark.parametrize("name", wire.ACTS)
def test_what_was_withdrawn_before_it_was_handed_over_never_is(name: str) -> None:
    federation, delhi, yokosuka, _ = pair(f"before-{name}")
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    federation.run(60_000)  # no pull waits
    said = delhi.do(fx.Say((note("taken back", "ind", "jpn"),)))[0]
    assert said.due
    act(delhi, said.record_id, name)
    federation.weather.cut.clear()
    federation.run(120_000)
    assert notes(yokosuka) == set()
    assert not any(b"taken back" in data for _, _, data in federation.wire)


@pytest.mark.parametrize("name", wire.ACTS)
def test_what_was_withdrawn_after_it_was_sequenced_is_not_shown_again(name: str) -> None:
    federation, delhi, yokosuka, _ = pair(f"during-{name}")
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    said = delhi.do(fx.Say((note("taken back", "ind", "jpn"),)))[
        0
    ]  # sequenced at once, for a pull waits; its answer is lost
    assert delhi.store.query("SELECT COUNT(*) FROM leaf_out WHERE record_id = ?", (said.record_id,)) == [(1,)]
    federation.run(60_000)
    act(delhi, said.record_id, name)
    federation.weather.cut.clear()
    federation.run(120_000)
    assert notes(yokosuka) == set()
    out, read = sides(delhi, yokosuka)
    assert out == read


def test_an_act_in_the_same_round_as_the_hand_over_reaches_the_holder() -> None:
    """A record that is being sequenced when it is retracted: the commits of one round are durable together."""
    federation, delhi, yokosuka, _ = pair("same-round")
    said = delhi.do(fx.Say((note("taken back", "ind"),)))[0]
    other = delhi.do(fx.Say((note("held by its delay", "ind", "jpn"),)))[0]
    for record_id in (said.record_id, other.record_id):
        first = delhi.core.on_local(fx.Act(record_id, "retract", "a test", "officer:2:watch"), 10_001, delhi.now_ms)
        second = delhi.core.on_tick(delhi.now_ms)
        delhi.run(lambda effects=[*first, *second]: effects)  # type: ignore[misc] # bound at once
    federation.run(60_000)
    rows = yokosuka.store.query("SELECT standing FROM record WHERE id = ?", (other.record_id,))
    assert rows in ([], [("retract",)])
    assert delhi.store.query("SELECT COUNT(*) FROM act WHERE channel = ''") == [(2,)]


def test_destruction_leaves_nothing_in_any_table() -> None:
    federation, delhi, yokosuka, _ = pair("tables")
    said = delhi.do(fx.Say((note("canary-in-tables", "ind", "jpn"),)))[0]
    federation.run(5_000)
    act(delhi, said.record_id, "destroy")
    federation.run(5_000)
    for node in (delhi, yokosuka):
        assert b"canary-in-tables" not in bodies(node)
        assert notes(node) == set()
        assert node.store.query("SELECT standing, subject, at_ms FROM record WHERE id = ?", (said.record_id,)) == [
            ("destroy", "", 0)
        ]
        before = projected(node)
        node.store.rebuild()
        assert projected(node) == before


@pytest.mark.parametrize("steps", range(1, 40, 3))
def test_a_power_loss_between_destruction_and_erasure_leaves_no_body(steps: int) -> None:
    federation, delhi, yokosuka, _ = pair(f"power-{steps}")
    said = delhi.do(fx.Say((note("canary-of-power", "ind", "jpn"),)))[0]
    federation.run(5_000)
    delhi.disk.fail_at = delhi.disk.steps + steps
    try:
        act(delhi, said.record_id, "destroy")
    except PowerLossError:
        delhi.disk.fail_at = None
        if not delhi.store.query("SELECT 1 FROM act WHERE act = 'destroy'"):
            return  # nothing was journalled: the officer was not told that it was
    delhi.disk.fail_at = None
    federation.run(120_000)
    for node in (delhi, yokosuka):
        assert b"canary-of-power" not in bodies(node)
        assert node.store.verify().findings == ()


def test_a_record_that_comes_after_its_destruction_is_erased() -> None:
    federation, delhi, yokosuka, _ = pair("late")
    said = delhi.do(fx.Say((note("canary-late", "ind", "jpn"),)))[0]
    federation.run(5_000)
    act(delhi, said.record_id, "destroy")
    federation.run(5_000)
    rows = yokosuka.store.query("SELECT seq FROM journal_entry ORDER BY seq")
    assert rows
    assert yokosuka.store.query(
        "SELECT COUNT(*) FROM holding h JOIN record r ON r.seq = h.record WHERE r.id = ?", (said.record_id,)
    ) == [(0,)]


def test_a_backfill_needs_two_persons_and_not_two_roles() -> None:
    _, delhi, yokosuka, _ = pair("persons")
    for second in ("officer:1:security", "officer:1", "system:jobs", "officer::liaison", "x"):
        with pytest.raises(RefusedError):
            delhi.do(fx.Backfill(yokosuka.name, 0, delhi.now_ms, "officer:1:liaison", second))
    assert delhi.do(fx.Backfill(yokosuka.name, 0, delhi.now_ms, "officer:1:liaison", "officer:2:liaison")) == ()
