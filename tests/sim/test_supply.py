"""Orders between two simulated nodes: whatever the network does, both tell the same order and the same balance."""

from __future__ import annotations

import pytest

from kizuna.errors import RefusedError
from kizuna.node.channel.treaties import bundled
from kizuna.sim.federation import Federation, SimNode
from tests.sim.supply_world import (
    ARRANGEMENT,
    CERTIFIER,
    DAY_MS,
    FUEL,
    MINISTRY,
    PAYER,
    SIGNER,
    UNIT,
    accepted,
    agreed,
    ask,
    draft,
    endorse,
    enrolled,
    invoiced,
    operate,
    pair,
    rows,
)
from tests.sim.world import suspend


def test_an_order_goes_from_draft_to_closing_and_both_sides_tell_the_same() -> None:
    federation, india, japan = pair(1)
    number = draft(japan, "ind")
    assert number == "jpn-2026-navy-0001"
    assert ask(japan, "drafts")[0].order_no == number
    assert ask(india, "orders") == []
    operate(japan, "request", order_no=number)
    federation.run(3_000)
    assert ask(india, "order", order_no=number).state == "requested"
    assert ask(japan, "drafts") == []
    done = operate(india, "offer", order_no=number, price=("1=71.2535", "2=95"))
    assert done.told == {"total": "21387450.00", "currency": "INR"}
    federation.run(3_000)
    operate(japan, "agree", order_no=number)
    federation.run(3_000)
    assert ask(india, "orders")[0].waits_for == "ind"
    operate(india, "sign", order_no=number)
    federation.run(3_000)
    operate(india, "deliver", order_no=number, line=("1=300000 litre @31.5", "2=120"), density=("1=845.2",))
    federation.run(3_000)
    operate(japan, "accept", CERTIFIER, order_no=number, line=("1=299500 litre @31.5 !short",))
    federation.run(3_000)
    operate(india, "invoice", CERTIFIER, order_no=number)
    federation.run(3_000)
    for node, sign in ((india, ""), (japan, "-")):
        (open_,) = ask(node, "balance")
        assert (open_.currency, open_.method, open_.amount, open_.both) == ("INR", "cash", f"{sign}21351823.25", "0.00")
    operate(japan, "pay", PAYER, order_no=number, payment_ref="MOD-77")
    federation.run(3_000)
    operate(india, "settle", PAYER, order_no=number)
    federation.run(3_000)
    operate(india, "close", PAYER, order_no=number)
    federation.run(3_000)
    operate(japan, "sign", PAYER, order_no=number)
    federation.run(3_000)
    for node in (india, japan):
        shown = ask(node, "order", order_no=number)
        assert (shown.state, shown.flags, shown.owed, shown.void, shown.findings) == (
            "closed",
            "discrepancy",
            {},
            (),
            (),
        )
        assert [(each.entry, each.amount) for each in shown.postings] == [
            ("accepted", "21351823.25"), ("paid", "-21351823.25"),
        ]  # fmt: skip
        assert ask(node, "balance") == []
    assert rows(india, ("supply_order", "supply_line", "supply_ledger")) == rows(
        japan, ("supply_order", "supply_line", "supply_ledger")
    )


def test_arms_and_ammunition_cannot_even_be_drafted() -> None:
    _, _, japan = pair(2)
    for category in ("ammunition", "weapons"):
        with pytest.raises(RefusedError, match=rf"`lines\[3\].category` is `{category}`.*never ordered here; take"):
            draft(japan, "ind", lines=(FUEL, FUEL | {"line_no": 3, "category": category}))
    with pytest.raises(RefusedError, match="supply group `13` is weapons or ammunition"):
        draft(japan, "ind", lines=(FUEL | {"category": "parts-and-components", "nsn": "1305-00-028-6603"},))
    assert ask(japan, "drafts") == []


def test_who_drafts_does_not_sign_and_who_signs_does_not_certify() -> None:
    federation, india, japan = pair(3)
    number = draft(japan, "ind")
    operate(japan, "grant", "officer:m1:desk", partner="ind", officer="unit", duties=("order",))
    with pytest.raises(RefusedError, match="who drafts an order does not sign it"):
        operate(japan, "request", "officer:unit:logistics", order_no=number)
    with pytest.raises(RefusedError, match="no authority for `order`"):
        operate(japan, "request", "officer:o2:logistics", order_no=number)
    number = agreed(federation, japan, india)
    operate(india, "deliver", order_no=number)
    federation.run(3_000)
    operate(japan, "grant", "officer:m1:desk", partner="ind", officer="o1", duties=("order", "accept"))
    with pytest.raises(RefusedError, match="also signed `request`: the duties need separate persons"):
        operate(japan, "accept", SIGNER, order_no=number)
    with pytest.raises(RefusedError, match="nobody grants authority to itself"):
        operate(japan, "grant", "officer:m1:desk", partner="ind", officer="m1", duties=("order",))


