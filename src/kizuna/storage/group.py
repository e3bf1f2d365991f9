"""Group commit: one thread that merges what several callers submit into one durable commit.

A commit costs one flush of the disk however many entries it holds. Nothing waits for company: what is queued while the disk is busy with one
group is the next one, so a lone caller pays no delay and many callers share the flush.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from kizuna.errors import ConfigError, JournalConflictError, JournalCorruptError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kizuna.kernel.journal import Entry, Store

MAX_ENTRIES = 512
"""Entries after which a group is closed; a larger single batch still goes as one."""

MAX_GATHER_S = 0.005
"""Seconds after which a group is closed though more is queued."""

_STORE_FAULTS = (ConfigError, JournalConflictError, JournalCorruptError)
"""Faults of the store, not of a batch: trying each batch alone cannot help, and might append twice."""


class _Batch(NamedTuple):
    entries: tuple[Entry, ...]
    future: Future[list[int]]


class GroupCommitter:
    """Owns the thread that commits to `store`; close it before the store."""

    def __init__(self, store: Store, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._queue: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="kizuna-group-commit", daemon=True)
        self._thread.start()

    def submit(self, entries: Sequence[Entry]) -> Future[list[int]]:
        """Return a future of the sequence numbers of `entries`, done once they are durable; a batch is kept whole or not at all.

        The future raises what `Store.commit` raises, and only for this batch's own fault or a fault of the store.

        Raises:
            RefusedError: the committer was closed.
        """
        batch = _Batch(tuple(entries), Future())
        with self._closing:
            if self._closed:
                raise RefusedError("the journal is closing: nothing more is accepted")
            self._queue.put(batch)
        return batch.future

    def close(self) -> None:
        """Commit what was submitted, then stop; calling it again does nothing."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        more = True
        while more:
            group, more = self._gather()
            running = [batch for batch in group if batch.future.set_running_or_notify_cancel()]
            if running:
                self._commit(running)

    def _gather(self) -> tuple[list[_Batch], bool]:
        first = self._queue.get()
        if first is None:
            return [], False
        group, size = [first], len(first.entries)
        deadline = self._monotonic() + MAX_GATHER_S
        while size < MAX_ENTRIES and self._monotonic() < deadline:
            try:
                batch = self._queue.get_nowait()
            except queue.Empty:
                break
            if batch is None:
                return group, False
            group.append(batch)
            size += len(batch.entries)
        return group, True

    def _commit(self, group: list[_Batch]) -> None:
        try:
            seqs = self._store.commit([entry for batch in group for entry in batch.entries])
        except _STORE_FAULTS as error:
            for batch in group:
                batch.future.set_exception(error)
        except Exception as error:  # noqa: BLE001 # a projection's bug must reach the caller whose batch met it
            if len(group) == 1:
                group[0].future.set_exception(error)
                return
            for batch in group:
                self._commit([batch])
        else:
            at = 0
            for batch in group:
                batch.future.set_result(seqs[at : at + len(batch.entries)])
                at += len(batch.entries)
