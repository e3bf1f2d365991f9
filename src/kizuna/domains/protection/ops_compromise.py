"""What is done when something was compromised: told to the originator with every holder, each holder warned, looked into and closed by both."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kizuna.domains.protection.compromises import COMPROMISE
from kizuna.domains.protection.holders import holders_of
from kizuna.domains.protection.records import (
    CompromiseAcknowledged,
    CompromiseClosed,
    CompromiseRemedied,
    CompromiseReported,
    CompromiseWarned,
    DamageAssessed,
    InquiryOpened,
)
from kizuna.domains.protection.requests import DAY, ROLES, TEXT
from kizuna.domains.protection.rules import PURPOSE, check_compromise
from kizuna.errors import RefusedError
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement

NAME = Annotated[
    str, Meta(description="The report, like `jpn-2027-x1`: the reporter's name comes first.", min_length=1)
]


class ReportAsked(Asked, frozen=True):
    """Report that documents were compromised."""

    compromise: NAME
    documents: Annotated[tuple[str, ...], Meta(description="The documents, all of one originator; may be repeated.")]
    what: TEXT
    discovered_on: DAY
    action: Annotated[
        str, Meta(description="What was done at once, and what holders are to do.", min_length=1, max_length=2000)
    ]
    suspected_reach: Annotated[
        tuple[str, ...], Meta(description="Who may know what they must not; may be repeated.")
    ] = ()


class CompromiseAsked(Asked, frozen=True):
    """Which report, with words that the other side reads."""

    compromise: NAME
    text: TEXT


class WarnAsked(Asked, frozen=True):
    """Warn every holder."""

    compromise: NAME


def report(desk: Desk, asked: ReportAsked) -> Outcome:
    """Report a compromise with everybody who has the documents; whoever must be told is told back at once.

    Raises:
        RefusedError: the name is not ours, no document is named, or they are of several originators.
    """
    check_compromise(asked.compromise, desk.party)
    originators = {document.partition("-")[0] for document in asked.documents}
    if len(originators) != 1:
        raise RefusedError("`documents`: name documents of one originator; of each a report of its own")
    documents = tuple(sorted(set(asked.documents)))
    known = tuple(holder for document in documents for holder in holders_of(desk, document))
    body = CompromiseReported(
        originator=originators.pop(), documents=documents, what=asked.what, discovered_on=asked.discovered_on,
        suspected_reach=asked.suspected_reach, action=asked.action, holders=known,
    )  # fmt: skip
    told = {"holders": [f"{holder.party} {holder.how} {holder.what}" for holder in known]}
    return Outcome((desk.open(COMPROMISE, asked.compromise, body),), told)


def warn(desk: Desk, asked: WarnAsked) -> Outcome:
    """Warn each other party that has one of the documents, in a record of its own, so that none learns of the others.

    Raises:
        RefusedError: there is no such report, or nobody else has the documents.
    """
    view = desk.case(COMPROMISE, asked.compromise)
    body = next((move.body for move in view.moves if isinstance(move.body, CompromiseReported)), None)
    documents = tuple(body.documents or ()) if body is not None else ()
    theirs: dict[str, set[str]] = {}
    for document in documents:
        for holder in holders_of(desk, document):
            if holder.party not in {desk.party, *view.sides.values()}:
                theirs.setdefault(holder.party, set()).add(document)
    if not theirs:
        raise RefusedError(
            f"`compromise`: nobody beside the sides of `{asked.compromise[:60]}` is known to have its documents"
        )
    action = (body.action if body is not None else "") or ""
    said = [
        Statement(
            type="protection.compromise-warned.v1",
            body=CompromiseWarned(compromise=asked.compromise, documents=tuple(sorted(theirs[party])), action=action),
            to=(party,),
            purposes=(PURPOSE,),
        )
        for party in sorted(theirs)
    ]
    return Outcome(said, {"warned": sorted(theirs)})


def acknowledge(desk: Desk, asked: CompromiseAsked) -> Outcome:
    """Acknowledge a report of our documents."""
    return desk.advance(COMPROMISE, asked.compromise, CompromiseAcknowledged(note=asked.text))


def inquire(desk: Desk, asked: CompromiseAsked) -> Outcome:
    """Open the inquiry."""
    return desk.advance(COMPROMISE, asked.compromise, InquiryOpened(terms=asked.text))


def assess(desk: Desk, asked: CompromiseAsked) -> Outcome:
    """Say what damage was done to what we originated."""
    return desk.advance(COMPROMISE, asked.compromise, DamageAssessed(damage=asked.text))


def remedy(desk: Desk, asked: CompromiseAsked) -> Outcome:
    """Say what was done against its happening again."""
    return desk.advance(COMPROMISE, asked.compromise, CompromiseRemedied(remedy=asked.text))


def close(desk: Desk, asked: CompromiseAsked) -> Outcome:
    """Propose to close; it is closed once both have signed."""
    return desk.advance(COMPROMISE, asked.compromise, CompromiseClosed(note=asked.text))


COMPROMISE_OPERATIONS = (
    Operation(name="report", text="Report a compromise with every known holder.", asks=ReportAsked, run=report, roles=ROLES),
    Operation(name="warn", text="Warn every other holder, each in its own record.", asks=WarnAsked, run=warn, roles=ROLES),
    Operation(name="acknowledge", text="Acknowledge a report of our documents.", asks=CompromiseAsked, run=acknowledge, roles=ROLES),
    Operation(name="inquire", text="Open the inquiry into a compromise.", asks=CompromiseAsked, run=inquire, roles=ROLES),
    Operation(name="assess", text="Say what damage was done.", asks=CompromiseAsked, run=assess, roles=ROLES),
    Operation(name="remedy", text="Say what was done against its happening again.", asks=CompromiseAsked, run=remedy, roles=ROLES),
    Operation(name="close", text="Propose to close; both sides sign.", asks=CompromiseAsked, run=close, roles=ROLES),
)  # fmt: skip
