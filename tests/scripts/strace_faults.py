"""Fails or kills the system calls of a node's commands one by one, and verifies the journal after each; prints what was done.

Run from the root of a checkout: `python tests/scripts/strace_faults.py [N]` (N runs, 100 by default; needs strace). It ends with 1 where a journal
does not verify, a command that said it was done left no trace, or an error was no sentence.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from kizuna.cli import demo_world  # noqa: E402 # after the path is set
from kizuna.cli.base import CLOCK  # noqa: E402 # the same
from kizuna.cli.base import random as fresh  # noqa: E402 # the same
from kizuna.node.domains import DOMAINS  # noqa: E402 # the same
from kizuna.node.filling import projections  # noqa: E402 # the same
from kizuna.node.service import JOURNAL, open_store  # noqa: E402 # the same
from kizuna.node.settings import read_settings  # noqa: E402 # the same
from kizuna.node.treaties import bundled  # noqa: E402 # the same
from tests.acceptance.stories import environment, kizuna  # noqa: E402 # the same

CALLS = ("pwrite64", "fdatasync", "fsync", "openat", "ftruncate", "unlink", "rename", "write", "pread64", "close")
HARMS = ("error=EIO", "error=ENOSPC", "signal=KILL")
SEED = 20261126
BUSY_S = 120


@dataclass(frozen=True)
class Work:
    """One command, which node runs it, and how often an entry of a kind must stand in its journal once it says that it is done."""

    name: str
    node: int
    arguments: Callable[[Path, int], list[str]]
    kind: str


WORKS = (
    Work("accept", 0, lambda _folder, number: ["release", "halt", "--off", "--reason", f"run {number}"], "setting"),
    Work(
        "export",
        0,
        lambda folder, number: ["channel", "export", "jpn/fusion-yokosuka", str(folder / f"out-{number}")],
        "bundle-out",
    ),
    Work("import", 1, lambda folder, _number: ["channel", "import", str(folder / "bundle")], ""),
    Work("compact", 0, lambda _folder, _number: ["journal", "rebuild"], ""),
)


def count(config: Path, kind: str) -> int:
    """Return how many entries of a kind a journal holds."""
    store = open_store(read_settings(config), projections(DOMAINS))
    try:
        return sum(stored.entry.kind == kind for stored in store.read(1, 1 << 30))
    finally:
        store.close()


def run(work: Work, number: int, made: Path, dice: random.Random) -> tuple[str, str]:
    """Harm one system call of one command on a copy of the nodes; return how it ended, and what is wrong."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(shutil.copytree(made, Path(scratch) / "nodes"))
        config = sorted(folder.glob("*/node.toml"))[work.node]
        call, harm, when = dice.choice(CALLS), dice.choice(HARMS), dice.choice((1, 2, 3, 5, 8, 13, 21))
        before = count(config, work.kind)
        paths = [str(path) for path in (config.parent / "data").rglob("*") if path.is_file()]
        paths.append(str(config.parent / "data" / f"{JOURNAL}-wal"))
        traced = [
            "strace",
            "-f",
            "-qq",
            "-o",
            str(Path(scratch) / "trace"),
            *(part for path in paths for part in ("-P", path)),
        ]
        traced += ["-e", f"trace={call}", "-e", f"inject={call}:{harm}:when={when}"]
        command = [sys.executable, "-m", "kizuna", *work.arguments(folder, number), "--config", str(config)]
        done = subprocess.run(
            [*traced, *command], capture_output=True, text=True, env=environment(), timeout=BUSY_S, check=False
        )
        where = f"{work.name}: {harm} at {call} {when}"
        if "Traceback" in done.stderr:
            return "traceback", f"{where}: {done.stderr.strip().splitlines()[-1]}"
        checked = subprocess.run(
            [sys.executable, "-m", "kizuna", "journal", "verify", "--config", str(config)],
            capture_output=True, text=True, env=environment(), timeout=BUSY_S, check=False,
        )  # fmt: skip
        if checked.returncode:
            return "broken", f"{where}: {checked.stderr.strip()}"
        if done.returncode == 0 and work.kind and count(config, work.kind) <= before:
            return "lost", f"{where}: it said that it was done"
        return ("done" if done.returncode == 0 else "killed" if done.returncode in {-9, 137} else "refused"), ""


def main() -> int:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    if shutil.which("strace") is None:
        print("skipped: strace is not installed (Debian: apt-get install strace)")
        return 0
    dice, ends, wrong = random.Random(SEED), Counter[str](), []
    with tempfile.TemporaryDirectory() as scratch:
        nodes = list(demo_world.prepare(Path(scratch) / "demo", bundled(), CLOCK, fresh))
        made = nodes[0].folder.parent
        one, other = (node.config for node in nodes)
        kizuna("channel", "export", nodes[1].side.node, made / "bundle", "--config", one)
        assert other.exists()
        for number in range(wanted):
            end, why = run(WORKS[number % len(WORKS)], number, made, dice)
            ends[end] += 1
            wrong += [why] if why else []
    print(f"{wanted} runs: {', '.join(f'{times} {end}' for end, times in sorted(ends.items()))}; {len(wrong)} wrong")
    for why in wrong:
        print(why)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
