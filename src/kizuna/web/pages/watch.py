"""The watch log: the queue of alerts and of what partners brought, one alert with what may be done about it, and one click that shares it.

What a click would say, to whom, under which label and by which clause stands beside the button before it is clicked; where no clause lets it go the
button is off and the clause that stands against it is named.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from kizuna.domains.maritime.watchlog import operations as ops
from kizuna.domains.maritime.watchlog.cases import ROLE
from kizuna.domains.maritime.watchlog.sheet import QUERIES
from kizuna.errors import KizunaError
from kizuna.node import effects as fx
from kizuna.node.acts.rehearsing import rehearsed
from kizuna.web import forms, reads
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.errors import NotHeldError, branch_of
from kizuna.web.pages.desk import PAGE_ROWS, ask, operate
from kizuna.web.pages.liaison import REASONS
from kizuna.web.pages.page import Pages, Task, View, number, redirect, route
from kizuna.web.pages.rehearsals import Clause, Column, Tried, clause_named, tried
from kizuna.web.stream import Seen, as_seen, event

TASK = Task("/watch", "Watch log", OFFICERS)
DOMAIN = "maritime"
OPENED = "maritime.incident-opened.v1"
_BY_NAME = {query.name: query for query in QUERIES}
_CLAUSE = "provision:"
_LOOKED_AT = 2000
_HELD_SHOWN = 4
_STATES = ("open", "raised", "acknowledged", "dismissed", "escalated", "any")


class Held(msgspec.Struct, frozen=True):
    """A record of ours that stayed at home, to whom it did not go, and the clause or the rule that held it."""

    record: str
    type: str
    party: str
    reason: str
    clause: Clause | None


def shown(view: View, name: str, **wanted: str) -> Any:
    """Return what a query of the watch log shows, as far as this officer may see it.

    Raises:
        NotHeldError: nothing is held of it, or nothing that this officer may see: the same answer.
    """
    try:
        found = view.sight.rows(ask(view, _BY_NAME[name], wanted), DOMAIN)
    except KizunaError as error:
        raise NotHeldError("nothing of this is held") from error
    if found is None:
        raise NotHeldError("nothing of this is held")
    return found


def watch_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of the watch log."""
    return [*_looking(pages), *_acting(pages)]


def _looking(pages: Pages) -> list[ControllerRouterHandler]:
    options = route(pages, OFFICERS)

    @get("/watch", sync_to_thread=True, **options)
    def queue(request: Call) -> Response[str]:
        view = pages.view(request, DOMAIN)
        asked = dict(request.query_params.items())
        if request.headers.get("hx-request") == "true":
            return view.swap("watch_queue.html", **_queue(view, asked))
        return _page(view, asked)

    @get("/watch/stream", **options)
    async def stream(request: Call) -> Stream:
        view = pages.view(request)
        seen = Seen(lambda: view.office.books.of(view.account).store)
        await asyncio.to_thread(seen.head)
        heard = as_seen(view.office.hub.listen(event("watch", {"now_ms": view.now_ms})), seen)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return Stream(while_signed_in(request, view, heard), media_type="text/event-stream", headers=headers)

    return [queue, stream]


def _acting(pages: Pages) -> list[ControllerRouterHandler]:
    options = route(pages, frozenset({ROLE}))

    @post("/watch/alerts/{alert:str}/share", **options)
    async def share(request: Call, alert: FromPath[str]) -> Response[Any]:
        given = await forms.read_fields(request)
        view = pages.view(request, DOMAIN)
        asked = ops.ShareAlertAsked(alert=alert, partner=given.get("partner", ""))
        try:
            done = await operate(view, DOMAIN, "share-alert", asked)
        except KizunaError as error:
            return await asyncio.to_thread(_page, view, {"alert": alert}, str(error), branch_of(error)[0])
        return redirect(f"/watch/incidents/{done.told['incident']}?shared={alert}")

    @post("/watch/alerts/{alert:str}/{act:str}", **options)
    async def act(request: Call, alert: FromPath[str], act: FromPath[str]) -> Response[Any]:
        given = await forms.read_fields(request)
        view = pages.view(request, DOMAIN)
        text = given.get("text", "").strip()
        asked = _asked(act, alert, text)
        if asked is None:
            raise NotHeldError("there is no such page")
        try:
            await operate(view, DOMAIN, {"take": "acknowledge", "note": "note-alert"}.get(act, act), asked)
        except KizunaError as error:
            return await asyncio.to_thread(_page, view, {"alert": alert}, str(error), branch_of(error)[0])
        return redirect(f"/watch?alert={alert}")

    return [share, act]


def _asked(act: str, alert: str, text: str) -> Any:
    asked: dict[str, Any] = {
        "take": ops.AcknowledgeAsked(alert=alert, note=text[:2000]),
        "note": ops.NoteAlertAsked(alert=alert, note=text[:2000]),
        "dismiss": ops.DismissAsked(alert=alert, reason=text[:2000]),
    }
    return asked.get(act)


