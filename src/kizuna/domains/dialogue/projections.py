"""The tables of the dialogue. Statements of one party stand in one table, whole, with what they are looked up by; the rest is filled from cases.

A later release of a record may disclose more: the fuller body stays, and of two that are as full the greater, so every order gives the same rows.
"""

from __future__ import annotations

from typing import Any

from kizuna.domains.dialogue import records
from kizuna.domains.dialogue.meetings import shown
from kizuna.kernel import canonical
from kizuna.kernel.domain import Apply, Fact
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

SCHEMA = (
    """CREATE TABLE dialogue_said (
        record_id TEXT PRIMARY KEY, type TEXT NOT NULL, name TEXT NOT NULL, party TEXT NOT NULL, own BIGINT NOT NULL,
        at_ms BIGINT NOT NULL, mechanism TEXT NOT NULL, meeting TEXT NOT NULL, body TEXT NOT NULL)""",
    "CREATE INDEX dialogue_said_by_name ON dialogue_said (type, name)",
    "CREATE INDEX dialogue_said_by_mechanism ON dialogue_said (type, mechanism)",
    """CREATE TABLE dialogue_meeting (
        case_id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, mechanism TEXT NOT NULL, host TEXT NOT NULL, guest TEXT NOT NULL,
        ordinal BIGINT, title TEXT NOT NULL, starts_on TEXT NOT NULL, ends_on TEXT NOT NULL, place TEXT NOT NULL, minute TEXT,
        reported_at_ms BIGINT)""",
    "CREATE INDEX dialogue_meeting_by_mechanism ON dialogue_meeting (mechanism, starts_on)",
    "CREATE INDEX dialogue_meeting_by_day ON dialogue_meeting (starts_on)",
    """CREATE TABLE dialogue_agenda (
        case_id TEXT NOT NULL, no BIGINT NOT NULL, title TEXT NOT NULL, owner_party TEXT NOT NULL, commitment TEXT NOT NULL,
        party TEXT NOT NULL, PRIMARY KEY (case_id, no))""",
    """CREATE TABLE dialogue_decision (
        case_id TEXT NOT NULL, no BIGINT NOT NULL, text TEXT NOT NULL, paragraph BIGINT NOT NULL, PRIMARY KEY (case_id, no))""",
    "CREATE TABLE dialogue_disposition (case_id TEXT NOT NULL, commitment TEXT NOT NULL, becomes TEXT NOT NULL, PRIMARY KEY (case_id, commitment))",
    "CREATE INDEX dialogue_disposition_of ON dialogue_disposition (commitment)",
    """CREATE TABLE dialogue_minute (
        case_id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, meeting TEXT NOT NULL, host TEXT NOT NULL, guest TEXT NOT NULL,
        title TEXT NOT NULL, versions BIGINT NOT NULL, text_sha256 TEXT NOT NULL, agreed_at_ms BIGINT)""",
    "CREATE INDEX dialogue_minute_of ON dialogue_minute (meeting)",
    """CREATE TABLE dialogue_paragraph (
        case_id TEXT NOT NULL, language TEXT NOT NULL, no BIGINT NOT NULL, text TEXT NOT NULL, sha256 TEXT NOT NULL,
        PRIMARY KEY (case_id, language, no))""",
    """CREATE TABLE dialogue_comment (
        case_id TEXT NOT NULL, no BIGINT NOT NULL, paragraph BIGINT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (case_id, no))""",
    """CREATE TABLE dialogue_commitment (
        case_id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, closed BIGINT NOT NULL, opener TEXT NOT NULL, other TEXT NOT NULL,
        actors TEXT NOT NULL, measurable BIGINT NOT NULL, text TEXT, strength TEXT, indicator TEXT, target TEXT, due_on TEXT,
        due_phrase TEXT, meeting TEXT, mechanism TEXT, made_on TEXT, first_made_at TEXT, first_made_on TEXT, restates TEXT, restated_on TEXT,
        minute TEXT, paragraph BIGINT, language TEXT, paragraph_text TEXT, paragraph_sha256 TEXT, parent TEXT, milestone TEXT, done_on TEXT,
        confirmed_at_ms BIGINT, closed_at_ms BIGINT, superseded_by TEXT)""",
    "CREATE INDEX dialogue_commitment_by_due ON dialogue_commitment (closed, due_on)",
    "CREATE INDEX dialogue_commitment_by_made ON dialogue_commitment (closed, first_made_on, name)",
    "CREATE INDEX dialogue_commitment_by_meeting ON dialogue_commitment (meeting)",
    "CREATE INDEX dialogue_commitment_by_restated ON dialogue_commitment (restates)",
    "CREATE TABLE dialogue_followed (case_id TEXT NOT NULL, mechanism TEXT NOT NULL, PRIMARY KEY (mechanism, case_id))",
    "CREATE INDEX dialogue_followed_by_case ON dialogue_followed (case_id)",
    "CREATE TABLE dialogue_owner (case_id TEXT NOT NULL, party TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (case_id, party))",
    "CREATE INDEX dialogue_owner_by_name ON dialogue_owner (owner)",
    "CREATE TABLE dialogue_restated (case_id TEXT NOT NULL, no BIGINT NOT NULL, meeting TEXT, made_on TEXT, PRIMARY KEY (case_id, no))",
    """CREATE TABLE dialogue_evidence (
        case_id TEXT NOT NULL, record_id TEXT NOT NULL, party TEXT NOT NULL, happened_on TEXT, text TEXT, ref TEXT, sha256 TEXT,
        sources TEXT NOT NULL, PRIMARY KEY (case_id, record_id))""",
    """CREATE TABLE dialogue_progress (
        case_id TEXT NOT NULL, no BIGINT NOT NULL, party TEXT NOT NULL, assessment TEXT, text TEXT, as_of TEXT, PRIMARY KEY (case_id, no))""",
    """CREATE TABLE dialogue_score (
        case_id TEXT NOT NULL, no BIGINT NOT NULL, party TEXT NOT NULL, value BIGINT, rationale TEXT, from_on TEXT, as_of TEXT,
        guideline TEXT, evidence TEXT NOT NULL, PRIMARY KEY (case_id, no))""",
    """CREATE TABLE dialogue_milestone (
        case_id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, owner_party TEXT NOT NULL, other TEXT NOT NULL,
        initiative TEXT NOT NULL, title TEXT NOT NULL, baseline_on TEXT NOT NULL, forecast_on TEXT, actual_on TEXT, depends_on TEXT NOT NULL,
        commitment TEXT)""",
    "CREATE INDEX dialogue_milestone_by_day ON dialogue_milestone (baseline_on, name)",
    """CREATE TABLE dialogue_forecast (
        case_id TEXT NOT NULL, no BIGINT NOT NULL, forecast_on TEXT, reason TEXT, at_ms BIGINT NOT NULL, PRIMARY KEY (case_id, no))""",
)  # fmt: skip
TABLES = tuple(statement.split()[2] for statement in SCHEMA if statement.startswith("CREATE TABLE"))

