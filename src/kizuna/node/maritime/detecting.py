"""The job that looks for events in the recent tracks of our own sources, and says what a search changes of what it said before.

All sources of one kind are looked at together: each transmission counts once, and a vessel that one receiver loses and another hears was not
silent. The search is made anew every so often over the positions of two days, or a whole recording, so late, doubled and disordered ones give
the events that they would have given in time; an event that late positions change is superseded, and one that they refute is taken back, both
by a record. What began before those two days only ends. Nothing is kept but what the tables hold: a node that starts again goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy as np
import pyarrow as pa

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.events.area import WatchArea
from kizuna.domains.maritime.events.coverage import FeedInterval
from kizuna.domains.maritime.events.given import Given, nowhere
from kizuna.domains.maritime.events.identity import Named, find_changes
from kizuna.domains.maritime.events.land import Land
from kizuna.domains.maritime.events.model import V2, Event, Evidence, ThresholdSet
from kizuna.domains.maritime.events.reception import reception_of
from kizuna.domains.maritime.events.search import of_meetings, of_vessels, receivers_of
from kizuna.domains.maritime.events.standing import Change, Told, changes
from kizuna.domains.maritime.operations import Statement
from kizuna.domains.maritime.stating import publish_thresholds, state_event
from kizuna.domains.maritime.tracks.clean import Clean, cleaned
from kizuna.domains.maritime.tracks.voyages import Port
from kizuna.domains.maritime.watchlog.queries import identities_since
from kizuna.formats.positions_arrow import values_of
from kizuna.kernel.journal import Store
from kizuna.kernel.label import Label
from kizuna.kernel.ports import Clock
from kizuna.node.effects import Said, Say
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.feeding import Doer, drafts
from kizuna.node.maritime.repeating import Repeating

FIRST_S = 1.0
EVERY_S = 10.0
LOOK_BACK_MS = 2 * 86_400_000
"""Two days: a gap that is suspected takes half a day of silence and half a day before it, and input may be late by hours."""
BEFORE_MS = 3 * 3_600_000
"""What lies before that is read so far, to see what goes on into it."""
REPLY_S = 60.0
AT_ONCE = 500
"""So many events are said in one command."""
ACTOR = "system:events"
RECORDED = "recorded"
_AREA_ENTRY = {"area-entry": "zone-entry"}


class Rules(msgspec.Struct, frozen=True):
    """What the job looks for: the published numbers, the areas under watch, known ports and anchorages, and what is land."""

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
    """Return the cleaned tracks and all events in them."""
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
    return clean, [*of_vessels(clean, given), *of_meetings(clean, given), *find_changes(seen.named, given)]


def told_of(row: queries.EventRow) -> Told | None:
    """Return an own event of the tables as something that was told, None where it is not one of the second version."""
    if row.kind is None or row.from_ms is None or not row.vessels:
        return None
    return Told(
        record_id=row.record_id, kind=_AREA_ENTRY.get(row.kind, row.kind), mmsi=row.vessels, from_ms=row.from_ms,  # type: ignore[arg-type] # kinds of ours
        to_ms=row.to_ms, lat_600000=row.lat_600000, lon_600000=row.lon_600000, place=row.area, what=row.what or "",
        confidence=row.confidence or "low", coverage_ref=row.coverage_ref or "", threshold_set_id=row.rule or "",  # type: ignore[arg-type] # the same
    )  # fmt: skip


def told_about(
    store: Store, keys: Sequence[ArchiveKey], from_ms: int
) -> tuple[dict[str, list[tuple[int, str]]], tuple[Named, ...]]:
    """Return since when each of some sources of one party and kind was in which state, and what that party's static data told."""
    whose = {(key.party, key.source_kind) for key in keys}
    with store.view() as db:
        states = {key.source: queries.feed_states(db, key.source, key.source_kind, from_ms) for key in keys}
        named = tuple(
            Named(row.mmsi, row.reported_at_ms, row.party, row.name, row.imo_no, row.callsign)
            for row in identities_since(db, from_ms, limit=100_000)
            if (row.party, row.source_kind) in whose
        )
    return states, named


def intervals(states: Sequence[tuple[int, str]], until_ms: int) -> tuple[FeedInterval, ...]:
    """Return the states of a feed as intervals, each up to the next."""
    edges = [*states, (until_ms, "")]
    return tuple(
        FeedInterval(start, end, state)  # type: ignore[arg-type] # a state of the records
        for (start, state), (end, _) in pairwise(edges)
        if start < end
    )


def first_heard(clean: Clean, since_ms: int) -> Mapping[int, Evidence]:
    """Return the first report of each vessel at an instant or later."""
    heard = clean.heard
    rows = np.flatnonzero(heard.time_ms >= since_ms)
    rows = rows[np.unique(heard.mmsi[rows], return_index=True)[1]]
    seen = zip(*(column[rows].tolist() for column in (heard.mmsi, heard.time_ms, heard.lat, heard.lon)), strict=True)
    return {each[0]: Evidence(*each) for each in seen}


