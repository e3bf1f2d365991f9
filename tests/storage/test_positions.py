"""The archive gives back what was put in, by day, place and vessel, and is small."""

import datetime as dt
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import SCHEMA, canonical_ipc
from kizuna.kernel.intervals import DAY_MS
from kizuna.storage.positions import Box, PositionArchive

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("KIZUNA_SHARED", ROOT.parent / "shared"))
if not SHARED.exists():
    SHARED = ROOT.parents[1] / "shared"
HARBOUR = SHARED / "data" / "ais" / "positions" / "NYHarbor_2020_12_first_week.parquet"

START = 20_000 * DAY_MS
Row = dict[str, int | None]


def row(time_ms: int, mmsi: int = 1, lat: int = 0, lon: int = 0, speed: int | None = None) -> Row:
    empty = dict.fromkeys(("course_ddeg", "heading_deg", "nav_status"))
    where = {"time_ms": time_ms, "mmsi": mmsi, "lat_600000": lat, "lon_600000": lon, "speed_dkn": speed}
    return where | empty


def table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


ROWS = st.lists(
    st.builds(
        row,
        st.integers(START - DAY_MS, START + DAY_MS),
        st.integers(1, 3),
        st.integers(-5, 5),
        st.integers(-5, 5),
        st.none() | st.integers(0, 5),
    ),
    max_size=12,
)


