"""Positions for other programs: Parquet, GeoParquet, CSV, GeoJSON and MF-JSON, from tables of `positions_arrow.SCHEMA`, a part at a time.

Numbers become what people and programs expect: degrees, knots, ISO 8601 times; what was not told stays empty. Who may have which rows was decided
before: whoever reads a file is a recipient.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from kizuna.formats.positions_arrow import SCHEMA, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Form = Literal["parquet", "geoparquet", "csv", "geojson", "mf-json"]

DEGREE = 600_000
_PLACES = 6
"""Digits behind a degree's point: a tenth of a metre, finer than 1/600000 degree."""
_POINT_BYTES = 21

_FIELDS: list[pa.Field[Any]] = [
    pa.field("time", pa.timestamp("ms", "UTC")), pa.field("mmsi", pa.int32()), pa.field("lat_deg", pa.float64()),
    pa.field("lon_deg", pa.float64()), pa.field("speed_kn", pa.float64()), pa.field("course_deg", pa.float64()),
    pa.field("heading_deg", pa.int16()), pa.field("nav_status", pa.int8()),
]  # fmt: skip
OUT = pa.schema(_FIELDS)
"""Columns of what goes out."""

_GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}},
}
"""GeoParquet 1.1: longitude and latitude on WGS 84 where no reference system is named."""


def in_degrees(table: pa.Table) -> pa.Table:
    """Return the rows with the columns of `OUT`."""

    def scaled(name: str, unit: int, digits: int) -> Any:
        values: Any = table[name].cast(pa.float64())
        return pc.round(pc.divide(values, float(unit)), digits)

    return pa.table(
        [
            table["time_ms"].cast(pa.timestamp("ms", "UTC")), table["mmsi"], scaled("lat_600000", DEGREE, _PLACES),
            scaled("lon_600000", DEGREE, _PLACES), scaled("speed_dkn", 10, 1), scaled("course_ddeg", 10, 1), table["heading_deg"],
            table["nav_status"],
        ],
        schema=OUT,
    )  # fmt: skip


def write(form: Form, parts: Iterable[pa.Table], sink: BinaryIO) -> int:
    """Write the rows of the parts in their order, and return how many.

    MF-JSON gathers each vessel's rows, so it holds all of them; the others hold a part at a time.
    """
    return _WRITERS[form](parts, sink)


def _parquet(parts: Iterable[pa.Table], sink: BinaryIO) -> int:
    count = 0
    with pq.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
        for part in parts:
            writer.write_table(part)
            count += part.num_rows
    return count


def _geoparquet(parts: Iterable[pa.Table], sink: BinaryIO) -> int:
    schema = OUT.append(pa.field("geometry", pa.binary())).with_metadata({"geo": json.dumps(_GEO)})
    count = 0
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for part in parts:
            table = in_degrees(part)
            writer.write_table(table.append_column("geometry", _points(table)).cast(schema))
            count += part.num_rows
    return count


def _points(table: pa.Table) -> pa.Array[Any]:
    """Return the places as well-known binary points, little end first."""
    rows = np.zeros(table.num_rows, np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")]))
    rows["order"], rows["kind"] = 1, 1
    rows["x"], rows["y"] = (np.asarray(table[name].combine_chunks()) for name in ("lon_deg", "lat_deg"))
    ends = np.arange(table.num_rows + 1, dtype=np.int32) * _POINT_BYTES
    buffers: list[pa.Buffer | None] = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(rows.tobytes())]
    return pa.Array.from_buffers(pa.binary(), table.num_rows, buffers)


def _csv(parts: Iterable[pa.Table], sink: BinaryIO) -> int:
    sink.write(",".join(OUT.names).encode() + b"\n")
    count = 0
    for part in parts:
        table = in_degrees(part)
        times = pa.chunked_array(
            [pa.array([_iso(time_ms) for time_ms in values_of(part, "time_ms")[0].tolist()], pa.string())]
        )
        written = table.set_column(0, "time", times)
        pv.write_csv(written, sink, pv.WriteOptions(include_header=False, quoting_style="none"))
        count += part.num_rows
    return count


