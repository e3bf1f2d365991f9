"""The labels of what is held, as rows, so that whatever is made out of records can bear the join of their labels.

A label is that of its record as its originator's relabels have left it, as far as it is disclosed; one that is not whole counts as missing, and so
does its join with any other.

Records are many, and few differ in their type, subject and label: what they have in common is one row, their *sort*, and each is there by its number
alone, `seq` of the node's table `record`. A sort is called by a digest of what it says, so that no order of arrival names it otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache, reduce
from typing import Any

import msgspec

from kizuna.kernel import canonical
from kizuna.kernel.journal import Db
from kizuna.kernel.label import Label, join
from kizuna.kernel.record import Record

SCHEMA = (
    "CREATE TABLE labelled (record BIGINT_KEY, sort BYTES NOT NULL)",
    """CREATE TABLE labelled_sort (
        sort BYTES PRIMARY KEY, type TEXT NOT NULL, subject TEXT NOT NULL, label TEXT NOT NULL, exercise BIGINT NOT NULL, records BIGINT NOT NULL)
        CLUSTERED""",
    "CREATE INDEX labelled_sort_by_type ON labelled_sort (type, label, exercise)",
    "CREATE INDEX labelled_sort_by_subject ON labelled_sort (subject, label, exercise)",
)
TABLES = ("labelled", "labelled_sort")
_SORT_BYTES = 16
_AT_ONCE = 500
_FEW = 200
"""So many labels of one type of record are looked up one by one, before all that is left is read."""


def note(db: Db, number: int, held: Record, label: Label | None, *, new: bool) -> None:
    """Keep what protects a record now, None where that is not known; unless it is new, that takes the place of what was."""
    if not new:
        forget(db, number)
    text = "" if label is None else text_of(label)
    said = (held.clear.type, held.text("subject"), text, int(held.clear.exercise))
    sort = hashlib.sha256(msgspec.json.encode(said)).digest()[:_SORT_BYTES]
    db.execute(
        "INSERT INTO labelled_sort (sort, type, subject, label, exercise, records) VALUES (?,?,?,?,?,1)"
        " ON CONFLICT (sort) DO UPDATE SET records = labelled_sort.records + 1",
        (sort, *said),
    )
    db.execute("INSERT INTO labelled (record, sort) VALUES (?,?)", (number, sort))


@lru_cache(maxsize=4096)  # few labels recur in many records
def text_of(label: Label) -> str:
    """Return a label as the text of which there is one for each."""
    return canonical.encode(label).decode()


def forget(db: Db, number: int) -> None:
    """Take out the label of a record whose body was erased, and its sort where no other is of it: that may tell what it was about."""
    for (sort,) in db.execute("SELECT sort FROM labelled WHERE record = ?", (number,)):
        db.execute("DELETE FROM labelled WHERE record = ?", (number,))
        db.execute("UPDATE labelled_sort SET records = records - 1 WHERE sort = ?", (sort,))
        db.execute("DELETE FROM labelled_sort WHERE sort = ? AND records = 0", (sort,))


def found(
    db: Db, *, domains: Sequence[str] = (), subjects: Sequence[str] = (), records: Sequence[str] = ()
) -> tuple[tuple[Label | None, ...], bool]:
    """Return the labels, each once, of what is held of some domains, about some subjects (a case is one) and of some records.

    Beside them stands whether any of it is of an exercise. None stands for a label that is not known.
    """
    rows: set[tuple[str, int]] = set()
    for name in domains:
        rows |= _of_domain(db, name)
    of_records = "sort IN (SELECT l.sort FROM record r JOIN labelled l ON l.record = r.seq WHERE r.id IN ({marks}))"
    for where, names in (("subject IN ({marks})", subjects), (of_records, records)):
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            rows |= _rows(db, where.format(marks=",".join("?" * len(some))), some)
    texts = sorted({text for text, _ in rows})
    labels = tuple(canonical.decode(text.encode(), type=Label) if text else None for text in texts)
    return labels, any(exercise for _, exercise in rows)


def _of_domain(db: Db, name: str) -> set[tuple[str, int]]:
    """Return the labels of a domain, from one that differs to the next along the index: records are many, and few differ."""
    rows: set[tuple[str, int]] = set()
    type_ = f"{name}."
    while type_ := _next(db, "type", "type > ? AND type < ?", (type_, f"{name}/")):
        steps, label = 0, _next(db, "label", "type = ?", (type_,))
        while label is not None and steps < _FEW:
            least = _next(db, "exercise", "type = ? AND label = ?", (type_, label))
            rows |= {
                (label, each)
                for each in (
                    least,
                    _next(db, "exercise", "type = ? AND label = ? AND exercise > ?", (type_, label, least)),
                )
                if each is not None
            }
            steps, label = steps + 1, _next(db, "label", "type = ? AND label > ?", (type_, label))
        if label is not None:
            rows |= _rows(db, "type = ? AND label >= ?", (type_, label))
    return rows


def _next(db: Db, column: str, where: str, given: Sequence[Any]) -> Any:
    return db.execute(f"SELECT MIN({column}) FROM labelled_sort WHERE {where}", given)[0][0]


def _rows(db: Db, where: str, given: Sequence[Any]) -> set[tuple[str, int]]:
    return {
        (text, exercise)
        for text, exercise in db.execute(f"SELECT DISTINCT label, exercise FROM labelled_sort WHERE {where}", given)
    }


def joined(labels: Iterable[Label | None], party: str) -> Label | None:
    """Return the label of what a party made out of records with these labels, or None where one of them is not known, or there is none.

    Each originator may have its own: so what two parties said to one another may be had by both.
    """
    held = list(labels)
    known = [
        msgspec.structs.replace(each, releasable_to=each.releasable_to | each.originators)
        for each in held
        if each is not None
    ]
    if not known or len(known) < len(held):
        return None
    made = reduce(join, known)
    return made if made.releasable_to - {party} else msgspec.structs.replace(made, releasable_to=frozenset())
