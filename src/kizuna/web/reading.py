"""Who was shown which records, handed to the journal: each record once an hour for each officer, so that a page left open writes nothing anew."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from kizuna.node import effects as fx

AGAIN_MS = 3_600_000
_MOST_KNOWN = 200_000


class Reading:
    """Notes reads, from any thread; `do` carries a command to the core."""

    def __init__(self, do: Callable[[fx.Command], Any]) -> None:
        self._do = do
        self._seen: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, actor: str, records: Iterable[str], now_ms: int) -> tuple[str, ...]:
        """Have those journalled that this officer was not shown in the last hour, and return them; does not wait for the journal."""
        with self._lock:
            fresh = tuple(sorted(each for each in set(records) if self._is_fresh(actor, each, now_ms)))
        if fresh:
            self._do(fx.NoteReads(fresh, actor))
        return fresh

    def _is_fresh(self, actor: str, record: str, now_ms: int) -> bool:
        last_ms = self._seen.get((actor, record))
        if last_ms is not None and 0 <= now_ms - last_ms < AGAIN_MS:
            return False
        self._seen[actor, record] = now_ms
        self._seen.move_to_end((actor, record))
        if len(self._seen) > _MOST_KNOWN:
            self._seen.popitem(last=False)
        return True
