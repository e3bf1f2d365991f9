"""The journal's entries for whoever follows it: as they were committed, or from the store where nobody told of them.

To read again what was committed a moment ago costs a query, and for each entry the check of its header and the digest of its body. What is heard of
is kept within bounds: who falls behind reads, and so does who begins, and whoever follows an extract.
"""

from __future__ import annotations

import threading
from collections import deque

from kizuna.kernel.journal import Entry, Store
from kizuna.node.runner import Committed

MOST_HEARD = 8_192
MOST_HEARD_BYTES = 32 << 20


class Following:
    """Pages of a store's journal; `runner.observe(following.tell)` saves reading them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._heard: deque[tuple[int, Entry]] = deque()
        self._bytes = 0

    def tell(self, committed: Committed) -> None:
        """Keep what was committed for the next pages; from any thread, and it returns at once."""
        with self._lock:
            self._heard.extend(committed.entries)
            self._bytes += sum(map(_size, committed.entries))
            if len(self._heard) > MOST_HEARD or self._bytes > MOST_HEARD_BYTES:
                self._heard.clear()
                self._bytes = 0

    def page(self, first: int, most: int) -> list[tuple[int, Entry]]:
        """Return at most so many entries from a sequence number on, in order; none where the journal ends before it.

        A body that was erased a moment ago may still be among them: the entry that says so follows.

        Raises:
            JournalCorruptError: an entry is not what was appended.
        """
        page: list[tuple[int, Entry]] = []
        with self._lock:
            while self._heard and self._heard[0][0] < first:
                self._drop()
            while self._heard and self._heard[0][0] == first + len(page) and len(page) < most:
                page.append(self._drop())
            until = self._heard[0][0] if self._heard else first + most
        if page:
            return page
        return [(stored.seq, stored.entry) for stored in self._store.read(first, min(most, until - first))]

    def _drop(self) -> tuple[int, Entry]:
        one = self._heard.popleft()
        self._bytes -= _size(one)
        return one


def _size(one: tuple[int, Entry]) -> int:
    return len(one[1].body or b"")
