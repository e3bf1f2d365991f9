"""The high-water mark: the newest head that this node has signed on each channel.

The file is kept outside the data directory and outside its backup. A node restored from an old backup finds its channels behind the mark and
knows, before it signs again, that a second signature at a place it has signed already would be a fork. What it does then is left to the node.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import msgspec

from kizuna.errors import ConfigError, ForkError, JournalCorruptError, RecordError
from kizuna.kernel import canonical
from kizuna.storage.blobs import sync_directory

if TYPE_CHECKING:
    from pathlib import Path


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest signed head of a channel: epoch, tree size in entries, root in base64url."""

    epoch: int
    root: str
    size: int


class HighWater:
    """The marks in one file, which belongs to one process; a missing file means that nothing was ever signed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._marks = self._load()

    def _load(self) -> dict[str, Mark]:
        try:
            return canonical.decode(self.path.read_bytes(), type=dict[str, Mark])
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"cannot read the high-water mark: {error.strerror}", where=str(self.path)) from error
        except RecordError as error:
            raise JournalCorruptError(
                f"the high-water mark `{self.path}` cannot be read ({error}): "
                "do not sign; take the marks from the partners' newest checkpoints"
            ) from error

    def get(self, channel: str) -> Mark | None:
        """Return the mark of a channel, or `None` where nothing was signed on it."""
        return self._marks.get(channel)

    def raise_to(self, channel: str, epoch: int, size: int, root: bytes) -> None:
        """Raise a channel's mark durably; the same head again changes nothing.

        Raises:
            ForkError: the head is behind the mark, or has another root at the mark's size: do not sign.
            ConfigError: the file cannot be written: do not sign.
        """
        mark = Mark(epoch=epoch, root=canonical.b64(root), size=size)
        with self._lock:
            old = self._marks.get(channel)
            if old == mark:
                return
            if old is not None and (epoch, size) <= (old.epoch, old.size):
                raise ForkError(
                    f"channel `{channel}`: epoch `{epoch}` size `{size}` root `{mark.root}` is not beyond epoch `{old.epoch}` "
                    f"size `{old.size}` root `{old.root}`, which this node signed before: was it restored from an old backup"
                )
            marks = {**self._marks, channel: mark}
            self._save(canonical.encode(marks))
            self._marks = marks

    def _save(self, data: bytes) -> None:
        temporary = self.path.with_name(self.path.name + ".new")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
            sync_directory(self.path.parent)
        except OSError as error:
            raise ConfigError(f"cannot write the high-water mark: {error.strerror}", where=str(self.path)) from error
