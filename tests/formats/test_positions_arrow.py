"""One table, one encoding: whatever made it, and with nothing between the values."""

import hashlib
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.formats.ais import PositionReport
from kizuna.formats.positions_arrow import (
    RANGES,
    SCHEMA,
    canonical_ipc,
    empty,
    from_reports,
    parse_ipc,
)

Row = dict[str, int | None]

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            field.name: (st.none() if field.nullable else st.nothing())
            | st.integers(*RANGES[field.name])
            | st.just(RANGES[field.name][0])
            for field in SCHEMA
        }
    ),
    max_size=12,
)


def table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def cells(one: Row) -> list[int]:
    return [-(10**9) if one[name] is None else one[name] or 0 for name in SCHEMA.names]


def row(**values: int | None) -> Row:
    full: Row = {
        "time_ms": 1_700_000_000_000,
        "mmsi": 419_000_001,
        "lat_600000": 7_800_000,
        "lon_600000": 48_300_000,
        "speed_dkn": 121,
        "course_ddeg": 900,
        "heading_deg": 91,
        "nav_status": 0,
    }
    return full | values


@given(ROWS, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_order_chunks_and_slices_change_nothing(rows: list[Row], rng: random.Random) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)
    cut = rng.randrange(len(rows) + 1)
    chunked = pa.concat_tables([table(shuffled[:cut]), table(shuffled[cut:])])
    sliced = table([row(mmsi=1), *shuffled, row(mmsi=2)]).slice(1, len(rows))
    blob = canonical_ipc(table(rows))
    assert canonical_ipc(chunked) == blob
    assert canonical_ipc(sliced) == blob
    parsed = parse_ipc(blob)
    assert sorted(map(cells, parsed.to_pylist())) == sorted(map(cells, rows))
    assert canonical_ipc(parsed) == blob


def test_rows_come_out_by_time_and_vessel() -> None:
    rows = [row(time_ms=2, mmsi=1), row(time_ms=1, mmsi=9), row(time_ms=1, mmsi=3)]
    parsed = parse_ipc(canonical_ipc(table(rows)))
    assert list(zip(parsed["time_ms"].to_pylist(), parsed["mmsi"].to_pylist(), strict=True)) == [
        (1, 3),
        (1, 9),
        (2, 1),
    ]


def test_the_golden_bytes_stay() -> None:
    blob = canonical_ipc(table([row(), row(mmsi=419_000_002, heading_deg=None)]))
    assert hashlib.sha256(blob).hexdigest() == GOLDEN


GOLDEN = "33f9fa52e8ccf3ff841c9a574adb78e92e078f225d1b1fd738074712f2508472"
"""If this changes with pyarrow, the wire changed: give the schema a new name, do not edit the digest."""


def test_withheld_values_leave_no_bytes() -> None:
    secret = 987_654_321
    rows = [row(mmsi=secret, lat_600000=11_223_344), row(), row(mmsi=secret), row(mmsi=419_000_003)]
    full = table(rows)
    needles = [secret.to_bytes(4, "little"), (11_223_344).to_bytes(4, "little")]
    kept = full.filter(pa.array([False, True, False, True]))
    for made in (kept, full.slice(1, 1), full.take([1, 3])):
        blob = canonical_ipc(made)
        assert not any(needle in blob for needle in needles)


def test_values_under_empty_cells_leave_no_bytes() -> None:
    hidden = pa.array([12_21], type=pa.int16()).buffers()[1]
    masked = pa.Array.from_buffers(pa.int16(), 1, [pa.py_buffer(b"\0"), hidden])
    assert masked.null_count == 1
    columns = table([row()])
    made = columns.set_column(4, SCHEMA.field("speed_dkn"), masked)
    assert (12_21).to_bytes(2, "little") in masked.buffers()[1].to_pybytes()
    assert canonical_ipc(made) == canonical_ipc(table([row(speed_dkn=None)]))


@pytest.mark.parametrize(
    "values",
    [
        {"lat_600000": 54_000_001},
        {"lon_600000": -108_000_001},
        {"mmsi": -1},
        {"time_ms": 2**53},
        {"course_ddeg": 3600},
        {"heading_deg": 360},
        {"nav_status": 16},
    ],
)
def test_values_out_of_range_are_refused(values: Row) -> None:
    with pytest.raises(RecordError, match=next(iter(values))):
        canonical_ipc(table([row(**values)]))


def test_another_schema_is_refused() -> None:
    with pytest.raises(RecordError, match="another schema"):
        canonical_ipc(table([row()]).append_column("name", pa.array(["x"])))
    with pytest.raises(RecordError, match="another schema"):
        canonical_ipc(table([row()]).replace_schema_metadata({"made_by": "x"}))


def stream(*tables: pa.Table, schema: pa.Schema = SCHEMA, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        for one in tables:
            writer.write_table(one)
    return sink.getvalue().to_pybytes()


def test_foreign_encodings_of_the_same_rows_are_refused() -> None:
    rows = table([row(time_ms=1), row(time_ms=2)])
    metadata = SCHEMA.with_metadata({"made_by": "x"})
    for blob in (
        stream(table([row(time_ms=2), row(time_ms=1)])),
        stream(rows.slice(0, 1), rows.slice(1, 1)),
        stream(rows, compression="zstd"),
        stream(rows.replace_schema_metadata({"made_by": "x"}), schema=metadata),
        canonical_ipc(rows) + b"\0",
        canonical_ipc(rows)[:-8],
        b"",
    ):
        with pytest.raises(RecordError):
            parse_ipc(blob)


@given(st.integers(0, 1400), st.integers(0, 255))
@settings(max_examples=300)
def test_a_changed_byte_never_reads_as_the_same_rows(at: int, byte: int) -> None:
    blob = bytearray(canonical_ipc(table([row(), row(mmsi=5, speed_dkn=None)])))
    at %= len(blob)
    changed = blob[at] != byte
    blob[at] = byte
    try:
        parsed = parse_ipc(bytes(blob))
    except RecordError:
        assert changed
    else:
        assert canonical_ipc(parsed) == bytes(blob)


def test_reports_become_rows_and_placeless_ones_are_left_out() -> None:
    report = PositionReport(1, 1, None, 600_000, 1_200_000, None, 10, None, 0, "rec")
    placeless = PositionReport(2, 1, 5, None, None, None, None, None, None, None)
    made = from_reports([report, placeless], received_ms=77)
    assert made.to_pylist() == [
        row(time_ms=77, mmsi=1, lat_600000=1_200_000, lon_600000=600_000, speed_dkn=None, course_ddeg=10)
        | {"heading_deg": None}
    ]
    assert parse_ipc(canonical_ipc(empty())).num_rows == 0
