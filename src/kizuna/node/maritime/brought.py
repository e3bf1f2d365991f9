"""What an entry of the journal brought for the picture: its maritime record, and what a batch of positions says of itself."""

from __future__ import annotations

from kizuna.domains.maritime.records import RECORDS, SIMULATED, PositionBatch
from kizuna.errors import RecordError
from kizuna.kernel import record
from kizuna.kernel.journal import Entry
from kizuna.kernel.record import Record
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
