"""What parties say about supply: the terms and authorities that each states, and the steps of an order.

Numbers that people agree on are decimal text (`quantity`, `unit_price`, amounts), never floats; instants are UTC milliseconds, days `YYYY-MM-DD`.
What a party leaves unsaid is empty or null. How an order moves through its steps is in `kizuna.domains.supply.cases`.
"""

from __future__ import annotations

import msgspec

from kizuna.kernel.record import WITHHELD, Body, Withheld


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a payload."""


# --- what both parties configure --------------------------------------------------------------------------------------------------


class RuleItem(_Part, frozen=True):
    """One activity, category or exclusion of the agreement: its id, what it says, on what evidence, and where that can be read."""

    id: str
    text: str
    confidence: str
    sources: tuple[str, ...] = ()
    note: str = ""
    needs_legal_basis: bool = False
    """Whether an order under it must name the law that permits it."""


class DeadlineTerm(_Part, frozen=True):
    """What happens by when, counted from delivery: `act` is `overdue`, `convert` (kind or equal value becomes cash) or `escalate`.

    `method` is the way of settling that it is for, or empty for all; `rule` is its id in the agreement's words.
    """

    act: str
    offset: int
    calendar: str
    rule: str
    method: str = ""


class Ceiling(_Part, frozen=True):
    """How much may be owed in a currency: for one order, and open at once within a fiscal year; null is no ceiling."""

    currency: str
    per_order: str | None = None
    per_year: str | None = None


class TermsStated(Body, frozen=True):
    """A party states how it reads an agreement's rules of supply. They count once both parties state the same.

    `methods` are of `cash`, `kind` and `equal-value`: none named means that nothing can be settled. A null is unknown, and permits nothing.
    `basis` is `example` where it is made up to show how the node works.
    """

    arrangement: str | Withheld = WITHHELD
    basis: str | Withheld = WITHHELD
    valid_from_on: str | Withheld = WITHHELD
    valid_to_on: str | Withheld | None = WITHHELD
    activities: tuple[RuleItem, ...] | Withheld = WITHHELD
    categories: tuple[RuleItem, ...] | Withheld = WITHHELD
    exclusions: tuple[RuleItem, ...] | Withheld = WITHHELD
    methods: tuple[str, ...] | Withheld = WITHHELD
    currencies: tuple[str, ...] | Withheld = WITHHELD
    deadlines: tuple[DeadlineTerm, ...] | Withheld = WITHHELD
    ceilings: tuple[Ceiling, ...] | Withheld = WITHHELD
    price_rule: str | Withheld | None = WITHHELD
    offset_allowed: bool | Withheld | None = WITHHELD
    third_party_transfer: bool | Withheld | None = WITHHELD
    tolerance_permille: int | Withheld = WITHHELD
    volume_share_per_c: str | Withheld | None = WITHHELD
    fiscal_year_from_month: int | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class AuthorityGranted(Body, frozen=True):
    """A party names an officer who may bind it under an agreement: for which duties, from which day to before which.

    The newest word on an officer counts; no duties take the authority away.
    """

    arrangement: str | Withheld = WITHHELD
    officer: str | Withheld = WITHHELD
    duties: tuple[str, ...] | Withheld = WITHHELD
    from_on: str | Withheld = WITHHELD
    to_on: str | Withheld | None = WITHHELD


# --- ordering ---------------------------------------------------------------------------------------------------------------------


class OrderLine(_Part, frozen=True):
    """One thing that is asked for. `basis` is `counted`, or for fuel `observed` (as measured) or `standard` (at 15 degrees Celsius)."""

    line_no: int
    category: str
    description: str
    quantity: str
    unit: str
    nsn: str = ""
    local_code: str = ""
    condition_code: str = ""
    basis: str = "counted"


class _Order(Body, frozen=True):
    """An order as its requester writes it. `activity_ref` names the exercise edition or operation that it is for; the order itself is real."""

    order_no: str | Withheld = WITHHELD
    provider: str | Withheld = WITHHELD
    arrangement: str | Withheld = WITHHELD
    terms: str | Withheld = WITHHELD
    requesting_unit: str | Withheld = WITHHELD
    providing_unit: str | Withheld = WITHHELD
    activity: str | Withheld = WITHHELD
    activity_ref: str | Withheld = WITHHELD
    legal_basis: str | Withheld = WITHHELD
    place: str | Withheld = WITHHELD
    lat_600000: int | Withheld | None = WITHHELD
    lon_600000: int | Withheld | None = WITHHELD
    window_from_ms: int | Withheld = WITHHELD
    window_to_ms: int | Withheld = WITHHELD
    method: str | Withheld = WITHHELD
    currency: str | Withheld = WITHHELD
    lines: tuple[OrderLine, ...] | Withheld = WITHHELD
    remarks: str | Withheld = WITHHELD


class OrderDrafted(_Order, frozen=True):
    """A unit drafts an order; it stays at home until an authorised officer, another person, signs the request."""


class OrderRequested(_Order, frozen=True):
    """An authorised officer of the requester asks for what a unit has drafted; `drafted_by` is who did."""

    drafted_by: str | Withheld = WITHHELD
    requester_authority: str | Withheld = WITHHELD


class OrderWithdrawn(Body, frozen=True):
    """The requester takes its order back before anything binds."""

    reason: str | Withheld = WITHHELD


class OrderDeclined(Body, frozen=True):
    """The provider declines, as it always may: a reason code of `rules.DECLINED`, and words."""

    code: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class OfferLine(_Part, frozen=True):
    """What the provider offers of a line, in the order's unit: `extended_price` less `rounding` is quantity times price, exactly.

    `rounding` is in the currency and may be a fraction; `tax_waived` is the amount of tax that the price leaves out.
    """

    line_no: int
    quantity: str
    unit_price: str
    extended_price: str
    rounding: str = "0"
    tax_waived: str = "0"
    tolerance_permille: int = 0


class Conditions(_Part, frozen=True):
    """Of the terms, what the order is settled by: fixed with the offer, so that later terms change no order."""

    deadlines: tuple[DeadlineTerm, ...] = ()
    offset_allowed: bool = False
    volume_share_per_c: str | None = None


class OrderOffered(Body, frozen=True):
    """The provider offers quantities and prices, until an instant."""

    lines: tuple[OfferLine, ...] | Withheld = WITHHELD
    total: str | Withheld = WITHHELD
    conditions: Conditions | Withheld = WITHHELD
    terms: str | Withheld = WITHHELD
    providing_unit: str | Withheld = WITHHELD
    provider_authority: str | Withheld = WITHHELD
    place: str | Withheld = WITHHELD
    window_from_ms: int | Withheld = WITHHELD
    window_to_ms: int | Withheld = WITHHELD
    valid_until_ms: int | Withheld = WITHHELD
    remarks: str | Withheld = WITHHELD


class OrderAgreed(Body, frozen=True):
    """One side signs an offer, named by its record id, and the other endorses; the ceiling check of that moment is stored with it."""

    offer: str | Withheld = WITHHELD
    total: str | Withheld = WITHHELD
    open_before: str | Withheld = WITHHELD
    ceiling_per_order: str | Withheld | None = WITHHELD
    ceiling_per_year: str | Withheld | None = WITHHELD


class OrderAmended(Body, frozen=True):
    """Both change what was agreed, before anything is delivered."""

    lines: tuple[OfferLine, ...] | Withheld = WITHHELD
    total: str | Withheld = WITHHELD
    place: str | Withheld = WITHHELD
    window_from_ms: int | Withheld = WITHHELD
    window_to_ms: int | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class OrderCancelled(Body, frozen=True):
    """Both call the order off before anything is delivered."""

    reason: str | Withheld = WITHHELD


# --- delivery ---------------------------------------------------------------------------------------------------------------------


class DeliveryLine(_Part, frozen=True):
    """What was handed over of a line, as measured; fuel with its temperature, and its density if it was taken."""

    line_no: int
    quantity: str
    unit: str
    temperature_c: str | None = None
    density_kg_m3: str | None = None


class DeliveryMade(Body, frozen=True):
    """The provider says what it handed over, where and when; `evidence` are digests of meter tickets and photographs."""

    lines: tuple[DeliveryLine, ...] | Withheld = WITHHELD
    delivered_at_ms: int | Withheld = WITHHELD
    place: str | Withheld = WITHHELD
    evidence: tuple[str, ...] | Withheld = WITHHELD
    remarks: str | Withheld = WITHHELD


class AcceptedLine(_Part, frozen=True):
    """What the requester accepts of a line; less than was delivered needs a discrepancy code of `rules.DISCREPANCIES`."""

    line_no: int
    quantity: str
    unit: str
    temperature_c: str | None = None
    discrepancy: str = ""
    remark: str = ""


class DeliveryAccepted(Body, frozen=True):
    """The requester accepts the deliveries named by their record ids: with the provider's word, the receipt that both signed."""

    deliveries: tuple[str, ...] | Withheld = WITHHELD
    lines: tuple[AcceptedLine, ...] | Withheld = WITHHELD
    accepted_at_ms: int | Withheld = WITHHELD
    remarks: str | Withheld = WITHHELD


