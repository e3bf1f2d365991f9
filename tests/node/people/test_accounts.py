"""Accounts: no default password, links that count once, and a file that several processes may change."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kizuna.errors import ConfigError, RefusedError
from kizuna.node.people.accounts import Account, Accounts, check_password

PASSWORD = "correct horse battery staple"


def account(
    officer: str = "7", roles: tuple[str, ...] = ("watch",), clearance: int = 2, nationality: str = "ind"
) -> Account:
    return Account(clearance=clearance, made_ms=1, nationality=nationality, officer=officer, password="", roles=roles)


@pytest.fixture
def held(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path / "accounts.json")


def test_an_account_begins_without_a_password(held: Accounts) -> None:
    held.add(account())
    assert held.verify("7", "") is None
    assert held.verify("7", PASSWORD) is None
    held.set_password("7", PASSWORD)
    found = held.verify("7", PASSWORD)
    assert found is not None
    assert found.password.startswith("$argon2id$")
    assert PASSWORD not in held.path.read_text()
    assert held.verify("7", PASSWORD + "x") is None
    assert held.verify("nobody", PASSWORD) is None
    assert stat.S_IMODE(held.path.stat().st_mode) == 0o600


def test_a_link_counts_once_and_ends(held: Accounts) -> None:
    held.add(account())
    text = held.invite("7", now_ms=0, ends_ms=10, random=os.urandom)
    late = held.invite("7", now_ms=0, ends_ms=10, random=os.urandom)
    assert text not in held.path.read_text()
    assert held.redeem("another", 5) is None
    found = held.redeem(text, 5)
    assert found is not None
    assert found.officer == "7"
    assert held.redeem(text, 5) is None
    assert held.redeem(late, 10) is None


def test_an_account_ends_and_is_forgotten_with_its_hash_and_links(held: Accounts) -> None:
    held.add(account())
    held.add(
        Account(clearance=0, made_ms=1, nationality="ind", officer="8", password="", roles=("watch",), ends_ms=100)
    )
    held.set_password("8", PASSWORD)
    text = held.invite("8", now_ms=0, ends_ms=200, random=os.urandom)
    assert held.forget_ended(99) == ()
    found = held.verify("8", PASSWORD)
    assert found is not None
    assert found.lasts(99)
    assert not found.lasts(100)
    assert held.redeem(text, 100) is None
    assert held.forget_ended(100) == ("8",)
    assert held.forget_ended(100) == ()
    assert [each.officer for each in held.list()] == ["7"]
    assert "argon2" not in held.path.read_text()
    assert "ends_ms" not in held.path.read_text(), "an account without an end is written as before"


def test_of_many_who_follow_one_link_one_gets_in(held: Accounts) -> None:
    held.add(account())
    text = held.invite("7", now_ms=0, ends_ms=10, random=os.urandom)
    with ThreadPoolExecutor(8) as many:
        found = list(many.map(lambda _: Accounts(held.path).redeem(text, 1), range(16)))
    assert sum(each is not None for each in found) == 1


def test_several_processes_may_change_the_file(held: Accounts) -> None:
    with ThreadPoolExecutor(8) as many:
        list(many.map(lambda number: Accounts(held.path).add(account(f"officer-{number}")), range(24)))
    assert len(held.list()) == 24


def test_who_is_removed_is_gone_with_the_links(held: Accounts) -> None:
    held.add(account())
    text = held.invite("7", now_ms=0, ends_ms=10, random=os.urandom)
    held.remove("7")
    assert held.get("7") is None
    assert held.redeem(text, 1) is None
    with pytest.raises(RefusedError):
        held.remove("7")
    for act in (
        lambda: held.set_password("7", PASSWORD),
        lambda: held.invite("7", now_ms=0, ends_ms=1, random=os.urandom),
    ):
        with pytest.raises(RefusedError):
            act()


@pytest.mark.parametrize(
    "wrong",
    [
        account("Seven"), account(""), account(roles=()), account(roles=("admiral",)), account(clearance=-1), account(clearance=16),
        account(nationality="IND"), account(nationality=""),
    ],
)  # fmt: skip
def test_a_malformed_account_is_refused(held: Accounts, wrong: Account) -> None:
    with pytest.raises(RefusedError):
        held.add(wrong)
    assert held.list() == ()


def test_there_is_one_account_an_officer(held: Accounts) -> None:
    held.add(account())
    with pytest.raises(RefusedError, match="has an account"):
        held.add(account(roles=("administrator",)))


@pytest.mark.parametrize("text", ["", "short", "a" * 40, "abababababab", "officer-77 officer-77", "x" * 300])
def test_a_password_that_is_easily_guessed_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        check_password(text, "officer-77")


def test_a_damaged_file_lets_nobody_in(held: Accounts) -> None:
    held.add(account())
    held.path.write_text("{")
    with pytest.raises(ConfigError):
        held.get("7")
