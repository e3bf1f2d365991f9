"""What officers do with claims: assert, dispute, withdraw, rule; load what is bundled; read an article and confirm what it reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kizuna.domains.claim import bundle, events, matching, reading, rules
from kizuna.domains.claim.matching import KnownEvent, Proposal
from kizuna.errors import RefusedError
from kizuna.kernel.claim import (
    BASES,
    ClaimAdjudicated,
    ClaimAssertedV2,
    ClaimDisputed,
    ClaimSource,
    ClaimWithdrawn,
    Status,
)
from kizuna.kernel.claimbook import MOST_CONSIDERED, HeldClaim, about, acts_on, claims
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement

PURPOSES = ("coordination",)
ASSERTERS = frozenset({
    "cyber", "desk", "equipment", "exercise", "liaison", "logistics", "security", "space", "watch",
})  # fmt: skip
JUDGES = frozenset({"desk", "security"})
"""Who may rule, by name and for their own party."""
_ID_CHARS = 64

_To = Annotated[tuple[str, ...], Meta(description="The parties that it may go to; nobody if not given.")]
_Reason = Annotated[str, Meta(description="Why; it is kept.", min_length=1, max_length=2000)]
_ClaimId = Annotated[str, Meta(description="The claim's record id, or its beginning.", min_length=6)]
_Day = Annotated[str, Meta(description="A day, `YYYY-MM-DD`.")]


class AssertAsked(Asked, frozen=True, kw_only=True):
    """Assert a value of a subject's predicate, with its sources."""

    subject: Annotated[
        str, Meta(description="What it is about: the id of an instrument, event or person.", min_length=1)
    ]
    predicate: Annotated[str, Meta(description="What is said of it, like `date` or `entry into force`.", min_length=1)]
    value: Annotated[str, Meta(description="The value; a date as precisely as it is known.", min_length=1)]
    qualifier: Annotated[str, Meta(description="What the value is limited to: first of which class, `expected`.")] = ""
    precision: Annotated[
        Literal["", "day", "month", "year", "instant", "unknown"],
        Meta(description="How precisely it is known; told from the value if not given."),
    ] = ""
    valid_from: _Day = ""
    valid_to: _Day = ""
    asserted_by: Annotated[str, Meta(description="Whose word it is, outside: an outlet, an office.")] = ""
    sources: Annotated[tuple[str, ...], Meta(description="Where it can be read: addresses or citations.")] = ()
    excerpt: Annotated[str, Meta(description="The passage relied on; only its hash is kept.")] = ""
    basis: Annotated[
        Literal["primary", "stated-in-source", "news", "derived", "unconfirmed"],
        Meta(description="The best that its sources are."),
    ] = "unconfirmed"
    confidence_pct: Annotated[int, Meta(description="How sure, 0 to 100; -1 where it is not said.", ge=-1, le=100)] = -1
    note: Annotated[str, Meta(description="What else to know of it.", max_length=2000)] = ""
    to: _To = ()


class DisputeAsked(Asked, frozen=True, kw_only=True):
    """Dispute a claim; one that was ruled on is open again."""

    claim: _ClaimId
    reason: _Reason
    counter_claim: Annotated[str, Meta(description="The claim that speaks against it, by record id.")] = ""
    to: _To = ()


class WithdrawAsked(Asked, frozen=True, kw_only=True):
    """Take back a claim of our own."""

    claim: _ClaimId
    reason: _Reason
    to: _To = ()


class AdjudicateAsked(Asked, frozen=True, kw_only=True):
    """Rule, for our own party, on all claims that stand on a subject's predicate."""

    subject: Annotated[str, Meta(description="What the claims are about.", min_length=1)]
    predicate: Annotated[str, Meta(description="What they say of it.", min_length=1)]
    chosen: Annotated[
        str, Meta(description="The claim that convinced, by record id or its beginning; none if not given.")
    ] = ""
    reason: _Reason
    to: _To = ()


class LoadAsked(Asked, frozen=True, kw_only=True):
    """Assert the bundled claims; those that are held already are passed over."""

    parts: Annotated[
        tuple[str, ...], Meta(description="Of `disagreements`, `names` and `events`; all if not given.")
    ] = bundle.PARTS
    to: _To = ()


