"""What the search for events is given besides positions, and how a finding is put into words that every kind shares."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from kizuna.domains.maritime.events.model import V2, Event, Evidence, Kind, ThresholdSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.area import WatchArea
    from kizuna.domains.maritime.events.coverage import Receivers
    from kizuna.domains.maritime.events.land import Land
    from kizuna.domains.maritime.events.reception import Reception
    from kizuna.domains.maritime.tracks.columns import Track
    from kizuna.domains.maritime.tracks.voyages import Port


class Unread(Collection[Evidence]):
    """Evidence that is put into words only when somebody reads it.

    A search finds most events as they were told before, and those are compared, not told.
    """

    @cached_property
    def told(self) -> tuple[Evidence, ...]:
        """The evidence in words, by time."""
        return self._worded()

    @abstractmethod
    def _worded(self) -> tuple[Evidence, ...]:
        """Return the evidence in words, by time; asked once."""

    def __len__(self) -> int:
        return len(self.told)

    def __iter__(self) -> Iterator[Evidence]:
        return iter(self.told)

    def __contains__(self, other: object) -> bool:
        return other in self.told

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unread | tuple) and self.told == tuple(other)

    def __hash__(self) -> int:
        return hash(self.told)

    def __repr__(self) -> str:
        return repr(self.told)


class Cited(Unread):
    """Rows of a track, each once, by time; of one time, by row.

    Args:
        track: whose rows.
        rows: in any order, repeated or not.
    """

    def __init__(self, track: Track, rows: NDArray[np.int64]) -> None:
        self._track, self._rows = track, rows

    def _worded(self) -> tuple[Evidence, ...]:
        track, rows = self._track, np.unique(self._rows)
        rows = rows[np.argsort(track.time_ms[rows], kind="stable")]
        columns = (column[rows].tolist() for column in (track.mmsi, track.time_ms, track.lat, track.lon))
        return tuple(map(Evidence, *columns))


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
        """Return an event whose evidence are rows of a track; unless said otherwise it is where the earliest of them is, and of their vessels."""
        if "mmsi" not in said:
            said["mmsi"] = tuple(sorted(set(track.mmsi[rows].tolist())))
        if "lat_600000" not in said:
            first = rows[np.argmin(track.time_ms[rows])]
            said["lat_600000"], said["lon_600000"] = int(track.lat[first]), int(track.lon[first])
        said.setdefault("confidence", "high")
        ref = self.receivers.ref(track.source[rows])
        return Event(
            kind=kind, coverage_ref=ref, evidence=Cited(track, rows), threshold_set_id=self.thresholds.id, **said
        )
