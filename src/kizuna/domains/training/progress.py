"""How far a pledge has come: from what was promised over what was offered and paid to the evidence, and where something lacks.

Nothing is counted twice: a transaction counts once by its number, a person once a course where that is the rule. Nothing is converted, and what its
beneficiary reports does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kizuna.domains.training.queries import COURSES, RANKED
from kizuna.domains.training.rules import day_of, missing, sums
from kizuna.errors import RefusedError
from kizuna.kernel import deadline
from kizuna.kernel.operation import Desk, Wanted

_EVIDENCED = (
    "(s.certificate <> '' OR EXISTS (SELECT 1 FROM training_evidence e WHERE e.about = 'seat:' || s.seat)"
    " OR EXISTS (SELECT 1 FROM training_evidence e WHERE e.about = 'course:' || s.course))"
)


class ProgressWanted(Wanted, frozen=True):
    """Which pledge."""

    pledge: Annotated[str, Meta(description="The pledge, like `jpn-2022-maritime-security`.")]


class People(msgspec.Struct, frozen=True, kw_only=True):
    """People: promised, then seats offered, given, delivered. `counted` follows the pledge's rule, and is None where it states none."""

    promised: int | None
    rule: str
    seats_offered: int
    seats_given: int
    seats_delivered: int
    persons_delivered: int
    seats_with_evidence: int
    counted: int | None


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """Money by currency, exact: promised, committed, disbursed, disbursed with evidence; `grants` is what grants were contracted for, apart."""

    promised: dict[str, str]
    committed: dict[str, str]
    disbursed: dict[str, str]
    with_evidence: dict[str, str]
    grants: dict[str, str]


class Gap(msgspec.Struct, frozen=True):
    """Something that lacks between a promise and its evidence."""

    gap: str
    what: str


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction of a pledge; `counts` tells whether it is added, `evidenced` whether something shows it."""

    transaction: str
    kind: str
    amount: str
    currency: str
    value_on: str
    beneficiary: str
    stated_by: str
    text: str
    counts: bool
    evidenced: bool


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a pledge has come at what this node holds; a partner's other seats and sums may not be seen here."""

    pledge: str
    given_by: str
    text: str
    announced_on: str
    ends_on: str
    people: People
    money: Money
    gaps: tuple[Gap, ...]


def stated(desk: Desk, pledge: str) -> dict[str, Any]:
    """Return a pledge as its preferred statement has it, with what it does not state out of the next.

    Raises:
        RefusedError: nothing is held of it.
    """
    names = (
        "given_by",
        "text",
        "persons_min",
        "counting_rule",
        "amount_min",
        "currency",
        "period_years",
        "announced_on",
        "beneficiaries",
    )
    rows = list(
        desk.db.execute(
            f"SELECT {', '.join(names)} FROM training_pledge WHERE pledge = ? ORDER BY COALESCE(preferred, 0) DESC, {RANKED}, record_id",
            (pledge,),
        )
    )
    if not rows:
        raise RefusedError(f"nothing is held of a pledge `{pledge[:100]}`: look the name up in `pledges`")
    return {name: next((row[at] for row in rows if row[at] is not None), None) for at, name in enumerate(names)}


def transactions(desk: Desk, pledge: str, giver: str) -> list[Transaction]:
    """Return the transactions of a pledge, each number once: the first record of the giver's, then those that do not count."""
    rows = desk.db.execute(
        "SELECT t.transaction_key, t.kind, t.amount, t.currency, COALESCE(t.value_on, ''), COALESCE(t.beneficiary, ''), t.stated_by,"
        " COALESCE(t.text, ''), EXISTS (SELECT 1 FROM training_evidence e WHERE e.about = 'transaction:' || t.transaction_key)"
        " FROM training_transaction t WHERE t.pledge = ? AND t.transaction_key IS NOT NULL AND t.kind IS NOT NULL AND t.amount IS NOT NULL"
        " AND t.currency IS NOT NULL ORDER BY t.transaction_key, CASE WHEN t.stated_by = ? THEN 0 ELSE 1 END, t.record_id",
        (pledge, giver),
    )
    found, seen = [], set[str]()
    for key, kind, amount, currency, value_on, beneficiary, by, text, evidenced in rows:
        counts = key not in seen and by == giver and by != beneficiary
        seen.add(key)
        found.append(
            Transaction(
                transaction=key, kind=kind, amount=amount, currency=currency, value_on=value_on, beneficiary=beneficiary, stated_by=by,
                text=text, counts=counts, evidenced=bool(evidenced),
            )
        )  # fmt: skip
    return found


def people(desk: Desk, pledge: str, facts: dict[str, Any]) -> People:
    """Return the people of a pledge."""
    ((offered, given, delivered, persons),) = desk.db.execute(
        "SELECT COUNT(*), COALESCE(SUM(CASE WHEN person <> '' THEN 1 ELSE 0 END), 0), COALESCE(SUM(delivered), 0),"
        " COUNT(DISTINCT CASE WHEN delivered = 1 THEN course || '/' || person END) FROM training_seat WHERE pledge = ?"
        " AND state <> 'withdrawn'",
        (pledge,),
    )
    ((evidenced,),) = desk.db.execute(
        f"SELECT COUNT(*) FROM training_seat s WHERE s.pledge = ? AND s.delivered = 1 AND {_EVIDENCED}", (pledge,)
    )
    rule = facts["counting_rule"] or "unknown"
    return People(
        promised=facts["persons_min"], rule=rule, seats_offered=offered, seats_given=given, seats_delivered=int(delivered),
        persons_delivered=persons, seats_with_evidence=evidenced,
        counted={"persons": persons, "seats": int(delivered)}.get(rule),
    )  # fmt: skip


