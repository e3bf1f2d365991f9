"""Judgements on batches: which cell a place lies in, which chunks an agreement's obligations let through, what a chunk may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kizuna.domains.maritime.records import PositionBatch
from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kizuna.kernel.instrument import Area, Obligations
    from kizuna.kernel.record import Body

DEGREE = 600_000
_ROUND = 360
_SOUTH_POLE, _NORTHMOST = -90, 89


def cell_numbers(lat: NDArray[np.int64], lon: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the one-degree cell of each place; 180 degrees east is 180 west, the pole belongs to the cell below it."""
    south = np.minimum(lat // DEGREE, _NORTHMOST) - _SOUTH_POLE
    west = (lon // DEGREE + _ROUND // 2) % _ROUND
    result: NDArray[np.int64] = south * _ROUND + west
    return result


def cell_name(number: int) -> str:
    """Return the name of a cell: its south-west corner, such as `N05E095`."""
    south, west = number // _ROUND + _SOUTH_POLE, number % _ROUND - _ROUND // 2
    return f"{'S' if south < 0 else 'N'}{abs(south):02}{'W' if west < 0 else 'E'}{abs(west):03}"


def corner_of(cell: str) -> tuple[int, int]:
    """Return the south-west corner of a cell in whole degrees, latitude first."""
    south, west = int(cell[1:3]), int(cell[4:7])
    return -south if cell[0] == "S" else south, -west if cell[3] == "W" else west


def lies_in(cell: str, area: Area) -> bool:
    """Return whether the whole cell lies in the area, which may cross 180 degrees."""
    south, west = (degrees * DEGREE for degrees in corner_of(cell))
    north, east = south + DEGREE, west + DEGREE
    if south < area.south_600000 or north > area.north_600000:
        return False
    if area.west_600000 <= area.east_600000:
        return west >= area.west_600000 and east <= area.east_600000
    return west >= area.west_600000 or east <= area.east_600000


def releasable_chunks(body: Body, obligations: Obligations) -> frozenset[str]:
    """Return the names of the chunks that may be disclosed under these obligations: those whose whole cell lies in one of the areas.

    None is where the obligations ask for coarser rows than the batch says to hold, for a chunk goes whole or not at all; nor of a batch of which
    chunks are missing here, whose places in the record are then not known.
    """
    if not isinstance(body, PositionBatch) or not isinstance(body.chunks, tuple):
        return frozenset()
    steps = ((obligations.coarsen_600000, body.place_step_600000), (obligations.time_step_ms, body.time_step_ms))
    if obligations.unlinkable or any(asked > 1 and held != asked for asked, held in steps):
        return frozenset()
    if body.row_count != sum(chunk.rows for chunk in body.chunks):
        return frozenset()
    return frozenset(
        f"payload/chunks/{place}"
        for place, chunk in enumerate(body.chunks)
        if not obligations.areas or any(lies_in(chunk.cell, area) for area in obligations.areas)
    )


def check_chunks(tables: Sequence[pa.Table], said: Sequence[tuple[str, int]], window_ms: tuple[int, int]) -> None:
    """Accept the rows of chunks that are what their record says of them, all together: a chunk has few rows, and each look at a table costs.

    Args:
        tables: the rows of each chunk, as `positions_arrow.check` accepts them.
        said: the cell of each, and how many rows it has.
        window_ms: within which their times lie.

    Raises:
        RecordError: a number, a cell or a time is another.
    """
    for table, (cell, rows) in zip(tables, said, strict=True):
        if table.num_rows != rows:
            raise RecordError(
                f"chunk of cell `{cell}` has `{table.num_rows}` rows, not the `{rows}` that its record names"
            )
    told = [(table, cell) for table, (cell, rows) in zip(tables, said, strict=True) if rows]
    if not told:
        return
    whole = pa.concat_tables([table for table, _ in told])
    time_ms, lat, lon = (values_of(whole, name)[0] for name in ("time_ms", "lat_600000", "lon_600000"))
    if time_ms.min() < window_ms[0] or time_ms.max() >= window_ms[1]:
        raise RecordError("a chunk has rows outside the window of its batch")
    counts = [table.num_rows for table, _ in told]
    numbers = cell_numbers(lat, lon)
    first = numbers[np.cumsum([0, *counts[:-1]])]
    if (numbers != np.repeat(first, counts)).any():
        raise RecordError("a chunk has rows of several cells")
    for number, (_, cell) in zip(first.tolist(), told, strict=True):
        if cell_name(number) != cell:
            raise RecordError(f"chunk of cell `{cell}` has rows of another cell")
