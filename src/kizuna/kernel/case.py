"""The case: work that two sides do together, as one state that both fold out of the same records.

A case type is a table of transitions. A step is one record of a case as the fold sees it; the ids that it follows make the steps a graph.

How a state is found from the steps is in `kizuna.kernel.folding`; which records are steps of which transition is a domain's knowledge; deadlines are
in `kizuna.kernel.deadline`.
"""

from __future__ import annotations

from functools import cached_property

import msgspec

from kizuna.errors import ConfigError, RecordError, RefusedError
from kizuna.kernel.deadline import Deadline
from kizuna.kernel.record import WITHHELD, Body, Record, Withheld, body_of

CONFLICT = "conflict"
EVERY = 0
"""As a number of signatures: one of each side."""
ENDORSED = "case.endorsed.v1"
RESOLVED = "case.resolved.v1"


class CaseEndorsed(Body, frozen=True):
    """One side signs what the other proposed."""

    endorses: str | Withheld = WITHHELD


class CaseResolved(Body, frozen=True):
    """A proposal to end a conflict in a state; it holds once every side has signed it.

    `heads` names every step that stands against another, so that no side settles what it has not seen.
    """

    heads: tuple[str, ...] | Withheld = WITHHELD
    outcome: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a case type: who may move a case from where to where.

    `to` is empty where the case stays; `side` and `role` are empty where any will do. With more than one signature it takes effect once as many
    distinct parties have signed, the others in `endorser_role`. `apart` names transitions whose signers inside a party must be other persons.
    """

    name: str
    frm: tuple[str, ...]
    to: str = ""
    side: str = ""
    role: str = ""
    signatures: int = 1
    endorser_role: str = ""
    apart: tuple[str, ...] = ()
    deadline: Deadline | None = None


class CaseType(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The table of a kind of case.

    `precedence` lists the transitions that win over whatever runs beside them, the strongest first: suspension, revocation, withdrawal.
    """

    name: str
    states: tuple[str, ...]
    initial: str
    transitions: tuple[Transition, ...]
    precedence: tuple[str, ...] = ()
    resolver_role: str = ""

    def __post_init__(self) -> None:
        names = [row.name for row in self.transitions]
        wrong = [
            *({self.initial} - set(self.states)),
            *(
                state
                for row in self.transitions
                for state in (*row.frm, row.to or self.initial)
                if state not in self.states
            ),
            *(name for name in self.precedence if name not in names),
            *(name for row in self.transitions for name in row.apart if name not in names),
            *(row.deadline.anchor for row in self.transitions if row.deadline and row.deadline.anchor not in names),
            *(name for name in names if names.count(name) > 1),
        ]
        if wrong or CONFLICT in self.states:
            raise ConfigError(
                f"case type `{self.name}` names `{sorted(set(wrong))}` wrongly, or lists the state `{CONFLICT}`"
            )

    def row(self, name: str) -> Transition | None:
        """Return the transition of that name, or None."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Transition]:
        return {row.name: row for row in self.transitions}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a case.

    `transition` is a row's name, `ENDORSED` or `RESOLVED`. `after` are the steps that its author had folded; `saw` are those that its side had
    receipted when the step was sequenced: having received a withdrawal, nobody accepts as if it had not come. `expires_ms` bounds a proposal.
    `fault` is what its kind of case holds against its content: such a step has no effect.
    """

    id: str
    transition: str
    party: str
    actor: str
    at_ms: int
    after: frozenset[str] = frozenset()
    saw: frozenset[str] = frozenset()
    expires_ms: int | None = None
    endorses: str = ""
    resolves: frozenset[str] = frozenset()
    outcome: str = ""
    fault: str = ""


class Effect(msgspec.Struct, frozen=True):
    """A step that took effect; `at_ms` is the instant of its last signature, as its signer states it."""

    id: str
    transition: str
    at_ms: int


class CaseState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a case stands.

    `heads` are the steps that a next one follows; `pending` lack a parent; `void` pairs each step without effect with the reason;
    `signatures_missing` pairs each open proposal with the parties that have yet to sign.
    """

    state: str
    heads: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    void: tuple[tuple[str, str], ...] = ()
    history: tuple[Effect, ...] = ()
    conflict_heads: tuple[str, ...] = ()
    signatures_missing: tuple[tuple[str, tuple[str, ...]], ...] = ()


def step_of(
    record: Record, transition: str, *, saw: frozenset[str] = frozenset(), expires_ms: int | None = None
) -> Step:
    """Return a verified record as a step of the named transition.

    Raises:
        RecordError: its instant is withheld, or it is an endorsement or resolution with a malformed body.
    """
    if record.at_ms is None:
        raise RecordError(f"`{record.clear.type}` is a step of a case: its instant must be disclosed")
    endorses, outcome, resolves = "", "", frozenset[str]()
    if record.clear.type == ENDORSED:
        endorsed = body_of(record, CaseEndorsed)
        endorses = endorsed.endorses or ""
    elif record.clear.type == RESOLVED:
        resolved = body_of(record, CaseResolved)
        outcome, resolves = resolved.outcome or "", frozenset(resolved.heads or ())
    return Step(
        id=record.id,
        transition=record.clear.type if record.clear.type in {ENDORSED, RESOLVED} else transition,
        party=record.clear.issuer,
        actor=record.text("actor"),
        at_ms=record.at_ms,
        after=frozenset(record.listed("after")),
        saw=saw,
        expires_ms=expires_ms,
        endorses=endorses,
        resolves=resolves,
        outcome=outcome,
    )


def require_closed(record: Record) -> None:
    """Accept a record for endorsement.

    Raises:
        RefusedError: a part of it is hidden: nobody signs terms that it never saw.
    """
    if not record.closed:
        raise RefusedError(
            f"record `{record.id[:16]}` has facts that were not disclosed: ask its issuer for a closed one before endorsing"
        )


def due(case_type: CaseType, state: CaseState, holidays: frozenset[str] = frozenset()) -> tuple[tuple[str, int], ...]:
    """Return the running deadlines, as rule id and instant in milliseconds UTC, the earliest first.

    A deadline runs while its transition is possible, from the last effect of its anchor; one whose anchor never took effect does not run.
    """
    last = {effect.transition: effect.at_ms for effect in state.history}
    rules = [row.deadline for row in case_type.transitions if row.deadline is not None and state.state in row.frm]
    running = [(rule.rule, rule.at_ms(last[rule.anchor], holidays)) for rule in rules if rule.anchor in last]
    return tuple(sorted(running, key=lambda pair: (pair[1], pair[0])))


def expired(
    case_type: CaseType, state: CaseState, now_ms: int, holidays: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Return the ids of the rules whose deadline has passed at `now_ms`."""
    return tuple(rule for rule, at_ms in due(case_type, state, holidays) if at_ms <= now_ms)
