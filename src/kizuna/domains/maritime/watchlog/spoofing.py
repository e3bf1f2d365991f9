"""The claim that a vessel's positions or identity are false: somebody's, on the basis of a found event, until a stated time.

An event says that positions cannot be true, never why: AIS alone proves no intent. So spoofing is no mark on a ship and no kind of event, but a
claim as those on vessels of interest are, which the partner supports or disputes and the clock ends.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.watchlog.shared import CASE_KEY, PARTNER, ROLES, AssertAsked, assert_interest
from kizuna.errors import RefusedError
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome

BEHIND = frozenset(
    {"identity-change", "identity-clash", "impossible-speed", "impossible-turn", "on-land", "simultaneous-jumps"}
)
"""Kinds of events that such a claim may rest on."""


class SpoofingAsked(Asked, frozen=True):
    """Claim that a vessel's positions or identity are false, until a stated time."""

    key: CASE_KEY
    event: Annotated[
        str, Meta(description="The event that it rests on: its record id, or its beginning.", min_length=8)
    ]
    basis: Annotated[str, Meta(description="Why it is no fault of a device.", min_length=1, max_length=1800)]
    expires_at_ms: Annotated[int, Meta(description="When the claim ends; 180 days ahead at most.")]
    confidence_pct: Annotated[
        Annotated[int, Meta(ge=0, le=100)] | None, Meta(description="How sure we are, 0 to 100.")
    ] = None
    partner: PARTNER = ""


def claim_spoofing(desk: Desk, asked: SpoofingAsked) -> Outcome:
    """Claim that a vessel's positions or identity are false; the claim names the event that it rests on.

    Raises:
        RefusedError: no event that stands, or several, begin so, or it is of a kind that tells nothing of it; and see `assert_interest`.
    """
    found = [row for row in queries.events(desk.db, limit=100_000) if row.record_id.startswith(asked.event)]
    if len(found) != 1:
        raise RefusedError(
            f"`{asked.event[:64]}` names `{len(found)}` events that stand: give more of one event's record id"
        )
    event = found[0]
    if event.kind not in BEHIND or event.mmsi is None:
        raise RefusedError(
            f"an event of the kind `{event.kind}` tells nothing of false positions: see `kizuna maritime events`"
        )
    claim = AssertAsked(
        key=asked.key, mmsi=f"{event.mmsi:09}", basis=f"spoofing, on {event.kind} `{event.record_id}`: {asked.basis}",
        expires_at_ms=asked.expires_at_ms, confidence_pct=asked.confidence_pct, partner=asked.partner,
    )  # fmt: skip
    return assert_interest(desk, claim)


OPERATIONS = (
    Operation(
        name="claim-spoofing",
        text="Claim that a vessel's positions or identity are false.",
        asks=SpoofingAsked,
        run=claim_spoofing,
        roles=ROLES,
    ),
)
