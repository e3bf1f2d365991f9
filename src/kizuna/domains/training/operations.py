"""What desk officers do about pledges and courses: state, offer, report money, file the evidence, note persons at home."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from kizuna.domains.training.cases import INDUSTRY, TRAINING
from kizuna.domains.training.records import (
    COURSE_OFFERED,
    EVIDENCE_FILED,
    INDUSTRY_STATED,
    PERSON_NOTED,
    PLEDGE_STATED,
    TRANSACTION_REPORTED,
    Amount,
    Count,
    CourseOffered,
    Currency,
    EvidenceFiled,
    PersonNoted,
    TransactionReported,
)
from kizuna.domains.training.register import bundled
from kizuna.domains.training.rules import check_day, check_money, day_of, is_person
from kizuna.errors import RefusedError
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement
from kizuna.kernel.record import WITHHELD, Body

ROLES = frozenset({"desk"})
PERSONAL = "personal"
TO = Annotated[tuple[str, ...], Meta(description="Let these parties have it; without any it stays at home.")]
COURSE = Annotated[
    str,
    Meta(
        description="The course, like `jpn-law-2027`: the donor's name comes first.",
        pattern=r"\A[a-z][a-z0-9-]{2,60}\Z",
    ),
]
PLEDGE = Annotated[str, Meta(description="The pledge that it counts for.")]
DAY = Annotated[str, Meta(description="The day, YYYY-MM-DD, or YYYY-MM, YYYY or `unknown`.")]
NOTE = Annotated[str, Meta(description="A remark; the other side reads it.", max_length=2000)]
REASON = Annotated[str, Meta(description="Why; the other side reads it.", min_length=1, max_length=2000)]
BENEFICIARY = Annotated[str, Meta(description="The party that benefits.", min_length=1)]
PERSON = Annotated[
    str, Meta(description="The person's pseudonym, like `ind-p-17`; a name does not cross.", min_length=1)
]
SHA256 = Annotated[str, Meta(description="A file's digest, in hex.", pattern=r"\A([0-9a-f]{64})?\Z")]
_ABOUT = "What it is about: `seat:`, `course:`, `grant:`, `investment:` or `transaction:` and its key."


class LoadAsked(Asked, frozen=True):
    """Load the bundled facts."""

    to: TO = ()


class CourseAsked(Asked, frozen=True):
    """Offer a course, or offer it anew with other seats or days."""

    course: COURSE
    title: Annotated[str, Meta(description="What is taught.", min_length=1, max_length=200)]
    seats: Annotated[Count, Meta(description="How many seats it has in all.")]
    counting_rule: Annotated[
        Literal["persons", "seats"], Meta(description="What counts: each person once, or each seat.")
    ]
    pledge: PLEDGE = ""
    school: Annotated[str, Meta(description="Where it is taught.", max_length=200)] = ""
    starts_on: DAY = "unknown"
    ends_on: DAY = "unknown"
    to: TO = ()


class TransactionAsked(Asked, frozen=True):
    """Report money that we, the donor, committed or disbursed."""

    transaction: Annotated[str, Meta(description="Its number, like `jpn-2027-17`.", min_length=1, max_length=100)]
    pledge: Annotated[str, Meta(description="The pledge that it counts for.", min_length=1)]
    kind: Annotated[Literal["commitment", "disbursement"], Meta(description="Whether it was bound or paid.")]
    amount: Annotated[Amount, Meta(description="The amount, in digits.")]
    currency: Annotated[Currency, Meta(description="Its currency, ISO 4217.")]
    value_on: DAY
    beneficiary: BENEFICIARY
    about: Annotated[str, Meta(description="What it was for, like `grant:jpn-boats-1`.")] = ""
    text: NOTE = ""
    to: TO = ()


class EvidenceAsked(Asked, frozen=True):
    """File evidence."""

    about: Annotated[
        str,
        Meta(
            description=_ABOUT, pattern=r"\A(seat|course|grant|investment|transaction):[A-Za-z0-9][A-Za-z0-9.-]{0,99}\Z"
        ),
    ]
    title: Annotated[str, Meta(description="What it is.", min_length=1, max_length=200)]
    sha256: SHA256 = ""
    source: Annotated[str, Meta(description="Where it is to be read.", max_length=500)] = ""
    to: TO = ()


class PersonAsked(Asked, frozen=True):
    """Note who stands behind a pseudonym; it never leaves this node."""

    person: PERSON
    name: Annotated[str, Meta(description="The person's name.", min_length=1, max_length=100)]
    retain_until: Annotated[str, Meta(description="The day after which it is to be destroyed, YYYY-MM-DD.")]
    unit: Annotated[str, Meta(description="The person's unit.", max_length=100)] = ""


# --- facts and courses ------------------------------------------------------------------------------------------------------------


def load_bundled(desk: Desk, asked: LoadAsked) -> Outcome:
    """Say the bundled facts; what this party has said already is not said again."""
    facts = bundled()
    pledges = set(
        desk.db.execute(
            "SELECT pledge, COALESCE(asserted_by, '') FROM training_pledge WHERE stated_by = ?", (desk.party,)
        )
    )
    items = {
        item for (item,) in desk.db.execute("SELECT item FROM training_industry WHERE stated_by = ?", (desk.party,))
    }
    said = [
        *(
            Statement(type=PLEDGE_STATED, body=body, subject=f"pledge:{body.pledge}", to=asked.to, purposes=(TRAINING,))
            for body in facts.pledges
            if (body.pledge, body.asserted_by or "") not in pledges
        ),
        *(
            Statement(
                type=INDUSTRY_STATED,
                body=body,
                subject=f"industry:{body.item}",
                to=asked.to,
                purposes=(INDUSTRY,),
            )
            for body in facts.industry
            if body.item not in items
        ),
    ]
    return Outcome(
        tuple(said), {"facts": len(said), "known already": len(facts.pledges) + len(facts.industry) - len(said)}
    )


def held_course(desk: Desk, course: str) -> tuple[int, int, str] | None:
    """Return a course's newest revision as its own donor states it: its number, its seats, its pledge; None where none is held."""
    donor = course.partition("-")[0]
    rows = list(
        desk.db.execute(
            "SELECT revision, seats, COALESCE(pledge, '') FROM training_course WHERE course = ? AND stated_by = ?"
            " ORDER BY COALESCE(revision, 0) DESC, record_id LIMIT 1",
            (course, donor),
        )
    )
    return (rows[0][0] or 0, rows[0][1] or 0, rows[0][2]) if rows else None


