"""Feeds become records: reads every feed in a thread of its own and has what it brings signed and journalled.

What is held back is bounded: a feed whose records cannot be said waits, and with it its sender. Sentences that could not be used are kept in
small rotating files beside the data, never in a log.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import structlog

from kizuna.domains.maritime.operations import Statement
from kizuna.errors import ChannelError, ConfigError, KizunaError
from kizuna.formats.ais_columns import no_passes
from kizuna.formats.nmea import Rejected
from kizuna.kernel.label import Label, label
from kizuna.kernel.ports import Clock
from kizuna.node.effects import Command, Draft, Say
from kizuna.node.maritime.intake import FeedStatus, Intake
from kizuna.node.maritime.sources import Feed, receive

if TYPE_CHECKING:
    from kizuna.formats.ais_passes import Passes

FLUSH_S = 0.2
"""How long a sentence waits at most before it is said: a batch has one blob for each cell, and each is made durable."""
MOST_BLOBS = 256
"""Blobs said in one command."""
MOST_GATHERED = 1 << 18
"""Bytes of one feed that wait to be decoded together; what comes in bulk does not wait."""
OUTSTANDING = 4
"""Commands of one feed under way at once."""
RETRY_S = 1.0
REJECTED_FILES = 4
REJECTED_BYTES = 1 << 20
ACTOR = "system:feed"
PURPOSES = ("maritime-domain-awareness", "search-and-rescue")

_log = structlog.get_logger("kizuna.feeds")


class Doer(Protocol):
    """Carries out commands, as `kizuna.node.runner.Runner` does."""

    def do(self, command: Command) -> Future[Any]:
        """Ask for a command; the future holds its reply value, or the error that refused it."""
        ...


def example_label(party: str, partners: Iterable[str]) -> Label:
    """Return the lowest grade of the party's example policy, releasable to the given parties."""
    others = frozenset(partners) - {party}
    return label(f"{party}.example.v1", 0, originator=party, releasable_to=others, purposes=PURPOSES)


def drafts(statements: Sequence[Statement], mark: Label, actor: str = ACTOR) -> tuple[Draft, ...]:
    """Return the records that statements become; what concerns own units is releasable to nobody."""
    closed = msgspec.structs.replace(mark, releasable_to=frozenset())
    return tuple(
        Draft(
            type=each.type,
            body=each.body,
            label=closed if each.own_units else mark,
            actor=actor,
            subject=each.subject,
            after=each.after,
            blobs=each.blobs,
        )
        for each in statements
    )


def groups(statements: Sequence[Statement]) -> list[list[Statement]]:
    """Return the statements in groups that are said together, in their order."""
    out: list[list[Statement]] = [[]]
    blobs = 0
    for each in statements:
        size = len(each.blobs) or 1
        if out[-1] and blobs + size > MOST_BLOBS:
            out.append([])
            blobs = 0
        out[-1].append(each)
        blobs += size
    return out if out[-1] else []


