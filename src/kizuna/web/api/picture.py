"""Routes of the maritime picture: vessels, events, feeds, and what changes as it changes.

The picture is `kizuna.node.maritime.picture`'s; every row says who told it and whether it is simulated. A list that was cut says how many there were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from litestar import get
from litestar.params import FromPath, FromQuery
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from kizuna.domains.maritime import queries
from kizuna.errors import RecordError
from kizuna.node.held import noting
from kizuna.node.maritime.intake import FeedStatus
from kizuna.node.maritime.picture import LivePicture
from kizuna.node.maritime.vessel_rows import VesselRow
from kizuna.node.maritime.watch import Watch
from kizuna.storage.positions import Box
from kizuna.web import access
from kizuna.web.access import EVERYONE, Office, OfficeDependency
from kizuna.web.bodies import Call
from kizuna.web.errors import NotHeldError
from kizuna.web.stream import Hub, event

MOST_VESSELS = 5_000
MOST_EVENTS = 1_000
MOST_CHANGES = 500
"""Vessels told in one event of the stream; of more than that only the count is told."""
_DEGREE = 600_000


class EventShown(queries.EventRow, frozen=True):
    """An event, and what has become of its record: empty, `superseded`, `retract`, `recall` or `destroy`."""

    standing: str = ""


class Vessels(msgspec.Struct, frozen=True):
    """Vessels of the picture: `shown` of `total`."""

    shown: int
    total: int
    vessels: tuple[VesselRow, ...]


class Latency(msgspec.Struct, frozen=True):
    """How long partners' live positions took from their receiver to this picture, milliseconds; None where there were none."""

    positions: int
    p50_ms: int | None
    p99_ms: int | None


class Intake(msgspec.Struct, frozen=True):
    """What this node's own feeds have brought since it started, and why those that stopped by themselves did."""

    feeds: tuple[FeedStatus, ...]
    faults: dict[str, str]


