"""How what a register notes fills tables: one row a record, in every order of arrival the same. The rows of copies and reports are their cases'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kizuna.domains.protection.records import (
    CompromiseWarned,
    CustodyTaken,
    DocumentRegistered,
    DocumentRegraded,
    InventoryTaken,
)
from kizuna.kernel.domain import Apply, Fact
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

SCHEMA = (
    """CREATE TABLE protection_document (
        record_id TEXT PRIMARY KEY, stated_by TEXT NOT NULL, at_ms BIGINT NOT NULL, document TEXT, title TEXT, policy TEXT, level BIGINT,
        record TEXT, registered_on TEXT)""",
    "CREATE INDEX protection_document_by_name ON protection_document (document)",
    """CREATE TABLE protection_regrade (
        record_id TEXT PRIMARY KEY, stated_by TEXT NOT NULL, at_ms BIGINT NOT NULL, document TEXT, level BIGINT, approved_by TEXT,
        reason TEXT)""",
    "CREATE INDEX protection_regrade_by_name ON protection_regrade (document, at_ms)",
    """CREATE TABLE protection_custody (
        record_id TEXT PRIMARY KEY, stated_by TEXT NOT NULL, at_ms BIGINT NOT NULL, copy TEXT, taken_by TEXT, taken_on TEXT)""",
    "CREATE INDEX protection_custody_by_copy ON protection_custody (copy, at_ms)",
    """CREATE TABLE protection_inventory (
        record_id TEXT PRIMARY KEY, stated_by TEXT NOT NULL, at_ms BIGINT NOT NULL, taken_on TEXT, witness TEXT)""",
    """CREATE TABLE protection_sighting (
        record_id TEXT NOT NULL, copy TEXT NOT NULL, finding TEXT NOT NULL, at_ms BIGINT NOT NULL, PRIMARY KEY (record_id, copy, finding))""",
    "CREATE INDEX protection_sighting_by_copy ON protection_sighting (copy, finding, at_ms)",
    """CREATE TABLE protection_warning (
        record_id TEXT PRIMARY KEY, stated_by TEXT NOT NULL, at_ms BIGINT NOT NULL, compromise TEXT, documents TEXT, action TEXT)""",
    """CREATE TABLE protection_copy (
        case_id TEXT PRIMARY KEY, copy TEXT NOT NULL, document TEXT NOT NULL, copy_no BIGINT NOT NULL, title TEXT NOT NULL,
        policy TEXT NOT NULL, level BIGINT NOT NULL, form TEXT NOT NULL, record TEXT NOT NULL, originator TEXT NOT NULL,
        holder TEXT NOT NULL, state TEXT NOT NULL, register TEXT NOT NULL, dispatched_ms BIGINT NOT NULL, receipted_ms BIGINT NOT NULL,
        orders_open BIGINT NOT NULL, missed BIGINT NOT NULL, destroyed_on TEXT NOT NULL, certificate TEXT NOT NULL, witness TEXT NOT NULL)""",
    "CREATE INDEX protection_copy_by_document ON protection_copy (document, copy_no)",
    "CREATE INDEX protection_copy_by_register ON protection_copy (register, copy)",
    "CREATE INDEX protection_copy_by_state ON protection_copy (state, copy)",
    """CREATE TABLE protection_onward (
        case_id TEXT NOT NULL, request TEXT NOT NULL, copy TEXT NOT NULL, document TEXT NOT NULL, recipient TEXT NOT NULL,
        scope TEXT NOT NULL, state TEXT NOT NULL, until_on TEXT NOT NULL, consent TEXT NOT NULL, passed_by TEXT NOT NULL,
        passed_ms BIGINT NOT NULL, PRIMARY KEY (case_id, request))""",
    "CREATE INDEX protection_onward_by_document ON protection_onward (document, state)",
    """CREATE TABLE protection_compromise (
        case_id TEXT PRIMARY KEY, compromise TEXT NOT NULL, reporter TEXT NOT NULL, originator TEXT NOT NULL, state TEXT NOT NULL,
        documents TEXT NOT NULL, what TEXT NOT NULL, discovered_on TEXT NOT NULL, action TEXT NOT NULL, holders TEXT NOT NULL,
        reported_ms BIGINT NOT NULL, missed BIGINT NOT NULL, damage TEXT NOT NULL)""",
    "CREATE INDEX protection_compromise_by_time ON protection_compromise (reported_ms)",
)
TABLES = (
    "protection_document", "protection_regrade", "protection_custody", "protection_inventory", "protection_sighting",
    "protection_warning", "protection_copy", "protection_onward", "protection_compromise",
)  # fmt: skip


def _plain(value: Any) -> str | int | None:
    if isinstance(value, tuple):
        return " ".join(sorted(set(value)))
    return value if isinstance(value, str | int) else None


def _noted(table: str, fields: Sequence[str]) -> Apply:
    """Return what writes a record's row; a second release fills in what was withheld, and what is known stays."""
    columns = ("record_id", "stated_by", "at_ms", *fields)
    fills = ", ".join(f"{name} = COALESCE({table}.{name}, excluded.{name})" for name in fields)
    sql = (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({','.join('?' * len(columns))})"
        f" ON CONFLICT (record_id) DO UPDATE SET {fills}"
    )

    def apply(db: Db, fact: Fact[Any]) -> None:
        values = [_plain(getattr(fact.body, name)) for name in fields]
        db.execute(sql, (fact.record_id, fact.issuer, fact.at_ms, *values))

    return apply


_inventory = _noted("protection_inventory", ("taken_on", "witness"))


def _counted(db: Db, fact: Fact[InventoryTaken]) -> None:
    _inventory(db, fact)
    found = {name: getattr(fact.body, name) for name in ("sighted", "missing", "strange")}
    rows = [
        (fact.record_id, copy, finding, fact.at_ms)
        for finding, copies in found.items()
        if isinstance(copies, tuple)
        for copy in sorted(set(copies))
    ]
    db.executemany(
        "INSERT INTO protection_sighting (record_id, copy, finding, at_ms) VALUES (?,?,?,?)"
        " ON CONFLICT (record_id, copy, finding) DO NOTHING",
        rows,
    )


APPLY: Mapping[type[Body], Apply] = {
    DocumentRegistered: _noted(
        "protection_document", ("document", "title", "policy", "level", "record", "registered_on")
    ),
    DocumentRegraded: _noted("protection_regrade", ("document", "level", "approved_by", "reason")),
    CustodyTaken: _noted("protection_custody", ("copy", "taken_by", "taken_on")),
    InventoryTaken: _counted,
    CompromiseWarned: _noted("protection_warning", ("compromise", "documents", "action")),
}
