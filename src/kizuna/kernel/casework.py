"""Cases in the tables: the records of a case as rows, folded into one row that says where it stands.

The case of a record is its `subject`: the name of its kind, a colon, and the case's own key. A kind of case says which record classes are steps of
which transition, who stands on which side, and what a folded case puts into a domain's tables. Rows are made anew from all steps whenever one comes,
once for each transaction: so every order of arrival gives the same rows.

The fold is `kizuna.kernel.case`'s; which entries carried a record is told by the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kizuna.errors import ConfigError, RecordError
from kizuna.kernel import canonical
from kizuna.kernel.case import ENDORSED, RESOLVED, CaseEndorsed, CaseResolved, CaseState, CaseType, Step, due
from kizuna.kernel.folding import Folding, fold
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body, Record, body_of

SCHEMA = (
    """CREATE TABLE case_step (
        record_id TEXT PRIMARY KEY, case_id TEXT NOT NULL, type TEXT NOT NULL, party TEXT NOT NULL, actor TEXT NOT NULL,
        at_ms BIGINT NOT NULL, closed BIGINT NOT NULL, after TEXT NOT NULL, body TEXT NOT NULL)""",
    "CREATE INDEX case_step_by_case ON case_step (case_id)",
    """CREATE TABLE case_leaf (
        record_id TEXT NOT NULL, channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, receipted_epoch BIGINT NOT NULL,
        receipted BIGINT NOT NULL, PRIMARY KEY (record_id, channel, epoch, idx))""",
    """CREATE TABLE case_state (
        case_id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, sides TEXT NOT NULL, opened_at_ms BIGINT NOT NULL,
        changed_at_ms BIGINT NOT NULL, waits_for TEXT NOT NULL)""",
    "CREATE INDEX case_state_by_kind ON case_state (kind, state, changed_at_ms)",
    "CREATE TABLE case_due (case_id TEXT NOT NULL, rule TEXT NOT NULL, due_ms BIGINT NOT NULL, PRIMARY KEY (case_id, rule))",
    "CREATE INDEX case_due_by_time ON case_due (due_ms)",
    "CREATE TABLE case_dirty (case_id TEXT PRIMARY KEY)",
)
TABLES = ("case_step", "case_leaf", "case_state", "case_due", "case_dirty")
CLOCK = "system:deadlines"
"""Who says that a deadline has passed."""
SHARED: Mapping[str, type[Body]] = {ENDORSED: CaseEndorsed, RESOLVED: CaseResolved}
"""The steps that every kind of case has."""
KEY_CHARS = 100
"""How long the key of a case may be."""
_TWO = 2


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a case with its payload; `closed` tells whether nothing of it is hidden."""

    step: Step
    type: str
    body: Body
    closed: bool = True


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A case as it stands: its key, who stands on which side, every record, the fold.

    `worked_out` is shared by all views of one fold: what a kind makes of a history it need not make again of that history's beginning.
    """

    id: str
    sides: Mapping[str, str]
    moves: tuple[Move, ...]
    state: CaseState
    worked_out: dict[Any, Any] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        """The case's own key, without the name of its kind."""
        return self.id.partition(":")[2]

    def move(self, record_id: str) -> Move | None:
        """Return a record of the case, or None."""
        return next((move for move in self.moves if move.step.id == record_id), None)

    def effective(self, *transitions: str) -> tuple[Move, ...]:
        """Return the records that took effect, in their order; only those of the named transitions where any is named."""
        known = {move.step.id: move for move in self.moves}
        return tuple(
            known[effect.id]
            for effect in self.state.history
            if not transitions or effect.transition in transitions
        )  # fmt: skip

    def last(self, *transitions: str) -> Move | None:
        """Return the last record of the named transitions that took effect, or None."""
        found = self.effective(*transitions)
        return found[-1] if found else None

    def effect_ms(self, *transitions: str) -> int | None:
        """Return when the last of the named transitions took effect, in milliseconds UTC, or None."""
        found = [effect.at_ms for effect in self.state.history if effect.transition in transitions]
        return found[-1] if found else None


