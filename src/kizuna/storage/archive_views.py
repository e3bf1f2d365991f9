"""What an archive of positions shows at a glance: last positions and density grids, from its rows a part at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import empty, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable

DENSITY = pa.schema(
    [("south_600000", pa.int32()), ("west_600000", pa.int32()), ("rows", pa.int64()), ("vessels", pa.int64())]
)
"""One row a cell that has positions: its south-west corner, how many positions lie in it, and of how many vessels."""

_ORDER = ("time_ms", "lat_600000", "lon_600000")


def last_positions(parts: Iterable[pa.Table]) -> pa.Table:
    """Return each vessel's newest row; of several at one time the northernmost, so that no order of the parts matters."""
    last = empty()
    for part in parts:
        rows = pa.concat_tables([last, part]).combine_chunks()
        if rows.num_rows:
            keys = [values_of(rows, name)[0] for name in (*_ORDER[::-1], "mmsi")]
            order = np.lexsort(keys)
            mmsi = keys[-1][order]
            newest = np.append(mmsi[1:] != mmsi[:-1], True)
            last = rows.take(pa.array(order[newest]))
    return last


def density(parts: Iterable[pa.Table], step_600000: int) -> pa.Table:
    """Return how many positions and vessels each cell of a grid has; what it holds is bounded by cells times vessels, not by rows.

    Raises:
        RecordError: the step is no length.
    """
    if step_600000 < 1:
        raise RecordError(f"a grid of step `{step_600000}` has no cells: give at least 1, in 1/600000 degree")
    found = pa.table({name: pa.array([], pa.int64()) for name in ("south", "west", "mmsi", "rows")})
    for part in parts:
        lat, lon, mmsi = (values_of(part, name)[0] for name in ("lat_600000", "lon_600000", "mmsi"))
        south, west = (value // step_600000 * step_600000 for value in (lat, lon))
        fresh = pa.table({"south": south, "west": west, "mmsi": mmsi, "rows": np.ones(len(mmsi), np.int64)})
        found = pa.concat_tables([found, fresh]).group_by(["south", "west", "mmsi"]).aggregate([("rows", "sum")])
        found = found.select(["south", "west", "mmsi", "rows_sum"]).rename_columns(["south", "west", "mmsi", "rows"])
    cells = found.group_by(["south", "west"]).aggregate([("rows", "sum"), ("mmsi", "count")])
    cells = cells.select(["south", "west", "rows_sum", "mmsi_count"]).sort_by(
        [("south", "ascending"), ("west", "ascending")]
    )
    return cells.rename_columns(DENSITY.names).cast(DENSITY)
