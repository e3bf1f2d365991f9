"""The demo's two nodes: prepared in a folder, run as processes of their own, fed with AIS over TCP, and audited when they have stopped.

Nothing here is a shortcut: the nodes are what `kizuna init`, `partner accept`, `instrument sign` and `run` would have made, and everything between
them crosses mutual TLS. What the demo shows of itself is in `kizuna.cli.demo`.
"""

from __future__ import annotations

import http.client
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from kizuna.cli.account import sign_in_link
from kizuna.domains.maritime.fleet import OWN_UNITS
from kizuna.domains.maritime.seas import ANCHORAGES, Ground
from kizuna.domains.maritime.watchlog.operations import RuleAsked
from kizuna.errors import ChannelError, ConfigError
from kizuna.formats.opening import chunks
from kizuna.kernel import canonical, instrument
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.label import MAX_CLASSIFICATION
from kizuna.kernel.ports import Clock, Random
from kizuna.node import effects as fx
from kizuna.node.acts import agreeing
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import projections
from kizuna.node.keys import keyfiles
from kizuna.node.maritime import watch
from kizuna.node.people.accounts import Account, Accounts
from kizuna.node.people.tokens import ROLES
from kizuna.node.service import Node, open_node, open_store
from kizuna.node.settings import read_settings

ARRANGEMENT = "ind-jpn-2018-navy-implementing-arrangement"
SUPPLIES = "ind-jpn-2020-reciprocal-supplies-services"
HOST = "127.0.0.1"
START_S = 30.0
PORTS = range(20_000, 32_000)
BUNDLE_GOOD_MS = 3_600_000
OFFICER = "demo"
SECOND = "second"
"""Another officer, for what one person may not do alone; `kizuna account link` lets them in."""
ACTOR = f"officer:{OFFICER}:administrator"
LINK_GOOD_MS = 24 * 3_600_000


@dataclass(frozen=True)
class Side:
    """One partner of the demo: its node, the waters that its receivers cover, and the areas that its officers watch."""

    party: str
    node: str
    title: str
    regions: tuple[str, ...]
    source: str
    area: str


SIDES = (
    Side(
        "ind",
        "ind/fusion-delhi",
        "India",
        ("bengal", "malacca"),
        "bay-of-bengal",
        'name = "Ten Degree Channel"\nsouth = 5.9\nwest = 93.0\nnorth = 7.0\neast = 94.5\n',
    ),
    Side(
        "jpn",
        "jpn/fusion-yokosuka",
        "Japan",
        ("east-china",),
        "east-china-sea",
        'name = "Osumi approaches"\nsouth = 29.5\nwest = 127.0\nnorth = 31.5\neast = 129.5\n',
    ),
)


