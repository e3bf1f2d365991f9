"""A simulated node's pages and interface, asked without sockets: the real application, one request after the other, on the federation's clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

from litestar import Litestar

from kizuna.errors import KizunaError
from kizuna.kernel.domain import Domain
from kizuna.kernel.journal import Entry, Projections, Store
from kizuna.kernel.label import Grade
from kizuna.node import effects as fx
from kizuna.node.core import Core
from kizuna.node.held.facts import Identity
from kizuna.node.metrics import Health
from kizuna.node.people import tokens
from kizuna.node.people.accounts import Account
from kizuna.node.plug_settings import Plug
from kizuna.node.plugs.cise_edge import CiseEdge
from kizuna.node.plugs.plugging import Plugging
from kizuna.node.plugs.showing import Showing
from kizuna.node.runner import Committed
from kizuna.sim.federation import SimNode, Unobserved
from kizuna.storage.extracts import ExtractFolder, ExtractStore
from kizuna.web.access import Office
from kizuna.web.api.cise import cise_routes
from kizuna.web.api.domains import domain_routes
from kizuna.web.api.index import make_app
from kizuna.web.api.plugs import plug_routes
from kizuna.web.assets import Assets
from kizuna.web.pages.index import page_routes
from kizuna.web.reading import Reading
from kizuna.web.serve import Serving, make_office
from tests.web.harness import POLICY, STRAIT, make_tls, routes_of, watch_of

EACH_MS = 200
"""So much time passes with every request: nobody is in too much haste, and two worlds are at the same instant."""
DAY_MS = 86_400_000


class SimClock:
    """The federation's clock."""

    def __init__(self, node: SimNode) -> None:
        self._node = node

    def now_ms(self) -> int:
        return self._node.now_ms

    def in_doubt(self) -> bool:
        return False


class SimRunner(Unobserved):
    """A runner over a simulated node: what is asked is done at once, by one caller at a time."""

    def __init__(self, node: SimNode) -> None:
        self._node = node
        self._lock = threading.RLock()
        self._observers: list[Callable[[Committed], None]] = []
        self.fault: KizunaError | None = None
        node.federation.observer = self

    def do(self, command: fx.Command) -> Future[Any]:
        reply: Future[Any] = Future()
        with self._lock:
            try:
                reply.set_result(self._node.do(command))
            except KizunaError as error:
                reply.set_exception(error)
        return reply

    def observe(self, observer: Callable[[Committed], None]) -> None:
        self._observers.append(observer)

    def committed(self, node: SimNode, entries: Sequence[Entry]) -> None:
        if node is self._node and entries:
            first = node.store.head().seq - len(entries) + 1
            told = Committed(tuple(enumerate(entries, first)))
            for observer in self._observers:
                observer(told)


@dataclass(frozen=True)
class Running:
    """A simulated node as the web layer sees one."""

    identity: Identity
    store: Store
    core: Core
    runner: Any
    blobs: Any
    clock: SimClock


@dataclass
class Answer:
    """What came back, byte for byte."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    chunks: list[bytes]
    at_ms: list[int] = field(default_factory=list)
    """When each chunk of a stream came, by the federation's clock."""
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def reaches(self, count: int) -> None:
        """Wait until so many chunks have come."""
        while len(self.chunks) < count:
            self.came.clear()
            await self.came.wait()

    def header(self, name: str) -> str:
        return next((value.decode("latin-1") for key, value in self.headers if key.decode().lower() == name), "")


class Unkept(ExtractFolder):
    """A folder in which nothing is found again, so that what is asked for anew is made anew, whoever still reads a former one."""

    def open(self, name: str, kept: Projections) -> ExtractStore:
        return self.anew(name, kept)

    def drop(self, name: str) -> None:
        """Leave it to those who read it."""


