"""Position tables.

One fixed Arrow schema, and the one byte encoding in which positions are signed and released.

A released blob is rebuilt from values, never cut from a buffer (`docs/wire`, positions): fixed schema, no
dictionaries,
no views, no metadata, null slots zero, offsets from 0, rows sorted, one batch, no compression. The receiver
decodes,
encodes again and compares, so that nothing can hide between the values. Filtering and coarsening before
release
are in `kizuna.domains.maritime.release_filter`; files are in `kizuna.storage.positions`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from kizuna.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from kizuna.formats.ais import PositionReport

SCHEMA_NAME = "maritime.positions.v1"
"""The wire name of the encoding; another schema gets another name."""

SCHEMA = pa.schema(
    [
        pa.field("time_ms", pa.int64(), nullable=False),
        pa.field("mmsi", pa.int32(), nullable=False),
        pa.field("lat_600000", pa.int32(), nullable=False),
        pa.field("lon_600000", pa.int32(), nullable=False),
        pa.field("speed_dkn", pa.int16()),
        pa.field("course_ddeg", pa.int16()),
        pa.field("heading_deg", pa.int16()),
        pa.field("nav_status", pa.int8()),
    ]
)
"""Columns of a position table; units are in the names, time is milliseconds UTC.

The source belongs to the batch.
"""

RANGES: dict[str, tuple[int, int]] = {
    "time_ms": (0, 2**53 - 1),
    "mmsi": (0, 2**30 - 1),
    "lat_600000": (-90 * 600_000, 90 * 600_000),
    "lon_600000": (-180 * 600_000, 180 * 600_000),
    "speed_dkn": (0, 10_220),
    "course_ddeg": (0, 3599),
    "heading_deg": (0, 359),
    "nav_status": (0, 15),
}
"""Least and greatest value of each column."""

MAX_BLOB_BYTES = 64 << 20
"""The largest blob that `parse_ipc` looks at."""

_SORT_ORDER = (
    "time_ms",
    "mmsi",
    "lat_600000",
    "lon_600000",
    "speed_dkn",
    "course_ddeg",
    "heading_deg",
    "nav_status",
)
_OPTIONS = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V5, compression=None)
_END = b"\xff\xff\xff\xff\0\0\0\0"


def empty() -> pa.Table:
    """Return a table of the schema without rows."""
    return SCHEMA.empty_table()


def from_reports(reports: Iterable[PositionReport], *, received_ms: int) -> pa.Table:
    """Return the reports that have a place as a table, in their order.

    Args:
        reports: decoded position reports.
        received_ms: the time of those whose feed gave none.
    """
    rows = [report for report in reports if report.lat_600000 is not None and report.lon_600000 is not None]
    columns: dict[str, list[int | None]] = {
        "time_ms": [received_ms if row.received_ms is None else row.received_ms for row in rows],
        "mmsi": [row.mmsi for row in rows],
        "lat_600000": [row.lat_600000 for row in rows],
        "lon_600000": [row.lon_600000 for row in rows],
        "speed_dkn": [row.speed_dkn for row in rows],
        "course_ddeg": [row.course_ddeg for row in rows],
        "heading_deg": [row.heading_deg for row in rows],
        "nav_status": [row.nav_status for row in rows],
    }
    return pa.table([pa.array(columns[field.name], type=field.type) for field in SCHEMA], schema=SCHEMA)


_Columns: TypeAlias = "dict[str, tuple[NDArray[np.int64], NDArray[np.bool_]]]"


def check(table: pa.Table) -> None:
    """Raise `RecordError` unless `table` has the schema and every value is in its range."""
    _check_schema(table)
    _checked(table)


def _check_schema(table: pa.Table) -> None:
    if not table.schema.equals(SCHEMA, check_metadata=True):
        raise RecordError(f"position table has another schema than `{SCHEMA_NAME}`: build it with that schema")


def _checked(table: pa.Table) -> _Columns:
    """Return every column's values and masks, each value in its range; the schema was checked before."""
    columns = {field.name: values_of(table, field.name) for field in SCHEMA}
    for name, (least, most) in RANGES.items():
        values, valid = columns[name]
        if not valid.all():
            if not SCHEMA.field(name).nullable:
                raise RecordError(f"column `{name}` of a position table has an empty cell: leave the row out")
            values = values[valid]
        if len(values) and (values.min() < least or values.max() > most):
            raise RecordError(f"column `{name}` of a position table leaves the range `{least}` to `{most}`")
    return columns


