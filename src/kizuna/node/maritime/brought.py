"""What an entry of the journal brought for the picture: its maritime record, and what a batch of positions says of itself."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from kizuna.domains.maritime.records import RECORDS, SIMULATED, Chunk, PositionBatch
from kizuna.domains.maritime.rules import check_chunks
from kizuna.errors import KizunaError, RecordError
from kizuna.formats.positions_arrow import SCHEMA, check, empty
from kizuna.kernel import record
from kizuna.kernel.journal import Entry
from kizuna.kernel.record import Record
from kizuna.node.held.facts import BlobReader
from kizuna.node.held.parsed import parse


def brought(entry: Entry) -> Record | None:
    """Return the maritime record that an entry brought; None where it brought none, or one that was refused or erased."""
    if entry.body is None or entry.kind not in {"record", "received"}:
        return None
    if entry.kind == "record":
        return parse(entry.body) if entry.meta["clear"][0] in RECORDS else None
    if entry.meta.get("code") or entry.meta["kind"] != "record":
        return None
    held = parse(entry.body)
    return held if held.clear.type in RECORDS else None


def batch_of(held: Record) -> PositionBatch:
    """Return what a batch says.

    Raises:
        RecordError: the record is no batch, or its payload does not fit its class.
    """
    body = record.body_of(held, RECORDS[held.clear.type])
    if not isinstance(body, PositionBatch):
        raise RecordError(f"`{held.clear.type}` is no position batch")
    return body


def kind_of(body: PositionBatch) -> str:
    """Return the kind of a batch's source; what is not disclosed cannot pass for real."""
    return body.source_kind if isinstance(body.source_kind, str) else SIMULATED


def window_of(body: PositionBatch) -> tuple[int, int]:
    """Return within which milliseconds UTC a batch's positions lie; where that is not disclosed, within all."""
    from_ms, to_ms = body.window_from_ms, body.window_to_ms
    return from_ms if isinstance(from_ms, int) else 0, to_ms if isinstance(to_ms, int) else 2**53


def rows_of(body: PositionBatch, blobs: BlobReader) -> tuple[pa.Table, int]:
    """Return the rows of a batch that are shown and that are what it says of them, and how many of its chunks are not."""
    found: list[tuple[Chunk, pa.Table]] = []
    shown = body.chunks if isinstance(body.chunks, tuple) else ()
    for chunk in shown:
        try:
            # in canonical form it is already: made here, or checked before it was journalled
            with pa.ipc.open_stream(pa.py_buffer(blobs.get(chunk.blob.sha256))) as reader:
                found.append((chunk, reader.read_all()))
        except (KizunaError, pa.ArrowException):
            continue
    if not _hold(found, window_of(body)):  # all are looked at together, and one by one where any is wrong
        found = [each for each in found if _hold([each], window_of(body))]
    tables = [table for _, table in found]
    return pa.concat_tables(tables) if tables else empty(), len(shown) - len(found)


def _hold(found: Sequence[tuple[Chunk, pa.Table]], window_ms: tuple[int, int]) -> bool:
    """Return whether chunks are what their record says of them."""
    tables = [table for _, table in found]
    if not tables:
        return True
    if not all(table.schema.equals(SCHEMA, check_metadata=True) for table in tables):
        return False
    try:
        check(pa.concat_tables(tables))
        check_chunks(tables, [(chunk.cell, chunk.rows) for chunk, _ in found], window_ms)
    except RecordError:
        return False
    return True
