"""The database server is killed under a node that commits, again and again: nothing acknowledged is lost, nothing is doubled or half."""

from __future__ import annotations

import http.client
import itertools
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from kizuna.cli import demo_world
from kizuna.cli.base import CLOCK
from kizuna.cli.base import random as fresh
from kizuna.cli.demo_world import DemoNode
from kizuna.cli.exits import exit_code
from kizuna.domains.maritime.traffic import Traffic
from kizuna.errors import JournalConflictError
from kizuna.node.keys import keyfiles
from tests.acceptance.stories import SOURCE, kizuna, until
from tests.acceptance.test_kill import ONCE, Promised, acknowledged, assert_kept, hear, store_of

pytest.importorskip("psycopg", reason="psycopg is not installed: `kizuna[postgres]`")

KILLS = 4
SEED = 20261126
WRITERS = 4
SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "postgres.sh"
AWAY = exit_code(JournalConflictError("x"))
TABLES = ("record", "setting", "maritime_batch", "maritime_static", "sought")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Server:
    """A throw-away PostgreSQL of this test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conninfo = self._run("start")

    def _run(self, command: str) -> str:
        done = subprocess.run(
            ["sh", str(SCRIPT), command, str(self.folder)], capture_output=True, text=True, check=False
        )
        if done.returncode and command == "start":
            pytest.skip(f"needs a PostgreSQL server to start: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def kill(self) -> None:
        """Kill the server and each of its processes: none of them ends in order."""
        master = int((self.folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])
        for process in (master, *children(master)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{master}").exists(), "the server is gone")

    def again(self) -> None:
        """Start it again; it recovers from its own log."""
        self._run("again")

    def remove(self) -> None:
        """Stop it, and take its files away."""
        with suppress(AssertionError):
            self._run("stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def children(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


@pytest.fixture
def server() -> Iterator[Server]:
    if shutil.which("initdb") is None and not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("needs PostgreSQL (Debian: apt-get install postgresql)")
    made = Server(
        Path(tempfile.mkdtemp(prefix="kizuna-pg-"))
    )  # its user must reach it: the test's own folder is closed to others
    try:
        yield made
    finally:
        made.remove()


def node_on(server: Server, folder: Path) -> DemoNode:
    """Return a node alone, whose journal the server keeps, with a receiver."""
    partners, users, feed = demo_world.free_ports(3)
    side = replace(demo_world.SIDES[0], node="ind/alone")
    folder.mkdir(mode=0o700)
    root = keyfiles.create_root(folder / "root.key", fresh)
    keyfiles.create_keys(folder / "keys", side.node, ["127.0.0.1"], root, CLOCK.now_ms(), fresh)
    node = DemoNode(side, folder, partners, users, feed)
    node.config.write_text(
        f'node = "{side.node}"\ndata = "data"\nkeys = "keys"\nhigh_water = "marks/high-water.json"\nstore = "{server.conninfo}"\n\n'
        f'[partners]\nlisten = "127.0.0.1:{partners}"\n\n[users]\nlisten = "127.0.0.1:{users}"\n\n'
        f'[[feeds]]\nsource = "{side.source}"\nkind = "tcp-server"\naddress = "127.0.0.1:{feed}"\nsimulated = true\n\n'
        '[feeds.label]\npolicy = "ind.example.v1"\nclassification = 0\n',
        encoding="utf-8",
    )
    return node


@contextmanager
def writing(node: DemoNode, promised: Promised, numbers: Iterator[int]) -> Iterator[None]:
    """Have several officers write at once, as fast as they are answered; what is not acknowledged is forgotten."""
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            try:
                acknowledged(node, promised, f"word {next(numbers)}")
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def ended(node: DemoNode) -> tuple[int, str]:
    """Wait until a node has ended by itself; return its exit code and the last line that it wrote."""
    assert node.process is not None
    code = node.process.wait(timeout=60)
    node.stop()
    return code, (node.folder / "node.log").read_text(encoding="utf-8").strip().splitlines()[-1]


def test_a_server_killed_amid_commits_loses_nothing_and_doubles_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    dice = random.Random(SEED)
    node = node_on(server, tmp_path / "node")
    traffic = Traffic(SEED, 150, CLOCK.now_ms(), regions=node.side.regions)
    promised, numbers = Promised(), itertools.count()
    try:
        node.start()
        node.wait_ready(lambda _text: None)
        for number in range(KILLS):
            with writing(node, promised, numbers):
                hear([node], [traffic], dice.uniform(0.3, 1.0))
                server.kill()
                code, said = ended(node)
            assert code == AWAY, said
            assert "database server of" in said
            assert "see that it runs" in said
            before = len(promised.reasons)
            if number == 0:  # started while its server is away, as a supervisor would
                node.start()
                code, said = ended(node)
                assert (code, "does not answer" in said) == (AWAY, True), said
            assert len(promised.reasons) == before, "nothing is acknowledged meanwhile"
            server.again()
            node.start()
            node.wait_ready(lambda _text: None)
        with writing(node, promised, numbers):
            hear([node], [traffic], 0.5)
    finally:
        node.stop()

    assert len(promised.reasons) > KILLS
    assert_kept(node, promised, ONCE[:2])
    assert kizuna("journal", "verify", "--config", node.config)["findings"] == []
    store = store_of(node)
    try:
        before_rebuild = [sorted(map(repr, store.query(f"SELECT * FROM {table}"))) for table in TABLES]
        store.rebuild()
        assert [sorted(map(repr, store.query(f"SELECT * FROM {table}"))) for table in TABLES] == before_rebuild
    finally:
        store.close()
