"""Positions in other programs' forms say what the rows say."""

import csv
import io
import json
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kizuna.formats.positions_arrow import SCHEMA
from kizuna.formats.positions_out import FORMS, Form, write

ROWS = [
    {"time_ms": 1_700_000_000_123, "mmsi": 419_000_001, "lat_600000": 6_000_001, "lon_600000": -48_000_000, "speed_dkn": 123,
     "course_ddeg": 3599, "heading_deg": 359, "nav_status": 0},
    {"time_ms": 1_700_000_060_000, "mmsi": 419_000_001, "lat_600000": 6_000_601, "lon_600000": -48_000_600, "speed_dkn": None,
     "course_ddeg": None, "heading_deg": None, "nav_status": None},
    {"time_ms": 1_700_000_000_000, "mmsi": 4_310_001, "lat_600000": -54_000_000, "lon_600000": 108_000_000, "speed_dkn": 0,
     "course_ddeg": 0, "heading_deg": None, "nav_status": 15},
]  # fmt: skip
PARTS = [pa.Table.from_pylist(ROWS[:2], schema=SCHEMA), pa.Table.from_pylist(ROWS[2:], schema=SCHEMA)]


def written(form: Form, parts: list[pa.Table]) -> bytes:
    sink = io.BytesIO()
    assert write(form, parts, sink) == sum(part.num_rows for part in parts)
    return sink.getvalue()


def test_parquet_is_the_archives_own_columns() -> None:
    assert pq.read_table(pa.BufferReader(written("parquet", PARTS))).equals(pa.concat_tables(PARTS))


def test_geoparquet_names_its_geometry_and_its_points_are_the_places() -> None:
    table = pq.read_table(pa.BufferReader(written("geoparquet", PARTS)))
    geo = json.loads(table.schema.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["columns"]["geometry"] == {"encoding": "WKB", "geometry_types": ["Point"]}
    points = [struct.unpack("<BIdd", each) for each in table["geometry"].to_pylist()]
    assert points == [
        (1, 1, x, y) for x, y in zip(table["lon_deg"].to_pylist(), table["lat_deg"].to_pylist(), strict=True)
    ]
    assert points[0] == (1, 1, -80.0, 10.000002)


def test_csv_has_degrees_knots_and_instants_and_leaves_empty_what_was_not_told() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv", PARTS).decode())))
    assert rows[0] == {
        "time": "2023-11-14T22:13:20.123Z", "mmsi": "419000001", "lat_deg": "10.000002", "lon_deg": "-80", "speed_kn": "12.3",
        "course_deg": "359.9", "heading_deg": "359", "nav_status": "0",
    }  # fmt: skip
    assert (rows[1]["speed_kn"], rows[1]["nav_status"]) == ("", "")
    assert len(rows) == 3


def test_geojson_has_a_point_for_each_row() -> None:
    found = json.loads(written("geojson", PARTS))
    assert [each["geometry"]["coordinates"] for each in found["features"]] == [
        [-80.0, 10.000002],
        [-80.001, 10.001002],
        [180.0, -90.0],
    ]
    assert found["features"][1]["properties"] == {"time": "2023-11-14T22:14:20.000Z", "mmsi": 419_000_001}


def test_mf_json_has_a_moving_point_for_each_vessel() -> None:
    found = json.loads(written("mf-json", PARTS))["features"]
    assert [each["properties"]["mmsi"] for each in found] == [4_310_001, 419_000_001]
    moving = found[1]["temporalGeometry"]
    assert moving["type"] == "MovingPoint"
    assert moving["datetimes"] == ["2023-11-14T22:13:20.123Z", "2023-11-14T22:14:20.000Z"]
    assert len(moving["coordinates"]) == 2
    assert found[1]["temporalProperties"][0]["speed_kn"]["values"] == [12.3]


@pytest.mark.parametrize("form", FORMS)
def test_no_rows_are_a_file_too(form: Form) -> None:
    data = written(form, [])
    if form.endswith("json"):
        assert json.loads(data)["features"] == []
    elif form.endswith("parquet"):
        assert pq.read_table(pa.BufferReader(data)).num_rows == 0
    else:
        assert data.count(b"\n") == 1
