"""Orders in storms, apart and past their days: both nodes end with the same orders and the same balance, and a replay finds them again."""

from __future__ import annotations

import pytest

from kizuna.domains.case.operations import ResolveAsked
from kizuna.errors import KizunaError, RefusedError
from kizuna.node import effects as fx
from kizuna.sim.federation import Federation, SimNode
from kizuna.sim.orders import STATED, STEPS
from tests.sim.supply_world import (
    CERTIFIER,
    DAY_MS,
    PAYER,
    SIGNER,
    accepted,
    agreed,
    ask,
    draft,
    invoiced,
    operate,
    pair,
    post,
    rows,
)

YEAR_MS = 366 * DAY_MS


def assert_same(india: SimNode, japan: SimNode, seed: object = "") -> None:
    """Both nodes tell the same, each sums to nothing, and each tells the same once rebuilt."""
    assert rows(india, STATED) == rows(japan, STATED), seed
    for node in (india, japan):
        for table, column in (("supply_ledger", "amount_minor"), ("supply_total", "open_minor")):
            sums = node.store.query(f"SELECT currency, method, SUM({column}) FROM {table} GROUP BY currency, method")
            assert all(minor == 0 for _, _, minor in sums), seed
        before = rows(node)
        node.store.rebuild()
        assert rows(node) == before, seed
    mine = {(row.currency, row.method): row.amount.lstrip("-") for row in ask(india, "balance")}
    theirs = {(row.currency, row.method): row.amount.lstrip("-") for row in ask(japan, "balance")}
    assert mine == theirs, seed


def later(federation: Federation, *nodes: SimNode, by_ms: int) -> None:
    """Let a long time pass at once."""
    for node in nodes:
        node.skew_ms += by_ms
    federation.run(90_000)


