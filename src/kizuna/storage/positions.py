"""The archive of positions: Parquet part files in one folder for each UTC day.

Twelve bytes a position: zstd, delta encoding, whole numbers, rows sorted by vessel and time. A part file is
written
beside, made durable and renamed, so that a reader sees all of it or nothing. Parts are only added; `compact`
joins
those of a day. Duplicates stay until then: the journal, not the archive, says what was received.

One process writes; any number may read. Which rows may be released is decided elsewhere.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import SCHEMA, check, empty

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

DAY_MS = 86_400_000

_PART = "part-{:08d}.parquet"
_TEMPORARY = ".tmp"
_EPOCH = dt.date(1970, 1, 1)
_ROW_GROUP = 1 << 16
_DELTA = "DELTA_BINARY_PACKED"
_ENCODINGS = {name: _DELTA for name in SCHEMA.names if pa.types.is_int32(SCHEMA.field(name).type)}


class Box(NamedTuple):
    """Edges in 1/600000 degree, included; west greater than east crosses 180 degrees."""

    south: int
    west: int
    north: int
    east: int


class PositionArchive:
    """Positions by UTC day under one folder, which is made when first written to.

    Args:
        root: the folder; day folders are `YYYY-MM-DD`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def append(self, table: pa.Table) -> None:
        """Add the rows, a new part file for each day in them; durable on return.

        Raises:
            RecordError: another schema, or a value out of range.
        """
        check(table)
        if not table.num_rows:
            return
        days = np.asarray(table["time_ms"].combine_chunks()) // DAY_MS
        for day in np.unique(days).tolist():
            self._write(self._folder(day), table.filter(pa.array(days == day)))

    def read(
        self,
        from_ms: int,
        to_ms: int,
        *,
        box: Box | None = None,
        mmsi: Collection[int] | None = None,
    ) -> pa.Table:
        """Return the rows of a half-open interval, sorted by vessel and time.

        See `read_parts` for the arguments.
        """
        parts = list(self.read_parts(from_ms, to_ms, box=box, mmsi=mmsi))
        return _sorted(pa.concat_tables(parts)) if parts else empty()

    def read_parts(
        self,
        from_ms: int,
        to_ms: int,
        *,
        box: Box | None = None,
        mmsi: Collection[int] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield the rows of each part file that lie in a half-open interval, days in order, a part at a time.

        Args:
            from_ms: start, milliseconds UTC.
            to_ms: end, not included.
            box: only places inside; None for all.
            mmsi: only these vessels; None for all, an empty collection for none.
        """
        wanted = (pc.field("time_ms") >= from_ms) & (pc.field("time_ms") < to_ms)
        if box is not None:
            wanted &= _inside(box)
        if mmsi is not None:
            wanted &= pc.field("mmsi").isin(pa.array(sorted(mmsi), type=pa.int32()))
        for day in self.days():
            start_ms = (day - _EPOCH).days * DAY_MS
            if start_ms < to_ms and start_ms + DAY_MS > from_ms:
                for part in self._parts(self.root / day.isoformat()):
                    table = _load(part, wanted)
                    if table.num_rows:
                        yield table

    def days(self) -> list[dt.date]:
        """Return the days that have rows, in order."""
        if not self.root.is_dir():
            return []
        names = [folder.name for folder in self.root.iterdir() if folder.is_dir() and self._parts(folder)]
        return sorted(day for name in names if (day := _as_day(name)) is not None)

    def compact(self, day: dt.date) -> int:
        """Join the part files of a day into one, each different row once; return how many rows it has.

        The joined part takes the number of the last one and replaces it; should the machine stop before the
        others
        are removed, their rows are there twice until the next time, never missing.
        """
        folder = self.root / day.isoformat()
        parts = self._parts(folder)
        if not parts:
            return 0
        rows = pa.concat_tables([_load(part, None) for part in parts])
        distinct = rows.group_by(SCHEMA.names).aggregate([]).select(SCHEMA.names).cast(SCHEMA)
        _replace(parts[-1], _sorted(distinct))
        for part in parts[:-1]:
            part.unlink()
        _sync(folder)
        return distinct.num_rows

    def _folder(self, day: int) -> Path:
        folder = self.root / (_EPOCH + dt.timedelta(days=day)).isoformat()
        if not folder.is_dir():
            folder.mkdir(parents=True)
            _sync(self.root)
        return folder

    def _write(self, folder: Path, rows: pa.Table) -> None:
        parts = self._parts(folder)
        number = int(parts[-1].stem.removeprefix("part-")) + 1 if parts else 0
        _replace(folder / _PART.format(number), _sorted(rows))

    def _parts(self, folder: Path) -> list[Path]:
        return sorted(folder.glob("part-*.parquet"))


def _as_day(name: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(name)
    except ValueError:
        return None


def _inside(box: Box) -> pc.Expression:
    lat, lon = pc.field("lat_600000"), pc.field("lon_600000")
    high = (lat >= box.south) & (lat <= box.north)
    west, east = lon >= box.west, lon <= box.east
    return high & ((west & east) if box.west <= box.east else (west | east))


def _load(part: Path, wanted: pc.Expression | None) -> pa.Table:
    try:
        return pq.read_table(part, schema=SCHEMA, filters=wanted, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise RecordError(
            f"archive file `{part.parent.name}/{part.name}` cannot be read: restore it or remove it ({error})"
        ) from None


def _sorted(rows: pa.Table) -> pa.Table:
    return rows.sort_by([("mmsi", "ascending"), ("time_ms", "ascending")])


def _replace(path: Path, rows: pa.Table) -> None:
    """Write `rows` beside `path`, make them durable, and only then give them its name."""
    temporary = path.with_suffix(_TEMPORARY)
    with temporary.open("wb") as file:
        pq.write_table(
            rows,
            file,
            compression="zstd",
            use_dictionary=False,
            column_encoding={**_ENCODINGS, "time_ms": _DELTA},
            row_group_size=_ROW_GROUP,
        )
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make a folder's names durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
