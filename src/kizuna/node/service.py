"""A node opened for use: settings and keys read, the data folder locked, store, core and runner put together.

Used by `kizuna run` with listeners around it, and by single commands while no node runs. Who listens and who sends is passed in.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kizuna.errors import ConfigError, RefusedError
from kizuna.kernel import canonical
from kizuna.kernel.domain import Domain
from kizuna.kernel.journal import Progress, Projections, Store
from kizuna.kernel.ports import Clock, Random
from kizuna.node.channel.world import Sources
from kizuna.node.core import Core
from kizuna.node.domains import DOMAINS
from kizuna.node.effects import Mark
from kizuna.node.held.facts import Identity
from kizuna.node.held.filling import projections
from kizuna.node.keys import keyfiles
from kizuna.node.runner import Runner, Shell
from kizuna.node.settings import SQLITE, Settings
from kizuna.storage.blobs import Blobs
from kizuna.storage.highwater import HighWater
from kizuna.storage.sqlite import open_sqlite

JOURNAL = "journal.sqlite"
POSITIONS = "positions"
EXTRACTS = "extracts"
"""The folder of what readers who may not see all are answered from: made again where it is missing."""
Send = Callable[[str, bytes], None]


class InUseError(RefusedError):
    """The data folder is open in another process: ask that one."""


class Lock(Protocol):
    """What keeps other processes out of the data folder."""

    def release(self) -> None:
        """Let others in."""
        ...


@dataclass(frozen=True)
class Node:
    """An open node; its runner is not started."""

    settings: Settings
    identity: Identity
    store: Store
    blobs: Blobs
    marks: HighWater
    core: Core
    runner: Runner
    domains: tuple[Domain, ...]
    lock: Lock

    def close(self, *, served: bool = False) -> None:
        """Stop the runner, close the store and let others in; calling it again does nothing.

        `served` says that extracts were kept up with the journal meanwhile; else those that may still hold what was erased are thrown away.
        """
        self.runner.stop()
        self.store.close()
        if self.runner.erased and not served:
            shutil.rmtree(self.settings.data / EXTRACTS, ignore_errors=True)
        self.lock.release()


def open_node(
    settings: Settings,
    *,
    clock: Clock,
    random: Random,
    send: Send,
    domains: tuple[Domain, ...] = DOMAINS,
    progress: Progress | None = None,
) -> Node:
    """Return the node that the settings describe, its data folder locked for this process.

    Args:
        settings: What `kizuna.node.settings` has read.
        clock: Tells the time.
        random: Source of fresh bytes.
        send: Starts a request to a partner's node and never blocks.
        domains: What the node keeps beside its own tables.
        progress: Is told how far a rebuild of projections is.

    Raises:
        InUseError: another process has the node open.
        ConfigError: a folder, key or store cannot be used.
        JournalConflictError: the database server does not answer.
        JournalCorruptError: the journal is damaged.
    """
    identity = keyfiles.load_identity(settings.keys, settings.node)
    lock = DataLock(settings.data)
    try:
        store = open_store(settings, projections(domains), progress)
    except BaseException:
        lock.release()
        raise
    try:
        blobs, marks = Blobs(settings.data / "blobs"), open_marks(settings)
        sources = Sources(
            store, blobs, random, lambda channel: mark_of(marks, channel), settings.desk.grade(settings.party)
        )
        core = Core(identity, sources, domains, settings.limits.limits())
    except BaseException:
        store.close()
        lock.release()
        raise
    runner = Runner(core, Shell(store, blobs, marks, clock, send))
    return Node(settings, identity, store, blobs, marks, core, runner, domains, lock)


def open_store(settings: Settings, kept: Projections, progress: Progress | None = None) -> Store:
    """Return the node's store.

    Raises:
        ConfigError: it cannot be opened, or the extra for a database server is not installed.
        JournalConflictError: the database server does not answer.
        JournalCorruptError: the journal is damaged.
    """
    if settings.store == SQLITE:
        return open_sqlite(str(settings.data / JOURNAL), kept, progress=progress)
    try:
        from kizuna.storage.postgres import open_postgres  # noqa: PLC0415 # needs an extra that most nodes do without
    except ImportError as error:
        raise ConfigError("`store` names a PostgreSQL server: install the extra `kizuna[postgres]`") from error
    return open_postgres(settings.store, kept, progress=progress)


def open_marks(settings: Settings) -> HighWater:
    """Return the high-water marks, their folder made where it is missing.

    Raises:
        ConfigError: the folder or file cannot be used.
        JournalCorruptError: the file is damaged.
    """
    _make_folder(settings.high_water.parent)
    return HighWater(settings.high_water)


def mark_of(marks: HighWater, channel: str) -> Mark | None:
    """Return a channel's mark as the core takes it, or None where nothing was signed on it."""
    found = marks.get(channel)
    return None if found is None else Mark(channel, found.epoch, found.size, canonical.unb64(found.root))


class DataLock:
    """The exclusive lock of a data folder, which is made where it is missing; the file names the process that holds it.

    The kernel lets it go with the process, however that ends.
    """

    def __init__(self, data: Path) -> None:
        _make_folder(data)
        self._path = data / "lock"
        try:
            self._file = self._path.open("a+")
        except OSError as error:
            raise ConfigError(
                f"cannot be written ({error.strerror}): check permissions", where=str(self._path)
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(self._path)
            self._file.close()
            raise InUseError(
                f"the node in `{data}` is open in process `{holder}`: ask that one, or stop it first; two would fork its channels"
            ) from error
        try:
            self._file.truncate(0)
            self._file.write(str(os.getpid()))
            self._file.flush()
        except OSError as error:
            self.release()
            raise ConfigError(
                f"cannot be written ({error.strerror}): free space on this disk and retry", where=str(self._path)
            ) from error

    def release(self) -> None:
        """Let others in; calling it again does nothing."""
        with suppress(OSError):  # whatever the disk says, the file is closed, and the lock goes with it
            self._file.close()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the folder cannot be made ({error.strerror}): check path and permissions", where=str(path)
        ) from error
