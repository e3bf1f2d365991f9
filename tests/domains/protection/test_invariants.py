"""What must always hold of a copy, whatever two sides say and in whatever order it arrives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.domains.protection import records as r
from kizuna.domains.protection.cases import COPY, level_of, open_orders, register_of, standing_consents
from kizuna.domains.protection.compromises import COMPROMISE
from kizuna.domains.protection.rules import check_compromise, check_document, second_fault
from kizuna.errors import RefusedError
from kizuna.kernel import casework
from kizuna.kernel.casework import CaseView, Move
from kizuna.kernel.folding import person_of
from kizuna.kernel.record import Body

KEY = "ind-2027-0001-c1"
DAY = "2027-03-01"
OFFICERS = {party: (f"officer:{party}1:security", f"officer:{party}2:security") for party in ("ind", "jpn")}
OPENING = r.CopyRegistered(
    document="ind-2027-0001", copy_no=1, title="A study", policy="ind.example.v1", level=3, form="paper", holder="jpn"
)
PARTIES = st.sampled_from(["ind", "jpn"])
THIRD = st.sampled_from(["aus", "usa"])
SCOPE = st.sampled_from(["chapter 1", "chapter 2"])
SECOND = st.sampled_from([*OFFICERS["ind"], *OFFICERS["jpn"], "system:job", ""])
BODIES: st.SearchStrategy[Any] = st.one_of(
    st.builds(r.CopyDispatched, dispatched_on=st.just(DAY), receipt_within_days=st.just(7)),
    st.builds(r.CopyReceipted, received_on=st.just(DAY), seal_whole=st.booleans()),
    st.builds(r.CopyReturned, returned_on=st.just(DAY)),
    st.builds(r.ReturnReceipted, received_on=st.just(DAY), seal_whole=st.booleans()),
    st.builds(r.CopyLost, noticed_on=st.just(DAY), circumstances=st.just("a move")),
    st.builds(r.CopyFound, found_on=st.just(DAY)),
    st.builds(
        r.CopyDestroyed, certificate=st.just("D 1"), method=st.just("burnt"), destroyed_on=st.sampled_from([DAY, "soon"]), witness=SECOND
    ),
    st.builds(r.RegradeOrdered, level=st.integers(0, 4), approved_by=SECOND, reason=st.just("age")),
    st.builds(r.OnwardRequested, recipient=st.sampled_from(["aus", "usa", "ind"]), scope=SCOPE, reason=st.just("a plan")),
)  # fmt: skip
ANSWERS = ("acknowledge", "consent", "refuse", "revoke", "pass-on", "made-up consent")


def folded(moves: list[Move]) -> CaseView:
    view = casework.folded(COPY, COPY.subject(KEY), moves)
    assert view is not None
    return view


def move(number: int, party: str, officer: int, body: Body, after: tuple[str, ...]) -> Move:
    name = f"{number:064x}"
    step = casework.step_of(COPY, name, "x", body, party, OFFICERS[party][officer], number * 1000, frozenset(after))
    return Move(step=step, type="x", body=body)


def answered(view: CaseView, kind: str, data: st.DataObject) -> Body | None:  # noqa: PLR0911 # one return for each kind of answer
    """Return an answer to what stands in a case, right or made up."""
    orders, consents = open_orders(view), standing_consents(view)
    requests = view.effective("request-onward")
    recipient, scope = data.draw(THIRD), data.draw(SCOPE)
    if kind == "acknowledge" and orders:
        return r.RegradeAcknowledged(order=orders[0].step.id)
    if kind == "consent" and requests:
        request: Any = requests[-1]
        right = data.draw(st.booleans())
        return r.OnwardConsented(
            request=request.step.id, until_on=DAY, recipient=request.body.recipient if right else recipient,
            scope=request.body.scope if right else scope,
        )  # fmt: skip
    if kind == "refuse" and requests:
        return r.OnwardRefused(request=requests[-1].step.id, reason="no")
    if kind == "revoke" and consents:
        return r.OnwardRevoked(consent=consents[0].step.id, reason="no more")
    if kind == "pass-on" and consents:
        consent: Any = consents[0]
        right = data.draw(st.booleans())
        return r.PassedOn(
            consent=consent.step.id, recipient=consent.body.recipient if right else recipient,
            scope=consent.body.scope if right else scope, passed_on=data.draw(st.sampled_from([DAY, "2027-03-02"])),
        )  # fmt: skip
    if kind == "made-up consent":
        return r.PassedOn(consent="f" * 64, recipient=recipient, scope=scope, passed_on=DAY)
    return None


@st.composite
def stories(draw: Any) -> list[Move]:
    """Return what two sides say of a copy, each having folded all or a part of what was said before."""
    moves = [move(1, "ind", 0, OPENING, ())]
    data = draw(st.data())
    for number in range(2, draw(st.integers(3, 14))):
        known = moves if draw(st.integers(0, 4)) else moves[: draw(st.integers(1, len(moves)))]
        view = folded(known)
        kind = draw(st.sampled_from(ANSWERS)) if draw(st.booleans()) else ""
        body = answered(view, kind, data) if kind else draw(BODIES)
        if body is not None:
            moves.append(move(number, draw(PARTIES), draw(st.integers(0, 1)), body, view.state.heads))
    return moves


@given(stories(), st.randoms(use_true_random=False))
def test_a_copy_is_in_one_register_whatever_arrives_first(story: list[Move], dice: Any) -> None:
    view = folded(story)
    shuffled = [*story, *story[:2]]
    dice.shuffle(shuffled)
    again = folded(list({each.step.id: each for each in shuffled}.values()))
    assert again.state == view.state
    assert register_of(again) == register_of(view)
    assert register_of(view) in {"ind", "jpn", ""}
    assert (register_of(view) == "") is (view.state.state == "destroyed")


@given(stories())
def test_only_the_originator_regrades_by_two_persons_and_a_certificate_has_two(story: list[Move]) -> None:
    view = folded(story)
    for order in view.effective("order-regrade"):
        assert order.step.party == "ind"
        assert isinstance(order.body, r.RegradeOrdered)
        assert person_of(str(order.body.approved_by)) != person_of(order.step.actor)
    for ended in view.effective("destroy"):
        assert isinstance(ended.body, r.CopyDestroyed)
        assert str(ended.body.witness).startswith("officer:")
        assert person_of(str(ended.body.witness)) != person_of(ended.step.actor)
    for done in view.effective("acknowledge-regrade"):
        assert done.step.party == "jpn"
    orders = view.effective("order-regrade")
    assert level_of(view) == (getattr(orders[-1].body, "level", None) if orders else 3)


@given(stories())
def test_nothing_is_passed_on_but_what_a_signed_consent_names(story: list[Move]) -> None:
    view = folded(story)
    consents = {each.step.id: each for each in view.effective("consent-onward")}
    passes = view.effective("pass-on")
    for passed in passes:
        body: Any = passed.body
        consent: Any = consents[body.consent]
        assert consent.step.party == "ind"
        assert passed.step.party == "jpn"
        assert (body.recipient, body.scope) == (consent.body.recipient, consent.body.scope)
        assert body.recipient not in view.sides.values()
        assert body.passed_on <= consent.body.until_on
        known = ancestors(story, passed)
        gone = [*passes, *view.effective("revoke-onward")]
        assert not any(other.step.id in known and getattr(other.body, "consent", "") == body.consent for other in gone)


def ancestors(story: list[Move], one: Move) -> set[str]:
    """Return what the author of a step had folded."""
    by_id = {each.step.id: each for each in story}
    found: set[str] = set()
    waiting = [*one.step.after]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(by_id[name].step.after)
    return found


def test_who_may_open_and_what_is_a_name() -> None:
    opening = move(1, "jpn", 0, OPENING, ())
    assert casework.folded(COPY, COPY.subject(KEY), [opening]) is None
    renamed = move(1, "ind", 0, OPENING, ())
    assert casework.folded(COPY, COPY.subject("ind-2027-0001-c2"), [renamed]) is None
    for name in ("jpn-2027-0001", "ind-27-1", "ind-2027-0001-c1", "", "ind-2027-x1"):
        with pytest.raises(RefusedError, match="register number"):
            check_document(name, "ind")
    for name in ("jpn-2027-x1", "ind-2027-1"):
        with pytest.raises(RefusedError, match="is no report"):
            check_compromise(name, "ind")
    assert second_fault("officer:1:security", "officer:1:liaison", "witness")
    assert second_fault("officer:1:security", "system:job", "witness")
    assert not second_fault("officer:1:security", "officer:2:security", "witness")


def test_a_report_is_of_documents_of_its_originator_alone() -> None:
    body = r.CompromiseReported(
        originator="ind", documents=("ind-2027-0001", "aus-2027-0001"), what="w", discovered_on=DAY, suspected_reach=(),
        action="a", holders=(),
    )  # fmt: skip
    step = casework.step_of(COMPROMISE, "a" * 64, "x", body, "jpn", OFFICERS["jpn"][0], 1, frozenset())
    view = casework.folded(COMPROMISE, "protection.compromise:jpn-2027-x1", [Move(step=step, type="x", body=body)])
    assert view is not None
    assert "documents of one originator" in dict(view.state.void)["a" * 64]
