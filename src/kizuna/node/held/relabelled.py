"""The label that protects a held record now, as its originator's relabels have left it: read from the tables, in every order of arrival.

What a release rests on is folded in memory by `kizuna.node.channel.ledger`, by the same rule (`kizuna.kernel.lifecycle`).
"""

from __future__ import annotations

from contextlib import suppress

from kizuna.errors import RecordError
from kizuna.kernel import labelled, lifecycle, record
from kizuna.kernel.journal import Db
from kizuna.kernel.label import Label
from kizuna.kernel.record import Record
from kizuna.node.held import noting
from kizuna.node.held.parsed import parse
from kizuna.node.held.tables import whole


def held_whole(db: Db, record_id: str) -> Record | None:
    """Return a held record with every disclosure of every holding, or None where it is not held or its body was erased."""
    rows = db.execute(
        "SELECT b.body FROM holding h JOIN journal_body b ON b.seq = h.seq WHERE h.record_id = ? AND b.body IS NOT NULL"
        " ORDER BY h.seq LIMIT 1",
        (record_id,),
    )
    return whole(db, parse(bytes(rows[0][0]))) if rows else None


def label_now(db: Db, held: Record) -> Label | None:
    """Return a held record's label after its relabels, or None where it is malformed or not whole."""
    try:
        return lifecycle.label_now(held.id, held.clear.issuer, record.label_of(held), relabels_of(db, held.id))
    except RecordError:
        return None


def note(db: Db, held: Record) -> None:
    """Keep the label of a record that is held now, and where it is a relabel that of its target."""
    labelled.note(db, held, label_now(db, held))
    if held.clear.type == noting.RELABELLED:
        _note_target(db, noting.target_of(held))


def forget(db: Db, record_id: str) -> None:
    """Take out the label of a record whose body was erased, and what it said about another's."""
    labelled.forget(db, record_id)
    for (target,) in db.execute(
        "SELECT target FROM notice WHERE record_id = ? AND type = ?", (record_id, noting.RELABELLED)
    ):
        _note_target(db, target)


def _note_target(db: Db, record_id: str) -> None:
    held = held_whole(db, record_id)
    if held is not None:
        labelled.note(db, held, label_now(db, held))


def relabels_of(db: Db, record_id: str) -> list[lifecycle.Act]:
    """Return the relabels of a record that are held, each with every disclosure of every holding."""
    acts = []
    for (notice,) in db.execute(
        "SELECT record_id FROM notice WHERE target = ? AND type = ?", (record_id, noting.RELABELLED)
    ):
        said = held_whole(db, notice)
        if said is not None:
            with suppress(RecordError):  # a payload that does not fit its type says nothing
                acts.append(lifecycle.act_of(said, noting.body_of(said)))
    return acts
