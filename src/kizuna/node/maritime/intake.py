"""From a feed's bytes to statements: decoding, receive times, windows, what changed of static data, and the feed's health.

Pure but for its own state: bytes and the time go in, statements come out. Who reads the bytes and who signs the statements is the business of
`kizuna.node.maritime.feeding`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import groupby
from operator import not_
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
import pyarrow as pa

from kizuna.domains.maritime import operations
from kizuna.domains.maritime.operations import LIVE_WINDOW_MS, RECORDED_WINDOW_MS, Statement
from kizuna.domains.maritime.picture import FeedHealth
from kizuna.domains.maritime.records import STATIC_FIELDS
from kizuna.formats.ais_columns import WORTH_BYTES, ColumnReader, no_passes
from kizuna.formats.ais_stream import StreamReader
from kizuna.formats.ais_tables import Columns
from kizuna.formats.nmea import Rejected
from kizuna.formats.positions_arrow import SCHEMA, empty, values_of
from kizuna.node.maritime.sources import Feed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kizuna.formats.ais_passes import Passes

AHEAD_MS = 300_000
"""How far a feed's receive time may lie in our future; beyond that our own clock is taken."""
BACKLOG_MS = 60_000
"""A report that came later than this after it was heard is not live: it goes into larger windows."""
STATIC_AGAIN_MS = 600_000
"""Static data that did not change is said again after this."""
MOST_ROWS = 50_000
"""Positions held before a batch is cut."""
MOST_VESSELS = 200_000
"""Vessels whose last static data are remembered; the one said longest ago is forgotten first."""


class FeedStatus(msgspec.Struct, frozen=True):
    """What a feed has brought so far, for screens and metrics."""

    name: str
    source: str
    kind: str
    source_kind: str
    state: Literal["live", "degraded", "silent", "ended"]
    last_seen_ms: int | None
    sentences: int
    messages_by_type: dict[int, int]
    rejected: dict[str, int]
    positions: int
    statics: int
    times_replaced: int
    """Receive times that lay in our future."""


class _Said(msgspec.Struct):
    values: dict[str, object]
    said: dict[str, object]
    heard_ms: int
    said_ms: int


