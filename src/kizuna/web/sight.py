"""What one officer may see, and how the page on which it stands is marked.

A record is seen by whoever's clearance reaches its grade in this node's own policy: its own grade where the node made it, the sender's translation of
it where a partner did; a relabel by its originator counts, and one that raised a partner's grade, whose translation nobody told, as the highest. What
has neither is seen with the highest clearance alone. Who is of another nation sees only what is shown to be releasable
to it. What is not seen is not counted either. The marking of a page is the join of all labels on it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel import canonical
from kizuna.kernel.journal import Db, Store
from kizuna.kernel.label import MAX_CLASSIFICATION, Grade, Label, aggregate, join
from kizuna.kernel.lifecycle import Act
from kizuna.kernel.marking import marking
from kizuna.kernel.marking_policy import BUNDLED, MarkingPolicy
from kizuna.node.held.facts import label_held
from kizuna.node.held.noting import RELABELLED
from kizuna.node.held.relabelled import relabels_of
from kizuna.node.people.accounts import Account
from kizuna.node.readers.thinning import Readers

_RECORD_ID = re.compile(r"[0-9a-f]{64}").fullmatch
_CASE = re.compile(r"[a-z][a-z0-9.-]{1,63}:.{1,100}").fullmatch
_PAGE = 10_000
_AT_ONCE = 400
_MOST_LABELS = 100_000
_Held = tuple[tuple[int, ...], tuple[Act, ...]]
"""The entries that brought a record, and the acts that relabelled it."""
_Seen = tuple[Label | None, int, bool]
"""A label, its grade in this node's policy, and whether it is an exercise's."""


class Ceilings:
    """The highest grades of what is held, by record type and issuer, for what is shown without its records; follows the journal."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seq = 0
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], tuple[dict[str, int], int]] = {}
        self._relabels: set[str] = set()
        """Those that have not been looked at, for their record has not come."""

    def of(self, prefixes: Collection[str]) -> dict[str, tuple[Label, int]]:
        """Return for each issuer the label, and the grade in our policy, that everything held of these kinds of record stays below."""
        with self._lock:
            self._follow()
            held = dict(self._found)
        found: dict[str, tuple[Label, int]] = {}
        for (type_, issuer), (grades, level) in held.items():
            if type_.partition(".")[0] in prefixes:
                label = Label(tuple(Grade(policy, grades[policy]) for policy in sorted(grades)), frozenset({issuer}))
                before = found.get(issuer)
                found[issuer] = (label, level) if before is None else (join(before[0], label), max(before[1], level))
        return found

    def _follow(self) -> None:
        while True:
            rows = self._store.query(
                "SELECT seq, header FROM journal_entry WHERE seq > ? ORDER BY seq LIMIT ?", (self._seq, _PAGE)
            )
            for seq, header in rows:
                self._seq = seq
                self._take(bytes(header))
            if len(rows) < _PAGE:
                break
        if self._relabels:
            self._take_relabels()

    def _take_relabels(self) -> None:
        with self._store.view() as db:
            for notice, target, type_, issuer in db.execute(
                "SELECT n.record_id, n.target, r.type, r.issuer FROM notice n JOIN record r ON r.id = n.target WHERE n.type = ?",
                (RELABELLED,),
            ):
                if notice in self._relabels:
                    self._relabels.discard(notice)
                    label, level, _ = label_held(db, target, relabels_of(db, target))
                    grades = {} if label is None else {each.policy: each.classification for each in label.grades}
                    self._raise(type_, issuer, grades, level)

    def _take(self, header: bytes) -> None:
        if b'"kind":"record"' not in header and b'"kind":"received"' not in header:
            return
        entry = msgspec.json.decode(header)
        meta = entry["meta"]
        if RELABELLED.encode() in header:
            self._relabels.add(meta["item"])
        if entry["kind"] == "record" and "clear" in meta:
            type_, issuer, text = meta["clear"]
            pairs = [part.rpartition(":") for part in text.split(",") if part]
            grades = {policy: int(grade) for policy, _, grade in pairs}
            self._raise(type_, issuer, grades, max(grades.values(), default=MAX_CLASSIFICATION))
        elif entry["kind"] == "received" and meta.get("kind") == "record":
            said = msgspec.json.decode(meta["header"])
            translated = {grade["policy"]: grade["classification"] for grade in said["label"]}
            issuer = said["channel"].split("/")[1]
            self._raise(said["type"], issuer, translated, max(translated.values(), default=MAX_CLASSIFICATION))

    def _raise(self, type_: str, issuer: str, grades: dict[str, int], level: int) -> None:
        before, highest = self._found.get((type_, issuer), ({}, 0))
        joined = {policy: max(before.get(policy, 0), grades.get(policy, 0)) for policy in {*before, *grades}}
        self._found[type_, issuer] = (joined, max(highest, level))