def _iso(time_ms: int) -> str:
    """Return an instant as ISO 8601 with milliseconds, the year having four digits until 9999."""
    return f"{np.datetime64(time_ms, 'ms')}Z"


def _geojson(parts: Iterable[pa.Table], sink: BinaryIO) -> int:
    sink.write(b'{"type":"FeatureCollection","features":[')
    count = 0
    for feature in _features(parts):
        sink.write((b",\n" if count else b"\n") + feature)
        count += 1
    sink.write(b"\n]}\n")
    return count


def _features(parts: Iterable[pa.Table]) -> Iterator[bytes]:
    for part in parts:
        times = values_of(part, "time_ms")[0].tolist()
        for time_ms, told in zip(times, in_degrees(part).drop_columns(["time"]).to_pylist(), strict=True):
            place = [told.pop("lon_deg"), told.pop("lat_deg")]
            known = {name: value for name, value in told.items() if value is not None}
            feature = {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": place},
                "properties": {"time": _iso(time_ms), **known},
            }
            yield json.dumps(feature, separators=(",", ":")).encode()


def _mf_json(parts: Iterable[pa.Table], sink: BinaryIO) -> int:
    """Write OGC Moving Features JSON (19-045r3): each vessel a moving point with its speed and course as temporal properties."""
    whole = pa.concat_tables([SCHEMA.empty_table(), *parts]).sort_by([("mmsi", "ascending"), ("time_ms", "ascending")])
    mmsi, times = (values_of(whole, name)[0] for name in ("mmsi", "time_ms"))
    distinct = np.ones(len(mmsi), np.bool_)
    distinct[1:] = (mmsi[1:] != mmsi[:-1]) | (times[1:] != times[:-1])  # a moving point is in one place at a time
    whole, mmsi = whole.filter(pa.array(distinct)), mmsi[distinct]
    starts = np.flatnonzero(np.concatenate(([True], mmsi[1:] != mmsi[:-1]))).tolist() if len(mmsi) else []
    sink.write(b'{"type":"FeatureCollection","features":[')
    for place, (begin, end) in enumerate(pairwise([*starts, len(mmsi)])):
        vessel = _moving(whole.slice(begin, end - begin), int(mmsi[begin]))
        sink.write((b",\n" if place else b"\n") + json.dumps(vessel, separators=(",", ":")).encode())
    sink.write(b"\n]}\n")
    return len(mmsi)


def _moving(rows: pa.Table, mmsi: int) -> dict[str, object]:
    degrees = in_degrees(rows)
    times = [_iso(time_ms) for time_ms in values_of(rows, "time_ms")[0].tolist()]
    places = [list(place) for place in zip(degrees["lon_deg"].to_pylist(), degrees["lat_deg"].to_pylist(), strict=True)]
    told: list[dict[str, object]] = []
    for name, unit in (("speed_kn", "KNT"), ("course_deg", "DEG")):
        known = [
            (time, value) for time, value in zip(times, degrees[name].to_pylist(), strict=True) if value is not None
        ]
        if known:
            series = {
                "type": "Measure",
                "form": unit,
                "values": [value for _, value in known],
                "interpolation": "Linear",
            }
            told.append({"datetimes": [time for time, _ in known], name: series})
    return {
        "type": "Feature",
        "temporalGeometry": {
            "type": "MovingPoint",
            "datetimes": times,
            "coordinates": places,
            "interpolation": "Linear",
        },
        "temporalProperties": told,
        "properties": {"mmsi": mmsi},
    }


_WRITERS: dict[Form, Callable[[Iterable[pa.Table], BinaryIO], int]] = {
    "parquet": _parquet,
    "geoparquet": _geoparquet,
    "csv": _csv,
    "geojson": _geojson,
    "mf-json": _mf_json,
}
FORMS: tuple[Form, ...] = tuple(_WRITERS)
