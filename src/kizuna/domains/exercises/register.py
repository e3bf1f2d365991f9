"""Statements for the register out of files: the bundled facts of the India-Japan partnership, and tables that officers bring."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import msgspec

from kizuna.domains.exercises.records import EditionStated, Force, SeriesStated
from kizuna.domains.exercises.rules import WARFARE_AREAS, check_words, period_fault, serials_fault
from kizuna.errors import KizunaError, RecordError, RefusedError
from kizuna.formats import csv_table
from kizuna.kernel.record import WITHHELD

_LISTS = ("parties", "observers", "domains", "services", "warfare_areas")
_NUMBERS = ("ordinal", "serials_live", "serials_night", "serials_live_fire", "serials_cross_deck")
COLUMNS = (
    "edition", "series", "name", "ordinal", "state", "starts_on", "ends_on", "place", "host", *_LISTS, "instrument", *_NUMBERS[1:],
    "asserted_by", "confidence", "sources", "note",
)  # fmt: skip


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The facts of a partnership: its series and what is stated of their editions."""

    series: tuple[SeriesStated, ...]
    editions: tuple[EditionStated, ...]


def bundled() -> Bundle:
    """Return the bundled facts, each with its sources; what they do not list is unknown, not absent."""
    data = (files(__package__) / "bundled" / "india-japan.json").read_bytes()
    return msgspec.json.decode(data, type=Bundle)


def check_edition(body: EditionStated) -> None:
    """Accept what somebody states of an edition.

    Raises:
        RefusedError: a name, a date, a word or a count does not fit; says which.
    """
    for field in ("edition", "series"):
        if not getattr(body, field):
            raise RefusedError(
                f"`{field}` is missing: name it like `{'jimex-2022' if field == 'edition' else 'jimex'}`"
            )
    fault = period_fault(body.starts_on, body.ends_on) or serials_fault(
        body.serials_live, body.serials_night, body.serials_live_fire, body.serials_cross_deck
    )
    if fault:
        raise RefusedError(fault)
    check_words("warfare_areas", body.warfare_areas or (), WARFARE_AREAS)
    check_forces(body.forces or (), body.parties or ())
    if body.parties and body.host and body.host not in body.parties:
        raise RefusedError(f"`host` `{body.host}` is not among the `parties` {', '.join(body.parties)}")


def check_forces(forces: tuple[Force, ...], parties: tuple[str, ...]) -> None:
    """Accept units that are brought.

    Raises:
        RefusedError: one is of a party that takes no part, or its type is not one word.
    """
    for force in forces:
        if parties and force.party not in parties:
            raise RefusedError(f"`forces`: `{force.party[:20]}` of `{force.unit[:40]}` is not among the `parties`")
        if (
            not force.unit_type
            or not force.unit_type.replace("-", "").isalnum()
            or force.unit_type != force.unit_type.lower()
        ):
            raise RefusedError(f"`forces`: unit type `{force.unit_type[:40]}` is not a word like `combat-aircraft`")


def editions_of(text: str) -> list[EditionStated]:
    """Return the statements of a table; a fault anywhere means that none is taken.

    Lists stand in one cell, parted by spaces, sources by line breaks.

    Raises:
        RecordError: the table is malformed, or a cell does not fit; says the line, the column and what to do.
    """
    found: dict[str, int] = {}
    made = []
    for line, cells in csv_table.read(text, COLUMNS, ("edition", "series", "state")):
        key = cells.get("edition", "")
        if key in found:
            raise RecordError(
                f"csv:{line}: `edition` `{key[:40]}` stands on line {found[key]} too: say each edition once"
            )
        found[key] = line
        values = {name: _CELLS.get(name, str)(cell) for name, cell in cells.items()} | {"preferred": True}
        try:
            body = msgspec.convert(values, EditionStated, strict=True)
            check_edition(body)
        except (msgspec.ValidationError, KizunaError) as error:
            raise RecordError(f"csv:{line}: {error}: mend the row, nothing was taken") from error
        made.append(body)
    if not made:
        raise RecordError("csv:2: there is no row below the header: give one edition a line")
    return made


def _number(cell: str) -> Any:
    return int(cell) if cell.isascii() and cell.isdecimal() else cell


_CELLS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(_LISTS, lambda cell: tuple(cell.split())),
    **dict.fromkeys(_NUMBERS, _number),
    "sources": lambda cell: tuple(cell.splitlines()),
}


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields of a record that are known: what an officer left empty is left out."""
    return {name: WITHHELD if value in ("", (), None) else value for name, value in fields.items()}
