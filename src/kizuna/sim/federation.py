"""A federation in one process: the real core, kernel and SQLite store on one seeded clock, network and disk.

Messages are lost, doubled, delayed and reordered; links are cut; nodes lose their power between any two steps of their disk. The same seed gives
the same trace. What must hold afterwards is the caller's to check.
"""

from __future__ import annotations

import copy
import hashlib
import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

import apsw

from kizuna.errors import JournalCorruptError, KizunaError, RefusedError
from kizuna.kernel import keys, sign
from kizuna.kernel.bundle import sealing_public
from kizuna.kernel.canonical import b64, encode
from kizuna.kernel.channel import wire
from kizuna.kernel.domain import Domain
from kizuna.kernel.journal import Entry
from kizuna.kernel.label import Grade
from kizuna.node import effects as fx
from kizuna.node.channel.world import Limits, Sources
from kizuna.node.core import Core
from kizuna.node.effects import Effect
from kizuna.node.held.facts import Identity
from kizuna.node.held.filling import projections
from kizuna.sim.disk import PowerLossError, SimDisk, SimVfs
from kizuna.storage.sqlite import SqliteStore, open_sqlite

START_MS = 1_790_000_000_000
TICK_MS = 200
TIMEOUT_MS = 5_000
_vfs_numbers = itertools.count()


@dataclass
class Hold:
    """A link that keeps back what is sent on it; once it is over, one message overtakes what was kept, which comes before the next."""

    kept: list[Callable[[], None]] = field(default_factory=list)
    is_over: bool = False
    overtaken: bool = False


@dataclass
class Weather:
    """What the network does to messages: chances between 0 and 1, delays in milliseconds."""

    loss: float = 0.0
    twice: float = 0.0
    delay_ms: tuple[int, int] = (1, 40)
    cut: set[frozenset[str]] = field(default_factory=set)
    one_way: set[tuple[str, str]] = field(default_factory=set)
    """Links that carry nothing from the first node to the second."""
    holds: dict[tuple[str, str], Hold] = field(default_factory=dict)
    """Links that keep back what the first node sends to the second."""


class Observer(Protocol):
    """Is told what happens, as it happens: it may look at anything and change nothing."""

    def sent(self, sender: str, receiver: str, data: bytes) -> None:
        """Bytes were put on the wire."""
        ...

    def committed(self, node: SimNode, entries: Sequence[Entry]) -> None:
        """Entries became durable."""
        ...

    def alerted(self, node: SimNode, alert: fx.Alert) -> None:
        """A node called for a person."""
        ...

    def restarted(self, node: SimNode) -> None:
        """A node that had lost its power, or was restored, is up again and has had no input yet."""
        ...


class Unobserved:
    """The observer of a federation that nobody watches."""

    def sent(self, sender: str, receiver: str, data: bytes) -> None:
        """Pass over it."""

    def committed(self, node: SimNode, entries: Sequence[Entry]) -> None:
        """Pass over it."""

    def alerted(self, node: SimNode, alert: fx.Alert) -> None:
        """Pass over it."""

    def restarted(self, node: SimNode) -> None:
        """Pass over it."""


