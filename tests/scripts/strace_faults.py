"""Fails or kills the system calls of a node's work one by one, and verifies the journals after each; prints what was done.

Run from the root of a checkout: `python tests/scripts/strace_faults.py [N [FROM]]` (N runs, 100 by default, from run FROM on; needs strace). Each
piece of work is done once to see which calls it makes; a run then fails or kills one of them. The work is done in processes forked from this one,
which has loaded all that it needs: a run takes a fraction of a second. It ends with 1 where a journal does not verify, a blob is missing, what was
said to be done left no trace, work did not end, or an error was no sentence.
"""

from __future__ import annotations

import importlib
import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from kizuna.cli import demo_world  # noqa: E402 # after the path is set
from kizuna.cli.base import CLOCK  # noqa: E402 # the same
from kizuna.cli.base import random as fresh  # noqa: E402 # the same
from kizuna.cli.main import main as kizuna  # noqa: E402 # the same
from kizuna.domains.maritime.traffic import Traffic  # noqa: E402 # the same
from kizuna.errors import KizunaError  # noqa: E402 # the same
from kizuna.node.acts import erasing  # noqa: E402 # the same
from kizuna.node.channel.treaties import bundled  # noqa: E402 # the same
from kizuna.node.domains import DOMAINS  # noqa: E402 # the same
from kizuna.node.held.filling import projections  # noqa: E402 # the same
from kizuna.node.service import Node, open_node, open_store  # noqa: E402 # the same
from kizuna.node.settings import read_settings  # noqa: E402 # the same
from kizuna.storage.blobs import Blobs  # noqa: E402 # the same