def offered(desk: Desk, course: str) -> int:
    """Return how many seats of a course are offered to parties and not withdrawn."""
    query = "SELECT COUNT(*) FROM training_seat WHERE course = ? AND state <> 'withdrawn'"
    return int(next(iter(desk.db.execute(query, (course,))))[0])


def offer_course(desk: Desk, asked: CourseAsked) -> Outcome:
    """Offer a course.

    Raises:
        RefusedError: it is not ours by its name, a date is none, or fewer seats are left than were offered to parties.
    """
    if not asked.course.startswith(f"{desk.party}-"):
        raise RefusedError(f"`course` `{asked.course}` is not ours: its name begins with `{desk.party}-`")
    check_day(asked.starts_on, "starts_on")
    check_day(asked.ends_on, "ends_on")
    taken = offered(desk, asked.course)
    if asked.seats < taken:
        raise RefusedError(f"`seats`: `{taken}` seats of `{asked.course}` are offered already: withdraw some first")
    held = held_course(desk, asked.course)
    body = CourseOffered(
        course=asked.course, revision=held[0] + 1 if held else 1, pledge=asked.pledge or WITHHELD, title=asked.title,
        school=asked.school or WITHHELD, starts_on=asked.starts_on, ends_on=asked.ends_on, seats=asked.seats,
        counting_rule=asked.counting_rule,
    )  # fmt: skip
    return Outcome((_fact(COURSE_OFFERED, body, f"course:{asked.course}", asked.to),))


def _fact(type_: str, body: Body, subject: str, to: tuple[str, ...]) -> Statement:
    return Statement(type=type_, body=body, subject=subject, to=to, purposes=(TRAINING,))


