"""The users' API: reads and operations for officers and for the programs that they connect.

Each call carries a token bound to an officer in a role (`kizuna.web.access`); what it does goes to the core as a command and is answered when it
is durable. The routes of the release and of partners stand in files of their own; the maritime picture adds its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Litestar, Response, Router, get
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromQuery
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

import kizuna
from kizuna.node.metrics import CONTENT_TYPE
from kizuna.web import access, reads
from kizuna.web.access import EVERYONE, OFFICERS, Office, OfficeDependency
from kizuna.web.api.notices import NOTICE_ROUTES
from kizuna.web.api.partners import PARTNER_ROUTES
from kizuna.web.api.release import RELEASE_ROUTES
from kizuna.web.api.search import search
from kizuna.web.bodies import Call
from kizuna.web.errors import HANDLERS
from kizuna.web.stream import Seen, as_seen, event

MAX_BODY_BYTES = 256 << 20
"""The most that any route takes: a bundle."""
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Alive(msgspec.Struct, frozen=True):
    """Whether the node runs."""

    ok: bool


@get("/api/v1/health", opt=access.opt(access.OPEN), sync_to_thread=False)
def health(office: OfficeDependency) -> Response[Alive]:
    """Say whether the core runs: 200, or 503 when it has stopped. Takes no token and tells nothing else."""
    ok = office.node.runner.fault is None
    return Response(Alive(ok), status_code=200 if ok else 503)


@get("/metrics", opt=access.opt(access.LOOPBACK), sync_to_thread=True, media_type=CONTENT_TYPE)
def metrics(office: OfficeDependency, request: Call) -> bytes:
    """Return the node's figures in Prometheus' text format. Takes no token from this machine, else one of an officer who may see all that is held."""
    access.check_sees_all(office, request)
    return office.metrics.text()


@get("/api/v1/status", opt=access.opt(EVERYONE), sync_to_thread=True)
def status(office: OfficeDependency, request: Call) -> reads.Status:
    """Return how the node is: journal, partners, channels, what is withheld, clock, certificate, disk, and warnings."""
    return reads.status(access.node_of(office, request), office.health())


@get("/api/v1/alerts", opt=access.opt(OFFICERS), sync_to_thread=True)
def alerts(
    office: OfficeDependency, request: Call, before_seq: FromQuery[int] = 1 << 53, limit: FromQuery[int] = 100
) -> Sequence[reads.Alert]:
    """Return alerts, newest first; `before_seq` pages back."""
    with access.node_of(office, request).store.view() as db:
        return reads.alerts(db, before_seq, limit)


@get("/api/v1/stream", opt=access.opt(EVERYONE))
async def stream(office: OfficeDependency, request: Call) -> Stream:
    """Follow the journal as server-sent events: `head` first, then `committed` with the count of each entry kind; `dropped` when too slow."""
    seen = Seen(lambda: access.node_of(office, request).store)
    head = await asyncio.to_thread(seen.head)
    events = office.hub.listen(event("head", {"seq": head}))
    return Stream(as_seen(events, seen), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@get("/api/openapi.json", opt=access.opt(access.OPEN), include_in_schema=False, sync_to_thread=False)
def openapi(request: Call) -> dict[str, Any]:
    """Return the OpenAPI document of this interface."""
    return request.app.openapi_schema.to_schema()


def make_app(office: Office, extra: Sequence[ControllerRouterHandler] = ()) -> Litestar:
    """Return the application; `extra` are routes that domains add."""

    def the_office() -> Office:
        return office

    return Litestar(
        route_handlers=[
            health,
            openapi,
            metrics,
            status,
            alerts,
            stream,
            search,
            *RELEASE_ROUTES,
            *PARTNER_ROUTES,
            *NOTICE_ROUTES,
            *extra,
        ],
        dependencies={"office": Provide(the_office, sync_to_thread=False)},
        guards=[access.guard(office)],
        exception_handlers=HANDLERS,
        response_headers=_HEADERS,
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Kizuna",
            version=kizuna.__version__,
            description="The users' interface of a Kizuna node.",
            # The library's own pages stay closed: they would fetch scripts from elsewhere.
            openapi_router=Router("/api/openapi", route_handlers=[], include_in_schema=False),
            render_plugins=[JsonRenderPlugin()],
            use_handler_docstrings=True,
        ),
    )
