"""Rules on what is not, or not yet, a party's own to give: backfill, what a consent opens, and relabels in every order."""

from __future__ import annotations

import itertools
import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kizuna.kernel import label as labels
from kizuna.kernel.clause import Consent, ReleaseHeader, opened
from kizuna.kernel.lifecycle import Act, RecordRelabelled, label_now
from kizuna.kernel.release import GUARD_MS, Index
from tests.kernel import release_cases

HOUR_MS = 3_600_000


@given(st.integers(0, 10**9))
def test_a_backfill_lifts_one_condition_and_only_where_the_provision_says_so(seed: int) -> None:
    rng = random.Random(seed)
    made = [release_cases.agreement(rng, number, "jpn") for number in range(3)]
    index = Index.build(release_cases.OWN, made, GUARD_MS)
    agreed = {provision.id for one in made for provision in one.instrument.provisions if provision.backfill is True}
    for _ in range(20):
        found = release_cases.case(rng, made)
        rest = (found.recipient, found.now_ms, found.purpose, found.provision)
        plain = msgspec.structs.replace(found.header, backfill=False)
        asked = index.decide(msgspec.structs.replace(found.header, backfill=True), *rest)
        without = index.decide(plain, *rest)
        assert asked.permit or not without.permit
        assert without.permit or not asked.permit or asked.provision in agreed


def consent(**changes: object) -> Consent:
    values: dict[str, object] = {
        "id": "c", "originator": "ind", "relay": "jpn", "recipient": "aus", "fields": frozenset({"text"}), "purpose": "ops",
        "expires_ms": 100, "records": frozenset({"r"}),
    }  # fmt: skip
    return Consent(**(values | changes))  # type: ignore[arg-type] # the tests name the fields they change


HEADER = ReleaseHeader(type="t.v1", label=None, issuer="ind", at_ms=50, record_id="r")
PARTIES = st.sampled_from(["ind", "jpn", "aus", "usa"])


@given(PARTIES, PARTIES, PARTIES, st.integers(0, 200), st.sampled_from(["r", "s"]))
def test_a_consent_opens_to_its_relay_to_whom_its_record_may_go_and_nothing_else(
    originator: str, relay: str, recipient: str, now_ms: int, record_id: str
) -> None:
    given_ = consent(originator=originator, relay=relay, recipient=recipient, records=frozenset({record_id}))
    found = opened([given_], HEADER, "jpn", now_ms)
    meant = originator == "ind" and relay == "jpn" and record_id == "r" and now_ms < 100
    assert found == (frozenset({f"releasable_to/{recipient}"}) if meant else frozenset())


BASE = labels.label("ind", 2, originator="ind", releasable_to=("jpn",), purposes=("ops",))


@st.composite
def relabels(draw: st.DrawFn) -> list[Act]:
    """Return relabels of one record, some by one person, each following some of those before it."""
    made: list[Act] = []
    for number in range(draw(st.integers(1, 4))):
        followed = draw(st.sets(st.sampled_from([act.id for act in made]))) if made else set()
        body = RecordRelabelled(
            target="x", approved_by=draw(st.sampled_from(["officer:1:desk", "officer:2:security"])),
            grades={"ind": draw(st.integers(0, 5))}, releasability=draw(st.booleans()), purposes=None, caveats=None,
            review_by=None, reason="",
        )  # fmt: skip
        to = frozenset(draw(st.sets(st.sampled_from(["jpn", "aus"]))))
        made.append(
            Act(
                id=f"n{number}",
                party="ind",
                actor="officer:1:desk",
                at_ms=0,
                body=body,
                after=frozenset(followed),
                releasable_to=to,
            )
        )
    return made


@given(relabels())
def test_relabels_fold_alike_in_every_order_and_none_by_one_person_counts(acts: list[Act]) -> None:
    expected = label_now("x", "ind", BASE, acts)
    for order in itertools.permutations(acts):
        assert label_now("x", "ind", BASE, [*order, order[0]]) == expected
    if all(getattr(act.body, "approved_by", "").startswith("officer:1:") for act in acts):
        assert expected == BASE
