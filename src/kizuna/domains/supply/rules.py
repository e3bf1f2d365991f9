"""Judgements on orders and terms: pure functions that refuse with field, value, rule and remedy, or return what they found.

What depends on the terms that both parties stated is judged where an officer acts (`require_permitted`); what a step itself can show is judged by
the guards, on both sides alike.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import msgspec

from kizuna.domains.supply import numbers
from kizuna.domains.supply.numbers import wrong
from kizuna.domains.supply.records import DeadlineTerm, OrderLine, TermsStated
from kizuna.domains.supply.standing import METHODS
from kizuna.errors import RefusedError
from kizuna.kernel import canonical
from kizuna.kernel.deadline import CALENDARS, day_of, moment_of
from kizuna.kernel.instrument import Agreement
from kizuna.kernel.intervals import contains
from kizuna.kernel.label import is_date

NEVER = ("ammunition", "arms", "explosives", "munitions", "weapons")
"""Categories that no terms can permit: the agreement's public text has none of them; where reports contradict one another, deny meanwhile."""
NSN_NEVER = ("10", "11", "13", "14")
"""Supply groups of the NATO codification system that are never ordered: weapons, nuclear ordnance, ammunition and explosives, guided missiles."""
DECLINED = ("not-available", "not-permitted", "no-capacity", "price", "operational", "other")
DISCREPANCIES = ("short", "damaged", "wrong-item", "quality", "late", "other")
DISPUTES = ("quantity", "quality", "price", "delivery", "settlement", "other")
DUTIES = ("order", "offer", "accept", "invoice", "pay", "receive", "write-off")
ACTS = ("convert", "escalate", "overdue")
BASES = ("counted", "observed", "standard")
MAX_LINES = 100
MAX_OFFSET = 3650
LAST_MS = 4_102_444_800_000
"""The first instant of 2100: no instant of an order lies beyond."""
_ORDER_NO = re.compile(r"([a-z][a-z0-9-]{1,30})-([0-9]{4})-([a-z]{2,16})-([0-9]{4,8})", re.ASCII).fullmatch
_NSN = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9A-Za-z]{3}-?[0-9A-Za-z]{4}", re.ASCII).fullmatch
_VOLUME = "volume"


def order_no(party: str, year: int, service: str, sequence: int) -> str:
    """Return the number of an order: party, fiscal year, service, sequence."""
    return f"{party}-{year:04}-{service}-{sequence:04}"


def parts_of(number: str) -> tuple[str, int, str, int]:
    """Return party, fiscal year, service and sequence of an order's number.

    Raises:
        RefusedError: it is not made like one.
    """
    found = _ORDER_NO(number)
    if found is None:
        wrong(
            "order_no", number, "it is party, fiscal year, service and sequence", "write it like `ind-2026-navy-0007`"
        )
    return found[1], int(found[2]), found[3], int(found[4])


def fiscal_year(at_ms: int, from_month: int) -> int:
    """Return the fiscal year, named by the calendar year in which it begins."""
    day = moment_of(at_ms)
    return day.year if day.month >= from_month else day.year - 1


def require_day(field: str, text: object) -> str:
    """Accept a day `YYYY-MM-DD` and return it.

    Raises:
        RefusedError: there is no such day.
    """
    if not isinstance(text, str) or not is_date(text):
        wrong(field, text, "it is no day", "write it like `2026-04-01`")
    return text


def require_one_of(field: str, value: object, allowed: Iterable[str]) -> None:
    """Accept one of a few words.

    Raises:
        RefusedError: it is none of them.
    """
    words = tuple(allowed)
    if value not in words:
        wrong(field, value, "it is not in the list", f"use one of {', '.join(words) or 'none: the list is empty'}")


def require_window(from_ms: int, to_ms: int) -> None:
    """Accept a half-open window of time.

    Raises:
        RefusedError: it ends before it begins, or lies outside the calendar that is kept here.
    """
    if not 0 < from_ms < to_ms < LAST_MS:
        wrong(
            "window_to_ms", to_ms, f"the window from `{from_ms}` must end after it begins and before 2100",
            "give both ends in order",
        )  # fmt: skip


def require_position(lat_600000: int | None, lon_600000: int | None) -> None:
    """Accept a position in 1/600000 degree, or none at all.

    Raises:
        RefusedError: one half of it is missing, or it lies on no globe.
    """
    if (lat_600000 is None) != (lon_600000 is None):
        wrong("lon_600000", lon_600000, "a position has both latitude and longitude", "give both or none")
    for field, value, most in (("lat_600000", lat_600000, 90), ("lon_600000", lon_600000, 180)):
        if value is not None and abs(value) > most * 600_000:
            wrong(field, value, f"it is beyond {most} degrees", "give 1/600000 degree")


