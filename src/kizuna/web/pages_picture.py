"""The picture: vessels on a chart and in a list, what changes as it changes, and the dossier of one vessel.

A list that was cut says how many there were; what is cut last are alarms and own units. Vessels that a party told of whose records the officer may
not see are not there at all. Colours and symbols are the browser's (`web/src`).
"""

from __future__ import annotations

import asyncio
import contextlib
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
from litestar import MediaType, Response, get
from litestar.params import FromPath, FromQuery
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.operations import vessel_subject
from kizuna.domains.maritime.records import STATIC_FIELDS
from kizuna.kernel.journal import Db
from kizuna.node.picture import LivePicture, VesselRow
from kizuna.node.watch import Watch
from kizuna.storage.positions import Box
from kizuna.web import access, shown
from kizuna.web.access import OFFICERS
from kizuna.web.api_picture import MOST_VESSELS, box_of
from kizuna.web.bodies import Call
from kizuna.web.errors import NotHeldError
from kizuna.web.pages import HEADERS, Pages, Task, View, problem
from kizuna.web.stream import Hub, event

TASK = Task("/picture", "Picture", OFFICERS)
MARITIME = "maritime"
ALARM_MS = 24 * 3_600_000
"""An event of the last day makes its vessels stand out."""
LOST_MS = 20 * 60_000
MOVING_DKN = 5
MOST_EVENTS = 30
MOST_CHANGES = 1_000
_DEGREE = 600_000
_FILTERS = ("text", "origin", "kind", "state")
KINDS = ((range(70, 80), "cargo"), (range(80, 90), "tanker"), (range(60, 70), "passenger"), (range(30, 31), "fishing"))
"""Ship types by the first digit, ITU-R M.1371-5 table 53; 30 is fishing."""


class VesselShown(msgspec.Struct, frozen=True):
    """A vessel as the browser draws it; degrees, knots and metres, None where not known."""

    mmsi: int
    simulated: bool
    at_ms: int | None
    lat: float | None
    lon: float | None
    speed_kn: float | None
    course_deg: float | None
    heading_deg: int | None
    origin: str
    party: str
    name: str
    kind: str
    length_m: int | None
    alarm: bool


class PictureShown(msgspec.Struct, frozen=True):
    """Vessels in view: `shown` of `total` that pass the filter."""

    shown: int
    total: int
    now_ms: int
    vessels: tuple[VesselShown, ...]


class Wanted(msgspec.Struct, frozen=True):
    """The filter that list and map share; empty lets all pass."""

    text: str = ""
    origin: str = ""
    kind: str = ""
    state: str = ""


def kind_of(ship_type: object) -> str:
    """Return the kind of ship that a type number says."""
    return next((kind for numbers, kind in KINDS if ship_type in numbers), "other")


def origin_of(row: VesselRow, party: str) -> str:
    """Return `own`, `partner` or `fused`: by whom a vessel was told."""
    parties = {who.partition("/")[0] for who in row.told_by}
    return "own" if parties == {party} else "fused" if party in parties else "partner"


def vessel_shown(row: VesselRow, party: str, alarms: frozenset[int]) -> VesselShown:
    """Return a vessel as the browser draws it."""
    length = row.static.get("length_m")
    return VesselShown(
        mmsi=row.mmsi, simulated=row.simulated, at_ms=row.at_ms,
        lat=None if row.lat_600000 is None else round(row.lat_600000 / _DEGREE, 5),
        lon=None if row.lon_600000 is None else round(row.lon_600000 / _DEGREE, 5),
        speed_kn=None if row.speed_dkn is None else row.speed_dkn / 10,
        course_deg=None if row.course_ddeg is None else row.course_ddeg / 10,
        heading_deg=row.heading_deg, origin=origin_of(row, party), party=row.party, name=str(row.static.get("name", "")),
        kind=kind_of(row.static.get("ship_type")), length_m=length if isinstance(length, int) else None, alarm=row.mmsi in alarms,
    )  # fmt: skip


