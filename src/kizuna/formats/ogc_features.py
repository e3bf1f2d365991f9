"""OGC API - Features, Part 1: Core (OGC 17-069r4), with GeoJSON (RFC 7946) and OpenAPI 3.0: requests in, documents out.

Places are longitude and latitude on WGS 84 (CRS84), times are RFC 3339. A page ends with the link to the next one, which names where to go on
and no count, so that nothing is lost or told twice when the set changes meanwhile. Who may have which features is decided elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from kizuna.errors import RecordError
from kizuna.formats.instants import rfc3339

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CONFORMS = tuple(
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "oas30", "geojson")
)
JSON, GEOJSON = "application/json", "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
USUAL_LIMIT, MOST_LIMIT = 100, 1_000
_NAMES = frozenset({"after", "bbox", "datetime", "f", "limit"})
_MOST_TEXT = 200
_FLAT, _TALL = 4, 6
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d))?", re.ASCII).fullmatch
_PAGE = re.compile(r"[A-Za-z0-9 ._:/-]{1,120}", re.ASCII).fullmatch


class Bounds(msgspec.Struct, frozen=True):
    """A box in degrees; west greater than east crosses 180 degrees."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, lon: float, lat: float) -> bool:
        """Return whether a place lies in it, its edges included."""
        if not self.south <= lat <= self.north:
            return False
        west, east = self.west <= lon, lon <= self.east
        return (west and east) if self.west <= self.east else (west or east)


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks of a collection: where, when (both ends included, None: open), how many, and after which feature to go on."""

    bounds: Bounds | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    limit: int = USUAL_LIMIT
    after: str = ""

    def meets(self, from_ms: int, to_ms: int) -> bool:
        """Return whether a span of time, both ends included, meets what is asked for."""
        return (self.to_ms is None or from_ms <= self.to_ms) and (self.from_ms is None or to_ms >= self.from_ms)


class Collection(msgspec.Struct, frozen=True):
    """One collection as it is described."""

    id: str
    title: str
    description: str


class Feature(msgspec.Struct, frozen=True):
    """One feature: its id, its GeoJSON geometry or None, and its properties."""

    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


def read_ask(pairs: Iterable[tuple[str, str]]) -> Ask:
    """Return what the query of an address asks for.

    Raises:
        RecordError: a parameter is unknown, stands twice, or does not say what it should (requirement `/req/core/query-param-unknown`).
    """
    given: dict[str, str] = {}
    for name, text in pairs:
        if name not in _NAMES or name in given:
            raise RecordError(f"parameter `{name[:40]}` is unknown or stands twice: `/ogc/api` says which there are")
        given[name] = text
    if given.get("f", "json") != "json":
        raise RecordError(f"format `{given['f'][:40]}` is not made here: ask for `json`")
    from_ms, to_ms = _span(given["datetime"]) if "datetime" in given else (None, None)
    after = given.get("after", "")
    if after and not _PAGE(after):
        raise RecordError("parameter `after` is none that a page of ours gave: follow its `next` link")
    return Ask(
        bounds=_bounds(given["bbox"]) if "bbox" in given else None,
        from_ms=from_ms,
        to_ms=to_ms,
        limit=_limit(given["limit"]) if "limit" in given else USUAL_LIMIT,
        after=after,
    )


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < 1:  # noqa: PLR2004 # no larger number is meant
        raise RecordError(f"limit `{text[:20]}` is not a whole number from 1")
    return min(int(text), MOST_LIMIT)


def _bounds(text: str) -> Bounds:
    parts = text[:_MOST_TEXT].split(",")
    try:
        edges = [float(part) for part in parts]
    except ValueError as error:
        raise RecordError(f"bbox `{text[:60]}` is not `west,south,east,north` in degrees") from error
    if len(edges) == _TALL:  # with heights, which a sea has none of
        edges = [*edges[:2], *edges[3:5]]
    if len(edges) != _FLAT or not all(map(math.isfinite, edges)):
        raise RecordError(f"bbox `{text[:60]}` is not `west,south,east,north` in degrees")
    west, south, east, north = edges
    if not -90 <= south <= north <= 90 or max(abs(west), abs(east)) > 180:  # noqa: PLR2004 # degrees
        raise RecordError(f"bbox `{text[:60]}` is no box of the earth: west, south, east, north in degrees")
    return Bounds(west, south, east, north)


def _span(text: str) -> tuple[int | None, int | None]:
    start, slash, end = text[:_MOST_TEXT].partition("/")
    if not slash:
        first, last = _instant(start)
        return first, last
    from_ms = None if start in ("", "..") else _instant(start)[0]
    to_ms = None if end in ("", "..") else _instant(end)[1]
    if from_ms is None and to_ms is None:
        return None, None
    if from_ms is not None and to_ms is not None and from_ms > to_ms:
        raise RecordError(f"datetime `{text[:60]}` ends before it begins")
    return from_ms, to_ms


def _instant(text: str) -> tuple[int, int]:
    """Return the first and last millisecond of an instant, or of a whole day."""
    try:
        found = datetime.fromisoformat(text.upper() if _INSTANT(text) else "")
        first = int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise RecordError(f"`{text[:40]}` is no instant of RFC 3339, such as `2026-09-14T06:30:00Z`") from error
    return first, first + (86_399_999 if len(text) == len("2026-09-14") else 0)


# --- documents --------------------------------------------------------------------------------------------------------------------


def _link(rel: str, href: str, kind: str, title: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "title": title, "type": kind}


def landing(base: str, title: str) -> dict[str, Any]:
    """Return the landing page; `base` is its own address without a slash at the end."""
    return {
        "title": title,
        "description": "What this node lets the plug's recipient have: vessels, tracks, events and areas.",
        "links": [
            _link("self", base, JSON, "this page"),
            _link("service-desc", f"{base}/api", OPENAPI, "the interface"),
            _link("conformance", f"{base}/conformance", JSON, "what it conforms to"),
            _link("data", f"{base}/collections", JSON, "its collections"),
        ],
    }


def collections(base: str, described: Sequence[Collection]) -> dict[str, Any]:
    """Return the list of collections."""
    return {
        "links": [_link("self", f"{base}/collections", JSON, "this list")],
        "collections": [collection(base, each) for each in described],
    }


def collection(base: str, described: Collection) -> dict[str, Any]:
    """Return one collection's description."""
    address = f"{base}/collections/{described.id}"
    return {
        "id": described.id,
        "title": described.title,
        "description": described.description,
        "itemType": "feature",
        "crs": [CRS84],
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]], "crs": CRS84},
            "temporal": {"interval": [[None, None]]},
        },
        "links": [
            _link("self", address, JSON, "this collection"),
            _link("items", f"{address}/items", GEOJSON, "its features"),
        ],
    }


