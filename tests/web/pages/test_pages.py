"""The pages over plain HTTP: who gets in, what they may open, what a form may do, and what stays out of sight."""

from __future__ import annotations

import asyncio
import os
import re
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kizuna.kernel.label import label
from kizuna.kernel.marking import marking
from kizuna.node import effects as fx
from kizuna.node.people.accounts import Account, Accounts
from kizuna.node.people.tokens import ROLES
from kizuna.node.readers import extract
from kizuna.web.access import OPEN
from kizuna.web.api.index import make_app
from kizuna.web.assets import Assets
from kizuna.web.pages.desk import offers
from kizuna.web.pages.index import page_routes
from kizuna.web.serve import Serving, make_office
from kizuna.web.sessions import IDLE_MS, TRIES, WHOLE_MS, Sessions
from tests.web.harness import DESK, DOMAINS, OFFERED, POLICY, Served, TestNode, introduce, note, secret, until, watch_of

PASSWORD = "correct horse battery staple"
COOKIE = "kizuna-ind-delhi"


class Browser:
    """What a browser without script does: keeps cookies, follows no redirect by itself, sends forms."""

    def __init__(self, served: Served) -> None:
        self._base = f"http://127.0.0.1:{served.ports.api}"
        self._calls = served.calls
        self.cookies: dict[str, str] = {}
        self.flags: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    async def open(self, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"cookie": cookie, "connection": "close"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        method = "GET" if form is None else "POST"
        async with self._calls.request(
            method, self._base + path, data=form, headers=sent, allow_redirects=False
        ) as answer:
            for line in answer.headers.getall("set-cookie", []):
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name], self.flags[name] = morsel.value, line
            self.headers = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, await answer.text()

    async def csrf(self, path: str = "/password") -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.open(path))[1])
        assert found
        return found[1]


def account(
    served: Served, officer: str, *roles: str, clearance: int = 15, nationality: str = "ind", password: str = PASSWORD
) -> Accounts:
    held = Accounts(served.folder / "accounts.json")
    held.add(
        Account(
            clearance=clearance,
            made_ms=0,
            nationality=nationality,
            officer=officer,
            password="",
            roles=roles or ("liaison",),
        )
    )
    if password:
        held.set_password(officer, password)
    return held


async def signed_in(
    served: Served, officer: str, *roles: str, clearance: int = 15, nationality: str = "ind"
) -> Browser:
    account(served, officer, *roles, clearance=clearance, nationality=nationality)
    browser = Browser(served)
    assert (await browser.open("/signin", {"officer": officer, "password": PASSWORD}))[0] == 303
    return browser


