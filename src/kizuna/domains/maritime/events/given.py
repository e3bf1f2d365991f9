"""What the search for events is given besides positions, and how a finding is put into words that every kind shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from kizuna.domains.maritime.events.model import V2, Event, Evidence, Kind, ThresholdSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.area import WatchArea
    from kizuna.domains.maritime.events.coverage import Receivers
    from kizuna.domains.maritime.events.land import Land
    from kizuna.domains.maritime.events.reception import Reception
    from kizuna.domains.maritime.tracks.columns import Track
    from kizuna.domains.maritime.tracks.voyages import Port


def nowhere() -> Land | None:
    """Return no land: kinds that ask for the distance from the shore then find nothing, for unknown means deny."""
    return None


@dataclass(frozen=True)
class Given:
    """The feeds' states, what stands still, and the published numbers."""

    receivers: Receivers
    now_ms: int
    """Up to when the positions tell."""
    areas: tuple[WatchArea, ...] = ()
    ports: tuple[Port, ...] = ()
    """Ports and anchorages."""
    reception: Reception | None = None
    """Where anything was heard, of all vessels; without it every silence may be a place out of reach."""
    land: Callable[[], Land | None] = field(default=nowhere)
    """Gives what is land when something must be measured against it, for it takes a while to load."""
    thresholds: ThresholdSet = V2

    def event(self, kind: Kind, track: Track, rows: NDArray[np.int64], **said: Any) -> Event:
        """Return an event whose evidence are rows of a track; it is where the first of them is, unless said otherwise."""
        order = rows[np.lexsort((rows, track.time_ms[rows]))]
        seen = zip(
            *(column[order].tolist() for column in (track.mmsi, track.time_ms, track.lat, track.lon)), strict=True
        )
        where = {"lat_600000": int(track.lat[order[0]]), "lon_600000": int(track.lon[order[0]])}
        common: dict[str, Any] = {
            "mmsi": tuple(np.unique(track.mmsi[rows]).tolist()),
            "coverage_ref": self.receivers.ref(track.source[rows]),
            "evidence": tuple(Evidence(*each) for each in seen),
            "threshold_set_id": self.thresholds.id,
            "confidence": "high",
        }
        return Event(kind=kind, **(common | where | said))
