"""Running a node: the core's thread, the partners' listener and client, and the users' API in one event loop, until told to stop.

Signals are the command line's. Who is trusted over TLS follows the journal: a commit that enrols, removes or re-keys a partner counts for the next
handshake.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog
import uvicorn
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError
from kizuna.kernel.marking_policy import BUNDLED, MarkingPolicy
from kizuna.kernel.ports import Clock, Random
from kizuna.node import logs
from kizuna.node.held.facts import Partner, load_partners, without_expired
from kizuna.node.keys import keyfiles
from kizuna.node.metrics import Health, Metrics, disk_space
from kizuna.node.people.accounts import FILE as ACCOUNTS
from kizuna.node.people.accounts import Accounts
from kizuna.node.people.tokens import Tokens
from kizuna.node.readers.extract import Shelf
from kizuna.node.runner import Committed
from kizuna.node.service import EXTRACTS
from kizuna.node.signin_settings import OidcSettings, PasskeySettings
from kizuna.storage.extracts import ExtractFolder
from kizuna.web import tls
from kizuna.web.access import Office
from kizuna.web.api.index import make_app
from kizuna.web.books import Books, RunningNode
from kizuna.web.listening import listen
from kizuna.web.oidc import Provider
from kizuna.web.partners import PartnerClient, PartnerListener
from kizuna.web.passkeys import Passkeys
from kizuna.web.rates import Rates
from kizuna.web.reading import Reading
from kizuna.web.sessions import Sessions, Tries
from kizuna.web.stream import Hub
from kizuna.web.tls import TlsFiles

_TRUST_KINDS = frozenset({"key-revoked", "keyset", "own-keyset", "partner", "partner-removed"})
_TRUST_EVERY_S = 2.0
"""How often to look whether our own certificate is another, or a partner's former one has ceased to count."""
_WARN_EVERY_S = 3600.0
_WATCH_EVERY_S = 0.5
_BRING_EVERY_S = 2.0
_STOP_S = 2.0

_log = structlog.get_logger("kizuna.web.serve")


@dataclass(frozen=True)
class Serving:
    """Where a node listens and what of its files the web layer needs; port 0 takes a free one."""

    tls: tls.TlsFiles
    tokens: Path
    data: Path
    partner_host: str = "127.0.0.1"
    partner_port: int = 8443
    api_host: str = "127.0.0.1"
    api_port: int = 8080
    routes: Sequence[ControllerRouterHandler] = field(default=())
    """Routes that domains and pages add to the users' listener."""
    pages: Callable[[Office], Sequence[ControllerRouterHandler]] = lambda _office: ()
    """Makes the routes of the pages, which know the office that they are of."""
    address: str = ""
    """Where browsers reach the users' listener through a proxy, `https://...`; empty: over loopback."""
    oidc: OidcSettings | None = None
    passkeys: PasskeySettings = field(default_factory=PasskeySettings)
    policies: Mapping[str, MarkingPolicy] = field(default_factory=lambda: BUNDLED)
    """By which pages are marked."""
    random: Random = os.urandom
    keys: Path | None = None
    """The key folder, where the node's keys may be rotated while it runs."""
    shelf: Callable[[Path], Shelf] = ExtractFolder
    """Opens the folder of extracts."""

    def shown(self, node: RunningNode, now_ms: int) -> TlsFiles:
        """Return certificate and key that partners are shown now."""
        if self.keys is None:
            return self.tls
        folder = keyfiles.version_folder(self.keys, node.core.world.shown_version(now_ms))
        return TlsFiles(folder / keyfiles.CERTIFICATE, folder / keyfiles.TLS_KEY)


@dataclass(frozen=True)
class Ports:
    """The ports that a node listens on."""

    partners: int
    api: int


class Job(Protocol):
    """Work beside the core, in threads of its own."""

    def start(self) -> None:
        """Begin; returns once it is under way."""
        ...

    def stop(self) -> None:
        """Finish what is held, and stop."""
        ...


