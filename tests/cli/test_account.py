"""An administrator lets an officer in: a link that is shown once, never a password."""

from __future__ import annotations

import json
import urllib.request

import pytest

from kizuna.node.people.accounts import Accounts, Passkey
from tests.cli.conftest import Party


def test_an_account_is_made_with_a_link_and_taken_away(india: Party) -> None:
    made = india.ok("account", "add", "7", "--role", "watch", "--role", "liaison", "--clearance", "2")
    kept = (india.folder / "data" / "accounts.json").read_text()
    code = made["link"].rpartition("/signin/")[2]
    assert len(code) == 43
    assert code not in kept
    (listed,) = india.ok("account", "list")["accounts"]
    assert listed == {
        "clearance": 2, "made_ms": listed["made_ms"], "nationality": "ind", "officer": "7", "passkeys": 0, "password": False,
        "roles": ["watch", "liaison"], "ends_ms": 0,
    }  # fmt: skip
    assert code not in india("account", "list").out
    assert india.ok("account", "link", "7")["link"] != made["link"]
    india.ok("account", "remove", "7")
    assert india.ok("account", "list")["accounts"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("account", "add", "Seven!", "--role", "watch"), 6),
        (("account", "add", "7", "--role", "admiral"), 6),
        (("account", "add", "7"), 2),
        (("account", "add", "7", "--role", "watch", "--clearance", "16"), 2),
        (("account", "add", "7", "--role", "watch", "--nationality", "India"), 6),
        (("account", "link", "none"), 6),
        (("account", "remove", "none"), 6),
    ],
)
def test_a_wrong_account_is_refused(india: Party, words: tuple[str, ...], code: int) -> None:
    assert india(*words).code == code
    assert india.ok("account", "list")["accounts"] == []


def test_the_first_start_prints_a_link_and_no_password(india: Party) -> None:
    with india.running():
        (listed,) = india.ok("account", "list")["accounts"]
    assert (listed["officer"], listed["roles"], listed["password"]) == ("local", ["administrator"], False)
    made = india.ok("account", "link", "local")
    with india.running(), urllib.request.urlopen(made["link"], timeout=20) as answer:  # noqa: S310 # our own node
        assert answer.status == 200
        assert answer.headers["set-cookie"].startswith("kizuna-ind-fusion-delhi=")
    assert json.loads((india.folder / "data" / "accounts.json").read_text())["accounts"][0]["password"] == ""


def test_an_account_may_have_an_end(india: Party) -> None:
    india.ok("account", "add", "7", "--role", "watch", "--until", "2199-07-01")
    assert india.ok("account", "list")["accounts"][0]["ends_ms"] == 7242220800000
    past = india("account", "add", "8", "--role", "watch", "--until", "2001-01-01")
    assert past.code != 0
    assert "is past" in past.err


def test_passkeys_are_listed_and_a_lost_one_is_taken_away(india: Party) -> None:
    india.ok("account", "add", "7", "--role", "watch")
    held = Accounts(india.folder / "data" / "accounts.json")
    held.add_passkey("7", Passkey(count=1, id="a", made_ms=1_800_000_000_000, name="tablet", public="", used_ms=0))
    (listed,) = india.ok("account", "passkeys", "7")["passkeys"]
    assert listed == {"made_ms": 1_800_000_000_000, "name": "tablet", "used_ms": 0}
    assert india("account", "passkeys", "7", "--remove", "phone").code == 6
    india.ok("account", "passkeys", "7", "--remove", "tablet")
    assert india.ok("account", "passkeys", "7")["passkeys"] == []
    assert india("account", "passkeys", "none").code == 6
