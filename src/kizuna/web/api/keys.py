"""Routes that change the node's own keys: by two persons, from what the party's root has signed on a machine of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
from litestar import post
from litestar.types import ControllerRouterHandler

from kizuna.errors import RefusedError
from kizuna.kernel import canonical
from kizuna.node import effects as fx
from kizuna.node.keys import renewal
from kizuna.web import access, bodies
from kizuna.web.access import KEEPERS, Office, OfficeDependency, caller
from kizuna.web.bodies import Asked, Call


class SignedAsked(Asked, frozen=True):
    """What `kizuna keys sign` made, as the text of its file."""

    signed: str


class KeysChanged(msgspec.Struct, frozen=True):
    """The version that is now in use, or that was revoked."""

    version: int


def key_routes(folder: Path) -> Sequence[ControllerRouterHandler]:
    """Return the routes for a node whose keys lie in this folder."""

    @post(
        "/api/v1/keys/rotate", opt=access.opt(KEEPERS), status_code=200, operation_class=bodies.described(SignedAsked)
    )
    async def rotate(office: OfficeDependency, request: Call) -> KeysChanged:
        """Turn to the keys that the party's root has signed; a second person's token stands in `kizuna-second-officer`."""
        signed, second = await _asked(office, request)
        identity = await asyncio.to_thread(renewal.install, folder, office.node.core.world.identity, signed)
        command = fx.Rotate(identity, caller(request).actor, second)
        return KeysChanged(await asyncio.wrap_future(office.node.runner.do(command)))

    @post(
        "/api/v1/keys/revoke", opt=access.opt(KEEPERS), status_code=200, operation_class=bodies.described(SignedAsked)
    )
    async def revoke(office: OfficeDependency, request: Call) -> KeysChanged:
        """Tell every partner that former keys sign no more; a second person's token stands in `kizuna-second-officer`."""
        signed, second = await _asked(office, request)
        envelopes = tuple(canonical.encode(each) for each in signed.revocations)
        command = fx.Revoke(envelopes, caller(request).actor, second)
        return KeysChanged(await asyncio.wrap_future(office.node.runner.do(command)))

    return (rotate, revoke)


async def _asked(office: Office, request: Call) -> tuple[renewal.Signed, str]:
    asked = await bodies.read(request, SignedAsked)
    second = access.second_officer(office, request, KEEPERS)
    if second is None:
        raise RefusedError("keys change by two persons: the second one's token is missing")
    return renewal.read_signed(asked.signed.strip().encode()), second.actor
