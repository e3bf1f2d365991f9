"""Loads the compiled passes over AIS lines when they are first asked for, in a thread: until they are ready, feeds are read the careful way.

Loading takes about a second, compiling once for each machine some ten to twenty of processor time; nobody waits for either. An installation has
them compiled beforehand, with the loops of tracks and events (`compile_all`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kizuna.formats.ais_passes import Passes

_STEP_MS = 300_000
_REPORTS = 60


def compile_all() -> None:
    """Have everything compiled, or loaded from the cache: the passes over sentences, and the loops of tracks and events on two ships that meet."""
    import numpy as np  # noqa: PLC0415 # an installation calls this, a node only its parts
    import pyarrow as pa  # noqa: PLC0415 # the same

    from kizuna.domains.maritime.tracks.shape import simplified  # noqa: PLC0415 # the same
    from kizuna.domains.maritime.tracks.voyages import Port, stops  # noqa: PLC0415 # the same
    from kizuna.formats.ais_passes import compile_all as compile_passes  # noqa: PLC0415 # the same
    from kizuna.formats.positions_arrow import SCHEMA  # noqa: PLC0415 # the same
    from kizuna.node.maritime.searching import Rules, Seen, find  # noqa: PLC0415 # the same

    compile_passes()
    at_ms = np.repeat(np.arange(_REPORTS, dtype=np.int64) * _STEP_MS, 2)
    ship = np.tile(np.array([1, 2], np.int32), _REPORTS)
    still = np.zeros(len(ship), np.int32)
    none = pa.nulls(len(ship), pa.int16())
    arrays = [at_ms, 419_000_000 + ship, still + ship * 100, still, none, none, none, none.cast(pa.int8())]
    table = pa.table([pa.array(each) if isinstance(each, np.ndarray) else each for each in arrays], schema=SCHEMA)
    now_ms = int(at_ms[-1])
    clean, _ = find(Seen({"ind/coast": table}, {}, (), now_ms, None), Rules(ports=(Port("A", 0, 0),)))
    stops(clean.track, 200.0, _STEP_MS)
    simplified(clean.track, 50.0, clean.piece)


class Warming:
    """Gives passes to readers; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._make: type[Passes] | None = None

    def passes(self) -> Passes | None:
        """Return new passes, or None until they are ready; the first time it is asked, it begins to load them."""
        if self._make is not None:
            return self._make()
        self.begin()
        return None

    def begin(self) -> None:
        """Begin to load the passes."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._load, name="kizuna-warming", daemon=True)
                self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return whether the passes are ready within the time."""
        self.begin()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._make is not None

    def _load(self) -> None:
        from kizuna.formats import ais_passes  # noqa: PLC0415 # this loads Numba

        ais_passes.compile_all()
        self._make = ais_passes.Passes
