"""Areas under watch, and what lies in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kizuna.errors import RecordError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CORNERS = 3


class WatchArea(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A polygon under watch; one that crosses 180 degrees is given as two areas."""

    id: str
    points: tuple[tuple[int, int], ...]
    """Latitude and longitude of the corners, 1/600000 degree, in order; the last joins the first."""


def box(area_id: str, *, south: int, west: int, north: int, east: int) -> WatchArea:
    """Return a rectangular area; edges in 1/600000 degree."""
    return WatchArea(area_id, ((south, west), (south, east), (north, east), (north, west)))


def inside(area: WatchArea, lat: NDArray[np.int64], lon: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which places lie in the polygon (even-odd rule), in whole numbers, so that no rounding decides.

    Raises:
        RecordError: the area has fewer than three corners.
    """
    if len(area.points) < _CORNERS:
        raise RecordError(f"area `{area.id}` has fewer than three corners: give at least three")
    crossings = np.zeros(len(lat), dtype=np.bool_)
    previous = area.points[-1]
    for corner in area.points:
        (lat_a, lon_a), (lat_b, lon_b) = previous, corner
        spans = (lat_a > lat) != (lat_b > lat)
        # the sign of the cross product, turned by the edge's direction, tells on which side the place lies
        side = (lon - lon_a) * (lat_b - lat_a) - (lon_b - lon_a) * (lat - lat_a)
        crossings ^= spans & ((side < 0) == (lat_b > lat_a)) & (side != 0)
        previous = corner
    return crossings
