"""How the archive of positions grows: writing, compacting, and the questions that pages ask, at one and ten million positions.

`KIZUNA_BENCH_POSITIONS=1000000,10000000,100000000` names other sizes. Processor seconds of one process for each size, so that the peak of its memory
is its own: cost is to grow with the positions, memory is not. Positions are made up: vessels that move a little from report to report.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kizuna.formats.positions_arrow import SCHEMA
from kizuna.kernel.intervals import DAY_MS
from kizuna.storage.archive_views import density, last_positions
from kizuna.storage.positions import Box, PositionArchive

ROOT = Path(__file__).resolve().parents[1]
SIZES = tuple(int(size) for size in os.environ.get("KIZUNA_BENCH_POSITIONS", "1000000,10000000").split(","))
BATCH = 250_000
A_DAY = 25_000_000
EVERY_MS = 10_000
START_MS = 20_000 * DAY_MS
DEGREE = 600_000
JOIN_AT = 60
ROUNDS = 3

Row = dict[str, Any]


def batches(size: int, rng: np.random.Generator) -> Any:
    """Yield tables of `BATCH` positions in the order of time; a day has at most `A_DAY`, whose vessels report every ten seconds."""
    vessels = max(100, min(size, A_DAY) * EVERY_MS // DAY_MS)
    lat, lon = rng.integers(-30 * DEGREE, 30 * DEGREE, vessels), rng.integers(40 * DEGREE, 140 * DEGREE, vessels)
    step = -(-min(size, A_DAY) // vessels)
    for begin in range(0, size, BATCH):
        at = np.arange(begin, min(begin + BATCH, size))
        who = at % vessels
        turn = at // vessels
        drift = turn * (who % 7 - 3) * 40 + rng.integers(-150, 150, len(at))
        time_ms = START_MS + (turn // step) * DAY_MS + (turn % step) * (DAY_MS // step) + who % 1000
        yield pa.table(
            [
                pa.array(time_ms), pa.array((200_000_000 + who).astype(np.int32)),
                pa.array((lat[who] + drift).astype(np.int32)),
                pa.array((lon[who] + drift).astype(np.int32)),
                pa.array((who % 200 + rng.integers(0, 6, len(at))).astype(np.int16)),
                pa.array((who * 7 % 3580 + rng.integers(0, 20, len(at))).astype(np.int16)),
                pa.nulls(len(at), pa.int16()), pa.nulls(len(at), pa.int8()),
            ],
            schema=SCHEMA,
        )  # fmt: skip


def cpu_ms(work: Callable[[], object]) -> float:
    """Return the median of a few calls' processor milliseconds."""
    found = []
    for _ in range(ROUNDS):
        before = time.process_time()
        work()
        found.append((time.process_time() - before) * 1000)
    return statistics.median(found)


def one(size: int) -> Row:
    """Return what an archive of one size costs; run in a process of its own."""
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        archive = PositionArchive(Path(folder))
        before = time.process_time()
        for table in batches(size, rng):
            archive.append(table)
            for day in archive.days()[-1:]:
                if archive.parts(day) >= JOIN_AT:
                    archive.join(day, least=JOIN_AT)
        written = time.process_time() - before
        before = time.process_time()
        rows = sum(archive.compact(day) for day in archive.days())
        compacted = time.process_time() - before
        size_bytes = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
        last_day = archive.days()[-1]
        end_ms = (last_day.toordinal() - 719_163 + 1) * DAY_MS
        box = Box(0, 60 * DEGREE, 2 * DEGREE, 62 * DEGREE)
        report = {
            "write": rows / written,
            "compact": rows / compacted,
            "bytes": size_bytes / rows,
            "box": cpu_ms(lambda: archive.read(end_ms - DAY_MS // 4, end_ms, box=box)),
            "vessel": cpu_ms(lambda: archive.read(0, 2**53, mmsi=(200_000_050,))),
            "last": cpu_ms(lambda: last_positions(archive.read_parts(end_ms - DAY_MS, end_ms)))
            / min(rows, A_DAY)
            * 1e6,
            "grid": cpu_ms(lambda: density(archive.read_parts(0, 2**53), DEGREE)) / rows * 1e6,
        }
    report["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return report


def run() -> list[Row]:
    """Return the figures of every size."""
    shown = {
        "write": "positions/s", "compact": "positions/s", "bytes": "bytes a position", "box": "ms, 2 by 2 degrees of 6 hours",
        "vessel": "ms, one vessel's whole history", "last": "ms a million, last positions of a day", "grid": "ms a million, density grid",
        "peak": "MiB of memory at most",
    }  # fmt: skip
    rows = []
    for size in SIZES:
        done = subprocess.run(
            [sys.executable, __file__, str(size)], capture_output=True, text=True, check=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        report = json.loads(done.stdout)
        rows += [
            {
                "name": f"archive.{name}.{size // 1000}k",
                "value": report[name],
                "unit": unit,
                "peer": None,
                "ratio": None,
            }
            for name, unit in shown.items()
        ]
    return rows


if __name__ == "__main__":
    print(json.dumps(one(int(sys.argv[1]))))