def values_of(table: pa.Table, name: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a column as 64-bit integers, zero in empty cells, and a mask of the cells that are not."""
    column = table.column(name).combine_chunks()
    if not column.null_count:
        return column.to_numpy(zero_copy_only=False).astype(np.int64), _full_mask(len(column))
    bits, data = (memoryview(buffer or b"") for buffer in column.buffers())
    start, end = column.offset, column.offset + len(column)
    valid = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[start:end].astype(np.bool_)
    values: NDArray[np.int64] = np.frombuffer(data, column.type.to_pandas_dtype())[start:end].astype(np.int64)
    values[~valid] = 0
    return values, valid


def _full_mask(count: int) -> NDArray[np.bool_]:
    return _FULL[:count] if count <= len(_FULL) else np.ones(count, dtype=np.bool_)


_FULL = np.ones(1 << 16, dtype=np.bool_)
_FULL.flags.writeable = False


def from_columns(columns: dict[str, tuple[NDArray[np.int64], NDArray[np.bool_]]]) -> pa.Table:
    """Return a table built from values and masks alone; what lies under an empty cell is gone."""
    return pa.Table.from_batches([_batch(_narrow(columns), 0, None)])


_Narrow: TypeAlias = "dict[str, tuple[NDArray[np.int64], NDArray[np.bool_] | None]]"
"""Columns as they are encoded: values of the schema's own width, zero in empty cells, and which cells are empty, None where none is."""


def _narrow(columns: _Columns) -> _Narrow:
    made: _Narrow = {}
    for name, (values, valid) in columns.items():
        full = bool(valid.all())
        narrow = values.astype(_WIDTHS[name])
        if not full:
            narrow[~valid] = 0
        made[name] = narrow, None if full else ~valid
    return made


def _sorted(columns: _Narrow, order: NDArray[np.int64] | None) -> _Narrow:
    if order is None:
        return columns
    return {
        name: (values[order], None if empty_cells is None else empty_cells[order])
        for name, (values, empty_cells) in columns.items()
    }


_WIDTHS = {field.name: field.type.to_pandas_dtype() for field in SCHEMA}


def _batch(columns: _Narrow, start: int, end: int | None) -> pa.RecordBatch:
    """Return rows `start` to `end` as a batch whose buffers hold these values and nothing else."""
    arrays = []
    for field in SCHEMA:
        values, empty_cells = columns[field.name]
        mask = None if empty_cells is None else empty_cells[start:end]
        arrays.append(
            pa.array(values[start:end], type=field.type, mask=None if mask is None or not mask.any() else mask)
        )
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _encoded(columns: _Narrow, start: int, end: int | None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA, options=_OPTIONS) as writer:
        writer.write_batch(_batch(columns, start, end))
    return sink.getvalue().to_pybytes()


def canonical_parts(table: pa.Table, groups: Sequence[NDArray[np.int64]]) -> list[Part]:
    """Return the rows of `table` cut by what `groups` say of each row, each part's canonical encoding with its key, in the order of the keys.

    The same bytes as `canonical_ipc` of each part by itself; values are judged, sorted and narrowed once for all.

    Raises:
        RecordError: another schema, an empty cell where none may be, or a value out of range.
    """
    _check_schema(table)
    columns = _checked(table)
    if not table.num_rows:
        return []
    order = _order(columns, groups)
    keys = [group if order is None else group[order] for group in groups]
    narrow = _sorted(_narrow(columns), order)
    times = narrow["time_ms"][0]
    changes = np.zeros(len(times), dtype=np.bool_)
    changes[0] = True
    for key in keys:
        changes[1:] |= key[1:] != key[:-1]
    starts = np.flatnonzero(changes).tolist()
    return [
        Part(
            key=tuple(int(key[start]) for key in keys),
            rows=end - start,
            first_ms=int(times[start]),
            last_ms=int(times[end - 1]),
            blob=_encoded(narrow, start, end),
        )
        for start, end in zip(starts, [*starts[1:], len(times)], strict=True)
    ]


class Part(NamedTuple):
    """Rows that belong together: their key, how many, their first and last time, and their canonical encoding."""

    key: tuple[int, ...]
    rows: int
    first_ms: int
    last_ms: int
    blob: bytes


def canonical_ipc(table: pa.Table) -> bytes:
    """Return the one encoding of the rows of `table`.

    An Arrow IPC stream of one batch, whatever made the table.

    Rows are sorted by time, vessel, latitude, longitude and then the other columns, empty cells first; equal
    rows stay.

    Raises:
        RecordError: another schema, an empty cell where none may be, or a value out of range.
    """
    _check_schema(table)
    columns = _checked(table)
    order = _order(columns)
    return _encoded(_sorted(_narrow(columns), order), 0, None)


def _order(columns: _Columns, groups: Sequence[NDArray[np.int64]] = ()) -> NDArray[np.int64] | None:
    """Return the order of the rows in canonical form, `groups` before all; None where they stand in it.

    Time and vessel nearly always settle it; only where they do not are the other columns asked.
    """
    first = [*groups, columns["time_ms"][0], columns["mmsi"][0]]
    if _ascends(first):
        return None
    order = np.lexsort(_packed(first)[::-1])
    if _ascends([key[order] for key in first]):
        return order
    # an empty cell is zero in `values`, so the mask settles the order between it and a true zero
    every = [*groups, *(key for name in SCHEMA.names for key in columns[name][::-1])]
    return np.lexsort(every[::-1])


def _packed(keys: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Return fewer keys of the same order: neighbours that fit into 63 bits together become one, for each costs a sort."""
    packed: list[NDArray[np.int64]] = []
    room = 0
    for key in keys:
        least = int(key.min())
        bits = (int(key.max()) - least).bit_length()
        if packed and bits <= room:
            packed[-1] = (packed[-1] << bits) | (key - least)
            room -= bits
        else:
            packed.append(key - least)
            room = 63 - bits
    return packed


def _ascends(keys: list[NDArray[np.int64]]) -> bool:
    """Return whether rows stand in the strict order of these keys, the first key first."""
    later = np.zeros(max(len(keys[0]) - 1, 0), dtype=np.bool_)
    for key in reversed(keys):
        later = (key[1:] > key[:-1]) | ((key[1:] == key[:-1]) & later)
    return bool(later.all())


def parse_ipc(data: bytes) -> pa.Table:
    """Return the table in a blob that another node made.

    Raises:
        RecordError: too large, not Arrow, another schema, a value out of range, or not the one canonical
            encoding.
    """
    if len(data) > MAX_BLOB_BYTES:
        raise RecordError(f"position blob has `{len(data)}` bytes, more than `{MAX_BLOB_BYTES}`: send smaller batches")
    _check_frame(data)
    try:
        with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
            batch = reader.read_next_batch()
            batch.validate(full=True)
            table = pa.Table.from_batches([batch])
    except (pa.ArrowException, StopIteration, ValueError, OSError) as error:
        raise RecordError(f"position blob is not an Arrow stream: {type(error).__name__}") from None
    if canonical_ipc(table) != data:
        raise RecordError("position blob is not in canonical form: encode it from its values again")
    return table


def _check_frame(data: bytes) -> None:
    """Refuse a blob whose frame differs from ours before Arrow looks at it, compressed buffers above all."""
    frame = _frame()
    at = len(frame.head)
    prefix = data[: at + len(frame.batch_prefix)]
    if data != frame.empty and (prefix != frame.head + frame.batch_prefix or not data.endswith(_END)):
        raise RecordError(f"position blob is not framed as `{SCHEMA_NAME}`: encode it from its values again")


class _Frame(NamedTuple):
    """The bytes that every blob shares."""

    head: bytes
    """The schema message."""
    batch_prefix: bytes
    """How the batch's message begins.

    Its mark and the length of its metadata, which a compressed one passes.
    """
    empty: bytes
    """The whole blob of no rows; its batch has shorter metadata."""


@cache
def _frame() -> _Frame:
    least = {field.name: 0 for field in SCHEMA}
    one = canonical_ipc(pa.Table.from_pylist([least], schema=SCHEMA))
    head_bytes = 8 + int.from_bytes(one[4:8], "little")
    return _Frame(one[:head_bytes], one[head_bytes : head_bytes + 8], canonical_ipc(empty()))
