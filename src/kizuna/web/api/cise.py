"""The routes of the adaptor to EU CISE: it hands in messages and is answered in that network's words, and fetches what is to be pushed.

Each call carries the token of the officer for whom a plug of kind `cise` stands. The adaptor itself, and its mutual TLS with that network, is a
program of its own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import structlog
from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError, RecordError
from kizuna.formats import cise
from kizuna.node.effects import Say
from kizuna.node.plugs.cise_edge import CiseEdge
from kizuna.node.plugs.plugging import Plugging
from kizuna.node.plugs.showing import Showing
from kizuna.web import access
from kizuna.web.access import EVERYONE, OfficeDependency
from kizuna.web.api.ogc import plug_of
from kizuna.web.bodies import Call, described_bytes, read_bytes

PATH = "/cise"
XML = "application/xml"
_SERVICE = re.compile(r"[A-Za-z0-9._-]{1,120}").fullmatch
_log = structlog.get_logger("kizuna.cise")


def cise_routes(plugging: Plugging, showing: Showing, edge: CiseEdge) -> Sequence[ControllerRouterHandler]:
    """Return the routes over a node's edge."""

    @post(f"{PATH}/messages", opt=access.opt(EVERYONE), operation_class=described_bytes(), status_code=200)
    async def messages(office: OfficeDependency, request: Call) -> Response[bytes]:
        """Take in a signed CISE message; the answer is a signed acknowledgement, or the response to a pull."""
        plug = plug_of(plugging, "cise", request)
        data = await read_bytes(request, cise.MAX_BYTES)
        now_ms = office.clock.now_ms()
        taken = await asyncio.to_thread(edge.take, data, plug, showing, now_ms)
        answer = taken.answer
        if taken.drafts:
            try:
                await asyncio.wrap_future(office.node.runner.do(Say(taken.drafts)))
            except KizunaError as error:
                _log.error("message not kept", error=type(error).__name__)
                answer = edge.failed(taken, now_ms)
        return Response(answer, media_type=XML)

    @get(f"{PATH}/push", opt=access.opt(EVERYONE), sync_to_thread=True)
    def push(office: OfficeDependency, request: Call, recipient: FromQuery[str]) -> Response[bytes]:
        """Return a signed push of vessels to a service, for the adaptor to carry."""
        plug = plug_of(plugging, "cise", request)
        if not _SERVICE(recipient):
            raise RecordError("`recipient` is no service id")
        return Response(edge.push(plug, showing, recipient, office.clock.now_ms()), media_type=XML)

    return [messages, push]
