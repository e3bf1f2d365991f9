"""Port visit: a vessel comes within three kilometres of a port or anchorage, stops or is silent there, and goes.

Entry below one distance, exit above a greater one; a stop begins at one speed and ends at a greater one; silence in port counts as a gap. The
published grade says how much of that was seen: 1 entry or exit alone, 2 a stop or gap alone, 3 one of entry and exit with a stop or gap, 4 both
with a stop or gap. A visit is told from grade 2, and its confidence is low, medium or high with 2, 3 or 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kizuna.domains.maritime.events import kernels
from kizuna.domains.maritime.events.model import Confidence, Event, in_order
from kizuna.domains.maritime.geodesy import KNOT_M_S
from kizuna.domains.maritime.tracks.voyages import Calls, in_ports

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.given import Given
    from kizuna.domains.maritime.tracks.clean import Clean

_GRADES: dict[int, Confidence] = {2: "low", 3: "medium", 4: "high"}
_SILENT_MS = 86_400_000


class Visit(NamedTuple):
    """A stay in one port: rows of a track from `first` to `last`, the row after it for the exit, and what was seen of it."""

    first: int
    last: int
    port: int
    entered: bool
    left: bool
    stop: int
    """A row in the first stop, -1 for none."""
    gap: int
    """The row before the first silence, -1 for none."""

    @property
    def grade(self) -> int:
        """How much of it was seen, 1 to 4."""
        edges = int(self.entered) + int(self.left)
        return 1 if self.stop < 0 and self.gap < 0 else 2 + edges


def visits(clean: Clean, given: Given) -> list[Visit]:
    """Return every stay of every piece in a port, whatever its grade."""
    track, thresholds = clean.track, given.thresholds
    if not len(clean.piece) or not given.ports:
        return []
    calls = Calls(enter_m=thresholds.port_enter_m, leave_m=thresholds.port_exit_m)
    port = in_ports(clean.piece, track.lat, track.lon, given.ports, calls)
    rows = np.flatnonzero(port >= 0)
    if not len(rows):
        return []
    still = np.empty(len(port), dtype=np.bool_)
    kernels.stopped(clean.piece, _speed_ckn(clean), thresholds.port_stop_begin_ckn, thresholds.port_stop_end_ckn, still)
    ends = np.flatnonzero(
        (np.diff(rows) > 1) | (port[rows[1:]] != port[rows[:-1]]) | (clean.piece[rows[1:]] != clean.piece[rows[:-1]])
    )
    firsts, lasts = rows[np.concatenate(([0], ends + 1))], rows[np.concatenate((ends, [len(rows) - 1]))]
    quiet = np.zeros(len(port), dtype=np.bool_)
    quiet[:-1] = clean.legs() & (track.time_ms[1:] - track.time_ms[:-1] >= thresholds.port_gap_ms)
    piece = clean.piece
    entered = (firsts > 0) & (piece[firsts - 1] == piece[firsts])
    after = np.minimum(lasts + 1, len(piece) - 1)
    left = (after > lasts) & (piece[after] == piece[lasts])
    seen = (_first(still, firsts, lasts), _first(quiet, firsts, lasts))
    columns = (firsts, lasts, port[firsts], entered, left, *seen)
    return [Visit(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _first(wanted: NDArray[np.bool_], firsts: NDArray[np.int64], lasts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first wanted row of each stretch of rows, -1 where there is none."""
    rows = np.append(np.flatnonzero(wanted), len(wanted))
    found = rows[np.searchsorted(rows, firsts)]
    return np.where(found <= lasts, found, -1)


def find_visits(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return the visits of grade 2 and above; one that may go on has no end."""
    track, by_place = clean.track, sorted(given.ports, key=lambda each: (each.lat_600000, each.lon_600000, each.name))
    events: list[Event] = []
    for visit in visits(clean, given):
        if visit.grade not in _GRADES:
            continue
        told = {visit.first, visit.last, visit.stop, visit.gap} - {-1}
        told |= {visit.first - 1} if visit.entered else set()
        told |= {visit.last + 1} if visit.left else set()
        events.append(
            given.event(
                "port-visit",
                track,
                np.array(sorted(told)),
                from_ms=int(track.time_ms[visit.first]),
                to_ms=_end_ms(clean, given, visit),
                place=by_place[visit.port].name,
                lat_600000=int(track.lat[visit.first]),
                lon_600000=int(track.lon[visit.first]),
                what=f"grade {visit.grade} of 4",
                confidence=_GRADES[visit.grade],
            )
        )
    return in_order(events)


def _end_ms(clean: Clean, given: Given, visit: Visit) -> int | None:
    """Return when the exit was seen; None while it may come, and after a day of silence when the vessel was last heard in port."""
    time = clean.track.time_ms
    if visit.left:
        return int(time[visit.last + 1])
    return int(time[visit.last]) + 1 if given.now_ms - int(time[visit.last]) > _SILENT_MS else None


def _speed_ckn(clean: Clean) -> NDArray[np.int64]:
    """Return the speed that each report told in hundredths of a knot; where it told none, what leads to it; -1 at a piece's first row."""
    track = clean.track
    told = track.speed_dkn * 10
    if (told >= 0).all() or len(told) < 2:  # noqa: PLR2004 # no leg
        return told
    way = np.empty(len(told) - 1, np.float64)
    kernels.legs_m(track.lat, track.lon, way)
    seconds = np.maximum(1, np.diff(track.time_ms)) / 1000
    implied = np.full(len(told), -1, np.int64)
    implied[1:] = np.where(clean.legs(), np.rint(way / seconds / KNOT_M_S * 100), -1)
    return np.where(told >= 0, told, implied)
