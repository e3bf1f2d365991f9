"""What is shown of cases of every kind: where each stands, whom it waits for, its whole history, and what falls due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kizuna.errors import RefusedError
from kizuna.kernel import canonical
from kizuna.kernel.casework import CaseView, Move
from kizuna.kernel.operation import Desk, Query, Wanted, state_words

_MOST = 1000


class CasesWanted(Wanted, frozen=True):
    """Which cases."""

    kind: Annotated[str, Meta(description="Only cases of this kind, like `supply.order`.")] = ""
    state: Annotated[str, Meta(description="Only cases in this state.")] = ""
    waits_for: Annotated[str, Meta(description="Only cases that wait for a signature of this party.")] = ""
    limit: Annotated[int, Meta(description="At most so many, the last changed first.", ge=1, le=_MOST)] = 100


class CaseWanted(Wanted, frozen=True):
    """Which case."""

    case: Annotated[str, Meta(description="The case: its kind, a colon, and its key.")]


class DuesWanted(Wanted, frozen=True):
    """Which deadlines."""

    until_ms: Annotated[int, Meta(description="Only those before this instant, milliseconds UTC.")] = 1 << 53
    limit: Annotated[int, Meta(description="At most so many, the earliest first.", ge=1, le=_MOST)] = 100


class CaseRow(msgspec.Struct, frozen=True):
    """A case in a list; `waits_for` are the parties that have yet to sign something."""

    case: str
    kind: str
    state: str
    waits_for: str
    sides: dict[str, str]
    opened_at_ms: int
    changed_at_ms: int


class StepShown(msgspec.Struct, frozen=True):
    """One record of a case: who said what when; `effect` is `effective`, `waits` (for signatures), `pending` (a parent lacks) or why it is void."""

    record: str
    transition: str
    party: str
    actor: str
    at_ms: int
    effect: str
    says: dict[str, Any]


class CaseShown(msgspec.Struct, frozen=True):
    """A case whole, its steps in the order in which they follow one another."""

    case: str
    kind: str
    state: str
    summary: str
    sides: dict[str, str]
    heads: tuple[str, ...]
    conflict_heads: tuple[str, ...]
    to_sign: dict[str, tuple[str, ...]]
    """Proposals that wait, each with the parties that have yet to sign."""
    dues: tuple[tuple[str, int], ...]
    steps: tuple[StepShown, ...]


class Due(msgspec.Struct, frozen=True):
    """A running deadline."""

    case: str
    rule: str
    due_ms: int
    overdue: bool


def cases(desk: Desk, wanted: CasesWanted) -> Sequence[CaseRow]:
    """Return cases, the last changed first."""
    limits = {"kind = ?": wanted.kind, "state = ?": wanted.state}
    given = {test: value for test, value in limits.items() if value}
    if wanted.waits_for:
        given["' ' || waits_for || ' ' LIKE ?"] = f"% {wanted.waits_for} %"
    where = " AND ".join(given) or "1 = 1"
    rows = desk.db.execute(
        "SELECT case_id, kind, state, waits_for, sides, opened_at_ms, changed_at_ms FROM case_state"
        f" WHERE {where} ORDER BY changed_at_ms DESC, case_id LIMIT ?",
        (*given.values(), wanted.limit),
    )
    return [
        CaseRow(case_id, kind, state, waits_for, msgspec.json.decode(sides), opened, changed)
        for case_id, kind, state, waits_for, sides, opened, changed in rows
    ]


def shown(desk: Desk, wanted: CaseWanted) -> CaseShown:
    """Return a case whole.

    Raises:
        RefusedError: no such case is held.
    """
    kind = desk.kinds.of_case(wanted.case)
    if kind is None:
        raise RefusedError(f"`{wanted.case[:100]}` names no kind of case: write it like `supply.order:ind-2026-navy-1`")
    view = desk.case(kind, wanted.case.partition(":")[2])
    return CaseShown(
        case=view.id,
        kind=kind.name,
        state=view.state.state,
        summary=state_words(view.state),
        sides=dict(view.sides),
        heads=view.state.heads,
        conflict_heads=view.state.conflict_heads,
        to_sign=dict(view.state.signatures_missing),
        dues=kind.running(view),
        steps=tuple(_step(view, move) for move in view.moves),
    )


def _step(view: CaseView, move: Move) -> StepShown:
    step = move.step
    return StepShown(
        record=step.id,
        transition=step.transition,
        party=step.party,
        actor=step.actor,
        at_ms=step.at_ms,
        effect=_effect(view, step.id),
        says=msgspec.json.decode(canonical.encode(move.body)),
    )


def _effect(view: CaseView, record_id: str) -> str:
    state = view.state
    void = dict(state.void).get(record_id)
    if void is not None:
        return f"void: {void}"
    if record_id in state.pending:
        return "pending"
    return "waits" if record_id in dict(state.signatures_missing) else "effective"


def dues(desk: Desk, wanted: DuesWanted) -> Sequence[Due]:
    """Return running deadlines, the earliest first."""
    rows = desk.db.execute(
        "SELECT case_id, rule, due_ms FROM case_due WHERE due_ms < ? ORDER BY due_ms, case_id, rule LIMIT ?",
        (wanted.until_ms, wanted.limit),
    )
    return [Due(case_id, rule, due_ms, due_ms <= desk.now_ms) for case_id, rule, due_ms in rows]


QUERIES = (
    Query(name="list", text="Cases, the last changed first.", asks=CasesWanted, run=cases),
    Query(name="show", text="One case: its state, its steps, what it waits for.", asks=CaseWanted, run=shown),
    Query(name="dues", text="Running deadlines, the earliest first.", asks=DuesWanted, run=dues),
)
