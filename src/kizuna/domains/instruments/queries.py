"""What has been said about agreements, as the kernel's own types. Whether a signature verifies is judged where the pinned roots are."""

from __future__ import annotations

from kizuna.kernel.instrument import Scope, Status
from kizuna.kernel.journal import Db


def signature_envelopes(db: Db) -> tuple[bytes, ...]:
    """Return the envelope of every signature on an instrument version, not yet verified."""
    rows = db.execute("SELECT envelope FROM instruments_signature ORDER BY record_id")
    return tuple(str(envelope).encode() for (envelope,) in rows)


def statuses(db: Db) -> tuple[Status, ...]:
    """Return suspensions, resumptions and terminations."""
    rows = db.execute(
        "SELECT act, at_ms, record_id, instrument, party, lifts FROM instruments_status ORDER BY record_id"
    )
    return tuple(
        Status(act=act, at_ms=at_ms, id=record_id, instrument=instrument, party=party, lifts=lifts)
        for act, at_ms, record_id, instrument, party, lifts in rows
    )


def scopes(db: Db) -> tuple[Scope, ...]:
    """Return the scopes that every party of the pair has opened alike: a scope widens, so one side alone cannot open it."""
    rows = db.execute(
        "SELECT from_ms, instrument, name, to_ms, COUNT(DISTINCT party) FROM instruments_scope"
        " GROUP BY from_ms, instrument, name, to_ms HAVING COUNT(DISTINCT party) > 1 ORDER BY instrument, name, from_ms, to_ms"
    )
    return tuple(Scope(from_ms=row[0], instrument=row[1], name=row[2], to_ms=row[3]) for row in rows)
