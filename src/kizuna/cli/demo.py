"""`kizuna demo`: two sovereign nodes on this machine exchange shipping information, and the terminal shows what crosses and what does not.

The nodes, their traffic and the final audit are `kizuna.cli.demo_world`'s; here is the course of it and what is shown.
"""

from __future__ import annotations

import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kizuna.cli import demo_world
from kizuna.cli.base import CLOCK, Json, emit, random
from kizuna.cli.demo_world import Audit, DemoNode
from kizuna.domains.maritime.traffic import Traffic
from kizuna.errors import ChannelError, RecordError
from kizuna.kernel.instrument import Instrument, Provision
from kizuna.node.channel.treaties import bundled

DRAIN_S = 120.0
HISTORY_HOURS = 8.0
STEP_S = 0.1
POLL_S = 1.0
PLAYED_PER_S = 1_000
_DURATION = re.compile(r"(\d+)\s*(s|m|h)?").fullmatch
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_CLAUSE = "provision:"


def demo(
    for_: Annotated[
        str, typer.Option("--for", help="How long to run, such as `30s` or `5m`; without, until Ctrl-C.")
    ] = "",
    ais: Annotated[
        list[Path] | None, typer.Option("--ais", help="Play these recordings in place of simulated traffic.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Names the simulated scene.")] = 2018,
    vessels: Annotated[int, typer.Option(min=20, max=20_000, help="How many ships are simulated.")] = 300,
    keep: Annotated[
        Path | None, typer.Option(help="Keep the two nodes in this new folder; without, they are removed.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Run two nodes, India's and Japan's, that exchange shipping information under the 2018 arrangement."""
    seconds = duration_s(for_)
    folder = keep.absolute() if keep is not None else Path(tempfile.mkdtemp(prefix="kizuna-demo-"))
    show = _Show(json_wanted=json)
    with _stopped_by_signals() as stopped:
        try:
            result = _run(folder, seconds, Scene(tuple(ais or ()), seed, vessels), show, stopped)
        finally:
            if keep is None:
                shutil.rmtree(folder, ignore_errors=True)
    emit(result, json_wanted=json, lines=summary(result, folder if keep is not None else None))
    if result["findings"] or not result["roots_equal"]:
        raise ChannelError("the demo did not end as it should: see the figures above")


def duration_s(text: str) -> float:
    """Return the seconds of `30s`, `5m` or `1h`; infinity for the empty text.

    Raises:
        RecordError: it is none of these.
    """
    if not text:
        return float("inf")
    found = _DURATION(text.strip())
    if found is None:
        raise RecordError(f"`{text[:20]}` is no duration: write it like `30s`, `5m` or `1h`")
    return float(int(found[1]) * _SECONDS[found[2] or "s"])


@contextmanager
def _stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether Ctrl-C or SIGTERM came; the demo then ends in order."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _frame: came.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class Scene:
    """What the receivers hear."""

    recordings: tuple[Path, ...]
    seed: int
    vessels: int


def _run(folder: Path, seconds: float, scene: Scene, show: _Show, stopped: Callable[[], bool]) -> dict[str, Any]:
    show.tell("making keys, cards and settings; both parties sign the arrangement")
    instruments = bundled()
    nodes = demo_world.prepare(folder, instruments, CLOCK, random)
    feeds = _feeds(nodes, scene, show)
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_ready(show.tell)
        if not scene.recordings:
            show.tell("what may cross of those hours crosses")
            _drain(nodes, show)
        show.tell("the receivers are live")
        show.links(nodes)
        _play(nodes, feeds, seconds, show, stopped)
        show.tell("waiting until everything that was released is receipted")
        _drain(nodes, show)
        live = [_pictured(node) for node in nodes]
    finally:
        for node in nodes:
            node.stop()
        show.close()
    audits = [demo_world.audit(node) for node in nodes]
    return _result(nodes, audits, live, instruments)


# --- traffic ----------------------------------------------------------------------------------------------------------------------


def _feeds(nodes: Sequence[DemoNode], scene: Scene, show: _Show) -> list[Iterator[list[bytes]]]:
    """Return for each node what its receiver hears from now on, a list of lines a step."""
    if scene.recordings:
        lines = demo_world.lines_of(scene.recordings)
        return [_played(lines), iter(())]
    show.tell(f"the receivers' last {HISTORY_HOURS:.0f} hours go in from files")
    now_ms = CLOCK.now_ms()
    found = []
    for node in nodes:
        traffic = Traffic(scene.seed, scene.vessels, now_ms, regions=node.side.regions)
        demo_world.ingest_history(node, traffic.history(HISTORY_HOURS), CLOCK, random)
        found.append(_simulated(traffic))
    return found


def _simulated(traffic: Traffic) -> Iterator[list[bytes]]:
    traffic.step(CLOCK.now_ms())  # what fell due while the nodes started was heard by nobody
    while True:
        yield traffic.step(CLOCK.now_ms())


def _played(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Yield recorded sentences at an even rate, without the times of the recording: they are heard again, now."""
    count = int(PLAYED_PER_S * STEP_S)
    step: list[bytes] = []
    for line in lines:
        at = line.find(b"!")
        if at >= 0:
            step.append(line[at:])
        if len(step) >= count:
            yield step
            step = []
    yield step


def _play(
    nodes: Sequence[DemoNode],
    feeds: Sequence[Iterator[list[bytes]]],
    seconds: float,
    show: _Show,
    stopped: Callable[[], bool],
) -> None:
    begun = time.monotonic()
    polled = 0.0
    playing = list(feeds)
    while not stopped() and time.monotonic() - begun < seconds:
        for node, feed in zip(nodes, playing, strict=True):
            node.check_running()
            node.say(next(feed, []))
        if time.monotonic() - polled >= POLL_S:
            polled = time.monotonic()
            show.nodes(nodes, polled - begun, seconds)
        time.sleep(STEP_S)


def _drain(nodes: Sequence[DemoNode], show: _Show) -> None:
    """Wait until each side has receipted all that the other released."""
    until = time.monotonic() + DRAIN_S
    calm = 0
    while True:
        for node in nodes:
            node.check_running()
            node.say([])
        states = [node.get("/api/v1/status") or {} for node in nodes]
        settled = [_settled(state) for state in states]
        calm = calm + 1 if all(settled) else 0
        if calm >= 3 or time.monotonic() > until:  # noqa: PLR2004 # a moment without anything under way
            return
        show.nodes(nodes, 0.0, 0.0)
        time.sleep(0.3)


def _pictured(node: DemoNode) -> dict[str, Any]:
    return {
        "latency": node.get("/api/v1/picture/latency") or {},
        "picture": node.get("/api/v1/picture") or {},
        "events": node.get("/api/v1/events?limit=1000") or [],
    }


def _settled(state: dict[str, Any]) -> bool:
    channels = state.get("channels", [])
    return bool(channels) and all(
        one["out_size"] == one["out_receipted"] and not one["out_due"] and one["in_size"] == one["in_seen"]
        for one in channels
    )


# --- figures ----------------------------------------------------------------------------------------------------------------------


def _result(
    nodes: Sequence[DemoNode],
    audits: Sequence[Audit],
    live: Sequence[dict[str, Any]],
    instruments: Sequence[Instrument],
) -> dict[str, Any]:
    one, other = audits
    withheld: Counter[str] = one.withheld + other.withheld
    latencies = [each["latency"] for each in live if each["latency"].get("positions")]
    vessels = {row["mmsi"] for each in live for row in each["picture"].get("vessels", [])}
    return {
        "sentences": sum(node.sentences for node in nodes),
        "vessels": len(vessels),
        "events": dict(sorted(Counter(row["kind"] for each in live for row in each["events"] if row["own"]).items())),
        "journalled": one.journalled + other.journalled,
        "released": one.released + other.released,
        "withheld": dict(withheld.most_common()),
        "received": one.received + other.received,
        "verified": one.verified + other.verified,
        "receipted": one.receipted + other.receipted,
        "refused": dict((one.refused + other.refused).most_common()),
        "signature_failures": one.signature_failures + other.signature_failures,
        "latency_ms": {
            "p50": max((each["p50_ms"] for each in latencies), default=None),
            "p99": max((each["p99_ms"] for each in latencies), default=None),
        },
        "roots_equal": one.out_root == other.in_root and other.out_root == one.in_root,
        "findings": [*one.findings, *other.findings],
        "clauses": {reason: clause_in_words(reason, instruments) for reason in withheld},
    }


def clause_in_words(reason: str, instruments: Sequence[Instrument]) -> str:
    """Return what a reason says, with the text of the clause that it names; an example is called one."""
    if not reason.startswith(_CLAUSE):
        return REASONS_IN_WORDS.get(reason, reason)
    for instrument in instruments:
        for provision in instrument.provisions:
            if provision.id == reason.removeprefix(_CLAUSE):
                return _clause(provision)
    return reason


REASONS_IN_WORDS = {
    "no-instrument": "no agreement between the two was in force yet",
    "no-provision": "no clause speaks of this kind of record",
    "releasability": "its label is not releasable to the partner",
    "level": "it is graded above what the clause allows",
    "purpose": "no purpose of its label is one of the clause's",
}


def _clause(provision: Provision) -> str:
    example = " (example)" if provision.basis == "example" else ""
    held = "what lies outside stays"
    if provision.obligations.delay_ms:
        held = f"held for {provision.obligations.delay_ms // 60_000} minutes"
    elif provision.effect == "forbids":
        held = "forbidden"
    return f"{provision.article}{example}: {provision.text} [{held}]"


def summary(result: dict[str, Any], kept: Path | None) -> list[Any]:
    """Return the lines that tell people what happened."""
    crossed = Table(box=None, pad_edge=False, show_header=False)
    latency = result["latency_ms"]
    fresh = (
        f"{latency['p50']} ms (99 of 100 within {latency['p99']} ms)" if latency["p50"] is not None else "not measured"
    )
    for name, value in (
        ("AIS sentences heard", result["sentences"]),
        ("vessels in the picture", result["vessels"]),
        ("events found", ", ".join(f"{count} {kind}" for kind, count in result["events"].items()) or 0),
        ("journal entries, both nodes verified", result["journalled"]),
        ("records released under a clause", result["released"]),
        ("received, signature and clause checked", result["verified"]),
        ("receipted", result["receipted"]),
        ("signature failures", result["signature_failures"]),
        ("from sentence to the partner's picture", fresh),
        ("channel roots equal on both sides", "yes" if result["roots_equal"] else "NO"),
    ):
        crossed.add_row(name, str(value), style="")
    held = Table("withheld", "by", box=None, pad_edge=False, header_style="bold")
    for reason, count in result["withheld"].items():
        held.add_row(str(count), f"{reason.removeprefix(_CLAUSE)}: {result['clauses'][reason]}")
    lines: list[Any] = [
        Text("What crossed", style="bold"),
        crossed,
        Text(""),
        Text("What stayed at home, and which clause held it", style="bold"),
        held,
    ]
    if kept is not None:
        lines.append(Text(f"both nodes are kept in {kept}"))
    return lines


class _Show:
    """What the terminal shows meanwhile: a line a step, and on a terminal a table that follows the nodes."""

    def __init__(self, *, json_wanted: bool) -> None:
        self._console = Console(stderr=json_wanted, highlight=False)
        self._quiet = json_wanted and not sys.stderr.isatty()
        self._live: Live | None = None

    def tell(self, text: str) -> None:
        """Say what is being done."""
        if not self._quiet:
            self._console.print(Text(f"· {text}", style="dim"))

    def links(self, nodes: Sequence[DemoNode]) -> None:
        """Show where each node's pages are; each link lets in once, so nobody finds an open door in the terminal's history."""
        self._console.print(Text("Open both in a browser, each lets you in once:", style="bold"))
        for node in nodes:
            self._console.print(f"  {node.side.title:<6} {node.link(CLOCK)}", soft_wrap=True, markup=False)

    def nodes(self, nodes: Sequence[DemoNode], elapsed_s: float, of_s: float) -> None:
        """Show both nodes side by side."""
        if self._quiet or not self._console.is_terminal:
            return
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        rest = f"{elapsed_s:.0f} s" + (f" of {of_s:.0f} s" if of_s not in (0.0, float("inf")) else "; Ctrl-C ends it")
        self._live.update(Group(_side_by_side(nodes), Text(rest, style="dim")), refresh=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _side_by_side(nodes: Sequence[DemoNode]) -> Table:
    states = [node.get("/api/v1/status") or {} for node in nodes]
    pictures = [node.get("/api/v1/picture?limit=0") or {} for node in nodes]
    channels = [(state.get("channels") or [{}])[0] for state in states]
    shown = Table("", *(f"{node.side.title}  {node.side.node}" for node in nodes), box=None, header_style="bold")
    shown.add_row("sentences heard", *(str(node.sentences) for node in nodes))
    shown.add_row("vessels in the picture", *(str(picture.get("total", "…")) for picture in pictures))
    shown.add_row("journal entries", *(str(state.get("journal_seq", "…")) for state in states))
    shown.add_row("released to the partner", *(str(one.get("out_size", "…")) for one in channels))
    shown.add_row("of these receipted", *(str(one.get("out_receipted", "…")) for one in channels))
    shown.add_row("received and verified", *(str(one.get("in_size", "…")) for one in channels))
    shown.add_row("withheld", *(_top(state.get("withheld_by_reason", {})) for state in states))
    return shown


def _top(reasons: dict[str, int]) -> str:
    first = sorted(reasons.items(), key=lambda pair: -pair[1])[:3]
    return "\n".join(f"{count} {reason.removeprefix(_CLAUSE)}" for reason, count in first) or "0"
