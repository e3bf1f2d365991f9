"""What is shown of claims: where they disagree, what is known of a subject, one claim with its history, sources, other names, and gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kizuna.domains.claim import bundle, events, rules
from kizuna.domains.claim.matching import KnownEvent
from kizuna.errors import RefusedError
from kizuna.kernel.claim import Status
from kizuna.kernel.claimbook import HeldClaim, about, claims, date_words
from kizuna.kernel.operation import Desk, Query, Wanted

_MOST = 1000
_MOST_CLAIMS = 10_000
_Limit = Annotated[int, Meta(description="At most so many.", ge=1, le=_MOST)]
_Offset = Annotated[int, Meta(description="Leave out so many first.", ge=0)]


class DisagreementsWanted(Wanted, frozen=True):
    """Which disagreements."""

    subject: Annotated[str, Meta(description="Only those about this subject.")] = ""
    state: Annotated[Literal["", "open", "settled"], Meta(description="Only those that are open, or settled.")] = ""
    limit: _Limit = 50
    offset: _Offset = 0


class AboutWanted(Wanted, frozen=True):
    """About what."""

    subject: Annotated[str, Meta(description="The subject: an instrument, event or person.", min_length=1)]
    predicate: Annotated[str, Meta(description="Only what is said of this.")] = ""


class ClaimWanted(Wanted, frozen=True):
    """Which claim."""

    claim: Annotated[str, Meta(description="The claim's record id, whole.", min_length=1)]


class SourcesWanted(Wanted, frozen=True):
    """Which sources."""

    source: Annotated[str, Meta(description="Only sources that begin so.")] = ""
    limit: _Limit = 100
    offset: _Offset = 0


class NamesWanted(Wanted, frozen=True):
    """Whose names."""

    name: Annotated[str, Meta(description="Only subjects that are called so, in any case of letters.")] = ""
    limit: _Limit = 100
    offset: _Offset = 0


class EventsWanted(Wanted, frozen=True):
    """Which events."""

    kind: Annotated[str, Meta(description="Only of this mechanism or series, like `defence-ministerial`.")] = ""
    limit: _Limit = 100
    offset: _Offset = 0


class CadenceWanted(Wanted, frozen=True):
    """Whose cadence."""

    kind: Annotated[str, Meta(description="The mechanism or series, like `defence-ministerial`.", min_length=1)]
    every_years: Annotated[int, Meta(description="How many years lie between two at most.", ge=1, le=20)] = 1


class NothingWanted(Wanted, frozen=True):
    """Nothing to say."""


class Disagreement(msgspec.Struct, frozen=True):
    """Claims on one question side by side. `state` is `open` while one of them is undecided; `with_us` is the claim that our party chose, or empty.

    `denied_meanwhile` says that the question decides what is permitted, and that no primary text has settled it.
    """

    subject: str
    predicate: str
    state: str
    with_us: str
    chosen_by: dict[str, str]
    denied_meanwhile: bool
    suggests: rules.Suggested
    claims: tuple[HeldClaim, ...]


class Known(msgspec.Struct, frozen=True):
    """What is known of one predicate. `status` is `chosen`, `claimed`, `disputed` or `unknown`, which is never "no"."""

    predicate: str
    values: tuple[str, ...]
    words: str
    status: str
    quotable: bool
    claims: tuple[HeldClaim, ...]


class Act(msgspec.Struct, frozen=True):
    """One record about a claim."""

    record: str
    type: str
    party: str
    actor: str
    at_ms: int
    says: dict[str, Any]


class History(msgspec.Struct, frozen=True):
    """A claim with everything that was said of it, the earliest first."""

    claim: HeldClaim
    history: tuple[Act, ...]


class SourceRow(msgspec.Struct, frozen=True):
    """A source and how many claims rest on it."""

    source: str
    claims: int


class NameRow(msgspec.Struct, frozen=True):
    """What a subject is called."""

    subject: str
    name: str
    also_called: tuple[str, ...]


class CadenceShown(msgspec.Struct, frozen=True):
    """How regularly events of a kind were seen; `unknown` is what lies between."""

    kind: str
    cadence: rules.Cadence


_MARKS = ",".join("?" * len(rules.SEVERAL))


def disagreements(desk: Desk, wanted: DisagreementsWanted) -> Sequence[Disagreement]:
    """Return questions on which claims disagree, each with all of its claims, open ones first."""
    tests = {"": "1 = 1", "open": "undecided = 1", "settled": "undecided = 0"}[wanted.state]
    tests += " AND subject = ?" if wanted.subject else ""
    topics = (
        f"SELECT subject, predicate FROM claim_topic WHERE disagrees = 1 AND {tests} AND predicate NOT IN ({_MARKS})"
        " ORDER BY undecided DESC, subject, predicate LIMIT ? OFFSET ?"
    )
    given = (*((wanted.subject,) if wanted.subject else ()), *sorted(rules.SEVERAL), wanted.limit, wanted.offset)
    rows = desk.db.execute(
        f"SELECT c.record_id FROM claim_claim c JOIN ({topics}) AS t ON t.subject = c.subject AND t.predicate = c.predicate"
        " ORDER BY c.subject, c.predicate, c.value, c.qualifier, c.record_id LIMIT ?",
        (*given, _MOST_CLAIMS),
    )
    found: dict[tuple[str, str], list[HeldClaim]] = {
        (subject, predicate): [] for subject, predicate in desk.db.execute(topics, given)
    }
    for claim in claims(desk.db, [record_id for (record_id,) in rows]):
        found[claim.subject, claim.predicate].append(claim)
    return [_disagreement(desk.party, *topic, held) for topic, held in found.items()]


def _disagreement(party: str, subject: str, predicate: str, held: Sequence[HeldClaim]) -> Disagreement:
    undecided = any(claim.status in (Status.ASSERTED, Status.DISPUTED) for claim in held)
    chosen = {by: claim.claim for claim in held for by, status in claim.by_party.items() if status == Status.CHOSEN}
    return Disagreement(
        subject=subject, predicate=predicate, state="open" if undecided else "settled", with_us=chosen.get(party, ""),
        chosen_by=chosen, denied_meanwhile=rules.denied_meanwhile(predicate, held), suggests=rules.suggestion(held),
        claims=tuple(held),
    )  # fmt: skip


def about_(desk: Desk, wanted: AboutWanted) -> Sequence[Known]:
    """Return what is known of a subject, by predicate; a predicate that was asked for and on which nothing stands is `unknown`."""
    by_predicate: dict[str, list[HeldClaim]] = {wanted.predicate: []} if wanted.predicate else {}
    for claim in about(desk.db, wanted.subject, wanted.predicate):
        by_predicate.setdefault(claim.predicate, []).append(claim)
    return [_known(predicate, held) for predicate, held in sorted(by_predicate.items())]


def _known(predicate: str, held: Sequence[HeldClaim]) -> Known:
    chosen = [claim for claim in held if claim.status == Status.CHOSEN]
    standing = chosen or [claim for claim in held if claim.status in (Status.ASSERTED, Status.DISPUTED)]
    values = tuple(
        dict.fromkeys(f"{claim.value} ({claim.qualifier})" if claim.qualifier else claim.value for claim in standing)
    )
    several = len(values) > 1 and predicate not in rules.SEVERAL
    if not standing:
        status = "unknown"
    elif chosen:
        status = "chosen"
    else:
        status = "disputed" if several or any(claim.status == Status.DISPUTED for claim in standing) else "claimed"
    dated = any(claim.precision in rules.DATED for claim in standing)
    return Known(
        predicate=predicate, values=values, words=date_words(held) if dated else "; ".join(values) or "unknown", status=status,
        quotable=predicate == rules.OFFICIAL_WORDING and bool(chosen), claims=tuple(held),
    )  # fmt: skip


def shown(desk: Desk, wanted: ClaimWanted) -> History:
    """Return a claim and its history.

    Raises:
        RefusedError: no such claim is held.
    """
    found = claims(desk.db, (wanted.claim,))
    if not found:
        raise RefusedError(f"no claim `{wanted.claim[:64]}` is held: `about` and `disagreements` give record ids")
    rows = desk.db.execute(
        "SELECT a.record_id, a.type, a.party, a.actor, a.at_ms, a.body FROM claim_target t JOIN claim_act a ON a.record_id = t.record_id"
        " WHERE t.claim = ? ORDER BY a.at_ms, a.record_id LIMIT ?",
        (wanted.claim, _MOST),
    )
    acts = (
        Act(record, type_, party, actor, at_ms, msgspec.json.decode(body))
        for record, type_, party, actor, at_ms, body in rows
    )
    return History(found[0], tuple(acts))


def sources(desk: Desk, wanted: SourcesWanted) -> Sequence[SourceRow]:
    """Return what claims rest on, by name."""
    rows = desk.db.execute(
        "SELECT ref, COUNT(*) FROM claim_source WHERE ref >= ? AND ref < ? GROUP BY ref ORDER BY ref LIMIT ? OFFSET ?",
        (wanted.source, wanted.source + "\U0010ffff", wanted.limit, wanted.offset),
    )
    return [SourceRow(ref, count) for ref, count in rows]


def names(desk: Desk, wanted: NamesWanted) -> Sequence[NameRow]:
    """Return what subjects are called; a subject without a name of its own is called by its id."""
    told: dict[str, tuple[list[str], list[str]]] = {}
    for subject, predicate, value in events.names(desk.db, wanted.name, wanted.limit, wanted.offset):
        told.setdefault(subject, ([], []))[predicate != rules.NAME].append(value)
    return [
        NameRow(subject, own[0] if own else subject, tuple(own[1:] + others)) for subject, (own, others) in told.items()
    ]


def events_(desk: Desk, wanted: EventsWanted) -> Sequence[KnownEvent]:
    """Return the meetings and exercises that claims tell of, by id."""
    return events.known_events(desk.db, wanted.kind, wanted.limit, wanted.offset)


def cadence(desk: Desk, wanted: CadenceWanted) -> CadenceShown:
    """Return in which years events of a kind were seen, and what lies between."""
    planned = {
        subject
        for (subject,) in desk.db.execute(
            "SELECT subject FROM claim_claim WHERE predicate = ? AND value = 'planned'", (events.STATE,)
        )
    }
    held = [event for event in events.known_events(desk.db, wanted.kind) if event.id not in planned]
    years = [int(event.date[:4]) for event in held if event.date[:4].isdecimal()]
    numbers = [event.ordinal for event in held if event.ordinal is not None]
    return CadenceShown(wanted.kind, rules.cadence(years, numbers, wanted.every_years))


def not_found(_desk: Desk, _wanted: NothingWanted) -> Sequence[str]:
    """Return what was looked for when the bundled facts were compiled, and not found: unknown, never "no"."""
    return bundle.facts().not_found


QUERIES = (
    Query(
        name="disagreements", text="Claims that disagree, side by side.", asks=DisagreementsWanted, run=disagreements
    ),
    Query(name="about", text="What is known of a subject, and how.", asks=AboutWanted, run=about_),
    Query(name="show", text="A claim with its history.", asks=ClaimWanted, run=shown),
    Query(name="sources", text="What claims rest on.", asks=SourcesWanted, run=sources),
    Query(name="names", text="What subjects are called.", asks=NamesWanted, run=names),
    Query(name="events", text="Meetings and exercises that claims tell of.", asks=EventsWanted, run=events_),
    Query(name="cadence", text="How regularly something was seen.", asks=CadenceWanted, run=cadence),
    Query(name="not-found", text="What was looked for and not found.", asks=NothingWanted, run=not_found),
)
