"""Claims: disputable facts with their sources, for every domain.

A claim says that somebody asserts something of a subject, on what evidence and how precisely. Several stand side by side: what is disputed or
not found is never turned into "no". The fold gives each claim's standing out of the acts on it, in whatever order they came.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

import msgspec

from kizuna.kernel.record import WITHHELD, Body, Withheld

PRECISIONS = ("day", "month", "year", "instant", "unknown")
BASES = ("primary", "stated-in-source", "news", "derived", "unconfirmed")
"""What a claim rests on, the strongest first: a primary text, an article at hand, a report, a computation, one mention without support."""


class ClaimAsserted(Body, frozen=True):
    """Somebody asserts a value of a subject's predicate.

    The value is text in the predicate's own form. `precision` is one of `PRECISIONS`; `valid_from` and `valid_to` bound a half-open interval of
    days, `YYYY-MM-DD`, null where open. `excerpt_sha256` is the hex digest of the passage relied on; `confidence_pct` is 0 to 100, or null
    where not given.
    """

    subject: str | Withheld = WITHHELD
    predicate: str | Withheld = WITHHELD
    value: str | Withheld = WITHHELD
    precision: str | Withheld = WITHHELD
    valid_from: str | Withheld | None = WITHHELD
    valid_to: str | Withheld | None = WITHHELD
    source_ref: str | Withheld = WITHHELD
    excerpt_sha256: str | Withheld | None = WITHHELD
    confidence_pct: int | Withheld | None = WITHHELD


class ClaimSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a claim can be read: an address or a citation, and the hex digest of the passage relied on, null where none was taken."""

    ref: str
    excerpt_sha256: str | None = None


class ClaimAssertedV2(Body, frozen=True):
    """Somebody asserts a value of a subject's predicate, on several sources, and says who outside asserts it.

    As `ClaimAsserted`; besides, `qualifier` is what the value is limited to (first of *which* class), `asserted_by` the outlet, office or party
    whose word it is, null where it is the issuer's own finding, and `basis` one of `BASES`, the best that the sources are.
    """

    subject: str | Withheld = WITHHELD
    predicate: str | Withheld = WITHHELD
    value: str | Withheld = WITHHELD
    qualifier: str | Withheld | None = WITHHELD
    precision: str | Withheld = WITHHELD
    valid_from: str | Withheld | None = WITHHELD
    valid_to: str | Withheld | None = WITHHELD
    asserted_by: str | Withheld | None = WITHHELD
    sources: tuple[ClaimSource, ...] | Withheld = WITHHELD
    basis: str | Withheld = WITHHELD
    confidence_pct: int | Withheld | None = WITHHELD
    note: str | Withheld | None = WITHHELD


Assertion: TypeAlias = ClaimAsserted | ClaimAssertedV2


class ClaimDisputed(Body, frozen=True):
    """Somebody disputes a claim, with a reason and perhaps a counter-claim's id."""

    claim: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD
    counter_claim: str | Withheld | None = WITHHELD


class ClaimWithdrawn(Body, frozen=True):
    """The party that asserted a claim takes it back."""

    claim: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class ClaimAdjudicated(Body, frozen=True):
    """A named officer chooses one of several claims, for that officer's own party.

    `considered` are all claims that were before the officer, the chosen one among them; `chosen` is null where none convinced.
    """

    considered: tuple[str, ...] | Withheld = WITHHELD
    chosen: str | Withheld | None = WITHHELD
    reason: str | Withheld = WITHHELD
    decided_by: str | Withheld = WITHHELD


CLAIM_RECORDS: dict[str, type[Body]] = {
    "claim.asserted.v1": ClaimAsserted,
    "claim.asserted.v2": ClaimAssertedV2,
    "claim.disputed.v1": ClaimDisputed,
    "claim.withdrawn.v1": ClaimWithdrawn,
    "claim.adjudicated.v1": ClaimAdjudicated,
}


class Status(StrEnum):
    """Where a claim stands; none of these says that the opposite holds."""

    ASSERTED = "asserted"
    DISPUTED = "disputed"
    CHOSEN = "chosen"
    NOT_CHOSEN = "not-chosen"
    WITHDRAWN = "withdrawn"


