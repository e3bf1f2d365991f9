"""The hub tells every listener, waits for none, and says so to one that is let go."""

from __future__ import annotations

import asyncio

import pytest

from kizuna.errors import ChannelError
from kizuna.kernel.journal import Entry
from kizuna.node.runner import Committed
from kizuna.web.stream import MOST_LISTENERS, Hub, as_seen, event, notice_of


def commit(seq: int) -> Committed:
    entry = Entry(kind="record", at_ms=1, meta={"item": "canary"}, body=b"canary")
    return Committed(((seq, entry), (seq + 1, Entry(kind="released", at_ms=1, meta={}))))


def test_a_notice_says_what_changed_and_not_what() -> None:
    data = event("committed", notice_of(commit(7)))
    assert data == b'event: committed\ndata: {"kinds":{"record":1,"released":1},"seq":8}\n\n'


def test_listeners_hear_in_order_from_another_thread() -> None:
    async def story() -> None:
        hub = Hub()
        hub.attach()
        one, other = hub.listen(b"first"), hub.listen(b"first")
        await asyncio.to_thread(lambda: [hub.tell(commit(seq)) for seq in (1, 3)])
        for listener in (one, other):
            assert await anext(listener) == b"first"
            assert b'"seq":2' in await anext(listener)
            assert b'"seq":4' in await anext(listener)

    asyncio.run(story())


def test_a_slow_listener_is_let_go_and_told_and_others_are_not() -> None:
    async def story() -> None:
        hub = Hub(queue_events=3)
        hub.attach()
        slow, quick = hub.listen(b"first"), hub.listen(b"first")
        assert await anext(quick) == b"first"
        for seq in range(4):
            hub.publish(b"%d" % seq)
            assert await anext(quick) == b"%d" % seq
        assert [data async for data in slow] == [
            event("dropped", {"sentence": "too slow: read the state anew and listen again"})
        ]
        assert hub.dropped == 1
        hub.close()
        assert [data.split(b"\n")[0] async for data in quick] == [b"event: closing"]

    asyncio.run(story())


def test_silence_is_broken_by_a_comment() -> None:
    async def story() -> None:
        hub = Hub(beat_s=0.01)
        hub.attach()
        listener = hub.listen(b"first")
        assert [await anext(listener), await anext(listener)] == [b"first", b": alive\n\n"]

    asyncio.run(story())


def test_what_a_listener_may_not_hear_of_does_not_put_off_the_sign_of_life() -> None:
    """Nor does it bring it forward: between two of them lies the same time."""

    class Nothing:
        def news(self) -> None:
            return None

    async def story() -> None:
        hub = Hub(beat_s=0.1)
        hub.attach()
        loop = asyncio.get_running_loop()
        heard = as_seen(hub.listen(b"first"), Nothing())  # type: ignore[arg-type] # of a reader who may see nothing
        assert await anext(heard) == b"first"
        began = loop.time()
        telling = asyncio.create_task(_tell_often(hub))
        assert [await anext(heard) for _ in range(3)] == [b": alive\n\n"] * 3
        assert loop.time() - began >= 0.29
        assert not telling.done(), "something happened all the time"
        telling.cancel()

    asyncio.run(story())


async def _tell_often(hub: Hub) -> None:
    for seq in range(100_000):
        hub.publish(event("committed", notice_of(commit(seq))))
        await asyncio.sleep(0.02)


def test_there_is_room_for_so_many_and_none_after_the_end() -> None:
    async def story() -> None:
        hub = Hub()
        with pytest.raises(ChannelError):
            hub.listen(b"")
        hub.attach()
        held = [hub.listen(b"first") for _ in range(MOST_LISTENERS)]
        with pytest.raises(ChannelError):
            hub.listen(b"")
        first = held.pop()
        assert await anext(first) == b"first"
        await first.aclose()  # type: ignore[attr-defined] # an async generator
        hub.listen(b"")
        hub.close()
        hub.tell(commit(1))
        with pytest.raises(ChannelError):
            hub.listen(b"")

    asyncio.run(story())
