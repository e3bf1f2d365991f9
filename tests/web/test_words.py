"""Nothing that a page says is missing in a language, and nothing is said past the catalogue."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from kizuna.kernel.domain import Domain
from kizuna.node.domains import DOMAINS
from kizuna.web.catalogue import Words, catalogue, language_of
from tests.web import wording

LANGUAGES = ("ja", "hi")
SAME_EVERYWHERE = {"MMSI", "kn", "Kizuna", "UTC", "· IST", "· JST"}
"""Names and units that no language of ours writes otherwise."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_the_pages_is_missing(language: str) -> None:
    words = Words(language)
    texts = wording.of_pages()
    assert len(texts) > 200
    assert not [text for text in sorted(texts) if not words.knows(text)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_no_text_of_a_desk_is_missing(domain: Domain, language: str) -> None:
    words = Words(language, domain.name)
    assert not [text for text in sorted(wording.of_domain(domain)) if not words.knows(text)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_that_means_something_else_at_a_desk_is_one_that_the_desk_shows(language: str) -> None:
    shown = {domain.name: wording.of_domain(domain) for domain in DOMAINS}
    own = {desk: set(words) for desk, words in catalogue(language).items() if desk}
    assert own
    assert not {desk: words - shown[desk] for desk, words in own.items() if words - shown[desk]}


def test_a_vessel_has_another_course_than_a_school() -> None:
    assert Words("ja")("Course") == Words("ja", "maritime")("Course") == "針路"
    assert Words("ja", "training")("Course") == "課程"
    assert Words("ja", "training")("State") == Words("ja")("State")


@pytest.mark.parametrize("template", wording.TEMPLATES, ids=lambda path: path.name)
def test_all_text_goes_through_the_catalogue(template: Path) -> None:
    assert not [text for text in wording.literal_text(template) if text not in SAME_EVERYWHERE]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_the_places_of_values(language: str) -> None:
    found = catalogue(language)
    assert found[""]
    wrong = [text for words in found.values() for text, said in words.items() if _places(text) != _places(said)]
    assert not wrong


def _places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("fr, hi-IN;q=0.8, en;q=0.5", "hi"),
        ("en;q=0.5, ja;q=0.9", "ja"),
        ("de;q=1.5, ;;;, ja;q=x", "en"),
        ("*", "en"),
    ],
)
def test_the_browser_says_which_language_comes_first(header: str, language: str) -> None:
    assert language_of(header) == language


def test_what_has_no_translation_is_shown_in_english() -> None:
    assert Words("ja")("a text that nobody has translated") == "a text that nobody has translated"
    assert Words("xx").language == "en"
