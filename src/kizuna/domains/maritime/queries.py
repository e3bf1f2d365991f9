"""What is shown of the tables: batches, events, static data and feed states, as plain rows. Positions are asked of the picture or the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kizuna.domains.maritime.records import STATIC_FIELDS
from kizuna.formats.ais import StaticReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kizuna.kernel.journal import Db


_VOYAGE = 5
"""The message type that says all of it (ITU-R M.1371-5)."""


class FeedRow(msgspec.Struct, frozen=True):
    """The last told state of a feed; None where it was not disclosed."""

    party: str
    source: str
    from_ms: int
    state: str | None
    source_kind: str | None
    rate_per_min: int | None


class EventRow(msgspec.Struct, frozen=True):
    """One event; what was withheld, or does not apply, is None. `area` is the area that was entered, or the port that was visited."""

    record_id: str
    party: str
    own: bool
    kind: str | None
    mmsi: int | None
    other_mmsi: int | None
    area: str | None
    from_ms: int | None
    to_ms: int | None
    lat_600000: int | None
    lon_600000: int | None
    rule: str | None
    confidence: str | None
    coverage_ref: str | None
    source_kind: str | None
    what: str | None = None
    vessels: tuple[int, ...] = ()
    threshold_sha256: str | None = None
    stands: bool = True
    """Whether its party superseded it by no other, and it still holds."""


class ThresholdsRow(msgspec.Struct, frozen=True):
    """A published set of thresholds: each of `numbers` as `name=value`."""

    record_id: str
    party: str
    id: str | None
    sha256: str | None
    numbers: tuple[str, ...]


class BatchRow(msgspec.Struct, frozen=True):
    """One position batch as far as it is held: `rows_shown` of `row_count` positions in `chunks` chunks."""

    record_id: str
    type: str
    party: str
    own: bool
    source: str | None
    source_kind: str | None
    window_from_ms: int | None
    window_to_ms: int | None
    row_count: int | None
    chunks: int
    rows_shown: int
    coarse: bool
    """Whether it was made coarser for one partner, from a batch that stayed."""


def feeds(db: Db, *, exercise: str = "") -> list[FeedRow]:
    """Return the feeds of all parties with their last told state, by party and source."""
    rows = db.execute(
        "SELECT party, source, from_ms, state, source_kind, rate_per_min FROM maritime_feed WHERE exercise = ?"
        " ORDER BY party, source",
        (exercise,),
    )
    return [FeedRow(*row) for row in rows]


_EVENT_COLUMNS = (
    "record_id, party, own, kind, mmsi, other_mmsi, area, from_ms, to_ms, lat_600000, lon_600000, rule, confidence, coverage_ref,"
    " source_kind, what, vessels, threshold_sha256, COALESCE(holds, 1) = 1 AND NOT EXISTS"
    " (SELECT 1 FROM maritime_supersedes s WHERE s.earlier = e.record_id AND s.party = e.party)"
)


def _event_row(row: Any) -> EventRow:
    values = dict(zip(EventRow.__struct_fields__, row, strict=True))
    told = values["vessels"]
    numbers = map(int, told.split()) if told else (values[name] for name in ("mmsi", "other_mmsi"))
    values |= {name: bool(values[name]) for name in ("own", "stands")}
    return EventRow(**values | {"what": values["what"] or None, "vessels": tuple(n for n in numbers if n is not None)})


def events(
    db: Db, *, since_ms: int = 0, limit: int = 1000, exercise: str = "", standing: bool = True
) -> list[EventRow]:
    """Return events that began at `since_ms` or later, the newest first: those that stand, or also what was superseded or taken back."""
    rows = db.execute(
        f"SELECT {_EVENT_COLUMNS} FROM maritime_event e WHERE exercise = ? AND COALESCE(from_ms, 0) >= ?"
        + (_STANDING if standing else "")
        + " ORDER BY COALESCE(from_ms, 0) DESC, record_id LIMIT ?",
        (exercise, since_ms, limit),
    )
    return [_event_row(row) for row in rows]


_STANDING = (
    " AND COALESCE(holds, 1) = 1 AND NOT EXISTS"
    " (SELECT 1 FROM maritime_supersedes s WHERE s.earlier = e.record_id AND s.party = e.party)"
)


def standing_events(db: Db, source_kind: str, since_ms: int) -> list[EventRow]:
    """Return this party's events about one kind of sources that stand, and may be changed by positions of `since_ms` or later."""
    rows = db.execute(
        f"SELECT {_EVENT_COLUMNS} FROM maritime_event e WHERE exercise = '' AND own = 1 AND holds = 1 AND source_kind = ?"
        f" AND (to_ms IS NULL OR to_ms >= ?){_STANDING} ORDER BY from_ms, record_id",
        (source_kind, since_ms),
    )
    return [_event_row(row) for row in rows]


def thresholds(db: Db, *, exercise: str = "") -> list[ThresholdsRow]:
    """Return the published sets of thresholds, by party and id."""
    rows = db.execute(
        "SELECT record_id, party, id, sha256, numbers FROM maritime_thresholds WHERE exercise = ? ORDER BY party, id, record_id",
        (exercise,),
    )
    return [
        ThresholdsRow(record_id, party, id_, sha256, tuple((numbers or "").split()))
        for record_id, party, id_, sha256, numbers in rows
    ]


