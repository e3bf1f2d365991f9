"""The order as a case: who may move it from where to where, which deadlines run, and the rows that it fills.

`requested`, `offered`, `agreed`, `delivered`, `accepted`, `invoiced`, `settling`, `settled`, `closed` are its states, with the ends `declined`,
`withdrawn`, `cancelled`, `written-off`. Overdue, converted, escalated and disputed stand beside the state, as flags: a disputed order keeps
its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kizuna.domains.supply import numbers, rules
from kizuna.domains.supply.guards import GUARDS
from kizuna.domains.supply.records import (
    DebtWrittenOff,
    DeliveryAccepted,
    DeliveryMade,
    DisputeEnded,
    DisputeRaised,
    ExchangeMade,
    GoodsReturned,
    InvoiceIssued,
    OffsetAgreed,
    OrderAgreed,
    OrderAmended,
    OrderCancelled,
    OrderClosed,
    OrderConverted,
    OrderDeclined,
    OrderEscalated,
    OrderOffered,
    OrderOverdue,
    OrderRequested,
    OrderSettled,
    OrderWithdrawn,
    PaymentMade,
    RemainderConverted,
    SettlementReceived,
)
from kizuna.domains.supply.signing import endorsing
from kizuna.domains.supply.standing import CASH, EQUAL_VALUE, KIND, METHODS, PROVIDER, REQUESTER, Standing, standing
from kizuna.errors import RefusedError
from kizuna.kernel.case import CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Guard, Move
from kizuna.kernel.deadline import Deadline
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

PURPOSE = "logistics"
OVERDUE, CONVERT, ESCALATE = "supply-overdue", "supply-convert", "supply-escalate"
"""The rules by which a node's clock speaks; the terms' own rule is in the record."""
_RULES = {"overdue": OVERDUE, "convert": CONVERT, "escalate": ESCALATE}
_OWING = ("delivered", "accepted", "invoiced", "settling")
_TO_SETTLE = ("accepted", "invoiced", "settling")


def _by(name: str, frm: tuple[str, ...], to: str, side: str = "", *apart: str, role: str = "logistics") -> Transition:
    return Transition(name=name, frm=frm, to=to, side=side, role=role, apart=apart)


def _both(name: str, frm: tuple[str, ...], to: str) -> Transition:
    return Transition(name=name, frm=frm, to=to, role="logistics", signatures=2, endorser_role="logistics")


TABLE = CaseType(
    name="supply.order",
    states=(
        "draft", "requested", "declined", "withdrawn", "offered", "agreed", "cancelled", "delivered", "accepted",
        "invoiced", "settling", "settled", "written-off", "closed",
    ),
    initial="draft",
    transitions=(
        _by("request", ("draft",), "requested", REQUESTER),
        _by("withdraw", ("requested", "offered"), "withdrawn", REQUESTER),
        _by("decline", ("requested", "offered"), "declined", PROVIDER),
        _by("offer", ("requested", "offered"), "offered", PROVIDER),
        _both("agree", ("offered",), "agreed"),
        _both("amend", ("agreed",), ""),
        _both("cancel", ("agreed",), "cancelled"),
        _by("deliver", ("agreed", "delivered"), "delivered", PROVIDER),
        _by("accept", ("delivered",), "accepted", REQUESTER, "request"),
        _by("invoice", ("accepted",), "invoiced", PROVIDER, "deliver"),
        _by("pay", ("invoiced", "settling"), "settling", REQUESTER, "accept"),
        _by("return", ("accepted", "invoiced", "settling"), "settling", REQUESTER, "accept"),
        _by("exchange", ("accepted", "invoiced", "settling"), "settling", REQUESTER, "accept"),
        _by("receive", ("settling",), "", PROVIDER, "deliver"),
        _by("settle", _TO_SETTLE, "settled", PROVIDER, "deliver"),
        _both("offset", ("invoiced", "settling"), ""),
        _both("convert", _TO_SETTLE, ""),
        _by("dispute", _OWING, ""),
        _both("end-dispute", _OWING, ""),
        _by("write-off", _TO_SETTLE, "written-off", PROVIDER, "offer", "deliver", "invoice", role="desk"),
        _both("close", ("settled", "written-off"), "closed"),
        Transition(name="fall-due", frm=_OWING),
        Transition(name="escalate", frm=_OWING),
        Transition(name="lapse-into-cash", frm=_TO_SETTLE),
    ),
    precedence=("withdraw",),
    resolver_role="logistics",
)  # fmt: skip
STEPS: dict[type[Body], str] = {
    OrderRequested: "request", OrderWithdrawn: "withdraw", OrderDeclined: "decline", OrderOffered: "offer",
    OrderAgreed: "agree", OrderAmended: "amend", OrderCancelled: "cancel", DeliveryMade: "deliver",
    DeliveryAccepted: "accept", InvoiceIssued: "invoice", PaymentMade: "pay", GoodsReturned: "return",
    ExchangeMade: "exchange", SettlementReceived: "receive", OrderSettled: "settle", OffsetAgreed: "offset",
    RemainderConverted: "convert", DisputeRaised: "dispute", DisputeEnded: "end-dispute", DebtWrittenOff: "write-off",
    OrderClosed: "close", OrderOverdue: "fall-due", OrderEscalated: "escalate", OrderConverted: "lapse-into-cash",
}  # fmt: skip


def sides(key: str, opening: Move) -> dict[str, str] | None:
    """Return requester and provider of an order; its number begins with the requester's name."""
    body: Any = opening.body
    try:
        party = rules.parts_of(key)[0]
    except RefusedError:
        return None
    if (
        opening.step.party != party
        or body.order_no != key
        or not isinstance(body.provider, str)
        or body.provider == party
    ):
        return None
    return {REQUESTER: party, PROVIDER: body.provider}


