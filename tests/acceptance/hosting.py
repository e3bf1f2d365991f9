"""A real node inside the test's own process, exactly as `kizuna run` puts it together, so that a test can look over its shoulder."""

from __future__ import annotations

import asyncio
import http.client
import io
import logging
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from kizuna.cli.base import CLOCK, random
from kizuna.cli.run import admin_token
from kizuna.kernel.channel import wire
from kizuna.node import effects as fx
from kizuna.node import logs
from kizuna.node.keys import keyfiles
from kizuna.node.maritime.watch import open_watch
from kizuna.node.service import Node, open_node
from kizuna.node.settings import Settings, host_port, read_settings
from kizuna.web.api.domains import domain_routes
from kizuna.web.api.instruments import INSTRUMENT_ROUTES
from kizuna.web.api.picture import picture_routes
from kizuna.web.partners import MEDIA_TYPE, PATH, PartnerClient
from kizuna.web.serve import Ports, Serving, serve
from kizuna.web.tls import Pin, TlsFiles, client_context


def tls_files(settings: Settings) -> TlsFiles:
    """Return where a node keeps its certificate and its key."""
    return TlsFiles(settings.keys / keyfiles.CERTIFICATE, settings.keys / keyfiles.TLS_KEY)


class Hosted:
    """A node that serves in a thread until it is stopped."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.settings = read_settings(config)
        self.files = tls_files(self.settings)
        self.client = PartnerClient(self.files)
        self.node: Node = open_node(self.settings, clock=CLOCK, random=random, send=self.client.send)
        admin_token(self.settings)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="hosted", daemon=True)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        watch = open_watch(self.node, CLOCK)
        partner_host, partner_port = host_port(self.settings.partners.listen)
        api_host, api_port = host_port(self.settings.users.listen)
        serving = Serving(
            tls=self.files,
            tokens=self.settings.tokens,
            data=self.settings.data,
            partner_host=partner_host,
            partner_port=partner_port,
            api_host=api_host,
            api_port=api_port,
            routes=(*INSTRUMENT_ROUTES, *domain_routes(self.node.domains), *picture_routes(watch)),
        )

        def ready(_ports: Ports) -> None:
            self._ready.set()

        await serve(self.node, self.client, CLOCK, serving, self._stop, jobs=(watch,), ready=ready)

    def start(self) -> None:
        """Serve; returns once everything listens."""
        self._thread.start()
        assert self._ready.wait(20), "the node does not listen"

    def stop(self) -> None:
        """Stop in order and close."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(20)
        self.node.close()

    def do(self, command: fx.Command) -> Any:
        """Return the reply to a command; raises the error that refused it."""
        return self.node.runner.do(command).result(20)


class Enrolled:
    """The partner's own keys and certificate in the hands of somebody who does not keep to the protocol."""

    def __init__(self, us: Path, them: Path) -> None:
        ours, theirs = read_settings(us), read_settings(them)
        der = ssl.PEM_cert_to_DER_cert((theirs.keys / keyfiles.CERTIFICATE).read_text(encoding="ascii"))
        self._context = client_context(tls_files(ours), Pin(theirs.node, der, ""))
        self._port = host_port(theirs.partners.listen)[1]

    def post(self, data: bytes, path: str = PATH, method: str = "POST", kind: str = MEDIA_TYPE) -> tuple[int, bytes]:
        """Return status and all bytes of the answer, headers included."""
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._context, timeout=30)
        try:
            connection.request(method, path, body=data, headers={"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, str(answer.getheaders()).encode() + answer.read()
        finally:
            connection.close()

    def ask(self, head: wire.Head, parts: list[bytes]) -> bytes:
        status, data = self.post(wire.pack_message(head, parts))
        assert status in (200, 404), (status, head)
        return data


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Give a stream that gets every log line of this process meanwhile, as `kizuna run` writes them at its most talkative."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    logs.configure(stream, level="debug")
    try:
        yield stream
    finally:
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)
        sys.excepthook, threading.excepthook = hooks