Guard = Callable[[CaseView, Move], str]
"""Says what is wrong with a step, given the case as its author had folded it; nothing where it is right. It sees nothing else: both sides agree."""


@dataclass(frozen=True, kw_only=True)
class CaseKind:
    """A kind of case: its table of transitions, and what its records mean.

    `steps` maps a record class to its transition, `opens` are the classes that may open a case, and `sides` returns who stands on which side from
    such a record, or None where its author may not open a case of that key. `apply` puts a folded case into `tables`, each of which has a column
    `case_id` and is cleared of the case before. `purposes` are those for which steps may be used unless an operation says others. `guards` judge
    the content of steps. `dues` returns the running deadlines, as rule and instant; the table's own where it is None. `clock` maps a rule to the
    record class by which a node says that the deadline has passed, and `lapse` makes that record. `endorsing` says, by a refusal, why an officer may
    not sign another side's proposal: it is given the desk (`kizuna.kernel.operation`), and judges by what this party alone holds.
    """

    table: CaseType
    opens: type[Body] | tuple[type[Body], ...]
    steps: Mapping[type[Body], str]
    sides: Callable[[str, Move], Mapping[str, str] | None]
    apply: Callable[[Db, CaseView], None]
    tables: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    guards: Mapping[str, Guard] = field(default_factory=dict)
    expiry: Callable[[Body], int | None] = lambda _body: None
    dues: Callable[[CaseView], Iterable[tuple[str, int]]] | None = None
    clock: Mapping[str, type[Body]] = field(default_factory=dict)
    lapse: Callable[[CaseView, str], Body] | None = None
    endorsing: Callable[[Any, CaseView, Move], None] = lambda _desk, _view, _move: None

    def __post_init__(self) -> None:
        rows = {row.name for row in self.table.transitions}
        wrong = [name for name in (*self.steps.values(), *self.guards) if name not in rows]
        opens = self.opens if isinstance(self.opens, tuple) else (self.opens,)
        wrong += [kind.__name__ for kind in (*opens, *self.clock.values()) if kind not in self.steps]
        if wrong or (self.clock and self.lapse is None):
            raise ConfigError(
                f"case kind `{self.table.name}` names `{sorted(set(wrong))}`, which its table does not have"
            )

    @property
    def name(self) -> str:
        """The name with which the subjects of its cases begin."""
        return self.table.name

    def subject(self, key: str) -> str:
        """Return the subject of the case with this key."""
        return f"{self.name}:{key}"

    def running(self, view: CaseView) -> tuple[tuple[str, int], ...]:
        """Return the running deadlines, as rule and instant in milliseconds UTC, the earliest first."""
        found = due(self.table, view.state) if self.dues is None else self.dues(view)
        return tuple(sorted(found, key=lambda pair: (pair[1], pair[0])))


@dataclass(frozen=True)
class Kinds:
    """The kinds of case of all domains, found by name and by wire name."""

    by_name: Mapping[str, CaseKind]
    by_type: Mapping[str, tuple[CaseKind, type[Body]]]

    @classmethod
    def of(cls, domains: Iterable[tuple[Mapping[str, type[Body]], Iterable[CaseKind]]]) -> Kinds:
        """Return the kinds of domains, each given as its records by wire name and its kinds.

        Raises:
            ConfigError: two kinds share a name, or a step's class has no wire name.
        """
        by_name: dict[str, CaseKind] = {}
        by_type: dict[str, tuple[CaseKind, type[Body]]] = {}
        for records, kinds in domains:
            names = {record_class: name for name, record_class in records.items()}
            for kind in kinds:
                if kind.name in by_name:
                    raise ConfigError(f"two kinds of case are called `{kind.name}`")
                by_name[kind.name] = kind
                for record_class in kind.steps:
                    if record_class not in names:
                        raise ConfigError(f"`{record_class.__name__}` is a step of `{kind.name}` without a wire name")
                    by_type[names[record_class]] = (kind, record_class)
        return cls(by_name, by_type)

    def of_case(self, case_id: str) -> CaseKind | None:
        """Return the kind of a case, or None where no domain has it."""
        return self.by_name.get(case_id.partition(":")[0])

    def of_record(self, type_: str, subject: str) -> tuple[CaseKind, type[Body]] | None:
        """Return the kind that a record is a step of, with its class, or None where it is none."""
        kind = self.of_case(subject)
        shared = SHARED.get(type_)
        if kind is not None and shared is not None:
            return kind, shared
        found = self.by_type.get(type_)
        return found if found is not None and found[0] is kind else None

    def type_of(self, kind: CaseKind, record_class: type[Body]) -> str:
        """Return the wire name of a step's class."""
        shared = {found: name for name, found in SHARED.items()}
        if record_class in shared:
            return shared[record_class]
        return next(name for name, (owner, found) in self.by_type.items() if owner is kind and found is record_class)


