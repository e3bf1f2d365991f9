"""Lists of ports and anchorages, in and out: CSV for spreadsheets and GeoJSON (RFC 7946) for maps.

A row or feature is one place: its name, its UN/LOCODE where it has one, and latitude and longitude in degrees. A port that is wide has several
places of one name. Whatever does not fit is said with its line or feature and its field; other properties of features are passed over.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

import msgspec

from kizuna.errors import RecordError
from kizuna.formats import csv_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Form = Literal["csv", "geojson"]
COLUMNS = ("locode", "name", "lat_deg", "lon_deg")
MOST_NAME = 80
_LOCODE = re.compile(r"[A-Z]{2}[A-Z2-9]{3}").fullmatch
_BYTE = re.compile(r"\(byte (\d+)\)").search
_POLE, _HALF_TURN = 90.0, 180.0


class Place(NamedTuple):
    """One place of a port, in degrees."""

    locode: str
    """Empty where it has none."""
    name: str
    lat_deg: float
    lon_deg: float


def read(form: Form, data: bytes) -> list[Place]:
    """Return the places of a list.

    Raises:
        RecordError: it is no such list; the message begins with `line N` or the feature, and names the field.
    """
    return list(_rows(data) if form == "csv" else _features(data))


def write(form: Form, places: Iterable[Place], marking: str) -> bytes:
    """Return a list under its marking, which CSV says in its first line and GeoJSON as a member of the collection."""
    if form == "csv":
        return csv_table.write(COLUMNS, [(each.locode or None, *each[1:]) for each in places], marking)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [each.lon_deg, each.lat_deg]},
            "properties": ({"locode": each.locode} if each.locode else {}) | {"name": each.name},
        }
        for each in places
    ]
    made = {"type": "FeatureCollection", "marking": marking, "features": features}
    return msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n"


def _rows(data: bytes) -> Iterator[Place]:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RecordError(f"line {line}: is not UTF-8: save the table as UTF-8") from error
    rows = csv_table.read(text, COLUMNS, COLUMNS[1:])
    try:
        for line, row in rows:
            at = f"line {line}"
            numbers = [_number(row.get(name), f"{at}, `{name}`") for name in COLUMNS[2:]]
            yield _place(at, row.get("locode", ""), row.get("name", ""), *numbers)
    except RecordError as error:
        said = str(error)
        raise RecordError(f"line {said.removeprefix('csv:')}" if said.startswith("csv:") else said) from error


def _number(text: str | None, at: str) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise RecordError(f"{at}: `{(text or '')[:40]}` is no number: give degrees, such as `13.1`") from None


def _features(data: bytes) -> Iterator[Place]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        found = _BYTE(str(error))
        line = data[: int(found[1])].count(b"\n") + 1 if found else 1
        raise RecordError(f"line {line}: is not JSON ({error}): give GeoJSON (RFC 7946)") from error
    features = value.get("features") if isinstance(value, dict) else None
    if not isinstance(features, list) or value.get("type") != "FeatureCollection":
        _fail("`type`", "is no `FeatureCollection` with a list of `features`")
    for nth, feature in enumerate(features):
        at = f"features[{nth}]"
        geometry, told = (_member(feature, name) for name in ("geometry", "properties"))
        kind = _member(geometry, "type")
        if kind not in {"Point", "MultiPoint"}:
            _fail(f"`{at}.geometry.type`", f"is `{str(kind)[:40]}`, neither `Point` nor `MultiPoint`")
        points = _member(geometry, "coordinates")
        points = [points] if kind == "Point" else points
        locode, name = (word if isinstance(word := _member(told, key), str) else "" for key in COLUMNS[:2])
        for point in points if isinstance(points, list) else [None]:
            lon, lat = _degrees(point, f"`{at}.geometry.coordinates`")
            yield _place(f"{at}.properties", locode, name, lat, lon)


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _degrees(point: Any, at: str) -> tuple[float, float]:
    numbers = point[:2] if isinstance(point, list) else []
    found = [float(each) for each in numbers if isinstance(each, int | float) and not isinstance(each, bool)]
    if len(found) != 2:  # noqa: PLR2004 # longitude and latitude
        _fail(at, f"`{str(point)[:40]}` is no place: longitude and latitude in degrees, in this order")
    return found[0], found[1]


def _place(at: str, locode: str, name: str, lat_deg: float, lon_deg: float) -> Place:
    if not name or len(name) > MOST_NAME or not name.isprintable():
        _fail(f"{at}, `name`", f"`{name[:40]}` is no name: give 1 to {MOST_NAME} letters")
    if locode and not _LOCODE(locode):
        _fail(f"{at}, `locode`", f"`{locode[:40]}` is no UN/LOCODE, such as `INMAA`: mend it or leave it out")
    for field, value, most in (("lat_deg", lat_deg, _POLE), ("lon_deg", lon_deg, _HALF_TURN)):
        if not math.isfinite(value) or abs(value) > most:
            _fail(f"{at}, `{field}`", f"`{value}` is not between -{most:.0f} and {most:.0f} degrees")
    return Place(locode, name, lat_deg, lon_deg)


def _fail(at: str, message: str) -> NoReturn:
    raise RecordError(f"{at}: {message}")