def progress(desk: Desk, wanted: ProgressWanted) -> Progress:
    """Return how far a pledge has come, with every gap named.

    Raises:
        RefusedError: nothing is held of it.
    """
    facts = stated(desk, wanted.pledge)
    giver = facts["given_by"] or ""
    paid = transactions(desk, wanted.pledge, giver)
    counted = [each for each in paid if each.counts]
    promised = {facts["currency"]: facts["amount_min"]} if facts["amount_min"] and facts["currency"] else {}
    money = Money(
        promised=promised,
        committed=sums((each.amount, each.currency) for each in counted if each.kind == "commitment"),
        disbursed=sums((each.amount, each.currency) for each in counted if each.kind == "disbursement"),
        with_evidence=sums(
            (each.amount, each.currency) for each in counted if each.kind == "disbursement" and each.evidenced
        ),
        grants=sums(
            desk.db.execute(
                "SELECT amount, currency FROM training_money WHERE pledge = ? AND kind = 'grant' AND stage = 'committed'",
                (wanted.pledge,),
            )
        ),
    )
    found = people(desk, wanted.pledge, facts)
    ends_on = _end(facts)
    gaps = [*_people_gaps(found), *_money_gaps(money, paid), *_seat_gaps(desk, wanted.pledge)]
    if ends_on and ends_on <= deadline.day_of(desk.now_ms):
        gaps.append(
            Gap("its time is over", f"{facts['period_years']} years from {facts['announced_on']} ended on {ends_on}")
        )
    return Progress(
        pledge=wanted.pledge, given_by=giver, text=facts["text"] or "", announced_on=facts["announced_on"] or "unknown",
        ends_on=ends_on or "unknown", people=found, money=money, gaps=tuple(gaps),
    )  # fmt: skip


def _end(facts: dict[str, Any]) -> str:
    start, years = day_of(facts["announced_on"]), facts["period_years"]
    return f"{int(start[:4]) + years:04}{start[4:]}".replace("-02-29", "-03-01") if start and years else ""


def _people_gaps(found: People) -> Iterator[Gap]:
    if found.promised is not None and found.rule == "unknown":
        yield Gap(
            "counting rule not stated",
            f"whether {found.promised} counts persons or seats; both are shown, neither is compared",
        )
    if found.promised is not None and found.seats_offered < found.promised:
        yield Gap("promised, not offered", f"{found.promised - found.seats_offered} of {found.promised}")
    if found.seats_delivered < found.seats_offered:
        yield Gap(
            "offered, not delivered", f"{found.seats_offered - found.seats_delivered} of {found.seats_offered} seats"
        )
    if found.seats_with_evidence < found.seats_delivered:
        yield Gap(
            "delivered, without evidence",
            f"{found.seats_delivered - found.seats_with_evidence} of {found.seats_delivered} seats",
        )
    if found.counted is not None and found.promised is not None and found.counted < found.promised:
        yield Gap("promised, not delivered", f"{found.promised - found.counted} of {found.promised} {found.rule}")


def _money_gaps(money: Money, paid: list[Transaction]) -> Iterator[Gap]:
    for name, whole, part in (
        ("promised, not committed", money.promised, money.committed),
        ("committed, not disbursed", money.committed, money.disbursed),
        ("disbursed, without evidence", money.disbursed, money.with_evidence),
    ):
        for currency, amount in missing(whole, part).items():
            yield Gap(name, f"{amount} of {whole[currency]} {currency}")
    for currency in sorted((money.committed.keys() | money.disbursed.keys()) - money.promised.keys()):
        yield Gap("in another currency", f"{currency} is not the currency of the promise; it is not converted")
    for each in paid:
        if not each.counts:
            why = (
                "its beneficiary reports it"
                if each.stated_by == each.beneficiary
                else "stated twice, or not by the giver"
            )
            yield Gap("not counted", f"transaction {each.transaction} of {each.stated_by}: {why}")


def _seat_gaps(desk: Desk, pledge: str) -> Iterator[Gap]:
    for course, person, count in desk.db.execute(
        "SELECT course, person, COUNT(*) FROM training_seat WHERE pledge = ? AND person <> '' GROUP BY course, person HAVING COUNT(*) > 1"
        " ORDER BY course, person LIMIT 20",
        (pledge,),
    ):
        yield Gap("a person in several seats", f"{person} has {count} of {course}")
    for course, count, has in desk.db.execute(
        f"SELECT c.course, s.offered, c.seats FROM {COURSES} c JOIN (SELECT course, COUNT(*) AS offered FROM training_seat"
        " WHERE state <> 'withdrawn' GROUP BY course) s ON s.course = c.course WHERE c.nth = 1 AND c.pledge = ?"
        " AND s.offered > COALESCE(c.seats, 0) ORDER BY c.course LIMIT 20",
        (pledge,),
    ):
        yield Gap(
            "more seats than the course has",
            f"{count} of {course}, which has {has or 0}: withdraw some, or offer it anew",
        )
    query = "SELECT seat FROM training_seat WHERE pledge = ? AND state = 'conflict' ORDER BY seat LIMIT 20"
    for (seat,) in desk.db.execute(query, (pledge,)):
        yield Gap("a seat in conflict", f"{seat}: both sides sign how it ends")
