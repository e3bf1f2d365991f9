"""What parties say of exercises: series and editions as each of them states, and the steps by which an edition is agreed, held and reported.

What is not known is left out, never guessed. Dates are `YYYY-MM-DD`, `YYYY-MM`, `YYYY` or `unknown`, as precise as they are known.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from kizuna.kernel.record import WITHHELD, Body, Withheld

Domain = Literal["maritime", "land", "air", "space", "cyber"]
Service = Literal["navy", "army", "air-force", "coast-guard", "space-force", "cyber-force", "joint"]
Confidence = Literal["primary", "stated-in-source", "news", "derived", "unconfirmed"]
"""How well a fact is founded, the best first."""
StatedState = Literal["held", "planned", "cancelled"]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Ordinal = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class Force(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Units of one kind that a party brings: `count` of them, of one service and type."""

    party: str
    unit: str
    unit_type: str
    service: Service = "joint"
    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class SeriesStated(Body, frozen=True):
    """A series of exercises, as one party states it from its sources."""

    series: str | Withheld = WITHHELD
    name: str | Withheld = WITHHELD
    domains: tuple[Domain, ...] | Withheld = WITHHELD
    services: tuple[Service, ...] | Withheld = WITHHELD
    parties: tuple[str, ...] | Withheld = WITHHELD
    aliases: tuple[str, ...] | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class EditionStated(Body, frozen=True):
    """One edition as somebody states it: `asserted_by` says who, the issuer only passes it on with its sources.

    Several statements of one edition stand side by side; `preferred` marks the one that the issuer holds for best supported. `parties` take part,
    `observers` look on. `serials_*` count live serials: all, by night, with live fire, with aircraft landing on the other's deck.
    """

    edition: str | Withheld = WITHHELD
    series: str | Withheld = WITHHELD
    name: str | Withheld = WITHHELD
    ordinal: Ordinal | Withheld = WITHHELD
    state: StatedState | Withheld = WITHHELD
    starts_on: str | Withheld = WITHHELD
    ends_on: str | Withheld = WITHHELD
    place: str | Withheld = WITHHELD
    host: str | Withheld = WITHHELD
    parties: tuple[str, ...] | Withheld = WITHHELD
    observers: tuple[str, ...] | Withheld = WITHHELD
    domains: tuple[Domain, ...] | Withheld = WITHHELD
    services: tuple[Service, ...] | Withheld = WITHHELD
    warfare_areas: tuple[str, ...] | Withheld = WITHHELD
    forces: tuple[Force, ...] | Withheld = WITHHELD
    instrument: str | Withheld = WITHHELD
    serials_live: Count | Withheld = WITHHELD
    serials_night: Count | Withheld = WITHHELD
    serials_live_fire: Count | Withheld = WITHHELD
    serials_cross_deck: Count | Withheld = WITHHELD
    asserted_by: str | Withheld = WITHHELD
    preferred: bool | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class EditionProposed(Body, frozen=True):
    """The host proposes an edition; it is agreed once every party has signed."""

    series: str | Withheld = WITHHELD
    name: str | Withheld = WITHHELD
    ordinal: Ordinal | Withheld = WITHHELD
    starts_on: str | Withheld = WITHHELD
    ends_on: str | Withheld = WITHHELD
    place: str | Withheld = WITHHELD
    parties: tuple[str, ...] | Withheld = WITHHELD
    observers: tuple[str, ...] | Withheld = WITHHELD
    domains: tuple[Domain, ...] | Withheld = WITHHELD
    services: tuple[Service, ...] | Withheld = WITHHELD
    warfare_areas: tuple[str, ...] | Withheld = WITHHELD
    forces: tuple[Force, ...] | Withheld = WITHHELD
    instrument: str | Withheld = WITHHELD


class EditionRescheduled(Body, frozen=True):
    """New days, and perhaps another place, for an edition that was agreed or postponed; every party signs."""

    starts_on: str | Withheld = WITHHELD
    ends_on: str | Withheld = WITHHELD
    place: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class EditionPostponed(Body, frozen=True):
    """The host puts an edition off, with a reason; no new days are agreed yet."""

    reason: str | Withheld = WITHHELD


class EditionCancelled(Body, frozen=True):
    """The host calls an edition off, with a reason."""

    reason: str | Withheld = WITHHELD


class PartyWithdrew(Body, frozen=True):
    """A party takes no part after all, for its own part only."""

    reason: str | Withheld = WITHHELD


class EditionStarted(Body, frozen=True):
    """The exercise has begun."""

    starts_on: str | Withheld = WITHHELD


class EditionHeld(Body, frozen=True):
    """The exercise is over; the days are those on which it was held."""

    starts_on: str | Withheld = WITHHELD
    ends_on: str | Withheld = WITHHELD


class EditionReported(Body, frozen=True):
    """What one party reports of an edition that was held: what it counted, and its report's digest."""

    summary: str | Withheld = WITHHELD
    report_sha256: str | Withheld = WITHHELD
    warfare_areas: tuple[str, ...] | Withheld = WITHHELD
    forces: tuple[Force, ...] | Withheld = WITHHELD
    serials_live: Count | Withheld = WITHHELD
    serials_night: Count | Withheld = WITHHELD
    serials_live_fire: Count | Withheld = WITHHELD
    serials_cross_deck: Count | Withheld = WITHHELD


class EditionClosed(Body, frozen=True):
    """Nothing is left to do for an edition; every party signs."""

    note: str | Withheld = WITHHELD


SERIES_STATED = "exercises.series-stated.v1"
EDITION_STATED = "exercises.edition-stated.v1"

RECORDS: dict[str, type[Body]] = {
    "exercises.edition-cancelled.v1": EditionCancelled,
    "exercises.edition-closed.v1": EditionClosed,
    "exercises.edition-held.v1": EditionHeld,
    "exercises.edition-postponed.v1": EditionPostponed,
    "exercises.edition-proposed.v1": EditionProposed,
    "exercises.edition-reported.v1": EditionReported,
    "exercises.edition-rescheduled.v1": EditionRescheduled,
    "exercises.edition-started.v1": EditionStarted,
    EDITION_STATED: EditionStated,
    "exercises.party-withdrew.v1": PartyWithdrew,
    SERIES_STATED: SeriesStated,
}
