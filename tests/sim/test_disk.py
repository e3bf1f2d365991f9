"""The simulated disk: what is flushed stays, what is not may go in any way."""

from __future__ import annotations

from random import Random

import pytest

from kizuna.sim.disk import SECTOR, PowerLossError, SimDisk, SimVfs

NAME = "file"
FLAGS = 0x2 | 0x4


def outcomes(flushed: bytes, unflushed: bytes) -> set[bytes | None]:
    """Return what 300 power losses leave of a file."""
    seen: set[bytes | None] = set()
    for seed in range(300):
        disk = SimDisk(Random(seed), lambda: 0)
        vfs = SimVfs(f"sim-disk-{seed}", disk)
        file = vfs.xOpen(NAME, [FLAGS, 0])
        if flushed:
            file.xWrite(flushed, 0)
            file.xSync(0)
        file.xWrite(unflushed, 0)
        disk.restart()
        seen.add(bytes(disk.files[NAME].seen) if NAME in disk.files else None)
        vfs.unregister()
    return seen


def test_what_was_flushed_survives_and_what_was_not_may_tear() -> None:
    old, new = b"o" * SECTOR * 2, b"n" * SECTOR * 2
    assert outcomes(old, new) == {old, new, b"n" * SECTOR + b"o" * SECTOR}


def test_a_file_never_flushed_may_be_gone_or_empty_or_whole() -> None:
    assert outcomes(b"", b"n" * 100) == {None, b"", b"n" * 100}


def test_the_power_fails_at_the_step_that_was_asked_for() -> None:
    disk = SimDisk(Random(1), lambda: 0)
    vfs = SimVfs("sim-disk-step", disk)
    file = vfs.xOpen(NAME, [FLAGS, 0])
    disk.fail_at = 2
    file.xWrite(b"a", 0)
    file.xWrite(b"b", 1)
    with pytest.raises(PowerLossError):
        file.xSync(0)
    with pytest.raises(PowerLossError):
        file.xWrite(b"c", 2)
    disk.restart()
    # The old handle belongs to a process that died with the power.
    with pytest.raises(PowerLossError):
        file.xWrite(b"d", 0)
    vfs.xOpen(NAME, [FLAGS, 0]).xWrite(b"e", 0)
    vfs.unregister()
