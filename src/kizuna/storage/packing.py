"""Headers and bodies of a journal packed for the disk: bytes in, the very same bytes out.

Canonical JSON says the same names again and again, which zstd with a dictionary of our own takes away; what is left of a record is mostly digests and
salts, which say 32 bytes in 43 letters, and those of its signed statement once more in base64. So a body is folded first: the statement is
written plainly, the digests that its disclosures open are left out, for they can be computed, and each run of letters is lifted out as bytes.
Which bytes are packed, and that an erased body leaves no trace, is left to the store.
"""

from __future__ import annotations

import re
import threading
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from pathlib import Path

import zstandard

from kizuna.errors import JournalCorruptError
from kizuna.kernel.record import MAX_BODY_BYTES
from kizuna.kernel.statement import MAX_DIGESTS, digests_of

WHOLE, FOLDED = 0, 1
"""The forms of packed bytes, both with the dictionary of version 1; a form keeps its meaning for ever, a new dictionary gets new forms."""

_LEVEL = 3  # a higher one takes three times as long for one byte in a hundred
_DICTIONARY = Path(__file__).with_name("packing-v1.zdict")
_ENORMOUS = "packed bytes claim to be larger than any body: stop and verify the journal"
_LEAST_BYTES = 48
"""Shorter ones would not become shorter."""

_DISCLOSURES, _STATEMENT, _DIGESTS = b'{"disclosures":', b'"envelope":{"payload":"', b'{"digests":["'
_BETWEEN = b'],["'
"""Stands between two disclosures."""
_RUN, _PLAIN, _OPENED = b"\x01", b"\x02", b"\x03"
"""Stand for a run that was lifted out, around a statement that was written plainly, and before one that lacks the digests that are opened."""
_MARKS = (_RUN, _PLAIN, _OPENED)  # canonical JSON has no such bytes
_RUN_LETTERS, _RUN_BYTES, _COUNT_BYTES = 43, 32, 2
_RUNS = re.compile(rb'"([A-Za-z0-9_-]{43})"')
_FROM_URL, _TO_URL = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")


class _Zstd(threading.local):
    """What packs and unpacks, for each thread its own: zstd's contexts are not to be shared."""

    def __init__(self) -> None:
        self.packer = zstandard.ZstdCompressor(
            level=_LEVEL, dict_data=_dictionary, write_dict_id=False, write_checksum=False
        )
        self.unpacker = zstandard.ZstdDecompressor(dict_data=_dictionary)


_dictionary = zstandard.ZstdCompressionDict(_DICTIONARY.read_bytes())
_dictionary.precompute_compress(level=_LEVEL)
_zstd = _Zstd()


