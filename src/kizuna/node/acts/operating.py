"""What domains offer, done at this node: an operation decides on the tables as they are, and what it says is signed, labelled and journalled.

Operations are done one after the other, the next once what the one before said is durable: so two officers cannot both take the last seat of one
node. Deadlines that have passed are said here too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from kizuna.errors import KizunaError, RefusedError
from kizuna.kernel import casework
from kizuna.kernel import label as labels
from kizuna.kernel.domain import tellers
from kizuna.kernel.journal import Store
from kizuna.kernel.label import Grade, Label
from kizuna.kernel.operation import Desk as Asking
from kizuna.kernel.operation import LabelAsked, Operation, Outcome, Statement
from kizuna.node import effects as fx
from kizuna.node.acts.desk import Desk
from kizuna.node.channel.world import World
from kizuna.node.effects import Effect, Reply
from kizuna.node.held.holders import holdings

_DUE_AT_ONCE = 100
_DUE_EVERY_MS = 1_000


class Operating:
    """Runs operations in their order and says what deadlines bring."""

    def __init__(self, world: World, desk: Desk) -> None:
        self._world = world
        self._desk = desk
        self._offered = {
            (domain.name, operation.name): operation for domain in world.domains for operation in domain.operations
        }
        self._queue: deque[tuple[fx.Operate, int]] = deque()
        self._busy = False
        self._looked_ms = 0
        self._lapsing: set[tuple[str, str]] = set()

    def operate(self, command: fx.Operate, reply_to: int, now_ms: int) -> list[Effect]:
        """Do an operation now, or after those that are under way."""
        self._queue.append((command, reply_to))
        return [] if self._busy else self._next(now_ms)

    def rehearse(self, command: fx.Operate, now_ms: int, store: Store | None = None) -> tuple[fx.Draft, ...]:
        """Return what an operation would say now, with its labels, and say nothing; may be asked from any thread.

        `store` is what the officer may see of the node's own: what they may not see is then to them as if it were not held.

        Raises:
            RefusedError: it is not for this officer, or a rule stands against it. Who would stand behind it as a second person is not asked.
        """
        operation = self._offered.get((command.domain, command.operation))
        if operation is None:
            raise RefusedError(f"`{command.domain} {command.operation}` is not something that this node does")
        _check_role(operation, command)
        outcome = self._decide(operation, command, now_ms, store)
        return tuple(self.draft(each, command.actor, command.asked.label) for each in outcome.statements)

    def _next(self, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        while self._queue and not self._busy:
            command, reply_to = self._queue.popleft()
            try:
                effects += self._do(command, reply_to, now_ms)
            except KizunaError as error:
                effects.append(Reply(reply_to, error))
        return effects

    def _do(self, command: fx.Operate, reply_to: int, now_ms: int) -> list[Effect]:
        operation = self._offered.get((command.domain, command.operation))
        if operation is None:
            raise RefusedError(f"`{command.domain} {command.operation}` is not something that this node does")
        _check_persons(operation, command)
        outcome = self._decide(operation, command, now_ms)
        told = dict(outcome.told)
        if not outcome.statements:
            return [Reply(reply_to, fx.Done((), told))]
        drafts = [self.draft(each, command.actor, command.asked.label) for each in outcome.statements]

        def done(said: tuple[fx.Said, ...], later_ms: int) -> list[Effect]:
            self._busy = False
            return [Reply(reply_to, fx.Done(said, told)), *self._next(later_ms)]

        def failed(error: KizunaError) -> list[Effect]:
            self._busy = False
            return [Reply(reply_to, error), *self._next(now_ms)]

        effects = self._desk.say_then(drafts, now_ms, done, failed)
        self._busy = True
        return effects

    def _decide(self, operation: Operation, command: fx.Operate, now_ms: int, store: Store | None = None) -> Outcome:
        with (store or self._world.store).view() as db:
            desk = Asking(
                db=db, now_ms=now_ms, party=self._world.identity.party, actor=command.actor, kinds=self._world.kinds,
                agreements=self._world.agreements, second=command.second_actor, random=self._world.random,
                tellers=tellers(self._world.domains), holdings=holdings,
            )  # fmt: skip
            try:
                return operation.run(desk, command.asked)
            except KizunaError:
                raise
            except Exception as error:  # a fault of one domain must not stop the node, nor pass for a refusal
                raise KizunaError(
                    f"`{command.domain} {command.operation}` failed on an unexpected `{type(error).__name__}`: report it, nothing was said"
                ) from error

    def draft(self, said: Statement, actor: str, asked: LabelAsked | None = None) -> fx.Draft:
        """Return a statement with its label: the node's usual grade, released to whom it concerns, unless the officer asked for less or more."""
        return fx.Draft(
            type=said.type, body=said.body, label=self._label(said, asked or LabelAsked()), actor=actor, subject=said.subject,
            after=said.after, exercise=said.exercise, handling=said.handling, blobs=said.blobs, closed=said.closed,
        )  # fmt: skip

    def _label(self, said: Statement, asked: LabelAsked) -> Label:
        usual = self._world.grade
        level = usual.classification if asked.classification is None else asked.classification
        to = said.to if asked.releasable_to is None else asked.releasable_to
        purposes = said.purposes if asked.purposes is None else asked.purposes
        made = Label(
            grades=(Grade(usual.policy, level, usual.caveats | frozenset(asked.caveats)),),
            originators=frozenset({self._world.identity.party}),
            purposes=frozenset(purposes),
            releasable_to=frozenset(to),
            review_by=asked.review_by,
        )
        labels.check(made)
        return made

    # --- deadlines -----------------------------------------------------------------------------------------------------------------

    def due(self, now_ms: int) -> list[Effect]:
        """Return what deadlines that have passed bring: the record by which their case says so."""
        if self._busy or 0 <= now_ms - self._looked_ms < _DUE_EVERY_MS or not self._world.kinds.by_name:
            return []
        self._looked_ms = now_ms
        drafts: list[fx.Draft] = []
        lapsed: list[tuple[str, str]] = []
        with self._world.store.view() as db:
            rows = db.execute(
                "SELECT case_id, rule FROM case_due WHERE due_ms <= ? ORDER BY due_ms, case_id LIMIT ?",
                (now_ms, _DUE_AT_ONCE + len(self._lapsing)),
            )
            for case_id, rule in rows:
                kind = self._world.kinds.of_case(case_id)
                view = casework.view(db, self._world.kinds, case_id)
                if kind is None or view is None or kind.lapse is None or (case_id, rule) in self._lapsing:
                    continue
                if any(case_id == other for other, _ in lapsed):
                    continue  # two words on the same heads are two versions of one: the second waits until the first is said
                if rule in kind.clock:
                    asking = Asking(
                        db=db, now_ms=now_ms, party=self._world.identity.party, actor=casework.CLOCK, kinds=self._world.kinds,
                        random=self._world.random,
                    )  # fmt: skip
                    try:
                        said = asking.step(kind, view, kind.lapse(view, rule), purposes=kind.purposes)
                    except RefusedError:
                        continue  # a case in conflict, say: its people see to it, and it is tried again
                    lapsed.append((case_id, rule))
                    drafts.append(self.draft(said, casework.CLOCK))
        self._lapsing.update(lapsed)
        return self._say_lapses(drafts, lapsed, now_ms) if drafts else []

    def _say_lapses(self, drafts: Sequence[fx.Draft], lapsed: Sequence[tuple[str, str]], now_ms: int) -> list[Effect]:
        def done(_said: tuple[fx.Said, ...], later_ms: int) -> list[Effect]:
            self._busy = False
            self._lapsing.difference_update(lapsed)
            return self._next(later_ms)

        def failed(_error: KizunaError) -> list[Effect]:
            self._busy = False
            self._lapsing.difference_update(lapsed)
            return self._next(now_ms)

        effects = self._desk.say_then(drafts, now_ms, done, failed)
        self._busy = True
        return effects


def _check_role(operation: Operation, command: fx.Operate) -> None:
    first = command.actor.split(":")
    if first[0] != "officer" or first[2:] == [] or (operation.roles and first[2] not in operation.roles):
        roles = ", ".join(f"`{role}`" for role in sorted(operation.roles))
        raise RefusedError(f"`{operation.name}` is for an officer in the role {roles}: give such an officer's token")


def _check_persons(operation: Operation, command: fx.Operate) -> None:
    _check_role(operation, command)
    first, second = (actor.split(":") for actor in (command.actor, command.second_actor))
    if operation.two_persons and (second[0] != "officer" or second[1:2] == first[1:2]):
        raise RefusedError(f"`{operation.name}` needs two persons: a second officer's token, of another person")