def state_of(vessel: VesselShown, now_ms: int) -> str:
    """Return `lost`, `active` or `sleeping`, as the browser judges it too."""
    if vessel.at_ms is None or now_ms - vessel.at_ms > LOST_MS:
        return "lost"
    return "active" if (vessel.speed_kn or 0) * 10 > MOVING_DKN else "sleeping"


def passes(vessel: VesselShown, wanted: Wanted, now_ms: int) -> bool:
    """Return whether a vessel passes the filter."""
    if wanted.origin and not (vessel.simulated if wanted.origin == "simulated" else vessel.origin == wanted.origin):
        return False
    if wanted.kind and vessel.kind != wanted.kind:
        return False
    if wanted.state and not (vessel.alarm if wanted.state == "alarm" else state_of(vessel, now_ms) == wanted.state):
        return False
    text = folded(wanted.text)
    return not text or text in str(vessel.mmsi) or text in folded(vessel.name)


def folded(text: str) -> str:
    """Return a text as it is compared: full-width digits and case make no difference."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def by_priority(vessels: Iterable[VesselShown], own_units: frozenset[int]) -> list[VesselShown]:
    """Return vessels in the order in which they are kept when there are too many: alarms, own units, then the newest."""
    return sorted(
        vessels, key=lambda vessel: (not vessel.alarm, vessel.mmsi not in own_units, -(vessel.at_ms or 0), vessel.mmsi)
    )


def view_box(south: float, west: float, north: float, east: float) -> Box | None:
    """Return the box of what a chart shows, in degrees; west beyond east crosses 180 degrees. None for the whole earth.

    Raises:
        RecordError: it is no box of the earth.
    """
    if west <= east:
        return box_of(south, west, north, east)
    left, right = box_of(south, west, north, 180), box_of(south, -180, north, east)
    return None if left is None or right is None else left._replace(east=right.east)


def alarmed(rows: Iterable[queries.EventRow], issuers: frozenset[str]) -> frozenset[int]:
    """Return the vessels that events of some parties speak of."""
    seen = [row for row in rows if row.party in issuers]
    return frozenset(mmsi for row in seen for mmsi in (row.mmsi, row.other_mmsi) if mmsi is not None)


class Sea:
    """What the pages of the sea stand on."""

    def __init__(self, pages: Pages, watch: Watch) -> None:
        self.pages = pages
        self.watch = watch
        self.picture: LivePicture = watch.picture
        self.changes = PageChanges(self)

    @property
    def party(self) -> str:
        """Whose picture it is."""
        return self.pages.office.node.identity.party

    def seen(self, rows: Sequence[VesselRow], issuers: frozenset[str]) -> list[VesselRow]:
        """Return the vessels, and of each the facts, that parties told whose records the officer may see."""
        return [row for row in (_of_parties(row, issuers) for row in rows) if row is not None]

    def shown(self, view: View, rows: Sequence[VesselRow]) -> list[VesselShown]:
        """Return vessels as the browser draws them, as far as the officer may see them."""
        issuers = view.sight.issuers({MARITIME})
        alarms = alarmed(self.events(), issuers)
        return [vessel_shown(row, self.party, alarms) for row in self.seen(rows, issuers)]

    def events(self) -> list[queries.EventRow]:
        """Return the events of the last day."""
        office = self.pages.office
        with office.node.store.view() as db:
            return queries.events(db, since_ms=office.clock.now_ms() - ALARM_MS)


def _of_parties(row: VesselRow, issuers: frozenset[str]) -> VesselRow | None:
    told = tuple(who for who in row.told_by if who.partition("/")[0] in issuers)
    if len(told) == len(row.told_by):
        return row
    if row.party not in issuers:
        return None
    static = {name: value for name, value in row.static.items() if row.static_by[name].partition("/")[0] in issuers}
    return msgspec.structs.replace(
        row, told_by=told, static=static, static_by={name: row.static_by[name] for name in static}
    )


class PageChanges:
    """Tells browsers which vessels have changed: one hub for each set of parties whose records an officer may see."""

    def __init__(self, sea: Sea) -> None:
        self._sea = sea
        self._hubs: dict[frozenset[str], Hub] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        sea.picture.listen(self.tell)

    def hub(self, issuers: frozenset[str], node: Hub) -> Hub:
        """Return the hub for who may see these parties' records; the node's own hub ends it."""
        self._loop = asyncio.get_running_loop()
        found = self._hubs.get(issuers)
        if found is None:
            found = self._hubs[issuers] = Hub()
            node.begin(found)
        return found

    def tell(self, rows: list[VesselRow]) -> None:
        """Tell of changed vessels; called on the picture's thread, returns at once."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        hubs = [(issuers, hub) for issuers, hub in list(self._hubs.items()) if hub.heard]
        events = self._sea.events() if hubs else []
        for issuers, hub in hubs:
            alarms = alarmed(events, issuers)
            seen = self._sea.seen(rows[:MOST_CHANGES], issuers)
            data = msgspec.json.encode({"vessels": [vessel_shown(row, self._sea.party, alarms) for row in seen]})
            loop.call_soon_threadsafe(hub.publish, b"event: vessels\ndata: %s\n\n" % data)


