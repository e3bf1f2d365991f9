"""Positions made ready for events: each transmission once, rows that no ship can have reached set apart with their reason, tracks in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kizuna.domains.maritime.tracks.columns import Track, first_heard, ordered
from kizuna.domains.maritime.tracks.segments import DOUBLE, KEPT, V1, Clash, Cutting, clashes, cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

_MILLION = 1_000_000
_AIRCRAFT = 111
_DEVICES = 970_000_000
"""From here on numbers belong to transponders on persons, craft and aids (ITU-R M.585)."""


class Clean(NamedTuple):
    """What cleaning gives; both tracks are rows of ships alone."""

    track: Track
    """Rows that ships can have sailed, by piece and then time."""
    piece: NDArray[np.int64]
    """The segment of each of these rows; segments of one vessel stand together."""
    heard: Track
    """Every transmission once, by vessel and then time."""
    segment: NDArray[np.int64]
    """The segment of each of those rows."""
    reason: NDArray[np.uint8]
    """A place in `segments.REASONS` for each of those rows."""
    clashes: tuple[Clash, ...]
    names: tuple[str, ...]
    """Who told the rows, by their number in `source`."""

    def legs(self) -> NDArray[np.bool_]:
        """Return for each row of the track but the last whether the next row belongs to the same piece."""
        result: NDArray[np.bool_] = self.piece[:-1] == self.piece[1:]
        return result


def heard_of(tables: Mapping[str, pa.Table]) -> Track:
    """Return every transmission once, as `cleaned` does, without the tracks."""
    whole = _of_ships(tables)
    return whole.take(first_heard(whole) == np.arange(len(whole.mmsi)))


def _of_ships(tables: Mapping[str, pa.Table]) -> Track:
    whole = ordered(tables)
    number = whole.mmsi // _MILLION
    ships = (number != _AIRCRAFT) & (whole.mmsi < _DEVICES)
    return whole if ships.all() else whole.take(ships)


def cleaned(tables: Mapping[str, pa.Table], cutting: Cutting = V1) -> Clean:
    """Return the tracks of position tables, by the name of who told them; a pure function of their rows."""
    whole = _of_ships(tables)
    made = cut(whole, cutting)
    once = np.flatnonzero(made.reason != DOUBLE)
    heard, segment, reason = whole.take(once), made.segment[once], made.reason[once]
    kept = np.flatnonzero(reason == KEPT)
    kept = kept[np.argsort(segment[kept], kind="stable")]
    return Clean(
        heard.take(kept), segment[kept], heard, segment, reason, clashes(whole, made, cutting), tuple(sorted(tables))
    )
