"""What desk officers do with the roadmap: state its frame, agree on milestones, move a forecast openly, say together that one is reached."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from kizuna.domains.dialogue import steps
from kizuna.domains.dialogue.asking import ROLES, Key, Reason, Text, day, or_withheld, stepping
from kizuna.domains.dialogue.milestones import MILESTONE
from kizuna.errors import RefusedError
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome


class PlanAsked(Asked, frozen=True):
    """Plan a milestone; the other side signs its day."""

    key: Key
    other: Annotated[str, Meta(description="The other party.")]
    owner_party: Annotated[str, Meta(description="The party that answers for it.")]
    title: Text
    baseline_on: Annotated[str, Meta(description="The day by which it should be reached, YYYY-MM-DD; it never moves.")]
    initiative: Annotated[str, Meta(description="The initiative that it belongs to.")] = ""
    depends_on: Annotated[tuple[str, ...], Meta(description="A milestone that comes before it; may be repeated.")] = ()
    commitment: Annotated[str, Meta(description="The commitment that it serves.")] = ""


class NoteAsked(Asked, frozen=True):
    """A step that may say a word."""

    key: Key
    note: Annotated[str, Meta(description="In words.", max_length=2000)] = ""


class GiveReasonAsked(Asked, frozen=True):
    """A step that needs a reason."""

    key: Key
    reason: Reason


class MoveAsked(Asked, frozen=True):
    """Move the forecast."""

    key: Key
    forecast_on: Annotated[str, Meta(description="The day on which it is expected now, YYYY-MM-DD.")]
    reason: Reason


class ReachAsked(Asked, frozen=True):
    """Say that a milestone is reached; the other side signs."""

    key: Key
    done_on: Annotated[str, Meta(description="The day on which it was reached, YYYY-MM-DD.")]
    evidence: Text


def plan(desk: Desk, asked: PlanAsked) -> Outcome:
    """Plan a milestone.

    Raises:
        RefusedError: its day is none, the owner is neither side, or it waits on itself or on one that is not known here.
    """
    for name in asked.depends_on:
        if name == asked.key or desk.find(MILESTONE, name) is None:
            raise RefusedError(f"`{asked.key}` cannot wait on `{name[:100]}`: name another milestone that is held here")
    if asked.owner_party not in (desk.party, asked.other):
        raise RefusedError(
            f"`{asked.owner_party}` is neither `{desk.party}` nor `{asked.other}`: one of the two owns a milestone"
        )
    body = steps.MilestonePlanned(
        other=asked.other, owner_party=asked.owner_party, initiative=or_withheld(asked.initiative), title=asked.title,
        baseline_on=day(asked.baseline_on, "baseline"), depends_on=or_withheld(asked.depends_on), commitment=or_withheld(asked.commitment),
    )  # fmt: skip
    return Outcome((desk.open(MILESTONE, asked.key, body),))


def _moved(asked: MoveAsked) -> steps.ForecastMoved:
    return steps.ForecastMoved(forecast_on=day(asked.forecast_on, "forecast"), reason=asked.reason)


def _reached(asked: ReachAsked) -> steps.MilestoneReached:
    return steps.MilestoneReached(done_on=day(asked.done_on, "day"), evidence=asked.evidence)


def _operation(name: str, text: str, asks: type[Asked], run: Any) -> Operation:
    return Operation(name=name, text=text, asks=asks, run=run, roles=ROLES)


OPERATIONS = (
    _operation("plan-milestone", "Plan a milestone with its baseline; the other side signs.", PlanAsked, plan),
    _operation(
        "start-milestone", "State that a milestone of ours is under way.", NoteAsked,
        stepping(MILESTONE, lambda asked: steps.MilestoneStarted(note=or_withheld(asked.note))),
    ),
    _operation(
        "raise-risk", "State that the day of a milestone of ours is in danger.", GiveReasonAsked,
        stepping(MILESTONE, lambda asked: steps.RiskRaised(reason=asked.reason)),
    ),
    _operation("move-forecast", "Expect a milestone of ours on another day; the old ones stay.", MoveAsked, stepping(MILESTONE, _moved)),
    _operation("reach-milestone", "Say that a milestone of ours is reached; the other side signs.", ReachAsked, stepping(MILESTONE, _reached)),
    _operation(
        "cancel-milestone", "Give a milestone up; the other side signs.", GiveReasonAsked,
        stepping(MILESTONE, lambda asked: steps.MilestoneCancelled(reason=asked.reason)),
    ),
)  # fmt: skip
