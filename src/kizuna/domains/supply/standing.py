"""Where an order stands, out of its effective steps alone: its lines, what is owed by which method, what is stated and not yet received.

Both sides' nodes and every guard compute it with this one function, so that a balance is never kept, only found. It never refuses: what a step may
say is judged by `kizuna.domains.supply.guards`, and what reaches this place has been judged.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgspec

from kizuna.domains.supply import numbers
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
    OrderConverted,
    OrderEscalated,
    OrderLine,
    OrderOffered,
    OrderOverdue,
    OrderRequested,
    OrderSettled,
    PaymentMade,
    RemainderConverted,
    SettlementReceived,
)
from kizuna.errors import RefusedError
from kizuna.kernel.casework import CaseView, Move

REQUESTER, PROVIDER = "requester", "provider"
CASH, KIND, EQUAL_VALUE = "cash", "kind", "equal-value"
METHODS = (CASH, KIND, EQUAL_VALUE)


@dataclass(frozen=True, slots=True)
class Posting:
    """One change of what the requester owes the provider, in minor units: positive is more."""

    entry: str
    method: str
    minor: int
    at_ms: int


class Line(msgspec.Struct):
    """A line with its quantities in the order's unit and basis."""

    ask: OrderLine
    offered: Fraction = Fraction(0)
    price: Fraction = Fraction(0)
    tolerance_permille: int = 0
    tax_waived_minor: int = 0
    delivered: Fraction = Fraction(0)
    accepted: Fraction = Fraction(0)
    returned: Fraction = Fraction(0)
    discrepancy: str = ""
    remark: str = ""

    @property
    def most(self) -> Fraction:
        """How much may be delivered."""
        return self.offered * (1000 + self.tolerance_permille) / 1000

    def worth(self, amount: Fraction, currency: str) -> int:
        """Return what an amount of it costs, in whole minor units."""
        return numbers.whole_minor(amount, self.price, currency)


class Standing(msgspec.Struct):
    """An order as its steps leave it."""

    asked: Any = None
    offer: Any = None
    offer_id: str = ""
    place: str = ""
    window: tuple[int, int] = (0, 0)
    agreed: bool = False
    lines: dict[int, Line] = {}
    deliveries: list[str] = []
    delivered_at_ms: int | None = None
    postings: list[Posting] = []
    pending: dict[str, Any] = {}
    """Payments, returns and lots that the requester has stated and the provider has not received, by record id."""
    settlements: set[str] = msgspec.field(default_factory=set)
    """The numbers that payments, returns and lots bear: none is used twice."""
    disputes: dict[str, Any] = {}
    dispute_nos: set[str] = msgspec.field(default_factory=set)
    offsets: set[str] = msgspec.field(default_factory=set)
    invoice: Any = None
    overdue_ms: int | None = None
    escalated: bool = False
    converted: bool = False
    written_off: bool = False

    def copy(self) -> Standing:
        """Return the same, apart: what is done to one does not show in the other."""
        made = copy.copy(self)
        made.lines = {number: copy.copy(line) for number, line in self.lines.items()}
        made.deliveries, made.postings = [*self.deliveries], [*self.postings]
        made.pending, made.disputes = {**self.pending}, {**self.disputes}
        made.settlements, made.dispute_nos, made.offsets = {*self.settlements}, {*self.dispute_nos}, {*self.offsets}
        return made

    @property
    def currency(self) -> str:
        """The currency of the order."""
        return str(self.asked.currency)

    @property
    def share_per_c(self) -> Fraction | None:
        """The agreed share by which a volume of fuel changes for each degree, or None where none is agreed."""
        share = self.offer.conditions.volume_share_per_c if self.offer is not None else None
        return None if share is None else numbers.exact(share)

    def open(self, method: str) -> int:
        """Return what is owed by a method, in minor units."""
        return sum(each.minor for each in self.postings if each.method == method)

    def owed(self) -> dict[str, int]:
        """Return what is owed by each method by which something is, in minor units."""
        found = {method: self.open(method) for method in METHODS}
        return {method: minor for method, minor in found.items() if minor}

    def free(self, method: str) -> int:
        """Return what is owed by a method and not yet covered by what the requester has stated."""
        return self.open(method) - sum(self.value(body) for body in self.pending.values() if method_of(body) == method)

    def value(self, body: Any) -> int:
        """Return what a payment, return or lot is worth, in minor units."""
        if isinstance(body, PaymentMade):
            return numbers.minor("amount", body.amount, self.currency)
        if isinstance(body, ExchangeMade):
            return numbers.minor("total", body.total, self.currency)
        return sum(after - before for after, before in self._returns(body))

    def _returns(self, body: Any) -> list[tuple[int, int]]:
        found = []
        for given in body.lines:
            line = self.lines.get(given.line_no)
            if line is not None:
                back = line.returned + in_order_unit(line, given)
                found.append((line.worth(back, self.currency), line.worth(line.returned, self.currency)))
        return found

    @property
    def total_minor(self) -> int:
        """What the agreed lines cost, in minor units."""
        return sum(line.worth(line.offered, self.currency) for line in self.lines.values())

    def measured(self, line: Line, given: Any) -> Fraction:
        """Return a measured quantity in the order's unit, and at 15 degrees Celsius where the line counts so."""
        amount = in_order_unit(line, given)
        share = self.share_per_c
        if line.ask.basis == "standard" and share is not None and given.temperature_c is not None:
            return numbers.at_standard(amount, numbers.exact(given.temperature_c), share)
        return amount


