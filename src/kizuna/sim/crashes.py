"""Power losses under the real SQLite store, at any step of its disk: what was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from random import Random

from kizuna.kernel.journal import Db, Entry, Head, Projections, Store
from kizuna.sim.disk import PowerLossError, SimDisk, SimVfs
from kizuna.sim.federation import START_MS
from kizuna.storage.sqlite import open_sqlite

COMMITS = 12
ENTRIES = 3
"""Entries of each commit."""
STEPS = 240
"""About how many steps of the disk the work takes."""
_CHUNK = 500
_numbers = itertools.count()


def _count(db: Db, _seq: int, entry: Entry) -> None:
    db.execute(
        "INSERT INTO tally (kind, entries, bytes) VALUES (?, 1, ?)"
        " ON CONFLICT (kind) DO UPDATE SET entries = tally.entries + 1, bytes = tally.bytes + excluded.bytes",
        (entry.kind, len(entry.body or b"")),
    )


COUNTING = Projections(
    version="1",
    schema=("CREATE TABLE tally (kind TEXT PRIMARY KEY, entries BIGINT NOT NULL, bytes BIGINT NOT NULL)",),
    tables=("tally",),
    apply=_count,
)


@dataclass
class Found:
    """What a run of power losses came to: `acknowledged` commits in all, and what was found broken."""

    cases: int = 0
    acknowledged: int = 0
    violations: list[str] = field(default_factory=list)


def _entry(number: int) -> Entry:
    return Entry(
        kind=f"kind-{number % 3}",
        at_ms=START_MS + number,
        meta={"number": number},
        body=bytes([number % 251]) * (300 * (number % 5)),
    )


def _work(store: Store, acked: list[Head]) -> None:
    for number in range(COMMITS):
        store.commit([_entry(ENTRIES * number + each) for each in range(ENTRIES)])
        acked.append(store.head())


def _until_power_fails(name: str, acked: list[Head]) -> None:
    store = None
    try:
        store = open_sqlite("node.db", COUNTING, vfs=name)
        _work(store, acked)
    except PowerLossError:
        pass
    finally:
        if store is not None:
            with contextlib.suppress(PowerLossError):
                store.close()


def _survivors(name: str, acked: list[Head]) -> str:
    """Return what is wrong with what the power loss left, or the empty string."""
    with contextlib.closing(open_sqlite("node.db", COUNTING, vfs=name)) as store:
        found = store.verify(expected=acked[-1] if acked else None)
        if found.findings:
            return f"{found.findings[0].message}"
        # A commit whose acknowledgement the power loss cut off may be there, but only whole.
        if store.head().seq not in {len(acked) * ENTRIES, (len(acked) + 1) * ENTRIES}:
            return f"{store.head().seq} entries after {len(acked)} acknowledged commits"
        live = store.query("SELECT * FROM tally ORDER BY kind")
        store.rebuild()
        return "" if store.query("SELECT * FROM tally ORDER BY kind") == live else "the tables are others once rebuilt"


def case(seed: int) -> tuple[int, str]:
    """Fail the power once, in every third case again while recovering; return how many commits were acknowledged, and what is wrong."""
    rng = Random(f"{seed}/power")  # noqa: S311 # a simulation repeats itself
    disk = SimDisk(rng, lambda: START_MS)
    name = f"sim-power-{next(_numbers)}"
    vfs = SimVfs(name, disk)
    acked: list[Head] = []
    try:
        disk.fail_at = rng.randrange(STEPS)
        _until_power_fails(name, acked)
        disk.restart()
        if seed % 3 == 0:
            disk.fail_at = disk.steps + rng.randrange(4)
            with contextlib.suppress(PowerLossError):
                open_sqlite("node.db", COUNTING, vfs=name).close()
            disk.restart()
        wrong = _survivors(name, acked)
    except Exception as error:  # noqa: BLE001 # a store that cannot be opened again is a finding
        wrong = f"{type(error).__name__}: {error}"
    finally:
        vfs.unregister()
    return len(acked), f"case {seed}: {wrong}" if wrong else ""


def _cases(start: int, end: int) -> list[tuple[int, str]]:
    return [case(seed) for seed in range(start, end)]


def run(seed: int, cases: int, workers: int, told: Callable[[int], None] = lambda _: None) -> Found:
    """Run cases from a seed on, over several processes; `told` hears how many are done."""
    found = Found()
    bounds = [(at, min(at + _CHUNK, seed + cases)) for at in range(seed, seed + cases, _CHUNK)]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for outcomes in pool.map(_cases, *zip(*bounds, strict=True)):
            found.cases += len(outcomes)
            found.acknowledged += sum(acked for acked, _ in outcomes)
            found.violations += [wrong for _, wrong in outcomes if wrong]
            told(found.cases)
    return found
