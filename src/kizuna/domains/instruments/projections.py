"""How records about agreements fill tables: one row a record, so that every order of arrival gives the same rows.

A second release of a record may show more of it: what was withheld before is filled in, what is known stays.
"""

from __future__ import annotations

from typing import Any

from kizuna.domains.instruments.records import (
    Resumed,
    ScopeClosed,
    ScopeOpened,
    Suspended,
    Terminated,
    VersionSigned,
)
from kizuna.kernel.domain import Apply, Crossing, Fact
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

SCHEMA = (
    """CREATE TABLE instruments_signature (
        record_id TEXT PRIMARY KEY, instrument TEXT NOT NULL, version TEXT NOT NULL, party TEXT NOT NULL, envelope TEXT NOT NULL)""",
    """CREATE TABLE instruments_status (
        record_id TEXT PRIMARY KEY, instrument TEXT NOT NULL, party TEXT NOT NULL, act TEXT NOT NULL, at_ms BIGINT NOT NULL,
        lifts TEXT NOT NULL)""",
    """CREATE TABLE instruments_scope (
        record_id TEXT PRIMARY KEY, instrument TEXT NOT NULL, party TEXT NOT NULL, name TEXT NOT NULL, from_ms BIGINT NOT NULL,
        to_ms BIGINT NOT NULL)""",
    """CREATE TABLE instruments_scope_end (
        record_id TEXT PRIMARY KEY, closes TEXT NOT NULL, party TEXT NOT NULL, at_ms BIGINT NOT NULL)""",
    """CREATE TABLE instruments_life (
        case_id TEXT PRIMARY KEY, instrument TEXT NOT NULL, parties TEXT NOT NULL, state TEXT NOT NULL, until TEXT NOT NULL)""",
    "CREATE INDEX instruments_life_by_instrument ON instruments_life (instrument)",
    """CREATE TABLE instruments_event (
        case_id TEXT NOT NULL, place BIGINT NOT NULL, instrument TEXT NOT NULL, step TEXT NOT NULL, on_date TEXT NOT NULL, parties TEXT NOT NULL,
        until TEXT NOT NULL, by_instrument TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (case_id, place))""",
    "CREATE INDEX instruments_event_by_instrument ON instruments_event (instrument, place)",
    """CREATE TABLE instruments_evidence (
        case_id TEXT NOT NULL, step TEXT NOT NULL, party TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (case_id, step, party, source))""",
    """CREATE TABLE instruments_flow (
        instrument TEXT NOT NULL, provision TEXT NOT NULL, type TEXT NOT NULL, channel TEXT NOT NULL, records BIGINT NOT NULL,
        first_ms BIGINT NOT NULL, last_ms BIGINT NOT NULL, PRIMARY KEY (instrument, provision, type, channel))""",
)
TABLES = (
    "instruments_signature", "instruments_status", "instruments_scope", "instruments_scope_end", "instruments_life", "instruments_event",
    "instruments_evidence", "instruments_flow",
)  # fmt: skip


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _put(db: Db, table: str, row: dict[str, str | int]) -> None:
    """Write a record's row; a text that is there already stays, an empty one is filled, and of two instants the one stated counts."""
    fills = ", ".join(
        f"{name} = CASE WHEN {table}.{name} = '' THEN excluded.{name} ELSE {table}.{name} END"
        if isinstance(value, str)
        else f"{name} = CASE WHEN {table}.{name} = 0 THEN excluded.{name} ELSE {table}.{name} END"
        for name, value in row.items()
        if name != "record_id"
    )
    db.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
        f" ON CONFLICT (record_id) DO UPDATE SET {fills}",
        tuple(row.values()),
    )


def _signed(db: Db, fact: Fact[VersionSigned]) -> None:
    body = fact.body
    _put(
        db,
        "instruments_signature",
        {
            "record_id": fact.record_id,
            "instrument": _text(body.instrument),
            "version": _text(body.version),
            "party": fact.issuer,
            "envelope": _text(body.envelope),
        },
    )


def _acted(db: Db, fact: Fact[Any], act: str) -> None:
    _put(
        db,
        "instruments_status",
        {
            "record_id": fact.record_id,
            "instrument": _text(fact.body.instrument),
            "party": fact.issuer,
            "act": act,
            "at_ms": fact.at_ms,
            "lifts": _text(getattr(fact.body, "lifts", "")),
        },
    )


def _suspended(db: Db, fact: Fact[Suspended]) -> None:
    _acted(db, fact, "suspended")


def _resumed(db: Db, fact: Fact[Resumed]) -> None:
    _acted(db, fact, "resumed")


def _terminated(db: Db, fact: Fact[Terminated]) -> None:
    _acted(db, fact, "terminated")


def _scope_opened(db: Db, fact: Fact[ScopeOpened]) -> None:
    body = fact.body
    _put(
        db,
        "instruments_scope",
        {
            "record_id": fact.record_id,
            "instrument": _text(body.instrument),
            "party": fact.issuer,
            "name": _text(body.name),
            "from_ms": body.from_ms if isinstance(body.from_ms, int) else 0,
            "to_ms": body.to_ms if isinstance(body.to_ms, int) else 0,
        },
    )


def _scope_closed(db: Db, fact: Fact[ScopeClosed]) -> None:
    _put(
        db,
        "instruments_scope_end",
        {
            "record_id": fact.record_id,
            "closes": _text(fact.body.closes),
            "party": fact.issuer,
            "at_ms": fact.at_ms,
        },
    )


def crossed(db: Db, crossing: Crossing) -> None:
    """Count that a record went over a channel under a clause. What flowed stays known when the record itself is erased."""
    db.execute(
        "INSERT INTO instruments_flow (instrument, provision, type, channel, records, first_ms, last_ms) VALUES (?,?,?,?,1,?,?)"
        " ON CONFLICT (instrument, provision, type, channel) DO UPDATE SET records = instruments_flow.records + 1,"
        " first_ms = CASE WHEN excluded.first_ms < instruments_flow.first_ms THEN excluded.first_ms ELSE instruments_flow.first_ms END,"
        " last_ms = CASE WHEN excluded.last_ms > instruments_flow.last_ms THEN excluded.last_ms ELSE instruments_flow.last_ms END",
        (
            crossing.instrument, crossing.provision, crossing.type, crossing.channel, crossing.released_at_ms,
            crossing.released_at_ms,
        ),
    )  # fmt: skip


APPLY: dict[type[Body], Apply] = {
    Resumed: _resumed,
    ScopeClosed: _scope_closed,
    ScopeOpened: _scope_opened,
    Suspended: _suspended,
    Terminated: _terminated,
    VersionSigned: _signed,
}
