"""Reads what is land from the mask of `global-land-mask` (MIT, made from the GLOBE elevation model), cell by cell of half a minute of arc.

That package unpacks its mask into 933 MB when it is imported; here it is never imported: its file is read a band at a time, and only the columns
at which land begins or ends are kept, 6 MB. That takes some two seconds of processor time, once in a process, when it is first asked for.
"""

from __future__ import annotations

import importlib.util
import threading
import zipfile
from pathlib import Path

import numpy as np
import structlog

from kizuna.domains.maritime.events.land import Land

_FILE = "globe_combined_mask_compressed.npz"
_BAND = 120
_log = structlog.get_logger("kizuna.land")


def mask_file() -> Path | None:
    """Return where the mask is installed, None where it is not."""
    spec = importlib.util.find_spec("global_land_mask")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    path = Path(folders[0]) / _FILE if folders else None
    return path if path is not None and path.exists() else None


def read_mask(path: Path) -> Land:
    """Return the land of a mask file, whose cells are true on the sea, from north to south.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such mask.
    """
    with zipfile.ZipFile(path) as archive, archive.open("mask.npy") as file:
        np.lib.format.read_magic(file)
        (rows, columns), _, kind = np.lib.format.read_array_header_1_0(file)
        if columns != 2 * rows or kind != np.bool_:
            raise ValueError(f"a mask of `{rows}` by `{columns}` cells is not one of the whole earth")
        counts, edges = np.zeros(rows + 1, np.int64), list[np.ndarray]()
        for first in range(0, rows, _BAND):
            band = min(_BAND, rows - first)
            sea = np.ones(
                (band + 1, columns + 1), np.bool_
            )  # each row ends in a cell of sea, and one stands before the first
            sea[1:, :-1] = np.frombuffer(file.read(band * columns), np.bool_).reshape(band, columns)
            flat = sea.reshape(-1)[columns:]
            changes = np.flatnonzero(flat[1:] != flat[:-1])
            counts[first + 1 : first + band + 1] = np.bincount(changes // (columns + 1), minlength=band)
            edges.append(changes % (columns + 1))
    return Land(np.cumsum(counts), np.concatenate(edges), rows)


class LandAtNeed:
    """Gives the land, read when it is first asked for; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._land: Land | None = None

    def __call__(self) -> Land | None:
        """Return the land, None where no mask can be read: kinds of events that ask for the shore are then not found."""
        with self._lock:
            if not self._asked:
                self._asked = True
                path = mask_file()
                try:
                    self._land = read_mask(path) if path is not None else None
                except (OSError, ValueError, zipfile.BadZipFile) as error:
                    _log.warning("land is not known", error=type(error).__name__)
            return self._land


LAND = LandAtNeed()
"""One for the process: nodes of one process share it."""


def land() -> Land | None:
    """Return the land as this process knows it; a function that another process can be handed by its name, which reads its own."""
    return LAND()
