"""What desk officers do with meetings and joint texts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kizuna.domains.dialogue import agenda, lookup, rules, steps
from kizuna.domains.dialogue.asking import (
    ROLES,
    Key,
    Reason,
    Text,
    day,
    known_mechanism,
    known_meeting,
    or_withheld,
    stepping,
)
from kizuna.domains.dialogue.commitments import CLOSED
from kizuna.domains.dialogue.meetings import MEETING, MINUTE, current_texts
from kizuna.errors import RecordError, RefusedError
from kizuna.formats import communique
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome
from kizuna.kernel.statement import day_of

_MOST = 20_000
BECOMES: tuple[steps.Becomes, ...] = ("carried", "closed", "superseded", "dropped")
StartsOn = Annotated[str, Meta(description="First day, YYYY-MM-DD.")]
EndsOn = Annotated[str, Meta(description="Last day, YYYY-MM-DD; the first where not given.")]
Place = Annotated[str, Meta(description="Where.")]
_FILE = {"file": True}


class ProposeMeetingAsked(Asked, frozen=True):
    """Propose a meeting that we host."""

    key: Key
    mechanism: Annotated[str, Meta(description="The mechanism that meets.")]
    guest: Annotated[str, Meta(description="The party that is invited.")]
    starts_on: StartsOn
    ends_on: EndsOn = ""
    place: Place = ""
    ordinal: Annotated[int, Meta(description="Its number in the series; 0 where it is not counted.", ge=0)] = 0
    title: Annotated[str, Meta(description="A title.")] = ""


class RescheduleAsked(Asked, frozen=True):
    """New days for a meeting."""

    key: Key
    starts_on: StartsOn
    ends_on: EndsOn = ""
    place: Place = ""


class GiveReasonAsked(Asked, frozen=True):
    """A step that needs a reason."""

    key: Key
    reason: Reason


class AddItemAsked(Asked, frozen=True):
    """An item for the agenda."""

    key: Key
    title: Text
    owner_party: Annotated[str, Meta(description="The party that speaks to it.")] = ""
    commitment: Annotated[str, Meta(description="The commitment that it is about.")] = ""


class HoldMeetingAsked(Asked, frozen=True):
    """The meeting took place."""

    key: Key
    starts_on: Annotated[str, Meta(description="First day; as agreed where not given.")] = ""
    ends_on: Annotated[str, Meta(description="Last day; as agreed where not given.")] = ""
    place: Annotated[str, Meta(description="Where; as agreed where not given.")] = ""
    delegations: Annotated[tuple[str, ...], Meta(description="Heads of delegation, by post; may be repeated.")] = ()


class ReportMeetingAsked(Asked, frozen=True):
    """What came out of a meeting; every commitment that is open is carried, closed, superseded or dropped."""

    key: Key
    minute: Annotated[str, Meta(description="The joint text, by the key of its minute.")] = ""
    decisions: Annotated[
        tuple[steps.Decision, ...], Meta(description="What was decided, each with its paragraph (in the body file).")
    ] = ()
    closed: Annotated[tuple[str, ...], Meta(description="A commitment that is closed; may be repeated.")] = ()
    superseded: Annotated[tuple[str, ...], Meta(description="A commitment that is superseded; may be repeated.")] = ()
    dropped: Annotated[tuple[str, ...], Meta(description="A commitment that is dropped; may be repeated.")] = ()
    carried: Annotated[tuple[str, ...], Meta(description="A commitment that is carried on; may be repeated.")] = ()
    carry_rest: Annotated[bool, Meta(description="Carry on every open commitment that is not named.")] = False


class DraftAsked(Asked, frozen=True):
    """Draft a joint text."""

    key: Key
    meeting: Annotated[str, Meta(description="The meeting whose text it is.")]
    guest: Annotated[str, Meta(description="The other party.")]
    text: Annotated[bytes, Meta(description="The text: a DOCX, HTML or UTF-8 text file.", extra=_FILE)]
    language: Annotated[str, Meta(description="Its language, like `en`.", pattern=r"\A[a-z]{2,3}\Z")] = "en"
    title: Annotated[str, Meta(description="Its title.")] = ""
    second_text: Annotated[
        bytes | None, Meta(description="The same text in another language, paragraph by paragraph.", extra=_FILE)
    ] = None
    second_language: Annotated[str, Meta(description="The language of the second text, like `ja` or `hi`.")] = ""


class ReviseAsked(Asked, frozen=True):
    """The next draft of a joint text, whole."""

    key: Key
    text: Annotated[bytes, Meta(description="The text: a DOCX, HTML or UTF-8 text file.", extra=_FILE)]
    language: Annotated[str, Meta(description="Its language, like `en`.", pattern=r"\A[a-z]{2,3}\Z")] = "en"
    second_text: Annotated[
        bytes | None, Meta(description="The same text in another language, paragraph by paragraph.", extra=_FILE)
    ] = None
    second_language: Annotated[str, Meta(description="The language of the second text, like `ja` or `hi`.")] = ""


class CommentAsked(Asked, frozen=True):
    """A comment on the draft."""

    key: Key
    paragraph: Annotated[int, Meta(description="The paragraph, from 1; 0 for the text as a whole.", ge=0)]
    text: Text
    more: Annotated[tuple[steps.Comment, ...], Meta(description="Further comments (in the body file).")] = ()


class KeyAsked(Asked, frozen=True):
    """A step that needs nothing else."""

    key: Key


def propose(desk: Desk, asked: ProposeMeetingAsked) -> Outcome:
    """Propose a meeting.

    Raises:
        RefusedError: the mechanism is not known, its number stands for another meeting already, or a day is none.
    """
    known_mechanism(desk, asked.mechanism)
    if asked.ordinal:
        other = next(
            (
                row
                for row in lookup.series(desk.db, asked.mechanism)
                if row.ordinal == asked.ordinal and row.state != "cancelled"
            ),
            None,
        )
        if other is not None and other.meeting != asked.key:
            raise RefusedError(
                f"number {asked.ordinal} of `{asked.mechanism}` is `{other.meeting}`: give the next number, or none"
            )
    body = steps.MeetingProposed(
        mechanism=asked.mechanism, guest=asked.guest, starts_on=day(asked.starts_on, "first day"),
        ends_on=day(asked.ends_on or asked.starts_on, "last day"), ordinal=or_withheld(asked.ordinal or None), title=or_withheld(asked.title),
        place=or_withheld(asked.place),
    )  # fmt: skip
    expected = agenda.series(desk, agenda.SeriesWanted(mechanism=asked.mechanism))
    out_of_turn = expected.host_rule == "alternates" and expected.next_host not in ("", desk.party)
    told = {"out_of_turn": f"the two alternate, and `{expected.next_host}` would host next"} if out_of_turn else {}
    return Outcome((desk.open(MEETING, asked.key, body),), told)


def _rescheduled(asked: RescheduleAsked) -> steps.MeetingRescheduled:
    return steps.MeetingRescheduled(
        starts_on=day(asked.starts_on, "first day"),
        ends_on=day(asked.ends_on or asked.starts_on, "last day"),
        place=or_withheld(asked.place),
    )


def hold(desk: Desk, asked: HoldMeetingAsked) -> Outcome:
    """State that a meeting took place.

    Raises:
        RefusedError: it was not agreed, its day has not come, or we do not host it.
    """
    view = desk.case(MEETING, asked.key)
    row = known_meeting(desk, asked.key)
    starts_on = day(asked.starts_on or row.starts_on, "first day")
    ends_on = asked.ends_on or (asked.starts_on or row.ends_on)
    body = steps.MeetingHeld(
        starts_on=starts_on, ends_on=day(ends_on, "last day"), place=or_withheld(asked.place or row.place), delegations=or_withheld(asked.delegations)
    )  # fmt: skip
    return Outcome((desk.step(MEETING, view, body),))


def report(desk: Desk, asked: ReportMeetingAsked) -> Outcome:
    """Report a meeting: no open commitment of its mechanism goes without a word.

    Raises:
        RefusedError: one is not disposed of, or in two ways; the joint text is not agreed; a decision names no paragraph of it.
    """
    view = desk.case(MEETING, asked.key)
    row = known_meeting(desk, asked.key)
    given: dict[str, tuple[str, ...]] = {
        becomes: tuple(name.removeprefix("dialogue.commitment:") for name in getattr(asked, becomes))
        for becomes in BECOMES
    }
    named = [name for names in given.values() for name in names]
    waiting = {
        found.commitment: found
        for found in agenda.carried(desk.db, row.mechanism, day_of(desk.now_ms), _MOST)
        if found.basis == "case"
    }
    rest = sorted(set(waiting) - set(named))
    if rest and not asked.carry_rest:
        raise RefusedError(
            f"the report says nothing of {len(rest)} open commitments, `{rest[0]}` among them: carry, close, supersede or drop each, "
            "or carry the rest"
        )
    _check_disposed(desk, given)
    _check_minute(desk, asked)
    disposed = [steps.Disposition(name, becomes) for becomes in BECOMES for name in given[becomes]]
    disposed += [steps.Disposition(name, "carried") for name in rest]
    body = steps.MeetingReported(
        minute=or_withheld(asked.minute), decisions=or_withheld(asked.decisions),
        dispositions=or_withheld(tuple(sorted(disposed, key=lambda each: each.commitment))),
    )  # fmt: skip
    return Outcome((desk.step(MEETING, view, body),), {"carried": len(rest) + len(given["carried"])})


def _check_disposed(desk: Desk, given: dict[str, tuple[str, ...]]) -> None:
    """Refuse a report that calls closed what both sides have not closed: their own records say so, never a report alone."""
    ends = {"closed": "verified", "superseded": "superseded", "dropped": "dropped"}
    for becomes, names in given.items():
        for name in names:
            found = [
                *desk.db.execute(
                    "SELECT state FROM dialogue_commitment WHERE case_id = ?", (f"dialogue.commitment:{name}",)
                )
            ]
            state = found[0][0] if found else ""
            if not state:
                raise RefusedError(
                    f"commitment `{name[:100]}` is not known here: look it up with `kizuna dialogue commitments`"
                )
            if becomes == "carried" and state in CLOSED:
                raise RefusedError(f"`{name}` is `{state}` and cannot be carried: leave it out")
            if becomes != "carried" and state != ends[becomes]:
                raise RefusedError(
                    f"`{name}` is `{state}`, not `{ends[becomes]}`: both sides sign that in its own case first, or carry it"
                )


def _check_minute(desk: Desk, asked: ReportMeetingAsked) -> None:
    if not asked.minute:
        if any(each.paragraph for each in asked.decisions):
            raise RefusedError("a decision names a paragraph, and the report no joint text: give `minute`")
        return
    view = desk.case(MINUTE, asked.minute)
    if view.state.state not in ("agreed", "published", "restricted"):
        raise RefusedError(f"the text `{asked.minute}` is `{view.state.state}`: only agreed text is reported")
    most = len(current_texts(view)[0].paragraphs)
    wrong = [each.paragraph for each in asked.decisions if not 0 <= each.paragraph <= most]
    if wrong:
        raise RefusedError(f"the text `{asked.minute}` has {most} paragraphs, and no `{wrong[0]}`")


# --- joint texts ------------------------------------------------------------------------------------------------------------------


def _texts(asked: DraftAsked | ReviseAsked) -> tuple[steps.TextVersion, ...]:
    if (asked.second_text is None) != (not asked.second_language):
        raise RefusedError("a second text and its language come together: give both or neither")
    try:
        texts = [steps.TextVersion(asked.language, communique.paragraphs(asked.text))]
        if asked.second_text is not None:
            texts.append(steps.TextVersion(asked.second_language, communique.paragraphs(asked.second_text)))
    except RecordError as error:
        raise RefusedError(str(error)) from error
    return tuple(texts)


def draft(desk: Desk, asked: DraftAsked) -> Outcome:
    """Draft a joint text.

    Raises:
        RefusedError: the meeting is not known, a file is no text, or the languages do not align.
    """
    known_meeting(desk, asked.meeting)
    texts = _texts(asked)
    body = steps.MinuteDrafted(meeting=asked.meeting, guest=asked.guest, title=or_withheld(asked.title), texts=texts)
    told = {"paragraphs": len(texts[0].paragraphs), "text_sha256": rules.text_sha256(texts)}
    return Outcome((desk.open(MINUTE, asked.key, body),), told)


def agree(desk: Desk, asked: KeyAsked) -> Outcome:
    """Offer the text as it stands, by its hash.

    Raises:
        RefusedError: there is no such text, or it is agreed already.
    """
    view = desk.case(MINUTE, asked.key)
    sha256 = rules.text_sha256(current_texts(view))
    return Outcome((desk.step(MINUTE, view, steps.MinuteAgreed(text_sha256=sha256)),), {"text_sha256": sha256})


def _commented(asked: CommentAsked) -> steps.MinuteCommented:
    return steps.MinuteCommented(comments=(steps.Comment(asked.paragraph, asked.text), *asked.more))


def _operation(name: str, text: str, asks: type[Asked], run: object) -> Operation:
    return Operation(name=name, text=text, asks=asks, run=run, roles=ROLES)  # type: ignore[arg-type] # each takes its own request


OPERATIONS = (
    _operation("propose-meeting", "Propose a meeting that we host; the guest signs.", ProposeMeetingAsked, propose),
    _operation("reschedule-meeting", "Propose new days; the other side signs.", RescheduleAsked, stepping(MEETING, _rescheduled)),
    _operation(
        "postpone-meeting", "Say that we cannot come on the agreed days.", GiveReasonAsked,
        stepping(MEETING, lambda asked: steps.MeetingPostponed(reason=asked.reason)),
    ),
    _operation(
        "cancel-meeting", "Call a meeting off.", GiveReasonAsked,
        stepping(MEETING, lambda asked: steps.MeetingCancelled(reason=asked.reason)),
    ),
    _operation(
        "add-item", "Put an item on the agenda, after what is carried.", AddItemAsked,
        stepping(
            MEETING,
            lambda asked: steps.AgendaItemAdded(
                title=asked.title, owner_party=or_withheld(asked.owner_party), commitment=or_withheld(asked.commitment)
            ),
        ),
    ),
    _operation("hold-meeting", "State that a meeting took place.", HoldMeetingAsked, hold),
    _operation("report-meeting", "Report decisions and what became of every open commitment.", ReportMeetingAsked, report),
    _operation("draft-minute", "Draft a joint text, paragraph by paragraph.", DraftAsked, draft),
    _operation(
        "revise-minute", "Give the next draft.", ReviseAsked,
        stepping(MINUTE, lambda asked: steps.MinuteRevised(texts=_texts(asked))),
    ),
    _operation("comment-minute", "Comment on the host's draft.", CommentAsked, stepping(MINUTE, _commented)),
    _operation("agree-minute", "Offer the text as it stands, by its hash; the other side signs.", KeyAsked, agree),
    _operation(
        "publish-minute", "Propose to publish an agreed text; the other side signs.", KeyAsked,
        stepping(MINUTE, lambda _asked: steps.MinutePublished()),
    ),
    _operation(
        "restrict-minute", "Keep an agreed text between the two.", GiveReasonAsked,
        stepping(MINUTE, lambda asked: steps.MinuteRestricted(reason=asked.reason)),
    ),
)  # fmt: skip
