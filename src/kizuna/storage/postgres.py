"""The journal on PostgreSQL, in a schema of its own: one advisory lock orders the writers, COPY carries the entries.

Needs the extra `kizuna[postgres]`. Text with a NUL character is refused by the server: projections must not pass it on.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import deque
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kizuna.errors import ConfigError, JournalConflictError, JournalCorruptError, RecordError
from kizuna.kernel.journal import (
    GENESIS,
    Finding,
    Head,
    OutcomeUnknownError,
    Verification,
    check_erasure,
    link,
    link_one,
    restore,
)
from kizuna.storage import journal_sql

try:
    import psycopg
    from psycopg import errors
    from psycopg.adapt import Dumper, Loader
except ImportError as missing:
    raise ConfigError("a journal on PostgreSQL needs psycopg: install `kizuna[postgres]`") from missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg.abc import Buffer

    from kizuna.kernel.journal import Db, Entry, Progress, Projections, Stored

_SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# Quoted text and names, comments, then what must change: a placeholder, and the per cent sign that psycopg reads as one.
_TOKENS = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/)|(\?)", re.DOTALL)

_GIVES_ROWS = re.compile(r"\s*(?:SELECT|WITH|VALUES|SHOW)\b|.*\bRETURNING\b", re.DOTALL | re.IGNORECASE)


class _BoolDumper(Dumper):
    """Writes a truth value as SQLite does, as a number."""

    oid = psycopg.adapters.types["int2"].oid

    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


class _NumericLoader(Loader):
    """Reads NUMERIC, the type of sums and averages, as SQLite gives them: whole numbers as int, others as float."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data).decode("ascii")
        return int(text) if text.lstrip("-").isdigit() else float(text)


@lru_cache(maxsize=1_024)
def translate(sql: str) -> str:
    """Return portable SQL with psycopg's placeholders; literals, quoted names and comments keep their question marks."""
    return _TOKENS.sub(lambda found: "%s" if found.group(2) else found.group(1), sql.replace("%", "%%"))


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """Turn the server's errors into the branch of the error tree that says what to do next."""
    try:
        yield
    except (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure) as error:
        raise JournalConflictError(f"another writer holds {where}: read again and retry") from error
    except (errors.DataCorrupted, errors.IndexCorrupted) as error:
        raise JournalCorruptError(f"{where} is damaged ({error}): stop and restore it from a backup") from error
    except errors.DiskFull as error:
        raise ConfigError("disk full, nothing was kept: free space on the server and retry", where=where) from error
    except (errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege) as error:
        raise ConfigError(
            f"the journal cannot be written ({error}): grant this role its schema", where=where
        ) from error
    except errors.NumericValueOutOfRange as error:
        raise RecordError("a number beyond 64 bits was asked for: nothing here is so large") from error
    except psycopg.OperationalError as error:
        said = " ".join(str(error).split())
        raise JournalConflictError(
            f"the database server of {where} does not answer ({said}): see that it runs, then start or ask again"
        ) from error


class _Db:
    """The `Db` port over one connection; inside a pipeline a write is sent without waiting for its answer.

    An error then surfaces at the next read or at the pipeline's end, in any case before the commit.
    """

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.connection = connection

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(translate(sql).encode(), params)
        if self.connection.pgconn.pipeline_status:
            return cursor.fetchall() if _GIVES_ROWS.match(sql) else []
        return cursor.fetchall() if cursor.description is not None else []

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self.connection.cursor() as cursor:
            cursor.executemany(translate(sql).encode(), rows)


