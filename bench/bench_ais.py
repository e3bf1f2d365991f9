"""How fast AIS sentences become columns and Parquet: one thread, processor seconds, medians of paired rounds.

Peers are read in their own processes or libraries: `pyais` decodes and builds nothing; `aiscat` (GPL) is measured only where a Python of its own
is named (`KIZUNA_BENCH_PYTHON`), for it never enters the locks. Sentences are simulated unless recordings are at hand
(`KIZUNA_SHARED`), and repeated to a few megabytes.
"""

from __future__ import annotations

import json
import os
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
import pyarrow.parquet as pq
from pyais.exceptions import AISBaseException
from pyais.stream import IterMessages

from kizuna.domains.maritime.traffic import Traffic
from kizuna.formats.ais_columns import ColumnReader
from kizuna.formats.ais_passes import Passes, compile_all
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.storage.positions import PositionArchive

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("KIZUNA_SHARED", ROOT.parent / "shared"))
RECORDED = SHARED / "data" / "ais" / "nmea"
PEERS = os.environ.get("KIZUNA_BENCH_PYTHON", "")
ROUNDS = 5
SENTENCES = 8_000
BYTES = 16 << 20
PIECE = 1 << 23
START_MS = 1_790_000_000_000
DEGREE = 600_000

Row = dict[str, Any]


def row(name: str, value: float, unit: str, peer: str | None, ratio: float | None) -> Row:
    """Return one figure."""
    return {"name": name, "value": value, "unit": unit, "peer": peer, "ratio": ratio}


def cpu_s(work: Callable[[], object]) -> float:
    """Return the processor seconds that a call takes."""
    before = time.process_time()
    work()
    return time.process_time() - before


def lines_of(*, tag: bool) -> list[bytes]:
    """Return distinct sentences, with TAG blocks or without."""
    path = RECORDED / "gfw_nmea-with-tagblock.txt"
    if path.exists():
        lines = [line for line in path.read_bytes().splitlines() if line]
    else:
        lines = [line.strip() for line in Traffic(7, 1500, START_MS).history(1)][: 2 * SENTENCES]
    lines = lines[:SENTENCES]
    return lines if tag else [line.rpartition(b"\\")[2] for line in lines]


def decode_with_pyais(lines: list[bytes]) -> int:
    """Decode every message, as a reader of `pyais` does."""
    count = 0
    for sentence in IterMessages(lines):
        try:
            sentence.decode()
        except AISBaseException:
            continue
        count += 1
    return count


def columns_of(data: bytes, passes: Passes) -> ColumnReader:
    """Read data into columns, a piece at a time; the tables go as they come."""
    reader = ColumnReader(lambda: passes)
    for begin in range(0, len(data), PIECE):
        reader.feed(data[begin : begin + PIECE])
    reader.close()
    return reader


