"""Values that must not leave, and the search for them in whatever form they might have taken."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import parse_ipc

ZSTD, GZIP, SQLITE = b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08", b"SQLite format 3\0"
MOST_BYTES = 64 << 20
DEEPEST = 3


SURE_CHARS = 8
"""A shorter piece of base64 turns up by chance among the digests and salts of a journal."""


@dataclass(frozen=True)
class Canary:
    """One value and why it must stay; numbers are also looked for as 32-bit integers, in both orders, among the rows of blobs."""

    why: str
    value: str | int

    @property
    def forms(self) -> frozenset[bytes]:
        """The value as text, in every encoding in which it could travel."""
        text = str(self.value)
        raw = text.encode()
        found = {raw, text.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode()}
        found |= {quote(text).encode(), quote(text, safe="").encode(), json.dumps(text)[1:-1].encode()}
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            inner = {_inner(encode, raw, before) for before in range(3)}
            found |= {form for form in inner if len(form) >= SURE_CHARS}
        return frozenset(found)

    @property
    def words(self) -> frozenset[bytes]:
        """The number as a row of a table holds it."""
        return (
            frozenset({self.value.to_bytes(4, "little"), self.value.to_bytes(4, "big")})
            if isinstance(self.value, int)
            else frozenset()
        )


def _inner(encode: Callable[[bytes], bytes], raw: bytes, before: int) -> bytes:
    """Return what of a value's base64 does not depend on its neighbours, with `before` bytes of them sharing its first group."""
    first = -(-before * 4 // 3) if before else 0
    whole = (before + len(raw)) // 3 * 4
    return encode(b"\0" * before + raw)[first:whole]


@dataclass(frozen=True)
class Found:
    """A canary that got out: why it should have stayed, and where it was."""

    why: str
    where: str


def search(name: str, data: bytes, canaries: Iterable[Canary]) -> list[Found]:
    """Return the canaries that are somewhere in the data, as it is, unpacked, or as rows."""
    layers = list(unpacked(data))
    rows = [layer for layer in layers if is_table(layer)]
    found = []
    for canary in canaries:
        plain = any(form in layer for form in canary.forms for layer in layers)
        if plain or any(word in layer for word in canary.words for layer in rows):
            found.append(Found(canary.why, name))
    return found


def is_table(data: bytes) -> bool:
    """Return whether the data holds Arrow or Parquet: among other bytes four equal ones prove nothing."""
    return b"\xff\xff\xff\xff" in data[:64] or b"mmsi" in data


def unpacked(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield the data and all that is packed in it: compressed parts, tables as text, the cells of a database."""
    yield data
    if depth >= DEEPEST:
        return
    for part in (*_compressed(data), *_tables(data)):
        yield from unpacked(part, depth + 1)


def _compressed(data: bytes) -> Iterator[bytes]:
    for magic in (ZSTD, GZIP):
        at = data.find(magic)
        while at >= 0:
            try:
                if magic == ZSTD:
                    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data[at:])) as reader:
                        yield reader.read(MOST_BYTES)
                else:
                    yield zlib.decompressobj(wbits=31).decompress(data[at:], MOST_BYTES)
            except (zstandard.ZstdError, zlib.error):
                pass  # these bytes only looked like a beginning
            at = data.find(magic, at + 1)


def _tables(data: bytes) -> Iterator[bytes]:
    table: pa.Table | None = None
    if data[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(data))
    else:
        try:
            table = parse_ipc(data)
        except (RecordError, pa.ArrowException):
            return
    yield repr(table.to_pydict()).encode()


def of_database(path: Path) -> bytes:
    """Return every cell of every table of an SQLite file: what spans pages stands in one piece again."""
    cells: list[bytes] = []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute(f'SELECT * FROM "{table}"'):
                for cell in row:
                    cells += unpacked(cell) if isinstance(cell, bytes) else [str(cell).encode()]
    return b"\n".join(cells)


def of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of everything that a node holds on disk; databases once more by cell."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            name = str(path.relative_to(folder))
            yield name, name.encode() + b"\n" + data
            if data.startswith(SQLITE):
                yield f"{name}, by cell", of_database(path)


def planted(canary: Canary) -> Iterator[bytes]:
    """Yield one text with the value in it for each form that the search knows: to show that it would be found."""
    raw = str(canary.value).encode()
    said = b'{"before":"x","value":"' + raw + b'"}'
    yield said
    for shift in range(3):
        yield base64.b64encode(b"y" * shift + said)
        yield base64.urlsafe_b64encode(b"y" * shift + said).rstrip(b"=")
    yield said.hex().encode()
    yield quote(said).encode()
    yield json.dumps(said.decode()).encode()
    yield b"head" + gzip.compress(said) + b"tail"
    yield b"head" + zstandard.compress(said) + b"tail"
