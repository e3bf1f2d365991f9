"""What every transport of a feed is handed: where its bytes go, how it learns that they are safe, and how long it waits for a lost server."""

from collections.abc import Awaitable, Callable

RETRY_S = (0.5, 15.0)
"""First and longest pause before a lost server is tried again; it doubles in between."""

Take = Callable[[int, bytes], Awaitable[None]]
"""Takes the number of a connection and what came over it; no bytes say that it ended. It returns when it is ready for more."""
Settle = Callable[[], Awaitable[bool]]
"""Returns once all that was taken is durable or refused; False where that was given up."""
