"""What exercise officers do: state what is known of past editions, and carry the next one with the partner from proposal to its closing."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kizuna.domains.exercises.cases import EDITION, PURPOSE
from kizuna.domains.exercises.records import (
    EDITION_STATED,
    SERIES_STATED,
    Confidence,
    Count,
    Domain,
    EditionCancelled,
    EditionClosed,
    EditionHeld,
    EditionPostponed,
    EditionProposed,
    EditionReported,
    EditionRescheduled,
    EditionStarted,
    EditionStated,
    Force,
    Ordinal,
    PartyWithdrew,
    SeriesStated,
    Service,
    StatedState,
)
from kizuna.domains.exercises.register import bundled, check_edition, check_forces, editions_of, given
from kizuna.domains.exercises.rules import WARFARE_AREAS, check_words, period_fault, serials_fault
from kizuna.errors import RefusedError
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement

ROLES = frozenset({"exercise"})
_STATERS = frozenset({"exercise", "desk"})
TO = Annotated[tuple[str, ...], Meta(description="Let these parties have it; without any it stays at home.")]
KEY = Annotated[
    str, Meta(description="The edition's case, like `ind-jimex-2027`: the host's name comes first.", min_length=1)
]
TITLE = Annotated[str, Meta(description="What it is called.", max_length=200)]
DATE_FROM = Annotated[str, Meta(description="First day, YYYY-MM-DD, or YYYY-MM, YYYY or `unknown`.")]
DATE_TO = Annotated[str, Meta(description="Last day, which is part of it; as precise as it is known.")]
PLACE = Annotated[str, Meta(description="Where it is held.", max_length=200)]
PARTIES = Annotated[tuple[str, ...], Meta(description="Parties that take part, the host among them.")]
OBSERVERS = Annotated[tuple[str, ...], Meta(description="Parties that look on.")]
DOMAINS = Annotated[tuple[Domain, ...], Meta(description="Domains: maritime, land, air, space, cyber.")]
SERVICES = Annotated[tuple[Service, ...], Meta(description="Services that take part, like `navy`.")]
AREAS = Annotated[tuple[str, ...], Meta(description="Warfare areas that are exercised, like `anti-submarine`.")]
FORCES = Annotated[tuple[Force, ...], Meta(description="Units that take part; only in a request's body.")]
REASON = Annotated[str, Meta(description="Why; the other parties read it.", min_length=1, max_length=2000)]
LIVE = Annotated[Count | None, Meta(description="Live serials in all; left out where it was not counted.")]
NIGHT = Annotated[Count | None, Meta(description="Live serials by night.")]
FIRE = Annotated[Count | None, Meta(description="Live serials with live fire.")]
DECK = Annotated[Count | None, Meta(description="Live serials with aircraft landing on the other's deck.")]
SOURCES = Annotated[tuple[str, ...], Meta(description="Where it is to be read; may be repeated.")]
CONFIDENCE = Annotated[Confidence, Meta(description="How well it is founded.")]
NOTE = Annotated[str, Meta(description="A remark.", max_length=2000)]
ORDINAL = Annotated[Ordinal | None, Meta(description="Which of the series it is, where it is numbered.")]
INSTRUMENT = Annotated[str, Meta(description="The agreement under which it is held, by its id.")]
NAME = Annotated[str, Meta(description="The series, like `jimex`.", min_length=1, max_length=100)]


class LoadAsked(Asked, frozen=True):
    """Load the bundled facts."""

    to: TO = ()


class SeriesAsked(Asked, frozen=True):
    """State a series."""

    series: NAME
    name: TITLE
    parties: PARTIES
    domains: DOMAINS = ()
    services: SERVICES = ()
    sources: SOURCES = ()
    confidence: CONFIDENCE = "unconfirmed"
    note: NOTE = ""
    to: TO = ()


class EditionAsked(Asked, frozen=True):
    """State what is known of an edition."""

    edition: Annotated[str, Meta(description="The edition, like `jimex-2022`.", min_length=1, max_length=100)]
    series: NAME
    state: Annotated[StatedState, Meta(description="What became of it.")]
    name: TITLE = ""
    ordinal: ORDINAL = None
    starts_on: DATE_FROM = "unknown"
    ends_on: DATE_TO = "unknown"
    place: PLACE = ""
    host: Annotated[str, Meta(description="The party that hosts it.")] = ""
    parties: PARTIES = ()
    observers: OBSERVERS = ()
    domains: DOMAINS = ()
    services: SERVICES = ()
    warfare_areas: AREAS = ()
    forces: FORCES = ()
    instrument: INSTRUMENT = ""
    serials_live: LIVE = None
    serials_night: NIGHT = None
    serials_live_fire: FIRE = None
    serials_cross_deck: DECK = None
    asserted_by: Annotated[str, Meta(description="Who says so, where it is not ourselves.", max_length=200)] = ""
    preferred: Annotated[
        bool, Meta(description="Whether we hold it for the best supported statement of the edition.")
    ] = True
    confidence: CONFIDENCE = "unconfirmed"
    sources: SOURCES = ()
    note: NOTE = ""
    to: TO = ()


class ImportAsked(Asked, frozen=True):
    """State the editions of a table, all or none."""

    csv: Annotated[str, Meta(description="The table, CSV in UTF-8 with a header line.", extra={"file": True})]
    to: TO = ()


class ProposeAsked(Asked, frozen=True):
    """Propose an edition to the parties that are to take part."""

    key: KEY
    series: NAME
    starts_on: DATE_FROM
    ends_on: DATE_TO
    parties: PARTIES
    name: TITLE = ""
    ordinal: ORDINAL = None
    place: PLACE = ""
    observers: OBSERVERS = ()
    domains: DOMAINS = ()
    services: SERVICES = ()
    warfare_areas: AREAS = ()
    forces: FORCES = ()
    instrument: INSTRUMENT = ""


class RescheduleAsked(Asked, frozen=True):
    """Propose new days."""

    key: KEY
    starts_on: DATE_FROM
    ends_on: DATE_TO
    reason: REASON
    place: PLACE = ""


class ReasonAsked(Asked, frozen=True):
    """Do it, with a reason."""

    key: KEY
    reason: REASON


class StartAsked(Asked, frozen=True):
    """Say that it has begun."""

    key: KEY
    starts_on: DATE_FROM


class HoldAsked(Asked, frozen=True):
    """Say that it is over."""

    key: KEY
    starts_on: DATE_FROM
    ends_on: DATE_TO


class ReportAsked(Asked, frozen=True):
    """Report what was done; what was not counted is left out and stays unknown."""

    key: KEY
    summary: Annotated[str, Meta(description="What was done, in a few sentences.", min_length=1, max_length=4000)]
    report_sha256: Annotated[str, Meta(description="The report's digest, in hex.", pattern=r"\A([0-9a-f]{64})?\Z")] = ""
    warfare_areas: AREAS = ()
    forces: FORCES = ()
    serials_live: LIVE = None
    serials_night: NIGHT = None
    serials_live_fire: FIRE = None
    serials_cross_deck: DECK = None


class CloseAsked(Asked, frozen=True):
    """Propose that nothing is left to do."""

    key: KEY
    note: NOTE = ""


# --- the register -----------------------------------------------------------------------------------------------------------------


def _series(body: SeriesStated, to: tuple[str, ...]) -> Statement:
    return Statement(
        type=SERIES_STATED, body=body, subject=f"exercise-series:{body.series}", to=to, purposes=(PURPOSE,)
    )


def _edition(body: EditionStated, to: tuple[str, ...]) -> Statement:
    return Statement(type=EDITION_STATED, body=body, subject=f"exercise:{body.edition}", to=to, purposes=(PURPOSE,))


def load_bundled(desk: Desk, asked: LoadAsked) -> Outcome:
    """Say the bundled facts; what this party has said already is not said again."""
    facts = bundled()
    said = {
        (key, asserted or "")
        for key, asserted in desk.db.execute(
            "SELECT edition, asserted_by FROM exercises_edition WHERE case_id = '' AND stated_by = ?", (desk.party,)
        )
    }
    named = {
        name for (name,) in desk.db.execute("SELECT series FROM exercises_series WHERE stated_by = ?", (desk.party,))
    }
    series = [_series(body, asked.to) for body in facts.series if body.series not in named]
    editions = [
        _edition(body, asked.to) for body in facts.editions if (body.edition, body.asserted_by or "") not in said
    ]
    known = len(facts.series) + len(facts.editions) - len(series) - len(editions)
    told = {"series": len(series), "editions": len(editions), "known already": known}
    return Outcome((*series, *editions), told)


def _fields(asked: Asked, *but: str) -> dict[str, Any]:
    names = [name for name in asked.__struct_fields__ if name not in {"label", *but}]
    return given(**{name: getattr(asked, name) for name in names})


def state_series(_desk: Desk, asked: SeriesAsked) -> Outcome:
    """Say what a series is."""
    return Outcome((_series(SeriesStated(**_fields(asked, "to")), asked.to),))


def state_edition(_desk: Desk, asked: EditionAsked) -> Outcome:
    """Say what is known of an edition.

    Raises:
        RefusedError: it does not fit together.
    """
    body = EditionStated(**_fields(asked, "to"))
    check_edition(body)
    return Outcome((_edition(body, asked.to),))


def import_editions(_desk: Desk, asked: ImportAsked) -> Outcome:
    """Say the editions of a table, all or none.

    Raises:
        RecordError: a row does not fit; says the line.
    """
    return Outcome(tuple(_edition(body, asked.to) for body in editions_of(asked.csv)))


# --- the edition as a case --------------------------------------------------------------------------------------------------------


def propose(desk: Desk, asked: ProposeAsked) -> Outcome:
    """Propose an edition.

    Raises:
        RefusedError: the key is taken or not ours to open, or days, words or units do not fit.
    """
    parties = tuple(sorted(set(asked.parties) | {desk.party}))
    body = msgspec.structs.replace(EditionProposed(**_fields(asked, "key")), parties=parties)
    fault = period_fault(body.starts_on, body.ends_on)
    if fault or len(parties) == 1:
        raise RefusedError(fault or "`parties`: name at least one party beside ourselves")
    check_words("warfare_areas", body.warfare_areas or (), WARFARE_AREAS)
    check_forces(body.forces or (), parties)
    return Outcome((desk.open(EDITION, asked.key, body),))


def reschedule(desk: Desk, asked: RescheduleAsked) -> Outcome:
    """Propose new days."""
    return desk.advance(EDITION, asked.key, EditionRescheduled(**_fields(asked, "key")))


def postpone(desk: Desk, asked: ReasonAsked) -> Outcome:
    """Put it off."""
    return desk.advance(EDITION, asked.key, EditionPostponed(reason=asked.reason))


def cancel(desk: Desk, asked: ReasonAsked) -> Outcome:
    """Call it off."""
    return desk.advance(EDITION, asked.key, EditionCancelled(reason=asked.reason))


def withdraw(desk: Desk, asked: ReasonAsked) -> Outcome:
    """Take no part after all."""
    return desk.advance(EDITION, asked.key, PartyWithdrew(reason=asked.reason))


def start(desk: Desk, asked: StartAsked) -> Outcome:
    """Say that it has begun."""
    return desk.advance(EDITION, asked.key, EditionStarted(starts_on=asked.starts_on))


def hold(desk: Desk, asked: HoldAsked) -> Outcome:
    """Say that it is over."""
    return desk.advance(EDITION, asked.key, EditionHeld(starts_on=asked.starts_on, ends_on=asked.ends_on))


def report(desk: Desk, asked: ReportAsked) -> Outcome:
    """Report what was done.

    Raises:
        RefusedError: words, units or counts do not fit, or it is not over yet.
    """
    body = EditionReported(**_fields(asked, "key"))
    check_words("warfare_areas", body.warfare_areas or (), WARFARE_AREAS)
    check_forces(body.forces or (), ())
    fault = serials_fault(body.serials_live, body.serials_night, body.serials_live_fire, body.serials_cross_deck)
    if fault:
        raise RefusedError(fault)
    return desk.advance(EDITION, asked.key, body)


def close(desk: Desk, asked: CloseAsked) -> Outcome:
    """Propose that it is closed."""
    return desk.advance(EDITION, asked.key, EditionClosed(note=asked.note))


OPERATIONS = (
    Operation(
        name="load-bundled", text="State the bundled facts of the India-Japan partnership, with their sources.", asks=LoadAsked,
        run=load_bundled, roles=_STATERS,
    ),
    Operation(name="state-series", text="State a series.", asks=SeriesAsked, run=state_series, roles=_STATERS),
    Operation(name="state-edition", text="State what is known of an edition.", asks=EditionAsked, run=state_edition, roles=_STATERS),
    Operation(
        name="import-editions", text="State the editions of a table, all or none.", asks=ImportAsked, run=import_editions, roles=_STATERS
    ),
    Operation(name="propose", text="Propose an edition; every party signs it.", asks=ProposeAsked, run=propose, roles=ROLES),
    Operation(name="reschedule", text="Propose new days; every party signs them.", asks=RescheduleAsked, run=reschedule, roles=ROLES),
    Operation(name="postpone", text="Put an edition off.", asks=ReasonAsked, run=postpone, roles=ROLES),
    Operation(name="cancel", text="Call an edition off.", asks=ReasonAsked, run=cancel, roles=ROLES),
    Operation(name="withdraw", text="Take no part after all.", asks=ReasonAsked, run=withdraw, roles=ROLES),
    Operation(name="start", text="Say that an edition has begun.", asks=StartAsked, run=start, roles=ROLES),
    Operation(name="hold", text="Say on which days an edition was held.", asks=HoldAsked, run=hold, roles=ROLES),
    Operation(name="report", text="Report what was done in an edition.", asks=ReportAsked, run=report, roles=ROLES),
    Operation(name="close", text="Propose that an edition is closed; every party signs.", asks=CloseAsked, run=close, roles=ROLES),
)  # fmt: skip
