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
    """One event; `kind` is `gap`, `encounter` or `area-entry`, and what was withheld, or does not apply, is None."""

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


def events(db: Db, *, since_ms: int = 0, limit: int = 1000, exercise: str = "") -> list[EventRow]:
    """Return events that began at `since_ms` or later, the newest first."""
    rows = db.execute(
        "SELECT record_id, party, own, kind, mmsi, other_mmsi, area, from_ms, to_ms, lat_600000, lon_600000, rule, confidence,"
        " coverage_ref, source_kind FROM maritime_event WHERE exercise = ? AND COALESCE(from_ms, 0) >= ?"
        " ORDER BY COALESCE(from_ms, 0) DESC, record_id LIMIT ?",
        (exercise, since_ms, limit),
    )
    return [EventRow(record_id, party, bool(own), *facts) for record_id, party, own, *facts in rows]


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