# --- settling ---------------------------------------------------------------------------------------------------------------------


class InvoiceLine(_Part, frozen=True):
    """What is charged for a line: accepted quantity in the order's unit, price, and the rounding as its own part."""

    line_no: int
    quantity: str
    unit_price: str
    extended_price: str
    rounding: str
    tax_waived: str


class InvoiceIssued(Body, frozen=True):
    """The provider charges what was accepted; the lines sum to the total."""

    invoice_no: str | Withheld = WITHHELD
    currency: str | Withheld = WITHHELD
    lines: tuple[InvoiceLine, ...] | Withheld = WITHHELD
    total: str | Withheld = WITHHELD
    due_at_ms: int | Withheld | None = WITHHELD


class PaymentMade(Body, frozen=True):
    """The requester says that it has paid; it counts once the provider has received it."""

    payment_ref: str | Withheld = WITHHELD
    amount: str | Withheld = WITHHELD
    currency: str | Withheld = WITHHELD
    paid_on: str | Withheld = WITHHELD


class ReturnLine(_Part, frozen=True):
    """What is given back of a line: the same identity and condition as was accepted."""

    line_no: int
    quantity: str
    unit: str
    nsn: str = ""
    local_code: str = ""
    condition_code: str = ""


class GoodsReturned(Body, frozen=True):
    """The requester gives goods back in kind; it counts once the provider has received them."""

    return_no: str | Withheld = WITHHELD
    lines: tuple[ReturnLine, ...] | Withheld = WITHHELD
    returned_at_ms: int | Withheld = WITHHELD
    place: str | Withheld = WITHHELD