def items(
    base: str, name: str, features: Sequence[Feature], *, asked: Sequence[tuple[str, str]], after: str, now_ms: int
) -> dict[str, Any]:
    """Return a page of features; `asked` are the parameters as they came, `after` where the next page goes on, or empty."""
    address = f"{base}/collections/{name}/items"
    kept = [(key, value) for key, value in asked if key != "after"]
    here = f"{address}?{urlencode(asked)}" if asked else address
    links = [
        _link("self", here, GEOJSON, "this page"),
        _link("collection", f"{base}/collections/{name}", JSON, "the collection"),
    ]
    if after:
        links.append(_link("next", f"{address}?{urlencode([*kept, ('after', after)])}", GEOJSON, "the next page"))
    return {
        "type": "FeatureCollection",
        "timeStamp": rfc3339(now_ms),
        "numberReturned": len(features),
        "features": [geojson(each) for each in features],
        "links": links,
    }


def item(base: str, name: str, feature: Feature) -> dict[str, Any]:
    """Return one feature with its links."""
    address = f"{base}/collections/{name}"
    links = [
        _link("self", f"{address}/items/{quote(feature.id, safe='')}", GEOJSON, "this feature"),
        _link("collection", address, JSON, "the collection"),
    ]
    return geojson(feature) | {"links": links}


def geojson(feature: Feature) -> dict[str, Any]:
    """Return a feature as GeoJSON."""
    return {"type": "Feature", "id": feature.id, "geometry": feature.geometry, "properties": feature.properties}


def point(lat_600000: int, lon_600000: int) -> dict[str, Any]:
    """Return a place in 1/600000 degree as a GeoJSON point."""
    return {"type": "Point", "coordinates": list(place(lat_600000, lon_600000))}


def place(lat_600000: int, lon_600000: int) -> tuple[float, float]:
    """Return longitude and latitude in degrees."""
    return round(lon_600000 / 600_000, 6), round(lat_600000 / 600_000, 6)


def box(bounds: Bounds) -> dict[str, Any]:
    """Return a box as GeoJSON; one that crosses 180 degrees is cut there (RFC 7946, 3.1.9)."""
    parts = [(bounds.west, bounds.east)]
    if bounds.west > bounds.east:
        parts = [(bounds.west, 180.0), (-180.0, bounds.east)]
    rings = [
        [[[west, bounds.south], [east, bounds.south], [east, bounds.north], [west, bounds.north], [west, bounds.south]]]
        for west, east in parts
    ]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def openapi(base: str, title: str, version: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the OpenAPI 3.0 document of the interface."""
    parameters: list[dict[str, Any]] = [
        _parameter("bbox", {"type": "string"}, "west,south,east,north in degrees; west beyond east crosses 180"),
        _parameter("datetime", {"type": "string"}, "an instant, or an interval such as 2026-09-14T00:00:00Z/.."),
        _parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MOST_LIMIT, "default": USUAL_LIMIT},
            "most features of a page",
        ),
        _parameter("after", {"type": "string"}, "where a page goes on; taken from a `next` link"),
    ]
    paths: dict[str, Any] = {
        "": _got("landing", "the landing page", JSON),
        "/api": _got("api", "this document", OPENAPI),
        "/conformance": _got("conformance", "what the interface conforms to", JSON),
        "/collections": _got("collections", "the collections", JSON),
    }
    for name in names:
        paths[f"/collections/{name}"] = _got(f"{name}.description", f"the collection {name}", JSON)
        paths[f"/collections/{name}/items"] = _got(f"{name}.items", f"features of {name}", GEOJSON, parameters)
        one = [
            {"name": "featureId", "in": "path", "required": True, "schema": {"type": "string"}},
        ]
        paths[f"/collections/{name}/items/{{featureId}}"] = _got(f"{name}.item", f"one of {name}", GEOJSON, one)
    return {
        "openapi": "3.0.3",
        "info": {"title": title, "version": version},
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": {path or "/": said for path, said in paths.items()},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _parameter(name: str, schema: dict[str, Any], said: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": said}


def _got(operation: str, said: str, kind: str, parameters: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    answers = {
        "200": {"description": said, "content": {kind: {"schema": {"type": "object"}}}},
        "400": {"description": "a parameter is unknown or says nothing"},
        "401": {"description": "the call carries no token that counts"},
        "403": {"description": "no plug stands for the token's officer"},
    }
    return {"get": {"operationId": operation, "summary": said, "parameters": list(parameters), "responses": answers}}
