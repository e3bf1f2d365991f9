"""What officers do before anything is delivered: state terms, grant authority, draft, request, decline, offer, agree, amend, cancel."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kizuna.domains.supply import notation, numbers, rules, sheets, stock, terms
from kizuna.domains.supply.cases import ORDER, PURPOSE
from kizuna.domains.supply.numbers import wrong
from kizuna.domains.supply.ordering_checks import person
from kizuna.domains.supply.records import (
    AuthorityGranted,
    Conditions,
    OfferLine,
    OrderAgreed,
    OrderAmended,
    OrderCancelled,
    OrderDeclined,
    OrderDrafted,
    OrderLine,
    OrderOffered,
    OrderRequested,
    OrderWithdrawn,
    TermsStated,
)
from kizuna.domains.supply.standing import PROVIDER, REQUESTER, Standing, opened
from kizuna.errors import RefusedError
from kizuna.kernel.casework import CaseView
from kizuna.kernel.deadline import day_of
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement

LOGISTICS = frozenset({"logistics"})
MINISTRY = frozenset({"desk"})
ORDER_NO = Annotated[str, Meta(description="The order's number, like `ind-2026-navy-0007`.")]
REASON = Annotated[str, Meta(description="Why; the other side reads it.", min_length=1, max_length=4000)]
ARRANGEMENT = Annotated[
    str, Meta(description="The agreement's id; the only one with stated terms where none is given.")
]
OFFER_DAYS = 30


class StateTermsAsked(Asked, frozen=True):
    """State the terms of an agreement; they count once the partner has stated the same."""

    partner: Annotated[str, Meta(description="The party with which they are agreed.")]
    bundled: Annotated[
        str, Meta(description="`facts`: what public text says, which settles nothing; `example`: with made-up methods.")
    ] = ""
    terms: Annotated[TermsStated | None, Meta(description="The terms themselves, instead of bundled ones.")] = None


class GrantAsked(Asked, frozen=True):
    """Name an officer who may bind this party; the newest word counts."""

    officer: Annotated[str, Meta(description="The officer's pseudonymous id.", min_length=1, max_length=40)]
    partner: Annotated[str, Meta(description="The party towards which.")]
    duties: Annotated[
        tuple[str, ...], Meta(description="Duties: order, offer, accept, invoice, pay, receive, write-off.")
    ] = ()
    from_on: Annotated[str, Meta(description="The first day, YYYY-MM-DD; today where none is given.")] = ""
    to_on: Annotated[str, Meta(description="The day from which no more, YYYY-MM-DD.")] = ""
    arrangement: ARRANGEMENT = ""


class DraftAsked(Asked, frozen=True):
    """Draft an order; it stays at home until another, authorised officer requests it."""

    provider: Annotated[str, Meta(description="The party that is asked.")]
    activity: Annotated[str, Meta(description="The agreement's activity, like `joint-training`.")]
    requesting_unit: Annotated[str, Meta(description="The unit or ship that asks.", min_length=1, max_length=200)]
    window_from_ms: Annotated[int, Meta(description="From when it is wanted.")]
    window_to_ms: Annotated[int, Meta(description="Until before when.")]
    method: Annotated[str, Meta(description="How it is to be settled: cash, kind or equal-value.")]
    currency: Annotated[str, Meta(description="The currency of prices, by ISO 4217.")]
    service: Annotated[str, Meta(description="The service that numbers the order.", pattern=r"\A[a-z]{2,16}\Z")] = (
        "navy"
    )
    order_no: Annotated[str, Meta(description="The number; the next free one where none is given.")] = ""
    activity_ref: Annotated[str, Meta(description="The exercise edition or operation; the order itself is real.")] = ""
    legal_basis: Annotated[str, Meta(description="The law that permits it, where the activity needs one.")] = ""
    providing_unit: Annotated[str, Meta(description="The unit or ship that is to provide.")] = ""
    place: Annotated[str, Meta(description="The port, base or sea.")] = ""
    lat_600000: Annotated[int | None, Meta(description="Latitude in 1/600000 degree.")] = None
    lon_600000: Annotated[int | None, Meta(description="Longitude in 1/600000 degree.")] = None
    remarks: Annotated[str, Meta(description="Anything else.", max_length=4000)] = ""
    arrangement: ARRANGEMENT = ""
    lines: Annotated[tuple[OrderLine, ...], Meta(description="The lines.")] = ()
    lines_csv: Annotated[str, Meta(description="The lines as a CSV order sheet.", extra={"file": True})] = ""
    lines_xlsx: Annotated[bytes, Meta(description="The lines as an XLSX order sheet.", extra={"file": True})] = b""
    category: Annotated[str, Meta(description="For an order of one line: its category.")] = ""
    description: Annotated[str, Meta(description="For an order of one line: what is wanted.")] = ""
    quantity: Annotated[str, Meta(description="For an order of one line: how much.")] = ""
    unit: Annotated[str, Meta(description="For an order of one line: the unit of issue.")] = ""
    nsn: Annotated[str, Meta(description="For an order of one line: the stock number.")] = ""
    basis: Annotated[str, Meta(description="For an order of one line: counted, observed or standard.")] = "counted"


class OrderAsked(Asked, frozen=True):
    """Which order."""

    order_no: ORDER_NO


class ReasonAsked(OrderAsked, frozen=True):
    """Which order, and why."""

    reason: REASON


class DeclineAsked(ReasonAsked, frozen=True):
    """Decline an order, with a reason code."""

    code: Annotated[
        str, Meta(description="not-available, not-permitted, no-capacity, price, operational or other.")
    ] = "other"


class _PricedAsked(OrderAsked, frozen=True):
    """Lines with prices and amounts, and where and when."""

    price: Annotated[tuple[str, ...], Meta(description="A line and its unit price, `1=0.7253`; may be repeated.")] = ()
    quantity: Annotated[
        tuple[str, ...], Meta(description="A line and how much, `1=200000`, where less than asked.")
    ] = ()
    tax_waived: Annotated[
        tuple[str, ...], Meta(description="A line and the tax left out of its price, `1=12.00`.")
    ] = ()
    providing_unit: Annotated[str, Meta(description="The unit or ship that provides.")] = ""
    place: Annotated[str, Meta(description="Where, if elsewhere than asked.")] = ""
    window_from_ms: Annotated[int, Meta(description="From when, if otherwise than asked.")] = 0
    window_to_ms: Annotated[int, Meta(description="Until before when, if otherwise than asked.")] = 0
    valid_until_ms: Annotated[int, Meta(description="How long the offer stands; thirty days if not given.")] = 0
    remarks: Annotated[str, Meta(description="Anything else.", max_length=4000)] = ""


class OfferAsked(_PricedAsked, frozen=True):
    """Offer what was asked for: a unit price for each line, and less than was asked where it must be."""

    listed: Annotated[bool, Meta(description="Price each other line by our price list.")] = False


class AmendAsked(_PricedAsked, frozen=True):
    """Change what was agreed; the other side signs it."""

    reason: REASON = "as both agreed"


class SignAsked(OrderAsked, frozen=True):
    """Sign what the other side proposed about an order."""

    record: Annotated[str, Meta(description="The proposal's record id, or its beginning, where several wait.")] = ""


# --- terms and authority ----------------------------------------------------------------------------------------------------------


def state_terms(desk: Desk, asked: StateTermsAsked) -> Outcome:
    """State terms.

    Raises:
        RefusedError: they are malformed, or permit what never is.
    """
    if asked.partner == desk.party:
        wrong("partner", asked.partner, "terms are agreed with another party", "name the partner")
    if asked.bundled:
        rules.require_one_of("bundled", asked.bundled, ("facts", "example"))
    if (asked.terms is None) == (not asked.bundled):
        wrong("terms", asked.bundled, "terms are either bundled ones or your own", "give `bundled` or `terms`")
    body = asked.terms if asked.terms is not None else terms.bundled(example=asked.bundled == "example")
    rules.require_whole(body)
    rules.require_terms(body)
    said = Statement(type="supply.terms-stated.v1", body=body, to=(asked.partner,), purposes=(PURPOSE,))
    return Outcome((said,), {"version": rules.version(body), "unknown": unknown(body)})


def unknown(stated: TermsStated) -> list[str]:
    """Return which of the terms are not known, and so deny."""
    made: Any = stated
    empty = ("methods", "currencies", "deadlines", "ceilings")
    open_ = ("price_rule", "offset_allowed", "third_party_transfer", "volume_share_per_c")
    return [name for name in empty if not getattr(made, name)] + [name for name in open_ if getattr(made, name) is None]


def grant(desk: Desk, asked: GrantAsked) -> Outcome:
    """Grant an officer authority.

    Raises:
        RefusedError: a duty is unknown, a day is none, or an officer would grant it to itself.
    """
    if asked.officer == person(desk.actor):
        wrong("officer", asked.officer, "nobody grants authority to itself", "let another officer of the desk do it")
    for duty in asked.duties:
        rules.require_one_of("duties", duty, rules.DUTIES)
    from_on = rules.require_day("from_on", asked.from_on or day_of(desk.now_ms))
    if asked.to_on and rules.require_day("to_on", asked.to_on) <= from_on:
        wrong("to_on", asked.to_on, f"it is not after `{from_on}`", "give a later day, or none")
    body = AuthorityGranted(
        arrangement=asked.arrangement or terms.only_arrangement(desk.db, desk.party), officer=asked.officer,
        duties=tuple(sorted(set(asked.duties))), from_on=from_on, to_on=asked.to_on or None,
    )  # fmt: skip
    return Outcome(
        (Statement(type="supply.authority-granted.v1", body=body, to=(asked.partner,), purposes=(PURPOSE,)),)
    )


# --- drafting and requesting ------------------------------------------------------------------------------------------------------


def draft(desk: Desk, asked: DraftAsked) -> Outcome:
    """Draft an order.

    Raises:
        RefusedError: the agreement is not in force, or its rules forbid a part of it; says field, value, rule and remedy.
    """
    arrangement = asked.arrangement or terms.only_arrangement(desk.db, desk.party)
    stated = terms.agreed(desk.db, desk.party, asked.provider, arrangement)
    body = _drafted(desk, asked, arrangement, stated)
    if desk.find(ORDER, body.order_no) is not None:
        wrong("order_no", body.order_no, "an order number is used once, for ever", "leave it out for the next free one")
    _require_orderable(desk, body, stated)
    said = Statement(
        type="supply.order-drafted.v1", body=body, subject=f"supply.draft:{body.order_no}", purposes=(PURPOSE,)
    )
    return Outcome((said,), {"order_no": body.order_no, "basis": stated.terms.basis})


def _drafted(desk: Desk, asked: DraftAsked, arrangement: str, stated: terms.StatedTerms) -> Any:
    made: Any = stated.terms
    number = asked.order_no
    if not number:
        year = rules.fiscal_year(desk.now_ms, made.fiscal_year_from_month)
        sequence = terms.next_sequence(desk.db, desk.party, year, asked.service)
        number = rules.order_no(desk.party, year, asked.service, sequence)
    if rules.parts_of(number)[0] != desk.party:
        wrong(
            "order_no", number, f"`{desk.party}` numbers its own orders", "begin it with our own name, or leave it out"
        )
    return OrderDrafted(
        order_no=number, provider=asked.provider, arrangement=arrangement, terms=stated.version,
        requesting_unit=asked.requesting_unit, providing_unit=asked.providing_unit, activity=asked.activity,
        activity_ref=asked.activity_ref, legal_basis=asked.legal_basis, place=asked.place, lat_600000=asked.lat_600000,
        lon_600000=asked.lon_600000, window_from_ms=asked.window_from_ms, window_to_ms=asked.window_to_ms,
        method=asked.method, currency=asked.currency, lines=_lines(asked), remarks=asked.remarks,
    )  # fmt: skip


def _lines(asked: DraftAsked) -> tuple[OrderLine, ...]:
    ways = {
        "lines": asked.lines,
        "lines_csv": sheets.read_lines(asked.lines_csv) if asked.lines_csv else (),
        "lines_xlsx": sheets.read_book(asked.lines_xlsx) if asked.lines_xlsx else (),
        "category": _one(asked) if asked.category else (),
    }
    given = [name for name, lines in ways.items() if lines]
    if len(given) != 1:
        wrong("lines", ", ".join(given) or "none", "the lines come in one way", f"give one of {', '.join(ways)}")
    return ways[given[0]]


def _one(asked: DraftAsked) -> tuple[OrderLine, ...]:
    line = OrderLine(
        line_no=1, category=asked.category, description=asked.description or asked.category, quantity=asked.quantity,
        unit=asked.unit, nsn=asked.nsn, basis=asked.basis,
    )  # fmt: skip
    return (line,)


def _require_orderable(desk: Desk, body: Any, stated: terms.StatedTerms) -> None:
    """Refuse an order that the agreement, its terms or its own content do not allow today."""
    if body.terms != stated.version:
        wrong("terms", body.terms[:16], "other terms count by now", "draft the order again")
    rules.require_lines(body.lines)
    rules.require_window(body.window_from_ms, body.window_to_ms)
    rules.require_position(body.lat_600000, body.lon_600000)
    pair = (desk.party, body.provider)
    for at_ms, what in ((desk.now_ms, "date of the order"), (body.window_from_ms, "window_from_ms")):
        rules.require_in_force(desk.agreements, body.arrangement, pair, at_ms, what)
    rules.require_permitted(body, stated.terms, desk.now_ms)


def request(desk: Desk, asked: OrderAsked) -> Outcome:
    """Sign what a unit drafted, and ask the provider for it.

    Raises:
        RefusedError: there is no such draft, its drafter signs, the officer has no authority, or the order is not permitted any more.
    """
    rules.parts_of(asked.order_no)
    held = terms.draft(desk.db, asked.order_no)
    if held is None:
        wrong(
            "order_no", asked.order_no, "no draft of that number is held here", "draft it first, or look the number up"
        )
    drafter, drafted = held[0], msgspec.json.decode(held[1], type=OrderDrafted)
    values = {name: getattr(drafted, name) for name in drafted.__struct_fields__}
    authority = terms.require_authority(desk, values["arrangement"], "order")
    body: Any = OrderRequested(**values, drafted_by=drafter, requester_authority=authority)
    _require_orderable(desk, body, terms.agreed(desk.db, desk.party, body.provider, body.arrangement))
    return Outcome((desk.open(ORDER, asked.order_no, body),))


def order_of(desk: Desk, number: str) -> tuple[CaseView, Standing]:
    """Return an order with where it stands.

    Raises:
        RefusedError: none of that number is held, or none that counts.
    """
    rules.parts_of(number)
    view = desk.case(ORDER, number)
    return view, opened(view)


def withdraw(desk: Desk, asked: ReasonAsked) -> Outcome:
    """Take our own order back before it is agreed."""
    view, found = order_of(desk, asked.order_no)
    terms.require_authority(desk, found.asked.arrangement, "order")
    return Outcome((desk.step(ORDER, view, OrderWithdrawn(reason=asked.reason)),))


def decline(desk: Desk, asked: DeclineAsked) -> Outcome:
    """Decline an order.

    Raises:
        RefusedError: the code is unknown, or the officer has no authority.
    """
    view, found = order_of(desk, asked.order_no)
    terms.require_authority(desk, found.asked.arrangement, "offer")
    return Outcome((desk.step(ORDER, view, OrderDeclined(code=asked.code, reason=asked.reason)),))


# --- offering and agreeing --------------------------------------------------------------------------------------------------------


def offer(desk: Desk, asked: OfferAsked) -> Outcome:
    """Offer quantities and prices for an order.

    Raises:
        RefusedError: the order is not permitted by the terms held here, a price is missing, or the officer has no authority.
    """
    view, found = order_of(desk, asked.order_no)
    order = found.asked
    authority = terms.require_authority(desk, order.arrangement, "offer")
    stated = terms.agreed(desk.db, desk.party, view.sides[REQUESTER], order.arrangement)
    if order.terms != stated.version:
        wrong("terms", order.terms[:16], "the order was asked under terms that do not count", "let it be asked again")
    rules.require_permitted(order, stated.terms, desk.now_ms)
    rules.require_in_force(
        desk.agreements, order.arrangement, view.sides.values(), order.window_from_ms, "window_from_ms"
    )
    if asked.listed:
        rest = [line.ask for number, line in sorted(found.lines.items()) if number not in notation.prices(asked.price)]
        asked = msgspec.structs.replace(asked, price=asked.price + stock.price_all(desk, rest, found.currency))
    lines, total = _offered(found, asked, stated.terms)
    made: Any = stated.terms
    body = OrderOffered(
        lines=lines, total=total, terms=order.terms, provider_authority=authority, remarks=asked.remarks,
        conditions=Conditions(
            deadlines=made.deadlines, offset_allowed=made.offset_allowed is True, volume_share_per_c=made.volume_share_per_c
        ),
        providing_unit=asked.providing_unit or order.providing_unit, place=asked.place or found.place,
        window_from_ms=asked.window_from_ms or found.window[0], window_to_ms=asked.window_to_ms or found.window[1],
        valid_until_ms=asked.valid_until_ms or desk.now_ms + OFFER_DAYS * DAY_MS,
    )  # fmt: skip
    return Outcome((desk.step(ORDER, view, body),), {"total": total, "currency": order.currency})


def _offered(found: Standing, asked: _PricedAsked, stated: Any) -> tuple[tuple[OfferLine, ...], str]:
    """Return the lines that are offered, those with a price, and their sum."""
    prices, taxes = notation.prices(asked.price), notation.prices(asked.tax_waived)
    amounts = notation.prices(asked.quantity)
    if not prices:
        wrong(
            "price", "none", "an offer prices at least one line", "give `1=0.7253`, a line's number and its unit price"
        )
    made, total_minor = [], 0
    for number, text in sorted(prices.items()):
        line = found.lines.get(number)
        if line is None:
            wrong("price", f"{number}={text}", "it is no line of the order", f"price {sorted(found.lines)}")
        quantity = amounts.get(number, line.ask.quantity)
        amount = numbers.quantity("quantity", quantity)
        price = numbers.price("price", text)
        worth, rounding = numbers.priced(amount, price, found.currency)
        total_minor += numbers.minor("extended_price", worth, found.currency)
        made.append(
            OfferLine(
                line_no=number,
                quantity=quantity,
                unit_price=text,
                extended_price=worth,
                rounding=rounding,
                tax_waived=taxes.get(number, "0"),
                tolerance_permille=stated.tolerance_permille,
            )
        )
    return tuple(made), numbers.money(total_minor, found.currency)


def agree(desk: Desk, asked: OrderAsked) -> Outcome:
    """Sign the last offer; the other side endorses it. The ceiling is checked now, and stored with the signature.

    Raises:
        RefusedError: there is no offer, it passes a ceiling, or the officer has no authority.
    """
    view, found = order_of(desk, asked.order_no)
    order = found.asked
    duty = "order" if desk.party == view.sides[REQUESTER] else "offer"
    terms.require_authority(desk, order.arrangement, duty)
    if found.offer is None:
        wrong("order_no", asked.order_no, "nothing is offered yet", "wait for the offer, or make one")
    other = next(party for party in view.sides.values() if party != desk.party)
    stated = terms.agreed(desk.db, desk.party, other, order.arrangement)
    per_order, per_year = rules.ceiling_of(stated.terms, order.currency)
    before = terms.open_before(
        desk.db, view.sides[REQUESTER], view.sides[PROVIDER], order.currency, rules.parts_of(view.key)[1]
    )
    body = OrderAgreed(
        offer=found.offer_id, total=numbers.money(found.total_minor, order.currency),
        open_before=numbers.money(before, order.currency), ceiling_per_order=per_order, ceiling_per_year=per_year,
    )  # fmt: skip
    return Outcome((desk.step(ORDER, view, body),))


def amend(desk: Desk, asked: AmendAsked) -> Outcome:
    """Propose a change of what was agreed; lines without a new price keep theirs."""
    view, found = order_of(desk, asked.order_no)
    terms.require_authority(desk, found.asked.arrangement, "order" if desk.party == view.sides[REQUESTER] else "offer")
    kept = {number: line for number, line in found.lines.items() if line.offered}
    prices = {number: numbers.spelled(line.price) for number, line in kept.items()} | notation.prices(asked.price)
    amounts = {number: numbers.spelled(line.offered) for number, line in kept.items()} | notation.prices(asked.quantity)
    whole = msgspec.structs.replace(
        asked,
        price=tuple(f"{number}={price}" for number, price in prices.items()),
        quantity=tuple(f"{number}={amount}" for number, amount in amounts.items()),
    )
    stated = max((line.tolerance_permille for line in kept.values()), default=0)
    lines, total = _offered(found, whole, _Tolerance(stated))
    body = OrderAmended(
        lines=tuple(line for line in lines if Fraction(line.quantity)), total=total, place=asked.place or found.place,
        reason=asked.reason, window_from_ms=asked.window_from_ms or found.window[0],
        window_to_ms=asked.window_to_ms or found.window[1],
    )  # fmt: skip
    return Outcome((desk.step(ORDER, view, body),), {"total": total, "currency": found.currency})


class _Tolerance(msgspec.Struct, frozen=True):
    """The tolerance that an amendment keeps."""

    tolerance_permille: int


def cancel(desk: Desk, asked: ReasonAsked) -> Outcome:
    """Propose to call an agreed order off before anything is delivered."""
    view, found = order_of(desk, asked.order_no)
    terms.require_authority(desk, found.asked.arrangement, "order" if desk.party == view.sides[REQUESTER] else "offer")
    return Outcome((desk.step(ORDER, view, OrderCancelled(reason=asked.reason)),))


def sign(desk: Desk, asked: SignAsked) -> Outcome:
    """Sign what the other side proposed about an order.

    Raises:
        RefusedError: not just one proposal waits for us, or `signing.endorsing` refuses it.
    """
    view, _ = order_of(desk, asked.order_no)
    waiting = [
        record
        for record, parties in view.state.signatures_missing
        if desk.party in parties and record.startswith(asked.record)
    ]
    if len(waiting) != 1:
        raise RefusedError(
            f"`record` is `{asked.record}`: {len(waiting)} proposals of `{asked.order_no}` wait for `{desk.party}`;"
            f" name one of {', '.join(record[:16] for record in waiting) or 'none: see the order'}"
        )
    return Outcome((desk.endorse(ORDER, view, waiting[0]),))


OPERATIONS = (
    Operation(name="state-terms", text="State an agreement's terms of supply.", asks=StateTermsAsked, run=state_terms, roles=MINISTRY),
    Operation(name="grant", text="Name an officer who may bind this party.", asks=GrantAsked, run=grant, roles=MINISTRY),
    Operation(name="draft", text="Draft an order; it stays at home.", asks=DraftAsked, run=draft, roles=LOGISTICS),
    Operation(name="request", text="Sign a draft and ask the provider for it.", asks=OrderAsked, run=request, roles=LOGISTICS),
    Operation(name="withdraw", text="Take our order back before it is agreed.", asks=ReasonAsked, run=withdraw, roles=LOGISTICS),
    Operation(name="decline", text="Decline an order, with a reason.", asks=DeclineAsked, run=decline, roles=LOGISTICS),
    Operation(name="offer", text="Offer quantities and prices.", asks=OfferAsked, run=offer, roles=LOGISTICS),
    Operation(name="agree", text="Sign the last offer; the other side endorses.", asks=OrderAsked, run=agree, roles=LOGISTICS),
    Operation(name="sign", text="Sign what the other side proposed about an order.", asks=SignAsked, run=sign, roles=LOGISTICS),
    Operation(name="amend", text="Propose a change of what was agreed.", asks=AmendAsked, run=amend, roles=LOGISTICS),
    Operation(name="cancel", text="Propose to call an agreed order off.", asks=ReasonAsked, run=cancel, roles=LOGISTICS),
)  # fmt: skip
