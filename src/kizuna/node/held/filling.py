"""Filling the tables from journal entries: the node's own rows, what each domain projects from a record, and the cases.

`kizuna.node.held.tables` has one function for each kind of entry; here they are put together with the domains into what a store keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kizuna.errors import RecordError
from kizuna.kernel import casework, record
from kizuna.kernel.casework import Kinds
from kizuna.kernel.channel.wire import EntryHeader
from kizuna.kernel.domain import Cross, Crossing, Domain, Fact
from kizuna.kernel.journal import ERASED, Db, Entry, Projections
from kizuna.kernel.label import MAX_CLASSIFICATION, Grade
from kizuna.kernel.record import Record
from kizuna.kernel.statement import ClearGrade
from kizuna.node.held import auditing, noting, relabelled, seeking
from kizuna.node.held.parsed import header_of
from kizuna.node.held.schema import SCHEMA, TABLES
from kizuna.node.held.tables import HANDLERS, Held, erased, hold

VERSION = "11"


def fact_of(held: Record, domain_type: type[record.Body], *, own: bool) -> Fact[record.Body]:
    """Return a record as projections see it.

    Raises:
        RecordError: its payload does not fit the class.
    """
    clear = held.clear
    return Fact(
        record_id=held.id,
        type=clear.type,
        body=record.body_of(held, domain_type),
        issuer=clear.issuer,
        node=held.text("node"),
        actor=held.text("actor"),
        subject=held.text("subject"),
        at_ms=held.at_ms or 0,
        label=record.label_of(held),
        exercise=(held.text("exercise") or "?") if clear.exercise else "",
        own=own,
        after=tuple(held.listed("after")),
    )


def projections(domains: Sequence[Domain]) -> Projections:
    """Return the tables of node and domains and the one function that fills them."""
    filling = _Filling(domains)
    return Projections(
        version=VERSION,
        schema=SCHEMA + seeking.SCHEMA + tuple(statement for domain in domains for statement in domain.schema),
        tables=TABLES + seeking.TABLES + tuple(table for domain in domains for table in domain.tables),
        apply=filling.apply,
        settle=filling.settle if filling.kinds.by_name else None,
    )


class _Filling:
    """How journal entries fill the tables of node and domains."""

    def __init__(self, domains: Sequence[Domain]) -> None:
        self.kinds = kinds_of(domains)
        self._classes = {name: (domain, kind) for domain in domains for name, kind in domain.records.items()}
        self._cross_in: tuple[Cross, ...] = tuple(d.crossed for d in domains if d.crossed is not None)
        self._sought = seeking.sought_in(domains)
        self._forget_in = tuple(domain.forget for domain in domains if domain.forget is not None)
        self._by_record = tuple(
            statement.split()[2]
            for domain in domains
            for statement in domain.schema
            if statement.startswith("CREATE TABLE") and "record_id" in statement
        )

    def apply(self, db: Db, seq: int, entry: Entry) -> None:
        handler = HANDLERS.get(entry.kind)
        if handler is not None:
            handler(db, seq, entry)
        noting.fill(db, seq, entry)
        header = header_of(entry.meta["header"]) if entry.kind in {"received", "released"} else None
        auditing.fill(db, seq, entry, header.channel if header is not None else "")
        held = hold(db, seq, entry)
        if held is not None:
            label = held.record.clear.label if header is None else header.label
            self._project(db, held, _highest(label), own=header is None)
        elif entry.kind == ERASED:
            for number, record_id in erased(db, entry.meta["target"]):
                self._forget(db, number, record_id)
        if header is not None:
            if self.kinds.by_name:
                _sequenced(db, self.kinds, entry, header)
            if entry.meta["item"] and header.kind == "record" and not entry.meta.get("code"):
                self._crossed(db, entry.meta["item"], header)

    def _crossed(self, db: Db, record_id: str, header: EntryHeader) -> None:
        for cross in self._cross_in:
            cross(db, Crossing(
                record=record_id, type=header.type, channel=header.channel, epoch=header.epoch, index=header.index,
                instrument=header.instrument, provision=header.provision, purpose=header.purpose,
                released_at_ms=header.released_at_ms,
            ))  # fmt: skip

    def settle(self, db: Db) -> None:
        casework.settle(db, self.kinds)

    def _project(self, db: Db, held: Held, level: int, *, own: bool) -> None:
        relabelled.note(db, held)
        if held.record.clear.type == noting.RELABELLED:
            seeking.relabelled(db, noting.target_of(held.record))
        fact = self._fact(held.record, own=own)
        if fact is not None:
            apply = self._classes[fact.type][0].apply.get(type(fact.body))
            if apply is not None:
                apply(db, fact)
            seek = self._sought.get(type(fact.body))
            if seek is not None:
                seeking.fill(db, held, fact, seek, level)
        if self.kinds.by_name:
            casework.note(db, self.kinds, held.record)

    def _fact(self, held: Record, *, own: bool) -> Fact[record.Body] | None:
        """Return a record of one of the domains; one whose payload does not fit its class is kept and never projected."""
        domain, kind = self._classes.get(held.clear.type, (None, record.Body))
        if domain is None or (kind not in domain.apply and kind not in self._sought):
            return None
        try:
            return fact_of(held, kind, own=own)
        except RecordError:
            return None

    def _forget(self, db: Db, number: int, record_id: str) -> None:
        noting.forget(db, record_id)
        relabelled.forget(db, number, record_id)
        seeking.forget(db, number)
        auditing.forget(db, record_id)
        if self.kinds.by_name:
            casework.forget(db, record_id)
        for forget in self._forget_in:
            forget(db, record_id)
        for table in self._by_record:
            db.execute(f"DELETE FROM {table} WHERE record_id = ?", (record_id,))


def kinds_of(domains: Sequence[Domain]) -> Kinds:
    """Return the kinds of case that domains have; none where no domain keeps the tables of cases."""
    kept = any(casework.TABLES[0] in domain.tables for domain in domains)
    return Kinds.of((domain.records, domain.cases) for domain in domains if kept)


def _sequenced(db: Db, kinds: Kinds, entry: Entry, header: EntryHeader) -> None:
    """Tell the cases where a step was sequenced, and what its sender had then receipted."""
    if (
        entry.meta["item"]
        and header.kind == "record"
        and (header.type in kinds.by_type or header.type in casework.SHARED)
    ):
        place = (header.channel, header.epoch, header.index)
        casework.sequenced(db, entry.meta["item"], place, (header.receipted_epoch, header.receipted))


def _highest(grades: Iterable[Grade | ClearGrade]) -> int:
    """Return the highest of some grades, the highest that there is where none is told."""
    return max((grade.classification for grade in grades), default=MAX_CLASSIFICATION)