# --- deadlines --------------------------------------------------------------------------------------------------------------------


def dues(view: CaseView) -> Iterable[tuple[str, int]]:
    """Return the running deadlines of an order: those of its agreed conditions, from the day of delivery, that have not passed."""
    found = standing(view)
    if view.state.state not in _OWING or found.delivered_at_ms is None or found.offer is None:
        return []
    return sorted((_RULES[act], due_ms) for act, (_, due_ms) in running(found, view.state.state).items())


def running(found: Standing, state: str) -> dict[str, tuple[str, int]]:
    """Return what falls due of an order, by act: the terms' rule and the instant, the earliest of several."""
    said = {
        "overdue": found.overdue_ms is not None,
        "escalate": found.escalated,
        "convert": found.converted or state == "delivered",
    }
    method = CASH if found.converted else found.asked.method
    owing = state == "delivered" or bool(found.owed())
    made: dict[str, tuple[str, int]] = {}
    for term in found.offer.conditions.deadlines:
        if said[term.act] or not owing or term.method not in ("", method) or found.delivered_at_ms is None:
            continue
        if term.act == "convert" and not found.open(KIND) + found.open(EQUAL_VALUE):
            continue
        deadline = Deadline(rule=term.rule, anchor="deliver", offset=term.offset, calendar=term.calendar)
        due_ms = deadline.at_ms(found.delivered_at_ms)
        if term.act not in made or due_ms < made[term.act][1]:
            made[term.act] = (term.rule, due_ms)
    return made


def lapse(view: CaseView, rule: str) -> Body:
    """Return the record by which a node says that a deadline of an order has passed."""
    found = standing(view)
    act = next(act for act, name in _RULES.items() if name == rule)
    clause = running(found, view.state.state)[act][0]
    if rule == CONVERT:
        minor = found.open(KIND) + found.open(EQUAL_VALUE)
        return OrderConverted(rule=clause, amount=numbers.money(minor, found.currency), currency=found.currency)
    return OrderOverdue(rule=clause) if rule == OVERDUE else OrderEscalated(rule=clause)


# --- rows -------------------------------------------------------------------------------------------------------------------------


def flags(found: Standing) -> str:
    """Return what stands beside the state of an order, as words in one line."""
    named = {
        "overdue": found.overdue_ms is not None and bool(found.owed()), "escalated": found.escalated and bool(found.owed()),
        "converted": found.converted, "disputed": bool(found.disputes), "written-off": found.written_off,
        "discrepancy": any(line.discrepancy for line in found.lines.values()),
    }  # fmt: skip
    return " ".join(name for name, holds in named.items() if holds)


