"""What is shown of supply: orders, one order whole, the balance of two parties, what falls due, terms and drafts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kizuna.domains.supply import audit, cases, terms
from kizuna.domains.supply.cases import ORDER
from kizuna.domains.supply.numbers import money, spelled
from kizuna.domains.supply.ordering import unknown
from kizuna.domains.supply.records import OrderDrafted
from kizuna.domains.supply.standing import PROVIDER, REQUESTER, method_of, number_of, opened
from kizuna.kernel.operation import Desk, Query, Wanted, state_words

MOST = 1000
PARTNER = Annotated[str, Meta(description="The other party; every one where none is given.")]
YEAR = Annotated[int, Meta(description="The orders' fiscal year; every one where 0.", ge=0, le=9999)]
ACTIVITY_REF = Annotated[str, Meta(description="The exercise edition or operation.")]
LIMIT = Annotated[int, Meta(description="At most so many.", ge=1, le=MOST)]


class OrdersWanted(Wanted, frozen=True):
    """Which orders."""

    state: Annotated[str, Meta(description="Only orders in this state.")] = ""
    partner: PARTNER = ""
    activity_ref: ACTIVITY_REF = ""
    year: YEAR = 0
    before_ms: Annotated[int, Meta(description="Only those that changed before this instant: the next page.")] = 1 << 53
    limit: LIMIT = 100


class OrderWanted(Wanted, frozen=True):
    """Which order."""

    order_no: Annotated[str, Meta(description="The order's number.")]


class BalanceWanted(Wanted, frozen=True):
    """Whose balance."""

    partner: PARTNER = ""


class DueWanted(Wanted, frozen=True):
    """Which orders fall due."""

    until_ms: Annotated[int, Meta(description="Only those that fall due before this instant.")] = 1 << 53
    limit: LIMIT = 100


class StatesWanted(Wanted, frozen=True):
    """Which counts: of all orders."""


class StateRow(msgspec.Struct, frozen=True):
    """How many orders stand in a state."""

    state: str
    orders: int


class OverdueWanted(Wanted, frozen=True):
    """Which overdue orders."""

    limit: LIMIT = 100


class TermsWanted(Wanted, frozen=True):
    """Which terms."""

    partner: Annotated[str, Meta(description="The other party.")]
    arrangement: Annotated[
        str, Meta(description="The agreement's id; the only one with stated terms where none is given.")
    ] = ""


class DraftsWanted(Wanted, frozen=True):
    """Which drafts."""

    limit: LIMIT = 100


class OrderRow(msgspec.Struct, frozen=True):
    """An order in a list. Amounts are in the order's currency."""

    order_no: str
    state: str
    flags: str
    waits_for: str
    requester: str
    provider: str
    activity_ref: str
    requesting_unit: str
    providing_unit: str
    method: str
    currency: str
    total: str
    open: str
    due_ms: int | None
    changed_at_ms: int


class LineShown(msgspec.Struct, frozen=True):
    """A line of an order: quantities in the order's unit and basis, exactly."""

    line_no: int
    category: str
    description: str
    nsn: str
    unit: str
    basis: str
    ordered: str
    offered: str
    delivered: str
    accepted: str
    returned: str
    unit_price: str
    discrepancy: str
    remark: str


class PostingShown(msgspec.Struct, frozen=True):
    """One change of what the requester owes the provider; positive is more."""

    entry: str
    method: str
    amount: str
    at_ms: int


class WaitingShown(msgspec.Struct, frozen=True):
    """A payment, return or lot that the provider has not received yet."""

    record: str
    method: str
    number: str
    amount: str


class OrderShown(msgspec.Struct, frozen=True):
    """An order whole."""

    order_no: str
    state: str
    summary: str
    flags: str
    requester: str
    provider: str
    arrangement: str
    terms: str
    activity: str
    activity_ref: str
    requesting_unit: str
    providing_unit: str
    place: str
    window_from_ms: int
    window_to_ms: int
    method: str
    currency: str
    total: str
    owed: dict[str, str]
    delivered_at_ms: int | None
    invoice_no: str
    disputes: tuple[str, ...]
    void: tuple[tuple[str, str], ...]
    findings: tuple[str, ...]
    """What the records held here do not bear out; see `kizuna.domains.supply.audit`."""
    dues: tuple[tuple[str, int], ...]
    lines: tuple[LineShown, ...]
    postings: tuple[PostingShown, ...]
    waiting: tuple[WaitingShown, ...]


class BalanceRow(msgspec.Struct, frozen=True):
    """What a partner owes us in one currency by one method; negative where we owe. `both` is the two sides' sum, which is nothing."""

    partner: str
    currency: str
    method: str
    amount: str
    orders: int
    both: str


