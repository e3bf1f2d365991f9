"""A milestone as a case: both agree on its day, its owner moves the forecast openly, both say that it is reached. The baseline never moves."""

from __future__ import annotations

from kizuna.domains.dialogue import rules, steps
from kizuna.domains.dialogue.meetings import DESK, PURPOSES, opening, shown
from kizuna.kernel.case import EVERY, CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Move
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.journal import Db

_LIVE = ("planned", "active", "at_risk", "slipped")

TABLE = CaseType(
    name="dialogue.milestone",
    states=("proposed", *_LIVE, "done", "cancelled"),
    initial="proposed",
    transitions=(
        Transition(name="plan", frm=("proposed",), to="planned", role=DESK, signatures=EVERY, endorser_role=DESK),
        Transition(name="start", frm=("planned", "at_risk", "slipped"), to="active", side="owner", role=DESK),
        Transition(name="raise-risk", frm=("planned", "active", "slipped"), to="at_risk", side="owner", role=DESK),
        Transition(name="move-forecast", frm=_LIVE, to="slipped", side="owner", role=DESK),
        Transition(
            name="reach", frm=_LIVE, to="done", side="owner", role=DESK, signatures=EVERY, endorser_role=DESK
        ),
        Transition(name="cancel", frm=_LIVE, to="cancelled", role=DESK, signatures=EVERY, endorser_role=DESK),
    ),
    resolver_role=DESK,
)  # fmt: skip


def _sides(key: str, move: Move) -> dict[str, str] | None:
    party, other, owner = move.step.party, shown(move.body, "other"), shown(move.body, "owner_party")
    if not key.startswith(f"{party}-") or not other or other == party or owner not in (party, other):
        return None
    return {"owner": owner, "other": other if owner == party else party}


def _planned(_view: CaseView, move: Move) -> str:
    baseline_on = shown(move.body, "baseline_on")
    return "" if rules.exact(baseline_on) else f"`{baseline_on}` is no day of the calendar"


def _moved(_view: CaseView, move: Move) -> str:
    forecast_on = shown(move.body, "forecast_on")
    if not rules.exact(forecast_on):
        return f"`{forecast_on}` is no day of the calendar"
    return "" if shown(move.body, "reason") else "a forecast moves with its reason"


def _reached(_view: CaseView, move: Move) -> str:
    ends_ms = rules.ends_ms(done_on := shown(move.body, "done_on"))
    if ends_ms is None or not rules.exact(done_on):
        return f"`{done_on}` is no day of the calendar"
    if move.step.at_ms < ends_ms - 2 * DAY_MS:
        return f"`{done_on}` has not come"
    return "" if shown(move.body, "evidence") else "it names no evidence"


def _rows(db: Db, view: CaseView) -> None:
    body = opening(view, MILESTONE, "plan").body
    reached = view.last("reach")
    moved = view.effective("move-forecast")
    values = {
        "case_id": view.id, "name": view.key, "state": view.state.state, "owner_party": view.sides["owner"],
        "other": view.sides["other"], "initiative": shown(body, "initiative") or "", "title": shown(body, "title") or "",
        "baseline_on": shown(body, "baseline_on") or "",
        "forecast_on": shown(moved[-1].body, "forecast_on") if moved else shown(body, "baseline_on"),
        "actual_on": shown(reached.body, "done_on") if reached is not None else None,
        "depends_on": " ".join(shown(body, "depends_on") or ()), "commitment": shown(body, "commitment"),
    }  # fmt: skip
    db.execute(
        f"INSERT INTO dialogue_milestone ({', '.join(values)}) VALUES ({','.join('?' * len(values))})",
        tuple(values.values()),
    )
    db.executemany(
        "INSERT INTO dialogue_forecast (case_id, no, forecast_on, reason, at_ms) VALUES (?,?,?,?,?)",
        [
            (view.id, no, shown(each.body, "forecast_on"), shown(each.body, "reason"), each.step.at_ms)
            for no, each in enumerate(moved, 1)
        ],
    )


MILESTONE = CaseKind(
    table=TABLE,
    opens=steps.MilestonePlanned,
    sides=_sides,
    apply=_rows,
    tables=("dialogue_milestone", "dialogue_forecast"),
    purposes=PURPOSES,
    steps={
        steps.MilestonePlanned: "plan", steps.MilestoneStarted: "start", steps.RiskRaised: "raise-risk",
        steps.ForecastMoved: "move-forecast", steps.MilestoneReached: "reach", steps.MilestoneCancelled: "cancel",
    },
    guards={"plan": _planned, "move-forecast": _moved, "reach": _reached},
)  # fmt: skip
