"""Listening sockets: bound once, and quick to answer."""

from __future__ import annotations

import asyncio
import socket

import pytest

from kizuna.errors import ConfigError
from kizuna.web.listening import listen


def test_connections_do_not_wait_for_more_to_send() -> None:
    async def story() -> int:
        told: asyncio.Queue[int] = asyncio.Queue()

        def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            told.put_nowait(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        bound = listen("127.0.0.1", 0, "test")
        async with await asyncio.start_server(connected, sock=bound):
            _, writer = await asyncio.open_connection("127.0.0.1", bound.getsockname()[1])
            found = await told.get()
            writer.close()
            await writer.wait_closed()
        return found

    assert asyncio.run(story())


def test_an_address_that_is_taken_or_none_is_said() -> None:
    with listen("127.0.0.1", 0, "test") as bound:
        taken = bound.getsockname()[1]
        for host, port in (("127.0.0.1", taken), ("192.0.2.1", 0), ("no.such.host.invalid", 0)):
            with pytest.raises(ConfigError, match=r"the test cannot bind"):
                listen(host, port, "the test")
