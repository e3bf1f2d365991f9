"""Seat, grant and investment as cases that two parties share.

Guards see what a step's author had folded, so both sides judge alike. How many seats a course has is the donor's to keep, and is judged by
operations.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from kizuna.domains.training.records import (
    GrantAgreed,
    GrantContracted,
    GrantEnded,
    GrantHandedOver,
    GrantPledged,
    GrantSupported,
    GrantWithdrawn,
    InvestmentAgreed,
    InvestmentApproved,
    InvestmentCommitted,
    InvestmentExpressed,
    InvestmentRealised,
    InvestmentWithdrawn,
    NomineeDeclined,
    SeatConfirmed,
    SeatFollowedUp,
    SeatGraduated,
    SeatNominated,
    SeatOffered,
    SeatVetted,
    SeatWithdrawn,
    TraineeAttended,
    TraineeTravelled,
)
from kizuna.domains.training.rules import date_fault, day_of, is_person
from kizuna.kernel.case import CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Move
from kizuna.kernel.instrument import day_ms
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

TRAINING = "training"
INDUSTRY = "industry-cooperation"
DELIVERED = ("graduated", "followed-up")
TAKEN = ("nominated", "vetted", "confirmed", "travelling", "attending", *DELIVERED)
_DESK = "desk"


def _row(name: str, frm: tuple[str, ...], to: str, side: str = "") -> Transition:
    return Transition(name=name, frm=frm, to=to, side=side, role=_DESK)


def _both(name: str, frm: tuple[str, ...], to: str) -> Transition:
    return Transition(name=name, frm=frm, to=to, role=_DESK, signatures=2, endorser_role=_DESK)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _opening(view: CaseView, kind: type[Body], name: str) -> Any:
    found = view.last(name)
    return found.body if found is not None else next(move.body for move in view.moves if isinstance(move.body, kind))


def _last(view: CaseView, name: str, field: str) -> Any:
    found = view.last(name)
    return getattr(found.body, field, None) if found is not None else None


def _dates(*fields: str) -> Any:
    def guard(_view: CaseView, move: Move) -> str:
        return next((fault for field in fields if (fault := date_fault(getattr(move.body, field, None), field))), "")

    return guard


# --- seat -------------------------------------------------------------------------------------------------------------------------


SEAT_TABLE = CaseType(
    name="training.seat",
    states=(
        "new",
        "offered",
        "nominated",
        "vetted",
        "confirmed",
        "travelling",
        "attending",
        "graduated",
        "followed-up",
        "withdrawn",
    ),
    initial="new",
    transitions=(
        _row("offer", ("new",), "offered", "donor"),
        _row("nominate", ("offered",), "nominated", "beneficiary"),
        _row("decline", ("nominated",), "offered", "donor"),
        _row("vet", ("nominated",), "vetted", "donor"),
        _both("confirm", ("vetted",), "confirmed"),
        _row("travel", ("confirmed",), "travelling", "beneficiary"),
        _row("attend", ("confirmed", "travelling"), "attending", "donor"),
        _row("graduate", ("attending",), "graduated", "donor"),
        _row("withdraw", ("offered", "nominated", "vetted", "confirmed", "travelling", "attending"), "withdrawn"),
        _row("follow-up", ("graduated",), "followed-up", "donor"),
    ),
    precedence=("withdraw",),
    resolver_role=_DESK,
)


def seat_key(course: str, seat_no: int) -> str:
    """Return the key of a seat: its course's with its number, so that no seat has two."""
    return f"{course}-{seat_no:03}"


def seat_sides(key: str, opening: Move) -> dict[str, str] | None:
    """Return donor and beneficiary; the donor opens, under its course's key and the seat's number, for another party."""
    body, donor = opening.body, opening.step.party
    if not isinstance(body, SeatOffered) or not isinstance(body.course, str) or not isinstance(body.seat_no, int):
        return None
    right = key == seat_key(body.course, body.seat_no) and key.startswith(f"{donor}-")
    other = _text(body.beneficiary)
    return {"donor": donor, "beneficiary": other} if right and other not in ("", donor) else None


def _pseudonym(view: CaseView, move: Move) -> str:
    person = _text(getattr(move.body, "person", ""))
    if is_person(person) and person.startswith(f"{view.sides['beneficiary']}-p-"):
        return ""
    return f"`person` is no pseudonym like `{view.sides['beneficiary']}-p-17`: a name does not cross"


