"""The streams that a reader follows while things happen, some of which they may not see: what came, how large it was, and when.

Of the live chart every pause of a quarter of a second is one tick of the story, so that the time of each frame is exact. The sign of life of
server-sent events goes by the machine's own clock and is not compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kizuna.web.pages import live
from tests.web.reader_walk import Seen
from tests.web.reader_world import HIDDEN_SHIP, HOME_TAG, OPEN_SHIP, OPEN_TAG, SHARED_TAG, World
from tests.web.visiting import Answer

CHARTS = ("/picture/stream?zoom=9", "/picture/stream?zoom=2&south=10&west=80&north=20&east=95")
TICK_MS = 250
LAST_TICK = 60
"""So far a chart is followed: once more all of it has gone out by then."""


def happenings(world: World) -> list[tuple[str, Callable[[], None]]]:
    """Return what happens while somebody follows, with who may see it: all of it in a world that hides something, the open part in the other."""
    new = OPEN_SHIP + world.moves()
    return [
        (HOME_TAG, lambda: world.sails(HOME_TAG, "ind", HIDDEN_SHIP, lat=13.1)),
        (OPEN_TAG, lambda: world.sails(OPEN_TAG, "ind", OPEN_SHIP, lat=13.6)),
        (SHARED_TAG, lambda: world.sails(SHARED_TAG, "jpn", OPEN_SHIP, lat=13.7)),
        (HOME_TAG, lambda: world.sails(HOME_TAG, "ind", OPEN_SHIP, HIDDEN_SHIP, lat=13.8)),
        (OPEN_TAG, lambda: world.sails(OPEN_TAG, "jpn", new, OPEN_SHIP, lat=13.9)),
        (HOME_TAG, lambda: world.calls(HOME_TAG, OPEN_SHIP)),
        (OPEN_TAG, lambda: world.calls(OPEN_TAG, new)),
        (SHARED_TAG, lambda: world.finds(SHARED_TAG, OPEN_SHIP)),
        (SHARED_TAG, lambda: world.sails(SHARED_TAG, "ind", OPEN_SHIP, lat=14.1, exercise=f"{SHARED_TAG}-exercise")),
        (OPEN_TAG, lambda: world.finds(OPEN_TAG, new)),
        (SHARED_TAG, lambda: world.takes_back(SHARED_TAG)),
        (OPEN_TAG, lambda: world.takes_back(OPEN_TAG)),
        (OPEN_TAG, lambda: world.sails(OPEN_TAG, "ind", OPEN_SHIP, lat=14.2)),
    ]  # fmt: skip


async def events(world: World, path: str, headers: dict[str, str], seen: Seen) -> None:
    """Follow server-sent events: each thing that may be seen is heard before the next one happens, of the others nothing is."""

    async def script(answer: Answer) -> None:
        await answer.reaches(1)
        for tag, happens in happenings(world):
            count = len(answer.chunks)
            happens()
            if tag == OPEN_TAG:
                await answer.reaches(count + 1)
            await _drained(world)

    seen.answers.append((path, await world.host.follow(path, headers, script)))


async def _drained(world: World) -> None:
    """Wait until listeners have taken up what was told: there is one thread that looks at the journal for them, and it has come to an end."""
    for _ in range(2):
        await asyncio.sleep(0)
        while any(not queue.empty() for queue in world.host.office.hub._listeners):  # noqa: ASYNC110 # a queue tells nobody that it is empty
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.to_thread(lambda: None)
            await asyncio.sleep(0)


async def chart(world: World, path: str, headers: dict[str, str], seen: Seen) -> None:
    """Follow the live chart from tick to tick."""
    ticks = _Ticks(world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "asyncio", ticks)
        seen.answers.append((path, await world.host.follow(path, headers, lambda _answer: ticks.over.wait())))


class _Ticks:
    """Stands in the chart for the loop's clock: each pause is a quarter of a second of the federation's time, in each fourth something happens."""

    to_thread = staticmethod(asyncio.to_thread)

    def __init__(self, world: World) -> None:
        self._world = world
        self._tick = 0
        self._left = happenings(world)
        self.over = asyncio.Event()

    def get_running_loop(self) -> _Ticks:
        return self

    def time(self) -> float:
        return self._tick * TICK_MS / 1000

    async def sleep(self, pause_s: float) -> None:
        assert pause_s * 1000 == TICK_MS
        self._tick += 1
        self._world.federation.now_ms += TICK_MS
        if self._tick % 4 == 3 and self._left:  # so signs of life fall between
            _, happens = self._left.pop(0)
            happens()
        if self._tick > LAST_TICK:
            self.over.set()
            await asyncio.Event().wait()


async def follow(world: World, officer: str, found: dict[str, Any], *, charts: Sequence[str] = CHARTS) -> None:
    """Follow every stream as an officer and as their program."""
    host, seen = world.host, Seen()
    found[f"{officer} follows"] = seen
    for path in charts:
        await chart(world, path, host.cookie(officer, "watch"), seen)
    await events(world, "/watch/stream", host.cookie(officer, "liaison"), seen)
    await events(world, "/api/v1/stream", host.bearer(officer, "watch"), seen)
