"""Real nodes in networks of their own: the link is cut, a disk is slow, a clock leaps; both catch up, nothing is lost or doubled."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kizuna.cli import demo_world
from kizuna.cli.base import CLOCK
from kizuna.cli.base import random as fresh
from kizuna.cli.demo_world import DemoNode
from kizuna.domains.maritime.traffic import Traffic
from kizuna.node.channel.treaties import bundled
from tests.acceptance.stories import SOURCE, until
from tests.acceptance.test_kill import Promised, assert_kept, assert_same_channel, settled, write_down

SEED = 20261127
HOSTS = ("10.77.0.1", "10.77.0.2")
CUT_S = 4.0
SLOW_S = 0.2
LEAP_MS = 2 * 3_600_000
_NEWNET = 0x40000000

OWN_CLOCK = """
import sys, time
from pathlib import Path

leap = Path(sys.orig_argv[-1]).with_name("leap-ms")
real_ns = time.time_ns


def time_ns():
    try:
        return real_ns() + int(leap.read_text()) * 1_000_000
    except (OSError, ValueError):
        return real_ns()


time.time_ns = time_ns
"""
"""Put before the node's own modules: its process sees a clock that the file beside its settings puts ahead."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.getuid() != 0, reason="needs the right to make networks"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="needs `ip` (Debian: apt-get install iproute2)"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (Debian: apt-get install strace)"),
]


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True, capture_output=True)


@dataclass
class Apart(DemoNode):
    """A node in a network of its own, which is reached from inside it alone."""

    network: str = ""

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Move this thread, and what it starts, into the node's network."""
        setns = ctypes.CDLL(None, use_errno=True).setns
        with (
            Path("/proc/thread-self/ns/net").open("rb") as home,
            Path(f"/run/netns/{self.network}").open("rb") as there,
        ):
            assert setns(there.fileno(), _NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert setns(home.fileno(), _NEWNET) == 0

    def start(self) -> None:
        with self.inside():
            super().start()

    def say(self, lines: Sequence[bytes]) -> None:
        with self.inside():
            super().say(lines)

    def _request(self, path: str) -> tuple[int, bytes]:
        with self.inside():
            return super()._request(path)

    def cut(self) -> None:
        """Cut its link."""
        ip("-n", self.network, "link", "set", "wire", "down")

    def heal(self) -> None:
        """Mend its link."""
        ip("-n", self.network, "link", "set", "wire", "up")

    def leap(self, ahead_ms: int) -> None:
        """Put the clock that its process sees so far ahead."""
        self.folder.joinpath("leap-ms").write_text(str(ahead_ms), encoding="ascii")

    @contextmanager
    def slow_disk(self) -> Iterator[None]:
        """Make each of its flushes take longer."""
        assert self.process is not None
        delay = f"inject=fsync,fdatasync:delay_enter={round(SLOW_S * 1e6)}"
        tracer = subprocess.Popen(
            [
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "trace=fsync,fdatasync",
                "-e",
                delay,
                "-p",
                str(self.process.pid),
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            status = Path(f"/proc/{self.process.pid}/status")
            until(lambda: "TracerPid:\t0\n" not in status.read_text(encoding="ascii"), "the disk is slow")
            yield
        finally:
            tracer.send_signal(signal.SIGTERM)
            tracer.wait()

    def channel(self) -> dict[str, Any]:
        """Return where its one channel pair stands."""
        state = self.get("/api/v1/status")
        assert state is not None
        return dict(state["channels"][0])


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Apart]]:
    clock = tmp_path / "clock"
    clock.mkdir()
    (clock / "sitecustomize.py").write_text(OWN_CLOCK, encoding="ascii")
    monkeypatch.setenv("PYTHONPATH", f"{clock}:{SOURCE}")
    names = [f"kizuna-{os.getpid()}-{number}" for number in range(2)]
    made: list[Apart] = []
    try:
        for name in names:
            try:
                ip("netns", "add", name)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"needs the right to make networks: {error.stderr.decode().strip()}")
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", names[0], "link", "add", "name", "wire", "type", "veth", "peer", "name", "wire", "netns", names[1])
        for name, host in zip(names, HOSTS, strict=True):
            ip("-n", name, "address", "add", f"{host}/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")
        for node, name in zip(
            demo_world.prepare(tmp_path / "demo", bundled(), CLOCK, fresh, HOSTS), names, strict=True
        ):
            made.append(
                Apart(node.side, node.folder, node.partners_port, node.users_port, node.feed_port, network=name)
            )
        yield made
    finally:
        for node in made:
            node.stop()
        for name in names:
            with suppress(subprocess.CalledProcessError):
                ip("netns", "delete", name)


