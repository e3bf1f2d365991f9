"""The edition as a case that its parties share: proposed by the host, agreed by all, held, reported and closed.

Which units go where, serials and injects are planning, and not told here. Guards see what a step's author had folded: both sides judge alike.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from kizuna.domains.exercises.projections import EDITION_COLUMNS, insert, row_of
from kizuna.domains.exercises.records import (
    EditionCancelled,
    EditionClosed,
    EditionHeld,
    EditionPostponed,
    EditionProposed,
    EditionReported,
    EditionRescheduled,
    EditionStarted,
    PartyWithdrew,
)
from kizuna.domains.exercises.rules import period_fault, serials_fault
from kizuna.kernel.case import EVERY, CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Move
from kizuna.kernel.journal import Db

PURPOSE = "joint-exercise"
_ROLE = "exercise"
_AHEAD = ("agreed", "postponed")
_FEWEST = 2

TABLE = CaseType(
    name="exercises.edition",
    states=("proposed", "agreed", "postponed", "executing", "held", "reported", "closed", "cancelled"),
    initial="proposed",
    transitions=(
        Transition(
            name="propose", frm=("proposed",), to="agreed", side="host", role=_ROLE, signatures=EVERY, endorser_role=_ROLE
        ),
        Transition(name="reschedule", frm=_AHEAD, to="agreed", side="host", role=_ROLE, signatures=EVERY, endorser_role=_ROLE),
        Transition(name="postpone", frm=("agreed",), to="postponed", side="host", role=_ROLE),
        Transition(name="cancel", frm=("proposed", *_AHEAD, "executing"), to="cancelled", side="host", role=_ROLE),
        Transition(name="withdraw", frm=(*_AHEAD, "executing"), role=_ROLE),
        Transition(name="start", frm=("agreed",), to="executing", side="host", role=_ROLE),
        Transition(name="hold", frm=("agreed", "executing"), to="held", side="host", role=_ROLE),
        Transition(name="report", frm=("held", "reported"), to="reported", role=_ROLE),
        Transition(name="close", frm=("reported",), to="closed", role=_ROLE, signatures=EVERY, endorser_role=_ROLE),
    ),
    precedence=("cancel", "postpone"),
    resolver_role=_ROLE,
)  # fmt: skip


def sides(key: str, opening: Move) -> dict[str, str] | None:
    """Return host and guests; the host opens, under a key that begins with its own name."""
    body, host = opening.body, opening.step.party
    parties = body.parties if isinstance(body, EditionProposed) and isinstance(body.parties, tuple) else ()
    if key.partition("-")[0] != host or host not in parties or len(set(parties)) < _FEWEST:
        return None
    guests = sorted(set(parties) - {host})
    return {"host": host} | {f"guest-{nth}": party for nth, party in enumerate(guests, 1)}


def _sound_period(_view: CaseView, move: Move) -> str:
    body: Any = move.body
    return period_fault(getattr(body, "starts_on", None), getattr(body, "ends_on", None))


def _sound_report(view: CaseView, move: Move) -> str:
    body = move.body
    if not isinstance(body, EditionReported):
        return ""
    strangers = {force.party for force in body.forces or ()} - set(view.sides.values())
    if strangers:
        return f"`forces` names `{', '.join(sorted(strangers))}`, which takes no part"
    return serials_fault(body.serials_live, body.serials_night, body.serials_live_fire, body.serials_cross_deck)


def _not_twice(view: CaseView, move: Move) -> str:
    gone = {found.step.party for found in view.effective("withdraw")}
    return f"`{move.step.party}` has withdrawn already" if move.step.party in gone else ""


def _reported(view: CaseView, name: str, combine: Any) -> Any:
    """Return a count out of the parties' last reports: where they differ, what the host says counts."""
    host = view.sides["host"]
    said = {
        move.step.party: value
        for move in view.effective("report")
        if (value := getattr(move.body, name, None)) is not None and isinstance(value, combine)
    }
    return said.get(host, next((said[party] for party in sorted(said)), None))


def fill(db: Db, view: CaseView) -> None:
    """Write the edition's row out of the folded case."""
    opening = view.last("propose") or next(move for move in view.moves if isinstance(move.body, EditionProposed))
    proposed = opening.body
    if not isinstance(proposed, EditionProposed):
        return
    values: dict[str, Any] = {name: getattr(proposed, name) for name in proposed.__struct_fields__}
    for move in view.effective("reschedule", "start", "hold"):
        for name in ("starts_on", "ends_on", "place"):
            value = getattr(move.body, name, None)
            if isinstance(value, str):
                values[name] = value
    forces = list(chain.from_iterable(_last_forces(view, party) for party in sorted(set(view.sides.values()))))
    areas = [getattr(move.body, "warfare_areas", None) for move in view.effective("report")]
    stated = sorted({area for each in areas if isinstance(each, tuple) for area in each})
    values |= {"forces": tuple(forces) or values["forces"], "warfare_areas": tuple(stated) or values["warfare_areas"]}
    for name in ("serials_live", "serials_night", "serials_live_fire", "serials_cross_deck"):
        values[name] = _reported(view, name, int)
    gone = {move.step.party for move in view.effective("withdraw")}
    parties = tuple(party for party in sorted(set(view.sides.values())) if party not in gone)
    reasons = [str(move.body.reason) for move in view.effective("cancel", "postpone") if hasattr(move.body, "reason")]
    values |= {
        "edition": view.key.partition("-")[2], "state": view.state.state, "host": view.sides["host"], "parties": parties, "asserted_by": "",
        "preferred": True, "confidence": "primary", "sources": (), "note": "; ".join(reasons), "stated_by": view.sides["host"],
    }  # fmt: skip
    insert(db, "exercises_edition", EDITION_COLUMNS, row_of(values, case_id=view.id, record_id=""))


def _last_forces(view: CaseView, party: str) -> tuple[Any, ...]:
    """Return the units of a party as it last reported them itself, else as another did."""
    said = [move for move in view.effective("report") if isinstance(getattr(move.body, "forces", None), tuple)]
    own = [move for move in said if move.step.party == party] or said
    found = getattr(own[-1].body, "forces", ()) if own else ()
    return tuple(force for force in found if force.party == party)


EDITION = CaseKind(
    table=TABLE, opens=EditionProposed, sides=sides, apply=fill, tables=("exercises_edition",), purposes=(PURPOSE,),
    steps={
        EditionProposed: "propose", EditionRescheduled: "reschedule", EditionPostponed: "postpone", EditionCancelled: "cancel",
        PartyWithdrew: "withdraw", EditionStarted: "start", EditionHeld: "hold", EditionReported: "report", EditionClosed: "close",
    },
    guards={
        "propose": _sound_period, "reschedule": _sound_period, "start": _sound_period, "hold": _sound_period,
        "report": _sound_report, "withdraw": _not_twice,
    },
)  # fmt: skip
