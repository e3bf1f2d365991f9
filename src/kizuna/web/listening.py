"""Binding a listening socket."""

from __future__ import annotations

import socket

from kizuna.errors import ConfigError

_BACKLOG = 128


def listen(host: str, port: int, what: str) -> socket.socket:
    """Return a TCP socket that listens, not blocking; port 0 takes a free one.

    The protocol is named because asyncio turns Nagle's delay off only where it sees TCP by name: without, each small answer waits some 40 ms
    for the peer's acknowledgement.

    Raises:
        ConfigError: the address cannot be bound; `what` says whose it is.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise ConfigError(f"{what} cannot bind `{host}:{port}` ({error}): choose another address") from error
    return made
