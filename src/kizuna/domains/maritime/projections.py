"""How maritime records fill tables: any order of arrival, duplicates and a later fuller disclosure give the same rows.

Positions are not rows here: a batch's row says where they are. Records of an exercise stand apart by its name, made-up traffic by its kind.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from kizuna.domains.maritime.records import (
    AreaEntered,
    AreaEntryFound,
    EventDetected,
    EventFound,
    FeedReported,
    IdentityLinked,
    IdentityUnlinked,
    OwnUnitBatch,
    PositionBatch,
    StaticReported,
    ThresholdsPublished,
)
from kizuna.kernel.domain import Apply, Fact
from kizuna.kernel.journal import Db
from kizuna.kernel.record import WITHHELD, Body

SCHEMA = (
    """CREATE TABLE maritime_batch (
        record_id TEXT PRIMARY KEY, type TEXT NOT NULL, party TEXT NOT NULL, own BIGINT NOT NULL, exercise TEXT NOT NULL,
        source TEXT, source_kind TEXT, window_from_ms BIGINT, window_to_ms BIGINT, row_count BIGINT, chunks BIGINT NOT NULL,
        rows_shown BIGINT NOT NULL, coarse BIGINT NOT NULL)""",
    "CREATE INDEX maritime_batch_by_window ON maritime_batch (own, source, window_from_ms)",
    """CREATE TABLE maritime_static (
        party TEXT NOT NULL, mmsi BIGINT NOT NULL, simulated BIGINT NOT NULL, exercise TEXT NOT NULL, record_id TEXT NOT NULL,
        reported_at_ms BIGINT NOT NULL, imo_no BIGINT, name TEXT, callsign TEXT, ship_type BIGINT, length_m BIGINT, beam_m BIGINT,
        draught_dm BIGINT, destination TEXT, source TEXT, PRIMARY KEY (party, mmsi, simulated, exercise))""",
    """CREATE TABLE maritime_identity (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, mmsi BIGINT NOT NULL, source_kind TEXT NOT NULL, exercise TEXT NOT NULL,
        reported_at_ms BIGINT NOT NULL, imo_no BIGINT, name TEXT, callsign TEXT)""",
    "CREATE INDEX maritime_identity_by_vessel ON maritime_identity (mmsi, reported_at_ms)",
    "CREATE INDEX maritime_identity_by_time ON maritime_identity (reported_at_ms)",
    """CREATE TABLE maritime_event (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, own BIGINT NOT NULL, exercise TEXT NOT NULL, kind TEXT, mmsi BIGINT,
        other_mmsi BIGINT, area TEXT, from_ms BIGINT, to_ms BIGINT, lat_600000 BIGINT, lon_600000 BIGINT, rule TEXT, confidence TEXT,
        coverage_ref TEXT, source_kind TEXT, what TEXT, holds BIGINT, vessels TEXT, threshold_sha256 TEXT)""",
    "CREATE INDEX maritime_event_by_vessel ON maritime_event (mmsi, from_ms)",
    "CREATE INDEX maritime_event_by_time ON maritime_event (exercise, (COALESCE(from_ms, 0)))",
    """CREATE TABLE maritime_feed (
        party TEXT NOT NULL, source TEXT NOT NULL, exercise TEXT NOT NULL, record_id TEXT NOT NULL, from_ms BIGINT NOT NULL,
        state TEXT, source_kind TEXT, rate_per_min BIGINT, PRIMARY KEY (party, source, exercise))""",
    """CREATE TABLE maritime_link (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, own BIGINT NOT NULL, exercise TEXT NOT NULL, actor TEXT NOT NULL, at_ms BIGINT NOT NULL,
        identity_a TEXT, identity_b TEXT, basis TEXT, manual BIGINT)""",
    """CREATE TABLE maritime_unlink (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, own BIGINT NOT NULL, exercise TEXT NOT NULL, actor TEXT NOT NULL, at_ms BIGINT NOT NULL,
        link TEXT, reason TEXT)""",
    """CREATE TABLE maritime_supersedes (
        record_id TEXT NOT NULL, earlier TEXT NOT NULL, party TEXT NOT NULL, PRIMARY KEY (record_id, earlier))""",
    "CREATE INDEX maritime_supersedes_by_earlier ON maritime_supersedes (earlier, party)",
    """CREATE TABLE maritime_thresholds (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, own BIGINT NOT NULL, exercise TEXT NOT NULL, id TEXT, sha256 TEXT, numbers TEXT)""",
    """CREATE TABLE maritime_feed_state (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, own BIGINT NOT NULL, exercise TEXT NOT NULL, source TEXT NOT NULL,
        from_ms BIGINT NOT NULL, state TEXT, source_kind TEXT)""",
    "CREATE INDEX maritime_feed_state_by_time ON maritime_feed_state (own, source, from_ms)",
)
TABLES = (
    "maritime_batch",
    "maritime_static",
    "maritime_identity",
    "maritime_event",
    "maritime_feed",
    "maritime_link",
    "maritime_unlink",
    "maritime_supersedes",
    "maritime_thresholds",
    "maritime_feed_state",
)


def _fuller(table: str, columns: tuple[str, ...]) -> str:
    """Return the update that fills what was withheld before: of one record each fact has one value."""
    return ", ".join(f"{column} = COALESCE({table}.{column}, excluded.{column})" for column in columns)


def _greater(table: str, column: str) -> str:
    """Return the greater of old and new: a fuller disclosure shows more."""
    return f"CASE WHEN excluded.{column} > {table}.{column} THEN excluded.{column} ELSE {table}.{column} END"


def _newest(table: str, columns: tuple[str, ...], at: str) -> str:
    """Return the update by which the newer record wins as a whole, the greater id where both are as new, and the same one is filled."""
    newer = (
        f"(excluded.{at} > {table}.{at} OR (excluded.{at} = {table}.{at} AND excluded.record_id > {table}.record_id))"
    )
    same = f"excluded.record_id = {table}.record_id"
    fields = [
        f"{column} = CASE WHEN {same} THEN COALESCE(excluded.{column}, {table}.{column})"
        f" WHEN {newer} THEN excluded.{column} ELSE {table}.{column} END"
        for column in columns
    ]
    keys = [
        f"{at} = CASE WHEN {newer} THEN excluded.{at} ELSE {table}.{at} END",
        f"record_id = CASE WHEN {newer} THEN excluded.record_id ELSE {table}.record_id END",
    ]
    return ", ".join(fields + keys)


def _insert(table: str, columns: tuple[str, ...], keys: tuple[str, ...], update: str) -> str:
    marks = ",".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {update}"


_PLAIN = (int, str)


def _known(value: Any) -> Any:
    return value if isinstance(value, _PLAIN) else None


_BATCH_FACTS = ("source", "source_kind", "window_from_ms", "window_to_ms", "row_count")
_BATCH_COUNTS = ("chunks", "rows_shown", "coarse")
_BATCH = _insert(
    "maritime_batch",
    ("record_id", "type", "party", "own", "exercise", *_BATCH_FACTS, *_BATCH_COUNTS),
    ("record_id",),
    _fuller("maritime_batch", _BATCH_FACTS)
    + "".join(f", {name} = {_greater('maritime_batch', name)}" for name in _BATCH_COUNTS),
)
_NAMES = ("imo_no", "name", "callsign")
"""By what a vessel is known beside its MMSI; who changes one of them changes its identity."""
_STATIC_FACTS = (
    *_NAMES,
    "ship_type",
    "length_m",
    "beam_m",
    "draught_dm",
    "destination",
    "source",
)
_STATIC = _insert(
    "maritime_static",
    ("party", "mmsi", "simulated", "exercise", "record_id", "reported_at_ms", *_STATIC_FACTS),
    ("party", "mmsi", "simulated", "exercise"),
    _newest("maritime_static", _STATIC_FACTS, "reported_at_ms"),
)
_IDENTITY = _insert(
    "maritime_identity",
    ("record_id", "party", "mmsi", "source_kind", "exercise", "reported_at_ms", *_NAMES),
    ("record_id",),
    _fuller("maritime_identity", _NAMES) + f", reported_at_ms = {_greater('maritime_identity', 'reported_at_ms')}",
)
_EVENT_FACTS = (
    "kind",
    "mmsi",
    "other_mmsi",
    "area",
    "from_ms",
    "to_ms",
    "lat_600000",
    "lon_600000",
    "rule",
    "confidence",
    "coverage_ref",
    "source_kind",
    "what",
    "holds",
    "vessels",
    "threshold_sha256",
)
_EVENT = _insert(
    "maritime_event",
    ("record_id", "party", "own", "exercise", *_EVENT_FACTS),
    ("record_id",),
    _fuller("maritime_event", _EVENT_FACTS),
)
_FEED_FACTS = ("state", "source_kind", "rate_per_min")
_FEED = _insert(
    "maritime_feed",
    ("party", "source", "exercise", "record_id", "from_ms", *_FEED_FACTS),
    ("party", "source", "exercise"),
    _newest("maritime_feed", _FEED_FACTS, "from_ms"),
)

_STATE_FACTS = ("state", "source_kind")
_FEED_STATE = _insert(
    "maritime_feed_state",
    ("record_id", "party", "own", "exercise", "source", "from_ms", *_STATE_FACTS),
    ("record_id",),
    _fuller("maritime_feed_state", _STATE_FACTS),
)
_SUPERSEDES = "INSERT INTO maritime_supersedes (record_id, earlier, party) VALUES (?,?,?) ON CONFLICT (record_id, earlier) DO NOTHING"
_THRESHOLD_FACTS = ("id", "sha256", "numbers")
_THRESHOLDS = _insert(
    "maritime_thresholds",
    ("record_id", "party", "own", "exercise", *_THRESHOLD_FACTS),
    ("record_id",),
    _fuller("maritime_thresholds", _THRESHOLD_FACTS),
)

_SAID = ("record_id", "party", "own", "exercise", "actor", "at_ms")
_LINK_FACTS = ("identity_a", "identity_b", "basis", "manual")
_LINK = _insert("maritime_link", (*_SAID, *_LINK_FACTS), ("record_id",), _fuller("maritime_link", _LINK_FACTS))
_UNLINK_FACTS = ("link", "reason")
_UNLINK = _insert(
    "maritime_unlink", (*_SAID, *_UNLINK_FACTS), ("record_id",), _fuller("maritime_unlink", _UNLINK_FACTS)
)


def _values(body: Body, names: tuple[str, ...]) -> list[Any]:
    return [value if isinstance(value, _PLAIN) else None for value in attrgetter(*names)(body)]


def _batch(db: Db, fact: Fact[PositionBatch]) -> None:
    chunks = fact.body.chunks if isinstance(fact.body.chunks, tuple) else ()
    facts = _values(fact.body, _BATCH_FACTS)
    head = [fact.record_id, fact.type, fact.issuer, int(fact.own), fact.exercise]
    coarse = isinstance(fact.body.place_step_600000, int) or isinstance(fact.body.time_step_ms, int)
    db.execute(_BATCH, [*head, *facts, len(chunks), sum(chunk.rows for chunk in chunks), int(coarse)])


def _static(db: Db, fact: Fact[StaticReported]) -> None:
    """Keep the newest report; one whose vessel or kind of source is withheld says nothing of any vessel here."""
    body = fact.body
    if not isinstance(body.mmsi, int) or not isinstance(body.source_kind, str):
        return
    key = [fact.issuer, body.mmsi, int(body.source_kind == "simulated"), fact.exercise]
    reported_at_ms = _known(body.reported_at_ms) or 0
    facts = _values(body, _STATIC_FACTS)
    db.execute(_STATIC, [*key, fact.record_id, reported_at_ms, *facts])
    names = facts[: len(_NAMES)]
    if any(name is not None for name in names):
        head = [fact.record_id, fact.issuer, body.mmsi, body.source_kind, fact.exercise, reported_at_ms]
        db.execute(_IDENTITY, [*head, *names])


def _put_event(db: Db, fact: Fact[Any], **given: Any) -> None:
    told = {name: _known(getattr(fact.body, name, None)) for name in _EVENT_FACTS} | given
    head = [fact.record_id, fact.issuer, int(fact.own), fact.exercise]
    db.execute(_EVENT, [*head, *(told[name] for name in _EVENT_FACTS)])


def _event(db: Db, fact: Fact[EventDetected]) -> None:
    _put_event(db, fact)


def _area_entered(db: Db, fact: Fact[AreaEntered]) -> None:
    _put_event(db, fact, kind="area-entry")


def _found(db: Db, fact: Fact[Any], **given: Any) -> None:
    body = fact.body
    told = {"rule": _known(body.threshold_set), "holds": None if body.holds is WITHHELD else int(body.holds)}
    if isinstance(body.vessels, tuple) and body.vessels:
        told |= {"mmsi": body.vessels[0], "vessels": " ".join(map(str, body.vessels))}
        told |= {"other_mmsi": body.vessels[1]} if len(body.vessels) > 1 else {}
    _put_event(db, fact, **(told | given))
    for earlier in body.supersedes if isinstance(body.supersedes, tuple) else ():
        db.execute(_SUPERSEDES, [fact.record_id, earlier, fact.issuer])


def _event_found(db: Db, fact: Fact[EventFound]) -> None:
    _found(db, fact, area=_known(fact.body.port))


def _area_entry_found(db: Db, fact: Fact[AreaEntryFound]) -> None:
    _found(db, fact, kind="area-entry")


def _thresholds(db: Db, fact: Fact[ThresholdsPublished]) -> None:
    body = fact.body
    numbers = [f"{each.name}={each.value}" for each in body.values] if isinstance(body.values, tuple) else None
    facts = [_known(body.id), _known(body.sha256), None if numbers is None else " ".join(numbers)]
    db.execute(_THRESHOLDS, [fact.record_id, fact.issuer, int(fact.own), fact.exercise, *facts])


def _feed(db: Db, fact: Fact[FeedReported]) -> None:
    body = fact.body
    if not isinstance(body.source, str) or not isinstance(body.from_ms, int):
        return
    key = [fact.issuer, body.source, fact.exercise, fact.record_id, body.from_ms]
    db.execute(_FEED, [*key, *_values(body, _FEED_FACTS)])
    head = [fact.record_id, fact.issuer, int(fact.own), fact.exercise, body.source, body.from_ms]
    db.execute(_FEED_STATE, [*head, *_values(body, _STATE_FACTS)])


def _said(fact: Fact[Any]) -> list[Any]:
    return [fact.record_id, fact.issuer, int(fact.own), fact.exercise, fact.actor, fact.at_ms]


def _link(db: Db, fact: Fact[IdentityLinked]) -> None:
    a, b, basis, manual = _values(fact.body, _LINK_FACTS)
    db.execute(_LINK, [*_said(fact), a, b, basis, None if manual is None else int(manual)])


def _unlink(db: Db, fact: Fact[IdentityUnlinked]) -> None:
    db.execute(_UNLINK, [*_said(fact), *_values(fact.body, _UNLINK_FACTS)])


APPLY: dict[type[Body], Apply] = {
    AreaEntered: _area_entered,
    AreaEntryFound: _area_entry_found,
    EventDetected: _event,
    EventFound: _event_found,
    FeedReported: _feed,
    IdentityLinked: _link,
    IdentityUnlinked: _unlink,
    OwnUnitBatch: _batch,
    PositionBatch: _batch,
    StaticReported: _static,
    ThresholdsPublished: _thresholds,
}
