"""The archive of positions: Parquet part files in one folder for each UTC day.

Twelve bytes a position: zstd, delta encoding, whole numbers, rows sorted by vessel and time. A part file is written beside, made durable and
renamed, so that a reader sees all of it or nothing. Parts are only added; `join` makes one of those that are small, and `compact` puts a whole day in
order, vessel after vessel, each different row once. Both hold at most `most_rows` at a time, however large the day is. Duplicates stay until
then: the journal, not the archive, says what was received.

A part file says in its footer from which entries its rows are, whatever numbers whoever writes gives them: so that the files of an entry that is to
go are found, and made anew from the others, without a list beside them that could say something else.

One process writes; any number may read. Which rows may be released is decided elsewhere.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
import zlib
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

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
_ENTRIES = "kizuna.entries.v1"
"""The footer's word for the entries: 64-bit little-endian steps from each to the next, by zlib, in base64."""
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

    def append(self, table: pa.Table, entries: NDArray[np.int64] | None = None) -> None:
        """Add the rows, a new part file for each day in them; durable on return.

        Args:
            table: the rows.
            entries: from which entry each row is; a file of rows of which that is not told says nothing of it.

        Raises:
            RecordError: another schema, or a value out of range.
        """
        check(table)
        if not table.num_rows:
            return
        days = np.asarray(table["time_ms"].combine_chunks()) // DAY_MS
        for day in np.unique(days).tolist():
            of = None if entries is None else np.unique(entries[days == day])
            self._write(self._folder(day), table.filter(pa.array(days == day)), of)

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

    def counts(self, from_ms: int, to_ms: int) -> dict[int, int]:
        """Return how many rows each vessel has in a half-open interval, whose part files are read one at a time, and two columns of them."""
        wanted = (pc.field("time_ms") >= from_ms) & (pc.field("time_ms") < to_ms)
        return rows_by_vessel(_vessels_in(part, wanted) for part in self.files(from_ms, to_ms))

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

    def entries(self, day: dt.date) -> dict[Path, NDArray[np.int64] | None]:
        """Return from which entries the rows of each of a day's part files are, ascending; None where the file does not say.

        Raises:
            RecordError: a file cannot be read.
        """
        return {part: _entries_of(part) for part in self._parts(self.root / day.isoformat())}

    def sweep(self) -> None:
        """Remove what a process that was ended in the middle of a part file left of it."""
        for left in self.root.glob(f"*/*{_TEMPORARY}"):
            left.unlink(missing_ok=True)

    def stretches(self, day: dt.date) -> list[Vessels]:
        """Return stretches of MMSI that hold at most `most_rows` of a day's rows each, in order; one alone where the day is small."""
        parts = self._parts(self.root / day.isoformat())
        if sum(map(_rows_in, parts)) <= self._most_rows:
            return [ALL_VESSELS] if parts else []
        return stretches_of(rows_by_vessel(map(_vessels_in, parts)), self._most_rows)

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
            joined = _distinct(pa.concat_tables([_load(part, None) for part in chosen]))
            self._write(folder, joined, _together(map(_entries_of, chosen)))
            _remove(folder, chosen)
        return self.parts(day)

    def compact(self, day: dt.date) -> int:
        """Put a day's rows in order, each different row once, a stretch of vessels to a part file; return how many rows it has.

        New part files stand before the old ones go: should the machine stop in between, rows are there twice until the next time, never missing.
        """
        folder = self.root / day.isoformat()
        before = self._parts(folder)
        entries = _together(map(_entries_of, before))
        total = 0
        for stretch in self.stretches(day):
            rows = _distinct(pa.concat_tables([_load(part, _among(stretch)) for part in before]))
            if rows.num_rows:
                self._write(folder, rows, entries)
                total += rows.num_rows
        _remove(folder, before)
        return total

    def replace(self, parts: Collection[Path], rows: pa.Table, entries: NDArray[np.int64]) -> bool:
        """Put these rows, each different one once, in the place of some of one day's part files; none deletes them.

        The new part file stands before the old ones go: should the machine stop in between, they are still there to be replaced. Who reads one of
        them goes on reading it.

        Args:
            parts: the files, of one day, at least one.
            rows: rows of that day.
            entries: from which entries the rows are.

        Returns:
            Whether it was done: not where one of the files is there no more, because it was joined with others.
        """
        if not all(part.exists() for part in parts):
            return False
        folder = next(iter(parts)).parent
        if rows.num_rows:
            self._write(folder, _distinct(rows), entries)
        _remove(folder, parts)
        return True

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

    def _write(self, folder: Path, rows: pa.Table, entries: NDArray[np.int64] | None) -> None:
        parts = self._parts(folder)
        number = int(parts[-1].stem.removeprefix("part-")) + 1 if parts else 0
        _replace(folder / _PART.format(number), _sorted(rows), entries)

    def _parts(self, folder: Path) -> list[Path]:
        return sorted(folder.glob("part-*.parquet"))


def rows_by_vessel(columns: Iterable[NDArray[np.integer[Any]]]) -> dict[int, int]:
    """Return how often each MMSI stands in some columns, of which one at a time is held."""
    counted = [np.unique(column, return_counts=True) for column in columns]
    if not counted:
        return {}
    vessels, place = np.unique(np.concatenate([each for each, _ in counted]), return_inverse=True)
    rows = np.bincount(place, weights=np.concatenate([each for _, each in counted])).astype(np.int64)
    return dict(zip(vessels.tolist(), rows.tolist(), strict=True))


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


def _vessels_in(part: Path, wanted: pc.Expression | None = None) -> NDArray[np.int32]:
    with _naming(part):
        table = pq.read_table(part, columns=["mmsi"], filters=wanted, partitioning=None)
        return np.asarray(table["mmsi"].combine_chunks())


def _entries_of(part: Path) -> NDArray[np.int64] | None:
    with _naming(part):
        said = (pq.read_metadata(part).metadata or {}).get(_ENTRIES.encode())
    if said is None:
        return None
    try:
        return np.cumsum(np.frombuffer(zlib.decompress(base64.b64decode(said)), "<i8"), dtype=np.int64)
    except (ValueError, zlib.error):
        return None  # what cannot be read says nothing


def _together(entries: Iterable[NDArray[np.int64] | None]) -> NDArray[np.int64] | None:
    """Return the entries of several files; None where one does not say."""
    found = list(entries)
    return np.unique(np.concatenate(found)) if found and all(each is not None for each in found) else None  # type: ignore[arg-type] # none is None


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


def _replace(path: Path, rows: pa.Table, entries: NDArray[np.int64] | None) -> None:
    """Write `rows` beside `path`, make them durable, and only then give them its name."""
    temporary = path.with_suffix(_TEMPORARY)
    with temporary.open("wb") as file:
        encodings = {**_ENCODINGS, "time_ms": _DELTA}
        with pq.ParquetWriter(
            file, rows.schema, compression="zstd", use_dictionary=False, column_encoding=encodings
        ) as to:
            to.write_table(rows, row_group_size=_ROW_GROUP)
            if entries is not None:
                steps = np.diff(entries, prepend=0).astype("<i8").tobytes()
                to.add_key_value_metadata({_ENTRIES: base64.b64encode(zlib.compress(steps)).decode()})
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