class Intake:
    """One feed between its bytes and its statements; `passes` gives each of its readers compiled passes once there is enough to read."""

    def __init__(
        self, feed: Feed, own_units: frozenset[int], now_ms: int, passes: Callable[[], Passes | None] = no_passes
    ) -> None:
        self.feed = feed
        self.own_units = own_units
        self.health = FeedHealth()
        self.ended = False
        self._began_ms = now_ms
        self._state: str | None = None
        self._passes = passes
        self._readers: dict[int, ColumnReader | StreamReader] = {}
        self._gathered: dict[int, list[bytes]] = {}
        self.gathered = 0
        """Bytes that wait to be decoded."""
        self._positions: list[pa.Table] = []
        self._held = 0
        self._statics: dict[int, _Said] = {}
        self._changed: set[int] = set()
        self._types: Counter[int] = Counter()
        self._rejected: Counter[str] = Counter()
        self._sentences = self._total = self._statics_said = self._replaced = 0

    # --- in ------------------------------------------------------------------------------------------------------------------------

    def gather(self, connection: int, data: bytes) -> None:
        """Keep what came over a connection until it is decoded, no bytes meaning that it ended."""
        self._gathered.setdefault(connection, []).append(data)
        self.gathered += len(data)

    def take_gathered(self, now_ms: int) -> list[Rejected]:
        """Decode what was gathered, each connection's together, and return what was set aside; what tells no time came now."""
        gathered, self._gathered, self.gathered = self._gathered, {}, 0
        aside: list[Rejected] = []
        for connection, came in gathered.items():
            for ended, parts in groupby(came, key=not_):
                aside += self.take(connection, b"" if ended else b"".join(parts), now_ms)
        return aside

    def take(self, connection: int, data: bytes, now_ms: int) -> list[Rejected]:
        """Decode what came over a connection, no bytes meaning that it ended; return what was set aside."""
        reader = self._readers.get(connection)
        if reader is None:
            if not data:
                return []
            reader = self._readers[connection] = self._reader()
        before = reader.counts
        lines, types = before.lines, before.messages_by_type.copy()
        if data:
            columns = reader.feed(data)
        else:
            columns = reader.close()
            del self._readers[connection]
        after = reader.counts
        self._types += after.messages_by_type - types
        self._sentences += after.lines - lines
        self.health.observe(after.lines - lines, now_ms)
        return self._sort(columns, now_ms)

    def _reader(self) -> ColumnReader | StreamReader:
        return StreamReader() if self.feed.kind == "websocket" else ColumnReader(self._passes, worth_bytes=WORTH_BYTES)

    def _sort(self, columns: Columns, now_ms: int) -> list[Rejected]:
        self._rejected.update(each.reason for each in columns.rejected)
        table = columns.positions
        placed = table.filter(table["lat_600000"].is_valid()) if table.num_rows else table
        if placed.num_rows:
            times = self._times(placed, now_ms)
            self._positions.append(pa.table([pa.array(times), *placed.columns[1 : len(SCHEMA)]], schema=SCHEMA))
            self._held += placed.num_rows
            self._total += placed.num_rows
        if columns.statics.num_rows:
            times = self._times(columns.statics, now_ms)
            for report, at_ms in zip(columns.statics.to_pylist(), times.tolist(), strict=True):
                self._learn(report, at_ms)
        return columns.rejected

    def _times(self, table: pa.Table, now_ms: int) -> NDArray[np.int64]:
        """Return when rows were received; where the feed did not say, or named a time in our future, that is now."""
        told, known = values_of(table, "time_ms")
        ahead = told > now_ms + AHEAD_MS
        self._replaced += int(ahead.sum())
        return np.where(known & ~ahead, told, now_ms)

    def _learn(self, report: dict[str, Any], at_ms: int) -> None:
        mmsi = report["mmsi"]
        known = self._statics.get(mmsi)
        if known is None:
            while len(self._statics) >= MOST_VESSELS:
                gone = next(iter(self._statics))
                del self._statics[gone]
                self._changed.discard(gone)
            known = self._statics[mmsi] = _Said({}, {}, at_ms, 0)
        if at_ms >= known.heard_ms:
            known.values |= {name: report[name] for name in STATIC_FIELDS if report[name] is not None}
            known.heard_ms = at_ms
        if known.values != known.said or known.heard_ms - known.said_ms >= STATIC_AGAIN_MS:
            self._changed.add(mmsi)

    # --- out -----------------------------------------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether so much is held that it should be said before more is taken."""
        return self._held >= MOST_ROWS

    def flush(self, now_ms: int) -> list[Statement]:
        """Return all that is held as statements, with the feed's state where it changed; nothing is held afterwards."""
        held = pa.concat_tables(self._positions) if self._positions else empty()
        self._positions, self._held = [], 0
        out: list[Statement] = []
        if self.feed.in_bulk:
            out += self._cut(held, RECORDED_WINDOW_MS)
        elif held.num_rows:
            live = values_of(held, "time_ms")[0] >= now_ms - BACKLOG_MS
            out += self._cut(held.filter(pa.array(live)), LIVE_WINDOW_MS)
            out += self._cut(held.filter(pa.array(~live)), RECORDED_WINDOW_MS)
        changed, self._changed = sorted(self._changed), set()
        out += [self._static(mmsi) for mmsi in changed]
        state = self._health_changed(now_ms)
        return out + ([state] if state is not None else [])

    def _cut(self, table: pa.Table, window_ms: int) -> list[Statement]:
        return operations.cut_batches(
            table,
            source=self.feed.source,
            source_kind=self.feed.source_kind,
            window_ms=window_ms,
            own_units=self.own_units,
        )

    def _static(self, mmsi: int) -> Statement:
        known = self._statics.pop(mmsi)
        self._statics[mmsi] = known  # said last, forgotten last
        known.said, known.said_ms = dict(known.values), known.heard_ms
        self._statics_said += 1
        return operations.state_static(
            mmsi,
            known.values,
            reported_at_ms=known.heard_ms,
            source=self.feed.source,
            source_kind=self.feed.source_kind,
            own_units=self.own_units,
        )

    def _health_changed(self, now_ms: int) -> Statement | None:
        """Return the feed's state if it is another than was said; a feed that has just been opened is given time to speak."""
        if self.feed.in_bulk:
            return None
        unheard = self.health.last_seen_ms is None
        state = self.health.state(now_ms)
        if state == self._state or (unheard and now_ms - self._began_ms < self.health.silent_ms):
            return None
        self._state = state
        return operations.state_feed(self.health, self.feed.source, self.feed.source_kind, now_ms)

    def status(self, now_ms: int) -> FeedStatus:
        """Return what the feed has brought so far."""
        return FeedStatus(
            name=self.feed.name,
            source=self.feed.source,
            kind=self.feed.kind,
            source_kind=self.feed.source_kind,
            state="ended" if self.ended else self.health.state(now_ms),
            last_seen_ms=self.health.last_seen_ms,
            sentences=self._sentences,
            messages_by_type=dict(sorted(self._types.items())),
            rejected=dict(sorted(self._rejected.items())),
            positions=self._total,
            statics=self._statics_said,
            times_replaced=self._replaced,
        )
