"""Signing in and out, the choice of role, language and palette, and the files that pages load."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError, RefusedError
from kizuna.node.people.accounts import LEAST_PASSWORD, Account
from kizuna.node.people.tokens import Officer
from kizuna.web import access, forms
from kizuna.web.access import EVERYONE, OPEN
from kizuna.web.bodies import Call
from kizuna.web.catalogue import NAMES
from kizuna.web.errors import NotHeldError, NotYourRoleError, on_kizuna_error
from kizuna.web.pages.page import (
    HEADERS,
    LANGUAGE_COOKIE,
    PALETTE_COOKIE,
    PALETTES,
    Pages,
    View,
    problem,
    redirect,
    route,
)
from kizuna.web.passkeys import ATTEMPT_MS
from kizuna.web.sessions import WHOLE_MS

FIRST_PAGE = {"watch": "/picture", "liaison": "/channels", "security": "/channels", "administrator": "/channels"}
"""Where a role begins; all others at what waits for them."""
_YEAR_S = 365 * 86_400
_FOREVER = "public, max-age=31536000, immutable"


class Arrival:
    """Lets an officer in: the one place where sessions begin."""

    def __init__(self, pages: Pages) -> None:
        self._office = pages.office

    def let_in(
        self, request: Call, account: Account, role: str = "", *, strong: bool = False, path: str = "/"
    ) -> Response[Any]:
        """Return the answer that begins a fresh session in a role, the account's first where none is named, and leads on to `path`.

        A session that a passkey has begun stays one through a change of role.
        """
        office = self._office
        old: str = request.cookies.get(office.cookie, "")
        before = office.sessions.find(old, office.clock.now_ms())
        same = before is not None and before.officer == account.officer
        chosen = role or account.roles[0]
        text = office.sessions.begin(
            account.officer, chosen, office.clock.now_ms(), instead_of=old,
            begun_ms=before.begun_ms if before is not None and same and role else None,
            strong=strong or (before is not None and same and bool(role) and before.strong),
        )  # fmt: skip
        answer = redirect(path)
        answer.set_cookie(self._cookie(text, WHOLE_MS // 1000))
        return answer

    def let_out(self, request: Call) -> Response[Any]:
        """Return the answer that ends the session."""
        self._office.sessions.end(request.cookies.get(self._office.cookie, ""))
        answer = redirect("/signin")
        answer.set_cookie(self._cookie("", 0))
        answer.headers["clear-site-data"] = '"cache", "storage"'
        return answer

    def ask_passkey(self, view: View, account: Account) -> Response[Any]:
        """Return the page that asks who has shown a password or a link for a passkey of the account; it lets nobody in."""
        passkeys = self._office.passkeys
        if not passkeys.domain(view.host):
            wrong = view.words(
                "this account needs its passkey, which works under a name alone: open the pages by their name"
            )
            return signin_page(view, account.officer, wrong)
        begun = passkeys.begin(view.host, account)
        answer: Response[Any] = view.page("passkey_asked.html", script="passkeys", options=begun.options)
        answer.set_cookie(self.attempt(begun.browser))
        return answer

    def attempt(self, browser: str) -> Cookie:
        """Return the cookie by which a browser is known that has begun to sign with a passkey; empty takes it away."""
        return self._cookie(browser, ATTEMPT_MS // 1000 if browser else 0, "-passkey")

    def _cookie(self, text: str, max_age_s: int, suffix: str = "") -> Cookie:
        return Cookie(
            key=self._office.cookie + suffix, value=text, max_age=max_age_s, path="/", httponly=True, samesite="strict",
            secure=self._office.secure,
        )  # fmt: skip


def account_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of signing in and of what pages load."""
    return [*_signing(pages), *_choosing(pages), _static(pages), _nowhere(pages)]


def _signing(pages: Pages) -> list[ControllerRouterHandler]:
    office, arrival = pages.office, Arrival(pages)

    @get("/", **route(pages, EVERYONE), sync_to_thread=False)
    def home(request: Call) -> Response[Any]:
        return redirect(FIRST_PAGE.get(request.state.session.role, "/next"))

    # A path with two methods: the library wraps a handler that is to run in a thread once for each, so it does so itself.
    @get("/signin", **route(pages, OPEN))
    async def signin(request: Call) -> Response[str]:
        return await asyncio.to_thread(signin_page, pages.view(request))

    @post("/signin", **route(pages, OPEN))
    async def sign_in(request: Call) -> Response[Any]:
        given = await forms.read_fields(request)
        officer, place = given.get("officer", "").strip(), request.client.host if request.client else ""
        office.tries.check(officer, place, office.clock.now_ms())
        account = await asyncio.to_thread(office.accounts.verify, officer, given.get("password", ""))
        if account is None or not account.lasts(office.clock.now_ms()):
            office.tries.failed(officer, place, office.clock.now_ms())
            view = pages.view(request)
            return signin_page(view, officer, view.words("officer id and password do not fit together"))
        if account.passkeys:
            return await asyncio.to_thread(arrival.ask_passkey, pages.view(request), account)
        return arrival.let_in(request, account)

    @get("/signin/{code:str}", **route(pages, OPEN), sync_to_thread=True)
    def by_link(request: Call, code: FromPath[str]) -> Response[Any]:
        place = request.client.host if request.client else ""
        office.tries.check(f"by link from {place}", place, office.clock.now_ms())
        account = office.accounts.redeem(code, office.clock.now_ms())
        if account is None:
            office.tries.failed(f"by link from {place}", place, office.clock.now_ms())
            view = pages.view(request)
            return signin_page(view, "", view.words("this link has been used or has ended: ask for another"))
        if account.passkeys:
            return arrival.ask_passkey(pages.view(request), account)
        answer = arrival.let_in(request, account)
        # A browser that comes from another site does not send a strict cookie along a redirect: so the page itself leads on.
        shown = pages.view(request).page("arrived.html", officer=account.officer)
        shown.cookies.extend(answer.cookies)
        return shown

    @post("/signout", **route(pages, EVERYONE, unfinished=True))
    async def sign_out(request: Call) -> Response[Any]:
        await forms.read_fields(request)
        return arrival.let_out(request)

    return [home, signin, sign_in, by_link, sign_out]