class ReadAsked(Asked, frozen=True, kw_only=True):
    """Read an article: nothing is said and nothing of its text is kept."""

    text: Annotated[str, Meta(description="The article's text.", extra={"file": True}, min_length=1)]
    published_on: Annotated[
        str, Meta(description="The day of publication, `YYYY-MM-DD`; told from the text if it says.")
    ] = ""
    known: Annotated[
        tuple[KnownEvent, ...], Meta(description="Events that are known beside those that claims tell of.")
    ] = ()


class ConfirmAsked(ReadAsked, frozen=True, kw_only=True):
    """Confirm what an article reports, which is read again: claims with its citation and the hashes of the passages."""

    citation: Annotated[str, Meta(description="Where the article can be read.", min_length=1)]
    outlet: Annotated[str, Meta(description="Whose word it is.")] = ""
    events: Annotated[
        tuple[str, ...], Meta(description="The events to confirm, as proposed; all new and joined if not given.")
    ] = ()
    to: _To = ()


def _said(type_: str, body: msgspec.Struct, subject: str, to: Sequence[str], after: tuple[str, ...] = ()) -> Statement:
    return Statement(type=type_, body=body, subject=subject, to=tuple(to), purposes=PURPOSES, after=after)  # type: ignore[arg-type] # a Body


def _found(desk: Desk, text: str) -> HeldClaim:
    """Return the one claim whose record id begins so.

    Raises:
        RefusedError: there is none, or several.
    """
    ids = [
        record_id
        for (record_id,) in desk.db.execute(
            "SELECT record_id FROM claim_claim WHERE record_id >= ? AND record_id < ? ORDER BY record_id LIMIT 2",
            (text, text + "g"),
        )
    ]
    if len(ids) != 1:
        raise RefusedError(
            f"`{text[:_ID_CHARS]}` is the beginning of {'several claims' if ids else 'no claim'}: give its whole record id"
        )
    return claims(desk.db, ids)[0]


def assert_(desk: Desk, asked: AssertAsked) -> Outcome:
    """Assert a claim.

    Raises:
        RefusedError: it has no source and is not derived, is held already in the same words, or the value does not fit; says how.
    """
    if not asked.sources and asked.basis not in ("derived", "unconfirmed"):
        raise RefusedError(f"a claim with the basis `{asked.basis}` needs a source: give `sources`")
    precision = asked.precision or rules.precision_of(asked.value)
    rules.check_value(asked.predicate, asked.value, precision, asked.basis)
    excerpt = reading.excerpt_sha256(asked.excerpt) if asked.excerpt else None
    body = ClaimAssertedV2(
        subject=asked.subject, predicate=asked.predicate, value=asked.value, qualifier=asked.qualifier or None,
        precision=precision, valid_from=asked.valid_from or None, valid_to=asked.valid_to or None,
        asserted_by=asked.asserted_by or None, basis=asked.basis, note=asked.note or None,
        confidence_pct=asked.confidence_pct if asked.confidence_pct >= 0 else None,
        sources=tuple(ClaimSource(ref, None if place else excerpt) for place, ref in enumerate(asked.sources)),
    )  # fmt: skip
    statements = tuple(_new(desk, (body,), asked.to))
    if not statements:
        raise RefusedError("this claim is held already, from the same sources: dispute, support or rule on that one")
    return Outcome(statements)


def _new(desk: Desk, bodies: Iterable[ClaimAssertedV2], to: Sequence[str]) -> list[Statement]:
    """Return statements of those claims that are not held in the same words, from the same sources."""
    held: dict[str, set[tuple[object, ...]]] = {}
    made = []
    for body in bodies:
        subject = str(body.subject)
        if subject not in held:
            held[subject] = {_identity(claim) for claim in about(desk.db, subject) if claim.status != Status.WITHDRAWN}
        told = _identity(body)
        if told not in held[subject]:
            held[subject].add(told)
            made.append(_said("claim.asserted.v2", body, subject, to))
    return made


def _identity(claim: HeldClaim | ClaimAssertedV2) -> tuple[object, ...]:
    sources = claim.sources if isinstance(claim.sources, tuple) else ()
    return (
        claim.predicate, claim.value, claim.qualifier or "", claim.asserted_by or "", tuple(source.ref for source in sources),
    )  # fmt: skip