def test_nobody_is_let_in_without_an_account(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            browser = Browser(served)
            for path in (
                "/",
                "/picture",
                "/picture/vessels",
                "/picture/stream",
                "/channels",
                "/cases",
                "/desk",
                f"/records/{'0' * 64}",
            ):
                status, _ = await browser.open(path)
                assert (status, browser.headers["location"]) == (303, "/signin"), path
            status, text = await browser.open("/signin")
            assert status == 200
            assert "Sign in" in text
            for path in ("/signout", "/role", "/password"):
                assert (await browser.open(path, {}))[0] == 303
                assert browser.headers["location"] == "/signin"

    asyncio.run(story())


def test_a_password_lets_in_and_a_wrong_one_is_counted(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            account(served, "7")
            browser = Browser(served)
            for _ in range(TRIES):
                status, text = await browser.open("/signin", {"officer": "7", "password": "a wrong password"})
                assert status == 403
                assert "do not fit together" in text
            status, text = await browser.open("/signin", {"officer": "7", "password": PASSWORD})
            assert status == 429
            assert "wait" in text
            assert COOKIE not in browser.cookies
            account(served, "8")
            assert (await browser.open("/signin", {"officer": "8", "password": PASSWORD}))[0] == 303
            assert (await browser.open("/channels"))[0] == 200

    asyncio.run(story())


def test_a_link_lets_in_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            held = account(served, "7", password="")
            now = served.node.clock.now_ms()
            code = held.invite("7", now_ms=now, ends_ms=now + 60_000, random=os.urandom)
            old = held.invite("7", now_ms=now - 2, ends_ms=now - 1, random=os.urandom)
            browser = Browser(served)
            assert (await browser.open(f"/signin/{old}"))[0] == 403
            assert (await browser.open(f"/signin/{code}"))[0] == 200
            assert "no password" in (await browser.open("/channels"))[1]
            assert (await Browser(served).open(f"/signin/{code}"))[0] == 403
            csrf = await browser.csrf()
            chosen = {"csrf": csrf, "new": PASSWORD, "again": PASSWORD}
            assert (await browser.open("/password", chosen | {"again": "another"}))[0] == 409
            assert (await browser.open("/password", {"csrf": csrf, "new": "short", "again": "short"}))[0] == 409
            assert (await browser.open("/password", chosen))[0] == 303
            assert (await Browser(served).open("/signin", {"officer": "7", "password": PASSWORD}))[0] == 303

    asyncio.run(story())


def test_a_page_that_is_being_put_together_goes_on_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "PAGE", 1)
    monkeypatch.setattr(extract, "PAGES_AT_ONCE", 1)

    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            await served.node.do(fx.Say(tuple(note(f"note {number}", "ind") for number in range(5))))
            low = await signed_in(served, "7", clearance=1)
            answers = [await low.open("/cases") for _ in range(20)]
            assert answers[0][0] == 503
            assert 'http-equiv="refresh"' in answers[0][1]
            assert [status for status, _ in answers] == sorted((status for status, _ in answers), reverse=True)
            assert answers[-1][0] == 200

    asyncio.run(story())


def test_the_session_is_renewed_and_ends(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            browser = await signed_in(served, "7", "liaison", "watch")
            first = browser.cookies[COOKIE]
            flags = browser.flags[COOKIE].lower()
            assert "httponly" in flags
            assert "samesite=strict" in flags
            assert "secure" not in flags
            assert (await browser.open("/role", {"csrf": await browser.csrf(), "role": "watch"}))[0] == 303
            assert browser.cookies[COOKIE] != first
            stale = Browser(served)
            stale.cookies[COOKIE] = first
            assert (await stale.open("/channels"))[0] == 303
            assert (await browser.open("/role", {"csrf": await browser.csrf(), "role": "security"}))[0] == 403
            assert (await browser.open("/signout", {"csrf": await browser.csrf()}))[0] == 303
            again = Browser(served)
            again.cookies = dict(browser.cookies)
            assert (await again.open("/channels"))[0] == 303

    asyncio.run(story())


def test_an_account_that_is_removed_is_out_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            browser = await signed_in(served, "7")
            assert (await browser.open("/channels"))[0] == 200
            Accounts(served.folder / "accounts.json").remove("7")
            assert (await browser.open("/channels"))[0] == 303

    asyncio.run(story())


def test_behind_a_proxy_the_cookie_crosses_tls_alone(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi", address="https://node.example") as served:
            browser = await signed_in(served, "7")
            flags = browser.flags[f"__Host-{COOKIE}"].lower()
            assert "; secure" in flags
            assert "path=/" in flags

    asyncio.run(story())


def test_what_changes_something_comes_from_our_own_page_and_session(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            browser = await signed_in(served, "7", "liaison", "watch")
            other = await signed_in(served, "8", "liaison", "watch")
            csrf, foreign = await browser.csrf(), await other.csrf()
            posts = ("/role", "/signout", "/password", "/preferences", "/cases/x.y:z/endorse", "/desk/notes/do/nothing")
            for path in posts:
                for headers in (
                    {"origin": "http://evil.example"},
                    {"sec_fetch_site": "cross-site"},
                    {"sec_fetch_site": "same-site"},
                ):
                    assert (await browser.open(path, {"csrf": csrf, "role": "watch"}, **headers))[0] == 403, (
                        path,
                        headers,
                    )
            for path in posts[:-1]:
                for mark in ("", foreign, csrf + "x"):
                    assert (await browser.open(path, {"csrf": mark, "role": "watch"}))[0] == 403, path
            assert (await browser.open("/role", {"csrf": csrf, "role": "watch"}))[0] == 303

    asyncio.run(story())


def test_every_page_says_what_browsers_may_do_with_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            browser = await signed_in(served, "7", "watch")
            for path in (
                "/signin",
                "/picture",
                "/cases",
                "/desk",
                "/channels",
                "/withheld",
                "/alerts",
                "/password",
                "/desk/none",
                "/vessels/1",
            ):
                await browser.open(path)
                policy = browser.headers["content-security-policy"]
                assert "default-src 'none'" in policy, path
                assert "unsafe" not in policy
                assert "http" not in policy
                assert browser.headers["x-content-type-options"] == "nosniff"
                assert browser.headers["referrer-policy"] == "same-origin"
                assert browser.headers["cache-control"] == "no-store"

    asyncio.run(story())


async def _pages_of(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    node = TestNode(folder, "ind/delhi")
    office = make_office(node, node.clock, Serving(node.keys.files, folder / "tokens.json", folder))
    app = make_app(office, page_routes(office, DOMAINS, watch_of(node, folder)))
    node.store.close()
    return {
        (route.path, method): handler.opt
        for route in app.routes
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items()
        if not route.path.startswith(("/api", "/metrics"))
    }


def test_no_page_is_open_that_should_not_be(tmp_path: Path) -> None:
    found = asyncio.run(_pages_of(tmp_path))
    assert len(found) > 20
    unmarked = {where: opt for where, opt in found.items() if "access" not in opt}
    assert not {where for where in unmarked if where[1] != "OPTIONS"}
    opened = {path for (path, method), opt in found.items() if opt.get("access") == OPEN and method != "OPTIONS"}
    signing = {"/signin", "/signin/{code:str}", "/signin/passkey", "/signin/passkey/begin"}
    assert opened == {*signing, "/preferences", "/static/{name:str}", "/{path:path}"}
    unfinished = {path for (path, _), opt in found.items() if opt.get("unfinished")}
    assert unfinished == {"/passkeys", "/passkeys/begin", "/passkeys/remove", "/signout"}


def test_a_record_above_the_clearance_is_not_there(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one, Served(tmp_path / "jpn", "jpn/yokosuka") as other:
            await introduce(one, other)
            said = await one.node.do(fx.Say((note("seen", "ind", "ind", "jpn"), secret("kept", "ind"))))
            assert isinstance(said, tuple)
            await until(lambda: other.node.notes() == {"seen"})
            low, high = await signed_in(one, "low", clearance=1), await signed_in(one, "high")
            guest = await signed_in(one, "guest", nationality="jpn")
            open_one, closed_one = (f"/records/{each.record_id}" for each in said)
            assert (await low.open(open_one))[0] == 200
            assert (await low.open(closed_one))[0] == 404
            absent = (await low.open(f"/records/{'0' * 64}"))[1]
            assert (await low.open(closed_one))[1].replace(said[1].record_id, "0" * 64) == absent
            assert (await high.open(closed_one))[0] == 200
            assert (await guest.open(open_one))[0] == 200
            assert (await guest.open(closed_one))[0] == 404
            assert "secret-said" in (await high.open("/withheld"))[1]
            for browser in (low, guest):
                assert "secret-said" not in (await browser.open("/withheld"))[1]
                listed = "/withheld/records?party=jpn&type=notes.secret-said.v1&reason=no-provision"
                assert said[1].record_id not in (await browser.open(listed))[1]

            status, text = await high.open(f"{closed_one}?to=jpn")
            assert status == 200
            assert "arrangement of ind and jpn" in text
            assert "COMMON" in text.upper()
            received = await signed_in(other, "7", nationality="jpn")
            assert "seen" in (await received.open(open_one))[1]

            three, theirs = (
                marking(label(POLICY, 3, originator="ind", releasable_to=to, purposes=("coordination",)))
                for to in (("ind", "jpn"), ("jpn",))
            )
            assert three not in (await high.open(open_one))[1]
            raised = fx.Relabel(said[0].record_id, "it names a source", DESK, "officer:2:security", {POLICY: 3})
            notice = await one.node.do(raised)
            assert three in (await high.open(open_one))[1]
            assert (await low.open(open_one))[0] == 404
            held = "SELECT COUNT(*) FROM record WHERE id = ?"
            await until(lambda: other.node.store.query(held, (notice,)) == [(1,)])
            assert theirs in (await received.open(open_one))[1]
            middle = await signed_in(other, "middle", nationality="jpn", clearance=2)
            assert (await middle.open(open_one))[0] == 404

    asyncio.run(story())


def test_the_pages_speak_three_languages_and_know_three_lights(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            browser = Browser(served)
            assert '<html lang="hi">' in (await browser.open("/signin", accept_language="hi-IN"))[1]
            assert (
                await browser.open("/preferences", {"language": "ja", "palette": "night", "back": "//evil.example"})
            )[0] == 303
            assert browser.headers["location"] == "/"
            text = (await browser.open("/signin"))[1]
            assert '<html lang="ja">' in text
            assert 'data-palette="night"' in text
            assert "サインイン" in text

    asyncio.run(story())


def test_a_desk_shows_a_word_in_the_sense_that_it_has_there(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            browser = await signed_in(served, "7", "desk")
            text = (await browser.open("/desk/training/do/offer-course", accept_language="ja"))[1]
            assert "課程" in text
            assert "針路" not in text

    asyncio.run(story())


def test_pages_that_were_not_built_say_what_to_do(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi", assets=Assets(tmp_path / "nothing")) as served:
            browser = await signed_in(served, "7")
            for path in ("/signin", "/channels", "/picture"):
                status, text = await browser.open(path)
                assert status == 200
                assert "make pages" in text
                assert "<script" not in text

    asyncio.run(story())


def test_every_form_of_every_desk_opens_for_a_role_that_may(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            roles = sorted(
                {role for domain in OFFERED for act in domain.operations for role in act.roles}
                & set(ROLES) - {"integrator"}
            )
            browser = await signed_in(served, "7", *roles)
            opened = set()
            for role in roles:
                assert (await browser.open("/role", {"csrf": await browser.csrf(), "role": role}))[0] == 303
                for offer in offers(OFFERED, role):
                    for path in [
                        f"/desk/{offer.name}",
                        *(f"/desk/{offer.name}/do/{act.name}" for act in offer.operations),
                    ]:
                        if path not in opened:
                            status, text = await browser.open(path)
                            assert status == 200, (role, path)
                            assert "csrf" in text
                            opened.add(path)
            acts = {
                f"/desk/{domain.name}/do/{act.name}"
                for domain in OFFERED
                for act in domain.operations
                if act.roles & set(roles)
            }
            assert acts <= opened
            assert len(acts) > 2

    asyncio.run(story())


@pytest.mark.parametrize("name", ["../pages.py", ".hidden", "manifest.json", "none.js", "a/b.css", "x.py"])
def test_no_file_but_those_of_the_build_is_served(tmp_path: Path, name: str) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            async with served.calls.get(f"/static/{name}") as answer:
                assert answer.status == 404
            async with (
                aiohttp.ClientSession() as calls,
                calls.get(f"http://127.0.0.1:{served.ports.api}/static/%2e%2e%2fpages.py") as answer,
            ):
                assert answer.status == 404

    asyncio.run(story())


def test_sessions_end_by_themselves() -> None:
    sessions = Sessions(os.urandom)
    text = sessions.begin("7", "watch", 0)
    assert sessions.find(text, IDLE_MS - 1) is not None
    assert sessions.find(text, 2 * IDLE_MS) is None
    text = sessions.begin("7", "watch", 0)
    for now in range(0, WHOLE_MS, IDLE_MS - 1):
        assert sessions.find(text, now) is not None
    assert sessions.find(text, WHOLE_MS) is None
    renewed = sessions.begin("7", "liaison", 1000, instead_of=text, begun_ms=0)
    assert sessions.find(renewed, WHOLE_MS) is None
    assert sessions.find("", 0) is None
