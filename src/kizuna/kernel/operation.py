"""What officers do in a domain and what they are shown, as plain data: one table from which interface, command line and pages are made.

An operation is a function of what the officer asks and of what the desk knows; it may refuse, and returns the statements that the node then signs,
labels, journals and releases. A query returns what is shown. Neither acts: time, identity, tables and fresh names come in with the desk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kizuna.errors import RefusedError
from kizuna.kernel import casework, labelled
from kizuna.kernel.case import CaseEndorsed, CaseState
from kizuna.kernel.casework import CaseKind, CaseView, Kinds, Move
from kizuna.kernel.instrument import Agreement
from kizuna.kernel.journal import Db
from kizuna.kernel.marking import marking
from kizuna.kernel.ports import Random
from kizuna.kernel.record import Body

_DRAFT_ID = "f" * 64
_FRESH_BYTES = 5
EVERYONE: frozenset[str] = frozenset()
"""As the roles of a query: whoever has a token."""


class Happening(msgspec.Struct, frozen=True):
    """Something that happened, on days `YYYY-MM-DD` of which both bounds are part; `kind` is a word that its domain gives.

    `group` names the standing thing that it is one of, a mechanism or a series, or is empty.
    """

    kind: str
    title: str
    first_on: str
    last_on: str
    place: str
    ref: str
    group: str = ""


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A party that has a record, as channels tell it: `node` is empty where only a consent lets it have the record through `by`.

    `receipted` tells that the node itself signed that it holds what it was sent.
    """

    party: str
    node: str
    by: str
    receipted: bool
    since_ms: int


Holdings = Callable[[Db, str], Sequence[Holding]]
"""Whom the channels of this node show to have a record, by its id."""


def _nobody(_db: Db, _record_id: str) -> Sequence[Holding]:
    return ()


Happenings = Callable[[Db, str, str], Sequence[Happening]]
"""What a domain tells of what happened between two days, both included: a brief asks every domain and imports none."""


class LabelAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an officer wants a statement labelled, where other than the desk's usual way; what is None stays as usual."""

    classification: int | None = None
    releasable_to: tuple[str, ...] | None = None
    purposes: tuple[str, ...] | None = None
    caveats: tuple[str, ...] = ()
    review_by: str | None = None


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every operation's request inherits: unknown fields are refused, and the label may be asked for."""

    label: LabelAsked | None = None


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every query's request inherits: unknown fields are refused."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One thing to be said: its type and body, what it is about, to whom it may go and for which purposes.

    `to` empty means that it stays at home. `closed` makes a statement that binds two parties: nothing of it can be withheld.
    """

    type: str
    body: Body
    subject: str = ""
    to: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    closed: bool = False
    exercise: str = ""
    handling: str = "standard"
    blobs: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What an operation came to: the statements to be said together, or none, and what the officer is told beside their ids."""

    statements: Sequence[Statement] = ()
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """A file that a query makes."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What an operation or a query may know: the tables, the time, who asks for which party, and the agreements that are held.

    `actor` is `officer:<id>:<role>` or `system:<job>`, `second` the second person where one stands behind the act, else empty. `tellers` is what
    each domain tells of what happened, `holdings` who has a record by the channels.
    """

    db: Db
    now_ms: int
    party: str
    actor: str
    kinds: Kinds
    random: Random
    agreements: tuple[Agreement, ...] = ()
    second: str = ""
    tellers: tuple[Happenings, ...] = ()
    holdings: Holdings = _nobody

    def happened(self, first_on: str, last_on: str) -> tuple[Happening, ...]:
        """Return what any domain tells to have happened between two days, both included, the earliest first."""
        found = (told for tell in self.tellers for told in tell(self.db, first_on, last_on))
        return tuple(sorted(found, key=lambda told: (told.first_on, told.kind, told.title, told.ref)))

    def fresh(self) -> str:
        """Return a short name that nothing else bears, ten hex digits."""
        return self.random(_FRESH_BYTES).hex()

    def marked(
        self,
        language: str = "en",
        *,
        domains: Sequence[str] = (),
        subjects: Sequence[str] = (),
        records: Sequence[str] = (),
    ) -> str:
        """Return how a document is marked that is made out of all that is held of some domains, about some subjects, and of some records."""
        labels, exercise = labelled.found(self.db, domains=domains, subjects=subjects, records=records)
        return marking(labelled.joined(labels, self.party), language=language, exercise=exercise)

    def case(self, kind: CaseKind, key: str) -> CaseView:
        """Return a case that is held.

        Raises:
            RefusedError: there is none of that key.
        """
        found = self.find(kind, key)
        if found is None:
            raise RefusedError(
                f"no `{kind.name}` is called `{key[:100]}` here: look the name up, or wait until it has arrived"
            )
        return found

    def find(self, kind: CaseKind, key: str) -> CaseView | None:
        """Return a case, or None where none of that key is held."""
        return casework.view(self.db, self.kinds, kind.subject(key))

    def open(self, kind: CaseKind, key: str, body: Body, *, purposes: Sequence[str] = ()) -> Statement:
        """Return the statement that opens a case; `purposes` are the kind's own where none are given.

        Raises:
            RefusedError: the key is taken, too long or empty, or this party may not open a case of it.
        """
        if not 0 < len(key) <= casework.KEY_CHARS:
            raise RefusedError(
                f"`{key[:100]}` has {len(key)} characters: name a `{kind.name}` in 1 to {casework.KEY_CHARS}"
            )
        if self.find(kind, key) is not None:
            raise RefusedError(f"`{key}` is taken: a `{kind.name}` of that name is held already; choose another")
        return self._step(kind, key, None, body, purposes)

    def step(self, kind: CaseKind, view: CaseView, body: Body, *, purposes: Sequence[str] = ()) -> Statement:
        """Return the statement of the next step of a case.

        Raises:
            RefusedError: the fold would not let it take effect; says why.
        """
        return self._step(kind, view.key, view, body, purposes)

    def advance(self, kind: CaseKind, key: str, body: Body) -> Outcome:
        """Return the outcome of an operation that says the next step of a case, which its key names.

        Raises:
            RefusedError: there is no such case, or the fold would not let the step take effect; says why.
        """
        return Outcome((self.step(kind, self.case(kind, key), body),))

    def endorse(self, kind: CaseKind, view: CaseView, record_id: str, *, purposes: Sequence[str] = ()) -> Statement:
        """Return our signature under a proposal of the other side.

        Raises:
            RefusedError: it is no proposal that waits for us, a part of it is hidden (nobody signs terms that it never saw), or the kind of case
                holds something against it.
        """
        move = view.move(record_id)
        waiting = dict(view.state.signatures_missing)
        if move is None or self.party not in waiting.get(record_id, ()):
            raise RefusedError(f"`{record_id[:16]}` does not wait for a signature of `{self.party}`")
        if not move.closed:
            raise RefusedError(
                f"`{record_id[:16]}` has facts that were not disclosed: ask its issuer for a closed one before signing"
            )
        kind.endorsing(self, view, move)
        return self._step(kind, view.key, view, CaseEndorsed(endorses=record_id), purposes)

    def _step(self, kind: CaseKind, key: str, view: CaseView | None, body: Body, purposes: Sequence[str]) -> Statement:
        after = () if view is None else view.state.heads
        type_ = self.kinds.type_of(kind, type(body))
        drafted = Move(
            step=casework.step_of(kind, _DRAFT_ID, type_, body, self.party, self.actor, self.now_ms, frozenset(after)),
            type=type_,
            body=body,
        )
        held = () if view is None else view.moves
        tried = casework.folded(kind, kind.subject(key), [*held, drafted])
        if tried is None:
            raise RefusedError(
                f"`{self.party}` may not open `{kind.name}` under `{key[:100]}`: its own name comes first in it"
            )
        _require_effect(kind, tried, view)
        return Statement(
            type=type_, body=body, subject=kind.subject(key), to=tuple(sorted(set(tried.sides.values()) - {self.party})),
            purposes=tuple(purposes or kind.purposes), after=after, closed=True,
        )  # fmt: skip


def _require_effect(kind: CaseKind, tried: CaseView, view: CaseView | None) -> None:
    """Refuse what the fold would pass over: an operation refuses just what both sides would hold void."""
    state = tried.state
    reason = dict(state.void).get(_DRAFT_ID)
    if reason is None:
        counts = {effect.id for effect in state.history} | dict(state.signatures_missing).keys()
        drafted = tried.move(_DRAFT_ID)
        if _DRAFT_ID in counts or drafted is None or isinstance(drafted.body, CaseEndorsed):
            return
        reason = f"not possible in the state `{state.state}`, so nobody could sign it"
    possible = sorted(
        row.name + (f" (by {row.side})" if row.side else "")
        for row in kind.table.transitions
        if (kind.table.initial if view is None else view.state.state) in row.frm
    )
    raise RefusedError(f"{reason}; possible now: {', '.join(f'`{name}`' for name in possible) or 'nothing'}")


def state_words(state: CaseState) -> str:
    """Return a case's state with what it waits for, in a few words."""
    waits = sorted({party for _, parties in state.signatures_missing for party in parties})
    return state.state + (f", waits for {', '.join(waits)}" if waits else "")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Something that officers do: `asks` is the request, `roles` who may, `two_persons` whether a second person must stand behind it."""

    name: str
    text: str
    asks: type[Asked]
    run: Callable[[Desk, Any], Outcome]
    roles: frozenset[str]
    two_persons: bool = False


@dataclass(frozen=True, kw_only=True)
class Query:
    """Something that is shown: `run` returns a struct, a sequence of structs, or a document."""

    name: str
    text: str
    asks: type[Wanted]
    run: Callable[[Desk, Any], Any]
    roles: frozenset[str] = EVERYONE
