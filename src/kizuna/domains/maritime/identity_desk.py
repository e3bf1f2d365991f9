"""What officers do with identities, and what they are shown of them: link, undo, see a vessel with its links, see what could be linked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from kizuna.domains.maritime import identity
from kizuna.domains.maritime.identity import Link, Suggestion
from kizuna.domains.maritime.queries import statics
from kizuna.domains.maritime.records import (
    IDENTITY,
    IDENTITY_LINKED,
    IDENTITY_UNLINKED,
    IdentityLinked,
    IdentityUnlinked,
)
from kizuna.errors import RefusedError
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Query, Statement, Wanted

if TYPE_CHECKING:
    from kizuna.kernel.journal import Db

LINKERS = frozenset({"watch", "liaison"})
_MOST = 1000
_HELD = (
    "SELECT record_id, identity_a, identity_b, basis, manual, party, actor, at_ms FROM maritime_link l WHERE exercise = ''"
    " AND identity_a IS NOT NULL AND identity_b IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM maritime_unlink u WHERE u.link = l.record_id AND u.exercise = '' AND (u.own = 1 OR u.party = l.party))"
)
"""Links that nobody undid who may: their issuer for everybody, this party for itself."""


class LinkAsked(Asked, frozen=True):
    """Say that two identities are one vessel's."""

    identity_a: Annotated[
        str, Meta(pattern=IDENTITY, description="An identity, like `mmsi:419000001` or `imo:9074729`.")
    ]
    identity_b: Annotated[str, Meta(pattern=IDENTITY, description="The other identity.")]
    basis: Annotated[str, Meta(description="Why; whoever sees the link reads it.", min_length=1, max_length=2000)]


class UnlinkAsked(Asked, frozen=True):
    """Undo a link."""

    link: Annotated[str, Meta(description="The link's record id, or its beginning.", min_length=8)]
    reason: Annotated[str, Meta(description="Why it is held no more.", min_length=1, max_length=2000)]


class VesselWanted(Wanted, frozen=True):
    """Which vessel."""

    identity: Annotated[str, Meta(pattern=IDENTITY, description="One of its identities, like `mmsi:419000001`.")]


class SuggestionsWanted(Wanted, frozen=True):
    """Which suggestions."""

    limit: Annotated[int, Meta(description="At most so many.", ge=1, le=_MOST)] = 100


class VesselShown(msgspec.Struct, frozen=True):
    """A vessel: its identities, who linked them and why, and the flags that its numbers claim."""

    identities: tuple[str, ...]
    flags: tuple[str, ...]
    links: tuple[Link, ...]


def held_links(db: Db) -> list[Link]:
    """Return the links that are held, by time."""
    rows = db.execute(_HELD + " ORDER BY at_ms, record_id")
    return [
        Link(record_id, a, b, basis, bool(manual), party, actor, at_ms)
        for record_id, a, b, basis, manual, party, actor, at_ms in rows
    ]


def link(desk: Desk, asked: LinkAsked) -> Outcome:
    """Say that two identities are one vessel's.

    Raises:
        RefusedError: an IMO number's check digit is wrong, the two are one identity, or they are linked already.
    """
    for each in (asked.identity_a, asked.identity_b):
        kind, _, value = each.partition(":")
        if kind == "imo" and not identity.imo_is_right(int(value)):
            raise RefusedError(f"`{each}` is no IMO number: its last digit does not follow from the others")
    a, b = sorted((asked.identity_a, asked.identity_b))
    if a == b:
        raise RefusedError(f"`{a}` is itself already: name two identities")
    if b in identity.vessel_of(a, held_links(desk.db))[0]:
        raise RefusedError(f"`{a}` and `{b}` are one vessel already: see `vessel-identities`")
    manual = desk.actor.startswith("officer:")
    body = IdentityLinked(identity_a=a, identity_b=b, basis=asked.basis, manual=manual)
    return Outcome((Statement(type=IDENTITY_LINKED, body=body, subject=f"vessel:{a}"),))


def unlink(desk: Desk, asked: UnlinkAsked) -> Outcome:
    """Undo a link; the identities behind it are separate vessels again, unless other links join them.

    Raises:
        RefusedError: no link that is held, or several, begin so.
    """
    found = [each for each in held_links(desk.db) if each.record_id.startswith(asked.link)]
    if len(found) != 1:
        raise RefusedError(
            f"`{asked.link}` names `{len(found)}` links that are held: give more of one link's record id"
        )
    body = IdentityUnlinked(link=found[0].record_id, reason=asked.reason)
    statement = Statement(
        type=IDENTITY_UNLINKED, body=body, subject=f"vessel:{found[0].identity_a}", after=(found[0].record_id,)
    )
    return Outcome((statement,))


def vessel(desk: Desk, wanted: VesselWanted) -> VesselShown:
    """Return the vessel that an identity belongs to."""
    identities, links = identity.vessel_of(wanted.identity, held_links(desk.db))
    numbers = [int(each[5:]) for each in identities if each.startswith("mmsi:")]
    flags = {flag for flag in map(identity.flag_of, numbers) if flag is not None}
    return VesselShown(tuple(sorted(identities)), tuple(sorted(flags)), links)


def suggested(desk: Desk, wanted: SuggestionsWanted) -> list[Suggestion]:
    """Return what the static data suggest and no link says yet."""
    links = held_links(desk.db)
    reports = [report for _, _, simulated, report in statics(desk.db) if not simulated]
    found = [
        each
        for each in identity.suggestions(reports)
        if each.identity_b not in identity.vessel_of(each.identity_a, links)[0]
    ]
    return found[: wanted.limit]


OPERATIONS = (
    Operation(
        name="link-identities",
        text="Say that two identities are one vessel's.",
        asks=LinkAsked,
        run=link,
        roles=LINKERS,
    ),
    Operation(
        name="unlink-identities", text="Undo a link between identities.", asks=UnlinkAsked, run=unlink, roles=LINKERS
    ),
)
QUERIES = (
    Query(
        name="vessel-identities", text="A vessel's identities, who linked them and why.", asks=VesselWanted, run=vessel
    ),
    Query(
        name="identity-suggestions",
        text="Identities that static data join and no link does.",
        asks=SuggestionsWanted,
        run=suggested,
    ),
)
