"""Gap: a vessel that was heard, then not, while its feed was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kizuna.domains.maritime.events.model import V1, Event, Evidence, ThresholdSet, in_order

if TYPE_CHECKING:
    from kizuna.domains.maritime.events.coverage import Coverage
    from kizuna.domains.maritime.events.tracks import Tracks


def find_gaps(tracks: Tracks, coverage: Coverage, *, now_ms: int, thresholds: ThresholdSet = V1) -> tuple[Event, ...]:
    """Return the gaps of one source's tracks, closed ones and those still open at `now_ms`.

    A gap says only that no report came: reception, not intent. It lies between two reports, or between the
    last one
    and `now_ms`; it is not raised where the feed was silent or unknown for any part of it.
    """
    if not len(tracks.mmsi):
        return ()
    last = np.ones(len(tracks.mmsi), dtype=np.bool_)
    last[:-1] = ~tracks.joined()
    end_ms = np.where(last, now_ms, np.roll(tracks.time_ms, -1))
    long_enough = end_ms - tracks.time_ms > thresholds.gap_over_ms
    rows = np.flatnonzero(long_enough & coverage.heard(tracks.time_ms, end_ms))
    live = coverage.live(tracks.time_ms[rows], end_ms[rows])
    events: list[Event] = []
    for row, was_live in zip(rows.tolist(), live.tolist(), strict=True):
        mmsi, from_ms, is_open = int(tracks.mmsi[row]), int(tracks.time_ms[row]), bool(last[row])
        seen = [from_ms] if is_open else [from_ms, int(end_ms[row])]
        events.append(
            Event(
                kind="gap",
                mmsi=(mmsi,),
                from_ms=from_ms,
                to_ms=None if is_open else int(end_ms[row]),
                lat_600000=int(tracks.lat[row]),
                lon_600000=int(tracks.lon[row]),
                threshold_set_id=thresholds.id,
                evidence=tuple(Evidence(mmsi, time_ms) for time_ms in seen),
                confidence="high" if was_live else "low",
                coverage_ref=coverage.ref,
            )
        )
    return in_order(events)
