"""Instruments from TOML files: one file an agreement, and rule files beside them that add provisions to one.

Pure: names and texts in, instruments out. Faults come as `ConfigError` with `file:line`, the field and the remedy. The format is shown in
`docs/protocol/instrument.md`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from kizuna.errors import ConfigError, RecordError
from kizuna.kernel.instrument import BASES, Instrument, limited_date
from kizuna.kernel.instrument_check import Fault, Fields, faults

_DEGREE = 600_000
_PAIR = 2
_SECTION = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_-]+)([^\]]*)\]\]?\s*(?:#.*)?$").match
_TOML_LINE = re.compile(r"line (\d+)").search
_EDGES = ("east", "north", "south", "west")


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The head of a rule file: to which instrument it adds, and what it assumes."""

    instrument: str
    basis: str = "example"
    in_force_on: str = ""
    note: str = ""
    scopes: tuple[str, ...] = ()
    terminates_on: str = ""


class _Source(msgspec.Struct):
    """A file's text, and the way back from a part of an instrument to the line that says it."""

    name: str
    text: str

    def where(self, section: str, key: str = "", nth: int = 0) -> str:
        """Return `file:line` of a key in the nth section of that name, or of the section, or of the file's first line."""
        current, seen, at = "", -1, 0
        wanted = re.compile(rf'\s*"?{re.escape(key)}"?\s*[=.]').match if key else None
        for number, line in enumerate(self.text.splitlines(), 1):
            header = _SECTION(line)
            if header:
                current = header[2]
                seen += current == section and header[1] == "[[" and not header[3].strip()
                inside = current == section and seen in (nth, -1)
                at = number if inside and not at else at
                if inside and key and header[3].strip(" .") == key:
                    return f"{self.name}:{number}"
            elif wanted is not None and current == section and seen in (nth, -1) and wanted(line):
                return f"{self.name}:{number}"
        return f"{self.name}:{at or 1}"

    def fail(self, message: str, section: str, key: str = "", nth: int = 0) -> NoReturn:
        raise ConfigError(f"`{key or section}`: {message}", where=self.where(section, key, nth))


def load_partnership(files: Sequence[tuple[str, str]], known: Fields | None = None) -> list[Instrument]:
    """Return the instruments that a directory's files, given as (name, text), describe together, sorted by id.

    `known` gives the payload fields of the record types that this node has; a provision that names another field is refused.

    Raises:
        ConfigError: a file is no TOML, or a field is missing, unknown, malformed or contradicts another; says `file:line`.
    """
    opened = [(_Source(name, text), _parse(name, text)) for name, text in files]
    found: dict[str, tuple[_Source, dict[str, Any]]] = {}
    for source, document in opened:
        _check_shape(source, document)
        if "instrument" in document:
            values = _instrument(source, document)
            if values["id"] in found:
                source.fail(f"`{values['id']}` is also in {found[values['id']][0].name}", "instrument", "id")
            found[values["id"]] = (source, values)
        elif "rules" not in document:
            source.fail("a file needs an `[instrument]` or a `[rules]` table", "instrument")
    parts: dict[tuple[str, str, str], tuple[_Source, int, str]] = {}
    for source, document in opened:
        target = _target(source, document, found)
        _merge(source, document, found[target][1])
        for section, items in (("provision", "provision"), ("equivalence", "equivalence")):
            for nth, item in enumerate(document.get(items, ())):
                parts.setdefault(
                    (target, section, str(item.get("id", ""))), (source, nth, str(item.get("from_policy")))
                )
        for nth, item in enumerate(document.get("exchange", ())):
            for made in _both_ways(source, item, nth):
                parts.setdefault((target, "provision", made["id"]), (source, nth, "exchange"))
    built = [_build(source, values, parts, known) for source, values in found.values()]
    _acyclic(built, {name: source for name, (source, _) in found.items()})
    return sorted(built, key=_by_id)


def _by_id(instrument: Instrument) -> str:
    return instrument.id


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        line = _TOML_LINE(str(error))
        raise ConfigError(f"not toml: {error}", where=f"{name}:{line[1] if line else 1}") from error


def _target(source: _Source, document: dict[str, Any], found: Mapping[str, Any]) -> str:
    if "instrument" in document:
        return str(document["instrument"]["id"])
    try:
        rules = msgspec.convert(document["rules"], _Rules, strict=True)
    except msgspec.ValidationError as error:
        said = str(error)
        key = re.findall(r"`([a-z_]+)`$|\$\.([a-z_]+)", said)
        source.fail(said.partition(" - at")[0].lower(), "rules", next(filter(None, key[-1]), "") if key else "")
    if rules.basis not in BASES:
        source.fail(f"`{rules.basis}` is unknown: use one of {', '.join(BASES)}", "rules", "basis")
    if rules.instrument not in found:
        source.fail(f"`{rules.instrument}` is in no file here: name an instrument by its id", "rules", "instrument")
    return rules.instrument


