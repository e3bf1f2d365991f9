"""The watch's own papers: the rules that it wrote, and the sheet that the next watch is given, in the reader's language, on paper too."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from kizuna.domains.maritime.watchlog.cases import ROLE
from kizuna.domains.maritime.watchlog.operations import HandOverWatchAsked, RuleAsked, WithdrawRuleAsked
from kizuna.domains.maritime.watchlog.queries import acts_since
from kizuna.errors import KizunaError
from kizuna.kernel.operation import Desk, Query, Wanted
from kizuna.web import forms
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.errors import branch_of
from kizuna.web.pages.desk import ask, operate
from kizuna.web.pages.page import Pages, View, redirect, route
from kizuna.web.pages.watch import DOMAIN, shown

_MOST = "1000"


def handover_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of rules and of the change of the watch."""
    return [*_rules(pages), *_sheet(pages)]


def _rules(pages: Pages) -> list[ControllerRouterHandler]:
    watch = route(pages, frozenset({ROLE}))

    @get("/watch/rules", **route(pages, OFFICERS))
    async def rules(request: Call) -> Response[str]:
        form = forms.form_of(RuleAsked, dict(request.query_params.items()))
        return await asyncio.to_thread(_rules_page, pages.view(request, DOMAIN), form)

    @post("/watch/rules", **watch)
    async def write(request: Call) -> Response[Any]:
        return await _done(pages.view(request, DOMAIN), "write-rule", RuleAsked, await forms.read_fields(request))

    @post("/watch/rules/withdraw", **watch)
    async def withdraw(request: Call) -> Response[Any]:
        given = await forms.read_fields(request)
        return await _done(pages.view(request, DOMAIN), "withdraw-rule", WithdrawRuleAsked, given)

    return [rules, write, withdraw]


async def _done(view: View, name: str, asks: type[Any], given: dict[str, str]) -> Response[Any]:
    asked, wrong = forms.request_of(asks, given)
    refused, status = next(iter(wrong.values()), ""), 422
    if asked is not None:
        try:
            await operate(view, DOMAIN, name, asked)
            return redirect("/watch/rules")
        except KizunaError as error:
            refused, status = str(error), branch_of(error)[0]
    form = forms.form_of(RuleAsked, given if asks is RuleAsked else {}, wrong=wrong if asks is RuleAsked else {})
    return await asyncio.to_thread(_rules_page, view, form, refused, status)


def _rules_page(view: View, form: forms.Form, refused: str = "", status: int = 200) -> Response[str]:
    found = shown(view, "rules", withdrawn="true", limit=_MOST)
    return view.page("rules.html", status=status, rules=found, form=form, refused=refused, may=view.role == ROLE)


def _sheet(pages: Pages) -> list[ControllerRouterHandler]:
    @get("/watch/hand-over", **route(pages, OFFICERS))
    async def sheet(request: Call) -> Response[str]:
        return await asyncio.to_thread(_sheet_page, pages.view(request, DOMAIN))

    @post("/watch/hand-over", **route(pages, frozenset({ROLE})))
    async def hand_over(request: Call) -> Response[Any]:
        given = await forms.read_fields(request)
        view = pages.view(request, DOMAIN)
        asked, wrong = forms.request_of(HandOverWatchAsked, given)
        if asked is None:
            return await asyncio.to_thread(_sheet_page, view, next(iter(wrong.values())), 422)
        try:
            await operate(view, DOMAIN, "hand-over-watch", asked)
        except KizunaError as error:
            return await asyncio.to_thread(_sheet_page, view, str(error), branch_of(error)[0])
        return redirect("/watch/hand-over")

    return [sheet, hand_over]


class _Since(Wanted, frozen=True):
    since_ms: int = 0


def _acts(desk: Desk, wanted: _Since) -> Any:
    return acts_since(desk, wanted.since_ms)


_ACTS = Query(name="acts", text="", asks=_Since, run=_acts)


def _sheet_page(view: View, refused: str = "", status: int = 200) -> Response[str]:
    changes = shown(view, "handovers", limit="2")
    last = changes[0] if changes else None
    since_ms = changes[1]["at_ms"] if len(changes) > 1 else 0
    alerts = shown(view, "alerts", state="open", limit=_MOST)
    incidents = shown(view, "incidents", state="open", limit=_MOST)
    acts = view.sight.rows(ask(view, _ACTS, {"since_ms": str(since_ms)}), DOMAIN)
    return view.page(
        "handover.html", status=status, last=last, since_ms=since_ms, alerts=alerts, acts=acts, incidents=incidents, refused=refused,
        requests=shown(view, "requests", state="asked", limit=_MOST), interests=shown(view, "interests", limit=_MOST),
        may=view.role == ROLE, officer_of=lambda by: by.split(":")[1] if ":" in by else by,
    )  # fmt: skip
