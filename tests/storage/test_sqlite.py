"""What is SQLite's own: damage to the file, a disk that is full, erasure to the last byte, the exclusive store."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import apsw
import pytest
import zstandard

from kizuna.errors import ConfigError, JournalConflictError, JournalCorruptError, KizunaError
from kizuna.kernel import canonical
from kizuna.kernel.journal import GENESIS, Entry, Head, link
from kizuna.sim.disk import PowerLossError, SimDisk, SimVfs
from kizuna.storage import journal_sql
from kizuna.storage.sqlite import open_sqlite
from tests.contract.journals import COUNTING, KINDS, entry

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
    rng = Random(3)
    store.commit(
        [
            Entry("noted", 1, {"mark": f"MARK{number:04}"}, b"BODY%04d" % number * 20 + rng.randbytes(300))
            for number in range(200)
        ]
    )
    kept = [
        bytes(store.query(f"SELECT {column} FROM journal_packed_{table} WHERE seq = 124")[0][0])
        for table, column in (("entry", "header"), ("body", "body"))
    ]
    store.close()
    sound = path.read_bytes()
    for mark in kept:
        flipped = bytearray(sound)
        flipped[sound.index(mark) + len(mark) - 9] ^= 4
        path.write_bytes(flipped)
        again = open_sqlite(str(path), COUNTING)
        assert {found.seq for found in again.verify().findings} == {124}
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


@pytest.mark.parametrize(
    "body",
    [Random(8).randbytes(16_000), canonical.encode({"secret": [Random(9).randbytes(40).hex() for _ in range(99)]})],
)
def test_an_erased_body_is_in_no_file_any_more(tmp_path: Path, body: bytes) -> None:
    store = open_sqlite(str(tmp_path / "journal.db"), KINDS)  # no table of these repeats it
    store.commit([Entry("bare", 1, {}), Entry("noted", 1, {}, body), entry(2)])
    kept = bytes(store.query("SELECT body FROM journal_packed_body WHERE seq = 2")[0][0])
    assert (kept == body) == (body[:1] != b"{"), "one lies packed, the other as it is"
    pieces = [kept[at : at + 24] for at in range(0, len(kept) - 24, 24)]
    assert all(any(piece in file.read_bytes() for file in tmp_path.iterdir()) for piece in pieces[:20])
    store.erase(2, Entry("erased", 2, {"target": 2, "reason": "court order"}))
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert not [piece for piece in pieces if piece in left]
    assert store.query("SELECT body FROM journal_body WHERE seq = 2") == [(None,)]
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


def as_formerly(path: Path, entries: list[Entry]) -> None:
    """Write a journal as it lay before there was packing."""
    connection = apsw.Connection(str(path))
    for statement in journal_sql.SCHEMA:
        connection.execute(journal_sql.typed(statement, "BLOB"))
    values = [("journal_version", "1"), ("oldest_reader", "1"), ("oldest_release", "0.1.0")]
    connection.executemany("INSERT INTO journal_meta VALUES (?, ?)", values)
    for stored in link(Head(0, GENESIS), entries):
        connection.execute("INSERT INTO journal_entry VALUES (?, ?, ?)", (stored.seq, stored.header, stored.chain))
        if stored.entry.body is not None:
            connection.execute("INSERT INTO journal_body VALUES (?, NULL, ?)", (stored.seq, stored.entry.body))
    connection.close()


def test_a_journal_from_before_there_was_packing_goes_on(tmp_path: Path) -> None:
    """Its rows stay as they lie, whatever their first bytes are; what is appended is packed; who reads does not know."""
    path = tmp_path / "journal.db"
    rng = Random(4)
    entries = [Entry("noted", 1, {"number": n}, bytes([n % 4]) + rng.choice((b"A", b"")) * 400) for n in range(40)]
    as_formerly(path, [*entries, Entry("bare", 2, {})])
    store = open_sqlite(str(path), COUNTING)
    later = [Entry("noted", 3, {"number": n}, b'{"said":"again"}' * n) for n in range(40)]
    store.commit(later)
    store.erase(7, Entry("erased", 4, {"target": 7, "reason": "court order"}))
    entries[6] = Entry("noted", 1, {"number": 6})
    assert [stored.entry for stored in store.read(1, 81)] == [*entries, Entry("bare", 2, {}), *later]
    forms = store.query("SELECT form IS NULL, COUNT(*), MAX(seq) FROM journal_packed_body GROUP BY 1 ORDER BY 1")
    assert [(kept, seq) for kept, _, seq in forms] == [(0, 81), (1, 44)]
    assert store.verify().findings == ()
    store.close()
    again = open_sqlite(str(path), COUNTING)
    assert (again.verify().count, again.verify().findings) == (82, ())
    again.close()


def test_a_power_loss_while_a_former_journal_is_taken_over_leaves_it_as_it_was_or_done(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    entries = [Entry("noted", 1, {"number": number}, b"body" * 100) for number in range(20)]
    as_formerly(path, entries)
    for fail_at in range(1, 200):
        disk = SimDisk(Random(fail_at), lambda: 1_700_000_000_000)
        vfs = SimVfs("sim-taking-over", disk)
        connection = apsw.Connection("node.db", vfs="sim-taking-over")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        with connection.backup("main", apsw.Connection(str(path)), "main") as copying:
            copying.step()
        connection.close()
        disk.fail_at = disk.steps + fail_at
        try:
            open_sqlite("node.db", COUNTING, vfs="sim-taking-over").close()
            done = disk.is_on
        except (PowerLossError, KizunaError, apsw.Error):
            done = False
        disk.restart()
        store = open_sqlite("node.db", COUNTING, vfs="sim-taking-over")
        assert [stored.entry for stored in store.read(1, 99)] == entries
        assert store.verify().findings == ()
        store.close()
        vfs.unregister()
        if done:
            return
    pytest.fail("it was never taken over whole")


def test_packed_bytes_that_were_cut_or_swell_are_found_at_their_place(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 30))
    for table, column in (("entry", "header"), ("body", "body")):
        for form, damage in ((0, bomb), (1, b"\0\0" + bomb), (0, b""), (1, b"\xff"), (77, b"none"), (0, b"{}")):
            path.unlink(missing_ok=True)
            store = open_sqlite(str(path), COUNTING)
            store.commit([Entry("noted", 1, {"number": number}, b'{"said":"again"}' * 9) for number in range(5)])
            store.close()
            connection = apsw.Connection(str(path))
            sql = f"UPDATE journal_packed_{table} SET {column} = ?, form = ? WHERE seq = 3"
            connection.execute(sql, (damage, form))
            connection.close()
            again = open_sqlite(str(path), COUNTING)
            assert {found.seq for found in again.verify().findings} == {3}
            with pytest.raises(JournalCorruptError, match="entry `3`"):
                list(again.read(1, 9))
            again.close()


def test_bodies_written_last_are_at_hand_until_something_is_erased(tmp_path: Path) -> None:
    store = open_sqlite(str(tmp_path / "journal.db"), COUNTING)
    store.commit([Entry("noted", 1, {"number": number}, b'{"said":"again"}' * 9) for number in range(5)])
    packing = store._packing
    assert len(packing._recent) == 1, "the same bytes are remembered once"
    told = [b'{"said":"%d","again":"%d"}' % (number, number) * 240 for number in range(store.REMEMBERED // 6_000)]
    assert sum(map(len, told)) > store.REMEMBERED
    store.commit([Entry("noted", 1, {}, body) for body in told])
    held = sum(len(packed) + len(body) for (_, packed), body in packing._recent.items())
    assert held == packing._recent_bytes
    assert store.REMEMBERED - 8_192 < held <= store.REMEMBERED
    assert told[-1] in packing._recent.values()
    store.commit([Entry("noted", 1, {}, b'{"large":"%d"}' % number * 9_000) for number in range(9)])
    assert max(map(len, packing._recent.values())) < 9_000
    store.erase(2, Entry("erased", 2, {"target": 2, "reason": "court order"}))
    assert not packing._recent
    assert packing._recent_bytes == 0
    assert store.verify().findings == ()
    store.close()