def picture_pages(
    pages: Pages, watch: Watch, *, own_units: frozenset[int] = frozenset()
) -> list[ControllerRouterHandler]:
    """Return the routes of the picture and of dossiers."""
    sea = Sea(pages, watch)
    return [*_chart(sea, own_units), _stream(sea), *_dossier(sea)]


def _chart(sea: Sea, own_units: frozenset[int]) -> list[ControllerRouterHandler]:
    pages = sea.pages
    options: dict[str, Any] = {
        "opt": access.page(OFFICERS), "include_in_schema": False, "exception_handlers": problem(pages), "sync_to_thread": True,
    }  # fmt: skip

    @get("/picture", **options)
    def chart(request: Call) -> Response[str]:
        view = pages.view(request)
        wanted = {name: request.query_params.get(name, "") for name in _FILTERS}
        issuers = view.sight.issuers({MARITIME})
        with view.office.node.store.view() as db:
            newest = queries.events(db, limit=MOST_EVENTS)
        events = [row for row in newest if view.sight.record(row.record_id)]
        feeds = [row for row in sea.picture.feeds() if row.party in issuers]
        return view.page("picture.html", script="map", wanted=wanted, events=events, feeds=feeds, place=shown.place)

    @get("/picture/vessels", **options)
    def vessels(  # a box has four edges, a filter four parts
        request: Call,
        south: FromQuery[float] = -90,
        west: FromQuery[float] = -180,
        north: FromQuery[float] = 90,
        east: FromQuery[float] = 180,
    ) -> Response[bytes]:
        view = pages.view(request)
        wanted = Wanted(**{name: request.query_params.get(name, "")[:100] for name in _FILTERS})
        rows, _ = sea.picture.vessels(view_box(south, west, north, east))
        found = [vessel for vessel in sea.shown(view, rows) if passes(vessel, wanted, view.now_ms)]
        cut = tuple(by_priority(found, own_units)[:MOST_VESSELS])
        answer = PictureShown(len(cut), len(found), view.now_ms, cut)
        return Response(msgspec.json.encode(answer), media_type=MediaType.JSON, headers=HEADERS)

    @get("/picture/contact", **options)
    def contact(request: Call, mmsi: FromQuery[int], simulated: FromQuery[bool] = False) -> Response[str]:  # noqa: FBT002 # a query parameter
        view = pages.view(request)
        row = _vessel(sea, view, mmsi, simulated=simulated)
        return view.part("contact.html", vessel=row, place=shown.place, kind=kind_of(row.static.get("ship_type")))

    return [chart, vessels, contact]


def _vessel(sea: Sea, view: View, mmsi: int, *, simulated: bool) -> VesselRow:
    found = sea.picture.vessel(mmsi, simulated=simulated)
    seen = sea.seen([found], view.sight.issuers({MARITIME})) if found is not None else []
    if not seen:
        raise NotHeldError("nothing is known of this vessel")
    return seen[0]


