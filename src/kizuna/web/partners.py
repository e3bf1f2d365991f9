"""Node to node over HTTPS: the listener for partners' requests and the client for ours.

One route carries every message of `kizuna.kernel.channel.wire`. The certificate that a peer showed in the TLS handshake says who it is; nothing
in the request does. What a message means is the core's; whom to trust is `kizuna.web.tls`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, cast
from weakref import WeakSet

import aiohttp
import structlog
from aiohttp import hdrs, web
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from kizuna.errors import KizunaError
from kizuna.kernel.channel.wire import MAX_MESSAGE_BYTES
from kizuna.node.held.facts import Partner
from kizuna.web.listening import listen
from kizuna.web.tls import Pin, TlsFiles, client_context, pins_of, server_context

PATH = "/kizuna/v1/channel"
MEDIA_TYPE = "application/vnd.kizuna.channel.v1"
_READ_BUFFER_BYTES = 1 << 20
_LARGE_BODY_BYTES = 1 << 20
_LINGER_S = 1.0
"""How long a refused request's body is still read, so that the refusal reaches its sender."""
_TURN_S = 0.01
"""How often a listener that closes looks whether handshakes have ended."""

_log = structlog.get_logger("kizuna.web.partners")

Partners = Callable[[], Iterable[Partner]]
"""Returns the partners that are enrolled now; may read the disk."""


class Requests(Protocol):
    """Where partners' messages go: the runner."""

    def message(self, node: str, data: bytes) -> Future[bytes]:
        """Hand in a request of an authenticated partner; the future holds the answer's bytes."""
        ...

    def answered(self, node: str, data: bytes) -> None:
        """Hand in a partner's answer to a request of ours."""
        ...

    def unreachable(self, node: str) -> None:
        """Say that a request of ours got no answer."""
        ...


@dataclass(frozen=True)
class Traffic:
    """Budgets of node-to-node traffic, for each partner: times in seconds, sizes in bytes."""

    connections: int = 8
    requests: int = 4
    """How many requests of one partner may be under way at once."""
    body_bytes: int = MAX_MESSAGE_BYTES
    """The most that the bodies of one partner's requests may come to at once."""
    handshake_s: float = 10.0
    idle_s: float = 75.0
    body_s: float = 10.0
    body_bytes_per_s: int = 64 << 10
    """A body may take `body_s` and a second more for each of these: slower ones are cut off."""
    answer_s: float = 45.0
    """How long the other side may keep us waiting between two bytes: a pull waits up to 20 s by itself."""
    whole_answer_s: float = 300.0


# --- the listener -----------------------------------------------------------------------------------------------------------------


def _plain(status: int) -> web.Response:
    """Return an answer that says nothing but its status, and closes."""
    response = web.Response(status=status, headers={hdrs.SERVER: "kizuna"})
    response.force_close()
    return response


