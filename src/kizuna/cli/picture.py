"""`kizuna picture`: the vessels that this node knows of, who told it, and which feeds are silent."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kizuna.cli.base import CONFIG, Config, Json, emit, settings_of, shown_instant, table
from kizuna.cli.reach import reach
from kizuna.cli.ways import Degrees
from kizuna.errors import RecordError

EARTH: Degrees = (-90.0, -180.0, 90.0, 180.0)
_UNIT = 600_000
_EDGES = 4


def picture(
    box: Annotated[
        str, typer.Option("--box", metavar="S,W,N,E", help="Only this box of degrees, such as `5,80,23,95`.")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, max=5_000, help="How many vessels to list.")] = 50,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Show the picture: last position of each vessel, own and partners', and the health of the feeds."""
    wanted = box_of(box)
    with reach(settings_of(config)) as node:
        result = node.picture(wanted, limit)
    emit(result, json_wanted=json, lines=_told(result))


def box_of(text: str) -> Degrees:
    """Return the box that `south,west,north,east` says, the whole earth for the empty text.

    Raises:
        RecordError: it is no box of the earth.
    """
    if not text:
        return EARTH
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        edges = []
    if len(edges) == _EDGES:
        south, west, north, east = edges
        if -90 <= south <= north <= 90 and -180 <= west <= east <= 180:  # noqa: PLR2004 # degrees
            return south, west, north, east
    raise RecordError(f"`{text[:60]}` is no box of the earth: give south,west,north,east in degrees, like `5,80,23,95`")


def _told(result: dict[str, Any]) -> list[Any]:
    rows = [
        (
            vessel["mmsi"],
            vessel["static"].get("name", ""),
            _degrees(vessel["lat_600000"], "N", "S"),
            _degrees(vessel["lon_600000"], "E", "W"),
            "" if vessel["speed_dkn"] is None else f"{vessel['speed_dkn'] / 10:.1f}",
            shown_instant(vessel["at_ms"] or 0),
            f"{vessel['party']}/{vessel['source']}",
            "simulated" if vessel["simulated"] else "",
        )
        for vessel in result["vessels"]
    ]
    feeds = [
        (f"{feed['party']}/{feed['source']}", feed["state"] or "withheld", shown_instant(feed["from_ms"]))
        for feed in result["feeds"]
    ]
    return [
        table("mmsi", "name", "latitude", "longitude", "kn", "at", "told by", "", rows=rows),
        f"{len(rows)} of {result['total']} vessels",
        table("feed", "state", "since", rows=feeds)
        if feeds
        else "no feed has told its state: silence is not emptiness",
    ]


def _degrees(value: int | None, positive: str, negative: str) -> str:
    return "" if value is None else f"{abs(value) / _UNIT:.4f} {negative if value < 0 else positive}"
