"""A soak: two real nodes sign 1,000 records a second between them, one of them loses its power every minute, and nothing may be lost.

Run from the root of a checkout: `MINUTES=5 python tests/scripts/soak.py` (or HOURS=1; RATE=n for another number of records, VESSELS=n for
another of ships that sail). Ships tell new draughts and nothing else, each of which is a record of its own; others tell positions, which become
few. Prints how much was heard and crossed, how long an officer waited for a word to be durable and a record to be held by the partner, the
largest process, and the disk; ends with 1 where anything is missing, doubled or out of bounds.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from kizuna.cli import demo_world  # noqa: E402 # after the path is set
from kizuna.cli.base import CLOCK  # noqa: E402 # the same
from kizuna.cli.base import random as fresh  # noqa: E402 # the same
from kizuna.cli.demo_world import DemoNode  # noqa: E402 # the same
from kizuna.domains.maritime.traffic import Traffic  # noqa: E402 # the same
from kizuna.formats.aivdm_out import sentences, static_a  # noqa: E402 # the same
from kizuna.node.channel.treaties import bundled  # noqa: E402 # the same
from tests.acceptance.stories import until  # noqa: E402 # the same
from tests.acceptance.test_kill import (  # noqa: E402 # the same
    AT_ONCE,
    Promised,
    acknowledged,
    assert_blobs,
    assert_kept,
    settled,
    store_of,
)

SEED = 20261126
VESSELS = int(os.environ.get("VESSELS", "300"))
LADING = 5_000
"""Ships at each node that tell draughts: so many that none tells two within the second for which a feed's reports are gathered."""
FIRST_LADING_MMSI = {"ind": 419_900_000, "jpn": 431_900_000}
START_S = 120.0
"""How long a node may take to start again where others share the machine."""
KILL_EVERY_S = 60
RATE = float(os.environ.get("RATE", "1000"))
SAMPLED = 101
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


