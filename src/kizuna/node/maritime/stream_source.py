"""Sentences from a NATS JetStream (`kizuna[nats]`): acknowledged once what they say is durable here, so that a restart goes on where it stopped.

A durable pull consumer bears the feed's name: the server keeps how far it came. A message holds whole lines; a line without a TAG block gets one with
the time at which the stream stored it, for after an outage hours of them come at once. What was not acknowledged comes again, and is known by then.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any

from kizuna.errors import ConfigError
from kizuna.formats.nmea_tag import xor_checksum
from kizuna.node.maritime.taking import RETRY_S, Settle, Take

MOST_MESSAGES = 256
"""Messages that are taken together and acknowledged together."""
_WAIT_S = 1.0


def timed(data: bytes, stored_ms: int) -> bytes:
    """Return the lines of a message, each ended, those without a TAG block with one that says when the stream stored them."""
    told = b"c:%d" % stored_ms
    tag = b"\\%s*%02X\\" % (told, xor_checksum(told))
    lines = data.splitlines()
    return b"".join((tag if line[:1] == b"!" else b"") + line + b"\n" for line in lines)


async def read_stream(address: str, subject: str, consumer: str, take: Take, settle: Settle) -> None:
    """Hand on what a stream holds under a subject, from where this consumer came to, until the task is cancelled.

    Raises:
        ConfigError: the extra is not installed, or no stream of the server holds the subject.
    """
    nats = _library()
    pause_s = RETRY_S[0]
    while True:
        try:
            client = await nats.connect(f"nats://{address}", allow_reconnect=False, error_cb=_quiet, connect_timeout=5)
            pause_s = RETRY_S[0]
            try:
                await _drain(nats, client, subject, consumer, take, settle)
            finally:
                with suppress(Exception):  # whatever a broken connection says at its end
                    await client.flush(_WAIT_S)
                with suppress(Exception):  # the same
                    await client.close()
        except (nats.errors.Error, OSError, TimeoutError):
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_S[1])


async def _drain(nats: Any, client: Any, subject: str, consumer: str, take: Take, settle: Settle) -> None:
    try:
        waiting = await client.jetstream().pull_subscribe(subject, durable=consumer)
    except nats.js.errors.NotFoundError as error:
        raise ConfigError(f"no stream of this server holds `{subject}`: make one, or mend `feeds.subject`") from error
    while True:
        try:
            messages = await waiting.fetch(MOST_MESSAGES, timeout=_WAIT_S)
        except nats.errors.TimeoutError:
            continue  # nothing came meanwhile
        if not await _taken(messages, take, settle):
            # The node stops: whatever were fetched now would be kept from whoever reads next.
            await asyncio.Event().wait()


async def _taken(messages: list[Any], take: Take, settle: Settle) -> bool:
    """Take messages and acknowledge them, and return whether that was done; where not, tell the server that they are still to be read."""
    durable = False
    try:
        for each in messages:
            await take(0, timed(each.data, _stored_ms(each.metadata.timestamp)))
        durable = await settle()
    finally:
        await _answer(messages, durable=durable)
    return durable


async def _answer(messages: list[Any], *, durable: bool) -> None:
    """Tell the server of each message whether it is done with, to the last of them: an end that is asked for meanwhile waits for that."""
    ended: asyncio.CancelledError | None = None
    for each in messages:
        with suppress(Exception):  # the server is gone: what it is not told it sends again
            try:
                await (each.ack() if durable else each.nak())
            except asyncio.CancelledError as error:
                ended = error
                await (each.ack() if durable else each.nak())
    if ended is not None:
        raise ended


def _stored_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


async def _quiet(_error: Exception) -> None:
    """Take what the library would print: a lost server is tried again, and the feed's health says that nothing comes."""


def _library() -> Any:
    try:
        import nats.js.errors  # noqa: PLC0415 # an extra: whoever has no stream needs it not
    except ImportError as error:
        raise ConfigError("a feed of kind `nats` needs the extra `kizuna[nats]`: install it") from error
    return nats
