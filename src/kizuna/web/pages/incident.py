"""Incidents as two sides carry them: one line of time for steps and notes, each note with its label and with where it went."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from kizuna.domains.case.queries import QUERIES as CASE_QUERIES
from kizuna.domains.maritime.watchlog import shared
from kizuna.domains.maritime.watchlog.cases import INCIDENT, ROLE
from kizuna.errors import KizunaError
from kizuna.kernel.marking import marking
from kizuna.node.held.facts import label_held
from kizuna.node.held.schema import NUMBER_OF
from kizuna.web import forms
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.errors import NotHeldError, branch_of
from kizuna.web.pages.desk import ask, operate
from kizuna.web.pages.page import Pages, View, redirect, route
from kizuna.web.pages.watch import DOMAIN, shown

_SHOW = next(query for query in CASE_QUERIES if query.name == "show")


class Line(msgspec.Struct, frozen=True):
    """One step or note: who said it and when, what it says, its marking, and how far it came."""

    record: str
    at_ms: int
    party: str
    by: str
    step: str
    """The transition, empty for a note."""
    effect: str
    text: str
    says: dict[str, Any]
    marked: str
    went: str
    """`confirmed`, `sent`, `waits`, `stays`, or empty for what a partner said."""


def incident_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of incidents."""

    @get("/watch/incidents/{key:str}", sync_to_thread=True, **route(pages, OFFICERS))
    def incident(request: Call, key: FromPath[str]) -> Response[str]:
        view = pages.view(request, DOMAIN)
        if request.headers.get("hx-request") == "true":
            return view.swap("incident_lines.html", **_incident(view, key))
        return _page(view, key, shared=request.query_params.get("shared", ""))

    @post("/watch/incidents/{key:str}/note", **route(pages, frozenset({ROLE})))
    async def note(request: Call, key: FromPath[str]) -> Response[Any]:
        given = await forms.read_fields(request)
        view = pages.view(request, DOMAIN)
        asked, wrong = forms.request_of(shared.NoteAsked, given | {"key": key})
        try:
            if asked is None:
                return await asyncio.to_thread(_page, view, key, refused=next(iter(wrong.values())), status=422)
            await operate(view, DOMAIN, "note-incident", asked)
        except KizunaError as error:
            return await asyncio.to_thread(_page, view, key, refused=str(error), status=branch_of(error)[0])
        return redirect(f"/watch/incidents/{key}#last")

    return [incident, note]


def _incident(view: View, key: str) -> dict[str, Any]:
    found = shown(view, "incident", key=key)
    try:
        case = view.sight.rows(ask(view, _SHOW, {"case": INCIDENT.subject(key)}), "case")
    except KizunaError as error:
        raise NotHeldError("no such incident is held") from error
    if case is None:
        raise NotHeldError("no such incident is held")
    partner = next((party for party in case["sides"].values() if party != view.office.node.identity.party), "")
    steps = [
        _line(view, each, partner, step=each["transition"], effect=each["effect"], says=each["says"])
        for each in case["steps"]
    ]
    notes = [
        _line(view, each | {"record": each["record_id"], "actor": each["by"]}, partner, text=each["text"] or "")
        for each in found["notes"]
    ]
    lines = sorted((*steps, *notes), key=lambda line: (line.at_ms, line.record))
    return {"incident": found["incident"], "case": case, "lines": lines, "key": key, "partner": partner}


def _line(view: View, row: dict[str, Any], partner: str, **values: Any) -> Line:
    relabels = view.office.node.core.world.ledger.relabels.get(row["record"], ())
    with view.node.store.view() as db:
        label, _, exercise = label_held(db, row["record"], relabels)
    own = row["party"] == view.office.node.identity.party
    marked = marking(label, language=view.words.language, exercise=exercise) if label is not None else ""
    made: dict[str, Any] = {"step": "", "effect": "", "text": "", "says": {}} | values
    return Line(
        record=row["record"], at_ms=row["at_ms"], party=row["party"], by=row["actor"], marked=marked,
        went=_went(view, row["record"], partner) if own and partner else "", **made,
    )  # fmt: skip


def _went(view: View, record: str, party: str) -> str:
    """Return how far an own record came on its way to a party."""
    rows = view.node.store.query(
        "SELECT CASE WHEN l.epoch = c.epoch AND l.idx < c.receipted THEN 1 ELSE 0 END FROM leaf_out l JOIN channel_out c"
        f" ON c.channel = l.channel WHERE l.record = {NUMBER_OF} AND c.node LIKE ? ORDER BY 1 DESC LIMIT 1",
        (record, f"{party}/%"),
    )
    if rows:
        return "confirmed" if rows[0][0] else "sent"
    waits = view.node.store.query("SELECT COUNT(*) FROM outbox WHERE item = ?", (record,))
    return "waits" if waits[0][0] else "stays"


def _page(view: View, key: str, *, refused: str = "", shared: str = "", status: int = 200) -> Response[str]:
    found = _incident(view, key)
    alert = shown(view, "alert", alert=shared)["alert"] if shared else None
    kept = [] if alert is None else [alert["rule_record"], *alert["evidence"]]
    stays = [(each, _type(view, each)) for each in kept if each and _went(view, each, found["partner"]) != "confirmed"]
    acts = [each for each in shared_acts(found["incident"], view.office.node.identity.party) if view.role == ROLE]
    return view.page(
        "incident.html", status=status, script="watch", refused=refused, shared=alert, stays=stays, acts=acts, may=view.role == ROLE,
        **found,
    )  # fmt: skip


def _type(view: View, record: str) -> str:
    rows = view.node.store.query("SELECT type FROM record WHERE id = ?", (record,))
    return str(rows[0][0]) if rows else ""


def shared_acts(row: dict[str, Any], party: str) -> list[tuple[str, str, str]]:
    """Return each step of an incident: the operation, what it is, and why it is not possible now, empty where it is."""
    offered = {operation.name: operation.text for operation in shared.OPERATIONS}
    found = []
    for transition in INCIDENT.table.transitions:
        name = f"{transition.name}-incident"
        if name not in offered or transition.name == "open":
            continue
        why = ""
        if row["state"] not in transition.frm:
            why = "not from where it stands"
        elif transition.side == "owner" and row["owner"] != party:
            why = "its owner does that"
        elif transition.name == "share" and not row["partner"]:
            why = "it names no partner"
        elif transition.name == "resolve" and row["lead"] != party:
            why = "whoever leads does that"
        found.append((name, offered[name], why))
    return found
