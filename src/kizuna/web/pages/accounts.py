"""The accounts of a node, to administrators and security alone, and how an administrator and a second person let in who has lost every way in."""

from __future__ import annotations

import asyncio

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError, RefusedError
from kizuna.node import effects as fx
from kizuna.node.people.accounts import Account
from kizuna.web import forms
from kizuna.web.access import KEEPERS
from kizuna.web.bodies import Call
from kizuna.web.pages.account import second_person
from kizuna.web.pages.page import Pages, Task, View, route

TASK = Task("/accounts", "Accounts", KEEPERS)
ADMINISTRATORS = frozenset({"administrator"})
LINK_HOURS = 24


def accounts_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of the list of accounts and of recovery."""

    @get("/accounts", sync_to_thread=True, **route(pages, KEEPERS))
    def listed(request: Call) -> Response[str]:
        return _page(pages.view(request))

    @post("/accounts/recover", **route(pages, ADMINISTRATORS))
    async def recover(request: Call) -> Response[str]:
        given = await forms.read_fields(request)
        view = pages.view(request)
        try:
            officer, code = await _recovered(view, given)
        except KizunaError as error:
            return await asyncio.to_thread(_page, view, wrong=str(error))
        base = view.office.address or str(request.base_url).rstrip("/")
        return await asyncio.to_thread(_page, view, link=f"{base}/signin/{code}", officer=officer)

    return [listed, recover]


def _page(view: View, *, wrong: str = "", link: str = "", officer: str = "") -> Response[str]:
    office = view.office
    rows = [(account, office.passkeys.settings.requires(account)) for account in office.accounts.list()]
    return view.page(
        "accounts.html", status=409 if wrong else 200, rows=rows, wrong=view.words(wrong), link=link, officer=officer, hours=LINK_HOURS,
    )  # fmt: skip


async def _recovered(view: View, given: dict[str, str]) -> tuple[str, str]:
    """Return whose account has been emptied, and the code of the link that lets in once; journalled before it is done."""
    office, session = view.office, view.session
    account = _lost(view, given.get("officer", "").strip())
    second = await second_person(view, given, KEEPERS)
    if session is None or account.officer in (session.officer, second.split(":")[1]):
        raise RefusedError("this needs two other persons: nobody recovers an account of their own")
    told = fx.NoteAccount(account.officer, "recovered", session.caller.actor, second_actor=second)
    await asyncio.wrap_future(office.node.runner.do(told))

    def emptied() -> str:
        office.accounts.reset(account.officer)
        return office.accounts.invite(
            account.officer, now_ms=view.now_ms, ends_ms=view.now_ms + LINK_HOURS * 3_600_000, random=office.random
        )

    code = await asyncio.to_thread(emptied)
    office.sessions.end_all(account.officer)
    return account.officer, code


def _lost(view: View, officer: str) -> Account:
    account = view.office.accounts.get(officer)
    if account is None:
        raise RefusedError("there is no account of this officer: choose one of the list")
    if account.federated:
        raise RefusedError("this account signs in through its provider: its provider recovers it")
    return account
