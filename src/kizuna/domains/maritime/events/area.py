"""Area entry: a vessel that was outside and now is inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kizuna.domains.maritime.events.model import V1, Event, Evidence, ThresholdSet, in_order
from kizuna.errors import RecordError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.coverage import Coverage
    from kizuna.domains.maritime.events.tracks import Tracks

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


def find_entries(
    tracks: Tracks, area: WatchArea, coverage: Coverage, *, thresholds: ThresholdSet = V1
) -> tuple[Event, ...]:
    """Return the entries into `area`: a report outside, then one inside, with the feed heard between them.

    A vessel first heard inside did not enter as far as we know. One that was inside less than the rearm time
    ago is
    still counted as inside.
    """
    within = inside(area, tracks.lat, tracks.lon)
    times = tracks.time_ms
    if len(times) < 2:  # noqa: PLR2004 # an entry takes two reports
        return ()
    rows = np.arange(len(times))
    # the last row, up to each row, at which that vessel was inside
    seen_inside = np.maximum.accumulate(np.where(within, rows, -1))
    earlier = seen_inside[:-1]
    known = (earlier >= 0) & (tracks.mmsi[earlier] == tracks.mmsi[1:])
    rested = ~known | (times[1:] - times[earlier] >= thresholds.area_rearm_ms)
    entered = tracks.joined() & ~within[:-1] & within[1:] & rested & coverage.heard(times[:-1], times[1:])
    live = coverage.live(times[:-1], times[1:])
    events: list[Event] = []
    for row in np.flatnonzero(entered).tolist():
        mmsi, from_ms, to_ms = int(tracks.mmsi[row]), int(times[row]), int(times[row + 1])
        events.append(
            Event(
                kind="zone-entry",
                area=area.id,
                mmsi=(mmsi,),
                from_ms=from_ms,
                to_ms=to_ms,
                lat_600000=int(tracks.lat[row + 1]),
                lon_600000=int(tracks.lon[row + 1]),
                threshold_set_id=thresholds.id,
                evidence=(Evidence(mmsi, from_ms), Evidence(mmsi, to_ms)),
                confidence="high" if live[row] else "low",
                coverage_ref=coverage.ref,
            )
        )
    return in_order(events)
