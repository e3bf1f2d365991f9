"""The picture: vessels on a chart and in a list that share one filter, the track of one, and the node's own borders.

The list is made by the node, page by page and in the order that is asked for; whatever the chart can choose, the list can. Vessels that only
parties told of whose records the officer may not see are not there at all. Colours and symbols are the browser's (`web/src`).
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import MediaType, Response, get
from litestar.params import FromQuery
from litestar.types import ControllerRouterHandler

from kizuna.domains.maritime import queries
from kizuna.errors import RecordError
from kizuna.node.maritime import tracks
from kizuna.node.maritime.sightings import identity
from kizuna.node.maritime.watch import Watch
from kizuna.web import looking, shown
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.errors import NotHeldError
from kizuna.web.looking import Notable, VesselShown, kind_of
from kizuna.web.pages.dossier import dossier_pages
from kizuna.web.pages.drawings import drawing_pages
from kizuna.web.pages.live import live_pages
from kizuna.web.pages.page import HEADERS, Pages, Task, route
from kizuna.web.pages.sea import MARITIME, Sea, view_box

TASK = Task("/picture", "Picture", OFFICERS)
MOST_EVENTS = 30
PAGE_ROWS = 50
MOST_HOURS = 24 * 14
_HOUR_MS = 3_600_000
_FILTERS = ("text", "origin", "kind", "state", "flag", "over_kn", "under_kn", "age_min", "exercise")


class ListShown(msgspec.Struct, frozen=True):
    """One page of the list: of `total` vessels in view that pass the filter."""

    total: int
    page: int
    pages: int
    now_ms: int
    flags: tuple[str, ...]
    """Flags of all vessels in view, for the filter."""
    vessels: tuple[VesselShown, ...]


def picture_pages(
    pages: Pages, watch: Watch, *, own_units: frozenset[int] = frozenset()
) -> list[ControllerRouterHandler]:
    """Return the routes of the picture and of dossiers."""
    sea = Sea(pages, watch, own_units)
    return [*_chart(sea), *_lists(sea), *live_pages(sea), *dossier_pages(sea), *drawing_pages(sea)]


def _options(sea: Sea) -> dict[str, Any]:
    return route(sea.pages, OFFICERS) | {"sync_to_thread": True}


def _chart(sea: Sea) -> list[ControllerRouterHandler]:
    pages, options = sea.pages, _options(sea)

    @get("/picture", **options)
    def chart(request: Call) -> Response[str]:
        view = pages.view(request)
        wanted = {name: request.query_params.get(name, "")[:100] for name in _FILTERS}
        issuers = view.sight.issuers({MARITIME})
        with view.node.store.view() as db:
            newest = queries.events(db, limit=MOST_EVENTS)
        events = [row for row in newest if view.sight.record(row.record_id)]
        feeds = [row for row in sea.picture_of(view).feeds() if row.party in issuers]
        exercises = []
        for name in sea.picture_of(view).exercises():
            with sea.picture_of(view).sightings(name) as columns:
                exercises += [name] if issuers.intersection(columns.parties) else []
        view.sight.exercise |= bool(wanted["exercise"])
        return view.page(
            "picture.html", script="map", wanted=wanted, events=events, feeds=feeds, place=shown.place, exercises=exercises,
            exercise=wanted["exercise"], kinds=looking.KINDS, bordered=bool(sea.watch.boundary),
        )  # fmt: skip

    @get("/picture/contact", **options)
    def contact(request: Call, mmsi: FromQuery[int], simulated: FromQuery[bool] = False) -> Response[str]:  # noqa: FBT002 # a query parameter
        view = pages.view(request)
        exercise = request.query_params.get("exercise", "")
        if exercise:
            row, notable = sea.drilled(view, mmsi, exercise, simulated=simulated), Notable()
        else:
            row, notable = sea.vessel(view, mmsi, simulated=simulated), sea.notable(view, sea.reader(view))
        number = identity(mmsi, simulated=simulated)
        return view.part(
            "contact.html", vessel=row, place=shown.place, kind=kind_of(row.static.get("ship_type")), exercise=exercise,
            alarm=number in notable.alarms, interest=number in notable.interest,
        )  # fmt: skip

    @get("/picture/boundary", **options)
    def boundary() -> Response[bytes]:
        if not sea.watch.boundary:
            raise NotHeldError("this node was given no borders")
        return Response(sea.watch.boundary, media_type=MediaType.JSON, headers=HEADERS)

    return [chart, contact, boundary]


def _lists(sea: Sea) -> list[ControllerRouterHandler]:
    pages, options = sea.pages, _options(sea)

    @get("/picture/vessels", **options)
    def vessels(  # a box has four edges, a list an order and a page
        request: Call,
        south: FromQuery[float] = -90,
        west: FromQuery[float] = -180,
        north: FromQuery[float] = 90,
        east: FromQuery[float] = 180,
        sort: FromQuery[str] = "priority",
        down: FromQuery[bool] = False,  # noqa: FBT002 # a query parameter
        page: FromQuery[int] = 0,
    ) -> Response[bytes]:
        view = pages.view(request)
        wanted = looking.wanted_of(request.query_params.get)
        reader = sea.reader(view)
        box = view_box(south, west, north, east)
        with sea.picture_of(view).sightings(wanted.exercise) as columns:
            found = looking.look(columns, reader, box, wanted, sea.notable(view, reader, wanted.exercise), view.now_ms)
            ordered = looking.listed(columns, reader, found, sort, down=down)
            last = max(0, (len(found.slot) - 1) // PAGE_ROWS)
            at = max(0, min(page, last))
            rows = looking.shown(columns, reader, ordered.take(slice(at * PAGE_ROWS, (at + 1) * PAGE_ROWS)))
            flags = looking.flags_of(columns, found)
        answer = ListShown(len(found.slot), at, last + 1, view.now_ms, flags, tuple(rows))
        return Response(msgspec.json.encode(answer), media_type=MediaType.JSON, headers=HEADERS)

    @get("/picture/track", **options)
    def track(
        request: Call,
        mmsi: FromQuery[int],
        hours: FromQuery[int] = 24,
        simulated: FromQuery[bool] = False,  # noqa: FBT002 # a query parameter
    ) -> Response[bytes]:
        view = pages.view(request)
        if not 1 <= hours <= MOST_HOURS:
            raise RecordError(f"`hours` `{hours}` is not from 1 to {MOST_HOURS}: give whole hours")
        sea.vessel(view, mmsi, simulated=simulated)
        parties = view.sight.issuers({MARITIME})
        found = tracks.track_of(
            sea.picture_of(view).archives,
            mmsi,
            parties,
            view.now_ms - hours * _HOUR_MS,
            view.now_ms + 1,
            simulated=simulated,
        )
        return Response(msgspec.json.encode(found), media_type=MediaType.JSON, headers=HEADERS)

    return [vessels, track]
