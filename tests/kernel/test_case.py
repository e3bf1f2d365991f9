"""Cases: both nodes fold the same steps to the same state, and what cannot be settled is a visible conflict."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import ConfigError, RecordError, RefusedError
from kizuna.kernel import case, record, sign
from kizuna.kernel.case import CONFLICT, ENDORSED, EVERY, RESOLVED, CaseState, CaseType, Step, Transition
from kizuna.kernel.deadline import Deadline
from kizuna.kernel.folding import fold
from kizuna.kernel.label import label

SUPPLY = CaseType(
    name="supply",
    states=("new", "requested", "accepted", "delivered", "settled", "cancelled", "suspended"),
    initial="new",
    transitions=(
        Transition(name="request", frm=("new",), to="requested", side="requester", role="logistics"),
        Transition(name="certify", frm=("requested",), side="requester", role="finance", apart=("request",)),
        Transition(
            name="accept", frm=("requested",), to="accepted", side="requester", role="logistics",
            signatures=2, endorser_role="logistics",
        ),
        Transition(name="cancel", frm=("requested", "accepted"), to="cancelled", side="requester"),
        Transition(name="deliver", frm=("accepted",), to="delivered", side="provider"),
        Transition(name="note", frm=("new", "requested", "accepted", "delivered")),
        Transition(name="settle", frm=("delivered",), to="settled", signatures=EVERY),
        Transition(name="withdraw", frm=("requested", "accepted"), to="cancelled"),
        Transition(name="suspend", frm=("requested", "accepted", "delivered"), to="suspended"),
    ),
    precedence=("suspend", "withdraw"),
)  # fmt: skip
INCIDENT = CaseType(
    name="incident",
    states=("none", "raised", "shared", "closed"),
    initial="none",
    transitions=(
        Transition(name="raise", frm=("none",), to="raised"),
        Transition(name="share", frm=("raised",), to="shared"),
        Transition(name="log", frm=("raised", "shared")),
        Transition(name="close", frm=("raised", "shared"), to="closed", signatures=2),
        Transition(name="reopen", frm=("closed",), to="raised"),
    ),
    precedence=("reopen",),
)
SIDES = {"requester": "ind", "provider": "jpn"}
THREE = {"host": "ind", "first": "jpn", "second": "aus"}


def step(name: str, transition: str, party: str, *after: str, **more: Any) -> Step:
    parts: dict[str, Any] = {"actor": f"officer:{party}1:logistics", "at_ms": 0, "after": frozenset(after)}
    return Step(id=name, transition=transition, party=party, **(parts | more))


def endorse(name: str, target: str, party: str, *after: str, **more: Any) -> Step:
    return step(name, ENDORSED, party, *(after or (target,)), endorses=target, **more)


def supply(*steps: Step) -> CaseState:
    return fold(SUPPLY, steps, SIDES)


R = step("r", "request", "ind")
A = step("a", "accept", "ind", "r")
E = endorse("e", "a", "jpn")
DELIVERED = (R, A, E, step("d", "deliver", "jpn", "e"))


def test_nothing_is_the_initial_state() -> None:
    assert supply() == CaseState(state="new")


def test_a_case_moves_along_its_table() -> None:
    found = supply(*DELIVERED)
    assert found.state == "delivered"
    assert [effect.id for effect in found.history] == ["r", "a", "d"]
    assert found.heads == ("d",)
    assert found.void == ()
    assert found.pending == found.conflict_heads == ()


def test_what_needs_two_waits_for_the_other_side() -> None:
    found = supply(R, A)
    assert found.state == "requested"
    assert found.signatures_missing == (("a", ("jpn",)),)
    assert supply(R, A, E).signatures_missing == ()
    assert supply(R, A, E).state == "accepted"


def test_a_party_does_not_endorse_itself() -> None:
    found = supply(R, A, endorse("e", "a", "ind"))
    assert found.state == "requested"
    assert dict(found.void)["e"].startswith("a party does not")


def test_the_endorser_has_the_stated_role() -> None:
    assert supply(R, A, endorse("e", "a", "jpn", actor="officer:j2:clerk")).state == "requested"
    assert supply(R, A, endorse("e", "a", "jpn", actor="")).state == "requested"


def test_every_side_signs_where_all_must() -> None:
    kind = CaseType(
        name="edition", states=("new", "agreed"), initial="new",
        transitions=(Transition(name="agree", frm=("new",), to="agreed", signatures=EVERY),),
    )  # fmt: skip
    steps = [step("p", "agree", "ind"), endorse("e1", "p", "jpn"), endorse("e2", "p", "jpn", "e1")]
    found = fold(kind, steps, THREE)
    assert found.state == "new"
    assert found.signatures_missing == (("p", ("aus",)),)
    assert fold(kind, [*steps, endorse("e3", "p", "aus")], THREE).state == "agreed"


@pytest.mark.parametrize(
    "wrong",
    [
        step("x", "request", "jpn"),
        step("x", "request", "usa"),
        step("x", "request", "ind", actor="officer:i1:finance"),
        step("x", "request", "ind", actor=""),
        step("x", "unheard", "ind"),
        endorse("x", "x", "jpn", "x0"),
        step("x", "deliver", "jpn"),
    ],
)
def test_a_step_out_of_place_has_no_effect_and_says_why(wrong: Step) -> None:
    found = supply(wrong)
    assert found.state == "new"
    assert [name for name, _ in found.void] == ["x"] or found.pending == ("x",)


def test_a_missing_parent_keeps_the_child_waiting() -> None:
    found = supply(R, E, DELIVERED[-1])
    assert found.pending == ("d", "e")
    assert found.state == "requested"


def test_an_unknown_parent_between_holds_all_that_follow() -> None:
    assert supply(step("n", "note", "ind", "r", "lost"), step("m", "note", "ind", "n"), R).pending == ("m", "n")


def test_persons_of_one_party_stay_apart() -> None:
    drafter = step("c", "certify", "ind", "r", actor="officer:ind1:finance")
    assert "separate persons" in dict(supply(R, drafter).void)["c"]
    assert supply(R, msgspec.structs.replace(drafter, actor="officer:ind2:finance")).void == ()
    assert dict(supply(R, msgspec.structs.replace(drafter, actor="")).void).keys() == {"c"}


def test_a_person_of_the_other_party_is_another_person() -> None:
    kind = CaseType(
        name="review", states=("new", "drafted", "approved"), initial="new",
        transitions=(
            Transition(name="draft", frm=("new",), to="drafted"),
            Transition(name="approve", frm=("drafted",), to="approved", apart=("draft",)),
        ),
    )  # fmt: skip
    steps = [
        step("d", "draft", "ind", actor="officer:o1:desk"),
        step("a", "approve", "jpn", "d", actor="officer:o1:desk"),
    ]
    assert fold(kind, steps, SIDES).state == "approved"


def test_acceptance_and_withdrawal_side_by_side_end_in_withdrawal() -> None:
    withdrawal = step("w", "withdraw", "ind", "a")
    found = supply(R, A, E, withdrawal)
    assert found.state == "cancelled"
    assert dict(found.void)["a"].startswith("overtaken")
    late = step("d", "deliver", "jpn", "e")
    assert supply(R, A, E, withdrawal, late).state == "cancelled"
    assert supply(R, A, E, withdrawal, late).heads == ("w", "d")


def test_acceptance_after_its_side_receipted_the_withdrawal_is_void() -> None:
    withdrawal = step("w", "cancel", "ind", "a")
    fresh = supply(R, A, withdrawal, E)
    assert fresh.state == CONFLICT
    knowing = supply(R, A, withdrawal, endorse("e", "a", "jpn", saw=frozenset({"r", "a", "w"})))
    assert knowing.state == "cancelled"
    assert dict(knowing.void).keys() == {"e"}


def test_the_first_sequencing_counts() -> None:
    withdrawal = step("w", "cancel", "ind", "a")
    again = msgspec.structs.replace(E, saw=frozenset({"w"}))
    assert supply(R, A, withdrawal, E, again) == supply(R, A, withdrawal, again, E) == supply(R, A, withdrawal, E)


def test_a_circle_of_receipts_proves_nothing() -> None:
    one = step("x", "cancel", "ind", "e", saw=frozenset({"y"}))
    other = step("y", "deliver", "jpn", "e", saw=frozenset({"x"}))
    assert supply(R, A, E, one, other).state == CONFLICT


def test_an_expired_proposal_is_not_accepted() -> None:
    proposal = msgspec.structs.replace(A, expires_ms=100)
    assert supply(R, proposal, msgspec.structs.replace(E, at_ms=99)).state == "accepted"
    assert supply(R, proposal, msgspec.structs.replace(E, at_ms=100)).state == "requested"


def test_precedence_is_ranked() -> None:
    found = supply(R, step("w", "withdraw", "ind", "r"), step("s", "suspend", "jpn", "r"))
    assert found.state == "suspended"
    assert dict(found.void).keys() == {"w"}


def test_two_that_lead_to_the_same_state_agree() -> None:
    assert supply(R, step("w", "withdraw", "ind", "r"), step("v", "withdraw", "jpn", "r")).state == "cancelled"


def test_what_stays_collides_with_nothing() -> None:
    found = supply(R, step("n", "note", "jpn", "r"), step("w", "withdraw", "ind", "r"))
    assert found.state == "cancelled"
    assert found.void == ()


def test_what_stays_wins_over_nothing() -> None:
    kind = CaseType(
        name="watch", states=("new", "done"), initial="new", precedence=("alert",),
        transitions=(Transition(name="alert", frm=("new",)), Transition(name="finish", frm=("new",), to="done")),
    )  # fmt: skip
    assert fold(kind, [step("a", "alert", "ind"), step("f", "finish", "jpn")], SIDES).state == "done"


COLLIDED = (*DELIVERED, step("c", "cancel", "ind", "e"))


def resolve(name: str, outcome: str, *heads: str, after: tuple[str, ...] = ("c", "d"), party: str = "ind") -> Step:
    return step(name, RESOLVED, party, *after, resolves=frozenset(heads), outcome=outcome)


def test_an_unsettled_collision_is_a_conflict_until_both_resolve_it() -> None:
    found = supply(*COLLIDED)
    assert found.state == CONFLICT
    assert found.conflict_heads == ("c", "d")
    proposal = resolve("z", "delivered", "c", "d")
    assert supply(*COLLIDED, proposal).state == CONFLICT
    assert supply(*COLLIDED, proposal).signatures_missing == (("z", ("jpn",)),)
    ended = supply(*COLLIDED, proposal, endorse("y", "z", "jpn"))
    assert ended.state == "delivered"
    assert ended.conflict_heads == ()
    onward = supply(
        *COLLIDED, proposal, endorse("y", "z", "jpn"), step("s", "settle", "jpn", "y"), endorse("t", "s", "ind")
    )
    assert onward.state == "settled"


@pytest.mark.parametrize(
    "proposal",
    [resolve("z", "delivered", "d"), resolve("z", "delivered", "c", "d", "e"), resolve("z", "nowhere", "c", "d"),
     resolve("z", CONFLICT, "c", "d"), resolve("z", "", "c", "d"), resolve("z", "delivered", "c", "d", after=("d",))],
)  # fmt: skip
def test_a_resolution_that_does_not_name_all_heads_ends_nothing(proposal: Step) -> None:
    assert supply(*COLLIDED, proposal, endorse("y", "z", "jpn")).state == CONFLICT


def test_nothing_else_ends_a_conflict() -> None:
    found = supply(*COLLIDED, step("s", "suspend", "ind", "c", "d"), step("n", "note", "jpn", "c", "d"))
    assert found.state == CONFLICT
    assert dict(found.void).keys() == {"s", "n"}


def test_a_late_collision_reopens_a_resolved_conflict() -> None:
    proposal = resolve("z", "delivered", "c", "d")
    late = step("q", "cancel", "ind", "e", "r")
    found = supply(*COLLIDED, proposal, endorse("y", "z", "jpn"), late)
    assert found.state == CONFLICT
    assert found.conflict_heads == ("q", "z")


def test_two_versions_of_one_step_are_a_conflict_even_where_they_agree() -> None:
    found = supply(R, step("w1", "withdraw", "ind", "r"), step("w2", "withdraw", "ind", "r"))
    assert found.state == CONFLICT
    assert set(found.conflict_heads) == {"w1", "w2"}
    proposal = resolve("z", "cancelled", "w1", "w2", after=("w1", "w2"))
    assert supply(R, step("w1", "withdraw", "ind", "r"), step("w2", "withdraw", "ind", "r"), proposal,
                  endorse("y", "z", "jpn")).state == "cancelled"  # fmt: skip


def test_two_versions_of_a_proposal_are_a_conflict_also_when_one_is_endorsed() -> None:
    twin = step("b", "accept", "ind", "r")
    for signature in (E, endorse("e", "a", "jpn", "a", "b")):
        assert supply(R, A, twin, signature).state == CONFLICT


def test_two_openings_by_one_party_are_a_conflict() -> None:
    assert supply(R, step("r2", "request", "ind")).state == CONFLICT


def test_different_steps_of_one_id_are_refused() -> None:
    with pytest.raises(RecordError):
        supply(R, msgspec.structs.replace(R, at_ms=5))


@pytest.mark.parametrize(
    "changed",
    [
        {"initial": "nowhere"},
        {"states": ("new", CONFLICT)},
        {"precedence": ("unheard",)},
        {"transitions": (Transition(name="x", frm=("nowhere",)),)},
        {"transitions": (Transition(name="x", frm=("new",), to="nowhere"),)},
        {"transitions": (Transition(name="x", frm=(CONFLICT,)),)},
        {"transitions": (Transition(name="x", frm=("new",), apart=("y",)),)},
        {"transitions": (Transition(name="x", frm=("new",), deadline=Deadline(rule="d", anchor="y", offset=1)),)},
        {"transitions": (Transition(name="x", frm=("new",)), Transition(name="x", frm=("new",)))},
    ],
)
def test_a_table_that_names_what_it_lacks_is_refused(changed: dict[str, Any]) -> None:
    parts: dict[str, Any] = {"name": "t", "states": ("new",), "initial": "new", "transitions": ()}
    with pytest.raises(ConfigError):
        CaseType(**(parts | changed))


@st.composite
def stories(draw: st.DrawFn, case_type: CaseType, parties: tuple[str, ...]) -> list[Step]:
    """Return any graph of steps, legal and not: each follows some earlier ones, and may have seen others."""
    steps: list[Step] = []
    for index in range(draw(st.integers(1, 9))):
        earlier = [held.id for held in steps]
        some = st.frozensets(st.sampled_from(earlier), max_size=3) if earlier else st.just(frozenset[str]())
        name = draw(st.sampled_from([*(row.name for row in case_type.transitions), ENDORSED, ENDORSED, RESOLVED]))
        target = draw(st.sampled_from(earlier)) if earlier else ""
        after = draw(some) | (frozenset({target}) if name == ENDORSED and target else frozenset())
        steps.append(
            Step(
                id=draw(st.sampled_from("abcdef")) + str(index),
                transition=name,
                party=draw(st.sampled_from(parties)),
                actor=draw(st.sampled_from(["officer:p1:logistics", "officer:p2:finance", ""])),
                at_ms=index,
                after=after or (frozenset(earlier[-1:]) if draw(st.booleans()) else frozenset()),
                saw=draw(some),
                endorses=target if name == ENDORSED else "",
                resolves=draw(some) if name == RESOLVED else frozenset(),
                outcome=draw(st.sampled_from([*case_type.states, "nowhere"])) if name == RESOLVED else "",
            )
        )
    return steps


def assert_sound(found: CaseState, steps: list[Step]) -> None:
    assert (found.state == CONFLICT) == bool(found.conflict_heads)
    effective = {effect.id for effect in found.history}
    ids = {held.id for held in steps}
    assert effective | set(found.pending) | set(dict(found.void)) | set(found.heads) <= ids
    assert not effective & set(found.pending)
    assert not effective & set(dict(found.void))


@settings(max_examples=150)
@given(stories(SUPPLY, ("ind", "jpn")), st.randoms(use_true_random=False))
def test_supply_folds_alike_in_every_order_and_number_of_copies(steps: list[Step], rng: random.Random) -> None:
    expected = supply(*steps)
    assert_sound(expected, steps)
    shuffled = steps + rng.choices(steps, k=3)
    rng.shuffle(shuffled)
    assert supply(*shuffled) == expected


@settings(max_examples=150)
@given(stories(INCIDENT, ("ind", "jpn", "aus")), st.randoms(use_true_random=False))
def test_incidents_of_three_parties_fold_alike(steps: list[Step], rng: random.Random) -> None:
    expected = fold(INCIDENT, steps, THREE)
    assert_sound(expected, steps)
    shuffled = steps + rng.choices(steps, k=3)
    rng.shuffle(shuffled)
    assert fold(INCIDENT, shuffled, THREE) == expected


def test_two_nodes_that_act_while_apart_converge() -> None:
    """Each side acts on what it holds, delivery is shuffled and late; once all has arrived, both are in one state."""
    seen: set[str] = set()
    for seed in range(60):
        rng = random.Random(seed)
        held: dict[str, list[Step]] = {"ind": [R], "jpn": []}
        flying: list[tuple[str, Step]] = [("jpn", R)]
        for index in range(8):
            party = rng.choice(("ind", "jpn"))
            other = "jpn" if party == "ind" else "ind"
            own = supply(*held[party])
            missing = [name for name, who in own.signatures_missing if party in who]
            more = {"endorses": rng.choice(missing)} if missing else {}
            name = ENDORSED if missing else rng.choice(["accept", "withdraw", "cancel", "deliver", "note", "suspend"])
            made = step(f"{index}{party}", name, party, *own.heads, **more)
            held[party].append(made)
            flying.append((other, made))
            rng.shuffle(flying)
            for _ in range(rng.randrange(len(flying))):
                to, arrived = flying.pop()
                held[to].append(arrived)
        for to, arrived in flying:
            held[to].append(arrived)
        assert supply(*held["ind"]) == supply(*held["jpn"])
        assert supply(*held["ind"]).pending == ()
        seen.add(supply(*held["ind"]).state)
    assert {CONFLICT, "suspended", "cancelled"} <= seen


def test_a_long_case_folds() -> None:
    steps = [
        R,
        *(step(f"n{i:03}", "note", "jpn" if i % 2 else "ind", f"n{i - 1:03}" if i else "r") for i in range(150)),
    ]
    assert len(supply(*steps).history) == 151


DAY_MS = 86_400_000
TIMED = CaseType(
    name="timed", states=("new", "open", "done"), initial="new",
    transitions=(
        Transition(name="open", frm=("new",), to="open", signatures=2),
        Transition(name="remind", frm=("open",), deadline=Deadline(rule="open.remind", anchor="open", offset=3)),
        Transition(name="done", frm=("open",), to="done", deadline=Deadline(rule="open.done", anchor="remind", offset=1)),
    ),
)  # fmt: skip


def test_deadlines_run_from_the_last_signature_while_the_state_lasts() -> None:
    steps = [step("o", "open", "ind", at_ms=1000), endorse("e", "o", "jpn", at_ms=5000)]
    assert case.due(TIMED, fold(TIMED, steps[:1], SIDES)) == ()
    opened = fold(TIMED, steps, SIDES)
    assert case.due(TIMED, opened) == (("open.remind", 5000 + 3 * DAY_MS),)
    assert case.expired(TIMED, opened, 4999 + 3 * DAY_MS) == ()
    assert case.expired(TIMED, opened, 5000 + 3 * DAY_MS) == ("open.remind",)
    steps += [step("m", "remind", "ind", "e", at_ms=6000), step("m2", "remind", "ind", "m", at_ms=9000)]
    found = fold(TIMED, steps, SIDES)
    assert case.due(TIMED, found) == (("open.done", 9000 + DAY_MS), ("open.remind", 5000 + 3 * DAY_MS))
    assert case.due(TIMED, fold(TIMED, [*steps, step("d", "done", "ind", "m2")], SIDES)) == ()


KEYS = {party: sign.SigningKey(bytes([index]) * 32) for index, party in enumerate(("ind", "jpn"))}


class Ordered(record.Body, frozen=True):
    litres: int | record.Withheld = record.WITHHELD


def issued(type_: str, body: record.Body, party: str, *after: str, closed: bool = True) -> record.Record:
    facts = record.Facts(node=f"{party}/n", actor=f"officer:{party}1:logistics", at_ms=7, after=after)
    of = label(party, 1, originator=party)
    return record.issue(type_, body, of, facts, KEYS[party], random.Random(type_ + party).randbytes, closed=closed)


def test_records_become_steps() -> None:
    request = issued("supply.order-requested.v1", Ordered(litres=5), "ind")
    accept = issued("supply.order-accepted.v1", Ordered(litres=5), "ind", request.id)
    case.require_closed(accept)
    signature = issued(ENDORSED, case.CaseEndorsed(endorses=accept.id), "jpn", accept.id)
    steps = [case.step_of(request, "request"), case.step_of(accept, "accept"), case.step_of(signature, "")]
    assert supply(*steps).state == "accepted"
    assert steps[2] == endorse(signature.id, accept.id, "jpn", at_ms=7)
    ended = issued(
        RESOLVED, case.CaseResolved(heads=("0a" * 32,), outcome="settled", reason="agreed"), "ind", signature.id
    )
    found = case.step_of(ended, "", saw=frozenset({"x"}), expires_ms=9)
    assert found.resolves == frozenset({"0a" * 32})
    assert found.outcome == "settled"
    assert found.saw == frozenset({"x"})
    assert found.expires_ms == 9


def test_what_hides_a_part_is_not_endorsed() -> None:
    with pytest.raises(RefusedError):
        case.require_closed(issued("supply.order-accepted.v1", Ordered(litres=5), "ind", "0a" * 32, closed=False))
    whole = issued("supply.order-accepted.v1", Ordered(litres=5), "ind")
    shown = record.read(whole.bytes([name for name in whole.disclosures if name != "payload/litres"]))
    with pytest.raises(RefusedError):
        case.require_closed(shown)


def test_a_step_shows_its_instant() -> None:
    with pytest.raises(RecordError):
        case.step_of(record.read(issued("supply.order-accepted.v1", Ordered(), "ind").bytes([])), "accept")
