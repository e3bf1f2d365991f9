"""Byte streams in chunks, unpacked on the way.

Plain, gzip (RFC 1952) or Zstandard (RFC 8878), told apart by their first bytes.

The caller opens and closes the file; this module only reads it. However small a packed file is, no more than
one chunk of it is unpacked at a time.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, BinaryIO

import zstandard

from kizuna.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 1 << 16
"""Bytes read at once, and the most that one chunk holds."""

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_GZIP_WINDOW = 31  # zlib's number for the largest window inside a gzip wrapper
_ZSTD_WINDOW = 1 << 27  # what the zstd tool itself accepts without being asked
_ZSTD_PIECE = 128  # Zstandard can unpack four bytes to 128 KiB: small pieces bound what one call returns


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of `file` in chunks of at most `CHUNK_BYTES`, unpacked where it is packed.

    Raises:
        RecordError: the packed stream is damaged or ends too early; says at which packed byte.
    """
    head = file.read(CHUNK_BYTES)
    if head.startswith(_GZIP_MAGIC):
        yield from _gzip(file, head)
    elif head.startswith(_ZSTD_MAGIC):
        yield from _zstd(file, head)
    else:
        while head:
            yield head
            head = file.read(CHUNK_BYTES)


def _gzip(file: BinaryIO, data: bytes) -> Iterator[bytes]:
    """Yield every member of a gzip stream; members may be concatenated and padded with zeros."""
    read = len(data)
    while data:
        member = zlib.decompressobj(_GZIP_WINDOW)
        while not member.eof:
            try:
                out = member.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise RecordError(f"gzip stream is damaged near packed byte {read - len(data)}: {error}") from None
            if out:
                yield out
            data = member.unconsumed_tail
            if not data and not out and not member.eof:
                data = file.read(CHUNK_BYTES)
                read += len(data)
                if not data:
                    raise RecordError(f"gzip stream ends too early at packed byte {read}: get the file again")
        data = member.unused_data
        while not data.strip(b"\0"):
            data = file.read(CHUNK_BYTES)
            read += len(data)
            if not data:
                return
        data = data.lstrip(b"\0")


def _zstd(file: BinaryIO, data: bytes) -> Iterator[bytes]:
    """Yield every frame of a Zstandard stream; frames may be concatenated."""
    read = len(data)
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = unpacker.decompressobj()
    started = False
    while data:
        piece, data = data[:_ZSTD_PIECE], data[_ZSTD_PIECE:]
        try:
            out = frame.decompress(piece)
        except zstandard.ZstdError as error:
            raise RecordError(f"zstd stream is damaged near packed byte {read - len(data)}: {error}") from None
        started = True
        for start in range(0, len(out), CHUNK_BYTES):
            yield out[start : start + CHUNK_BYTES]
        if frame.eof:
            data = frame.unused_data + data
            frame = unpacker.decompressobj()
            started = False
        if not data:
            data = file.read(CHUNK_BYTES)
            read += len(data)
    if started:
        raise RecordError(f"zstd stream ends too early at packed byte {read}: get the file again")
