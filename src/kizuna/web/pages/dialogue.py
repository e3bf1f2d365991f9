"""The dialogue's boards: meetings with their agendas, commitments in columns by where they stand, and the roadmap with what slipped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from kizuna.domains.dialogue import DOMAIN
from kizuna.web import charts
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.pages.desk import ask
from kizuna.web.pages.page import Pages, View, route

_NAME = DOMAIN.name
_BY_NAME = {query.name: query for query in DOMAIN.queries}
_MILESTONES = 100
_CARDS = 200
"""A board of more is no board: a forum, an owner or a party narrows it, and the list goes on."""
_SHOWN = 40
_MET = "held"


def dialogue_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of the dialogue's boards."""
    options = route(pages, OFFICERS) | {"sync_to_thread": True}

    @get("/boards/dialogue", **options)
    def board(request: Call) -> Response[str]:
        view = pages.view(request, _NAME)
        asked = {name: request.query_params.get(name, "") for name in ("owner", "party", "mechanism")}
        given = {name: value for name, value in asked.items() if value}
        found = _rows(view, "commitments", **given, limit=str(_CARDS))
        mechanisms = _rows(view, "mechanisms")
        columns: dict[str, list[dict[str, Any]]] = {}
        for row in found:
            columns.setdefault(row["state"], []).append(row)
        late = sum(row["days_overdue"] > 0 for row in found)
        return view.page(
            "board.html", columns=columns, total=len(found), whole=len(found) < _CARDS, late=late, asked=asked, given=given, mechanisms=mechanisms,
            agendas=[
                _agenda(view, row) for row in mechanisms[:_SHOWN] if asked["mechanism"] in {"", row["mechanism"]}
            ],
        )  # fmt: skip

    @get("/boards/roadmap", **options)
    def roadmap(request: Call) -> Response[str]:
        view = pages.view(request, _NAME)
        found = view.sight.rows(ask(view, _BY_NAME["roadmap"], {"limit": str(_MILESTONES)}), _NAME) or {
            "items": [],
            "milestones": [],
        }
        whole = len(found["milestones"]) < _MILESTONES
        return view.page("roadmap.html", found=found, whole=whole, chart=_slips(view, found["milestones"]))

    return [board, roadmap]


def _rows(view: View, name: str, **given: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = view.sight.rows(ask(view, _BY_NAME[name], given), _NAME)
    return rows


def _agenda(view: View, row: dict[str, Any]) -> dict[str, Any]:
    """Return a mechanism with its next meeting, or the last one where none is planned, and the agenda of that."""
    series = view.sight.rows(ask(view, _BY_NAME["series"], {"mechanism": row["mechanism"]}), _NAME) or {"meetings": []}
    today = _today(view)
    planned = [each for each in series["meetings"] if each["state"] != _MET and (each["starts_on"] or "") >= today]
    chosen = planned[0] if planned else (series["meetings"][-1] if series["meetings"] else None)
    meeting = None
    if chosen is not None:
        meeting = view.sight.rows(ask(view, _BY_NAME["meeting"], {"meeting": chosen["meeting"]}), _NAME)
    return {"mechanism": row, "planned": bool(planned), "meeting": meeting, "next_host": series.get("next_host", "")}


def _slips(view: View, milestones: list[dict[str, Any]]) -> Any:
    lanes = []
    for row in milestones:
        ends = row["actual_on"] or row["forecast_on"] or row["baseline_on"]
        words = f"{row['baseline_on']} → {ends}"
        lanes.append(
            charts.Lane(
                row["title"] or row["milestone"], f"/cases/dialogue.milestone:{row['milestone']}",
                ((row["baseline_on"], view.words("agreed")), (ends, words)), (row["baseline_on"], ends),
            )
        )  # fmt: skip
    return charts.times(view.words("Slippage of milestones"), lanes, _today(view), view.words("today")) if lanes else ""


def _today(view: View) -> str:
    return f"{datetime.fromtimestamp(view.now_ms / 1000, UTC):%Y-%m-%d}"
