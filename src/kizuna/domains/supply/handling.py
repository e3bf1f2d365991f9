"""What officers do from delivery on: accept, invoice, pay, return, exchange, receive, settle; beside it offset, dispute, write off; and close."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kizuna.domains.supply import notation, numbers, settling_checks, terms
from kizuna.domains.supply.cases import ORDER, running
from kizuna.domains.supply.numbers import wrong
from kizuna.domains.supply.ordering import LOGISTICS, MINISTRY, REASON, OrderAsked, ReasonAsked, order_of
from kizuna.domains.supply.records import (
    AcceptedLine,
    DebtWrittenOff,
    DeliveryAccepted,
    DeliveryLine,
    DeliveryMade,
    DisputeEnded,
    DisputeRaised,
    ExchangeMade,
    GoodsReturned,
    InvoiceIssued,
    InvoiceLine,
    LotLine,
    OffsetAgreed,
    OrderClosed,
    OrderSettled,
    PaymentMade,
    RemainderConverted,
    ReturnLine,
    SettlementReceived,
)
from kizuna.domains.supply.standing import CASH, EQUAL_VALUE, KIND, REQUESTER, Line, Standing
from kizuna.kernel.casework import CaseView
from kizuna.kernel.deadline import day_of
from kizuna.kernel.operation import Desk, Operation, Outcome
from kizuna.kernel.record import Body

MEASURED = "A line as measured, `1=300000 litre @31.5`: quantity, unit, degrees Celsius; may be repeated."
PLACE = Annotated[str, Meta(description="Where; the order's place if not given.")]
WHEN = Annotated[int, Meta(description="When it happened; now if not given.")]
REMARKS = Annotated[str, Meta(description="Anything else.", max_length=4000)]
AMOUNT = Annotated[str, Meta(description="The amount; all that is open where none is given.")]


class DeliverAsked(OrderAsked, frozen=True):
    """Say what was handed over; without lines, all that was agreed."""

    line: Annotated[tuple[str, ...], Meta(description=MEASURED)] = ()
    density: Annotated[tuple[str, ...], Meta(description="A line's density in kg/m3, `1=845.2`; may be repeated.")] = ()
    delivered_at_ms: WHEN = 0
    place: PLACE = ""
    evidence: Annotated[
        tuple[str, ...], Meta(description="SHA-256 of a meter ticket or photograph; may be repeated.")
    ] = ()
    remarks: REMARKS = ""


class AcceptAsked(OrderAsked, frozen=True):
    """Accept what was delivered; a line with less carries its reason, `1=299000 litre @31.5 !short`."""

    line: Annotated[tuple[str, ...], Meta(description=MEASURED + " `!` names a discrepancy.")] = ()
    accepted_at_ms: WHEN = 0
    remarks: REMARKS = ""


class InvoiceAsked(OrderAsked, frozen=True):
    """Charge what was accepted, at the agreed prices."""

    invoice_no: Annotated[str, Meta(description="The invoice's number; made from the order's if not given.")] = ""


class PayAsked(OrderAsked, frozen=True):
    """Say that a payment was made."""

    payment_ref: Annotated[str, Meta(description="The bank's or treasury's reference.", min_length=1, max_length=100)]
    amount: AMOUNT = ""
    paid_on: Annotated[str, Meta(description="The day, YYYY-MM-DD; today if not given.")] = ""


class ReturnAsked(OrderAsked, frozen=True):
    """Say that goods were returned in kind; without lines, all that were accepted."""

    return_no: Annotated[str, Meta(description="The return's number.", min_length=1, max_length=100)]
    line: Annotated[tuple[str, ...], Meta(description="A line and how much, `1=300000 litre`; may be repeated.")] = ()
    returned_at_ms: WHEN = 0
    place: PLACE = ""


class ExchangedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing given in exchange; its value is made from quantity and price."""

    category: str
    description: str
    quantity: str
    unit: str
    unit_price: str


class ExchangeAsked(OrderAsked, frozen=True):
    """Say that supplies of equal value were given."""

    lot_no: Annotated[str, Meta(description="The lot's number.", min_length=1, max_length=100)]
    lines: Annotated[tuple[ExchangedLine, ...], Meta(description="What was given, with prices.")]
    handed_over_at_ms: WHEN = 0
    place: PLACE = ""