class RejectedFiles:
    """Keeps the newest sentences that were set aside, in a few JSON Lines files of bounded size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, source: str, items: Sequence[Rejected], at_ms: int) -> None:
        """Append items; the oldest file makes room where the newest is full."""
        newest = self._folder / "rejected-0.jsonl"
        if newest.exists() and newest.stat().st_size >= REJECTED_BYTES:
            for number in range(REJECTED_FILES - 2, -1, -1):
                older = self._folder / f"rejected-{number}.jsonl"
                if older.exists():
                    older.replace(self._folder / f"rejected-{number + 1}.jsonl")
        lines = [
            {"at_ms": at_ms, "raw": each.raw.decode("latin-1"), "reason": each.reason, "source": source}
            for each in items
        ]
        with newest.open("ab") as file:
            file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


class Feeding:
    """Reads feeds until it is stopped; start it once the node's runner runs.

    Args:
        runner: says the records.
        feeds: what to read, and how its records are labelled.
        own_units: MMSI of the party's own ships.
        clock: the node's clock.
        rejected: where unusable sentences are kept; None keeps none.
        flush_s: how long a sentence waits at most before it is said.
        passes: gives compiled passes to the feeds that bring much; see `kizuna.node.maritime.warming`.
    """

    def __init__(
        self,
        runner: Doer,
        feeds: Sequence[Feed],
        *,
        own_units: frozenset[int],
        clock: Clock,
        rejected: RejectedFiles | None = None,
        flush_s: float = FLUSH_S,
        passes: Callable[[], Passes | None] = no_passes,
    ) -> None:
        self._runner = runner
        self._clock = clock
        self._rejected = rejected
        self._flush_s = flush_s
        self._intakes = [Intake(feed, own_units, clock.now_ms(), passes) for feed in feeds]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="kizuna-feeds", daemon=True)
        self.faults: dict[str, KizunaError] = {}
        """Why a feed stopped by itself, by name."""

    def start(self) -> None:
        """Begin to read."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def stop(self) -> None:
        """Say what is held, and stop."""
        if self._loop is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # it ended by itself a moment ago
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until every feed has ended by itself, as files do; return whether they have."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def statuses(self) -> list[FeedStatus]:
        """Return what each feed has brought so far."""
        now_ms = self._clock.now_ms()
        return [intake.status(now_ms) for intake in self._intakes]

    # --- the thread ----------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        if self._loop is not None:
            try:
                self._loop.run_until_complete(self._all())
            finally:
                self._loop.close()

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as feeds:
            for intake in self._intakes:
                feeds.create_task(self._feed(intake))

    async def _feed(self, intake: Intake) -> None:
        gate = asyncio.Lock()

        async def take(connection: int, data: bytes) -> None:
            intake.gather(connection, data)
            if intake.feed.in_bulk or intake.gathered >= MOST_GATHERED:
                self._decode(intake)
            if intake.full:
                await self._flush(intake, gate)

        async def settle() -> bool:
            # at a stop another flush may have given up what was taken: then nothing is told to be safe, and it comes again
            return await self._flush(intake, gate) and not self._stopping.is_set()

        reading = asyncio.ensure_future(receive(intake.feed, take, settle, stdin=sys.stdin.buffer))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            while not reading.done() and not stopping.done():
                await asyncio.wait({reading, stopping}, timeout=self._flush_s, return_when=asyncio.FIRST_COMPLETED)
                if not intake.feed.in_bulk:
                    await self._flush(intake, gate)
        finally:
            stopping.cancel()
            async with gate:  # never in the middle of what is being said
                reading.cancel()
            await self._ended(intake, reading)
            await self._flush(intake, gate)

    async def _ended(self, intake: Intake, reading: asyncio.Future[None]) -> None:
        try:
            await reading
        except asyncio.CancelledError:
            return
        except KizunaError as error:
            self.faults[intake.feed.name] = error
            _log.warning("feed stopped", source=intake.feed.name, error=type(error).__name__)
        intake.ended = True

    def _decode(self, intake: Intake) -> None:
        """Decode what has come: a few sentences at a time cost several times as much as those of a flush together."""
        now_ms = self._clock.now_ms()
        aside = intake.take_gathered(now_ms)
        if aside and self._rejected is not None:
            with suppress(OSError):  # they are counted already; a full disk must not stop the feed here
                self._rejected.keep(intake.feed.name, aside, now_ms)

    async def _flush(self, intake: Intake, gate: asyncio.Lock) -> bool:
        """Say what a feed holds, a few commands at a time, and wait until it is durable; return whether it was judged, not given up at a stop."""
        async with gate:
            self._decode(intake)
            waiting = groups(intake.flush(self._clock.now_ms()))
            judged = True
            for first in range(0, len(waiting), OUTSTANDING):
                some = waiting[first : first + OUTSTANDING]
                judged &= all(await asyncio.gather(*(self._say(intake, group) for group in some)))
            return judged

    async def _say(self, intake: Intake, group: list[Statement]) -> bool:
        """Say one group, again and again while the node is busy or its disk is full; return whether the node took or refused it."""
        command = Say(drafts(group, intake.feed.label))
        while True:
            try:
                await asyncio.wrap_future(self._runner.do(command))
            except (ChannelError, ConfigError) as error:
                _log.warning("feed waits", source=intake.feed.name, error=type(error).__name__)
                if self._stopping.is_set():
                    return False
                await asyncio.sleep(RETRY_S)
            except KizunaError as error:
                self.faults[intake.feed.name] = error
                _log.error(
                    "feed records refused", source=intake.feed.name, error=type(error).__name__
                )  # no content of any record
                return True
            else:
                return True
