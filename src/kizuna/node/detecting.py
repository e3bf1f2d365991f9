"""The job that looks for events: gaps, encounters and entries into watched areas in the recent tracks of our own sources.

It reruns the published rules over the archives every so often and says what is new. The same event is found again each time; it is said when it
is first seen, and once more when it has come to an end. Nothing is found across a time in which the source was silent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
import pyarrow as pa
import structlog

from kizuna.domains.maritime import operations, queries
from kizuna.domains.maritime.events.area import WatchArea, find_entries
from kizuna.domains.maritime.events.coverage import Coverage, heard_intervals
from kizuna.domains.maritime.events.encounter import find_encounters
from kizuna.domains.maritime.events.gap import find_gaps
from kizuna.domains.maritime.events.model import V1, Event, ThresholdSet
from kizuna.domains.maritime.events.tracks import tracks
from kizuna.domains.maritime.operations import Statement
from kizuna.errors import KizunaError
from kizuna.formats.positions_arrow import values_of
from kizuna.kernel.journal import Store
from kizuna.kernel.label import Label
from kizuna.kernel.ports import Clock
from kizuna.node.archives import ArchiveKey, Archives
from kizuna.node.effects import Said, Say
from kizuna.node.feeding import Doer, drafts

FIRST_S = 1.0
EVERY_S = 10.0
LOOK_BACK_MS = 43_200_000
"""Twelve hours: twice the silence that makes a gap."""
SILENT_MS = 60_000
"""A source that brought no position for so long was silent."""
SETTLED_MS = V1.encounter_max_interpolation_ms + V1.encounter_grid_ms
"""After this an encounter that has not gone on is over."""
REPLY_S = 60.0
ACTOR = "system:events"
_log = structlog.get_logger("kizuna.events")


class Rules(msgspec.Struct, frozen=True):
    """What the job looks for: the published numbers, the areas under watch, and known anchorages (latitude, longitude, 1/600000 degree)."""

    areas: tuple[WatchArea, ...] = ()
    anchorages: tuple[tuple[int, int], ...] = ()
    thresholds: ThresholdSet = V1


def find(table: pa.Table, source: str, rules: Rules, now_ms: int) -> list[Event]:
    """Return the events in the positions of one source, which was heard while it delivered and until `SILENT_MS` afterwards."""
    made = tracks(table)
    coverage = Coverage(source, heard_intervals(values_of(table, "time_ms")[0], SILENT_MS))
    found = list(find_gaps(made, coverage, now_ms=now_ms, thresholds=rules.thresholds))
    found += find_encounters(made, coverage, anchorages=rules.anchorages, thresholds=rules.thresholds)
    for area in rules.areas:
        found += find_entries(made, area, coverage, thresholds=rules.thresholds)
    return found


class Subject(NamedTuple):
    """Whom an event is about; two of one subject that overlap in time are one event."""

    kind: str
    mmsi: tuple[int, ...]
    area: str


class Known(msgspec.Struct):
    """An event that was said: its record, its interval, and whether it had ended."""

    record_id: str
    from_ms: int
    to_ms: int | None


class Memory:
    """The events that this node has said, and what of a new search is worth saying."""

    def __init__(self) -> None:
        self._known: dict[Subject, list[Known]] = {}

    def learn(self, subject: Subject, known: Known) -> None:
        """Note what was said; what it goes on from is replaced."""
        others = [one for one in self._known.get(subject, []) if not _overlap(one, known.from_ms, known.to_ms)]
        self._known[subject] = [*others, known]

    def news(self, event: Event, now_ms: int) -> tuple[bool, str]:
        """Return whether an event is to be said, and the record of its earlier finding if it goes on from one that has since ended."""
        known = next(
            (one for one in self._known.get(subject_of(event), []) if _overlap(one, event.from_ms, event.to_ms)), None
        )
        if known is None:
            return True, ""
        ended = event.to_ms is not None and (event.kind != "encounter" or event.to_ms + SETTLED_MS <= now_ms)
        grew = known.to_ms is None or (event.to_ms is not None and event.to_ms > known.to_ms)
        return ended and grew, known.record_id


def subject_of(event: Event) -> Subject:
    """Return whom an event is about."""
    return Subject("area-entry" if event.kind == "zone-entry" else event.kind, event.mmsi, event.area or "")


def _overlap(one: Known, from_ms: int, to_ms: int | None) -> bool:
    return (to_ms is None or one.from_ms < to_ms or one.from_ms == from_ms) and (
        one.to_ms is None or from_ms < one.to_ms or one.from_ms == from_ms
    )


def remembered(rows: Iterable[queries.EventRow]) -> Memory:
    """Return the memory of the events that the tables hold of this party."""
    memory = Memory()
    for row in sorted(rows, key=lambda row: (row.from_ms or 0, row.to_ms is not None, row.to_ms or 0)):
        if row.own and row.kind is not None and row.mmsi is not None and row.from_ms is not None:
            vessels = (row.mmsi,) if row.other_mmsi is None else (row.mmsi, row.other_mmsi)
            memory.learn(Subject(row.kind, vessels, row.area or ""), Known(row.record_id, row.from_ms, row.to_ms))
    return memory


class Detecting:
    """Looks for events every so often; `once` looks now.

    Args:
        runner: says the records.
        store: where events and batches are known from.
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
        self._runner = runner
        self._store = store
        self._archives = archives
        self._party = party
        self._label = label
        self._own_units = own_units
        self._clock = clock
        self.rules = rules or Rules()
        self._more_areas = more_areas
        self._memory: dict[str, Memory] = {}
        self._once = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kizuna-events", daemon=True)

    def start(self) -> None:
        """Look soon, and then every `EVERY_S` seconds, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop when the search under way is done."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def once(self) -> list[Said]:
        """Look now, say what is new, and return the records.

        Raises:
            KizunaError: the records were refused, or an archive is damaged.
        """
        with self._once:
            said: list[Said] = []
            for key in self._archives.keys():  # noqa: SIM118 # not a mapping
                if key.party == self._party:
                    said += self._search(key)
            return said

    def _run(self) -> None:
        pause_s = FIRST_S
        while not self._stopping.wait(pause_s):
            pause_s = EVERY_S
            try:
                self.once()
            except (KizunaError, TimeoutError) as error:
                _log.warning("events wait", error=type(error).__name__)

    def _search(self, key: ArchiveKey) -> list[Said]:
        now_ms, rows = self._recent(key)
        if not rows.num_rows:
            return []
        memory = self._memory.get(key.source_kind)
        if memory is None:
            memory = self._memory[key.source_kind] = self._remembered(key.source_kind)
        worth: list[tuple[Event, Statement]] = []
        looked_for = msgspec.structs.replace(self.rules, areas=self.rules.areas + self._more_areas())
        for event in find(rows, key.source, looked_for, now_ms):
            new, earlier = memory.news(event, now_ms)
            if new:
                worth.append((event, self._state(event, key, (earlier,) if earlier else ())))
        return self._say(worth, memory)

    def _recent(self, key: ArchiveKey) -> tuple[int, pa.Table]:
        """Return the recent rows of a source and the time up to which they tell: of a recording that is its own end, of the rest now."""
        if key.source_kind == "recorded":
            rows = self._archives.read_last(key, LOOK_BACK_MS + operations.RECORDED_WINDOW_MS)
            times = values_of(rows, "time_ms")[0]
            return (int(times.max()) if len(times) else 0), rows
        now_ms = self._clock.now_ms()
        return now_ms, self._archives.read(key, now_ms - LOOK_BACK_MS, now_ms + 1)

    def _remembered(self, source_kind: str) -> Memory:
        with self._store.view() as db:
            rows = queries.events(db, limit=100_000)
        return remembered(row for row in rows if row.source_kind == source_kind)

    def _state(self, event: Event, key: ArchiveKey, earlier: tuple[str, ...]) -> Statement:
        return operations.state_event(
            event,
            source_kind=key.source_kind,  # type: ignore[arg-type] # the folder was named by a record's kind
            batches=self._evidence(event, key.source),
            own_units=self._own_units,
            after=earlier,
        )

    def _evidence(self, event: Event, source: str) -> tuple[str, ...]:
        """Return the batches that hold the first and the last report of each vessel in the event."""
        ends: set[int] = set()
        for mmsi in event.mmsi:
            times = [each.time_ms for each in event.evidence if each.mmsi == mmsi]
            ends |= {min(times), max(times)}
        with self._store.view() as db:
            return tuple(
                dict.fromkeys(each for at_ms in sorted(ends) for each in queries.batches_at(db, source, at_ms))
            )

    def _say(self, worth: Sequence[tuple[Event, Statement]], memory: Memory) -> list[Said]:
        if not worth:
            return []
        command = Say(drafts([statement for _, statement in worth], self._label, ACTOR))
        said: list[Said] = list(self._runner.do(command).result(REPLY_S))
        for (event, _), one in zip(worth, said, strict=True):
            memory.learn(subject_of(event), Known(one.record_id, event.from_ms, event.to_ms))
        return said