class ReceiveAsked(OrderAsked, frozen=True):
    """Say what was received; without records, all that waits."""

    received: Annotated[
        tuple[str, ...], Meta(description="Record id of a payment, return or lot; may be repeated.")
    ] = ()
    remarks: REMARKS = ""


class OffsetAsked(OrderAsked, frozen=True):
    """Set a part of an order's debt against another order in which the other side owes; the other side signs both legs."""

    other_order_no: Annotated[str, Meta(description="The order in which the other side owes.")]
    amount: Annotated[str, Meta(description="How much, in this order's currency.")]
    offset_no: Annotated[str, Meta(description="The offset's number.", min_length=1, max_length=100)]
    rate: Annotated[str | None, Meta(description="What one unit of this order's currency is worth in the other's.")] = (
        None
    )
    rate_on: Annotated[str | None, Meta(description="The day of the agreed rate, YYYY-MM-DD.")] = None


class DisputeAsked(ReasonAsked, frozen=True):
    """Dispute something of an order."""

    code: Annotated[str, Meta(description="quantity, quality, price, delivery, settlement or other.")]
    dispute_no: Annotated[str, Meta(description="The dispute's number; a fresh one if not given.", max_length=100)] = ""
    line_no: Annotated[int | None, Meta(description="The line, where it is about one.")] = None


class EndDisputeAsked(OrderAsked, frozen=True):
    """Propose how a dispute ends; the other side signs it."""

    dispute_no: Annotated[str, Meta(description="The dispute's number.")]
    outcome: REASON
    adjustment: Annotated[str, Meta(description="What is added to the debt; negative where it is lowered.")] = "0"


class WriteOffAsked(ReasonAsked, frozen=True):
    """Give up what is open, as creditor."""

    authority: Annotated[str, Meta(description="By which named authority.", min_length=1, max_length=400)]


class CloseAsked(OrderAsked, frozen=True):
    """Propose the closing certificate; the other side signs it."""

    certificate_no: Annotated[str, Meta(description="Its number; made from the order's if not given.")] = ""
    remarks: REMARKS = ""


def _step(desk: Desk, view: CaseView, found: Standing, duty: str, body: Body, **told: Any) -> Outcome:
    terms.require_authority(desk, found.asked.arrangement, duty)
    return Outcome((desk.step(ORDER, view, body),), told)


def _line(found: Standing, number: int) -> Line:
    line = found.lines.get(number)
    if line is None:
        wrong("line", number, "it is no line of the order", f"use one of {sorted(found.lines)}")
    return line


# --- delivery ---------------------------------------------------------------------------------------------------------------------


def deliver(desk: Desk, asked: DeliverAsked) -> Outcome:
    """Say what was handed over."""
    view, found = order_of(desk, asked.order_no)
    densities = notation.prices(asked.density)
    typed = notation.measured(asked.line) or tuple(
        notation.Measured(number, numbers.spelled(line.offered)) for number, line in found.lines.items() if line.offered
    )
    body = DeliveryMade(
        lines=tuple(
            DeliveryLine(
                line_no=given.line_no, quantity=given.quantity, unit=given.unit or _line(found, given.line_no).ask.unit,
                temperature_c=given.temperature_c, density_kg_m3=densities.get(given.line_no),
            )
            for given in typed
        ),
        delivered_at_ms=asked.delivered_at_ms or desk.now_ms, place=asked.place or found.place, evidence=asked.evidence,
        remarks=asked.remarks,
    )  # fmt: skip
    return _step(desk, view, found, "offer", body)


