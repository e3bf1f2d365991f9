"""The index against Cedar: two encodings of the same rules, and an engine that is not ours, must agree on every decision."""

import random
from collections import Counter

import cedarpy
import msgspec
import pytest

from kizuna.kernel import cedar
from kizuna.kernel.instrument import Agreement
from kizuna.kernel.release import REASONS, Index
from tests.kernel import release_cases as cases

BATCH = 2_000


def _agree(seed: int, count: int, agreements: list[Agreement], said: list[Agreement] | None = None) -> Counter[str]:
    """Compare `count` decisions, sliced by partner; returns how often each reason came up. Cedar is told `said`."""
    rng = random.Random(seed)
    index = Index.build(cases.OWN, agreements, cases.GUARD_MS)
    seen: Counter[str] = Counter()
    partners = sorted({party for a in agreements for party in a.instrument.parties} - {cases.OWN})
    compiled = {
        name: cedarpy.PolicySet.from_str(cedar.policies(cases.OWN, name, said or agreements, cases.GUARD_MS))
        for name in partners
    }
    entities = cedarpy.Entities.from_json_str("[]")
    for _ in range(0, count, BATCH):
        sliced: dict[str, list[cases.Case]] = {name: [] for name in partners}
        for _ in range(BATCH):
            made = cases.case(rng, agreements)
            sliced[made.recipient].append(made)
        for name, batch in sliced.items():
            requests = [
                cedar.request(cases.OWN, c.header, c.recipient, c.now_ms, c.purpose, c.provision) for c in batch
            ]
            answers = cedarpy.is_authorized_batch(requests, compiled[name], entities)
            for made, answer in zip(batch, answers, strict=True):
                decision = index.decide(*made)
                named = set(answer.diagnostics.id_annotations_by_reason.values())
                assert answer.diagnostics.errors == []
                assert decision.permit == answer.allowed, (made, decision, named)
                clause = f"{decision.instrument}/{decision.version[:12]}/{decision.provision}"
                if decision.permit or (named and not answer.allowed):
                    assert clause in named, (made, decision, named)
                seen[decision.reason.partition(":")[0] + ("+" if decision.permit else "")] += 1
    return seen


def _sweep(seeds: range, each: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in seeds:
        agreements = cases.world(random.Random(seed), partners=3, each=2, provisions=5)
        seen += _agree(seed, each, agreements)
    return seen


def _met(seen: Counter[str]) -> None:
    """Nothing was compared that never happens: each reason and each permit came up, the rarest often enough to mean something."""
    total = seen.total()
    for reason in REASONS[:8]:
        if reason != "no-instrument":  # these partners all have one; `test_release.py` covers the rest
            assert seen[reason] > total / 100, (reason, seen)
    assert seen["provision+"] > total / 6
    assert seen["provision"] > total / 20


def test_index_and_cedar_agree_on_a_hundred_thousand_decisions() -> None:
    _met(_sweep(range(25), 4_000))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_index_and_cedar_agree_on_a_million_decisions() -> None:
    _met(_sweep(range(1000, 1250), 4_000))


def test_the_oracle_sees_a_rule_that_is_off_by_one() -> None:
    agreements = cases.world(random.Random(3), partners=3, each=2, provisions=5)
    narrower = [
        msgspec.structs.replace(agreement, suspended=tuple((a, b - 1) for a, b in agreement.suspended))
        for agreement in agreements
    ]
    assert any(agreement.suspended for agreement in agreements)
    with pytest.raises(AssertionError):
        _agree(3, 20_000, agreements, narrower)


@pytest.mark.parametrize("seed", range(4))
def test_policies_fit_their_schema(seed: int) -> None:
    agreements = cases.world(random.Random(seed))
    for partner in ("p-00", "p-01", "p-02", "p-03"):
        text = cedar.policies(cases.OWN, partner, agreements, cases.GUARD_MS)
        result = cedarpy.validate_policies(text, cedar.schema(agreements))
        assert result.validation_passed, [str(error) for error in result.errors]


def test_a_policy_says_which_clause_it_is_and_on_what_it_rests() -> None:
    agreements = cases.world(random.Random(7))
    text = cedar.policies(cases.OWN, "p-00", agreements, cases.GUARD_MS)
    assert "[example]" in text
    assert '@id("agreement-0/' in text
