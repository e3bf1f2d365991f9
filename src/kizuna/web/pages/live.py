"""The live picture on its way to a browser: what is in its view, then what changes there, packed, at the browser's own pace.

One answer for one view. Its first frame is all that is in view, the following ones what has changed, and now and then all again. The node keeps no
queue for a browser: each frame is made when the last one has gone out, from the columns as they then are, so that a slow browser gets fewer and
fuller frames, never older ones. What the officer may see is judged for each frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import numpy as np
from litestar import get
from litestar.params import FromQuery
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from kizuna.errors import ChannelError
from kizuna.node.maritime.sightings import Sightings
from kizuna.storage.positions import Box
from kizuna.web import looking
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.looking import CELL, Found, Notable, Reader, Wanted
from kizuna.web.pages.page import HEADERS, View, route
from kizuna.web.pages.sea import Sea, view_box

PACE_S = 0.25
"""Frames are at least this far apart."""
ALL_EVERY_S = 10.0
BEAT_S = 2.0
"""A frame goes out this often even where nothing has changed: so the browser knows that the connection lives."""
MOST_WATCHING = 64


class Looked(msgspec.Struct, frozen=True):
    """What a browser looks at: a box, a zoom, a filter and the vessel that is chosen."""

    box: Box | None
    zoom: int
    wanted: Wanted
    selected: frozenset[int]


class Follow:
    """Makes one browser's frames; `frame` may be called from any thread, by one at a time."""

    def __init__(self, sea: Sea, looked: Looked) -> None:
        self._sea = sea
        self._looked = looked
        self._step = -1
        self._shown: frozenset[int] = frozenset()
        """Slots that the browser has."""
        self._columns: Sightings | None = None
        self._named: set[int] = set()

    def frame(self, view: View, *, whole: bool) -> bytes | None:
        """Return the next frame; None where nothing has changed and no whole one is asked for."""
        view.look_again()
        reader, exercise = self._sea.reader(view), self._looked.wanted.exercise
        view.sight.exercise |= bool(exercise)
        notable = self._sea.notable(view, reader, exercise)._replace(selected=self._looked.selected)
        with self._sea.picture_of(view).sightings(exercise) as columns:
            return self._frame(columns, view, reader, notable, whole=whole or columns is not self._columns)

    def _frame(self, columns: Sightings, view: View, reader: Reader, notable: Notable, *, whole: bool) -> bytes | None:
        looked, since = self._looked, self._step
        if not whole and columns.step == since:
            return None
        found = looking.look(columns, reader, looked.box, looked.wanted, notable, view.now_ms)
        wide = looked.zoom < looking.WIDE_ZOOM and len(found.slot) > looking.CROWDED
        if whole:
            kept = looking.cut(looking.notable_only(found) if wide else found)
            self._shown = frozenset(kept.slot.tolist())
            self._named.clear()
        else:
            kept = self._changed(columns, reader, found, since, wide=wide)
            if not len(kept.slot):
                return None
        self._columns, self._step = columns, columns.step
        head: dict[str, Any] = {
            "all": whole, "now_ms": view.now_ms, "shown": len(self._shown), "total": len(found.slot), "wide": wide, "bits": 0,
            "names": self._names(columns, reader, kept), "marked": view.sight.marked(view.words.language),
        }  # fmt: skip
        counted = np.empty(0, CELL)
        if whole and (wide or len(found.slot) > len(kept.slot)):
            counted, head["bits"] = looking.cells(columns, found, looked.zoom)
        return looking.frame(head, looking.packed_rows(columns, reader, kept), counted)

    def _changed(self, columns: Sightings, reader: Reader, found: Found, since: int, *, wide: bool) -> Found:
        """Return what has changed of what the browser has, and what is new as long as there is room or it stands out."""
        new = looking.cut(found.take(columns.changed(reader.parties, found.slot) > since))
        held = np.isin(new.slot, np.fromiter(self._shown, np.int64, len(self._shown)))
        room = max(0, looking.MOST_SYMBOLS - len(self._shown)) if not wide else 0
        fresh = ~held & ((np.cumsum(~held) <= room) | (new.rank < 3))  # noqa: PLR2004 # alarms, interest and units
        kept = new.take(held | fresh)
        self._shown |= frozenset(kept.slot.tolist())
        return kept

    def _names(self, columns: Sightings, reader: Reader, kept: Found) -> dict[str, str]:
        fresh = [slot for slot in kept.slot.tolist() if slot not in self._named]
        self._named.update(fresh)
        return looking.names(columns, reader, fresh)


class Watching:
    """Counts the browsers that follow; belongs to the event loop."""

    def __init__(self) -> None:
        self.count = 0

    def check(self) -> None:
        """Accept one more.

        Raises:
            ChannelError: there are too many.
        """
        if self.count >= MOST_WATCHING:
            raise ChannelError("no room for another to follow the picture: try again later")


def live_pages(sea: Sea) -> list[ControllerRouterHandler]:
    """Return the route of the live picture."""
    pages = sea.pages
    watching = Watching()

    @get("/picture/stream", **route(pages, OFFICERS))
    async def stream(  # a box has four edges
        request: Call,
        south: FromQuery[float] = -90,
        west: FromQuery[float] = -180,
        north: FromQuery[float] = 90,
        east: FromQuery[float] = 180,
        zoom: FromQuery[float] = 0,
        selected: FromQuery[int] = -1,
    ) -> Stream:
        view = pages.view(request)
        wanted = looking.wanted_of(request.query_params.get)
        looked = Looked(view_box(south, west, north, east), max(0, min(15, int(zoom))), wanted, frozenset({selected}))
        watching.check()
        frames = _frames(request, view, Follow(sea, looked), watching)
        headers = {name: value for name, value in HEADERS.items() if name != "content-security-policy"}
        return Stream(frames, media_type="application/octet-stream", headers=headers | {"x-accel-buffering": "no"})

    return [stream]


async def _frames(request: Call, view: View, follow: Follow, watching: Watching) -> AsyncIterator[bytes]:
    """Yield frames until the session or the node ends: who is signed out gets nothing more."""
    held: str = request.cookies.get(view.office.cookie, "")
    loop = asyncio.get_running_loop()
    whole_at = said_at = 0.0
    watching.count += 1  # here, for an answer that is never begun is never ended either
    try:
        while view.office.hub.runs and view.office.sessions.holds(held, view.now_ms):
            now = loop.time()
            whole = now >= whole_at
            data = await asyncio.to_thread(follow.frame, view, whole=whole)
            if whole:
                whole_at = now + ALL_EVERY_S
            if data is None and now - said_at >= BEAT_S:
                data = looking.frame({"all": False, "now_ms": view.now_ms}, b"", np.empty(0, CELL))
            if data is not None:
                said_at = now
                yield data
            await asyncio.sleep(PACE_S)
    finally:
        watching.count -= 1
