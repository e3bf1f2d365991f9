"""What always holds of an order, whatever its two sides say: in every order of arrival, with duplicates, with nonsense among it."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.supply import cases, numbers
from kizuna.domains.supply import records as r
from kizuna.domains.supply.cases import ORDER
from kizuna.domains.supply.standing import METHODS, Standing, standing
from kizuna.kernel import casework
from kizuna.kernel.case import CaseEndorsed
from kizuna.kernel.casework import CaseView, Move
from kizuna.kernel.record import WITHHELD, Body

KEY = "jpn-2026-navy-0001"
CASE = f"supply.order:{KEY}"
NOW = 1_790_000_000_000
TYPES = {record_class: name for name, record_class in r.RECORDS.items()}
CONDITIONS = r.Conditions(
    offset_allowed=True, volume_share_per_c="0.00084",
    deadlines=(
        r.DeadlineTerm(act="overdue", offset=30, calendar="days", rule="a"),
        r.DeadlineTerm(act="convert", offset=40, calendar="days", rule="b", method="kind"),
    ),
)  # fmt: skip
PERSONS = ("unit", "o1", "o2", "o3")
amounts = st.sampled_from(("0", "1", "7.5", "100", "333.333333333", "1000", "1020", "5000", "999999999999"))
money = st.sampled_from(("0", "0.01", "71.25", "7125.35", "7125.349", "-5.00", "99999999999999"))
temperatures = st.sampled_from((None, "15", "31.5", "-3", "400", "warm"))


def request(method: str, basis: str) -> r.OrderRequested:
    line = r.OrderLine(
        line_no=1, category="petroleum-oils-lubricants", description="fuel", quantity="1000", unit="litre", basis=basis
    )
    return r.OrderRequested(
        order_no=KEY, provider="ind", arrangement="a", terms="t", requesting_unit="u", providing_unit="", activity="x",
        activity_ref="", legal_basis="", place="", lat_600000=None, lon_600000=None, window_from_ms=NOW,
        window_to_ms=NOW + 1, method=method, currency="INR", lines=(line,), remarks="", drafted_by="officer:unit:logistics",
        requester_authority="",
    )  # fmt: skip


def offer_line(quantity: str = "1000", price: str = "7.12535") -> r.OfferLine:
    worth, rounding = numbers.priced(Fraction(quantity), Fraction(price), "INR")
    return r.OfferLine(
        line_no=1, quantity=quantity, unit_price=price, extended_price=worth, rounding=rounding, tolerance_permille=20
    )


class Story:
    """Steps as two sides write them, each following what its author knew."""

    def __init__(self) -> None:
        self.moves: list[Move] = []

    def known(self, party: str, *, apart: bool) -> list[Move]:
        """Return what a side knows: all, or where it is apart its own steps and what they followed."""
        if not apart:
            return self.moves
        mine = [move for move in self.moves if move.step.party == party]
        ids = {move.step.id for move in mine}.union(*(self._past(move) for move in mine))
        return [move for move in self.moves if move.step.id in ids] or self.moves[:1]

    def _past(self, move: Move) -> set[str]:
        found: set[str] = set()
        waiting = [*move.step.after]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += next(other.step.after for other in self.moves if other.step.id == name)
        return found

    def view(self, moves: list[Move]) -> CaseView | None:
        return casework.folded(ORDER, CASE, moves)

    def say(self, body: Body, party: str, person: str, *, apart: bool = False, days: int = 0) -> None:
        known = self.known(party, apart=apart) if self.moves else []
        followed = {parent for move in known for parent in move.step.after}
        heads = frozenset(move.step.id for move in known if move.step.id not in followed)
        actor = (
            person
            if ":" in person
            else f"officer:{person}:{'desk' if isinstance(body, r.DebtWrittenOff) else 'logistics'}"
        )
        type_ = "case.endorsed.v1" if isinstance(body, CaseEndorsed) else TYPES[type(body)]
        name = hashlib.sha256(f"{len(self.moves)} {party} {type_}".encode()).hexdigest()
        at_ms = NOW + len(self.moves) * 1000 + days * 86_400_000
        step = casework.step_of(ORDER, name, type_, body, party, actor, at_ms, heads)
        self.moves.append(Move(step=step, type=type_, body=body))


def body_for(data: st.DataObject, name: str, view: CaseView | None, found: Standing) -> Body:  # noqa: PLR0911 # one for each kind of step
    """Return something that a side might say, right or wrong."""
    draw = data.draw
    offers = [move.step.id for move in view.moves if isinstance(move.body, r.OrderOffered)] if view else []
    waiting = sorted(found.pending) or ["f" * 64]
    if name == "endorse":
        open_ = [record for record, _ in view.state.signatures_missing] if view else []
        return CaseEndorsed(endorses=draw(st.sampled_from(open_ or ["f" * 64])))
    if name == "offer":
        line = offer_line(draw(st.sampled_from(("1000", "900", "0"))), draw(st.sampled_from(("7.12535", "0", "3"))))
        return r.OrderOffered(
            lines=(line,), total=draw(st.sampled_from((line.extended_price, "1.00"))), conditions=CONDITIONS, terms="t",
            providing_unit="", provider_authority="", place="", window_from_ms=NOW, window_to_ms=NOW + 1,
            valid_until_ms=NOW + 10**9, remarks="",
        )  # fmt: skip
    if name == "agree":
        total = numbers.money(found.total_minor, "INR") if found.offer else "0"
        ceiling = draw(st.sampled_from((None, "7000.00", "8000.00")))
        return r.OrderAgreed(
            offer=draw(st.sampled_from(offers or ["f" * 64])), total=total, open_before=draw(st.sampled_from(("0", "900.00"))),
            ceiling_per_order=None, ceiling_per_year=ceiling,
        )  # fmt: skip
    if name == "deliver":
        line = r.DeliveryLine(line_no=1, quantity=draw(amounts), unit="litre", temperature_c=draw(temperatures))
        return r.DeliveryMade(lines=(line,), delivered_at_ms=NOW, place="", evidence=(), remarks="")
    if name == "accept":
        accepted = r.AcceptedLine(
            line_no=1, quantity=draw(amounts), unit="litre", temperature_c=draw(temperatures),
            discrepancy=draw(st.sampled_from(("", "short"))),
        )  # fmt: skip
        return r.DeliveryAccepted(deliveries=tuple(found.deliveries), lines=(accepted,), accepted_at_ms=NOW, remarks="")
    if name == "pay":
        amount = draw(st.one_of(money, st.just(numbers.money(found.open("cash"), "INR"))))
        number = draw(st.sampled_from("abc"))
        return r.PaymentMade(payment_ref=number, amount=amount, currency="INR", paid_on="2026-09-21")
    if name == "return":
        line_ = r.ReturnLine(line_no=1, quantity=draw(amounts), unit="litre")
        return r.GoodsReturned(return_no=draw(st.sampled_from("abc")), lines=(line_,), returned_at_ms=NOW, place="")
    if name in ("receive", "settle"):
        chosen = tuple(draw(st.lists(st.sampled_from(waiting), unique=True, max_size=3)))
        return (r.SettlementReceived if name == "receive" else r.OrderSettled)(received=chosen, remarks="")
    return simple_body(data, name, found)


def simple_body(data: st.DataObject, name: str, found: Standing) -> Body:
    draw = data.draw
    owed = numbers.money(sum(found.owed().values()), "INR") if found.asked else "0"
    kind = numbers.money(found.open("kind") + found.open("equal-value"), "INR")
    made: dict[str, Body] = {
        "withhold": r.OrderCancelled(reason=WITHHELD),
        "cancel": r.OrderCancelled(reason="x"),
        "convert": r.RemainderConverted(amount=kind, currency="INR", reason="x"),
        "lapse": r.OrderConverted(rule="b", amount=kind, currency="INR"),
        "overdue": r.OrderOverdue(rule="a"),
        "dispute": r.DisputeRaised(dispute_no=draw(st.sampled_from("de")), code="price", line_no=None, reason="x"),
        "end-dispute": r.DisputeEnded(dispute_no="d", adjustment=draw(money), outcome="x"),
        "write-off": r.DebtWrittenOff(amount=owed, authority="x", reason="y"),
        "close": r.OrderClosed(certificate_no="c", remarks=""),
        "offset": r.OffsetAgreed(
            offset_no=draw(st.sampled_from("op")), other_order_no="ind-2026-navy-0001", amount=(part := draw(money)),
            currency="INR", other_amount=part, other_currency="INR", rate=None, rate_from=None, rate_on=None, rounding="0",
        ),
    }  # fmt: skip
    return made[name]


NAMES = (
    "endorse", "endorse", "offer", "agree", "deliver", "deliver", "accept", "accept", "pay", "return", "receive", "settle",
    "withhold", "cancel", "convert", "lapse", "overdue", "dispute", "end-dispute", "write-off", "close", "offset",
)  # fmt: skip


def told(data: st.DataObject, *, apart: bool) -> Story:
    """Return a story: an order that is agreed more often than not, then anything."""
    draw, story = data.draw, Story()
    story.say(request(draw(st.sampled_from(METHODS)), draw(st.sampled_from(("observed", "standard")))), "jpn", "o1")
    if draw(st.booleans()) or draw(st.booleans()):
        line = offer_line()
        story.say(
            r.OrderOffered(
                lines=(line,), total=line.extended_price, conditions=CONDITIONS, terms="t", providing_unit="",
                provider_authority="", place="", window_from_ms=NOW, window_to_ms=NOW + 1, valid_until_ms=NOW + 10**9, remarks="",
            ),
            "ind", "o1",
        )  # fmt: skip
        offer = story.moves[-1].step.id
        story.say(
            r.OrderAgreed(
                offer=offer, total=line.extended_price, open_before="0", ceiling_per_order=None, ceiling_per_year=None
            ),
            "jpn", "o1",
        )  # fmt: skip
        story.say(CaseEndorsed(endorses=story.moves[-1].step.id), "ind", "o1")
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=9)):
        party = draw(st.sampled_from(("ind", "jpn")))
        known = story.known(party, apart=apart)
        view = story.view(known)
        found = standing(view) if view is not None else Standing()
        clock = name in ("lapse", "overdue")
        person = casework.CLOCK if clock else draw(st.sampled_from(PERSONS))
        story.say(body_for(data, name, view, found), party, person, apart=apart, days=50 if clock else 0)
    return story


class Rows:
    """What a case would write."""

    def __init__(self) -> None:
        self.ledger: list[Any] = []

    def execute(self, _sql: str, _params: Any = ()) -> list[Any]:
        return []

    def executemany(self, sql: str, rows: Any) -> None:
        if "supply_ledger" in sql:
            self.ledger += [tuple(row) for row in rows]


def held(view: CaseView) -> Any:
    found = standing(view)
    return view.state, sorted(found.postings, key=repr), found.owed(), cases.flags(found), tuple(cases.dues(view))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_order_of_arrival_finds_the_same_balance(data: st.DataObject) -> None:
    story = told(data, apart=True)
    first = casework.folded(ORDER, CASE, story.moves)
    assert first is not None
    shuffled = data.draw(st.permutations(story.moves))
    again = casework.folded(ORDER, CASE, shuffled)
    assert again is not None
    assert held(first) == held(again)
    assert all(isinstance(cases.lapse(first, rule), tuple(ORDER.clock.values())) for rule, _ in cases.dues(first))
    rows = Rows()
    cases.apply(rows, first)
    assert sum(row[7] for row in rows.ledger) == 0
    by_method: dict[tuple[str, str], int] = {}
    for row in rows.ledger:
        by_method[row[4], row[5]] = by_method.get((row[4], row[5]), 0) + row[7]
    assert all(minor == 0 for minor in by_method.values())


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_no_step_that_took_effect_breaks_an_invariant(data: st.DataObject) -> None:
    view = casework.folded(ORDER, CASE, told(data, apart=False).moves)
    assert view is not None
    found = standing(view)
    state = view.state.state
    if view.effective("deliver"):
        assert view.effective("agree"), "nothing is delivered that both have not signed"
    for line in found.lines.values():
        assert 0 <= line.returned <= line.accepted <= line.delivered <= line.most
    for posting in found.postings:
        assert isinstance(posting.minor, int)
    for method in METHODS:
        assert found.open(method) >= 0, "nobody is paid more than is owed"
    if state in ("settled", "closed"):
        assert not found.owed(), "no remainder is dropped"
    if state == "closed":
        assert not found.disputes
        assert len({move.step.party for move in view.moves if move.step.id not in dict(view.state.void)}) == 2
    for move in view.effective("agree"):
        body: Any = move.body
        if body.ceiling_per_year is not None:
            assert Fraction(body.open_before) + Fraction(body.total) <= Fraction(body.ceiling_per_year)
    acts = {move.step.transition: move.step.actor for move in view.effective("request", "accept", "pay")}
    assert acts.get("accept") != acts["request"], "who ordered does not certify"
    assert not any(move.body is WITHHELD for move in view.effective())
    assert not [move for move in view.effective("cancel") if msgspec.to_builtins(move.body).get("reason") is None]


def test_an_order_is_opened_only_by_its_own_party_under_its_own_number() -> None:
    story = Story()
    story.say(request("cash", "observed"), "ind", "o1")
    assert casework.folded(ORDER, CASE, story.moves) is None
    other = Story()
    other.say(request("cash", "observed"), "jpn", "o1")
    assert casework.folded(ORDER, "supply.order:jpn-2026-navy-0002", other.moves) is None
    mine = casework.folded(ORDER, CASE, [*other.moves])
    assert mine is not None
    assert mine.sides == {"requester": "jpn", "provider": "ind"}


def test_one_number_used_for_two_orders_is_a_conflict_that_both_see() -> None:
    story, twin = Story(), Story()
    story.say(request("cash", "observed"), "jpn", "o1")
    twin.say(request("kind", "observed"), "jpn", "o2")
    step = msgspec.structs.replace(twin.moves[0].step, id="e" * 64)
    view = casework.folded(ORDER, CASE, [story.moves[0], msgspec.structs.replace(twin.moves[0], step=step)])
    assert view is not None
    assert view.state.state == "conflict"
