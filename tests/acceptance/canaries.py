"""Values that must not leave, and the search for them in whatever form they might have taken."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import sqlite3
import zipfile
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
from kizuna.storage.packing import unpack

ZSTD, GZIP, ZIP, PDF, SQLITE = b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08", b"PK\x03\x04", b"%PDF-", b"SQLite format 3\0"
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
    """Yield the data and all that is packed in it: compressed parts, members of an archive, a form's text, tables as text."""
    yield data
    if depth >= DEEPEST:
        return
    for part in (*_compressed(data), *members(data), *printed(data), *_tables(data)):
        yield from unpacked(part, depth + 1)


def members(data: bytes) -> Iterator[bytes]:
    """Yield name and content of each member of a ZIP archive, as workbooks and DOCX files are; nothing where it is none."""
    if data.startswith(ZIP):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for name in sorted(packed.namelist()):
                yield name.encode() + b"\n" + packed.read(name)


_OBJECT = re.compile(rb"(\d+) 0 obj(.*?)endobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"/(\w+) [\d.]+ Tf|\(((?:[^\\()]|\\.)*)\)|<([0-9A-Fa-f]+)>(?= *(?:Tj|\]))", re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def printed(data: bytes) -> Iterator[bytes]:
    """Yield the inflated streams of a PDF as our typesetter writes it, and the text on its pages: there it stands as numbers of glyphs."""
    if not data.startswith(PDF):
        return
    objects = {int(number): _laid_open(body) for number, body in _OBJECT.findall(data)}
    yield from objects.values()
    letters = {
        name: _characters(objects[int(to)])
        for body in objects.values() for fonts in re.findall(rb"/Font<<(.*?)>>", body)
        for name, font in re.findall(rb"/(\w+) (\d+) 0 R", fonts) for to in re.findall(rb"/ToUnicode (\d+) 0 R", objects[int(font)])
    }  # fmt: skip
    for body in objects.values():
        shown, at = "", dict[int, str]()
        for font, text, digits in _SHOWN.findall(body) if b"Tf" in body else ():
            at = letters.get(font, at) if font else at
            glyphs = bytes.fromhex(digits.decode()) if digits else _ESCAPED.sub(_plain, text)
            shown += "".join(at.get(one * 256 + two, "") for one, two in zip(glyphs[::2], glyphs[1::2], strict=False))
        if shown:
            yield shown.encode()


def _plain(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8) & 255]) if found[1].isdigit() else _LETTERS.get(found[1], found[1])


def _laid_open(body: bytes) -> bytes:
    packed = _STREAM.search(body)
    try:
        return body if packed is None else body[: packed.start()] + zlib.decompress(packed[1])
    except zlib.error:  # not packed, or an image
        return body


def _characters(table: bytes) -> dict[int, str]:
    """Return what a font says that its glyphs stand for."""
    return {
        int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be", "replace")
        for block in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL)
        for glyph, text in re.findall(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>", block)
    }


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
            rows = db.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in rows.description]
            for row in rows:
                form = dict(zip(names, row, strict=True)).get("form") if table.startswith("journal_packed_") else None
                for name, cell in zip(names, row, strict=True):
                    if form is not None and name in {"header", "body"} and cell is not None:
                        cells += unpacked(unpack(form, cell))
                    else:
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
    yield zipped(said)
    yield gzip.compress(zipped(gzip.compress(said)))


def zipped(said: bytes) -> bytes:
    """Return an archive with a member, deflated."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", said)
    return made.getvalue()
