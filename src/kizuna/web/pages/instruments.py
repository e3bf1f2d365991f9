"""The agreements desk: how agreements rest on each other, what happened to them and when, and each with its clauses in words a person can read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from kizuna.domains.instruments.shown import QUERIES
from kizuna.web import charts, reads
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.errors import NotHeldError
from kizuna.web.pages.desk import ask
from kizuna.web.pages.page import Pages, View, route

_BY_NAME = {query.name: query for query in QUERIES}


def instrument_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of agreements and their clauses."""
    options = route(pages, OFFICERS) | {"sync_to_thread": True}

    @get("/agreements", **options)
    def agreements(request: Call) -> Response[str]:
        view = pages.view(request, "instruments")
        found = ask(view, _BY_NAME["graph"], {})
        told = ask(view, _BY_NAME["timeline"], {"limit": "1000"})
        states = {each.id: each for each in reads.instruments(view.agreements, view.now_ms) if each.current}
        return view.page(
            "agreements.html", found=found, states=states, graph=_graph(view, found, states), times=_times(view, found, told),
        )  # fmt: skip

    @get("/agreements/{name:str}", **options)
    def agreement(request: Call, name: FromPath[str]) -> Response[str]:
        return _agreement(pages.view(request, "instruments"), name)

    @get("/agreements/{name:str}/{provision:str}", **options)
    def provision(request: Call, name: FromPath[str], provision: FromPath[str]) -> Response[str]:
        return _agreement(pages.view(request, "instruments"), name, provision)

    return [agreements, agreement, provision]


def _agreement(view: View, name: str, provision: str = "") -> Response[str]:
    versions = sorted(reads.instrument(view.agreements, name, view.now_ms), key=lambda each: not each.state.in_force)
    chosen = versions[0]
    if provision:
        holding = [each for each in versions if any(clause.id == provision for clause in each.instrument.provisions)]
        if not holding:
            raise NotHeldError("no such clause is held")
        chosen = holding[0]
    clauses = sorted(chosen.instrument.provisions, key=lambda each: each.id != provision)
    page = ask(view, _BY_NAME["page"], {"instrument": name})
    flows = {row["provision"]: row for row in ask(view, _BY_NAME["flows"], {"instrument": name, "limit": "1000"})}
    may_count = view.sight.issuers({"instruments"}) >= set(view.ceilings.of({"instruments"}))
    return view.page(
        "agreement.html", of=chosen, versions=versions, clauses=clauses, chosen=provision, told=page, flows=flows if may_count else {},
    )  # fmt: skip


def _graph(view: View, found: dict[str, Any], states: dict[str, reads.InstrumentState]) -> Any:
    boxes = []
    for node in sorted(found["nodes"], key=lambda node: (node["signed_on"] or "9999", node["id"])):
        state = states.get(node["id"])
        look = "good" if state is not None and state.in_force and state.provisions else "warn"
        under = f"{node['signed_on'] or '?'} · {view.words(node['state'])}"
        boxes.append(charts.Box(node["id"], node["title"], under, f"/agreements/{node['id']}", look))
    edges = [(edge["newer"], edge["older"], edge["kind"]) for edge in found["edges"]]
    return charts.graph(view.words("How agreements rest on each other"), boxes, edges) if boxes else ""


def _times(view: View, found: dict[str, Any], told: list[dict[str, Any]]) -> Any:
    marks: dict[str, list[tuple[str, str]]] = {}
    for row in told:
        marks.setdefault(row["instrument"], []).append((row["on"], view.words(row["what"])))
    lanes = [
        charts.Lane(node["title"], f"/agreements/{node['id']}", tuple(marks.get(node["id"], ())))
        for node in sorted(found["nodes"], key=lambda node: (node["signed_on"] or "9999", node["id"]))
    ]
    today = f"{datetime.fromtimestamp(view.now_ms / 1000, UTC):%Y-%m-%d}"
    return charts.times(view.words("What happened, and when"), lanes, today, view.words("today")) if lanes else ""