class DueRow(msgspec.Struct, frozen=True):
    """An order that falls due, with the rule of its terms."""

    order_no: str
    requester: str
    provider: str
    state: str
    flags: str
    open: str
    currency: str
    rule: str
    due_ms: int
    passed: bool


class TermsShown(msgspec.Struct, frozen=True):
    """The terms of two parties: whether both state the same, what is unknown, and what one party stated."""

    party: str
    version: str
    agreed: bool
    basis: str
    unknown: tuple[str, ...]
    stated_at_ms: int
    terms: dict[str, Any]


class DraftRow(msgspec.Struct, frozen=True):
    """A draft that was not requested yet."""

    order_no: str
    drafted_by: str
    at_ms: int
    provider: str
    requesting_unit: str
    lines: tuple[str, ...]


_ROW = (
    "o.order_no, o.state, o.flags, o.waits_for, o.requester, o.provider, o.activity_ref, o.requesting_unit, o.providing_unit,"
    " o.method, o.currency, o.total_minor, o.open_minor, o.due_ms, o.changed_at_ms"
)


# --- orders -----------------------------------------------------------------------------------------------------------------------


def orders(desk: Desk, wanted: OrdersWanted) -> Sequence[OrderRow]:
    """Return orders, the last changed first."""
    tests = {"s.state = ?": wanted.state, "s.activity_ref = ?": wanted.activity_ref, "s.fiscal_year = ?": wanted.year}
    given = {test: value for test, value in tests.items() if value}
    where = "".join(f" AND {test}" for test in given)
    rows = desk.db.execute(
        f"SELECT {_ROW} FROM supply_side s JOIN supply_order o ON o.case_id = s.case_id"
        f" WHERE s.party = ? AND s.changed_at_ms < ?{where} ORDER BY s.changed_at_ms DESC, s.case_id DESC LIMIT ?",
        (wanted.partner or desk.party, wanted.before_ms, *given.values(), wanted.limit),
    )
    return [_row(row) for row in rows]


def states(desk: Desk, _wanted: StatesWanted) -> Sequence[StateRow]:
    """Return how many of our orders stand in each state, the most first."""
    rows = desk.db.execute(
        "SELECT state, COUNT(*) FROM supply_side WHERE party = ? GROUP BY state ORDER BY COUNT(*) DESC, state",
        (desk.party,),
    )
    return [StateRow(state, int(count)) for state, count in rows]


def _row(row: Sequence[Any]) -> OrderRow:
    values = dict(zip(OrderRow.__struct_fields__, row, strict=True))
    currency = values["currency"]
    return OrderRow(**values | {"total": money(values["total"], currency), "open": money(values["open"], currency)})


def order(desk: Desk, wanted: OrderWanted) -> OrderShown:
    """Return an order whole.

    Raises:
        RefusedError: none of that number is held, or none that counts.
    """
    view = desk.case(ORDER, wanted.order_no)
    found = opened(view)
    asked = found.asked
    currency = asked.currency
    return OrderShown(
        order_no=view.key, state=view.state.state, summary=state_words(view.state), flags=cases.flags(found),
        requester=view.sides[REQUESTER], provider=view.sides[PROVIDER], arrangement=asked.arrangement, terms=asked.terms,
        activity=asked.activity, activity_ref=asked.activity_ref, requesting_unit=asked.requesting_unit,
        providing_unit=found.offer.providing_unit if found.offer is not None else asked.providing_unit,
        place=found.place, window_from_ms=found.window[0], window_to_ms=found.window[1], method=asked.method,
        currency=currency, total=money(found.total_minor, currency),
        owed={method: money(minor, currency) for method, minor in found.owed().items()},
        delivered_at_ms=found.delivered_at_ms, invoice_no=found.invoice.invoice_no if found.invoice is not None else "",
        disputes=tuple(sorted(found.disputes)), void=view.state.void,
        findings=audit.findings(desk, view, found), dues=ORDER.running(view),
        lines=tuple(
            LineShown(
                line_no=number, category=line.ask.category, description=line.ask.description, nsn=line.ask.nsn,
                unit=line.ask.unit, basis=line.ask.basis, ordered=line.ask.quantity, offered=spelled(line.offered),
                delivered=spelled(line.delivered), accepted=spelled(line.accepted), returned=spelled(line.returned),
                unit_price=spelled(line.price), discrepancy=line.discrepancy, remark=line.remark,
            )
            for number, line in sorted(found.lines.items())
        ),
        postings=tuple(
            PostingShown(each.entry, each.method, money(each.minor, currency), each.at_ms) for each in found.postings
        ),
        waiting=tuple(
            WaitingShown(record, method_of(body), number_of(body), money(found.value(body), currency))
            for record, body in sorted(found.pending.items())
        ),
    )  # fmt: skip


