"""Where a vessel went: its rows from the archives, in order, each transmission once, cleaned and cut into lines, few enough to draw.

What was set aside is counted by reason; two ships on one number become two lines. Between rows far apart in time nothing is known, and the rows say
when they are, so that whoever draws them can leave the gap open.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kizuna.domains.maritime.records import SIMULATED
from kizuna.domains.maritime.tracks.columns import NOT_TOLD, Track, ordered
from kizuna.domains.maritime.tracks.segments import KEPT, REASONS, cut
from kizuna.domains.maritime.tracks.shape import simplified
from kizuna.domains.maritime.tracks.voyages import stops
from kizuna.node.maritime.archives import ArchiveKey, Archives

MOST_POINTS = 4_000
TOLERANCES_M = (0.0, 25.0, 100.0, 400.0, 1_600.0)
"""Tried in turn until a line has few enough points; nothing is left out below the first that does."""
STOP_M, STOP_MS = 200.0, 30 * 60_000
"""A ship that lay this long within this much has stopped."""


class Stop(msgspec.Struct, frozen=True):
    """Where a vessel lay, and from when to when."""

    from_ms: int
    to_ms: int
    lat_600000: int
    lon_600000: int


class TrackShown(msgspec.Struct, frozen=True):
    """A track, column by column, by time; -1 where a speed or course was not told."""

    sources: tuple[str, ...]
    """Who told rows, as `party/source`."""
    source: tuple[int, ...]
    """By whom each row was told, a place in `sources`."""
    line: tuple[int, ...]
    """Which line each row belongs to: rows of different lines are not of one way."""
    time_ms: tuple[int, ...]
    lat_600000: tuple[int, ...]
    lon_600000: tuple[int, ...]
    speed_dkn: tuple[int, ...]
    course_ddeg: tuple[int, ...]
    heading_deg: tuple[int, ...]
    set_aside: dict[str, int]
    """How many rows are not shown, by reason."""
    within_m: int
    """No row that was left out to draw fewer lies farther from the line than this."""
    stops: tuple[Stop, ...]


def vessel_rows(
    archives: Archives, mmsi: int, parties: Collection[str], from_ms: int, to_ms: int, *, simulated: bool
) -> dict[str, pa.Table]:
    """Return the rows of one vessel that these parties told, by source.

    Raises:
        RecordError: a file of the archive is damaged.
    """
    found: dict[str, pa.Table] = {}
    keys: list[ArchiveKey] = list(archives.keys())
    for key in keys:
        if key.party in parties and (key.source_kind == SIMULATED) is simulated:
            rows = archives.read(key, from_ms, to_ms, mmsi=mmsi)
            name = f"{key.party}/{key.source}"
            if rows.num_rows:
                found[name] = pa.concat_tables((found[name], rows)) if name in found else rows
    return found


def track_of(
    archives: Archives, mmsi: int, parties: Collection[str], from_ms: int, to_ms: int, *, simulated: bool
) -> TrackShown:
    """Return a vessel's track of a half-open interval, as far as these parties told it.

    Raises:
        RecordError: a file of the archive is damaged.
    """
    tables = vessel_rows(archives, mmsi, parties, from_ms, to_ms, simulated=simulated)
    track = ordered(tables)
    segments = cut(track)
    kept = np.flatnonzero(segments.reason == KEPT)
    by_line = kept[np.lexsort((track.time_ms[kept], segments.segment[kept]))]
    line, rows = segments.segment[by_line], track.take(by_line)
    chosen, within_m = _few(rows, line)
    chosen = chosen[np.argsort(rows.time_ms[chosen], kind="stable")]
    reasons = np.bincount(segments.reason, minlength=len(REASONS)).tolist()
    few = rows.take(chosen)
    return TrackShown(
        sources=tuple(sorted(tables)), source=tuple(few.source.tolist()), line=tuple(line[chosen].tolist()),
        time_ms=tuple(few.time_ms.tolist()), lat_600000=tuple(few.lat.tolist()), lon_600000=tuple(few.lon.tolist()),
        speed_dkn=tuple(few.speed_dkn.tolist()), course_ddeg=tuple(few.course_ddeg.tolist()), heading_deg=tuple(few.heading_deg.tolist()),
        set_aside={name: count for name, count in zip(REASONS[1:], reasons[1:], strict=True) if count},
        within_m=round(within_m), stops=_stops(track.take(np.sort(kept))),
    )  # fmt: skip


def _few(rows: Track, line: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
    for tolerance_m in TOLERANCES_M:
        chosen = np.arange(len(line)) if tolerance_m == 0 else simplified(rows, tolerance_m, line)
        if len(chosen) <= MOST_POINTS:
            return chosen, tolerance_m
    return chosen[np.linspace(0, len(chosen) - 1, MOST_POINTS).astype(np.int64)], tolerance_m


def _stops(track: Track) -> tuple[Stop, ...]:
    found = stops(track, STOP_M, STOP_MS)
    return tuple(
        Stop(int(track.time_ms[first]), int(track.time_ms[last]), int(track.lat[first]), int(track.lon[first]))
        for first, last in zip(found.first.tolist(), found.last.tolist(), strict=True)
    )


def told(value: int) -> int | None:
    """Return a number of a track, None where it was not told."""
    return None if value == NOT_TOLD else value
