"""What two centres carry together: the incident, the vessel of interest and the request for information, each as one table of transitions.

The party that opens comes first in the key. An incident or a claim that names no partner has one side, and stays at home. Notes are no steps: a note
that is held back must not keep the partner from the steps after it.
"""

from __future__ import annotations

from typing import Any

from kizuna.domains.maritime.watchlog.records import (
    IncidentAssessed,
    IncidentClosed,
    IncidentHandedOver,
    IncidentOpened,
    IncidentResolved,
    IncidentShared,
    RequestAnswered,
    RequestAsked,
    RequestDeclined,
    RequestExpired,
    VoiAsserted,
    VoiDisputed,
    VoiExpired,
    VoiSupported,
    VoiWithdrawn,
)
from kizuna.kernel.case import CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Guard, Move
from kizuna.kernel.journal import Db

PURPOSE = "maritime-domain-awareness"
ROLE = "watch"
VOI_EXPIRY, REQUEST_EXPIRY = "interest-expiry", "request-expiry"
VOI_LONGEST_MS = 180 * 86_400_000
"""A claim on a vessel lasts 180 days at most; who still holds it then says so anew."""
_BEFORE_SHARED = ("opened", "assessed")


def _sides(owner: str, other: str, *, alone: bool) -> Any:
    """Return the function that says who stands on which side; `alone` where the other side may be left out."""

    def sides(key: str, opening: Move) -> dict[str, str] | None:
        party, partner = opening.step.party, getattr(opening.body, "partner", None)
        named = isinstance(partner, str) and partner != ""
        if key.partition("-")[0] != party or partner == party or not (named or alone):
            return None
        return {owner: party, other: partner} if isinstance(partner, str) and named else {owner: party}

    return sides


def _first(name: str) -> Guard:
    def guard(view: CaseView, _move: Move) -> str:
        return "it was opened already" if view.effective(name) else ""

    return guard


def _bounded(name: str, field: str, longest_ms: int | None) -> Guard:
    """Return the guard of an opening that runs until an instant, which must lie after it and not too far."""
    first = _first(name)

    def guard(view: CaseView, move: Move) -> str:
        until_ms = getattr(move.body, field, None)
        if not isinstance(until_ms, int) or until_ms <= move.step.at_ms:
            return f"`{field}` lies not after the instant at which it is said: give a later one"
        if longest_ms is not None and until_ms > move.step.at_ms + longest_ms:
            return f"`{field}` lies more than {longest_ms // 86_400_000} days ahead: give an earlier one, and say it anew then"
        return first(view, move)

    return guard


def _partnered(view: CaseView, _move: Move) -> str:
    return "" if len(view.sides) > 1 else "it names no partner: open one with `partner` to share it"


def leader(view: CaseView) -> str:
    """Return the party that has the lead of an incident: its owner, or the partner once both have signed the hand-over."""
    return view.sides["partner"] if view.effective("hand-over") else view.sides["owner"]


def _leads(view: CaseView, move: Move) -> str:
    lead = leader(view)
    return "" if move.step.party == lead else f"`{lead}` has the lead and says how it ended"


INCIDENT_TABLE = CaseType(
    name="maritime.incident",
    states=("opened", "assessed", "shared", "handed_over", "resolved", "closed"),
    initial="opened",
    transitions=(
        Transition(name="open", frm=("opened",), side="owner", role=ROLE),
        Transition(name="assess", frm=_BEFORE_SHARED, to="assessed", side="owner", role=ROLE),
        Transition(name="share", frm=("assessed",), to="shared", side="owner", role=ROLE),
        Transition(
            name="hand-over", frm=("shared",), to="handed_over", side="owner", role=ROLE, signatures=2, endorser_role=ROLE
        ),
        Transition(name="resolve", frm=("assessed", "shared", "handed_over"), to="resolved", role=ROLE),
        Transition(name="close", frm=("resolved",), to="closed", side="owner", role=ROLE),
    ),
    precedence=("resolve",),
    resolver_role=ROLE,
)  # fmt: skip
VOI_TABLE = CaseType(
    name="maritime.interest",
    states=("asserted", "supported", "disputed", "expired", "withdrawn"),
    initial="asserted",
    transitions=(
        Transition(name="assert", frm=("asserted",), side="author", role=ROLE),
        Transition(name="support", frm=("asserted", "disputed"), to="supported", side="partner", role=ROLE),
        Transition(name="dispute", frm=("asserted", "supported"), to="disputed", side="partner", role=ROLE),
        Transition(name="withdraw", frm=("asserted", "supported", "disputed"), to="withdrawn", side="author", role=ROLE),
        Transition(name="expire", frm=("asserted", "supported", "disputed"), to="expired"),
    ),
    precedence=("withdraw", "expire"),
    resolver_role=ROLE,
)  # fmt: skip
REQUEST_TABLE = CaseType(
    name="maritime.request",
    states=("asked", "answered", "declined", "expired"),
    initial="asked",
    transitions=(
        Transition(name="ask", frm=("asked",), side="asker", role=ROLE),
        Transition(name="answer", frm=("asked",), to="answered", side="addressee", role=ROLE),
        Transition(name="decline", frm=("asked",), to="declined", side="addressee", role=ROLE),
        Transition(name="expire", frm=("asked",), to="expired"),
    ),
    precedence=("answer", "decline"),
    resolver_role=ROLE,
)  # fmt: skip