def cpu_s(node: DemoNode) -> float:
    """Return the processor time that a node's process has taken, or 0 where it is not there."""
    if node.process is None:
        return 0.0
    try:
        fields = Path(f"/proc/{node.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def disk_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / (1 << 20)


def assert_held(writer: DemoNode, reader: DemoNode, settled_ms: int) -> None:
    """The reader holds what the writer released, entry for entry, but for what was released later than `settled_ms`."""
    wrote, read = store_of(writer), store_of(reader)
    leaves = "SELECT epoch, idx, leaf FROM {} WHERE channel = ? AND epoch = 0 AND idx >= ? ORDER BY idx LIMIT ?"
    channel = f"kizuna/{writer.side.node}/to/{reader.side.node}"
    held = 0
    try:
        while rows := read.query(leaves.format("leaf_in"), (channel, held, AT_ONCE)):
            assert wrote.query(leaves.format("leaf_out"), (channel, held, len(rows))) == rows
            held += len(rows)
            assert rows[-1][1] == held - 1, "no gap"
        assert held
        counts = read.query("SELECT COUNT(*), COUNT(DISTINCT leaf) FROM leaf_in")
        assert counts == [(held, held)], "no epoch was lost, and nothing is there twice"
        later = wrote.query(
            "SELECT header FROM leaf_out JOIN journal_entry ON journal_entry.seq = leaf_out.seq WHERE idx >= ?",
            (held,),
        )
        assert all(json.loads(header)["at_ms"] >= settled_ms for (header,) in later), "everything released is receipted"
        assert_blobs(writer, reader, wrote, held)
    finally:
        wrote.close()
        read.close()


def held_after_ms(reader: DemoNode) -> list[float]:
    """Return how long after they were signed some of the partner's records were durable here, both on this machine's clock."""
    store = store_of(reader)
    try:
        rows = store.query(
            "SELECT record.at_ms, header FROM record JOIN journal_entry ON journal_entry.seq = record.seq"
            " WHERE own = 0 AND record.seq % ? = 0",
            (SAMPLED,),
        )
        return [json.loads(header)["at_ms"] - at_ms for at_ms, header in rows]
    finally:
        store.close()


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def spread(values_ms: list[float]) -> str:
    median, most, longest = (percentile(values_ms, share) for share in (0.5, 0.99, 1))
    return f"{median:.0f} ms (median), {most:.0f} ms (99 of 100), {longest:.0f} ms (longest)"


class Lading:
    """Ships that say another draught each time: `rate` static reports a second, of two sentences each, and each a record."""

    def __init__(self, first_mmsi: int, rate: float, now_ms: int) -> None:
        self.first_mmsi = first_mmsi
        self.rate = rate
        self.began_ms = now_ms
        self.told = 0

    def step(self, now_ms: int) -> list[bytes]:
        """Return the sentences that fell due up to `now_ms`."""
        due = int((now_ms - self.began_ms) * self.rate / 1000)
        out = [line for number in range(self.told, due) for line in self._speak(number, now_ms)]
        self.told = due
        return out

    def _speak(self, number: int, now_ms: int) -> list[bytes]:
        payload = static_a(
            mmsi=self.first_mmsi + number % LADING, imo_no=0, callsign="", name="", ship_type=0,
            length_m=0, beam_m=0, draught_dm=1 + number // LADING % 250, destination="",
        )  # fmt: skip
        return sentences(payload, channel="AB"[number % 2], sequence=number % 10, received_ms=now_ms, station="lading")


class Soak:
    """One run: what was promised, and what was measured."""

    def __init__(self, folder: Path, seconds: float, rate: float) -> None:
        self.dice = random.Random(SEED)
        self.seconds = seconds
        self.folder = folder
        self.nodes = list(demo_world.prepare(folder / "demo", bundled(), CLOCK, fresh))
        self.seas = [Traffic(SEED, VESSELS, CLOCK.now_ms(), regions=node.side.regions) for node in self.nodes]
        self.lading = [
            Lading(FIRST_LADING_MMSI[node.side.party], rate / len(self.nodes), CLOCK.now_ms()) for node in self.nodes
        ]
        self.promised = [Promised() for _ in self.nodes]
        self.settled_ms = 0
        self.said = self.unanswered = 0
        self.starts_s: list[float] = []
        self.cpu_s = 0.0
        self.took_s = self.caught_up_s = 0.0
        self.waits_ms: list[float] = []
        self.sizes: list[float] = []

    def run(self) -> None:
        """Hear, write down, kill, start again; then let everything settle."""
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_ready(lambda _text: None)
        self.cpu_s -= sum(map(cpu_s, self.nodes))
        began = time.monotonic()
        next_kill, next_word = began + KILL_EVERY_S, began + 1
        while (now := time.monotonic()) < began + self.seconds:
            for node, sea, lading in zip(self.nodes, self.seas, self.lading, strict=True):
                lines = sea.step(CLOCK.now_ms()) + lading.step(CLOCK.now_ms())
                self.said += len(lines)
                node.say(lines)
            if now >= next_word:
                next_word = now + 1
                self._write_down()
            if now >= next_kill:
                next_kill = now + KILL_EVERY_S
                self._kill()
            time.sleep(0.05)
        settling = time.monotonic()
        until(self._settled, "everything released is receipted", timeout_s=max(self.seconds, 300.0))
        self.cpu_s += sum(map(cpu_s, self.nodes))
        self.caught_up_s, self.took_s = time.monotonic() - settling, time.monotonic() - began

    def _settled(self) -> bool:
        """Whether all that was released before now is receipted; what a silent feed and a delay that ends add later may still be under way."""
        self.settled_ms = CLOCK.now_ms()
        return settled(self.nodes)

    def _write_down(self) -> None:
        which = self.dice.randrange(2)
        began = time.perf_counter()
        try:
            done = acknowledged(self.nodes[which], self.promised[which], f"word {len(self.waits_ms)}")
        except (OSError, http.client.HTTPException):
            done = False
        self.unanswered += not done
        self.waits_ms.append((time.perf_counter() - began) * 1000)
        self.sizes.append(max(rss_mib(node) for node in self.nodes))

    def _kill(self) -> None:
        node = self.nodes[self.dice.randrange(2)]
        self.cpu_s += cpu_s(node)
        node.kill()
        began = time.monotonic()
        node.start()
        node.wait_ready(lambda _text: None)
        self.starts_s.append(time.monotonic() - began)
        print(
            f"kill {len(self.starts_s)}: up again after {self.starts_s[-1]:.1f} s; largest process {self.sizes[-1]:.0f} MiB",
            file=sys.stderr,
            flush=True,
        )

    def report(self) -> int:
        """Check both nodes, print what was measured, and return the exit code."""
        for node in self.nodes:
            node.stop()
        with ProcessPoolExecutor(len(self.nodes)) as pool:  # millions of entries: on every core
            list(pool.map(assert_kept, self.nodes, self.promised))
            one, other = pool.map(demo_world.audit, self.nodes)
            list(pool.map(assert_held, self.nodes, self.nodes[::-1], [self.settled_ms] * len(self.nodes)))
        assert one.findings == other.findings == (), "both journals verify"
        assert not one.refused
        assert not other.refused
        disk = disk_mib(self.folder)
        third = len(self.sizes) // 3
        flat = max(self.sizes[-third:], default=0) <= GROWTH * max(self.sizes[third : 2 * third], default=1)
        crossed = one.received + other.received
        held = [value for node in self.nodes for value in held_after_ms(node)]
        print(f"{self.seconds / 60:.1f} minutes, {self.said} sentences ({self.said / self.seconds:.0f} a second)")
        print(f"{len(self.starts_s)} kills, up again within {max(self.starts_s, default=0):.1f} s")
        print(f"{crossed} records crossed within {self.took_s:.0f} s: {crossed / self.took_s:.0f} a second")
        print(f"the last of them {self.caught_up_s:.0f} s after the last sentence")
        print("nothing lost, nothing doubled, both journals verify")
        print(f"a word made durable in {spread(self.waits_ms)}")
        print(f"not acknowledged: {self.unanswered} of {len(self.waits_ms)} words")
        print(f"a record held by the partner after {spread(held)}")
        print(
            f"{self.cpu_s / self.took_s:.2f} cores, {1_000 * self.cpu_s / crossed:.2f} ms for each record at both nodes"
        )
        print(f"largest process {max(self.sizes):.0f} MiB, disk {disk:.0f} MiB, memory {'flat' if flat else 'GROWING'}")
        within = flat and max(self.sizes) <= MOST_RSS_MIB and disk <= MOST_DISK_GIB * 1024
        return int(not within)


def main() -> int:
    seconds = 60 * float(os.environ.get("MINUTES", "0")) + 3600 * float(os.environ.get("HOURS", "0")) or 300.0
    os.environ["PYTHONPATH"] = str(ROOT / "src")
    demo_world.START_S = START_S
    folder = Path(tempfile.mkdtemp(prefix="kizuna-soak-"))
    print(f"the nodes lie in {folder}, and stay there if anything is wrong", file=sys.stderr, flush=True)
    soak = Soak(folder, seconds, RATE)
    try:
        soak.run()
    finally:
        for node in soak.nodes:
            node.stop()
    code = soak.report()
    if code == 0:
        shutil.rmtree(folder)
    return code


if __name__ == "__main__":
    sys.exit(main())