class LotLine(_Part, frozen=True):
    """One thing given in exchange, with the price that makes its value."""

    category: str
    description: str
    quantity: str
    unit: str
    unit_price: str
    extended_price: str
    rounding: str = "0"


class ExchangeMade(Body, frozen=True):
    """The requester gives supplies of equal value; they count once the provider has received them at that value."""

    lot_no: str | Withheld = WITHHELD
    lines: tuple[LotLine, ...] | Withheld = WITHHELD
    total: str | Withheld = WITHHELD
    handed_over_at_ms: int | Withheld = WITHHELD
    place: str | Withheld = WITHHELD


class SettlementReceived(Body, frozen=True):
    """The provider has received payments, returns or lots, named by their record ids."""

    received: tuple[str, ...] | Withheld = WITHHELD
    remarks: str | Withheld = WITHHELD


class OrderSettled(Body, frozen=True):
    """The provider confirms that nothing is open any more, and receives by it what it names."""

    received: tuple[str, ...] | Withheld = WITHHELD
    remarks: str | Withheld = WITHHELD


class OffsetAgreed(Body, frozen=True):
    """Both set a part of what is open against another order, in which the other side owes; each of the two orders has its own leg.

    Between two currencies `rate` is what one unit of `rate_from`, one of the two, is worth in the other, and `rate_on` its day; `rounding` is what
    made the worth whole.
    """

    offset_no: str | Withheld = WITHHELD
    other_order_no: str | Withheld = WITHHELD
    amount: str | Withheld = WITHHELD
    currency: str | Withheld = WITHHELD
    other_amount: str | Withheld = WITHHELD
    other_currency: str | Withheld = WITHHELD
    rate: str | Withheld | None = WITHHELD
    rate_from: str | Withheld | None = WITHHELD
    rate_on: str | Withheld | None = WITHHELD
    rounding: str | Withheld = WITHHELD


