"""Seats, grants and investments that India and Japan carry together, on two simulated nodes: no seat is given twice, no sum counted twice."""

from __future__ import annotations

from typing import Any

import pytest

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.case.operations import EndorseAsked, ResolveAsked
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.training import DOMAIN as TRAINING
from kizuna.domains.training import giving, seats
from kizuna.domains.training import operations as ops
from kizuna.domains.training.progress import Progress, ProgressWanted
from kizuna.domains.training.queries import RetentionWanted, SeatsWanted
from kizuna.errors import RefusedError
from kizuna.kernel.label import label
from kizuna.kernel.operation import Asked
from kizuna.node import effects as fx
from kizuna.node.held.parsed import parse
from kizuna.sim.federation import Federation, SimNode
from tests.sim.partnership import operate, partners, shown, tables

MEMORANDUM = "ind-jpn-2014-memorandum-defence-cooperation"
EQUIPMENT = "ind-jpn-2015-equipment-technology-transfer"
DOMAINS = (CASE, INSTRUMENTS, TRAINING)
OFFICER = "officer:1:desk"
COURSE = "jpn-law-2027"
SEAT = f"{COURSE}-001"
PLEDGE = "jpn-2022-maritime-security"
DIGEST = "ab" * 32


def pair(seed: int | str) -> tuple[Federation, SimNode, SimNode]:
    return partners(seed, DOMAINS, MEMORANDUM, EQUIPMENT)


def do(node: SimNode, name: str, asked: Asked) -> Any:
    return operate(node, f"training {name}", asked, OFFICER)


def sign(node: SimNode, case: str) -> Any:
    return operate(node, "case endorse", EndorseAsked(case=case), OFFICER)


def course(count: int, **changes: Any) -> ops.CourseAsked:
    values: dict[str, Any] = {
        "course": COURSE, "title": "Law of the sea", "seats": count, "counting_rule": "persons", "pledge": PLEDGE, "to": ("ind",),
        "starts_on": "2027-06-01", "ends_on": "2027-06-28",
    }  # fmt: skip
    return ops.CourseAsked(**(values | changes))


def offered(seed: int | str, count: int = 1) -> tuple[Federation, SimNode, SimNode]:
    federation, india, japan = pair(seed)
    do(japan, "load-bundled", ops.LoadAsked(to=("ind",)))
    do(japan, "offer-course", course(count))
    do(japan, "offer-seats", seats.SeatsAsked(course=COURSE, beneficiary="ind", count=count))
    federation.run(5_000)
    return federation, india, japan


def name(person: int) -> seats.NominateAsked:
    return seats.NominateAsked(course=COURSE, person=f"ind-p-{person}")


def states(*nodes: SimNode) -> set[tuple[str, ...]]:
    return {tuple(seat.state for seat in shown(node, TRAINING, "seats", SeatsWanted())) for node in nodes}


def teach(federation: Federation, india: SimNode, japan: SimNode, person: int, seat: str) -> None:
    do(india, "nominate", name(person))
    federation.run(5_000)
    do(japan, "vet", seats.SeatAsked(seat=seat))
    do(japan, "confirm", seats.SeatAsked(seat=seat))
    federation.run(5_000)
    sign(india, f"training.seat:{seat}")
    do(india, "travel", seats.SeatDayAsked(seat=seat, on="2027-05-30"))
    federation.run(5_000)
    do(japan, "attend", seats.SeatDayAsked(seat=seat, on="2027-06-01"))
    do(japan, "graduate", seats.GraduateAsked(seat=seat, on="2027-06-28"))
    federation.run(5_000)


def far(node: SimNode) -> Progress:
    found: Progress = shown(node, TRAINING, "progress", ProgressWanted(pledge=PLEDGE))
    return found


def gaps(node: SimNode) -> dict[str, str]:
    return {gap.gap: gap.what for gap in far(node).gaps}


def test_a_seat_goes_from_offer_to_graduation_and_counts_with_its_evidence() -> None:
    federation, india, japan = offered(1, count=2)
    teach(federation, india, japan, 17, SEAT)
    assert states(india, japan) == {("graduated", "offered")}
    for node in (india, japan):
        people = far(node).people
        assert (people.seats_offered, people.seats_given, people.seats_delivered, people.persons_delivered) == (
            2,
            1,
            1,
            1,
        )
        assert people.counted is None
        assert gaps(node)["counting rule not stated"].startswith("whether 800 counts persons or seats")
        assert gaps(node)["promised, not offered"] == "798 of 800"
        assert gaps(node)["delivered, without evidence"] == "1 of 1 seats"
    evidence = ops.EvidenceAsked(about=f"course:{COURSE}", title="the school's list", sha256=DIGEST, to=("ind",))
    do(japan, "file-evidence", evidence)
    do(japan, "follow-up", seats.FollowUpAsked(seat=SEAT, on="2028-06-28", finding="teaches at home"))
    federation.run(5_000)
    for node in (india, japan):
        assert far(node).people.seats_with_evidence == 1
        assert "delivered, without evidence" not in gaps(node)
    assert states(india, japan) == {("followed-up", "offered")}


