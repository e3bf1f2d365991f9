"""What parties say of training, grants and investment: pledges, courses, seats, equipment, money and the evidence for each.

Money is a decimal as text in its own currency, with the day to which it belongs; it is never converted. Trainees are pseudonyms that their own
party gives; who stands behind one is said in a record of its own, which stays at home and has an end. What is not known is left out.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from kizuna.kernel.record import WITHHELD, Body, Withheld

Amount = Annotated[str, msgspec.Meta(pattern=r"\A(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?\Z")]
"""A sum of money, exact: digits, and at most four after a point."""
Currency = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3}\Z")]
Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
Confidence = Literal["primary", "stated-in-source", "news", "derived", "unconfirmed"]
"""How well a fact is founded, the best first."""
CountingRule = Literal["persons", "seats", "unknown"]
"""What counts towards a number of people: each person once a course, or each seat; `unknown` where the pledge does not say."""
ItemKind = Literal[
    "fdi",
    "joint-venture",
    "licence",
    "invitation",
    "proposal",
    "offer",
    "request",
    "interest",
    "project",
    "dialogue",
    "agreement",
]
Stage = Literal["expressed", "mou", "approved", "committed", "realised", "withdrawn"]


class PledgeStated(Body, frozen=True):
    """A pledge as somebody states it: `by` gives it, `asserted_by` says so, the issuer passes it on with its sources."""

    pledge: str | Withheld = WITHHELD
    by: str | Withheld = WITHHELD
    beneficiaries: tuple[str, ...] | Withheld = WITHHELD
    text: str | Withheld = WITHHELD
    persons_min: Count | Withheld = WITHHELD
    counting_rule: CountingRule | Withheld = WITHHELD
    countries_min: Count | Withheld = WITHHELD
    amount_min: Amount | Withheld = WITHHELD
    currency: Currency | Withheld = WITHHELD
    period_years: Count | Withheld = WITHHELD
    announced_on: str | Withheld = WITHHELD
    event: str | Withheld = WITHHELD
    asserted_by: str | Withheld = WITHHELD
    preferred: bool | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class CourseOffered(Body, frozen=True):
    """A donor offers a course with so many seats; a later revision of the same course replaces the earlier one."""

    course: str | Withheld = WITHHELD
    revision: Count | Withheld = WITHHELD
    pledge: str | Withheld = WITHHELD
    title: str | Withheld = WITHHELD
    school: str | Withheld = WITHHELD
    starts_on: str | Withheld = WITHHELD
    ends_on: str | Withheld = WITHHELD
    seats: Count | Withheld = WITHHELD
    counting_rule: CountingRule | Withheld = WITHHELD


class TransactionReported(Body, frozen=True):
    """The donor reports that money was committed or disbursed for a pledge; `about` is what it was for, such as `grant:jpn-boats-1`."""

    transaction: str | Withheld = WITHHELD
    pledge: str | Withheld = WITHHELD
    kind: Literal["commitment", "disbursement"] | Withheld = WITHHELD
    amount: Amount | Withheld = WITHHELD
    currency: Currency | Withheld = WITHHELD
    value_on: str | Withheld = WITHHELD
    beneficiary: str | Withheld = WITHHELD
    about: str | Withheld = WITHHELD
    text: str | Withheld = WITHHELD


class EvidenceFiled(Body, frozen=True):
    """What shows that something was delivered: a file by its digest, or where it is to be read."""

    about: str | Withheld = WITHHELD
    title: str | Withheld = WITHHELD
    sha256: Digest | Withheld = WITHHELD
    source: str | Withheld = WITHHELD


class PersonNoted(Body, frozen=True):
    """Who stands behind a pseudonym: as little as the nominating party needs, kept at home until `retain_until`."""

    person: str | Withheld = WITHHELD
    name: str | Withheld = WITHHELD
    unit: str | Withheld = WITHHELD
    retain_until: str | Withheld = WITHHELD


class IndustryStated(Body, frozen=True):
    """An item of industrial cooperation as somebody states it: an invitation, an offer, a project."""

    item: str | Withheld = WITHHELD
    text: str | Withheld = WITHHELD
    kind: ItemKind | Withheld = WITHHELD
    stage: Stage | Withheld = WITHHELD
    stated_on: str | Withheld = WITHHELD
    organisations: tuple[str, ...] | Withheld = WITHHELD
    made_at: str | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


# --- a seat -----------------------------------------------------------------------------------------------------------------------


class SeatOffered(Body, frozen=True):
    """The donor offers one seat of a course to one party."""

    course: str | Withheld = WITHHELD
    seat_no: Count | Withheld = WITHHELD
    beneficiary: str | Withheld = WITHHELD
    pledge: str | Withheld = WITHHELD


class SeatNominated(Body, frozen=True):
    """The beneficiary names a person for the seat, by pseudonym."""

    person: str | Withheld = WITHHELD


class NomineeDeclined(Body, frozen=True):
    """The donor does not accept the person; the seat is open again."""

    reason: str | Withheld = WITHHELD


class SeatVetted(Body, frozen=True):
    """The donor has nothing against the person."""

    note: str | Withheld = WITHHELD


class SeatConfirmed(Body, frozen=True):
    """Both sides hold the seat to be taken."""

    note: str | Withheld = WITHHELD


class TraineeTravelled(Body, frozen=True):
    """The person is on the way."""

    arrives_on: str | Withheld = WITHHELD


class TraineeAttended(Body, frozen=True):
    """The school has the person in class."""

    since_on: str | Withheld = WITHHELD


class SeatGraduated(Body, frozen=True):
    """The school has led the person to the end of the course: the seat is delivered."""

    graduated_on: str | Withheld = WITHHELD
    certificate_sha256: Digest | Withheld = WITHHELD


class SeatWithdrawn(Body, frozen=True):
    """Either side takes the seat out; it is given to nobody any more."""

    reason: str | Withheld = WITHHELD


class SeatFollowedUp(Body, frozen=True):
    """The donor has asked what became of the training."""

    followed_up_on: str | Withheld = WITHHELD
    finding: str | Withheld = WITHHELD


# --- a grant of equipment ---------------------------------------------------------------------------------------------------------


class GrantPledged(Body, frozen=True):
    """The donor means to give equipment to one party."""

    pledge: str | Withheld = WITHHELD
    beneficiary: str | Withheld = WITHHELD
    item: str | Withheld = WITHHELD
    quantity: Count | Withheld = WITHHELD
    amount: Amount | Withheld = WITHHELD
    currency: Currency | Withheld = WITHHELD
    amount_on: str | Withheld = WITHHELD


class GrantAgreed(Body, frozen=True):
    """Both sides agree on the grant."""

    terms: str | Withheld = WITHHELD


class GrantContracted(Body, frozen=True):
    """The donor has ordered the equipment, at this price."""

    contract: str | Withheld = WITHHELD
    amount: Amount | Withheld = WITHHELD
    currency: Currency | Withheld = WITHHELD
    contracted_on: str | Withheld = WITHHELD


class GrantHandedOver(Body, frozen=True):
    """The equipment changed hands, so much of it and in this condition; both sides sign."""

    quantity: Count | Withheld = WITHHELD
    condition: str | Withheld = WITHHELD
    handed_over_on: str | Withheld = WITHHELD
    place: str | Withheld = WITHHELD


class GrantSupported(Body, frozen=True):
    """The donor supports the equipment until a day."""

    support_until: str | Withheld = WITHHELD


class GrantEnded(Body, frozen=True):
    """Support has ended."""

    ended_on: str | Withheld = WITHHELD


class GrantWithdrawn(Body, frozen=True):
    """Either side gives the grant up before anything changed hands."""

    reason: str | Withheld = WITHHELD


# --- an investment ----------------------------------------------------------------------------------------------------------------


class InvestmentExpressed(Body, frozen=True):
    """A company means to invest in the host's country: its home officer says so. Announced is not realised."""

    host: str | Withheld = WITHHELD
    company: str | Withheld = WITHHELD
    corridor: str | Withheld = WITHHELD
    kind: Literal["fdi", "joint-venture", "licence"] | Withheld = WITHHELD
    text: str | Withheld = WITHHELD
    amount: Amount | Withheld = WITHHELD
    currency: Currency | Withheld = WITHHELD
    announced_on: str | Withheld = WITHHELD


