"""How records about agreements fill tables: one row a record, so that every order of arrival gives the same rows."""

from __future__ import annotations

from typing import Any

from kizuna.domains.instruments.records import Resumed, ScopeOpened, Suspended, Terminated, VersionSigned
from kizuna.kernel.domain import Apply, Fact
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
)
TABLES = ("instruments_signature", "instruments_status", "instruments_scope")

_STATUS = (
    "INSERT INTO instruments_status (record_id, instrument, party, act, at_ms, lifts) VALUES (?,?,?,?,?,?)"
    " ON CONFLICT (record_id) DO NOTHING"
)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _signed(db: Db, fact: Fact[VersionSigned]) -> None:
    body = fact.body
    db.execute(
        "INSERT INTO instruments_signature (record_id, instrument, version, party, envelope) VALUES (?,?,?,?,?)"
        " ON CONFLICT (record_id) DO NOTHING",
        (fact.record_id, _text(body.instrument), _text(body.version), fact.issuer, _text(body.envelope)),
    )


def _suspended(db: Db, fact: Fact[Suspended]) -> None:
    db.execute(_STATUS, (fact.record_id, _text(fact.body.instrument), fact.issuer, "suspended", fact.at_ms, ""))


def _resumed(db: Db, fact: Fact[Resumed]) -> None:
    lifts = _text(fact.body.lifts)
    db.execute(_STATUS, (fact.record_id, _text(fact.body.instrument), fact.issuer, "resumed", fact.at_ms, lifts))


def _terminated(db: Db, fact: Fact[Terminated]) -> None:
    db.execute(_STATUS, (fact.record_id, _text(fact.body.instrument), fact.issuer, "terminated", fact.at_ms, ""))


def _scope_opened(db: Db, fact: Fact[ScopeOpened]) -> None:
    body = fact.body
    if not isinstance(body.from_ms, int) or not isinstance(body.to_ms, int):
        return
    db.execute(
        "INSERT INTO instruments_scope (record_id, instrument, party, name, from_ms, to_ms) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (record_id) DO NOTHING",
        (fact.record_id, _text(body.instrument), fact.issuer, _text(body.name), body.from_ms, body.to_ms),
    )


APPLY: dict[type[Body], Apply] = {
    Resumed: _resumed,
    ScopeOpened: _scope_opened,
    Suspended: _suspended,
    Terminated: _terminated,
    VersionSigned: _signed,
}