class _Server(uvicorn.Server):
    """A server that leaves signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    node: RunningNode,
    client: PartnerClient,
    clock: Clock,
    serving: Serving,
    stop: asyncio.Event,
    *,
    jobs: Sequence[Job] = (),
    ready: Callable[[Ports], None] = lambda _ports: None,
) -> None:
    """Run a node until `stop` is set, then finish what is under way and stop within five seconds.

    Args:
        node: An opened node whose runner has not been started; its `send` is `client.send`.
        client: Carries the node's requests to partners.
        clock: The node's clock.
        serving: Addresses and files.
        stop: Set it from this loop to stop.
        jobs: What works beside the core: started once it runs, stopped before it stops.
        ready: Called once with the ports when everything listens.

    Raises:
        ConfigError: an address cannot be bound, or a file cannot be read.
        KizunaError: the core has stopped by itself.
    """
    asyncio.get_running_loop().set_exception_handler(logs.loop_exception)

    def partners() -> Sequence[Partner]:
        return tuple(without_expired(partner, clock.now_ms()) for partner in load_partners(node.store).values())

    office = make_office(node, clock, serving)
    listener = PartnerListener(
        node.runner, serving.shown(node, clock.now_ms()), partners, serving.partner_host, serving.partner_port
    )
    trust = _Trust(listener, client, lambda: serving.shown(node, clock.now_ms()))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(listener.close, _STOP_S)
        await listener.start()
        stack.push_async_callback(client.close)
        client.show(serving.shown(node, clock.now_ms()))
        await client.start(node.runner, partners)
        api, bound = _api_server(office, serving)
        stack.callback(bound.close)
        stack.push_async_callback(asyncio.to_thread, office.books.close)
        office.hub.attach()
        for observer in (office.metrics.count, office.hub.tell, trust.observe):
            node.runner.observe(observer)
        node.runner.start()
        stack.push_async_callback(asyncio.to_thread, node.runner.stop)
        for job in jobs:
            await asyncio.to_thread(job.start)
            stack.push_async_callback(asyncio.to_thread, job.stop)
        work = (api.serve([bound]), trust.follow(), _warn(office), _bring(office), _watch(node), _until(stop))
        running = [asyncio.create_task(each) for each in work]
        stack.push_async_callback(_end, running)
        ports = Ports(listener.port, int(bound.getsockname()[1]))
        _log.info("listening", port=ports.partners)
        ready(ports)
        await _run(office, api, running)


async def _run(office: Office, api: _Server, running: Sequence[asyncio.Task[None]]) -> None:
    """Wait until the first of the tasks ends, let the API's callers go, and raise what that task raised; the API's own task stands first."""
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    _log.info("stopping")
    office.hub.close()
    api.should_exit = True
    await asyncio.wait(running[:1], timeout=_STOP_S)
    for connection in tuple(api.server_state.connections):  # whoever has not said farewell by now
        if connection.transport is not None:
            connection.transport.abort()
    for task in done:
        task.result()


def make_office(node: RunningNode, clock: Clock, serving: Serving) -> Office:
    """Return what the API's routes stand on.

    Raises:
        ConfigError: the TLS certificate cannot be read.
    """
    keyfiles.certificate_ends_ms(serving.tls.certificate)  # a node whose certificate cannot be read does not start

    def health() -> Health:
        free, total = disk_space(serving.data)
        return Health(
            halted=node.core.world.halted,
            clock_in_doubt=node.core.world.clock_in_doubt or clock.in_doubt(),
            core_stopped=node.runner.fault is not None,
            certificate_ends_ms=keyfiles.certificate_ends_ms(serving.shown(node, clock.now_ms()).certificate),
            disk_free_bytes=free,
            disk_total_bytes=total,
            now_ms=clock.now_ms(),
        )

    return Office(
        node, Tokens(serving.tokens), clock, health, Metrics(node.store, health), Hub(),
        Accounts(serving.tokens.with_name(ACCOUNTS)), Sessions(serving.random), Tries(), Rates(), Reading(node.runner.do),
        Passkeys(serving.passkeys, serving.address, node.identity.node, clock, serving.random), serving.random,
        Books(node, serving.shelf(serving.data / EXTRACTS)), serving.address,
        Provider(serving.oidc, clock, serving.random) if serving.oidc is not None and serving.oidc.issuer else None,
        serving.policies,
    )  # fmt: skip


def _api_server(office: Office, serving: Serving) -> tuple[_Server, socket.socket]:
    bound = listen(serving.api_host, serving.api_port, "the users' api")
    config = uvicorn.Config(
        make_app(office, (*serving.routes, *serving.pages(office))),
        access_log=False,
        date_header=False,
        h11_max_incomplete_event_size=32 << 10,
        lifespan="off",
        limit_concurrency=256,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=int(_STOP_S),
        ws="none",
    )
    return _Server(config), bound


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _warn(office: Office) -> None:
    """Log what wears out, forget the accounts that have ended and the extracts that none reads any more, at the start and then each hour."""
    while True:
        try:
            gone = await asyncio.to_thread(office.accounts.forget_ended, office.clock.now_ms())
            if gone:
                _log.info("accounts ended", count=len(gone))
            await asyncio.to_thread(office.books.keep, office.accounts.list())
        except KizunaError as error:  # they let nobody in all the same; the next hour tries again
            _log.error("ended accounts not forgotten", error=type(error).__name__)
        health = await asyncio.to_thread(office.health)
        for code, _ in health.warnings:
            _log.warning("see to this", kind=code, days_left=health.certificate_days, free_bytes=health.disk_free_bytes)
        await asyncio.sleep(_WARN_EVERY_S)


async def _bring(office: Office) -> None:
    """Bring the extracts after the journal, with a quarter of one processor at most: who asks for one finds it nearly there."""
    while True:
        begun = time.monotonic()
        try:
            behind = await asyncio.to_thread(office.books.bring)
        except KizunaError as error:  # a full disk, say; whoever asks for it is told why
            _log.error("extracts not brought on", error=type(error).__name__)
            behind = False
        await asyncio.sleep(3 * (time.monotonic() - begun) if behind else _BRING_EVERY_S)


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _watch(node: RunningNode) -> None:
    """Wait until the core has stopped by itself, and raise why: a node without its core must not look alive."""
    while node.runner.fault is None:  # noqa: ASYNC110 # the core's thread knows no event loop to set an event in
        await asyncio.sleep(_WATCH_EVERY_S)
    raise node.runner.fault


class _Trust:
    """Brings listener and client up to what the journal says of partners."""

    def __init__(self, listener: PartnerListener, client: PartnerClient, shown: Callable[[], tls.TlsFiles]) -> None:
        self._listener = listener
        self._client = client
        self._shown = shown
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def observe(self, committed: Committed) -> None:
        """Note a change; an observer of the runner."""
        if any(entry.kind in _TRUST_KINDS for _, entry in committed.entries) and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def follow(self) -> None:
        """Act on changes, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _TRUST_EVERY_S)
            self._changed.clear()
            try:
                files = await asyncio.to_thread(self._shown)
                self._listener.show(files)
                self._client.show(files)
                await self._listener.refresh()
                await self._client.refresh()
            except KizunaError as error:  # what was trusted stays trusted; the next change tries again
                _log.error("trust not refreshed", error=type(error).__name__)
