"""Real nodes for tests: SQLite and keys in a folder, the real core and runner, mutual TLS on the loopback."""

from __future__ import annotations

import asyncio
import io
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from litestar.types import ControllerRouterHandler

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.claim import DOMAIN as CLAIM
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.instruments.records import VersionSigned
from kizuna.domains.maritime import DOMAIN as MARITIME
from kizuna.kernel import canonical, instrument, keys, sign
from kizuna.kernel.bundle import sealing_public
from kizuna.kernel.domain import Domain
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.label import Grade, label
from kizuna.node import domains as node_domains
from kizuna.node import effects as fx
from kizuna.node.channel.world import Limits, Sources
from kizuna.node.core import Core
from kizuna.node.effects import Mark
from kizuna.node.held.facts import Identity, Partner, load_partners
from kizuna.node.held.filling import projections
from kizuna.node.keys import keyfiles
from kizuna.node.maritime.archives import Archives
from kizuna.node.maritime.drawings import Drawings
from kizuna.node.maritime.feeding import Feeding, RejectedFiles
from kizuna.node.maritime.picture import LivePicture
from kizuna.node.maritime.watch import Watch
from kizuna.node.people import tokens
from kizuna.node.people.tokens import Tokens
from kizuna.node.plug_settings import Plug
from kizuna.node.plugs.plugging import Plugging
from kizuna.node.plugs.showing import Showing
from kizuna.node.runner import Runner, Shell
from kizuna.node.settings import Area
from kizuna.node.signin_settings import OidcSettings, PasskeySettings
from kizuna.sim.partnership import NOTES, POLICY, SecretSaid, arrangement, note
from kizuna.storage.blobs import Blobs
from kizuna.storage.highwater import HighWater
from kizuna.storage.sqlite import SqliteStore, open_sqlite
from kizuna.web.api.domains import domain_routes
from kizuna.web.api.instruments import INSTRUMENT_ROUTES
from kizuna.web.api.picture import picture_routes
from kizuna.web.api.plugs import plug_routes
from kizuna.web.assets import Assets
from kizuna.web.pages.index import page_routes
from kizuna.web.partners import PartnerClient, PartnerListener
from kizuna.web.serve import Ports, Serving, serve
from kizuna.web.tls import TlsFiles

__all__ = ["NOTES", "POLICY", "SecretSaid", "arrangement", "note"]

STRAIT = Area(name="strait", south=1, west=102, north=4, east=104)
DESK = "officer:1:desk"


DOMAINS = (CASE, CLAIM, INSTRUMENTS, MARITIME, NOTES)
OFFERED = (*node_domains.DOMAINS, NOTES)
"""The domains whose desks the pages show: all that a node runs."""


class WallClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def in_doubt(self) -> bool:
        return False


def make_tls(folder: Path, name: str, *, now_ms: int | None = None, cn: str = "") -> TlsFiles:
    """Return the files of a fresh certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    files = TlsFiles(folder / f"{name}.crt", folder / f"{name}.key")
    key = keyfiles.new_tls_key(os.urandom)
    now_ms = now_ms if now_ms is not None else WallClock().now_ms()
    files.key.write_bytes(key)
    files.certificate.write_bytes(keyfiles.self_signed(cn or name, ["127.0.0.1"], key, now_ms, os.urandom))
    return files


@dataclass
class Keys:
    """A node's identity and TLS files; `rotated` certifies another certificate under the next version."""

    name: str
    root: sign.SigningKey
    held: dict[str, sign.SigningKey]
    seal: bytes
    files: TlsFiles
    version: int = 1
    made_at_ms: int = field(default_factory=lambda: WallClock().now_ms())

    @property
    def keyset(self) -> sign.Envelope:
        made = keys.KeySetV1(
            keys=keys.public_keys(self.held),
            made_at_ms=self.made_at_ms,
            node=self.name,
            party=self.name.partition("/")[0],
            seal=canonical.b64(sealing_public(self.seal)),
            tls_sha256=keyfiles.certificate_sha256(self.files.certificate.read_bytes()),
            version=self.version,
        )
        return keys.certify(made, self.root)

    def identity(self) -> Identity:
        return Identity(self.name, self.held, self.seal, self.keyset, self.root.public)

    def card(self, address: str) -> bytes:
        card = keys.Card(
            address=address,
            certificate_pem=self.files.certificate.read_text(),
            keyset=self.keyset,
            root=canonical.b64(self.root.public),
        )
        return canonical.encode(card)


