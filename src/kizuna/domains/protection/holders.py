"""Who has a document: the registers' copies, what is on its way or lost, what was passed on, and what channels have shown, all at once."""

from __future__ import annotations

from collections.abc import Iterator

from kizuna.domains.protection.records import Holder, How
from kizuna.kernel.operation import Desk

_ON_THE_WAY = ("dispatched", "overdue", "returning")


def holders_of(desk: Desk, document: str) -> tuple[Holder, ...]:
    """Return everybody known to have, or to have had in hand, a document; destroyed copies have no holder."""
    found = [*_copies(desk, document), *_passed(desk, document), *_shown(desk, document)]
    return tuple(sorted(found, key=lambda holder: (holder.party, holder.how, holder.what, holder.node)))


def _copies(desk: Desk, document: str) -> Iterator[Holder]:
    rows = desk.db.execute(
        "SELECT copy, state, register, originator, holder, dispatched_ms, receipted_ms FROM protection_copy"
        " WHERE document = ? AND state NOT IN ('new', 'destroyed') ORDER BY copy_no",
        (document,),
    )
    for copy, state, register, originator, holder, dispatched_ms, receipted_ms in rows:
        since_ms = receipted_ms if register == holder else 0
        if state == "lost":
            yield Holder(party=register, how="lost", what=copy, since_ms=since_ms)
        else:
            yield Holder(party=register, how="register", what=copy, since_ms=since_ms)
        if state in _ON_THE_WAY:
            other = holder if register == originator else originator
            yield Holder(party=other, how="in-transit", what=copy, since_ms=dispatched_ms)


def _passed(desk: Desk, document: str) -> Iterator[Holder]:
    rows = desk.db.execute(
        "SELECT copy, recipient, passed_ms FROM protection_onward WHERE document = ? AND state IN ('passed-on', 'passed-on-revoked')"
        " ORDER BY copy, request",
        (document,),
    )
    yield from (
        Holder(party=recipient, how="passed-on", what=copy, since_ms=passed_ms) for copy, recipient, passed_ms in rows
    )


def records_of(desk: Desk, document: str) -> tuple[str, ...]:
    """Return the records that a document is."""
    rows = desk.db.execute(
        "SELECT record FROM protection_document WHERE document = ? AND record <> ''"
        " UNION SELECT record FROM protection_copy WHERE document = ? AND record <> '' ORDER BY record",
        (document, document),
    )
    return tuple(record for (record,) in rows)


def _shown(desk: Desk, document: str) -> Iterator[Holder]:
    for record in records_of(desk, document):
        for held in desk.holdings(desk.db, record):
            how: How = "receipt" if held.receipted else "shown" if held.node else "consent"
            yield Holder(party=held.party, how=how, what=record, node=held.node, since_ms=held.since_ms)
