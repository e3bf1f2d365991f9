"""What a plug that asks is shown: vessels, tracks, events and areas, each record behind them decided again at the request.

Positions that were given as they came are held for a day, within bounds, so that an answer does not read the whole journal; what no longer may be
given is left out at the next request, and not counted either. Forms are made elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.records import AREA_ENTERED, STATIC_FIELDS
from kizuna.errors import RecordError
from kizuna.formats.ogc_features import Ask, Bounds, place
from kizuna.formats.positions_arrow import SCHEMA, values_of
from kizuna.kernel.journal import Store
from kizuna.kernel.label import Grade, Label, join
from kizuna.kernel.marking import marking
from kizuna.node.held import facts
from kizuna.node.plug_settings import OWN
from kizuna.node.plugs.recipients import Gate, Given
from kizuna.node.sea_settings import Area

if TYPE_CHECKING:
    from kizuna.kernel.record import Record

LOOK_BACK_MS = 86_400_000
MOST_ROWS = 400_000
"""Positions held for one plug; the oldest make room."""
MOST_BATCHES = 5_000
"""Batches looked at when what is held is made anew."""
MOST_EVENTS = 10_000
_TABLES = 128
_HELD = SCHEMA.append(pa.field("batch", pa.int64(), nullable=False))
Counted = Callable[["Record", Given], None]
Batch = tuple[str, Given]
"""A record of positions, and what was given of it when its rows were kept."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is shown: facts as they were given, who said them, and the marking under which it is shown."""

    id: str
    facts: dict[str, Any]
    told_by: tuple[str, ...]
    label: Label | None
    """The join of what stands behind it, as its recipient's own policy says it."""
    exercise: bool = False
    retain_days: int = 0
    """After how many days its recipient destroys it, by the shortest duty; 0: no limit."""
    from_ms: int | None = None
    to_ms: int | None = None
    places: tuple[tuple[int, float, float], ...] = ()
    """Of a track: time, longitude and latitude in degrees."""

    @property
    def marking(self) -> str:
        """The marking under which it is shown."""
        return marking(self.label, exercise=self.exercise)


class Seens(msgspec.Struct, frozen=True):
    """A page, and after what the next one goes on; empty where this is the last."""

    found: tuple[Seen, ...]
    after: str