def test_what_is_owed_past_its_day_becomes_cash_and_then_goes_to_the_ministries() -> None:
    federation, india, japan = pair(20)
    number = accepted(federation, india, japan, method="kind", currency="JPY")
    assert [rule for rule, _ in ask(india, "order", order_no=number).dues] == [
        "supply-convert",
        "supply-overdue",
        "supply-escalate",
    ]
    assert ask(india, "due") == ask(japan, "due")
    later(federation, india, japan, by_ms=YEAR_MS)
    for node in (india, japan):
        shown = ask(node, "order", order_no=number)
        assert (shown.state, shown.owed, shown.flags) == ("accepted", {"cash": "21387450"}, "overdue converted")
        assert [row.order_no for row in ask(node, "overdue")] == [number]
        assert {(each.entry, each.method, each.amount) for each in shown.postings} == {
            ("accepted", "kind", "21387450"), ("converted", "kind", "-21387450"), ("converted", "cash", "21387450"),
        }  # fmt: skip
    with pytest.raises(RefusedError, match="nothing is open in kind"):
        operate(india, "return-goods", PAYER, order_no=number, return_no="late")
    later(federation, india, japan, by_ms=YEAR_MS // 2 + 2 * DAY_MS)
    assert ask(japan, "order", order_no=number).flags == "overdue escalated converted"
    assert_same(india, japan)


def test_an_order_that_is_settled_in_time_never_falls_due() -> None:
    federation, india, japan = pair(21)
    number = invoiced(federation, japan, india)
    operate(japan, "pay", PAYER, order_no=number, payment_ref="p")
    federation.run(3_000)
    operate(india, "settle", PAYER, order_no=number)
    federation.run(3_000)
    assert ask(india, "due") == ask(japan, "due") == []
    later(federation, india, japan, by_ms=2 * YEAR_MS)
    assert ask(india, "order", order_no=number).flags == ""


def test_two_orders_agreed_apart_may_pass_the_years_ceiling_and_both_see_it() -> None:
    federation, india, japan = pair(22)
    big = {"lines": (draft_line("24000000"),), "price": ("1=20",)}
    for _ in range(3):
        agreed(federation, japan, india, **big)
    numbers = []
    for _ in range(2):
        number = draft(japan, "ind", lines=big["lines"])
        operate(japan, "request", order_no=number)
        federation.run(3_000)
        operate(india, "offer", order_no=number, price=big["price"])
        federation.run(3_000)
        numbers.append(number)
    federation.weather.cut.add(frozenset((india.name, japan.name)))
    operate(japan, "agree", order_no=numbers[0])
    operate(india, "agree", order_no=numbers[1])
    federation.weather.cut.clear()
    federation.run(60_000)
    operate(india, "sign", order_no=numbers[0])
    operate(japan, "sign", order_no=numbers[1])
    federation.run(5_000)
    number = draft(japan, "ind", lines=big["lines"])
    operate(japan, "request", order_no=number)
    federation.run(3_000)
    operate(india, "offer", order_no=number, price=big["price"])
    federation.run(3_000)
    with pytest.raises(RefusedError, match=r"passes the year's ceiling `2000000000.00`"):
        operate(japan, "agree", order_no=number)
    operate(india, "deliver", order_no=numbers[1])
    federation.run(3_000)
    operate(japan, "accept", CERTIFIER, order_no=numbers[1])
    federation.run(3_000)
    for node in (india, japan):
        assert "beyond the year's ceiling" in str(ask(node, "order", order_no=numbers[1]).findings)


def draft_line(quantity: str) -> dict[str, object]:
    return {
        "line_no": 1, "category": "petroleum-oils-lubricants", "description": "fuel", "quantity": quantity, "unit": "litre",
    }  # fmt: skip


def test_a_cancellation_beside_a_delivery_is_a_conflict_that_people_end() -> None:
    federation, india, japan = pair(23)
    number = agreed(federation, japan, india)
    operate(india, "cancel", order_no=number, reason="the tanker is needed elsewhere")
    federation.run(3_000)
    federation.weather.cut.add(frozenset((india.name, japan.name)))
    operate(india, "deliver", order_no=number)
    operate(japan, "sign", order_no=number)
    federation.weather.cut.clear()
    federation.run(60_000)
    assert_same(india, japan)
    assert ask(japan, "order", order_no=number).state == "conflict"
    asked = ResolveAsked(case=f"supply.order:{number}", outcome="delivered", reason="it was delivered after all")
    india.do(fx.Operate("case", "resolve", asked, SIGNER, ""))
    federation.run(3_000)
    operate(japan, "sign", order_no=number)
    federation.run(3_000)
    operate(japan, "accept", CERTIFIER, order_no=number)
    federation.run(3_000)
    assert ask(india, "order", order_no=number).owed == {"cash": "21387450.00"}


@pytest.mark.parametrize("seed", range(4))
def test_storms_do_not_part_the_two_ledgers(seed: int) -> None:
    federation, india, japan = pair(f"storm {seed}")
    rng = federation.rng
    numbers = {
        draft(japan, "ind", method=rng.choice(("cash", "kind")), currency="INR"): japan,
        draft(india, "jpn", method=rng.choice(("cash", "kind")), currency="JPY"): india,
    }
    for number, node in numbers.items():
        operate(node, "request", order_no=number)
    federation.weather.loss, federation.weather.twice = 0.2, 0.3
    for _ in range(70):
        federation.run(rng.choice((20, 400, 2_500)))
        if rng.random() < 0.02:
            rng.choice((india, japan)).crash()
        number, node = rng.choice(sorted(numbers)), rng.choice((india, japan))
        name, actor, fields = rng.choice(STEPS)
        post(node, name, actor, order_no=number, **fields)
    for number in sorted(numbers):
        asked = ResolveAsked(case=f"supply.order:{number}", outcome="agreed", reason="as it was")
        india.post(fx.Operate("case", "resolve", asked, SIGNER, ""))
    federation.weather.loss = federation.weather.twice = 0.0
    federation.run(60_000)
    unexpected = [
        str(reply) for node in (india, japan) for reply in node.replies.values() if type(reply) is KizunaError
    ]
    assert not unexpected
    assert_same(india, japan, seed)


def test_a_bundle_that_is_imported_twice_orders_once() -> None:
    federation, india, japan = pair(24)
    number = draft(japan, "ind")
    operate(japan, "request", order_no=number)
    with pytest.raises(RefusedError, match=f"`{number}` is taken"):
        operate(japan, "request", order_no=number)
    with pytest.raises(RefusedError, match="used once, for ever"):
        draft(japan, "ind", order_no=number)
    federation.weather.twice = 1.0
    federation.run(10_000)
    assert draft(japan, "ind") == "jpn-2026-navy-0002"
    assert len(ask(india, "orders")) == 1
