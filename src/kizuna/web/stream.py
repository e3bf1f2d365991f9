"""The live stream: what was committed, told to whoever listens, at the listener's own pace.

The core's thread hands in notices and goes on at once. Each listener has a short queue; one that does not keep up is let go with a last event that
says so, and reads the state anew when it comes back. A notice says that something changed and where the journal stands, never what.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from kizuna.errors import ChannelError
from kizuna.kernel import canonical
from kizuna.kernel.journal import Store
from kizuna.node.runner import Committed

QUEUE_EVENTS = 256
MOST_LISTENERS = 64
BEAT_S = 15.0
_END: bytes = b""
_ALIVE = b": alive\n\n"
_COMMITTED = b"event: committed\n"


class Notice(msgspec.Struct, frozen=True):
    """One commit: how many entries of each kind, and the journal's new head."""

    kinds: dict[str, int]
    seq: int


def event(name: str, value: Any) -> bytes:
    """Return one server-sent event; its data is one line of canonical JSON (WHATWG HTML §9.2)."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), canonical.encode(value))


def notice_of(committed: Committed) -> Notice:
    """Return what listeners are told of a commit."""
    return Notice(kinds=dict(Counter(entry.kind for _, entry in committed.entries)), seq=committed.entries[-1][0])


class Seen:
    """What one listener may hear of the journal: `store` gives the journal that they may see, up to its end. For one listener's task."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._seq = 0

    def head(self) -> int:
        """Return where that journal ends; what follows is news."""
        self._seq = self._store().head().seq
        return self._seq

    def news(self) -> Notice | None:
        """Return what has come since it was asked last, None where nothing has that may be seen."""
        store = self._store()
        seq = store.head().seq
        if seq == self._seq:
            return None
        kinds = Counter(stored.entry.kind for stored in store.read(self._seq + 1, max(0, seq - self._seq)))
        self._seq = seq
        return Notice(kinds=dict(kinds), seq=seq)


async def as_seen(heard: AsyncGenerator[bytes, None], seen: Seen) -> AsyncGenerator[bytes, None]:
    """Yield what is heard, each commit as far as its listener may see it: one that they may not see of is not heard of."""
    async with contextlib.aclosing(heard) as events:
        async for data in events:
            if not data.startswith(_COMMITTED):
                yield data
                continue
            notice = await asyncio.to_thread(seen.news)
            if notice is not None:
                yield event("committed", notice)


class Hub:
    """Spreads events to listeners. `tell` may be called from any thread, the rest belongs to the event loop that `attach` was called in."""

    def __init__(self, *, queue_events: int = QUEUE_EVENTS, beat_s: float = BEAT_S) -> None:
        self._queue_events = queue_events
        self._beat_s = beat_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self._others: list[Hub] = []
        self.dropped = 0
        """How many listeners were too slow."""

    def attach(self) -> None:
        """Begin, in the running event loop."""
        self._loop = asyncio.get_running_loop()

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    @property
    def runs(self) -> bool:
        """Whether it has begun and not ended: the node is neither starting nor stopping."""
        return self._loop is not None

    def begin(self, other: Hub) -> None:
        """Let another hub begin here, and end with this one; not where this one has ended."""
        if self._loop is not None:
            other.attach()
            self._others.append(other)

    def tell(self, committed: Committed) -> None:
        """Tell all listeners of a commit; an observer of the runner, returns at once."""
        loop = self._loop
        if loop is not None and self._listeners and not loop.is_closed():
            loop.call_soon_threadsafe(self.publish, event("committed", notice_of(committed)))

    def publish(self, data: bytes) -> None:
        """Put one event into every listener's queue; those whose queue is full are let go."""
        for queue in list(self._listeners):
            if queue.qsize() < self._queue_events:
                queue.put_nowait(data)
                continue
            self.dropped += 1
            self._dismiss(queue, event("dropped", {"sentence": "too slow: read the state anew and listen again"}))

    def close(self) -> None:
        """Let every listener go, also those of the hubs that began here."""
        for other in self._others:
            other.close()
        for queue in list(self._listeners):
            self._dismiss(queue, event("closing", {"sentence": "the node is stopping"}))
        self._loop = None

    def _dismiss(self, queue: asyncio.Queue[bytes], last: bytes) -> None:
        self._listeners.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(last)
        queue.put_nowait(_END)

    def listen(self, first: bytes) -> AsyncGenerator[bytes, None]:
        """Return the events from now on, `first` before all, with a comment as a sign of life every `beat_s`, whatever happens.

        Raises:
            ChannelError: there are too many listeners, or the node is stopping.
        """
        if self._loop is None or len(self._listeners) >= MOST_LISTENERS:
            raise ChannelError("no room for another listener: try again later")
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        queue.put_nowait(first)
        self._listeners.add(queue)
        return self._events(queue)

    async def _events(self, queue: asyncio.Queue[bytes]) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self._beat_s
        try:
            while True:
                # By the clock alone: a beat that an event put off would tell of events that this listener may not hear of.
                if loop.time() >= beat_at:
                    beat_at += self._beat_s
                    yield _ALIVE
                try:
                    data = await asyncio.wait_for(queue.get(), max(0.0, beat_at - loop.time()))
                except TimeoutError:
                    continue
                if data == _END:
                    return
                yield data
        finally:
            self._listeners.discard(queue)
