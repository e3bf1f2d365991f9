"""Judgements on pledges, seats and money. Pure: no store, no clock; sums are exact and stay in their currencies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from kizuna.errors import RecordError, RefusedError
from kizuna.kernel.instrument import limited_date

_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD"
    " EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL"
    " MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR"
    " SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG"
)
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS = dict.fromkeys(_TWO.split(), 2) | dict.fromkeys(_NONE.split(), 0) | dict.fromkeys(_THREE.split(), 3)
"""ISO 4217: how many digits a currency's amounts have after the point."""
is_person = re.compile(r"[a-z][a-z0-9]{1,31}-p-[0-9]{1,9}").fullmatch
"""A pseudonym: the nominating party, `-p-`, a number. A name does not fit, so none can cross by mistake."""


def check_money(amount: str, currency: str, field: str = "amount") -> None:
    """Accept an amount of a currency.

    Raises:
        RefusedError: the currency is none of ISO 4217, or the amount has more digits than its currency.
    """
    digits = EXPONENTS.get(currency)
    if digits is None:
        raise RefusedError(f"`currency`: `{currency[:20]}` is no currency of ISO 4217: write it like `USD` or `JPY`")
    if len(amount.partition(".")[2]) > digits:
        raise RefusedError(
            f"`{field}`: `{amount}` {currency} has more than {digits} digits after the point: round it yourself and say so"
        )


def check_day(text: str, field: str) -> None:
    """Accept a date that may be imprecise.

    Raises:
        RefusedError: it is none.
    """
    fault = date_fault(text, field)
    if fault:
        raise RefusedError(fault)


def date_fault(text: object, field: str) -> str:
    """Return what is wrong with a date, or nothing; what is left out is not wrong."""
    if not isinstance(text, str):
        return ""
    try:
        limited_date(text)
    except RecordError as error:
        return f"`{field}`: {error}"
    return ""


def day_of(text: object) -> str:
    """Return a date that is known to the day, else nothing."""
    if not isinstance(text, str) or date_fault(text, ""):
        return ""
    found = limited_date(text)
    return found.value if found.precision == "day" else ""


def sums(amounts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the exact sum of amounts, given with their currencies, for each currency; none is converted into another."""
    found: dict[str, Decimal] = {}
    for amount, currency in amounts:
        found[currency] = found.get(currency, Decimal(0)) + Decimal(amount)
    return {currency: _plain(found[currency]) for currency in sorted(found)}


def missing(whole: dict[str, str], part: dict[str, str]) -> dict[str, str]:
    """Return what of each currency's whole the part does not cover; more than the whole leaves nothing."""
    left = {currency: Decimal(amount) - Decimal(part.get(currency, "0")) for currency, amount in whole.items()}
    return {currency: _plain(amount) for currency, amount in left.items() if amount > 0}


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def counted(rule: str, delivered: Iterable[tuple[str, str]]) -> int:
    """Return how many of the delivered seats, given as course and person, count: each person once a course, or each seat.

    Raises:
        RefusedError: the rule says neither.
    """
    seats = list(delivered)
    if rule == "persons":
        return len(set(seats))
    if rule == "seats":
        return len(seats)
    raise RefusedError(f"counting rule `{rule[:20]}` does not say what counts: use `persons` or `seats`")
