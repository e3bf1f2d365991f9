"""The live picture: what is known of each vessel now, kept beside the journal and made anew from it.

It follows the journal in a thread of its own: batches go into the archives and into the last-known picture with who told them, static reports
into the picture. At the start the newest rows come from the archives and the rest from the journal. Real and simulated traffic stand apart;
records of an exercise are not part of it. It decides nothing about release.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection
from typing import Any

import msgspec
import pyarrow as pa
import structlog

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.operations import known_fields
from kizuna.domains.maritime.picture import Picture, Provenance, Vessel
from kizuna.domains.maritime.queries import FeedRow
from kizuna.domains.maritime.records import RECORDS, STATIC_FIELDS, PositionBatch, StaticReported
from kizuna.domains.maritime.rules import check_chunk
from kizuna.errors import KizunaError, RecordError
from kizuna.formats.ais import PositionReport, StaticReport
from kizuna.formats.positions_arrow import check, empty, values_of
from kizuna.kernel import record
from kizuna.kernel.journal import Entry, Store
from kizuna.kernel.ports import Clock
from kizuna.kernel.record import Record
from kizuna.node import facts
from kizuna.node.archives import ArchiveKey, Archives, newest_rows
from kizuna.node.facts import BlobReader
from kizuna.node.parsed import parse
from kizuna.node.runner import Committed
from kizuna.storage.positions import Box

LOOK_BACK_MS = 86_400_000
"""How far back from the newest day of an archive a picture that starts looks into it."""
FLUSH_MS = 10_000
FLUSH_ROWS = 200_000
PAGE = 100
LIVE_WINDOW_MS = 1_000
"""Latency is measured on batches of at most this window that were said soon after it: a history tells nothing of it."""
PROMPT_MS = 5_000
SIMULATED = "simulated"
_RETRACTED = ("retract", "recall", "destroy", "superseded")
_POSITION_A = 1
_NOTHING: dict[str, Any] = dict.fromkeys(STATIC_FIELDS)
_log = structlog.get_logger("kizuna.picture")


class VesselRow(msgspec.Struct, frozen=True):
    """One vessel of the picture; `party` and `source` told its position, `told_by` anything at all."""

    mmsi: int
    simulated: bool
    at_ms: int | None
    lat_600000: int | None
    lon_600000: int | None
    speed_dkn: int | None
    course_ddeg: int | None
    heading_deg: int | None
    nav_status: int | None
    party: str
    source: str
    told_by: tuple[str, ...]
    """Each as `party/source`."""
    static: dict[str, int | str]
    """Newest value of each static field that was told."""
    static_by: dict[str, str]
    """Who told it, `party/source`."""


class TrackRow(msgspec.Struct, frozen=True):
    """One position of a vessel, and who told it."""

    party: str
    source: str
    time_ms: int
    lat_600000: int | None
    lon_600000: int | None
    speed_dkn: int | None
    course_ddeg: int | None


_TRACK = ["time_ms", "lat_600000", "lon_600000", "speed_dkn", "course_ddeg"]
MOST_TRACK = 50
"""Positions in a vessel's track on its page."""


class PictureCounts(msgspec.Struct):
    """What went into the picture since the start."""

    batches: int = 0
    positions: int = 0
    statics: int = 0
    partner_positions: int = 0
    refused: int = 0
    """Chunks that are not what their record says, or whose blob cannot be read."""


Listener = Callable[[list[VesselRow]], None]


