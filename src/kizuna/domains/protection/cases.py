"""A numbered copy as a case of its originator and its holder: where it is, and what was ordered and allowed of it.

A copy is in one register at a time: its originator's until the holder's receipt, and again from the originator's receipt of its return. Guards see
what a step's author had folded, so both sides judge alike; a consent taken back while the copy was passed on is seen by both afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kizuna.domains.protection.records import (
    AcknowledgementMissed,
    CopyDestroyed,
    CopyDispatched,
    CopyFound,
    CopyLost,
    CopyReceipted,
    CopyRegistered,
    CopyReturned,
    OnwardConsented,
    OnwardRefused,
    OnwardRequested,
    OnwardRevoked,
    PassedOn,
    ReceiptMissed,
    RegradeAcknowledged,
    RegradeOrdered,
    ReturnReceipted,
)
from kizuna.domains.protection.rules import (
    ACKNOWLEDGE_REGRADE_DAYS,
    PURPOSE,
    ROLE,
    copy_key,
    day_fault,
    document_of,
    second_fault,
)
from kizuna.kernel.case import CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Guard, Move
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

RECEIPT_RULE = "receipt-overdue"
REGRADE_RULE = "regrade-unacknowledged"
GONE = ("destroyed",)
_ALL = ("registered", "dispatched", "overdue", "held", "returning", "returned", "lost", "found", "destroyed")
_AT_ORIGINATOR = ("registered", "returned", "found")
_AT_HOLDER = ("held", "found")


def _row(name: str, frm: tuple[str, ...], to: str = "", side: str = "", apart: tuple[str, ...] = ()) -> Transition:
    return Transition(name=name, frm=frm, to=to, side=side, role=ROLE, apart=apart)


COPY_TABLE = CaseType(
    name="protection.copy",
    states=("new", *_ALL),
    initial="new",
    transitions=(
        _row("register", ("new",), "registered", "originator"),
        _row("dispatch", _AT_ORIGINATOR, "dispatched", "originator"),
        _row("receipt", ("dispatched", "overdue"), "held", "holder", apart=("dispatch",)),
        Transition(name="miss-receipt", frm=("dispatched",), to="overdue"),
        _row("return", _AT_HOLDER, "returning", "holder"),
        _row("take-back", ("returning",), "returned", "originator", apart=("return",)),
        _row("lose", ("registered", "dispatched", "overdue", "held", "returning", "returned", "found"), "lost"),
        _row("find", ("lost",), "found"),
        _row("destroy", ("registered", "returned", "held", "found"), "destroyed"),
        _row("order-regrade", _ALL, side="originator"),
        _row("acknowledge-regrade", _ALL, side="holder"),
        Transition(name="miss-acknowledgement", frm=_ALL),
        _row("request-onward", ("held",), side="holder"),
        _row("consent-onward", _ALL, side="originator"),
        _row("refuse-onward", _ALL, side="originator"),
        _row("revoke-onward", _ALL, side="originator"),
        _row("pass-on", ("held",), side="holder"),
    ),
    precedence=("destroy", "receipt", "take-back", "lose"),
    resolver_role=ROLE,
)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def sides(key: str, opening: Move) -> dict[str, str] | None:
    """Return originator and holder, one party where the copy stays in its house; the originator opens, under its document's number."""
    body, party = opening.body, opening.step.party
    if not isinstance(body, CopyRegistered) or not isinstance(body.copy_no, int):
        return None
    document, holder = _text(body.document), _text(body.holder)
    right = key == copy_key(document, body.copy_no) and document_of(key) and document.startswith(f"{party}-")
    return {"originator": party, "holder": holder} if right and holder else None


def register_of(view: CaseView) -> str:
    """Return the party in whose register the copy is, or the empty string where it is destroyed."""
    party = view.sides["originator"]
    for move in view.effective("receipt", "take-back"):
        party = move.step.party
    return "" if view.state.state in GONE else party


def _in_register(view: CaseView, move: Move) -> str:
    party = register_of(view)
    return (
        ""
        if move.step.party == party
        else f"the copy is in the register of `{party or 'nobody'}`: only there is this said"
    )


def _days(*fields: str) -> Guard:
    def guard(_view: CaseView, move: Move) -> str:
        return next((fault for field in fields if (fault := day_fault(getattr(move.body, field, None), field))), "")

    return guard


def _held_day(field: str) -> Guard:
    dated = _days(field)

    def guard(view: CaseView, move: Move) -> str:
        return _in_register(view, move) or dated(view, move)

    return guard