class RemainderConverted(Body, frozen=True):
    """Both turn what is open in kind or equal value into cash."""

    amount: str | Withheld = WITHHELD
    currency: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class DisputeRaised(Body, frozen=True):
    """A side disputes something of the order; until it is ended the order does not close."""

    dispute_no: str | Withheld = WITHHELD
    code: str | Withheld = WITHHELD
    line_no: int | Withheld | None = WITHHELD
    reason: str | Withheld = WITHHELD


class DisputeEnded(Body, frozen=True):
    """Both end a dispute; `adjustment` is added to what is owed, and is negative where it lowers it."""

    dispute_no: str | Withheld = WITHHELD
    adjustment: str | Withheld = WITHHELD
    outcome: str | Withheld = WITHHELD


class DebtWrittenOff(Body, frozen=True):
    """The creditor gives up what is open, by a named authority."""

    amount: str | Withheld = WITHHELD
    authority: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class OrderClosed(Body, frozen=True):
    """Both close the order: the closing certificate."""

    certificate_no: str | Withheld = WITHHELD
    remarks: str | Withheld = WITHHELD


# --- by the clock -----------------------------------------------------------------------------------------------------------------


class OrderOverdue(Body, frozen=True):
    """The day of settling has passed, by a rule of the terms."""

    rule: str | Withheld = WITHHELD


class OrderEscalated(Body, frozen=True):
    """A second day has passed: the order goes to both sides' ministries."""

    rule: str | Withheld = WITHHELD


class OrderConverted(Body, frozen=True):
    """By a rule of the terms, what is still open in kind or equal value has become an amount in cash."""

    rule: str | Withheld = WITHHELD
    amount: str | Withheld = WITHHELD
    currency: str | Withheld = WITHHELD


RECORDS: dict[str, type[Body]] = {
    "supply.terms-stated.v1": TermsStated,
    "supply.authority-granted.v1": AuthorityGranted,
    "supply.order-drafted.v1": OrderDrafted,
    "supply.order-requested.v1": OrderRequested,
    "supply.order-withdrawn.v1": OrderWithdrawn,
    "supply.order-declined.v1": OrderDeclined,
    "supply.order-offered.v1": OrderOffered,
    "supply.order-agreed.v1": OrderAgreed,
    "supply.order-amended.v1": OrderAmended,
    "supply.order-cancelled.v1": OrderCancelled,
    "supply.delivery-made.v1": DeliveryMade,
    "supply.delivery-accepted.v1": DeliveryAccepted,
    "supply.invoice-issued.v1": InvoiceIssued,
    "supply.payment-made.v1": PaymentMade,
    "supply.goods-returned.v1": GoodsReturned,
    "supply.exchange-made.v1": ExchangeMade,
    "supply.settlement-received.v1": SettlementReceived,
    "supply.order-settled.v1": OrderSettled,
    "supply.offset-agreed.v1": OffsetAgreed,
    "supply.remainder-converted.v1": RemainderConverted,
    "supply.dispute-raised.v1": DisputeRaised,
    "supply.dispute-ended.v1": DisputeEnded,
    "supply.debt-written-off.v1": DebtWrittenOff,
    "supply.order-closed.v1": OrderClosed,
    "supply.order-overdue.v1": OrderOverdue,
    "supply.order-escalated.v1": OrderEscalated,
    "supply.order-converted.v1": OrderConverted,
}
