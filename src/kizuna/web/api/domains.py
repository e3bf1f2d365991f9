"""The routes of every domain, made from what it offers: an operation is a `POST`, a query a `GET` under the domain's name.

What a request may hold is the operation's own struct; roles are the operation's; nothing here knows a domain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from kizuna.kernel.domain import Domain, tellers
from kizuna.kernel.operation import Document, Operation, Query
from kizuna.node import effects as fx
from kizuna.node import offering
from kizuna.web import access, bodies
from kizuna.web.access import EVERYONE, Office, OfficeDependency, caller, second_officer
from kizuna.web.bodies import Call
from kizuna.web.books import RunningNode

PREFIX = "/api/v1"


class SaidShown(msgspec.Struct, frozen=True):
    """One record that was said: the channels that it waits for, and the parties from which it is withheld with the reason."""

    record: str
    due: tuple[str, ...]
    withheld: tuple[tuple[str, str], ...]


class DoneShown(msgspec.Struct, frozen=True):
    """What an operation said, and what else it tells."""

    said: tuple[SaidShown, ...]
    told: dict[str, Any]


def domain_routes(domains: Sequence[Domain]) -> tuple[ControllerRouterHandler, ...]:
    """Return the routes of all that domains offer."""
    routes: list[ControllerRouterHandler] = []
    for domain in domains:
        routes += [_operation(domain, operation) for operation in domain.operations]
        routes += [_query(domain, query) for query in domain.queries]
    return tuple(routes)


def _operation(domain: Domain, operation: Operation) -> ControllerRouterHandler:
    @post(
        f"{PREFIX}/{domain.name}/{operation.name}", opt=access.opt(operation.roles), status_code=200,
        operation_class=bodies.described(operation.asks), operation_id=f"{domain.name}.{operation.name}",
        summary=operation.text, tags=[domain.name],
    )  # fmt: skip
    async def run(office: OfficeDependency, request: Call) -> DoneShown:
        asked = await bodies.read(request, operation.asks)
        second = second_officer(office, request, operation.roles)
        command = fx.Operate(
            domain.name, operation.name, asked, caller(request).actor, second.actor if second is not None else ""
        )
        await asyncio.to_thread(_rehearse, office, request, command)
        done: fx.Done = await asyncio.wrap_future(office.node.runner.do(command))
        return DoneShown(tuple(SaidShown(each.record_id, each.due, each.held) for each in done.said), done.told)

    return run


def _rehearse(office: Office, request: Call, command: fx.Operate) -> None:
    office.books.rehearse(access.node_of(office, request), command, office.clock.now_ms())


def _query(domain: Domain, query: Query) -> ControllerRouterHandler:
    @get(
        f"{PREFIX}/{domain.name}/{query.name}", opt=access.opt(query.roles or EVERYONE), sync_to_thread=True,
        operation_id=f"{domain.name}.{query.name}", summary=query.text, tags=[domain.name],
        operation_class=bodies.described_query(query.asks),
    )  # fmt: skip
    def run(office: OfficeDependency, request: Call) -> Response[Any]:
        wanted = offering.wanted(query, request.query_params.multi_items())
        found = _asked(office, access.node_of(office, request), query, wanted, caller(request).actor)
        if isinstance(found, Document):
            return Response(found.data, media_type=found.media_type, headers=bodies.attachment(found.name))
        return Response(msgspec.to_builtins(found))

    return run


def _asked(office: Office, node: RunningNode, query: Query, wanted: Any, actor: str) -> Any:
    world = node.core.world
    return offering.ask(
        node.store, query, wanted, offering.Asker(
            now_ms=office.clock.now_ms(), party=node.identity.party, actor=actor, kinds=world.kinds,
            agreements=office.books.agreements(node), random=world.random, tellers=tellers(world.domains),
        ),
    )  # fmt: skip