def method_of(body: Any) -> str:
    """Return the method of settling that a payment, return or lot serves."""
    return CASH if isinstance(body, PaymentMade) else KIND if isinstance(body, GoodsReturned) else EQUAL_VALUE


def in_order_unit(line: Line, given: Any) -> Fraction:
    """Return a stated quantity in the unit of the order."""
    return numbers.converted("unit", numbers.exact(given.quantity), given.unit, line.ask.unit)


def standing(view: CaseView) -> Standing:
    """Return where an order stands, each step worked out once on what the steps before it left; whoever goes on from it takes a `copy`."""
    history = view.state.history
    known = next((at for at in range(len(history), 0, -1) if history[:at] in view.worked_out), 0)
    found: Standing = view.worked_out[history[:known]] if known else Standing()
    moves = {move.step.id: move for move in view.moves} if known < len(history) else {}
    for at in range(known, len(history)):
        move, found = moves[history[at].id], found.copy()
        act = _ACTS.get(type(move.body))
        if act is not None and (found.asked is not None or isinstance(move.body, OrderRequested)):
            act(found, move, move.body, history[at].at_ms)
        view.worked_out[history[: at + 1]] = found
    return found


def opened(view: CaseView) -> Standing:
    """Return where an order stands that was asked for with effect.

    Raises:
        RefusedError: nothing that is held of it counts: a partner may have asked for what cannot be ordered.
    """
    found = standing(view)
    if found.asked is None:
        reasons = "; ".join(reason for _, reason in view.state.void)
        raise RefusedError(
            f"`order_no` is `{view.key}`: its request has no effect ({reasons or 'it is not here'}); let it be asked for anew"
        )
    return found


# --- one function for each step ---------------------------------------------------------------------------------------------------


def _requested(found: Standing, _move: Move, body: Any, _at_ms: int) -> None:
    found.asked = body
    found.place, found.window = body.place, (body.window_from_ms, body.window_to_ms)
    found.lines = {ask.line_no: Line(ask=ask) for ask in body.lines}


def _offered(found: Standing, move: Move, body: Any, _at_ms: int) -> None:
    found.offer, found.offer_id = body, move.step.id
    _set_lines(found, body)


def _agreed(found: Standing, _move: Move, _body: Any, _at_ms: int) -> None:
    found.agreed = True


def _set_lines(found: Standing, body: Any) -> None:
    found.place, found.window = body.place, (body.window_from_ms, body.window_to_ms)
    offered = {given.line_no: given for given in body.lines}
    for number, line in found.lines.items():
        given = offered.get(number)
        line.offered = numbers.exact(given.quantity) if given is not None else Fraction(0)
        line.price = numbers.exact(given.unit_price) if given is not None else Fraction(0)
        line.tolerance_permille = given.tolerance_permille if given is not None else 0
        line.tax_waived_minor = (
            numbers.minor("tax_waived", given.tax_waived, found.currency) if given is not None else 0
        )


def _delivered(found: Standing, move: Move, body: Any, _at_ms: int) -> None:
    found.deliveries.append(move.step.id)
    found.delivered_at_ms = max(found.delivered_at_ms or 0, body.delivered_at_ms)
    for given in body.lines:
        line = found.lines.get(given.line_no)
        if line is not None:
            line.delivered += found.measured(line, given)


