"""The machine's clock, and whether to believe it.

The core doubts a clock that jumps; here the operating system's own word is added: a wall clock that moved against the monotonic one, and the
kernel's flag that says whether a time service has it in hand. A node in doubt releases nothing.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable

STEP_MS = 2_000
"""How far the wall clock may move against the monotonic one before it counts as set by hand."""
SETTLE_MS = 60_000
"""How long after such a step the clock stays in doubt."""
_STA_UNSYNC = 0x0040
_STATUS_OFFSET = 40
_TIMEX_BYTES = 256


class SystemClock:
    """The real clock. May be asked from any thread.

    Args:
        wall_ns: Nanoseconds since the Unix epoch.
        steady_ns: Nanoseconds that only pass.
        require_synchronised: Whether a clock that no time service holds is in doubt too; off where none can be had, as behind an air gap.
        synchronised: Returns what the kernel says of that, None where it says nothing.
    """

    def __init__(
        self,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        steady_ns: Callable[[], int] = time.monotonic_ns,
        require_synchronised: bool = False,
        synchronised: Callable[[], bool | None] | None = None,
    ) -> None:
        self._wall_ns = wall_ns
        self._steady_ns = steady_ns
        self._require = require_synchronised
        self.synchronised = synchronised or kernel_synchronised
        self._lock = threading.Lock()
        self._offset_ms = self._offset()
        self._doubted_until_ms = 0

    def now_ms(self) -> int:
        """Return milliseconds since the Unix epoch, UTC."""
        return self._wall_ns() // 1_000_000

    def in_doubt(self) -> bool:
        """Return whether the wall clock was stepped within the last minute, or is not held by a time service where that is required."""
        with self._lock:
            steady_ms = self._steady_ns() // 1_000_000
            offset_ms = self._offset()
            if abs(offset_ms - self._offset_ms) > STEP_MS:
                self._doubted_until_ms = steady_ms + SETTLE_MS
            # The slow drift that a time service corrects is followed, a step is caught.
            self._offset_ms = offset_ms
            stepped = steady_ms < self._doubted_until_ms
        return stepped or (self._require and self.synchronised() is not True)

    def _offset(self) -> int:
        return (self._wall_ns() - self._steady_ns()) // 1_000_000


def kernel_synchronised() -> bool | None:
    """Return whether the kernel says that a time service holds its clock (adjtimex(2)); None where it cannot be asked."""
    try:
        call = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    answer = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: only reads
    if call(answer) < 0:
        return None
    return not int.from_bytes(answer.raw[_STATUS_OFFSET : _STATUS_OFFSET + 4], "little") & _STA_UNSYNC
