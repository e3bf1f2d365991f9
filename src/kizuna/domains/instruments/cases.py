"""The life of an agreement as a case that its parties sign: negotiating, signed, approved, in force, operational, and how it ends.

Its status follows from these steps alone, never from what is reported. What suspends or terminates it stays each party's own word, which works at
once (`kizuna.kernel.instrument`); what may be released is decided there, from the versions that the parties' roots have signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kizuna.domains.instruments import rules
from kizuna.domains.instruments.records import (
    ApprovalGiven,
    EvidenceGiven,
    ForceEntered,
    NegotiationOpened,
    Superseded,
    TermEnded,
    TermRenewed,
    TextSigned,
    UseBegun,
)
from kizuna.domains.instruments.rules import LifeEvent
from kizuna.kernel.case import EVERY, CaseEndorsed, CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Guard, Move
from kizuna.kernel.instrument import day_ms
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

TERM = "instruments-term"
"""The rule under which the clock says that a term has ended."""
PURPOSES = ("agreements",)
_DESK = "desk"
_LIVE = ("in-force", "operational")
_RUNNING = ("recorded", "negotiating", "signed", *_LIVE)
_FEWEST_PARTIES = 2


def _both(name: str, frm: tuple[str, ...], to: str = "") -> Transition:
    return Transition(name=name, frm=frm, to=to, role=_DESK, signatures=EVERY, endorser_role=_DESK)


TABLE = CaseType(
    name="instruments.life",
    states=(*_RUNNING, "superseded", "expired"),
    initial="recorded",
    transitions=(
        _both("negotiate", ("recorded",), "negotiating"),
        _both("sign", ("recorded", "negotiating"), "signed"),
        Transition(name="approve", frm=("signed",), role=_DESK),
        _both("enter-force", ("signed",), "in-force"),
        _both("use", ("in-force",), "operational"),
        _both("renew", _LIVE),
        _both("supersede", ("signed", *_LIVE), "superseded"),
        Transition(name="evidence", frm=(*_RUNNING, "superseded", "expired"), role=_DESK),
        Transition(name="expire", frm=_LIVE, to="expired"),
    ),
    precedence=("supersede", "expire"),
    resolver_role=_DESK,
)
STEPS: Mapping[type[Body], str] = {
    NegotiationOpened: "negotiate", TextSigned: "sign", ApprovalGiven: "approve", ForceEntered: "enter-force", UseBegun: "use",
    TermRenewed: "renew", Superseded: "supersede", EvidenceGiven: "evidence", TermEnded: "expire",
}  # fmt: skip


def key_of(instrument: str, parties: Sequence[str]) -> str:
    """Return the key of an agreement's life: its parties and its id, so that nobody else can open it."""
    return f"{'.'.join(sorted(parties))}/{instrument}"


def sides(key: str, opening: Move) -> Mapping[str, str] | None:
    """Return the parties that a key names, each on its own side, or None where its author is none of them."""
    names, _, instrument = key.partition("/")
    parties = names.split(".")
    well = len(parties) >= _FEWEST_PARTIES and parties == sorted(set(parties)) and all(parties) and bool(instrument)
    return {party: party for party in parties} if well and opening.step.party in parties else None


def _text(body: Body, name: str) -> str:
    value = getattr(body, name, "")
    return value if isinstance(value, str) else ""


def _sources(body: Body) -> tuple[str, ...]:
    value = getattr(body, "sources", ())
    return value if isinstance(value, tuple) else ()


def events(view: CaseView) -> tuple[LifeEvent, ...]:
    """Return the steps that took effect, in their order, evidence left out."""
    parties = tuple(sorted(set(view.sides.values())))
    return tuple(
        LifeEvent(
            step=move.step.transition, on=_on(view, move), parties=(move.step.party,) if _alone(move) else parties,
            until=_text(move.body, "until"), by=_text(move.body, "by"), note=_text(move.body, "note"),
        )
        for move in view.effective()
        if move.step.transition in STEPS.values() and not isinstance(move.body, EvidenceGiven)
    )  # fmt: skip


def _alone(move: Move) -> bool:
    return isinstance(move.body, ApprovalGiven)


def _on(view: CaseView, move: Move) -> str:
    return _until(view) if isinstance(move.body, TermEnded) else _text(move.body, "on")


def evidence(view: CaseView) -> tuple[tuple[str, str, str], ...]:
    """Return the evidence given, as step, party and source, sorted; the sources of a proposal are its author's."""
    found: set[tuple[str, str, str]] = set()
    for move in view.moves:
        if move.step.id in dict(view.state.void):
            continue
        step = _text(move.body, "step") if isinstance(move.body, EvidenceGiven) else move.step.transition
        found.update((step, move.step.party, source) for source in _sources(move.body))
    return tuple(sorted(found))


