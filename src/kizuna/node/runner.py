"""The shell around the core: one thread that owns it, real commits, and a transport that the caller gives.

Inputs queue up; the thread takes what is there, lets the core decide, and makes all commits of one round durable in one transaction: that is the
group commit. Answers and requests leave only afterwards.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from kizuna.errors import ChannelError, JournalConflictError, JournalCorruptError, KizunaError, RefusedError
from kizuna.kernel.journal import Entry, OutcomeUnknownError, Store
from kizuna.kernel.ports import Clock
from kizuna.node import effects as fx
from kizuna.node.core import Core
from kizuna.node.effects import Command, Effect

MOST_AT_ONCE = 512
"""Inputs taken together into one commit."""
TICK_S = 0.1

_log = structlog.get_logger("kizuna.node")


class BlobWriter(Protocol):
    """Makes large objects durable."""

    def put_all(self, items: Sequence[bytes]) -> object:
        """Store objects durably."""
        ...

    def erase(self, sha256: str) -> object:
        """Delete an object durably."""
        ...


class MarkKeeper(Protocol):
    """Keeps the high-water marks outside the data directory."""

    def raise_to(self, channel: str, epoch: int, size: int, root: bytes) -> object:
        """Raise a channel's mark durably."""
        ...


@dataclass(frozen=True)
class Shell:
    """The real ports of one node. `send` starts a request to a partner's node and never blocks; its outcome comes back as an input."""

    store: Store
    blobs: BlobWriter
    marks: MarkKeeper
    clock: Clock
    send: Callable[[str, bytes], None]


@dataclass(frozen=True)
class Committed:
    """What observers are told after a commit: the entries that are now durable, with their sequence numbers."""

    entries: tuple[tuple[int, Entry], ...]


Observer = Callable[[Committed], None]
_Outcome = tuple[fx.Commit, list[int] | KizunaError]


