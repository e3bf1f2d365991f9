"""Passkeys: what an authenticator in software makes and signs, rightly and wrongly, first in pure code and then over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kizuna.errors import ConfigError, KizunaError, RefusedError
from kizuna.kernel.canonical import b64
from kizuna.node.people.accounts import MOST_PASSKEYS, Account, Accounts, Passkey
from kizuna.node.settings import parse_settings
from kizuna.node.signin_settings import PasskeySettings
from kizuna.web.passkeys import ATTEMPT_MS, Passkeys
from kizuna.web.sessions import TRIES
from tests.web.authenticator import Authenticator
from tests.web.harness import Served
from tests.web.pages.test_pages import COOKIE, PASSWORD, Browser, account, signed_in

ADDRESS, HOST = "https://Node.example:443", "node.example"
ORIGIN = "https://node.example"


@dataclass
class Clock:
    at_ms: int = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.at_ms

    def in_doubt(self) -> bool:
        return False


def officer(name: str = "7", *keys: Passkey, **more: Any) -> Account:
    return Account(
        clearance=2, made_ms=1, nationality="ind", officer=name, password="", roles=("watch",), passkeys=keys, **more
    )


def passkeys(clock: Clock | None = None, address: str = ADDRESS) -> Passkeys:
    return Passkeys(PasskeySettings(), address, "ind/delhi", clock or Clock(), os.urandom)


def made(held: Passkeys, device: Authenticator, name: str = "7") -> Passkey:
    begun = held.begin_making(HOST, officer(name), "key")
    return held.made(HOST, begun.browser, device.make(json.loads(begun.options), ORIGIN), name)


@pytest.mark.parametrize("edwards", [False, True], ids=["ES256", "EdDSA"])
def test_a_passkey_is_made_and_signs_in(edwards: bool) -> None:  # noqa: FBT001 # a parameter
    held, device = passkeys(), Authenticator(edwards=edwards)
    key = made(held, device)
    assert (key.name, key.id, key.count) == ("key", b64(device.id), 1)
    for asked in (None, officer("7", key)):
        begun = held.begin(HOST, asked)
        options = json.loads(begun.options)
        assert options["userVerification"] == "required"
        assert [each["id"] for each in options.get("allowCredentials") or ()] == ([key.id] if asked else [])
        answer = device.sign(options, ORIGIN)
        found, used, count = held.signed(
            HOST, begun.browser, answer, lambda id_: (officer("7", key), key) if id_ else None
        )
        assert (found.officer, used, count) == ("7", key, device.count)


SIGNED_WRONGLY = {
    "another challenge": {"challenge": b64(bytes(32))},
    "another origin": {"origin": "https://node.example.evil"},
    "an origin without tls": {"origin": "http://node.example"},
    "another domain": {"domain": "example"},
    "a page in a frame of another site": {"framed": True},
    "an answer to another question": {"kind": "create"},
    "a user who was not verified": {"unverified": True},
    "another officer's handle": {"handle": b64(bytes(32))},
    "no handle": {"handle": None},
    "a passkey of nobody": {"id": b"nobody's"},
}  # fmt: skip


@pytest.mark.parametrize("fault", SIGNED_WRONGLY)
def test_what_does_not_answer_the_question_lets_nobody_in(fault: str) -> None:
    held, device = passkeys(), Authenticator()
    key = made(held, device)

    def find(id_: str) -> tuple[Account, Passkey] | None:
        return (officer("7", key), key) if id_ == key.id else None

    begun = held.begin(HOST)
    with pytest.raises(KizunaError, match="passkey"):
        held.signed(HOST, begun.browser, device.sign(json.loads(begun.options), ORIGIN, **SIGNED_WRONGLY[fault]), find)
    begun = held.begin(HOST)
    assert held.signed(HOST, begun.browser, device.sign(json.loads(begun.options), ORIGIN), find)[1] == key


def test_another_device_does_not_sign_for_this_one() -> None:
    held, device = passkeys(), Authenticator()
    key = made(held, device)
    thief = Authenticator(id=device.id, handle=device.handle)
    begun = held.begin(HOST)
    with pytest.raises(KizunaError, match="does not answer"):
        held.signed(
            HOST, begun.browser, thief.sign(json.loads(begun.options), ORIGIN), lambda _: (officer("7", key), key)
        )


MADE_WRONGLY = {
    name: wrong
    for name, wrong in SIGNED_WRONGLY.items()
    if set(wrong) <= {"challenge", "origin", "domain", "framed", "unverified"}
}
MADE_WRONGLY["an answer to another question"] = {"kind": "get"}


@pytest.mark.parametrize("fault", MADE_WRONGLY)
def test_what_does_not_answer_the_question_is_not_kept(fault: str) -> None:
    held = passkeys()
    begun = held.begin_making(HOST, officer(), "key")
    answer = Authenticator().make(json.loads(begun.options), ORIGIN, **MADE_WRONGLY[fault])
    with pytest.raises(KizunaError, match="passkey"):
        held.made(HOST, begun.browser, answer, "7")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "{" * 50_000, '{"id":1}', '{"id":"a","response":{"clientDataJSON":"!"}}']
)
def test_what_is_no_answer_is_refused_by_our_own_errors(text: str) -> None:
    held = passkeys()
    with pytest.raises(KizunaError):
        held.signed(HOST, held.begin(HOST).browser, text, lambda _: (officer(), Passkey(0, "a", 0, "key", "", 0)))
    with pytest.raises(KizunaError):
        held.made(HOST, held.begin_making(HOST, officer(), "key").browser, text, "7")


def test_an_attempt_counts_once_in_its_browser_for_five_minutes() -> None:
    clock = Clock()
    held, device = passkeys(clock), Authenticator()
    key = made(held, device)

    def find(_: str) -> tuple[Account, Passkey]:
        return officer("7", key), key

    begun = held.begin(HOST)
    answer = device.sign(json.loads(begun.options), ORIGIN)
    for browser in ("", "another", held.begin(HOST).browser + "x"):
        with pytest.raises(RefusedError, match="has ended"):
            held.signed(HOST, browser, answer, find)
    held.signed(HOST, begun.browser, answer, find)
    with pytest.raises(RefusedError, match="has ended"):
        held.signed(HOST, begun.browser, answer, find)
    begun = held.begin(HOST)
    clock.at_ms += ATTEMPT_MS
    with pytest.raises(RefusedError, match="has ended"):
        held.signed(HOST, begun.browser, device.sign(json.loads(begun.options), ORIGIN), find)


def test_an_attempt_is_of_one_officer_and_one_purpose() -> None:
    held, device = passkeys(), Authenticator()
    key = made(held, device)
    begun = held.begin_making(HOST, officer(), "key")
    with pytest.raises(RefusedError, match="begin again"):
        held.made(HOST, begun.browser, device.make(json.loads(begun.options), ORIGIN), "8")
    begun = held.begin_making(HOST, officer(), "key")
    with pytest.raises(RefusedError, match="begin again"):
        held.signed(HOST, begun.browser, "{}", lambda _: (officer("7", key), key))
    begun = held.begin(HOST, officer("8"))
    with pytest.raises(RefusedError, match="not of this officer"):
        held.signed(
            HOST, begun.browser, device.sign(json.loads(begun.options), ORIGIN), lambda _: (officer("7", key), key)
        )


def test_a_passkey_needs_a_name_to_be_bound_to() -> None:
    at_home = passkeys(address="")
    assert at_home.domain("localhost:7080") == "localhost"
    assert {at_home.domain(host) for host in ("127.0.0.1:7080", "[::1]:7080", "localhost.evil:7080", "")} == {""}
    assert at_home.elsewhere("127.0.0.1:7080") == "http://localhost:7080"
    assert passkeys().domain("127.0.0.1:7080") == "node.example", "what a browser says of its host is not believed"
    assert passkeys(address="https://10.0.0.1:8443").domain("10.0.0.1:8443") == ""
    for refused in (at_home.begin, lambda host: at_home.begin_making(host, officer(), "key")):
        with pytest.raises(RefusedError, match="address of numbers"):
            refused("127.0.0.1:7080")


@pytest.mark.parametrize(
    ("address", "line", "fault"),
    [
        ("https://a.example", 'domain = "example"', ""), ("https://a.example", 'domain = "b.example"', "neither"),
        ("https://a.example", 'domain = "xample"', "neither"), ("https://10.0.0.1", 'domain = "0.1"', "neither"),
        ("https://a.example", 'required_roles = ["captain"]', "not a role"), ("https://a.example", "required_clearance = 99", "not a grade"),
        ("https://10.0.0.1", "required_clearance = 0", "is a number"), ("", 'required_roles = ["watch"]', ""),
    ],
)  # fmt: skip
def test_settings_that_nobody_could_meet_are_refused(tmp_path: Path, address: str, line: str, fault: str) -> None:
    text = f'node = "ind/delhi"\ndata = "d"\nkeys = "k"\nhigh_water = "h"\n[users]\naddress = "{address}"\n[users.passkeys]\n{line}\n'
    if not fault:
        assert parse_settings(text, "node.toml", tmp_path)
        return
    with pytest.raises(ConfigError, match=fault):
        parse_settings(text, "node.toml", tmp_path)


def test_a_factor_is_required_of_a_role_or_from_a_grade_on() -> None:
    assert not PasskeySettings().requires(officer())
    assert PasskeySettings(required_roles=("watch",)).requires(officer())
    assert not PasskeySettings(required_roles=("security",)).requires(officer())
    assert PasskeySettings(required_clearance=2).requires(officer())
    assert not PasskeySettings(required_clearance=3).requires(officer())
    assert not PasskeySettings(required_clearance=0).requires(officer(federated="https://id.example 42"))


# --- what is kept -----------------------------------------------------------------------------------------------------------------


def key_of(id_: str, name: str, count: int = 0) -> Passkey:
    return Passkey(count=count, id=id_, made_ms=1, name=name, public="", used_ms=0)


def test_passkeys_are_kept_by_name_and_counted(tmp_path: Path) -> None:
    held = Accounts(tmp_path / "accounts.json")
    held.add(officer())
    held.add(officer("8"))
    held.add_passkey("7", key_of("a", "tablet", 5))
    held.add_passkey("7", key_of("b", "security key"))
    for taken in (
        key_of("a", "another"),
        key_of("c", "tablet"),
        key_of("c", " "),
        key_of("c", "x" * 41),
        key_of("c", "a\nb"),
    ):
        with pytest.raises(RefusedError):
            held.add_passkey("7", taken)
    with pytest.raises(RefusedError, match="known already"):
        held.add_passkey("8", key_of("a", "tablet"))
    for count in (0, 4, 5):
        with pytest.raises(RefusedError, match="went back"):
            held.used_passkey("7", "a", count, 9)
    held.used_passkey("7", "a", 6, 9)
    held.used_passkey("7", "b", 0, 9)
    held.used_passkey("7", "b", 0, 10)
    found = Accounts(held.path).by_passkey("a")
    assert found is not None
    assert (found[0].officer, found[1].count, found[1].used_ms) == ("7", 6, 9)
    held.remove_passkey("7", "tablet")
    assert held.by_passkey("a") is None
    with pytest.raises(RefusedError, match="no passkey"):
        held.remove_passkey("7", "tablet")
    for number in range(MOST_PASSKEYS - 1):
        held.add_passkey("7", key_of(str(number), str(number)))
    with pytest.raises(RefusedError, match="as many"):
        held.add_passkey("7", key_of("more", "more"))


def test_an_account_that_is_reset_has_no_way_in_but_a_new_link(tmp_path: Path) -> None:
    held = Accounts(tmp_path / "accounts.json")
    held.add(officer())
    held.set_password("7", PASSWORD)
    held.add_passkey("7", key_of("a", "tablet"))
    old = held.invite("7", now_ms=0, ends_ms=10, random=os.urandom)
    held.reset("7")
    assert held.verify("7", PASSWORD) is None
    assert held.by_passkey("a") is None
    assert held.redeem(old, 5) is None
    assert held.redeem(held.invite("7", now_ms=0, ends_ms=10, random=os.urandom), 5) is not None
    held.adopt(msgspec.structs.replace(officer("9"), federated="https://id.example 42"))
    with pytest.raises(RefusedError, match="provider"):
        held.reset("9")
    with pytest.raises(RefusedError, match="provider"):
        held.add_passkey("9", key_of("z", "tablet"))


# --- over HTTP --------------------------------------------------------------------------------------------------------------------


class Held:
    """A browser with an authenticator, which reaches the pages as `localhost`."""

    def __init__(self, served: Served, browser: Browser | None = None, device: Authenticator | None = None) -> None:
        self.host = f"localhost:{served.ports.api}"
        self.browser = browser or Browser(served)
        self.device = device or Authenticator()

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    async def open(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        return await self.browser.open(path, form, host=self.host)

    async def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.open("/passkeys"))[1])
        assert found
        return found[1]

    async def make(self, name: str = "tablet", **given: str) -> tuple[int, str]:
        form = {"name": name, "csrf": await self.csrf(), **given}
        status, options = await self.open("/passkeys/begin", form)
        if status != 200:
            return status, json.loads(options)["sentence"]
        answer = self.device.make(json.loads(options), self.origin)
        return await self.open("/passkeys", {"credential": answer, "csrf": form["csrf"]})

    async def sign_in(self, **wrong: Any) -> tuple[int, str]:
        _, options = await self.open("/signin/passkey/begin", {})
        return await self.open(
            "/signin/passkey", {"credential": self.device.sign(json.loads(options), self.origin, **wrong)}
        )

    async def asked(self, form: dict[str, str]) -> dict[str, Any]:
        """Return what a password that is right, or a link, is followed by."""
        _, text = await self.open("/signin", form)
        found = re.search(r'data-options="(\{[^"]+\})"', text)
        assert found
        options: dict[str, Any] = json.loads(found[1].replace("&#34;", '"'))
        return options


def test_a_passkey_lets_in_alone_and_a_password_alone_no_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as served:
            before = await signed_in(served, "7", "watch")
            other = Browser(served)
            await other.open("/signin", {"officer": "7", "password": PASSWORD})
            held = Held(served, before)
            assert (await held.make())[1] == "the present password is not right"
            old = before.cookies[COOKIE]
            assert (await held.make(password=PASSWORD))[0] == 303
            assert before.cookies[COOKIE] != old, "a new session"
            assert (await other.open("/next"))[0] == 303, "what a password alone began counts no more"
            assert "tablet" in (await held.open("/passkeys"))[1]
            assert (await held.make(password=PASSWORD))[1].startswith("a passkey of this name")

            fresh = Held(served, device=held.device)
            assert (await fresh.sign_in())[0] == 303
            assert (await fresh.open("/next"))[0] == 200
            assert "httponly" in fresh.browser.flags[COOKIE].lower()
            csrf = await fresh.csrf()
            assert (await fresh.open("/role", {"role": "watch", "csrf": csrf}))[0] == 303
            assert (await fresh.open("/next"))[0] == 200, "a change of role keeps what began the session"

            half = Held(served, device=held.device)
            options = await half.asked({"officer": "7", "password": PASSWORD})
            assert COOKIE not in half.browser.cookies
            assert (await half.open("/next"))[0] == 303
            answer = held.device.sign(options, half.origin)
            assert (await half.open("/signin/passkey", {"credential": answer}))[0] == 303
            assert (await half.open("/next"))[0] == 200
            assert (await Held(served).open("/signin/passkey", {"credential": answer}))[0] == 403, (
                "an answer counts once"
            )
            link = Accounts(tmp_path / "ind" / "accounts.json").invite(
                "7", now_ms=0, ends_ms=1 << 50, random=os.urandom
            )
            by_link = Held(served)
            assert "data-options" in (await by_link.open(f"/signin/{link}"))[1]
            assert COOKIE not in by_link.browser.cookies

            csrf = await fresh.csrf()
            assert (await fresh.open("/passkeys/remove", {"name": "tablet", "csrf": csrf}))[0] == 409
            assert (await fresh.open("/passkeys/remove", {"name": "tablet", "csrf": "x", "password": PASSWORD}))[
                0
            ] == 403
            gone = {"name": "tablet", "csrf": csrf, "password": PASSWORD}
            assert (await fresh.open("/passkeys/remove", gone))[0] == 303
            assert (await Held(served, device=held.device).sign_in())[0] == 403

    asyncio.run(story())


def test_wrong_answers_are_refused_and_counted(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as served:
            held = Held(served, await signed_in(served, "7", "watch"))
            assert (await held.make(password=PASSWORD))[0] == 303
            device, high = held.device, held.device.count + 10
            assert (await Held(served, device=device).sign_in(count=high))[0] == 303
            for wrong in ({"count": high}, {"count": high - 1}, {"unverified": True}, {"origin": "http://localhost:1"}):
                status, text = await Held(served, device=device).sign_in(**wrong)
                assert status == 403
                assert COOKIE not in text
            assert (await Held(served, device=device).sign_in(domain="evil.example", count=high + 1))[0] == 403
            status, text = await Held(served, device=device).sign_in(count=high + 2)
            assert (status, "too many tries" in text) == (429, True)
            assert TRIES == 5
            stranger = Held(served)
            assert (await stranger.sign_in())[0] == 403
            assert (await stranger.browser.open("/signin/passkey/begin", {}))[0] == 409, (
                "not under an address of numbers"
            )
            assert "http://localhost:" in (await held.browser.open("/passkeys"))[1]
            rows = served.node.store.query("SELECT actor, what FROM audit WHERE kind = 'account' ORDER BY seq, nth")
            assert [what.partition(";")[0] for _, what in rows] == [
                "act: passkey-made",
                "act: passkey-counter-went-back",
                "act: passkey-counter-went-back",
            ]
            assert rows[0] == ("officer:7:watch", "act: passkey-made; officer: 7; name: tablet")

    asyncio.run(story())


def test_who_must_have_a_passkey_does_nothing_before(tmp_path: Path) -> None:
    async def story() -> None:
        wanted = PasskeySettings(required_roles=("security",), required_clearance=14)
        async with Served(tmp_path / "ind", "ind/delhi", passkeys=wanted) as served:
            account(served, "9", "watch", clearance=2)
            free = Browser(served)
            await free.open("/signin", {"officer": "9", "password": PASSWORD})
            assert (await free.open("/next"))[0] == 200
            for name, roles, clearance in (("7", ("security", "watch"), 2), ("8", ("watch",), 14)):
                held = Held(served, await signed_in(served, name, *roles, clearance=clearance))
                for path in ("/", "/next", "/security", "/picture", "/password", "/search?q=a", "/accounts", "/desk"):
                    assert (await held.open(path))[0] in {303, 403}, path
                    assert held.browser.headers.get("location", "/passkeys") == "/passkeys", path
                csrf = await held.csrf()
                for path in ("/role", "/password", "/security/stop"):
                    status, _ = await held.open(
                        path, {"role": "watch", "csrf": csrf, "act": "halt", "reason": "an act"}
                    )
                    assert (status, held.browser.headers.get("location")) in {(303, "/passkeys"), (403, None)}, path
                shown = (await held.open("/passkeys"))[1]
                assert "needs a passkey" in shown
                assert 'class="tasks"' not in shown
                assert (await held.make(password=PASSWORD))[0] == 303
                assert (await held.open("/next"))[0] == 200
                gone = {"name": "tablet", "password": PASSWORD, "csrf": await held.csrf()}
                assert "make another one first" in (await held.open("/passkeys/remove", gone))[1]
                assert (await held.make("second", password=PASSWORD))[0] == 409, "the device is known already"

    asyncio.run(story())


def test_two_others_let_in_who_has_lost_every_passkey(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as served:
            lost = Held(served, await signed_in(served, "7", "watch"))
            await lost.make(password=PASSWORD)
            admin = await signed_in(served, "1", "administrator")
            account(served, "2", "security")
            account(served, "3", "administrator")
            assert (await lost.open("/accounts"))[0] == 403
            listed = (await admin.open("/accounts"))[1]
            assert "/accounts/recover" in listed
            form = {"officer": "7", "second-officer": "2", "second-password": PASSWORD, "csrf": await admin.csrf()}
            wrong = (
                {"officer": "nobody"}, {"second-officer": "1"}, {"second-officer": "7"}, {"second-password": "x"}, {"officer": "2"}, {"officer": "1"},
            )  # fmt: skip
            for changed in wrong:
                status, text = await admin.open("/accounts/recover", form | changed)
                assert (status, "/signin/" in text) == (409, False), changed
            assert (await admin.open("/accounts/recover", form | {"csrf": ""}))[0] == 403
            guard = Browser(served)
            await guard.open("/signin", {"officer": "2", "password": PASSWORD})
            assert "/accounts/recover" not in (await guard.open("/accounts"))[1]
            status, text = await admin.open("/accounts/recover", form)
            link = re.search(r'<code id="link">http://[^/]+(/signin/[^<]+)</code>', text)
            assert status == 200
            assert link
            assert (await lost.open("/next"))[0] == 303, "the sessions have ended"
            assert (await Held(served, device=lost.device).sign_in())[0] == 403
            again = Held(served)
            assert (await again.open("/signin", {"officer": "7", "password": PASSWORD}))[0] == 403
            assert (await again.open(link[1]))[0] == 200
            assert (await again.make())[0] == 303
            assert (await Held(served, device=again.device).sign_in())[0] == 303
            (row,) = served.node.store.query("SELECT actor, what FROM audit WHERE what LIKE 'act: recovered%'")
            assert row == ("officer:1:administrator + officer:2:security", "act: recovered; officer: 7")
            text = (await guard.open("/security?group=accounts"))[1]
            assert "recovered" in text

    asyncio.run(story())
