"""What the two sides' records do not bear out: rules that span both nodes, which neither can enforce alone, found when an order is shown.

Each node refuses what it can see at the time. What two nodes did apart, or what one did that the other would have refused, is said here and
settled by people.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kizuna.domains.supply import numbers, rules, signing, terms
from kizuna.domains.supply.cases import ORDER
from kizuna.domains.supply.standing import PROVIDER, REQUESTER, Standing
from kizuna.kernel.case import CaseEndorsed
from kizuna.kernel.casework import CLOCK, CaseView
from kizuna.kernel.deadline import day_of
from kizuna.kernel.operation import Desk

_DUTY = {
    "request": "order", "withdraw": "order", "decline": "offer", "offer": "offer", "deliver": "offer", "accept": "accept",
    "invoice": "invoice", "pay": "pay", "return": "pay", "exchange": "pay", "receive": "receive", "settle": "receive",
    "write-off": "write-off",
}  # fmt: skip


def findings(desk: Desk, view: CaseView, found: Standing) -> tuple[str, ...]:
    """Return, in words, what of an order is not borne out by the records held here; nothing where all is."""
    return (*_authorities(desk, view, found), *_permission(desk, view, found), *_ceiling(desk, view, found),
            *_offsets(desk, view))  # fmt: skip


def _authorities(desk: Desk, view: CaseView, found: Standing) -> Iterator[str]:
    void = dict(view.state.void)
    for move in view.moves:
        step = move.step
        target = view.move(move.body.endorses or "") if isinstance(move.body, CaseEndorsed) else None
        needed = (
            signing.duties(step.party, view, target.body)
            if target is not None
            else tuple(filter(None, (_DUTY.get(step.transition),)))
        )
        if not needed or step.id in void or step.actor == CLOCK:
            continue
        if not any(
            terms.authority(desk.db, step.party, step.actor, found.asked.arrangement, each, step.at_ms)
            for each in needed
        ):
            yield f"`{step.actor}` of `{step.party}` had no authority for `{needed[0]}` on {day_of(step.at_ms)} that is held here"


def _permission(desk: Desk, view: CaseView, found: Standing) -> Iterator[str]:
    allowed = {
        stated.version
        for party in view.sides.values()
        if (stated := terms.newest(desk.db, party, found.asked.arrangement)) is not None
    }
    if found.asked.terms not in allowed:
        yield f"it was asked under terms `{found.asked.terms[:16]}`, which neither side states now"


def _ceiling(desk: Desk, view: CaseView, found: Standing) -> Iterator[str]:
    move = view.last("agree")
    body: Any = move.body if move is not None else None
    if body is None or body.ceiling_per_year is None or not found.owed():
        return
    now = terms.open_before(
        desk.db, view.sides[REQUESTER], view.sides[PROVIDER], found.currency, rules.parts_of(view.key)[1]
    )
    if now > numbers.minor("ceiling", body.ceiling_per_year, found.currency):
        yield f"`{numbers.money(now, found.currency)}` is open by now, beyond the year's ceiling `{body.ceiling_per_year}`"


def _offsets(desk: Desk, view: CaseView) -> Iterator[str]:
    for move in view.effective("offset"):
        body: Any = move.body
        other = desk.find(ORDER, body.other_order_no)
        legs = [] if other is None else other.effective("offset")
        if not any(_is_leg(leg.body, body, view.key) for leg in legs):
            yield f"offset `{body.offset_no}` has no leg that both signed in `{body.other_order_no}`"


def _is_leg(leg: Any, body: Any, number: str) -> bool:
    return bool(
        leg.offset_no == body.offset_no
        and leg.other_order_no == number
        and (leg.amount, leg.currency) == (body.other_amount, body.other_currency)
    )
