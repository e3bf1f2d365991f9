"""How a SQLite journal lies in its file: packed, behind views by the names that every reader knows.

The views unpack by an SQL function that each connection is given. What was written before there was packing lies on as it is, beside what is packed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import apsw

from kizuna.errors import JournalCorruptError
from kizuna.storage import journal_sql, packing

if TYPE_CHECKING:
    from kizuna.kernel.journal import Db, Stored

LAYOUT = journal_sql.Layout(2, 2, "0.1.0")

_LARGEST_REMEMBERED = 8 << 10

BODIES = "journal_packed_body"
"""The table that keeps the bodies."""

_LAID = (
    "ALTER TABLE journal_entry RENAME TO journal_packed_entry",
    "ALTER TABLE journal_packed_entry ADD COLUMN form INTEGER",
    f"ALTER TABLE journal_body RENAME TO {BODIES}",
    f"ALTER TABLE {BODIES} ADD COLUMN form INTEGER",
    "CREATE VIEW journal_entry AS SELECT seq, iif(form IS NULL, header, unpacked(form, header)) AS header, chain FROM journal_packed_entry",
    f"CREATE VIEW journal_body AS SELECT seq, erased_by, iif(form IS NULL, body, unpacked(form, body)) AS body FROM {BODIES}",
)
"""Turns the tables of `journal_sql.AS_READ` into these: no row is touched, so that it takes no time, however long the journal is."""


def lay(db: Db) -> None:
    """Make the journal's tables, or lay those of a former release in this way; inside a transaction."""
    for statement in journal_sql.SCHEMA:
        db.execute(journal_sql.typed(statement, "BLOB"))
    for statement in _LAID:
        db.execute(statement)
    journal_sql.stamp_layout(db, LAYOUT)


class Packing:
    """What packs for one store and unpacks for its connections; safe to use from several threads.

    It remembers the last bodies, `remembered` bytes of them, for whoever follows a journal reads within moments what was written; an erasure forgets
    them all.
    """

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._lock = threading.Lock()
        self._recent: dict[tuple[int, bytes], bytes] = {}
        self._recent_bytes = 0

    def attach(self, connection: apsw.Connection) -> None:
        """Give a connection the function by which the views unpack."""
        flags = apsw.SQLITE_INNOCUOUS  # else a view may not call it where the schema is not trusted
        connection.create_scalar_function("unpacked", self._unpacked, 2, deterministic=True, flags=flags)

    def _unpacked(self, *kept: Any) -> bytes | None:
        """Return what was packed; damaged bytes as they lie, for those are found by their digest as any altered byte is, and at their place."""
        form: int
        packed: bytes | None
        form, packed = kept
        if packed is None:
            return None
        recent = self._recent.get((form, packed))
        if recent is not None:
            return recent
        try:
            return packing.unpack(form, packed)
        except JournalCorruptError:
            return packed

    def append(self, db: Db, linked: Iterable[Stored]) -> None:
        """Write entries with their bodies."""
        headers, bodies = [], []
        for stored in linked:
            form, packed = packing.pack(stored.header)
            headers.append((stored.seq, packed, stored.chain, form))
            if stored.entry.body is not None:
                form, packed = packing.pack(stored.entry.body)
                bodies.append((stored.seq, packed, form))
                if form is not None and len(stored.entry.body) <= _LARGEST_REMEMBERED:
                    self._remember((form, packed), stored.entry.body)
        db.executemany("INSERT INTO journal_packed_entry (seq, header, chain, form) VALUES (?, ?, ?, ?)", headers)
        db.executemany(f"INSERT INTO {BODIES} (seq, body, form) VALUES (?, ?, ?)", bodies)

    def _remember(self, packed: tuple[int, bytes], body: bytes) -> None:
        with self._lock:
            if packed in self._recent:
                return
            self._recent[packed] = body
            self._recent_bytes += len(packed[1]) + len(body)
            while self._recent_bytes > self._remembered:
                oldest = next(iter(self._recent))
                self._recent_bytes -= len(oldest[1]) + len(self._recent.pop(oldest))

    def drop_body(self, db: Db, target: int, erased_by: int) -> None:
        """See `journal_sql.drop_body`; no body is remembered either."""
        journal_sql.drop_body(db, target, erased_by, bodies=BODIES)
        with self._lock:
            self._recent.clear()
            self._recent_bytes = 0