def balance(desk: Desk, wanted: BalanceWanted) -> Sequence[BalanceRow]:
    """Return what is open between us and our partners, for each currency and method."""
    where, given = (" AND partner = ?", [wanted.partner]) if wanted.partner else ("", [])
    ours = desk.db.execute(
        "SELECT partner, currency, method, SUM(open_minor), COUNT(*) FROM supply_total"
        f" WHERE party = ? AND open_minor <> 0{where} GROUP BY partner, currency, method ORDER BY partner, currency, method",
        (desk.party, *given),
    )
    theirs = {
        (party, currency, method): minor
        for party in sorted({row[0] for row in ours})
        for currency, method, minor in desk.db.execute(
            "SELECT currency, method, SUM(open_minor) FROM supply_total WHERE party = ? AND partner = ? AND open_minor <> 0"
            " GROUP BY currency, method",
            (party, desk.party),
        )
    }
    return [
        BalanceRow(
            partner, currency, method, money(int(minor), currency), count,
            money(int(minor) + int(theirs.get((partner, currency, method), 0)), currency),
        )
        for partner, currency, method, minor, count in ours
    ]  # fmt: skip


def due(desk: Desk, wanted: DueWanted) -> Sequence[DueRow]:
    """Return what falls due, the earliest first, whoever owes it."""
    rows = desk.db.execute(
        "SELECT o.order_no, o.requester, o.provider, o.state, o.flags, o.open_minor, o.currency, d.rule, d.due_ms"
        " FROM case_due d JOIN supply_order o ON o.case_id = d.case_id WHERE d.due_ms < ? ORDER BY d.due_ms, d.case_id, d.rule LIMIT ?",
        (wanted.until_ms, wanted.limit),
    )
    return [
        DueRow(number, requester, provider, state, flags, money(minor, currency), currency, rule, due_ms, due_ms <= desk.now_ms)
        for number, requester, provider, state, flags, minor, currency, rule, due_ms in rows
    ]  # fmt: skip


def overdue(desk: Desk, wanted: OverdueWanted) -> Sequence[OrderRow]:
    """Return the orders that are owed past their day, those that have been so for longest first."""
    rows = desk.db.execute(
        f"SELECT {_ROW} FROM supply_order o WHERE o.overdue_ms IS NOT NULL ORDER BY o.overdue_ms, o.case_id LIMIT ?",
        (wanted.limit,),
    )
    return [_row(row) for row in rows]


def terms_shown(desk: Desk, wanted: TermsWanted) -> Sequence[TermsShown]:
    """Return what each of two parties stated last."""
    arrangement = wanted.arrangement or terms.only_arrangement(desk.db, desk.party)
    held = [found for party in (desk.party, wanted.partner) if (found := terms.newest(desk.db, party, arrangement))]
    same = len(held) > 1 and len({found.version for found in held}) == 1
    shown = []
    for found in held:
        made: Any = found.terms
        shown.append(
            TermsShown(
                found.party,
                found.version,
                same,
                made.basis,
                tuple(unknown(found.terms)),
                found.at_ms,
                msgspec.to_builtins(found.terms),
            )
        )
    return shown


def drafts(desk: Desk, wanted: DraftsWanted) -> Sequence[DraftRow]:
    """Return drafts that were not requested yet, the newest first."""
    rows = desk.db.execute(
        "SELECT d.order_no, d.actor, d.at_ms, d.body FROM supply_draft d"
        " LEFT JOIN case_state c ON c.case_id = 'supply.order:' || d.order_no WHERE c.case_id IS NULL"
        " ORDER BY d.at_ms DESC, d.record_id DESC LIMIT ?",
        (wanted.limit,),
    )
    shown = []
    for number, actor, at_ms, text in rows:
        body: Any = msgspec.json.decode(text, type=OrderDrafted)
        told = body.lines if isinstance(body.lines, tuple) else ()  # a draft that shows no lines is one all the same
        lines = tuple(f"{line.quantity} {line.unit} {line.description}" for line in told)
        shown.append(DraftRow(number, actor, at_ms, body.provider, body.requesting_unit, lines))
    return shown


QUERIES = (
    Query(name="orders", text="Orders, the last changed first.", asks=OrdersWanted, run=orders),
    Query(
        name="order",
        text="One order: its lines, its debt, what waits, what is not borne out.",
        asks=OrderWanted,
        run=order,
    ),
    Query(name="states", text="How many orders stand in each state.", asks=StatesWanted, run=states),
    Query(name="balance", text="What is open, for each partner, currency and method.", asks=BalanceWanted, run=balance),
    Query(name="due", text="What falls due, the earliest first.", asks=DueWanted, run=due),
    Query(name="overdue", text="Orders that are owed past their day.", asks=OverdueWanted, run=overdue),
    Query(
        name="terms", text="The terms of two parties, and what of them is unknown.", asks=TermsWanted, run=terms_shown
    ),
    Query(name="drafts", text="Drafts that were not requested yet.", asks=DraftsWanted, run=drafts),
)