def _fill_seat(db: Db, view: CaseView) -> None:
    body = _opening(view, SeatOffered, "offer")
    taken = view.state.state in TAKEN
    row = (
        view.id, view.key, _text(body.course), _number(body.seat_no), _text(body.pledge), view.sides["donor"], view.sides["beneficiary"],
        view.state.state, _text(_last(view, "nominate", "person")) if taken else "", _text(_last(view, "graduate", "graduated_on")),
        _text(_last(view, "graduate", "certificate_sha256")), int(view.state.state in DELIVERED),
    )  # fmt: skip
    db.execute(
        "INSERT INTO training_seat (case_id, seat, course, seat_no, pledge, donor, beneficiary, state, person, graduated_on, certificate,"
        " delivered) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        row,
    )


SEAT = CaseKind(
    table=SEAT_TABLE, opens=SeatOffered, sides=seat_sides, apply=_fill_seat, tables=("training_seat",), purposes=(TRAINING,),
    steps={
        SeatOffered: "offer", SeatNominated: "nominate", NomineeDeclined: "decline", SeatVetted: "vet", SeatConfirmed: "confirm",
        TraineeTravelled: "travel", TraineeAttended: "attend", SeatGraduated: "graduate", SeatWithdrawn: "withdraw",
        SeatFollowedUp: "follow-up",
    },
    guards={
        "nominate": _pseudonym, "travel": _dates("arrives_on"), "attend": _dates("since_on"), "graduate": _dates("graduated_on"),
        "follow-up": _dates("followed_up_on"),
    },
)  # fmt: skip


# --- grant ------------------------------------------------------------------------------------------------------------------------


GRANT_TABLE = CaseType(
    name="training.grant",
    states=("new", "pledged", "agreed", "contracted", "handed-over", "supported", "ended", "withdrawn"),
    initial="new",
    transitions=(
        _row("pledge", ("new",), "pledged", "donor"),
        _both("agree", ("pledged",), "agreed"),
        _row("contract", ("agreed",), "contracted", "donor"),
        _both("hand-over", ("contracted",), "handed-over"),
        _row("support", ("handed-over",), "supported", "donor"),
        _row("end", ("handed-over", "supported"), "ended", "donor"),
        _row("withdraw", ("pledged", "agreed", "contracted"), "withdrawn"),
    ),
    resolver_role=_DESK,
)


def grant_sides(key: str, opening: Move) -> dict[str, str] | None:
    """Return donor and beneficiary; the donor opens, under a key that begins with its own name, for another party."""
    donor, other = opening.step.party, _text(getattr(opening.body, "beneficiary", ""))
    return {"donor": donor, "beneficiary": other} if key.startswith(f"{donor}-") and other not in ("", donor) else None


def _no_more_than_pledged(view: CaseView, move: Move) -> str:
    promised = _number(_last(view, "pledge", "quantity"))
    given = _number(getattr(move.body, "quantity", 0))
    if not 0 < given <= promised:
        return f"`quantity` `{given}` is not between 1 and the `{promised}` pledged"
    return date_fault(getattr(move.body, "handed_over_on", None), "handed_over_on")


def _money(db: Db, view: CaseView, kind: str, pledge: str, stages: Iterable[tuple[str, str, str]]) -> None:
    """Write the amounts that took effect: for each stage the transition, and the field that says its day."""
    rows = [
        (
            view.id, kind, stage, pledge, _text(getattr(move.body, "amount", None)), _text(getattr(move.body, "currency", None)),
            _text(getattr(move.body, day, None)), _text(getattr(move.body, "evidence_sha256", None)),
        )
        for stage, transition, day in stages
        for move in view.effective(transition)
    ]  # fmt: skip
    for nth, row in enumerate(found for found in rows if found[4] and found[5]):
        db.execute(
            "INSERT INTO training_money (case_id, kind, stage, pledge, amount, currency, value_on, evidence, nth) VALUES (?,?,?,?,?,?,?,?,?)",
            (*row, nth),
        )


def _fill_grant(db: Db, view: CaseView) -> None:
    body = _opening(view, GrantPledged, "pledge")
    handed = view.last("hand-over")
    row = (
        view.id, view.key, _text(body.pledge), view.sides["donor"], view.sides["beneficiary"], view.state.state, _text(body.item),
        _number(body.quantity), _number(_last(view, "hand-over", "quantity")), _text(_last(view, "hand-over", "handed_over_on")),
        _text(getattr(handed.body, "condition", None)) if handed else "", _text(_last(view, "support", "support_until")),
    )  # fmt: skip
    db.execute(
        "INSERT INTO training_grant (case_id, grant_key, pledge, donor, beneficiary, state, item, quantity, handed_over, handed_over_on,"
        " condition, support_until) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        row,
    )
    _money(
        db,
        view,
        "grant",
        _text(body.pledge),
        (("announced", "pledge", "amount_on"), ("committed", "contract", "contracted_on")),
    )


