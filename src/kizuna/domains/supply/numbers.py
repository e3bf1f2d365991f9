"""Exact numbers: quantities as rationals, money as whole minor units, fuel at standard temperature. Nothing here rounds without saying so.

Money follows ISO 4217: an amount has just as many decimals as its currency's minor unit (list one of the standard's maintenance agency). Units are
exact by definition: the litre, kilogram and metre of the SI brochure; the gallons, barrel, pound and tons by their definitions in NIST SP 811,
appendix B.

Fuel is corrected to 15 degrees Celsius by a straight line, `V15 = V * (1 - a * (t - 15))`: the first-order part of what ISO 91 and ASTM D1250
tabulate. Those tables are not reproduced here; `a`, the share of the volume for each degree, is configuration that both parties state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import NoReturn

from kizuna.errors import RefusedError

EXPONENTS: Mapping[str, int] = {
    "AED": 2, "AUD": 2, "BDT": 2, "BHD": 3, "BND": 2, "CAD": 2, "CNY": 2, "DJF": 0, "EUR": 2, "FJD": 2, "GBP": 2, "HKD": 2, "IDR": 2,
    "INR": 2, "JPY": 0, "KES": 2, "KRW": 0, "KWD": 3, "LKR": 2, "MVR": 2, "MUR": 2, "MYR": 2, "NZD": 2, "OMR": 3, "PGK": 2, "PHP": 2,
    "QAR": 2, "SAR": 2, "SCR": 2, "SGD": 2, "THB": 2, "USD": 2, "VND": 0, "XPF": 0, "ZAR": 2,
}  # fmt: skip
"""Decimals of each currency's minor unit, by ISO 4217."""
_MINORS = (1, 10, 100, 1000)
"""How many minor units a unit of a currency has, by its decimals."""
UNITS: Mapping[str, tuple[str, Fraction]] = {
    "litre": ("volume", Fraction(1)),
    "kilolitre": ("volume", Fraction(1000)),
    "m3": ("volume", Fraction(1000)),
    "us-gallon": ("volume", Fraction("3.785411784")),
    "imperial-gallon": ("volume", Fraction("4.54609")),
    "us-barrel": ("volume", Fraction("158.987294928")),
    "kg": ("mass", Fraction(1)),
    "gram": ("mass", Fraction(1, 1000)),
    "tonne": ("mass", Fraction(1000)),
    "pound": ("mass", Fraction("0.45359237")),
    "short-ton": ("mass", Fraction("907.18474")),
    "long-ton": ("mass", Fraction("1016.0469088")),
    "metre": ("length", Fraction(1)),
    "foot": ("length", Fraction("0.3048")),
    "hour": ("time", Fraction(1)),
    "day": ("time", Fraction(24)),
    "each": ("count", Fraction(1)),
    "dozen": ("count", Fraction(12)),
    "person-day": ("person-time", Fraction(1)),
    "service": ("service", Fraction(1)),
}
"""Units of issue: what they measure, and how much of it in litres, kilograms, metres, hours or pieces."""
STANDARD_C = Fraction(15)
MAX_MINOR = 10**13
"""The largest amount in minor units that one order may reach: a hundred thousand million of a currency with two decimals."""
_DECIMAL = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?", re.ASCII).fullmatch
_QUANTITY = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", re.ASCII).fullmatch
_PLACES = 9
_PRICE_PLACES = 6


def wrong(field: str, value: object, rule: str, remedy: str) -> NoReturn:
    """Refuse a value.

    Raises:
        RefusedError: always; names field, value, rule and remedy.
    """
    raise RefusedError(f"`{field}` is `{str(value)[:80]}`: {rule}; {remedy}")


@lru_cache(maxsize=4096)
def exact(text: str) -> Fraction:
    """Return the number that a text spells, of which it is known that it does: the same few stand in each step of an order."""
    return Fraction(text)


def decimal(field: str, text: object) -> Fraction:
    """Return a decimal number exactly.

    Raises:
        RefusedError: it is not written as up to twelve digits with up to nine decimals.
    """
    if not isinstance(text, str) or not _DECIMAL(text):
        wrong(field, text, "a number is written as digits with up to nine decimals", "write it like `1200.5`")
    return exact(text)


def quantity(field: str, text: object) -> Fraction:
    """Return a quantity exactly; see `decimal`, and it is not negative."""
    if not isinstance(text, str) or not _QUANTITY(text):
        wrong(field, text, "a quantity is digits with up to nine decimals, and not negative", "write it like `1200.5`")
    return exact(text)


