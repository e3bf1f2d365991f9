"""Identity: a vessel that changes its name, IMO number or call sign, and a number that two ships use at once.

A change is told by static reports of one source, the clash by two segments of a track that interleave. Neither says who deceives: a crew may
have mended a wrong entry, and a number may have been copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kizuna.domains.maritime.events.model import Event, in_order
from kizuna.domains.maritime.tracks.segments import V1

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kizuna.domains.maritime.events.given import Given
    from kizuna.domains.maritime.tracks.clean import Clean

NAMES = ("name", "imo_no", "callsign")


class Named(msgspec.Struct, frozen=True):
    """What one source told of who a vessel is; None where a report left it out."""

    mmsi: int
    reported_at_ms: int
    source: str
    name: str | None
    imo_no: int | None
    callsign: str | None


def find_changes(reports: Iterable[Named], given: Given) -> tuple[Event, ...]:
    """Return each change between what a source told of a vessel and what it told before; a field that is left out is not changed by it."""
    held: dict[tuple[int, str], dict[str, object]] = {}
    events: list[Event] = []
    order = sorted(reports, key=lambda each: (each.reported_at_ms, each.mmsi, each.source, repr(each)))
    for report in order:
        known = held.setdefault((report.mmsi, report.source), {})
        told = {name: value for name in NAMES if (value := getattr(report, name)) is not None}
        changes = [
            f"{name} `{known[name]}` became `{value}`"
            for name, value in told.items()
            if known.get(name, value) != value
        ]
        known |= told
        if changes:
            events.append(
                Event(
                    kind="identity-change",
                    mmsi=(report.mmsi,),
                    from_ms=report.reported_at_ms,
                    to_ms=report.reported_at_ms + 1,
                    lat_600000=None,
                    lon_600000=None,
                    what="; ".join(changes),
                    confidence="high",
                    coverage_ref=report.source,
                    evidence=(),
                    threshold_set_id=given.thresholds.id,
                )
            )
    return in_order(events)


def find_clashes(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return the times at which two segments of one number interleave; its evidence are the first and last row of each meanwhile."""
    heard = clean.heard
    events = []
    for clash in clean.clashes:
        there = (heard.time_ms >= clash.from_ms) & (heard.time_ms < clash.to_ms)
        sides = [np.flatnonzero(there & (clean.segment == segment)) for segment in clash.segments]
        told = np.unique(np.concatenate([side[[0, -1]] for side in sides]))
        goes_on = clash.to_ms + V1.gap_ms > given.now_ms
        events.append(
            given.event(
                "identity-clash",
                heard,
                told,
                from_ms=clash.from_ms,
                to_ms=None if goes_on else clash.to_ms,
                what="two ships, or one that pretends",
            )
        )
    return in_order(events)
