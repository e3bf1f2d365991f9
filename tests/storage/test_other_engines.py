"""DuckDB and Polars read the archive's folders as they are, and answer as our own queries do."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from kizuna.formats.positions_arrow import SCHEMA
from kizuna.kernel.intervals import DAY_MS
from kizuna.storage.archive_views import density, last_positions
from kizuna.storage.positions import Box, PositionArchive
from tests.storage.test_archive_views import DEGREE, START_MS, rows

FROM_MS, TO_MS = START_MS + DAY_MS // 2, START_MS + 2 * DAY_MS
BOX = Box(-DEGREE, -DEGREE // 2, DEGREE // 3, DEGREE)
VESSEL = 7
ORDER = ("mmsi", "time_ms", "lat_600000", "lon_600000")
Rows = list[tuple[int | None, ...]]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> PositionArchive:
    """An archive of several parts, one day of it in order, some values not told; no two rows of a vessel have one time."""
    archive = PositionArchive(tmp_path_factory.mktemp("positions"))
    whole = rows(9)
    times = np.unique(np.asarray(whole["time_ms"]))
    whole = whole.slice(0, len(times)).set_column(0, SCHEMA.field("time_ms"), pa.array(times))
    speeds = pa.array([None if k % 3 else k % 1022 for k in range(whole.num_rows)], pa.int16())
    whole = whole.set_column(4, SCHEMA.field("speed_dkn"), speeds)
    for at in range(0, whole.num_rows, 400):
        archive.append(whole.slice(at, 400))
    archive.compact(archive.days()[1])
    return archive


def ours(table: pa.Table, columns: tuple[str, ...] = tuple(SCHEMA.names)) -> Rows:
    return sorted(zip(*(table[name].to_pylist() for name in columns), strict=True), key=repr)


def duck(archive: PositionArchive, sql: str) -> Rows:
    source = f"read_parquet('{archive.root}/*/*.parquet')"
    with duckdb.connect() as db:
        return sorted(db.execute(sql.format(source)).fetchall(), key=repr)


def scan(archive: PositionArchive) -> pl.LazyFrame:
    return pl.scan_parquet(archive.root / "*" / "*.parquet")


def polar(frame: pl.LazyFrame) -> Rows:
    return sorted(frame.collect().rows(), key=repr)


def test_the_last_position_of_each_vessel(archive: PositionArchive) -> None:
    wanted = ours(last_positions(archive.read_parts(0, 2**53)))
    assert len(wanted) == 30
    assert duck(archive, "SELECT DISTINCT ON (mmsi) * FROM {} ORDER BY mmsi, time_ms DESC") == wanted
    assert polar(scan(archive).filter(pl.col("time_ms") == pl.col("time_ms").max().over("mmsi"))) == wanted


def test_a_box_in_a_time(archive: PositionArchive) -> None:
    wanted = ours(archive.read(FROM_MS, TO_MS, box=BOX))
    assert wanted
    sql = (
        f"SELECT * FROM {{}} WHERE time_ms >= {FROM_MS} AND time_ms < {TO_MS} AND lat_600000 BETWEEN {BOX.south} AND {BOX.north}"
        f" AND lon_600000 BETWEEN {BOX.west} AND {BOX.east}"
    )
    assert duck(archive, sql) == wanted
    lat, lon = (
        pl.col("lat_600000").is_between(BOX.south, BOX.north),
        pl.col("lon_600000").is_between(BOX.west, BOX.east),
    )
    assert (
        polar(scan(archive).filter(pl.col("time_ms").is_between(FROM_MS, TO_MS, closed="left") & lat & lon)) == wanted
    )


def test_the_history_of_one_vessel(archive: PositionArchive) -> None:
    wanted = archive.read(0, 2**53, mmsi=[VESSEL])
    told = [tuple(row.values()) for row in wanted.to_pylist()]
    assert len(told) > 20
    assert any(row[4] is None for row in told)
    with duckdb.connect() as db:
        sql = f"SELECT * FROM read_parquet('{archive.root}/*/*.parquet') WHERE mmsi = {VESSEL} ORDER BY time_ms"
        assert db.execute(sql).fetchall() == told
    assert scan(archive).filter(pl.col("mmsi") == VESSEL).sort("time_ms").collect().rows() == told


def test_a_density_grid(archive: PositionArchive) -> None:
    wanted = ours(density(archive.read_parts(0, 2**53), DEGREE), ("south_600000", "west_600000", "rows", "vessels"))
    assert len(wanted) == 16
    cells = [f"CAST(floor(CAST({axis}_600000 AS DOUBLE) / {DEGREE}) AS BIGINT) * {DEGREE}" for axis in ("lat", "lon")]
    assert duck(archive, f"SELECT {', '.join(cells)}, count(*), count(DISTINCT mmsi) FROM {{}} GROUP BY 1, 2") == wanted
    grid = [(pl.col(f"{axis}_600000") // DEGREE * DEGREE).alias(axis) for axis in ("lat", "lon")]
    counted = scan(archive).group_by(grid).agg(pl.len(), pl.col("mmsi").n_unique())
    assert polar(counted) == wanted