def latency_of(latencies_ms: Sequence[int]) -> Latency:
    """Return median and 99th percentile, each the value that this share of positions does not exceed."""
    ordered = sorted(latencies_ms)
    if not ordered:
        return Latency(0, None, None)
    last = len(ordered) - 1
    return Latency(len(ordered), ordered[last * 50 // 100], ordered[last * 99 // 100])


def box_of(south: float, west: float, north: float, east: float) -> Box | None:
    """Return the box in 1/600000 degree, None for the whole earth.

    Raises:
        RecordError: it is no box of the earth.
    """
    if not -90 <= south <= north <= 90 or not -180 <= west <= east <= 180:  # noqa: PLR2004 # degrees
        raise RecordError(
            f"`{south},{west},{north},{east}` is no box of the earth: give south, west, north, east in degrees"
        )
    if (south, west, north, east) == (-90, -180, 90, 180):
        return None
    edges = (round(edge * _DEGREE) for edge in (south, west, north, east))
    return Box(*edges)


class Changes:
    """Tells listeners of the stream which vessels have changed."""

    def __init__(self, picture: LivePicture) -> None:
        self.hub = Hub()
        self._attached = False
        self._loop: asyncio.AbstractEventLoop | None = None
        picture.listen(self.tell, lambda: self.hub.heard)

    def attach(self, node: Hub) -> None:
        """Begin, in the running event loop, with the first listener; ends with the node's own hub."""
        if not self._attached:
            self._attached = True
            self._loop = asyncio.get_running_loop()
            node.begin(self.hub)

    def tell(self, rows: list[VesselRow]) -> None:
        """Tell of changed vessels; called on the picture's thread, returns at once."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        shown = [msgspec.to_builtins(row) for row in rows[:MOST_CHANGES]]
        data = event("vessels", {"changed": len(rows), "vessels": shown})
        loop.call_soon_threadsafe(self.hub.publish, data)


def picture_routes(watch: Watch) -> list[ControllerRouterHandler]:
    """Return the routes over a node's watch."""
    return [*_reads(watch), *_figures(watch), *_stream(watch.picture)]


def _reads(watch: Watch) -> list[ControllerRouterHandler]:
    def seen(office: Office, request: Call) -> LivePicture:
        request.state.node = access.node_of(
            office, request
        )  # an extract that is made anew stays for the time of the answer
        return watch.picture.of(request.state.node.store)

    @get("/api/v1/picture", opt=access.opt(EVERYONE), sync_to_thread=True)
    def vessels(
        office: OfficeDependency,
        request: Call,
        south: FromQuery[float] = -90,
        west: FromQuery[float] = -180,
        north: FromQuery[float] = 90,
        east: FromQuery[float] = 180,
        limit: FromQuery[int] = MOST_VESSELS,
    ) -> Vessels:
        """Return the vessels in a box of degrees, by MMSI; `limit` cuts the list, `total` says how many there are."""
        rows, total = seen(office, request).vessels(box_of(south, west, north, east), max(0, min(limit, MOST_VESSELS)))
        return Vessels(len(rows), total, tuple(rows))

    @get("/api/v1/vessels/{mmsi:int}", opt=access.opt(EVERYONE), sync_to_thread=True)
    def vessel(
        office: OfficeDependency,
        request: Call,
        mmsi: FromPath[int],
        simulated: FromQuery[bool] = False,  # noqa: FBT002 # a query parameter
    ) -> VesselRow:
        """Return one vessel, with who told what."""
        found = seen(office, request).vessel(mmsi, simulated=simulated)
        if found is None:
            raise NotHeldError("nothing is known of this vessel")
        return found

    @get("/api/v1/events", opt=access.opt(EVERYONE), sync_to_thread=True)
    def events(
        office: OfficeDependency, request: Call, since_ms: FromQuery[int] = 0, limit: FromQuery[int] = 100
    ) -> Sequence[EventShown]:
        """Return events, own and partners', newest first, also those that late input changed or refuted, with what has become of each."""
        with access.node_of(office, request).store.view() as db:
            rows = queries.events(db, since_ms=since_ms, limit=max(1, min(limit, MOST_EVENTS)), standing=False)
            became = noting.standings(db, [row.record_id for row in rows])
        return [EventShown(**msgspec.structs.asdict(row), standing=became.get(row.record_id, "")) for row in rows]

    @get("/api/v1/feeds", opt=access.opt(EVERYONE), sync_to_thread=True)
    def feeds(office: OfficeDependency, request: Call) -> Sequence[queries.FeedRow]:
        """Return the state of every feed, own and partners': where one is silent the sea is unknown, not empty."""
        return seen(office, request).feeds()

    return [vessels, vessel, events, feeds]


def _figures(watch: Watch) -> list[ControllerRouterHandler]:
    @get("/api/v1/intake", opt=access.opt(EVERYONE), sync_to_thread=True)
    def intake(office: OfficeDependency, request: Call) -> Intake:
        """Return what this node's own feeds have brought, and what was set aside, by reason; for those who may see all that is held."""
        access.check_sees_all(office, request)
        faults = {name: str(error) for name, error in watch.feeding.faults.items()}
        return Intake(tuple(watch.feeding.statuses()), faults)

    @get("/api/v1/picture/latency", opt=access.opt(EVERYONE), sync_to_thread=True)
    def latency(office: OfficeDependency, request: Call) -> Latency:
        """Return how fresh partners' positions are when they reach this picture; for those who may see all that is held."""
        access.check_sees_all(office, request)
        return latency_of(watch.picture.latencies_ms())

    return [intake, latency]


def _stream(picture: LivePicture) -> list[ControllerRouterHandler]:
    changes = Changes(picture)

    def first() -> bytes:
        return event("picture", {"total": picture.vessels(limit=0)[1]})

    @get("/api/v1/picture/stream", opt=access.opt(EVERYONE))
    async def stream(office: OfficeDependency, request: Call) -> Stream:
        """Follow the picture as server-sent events: `picture` first, then `vessels` with those that changed; `dropped` when too slow.

        It tells of all that is held, and so is for those who may see it; the others ask for the picture anew.
        """
        await asyncio.to_thread(access.check_sees_all, office, request)
        changes.attach(office.hub)
        head = await asyncio.to_thread(first)
        return Stream(changes.hub.listen(head), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    return [stream]
