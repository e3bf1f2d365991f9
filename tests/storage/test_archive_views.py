"""What the archive shows, and that other engines read its files as they are."""

import datetime as dt
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.kernel.intervals import DAY_MS
from kizuna.storage.archive_views import density, last_positions
from kizuna.storage.positions import Box, PositionArchive

DEGREE = 600_000
START_MS = 20_000 * DAY_MS


def rows(seed: int, count: int = 2000, vessels: int = 30) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        [
            START_MS + rng.integers(0, 3 * DAY_MS, count), rng.integers(1, vessels + 1, count).astype(np.int32),
            rng.integers(-2 * DEGREE, 2 * DEGREE, count).astype(np.int32), rng.integers(-2 * DEGREE, 2 * DEGREE, count).astype(np.int32),
            pa.nulls(count, pa.int16()), pa.nulls(count, pa.int16()), pa.nulls(count, pa.int16()), pa.nulls(count, pa.int8()),
        ],
        schema=SCHEMA,
    )  # fmt: skip


def test_last_positions_are_the_newest_whatever_the_order_of_parts() -> None:
    whole = rows(1)
    parts = [whole.slice(at, 300) for at in range(0, 2000, 300)]
    found = last_positions(parts).sort_by("mmsi")
    newest: dict[int, int] = {}
    for row in whole.to_pylist():
        newest[row["mmsi"]] = max(newest.get(row["mmsi"], 0), row["time_ms"])
    assert dict(zip(found["mmsi"].to_pylist(), found["time_ms"].to_pylist(), strict=True)) == newest
    Random(2).shuffle(parts)
    assert last_positions([*parts, parts[0]]).sort_by("mmsi").equals(found)
    assert last_positions([]).num_rows == 0


def test_a_density_grid_counts_rows_and_vessels() -> None:
    whole = rows(2)
    found = density([whole.slice(0, 700), whole.slice(700)], DEGREE)
    cells: dict[tuple[int, int], list[int]] = {}
    for row in whole.to_pylist():
        key = row["lat_600000"] // DEGREE * DEGREE, row["lon_600000"] // DEGREE * DEGREE
        cells.setdefault(key, []).append(row["mmsi"])
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        (*key, len(mmsi), len(set(mmsi))) for key, mmsi in sorted(cells.items())
    ]
    with pytest.raises(RecordError, match="has no cells"):
        density([], 0)


def test_a_plain_dataset_reads_the_folders_as_they_are(tmp_path: Path) -> None:
    whole = rows(3)
    archive = PositionArchive(tmp_path)
    archive.append(whole.slice(0, 900))
    archive.append(whole.slice(900))
    read = ds.dataset(tmp_path, format="parquet").to_table()
    order = [(name, "ascending") for name in ("mmsi", "time_ms", "lat_600000", "lon_600000")]
    assert read.schema.equals(SCHEMA)
    assert read.sort_by(order).equals(whole.sort_by(order))
    assert archive.days()[0] == dt.date(1970, 1, 1) + dt.timedelta(days=20_000)


def test_a_box_over_180_degrees_and_one_vessel_are_found(tmp_path: Path) -> None:
    whole = rows(4)
    archive = PositionArchive(tmp_path)
    archive.append(whole)
    box = Box(0, DEGREE, 2 * DEGREE, -DEGREE)
    found = archive.read(START_MS, START_MS + DAY_MS, box=box, mmsi=[3])
    wanted = [
        row for row in whole.to_pylist()
        if row["time_ms"] < START_MS + DAY_MS and row["mmsi"] == 3 and row["lat_600000"] >= 0
        and (row["lon_600000"] >= DEGREE or row["lon_600000"] <= -DEGREE)
    ]  # fmt: skip
    assert found.num_rows == len(wanted) > 0