def apply(db: Db, view: CaseView) -> None:
    """Fill the rows of an order."""
    found = standing(view)
    if found.asked is None:
        return
    requester, provider = view.sides[REQUESTER], view.sides[PROVIDER]
    order_no, asked = view.key, found.asked
    year = rules.parts_of(order_no)[1]
    changed_ms = max((effect.at_ms for effect in view.state.history), default=0)
    due = min((due_ms for _, due_ms in dues(view)), default=None)
    open_minor = sum(each.minor for each in found.postings)
    db.execute(
        "INSERT INTO supply_order (case_id, order_no, requester, provider, state, flags, activity, activity_ref, fiscal_year,"
        " method, currency, total_minor, open_minor, requesting_unit, providing_unit, place, window_from_ms, window_to_ms,"
        " delivered_at_ms, due_ms, overdue_ms, changed_at_ms, waits_for)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,CAST(? AS BIGINT),CAST(? AS BIGINT),CAST(? AS BIGINT),?,?)",
        (
            view.id, order_no, requester, provider, view.state.state, flags(found), asked.activity, asked.activity_ref, year,
            asked.method, asked.currency, found.total_minor if found.offer is not None else 0, open_minor,
            asked.requesting_unit, found.offer.providing_unit if found.offer is not None else asked.providing_unit,
            found.place, *found.window, found.delivered_at_ms, due, found.overdue_ms if found.owed() else None, changed_ms,
            " ".join(sorted({party for _, parties in view.state.signatures_missing for party in parties})),
        ),
    )  # fmt: skip
    db.executemany(
        "INSERT INTO supply_side (case_id, party, state, activity_ref, fiscal_year, changed_at_ms) VALUES (?,?,?,?,?,?)",
        [(view.id, party, view.state.state, asked.activity_ref, year, changed_ms) for party in (requester, provider)],
    )
    db.executemany(
        "INSERT INTO supply_line (case_id, line_no, category, description, nsn, unit, basis, ordered, offered, delivered, accepted,"
        " returned, unit_price, discrepancy) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        [
            (view.id, number, line.ask.category, line.ask.description, line.ask.nsn, line.ask.unit, line.ask.basis,
             line.ask.quantity, *map(numbers.spelled, (line.offered, line.delivered, line.accepted, line.returned, line.price)),
             line.discrepancy)
            for number, line in sorted(found.lines.items())
        ],
    )  # fmt: skip
    _post(db, view.id, found, (provider, requester), year)


def _post(db: Db, case_id: str, found: Standing, pair: tuple[str, str], year: int) -> None:
    """Write both sides of each posting: the creditor's plus is the debtor's minus, so that each order sums to nothing."""
    creditor, debtor = pair
    db.executemany(
        "INSERT INTO supply_ledger (case_id, seq, party, partner, currency, method, entry, amount_minor, at_ms, fiscal_year,"
        " activity_ref) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        [
            (case_id, at, party, partner, found.currency, each.method, each.entry, sign * each.minor, each.at_ms, year,
             found.asked.activity_ref)
            for at, each in enumerate(found.postings)
            for party, partner, sign in ((creditor, debtor, 1), (debtor, creditor, -1))
        ],
    )  # fmt: skip
    totals = [
        (method, sum(minor for minor in minors if minor > 0), -sum(minor for minor in minors if minor < 0))
        for method in METHODS
        if (minors := [each.minor for each in found.postings if each.method == method])
    ]
    db.executemany(
        "INSERT INTO supply_total (case_id, party, partner, fiscal_year, activity_ref, currency, method, more_minor, less_minor,"
        " open_minor) VALUES (?,?,?,?,?,?,?,?,?,?)",
        [
            (case_id, party, partner, year, found.asked.activity_ref, found.currency, method, *amounts, amounts[0] - amounts[1])
            for method, more, less in totals
            for party, partner, amounts in ((creditor, debtor, (more, less)), (debtor, creditor, (less, more)))
        ],
    )  # fmt: skip


def _where_possible(row: Transition, judge: Guard) -> Guard:
    """Return a guard that leaves alone what its state forbids anyway: the officer is then told that, and not what else is wrong with it.

    What two sign is judged in any state, since it may take effect in a later one than its author knew.
    """

    def judged(view: CaseView, move: Move) -> str:
        return "" if row.signatures == 1 and view.state.state not in row.frm else judge(view, move)

    return judged


ORDER = CaseKind(
    table=TABLE, opens=OrderRequested, steps=STEPS, sides=sides, apply=apply,
    tables=("supply_order", "supply_side", "supply_line", "supply_ledger", "supply_total"), purposes=(PURPOSE,),
    guards={row.name: _where_possible(row, GUARDS[row.name]) for row in TABLE.transitions if row.name in GUARDS},
    dues=dues, clock={OVERDUE: OrderOverdue, ESCALATE: OrderEscalated, CONVERT: OrderConverted}, lapse=lapse,
    endorsing=endorsing,
)  # fmt: skip