def _known(value: Any) -> Any:
    return value if isinstance(value, int | str) else None


def _numbers(value: Any) -> str:
    """Return MMSI as one text, each between spaces, so that one can be found in it."""
    return "".join(f" {number}" for number in value) + " " if isinstance(value, tuple) and value else ""


def _opening(view: CaseView, kind: type[Any]) -> Any:
    return next(move.body for move in view.moves if isinstance(move.body, kind))


def _fill_incident(db: Db, view: CaseView) -> None:
    first = view.last("open")
    body: Any = first.body if first is not None else _opening(view, IncidentOpened)
    stated = [getattr(move.body, "category", None) for move in view.effective("open", "assess")]
    grades = [grade for grade in stated if isinstance(grade, int)]
    db.execute(
        "INSERT INTO maritime_incident (case_id, state, owner, partner, lead, title, category, mmsi, reported_at_ms, lat_600000,"
        " lon_600000) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        (
            view.id, view.state.state, view.sides["owner"], view.sides.get("partner", ""), leader(view), _known(body.title),
            grades[-1] if grades else None, _numbers(body.mmsi), _known(body.reported_at_ms), _known(body.lat_600000),
            _known(body.lon_600000),
        ),
    )  # fmt: skip


def _fill_voi(db: Db, view: CaseView) -> None:
    first = view.last("assert")
    if first is None:
        return  # its bounds are wrong: a claim that never held
    body: Any = first.body
    db.execute(
        "INSERT INTO maritime_interest (case_id, state, author, partner, mmsi, basis, confidence_pct, asserted_at_ms, expires_at_ms)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        (
            view.id, view.state.state, view.sides["author"], view.sides.get("partner", ""), _known(body.mmsi), _known(body.basis),
            _known(body.confidence_pct), first.step.at_ms, _known(body.expires_at_ms),
        ),
    )  # fmt: skip


def _fill_request(db: Db, view: CaseView) -> None:
    first = view.last("ask")
    if first is None:
        return
    body: Any = first.body
    ends = view.last("answer", "decline")
    said = (getattr(ends.body, "answer", None) or getattr(ends.body, "reason", None)) if ends is not None else None
    db.execute(
        "INSERT INTO maritime_request (case_id, state, asker, addressee, question, mmsi, incident, asked_at_ms, answer_by_ms, answer)"
        " VALUES (?,?,?,?,?,?,?,?,?,?)",
        (
            view.id, view.state.state, view.sides["asker"], view.sides["addressee"], _known(body.question), _numbers(body.mmsi),
            _known(body.incident), first.step.at_ms, _known(body.answer_by_ms), _known(said),
        ),
    )  # fmt: skip


def _runs(rule: str, opening: str, field: str, states: tuple[str, ...]) -> Any:
    """Return the running deadline of a case that holds until an instant which its opening names."""

    def dues(view: CaseView) -> list[tuple[str, int]]:
        first = view.last(opening)
        until_ms = getattr(first.body, field, None) if first is not None else None
        return [(rule, until_ms)] if isinstance(until_ms, int) and view.state.state in states else []

    return dues


INCIDENT = CaseKind(
    table=INCIDENT_TABLE, opens=IncidentOpened, sides=_sides("owner", "partner", alone=True), apply=_fill_incident,
    tables=("maritime_incident",), purposes=(PURPOSE,),
    steps={
        IncidentOpened: "open", IncidentAssessed: "assess", IncidentShared: "share", IncidentHandedOver: "hand-over",
        IncidentResolved: "resolve", IncidentClosed: "close",
    },
    guards={"open": _first("open"), "share": _partnered, "resolve": _leads},
)  # fmt: skip
VOI = CaseKind(
    table=VOI_TABLE, opens=VoiAsserted, sides=_sides("author", "partner", alone=True), apply=_fill_voi,
    tables=("maritime_interest",), purposes=(PURPOSE,),
    steps={
        VoiAsserted: "assert", VoiSupported: "support", VoiDisputed: "dispute", VoiWithdrawn: "withdraw", VoiExpired: "expire",
    },
    guards={"assert": _bounded("assert", "expires_at_ms", VOI_LONGEST_MS)},
    dues=_runs(VOI_EXPIRY, "assert", "expires_at_ms", ("asserted", "supported", "disputed")),
    clock={VOI_EXPIRY: VoiExpired}, lapse=lambda _view, rule: VoiExpired(rule=rule),
)  # fmt: skip
REQUEST = CaseKind(
    table=REQUEST_TABLE, opens=RequestAsked, sides=_sides("asker", "addressee", alone=False), apply=_fill_request,
    tables=("maritime_request",), purposes=(PURPOSE,),
    steps={RequestAsked: "ask", RequestAnswered: "answer", RequestDeclined: "decline", RequestExpired: "expire"},
    guards={"ask": _bounded("ask", "answer_by_ms", None)},
    dues=_runs(REQUEST_EXPIRY, "ask", "answer_by_ms", ("asked",)),
    clock={REQUEST_EXPIRY: RequestExpired}, lapse=lambda _view, rule: RequestExpired(rule=rule),
)  # fmt: skip
