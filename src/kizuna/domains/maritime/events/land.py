"""What is land: rows of latitude, each cut where land and sea change. Who has read a mask makes it from that; how far land is, is asked here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEGREE = 600_000
_LAT_M = EARTH_RADIUS_M * np.pi / 180 / _DEGREE


class Land:
    """A mask of the earth in cells of equal degrees, from north to south and from 180 degrees west to the east.

    Lakes and rivers are land to it.

    Args:
        starts: for each row where its runs begin in `edges`, and one more where the last one's end.
        edges: of each row the columns at which land begins and ends, in turns, half-open.
        rows: cells from pole to pole; around the earth there are twice as many.
    """

    def __init__(self, starts: NDArray[np.int64], edges: NDArray[np.int64], rows: int) -> None:
        self._rows, self._columns = rows, 2 * rows
        row = np.repeat(np.arange(rows), np.diff(starts))
        self._keys = row * (self._columns + 1) + edges
        self._unit = 180 * _DEGREE / rows
        """Of a cell, in 1/600000 degree."""

    def on_land(self, lat: NDArray[np.int64], lon: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which places lie on land."""
        row = self._row(np.asarray(lat))
        column = ((np.asarray(lon) + 180 * _DEGREE) // self._unit).astype(np.int64) % self._columns
        return self._inside(row, column)

    def farther(self, lat: NDArray[np.int64], lon: NDArray[np.int64], metres: float) -> NDArray[np.bool_]:
        """Return which places have no cell of land within a distance."""
        return self._free(lat, lon, metres, land=True)

    def deeper(self, lat: NDArray[np.int64], lon: NDArray[np.int64], metres: float) -> NDArray[np.bool_]:
        """Return which places have no cell of the sea within a distance."""
        return self._free(lat, lon, metres, land=False)

    def _row(self, lat: NDArray[np.int64]) -> NDArray[np.int64]:
        result: NDArray[np.int64] = np.clip((90 * _DEGREE - lat) // self._unit, 0, self._rows - 1).astype(np.int64)
        return result

    def _edges_before(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many edges of all rows stand at a cell or before it; odd is within land."""
        return np.searchsorted(self._keys, row * (self._columns + 1) + column, side="right")

    def _inside(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = self._edges_before(row, column) % 2 == 1
        return result

    def _free(self, lat: NDArray[np.int64], lon: NDArray[np.int64], metres: float, *, land: bool) -> NDArray[np.bool_]:
        """Return around which places every cell within the distance is of the other sort."""
        lat, lon = np.asarray(lat), np.asarray(lon)
        reach = metres / _LAT_M
        wide = reach / np.maximum(0.01, np.cos(np.abs(lat) * np.pi / 180 / _DEGREE))
        result = self._clear(self._row(lat), lon - wide, lon + wide, land=land)  # most fail in their own row
        for k in np.flatnonzero(result).tolist():
            y, x = int(lat[k]), int(lon[k])
            edges = np.array([y + reach, y - reach])
            north, south = (int(each) for each in self._row(edges))
            row = np.arange(north, south + 1)
            # half the way across at each row's side that is nearest to the place
            top, bottom = (90 * _DEGREE - (row + side) * self._unit for side in (0, 1))
            off = np.where(bottom > y, bottom - y, np.where(top < y, y - top, 0.0))
            narrow = np.maximum(0.01, np.cos(np.minimum(np.abs(top), np.abs(bottom)) * np.pi / 180 / _DEGREE))
            half = np.sqrt(np.maximum(0.0, reach**2 - off**2)) / narrow
            result[k] = self._clear(row, x - half, x + half, land=land).all()
        return result

    def _clear(
        self, row: NDArray[np.int64], west: NDArray[np.float64], east: NDArray[np.float64], *, land: bool
    ) -> NDArray[np.bool_]:
        """Return for each row whether no cell from west to east is land, or none is sea."""
        first = np.floor((west + 180 * _DEGREE) / self._unit).astype(np.int64)
        last = np.minimum(np.floor((east + 180 * _DEGREE) / self._unit).astype(np.int64), first + self._columns - 1)
        wrong = np.zeros(len(row), dtype=np.bool_)
        for turn in (-self._columns, 0, self._columns):  # what lies beyond 180 degrees comes in at the other side
            begin, end = np.maximum(first + turn, 0), np.minimum(last + turn, self._columns - 1)
            there = begin <= end
            before = self._edges_before(row, np.minimum(begin, self._columns - 1))
            even = before == self._edges_before(row, np.maximum(end, 0))
            wrong |= there & ~(even & (before % 2 == (0 if land else 1)))
        return ~wrong
