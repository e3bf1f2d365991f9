"""The terms that count between two parties, and who may bind a party: found in the tables, for operations and for what is shown.

Terms count once both parties have stated the same, and as long as neither states others. What no terms say is unknown, and denies.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import msgspec

from kizuna.domains.supply import rules
from kizuna.domains.supply.numbers import wrong
from kizuna.domains.supply.records import TermsStated
from kizuna.errors import RefusedError
from kizuna.kernel.deadline import day_of
from kizuna.kernel.journal import Db
from kizuna.kernel.operation import Desk

_BUNDLED = "india-japan.json"
_EXAMPLE = "example-terms.json"


class StatedTerms(msgspec.Struct, frozen=True):
    """What one party stated last: the version that both must share, and the terms."""

    record: str
    party: str
    version: str
    at_ms: int
    terms: TermsStated


def bundled(*, example: bool) -> TermsStated:
    """Return the rules of the 2020 agreement as public sources describe them; `example` adds made-up ways of settling, marked as such."""
    folder = resources.files("kizuna.domains.supply") / "bundled"
    values = msgspec.json.decode((folder / _BUNDLED).read_bytes())
    if example:
        values |= msgspec.json.decode((folder / _EXAMPLE).read_bytes())
    return msgspec.convert(values, TermsStated)


def newest(db: Db, party: str, arrangement: str) -> StatedTerms | None:
    """Return the terms that a party stated last for an arrangement, or None."""
    rows = db.execute(
        "SELECT record_id, party, version, at_ms, body FROM supply_terms WHERE arrangement = ? AND party = ?"
        " ORDER BY at_ms DESC, record_id DESC LIMIT 1",
        (arrangement, party),
    )
    for record, issuer, version, at_ms, body in rows:
        return StatedTerms(record, issuer, version, at_ms, msgspec.json.decode(body, type=TermsStated))
    return None


def agreed(db: Db, own: str, partner: str, arrangement: str) -> StatedTerms:
    """Return the terms that both parties have stated last, alike.

    Raises:
        RefusedError: one has stated none, or the two differ.
    """
    ours, theirs = newest(db, own, arrangement), newest(db, partner, arrangement)
    for party, found in ((own, ours), (partner, theirs)):
        if found is None:
            wrong("terms", arrangement, f"`{party}` has stated no terms under it, and what is unknown denies",
                  "let both parties state the same terms with `supply state-terms`")  # fmt: skip
    if ours is None or theirs is None or ours.version != theirs.version:
        raise RefusedError(
            f"`terms` of `{arrangement}` differ between `{own}` and `{partner}`: they count only where both state the same;"
            " compare them with `supply terms`"
        )
    return ours


def only_arrangement(db: Db, own: str) -> str:
    """Return the one arrangement for which this party has stated terms.

    Raises:
        RefusedError: there is none, or several.
    """
    rows = db.execute("SELECT DISTINCT arrangement FROM supply_terms WHERE party = ? ORDER BY arrangement", (own,))
    if len(rows) != 1:
        found = ", ".join(f"`{name}`" for (name,) in rows)
        wrong("arrangement", "", f"terms are stated for {found or 'no arrangement'}", "name one, or state terms first")
    return str(rows[0][0])


def authority(db: Db, party: str, actor: str, arrangement: str, duty: str, at_ms: int) -> str:
    """Return the id of the record by which an officer may do a duty on the day of an instant, or nothing where none says so."""
    officer = actor.split(":")[1] if actor.startswith("officer:") else ""
    rows = db.execute(
        "SELECT record_id, duties, from_on, to_on FROM supply_authority WHERE party = ? AND officer = ? AND arrangement = ?"
        " ORDER BY at_ms DESC, record_id DESC LIMIT 1",
        (party, officer, arrangement),
    )
    day = day_of(at_ms)
    return next(
        (
            str(record)
            for record, duties, from_on, to_on in rows
            if duty in str(duties).split() and from_on <= day and (not to_on or day < to_on)
        ),
        "",
    )


def require_authority(desk: Desk, arrangement: str, duty: str) -> str:
    """Return the id of the record by which the officer at the desk may do a duty today.

    Raises:
        RefusedError: none says so.
    """
    found = authority(desk.db, desk.party, desk.actor, arrangement, duty, desk.now_ms)
    if not found:
        wrong("actor", desk.actor, f"no authority for `{duty}` under `{arrangement}` is valid on {day_of(desk.now_ms)}",
              f"let the ministry's desk grant it with `supply grant`, duties {', '.join(rules.DUTIES)}")  # fmt: skip
    return found


def open_before(db: Db, requester: str, provider: str, currency: str, year: int) -> int:
    """Return what a requester owes a provider out of a fiscal year's orders, and is to owe by those agreed and not yet accepted, in minor units."""
    owed = db.execute(
        "SELECT COALESCE(SUM(open_minor), 0) FROM supply_total WHERE party = ? AND partner = ? AND currency = ?"
        " AND fiscal_year = ? AND open_minor <> 0",
        (provider, requester, currency, year),
    )
    coming = db.execute(
        "SELECT COALESCE(SUM(o.total_minor), 0) FROM supply_side s JOIN supply_order o ON o.case_id = s.case_id"
        " WHERE s.party = ? AND s.state IN ('agreed', 'delivered') AND o.requester = ? AND o.provider = ? AND o.currency = ?"
        " AND o.fiscal_year = ?",
        (requester, requester, provider, currency, year),
    )
    return int(owed[0][0]) + int(coming[0][0])


def draft(db: Db, order_no: str) -> Any:
    """Return the newest draft of an order as `(actor, body)`, or None; the body is the draft's JSON."""
    rows = db.execute(
        "SELECT actor, body FROM supply_draft WHERE order_no = ? ORDER BY at_ms DESC, record_id DESC LIMIT 1",
        (order_no,),
    )
    return rows[0] if rows else None


def next_sequence(db: Db, party: str, year: int, service: str) -> int:
    """Return the next free number of a party, fiscal year and service; what was ever drafted or ordered is not free."""
    head = f"{party}-{year:04}-{service}-"
    last = 0
    for table, column, prefix in (
        ("supply_draft", "order_no", head),
        ("supply_order", "case_id", f"supply.order:{head}"),
    ):
        rows = db.execute(
            f"SELECT MAX(CAST(SUBSTR({column}, ?) AS BIGINT)) FROM {table} WHERE {column} >= ? AND {column} < ?",
            (len(prefix) + 1, prefix, prefix + "~"),
        )
        last = max(last, rows[0][0] or 0)
    return last + 1
