"""What is SQLite's own: damage to the file, a disk that is full, erasure to the last byte, the exclusive store."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import apsw
import pytest

from kizuna.errors import ConfigError, JournalConflictError, JournalCorruptError
from kizuna.kernel.journal import Entry
from kizuna.sim.disk import SimDisk, SimVfs
from kizuna.storage.sqlite import open_sqlite
from tests.contract.journals import COUNTING, entry

if TYPE_CHECKING:
    from kizuna.kernel.journal import Store


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database" * 1_000)
    with pytest.raises(JournalCorruptError, match="damaged"):
        open_sqlite(str(path), COUNTING)


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened") as raised:
        open_sqlite(str(tmp_path / "none" / "journal.db"), COUNTING)
    assert raised.value.where == str(tmp_path / "none" / "journal.db")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else for a while")
def test_a_journal_that_sqlite_opens_to_be_read_alone_is_not_run_with() -> None:
    """It falls back to that by itself where a file cannot be opened to be written, and would refuse every commit of a node that has begun."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        path = Path(folder) / "journal.db"
        open_sqlite(str(path), COUNTING).close()
        path.chmod(0o644)
        os.seteuid(65_534)
        try:
            with pytest.raises(ConfigError, match="to be read alone: free handles or space"):
                open_sqlite(str(path), COUNTING)
        finally:
            os.seteuid(0)


def test_flipped_bytes_in_the_file_are_found(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    store = open_sqlite(str(path), COUNTING)
    store.commit([Entry("noted", 1, {"mark": f"MARK{number:04}"}, b"BODY%04d" % number * 50) for number in range(200)])
    store.close()
    sound = path.read_bytes()
    rng = Random(3)
    for mark in (b'"MARK0123"', b"BODY0077BODY"):
        flipped = bytearray(sound)
        flipped[sound.index(mark) + 2] ^= 4
        path.write_bytes(flipped)
        again = open_sqlite(str(path), COUNTING)
        assert len(again.verify().findings) == 1
        again.close()
    for _ in range(30):
        page = rng.randrange(1, len(sound) // 4096)
        flipped = bytearray(sound)
        flipped[page * 4096 : page * 4096 + 200] = rng.randbytes(200)
        path.write_bytes(flipped)
        try:
            again = open_sqlite(str(path), COUNTING)
        except JournalCorruptError:
            continue
        found = again.verify()
        assert found.findings or found.count == 200
        again.close()


def test_an_erased_body_is_in_no_file_any_more(tmp_path: Path) -> None:
    store = open_sqlite(str(tmp_path / "journal.db"), COUNTING)
    secret = b"the-secret-that-must-go"
    store.commit([Entry("bare", 1, {}), Entry("noted", 1, {}, secret * 700), entry(2)])
    assert any(secret in file.read_bytes() for file in tmp_path.iterdir())
    store.erase(2, Entry("erased", 2, {"target": 2, "reason": "court order"}))
    assert not any(secret in file.read_bytes() for file in tmp_path.iterdir())
    assert store.verify().findings == ()
    store.close()


def test_a_journal_in_memory_dies_with_its_store() -> None:
    store = open_sqlite(":memory:", COUNTING)
    store.commit([entry(1), entry(2)])
    with store.view() as db, store.view() as inner:
        assert db.execute("SELECT entries FROM tally") == inner.execute("SELECT entries FROM tally") == [(2,)]
    assert store.verify().count == 2
    store.close()
    store.close()
    assert open_sqlite(":memory:", COUNTING).head().seq == 0


def commit_until_full(store: Store, acked: list[int]) -> None:
    while True:
        acked += store.commit([entry(1, size=3_000), entry(2, size=3_000)])


def test_a_full_disk_is_said_and_nothing_is_half_kept() -> None:
    disk = SimDisk(Random(1), lambda: 1_700_000_000_000)
    vfs = SimVfs("sim-full", disk)
    store = open_sqlite("node.db", COUNTING, vfs="sim-full")
    disk.capacity = 400_000
    acked: list[int] = []
    with pytest.raises(ConfigError, match="disk full") as raised:
        commit_until_full(store, acked)
    kept = acked[-1]
    assert raised.value.where == "node.db"
    assert store.head().seq == kept
    assert store.verify().findings == ()
    disk.capacity = None
    assert store.commit([entry(1)]) == [kept + 1]
    store.close()
    vfs.unregister()


def test_an_exclusive_store_locks_others_out_of_its_file(tmp_path: Path) -> None:
    path = str(tmp_path / "journal.db")
    store = open_sqlite(path, COUNTING, vfs=apsw.vfs_names()[0])
    store.commit([entry(1)])
    with pytest.raises(JournalConflictError):
        open_sqlite(path, COUNTING, busy_ms=20)
    store.close()
    open_sqlite(path, COUNTING).close()


def test_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    store = open_sqlite(str(tmp_path / "journal.db"), COUNTING)
    for number in range(200):
        store.commit([entry(number, size=4_000) for _ in range(50)])
    assert os.path.getsize(tmp_path / "journal.db-wal") < 20_000_000  # noqa: PTH202 # one call says it
    store.close()