def _witnessed(view: CaseView, move: Move) -> str:
    second = second_fault(move.step.actor, getattr(move.body, "witness", None), "witness")
    return _in_register(view, move) or day_fault(getattr(move.body, "destroyed_on", None), "destroyed_on") or second


def level_of(view: CaseView) -> int:
    """Return the grade with which the copy is to be marked: the last ordered one, else that of its registration."""
    found = [getattr(move.body, "level", None) for move in view.effective("register", "order-regrade")]
    levels = [level for level in found if isinstance(level, int)]
    return levels[-1] if levels else 0


def open_orders(view: CaseView) -> tuple[Move, ...]:
    """Return the orders that the holder has not acknowledged; none where the originator is the holder."""
    if view.sides["originator"] == view.sides["holder"]:
        return ()
    done = {getattr(move.body, "order", None) for move in view.effective("acknowledge-regrade")}
    return tuple(move for move in view.effective("order-regrade") if move.step.id not in done)


def _ordered(view: CaseView, move: Move) -> str:
    body: Any = move.body
    if body.level == level_of(view):
        return f"`level`: the copy is of grade `{body.level}` already"
    return second_fault(move.step.actor, body.approved_by, "approved_by")


def _acknowledges(view: CaseView, move: Move) -> str:
    named = getattr(move.body, "order", None)
    return "" if any(order.step.id == named for order in open_orders(view)) else "`order` names no order that waits"


# --- to a third party -------------------------------------------------------------------------------------------------------------


def _answered(view: CaseView) -> frozenset[Any]:
    return frozenset(getattr(move.body, "request", None) for move in view.effective("consent-onward", "refuse-onward"))


def open_requests(view: CaseView) -> tuple[Move, ...]:
    """Return the requests for a third party that the originator has not answered."""
    done = _answered(view)
    return tuple(move for move in view.effective("request-onward") if move.step.id not in done)


def standing_consents(view: CaseView) -> tuple[Move, ...]:
    """Return the consents that are neither taken back nor used."""
    done = {getattr(move.body, "consent", None) for move in view.effective("revoke-onward", "pass-on")}
    return tuple(move for move in view.effective("consent-onward") if move.step.id not in done)


def _third(view: CaseView, move: Move) -> str:
    body: Any = move.body
    if not body.recipient or body.recipient in view.sides.values() or not body.scope:
        return "`recipient` is a third party, and `scope` says what of the copy it is to have"
    return ""


def _consents(view: CaseView, move: Move) -> str:
    body: Any = move.body
    request = next((each.body for each in open_requests(view) if each.step.id == body.request), None)
    if not isinstance(request, OnwardRequested):
        return "`request` names no request that waits"
    if (body.recipient, body.scope) != (request.recipient, request.scope):
        return "`recipient` and `scope` are those of the request: a consent names them itself"
    return day_fault(body.until_on, "until_on")


def _refuses(view: CaseView, move: Move) -> str:
    named = getattr(move.body, "request", None)
    return "" if any(each.step.id == named for each in open_requests(view)) else "`request` names no request that waits"


def _revokes(view: CaseView, move: Move) -> str:
    named = getattr(move.body, "consent", None)
    return "" if any(each.step.id == named for each in standing_consents(view)) else "`consent` names none that stands"


def _passes(view: CaseView, move: Move) -> str:
    body: Any = move.body
    consent = next((each.body for each in standing_consents(view) if each.step.id == body.consent), None)
    if not isinstance(consent, OnwardConsented):
        return "`consent` names none that stands: a third party needs the originator's signed consent"
    if (body.recipient, body.scope) != (consent.recipient, consent.scope):
        return f"the consent is for `{consent.recipient}` and `{consent.scope}`, and for nothing else"
    if fault := day_fault(body.passed_on, "passed_on"):
        return fault
    return "" if body.passed_on <= _text(consent.until_on) else f"the consent ended with `{consent.until_on}`"


# --- deadlines and rows -----------------------------------------------------------------------------------------------------------


def _dues(view: CaseView) -> Iterator[tuple[str, int]]:
    sent = view.last("dispatch")
    if view.state.state == "dispatched" and sent is not None:
        days = getattr(sent.body, "receipt_within_days", None)
        yield RECEIPT_RULE, sent.step.at_ms + (days if isinstance(days, int) else 0) * DAY_MS
    missed = {move.step.at_ms for move in view.effective("miss-acknowledgement")}
    waiting = [order.step.at_ms + ACKNOWLEDGE_REGRADE_DAYS * DAY_MS for order in open_orders(view)]
    fresh = [due_ms for due_ms in waiting if not any(due_ms <= at_ms for at_ms in missed)]
    if fresh:
        yield REGRADE_RULE, min(fresh)


