"""A job that looks every so often, in a thread of its own, and goes on after a fault that may have passed by the next time."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod

import structlog

from kizuna.errors import KizunaError

SHARE = 4
"""A job rests at least this many times as long as it worked: with more to look at it looks less often, and leaves the processor to others."""
_log = structlog.get_logger("kizuna.jobs")


class Repeating(ABC):
    """Does `once` every so often; `stop` waits until what is under way is done.

    Args:
        name: of the thread and in the log.
        first_s: how long the first time waits.
        every_s: how long the others wait at least.
    """

    def __init__(self, name: str, *, first_s: float, every_s: float) -> None:
        self._name = name
        self._first_s = first_s
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"kizuna-{name}", daemon=True)

    @abstractmethod
    def once(self) -> object:
        """Do it now; only its `KizunaError`s and time-outs are lived with when it is repeated."""

    def start(self) -> None:
        """Work soon, and then every so often."""
        self._thread.start()

    def stop(self) -> None:
        """Stop when the work under way is done."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause_s = self._first_s
        while not self._stopping.wait(pause_s):
            began = time.monotonic()
            try:
                self.once()
            except (KizunaError, TimeoutError) as error:
                _log.warning("job waits", job=self._name, error=type(error).__name__)
            pause_s = max(self._every_s, SHARE * (time.monotonic() - began))
