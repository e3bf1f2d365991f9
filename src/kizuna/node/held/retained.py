"""When held records end, as rows: personal data by its own day, what a partner released by the term of the agreement; and which positions ended.

What is done about it is left to `kizuna.node.acts.retaining`, for positions to `kizuna.node.maritime.ageing`.
"""

from __future__ import annotations

from kizuna.kernel.channel.wire import EntryHeader
from kizuna.kernel.instrument import day_ms
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.journal import Db, Entry
from kizuna.kernel.label import is_date
from kizuna.kernel.record import Record

SCHEMA = (
    "CREATE TABLE retained (record_id TEXT PRIMARY KEY, ends_ms BIGINT NOT NULL, term TEXT NOT NULL)",
    "CREATE INDEX retained_by_end ON retained (ends_ms)",
    "CREATE TABLE positions_ended (record_id TEXT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (record_id, seq))",
)
PERSONAL = "personal"
ENDED = "positions-ended"
"""The journal's word for the end of some positions by a rule."""
_FACT = "payload/retain_until"


def note(db: Db, held: Record) -> None:
    """Keep when a record's personal data ends: with its last day, UTC; of two that were disclosed the earlier."""
    until = held.disclosed.get(_FACT) if held.clear.handling == PERSONAL else None
    if isinstance(until, str) and is_date(until):
        _ends(db, held.id, day_ms(until) + DAY_MS, "")


def note_term(db: Db, record_id: str, header: EntryHeader) -> None:
    """Keep when a record that a partner released is to be destroyed here: so many days after its release as the provision says, if it says so."""
    days = header.obligations.retain_days
    if days:
        term = f"{header.instrument}, {header.provision}: {days} days"
        _ends(db, record_id, header.released_at_ms + days * DAY_MS, term)


def _ends(db: Db, record_id: str, ends_ms: int, term: str) -> None:
    db.execute(
        "INSERT INTO retained (record_id, ends_ms, term) VALUES (?,?,?) ON CONFLICT (record_id) DO UPDATE SET"
        " term = CASE WHEN excluded.ends_ms < retained.ends_ms THEN excluded.term ELSE retained.term END,"
        " ends_ms = CASE WHEN excluded.ends_ms < retained.ends_ms THEN excluded.ends_ms ELSE retained.ends_ms END",
        (record_id, ends_ms, term),
    )


def note_ended(db: Db, seq: int, entry: Entry) -> None:
    """Keep which batches of positions ended by an entry of the journal."""
    db.executemany(
        "INSERT INTO positions_ended (record_id, seq) VALUES (?,?) ON CONFLICT (record_id, seq) DO NOTHING",
        [(record_id, seq) for record_id in entry.meta["records"]],
    )