def test_replacement_in_kind_is_the_same_thing_in_the_same_amount() -> None:
    federation, india, japan = pair(4)
    number = accepted(federation, india, japan, method="kind", currency="JPY", requesting_unit="INS Sahyadri")
    assert [(each.method, each.amount) for each in ask(japan, "balance")] == [("kind", "21387450")]
    with pytest.raises(RefusedError, match="is accepted and neither returned nor on its way"):
        operate(india, "return-goods", PAYER, order_no=number, return_no="r1", line=("1=300001",))
    operate(india, "return-goods", PAYER, order_no=number, return_no="r1", line=("1=50000 us-gallon",))
    federation.run(3_000)
    with pytest.raises(RefusedError, match="a remainder is settled, converted, offset or written off"):
        operate(japan, "settle", PAYER, order_no=number)
    operate(japan, "receive", PAYER, order_no=number)
    federation.run(3_000)
    assert ask(india, "order", order_no=number).lines[0].returned == "189270.5892"
    operate(india, "return-goods", PAYER, order_no=number, return_no="r2")
    federation.run(3_000)
    operate(japan, "settle", PAYER, order_no=number)
    federation.run(3_000)
    assert ask(india, "order", order_no=number).state == ask(japan, "order", order_no=number).state == "settled"
    assert ask(india, "balance") == ask(japan, "balance") == []


def test_equal_value_leaves_an_explicit_remainder_that_both_turn_into_cash() -> None:
    federation, india, japan = pair(5)
    number = accepted(federation, india, japan, method="equal-value", currency="JPY")
    lot = {"category": "water", "description": "water", "quantity": "200", "unit": "m3", "unit_price": "30000.333"}
    done = operate(india, "exchange", PAYER, order_no=number, lot_no="l1", lines=(lot,))
    assert done.told == {"total": "6000067", "remainder": "15387383"}
    federation.run(3_000)
    operate(japan, "receive", PAYER, order_no=number)
    federation.run(3_000)
    operate(japan, "convert", PAYER, order_no=number, reason="no more goods to give")
    federation.run(3_000)
    operate(india, "sign", PAYER, order_no=number)
    federation.run(3_000)
    assert [(each.method, each.amount, each.both) for each in ask(india, "balance")] == [("cash", "-15387383", "0")]
    operate(india, "pay", PAYER, order_no=number, payment_ref="p")
    federation.run(3_000)
    operate(japan, "settle", PAYER, order_no=number)
    federation.run(3_000)
    assert ask(india, "balance") == ask(japan, "balance") == []


def test_two_debts_are_set_against_each_other_at_an_agreed_dated_rate() -> None:
    federation, india, japan = pair(6)
    ours = invoiced(federation, japan, india)
    theirs = invoiced(federation, india, japan, currency="JPY")
    with pytest.raises(RefusedError, match="needs an agreed, dated rate"):
        operate(japan, "offset", PAYER, order_no=ours, other_order_no=theirs, amount="1000000.00", offset_no="x1")
    values = {"other_order_no": theirs, "amount": "1000000.00", "rate": "1.7253", "rate_on": "2026-09-01"}
    done = operate(japan, "offset", PAYER, order_no=ours, offset_no="x1", **values)
    assert done.told["other_amount"] == ("1725300", "JPY")
    federation.run(3_000)
    assert "no leg that both signed" not in str(ask(india, "order", order_no=ours).findings)
    operate(india, "sign", PAYER, order_no=ours)
    federation.run(3_000)
    assert "`x1` has no leg that both signed" in str(ask(japan, "order", order_no=ours).findings)
    operate(india, "sign", PAYER, order_no=theirs)
    federation.run(3_000)
    for node in (india, japan):
        assert ask(node, "order", order_no=ours).owed == {"cash": "20387450.00"}
        assert ask(node, "order", order_no=theirs).owed == {"cash": "19662150"}
        assert ask(node, "order", order_no=ours).findings == ()


