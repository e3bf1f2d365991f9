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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.given import Given
    from kizuna.domains.maritime.tracks.clean import Clean

_DAY_MS = 86_400_000


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
    cells = cell_numbers(heard.lat[rows], heard.lon[rows]).tolist()
    events: list[Event] = []
    for row, cell, end, was_live, cut in zip(
        rows.tolist(), cells, end_ms.tolist(), live.tolist(), silent.tolist(), strict=True
    ):
        others = given.reception.during(cell, int(heard.time_ms[row]), end) if given.reception is not None else 0
        is_open = bool(last[row]) and not cut
        seen = np.array([row] if cut or last[row] else [row, row + 1])
        said = {
            "from_ms": int(heard.time_ms[row]),
            "to_ms": None if is_open else end,
            "confidence": "high" if was_live and others else "low",
            "what": "its feed fell silent" if cut else "",
        }
        events.append(given.event("gap", heard, seen, **said))
        events += _suspected(clean, given, row, end, others, said, seen)
    return in_order(events)


def _suspected(
    clean: Clean, given: Given, row: int, end_ms: int, others: int, said: dict[str, object], seen: NDArray[np.int64]
) -> Iterator[Event]:
    """Yield the suspicion that a transponder was switched off: the gap is long, out at sea, after much and amid much reception."""
    thresholds, heard = given.thresholds, clean.heard
    lasts_ms = end_ms - int(heard.time_ms[row])
    if lasts_ms < thresholds.disabling_over_ms:
        return
    if others * _DAY_MS <= thresholds.disabling_reception_per_day * lasts_ms:
        return
    first = np.searchsorted(heard.mmsi, heard.mmsi[row])
    since_ms = heard.time_ms[row] - thresholds.disabling_before_ms
    before = row + 1 - int(first + np.searchsorted(heard.time_ms[first : row + 1], since_ms))
    if before < thresholds.disabling_before_rows:
        return
    land = given.land()
    place = heard.lat[row : row + 1], heard.lon[row : row + 1]
    if land is None or not land.farther(*place, thresholds.disabling_shore_m)[0]:
        return
    yield given.event("disabling-suspected", heard, seen, **said)
