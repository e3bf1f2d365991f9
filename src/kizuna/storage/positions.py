"""The archive of positions: Parquet part files in one folder for each UTC day.

Twelve bytes a position: zstd, delta encoding, whole numbers, rows sorted by vessel and time. A part file is written beside, made durable and
renamed, so that a reader sees all of it or nothing. Parts are only added; `join` makes one of those that are small, and `compact` puts a whole day in
order, vessel after vessel, each different row once. Both hold at most `most_rows` at a time, however large the day is. Duplicates stay until
then: the journal, not the archive, says what was received.

One process writes; any number may read. Which rows may be released is decided elsewhere.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import SCHEMA, check, empty
from kizuna.kernel.intervals import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray


_PART = "part-{:08d}.parquet"
_TEMPORARY = ".tmp"
_LAST_MMSI = 2**31 - 1
_EPOCH = dt.date(1970, 1, 1)
_ROW_GROUP = 1 << 16
MOST_ROWS = 1 << 22
"""Rows that are held at a time when parts are joined: about 130 MB, a few times as much while they are sorted."""
_DELTA = "DELTA_BINARY_PACKED"
_ENCODINGS = {name: _DELTA for name in SCHEMA.names if pa.types.is_int32(SCHEMA.field(name).type)}


class Box(NamedTuple):
    """Edges in 1/600000 degree, included; west greater than east crosses 180 degrees."""

    south: int
    west: int
    north: int
    east: int


class Vessels(NamedTuple):
    """A stretch of MMSI, both ends included."""

    first: int
    last: int


ALL_VESSELS = Vessels(0, _LAST_MMSI)


class PositionArchive:
    """Positions by UTC day under one folder, which is made when first written to.

    Args:
        root: the folder; day folders are `YYYY-MM-DD`.
        most_rows: how many rows may be held at a time when parts are joined; a single vessel's day is never cut.
    """

    def __init__(self, root: Path, *, most_rows: int = MOST_ROWS) -> None:
        self.root = root
        self._most_rows = most_rows

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
        vessels: Vessels | None = None,
    ) -> pa.Table:
        """Return the rows of a half-open interval, sorted by vessel and time.

        See `read_parts` for the arguments.
        """
        parts = list(self.read_parts(from_ms, to_ms, box=box, mmsi=mmsi, vessels=vessels))
        return _sorted(pa.concat_tables(parts)) if parts else empty()

    def read_parts(
        self,
        from_ms: int,
        to_ms: int,
        *,
        box: Box | None = None,
        mmsi: Collection[int] | None = None,
        vessels: Vessels | None = None,
    ) -> Iterator[pa.Table]:
        """Yield the rows of each part file that lie in a half-open interval, days in order, a part at a time.

        Args:
            from_ms: start, milliseconds UTC.
            to_ms: end, not included.
            box: only places inside; None for all.
            mmsi: only these vessels; None for all, an empty collection for none.
            vessels: only vessels of this stretch of MMSI.
        """
        wanted = (pc.field("time_ms") >= from_ms) & (pc.field("time_ms") < to_ms)
        if box is not None:
            wanted &= _inside(box)
        if mmsi is not None:
            wanted &= pc.field("mmsi").isin(pa.array(sorted(mmsi), type=pa.int32()))
        if vessels is not None:
            wanted &= _among(vessels)
        for part in self.files(from_ms, to_ms):
            table = _load(part, wanted)
            if table.num_rows:
                yield table

    def files(self, from_ms: int, to_ms: int) -> list[Path]:
        """Return the part files of the days that a half-open interval touches, days in order."""
        days = [day for day in self.days() if -DAY_MS < (day - _EPOCH).days * DAY_MS - from_ms < to_ms - from_ms]
        return [part for day in days for part in self._parts(self.root / day.isoformat())]

    def days(self) -> list[dt.date]:
        """Return the days that have rows, in order."""
        if not self.root.is_dir():
            return []
        names = [folder.name for folder in self.root.iterdir() if folder.is_dir() and self._parts(folder)]
        return sorted(day for name in names if (day := _as_day(name)) is not None)

    def parts(self, day: dt.date) -> int:
        """Return how many part files a day has."""
        return len(self._parts(self.root / day.isoformat()))

    def stretches(self, day: dt.date) -> list[Vessels]:
        """Return stretches of MMSI that hold at most `most_rows` of a day's rows each, in order; one alone where the day is small."""
        parts = self._parts(self.root / day.isoformat())
        if sum(map(_rows_in, parts)) <= self._most_rows:
            return [ALL_VESSELS] if parts else []
        found: dict[int, int] = {}
        for part in parts:
            for mmsi, rows in zip(*np.unique(_vessels_in(part), return_counts=True), strict=True):
                found[int(mmsi)] = found.get(int(mmsi), 0) + int(rows)
        return stretches_of(found, self._most_rows)

    def join(self, day: dt.date, *, least: int = 2) -> int:
        """Make one of a day's small part files, where there are `least`, each different row once; return how many there are then.

        A part of half of `most_rows` is not small: so no row is written again more than a few times, however large the day grows.
        """
        folder = self.root / day.isoformat()
        sizes = {part: rows for part in self._parts(folder) if (rows := _rows_in(part)) < self._most_rows // 2}
        chosen: list[Path] = []
        for part in () if len(sizes) < least else sorted(sizes, key=lambda part: (sizes[part], part)):
            if sum(map(sizes.__getitem__, chosen)) + sizes[part] <= self._most_rows:
                chosen.append(part)
        if len(chosen) > 1:
            self._write(folder, _distinct(pa.concat_tables([_load(part, None) for part in chosen])))
            _remove(folder, chosen)
        return self.parts(day)

    def compact(self, day: dt.date) -> int:
        """Put a day's rows in order, each different row once, a stretch of vessels to a part file; return how many rows it has.

        New part files stand before the old ones go: should the machine stop in between, rows are there twice until the next time, never missing.
        """
        folder = self.root / day.isoformat()
        before = self._parts(folder)
        total = 0
        for stretch in self.stretches(day):
            rows = _distinct(pa.concat_tables([_load(part, _among(stretch)) for part in before]))
            if rows.num_rows:
                self._write(folder, rows)
                total += rows.num_rows
        _remove(folder, before)
        return total

    def replace(self, day: dt.date, rows: pa.Table) -> None:
        """Put these rows, each different one once, in the place of a day's; none deletes it. Whoever calls says so in the journal first.

        The new part files stand before the old ones go: should the machine stop in between, call again.
        """
        folder = self.root / day.isoformat()
        before = self._parts(folder)
        if rows.num_rows:
            self._folder((day - _EPOCH).days)
            self._write(folder, _distinct(rows))
        _remove(folder, before)

    def digests(self, day: dt.date) -> dict[str, str]:
        """Return the SHA-256 (hex) of each of a day's part files by its name, `YYYY-MM-DD/part-...`.

        Raises:
            RecordError: one cannot be read.
        """
        found = {}
        for part in self._parts(self.root / day.isoformat()):
            with _naming(part), part.open("rb") as file:
                found[f"{day.isoformat()}/{part.name}"] = hashlib.file_digest(file, "sha256").hexdigest()
        return found

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


def stretches_of(rows: Mapping[int, int], most_rows: int) -> list[Vessels]:
    """Return stretches of MMSI of at most `most_rows` rows each, in order, by the number of each vessel's rows; a vessel is never cut."""
    firsts, held = [0], 0
    for mmsi in sorted(rows):
        if held and held + rows[mmsi] > most_rows:
            firsts.append(mmsi)
            held = 0
        held += rows[mmsi]
    return [Vessels(first, last - 1) for first, last in pairwise([*firsts, _LAST_MMSI + 1])]


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


def _among(vessels: Vessels) -> pc.Expression:
    return (pc.field("mmsi") >= vessels.first) & (pc.field("mmsi") <= vessels.last)


def _rows_in(part: Path) -> int:
    with _naming(part):
        return int(pq.read_metadata(part).num_rows)


def _vessels_in(part: Path) -> NDArray[np.int32]:
    with _naming(part):
        return np.asarray(pq.read_table(part, columns=["mmsi"], partitioning=None)["mmsi"].combine_chunks())


def _distinct(rows: pa.Table) -> pa.Table:
    return rows.group_by(SCHEMA.names).aggregate([]).select(SCHEMA.names).cast(SCHEMA)


def _remove(folder: Path, parts: Iterable[Path]) -> None:
    for part in parts:
        part.unlink()
    if folder.is_dir():
        _sync(folder)


def _load(part: Path, wanted: pc.Expression | None) -> pa.Table:
    with _naming(part):
        return pq.read_table(part, schema=SCHEMA, filters=wanted, partitioning=None)


@contextmanager
def _naming(part: Path) -> Iterator[None]:
    """Say which file it is that cannot be read."""
    try:
        yield
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
