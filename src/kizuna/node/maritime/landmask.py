"""Reads what is land from the mask of `global-land-mask` (MIT, made from the GLOBE elevation model), cell by cell of half a minute of arc.

That package unpacks its mask into 933 MB when it is imported; here it is never imported: its file is read a band at a time, and only the columns
at which land begins or ends are kept, 6 MB. That takes some seconds of processor time, so a node keeps what it read in its data folder for its next
start, under the digest of the mask: another mask is read anew, and a kept file that is damaged or was deleted is written again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import threading
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from kizuna.domains.maritime.events.land import Land
from kizuna.errors import ConfigError
from kizuna.storage.private import write_private

_FILE = "globe_combined_mask_compressed.npz"
_BAND = 120
_log = structlog.get_logger("kizuna.land")


def mask_file() -> Path | None:
    """Return where the mask is installed, None where it is not."""
    spec = importlib.util.find_spec("global_land_mask")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    path = Path(folders[0]) / _FILE if folders else None
    return path if path is not None and path.exists() else None


class Shores(NamedTuple):
    """Where land and sea change, row by row, as `Land` takes it: `starts` are rows + 1 numbers, `edges` columns."""

    starts: NDArray[np.int64]
    edges: NDArray[np.int32]

    def land(self) -> Land:
        """Return the land between the edges."""
        return Land(self.starts, self.edges.astype(np.int64), len(self.starts) - 1)


def read_mask(path: Path) -> Shores:
    """Return the shores of a mask file, whose cells are true on the sea, from north to south.

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
            edges.append((changes % (columns + 1)).astype(np.int32))
    return Shores(np.cumsum(counts), np.concatenate(edges))


def kept_shores(folder: Path, mask: Path) -> Shores:
    """Return the shores of a mask as they are kept in a folder; read from the mask and kept there where they are not.

    Raises:
        OSError: the mask cannot be read.
        ValueError: it is no such mask.
    """
    kept = folder / f"land-{hashlib.sha256(mask.read_bytes()).hexdigest()[:16]}.npz"
    try:
        return _read_kept(kept)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        _log.warning("kept land is damaged and is read anew", error=type(error).__name__)
    shores = read_mask(mask)
    whole = io.BytesIO()
    np.savez(whole, starts=shores.starts, edges=shores.edges)
    try:
        write_private(kept, whole.getvalue())
    except ConfigError as error:
        _log.warning("land could not be kept", error=str(error))
    return shores


def _read_kept(kept: Path) -> Shores:
    with kept.open("rb") as file, np.load(file, allow_pickle=False) as found:
        shores = Shores(found["starts"], found["edges"])
    if not _is_whole(shores):
        raise ValueError("kept shores are none that a mask gives")
    return shores


def _is_whole(shores: Shores) -> bool:
    """Return whether kept shores are what a mask gives: of these types, each row's edges its own, and within it."""
    starts, edges = shores
    return (
        starts.dtype == np.int64
        and edges.dtype == np.int32
        and starts.ndim == edges.ndim == 1
        and len(starts) > 1
        and starts[0] == 0
        and starts[-1] == len(edges)
        and bool(np.all(np.diff(starts) >= 0))
        and bool(np.all((edges >= 0) & (edges <= 2 * len(starts) - 2)))
    )


class LandAtNeed:
    """Gives the land, read when it is first asked for; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._land: Land | None = None
        self._folder: Path | None = None

    def keep_in(self, folder: Path) -> None:
        """Say where what is read is kept for the next start."""
        with self._lock:
            self._folder = folder

    def __call__(self) -> Land | None:
        """Return the land, None where no mask can be read: kinds of events that ask for the shore are then not found."""
        with self._lock:
            if not self._asked:
                self._asked = True
                path = mask_file()
                try:
                    self._land = self._read(path).land() if path is not None else None
                except (OSError, ValueError, zipfile.BadZipFile) as error:
                    _log.warning("land is not known", error=type(error).__name__)
            return self._land

    def _read(self, path: Path) -> Shores:
        return read_mask(path) if self._folder is None else kept_shores(self._folder, path)


LAND = LandAtNeed()
"""One for the process: nodes of one process share it."""


def land() -> Land | None:
    """Return the land as this process knows it; a function that another process can be handed by its name, which reads its own."""
    return LAND()