# --- lines ------------------------------------------------------------------------------------------------------------------------


def require_lines(lines: Iterable[OrderLine]) -> None:
    """Accept the lines of an order, as far as they themselves show.

    Raises:
        RefusedError: there is none or too many, a number stands twice, one is never permitted, or a field is malformed.
    """
    held = tuple(lines)
    if not 0 < len(held) <= MAX_LINES:
        wrong("lines", len(held), f"an order has 1 to {MAX_LINES} lines", "add a line, or split the order")
    numbers_seen: set[int] = set()
    for line in held:
        field = f"lines[{line.line_no}]"
        if line.line_no in numbers_seen or not 0 < line.line_no <= MAX_LINES * 10:
            wrong(f"{field}.line_no", line.line_no, "each line has a number of its own from 1 on", "number the lines")
        numbers_seen.add(line.line_no)
        _require_line(field, line)


def require_item(field: str, line: Any) -> None:
    """Accept what a line of an order, a stock or a price list names by `category`, `nsn`, `description` and `unit`.

    Raises:
        RefusedError: it is arms or ammunition, has no words, or a stock number or unit is none.
    """
    if line.category in NEVER or any(word in line.category.split("-") for word in NEVER):
        wrong(f"{field}.category", line.category, "arms and ammunition are never ordered here", "take the line out")
    if line.nsn and not _NSN(line.nsn):
        wrong(f"{field}.nsn", line.nsn, "a stock number has thirteen digits", "write it like `9140-00-286-5294`")
    if line.nsn[:2] in NSN_NEVER:
        wrong(f"{field}.nsn", line.nsn, f"supply group `{line.nsn[:2]}` is weapons or ammunition", "take the line out")
    if not line.description.strip():
        wrong(f"{field}.description", line.description, "a line says what is wanted", "describe it in a few words")
    numbers.require_unit(f"{field}.unit", line.unit)


def _require_line(field: str, line: OrderLine) -> None:
    require_item(field, line)
    if not numbers.quantity(f"{field}.quantity", line.quantity):
        wrong(f"{field}.quantity", line.quantity, "a line asks for more than nothing", "give a quantity above 0")
    require_one_of(f"{field}.basis", line.basis, BASES)
    if line.basis == "standard" and numbers.UNITS[line.unit][0] != _VOLUME:
        wrong(f"{field}.basis", line.basis, f"`{line.unit}` measures no volume", "use `counted`, or a unit of volume")


# --- terms ------------------------------------------------------------------------------------------------------------------------


def version(terms: TermsStated) -> str:
    """Return what both parties' statements have in common: the SHA-256 of the terms' canonical bytes, in hex."""
    return hashlib.sha256(canonical.encode(terms)).hexdigest()


def require_deadlines(deadlines: Iterable[DeadlineTerm]) -> None:
    """Accept what happens by when.

    Raises:
        RefusedError: an act, method or calendar is unknown, or the count is not one.
    """
    for term in deadlines:
        require_one_of("deadlines.act", term.act, ACTS)
        require_one_of("deadlines.calendar", term.calendar, CALENDARS)
        require_one_of("deadlines.method", term.method, ("", *METHODS))
        if not 0 < term.offset <= MAX_OFFSET:
            wrong("deadlines.offset", term.offset, f"it counts 1 to {MAX_OFFSET} from delivery", "give such a number")
        if not term.rule:
            wrong("deadlines.rule", term.rule, "a deadline names its rule", "name the clause, or say `example`")


def require_terms(terms: TermsStated) -> None:
    """Accept terms that a party is about to state.

    Raises:
        RefusedError: one of them is malformed, or permits what never is.
    """
    made: Any = terms
    require_day("valid_from_on", made.valid_from_on)
    if made.valid_to_on is not None and require_day("valid_to_on", made.valid_to_on) <= made.valid_from_on:
        wrong("valid_to_on", made.valid_to_on, f"it is not after `{made.valid_from_on}`", "give a later day, or none")
    _require_named_terms(made)
    require_deadlines(made.deadlines)
    if made.volume_share_per_c is not None:
        require_share(made.volume_share_per_c)
    if not 0 <= made.tolerance_permille <= 1000:  # noqa: PLR2004 # a thousandth of a thousandth
        wrong("tolerance_permille", made.tolerance_permille, "it is 0 to 1000", "give thousandths of the quantity")
    if not 1 <= made.fiscal_year_from_month <= 12:  # noqa: PLR2004 # months
        wrong("fiscal_year_from_month", made.fiscal_year_from_month, "it is a month", "give 1 to 12")


