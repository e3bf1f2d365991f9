"""From a feed's bytes to statements: decoding, receive times, windows, what changed of static data, and the feed's health.

Pure but for its own state: bytes and the time go in, statements come out. Who reads the bytes and who signs the statements is the business of
`kizuna.node.feeding`.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from kizuna.domains.maritime import operations
from kizuna.domains.maritime.operations import LIVE_WINDOW_MS, RECORDED_WINDOW_MS, Statement
from kizuna.domains.maritime.picture import FeedHealth
from kizuna.formats.ais import AisMessage, AisReader, PositionReport, StaticReport
from kizuna.formats.nmea import Rejected
from kizuna.formats.positions_arrow import from_reports
from kizuna.node.sources import Feed

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
    """One feed between its bytes and its statements."""

    def __init__(self, feed: Feed, own_units: frozenset[int], now_ms: int) -> None:
        self.feed = feed
        self.own_units = own_units
        self.health = FeedHealth()
        self.ended = False
        self._began_ms = now_ms
        self._state: str | None = None
        self._readers: dict[int, AisReader] = {}
        self._positions: list[PositionReport] = []
        self._statics: dict[int, _Said] = {}
        self._changed: set[int] = set()
        self._types: Counter[int] = Counter()
        self._rejected: Counter[str] = Counter()
        self._sentences = self._total = self._statics_said = self._replaced = 0

    # --- in ------------------------------------------------------------------------------------------------------------------------

    def take(self, connection: int, data: bytes, now_ms: int) -> list[Rejected]:
        """Decode what came over a connection, no bytes meaning that it ended; return what was set aside."""
        if not data:
            reader = self._readers.pop(connection, None)
            return [] if reader is None else self._sort(reader, reader.close(), reader.counts.lines, now_ms)
        reader = self._readers.setdefault(connection, AisReader())
        before = reader.counts.lines
        return self._sort(reader, reader.feed(data), before, now_ms)

    def _sort(self, reader: AisReader, items: list[AisMessage | Rejected], before: int, now_ms: int) -> list[Rejected]:
        sentences = reader.counts.lines - before
        self._sentences += sentences
        self.health.observe(sentences, now_ms)
        aside: list[Rejected] = []
        for item in items:
            if isinstance(item, Rejected):
                self._rejected[item.reason] += 1
                aside.append(item)
                continue
            self._types[item.msg_type] += 1
            if item.position is not None and item.position.lat_600000 is not None:
                self._positions.append(self._timed(item.position, now_ms))
                self._total += 1
            if item.static is not None:
                self._learn(item.static, self._time(item.static.received_ms, now_ms))
        return aside

    def _time(self, received_ms: int | None, now_ms: int) -> int:
        if received_ms is not None and received_ms > now_ms + AHEAD_MS:
            self._replaced += 1
            return now_ms
        return now_ms if received_ms is None else received_ms

    def _timed(self, report: PositionReport, now_ms: int) -> PositionReport:
        at_ms = self._time(report.received_ms, now_ms)
        return report if at_ms == report.received_ms else msgspec.structs.replace(report, received_ms=at_ms)

    def _learn(self, report: StaticReport, at_ms: int) -> None:
        known = self._statics.get(report.mmsi)
        if known is None:
            while len(self._statics) >= MOST_VESSELS:
                gone = next(iter(self._statics))
                del self._statics[gone]
                self._changed.discard(gone)
            known = self._statics[report.mmsi] = _Said({}, {}, at_ms, 0)
        if at_ms >= known.heard_ms:
            known.values |= operations.known_fields(report)
            known.heard_ms = at_ms
        if known.values != known.said or known.heard_ms - known.said_ms >= STATIC_AGAIN_MS:
            self._changed.add(report.mmsi)

    # --- out -----------------------------------------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether so much is held that it should be said before more is taken."""
        return len(self._positions) >= MOST_ROWS

    def flush(self, now_ms: int) -> list[Statement]:
        """Return all that is held as statements, with the feed's state where it changed; nothing is held afterwards."""
        reports, self._positions = self._positions, []
        out: list[Statement] = []
        if self.feed.in_bulk:
            out += self._cut(reports, RECORDED_WINDOW_MS)
        else:
            edge = now_ms - BACKLOG_MS
            out += self._cut([each for each in reports if (each.received_ms or 0) >= edge], LIVE_WINDOW_MS)
            out += self._cut([each for each in reports if (each.received_ms or 0) < edge], RECORDED_WINDOW_MS)
        changed, self._changed = sorted(self._changed), set()
        out += [self._static(mmsi) for mmsi in changed]
        state = self._health_changed(now_ms)
        return out + ([state] if state is not None else [])

    def _cut(self, reports: list[PositionReport], window_ms: int) -> list[Statement]:
        if not reports:
            return []
        return operations.cut_batches(
            from_reports(reports, received_ms=0),
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
