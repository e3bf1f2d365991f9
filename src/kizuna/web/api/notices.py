"""Routes of what officers say about records that are out already: consents, relabels, successors, and the cards of parties without a channel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from litestar import get, post
from litestar.params import FromPath

from kizuna.errors import RefusedError
from kizuna.kernel import keys
from kizuna.kernel.lifecycle import ConsentGranted
from kizuna.node import effects as fx
from kizuna.web import access, bodies
from kizuna.web.access import KEEPERS, LIAISONS, OfficeDependency, caller
from kizuna.web.api.partners import EnrolAsked, Enrolled, plain
from kizuna.web.api.release import stated
from kizuna.web.bodies import Asked, Call


class ConsentAsked(Asked, frozen=True, kw_only=True):
    """Who may pass what on to whom: records by id, or one type with a half-open period in milliseconds UTC."""

    expires_ms: int
    fields: tuple[str, ...]
    purpose: str
    recipient: str
    relay: str
    from_ms: int | None = None
    record_type: str | None = None
    records: tuple[str, ...] = ()
    single_use: bool = False
    to_ms: int | None = None


class RevokeAsked(Asked, frozen=True):
    """Why a consent is taken back."""

    reason: str


class RelabelAsked(Asked, frozen=True, kw_only=True):
    """What of a record's label changes, and why; what is left out stays as it is, an empty `review_by` takes the date away."""

    reason: str
    caveats: dict[str, tuple[str, ...]] | None = None
    grades: dict[str, int] | None = None
    purposes: tuple[str, ...] | None = None
    releasable_to: tuple[str, ...] | None = None
    review_by: str | None = None


class SupersedeAsked(Asked, frozen=True):
    """Which own record corrects this one, and why."""

    reason: str
    successor: str


class Noticed(msgspec.Struct, frozen=True):
    """The id of the notice that was signed."""

    id: str


class ConsentShown(msgspec.Struct, frozen=True):
    """A consent that stands: who lets whom pass what on to whom, and whether its single use is spent."""

    expires_ms: int
    fields: tuple[str, ...]
    from_ms: int
    id: str
    originator: str
    purpose: str
    recipient: str
    record_type: str
    records: tuple[str, ...]
    relay: str
    single_use: bool
    to_ms: int


async def _told(office: access.Office, command: fx.Command) -> Noticed:
    return Noticed(await asyncio.wrap_future(office.node.runner.do(command)))


@get("/api/v1/consents", opt=access.opt(LIAISONS), sync_to_thread=True)
def consents(office: OfficeDependency, request: Call) -> Sequence[ConsentShown]:
    """Return the consents that stand here, ours and those that others gave."""
    held = {record for (record,) in access.node_of(office, request).store.query("SELECT record_id FROM notice")}
    return [
        ConsentShown(
            expires_ms=one.expires_ms,
            fields=tuple(sorted(one.fields)),
            from_ms=one.from_ms,
            id=one.id,
            originator=one.originator,
            purpose=one.purpose,
            recipient=one.recipient,
            record_type=one.record_type,
            records=tuple(sorted(one.records)),
            relay=one.relay,
            single_use=one.single_use,
            to_ms=one.to_ms,
        )
        for one in office.node.core.world.ledger.consents
        if one.id in held
    ]


@post("/api/v1/consents", opt=access.opt(LIAISONS), operation_class=bodies.described(ConsentAsked))
async def grant(office: OfficeDependency, request: Call) -> Noticed:
    """Let one party pass our records on to another; the originator's word, signed."""
    asked = await bodies.read(request, ConsentAsked)
    terms = ConsentGranted(**msgspec.structs.asdict(asked))
    return await _told(office, fx.GrantConsent(terms, caller(request).actor))


@post(
    "/api/v1/consents/{consent:str}/revoke", opt=access.opt(LIAISONS), status_code=200,
    operation_class=bodies.described(RevokeAsked),
)  # fmt: skip
async def revoke(office: OfficeDependency, request: Call, consent: FromPath[str]) -> Noticed:
    """Take a consent of ours back."""
    asked = await bodies.read(request, RevokeAsked)
    return await _told(office, fx.RevokeConsent(consent, stated(asked.reason), caller(request).actor))


@post(
    "/api/v1/records/{record_id:str}/relabel", opt=access.opt(LIAISONS), status_code=200,
    operation_class=bodies.described(RelabelAsked),
)  # fmt: skip
async def relabel(office: OfficeDependency, request: Call, record_id: FromPath[str]) -> Noticed:
    """Change the label of an own record; takes a second person's token in `kizuna-second-officer`."""
    asked = await bodies.read(request, RelabelAsked)
    await asyncio.to_thread(access.check_held, office, request, record_id)
    second = access.second_officer(office, request, LIAISONS)
    command = fx.Relabel(
        record_id,
        stated(asked.reason),
        caller(request).actor,
        second.actor if second is not None else "",
        grades=asked.grades,
        releasable_to=asked.releasable_to,
        purposes=asked.purposes,
        caveats=asked.caveats,
        review_by=asked.review_by,
    )
    return await _told(office, command)


@post(
    "/api/v1/records/{record_id:str}/supersede", opt=access.opt(LIAISONS), status_code=200,
    operation_class=bodies.described(SupersedeAsked),
)  # fmt: skip
async def supersede(office: OfficeDependency, request: Call, record_id: FromPath[str]) -> Noticed:
    """Say that an own record is corrected by another; a holder that may not have that one is told only that this one is retracted."""
    asked = await bodies.read(request, SupersedeAsked)
    await asyncio.to_thread(access.check_held, office, request, record_id)
    command = fx.Supersede(record_id, asked.successor, stated(asked.reason), caller(request).actor)
    return await _told(office, command)


@post("/api/v1/introduced", opt=access.opt(KEEPERS), operation_class=bodies.described(EnrolAsked))
async def introduce(office: OfficeDependency, request: Call) -> Enrolled:
    """Pin the card of a party that no channel runs to, so that its signature counts when a relay brings it; its fingerprint was read out by voice."""
    asked = await bodies.read(request, EnrolAsked)
    card = asked.card.strip().encode()
    keys.read_card(card)
    if plain(asked.fingerprint) != plain(keys.fingerprint(card)):
        raise RefusedError("the fingerprint is not this card's: compare it again by voice, it may have been swapped")
    return Enrolled(await asyncio.wrap_future(office.node.runner.do(fx.Introduce(card, caller(request).actor))))


NOTICE_ROUTES = (consents, grant, revoke, relabel, supersede, introduce)