def _until(view: CaseView) -> str:
    last = view.last("renew", "enter-force")
    return _text(last.body, "until") if last is not None else ""


# --- guards -----------------------------------------------------------------------------------------------------------------------


def _dated(view: CaseView, move: Move, before: Sequence[str] = (*rules.STATE_AFTER, "approve", "renew")) -> str:
    on = _text(move.body, "on")
    if not _sources(move.body):
        return "it names no source: each side gives its evidence"
    if until := _text(move.body, "until"):
        ends = rules.bounds(until)
        if ends is None or rules.date_fault(until):
            return f"`until`: `{until[:20]}` is no date: write `YYYY-MM-DD`, or leave it out"
        starts = rules.bounds(on)
        if starts is not None and ends[0] <= starts[1]:
            return f"`until`: `{until}` is not after `{on}`"
    fault = rules.date_fault(on)
    return (
        f"`on`: {fault}" if fault else rules.order_fault((event for event in events(view) if event.step in before), on)
    )


def _approved_once(view: CaseView, move: Move) -> str:
    if any(other.step.party == move.step.party for other in view.effective("approve")):
        return f"`{move.step.party}` has approved it already"
    return _dated(view, move, before=("negotiate", "sign"))  # each side approves in its own time


def _all_approved(view: CaseView, move: Move) -> str:
    given = {other.step.party for other in view.effective("approve")}
    missing = sorted(set(view.sides.values()) - given)
    if missing:
        return f"the approval of {', '.join(f'`{party}`' for party in missing)} is missing"
    return _dated(view, move)


def _renewed(view: CaseView, move: Move) -> str:
    before, until = rules.bounds(_until(view)), rules.bounds(_text(move.body, "until"))
    if until is None:
        return "`until` is missing: say until when it is renewed"
    if before is not None and until[0] <= before[0]:
        return f"`until`: `{_text(move.body, 'until')}` is not after the term that it renews, `{_until(view)}`"
    return _dated(view, move)


def _by_another(view: CaseView, move: Move) -> str:
    if _text(move.body, "by") in ("", view.key.partition("/")[2]):
        return "`by` names the agreement that takes its place, another than itself"
    return _dated(view, move)


def _about_a_step(view: CaseView, move: Move) -> str:
    step = _text(move.body, "step")
    proposed = {other.step.transition for other in view.moves if not isinstance(other.body, CaseEndorsed)}
    if step not in proposed or step == "evidence":
        return f"`{step[:40]}` is no step of it so far"
    return "" if _sources(move.body) else "it names no source"


GUARDS: Mapping[str, Guard] = {
    "negotiate": _dated, "sign": _dated, "approve": _approved_once, "enter-force": _all_approved, "use": _dated, "renew": _renewed,
    "supersede": _by_another, "evidence": _about_a_step,
}  # fmt: skip


# --- clock and rows ---------------------------------------------------------------------------------------------------------------


def dues(view: CaseView) -> Iterable[tuple[str, int]]:
    """Return when its term ends; to end too early is safe, so a date known to the month or year counts from its first day."""
    ends = rules.bounds(_until(view))
    return [(TERM, day_ms(ends[0]))] if ends is not None and view.state.state in _LIVE else []


def _apply(db: Db, view: CaseView) -> None:
    parties, _, instrument = view.key.partition("/")
    told = events(view)
    approved = {party for event in told if event.step == "approve" for party in event.parties}
    state = view.state.state
    if state == "signed" and approved >= set(view.sides.values()):
        state = "approved"
    db.execute(
        "INSERT INTO instruments_life (case_id, instrument, parties, state, until) VALUES (?,?,?,?,?)",
        (view.id, instrument, parties, state, _until(view)),
    )
    db.executemany(
        "INSERT INTO instruments_event (case_id, place, instrument, step, on_date, parties, until, by_instrument, note)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        [
            (view.id, place, instrument, each.step, each.on, " ".join(each.parties), each.until, each.by, each.note)
            for place, each in enumerate(told)
        ],
    )
    db.executemany(
        "INSERT INTO instruments_evidence (case_id, step, party, source) VALUES (?,?,?,?)",
        [(view.id, step, party, source) for step, party, source in evidence(view)],
    )


LIFE = CaseKind(
    table=TABLE, opens=(NegotiationOpened, TextSigned), steps=STEPS, sides=sides, apply=_apply,
    tables=("instruments_life", "instruments_event", "instruments_evidence"), purposes=PURPOSES, guards=GUARDS, dues=dues,
    clock={TERM: TermEnded}, lapse=lambda _view, rule: TermEnded(rule=rule),
)  # fmt: skip
