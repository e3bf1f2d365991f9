"""An edition that India and Japan carry together, on two simulated nodes: whatever the network does, both registers tell the same."""

from __future__ import annotations

from typing import Any

import pytest

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.case.operations import EndorseAsked, ResolveAsked
from kizuna.domains.exercises import DOMAIN as EXERCISES
from kizuna.domains.exercises import operations as ops
from kizuna.domains.exercises.queries import EditionsWanted, EditionWanted, MeasuresWanted
from kizuna.domains.exercises.records import EDITION_STATED, EditionStated, Force
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.errors import RefusedError
from kizuna.kernel.label import label
from kizuna.kernel.operation import Asked
from kizuna.node import effects as fx
from kizuna.sim.federation import Federation, SimNode
from tests.sim.partnership import operate, partners, shown, tables

MEMORANDUM = "ind-jpn-2014-memorandum-defence-cooperation"
DOMAINS = (CASE, INSTRUMENTS, EXERCISES)
OFFICER = "officer:1:exercise"
KEY = "ind-jimex-2027"
CASE_ID = f"exercises.edition:{KEY}"


def pair(seed: int | str) -> tuple[Federation, SimNode, SimNode]:
    return partners(seed, DOMAINS, MEMORANDUM)


def proposal(**changes: Any) -> ops.ProposeAsked:
    values: dict[str, Any] = {
        "key": KEY, "series": "jimex", "starts_on": "2027-05-01", "ends_on": "2027-05-06", "parties": ("jpn",),
        "place": "Bay of Bengal", "domains": ("maritime",), "services": ("navy",),
    }  # fmt: skip
    return ops.ProposeAsked(**(values | changes))


def do(node: SimNode, name: str, asked: Asked) -> Any:
    return operate(node, f"exercises {name}", asked, OFFICER)


def sign(node: SimNode) -> Any:
    return operate(node, "case endorse", EndorseAsked(case=CASE_ID), OFFICER)


def agreed(seed: int | str) -> tuple[Federation, SimNode, SimNode]:
    federation, india, japan = pair(seed)
    do(india, "propose", proposal())
    federation.run(5_000)
    sign(japan)
    federation.run(5_000)
    return federation, india, japan


def states(*nodes: SimNode) -> set[str]:
    return {shown(node, EXERCISES, "editions")[0].state for node in nodes}


def counts(**changes: Any) -> ops.ReportAsked:
    forces = (
        Force(party="ind", unit="INS Shivalik", unit_type="ship", service="navy"),
        Force(party="jpn", unit="JS Kaga", unit_type="ship", service="navy"),
    )
    values: dict[str, Any] = {
        "key": KEY, "summary": "done as planned", "forces": forces, "serials_live": 10, "serials_night": 4, "serials_live_fire": 2,
        "serials_cross_deck": 2, "warfare_areas": ("anti-submarine", "replenishment"),
    }  # fmt: skip
    return ops.ReportAsked(**(values | changes))


def test_an_edition_goes_from_proposal_to_its_closing_on_both_nodes() -> None:
    federation, india, japan = agreed(1)
    assert states(india, japan) == {"agreed"}
    do(india, "start", ops.StartAsked(key=KEY, starts_on="2027-05-02"))
    do(india, "hold", ops.HoldAsked(key=KEY, starts_on="2027-05-02", ends_on="2027-05-06"))
    do(india, "report", counts())
    federation.run(5_000)
    do(japan, "close", ops.CloseAsked(key=KEY))
    federation.run(5_000)
    sign(india)
    federation.run(5_000)
    assert states(india, japan) == {"closed"}
    for node in (india, japan):
        measured = shown(node, EXERCISES, "measures", MeasuresWanted())
        (row,) = measured.rows
        assert (row.group, row.measures.editions, row.measures.exercise_days) == ("2027", 1, 5)
        assert row.measures.complexity == 2 * 1 * (10 + 2 + 2 + 1)
        assert row.measures.diversity["warfare_areas"].counts == {"anti-submarine": 1, "replenishment": 1}
    assert tables(india, EXERCISES) == tables(japan, EXERCISES)


