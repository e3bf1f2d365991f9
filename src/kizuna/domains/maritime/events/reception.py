"""Where anything was heard: reports in each cell of a degree and clock hour, so that a silence can be told from a place out of reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kizuna.domains.maritime.rules import cell_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from kizuna.domains.maritime.tracks.columns import Track

HOUR_MS = 3_600_000
_HOURS = 1 << 40


class Reception:
    """Counts of reports; those of partitions add up."""

    def __init__(self, keys: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self.keys, self.counts = keys, counts
        self._until = np.concatenate(([0], np.cumsum(counts)))

    def during(self, cell: int, from_ms: int, to_ms: int) -> int:
        """Return how many reports came from a cell in the whole hours of an interval; a vessel that was silent then has no part in them."""
        first, last = -(-from_ms // HOUR_MS), to_ms // HOUR_MS
        if last <= first:
            return 0
        low, high = np.searchsorted(self.keys, (cell * _HOURS + first, cell * _HOURS + last))
        return int(self._until[high] - self._until[low])


def reception_of(heard: Track) -> Reception:
    """Return what a partition of transmissions heard, each of them once."""
    keys, counts = np.unique(cell_numbers(heard.lat, heard.lon) * _HOURS + heard.time_ms // HOUR_MS, return_counts=True)
    return Reception(keys, counts)


def added(parts: Iterable[Reception]) -> Reception:
    """Return what several partitions heard together."""
    found = list(parts)
    keys, place = np.unique(np.concatenate([part.keys for part in found]), return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, place, np.concatenate([part.counts for part in found]))
    return Reception(keys, counts)