def _check_shape(source: _Source, document: dict[str, Any]) -> None:
    """Accept a document whose tables are tables: what else is wrong in them is said field by field."""
    for name in ("instrument", "rules"):
        if not isinstance(document.get(name, {}), dict):
            source.fail(f"is no table: write `[{name}]`, once", name)
    for name in ("citation", "stated", "provision", "exchange", "equivalence"):
        found = document.get(name, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            source.fail(f"is no list of tables: write each as `[[{name}]]`", name)
        for nth, each in enumerate(found):
            if not isinstance(each.get("obligations", {}), dict):
                source.fail(f"is no table: write `[{name}.obligations]`", name, "obligations", nth)
    if not isinstance(document.get("instrument", {}).get("id", ""), str):
        source.fail("`id` is no text: put it in quotation marks", "instrument", "id")


def _instrument(source: _Source, document: dict[str, Any]) -> dict[str, Any]:
    values = dict(document["instrument"])
    for field in ("id", "title", "kind", "parties", "basis"):
        if field not in values:
            source.fail(f"`{field}` is missing: give it", "instrument")
    for field in ("provisions", "tables", "citations", "stated"):
        if field in values:
            source.fail("is written as its own `[[...]]` table: remove it here", "instrument", field)
    for field in ("signed_on", "in_force_on", "terminates_on"):
        if field in values:
            values[field] = _date(source, values[field], "instrument", field)
    values["citations"] = document.get("citation", [])
    values["stated"] = document.get("stated", [])
    values["provisions"], values["tables"] = [], []
    return values


def _date(source: _Source, text: Any, section: str, field: str) -> dict[str, str]:
    try:
        date = limited_date(text if isinstance(text, str) else str(text))
    except RecordError as error:
        source.fail(str(error), section, field)
    return {"precision": date.precision, "value": date.value}


def _merge(source: _Source, document: dict[str, Any], values: dict[str, Any]) -> None:
    unknown = sorted(
        set(document) - {"instrument", "rules", "citation", "stated", "provision", "exchange", "equivalence"}
    )
    if unknown:
        source.fail("is no table of this format: remove it", unknown[0])
    rules = document.get("rules", {})
    for field in ("in_force_on", "terminates_on"):
        if field in rules:
            values[field] = _date(source, rules[field], "rules", field)
            values["basis"] = rules.get("basis", values["basis"])  # a date that is assumed makes the whole assumed
    if rules:
        values["scopes"] = [*values.get("scopes", ()), *rules.get("scopes", ())]
        note = {"source": source.name.rpartition("/")[2], "note": str(rules.get("note", ""))}
        values["citations"] = [*values["citations"], note]
    basis = rules.get("basis", values["basis"])
    for nth, item in enumerate(document.get("provision", ())):
        values["provisions"].append(_provision(source, item, basis, nth))
    for nth, item in enumerate(document.get("exchange", ())):
        values["provisions"] += [_provision(source, each, basis, nth) for each in _both_ways(source, item, nth)]
    for nth, item in enumerate(document.get("equivalence", ())):
        values["tables"] += _tables(source, item, basis, nth)


def _both_ways(source: _Source, item: dict[str, Any], nth: int) -> list[dict[str, Any]]:
    """Return the provisions of an exchange: one for each record type and direction, for work that two parties do together.

    `between` names the two parties, `header` the header facts that all its records show, `discloses` the fields of each record type, and
    `max_classification` for each recipient its marking policy with the highest grade.
    """
    values = {"effect": "permits", **item}
    between, shown, highest = (values.pop(field, None) for field in ("between", "discloses", "max_classification"))
    header = values.pop("header", [])
    if not isinstance(between, list) or len(between) != len(set(map(str, between))) or len(between) != _PAIR:
        source.fail("name the two parties, each once", "exchange", "between", nth)
    if not isinstance(shown, dict) or not isinstance(highest, dict) or set(highest) != set(between):
        source.fail(
            "give `[exchange.discloses]` by record type and `[exchange.max_classification]` by recipient",
            "exchange",
            "id",
            nth,
        )
    name = str(values.pop("id", ""))
    return [
        values
        | {
            "discloses": [*fields, *header], "from": sender, "id": f"{name}-{_short(wire_name)}-to-{recipient}",
            "max_classification": highest[recipient], "record_types": [wire_name], "to": recipient,
        }
        for sender, recipient in (between, between[::-1])
        for wire_name, fields in shown.items()
    ]  # fmt: skip


def _short(wire_name: str) -> str:
    return wire_name.rpartition(".v")[0].replace(".", "-")


def _provision(source: _Source, item: dict[str, Any], basis: str, nth: int) -> dict[str, Any]:
    values = {"basis": basis, **item}
    for field in ("id", "effect", "from", "to", "record_types"):
        if field not in values:
            source.fail(f"`{field}` is missing: give it", "provision", nth=nth)
    values["direction"] = {"from_party": values.pop("from"), "to_party": values.pop("to")}
    obligations = dict(values.get("obligations", {}))
    if "areas" in obligations:
        if not obligations["areas"]:
            source.fail("is empty: name areas, or remove it where no place is held back", "provision", "areas", nth)
        obligations["areas"] = [_area(source, area, nth) for area in obligations["areas"]]
    values["obligations"] = obligations
    return values


def _area(source: _Source, area: Any, nth: int) -> dict[str, int]:
    if not isinstance(area, dict) or set(area) - {"name"} != set(_EDGES):
        source.fail(f"an area has {', '.join(_EDGES)} in degrees, and may have a name", "provision", "areas", nth)
    made = {}
    for edge in _EDGES:
        degrees = area[edge]
        if isinstance(degrees, bool) or not isinstance(degrees, int | Decimal) or degrees * _DEGREE % 1:
            source.fail(f"`{edge}` is not degrees in steps of 1/600000", "provision", "areas", nth)
        made[f"{edge}_600000"] = int(degrees * _DEGREE)
    return made


def _tables(source: _Source, item: dict[str, Any], basis: str, nth: int) -> list[dict[str, Any]]:
    values = {"basis": basis, **item}
    rows = values.pop("rows", None)
    back = values.pop("rows_back", None)
    if not isinstance(rows, list) or not isinstance(back, list):
        source.fail(
            "give both directions: `rows` and `rows_back`, each a list of [grade, [grades]]", "equivalence", "rows", nth
        )
    caveats, caveats_back = values.pop("caveats", {}), values.pop("caveats_back", {})
    there = {**values, "rows": _rows(source, rows, nth, "rows"), "caveats": caveats}
    again = {
        **values,
        "rows": _rows(source, back, nth, "rows_back"),
        "caveats": caveats_back,
        "from_policy": values.get("to_policy"),
        "to_policy": values.get("from_policy"),
    }
    return [there, again]


def _rows(source: _Source, rows: Iterable[Any], nth: int, key: str) -> list[dict[str, Any]]:
    made = []
    for row in rows:
        match row:
            case [int(level), [*levels]]:
                made.append({"from_level": level, "to_levels": levels})
            case _:
                source.fail(f"row `{row}` is not [grade, [grades]]", "equivalence", key, nth)
    return made


_Parts = Mapping[tuple[str, str, str], tuple[_Source, int, str]]
"""Instrument, section and id to the file, the place among its like, and the policy that a table starts from there."""
_SECTION_OF = {"provisions": "provision", "tables": "equivalence", "citations": "citation", "stated": "stated"}


def _build(
    source: _Source,
    values: dict[str, Any],
    parts: _Parts,
    known: Fields | None,
) -> Instrument:
    try:
        made = msgspec.convert(values, Instrument, strict=True)
    except msgspec.ValidationError as error:
        _misfit(source, values, parts, str(error))
    for fault in faults(made, known):
        _point(source, made.id, parts, fault)
    return made


def _misfit(source: _Source, values: dict[str, Any], parts: _Parts, message: str) -> NoReturn:
    """Turn msgspec's `... - at `$.provisions[3].lane`` into a line."""
    said, _, path = message.partition(" - at `$")
    steps = re.findall(
        r"\.([a-z_0-9]+)|\[(\d+)\]|`([A-Za-z0-9_]+)`", f"{path} {said if 'unknown field' in said else ''}"
    )
    names = [name or field for name, index, field in steps if not index]
    index = next((int(index) for _, index, _ in steps if index), 0)
    if names and names[0] in ("provisions", "tables"):
        section = _SECTION_OF[names[0]]
        held, nth, _ = parts.get(
            (values["id"], section, str(values[names[0]][index].get("id", ""))), (source, index, "")
        )
        held.fail(said.lower(), section, {"from_party": "from", "to_party": "to"}.get(names[-1], names[-1]), nth)
    source.fail(
        said.lower(), _SECTION_OF.get(names[0], "instrument") if names else "instrument", names[-1] if names else ""
    )


def _point(source: _Source, name: str, parts: _Parts, fault: Fault) -> NoReturn:
    if fault.section == "instrument":
        source.fail(fault.message, "instrument", fault.field)
    held, nth, starts_from = parts.get((name, fault.section, fault.id.partition("@")[0]), (source, 0, ""))
    if starts_from == "exchange":
        held.fail(f"{fault.message} (in `{fault.id}`)", "exchange", fault.field, nth)
    back = fault.section == "equivalence" and fault.field == "rows" and not fault.id.endswith(f" {starts_from}")
    held.fail(f"{fault.message} (in `{fault.id}`)", fault.section, "rows_back" if back else fault.field, nth)


def _acyclic(made: Sequence[Instrument], sources: Mapping[str, _Source]) -> None:
    supersedes = {instrument.id: instrument.supersedes for instrument in made}
    for name, older in supersedes.items():
        seen, at = {name}, older
        while at in supersedes and at not in seen:
            seen.add(at)
            at = supersedes[at]
        if at == name:
            sources[name].fail("supersession runs in a circle: break it", "instrument", "supersedes")
