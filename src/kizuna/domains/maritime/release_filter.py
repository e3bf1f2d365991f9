"""What a release does to a position table: choose rows, drop columns, coarsen place and time.

Vectorised and pure.

Which rows and how coarse is decided elsewhere, by the instruments; this module only does it. The result is
built from
values, so that nothing of what was left out stays in a buffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import SCHEMA, from_columns, values_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A box of latitudes and longitudes, edges included, in 1/600000 degree.

    West greater than east crosses 180 degrees.
    """

    east_600000: int
    north_600000: int
    south_600000: int
    west_600000: int


class Transformation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to a table before release."""

    areas: tuple[Area, ...] | None = None
    """Rows inside at least one of these stay; None keeps every row, an empty tuple keeps none."""
    coarsen_600000: int = 1
    """Step of the grid to which latitude and longitude snap, 1/600000 degree; 1 leaves them."""
    drop_fields: frozenset[str] = frozenset()
    """Columns that are emptied; only those that may be empty."""
    exclude_mmsi: frozenset[int] = frozenset()
    """Vessels whose rows go."""
    time_step_ms: int = 1
    """Step to which times snap; 1 leaves them."""


def row_mask(table: pa.Table, transformation: Transformation) -> NDArray[np.bool_]:
    """Return which rows of `table` stay; places are judged before they are coarsened."""
    mask = np.ones(table.num_rows, dtype=np.bool_)
    if transformation.exclude_mmsi:
        excluded = np.fromiter(transformation.exclude_mmsi, dtype=np.int64)
        mask &= ~np.isin(values_of(table, "mmsi")[0], excluded)
    if transformation.areas is not None:
        lat, lon = values_of(table, "lat_600000")[0], values_of(table, "lon_600000")[0]
        inside = np.zeros(table.num_rows, dtype=np.bool_)
        for area in transformation.areas:
            inside |= in_area(lat, lon, area)
        mask &= inside
    return mask


def in_area(lat: NDArray[np.int64], lon: NDArray[np.int64], area: Area) -> NDArray[np.bool_]:
    """Return which places, in 1/600000 degree, lie in `area`, its edges included."""
    high = (lat >= area.south_600000) & (lat <= area.north_600000)
    if area.west_600000 <= area.east_600000:
        return high & (lon >= area.west_600000) & (lon <= area.east_600000)
    return high & ((lon >= area.west_600000) | (lon <= area.east_600000))


def snap(values: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Return each value as the lower edge of its cell on the fixed grid through zero.

    The grid never moves and the arithmetic is whole, so repeated reports from one place give one answer:
    there is no
    noise to average out.
    """
    return values // step * step


def apply_transformation(table: pa.Table, transformation: Transformation) -> pa.Table:
    """Return a new table with the rows that stay, coarsened and thinned.

    Duplicates that coarsening made go too.

    Raises:
        RecordError: a step below 1, or a column to drop that every row must have.
    """
    if transformation.coarsen_600000 < 1 or transformation.time_step_ms < 1:
        raise RecordError("a coarsening step is below 1: give a whole number of units, 1 for none")
    required = [name for name in transformation.drop_fields if _required(name)]
    if required:
        raise RecordError(f"column `{min(required)}` cannot be dropped from positions: exclude the rows instead")
    mask = row_mask(table, transformation)
    columns = {field.name: values_of(table, field.name) for field in SCHEMA}
    columns = {name: (values[mask], valid[mask]) for name, (values, valid) in columns.items()}
    for name in transformation.drop_fields:
        values, valid = columns[name]
        columns[name] = np.zeros_like(values), np.zeros_like(valid)
    steps = {
        "time_ms": transformation.time_step_ms,
        "lat_600000": transformation.coarsen_600000,
        "lon_600000": transformation.coarsen_600000,
    }
    for name, step in steps.items():
        if step > 1:
            values, valid = columns[name]
            columns[name] = np.maximum(snap(values, step), _LEAST[name]), valid
    if max(steps.values()) > 1:
        columns = _distinct(columns)
    return from_columns(columns)


_LEAST = {"time_ms": 0, "lat_600000": -90 * 600_000, "lon_600000": -180 * 600_000}


def _required(name: str) -> bool:
    return name not in SCHEMA.names or not SCHEMA.field(name).nullable


def _distinct(
    columns: dict[str, tuple[NDArray[np.int64], NDArray[np.bool_]]],
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Return each different row once: how many reports fell into a cell is not for the receiver."""
    keys = [key for pair in columns.values() for key in pair]
    order = np.lexsort(keys)  # stable: of equal rows the first in the table comes first
    first = np.zeros(len(order), dtype=np.bool_)
    first[:1] = True
    for key in keys:
        ordered = key[order]
        first[1:] |= ordered[1:] != ordered[:-1]
    kept = np.sort(order[first])
    return {name: (values[kept], valid[kept]) for name, (values, valid) in columns.items()}