def dispute(desk: Desk, asked: DisputeAsked) -> Outcome:
    """Dispute a claim.

    Raises:
        RefusedError: one of the claims is not held, or the claim was withdrawn.
    """
    claim = _found(desk, asked.claim)
    if claim.status == Status.WITHDRAWN:
        raise RefusedError(f"claim `{claim.claim[:16]}` was withdrawn: there is nothing to dispute")
    counter = _found(desk, asked.counter_claim).claim if asked.counter_claim else None
    body = ClaimDisputed(claim=claim.claim, reason=asked.reason, counter_claim=counter)
    return Outcome((_said("claim.disputed.v1", body, claim.subject, asked.to, acts_on(desk.db, (claim.claim,))),))


def withdraw(desk: Desk, asked: WithdrawAsked) -> Outcome:
    """Take back a claim of our own.

    Raises:
        RefusedError: it is not held, is another party's, or was withdrawn.
    """
    claim = _found(desk, asked.claim)
    if claim.party != desk.party:
        raise RefusedError(
            f"claim `{claim.claim[:16]}` was asserted by `{claim.party}`, which alone withdraws it: dispute it"
        )
    if claim.status == Status.WITHDRAWN:
        raise RefusedError(f"claim `{claim.claim[:16]}` was withdrawn before")
    body = ClaimWithdrawn(claim=claim.claim, reason=asked.reason)
    return Outcome((_said("claim.withdrawn.v1", body, claim.subject, asked.to, acts_on(desk.db, (claim.claim,))),))


def adjudicate(desk: Desk, asked: AdjudicateAsked) -> Outcome:
    """Rule for our own party; the officer who asks is named.

    Raises:
        RefusedError: nothing stands there, the chosen claim is none of it, or only a primary text may settle it.
    """
    standing = [
        claim for claim in about(desk.db, asked.subject, asked.predicate, MOST_CONSIDERED + 1) if claim.status != Status.WITHDRAWN
    ]  # fmt: skip
    if not standing:
        raise RefusedError(
            f"no claim on `{asked.predicate[:60]}` of `{asked.subject[:80]}` stands here: look it up with `about`"
        )
    if len(standing) > MOST_CONSIDERED:
        raise RefusedError(
            f"more than {MOST_CONSIDERED} claims stand there: have those that repeat others withdrawn first"
        )
    chosen = [claim for claim in standing if asked.chosen and claim.claim.startswith(asked.chosen)]
    if asked.chosen and len(chosen) != 1:
        raise RefusedError(
            f"`{asked.chosen[:_ID_CHARS]}` is not one of the {len(standing)} claims on it: give its whole record id"
        )
    if chosen and rules.settles_policy(asked.predicate) and chosen[0].basis != BASES[0]:
        raise RefusedError(
            f"`{asked.predicate[:60]}` decides what is permitted: only a claim with the basis `primary` may be chosen, and until then it is denied"
        )
    ids = tuple(claim.claim for claim in standing)
    body = ClaimAdjudicated(
        considered=tuple(sorted(ids)), chosen=chosen[0].claim if chosen else None, reason=asked.reason, decided_by=desk.actor
    )  # fmt: skip
    return Outcome(
        (_said("claim.adjudicated.v1", body, asked.subject, asked.to, acts_on(desk.db, ids)),), {"considered": len(ids)}
    )


def load(desk: Desk, asked: LoadAsked) -> Outcome:
    """Assert the bundled claims.

    Raises:
        RefusedError: a part is unknown.
    """
    unknown = sorted(set(asked.parts) - set(bundle.PARTS))
    if unknown:
        raise RefusedError(f"`parts`: `{unknown[0][:40]}` is not bundled: use some of {', '.join(bundle.PARTS)}")
    bodies = bundle.bundled(asked.parts)
    statements = _new(desk, bodies, asked.to)
    return Outcome(statements, {"asserted": len(statements), "held already": len(bodies) - len(statements)})


_EVER = ("0001-01-01", "9999-12-31")


# --- articles ---------------------------------------------------------------------------------------------------------------------


