"""What a feed or a job says: statements that the node signs, labels and journals.

Pure: tables and findings in, statements out. A statement that is `own_units` concerns the party's own ships and is released to nobody unless
an officer says otherwise.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from pyarrow import concat_tables

from kizuna.domains.maritime.records import (
    FEED_REPORTED,
    OWN_UNIT_BATCH,
    POSITION_BATCH,
    STATIC_FIELDS,
    STATIC_REPORTED,
    BlobRef,
    Chunk,
    FeedReported,
    OwnUnitBatch,
    PositionBatch,
    StaticReported,
)
from kizuna.domains.maritime.release_filter import Area, Transformation, apply_transformation
from kizuna.domains.maritime.rules import cell_name, cell_numbers
from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import Part, canonical_parts, parse_ipc, values_of
from kizuna.kernel.record import WITHHELD, Body

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import pyarrow as pa

    from kizuna.domains.maritime.picture import FeedHealth
    from kizuna.domains.maritime.records import SourceKind
    from kizuna.formats.ais import StaticReport
    from kizuna.kernel.instrument import Obligations

MAX_CHUNKS = 48
"""Chunks in one batch: the header of a channel's entry names the blob of each, and must stay within 8 KiB with labels and areas beside them."""
MAX_DERIVED_CHUNKS = 60
"""The same for a batch made coarser, whose places may have moved over a cell's edge; the room is then used up."""
LIVE_WINDOW_MS = 1_000
RECORDED_WINDOW_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing to be said: a record type with its body, the blobs that the body names, and what it is about."""

    type: str
    body: Body
    blobs: tuple[bytes, ...] = ()
    subject: str = ""
    own_units: bool = False
    after: tuple[str, ...] = ()


def vessel_subject(mmsi: int) -> str:
    """Return the subject under which records about one vessel stand together."""
    return f"vessel:mmsi:{mmsi}"


def cut_batches(
    table: pa.Table,
    *,
    source: str,
    source_kind: SourceKind,
    window_ms: int = LIVE_WINDOW_MS,
    own_units: Collection[int] = (),
    max_chunks: int = MAX_CHUNKS,
) -> list[Statement]:
    """Return the batches of a position table, cut by window, by own units or others, and by cell.

    Windows lie on the grid of `window_ms` and are then narrowed to the rows. Rows of `own_units` go into batches of their own type, so that no
    other batch can carry them. The result does not depend on the order of the rows.

    Raises:
        RecordError: the window is below a millisecond, or the table is not one of positions.
    """
    if window_ms < 1:
        raise RecordError(f"a window of `{window_ms}` ms holds no time: give at least 1")
    if not table.num_rows:
        return []
    times, mmsi, lat, lon = (values_of(table, name)[0] for name in ("time_ms", "mmsi", "lat_600000", "lon_600000"))
    own = np.isin(mmsi, np.fromiter(own_units, dtype=np.int64)).astype(np.int64)
    parts = canonical_parts(table, (times // window_ms, own, cell_numbers(lat, lon)))
    return [
        _batch(parts[first:last], source=source, source_kind=source_kind) for first, last in _spans(parts, max_chunks)
    ]


def _batch(parts: list[Part], *, source: str, source_kind: SourceKind) -> Statement:
    """Return parts of one window as a batch."""
    ours = bool(parts[0].key[1])
    body = (OwnUnitBatch if ours else PositionBatch)(
        window_from_ms=min(part.first_ms for part in parts),
        window_to_ms=max(part.last_ms for part in parts) + 1,
        source=source,
        source_kind=source_kind,
        row_count=sum(part.rows for part in parts),
        chunks=tuple(_chunk(part) for part in parts),
    )
    blobs = tuple(part.blob for part in parts)
    return Statement(OWN_UNIT_BATCH if ours else POSITION_BATCH, body, blobs, subject=f"feed:{source}", own_units=ours)


def derive_batch(
    body: Body, blob_of: Callable[[str], bytes], obligations: Obligations
) -> tuple[Body, tuple[bytes, ...]] | None:
    """Return a batch of coarser rows as the obligations ask, with its blobs, or None where nothing of it may go or nothing is asked.

    It is a new statement of the releaser's: rows outside the areas are gone before places snap, and equal rows stand once.

    Raises:
        RecordError: a chunk is not what the batch says.
    """
    if not isinstance(body, PositionBatch) or not isinstance(body.chunks, tuple) or isinstance(body, OwnUnitBatch):
        return None
    place_step, time_step = max(1, obligations.coarsen_600000), max(1, obligations.time_step_ms)
    if max(place_step, time_step) == 1 or not isinstance(body.source, str) or isinstance(body.place_step_600000, int):
        return None
    areas = tuple(
        Area(area.east_600000, area.north_600000, area.south_600000, area.west_600000) for area in obligations.areas
    )
    change = Transformation(areas=areas or None, coarsen_600000=place_step, time_step_ms=time_step)
    whole = concat_tables([parse_ipc(blob_of(chunk.blob.sha256)) for chunk in body.chunks])
    table = apply_transformation(whole, change)
    if not table.num_rows:
        return None
    span_ms = int(values_of(table, "time_ms")[0].max()) + 1
    cut = cut_batches(
        table, source=body.source, source_kind=_kind(body), window_ms=span_ms, max_chunks=MAX_DERIVED_CHUNKS
    )
    if len(cut) > 1:
        return None
    made = cut[0]
    steps = {"place_step_600000": obligations.coarsen_600000, "time_step_ms": obligations.time_step_ms}
    return msgspec.structs.replace(made.body, **{name: step for name, step in steps.items() if step > 1}), made.blobs


def _kind(body: PositionBatch) -> SourceKind:
    return body.source_kind if isinstance(body.source_kind, str) else "recorded"


def _chunk(part: Part) -> Chunk:
    blob = BlobRef(sha256=hashlib.sha256(part.blob).hexdigest(), size=len(part.blob))
    return Chunk(blob=blob, cell=cell_name(part.key[2]), rows=part.rows)


def _spans(parts: list[Part], most: int) -> Iterator[tuple[int, int]]:
    """Yield from where to where in the list of parts one batch goes."""
    first = 0
    for at in range(1, len(parts) + 1):
        full = at - first == most
        if at == len(parts) or full or parts[at].key[:2] != parts[first].key[:2]:
            yield first, at
            first = at


def state_static(
    mmsi: int,
    values: dict[str, object],
    *,
    reported_at_ms: int,
    source: str,
    source_kind: SourceKind,
    own_units: Collection[int] = (),
) -> Statement:
    """Return what a vessel says of itself; `values` holds the fields of `STATIC_FIELDS` that are known."""
    body = StaticReported(
        mmsi=mmsi,
        reported_at_ms=reported_at_ms,
        source=source,
        source_kind=source_kind,
        **{name: values.get(name, WITHHELD) for name in STATIC_FIELDS},  # type: ignore[arg-type] # fields of mixed types
    )
    return Statement(STATIC_REPORTED, body, subject=vessel_subject(mmsi), own_units=mmsi in own_units)


def known_fields(report: StaticReport) -> dict[str, object]:
    """Return the static fields that a report fills, as canonical JSON can say them."""
    values = {name: getattr(report, name) for name in STATIC_FIELDS}
    return {name: value for name, value in values.items() if value is not None}


def state_feed(health: FeedHealth, source: str, source_kind: SourceKind, now_ms: int) -> Statement:
    """Return the present state of a feed."""
    body = FeedReported(
        source=source,
        source_kind=source_kind,
        state=health.state(now_ms),
        from_ms=now_ms,
        rate_per_min=health.rate_per_min(now_ms, 60_000),
    )
    return Statement(FEED_REPORTED, body, subject=f"feed:{source}")
