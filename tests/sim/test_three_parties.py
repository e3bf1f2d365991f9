"""Work of three parties: each signs the one statement, each sees to whom it goes, and nobody learns of a party that is none of theirs."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.case.operations import EndorseAsked
from kizuna.domains.exercises import DOMAIN as EXERCISES
from kizuna.domains.exercises import operations as ops
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.errors import RefusedError
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.label import Grade
from kizuna.node.held.facts import load_record
from kizuna.sim.federation import Federation, SimNode
from tests.sim.partnership import operate, tables
from tests.sim.world import POLICY, arrangement, provision, sign_instrument

DOMAINS = (CASE, INSTRUMENTS, EXERCISES)
OFFICER = "officer:1:exercise"
KEY = "ind-malabar-2027"
CASE_ID = f"exercises.edition:{KEY}"
NAMES = ("ind/delhi", "jpn/yokosuka", "aus/canberra")
HEADER = ("@actor", "@after", "@node", "@subject")


def clauses(sender: str, receiver: str, *withheld: str) -> list[Any]:
    fields = {name: kind.__struct_fields__ for name, kind in (EXERCISES.records | CASE.records).items()}
    return [
        provision(
            sender, receiver, id=f"{name.replace('.', '-')}-{sender}-{receiver}", record_types=(name,),
            discloses=tuple(field for field in (*shown, *HEADER) if field not in withheld), purposes=("joint-exercise",),
        )
        for name, shown in fields.items()
    ]  # fmt: skip


def joint(*parties: str, withheld: tuple[str, ...] = ()) -> Instrument:
    """Return an instrument of all these parties, under which each tells each other all of an exercise but what is `withheld`."""
    rules = [clause for pair in permutations(parties, 2) for clause in clauses(*pair, *withheld)]
    made = arrangement(*parties[:2], *rules)
    return msgspec.structs.replace(made, id="-".join((*parties, "arrangement")), parties=tuple(sorted(parties)))


def three(seed: int, *instruments: Instrument) -> tuple[Federation, SimNode, SimNode, SimNode]:
    federation = Federation(seed)
    nodes = [federation.add(name, DOMAINS, grade=Grade(POLICY, 0)) for name in NAMES]
    for nth, one in enumerate(nodes):
        for other in nodes[nth + 1 :]:
            federation.introduce(one, other)
    for made in instruments:
        for node in nodes:
            if node.identity.party in made.parties:
                sign_instrument(node, made)
    federation.run(20_000)
    return (federation, *nodes)


def proposal() -> ops.ProposeAsked:
    return ops.ProposeAsked(
        key=KEY, series="malabar", starts_on="2027-10-01", ends_on="2027-10-09", parties=("jpn", "aus")
    )


def propose(node: SimNode) -> str:
    return str(operate(node, "exercises propose", proposal(), OFFICER).said[0].record_id)


def sign(node: SimNode) -> Any:
    return operate(node, "case endorse", EndorseAsked(case=CASE_ID), OFFICER)


def shown(node: SimNode, record_id: str) -> set[str]:
    held = load_record(node.store, record_id)
    return set(held.disclosed) if held is not None else set()


def state(node: SimNode) -> list[tuple[Any, ...]]:
    return node.store.query("SELECT state, waits_for FROM case_state WHERE case_id = ?", (CASE_ID,))


def storm(federation: Federation) -> None:
    """Lose and double what is sent for a while, then let all of it arrive."""
    federation.weather.loss, federation.weather.twice = 0.2, 0.2
    federation.run(10_000)
    federation.weather.loss = federation.weather.twice = 0.0
    federation.run(60_000)


def test_three_parties_sign_one_statement_in_the_storm() -> None:
    for seed in range(3):
        federation, india, japan, australia = three(seed, joint("ind", "jpn", "aus"))
        proposed = propose(india)
        storm(federation)
        for node in (japan, australia):
            assert {"releasable_to/jpn", "releasable_to/aus"} <= shown(node, proposed)
            assert state(node) == [("proposed", "aus jpn")]
        sign(japan)
        assert state(japan) == [("proposed", "aus")]
        sign(australia)  # beside Japan's signature, not after it
        storm(federation)
        assert state(india) == state(japan) == state(australia) == [("agreed", "")]
        operate(india, "exercises hold", ops.HoldAsked(key=KEY, starts_on="2027-10-01", ends_on="2027-10-09"), OFFICER)
        storm(federation)
        operate(australia, "exercises report", ops.ReportAsked(key=KEY, summary="done"), OFFICER)
        operate(japan, "exercises report", ops.ReportAsked(key=KEY, summary="done as well"), OFFICER)
        storm(federation)
        operate(japan, "exercises close", ops.CloseAsked(key=KEY), OFFICER)
        storm(federation)
        sign(australia)
        sign(india)
        storm(federation)
        assert state(india) == state(japan) == state(australia) == [("closed", "")]
        assert tables(india, EXERCISES) == tables(japan, EXERCISES) == tables(australia, EXERCISES)
        for node in (india, japan, australia):
            before = tables(node, CASE, EXERCISES)
            node.store.rebuild()
            assert tables(node, CASE, EXERCISES) == before


def test_what_two_of_three_receipted_from_one_another_parts_nobody() -> None:
    """A host that cancels what it has receipted a withdrawal from: only the two of them could tell, so it counts for none."""
    federation, india, japan, australia = three(7, joint("ind", "jpn", "aus"))
    propose(india)
    federation.run(10_000)
    sign(japan)
    sign(australia)
    federation.run(10_000)
    federation.weather.cut.add(frozenset((japan.name, australia.name)))
    operate(japan, "exercises withdraw", ops.ReasonAsked(key=KEY, reason="no ships"), OFFICER)
    federation.run(10_000)
    operate(india, "exercises cancel", ops.ReasonAsked(key=KEY, reason="no ships left"), OFFICER)
    federation.run(10_000)
    waiting = australia.store.query("SELECT COUNT(*) FROM case_step WHERE case_id = ?", (CASE_ID,))
    assert waiting == [(4,)], "India's cancelling has come before the withdrawal that it follows"
    assert state(australia) == [("agreed", "")]
    federation.weather.cut.clear()
    federation.run(120_000)
    assert state(india) == state(japan) == state(australia) == [("cancelled", "")]
    assert tables(india, EXERCISES) == tables(japan, EXERCISES) == tables(australia, EXERCISES)


@pytest.mark.parametrize(
    "instruments",
    [
        pytest.param((joint("ind", "jpn"), joint("ind", "aus")), id="no common instrument"),
        pytest.param((joint("ind", "jpn", "aus", withheld=("place",)),), id="a fact kept back"),
    ],
)
def test_without_terms_that_all_share_no_party_is_named_and_nobody_signs(instruments: tuple[Instrument, ...]) -> None:
    federation, india, japan, australia = three(11, *instruments)
    whole = msgspec.structs.replace(proposal(), place="Visakhapatnam")
    proposed = str(operate(india, "exercises propose", whole, OFFICER).said[0].record_id)
    federation.run(20_000)
    assert "releasable_to/jpn" in shown(japan, proposed)
    assert "releasable_to/aus" not in shown(japan, proposed)
    assert "releasable_to/jpn" not in shown(australia, proposed)
    for node in (japan, australia):
        with pytest.raises(RefusedError, match="facts that were not disclosed"):
            sign(node)
    assert india.alerts == japan.alerts == australia.alerts == []


def test_of_two_instruments_the_one_that_leaves_a_statement_whole_carries_it() -> None:
    first = msgspec.structs.replace(joint("ind", "jpn"), id="a-older-arrangement")
    federation, india, japan, australia = three(13, first, joint("ind", "jpn", "aus"))
    propose(india)
    federation.run(20_000)
    sign(japan)
    sign(australia)
    federation.run(20_000)
    assert state(india) == state(japan) == state(australia) == [("agreed", "")]
