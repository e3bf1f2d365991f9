"""What has been said about agreements, as the kernel's own types. Whether a signature verifies is judged where the pinned roots are."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel.instrument import Agreement, Provision, Scope, Status, day_ms, limited_date
from kizuna.kernel.intervals import contains
from kizuna.kernel.journal import Db


def signature_envelopes(db: Db) -> tuple[bytes, ...]:
    """Return the envelope of every signature on an instrument version, not yet verified."""
    rows = db.execute("SELECT envelope FROM instruments_signature WHERE envelope <> '' ORDER BY record_id")
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
    """Return the scopes that every party of the pair has opened alike: a scope widens, so one side alone cannot open it.

    Either side alone closes it early: from the instant at which it withdrew its own opening, nothing more goes under it.
    """
    rows = db.execute(
        "SELECT s.from_ms, s.instrument, s.name, s.to_ms, COUNT(DISTINCT s.party), MIN(e.at_ms) FROM instruments_scope s"
        " LEFT JOIN instruments_scope_end e ON e.closes = s.record_id AND e.party = s.party"
        " WHERE s.instrument <> '' AND s.name <> '' AND s.from_ms < s.to_ms"
        " GROUP BY s.from_ms, s.instrument, s.name, s.to_ms HAVING COUNT(DISTINCT s.party) > 1"
        " ORDER BY s.instrument, s.name, s.from_ms, s.to_ms"
    )
    return tuple(
        Scope(from_ms=from_ms, instrument=instrument, name=name, to_ms=to_ms if closed is None else min(to_ms, closed))
        for from_ms, instrument, name, to_ms, _, closed in rows
    )


class Permitted(msgspec.Struct, frozen=True):
    """One clause that lets records go to a party, as an officer reads it; `basis` `example` is shown as such wherever it is cited."""

    instrument: str
    title: str
    version: str
    provision: str
    article: str
    text: str
    record_types: tuple[str, ...]
    purposes: tuple[str, ...]
    max_classification: tuple[tuple[str, int], ...]
    scope: str
    basis: str


def what_permits(made: Iterable[Agreement], own_party: str, party: str, on: str) -> tuple[Permitted, ...]:
    """Return the clauses under which our records may go to a party at the start of a day `YYYY-MM-DD`, by instrument and clause.

    A clause reserved for a scope is named only while that scope is open.

    Raises:
        RecordError: the day is no date.
    """
    date = limited_date(on)
    bounds = date.bounds()
    if date.precision != "day" or bounds is None:
        raise RecordError(f"`{on}` is not a day `YYYY-MM-DD`")
    at_ms = day_ms(bounds[0])
    found = []
    for agreement in made:
        in_term = contains(agreement.in_force, at_ms) and contains(agreement.current, at_ms)
        if not in_term or contains(agreement.suspended, at_ms):
            continue
        for clause in agreement.instrument.provisions:
            opened = any(s.name == clause.scope and s.from_ms <= at_ms < s.to_ms for s in agreement.scopes)
            towards = (clause.direction.from_party, clause.direction.to_party) == (own_party, party)
            if towards and clause.effect == "permits" and (opened or not clause.scope):
                found.append(_permitted(agreement, clause))
    return tuple(sorted(found, key=_by_clause))


def _by_clause(row: Permitted) -> tuple[str, str, str]:
    return row.instrument, row.provision, row.version


def _permitted(agreement: Agreement, clause: Provision) -> Permitted:
    return Permitted(
        instrument=agreement.instrument.id,
        title=agreement.instrument.title,
        version=agreement.version,
        provision=clause.id,
        article=clause.article,
        text=clause.text,
        record_types=clause.record_types,
        purposes=clause.purposes,
        max_classification=tuple(clause.max_classification.items()),
        scope=clause.scope,
        basis=clause.basis,
    )
