"""Where a feed's bytes come from: file, standard input, TCP from either end, UDP, a stream. Bytes are handed on; what they say is told elsewhere.

None of these transports says who speaks: a feed is trusted as far as the wire that it comes over, which is why the address to listen on is a
setting and every record names its source.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

import aiohttp
import msgspec

from kizuna.domains.maritime.records import SourceKind
from kizuna.errors import ConfigError
from kizuna.formats.ais_stream import MAX_MESSAGE_BYTES
from kizuna.formats.opening import CHUNK_BYTES, chunks
from kizuna.kernel.label import Label
from kizuna.node.maritime.stream_source import read_stream
from kizuna.node.maritime.taking import RETRY_S, Settle, Take

SILENT_S = 60.0
"""A WebSocket over which nothing comes for so long is taken for dead though it is open, and made anew."""
PING_S = 20.0
MAX_CONNECTIONS = 64
MAX_DATAGRAMS = 4096
"""Datagrams held while the node is busy; further ones are dropped, as the network itself would."""


class Feed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One feed of AIS sentences.

    `name` is the feed's own; `source` names the receiver, or group of receivers, in every record: a history and the live feed that goes on from
    it have one source.
    """

    name: str
    source: str
    label: Label
    """How its records are labelled; what concerns own units is released to nobody whatever stands here."""
    kind: Literal["file", "stdin", "tcp", "tcp-server", "udp", "nats", "websocket"]
    source_kind: SourceKind = "live"
    address: str = ""
    """`host:port`: to connect to (`tcp`, `nats`) or to listen on (`tcp-server`, `udp`); of a `websocket` its `wss://` address."""
    subject: str = ""
    """What of a NATS server's streams is read."""
    subscription: str = ""
    """What a `websocket` is told once it is connected; it may hold a key, and is never logged."""
    path: str = ""
    """The file; plain, gzip or Zstandard."""

    @property
    def in_bulk(self) -> bool:
        """Whether it is read as fast as it goes, in large windows, and has no health of its own."""
        return self.kind == "file" or self.source_kind == "recorded"


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of `host:port`; an IPv6 host stands in brackets.

    Raises:
        ConfigError: it is not of that form.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 # the greatest port
        raise ConfigError(f"feed address `{address}` is not `host:port`")
    return host.strip("[]"), int(port)


async def receive(feed: Feed, take: Take, settle: Settle, *, stdin: BinaryIO) -> None:
    """Hand on what a feed gives: to its end (`file`, `stdin`), or until the task is cancelled; `settle` returns once what was taken is durable.

    Raises:
        ConfigError: the file cannot be read, or the address cannot be used.
        RecordError: a packed file is damaged.
    """
    match feed.kind:
        case "file":
            await _file(Path(feed.path), take)
        case "stdin":
            await _stdin(stdin, take)
        case "tcp":
            await _client(*host_and_port(feed.address), take)
        case "tcp-server":
            await _server(*host_and_port(feed.address), take)
        case "udp":
            await _udp(*host_and_port(feed.address), take)
        case "nats":
            await read_stream(feed.address, feed.subject, f"kizuna-{feed.name}", take, settle)
        case "websocket":
            await _websocket(feed, take)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error


async def _file(path: Path, take: Take) -> None:
    with _opened(path) as file:
        for data in chunks(file):
            await take(0, data)
            await asyncio.sleep(0)
    await take(0, b"")


async def _stdin(stdin: BinaryIO, take: Take) -> None:
    if stat.S_ISREG(os.fstat(stdin.fileno()).st_mode):
        for data in chunks(stdin):
            await take(0, data)
    else:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
        try:
            await _drain(reader, 0, take)
        finally:
            transport.close()
        return
    await take(0, b"")


async def _drain(reader: asyncio.StreamReader, connection: int, take: Take) -> None:
    try:
        while data := await reader.read(CHUNK_BYTES):
            await take(connection, data)
    finally:
        await take(connection, b"")


async def _client(host: str, port: int, take: Take) -> None:
    pause_s = RETRY_S[0]
    for connection in itertools.count():
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            pause_s = RETRY_S[0]
            try:
                await _drain(reader, connection, take)
            finally:
                writer.close()
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, RETRY_S[1])


async def _server(host: str, port: int, take: Take) -> None:
    numbers = itertools.count()
    there: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                await _drain(reader, next(numbers), take)
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(there) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        there.add(task)
        task.add_done_callback(there.discard)

    try:
        server = await asyncio.start_server(accept, host, port)
    except OSError as error:
        raise ConfigError(f"cannot listen on `{host}:{port}`: {error.strerror}") from error
    try:
        await asyncio.get_running_loop().create_future()  # until cancelled
    finally:
        server.close()
        for task in there:
            task.cancel()
        await asyncio.gather(*there, return_exceptions=True)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue(MAX_DATAGRAMS)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:  # noqa: ARG002 # the protocol's signature
        with suppress(asyncio.QueueFull):
            self.waiting.put_nowait(data)


async def _udp(host: str, port: int, take: Take) -> None:
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.create_datagram_endpoint(_Datagrams, local_addr=(host, port))
    except OSError as error:
        raise ConfigError(f"cannot listen on `{host}:{port}`: {error.strerror}") from error
    try:
        while True:
            data = await protocol.waiting.get()
            # a datagram holds whole sentences, and the last of them may lack its line end
            await take(0, data if data.endswith(b"\n") else data + b"\n")
    finally:
        transport.close()


async def _websocket(feed: Feed, take: Take) -> None:
    """Subscribe and hand on each message as a line; what is not taken is not read, so that its sender waits too."""
    pause_s = RETRY_S[0]
    for connection in itertools.count():
        with suppress(OSError, aiohttp.ClientError, TimeoutError):
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(feed.address, heartbeat=PING_S, max_msg_size=MAX_MESSAGE_BYTES) as socket,
            ):
                await socket.send_str(feed.subscription)
                try:
                    while line := await _message(socket, SILENT_S):
                        pause_s = RETRY_S[0]
                        await take(connection, line)
                finally:
                    await take(connection, b"")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, RETRY_S[1])


async def _message(socket: aiohttp.ClientWebSocketResponse, silent_s: float) -> bytes:
    """Return the next message as a line, nothing where there is none any more."""
    message = await socket.receive(timeout=silent_s)
    if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
        return b""
    data: bytes = message.data.encode() if isinstance(message.data, str) else message.data
    return data.replace(b"\n", b" ") + b"\n"