def test_a_node_refuses_what_is_not_its_turn_and_says_why() -> None:
    federation, india, japan = pair(2)
    with pytest.raises(RefusedError, match=r"`ends_on` `2027-04-30` lies before `starts_on` `2027-05-01`"):
        do(india, "propose", proposal(ends_on="2027-04-30"))
    with pytest.raises(RefusedError, match="its own name comes first"):
        do(japan, "propose", proposal(parties=("ind",)))
    with pytest.raises(RefusedError, match="name at least one party beside ourselves"):
        do(india, "propose", proposal(parties=()))
    with pytest.raises(RefusedError, match="`warfare_areas`: `submarines` is not one of"):
        do(india, "propose", proposal(warfare_areas=("submarines",)))
    do(india, "propose", proposal())
    federation.run(5_000)
    with pytest.raises(RefusedError, match=r"`hold` is for the side `host`"):
        do(japan, "hold", ops.HoldAsked(key=KEY, starts_on="2027-05-01", ends_on="2027-05-02"))
    with pytest.raises(RefusedError, match="not possible in the state `proposed`"):
        do(india, "report", counts())
    sign(japan)
    federation.run(5_000)
    do(india, "hold", ops.HoldAsked(key=KEY, starts_on="2027-05-01", ends_on="2027-05-02"))
    with pytest.raises(RefusedError, match="names `usa`, which takes no part"):
        do(india, "report", counts(forces=(Force(party="usa", unit="a ship", unit_type="ship"),)))
    with pytest.raises(RefusedError, match="more serials of one kind than the `3` live ones"):
        do(india, "report", counts(serials_live=3))
    with pytest.raises(RefusedError, match="for an officer in the role `exercise`"):
        operate(india, "exercises report", counts(), "officer:1:watch")


def test_a_postponed_edition_takes_new_days_once_both_have_signed() -> None:
    federation, india, japan = agreed(3)
    do(india, "postpone", ops.ReasonAsked(key=KEY, reason="a typhoon"))
    do(
        india,
        "reschedule",
        ops.RescheduleAsked(key=KEY, starts_on="2027-07", ends_on="2027-07", reason="after the monsoon"),
    )
    federation.run(5_000)
    assert states(india, japan) == {"postponed"}
    sign(japan)
    federation.run(5_000)
    for node in (india, japan):
        (row,) = shown(node, EXERCISES, "editions", EditionsWanted())
        assert (row.state, row.starts_on, row.ends_on) == ("agreed", "2027-07", "2027-07")


def test_the_hosts_cancellation_wins_over_what_ran_beside_it() -> None:
    federation, india, japan = agreed(4)
    do(india, "hold", ops.HoldAsked(key=KEY, starts_on="2027-05-01", ends_on="2027-05-06"))
    federation.run(5_000)
    with pytest.raises(RefusedError, match="not possible in the state `held`"):
        do(india, "cancel", ops.ReasonAsked(key=KEY, reason="too late"))
    federation, india, japan = agreed(5)
    federation.weather.cut.add(frozenset((india.name, japan.name)))
    do(india, "cancel", ops.ReasonAsked(key=KEY, reason="ships are needed elsewhere"))
    do(japan, "withdraw", ops.ReasonAsked(key=KEY, reason="a typhoon"))
    federation.weather.cut.clear()
    federation.run(60_000)
    assert states(india, japan) == {"cancelled"}
    assert tables(india, CASE, EXERCISES)[2:] == tables(japan, CASE, EXERCISES)[2:]


