"""What is written in several ways is one word to a search, in every script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.kernel.spelling import MOST_ASKED, MOST_WORDS, WORD_BYTES, asked, words

FULL_WIDTH = {ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}


def finds(question: str, text: str) -> bool:
    held = words(text)
    wanted = asked(question)
    return bool(wanted) and all(any(word.startswith(begin) for word in held) for begin in wanted)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("sea star", "SEA STAR"),
        ("star sea", "Sea Star"),
        ("SEA", "Sea Star"),
        ("419000001", "mmsi 419000001"),
        ("419000001".translate(FULL_WIDTH), "419000001"),
        ("4190", "419000001"),
        ("osaka", "Ōsaka Maru"),
        ("ōsaka", "OSAKA MARU"),
        ("海洋", "海洋状況図"),
        ("状況", "海洋状況図"),
        ("図", "海洋状況図"),
        ("やまと", "ヤマト"),
        ("ﾔﾏﾄ", "ヤマト"),
        ("やまと丸", "ヤマト丸"),
        ("बंगाल", "बंगाल की खाड़ी"),
        ("खाड़ी", "बंगाल की खाड़ी"),
        ("JPN-2026-0001", "supply.order:jpn-2026-0001"),
        ("straße", "STRASSE"),
    ],
)
def test_one_thing_is_found_however_it_is_written(question: str, text: str) -> None:
    assert finds(question, text)


@pytest.mark.parametrize(
    ("question", "text"),
    [("tar", "SEA STAR"), ("sea moon", "SEA STAR"), ("洋海", "海洋"), ("", "anything"), ("--- !", "anything")],
)
def test_another_thing_is_not(question: str, text: str) -> None:
    assert not finds(question, text)


@given(st.text(max_size=300))
def test_any_text_is_found_by_itself_and_costs_no_more_than_its_bounds(text: str) -> None:
    held, wanted = words(text), asked(text)
    assert len(held) <= MOST_WORDS + len(text)
    assert len(wanted) <= MOST_ASKED
    assert all(0 < len(word) <= WORD_BYTES for word in held)
    assert all(any(word.startswith(begin) for word in held) for begin in wanted)
