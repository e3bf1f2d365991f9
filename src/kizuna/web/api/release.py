"""Routes of the release: agreements, why a record may or may not go, what was withheld, and the officers' hand on the tap."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from litestar import get, post
from litestar.params import FromPath

from kizuna.errors import RecordError
from kizuna.kernel.explain import LANGUAGES
from kizuna.node import effects as fx
from kizuna.web import access, bodies, reads
from kizuna.web.access import LIAISONS, OFFICERS, OfficeDependency, caller, node_of
from kizuna.web.bodies import Asked, Call

_HALTERS = access.CARRIERS
_MOST_REASON = 500


class ExplainAsked(Asked, frozen=True):
    """Which held record, to which party; optionally for which purpose and in which language (`en`, `ja`, `hi`)."""

    recipient: str
    record_id: str
    language: str = "en"
    purpose: str = ""


class HaltAsked(Asked, frozen=True):
    """Stop all releases, or go on, and why."""

    on: bool
    reason: str


class BackfillAsked(Asked, frozen=True):
    """Which partner's node, and the half-open period in milliseconds UTC."""

    from_ms: int
    node: str
    to_ms: int


class ActAsked(Asked, frozen=True):
    """What to do with an own record at every holder: `retract`, `recall` or `destroy`, and why."""

    act: str
    reason: str


class Halted(msgspec.Struct, frozen=True):
    """Whether all releases are halted."""

    halted: bool


class Backfilled(msgspec.Struct, frozen=True):
    """The records that would go, or that were queued."""

    queued: bool
    records: tuple[str, ...]


class Acted(msgspec.Struct, frozen=True):
    """The channels whose readers are told."""

    channels: tuple[str, ...]


def stated(reason: str) -> str:
    """Return a reason that someone gave.

    Raises:
        RecordError: it is empty or too long.
    """
    text = reason.strip()
    if not text or len(text) > _MOST_REASON:
        raise RecordError(f"say the reason in 1 to {_MOST_REASON} characters: it is journalled")
    return text


@get("/api/v1/instruments", opt=access.opt(OFFICERS), sync_to_thread=True)
def instruments(office: OfficeDependency, request: Call) -> Sequence[reads.InstrumentState]:
    """Return the instrument versions that are held, and whether they count now."""
    return reads.instruments(office.books.agreements(node_of(office, request)), office.clock.now_ms())


@get("/api/v1/instruments/{name:str}", opt=access.opt(OFFICERS), sync_to_thread=True)
def instrument(office: OfficeDependency, request: Call, name: FromPath[str]) -> Sequence[reads.InstrumentShown]:
    """Return all held versions of one instrument, whole."""
    return reads.instrument(office.books.agreements(node_of(office, request)), name, office.clock.now_ms())


@get("/api/v1/records/{record_id:str}", opt=access.opt(OFFICERS), sync_to_thread=True)
def record(office: OfficeDependency, request: Call, record_id: FromPath[str]) -> reads.RecordShown:
    """Return a record: its header, the facts disclosed to this node, and where it was released."""
    found = reads.record_shown(node_of(office, request), record_id)
    office.reading.note(caller(request).actor, [record_id], office.clock.now_ms())
    return found


@post(
    "/api/v1/records/{record_id:str}/act",
    opt=access.opt(LIAISONS),
    status_code=200,
    operation_class=bodies.described(ActAsked),
)
async def act(office: OfficeDependency, request: Call, record_id: FromPath[str]) -> Acted:
    """Retract, recall or destroy an own record at every holder."""
    asked = await bodies.read(request, ActAsked)
    await asyncio.to_thread(access.check_held, office, request, record_id)
    command = fx.Act(record_id, asked.act, stated(asked.reason), caller(request).actor)
    return Acted(await asyncio.wrap_future(office.node.runner.do(command)))


@get("/api/v1/withheld", opt=access.opt(LIAISONS | {"desk", "watch"}), sync_to_thread=True)
def withheld(office: OfficeDependency, request: Call) -> Sequence[reads.Withheld]:
    """Return what was withheld, counted by party, record type, grade and reason."""
    with node_of(office, request).store.view() as db:
        return reads.withheld(db)


@post(
    "/api/v1/release/explain",
    opt=access.opt(OFFICERS),
    status_code=200,
    operation_class=bodies.described(ExplainAsked),
)
async def explain(office: OfficeDependency, request: Call) -> reads.Explained:
    """Say in words whether a held record may go to a party now, under which clause, and what it would show."""
    asked = await bodies.read(request, ExplainAsked)
    if asked.language not in LANGUAGES:
        raise RecordError(f"language `{asked.language[:20]}` is not one of `{'`, `'.join(LANGUAGES)}`")
    return await asyncio.to_thread(
        reads.explained,
        await asyncio.to_thread(node_of, office, request),
        asked.record_id,
        asked.recipient,
        office.clock.now_ms(),
        asked.language,
        asked.purpose,
    )


@post("/api/v1/release/halt", opt=access.opt(_HALTERS), status_code=200, operation_class=bodies.described(HaltAsked))
async def halt(office: OfficeDependency, request: Call) -> Halted:
    """Stop every release at once, or go on."""
    asked = await bodies.read(request, HaltAsked)
    command = fx.Halt(asked.on, caller(request).actor, stated(asked.reason))
    return Halted(await asyncio.wrap_future(office.node.runner.do(command)))


@post(
    "/api/v1/release/backfill",
    opt=access.opt(LIAISONS),
    status_code=200,
    operation_class=bodies.described(BackfillAsked),
)
async def backfill(office: OfficeDependency, request: Call) -> Backfilled:
    """Show which records of a past period would go to a partner; with a second person's token in `kizuna-second-officer`, queue them."""
    asked = await bodies.read(request, BackfillAsked)
    second = access.second_officer(office, request, LIAISONS)
    command = fx.Backfill(
        asked.node, asked.from_ms, asked.to_ms, caller(request).actor, second.actor if second is not None else ""
    )
    return Backfilled(second is not None, await asyncio.wrap_future(office.node.runner.do(command)))


RELEASE_ROUTES = (instruments, instrument, record, act, withheld, explain, halt, backfill)
