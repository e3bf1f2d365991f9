"""One vessel of the picture as a row: its newest place and facts, and who told each."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kizuna.domains.maritime.operations import known_fields
from kizuna.domains.maritime.picture import Vessel
from kizuna.formats.ais import PositionReport, StaticReport
from kizuna.storage.positions import Box


class VesselRow(msgspec.Struct, frozen=True):
    """One vessel of the picture; `party` and `source` told its position, `told_by` anything at all."""

    mmsi: int
    simulated: bool
    at_ms: int | None
    lat_600000: int | None
    lon_600000: int | None
    speed_dkn: int | None
    course_ddeg: int | None
    heading_deg: int | None
    nav_status: int | None
    party: str
    source: str
    told_by: tuple[str, ...]
    """Each as `party/source`."""
    static: dict[str, int | str]
    """Newest value of each static field that was told."""
    static_by: dict[str, str]
    """Who told it, `party/source`."""


def within(box: Box, lat: NDArray[Any], lon: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which places, in 1/600000 degree, lie in a box; one whose west lies beyond its east crosses 180 degrees."""
    west, east = lon >= box.west, lon <= box.east
    across: NDArray[np.bool_] = (west & east) if box.west <= box.east else (west | east)
    return across & (lat >= box.south) & (lat <= box.north)


def row_of(vessel: Vessel, *, simulated: bool) -> VesselRow:
    """Return a vessel as a row."""
    fact = vessel.position
    report = fact.value if fact is not None and isinstance(fact.value, PositionReport) else None
    static: dict[str, int | str] = {}
    for each in vessel.static.values():
        if isinstance(each.value, StaticReport):
            names = [name for name in known_fields(each.value) if vessel.static.get(name) is each]
            static |= {name: getattr(each.value, name) for name in names}
    return VesselRow(
        mmsi=vessel.mmsi,
        simulated=simulated,
        at_ms=None if fact is None else fact.at_ms,
        lat_600000=None if report is None else report.lat_600000,
        lon_600000=None if report is None else report.lon_600000,
        speed_dkn=None if report is None else report.speed_dkn,
        course_ddeg=None if report is None else report.course_ddeg,
        heading_deg=None if report is None else report.heading_deg,
        nav_status=None if report is None else report.nav_status,
        party="" if fact is None else fact.source.party,
        source="" if fact is None else fact.source.receiver,
        told_by=tuple(sorted(f"{each.party}/{each.receiver}" for each in vessel.sources)),
        static=static,
        static_by={
            name: f"{vessel.static[name].source.party}/{vessel.static[name].source.receiver}" for name in static
        },
    )