def signin_page(view: View, officer: str = "", wrong: str = "") -> Response[str]:
    """Return the page to sign in on, with what was wrong."""
    provider = view.office.oidc
    title = "" if provider is None else provider.settings.title or provider.settings.issuer
    return view.page(
        "signin.html",
        status=403 if wrong else 200,
        script="passkeys",
        officer=officer,
        wrong=wrong,
        provider=title,
        passkeys=bool(view.office.passkeys.domain(view.host)),
    )


def _choosing(pages: Pages) -> list[ControllerRouterHandler]:
    office, arrival = pages.office, Arrival(pages)

    @post("/preferences", **route(pages, OPEN))
    async def preferences(request: Call) -> Response[Any]:
        given = await forms.read_fields(request)
        answer = redirect(_local(given.get("back", "/")))
        for name, cookie, known in (("language", LANGUAGE_COOKIE, tuple(NAMES)), ("palette", PALETTE_COOKIE, PALETTES)):
            if given.get(name) in known:
                answer.set_cookie(
                    Cookie(
                        key=cookie,
                        value=given[name],
                        max_age=_YEAR_S,
                        path="/",
                        httponly=True,
                        samesite="strict",
                        secure=office.secure,
                    )
                )
        return answer

    @post("/role", **route(pages, EVERYONE))
    async def role(request: Call) -> Response[Any]:
        wanted = (await forms.read_fields(request)).get("role", "")
        account: Account = request.state.account
        if wanted not in account.roles:
            raise NotYourRoleError("this account does not act in that role")
        return arrival.let_in(request, account, wanted)

    @get("/password", **route(pages, EVERYONE))
    async def password(request: Call) -> Response[str]:
        return await asyncio.to_thread(_password, pages.view(request))

    @post("/password", **route(pages, EVERYONE))
    async def change(request: Call) -> Response[Any]:
        given = await forms.read_fields(request)
        account: Account = request.state.account
        view = pages.view(request)
        try:
            await asyncio.to_thread(_change, office, account, given)
        except RefusedError as error:
            return _password(view, str(error))
        strong = request.state.session.strong
        office.sessions.end_all(account.officer)
        return arrival.let_in(request, account, strong=strong)

    return [preferences, role, password, change]


def _password(view: View, wrong: str = "") -> Response[str]:
    return view.page("password.html", status=409 if wrong else 200, wrong=view.words(wrong), least=LEAST_PASSWORD)


def _change(office: access.Office, account: Account, given: Mapping[str, str]) -> None:
    if account.password and office.accounts.verify(account.officer, given.get("old", "")) is None:
        raise RefusedError("the present password is not right")
    if given.get("new", "") != given.get("again", ""):
        raise RefusedError("the new password and its repetition differ")
    office.accounts.set_password(account.officer, given.get("new", ""))


def _local(path: str) -> str:
    """Return a path of this node to go back to; anything else leads to the start page."""
    return path if path.startswith("/") and not path.startswith("//") and "\\" not in path else "/"


def _nowhere(pages: Pages) -> ControllerRouterHandler:
    """Return the route of all paths that lead nowhere: a page to people, the interface's own answer to programs."""

    def on_any(request: Call, error: KizunaError) -> Response[Any]:
        if request.url.path.startswith("/api/"):
            return on_kizuna_error(request, error)
        answer: Response[Any] = failing[KizunaError](request, error)
        return answer

    failing = problem(pages)

    @get(
        "/{path:path}", opt=access.page(OPEN), include_in_schema=False, exception_handlers={KizunaError: on_any},
        sync_to_thread=False,
    )  # fmt: skip
    def nowhere(path: FromPath[str]) -> Response[Any]:
        del path
        raise NotHeldError("there is no such page")

    return nowhere


def _static(pages: Pages) -> ControllerRouterHandler:
    @get("/static/{name:str}", opt=access.opt(OPEN), include_in_schema=False, sync_to_thread=True)
    def static(name: FromPath[str]) -> Response[bytes]:
        found = pages.assets.read(name)
        headers = {**HEADERS, "cache-control": _FOREVER}
        return Response(found.data, media_type=found.media_type, headers=headers)

    return static


async def second_person(view: View, given: Mapping[str, str], roles: frozenset[str]) -> str:
    """Return the second person who stands behind an act, by the password that they typed, as records name an actor.

    Raises:
        RefusedError: officer and password do not fit, it is the same person, or no role of theirs may do this.
        TooManyTriesError: there were too many tries.
    """
    office, officer = view.office, given.get("second-officer", "").strip()
    office.tries.check(officer, "second person", view.now_ms)
    account = await asyncio.to_thread(office.accounts.verify, officer, given.get("second-password", ""))
    if account is None or not account.lasts(view.now_ms):
        office.tries.failed(officer, "second person", view.now_ms)
        raise RefusedError("this needs two persons: the second officer's id and password do not fit together")
    may = [role for role in account.roles if role in roles]
    if view.session is None or account.officer == view.session.officer or not may or office.passkeys.missing(account):
        raise RefusedError("this needs two persons: the second must be another than the first, in a role that may")
    return Officer(account.officer, may[0]).actor
