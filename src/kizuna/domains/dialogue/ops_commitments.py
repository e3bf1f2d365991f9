"""What desk officers do with commitments: read them in an agreed text, own them, show what was done, score them, and close them together."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from kizuna.domains.dialogue import lookup, records, rules, steps
from kizuna.domains.dialogue.asking import (
    ROLES,
    Key,
    Reason,
    Sources,
    Text,
    date,
    day,
    known_meeting,
    or_withheld,
    stepping,
)
from kizuna.domains.dialogue.commitments import COMMITMENT, owners
from kizuna.domains.dialogue.meetings import opening, shown
from kizuna.domains.dialogue.reading import read
from kizuna.errors import RefusedError
from kizuna.kernel.casework import CaseView
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement
from kizuna.kernel.statement import day_of

AGREED = ("agreed", "published", "restricted")


class IdentifyAsked(Asked, frozen=True):
    """Read a promise in a paragraph of an agreed text; the other side signs that it is one."""

    key: Key
    minute: Annotated[str, Meta(description="The agreed text, by the key of its minute.")]
    paragraph: Annotated[int, Meta(description="The paragraph that promises it, from 1.", ge=1)]
    text: Annotated[str, Meta(description="The promise in our words.", min_length=1, max_length=2000)]
    actors: Annotated[tuple[str, ...], Meta(description="A party that promises; both where not given.")] = ()
    language: Annotated[
        str, Meta(description="The language in which the paragraph is quoted; the first where not given.")
    ] = ""
    due_on: Annotated[str, Meta(description="By when: YYYY, YYYY-MM or YYYY-MM-DD; open where not given.")] = ""
    due_phrase: Annotated[str, Meta(description="The text's own words for the time, like `early`.")] = ""
    indicator: Annotated[str, Meta(description="What would be counted; says that it can be measured.")] = ""
    target: Annotated[str, Meta(description="How much of it.")] = ""
    restates: Annotated[str, Meta(description="The earlier promise that this says again; its first date is kept.")] = ""
    parent: Annotated[str, Meta(description="A commitment of which this is a part.")] = ""
    milestone: Annotated[str, Meta(description="A milestone that this serves.")] = ""


class KeyAsked(Asked, frozen=True):
    """A step that may say a word."""

    key: Key
    note: Annotated[str, Meta(description="In words.", max_length=2000)] = ""


class GiveReasonAsked(Asked, frozen=True):
    """A step that needs a reason."""

    key: Key
    reason: Reason


class AssignAsked(Asked, frozen=True):
    """Name our owner."""

    key: Key
    owner: Annotated[str, Meta(description="The office that answers for it on our side.", min_length=1, max_length=200)]


class AttachAsked(Asked, frozen=True):
    """Attach evidence."""

    key: Key
    on: Annotated[str, Meta(description="When it happened: YYYY, YYYY-MM or YYYY-MM-DD.")]
    text: Text
    ref: Annotated[str, Meta(description="What it refers to, like `exercise-veer-guardian-2023`.")] = ""
    sha256: Annotated[
        str, Meta(description="The digest of a document, hex, where one is held.", pattern=r"\A(?:[0-9a-f]{64})?\Z")
    ] = ""
    sources: Sources = ()


class ProgressAsked(Asked, frozen=True):
    """Our own assessment."""

    key: Key
    assessment: Annotated[Literal["not-begun", "behind", "on-course", "done"], Meta(description="How it stands.")]
    text: Text
    as_of: Annotated[str, Meta(description="As of this day; today where not given.")] = ""


class ClaimDoneAsked(Asked, frozen=True):
    """Say that it is done."""

    key: Key
    done_on: Annotated[str, Meta(description="When it was done: YYYY, YYYY-MM or YYYY-MM-DD.")]
    text: Text


class VerifyAsked(Asked, frozen=True):
    """Sign that the evidence shows it done; the other side signs too."""

    key: Key
    evidence: Annotated[
        tuple[str, ...], Meta(description="Evidence by its record id; all that is attached where not given.")
    ] = ()


class RestateAsked(Asked, frozen=True):
    """A later meeting says it again; its first date stays."""

    key: Key
    meeting: Annotated[str, Meta(description="The meeting that says it again.")]
    minute: Annotated[str, Meta(description="The agreed text, by the key of its minute.")] = ""
    paragraph: Annotated[int, Meta(description="The paragraph, from 1; 0 where none is named.", ge=0)] = 0


class SupersedeAsked(Asked, frozen=True):
    """Another commitment takes its place."""

    key: Key
    by: Annotated[str, Meta(description="The commitment that takes its place.", min_length=1)]
    reason: Reason


class ScoreAsked(Asked, frozen=True):
    """Our score."""

    key: Key
    value: Annotated[Literal[-1, 0, 1], Meta(description="-1 not done, 0 in part, 1 done.")]
    rationale: Text
    evidence: Annotated[
        tuple[str, ...], Meta(description="Evidence by its record id; all that lies in the window where not given.")
    ] = ()
    from_on: Annotated[str, Meta(description="The window's first day; that of the first promise where not given.")] = ""
    as_of: Annotated[str, Meta(description="The window's last day; today where not given.")] = ""
    guideline: Annotated[str, Meta(description="The rules of scoring and their version.")] = rules.GUIDELINE


# --- identify ---------------------------------------------------------------------------------------------------------------------


def identified(desk: Desk, asked: IdentifyAsked) -> Statement:
    """Return the statement that opens a commitment.

    Raises:
        RefusedError: the text is not agreed or has no such paragraph, a date is none or before the meeting, or the earlier promise is not known.
    """
    found = [
        *desk.db.execute(
            "SELECT state, meeting, host, guest FROM dialogue_minute WHERE case_id = ?",
            (f"dialogue.minute:{asked.minute}",),
        )
    ]
    if not found or found[0][0] not in AGREED:
        state = f"is `{found[0][0]}`" if found else "is not held here"
        raise RefusedError(f"the text `{asked.minute[:100]}` {state}: a commitment is read in agreed text only")
    _, meeting_name, host, guest = found[0]
    meeting = known_meeting(desk, meeting_name)
    made_on = rules.exact(meeting.ends_on or meeting.starts_on)
    if not made_on:
        raise RefusedError(
            f"the day of `{meeting_name}` is known as `{meeting.starts_on}` only: a promise needs its day"
        )
    language, text, sha256 = _paragraph(desk, asked)
    first_at, first_on = _first(desk, asked.restates, meeting_name, made_on)
    reading = next((each for each in read((text,), language) if each.kind == "commitment"), None)
    body = steps.CommitmentIdentified(
        other=guest if desk.party == host else host, text=asked.text,
        strength=(reading.strength if reading is not None else None) or WEAKEST, actors=asked.actors or tuple(sorted((host, guest))),
        measurable=bool(asked.indicator), indicator=or_withheld(asked.indicator), target=or_withheld(asked.target),
        due_on=date(asked.due_on, "due date") if asked.due_on else or_withheld(""), due_phrase=or_withheld(asked.due_phrase),
        meeting=meeting_name, mechanism=or_withheld(meeting.mechanism), made_on=made_on, first_made_at=first_at, first_made_on=first_on,
        restates=or_withheld(asked.restates), minute=asked.minute, paragraph=asked.paragraph, language=language, paragraph_text=text,
        paragraph_sha256=sha256, parent=or_withheld(asked.parent), milestone=or_withheld(asked.milestone),
    )  # fmt: skip
    return desk.open(COMMITMENT, asked.key, body)


WEAKEST: steps.Strength = "intends"
"""What a promise is called whose paragraph has no binding verb that the reader knows: a person confirmed it all the same."""


def _paragraph(desk: Desk, asked: IdentifyAsked) -> tuple[str, str, str]:
    """Return language, text and hash of the paragraph that is quoted."""
    rows = {
        language: (text, sha256)
        for language, text, sha256 in desk.db.execute(
            "SELECT language, text, sha256 FROM dialogue_paragraph WHERE case_id = ? AND no = ?",
            (f"dialogue.minute:{asked.minute}", asked.paragraph),
        )
    }
    if not rows:
        raise RefusedError(f"the text `{asked.minute}` has no paragraph {asked.paragraph}")
    language = asked.language or ("en" if "en" in rows else min(rows))
    if language not in rows:
        raise RefusedError(
            f"the text `{asked.minute}` is not held in `{language[:10]}`: choose one of {', '.join(sorted(rows))}"
        )
    return language, *rows[language]


def _first(desk: Desk, restates: str, meeting: str, made_on: str) -> tuple[str, str]:
    """Return where and when a promise was first made: a restatement never moves that."""
    if not restates:
        return meeting, made_on
    for first_at, first_on in desk.db.execute(
        "SELECT first_made_at, first_made_on FROM dialogue_commitment WHERE case_id = ?",
        (f"dialogue.commitment:{restates}",),
    ):
        return first_at or meeting, first_on or made_on
    for cited in lookup.told(desk.db, records.COMMITMENT_CITED, name=restates):
        first_on = rules.exact(shown(cited.body, "made_on"))
        if not first_on:
            raise RefusedError(
                f"`{restates}` was first made in `{shown(cited.body, 'made_on')}`: its day is not known, so it cannot be restated"
            )
        return str(shown(cited.body, "meeting") or meeting), first_on
    raise RefusedError(f"no promise is called `{restates[:100]}` here: look it up with `kizuna dialogue commitments`")


def identify(desk: Desk, asked: IdentifyAsked) -> Outcome:
    """Open a commitment; see `identified`."""
    return Outcome((identified(desk, asked),))


# --- the rest ---------------------------------------------------------------------------------------------------------------------


def _case(desk: Desk, key: str) -> CaseView:
    return desk.case(COMMITMENT, key.removeprefix("dialogue.commitment:"))


def assign(desk: Desk, asked: AssignAsked) -> Outcome:
    """Name our owner, or another one while the work goes on.

    Raises:
        RefusedError: the commitment is not confirmed, or closed, or that office is our owner already.
    """
    view = _case(desk, asked.key)
    if owners(view).get(desk.party) == asked.owner:
        raise RefusedError(f"`{asked.owner}` is our owner of `{view.key}` already")
    begun = view.state.state in ("in_progress", "claimed_done", "accepted_done", "lapsed")
    body = steps.OwnerChanged(owner=asked.owner) if begun else steps.OwnerAssigned(owner=asked.owner)
    return Outcome((desk.step(COMMITMENT, view, body),))


def attach(desk: Desk, asked: AttachAsked) -> Outcome:
    """Attach evidence.

    Raises:
        RefusedError: its date is none, lies ahead, or is older than the promise.
    """
    view = _case(desk, asked.key)
    bounds = rules.bounds(date(asked.on, "date"))
    if bounds is not None and bounds[0] > day_of(desk.now_ms + DAY_MS):
        raise RefusedError(f"evidence of `{asked.on}` lies ahead: attach it once it has happened")
    body = steps.EvidenceAttached(
        on=asked.on, text=asked.text, ref=or_withheld(asked.ref), sha256=or_withheld(asked.sha256), sources=or_withheld(asked.sources)
    )  # fmt: skip
    return Outcome((desk.step(COMMITMENT, view, body),))


def progress(desk: Desk, asked: ProgressAsked) -> Outcome:
    """Give our own assessment.

    Raises:
        RefusedError: the commitment is not open, or the day is none.
    """
    as_of = day(asked.as_of or day_of(desk.now_ms), "day")
    body = steps.ProgressReported(assessment=asked.assessment, text=asked.text, as_of=as_of)
    return Outcome((desk.step(COMMITMENT, _case(desk, asked.key), body),))


def _ids(view: CaseView, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the whole record ids of evidence that is named by their beginnings."""
    held = [move.step.id for move in view.effective("attach")]
    found = []
    for name in given:
        matching = [each for each in held if each.startswith(name)]
        if len(matching) != 1:
            raise RefusedError(
                f"`{name[:64]}` names no evidence of `{view.key}`, or several: give more of its record id"
            )
        found += matching
    return tuple(found)


