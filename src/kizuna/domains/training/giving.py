"""What desk officers do about grants and investment: pledge, agree, contract, hand over; express, approve, commit, realise."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from kizuna.domains.training.cases import GRANT, INVESTMENT
from kizuna.domains.training.operations import BENEFICIARY, DAY, NOTE, PLEDGE, REASON, ROLES
from kizuna.domains.training.records import (
    Amount,
    Currency,
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
)
from kizuna.domains.training.rules import check_day, check_money
from kizuna.kernel.casework import CaseKind
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome
from kizuna.kernel.record import WITHHELD, Body

GRANT_KEY = Annotated[
    str, Meta(description="The grant, like `jpn-boats-2027`: the donor's name comes first.", min_length=1)
]
INVESTMENT_KEY = Annotated[
    str, Meta(description="The investment, like `jpn-motors-2027`: the company's home comes first.", min_length=1)
]
AMOUNT = Annotated[Amount, Meta(description="The amount, in digits.")]
CURRENCY = Annotated[Currency, Meta(description="Its currency, ISO 4217.")]
QUANTITY = Annotated[int, Meta(description="How many.", ge=1, le=10_000_000)]


class PledgeGrantAsked(Asked, frozen=True):
    """Pledge equipment to a party; an amount only where it is known."""

    grant: GRANT_KEY
    beneficiary: BENEFICIARY
    item: Annotated[str, Meta(description="What is given.", min_length=1, max_length=200)]
    quantity: QUANTITY
    pledge: PLEDGE = ""
    amount: Annotated[Amount | None, Meta(description="What it is to cost, in digits.")] = None
    currency: Annotated[Currency | None, Meta(description="Its currency, ISO 4217.")] = None
    amount_on: DAY = "unknown"


class AgreeAsked(Asked, frozen=True):
    """Propose the grant's terms."""

    grant: GRANT_KEY
    terms: NOTE = ""


class ContractAsked(Asked, frozen=True):
    """Say that it is ordered."""

    grant: GRANT_KEY
    contract: Annotated[str, Meta(description="The contract's number.", min_length=1, max_length=100)]
    amount: AMOUNT
    currency: CURRENCY
    contracted_on: DAY


class HandOverAsked(Asked, frozen=True):
    """Propose the hand-over; the other side signs that it is so."""

    grant: GRANT_KEY
    quantity: QUANTITY
    condition: Annotated[str, Meta(description="In what condition.", min_length=1, max_length=2000)]
    handed_over_on: DAY
    place: Annotated[str, Meta(description="Where.", max_length=200)] = ""


class SupportAsked(Asked, frozen=True):
    """Say until when it is supported."""

    grant: GRANT_KEY
    support_until: DAY


class EndAsked(Asked, frozen=True):
    """Say that support has ended."""

    grant: GRANT_KEY
    ended_on: DAY


class GrantReasonAsked(Asked, frozen=True):
    """Give the grant up."""

    grant: GRANT_KEY
    reason: REASON


class ExpressAsked(Asked, frozen=True):
    """Say that a company of ours means to invest."""

    investment: INVESTMENT_KEY
    host: Annotated[str, Meta(description="The party in whose country it would invest.", min_length=1)]
    company: Annotated[str, Meta(description="The company.", min_length=1, max_length=200)]
    kind: Annotated[Literal["fdi", "joint-venture", "licence"], Meta(description="In which form.")]
    text: NOTE = ""
    corridor: Annotated[str, Meta(description="The defence corridor, where it is in one.", max_length=100)] = ""
    amount: Annotated[Amount | None, Meta(description="What was announced, in digits.")] = None
    currency: Annotated[Currency | None, Meta(description="Its currency, ISO 4217.")] = None
    announced_on: DAY = "unknown"


class MemorandumAsked(Asked, frozen=True):
    """Propose that a memorandum stands."""

    investment: INVESTMENT_KEY
    memorandum: Annotated[str, Meta(description="What was signed, between whom.", min_length=1, max_length=500)]


class ApproveAsked(Asked, frozen=True):
    """Approve it, as the host."""

    investment: INVESTMENT_KEY
    approval: Annotated[str, Meta(description="The approval's number.", min_length=1, max_length=100)]


class CommitAsked(Asked, frozen=True):
    """Say that the company has bound itself."""

    investment: INVESTMENT_KEY
    amount: AMOUNT
    currency: CURRENCY
    committed_on: DAY


class RealiseAsked(Asked, frozen=True):
    """Say that a part was spent, with the evidence for it."""

    investment: INVESTMENT_KEY
    amount: AMOUNT
    currency: CURRENCY
    realised_on: DAY
    evidence_sha256: Annotated[str, Meta(description="The evidence's digest, in hex.", pattern=r"\A[0-9a-f]{64}\Z")]


class InvestmentReasonAsked(Asked, frozen=True):
    """Say that the company invests no further."""

    investment: INVESTMENT_KEY
    reason: REASON


def _checked(asked: Any, day: str) -> None:
    if asked.amount is not None or asked.currency is not None:
        check_money(asked.amount or "0", asked.currency or "")
    check_day(getattr(asked, day), day)


def _opened(desk: Desk, kind: CaseKind, key: str, body: Body) -> Outcome:
    return Outcome((desk.open(kind, key, body),))