# --- from the journal -------------------------------------------------------------------------------------------------------------


def note(db: Db, kinds: Kinds, held: Record) -> None:
    """Keep a record that is a step of a case; any other, or one whose instant or payload does not show, is passed over."""
    subject = held.text("subject")
    found = kinds.of_record(held.clear.type, subject)
    if found is None or held.at_ms is None or not 0 < len(subject.partition(":")[2]) <= KEY_CHARS:
        return
    try:
        body = body_of(held, found[1])
    except RecordError:
        return  # kept as a record, and no step
    row = (
        held.id, subject, held.clear.type, held.clear.issuer, held.text("actor"), held.at_ms, int(held.closed),
        canonical.encode(list(held.listed("after"))).decode(), canonical.encode(body).decode(),
    )  # fmt: skip
    db.execute(
        "INSERT INTO case_step (record_id, case_id, type, party, actor, at_ms, closed, after, body) VALUES (?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (record_id) DO UPDATE SET actor = excluded.actor, closed = excluded.closed, after = excluded.after,"
        " body = excluded.body",
        row,
    )
    _mark(db, subject)


def sequenced(db: Db, record_id: str, entry: tuple[str, int, int], receipted: tuple[int, int]) -> None:
    """Keep where a step stands in a channel, as `(channel, epoch, index)`, and how far its sender had then receipted the reverse channel."""
    db.execute(
        "INSERT INTO case_leaf (record_id, channel, epoch, idx, receipted_epoch, receipted) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (record_id, channel, epoch, idx) DO NOTHING",
        (record_id, *entry, *receipted),
    )
    for (case_id,) in db.execute("SELECT case_id FROM case_step WHERE record_id = ?", (record_id,)):
        _mark(db, case_id)


def forget(db: Db, record_id: str) -> None:
    """Take a step out whose body was erased."""
    for (case_id,) in db.execute("SELECT case_id FROM case_step WHERE record_id = ?", (record_id,)):
        _mark(db, case_id)
    db.execute("DELETE FROM case_step WHERE record_id = ?", (record_id,))


def _mark(db: Db, case_id: str) -> None:
    db.execute("INSERT INTO case_dirty (case_id) VALUES (?) ON CONFLICT (case_id) DO NOTHING", (case_id,))


def settle(db: Db, kinds: Kinds) -> None:
    """Fold the cases that have changed since the last time, and fill their rows anew."""
    for (case_id,) in db.execute("SELECT case_id FROM case_dirty ORDER BY case_id"):
        kind = kinds.of_case(case_id)
        if kind is not None:
            _refill(db, kind, case_id, view(db, kinds, case_id))
    db.execute("DELETE FROM case_dirty")


def _refill(db: Db, kind: CaseKind, case_id: str, folded: CaseView | None) -> None:
    if db.execute("SELECT 1 FROM case_state WHERE case_id = ?", (case_id,)):
        for table in ("case_state", "case_due", *kind.tables):
            db.execute(f"DELETE FROM {table} WHERE case_id = ?", (case_id,))
    if folded is None:
        return
    effects = [effect.at_ms for effect in folded.state.history]
    waits = sorted({party for _, parties in folded.state.signatures_missing for party in parties})
    db.execute(
        "INSERT INTO case_state (case_id, kind, state, sides, opened_at_ms, changed_at_ms, waits_for) VALUES (?,?,?,?,?,?,?)",
        (
            case_id, kind.name, folded.state.state, canonical.encode(dict(folded.sides)).decode(),
            min(effects, default=0), max(effects, default=0), " ".join(waits),
        ),
    )  # fmt: skip
    for rule, due_ms in kind.running(folded):
        db.execute("INSERT INTO case_due (case_id, rule, due_ms) VALUES (?,?,?)", (case_id, rule, due_ms))
    kind.apply(db, folded)


