"""Plugs for tests: a real node with a clock of its own, and readers of what comes out."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kizuna.domains.maritime.fleet import OWN_UNITS
from kizuna.node.effects import Say
from kizuna.node.keys import keyfiles
from kizuna.node.maritime.feeding import drafts, example_label, groups
from kizuna.node.maritime.intake import Intake
from kizuna.node.maritime.sources import Feed
from kizuna.node.plug_settings import Plug
from kizuna.node.plugs.plugging import Plugging
from kizuna.node.service import Node, open_node
from kizuna.node.settings import Settings
from tests.node.maritime.test_feeding import START_MS, Clock

PURPOSE = "search-and-rescue"
OWN = frozenset(OWN_UNITS["ind"])
LABEL = example_label("ind", ["jpn"])


def own_plug(name: str, kind: str, **more: object) -> Plug:
    """Return a plug of ours that may have what the example label's lowest grade covers."""
    given = {"clearance": 0, "nationality": "ind", "purpose": PURPOSE, "simulated": True} | more
    return Plug(name=name, kind=kind, party="own", **given)  # type: ignore[arg-type] # a test names what it means


@contextmanager
def opened(folder: Path, plugs: tuple[Plug, ...]) -> Iterator[tuple[Node, Plugging]]:
    """Give a running node with running plugs."""
    root = keyfiles.create_root(folder / "root.key", os.urandom)
    keyfiles.create_keys(folder / "keys", "ind/fusion-delhi", [], root, START_MS, os.urandom)
    settings = Settings(
        node="ind/fusion-delhi",
        data=folder / "data",
        keys=folder / "keys",
        high_water=folder / "high-water" / "marks.json",
        plugs=plugs,
    )
    clock = Clock()
    node = open_node(settings, clock=clock, random=os.urandom, send=lambda _node, _data: None)
    plugging = Plugging(node.runner, node.core.world, plugs, clock)
    node.runner.observe(plugging.observe)
    node.runner.start()
    plugging.start()
    try:
        yield node, plugging
    finally:
        plugging.stop()
        node.close()


def hear(node: Node, lines: list[bytes], now_ms: int = START_MS) -> None:
    """Have a node say what a simulated coast receiver brings."""
    feed = Feed(name="coast", source="coast", label=LABEL, kind="tcp", source_kind="simulated")
    intake = Intake(feed, OWN, now_ms)
    intake.take(0, b"".join(lines), now_ms)
    for group in groups(intake.flush(now_ms)):
        node.runner.do(Say(drafts(group, LABEL))).result(timeout=30)


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until a condition holds."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "the condition did not come about"
        time.sleep(0.02)


def read_until_quiet(client: socket.socket, quiet_s: float = 0.7) -> bytes:
    """Return what comes over a connection until nothing comes any more."""
    client.settimeout(10)
    data = client.recv(1 << 16)
    client.settimeout(quiet_s)
    try:
        while part := client.recv(1 << 16):
            data += part
    except TimeoutError:
        pass
    return data
