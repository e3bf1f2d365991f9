"""A commitment as a case: one side reads it in an agreed text, both confirm it, each names its owner, and only both close it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kizuna.domains.dialogue import rules, steps
from kizuna.domains.dialogue.meetings import DESK, PURPOSES, opening, shown, two_sides
from kizuna.kernel.case import EVERY, CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Move
from kizuna.kernel.journal import Db

CLOSED = ("verified", "superseded", "dropped")
"""In these states nothing more is expected. A commitment that lapsed is overdue, not closed."""
SETTLED = (*CLOSED, "claimed_done", "accepted_done")
"""In these nothing is late: what waits for an answer is not late for being unanswered."""
RULE = "commitment-due"
_RUNNING = ("confirmed", "assigned", "in_progress")
_OPEN = (*_RUNNING, "claimed_done", "accepted_done", "lapsed")
_SCORED = (*_OPEN, *CLOSED)


def _both(name: str, frm: tuple[str, ...], to: str = "") -> Transition:
    return Transition(name=name, frm=frm, to=to, role=DESK, signatures=EVERY, endorser_role=DESK)


TABLE = CaseType(
    name="dialogue.commitment",
    states=("identified", *_OPEN, *CLOSED),
    initial="identified",
    transitions=(
        _both("identify", ("identified",), "confirmed"),
        Transition(name="decline", frm=("identified",), to="dropped", side="other", role=DESK),
        Transition(name="assign", frm=("confirmed", "assigned"), to="assigned", role=DESK),
        Transition(name="change-owner", frm=("in_progress", "claimed_done", "accepted_done", "lapsed"), role=DESK),
        Transition(name="start", frm=("assigned",), to="in_progress", role=DESK),
        Transition(name="attach", frm=(*_OPEN, "verified"), role=DESK),
        Transition(name="report-progress", frm=_OPEN, role=DESK),
        Transition(name="claim-done", frm=("in_progress", "lapsed"), to="claimed_done", role=DESK),
        Transition(name="accept-done", frm=("claimed_done",), to="accepted_done", role=DESK),
        Transition(name="reject-done", frm=("claimed_done",), to="in_progress", role=DESK),
        _both("verify", ("accepted_done",), "verified"),
        _both("restate", _OPEN),
        _both("supersede", _OPEN, "superseded"),
        _both("drop", _OPEN, "dropped"),
        Transition(name="lapse", frm=_RUNNING, to="lapsed"),
        Transition(name="score", frm=_SCORED, role=DESK),
    ),
    precedence=("claim-done", "lapse"),
    resolver_role=DESK,
)


# --- what each step must hold -----------------------------------------------------------------------------------------------------


def _first_on(view: CaseView) -> Any:
    return shown(opening(view, COMMITMENT, "identify").body, "first_made_on")


def _identified(_view: CaseView, move: Move) -> str:
    body = move.body
    made_on, first_on, due_on = (shown(body, name) for name in ("made_on", "first_made_on", "due_on"))
    if not rules.exact(made_on) or not rules.exact(first_on):
        return f"`{made_on}` and `{first_on}` are not both days of the calendar"
    if rules.is_before(made_on, first_on):
        return f"it was first made on `{first_on}`, after the text of `{made_on}` that restates it"
    if due_on is not None and (rules.bounds(due_on) is None or rules.is_before(due_on, made_on)):
        return f"it would be due on `{due_on}`, before the meeting of `{made_on}` that promised it"
    text, sha256 = shown(body, "paragraph_text"), shown(body, "paragraph_sha256")
    if not isinstance(text, str) or rules.paragraph_sha256(text) != sha256:
        return "its source paragraph does not have the hash that is given"
    actors = shown(body, "actors") or ()
    strangers = set(actors) - {move.step.party, shown(body, "other")}
    return "it names no side that promises, or a stranger" if not actors or strangers else ""


def _assigned(_view: CaseView, move: Move) -> str:
    return "" if shown(move.body, "owner") else "an owner has a name: the office that answers for it"


def _started(view: CaseView, _move: Move) -> str:
    missing = sorted(set(view.sides.values()) - owners(view).keys())
    return f"no owner is named by {', '.join(f'`{party}`' for party in missing)}" if missing else ""


def _attached(view: CaseView, move: Move) -> str:
    on = shown(move.body, "on")
    if rules.bounds(on) is None:
        return f"evidence has a date, and `{on}` is none"
    if rules.is_before(on, _first_on(view)):
        return f"evidence of `{on}` is older than the promise of `{_first_on(view)}`"
    return ""


def _claimed(view: CaseView, move: Move) -> str:
    actors = shown(opening(view, COMMITMENT, "identify").body, "actors") or ()
    if move.step.party not in actors:
        return f"only a side that promised says so: {', '.join(f'`{party}`' for party in actors)}"
    done_on = shown(move.body, "done_on")
    if rules.bounds(done_on) is None or rules.is_before(done_on, _first_on(view)):
        return f"`{done_on}` is no date after the promise of `{_first_on(view)}`"
    return ""


def _answered(view: CaseView, move: Move) -> str:
    claim = view.last("claim-done")
    return "the side that claims it done does not judge it" if claim and claim.step.party == move.step.party else ""


def _evidence(view: CaseView, named: object) -> list[Move] | None:
    """Return the attached evidence of those record ids, or None where one of them is none, or none is named."""
    held = {move.step.id: move for move in view.effective("attach")}
    ids = named if isinstance(named, tuple) else ()
    return [held[name] for name in ids] if ids and held.keys() >= set(ids) else None


def _verified(view: CaseView, move: Move) -> str:
    return (
        ""
        if _evidence(view, shown(move.body, "evidence"))
        else "it names no evidence that is attached: attach some first"
    )


def _restated(view: CaseView, move: Move) -> str:
    on = shown(move.body, "on")
    if not rules.exact(on):
        return f"`{on}` is no day"
    return (
        "" if not rules.is_before(on, _first_on(view)) else f"`{on}` is before the first promise of `{_first_on(view)}`"
    )


def _superseded(view: CaseView, move: Move) -> str:
    return "a commitment does not take its own place" if shown(move.body, "by") == view.key else ""


def _scored(view: CaseView, move: Move) -> str:
    from_on, as_of = shown(move.body, "from_on"), shown(move.body, "as_of")
    if rules.days_between(from_on, as_of) is None or rules.is_before(as_of, from_on):
        return f"`{from_on}` to `{as_of}` is no window of days"
    if rules.is_before(from_on, _first_on(view)):
        return f"the window begins on `{from_on}`, before the promise of `{_first_on(view)}`"
    evidence = _evidence(view, shown(move.body, "evidence"))
    if evidence is None:
        return "a score names evidence that is attached: attach some first"
    outside = [on for each in evidence if not rules.lies_within(on := shown(each.body, "on"), from_on, as_of)]
    return f"evidence of `{outside[0]}` does not lie between `{from_on}` and `{as_of}`" if outside else ""


# --- due --------------------------------------------------------------------------------------------------------------------------


def _dues(view: CaseView) -> Iterable[tuple[str, int]]:
    ends_ms = rules.ends_ms(shown(opening(view, COMMITMENT, "identify").body, "due_on"))
    return [(RULE, ends_ms)] if ends_ms is not None and view.state.state in _RUNNING else []


def _lapse(view: CaseView, _rule: str) -> steps.CommitmentLapsed:
    return steps.CommitmentLapsed(due_on=shown(opening(view, COMMITMENT, "identify").body, "due_on"))


# --- rows -------------------------------------------------------------------------------------------------------------------------


def owners(view: CaseView) -> dict[str, str]:
    """Return the owner that each side named last."""
    return {move.step.party: shown(move.body, "owner") or "" for move in view.effective("assign", "change-owner")}


_OPENED = (
    "text", "strength", "indicator", "target", "due_on", "due_phrase", "meeting", "mechanism", "made_on", "first_made_at",
    "first_made_on", "restates", "minute", "paragraph", "language", "paragraph_text", "paragraph_sha256", "parent", "milestone",
)  # fmt: skip


def _rows(db: Db, view: CaseView) -> None:
    move = opening(view, COMMITMENT, "identify")
    made_on = shown(move.body, "made_on")
    restated = [shown(each.body, "on") for each in view.effective("restate")]
    made_again = [made_on] if rules.is_before(shown(move.body, "first_made_on"), made_on) else []
    done = view.last("claim-done") if view.state.state in ("claimed_done", "accepted_done", "verified") else None
    values = {
        "case_id": view.id, "name": view.key, "state": view.state.state, "opener": view.sides["own"], "other": view.sides["other"],
        "closed": int(view.state.state in CLOSED), "actors": " ".join(shown(move.body, "actors") or ()),
        "measurable": int(bool(shown(move.body, "measurable"))), "restated_on": max([*made_again, *filter(None, restated)], default=None),
        "done_on": shown(done.body, "done_on") if done is not None else None,
        "confirmed_at_ms": view.effect_ms("identify"), "closed_at_ms": view.effect_ms("verify", "supersede", "drop", "decline"),
        "superseded_by": shown(found.body, "by") if (found := view.last("supersede")) is not None else None,
        **{name: shown(move.body, name) for name in _OPENED},
    }  # fmt: skip
    db.execute(
        f"INSERT INTO dialogue_commitment ({', '.join(values)}) VALUES ({','.join('?' * len(values))})",
        tuple(values.values()),
    )
    _parts(db, view, move)


def _parts(db: Db, view: CaseView, move: Move) -> None:
    mechanisms = [shown(each.body, "mechanism") for each in (move, *view.effective("restate"))]
    db.executemany(
        "INSERT INTO dialogue_followed (case_id, mechanism) VALUES (?,?)",
        [(view.id, name) for name in dict.fromkeys(filter(None, mechanisms))],
    )
    db.executemany(
        "INSERT INTO dialogue_owner (case_id, party, owner) VALUES (?,?,?)",
        [(view.id, party, owner) for party, owner in owners(view).items()],
    )
    db.executemany(
        "INSERT INTO dialogue_restated (case_id, no, meeting, made_on) VALUES (?,?,?,?)",
        [
            (view.id, no, shown(each.body, "meeting"), shown(each.body, "on"))
            for no, each in enumerate(view.effective("restate"), 1)
        ],
    )
    db.executemany(
        "INSERT INTO dialogue_evidence (case_id, record_id, party, happened_on, text, ref, sha256, sources) VALUES (?,?,?,?,?,?,?,?)",
        [
            (view.id, each.step.id, each.step.party, *(shown(each.body, name) for name in ("on", "text", "ref", "sha256")),
             "\n".join(shown(each.body, "sources") or ()))
            for each in view.effective("attach")
        ],
    )  # fmt: skip
    db.executemany(
        "INSERT INTO dialogue_progress (case_id, no, party, assessment, text, as_of) VALUES (?,?,?,?,?,?)",
        [
            (view.id, no, each.step.party, *(shown(each.body, name) for name in ("assessment", "text", "as_of")))
            for no, each in enumerate(view.effective("report-progress"), 1)
        ],
    )
    db.executemany(
        "INSERT INTO dialogue_score (case_id, no, party, value, rationale, from_on, as_of, guideline, evidence)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        [
            (view.id, no, each.step.party, *(shown(each.body, name) for name in ("value", "rationale", "from_on", "as_of", "guideline")),
             " ".join(shown(each.body, "evidence") or ()))
            for no, each in enumerate(view.effective("score"), 1)
        ],
    )  # fmt: skip


COMMITMENT = CaseKind(
    table=TABLE,
    opens=steps.CommitmentIdentified,
    sides=lambda key, move: two_sides("own", "other", "other", key, move),
    apply=_rows,
    tables=(
        "dialogue_commitment", "dialogue_followed", "dialogue_owner", "dialogue_restated", "dialogue_evidence", "dialogue_progress",
        "dialogue_score",
    ),
    purposes=PURPOSES,
    steps={
        steps.CommitmentIdentified: "identify", steps.CommitmentDeclined: "decline", steps.OwnerAssigned: "assign",
        steps.OwnerChanged: "change-owner", steps.WorkStarted: "start", steps.EvidenceAttached: "attach",
        steps.ProgressReported: "report-progress", steps.DoneClaimed: "claim-done", steps.DoneAccepted: "accept-done",
        steps.DoneRejected: "reject-done", steps.CommitmentVerified: "verify", steps.CommitmentRestated: "restate",
        steps.CommitmentSuperseded: "supersede", steps.CommitmentDropped: "drop", steps.CommitmentLapsed: "lapse",
        steps.ScoreGiven: "score",
    },
    guards={
        "identify": _identified, "assign": _assigned, "change-owner": _assigned, "start": _started, "attach": _attached,
        "claim-done": _claimed, "accept-done": _answered, "reject-done": _answered, "verify": _verified, "restate": _restated,
        "supersede": _superseded, "score": _scored,
    },
    dues=_dues,
    clock={RULE: steps.CommitmentLapsed},
    lapse=_lapse,
)  # fmt: skip