async def while_signed_in(request: Call, view: View, heard: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Yield what is heard until the session ends: who is signed out hears nothing more."""
    held: str = request.cookies.get(view.office.cookie, "")
    async with contextlib.aclosing(heard) as events:
        async for data in events:
            if not view.office.sessions.holds(held, view.now_ms):
                return
            yield data


# --- what is shown ----------------------------------------------------------------------------------------------------------------


def _queue(view: View, asked: dict[str, str]) -> dict[str, Any]:
    """Return the lists of the queue: alerts, urgent and new ones first, incidents that run, and requests that wait."""
    state = asked.get("state", "open") if asked.get("state", "open") in _STATES else "open"
    page = number(asked.get("page", ""))
    found = shown(view, "alerts", state=state, limit=str(min(1000, (page + 1) * PAGE_ROWS + 1)))
    alerts, more = forms.page_of(found, page, PAGE_ROWS)
    alerts = sorted(alerts, key=lambda row: (row["state"] != "raised", not row["urgent"]))
    party = view.office.node.identity.party
    incidents = shown(view, "incidents", state="open", limit="50")
    requests = [row for row in shown(view, "requests", state="asked", limit="50") if row["addressee"] == party]
    return {
        "names": _names(view, alerts), "alerts": alerts, "more": more,
        "page_number": page, "state": state, "states": _STATES, "incidents": incidents, "requests": requests,
        "chosen": asked.get("alert", alerts[0]["alert"] if alerts else ""), "raised": sum(row["state"] == "raised" for row in alerts),
        "theirs": sum(row["owner"] != party for row in incidents), "asked": {"state": state},
    }  # fmt: skip


def _names(view: View, alerts: Sequence[dict[str, Any]]) -> dict[int, str]:
    """Return what the vessels of alerts call themselves, as far as this officer may see it: the newest name of each."""
    vessels = sorted({row[name] for row in alerts for name in ("mmsi", "other_mmsi") if row[name]})
    if not vessels:
        return {}
    rows = view.node.store.query(
        f"SELECT mmsi, name, record_id FROM maritime_static WHERE mmsi IN ({','.join('?' * len(vessels))}) AND exercise = ''"
        " AND name IS NOT NULL ORDER BY reported_at_ms",
        vessels,
    )
    return {mmsi: name for mmsi, name, record_id in rows if view.sight.record(record_id)}


def _page(view: View, asked: dict[str, str], refused: str = "", status: int = 200) -> Response[str]:
    queue = _queue(view, asked)
    alert = shown(view, "alert", alert=queue["chosen"]) if queue["chosen"] else None
    offered = list(_offered(view, alert["alert"])) if alert is not None else []
    parties = sorted({partner.party for partner in reads.partners(view.node)})
    held = [each for party in parties for each in lately_held(view, party)]
    rules = shown(view, "rules", limit="200")
    return view.page(
        "watch.html", status=status, script="watch", alert=alert, offered=offered, held=held, rules=len(rules), refused=refused,
        reasons=REASONS, may=view.role == ROLE, **queue,
    )  # fmt: skip


class Offered(msgspec.Struct, frozen=True):
    """One partner with whom an alert may be shared, or why not: what would be said, and what that partner would see."""

    party: str
    tried: Tried | None
    column: Column | None
    refused: str

    @property
    def may(self) -> bool:
        """Whether a click would let the partner know."""
        return self.column is not None and self.column.permit


def _offered(view: View, alert: dict[str, Any]) -> Iterator[Offered]:
    """Yield for each partner what sharing an open alert would say; none for one that is closed."""
    if alert["state"] not in ("raised", "acknowledged") or view.session is None:
        return
    world = view.office.node.core.world
    for party in sorted({partner.party for partner in reads.partners(view.node)}):
        asked = ops.ShareAlertAsked(alert=alert["alert"], partner=party)
        actor = f"officer:{view.session.officer}:{ROLE}"  # what a watch officer would say, whoever looks
        try:
            drafts = view.office.node.core.operating.rehearse(
                fx.Operate(DOMAIN, "share-alert", asked, actor), view.now_ms, view.node.store
            )
            draft = next(each for each in drafts if each.type == OPENED)
            made = tried(view, rehearsed(world, draft, view.now_ms))
        except KizunaError as error:
            yield Offered(party, None, None, str(error))
            continue
        yield Offered(party, made, next((each for each in made.columns if each.party == party), None), "")


def lately_held(view: View, party: str) -> Sequence[Held]:
    """Return the newest record for each clause or rule that lately held one of ours back from a party, clauses first."""
    rows = view.node.store.query(
        "SELECT r.id, r.type, e.header FROM (SELECT id, type, seq FROM record WHERE own = 1 ORDER BY seq DESC LIMIT ?) r"
        " JOIN journal_entry e ON e.seq = r.seq ORDER BY r.seq DESC",
        (_LOOKED_AT,),
    )
    found: dict[str, Held] = {}
    for record_id, type_, header in rows:
        if b'"held"' not in bytes(header):
            continue
        for to, reason, _ in msgspec.json.decode(bytes(header))["meta"].get("held", ()):
            if to == party and reason not in found and view.sight.record(record_id):
                clause = clause_named(view, reason.removeprefix(_CLAUSE)) if reason.startswith(_CLAUSE) else None
                found[reason] = Held(record_id, type_, party, reason, clause)
    return sorted(found.values(), key=lambda each: each.clause is None)[:_HELD_SHOWN]
