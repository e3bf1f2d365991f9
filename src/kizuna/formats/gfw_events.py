"""Events in the shape of Global Fishing Watch's Events API, version 3: a query in, entries out, so that its clients read ours.

Kinds that its vocabulary has no word for are not told here. What we do not know, such as distances to shore, stays null rather than guessed; a filter
that we cannot apply is refused rather than passed over. Which events a caller may have is decided elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NoReturn

import msgspec

from kizuna.errors import RecordError
from kizuna.formats.instants import rfc3339

KINDS = {
    "encounter": "ENCOUNTER",
    "gap": "GAP",
    "disabling-suspected": "GAP",
    "loitering": "LOITERING",
    "port-visit": "PORT_VISIT",
}
"""Our kinds of event, and their types."""
DATASETS = {
    "public-global-encounters-events": "ENCOUNTER",
    "public-global-gaps-events": "GAP",
    "public-global-loitering-events": "LOITERING",
    "public-global-port-visits-events": "PORT_VISIT",
}
_UNHEARD = {"public-global-fishing-events": "FISHING"}
USUAL_LIMIT, MOST_LIMIT, MOST_OFFSET = 1_000, 5_000, 10_000
_MOST_BODY = 1 << 20
_MOST_NAMED = 1_000
_MOST_CORNERS = 10_000
_RING = 4
_AXES = (2, 3)
_FARTHEST = 180
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch
_LISTED = re.compile(r"(vessels|types|datasets)\[(\d{1,4})\]", re.ASCII).fullmatch
_HOUR_MS = 3_600_000
_DEGREE = 600_000


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; empty sets and None leave a thing open."""

    vessels: frozenset[int] = frozenset()
    types: frozenset[str] = frozenset()
    from_ms: int | None = None
    to_ms: int | None = None
    """Exclusive."""
    rings: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Closed rings of longitude and latitude; a place lies in the region that crosses an odd number of them."""
    limit: int = USUAL_LIMIT
    offset: int = 0

    def wants(self, facts: dict[str, Any]) -> bool:
        """Return whether an event with these facts is asked for; what it does not tell does not meet a filter."""
        kind = KINDS.get(str(facts.get("kind")))
        if kind is None or (self.types and kind not in self.types):
            return False
        if self.vessels and self.vessels.isdisjoint(
            mmsi for name in ("mmsi", "other_mmsi") if isinstance(mmsi := facts.get(name), int)
        ):
            return False
        from_ms, to_ms = facts.get("from_ms"), facts.get("to_ms")
        if self.to_ms is not None and not (isinstance(from_ms, int) and from_ms < self.to_ms):
            return False
        if self.from_ms is not None and isinstance(to_ms, int) and to_ms < self.from_ms:
            return False
        return not self.rings or self._holds(facts)

    def _holds(self, facts: dict[str, Any]) -> bool:
        lat, lon = facts.get("lat_600000"), facts.get("lon_600000")
        if not isinstance(lat, int) or not isinstance(lon, int):
            return False
        x, y, inside = lon / _DEGREE, lat / _DEGREE, False
        for ring in self.rings:
            for (x_a, y_a), (x_b, y_b) in pairwise(ring):
                if (y_a > y) != (y_b > y) and x < (x_b - x_a) * (y - y_a) / (y_b - y_a) + x_a:
                    inside = not inside
        return inside


class _Geometry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    coordinates: Any


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    datasets: tuple[str, ...] | None = None
    vessels: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    start_date: str | None = None
    end_date: str | None = None
    geometry: _Geometry | None = None


def read_query(pairs: Iterable[tuple[str, str]]) -> Asked:
    """Return what the query of an address asks for: `types[0]`, `vessels[0]`, `datasets[0]`, `start-date`, `end-date`, `limit`, `offset`.

    Raises:
        RecordError: a parameter is unknown, stands twice, or does not say what it should.
    """
    lists: dict[str, list[str]] = {"vessels": [], "types": [], "datasets": []}
    single: dict[str, str] = {}
    for name, text in pairs:
        listed = _LISTED(name)
        if listed:
            lists[listed[1]].append(text)
        elif name in {"start-date", "end-date", "limit", "offset", "sort"} and name not in single:
            single[name] = text
        else:
            raise RecordError(f"parameter `{name[:40]}` is unknown or stands twice")
    if single.get("sort", "-start") != "-start":
        raise RecordError("events come newest first: ask for no other order")
    body = _Body(
        datasets=tuple(lists["datasets"]),
        vessels=tuple(lists["vessels"]),
        types=tuple(lists["types"]),
        start_date=single.get("start-date"),
        end_date=single.get("end-date"),
    )
    return _asked(body, single)


def read_body(data: bytes, pairs: Iterable[tuple[str, str]]) -> Asked:
    """Return what a posted query asks for; `limit` and `offset` stand in its address.

    Raises:
        RecordError: it is not JSON of this form, says a thing twice, or names a filter that is not applied here.
    """
    if len(data) > _MOST_BODY:
        raise RecordError("the query is longer than a mebibyte")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
        body = msgspec.convert(value, _Body, strict=True)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(f"the query is not what this call takes: {str(error)[:200]}") from error
    single: dict[str, str] = {}
    for name, text in pairs:
        if name not in {"limit", "offset", "sort"} or name in single:
            raise RecordError(f"parameter `{name[:40]}` is unknown or stands twice")
        single[name] = text
    return _asked(body, single)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RecordError("the query holds a key twice: say each thing once")
    return found


def _no_number(text: str) -> NoReturn:
    raise RecordError(f"the query holds `{text[:20]}`, which is no number")


def _asked(body: _Body, single: dict[str, str]) -> Asked:
    named = {"datasets": body.datasets or (), "types": body.types or (), "vessels": body.vessels or ()}
    if max(map(len, named.values())) > _MOST_NAMED:
        raise RecordError(f"a list names more than `{_MOST_NAMED}`: ask several times")
    known = DATASETS | _UNHEARD
    sets = [name.partition(":")[0] for name in named["datasets"]]
    strange = [name for name in sets if name not in known]
    strange += [name for name in named["types"] if name not in {*known.values(), "PORT", "GAP_START"}]
    if strange:
        raise RecordError(f"dataset or type `{strange[0][:60]}` is not one of this interface's")
    types = frozenset("PORT_VISIT" if name == "PORT" else name for name in named["types"])
    of_sets = frozenset(known[name] for name in sets)
    both = types & of_sets if types and of_sets else types | of_sets
    if types and of_sets and not both:
        raise RecordError("no type that is asked for stands in a dataset that is: they exclude each other")
    return Asked(
        vessels=frozenset(_mmsi(name) for name in named["vessels"]),
        types=both,
        from_ms=None if body.start_date is None else _day_ms(body.start_date),
        to_ms=None if body.end_date is None else _day_ms(body.end_date),
        rings=() if body.geometry is None else _rings(body.geometry),
        limit=min(_count(single.get("limit", ""), USUAL_LIMIT), MOST_LIMIT),
        offset=min(_count(single.get("offset", ""), 0), MOST_OFFSET),
    )


def _count(text: str, usual: int) -> int:
    if not text:
        return usual
    if not text.isascii() or not text.isdecimal() or len(text) > 9:  # noqa: PLR2004 # no larger number is meant
        raise RecordError(f"`{text[:20]}` is not a whole number")
    return int(text)


def _mmsi(name: str) -> int:
    digits = name.removeprefix("mmsi:")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:  # noqa: PLR2004 # the digits of an MMSI
        raise RecordError(f"vessel `{name[:40]}` is not `mmsi:` and up to nine digits, as entries name it")
    return int(digits)


def _day_ms(text: str) -> int:
    try:
        found = datetime.strptime(text if _DAY(text) else "", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise RecordError(f"`{text[:40]}` is no day as `YYYY-MM-DD`") from error
    return int(found.timestamp()) * 1000


def _rings(geometry: _Geometry) -> tuple[tuple[tuple[float, float], ...], ...]:
    parts = {"Polygon": [geometry.coordinates], "MultiPolygon": geometry.coordinates}.get(geometry.type)
    try:
        rings = [[_corner(corner) for corner in ring] for part in parts or () for ring in part]
    except TypeError as error:
        raise RecordError("the region's coordinates are not rings of corners") from error
    if not rings or sum(map(len, rings)) > _MOST_CORNERS or any(len(ring) < _RING for ring in rings):
        raise RecordError("the region is no polygon of closed rings with at least four corners each")
    return tuple((*ring, ring[0]) if ring[0] != ring[-1] else tuple(ring) for ring in rings)


def _corner(corner: Any) -> tuple[float, float]:
    place = [edge for edge in corner if isinstance(edge, int | float) and not isinstance(edge, bool)]
    if len(place) != len(corner) or len(place) not in _AXES or not all(abs(edge) <= _FARTHEST for edge in place[:2]):
        raise RecordError("a corner of the region is not longitude and latitude in degrees")
    return float(place[0]), float(place[1])


# --- entries ----------------------------------------------------------------------------------------------------------------------


def entry(event_id: str, facts: dict[str, Any], marking: str, told_by: Sequence[str]) -> dict[str, Any]:
    """Return one event as an entry; `marking` and `toldBy` are ours, beside the names that clients know."""
    lat, lon = (facts.get(name) for name in ("lat_600000", "lon_600000"))
    spot = (
        {"lat": round(lat / _DEGREE, 6), "lon": round(lon / _DEGREE, 6)}
        if isinstance(lat, int) and isinstance(lon, int)
        else None
    )
    kind = str(facts.get("kind"))
    from_ms, to_ms = (facts.get(name) for name in ("from_ms", "to_ms"))
    hours = (to_ms - from_ms) / _HOUR_MS if isinstance(from_ms, int) and isinstance(to_ms, int) else None
    made: dict[str, Any] = {
        "id": event_id,
        "type": KINDS[kind],
        "start": _instant(from_ms),
        "end": _instant(to_ms),
        "position": spot,
        "boundingBox": None if spot is None else [spot["lon"], spot["lat"], spot["lon"], spot["lat"]],
        "regions": {},
        "distances": {},
        "vessel": _vessel(facts.get("mmsi")),
        "marking": marking,
        "toldBy": list(told_by),
    }
    match KINDS[kind]:
        case "ENCOUNTER":
            made["encounter"] = {"vessel": _vessel(facts.get("other_mmsi"))}
        case "GAP":
            suspected = True if kind == "disabling-suspected" else None
            made["gap"] = {"intentionalDisabling": suspected, "durationHours": hours, "offPosition": spot}
        case "LOITERING":
            made["loitering"] = {"totalTimeHours": hours}
        case _:
            made["portVisit"] = {"visitId": event_id, "durationHrs": hours}
    return made


def _vessel(mmsi: Any) -> dict[str, Any] | None:
    return {"id": f"mmsi:{mmsi:09}", "ssvid": f"{mmsi:09}"} if isinstance(mmsi, int) else None


def _instant(at_ms: Any) -> str | None:
    return rfc3339(at_ms) if isinstance(at_ms, int) else None


def listed(entries: Sequence[dict[str, Any]], asked: Asked) -> dict[str, Any]:
    """Return the page that is asked for of all entries that may be had."""
    page = list(entries[asked.offset : asked.offset + asked.limit])
    following = asked.offset + len(page)
    return {
        "metadata": {},
        "limit": asked.limit,
        "offset": asked.offset,
        "nextOffset": following if following < len(entries) else None,
        "total": len(entries),
        "entries": page,
    }
