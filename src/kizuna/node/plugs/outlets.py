"""Where a plug's bytes go: readers that connect to a TCP port of ours, or datagrams to one address. What they say was decided elsewhere.

None of these transports says who reads: a plug is as closed as the network behind its address. A reader that does not keep up is let go, and
counted; nothing here ever waits for one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal

import msgspec
import structlog

from kizuna.errors import ConfigError, KizunaError
from kizuna.node.maritime.sources import host_and_port

MOST_READERS = 64
MOST_BEHIND_BYTES = 1 << 20
"""How far a reader may lie behind before it is let go."""
MOST_WAITING_BYTES = 16 << 20
"""What waits at most between the thread that decides and the one that sends; beyond that it is dropped, and counted."""
_log = structlog.get_logger("kizuna.plugs")


class OutletStatus(msgspec.Struct, frozen=True):
    """How a plug's sockets are: who reads, what was sent, and what was lost to whom did not keep up."""

    name: str
    port: int
    """The port that it listens on, 0 where it sends."""
    readers: int
    sent: int
    """Messages handed to readers or to the network."""
    let_go: int
    """Readers that lay too far behind."""
    dropped: int
    """Messages that could not be handed on."""
    fault: str


class Outlet:
    """One plug's sockets; `send` may be called from any thread and returns at once."""

    def __init__(self, name: str, kind: Literal["tcp", "udp"], address: str) -> None:
        self.name = name
        self.kind = kind
        self.address = address
        self.fault: KizunaError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._readers: set[asyncio.Transport] = set()
        self._waiting = 0
        self._lock = threading.Lock()
        self._sent = self._let_go = self._dropped = 0

    def send(self, messages: Sequence[bytes]) -> None:
        """Hand messages on to whoever reads."""
        loop = self._loop
        size = sum(map(len, messages))
        with self._lock:
            full = self._waiting + size > MOST_WAITING_BYTES
            if loop is None or loop.is_closed() or full or self.fault is not None:
                self._dropped += len(messages)
                return
            self._waiting += size
        with suppress(RuntimeError):  # it was closed a moment ago
            loop.call_soon_threadsafe(self._hand_on, tuple(messages), size)

    def status(self) -> OutletStatus:
        """Return how it is."""
        server = self._server
        port = int(server.sockets[0].getsockname()[1]) if server is not None and server.sockets else 0
        fault = "" if self.fault is None else str(self.fault)
        return OutletStatus(self.name, port, len(self._readers), self._sent, self._let_go, self._dropped, fault)

    # --- in the loop ---------------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Listen, or find the way to the address.

        Raises:
            ConfigError: the address cannot be used.
        """
        self._loop = asyncio.get_running_loop()
        host, port = host_and_port(self.address)
        try:
            if self.kind == "tcp":
                self._server = await self._loop.create_server(lambda: _Reader(self._readers), host, port)
            else:
                self._datagrams, _ = await self._loop.create_datagram_endpoint(
                    _Sender, remote_addr=(host, port), allow_broadcast=True
                )
        except OSError as error:
            raise ConfigError(
                f"plug `{self.name}` cannot use `{self.address}` ({error.strerror}): choose another address"
            ) from error

    async def close(self) -> None:
        """Let all readers go, what was handed on first."""
        if self._server is not None:
            self._server.close()
        for transport in tuple(self._readers):
            transport.close()
        if self._datagrams is not None:
            self._datagrams.close()
        await asyncio.sleep(0)

    def _hand_on(self, messages: tuple[bytes, ...], size: int) -> None:
        with self._lock:
            self._waiting -= size
        if self._datagrams is not None:
            for message in messages:
                self._datagrams.sendto(message)
            self._sent += len(messages)
            return
        data = b"".join(messages)
        for transport in tuple(self._readers):
            if transport.get_write_buffer_size() + size > MOST_BEHIND_BYTES:
                self._let_go += 1
                self._dropped += len(messages)
                self._readers.discard(transport)
                transport.abort()
            else:
                transport.write(data)
                self._sent += len(messages)


class _Reader(asyncio.Protocol):
    """One connection; what it sends is not read into anything."""

    def __init__(self, there: set[asyncio.Transport]) -> None:
        self._there = there
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport) or len(self._there) >= MOST_READERS:
            transport.close()
            return
        self._transport = transport
        self._there.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # the protocol's signature
        if self._transport is not None:
            self._there.discard(self._transport)


class _Sender(asyncio.DatagramProtocol):
    """A datagram that nobody takes is lost, as the network itself would lose it."""

    def error_received(self, exc: Exception) -> None:
        """Go on."""


class Outlets:
    """All outlets of a node, in one thread of their own."""

    def __init__(self, outlets: Sequence[Outlet]) -> None:
        self.outlets = {outlet.name: outlet for outlet in outlets}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: Callable[[], None] | None = None
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kizuna-outlets", daemon=True)

    def start(self) -> None:
        """Open every outlet; one that cannot be opened says why and stays shut."""
        if self.outlets:
            self._thread.start()
            self._open.wait()

    def stop(self) -> None:
        """Close every outlet."""
        if self._thread.is_alive() and self._stopping is not None and self._loop is not None:
            with suppress(RuntimeError):  # it ended a moment ago
                self._loop.call_soon_threadsafe(self._stopping)
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        self._loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        self._stopping = stopping.set
        for outlet in self.outlets.values():
            try:
                await outlet.open()
            except KizunaError as error:
                outlet.fault = error
                _log.warning("plug shut", source=outlet.name, error=type(error).__name__)
        self._open.set()
        await stopping.wait()
        for outlet in self.outlets.values():
            await outlet.close()
