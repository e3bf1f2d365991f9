"""A case that grows with its records is told as one that is folded anew for each: the same views for guards, the same state in the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.kernel import casework
from kizuna.kernel.case import CaseState, CaseType, Step
from kizuna.kernel.casework import CaseKind, CaseView, Move
from kizuna.kernel.folding import fold
from kizuna.kernel.record import Body
from tests.kernel.test_case import INCIDENT, SUPPLY, THREE, stories

Seen = list[tuple[str, CaseState, tuple[str, ...]]]
SIDES = {"requester": "ind", "provider": "jpn"}


class Said(Body, frozen=True):
    """Any step."""


class Lapsed(Body, frozen=True):
    """The clock's step."""


def kind_of(table: CaseType, sides: dict[str, str], seen: Seen) -> CaseKind:
    """Return a kind whose guards write down what they see, and void what follows an odd number of effective steps."""

    def judge(view: CaseView, move: Move) -> str:
        seen.append((move.step.id, view.state, tuple(each.step.id for each in view.moves)))
        return "an odd number went before" if len(view.state.history) % 2 else ""

    return CaseKind(
        table=table, opens=Said, steps={Said: table.transitions[0].name, Lapsed: table.transitions[-1].name},
        sides=lambda _key, _move: sides, apply=lambda _db, _view: None,
        guards={row.name: judge for row in table.transitions},
        dues=lambda view: [("lapse", 4)] if len(view.state.heads) == 1 else [], clock={"lapse": Lapsed},
        lapse=lambda _view, _rule: Lapsed(),
    )  # fmt: skip


def moves_of(steps: Sequence[Step]) -> list[Move]:
    return [
        Move(step=step, type="t", body=Lapsed() if nth % 4 == 3 else Said()) for nth, step in enumerate(steps)
    ]  # fmt: skip


def folded_anew(kind: CaseKind, sides: dict[str, str], moves: Sequence[Move]) -> CaseState:
    """Return the state of a case, each step judged on a fold of its own of what the step follows."""
    waiting, judged, done = {move.step.id: move for move in moves}, dict[str, Move](), set[str]()
    while waiting:
        for name in sorted([name for name, move in waiting.items() if move.step.after <= done] or waiting):
            move = waiting.pop(name)
            known, ahead = set[str](), [*move.step.after]
            while ahead:
                each = ahead.pop()
                if each in judged and each not in known:
                    known.add(each)
                    ahead += judged[each].step.after
            fault = _fault(kind, sides, [judged[each] for each in sorted(known)], move)
            judged[name] = msgspec.structs.replace(move, step=msgspec.structs.replace(move.step, fault=fault))
            done.add(name)
    return fold(kind.table, [move.step for move in judged.values()], sides)


def _fault(kind: CaseKind, sides: dict[str, str], known: list[Move], move: Move) -> str:
    guard = kind.guards.get(move.step.transition)
    if guard is None and not isinstance(move.body, Lapsed):
        return ""
    state = fold(kind.table, [each.step for each in known], sides)
    view = CaseView(id="k:1", sides=sides, moves=tuple(known), state=state)
    if isinstance(move.body, Lapsed):
        running: dict[str, Any] = dict(kind.running(view))
        if not running.get("lapse", 1 << 60) <= move.step.at_ms:
            return "its deadline had not passed, or did not run"
    return guard(view, move) if guard is not None else ""


def assert_same(table: CaseType, sides: dict[str, str], steps: list[Step]) -> None:
    moves = moves_of(steps)
    seen: Seen = []
    grown = casework.folded(kind_of(table, sides, seen), "k:1", moves)
    anew: Seen = []
    assert grown is not None
    assert grown.state == folded_anew(kind_of(table, sides, anew), sides, moves)
    assert seen == anew
    again: Seen = []
    assert casework.folded(kind_of(table, sides, again), "k:1", moves[::-1]) == grown


@settings(max_examples=300)
@given(stories(SUPPLY, ("ind", "jpn")), st.booleans())
def test_a_case_of_two_grows_as_it_is_folded_anew(steps: list[Step], sees: bool) -> None:  # noqa: FBT001 # drawn
    assert_same(SUPPLY, SIDES, steps if sees else [msgspec.structs.replace(step, saw=frozenset()) for step in steps])


@settings(max_examples=150)
@given(stories(INCIDENT, ("ind", "jpn", "aus")))
def test_a_case_of_three_grows_as_it_is_folded_anew(steps: list[Step]) -> None:
    assert_same(INCIDENT, THREE, [msgspec.structs.replace(step, saw=frozenset()) for step in steps])


@settings(max_examples=150)
@given(stories(SUPPLY, ("ind", "jpn")), st.data())
def test_a_missing_parent_changes_nothing_of_that(steps: list[Step], data: st.DataObject) -> None:
    left = data.draw(st.sets(st.sampled_from([step.id for step in steps])))
    kept = [step for step in steps if step.id not in left]
    if kept:
        assert_same(SUPPLY, SIDES, kept)
