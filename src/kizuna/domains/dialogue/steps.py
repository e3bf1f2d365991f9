"""What two parties sign of the dialogue: the steps of meetings, minutes, commitments and milestones.

Every field of a step is disclosed to the other side. `desk` officers sign; which step may follow which is in `kizuna.domains.dialogue.cases`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from kizuna.domains.dialogue.records import STATEMENTS, Day, Ordinal, When
from kizuna.kernel.record import WITHHELD, Body, Withheld

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Language = Annotated[str, msgspec.Meta(pattern=r"\A[a-z]{2,3}\Z")]
Becomes = Literal["carried", "closed", "superseded", "dropped"]
Strength = Literal["commits", "decides", "agrees", "will", "intends"]


class TextVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A joint text in one language, paragraph by paragraph."""

    language: Language
    paragraphs: tuple[str, ...]


class Comment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A remark on one paragraph, counted from 1; 0 is the text as a whole."""

    paragraph: int
    text: str


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a meeting decided, in words, and the paragraph of the joint text that says so (0 where none does)."""

    text: str
    paragraph: int = 0


class Disposition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a meeting made of a commitment that was open before it."""

    commitment: str
    becomes: Becomes


# --- meeting ----------------------------------------------------------------------------------------------------------------------


class MeetingProposed(Body, frozen=True):
    """The host proposes a meeting of a mechanism; the guest signs."""

    mechanism: str | Withheld = WITHHELD
    guest: str | Withheld = WITHHELD
    ordinal: Ordinal | Withheld = WITHHELD
    title: str | Withheld = WITHHELD
    starts_on: Day | Withheld = WITHHELD
    ends_on: Day | Withheld = WITHHELD
    place: str | Withheld = WITHHELD


class MeetingRescheduled(Body, frozen=True):
    """New days and place; the other side signs."""

    starts_on: Day | Withheld = WITHHELD
    ends_on: Day | Withheld = WITHHELD
    place: str | Withheld = WITHHELD


class MeetingPostponed(Body, frozen=True):
    """One side cannot come: the days no longer hold."""

    reason: str | Withheld = WITHHELD


class MeetingCancelled(Body, frozen=True):
    """One side calls the meeting off."""

    reason: str | Withheld = WITHHELD


class AgendaItemAdded(Body, frozen=True):
    """An item for the agenda, after the commitments that are carried."""

    title: str | Withheld = WITHHELD
    owner_party: str | Withheld = WITHHELD
    commitment: str | Withheld = WITHHELD


class MeetingHeld(Body, frozen=True):
    """The host states that the meeting took place."""

    starts_on: Day | Withheld = WITHHELD
    ends_on: Day | Withheld = WITHHELD
    place: str | Withheld = WITHHELD
    delegations: tuple[str, ...] | Withheld = WITHHELD


class MeetingReported(Body, frozen=True):
    """What came out of a meeting: its joint text, decisions, and what became of every commitment that was open."""

    minute: str | Withheld = WITHHELD
    decisions: tuple[Decision, ...] | Withheld = WITHHELD
    dispositions: tuple[Disposition, ...] | Withheld = WITHHELD


# --- minute -----------------------------------------------------------------------------------------------------------------------


class MinuteDrafted(Body, frozen=True):
    """The host's draft of a joint text."""

    meeting: str | Withheld = WITHHELD
    guest: str | Withheld = WITHHELD
    title: str | Withheld = WITHHELD
    texts: tuple[TextVersion, ...] | Withheld = WITHHELD


class MinuteRevised(Body, frozen=True):
    """The host's next draft, whole."""

    texts: tuple[TextVersion, ...] | Withheld = WITHHELD


class MinuteCommented(Body, frozen=True):
    """The guest's comments on the draft."""

    comments: tuple[Comment, ...] | Withheld = WITHHELD


class MinuteAgreed(Body, frozen=True):
    """One side offers the text as it stands, named by its hash; the other signs."""

    text_sha256: Sha256 | Withheld = WITHHELD


class MinutePublished(Body, frozen=True):
    """The agreed text may be published; the other side signs."""

    note: str | Withheld = WITHHELD


class MinuteRestricted(Body, frozen=True):
    """One side keeps the agreed text between the two."""

    reason: str | Withheld = WITHHELD