def _accepted(found: Standing, _move: Move, body: Any, at_ms: int) -> None:
    before = _charge(found)
    for given in body.lines:
        line = found.lines.get(given.line_no)
        if line is not None:
            line.accepted = found.measured(line, given)
            line.discrepancy, line.remark = given.discrepancy, given.remark
    _post(found, "accepted", found.asked.method, _charge(found) - before, at_ms)


def _charge(found: Standing) -> int:
    return sum(line.worth(line.accepted, found.currency) for line in found.lines.values())


def _post(found: Standing, entry: str, method: str, minor: int, at_ms: int) -> None:
    if minor:
        found.postings.append(Posting(entry, method, minor, at_ms))


def _invoiced(found: Standing, _move: Move, body: Any, _at_ms: int) -> None:
    found.invoice = body


def _stated(found: Standing, move: Move, body: Any, _at_ms: int) -> None:
    found.pending[move.step.id] = body
    found.settlements.add(number_of(body))


def number_of(body: Any) -> str:
    """Return the number that a payment, return or lot bears."""
    if isinstance(body, PaymentMade):
        return str(body.payment_ref)
    return str(body.return_no if isinstance(body, GoodsReturned) else body.lot_no)


_ENTRIES: Mapping[str, str] = {CASH: "paid", KIND: "returned", EQUAL_VALUE: "exchanged"}


def receive(found: Standing, record_ids: tuple[str, ...], at_ms: int) -> None:
    """Count what the provider has received."""
    for record_id in record_ids:
        body = found.pending.pop(record_id, None)
        if body is None:
            continue
        method = method_of(body)
        _post(found, _ENTRIES[method], method, -found.value(body), at_ms)
        for given in body.lines if method == KIND else ():
            line = found.lines.get(given.line_no)
            if line is not None:
                line.returned += in_order_unit(line, given)


def _received(found: Standing, _move: Move, body: Any, at_ms: int) -> None:
    receive(found, body.received, at_ms)


def _offset(found: Standing, _move: Move, body: Any, at_ms: int) -> None:
    found.offsets.add(body.offset_no)
    amount = numbers.minor("amount", body.amount, found.currency)
    for method in (CASH, EQUAL_VALUE, KIND):
        part = max(min(amount, found.open(method)), 0)
        _post(found, "offset", method, -part, at_ms)
        amount -= part
    _post(found, "offset", CASH, -amount, at_ms)


def _convert(found: Standing, _move: Move, _body: Any, at_ms: int) -> None:
    """Turn what is open into cash; a second word of the same, from the other node's clock, finds nothing left."""
    found.converted = True
    for method in (KIND, EQUAL_VALUE):
        minor = found.open(method)
        _post(found, "converted", method, -minor, at_ms)
        _post(found, "converted", CASH, minor, at_ms)


def _disputed(found: Standing, _move: Move, body: Any, _at_ms: int) -> None:
    found.disputes[body.dispute_no] = body
    found.dispute_nos.add(body.dispute_no)


def _dispute_ended(found: Standing, _move: Move, body: Any, at_ms: int) -> None:
    if found.disputes.pop(body.dispute_no, None) is not None:
        method = CASH if found.converted else found.asked.method
        _post(found, "adjusted", method, numbers.minor("adjustment", body.adjustment, found.currency), at_ms)


def _written_off(found: Standing, _move: Move, _body: Any, at_ms: int) -> None:
    found.written_off = True
    for method, minor in found.owed().items():
        _post(found, "written-off", method, -minor, at_ms)


def _overdue(found: Standing, _move: Move, _body: Any, at_ms: int) -> None:
    if found.overdue_ms is None:
        found.overdue_ms = at_ms


def _escalated(found: Standing, _move: Move, _body: Any, _at_ms: int) -> None:
    found.escalated = True


_ACTS: Mapping[type, Callable[[Standing, Move, Any, int], None]] = {
    OrderRequested: _requested,
    OrderOffered: _offered,
    OrderAgreed: _agreed,
    OrderAmended: lambda found, _move, body, _at_ms: _set_lines(found, body),
    DeliveryMade: _delivered,
    DeliveryAccepted: _accepted,
    InvoiceIssued: _invoiced,
    PaymentMade: _stated,
    GoodsReturned: _stated,
    ExchangeMade: _stated,
    SettlementReceived: _received,
    OrderSettled: _received,
    OffsetAgreed: _offset,
    RemainderConverted: _convert,
    OrderConverted: _convert,
    DisputeRaised: _disputed,
    DisputeEnded: _dispute_ended,
    DebtWrittenOff: _written_off,
    OrderOverdue: _overdue,
    OrderEscalated: _escalated,
}
