"""How fast one caller may ask: a bucket that fills again with time, for each session, token and place.

What is bounded here is haste, not use: an officer's pages and a program's calls stay far below. Tries to sign in have narrower bounds of their own
(`kizuna.web.sessions.Tries`), and a body has its size.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from kizuna.errors import KizunaError

_MOST_CALLERS = 10_000


class TooFastError(KizunaError):
    """Someone asks faster than a person or a sound program does; says how long to wait."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many requests: wait {wait_s} s, then go on")
        self.wait_s = wait_s


@dataclass(frozen=True)
class Rate:
    """So many at once, and so many a second for as long as one likes."""

    burst: int
    each_second: int


SESSION = Rate(300, 20)
TOKEN = Rate(3_000, 300)
PLACE = Rate(1_000, 50)
"""For whoever has neither: signing in, files, health."""


class Rates:
    """The buckets of one node, in memory; may be asked from any thread."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str, rate: Rate, now_ms: int) -> None:
        """Count one request.

        Raises:
            TooFastError: the bucket is empty.
        """
        with self._lock:
            left, at_ms = self._left.get(caller, (float(rate.burst), now_ms))
            left = min(rate.burst, left + max(0, now_ms - at_ms) * rate.each_second / 1000)
            if left < 1:
                raise TooFastError(int((1 - left) / rate.each_second) + 1)
            self._left[caller] = (left - 1, now_ms)
            self._left.move_to_end(caller)
            while len(self._left) > _MOST_CALLERS:
                self._left.popitem(last=False)