def verify(desk: Desk, asked: VerifyAsked) -> Outcome:
    """Sign that the evidence shows it done.

    Raises:
        RefusedError: the other side has not accepted it as done, or no evidence is attached.
    """
    view = _case(desk, asked.key)
    evidence = _ids(view, asked.evidence) or tuple(sorted(move.step.id for move in view.effective("attach")))
    return Outcome((desk.step(COMMITMENT, view, steps.CommitmentVerified(evidence=evidence)),))


def restate(desk: Desk, asked: RestateAsked) -> Outcome:
    """Record that a later meeting said it again.

    Raises:
        RefusedError: the meeting is not known to the day, or is older than the promise.
    """
    meeting = known_meeting(desk, asked.meeting)
    body = steps.CommitmentRestated(
        meeting=asked.meeting, mechanism=or_withheld(meeting.mechanism), on=day(meeting.ends_on or meeting.starts_on, "day of the meeting"),
        minute=or_withheld(asked.minute), paragraph=or_withheld(asked.paragraph or None),
    )  # fmt: skip
    return Outcome((desk.step(COMMITMENT, _case(desk, asked.key), body),))


def supersede(desk: Desk, asked: SupersedeAsked) -> Outcome:
    """Put another commitment in its place.

    Raises:
        RefusedError: the other one is not known here.
    """
    other = _case(desk, asked.by)
    body = steps.CommitmentSuperseded(by=other.key, reason=asked.reason)
    return Outcome((desk.step(COMMITMENT, _case(desk, asked.key), body),))