def test_the_last_seat_is_given_once_at_one_node() -> None:
    federation, india, japan = offered(2)
    first, second = india.post(
        fx.Operate("training", "nominate", name(1), OFFICER),
        fx.Operate("training", "nominate", name(2), "officer:2:desk"),
    )
    federation.run(5_000)
    assert isinstance(india.replies[first], fx.Done)
    assert "every seat offered to us is given" in str(india.replies[second])
    with pytest.raises(RefusedError, match="has `0` of `1` seats left, not `1`"):
        do(japan, "offer-seats", seats.SeatsAsked(course=COURSE, beneficiary="ind"))
    assert [seat.person for seat in shown(japan, TRAINING, "seats", SeatsWanted())] == ["ind-p-1"]


def test_a_seat_taken_back_while_a_person_was_named_is_settled_alike_on_both_nodes() -> None:
    federation, india, japan = offered(3)
    federation.weather.cut.add(frozenset((india.name, japan.name)))
    do(india, "nominate", name(1))
    do(japan, "withdraw-seat", seats.SeatReasonAsked(seat=SEAT, reason="given to another party"))
    do(japan, "offer-seats", seats.SeatsAsked(course=COURSE, beneficiary="idn"))
    federation.weather.cut.clear()
    federation.run(60_000)
    assert states(india) == {("withdrawn",)}
    assert states(japan) == {("withdrawn", "offered")}
    assert far(india).people.seats_given == far(japan).people.seats_given == 0
    assert far(japan).people.seats_offered == 1


def test_a_course_that_shrank_beside_its_seats_is_shown_by_both() -> None:
    federation, india, japan = offered(4, count=2)
    with pytest.raises(RefusedError, match="`2` seats of `jpn-law-2027` are offered already: withdraw some first"):
        do(japan, "offer-course", course(1))
    body = ops.CourseOffered(
        course=COURSE,
        revision=9,
        pledge=PLEDGE,
        title="Law of the sea",
        seats=1,
        counting_rule="persons",
        starts_on="2027-06-01",
    )
    mark = label("jpn.example.v1", 0, originator="jpn", releasable_to=("ind",), purposes=("training",))
    japan.do(
        fx.Say((fx.Draft(ops.COURSE_OFFERED, body, mark, OFFICER, subject=f"course:{COURSE}"),))
    )  # as another node of Japan would
    federation.run(5_000)
    for node in (india, japan):
        assert gaps(node)["more seats than the course has"].startswith("2 of jpn-law-2027, which has 1")
        assert shown(node, TRAINING, "courses")[0].too_many


def test_a_person_has_one_seat_of_a_course() -> None:
    _, india, japan = offered(5, count=2)
    do(india, "nominate", name(7))
    with pytest.raises(RefusedError, match="`ind-p-7` has seat `jpn-law-2027-001`"):
        do(india, "nominate", name(7))
    with pytest.raises(RefusedError, match="`Lieutenant Rao` is no pseudonym like `ind-p-17`: a name does not cross"):
        do(india, "nominate", seats.NominateAsked(course=COURSE, person="Lieutenant Rao"))
    with pytest.raises(RefusedError, match="a donor offers no seat to itself"):
        do(japan, "offer-seats", seats.SeatsAsked(course=COURSE, beneficiary="jpn"))
    with pytest.raises(RefusedError, match="is not ours: its name begins with `ind-`"):
        do(india, "offer-course", course(2))
    with pytest.raises(RefusedError, match="`graduate` is for the side `donor`"):
        do(india, "graduate", seats.GraduateAsked(seat=SEAT, on="2027-06-28"))


def paid(node: SimNode, number: str, **changes: Any) -> Any:
    values: dict[str, Any] = {
        "transaction": number, "pledge": PLEDGE, "kind": "disbursement", "amount": "1500000.25", "currency": "USD",
        "value_on": "2023-03-31", "beneficiary": "idn", "to": ("ind",),
    }  # fmt: skip
    return do(node, "report-transaction", ops.TransactionAsked(**(values | changes)))


