"""The container of a message between nodes: a plain sequence of parts, the same over HTTPS and inside a bundle.

A part is four bytes of length, big-endian, and that many bytes; the first part is the message's head, canonical JSON. What the head says
and what the parts are is left to whoever packs them; compression, signatures and sealing lie outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kizuna.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable

LENGTH_BYTES = 4
"""Bytes before each part."""

MAX_PART_BYTES = (1 << 32) - 1
"""The longest part whose length can be written."""


def pack(parts: Iterable[bytes | memoryview]) -> bytes:
    """Return the parts in order, each with its length before it.

    Raises:
        RecordError: there is no part, or one is too long to be written.
    """
    pieces: list[bytes | memoryview] = []
    for part in parts:
        if len(part) > MAX_PART_BYTES:
            raise RecordError(f"part `{len(pieces) // 2}` has `{len(part)}` bytes; send it as a blob in chunks")
        pieces += (len(part).to_bytes(LENGTH_BYTES, "big"), part)
    if not pieces:
        raise RecordError("a message needs at least its head")
    return b"".join(pieces)


def unpack(data: bytes | memoryview, max_parts: int, max_part_bytes: int) -> list[memoryview]:
    """Return the parts as views into `data`, without copying.

    Raises:
        RecordError: there is no part, a length leads past the end, bytes are left over, or a limit is passed.
    """
    view = memoryview(data)
    parts: list[memoryview] = []
    at, end = 0, len(view)
    while at < end:
        start = at + LENGTH_BYTES
        if start > end:
            raise RecordError(f"message ends inside the length of part `{len(parts)}`; send it whole")
        size = int.from_bytes(view[at:start], "big")
        if size > max_part_bytes:
            raise RecordError(f"part `{len(parts)}` has `{size}` bytes; at most {max_part_bytes} are read")
        at = start + size
        if at > end:
            raise RecordError(f"message ends inside part `{len(parts)}`; send it whole")
        if len(parts) == max_parts:
            raise RecordError(f"message of more than {max_parts} parts; send fewer at a time")
        parts.append(view[start:at])
    if not parts:
        raise RecordError("empty message; a message needs at least its head")
    return parts