# --- the fold ---------------------------------------------------------------------------------------------------------------------


def view(db: Db, kinds: Kinds, case_id: str) -> CaseView | None:
    """Return a case as its held records make it, or None where no record that may open it is held."""
    kind = kinds.of_case(case_id)
    if kind is None:
        return None
    rows = db.execute(
        "SELECT record_id, type, party, actor, at_ms, closed, after, body FROM case_step WHERE case_id = ? ORDER BY record_id",
        (case_id,),
    )
    moves = [_move(kind, kinds, row) for row in rows]
    return folded(kind, case_id, _with_sight(db, case_id, moves))


def _move(kind: CaseKind, kinds: Kinds, row: Sequence[Any]) -> Move:
    record_id, type_, party, actor, at_ms, closed, after, body = row
    record_class = SHARED.get(type_) or kinds.by_type[type_][1]
    made = msgspec.json.decode(body, type=record_class)
    return Move(
        step=step_of(kind, record_id, type_, made, party, actor, at_ms, frozenset(msgspec.json.decode(after))),
        type=type_,
        body=made,
        closed=bool(closed),
    )


def step_of(
    kind: CaseKind, record_id: str, type_: str, body: Body, party: str, actor: str, at_ms: int, after: frozenset[str]
) -> Step:
    """Return a record as the fold sees it."""
    endorses, outcome, resolves, transition = "", "", frozenset[str](), type_
    if isinstance(body, CaseEndorsed):
        endorses = body.endorses or ""
    elif isinstance(body, CaseResolved):
        outcome, resolves = body.outcome or "", frozenset(body.heads or ())
    else:
        transition = kind.steps[type(body)]
    return Step(
        id=record_id, transition=transition, party=party, actor=actor, at_ms=at_ms, after=after, endorses=endorses,
        resolves=resolves, outcome=outcome, expires_ms=kind.expiry(body),
    )  # fmt: skip


def _with_sight(db: Db, case_id: str, moves: list[Move]) -> list[Move]:
    """Return the steps with those of the other side that theirs had receipted when they were first sequenced."""
    places: dict[str, list[tuple[str, int, int, int, int]]] = {}
    for record_id, *place in db.execute(
        "SELECT l.record_id, l.channel, l.epoch, l.idx, l.receipted_epoch, l.receipted FROM case_leaf l"
        " JOIN case_step s ON s.record_id = l.record_id WHERE s.case_id = ?",
        (case_id,),
    ):
        places.setdefault(record_id, []).append(tuple(place))
    party = {move.step.id: move.step.party for move in moves}
    seen: dict[str, frozenset[str]] = {}
    for record_id, held in places.items():
        own = [place for place in held if place[0].startswith(f"kizuna/{party[record_id]}/")]
        seen[record_id] = _sight(own, party[record_id], places, party)
    return [
        msgspec.structs.replace(move, step=msgspec.structs.replace(move.step, saw=seen.get(move.step.id, frozenset())))
        for move in moves
    ]


def _sight(
    own: list[tuple[str, int, int, int, int]],
    party: str,
    places: Mapping[str, list[tuple[str, int, int, int, int]]],
    parties: Mapping[str, str],
) -> frozenset[str]:
    sights = []
    for channel, _, _, epoch, size in own:
        writer, reader = channel.removeprefix("kizuna/").split("/to/")
        reverse = f"kizuna/{reader}/to/{writer}"
        sights.append(
            frozenset(
                other
                for other, held in places.items()
                if parties[other] != party
                and any(place[0] == reverse and (place[1], place[2]) < (epoch, size) for place in held)
            )
        )
    return frozenset.intersection(*sights) if sights else frozenset()