def test_money_keeps_its_currency_and_counts_once_and_not_from_who_benefits() -> None:
    federation, india, japan = offered(6)
    paid(japan, "t-1", kind="commitment", amount="2000000.00")
    paid(japan, "t-2")
    paid(japan, "t-3", amount="900000000", currency="JPY")
    with pytest.raises(RefusedError, match="`t-2` was reported already: a second one would count twice"):
        paid(japan, "t-2", amount="1")
    with pytest.raises(RefusedError, match="who benefits does not report it"):
        paid(india, "t-4", beneficiary="ind")
    with pytest.raises(RefusedError, match="is given by jpn, which reports for it"):
        paid(india, "t-4")
    with pytest.raises(RefusedError, match="`XXQ` is no currency of ISO 4217"):
        paid(japan, "t-4", currency="XXQ")
    with pytest.raises(RefusedError, match="`0\\.5` JPY has more than 0 digits"):
        paid(japan, "t-4", amount="0.5", currency="JPY")
    body = ops.TransactionReported(
        transaction="t-9",
        pledge=PLEDGE,
        kind="disbursement",
        amount="5",
        currency="USD",
        value_on="2023",
        beneficiary="ind",
    )
    mark = label("ind.example.v1", 0, originator="ind", releasable_to=("jpn",), purposes=("training",))
    india.do(
        fx.Say((fx.Draft(ops.TRANSACTION_REPORTED, body, mark, OFFICER),))
    )  # a node that does not keep to the rule
    do(
        india,
        "file-evidence",
        ops.EvidenceAsked(about="transaction:t-2", title="hand-over", source="https://example.org/t2", to=("jpn",)),
    )
    federation.run(5_000)
    for node in (india, japan):
        money = far(node).money
        assert money.promised == {"USD": "2000000000"}
        assert money.committed == {"USD": "2000000"}
        assert money.disbursed == {"JPY": "900000000", "USD": "1500000.25"}
        assert money.with_evidence == {"USD": "1500000.25"}
        assert gaps(node)["promised, not committed"] == "1998000000 of 2000000000 USD"
        assert gaps(node)["committed, not disbursed"] == "499999.75 of 2000000 USD"
        assert gaps(node)["disbursed, without evidence"] == "900000000 of 900000000 JPY"
        assert gaps(node)["in another currency"].startswith("JPY")
        assert gaps(node)["not counted"] == "transaction t-9 of ind: its beneficiary reports it"
        assert gaps(node)["its time is over"] == "3 years from 2022-06-10 ended on 2025-06-10"


def test_a_grant_is_handed_over_by_both_and_no_more_than_was_pledged() -> None:
    federation, india, japan = pair(7)
    grant, case = "jpn-boats-2027", "training.grant:jpn-boats-2027"
    do(
        japan,
        "pledge-grant",
        giving.PledgeGrantAsked(grant=grant, beneficiary="ind", item="patrol boat", quantity=2, pledge=PLEDGE),
    )
    do(japan, "agree-grant", giving.AgreeAsked(grant=grant, terms="as pledged"))
    federation.run(5_000)
    sign(india, case)
    federation.run(5_000)
    bought = giving.ContractAsked(
        grant=grant, contract="c-1", amount="3600000000", currency="JPY", contracted_on="2027-01"
    )
    do(japan, "contract", bought)
    over = giving.HandOverAsked(grant=grant, quantity=3, condition="new", handed_over_on="2028-02-01")
    with pytest.raises(RefusedError, match="`quantity` `3` is not between 1 and the `2` pledged"):
        do(japan, "hand-over", over)
    do(japan, "hand-over", giving.HandOverAsked(grant=grant, quantity=2, condition="new", handed_over_on="2028-02-01"))
    federation.run(5_000)
    assert {shown(node, TRAINING, "grants")[0].state for node in (india, japan)} == {"contracted"}
    sign(india, case)
    federation.run(5_000)
    do(japan, "support", giving.SupportAsked(grant=grant, support_until="2030-01-31"))
    federation.run(5_000)
    for node in (india, japan):
        (found,) = shown(node, TRAINING, "grants")
        assert (found.state, found.handed_over, found.support_until) == ("supported", 2, "2030-01-31")
        ((rule, due_ms),) = node.store.query("SELECT rule, due_ms FROM case_due")
        assert (rule, due_ms) == ("grant-support-ends", 1_896_134_400_000)
    do(japan, "end-support", giving.EndAsked(grant=grant, ended_on="2030-01-31"))