class Positions:
    """What one plug was given of positions; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: list[pa.Table] = []
        self._batches: dict[int, Batch] = {}
        self._next = self._rows = 0

    def add(self, record_id: str, given: Given, table: pa.Table) -> None:
        """Keep the rows that were given of a batch."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._batches[number] = record_id, given
            named = pa.array(np.full(table.num_rows, number, np.int64))
            self._tables.append(pa.table([*table.columns, named], schema=_HELD))
            self._rows += table.num_rows
            if self._rows > MOST_ROWS:
                self._shorten()
            elif len(self._tables) > _TABLES:
                self._tables = [pa.concat_tables(self._tables).combine_chunks()]

    def _shorten(self) -> None:
        """Let a quarter go, the oldest that was given."""
        kept = pa.concat_tables(self._tables).slice(self._rows - 3 * MOST_ROWS // 4).combine_chunks()
        first = int(values_of(kept, "batch")[0][0])
        self._tables, self._rows = [kept], kept.num_rows
        self._batches = {number: batch for number, batch in self._batches.items() if number >= first}

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._tables, self._rows = [], 0
            self._batches = {}

    def rows(self, now_ms: int) -> tuple[pa.Table, dict[int, Batch]]:
        """Return the rows of the last day with the number of their batch, and by number the batch and what was given of it."""
        with self._lock:
            tables, batches = list(self._tables), dict(self._batches)
        table = pa.concat_tables([_HELD.empty_table(), *tables])
        recent = values_of(table, "time_ms")[0] > now_ms - LOOK_BACK_MS
        return table.filter(pa.array(recent)), batches


class _Look:
    """The decisions of one request: each record is asked about once."""

    def __init__(self, store: Store, gate: Gate, now_ms: int, counted: Counted) -> None:
        self._store, self._gate, self._now_ms, self._counted = store, gate, now_ms, counted
        self._known: dict[str, tuple[Record, Given] | None] = {}

    def at(self, record_id: str) -> tuple[Record, Given] | None:
        """Return a record and what may be had of it, None where nothing may."""
        if record_id not in self._known:
            held = facts.load_record(self._store, record_id)
            given = None if held is None else self._gate.rule(held, self._now_ms)
            if held is not None and given is not None:
                self._counted(held, given)
            self._known[record_id] = (held, given) if held is not None and given is not None and given.permit else None
        return self._known[record_id]

    def still(self, batch: Batch | None) -> str:
        """Return the record of a batch of which now as much may be had as its rows were kept for, else nothing."""
        found = None if batch is None else self.at(batch[0])
        if batch is None or found is None:
            return ""
        then, now = batch[1], found[1]
        same = (then.names, then.coarse, then.duties) == (now.names, now.coarse, now.duties)
        return batch[0] if same else ""

    def label(self, record_id: str) -> Label | None:
        """Return the label under which a record that may be had is shown."""
        found = self.at(record_id)
        if found is None or not found[1].grades:
            return None
        held, given = found
        releasable = frozenset(name.partition("/")[2] for name in given.names if name.startswith("releasable_to/"))
        return Label(given.grades, frozenset({held.clear.issuer}), releasable_to=releasable)

    def joined(self, record_ids: set[str]) -> dict[str, Any]:
        """Return label, exercise mark and duty of what stands on some records."""
        labels = [label for each in sorted(record_ids) if (label := self.label(each)) is not None]
        days = [found[1].duties.retain_days for each in record_ids if (found := self.at(each)) is not None]
        return {
            "label": reduce(join, labels) if labels else None,
            "exercise": bool(self._gate.recipient.exercise),
            "retain_days": min((each for each in days if each), default=0),
        }


@dataclass(frozen=True)
class Showing:
    """Answers plugs that ask, from one node's store."""

    store: Store
    party: str
    areas: tuple[Area, ...]
    """Waters that this node's officers watch."""
    grade: Grade
    """How what officers say is graded: the areas bear no label of their own."""

    def vessels(self, gate: Gate, held: Positions, ask: Ask, now_ms: int, counted: Counted) -> Seens:
        """Return vessels by MMSI: the last position that may be had of each, and what it says of itself."""
        look = _Look(self.store, gate, now_ms, counted)
        table, batches = held.rows(now_ms)
        latest = _newest(table)
        found = []
        for mmsi in sorted(latest):
            if mmsi <= _number(ask.after):
                continue
            row = latest[mmsi]
            number = row.pop("batch")
            lon, lat = place(row["lat_600000"], row["lon_600000"])
            at_ms = row["time_ms"]
            if not ask.meets(at_ms, at_ms) or (ask.bounds is not None and not ask.bounds.holds(lon, lat)):
                continue
            batch = look.still(batches.get(number))
            if not batch:
                continue
            static, behind = self._static(gate, look, mmsi)
            told = _told(look, gate, {batch})
            found.append(
                Seen(
                    id=f"{mmsi:09}",
                    facts=row | static,
                    told_by=told,
                    **look.joined({batch, *behind}),
                    from_ms=at_ms,
                    to_ms=at_ms,
                )
            )
            if len(found) > ask.limit:
                break
        return _page(found, ask)

    def _static(self, gate: Gate, look: _Look, mmsi: int) -> tuple[dict[str, Any], set[str]]:
        """Return the newest static facts of a vessel that may be had, and the records that say them."""
        rows = self.store.query(
            "SELECT record_id FROM maritime_static WHERE party IN (SELECT party FROM partner UNION SELECT party FROM introduced UNION"
            " SELECT ?) AND mmsi = ? AND simulated = ? AND exercise = ? ORDER BY reported_at_ms, record_id",
            (self.party, mmsi, int(gate.recipient.simulated), gate.recipient.exercise),
        )
        facts_given: dict[str, Any] = {}
        behind = set()
        for (record_id,) in rows:
            found = look.at(record_id)
            if found is None:
                continue
            said = gate.said(*found)
            facts_given |= {name: said[name] for name in STATIC_FIELDS if name in said}
            behind.add(record_id)
        return facts_given, behind

    def tracks(self, gate: Gate, held: Positions, ask: Ask, now_ms: int, counted: Counted) -> Seens:
        """Return by MMSI where vessels were: the positions of the last day that may be had, in the order of their times."""
        look = _Look(self.store, gate, now_ms, counted)
        table, batches = held.rows(now_ms)
        found = []
        for mmsi, rows in _by_vessel(table, after=_number(ask.after)):
            places: list[tuple[int, float, float]] = []
            behind = set()
            for at_ms, lat, lon, number in rows:
                spot = place(lat, lon)
                if not ask.meets(at_ms, at_ms) or (ask.bounds is not None and not ask.bounds.holds(*spot)):
                    continue
                batch = look.still(batches.get(number))
                if batch and (not places or places[-1][0] != at_ms):
                    places.append((at_ms, *spot))
                    behind.add(batch)
            if not places:
                continue
            told = _told(look, gate, behind)
            found.append(
                Seen(
                    id=f"{mmsi:09}",
                    facts={"mmsi": mmsi},
                    told_by=told,
                    **look.joined(behind),
                    from_ms=places[0][0],
                    to_ms=places[-1][0],
                    places=tuple(places),
                )
            )
            if len(found) > ask.limit:
                break
        return _page(found, ask)

    def events(
        self, gate: Gate, ask: Ask, now_ms: int, counted: Counted, wanted: Callable[[dict[str, Any]], bool] = bool
    ) -> Seens:
        """Return events, the newest first, with the facts that may be had of each; `wanted` chooses by those facts.

        Raises:
            RecordError: the page goes on after an event that is not held.
        """
        look = _Look(self.store, gate, now_ms, counted)
        with self.store.view() as db:
            rows = queries.events(db, since_ms=0, limit=MOST_EVENTS, exercise=gate.recipient.exercise)
        begun = not ask.after
        found = []
        for row in rows:
            if not begun:
                begun = row.record_id == ask.after
                continue
            held = look.at(row.record_id)
            if held is None:
                continue
            seen = self._event(gate, look, row.record_id, *held)
            if (
                ask.meets(seen.from_ms or 0, seen.to_ms if seen.to_ms is not None else now_ms)
                and _inside(seen, ask.bounds)
                and wanted(seen.facts)
            ):
                found.append(seen)
            if len(found) > ask.limit:
                break
        if not begun:
            raise RecordError("the event after which this page goes on is not held any more: begin anew")
        return _page(found, ask)

    def event(self, gate: Gate, record_id: str, now_ms: int, counted: Counted) -> Seen | None:
        """Return one event, None where it is not held or may not be had."""
        look = _Look(self.store, gate, now_ms, counted)
        rows = self.store.query("SELECT 1 FROM maritime_event WHERE record_id = ?", (record_id,))
        held = look.at(record_id) if rows else None
        return None if held is None else self._event(gate, look, record_id, *held)

    def _event(self, gate: Gate, look: _Look, record_id: str, held: Record, given: Given) -> Seen:
        said = gate.said(held, given)
        if held.clear.type == AREA_ENTERED:
            said["kind"] = "area-entry"
        from_ms, to_ms = said.get("from_ms"), said.get("to_ms")
        return Seen(
            id=record_id, facts=said, told_by=(held.clear.issuer,), **look.joined({record_id}),
            from_ms=from_ms if isinstance(from_ms, int) else None, to_ms=to_ms if isinstance(to_ms, int) else None,
        )  # fmt: skip

    def waters(self, gate: Gate, ask: Ask) -> Seens:
        """Return the waters that are watched: they bear no label, so that our own people alone see them, of the desk's grade and above."""
        who = gate.recipient
        ours = who.party == OWN and who.nationality == self.party and not who.exercise and not who.unset
        if not ours or who.clearance is None or who.clearance < self.grade.classification:
            return Seens((), "")
        found = []
        for area in sorted(self.areas, key=lambda area: area.name):
            bounds = ask.bounds
            apart = bounds is not None and (area.north < bounds.south or area.south > bounds.north)
            if area.name > ask.after and not apart:
                said = Label((self.grade,), frozenset({self.party}))
                known = {name: getattr(area, name) for name in ("name", "west", "south", "east", "north")}
                found.append(Seen(id=area.name, facts=known, told_by=(self.party,), label=said))
        return _page(found[: ask.limit + 1], ask)


def recent_batches(store: Store, now_ms: int) -> list[str]:
    """Return the batches of the last day, oldest first: what a plug that asks is given of positions is made from them."""
    rows = store.query(
        "SELECT record_id FROM maritime_batch WHERE COALESCE(window_to_ms, 0) > ? AND NOT (own = 1 AND coarse = 1)"
        " ORDER BY window_to_ms DESC, record_id LIMIT ?",
        (now_ms - LOOK_BACK_MS, MOST_BATCHES),
    )
    return [record_id for (record_id,) in reversed(rows)]


def _newest(table: pa.Table) -> dict[int, dict[str, Any]]:
    """Return for each vessel its newest row."""
    mmsi, times = values_of(table, "mmsi")[0], values_of(table, "time_ms")[0]
    order = np.lexsort((times, mmsi))
    last = order[np.flatnonzero(np.diff(mmsi[order], append=-1))] if len(order) else order
    return {row["mmsi"]: row for row in table.take(last).to_pylist()}


def _by_vessel(table: pa.Table, *, after: int) -> Iterator[tuple[int, list[tuple[int, int, int, int]]]]:
    """Yield vessels by MMSI with time, latitude, longitude and batch of each row, by time."""
    names = ("mmsi", "time_ms", "lat_600000", "lon_600000", "batch")
    mmsi, times, lat, lon, batch = (values_of(table, name)[0] for name in names)
    order = np.lexsort((batch, times, mmsi))
    order = order[mmsi[order] > after]
    starts = np.flatnonzero(np.diff(mmsi[order], prepend=-1))
    for begin, end in pairwise([*starts.tolist(), len(order)]):
        rows = order[begin:end]
        columns = (each[rows].tolist() for each in (times, lat, lon, batch))
        yield int(mmsi[rows[0]]), list(zip(*columns, strict=True))


def _told(look: _Look, gate: Gate, batches: set[str]) -> tuple[str, ...]:
    told = set()
    for batch in batches:
        found = look.at(batch)
        if found is not None:
            source = gate.said(*found).get("source")
            told.add(f"{found[0].clear.issuer}/{source}" if isinstance(source, str) else found[0].clear.issuer)
    return tuple(sorted(told))


def _inside(seen: Seen, bounds: Bounds | None) -> bool:
    lat, lon = seen.facts.get("lat_600000"), seen.facts.get("lon_600000")
    if bounds is None:
        return True
    return isinstance(lat, int) and isinstance(lon, int) and bounds.holds(*place(lat, lon))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else -1


def _page(found: list[Seen], ask: Ask) -> Seens:
    shown = found[: ask.limit]
    return Seens(tuple(shown), shown[-1].id if len(found) > ask.limit else "")