def test_what_one_party_states_stands_beside_what_the_other_states() -> None:
    federation, india, japan = pair(6)
    told = {"edition": "veer-guardian-2023", "series": "veer-guardian", "state": "held", "ends_on": "2023-01-26"}
    do(india, "state-edition", ops.EditionAsked(**told, starts_on="2023-01-12", to=("jpn",)))  # type: ignore[arg-type] # shared fields
    do(japan, "state-edition", ops.EditionAsked(**told, starts_on="2023-01-16", to=("ind",)))  # type: ignore[arg-type] # shared fields
    federation.run(5_000)
    for node in (india, japan):
        found = shown(node, EXERCISES, "edition", EditionWanted(edition="veer-guardian-2023"))
        assert {(each.stated_by, each.says["starts_on"]) for each in found.statements} == {
            ("ind", "2023-01-12"), ("jpn", "2023-01-16")
        }  # fmt: skip
        assert found.differ == ("starts_on",)
    with pytest.raises(RefusedError, match="that is not to say that it was not held"):
        shown(india, EXERCISES, "edition", EditionWanted(edition="veer-guardian-2024"))


def test_what_is_made_for_an_exercise_stays_out_of_the_register() -> None:
    _, india, _ = pair(7)
    body = EditionStated(edition="notional-2027", series="notional", state="held", starts_on="2027-01-01")
    own = label("ind.example.v1", 0, originator="ind")
    india.do(fx.Say((fx.Draft(EDITION_STATED, body, own, OFFICER, exercise="jimex-2027"),)))
    assert not shown(india, EXERCISES, "editions")
    india.do(fx.Say((fx.Draft(EDITION_STATED, body, own, OFFICER),)))
    assert [row.edition for row in shown(india, EXERCISES, "editions")] == ["notional-2027"]


def test_loading_twice_says_nothing_twice() -> None:
    federation, india, japan = pair(8)
    first = do(india, "load-bundled", ops.LoadAsked(to=("jpn",)))
    assert first.told["series"] == 10
    again = do(india, "load-bundled", ops.LoadAsked(to=("jpn",)))
    assert not again.said
    federation.run(30_000)
    assert tables(india, EXERCISES) == tables(japan, EXERCISES)


ACTS: tuple[tuple[str, Asked], ...] = (
    ("start", ops.StartAsked(key=KEY, starts_on="2027-05-01")),
    ("hold", ops.HoldAsked(key=KEY, starts_on="2027-05-01", ends_on="2027-05-06")),
    ("report", counts()),
    ("report", counts(serials_live=None, serials_night=None, serials_live_fire=None, serials_cross_deck=None)),
    ("close", ops.CloseAsked(key=KEY)),
    ("postpone", ops.ReasonAsked(key=KEY, reason="a typhoon")),
    ("cancel", ops.ReasonAsked(key=KEY, reason="no ships")),
    ("withdraw", ops.ReasonAsked(key=KEY, reason="no ships")),
    ("reschedule", ops.RescheduleAsked(key=KEY, starts_on="2027-06-01", ends_on="2027-06-03", reason="weather")),
)


def test_storms_do_not_part_the_two_registers() -> None:
    ends = set()
    for seed in range(12):
        federation, india, japan = pair(100 + seed)
        federation.weather.loss, federation.weather.twice = 0.2, 0.2
        do(india, "propose", proposal())
        for _ in range(14):
            federation.run(federation.rng.choice((50, 400, 3_000)))
            node = federation.rng.choice((india, japan))
            name, asked = federation.rng.choice(ACTS)
            command = fx.Operate("exercises", name, asked, OFFICER)
            if federation.rng.random() < 0.4:
                command = fx.Operate("case", "endorse", EndorseAsked(case=CASE_ID), OFFICER)
            elif federation.rng.random() < 0.1:
                resolved = ResolveAsked(case=CASE_ID, outcome="agreed", reason="as before")
                command = fx.Operate("case", "resolve", resolved, OFFICER)
            node.post(command)
        federation.weather.loss = federation.weather.twice = 0.0
        federation.run(60_000)
        ends |= states(india, japan)
        assert tables(india, EXERCISES) == tables(japan, EXERCISES), seed
        for node in (india, japan):
            before = tables(node, CASE, EXERCISES)
            node.store.rebuild()
            assert tables(node, CASE, EXERCISES) == before
    assert len(ends) > 2, "the storms reached few states"
