"""A consistent copy of a journal while it is being written, by SQLite's own backup, and of plain files.

What belongs to a backup, and whether one may take a place, is left to the node.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

from kizuna.errors import ConfigError, JournalConflictError, JournalCorruptError
from kizuna.storage.blobs import sync_directory
from kizuna.storage.private import PRIVATE

_PAGES = 2_000
"""Pages copied before other writers get their turn."""
_CHUNK = 1 << 20


def copy_journal(source: Path, target: Path) -> None:
    """Copy a journal, whole and as of one instant, into a file that its owner alone may read; its writers go on meanwhile.

    Raises:
        ConfigError: it cannot be read, or the copy cannot be written.
        JournalConflictError: its writers left no time for the copy.
        JournalCorruptError: the journal is damaged.
    """
    try:
        target.touch(mode=PRIVATE, exist_ok=False)
        with (
            closing(apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)) as read,
            closing(apsw.Connection(str(target))) as written,
        ):
            read.set_busy_timeout(10_000)
            # One read transaction fixes the instant: what is committed meanwhile does not start the copy anew.
            read.execute("BEGIN")
            read.execute("SELECT COUNT(*) FROM sqlite_master").fetchall()
            with written.backup("main", read, "main") as copying:
                while not copying.done:
                    copying.step(_PAGES)
            read.execute("ROLLBACK")
            written.execute("PRAGMA journal_mode = DELETE").fetchall()
    except (apsw.BusyError, apsw.LockedError) as error:
        raise JournalConflictError(f"`{source}` is too busy to be copied: try again") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise JournalCorruptError(f"`{source}` is damaged ({error}): stop and restore it from a backup") from error
    except (apsw.Error, OSError) as error:
        raise ConfigError(
            f"the journal cannot be copied ({error}): check space and permissions", where=str(target)
        ) from error
    _sync(target)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file durably, for its owner alone.

    Raises:
        ConfigError: it cannot be read or written.
    """
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)
        with source.open("rb") as read, os.fdopen(descriptor, "wb") as written:
            while chunk := read.read(_CHUNK):
                written.write(chunk)
            written.flush()
            os.fsync(written.fileno())
        sync_directory(target.parent)
    except OSError as error:
        raise ConfigError(f"`{source}` cannot be copied here ({error.strerror})", where=str(target)) from error


def digest(path: Path) -> tuple[str, int]:
    """Return a file's SHA-256, hex, and its size in bytes.

    Raises:
        ConfigError: it cannot be read.
    """
    found, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=str(path)) from error
    return found.hexdigest(), size


def files_below(folder: Path) -> Iterator[Path]:
    """Return the plain files below a folder, sorted; links are passed over."""
    return iter(sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(path.parent)
