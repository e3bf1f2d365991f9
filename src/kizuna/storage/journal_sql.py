"""What the journal's stores share: the SQL that runs unchanged on every engine, given a `Db` inside a transaction.

Locks, transactions, bulk writes and error mapping are left to each engine's module.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from kizuna.errors import ConfigError, JournalConflictError, JournalCorruptError, RefusedError
from kizuna.kernel.journal import GENESIS, Head, Projections, Row, Stored, restore, verify_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kizuna.kernel.journal import Db, Entry, Progress, Verification

BATCH = 1_000
"""Entries read at a time when a whole journal is replayed or audited."""

META = "CREATE TABLE IF NOT EXISTS journal_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
"""The journal's own settings."""

SCHEMA = (
    META,
    "CREATE TABLE IF NOT EXISTS journal_entry (seq BIGINT_KEY, header BYTES NOT NULL, chain BYTES NOT NULL)",
    "CREATE TABLE IF NOT EXISTS journal_body (seq BIGINT_KEY, erased_by BIGINT, body BYTES)",
)
"""The journal's own tables, as every reader finds them; a body that was erased is NULL and names the entry that erased it."""


class Layout(NamedTuple):
    """How an engine lays the journal's own tables: its version, the oldest version of code that may open it, and the release that first had that."""

    version: int
    oldest_reader: int
    oldest_release: str


AS_READ = Layout(1, 1, "0.1.0")
"""SCHEMA itself."""

_ROWS = (
    "SELECT e.seq, e.header, e.chain, b.body, b.erased_by FROM journal_entry e"
    " LEFT JOIN journal_body b ON b.seq = e.seq WHERE e.seq >= ? ORDER BY e.seq LIMIT ?"
)


_TYPED = {
    "BLOB": {"BYTES": "BLOB", "BIGINT_KEY": "INTEGER PRIMARY KEY", "CLUSTERED": "WITHOUT ROWID"},
    "BYTEA": {"BYTES": "BYTEA", "BIGINT_KEY": "BIGINT PRIMARY KEY", "CLUSTERED": ""},
}
"""What SQLite and PostgreSQL call the words of a schema; SQLite keeps any other key twice, once in an index of its own."""


def typed(sql: str, blob: str) -> str:
    """Return schema text in the words of the engine whose word for BYTES is `blob`."""
    return re.sub(r"\b(BYTES|BIGINT_KEY|CLUSTERED)\b", lambda found: _TYPED[blob][found[0]], sql)


def get_meta(db: Db, name: str) -> str | None:
    """Return one value of the journal's own settings."""
    rows = db.execute("SELECT value FROM journal_meta WHERE name = ?", (name,))
    return str(rows[0][0]) if rows else None


def set_meta(db: Db, name: str, value: str) -> None:
    """Set one value of the journal's own settings."""
    db.execute(
        "INSERT INTO journal_meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def check_layout(db: Db, layout: Layout, where: str) -> bool:
    """Refuse a journal that this code is too old to read; return whether its tables are laid otherwise than `layout`, or not at all yet.

    Raises:
        ConfigError: says which release to install.
    """
    oldest, version = get_meta(db, "oldest_reader"), get_meta(db, "journal_version")
    if oldest is not None and (not oldest.isdigit() or int(oldest) > layout.version):
        release = get_meta(db, "oldest_release")
        raise ConfigError(
            f"journal version `{version}` is newer than this kizuna reads (`{layout.version}`): install kizuna `{release}` or newer",
            where=where,
        )
    return version is None or (version.isdigit() and int(version) < layout.version)


def stamp_layout(db: Db, layout: Layout) -> None:
    """Note how the journal's tables are laid."""
    set_meta(db, "journal_version", str(layout.version))
    set_meta(db, "oldest_reader", str(layout.oldest_reader))
    set_meta(db, "oldest_release", layout.oldest_release)


def check_projections(db: Db, projections: Projections) -> None:
    """Check that the tables are still those that this store was opened with.

    Raises:
        JournalConflictError: another process has rebuilt them to another shape.
    """
    stored = get_meta(db, "projections")
    if stored != projections.fingerprint:
        raise JournalConflictError(
            f"the projections are now `{stored}`, this process has `{projections.fingerprint}`: open the journal again"
        )


def read_head(db: Db) -> Head:
    """Return where the journal ends."""
    rows = db.execute("SELECT seq, chain FROM journal_entry ORDER BY seq DESC LIMIT 1")
    return Head(rows[0][0], rows[0][1]) if rows else Head(0, GENESIS)


def rows_from(db: Db, from_seq: int, limit: int) -> list[Row]:
    """Return at most `limit` rows from `from_seq` on."""
    return [Row(*row) for row in db.execute(_ROWS, (from_seq, limit))]


def all_rows(db: Db, progress: Progress | None) -> Iterator[Row]:
    """Yield every row in order, telling `progress` after each batch."""
    total = read_head(db).seq
    rows = rows_from(db, 0, BATCH)
    while rows:
        yield from rows
        if progress is not None:
            progress(rows[-1].seq, total)
        rows = rows_from(db, rows[-1].seq + 1, BATCH)


def audit(db: Db, expected: Head | None, progress: Progress | None) -> Verification:
    """Return what an audit of the whole journal finds."""
    return verify_rows(all_rows(db, progress), stray=_stray(db), expected=expected)


def _stray(db: Db) -> Iterator[int]:
    for (seq,) in db.execute("SELECT seq FROM journal_body WHERE seq NOT IN (SELECT seq FROM journal_entry)"):
        yield seq


def refill(db: Db, projections: Projections, blob: str, progress: Progress | None) -> None:
    """Drop the projections, those of an earlier version too, and fill them from the journal.

    Raises:
        JournalCorruptError: an entry is missing or is not what was appended: what would be built is not the truth.
    """
    earlier = json.loads(get_meta(db, "projection_tables") or "[]")
    for table in dict.fromkeys([*reversed(projections.tables), *reversed(earlier)]):
        db.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in projections.schema:
        db.execute(typed(statement, blob))
    seen = 0
    for row in all_rows(db, progress):
        if row.seq != seen + 1:
            raise JournalCorruptError(
                f"entries `{seen + 1}` to `{row.seq - 1}` are missing: stop and verify the journal"
            )
        seen = row.seq
        projections.apply(db, row.seq, restore(row).entry)
    if projections.settle is not None:
        projections.settle(db)
    set_meta(db, "projection_tables", json.dumps(projections.tables))
    set_meta(db, "projections", projections.fingerprint)


def drop_body(db: Db, target: int, erased_by: int, *, bodies: str = "journal_body") -> None:
    """Delete one body and note the entry that erased it; `bodies` is the table in which the engine keeps them.

    Raises:
        RefusedError: there is no such body, or it was erased before.
    """
    rows = db.execute(f"SELECT erased_by FROM {bodies} WHERE seq = ?", (target,))
    if not rows:
        raise RefusedError(f"entry `{target}` has no body to erase")
    if rows[0][0] is not None:
        raise RefusedError(f"the body of entry `{target}` was erased by entry `{rows[0][0]}` already")
    db.execute(f"UPDATE {bodies} SET body = NULL, erased_by = ? WHERE seq = ?", (erased_by, target))


def apply_all(db: Db, projections: Projections, linked: list[Stored]) -> None:
    """Apply the projections to entries just appended."""
    apply = projections.apply
    for stored in linked:
        entry: Entry = stored.entry
        apply(db, stored.seq, entry)
    if projections.settle is not None:
        projections.settle(db)
