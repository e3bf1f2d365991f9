"""Records and headers parsed from entries, kept for a moment: judge, projection and release all ask for the same ones."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from kizuna.kernel import record
from kizuna.kernel.channel.wire import EntryHeader
from kizuna.kernel.record import Record

_MOST_PARSED = 8192
_MOST_PARSED_BYTES = 64 << 20
_parsed: dict[bytes, Record] = {}
_parsed_bytes = [0]
_header_decoder = msgspec.json.Decoder(EntryHeader)


def parse(body: bytes) -> Record:
    """Return the record of a body that is journalled, and so was judged before; cached, for several ask for it within a moment."""
    held = _parsed.get(body)
    return remember(body, record.reread(body)) if held is None else held


def remember(body: bytes, held: Record) -> Record:
    """Keep a record whose body will be asked for, and return it; the oldest ones make room."""
    _parsed_bytes[0] += 0 if body in _parsed else len(body)
    _parsed[body] = held
    if len(_parsed) > _MOST_PARSED or _parsed_bytes[0] > _MOST_PARSED_BYTES:
        for old in list(_parsed)[: len(_parsed) // 8 + 1]:
            _parsed.pop(old, None)
        _parsed_bytes[0] = sum(map(len, _parsed))
    return held


@lru_cache(maxsize=16)  # each that fills a table from an entry asks for its header, one after the other
def header_of(text: str) -> EntryHeader:
    """Return the header of a channel's entry, as a journal entry keeps it."""
    return _header_decoder.decode(text)


def forget(body: bytes) -> None:
    """Drop a record that was parsed: its body is erased."""
    _parsed.pop(body, None)