def spelled(value: Fraction) -> str:
    """Return a number exactly: as a decimal where nine decimals hold it, else as a fraction `7/3`."""
    scaled = value * 10**_PLACES
    if scaled.denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    whole, rest = divmod(abs(scaled.numerator), 10**_PLACES)
    tail = f".{rest:0{_PLACES}}".rstrip("0").rstrip(".")
    return f"{'-' if value < 0 else ''}{whole}{tail}"


# --- units ------------------------------------------------------------------------------------------------------------------------


def require_unit(field: str, unit: object) -> None:
    """Accept a unit of issue.

    Raises:
        RefusedError: the table has no such unit.
    """
    if unit not in UNITS:
        wrong(field, unit, "it is no unit of the table", f"use one of {', '.join(UNITS)}")


def converted(field: str, amount: Fraction, unit: str, into: str) -> Fraction:
    """Return an amount in another unit, exactly.

    Raises:
        RefusedError: a unit is unknown, or they do not measure the same.
    """
    require_unit(field, unit)
    require_unit(field, into)
    (kind, size), (other, base) = UNITS[unit], UNITS[into]
    if kind != other:
        fitting = ", ".join(name for name, (measures, _) in UNITS.items() if measures == other)
        wrong(field, unit, f"it measures {kind}, and the order's `{into}` measures {other}", f"use one of {fitting}")
    return amount if unit == into else amount * size / base


def at_standard(amount: Fraction, temperature_c: Fraction, share_per_c: Fraction) -> Fraction:
    """Return a volume of fuel at 15 degrees Celsius, from the volume observed at a temperature; see the module's note on the formula."""
    return amount * (1 - share_per_c * (temperature_c - STANDARD_C))


# --- money ------------------------------------------------------------------------------------------------------------------------


def exponent(field: str, currency: object) -> int:
    """Return how many decimals a currency has.

    Raises:
        RefusedError: it is not one of the table.
    """
    found = EXPONENTS.get(currency) if isinstance(currency, str) else None
    if found is None:
        wrong(
            field, currency, "it is no currency of the ISO 4217 table held here", f"use one of {', '.join(EXPONENTS)}"
        )
    return found


def minor(field: str, text: object, currency: str) -> int:
    """Return an amount in minor units (paise, yen, cents).

    Raises:
        RefusedError: it is no number, has more decimals than the currency, or is beyond `MAX_MINOR`.
    """
    places = exponent("currency", currency)
    value = decimal(field, text)
    scaled, rest = divmod(value.numerator * _MINORS[places], value.denominator)
    if rest:
        wrong(
            field,
            text,
            f"`{currency}` has {places} decimals",
            "state the rounding as its own part, never inside an amount",
        )
    if abs(scaled) > MAX_MINOR:
        wrong(field, text, "it is beyond what one order may reach", "split the order")
    return scaled


def money(amount_minor: int, currency: str) -> str:
    """Return minor units as the amount that people write, with all decimals of the currency: `1200.50`."""
    places = EXPONENTS[currency]
    whole, rest = divmod(abs(amount_minor), 10**places)
    return f"{'-' if amount_minor < 0 else ''}{whole}" + (f".{rest:0{places}}" if places else "")


def price(field: str, text: object) -> Fraction:
    """Return a price of one unit, up to six decimals.

    Raises:
        RefusedError: it is no such number, or negative.
    """
    found = quantity(field, text)
    if (found * 10**_PRICE_PLACES).denominator != 1:
        wrong(field, text, "a unit price has up to six decimals", "state it so, or price a larger unit")
    return found


def whole_minor(amount: Fraction, unit_price: Fraction, currency: str) -> int:
    """Return amount times price in whole minor units, half to even."""
    over = amount.numerator * unit_price.numerator * _MINORS[EXPONENTS[currency]]
    under = amount.denominator * unit_price.denominator
    whole, rest = divmod(over, under)
    return whole + (2 * rest > under or (2 * rest == under and whole % 2 == 1))


def extended(amount: Fraction, unit_price: Fraction, currency: str) -> tuple[int, Fraction]:
    """Return amount times price in whole minor units, half to even, and what the rounding added, in minor units, exactly."""
    whole = whole_minor(amount, unit_price, currency)
    return whole, whole - amount * unit_price * 10 ** EXPONENTS[currency]


def priced(amount: Fraction, unit_price: Fraction, currency: str) -> tuple[str, str]:
    """Return what an amount costs and what the rounding added, both as text in the currency."""
    whole, rounding = extended(amount, unit_price, currency)
    return money(whole, currency), spelled(rounding / 10 ** EXPONENTS[currency])
