"""Backups of a node: journal, blobs, tokens and settings, each file with its digest; and the way back, which verifies before it takes a place.

The high-water mark is never part of a backup and never touched by a restore: by it the node finds out that it is behind, and takes its own entries
back from its partners before it signs. Positions, pictures and extracts are made anew from the journal.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from kizuna.errors import ConfigError, JournalCorruptError, RecordError, RefusedError
from kizuna.kernel import canonical
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import projections
from kizuna.node.keys import keyfiles
from kizuna.node.service import EXTRACTS, JOURNAL, DataLock
from kizuna.node.settings import SQLITE, Settings
from kizuna.storage import backup
from kizuna.storage.blobs import sync_directory
from kizuna.storage.private import write_private
from kizuna.storage.sqlite import open_sqlite

MANIFEST, SETTINGS = "manifest.json", "node.toml"
_DATA, _KEYS, _BLOBS, _TOKENS = "data", "keys", "blobs", "tokens.json"


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup: its path inside, digest (hex) and size in bytes."""

    path: str
    sha256: str
    size: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup holds: whose it is, where its journal ends, whether the private keys are in it, and every file."""

    chain: str
    files: tuple[File, ...]
    made_at_ms: int
    node: str
    seq: int
    with_keys: bool
    what: Literal["kizuna-backup-v1"] = "kizuna-backup-v1"


@dataclass(frozen=True)
class Restored:
    """What a restore has put in place, and where the data before it lies; None where there was none."""

    manifest: Manifest
    before: Path | None


def make(settings: Settings, config: Path, target: Path, now_ms: int, *, with_keys: bool) -> Manifest:
    """Write a backup into a folder that did not exist, for its owner alone, whole or not at all, beside a running node too, and verify it.

    Raises:
        RefusedError: the folder exists, or the store is a database server's.
        ConfigError: something cannot be read or written.
        JournalCorruptError: the journal is damaged: a backup of it would be none.
    """
    if settings.store != SQLITE:
        raise RefusedError("the store is a database server's: use its own backup, and copy `blobs` after it")
    if target.exists():
        raise RefusedError(f"`{target}` exists: a backup is never overwritten, choose another folder")
    if not (settings.data / JOURNAL).exists():
        raise ConfigError("holds no journal: start the node once, or mend `data`", where=str(settings.data))
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        new.mkdir(mode=0o700, parents=True)
        (new / _DATA).mkdir(mode=0o700)
        # The journal first: blobs are durable before an entry names them, so that what it names is there to be copied.
        backup.copy_journal(settings.data / JOURNAL, new / _DATA / JOURNAL)
        _copy_all(settings.data / _BLOBS, new / _DATA / _BLOBS, without=("incoming",))
        if settings.tokens.exists():
            backup.copy_file(settings.tokens, new / _DATA / _TOKENS)
        backup.copy_file(config, new / SETTINGS)
        if with_keys:
            _copy_all(settings.keys, new / _KEYS)
        seq, chain = _verified(new / _DATA / JOURNAL)
        files = tuple(File(path.relative_to(new).as_posix(), *backup.digest(path)) for path in backup.files_below(new))
        manifest = Manifest(chain, files, now_ms, settings.node, seq, with_keys)
        write_private(new / MANIFEST, canonical.encode(manifest))
        new.rename(target)
        sync_directory(target.parent)
    except OSError as error:
        raise ConfigError(f"a backup cannot be made here ({error.strerror})", where=str(target)) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return manifest


def check(folder: Path) -> Manifest:
    """Return the manifest of a backup whose every file is what it says, and whose journal verifies up to the head that it names.

    Raises:
        ConfigError: it is no backup, or cannot be read.
        RecordError: its manifest is malformed.
        JournalCorruptError: a file or the journal is damaged.
    """
    manifest = canonical.decode(keyfiles.read_bytes(folder / MANIFEST), type=Manifest)
    for file in manifest.files:
        path = PurePosixPath(file.path)
        if path.is_absolute() or ".." in path.parts:
            raise RecordError(f"the backup names a file `{file.path[:80]}` outside its folder")
        if backup.digest(folder / path) != (file.sha256, file.size):
            raise JournalCorruptError(f"`{file.path}` of the backup was altered: take another backup")
    return manifest


def restore(settings: Settings, folder: Path, now_ms: int, *, with_keys: bool) -> Restored:
    """Verify a backup and put it in the place of the node's data, which is kept beside it; the high-water mark stays as it is.

    Raises:
        RefusedError: it is another node's, or holds no keys where they are asked for, or keys would be overwritten.
        InUseError: the node runs.
        ConfigError: something cannot be read or written.
        JournalCorruptError: the backup is damaged; nothing was changed.
    """
    manifest = check(folder)
    if manifest.node != settings.node:
        raise RefusedError(f"the backup is of `{manifest.node}`, this is `{settings.node}`: give the right one")
    if with_keys and (not manifest.with_keys or settings.keys.exists()):
        raise RefusedError("the backup holds no keys, or there are keys already: they are never overwritten")
    new = settings.data.with_name(f"{settings.data.name}.restoring")
    lock = DataLock(settings.data)
    try:
        shutil.rmtree(new, ignore_errors=True)
        _copy_all(folder / _DATA, new)
        if _verified(new / JOURNAL) != (manifest.seq, manifest.chain):
            raise JournalCorruptError("the backup's journal does not end where its manifest says: take another backup")
        if with_keys:
            _copy_all(folder / _KEYS, settings.keys)
        before = settings.data.with_name(f"{settings.data.name}.before-{now_ms}")
        had = (settings.data / JOURNAL).exists()
        settings.data.rename(before)
        new.rename(settings.data)
        sync_directory(settings.data.parent)
        if not had:
            shutil.rmtree(before)
        shutil.rmtree(before / EXTRACTS, ignore_errors=True)  # of no use to anybody: they are made again
    except OSError as error:
        raise ConfigError(f"a backup cannot be restored here ({error.strerror})", where=str(settings.data)) from error
    finally:
        lock.release()
        shutil.rmtree(new, ignore_errors=True)
    return Restored(manifest, before if had else None)


def _copy_all(source: Path, target: Path, *, without: tuple[str, ...] = ()) -> None:
    if source.is_dir():
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in backup.files_below(source):
            inside = path.relative_to(source)
            if inside.parts[0] not in without:
                backup.copy_file(path, target / inside)


def _verified(journal: Path) -> tuple[int, str]:
    """Return where a copied journal ends.

    Raises:
        JournalCorruptError: it does not verify.
    """
    with closing(open_sqlite(str(journal), projections(DOMAINS))) as store:
        found = store.verify()
    for suffix in ("-wal", "-shm"):
        journal.with_name(journal.name + suffix).unlink(missing_ok=True)
    if found.findings:
        raise JournalCorruptError(f"the journal does not verify ({found.findings[0].message}): it is no backup")
    return found.head.seq, found.head.chain.hex()
