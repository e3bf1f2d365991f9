"""A real node inside the test's own process, exactly as `kizuna run` puts it together, so that a test can look over its shoulder."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from kizuna.cli.base import CLOCK, random
from kizuna.cli.run import admin_token
from kizuna.node import effects as fx
from kizuna.node import keyfiles, logs
from kizuna.node.service import Node, open_node
from kizuna.node.settings import host_port, read_settings
from kizuna.node.watch import open_watch
from kizuna.web.api_instruments import INSTRUMENT_ROUTES
from kizuna.web.api_picture import picture_routes
from kizuna.web.partners import PartnerClient
from kizuna.web.serve import Ports, Serving, serve
from kizuna.web.tls import TlsFiles


class Hosted:
    """A node that serves in a thread until it is stopped."""

    def __init__(self, config: Path) -> None:
        self.settings = read_settings(config)
        self.files = TlsFiles(self.settings.keys / keyfiles.CERTIFICATE, self.settings.keys / keyfiles.TLS_KEY)
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
            routes=(*INSTRUMENT_ROUTES, *picture_routes(watch)),
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
