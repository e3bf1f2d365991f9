"""A feed out of a real NATS JetStream: nothing is acknowledged before it is durable, and a restart goes on where it stopped."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.api import ConsumerInfo

from kizuna.errors import ChannelError, ConfigError
from kizuna.formats.nmea import AisLineReader, AisPayload
from kizuna.node.effects import Command
from kizuna.node.maritime.feeding import Feeding
from kizuna.node.maritime.stream_source import timed
from kizuna.node.service import Node
from tests.node.maritime.test_feeding import (
    START_MS,
    Clock,
    feed,
    feeding,
    free_port,
    held,
    listens,
    node,
    sentences,
    settings,
    until,
)

__all__ = ["node", "settings"]  # fixtures

SERVER = shutil.which("nats-server")
SUBJECT = "ais.coast"
needs_server = pytest.mark.skipif(SERVER is None, reason="`nats-server` is not installed (Debian's nats-server)")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    port = free_port(1)
    folder = tmp_path / "nats"
    with subprocess.Popen(
        [str(SERVER), "-js", "-sd", str(folder), "-a", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        until(lambda: listens(port))
        yield f"127.0.0.1:{port}"
        running.terminate()


async def _publish(address: str, lines: list[bytes]) -> None:
    client = await nats.connect(f"nats://{address}")
    stream = client.jetstream()
    await stream.add_stream(name="AIS", subjects=["ais.>"])
    for begin in range(0, len(lines), 7):
        await stream.publish(SUBJECT, b"\r\n".join(line.rstrip() for line in lines[begin : begin + 7]))
    await client.close()


async def _consumer(address: str) -> ConsumerInfo:
    client = await nats.connect(f"nats://{address}")
    try:
        return await client.jetstream().consumer_info("AIS", "kizuna-feed")
    finally:
        await client.close()


@needs_server
def test_a_stream_is_read_to_the_end_and_gone_on_with(server: str, node: Node) -> None:
    lines = sentences(20)
    half = len(lines) // 14 * 7
    asyncio.run(_publish(server, lines[:half]))
    made = feeding(node, feed("nats", address=server, subject="ais.>"))
    until(lambda: made.statuses()[0].sentences == half)
    until(lambda: asyncio.run(_consumer(server)).num_ack_pending == 0)
    made.stop()
    assert held(node) == made.statuses()[0].positions > 0
    first = held(node)

    asyncio.run(_publish(server, lines[half:]))
    again = feeding(node, feed("nats", address=server, subject="ais.>"))
    until(lambda: again.statuses()[0].sentences == len(lines) - half)
    again.stop()
    assert held(node) == first + again.statuses()[0].positions


class Busy:
    """A node whose disk is full."""

    def do(self, _command: Command) -> Future[Any]:
        refused: Future[Any] = Future()
        refused.set_exception(ChannelError("the disk is full"))
        return refused


@needs_server
def test_what_is_not_durable_is_not_acknowledged_and_comes_again(server: str, node: Node) -> None:
    lines = sentences(10)
    asyncio.run(_publish(server, lines))
    source = feed("nats", address=server, subject="ais.>")
    waits = Feeding(Busy(), [source], own_units=frozenset(), clock=Clock())
    waits.start()
    until(lambda: waits.statuses()[0].sentences == len(lines))
    assert asyncio.run(_consumer(server)).num_ack_pending == -(-len(lines) // 7)
    waits.stop()
    assert held(node) == 0
    made = feeding(node, source)
    until(lambda: made.statuses()[0].sentences == len(lines))
    until(lambda: asyncio.run(_consumer(server)).num_ack_pending == 0)
    made.stop()
    assert held(node) == made.statuses()[0].positions > 0


@needs_server
def test_a_subject_that_no_stream_holds_stops_the_feed_with_a_remedy(server: str, node: Node) -> None:
    made = feeding(node, feed("nats", address=server, subject="weather.>"))
    assert made.join(20)
    assert isinstance(made.faults["feed"], ConfigError)
    assert "no stream of this server holds `weather.>`" in str(made.faults["feed"])


def test_lines_without_a_time_get_that_of_the_stream() -> None:
    plain = next(line for line in sentences() if b"AIVDM,1,1" in line).rpartition(b"\\")[2].strip()
    tagged = b"\\s:x,c:1300000000*41\\" + plain
    reader = AisLineReader()
    items = reader.feed(timed(plain + b"\r\n" + tagged, START_MS))
    assert next(item.received_ms for item in items if isinstance(item, AisPayload)) == START_MS
    assert timed(tagged, START_MS) == tagged + b"\n"
    assert timed(b"", START_MS) == b""
