"""Extracts of a journal as SQLite files in a folder of their own: opened in place, and thrown away without loss, for they can be made again.

What is left in an extract, how far it follows the journal and when it is made anew is the node's to say; here it is whole after a crash, and what is
erased in it is gone from the file and from its log.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import apsw

from kizuna.errors import ConfigError, JournalConflictError, KizunaError
from kizuna.kernel.journal import Db, Progress, Projections, Stored
from kizuna.storage import journal_sql, packed_sql
from kizuna.storage.sqlite import SqliteStore

_SUFFIX = ".sqlite"
_LEAST_FREE_BYTES = 256 << 20
"""What extracts leave free on their disk: the journal goes before them."""
_BUSY_MS = 2_000


class OtherExtractError(JournalConflictError):
    """A file that other software, or software with other tables, has written: make it anew."""


class DamagedExtractError(JournalConflictError):
    """A file that cannot be read: make it anew."""


class ExtractStore(SqliteStore):
    """One extract; made by `open_extract`. Its entries have the numbers that its maker gives them, and chain values of another journal."""

    PRAGMAS: ClassVar[tuple[str, ...]] = (
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "temp_store = MEMORY",
        "synchronous = NORMAL",  # what a power loss takes is made again
        "secure_delete = ON",  # also what a projection deletes may be erased later, where nothing would find it any more
    )

    WRITER_CACHE_KIB, READER_CACHE_KIB = 65_536, 4_096  # there may be several extracts

    REMEMBERED: ClassVar[int] = 0
    """What was written last is nothing that its readers ask for first."""

    is_damaged = False
    """Whether something in it could not be read: make it anew."""

    def _take_up(self, progress: Progress | None) -> None:
        stamp = journal_sql.get_meta(self._db, "projections")
        if stamp not in {None, self._projections.fingerprint}:
            raise OtherExtractError(f"`{self.path}` was made by other software: make it anew")
        super()._take_up(progress)

    @contextmanager
    def writing(self) -> Iterator[Db]:
        """Return a transaction: all that is written through it is kept, or nothing where an error leaves it.

        Raises:
            ConfigError: the disk is full, read-only or failing; nothing was kept.
            DamagedExtractError: the file is damaged.
            JournalConflictError: it was closed.
        """
        self._check_open()
        with self._lock, self.translated(), self._transaction():
            yield self._db

    def append(self, rows: Sequence[Stored]) -> None:
        """Append entries with the places and chain values that they bear; inside `writing`."""
        self._packing.append(self._db, rows)
        gone = [(row.seq,) for row in rows if row.entry.body is None and row.erased_by is not None]
        self._db.executemany(f"INSERT INTO {packed_sql.BODIES} (seq) VALUES (?)", gone)

    def drop_body(self, target: int, erased_by: int) -> None:
        """Delete one body and note the entry that erased it; inside `writing`.

        Raises:
            RefusedError: there is no such body, or it was erased before.
        """
        self._packing.drop_body(self._db, target, erased_by)

    def rest(self) -> None:
        """Give back what memory the writing took: there is nothing more to write for now."""
        with self._lock, self.translated():
            self._writer.execute("PRAGMA shrink_memory")

    def scrub(self) -> bool:
        """Take what was erased out of the log as well; return whether that was done, which it is not while somebody reads what was there before."""
        with self._lock, self.translated():
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
            return not self._wal_pages

    @contextmanager
    def view(self) -> Iterator[Db]:
        """See `Store.view`.

        Raises:
            JournalConflictError: it was closed, for it is made anew, or it must be: ask again.
        """
        self._check_open()
        with super().view() as db:
            yield db

    def _check_open(self) -> None:
        if self._closed:
            raise JournalConflictError("what you may see has changed: ask again")

    def _damage(self, error: apsw.Error) -> KizunaError:
        self.is_damaged = True
        return DamagedExtractError(f"what you may see could not be read ({error}) and is put together anew: ask again")


def open_extract(path: str, kept: Projections, *, vfs: str | None = None) -> ExtractStore:
    """Return the extract at `path`, an empty one where there is none; see `open_sqlite` for the arguments.

    Raises:
        OtherExtractError: it has other tables.
        ConfigError: the file cannot be opened or written.
        JournalConflictError: somebody else has it open.
        DamagedExtractError: the file is damaged.
    """
    store = ExtractStore(path, kept, vfs=vfs, busy_ms=_BUSY_MS)
    try:
        store.prepare(None)
        store.scrub()  # of what was erased before a crash
    except BaseException:
        store.close()
        raise
    return store


class ExtractFolder:
    """A folder of extracts, each under a name and a number that no other had: whoever still reads a former one touches nothing of the next."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._number = 0

    def names(self) -> list[str]:
        """Return the names of the extracts that are there, sorted."""
        return sorted({path.name.partition(".")[0] for path in self._files()})

    def open(self, name: str, kept: Projections) -> ExtractStore:
        """Return the extract of a name as it was left; an empty one where there is none, or none that can be used.

        Raises:
            ConfigError: it cannot be opened or written.
        """
        found = self._files(name)
        if found:
            try:
                return open_extract(str(found[-1]), kept)
            except (OtherExtractError, DamagedExtractError):
                pass
        return self.anew(name, kept)

    def anew(self, name: str, kept: Projections) -> ExtractStore:
        """Return an empty extract in the place of what was there under its name, which was closed.

        Raises:
            ConfigError: the former one cannot be removed, or this one not be opened.
        """
        self._number = max([self._number, *(_number(path) for path in self._files())]) + 1
        self.drop(name)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"the folder cannot be made ({error.strerror})", where=str(self.path)) from error
        return open_extract(str(self.path / f"{name}.{self._number:06}{_SUFFIX}"), kept)

    def drop(self, name: str) -> None:
        """Remove what is kept under a name, which was closed.

        Raises:
            ConfigError: it cannot be removed.
        """
        try:
            for path in sorted(
                self.path.glob(f"{name}.*")
            ):  # a file before its log: without it the file could be half a state
                path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot be removed ({error.strerror}): check permissions", where=str(self.path)
            ) from error

    def check_room(self) -> None:
        """Accept a disk on which extracts may still grow.

        Raises:
            ConfigError: it is nearly full, and what is left belongs to the journal.
        """
        if shutil.disk_usage(self.path).free < _LEAST_FREE_BYTES:
            raise ConfigError(
                "the disk is nearly full: free space on it, extracts grow no further", where=str(self.path)
            )

    def _files(self, name: str = "*") -> list[Path]:
        return sorted(self.path.glob(f"{name}.*{_SUFFIX}"))


def _number(path: Path) -> int:
    text = path.name.removesuffix(_SUFFIX).rpartition(".")[2]
    return int(text) if text.isdigit() else 0


def space_of(path: Path) -> tuple[int, int]:
    """Return how many extracts a folder holds and how many bytes they take; nothing where there is no such folder."""
    files = [each for each in path.glob("*") if each.is_file()]
    return sum(each.name.endswith(_SUFFIX) for each in files), sum(each.stat().st_size for each in files)
