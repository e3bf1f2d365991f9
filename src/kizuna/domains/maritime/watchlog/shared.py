"""What watch officers do with the partner's centre: incidents and their notes, vessels of interest, requests for information."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from msgspec import Meta

from kizuna.domains.maritime.watchlog import records as said
from kizuna.domains.maritime.watchlog import rules
from kizuna.domains.maritime.watchlog.cases import INCIDENT, PURPOSE, REQUEST, ROLE, VOI
from kizuna.errors import RefusedError
from kizuna.kernel.casework import CaseKind
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement
from kizuna.kernel.record import WITHHELD, Body

ROLES = frozenset({ROLE})
INCIDENT_KEY = Annotated[
    str, Meta(description="The incident; begins with the party that opens it, like `ind-2026-0007`.")
]
CASE_KEY = Annotated[str, Meta(description="Its name; begins with the party that opens it, like `ind-voi-2026-0003`.")]
CATEGORY = Annotated[
    Literal[1, 2, 3, 4],
    Meta(description="How grave it is: 1 very significant, 2 moderately, 3 less significant, 4 petty."),
]
PARTNER = Annotated[str, Meta(description="The party to share it with; without one it stays at home.")]
VESSELS = Annotated[tuple[str, ...], Meta(description="Vessels that it is about, by MMSI; may be repeated.")]
REASON = Annotated[str, Meta(description="Why; the other side reads it.", min_length=1, max_length=2000)]
TEXT = Annotated[str, Meta(description="In words; the other side reads it.", min_length=1, max_length=4000)]


class OpenAsked(Asked, frozen=True):
    """Open an incident."""

    key: INCIDENT_KEY
    title: Annotated[str, Meta(description="What happened, in a line.", min_length=1, max_length=200)]
    category: CATEGORY
    partner: PARTNER = ""
    mmsi: VESSELS = ()
    reported_at_ms: Annotated[int | None, Meta(description="When it was reported; now where left out.")] = None
    position: Annotated[str, Meta(description="Where, in degrees, like `18.95,72.83`.", max_length=60)] = ""


class AssessAsked(Asked, frozen=True):
    """Assess an incident."""

    key: INCIDENT_KEY
    assessment: TEXT
    category: CATEGORY


class ShareAsked(Asked, frozen=True):
    """Give the partner the full report."""

    key: INCIDENT_KEY
    report: TEXT
    evidence: Annotated[tuple[str, ...], Meta(description="Records behind it, by id; may be repeated.")] = ()


class HandOverAsked(Asked, frozen=True):
    """Give the lead to the partner, which signs for it."""

    key: INCIDENT_KEY
    reason: REASON


class ResolveAsked(Asked, frozen=True):
    """Say how an incident ended."""

    key: INCIDENT_KEY
    outcome: TEXT


class CloseAsked(Asked, frozen=True):
    """Close an incident's file."""

    key: INCIDENT_KEY
    note: Annotated[str, Meta(description="A last remark.", max_length=2000)] = ""


class NoteAsked(Asked, frozen=True):
    """Write a note on an incident; with a label of its own where it is asked for."""

    key: INCIDENT_KEY
    text: Annotated[str, Meta(description="What there is to say.", min_length=1, max_length=4000)]
    at_home: Annotated[bool, Meta(description="Whether the note stays at home.")] = False


class AssertAsked(Asked, frozen=True):
    """Claim that a vessel is of interest, until a stated time."""

    key: CASE_KEY
    mmsi: Annotated[str, Meta(description="The vessel, by its MMSI.")]
    basis: Annotated[str, Meta(description="On what the claim rests.", min_length=1, max_length=2000)]
    expires_at_ms: Annotated[int, Meta(description="When the claim ends; 180 days ahead at most.")]
    confidence_pct: Annotated[
        Annotated[int, Meta(ge=0, le=100)] | None, Meta(description="How sure we are, 0 to 100.")
    ] = None
    partner: PARTNER = ""


class SupportAsked(Asked, frozen=True):
    """Support the partner's claim."""

    key: CASE_KEY
    basis: TEXT


class ReasonAsked(Asked, frozen=True):
    """Say a step that needs a reason."""

    key: CASE_KEY
    reason: REASON


class AskAsked(Asked, frozen=True):
    """Ask the partner for information."""

    key: CASE_KEY
    partner: Annotated[str, Meta(description="Whom we ask.", min_length=1)]
    question: TEXT
    answer_by_ms: Annotated[int, Meta(description="By when the answer is of use.")]
    mmsi: VESSELS = ()
    incident: Annotated[str, Meta(description="The incident that it belongs to, if any.")] = ""


class AnswerAsked(Asked, frozen=True):
    """Answer the partner's request."""

    key: CASE_KEY
    answer: TEXT
    records: Annotated[tuple[str, ...], Meta(description="Records that answer it, by id; may be repeated.")] = ()


def or_withheld(value: Any) -> Any:
    """Return a value, or that it is not said where it is empty."""
    return WITHHELD if value in (None, "", ()) else value


def _key(kind: CaseKind, key: str) -> str:
    return key.removeprefix(f"{kind.name}:")


def _stepping(kind: CaseKind, body: Callable[[Any], Body]) -> Callable[[Desk, Any], Outcome]:
    """Return an operation that says one step of the case that its request names by `key`."""

    def run(desk: Desk, asked: Any) -> Outcome:
        return desk.advance(kind, _key(kind, asked.key), body(asked))

    return run


