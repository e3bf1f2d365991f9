"""Power losses under the real SQLite store: what was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import contextlib
from random import Random
from typing import TYPE_CHECKING

from kizuna.kernel.journal import Head, Store
from kizuna.sim.disk import PowerLossError, SimDisk, SimVfs
from kizuna.storage.sqlite import open_sqlite
from tests.contract.journals import COUNTING, entry

if TYPE_CHECKING:
    import pytest

CASES = 1_000
COMMITS = 12
STEPS = 240


def workload(store: Store, acked: list[Head]) -> None:
    start = store.head().seq
    for number in range(COMMITS):
        store.commit([entry(start + 3 * number + each, size=300 * (number % 5)) for each in range(3)])
        acked.append(store.head())


def run_until_power_fails(disk: SimDisk, name: str, acked: list[Head]) -> bool:
    """Open, write and close; return whether the power lasted."""
    store = None
    try:
        store = open_sqlite("node.db", COUNTING, vfs=name)
        workload(store, acked)
    except PowerLossError:
        return False
    finally:
        if store is not None:
            with contextlib.suppress(PowerLossError):
                store.close()
    return True


def check_survivors(name: str, acked: list[Head]) -> None:
    with contextlib.closing(open_sqlite("node.db", COUNTING, vfs=name)) as store:
        found = store.verify(expected=acked[-1] if acked else None)
        assert found.findings == ()
        # A commit whose acknowledgement the crash cut off may be there, but only whole.
        assert store.head().seq in {len(acked) * 3, len(acked) * 3 + 3}
        live = store.query("SELECT * FROM tally"), store.query("SELECT * FROM content ORDER BY seq")
        assert len(live[1]) == store.head().seq
        store.rebuild()
        assert (store.query("SELECT * FROM tally"), store.query("SELECT * FROM content ORDER BY seq")) == live


def crash_case(seed: int, name: str) -> int:
    """Crash once, sometimes again while recovering; return how many commits had been acknowledged."""
    rng = Random(seed)
    disk = SimDisk(rng, lambda: 1_700_000_000_000)
    vfs = SimVfs(name, disk)
    acked: list[Head] = []
    try:
        disk.fail_at = rng.randrange(STEPS)
        run_until_power_fails(disk, name, acked)
        disk.restart()
        if seed % 3 == 0:
            disk.fail_at = disk.steps + rng.randrange(4)
            with contextlib.suppress(PowerLossError):
                open_sqlite("node.db", COUNTING, vfs=name).close()
            disk.restart()
        check_survivors(name, acked)
    finally:
        vfs.unregister()
    return len(acked)


def test_a_power_loss_at_any_step_loses_nothing_acknowledged() -> None:
    acknowledged = [crash_case(seed, f"sim-crash-{seed}") for seed in range(CASES)]
    # The cases must have crashed before, amid and after the work.
    assert {0, 1, COMMITS // 2, COMMITS} <= set(acknowledged)


def test_the_disk_would_show_a_store_that_does_not_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness can fail: with flushes ignored, acknowledged entries do get lost."""
    monkeypatch.setattr("kizuna.sim.disk._File.flush", lambda file: None)
    lost = 0
    for seed in range(40):
        try:
            crash_case(seed, f"sim-lying-{seed}")
        except Exception:  # noqa: BLE001 # lost, corrupt or not openable: all show it
            lost += 1
    assert lost > 10


def test_the_same_seed_crashes_the_same_way() -> None:
    def trace(name: str) -> tuple[int, int, dict[str, int]]:
        disk = SimDisk(Random(7), lambda: 1_700_000_000_000)
        vfs = SimVfs(name, disk)
        disk.fail_at = 61
        acked: list[Head] = []
        run_until_power_fails(disk, name, acked)
        disk.restart()
        vfs.unregister()
        return disk.steps, len(acked), {each: len(file.seen) for each, file in disk.files.items()}

    assert trace("sim-same-1") == trace("sim-same-2")