def _stream(sea: Sea) -> ControllerRouterHandler:
    pages = sea.pages

    @get("/picture/stream", opt=access.page(OFFICERS), include_in_schema=False, exception_handlers=problem(pages))
    async def stream(request: Call) -> Stream:
        view = pages.view(request)
        issuers = await asyncio.to_thread(view.sight.issuers, {MARITIME})
        hub = sea.changes.hub(issuers, view.office.hub)
        heard = hub.listen(event("picture", {"now_ms": view.now_ms}))
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return Stream(_while_signed_in(request, view, heard), media_type="text/event-stream", headers=headers)

    return stream


async def _while_signed_in(request: Call, view: View, heard: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Yield what is heard until the session ends: who is signed out hears nothing more."""
    held: str = request.cookies.get(view.office.cookie, "")
    async with contextlib.aclosing(heard) as events:
        async for data in events:
            if not view.office.sessions.holds(held, view.now_ms):
                return
            yield data


# --- one vessel -------------------------------------------------------------------------------------------------------------------


class Told(msgspec.Struct, frozen=True):
    """What one party's newest report says a vessel is."""

    party: str
    source: str
    at_ms: int
    record: str
    facts: dict[str, int | str]


class Went(msgspec.Struct, frozen=True):
    """A record about the vessel that was released: to which channel, and whether it is receipted."""

    record: str
    type: str
    channel: str
    receipted: bool


def _dossier(sea: Sea) -> list[ControllerRouterHandler]:
    pages = sea.pages

    @get(
        "/vessels/{mmsi:int}", opt=access.page(OFFICERS), include_in_schema=False, exception_handlers=problem(pages),
        sync_to_thread=True,
    )  # fmt: skip
    def dossier(request: Call, mmsi: FromPath[int]) -> Response[str]:
        view = pages.view(request)
        asked = request.query_params.get("simulated")
        simulated = asked == "true" or (asked is None and sea.picture.vessel(mmsi) is None)
        row = _vessel(sea, view, mmsi, simulated=simulated)
        issuers = view.sight.issuers({MARITIME})
        with view.office.node.store.view() as db:
            told = [each for each in told_of(db, mmsi, simulated=simulated) if view.sight.record(each.record)]
            events = [each for each in events_of(db, mmsi) if view.sight.record(each.record_id)]
            went = [each for each in released_of(db, mmsi) if view.sight.record(each.record)]
        track = sea.picture.track(mmsi, issuers, simulated=simulated)
        return view.page(
            "dossier.html", vessel=row, told=told, events=events, went=went, track=track, place=shown.place,
            origin=origin_of(row, sea.party), kind=kind_of(row.static.get("ship_type")),
        )  # fmt: skip

    return [dossier]


def told_of(db: Db, mmsi: int, *, simulated: bool) -> list[Told]:
    """Return what each party says that a vessel is."""
    names = STATIC_FIELDS
    rows = db.execute(
        f"SELECT party, source, reported_at_ms, record_id, {', '.join(names)} FROM maritime_static"
        " WHERE mmsi = ? AND simulated = ? AND exercise = '' ORDER BY party",
        (mmsi, int(simulated)),
    )
    return [
        Told(
            party,
            source or "",
            at_ms,
            record,
            {name: value for name, value in zip(names, values, strict=True) if value is not None},
        )
        for party, source, at_ms, record, *values in rows
    ]


def events_of(db: Db, mmsi: int) -> list[queries.EventRow]:
    """Return the newest events of a vessel."""
    return [row for row in queries.events(db) if mmsi in (row.mmsi, row.other_mmsi)][:MOST_EVENTS]


def released_of(db: Db, mmsi: int) -> list[Went]:
    """Return the newest records about a vessel that went into a channel; its positions go in batches of many vessels and are not among them."""
    rows = db.execute(
        "SELECT l.record_id, l.type, l.channel, CASE WHEN l.epoch = c.epoch AND l.idx < c.receipted THEN 1 ELSE 0 END"
        " FROM record r JOIN leaf_out l ON l.record_id = r.id JOIN channel_out c ON c.channel = l.channel"
        " WHERE r.subject = ? AND r.own = 1 ORDER BY l.seq DESC LIMIT ?",
        (vessel_subject(mmsi), MOST_EVENTS),
    )
    return [Went(record, type_, channel, bool(receipted)) for record, type_, channel, receipted in rows]