class Detecting(Repeating):
    """Looks for events every so often; `once` looks now.

    Args:
        runner: says the records.
        store: where events, batches, feed states and static data are known from.
        archives: the positions; only our own are looked at.
        party: our party.
        label: how events are labelled.
        own_units: MMSI of the party's own ships.
        clock: the node's clock.
        rules: what is looked for.
        more_areas: the areas that officers' rules watch besides, asked anew for every search.
    """

    def __init__(
        self,
        runner: Doer,
        store: Store,
        archives: Archives,
        party: str,
        label: Label,
        *,
        own_units: frozenset[int],
        clock: Clock,
        rules: Rules | None = None,
        more_areas: Callable[[], tuple[WatchArea, ...]] = tuple,
    ) -> None:
        super().__init__("events", first_s=FIRST_S, every_s=EVERY_S)
        self._runner = runner
        self._store = store
        self._archives = archives
        self._party = party
        self._label = label
        self._own_units = own_units
        self._clock = clock
        self.rules = rules or Rules()
        self._more_areas = more_areas
        self._recorded: object = None
        """What the last search of recordings looked at."""
        self._once = threading.Lock()

    def once(self) -> list[Said]:
        """Look now, say what is new, and return the records.

        Raises:
            KizunaError: the records were refused, or an archive is damaged.
        """
        with self._once:
            said: list[Said] = []
            kinds: dict[str, list[str]] = {}
            for key in self._archives.keys():  # noqa: SIM118 # not a mapping
                if key.party == self._party:
                    kinds.setdefault(key.source_kind, []).append(key.source)
            for source_kind, sources in sorted(kinds.items()):
                said += self._search(source_kind, sources)
            return said

    def _search(self, source_kind: str, sources: Sequence[str]) -> list[Said]:
        rules = msgspec.structs.replace(self.rules, areas=self.rules.areas + self._more_areas())
        keys = [ArchiveKey(self._party, source_kind, source) for source in sources]
        since_ms = None if source_kind == RECORDED else self._clock.now_ms() - LOOK_BACK_MS
        said_of = told_about(self._store, keys, (since_ms or BEFORE_MS) - BEFORE_MS)
        looked_at = (rules.areas, [self._archives.changes(key) for key in keys], said_of)
        if source_kind == RECORDED and looked_at == self._recorded:
            return []  # a recording that nothing was added to tells what it told
        seen = self._look(keys, since_ms, *said_of)
        if not any(table.num_rows for table in seen.tables.values()):
            return []
        clean, found = find(seen, rules)
        with self._store.view() as db:
            rows = queries.standing_events(db, source_kind, since_ms or 0)
            known = any(
                row.party == self._party and row.sha256 == rules.thresholds.digest() for row in queries.thresholds(db)
            )
        told = [each for row in rows if (each := told_of(row)) is not None]
        heard_again = first_heard(clean, since_ms) if since_ms is not None else None
        worth = changes(found, told, since_ms=since_ms, first_heard=heard_again)
        statements = [self._state(change, source_kind, rules) for change in worth]
        if statements and not known:
            statements.insert(0, publish_thresholds(rules.thresholds))
        said = self._say(statements)
        if source_kind == RECORDED:
            self._recorded = looked_at
        return said

    def _look(
        self,
        keys: Sequence[ArchiveKey],
        since_ms: int | None,
        states: Mapping[str, Sequence[tuple[int, str]]],
        named: tuple[Named, ...],
    ) -> Seen:
        """Return the recent positions of sources: of recordings all, for those are looked into, and their own end is now."""
        if since_ms is None:
            tables = {key.source: self._archives.read(key, 0, 2**53) for key in keys}
            ends = [int(values_of(table, "time_ms")[0].max()) for table in tables.values() if table.num_rows]
            now_ms = max(ends, default=0)
        else:
            now_ms = since_ms + LOOK_BACK_MS
            tables = {key.source: self._archives.read(key, since_ms - BEFORE_MS, now_ms + 1) for key in keys}
        heard = {source: intervals(found, now_ms) for source, found in states.items()}
        return Seen(tables, heard, named, now_ms, since_ms)

    def _state(self, change: Change, source_kind: str, rules: Rules) -> Statement:
        return state_event(
            change,
            source_kind=source_kind,  # type: ignore[arg-type] # the folder was named by a record's kind
            thresholds=rules.thresholds,
            batches=self._batches(change.event),
            own_units=self._own_units,
        )

    def _batches(self, event: Event) -> tuple[str, ...]:
        """Return the batches that hold the first and the last report of each vessel in the event."""
        ends: set[int] = set()
        for mmsi in event.mmsi:
            times = [each.time_ms for each in event.evidence if each.mmsi == mmsi]
            ends |= {min(times), max(times)} if times else set()
        sources: Iterable[str] = event.coverage_ref.split(", ")
        with self._store.view() as db:
            held = [
                each for source in sources for at_ms in sorted(ends) for each in queries.batches_at(db, source, at_ms)
            ]
        return tuple(dict.fromkeys(held))

    def _say(self, statements: Sequence[Statement]) -> list[Said]:
        said: list[Said] = []
        for first in range(0, len(statements), AT_ONCE):
            command = Say(drafts(statements[first : first + AT_ONCE], self._label, ACTOR))
            said += self._runner.do(command).result(REPLY_S)
        return said