class Story:
    """What both receivers hear, and what the nodes have promised."""

    def __init__(self, nodes: list[Apart]) -> None:
        self.nodes = nodes
        self.traffic = [Traffic(SEED, 150, CLOCK.now_ms(), regions=node.side.regions) for node in nodes]
        self.promised = [Promised() for _ in nodes]

    def hear(self, seconds: float) -> None:
        """Let both hear the sea for a while, and an officer of each write down a word."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for node, sea in zip(self.nodes, self.traffic, strict=True):
                node.say(sea.step(CLOCK.now_ms()))
            time.sleep(0.05)
        for node, promised in zip(self.nodes, self.promised, strict=True):
            with node.inside():
                write_down(node, promised, f"word {len(promised.reasons)}")

    def settle(self, what: str) -> None:
        """Wait until all that was released is receipted."""
        until(lambda: settled(list(self.nodes)), what)


def test_a_cut_link_a_slow_disk_and_a_leaping_clock_cost_nothing(nodes: list[Apart]) -> None:
    delhi, yokosuka = nodes
    story = Story(nodes)
    for node in nodes:
        node.start()
    for node in nodes:
        node.wait_ready(lambda _text: None)
    story.hear(2.0)
    story.settle("what was heard crosses")

    delhi.cut()
    time.sleep(1.0)  # what had come in before is taken in
    before = [node.channel() for node in nodes]
    story.hear(CUT_S)  # each goes on alone, and acknowledges
    cut = [node.channel() for node in nodes]
    assert [each["in_size"] for each in cut] == [each["in_size"] for each in before], "nothing crosses a cut link"
    assert all(each["out_size"] > each["out_receipted"] or each["out_due"] for each in cut), "and what was heard waits"
    delhi.heal()
    story.settle("what was heard behind the cut crosses")

    with delhi.slow_disk():
        began = time.monotonic()
        story.hear(1.0)
        assert time.monotonic() - began > 1.0 + SLOW_S, "a word is acknowledged once it is durable, not before"
    story.settle("what a slow disk took crosses")

    yokosuka.leap(LEAP_MS)
    until(lambda: (yokosuka.get("/api/v1/status") or {}).get("clock_in_doubt"), "the leap is noticed")
    stood = yokosuka.channel()["out_size"]
    story.hear(2.0)
    assert yokosuka.channel()["out_size"] == stood, "a clock in doubt releases nothing"
    yokosuka.leap(0)
    yokosuka.stop()  # put right by its people, and started again
    yokosuka.start()
    yokosuka.wait_ready(lambda _text: None)
    story.hear(1.0)
    story.settle("what was held back crosses")
    assert yokosuka.channel()["out_size"] > stood
    for node in nodes:
        node.stop()

    for node, kept in zip(nodes, story.promised, strict=True):
        assert_kept(node, kept)
    one, other = (demo_world.audit(node) for node in nodes)
    assert one.findings == other.findings == (), "both journals verify"
    assert not one.refused
    assert not other.refused
    assert_same_channel(delhi, yokosuka)
    assert_same_channel(yokosuka, delhi)