class Host:
    """A node with its application, and officers who ask it."""

    def __init__(
        self, node: SimNode, domains: Sequence[Domain], folder: Path, plugs: tuple[Plug, ...], edge: CiseEdge
    ) -> None:
        self.sim = node
        self.place = "127.0.0.1"
        """From where it is asked."""
        self._asked = 0
        self.clock = SimClock(node)
        self.node = Running(node.identity, node.store, node.core, SimRunner(node), node.blobs, self.clock)
        folder.mkdir(parents=True, exist_ok=True)
        serving = Serving(
            make_tls(folder, "node", now_ms=node.now_ms),
            folder / "tokens.json",
            folder,
            random=Random("office").randbytes,
            shelf=Unkept,
        )
        made = make_office(self.node, self.clock, serving)
        self.office: Office = replace(made, health=self._health, reading=Reading(self.node.runner.do))
        self.node.runner.observe(self.office.hub.tell)
        self.watch = watch_of(self.node, folder)  # type: ignore[arg-type] # what it asks of a node this one has
        self.plugging = Plugging(self.node.runner, node.core.world, plugs, self.clock)
        showing = Showing(node.store, node.identity.party, (STRAIT,), Grade(POLICY, 0))
        adaptor = cise_routes(self.plugging, showing, edge)
        self.app: Litestar = make_app(self.office, (
            *routes_of(self.watch), *domain_routes(domains), *plug_routes(self.office, self.plugging, showing, adaptor),
            *page_routes(self.office, domains, self.watch, assets=Assets()),
        ))  # fmt: skip

    def _health(self) -> Health:
        return Health(
            halted=False, clock_in_doubt=False, core_stopped=False, certificate_ends_ms=self.clock.now_ms() + 90 * DAY_MS,
            disk_free_bytes=1 << 40, disk_total_bytes=1 << 41, now_ms=self.clock.now_ms(),
        )  # fmt: skip

    def ready(self) -> None:
        """Let picture and plugs take up what is journalled."""
        self.watch.picture.rebuild()
        self.plugging.catch_up()

    def account(self, officer: str, *roles: str, clearance: int, nationality: str) -> None:
        self.office.accounts.add(Account(
            clearance=clearance, made_ms=0, nationality=nationality, officer=officer, password="", roles=roles
        ))  # fmt: skip

    def cookie(self, officer: str, role: str) -> dict[str, str]:
        """Return the headers of a browser in which an officer is signed in."""
        return {"cookie": f"{self.office.cookie}={self.office.sessions.begin(officer, role, self.clock.now_ms())}"}

    def bearer(self, officer: str, role: str) -> dict[str, str]:
        """Return the headers of a program of an officer."""
        now_ms = self.clock.now_ms()
        text, token = tokens.make(
            officer, role, now_ms=now_ms, ends_ms=now_ms + DAY_MS, random=Random(f"{officer}/{role}").randbytes
        )
        self.office.tokens.add(token)
        return {"authorization": f"Bearer {text}"}

    async def get(self, path: str, headers: dict[str, str], *, body: bytes | None = None) -> Answer:
        """Return the answer to a GET, or to the POST of a body."""
        answer = Answer(0, [], b"", [])
        await asyncio.wait_for(self._ask(answer, path, headers, body, asyncio.Event()), 90)
        answer.at_ms.clear()  # what does not go on comes in one piece
        return answer

    async def follow(self, path: str, headers: dict[str, str], script: Callable[[Answer], Awaitable[None]]) -> Answer:
        """Return what came of a stream from its begin until a script, which is given what has come, has come to its end."""
        answer, left = Answer(0, [], b"", []), asyncio.Event()
        asking = asyncio.create_task(self._ask(answer, path, headers, None, left))
        telling = asyncio.ensure_future(script(answer))
        await asyncio.wait({asking, telling}, timeout=90, return_when=asyncio.FIRST_COMPLETED)
        left.set()
        await asyncio.wait_for(asking, 90)
        await asyncio.wait_for(telling, 0)
        return answer

    async def _ask(
        self, answer: Answer, path: str, headers: dict[str, str], body: bytes | None, left: asyncio.Event
    ) -> None:
        self.sim.federation.now_ms += EACH_MS
        self._asked += 1
        self.sim.rng.seed(f"asked/{self._asked}")  # what is said then is the same whatever was said before
        where, _, query = path.partition("?")
        sent = {"host": "node", **headers}
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
            "method": "GET" if body is None else "POST", "scheme": "http",
            "path": unquote(where), "raw_path": where.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()], "client": (self.place, 50_000),
            "server": ("node", 80), "state": {},
        }  # fmt: skip
        begun = False

        async def receive() -> dict[str, Any]:
            nonlocal begun
            if not begun:
                begun = True
                return {"type": "http.request", "body": body or b"", "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message["headers"])
            elif message.get("body") and not left.is_set():
                answer.chunks.append(message["body"])
                answer.at_ms.append(self.clock.now_ms())
                answer.came.set()

        await self.app(scope, receive, send)  # type: ignore[arg-type] # an ASGI scope
        answer.body = b"".join(answer.chunks)