def test_a_grant_given_up_beside_its_hand_over_is_a_conflict_that_both_end() -> None:
    federation, india, japan = pair(8)
    grant, case = "jpn-boats-2027", "training.grant:jpn-boats-2027"
    do(japan, "pledge-grant", giving.PledgeGrantAsked(grant=grant, beneficiary="ind", item="patrol boat", quantity=1))
    do(japan, "agree-grant", giving.AgreeAsked(grant=grant))
    federation.run(5_000)
    sign(india, case)
    federation.run(5_000)
    federation.weather.cut.add(frozenset((india.name, japan.name)))
    do(
        japan,
        "contract",
        giving.ContractAsked(grant=grant, contract="c", amount="1", currency="JPY", contracted_on="2027"),
    )
    do(india, "withdraw-grant", giving.GrantReasonAsked(grant=grant, reason="no crew"))
    federation.weather.cut.clear()
    federation.run(60_000)
    assert {shown(node, TRAINING, "grants")[0].state for node in (india, japan)} == {"conflict"}
    operate(india, "case resolve", ResolveAsked(case=case, outcome="withdrawn", reason="no crew"), OFFICER)
    federation.run(5_000)
    sign(japan, case)
    federation.run(5_000)
    assert {shown(node, TRAINING, "grants")[0].state for node in (india, japan)} == {"withdrawn"}


def test_announced_is_not_realised_and_realised_needs_evidence_within_the_commitment() -> None:
    federation, india, japan = pair(9)
    key, case = "jpn-motors-2027", "training.investment:jpn-motors-2027"
    announced = giving.ExpressAsked(
        investment=key,
        host="ind",
        company="a maker of engines",
        kind="joint-venture",
        amount="5000000000",
        currency="JPY",
    )
    do(japan, "express", announced)
    do(japan, "agree-investment", giving.MemorandumAsked(investment=key, memorandum="between both makers"))
    federation.run(5_000)
    sign(india, case)
    do(india, "approve", giving.ApproveAsked(investment=key, approval="a-1"))
    federation.run(5_000)
    bound = giving.CommitAsked(investment=key, amount="700000000", currency="INR", committed_on="2027-05-01")
    do(japan, "commit", bound)
    federation.run(5_000)

    def spent(amount: str, currency: str = "INR") -> giving.RealiseAsked:
        return giving.RealiseAsked(
            investment=key, amount=amount, currency=currency, realised_on="2028-01-01", evidence_sha256=DIGEST
        )

    with pytest.raises(RefusedError, match="`currency` `JPY` is not that of the commitment, `INR`"):
        do(india, "realise", spent("1", "JPY"))
    do(india, "realise", spent("400000000.10"))
    with pytest.raises(
        RefusedError, match=r"with the `400000000.10` before it is more than the `700000000` INR committed"
    ):
        do(india, "realise", spent("300000000"))
    with pytest.raises(RefusedError, match="`realise` is for the side `host`"):
        do(japan, "realise", spent("1"))
    do(india, "realise", spent("99999999.90"))
    federation.run(5_000)
    for node in (india, japan):
        found = shown(node, TRAINING, "investments")
        assert (found.announced, found.committed, found.realised) == (
            {"JPY": "5000000000"}, {"INR": "700000000"}, {"INR": "500000000"}
        )  # fmt: skip
        assert [row.state for row in found.rows] == ["realised"]


def handled(node: SimNode, type_: str) -> str:
    """Return the handling class of the one record of a type."""
    ((seq,),) = node.store.query("SELECT seq FROM record WHERE type = ?", (type_,))
    (stored,) = node.store.read(seq, 1)
    assert stored.entry.body is not None
    return parse(stored.entry.body).clear.handling


def test_personal_notes_stay_at_home_and_have_an_end() -> None:
    federation, india, japan = offered(10)
    with pytest.raises(RefusedError, match="personal data needs an end"):
        do(india, "note-person", ops.PersonAsked(person="ind-p-1", name="A. Rao", retain_until="2029"))
    said = do(india, "note-person", ops.PersonAsked(person="ind-p-1", name="A. Rao", retain_until="2029-06-30"))
    do(india, "nominate", name(1))
    federation.run(5_000)
    record = said.said[0].record_id
    assert [row.person for row in shown(india, TRAINING, "retention", RetentionWanted(on="2029-07-01"))] == ["ind-p-1"]
    assert not shown(india, TRAINING, "retention", RetentionWanted(on="2029-06-30"))
    assert not any(b"Rao" in data for _, _, data in federation.wire)
    assert not japan.store.query("SELECT * FROM training_person")
    assert {handled(india, type_) for type_ in ("training.person-noted.v1", "training.seat-nominated.v1")} == {
        "personal"
    }
    india.do(fx.Act(record, "destroy", "its time is over", OFFICER))
    assert not shown(india, TRAINING, "retention", RetentionWanted(on="2029-07-01"))


