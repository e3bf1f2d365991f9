"""The shell around the core: commits made together or each alone, what follows a fault, and an end that leaves nobody waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kizuna.errors import ChannelError, ConfigError, JournalCorruptError, KizunaError
from kizuna.kernel.journal import Entry, OutcomeUnknownError
from kizuna.node import effects as fx
from kizuna.node.channel.world import Sources
from kizuna.node.core import Core
from kizuna.node.held.filling import projections
from kizuna.node.runner import Runner, Shell
from kizuna.sim.federation import Federation, SimBlobs
from kizuna.storage.sqlite import SqliteStore, open_sqlite
from tests.sim.world import DOMAINS, note

NOW_MS = 1_790_000_000_000


class Blobs(SimBlobs):
    def put_all(self, blobs: Sequence[bytes]) -> None:
        for blob in blobs:
            self.put(blob)


class Clock:
    def now_ms(self) -> int:
        return NOW_MS

    def in_doubt(self) -> bool:
        return False


@dataclass
class Marks:
    fails: bool = False
    raised: list[str] = field(default_factory=list)

    def raise_to(self, channel: str, _epoch: int, _size: int, _root: bytes) -> object:
        if self.fails:
            raise ConfigError("no space left")
        self.raised.append(channel)
        return None


class Picky:
    """A real store that refuses entries of one kind, as a full disk would some."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.refused = ""
        self.silent = False

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def commit(self, entries: Sequence[Entry]) -> list[int]:
        if any(entry.kind == self.refused for entry in entries):
            raise ConfigError("no space left")
        made = self.store.commit(entries)
        if self.silent:
            raise OutcomeUnknownError("the server went away amid a commit")
        return made


@dataclass
class Bench:
    runner: Runner
    store: Picky
    marks: Marks
    core: Core


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    node = Federation("runner").add("ind/delhi", DOMAINS)
    store, blobs, marks = Picky(open_sqlite(str(tmp_path / "journal"), projections(DOMAINS))), Blobs(node.disk), Marks()
    core = Core(node.identity, Sources(store, blobs, node.rng.randbytes, lambda _channel: None), DOMAINS)  # type: ignore[arg-type] # hands through
    shell = Shell(store, blobs, marks, Clock(), lambda _node, _data: None)  # type: ignore[arg-type] # hands through
    return Bench(Runner(core, shell), store, marks, core)


def together(bench: Bench, *commands: fx.Command) -> list[Future[object]]:
    """Ask for several commands before the thread starts: they fall into one round."""
    futures = [bench.runner.do(command) for command in commands]
    bench.runner.start()
    return futures


SAY = fx.Say((note("a note", "ind"),))
HALT = fx.Halt(on=True, actor="officer:2:security", reason="a test")


def test_a_commit_that_cannot_be_made_takes_no_other_with_it(bench: Bench) -> None:
    bench.store.refused = "setting"
    said, halted, other = together(bench, SAY, HALT, SAY)
    assert said.result(5)
    assert other.result(5)
    with pytest.raises(ConfigError):
        halted.result(5)
    bench.runner.stop()
    assert bench.store.query("SELECT COUNT(*) FROM record") == [(2,)]  # type: ignore[operator] # handed through
    assert bench.runner.fault is None


def test_what_may_have_been_committed_is_not_committed_again(bench: Bench) -> None:
    bench.store.silent = True
    said, halted = together(bench, SAY, HALT)
    for asked in (said, halted):
        with pytest.raises(OutcomeUnknownError):
            asked.result(5)
    bench.runner.stop()
    assert isinstance(bench.runner.fault, OutcomeUnknownError), "the core ends: started again, it reads what was kept"
    assert bench.store.query("SELECT COUNT(*) FROM record") == [(1,)]  # type: ignore[operator] # handed through


def test_a_mark_that_cannot_be_raised_fails_its_own_commit_alone(bench: Bench) -> None:
    bench.marks.fails = True
    followed: list[str] = []
    entry = Entry(kind="setting", at_ms=NOW_MS, meta={"name": "x", "value": "y"})
    mark = fx.Mark("channel", 0, 1, bytes(32))

    def ask(name: str, marks: tuple[fx.Mark, ...]) -> Callable[[int], list[fx.Effect]]:
        return lambda _now_ms: [
            bench.core.world.commit(
                [entry],
                lambda _seqs, _ms: followed.append(f"{name} made") or [],  # type: ignore[func-returns-value] # notes
                lambda _error: followed.append(f"{name} failed") or [],  # type: ignore[func-returns-value] # notes
                marks=marks,
            )
        ]

    bench.runner._put(ask("marked", (mark,)))  # no command of a lone node raises a mark
    bench.runner._put(ask("plain", ()))
    said = together(bench, SAY)[0]
    assert said.result(5)
    bench.runner.stop()
    assert followed == ["marked failed", "plain made"]


def test_erasing_twice_stops_nobody(bench: Bench) -> None:
    said = together(bench, SAY)[0].result(5)
    record_id = said[0].record_id  # type: ignore[index] # the reply of `Say`
    acts = [fx.Act(record_id, "destroy", "a test", "officer:2:security") for _ in range(3)]
    done = [bench.runner.do(act) for act in acts]
    for one in done:
        one.result(5)
    assert bench.runner.do(SAY).result(5)
    bench.runner.stop()
    assert bench.runner.fault is None
    assert bench.store.store.verify().findings == ()


def test_after_the_end_nobody_waits(bench: Bench) -> None:
    assert together(bench, SAY)[0].result(5)
    bench.runner.stop()
    for ask in (lambda: bench.runner.do(SAY), lambda: bench.runner.message("jpn/yokosuka", b"")):
        with pytest.raises(ChannelError):
            ask().result(5)
    bench.runner.answered("jpn/yokosuka", b"")
    bench.runner.stop()


def test_those_who_ask_while_it_stops_get_an_answer(bench: Bench) -> None:
    bench.runner.start()
    futures: list[Future[object]] = []
    thread = threading.Thread(target=lambda: futures.extend(bench.runner.do(SAY) for _ in range(500)))
    thread.start()
    bench.runner.stop()
    thread.join()
    for one in futures:
        error = one.exception(5)
        assert error is None or isinstance(error, KizunaError)


def test_a_corrupt_journal_stops_the_core_and_says_why(bench: Bench) -> None:
    def corrupt(_entries: Sequence[Entry]) -> list[int]:
        raise JournalCorruptError("bad page")

    bench.store.commit = corrupt  # type: ignore[method-assign] # the disk lies
    with pytest.raises(JournalCorruptError):
        together(bench, SAY)[0].result(5)
    bench.runner.stop()
    assert isinstance(bench.runner.fault, JournalCorruptError)
    with pytest.raises(JournalCorruptError):
        bench.runner.do(SAY).result(5)
