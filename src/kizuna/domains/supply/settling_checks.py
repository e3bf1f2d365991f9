"""What is wrong with a step by which an order is settled, disputed or closed; `kizuna.domains.supply.guards` says when this is asked."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from kizuna.domains.supply import numbers, rules
from kizuna.domains.supply.numbers import wrong
from kizuna.domains.supply.ordering_checks import require_distinct, require_past, require_price, require_total
from kizuna.domains.supply.standing import CASH, EQUAL_VALUE, KIND, METHODS, Standing, in_order_unit, number_of, receive
from kizuna.kernel.casework import Move

_MAX_TEXT = 4000


# --- settling ---------------------------------------------------------------------------------------------------------------------


def invoiced(found: Standing, body: Any, _move: Move) -> None:
    """Judge an invoice: the accepted quantities at the agreed prices, no more and no less.

    Raises:
        RefusedError: a line or the total is another.
    """
    if body.currency != found.currency:
        wrong("currency", body.currency, f"the order is in `{found.currency}`", "charge in that currency")
    expected = {number: line for number, line in found.lines.items() if line.accepted}
    if len(body.lines) != len(expected) or {given.line_no for given in body.lines} != expected.keys():
        wrong("lines", [given.line_no for given in body.lines], f"accepted are {sorted(expected)}", "charge just these")
    for given in body.lines:
        line, field = expected[given.line_no], f"lines[{given.line_no}]"
        if given.quantity != numbers.spelled(line.accepted) or numbers.price(field, given.unit_price) != line.price:
            wrong(f"{field}.quantity", f"{given.quantity} at {given.unit_price}", "accepted and agreed were"
                  f" `{numbers.spelled(line.accepted)}` at `{numbers.spelled(line.price)}`", "charge just that")  # fmt: skip
        require_price(field, line.accepted, given, found.currency)
    require_total("total", body.total, sum(line.worth(line.accepted, found.currency) for line in expected.values()),
                   found.currency)  # fmt: skip


def _fresh_number(found: Standing, body: Any) -> None:
    number = number_of(body)
    if not number or number in found.settlements:
        wrong("number", number, "each payment, return and lot has a number of its own", "give another number")


def _require_free(found: Standing, method: str, field: str, value: str, minor: int) -> None:
    free = found.free(method)
    if not 0 < minor <= free:
        wrong(field, value, f"by `{method}`, `{numbers.money(free, found.currency)}` is open and not yet covered",
              "settle more than nothing, and no more than is open")  # fmt: skip


def paid(found: Standing, body: Any, _move: Move) -> None:
    """Judge a payment.

    Raises:
        RefusedError: it is in another currency, or of more than is open in cash.
    """
    _fresh_number(found, body)
    rules.require_day("paid_on", body.paid_on)
    if body.currency != found.currency:
        wrong(
            "currency",
            body.currency,
            f"the order is in `{found.currency}`, and no rate is agreed",
            "pay in that currency",
        )
    _require_free(found, CASH, "amount", body.amount, numbers.minor("amount", body.amount, found.currency))


def returned(found: Standing, body: Any, move: Move) -> None:
    """Judge a return in kind: the same thing in the same condition, and no more than was accepted.

    Raises:
        RefusedError: it is another thing, too much of it, or nothing is open in kind.
    """
    _fresh_number(found, body)
    require_distinct(body.lines)
    require_past("returned_at_ms", body.returned_at_ms, move)
    if found.open(KIND) <= 0:
        wrong("return_no", body.return_no, "nothing is open in kind", "see what the order is settled by")
    for given in body.lines:
        field = f"lines[{given.line_no}]"
        line = found.lines.get(given.line_no)
        if line is None:
            wrong(f"{field}.line_no", given.line_no, "no such line was agreed", "see the order's lines")
        amount = numbers.quantity(f"{field}.quantity", given.quantity)
        amount = numbers.converted(f"{field}.unit", amount, given.unit, line.ask.unit)
        same = (given.nsn, given.local_code, given.condition_code)
        if same != (line.ask.nsn, line.ask.local_code, line.ask.condition_code):
            wrong(f"{field}.nsn", " ".join(same), "replacement in kind is the same thing in the same condition",
                  "return that, or agree to convert it into cash")  # fmt: skip
        waiting = sum(
            (in_order_unit(line, other) for stated in found.pending.values() for other in getattr(stated, "lines", ())
             if getattr(other, "line_no", None) == given.line_no),
            Fraction(0),
        )  # fmt: skip
        if not 0 < amount <= line.accepted - line.returned - waiting:
            wrong(f"{field}.quantity", given.quantity, f"`{numbers.spelled(line.accepted - line.returned - waiting)}` is"
                  " accepted and neither returned nor on its way", "return no more than that")  # fmt: skip


def exchanged(found: Standing, body: Any, move: Move) -> None:
    """Judge supplies given in exchange: exact values, and no more than is open.

    Raises:
        RefusedError: a line is never permitted, a price is inexact, or the lot is worth more than is open.
    """
    _fresh_number(found, body)
    require_past("handed_over_at_ms", body.handed_over_at_ms, move)
    total = 0
    for at, given in enumerate(body.lines):
        field = f"lines[{at}]"
        if given.category in rules.NEVER:
            wrong(f"{field}.category", given.category, "arms and ammunition are never given here", "take the line out")
        numbers.require_unit(f"{field}.unit", given.unit)
        require_price(field, numbers.quantity(f"{field}.quantity", given.quantity), given, found.currency)
        total += numbers.minor(f"{field}.extended_price", given.extended_price, found.currency)
    require_total("total", body.total, total, found.currency)
    _require_free(found, EQUAL_VALUE, "total", body.total, total)


def received(found: Standing, body: Any, _move: Move) -> None:
    """Judge what the provider says to have received.

    Raises:
        RefusedError: it names nothing, or something that was not stated or was received before.
    """
    if not body.received:
        wrong("received", "none", "it names at least one record", "name the payment, return or lot")
    _require_pending(found, body.received)


def _require_pending(found: Standing, record_ids: tuple[str, ...]) -> None:
    for record_id in record_ids:
        if record_id not in found.pending or record_ids.count(record_id) > 1:
            wrong(
                "received",
                record_id[:16],
                "it is no payment, return or lot that waits",
                "see the order for those that do",
            )


def settled(found: Standing, body: Any, move: Move) -> None:
    """Judge that nothing is open.

    Raises:
        RefusedError: something is, or a dispute is; says how much by which method.
    """
    _require_pending(found, body.received)
    then = found.copy()
    receive(then, body.received, move.step.at_ms)
    _require_clear(then)


def _require_clear(found: Standing) -> None:
    owed = {method: numbers.money(minor, found.currency) for method, minor in found.owed().items()}
    if owed:
        said = ", ".join(f"{amount} {found.currency} by {method}" for method, amount in owed.items())
        wrong(
            "open",
            said,
            "a remainder is settled, converted, offset or written off, and never dropped",
            "see to it first",
        )
    if found.disputes:
        wrong("disputes", ", ".join(sorted(found.disputes)), "they are open", "end them first, both signing")


def offset(found: Standing, body: Any, _move: Move) -> None:
    """Judge one leg of an offset.

    Raises:
        RefusedError: the terms do not allow it, the other order is the same side's debt, it passes what is open, or the rate is missing or inexact.
    """
    if not found.offer.conditions.offset_allowed:
        wrong(
            "offset_no",
            body.offset_no,
            "the terms of this order do not say that debts may be offset",
            "settle otherwise",
        )
    if not body.offset_no or body.offset_no in found.offsets:
        wrong("offset_no", body.offset_no, "each offset has a number of its own", "give another number")
    if rules.parts_of(body.other_order_no)[0] != found.asked.provider:
        wrong(
            "other_order_no",
            body.other_order_no,
            "in it the same side owes",
            "name an order that the other side placed",
        )
    if body.currency != found.currency:
        wrong("currency", body.currency, f"the order is in `{found.currency}`", "state the amount in that currency")
    amount = numbers.minor("amount", body.amount, body.currency)
    free = sum(found.free(method) for method in METHODS)
    if not 0 < amount <= free:
        wrong("amount", body.amount, f"`{numbers.money(free, found.currency)}` is open", "offset no more than that")
    other = numbers.minor("other_amount", body.other_amount, body.other_currency)
    _require_rate(body, amount, other)


def _require_rate(body: Any, amount: int, other: int) -> None:
    pair = (body.currency, body.other_currency)
    if pair[0] == pair[1]:
        if (amount, body.rate, body.rate_from, body.rate_on, body.rounding) != (other, None, None, None, "0"):
            wrong(
                "other_amount",
                body.other_amount,
                "in one currency both legs are equal and have no rate",
                "state them so",
            )
        return
    if body.rate is None or body.rate_on is None:
        wrong(
            "rate",
            body.rate,
            f"`{pair[0]}` against `{pair[1]}` needs an agreed, dated rate",
            "give `rate` and `rate_on`",
        )
    rules.require_day("rate_on", body.rate_on)
    rules.require_one_of("rate_from", body.rate_from, pair)
    ahead = body.rate_from == body.currency
    base, stated = (amount, body.other_amount) if ahead else (other, body.amount)
    into = pair[1] if ahead else pair[0]
    expected = rated(base, body.rate_from, numbers.decimal("rate", body.rate), into)
    if (stated, body.rounding) != expected:
        wrong("rate", f"{stated} with rounding {body.rounding}", f"`{numbers.money(base, body.rate_from)}` at `{body.rate}` is"
              f" `{expected[0]}` with rounding `{expected[1]}`", "state just that")  # fmt: skip


def rated(amount_minor: int, currency: str, rate: Fraction, other: str) -> tuple[str, str]:
    """Return an amount in another currency and what the rounding added, as text."""
    return numbers.priced(Fraction(amount_minor, 10 ** numbers.EXPONENTS[currency]), rate, other)


def remainder_converted(found: Standing, body: Any, _move: Move) -> None:
    """Judge a conversion of what is open in kind or equal value into cash, agreed or by the clock.

    Raises:
        RefusedError: it is of another amount.
    """
    open_minor = found.open(KIND) + found.open(EQUAL_VALUE)
    if (
        body.currency != found.currency
        or numbers.minor("amount", body.amount, found.currency) != open_minor
        or not open_minor
    ):
        wrong("amount", f"{body.amount} {body.currency}", f"`{numbers.money(open_minor, found.currency)}` {found.currency} is"
              " open in kind or equal value", "convert all of it, if any")  # fmt: skip


def disputed(found: Standing, body: Any, _move: Move) -> None:
    """Judge a dispute.

    Raises:
        RefusedError: its number or line is wrong, its code unknown, or it says nothing.
    """
    if not body.dispute_no or body.dispute_no in found.dispute_nos:
        wrong("dispute_no", body.dispute_no, "each dispute has a number of its own", "give another number")
    rules.require_one_of("code", body.code, rules.DISPUTES)
    if body.line_no is not None and body.line_no not in found.lines:
        wrong("line_no", body.line_no, "it is no line of the order", "name a line, or none")
    if not 0 < len(body.reason) <= _MAX_TEXT:
        wrong("reason", body.reason[:20], "a dispute says what is wrong", "say it in up to 4,000 characters")


def dispute_ended(found: Standing, body: Any, _move: Move) -> None:
    """Judge how a dispute ends.

    Raises:
        RefusedError: no such dispute is open, or the adjustment makes a debt of a credit.
    """
    if body.dispute_no not in found.disputes:
        wrong("dispute_no", body.dispute_no, "no such dispute is open", "see the order's disputes")
    adjustment = numbers.minor("adjustment", body.adjustment, found.currency)
    owed = sum(found.owed().values())
    if adjustment + owed < 0 or (adjustment and not owed):
        wrong("adjustment", body.adjustment, f"`{numbers.money(owed, found.currency)}` is owed", "lower it by no more")


def written_off(found: Standing, body: Any, _move: Move) -> None:
    """Judge a debt's end by its creditor.

    Raises:
        RefusedError: it is of another amount than what is open, or names no authority or reason.
    """
    owed = sum(found.owed().values())
    if owed <= 0 or numbers.minor("amount", body.amount, found.currency) != owed:
        wrong("amount", body.amount, f"`{numbers.money(owed, found.currency)}` is open", "write off just what is open")
    if not body.authority.strip() or not body.reason.strip():
        wrong("authority", body.authority, "a debt ends by a named authority and for a reason", "give both")


def closed(found: Standing, body: Any, _move: Move) -> None:
    """Judge a closing certificate.

    Raises:
        RefusedError: something is open or disputed, or it has no number.
    """
    if not body.certificate_no:
        wrong("certificate_no", body.certificate_no, "a certificate has a number", "give it one")
    _require_clear(found)
