"""What officers do in any case: sign a proposal of the other side, or propose how a conflict ends."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kizuna.errors import RefusedError
from kizuna.kernel.case import CaseResolved
from kizuna.kernel.casework import CaseKind, CaseView
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, state_words

SIGNERS = frozenset({
    "cyber", "desk", "equipment", "exercise", "liaison", "logistics", "security", "space", "watch",
})  # fmt: skip
"""Who may sign at all; what a role may sign says each kind of case."""
CASE = Annotated[str, Meta(description="The case: its kind, a colon, and its key.")]


class EndorseAsked(Asked, frozen=True):
    """Sign what the other side proposed; without a record, the one proposal that waits for us."""

    case: CASE
    record: Annotated[str, Meta(description="The proposal's record id, or its beginning.")] = ""


class ResolveAsked(Asked, frozen=True):
    """Propose the state in which a conflict ends; it holds once every side has signed."""

    case: CASE
    outcome: Annotated[str, Meta(description="The state in which it ends.", min_length=1)]
    reason: Annotated[str, Meta(description="Why; the other side reads it.", min_length=1, max_length=2000)]


def _found(desk: Desk, case_id: str) -> tuple[CaseKind, CaseView]:
    kind = desk.kinds.of_case(case_id)
    if kind is None:
        raise RefusedError(f"`{case_id[:100]}` names no kind of case: write it like `supply.order:ind-2026-navy-1`")
    return kind, desk.case(kind, case_id.partition(":")[2])


def endorse(desk: Desk, asked: EndorseAsked) -> Outcome:
    """Sign a proposal of the other side.

    Raises:
        RefusedError: nothing waits for our signature, several do, a part of it is hidden, or this officer may not sign it.
    """
    kind, view = _found(desk, asked.case)
    waiting = [
        record_id
        for record_id, parties in view.state.signatures_missing
        if desk.party in parties and record_id.startswith(asked.record)
    ]
    if len(waiting) != 1:
        found = ", ".join(f"`{record_id[:16]}`" for record_id in waiting)
        raise RefusedError(
            f"name one of the proposals that wait for `{desk.party}`: {found}"
            if found
            else f"nothing in `{view.id}` waits for a signature of `{desk.party}`: it is {state_words(view.state)}"
        )
    return Outcome((desk.endorse(kind, view, waiting[0]),))


def resolve(desk: Desk, asked: ResolveAsked) -> Outcome:
    """Propose how a conflict ends.

    Raises:
        RefusedError: the case is in no conflict, or the outcome is no state of its kind.
    """
    kind, view = _found(desk, asked.case)
    if not view.state.conflict_heads:
        raise RefusedError(f"`{view.id}` is in no conflict: it is {state_words(view.state)}")
    body = CaseResolved(heads=view.state.conflict_heads, outcome=asked.outcome, reason=asked.reason)
    return Outcome((desk.step(kind, view, body),))


OPERATIONS = (
    Operation(
        name="endorse", text="Sign what the other side proposed.", asks=EndorseAsked, run=endorse, roles=SIGNERS
    ),
    Operation(
        name="resolve", text="Propose how a conflict ends; the other side signs it.", asks=ResolveAsked, run=resolve,
        roles=SIGNERS,
    ),
)  # fmt: skip