def _support_ends(view: CaseView) -> list[tuple[str, int]]:
    """Return the day after the last of support, as a deadline that both see; ending it is the donor's act."""
    last = day_of(_last(view, "support", "support_until"))
    return [("grant-support-ends", day_ms(last) + DAY_MS)] if last and view.state.state == "supported" else []


GRANT = CaseKind(
    table=GRANT_TABLE, opens=GrantPledged, sides=grant_sides, apply=_fill_grant, tables=("training_grant", "training_money"),
    purposes=(TRAINING,), dues=_support_ends,
    steps={
        GrantPledged: "pledge", GrantAgreed: "agree", GrantContracted: "contract", GrantHandedOver: "hand-over",
        GrantSupported: "support", GrantEnded: "end", GrantWithdrawn: "withdraw",
    },
    guards={
        "pledge": _dates("amount_on"), "contract": _dates("contracted_on"), "hand-over": _no_more_than_pledged,
        "support": _dates("support_until"), "end": _dates("ended_on"),
    },
)  # fmt: skip


# --- investment -------------------------------------------------------------------------------------------------------------------


INVESTMENT_TABLE = CaseType(
    name="training.investment",
    states=("new", "expressed", "mou", "approved", "committed", "realised", "withdrawn"),
    initial="new",
    transitions=(
        _row("express", ("new",), "expressed", "home"),
        _both("agree", ("expressed",), "mou"),
        _row("approve", ("mou",), "approved", "host"),
        _row("commit", ("approved",), "committed", "home"),
        _row("realise", ("committed", "realised"), "realised", "host"),
        _row("withdraw", ("expressed", "mou", "approved", "committed"), "withdrawn", "home"),
    ),
    resolver_role=_DESK,
)


def investment_sides(key: str, opening: Move) -> dict[str, str] | None:
    """Return the company's home and the host; the home opens, under a key that begins with its own name."""
    home, host = opening.step.party, _text(getattr(opening.body, "host", ""))
    return {"home": home, "host": host} if key.startswith(f"{home}-") and host not in ("", home) else None


def _within_commitment(view: CaseView, move: Move) -> str:
    body = move.body
    if (
        not isinstance(body, InvestmentRealised)
        or not isinstance(body.amount, str)
        or not isinstance(body.currency, str)
    ):
        return "`amount` and `currency` are missing"
    if not isinstance(body.evidence_sha256, str):
        return "`evidence_sha256` is missing: nothing is realised without evidence"
    bound, currency = _text(_last(view, "commit", "amount")), _text(_last(view, "commit", "currency"))
    if body.currency != currency:
        return f"`currency` `{body.currency}` is not that of the commitment, `{currency}`: state the sum as it was committed"
    before = sum((Decimal(_text(getattr(each.body, "amount", "0"))) for each in view.effective("realise")), Decimal(0))
    if before + Decimal(body.amount) > Decimal(bound or "0"):
        return f"`amount` `{body.amount}` with the `{before}` before it is more than the `{bound}` {currency} committed"
    return date_fault(body.realised_on, "realised_on")


def _bound(_view: CaseView, move: Move) -> str:
    body = move.body
    if (
        not isinstance(body, InvestmentCommitted)
        or not isinstance(body.amount, str)
        or not isinstance(body.currency, str)
    ):
        return "`amount` and `currency` are missing"
    return date_fault(body.committed_on, "committed_on")


def _fill_investment(db: Db, view: CaseView) -> None:
    body = _opening(view, InvestmentExpressed, "express")
    db.execute(
        "INSERT INTO training_investment (case_id, investment, home, host, state, company, corridor, kind) VALUES (?,?,?,?,?,?,?,?)",
        (
            view.id, view.key, view.sides["home"], view.sides["host"], view.state.state, _text(body.company), _text(body.corridor),
            _text(body.kind),
        ),
    )  # fmt: skip
    stages = (
        ("announced", "express", "announced_on"),
        ("committed", "commit", "committed_on"),
        ("realised", "realise", "realised_on"),
    )
    _money(db, view, "investment", "", stages)


INVESTMENT = CaseKind(
    table=INVESTMENT_TABLE, opens=InvestmentExpressed, sides=investment_sides, apply=_fill_investment,
    tables=("training_investment", "training_money"), purposes=(INDUSTRY,),
    steps={
        InvestmentExpressed: "express", InvestmentAgreed: "agree", InvestmentApproved: "approve", InvestmentCommitted: "commit",
        InvestmentRealised: "realise", InvestmentWithdrawn: "withdraw",
    },
    guards={"express": _dates("announced_on"), "commit": _bound, "realise": _within_commitment},
)  # fmt: skip

CASES = (SEAT, GRANT, INVESTMENT)
