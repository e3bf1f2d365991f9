"""Stock tables and price lists: read whole or not at all, written out as they were read, and used to price an offer."""

from __future__ import annotations

import pytest

from kizuna.domains.supply import DOMAIN as SUPPLY
from kizuna.errors import KizunaError, RefusedError
from kizuna.sim.federation import SimNode
from tests.sim.supply_world import UNIT, ask, draft, operate, pair, rows

HELD = """category,description,quantity,unit,nsn,condition_code
petroleum-oils-lubricants,F-76 naval distillate fuel,1200000.5,litre,9140-00-273-2377,A
water,fresh water,0,m3,,
"""
PRICES = """category,description,unit,unit_price,nsn
petroleum-oils-lubricants,Fuel F-76,litre,71.2535,9140002732377
water,Fresh water,m3,95,
"""


def nothing_said(node: SimNode) -> bool:
    return rows(node, ("supply_stock", "supply_price")) == [[], []]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "water,x,1,m3,123,",
            "csv:4: `row.nsn` is `123`: a stock number has thirteen digits; write it like `9140-00-286-5294`",
        ),
        ("ammunition,x,1,m3,,", "csv:4: `row.category` is `ammunition`: arms and ammunition are never ordered here"),
        ("water,x,-1,m3,,", "csv:4: `quantity` is `-1`: a quantity is digits"),
        ("water,x,1,barrel-ish,,", "csv:4: `row.unit` is `barrel-ish`: it is no unit of the table"),
        ("water,x,,m3,,", "csv:4: `quantity` is ``: it is empty; fill the cell"),
        (
            "water,Fresh Water,3,m3,,",
            "csv:4: `description` is `Fresh Water`: row 3 says it already; say each thing once",
        ),
        ("water,x,1", "csv:4: has 3 cells, the header has 6: mend the row"),
    ],
)
def test_half_a_table_changes_nothing_and_says_line_field_value_rule_and_remedy(line: str, said: str) -> None:
    _, india, _ = pair(f"half {line}")
    with pytest.raises(KizunaError) as refused:
        operate(india, "load-stock", UNIT, place="Chennai", csv=f"{HELD}{line}\n")
    assert said in str(refused.value)
    assert nothing_said(india)


def test_a_table_comes_back_as_it_went_stays_at_home_and_its_prices_are_offered() -> None:
    federation, india, japan = pair("stock and prices")
    operate(india, "load-stock", UNIT, place="Chennai", csv=HELD, counted_on="2026-09-01")
    operate(india, "load-stock", UNIT, place="Visakhapatnam", csv=HELD)
    operate(india, "load-stock", UNIT, place="Chennai", csv=HELD.replace(",0,", ",7,"), counted_on="2026-08-01")
    operate(
        india,
        "load-prices",
        UNIT,
        title="quarter",
        currency="INR",
        csv=PRICES.replace("95", "94"),
        from_on="2026-01-01",
    )
    operate(india, "load-prices", UNIT, title="quarter", currency="INR", csv=PRICES, from_on="2026-09-01")
    operate(
        india,
        "load-prices",
        UNIT,
        title="to come",
        currency="INR",
        csv=PRICES.replace("95", "99"),
        from_on="2027-09-01",
    )
    for wrong, said in (
        ({"currency": "XXX"}, "it is no currency of the ISO 4217 table"),
        ({"from_on": "soon"}, "it is no day; write it like"),
        (
            {"csv": PRICES.replace("95", "95.1234567")},
            "csv:3: `unit_price` is `95.1234567`: a unit price has up to six decimals",
        ),
    ):
        with pytest.raises(RefusedError, match=said):
            operate(india, "load-prices", UNIT, **{"title": "x", "currency": "INR", "csv": PRICES, **wrong})
    held = [(row.place, row.description, row.quantity) for row in ask(india, "stock")]
    assert held == [
        ("Chennai", "F-76 naval distillate fuel", "1200000.5"), ("Chennai", "fresh water", "0"),
        ("Visakhapatnam", "F-76 naval distillate fuel", "1200000.5"), ("Visakhapatnam", "fresh water", "0"),
    ], "an older count that was read later does not count"  # fmt: skip
    again = ask(india, "stock-sheet", place="Chennai").data.decode()
    operate(india, "load-stock", UNIT, place="Kochi", csv=again)
    of_kochi = ask(india, "stock-sheet", place="Kochi").data.decode()
    assert of_kochi == again, "what was written can be read"
    assert ask(india, "price-sheet", currency="INR").data.decode().count("71.2535") == 1
    assert {(row.description, row.unit_price) for row in ask(india, "prices")} == {
        ("Fuel F-76", "71.2535"),
        ("Fresh water", "95"),
    }

    number = draft(japan, "ind")
    operate(japan, "request", order_no=number)
    federation.run(3_000)
    assert nothing_said(japan)
    assert not japan.store.query(
        "SELECT id FROM record WHERE type IN ('supply.stock-counted.v1', 'supply.prices-listed.v1')"
    )
    offered = operate(india, "offer", order_no=number, price=("2=96.5",), listed=True)
    assert offered.told["total"] == "21387630.00", "300,000 litres as listed, 120 cubic metres as said"
    federation.run(3_000)
    other = draft(
        japan, "ind", lines=({"line_no": 1, "category": "food", "description": "rice", "quantity": "5", "unit": "kg"},)
    )
    operate(japan, "request", order_no=other)
    federation.run(3_000)
    with pytest.raises(
        RefusedError, match=r"`price\[1\]` is `rice`: no price of a `kg` of it is listed in `INR` today"
    ):
        operate(india, "offer", order_no=other, listed=True)
    before = rows(india, SUPPLY.tables)
    india.store.rebuild()
    assert rows(india, SUPPLY.tables) == before
