"""AIS messages as Arrow tables: the columns, and the way from reports to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pyarrow as pa

from kizuna.formats.ais import AisMessage, PositionReport, StaticReport
from kizuna.formats.nmea import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CHUNK_BYTES = 1 << 22
"""Bytes that one pass reads; larger buffers fall out of the caches."""
STATION_TYPE = pa.dictionary(pa.int32(), pa.string())
_Fields: TypeAlias = "list[tuple[str, pa.DataType]]"
_POSITION_FIELDS: _Fields = [
    ("time_ms", pa.int64()), ("mmsi", pa.int32()), ("lat_600000", pa.int32()), ("lon_600000", pa.int32()),
    ("speed_dkn", pa.int16()), ("course_ddeg", pa.int16()), ("heading_deg", pa.int16()), ("nav_status", pa.int8()),
    ("msg_type", pa.int8()), ("own_ship", pa.bool_()), ("station", STATION_TYPE),
]  # fmt: skip
POSITIONS = pa.schema(_POSITION_FIELDS)
"""One row a position report, as `kizuna.formats.ais.PositionReport`; null is "not available", of the time: not told by the feed."""
_STATIC_FIELDS: _Fields = [
    ("time_ms", pa.int64()), ("mmsi", pa.int32()), ("msg_type", pa.int8()), ("imo_no", pa.int32()), ("name", pa.string()),
    ("callsign", pa.string()), ("ship_type", pa.int16()), ("length_m", pa.int16()), ("beam_m", pa.int16()),
    ("draught_dm", pa.int16()), ("destination", pa.string()), ("eta_month", pa.int8()), ("eta_day", pa.int8()),
    ("eta_hour", pa.int8()), ("eta_minute", pa.int8()), ("station", STATION_TYPE),
]  # fmt: skip
STATICS = pa.schema(_STATIC_FIELDS)
"""One row a static report, as `kizuna.formats.ais.StaticReport`."""


class Columns(NamedTuple):
    """What a chunk gave: tables by `POSITIONS` and `STATICS`, and what was set aside."""

    positions: pa.Table
    statics: pa.Table
    rejected: list[Rejected]


def columns_of(items: Iterable[AisMessage | Rejected]) -> Columns:
    """Return what the careful reader gave as tables."""
    rejected: list[Rejected] = []
    positions: list[tuple[PositionReport, bool]] = []
    statics: list[StaticReport] = []
    for item in items:
        if isinstance(item, Rejected):
            rejected.append(item)
            continue
        if item.position is not None:
            positions.append((item.position, item.own_ship))
        if item.static is not None:
            statics.append(item.static)
    return Columns(_position_table(positions), _static_table(statics), rejected)


def _position_table(reports: Sequence[tuple[PositionReport, bool]]) -> pa.Table:
    if not reports:
        return POSITIONS.empty_table()
    columns: list[list[object]] = [
        [report.received_ms for report, _ in reports], [report.mmsi for report, _ in reports],
        [report.lat_600000 for report, _ in reports], [report.lon_600000 for report, _ in reports],
        [report.speed_dkn for report, _ in reports], [report.course_ddeg for report, _ in reports],
        [report.heading_deg for report, _ in reports], [report.nav_status for report, _ in reports],
        [report.msg_type for report, _ in reports], [own for _, own in reports], [report.station for report, _ in reports],
    ]  # fmt: skip
    return _table(columns, POSITIONS)


_STATIC_NAMES = (
    "mmsi", "msg_type", "imo_no", "name", "callsign", "ship_type", "length_m", "beam_m", "draught_dm", "destination",
)  # fmt: skip


def _static_table(reports: Sequence[StaticReport]) -> pa.Table:
    if not reports:
        return STATICS.empty_table()
    columns: list[list[object]] = [[report.received_ms for report in reports]]
    columns += [[getattr(report, name) for report in reports] for name in _STATIC_NAMES]
    columns += [[None if report.eta is None else report.eta[part] for report in reports] for part in range(4)]
    columns += [[report.station for report in reports]]
    return _table(columns, STATICS)


def _table(columns: list[list[object]], schema: pa.Schema) -> pa.Table:
    made = [
        pa.array(values, pa.string()).dictionary_encode()
        if field.type == STATION_TYPE
        else pa.array(values, field.type)
        for values, field in zip(columns, schema, strict=True)
    ]
    return pa.table(made, schema=schema)


def joined(parts: Sequence[Columns]) -> Columns:
    """Return parts in their order as one; the stations of each part keep their own dictionary."""
    positions = [part.positions for part in parts if part.positions.num_rows]
    statics = [part.statics for part in parts if part.statics.num_rows]
    return Columns(
        pa.concat_tables(positions) if positions else POSITIONS.empty_table(),
        pa.concat_tables(statics) if statics else STATICS.empty_table(),
        [each for part in parts for each in part.rejected],
    )