class Labels:
    """The labels of held records as they were last read, for all pages; one is read anew where a holding came or went, or it was relabelled."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[_Held, _Seen]] = {}

    def of(self, db: Db, record_ids: Sequence[str], relabels: Mapping[str, tuple[Act, ...]]) -> dict[str, _Seen]:
        """Return of each record its label, its grade in this node's policy and whether it is an exercise's, as `label_held` does."""
        found = {}
        for record_id, seqs in _holdings(db, record_ids).items():
            acts = relabels.get(record_id, ())
            kept = self._read.get(record_id)
            if kept is None or kept[0] != (seqs, acts):
                kept = ((seqs, acts), label_held(db, record_id, acts))
                if len(self._read) >= _MOST_LABELS:
                    self._read.clear()
                self._read[record_id] = kept
            found[record_id] = kept[1]
        return found


def _holdings(db: Db, record_ids: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return of each record the entries that brought what is still held of it."""
    found: dict[str, tuple[int, ...]] = dict.fromkeys(record_ids, ())
    for some in _chunks(record_ids):
        rows = db.execute(
            "SELECT r.id, h.seq FROM record r JOIN holding h ON h.record = r.seq JOIN journal_body b ON b.seq = h.seq"
            f" WHERE r.id IN ({_marks(some)}) AND b.body IS NOT NULL ORDER BY h.seq",
            some,
        )
        for record_id, seq in rows:
            found[record_id] += (int(seq),)
    return found


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE))


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))


def readers_of(account: Account, party: str) -> Readers:
    """Return whom an account reads with, at a node of a party."""
    return Readers(account.clearance, account.nationality if account.nationality != party else "")


class Borne(msgspec.Struct, frozen=True):
    """What a page bears: the join of its labels, and whether something on it is an exercise's."""

    exercise: bool
    label: Label


