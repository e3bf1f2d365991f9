"""When the personal data of held records ends, as rows; what is done about it is `kizuna.node.retaining`'s."""

from __future__ import annotations

from kizuna.kernel.instrument import day_ms
from kizuna.kernel.journal import Db
from kizuna.kernel.label import is_date
from kizuna.kernel.record import Record

SCHEMA = (
    "CREATE TABLE retained (record_id TEXT PRIMARY KEY, ends_ms BIGINT NOT NULL)",
    "CREATE INDEX retained_by_end ON retained (ends_ms)",
)
PERSONAL = "personal"
_FACT = "payload/retain_until"
_DAY_MS = 86_400_000


def note(db: Db, held: Record) -> None:
    """Keep when a record's personal data ends: with its last day, UTC; of two that were disclosed the earlier."""
    until = held.disclosed.get(_FACT) if held.clear.handling == PERSONAL else None
    if isinstance(until, str) and is_date(until):
        db.execute(
            "INSERT INTO retained (record_id, ends_ms) VALUES (?,?)"
            " ON CONFLICT (record_id) DO UPDATE SET ends_ms = CASE WHEN excluded.ends_ms < retained.ends_ms THEN excluded.ends_ms"
            " ELSE retained.ends_ms END",
            (held.id, day_ms(until) + _DAY_MS),
        )
