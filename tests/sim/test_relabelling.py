"""Relabels and successors: two persons, every holder, every order, and what becomes releasable or no longer is."""

from __future__ import annotations

from typing import Any

import pytest

from kizuna.errors import RecordError, RefusedError
from kizuna.kernel.label import MAX_CLASSIFICATION
from kizuna.kernel.record import Record
from kizuna.node import effects as fx
from kizuna.node.held import facts, noting
from kizuna.sim.federation import SimNode
from kizuna.web.sight import Ceilings
from tests.sim.test_consent import codes, grant, say, three
from tests.sim.test_recovery import projected
from tests.sim.test_withdrawing import act
from tests.sim.world import note, notes, pair

ONE, TWO = "officer:1:desk", "officer:2:security"


def relabel(node: SimNode, record_id: str, second: str = TWO, **changes: Any) -> str:
    return str(node.do(fx.Relabel(record_id, "reviewed", ONE, second, **changes)))


def level(node: SimNode, record_id: str) -> int:
    held = node.core.world.releaser.header(load(node, record_id)).label
    assert held is not None
    return held.grades[0].classification


def load(node: SimNode, record_id: str) -> Record:
    held = facts.load_record(node.store, record_id)
    assert held is not None
    return held


def test_what_a_relabel_lowers_becomes_releasable_and_its_reader_knows_why() -> None:
    federation, delhi, yokosuka, _ = pair("lowered")
    record_id = delhi.do(fx.Say((note("too high", "ind", "jpn", level=3),)))[0].record_id
    federation.run(5_000)
    assert notes(yokosuka) == set()
    relabel(delhi, record_id, grades={"common.v1": 2})
    federation.run(5_000)
    assert notes(yokosuka) == {"too high"}
    assert level(delhi, record_id) == level(yokosuka, record_id) == 2
    assert codes(yokosuka, record_id) == [""]
    for node in (delhi, yokosuka):
        before = projected(node)
        node.store.rebuild()
        assert projected(node) == before


def test_what_a_relabel_raises_is_released_no_more_and_holders_hear_of_it() -> None:
    federation, delhi, yokosuka, _ = pair("raised")
    held = delhi.do(fx.Say((note("out already", "ind", "jpn"),)))[0].record_id
    federation.run(5_000)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    federation.run(60_000)
    late = delhi.do(fx.Say((note("too late", "ind", "jpn"),)))[0].record_id
    for record_id in (held, late):
        relabel(delhi, record_id, grades={"common.v1": 3}, caveats={"common.v1": ("eyes",)})
    federation.weather.cut.clear()
    federation.run(120_000)
    assert notes(yokosuka) == {"out already"}
    assert level(yokosuka, held) == 3
    assert not any(b"too late" in data for _, _, data in federation.wire)


def test_releasability_that_is_taken_away_is_gone_and_names_no_other() -> None:
    world = three("taken away")
    record_id = say(world, "for two", "aus", "jpn")
    grant(world.delhi, record_id)
    world.run()
    assert notes(world.canberra) == {"for two"}
    other = say(world, "not yet for aus", "jpn")
    world.run()
    with pytest.raises(RefusedError, match="relabel"):
        grant(world.delhi, other)
    relabel(world.delhi, other, releasable_to=("aus", "jpn"))
    grant(world.delhi, other)
    world.run()
    assert "not yet for aus" in notes(world.canberra)
    relabel(world.delhi, record_id, releasable_to=("jpn",))
    world.run()
    header = world.canberra.core.world.releaser.header(load(world.canberra, record_id))
    assert header.label is not None
    assert header.label.releasable_to == frozenset()
    bodies = world.canberra.store.query(
        "SELECT b.body FROM notice n JOIN record r ON r.id = n.record_id JOIN holding h ON h.record = r.seq JOIN journal_body b ON b.seq = h.seq"
        " WHERE n.type = 'record.relabelled.v1'"
    )
    assert bodies
    assert not any(b"releasable_to/jpn" in bytes(body) for (body,) in bodies)


def test_what_a_page_shows_without_naming_records_stays_below_what_a_relabel_raised() -> None:
    federation, delhi, yokosuka, _ = pair("ceilings")
    record_id = delhi.do(fx.Say((note("out already", "ind", "jpn", level=1),)))[0].record_id
    federation.run(5_000)
    ceilings = [Ceilings(node.store) for node in (delhi, yokosuka)]
    assert [each.of({"notes"})["ind"][1] for each in ceilings] == [1, 1]
    relabel(delhi, record_id, grades={"common.v1": 3})
    federation.run(5_000)
    for ours, theirs in (ceilings, [Ceilings(node.store) for node in (delhi, yokosuka)]):
        found = [each.of({"notes"})["ind"] for each in (ours, theirs)]
        assert [label.grades[0].classification for label, _ in found] == [3, 3]
        assert [level for _, level in found] == [3, MAX_CLASSIFICATION], "nobody told a holder its own grade of it"