def open_postgres(
    conninfo: str,
    projections: Projections,
    *,
    schema: str = "kizuna",
    busy_ms: int = 10_000,
    progress: Progress | None = None,
) -> PostgresStore:
    """Return the store in `schema`, created where there is none, its projections rebuilt where their version differs.

    Args:
        conninfo: A libpq connection string or URI; it is never repeated in an error.
        projections: What to keep beside the journal.
        schema: The schema that belongs to this journal alone.
        busy_ms: How long to wait for another writer, in milliseconds.
        progress: Is told how far a rebuild is.

    Raises:
        ConfigError: the server refuses the schema or is not durable, or a newer kizuna wrote the journal.
        JournalConflictError: the server does not answer, or another writer held it for longer than `busy_ms`.
        JournalCorruptError: the journal is damaged.
    """
    if not _SCHEMA_NAME.fullmatch(schema):
        raise ConfigError(f"`{schema}` is not a schema name: use lower case letters, digits and `_`")
    store = PostgresStore(conninfo, projections, schema=schema, busy_ms=busy_ms)
    try:
        store.prepare(progress)
    except BaseException:
        store.close()
        raise
    return store


class PostgresStore:
    """A journal in one PostgreSQL schema; made by `open_postgres`."""

    def __init__(self, conninfo: str, projections: Projections, *, schema: str, busy_ms: int) -> None:
        self._conninfo = conninfo
        self._projections = projections
        self._schema = schema
        self._busy_ms = busy_ms
        self._where = f"schema `{schema}`"
        # Stable across processes, so that all writers of one journal meet at one lock.
        digest = hashlib.sha256(b"kizuna.journal:" + schema.encode()).digest()
        self._lock_key = int.from_bytes(digest[:8], "big", signed=True)
        self._lock = threading.RLock()
        self._readers: deque[psycopg.Connection[tuple[Any, ...]]] = deque()
        self._closed = False
        with _translated(self._where):
            self._writer = self._connect()

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection = psycopg.connect(self._conninfo, autocommit=True)
        connection.adapters.register_dumper(bool, _BoolDumper)
        connection.adapters.register_loader("numeric", _NumericLoader)
        connection.execute(
            f'SET search_path TO "{self._schema}"; SET synchronous_commit = on;'
            f" SET lock_timeout = {self._busy_ms}; SET client_min_messages = warning".encode()
        )
        return connection

    def prepare(self, progress: Progress | None) -> None:
        """Create or check the tables; `open_postgres` calls it once."""
        with self._lock, _translated(self._where):
            db = _Db(self._writer)
            if db.execute("SHOW fsync") != [("on",)]:
                raise ConfigError("the server runs with `fsync = off` and can lose the journal: switch it on")
            with self._transaction():
                db.execute(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"')
                for statement in journal_sql.SCHEMA:
                    db.execute(journal_sql.typed(statement, "BYTEA"))
                if journal_sql.check_layout(db, journal_sql.AS_READ, self._where):
                    journal_sql.stamp_layout(db, journal_sql.AS_READ)
                if journal_sql.get_meta(db, "projections") != self._projections.fingerprint:
                    with self._writer.pipeline():
                        journal_sql.refill(db, self._projections, "BYTEA", progress)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._writer.closed:
            self._writer = self._connect()
        try:
            # One round trip; every statement after the lock sees what the last writer committed.
            self._writer.execute(f"BEGIN; SELECT pg_advisory_xact_lock({self._lock_key})".encode())
            yield
            self._writer.execute("COMMIT")
        except BaseException:
            if not self._writer.closed:
                self._writer.execute("ROLLBACK")
            raise

    def commit(self, entries: Sequence[Entry]) -> list[int]:
        """See `Store.commit`."""
        if not entries:
            return []
        linked: list[Stored] = []
        with self._lock, _translated(self._where):
            try:
                with self._transaction():
                    linked = self._append(entries)
            except psycopg.OperationalError:
                if not (linked and self._writer.closed and self._was_kept(linked[-1])):
                    raise
        return [stored.seq for stored in linked]

    def _append(self, entries: Sequence[Entry]) -> list[Stored]:
        db = _Db(self._writer)
        journal_sql.check_projections(db, self._projections)
        linked = link(journal_sql.read_head(db), entries)
        self._write(linked)
        return linked

    def _was_kept(self, last: Stored) -> bool:
        """Return whether a commit whose answer was lost took place: the chain value names all that it appended.

        Raises:
            OutcomeUnknownError: the server does not say.
        """
        try:
            self._writer = self._connect()
            with self._transaction():
                found = _Db(self._writer).execute("SELECT chain FROM journal_entry WHERE seq = ?", (last.seq,))
        except psycopg.OperationalError as error:
            raise OutcomeUnknownError(
                f"the database server of {self._where} went away amid a commit, which may have been kept: see that it runs, then start"
                " again; the journal then tells"
            ) from error
        return found == [(last.chain,)]

    def _write(self, linked: list[Stored]) -> None:
        if len(linked) > 1:
            self._copy(linked)
        db = _Db(self._writer)
        with self._writer.pipeline():
            if len(linked) == 1:
                seq, entry, header, chain, _ = linked[0]
                db.execute("INSERT INTO journal_entry (seq, header, chain) VALUES (?, ?, ?)", (seq, header, chain))
                if entry.body is not None:
                    db.execute("INSERT INTO journal_body (seq, body) VALUES (?, ?)", (seq, entry.body))
            journal_sql.apply_all(db, self._projections, linked)

    def _copy(self, linked: list[Stored]) -> None:
        with self._writer.cursor() as cursor:
            with cursor.copy("COPY journal_entry (seq, header, chain) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(("int8", "bytea", "bytea"))
                for stored in linked:
                    copy.write_row((stored.seq, stored.header, stored.chain))
            with cursor.copy("COPY journal_body (seq, body) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(("int8", "bytea"))
                for stored in linked:
                    if stored.entry.body is not None:
                        copy.write_row((stored.seq, stored.entry.body))

    def erase(self, target: int, entry: Entry) -> int:
        """See `Store.erase`; the table is vacuumed, while the server's own log and backups are its keeper's to rotate."""
        check_erasure(target, entry)
        with self._lock, _translated(self._where):
            with self._transaction():
                db = _Db(self._writer)
                journal_sql.check_projections(db, self._projections)
                stored = link_one(journal_sql.read_head(db), entry)
                journal_sql.drop_body(db, target, stored.seq)
                self._write([stored])
            self._writer.execute("VACUUM journal_body")
        return stored.seq

    @contextmanager
    def view(self) -> Iterator[Db]:
        """See `Store.view`."""
        with _translated(self._where):
            connection = self._borrow()
            try:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                db = _Db(connection)
                # The first read fixes the snapshot.
                journal_sql.check_projections(db, self._projections)
                yield db
            finally:
                self._give_back(connection)

    def _borrow(self) -> psycopg.Connection[tuple[Any, ...]]:
        try:
            return self._readers.pop()
        except IndexError:
            return self._connect()

    def _give_back(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        if connection.closed:
            return
        connection.execute("ROLLBACK")
        if self._closed:
            connection.close()
        else:
            self._readers.append(connection)

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Store.query`."""
        with self.view() as db:
            return db.execute(sql, params)

    def head(self) -> Head:
        """See `Store.head`."""
        with self.view() as db:
            return journal_sql.read_head(db)

    def read(self, from_seq: int, limit: int) -> Iterator[Stored]:
        """See `Store.read`."""
        while limit > 0:
            with self.view() as db:
                rows = journal_sql.rows_from(db, from_seq, min(limit, journal_sql.BATCH))
            if not rows:
                return
            yield from map(restore, rows)
            from_seq, limit = rows[-1].seq + 1, limit - len(rows)

    def rebuild(self, progress: Progress | None = None) -> None:
        """See `Store.rebuild`."""
        with self._lock, _translated(self._where), self._transaction(), self._writer.pipeline():
            journal_sql.refill(_Db(self._writer), self._projections, "BYTEA", progress)

    def verify(self, *, expected: Head | None = None, progress: Progress | None = None) -> Verification:
        """See `Store.verify`; damage that the server reports is a finding, not an error."""
        try:
            with self.view() as db:
                return journal_sql.audit(db, expected, progress)
        except JournalCorruptError as error:
            return Verification(0, Head(0, GENESIS), 0, (Finding(0, str(error)),))

    def close(self) -> None:
        """See `Store.close`."""
        with self._lock:
            self._closed = True
            while self._readers:
                self._readers.pop().close()
            self._writer.close()