class _Connection(web.RequestHandler):
    """One partner's connection: knows whose certificate opened it, and answers broken requests without a word about the software."""

    __slots__ = ("__weakref__", "_line", "_listener", "digest")

    def __init__(self, listener: PartnerListener, manager: web.Server, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._listener = listener
        self._line: asyncio.Transport | None = None
        self.digest = b""
        listener.shaking.add(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._listener.shaking.discard(self)
        self._line = cast("asyncio.Transport", transport)
        digest = _peer_digest(transport)
        if not self._listener.admit(digest, self._line):
            self._line.abort()
            return
        self.digest = digest
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.digest and self._line is not None:
            self._listener.dismiss(self.digest, self._line)
            super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 # of the library's signature; it may quote the request
    ) -> web.StreamResponse:
        _log.info("request failed", status=status, error=type(exc).__name__)
        if request.writer.output_size:
            raise ConnectionError("the answer has begun")
        return _plain(404 if status < 500 else status)  # noqa: PLR2004 # server errors


def _peer_digest(transport: asyncio.BaseTransport) -> bytes:
    """Return the SHA-256 of the certificate that the peer of a TLS connection has shown."""
    session = transport.get_extra_info("ssl_object")
    certificate = session.getpeercert(binary_form=True) if session is not None else None
    return hashlib.sha256(certificate or b"").digest()


async def _end(accepting: asyncio.Server) -> None:
    """Close a server once whatever it has accepted is attached to it.

    CPython 3.11 loses a connection that was accepted in the turn of the loop in which its server is closed (`Server._attach` asserts that it is
    open): the connection is neither served nor closed.
    """
    loop = asyncio.get_running_loop()
    # In each turn timers come after what is accepted, and what they call soon after the tasks that attach it.
    loop.call_later(0, loop.call_soon, accepting.close)
    while accepting.is_serving():  # noqa: ASYNC110 # two turns of the loop
        await asyncio.sleep(0)


class _Server(web.Server):
    """Makes the connections of a listener."""

    def __init__(
        self, listener: PartnerListener, handler: Callable[[web.BaseRequest], Awaitable[web.Response]]
    ) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._listener = listener

    def __call__(self) -> web.RequestHandler:
        return _Connection(
            self._listener,
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self._listener.traffic.idle_s,
            lingering_time=_LINGER_S,
            access_log=None,
            auto_decompress=False,
            read_bufsize=_READ_BUFFER_BYTES,
        )


@dataclass
class _Load:
    """What one partner has under way with us."""

    connections: int = 0
    requests: int = 0
    body_bytes: int = 0


class PartnerListener:
    """Serves partners over mutual TLS. Lives in one event loop; `refresh` when partners or their key sets have changed."""

    def __init__(
        self,
        requests: Requests,
        files: TlsFiles,
        partners: Partners,
        host: str,
        port: int,
        traffic: Traffic | None = None,
    ) -> None:
        self.traffic = traffic or Traffic()
        self._requests = requests
        self._files = files
        self._partners = partners
        self._address = (host, port)
        self._nodes: dict[bytes, str] = {}
        self._loads: dict[bytes, _Load] = {}
        self._open: set[asyncio.Transport] = set()
        self.shaking: WeakSet[_Connection] = WeakSet()
        """Connections whose handshake is under way; one that fails tells nobody, and is let go of."""
        self._closing = False
        self._pins: tuple[Pin, ...] = ()
        self._shown: TlsFiles | None = None
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Server | None = None
        self._changing = asyncio.Lock()
        self._server = _Server(self, self._handle)

    @property
    def port(self) -> int:
        """The port that it listens on, also where 0 was asked for."""
        return int(self._socket.getsockname()[1]) if self._socket is not None else self._address[1]

    async def start(self) -> None:
        """Bind and serve.

        Raises:
            ConfigError: the address cannot be bound, or the TLS files cannot be read.
        """
        self._socket = listen(*self._address, "the partners' listener")
        await self.refresh()

    async def refresh(self) -> None:
        """Trust the partners that are enrolled now: new handshakes at once, open connections from their next request on."""
        async with self._changing:
            pins = pins_of(await asyncio.to_thread(self._partners))
            self._nodes = {digest: pin.node for pin in pins for digest in pin.digests}
            same = pins == self._pins and self._files == self._shown and self._accepting is not None
            if self._socket is None or same:
                return
            files = self._files
            # The same listening socket under a new context: nobody who is knocking now is turned away.
            before = self._accepting
            self._accepting = await asyncio.get_running_loop().create_server(
                self._server,
                sock=self._socket.dup(),
                ssl=server_context(files, pins),
                ssl_handshake_timeout=self.traffic.handshake_s,
                ssl_shutdown_timeout=2.0,
            )
            self._pins, self._shown = pins, files
            if before is not None:
                await _end(before)

    def show(self, files: TlsFiles) -> None:
        """Show another certificate of our own from the next `refresh` on."""
        self._files = files

    async def close(self, timeout_s: float = 2.0) -> None:
        """Stop accepting, let requests and handshakes under way finish for so long, then cut them off."""
        self._closing = True
        async with self._changing:
            if self._accepting is not None:
                await _end(self._accepting)
                self._accepting = None
            if self._socket is not None:
                self._socket.close()
                self._socket = None
        self._server.pre_shutdown()
        await self._server.shutdown(timeout_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.shaking:  # noqa: ASYNC110 # it may be one that fails, of which nobody is told
                    await asyncio.sleep(_TURN_S)
        # A connection that was told to close still waits for its partner's farewell: one that never says it would outlive the loop.
        for line in tuple(self._open):
            line.abort()
        while self._open:  # noqa: ASYNC110 # a few turns of the loop, in which the transports end
            await asyncio.sleep(0)

    # --- budgets -------------------------------------------------------------------------------------------------------------------

    def admit(self, digest: bytes, line: asyncio.Transport) -> bool:
        """Count a new connection in; returns whether its certificate is a partner's and there is room."""
        load = self._loads.setdefault(digest, _Load())
        has_room = load.connections < self.traffic.connections
        admitted = not self._closing and digest in self._nodes and has_room
        load.connections += admitted
        if admitted:
            self._open.add(line)
        self._drop_idle(digest)
        return admitted

    def dismiss(self, digest: bytes, line: asyncio.Transport) -> None:
        """Count a connection out."""
        self._open.discard(line)
        self._loads[digest].connections -= 1
        self._drop_idle(digest)

    def _drop_idle(self, digest: bytes) -> None:
        load = self._loads.get(digest)
        if load is not None and not load.connections and not load.requests:
            del self._loads[digest]

    # --- one request ---------------------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        digest = cast("_Connection", request.protocol).digest
        node = self._nodes.get(digest)
        length = request.content_length
        right = request.method == hdrs.METH_POST and request.path_qs == PATH and request.content_type == MEDIA_TYPE
        if node is None or not right or length is None:
            return _plain(404)
        if length > MAX_MESSAGE_BYTES:
            return _plain(413)
        load = self._loads[digest]
        if load.requests >= self.traffic.requests or load.body_bytes + length > self.traffic.body_bytes:
            return _plain(503)
        load.requests += 1
        load.body_bytes += length
        try:
            data = await self._body(request, length)
            answer = await asyncio.wrap_future(self._requests.message(node, data))
        except KizunaError as error:
            _log.info("message not served", node=node, error=type(error).__name__)
            return _plain(503)
        except (TimeoutError, asyncio.IncompleteReadError):
            return _plain(404)
        finally:
            load.requests -= 1
            load.body_bytes -= length
            self._drop_idle(digest)
        return web.Response(body=answer, content_type=MEDIA_TYPE, headers={hdrs.SERVER: "kizuna"})

    async def _body(self, request: web.BaseRequest, length: int) -> bytes:
        async with asyncio.timeout(self.traffic.body_s + length / self.traffic.body_bytes_per_s):
            return await request.content.readexactly(length)


# --- the client -------------------------------------------------------------------------------------------------------------------


class PartnerClient:
    """Sends this node's requests to partners. `send` may be called from any thread once it has started; the rest lives in one event loop."""

    def __init__(self, files: TlsFiles, traffic: Traffic | None = None) -> None:
        self._files = files
        self._traffic = traffic or Traffic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._requests: Requests | None = None
        self._partners: Partners = tuple
        self._lines: dict[str, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()

    async def start(self, requests: Requests, partners: Partners) -> None:
        """Begin to carry requests; their outcomes go to `requests`."""
        self._loop = asyncio.get_running_loop()
        self._requests = requests
        self._partners = partners
        await self.refresh()

    async def refresh(self) -> None:
        """Speak to the partners that are enrolled now, each under its pinned certificate."""
        async with self._changing:
            pins = {pin.node: pin for pin in pins_of(await asyncio.to_thread(self._partners)) if pin.address}
            gone = [
                node for node, line in self._lines.items() if pins.get(node) != line.pin or line.files != self._files
            ]
            for node in gone:
                await self._lines.pop(node).session.close()
            for node, pin in pins.items():
                if node not in self._lines:
                    self._lines[node] = _line(self._files, pin, self._traffic)

    def show(self, files: TlsFiles) -> None:
        """Show another certificate of our own from the next `refresh` on."""
        self._files = files

    def send(self, node: str, data: bytes) -> None:
        """Start a request to a partner's node; its answer or its failure is handed to the runner. Never blocks."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._spawn, node, data)

    async def close(self) -> None:
        """Give up the requests under way and close all connections."""
        self._loop = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines.values():
            await line.session.close()
        self._lines.clear()

    def _spawn(self, node: str, data: bytes) -> None:
        if self._loop is not None:
            self._keep(self._request(node, data))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _request(self, node: str, data: bytes) -> None:
        if self._requests is None:
            return
        line = self._lines.get(node)
        try:
            answer = await line.ask(data) if line is not None else None
        except (aiohttp.ClientError, TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            _log.info("partner unreachable", node=node, error=type(error).__name__)
            answer = None
        if answer is None:
            self._requests.unreachable(node)
        else:
            self._requests.answered(node, answer)


@dataclass(frozen=True)
class _Line:
    """The connections to one partner."""

    pin: Pin
    files: TlsFiles
    session: aiohttp.ClientSession
    url: str

    async def ask(self, data: bytes) -> bytes | None:
        """Return the answer's bytes, or None where the partner answered with anything but a message."""
        body = (
            io.BytesIO(data) if len(data) > _LARGE_BODY_BYTES else data
        )  # aiohttp streams the one and copies the other
        async with self.session.post(
            self.url,
            data=body,
            headers={hdrs.CONTENT_TYPE: MEDIA_TYPE, hdrs.CONTENT_LENGTH: str(len(data))},
            allow_redirects=False,
        ) as response:
            length = response.content_length
            fits = length is not None and length <= MAX_MESSAGE_BYTES
            if response.status != 200 or response.content_type != MEDIA_TYPE or not fits:  # noqa: PLR2004 # HTTP's OK
                _log.info("partner refused a request", node=self.pin.node, status=response.status)
                return None
            return await response.content.readexactly(length or 0)


class _PinnedConnector(aiohttp.TCPConnector):
    """Hands out connections to one partner's certificate alone: the context has seen to it, and here it is seen before a byte is sent."""

    def __init__(self, files: TlsFiles, pin: Pin, traffic: Traffic) -> None:
        super().__init__(ssl=client_context(files, pin), limit=traffic.requests, keepalive_timeout=traffic.idle_s * 0.8)
        self._pin = pin

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 # of the library's signature
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        if connection.transport is None or _peer_digest(connection.transport) not in self._pin.digests:
            connection.close()
            raise aiohttp.ClientConnectionError("the partner's node shows another certificate than its key set")
        return connection


def _line(files: TlsFiles, pin: Pin, traffic: Traffic) -> _Line:
    timeout = aiohttp.ClientTimeout(
        total=traffic.whole_answer_s,
        connect=traffic.handshake_s,
        sock_connect=traffic.handshake_s,
        sock_read=traffic.answer_s,
    )
    session = aiohttp.ClientSession(
        connector=_PinnedConnector(files, pin, traffic),
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # a message is never compressed: nothing may swell here
        read_bufsize=_READ_BUFFER_BYTES,
        skip_auto_headers=(hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING),
    )
    return _Line(pin, files, session, f"https://{pin.address}{PATH}")
