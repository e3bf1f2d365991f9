"""What the outside must give: clock and randomness.

The shell passes the operating system's, the simulator passes seeded ones; nothing below the node reaches for its own.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Return milliseconds since the Unix epoch, UTC."""
        ...

    def in_doubt(self) -> bool:
        """Return whether the time cannot be trusted: a node in doubt releases nothing."""
        ...


class Random(Protocol):
    """Gives fresh random bytes."""

    def __call__(self, count: int, /) -> bytes:
        """Return `count` bytes that nobody can foretell."""
        ...
