"""The words around a brief: each in three languages, with the same places for facts."""

from __future__ import annotations

import re

import pytest

from kizuna.domains.dialogue import furniture
from kizuna.domains.dialogue.cases import CASES

SCRIPTS = {"ja": re.compile("[\u3040-\u30ff\u4e00-\u9fff]"), "hi": re.compile("[\u0900-\u097f]")}
TABLES = (
    furniture._WORDS,
    furniture._STATES,
    furniture._KINDS,
    furniture._PARTIES,
)  # the words themselves are what is judged


@pytest.mark.parametrize("table", TABLES, ids=("words", "states", "kinds", "parties"))
def test_each_word_stands_in_three_languages_with_the_same_facts(table: dict[str, tuple[str, str, str]]) -> None:
    for name, said in table.items():
        places = [sorted(re.findall(r"{(\w+)}", text)) for text in said]
        assert places[0] == places[1] == places[2], name
        for text, script in zip(said[1:], SCRIPTS.values(), strict=True):
            assert script.search(text), (name, text)


def test_every_state_of_commitments_and_milestones_has_a_name() -> None:
    for kind in CASES[2:]:
        for state in kind.table.states:
            assert furniture.state(state, "hi") != state, state


def test_what_has_no_word_is_shown_as_it_is() -> None:
    assert furniture.party("aus", "ja") == "aus"
    assert furniture.word("overdue", "fr") == "Overdue"
