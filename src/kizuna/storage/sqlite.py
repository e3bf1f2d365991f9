"""The journal on SQLite: WAL with `synchronous=FULL`, so that what `commit` returned survives a power loss.

Several processes and threads may write; SQLite's own lock orders them. Given a VFS the store keeps to one connection in exclusive mode (a
VFS written in Python has no shared memory), which is what a simulator that owns the disk wants.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import apsw

from kizuna.errors import ConfigError, JournalConflictError, JournalCorruptError, KizunaError, RecordError
from kizuna.kernel.journal import (
    GENESIS,
    Entry,
    Finding,
    Head,
    Progress,
    Projections,
    Stored,
    Verification,
    check_erasure,
    link,
    link_one,
    restore,
)
from kizuna.storage import journal_sql, packed_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from kizuna.kernel.journal import Db

_MEMORY = ":memory:"
_CHECKPOINT_PAGES = 4_000
"""How long the log grows before it is copied into the file, 16 MiB: a page written again meanwhile is then copied once."""


@contextmanager
def _translated(path: str, damage: Callable[[apsw.Error], KizunaError]) -> Iterator[None]:
    """Turn SQLite's errors into the branch of the error tree that says what to do next."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as error:
        raise JournalConflictError(f"another writer holds `{path}`: read again and retry") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise damage(error) from error
    except apsw.FullError as error:
        raise ConfigError("disk full, nothing was kept: free space on this disk and retry", where=path) from error
    except (apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise ConfigError("the journal is read-only: let this process write it", where=path) from error
    except apsw.CantOpenError as error:
        raise ConfigError(
            "the journal cannot be opened: check the directory and its permissions", where=path
        ) from error
    except OverflowError as error:
        raise RecordError("a number beyond 64 bits was asked for: nothing here is so large") from error
    except apsw.IOError as error:
        raise ConfigError(f"disk error ({error}), nothing was acknowledged: check the disk", where=path) from error


class _Db:
    """The `Db` port over one connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, params).fetchall()

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self.connection.executemany(sql, rows)


class _AuditDb:
    """Reads for an audit, which needs to hear of damage at the row where it is met."""

    def __init__(self, db: Db, translated: Callable[[], AbstractContextManager[None]]) -> None:
        self._db = db
        self._translated = translated

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._translated():
            return self._db.execute(sql, params)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._db.executemany(sql, rows)


def open_sqlite(
    path: str,
    projections: Projections,
    *,
    vfs: str | None = None,
    busy_ms: int = 10_000,
    progress: Progress | None = None,
) -> SqliteStore:
    """Return the store at `path`, created where there is none, its projections rebuilt where their version differs.

    Args:
        path: A file, or `:memory:` for a journal that lives and dies with the store.
        projections: What to keep beside the journal.
        vfs: The name of a registered VFS that owns the disk; the store is then exclusive.
        busy_ms: How long to wait for another writer, in milliseconds.
        progress: Is told how far a rebuild is.

    Raises:
        ConfigError: the file cannot be opened or written, or a newer kizuna wrote it.
        JournalConflictError: another writer held it for longer than `busy_ms`.
        JournalCorruptError: the file is damaged.
    """
    store = SqliteStore(path, projections, vfs=vfs, busy_ms=busy_ms)
    try:
        store.prepare(progress)
    except BaseException:
        store.close()
        raise
    return store


class SqliteStore:
    """A journal in one SQLite file; made by `open_sqlite`."""

    PRAGMAS: ClassVar[tuple[str, ...]] = (
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "temp_store = MEMORY",
        "synchronous = FULL",
    )
    """What each connection is told."""

    WRITER_CACHE_KIB: ClassVar[int] = 131_072
    """Pages in memory for the connection that writes: it comes back to the same ones of every index."""

    READER_CACHE_KIB: ClassVar[int] = 8_192
    """The same for each connection that reads."""

    REMEMBERED: ClassVar[int] = 32 << 20
    """So many bytes of bodies are at hand unpacked: those of some seconds."""

    def __init__(self, path: str, projections: Projections, *, vfs: str | None, busy_ms: int) -> None:
        self.path = path
        self._projections = projections
        self._vfs = vfs
        self._busy_ms = busy_ms
        self._exclusive = vfs is not None or path == _MEMORY
        self._lock = threading.RLock()
        self._packing = packed_sql.Packing(self.REMEMBERED)
        self._readers: deque[apsw.Connection] = deque()
        self._closed = False
        self._wal_pages = 0
        with self.translated():
            self._writer = self._connect(self.WRITER_CACHE_KIB)
            self._db = _Db(self._writer)

    def _connect(self, cache_kib: int) -> apsw.Connection:
        connection = apsw.Connection(self.path, vfs=self._vfs)
        try:
            connection.set_busy_timeout(self._busy_ms)
            if self._exclusive:
                # Before all else: a log found on opening would otherwise want shared memory.
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            for pragma in self.PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(f"PRAGMA cache_size = -{cache_kib}")
            self._packing.attach(connection)
        except BaseException:
            connection.close(force=True)
            raise
        return connection

    def translated(self) -> AbstractContextManager[None]:
        """Return where SQLite's errors become ours."""
        return _translated(self.path, self._damage)

    def _damage(self, error: apsw.Error) -> KizunaError:
        """Return what is said of a file that SQLite finds damaged."""
        return JournalCorruptError(f"`{self.path}` is damaged ({error}): stop and restore it from a backup")

    def prepare(self, progress: Progress | None) -> None:
        """Create or check the tables; `open_sqlite` calls it once."""
        with self._lock, self.translated():
            if self.path != _MEMORY:
                self._check_writable()
                self._enter_wal()
            # Checkpoints are run after a commit, not inside it: their failure must not make a durable commit look lost.
            self._writer.wal_autocheckpoint(0)
            self._writer.set_wal_hook(self._note_wal)
            with self._transaction():
                self._db.execute(journal_sql.META)
                self._take_up(progress)

    def _take_up(self, progress: Progress | None) -> None:
        """Check what the file holds; its projections are made anew where they are of another version."""
        if journal_sql.check_layout(self._db, packed_sql.LAYOUT, self.path):
            packed_sql.lay(self._db)
        if journal_sql.get_meta(self._db, "projections") != self._projections.fingerprint:
            journal_sql.refill(self._db, self._projections, "BLOB", progress)

    def _check_writable(self) -> None:
        """Refuse a journal that may be written and was opened to be read alone: SQLite falls back to that where handles or space ran out."""
        if self._vfs is None and self._writer.readonly("main") and os.access(self.path, os.W_OK):
            raise ConfigError("could be opened to be read alone: free handles or space, and retry", where=self.path)

    def _enter_wal(self) -> None:
        mode = self._writer.execute("PRAGMA journal_mode = WAL").fetchall()[0][0]
        if mode != "wal":
            raise ConfigError(f"sqlite gave journal mode `{mode}`, not `wal`: use a local disk", where=self.path)

    def _note_wal(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return 0

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        if self._wal_pages >= _CHECKPOINT_PAGES:
            self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _checkpoint(self, mode: int) -> None:
        try:
            self._writer.wal_checkpoint(mode=mode)
            self._wal_pages = 0
        except (apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError):
            # What was committed is safe in the WAL; the next commit tries again.
            return

    def commit(self, entries: Sequence[Entry]) -> list[int]:
        """See `Store.commit`."""
        if not entries:
            return []
        with self._lock, self.translated(), self._transaction():
            journal_sql.check_projections(self._db, self._projections)
            linked = link(journal_sql.read_head(self._db), entries)
            self._packing.append(self._db, linked)
            journal_sql.apply_all(self._db, self._projections, linked)
        return [stored.seq for stored in linked]

    def erase(self, target: int, entry: Entry) -> int:
        """See `Store.erase`; the bytes are overwritten in the file and in its log too."""
        check_erasure(target, entry)
        with self._lock, self.translated():
            self._writer.execute("PRAGMA secure_delete = ON")
            try:
                with self._transaction():
                    journal_sql.check_projections(self._db, self._projections)
                    stored = link_one(journal_sql.read_head(self._db), entry)
                    self._packing.drop_body(self._db, target, stored.seq)
                    self._packing.append(self._db, [stored])
                    journal_sql.apply_all(self._db, self._projections, [stored])
            finally:
                self._writer.execute("PRAGMA secure_delete = OFF")
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        return stored.seq

    @contextmanager
    def view(self) -> Iterator[Db]:
        """See `Store.view`; an exclusive store reads on its one connection, so do not commit inside."""
        with self.translated():
            if self._exclusive:
                with self._lock:
                    yield from self._snapshot(self._writer)
                return
            connection = self._borrow()
            try:
                yield from self._snapshot(connection)
            finally:
                self._give_back(connection)

    def _snapshot(self, connection: apsw.Connection) -> Iterator[Db]:
        if connection.in_transaction:
            yield _Db(connection)
            return
        connection.execute("BEGIN")
        try:
            db = _Db(connection)
            # The first read fixes the snapshot.
            journal_sql.check_projections(db, self._projections)
            yield db
        finally:
            if connection.in_transaction:  # a failing disk has ended it already
                connection.execute("ROLLBACK")

    def _borrow(self) -> apsw.Connection:
        try:
            return self._readers.pop()
        except IndexError:
            connection = self._connect(self.READER_CACHE_KIB)
            connection.execute("PRAGMA query_only = ON")
            return connection

    def _give_back(self, connection: apsw.Connection) -> None:
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
        with self._lock, self.translated(), self._transaction():
            journal_sql.refill(self._db, self._projections, "BLOB", progress)

    def verify(self, *, expected: Head | None = None, progress: Progress | None = None) -> Verification:
        """See `Store.verify`; a damaged file is a finding, not an error."""
        try:
            with self.view() as db:
                return journal_sql.audit(_AuditDb(db, self.translated), expected, progress)
        except JournalCorruptError as error:
            return Verification(0, Head(0, GENESIS), 0, (Finding(0, str(error)),))

    def close(self) -> None:
        """See `Store.close`."""
        with self._lock:
            self._closed = True
            while self._readers:
                self._readers.pop().close()
            self._writer.close()
