"""How rules, alerts, notes and hand-overs fill tables: every order of arrival gives the same rows.

Where an alert stands is told by the set of acts on it and not by their order: an incident made of it counts for more than its dismissal, for two
officers may have acted at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kizuna.domains.maritime.watchlog.records import (
    AlertAcknowledged,
    AlertDismissed,
    AlertEscalated,
    AlertNoted,
    AlertRaised,
    IncidentNoted,
    RuleWithdrawn,
    RuleWritten,
    WatchHandedOver,
)
from kizuna.kernel.domain import Apply, Fact
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

SCHEMA = (
    """CREATE TABLE maritime_rule (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, actor TEXT NOT NULL, at_ms BIGINT NOT NULL, rule TEXT NOT NULL,
        version BIGINT NOT NULL, kind TEXT NOT NULL, title TEXT, area TEXT, south_600000 BIGINT, west_600000 BIGINT, north_600000 BIGINT,
        east_600000 BIGINT, mmsi TEXT NOT NULL, over_dkn BIGINT, at_least_ms BIGINT, urgent BIGINT NOT NULL)""",
    "CREATE INDEX maritime_rule_by_name ON maritime_rule (party, rule, version)",
    """CREATE TABLE maritime_rule_end (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, actor TEXT NOT NULL, at_ms BIGINT NOT NULL, rule TEXT NOT NULL,
        version BIGINT NOT NULL, reason TEXT)""",
    "CREATE INDEX maritime_rule_end_by_name ON maritime_rule_end (party, rule, version)",
    """CREATE TABLE maritime_alert (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, at_ms BIGINT NOT NULL, alert TEXT NOT NULL, rule TEXT NOT NULL, version BIGINT,
        rule_record TEXT, kind TEXT, urgent BIGINT NOT NULL, mmsi BIGINT, other_mmsi BIGINT, area TEXT, from_ms BIGINT, to_ms BIGINT,
        lat_600000 BIGINT, lon_600000 BIGINT, what TEXT, evidence TEXT NOT NULL, source_kind TEXT)""",
    "CREATE INDEX maritime_alert_by_name ON maritime_alert (party, alert)",
    "CREATE INDEX maritime_alert_by_time ON maritime_alert (party, from_ms)",
    """CREATE TABLE maritime_alert_act (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, actor TEXT NOT NULL, at_ms BIGINT NOT NULL, alert TEXT NOT NULL,
        act TEXT NOT NULL, text TEXT, incident TEXT)""",
    "CREATE INDEX maritime_alert_act_by_name ON maritime_alert_act (party, alert, at_ms)",
    "CREATE INDEX maritime_alert_act_by_time ON maritime_alert_act (party, at_ms)",
    """CREATE TABLE maritime_alert_now (
        party TEXT NOT NULL, alert TEXT NOT NULL, raised TEXT NOT NULL, raised_at_ms BIGINT NOT NULL, mmsi BIGINT, other_mmsi BIGINT,
        state TEXT NOT NULL, by_actor TEXT NOT NULL, changed_at_ms BIGINT NOT NULL, text TEXT, incident TEXT,
        PRIMARY KEY (party, alert))""",
    "CREATE INDEX maritime_alert_now_by_state ON maritime_alert_now (party, state, raised_at_ms)",
    "CREATE INDEX maritime_alert_now_by_time ON maritime_alert_now (party, raised_at_ms)",
    "CREATE INDEX maritime_alert_now_by_vessel ON maritime_alert_now (party, mmsi)",
    "CREATE INDEX maritime_alert_now_by_other ON maritime_alert_now (party, other_mmsi)",
    """CREATE TABLE maritime_handover (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, actor TEXT NOT NULL, at_ms BIGINT NOT NULL, to_officer TEXT, note TEXT)""",
    "CREATE INDEX maritime_handover_by_time ON maritime_handover (party, at_ms)",
    """CREATE TABLE maritime_incident_note (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, actor TEXT NOT NULL, at_ms BIGINT NOT NULL, incident TEXT NOT NULL, text TEXT)""",
    "CREATE INDEX maritime_incident_note_by_incident ON maritime_incident_note (incident, at_ms)",
    """CREATE TABLE maritime_incident (
        case_id TEXT PRIMARY KEY, state TEXT NOT NULL, owner TEXT NOT NULL, partner TEXT NOT NULL, lead TEXT NOT NULL, title TEXT,
        category BIGINT, mmsi TEXT NOT NULL, reported_at_ms BIGINT, lat_600000 BIGINT, lon_600000 BIGINT)""",
    "CREATE INDEX maritime_incident_by_state ON maritime_incident (state, reported_at_ms)",
    """CREATE TABLE maritime_interest (
        case_id TEXT PRIMARY KEY, state TEXT NOT NULL, author TEXT NOT NULL, partner TEXT NOT NULL, mmsi BIGINT, basis TEXT,
        confidence_pct BIGINT, asserted_at_ms BIGINT NOT NULL, expires_at_ms BIGINT)""",
    "CREATE INDEX maritime_interest_by_vessel ON maritime_interest (mmsi)",
    "CREATE INDEX maritime_interest_by_expiry ON maritime_interest (expires_at_ms)",
    """CREATE TABLE maritime_request (
        case_id TEXT PRIMARY KEY, state TEXT NOT NULL, asker TEXT NOT NULL, addressee TEXT NOT NULL, question TEXT, mmsi TEXT NOT NULL,
        incident TEXT, asked_at_ms BIGINT NOT NULL, answer_by_ms BIGINT, answer TEXT)""",
    "CREATE INDEX maritime_request_by_state ON maritime_request (state, asked_at_ms)",
)
TABLES = (
    "maritime_rule", "maritime_rule_end", "maritime_alert", "maritime_alert_act", "maritime_alert_now", "maritime_handover",
    "maritime_incident_note", "maritime_incident", "maritime_interest", "maritime_request",
)  # fmt: skip
STATES = ("raised", "acknowledged", "dismissed", "escalated")
"""Where an alert stands; of several acts the one further on counts."""
_ACTS: dict[type[Body], str] = {
    AlertAcknowledged: "acknowledged",
    AlertDismissed: "dismissed",
    AlertEscalated: "escalated",
    AlertNoted: "noted",
}


def _known(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, int | str) else None


def _words(value: Any) -> str:
    return " ".join(str(each) for each in value) if isinstance(value, tuple) else ""


def _put(db: Db, table: str, row: dict[str, Any]) -> None:
    """Write a row; what was withheld before is filled in where the same record comes again and shows more."""
    fills = ", ".join(f"{name} = COALESCE({table}.{name}, excluded.{name})" for name in row if name != "record_id")
    db.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({','.join('?' * len(row))}) ON CONFLICT (record_id) DO UPDATE SET {fills}",
        list(row.values()),
    )


def _head(fact: Fact[Any]) -> dict[str, Any]:
    return {"record_id": fact.record_id, "party": fact.issuer, "actor": fact.actor, "at_ms": fact.at_ms}


def _facts(body: Body, *names: str) -> dict[str, Any]:
    return {name: _known(getattr(body, name)) for name in names}


def _rule(db: Db, fact: Fact[RuleWritten]) -> None:
    body = fact.body
    if fact.exercise or not (
        isinstance(body.rule, str) and isinstance(body.version, int) and isinstance(body.kind, str)
    ):
        return
    told = _facts(
        body, "rule", "version", "kind", "title", "area", "south_600000", "west_600000", "north_600000", "east_600000",
        "over_dkn", "at_least_ms",
    )  # fmt: skip
    _put(db, "maritime_rule", _head(fact) | told | {"mmsi": _words(body.mmsi), "urgent": int(body.urgent is True)})


def _rule_end(db: Db, fact: Fact[RuleWithdrawn]) -> None:
    body = fact.body
    if not fact.exercise and isinstance(body.rule, str) and isinstance(body.version, int):
        _put(db, "maritime_rule_end", _head(fact) | _facts(body, "rule", "version", "reason"))


def _raised(db: Db, fact: Fact[AlertRaised]) -> None:
    body = fact.body
    if fact.exercise or not isinstance(body.alert, str) or not isinstance(body.rule, str):
        return
    told = _facts(
        body, "alert", "rule", "version", "rule_record", "kind", "mmsi", "other_mmsi", "area", "from_ms", "to_ms", "lat_600000",
        "lon_600000", "what", "source_kind",
    )  # fmt: skip
    head = {"record_id": fact.record_id, "party": fact.issuer, "at_ms": fact.at_ms}
    lists = {"urgent": int(body.urgent is True), "evidence": _words(body.evidence)}
    _put(db, "maritime_alert", head | told | lists)
    _fold(db, fact.issuer, body.alert)


def _acted(db: Db, fact: Fact[Any]) -> None:
    body = fact.body
    if fact.exercise or not isinstance(body.alert, str):
        return
    said = getattr(body, "reason", None) if isinstance(body, AlertDismissed) else body.note
    row = {
        "alert": body.alert, "act": _ACTS[type(body)], "text": _known(said), "incident": _known(getattr(body, "incident", None)),
    }  # fmt: skip
    _put(db, "maritime_alert_act", _head(fact) | row)
    _fold(db, fact.issuer, body.alert)


def _fold(db: Db, party: str, alert: str, without: str = "") -> None:
    """Make the row of an alert anew out of all that is held of it, but for one record."""
    db.execute("DELETE FROM maritime_alert_now WHERE party = ? AND alert = ?", (party, alert))
    raised = list(
        db.execute(
            "SELECT record_id, at_ms, mmsi, other_mmsi FROM maritime_alert WHERE party = ? AND alert = ? AND record_id <> ?"
            " ORDER BY at_ms, record_id LIMIT 1",
            (party, alert, without),
        )
    )
    if not raised:
        return
    record_id, raised_at_ms, mmsi, other_mmsi = raised[0]
    acts = list(
        db.execute(
            "SELECT act, actor, at_ms, text, incident FROM maritime_alert_act WHERE party = ? AND alert = ? AND record_id <> ?"
            " AND act <> 'noted' ORDER BY at_ms, record_id",
            (party, alert, without),
        )
    )
    last = _furthest(acts)
    state, actor, changed_at_ms, text, incident = last if last is not None else ("raised", "", raised_at_ms, None, None)
    db.execute(
        "INSERT INTO maritime_alert_now (party, alert, raised, raised_at_ms, mmsi, other_mmsi, state, by_actor, changed_at_ms, text,"
        " incident) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        (party, alert, record_id, raised_at_ms, mmsi, other_mmsi, state, actor, changed_at_ms, text, incident),
    )


def _furthest(acts: Sequence[Sequence[Any]]) -> Sequence[Any] | None:
    """Return the first of the acts that bring an alert furthest, or None."""
    return max(acts, key=lambda act: STATES.index(act[0]), default=None)


def _handed_over(db: Db, fact: Fact[WatchHandedOver]) -> None:
    if not fact.exercise:
        _put(db, "maritime_handover", _head(fact) | _facts(fact.body, "to_officer", "note"))


def _noted(db: Db, fact: Fact[IncidentNoted]) -> None:
    if not fact.exercise and fact.subject:
        _put(db, "maritime_incident_note", _head(fact) | {"incident": fact.subject, "text": _known(fact.body.text)})


def forget(db: Db, record_id: str) -> None:
    """Fold an alert without a record whose body is erased."""
    held = {
        tuple(row)
        for table in ("maritime_alert", "maritime_alert_act")
        for row in db.execute(f"SELECT party, alert FROM {table} WHERE record_id = ?", (record_id,))
    }
    for party, alert in sorted(held):
        _fold(db, party, alert, without=record_id)


APPLY: dict[type[Body], Apply] = {
    AlertAcknowledged: _acted,
    AlertDismissed: _acted,
    AlertEscalated: _acted,
    AlertNoted: _acted,
    AlertRaised: _raised,
    IncidentNoted: _noted,
    RuleWithdrawn: _rule_end,
    RuleWritten: _rule,
    WatchHandedOver: _handed_over,
}
