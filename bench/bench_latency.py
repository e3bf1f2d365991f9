"""How long a sentence takes from a receiver's TCP feed into the partner's picture, at 2,000 sentences a second.

Two nodes of the demo in processes of their own (`kizuna run`), mutual TLS, all checks on. The sentences are made beforehand and sent on time; each
carries when it was heard, and the partner's node tells how old each position was when its picture had it. A position that was said more than five
seconds late is no longer counted as live there: `latency.live_share` says of how many of those that were offered and may be shown the figures speak.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from kizuna.cli import demo_world
from kizuna.cli.demo_world import DemoNode
from kizuna.domains.maritime.traffic import Traffic
from kizuna.node.channel.treaties import bundled
from kizuna.node.clock import SystemClock

OFFERED = 2_000
SECONDS = 30
SLICE_MS = 50
SETTLE_S = 8.0
CLOCK = SystemClock()

Slices = list[tuple[int, list[bytes]]]


def _quiet(_sentence: str) -> None:
    """Tell nothing: the table says it."""


def _slices(vessels: int, start_ms: int, seconds: int, regions: tuple[str, ...]) -> Slices:
    """Return what `vessels` say from an instant on, in slices with the time at which each is over."""
    traffic = Traffic(1, vessels, start_ms, regions=regions)
    return [
        (at_ms, traffic.step(at_ms))
        for at_ms in range(start_ms + SLICE_MS, start_ms + seconds * 1000 + SLICE_MS, SLICE_MS)
    ]


def _count(slices: Slices) -> int:
    return sum(demo_world.sentence_count(lines) for _, lines in slices)


def _send(node: DemoNode, slices: Slices) -> None:
    for at_ms, lines in slices:
        time.sleep(max(0, at_ms - CLOCK.now_ms()) / 1000)
        node.say(lines)


def _measured(sender: DemoNode, receiver: DemoNode) -> tuple[dict[str, Any], float, int]:
    """Return what the receiver says of its latencies, sentences offered a second, and how many positions went in."""
    regions = sender.side.regions
    some = 2_000
    vessels = round(some * OFFERED * 5 / _count(_slices(some, CLOCK.now_ms(), 5, regions)))
    start_ms = CLOCK.now_ms() + 20_000
    slices = _slices(vessels, start_ms, SECONDS, regions)
    assert start_ms > CLOCK.now_ms(), "this machine makes sentences slower than they are sent"
    _send(sender, slices)
    time.sleep(SETTLE_S)
    latency = receiver.get("/api/v1/picture/latency")
    assert latency is not None, "the partner's node does not answer"
    assert latency["positions"], "no position reached the partner's picture"
    took_in = sum(feed["positions"] for feed in sender.get("/api/v1/intake")["feeds"])
    return latency, _count(slices) / SECONDS, took_in


def run() -> list[dict[str, Any]]:
    """Return the latencies."""
    with tempfile.TemporaryDirectory() as folder:
        sender, receiver = demo_world.prepare(Path(folder), bundled(), CLOCK, os.urandom)
        try:
            for node in (sender, receiver):
                node.start()
            for node in (sender, receiver):
                node.wait_ready(_quiet)
            latency, offered, took_in = _measured(sender, receiver)
        finally:
            for node in (sender, receiver):
                node.stop()
    rows = (
        ("latency.sentence_to_picture", latency["p99_ms"], "ms, p99"),
        ("latency.sentence_to_picture.median", latency["p50_ms"], "ms, p50"),
        ("latency.offered", offered, "sentences/s"),
        ("latency.live_share", latency["positions"] / took_in, "of positions offered"),
    )
    return [{"name": name, "value": value, "unit": unit, "peer": None, "ratio": None} for name, value, unit in rows]


if __name__ == "__main__":
    for each in run():
        print(f"{each['name']:36} {each['value']:12,.2f} {each['unit']}")
