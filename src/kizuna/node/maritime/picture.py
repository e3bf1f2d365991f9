"""The live picture: what is known of each vessel now, kept beside the journal and made anew from it.

It follows the journal in a thread of its own: batches go into the archives and into the last-known picture with who told them, static reports
into the picture. At the start the newest rows come from the archives and the rest from the journal. Real and simulated traffic stand apart;
records of an exercise are not part of it but have a picture of their own. All of it stands in columns by party too, of which the pages make each
reader's own picture. It decides nothing about release.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, proxy

import msgspec
import numpy as np
import pyarrow as pa
import structlog

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.operations import known_fields
from kizuna.domains.maritime.picture import Picture, Provenance
from kizuna.domains.maritime.queries import FeedRow
from kizuna.domains.maritime.records import (
    OWN_UNIT_BATCH,
    RECORDS,
    SIMULATED,
    STATIC_FIELDS,
    OwnUnitBatch,
    PositionBatch,
    StaticReported,
)
from kizuna.errors import KizunaError, RecordError
from kizuna.formats.ais import PositionReport, StaticReport
from kizuna.formats.positions_arrow import values_of
from kizuna.kernel import record
from kizuna.kernel.journal import Entry, Store
from kizuna.kernel.ports import Clock
from kizuna.kernel.record import Body, Record
from kizuna.node.held import facts, noting
from kizuna.node.held.facts import BlobReader
from kizuna.node.held.parsed import parse
from kizuna.node.maritime.archives import ArchiveKey, Archives, newest_rows
from kizuna.node.maritime.brought import batch_of, brought, kind_of, rows_of, window_of
from kizuna.node.maritime.following import Following
from kizuna.node.maritime.sightings import Sightings
from kizuna.node.maritime.vessel_rows import VesselRow, row_of, within
from kizuna.node.maritime.withdrawn import stands, withdrawn_by, withdrawn_since
from kizuna.node.runner import Committed
from kizuna.storage.positions import Box

LOOK_BACK_MS = 86_400_000
"""How far back from the newest day of an archive a picture that starts looks into it."""
FLUSH_MS = 10_000
FLUSH_ROWS = 200_000
PAGE = 1_000
UNIT_BATCHES = 200
"""Newest batches of own units that tell, at the start, which vessels those are."""
LIVE_WINDOW_MS = 1_000
"""Latency is measured on batches of at most this window that were said soon after it: a history tells nothing of it."""
PROMPT_MS = 5_000
_POSITION_A = 1
_NOTHING: dict[str, Any] = dict.fromkeys(STATIC_FIELDS)
_log = structlog.get_logger("kizuna.picture")


class PictureCounts(msgspec.Struct):
    """What went into the picture since the start."""

    batches: int = 0
    positions: int = 0
    statics: int = 0
    partner_positions: int = 0
    refused: int = 0
    """Chunks that are not what their record says, or whose blob cannot be read."""


Listener = Callable[[list[VesselRow]], None]
Wanted = Callable[[], bool]


class _Rows(NamedTuple):
    """Rows of a batch that are to go into the picture; `live` where they tell how long a partner's take."""

    table: pa.Table
    live: bool