def _require_named_terms(made: Any) -> None:
    for item in made.categories:
        if item.id in NEVER:
            wrong(
                "categories", item.id, "no terms permit arms or ammunition", "take it out, or list it as an exclusion"
            )
    for method in made.methods:
        require_one_of("methods", method, METHODS)
    for currency in made.currencies:
        numbers.exponent("currencies", currency)
    for ceiling in made.ceilings:
        for field in ("per_order", "per_year"):
            value = getattr(ceiling, field)
            if value is not None:
                numbers.minor(f"ceilings.{field}", value, ceiling.currency)


def require_share(share: str) -> None:
    """Accept the share by which a volume of fuel changes for each degree.

    Raises:
        RefusedError: it is not a small decimal.
    """
    if not 0 <= numbers.decimal("volume_share_per_c", share) <= Fraction(1, 100):
        wrong("volume_share_per_c", share, "fuel changes by less than a hundredth for a degree", "write `0.00084`, say")


def require_in_force(
    agreements: Iterable[Agreement], arrangement: str, parties: Iterable[str], at_ms: int, what: str
) -> None:
    """Accept an order's arrangement at an instant.

    Raises:
        RefusedError: it is held by neither name nor pair, or is not in force then.
    """
    pair = set(parties)
    held = [each for each in agreements if each.instrument.id == arrangement and pair <= set(each.instrument.parties)]
    if not held:
        wrong(
            "arrangement", arrangement, f"no such agreement between {', '.join(sorted(pair))} is held", "load it first"
        )
    if any(contains(each.in_force, at_ms) and not contains(each.suspended, at_ms) for each in held):
        return
    day = day_of(at_ms)
    known = next((each.instrument.in_force_on.value for each in held if each.in_force), "")
    said = f"in force from {known}" if known else held[0].note or "not in force"
    wrong(
        what, day, f"`{arrangement}` is not in force on that day: {said}", "give a day on which it is, or see its state"
    )


def require_permitted(order: Any, terms: TermsStated, at_ms: int) -> None:
    """Accept an order under terms: activity, categories, method and currency are all named by them, and nothing is excluded.

    Raises:
        RefusedError: one is not.
    """
    made: Any = terms
    day = day_of(at_ms)
    if day < made.valid_from_on or (made.valid_to_on is not None and day >= made.valid_to_on):
        wrong(
            "terms", order.terms[:16], f"they hold from {made.valid_from_on} on, and not on {day}", "state newer terms"
        )
    activities: Mapping[str, Any] = {item.id: item for item in made.activities}
    excluded = {item.id for item in made.exclusions}
    _require_named("activity", order.activity, activities, excluded)
    if activities[order.activity].needs_legal_basis and not order.legal_basis.strip():
        wrong(
            "legal_basis",
            order.legal_basis,
            f"`{order.activity}` needs the law that permits it",
            "name the law and clause",
        )
    categories = {item.id: item for item in made.categories}
    for line in order.lines:
        _require_named(f"lines[{line.line_no}].category", line.category, categories, excluded)
        if line.basis == "standard" and made.volume_share_per_c is None:
            wrong(f"lines[{line.line_no}].basis", line.basis, "no terms say how fuel expands", "use `observed`")
    if not made.methods:
        wrong("method", order.method, "no terms name a way of settling", "agree on one and state it in the terms first")
    require_one_of("method", order.method, made.methods)
    require_one_of("currency", order.currency, made.currencies)


def _require_named(field: str, value: str, allowed: Mapping[str, Any], excluded: Iterable[str]) -> None:
    if value in excluded:
        wrong(field, value, "the agreement's rules exclude it", "take it out")
    if value not in allowed:
        wrong(field, value, "the agreement's rules do not name it, and what is not named is denied",
              f"use one of {', '.join(allowed) or 'none: the terms name none'}")  # fmt: skip


def ceiling_of(terms: TermsStated, currency: str) -> tuple[str | None, str | None]:
    """Return the ceilings of one order and of what is open within a year, or None where the terms name none."""
    made: Any = terms
    found = next((each for each in made.ceilings if each.currency == currency), None)
    return (found.per_order, found.per_year) if found is not None else (None, None)


def require_whole(body: Any) -> None:
    """Accept a payload of which nothing is withheld.

    Raises:
        RefusedError: a part is: nobody is bound by what it never saw.
    """
    for name in body.__struct_fields__:
        if getattr(body, name) is msgspec.UNSET:
            raise RefusedError(f"`{name}` is withheld: a step of an order shows all of its facts")
