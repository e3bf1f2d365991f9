"""What this party holds against its own signature under the other's proposal, however an officer gives it: authority, terms, ceilings.

A guard sees the case alone and both sides judge alike; here each side looks into its own tables as well. So it is asked before a signature is given
and never afterwards: what was signed stays signed, and `audit` says what the records do not bear out.
"""

from __future__ import annotations

from typing import Any

from kizuna.domains.supply import numbers, rules, terms
from kizuna.domains.supply.numbers import wrong
from kizuna.domains.supply.records import OrderAgreed, OrderAmended, OrderCancelled
from kizuna.domains.supply.standing import PROVIDER, REQUESTER, Standing, opened
from kizuna.kernel.casework import CaseView, Move
from kizuna.kernel.operation import Desk


def duties(party: str, view: CaseView, body: object) -> tuple[str, ...]:
    """Return the duties of which a party's officer needs one to sign a proposal: for what is ordered another than for what is owed."""
    asks = party == view.sides[REQUESTER]
    binding = ("order",) if asks else ("offer",)
    if isinstance(body, OrderAgreed | OrderAmended | OrderCancelled):
        return binding
    return (*binding, "pay" if asks else "receive")


def endorsing(desk: Desk, view: CaseView, move: Move) -> None:
    """Accept that the officer at the desk signs a proposal about an order.

    Raises:
        RefusedError: the officer has no authority for it, the agreement is not in force, the terms no longer count, or a ceiling that is held here,
            or what is open here, does not allow it.
    """
    found = opened(view)
    arrangement = found.asked.arrangement
    needed = duties(desk.party, view, move.body)
    if not any(terms.authority(desk.db, desk.party, desk.actor, arrangement, each, desk.now_ms) for each in needed):
        terms.require_authority(desk, arrangement, needed[0])
    if isinstance(move.body, OrderAgreed):
        _agreeing(desk, view, found, move.body)


def _agreeing(desk: Desk, view: CaseView, found: Standing, body: Any) -> None:
    arrangement, currency = found.asked.arrangement, found.currency
    rules.require_in_force(desk.agreements, arrangement, view.sides.values(), desk.now_ms, "signed_on")
    other = next(party for party in view.sides.values() if party != desk.party)
    stated = terms.agreed(desk.db, desk.party, other, arrangement)
    if found.asked.terms != stated.version:
        wrong(
            "terms",
            found.asked.terms[:16],
            "the order was asked under terms that do not count",
            "let it be asked again",
        )
    per_order, per_year = rules.ceiling_of(stated.terms, currency)
    for field, theirs, ours in (
        ("ceiling_per_order", body.ceiling_per_order, per_order), ("ceiling_per_year", body.ceiling_per_year, per_year),
    ):  # fmt: skip
        if theirs != ours:
            wrong(
                field, theirs, f"the terms held here say `{ours}`", "state the terms anew, then let it be agreed again"
            )
    before = terms.open_before(
        desk.db, view.sides[REQUESTER], view.sides[PROVIDER], currency, rules.parts_of(view.key)[1]
    )
    if per_year is not None and before + found.total_minor > numbers.minor("ceiling", per_year, currency):
        wrong(
            "total", body.total, f"with `{numbers.money(before, currency)}` open here it passes the year's ceiling `{per_year}`",
            "settle something first",
        )  # fmt: skip