def test_personal_data_goes_by_itself_after_its_day_and_the_journal_says_so() -> None:
    federation, india, _ = offered(11)
    first = do(india, "note-person", ops.PersonAsked(person="ind-p-1", name="A. Rao", retain_until="2029-06-30"))
    later = do(india, "note-person", ops.PersonAsked(person="ind-p-2", name="B. Nair", retain_until="2040-06-30"))
    federation.run(70_000)
    ended, kept = first.said[0].record_id, later.said[0].record_id
    ((ends_ms,),) = india.store.query("SELECT ends_ms FROM retained WHERE record_id = ?", (ended,))
    india.skew_ms = ends_ms - india.now_ms - 3_600_000
    federation.run(200_000)
    assert india.store.query("SELECT 1 FROM retained WHERE record_id = ?", (ended,)), "its day is not over"
    india.skew_ms += 3_600_000
    federation.run(200_000)
    assert not india.store.query("SELECT 1 FROM retained WHERE record_id = ?", (ended,))
    assert [row.person for row in shown(india, TRAINING, "retention", RetentionWanted(on="2050-01-01"))] == ["ind-p-2"]
    bodies = b"".join(
        bytes(body) for (body,) in india.store.query("SELECT body FROM journal_body WHERE body IS NOT NULL")
    )
    assert b"Rao" not in bodies
    assert b"Nair" in bodies
    acts = [entry.entry.meta for entry in india.store.read(1, 10_000) if entry.entry.kind == "acted"]
    assert [(meta["act"], meta["item"], meta["actor"]) for meta in acts] == [("destroy", ended, "system:retention")]
    assert not india.store.verify().findings
    india.store.rebuild()
    assert [record for (record,) in india.store.query("SELECT record_id FROM retained")] == [kept]


ACTS: tuple[tuple[str, Asked], ...] = (
    ("nominate", name(1)), ("nominate", name(2)), ("nominate", name(3)),
    *((verb, seats.SeatAsked(seat=f"{COURSE}-00{n}")) for n in (1, 2) for verb in ("vet", "confirm")),
    *((verb, seats.SeatDayAsked(seat=f"{COURSE}-00{n}", on="2027-06-01")) for n in (1, 2) for verb in ("travel", "attend")),
    *(("graduate", seats.GraduateAsked(seat=f"{COURSE}-00{n}", on="2027-06-28")) for n in (1, 2)),
    ("withdraw-seat", seats.SeatReasonAsked(seat=f"{COURSE}-001", reason="ill")),
    ("decline", seats.SeatReasonAsked(seat=f"{COURSE}-002", reason="rank")),
    ("offer-seats", seats.SeatsAsked(course=COURSE, beneficiary="ind")),
)  # fmt: skip


def test_storms_neither_part_the_two_sides_nor_give_a_seat_twice() -> None:
    ends = set()
    for seed in range(10):
        federation, india, japan = offered(100 + seed, count=2)
        federation.weather.loss, federation.weather.twice = 0.2, 0.2
        for _ in range(24):
            federation.run(federation.rng.choice((50, 400, 3_000)))
            node = federation.rng.choice((india, japan))
            acts = [fx.Operate("training", *federation.rng.choice(ACTS), OFFICER) for _ in range(4)]
            seat = federation.rng.choice(("001", "002"))
            acts.append(fx.Operate("case", "endorse", EndorseAsked(case=f"training.seat:{COURSE}-{seat}"), OFFICER))
            node.post(*acts)
        federation.weather.loss = federation.weather.twice = 0.0
        federation.run(60_000)
        assert tables(india, TRAINING) == tables(japan, TRAINING), seed
        ends |= {state for each in states(india, japan) for state in each}
        for node in (india, japan):
            people = far(node).people
            assert people.seats_delivered <= people.seats_given <= people.seats_offered <= 2
            before = tables(node, CASE, TRAINING)
            node.store.rebuild()
            assert tables(node, CASE, TRAINING) == before
    assert len(ends) > 3, "the storms reached few states"