def test_a_dispute_holds_the_closing_up_until_both_have_ended_it() -> None:
    federation, india, japan = pair(7)
    number = invoiced(federation, japan, india)
    operate(japan, "dispute", PAYER, order_no=number, code="price", dispute_no="d1", reason="the price was another")
    federation.run(3_000)
    operate(india, "end-dispute", PAYER, order_no=number, dispute_no="d1", adjustment="-387450.00", outcome="agreed")
    federation.run(3_000)
    operate(japan, "pay", PAYER, order_no=number, payment_ref="p", amount="21000000.00")
    federation.run(3_000)
    with pytest.raises(RefusedError, match=r"`open` is `387450.00 INR by cash`"):
        operate(india, "settle", PAYER, order_no=number)
    operate(japan, "sign", PAYER, order_no=number)
    federation.run(3_000)
    operate(india, "settle", PAYER, order_no=number)
    federation.run(3_000)
    assert ask(japan, "order", order_no=number).state == "settled"


def test_only_the_creditors_named_authority_writes_a_debt_off() -> None:
    federation, india, japan = pair(8)
    number = invoiced(federation, japan, india)
    values = {"order_no": number, "authority": "ministry order 7", "reason": "disaster relief"}
    with pytest.raises(RefusedError, match="in the role `desk`"):
        operate(india, "write-off", PAYER, **values)
    with pytest.raises(RefusedError, match="for the side `provider`"):
        operate(japan, "write-off", "officer:m2:desk", **values)
    operate(india, "write-off", "officer:m2:desk", **values)
    federation.run(3_000)
    assert ask(japan, "order", order_no=number).state == "written-off"
    assert ask(india, "balance") == ask(japan, "balance") == []


def test_an_order_names_an_agreement_that_is_in_force_on_its_days() -> None:
    federation, india, japan = pair(10)
    early = 1_600_000_000_000  # 13 September 2020: signed, and not in force
    with pytest.raises(
        RefusedError,
        match=r"`window_from_ms` is `2020-09-13`: .* is not in force on that day: in force from 2021-07-11",
    ):
        draft(japan, "ind", window_from_ms=early, window_to_ms=early + DAY_MS)
    with pytest.raises(RefusedError, match=r"`window_to_ms` is .* must end after it begins"):
        draft(japan, "ind", window_to_ms=japan.now_ms - 1)
    number = draft(japan, "ind")
    suspend(india, next(each for each in bundled() if each.id == ARRANGEMENT))
    federation.run(10_000)
    with pytest.raises(RefusedError, match="is not in force on that day"):
        operate(japan, "request", order_no=number)


def test_bad_input_is_refused_by_field_value_rule_and_remedy() -> None:
    federation, india, japan = pair(11)
    number = agreed(federation, japan, india)
    for name, node, actor, fields, said in (
        ("deliver", india, SIGNER, {"line": ("1=300000 kg",)}, "unit` is `kg`: it measures mass, and the order's `litre` measures volume"),
        ("deliver", india, SIGNER, {"line": ("1=306001",)}, "deliver no more, or agree an amendment first"),
        ("deliver", india, SIGNER, {"line": ("7=1",)}, "`line` is `7`: it is no line of the order; use one of [1, 2]"),
        ("offer", india, SIGNER, {"price": ("1=x",)}, "`price` is `1=x`: it is a line's number and its unit price"),
        ("decline", india, SIGNER, {"reason": "r", "code": "mood"}, "not possible in the state `agreed` that its signers knew"),
        ("accept", japan, CERTIFIER, {}, "not possible in the state `agreed`"),
        ("settle", india, PAYER, {"received": ("ab",)}, "`received` is `ab`: it is not the beginning of one record that waits"),
    ):  # fmt: skip
        with pytest.raises(RefusedError) as refused:
            operate(node, name, actor, order_no=number, **fields)
        assert said in str(refused.value), str(refused.value)
    charged = invoiced(federation, japan, india)
    with pytest.raises(
        RefusedError, match=r"`amount` is `1.001`: `INR` has 2 decimals; state the rounding as its own part"
    ):
        operate(japan, "pay", PAYER, order_no=charged, payment_ref="p", amount="1.001")
    with pytest.raises(RefusedError, match=r"by `cash`, `21387450.00` is open and not yet covered"):
        operate(japan, "pay", PAYER, order_no=charged, payment_ref="p", amount="21387450.01")
    with pytest.raises(RefusedError, match="`order_no` is `order 7`: it is party, fiscal year, service and sequence"):
        operate(japan, "request", order_no="order 7")


