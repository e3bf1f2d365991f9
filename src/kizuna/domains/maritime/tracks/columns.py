"""Positions of several receivers and parties as one set of columns, ordered by vessel and time, each transmission once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kizuna.formats.compiled import compiled
from kizuna.formats.positions_arrow import values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

NOT_TOLD = -1
"""A speed, course or heading that was not told."""
SAME_TRANSMISSION_MS = 10_000
"""The same words of a vessel within this time are one transmission: receivers differ by their clocks and the way to us."""

_SPAN_BITS = 33
"""Bits of a span of time in milliseconds, a hundred days: with an MMSI's thirty they are one number."""


class Track(NamedTuple):
    """Columns of equal length, by vessel and then time; make them with `ordered`."""

    mmsi: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    lat: NDArray[np.int64]
    """1/600000 degree."""
    lon: NDArray[np.int64]
    speed_dkn: NDArray[np.int64]
    course_ddeg: NDArray[np.int64]
    heading_deg: NDArray[np.int64]
    source: NDArray[np.int64]
    """Which of the tables a row came from, in the order of their names."""

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Track:
        """Return some of the rows."""
        numbers = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows  # once for all columns
        return Track(*(column.take(numbers) for column in self))

    def starts(self) -> NDArray[np.int64]:
        """Return where each vessel's rows begin, and behind the last one where the rows end."""
        changes = np.flatnonzero(self.mmsi[1:] != self.mmsi[:-1]) + 1
        return np.concatenate(([0], changes, [len(self.mmsi)])) if len(self.mmsi) else np.zeros(1, np.int64)


def ordered(tables: Mapping[str, pa.Table]) -> Track:
    """Return the rows of position tables in their order, whatever the order of the tables and of the rows in them.

    Args:
        tables: tables of `positions_arrow.SCHEMA`, by the name of who told them, such as `party/source`.
    """
    names = sorted(tables)
    columns = [
        np.concatenate([np.empty(0, np.int64), *(_values(tables[name], column) for name in names)])
        for column in ("mmsi", "time_ms", "lat_600000", "lon_600000", "speed_dkn", "course_ddeg", "heading_deg")
    ]
    source = np.repeat(np.arange(len(names)), [tables[name].num_rows for name in names])
    track = Track._make([*columns, source])
    return track.take(_order(track))


def _order(track: Track) -> NDArray[np.int64]:
    """Return the rows by vessel, time and all that they say."""
    if not len(track.mmsi):
        return np.empty(0, np.int64)
    since = track.time_ms - track.time_ms.min()
    rest = (track.source, track.heading_deg, track.course_ddeg, track.speed_dkn, track.lon, track.lat)
    if int(since.max()) >= 1 << _SPAN_BITS:
        return np.lexsort((*rest, track.time_ms, track.mmsi))
    key = (track.mmsi << _SPAN_BITS) + since
    if (key[1:] > key[:-1]).all():
        return np.arange(len(key))
    order = np.argsort(key)
    key = key[order]
    tied = np.zeros(len(key), np.bool_)
    tied[1:] = key[1:] == key[:-1]
    tied[:-1] |= tied[1:]
    rows = order[tied]  # those of one vessel and time stand together: only they need the rest
    order[tied] = rows[np.lexsort((*(column[rows] for column in rest), key[tied]))]
    return order


def _values(table: pa.Table, name: str) -> NDArray[np.int64]:
    values, known = values_of(table, name)
    return values if known.all() else np.where(known, values, NOT_TOLD)


def first_heard(track: Track, window_ms: int = SAME_TRANSMISSION_MS) -> NDArray[np.int64]:
    """Return for each row the row of the same transmission that was heard first, which is its own number where it was the first.

    A row repeats another if it says the same of place, speed, course and heading within the window. A receiver whose clock is far off is not
    recognised here: its rows stand at other times.
    """
    rows = np.arange(len(track.mmsi))
    if len(rows):
        _repeats(track.mmsi, track.time_ms, track.lat, track.lon, track.speed_dkn, track.course_ddeg, track.heading_deg,
                 window_ms, rows)  # fmt: skip
    return rows


@compiled()
def _repeats(mmsi, time, lat, lon, speed, course, heading, window_ms, rows):
    """Write into `rows` the first row of each row's transmission."""
    for i in range(1, len(mmsi)):
        k = i - 1
        while k >= 0 and mmsi[k] == mmsi[i] and time[i] - time[k] <= window_ms:
            if (lat[k] == lat[i] and lon[k] == lon[i] and speed[k] == speed[i] and course[k] == course[i]
                    and heading[k] == heading[i] and time[i] - time[rows[k]] <= window_ms):  # fmt: skip
                rows[i] = rows[k]
                break
            k -= 1