class LivePicture:
    """The picture of one node; `runner.observe(picture.observe)`, then `start`."""

    def __init__(self, store: Store, blobs: BlobReader, archives: Archives, party: str, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._party = party
        self._clock = clock
        self.archives = archives
        self.counts = PictureCounts()
        self._lock = threading.Lock()
        self._pictures = {False: Picture(), True: Picture(simulated=True)}
        self._latencies: deque[int] = deque(maxlen=200_000)
        self._listeners: list[Listener] = []
        self._struck: set[str] = set()
        self._changed: set[tuple[bool, int]] = set()
        self._acted = False
        self._flushed_ms = 0
        self._wake = threading.Event()
        self._applied = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="kizuna-picture", daemon=True)

    # --- from any thread -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the picture from archives and journal, then follow the journal in a thread."""
        self.rebuild()
        self._thread.start()

    def stop(self) -> None:
        """Apply what is journalled, write the archives, and stop."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def observe(self, _committed: Committed) -> None:
        """Learn that the journal has grown; returns at once."""
        self._wake.set()

    def listen(self, listener: Listener) -> None:
        """Call `listener` with the vessels that changed after each step, on the picture's thread: it must return at once."""
        self._listeners.append(listener)

    def wait(self, seq: int, timeout_s: float) -> bool:
        """Return whether the picture held everything up to a journal entry within the time."""
        with self._applied:
            return self._applied.wait_for(lambda: self.archives.seq >= seq, timeout_s)

    def vessels(
        self, bbox: Box | None = None, limit: int | None = None, *, simulated: bool | None = None
    ) -> tuple[list[VesselRow], int]:
        """Return the vessels in a box, or all, by MMSI, at most `limit` of them, and how many there are in it.

        `simulated` asks for one kind of traffic; both come by default, each row saying which it is.
        """
        with self._lock:
            kinds = [simulated] if simulated is not None else [False, True]
            found = [
                (kind, vessel)
                for kind in kinds
                for vessel in self._pictures[kind]
                if bbox is None or _within(vessel, bbox)
            ]
            return [_row(vessel, simulated=kind) for kind, vessel in found[:limit]], len(found)

    def vessel(self, mmsi: int, *, simulated: bool = False) -> VesselRow | None:
        """Return one vessel, None where nothing is known of it."""
        with self._lock:
            found = self._pictures[simulated].vessel(mmsi)
            return None if found is None else _row(found, simulated=simulated)

    def track(self, mmsi: int, parties: Collection[str], *, simulated: bool = False) -> list[TrackRow]:
        """Return the newest positions of a vessel that these parties told of, the newest first.

        Raises:
            RecordError: a file of the archive is damaged.
        """
        found: list[TrackRow] = []
        to_ms = self._clock.now_ms() + 1
        for key in self.archives.keys():  # noqa: SIM118 # not a mapping
            if key.party not in parties or (key.source_kind == SIMULATED) is not simulated:
                continue
            rows = self.archives.read(key, to_ms - LOOK_BACK_MS, to_ms, mmsi=mmsi).select(_TRACK)
            found += [TrackRow(party=key.party, source=key.source, **row) for row in rows.to_pylist()]
        found.sort(key=lambda row: -row.time_ms)
        return found[:MOST_TRACK]

    def feeds(self) -> list[FeedRow]:
        """Return the last told state of every feed, own and partners': where one is silent, its part of the sea is unknown, not empty."""
        with self._store.view() as db:
            return queries.feeds(db)

    def latencies_ms(self) -> list[int]:
        """Return for the newest live positions of partners how long each took from its receiver to this picture."""
        with self._lock:
            return list(self._latencies)

    # --- making and following ------------------------------------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Make the picture anew: newest rows of the archives without what was retracted, static data, then the rest of the journal."""
        self._strike_retracted()
        fresh = {False: Picture(), True: Picture(simulated=True)}
        for key in self.archives.keys():  # noqa: SIM118 # not a mapping
            _place(fresh, newest_rows(self.archives.read_last(key, LOOK_BACK_MS)), key)
        with self._store.view() as db:
            for party, source, simulated, report in queries.statics(db):
                fresh[simulated].update(report, Provenance(party, source, simulated), received_ms=0)
        with self._lock:
            self._pictures = fresh
        self._follow()

    def _strike_retracted(self) -> None:
        marks = ",".join("?" * len(_RETRACTED))
        rows = self._store.query(
            f"SELECT b.record_id FROM maritime_batch b JOIN record r ON r.id = b.record_id WHERE r.standing IN ({marks})",
            _RETRACTED,
        )
        for (record_id,) in rows:
            held = facts.load_record(self._store, record_id) if record_id not in self._struck else None
            if held is not None:
                key, table = self._load(held, _batch_of(held))
                self.archives.strike(key, table)
                self._struck.add(record_id)

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
        while True:
            page = list(self._store.read(self.archives.seq + 1, PAGE))
            for stored in page:
                self._take(stored.entry)
                self.archives.seq = stored.seq
            self._tell()
            if len(page) < PAGE:
                return

    def _tell(self) -> None:
        with self._applied:
            self._applied.notify_all()
        if not self._changed:
            return
        changed, self._changed = self._changed, set()
        if self._listeners:
            found = [self.vessel(mmsi, simulated=simulated) for simulated, mmsi in sorted(changed)]
            rows = [row for row in found if row is not None]
            for listener in self._listeners:
                listener(rows)

    def _take(self, entry: Entry) -> None:
        if entry.kind == "acted" or (entry.kind == "received" and entry.meta.get("acts")):
            self._acted = True
        if entry.kind not in {"record", "received"} or entry.body is None or entry.meta.get("code"):
            return
        if entry.kind == "received" and entry.meta["kind"] != "record":
            return
        held = parse(entry.body)
        kind = RECORDS.get(held.clear.type)
        if kind is None or held.clear.exercise or held.id in self._struck:
            return
        try:
            if issubclass(kind, PositionBatch):
                self._batch(held, partner=held.clear.issuer != self._party)
            elif kind is StaticReported:
                self._static(held)
        except RecordError:
            self.counts.refused += 1

    def _batch(self, held: Record, *, partner: bool) -> None:
        body = _batch_of(held)
        if not partner and (isinstance(body.place_step_600000, int) or isinstance(body.time_step_ms, int)):
            return  # made coarser for a partner from rows that are here already
        key, table = self._load(held, body)
        self.archives.add(key, table)
        newest = newest_rows(table)
        with self._lock:
            _place(self._pictures, newest, key)
        if self._listeners:
            self._changed |= {(key.source_kind == SIMULATED, mmsi) for mmsi in values_of(newest, "mmsi")[0].tolist()}
        self.counts.batches += 1
        self.counts.positions += table.num_rows
        if partner:
            self.counts.partner_positions += table.num_rows
            from_ms, to_ms = _window(body)
            if to_ms - from_ms <= LIVE_WINDOW_MS and (held.at_ms or 0) - to_ms <= PROMPT_MS:
                now_ms = self._clock.now_ms()
                with self._lock:
                    self._latencies.extend((now_ms - values_of(table, "time_ms")[0]).tolist())

    def _load(self, held: Record, body: PositionBatch) -> tuple[ArchiveKey, pa.Table]:
        """Return the rows of a batch that are shown, each chunk held against what its record says."""
        source = body.source if isinstance(body.source, str) else ""
        key = ArchiveKey(held.clear.issuer, _kind(body), source)
        tables: list[pa.Table] = []
        for chunk in body.chunks if isinstance(body.chunks, tuple) else ():
            try:
                # in canonical form it is already: made here, or checked before it was journalled
                with pa.ipc.open_stream(pa.py_buffer(self._blobs.get(chunk.blob.sha256))) as reader:
                    table = reader.read_all()
                check(table)
                check_chunk(table, cell=chunk.cell, rows=chunk.rows, window_ms=_window(body))
            except (KizunaError, pa.ArrowException):
                self.counts.refused += 1
                continue
            tables.append(table)
        return key, pa.concat_tables(tables) if tables else empty()

    def _static(self, held: Record) -> None:
        body = record.body_of(held, StaticReported)
        if not isinstance(body.mmsi, int) or not isinstance(body.source_kind, str):
            return
        simulated = body.source_kind == SIMULATED
        source = body.source if isinstance(body.source, str) else ""
        at_ms = body.reported_at_ms if isinstance(body.reported_at_ms, int) else 0
        values = {name: getattr(body, name) for name in STATIC_FIELDS}
        given: dict[str, Any] = {name: value for name, value in values.items() if isinstance(value, int | str)}
        report = StaticReport(
            mmsi=body.mmsi, msg_type=5, received_ms=at_ms, eta=None, station=None, **(_NOTHING | given)
        )
        with self._lock:
            self._pictures[simulated].update(
                report, Provenance(held.clear.issuer, source, simulated), received_ms=at_ms
            )
        self.counts.statics += 1
        self._changed.add((simulated, body.mmsi))


