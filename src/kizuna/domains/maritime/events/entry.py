"""Area entry: a vessel that was outside and now is inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kizuna.domains.maritime.events.area import WatchArea, inside
from kizuna.domains.maritime.events.model import Event, in_order

if TYPE_CHECKING:
    from kizuna.domains.maritime.events.given import Given
    from kizuna.domains.maritime.tracks.clean import Clean


def find_entries(clean: Clean, area: WatchArea, given: Given) -> tuple[Event, ...]:
    """Return the entries into `area`: a report outside, then one inside, with the feed heard between them.

    A vessel first heard inside did not enter as far as we know. One that was inside less than the rearm time ago is still counted as inside.
    """
    track = clean.track
    within = inside(area, track.lat, track.lon)
    times = track.time_ms
    if len(times) < 2:  # noqa: PLR2004 # an entry takes two reports
        return ()
    rows = np.arange(len(times))
    # the last row, up to each row, at which that piece was inside
    seen_inside = np.maximum.accumulate(np.where(within, rows, -1))
    earlier = seen_inside[:-1]
    known = (earlier >= 0) & (clean.piece[earlier] == clean.piece[1:])
    rested = ~known | (times[1:] - times[earlier] >= given.thresholds.area_rearm_ms)
    entered = np.flatnonzero(clean.legs() & ~within[:-1] & within[1:] & rested)
    source, from_ms, to_ms = track.source[entered], times[entered], times[entered + 1]
    heard, live = given.receivers.heard(source, from_ms, to_ms), given.receivers.live(source, from_ms, to_ms)
    events = [
        given.event(
            "zone-entry", track, np.array([row, row + 1]), from_ms=int(times[row]), to_ms=int(times[row + 1]), place=area.id,
            lat_600000=int(track.lat[row + 1]), lon_600000=int(track.lon[row + 1]), confidence="high" if was_live else "low",
        )
        for row, was_heard, was_live in zip(entered.tolist(), heard.tolist(), live.tolist(), strict=True)
        if was_heard
    ]  # fmt: skip
    return in_order(events)
