"""A disk in memory that can lose its power: what a write promises before it is flushed, and nothing more.

SQLite runs on it unchanged through a VFS. Each write, flush, truncation and deletion is a step; the power can be made to fail at any of
them. What was not flushed then survives as the seed says: whole, torn at a sector, or not at all, in any combination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

SECTOR = 512
"""Bytes that the disk writes whole."""

_JULIAN_UNIX_EPOCH_MS = 210_866_760_000_000


class PowerLossError(Exception):
    """The disk has lost its power: everything that ran on it is dead."""


class _File:
    """One file: what is surely on the platter, what the running system sees, and the unflushed steps between them."""

    def __init__(self) -> None:
        self.durable: bytearray | None = None
        self.seen = bytearray()
        self.pending: list[tuple[int, bytes | None]] = []

    def write(self, data: bytes, offset: int) -> None:
        self.pending.append((offset, data))
        _overlay(self.seen, offset, data)

    def truncate(self, size: int) -> None:
        self.pending.append((size, None))
        del self.seen[size:]

    def flush(self) -> None:
        if self.durable is None:
            self.durable = bytearray()
        for place, data in self.pending:
            _settle(self.durable, place, data)
        self.pending.clear()

    def lose_power(self, rng: Random) -> bool:
        """Settle what survives; return whether the file exists at all."""
        if self.durable is None and rng.random() < 0.5:  # noqa: PLR2004 # a name that was never flushed may be lost
            return False
        content = self.durable if self.durable is not None else bytearray()
        survival = rng.choice((0.0, 0.5, 1.0))
        for place, data in self.pending:
            if rng.random() >= survival:
                continue
            _settle(content, place, None if data is None else data[: _torn(len(data), rng)])
        self.durable, self.seen, self.pending = content, bytearray(content), []
        return True


def _settle(content: bytearray, place: int, data: bytes | None) -> None:
    if data is None:
        del content[place:]
    else:
        _overlay(content, place, data)


def _overlay(content: bytearray, offset: int, data: bytes) -> None:
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _torn(size: int, rng: Random) -> int:
    """Return how many bytes of a surviving write reach the platter: mostly all of them."""
    if rng.random() < 0.7:  # noqa: PLR2004 # the share of writes that are not torn
        return size
    return min(size, SECTOR * rng.randrange(size // SECTOR + 1))


class SimDisk:
    """One node's disk. `rng` decides what survives; `now_ms` tells the time; a full disk is one with a `capacity` in bytes."""

    def __init__(self, rng: Random, now_ms: Callable[[], int], capacity: int | None = None) -> None:
        self.rng = rng
        self.now_ms = now_ms
        self.capacity = capacity
        self.steps = 0
        self.fail_at: int | None = None
        """The step at which the power fails, counted like `steps`."""
        self.error_at: int | None = None
        """The step at which the disk reports an error once and goes on."""
        self.files: dict[str, _File] = {}
        self.boots = 0
        self.is_on = True

    def step(self) -> None:
        """Count one step, or lose the power at it.

        Raises:
            PowerLossError: the power is off, or fails now.
            apsw.IOError: the disk reports an error.
        """
        if self.is_on and self.steps == self.fail_at:
            self.is_on = False
        if not self.is_on:
            raise PowerLossError("the simulated disk has no power")
        self.steps += 1
        if self.error_at is not None and self.steps > self.error_at:
            self.error_at = None
            raise apsw.IOError("the simulated disk reports an error")

    def restart(self) -> None:
        """Settle what survived and switch the power on; whoever had a file open holds it no longer."""
        self.files = {name: file for name, file in sorted(self.files.items()) if file.lose_power(self.rng)}
        self.fail_at = self.error_at = None
        self.boots += 1
        self.is_on = True

    @property
    def used(self) -> int:
        """How many bytes its files have."""
        return sum(len(each.seen) for each in self.files.values())

    def check_space(self, file: _File, end: int) -> None:
        """Check that a file may grow to `end` bytes.

        Raises:
            apsw.FullError: the disk has not the capacity.
        """
        if self.capacity is not None and self.used + max(0, end - len(file.seen)) > self.capacity:
            raise apsw.FullError("the simulated disk is full")


class SimVfs(apsw.VFS):
    """Makes a `SimDisk` the disk of the SQLite connections that name this VFS."""

    def __init__(self, name: str, disk: SimDisk) -> None:
        # Registering may call back at once, so the disk is there first.
        self.disk = disk
        super().__init__(name, base=None)

    def excepthook(self, *_error: object) -> bool:
        """Take an error that APSW cannot raise because an earlier one of the same call is on its way."""
        return True

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802 # SQLite's name
        """Open or create a file."""
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        if not self.disk.is_on:
            raise apsw.CantOpenError("the simulated disk has no power")
        if filename not in self.disk.files:
            if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                raise apsw.CantOpenError(f"no file `{filename}` on the simulated disk")
            self.disk.files[filename] = _File()
        flags[1] = flags[0]
        return _Handle(self.disk, self.disk.files[filename])

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, ARG002, FBT001 # SQLite's name; names go at once
        """Delete a file, durably at once."""
        self.disk.step()
        self.disk.files.pop(filename, None)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802, ARG002 # SQLite's name; everybody may read and write
        """Return whether a file exists."""
        return pathname in self.disk.files

    def xFullPathname(self, name: str) -> str:  # noqa: N802 # SQLite's name
        """Return the name itself: the disk has no directories."""
        return name

    def xGetLastError(self) -> tuple[int, str]:  # noqa: N802 # SQLite's name
        """Return that the system has no error to add."""
        return 0, ""

    def xRandomness(self, numbytes: int) -> bytes:  # noqa: N802 # SQLite's name
        """Return seeded bytes."""
        return self.disk.rng.randbytes(numbytes)

    def xSleep(self, microseconds: int) -> int:  # noqa: N802 # SQLite's name
        """Return at once: simulated time does not pass here."""
        return microseconds

    def xCurrentTimeInt64(self) -> int:  # noqa: N802 # SQLite's name
        """Return simulated time as Julian milliseconds."""
        return self.disk.now_ms() + _JULIAN_UNIX_EPOCH_MS


class _Handle:
    """An open file; after a restart of the disk it is dead."""

    def __init__(self, disk: SimDisk, file: _File) -> None:
        self._disk = disk
        self._file = file
        self._boot = disk.boots

    def _step(self) -> None:
        if self._boot != self._disk.boots:
            raise PowerLossError("this file was open when the simulated disk lost its power")
        self._disk.step()

    def excepthook(self, *_error: object) -> bool:
        return True

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 # SQLite's name
        return bytes(self._file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 # SQLite's name
        self._step()
        self._disk.check_space(self._file, offset + len(data))
        self._file.write(bytes(data), offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 # SQLite's name
        self._step()
        self._file.truncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802, ARG002 # SQLite's name; every flush is a full one
        self._step()
        self._file.flush()

    def xFileSize(self) -> int:  # noqa: N802 # SQLite's name
        return len(self._file.seen)

    def xLock(self, level: int) -> None:  # noqa: N802, ARG002 # SQLite's name; one process owns the disk
        return

    def xUnlock(self, level: int) -> None:  # noqa: N802, ARG002 # SQLite's name; one process owns the disk
        return

    def xCheckReservedLock(self) -> bool:  # noqa: N802 # SQLite's name
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802, ARG002 # SQLite's name; no control is known
        return False

    def xSectorSize(self) -> int:  # noqa: N802 # SQLite's name
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802 # SQLite's name
        return int(apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE)

    def xClose(self) -> None:  # noqa: N802 # SQLite's name
        return
