"""Claims that disagree, side by side, with what each rests on, and the ruling of our party on them."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from kizuna.domains.claim import DOMAIN
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.pages.desk import ask
from kizuna.web.pages.page import Pages, number, route

_NAME = DOMAIN.name
_BY_NAME = {query.name: query for query in DOMAIN.queries}
_RULING = next(operation for operation in DOMAIN.operations if operation.name == "adjudicate")
_SHOWN = 10


def claim_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the route of disagreements."""

    @get("/boards/claims", **route(pages, OFFICERS), sync_to_thread=True)
    def board(request: Call) -> Response[str]:
        view = pages.view(request, _NAME)
        state = request.query_params.get("state", "open")
        state = state if state in ("", "open", "settled") else "open"
        page = number(request.query_params.get("page", ""))
        wanted: dict[str, Any] = {"state": state, "limit": str(_SHOWN + 1), "offset": str(page * _SHOWN)}
        given = {name: value for name, value in wanted.items() if value}
        found = view.sight.rows(ask(view, _BY_NAME["disagreements"], given), _NAME)
        return view.page(
            "claims.html", rows=found[:_SHOWN], more=len(found) > _SHOWN, page_number=page, state=state, states=("open", "settled", ""),
            may=view.role in _RULING.roles, asked={"state": state},
        )  # fmt: skip

    return [board]
