"""The tables of supply: what parties stated, drafts, and the rows that folded orders fill (`kizuna.domains.supply.cases`).

Amounts are whole minor units of their currency. The ledger has each posting twice, once for each party, so that every order, and thereby any sum over
orders, adds up to nothing for each currency and method.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kizuna.domains.supply import rules
from kizuna.domains.supply.records import AuthorityGranted, OrderDrafted, TermsStated
from kizuna.kernel import canonical
from kizuna.kernel.domain import Fact
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

SCHEMA = (
    """CREATE TABLE supply_terms (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, arrangement TEXT NOT NULL, version TEXT NOT NULL, at_ms BIGINT NOT NULL,
        body TEXT NOT NULL)""",
    "CREATE INDEX supply_terms_by_arrangement ON supply_terms (arrangement, party, at_ms)",
    """CREATE TABLE supply_authority (
        record_id TEXT PRIMARY KEY, party TEXT NOT NULL, arrangement TEXT NOT NULL, officer TEXT NOT NULL, duties TEXT NOT NULL,
        from_on TEXT NOT NULL, to_on TEXT NOT NULL, at_ms BIGINT NOT NULL)""",
    "CREATE INDEX supply_authority_by_officer ON supply_authority (party, officer, arrangement, at_ms)",
    """CREATE TABLE supply_draft (
        record_id TEXT PRIMARY KEY, order_no TEXT NOT NULL, actor TEXT NOT NULL, at_ms BIGINT NOT NULL, body TEXT NOT NULL)""",
    "CREATE INDEX supply_draft_by_number ON supply_draft (order_no, at_ms)",
    """CREATE TABLE supply_order (
        case_id TEXT PRIMARY KEY, order_no TEXT NOT NULL, requester TEXT NOT NULL, provider TEXT NOT NULL, state TEXT NOT NULL,
        flags TEXT NOT NULL, activity TEXT NOT NULL, activity_ref TEXT NOT NULL, fiscal_year BIGINT NOT NULL, method TEXT NOT NULL,
        currency TEXT NOT NULL, total_minor BIGINT NOT NULL, open_minor BIGINT NOT NULL, requesting_unit TEXT NOT NULL,
        providing_unit TEXT NOT NULL, place TEXT NOT NULL, window_from_ms BIGINT NOT NULL, window_to_ms BIGINT NOT NULL,
        delivered_at_ms BIGINT, due_ms BIGINT, overdue_ms BIGINT, changed_at_ms BIGINT NOT NULL, waits_for TEXT NOT NULL)""",
    "CREATE INDEX supply_order_by_overdue ON supply_order (overdue_ms, case_id)",
    """CREATE TABLE supply_side (
        case_id TEXT NOT NULL, party TEXT NOT NULL, state TEXT NOT NULL, activity_ref TEXT NOT NULL, fiscal_year BIGINT NOT NULL,
        changed_at_ms BIGINT NOT NULL, PRIMARY KEY (case_id, party))""",
    "CREATE INDEX supply_side_by_time ON supply_side (party, changed_at_ms, case_id)",
    "CREATE INDEX supply_side_by_state ON supply_side (party, state, changed_at_ms, case_id)",
    "CREATE INDEX supply_side_by_activity ON supply_side (party, activity_ref, changed_at_ms, case_id)",
    "CREATE INDEX supply_side_by_year ON supply_side (party, fiscal_year, changed_at_ms, case_id)",
    """CREATE TABLE supply_line (
        case_id TEXT NOT NULL, line_no BIGINT NOT NULL, category TEXT NOT NULL, description TEXT NOT NULL, nsn TEXT NOT NULL,
        unit TEXT NOT NULL, basis TEXT NOT NULL, ordered TEXT NOT NULL, offered TEXT NOT NULL, delivered TEXT NOT NULL,
        accepted TEXT NOT NULL, returned TEXT NOT NULL, unit_price TEXT NOT NULL, discrepancy TEXT NOT NULL,
        PRIMARY KEY (case_id, line_no))""",
    """CREATE TABLE supply_ledger (
        case_id TEXT NOT NULL, seq BIGINT NOT NULL, party TEXT NOT NULL, partner TEXT NOT NULL, currency TEXT NOT NULL,
        method TEXT NOT NULL, entry TEXT NOT NULL, amount_minor BIGINT NOT NULL, at_ms BIGINT NOT NULL, fiscal_year BIGINT NOT NULL,
        activity_ref TEXT NOT NULL, PRIMARY KEY (case_id, seq, party))""",
    "CREATE INDEX supply_ledger_by_year ON supply_ledger (party, partner, fiscal_year, at_ms, case_id, seq)",
    "CREATE INDEX supply_ledger_by_activity ON supply_ledger (party, partner, activity_ref, at_ms, case_id, seq)",
    """CREATE TABLE supply_total (
        case_id TEXT NOT NULL, party TEXT NOT NULL, partner TEXT NOT NULL, fiscal_year BIGINT NOT NULL, activity_ref TEXT NOT NULL,
        currency TEXT NOT NULL, method TEXT NOT NULL, more_minor BIGINT NOT NULL, less_minor BIGINT NOT NULL, open_minor BIGINT NOT NULL,
        PRIMARY KEY (case_id, party, method))""",
    """CREATE INDEX supply_total_by_year ON supply_total (
        party, partner, fiscal_year, currency, method, more_minor, less_minor)""",
    """CREATE INDEX supply_total_by_activity ON supply_total (
        party, partner, activity_ref, currency, method, more_minor, less_minor)""",
    """CREATE INDEX supply_total_open ON supply_total (
        party, partner, currency, method, fiscal_year, open_minor) WHERE open_minor <> 0""",
)
TABLES = (
    "supply_terms", "supply_authority", "supply_draft", "supply_order", "supply_side", "supply_line", "supply_ledger",
    "supply_total",
)  # fmt: skip


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _terms(db: Db, fact: Fact[TermsStated]) -> None:
    db.execute(
        "INSERT INTO supply_terms (record_id, party, arrangement, version, at_ms, body) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (record_id) DO UPDATE SET arrangement = excluded.arrangement, version = excluded.version,"
        " body = excluded.body",
        (
            fact.record_id, fact.issuer, _text(fact.body.arrangement), rules.version(fact.body), fact.at_ms,
            canonical.encode(fact.body).decode(),
        ),
    )  # fmt: skip


def _authority(db: Db, fact: Fact[AuthorityGranted]) -> None:
    body = fact.body
    duties = body.duties if isinstance(body.duties, tuple) else ()
    db.execute(
        "INSERT INTO supply_authority (record_id, party, arrangement, officer, duties, from_on, to_on, at_ms)"
        " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (record_id) DO UPDATE SET arrangement = excluded.arrangement,"
        " officer = excluded.officer, duties = excluded.duties, from_on = excluded.from_on, to_on = excluded.to_on",
        (
            fact.record_id, fact.issuer, _text(body.arrangement), _text(body.officer), " ".join(duties), _text(body.from_on),
            _text(body.to_on), fact.at_ms,
        ),
    )  # fmt: skip


def _draft(db: Db, fact: Fact[OrderDrafted]) -> None:
    if not fact.own:
        return  # a draft is nobody's but its own party's
    db.execute(
        "INSERT INTO supply_draft (record_id, order_no, actor, at_ms, body) VALUES (?,?,?,?,?)"
        " ON CONFLICT (record_id) DO NOTHING",
        (
            fact.record_id, _text(fact.body.order_no), fact.actor, fact.at_ms, canonical.encode(fact.body).decode(),
        ),
    )  # fmt: skip


APPLY: Mapping[type[Body], Callable[[Db, Fact[Any]], None]] = {
    TermsStated: _terms,
    AuthorityGranted: _authority,
    OrderDrafted: _draft,
}
