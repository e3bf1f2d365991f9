"""Position columns made ready for event detection.

Sorted by vessel and time, each moment of a vessel once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kizuna.domains.maritime.geodesy import EARTH_RADIUS_M
from kizuna.formats.positions_arrow import values_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_UNITS_OF_A_DEGREE = 600_000


class Tracks(NamedTuple):
    """Columns of equal length; make them with `tracks`."""

    mmsi: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    lat: NDArray[np.int64]
    """1/600000 degree."""
    lon: NDArray[np.int64]

    def joined(self) -> NDArray[np.bool_]:
        """Return for each row but the last whether the next row belongs to the same vessel."""
        result: NDArray[np.bool_] = self.mmsi[:-1] == self.mmsi[1:]
        return result


def tracks(table: pa.Table) -> Tracks:
    """Return the rows of a position table in order.

    Where one vessel was at two places at once, the southernmost.
    """
    mmsi, time_ms, lat, lon = (values_of(table, name)[0] for name in ("mmsi", "time_ms", "lat_600000", "lon_600000"))
    order = np.lexsort((lon, lat, time_ms, mmsi))
    mmsi, time_ms, lat, lon = mmsi[order], time_ms[order], lat[order], lon[order]
    first = np.ones(len(mmsi), dtype=np.bool_)
    first[1:] = (mmsi[1:] != mmsi[:-1]) | (time_ms[1:] != time_ms[:-1])
    return Tracks(mmsi[first], time_ms[first], lat[first], lon[first])


def distance_m(
    lat_a: NDArray[np.int64], lon_a: NDArray[np.int64], lat_b: NDArray[np.int64], lon_b: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return great-circle distances in metres between places in 1/600000 degree (haversine)."""
    to_radians = np.pi / 180.0 / _UNITS_OF_A_DEGREE
    phi_a, phi_b = lat_a * to_radians, lat_b * to_radians
    half_lat, half_lon = (phi_b - phi_a) / 2, (lon_b - lon_a) * to_radians / 2
    h = np.sin(half_lat) ** 2 + np.cos(phi_a) * np.cos(phi_b) * np.sin(half_lon) ** 2
    result: NDArray[np.float64] = 2 * EARTH_RADIUS_M * np.arcsin(np.minimum(1.0, np.sqrt(h)))
    return result
