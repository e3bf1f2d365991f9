import random

import pytest

from kizuna.kernel import explain as words
from kizuna.kernel.explain import LANGUAGES, explain
from kizuna.kernel.instrument import Obligations
from kizuna.kernel.label import Grade
from kizuna.kernel.release import REASONS, Index
from tests.kernel import release_cases as cases
from tests.kernel.test_release import FORBIDS, NOW, TYPE, agreement, header, marked, provision

INDEX = Index.build("ind", [agreement()])


def test_a_permit_names_clause_instrument_and_purpose_and_says_that_it_is_an_example() -> None:
    said = explain(INDEX, header(), "jpn", NOW)
    assert said.permit
    assert said.sentence == (
        f'`{TYPE}` may go to `jpn` for `maritime-domain-awareness` under `p1` of "arrangement" (example rule, part of no agreement).'
    )
    assert said.consulted == (("arrangement", "p1", "permits"),)
    assert said.remedy == ""


def test_a_real_clause_is_not_called_an_example() -> None:
    made = Index.build("ind", [agreement(provision(basis="primary"))])
    assert "example" not in explain(made, header(), "jpn", NOW).sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_denial_names_the_instrument_and_a_remedy(language: str) -> None:
    denials = {
        "provision:f1": Index.build("ind", [agreement(provision(), provision(**FORBIDS))]),
        "no-instrument": Index.build("ind", [agreement(in_force=(), note="not signed by `jpn`")]),
        "no-provision": Index.build("ind", [agreement(provision(record_types=()))]),
        "purpose": Index.build("ind", [agreement(provision(purposes=("other",)))]),
        "expired": Index.build("ind", [agreement(suspended=((0, NOW * 2),))]),
        "no-equivalence": Index.build("ind", [agreement(provision(equivalence=""))]),
        "level": Index.build("ind", [agreement(provision(max_classification={"jpn.v1": 0}))]),
    }
    for reason, index in denials.items():
        said = explain(index, header(), "jpn", NOW, language)
        assert (said.permit, said.reason) == (False, reason)
        assert "arrangement" in said.sentence, reason
        assert said.remedy
    for held, reason in ((marked(releasable_to=frozenset()), "releasability"), (header(issuer="aus"), "no-consent")):
        said = explain(INDEX, held, "jpn", NOW, language)
        assert said.reason == reason
        assert "arrangement" in said.sentence
        assert said.remedy


def test_no_agreement_at_all_is_said_plainly() -> None:
    said = explain(Index.build("ind", []), header(), "jpn", NOW)
    assert said.sentence == "No instrument with `jpn` is in force; consulted: none."


def test_an_instrument_that_is_not_in_force_is_consulted_with_its_reason() -> None:
    index = Index.build("ind", [agreement(in_force=(), note="not signed by `jpn`")])
    assert explain(index, header(), "jpn", NOW).consulted == (("arrangement", "", "not signed by `jpn`"),)


def test_every_clause_that_was_looked_at_says_why() -> None:
    made = agreement(
        provision(id="p1", purposes=("other",)),
        provision(id="p2", max_classification={"jpn.v1": 0}),
        provision(id="p3", obligations=Obligations(delay_ms=10_000_000)),
    )
    said = explain(Index.build("ind", [made]), header(), "jpn", NOW)
    assert [why for _, _, why in said.consulted] == ["purpose", "level", "provision:p3"]
    assert said.reason == "provision:p3"


def test_words_and_decisions_agree_on_random_cases() -> None:
    rng = random.Random(5)
    agreements = cases.world(rng)
    index = Index.build(cases.OWN, agreements)
    for _ in range(1000):
        made = cases.case(rng, agreements)
        decision = index.decide(made.header, made.recipient, made.now_ms, made.purpose)
        said = explain(index, made.header, made.recipient, made.now_ms, rng.choice(LANGUAGES), made.purpose)
        assert (said.permit, said.reason) == (decision.permit, decision.reason)
        whys = [why for _, _, why in said.consulted]
        assert ("permits" in whys and "forbids" not in whys) == decision.permit
        if decision.permit:
            assert (decision.instrument, decision.provision, "permits") in said.consulted


def test_every_reason_that_an_index_gives_has_words_in_every_language() -> None:
    expected = {"permits", "provision", *REASONS} - {"clock", "halted"}
    for table, more in ((words._SENTENCES, set()), (words._REMEDIES, {"delay"})):
        assert set(table) == expected | more
        assert all(len(entry) == len(LANGUAGES) for entry in table.values())


def test_an_unknown_grade_is_no_equivalence() -> None:
    assert explain(INDEX, marked(grades=(Grade("ind.v1", 9),)), "jpn", NOW).reason == "no-equivalence"
