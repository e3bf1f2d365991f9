"""Opening a node: one process at a time, nothing left locked."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kizuna.domains.maritime.records import EventDetected
from kizuna.domains.maritime.watchlog.operations import RuleAsked
from kizuna.errors import ConfigError
from kizuna.kernel.label import label
from kizuna.node.effects import Act, Draft, Halt, Operate, Say
from kizuna.node.keys import keyfiles
from kizuna.node.maritime.watch import open_watch
from kizuna.node.service import DataLock, InUseError, Node, mark_of, open_node
from kizuna.node.settings import Settings

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


class Clock:
    def now_ms(self) -> int:
        return NOW_MS

    def in_doubt(self) -> bool:
        return False


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    root = keyfiles.create_root(tmp_path / "root.key", os.urandom)
    keyfiles.create_keys(tmp_path / "keys", "ind/fusion-delhi", [], root, NOW_MS, os.urandom)
    high_water = tmp_path / "high-water" / "marks.json"
    return Settings(node="ind/fusion-delhi", data=tmp_path / "data", keys=tmp_path / "keys", high_water=high_water)


def opened(settings: Settings) -> Node:
    return open_node(settings, clock=Clock(), random=os.urandom, send=lambda _node, _data: None)


def test_a_node_that_was_closed_remembers(settings: Settings) -> None:
    node = opened(settings)
    node.runner.start()
    assert node.runner.do(Halt(on=True, actor="officer:1:security", reason="a drill")).result(10) is True
    node.close()
    again = opened(settings)
    assert again.core.world.halted
    again.close()
    again.close()


def test_a_node_without_feeds_judges_its_rules_and_keeps_its_alerts_at_home(settings: Settings) -> None:
    node = opened(settings)
    node.runner.start()
    watch = open_watch(node, Clock())
    assert watch.alerting is not None
    assert watch.detecting is None
    asked = RuleAsked(rule="silent", kind="gap", at_least_min=360)
    node.runner.do(Operate("maritime", "write-rule", asked, "officer:1:watch")).result(10)
    gap = EventDetected(kind="gap", mmsi=419_000_001, from_ms=NOW_MS - 8 * HOUR_MS, source_kind="live")
    mark = label("ind.desk.v1", 0, originator="ind")
    node.runner.do(Say((Draft("maritime.event-detected.v1", gap, mark, "system:events"),))).result(10)
    (said,) = watch.alerting.once()
    assert not said.due
    assert watch.alerting.once() == []
    node.close()


def test_what_is_erased_at_rest_is_in_no_extract(settings: Settings) -> None:
    """Nobody brings extracts after the journal at rest; a node that serves does."""
    for served in (True, False):
        node = opened(settings)
        node.runner.start()
        (settings.data / "extracts").mkdir(exist_ok=True)
        mark = label("ind.desk.v1", 0, originator="ind")
        gap = EventDetected(kind="gap", mmsi=419_000_001, from_ms=NOW_MS - 8 * HOUR_MS, source_kind="live")
        (said,) = node.runner.do(Say((Draft("maritime.event-detected.v1", gap, mark, "system:events"),))).result(10)
        node.runner.do(Act(said.record_id, "destroy", "asked for", "officer:1:desk")).result(10)
        begun = time.monotonic()
        while not node.runner.erased and time.monotonic() < begun + 10:
            time.sleep(0.01)
        assert node.runner.erased == 1
        node.close(served=served)
        assert (settings.data / "extracts").exists() is served


def test_a_second_opening_names_the_process_that_was_first(settings: Settings) -> None:
    node = opened(settings)
    with pytest.raises(InUseError, match=f"in process `{os.getpid()}`"):
        opened(settings)
    node.close()
    opened(settings).close()


def test_a_process_that_died_holds_nothing(settings: Settings) -> None:
    code = (
        "import os, sys; from pathlib import Path; from kizuna.node.service import DataLock;"
        " lock = DataLock(Path(sys.argv[1])); os._exit(9)"
    )
    source = Path(__file__).parents[2] / "src"
    died = subprocess.run(
        [sys.executable, "-c", code, str(settings.data)], env={"PYTHONPATH": str(source)}, check=False
    )
    assert died.returncode == 9
    assert (settings.data / "lock").read_text() not in {"", str(os.getpid())}
    opened(settings).close()


def test_an_opening_that_fails_leaves_no_lock(settings: Settings) -> None:
    settings.data.mkdir()
    (settings.data / "journal.sqlite").mkdir()
    with pytest.raises(ConfigError):
        opened(settings)
    (settings.data / "journal.sqlite").rmdir()
    opened(settings).close()


def test_marks_come_back_as_the_core_takes_them(settings: Settings) -> None:
    node = opened(settings)
    assert mark_of(node.marks, "ind/a>jpn/b") is None
    node.marks.raise_to("ind/a>jpn/b", 0, 3, bytes(32))
    found = mark_of(node.marks, "ind/a>jpn/b")
    assert found is not None
    assert (found.epoch, found.size, found.root) == (0, 3, bytes(32))
    node.close()


def test_a_lock_that_the_disk_cannot_take_says_so_and_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match="free space on this disk"):
        DataLock(tmp_path)
    (tmp_path / "lock").unlink()
    DataLock(tmp_path).release()
