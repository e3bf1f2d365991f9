"""Exact numbers: nothing rounds without saying so."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.domains.supply import numbers
from kizuna.domains.supply.numbers import EXPONENTS, UNITS
from kizuna.errors import RefusedError

currencies = st.sampled_from(sorted(EXPONENTS))
units = st.sampled_from(sorted(UNITS))
quantities = st.decimals(0, 10**9, places=9).map(lambda value: f"{value:f}")
prices = st.decimals(0, 10**3, places=6).map(lambda value: f"{value:f}")


@given(currencies, st.integers(-numbers.MAX_MINOR, numbers.MAX_MINOR))
def test_money_is_read_as_it_is_written(currency: str, minor: int) -> None:
    if abs(minor) < 10 ** (12 + EXPONENTS[currency]):
        assert numbers.minor("amount", numbers.money(minor, currency), currency) == minor


@given(quantities, prices, currencies)
def test_a_price_is_the_exact_product_with_its_rounding_beside_it(quantity: str, price: str, currency: str) -> None:
    worth, rounding = numbers.priced(Fraction(quantity), Fraction(price), currency)
    assert Fraction(worth) - Fraction(rounding) == Fraction(quantity) * Fraction(price)
    assert abs(Fraction(rounding)) * 10 ** EXPONENTS[currency] <= Fraction(1, 2)


@given(st.fractions(-(10**6), 10**6, max_denominator=64), st.fractions(0, 10**3, max_denominator=64), currencies)
def test_a_half_goes_to_the_even_minor_unit(amount: Fraction, price: Fraction, currency: str) -> None:
    assert numbers.whole_minor(amount, price, currency) == round(amount * price * 10 ** EXPONENTS[currency])


@given(quantities, units, units)
def test_conversion_there_and_back_is_the_same(quantity: str, one: str, other: str) -> None:
    amount = Fraction(quantity)
    if UNITS[one][0] == UNITS[other][0]:
        there = numbers.converted("unit", amount, one, other)
        assert numbers.converted("unit", there, other, one) == amount
    else:
        with pytest.raises(RefusedError, match=r"`unit` is `.*it measures .*use one of"):
            numbers.converted("unit", amount, one, other)


@given(st.fractions())
def test_a_number_is_spelled_without_loss(value: Fraction) -> None:
    assert Fraction(numbers.spelled(value)) == value


def test_units_are_what_their_definitions_say() -> None:
    assert numbers.converted("unit", Fraction(42), "us-gallon", "us-barrel") == 1
    assert numbers.converted("unit", Fraction(2000), "pound", "short-ton") == 1
    assert numbers.converted("unit", Fraction(2240), "pound", "long-ton") == 1
    assert numbers.converted("unit", Fraction(231 * 254**3, 100**3), "litre", "us-gallon") == 1000  # 231 cubic inches


@given(quantities, st.integers(-60, 100), st.integers(0, 1000))
def test_fuel_at_fifteen_degrees_is_itself_and_hotter_fuel_is_less(quantity: str, degrees: int, share: int) -> None:
    amount, slope = Fraction(quantity), Fraction(share, 100_000)
    assert numbers.at_standard(amount, Fraction(15), slope) == amount
    corrected = numbers.at_standard(amount, Fraction(degrees), slope)
    assert (corrected <= amount) == (degrees >= 15 or not slope or not amount)


@pytest.mark.parametrize(
    ("text", "currency", "said"),
    [
        ("1.5", "JPY", "`amount` is `1.5`: `JPY` has 0 decimals; state the rounding as its own part"),
        ("1,000.00", "INR", "a number is written as digits"),
        ("1e3", "INR", "a number is written as digits"),
        ("NaN", "INR", "a number is written as digits"),
        ("999999999999", "INR", "beyond what one order may reach; split the order"),
        ("1.00", "XXX", "`currency` is `XXX`: it is no currency of the ISO 4217 table"),
    ],
)
def test_bad_money_is_refused_by_field_value_rule_and_remedy(text: str, currency: str, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        numbers.minor("amount", text, currency)
    assert said in str(refused.value)


@pytest.mark.parametrize("text", ["", "-1", "1.", ".5", "1.0000000001", "1/3", "٣", "1 000", None, 5])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(RefusedError, match="a quantity is digits"):
        numbers.quantity("quantity", text)