class SimBlobs:
    """Large objects on a disk that keeps what was put; to delete one is a step in which the power may go."""

    def __init__(self, disk: SimDisk) -> None:
        self._disk = disk
        self._held: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keep an object."""
        digest = hashlib.sha256(data).hexdigest()
        self._held[digest] = data
        return digest

    def get(self, sha256: str) -> bytes:
        """Return an object."""
        if sha256 not in self._held:
            raise RefusedError(f"blob `{sha256}` is not held")
        return self._held[sha256]

    def has(self, sha256: str) -> bool:
        """Return whether an object is kept."""
        return sha256 in self._held

    def erase(self, sha256: str) -> None:
        """Delete an object.

        Raises:
            PowerLossError: the power went before it was deleted.
        """
        self._disk.step()
        self._held.pop(sha256, None)


class SimNode:
    """One node of the federation: its disk outlives its process."""

    def __init__(
        self, federation: Federation, name: str, domains: Sequence[Domain], limits: Limits, grade: Grade | None = None
    ) -> None:
        self.name = name
        self.grade = grade
        self.federation = federation
        self.rng = Random(f"{federation.seed}/{name}")  # noqa: S311 # a simulation repeats itself
        self.disk = SimDisk(self.rng, lambda: federation.now_ms)
        self._vfs_name = f"sim-{next(_vfs_numbers)}"
        self._vfs = SimVfs(self._vfs_name, self.disk)
        self.blobs = SimBlobs(self.disk)
        self.marks: dict[str, fx.Mark] = {}
        self.domains = tuple(domains)
        self.limits = limits
        self.root = sign.SigningKey(self.rng.randbytes(32), sign.Purpose.ROOT)
        self.identity = self._identity()
        self.acknowledged: list[str] = []
        self.alerts: list[str] = []
        self.replies: dict[int, Any] = {}
        self.skew_ms = 0
        self.paused_until_ms = 0
        """Until when the process stands still: it takes nothing in."""
        self.crashes = 0
        self.relapses = 0
        """How often the power may go again while the node starts."""
        self._numbers = itertools.count(1)
        self._answers: dict[int, Callable[[bytes], None]] = {}
        self._open()

    def _identity(self) -> Identity:
        held = {purpose: sign.SigningKey(self.rng.randbytes(32), purpose) for purpose in keys.NODE_PURPOSES}
        seal = self.rng.randbytes(32)
        keyset = keys.KeySetV1(
            keys=keys.public_keys({str(purpose): key for purpose, key in held.items()}),
            made_at_ms=START_MS,
            node=self.name,
            party=self.name.partition("/")[0],
            seal=b64(sealing_public(seal)),
            tls_sha256="",
            version=1,
        )
        envelope = keys.certify(keyset, self.root)
        return Identity(self.name, {str(p): k for p, k in held.items()}, seal, envelope, self.root.public)

    def card(self, *, reachable: bool = True) -> bytes:
        """Return the card that a partner enrols."""
        address = f"sim://{self.name}" if reachable else ""
        keyset = self.core.world.identity.keyset
        card = keys.Card(address=address, certificate_pem="", keyset=keyset, root=b64(self.root.public))
        return encode(card)

    def _open(self) -> None:
        self.store: SqliteStore = open_sqlite("journal", projections(self.domains), vfs=self._vfs_name)
        sources = Sources(self.store, self.blobs, self.rng.randbytes, self.marks.get, self.grade)
        self.core = Core(self.identity, sources, self.domains, self.limits)
        self.alive = True

    @property
    def now_ms(self) -> int:
        """This node's clock."""
        return self.federation.now_ms + self.skew_ms

    @property
    def is_paused(self) -> bool:
        """Whether the process stands still: what comes in waits until it goes on."""
        return self.federation.now_ms < self.paused_until_ms

    # --- inputs --------------------------------------------------------------------------------------------------------------------

    def do(self, command: fx.Command) -> Any:
        """Carry out a command at once and return its reply.

        Raises:
            KizunaError: the command was refused.
            PowerLossError: the node died of it.
        """
        if self.is_paused:
            raise PowerLossError(f"`{self.name}` stands still")
        number = next(self._numbers)
        self.run(lambda: self.core.on_local(command, number, self.now_ms))
        if number not in self.replies:
            raise PowerLossError
        reply = self.replies.pop(number)
        if isinstance(reply, KizunaError):
            raise reply
        if isinstance(command, fx.Say):
            self.acknowledged += [said.record_id for said in reply]
        return reply

    def post(self, *commands: fx.Command) -> list[int]:
        """Hand in commands that arrive together; their replies come under the numbers returned."""
        numbers = [next(self._numbers) for _ in commands]

        def step() -> list[Effect]:
            pairs = zip(commands, numbers, strict=True)
            return [effect for command, number in pairs for effect in self.core.on_local(command, number, self.now_ms)]

        self.run(step)
        return numbers

    def serve(self, sender: str, data: bytes, answer: Callable[[bytes], None]) -> None:
        """Take a partner's request; `answer` is called once, if ever."""
        number = next(self._numbers)
        self._answers[number] = answer
        self.run(lambda: self.core.on_message(sender, data, number, self.now_ms))

    def run(self, step: Callable[[], list[Effect]]) -> None:
        """Run one input through the core; a power loss on the way kills the process and starts it again."""
        if not self.alive:
            return
        if self.is_paused:
            process = self.crashes
            wait_ms = self.paused_until_ms - self.federation.now_ms
            self.federation.after(wait_ms, lambda: self.run(step) if self.crashes == process else None)
            return
        try:
            self._carry_out(deque(step()))
        except PowerLossError:
            self.crash()
        except KizunaError:
            if self.disk.is_on:
                raise
            self.crash()  # the power went while the core was reading

    def crash(self) -> None:
        """Lose power now: what was not durable is settled by the disk; the node starts again."""
        self.crashes += 1
        self._die()
        self.disk.restart()
        while not self.alive:
            if self.relapses:
                self.relapses -= 1
                self.disk.fail_at = self.disk.steps + self.rng.randint(0, 6)
            try:
                self._open()
            except PowerLossError:
                self.disk.restart()
        self.disk.fail_at = None
        self.federation.observer.restarted(self)

    def backup(self) -> Any:
        """Return the disk as it stands, to be restored; the marks are kept elsewhere and are not in it."""
        return copy.deepcopy(self.disk.files)

    def restore(self, backup: Any) -> None:
        """Put an earlier backup in the place of the disk, and start again."""
        self._die()
        self.disk.files = copy.deepcopy(backup)
        self.crash()

    def close(self) -> None:
        """Let go of the disk for good."""
        self._die()
        self._vfs.unregister()

    def _die(self) -> None:
        self.alive = self.disk.is_on = False
        self._answers.clear()
        with suppress(PowerLossError, KizunaError, apsw.Error):  # a dying process writes nothing more
            self.store.close()

    # --- effects -------------------------------------------------------------------------------------------------------------------

    def _carry_out(self, effects: deque[Effect]) -> None:
        while effects:
            effect = effects.popleft()
            match effect:
                case fx.Commit():
                    effects.extend(self._commit(effect))
                case fx.Send(node, data):
                    self.federation.request(self.name, node, data)
                case fx.Reply(to, value):
                    self._reply(to, value)
                case fx.Alert(kind, _, _):
                    self.alerts.append(kind)
                    self.federation.observer.alerted(self, effect)
                case fx.Erase(target, entry):
                    self._erase(target, entry)
                case fx.EraseBlob(sha256):
                    self.blobs.erase(sha256)

    def _commit(self, commit: fx.Commit) -> list[Effect]:
        for blob in commit.blobs:
            self.blobs.put(blob)
        entries: list[Entry] = list(commit.entries)
        try:
            seqs = self.store.commit(entries) if entries else []
        except KizunaError as error:
            if not self.disk.is_on:
                raise PowerLossError from error
            if isinstance(error, JournalCorruptError):
                raise
            return self.core.on_abort(commit.token, error)
        self.federation.observer.committed(self, entries)
        for mark in commit.marks:
            self.marks[mark.channel] = mark
        return self.core.on_commit(commit.token, seqs, self.now_ms)

    def _erase(self, target: int, entry: Entry) -> None:
        try:
            self.store.erase(target, entry)
        except RefusedError:
            return  # it was erased already
        except KizunaError as error:
            if not self.disk.is_on:
                raise PowerLossError from error
            if isinstance(error, JournalCorruptError):
                raise
            # A full disk, say: the core asks again when it starts.

    def _reply(self, to: int, value: Any) -> None:
        answer = self._answers.pop(to, None)
        if answer is not None:
            answer(value)
        else:
            self.replies[to] = value


