"""What the store contract runs on: the engines, a projection, and a writer that runs as a process of its own."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

import apsw

from kizuna.kernel.journal import Db, Entry, Projections, Store
from kizuna.storage.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def apply_count(db: Db, seq: int, entry: Entry) -> None:
    if entry.kind == "bug":
        raise ZeroDivisionError("a projection's bug")
    db.execute(
        "INSERT INTO tally (kind, entries, last_seq, half) VALUES (?, 1, ?, ?) ON CONFLICT (kind) DO UPDATE"
        " SET entries = tally.entries + 1, last_seq = excluded.last_seq, half = tally.half + excluded.half",
        (entry.kind, seq, entry.meta.get("number", 0) / 2),
    )
    if entry.kind == "erased":
        db.execute("DELETE FROM content WHERE seq = ?", (entry.meta["target"],))
    elif entry.body is not None:
        db.execute("INSERT INTO content (seq, body, name) VALUES (?, ?, ?)", (seq, entry.body, str(entry.meta)))


TALLY = "CREATE TABLE tally (kind TEXT PRIMARY KEY, entries BIGINT NOT NULL, last_seq BIGINT NOT NULL, half DOUBLE PRECISION)"
CONTENT = "CREATE TABLE content (seq BIGINT PRIMARY KEY, body BYTES NOT NULL, name TEXT)"
COUNTING = Projections("1", (TALLY, CONTENT), ("tally", "content"), apply_count)


def apply_kinds(db: Db, seq: int, entry: Entry) -> None:
    db.execute("INSERT INTO kinds (seq, kind) VALUES (?, ?)", (seq, entry.kind))


KINDS = Projections("2", ("CREATE TABLE kinds (seq BIGINT PRIMARY KEY, kind TEXT)",), ("kinds",), apply_kinds)


def entry(number: int, kind: str = "noted", size: int = 40) -> Entry:
    return Entry(kind, 1_700_000_000_000 + number, {"number": number}, bytes([number % 256]) * size)


class SqliteEngine:
    """Opens the same journal file again and again."""

    def __init__(self, path: Path) -> None:
        self.path = path / "journal.db"
        self.target = str(self.path)

    def open(self, projections: Projections = COUNTING, **options: Any) -> Store:
        return open_sqlite(self.target, projections, **options)

    def raw(self, *statements: tuple[str, Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Run statements behind the store's back; return the last one's rows."""
        connection = apsw.Connection(self.target)
        rows: list[tuple[Any, ...]] = []
        with connection:
            for sql, params in statements:
                kept = re.sub(
                    r"journal_(?=entry|body)", "journal_packed_", sql
                )  # the names that readers know are views
                rows = connection.execute(kept, params).fetchall()
        connection.close()
        return rows

    def drop(self) -> None:
        """The directory is the test's own."""


class PostgresEngine:
    """Opens the same schema again and again."""

    def __init__(self, conninfo: str, schema: str) -> None:
        self.conninfo = conninfo
        self.schema = schema
        self.target = f"{schema}@{conninfo}"

    def open(self, projections: Projections = COUNTING, **options: Any) -> Store:
        from kizuna.storage.postgres import open_postgres  # noqa: PLC0415 # psycopg is optional

        return open_postgres(self.conninfo, projections, schema=self.schema, **options)

    def raw(self, *statements: tuple[str, Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Run statements behind the store's back; return the last one's rows."""
        import psycopg  # noqa: PLC0415 # psycopg is optional

        from kizuna.storage.postgres import translate  # noqa: PLC0415 # psycopg is optional

        with psycopg.connect(self.conninfo, options=f"-c search_path={self.schema}") as connection:
            rows: list[tuple[Any, ...]] = []
            for sql, params in statements:
                cursor = connection.execute(translate(sql).encode(), params)
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def drop(self) -> None:
        self.raw((f"DROP SCHEMA IF EXISTS {self.schema} CASCADE", ()))


def open_target(target: str) -> Store:
    schema, at, conninfo = target.partition("@")
    if at:
        return PostgresEngine(conninfo, schema).open(busy_ms=60_000)
    return open_sqlite(target, COUNTING, busy_ms=60_000)


def write(target: str, writer: str, count: int) -> None:
    """Commit `count` batches of two; print each batch's numbers once they are acknowledged."""
    store = open_target(target)
    for number in range(count):
        seqs = store.commit([entry(number, writer), entry(number, writer)])
        sys.stdout.write(f"{number} {seqs[0]} {seqs[1]}\n")
        sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    if os.environ.get("KIZUNA_TEST_WRITER") == "1":
        write(sys.argv[1], sys.argv[2], int(sys.argv[3]))