@given(
    st.lists(ROWS, max_size=3),
    st.integers(START - DAY_MS, START + DAY_MS),
    st.integers(0, DAY_MS),
    st.none() | st.builds(Box, *[st.integers(-5, 5)] * 4),
    st.none() | st.sets(st.integers(1, 3)),
)
@settings(max_examples=40, deadline=None)
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[Row]],
    from_ms: int,
    length: int,
    box: Box | None,
    mmsi: set[int] | None,
) -> None:
    archive = PositionArchive(tmp_path_factory.mktemp("archive") / "positions")
    for batch in batches:
        archive.append(table(batch))

    def wanted(one: Row) -> bool:
        lat, lon, time_ms = one["lat_600000"] or 0, one["lon_600000"] or 0, one["time_ms"] or 0
        if mmsi is not None and one["mmsi"] not in mmsi:
            return False
        if box is not None:
            west, east = lon >= box.west, lon <= box.east
            if not (box.south <= lat <= box.north and ((west and east) if box.west <= box.east else west or east)):
                return False
        return from_ms <= time_ms < from_ms + length

    rows = [one for batch in batches for one in batch if wanted(one)]
    read = archive.read(from_ms, from_ms + length, box=box, mmsi=mmsi)
    assert canonical_ipc(read) == canonical_ipc(table(rows))
    keys = list(zip(read["mmsi"].to_pylist(), read["time_ms"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_days_are_folders_and_compact_joins_their_parts(tmp_path: Path) -> None:
    archive = PositionArchive(tmp_path / "positions")
    assert archive.days() == []
    assert archive.compact(dt.date(2024, 10, 4)) == 0
    archive.append(table([row(START), row(START + DAY_MS)]))
    archive.append(table([row(START), row(START + 5, speed=7)]))
    archive.append(table([]))
    days = [dt.date(2024, 10, 4), dt.date(2024, 10, 5)]
    assert archive.days() == days
    assert archive.read(START, START + 10).num_rows == 3
    assert archive.compact(days[0]) == 2
    assert len(list((archive.root / "2024-10-04").iterdir())) == 1
    assert archive.read(0, 2**53).num_rows == 3
    assert archive.compact(days[0]) == 2
    archive.append(table([row(START + 9)]))
    assert archive.read(START, START + 10).num_rows == 3


def test_a_file_says_from_which_entries_its_rows_are_however_it_was_joined(tmp_path: Path) -> None:
    archive = PositionArchive(tmp_path, most_rows=6)
    other_day = START + DAY_MS
    archive.append(table([row(START), row(START + 1, mmsi=2), row(other_day)]), np.array([7, 2**40, 9]))
    archive.append(table([row(START + 2, mmsi=3)]), np.array([11]))
    today, tomorrow = archive.days()
    said = [entries.tolist() for entries in archive.entries(today).values() if entries is not None]
    assert said == [[7, 2**40], [11]]
    assert [each.tolist() for each in archive.entries(tomorrow).values() if each is not None] == [[9]]
    archive.join(today)
    assert [each.tolist() for each in archive.entries(today).values() if each is not None] == [[7, 11, 2**40]]
    archive.append(table([row(START + 3, mmsi=k) for k in range(4, 8)]), np.array([12, 12, 13, 13]))
    archive.compact(today)
    assert archive.parts(today) == 2  # each may have rows of each entry
    assert {tuple(each.tolist()) for each in archive.entries(today).values() if each is not None} == {
        (7, 11, 12, 13, 2**40)
    }
    archive.append(table([row(START + 4)]))
    archive.compact(today)
    assert set(archive.entries(today).values()) == {None}  # of some it is not told, so of all
    left = archive.root / today.isoformat() / "part-00000099.tmp"
    left.write_bytes(b"half")
    archive.sweep()
    assert not left.exists()


def test_a_crash_while_writing_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = PositionArchive(tmp_path)
    archive.append(table([row(START)]))

    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        archive.append(table([row(START + 1)]))
    monkeypatch.undo()
    assert archive.read(0, 2**53).num_rows == 1
    archive.append(table([row(START + 1)]))
    assert archive.read(0, 2**53).num_rows == 2


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    archive = PositionArchive(tmp_path)
    archive.append(table([row(START)]))
    (part,) = (tmp_path / "2024-10-04").iterdir()
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(RecordError, match="2024-10-04/part-00000000"):
        archive.read(0, 2**53)
    with pytest.raises(RecordError, match="schema"):
        archive.append(pa.table({"x": [1]}))


@pytest.mark.skipif(not HARBOUR.exists(), reason="the shared recordings are not here (KIZUNA_SHARED)")
def test_a_real_week_is_small(tmp_path: Path) -> None:
    source = pq.read_table(HARBOUR)
    lat, lon = (pc.round(pc.multiply(source[name], 600_000)).cast(pa.int32()) for name in ("lat", "lon"))
    times = source["t"].cast(pa.timestamp("ms")).cast(pa.int64())
    missing = [pa.nulls(source.num_rows, field.type) for field in list(SCHEMA)[4:]]
    rows = pa.table([times, source["mmsi"].cast(pa.int32()), lat, lon, *missing], schema=SCHEMA)
    archive = PositionArchive(tmp_path)
    archive.append(rows)
    size = sum(part.stat().st_size for part in tmp_path.rglob("*.parquet"))
    assert size / rows.num_rows < 10  # without speed, course, heading and status
    assert archive.read(0, 2**53).num_rows == rows.num_rows
    assert len(archive.days()) == 7


@given(st.lists(ROWS, min_size=1, max_size=6), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_joining_and_compacting_keep_each_row_however_few_may_be_held(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Row]], most_rows: int
) -> None:
    archive = PositionArchive(tmp_path_factory.mktemp("archive") / "positions", most_rows=most_rows)
    for batch in batches:
        archive.append(table(batch))
    wanted = {tuple(one.values()) for batch in batches for one in batch}
    for day in archive.days():
        before = archive.parts(day)
        assert archive.join(day) <= before
    assert {tuple(one.values()) for one in archive.read(0, 2**53).to_pylist()} == wanted
    total = sum(archive.compact(day) for day in archive.days())
    read = archive.read(0, 2**53)
    assert read.num_rows == total == len(wanted)
    assert {tuple(one.values()) for one in read.to_pylist()} == wanted
    for day in archive.days():
        stretches = archive.stretches(day)
        assert [each.first for each in stretches[1:]] == [each.last + 1 for each in stretches[:-1]]
        one_vessel = max(Counter(each["mmsi"] for each in read.to_pylist()).values())
        for part in sorted((archive.root / day.isoformat()).iterdir()):
            assert pq.read_metadata(part).num_rows <= max(most_rows, one_vessel)


def test_a_day_that_grows_is_written_again_only_a_few_times(tmp_path: Path) -> None:
    archive = PositionArchive(tmp_path, most_rows=1000)
    written = 0
    for step in range(200):
        archive.append(table([row(START + step * 10 + k, mmsi=k) for k in range(1, 11)]))
        day = archive.days()[0]
        if archive.parts(day) >= 12:
            assert archive.join(day, least=99) == archive.parts(day)
            before = {part.name for part in (tmp_path / day.isoformat()).iterdir()}
            archive.join(day)
            fresh = {part for part in (tmp_path / day.isoformat()).iterdir() if part.name not in before}
            written += sum(pq.read_metadata(part).num_rows for part in fresh)
    assert written < 12 * 2000
    assert archive.parts(day) <= 2000 // 500 + 12
    assert archive.read(0, 2**53).num_rows == 2000
    some = archive.read(0, 2**53).slice(0, 10)
    before = archive.digests(day)
    assert all(len(digest) == 64 and name.startswith(day.isoformat()) for name, digest in before.items())
    parts = archive.entries(day)
    assert set(parts.values()) == {None}  # nobody told
    assert archive.replace(list(parts), pa.concat_tables([some, some]), np.array([3, 9]))
    assert archive.read(0, 2**53).equals(some)
    ((part, entries),) = archive.entries(day).items()
    assert entries is not None
    assert entries.tolist() == [3, 9]
    assert not archive.replace(list(parts), some, np.array([3]))  # they are there no more
    assert len(archive.digests(day)) == 1
    assert not archive.digests(day).items() & before.items()
    assert archive.replace([part], SCHEMA.empty_table(), np.array([], np.int64))
    assert archive.days() == []
