"""How statements about pledges, courses, money, evidence and industry fill tables: one row a record, in every order of arrival the same.

What a beneficiary reports of its own benefit is kept and does not count; queries say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kizuna.domains.training.records import (
    CourseOffered,
    EvidenceFiled,
    IndustryStated,
    PersonNoted,
    PledgeStated,
    TransactionReported,
)
from kizuna.kernel.domain import Apply, Fact
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

PLEDGE = (
    "pledge", "by", "beneficiaries", "text", "persons_min", "counting_rule", "countries_min", "amount_min", "currency", "period_years",
    "announced_on", "event", "asserted_by", "preferred", "confidence", "sources", "note",
)  # fmt: skip
COURSE = ("course", "revision", "pledge", "title", "school", "starts_on", "ends_on", "seats", "counting_rule")
TRANSACTION = ("transaction", "pledge", "kind", "amount", "currency", "value_on", "beneficiary", "about", "text")
EVIDENCE = ("about", "title", "sha256", "source")
PERSON = ("person", "name", "unit", "retain_until")
INDUSTRY = ("item", "text", "kind", "stage", "stated_on", "organisations", "made_at", "confidence", "sources", "note")
_RENAMED = {"by": "given_by", "transaction": "transaction_key"}
"""Columns whose field's name is a word of SQL."""
_NUMBERS = frozenset({"persons_min", "countries_min", "period_years", "preferred", "revision", "seats"})


def columns(fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of fields, in their order."""
    return tuple(_RENAMED.get(name, name) for name in fields)


def _table(name: str, fields: tuple[str, ...]) -> str:
    typed = ", ".join(f"{name} {'BIGINT' if name in _NUMBERS else 'TEXT'}" for name in columns(fields))
    return f"CREATE TABLE {name} (record_id TEXT PRIMARY KEY, stated_by TEXT NOT NULL, {typed})"


SCHEMA = (
    _table("training_pledge", PLEDGE),
    "CREATE INDEX training_pledge_by_name ON training_pledge (pledge)",
    _table("training_course", COURSE),
    "CREATE INDEX training_course_by_name ON training_course (course, stated_by)",
    _table("training_transaction", TRANSACTION),
    "CREATE INDEX training_transaction_by_pledge ON training_transaction (pledge)",
    _table("training_evidence", EVIDENCE),
    "CREATE INDEX training_evidence_by_subject ON training_evidence (about)",
    _table("training_person", PERSON),
    "CREATE INDEX training_person_by_end ON training_person (retain_until)",
    _table("training_industry", INDUSTRY),
    """CREATE TABLE training_seat (
        case_id TEXT PRIMARY KEY, seat TEXT NOT NULL, course TEXT NOT NULL, seat_no BIGINT NOT NULL, pledge TEXT NOT NULL,
        donor TEXT NOT NULL, beneficiary TEXT NOT NULL, state TEXT NOT NULL, person TEXT NOT NULL, graduated_on TEXT NOT NULL,
        certificate TEXT NOT NULL, delivered BIGINT NOT NULL)""",
    "CREATE INDEX training_seat_by_course ON training_seat (course, state)",
    "CREATE INDEX training_seat_by_pledge ON training_seat (pledge, course, person, delivered, state)",
    """CREATE TABLE training_grant (
        case_id TEXT PRIMARY KEY, grant_key TEXT NOT NULL, pledge TEXT NOT NULL, donor TEXT NOT NULL, beneficiary TEXT NOT NULL,
        state TEXT NOT NULL, item TEXT NOT NULL, quantity BIGINT NOT NULL, handed_over BIGINT NOT NULL, handed_over_on TEXT NOT NULL,
        condition TEXT NOT NULL, support_until TEXT NOT NULL)""",
    "CREATE INDEX training_grant_by_pledge ON training_grant (pledge)",
    """CREATE TABLE training_investment (
        case_id TEXT PRIMARY KEY, investment TEXT NOT NULL, home TEXT NOT NULL, host TEXT NOT NULL, state TEXT NOT NULL,
        company TEXT NOT NULL, corridor TEXT NOT NULL, kind TEXT NOT NULL)""",
    """CREATE TABLE training_money (
        case_id TEXT NOT NULL, nth BIGINT NOT NULL, kind TEXT NOT NULL, stage TEXT NOT NULL, pledge TEXT NOT NULL, amount TEXT NOT NULL,
        currency TEXT NOT NULL, value_on TEXT NOT NULL, evidence TEXT NOT NULL, PRIMARY KEY (case_id, nth))""",
    "CREATE INDEX training_money_by_stage ON training_money (kind, stage)",
)
TABLES = (
    "training_pledge", "training_course", "training_transaction", "training_evidence", "training_person", "training_industry",
    "training_seat", "training_grant", "training_investment", "training_money",
)  # fmt: skip


def _known(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, tuple):
        return "\n".join(value)
    return value if isinstance(value, int | str) else None


def _keep(db: Db, table: str, fields: tuple[str, ...], fact: Fact[Any]) -> None:
    """Write a record's row, or fill what was withheld of it before."""
    row: Mapping[str, Any] = {"record_id": fact.record_id, "stated_by": fact.issuer} | {
        _RENAMED.get(name, name): _known(getattr(fact.body, name)) for name in fields
    }
    fills = ", ".join(f"{name} = COALESCE({table}.{name}, excluded.{name})" for name in columns(fields))
    db.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({','.join('?' * len(row))}) ON CONFLICT (record_id) DO UPDATE SET {fills}",
        list(row.values()),
    )


def _filling(table: str, fields: tuple[str, ...]) -> Apply:
    def fill(db: Db, fact: Fact[Any]) -> None:
        if not fact.exercise:  # what is made for an exercise was never pledged, taught or spent
            _keep(db, table, fields, fact)

    return fill


APPLY: dict[type[Body], Apply] = {
    CourseOffered: _filling("training_course", COURSE),
    EvidenceFiled: _filling("training_evidence", EVIDENCE),
    IndustryStated: _filling("training_industry", INDUSTRY),
    PersonNoted: _filling("training_person", PERSON),
    PledgeStated: _filling("training_pledge", PLEDGE),
    TransactionReported: _filling("training_transaction", TRANSACTION),
}