def accept(desk: Desk, asked: AcceptAsked) -> Outcome:
    """Accept what was delivered, all of it or less with a reason; lines that are not named are accepted as they were delivered."""
    view, found = order_of(desk, asked.order_no)
    typed = {given.line_no: given for given in notation.measured(asked.line)}
    measured = _as_delivered(view, found)
    lines = []
    for number in sorted(typed.keys() | measured.keys()):
        given = typed.get(number)
        if given is None:
            lines.append(measured[number])
            continue
        lines.append(
            AcceptedLine(
                line_no=number,
                quantity=given.quantity,
                unit=given.unit or _line(found, number).ask.unit,
                temperature_c=given.temperature_c,
                discrepancy=given.code,
            )
        )
    body = DeliveryAccepted(
        deliveries=tuple(found.deliveries), lines=tuple(lines), accepted_at_ms=asked.accepted_at_ms or desk.now_ms,
        remarks=asked.remarks,
    )  # fmt: skip
    return _step(desk, view, found, "accept", body)


def _as_delivered(view: CaseView, found: Standing) -> dict[int, AcceptedLine]:
    """Return each delivered line as accepted whole; one that came in several measurements at standard temperature is stated at 15 degrees."""
    given: dict[int, list[Any]] = {}
    for move in view.effective("deliver"):
        body: Any = move.body
        for each in body.lines:
            given.setdefault(each.line_no, []).append(each)
    made = {}
    for number, several in given.items():
        line = found.lines[number]
        one = several[0]
        if len(several) == 1:
            made[number] = AcceptedLine(
                line_no=number, quantity=one.quantity, unit=one.unit, temperature_c=one.temperature_c
            )
        else:
            degrees = numbers.spelled(numbers.STANDARD_C) if line.ask.basis == "standard" else None
            made[number] = AcceptedLine(
                line_no=number, quantity=numbers.spelled(line.delivered), unit=line.ask.unit, temperature_c=degrees
            )
    return made


# --- settling ---------------------------------------------------------------------------------------------------------------------


def invoice(desk: Desk, asked: InvoiceAsked) -> Outcome:
    """Charge what was accepted."""
    view, found = order_of(desk, asked.order_no)
    lines, total = [], 0
    for number, line in sorted(found.lines.items()):
        if not line.accepted:
            continue
        worth, rounding = numbers.priced(line.accepted, line.price, found.currency)
        total += line.worth(line.accepted, found.currency)
        lines.append(
            InvoiceLine(
                line_no=number,
                quantity=numbers.spelled(line.accepted),
                unit_price=numbers.spelled(line.price),
                extended_price=worth,
                rounding=rounding,
                tax_waived=numbers.money(line.tax_waived_minor, found.currency),
            )
        )
    due = running(found, view.state.state).get("overdue") if found.offer is not None else None
    body = InvoiceIssued(
        invoice_no=asked.invoice_no or f"{asked.order_no}-inv", currency=found.currency, lines=tuple(lines),
        total=numbers.money(total, found.currency), due_at_ms=None if due is None else due[1],
    )  # fmt: skip
    return _step(desk, view, found, "invoice", body, total=body.total, currency=found.currency)


def pay(desk: Desk, asked: PayAsked) -> Outcome:
    """Say that a payment was made."""
    view, found = order_of(desk, asked.order_no)
    body = PaymentMade(
        payment_ref=asked.payment_ref, amount=asked.amount or numbers.money(found.free(CASH), found.currency),
        currency=found.currency, paid_on=asked.paid_on or day_of(desk.now_ms),
    )  # fmt: skip
    return _step(desk, view, found, "pay", body, amount=body.amount, currency=found.currency)


def return_goods(desk: Desk, asked: ReturnAsked) -> Outcome:
    """Say that goods were returned in kind."""
    view, found = order_of(desk, asked.order_no)
    typed = notation.measured(asked.line) or tuple(
        notation.Measured(number, numbers.spelled(line.accepted - line.returned))
        for number, line in found.lines.items()
        if line.accepted > line.returned
    )
    lines = []
    for given in typed:
        ask = _line(found, given.line_no).ask
        lines.append(
            ReturnLine(
                line_no=given.line_no,
                quantity=given.quantity,
                unit=given.unit or ask.unit,
                nsn=ask.nsn,
                local_code=ask.local_code,
                condition_code=ask.condition_code,
            )
        )
    body = GoodsReturned(
        return_no=asked.return_no, lines=tuple(lines), returned_at_ms=asked.returned_at_ms or desk.now_ms,
        place=asked.place or found.place,
    )  # fmt: skip
    return _step(desk, view, found, "pay", body)