def open_incident(desk: Desk, asked: OpenAsked) -> Outcome:
    """Open an incident; its partner is told at once that there is one, and has the report when it is shared.

    Raises:
        RefusedError: the key is taken or not ours, or a vessel or place is none.
    """
    where = rules.place(asked.position) if asked.position else None
    body = said.IncidentOpened(
        title=asked.title, category=asked.category, partner=or_withheld(asked.partner), mmsi=rules.vessels(asked.mmsi),
        reported_at_ms=desk.now_ms if asked.reported_at_ms is None else asked.reported_at_ms,
        lat_600000=WITHHELD if where is None else where[0], lon_600000=WITHHELD if where is None else where[1],
    )  # fmt: skip
    return Outcome((desk.open(INCIDENT, _key(INCIDENT, asked.key), body),))


def note_incident(desk: Desk, asked: NoteAsked) -> Outcome:
    """Say a note on an incident: a record by itself, so that one held back keeps nothing else from the partner.

    Raises:
        RefusedError: no such incident is held, or we have no part in it, or its file is closed.
    """
    view = desk.case(INCIDENT, _key(INCIDENT, asked.key))
    if desk.party not in view.sides.values() or view.state.state == "closed":
        raise RefusedError(
            f"incident `{view.key}` is {view.state.state}, between `{'`, `'.join(sorted(set(view.sides.values())))}`:"
            " only they write notes on it, and while it is not closed"
        )
    to = () if asked.at_home else tuple(sorted(set(view.sides.values()) - {desk.party}))
    body = said.IncidentNoted(text=asked.text)
    return Outcome((Statement(type=said.INCIDENT_NOTED, body=body, subject=view.id, to=to, purposes=(PURPOSE,)),))


def assert_interest(desk: Desk, asked: AssertAsked) -> Outcome:
    """Claim that a vessel is of interest.

    Raises:
        RefusedError: the key is taken or not ours, the vessel is none, or the claim ends at once or too late.
    """
    (mmsi,) = rules.vessels((asked.mmsi,))
    body = said.VoiAsserted(
        mmsi=mmsi, basis=asked.basis, expires_at_ms=asked.expires_at_ms, partner=or_withheld(asked.partner),
        confidence_pct=WITHHELD if asked.confidence_pct is None else asked.confidence_pct,
    )  # fmt: skip
    return Outcome((desk.open(VOI, _key(VOI, asked.key), body),))


def ask(desk: Desk, asked: AskAsked) -> Outcome:
    """Ask the partner for information.

    Raises:
        RefusedError: the key is taken or not ours, a vessel is none, or the time to answer has passed.
    """
    body = said.RequestAsked(
        partner=asked.partner, question=asked.question, mmsi=rules.vessels(asked.mmsi), incident=or_withheld(asked.incident),
        answer_by_ms=asked.answer_by_ms,
    )  # fmt: skip
    return Outcome((desk.open(REQUEST, _key(REQUEST, asked.key), body),))


def _one_step(name: str, text: str, asks: type[Asked], kind: CaseKind, body: Callable[[Any], Body]) -> Operation:
    return Operation(name=name, text=text, asks=asks, run=_stepping(kind, body), roles=ROLES)


OPERATIONS = (
    Operation(name="open-incident", text="Open an incident.", asks=OpenAsked, run=open_incident, roles=ROLES),
    _one_step("assess-incident", "Assess an incident.", AssessAsked, INCIDENT,
              lambda asked: said.IncidentAssessed(assessment=asked.assessment, category=asked.category)),
    _one_step("share-incident", "Give the partner the full report.", ShareAsked, INCIDENT,
              lambda asked: said.IncidentShared(report=asked.report, evidence=asked.evidence)),
    _one_step("hand-over-incident", "Give the lead to the partner, which signs for it.", HandOverAsked, INCIDENT,
              lambda asked: said.IncidentHandedOver(reason=asked.reason)),
    _one_step("resolve-incident", "Say how an incident ended.", ResolveAsked, INCIDENT,
              lambda asked: said.IncidentResolved(outcome=asked.outcome)),
    _one_step("close-incident", "Close an incident's file.", CloseAsked, INCIDENT,
              lambda asked: said.IncidentClosed(note=or_withheld(asked.note))),
    Operation(name="note-incident", text="Write a note on an incident.", asks=NoteAsked, run=note_incident, roles=ROLES),
    Operation(name="assert-interest", text="Claim that a vessel is of interest.", asks=AssertAsked, run=assert_interest, roles=ROLES),
    _one_step("support-interest", "Support the partner's claim.", SupportAsked, VOI,
              lambda asked: said.VoiSupported(basis=asked.basis)),
    _one_step("dispute-interest", "Dispute the partner's claim.", ReasonAsked, VOI,
              lambda asked: said.VoiDisputed(reason=asked.reason)),
    _one_step("withdraw-interest", "Take our claim back.", ReasonAsked, VOI,
              lambda asked: said.VoiWithdrawn(reason=asked.reason)),
    Operation(name="ask", text="Ask the partner for information.", asks=AskAsked, run=ask, roles=ROLES),
    _one_step("answer", "Answer the partner's request.", AnswerAsked, REQUEST,
              lambda asked: said.RequestAnswered(answer=asked.answer, records=asked.records)),
    _one_step("decline", "Decline the partner's request.", ReasonAsked, REQUEST,
              lambda asked: said.RequestDeclined(reason=asked.reason)),
)  # fmt: skip