class LivePicture:
    """The picture of one node; `runner.observe(picture.observe)`, then `start`."""

    def __init__(self, store: Store, blobs: BlobReader, archives: Archives, party: str, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._party = party
        self._clock = clock
        self._following = Following(store)
        self.archives = archives
        self.counts = PictureCounts()
        self._lock = threading.Lock()
        self._pictures = {False: Picture(), True: Picture(simulated=True)}
        self._sightings = Sightings()
        self._exercises: dict[str, Sightings] = {}
        self._nothing = Sightings()
        self._latencies: deque[int] = deque(maxlen=200_000)
        self._listeners: list[tuple[Listener, Wanted]] = []
        self._changed: set[tuple[bool, int]] = set()
        self._fresh: dict[tuple[ArchiveKey, bool], list[_Rows]] = {}
        self._reached = 0
        self._acted = False
        self._begun = False
        self._flushed_ms = 0
        self._extracts: WeakKeyDictionary[Store, LivePicture] = WeakKeyDictionary()
        self._extracting = threading.Lock()
        self._wake = threading.Event()
        self._applied = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="kizuna-picture", daemon=True)

    # --- from any thread -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the picture from archives and journal, then follow the journal in a thread."""
        self.archives.sweep()
        self.rebuild()
        self._thread.start()

    def stop(self) -> None:
        """Apply what is journalled, write the archives, and stop."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def observe(self, committed: Committed) -> None:
        """Learn that the journal has grown; returns at once."""
        self._following.tell(committed)
        self._wake.set()

    def listen(self, listener: Listener, wanted: Wanted) -> None:
        """Call `listener` with the vessels that changed after each step while they are `wanted`, on the picture's thread: it must return at once."""
        self._listeners.append((listener, wanted))

    def wait(self, seq: int, timeout_s: float) -> bool:
        """Return whether the picture held everything up to a journal entry within the time; it begins to follow at once."""
        self._wake.set()
        with self._applied:
            return self._applied.wait_for(lambda: self._reached >= seq, timeout_s)

    def vessels(
        self, bbox: Box | None = None, limit: int | None = None, *, simulated: bool | None = None
    ) -> tuple[list[VesselRow], int]:
        """Return the vessels in a box, or all, by MMSI, at most `limit` of them, and how many there are in it.

        `simulated` asks for one kind of traffic; both come by default, each row saying which it is.
        """
        kinds = [simulated] if simulated is not None else [False, True]
        with self._lock:
            found = [
                (kind, mmsi)
                for kind in kinds
                for mmsi in (self._pictures[kind].numbers() if bbox is None else self._inside(bbox, simulated=kind))
            ]
            rows = [(kind, self._pictures[kind].vessel(mmsi)) for kind, mmsi in found[:limit]]
            return [row_of(vessel, simulated=kind) for kind, vessel in rows if vessel is not None], len(found)

    def _inside(self, box: Box, *, simulated: bool) -> list[int]:
        seen = self._sightings.seen(self._sightings.parties)
        ids = self._sightings.ids[seen.slot]
        found = ids[within(box, seen.lat, seen.lon) & (ids % 2 == int(simulated))]
        mmsi: list[int] = np.sort(found // 2).tolist()
        return mmsi

    @contextmanager
    def sightings(self, exercise: str = "") -> Iterator[Sightings]:
        """Give the columns of last positions, of the real and made-up picture or of an exercise's own, held still for the time of a question."""
        with self._lock:
            yield self._exercises.get(exercise, self._nothing) if exercise else self._sightings

    def exercises(self) -> list[str]:
        """Return the names of the exercises that have a picture of their own."""
        with self._lock:
            return sorted(self._exercises)

    def vessel(self, mmsi: int, *, simulated: bool = False) -> VesselRow | None:
        """Return one vessel, None where nothing is known of it."""
        with self._lock:
            found = self._pictures[simulated].vessel(mmsi)
            return None if found is None else row_of(found, simulated=simulated)

    def vessels_in(self, record_id: str) -> frozenset[int]:
        """Return the MMSI of the vessels whose positions a batch holds as far as it is held here; empty where it is none."""
        found = self.batch(record_id)
        return frozenset() if found is None else frozenset(values_of(found[1], "mmsi")[0].tolist())

    def batch(self, record_id: str) -> tuple[ArchiveKey, pa.Table] | None:
        """Return where the rows of a batch belong, and those that are what their record says; None where it is no batch or was erased."""
        held = facts.load_record(self._store, record_id)
        if held is None or not issubclass(RECORDS.get(held.clear.type, Body), PositionBatch):
            return None
        return self._load(held, batch_of(held))

    def brought(self, entry: int) -> tuple[ArchiveKey, pa.Table] | None:
        """Return where the rows that one entry of the journal brought belong, and those rows; None where it is no batch or was erased."""
        body = facts.body_at(self._store, entry)
        held = None if body is None else parse(body)
        if held is None or not issubclass(RECORDS.get(held.clear.type, Body), PositionBatch):
            return None
        return self._load(held, batch_of(held))

    def feeds(self) -> list[FeedRow]:
        """Return the last told state of every feed, own and partners': where one is silent, its part of the sea is unknown, not empty."""
        with self._store.view() as db:
            return queries.feeds(db)

    def latencies_ms(self) -> list[int]:
        """Return for the newest live positions of partners how long each took from its receiver to this picture."""
        with self._lock:
            return list(self._latencies)

    def takes_back(self) -> bool:
        """Follow the journal to its end, and return whether something of what stood here was taken back since the last time that it was caught up."""
        self._follow()
        return self._acted

    def look_again(self) -> None:
        """Make the picture anew when it next catches up: the archives have lost rows."""
        self._acted = True
        self._wake.set()

    def of(self, store: Store) -> LivePicture:
        """Return the picture that an extract of the journal gives, up to where it ends; the node's own store gives this one."""
        if store is self._store:
            return self
        with self._extracting:
            found = self._extracts.get(store)
            if found is None or found.takes_back():  # what was taken back is to be in no file of an extract
                found = LivePicture(proxy(store), self._blobs, self.archives.apart(), self._party, self._clock)
                self._extracts[store] = found
                found.rebuild()
            found.catch_up()
            return found

    # --- making and following ------------------------------------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Make the picture anew: newest rows of the archives without what was withdrawn, static data, then the rest of the journal."""
        if not self._begun:
            self._begun = True
            self._withdraw(withdrawn_since(self._store, self.archives.cleared, self.archives.seq))
        fresh, columns = {False: Picture(), True: Picture(simulated=True)}, Sightings()
        units = self._units()
        for key in self.archives.keys():  # noqa: SIM118 # not a mapping
            newest = newest_rows(self.archives.read_last(key, LOOK_BACK_MS))
            _place(fresh, newest, key)
            ours = np.isin(values_of(newest, "mmsi")[0], units.get(key.party, []))
            for unit in (False, True):
                columns.place(
                    newest.filter(pa.array(ours == unit)), key.party, simulated=key.source_kind == SIMULATED, unit=unit
                )
        with self._store.view() as db:
            for party, source, simulated, report in queries.statics(db):
                fresh[simulated].update(report, Provenance(party, source, simulated), received_ms=0)
                facts_said = known_fields(report)
                columns.state(party, report.mmsi, facts_said, report.received_ms or 0, simulated=simulated)
        with self._lock:
            columns.step += self._sightings.step  # what is followed by steps goes on from there
            columns["changed"][:] += self._sightings.step
            self._pictures, self._sightings = fresh, columns
        self._rebuild_exercises()
        self._follow()

    def _units(self) -> dict[str, list[int]]:
        """Return the numbers that parties said to be their own units, from the newest of their batches of such."""
        units: dict[str, set[int]] = {}
        rows = self._store.query(
            "SELECT record_id FROM maritime_batch WHERE type = ? AND exercise = '' ORDER BY COALESCE(window_to_ms, 0) DESC LIMIT ?",
            (OWN_UNIT_BATCH, UNIT_BATCHES),
        )
        for (record_id,) in rows:
            held = facts.load_record(self._store, record_id)
            if held is not None and stands(self._store, held.id):
                key, table = self._load(held, batch_of(held))
                units.setdefault(key.party, set()).update(values_of(table, "mmsi")[0].tolist())
        return {party: sorted(found) for party, found in units.items()}

    def _rebuild_exercises(self) -> None:
        """Make the pictures of exercises anew from the batches of the last day: they are in no archive."""
        since_ms = self._clock.now_ms() - LOOK_BACK_MS
        rows = self._store.query(
            "SELECT record_id FROM maritime_batch WHERE exercise <> '' AND COALESCE(window_to_ms, 0) >= ? ORDER BY record_id",
            (since_ms,),
        )
        held = [facts.load_record(self._store, record_id) for (record_id,) in rows]
        with self._lock:
            self._exercises = {}
        for each in held:
            if each is not None and stands(self._store, each.id):
                self._drill(each)

    def _drill(self, held: Record) -> None:
        """Put a record of an exercise into that exercise's own picture; one whose exercise is not disclosed into that of the unknown."""
        name = held.text("exercise") or "?"
        with self._lock:
            columns = self._exercises.setdefault(name, Sightings())
        body = record.body_of(held, RECORDS[held.clear.type])
        if isinstance(body, PositionBatch):
            key, table = self._load(held, body)
            with self._lock:
                columns.place(
                    newest_rows(table),
                    key.party,
                    simulated=key.source_kind == SIMULATED,
                    unit=isinstance(body, OwnUnitBatch),
                )
        elif isinstance(body, StaticReported) and isinstance(body.mmsi, int):
            at_ms = body.reported_at_ms if isinstance(body.reported_at_ms, int) else 0
            simulated = body.source_kind == SIMULATED
            with self._lock:
                columns.state(held.clear.issuer, body.mmsi, _told(body), at_ms, simulated=simulated)

    def _withdraw(self, entries: list[int]) -> None:
        """Leave what entries brought out of what is read, as far as it can still be told; the files are cleared of it beside this."""
        self.archives.withdraw(entries)
        for entry in entries:
            found = self.brought(entry)
            if found is not None:
                self.archives.strike(*found, entry)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(FLUSH_MS / 1000)
            self._wake.clear()
            self._guarded(self.catch_up)
        self._guarded(self.catch_up)
        self._guarded(self.archives.flush)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Go on after a fault that has passed by the next time, such as a full disk."""
        try:
            step()
        except KizunaError as error:
            _log.warning("picture waits", error=type(error).__name__)

    def catch_up(self) -> None:
        """Apply what is journalled by now, and write the archives when that is due; the thread does this by itself.

        Raises:
            KizunaError: the journal or an archive cannot be used now.
        """
        self._follow()
        if self._acted:
            self._acted = False
            self.rebuild()
        now_ms = self._clock.now_ms()
        if now_ms - self._flushed_ms >= FLUSH_MS or self.archives.fresh_rows >= FLUSH_ROWS:
            self._flushed_ms = now_ms
            self.archives.flush()

    def _follow(self) -> None:
        while page := self._following.page(self.archives.seq + 1, PAGE):
            self._heed(page)
            self._tell()
        self._tell()

    def _heed(self, page: list[tuple[int, Entry]]) -> None:
        """Take a page of entries: the tables are asked once what has fallen, and the rows of a source go into the picture together."""
        told = {seq: held for seq, entry in page if (held := brought(entry)) is not None}
        with self._store.view() as db:
            fallen = noting.fallen(db, page[0][0], page[-1][0])
        try:
            for seq, entry in page:
                self._mind(entry)
                held = told.get(seq)
                if held is not None and seq not in fallen:
                    self._take(held, seq)
                self.archives.seq = seq
        finally:
            self._show()

    def _tell(self) -> None:
        changed, self._changed = self._changed, set()
        listeners = [listener for listener, wanted in self._listeners if wanted()] if changed else []
        if listeners:
            found = [self.vessel(mmsi, simulated=simulated) for simulated, mmsi in sorted(changed)]
            rows = [row for row in found if row is not None]
            for listener in listeners:
                listener(rows)
        with self._applied:
            self._reached = self.archives.seq
            self._applied.notify_all()

    def _mind(self, entry: Entry) -> None:
        """Note what an entry takes back."""
        gone = withdrawn_by(self._store, entry)
        if gone:
            self._withdraw(gone)
        if gone or entry.kind == "acted" or (entry.kind == "received" and entry.meta.get("acts")):
            self._acted = True

    def _take(self, held: Record, entry: int) -> None:
        kind = RECORDS[held.clear.type]
        try:
            if held.clear.exercise:
                self._drill(held)
            elif issubclass(kind, PositionBatch):
                self._batch(held, entry, partner=held.clear.issuer != self._party)
            elif kind is StaticReported:
                self._static(held)
        except RecordError:
            self.counts.refused += 1

    def _batch(self, held: Record, entry: int, *, partner: bool) -> None:
        body = batch_of(held)
        if not partner and (isinstance(body.place_step_600000, int) or isinstance(body.time_step_ms, int)):
            return  # made coarser for a partner from rows that are here already
        key, table = self._load(held, body)
        self.archives.add(key, table, entry)
        from_ms, to_ms = window_of(body)
        live = partner and to_ms - from_ms <= LIVE_WINDOW_MS and (held.at_ms or 0) - to_ms <= PROMPT_MS
        self._fresh.setdefault((key, isinstance(body, OwnUnitBatch)), []).append(_Rows(table, live))
        self.counts.batches += 1
        self.counts.positions += table.num_rows
        self.counts.partner_positions += table.num_rows if partner else 0

    def _show(self) -> None:
        """Put the rows that were taken into the picture: of a vessel only the newest count, in whatever order and company they came."""
        fresh, self._fresh = self._fresh, {}
        for (key, unit), rows in fresh.items():
            newest = newest_rows(pa.concat_tables([each.table for each in rows]))
            simulated = key.source_kind == SIMULATED
            with self._lock:
                _place(self._pictures, newest, key)
                self._sightings.place(newest, key.party, simulated=simulated, unit=unit)
            if self._listeners:
                self._changed |= {(simulated, mmsi) for mmsi in values_of(newest, "mmsi")[0].tolist()}
            now_ms = self._clock.now_ms()
            for each in rows:
                if each.live:
                    with self._lock:
                        self._latencies.extend((now_ms - values_of(each.table, "time_ms")[0]).tolist())

    def _load(self, held: Record, body: PositionBatch) -> tuple[ArchiveKey, pa.Table]:
        """Return the rows of a batch that are shown, each chunk held against what its record says."""
        source = body.source if isinstance(body.source, str) else ""
        key = ArchiveKey(held.clear.issuer, kind_of(body), source)
        table, refused = rows_of(body, self._blobs)
        self.counts.refused += refused
        return key, table

    def _static(self, held: Record) -> None:
        body = record.body_of(held, StaticReported)
        if not isinstance(body.mmsi, int) or not isinstance(body.source_kind, str):
            return
        simulated = body.source_kind == SIMULATED
        source = body.source if isinstance(body.source, str) else ""
        at_ms = body.reported_at_ms if isinstance(body.reported_at_ms, int) else 0
        given = _told(body)
        report = StaticReport(
            mmsi=body.mmsi, msg_type=5, received_ms=at_ms, eta=None, station=None, **(_NOTHING | given)
        )
        with self._lock:
            self._pictures[simulated].update(
                report, Provenance(held.clear.issuer, source, simulated), received_ms=at_ms
            )
            self._sightings.state(held.clear.issuer, body.mmsi, given, at_ms, simulated=simulated)
        self.counts.statics += 1
        self._changed.add((simulated, body.mmsi))


def _place(pictures: dict[bool, Picture], rows: pa.Table, key: ArchiveKey) -> None:
    simulated = key.source_kind == SIMULATED
    source = Provenance(key.party, key.source, simulated)
    picture = pictures[simulated]
    for row in rows.to_pylist():
        time_ms = row.pop("time_ms")
        report = PositionReport(msg_type=_POSITION_A, received_ms=time_ms, station=None, **row)
        picture.update(report, source, received_ms=time_ms)


def _told(body: StaticReported) -> dict[str, Any]:
    values = {name: getattr(body, name) for name in STATIC_FIELDS}
    return {name: value for name, value in values.items() if isinstance(value, int | str)}
