"""Group commit over a real store."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.contract.journals import COUNTING, KINDS, entry

from kizuna.errors import JournalConflictError, RefusedError
from kizuna.kernel.journal import Projections
from kizuna.storage.group import MAX_ENTRIES, GroupCommitter
from kizuna.storage.sqlite import open_sqlite

if TYPE_CHECKING:
    from pathlib import Path

    from kizuna.kernel.journal import Db, Entry


class Gate:
    """A projection that can hold the writer, and notes where each commit began."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()

    def apply(self, db: Db, seq: int, entry: Entry) -> None:
        self.entered.set()
        self.open.wait(20)
        COUNTING.apply(db, seq, entry)


def test_what_queues_while_the_disk_is_busy_is_one_commit(tmp_path: Path) -> None:
    gate = Gate()
    store = open_sqlite(str(tmp_path / "j.db"), Projections("1", COUNTING.schema, COUNTING.tables, gate.apply))
    commits = 0

    def count() -> None:
        nonlocal commits
        commits += 1

    committer = GroupCommitter(store)
    first = committer.submit([entry(0)])
    assert gate.entered.wait(20)
    futures = [committer.submit([entry(number)]) for number in range(MAX_ENTRIES)]
    store._writer.set_commit_hook(lambda: count() or False)  # type: ignore[func-returns-value] # counts commits, refuses none
    gate.open.set()
    assert [first.result(20)[0], *(future.result(20)[0] for future in futures)] == list(range(1, MAX_ENTRIES + 2))
    # The first one, then one group; a second where the clock cut the gathering short.
    assert 2 <= commits <= 4
    committer.close()
    store.close()


def test_closing_commits_what_was_submitted_and_refuses_the_rest(tmp_path: Path) -> None:
    store = open_sqlite(str(tmp_path / "j.db"), COUNTING)
    committer = GroupCommitter(store)
    futures = [committer.submit([entry(number)]) for number in range(100)]
    committer.close()
    committer.close()
    assert [future.result(0)[0] for future in futures] == list(range(1, 101))
    with pytest.raises(RefusedError):
        committer.submit([entry(1)])
    store.close()


def test_a_fault_of_the_store_reaches_every_caller(tmp_path: Path) -> None:
    store = open_sqlite(str(tmp_path / "j.db"), COUNTING)
    other = open_sqlite(str(tmp_path / "j.db"), KINDS)
    committer = GroupCommitter(store)
    futures = [committer.submit([entry(number)]) for number in range(20)]
    assert all(isinstance(future.exception(20), JournalConflictError) for future in futures)
    committer.close()
    assert other.head().seq == 0
    other.close()
    store.close()


def test_a_cancelled_batch_is_not_kept(tmp_path: Path) -> None:
    gate = Gate()
    store = open_sqlite(str(tmp_path / "j.db"), Projections("1", COUNTING.schema, COUNTING.tables, gate.apply))
    committer = GroupCommitter(store)
    first = committer.submit([entry(0)])
    assert gate.entered.wait(20)
    second = committer.submit([entry(1, "cancelled")])
    assert second.cancel()
    gate.open.set()
    committer.close()
    assert first.result(0) == [1]
    assert store.head().seq == 1
    store.close()
