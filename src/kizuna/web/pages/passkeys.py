"""Passkeys on pages: signing in with one, an officer's own list of them, and how one is made and removed.

A page's script hands what the node asks to the browser, and sends the answer back in a form. What changes the list asks for the password again, or,
where there is none, for a session that has just begun: a console that was left open is not enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from litestar import MediaType, Response, get, post
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError, RefusedError
from kizuna.node import effects as fx
from kizuna.node.people.accounts import Account, check_passkey_name
from kizuna.web import forms
from kizuna.web.access import EVERYONE, OPEN
from kizuna.web.bodies import Call
from kizuna.web.errors import Answer, branch_of
from kizuna.web.pages.account import Arrival, signin_page
from kizuna.web.pages.page import HEADERS, Pages, View, redirect, route
from kizuna.web.passkeys import Begun, claimed

FRESH_MS = 10 * 60_000
"""How young a session must be to change passkeys where there is no password to ask for again."""
_log = structlog.get_logger("kizuna.web.passkeys")


def passkey_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of signing in with a passkey, and of an officer's own passkeys."""
    return [*_signing(pages), *_own(pages)]


def _options(begun: Begun, arrival: Arrival) -> Response[Any]:
    answer: Response[Any] = Response(begun.options, status_code=200, media_type=MediaType.JSON, headers=HEADERS)
    answer.set_cookie(arrival.attempt(begun.browser))
    return answer


def _signing(pages: Pages) -> list[ControllerRouterHandler]:
    office, arrival = pages.office, Arrival(pages)
    options = route(pages, OPEN)

    @post("/signin/passkey/begin", **options)
    async def begin(request: Call) -> Response[Any]:
        await forms.read_fields(request)
        view = pages.view(request)
        try:
            return _options(office.passkeys.begin(view.host), arrival)
        except KizunaError as error:
            return _said(view, error)

    @post("/signin/passkey", **options)
    async def finish(request: Call) -> Response[Any]:
        given = await forms.read_fields(request)
        view = pages.view(request)
        place, text = request.client.host if request.client else "", given.get("credential", "")
        whose = f"of passkey {claimed(text)[:100]}"
        office.tries.check(whose, place, view.now_ms)
        try:
            account = await _whose(view, request.cookies.get(f"{office.cookie}-passkey", ""), text)
        except KizunaError as error:
            office.tries.failed(whose, place, view.now_ms)
            _log.warning("not let in", error=type(error).__name__)
            refused = await asyncio.to_thread(signin_page, view, "", view.words(str(error)))
            refused.set_cookie(arrival.attempt(""))
            return refused
        answer = arrival.let_in(request, account, strong=True)
        answer.set_cookie(arrival.attempt(""))
        return answer

    return [begin, finish]


async def _whose(view: View, browser: str, text: str) -> Account:
    """Return the account whose passkey has answered; a counter that went back is journalled, for there may be two of that passkey."""
    office = view.office
    account, passkey, count = office.passkeys.signed(view.host, browser, text, office.accounts.by_passkey)
    if not account.lasts(view.now_ms):
        raise RefusedError("this passkey is not known here, or not of this officer")
    try:
        await asyncio.to_thread(office.accounts.used_passkey, account.officer, passkey.id, count, view.now_ms)
    except RefusedError:
        told = fx.NoteAccount(account.officer, "passkey-counter-went-back", f"officer:{account.officer}", passkey.name)
        await asyncio.wrap_future(office.node.runner.do(told))
        raise
    return account


def _said(view: View, error: KizunaError) -> Answer:
    """Return an error as the page's script shows it."""
    return Answer({"sentence": view.words(str(error))}, branch_of(error)[0])


