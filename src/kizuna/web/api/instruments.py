"""Routes by which officers change what agreements this node holds: a version loaded, our party's signature, suspension, resumption, termination.

The party's root key never comes here: what is signed with it arrives as an envelope. Reading agreements stands with the release.
"""

from __future__ import annotations

import asyncio

import msgspec
from litestar import MediaType, post
from litestar.params import FromPath

from kizuna.errors import RecordError
from kizuna.kernel import canonical, instrument_check, sign
from kizuna.kernel.instrument import Instrument, version_of
from kizuna.node import effects as fx
from kizuna.node.acts import agreeing
from kizuna.node.channel import treaties
from kizuna.web import access, bodies
from kizuna.web.access import Office, OfficeDependency, caller
from kizuna.web.api.release import stated
from kizuna.web.bodies import Asked, Call
from kizuna.web.errors import NotHeldError

_LOADERS = access.CARRIERS | {"desk"}
MAX_INSTRUMENT_BYTES = 4 << 20


class SignAsked(Asked, frozen=True):
    """Which version, and the envelope that our party's root signed, as canonical JSON."""

    envelope: str
    version: str


class StatusAsked(Asked, frozen=True):
    """`suspend`, `resume` (with the record id of our suspension that it lifts) or `terminate`, and why."""

    act: str
    reason: str = ""
    lifts: str = ""


class ScopeAsked(Asked, frozen=True):
    """Which of the instrument's scopes opens, and from when to when, milliseconds UTC."""

    from_ms: int
    name: str
    to_ms: int


class CloseAsked(Asked, frozen=True):
    """The record by which our party opened a scope."""

    closes: str


class Loaded(msgspec.Struct, frozen=True):
    """The version that is held now: the SHA-256 of its canonical bytes, hex."""

    version: str


class SaidOf(msgspec.Struct, frozen=True):
    """The record by which our party said so."""

    record: str


@post(
    "/api/v1/instruments", opt=access.opt(_LOADERS), status_code=200, media_type=MediaType.JSON,
    operation_class=bodies.described_bytes(),
)  # fmt: skip
async def load(office: OfficeDependency, request: Call) -> Loaded:
    """Keep an instrument version, sent as its canonical bytes; it counts once all its parties have signed it."""
    data = await bodies.read_bytes(request, MAX_INSTRUMENT_BYTES)
    made = canonical.decode(data, type=Instrument)
    instrument_check.check(made)
    version = version_of(made)
    if all(version_of(held) != version for held in await _held(office, request, made.id)):
        await asyncio.wrap_future(office.node.runner.do(fx.LoadInstrument(data, caller(request).actor)))
    return Loaded(version)


@post(
    "/api/v1/instruments/{name:str}/sign", opt=access.opt(_LOADERS), status_code=200,
    operation_class=bodies.described(SignAsked),
)  # fmt: skip
async def sign_version(office: OfficeDependency, request: Call, name: FromPath[str]) -> SaidOf:
    """Say that our party signs a version, by an envelope made offline with its root key."""
    asked = await bodies.read(request, SignAsked)
    held = [made for made in await _held(office, request, name) if version_of(made) == asked.version]
    if not held:
        raise NotHeldError("no such version is held")
    identity = office.node.identity
    envelope = sign.read_envelope(asked.envelope.encode())
    draft = agreeing.signed(held[0], envelope, identity.root_public, identity.party, caller(request).actor)
    return await _say(office, draft)


@post(
    "/api/v1/instruments/{name:str}/status", opt=access.opt(_LOADERS), status_code=200,
    operation_class=bodies.described(StatusAsked),
)  # fmt: skip
async def change_status(office: OfficeDependency, request: Call, name: FromPath[str]) -> SaidOf:
    """Suspend, resume or terminate an instrument for our party: at once here, at the partner's when it arrives."""
    asked = await bodies.read(request, StatusAsked)
    reason = "" if asked.act == "resume" else stated(asked.reason)
    if asked.act == "resume" and not asked.lifts:
        raise RecordError("name the suspension that is lifted in `lifts`")
    held = await _newest(office, request, name)
    party, actor = office.node.identity.party, caller(request).actor
    return await _say(office, agreeing.status(held, asked.act, party, actor, reason=reason, lifts=asked.lifts))


@post(
    "/api/v1/instruments/{name:str}/scopes", opt=access.opt(_LOADERS), status_code=200,
    operation_class=bodies.described(ScopeAsked),
)  # fmt: skip
async def open_scope(office: OfficeDependency, request: Call, name: FromPath[str]) -> SaidOf:
    """Open a scope for our party; it counts once the other parties have opened it alike."""
    asked = await bodies.read(request, ScopeAsked)
    held = await _newest(office, request, name)
    party, actor = office.node.identity.party, caller(request).actor
    return await _say(office, agreeing.scope_opened(held, asked.name, asked.from_ms, asked.to_ms, party, actor))


@post(
    "/api/v1/instruments/{name:str}/scopes/close", opt=access.opt(_LOADERS), status_code=200,
    operation_class=bodies.described(CloseAsked),
)  # fmt: skip
async def close_scope(office: OfficeDependency, request: Call, name: FromPath[str]) -> SaidOf:
    """Close a scope that our party opened, before its time."""
    asked = await bodies.read(request, CloseAsked)
    held = await _newest(office, request, name)
    return await _say(
        office, agreeing.scope_closed(held, asked.closes, office.node.identity.party, caller(request).actor)
    )


async def _held(office: Office, request: Call, name: str) -> list[Instrument]:
    held = await asyncio.to_thread(treaties.instruments, access.node_of(office, request).store)
    return [made for made in held if made.id == name]


async def _newest(office: Office, request: Call, name: str) -> Instrument:
    held = await _held(office, request, name)
    if not held:
        raise NotHeldError("no such instrument is held")
    return held[-1]


async def _say(office: Office, draft: fx.Draft) -> SaidOf:
    said = await asyncio.wrap_future(office.node.runner.do(fx.Say((draft,))))
    return SaidOf(said[0].record_id)


INSTRUMENT_ROUTES = (load, sign_version, change_status, open_scope, close_scope)
