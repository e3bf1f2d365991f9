"""The supply desk: where orders stand, what is open between us and each partner in each currency, and what falls due."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from kizuna.domains.supply import DOMAIN
from kizuna.web import charts
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.pages.desk import PAGE_ROWS, ask
from kizuna.web.pages.page import Pages, View, number, route

_NAME = DOMAIN.name
_BY_NAME = {query.name: query for query in DOMAIN.queries}
_MOST = 1000


def supply_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the route of orders and balances."""

    @get("/boards/supply", **route(pages, OFFICERS), sync_to_thread=True)
    def board(request: Call) -> Response[str]:
        view = pages.view(request, _NAME)
        state = request.query_params.get("state", "")
        page = number(request.query_params.get("page", ""))
        asked = {"state": state} if state else {}
        orders = _rows(view, "orders", **asked, limit=str(min(_MOST, (page + 1) * PAGE_ROWS + 1)))
        states = {row["state"]: row["orders"] for row in _rows(view, "states")}
        rows, more = orders[page * PAGE_ROWS : (page + 1) * PAGE_ROWS], len(orders) > (page + 1) * PAGE_ROWS
        bars = {
            view.words("Orders"): [
                charts.Bar(count, f"/boards/supply?{urlencode({'state': name})}") for name, count in states.items()
            ]
        }
        chart = (
            charts.bars(view.words("Orders by state"), [view.words(name) for name in states], bars) if states else ""
        )
        return view.page(
            "supply.html", rows=rows, more=more, page_number=page, state=state, states=states, chart=chart, balances=_rows(view, "balance"),
            due=_rows(view, "due", limit="50"), asked=asked,
        )  # fmt: skip

    return [board]


def _rows(view: View, name: str, **given: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = view.sight.rows(ask(view, _BY_NAME[name], given), _NAME)
    return rows
