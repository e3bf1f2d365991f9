"""A compromise as a case of whoever found it and of the documents' originator: told at once, looked into, assessed, remedied, closed by both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kizuna.domains.protection.records import (
    CompromiseAcknowledged,
    CompromiseClosed,
    CompromiseRemedied,
    CompromiseReported,
    DamageAssessed,
    InquiryOpened,
    NotificationMissed,
)
from kizuna.domains.protection.rules import ACKNOWLEDGE_COMPROMISE_DAYS, PURPOSE, ROLE, day_fault, is_compromise
from kizuna.kernel import canonical
from kizuna.kernel.case import EVERY, CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Move
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

NOTIFY_RULE = "originator-unnotified"
_OPEN = ("reported", "notified")


def _row(name: str, frm: tuple[str, ...], to: str, side: str) -> Transition:
    return Transition(name=name, frm=frm, to=to, side=side, role=ROLE)


COMPROMISE_TABLE = CaseType(
    name="protection.compromise",
    states=("new", "reported", "notified", "inquiry", "assessed", "remedied", "closed"),
    initial="new",
    transitions=(
        _row("report", ("new",), "reported", "reporter"),
        _row("acknowledge", ("reported",), "notified", "originator"),
        Transition(name="miss-notification", frm=("reported",)),
        _row("inquire", _OPEN, "inquiry", "reporter"),
        _row("assess", ("inquiry",), "assessed", "originator"),
        _row("remedy", ("assessed",), "remedied", "reporter"),
        Transition(name="close", frm=("remedied",), to="closed", role=ROLE, signatures=EVERY, endorser_role=ROLE),
    ),
    precedence=("inquire",),
    resolver_role=ROLE,
)


def sides(key: str, opening: Move) -> dict[str, str] | None:
    """Return reporter and originator, one party where it reports of its own documents; the reporter opens, under its own name."""
    body, party = opening.body, opening.step.party
    originator = body.originator if isinstance(body, CompromiseReported) else None
    if not isinstance(originator, str) or not originator or not is_compromise(key) or not key.startswith(f"{party}-"):
        return None
    return {"reporter": party, "originator": originator}


def _reports(view: CaseView, move: Move) -> str:
    body: Any = move.body
    foreign = [name for name in body.documents or () if not name.startswith(f"{view.sides['originator']}-")]
    if foreign or not body.documents:
        return f"`documents`: a report is of documents of one originator, `{view.sides['originator']}`"
    return day_fault(body.discovered_on, "discovered_on")


def _dues(view: CaseView) -> Iterator[tuple[str, int]]:
    told = view.effect_ms("report")
    alone = len(set(view.sides.values())) == 1
    if view.state.state == "reported" and told is not None and not alone and not view.effective("miss-notification"):
        yield NOTIFY_RULE, told + ACKNOWLEDGE_COMPROMISE_DAYS * DAY_MS


def _lapse(_view: CaseView, rule: str) -> Body:
    return NotificationMissed(rule=rule)


def _fill(db: Db, view: CaseView) -> None:
    opening = view.last("report") or next(move for move in view.moves if isinstance(move.body, CompromiseReported))
    body: Any = opening.body
    assessed = view.last("assess")
    row = (
        view.id, view.key, view.sides["reporter"], view.sides["originator"], view.state.state, " ".join(body.documents or ()),
        body.what or "", body.discovered_on or "", body.action or "", canonical.encode(list(body.holders or ())).decode(),
        opening.step.at_ms, len(view.effective("miss-notification")), getattr(assessed.body, "damage", "") or "" if assessed else "",
    )  # fmt: skip
    db.execute(
        "INSERT INTO protection_compromise (case_id, compromise, reporter, originator, state, documents, what, discovered_on, action,"
        f" holders, reported_ms, missed, damage) VALUES ({','.join('?' * 13)})",
        row,
    )


COMPROMISE = CaseKind(
    table=COMPROMISE_TABLE, opens=CompromiseReported, sides=sides, apply=_fill, tables=("protection_compromise",), purposes=(PURPOSE,),
    steps={
        CompromiseReported: "report", CompromiseAcknowledged: "acknowledge", NotificationMissed: "miss-notification",
        InquiryOpened: "inquire", DamageAssessed: "assess", CompromiseRemedied: "remedy", CompromiseClosed: "close",
    },
    guards={"report": _reports}, dues=_dues, clock={NOTIFY_RULE: NotificationMissed}, lapse=_lapse,
)  # fmt: skip
