"""What is ordered and allowed of copies that are out: another grade for every one of them, and what a third party may have."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kizuna.domains.protection.cases import COPY, open_orders, open_requests, standing_consents
from kizuna.domains.protection.queries import level_now
from kizuna.domains.protection.records import (
    DocumentRegraded,
    Level,
    OnwardConsented,
    OnwardRefused,
    OnwardRequested,
    OnwardRevoked,
    PassedOn,
    RegradeAcknowledged,
    RegradeOrdered,
)
from kizuna.domains.protection.requests import COPY_NAME, DAY, DOCUMENT, ROLES, TEXT, copy_of, step
from kizuna.errors import RefusedError
from kizuna.kernel import label
from kizuna.kernel.casework import Move
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement

RECIPIENT = Annotated[str, Meta(description="The third party.", min_length=2, max_length=32)]
SCOPE = Annotated[str, Meta(description="What of the copy it is to have, in words.", min_length=1, max_length=300)]


class RegradeAsked(Asked, frozen=True):
    """Give a document of ours another grade."""

    document: DOCUMENT
    level: Annotated[Level, Meta(description="The new grade in the document's policy.")]
    reason: TEXT


class CopyAsked(Asked, frozen=True):
    """Which copy."""

    copy: COPY_NAME


class OnwardAsked(Asked, frozen=True):
    """Ask to let a third party have something."""

    copy: COPY_NAME
    recipient: RECIPIENT
    scope: SCOPE
    reason: TEXT


class ConsentAsked(Asked, frozen=True):
    """Consent to a request."""

    copy: COPY_NAME
    recipient: RECIPIENT
    until_on: DAY


class AnswerAsked(Asked, frozen=True):
    """Refuse a request, or take a consent back."""

    copy: COPY_NAME
    recipient: RECIPIENT
    reason: TEXT


class PassAsked(Asked, frozen=True):
    """Say that a third party was given what it may have."""

    copy: COPY_NAME
    recipient: RECIPIENT
    on: DAY


def order_regrade(desk: Desk, asked: RegradeAsked) -> Outcome:
    """Regrade a document of ours, and order it of every copy that is not destroyed.

    Raises:
        RefusedError: the document is not in our register, or has the grade already.
    """
    held = level_now(desk, asked.document)
    if held is None:
        raise RefusedError(
            f"`document`: `{asked.document[:60]}` is not in our register: its originator alone regrades it"
        )
    if held[2] == asked.level:
        raise RefusedError(f"`level`: `{asked.document}` is of grade `{asked.level}` already")
    body = DocumentRegraded(document=asked.document, level=asked.level, approved_by=desk.second, reason=asked.reason)
    said = [Statement(type="protection.document-regraded.v1", body=body, subject=f"document:{asked.document}")]
    rows = desk.db.execute(
        "SELECT copy FROM protection_copy WHERE document = ? AND level <> ? AND state NOT IN ('new', 'destroyed', 'conflict') ORDER BY copy_no",
        (asked.document, asked.level),
    )
    copies = [copy for (copy,) in rows]
    order = RegradeOrdered(level=asked.level, approved_by=desk.second, reason=asked.reason)
    said += [desk.step(COPY, copy_of(desk, copy), order) for copy in copies]
    told = {"copies": copies} | ({"relabel": held[3]} if held[3] else {})
    return Outcome(said, told)


def acknowledge_regrade(desk: Desk, asked: CopyAsked) -> Outcome:
    """Say that a copy is marked as ordered.

    Raises:
        RefusedError: no order waits.
    """
    waiting = open_orders(copy_of(desk, asked.copy))
    if not waiting:
        raise RefusedError(f"`copy`: no order waits for `{asked.copy[:60]}`")
    return step(desk, asked.copy, RegradeAcknowledged(order=waiting[0].step.id))


def request_onward(desk: Desk, asked: OnwardAsked) -> Outcome:
    """Ask the originator to let a third party have something.

    Raises:
        RefusedError: the recipient is no party's name, or the copy is not ours to ask about.
    """
    if not label.PARTY(asked.recipient):
        raise RefusedError(f"`recipient`: `{asked.recipient[:40]}` is no party: write it like `aus`")
    return step(desk, asked.copy, OnwardRequested(recipient=asked.recipient, scope=asked.scope, reason=asked.reason))


def _one(moves: tuple[Move, ...], recipient: str, what: str) -> Move:
    found = [move for move in moves if getattr(move.body, "recipient", None) == recipient]
    if not found:
        raise RefusedError(f"`recipient`: no {what} for `{recipient[:40]}` stands: see `onward`")
    return found[0]


def consent_onward(desk: Desk, asked: ConsentAsked) -> Outcome:
    """Consent to the request for a recipient; the consent names recipient and scope itself."""
    request = _one(open_requests(copy_of(desk, asked.copy)), asked.recipient, "request")
    return step(desk, asked.copy, OnwardConsented(
        request=request.step.id, recipient=asked.recipient, scope=getattr(request.body, "scope", ""), until_on=asked.until_on,
    ))  # fmt: skip


def refuse_onward(desk: Desk, asked: AnswerAsked) -> Outcome:
    """Refuse the request for a recipient."""
    request = _one(open_requests(copy_of(desk, asked.copy)), asked.recipient, "request")
    return step(desk, asked.copy, OnwardRefused(request=request.step.id, reason=asked.reason))


def revoke_onward(desk: Desk, asked: AnswerAsked) -> Outcome:
    """Take the consent for a recipient back."""
    consent = _one(standing_consents(copy_of(desk, asked.copy)), asked.recipient, "consent")
    return step(desk, asked.copy, OnwardRevoked(consent=consent.step.id, reason=asked.reason))


def pass_on(desk: Desk, asked: PassAsked) -> Outcome:
    """Say that the recipient has what the originator's consent names, and nothing else."""
    consent = _one(standing_consents(copy_of(desk, asked.copy)), asked.recipient, "consent of the originator")
    return step(desk, asked.copy, PassedOn(
        consent=consent.step.id, recipient=asked.recipient, scope=getattr(consent.body, "scope", ""), passed_on=asked.on,
    ))  # fmt: skip


HANDLING_OPERATIONS = (
    Operation(
        name="order-regrade", text="Give a document another grade, and order it of every copy.", asks=RegradeAsked, run=order_regrade,
        roles=ROLES, two_persons=True,
    ),
    Operation(name="acknowledge-regrade", text="Say that a copy is marked as ordered.", asks=CopyAsked, run=acknowledge_regrade, roles=ROLES),
    Operation(name="request-onward", text="Ask to let a third party have something.", asks=OnwardAsked, run=request_onward, roles=ROLES),
    Operation(name="consent-onward", text="Consent that one recipient has one scope.", asks=ConsentAsked, run=consent_onward, roles=ROLES),
    Operation(name="refuse-onward", text="Refuse a request for a third party.", asks=AnswerAsked, run=refuse_onward, roles=ROLES),
    Operation(name="revoke-onward", text="Take a consent for a third party back.", asks=AnswerAsked, run=revoke_onward, roles=ROLES),
    Operation(name="pass-on", text="Say that a third party has what a consent names.", asks=PassAsked, run=pass_on, roles=ROLES),
)  # fmt: skip
