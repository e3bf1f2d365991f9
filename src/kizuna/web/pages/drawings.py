"""What officers draw on the chart: keeping, showing and removing areas and lines; see `kizuna.node.maritime.drawings`."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import MediaType, Response, get, post
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError, RecordError
from kizuna.node.maritime.drawings import PREFIX, Drawing
from kizuna.web import access, forms
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.errors import NotSignedInError, branch_of
from kizuna.web.pages.page import HEADERS, View
from kizuna.web.pages.sea import Sea

_DEGREE = 600_000


class DrawingShown(msgspec.Struct, frozen=True):
    """A drawing as the browser shows it; `rule` leads to the form of a rule on it, empty where none can be written."""

    name: str
    kind: str
    points: tuple[tuple[float, float], ...]
    """Latitude and longitude, degrees."""
    mine: bool
    shared: bool
    officer: str
    """Who drew it; empty for a watched area of the node's settings, which officers of its own nation see."""
    rule: str


class Refused(msgspec.Struct, frozen=True):
    """Why a drawing was not kept."""

    sentence: str


def drawing_pages(sea: Sea) -> list[ControllerRouterHandler]:
    """Return the routes of drawings; what they answer is for the chart's script."""
    pages, drawings = sea.pages, sea.watch.drawings
    options: dict[str, Any] = {
        "opt": access.page(OFFICERS),
        "include_in_schema": False,
        "exception_handlers": {KizunaError: _refused},
    }

    @get("/picture/drawings", **options)
    async def shown(request: Call) -> Response[bytes]:
        return await asyncio.to_thread(_answer, sea, pages.view(request))

    @post("/picture/drawings", **options)
    async def draw(request: Call) -> Response[bytes]:
        view = pages.view(request)
        drawing = _drawing(view, await forms.read_fields(request))
        await asyncio.to_thread(drawings.draw, drawing)
        return await asyncio.to_thread(_answer, sea, view)

    @post("/picture/drawings/remove", **options)
    async def remove(request: Call) -> Response[bytes]:
        view = pages.view(request)
        given = await forms.read_fields(request)
        if view.account is None:
            raise NotSignedInError("sign in first")
        await asyncio.to_thread(drawings.remove, given.get("name", ""), view.account.officer)
        return await asyncio.to_thread(_answer, sea, view)

    return [shown, draw, remove]


def _drawing(view: View, given: dict[str, str]) -> Drawing:
    """Return the drawing that a form says.

    Raises:
        RecordError: it says none.
    """
    if view.account is None:
        raise NotSignedInError("sign in first")
    kind = given.get("kind", "")
    if kind not in ("area", "line"):
        raise RecordError(f"`kind` `{kind[:20]}` is neither `area` nor `line`: give one of the two")
    return Drawing(
        name=given.get("name", "").strip(), kind=kind,  # type: ignore[arg-type] # one of the two
        points=tuple(_place(text) for text in given.get("points", "").split()), officer=view.account.officer,
        nationality=view.account.nationality, clearance=view.account.clearance, at_ms=view.now_ms, shared=given.get("shared") == "true",
    )  # fmt: skip


def _place(text: str) -> tuple[int, int]:
    parts = text.split(",")
    try:
        lat, lon = (round(float(part) * _DEGREE) for part in parts)
    except (ValueError, OverflowError) as error:
        raise RecordError(f"`points` `{text[:40]}` is no place: write `latitude,longitude` in degrees") from error
    return lat, lon


def _answer(sea: Sea, view: View) -> Response[bytes]:
    account = view.account
    drawn = sea.watch.drawings.seen(account) if account is not None else []
    shown = [
        DrawingShown(
            each.name, each.kind, _degrees(each.points), account is not None and each.officer == account.officer, each.shared,
            each.officer, _rule(view, PREFIX + each.name, each.name) if each.kind == "area" and each.shared else "",
        )
        for each in drawn
    ]  # fmt: skip
    watched = sea.watch.detecting.rules.areas if sea.watch.detecting is not None and not view.sight.foreign else ()
    shown += [
        DrawingShown(each.id, "area", _degrees(each.points), False, True, "", _rule(view, each.id, each.id)) for each in watched
    ]  # fmt: skip
    return Response(msgspec.json.encode(shown), media_type=MediaType.JSON, headers=HEADERS)


def _degrees(points: tuple[tuple[int, int], ...]) -> tuple[tuple[float, float], ...]:
    return tuple((lat / _DEGREE, lon / _DEGREE) for lat, lon in points)


def _rule(view: View, area: str, title: str) -> str:
    """Return where a rule on an area is written, its form filled in; empty for a role that writes none."""
    asked = urlencode({"kind": "area", "area": area, "title": title})
    return f"/desk/maritime/do/write-rule?{asked}" if view.role == "watch" else ""


def _refused(_request: Call, error: KizunaError) -> Response[bytes]:
    status, _, _ = branch_of(error)
    return Response(
        msgspec.json.encode(Refused(str(error))), status_code=status, media_type=MediaType.JSON, headers=HEADERS
    )
