"""Claims stand side by side until somebody rules on them, in whatever order they come."""

from __future__ import annotations

import itertools
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.kernel import claim, record, sign
from kizuna.kernel.claim import (
    ClaimAct,
    ClaimAdjudicated,
    ClaimAsserted,
    ClaimDisputed,
    ClaimWithdrawn,
    Status,
    fold,
    known_value,
)
from kizuna.kernel.label import label


def asserts(name: str, value: str = "2018-12-17", party: str = "ind", subject: str = "ia-2018") -> ClaimAct:
    body = ClaimAsserted(subject=subject, predicate="signed_on", value=value, precision="day", source_ref="news")
    return ClaimAct(name, party, body)


def disputes(name: str, target: str, *after: str) -> ClaimAct:
    return ClaimAct(name, "jpn", ClaimDisputed(claim=target, reason="another date in the text"), frozenset(after))


def withdraws(name: str, target: str, party: str = "ind") -> ClaimAct:
    return ClaimAct(name, party, ClaimWithdrawn(claim=target, reason="misread"))


def rules(name: str, chosen: str | None, *considered: str, after: tuple[str, ...] = ()) -> ClaimAct:
    body = ClaimAdjudicated(considered=considered, chosen=chosen, reason="primary text", decided_by="officer:i4:legal")
    return ClaimAct(name, "ind", body, frozenset((*considered, *after)))


def statuses(*acts: ClaimAct) -> dict[str, Status]:
    return {name: found.status for name, found in fold(acts).items()}


ONE, OTHER = asserts("c1"), asserts("c2", "2018-12-07", "jpn")


def test_several_claims_stand_side_by_side() -> None:
    found = fold([ONE, OTHER])
    assert statuses(ONE, OTHER) == {"c1": Status.ASSERTED, "c2": Status.ASSERTED}
    assert known_value(found.values(), "ia-2018", "signed_on") == frozenset({"2018-12-17", "2018-12-07"})


def test_not_found_is_never_no() -> None:
    assert known_value(fold([ONE]).values(), "ia-2018", "in_force_on") is None
    assert known_value(fold([]).values(), "ia-2018", "signed_on") is None
    assert known_value(fold([ONE, withdraws("w", "c1")]).values(), "ia-2018", "signed_on") is None
    assert known_value(fold([ONE, rules("r", None, "c1")]).values(), "ia-2018", "signed_on") is None


def test_a_dispute_marks_its_claim_alone_and_it_still_counts() -> None:
    assert statuses(ONE, OTHER, disputes("d", "c1")) == {"c1": Status.DISPUTED, "c2": Status.ASSERTED}
    found = fold([ONE, disputes("d", "c1")])
    assert found["c1"].disputes == ("d",)
    assert known_value(found.values(), "ia-2018", "signed_on") == frozenset({"2018-12-17"})


def test_adjudication_chooses_one_and_the_rest_stay_visible() -> None:
    found = fold([ONE, OTHER, disputes("d", "c1"), rules("r", "c1", "c1", "c2", after=("d",))])
    assert {name: each.status for name, each in found.items()} == {"c1": Status.CHOSEN, "c2": Status.NOT_CHOSEN}
    assert found["c2"].adjudications == ("r",)
    assert known_value(found.values(), "ia-2018", "signed_on") == frozenset({"2018-12-17"})


def test_new_evidence_reopens_what_was_decided() -> None:
    ruled = (ONE, OTHER, rules("r", "c1", "c1", "c2"))
    assert statuses(*ruled, disputes("d", "c1", "r"))["c1"] == Status.DISPUTED
    assert statuses(*ruled, disputes("d", "c1"))["c1"] == Status.DISPUTED
    again = rules("r2", "c2", "c1", "c2", after=("r", "d"))
    assert statuses(*ruled, disputes("d", "c1", "r"), again) == {"c1": Status.NOT_CHOSEN, "c2": Status.CHOSEN}


def test_rulings_that_do_not_know_of_each_other_leave_a_dispute() -> None:
    pair = (rules("r", "c1", "c1", "c2"), rules("s", "c2", "c1", "c2"))
    assert statuses(ONE, OTHER, *pair) == {"c1": Status.DISPUTED, "c2": Status.DISPUTED}
    assert statuses(ONE, OTHER, pair[0], rules("s", "c1", "c1", "c2"))["c1"] == Status.CHOSEN


def test_only_the_asserter_withdraws() -> None:
    assert statuses(ONE, withdraws("w", "c1", "jpn")) == {"c1": Status.ASSERTED}
    assert statuses(ONE, rules("r", "c1", "c1"), withdraws("w", "c1")) == {"c1": Status.WITHDRAWN}


def test_what_is_withheld_rules_on_nothing() -> None:
    assert statuses(ONE, ClaimAct("r", "ind", ClaimAdjudicated(chosen="c1"))) == {"c1": Status.ASSERTED}
    assert statuses(ONE, ClaimAct("d", "ind", ClaimDisputed(reason="x"))) == {"c1": Status.ASSERTED}


def test_acts_on_a_claim_that_has_not_come_wait_for_it() -> None:
    assert fold([disputes("d", "c1"), withdraws("w", "c1")]) == {}
    assert statuses(withdraws("w", "c1"), ONE) == {"c1": Status.WITHDRAWN}


def test_every_order_and_number_of_copies_gives_one_standing() -> None:
    acts = [
        ONE,
        OTHER,
        disputes("d", "c1"),
        rules("r", "c1", "c1", "c2", after=("d",)),
        rules("s", "c2", "c1", "c2", after=("r",)),
    ]
    expected = fold(acts)
    assert list(expected) == ["c1", "c2"]
    for order in itertools.permutations(acts):
        found = fold([*order, order[0]])
        assert found == expected
        assert list(found) == list(expected)


NAMES = st.sampled_from(["c0", "c1", "c2", "c3", "c4"])


@st.composite
def any_acts(draw: st.DrawFn) -> list[ClaimAct]:
    acts = []
    for index in range(draw(st.integers(1, 5))):
        pair = draw(st.tuples(NAMES, NAMES))
        body: Any = draw(
            st.sampled_from([
                ClaimAsserted(subject="s", predicate="p", value=pair[0]),
                ClaimDisputed(claim=pair[0]),
                ClaimWithdrawn(claim=pair[0]),
                ClaimAdjudicated(considered=pair, chosen=pair[0]),
                ClaimAdjudicated(considered=pair, chosen=None),
            ])
        )  # fmt: skip
        acts.append(
            ClaimAct(f"c{index}", draw(st.sampled_from(["ind", "jpn"])), body, draw(st.frozensets(NAMES, max_size=2)))
        )
    return acts


@settings(max_examples=150)
@given(any_acts(), st.randoms(use_true_random=False))
def test_any_acts_fold_alike_in_any_order(acts: list[ClaimAct], rng: random.Random) -> None:
    shuffled = acts + rng.choices(acts, k=2)
    rng.shuffle(shuffled)
    assert fold(shuffled) == fold(acts)


def test_a_claim_crosses_as_a_record() -> None:
    facts = record.Facts(node="ind/n", actor="officer:i1:desk", at_ms=5)
    body = ClaimAsserted(
        subject="s", predicate="p", value="v", valid_from="2018-12-01", valid_to=None, confidence_pct=80
    )
    issued = record.issue(
        "claim.asserted.v1",
        body,
        label("ind", 0, originator="ind"),
        facts,
        sign.SigningKey(bytes(32)),
        random.Random(1).randbytes,
    )
    assert record.body_of(record.read(issued.bytes()), claim.CLAIM_RECORDS[issued.clear.type]) == body