# --- money, evidence, persons -----------------------------------------------------------------------------------------------------


def report_transaction(desk: Desk, asked: TransactionAsked) -> Outcome:
    """Report money for a pledge.

    Raises:
        RefusedError: we would report our own benefit, or for another's pledge; currency, amount or day do not fit; the number is taken.
    """
    if asked.beneficiary == desk.party:
        raise RefusedError("`beneficiary`: who benefits does not report it: the donor reports, we may file evidence")
    givers = {
        giver
        for (giver,) in desk.db.execute("SELECT given_by FROM training_pledge WHERE pledge = ?", (asked.pledge,))
        if giver
    }
    if givers and desk.party not in givers:
        raise RefusedError(f"`pledge`: `{asked.pledge}` is given by {', '.join(sorted(givers))}, which reports for it")
    check_money(asked.amount, asked.currency)
    check_day(asked.value_on, "value_on")
    taken = list(
        desk.db.execute(
            "SELECT 1 FROM training_transaction WHERE transaction_key = ? AND stated_by = ?",
            (asked.transaction, desk.party),
        )
    )
    if taken:
        raise RefusedError(
            f"`transaction`: `{asked.transaction}` was reported already: a second one would count twice; give another number"
        )
    body = TransactionReported(
        transaction=asked.transaction, pledge=asked.pledge, kind=asked.kind, amount=asked.amount, currency=asked.currency,
        value_on=asked.value_on, beneficiary=asked.beneficiary, about=asked.about or WITHHELD, text=asked.text or WITHHELD,
    )  # fmt: skip
    return Outcome((_fact(TRANSACTION_REPORTED, body, f"transaction:{asked.transaction}", asked.to),))


def file_evidence(_desk: Desk, asked: EvidenceAsked) -> Outcome:
    """File evidence.

    Raises:
        RefusedError: neither a digest nor a place is given.
    """
    if not asked.sha256 and not asked.source:
        raise RefusedError("evidence is a file or a place to read it: give `sha256` or `source`")
    body = EvidenceFiled(
        about=asked.about, title=asked.title, sha256=asked.sha256 or WITHHELD, source=asked.source or WITHHELD
    )
    said = Statement(type=EVIDENCE_FILED, body=body, subject=asked.about, to=asked.to, purposes=(TRAINING, INDUSTRY))
    return Outcome((said,))


def note_person(desk: Desk, asked: PersonAsked) -> Outcome:
    """Note who stands behind a pseudonym, at home alone.

    Raises:
        RefusedError: it is no pseudonym of ours, or no end is given or it is past.
    """
    if not is_person(asked.person) or not asked.person.startswith(f"{desk.party}-p-"):
        raise RefusedError(f"`person`: `{asked.person[:40]}` is no pseudonym of ours, like `{desk.party}-p-17`")
    if not day_of(asked.retain_until):
        raise RefusedError(
            f"`retain_until`: `{asked.retain_until[:20]}` is no day: personal data needs an end, YYYY-MM-DD"
        )
    body = PersonNoted(
        person=asked.person, name=asked.name, unit=asked.unit or WITHHELD, retain_until=asked.retain_until
    )
    said = Statement(type=PERSON_NOTED, body=body, subject=f"person:{asked.person}", handling=PERSONAL)
    return Outcome((said,))


def _offer(name: str, text: str, asks: type[Asked], run: Any) -> Operation:
    return Operation(name=name, text=text, asks=asks, run=run, roles=ROLES)


OPERATIONS = (
    _offer(
        "load-bundled", "State the bundled pledges and industry items, with their sources.", LoadAsked, load_bundled
    ),
    _offer("offer-course", "Offer a course with so many seats.", CourseAsked, offer_course),
    _offer(
        "report-transaction",
        "Report money that we committed or disbursed for a pledge.",
        TransactionAsked,
        report_transaction,
    ),
    _offer("file-evidence", "File what shows that something was delivered.", EvidenceAsked, file_evidence),
    _offer(
        "note-person", "Note who stands behind a pseudonym; it stays at home and has an end.", PersonAsked, note_person
    ),
)
