"""Gap: a vessel that was heard, then not, while its feed was; and the gap that looks as if somebody had switched a transponder off.

A gap says only that no report came: reception, not intent. It lies between two reports, or ends where its feed fell silent, for what came after
is not known; one that still lasts has no end. Its confidence is high where the feed was live and others were heard in the same cell of a degree
meanwhile, else low: there the cell may be out of reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kizuna.domains.maritime.events.model import Event, in_order
from kizuna.domains.maritime.rules import cell_numbers
from kizuna.kernel.intervals import DAY_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.given import Given
    from kizuna.domains.maritime.tracks.clean import Clean
    from kizuna.domains.maritime.tracks.columns import Track


def find_gaps(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return the gaps of every number, and beside each that is suspected, the suspicion."""
    heard, thresholds = clean.heard, given.thresholds
    if not len(heard.mmsi):
        return ()
    last = np.ones(len(heard.mmsi), dtype=np.bool_)
    last[:-1] = heard.mmsi[:-1] != heard.mmsi[1:]
    next_ms = np.where(last, given.now_ms, np.roll(heard.time_ms, -1))
    rows = np.flatnonzero(next_ms - heard.time_ms > thresholds.gap_over_ms)
    known_ms = given.receivers.until(heard.source[rows], heard.time_ms[rows])
    silent = known_ms <= next_ms[rows]
    end_ms = np.minimum(known_ms, next_ms[rows])
    long_enough = end_ms - heard.time_ms[rows] > thresholds.gap_over_ms
    rows, end_ms, silent = rows[long_enough], end_ms[long_enough], silent[long_enough]
    live = given.receivers.live(heard.source[rows], heard.time_ms[rows], end_ms - 1)
    others = _others(heard, rows, end_ms, given)
    suspected = _suspected(heard, rows, end_ms, others, given)
    columns = (rows, end_ms, last[rows], silent, live, others, suspected)
    events: list[Event] = []
    for row, end, is_last, cut, was_live, amid, suspect in zip(*(each.tolist() for each in columns), strict=True):
        said = {
            "mmsi": (int(heard.mmsi[row]),),
            "from_ms": int(heard.time_ms[row]),
            "to_ms": None if is_last and not cut else end,
            "lat_600000": int(heard.lat[row]),
            "lon_600000": int(heard.lon[row]),
            "confidence": "high" if was_live and amid else "low",
            "what": "its feed fell silent" if cut else "",
        }
        seen = np.array([row] if cut or is_last else [row, row + 1])
        events.append(given.event("gap", heard, seen, **said))
        if suspect:
            events.append(given.event("disabling-suspected", heard, seen, **said))
    return in_order(events)


def _others(heard: Track, rows: NDArray[np.int64], end_ms: NDArray[np.int64], given: Given) -> NDArray[np.int64]:
    """Return how many reports of others came from the cell where each silence begins."""
    if given.reception is None:
        return np.zeros(len(rows), np.int64)
    cells = cell_numbers(heard.lat[rows], heard.lon[rows])
    columns = (column.tolist() for column in (cells, heard.time_ms[rows], end_ms))
    return np.array([given.reception.during(*each) for each in zip(*columns, strict=True)], np.int64)


def _suspected(
    heard: Track, rows: NDArray[np.int64], end_ms: NDArray[np.int64], others: NDArray[np.int64], given: Given
) -> NDArray[np.bool_]:
    """Return at which gaps it is suspected that a transponder was switched off: long, out at sea, after much and amid much reception."""
    thresholds = given.thresholds
    lasts_ms = end_ms - heard.time_ms[rows]
    result: NDArray[np.bool_] = lasts_ms >= thresholds.disabling_over_ms
    result &= others * DAY_MS > thresholds.disabling_reception_per_day * lasts_ms
    least = thresholds.disabling_before_rows - 1
    earlier = np.maximum(rows - least, 0)  # so many rows before, if they are the vessel's
    result &= (rows >= least) & (heard.mmsi[earlier] == heard.mmsi[rows])
    result &= heard.time_ms[earlier] >= heard.time_ms[rows] - thresholds.disabling_before_ms
    land = given.land() if result.any() else None
    if land is None:
        return np.zeros(len(rows), np.bool_)
    far = rows[result]
    result[result] = land.farther(heard.lat[far], heard.lon[far], thresholds.disabling_shore_m)
    return result
