"""The guards of an order: what is wrong with a step, given the order as the step's author had folded it.

A guard sees nothing but the case, so that both sides hold the same steps void. What a guard finds, an operation refuses with the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kizuna.domains.supply import ordering_checks as ordering
from kizuna.domains.supply import rules
from kizuna.domains.supply import settling_checks as settling
from kizuna.domains.supply.records import OrderDeclined, OrderOffered, OrderRequested, OrderWithdrawn
from kizuna.domains.supply.standing import Standing, standing
from kizuna.errors import RefusedError
from kizuna.kernel.casework import CaseView, Guard, Move

_BEFORE_AN_OFFER = (OrderRequested, OrderOffered, OrderWithdrawn, OrderDeclined)


def guard(check: Callable[[Standing, Any, Move], None]) -> Guard:
    """Return a guard that says what a check refuses; nothing of a step may be withheld."""

    def judge(view: CaseView, move: Move) -> str:
        body: Any = move.body
        try:
            rules.require_whole(body)
            found = standing(view)
            if found.asked is None and not isinstance(body, OrderRequested):
                return "the order itself is not held"
            if found.offer is None and not isinstance(body, _BEFORE_AN_OFFER):
                return "nothing is offered yet"
            check(found, body, move)
        except RefusedError as error:
            return str(error)
        return ""

    return judge


GUARDS: Mapping[str, Guard] = {
    "request": guard(ordering.requested),
    "withdraw": guard(ordering.whole),
    "decline": guard(ordering.declined),
    "cancel": guard(ordering.whole),
    "fall-due": guard(ordering.whole),
    "escalate": guard(ordering.whole),
    "offer": guard(ordering.offered),
    "agree": guard(ordering.agreed),
    "amend": guard(ordering.amended),
    "deliver": guard(ordering.delivered),
    "accept": guard(ordering.accepted),
    "invoice": guard(settling.invoiced),
    "pay": guard(settling.paid),
    "return": guard(settling.returned),
    "exchange": guard(settling.exchanged),
    "receive": guard(settling.received),
    "settle": guard(settling.settled),
    "offset": guard(settling.offset),
    "convert": guard(settling.remainder_converted),
    "lapse-into-cash": guard(settling.remainder_converted),
    "dispute": guard(settling.disputed),
    "end-dispute": guard(settling.dispute_ended),
    "write-off": guard(settling.written_off),
    "close": guard(settling.closed),
}
