"""What is wrong with a step of an order up to its acceptance; `kizuna.domains.supply.guards` says when this is asked."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from kizuna.domains.supply import numbers, rules
from kizuna.domains.supply.numbers import wrong
from kizuna.domains.supply.standing import METHODS, Line, Standing
from kizuna.kernel.casework import Move

_SKEW_MS = 3_600_000


def person(actor: str) -> str:
    """Return who an actor is, whatever the role: the second part of `officer:<id>:<role>`."""
    return actor.split(":")[1] if actor.startswith("officer:") else actor


# --- ordering ---------------------------------------------------------------------------------------------------------------------


def requested(found: Standing, body: Any, move: Move) -> None:
    """Judge an order's own content.

    Raises:
        RefusedError: a field is wrong, or one person both drafted and signed it.
    """
    if found.asked is not None:
        wrong("order_no", body.order_no, "an order number is used once, for ever", "take the next number")
    party = rules.parts_of(body.order_no)[0]
    if body.provider == party:
        wrong("provider", body.provider, "nobody orders from itself", "name the partner")
    rules.require_lines(body.lines)
    rules.require_window(body.window_from_ms, body.window_to_ms)
    rules.require_position(body.lat_600000, body.lon_600000)
    rules.require_one_of("method", body.method, METHODS)
    numbers.exponent("currency", body.currency)
    if person(body.drafted_by) == person(move.step.actor):
        wrong(
            "drafted_by", body.drafted_by, "who drafts an order does not sign it", "let another authorised officer sign"
        )


def _priced_lines(found: Standing, lines: Iterable[Any], total: str) -> None:
    """Judge offered lines: each is one that was asked for, and prices and total are exact."""
    seen: set[int] = set()
    currency, total_minor = found.currency, 0
    for given in lines:
        field = f"lines[{given.line_no}]"
        line = found.lines.get(given.line_no)
        if line is None or given.line_no in seen:
            wrong(
                f"{field}.line_no",
                given.line_no,
                "it is no line of the order, or stands twice",
                "see the order's lines",
            )
        seen.add(given.line_no)
        amount = numbers.quantity(f"{field}.quantity", given.quantity)
        asked = Fraction(line.ask.quantity)
        if amount > asked:
            wrong(
                f"{field}.quantity", given.quantity, f"`{line.ask.quantity}` was asked for", "offer no more than that"
            )
        if not 0 <= given.tolerance_permille <= 1000:  # noqa: PLR2004 # thousandths
            wrong(f"{field}.tolerance_permille", given.tolerance_permille, "it is 0 to 1000", "give thousandths")
        require_price(field, amount, given, currency)
        numbers.minor(f"{field}.tax_waived", given.tax_waived, currency)
        total_minor += numbers.minor(f"{field}.extended_price", given.extended_price, currency)
    if not seen:
        wrong("lines", "none", "an offer has a line", "offer a line, or decline the order")
    require_total("total", total, total_minor, currency)


def require_price(field: str, amount: Fraction, given: Any, currency: str) -> None:
    """Accept the price of an amount: the extended price and its rounding are exact.

    Raises:
        RefusedError: they are not; says what they are.
    """
    price = numbers.price(f"{field}.unit_price", given.unit_price)
    worth, rounding = numbers.priced(amount, price, currency)
    if (given.extended_price, given.rounding) != (worth, rounding):
        wrong(
            f"{field}.extended_price", f"{given.extended_price} with rounding {given.rounding}",
            f"`{numbers.spelled(amount)}` at `{given.unit_price}` is `{worth}` with rounding `{rounding}`", "state just that",
        )  # fmt: skip


def require_total(field: str, total: str, expected_minor: int, currency: str) -> None:
    """Accept a sum.

    Raises:
        RefusedError: the lines sum to another amount.
    """
    if numbers.minor(field, total, currency) != expected_minor:
        wrong(field, total, f"the lines sum to `{numbers.money(expected_minor, currency)}`", "state that sum")


def whole(_found: Standing, _body: Any, _move: Move) -> None:
    """Judge a step of which nothing but its wholeness matters, which is judged for all."""


def declined(_found: Standing, body: Any, _move: Move) -> None:
    """Judge a refusal to provide.

    Raises:
        RefusedError: its code is unknown.
    """
    rules.require_one_of("code", body.code, rules.DECLINED)


def offered(found: Standing, body: Any, move: Move) -> None:
    """Judge an offer.

    Raises:
        RefusedError: a line, a price, the total, the window or a condition is wrong.
    """
    _priced_lines(found, body.lines, body.total)
    rules.require_window(body.window_from_ms, body.window_to_ms)
    if body.terms != found.asked.terms:
        wrong("terms", body.terms[:16], "the order was asked under other terms", "offer under those that it names")
    if not move.step.at_ms < body.valid_until_ms < rules.LAST_MS:
        wrong("valid_until_ms", body.valid_until_ms, "an offer ends after it is made", "give a later instant")
    rules.require_deadlines(body.conditions.deadlines)
    if body.conditions.volume_share_per_c is not None:
        rules.require_share(body.conditions.volume_share_per_c)


def agreed(found: Standing, body: Any, move: Move) -> None:
    """Judge what both are to sign: the last offer, in time, within the ceilings that are stored with it.

    Raises:
        RefusedError: it is another offer, has expired, or passes a ceiling.
    """
    if body.offer != found.offer_id:
        wrong("offer", body.offer[:16], "it is not the last offer", f"sign `{found.offer_id[:16]}`")
    if move.step.at_ms >= found.offer.valid_until_ms:
        wrong("offer", body.offer[:16], "the offer has expired", "ask for a new one")
    require_total("total", body.total, found.total_minor, found.currency)
    total = found.total_minor
    before = numbers.minor("open_before", body.open_before, found.currency)
    if body.ceiling_per_order is not None and total > numbers.minor("ceiling", body.ceiling_per_order, found.currency):
        wrong(
            "total", body.total, f"one order may reach `{body.ceiling_per_order}`", "order less, or split it lawfully"
        )
    if body.ceiling_per_year is not None and before + total > numbers.minor(
        "ceiling", body.ceiling_per_year, found.currency
    ):
        wrong(
            "total", body.total, f"with `{body.open_before}` open it passes the year's ceiling `{body.ceiling_per_year}`",
            "settle something first",
        )  # fmt: skip


def amended(found: Standing, body: Any, _move: Move) -> None:
    """Judge a change of what was agreed.

    Raises:
        RefusedError: a line, a price, the total or the window is wrong.
    """
    _priced_lines(found, body.lines, body.total)
    rules.require_window(body.window_from_ms, body.window_to_ms)


# --- delivery ---------------------------------------------------------------------------------------------------------------------


def _measured(found: Standing, given: Any) -> tuple[Line, Fraction]:
    field = f"lines[{given.line_no}]"
    line = found.lines.get(given.line_no)
    if line is None or not line.offered:
        wrong(f"{field}.line_no", given.line_no, "no such line was agreed", "see the order's lines")
    numbers.converted(f"{field}.unit", numbers.quantity(f"{field}.quantity", given.quantity), given.unit, line.ask.unit)
    if given.temperature_c is not None:
        degrees = numbers.decimal(f"{field}.temperature_c", given.temperature_c)
        if not -60 <= degrees <= 100:  # noqa: PLR2004 # what fuel is ever delivered at
            wrong(f"{field}.temperature_c", given.temperature_c, "it is -60 to 100", "give degrees Celsius")
    elif line.ask.basis == "standard":
        wrong(f"{field}.temperature_c", "none", "the line counts fuel at 15 degrees", "give the temperature measured")
    return line, found.measured(line, given)


def require_past(field: str, at_ms: int, move: Move) -> None:
    """Accept that something has happened, an hour of clocks apart.

    Raises:
        RefusedError: it lies in the future of who says it.
    """
    if not 0 < at_ms <= move.step.at_ms + _SKEW_MS:
        wrong(field, at_ms, "it is said before it has happened", "say it afterwards")


def require_distinct(lines: Iterable[Any]) -> None:
    """Accept lines that stand once each.

    Raises:
        RefusedError: there is none, or one stands twice.
    """
    held = [given.line_no for given in lines]
    if not held or len(set(held)) < len(held):
        wrong("lines", held, "each line stands once, and one at least", "name each line once")


def delivered(found: Standing, body: Any, move: Move) -> None:
    """Judge a delivery.

    Raises:
        RefusedError: a line was not agreed, or more is delivered than was ordered with its tolerance.
    """
    require_distinct(body.lines)
    require_past("delivered_at_ms", body.delivered_at_ms, move)
    for given in body.lines:
        line, amount = _measured(found, given)
        if given.density_kg_m3 is not None:
            numbers.quantity(f"lines[{given.line_no}].density_kg_m3", given.density_kg_m3)
        if line.delivered + amount > line.most:
            wrong(
                f"lines[{given.line_no}].quantity", given.quantity,
                f"with `{numbers.spelled(line.delivered)}` delivered before it passes `{numbers.spelled(line.most)}` {line.ask.unit}",
                "deliver no more, or agree an amendment first",
            )  # fmt: skip


def accepted(found: Standing, body: Any, move: Move) -> None:
    """Judge an acceptance: of all that was delivered, line by line, and what lacks has a reason.

    Raises:
        RefusedError: a delivery or line is not covered, more is accepted than was delivered, or a discrepancy has no code.
    """
    require_distinct(body.lines)
    require_past("accepted_at_ms", body.accepted_at_ms, move)
    if sorted(body.deliveries) != sorted(found.deliveries):
        wrong(
            "deliveries",
            body.deliveries,
            "it names other deliveries than were made",
            "accept all of them, by record id",
        )
    delivered_lines = {number for number, line in found.lines.items() if line.delivered}
    missing = delivered_lines ^ {given.line_no for given in body.lines}
    if missing:
        wrong(
            "lines", sorted(missing), "these were delivered and not judged, or the reverse", "judge each delivered line"
        )
    for given in body.lines:
        line, amount = _measured(found, given)
        field = f"lines[{given.line_no}]"
        if amount > line.delivered:
            wrong(f"{field}.quantity", given.quantity, f"`{numbers.spelled(line.delivered)}` was delivered",
                  "accept no more than that")  # fmt: skip
        rules.require_one_of(f"{field}.discrepancy", given.discrepancy, ("", *rules.DISCREPANCIES))
        if (amount < line.delivered) != bool(given.discrepancy):
            wrong(f"{field}.discrepancy", given.discrepancy, "what lacks needs a reason, and what does not has none",
                  f"give one of {', '.join(rules.DISCREPANCIES)} where less is accepted")  # fmt: skip
