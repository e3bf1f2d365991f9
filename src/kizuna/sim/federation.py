"""A federation in one process: the real core, kernel and SQLite store on one seeded clock, network and disk.

Messages are lost, doubled, delayed and reordered; links are cut; nodes lose their power between any two steps of their disk. The same seed gives
the same trace. What must hold afterwards is the caller's to check.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from kizuna.errors import KizunaError, RefusedError
from kizuna.kernel import keys, sign
from kizuna.kernel.bundle import sealing_public
from kizuna.kernel.canonical import b64, encode
from kizuna.kernel.domain import Domain
from kizuna.kernel.journal import Entry
from kizuna.kernel.label import Grade
from kizuna.node import effects as fx
from kizuna.node.core import Core
from kizuna.node.effects import Effect
from kizuna.node.facts import Identity
from kizuna.node.filling import projections
from kizuna.node.world import Limits, Sources
from kizuna.sim.disk import PowerLossError, SimDisk, SimVfs
from kizuna.storage.sqlite import SqliteStore, open_sqlite

START_MS = 1_790_000_000_000
TICK_MS = 200
TIMEOUT_MS = 5_000
_vfs_numbers = itertools.count()


@dataclass
class Weather:
    """What the network does to messages: chances between 0 and 1, delays in milliseconds."""

    loss: float = 0.0
    twice: float = 0.0
    delay_ms: tuple[int, int] = (1, 40)
    cut: set[frozenset[str]] = field(default_factory=set)


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
        self.crashes = 0
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
        card = keys.Card(address=address, certificate_pem="", keyset=self.identity.keyset, root=b64(self.root.public))
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

    # --- inputs --------------------------------------------------------------------------------------------------------------------

    def do(self, command: fx.Command) -> Any:
        """Carry out a command at once and return its reply.

        Raises:
            KizunaError: the command was refused.
            PowerLossError: the node died of it.
        """
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
        try:
            self._carry_out(deque(step()))
        except PowerLossError:
            self.crash()

    def crash(self) -> None:
        """Lose power now: what was not durable is settled by the disk; the node starts again."""
        self.crashes += 1
        self.alive = False
        self._answers.clear()
        with suppress(PowerLossError):
            self.store.close()
        self.disk.restart()
        self._open()

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
            return self.core.on_abort(commit.token, error)
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
            raise

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
        self.nodes: dict[str, SimNode] = {}
        self.trace = hashlib.sha256()
        self.wire: list[tuple[str, str, bytes]] = []
        """Every message that was put on the wire: from, to, bytes."""
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
        self.wire.append((sender, receiver, data))
        self.trace.update(f"{self.now_ms} {sender} {receiver} ".encode() + hashlib.sha256(data).digest())
        if frozenset((sender, receiver)) in self.weather.cut or self.rng.random() < self.weather.loss:
            return
        copies = 2 if self.rng.random() < self.weather.twice else 1
        for _ in range(copies):
            self.after(self.rng.randint(*self.weather.delay_ms), arrive)