def exchange(desk: Desk, asked: ExchangeAsked) -> Outcome:
    """Say that supplies of equal value were given."""
    view, found = order_of(desk, asked.order_no)
    lines, total = [], 0
    for given in asked.lines:
        worth, rounding = numbers.priced(
            numbers.quantity("quantity", given.quantity), numbers.price("unit_price", given.unit_price), found.currency
        )
        total += numbers.minor("extended_price", worth, found.currency)
        lines.append(
            LotLine(
                category=given.category,
                description=given.description,
                quantity=given.quantity,
                unit=given.unit,
                unit_price=given.unit_price,
                extended_price=worth,
                rounding=rounding,
            )
        )
    body = ExchangeMade(
        lot_no=asked.lot_no, lines=tuple(lines), total=numbers.money(total, found.currency),
        handed_over_at_ms=asked.handed_over_at_ms or desk.now_ms, place=asked.place or found.place,
    )  # fmt: skip
    remainder = numbers.money(found.free(EQUAL_VALUE) - total, found.currency)
    return _step(desk, view, found, "pay", body, total=body.total, remainder=remainder)


def _waiting(found: Standing, names: Iterable[str]) -> tuple[str, ...]:
    """Return the record ids that begin so, or all that wait."""
    made = []
    for name in names:
        fitting = [record for record in found.pending if record.startswith(name)]
        if len(fitting) != 1:
            wrong(
                "received",
                name[:16],
                "it is not the beginning of one record that waits",
                "see the order for those that do",
            )
        made += fitting
    return tuple(made) or tuple(sorted(found.pending))


def receive(desk: Desk, asked: ReceiveAsked) -> Outcome:
    """Say what was received of payments, returns and lots."""
    view, found = order_of(desk, asked.order_no)
    body = SettlementReceived(received=_waiting(found, asked.received), remarks=asked.remarks)
    return _step(desk, view, found, "receive", body)


def settle(desk: Desk, asked: ReceiveAsked) -> Outcome:
    """Confirm that nothing is open any more, and receive what waits."""
    view, found = order_of(desk, asked.order_no)
    body = OrderSettled(received=_waiting(found, asked.received), remarks=asked.remarks)
    return _step(desk, view, found, "receive", body)


def convert(desk: Desk, asked: ReasonAsked) -> Outcome:
    """Propose that what is open in kind or equal value is paid in cash."""
    view, found = order_of(desk, asked.order_no)
    minor = found.open(KIND) + found.open(EQUAL_VALUE)
    body = RemainderConverted(amount=numbers.money(minor, found.currency), currency=found.currency, reason=asked.reason)
    return _step(desk, view, found, _duty(desk, view), body, amount=body.amount, currency=found.currency)


def _duty(desk: Desk, view: CaseView) -> str:
    return "pay" if desk.party == view.sides[REQUESTER] else "receive"


# --- beside the state -------------------------------------------------------------------------------------------------------------


def offset(desk: Desk, asked: OffsetAsked) -> Outcome:
    """Propose both legs of an offset.

    Raises:
        RefusedError: an order or the rate is missing, or a leg is not possible.
    """
    view, found = order_of(desk, asked.order_no)
    other_view, other = order_of(desk, asked.other_order_no)
    terms.require_authority(desk, found.asked.arrangement, _duty(desk, view))
    minor, rounding, other_amount = numbers.minor("amount", asked.amount, found.currency), "0", asked.amount
    rate_from = None
    if found.currency != other.currency:
        if asked.rate is None or asked.rate_on is None:
            wrong("rate", asked.rate, f"`{found.currency}` against `{other.currency}` needs an agreed, dated rate",
                  "give `rate` and `rate_on`")  # fmt: skip
        rate_from = found.currency
        other_amount, rounding = settling_checks.rated(
            minor, rate_from, numbers.decimal("rate", asked.rate), other.currency
        )
    here, there = (numbers.money(minor, found.currency), found.currency), (other_amount, other.currency)
    legs = []
    for (mine, currency), (theirs, theirs_in), number in (
        (here, there, asked.other_order_no),
        (there, here, asked.order_no),
    ):
        legs.append(
            OffsetAgreed(
                offset_no=asked.offset_no,
                other_order_no=number,
                amount=mine,
                currency=currency,
                other_amount=theirs,
                other_currency=theirs_in,
                rate=asked.rate,
                rate_from=rate_from,
                rate_on=asked.rate_on,
                rounding=rounding,
            )
        )
    steps = desk.step(ORDER, view, legs[0]), desk.step(ORDER, other_view, legs[1])
    return Outcome(steps, {"amount": here, "other_amount": there})