@pytest.mark.parametrize("second", ["", "officer:1:security", "system:job", "officer::x", "x"])
def test_one_person_relabels_nothing(second: str) -> None:
    federation, delhi, yokosuka, _ = pair(f"one-{second}")
    record_id = delhi.do(fx.Say((note("graded", "ind", "jpn", level=3),)))[0].record_id
    with pytest.raises(RefusedError, match="two persons"):
        relabel(delhi, record_id, second, grades={"common.v1": 0})
    federation.run(5_000)
    assert notes(yokosuka) == set()


def test_only_its_originator_relabels_or_supersedes_a_record() -> None:
    federation, delhi, yokosuka, _ = pair("others")
    record_id = delhi.do(fx.Say((note("ours", "ind", "jpn"),)))[0].record_id
    own = yokosuka.do(fx.Say((note("theirs", "jpn", "ind"),)))[0].record_id
    federation.run(5_000)
    with pytest.raises(RefusedError, match="originator"):
        relabel(yokosuka, record_id, grades={"common.v1": 0})
    with pytest.raises(RefusedError, match="originator"):
        yokosuka.do(fx.Supersede(record_id, own, "mine is better", ONE))
    with pytest.raises(RefusedError, match="nothing"):
        relabel(delhi, record_id, grades={"common.v1": 1})
    with pytest.raises(RecordError):
        relabel(delhi, record_id, grades={"common.v1": 99})
    act(delhi, record_id, "retract")
    with pytest.raises(RefusedError, match="retract"):
        relabel(delhi, record_id, grades={"common.v1": 0})


def test_relabels_that_follow_one_another_replace_one_another_at_every_holder() -> None:
    federation, delhi, yokosuka, _ = pair("chain")
    record_id = delhi.do(fx.Say((note("graded", "ind", "jpn"),)))[0].record_id
    federation.weather.loss = federation.weather.twice = 0.2
    for grade in (2, 3, 0, 2):
        relabel(delhi, record_id, grades={"common.v1": grade})
        federation.run(700)
    federation.weather.loss = 0.0
    federation.run(90_000)
    assert level(delhi, record_id) == level(yokosuka, record_id) == 2


def supersede(node: SimNode, record_id: str, successor: str) -> str:
    return str(node.do(fx.Supersede(record_id, successor, "corrected", ONE)))


def standings(node: SimNode, record_id: str) -> list[Any]:
    return node.store.query("SELECT standing FROM record WHERE id = ?", (record_id,))


def test_a_holder_that_may_see_the_successor_gets_it() -> None:
    federation, delhi, yokosuka, _ = pair("successor")
    wrong, right = (delhi.do(fx.Say((note(text, "ind", "jpn"),)))[0].record_id for text in ("wrong", "right"))
    federation.run(5_000)
    notice = supersede(delhi, wrong, right)
    federation.run(5_000)
    assert standings(yokosuka, wrong) == standings(delhi, wrong) == [("superseded",)]
    with yokosuka.store.view() as db:
        assert noting.standings(db, [right, wrong]) == {wrong: "superseded"}
    assert codes(yokosuka, notice) == [""]
    assert yokosuka.store.query("SELECT target FROM notice WHERE record_id = ?", (notice,)) == [(wrong,)]
    for node in (delhi, yokosuka):
        before = projected(node)
        node.store.rebuild()
        assert projected(node) == before


def test_a_holder_that_may_not_see_the_successor_gets_a_bare_retraction() -> None:
    federation, delhi, yokosuka, _ = pair("bare")
    wrong = delhi.do(fx.Say((note("wrong", "ind", "jpn"),)))[0].record_id
    right = delhi.do(fx.Say((note("right and secret", "ind", "jpn", level=3),)))[0].record_id
    federation.run(5_000)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    notice = supersede(delhi, wrong, right)
    federation.run(60_000)
    federation.weather.cut.clear()
    federation.run(60_000)
    assert standings(delhi, wrong) == [("superseded",)]
    assert standings(yokosuka, wrong) == [("retract",)]
    sent = b"".join(data for _, to, data in federation.wire if to == yokosuka.name)
    assert right.encode() not in sent
    assert notice.encode() not in sent
    assert b"record.superseded" not in sent


def test_what_is_superseded_goes_to_nobody_new() -> None:
    federation, delhi, yokosuka, _ = pair("nobody new")
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    federation.run(60_000)
    wrong, right = (delhi.do(fx.Say((note(text, "ind", "jpn"),)))[0].record_id for text in ("wrong", "right"))
    supersede(delhi, wrong, right)
    federation.weather.cut.clear()
    federation.run(60_000)
    assert notes(yokosuka) == {"right"}


def test_a_correction_goes_on_to_whom_a_relay_has_told() -> None:
    world = three("corrected onward")
    consent_of_class = {"record_type": "notes.note-said.v1", "from_ms": 0, "to_ms": world.delhi.now_ms + 10**8}
    grant(world.delhi, **consent_of_class)
    wrong, right = say(world, "wrong"), say(world, "right")
    world.run()
    supersede(world.delhi, wrong, right)
    world.run()
    for node in (world.delhi, world.yokosuka, world.canberra):
        assert standings(node, wrong) == [("superseded",)]
        assert standings(node, right) == [("",)]
