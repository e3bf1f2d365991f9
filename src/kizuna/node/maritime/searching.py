"""What every search for events is given and looks at: the rules, what was told of sources and vessels, and the search over one table.

The job of `detecting` says what is new of the last two days, `event_search` goes through shares of vessels; both begin here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec
import pyarrow as pa

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.events.area import WatchArea
from kizuna.domains.maritime.events.coverage import FeedInterval
from kizuna.domains.maritime.events.given import Given, nowhere
from kizuna.domains.maritime.events.identity import Named, find_changes
from kizuna.domains.maritime.events.land import Land
from kizuna.domains.maritime.events.model import V2, Event, ThresholdSet, in_order
from kizuna.domains.maritime.events.reception import reception_of
from kizuna.domains.maritime.events.search import of_meetings, of_vessels, receivers_of
from kizuna.domains.maritime.tracks.clean import Clean, cleaned
from kizuna.domains.maritime.tracks.voyages import Port
from kizuna.kernel.journal import Store
from kizuna.node.maritime.archives import ArchiveKey

RECORDED = "recorded"
States = dict[str, list[tuple[int, str]]]
"""Since when each source was in which state, by its name."""


class Rules(msgspec.Struct, frozen=True):
    """What is looked for: the published numbers, the areas under watch, known ports and anchorages, and what is land."""

    areas: tuple[WatchArea, ...] = ()
    ports: tuple[Port, ...] = ()
    thresholds: ThresholdSet = V2
    land: Callable[[], Land | None] = nowhere


class Seen(msgspec.Struct, frozen=True):
    """What a search looks at: positions and feed states by source, what static data told, and up to when it tells."""

    tables: dict[str, pa.Table]
    states: dict[str, tuple[FeedInterval, ...]]
    named: tuple[Named, ...]
    now_ms: int
    since_ms: int | None
    """From when on everything is seen; None where all that there is."""


def find(seen: Seen, rules: Rules) -> tuple[Clean, list[Event]]:
    """Return the cleaned tracks and all events in them, in order."""
    clean = cleaned(seen.tables)
    given = Given(
        receivers=receivers_of(seen.tables, seen.states, rules.thresholds),
        now_ms=seen.now_ms,
        areas=rules.areas,
        ports=rules.ports,
        reception=reception_of(clean.heard),
        land=rules.land,
        thresholds=rules.thresholds,
    )
    found = [*of_vessels(clean, given), *of_meetings(clean, given), *find_changes(seen.named, given)]
    return clean, list(in_order(found))


def told_about(store: Store, keys: Sequence[ArchiveKey], from_ms: int) -> tuple[States, tuple[Named, ...]]:
    """Return since when each of some sources of one party and kind was in which state, and what static data of that party changed."""
    whose = sorted({(key.party, key.source_kind) for key in keys})
    with store.view() as db:
        states = {key.source: queries.feed_states(db, key.source, key.source_kind, from_ms) for key in keys}
        named = [
            Named(row.mmsi, row.reported_at_ms, party, row.name, row.imo_no, row.callsign)
            for party, kind in whose
            for row in queries.names_told(db, party, kind, from_ms)
        ]
    return states, tuple(named)


def intervals(states: Sequence[tuple[int, str]], until_ms: int) -> tuple[FeedInterval, ...]:
    """Return the states of a feed as intervals, each up to the next."""
    edges = [*states, (until_ms, "")]
    return tuple(
        FeedInterval(start, end, state)  # type: ignore[arg-type] # a state of the records
        for (start, state), (end, _) in pairwise(edges)
        if start < end
    )
