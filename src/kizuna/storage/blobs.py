"""Blob files: large data beside the journal, each file named by the SHA-256 of its bytes.

A blob is written whole or not at all, and checked each time it is read. Which record commits to which blob, and who may have it, is left to
the node.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from kizuna.errors import ConfigError, JournalCorruptError, RecordError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_AT_ONCE = 128
"""Blobs that are made durable together: each has a file open meanwhile."""
_FLUSHES = 8
"""Flushes side by side: a disk makes them durable at once, where one after the other each would wait for it."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Blob(NamedTuple):
    """A stored blob: its digest in lowercase hex and its size in bytes."""

    sha256: str
    size: int


class Blobs:
    """The blobs under one directory, which is created where it is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._flushing = ThreadPoolExecutor(_FLUSHES, thread_name_prefix="kizuna-blobs")
        with _translated(root):
            (root / "incoming").mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Store bytes durably; return their digest.

        Raises:
            ConfigError: the disk is full, read-only or failing.
        """
        return self.put_stream((data,), limit=len(data)).sha256

    def put_all(self, items: Sequence[bytes]) -> list[str]:
        """Store several blobs durably; return their digests in order.

        Step by step for all of them: written, flushed side by side, named, the names flushed side by side.

        Raises:
            ConfigError: the disk is full, read-only or failing; some may have been kept.
        """
        digests: list[str] = []
        for first in range(0, len(items), _AT_ONCE):
            digests += self._put_together(items[first : first + _AT_ONCE])
        return digests

    def _put_together(self, items: Sequence[bytes]) -> list[str]:
        digests = [hashlib.sha256(data).hexdigest() for data in items]
        targets: dict[Path, Path] = {}
        with _translated(self.root), ExitStack() as stack:
            files: list[BinaryIO] = []
            for digest, data in dict(zip(digests, items, strict=True)).items():
                descriptor, name = tempfile.mkstemp(dir=self.root / "incoming")
                targets[Path(name)] = self._path(digest)
                stack.callback(Path(name).unlink, missing_ok=True)  # after a fault; else it has its own name by then
                files.append(stack.enter_context(os.fdopen(descriptor, "wb")))
                files[-1].write(data)
                files[-1].flush()
            list(self._flushing.map(os.fsync, files))
            self._settle(targets)
        return digests

    def put_stream(self, chunks: Iterable[bytes], *, limit: int, expected: str | None = None) -> Blob:
        """Store the joined chunks durably, at most `limit` bytes of them.

        Raises:
            RecordError: the stream is longer than `limit`, or its digest is not `expected`; nothing was kept.
            ConfigError: the disk is full, read-only or failing.
        """
        with _translated(self.root):
            descriptor, name = tempfile.mkstemp(dir=self.root / "incoming")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    blob = _copy(chunks, file, limit, expected)
                    file.flush()
                    os.fsync(file.fileno())
                self._settle({Path(name): self._path(blob.sha256)})
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        return blob

    def _settle(self, targets: dict[Path, Path]) -> None:
        """Give files that are durable the names that they are known by, and make the names durable."""
        folders = dict.fromkeys(target.parent for target in targets.values())
        missing = [folder for folder in folders if not folder.exists()]
        for folder in missing:
            folder.mkdir(exist_ok=True)
        if missing:
            sync_directory(self.root)
        for name, target in targets.items():
            name.replace(target)
        list(self._flushing.map(sync_directory, folders))

    def get(self, sha256: str) -> bytes:
        """Return a blob's bytes, checked against its digest.

        Raises:
            RecordError: `sha256` is not a digest in lowercase hex.
            RefusedError: the blob is not stored here.
            JournalCorruptError: the file is not what was stored.
        """
        path = self._path(sha256)
        try:
            with _translated(path):
                data = path.read_bytes()
        except FileNotFoundError as error:
            raise RefusedError(f"blob `{sha256}` is not stored here: fetch it first") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise JournalCorruptError(f"blob `{sha256}` was altered on disk: erase it and fetch it again")
        return data

    def has(self, sha256: str) -> bool:
        """Return whether a blob is stored; its bytes are checked when they are read."""
        return self._path(sha256).exists()

    def erase(self, sha256: str) -> bool:
        """Delete a blob durably; return whether it was there."""
        path = self._path(sha256)
        with _translated(path):
            try:
                path.unlink()
            except FileNotFoundError:
                return False
            sync_directory(path.parent)
        return True

    def _path(self, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            raise RecordError(f"`{sha256[:70]}` is not a sha-256 digest in lowercase hex")
        return self.root / sha256[:2] / sha256[2:]


def _copy(chunks: Iterable[bytes], file: BinaryIO, limit: int, expected: str | None) -> Blob:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise RecordError(f"blob is longer than the `{limit}` bytes that were agreed")
        digest.update(chunk)
        file.write(chunk)
    sha256 = digest.hexdigest()
    if expected is not None and sha256 != expected:
        raise RecordError(f"blob has digest `{sha256}`, not `{expected}`: fetch it again")
    return Blob(sha256, size)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(
            f"cannot store here ({error.strerror}): check space and permissions", where=str(path)
        ) from error
