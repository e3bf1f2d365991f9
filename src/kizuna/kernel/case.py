"""The case: work that two sides do together, as one state that both fold out of the same records.

A case type is a table of transitions. A step is one record of a case as the fold sees it; the ids that it follows make the steps a graph.
The fold walks the graph and needs neither a clock nor the order of arrival, so that two nodes with the same steps are in the same state.
What neither side could know of the other is settled by the type's stated precedence, or is the visible state `conflict`.

Which records are steps of which transition is a domain's knowledge; deadlines are in `kizuna.kernel.deadline`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property, reduce
from operator import or_

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


def fold(case_type: CaseType, steps: Iterable[Step], sides: Mapping[str, str]) -> CaseState:
    """Return where the case stands; `sides` maps each side of the case to its party.

    Copies of a step may differ in `saw` alone; the first sequencing counts, so what all copies saw.

    Raises:
        RecordError: two steps of one id differ: merge the records first.
    """
    known: dict[str, Step] = {}
    for step in steps:
        held = known.setdefault(step.id, step)
        known[step.id] = msgspec.structs.replace(held, saw=held.saw & step.saw)
        if msgspec.structs.replace(step, saw=held.saw) != held:
            raise RecordError(f"two steps have the id `{step.id[:16]}`")
    present = {step.id: step for level in _levels(known, set()) for step in level}
    judged = _Fold(case_type, sides, [*_levels(present, present.keys())])
    return judged.state(tuple(sorted(known.keys() - present.keys())))


def _levels(known: Mapping[str, Step], heed: AbstractSet[str]) -> Iterator[list[Step]]:
    """Yield the steps whose ancestors are all here, parents first, each level by id; `heed` are the steps whose receipt counts."""
    waiting, done = dict(known), set[str]()
    while True:
        able = [step for step in waiting.values() if step.after <= done]
        # What a side had received comes before what it then sequenced. A circle of such claims proves nothing, and is passed over.
        ready = [step for step in able if not (step.saw & heed & waiting.keys()) - {step.id}] or able
        if not ready:
            return
        yield sorted(ready, key=lambda step: step.id)
        done.update(step.id for step in ready)
        for step in ready:
            del waiting[step.id]


class _Act(msgspec.Struct, frozen=True):
    """What takes effect as one: a step with the endorsements that it needs. Sets of steps are bit masks over the order."""

    step: Step
    nodes: int
    past: int
    to: str
    rank: int
    at_ms: int


class _Outcome(msgspec.Struct, frozen=True):
    state: str
    effective: tuple[_Act, ...] = ()
    overridden: tuple[_Act, ...] = ()
    clash: frozenset[str] = frozenset()


def _beside(one: _Act, other: _Act) -> bool:
    return bool(one.nodes & ~other.past) and bool(other.nodes & ~one.past)


def _before(one: _Act, other: _Act) -> bool:
    return one is not other and not one.nodes & ~other.past


def _person(actor: str) -> str:
    return actor.split(":")[1] if actor.startswith("officer:") else actor


class _Fold:
    """The steps of one case, and what was found out about each set of them."""

    def __init__(self, case_type: CaseType, sides: Mapping[str, str], levels: list[list[Step]]) -> None:
        self.type, self.sides = case_type, sides
        self.order = order = [step for level in levels for step in level]
        self.at = {step.id: index for index, step in enumerate(order)}
        self.past = self._pasts(levels)
        self.faults = {step.id: fault for step in order if (fault := self._fault(step))}
        self.endorsements: dict[str, list[int]] = {}
        self.twins: dict[tuple[str, frozenset[str]], int] = {}
        for index, step in enumerate(order):
            if step.id in self.faults:
                continue
            key = (step.party, step.after)
            self.twins[key] = self.twins.get(key, 0) | 1 << index
            if step.transition == ENDORSED:
                self.endorsements.setdefault(step.endorses, []).append(index)
        self.settled: dict[int, _Outcome] = {}
        self.judged: dict[int, str] = {}

    def _pasts(self, levels: list[list[Step]]) -> list[int]:
        pasts: list[int] = []
        for level in levels:
            start = len(pasts)
            for step in level:
                known = [self.at[parent] for parent in step.after | step.saw if self.at.get(parent, start) < start]
                pasts.append(reduce(or_, (pasts[index] for index in known), 1 << len(pasts)))
        return pasts

    def _row(self, step: Step) -> Transition | None:
        if step.transition == RESOLVED:
            return Transition(
                name=RESOLVED, frm=(CONFLICT,), to=step.outcome, signatures=EVERY, role=self.type.resolver_role,
                endorser_role=self.type.resolver_role,
            )  # fmt: skip
        return self.type.row(step.transition)

    def _signed(self, step: Step) -> tuple[Step | None, Transition | None]:
        """Return the step that this one signs, itself or what it endorses, and its row."""
        if step.transition != ENDORSED:
            return step, self._row(step)
        index = self.at.get(step.endorses)
        if index is None or not self.past[self.at[step.id]] >> index & 1:
            return None, None
        return self.order[index], self._row(self.order[index])

    def _fault(self, step: Step) -> str:
        """Return what is wrong with a step wherever it stands, or nothing."""
        if step.fault:
            return step.fault
        target, row = self._signed(step)
        if target is None or row is None:
            return "no such transition, or it endorses no step that it follows"
        endorsing = target is not step
        role = row.endorser_role if endorsing else row.role
        fault = self._endorsing_fault(step, target) if endorsing else ""
        if step.party not in self.sides.values():
            fault = f"`{step.party}` is no side of this case"
        elif row.name == RESOLVED and row.to not in self.type.states:
            fault = f"`{row.to[:40]}` is no state of this case"
        elif not endorsing and row.side and self.sides.get(row.side) != step.party:
            fault = f"`{row.name}` is for the side `{row.side}`"
        elif role and step.actor.split(":")[2:] != [role]:
            fault = f"`{row.name}` needs the role `{role}`"
        return fault or self._separation_fault(step, row)

    def _endorsing_fault(self, step: Step, target: Step) -> str:
        if step.party == target.party:
            return "a party does not endorse its own step"
        if target.expires_ms is not None and step.at_ms >= target.expires_ms:
            return "the proposal had expired"
        return ""

    def _separation_fault(self, step: Step, row: Transition) -> str:
        if not row.apart:
            return ""
        if not step.actor:
            return "its signer is withheld, and the duties here need separate persons"
        past = self.past[self.at[step.id]]
        for index, other in enumerate(self.order):
            if (
                past >> index & 1
                and other is not step
                and other.party == step.party
                and _person(other.actor) == _person(step.actor)
            ):
                _, signed = self._signed(other)
                if signed is not None and signed.name in row.apart:
                    return f"the signer of `{row.name}` also signed `{signed.name}`: the duties need separate persons"
        return ""

    def _needed(self, row: Transition) -> int:
        return (len(set(self.sides.values())) if row.signatures == EVERY else row.signatures) - 1

    def _acts(self, mask: int) -> Iterator[_Act]:
        """Yield what is fully signed within a set of steps."""
        for index, step in enumerate(self.order):
            row = self._row(step)
            if not mask >> index & 1 or row is None or step.id in self.faults:
                continue
            nodes, past, at_ms = 1 << index, self.past[index], step.at_ms
            signers = dict[str, int]()
            for other in self.endorsements.get(step.id, ()):
                if mask >> other & 1:
                    signers.setdefault(self.order[other].party, other)
            needed = self._needed(row)
            if len(signers) < needed:
                continue
            for other in sorted(signers.values())[:needed]:
                nodes, past, at_ms = nodes | 1 << other, past | self.past[other], max(at_ms, self.order[other].at_ms)
            rank = (
                self.type.precedence.index(row.name) if row.name in self.type.precedence else len(self.type.precedence)
            )
            yield _Act(step, nodes, past, row.to, rank, at_ms)

    def judge(self, act: _Act) -> str:
        """Return why an act has no effect even for who knows only what its signers knew, or nothing."""
        found = self.judged.get(act.nodes)
        if found is None:
            known = self.settle(act.past & ~act.nodes)
            row = self._row(act.step)
            if row is None or known.state not in row.frm:
                found = f"not possible in the state `{known.state}` that its signers knew"
            elif act.step.transition == RESOLVED and act.step.resolves != known.clash:
                found = "a resolution names every step of the conflict, and no other"
            else:
                found = ""
            self.judged[act.nodes] = found
        return found

    def settle(self, mask: int) -> _Outcome:
        """Return where a set of steps leads."""
        found = self.settled.get(mask)
        if found is None:
            found = self.settled[mask] = self._settle(mask)
        return found

    def _settle(self, mask: int) -> _Outcome:
        valid = [act for act in self._acts(mask) if not self.judge(act)]
        twins = self._unresolved_twins(mask, valid)
        for act in valid:
            if act.past == mask and not twins:  # it followed all others: it alone leads on
                known = self.settle(mask & ~act.nodes)
                return _Outcome(act.to or known.state, (*known.effective, act), known.overridden)
        effective, overridden = self._overridden(valid)
        moving = [act for act in effective if act.to]
        last = [act for act in moving if not any(_before(act, other) for other in moving)]
        if twins or len({act.to for act in last}) > 1:
            clash = frozenset(act.step.id for act in last) | twins
            return _Outcome(CONFLICT, tuple(effective), tuple(overridden), clash)
        return _Outcome(last[0].to if last else self.type.initial, tuple(effective), tuple(overridden))

    def _overridden(self, valid: list[_Act]) -> tuple[list[_Act], list[_Act]]:
        effective: list[_Act] = []
        lost: list[_Act] = []
        for act in sorted(valid, key=lambda act: act.rank):
            wins = (other for other in effective if other.rank < act.rank and other.to and _beside(act, other))
            (lost if act.to and any(wins) else effective).append(act)
        effective.sort(key=lambda act: act.past.bit_length())
        return effective, lost

    def _unresolved_twins(self, mask: int, valid: list[_Act]) -> frozenset[str]:
        """Return the steps that one party signed in two versions, unless a resolution has settled them."""
        resolutions = [act.past for act in valid if act.step.transition == RESOLVED]
        found = set[str]()
        for group in self.twins.values():
            shared = group & mask
            if shared & shared - 1 and not any(shared & ~past == 0 for past in resolutions):
                found |= {step.id for index, step in enumerate(self.order) if shared >> index & 1}
        return frozenset(found)

    def state(self, pending: tuple[str, ...]) -> CaseState:
        """Return the report on all steps."""
        for past in self.past:  # ancestors first: no judgement then goes deep
            self.settle(past)
        everything = (1 << len(self.order)) - 1
        found = self.settle(everything)
        followed = {parent for step in self.order for parent in step.after}
        return CaseState(
            state=found.state,
            heads=tuple(step.id for step in self.order if step.id not in followed),
            pending=pending,
            void=self._void(everything, found),
            history=tuple(Effect(act.step.id, act.step.transition, act.at_ms) for act in found.effective),
            conflict_heads=tuple(sorted(found.clash)),
            signatures_missing=tuple(self._missing(everything, found)),
        )

    def _void(self, mask: int, found: _Outcome) -> tuple[tuple[str, str], ...]:
        void = dict(self.faults)
        for act in self._acts(mask):
            reason = self.judge(act)
            if reason:
                last = self.order[act.nodes.bit_length() - 1]
                void[last.id] = reason
        void |= {act.step.id: "overtaken by what takes precedence" for act in found.overridden}
        return tuple(sorted(void.items()))

    def _missing(self, mask: int, found: _Outcome) -> Iterator[tuple[str, tuple[str, ...]]]:
        signed = {act.step.id for act in self._acts(mask)}
        for step in self.order:
            row = self._row(step)
            if step.transition == ENDORSED or row is None or step.id in self.faults or step.id in signed:
                continue
            if found.state in row.frm:
                have = {step.party} | {self.order[index].party for index in self.endorsements.get(step.id, ())}
                yield step.id, tuple(sorted(set(self.sides.values()) - have))
