"""Loads the compiled passes over AIS lines when they are first asked for, in a thread: until they are ready, feeds are read the careful way.

Loading takes about a second, compiling once for each machine some ten to twenty of processor time; nobody waits for either.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kizuna.formats.ais_passes import Passes


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
