"""The node's own boundary file: where land and sea borders run is each nation's to say, so none are drawn that the node was not given.

GeoJSON (RFC 7946), lines or areas in degrees. It is read once when the node starts; what does not fit is said with file and field.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import msgspec

from kizuna.errors import ConfigError

MOST_BYTES = 32 << 20
_DEPTHS = {"LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
"""How deep the places of a geometry lie."""
_FORM = "give GeoJSON (RFC 7946) with lines or areas"
_LAT, _LON = 90, 180


def read_boundary(path: Path) -> bytes:
    """Return a boundary file as GeoJSON of geometries alone: names and other properties of it are not served.

    Raises:
        ConfigError: it cannot be read, or is no GeoJSON of lines or areas; the error names file and field.
    """
    where = str(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"is larger than {MOST_BYTES >> 20} MiB: simplify its lines", where=where)
        value = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"the boundary file cannot be read ({error.strerror}): mend `boundary` in the settings", where=where
        ) from error
    except msgspec.MsgspecError as error:
        raise ConfigError(f"is not JSON ({error}): {_FORM}", where=where) from error
    features = [{"type": "Feature", "properties": {}, "geometry": each} for each in _geometries(value, "", where)]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def _geometries(value: Any, at: str, where: str) -> list[dict[str, Any]]:
    """Return the geometries of a GeoJSON value, `at` being where in the file it stands."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "FeatureCollection":
        return _each(value, "features", at, where)
    if kind == "GeometryCollection":
        return _each(value, "geometries", at, where)
    if kind == "Feature":
        return _geometries(value.get("geometry"), f"{at}geometry.", where)
    depth = _DEPTHS.get(kind) if isinstance(kind, str) else None
    if depth is None:
        _fail(f"{at}type", f"is `{str(kind)[:40]}`, which is no line or area", where)
    _places(value.get("coordinates"), depth, f"{at}coordinates", where)
    return [{"type": kind, "coordinates": value["coordinates"]}]


def _each(value: dict[str, Any], name: str, at: str, where: str) -> list[dict[str, Any]]:
    listed = value.get(name)
    if not isinstance(listed, list):
        _fail(at + name, "is no list", where)
    return [found for nth, each in enumerate(listed) for found in _geometries(each, f"{at}{name}[{nth}].", where)]


def _places(value: Any, depth: int, at: str, where: str) -> None:
    if not isinstance(value, list) or not value:
        _fail(at, "is no list of places", where)
    if depth:
        for nth, each in enumerate(value):
            _places(each, depth - 1, f"{at}[{nth}]", where)
        return
    numbers = [each for each in value[:2] if isinstance(each, int | float) and not isinstance(each, bool)]
    if len(numbers) != 2 or not -_LON <= numbers[0] <= _LON or not -_LAT <= numbers[1] <= _LAT:  # noqa: PLR2004 # longitude and latitude
        _fail(at, f"`{str(value)[:40]}` is no place: longitude and latitude in degrees, in this order", where)


def _fail(at: str, message: str, where: str) -> NoReturn:
    raise ConfigError(f"`{at}` {message}: {_FORM}", where=where)
