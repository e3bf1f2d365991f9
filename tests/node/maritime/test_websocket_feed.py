"""A WebSocket as a feed: subscribed to, read, made anew when it falls silent, and never read faster than it is said."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kizuna.errors import ConfigError
from kizuna.node.maritime import sources
from kizuna.node.maritime.feeding import example_label
from kizuna.node.maritime.intake import Intake
from kizuna.node.maritime.sources import Feed, receive
from kizuna.node.maritime.watch import feed_of
from kizuna.node.settings import parse_settings
from tests.formats.test_ais_stream import AT_MS, POSITION, STATIC, message

LABEL = example_label("ind", ["jpn"])


class Sender:
    """A server that sends messages to whoever subscribes, then falls silent or ends."""

    def __init__(self, *, silent: bool) -> None:
        self.silent = silent
        self.told: list[dict[str, Any]] = []
        self.sent = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.told.append(json.loads(await socket.receive_str()))
        pretty = json.dumps(json.loads(message("ShipStaticData", STATIC)), indent=1).encode()
        await socket.send_bytes(message("PositionReport", POSITION))
        await socket.send_str(pretty.decode())
        self.sent += 2
        if self.silent:
            await socket.receive()  # until the other side has had enough
        return socket


def test_a_websocket_is_subscribed_to_and_made_anew_when_it_ends_or_falls_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "RETRY_S", (0.02, 0.05))
    monkeypatch.setattr(sources, "SILENT_S", 0.1)

    async def story(*, silent: bool) -> None:
        sender = Sender(silent=silent)
        app = web.Application()
        app.router.add_get("/v0/stream", sender.serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        feed = Feed(
            name="sky",
            source="sky",
            label=LABEL,
            kind="websocket",
            address=f"ws://127.0.0.1:{port}/v0/stream",
            subscription='{"APIKey":"k"}',
        )
        intake = Intake(feed, frozenset(), AT_MS)
        ended = asyncio.Event()
        busy = 0

        async def take(connection: int, data: bytes) -> None:
            nonlocal busy
            busy += 1
            assert busy == 1, "the next message is read when this one is taken"
            assert intake.take(connection, data, AT_MS) == []
            await asyncio.sleep(0.01)
            busy -= 1
            if not data and len(sender.told) >= 3:
                ended.set()

        async def settle() -> bool:
            raise AssertionError("nothing is acknowledged over a WebSocket")

        reading = asyncio.ensure_future(receive(feed, take, settle, stdin=None))  # type: ignore[arg-type] # not read
        await asyncio.wait_for(ended.wait(), 10)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await runner.cleanup()
        assert all(told == {"APIKey": "k"} for told in sender.told)
        said = intake.flush(AT_MS)
        assert {each.type for each in said} >= {"maritime.position-batch.v1", "maritime.static-reported.v1"}
        assert intake.status(AT_MS).messages_by_type.keys() == {3, 5}
        assert intake.status(AT_MS).sentences >= 6

    for silent in (False, True):
        asyncio.run(story(silent=silent))


HEAD = 'node = "ind/fusion-delhi"\ndata = "data"\nkeys = "keys"\nhigh_water = "high/marks.json"\n[[feeds]]\nsource = "sky"\n'
LABELLED = 'label = { policy = "ind.example.v1", classification = 0 }\n'


def test_its_key_stands_in_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    text = (
        HEAD
        + 'kind = "websocket"\naddress = "wss://sky.example/v0/stream"\nkey_file = "sky.key"\nboxes = [[1, 102, 4, 104]]\n'
    )
    (made,) = parse_settings(text + LABELLED, "node.toml", tmp_path).feeds
    with pytest.raises(ConfigError, match="is not there"):
        feed_of(made, LABEL)
    (tmp_path / "sky.key").write_text("secret\n", encoding="ascii")
    (tmp_path / "sky.key").chmod(0o644)
    with pytest.raises(ConfigError):
        feed_of(made, LABEL)
    (tmp_path / "sky.key").chmod(0o600)
    told = json.loads(feed_of(made, LABEL).subscription)
    assert (told["APIKey"], told["BoundingBoxes"]) == ("secret", [[[1.0, 102.0], [4.0, 104.0]]])


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ('kind = "websocket"\naddress = "ws://sky.example/"\n', "a key would be read on the way"),
        ('kind = "websocket"\naddress = "https://sky.example/"\n', "is not `wss://host/path`"),
        ('kind = "websocket"\n', "give `address`"),
        ('kind = "websocket"\naddress = "wss://sky.example"\nboxes = [[4, 102, 1, 104]]\n', "no box of the earth"),
        ('kind = "udp"\naddress = "127.0.0.1:1"\nkey_file = "k"\n', "are a `websocket`'s"),
    ],
)
def test_a_websocket_that_is_not_well_formed_is_told(rest: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_settings(HEAD + rest + LABELLED, "node.toml", Path("/etc/kizuna"))