def make_keys(folder: Path, name: str) -> Keys:
    held = {str(purpose): sign.SigningKey(os.urandom(32), purpose) for purpose in keys.NODE_PURPOSES}
    root = sign.SigningKey(os.urandom(32), sign.Purpose.ROOT)
    return Keys(name, root, held, os.urandom(32), make_tls(folder, name.replace("/", "-"), cn=name))


class TestNode:
    """One real node with its listener and client, started in the running loop."""

    __test__ = False

    def __init__(
        self, folder: Path, name: str, limits: Limits | None = None, domains: Sequence[Domain] = DOMAINS
    ) -> None:
        self.name = name
        self.keys = make_keys(folder / "keys", name)
        self.store: SqliteStore = open_sqlite(str(folder / "journal.db"), projections(domains))
        self.blobs = Blobs(folder / "blobs")
        self.marks = HighWater(folder / "marks.json")
        self.identity = self.keys.identity()
        self.clock = WallClock()
        self.client = PartnerClient(self.keys.files)
        self.core = Core(self.identity, Sources(self.store, self.blobs, os.urandom, self._mark), domains, limits)
        self.runner = Runner(self.core, Shell(self.store, self.blobs, self.marks, self.clock, self.client.send))
        self.listener = PartnerListener(self.runner, self.keys.files, self.partners, "127.0.0.1", 0)

    def _mark(self, channel: str) -> Mark | None:
        held = self.marks.get(channel)
        return Mark(channel, held.epoch, held.size, canonical.unb64(held.root)) if held is not None else None

    def partners(self) -> list[Partner]:
        return list(load_partners(self.store).values())

    @property
    def card(self) -> bytes:
        return self.keys.card(f"127.0.0.1:{self.listener.port}")

    async def start(self) -> None:
        await self.listener.start()
        await self.client.start(self.runner, self.partners)
        self.runner.start()

    async def stop(self) -> None:
        await self.client.close()
        await self.listener.close()
        await asyncio.to_thread(self.runner.stop)
        self.store.close()

    async def do(self, command: fx.Command) -> object:
        return await asyncio.wrap_future(self.runner.do(command))

    async def enrol(self, card: bytes) -> None:
        await self.do(fx.Enrol(card, DESK))
        await self.listener.refresh()
        await self.client.refresh()

    async def sign(self, made: Instrument) -> None:
        party = self.identity.party
        await self.do(fx.LoadInstrument(canonical.encode(made), DESK))
        version = instrument.version_of(made)
        envelope = instrument.sign_version(made, party, self.clock.now_ms(), self.keys.root)
        body = VersionSigned(instrument=made.id, version=version, envelope=canonical.encode(envelope).decode())
        own = label(POLICY, 0, originator=party, releasable_to=made.parties, purposes=("coordination",))
        await self.do(fx.Say((fx.Draft("instruments.version-signed.v1", body, own, DESK, closed=True),)))

    def notes(self) -> set[str]:
        return {text for (text,) in self.store.query("SELECT text FROM note")}


def secret(text: str, party: str) -> fx.Draft:
    made = label(POLICY, 3, originator=party, releasable_to=(party,), purposes=("coordination",))
    return fx.Draft("notes.secret-said.v1", SecretSaid(text=text), made, "officer:7:watch")


def watch_of(node: TestNode, folder: Path) -> Watch:
    """Return a watch without feeds over a node's own picture."""
    archives = Archives(folder / "positions")
    picture = LivePicture(node.store, node.blobs, archives, node.identity.party, node.clock)
    node.runner.observe(picture.observe)
    rejected = RejectedFiles(folder / "rejected")
    feeding = Feeding(node.runner, [], own_units=frozenset(), clock=node.clock, rejected=rejected)
    return Watch(picture, feeding, Drawings(folder / "drawings.json"), None)


def routes_of(watch: Watch) -> list[ControllerRouterHandler]:
    """Return what a node serves beside the routes that are always there."""
    return [*INSTRUMENT_ROUTES, *picture_routes(watch)]


ALL_ROLES = ("watch", "liaison", "desk", "security", "integrator", "administrator")