@dataclass
class DemoNode:
    """One node of the demo on this machine."""

    side: Side
    folder: Path
    partners_port: int
    users_port: int
    feed_port: int
    process: subprocess.Popen[bytes] | None = None
    feed: socket.socket | None = None
    sentences: int = 0
    unsent: list[bytes] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The node's settings file."""
        return self.folder / "node.toml"

    def start(self) -> None:
        """Start the node's process; its log goes to a file in its folder."""
        with (self.folder / "node.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 # our own command
                [sys.executable, "-m", "kizuna", "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the process to stop and wait for it; one that does not stop is killed."""
        self._close_feed()
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        process = self.process
        self._close_feed()
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.process = None

    def _close_feed(self) -> None:
        if self.feed is not None:
            self.feed.close()
            self.feed = None

    def check_running(self) -> None:
        """Accept a process that runs.

        Raises:
            ChannelError: it has ended; says where its log is.
        """
        if self.process is not None and self.process.poll() is not None:
            raise ChannelError(
                f"node `{self.side.node}` ended with code `{self.process.returncode}`: see `{self.folder / 'node.log'}`"
            )

    def wait_ready(self, tell: Callable[[str], None]) -> None:
        """Wait until the node answers.

        Raises:
            ChannelError: it ended, or did not answer in time.
        """
        tell(f"starting {self.side.title}'s node")
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            self.check_running()
            with suppress(OSError, http.client.HTTPException):
                if self._request("/api/v1/health")[0] == http.HTTPStatus.OK:
                    return
            time.sleep(0.1)
        raise ChannelError(f"node `{self.side.node}` did not answer within {START_S:.0f} s")

    def link(self, clock: Clock) -> str:
        """Return an address that lets the demo's officer into the node's pages once."""
        settings = read_settings(self.config)
        return sign_in_link(settings, Accounts(settings.accounts), OFFICER, now_ms=clock.now_ms(), good_ms=LINK_GOOD_MS)

    def get(self, path: str) -> Any:
        """Return what the users' API answers, or None while it does not."""
        with suppress(OSError, http.client.HTTPException, msgspec.DecodeError):
            status, body = self._request(path)
            if status == http.HTTPStatus.OK:
                return msgspec.json.decode(body)
        return None

    def _request(self, path: str) -> tuple[int, bytes]:
        headers = {}
        with suppress(OSError):
            token = (self.folder / "data" / "admin.token").read_text(encoding="ascii").strip()
            headers["authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.users_port, timeout=5)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def say(self, lines: Sequence[bytes]) -> None:
        """Send sentences to the node's receiver; what cannot be sent now is kept and sent first later."""
        self.unsent += lines
        self.sentences += sentence_count(lines)
        if not self.unsent:
            return
        try:
            if self.feed is None:
                self.feed = socket.create_connection(("127.0.0.1", self.feed_port), timeout=10)
            self.feed.sendall(b"".join(line.rstrip(b"\r\n") + b"\r\n" for line in self.unsent))
            self.unsent = []
        except OSError:
            self._close_feed()


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens on now.

    They lie below those that the system itself gives to outgoing connections, so that none is taken before the node listens.
    """
    found: list[int] = []
    while len(found) < count:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        if port not in found:
            with suppress(OSError), socket.create_server(("127.0.0.1", port)):
                found.append(port)
    return found


def prepare(
    folder: Path, instruments: Sequence[Instrument], clock: Clock, random: Random, hosts: Sequence[str] = (HOST, HOST)
) -> tuple[DemoNode, DemoNode]:
    """Return two nodes with keys, each other's cards, the instruments and both signatures on the arrangement; neither runs.

    Args:
        folder: Where they are made.
        instruments: What both load.
        clock: Tells the time.
        random: Source of fresh bytes.
        hosts: The address at which each hears its partner.

    Raises:
        ConfigError: the folder cannot be used.
    """
    nodes = [_make(folder / side.party, side, host, clock, random) for side, host in zip(SIDES, hosts, strict=True)]
    cards = {node.side.party: _card(node) for node in nodes}
    for node in nodes:
        other = next(card for party, card in cards.items() if party != node.side.party)
        _agree(node, other, instruments, clock, random)
    _carry_signatures(nodes, clock, random)
    return nodes[0], nodes[1]


def _make(folder: Path, side: Side, host: str, clock: Clock, random: Random) -> DemoNode:
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"cannot be made ({error.strerror}): choose another folder", where=str(folder)) from error
    partners_port, users_port, feed_port = free_ports(3)
    node = DemoNode(side, folder, partners_port, users_port, feed_port)
    root = keyfiles.create_root(folder / "root.key", random)
    keyfiles.create_keys(folder / "keys", side.node, [host], root, clock.now_ms(), random)
    others = ", ".join(f'"{other.party}"' for other in SIDES if other is not side)
    units = ", ".join(str(mmsi) for mmsi in OWN_UNITS[side.party])
    node.config.write_text(
        f'node = "{side.node}"\ndata = "data"\nkeys = "keys"\nhigh_water = "marks/high-water.json"\nown_units = [{units}]\n\n'
        f'[partners]\nlisten = "{host}:{node.partners_port}"\naddress = "{host}:{node.partners_port}"\n\n'
        f'[users]\nlisten = "127.0.0.1:{node.users_port}"\n\n[desk]\npolicy = "{side.party}.example.v1"\n\n'
        f'[[feeds]]\nsource = "{side.source}"\nkind = "tcp-server"\naddress = "127.0.0.1:{node.feed_port}"\n'
        "simulated = true\n\n"
        f'[feeds.label]\npolicy = "{side.party}.example.v1"\nclassification = 0\nreleasable_to = [{others}]\n'
        'purposes = ["maritime-domain-awareness", "search-and-rescue"]\n\n'
        f"[[areas]]\n{side.area}\n"
        + "".join(_anchorage(ground) for ground in ANCHORAGES if ground.region in side.regions),
        encoding="utf-8",
    )
    _open_account(node, clock)
    return node


def _open_account(node: DemoNode, clock: Clock) -> None:
    """Make the accounts of the demo's officers, who act in every role of a person and see everything."""
    settings = read_settings(node.config)
    settings.data.mkdir(mode=0o700, exist_ok=True)
    roles = tuple(role for role in ROLES if role != "integrator")
    for officer in (OFFICER, SECOND):
        Accounts(settings.accounts).add(
            Account(
                clearance=MAX_CLASSIFICATION, made_ms=clock.now_ms(), nationality=node.side.party, officer=officer, password="",
                roles=roles,
            )
        )  # fmt: skip


def _anchorage(ground: Ground) -> str:
    return f'[[anchorages]]\nname = "{ground.name}"\nlat = {ground.centre[0]}\nlon = {ground.centre[1]}\n'


def _card(node: DemoNode) -> bytes:
    settings = read_settings(node.config)
    identity = keyfiles.load_identity(settings.keys, settings.node)
    return keyfiles.card(identity, settings.keys, settings.partners.address)


def _agree(
    node: DemoNode, partner_card: bytes, instruments: Sequence[Instrument], clock: Clock, random: Random
) -> None:
    """Do at a node what its officers would: pin the partner, load the instruments, sign the arrangement and the agreement on supplies."""
    root = keyfiles.load_root(node.folder / "root.key")
    with _offline(node, clock, random) as opened:
        opened.runner.do(fx.Enrol(partner_card, ACTOR)).result()
        for each in instruments:
            opened.runner.do(fx.LoadInstrument(canonical.encode(each), ACTOR)).result()
        party = opened.identity.party
        for made in (each for each in instruments if each.id in (ARRANGEMENT, SUPPLIES)):
            envelope = instrument.sign_version(made, party, clock.now_ms(), root)
            draft = agreeing.signed(made, envelope, root.public, party, ACTOR)
            opened.runner.do(fx.Say((draft,))).result()
        _write_rules(opened)


def _carry_signatures(nodes: Sequence[DemoNode], clock: Clock, random: Random) -> None:
    """Carry a bundle each way, so that the arrangement is in force at both nodes before the first record is said."""
    with ExitStack() as stack:
        opened = [stack.enter_context(_offline(node, clock, random)) for node in nodes]
        for sender, receiver in (opened, opened[::-1]):
            until_ms = clock.now_ms() + BUNDLE_GOOD_MS
            data = sender.runner.do(fx.ExportBundle(receiver.identity.node, until_ms, ACTOR)).result()
            receiver.runner.do(fx.ImportBundle(data, ACTOR)).result()


@contextmanager
def _offline(node: DemoNode, clock: Clock, random: Random) -> Iterator[Node]:
    """Open a node that does not run, without a wire."""
    opened = open_node(read_settings(node.config), clock=clock, random=random, send=_not_yet)
    opened.runner.start()
    try:
        yield opened
    finally:
        opened.close()


def _not_yet(_node: str, _data: bytes) -> None:
    """Send nothing: a node that is being prepared has no wire."""


def _write_rules(opened: Node) -> None:
    """Write the rules of the demo's watch: what they find in the first hours of traffic are the first alerts."""
    area = opened.settings.areas[0].name
    for asked in (
        RuleAsked(rule="watched-area", kind="area", area=area, title=area, urgent=True),
        RuleAsked(rule="silent", kind="gap", title="No report for hours", at_least_min=360),
        RuleAsked(rule="met-at-sea", kind="meeting", title="Two ships close together", at_least_min=60),
    ):
        opened.runner.do(fx.Operate("maritime", "write-rule", asked, f"officer:{OFFICER}:watch")).result()


def ingest_history(node: DemoNode, lines: Sequence[bytes], clock: Clock, random: Random) -> None:
    """Have a node that does not run take in what its receiver heard in the last hours, from a file."""
    path = node.folder / "history.nmea"
    path.write_bytes(b"".join(line.rstrip(b"\r\n") + b"\r\n" for line in lines))
    with _offline(node, clock, random) as opened:
        watch.read_files(opened, opened.settings.feeds[0], [path], clock)
    node.sentences += sentence_count(lines)


def sentence_count(lines: Sequence[bytes]) -> int:
    """Return how many of the lines are AIS sentences."""
    return sum(1 for line in lines if b"VDM" in line or b"VDO" in line)


@dataclass(frozen=True)
class Audit:
    """What one node's journal says when the node has stopped."""

    journalled: int
    released: int
    received: int
    receipted: int
    verified: int
    signature_failures: int
    withheld: Counter[str]
    refused: Counter[str]
    out_root: str
    in_root: str
    findings: tuple[str, ...]


def audit(node: DemoNode) -> Audit:
    """Return the figures of a stopped node, counted in its journal and tables, after the journal has been verified whole."""
    store = open_store(read_settings(node.config), projections(DOMAINS))
    try:
        found = store.verify()
        rows = store.query("SELECT code, COUNT(*) FROM leaf_in WHERE kind = 'record' GROUP BY code")
        codes = Counter(dict(rows))
        ((out_root, receipted),) = store.query("SELECT root, receipted FROM channel_out")
        ((in_root,),) = store.query("SELECT root FROM channel_in")
        ((released,),) = store.query("SELECT COUNT(*) FROM leaf_out WHERE kind = 'record'")
        ((confirmed,),) = store.query("SELECT COUNT(*) FROM leaf_out WHERE kind = 'record' AND idx < ?", (receipted,))
        withheld = Counter(
            {
                reason: int(count)
                for reason, count in store.query("SELECT reason, SUM(count) FROM withheld GROUP BY reason")
            }
        )
        return Audit(
            journalled=store.head().seq,
            released=released,
            received=codes.total(),
            receipted=confirmed,
            verified=codes[""],
            signature_failures=codes["bad-signature"] + codes["unknown-key"],
            withheld=withheld,
            refused=Counter({code: count for code, count in codes.items() if code}),
            out_root=out_root,
            in_root=in_root,
            findings=tuple(f"{item.seq}: {item.message}" for item in found.findings),
        )
    finally:
        store.close()


def lines_of(paths: Sequence[Path]) -> Iterator[bytes]:
    """Yield the lines of recordings, plain, gzip or zstd.

    Raises:
        ConfigError: a file cannot be read.
        RecordError: a compressed file is damaged.
    """
    for path in paths:
        try:
            with path.open("rb") as file:
                rest = b""
                for chunk in chunks(file):
                    *whole, rest = (rest + chunk).split(b"\n")
                    yield from whole
                if rest:
                    yield rest
        except OSError as error:
            raise ConfigError(f"cannot be read ({error.strerror}): check the path", where=str(path)) from error