def feed_states(db: Db, source: str, source_kind: str, since_ms: int) -> list[tuple[int, str]]:
    """Return when the states of an own feed began, by time: those since an instant, and the last one before it."""
    text = "SELECT from_ms, state FROM maritime_feed_state WHERE own = 1 AND exercise = '' AND source = ? AND source_kind = ? AND state IS NOT NULL"
    before = list(
        db.execute(
            text + " AND from_ms < ? ORDER BY from_ms DESC, record_id DESC LIMIT 1", (source, source_kind, since_ms)
        )
    )
    after = db.execute(text + " AND from_ms >= ? ORDER BY from_ms, record_id", (source, source_kind, since_ms))
    return [(from_ms, state) for from_ms, state in (*before, *after)]


class NamesRow(msgspec.Struct, frozen=True):
    """What one static report told of who a vessel is; None where it left something out."""

    mmsi: int
    reported_at_ms: int
    name: str | None
    imo_no: int | None
    callsign: str | None


_NAMED = "FROM maritime_identity WHERE exercise = '' AND party = ? AND source_kind = ?"
_BEFORE = 3
"""So many reports before an instant tell who a vessel was then."""


def names_told(db: Db, party: str, source_kind: str, since_ms: int) -> list[NamesRow]:
    """Return what a party's reports since an instant, and the last few of each of these vessels before it, told anew of who vessels are, by time.

    A report is left out where each of its fields says what all reports of the vessel with this field said at its own and at the nearest earlier
    time: it changes nothing that is known, in whatever order those of one time are read. So there are as many as vessels and changes.
    """
    last = " UNION ALL ".join(
        f"SELECT (SELECT record_id {_NAMED} AND mmsi = k.mmsi AND reported_at_ms < ?"
        f" ORDER BY reported_at_ms DESC, record_id DESC LIMIT 1 OFFSET {back}) AS record_id FROM known k"
        for back in range(_BEFORE)
    )
    fields = NamesRow.__struct_fields__[2:]
    around = ", ".join(
        f"MIN({name}) OVER of_{name} AS {name}_low, MAX({name}) OVER of_{name} AS {name}_high, MIN(reported_at_ms) OVER of_{name} AS {name}_ms"
        for name in fields
    )
    windows = ", ".join(
        f"of_{name} AS (PARTITION BY mmsi, ({name} IS NULL) ORDER BY reported_at_ms GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)"
        for name in fields
    )
    known = " AND ".join(
        f"({name} IS NULL OR ({name}_low = {name}_high AND {name}_ms < reported_at_ms))" for name in fields
    )
    columns = ", ".join(NamesRow.__struct_fields__)
    asked = (party, source_kind, since_ms)
    rows = db.execute(
        f"WITH recent AS (SELECT record_id, {columns} {_NAMED} AND reported_at_ms >= ?), known AS (SELECT DISTINCT mmsi FROM recent),"
        f" earlier AS ({last}), told AS (SELECT record_id, {columns} FROM recent UNION ALL"
        f" SELECT record_id, {columns} FROM maritime_identity WHERE record_id IN (SELECT record_id FROM earlier WHERE record_id IS NOT NULL)),"
        f" seen AS (SELECT record_id, {columns}, {around} FROM told WINDOW {windows})"
        f" SELECT {columns} FROM seen WHERE NOT ({known}) ORDER BY reported_at_ms, record_id",
        asked * (1 + _BEFORE),
    )
    return [NamesRow(*row) for row in rows]


def batches(db: Db, *, limit: int = 1000, exercise: str = "") -> list[BatchRow]:
    """Return position batches, the newest window first."""
    rows = db.execute(
        "SELECT record_id, type, party, own, source, source_kind, window_from_ms, window_to_ms, row_count, chunks, rows_shown,"
        " coarse FROM maritime_batch WHERE exercise = ? ORDER BY COALESCE(window_to_ms, 0) DESC, record_id LIMIT ?",
        (exercise, limit),
    )
    made = [dict(zip(BatchRow.__struct_fields__, row, strict=True)) for row in rows]
    return [BatchRow(**(values | {name: bool(values[name]) for name in ("own", "coarse")})) for values in made]


def batches_at(db: Db, source: str, time_ms: int, *, limit: int = 8) -> list[str]:
    """Return the ids of own batches of a source whose window holds an instant, at most `limit`."""
    rows = db.execute(
        "SELECT record_id FROM maritime_batch WHERE own = 1 AND coarse = 0 AND source = ? AND window_from_ms <= ? AND window_to_ms > ?"
        " ORDER BY window_from_ms DESC, record_id LIMIT ?",
        (source, time_ms, time_ms, limit),
    )
    return [record_id for (record_id,) in rows]


def statics(db: Db, *, exercise: str = "") -> Iterator[tuple[str, str, bool, StaticReport]]:
    """Yield party, source, whether simulated, and the newest static report of each vessel that the party told of."""
    rows = db.execute(
        f"SELECT party, source, simulated, reported_at_ms, mmsi, {', '.join(STATIC_FIELDS)} FROM maritime_static WHERE exercise = ?"
        " ORDER BY party, mmsi",
        (exercise,),
    )
    for party, source, simulated, reported_at_ms, *facts in rows:
        values: dict[str, Any] = dict(zip(("mmsi", *STATIC_FIELDS), facts, strict=True))
        report = StaticReport(received_ms=reported_at_ms, msg_type=_VOYAGE, eta=None, station=None, **values)
        yield party, source or "", bool(simulated), report
