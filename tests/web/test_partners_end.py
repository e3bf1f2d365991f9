"""The partners' listener ends: nobody is left hanging on it, and nothing of theirs outlives its loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import time
import warnings
from pathlib import Path

import pytest

from tests.web.test_partners import Gate, request


def test_a_listener_that_has_closed_keeps_no_connection_of_a_partner_that_says_no_farewell(tmp_path: Path) -> None:
    def open_session(context: ssl.SSLContext, port: int) -> ssl.SSLSocket:
        session = context.wrap_socket(socket.create_connection(("127.0.0.1", port)))
        session.sendall(request(b"x").replace(b"Connection: close\r\n", b""))
        assert session.recv(1 << 10).startswith(b"HTTP/1.1 200")
        return session

    async def story() -> ssl.SSLSocket:
        gate = Gate(tmp_path)
        async with gate:
            return await asyncio.to_thread(open_session, gate.context(gate.a_files), gate.listener.port)

    with asyncio.run(story()), warnings.catch_warnings(record=True) as told:  # the session is open and reads no more
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()
    assert not told, "the connection was open when the loop had ended"


@pytest.mark.parametrize("late_s", [0.02, 0.3], ids=["while it closes", "when it has closed"])
def test_a_partner_that_shakes_hands_while_the_listener_closes_is_sent_away(tmp_path: Path, late_s: float) -> None:
    """It was accepted before, and is who it says; but nobody is left to answer it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    def begin(session: ssl.SSLObject, port: int) -> socket.socket:
        with pytest.raises(ssl.SSLWantReadError):
            session.do_handshake()
        line = socket.create_connection(("127.0.0.1", port), timeout=10)
        line.sendall(outgoing.read(60))
        return line

    def go_on(session: ssl.SSLObject, line: socket.socket) -> None:
        time.sleep(late_s)
        with line, contextlib.suppress(ConnectionError):
            while session.version() is None or outgoing.pending:
                line.sendall(outgoing.read())
                incoming.write(line.recv(1 << 16))
                with contextlib.suppress(ssl.SSLWantReadError):
                    session.do_handshake()
            while line.recv(1 << 16):
                pass

    async def story() -> None:
        gate = Gate(tmp_path)
        session = gate.context(gate.a_files).wrap_bio(incoming, outgoing)
        async with gate:
            line = await asyncio.to_thread(begin, session, gate.listener.port)
            await asyncio.sleep(0.1)
            going_on = asyncio.create_task(asyncio.to_thread(go_on, session, line))
            await asyncio.sleep(0)
        await going_on

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        asyncio.run(story())
        gc.collect()
    assert not told, "the connection was open when the loop had ended"


def test_whoever_knocks_while_trust_changes_is_not_lost_on_the_way(tmp_path: Path) -> None:
    """The listener goes over to a new context: what it accepted in that very turn of its loop is served, or closed."""

    def knock(port: int) -> None:
        for _ in range(300):
            socket.create_connection(("127.0.0.1", port), timeout=10).close()

    async def story() -> int:
        gate, changes = Gate(tmp_path), 0
        async with gate:
            knocking = asyncio.create_task(asyncio.to_thread(knock, gate.listener.port))
            while not knocking.done():
                gate.enrolled = [gate.a] if gate.b in gate.enrolled else [gate.a, gate.b]
                await gate.listener.refresh()
                changes += 1
            await knocking
        return changes

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        assert asyncio.run(story()) > 1
        gc.collect()
    assert not told, "a connection was neither served nor closed"