class Federation:
    """Nodes on one clock and one network."""

    def __init__(self, seed: int | str, weather: Weather | None = None) -> None:
        self.seed = seed
        self.rng = Random(f"{seed}/federation")  # noqa: S311 # a simulation repeats itself
        self.now_ms = START_MS
        self.weather = weather or Weather()
        self.observer: Observer = Unobserved()
        self.nodes: dict[str, SimNode] = {}
        self.trace = hashlib.sha256()
        self.wire: list[tuple[str, str, bytes]] = []
        """Every message that was put on the wire: from, to, bytes."""
        self.keep_wire = True
        self.weathered: Counter[str] = Counter()
        """What the weather did to messages, by kind."""
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def add(
        self, name: str, domains: Sequence[Domain], limits: Limits | None = None, grade: Grade | None = None
    ) -> SimNode:
        """Add a node `party/name`; `grade` is what its officers' records bear."""
        node = SimNode(self, name, domains, limits or Limits(), grade)
        self.nodes[name] = node
        self._tick(node)
        return node

    def introduce(self, one: SimNode, other: SimNode, *, by_wire: bool = True) -> None:
        """Enrol two nodes at each other; `by_wire` is false for partners that only bundles reach."""
        one.do(fx.Enrol(other.card(reachable=by_wire), "officer:1:liaison"))
        other.do(fx.Enrol(one.card(reachable=by_wire), "officer:1:liaison"))

    def close(self) -> None:
        """Let go of every node's disk."""
        for node in self.nodes.values():
            if isinstance(node, SimNode):
                node.close()

    def run(self, for_ms: int) -> None:
        """Let simulated time pass."""
        until = self.now_ms + for_ms
        while self._queue and self._queue[0][0] <= until:
            at_ms, _, step = heapq.heappop(self._queue)
            self.now_ms = max(self.now_ms, at_ms)
            step()
        self.now_ms = until

    def after(self, delay_ms: int, step: Callable[[], None]) -> None:
        """Do something later."""
        heapq.heappush(self._queue, (self.now_ms + delay_ms, next(self._order), step))

    def _tick(self, node: SimNode) -> None:
        def step() -> None:
            if not node.is_paused:
                node.run(lambda: node.core.on_tick(node.now_ms))
            self._tick(node)

        self.after(TICK_MS, step)

    # --- the network ---------------------------------------------------------------------------------------------------------------

    def request(self, sender: str, receiver: str, data: bytes) -> None:
        """Carry a request, and its answer back; a lost one shows as a time-out at the sender."""
        process = self.nodes[sender].crashes
        settled = [False]

        def settle(step: Callable[[], list[Effect]]) -> None:
            node = self.nodes[sender]
            if not settled[0] and node.crashes == process:
                settled[0] = True
                node.run(step)

        def answered(answer: bytes) -> None:
            node = self.nodes[sender]
            self._carry(
                receiver, sender, answer, lambda: settle(lambda: node.core.on_answer(receiver, answer, node.now_ms))
            )

        def arrive() -> None:
            if receiver in self.nodes:
                self.nodes[receiver].serve(sender, data, answered)

        self._carry(sender, receiver, data, arrive)
        node = self.nodes[sender]
        limit = TIMEOUT_MS + node.limits.wait_ms
        self.after(limit, lambda: settle(lambda: node.core.on_unreachable(receiver, node.now_ms)))

    def _carry(self, sender: str, receiver: str, data: bytes, arrive: Callable[[], None]) -> None:
        if self.keep_wire:
            self.wire.append((sender, receiver, data))
        self.observer.sent(sender, receiver, data)
        self.trace.update(f"{self.now_ms} {sender} {receiver} ".encode() + hashlib.sha256(data).digest())
        if frozenset((sender, receiver)) in self.weather.cut or (sender, receiver) in self.weather.one_way:
            self.weathered["message-cut"] += 1
            return
        if self.rng.random() < self.weather.loss:
            self.weathered["message-lost"] += 1
            return
        hold = self.weather.holds.get((sender, receiver))
        if hold is not None and not hold.is_over:
            self.weathered["message-held"] += 1
            hold.kept.append(arrive)
            return
        if hold is not None and hold.overtaken:
            del self.weather.holds[sender, receiver]
            for each in hold.kept:
                self.after(0, each)
        elif hold is not None:
            hold.overtaken = True
        copies = 2 if self.rng.random() < self.weather.twice else 1
        self.weathered["message-doubled"] += copies - 1
        for _ in range(copies):
            self.after(self.rng.randint(*self.weather.delay_ms), arrive)


def opened_receipt(data: bytes, reader: SimNode) -> wire.Receipt:
    """Return a receipt of a node's, whichever of its keys signed it.

    Raises:
        SignatureError: none did.
    """
    bearer = sign.read_envelope(data).key_id
    held = {key.key_id: key.public for each in reader.identity.every for key in each.keys.values()}
    return wire.open_receipt(data, held.get(bearer, reader.identity.keys["receipt"].public))