def repeated(lines: list[bytes]) -> tuple[bytes, int]:
    """Return the lines again and again up to the size of the bench, and how often."""
    once = b"\n".join(lines) + b"\n"
    times = max(1, BYTES // len(once))
    return once * times, times


def decoding(name: str, *, tag: bool) -> Row:
    """Measure the decoder against `pyais`, in turns; the two must count the same."""
    lines = lines_of(tag=tag)
    data, times = repeated(lines)
    reader = columns_of(data, Passes())
    assert reader.counts.readable_by_type().total() == times * decode_with_pyais(lines)
    ratios, rates = [], []
    for _ in range(ROUNDS):
        ours = cpu_s(lambda: columns_of(data, Passes())) / (len(lines) * times)
        theirs = cpu_s(lambda: decode_with_pyais(lines)) / len(lines)
        ratios.append(theirs / ours)
        rates.append(1 / ours)
    return row(name, statistics.median(rates), "sentences/s", "pyais", statistics.median(ratios))


def to_parquet() -> list[Row]:
    """Measure sentences to a sorted Parquet archive against `pyais` into a table of the same columns, and the bytes of a position."""
    lines = lines_of(tag=True)
    data, times = repeated(lines)

    def ours(folder: Path) -> None:
        reader, tables = ColumnReader(Passes), []
        for begin in range(0, len(data), PIECE):
            found = reader.feed(data[begin : begin + PIECE]).positions
            tables.append(found.filter(found["lat_600000"].is_valid()).select(SCHEMA.names).cast(SCHEMA))
        PositionArchive(folder).append(pa.concat_tables(tables))

    def theirs(folder: Path) -> None:
        rows = []
        for sentence in IterMessages(lines):
            try:
                message = sentence.decode()
            except AISBaseException:
                continue
            if hasattr(message, "lat"):
                rows.append(
                    {
                        "mmsi": message.mmsi,
                        "lat": message.lat,
                        "lon": message.lon,
                        "speed": getattr(message, "speed", None),
                    }
                )
        pq.write_table(pa.Table.from_pylist(rows), folder / "pyais.parquet", compression="zstd")

    ratios, rates = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            own = cpu_s(lambda folder=folder: ours(Path(folder) / "archive")) / (len(lines) * times)  # type: ignore[misc] # bound now
            peer = cpu_s(lambda folder=folder: theirs(Path(folder))) / len(lines)  # type: ignore[misc] # bound now
        ratios.append(peer / own)
        rates.append(1 / own)
    return [
        row("ais.to_parquet/pyais", statistics.median(rates), "sentences/s", "pyais", statistics.median(ratios)),
        _bytes_a_position(),
    ]


def history() -> pa.Table:
    """Return positions of one day: recorded ones where they are at hand, simulated ones otherwise."""
    path = SHARED / "data" / "ais" / "positions" / "NYHarbor_2020_12_first_week.parquet"
    if path.exists():
        return _recorded(path)
    reader = ColumnReader(Passes)
    found = reader.feed(b"".join(Traffic(7, 400, START_MS).history(6))).positions
    return found.filter(found["lat_600000"].is_valid()).select(SCHEMA.names).cast(SCHEMA)


def _recorded(path: Path) -> pa.Table:
    """Return recorded positions; the recording has no speeds and courses, so those are what leads from row to row."""
    table = pq.read_table(path).sort_by([("mmsi", "ascending"), ("t", "ascending")])
    at_ms = np.asarray(table["t"].cast(pa.timestamp("ms")).cast(pa.int64()))
    mmsi = np.asarray(table["mmsi"]).astype(np.int32)
    lat, lon = (np.rint(np.asarray(table[name]) * DEGREE).astype(np.int64) for name in ("lat", "lon"))
    hours = np.maximum(1e-3, np.diff(at_ms, append=at_ms[-1] + 1000) / 3_600_000)
    north, east = (
        np.diff(lat, append=lat[-1:]) / 10_000,
        np.diff(lon, append=lon[-1:]) / 10_000 * np.cos(np.radians(lat / DEGREE)),
    )
    speed = np.minimum(1022, np.hypot(north, east) / hours * 10).astype(np.int16)
    course = (np.degrees(np.arctan2(east, north)) * 10 % 3600).astype(np.int16) % 3600
    empty = pa.nulls(len(mmsi), pa.int16())
    arrays = [at_ms, mmsi, lat.astype(np.int32), lon.astype(np.int32), speed, course, empty, empty.cast(pa.int8())]
    return pa.table(arrays, schema=SCHEMA)


def _bytes_a_position() -> Row:
    table = history()
    with tempfile.TemporaryDirectory() as folder:
        archive = PositionArchive(Path(folder))
        archive.append(table)
        rows = sum(archive.compact(day) for day in archive.days())
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    return row("archive.bytes_per_position", size / rows, "bytes", None, None)


_AISCAT = """
import sys, time, json
import aiscat
lines = open(sys.argv[1], "rb").read()
a = time.process_time()
columns = {}
count = 0
for message in aiscat.iter_decode([lines]):
    for name in ("mmsi", "lat", "lon", "speed", "course", "heading", "type"):
        columns.setdefault(name, []).append(message.get(name))
    count += 1
import numpy as np
for name, values in columns.items():
    np.array([np.nan if v is None else v for v in values], dtype=float)
b = time.process_time()
print(json.dumps({"lines": lines.count(b"\\n"), "s": b - a, "count": count}))
"""


def aiscat() -> list[Row]:
    """Measure the decoder against `aiscat` into columns, where a Python that has it is named."""
    lines = lines_of(tag=False)
    found = peer(_AISCAT, lambda path: Path(path).write_bytes(b"\n".join(lines * 20) + b"\n"), ".nmea")
    data, times = repeated(lines)
    rate = statistics.median(len(lines) * times / cpu_s(lambda: columns_of(data, Passes())) for _ in range(ROUNDS))
    theirs = found["lines"] / found["s"] if found else None
    return [
        row(
            "ais.decode.plain/aiscat-columns",
            rate,
            "sentences/s",
            "aiscat" if theirs else None,
            rate / theirs if theirs else None,
        )
    ]


def peer(code: str, write: Callable[[str], object], suffix: str) -> dict[str, float]:
    """Return what a peer's own process prints, nothing where there is none or it cannot run."""
    if not PEERS:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / f"input{suffix}")
        write(path)
        done = subprocess.run([PEERS, "-W", "ignore", "-c", code, path], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"peer left out: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


_COLD = """
import time
begun = time.perf_counter()
from kizuna.formats.ais_columns import ColumnReader, WORTH_BYTES
from kizuna.node.maritime.warming import Warming
warming = Warming()
reader = ColumnReader(warming.passes)
reader.feed(b"!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24\\n")
first = time.perf_counter() - begun
warming.wait()
print(first, time.perf_counter() - begun)
"""


def starting() -> list[Row]:
    """Measure how long the first result and the passes take, with an empty cache and with a full one: elapsed seconds of a new process."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "warm"):
            done = subprocess.run(
                [sys.executable, "-c", _COLD],
                env={**os.environ, "NUMBA_CACHE_DIR": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            first, ready = map(float, done.stdout.split())
            out += [
                row(f"ais.start.{name}.first", first, "s", None, None),
                row(f"ais.start.{name}.passes", ready, "s", None, None),
            ]
    return out


def run() -> list[Row]:
    """Return all figures of this file."""
    compile_all()
    return [
        decoding("ais.decode.plain/pyais", tag=False),
        decoding("ais.decode.tag/pyais", tag=True),
        *aiscat(),
        *to_parquet(),
        *starting(),
    ]