def score(desk: Desk, asked: ScoreAsked) -> Outcome:
    """Give our score.

    Raises:
        RefusedError: no evidence is dated inside the window, or it names some that is none.
    """
    view = _case(desk, asked.key)
    first_on = shown(opening(view, COMMITMENT, "identify").body, "first_made_on")
    from_on = day(asked.from_on or str(first_on), "first day")
    as_of = day(asked.as_of or day_of(desk.now_ms), "last day")
    evidence = _ids(view, asked.evidence) or tuple(
        sorted(
            move.step.id
            for move in view.effective("attach")
            if rules.lies_within(shown(move.body, "on"), from_on, as_of)
        )
    )
    if not evidence:
        raise RefusedError(
            f"no evidence of `{view.key}` is dated between `{from_on}` and `{as_of}`: attach some before you score it"
        )
    body = steps.ScoreGiven(
        value=asked.value, rationale=asked.rationale, evidence=evidence, from_on=from_on, as_of=as_of, guideline=asked.guideline
    )  # fmt: skip
    return Outcome((desk.step(COMMITMENT, view, body),))


def _operation(name: str, text: str, asks: type[Asked], run: Any) -> Operation:
    return Operation(name=name, text=text, asks=asks, run=run, roles=ROLES)


def _claimed(asked: ClaimDoneAsked) -> steps.DoneClaimed:
    return steps.DoneClaimed(done_on=date(asked.done_on, "date"), text=asked.text)


