"""Tokens are bound to an officer in one role and kept as digests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kizuna.errors import ConfigError, RefusedError
from kizuna.node.people import tokens
from kizuna.node.people.tokens import Officer, Tokens

NOW_MS = 1_790_000_000_000


def made(path: Path, officer: str = "7", role: str = "watch") -> tuple[Tokens, str]:
    kept = Tokens(path)
    text, token = tokens.make(officer, role, now_ms=NOW_MS, ends_ms=NOW_MS + 1000, random=os.urandom)
    kept.add(token)
    return kept, text


def test_a_token_tells_its_officer_until_it_ends(tmp_path: Path) -> None:
    kept, text = made(tmp_path / "tokens.json")
    assert kept.who(text, NOW_MS) == Officer("7", "watch")
    assert Officer("7", "watch").actor == "officer:7:watch"
    assert kept.who(text, NOW_MS + 999) is not None
    assert kept.who(text, NOW_MS + 1000) is None
    for wrong in ("", text[:-1], text + "a", text.upper(), "kizuna_", "\ud800", "é"):
        assert kept.who(wrong, NOW_MS) is None


def test_the_file_holds_no_token_and_is_its_accounts_alone(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    _, text = made(path)
    data = path.read_bytes()
    assert text.encode() not in data
    assert text.removeprefix(tokens.PREFIX).encode() not in data
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_change_of_the_file_counts_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    kept, text = made(path)
    other = Tokens(path)
    assert other.who(text, NOW_MS) is not None
    (token,) = kept.list()
    assert kept.revoke(token.id) == token
    assert other.who(text, NOW_MS) is None
    assert kept.who(text, NOW_MS) is None
    with pytest.raises(RefusedError):
        kept.revoke(token.id)
    path.unlink()
    assert kept.list() == ()


def test_several_tokens_live_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    kept, first = made(path)
    _, second = made(path, "8", "security")
    assert kept.who(first, NOW_MS) == Officer("7", "watch")
    assert kept.who(second, NOW_MS) == Officer("8", "security")
    assert len(kept.list()) == 2


@pytest.mark.parametrize(
    ("officer", "role", "ends_ms"),
    [("", "watch", 1), ("a:b", "watch", 1), ("A", "watch", 1), ("7", "root", 1), ("7", "", 1), ("7", "watch", 0)],
)
def test_what_is_no_officer_role_or_term_is_refused(officer: str, role: str, ends_ms: int) -> None:
    with pytest.raises(RefusedError):
        tokens.make(officer, role, now_ms=NOW_MS, ends_ms=NOW_MS + ends_ms, random=os.urandom)


@pytest.mark.parametrize("text", [b"", b"[", b"{}", b'[{"id":1}]'])
def test_a_broken_file_is_no_open_door(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=r"tokens\.json"):
        Tokens(path).who("kizuna_x", NOW_MS)
