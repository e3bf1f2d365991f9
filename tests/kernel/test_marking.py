import pytest

from kizuna.kernel.label import Grade, Label, join, label
from kizuna.kernel.marking import BUNDLED, marking
from kizuna.kernel.marking_policy import IND_EXAMPLE

HELD = label(
    "ind.example.v1", 2, originator="ind", releasable_to=("jpn", "aus"), caveats=("eyes",), review_by="2030-01-01"
)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "IND CONFIDENTIAL EYES//REL TO AUS, JPN//ORIGIN IND//REVIEW 2030-01-01//EXAMPLE MARKING"),
        ("ja", "IND コンフィデンシャル EYES//提供先 AUS, JPN//発信 IND//見直し 2030-01-01//表示例"),
        ("hi", "IND गोपनीय EYES//केवल AUS, JPN हेतु//मूल IND//समीक्षा 2030-01-01//उदाहरण अंकन"),
        ("tlh", "IND CONFIDENTIAL EYES//REL TO AUS, JPN//ORIGIN IND//REVIEW 2030-01-01//EXAMPLE MARKING"),
    ],
)
def test_one_label_in_three_languages(language: str, text: str) -> None:
    assert marking(HELD, language=language) == text


def test_an_exercise_stands_first() -> None:
    assert [marking(HELD, language=language, exercise=True).split("//")[0] for language in ("en", "ja", "hi")] == [
        "EXERCISE",
        "演習",
        "अभ्यास",
    ]


def test_each_policy_of_a_joined_label_is_marked() -> None:
    joined = join(HELD, label("jpn.example.v1", 3, originator="jpn", releasable_to=("jpn",)))
    assert marking(joined).startswith("IND CONFIDENTIAL EYES//JPN GOKUHI//REL TO JPN//ORIGIN IND, JPN")


@pytest.mark.parametrize(
    "held",
    [
        None,
        Label(grades=(), originators=frozenset({"ind"})),
        Label(grades=(Grade("usa.v1", 0),), originators=frozenset({"usa"})),
        Label(grades=(Grade("ind.example.v1", 9),), originators=frozenset({"ind"})),
        Label(grades=(Grade("ind.example.v1", -1),), originators=frozenset({"ind"})),
    ],
)
def test_what_is_unknown_is_marked_so_and_never_as_something_lower(held: Label | None) -> None:
    text = marking(held)
    assert "HIGHEST GRADE" in text
    assert not any(grade.en in text.split("//") for grade in IND_EXAMPLE.grades)
    assert "最高区分" in marking(held, language="ja")
    assert "उच्चतम" in marking(held, language="hi")


def test_nobody_named_is_said() -> None:
    assert "NOT RELEASABLE" in marking(label("jpn.example.v1", 0, originator="jpn"))


def test_the_bundled_policies_are_examples_with_a_name_for_each_grade() -> None:
    examples = [policy for policy in BUNDLED.values() if policy.basis == "example"]
    assert {policy.id for policy in BUNDLED.values()} - {policy.id for policy in examples} == {"tlp.v2"}
    for policy in examples:
        assert [grade.level for grade in policy.grades] == list(range(5))
        for language in ("en", "ja", "hi"):
            assert len({policy.name(level, language) for level in range(5)}) == 5
    japanese = {grade.ja for grade in BUNDLED["jpn.example.v1"].grades}
    assert japanese.isdisjoint(grade.ja for grade in IND_EXAMPLE.grades), (
        "one state's word for another's grade claims an equivalence"
    )