# --- commitment -------------------------------------------------------------------------------------------------------------------


class CommitmentIdentified(Body, frozen=True):
    """One side reads a promise in an agreed text; the other signs that it is one.

    `paragraph_text` is the source paragraph and `paragraph_sha256` its hash. `first_made_on` is the day of the first promise, which no restatement
    moves; `made_on` is that of the meeting whose text is quoted. Without `due_on` the promise is open; `due_phrase` keeps words such as `early`.
    """

    other: str | Withheld = WITHHELD
    text: str | Withheld = WITHHELD
    strength: Strength | Withheld = WITHHELD
    actors: tuple[str, ...] | Withheld = WITHHELD
    measurable: bool | Withheld = WITHHELD
    indicator: str | Withheld = WITHHELD
    target: str | Withheld = WITHHELD
    due_on: When | Withheld = WITHHELD
    due_phrase: str | Withheld = WITHHELD
    meeting: str | Withheld = WITHHELD
    mechanism: str | Withheld = WITHHELD
    made_on: Day | Withheld = WITHHELD
    first_made_at: str | Withheld = WITHHELD
    first_made_on: Day | Withheld = WITHHELD
    restates: str | Withheld = WITHHELD
    minute: str | Withheld = WITHHELD
    paragraph: Ordinal | Withheld = WITHHELD
    language: Language | Withheld = WITHHELD
    paragraph_text: str | Withheld = WITHHELD
    paragraph_sha256: Sha256 | Withheld = WITHHELD
    parent: str | Withheld = WITHHELD
    milestone: str | Withheld = WITHHELD


class CommitmentDeclined(Body, frozen=True):
    """The other side does not read the text as a promise."""

    reason: str | Withheld = WITHHELD


class OwnerAssigned(Body, frozen=True):
    """A side names its own owner: an office, not a person."""

    owner: str | Withheld = WITHHELD


class OwnerChanged(Body, frozen=True):
    """A side names another owner while the work goes on."""

    owner: str | Withheld = WITHHELD


class WorkStarted(Body, frozen=True):
    """Work has begun; both owners are named."""

    note: str | Withheld = WITHHELD


class EvidenceAttached(Body, frozen=True):
    """Something that shows what was done: when it happened, what it refers to, and the digest of a document where one is held."""

    on: When | Withheld = WITHHELD
    text: str | Withheld = WITHHELD
    ref: str | Withheld = WITHHELD
    sha256: Sha256 | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD


class ProgressReported(Body, frozen=True):
    """A side's own assessment; those of the two sides stand apart."""

    assessment: Literal["not-begun", "behind", "on-course", "done"] | Withheld = WITHHELD
    text: str | Withheld = WITHHELD
    as_of: Day | Withheld = WITHHELD


class DoneClaimed(Body, frozen=True):
    """A side that promised says that it is done."""

    done_on: When | Withheld = WITHHELD
    text: str | Withheld = WITHHELD


class DoneAccepted(Body, frozen=True):
    """The other side accepts that it is done."""

    text: str | Withheld = WITHHELD


class DoneRejected(Body, frozen=True):
    """The other side does not: the work goes on."""

    reason: str | Withheld = WITHHELD


class CommitmentVerified(Body, frozen=True):
    """Both sides sign that the evidence, named by record ids, shows it done."""

    evidence: tuple[str, ...] | Withheld = WITHHELD


class CommitmentRestated(Body, frozen=True):
    """A later meeting says it again; the first date stays. The other side signs."""

    meeting: str | Withheld = WITHHELD
    mechanism: str | Withheld = WITHHELD
    on: Day | Withheld = WITHHELD
    minute: str | Withheld = WITHHELD
    paragraph: Ordinal | Withheld = WITHHELD


class CommitmentSuperseded(Body, frozen=True):
    """Another commitment takes its place; the other side signs."""

    by: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class CommitmentDropped(Body, frozen=True):
    """It is given up, with the reason; the other side signs."""

    reason: str | Withheld = WITHHELD


class CommitmentLapsed(Body, frozen=True):
    """The day by which it was due has passed; it stays on the board until both close it."""

    due_on: When | Withheld = WITHHELD