class ClaimAct(msgspec.Struct, frozen=True):
    """One record about claims as the fold sees it; `after` are the ids of the records that its author had folded."""

    id: str
    party: str
    body: Body
    after: frozenset[str] = frozenset()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A claim with what was said of it.

    `disputes` and `adjudications` are record ids, sorted. Each party rules for itself: `by_party` says how it stands with each that has ruled.
    Where their last rulings disagree, or those of one party that do not know of each other, it is disputed.
    """

    claim: str
    party: str
    body: Assertion
    status: Status
    by_party: tuple[tuple[str, Status], ...] = ()
    disputes: tuple[str, ...] = ()
    adjudications: tuple[str, ...] = ()


def fold(acts: Iterable[ClaimAct]) -> dict[str, Standing]:
    """Return the standing of each claim that is held, by its id; acts on claims that have not come yet change nothing until they come."""
    known = {act.id: act for act in acts}
    past = _pasts(known)
    return {
        act.id: _standing(act, act.body, known, past)
        for act in sorted(known.values(), key=lambda act: act.id)
        if isinstance(act.body, ClaimAsserted | ClaimAssertedV2)
    }


def known_value(standings: Iterable[Standing], subject: str, predicate: str) -> frozenset[str] | None:
    """Return the values that stand for a subject's predicate: the chosen ones, else all that were not withdrawn or passed over.

    None means that nothing is known; it never means "no".
    """
    about = [found for found in standings if (found.body.subject, found.body.predicate) == (subject, predicate)]
    for allowed in ({Status.CHOSEN}, {Status.ASSERTED, Status.DISPUTED}):
        values = {found.body.value for found in about if found.status in allowed and isinstance(found.body.value, str)}
        if values:
            return frozenset(values)
    return None


def _pasts(known: dict[str, ClaimAct]) -> dict[str, frozenset[str]]:
    pasts: dict[str, frozenset[str]] = {}
    for name in known:
        found, waiting = set[str](), [name]
        while waiting:
            for parent in known[waiting.pop()].after & known.keys():
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        pasts[name] = frozenset(found)
    return pasts


def _standing(
    claim: ClaimAct, body: Assertion, known: dict[str, ClaimAct], past: dict[str, frozenset[str]]
) -> Standing:
    disputes = [act.id for act in known.values() if isinstance(act.body, ClaimDisputed) and act.body.claim == claim.id]
    rulings = {act.id: act for act in known.values() if _rules_on(act.body, claim.id)}
    withdrawn = any(
        isinstance(act.body, ClaimWithdrawn) and act.body.claim == claim.id and act.party == claim.party
        for act in known.values()
    )
    # A ruling holds until its own party's next one, or until a dispute that it did not know of reopens the question.
    last = [
        act
        for act in rulings.values()
        if not any(act.id in past[other.id] and act.party == other.party for other in rulings.values())
    ]
    by_party = tuple(
        (party, _ruled(claim.id, [act for act in last if act.party == party], disputes, past))
        for party in sorted({act.party for act in last})
    )
    if withdrawn:
        status = Status.WITHDRAWN
    elif last:
        status = _ruled(claim.id, last, disputes, past)
    else:
        status = Status.DISPUTED if disputes else Status.ASSERTED
    return Standing(
        claim=claim.id, party=claim.party, body=body, status=status, by_party=by_party,
        disputes=tuple(sorted(disputes)), adjudications=tuple(sorted(rulings)),
    )  # fmt: skip


def _ruled(claim: str, last: list[ClaimAct], disputes: list[str], past: dict[str, frozenset[str]]) -> Status:
    choices = {_chosen(act.body) == claim for act in last}
    if len(choices) > 1 or any(name not in past[act.id] for name in disputes for act in last):
        return Status.DISPUTED
    return Status.CHOSEN if choices == {True} else Status.NOT_CHOSEN


def _chosen(body: Body) -> object:
    return body.chosen if isinstance(body, ClaimAdjudicated) else None


def _rules_on(body: Body, claim: str) -> bool:
    return isinstance(body, ClaimAdjudicated) and isinstance(body.considered, tuple) and claim in body.considered
