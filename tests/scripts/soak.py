"""A soak: two real nodes hear about 1,000 sentences a second between them, one of them loses its power every minute, and nothing may be lost.

Run from the root of a checkout: `MINUTES=5 python tests/scripts/soak.py` (or HOURS=1). Prints how much was heard and crossed, how long an officer
waited for a word to be durable, the largest process, and the disk; ends with 1 where anything is missing, doubled or out of bounds.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from kizuna.cli import demo_world  # noqa: E402 # after the path is set
from kizuna.cli.base import CLOCK  # noqa: E402 # the same
from kizuna.cli.base import random as fresh  # noqa: E402 # the same
from kizuna.cli.demo_world import DemoNode  # noqa: E402 # the same
from kizuna.domains.maritime.traffic import Traffic  # noqa: E402 # the same
from kizuna.node.treaties import bundled  # noqa: E402 # the same
from tests.acceptance.stories import until  # noqa: E402 # the same
from tests.acceptance.test_kill import Promised, assert_kept, assert_same_channel, settled, write_down  # noqa: E402 # the same

SEED = 20261126
VESSELS = 8_000
KILL_EVERY_S = 60
MOST_RSS_MIB = 1_500
MOST_DISK_GIB = 20
GROWTH = 1.5
"""How much larger a process may be in the last third than in the middle one: flat, but for what differs by chance."""


def rss_mib(node: DemoNode) -> float:
    """Return what a node's process holds in memory, or 0 where it is not there."""
    if node.process is None:
        return 0.0
    try:
        lines = Path(f"/proc/{node.process.pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def disk_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / (1 << 20)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


class Soak:
    """One run: what was promised, and what was measured."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.dice = random.Random(SEED)
        self.seconds = seconds
        self.folder = folder
        self.nodes = list(demo_world.prepare(folder / "demo", bundled(), CLOCK, fresh))
        self.seas = [Traffic(SEED, VESSELS, CLOCK.now_ms(), regions=node.side.regions) for node in self.nodes]
        self.promised = [Promised() for _ in self.nodes]
        self.said = self.kills = 0
        self.waits_ms: list[float] = []
        self.sizes: list[float] = []

    def run(self) -> None:
        """Hear, write down, kill, start again; then let everything settle."""
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_ready(lambda _text: None)
        began = time.monotonic()
        next_kill, next_word = began + KILL_EVERY_S, began + 1
        while (now := time.monotonic()) < began + self.seconds:
            for node, sea in zip(self.nodes, self.seas, strict=True):
                lines = sea.step(CLOCK.now_ms())
                self.said += len(lines)
                node.say(lines)
            if now >= next_word:
                next_word = now + 1
                self._write_down()
            if now >= next_kill:
                next_kill = now + KILL_EVERY_S
                self._kill()
            time.sleep(0.05)
        for _ in range(2):
            until(lambda: settled(self.nodes), "everything released is receipted")
            time.sleep(1.0)

    def _write_down(self) -> None:
        which = self.dice.randrange(2)
        began = time.perf_counter()
        write_down(self.nodes[which], self.promised[which], f"word {len(self.waits_ms)}")
        self.waits_ms.append((time.perf_counter() - began) * 1000)
        self.sizes.append(max(rss_mib(node) for node in self.nodes))

    def _kill(self) -> None:
        node = self.nodes[self.dice.randrange(2)]
        node.kill()
        node.start()
        node.wait_ready(lambda _text: None)
        self.kills += 1

    def report(self) -> int:
        """Check both nodes, print what was measured, and return the exit code."""
        for node in self.nodes:
            node.stop()
        for node, kept in zip(self.nodes, self.promised, strict=True):
            assert_kept(node, kept)
        one, other = (demo_world.audit(node) for node in self.nodes)
        assert one.findings == other.findings == (), "both journals verify"
        assert one.released == other.received > 0
        assert other.released == one.received > 0
        for writer, reader in (self.nodes, self.nodes[::-1]):
            assert_same_channel(writer, reader)
        disk = disk_mib(self.folder)
        third = len(self.sizes) // 3
        flat = max(self.sizes[-third:], default=0) <= GROWTH * max(self.sizes[third : 2 * third], default=1)
        print(
            f"{self.seconds / 60:.1f} minutes, {self.said} sentences ({self.said / self.seconds:.0f} a second), {self.kills} kills"
        )
        print(f"{one.released + other.released} records crossed; nothing lost, nothing doubled, both journals verify")
        waits = [percentile(self.waits_ms, share) for share in (0.5, 0.99, 1)]
        print("a word made durable in {:.0f} ms (median), {:.0f} ms (99 of 100), {:.0f} ms (longest)".format(*waits))
        print(f"largest process {max(self.sizes):.0f} MiB, disk {disk:.0f} MiB, memory {'flat' if flat else 'GROWING'}")
        within = flat and max(self.sizes) <= MOST_RSS_MIB and disk <= MOST_DISK_GIB * 1024
        return int(not within)


def main() -> int:
    seconds = 60 * float(os.environ.get("MINUTES", "0")) + 3600 * float(os.environ.get("HOURS", "0")) or 300.0
    os.environ["PYTHONPATH"] = str(ROOT / "src")
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), seconds)
        try:
            soak.run()
        finally:
            for node in soak.nodes:
                node.stop()
        return soak.report()


if __name__ == "__main__":
    sys.exit(main())
