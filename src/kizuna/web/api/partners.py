"""Routes of partners and channels: enrolment, bundles, and where each channel stands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from litestar import MediaType, Response, delete, get, post
from litestar.params import FromPath

from kizuna.errors import RefusedError
from kizuna.kernel import keys
from kizuna.node import effects as fx
from kizuna.web import access, bodies, reads
from kizuna.web.access import CARRIERS, KEEPERS, OFFICERS, OfficeDependency, caller
from kizuna.web.api.release import stated
from kizuna.web.bodies import Asked, Call
from kizuna.web.errors import NotHeldError

MAX_BUNDLE_BYTES = 256 << 20


class EnrolAsked(Asked, frozen=True):
    """A partner's card, as the text of its file, and its fingerprint as the partner has read it out."""

    card: str
    fingerprint: str


class Enrolled(msgspec.Struct, frozen=True):
    """The partner's node."""

    node: str


class ExportAsked(Asked, frozen=True):
    """Until when the partner may take the bundle in, milliseconds UTC."""

    not_after_ms: int


class ReopenAsked(Asked, frozen=True):
    """Which stopped channel may go on, and what security has found."""

    channel: str
    reason: str


class Reopened(msgspec.Struct, frozen=True):
    """The channel that goes on."""

    channel: str


class Imported(msgspec.Struct, frozen=True):
    """What a bundle brought."""

    known: int
    new: int
    node: str
    receipt: bool
    refused: int


@get("/api/v1/partners", opt=access.opt(OFFICERS), sync_to_thread=True)
def partners(office: OfficeDependency) -> Sequence[reads.PartnerState]:
    """Return the enrolled partners."""
    return reads.partners(office.node)


@post("/api/v1/partners", opt=access.opt(KEEPERS), operation_class=bodies.described(EnrolAsked))
async def enrol(office: OfficeDependency, request: Call) -> Enrolled:
    """Enrol a partner by its card; the fingerprint typed here must be the one that the partner read out."""
    asked = await bodies.read(request, EnrolAsked)
    card = asked.card.strip().encode()
    keys.read_card(card)
    if plain(asked.fingerprint) != plain(keys.fingerprint(card)):
        raise RefusedError(
            "the fingerprint is not this card's: compare it again by voice, the card may have been swapped"
        )
    return Enrolled(await asyncio.wrap_future(office.node.runner.do(fx.Enrol(card, caller(request).actor))))


def plain(fingerprint: str) -> str:
    """Return a fingerprint without the spaces and dashes that people put between its groups."""
    return "".join(fingerprint.lower().replace("-", " ").split())


@delete("/api/v1/partners/{party:str}/{name:str}", opt=access.opt(KEEPERS), status_code=200)
async def remove(office: OfficeDependency, request: Call, party: FromPath[str], name: FromPath[str]) -> Enrolled:
    """Close both channels with a partner; what was exchanged stays."""
    node = _enrolled(office, party, name)
    return Enrolled(await asyncio.wrap_future(office.node.runner.do(fx.RemovePartner(node, caller(request).actor))))


def _enrolled(office: access.Office, party: str, name: str) -> str:
    node = f"{party}/{name}"
    if node not in office.node.core.world.partners:
        raise NotHeldError("no such partner is enrolled")
    return node


@get("/api/v1/channels", opt=access.opt(OFFICERS), sync_to_thread=True)
def channels(office: OfficeDependency, request: Call) -> Sequence[reads.ChannelState]:
    """Return where both channels with each partner stand."""
    with access.node_of(office, request).store.view() as db:
        return reads.channels(db, office.clock.now_ms())


@post(
    "/api/v1/channels/{party:str}/{name:str}/export",
    opt=access.opt(CARRIERS),
    status_code=200,
    operation_class=bodies.described(ExportAsked),
)
async def export(office: OfficeDependency, request: Call, party: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Release what is due to a partner into a bundle file; this is the release, whether or not the file arrives."""
    asked = await bodies.read(request, ExportAsked)
    command = fx.ExportBundle(_enrolled(office, party, name), asked.not_after_ms, caller(request).actor)
    data: bytes = await asyncio.wrap_future(office.node.runner.do(command))
    headers = {"content-disposition": f'attachment; filename="{party}-{name}.kizuna"'}
    return Response(data, media_type="application/octet-stream", headers=headers)


@post(
    "/api/v1/channels/reopen", opt=access.opt(frozenset({"security"})), status_code=200,
    operation_class=bodies.described(ReopenAsked),
)  # fmt: skip
async def reopen(office: OfficeDependency, request: Call) -> Reopened:
    """Let a channel go on that a log fault has stopped, after security has looked into it."""
    asked = await bodies.read(request, ReopenAsked)
    command = fx.Reopen(asked.channel, caller(request).actor, stated(asked.reason))
    return Reopened(await asyncio.wrap_future(office.node.runner.do(command)))


@post(
    "/api/v1/bundles", opt=access.opt(CARRIERS), status_code=200, media_type=MediaType.JSON,
    operation_class=bodies.described_bytes(),
)  # fmt: skip
async def bundles(office: OfficeDependency, request: Call) -> Imported:
    """Take in a partner's bundle, sent as its bytes; twice or out of order does no harm."""
    data = await bodies.read_bytes(request, MAX_BUNDLE_BYTES)
    done: fx.Imported = await asyncio.wrap_future(office.node.runner.do(fx.ImportBundle(data, caller(request).actor)))
    return Imported(done.known, done.new, done.node, done.receipt, done.refused)


PARTNER_ROUTES = (partners, enrol, remove, channels, export, reopen, bundles)
