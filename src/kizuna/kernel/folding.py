"""The fold: where a case stands, out of its steps alone.

The fold walks the graph of steps and needs neither a clock nor the order of arrival, so that two nodes with the same steps are in the same state.
What neither side could know of the other is settled by the type's stated precedence, or is the visible state `conflict`.

Sets of steps are bit masks over an order in which parents come first. What was found out about a set is kept, so that a case which is told anew
after each of its steps, as guards need it, is still folded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import reduce
from operator import or_

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel.case import CONFLICT, ENDORSED, EVERY, RESOLVED, CaseState, CaseType, Effect, Step, Transition


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
    folding = Folding(case_type, sides)
    for level in _levels(present, present.keys()):
        folding.add(*level)
    return folding.state(folding.everything, tuple(sorted(known.keys() - present.keys())))


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
    """What takes effect as one: a step with the endorsements that it needs."""

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


def person_of(actor: str) -> str:
    """Return who an actor is, whatever the role; a job is itself."""
    return actor.split(":")[1] if actor.startswith("officer:") else actor


def _indexes(mask: int) -> Iterator[int]:
    """Yield the places of a set of steps, parents first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Folding:
    """The steps of one case, taken in parents first, and what was found out about each set of them.

    A set that holds all ancestors of its steps is told by `state` as `fold` would tell it, if no step saw more than it follows.
    """

    def __init__(self, case_type: CaseType, sides: Mapping[str, str]) -> None:
        self.type, self.sides = case_type, sides
        self.order: list[Step] = []
        self._at: dict[str, int] = {}
        self._past: list[int] = []
        self._rows: list[Transition | None] = []
        self._faults: dict[str, str] = {}
        self._proposals: list[tuple[int, Transition]] = []
        self._endorsements: dict[str, list[int]] = {}
        self._twins: dict[tuple[str, frozenset[str]], int] = {}
        self._acted: dict[tuple[int, ...], _Act] = {}
        self._settled: dict[int, _Outcome] = {}
        self._judged: dict[int, str] = {}

    @property
    def everything(self) -> int:
        """The set of all steps."""
        return (1 << len(self.order)) - 1

    def past(self, ids: Iterable[str]) -> int:
        """Return the set of these steps, all of which are here, and of all that they follow."""
        return reduce(or_, (self._past[self._at[name]] for name in ids), 0)

    def members(self, mask: int) -> Iterator[Step]:
        """Yield the steps of a set, parents first."""
        return (self.order[index] for index in _indexes(mask))

    def takes(self, step: Step) -> bool:
        """Return whether all that a step follows is here, and it saw nothing else: it may then be added and the case told before and after."""
        if not step.after <= self._at.keys():
            return False
        return not step.saw or step.saw <= {other.id for other in self.members(self.past(step.after))}

    def add(self, *steps: Step) -> None:
        """Take in steps of which none follows another, and whose parents are here."""
        start = len(self.order)
        for step in steps:
            index = len(self.order)
            known = [self._at[parent] for parent in step.after | step.saw if self._at.get(parent, start) < start]
            self._past.append(reduce(or_, (self._past[parent] for parent in known), 1 << index))
            self.order.append(step)
            self._rows.append(self._row(step))
            self._at[step.id] = index
        for step in steps:
            self._note(step)

    def _note(self, step: Step) -> None:
        index, fault = self._at[step.id], self._fault(step)
        if fault:
            self._faults[step.id] = fault
            return
        key = (step.party, step.after)
        self._twins[key] = self._twins.get(key, 0) | 1 << index
        row = self._rows[index]
        if step.transition == ENDORSED:
            self._endorsements.setdefault(step.endorses, []).append(index)
        elif row is not None:
            self._proposals.append((index, row))

    def _row(self, step: Step) -> Transition | None:
        if step.transition == RESOLVED:
            return Transition(
                name=RESOLVED, frm=(CONFLICT,), to=step.outcome, signatures=EVERY, role=self.type.resolver_role,
                endorser_role=self.type.resolver_role,
            )  # fmt: skip
        return self.type.row(step.transition)

    def _signed(self, step: Step) -> tuple[Step | None, Transition | None]:
        """Return the step that this one signs, itself or what it endorses, and its row."""
        index = self._at[step.id]
        if step.transition != ENDORSED:
            return step, self._rows[index]
        target = self._at.get(step.endorses)
        if target is None or not self._past[index] >> target & 1:
            return None, None
        return self.order[target], self._rows[target]

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
        for other in self.members(self._past[self._at[step.id]]):
            if other is not step and other.party == step.party and person_of(other.actor) == person_of(step.actor):
                _, signed = self._signed(other)
                if signed is not None and signed.name in row.apart:
                    return f"the signer of `{row.name}` also signed `{signed.name}`: the duties need separate persons"
        return ""

    def _needed(self, row: Transition) -> int:
        return (len(set(self.sides.values())) if row.signatures == EVERY else row.signatures) - 1

    def _acts(self, mask: int) -> Iterator[_Act]:
        """Yield what is fully signed within a set of steps."""
        for index, row in self._proposals:
            if not mask >> index & 1:
                continue
            needed = self._needed(row)
            nodes: tuple[int, ...] = (index,)
            if needed > 0:
                signers = dict[str, int]()
                for other in self._endorsements.get(self.order[index].id, ()):
                    if mask >> other & 1:
                        signers.setdefault(self.order[other].party, other)
                if len(signers) < needed:
                    continue
                nodes = (index, *sorted(signers.values())[:needed])
            act = self._acted.get(nodes)
            if act is None:
                act = self._acted[nodes] = self._act(row, nodes)
            yield act

    def _act(self, row: Transition, nodes: tuple[int, ...]) -> _Act:
        ranks = self.type.precedence
        return _Act(
            step=self.order[nodes[0]],
            nodes=reduce(or_, (1 << index for index in nodes)),
            past=reduce(or_, (self._past[index] for index in nodes)),
            to=row.to,
            rank=ranks.index(row.name) if row.name in ranks else len(ranks),
            at_ms=max(self.order[index].at_ms for index in nodes),
        )

    def _judge(self, act: _Act) -> str:
        """Return why an act has no effect even for who knows only what its signers knew, or nothing."""
        found = self._judged.get(act.nodes)
        if found is None:
            known = self._settle(act.past & ~act.nodes)
            row = self._rows[self._at[act.step.id]]
            if row is None or known.state not in row.frm:
                found = f"not possible in the state `{known.state}` that its signers knew"
            elif act.step.transition == RESOLVED and act.step.resolves != known.clash:
                found = "a resolution names every step of the conflict, and no other"
            else:
                found = ""
            self._judged[act.nodes] = found
        return found

    def _settle(self, mask: int) -> _Outcome:
        """Return where a set of steps leads."""
        found = self._settled.get(mask)
        if found is None:
            found = self._settled[mask] = self._outcome(mask)
        return found

    def _outcome(self, mask: int) -> _Outcome:
        valid = [act for act in self._acts(mask) if not self._judge(act)]
        twins = self._unresolved_twins(mask, valid)
        for act in valid:
            if act.past == mask and not twins:  # it followed all others: it alone leads on
                known = self._settle(mask & ~act.nodes)
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
        found = set[str]()
        for group in self._twins.values():
            shared = group & mask
            if not shared & shared - 1:
                continue
            resolutions = (act.past for act in valid if act.step.transition == RESOLVED)
            if not any(shared & ~past == 0 for past in resolutions):
                found |= {step.id for step in self.members(shared)}
        return frozenset(found)

    def state(self, mask: int, pending: tuple[str, ...] = ()) -> CaseState:
        """Return the report on a set of steps that holds all ancestors of each; `pending` are those that lack a parent."""
        for index in _indexes(mask):  # ancestors first: no judgement then goes deep
            self._settle(self._past[index])
        found = self._settle(mask)
        followed = {parent for step in self.members(mask) for parent in step.after}
        return CaseState(
            state=found.state,
            heads=tuple(step.id for step in self.members(mask) if step.id not in followed),
            pending=pending,
            void=self._void(mask, found),
            history=tuple(Effect(act.step.id, act.step.transition, act.at_ms) for act in found.effective),
            conflict_heads=tuple(sorted(found.clash)),
            signatures_missing=tuple(self._missing(mask, found)),
        )

    def _void(self, mask: int, found: _Outcome) -> tuple[tuple[str, str], ...]:
        void = {name: fault for name, fault in self._faults.items() if mask >> self._at[name] & 1}
        for act in self._acts(mask):
            reason = self._judge(act)
            if reason:
                void[self.order[act.nodes.bit_length() - 1].id] = reason
        void |= {act.step.id: "overtaken by what takes precedence" for act in found.overridden}
        return tuple(sorted(void.items()))

    def _missing(self, mask: int, found: _Outcome) -> Iterator[tuple[str, tuple[str, ...]]]:
        signed = {act.step.id for act in self._acts(mask)}
        for index, row in self._proposals:
            step = self.order[index]
            if mask >> index & 1 and step.id not in signed and found.state in row.frm:
                endorsed = (other for other in self._endorsements.get(step.id, ()) if mask >> other & 1)
                have = {step.party} | {self.order[other].party for other in endorsed}
                yield step.id, tuple(sorted(set(self.sides.values()) - have))