def _batch_of(held: Record) -> PositionBatch:
    body = record.body_of(held, RECORDS[held.clear.type])
    if not isinstance(body, PositionBatch):
        raise RecordError(f"`{held.clear.type}` is no position batch")
    return body


def _kind(body: PositionBatch) -> str:
    """Return the kind of a batch's source; what is not disclosed cannot pass for real."""
    return body.source_kind if isinstance(body.source_kind, str) else SIMULATED


def _window(body: PositionBatch) -> tuple[int, int]:
    from_ms, to_ms = body.window_from_ms, body.window_to_ms
    return from_ms if isinstance(from_ms, int) else 0, to_ms if isinstance(to_ms, int) else 2**53


def _place(pictures: dict[bool, Picture], rows: pa.Table, key: ArchiveKey) -> None:
    simulated = key.source_kind == SIMULATED
    source = Provenance(key.party, key.source, simulated)
    picture = pictures[simulated]
    for row in rows.to_pylist():
        time_ms = row.pop("time_ms")
        report = PositionReport(msg_type=_POSITION_A, received_ms=time_ms, station=None, **row)
        picture.update(report, source, received_ms=time_ms)


def _within(vessel: Vessel, box: Box) -> bool:
    report = None if vessel.position is None else vessel.position.value
    if not isinstance(report, PositionReport) or report.lat_600000 is None or report.lon_600000 is None:
        return False
    if not box.south <= report.lat_600000 <= box.north:
        return False
    west, east = report.lon_600000 >= box.west, report.lon_600000 <= box.east
    return (west and east) if box.west <= box.east else (west or east)


def _row(vessel: Vessel, *, simulated: bool) -> VesselRow:
    fact = vessel.position
    report = fact.value if fact is not None and isinstance(fact.value, PositionReport) else None
    static: dict[str, int | str] = {}
    for each in vessel.static.values():
        if isinstance(each.value, StaticReport):
            names = [name for name in known_fields(each.value) if vessel.static.get(name) is each]
            static |= {name: getattr(each.value, name) for name in names}
    return VesselRow(
        mmsi=vessel.mmsi,
        simulated=simulated,
        at_ms=None if fact is None else fact.at_ms,
        lat_600000=None if report is None else report.lat_600000,
        lon_600000=None if report is None else report.lon_600000,
        speed_dkn=None if report is None else report.speed_dkn,
        course_ddeg=None if report is None else report.course_ddeg,
        heading_deg=None if report is None else report.heading_deg,
        nav_status=None if report is None else report.nav_status,
        party="" if fact is None else fact.source.party,
        source="" if fact is None else fact.source.receiver,
        told_by=tuple(sorted(f"{each.party}/{each.receiver}" for each in vessel.sources)),
        static=static,
        static_by={
            name: f"{vessel.static[name].source.party}/{vessel.static[name].source.receiver}" for name in static
        },
    )