class Served:
    """A node run by `serve`, with a token for each role; `calls` is an HTTP session to its API."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        address: str = "",
        assets: Assets | None = None,
        domains: Sequence[Domain] = DOMAINS,
        oidc: OidcSettings | None = None,
        passkeys: PasskeySettings = PasskeySettings(),  # noqa: B008 # frozen
        plugs: tuple[Plug, ...] = (),
    ) -> None:
        self.folder = folder
        self.oidc = oidc
        self.passkeys = passkeys
        self.address = address
        self.assets = assets
        self.node = TestNode(folder, name, domains=domains)
        self.domains = domains
        self.plugging = Plugging(self.node.runner, self.node.core.world, plugs, self.node.clock)
        self.node.runner.observe(self.plugging.observe)
        party = self.node.identity.party
        self.showing = Showing(self.node.store, party, (STRAIT,), Grade(f"{party}.desk.v1", 0))
        self.adaptor: Sequence[ControllerRouterHandler] = ()
        self.stop = asyncio.Event()
        self.ports = Ports(0, 0)
        self.tokens = Tokens(folder / "tokens.json")
        self.bearer = {role: self.token(role[:3], role) for role in ALL_ROLES}
        self._task: asyncio.Task[None] | None = None
        self.calls: aiohttp.ClientSession
        self.watch: Watch

    def token(self, officer: str, role: str) -> str:
        now_ms = self.node.clock.now_ms()
        text, token = tokens.make(officer, role, now_ms=now_ms, ends_ms=now_ms + 3_600_000, random=os.urandom)
        self.tokens.add(token)
        return f"Bearer {text}"

    @property
    def card(self) -> bytes:
        return self.node.keys.card(f"127.0.0.1:{self.ports.partners}")

    async def __aenter__(self) -> Served:  # noqa: PYI034 # no subclasses
        listening = asyncio.Event()

        def ready(ports: Ports) -> None:
            self.ports = ports
            listening.set()

        self.watch = watch = watch_of(self.node, self.folder)
        offered = domain_routes(self.domains) if self.domains is not DOMAINS else ()
        serving = Serving(
            self.node.keys.files, self.tokens.path, self.folder, partner_port=0, api_port=0,
            routes=[*routes_of(watch), *offered], address=self.address, oidc=self.oidc, passkeys=self.passkeys,
            pages=lambda office: [
                *plug_routes(office, self.plugging, self.showing, self.adaptor),
                *page_routes(office, OFFERED, watch, assets=self.assets),
            ],
        )  # fmt: skip
        node = self.node
        self._task = asyncio.create_task(
            serve(node, node.client, node.clock, serving, self.stop, jobs=[watch, self.plugging], ready=ready)
        )
        waiting = asyncio.create_task(listening.wait())
        await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            waiting.cancel()
            self.node.store.close()
            self._task.result()
        self.calls = aiohttp.ClientSession(f"http://127.0.0.1:{self.ports.api}")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await self.calls.close()
        if self._task is not None:
            await self._task
        self.node.store.close()

    async def call(
        self, method: str, path: str, value: object = None, *, role: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Return status and decoded answer."""
        sent = {"authorization": self.bearer[role]} if role else {}
        data = value if isinstance(value, bytes) else json.dumps(value).encode() if value is not None else None
        sent |= {"content-type": "application/json"} if data is not None else {}
        body = io.BytesIO(data) if data is not None else None
        async with self.calls.request(method, path, data=body, headers=sent | (headers or {})) as answer:
            raw = await answer.read()
            return answer.status, json.loads(raw) if answer.content_type == "application/json" else raw


async def introduce(one: Served, other: Served) -> None:
    """Let two served nodes enrol each other over their APIs and sign one arrangement."""
    for host, guest in ((one, other), (other, one)):
        asked = {"card": guest.card.decode(), "fingerprint": keys.fingerprint(guest.card)}
        assert (await host.call("POST", "/api/v1/partners", asked, role="administrator"))[0] == 201
    made = arrangement(one.node.identity.party, other.node.identity.party)
    await one.node.sign(made)
    await other.node.sign(made)
    await until(lambda: agreed(one.node, other.node))


def agreed(one: TestNode, other: TestNode) -> bool:
    """Return whether both nodes hold the arrangement in force."""
    pairs = ((one, other.identity.party), (other, one.identity.party))
    return all(node.core.world.releaser.index.types_towards(peer) for node, peer in pairs)


async def until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    """Wait until a condition holds; fails with its last value."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come about"
        await asyncio.sleep(0.02)


async def partnership(folder: Path) -> tuple[TestNode, TestNode]:
    """Return two started nodes that have enrolled each other and signed one arrangement."""
    one, other = TestNode(folder / "ind", "ind/delhi"), TestNode(folder / "jpn", "jpn/yokosuka")
    await one.start()
    await other.start()
    await one.enrol(other.card)
    await other.enrol(one.card)
    made = arrangement("ind", "jpn")
    await one.sign(made)
    await other.sign(made)
    await until(lambda: agreed(one, other))
    return one, other