class ScoreGiven(Body, frozen=True):
    """One side's score of the two sides' promise: -1 not done, 0 in part, +1 done.

    The evidence, named by record ids, is dated between `from_on` and `as_of`, both included. `guideline` names the rules of scoring, with version.
    """

    value: Literal[-1, 0, 1] | Withheld = WITHHELD
    rationale: str | Withheld = WITHHELD
    evidence: tuple[str, ...] | Withheld = WITHHELD
    from_on: Day | Withheld = WITHHELD
    as_of: Day | Withheld = WITHHELD
    guideline: str | Withheld = WITHHELD


# --- milestone --------------------------------------------------------------------------------------------------------------------


class MilestonePlanned(Body, frozen=True):
    """A milestone with the day on which both agree that it should be reached: its baseline, which nothing moves."""

    other: str | Withheld = WITHHELD
    owner_party: str | Withheld = WITHHELD
    initiative: str | Withheld = WITHHELD
    title: str | Withheld = WITHHELD
    baseline_on: Day | Withheld = WITHHELD
    depends_on: tuple[str, ...] | Withheld = WITHHELD
    commitment: str | Withheld = WITHHELD


class MilestoneStarted(Body, frozen=True):
    """The owner has begun, or is on course again."""

    note: str | Withheld = WITHHELD


class RiskRaised(Body, frozen=True):
    """The owner sees the day in danger."""

    reason: str | Withheld = WITHHELD


class ForecastMoved(Body, frozen=True):
    """The owner expects another day; baseline and earlier forecasts stay."""

    forecast_on: Day | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class MilestoneReached(Body, frozen=True):
    """The owner says that it is reached; done once the other side has signed."""

    done_on: Day | Withheld = WITHHELD
    evidence: str | Withheld = WITHHELD


class MilestoneCancelled(Body, frozen=True):
    """It is given up; the other side signs."""

    reason: str | Withheld = WITHHELD


STEPS: dict[str, type[Body]] = {
    "dialogue.agenda-item-added.v1": AgendaItemAdded,
    "dialogue.commitment-declined.v1": CommitmentDeclined,
    "dialogue.commitment-dropped.v1": CommitmentDropped,
    "dialogue.commitment-identified.v1": CommitmentIdentified,
    "dialogue.commitment-lapsed.v1": CommitmentLapsed,
    "dialogue.commitment-restated.v1": CommitmentRestated,
    "dialogue.commitment-superseded.v1": CommitmentSuperseded,
    "dialogue.commitment-verified.v1": CommitmentVerified,
    "dialogue.done-accepted.v1": DoneAccepted,
    "dialogue.done-claimed.v1": DoneClaimed,
    "dialogue.done-rejected.v1": DoneRejected,
    "dialogue.evidence-attached.v1": EvidenceAttached,
    "dialogue.forecast-moved.v1": ForecastMoved,
    "dialogue.meeting-cancelled.v1": MeetingCancelled,
    "dialogue.meeting-held.v1": MeetingHeld,
    "dialogue.meeting-postponed.v1": MeetingPostponed,
    "dialogue.meeting-proposed.v1": MeetingProposed,
    "dialogue.meeting-reported.v1": MeetingReported,
    "dialogue.meeting-rescheduled.v1": MeetingRescheduled,
    "dialogue.milestone-cancelled.v1": MilestoneCancelled,
    "dialogue.milestone-planned.v1": MilestonePlanned,
    "dialogue.milestone-reached.v1": MilestoneReached,
    "dialogue.milestone-started.v1": MilestoneStarted,
    "dialogue.minute-agreed.v1": MinuteAgreed,
    "dialogue.minute-commented.v1": MinuteCommented,
    "dialogue.minute-drafted.v1": MinuteDrafted,
    "dialogue.minute-published.v1": MinutePublished,
    "dialogue.minute-restricted.v1": MinuteRestricted,
    "dialogue.minute-revised.v1": MinuteRevised,
    "dialogue.owner-assigned.v1": OwnerAssigned,
    "dialogue.owner-changed.v1": OwnerChanged,
    "dialogue.progress-reported.v1": ProgressReported,
    "dialogue.risk-raised.v1": RiskRaised,
    "dialogue.score-given.v1": ScoreGiven,
    "dialogue.work-started.v1": WorkStarted,
}

RECORDS: dict[str, type[Body]] = STATEMENTS | STEPS
