"""Search: one box on every page, for all that the reader may see, by kind, each with its page."""

from __future__ import annotations

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.pages.page import Pages, route
from kizuna.web.searching import KIND_TITLES, MOST_CHARS, Search


def search_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the route of the search."""

    @get("/search", sync_to_thread=True, **route(pages, OFFICERS))
    def search(request: Call) -> Response[str]:
        view = pages.view(request)
        question, kind = (request.query_params.get(name, "").strip() for name in ("q", "kind"))
        after = request.query_params.get("after", "")
        groups = Search(view.office, view.node, view.sight).find(question, kind, after)
        return view.page(
            "search.html", question=question[:MOST_CHARS], groups=groups, asked_kind=kind, titles=KIND_TITLES,
        )  # fmt: skip

    return [search]