def pledge_grant(desk: Desk, asked: PledgeGrantAsked) -> Outcome:
    """Pledge equipment."""
    _checked(asked, "amount_on")
    body = GrantPledged(
        pledge=asked.pledge or WITHHELD, beneficiary=asked.beneficiary, item=asked.item, quantity=asked.quantity,
        amount=asked.amount or WITHHELD, currency=asked.currency or WITHHELD, amount_on=asked.amount_on,
    )  # fmt: skip
    return _opened(desk, GRANT, asked.grant, body)


def agree_grant(desk: Desk, asked: AgreeAsked) -> Outcome:
    """Propose the terms."""
    return desk.advance(GRANT, asked.grant, GrantAgreed(terms=asked.terms))


def contract(desk: Desk, asked: ContractAsked) -> Outcome:
    """Say that it is ordered."""
    _checked(asked, "contracted_on")
    body = GrantContracted(
        contract=asked.contract, amount=asked.amount, currency=asked.currency, contracted_on=asked.contracted_on
    )
    return desk.advance(GRANT, asked.grant, body)


def hand_over(desk: Desk, asked: HandOverAsked) -> Outcome:
    """Propose the hand-over."""
    body = GrantHandedOver(
        quantity=asked.quantity,
        condition=asked.condition,
        handed_over_on=asked.handed_over_on,
        place=asked.place or WITHHELD,
    )
    return desk.advance(GRANT, asked.grant, body)


def support(desk: Desk, asked: SupportAsked) -> Outcome:
    """Say until when it is supported."""
    return desk.advance(GRANT, asked.grant, GrantSupported(support_until=asked.support_until))


def end_support(desk: Desk, asked: EndAsked) -> Outcome:
    """Say that support has ended."""
    return desk.advance(GRANT, asked.grant, GrantEnded(ended_on=asked.ended_on))


def withdraw_grant(desk: Desk, asked: GrantReasonAsked) -> Outcome:
    """Give the grant up."""
    return desk.advance(GRANT, asked.grant, GrantWithdrawn(reason=asked.reason))


def express(desk: Desk, asked: ExpressAsked) -> Outcome:
    """Say that a company means to invest."""
    _checked(asked, "announced_on")
    body = InvestmentExpressed(
        host=asked.host, company=asked.company, corridor=asked.corridor or WITHHELD, kind=asked.kind, text=asked.text or WITHHELD,
        amount=asked.amount or WITHHELD, currency=asked.currency or WITHHELD, announced_on=asked.announced_on,
    )  # fmt: skip
    return _opened(desk, INVESTMENT, asked.investment, body)


def agree_investment(desk: Desk, asked: MemorandumAsked) -> Outcome:
    """Propose that a memorandum stands."""
    return desk.advance(INVESTMENT, asked.investment, InvestmentAgreed(memorandum=asked.memorandum))


def approve(desk: Desk, asked: ApproveAsked) -> Outcome:
    """Approve it, as the host."""
    return desk.advance(INVESTMENT, asked.investment, InvestmentApproved(approval=asked.approval))


def commit(desk: Desk, asked: CommitAsked) -> Outcome:
    """Say that the company has bound itself."""
    _checked(asked, "committed_on")
    body = InvestmentCommitted(amount=asked.amount, currency=asked.currency, committed_on=asked.committed_on)
    return desk.advance(INVESTMENT, asked.investment, body)


def realise(desk: Desk, asked: RealiseAsked) -> Outcome:
    """Say that a part was spent."""
    _checked(asked, "realised_on")
    body = InvestmentRealised(
        amount=asked.amount,
        currency=asked.currency,
        realised_on=asked.realised_on,
        evidence_sha256=asked.evidence_sha256,
    )
    return desk.advance(INVESTMENT, asked.investment, body)


def withdraw_investment(desk: Desk, asked: InvestmentReasonAsked) -> Outcome:
    """Say that the company invests no further."""
    return desk.advance(INVESTMENT, asked.investment, InvestmentWithdrawn(reason=asked.reason))


def _offer(name: str, text: str, asks: type[Asked], run: Any) -> Operation:
    return Operation(name=name, text=text, asks=asks, run=run, roles=ROLES)


OPERATIONS = (
    _offer("pledge-grant", "Pledge equipment to a party.", PledgeGrantAsked, pledge_grant),
    _offer("agree-grant", "Propose a grant's terms; the other side signs.", AgreeAsked, agree_grant),
    _offer("contract", "Say that granted equipment is ordered.", ContractAsked, contract),
    _offer("hand-over", "Propose a hand-over; the other side signs that it is so.", HandOverAsked, hand_over),
    _offer("support", "Say until when granted equipment is supported.", SupportAsked, support),
    _offer("end-support", "Say that support has ended.", EndAsked, end_support),
    _offer("withdraw-grant", "Give a grant up.", GrantReasonAsked, withdraw_grant),
    _offer("express", "Say that a company of ours means to invest.", ExpressAsked, express),
    _offer(
        "agree-investment", "Propose that a memorandum stands; the other side signs.", MemorandumAsked, agree_investment
    ),
    _offer("approve", "Approve an investment, as the host.", ApproveAsked, approve),
    _offer("commit", "Say that a company has bound itself to an amount.", CommitAsked, commit),
    _offer("realise", "Say that a part was spent, with evidence.", RealiseAsked, realise),
    _offer("withdraw-investment", "Say that a company invests no further.", InvestmentReasonAsked, withdraw_investment),
)