class InvestmentAgreed(Body, frozen=True):
    """A memorandum was signed; both sides know of it."""

    memorandum: str | Withheld = WITHHELD


class InvestmentApproved(Body, frozen=True):
    """The host has given its approval."""

    approval: str | Withheld = WITHHELD


class InvestmentCommitted(Body, frozen=True):
    """The company has bound itself to an amount."""

    amount: Amount | Withheld = WITHHELD
    currency: Currency | Withheld = WITHHELD
    committed_on: str | Withheld = WITHHELD


class InvestmentRealised(Body, frozen=True):
    """The host has evidence that a part of what was committed was spent; several parts add up."""

    amount: Amount | Withheld = WITHHELD
    currency: Currency | Withheld = WITHHELD
    realised_on: str | Withheld = WITHHELD
    evidence_sha256: Digest | Withheld = WITHHELD


class InvestmentWithdrawn(Body, frozen=True):
    """The company invests no further."""

    reason: str | Withheld = WITHHELD


PLEDGE_STATED = "training.pledge-stated.v1"
COURSE_OFFERED = "training.course-offered.v1"
TRANSACTION_REPORTED = "training.transaction-reported.v1"
EVIDENCE_FILED = "training.evidence-filed.v1"
PERSON_NOTED = "training.person-noted.v1"
INDUSTRY_STATED = "training.industry-stated.v1"
SEAT_RECORDS: dict[str, type[Body]] = {
    "training.nominee-declined.v1": NomineeDeclined,
    "training.seat-confirmed.v1": SeatConfirmed,
    "training.seat-followed-up.v1": SeatFollowedUp,
    "training.seat-graduated.v1": SeatGraduated,
    "training.seat-nominated.v1": SeatNominated,
    "training.seat-offered.v1": SeatOffered,
    "training.seat-vetted.v1": SeatVetted,
    "training.seat-withdrawn.v1": SeatWithdrawn,
    "training.trainee-attended.v1": TraineeAttended,
    "training.trainee-travelled.v1": TraineeTravelled,
}
GRANT_RECORDS: dict[str, type[Body]] = {
    "training.grant-agreed.v1": GrantAgreed,
    "training.grant-contracted.v1": GrantContracted,
    "training.grant-ended.v1": GrantEnded,
    "training.grant-handed-over.v1": GrantHandedOver,
    "training.grant-pledged.v1": GrantPledged,
    "training.grant-supported.v1": GrantSupported,
    "training.grant-withdrawn.v1": GrantWithdrawn,
}
INVESTMENT_RECORDS: dict[str, type[Body]] = {
    "training.investment-agreed.v1": InvestmentAgreed,
    "training.investment-approved.v1": InvestmentApproved,
    "training.investment-committed.v1": InvestmentCommitted,
    "training.investment-expressed.v1": InvestmentExpressed,
    "training.investment-realised.v1": InvestmentRealised,
    "training.investment-withdrawn.v1": InvestmentWithdrawn,
}
RECORDS: dict[str, type[Body]] = {
    COURSE_OFFERED: CourseOffered,
    EVIDENCE_FILED: EvidenceFiled,
    INDUSTRY_STATED: IndustryStated,
    PERSON_NOTED: PersonNoted,
    PLEDGE_STATED: PledgeStated,
    TRANSACTION_REPORTED: TransactionReported,
    **SEAT_RECORDS,
    **GRANT_RECORDS,
    **INVESTMENT_RECORDS,
}
