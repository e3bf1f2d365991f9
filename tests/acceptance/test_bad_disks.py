"""Bad disks under a real node's commands: each ends with a clear error or a clean start, and the journal verifies or says where it does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kizuna.cli.exits import exit_code
from kizuna.errors import ConfigError, JournalCorruptError
from kizuna.kernel.journal import Store
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import projections
from kizuna.node.service import JOURNAL, open_store
from kizuna.node.settings import read_settings
from tests.acceptance.stories import environment, kizuna

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

MOUNT_MIB = 24


def told(*args: str | Path) -> tuple[int, str]:
    """Run a command that may fail; return its exit code and what it said went wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "kizuna", *map(str, args)],
        capture_output=True,
        env=environment(),
        timeout=120,
        check=False,
    )
    said = done.stderr.decode()
    assert "Traceback" not in said, said
    return done.returncode, said


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad-disks") / "node"
    kizuna("init", folder, "--party", "ind", "--name", "delhi", "--no-instruments")
    for number in range(2):
        word(folder, f"word {number}")
    return folder


@pytest.fixture
def node(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "node"))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of a few megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MOUNT_MIB}m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def word(node: Path, reason: str) -> int:
    code, _ = told("release", "halt", "--off", "--reason", reason, "--config", node / "node.toml")
    return code


def journal(node: Path) -> Path:
    return node / "data" / JOURNAL


def store_of(node: Path) -> Store:
    return open_store(read_settings(node / "node.toml"), projections(DOMAINS))


def words(node: Path) -> int:
    store = store_of(node)
    try:
        return sum(entry.entry.kind == "setting" for entry in store.read(1, 1_000))
    finally:
        store.close()


def verifies(node: Path) -> bool:
    code, _ = told("journal", "verify", "--config", node / "node.toml")
    assert code in {0, exit_code(JournalCorruptError("x"))}
    return code == 0


def test_a_full_disk_refuses_and_loses_nothing(made: Path, small: Path) -> None:
    node = Path(shutil.copytree(made, small / "node"))
    before = words(node)
    filler = small / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        except OSError:
            pass
    code, said = told("release", "halt", "--off", "--reason", "x" * 4_000, "--config", node / "node.toml")
    assert code == exit_code(ConfigError("x")), said
    filler.unlink()
    assert word(node, "there is room again") == 0
    assert words(node) == before + 1
    assert verifies(node)


def test_a_journal_that_may_not_be_written_says_so(node: Path) -> None:
    data = node / "data"
    read_only = (
        subprocess.run(["mount", "--bind", str(data), str(data)], capture_output=True, check=False).returncode == 0
    )
    if not read_only:
        pytest.skip("needs the right to mount a folder read-only")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(data)], check=True)
        code, said = told("release", "halt", "--off", "--reason", "x", "--config", node / "node.toml")
        assert code == exit_code(ConfigError("x")), said
    finally:
        subprocess.run(["umount", str(data)], check=True)
    assert word(node, "writable again") == 0
    assert verifies(node)


def test_a_corrupt_page_is_found_and_nothing_is_made_of_it(node: Path) -> None:
    path = journal(node)
    store = store_of(node)
    ((kept,),) = store.query("SELECT header FROM journal_packed_entry WHERE seq = 1")
    store.close()
    data = bytearray(path.read_bytes())
    data[data.index(kept) + len(kept) - 1] ^= 1
    path.write_bytes(bytes(data))
    code, said = told("journal", "verify", "--config", node / "node.toml")
    assert code == exit_code(JournalCorruptError("x")), said
    assert "restore" in said


def test_a_log_that_was_cut_short_starts_cleanly_and_shows_the_missing_tail(node: Path) -> None:
    head = kizuna("journal", "head", "--config", node / "node.toml")
    log = journal(node).with_name(f"{journal(node).name}-wal")
    process = subprocess.run(  # leaves its log behind: it ends without closing
        [sys.executable, "-c", LEAVES_ITS_LOG, str(node / "node.toml")],
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert process.returncode == 3, process.stderr
    assert log.stat().st_size > 0
    os.truncate(log, log.stat().st_size // 2)
    assert verifies(node)
    expected = f"{head['seq']}:{head['chain']}"
    code, said = told("journal", "verify", "--expect", expected, "--config", node / "node.toml")
    assert code == 0, said
    assert word(node, "after the cut") == 0
    assert verifies(node)


LEAVES_ITS_LOG = """
import os, sys
from pathlib import Path
from kizuna.kernel.journal import Entry
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import projections
from kizuna.node.service import JOURNAL, open_store
from kizuna.node.settings import read_settings
store = open_store(read_settings(Path(sys.argv[1])), projections(DOMAINS))
for number in range(20):
    store.commit([Entry(kind="setting", at_ms=1, meta={"name": "n", "value": str(number)})])
os._exit(3)
"""