def pack(data: bytes) -> tuple[int | None, bytes]:
    """Return the form and the bytes to keep for `data`; form `None` is `data` itself, where packing would not make it shorter."""
    if not _LEAST_BYTES <= len(data) <= MAX_BODY_BYTES:
        return None, data
    text, runs = fold(data)
    packed = _zstd.packer.compress(text)
    form = WHOLE if text is data else FOLDED
    if form == FOLDED:
        packed = (len(runs) // _RUN_BYTES).to_bytes(_COUNT_BYTES, "big") + runs + packed
    return (form, packed) if len(packed) < len(data) else (None, data)


def unpack(form: int, packed: bytes) -> bytes:
    """Return the bytes that `pack` gave this form.

    Raises:
        JournalCorruptError: they are none of this form, are cut, or claim to be larger than any body.
    """
    if form == WHOLE:
        return _inflated(packed)
    if form != FOLDED:
        raise JournalCorruptError(f"bytes are packed in the unknown form `{form}`: stop and verify the journal")
    start = _COUNT_BYTES + _RUN_BYTES * int.from_bytes(packed[:_COUNT_BYTES], "big")
    data = _unfolded(_inflated(packed[start:]), packed[_COUNT_BYTES:start])
    if len(data) > MAX_BODY_BYTES:
        raise JournalCorruptError(_ENORMOUS)
    return data


def fold(data: bytes) -> tuple[bytes, bytes]:
    """Return what zstd is to pack of `data`, and the runs that were lifted out; where it has no statement, that is `data` itself.

    Partners choose what they send, and what is kept must come back: so of each of the three steps that is tried, or known beforehand.
    """
    before, found, after = data.partition(_STATEMENT)
    if not found or _is_marked(data):
        return data, b""
    letters, quote, after = after.partition(b'"')
    try:
        statement = a2b_base64(letters)
    except Base64Error:
        return data, b""
    if not quote or b2a_base64(statement, newline=False) != letters or _is_marked(statement):
        return data, b""
    statement = _without_opened(statement, _opened(before))
    return _lifted(b"".join([before, found, _PLAIN, statement, _PLAIN, quote, after]))


def _is_marked(data: bytes) -> bool:
    return any(mark in data for mark in _MARKS)  # three times as fast as one expression for them


def _opened(before: bytes) -> list[str]:
    """Return the digests that are opened by the disclosures before a statement.

    They are cut apart where one seems to begin: a parser goes only so deep, and how deep depends on its caller. What is cut amiss opens nothing.
    """
    shown = before[len(_DISCLOSURES) : -1]
    if not (before.startswith(_DISCLOSURES) and shown.startswith(b"[[") and shown.count(_BETWEEN) < MAX_DIGESTS):
        return []
    return digests_of(shown[1:-1].replace(_BETWEEN, b"]" + _RUN + b'["').split(_RUN))


def _without_opened(statement: bytes, opened: list[str]) -> bytes:
    """Return a statement without the digests that are opened; as it is where putting them in again would not give it."""
    start, found, rest = statement.partition(b'"]')
    digests = start[len(_DIGESTS) :].decode("latin-1").split('","')
    if not (opened and found and start.startswith(_DIGESTS)):
        return statement
    kept = sorted(set(digests).difference(opened))
    cut = b"".join([_OPENED, _DIGESTS, '","'.join(kept).encode("latin-1"), found, rest])
    return cut if _with_opened(cut, opened) == statement else statement


def _with_opened(statement: bytes, opened: list[str]) -> bytes:
    start, found, rest = statement.partition(b'"]')
    kept = start[len(_OPENED + _DIGESTS) :].decode("latin-1")
    digests = sorted([*kept.split('","'), *opened] if kept else opened)
    return b"".join([_DIGESTS, '","'.join(digests).encode("latin-1"), found, rest])


def _lifted(text: bytes) -> tuple[bytes, bytes]:
    """Return a text without its quoted runs of 43 letters of base64url, and their bytes; all of them or, where one is none, none."""
    parts = _RUNS.split(text)
    runs = parts[1::2]
    if not 0 < len(runs) < 1 << 8 * _COUNT_BYTES:
        return text, b""
    # A letter more, which says zero, makes them whole groups, so that all are decoded in one call.
    letters = b"A".join([*runs, b""]).translate(_FROM_URL)
    lifted = bytearray(a2b_base64(letters))
    if any(lifted[_RUN_BYTES :: _RUN_BYTES + 1]):
        return text, b""
    del lifted[_RUN_BYTES :: _RUN_BYTES + 1]
    return b'"\x01"'.join(parts[::2]), bytes(lifted)


def _unfolded(text: bytes, runs: bytes) -> bytes:
    """Return the bytes that were folded."""
    pieces = text.split(_RUN)
    if len(runs) != _RUN_BYTES * (len(pieces) - 1):
        raise JournalCorruptError("packed bytes lack what was lifted out of them: stop and verify the journal")
    if runs:
        padded = b"".join([runs[at : at + _RUN_BYTES] + b"\0" for at in range(0, len(runs), _RUN_BYTES)])
        letters = b2a_base64(padded, newline=False).translate(_TO_URL)
        whole = [b""] * (2 * len(pieces) - 1)
        whole[::2] = pieces
        whole[1::2] = [letters[at : at + _RUN_LETTERS] for at in range(0, len(letters), _RUN_LETTERS + 1)]
        text = b"".join(whole)
    before, found, rest = text.partition(_PLAIN)
    if not found:
        return text
    statement, found, after = rest.partition(_PLAIN)
    if not found:
        raise JournalCorruptError("packed bytes lack the end of their statement: stop and verify the journal")
    if statement.startswith(_OPENED):
        statement = _with_opened(statement, _opened(before.removesuffix(_STATEMENT)))
    return b"".join([before, b2a_base64(statement, newline=False), after])


def _inflated(packed: bytes) -> bytes:
    try:
        # zstd makes room for what a frame claims, however little there is of it.
        if not 0 <= zstandard.frame_content_size(packed) <= MAX_BODY_BYTES:
            raise JournalCorruptError(_ENORMOUS)
        return _zstd.unpacker.decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise JournalCorruptError(f"packed bytes are damaged ({error}): stop and verify the journal") from error