CALLS = ("pwrite64", "fdatasync", "fsync", "openat", "ftruncate", "unlink", "rename", "write", "pread64", "close")
KILL = "signal=KILL"
HARMS = ("error=EIO", "error=ENOSPC", KILL)
SEED = 20261126
BUSY_S = 60.0
CATCH_UP_S = 30.0
VESSELS = 20
HEARD_H = 0.25
TOLD_EVERY = 500
_CALL = re.compile(rb"^(\d+) +(\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Work:
    """What is done in a copy of the nodes, whose journal an entry of a kind is to stand in once it says that it is done, and which kind."""

    name: str
    act: Callable[[Path], None]
    node: int
    kind: str


def command(*arguments: str) -> Callable[[Path], None]:
    """Return what runs one command of a node in a folder; `{}` in an argument is the folder."""

    def act(folder: Path) -> None:
        sys.argv = ["kizuna", *(part.format(folder) for part in arguments)]
        kizuna()

    return act


def carried(nodes: list[Node], here: int, name: str) -> Callable[[str, bytes], None]:
    """Return what carries a node's requests to the other one's runner."""

    def send(node: str, data: bytes) -> None:
        def answered(done: Future[bytes]) -> None:
            if done.exception() is None:
                nodes[here].runner.answered(node, done.result())
            else:
                nodes[here].runner.unreachable(node)

        nodes[1 - here].runner.message(name, data).add_done_callback(answered)

    return send


def replicate(folder: Path) -> None:
    """Have one node pull what the other has for it, until it is receipted."""
    nodes: list[Node] = []
    for here, party in enumerate(("ind", "jpn")):
        settings = read_settings(folder / party / "node.toml")
        nodes.append(open_node(settings, clock=CLOCK, random=fresh, send=carried(nodes, here, settings.node)))
    for node in nodes:
        node.runner.start()
    deadline = time.monotonic() + CATCH_UP_S
    while not caught_up(*nodes):
        for node in nodes:
            if node.runner.fault is not None:
                raise node.runner.fault
        if time.monotonic() > deadline:
            sys.exit("it did not catch up")
        time.sleep(0.01)
    for node in nodes:
        node.close()


def caught_up(writer: Node, reader: Node) -> bool:
    """Whether all that the writer has for the reader is receipted."""
    try:
        ((size, receipted, due),) = writer.store.query(
            "SELECT size, receipted, (SELECT COUNT(*) FROM outbox WHERE not_before_ms <= ?) FROM channel_out",
            (CLOCK.now_ms(),),
        )
        ((seen,),) = reader.store.query("SELECT size FROM channel_in")
    except KizunaError:  # this read was harmed, not the node
        return False
    return bool(size == receipted == seen and not due)


WORKS = (
    Work("say", command("release", "halt", "--off", "--reason", "x", "--config", "{}/ind/node.toml"), 0, "setting"),
    Work("accept", command("ingest", "{}/heard.nmea", "--config", "{}/ind/node.toml"), 0, "record"),
    Work("replicate", replicate, 1, "received"),
    Work(
        "export",
        command("channel", "export", "jpn/fusion-yokosuka", "{}/out", "--config", "{}/ind/node.toml"),
        0,
        "bundle-out",
    ),
    Work("import", command("channel", "import", "{}/bundle", "--config", "{}/jpn/node.toml"), 1, "received"),
    Work("compact", command("journal", "rebuild", "--config", "{}/ind/node.toml"), 0, ""),
)


# --- one process ------------------------------------------------------------------------------------------------------------------


def forked(act: Callable[[], None], said: Path, strace: list[str]) -> int:
    """Do something in a process of its own under strace; return its exit code, negative for a signal, or 1 where it did not end."""
    gate, open_gate = os.pipe()
    process = os.fork()
    if process == 0:
        _child(act, said, gate)
    os.close(gate)
    tracer = subprocess.Popen([*strace, "-p", str(process)], stderr=subprocess.DEVNULL) if strace else None
    while tracer is not None and b"TracerPid:\t0\n" in Path(f"/proc/{process}/status").read_bytes():
        time.sleep(0.002)
    os.write(open_gate, b"x")
    os.close(open_gate)
    deadline = time.monotonic() + BUSY_S
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(process, 9)
            with said.open("a", encoding="utf-8") as file:
                file.write("it did not end\n")
        time.sleep(0.005)
    if tracer is not None:
        tracer.wait()
    return os.waitstatus_to_exitcode(status)


def _child(act: Callable[[], None], said: Path, gate: int) -> None:
    code, told = 1, io.StringIO()
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    sys.stdout = sys.stderr = told
    try:
        os.read(gate, 1)
        act()
        code = 0
    except SystemExit as left:
        told.write(left.code if isinstance(left.code, str) else "")
        code = left.code if isinstance(left.code, int) else 1 if left.code else 0
    except KizunaError as error:
        told.write(f"error: {error}")
    except BaseException:  # noqa: BLE001 # whatever it was, it is told, and this process goes no further
        told.write(traceback.format_exc())
    finally:
        os.writev(out, [told.getvalue().encode()])  # a call that no run harms
        os._exit(code)


# --- one run ----------------------------------------------------------------------------------------------------------------------


@contextmanager
def copied(made: Path) -> Iterator[tuple[Path, Path]]:
    """Give a copy of the nodes, and a folder beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(shutil.copytree(made, Path(scratch) / "nodes")), Path(scratch)


def examined(folder: Path) -> tuple[list[str], list[Counter[str]]]:
    """Return what is wrong with the journals and blobs of the nodes, and how many entries of each kind each journal holds."""
    wrong, kinds = [], []
    for config in sorted(folder.glob("*/node.toml")):
        settings = read_settings(config)
        store = open_store(settings, projections(DOMAINS))
        try:
            wrong += [f"{settings.node}: {finding.message}" for finding in store.verify().findings]
            with store.view() as db:
                missing = erasing.audit(db, Blobs(settings.data / "blobs").has).missing
            wrong += [f"{settings.node}: blob `{sha256}` is missing" for sha256 in missing]
            kinds.append(Counter(stored.entry.kind for stored in store.read(1, 1 << 30)))
        finally:
            store.close()
    return wrong, kinds


def calls_of(work: Work, made: Path) -> Counter[str]:
    """Return how often, at most, one thread of some work makes each call; it fails where the work cannot be done unharmed."""
    with copied(made) as (folder, scratch):
        trace = scratch / "trace"
        strace = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={','.join(CALLS)}"]
        code = forked(lambda: work.act(folder), scratch / "said", strace)
        assert code == 0, f"{work.name}: {(scratch / 'said').read_text(encoding='utf-8')}"
        most: Counter[str] = Counter()
        for (_, call), times in Counter(_CALL.findall(trace.read_bytes())).items():
            most[call.decode()] = max(most[call.decode()], times)
        return most


def run(work: Work, harm: tuple[str, str, int], made: Path, before: list[Counter[str]]) -> tuple[str, str]:
    """Harm one call of some work on a copy of the nodes; return how it ended, and what is wrong."""
    call, how, when = harm
    with copied(made) as (folder, scratch):
        trace, said = scratch / "trace", scratch / "said"
        strace = [
            "strace",
            "-f",
            "-qq",
            "-o",
            str(trace),
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:{how}:when={when}",
        ]
        code = forked(lambda: work.act(folder), said, strace)
        where = f"{work.name}: {how} at {call} {when}"
        told = said.read_text(encoding="utf-8", errors="replace").strip()
        if "Traceback" in told or "did not end" in told or "did not catch up" in told:
            return "wrong", f"{where}: {told.splitlines()[-1]}"
        wrong, kinds = examined(folder)
        if wrong:
            return "wrong", f"{where}: {wrong[0]}"
        if code == 0 and work.kind and kinds[work.node][work.kind] <= before[work.node][work.kind]:
            return "wrong", f"{where}: it said that it was done"
        if code == 0 and (how == KILL or b"INJECTED" not in trace.read_bytes()):
            return "not reached", ""
        return ("done all the same" if code == 0 else "killed" if code < 0 else "refused"), ""


# --- all of them ------------------------------------------------------------------------------------------------------------------


def prepare(folder: Path) -> Path:
    """Return a folder with two nodes, of which one has heard ships for a while, a bundle of it, and sentences that none has heard yet."""
    nodes = demo_world.prepare(folder / "demo", bundled(), CLOCK, fresh)
    made = nodes[0].folder.parent
    sea = Traffic(SEED, VESSELS, CLOCK.now_ms(), regions=nodes[0].side.regions)
    demo_world.ingest_history(nodes[0], sea.history(HEARD_H), CLOCK, fresh)
    (made / "heard.nmea").write_bytes(b"".join(sea.step(sea.start_ms + 60_000)))
    with copied(made) as (copy, scratch):
        assert forked(lambda: WORKS[3].act(copy), scratch / "said", []) == 0
        shutil.copy(copy / "out", made / "bundle")
    return made


def wait_until_due(made: Path) -> None:
    """Wait until the nodes may release all that they have for each other: before that, nothing is done soon."""
    for config in made.glob("*/node.toml"):
        store = open_store(read_settings(config), projections(DOMAINS))
        ((until_ms,),) = store.query("SELECT MAX(not_before_ms) FROM outbox")
        store.close()
        time.sleep(max(0, (until_ms or 0) - CLOCK.now_ms()) / 1000)


def load(made: Path) -> None:
    """Load here what the work will want, so that no forked process has to."""
    for work in WORKS:
        with copied(made) as (folder, scratch):
            names = scratch / "modules"

            def act(work: Work = work, folder: Path = folder, names: Path = names) -> None:
                try:
                    work.act(folder)
                finally:
                    names.write_text("\n".join(sorted(sys.modules)), encoding="utf-8")

            forked(act, scratch / "said", [])
            for name in names.read_text(encoding="utf-8").splitlines():
                with suppress(ImportError):  # a part that is there by another name
                    importlib.import_module(name)


def main() -> int:
    wanted, first = (int(text) for text in (*sys.argv[1:], *("100", "0")[len(sys.argv) - 1 :]))
    if shutil.which("strace") is None:
        print("skipped: strace is not installed (Debian: apt-get install strace)")
        return 0
    ends: dict[str, Counter[str]] = {work.name: Counter() for work in WORKS}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        made = prepare(Path(scratch))
        load(made)
        wait_until_due(made)
        _, before = examined(made)
        plan = [
            (work, (call, how, when))
            for work in WORKS
            for call, most in calls_of(work, made).items()
            for how in HARMS
            for when in range(1, most + 1)
        ]
        random.Random(SEED).shuffle(plan)
        began = time.monotonic()
        for number in range(first, first + wanted):
            work, harm = plan[number % len(plan)]
            end, why = run(work, harm, made, before)
            ends[work.name][end] += 1
            if why:
                wrong.append(why)
                print(why, file=sys.stderr, flush=True)
            if number % TOLD_EVERY == TOLD_EVERY - 1:
                print(f"{number + 1 - first} runs, {len(wrong)} wrong", file=sys.stderr, flush=True)
    print(f"{wanted} of {len(plan)} ways, {(time.monotonic() - began) / wanted:.2f} s each; {len(wrong)} wrong")
    for name, found in ends.items():
        print(f"{name}: {', '.join(f'{times} {end}' for end, times in sorted(found.items()))}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