def _read(desk: Desk, asked: ReadAsked) -> tuple[reading.Article, tuple[Proposal, ...]]:
    if asked.published_on and rules.precision_of(asked.published_on) != "day":
        raise RefusedError(f"`published_on` `{asked.published_on[:20]}` is no day `YYYY-MM-DD`")
    told = events.names(desk.db)
    known = matching.with_happenings((*events.known_events(desk.db), *asked.known), desk.happened(*_EVER))
    exercises = (*events.exercise_names(told), *((name, event.kind) for event in asked.known for name in event.names))
    article = reading.read(asked.text, asked.published_on, exercises)
    return article, matching.propose(article, known, events.other_names(told))


def read_article(desk: Desk, asked: ReadAsked) -> Outcome:
    """Say what an article reports, and how it goes with what is known; nothing is kept.

    Raises:
        RefusedError: the day of publication is no day.
    """
    article, proposals = _read(desk, asked)
    return Outcome((), {
        "published_on": article.published_on or "unknown: give it, so that weekdays and `last year` can be told",
        "kept": len(article.paragraphs),
        "dropped": msgspec.to_builtins(article.dropped),
        "proposals": msgspec.to_builtins(proposals),
    })  # fmt: skip


def confirm_reading(desk: Desk, asked: ConfirmAsked) -> Outcome:
    """Assert what an article reports of events that a person has confirmed.

    Raises:
        RefusedError: it proposes no such event, or nothing that is not claimed from it already.
    """
    _, proposals = _read(desk, asked)
    offered = {each.event: each for each in proposals if each.outcome in ("join", "new")}
    unknown = [event for event in asked.events if event not in offered]
    if unknown:
        raise RefusedError(
            f"`{unknown[0][:80]}` is not proposed by this article: it proposes {', '.join(f'`{name}`' for name in offered) or 'nothing'}"
        )
    bodies = [
        body for name, each in offered.items() if not asked.events or name in asked.events for body in _claims_of(each, asked)
    ]  # fmt: skip
    statements = _new(desk, bodies, asked.to)
    if not statements:
        raise RefusedError("this article adds nothing: it proposes no event, or all of it is claimed from it already")
    return Outcome(statements, {"asserted": len(statements), "held already": len(bodies) - len(statements)})


def _claims_of(proposal: Proposal, asked: ConfirmAsked) -> list[ClaimAssertedV2]:
    event = KnownEvent(
        id=proposal.event, kind=proposal.kind, date=proposal.date, ordinal=proposal.ordinal, place=proposal.place
    )
    source = ClaimSource(asked.citation, reading.excerpt_sha256(proposal.sentence))
    return [
        ClaimAssertedV2(
            subject=proposal.event, predicate=predicate, value=value, qualifier=None,
            precision=rules.precision_of(value) if predicate == events.DATE else "unknown", valid_from=None, valid_to=None,
            asserted_by=asked.outlet or None, sources=(source,), basis="stated-in-source", confidence_pct=None, note=None,
        )
        for predicate, value in events.event_facts(event)
    ]  # fmt: skip


OPERATIONS = (
    Operation(name="assert", text="Assert a value with its sources.", asks=AssertAsked, run=assert_, roles=ASSERTERS),
    Operation(name="dispute", text="Dispute a claim.", asks=DisputeAsked, run=dispute, roles=ASSERTERS),
    Operation(name="withdraw", text="Take back a claim of our own.", asks=WithdrawAsked, run=withdraw, roles=ASSERTERS),
    Operation(
        name="adjudicate", text="Rule for our party on claims that disagree.", asks=AdjudicateAsked, run=adjudicate,
        roles=JUDGES,
    ),
    Operation(name="load-bundled", text="Assert the bundled claims on India and Japan.", asks=LoadAsked, run=load, roles=JUDGES),
    Operation(
        name="read-article", text="Say which events an article reports; nothing is kept.", asks=ReadAsked,
        run=read_article, roles=ASSERTERS,
    ),
    Operation(
        name="confirm-reading", text="Assert what an article reports of events.", asks=ConfirmAsked, run=confirm_reading,
        roles=ASSERTERS,
    ),
)  # fmt: skip
