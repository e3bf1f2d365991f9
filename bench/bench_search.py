"""What one live search for events costs: positions a second and the peak of memory, at some millions of positions of the last two days.

`KIZUNA_BENCH_SEARCH=1000000,5000000,20000000` names other sizes. Processor seconds of a process for each size that does nothing else, so that the
peak is its own; the archive is filled in another. The first search says what it finds, the second, which is measured, finds the same again, as
most do. Traffic is made up: two thirds under way, the others side by side in harbours, all heard every ten seconds.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kizuna.domains.maritime.ports import PORTS
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.detecting import BEFORE_MS, LOOK_BACK_MS, Detecting
from kizuna.node.maritime.landmask import land
from kizuna.node.maritime.searching import Rules
from tests.sim.test_maritime import SimClock, SimDoer
from tests.sim.test_watchlog import mark, pair

ROOT = Path(__file__).resolve().parents[1]
SIZES = tuple(int(size) for size in os.environ.get("KIZUNA_BENCH_SEARCH", "5000000").split(","))
KEY = ArchiveKey("ind", "live", "coast")
BATCH = 250_000
EVERY_MS = 10_000
DEGREE = 600_000
HARBOURS = 20

Row = dict[str, Any]


def fill(folder: Path, size: int, now_ms: int) -> None:
    """Write so many positions, in the order of time, up to now."""
    rng, archives = np.random.default_rng(7), Archives(folder)
    turns = (LOOK_BACK_MS + BEFORE_MS) // EVERY_MS
    vessels = -(-size // turns)
    who = np.arange(vessels)
    moored = who % 3 == 0
    harbour = np.array([(PORTS[k % HARBOURS].lat_600000, PORTS[k % HARBOURS].lon_600000) for k in who]).T
    lat, lon = (
        np.where(moored, at + rng.integers(-3000, 3000, vessels), rng.integers(*span, vessels))
        for at, span in zip(harbour, ((-30 * DEGREE, 20 * DEGREE), (40 * DEGREE, 140 * DEGREE)), strict=True)
    )
    pace = np.where(moored, 0, rng.integers(250, 450, vessels))
    for begin in range(0, size, BATCH):
        rows = np.arange(begin, min(begin + BATCH, size))
        ship, turn = rows % vessels, rows // vessels
        nothing = pa.nulls(len(rows), pa.int16())
        columns = (200_000_000 + ship, lat[ship] + turn * pace[ship] + rng.integers(0, 30, len(rows)), lon[ship])
        arrays = [
            pa.array(now_ms - (turns - turn) * EVERY_MS + ship % 1000),
            *(pa.array(each.astype(np.int32)) for each in columns),
        ]
        table = pa.table([*arrays, nothing, nothing, nothing, pa.nulls(len(rows), pa.int8())], schema=SCHEMA)
        archives.add(KEY, table, begin // BATCH + 1)
        archives.flush()


def one(folder: Path, size: int) -> Row:
    """Return what a search over the archive costs."""
    federation, india, _ = pair("bench")
    if size:
        fill(folder, size, india.now_ms)
        return {}
    job = Detecting(
        SimDoer(india), india.store, Archives(folder), "ind", mark("ind"), own_units=frozenset(), clock=SimClock(federation),
        rules=Rules(ports=PORTS, land=land),
    )  # fmt: skip
    said = len(job.once())
    before, began = time.process_time(), time.perf_counter()
    again = job.once()
    report = {
        "said": said,
        "again": len(again),
        "cpu_s": time.process_time() - before,
        "s": time.perf_counter() - began,
    }
    return report | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def run() -> list[Row]:
    """Return the figures of every size."""
    rows = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            for part in (size, 0):
                done = subprocess.run(
                    [sys.executable, __file__, folder, str(part)], capture_output=True, text=True, check=True, cwd=ROOT,
                    env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
                )  # fmt: skip
        found = json.loads(done.stdout)
        figures = {"speed": (size / found["cpu_s"], "positions/s"), "peak": (found["peak"], "MiB of memory at most")}
        rows += [
            {
                "name": f"search.live.{size // 1_000_000}M.{name}",
                "value": value,
                "unit": unit,
                "peer": None,
                "ratio": None,
            }
            for name, (value, unit) in figures.items()
        ]
    return rows


if __name__ == "__main__":
    print(json.dumps(one(Path(sys.argv[1]), int(sys.argv[2]))))