def folded(kind: CaseKind, case_id: str, moves: Sequence[Move]) -> CaseView | None:
    """Return a case out of its records, or None where none of them may open it.

    Where more than two parties take part only what a step says to follow counts: what one receipted from another the third cannot see, and all
    are to fold alike.
    """
    key = case_id.partition(":")[2]
    openings = [
        (move, sides)
        for move in sorted(moves, key=lambda move: move.step.id)
        if isinstance(move.body, kind.opens) and (sides := kind.sides(key, move)) and move.step.party in sides.values()
    ]
    if not openings:
        return None
    sides = openings[0][1]
    if len(set(sides.values())) > _TWO:
        moves = [msgspec.structs.replace(m, step=msgspec.structs.replace(m.step, saw=frozenset())) for m in moves]
    growing = _Growing(kind, case_id, sides)
    for move in _by_ancestry(moves):
        growing.take(move)
    return growing.whole()


def _by_ancestry(moves: Iterable[Move]) -> Iterator[Move]:
    """Yield records, parents first; those that lack one come last, as they are."""
    waiting = {move.step.id: move for move in moves}
    done: set[str] = set()
    while waiting:
        ready = [name for name, move in waiting.items() if move.step.after <= done] or [*waiting]
        for name in sorted(ready):
            yield waiting.pop(name)
            done.add(name)


class _Growing:
    """A case that takes in its records one by one, each judged by what its author had folded.

    As long as every record has its parents here and its author saw nothing that it does not follow, which is nearly always, one fold grows with
    them; from the first that does not, each view is folded by itself.
    """

    def __init__(self, kind: CaseKind, case_id: str, sides: Mapping[str, str]) -> None:
        self.kind, self.case_id, self.sides = kind, case_id, sides
        self.judged: dict[str, Move] = {}
        self.folding: Folding | None = Folding(kind.table, sides)
        self.views: dict[int, CaseView] = {}
        self.worked_out: dict[Any, Any] = {}

    def take(self, move: Move) -> None:
        """Judge a record and take it in."""
        if self.folding is not None and not self.folding.takes(move.step):
            self.folding = None
        fault = self._fault(move)
        if fault:
            move = msgspec.structs.replace(move, step=msgspec.structs.replace(move.step, fault=fault))
        self.judged[move.step.id] = move
        if self.folding is not None:
            self.folding.add(move.step)

    def whole(self) -> CaseView:
        """Return the case as all its records make it."""
        moves = tuple(self.judged.values())
        if self.folding is None:
            state = fold(self.kind.table, [move.step for move in moves], self.sides)
        else:
            state = self.folding.state(self.folding.everything)
        return self._view(moves, state)

    def _fault(self, move: Move) -> str:
        """Return what a guard, or the clock, holds against a step; a guard sees what the step's author had folded."""
        guard = self.kind.guards.get(move.step.transition)
        rules = [rule for rule, record_class in self.kind.clock.items() if isinstance(move.body, record_class)]
        if guard is None and not rules:
            return ""
        known = self._known(move)
        if rules:
            running = dict(self.kind.running(known))
            if not any(rule in running and running[rule] <= move.step.at_ms for rule in rules):
                return "its deadline had not passed, or did not run"
        return guard(known, move) if guard is not None else ""

    def _known(self, move: Move) -> CaseView:
        """Return the case as the author of a record had folded it."""
        if self.folding is None:
            moves = tuple(self.judged[name] for name in _past(self.judged, move))
            state = fold(self.kind.table, [each.step for each in moves], self.sides)
            return self._view(moves, state)
        mask = self.folding.past(move.step.after)
        found = self.views.get(mask)
        if found is None:
            moves = tuple(self.judged[name] for name in sorted(step.id for step in self.folding.members(mask)))
            found = self.views[mask] = self._view(moves, self.folding.state(mask))
        return found

    def _view(self, moves: tuple[Move, ...], state: CaseState) -> CaseView:
        return CaseView(id=self.case_id, sides=self.sides, moves=moves, state=state, worked_out=self.worked_out)


def _past(judged: Mapping[str, Move], move: Move) -> list[str]:
    found: set[str] = set()
    waiting = [*move.step.after]
    while waiting:
        name = waiting.pop()
        if name in judged and name not in found:
            found.add(name)
            waiting.extend(judged[name].step.after)
    return sorted(found)
