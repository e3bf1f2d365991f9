"""All events of a partition of positions: pure functions of its rows, the same on one machine and on many.

`of_vessels` takes every row of some vessels, in whatever order; partitions by vessel give together what one table gives. `of_meetings` takes all
vessels of some time: what begins and ends inside it is found alike, so partitions by time overlap by the longest meeting that matters; or each
step of `encounter` is given its own share. Jumps at once are found by time, with an overlap of a day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kizuna.domains.maritime.events.coverage import Coverage, Receivers, heard_intervals
from kizuna.domains.maritime.events.encounter import find_encounters
from kizuna.domains.maritime.events.entry import find_entries
from kizuna.domains.maritime.events.gap import find_gaps
from kizuna.domains.maritime.events.identity import find_clashes
from kizuna.domains.maritime.events.loitering import find_loitering
from kizuna.domains.maritime.events.model import V2, Event, ThresholdSet, in_order
from kizuna.domains.maritime.events.moves import find_on_land, find_speeds, find_together, find_turns
from kizuna.domains.maritime.events.port import find_visits
from kizuna.formats.positions_arrow import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from kizuna.domains.maritime.events.coverage import FeedInterval
    from kizuna.domains.maritime.events.given import Given
    from kizuna.domains.maritime.tracks.clean import Clean

_OF_VESSELS = (find_gaps, find_loitering, find_visits, find_speeds, find_turns, find_on_land, find_clashes)
_OF_MEETINGS = (find_encounters, find_together)


def of_vessels(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return what each vessel's own track shows."""
    found = [event for find in _OF_VESSELS for event in find(clean, given)]
    found += [event for area in given.areas for event in find_entries(clean, area, given)]
    return in_order(found)


def of_meetings(clean: Clean, given: Given) -> tuple[Event, ...]:
    """Return what several vessels show together."""
    return in_order([event for find in _OF_MEETINGS for event in find(clean, given)])


def receivers_of(
    tables: Mapping[str, pa.Table], told: Mapping[str, Iterable[FeedInterval]], thresholds: ThresholdSet = V2
) -> Receivers:
    """Return when each source was heard: while it delivered, as far as the states that were told of it do not say otherwise.

    Args:
        tables: positions by the name of their source, all that it delivered in the time.
        told: feed states by the name of their source.
        thresholds: after which time a source was silent.
    """
    heard = {name: heard_intervals(values_of(tables[name], "time_ms")[0], thresholds.feed_silent_ms) for name in tables}
    return receivers_heard(heard, told)


def receivers_heard(
    heard: Mapping[str, Iterable[FeedInterval]], told: Mapping[str, Iterable[FeedInterval]]
) -> Receivers:
    """Return when each source was heard, as `receivers_of` does, from the intervals in which it delivered."""
    return Receivers(
        [
            Coverage(name, [*heard[name], *(state for state in told.get(name, ()) if state.state != "live")])
            for name in sorted(heard)
        ]
    )
