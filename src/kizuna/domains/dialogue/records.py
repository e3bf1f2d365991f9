"""What one party says of the dialogue: mechanisms, meetings and promises as sources tell them, positions, documents, the roadmap's frame.

None of these binds the other side; what both sign is a step of a case (`kizuna.domains.dialogue.steps`). Dates are `YYYY`, `YYYY-MM` or
`YYYY-MM-DD`, as precisely as they are known. What was not found is left out, which never says that it did not happen.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from kizuna.kernel.record import WITHHELD, Body, Withheld

Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
"""A day, `YYYY-MM-DD`."""
When = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?\Z")]
"""A date as far as it is known: a year, a month or a day."""
Ordinal = Annotated[int, msgspec.Meta(ge=1)]
Level = Literal[
    "head-of-government", "minister", "secretary", "agency-head", "adviser", "staff", "official", "industry"
]
Confidence = Literal["primary", "stated-in-source", "news", "derived", "unconfirmed"]
"""How well a fact is supported: the official text was seen, a source article says it, news report it, it was computed, or it was told once."""
Status = Literal["fulfilled", "fulfilled-late", "open", "standing", "unknown"]
StepKind = Literal["restated", "evidence", "acknowledged", "progress", "related"]
RoadmapKind = Literal["roadmap", "goal", "initiative"]


class CitedStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that happened to a cited promise: when, what kind of thing, in words, and what it refers to."""

    on: When
    kind: StepKind
    text: str
    ref: str = ""
    confidence: Confidence = "news"


class MechanismDescribed(Body, frozen=True):
    """A standing forum of two parties: its level, who chairs it, how often it should meet and who hosts.

    `host_rule` is `alternates` where the parties host in turn. `cadence_months` is left out where no source states it.
    """

    mechanism: str | Withheld = WITHHELD
    title: str | Withheld = WITHHELD
    level: Level | Withheld = WITHHELD
    parties: tuple[str, ...] | Withheld = WITHHELD
    posts: tuple[str, ...] | Withheld = WITHHELD
    cadence_months: Ordinal | Withheld = WITHHELD
    host_rule: Literal["alternates", "none"] | Withheld = WITHHELD
    instituted_by: str | Withheld = WITHHELD
    note: str | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD


class MeetingCited(Body, frozen=True):
    """A meeting as sources tell of it; `planned` says only that it was foreseen."""

    meeting: str | Withheld = WITHHELD
    mechanism: str | Withheld = WITHHELD
    ordinal: Ordinal | Withheld = WITHHELD
    state: Literal["held", "planned"] | Withheld = WITHHELD
    starts_on: When | Withheld = WITHHELD
    ends_on: When | Withheld = WITHHELD
    place: str | Withheld = WITHHELD
    host: str | Withheld = WITHHELD
    participants: str | Withheld = WITHHELD
    note: str | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD


class CommitmentCited(Body, frozen=True):
    """A promise as sources tell of it, with what became of it; a case of two parties may take it up by its name."""

    commitment: str | Withheld = WITHHELD
    text: str | Withheld = WITHHELD
    actors: tuple[str, ...] | Withheld = WITHHELD
    meeting: str | Withheld = WITHHELD
    mechanism: str | Withheld = WITHHELD
    made_on: When | Withheld = WITHHELD
    due_on: When | Withheld = WITHHELD
    due_phrase: str | Withheld = WITHHELD
    document: str | Withheld = WITHHELD
    measurable: bool | Withheld = WITHHELD
    indicator: str | Withheld = WITHHELD
    status: Status | Withheld = WITHHELD
    fulfilled_on: When | Withheld = WITHHELD
    steps: tuple[CitedStep, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD


class PositionNoted(Body, frozen=True):
    """A view that was welcomed, shared or reaffirmed: kept beside the promises and never counted among them."""

    position: str | Withheld = WITHHELD
    text: str | Withheld = WITHHELD
    held_by: tuple[str, ...] | Withheld = WITHHELD
    meeting: str | Withheld = WITHHELD
    why: str | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD


class DocumentExchanged(Body, frozen=True):
    """One party gave or explained a document to the other; `sha256` is its digest where the document itself is held."""

    exchange: str | Withheld = WITHHELD
    giver: str | Withheld = WITHHELD
    taker: str | Withheld = WITHHELD
    text: str | Withheld = WITHHELD
    on: When | Withheld = WITHHELD
    meeting: str | Withheld = WITHHELD
    sha256: str | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD


class RoadmapItemSet(Body, frozen=True):
    """A roadmap, a goal of it or an initiative towards a goal: the frame in which milestones stand. `parent` names what it is part of."""

    item: str | Withheld = WITHHELD
    kind: RoadmapKind | Withheld = WITHHELD
    parent: str | Withheld = WITHHELD
    title: str | Withheld = WITHHELD
    horizon_on: When | Withheld = WITHHELD
    commitment: str | Withheld = WITHHELD
    note: str | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD


MECHANISM = "dialogue.mechanism-described.v1"
MEETING_CITED = "dialogue.meeting-cited.v1"
COMMITMENT_CITED = "dialogue.commitment-cited.v1"
POSITION = "dialogue.position-noted.v1"
DOCUMENT = "dialogue.document-exchanged.v1"
ROADMAP = "dialogue.roadmap-item-set.v1"

STATEMENTS: dict[str, type[Body]] = {
    COMMITMENT_CITED: CommitmentCited,
    DOCUMENT: DocumentExchanged,
    MECHANISM: MechanismDescribed,
    MEETING_CITED: MeetingCited,
    POSITION: PositionNoted,
    ROADMAP: RoadmapItemSet,
}
