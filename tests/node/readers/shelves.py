"""Shelves of extracts that tests own: in memory, and on a simulated disk that can lose its power."""

from __future__ import annotations

import itertools
from random import Random

from kizuna.kernel.journal import Projections
from kizuna.sim.disk import SimDisk, SimVfs
from kizuna.storage.extracts import DamagedExtractError, ExtractStore, OtherExtractError, open_extract

_numbers = itertools.count()


class InMemory:
    """Keeps nothing beyond the process."""

    def names(self) -> list[str]:
        return []

    def open(self, _name: str, kept: Projections) -> ExtractStore:
        return open_extract(":memory:", kept)

    def anew(self, name: str, kept: Projections) -> ExtractStore:
        return self.open(name, kept)

    def drop(self, _name: str) -> None:
        """Nothing is kept."""

    def check_room(self) -> None:
        """There is always room."""


class OnSimDisk:
    """Keeps extracts on a disk of its own, which outlives the process."""

    def __init__(self, rng: Random) -> None:
        self.disk = SimDisk(rng, lambda: 0)
        self._vfs_name = f"extracts-{next(_numbers)}"
        self._vfs = SimVfs(self._vfs_name, self.disk)
        self.is_full = False
        """Whether nothing new finds room."""

    def names(self) -> list[str]:
        return sorted(name for name in self.disk.files if not name.endswith(("-wal", "-journal", "-shm")))

    def open(self, name: str, kept: Projections) -> ExtractStore:
        try:
            return open_extract(name, kept, vfs=self._vfs_name)
        except (OtherExtractError, DamagedExtractError):
            return self.anew(name, kept)

    def anew(self, name: str, kept: Projections) -> ExtractStore:
        self.drop(name)
        self.disk.capacity = 0 if self.is_full else None
        return open_extract(name, kept, vfs=self._vfs_name)

    def drop(self, name: str) -> None:
        for each in [each for each in self.disk.files if each.startswith(name)]:
            del self.disk.files[each]

    def check_room(self) -> None:
        """There is always room."""

    def close(self) -> None:
        self._vfs.unregister()