OPERATIONS = (
    _operation("identify", "Read a commitment in an agreed text; the other side confirms by its signature.", IdentifyAsked, identify),
    _operation(
        "decline", "Say that the text holds no such promise.", GiveReasonAsked,
        stepping(COMMITMENT, lambda asked: steps.CommitmentDeclined(reason=asked.reason)),
    ),
    _operation("assign", "Name our own owner.", AssignAsked, assign),
    _operation(
        "start", "State that work has begun.", KeyAsked, stepping(COMMITMENT, lambda asked: steps.WorkStarted(note=or_withheld(asked.note)))
    ),
    _operation("attach", "Attach evidence.", AttachAsked, attach),
    _operation("progress", "Give our own assessment.", ProgressAsked, progress),
    _operation("claim-done", "Say that what we promised is done.", ClaimDoneAsked, stepping(COMMITMENT, _claimed)),
    _operation(
        "accept-done", "Accept that it is done.", KeyAsked,
        stepping(COMMITMENT, lambda asked: steps.DoneAccepted(text=or_withheld(asked.note))),
    ),
    _operation(
        "reject-done", "Do not accept that it is done.", GiveReasonAsked,
        stepping(COMMITMENT, lambda asked: steps.DoneRejected(reason=asked.reason)),
    ),
    _operation("verify", "Sign that the evidence shows it done; the other side signs.", VerifyAsked, verify),
    _operation("restate", "Record that a later meeting said it again; the other side signs.", RestateAsked, restate),
    _operation("supersede", "Put another commitment in its place; the other side signs.", SupersedeAsked, supersede),
    _operation(
        "drop", "Give a commitment up; the other side signs.", GiveReasonAsked,
        stepping(COMMITMENT, lambda asked: steps.CommitmentDropped(reason=asked.reason)),
    ),
    _operation("score", "Give our score, on evidence dated in its window.", ScoreAsked, score),
)  # fmt: skip
