"""The label that protects a held record now, as its originator's relabels have left it: read from the tables, in every order of arrival.

What a release rests on is folded in memory by `kizuna.node.channel.ledger`, by the same rule (`kizuna.kernel.lifecycle`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from kizuna.errors import RecordError
from kizuna.kernel import labelled, lifecycle, record
from kizuna.kernel.journal import Db
from kizuna.kernel.label import Label
from kizuna.kernel.record import Record
from kizuna.node.held import noting
from kizuna.node.held.parsed import parse
from kizuna.node.held.tables import Held, number_of, whole


def held_whole(db: Db, record_id: str) -> Record | None:
    """Return a held record with every disclosure of every holding, or None where it is not held or its body was erased."""
    rows = db.execute(
        "SELECT b.body FROM record r JOIN holding h ON h.record = r.seq JOIN journal_body b ON b.seq = h.seq WHERE r.id = ? AND b.body IS NOT NULL"
        " ORDER BY h.seq LIMIT 1",
        (record_id,),
    )
    return whole(db, parse(bytes(rows[0][0]))) if rows else None


def label_now(db: Db, held: Record) -> Label | None:
    """Return a held record's label after its relabels, or None where it is malformed or not whole."""
    return _label(held, relabels_of(db, held.id))


def _label(held: Record, acts: list[lifecycle.Act]) -> Label | None:
    try:
        made = record.label_of(held)
        return lifecycle.label_now(held.id, held.clear.issuer, made, acts) if acts else made
    except RecordError:
        return None


def note(db: Db, held: Held) -> None:
    """Keep the label of a record that is held now, and where it is a relabel that of its target."""
    label = _label(held.record, _acts(db, held.relabels))
    labelled.note(db, held.number, held.record, label, new=held.new)
    if held.record.clear.type == noting.RELABELLED:
        _note_target(db, noting.target_of(held.record))


def forget(db: Db, number: int, record_id: str) -> None:
    """Take out the label of a record whose body was erased, and what it said about another's."""
    labelled.forget(db, number)
    for (target,) in db.execute(
        "SELECT target FROM notice WHERE record_id = ? AND type = ?", (record_id, noting.RELABELLED)
    ):
        _note_target(db, target)


def _note_target(db: Db, record_id: str) -> None:
    number, held = number_of(db, record_id), held_whole(db, record_id)
    if number is not None and held is not None:
        labelled.note(db, number, held, label_now(db, held), new=False)


def relabels_of(db: Db, record_id: str) -> list[lifecycle.Act]:
    """Return the relabels of a record that are held, each with every disclosure of every holding."""
    rows = db.execute("SELECT record_id FROM notice WHERE target = ? AND type = ?", (record_id, noting.RELABELLED))
    return _acts(db, [notice for (notice,) in rows])


def _acts(db: Db, notices: Sequence[str]) -> list[lifecycle.Act]:
    acts = []
    for notice in notices:
        said = held_whole(db, notice)
        if said is not None:
            with suppress(RecordError):  # a payload that does not fit its type says nothing
                acts.append(lifecycle.act_of(said, noting.body_of(said)))
    return acts