def dispute(desk: Desk, asked: DisputeAsked) -> Outcome:
    """Dispute something of an order."""
    view, _ = order_of(desk, asked.order_no)
    number = asked.dispute_no or f"{desk.party}-{desk.fresh()}"
    body = DisputeRaised(dispute_no=number, code=asked.code, line_no=asked.line_no, reason=asked.reason)
    return Outcome((desk.step(ORDER, view, body),), {"dispute_no": number})


def end_dispute(desk: Desk, asked: EndDisputeAsked) -> Outcome:
    """Propose how a dispute ends."""
    view, found = order_of(desk, asked.order_no)
    body = DisputeEnded(dispute_no=asked.dispute_no, adjustment=asked.adjustment, outcome=asked.outcome)
    return _step(desk, view, found, _duty(desk, view), body)


def write_off(desk: Desk, asked: WriteOffAsked) -> Outcome:
    """Give up what is open, as creditor."""
    view, found = order_of(desk, asked.order_no)
    amount = numbers.money(sum(found.owed().values()), found.currency)
    body = DebtWrittenOff(amount=amount, authority=asked.authority, reason=asked.reason)
    return _step(desk, view, found, "write-off", body, amount=amount, currency=found.currency)


def close(desk: Desk, asked: CloseAsked) -> Outcome:
    """Propose the closing certificate."""
    view, found = order_of(desk, asked.order_no)
    body = OrderClosed(certificate_no=asked.certificate_no or f"{asked.order_no}-close", remarks=asked.remarks)
    return _step(desk, view, found, _duty(desk, view), body)


OPERATIONS = (
    Operation(name="deliver", text="Say what was handed over.", asks=DeliverAsked, run=deliver, roles=LOGISTICS),
    Operation(name="accept", text="Accept what was delivered, or less with a reason.", asks=AcceptAsked, run=accept, roles=LOGISTICS),
    Operation(name="invoice", text="Charge what was accepted.", asks=InvoiceAsked, run=invoice, roles=LOGISTICS),
    Operation(name="pay", text="Say that a payment was made.", asks=PayAsked, run=pay, roles=LOGISTICS),
    Operation(name="return-goods", text="Say that goods were returned in kind.", asks=ReturnAsked, run=return_goods, roles=LOGISTICS),
    Operation(name="exchange", text="Say that supplies of equal value were given.", asks=ExchangeAsked, run=exchange, roles=LOGISTICS),
    Operation(name="receive", text="Say what was received of payments, returns and lots.", asks=ReceiveAsked, run=receive, roles=LOGISTICS),
    Operation(name="settle", text="Confirm that nothing is open any more.", asks=ReceiveAsked, run=settle, roles=LOGISTICS),
    Operation(name="convert", text="Propose that what is open in kind is paid in cash.", asks=ReasonAsked, run=convert, roles=LOGISTICS),
    Operation(name="offset", text="Propose to set two orders' debts against each other.", asks=OffsetAsked, run=offset, roles=LOGISTICS),
    Operation(name="dispute", text="Dispute something of an order.", asks=DisputeAsked, run=dispute, roles=LOGISTICS),
    Operation(name="end-dispute", text="Propose how a dispute ends.", asks=EndDisputeAsked, run=end_dispute, roles=LOGISTICS),
    Operation(name="write-off", text="Give up what is open, as creditor.", asks=WriteOffAsked, run=write_off, roles=MINISTRY),
    Operation(name="close", text="Propose the closing certificate.", asks=CloseAsked, run=close, roles=LOGISTICS),
)  # fmt: skip
