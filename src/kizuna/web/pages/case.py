"""Cases: what two sides do together, where each stands, whom it waits for, and the officer's signature under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from kizuna.domains.case.operations import EndorseAsked
from kizuna.domains.case.queries import QUERIES
from kizuna.errors import KizunaError
from kizuna.kernel.domain import Domain
from kizuna.web import forms
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.errors import NotHeldError, branch_of
from kizuna.web.pages.desk import PAGE_ROWS, ask, offers, operate
from kizuna.web.pages.page import Pages, Task, View, number, route
from kizuna.web.searching import KIND_TITLES

TASK = Task("/cases", "Cases", OFFICERS)
_BY_NAME = {query.name: query for query in QUERIES}
_MOST = 1000


def case_pages(pages: Pages, domains: Sequence[Domain]) -> list[ControllerRouterHandler]:
    """Return the routes of cases."""
    options = route(pages, OFFICERS)

    @get("/cases", sync_to_thread=True, **options)
    def cases(request: Call) -> Response[str]:
        view = pages.view(request)
        asked = dict(request.query_params.items())
        page = number(asked.get("page", ""))
        names = ("kind", "state", "waits_for")
        given = {name: asked[name] for name in names if asked.get(name)}
        found = view.sight.rows(
            ask(view, _BY_NAME["list"], given | {"limit": str(min(_MOST, (page + 1) * PAGE_ROWS + 1))}), "case"
        )
        rows, more = forms.page_of(found, page, PAGE_ROWS)
        kinds = sorted(view.office.node.core.world.kinds.by_name)
        values: dict[str, Any] = {
            "rows": rows, "more": more, "page_number": page, "asked": given, "kinds": kinds, "titles": KIND_TITLES,
        }  # fmt: skip
        htmx = request.headers.get("hx-request") == "true"
        return view.swap("cases_found.html", **values) if htmx else view.page("cases.html", **values)

    @get("/cases/{case:str}", sync_to_thread=True, **options)
    def case(request: Call, case: FromPath[str]) -> Response[str]:
        return _case(pages.view(request), domains, case)

    @post("/cases/{case:str}/endorse", **options)
    async def endorse(request: Call, case: FromPath[str]) -> Response[str]:
        given = await forms.read_fields(request)
        view = pages.view(request)
        try:
            await operate(view, "case", "endorse", EndorseAsked(case=case, record=given.get("record", "")))
        except KizunaError as error:
            return _case(view, domains, case, refused=str(error), status=branch_of(error)[0])
        return _case(view, domains, case, signed=True)

    return [cases, case, endorse]


def _case(
    view: View, domains: Sequence[Domain], name: str, *, refused: str = "", signed: bool = False, status: int = 200
) -> Response[str]:
    """Return the page of one case.

    Raises:
        NotHeldError: none is held under that name, or not for this officer: the same answer.
    """
    try:
        found = view.sight.rows(ask(view, _BY_NAME["show"], {"case": name}), "case")
    except KizunaError as error:
        raise NotHeldError("no such case is held") from error
    if found is None:
        raise NotHeldError("no such case is held")
    party = view.office.node.identity.party
    mine = [record for record, parties in found["to_sign"].items() if party in parties]
    may = any(
        act.name == "endorse"
        for offer in offers(domains, view.role)
        if offer.name == "case"
        for act in offer.operations
    )
    domain = found["kind"].partition(".")[0]
    acts = [
        (act, _why_not(view, found, act.name))
        for offer in offers(domains, view.role)
        if offer.name == domain
        for act in offer.operations
    ]
    return view.page(
        "case.html", status=status, case=found, mine=mine, may=may, acts=acts, domain=domain, refused=refused, signed=signed,
        key=found["case"].partition(":")[2],
    )  # fmt: skip


def _why_not(view: View, found: dict[str, Any], act: str) -> str:
    """Return why an operation that is a step of this kind of case is not possible now; empty where it is, or where it is no such step."""
    kind = view.office.node.core.world.kinds.of_case(found["case"])
    if kind is None:
        return ""
    of_kind = kind.name.rpartition(".")[2]
    steps = [row for row in kind.table.transitions if act in (row.name, f"{row.name}-{of_kind}")]
    if not steps:
        return ""
    possible = [row for row in steps if found["state"] in row.frm]
    if not possible:
        return view.words("not from where it stands")
    party = view.office.node.identity.party
    if all(row.side and found["sides"].get(row.side, party) != party for row in possible):
        return view.words("the other side does that")
    return ""
