"""The desks: for each domain its lists, its single things and its forms, made from what the domain offers.

Only what the officer's role may do is offered. A refusal is shown above the form, with what was filled in kept. A domain whose desk wants more than
this gets a file of its own, `pages_NAME.py`, which takes the place of its entry here.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError, RefusedError
from kizuna.kernel.domain import Domain
from kizuna.kernel.operation import Document, Operation, Query
from kizuna.node import effects as fx
from kizuna.node import offering
from kizuna.web import forms
from kizuna.web.access import OFFICERS, Office
from kizuna.web.bodies import Call, attachment
from kizuna.web.errors import NotHeldError, NotYourRoleError, branch_of
from kizuna.web.pages.account import second_person
from kizuna.web.pages.page import HEADERS, Pages, Task, View, number, route

TASK = Task("/desk", "Desks", OFFICERS)
PAGE_ROWS = 50
BOARDS = {
    "claim": "/boards/claims", "dialogue": "/boards/dialogue", "exercises": "/boards/exercises", "instruments": "/agreements",
    "maritime": "/watch", "supply": "/boards/supply", "case": "/cases",
}  # fmt: skip
"""The pages by hand that some desks have besides."""
_MOST_ROWS = 1000


@dataclass(frozen=True)
class Offer:
    """What one domain offers to an officer in a role."""

    name: str
    title: str
    text: str
    operations: tuple[Operation, ...]
    queries: tuple[Query, ...]


def offers(domains: Sequence[Domain], role: str) -> list[Offer]:
    """Return what domains offer to a role; a domain that offers nothing is left out."""
    found = []
    for domain in domains:
        head, _, text = first_sentence(domain).partition(": ")
        offer = Offer(
            domain.name, head, text,
            tuple(each for each in domain.operations if role in each.roles),
            tuple(each for each in domain.queries if not each.roles or role in each.roles),
        )  # fmt: skip
        if offer.operations or offer.queries:
            found.append(offer)
    return found


def first_sentence(domain: Domain) -> str:
    """Return what a domain says of itself in the first line of its package."""
    module = sys.modules.get(f"kizuna.domains.{domain.name}")
    return ((module.__doc__ if module is not None else "") or domain.name).partition("\n")[0].rstrip(".")


def desk_pages(pages: Pages, domains: Sequence[Domain]) -> list[ControllerRouterHandler]:
    """Return the routes of all desks."""
    options = route(pages, OFFICERS)

    @get("/desk", sync_to_thread=True, **options)
    def desks(request: Call) -> Response[str]:
        view = pages.view(request)
        return view.page("desks.html", boards=BOARDS, offers=offers(domains, view.role))

    @get("/desk/{name:str}", sync_to_thread=True, **options)
    def desk(request: Call, name: FromPath[str]) -> Response[str]:
        view = pages.view(request, name)
        return view.page("desk.html", board=BOARDS.get(name, ""), offer=_offer(domains, view.role, name))

    @get("/desk/{name:str}/{listed:str}", sync_to_thread=True, **options)
    def shown(request: Call, name: FromPath[str], listed: FromPath[str]) -> Response[Any]:
        view = pages.view(request, name)
        offer = _offer(domains, view.role, name)
        asked = _named(offer.queries, listed)
        return _show(
            view, offer, asked, dict(request.query_params.items()), htmx=request.headers.get("hx-request") == "true"
        )

    @get("/desk/{name:str}/do/{operation:str}", **options)
    async def form(request: Call, name: FromPath[str], operation: FromPath[str]) -> Response[str]:
        view = pages.view(request, name)
        offer = _offer(domains, view.role, name)
        act = _named(offer.operations, operation)
        made = forms.form_of(act.asks, dict(request.query_params.items()), labelled=True)
        return await asyncio.to_thread(_form, view, offer, act, made)

    @post("/desk/{name:str}/do/{operation:str}", **options)
    async def do(request: Call, name: FromPath[str], operation: FromPath[str]) -> Response[str]:
        view = pages.view(request, name)
        offer = _offer(domains, view.role, name)
        act = _named(offer.operations, operation)
        return await done(view, offer, act, await forms.read_fields(request))

    return [desks, desk, shown, form, do]


def _offer(domains: Sequence[Domain], role: str, name: str) -> Offer:
    found = next((offer for offer in offers(domains, role) if offer.name == name), None)
    if found is None:
        raise NotHeldError("there is no such desk for this role")
    return found


def _named(of: Sequence[Any], name: str) -> Any:
    found = next((each for each in of if each.name == name), None)
    if found is None:
        raise NotYourRoleError("this desk does not offer that to this role")
    return found


def _form(
    view: View, offer: Offer, act: Operation, form: forms.Form, refused: str = "", remedy: str = "", status: int = 200
) -> Response[str]:
    return view.page("form.html", status=status, offer=offer, act=act, form=form, refused=refused, remedy=remedy)


# --- what is shown ----------------------------------------------------------------------------------------------------------------


def ask(view: View, query: Query, given: Mapping[str, str]) -> Any:
    """Return what a query shows, as far as the officer may see it; None where nothing of it may.

    Raises:
        RecordError: the request does not fit.
        RefusedError: the query refuses.
    """
    office = view.office
    world = office.node.core.world
    session = view.session
    found = offering.ask(
        view.node.store, query, offering.wanted(query, given.items()), offering.Asker(
            now_ms=view.now_ms, party=office.node.identity.party, actor=session.caller.actor if session is not None else "",
            kinds=world.kinds, agreements=view.agreements, random=world.random,
        ),
    )  # fmt: skip
    return found if isinstance(found, Document) else msgspec.to_builtins(found)


def _show(view: View, offer: Offer, query: Query, asked: dict[str, str], *, htmx: bool) -> Response[Any]:
    page = number(asked.pop("page", ""))
    given = forms.kept(asked)
    limits = offering.fields(query.asks)
    if "limit" in limits:
        given["limit"] = str(min((page + 1) * PAGE_ROWS + 1, _MOST_ROWS))
    form, rows, single, refused, more = forms.form_of(query.asks, asked), None, None, "", False
    needed = [name for name, field in limits.items() if field.needed and name not in given]
    if not needed:
        try:
            found = ask(view, query, given)
            if isinstance(found, Document):
                return _document(view, offer, found)
            seen = view.sight.rows(found, offer.name)
            if isinstance(seen, list):
                rows, more = forms.page_of(seen, page, PAGE_ROWS)
            elif seen is None:
                raise NotHeldError("nothing of this is held")  # the same answer as where it is not held
            else:
                single = seen
        except KizunaError as error:
            refused = str(error)
    values: dict[str, Any] = {
        "offer": offer, "query": query, "form": form, "rows": rows, "single": single, "refused": refused, "page_number": page, "more": more,
        "asked": forms.kept(asked, {"limit"}), "needed": bool(needed), "file": _is_file(query),
    }  # fmt: skip
    return view.swap("found.html", **values) if htmx else view.page("query.html", **values)


def _is_file(query: Query) -> bool:
    """Return whether a query makes a file, which a browser loads by itself and puts into no page."""
    return inspect.signature(query.run).return_annotation in (Document, "Document")


def _document(view: View, offer: Offer, found: Document) -> Response[bytes]:
    if not view.sight.rows([{}], offer.name):
        raise NotHeldError("nothing of this is held")
    headers = {**HEADERS, **attachment(found.name)}
    return Response(found.data, media_type=found.media_type, headers=headers)


# --- what is done -----------------------------------------------------------------------------------------------------------------


async def done(view: View, offer: Offer, act: Operation, given: dict[str, str]) -> Response[str]:
    """Return the page after an operation was tried: what was said and where it goes, or the form again with what stands against it."""
    asked, wrong = forms.request_of(act.asks, given)
    refused, remedy, status = "", "", 422
    if forms.MORE_LINES in given:
        wrong, asked, status = {}, None, 200
    if asked is not None:
        try:
            second = await second_person(view, given, act.roles) if act.two_persons else ""
            result: fx.Done = await operate(view, offer.name, act.name, asked, second)
            view.sight.issuers({offer.name})
            for said in result.said:
                view.sight.record(said.record_id)
            return view.page("done.html", offer=offer, act=act, done=result, told=dict(result.told))
        except KizunaError as error:
            status, _, remedy = branch_of(error)
            refused = str(error)
            view.sight.issuers({offer.name})  # a refusal may name what stands against it
    form = forms.form_of(act.asks, given, wrong=wrong, labelled=True)
    return _form(view, offer, act, form, refused, remedy, status)


async def operate(view: View, domain: str, operation: str, asked: Any, second: str = "") -> fx.Done:
    """Return what an operation came to.

    Raises:
        RefusedError: a rule stands against it.
    """
    if view.session is None:
        raise RefusedError("nobody is signed in")
    office: Office = view.office
    command = fx.Operate(domain, operation, asked, view.session.caller.actor, second)
    await asyncio.to_thread(office.books.rehearse, view.node, command, view.now_ms)
    found: fx.Done = await asyncio.wrap_future(office.node.runner.do(command))
    return found