_SAID = (
    "INSERT INTO dialogue_said (record_id, type, name, party, own, at_ms, mechanism, meeting, body) VALUES (?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (record_id) DO UPDATE SET name = excluded.name, at_ms = excluded.at_ms, mechanism = excluded.mechanism,"
    " meeting = excluded.meeting, body = excluded.body"
    " WHERE LENGTH(excluded.body) > LENGTH(dialogue_said.body)"
    " OR (LENGTH(excluded.body) = LENGTH(dialogue_said.body) AND excluded.body > dialogue_said.body)"
)


def _said(name_field: str) -> Apply:
    def apply(db: Db, fact: Fact[Any]) -> None:
        row = (
            fact.record_id, fact.type, shown(fact.body, name_field) or "", fact.issuer, int(fact.own), fact.at_ms,
            shown(fact.body, "mechanism") or "", shown(fact.body, "meeting") or "", canonical.encode(fact.body).decode(),
        )  # fmt: skip
        db.execute(_SAID, row)

    return apply


APPLY: dict[type[Body], Apply] = {
    records.CommitmentCited: _said("commitment"),
    records.DocumentExchanged: _said("exchange"),
    records.MechanismDescribed: _said("mechanism"),
    records.MeetingCited: _said("meeting"),
    records.PositionNoted: _said("position"),
    records.RoadmapItemSet: _said("item"),
}