class Sight:
    """What one officer may see within one page, and the labels that came onto it."""

    def __init__(
        self,
        store: Store,
        ceilings: Ceilings,
        party: str,
        account: Account,
        relabels: Mapping[str, tuple[Act, ...]] | None = None,
        policies: Mapping[str, MarkingPolicy] = BUNDLED,
        labels: Labels | None = None,
    ) -> None:
        self._read = labels or Labels()
        self._store = store
        self._relabels = relabels or {}
        self._ceilings = ceilings
        self._party = party
        self._account = account
        self._policies = policies
        self._known: dict[str, tuple[Label | None, int]] = {}
        self.labels: list[Label] = []
        self.shown: set[str] = set()
        """The records that came onto the page."""
        self.exercise = False
        self._exercises: set[str] = set()

    @property
    def clearance(self) -> int:
        """The highest grade of this node's policy that the officer may see."""
        return self._account.clearance

    @property
    def nationality(self) -> str:
        """The nation whose the officer is."""
        return self._account.nationality

    @property
    def foreign(self) -> bool:
        """Whether the officer is of another nation than the node's party."""
        return self._account.nationality != self._party

    def marked(self, language: str) -> str:
        """Return the marking of the page: the join of all labels on it, nothing where there is none."""
        if not self.labels:
            return ""
        return marking(aggregate(self.labels), self._policies, language, exercise=self.exercise)

    def bears(self) -> str:
        """Return what the page bears, for whoever renews a part of it: as text for an address, empty where nothing on it is graded."""
        label = aggregate(self.labels)
        return "" if label is None else canonical.b64(canonical.encode(Borne(self.exercise, label)))

    def bear(self, text: str) -> None:
        """Take on what a page that is open says it bears: what is only renewed in part is never marked lower than what still stands on it.

        Raises:
            RecordError: it is not what `bears` says.
        """
        try:
            borne = canonical.decode(canonical.unb64(text), type=Borne)
        except RecordError as error:
            raise RecordError("what the page bears cannot be read: load it anew") from error
        self.show(borne.label)
        self.exercise |= borne.exercise

    def admits(self, label: Label | None, level: int) -> bool:
        """Return whether a label is within clearance and nationality; `level` is its grade in this node's policy."""
        return readers_of(self._account, self._party).admits(label, level)

    def record(self, record_id: str) -> bool:
        """Return whether a record may be seen; if so, its label is on the page."""
        label, level = self._look(record_id)
        if not self.admits(label, level):
            return False
        self.shown.add(record_id)
        if label is not None:
            self.show(label)
        self.exercise |= record_id in self._exercises
        return True

    def show(self, label: Label) -> None:
        """Put a label on the page."""
        if label not in self.labels:
            self.labels.append(label)

    def records(self, record_ids: Iterable[str]) -> bool:
        """Return whether all of some records may be seen, and then put their labels on the page."""
        wanted = list(record_ids)
        return all(self.admits(*self._look(each)) for each in wanted) and all(self.record(each) for each in wanted)

    def issuers(self, prefixes: Collection[str]) -> frozenset[str]:
        """Return the parties all of whose records of some kinds may be seen, and put the highest label of those on the page."""
        seen = set()
        for issuer, (label, level) in self._ceilings.of(prefixes).items():
            if level <= self._account.clearance:
                seen.add(issuer)
                self.show(label)
        return frozenset(seen)

    def rows(self, found: Any, prefix: str) -> Any:
        """Return what a query shows without the rows that may not be seen; None where nothing of it may.

        A row is judged by the records and cases that it names; one that names none by the highest grade of all that is held of the domain.
        """
        rows = found if isinstance(found, list | tuple) else [found]
        named = self._named(rows)
        self._learn(sorted(set().union(*named)))
        unnamed = not all(named) and self.issuers({prefix}) >= self._ceilings.of({prefix}).keys()
        seen = [
            row for row, names in zip(rows, named, strict=True) if (self.records(sorted(names)) if names else unnamed)
        ]
        return seen if isinstance(found, list | tuple) else next(iter(seen), None)

    def _named(self, rows: Sequence[Any]) -> list[set[str]]:
        """Return for each row the held records that it names, and those of the cases that it names."""
        named = [{text for text in _texts(row) if _RECORD_ID(text) or _CASE(text)} for row in rows]
        told: dict[str, set[str]] = {}
        for some in _chunks(sorted(set().union(*named))):
            for text, record_id in self._store.query(
                f"SELECT id, id FROM record WHERE id IN ({_marks(some)})"
                f" UNION SELECT case_id, record_id FROM case_step WHERE case_id IN ({_marks(some)})",
                (*some, *some),
            ):
                told.setdefault(text, set()).add(str(record_id))
        return [set().union(*(told.get(text, ()) for text in texts)) for texts in named]

    def _learn(self, record_ids: Sequence[str]) -> None:
        """Look at the labels of several records at once."""
        unknown = [each for each in record_ids if each not in self._known]
        if not unknown:
            return
        with self._store.view() as db:
            found = self._read.of(db, unknown, self._relabels)
        for record_id, (label, level, exercise) in found.items():
            self._known[record_id] = (label, level)
            if exercise:
                self._exercises.add(record_id)

    def _look(self, record_id: str) -> tuple[Label | None, int]:
        if record_id not in self._known:
            self._learn([record_id])
        return self._known[record_id]


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(name)
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