def test_an_amendment_counts_once_both_have_signed_it() -> None:
    federation, india, japan = pair(12)
    number = agreed(federation, japan, india)
    operate(india, "amend", order_no=number, quantity=("1=200000",), price=("2=90",), reason="less is left")
    federation.run(3_000)
    assert ask(japan, "order", order_no=number).total == "21387450.00"
    operate(japan, "sign", order_no=number)
    federation.run(3_000)
    assert ask(india, "order", order_no=number).total == "14261500.00"
    with pytest.raises(RefusedError, match="it passes `204000` litre"):
        operate(india, "deliver", order_no=number, line=("1=204001",))


def test_an_officers_authority_ends_on_its_day_and_shows_where_it_lacked() -> None:
    federation, india, japan = pair(13)
    number = agreed(federation, japan, india)
    operate(india, "grant", MINISTRY, partner="jpn", officer="o1", duties=())
    federation.run(3_000)
    with pytest.raises(RefusedError, match=r"no authority for `offer` under .* is valid on 2026-09-21"):
        operate(india, "deliver", order_no=number)
    assert ask(japan, "order", order_no=number).findings
    operate(india, "grant", MINISTRY, partner="jpn", officer="o1", duties=("offer",), to_on="2026-09-22")
    federation.run(3_000)
    assert ask(japan, "order", order_no=number).findings == ()
    federation.run(1_000)
    india.skew_ms = 2 * DAY_MS
    federation.run(61_000)  # a clock that leapt is believed once it has gone on steadily
    with pytest.raises(RefusedError, match="is valid on 2026-09-23"):
        operate(india, "deliver", order_no=number)


def proposed(federation: Federation, requester: SimNode, provider: SimNode) -> str:
    """Bring an order as far as the requester's signature under the offer."""
    number = draft(requester, provider.identity.party)
    operate(requester, "request", order_no=number)
    federation.run(3_000)
    operate(provider, "offer", order_no=number, price=("1=1500", "2=95"))
    federation.run(3_000)
    operate(requester, "agree", order_no=number)
    federation.run(3_000)
    return number


def test_a_signature_is_held_against_what_its_own_side_knows_however_it_is_given() -> None:
    federation, india, japan = pair(14)
    first, *others, last = [proposed(federation, japan, india) for _ in range(5)]
    for way in (lambda: endorse(india, first, UNIT), lambda: operate(india, "sign", UNIT, order_no=first)):
        with pytest.raises(
            RefusedError, match=r"`actor` is `officer:unit:logistics`: no authority for `offer` under .*; let the"
        ):
            way()
    for number in (first, *others):
        endorse(india, number, SIGNER)
    federation.run(3_000)
    assert ask(japan, "order", order_no=first).state == "agreed"
    with pytest.raises(
        RefusedError, match=r"`total` is `.*`: with `.*` open here it passes the year's ceiling `.*`; settle something"
    ):
        endorse(india, last, SIGNER)
    operate(india, "state-terms", MINISTRY, partner="jpn", bundled="facts")
    with pytest.raises(RefusedError, match=r"`terms` of .* differ between"):
        endorse(india, last, SIGNER)
    operate(india, "cancel", order_no=first, reason="no ship comes")
    federation.run(3_000)
    with pytest.raises(RefusedError, match="no authority for `order`"):
        endorse(japan, first, CERTIFIER)
    endorse(japan, first, SIGNER)
    federation.run(3_000)
    assert ask(india, "order", order_no=first).state == "cancelled"


def test_what_the_terms_do_not_name_cannot_be_settled() -> None:
    federation, india, japan = enrolled(9)
    with pytest.raises(RefusedError, match="terms are stated for no arrangement"):
        draft(japan, "ind")
    operate(japan, "state-terms", MINISTRY, partner="ind", bundled="example")
    with pytest.raises(RefusedError, match="`ind` has stated no terms"):
        draft(japan, "ind")
    done = operate(india, "state-terms", MINISTRY, partner="jpn", bundled="facts")
    assert done.told["unknown"] == [
        "methods", "currencies", "deadlines", "ceilings", "price_rule", "offset_allowed", "third_party_transfer",
        "volume_share_per_c",
    ]  # fmt: skip
    federation.run(5_000)
    with pytest.raises(RefusedError, match=r"`terms` of .* differ between"):
        draft(japan, "ind")
    operate(japan, "state-terms", MINISTRY, partner="ind", bundled="facts")
    federation.run(5_000)
    with pytest.raises(RefusedError, match="no terms name a way of settling"):
        draft(japan, "ind")
