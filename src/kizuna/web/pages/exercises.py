"""The register of exercises: its editions and the three measures as charts, of which each bar opens the editions that it counts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from kizuna.domains.exercises import DOMAIN
from kizuna.domains.exercises.measures import AXES, FORMULAS
from kizuna.web import charts
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.pages.desk import PAGE_ROWS, ask
from kizuna.web.pages.page import Pages, View, number, route

_NAME = DOMAIN.name
_BY_NAME = {query.name: query for query in DOMAIN.queries}
_BY = ("year", "partner", "series")


def exercise_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the route of the register."""

    @get(
        "/boards/exercises", **route(pages, OFFICERS), sync_to_thread=True
    )  # fmt: skip
    def register(request: Call) -> Response[str]:
        view = pages.view(request, _NAME)
        by = request.query_params.get("by", "year")
        by = by if by in _BY else "year"
        page = number(request.query_params.get("page", ""))
        wanted = {"limit": str(min(1000, (page + 1) * PAGE_ROWS + 1))}
        editions = view.sight.rows(ask(view, _BY_NAME["editions"], wanted), _NAME)
        rows, more = editions[page * PAGE_ROWS : (page + 1) * PAGE_ROWS], len(editions) > (page + 1) * PAGE_ROWS
        measured = view.sight.rows(ask(view, _BY_NAME["measures"], {"by": by}), _NAME)
        found = measured or {"rows": [], "undated": 0}
        return view.page(
            "exercises.html", rows=rows, more=more, page_number=page, by=by, groups=_BY, found=found, charts=_charts(view, by, found["rows"]),
            formulas=FORMULAS, axes=AXES, href=_href, asked={"by": by},
        )  # fmt: skip

    return [register]


def _href(by: str, group: str) -> str:
    """Return where the editions of a group are listed."""
    limits = {"from_year": group, "to_year": group} if by == "year" else {by: group}
    return f"/desk/exercises/editions?{urlencode(limits)}"


def _charts(view: View, by: str, rows: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """Return the three measures as charts, with the name of each."""
    if not rows:
        return []
    labels = [row["group"] for row in rows]

    def drawn(title: str, series: dict[str, Any]) -> tuple[str, Any]:
        made = {
            view.words(name): [charts.Bar(value(row["measures"]), _href(by, row["group"])) for row in rows]
            for name, value in series.items()
        }
        return title, charts.bars(view.words(title), labels, made)

    axes = {axis.replace("_", " ").capitalize(): _index_of(axis) for axis in AXES}
    return [
        drawn(
            "Frequency",
            {"Editions": lambda each: each["editions"], "Exercise-days": lambda each: each["exercise_days"]},
        ),
        drawn("Complexity", {"Complexity": lambda each: each["complexity"]}),
        drawn("Diversity", axes),
    ]


def _index_of(axis: str) -> Any:
    return lambda each: each["diversity"][axis]["index"]
