"""One suite for every store: what the kernel's `Store` port promises."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kizuna.errors import ConfigError, JournalConflictError, JournalCorruptError, RecordError, RefusedError
from kizuna.kernel.journal import GENESIS, Entry, Head, Store
from tests.contract import journals
from tests.contract.journals import COUNTING, KINDS, PostgresEngine, SqliteEngine, entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    Engine = SqliteEngine | PostgresEngine

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        yield SqliteEngine(tmp_path)
        return
    conninfo = request.getfixturevalue("postgres_conninfo")
    postgres = PostgresEngine(conninfo, f"test_{uuid.uuid4().hex[:12]}")
    yield postgres
    postgres.drop()


@pytest.fixture
def store(engine: Engine) -> Iterator[Store]:
    opened = engine.open()
    yield opened
    opened.close()


def tables(store: Store) -> list[list[tuple[Any, ...]]]:
    return [store.query("SELECT * FROM tally ORDER BY kind"), store.query("SELECT * FROM content ORDER BY seq")]


def spawn(engine: Engine, writer: str, count: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "KIZUNA_TEST_WRITER": "1"}
    return subprocess.Popen(
        [sys.executable, journals.__file__, engine.target, writer, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_an_empty_journal_has_the_genesis_head(store: Store) -> None:
    assert store.head() == Head(0, GENESIS)
    assert list(store.read(1, 10)) == []
    assert store.commit([]) == []
    assert store.verify().findings == ()


def test_what_is_committed_is_read_again_after_reopening(engine: Engine, store: Store) -> None:
    assert store.commit([entry(1), Entry("bare", 5, {"a": ["b", None, True]})]) == [1, 2]
    assert store.commit([entry(3, size=0)]) == [3]
    store.close()
    again = engine.open()
    read = list(again.read(1, 10))
    assert [stored.entry for stored in read] == [entry(1), Entry("bare", 5, {"a": ["b", None, True]}), entry(3, size=0)]
    assert again.head() == Head(3, read[-1].chain)
    assert [stored.seq for stored in again.read(2, 1)] == [2]
    again.close()


def test_reading_crosses_batches(store: Store) -> None:
    store.commit([entry(number, size=1) for number in range(2_500)])
    assert [stored.seq for stored in store.read(2, 2_300)] == list(range(2, 2_302))


def test_a_projection_sees_live_what_a_replay_will_see(store: Store) -> None:
    store.commit([Entry("noted", 1, {"place": (1, 2)}, b"body")])
    live = tables(store)
    store.rebuild()
    assert tables(store) == live


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (entry(2, "bug"), ZeroDivisionError),
        (Entry("noted", 2, {"speed_kn": 1.5}), RecordError),
        (Entry("", 2, {}), RecordError),
        (Entry("erased", 2, {"target": 1, "reason": "x"}), RefusedError),
    ],
)
def test_a_commit_is_whole_or_nothing(store: Store, bad: Entry, error: type[Exception]) -> None:
    store.commit([entry(1)])
    head, before = store.head(), tables(store)
    with pytest.raises(error):
        store.commit([entry(2), bad, entry(3)])
    assert store.head() == head
    assert tables(store) == before
    assert store.commit([entry(2)]) == [2]
    assert store.verify().findings == ()


def test_a_view_does_not_change_while_it_is_open(store: Store) -> None:
    store.commit([entry(1)])
    with store.view() as db:
        store.commit([entry(2)])
        assert db.execute("SELECT entries FROM tally") == [(1,)]
        with store.view() as later:
            assert later.execute("SELECT entries FROM tally") == [(2,)]
        assert db.execute("SELECT MAX(seq) FROM content") == [(1,)]
    assert store.query("SELECT entries FROM tally WHERE kind = ?", ("noted",)) == [(2,)]


def test_a_view_cannot_write(store: Store) -> None:
    with pytest.raises(ConfigError), store.view() as db:
        db.execute("DELETE FROM tally")


def test_portable_sql_means_the_same(store: Store) -> None:
    store.commit([entry(1, "it's 100 %?"), entry(2, "b", size=10), entry(3, "b", size=5)])
    assert store.query("SELECT kind FROM tally WHERE kind LIKE 'it''s 100 %?' AND last_seq = ? -- ?", (1,)) == [
        ("it's 100 %?",)
    ]
    assert store.query("SELECT SUM(last_seq), AVG(entries), SUM(half) FROM tally") == [(4, 1.5, 3.0)]
    assert store.query("SELECT entries FROM tally WHERE entries > ? AND kind <> ?", (True, "a")) == [(2,)]
    assert store.query("SELECT CAST(? AS TEXT), COALESCE(CAST(? AS BIGINT), 7)", (None, None)) == [(None, 7)]
    assert store.query("SELECT body FROM content WHERE body = ?", (b"\x03" * 5,)) == [(b"\x03" * 5,)]


def test_a_rebuild_equals_the_live_projections(store: Store) -> None:
    for number in range(30):
        store.commit([entry(number, f"kind{number % 3}"), Entry("bare", number, {})])
    store.erase(3, Entry("erased", 9, {"target": 3, "reason": "court order 5"}))
    live = tables(store)
    seen: list[tuple[int, int]] = []
    store.rebuild(lambda done, total: seen.append((done, total)))
    assert tables(store) == live
    assert seen[-1] == (61, 61)


def test_another_version_of_the_projections_is_rebuilt_on_opening(engine: Engine, store: Store) -> None:
    store.commit([entry(1), entry(2)])
    live = tables(store)
    other = engine.open(KINDS)
    assert other.query("SELECT * FROM kinds ORDER BY seq") == [(1, "noted"), (2, "noted")]
    with pytest.raises(JournalConflictError, match="open the journal again"):
        store.commit([entry(3)])
    with pytest.raises(JournalConflictError), store.view():
        pass
    other.commit([entry(3, "late")])
    other.close()
    again = engine.open()
    assert tables(again)[1][:2] == live[1]
    assert again.query("SELECT entries FROM tally WHERE kind = 'late'") == [(1,)]
    again.close()


def test_the_same_projections_are_not_rebuilt(engine: Engine, store: Store) -> None:
    store.commit([entry(1)])
    engine.raw(("UPDATE tally SET entries = 99", ()))
    again = engine.open()
    assert again.query("SELECT entries FROM tally") == [(99,)]
    again.close()


def test_a_projection_may_not_touch_the_journal() -> None:
    with pytest.raises(ConfigError, match="journal_entry"):
        type(COUNTING)("1", (), ("journal_entry",), COUNTING.apply)


SWAP = (
    ("UPDATE journal_entry SET seq = -1 WHERE seq = 4", ()),
    ("UPDATE journal_entry SET seq = 4 WHERE seq = 5", ()),
    ("UPDATE journal_entry SET seq = 5 WHERE seq = -1", ()),
)


@pytest.mark.parametrize(
    ("tampering", "seq", "message"),
    [
        ([("UPDATE journal_entry SET header = ? WHERE seq = 4", (b'{"a":1}',))], 4, "header and chain do not follow"),
        ([("UPDATE journal_entry SET chain = ? WHERE seq = 4", (bytes(32),))], 4, "header and chain do not follow"),
        ([("UPDATE journal_body SET body = ? WHERE seq = 4", (b"forged",))], 4, "its body was altered"),
        ([("DELETE FROM journal_body WHERE seq = 4", ())], 4, "its body is missing"),
        ([("UPDATE journal_body SET body = NULL WHERE seq = 4", ())], 4, "its body is missing"),
        ([("UPDATE journal_body SET body = NULL, erased_by = 6 WHERE seq = 4", ())], 4, "does not say so"),
        (
            [("UPDATE journal_body SET body = ?, erased_by = NULL WHERE seq = 2", (b"\x02" * 40,))],
            2,
            "though entry `8` erased",
        ),
        ([("INSERT INTO journal_body (seq, body) VALUES (3, ?)", (b"x",))], 3, "its header names none"),
        ([("INSERT INTO journal_body (seq, body) VALUES (99, ?)", (b"x",))], 99, "is not in the journal"),
        ([("DELETE FROM journal_entry WHERE seq = 4", ())], 4, "entries `4` to `4` are missing"),
        ([("DELETE FROM journal_entry WHERE seq = 1", ())], 1, "entries `1` to `1` are missing"),
        ([("DELETE FROM journal_entry WHERE seq = 2", ())], 2, "entries `2` to `2` are missing"),
        ([("DELETE FROM journal_entry WHERE seq > 7", ())], 2, "does not say so"),
        (SWAP, 4, "header and chain do not follow"),
    ],
)
def test_an_audit_finds_tampering(
    engine: Engine, store: Store, tampering: list[tuple[str, tuple[Any, ...]]], seq: int, message: str
) -> None:
    store.commit([entry(1), entry(2), Entry("bare", 3, {}), *(entry(number) for number in range(4, 8))])
    assert store.erase(2, Entry("erased", 9, {"target": 2, "reason": "x"})) == 8
    sound = store.verify(expected=store.head())
    assert (sound.count, sound.head, sound.erased, sound.findings) == (8, store.head(), 1, ())
    engine.raw(*tampering)
    assert any(found.seq == seq and message in found.message for found in store.verify().findings)


def test_an_audit_finds_one_flipped_bit_of_a_header(engine: Engine, store: Store) -> None:
    store.commit([entry(number) for number in range(5)])
    header = bytearray(next(store.read(3, 1)).header)
    for at in range(len(header)):
        header[at] ^= 1
        engine.raw(("UPDATE journal_entry SET header = ? WHERE seq = 3", (bytes(header),)))
        header[at] ^= 1
        assert 3 in {found.seq for found in store.verify().findings}


def test_a_cut_tail_is_found_by_a_head_noted_elsewhere(engine: Engine, store: Store) -> None:
    store.commit([entry(number) for number in range(6)])
    noted = store.head()
    engine.raw(("DELETE FROM journal_body WHERE seq > 4", ()), ("DELETE FROM journal_entry WHERE seq > 4", ()))
    assert store.verify().findings == ()
    assert [found.seq for found in store.verify(expected=noted).findings] == [5]
    store.rebuild()
    store.commit([entry(7), entry(8), entry(9)])
    assert [found.seq for found in store.verify(expected=noted).findings] == [6]


def test_an_erased_body_is_told_from_a_missing_one(engine: Engine, store: Store) -> None:
    store.commit([entry(1), entry(2)])
    seq = store.erase(1, Entry("erased", 9, {"target": 1, "reason": "retention over"}))
    assert seq == 3
    first, second, third = store.read(1, 9)
    assert (first.entry.body, first.erased_by) == (None, 3)
    assert (second.entry.body, second.erased_by) == (entry(2).body, None)
    assert third.entry.kind == "erased"
    assert store.query("SELECT seq FROM content") == [(2,)]
    engine.raw(("UPDATE journal_body SET body = NULL WHERE seq = 2", ()))
    assert [found.seq for found in store.verify().findings] == [2]
    with pytest.raises(JournalCorruptError, match="its body is missing"):
        list(store.read(1, 9))


@pytest.mark.parametrize(
    ("target", "erasure"),
    [
        (1, Entry("erased", 9, {"target": 1, "reason": "again"})),
        (2, Entry("erased", 9, {"target": 2, "reason": "no body"})),
        (77, Entry("erased", 9, {"target": 77, "reason": "no entry"})),
        (3, Entry("erased", 9, {"target": 1, "reason": "another"})),
        (3, Entry("erased", 9, {"target": 3})),
        (3, Entry("noted", 9, {"target": 3, "reason": "x"})),
        (3, Entry("erased", 9, {"target": 3, "reason": "x"}, b"body")),
    ],
)
def test_an_erasure_that_does_not_fit_is_refused(store: Store, target: int, erasure: Entry) -> None:
    store.commit([entry(1), Entry("bare", 2, {}), entry(3)])
    store.erase(1, Entry("erased", 9, {"target": 1, "reason": "first"}))
    head = store.head()
    with pytest.raises(RefusedError):
        store.erase(target, erasure)
    assert store.head() == head


def test_a_body_altered_on_disk_is_never_read_or_replayed(engine: Engine, store: Store) -> None:
    store.commit([entry(1)])
    engine.raw(("UPDATE journal_body SET body = ? WHERE seq = 1", (b"forged",)))
    with pytest.raises(JournalCorruptError, match="altered"):
        list(store.read(1, 1))
    with pytest.raises(JournalCorruptError, match="altered"):
        store.rebuild()
    assert store.query("SELECT entries FROM tally") == [(1,)]


def test_a_rebuild_refuses_a_gap(engine: Engine, store: Store) -> None:
    store.commit([entry(number) for number in range(5)])
    engine.raw(("DELETE FROM journal_entry WHERE seq = 3", ()))
    with pytest.raises(JournalCorruptError, match="`3` to `3` are missing"):
        store.rebuild()


def test_a_journal_of_a_newer_kizuna_is_refused(engine: Engine, store: Store) -> None:
    engine.raw(
        ("UPDATE journal_meta SET value = '7' WHERE name IN ('journal_version', 'oldest_reader')", ()),
        ("UPDATE journal_meta SET value = '3.1.0' WHERE name = 'oldest_release'", ()),
    )
    with pytest.raises(ConfigError, match=r"version `7` is newer .* install kizuna `3\.1\.0` or newer"):
        engine.open()


def test_a_newer_journal_that_lets_this_reader_in_is_opened(engine: Engine, store: Store) -> None:
    engine.raw(("UPDATE journal_meta SET value = '7' WHERE name = 'journal_version'", ()))
    engine.open().close()


def test_a_writer_that_waits_too_long_is_told_to_retry(engine: Engine, store: Store) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold(db: Any, seq: int, held: Entry) -> None:
        COUNTING.apply(db, seq, held)
        entered.set()
        leave.wait(20)

    holding = engine.open(type(COUNTING)("1", COUNTING.schema, COUNTING.tables, hold))
    impatient = engine.open(busy_ms=30)
    thread = threading.Thread(target=holding.commit, args=([entry(1)],))
    thread.start()
    assert entered.wait(20)
    with pytest.raises(JournalConflictError, match="retry"):
        impatient.commit([entry(2)])
    leave.set()
    thread.join()
    assert impatient.commit([entry(2)]) == [2]
    holding.close()
    impatient.close()


def test_threads_write_without_loss(engine: Engine, store: Store) -> None:
    acked: dict[int, Entry] = {}

    def work(writer: int, mine: Store) -> None:
        for number in range(25):
            batch = [entry(number, f"w{writer}"), entry(number + 1, f"w{writer}")]
            acked.update(zip(mine.commit(batch), batch, strict=True))

    second = engine.open()
    threads = [threading.Thread(target=work, args=(writer, (store, second)[writer % 2])) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {stored.seq: stored.entry for stored in store.read(1, 1_000)} == acked
    assert sorted(acked) == list(range(1, 201))
    assert store.verify(expected=store.head()).findings == ()
    second.close()


def test_processes_write_without_loss(engine: Engine) -> None:
    # Nobody has opened the journal before: they race for its creation too.
    writers = [spawn(engine, f"p{number}", 30) for number in range(3)]
    acked = {}
    for number, process in enumerate(writers):
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        for line in output.splitlines():
            batch, first, second = map(int, line.split())
            acked[first] = acked[second] = entry(batch, f"p{number}")
    store = engine.open()
    assert {stored.seq: stored.entry for stored in store.read(1, 1_000)} == acked
    assert sorted(acked) == list(range(1, 181))
    assert store.verify().findings == ()
    live = tables(store)
    store.rebuild()
    assert tables(store) == live
    store.close()


def test_a_killed_writer_loses_nothing_that_it_was_told_is_safe(engine: Engine) -> None:
    acked: list[tuple[int, ...]] = []
    for round_number in range(3):
        process = spawn(engine, f"k{round_number}", 100_000)
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(20 + round_number)]
        process.kill()
        rest = process.stdout.read()
        complete = rest[: rest.rfind("\n") + 1].splitlines()
        acked += [(round_number, *map(int, line.split())) for line in first + complete]
        process.wait(20)
        process.stdout.close()
    store = engine.open()
    kept = {stored.seq: stored.entry for stored in store.read(1, 1_000_000)}
    for round_number, batch, seq, next_seq in acked:
        assert kept[seq] == kept[next_seq] == entry(batch, f"k{round_number}")
    assert len(kept) <= 2 * (len(acked) + 3)
    assert store.verify().findings == ()
    store.close()