def _own(pages: Pages) -> list[ControllerRouterHandler]:
    office, arrival = pages.office, Arrival(pages)
    options = route(pages, EVERYONE, unfinished=True)

    # A path with two methods, which the library would wrap once for each: see `kizuna.web.pages.account`.
    @get("/passkeys", **options)
    async def own(request: Call) -> Response[str]:
        return await asyncio.to_thread(_page, pages.view(request))

    @post("/passkeys/begin", **options)
    async def begin(request: Call) -> Response[Any]:
        given = await forms.read_fields(request)
        view = pages.view(request)
        try:
            account = await _again(view, given)
            name = given.get("name", "").strip()
            check_passkey_name(account, name)
            return _options(office.passkeys.begin_making(view.host, account, name), arrival)
        except KizunaError as error:
            return _said(view, error)

    @post("/passkeys", **options)
    async def finish(request: Call) -> Response[Any]:
        given = await forms.read_fields(request)
        account: Account = request.state.account
        view = pages.view(request)
        try:
            held = request.cookies.get(f"{office.cookie}-passkey", "")
            made = office.passkeys.made(view.host, held, given.get("credential", ""), account.officer)
            if office.accounts.by_passkey(made.id) is not None:
                raise RefusedError("this passkey is known already: use another device")
            await _note(view, "passkey-made", made.name)
            await asyncio.to_thread(office.accounts.add_passkey, account.officer, made)
        except KizunaError as error:
            return await asyncio.to_thread(_page, view, str(error))
        role = request.state.session.role
        office.sessions.end_all(account.officer)  # those that a password alone has begun count no more
        answer = arrival.let_in(request, account, role, strong=True, path="/passkeys")
        answer.set_cookie(arrival.attempt(""))
        return answer

    @post("/passkeys/remove", **options)
    async def remove(request: Call) -> Response[Any]:
        given = await forms.read_fields(request)
        view = pages.view(request)
        try:
            account, name = await _again(view, given), given.get("name", "")
            _check_removal(view, account, name)
            await _note(view, "passkey-removed", name)
            await asyncio.to_thread(office.accounts.remove_passkey, account.officer, name)
        except KizunaError as error:
            return await asyncio.to_thread(_page, view, str(error))
        return redirect("/passkeys")

    return [own, begin, finish, remove]


def _page(view: View, wrong: str = "") -> Response[str]:
    passkeys = view.office.passkeys
    return view.page(
        "passkeys.html", status=409 if wrong else 200, script="passkeys", wrong=view.words(wrong), works=bool(passkeys.domain(view.host)),
        elsewhere=passkeys.elsewhere(view.host),
    )  # fmt: skip


async def _note(view: View, act: str, name: str) -> None:
    if view.account is not None and view.session is not None:
        told = fx.NoteAccount(view.account.officer, act, view.session.caller.actor, name)
        await asyncio.wrap_future(view.office.node.runner.do(told))


async def _again(view: View, given: Mapping[str, str]) -> Account:
    """Return the account of whoever has just shown again that they are its officer."""
    office, account, session = view.office, view.account, view.session
    if account is None or session is None or account.federated:
        raise RefusedError("this account signs in through its provider and has no passkeys here")
    if account.password:
        office.tries.check(account.officer, "own passkeys", view.now_ms)
        if await asyncio.to_thread(office.accounts.verify, account.officer, given.get("password", "")) is None:
            office.tries.failed(account.officer, "own passkeys", view.now_ms)
            raise RefusedError("the present password is not right")
    elif view.now_ms - session.begun_ms >= FRESH_MS:
        raise RefusedError("you signed in more than ten minutes ago: sign out and in again first")
    return account


def _check_removal(view: View, account: Account, name: str) -> None:
    """Accept that a passkey goes, unless it is the last one of an account that could then not be entered, or do nothing."""
    if all(key.name != name for key in account.passkeys):
        raise RefusedError("there is no such passkey any more: open the page again")
    if len(account.passkeys) != 1:
        return
    if view.office.passkeys.settings.requires(account):
        raise RefusedError("this account must have a passkey: make another one first")
    if not account.password:
        raise RefusedError("without its last passkey nothing would let this account in: choose a password first")
