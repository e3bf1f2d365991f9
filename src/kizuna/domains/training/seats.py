"""What desk officers do about seats: offer, nominate, vet, confirm, teach, follow up."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from msgspec import Meta

from kizuna.domains.training.cases import SEAT, TAKEN, seat_key
from kizuna.domains.training.operations import (
    BENEFICIARY,
    COURSE,
    DAY,
    NOTE,
    PERSON,
    PERSONAL,
    REASON,
    ROLES,
    SHA256,
    held_course,
    offered,
)
from kizuna.domains.training.records import (
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
from kizuna.domains.training.rules import is_person
from kizuna.errors import RefusedError
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome
from kizuna.kernel.record import WITHHELD

_AT_ONCE = 100
SEAT_KEY = Annotated[str, Meta(description="The seat, like `jpn-law-2027-001`.", min_length=1)]


class SeatsAsked(Asked, frozen=True):
    """Offer seats of a course to a party."""

    course: COURSE
    beneficiary: BENEFICIARY
    count: Annotated[int, Meta(description="How many seats.", ge=1, le=_AT_ONCE)] = 1


class NominateAsked(Asked, frozen=True):
    """Name a person for a seat that is offered to us."""

    course: COURSE
    person: PERSON
    seat: Annotated[str, Meta(description="The seat; the first free one if not given.")] = ""


class SeatAsked(Asked, frozen=True):
    """Go on with a seat."""

    seat: SEAT_KEY
    note: NOTE = ""


class SeatReasonAsked(Asked, frozen=True):
    """Take a seat, or a nomination, out."""

    seat: SEAT_KEY
    reason: REASON


class SeatDayAsked(Asked, frozen=True):
    """Say when it came about."""

    seat: SEAT_KEY
    on: DAY


class GraduateAsked(Asked, frozen=True):
    """Say that the person has finished the course."""

    seat: SEAT_KEY
    on: DAY
    certificate_sha256: SHA256 = ""


class FollowUpAsked(Asked, frozen=True):
    """Say what became of the training."""

    seat: SEAT_KEY
    on: DAY
    finding: Annotated[str, Meta(description="What was found; no personal data.", min_length=1, max_length=2000)]


def offer_seats(desk: Desk, asked: SeatsAsked) -> Outcome:
    """Offer seats of a course to one party, each as a case of its own.

    Raises:
        RefusedError: the course is not ours, or has not so many seats left; the beneficiary is ourselves.
    """
    held = held_course(desk, asked.course)
    if held is None or not asked.course.startswith(f"{desk.party}-"):
        raise RefusedError(f"`{asked.course}` is no course of ours: offer it first with `offer-course`")
    if asked.beneficiary == desk.party:
        raise RefusedError("`beneficiary`: a donor offers no seat to itself: name another party")
    left = held[1] - offered(desk, asked.course)
    if asked.count > left:
        raise RefusedError(
            f"`count`: `{asked.course}` has `{max(left, 0)}` of `{held[1]}` seats left, not `{asked.count}`: offer fewer, or more seats"
        )
    last = int(
        next(
            iter(
                desk.db.execute("SELECT COALESCE(MAX(seat_no), 0) FROM training_seat WHERE course = ?", (asked.course,))
            )
        )[0]
    )
    said = [
        desk.open(
            SEAT, seat_key(asked.course, number),
            SeatOffered(course=asked.course, seat_no=number, beneficiary=asked.beneficiary, pledge=held[2] or WITHHELD),
        )
        for number in range(last + 1, last + 1 + asked.count)
    ]  # fmt: skip
    return Outcome(tuple(said), {"left": left - asked.count})


def nominate(desk: Desk, asked: NominateAsked) -> Outcome:
    """Name a person for a seat that is offered to us.

    Raises:
        RefusedError: it is no pseudonym of ours, the person has a seat in the course, or no seat is free.
    """
    if not is_person(asked.person) or not asked.person.startswith(f"{desk.party}-p-"):
        raise RefusedError(
            f"`person`: `{asked.person[:40]}` is no pseudonym like `{desk.party}-p-17`: a name does not cross"
        )
    marks = ",".join("?" * len(TAKEN))
    twice = list(
        desk.db.execute(
            f"SELECT seat FROM training_seat WHERE course = ? AND person = ? AND state IN ({marks})",
            (asked.course, asked.person, *TAKEN),
        )
    )
    if twice:
        raise RefusedError(
            f"`person`: `{asked.person}` has seat `{twice[0][0]}` of `{asked.course}`: a person counts once a course"
        )
    free = [
        seat
        for (seat,) in desk.db.execute(
            "SELECT seat FROM training_seat WHERE course = ? AND beneficiary = ? AND state = 'offered' ORDER BY seat_no",
            (asked.course, desk.party),
        )
        if asked.seat in ("", seat)
    ]
    if not free:
        which = f"seat `{asked.seat[:60]}`" if asked.seat else "a seat"
        raise RefusedError(
            f"{which} of `{asked.course}` is not free for `{desk.party}`: every seat offered to us is given"
        )
    said = desk.step(SEAT, desk.case(SEAT, free[0]), SeatNominated(person=asked.person))
    return Outcome((replace(said, handling=PERSONAL),), {"seat": free[0]})


def decline(desk: Desk, asked: SeatReasonAsked) -> Outcome:
    """Do not accept the person; the seat is open again."""
    return desk.advance(SEAT, asked.seat, NomineeDeclined(reason=asked.reason))


def vet(desk: Desk, asked: SeatAsked) -> Outcome:
    """Say that nothing is against the person."""
    return desk.advance(SEAT, asked.seat, SeatVetted(note=asked.note))


def confirm(desk: Desk, asked: SeatAsked) -> Outcome:
    """Propose that the seat is taken; the other side signs."""
    return desk.advance(SEAT, asked.seat, SeatConfirmed(note=asked.note))


def travel(desk: Desk, asked: SeatDayAsked) -> Outcome:
    """Say that the person is on the way."""
    return desk.advance(SEAT, asked.seat, TraineeTravelled(arrives_on=asked.on))


def attend(desk: Desk, asked: SeatDayAsked) -> Outcome:
    """Say that the person is in class."""
    return desk.advance(SEAT, asked.seat, TraineeAttended(since_on=asked.on))


def graduate(desk: Desk, asked: GraduateAsked) -> Outcome:
    """Say that the person has finished: the seat is delivered."""
    body = SeatGraduated(graduated_on=asked.on, certificate_sha256=asked.certificate_sha256 or WITHHELD)
    return desk.advance(SEAT, asked.seat, body)


def withdraw_seat(desk: Desk, asked: SeatReasonAsked) -> Outcome:
    """Take the seat out."""
    return desk.advance(SEAT, asked.seat, SeatWithdrawn(reason=asked.reason))


def follow_up(desk: Desk, asked: FollowUpAsked) -> Outcome:
    """Say what became of the training."""
    return desk.advance(SEAT, asked.seat, SeatFollowedUp(followed_up_on=asked.on, finding=asked.finding))


def _offer(name: str, text: str, asks: type[Asked], run: Any) -> Operation:
    return Operation(name=name, text=text, asks=asks, run=run, roles=ROLES)


OPERATIONS = (
    _offer("offer-seats", "Offer seats of a course to a party.", SeatsAsked, offer_seats),
    _offer("nominate", "Name a person for a seat that is offered to us.", NominateAsked, nominate),
    _offer("decline", "Do not accept a person; the seat is open again.", SeatReasonAsked, decline),
    _offer("vet", "Say that nothing is against a person.", SeatAsked, vet),
    _offer("confirm", "Propose that a seat is taken; the other side signs.", SeatAsked, confirm),
    _offer("travel", "Say that a person is on the way.", SeatDayAsked, travel),
    _offer("attend", "Say that a person is in class.", SeatDayAsked, attend),
    _offer("graduate", "Say that a person has finished the course.", GraduateAsked, graduate),
    _offer("withdraw-seat", "Take a seat out.", SeatReasonAsked, withdraw_seat),
    _offer("follow-up", "Say what became of the training.", FollowUpAsked, follow_up),
)
