"""What binds and what does not: verbs decide, a person confirms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.domains.dialogue.reading import read

SEEDS = Path(os.environ.get("KIZUNA_SHARED", Path(__file__).parents[4] / "shared")) / "seeds"
BINDS = ("agreed to", "decided to", "committed to", "resolved to", "pledged to", "undertook to", "intended to")
VIEWS = (
    "welcomed",
    "shared",
    "reaffirmed",
    "noted",
    "appreciated",
    "acknowledged",
    "recognised",
    "emphasised",
    "discussed",
    "reviewed",
)
THINGS = (
    "the conduct of the exercise",
    "the progress of the talks",
    "a free and open sea",
    "their commitment to the partnership",
)
SIDES = ("The two ministers", "Both sides", "They", "India and Japan")


@given(st.sampled_from(SIDES), st.sampled_from(VIEWS), st.sampled_from(THINGS))
def test_a_view_alone_is_never_a_commitment(side: str, verb: str, thing: str) -> None:
    (found,) = read((f"{side} {verb} {thing}.",), "en")
    assert (found.kind, found.strength, found.verb) == ("position", None, verb)


@given(st.sampled_from(SIDES), st.sampled_from(BINDS), st.sampled_from((None, *VIEWS)), st.sampled_from(THINGS))
def test_a_verb_that_binds_is_one_even_after_a_view(side: str, verb: str, view: str | None, thing: str) -> None:
    start = f"{side} {view} {thing} and " if view else f"{side} "
    (found,) = read((f"{start}{verb} hold an exercise this year.",), "en")
    assert (found.kind, found.due_phrase) == ("commitment", "this year")


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("They welcomed that the navies will meet at sea.", "position"),
        ("Both sides welcomed that it had been agreed to open talks.", "position"),
        ("The role that it will play was acknowledged.", "position"),
        ("The two sides did not agree to publish it.", None),
        ("Both countries are committed to peace.", "position"),
        ("The ministers expressed their commitment to continuing the exercises.", "commitment"),
        ("Japan will post an officer to the centre.", "commitment"),
        ("The weather will be fine.", None),
        ("It was also decided that the next dialogue will take place at mutually agreeable times.", "commitment"),
        ("There was an agreement on fish.", None),
    ],
)
def test_sentences_as_they_occur(sentence: str, kind: str | None) -> None:
    assert [found.kind for found in read((sentence,), "en")] == ([] if kind is None else [kind])


def test_sentences_in_japanese_and_hindi() -> None:
    said = "両大臣は、初の共同訓練を早期に実施することで一致した。双方は協定を歓迎した。双方は協定を歓迎し、次回対話の開催を決定した。"
    assert [(found.kind, found.strength, found.due_phrase) for found in read((said,), "ja")] == [
        ("commitment", "agrees", "早期に"), ("position", None, ""), ("commitment", "decides", ""),
    ]  # fmt: skip
    said = "दोनों मंत्रियों ने अभ्यास शीघ्र आयोजित करने पर सहमति जताई। उन्होंने समझौते का स्वागत किया। दोनों पक्ष अगली बैठक करेंगे।"
    assert [(found.kind, found.strength, found.due_phrase) for found in read((said,), "hi")] == [
        ("commitment", "agrees", "शीघ्र"), ("position", None, ""), ("commitment", "will", ""),
    ]  # fmt: skip
    assert read(("Sie stimmten zu.",), "de") == ()


@given(st.text(max_size=200), st.sampled_from(("en", "ja", "hi")))
def test_any_text_can_be_read(text: str, language: str) -> None:
    for found in read((text,), language):
        assert (found.kind == "commitment") == (found.strength is not None)


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the articles are not here")
@pytest.mark.parametrize(
    ("article", "line", "kind"),
    [
        ("000", 6, "commitment"), ("000", 8, "position"), ("000", 2, "position"), ("001", 20, "commitment"), ("001", 12, "commitment"),
        ("003", 9, "position"), ("003", 13, "commitment"), ("003", 15, "position"), ("003", 17, "commitment"), ("004", 7, "commitment"),
    ],
)  # fmt: skip
def test_articles_about_the_dialogue_are_read_as_people_read_them(article: str, line: int, kind: str) -> None:
    (path,) = SEEDS.glob(f"{article}_*.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert kind in [found.kind for found in read((lines[line - 1],), "en")]
