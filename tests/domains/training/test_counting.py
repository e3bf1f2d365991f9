"""What counts, and how often: seats, persons and money, in every order of arrival."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.training.cases import DELIVERED, GRANT, INVESTMENT, SEAT, seat_key
from kizuna.domains.training.records import (
    GRANT_RECORDS,
    INVESTMENT_RECORDS,
    SEAT_RECORDS,
    GrantHandedOver,
    GrantPledged,
    InvestmentCommitted,
    InvestmentExpressed,
    InvestmentRealised,
    SeatNominated,
    SeatOffered,
)
from kizuna.domains.training.rules import EXPONENTS, check_money, counted, day_of, is_person, missing, sums
from kizuna.errors import RefusedError
from kizuna.kernel.case import CaseEndorsed
from kizuna.kernel.casework import CaseKind, Move, folded, step_of

AMOUNTS = st.decimals(min_value=0, max_value=10**12, places=2).map(lambda value: f"{value:f}")
MONEY = st.lists(st.tuples(AMOUNTS, st.sampled_from(("USD", "JPY", "INR"))), max_size=12)


@given(MONEY, st.randoms())
def test_sums_are_exact_in_every_order_and_never_leave_their_currency(amounts: list[tuple[str, str]], rng: Any) -> None:
    shuffled = amounts[:]
    rng.shuffle(shuffled)
    found = sums(amounts)
    assert sums(shuffled) == found
    assert {currency: Decimal(text) for currency, text in found.items()} == {
        currency: sum((Decimal(amount) for amount, of in amounts if of == currency), Decimal(0))
        for currency in {of for _, of in amounts}
    }


@given(MONEY, MONEY)
def test_what_is_missing_with_what_is_there_makes_the_whole(
    whole: list[tuple[str, str]], part: list[tuple[str, str]]
) -> None:
    promised, there = sums(whole), sums(part)
    for currency, amount in promised.items():
        left = missing(promised, there).get(currency)
        have = Decimal(there.get(currency, "0"))
        assert (left is None) == (have >= Decimal(amount))
        assert left is None or Decimal(left) + have == Decimal(amount)


SEATS = st.lists(st.tuples(st.sampled_from(("a", "b")), st.sampled_from(("p1", "p2", "p3"))), max_size=12)


@given(SEATS, st.randoms())
def test_a_person_counts_once_a_course_and_never_more_than_the_seats(seats: list[tuple[str, str]], rng: Any) -> None:
    shuffled = seats[:]
    rng.shuffle(shuffled)
    persons = counted("persons", seats)
    assert persons == counted("persons", shuffled) == counted("persons", [*seats, *seats])
    assert persons <= counted("seats", seats) == len(seats)
    with pytest.raises(RefusedError, match="does not say what counts"):
        counted("unknown", seats)


@pytest.mark.parametrize(
    ("amount", "currency", "says"),
    [
        ("1.5", "JPY", r"`1\.5` JPY has more than 0 digits"),
        ("1.505", "USD", "more than 2 digits"),
        ("1", "ABC", "no currency of ISO 4217"),
        ("1", "", "no currency of ISO 4217"),
    ],
)
def test_money_that_does_not_fit_is_refused(amount: str, currency: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        check_money(amount, currency)


def test_currencies_have_the_digits_of_the_standard() -> None:
    assert (EXPONENTS["JPY"], EXPONENTS["USD"], EXPONENTS["INR"], EXPONENTS["KWD"]) == (0, 2, 2, 3)
    check_money("1.125", "KWD")
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)


@pytest.mark.parametrize("text", ["Lieutenant Rao", "ind-p-", "ind-p-1x", "IND-p-1", "ind-p-1\n", "p-1", ""])
def test_a_name_is_no_pseudonym(text: str) -> None:
    assert not is_person(text)
    assert is_person("ind-p-17")


def test_only_a_day_is_a_day() -> None:
    texts = ("2027-06-01", "2027-06", "unknown", "soon", None)
    assert [day_of(text) for text in texts] == ["2027-06-01", "", "", "", ""]


# --- the cases, in every order ----------------------------------------------------------------------------------------------------

CLASSES = SEAT_RECORDS | GRANT_RECORDS | INVESTMENT_RECORDS | {"case.endorsed.v1": CaseEndorsed}
NAMES = {kind: name for name, kind in CLASSES.items()}


def move(kind: CaseKind, number: int, body: Any, party: str, after: frozenset[str] = frozenset()) -> Move:
    name = NAMES[type(body)]
    step = step_of(kind, f"{number:064x}", name, body, party, f"officer:{party}{number}:desk", number, after)
    return Move(step=step, type=name, body=body)


@st.composite
def seat_stories(draw: st.DrawFn) -> list[Move]:
    """Return steps of one seat by either side, each following any of those before it: also what no honest node would say."""
    moves = [move(SEAT, 1, SeatOffered(course="jpn-law", seat_no=1, beneficiary="ind"), "jpn")]
    usual = iter(("nominated", "vetted", "confirmed", "", "attended", "graduated"))
    for number in range(2, draw(st.integers(2, 10))):
        likely = next(usual, "graduated") if draw(st.integers(0, 3)) else draw(st.sampled_from(sorted(SEAT_RECORDS)))
        name = next((each for each in SEAT_RECORDS if likely and each.endswith(f"{likely}.v1")), likely)
        known = [each.step.id for each in moves]
        body: Any = CLASSES[name]() if name else CaseEndorsed(endorses=known[-1])
        if isinstance(body, SeatNominated):
            body = SeatNominated(person=draw(st.sampled_from(("ind-p-1", "ind-p-2", "A. Rao"))))
        fitting = "ind" if not name or isinstance(body, SeatNominated) else "jpn"
        party = fitting if draw(st.integers(0, 4)) else draw(st.sampled_from(("ind", "jpn")))
        straight = draw(st.integers(0, 3))
        after = known[-1:] if straight else draw(st.lists(st.sampled_from(known), min_size=1))
        moves.append(move(SEAT, number, body, party, frozenset(after)))
    return moves


@settings(max_examples=80)
@given(seat_stories(), st.randoms())
def test_a_seat_is_delivered_once_and_to_a_pseudonym_in_every_order(moves: list[Move], rng: Any) -> None:
    case = SEAT.subject(seat_key("jpn-law", 1))
    shuffled = moves[:]
    rng.shuffle(shuffled)
    first, second = folded(SEAT, case, moves), folded(SEAT, case, shuffled)
    assert first is not None
    assert second is not None
    assert first.state == second.state
    if first.state.state in DELIVERED:
        assert first.effective(
            "graduate"
        )  # two nodes of the school may both say so: the seat is one case, and counts once
        for confirmed in first.effective("confirm"):
            signed = {
                each.step.party
                for each in moves
                if isinstance(each.body, CaseEndorsed) and each.body.endorses == confirmed.step.id
            }
            assert signed | {confirmed.step.party} == {"ind", "jpn"}
        assert first.effective("confirm")
    named = [each.body.person for each in first.effective("nominate") if isinstance(each.body, SeatNominated)]
    assert all(is_person(str(person)) for person in named)


def test_a_seats_key_is_its_course_and_number_and_its_donor_is_not_its_beneficiary() -> None:
    def opened(key: str, body: SeatOffered, party: str) -> bool:
        return folded(SEAT, SEAT.subject(key), [move(SEAT, 1, body, party)]) is not None

    right = SeatOffered(course="jpn-law", seat_no=1, beneficiary="ind")
    assert opened("jpn-law-001", right, "jpn")
    assert not opened("jpn-law-002", right, "jpn")
    assert not opened("jpn-law-001", right, "ind")
    assert not opened("jpn-law-001", SeatOffered(course="jpn-law", seat_no=1, beneficiary="jpn"), "jpn")
    assert not opened("jpn-law-001", SeatOffered(course="jpn-law", beneficiary="ind"), "jpn")


SIGN = "sign"


def chain(kind: CaseKind, key: str, *said: tuple[Any, str]) -> Any:
    moves: list[Move] = []
    for number, (body, party) in enumerate(said, 1):
        words = CaseEndorsed(endorses=moves[-1].step.id) if body is SIGN else body
        moves.append(move(kind, number, words, party, frozenset(each.step.id for each in moves[-1:])))
    found = folded(kind, kind.subject(key), moves)
    assert found is not None
    return found


@given(st.integers(1, 5), st.integers(0, 8))
def test_no_more_is_handed_over_than_was_pledged(pledged: int, handed: int) -> None:
    steps = GRANT_RECORDS
    found = chain(
        GRANT, "jpn-boats", (GrantPledged(beneficiary="ind", item="boat", quantity=pledged), "jpn"),
        (steps["training.grant-agreed.v1"](), "jpn"), (SIGN, "ind"), (steps["training.grant-contracted.v1"](), "jpn"),
        (GrantHandedOver(quantity=handed), "jpn"), (SIGN, "ind"),
    )  # fmt: skip
    assert (found.state.state == "handed-over") == (0 < handed <= pledged)


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=4),
    st.sampled_from(("INR", "USD")),
    st.sampled_from(("", "ab" * 32)),
)
def test_no_more_is_realised_than_was_committed_nor_without_evidence(
    parts: list[int], currency: str, evidence: str
) -> None:
    steps = INVESTMENT_RECORDS
    proof: dict[str, Any] = {"evidence_sha256": evidence} if evidence else {}
    found = chain(
        INVESTMENT, "jpn-motors", (InvestmentExpressed(host="ind", company="c", kind="fdi"), "jpn"),
        (steps["training.investment-agreed.v1"](), "jpn"), (SIGN, "ind"), (steps["training.investment-approved.v1"](), "ind"),
        (InvestmentCommitted(amount="100", currency="INR", committed_on="2027"), "jpn"),
        *((InvestmentRealised(amount=str(part), currency=currency, realised_on="2028", **proof), "ind") for part in parts),
    )  # fmt: skip
    spent = [Decimal(str(each.body.amount)) for each in found.effective("realise")]
    assert sum(spent) <= 100
    assert bool(spent) == (bool(evidence) and currency == "INR")
