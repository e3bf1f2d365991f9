"""The way to a provider of identities and back: two addresses, where the settings name a provider."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Response, get
from litestar.datastructures import Cookie
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError, RefusedError
from kizuna.web.access import OPEN
from kizuna.web.bodies import Call
from kizuna.web.oidc import CALLBACK, FLOW_MS, Provider
from kizuna.web.pages.account import Arrival, signin_page
from kizuna.web.pages.page import HEADERS, Pages, route

_log = structlog.get_logger("kizuna.web.oidc")


def oidc_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of signing in through the provider; none where there is none."""
    provider = pages.office.oidc
    return [] if provider is None else [_begin(pages, provider), _back(pages, provider)]


def _begin(pages: Pages, provider: Provider) -> ControllerRouterHandler:
    office = pages.office

    @get("/signin/oidc", **route(pages, OPEN))
    async def begin(request: Call) -> Response[Any]:
        begun = await provider.begin((office.address or str(request.base_url).rstrip("/")) + CALLBACK)
        answer: Response[Any] = Response(None, status_code=303, headers={**HEADERS, "location": begun.url})
        # Lax: the browser must bring it when the provider sends it back.
        answer.set_cookie(_cookie(pages, begun.browser, FLOW_MS // 1000))
        return answer

    return begin


def _back(pages: Pages, provider: Provider) -> ControllerRouterHandler:
    office, arrival = pages.office, Arrival(pages)

    @get(CALLBACK, **route(pages, OPEN))
    async def back(request: Call) -> Response[Any]:
        view = pages.view(request)
        place = request.client.host if request.client else ""
        office.tries.check(f"by provider from {place}", place, office.clock.now_ms())
        try:
            said = request.query_params
            if "code" not in said:
                raise RefusedError("the provider did not let you in: ask an administrator")  # one way to say no
            held = request.cookies.get(f"{office.cookie}-oidc", "")
            account = await provider.finish(said.get("state", ""), held, said["code"])
            account = office.accounts.adopt(account)
        except KizunaError as error:
            office.tries.failed(f"by provider from {place}", place, office.clock.now_ms())
            _log.warning("not let in", error=type(error).__name__)
            refused = signin_page(view, "", view.words(str(error)))
            refused.set_cookie(_cookie(pages, "", 0))
            return refused
        answer = arrival.let_in(request, account)
        shown = view.page("arrived.html", officer=account.officer)
        shown.cookies.extend(answer.cookies)
        shown.set_cookie(_cookie(pages, "", 0))
        return shown

    return back


def _cookie(pages: Pages, value: str, max_age_s: int) -> Cookie:
    office = pages.office
    return Cookie(
        key=f"{office.cookie}-oidc",
        value=value,
        max_age=max_age_s,
        path="/",
        httponly=True,
        samesite="lax",
        secure=office.secure,
    )
