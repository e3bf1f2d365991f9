"""How statements about exercises fill tables. One row a statement or case: what two say of one edition stands side by side.

A record that is itself made for an exercise never enters the register: the register is real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kizuna.domains.exercises.records import EditionStated, Force, SeriesStated
from kizuna.domains.exercises.rules import bounds, day_number, exact_days
from kizuna.kernel.domain import Apply, Fact
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

SCHEMA = (
    """CREATE TABLE exercises_series (
        record_id TEXT PRIMARY KEY, stated_by TEXT NOT NULL, series TEXT, name TEXT, domains TEXT, services TEXT, parties TEXT,
        aliases TEXT, confidence TEXT, sources TEXT, note TEXT)""",
    "CREATE INDEX exercises_series_by_name ON exercises_series (series)",
    """CREATE TABLE exercises_edition (
        case_id TEXT NOT NULL, record_id TEXT NOT NULL, edition TEXT, series TEXT, name TEXT, ordinal BIGINT, state TEXT,
        starts_on TEXT, ends_on TEXT, year BIGINT, first_day BIGINT, last_day BIGINT, place TEXT, host TEXT, parties TEXT,
        observers TEXT, domains TEXT, services TEXT, warfare_areas TEXT, unit_types TEXT, units BIGINT, forces TEXT, instrument TEXT,
        live BIGINT, night BIGINT, live_fire BIGINT, cross_deck BIGINT, stated_by TEXT, asserted_by TEXT, preferred BIGINT,
        confidence TEXT, sources TEXT, note TEXT, standing TEXT NOT NULL, PRIMARY KEY (case_id, record_id))""",
    "CREATE INDEX exercises_edition_by_name ON exercises_edition (edition, standing)",
    "CREATE INDEX exercises_edition_by_year ON exercises_edition (year, edition)",
)
TABLES = ("exercises_series", "exercises_edition")
SERIES_COLUMNS = (
    "record_id", "stated_by", "series", "name", "domains", "services", "parties", "aliases", "confidence", "sources", "note",
)  # fmt: skip
EDITION_COLUMNS = (
    "case_id", "record_id", "edition", "series", "name", "ordinal", "state", "starts_on", "ends_on", "year", "first_day", "last_day",
    "place", "host", "parties", "observers", "domains", "services", "warfare_areas", "unit_types", "units", "forces", "instrument",
    "live", "night", "live_fire", "cross_deck", "stated_by", "asserted_by", "preferred", "confidence", "sources", "note", "standing",
)  # fmt: skip
_FOUNDED = ("primary", "stated-in-source", "news", "derived", "unconfirmed")
_KEYS = {"exercises_series": ("record_id",), "exercises_edition": ("case_id", "record_id")}


def insert(db: Db, table: str, columns: Sequence[str], row: Mapping[str, Any]) -> None:
    """Write a row; where it is there already, what was withheld is filled in and what is known stays; the better standing counts."""
    keys = _KEYS[table]
    fills = ", ".join(
        f"{name} = CASE WHEN excluded.{name} < {table}.{name} THEN excluded.{name} ELSE {table}.{name} END"
        if name == "standing"
        else f"{name} = COALESCE({table}.{name}, excluded.{name})"
        for name in columns
        if name not in keys
    )
    db.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({','.join('?' * len(columns))})"
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {fills}",
        [row.get(name) for name in columns],
    )


def known(value: Any) -> Any:
    """Return a value as a column holds it: a list of words as one text, a truth as 0 or 1, what is withheld as None."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, tuple):
        words = [each.replace(" ", "-") for each in value if isinstance(each, str)]
        return " ".join(sorted(set(words))) if len(words) == len(value) else None
    return value if isinstance(value, int | str) else None


def lines(value: Any) -> str | None:
    """Return texts as lines of one text, or None where they are withheld."""
    return "\n".join(value) if isinstance(value, tuple) else None


def row_of(values: Mapping[str, Any], *, case_id: str, record_id: str) -> dict[str, Any]:
    """Return an edition's row out of what is stated of it."""
    row = {name: known(values.get(name)) for name in EDITION_COLUMNS}
    span, exact = bounds(values.get("starts_on")), exact_days(values.get("starts_on"), values.get("ends_on"))
    forces = values.get("forces")
    row |= {
        "case_id": case_id, "record_id": record_id, "sources": lines(values.get("sources")),
        "standing": _standing(case_id, record_id, preferred=values.get("preferred"), confidence=values.get("confidence")),
        "year": int(span[0][:4]) if span else None, "forces": _told(forces),
        "first_day": day_number(exact[0]) if exact else None, "last_day": day_number(exact[1]) if exact else None,
        "unit_types": known(tuple(force.unit_type for force in forces)) if isinstance(forces, tuple) else None,
        "units": _units(forces, values.get("parties")),
        "live": known(values.get("serials_live")), "night": known(values.get("serials_night")),
        "live_fire": known(values.get("serials_live_fire")), "cross_deck": known(values.get("serials_cross_deck")),
    }  # fmt: skip
    return row


def _standing(case_id: str, record_id: str, *, preferred: Any, confidence: Any) -> str:
    """Return a text by which the statements of one edition stand in order: what its parties agreed, the preferred, the better founded."""
    founded = _FOUNDED.index(confidence) if confidence in _FOUNDED else len(_FOUNDED)
    return f"{0 if case_id else 1}{0 if preferred is True else 1}{founded}{case_id}{record_id}"


def _units(forces: Any, parties: Any) -> int | None:
    """Return how many units take part; None unless every party's are stated."""
    if not isinstance(forces, tuple) or not isinstance(parties, tuple) or not parties:
        return None
    stated = {force.party for force in forces}
    return sum(force.count for force in forces) if set(parties) <= stated else None


def _told(forces: Any) -> str | None:
    if not isinstance(forces, tuple):
        return None
    return "\n".join(_force(force) for force in forces)


def _force(force: Force) -> str:
    return f"{force.party}: {force.count} {force.unit} ({force.unit_type}, {force.service})"


def _series(db: Db, fact: Fact[SeriesStated]) -> None:
    body = fact.body
    if fact.exercise or not isinstance(body.series, str):
        return
    row = {name: known(getattr(body, name, None)) for name in SERIES_COLUMNS}
    row |= {
        "record_id": fact.record_id,
        "stated_by": fact.issuer,
        "sources": lines(body.sources),
        "aliases": lines(body.aliases),
    }
    insert(db, "exercises_series", SERIES_COLUMNS, row)


def _edition(db: Db, fact: Fact[EditionStated]) -> None:
    body = fact.body
    if fact.exercise or not isinstance(body.edition, str):
        return
    values = {name: getattr(body, name) for name in body.__struct_fields__} | {"stated_by": fact.issuer}
    insert(db, "exercises_edition", EDITION_COLUMNS, row_of(values, case_id="", record_id=fact.record_id))


APPLY: dict[type[Body], Apply] = {EditionStated: _edition, SeriesStated: _series}
