"""Signing in through a provider of identities: a real one in a process of its own, and tokens that no provider should have made."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from kizuna.errors import ConfigError, RefusedError, SignatureError
from kizuna.node.people.accounts import Accounts
from kizuna.node.settings import parse_settings
from kizuna.node.signin_settings import OidcSettings
from kizuna.web.oidc import account_of, check_address, check_token
from tests.web.harness import Served
from tests.web.pages.test_pages import COOKIE, Browser, account

NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS // 1000
ISSUER, CLIENT, NONCE = "https://id.example", "kizuna", "n-0S6_WzA2Mj"
KEY = ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256"})
SET: dict[str, Any] = KeySet([KEY]).as_dict(private=False)
GOOD = {"iss": ISSUER, "aud": CLIENT, "sub": "42", "nonce": NONCE, "exp": NOW_S + 300, "iat": NOW_S}


def token(key: Any = KEY, algorithm: str = "ES256", *, without: str = "", **changed: Any) -> str:
    claims = {name: value for name, value in (GOOD | changed).items() if name != without}
    return jwt.encode({"alg": algorithm, "kid": "one"}, claims, key, algorithms=[algorithm])


def check(text: str) -> dict[str, Any]:
    return check_token(text, SET, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, now_ms=NOW_MS)


def test_a_good_token_is_believed() -> None:
    assert check(token())["sub"] == "42"
    assert check(token(aud=[CLIENT, "other"], azp=CLIENT))["sub"] == "42"
    assert check(token(exp=NOW_S - 30))["sub"] == "42", "clocks differ by a moment"


def unsigned() -> str:
    head, body, _ = token().split(".")
    del head
    return f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}."


BAD = {
    "alg none": unsigned,
    "a signature of nobody": lambda: token()[:-8] + "AAAAAAAA",
    "another body": lambda: ".".join((token().split(".")[0], token(sub="1").split(".")[1], token().split(".")[2])),
    "another key": lambda: token(ECKey.generate_key("P-256", {"kid": "one"})),
    "the public key as a secret": lambda: token(OctKey.import_key(json.dumps(SET).encode()), "HS256"),
    "another kind of key": lambda: token(RSAKey.generate_key(2048, {"kid": "one"}), "RS256"),
    "no token": lambda: "what",
    "wrong issuer": lambda: token(iss="https://id.example.evil"),
    "wrong audience": lambda: token(aud="other"),
    "no audience": lambda: token(without="aud"),
    "several audiences, asked for by another": lambda: token(aud=[CLIENT, "other"], azp="other"),
    "several audiences, asked for by nobody": lambda: token(aud=[CLIENT, "other"]),
    "one audience, asked for by another": lambda: token(azp="other"),
    "wrong nonce": lambda: token(nonce="another"),
    "no nonce": lambda: token(without="nonce"),
    "expired": lambda: token(exp=NOW_S - 61),
    "no end": lambda: token(without="exp"),
    "made long ago": lambda: token(iat=NOW_S - 3600),
    "made in the future": lambda: token(iat=NOW_S + 3600),
    "not yet valid": lambda: token(nbf=NOW_S + 3600),
    "nobody": lambda: token(without="sub"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_token_is_not(fault: str) -> None:
    with pytest.raises(SignatureError, match="identity token"):
        check(BAD[fault]())


SETTINGS = OidcSettings(
    issuer=ISSUER, client_id=CLIENT, officer="preferred_username", roles={"watchkeepers": "watch", "liaisons": "liaison"},
    clearances={"secret": 3, "restricted": 1}, nationalities={"IN": "ind", "JP": "jpn"},
)  # fmt: skip
CLAIMS = {
    "sub": "42", "preferred_username": "W7", "groups": ["staff", "liaisons", "watchkeepers"], "clearance": "secret", "nationality": "IN",
}  # fmt: skip


def test_claims_amount_to_what_the_settings_map_and_to_nothing_else() -> None:
    made = account_of(CLAIMS, SETTINGS, NOW_MS)
    assert (made.officer, made.roles, made.clearance, made.nationality) == ("w7", ("liaison", "watch"), 3, "ind")
    assert made.federated == f"{ISSUER} 42"
    assert account_of(CLAIMS | {"clearance": ["secret", "restricted"]}, SETTINGS, NOW_MS).clearance == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"groups": ["staff"]}, {"groups": []}, {"groups": None}, {"groups": {"watchkeepers": True}}, {"clearance": "top"}, {"clearance": None},
        {"clearance": True}, {"nationality": "FR"}, {"nationality": ["IN", "JP"]}, {"nationality": None}, {"preferred_username": 7},
        {"preferred_username": None},
    ],
)  # fmt: skip
def test_what_is_not_mapped_is_denied(changed: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        account_of(CLAIMS | changed, SETTINGS, NOW_MS)


@pytest.mark.parametrize("url", ["http://id.example", "ftp://id.example", "id.example", "http://10.0.0.1/x", ""])
def test_a_provider_without_tls_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="tls"):
        check_address(url)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("", "lets nobody in"), ('roles = { staff = "captain" }', "not a role"), ("clearances = { top = 99 }", "not a grade"),
        ('nationalities = { IN = "India!" }', "not a party"),
    ],
)  # fmt: skip
def test_settings_that_let_nobody_in_are_refused(tmp_path: Path, line: str, fault: str) -> None:
    good = {"roles": '{ a = "watch" }', "clearances": "{ a = 1 }", "nationalities": '{ a = "ind" }'} if line else {}
    good.pop(line.partition(" ")[0], None)
    lines = [line, *(f"{name} = {value}" for name, value in good.items())]
    text = 'node = "ind/delhi"\ndata = "d"\nkeys = "k"\nhigh_water = "h"\n[users.oidc]\nissuer = "https://id.example"\nclient_id = "k"\n'
    with pytest.raises(ConfigError, match=fault):
        parse_settings(text + "\n".join(lines), "node.toml", tmp_path)


# --- a provider of its own process ------------------------------------------------------------------------------------------------


@contextmanager
def provider(*users: dict[str, Any]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asked = [part for user in users for part in ("--user-claims", json.dumps(user))]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port), "-n", "true", *asked],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        begin = time.monotonic()
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() - begin < 30, "the provider did not start"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


async def through(browser: Browser, served: Served, sub: str) -> str:
    """Return where the provider sends a browser back to after somebody said there who they are."""
    assert (await browser.open("/signin/oidc"))[0] == 303
    async with (
        aiohttp.ClientSession() as calls,
        calls.post(browser.headers["location"], data={"sub": sub}, allow_redirects=False) as said,
    ):
        base = f"http://127.0.0.1:{served.ports.api}"
        assert said.headers["location"].startswith(base)
        return said.headers["location"].removeprefix(base)


def test_officers_come_in_through_a_real_provider(tmp_path: Path) -> None:
    async def story(issuer: str) -> None:
        secret = tmp_path / "client.secret"
        secret.write_text("not a real one\n")
        settings = OidcSettings(
            issuer=issuer, client_id=CLIENT, officer="officer", roles={"watchkeepers": "watch"}, clearances={"restricted": 1},
            nationalities={"IN": "ind"}, title="the ministry", secret=secret,
        )  # fmt: skip
        async with Served(tmp_path, "ind/delhi", oidc=settings) as served:
            held = Accounts(served.folder / "accounts.json")
            browser = Browser(served)
            assert "Sign in through the ministry" in (await browser.open("/signin"))[1]
            back = await through(browser, served, "alice")
            assert "HttpOnly" in browser.flags[f"{COOKIE}-oidc"]
            stranger = Browser(served)
            assert (await stranger.open(back))[0] == 403, "an answer that another browser began"
            back = await through(browser, served, "alice")
            status, page = await browser.open(back)
            assert status == 200, page
            assert (await browser.open("/picture"))[0] == 200
            found = held.get("a1")
            assert found is not None
            assert (found.roles, found.clearance, found.nationality, found.federated) == (
                ("watch",),
                1,
                "ind",
                f"{issuer} alice",
            )
            first = browser.cookies[COOKIE]
            assert (await browser.open(back))[0] == 403, "an answer counts once"
            assert (await browser.open(await through(browser, served, "alice")))[0] == 200
            assert browser.cookies[COOKIE] != first, "a new session each time"
            csrf = await browser.csrf()
            status, page = await browser.open(
                "/password", {"csrf": csrf, "new": "four unrelated words", "again": "four unrelated words"}
            )
            assert (status, "through its provider" in page) == (409, True)
            for sub, told in (("bob", "no role"), ("mallory", "another person")):
                if sub == "mallory":
                    account(served, "7")
                other = Browser(served)
                status, page = await other.open(await through(other, served, sub))
                assert (status, told in page) == (403, True), page
                assert COOKIE not in other.cookies

    alice = {
        "sub": "alice",
        "officer": "a1",
        "groups": ["watchkeepers"],
        "clearance": "restricted",
        "nationality": "IN",
    }
    with provider(
        alice, alice | {"sub": "bob", "officer": "b1", "groups": []}, alice | {"sub": "mallory", "officer": "7"}
    ) as issuer:
        asyncio.run(story(issuer))


def test_a_provider_that_is_away_says_so_and_passwords_go_on(tmp_path: Path) -> None:
    async def story() -> None:
        settings = OidcSettings(
            issuer="http://127.0.0.1:9",
            client_id=CLIENT,
            roles={"a": "watch"},
            clearances={"a": 1},
            nationalities={"a": "ind"},
        )
        async with Served(tmp_path, "ind/delhi", oidc=settings) as served:
            browser = Browser(served)
            status, page = await browser.open("/signin/oidc")
            assert (status, "does not answer" in page) == (503, True)
            account(served, "7")
            assert (await browser.open("/signin", {"officer": "7", "password": "correct horse battery staple"}))[
                0
            ] == 303

    asyncio.run(story())