def _lapse(_view: CaseView, rule: str) -> Body:
    return ReceiptMissed(rule=rule) if rule == RECEIPT_RULE else AcknowledgementMissed(rule=rule)


def _fill(db: Db, view: CaseView) -> None:
    opening = view.last("register") or next(move for move in view.moves if isinstance(move.body, CopyRegistered))
    body: Any = opening.body
    sent, received, ended = view.last("dispatch"), view.last("receipt"), view.last("destroy")
    row = (
        view.id, view.key, _text(body.document), body.copy_no, _text(body.title), _text(body.policy), level_of(view), _text(body.form),
        _text(body.record), view.sides["originator"], view.sides["holder"], view.state.state, register_of(view),
        sent.step.at_ms if sent else 0, received.step.at_ms if received else 0, len(open_orders(view)),
        len(view.effective("miss-acknowledgement")), _text(getattr(ended.body, "destroyed_on", "")) if ended else "",
        _text(getattr(ended.body, "certificate", "")) if ended else "",
        _text(getattr(ended.body, "witness", "")) if ended else "",
    )  # fmt: skip
    db.execute(
        "INSERT INTO protection_copy (case_id, copy, document, copy_no, title, policy, level, form, record, originator, holder, state,"
        f" register, dispatched_ms, receipted_ms, orders_open, missed, destroyed_on, certificate, witness) VALUES ({','.join('?' * 20)})",
        row,
    )
    db.executemany(
        "INSERT INTO protection_onward (case_id, request, copy, document, recipient, scope, state, until_on, consent, passed_by, passed_ms)"
        f" VALUES ({','.join('?' * 11)})",
        list(_onward_rows(view, _text(body.document))),
    )


def _onward_rows(view: CaseView, document: str) -> Iterator[tuple[Any, ...]]:
    consents = {getattr(move.body, "request", None): move for move in view.effective("consent-onward")}
    refused = {getattr(move.body, "request", None) for move in view.effective("refuse-onward")}
    revoked = {getattr(move.body, "consent", None) for move in view.effective("revoke-onward")}
    passed = {getattr(move.body, "consent", None): move for move in view.effective("pass-on")}
    for move in view.effective("request-onward"):
        asked: Any = move.body
        consent = consents.get(move.step.id)
        gone = passed.get(consent.step.id) if consent else None
        state = "refused" if move.step.id in refused else "requested"
        if consent is not None:
            taken_back = consent.step.id in revoked
            state = "passed-on" if gone else "revoked" if taken_back else "consented"
            state = "passed-on-revoked" if gone and taken_back else state
        yield (
            view.id, move.step.id, view.key, document, _text(asked.recipient), _text(asked.scope), state,
            _text(getattr(consent.body, "until_on", "")) if consent else "", consent.step.id if consent else "",
            gone.step.party if gone else "", gone.step.at_ms if gone else 0,
        )  # fmt: skip


COPY = CaseKind(
    table=COPY_TABLE, opens=CopyRegistered, sides=sides, apply=_fill, tables=("protection_copy", "protection_onward"), purposes=(PURPOSE,),
    steps={
        CopyRegistered: "register", CopyDispatched: "dispatch", CopyReceipted: "receipt", ReceiptMissed: "miss-receipt",
        CopyReturned: "return", ReturnReceipted: "take-back", CopyLost: "lose", CopyFound: "find", CopyDestroyed: "destroy",
        RegradeOrdered: "order-regrade", RegradeAcknowledged: "acknowledge-regrade", AcknowledgementMissed: "miss-acknowledgement",
        OnwardRequested: "request-onward", OnwardConsented: "consent-onward", OnwardRefused: "refuse-onward",
        OnwardRevoked: "revoke-onward", PassedOn: "pass-on",
    },
    guards={
        "dispatch": _held_day("dispatched_on"), "receipt": _days("received_on"), "return": _held_day("returned_on"),
        "take-back": _days("received_on"), "lose": _held_day("noticed_on"), "find": _held_day("found_on"), "destroy": _witnessed,
        "order-regrade": _ordered, "acknowledge-regrade": _acknowledges, "request-onward": _third, "consent-onward": _consents,
        "refuse-onward": _refuses, "revoke-onward": _revokes, "pass-on": _passes,
    },
    dues=_dues, clock={RECEIPT_RULE: ReceiptMissed, REGRADE_RULE: AcknowledgementMissed}, lapse=_lapse,
)  # fmt: skip
