"""Events in the shape of Global Fishing Watch's API, over what a plug may have: programs written for that interface read this node.

Each call carries the token of the officer for whom a plug of kind `gfw` stands; every record is decided at the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from kizuna.formats import gfw_events as gfw
from kizuna.formats.gfw_events import Asked
from kizuna.formats.ogc_features import Ask
from kizuna.node.plugs.plugging import Plug, Plugging
from kizuna.node.plugs.showing import MOST_EVENTS, Showing
from kizuna.web import access
from kizuna.web.access import EVERYONE, OfficeDependency
from kizuna.web.api.ogc import answer, plug_of
from kizuna.web.bodies import MAX_BODY_BYTES, Call, described_bytes, read_bytes
from kizuna.web.errors import NotHeldError

PATH = "/gfw/v3/events"


def gfw_routes(plugging: Plugging, showing: Showing) -> Sequence[ControllerRouterHandler]:
    """Return the routes of the interface."""

    def found(plug: Plug, asked: Asked, now_ms: int) -> dict[str, object]:
        seen = showing.events(plug.gate, Ask(limit=MOST_EVENTS), now_ms, plug.count, asked.wants).found
        return gfw.listed([gfw.entry(each.id, each.facts, each.marking, each.told_by) for each in seen], asked)

    @get(PATH, opt=access.opt(EVERYONE))
    async def events(office: OfficeDependency, request: Call) -> Response[bytes]:
        """Return events in Global Fishing Watch's shape; `types[0]`, `vessels[0]`, `start-date`, `end-date`, `limit`, `offset`."""
        plug = plug_of(plugging, "gfw", request)
        asked = gfw.read_query([(str(key), str(value)) for key, value in request.query_params.multi_items()])
        return answer(await asyncio.to_thread(found, plug, asked, office.clock.now_ms()))

    @post(PATH, opt=access.opt(EVERYONE), operation_class=described_bytes(), status_code=200)
    async def search(office: OfficeDependency, request: Call) -> Response[bytes]:
        """Return events in Global Fishing Watch's shape that a posted query asks for."""
        plug = plug_of(plugging, "gfw", request)
        pairs = [(str(key), str(value)) for key, value in request.query_params.multi_items()]
        asked = gfw.read_body(await read_bytes(request, MAX_BODY_BYTES), pairs)
        return answer(await asyncio.to_thread(found, plug, asked, office.clock.now_ms()))

    @get(f"{PATH}/{{record_id:str}}", opt=access.opt(EVERYONE), sync_to_thread=True)
    def event(office: OfficeDependency, request: Call, record_id: FromPath[str]) -> Response[bytes]:
        """Return one event in Global Fishing Watch's shape."""
        plug = plug_of(plugging, "gfw", request)
        seen = showing.event(plug.gate, record_id, office.clock.now_ms(), plug.count)
        if seen is None or seen.facts.get("kind") not in gfw.KINDS:
            raise NotHeldError("there is no such event")
        return answer(gfw.entry(seen.id, seen.facts, seen.marking, seen.told_by))

    return [events, search, event]