class Runner:
    """Owns a core in a thread of its own. All methods may be called from any thread."""

    def __init__(self, core: Core, shell: Shell) -> None:
        self.core = core
        self._shell = shell
        self._inputs: queue.Queue[Callable[[int], list[Effect]] | None] = queue.Queue(maxsize=100_000)
        self._replies: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._next = 0
        self._closed = False
        self._observers: list[Observer] = []
        self._thread = threading.Thread(target=self._run, name="kizuna-core", daemon=True)
        self.fault: KizunaError | None = None
        """Why the core stopped by itself, or None."""
        self.erased = 0
        """How many bodies were erased."""

    # --- from outside --------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round under way and stop; what was not begun is refused."""
        if self._thread.is_alive():
            self._inputs.put(None)
            self._thread.join()

    def do(self, command: Command) -> Future[Any]:
        """Ask for a command; the future holds its reply value, or the error that refused it."""
        return self._ask(lambda reply_to, now_ms: self.core.on_local(command, reply_to, now_ms))

    def message(self, node: str, data: bytes) -> Future[bytes]:
        """Hand in a request of an authenticated partner; the future holds the answer's bytes."""
        return self._ask(lambda reply_to, now_ms: self.core.on_message(node, data, reply_to, now_ms))

    def answered(self, node: str, data: bytes) -> None:
        """Hand in a partner's answer to a request of ours."""
        self._put(lambda now_ms: self.core.on_answer(node, data, now_ms))

    def unreachable(self, node: str) -> None:
        """Say that a request of ours got no answer."""
        self._put(lambda now_ms: self.core.on_unreachable(node, now_ms))

    def observe(self, observer: Observer) -> None:
        """Call `observer` after each commit, on the core's thread: it must return at once."""
        self._observers.append(observer)

    def _ask(self, run: Callable[[int, int], list[Effect]]) -> Future[Any]:
        reply: Future[Any] = Future()
        with self._lock:
            self._next += 1
            number = self._next
            self._replies[number] = reply
            closed = self._closed
        if closed:
            self._reply(number, self.fault or ChannelError("the node is stopping"))
        elif not self._put(lambda now_ms: run(number, now_ms)):
            self._reply(number, ChannelError("the node is too busy: try again"))
        return reply

    def _put(self, run: Callable[[int], list[Effect]]) -> bool:
        try:
            self._inputs.put_nowait(run)
        except queue.Full:
            return False
        return True

    # --- the thread ----------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._round():
                pass
        except KizunaError as error:
            self.fault = error
            _log.exception("core stopped", error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 # whatever it was, those who wait must be told and nothing more be done
            self.fault = JournalCorruptError(f"the core stopped on an unexpected `{type(error).__name__}`")
            _log.exception("core stopped", error=type(error).__name__)
        with self._lock:
            self._closed = True
            left = list(self._replies)
        for number in left:
            self._reply(number, self.fault or ChannelError("the node is stopping"))

    def _round(self) -> bool:
        taken, going = self._take()
        now_ms = self._shell.clock.now_ms()
        self.core.clock_suspect = self._shell.clock.in_doubt()
        effects: deque[Effect] = deque()
        for run in taken:
            effects.extend(run(now_ms))
        effects.extend(self.core.on_tick(now_ms))
        self._carry_out(effects)
        return going

    def _take(self) -> tuple[list[Callable[[int], list[Effect]]], bool]:
        taken: list[Callable[[int], list[Effect]]] = []
        try:
            first = self._inputs.get(timeout=TICK_S)
            while True:
                if first is None:
                    return taken, False
                taken.append(first)
                if len(taken) >= MOST_AT_ONCE:
                    break
                first = self._inputs.get_nowait()
        except queue.Empty:
            pass
        return taken, True

    def _carry_out(self, effects: deque[Effect]) -> None:
        """Carry out effects in order, gathering the commits of each generation into one transaction."""
        while effects:
            commits: list[fx.Commit] = []
            for effect in effects:
                if isinstance(effect, fx.Commit):
                    commits.append(effect)
                else:
                    self._act(effect)
            effects = deque(self._commit(commits))

    def _act(self, effect: Effect) -> None:
        match effect:
            case fx.Send(node, data):
                self._shell.send(node, data)
            case fx.Reply(to, value):
                self._reply(to, value)
            case fx.Alert(kind, channel, sentence):
                _log.warning("alert", kind=kind, channel=channel, sentence=sentence)
            case fx.Erase(target, entry):
                self._erase(target, entry)
            case fx.EraseBlob(sha256):
                self._erase_blob(sha256)

    def _erase(self, target: int, entry: Entry) -> None:
        try:
            self._shell.store.erase(target, entry)
            self.erased += 1
        except RefusedError:
            _log.info("erased already", seq=target)
        except JournalCorruptError:
            raise
        except KizunaError as error:  # a full disk, say; the core asks again when it starts
            _log.error("erasure failed", seq=target, error=type(error).__name__)

    def _erase_blob(self, sha256: str) -> None:
        try:
            self._shell.blobs.erase(sha256)
        except KizunaError as error:  # the core asks again when it starts
            _log.error("erasure of a blob failed", error=type(error).__name__)

    def _commit(self, commits: list[fx.Commit]) -> Iterable[Effect]:
        if not commits:
            return
        outcomes = self._outcomes(commits)
        now_ms = self._shell.clock.now_ms()
        for commit, outcome in outcomes:
            if isinstance(outcome, KizunaError):
                yield from self.core.on_abort(commit.token, outcome)
            else:
                yield from self.core.on_commit(commit.token, outcome, now_ms)

    def _outcomes(self, commits: list[fx.Commit]) -> list[_Outcome]:
        """Return for each commit its sequence numbers or why it was not made; where they cannot be made together, each is made alone."""
        try:
            return self._durable(commits)
        except (JournalCorruptError, OutcomeUnknownError):
            raise  # what may have been made is not made again; a core that does not know where its logs end signs nothing more
        except KizunaError as error:
            _log.error(
                "commit failed", error=type(error).__name__, commits=len(commits)
            )  # the sentence goes to whoever asked
            if len(commits) == 1:
                return [(commits[0], error)]
        return [outcome for commit in commits for outcome in self._outcomes([commit])]

    def _durable(self, commits: list[fx.Commit]) -> list[_Outcome]:
        """Make blobs durable, then all entries in one transaction, then the marks; tell the observers."""
        self._shell.blobs.put_all([blob for commit in commits for blob in commit.blobs])
        entries = [entry for commit in commits for entry in commit.entries]
        seqs = self._append(entries)
        if entries:
            told = Committed(tuple(zip(seqs, entries, strict=True)))
            for observer in self._observers:
                observer(told)
        outcomes: list[_Outcome] = []
        at = 0
        for commit in commits:
            outcomes.append((commit, self._marked(commit) or seqs[at : at + len(commit.entries)]))
            at += len(commit.entries)
        return outcomes

    def _marked(self, commit: fx.Commit) -> KizunaError | None:
        """Raise a commit's marks; without them nothing of it may be sent, durable as it is: to the core it failed, and it reads the journal again."""
        try:
            for mark in commit.marks:
                self._shell.marks.raise_to(mark.channel, mark.epoch, mark.size, mark.root)
        except KizunaError as error:
            _log.error("mark failed", error=type(error).__name__)
            return error
        return None

    def _append(self, entries: list[Entry]) -> list[int]:
        if not entries:
            return []
        try:
            return self._shell.store.commit(entries)
        except OutcomeUnknownError:
            raise
        except JournalConflictError:
            return self._shell.store.commit(entries)  # another process held the file; the chain is read anew

    def _reply(self, number: int, value: Any) -> None:
        with self._lock:
            reply = self._replies.pop(number, None)
        if reply is None or not reply.set_running_or_notify_cancel():
            return
        if isinstance(value, KizunaError):
            reply.set_exception(value)
        else:
            reply.set_result(value)
