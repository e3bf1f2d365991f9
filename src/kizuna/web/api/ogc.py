"""OGC API - Features over what a plug may have: a GIS reads vessels, tracks, events and areas of this node.

Each call carries the token of the officer for whom a plug of kind `ogc` stands; every record is decided at the call. The documents are made by
`kizuna.formats.ogc_features`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

import kizuna
from kizuna.errors import RecordError
from kizuna.formats import ogc_features as ogc
from kizuna.formats.instants import rfc3339
from kizuna.formats.ogc_features import Ask, Collection, Feature
from kizuna.node.plugs.plugging import Plug, Plugging
from kizuna.node.plugs.showing import Positions, Seen, Seens, Showing
from kizuna.web import access
from kizuna.web.access import EVERYONE, Office, OfficeDependency, caller
from kizuna.web.bodies import Call
from kizuna.web.errors import NotHeldError, NotYourRoleError

PATH = "/ogc"
COLLECTIONS = (
    Collection("vessels", "Vessels", "The last position that may be had of each vessel, and what it says of itself."),
    Collection("tracks", "Tracks", "Where each vessel was within the last day, as far as that may be had."),
    Collection("events", "Events", "Gaps, encounters, entries into waters and other findings, newest first."),
    Collection("areas", "Areas", "Waters that this node's officers watch."),
)
_HOST = re.compile(r"[A-Za-z0-9.\[\]:-]{1,255}").fullmatch
_LINE = 2
_TENTHS = {"speed_dkn": "speed_kn", "course_ddeg": "course_deg", "draught_dm": "draught_m"}
_PLACES = ("lat_600000", "lon_600000")
_INSTANTS = {"time_ms": "time", "from_ms": "from", "to_ms": "to", "reported_at_ms": "reported_at"}


def plug_of(plugging: Plugging, kind: str, request: Call) -> Plug:
    """Return the plug that a call's token stands for.

    Raises:
        NotYourRoleError: none does.
    """
    officer = caller(request).id
    plug = plugging.asked_by(kind, officer)
    if plug is None:
        raise NotYourRoleError(f"no plug of kind `{kind}` stands for officer `{officer}`: an administrator sets one")
    return plug


def base_of(office: Office, request: Call) -> str:
    """Return the address under which the caller reaches this node, without a slash at the end.

    Raises:
        RecordError: the call names no host.
    """
    if office.address:
        return office.address
    host = request.headers.get("host", "")
    if not _HOST(host):
        raise RecordError("the call names no host")
    return f"http://{host}"


def answer(value: Any, kind: str = ogc.JSON) -> Response[bytes]:
    """Return an answer of JSON, under the media type that its readers look for."""
    return Response(msgspec.json.encode(value), media_type=kind)


def properties(seen: Seen) -> dict[str, Any]:
    """Return what is shown in the units that people expect, each named; places stand in the geometry."""
    out: dict[str, Any] = {}
    for name, value in sorted(seen.facts.items()):
        if name in _TENTHS and isinstance(value, int):
            out[_TENTHS[name]] = value / 10
        elif name in _INSTANTS and isinstance(value, int):
            out[_INSTANTS[name]] = rfc3339(value)
        elif name not in _PLACES and value is not None:
            out[name] = value
    return out | {"marking": seen.marking, "told_by": list(seen.told_by)}


def _vessel(seen: Seen) -> Feature:
    return Feature(seen.id, ogc.point(seen.facts["lat_600000"], seen.facts["lon_600000"]), properties(seen))


def _track(seen: Seen) -> Feature:
    spots = [[lon, lat] for _, lon, lat in seen.places]
    line = {"type": "LineString", "coordinates": spots}
    times = [rfc3339(at_ms) for at_ms, _, _ in seen.places]
    said = properties(seen) | {"from": times[0], "to": times[-1], "times": times}
    return Feature(seen.id, line if len(spots) >= _LINE else {"type": "Point", "coordinates": spots[0]}, said)


def _event(seen: Seen) -> Feature:
    lat, lon = seen.facts.get("lat_600000"), seen.facts.get("lon_600000")
    spot = ogc.point(lat, lon) if isinstance(lat, int) and isinstance(lon, int) else None
    return Feature(seen.id, spot, properties(seen))


def _area(seen: Seen) -> Feature:
    edges = (float(seen.facts[name]) for name in ("west", "south", "east", "north"))
    said = {"marking": seen.marking, "name": seen.facts["name"], "told_by": list(seen.told_by)}
    return Feature(seen.id, ogc.box(ogc.Bounds(*edges)), said)


_FORMS = {"vessels": _vessel, "tracks": _track, "events": _event, "areas": _area}


def _found(showing: Showing, plug: Plug, name: str, ask: Ask, now_ms: int) -> Seens:
    held = plug.positions or Positions()
    match name:
        case "vessels":
            return showing.vessels(plug.gate, held, ask, now_ms, plug.count)
        case "tracks":
            return showing.tracks(plug.gate, held, ask, now_ms, plug.count)
        case "events":
            return showing.events(plug.gate, ask, now_ms, plug.count)
        case "areas":
            return showing.waters(plug.gate, ask)
        case _:
            raise NotHeldError("there is no such collection")


def _one(showing: Showing, plug: Plug, name: str, feature_id: str, now_ms: int) -> Seen:
    if name == "events":
        seen = showing.event(plug.gate, feature_id, now_ms, plug.count)
    else:
        before = f"{int(feature_id) - 1}" if feature_id.isascii() and feature_id.isdecimal() else ""
        ask = Ask(limit=ogc.MOST_LIMIT) if name == "areas" else Ask(limit=1, after=before)
        found = _found(showing, plug, name, ask, now_ms).found if before or name == "areas" else ()
        seen = next((each for each in found if each.id == feature_id), None)
    if seen is None:
        raise NotHeldError("there is no such feature")
    return seen


def ogc_routes(plugging: Plugging, showing: Showing) -> Sequence[ControllerRouterHandler]:
    """Return the routes of the interface."""
    return [*_described(plugging), *_features(plugging, showing)]


def _described(plugging: Plugging) -> Sequence[ControllerRouterHandler]:
    @get(PATH, opt=access.opt(EVERYONE), sync_to_thread=True)
    def landing(office: OfficeDependency, request: Call) -> Response[bytes]:
        """Return the landing page of OGC API - Features."""
        plug_of(plugging, "ogc", request)
        return answer(ogc.landing(base_of(office, request) + PATH, f"Kizuna {office.node.identity.node}"))

    @get(f"{PATH}/api", opt=access.opt(EVERYONE), sync_to_thread=True)
    def api(office: OfficeDependency, request: Call) -> Response[bytes]:
        """Return the OpenAPI document of OGC API - Features."""
        plug_of(plugging, "ogc", request)
        names = [each.id for each in COLLECTIONS]
        title = f"Kizuna {office.node.identity.node}"
        return answer(ogc.openapi(base_of(office, request) + PATH, title, kizuna.__version__, names), ogc.OPENAPI)

    @get(f"{PATH}/conformance", opt=access.opt(EVERYONE), sync_to_thread=True)
    def conformance(request: Call) -> Response[bytes]:
        """Return to what OGC API - Features conforms here."""
        plug_of(plugging, "ogc", request)
        return answer({"conformsTo": ogc.CONFORMS})

    @get(f"{PATH}/collections", opt=access.opt(EVERYONE), sync_to_thread=True)
    def collections(office: OfficeDependency, request: Call) -> Response[bytes]:
        """Return the collections of features."""
        plug_of(plugging, "ogc", request)
        return answer(ogc.collections(base_of(office, request) + PATH, COLLECTIONS))

    @get(f"{PATH}/collections/{{name:str}}", opt=access.opt(EVERYONE), sync_to_thread=True)
    def collection(office: OfficeDependency, request: Call, name: FromPath[str]) -> Response[bytes]:
        """Return one collection of features."""
        plug_of(plugging, "ogc", request)
        found = next((each for each in COLLECTIONS if each.id == name), None)
        if found is None:
            raise NotHeldError("there is no such collection")
        return answer(ogc.collection(base_of(office, request) + PATH, found))

    return [landing, api, conformance, collections, collection]


def _features(plugging: Plugging, showing: Showing) -> Sequence[ControllerRouterHandler]:
    @get(f"{PATH}/collections/{{name:str}}/items", opt=access.opt(EVERYONE), sync_to_thread=True)
    def items(office: OfficeDependency, request: Call, name: FromPath[str]) -> Response[bytes]:
        """Return a page of features; `bbox`, `datetime` and `limit` choose, the `next` link goes on."""
        plug = plug_of(plugging, "ogc", request)
        asked = [(str(key), str(value)) for key, value in request.query_params.multi_items()]
        now_ms = office.clock.now_ms()
        found = _found(showing, plug, name, ogc.read_ask(asked), now_ms)
        features = [_FORMS[name](seen) for seen in found.found]
        base = base_of(office, request) + PATH
        return answer(ogc.items(base, name, features, asked=asked, after=found.after, now_ms=now_ms), ogc.GEOJSON)

    @get(f"{PATH}/collections/{{name:str}}/items/{{feature_id:str}}", opt=access.opt(EVERYONE), sync_to_thread=True)
    def item(
        office: OfficeDependency, request: Call, name: FromPath[str], feature_id: FromPath[str]
    ) -> Response[bytes]:
        """Return one feature."""
        plug = plug_of(plugging, "ogc", request)
        seen = _one(showing, plug, name, feature_id, office.clock.now_ms())
        return answer(ogc.item(base_of(office, request) + PATH, name, _FORMS[name](seen)), ogc.GEOJSON)

    return [items, item]
