"""The archives of positions, one for each party, kind and source: what a party told never stands among what another did.

Rows gather in memory and are written every so often; how far the journal stands in the files is written after them. What was lost with the
memory comes again from the journal, so a row may stand twice until its day is compacted, and none is missing. Each file says from which entries of
the journal its rows are; up to which entry what was withdrawn or ended is out of the files is written beside them, and how it comes out of them is
`kizuna.node.maritime.clearing`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
import tempfile
import threading
import weakref
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kizuna.domains.maritime.records import SIMULATED
from kizuna.errors import ConfigError, RecordError
from kizuna.formats.positions_arrow import SCHEMA, empty, values_of
from kizuna.kernel.intervals import DAY_MS
from kizuna.storage.positions import ALL_VESSELS, Box, PositionArchive, Vessels, rows_by_vessel

PARTS_BEFORE_JOINING = 60
APART = "extract-"
"""How folders of rows for some readers begin, beside the archives that all is in."""
_PROGRESS = "journalled.json"
_MAX_NAME = 120
_EPOCH = dt.date(1970, 1, 1)
NEVER = -1
"""Up to which entry an archive is cleared of which that is not known."""


class ArchiveKey(NamedTuple):
    """Whose positions an archive holds: the party that told them, and of what kind and name their source is."""

    party: str
    source_kind: str
    source: str


class Files(NamedTuple):
    """The files of one day (since 1970) of a source, and from which entries of the journal the rows of each are; None where a file does not say."""

    key: ArchiveKey
    day: int
    entries: dict[Path, NDArray[np.int64] | None]


class _Rows(NamedTuple):
    """Rows of one entry of the journal."""

    entry: int
    table: pa.Table


class Archives:
    """All archives under one folder; every method may be called from any thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.RLock()
        self._fresh: dict[ArchiveKey, list[_Rows]] = {}
        self._struck: dict[ArchiveKey, list[_Rows]] = {}
        self._gone: set[int] = set()
        self._changes: Counter[ArchiveKey] = Counter()
        self.fresh_rows = 0
        """Rows that are not in the files yet."""
        self.seq, self.cleared = _read_progress(root / _PROGRESS)
        """The journal entries up to which everything is held here, and up to which nothing is that was withdrawn or ended."""
        self._written = self.seq

    def sweep(self) -> None:
        """Remove what a process that was ended left of archives apart and of files; for the one that runs the node, when it begins."""
        for left in self._root.parent.glob(f"{APART}*"):
            shutil.rmtree(left, ignore_errors=True)
        with self._lock, self._writing():
            for key in self.keys():
                PositionArchive(self._folder(key)).sweep()

    def apart(self) -> Archives:
        """Return empty archives beside these, of which nothing is left once nobody holds them: an extract of what is held here lies there."""
        self._root.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=APART, dir=self._root.parent)
        made = Archives(Path(folder.name))
        weakref.finalize(made, folder.cleanup)
        return made

    def add(self, key: ArchiveKey, table: pa.Table, entry: int) -> None:
        """Hold rows of a source that an entry of the journal brought; `flush` makes them durable.

        Raises:
            RecordError: the source's name is too long for a folder.
        """
        self._folder(key)
        with self._lock:
            self._fresh.setdefault(key, []).append(_Rows(entry, table))
            self.fresh_rows += table.num_rows
            self._changes[key] += 1

    def strike(self, key: ArchiveKey, table: pa.Table, entry: int) -> None:
        """Leave these rows of an entry out of everything that is read, until the entry is cleared: its record was withdrawn."""
        with self._lock:
            self._struck.setdefault(key, []).append(_Rows(entry, table))
            self._changes[key] += 1

    def withdraw(self, entries: Iterable[int]) -> None:
        """Learn that what these entries brought stands no longer: what is not in the files yet goes, what is waits to be cleared."""
        with self._lock:
            fresh = set(entries) - self._gone
            self._gone |= fresh
            for key, held in self._fresh.items() if fresh else ():
                kept = [rows for rows in held if rows.entry not in fresh]
                self._changes[key] += len(kept) < len(held)
                self.fresh_rows -= sum(rows.table.num_rows for rows in held) - sum(rows.table.num_rows for rows in kept)
                self._fresh[key] = kept

    def waiting(self) -> frozenset[int]:
        """Return the entries that wait to be cleared."""
        with self._lock:
            return frozenset(self._gone)

    def changes(self, key: ArchiveKey) -> int:
        """Return how often the rows of a source have changed since this was opened."""
        with self._lock:
            return self._changes[key]

    def flush(self) -> None:
        """Write what is held, then how far the journal stands in it.

        Raises:
            ConfigError: the disk is full, read-only or failing.
        """
        with self._lock, self._writing():
            for key, rows in self._fresh.items():
                if rows:
                    self._write(key, rows)
            self._fresh.clear()
            self.fresh_rows = 0
            if self.seq != self._written:
                _write_progress(self._root, self.seq, self.cleared)
                self._written = self.seq

    def contents(self) -> Iterator[Files]:
        """Yield what the files of each day of each source say of themselves; `flush` first.

        Raises:
            RecordError: a file cannot be read.
        """
        for key in self.keys():
            archive = PositionArchive(self._folder(key))
            for day in archive.days():
                with self._lock:
                    entries = archive.entries(day)
                yield Files(key, (day - _EPOCH).days, entries)

    def replace(self, files: Files, rows: pa.Table, of: NDArray[np.int64]) -> bool:
        """Put rows in the place of some of a day's files, of whatever day they are; return whether it was done: not where they were joined meanwhile.

        Args:
            files: what is replaced.
            rows: the rows, of which those of the day are taken.
            of: from which entry each row is.

        Raises:
            ConfigError: the disk is full, read-only or failing.
        """
        wanted = values_of(rows, "time_ms")[0] // DAY_MS == files.day
        with self._lock, self._writing():
            archive = PositionArchive(self._folder(files.key))
            self._changes[files.key] += 1
            return archive.replace(tuple(files.entries), rows.filter(pa.array(wanted)), np.unique(of[wanted]))

    def note_cleared(self, seq: int, entries: Collection[int]) -> None:
        """Keep that these entries, and whatever was withdrawn or ended up to a journal entry, are out of the files.

        Raises:
            ConfigError: the disk is full, read-only or failing.
        """
        with self._lock, self._writing():
            if entries or self.cleared == NEVER:
                _write_progress(self._root, self._written, seq)
            self.cleared = seq
            self._gone -= set(entries)
            for key, struck in self._struck.items():
                self._struck[key] = [rows for rows in struck if rows.entry not in entries]

    def digest(self, key: ArchiveKey, days: Iterable[int]) -> tuple[int, str]:
        """Return how many files a source's days have, and the SHA-256 (hex) over a line for each: its digest and name, as `sha256sum` writes them.

        Raises:
            RecordError: a file cannot be read.
        """
        archive = PositionArchive(self._folder(key))
        with self._lock:
            found = {
                name: sha256
                for day in days
                for name, sha256 in archive.digests(_EPOCH + dt.timedelta(days=day)).items()
            }
        lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(found.items()))
        return len(found), hashlib.sha256(lines.encode()).hexdigest()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"cannot write the archive ({error.strerror}): check space and permissions", where=str(self._root)
            ) from error

    def _write(self, key: ArchiveKey, held: list[_Rows]) -> None:
        archive = PositionArchive(self._folder(key))
        days = archive.days()
        rows = pa.concat_tables([each.table for each in held])
        archive.append(rows, np.repeat([each.entry for each in held], [each.table.num_rows for each in held]))
        for number in np.unique(values_of(rows, "time_ms")[0] // DAY_MS).tolist():
            day = _EPOCH + dt.timedelta(days=number)
            if archive.parts(day) >= PARTS_BEFORE_JOINING:
                archive.join(day, least=PARTS_BEFORE_JOINING)
        for day in days[-2:-1] if archive.days()[-1:] > days[-1:] else ():
            archive.compact(day)  # the day before the one that has just ended: little comes for it any more

    def read(
        self, key: ArchiveKey, from_ms: int, to_ms: int, *, mmsi: int | None = None, vessels: Vessels | None = None
    ) -> pa.Table:
        """Return the rows of a source in a half-open interval, of one vessel, a stretch of MMSI or all, in no order, without those that were struck.

        Raises:
            RecordError: a file of the archive is damaged.
        """
        with self._lock:
            only = None if mmsi is None else (mmsi,)
            tables = [
                empty(),
                *PositionArchive(self._folder(key)).read_parts(from_ms, to_ms, mmsi=only, vessels=vessels),
            ]
            for _, table in self._fresh.get(key, []):
                times = values_of(table, "time_ms")[0]
                wanted = (times >= from_ms) & (times < to_ms)
                told_of = values_of(table, "mmsi")[0]
                if mmsi is not None:
                    wanted &= told_of == mmsi
                if vessels is not None:
                    wanted &= (told_of >= vessels.first) & (told_of <= vessels.last)
                tables.append(table.filter(pa.array(wanted)))
            struck = [table for _, table in self._struck.get(key, [])]
        rows = pa.concat_tables(tables)
        return _without(rows, pa.concat_tables(struck)) if struck and rows.num_rows else rows

    def counts(self, key: ArchiveKey, from_ms: int, to_ms: int) -> dict[int, int]:
        """Return how many rows of a source each vessel has in a half-open interval; those that were struck are counted too.

        Raises:
            RecordError: a file of the archive is damaged.
        """
        with self._lock:
            found = Counter(PositionArchive(self._folder(key)).counts(from_ms, to_ms))
            fresh = list(self._fresh.get(key, []))
        found.update(rows_by_vessel(_vessels_of(table, from_ms, to_ms) for _, table in fresh))
        return found

    @contextmanager
    def still(self, keys: Iterable[ArchiveKey], from_ms: int, to_ms: int) -> Iterator[Archives]:
        """Give archives that hold what some sources have of an interval's days now, and go on to: their files are linked, not copied.

        Whoever reads several times reads the same, and keeps nobody from adding rows meanwhile.

        Raises:
            ConfigError: the disk is full, read-only or failing.
        """
        with ExitStack() as stack:
            with self._lock, self._writing():
                self._root.parent.mkdir(parents=True, exist_ok=True)
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=APART, dir=self._root.parent))
                made = Archives(Path(folder))
                for key in keys:
                    made._fresh[key], made._struck[key] = (
                        list(held.get(key, [])) for held in (self._fresh, self._struck)
                    )
                    for part in PositionArchive(self._folder(key)).files(from_ms, to_ms):
                        link = made._folder(key) / part.parent.name / part.name
                        link.parent.mkdir(parents=True, exist_ok=True)
                        link.hardlink_to(part)
            yield made

    def files(self, key: ArchiveKey, from_ms: int, to_ms: int) -> tuple[list[Path], pa.Table]:
        """Return a source's files of the days that an interval touches, and those of their rows that were struck; `flush` first."""
        with self._lock:
            struck = [table for _, table in self._struck.get(key, [])]
            held = pa.concat_tables([empty(), *struck]).select(KEY)
            return PositionArchive(self._folder(key)).files(from_ms, to_ms), held

    def read_last(self, key: ArchiveKey, span_ms: int) -> pa.Table:
        """Return the rows of the last `span_ms` before the end of the newest day that the source told of; see `read`."""
        with self._lock:
            end_ms = (max(self.days(key), default=0) + 1) * DAY_MS
            return self.read(key, end_ms - span_ms, end_ms)

    def days(self, key: ArchiveKey) -> list[int]:
        """Return the days since 1970 that a source has rows of, in order."""
        with self._lock:
            days = {(day - _EPOCH).days for day in PositionArchive(self._folder(key)).days()}
            for _, table in self._fresh.get(key, []):
                days |= set(np.unique(values_of(table, "time_ms")[0] // DAY_MS).tolist())
        return sorted(days)

    def select(
        self, from_ms: int, to_ms: int, *, box: Box | None = None, mmsi: Collection[int] = (), simulated: bool = False
    ) -> Iterator[pa.Table]:
        """Yield the rows of all sources of one kind in a half-open interval, a source, a day and a stretch of vessels at a time; see `read`.

        Args:
            from_ms: start, milliseconds UTC.
            to_ms: end, not included.
            box: only places inside; None for all.
            mmsi: only these vessels; empty for all.
            simulated: made-up traffic instead of the real one.
        """
        for key in self.keys():
            if (key.source_kind == SIMULATED) is not simulated:
                continue
            for day in self.days(key):
                begin, end = max(from_ms, day * DAY_MS), min(to_ms, (day + 1) * DAY_MS)
                for vessels in self._stretches(key, day) if begin < end else ():
                    rows = _chosen(self.read(key, begin, end, vessels=vessels), box, mmsi)
                    if rows.num_rows:
                        yield rows.sort_by([("mmsi", "ascending"), ("time_ms", "ascending")])

    def _stretches(self, key: ArchiveKey, day: int) -> list[Vessels]:
        found = PositionArchive(self._folder(key)).stretches(_EPOCH + dt.timedelta(days=day))
        return found or [ALL_VESSELS]

    def keys(self) -> list[ArchiveKey]:
        """Return the archives that there are, sorted."""
        with self._lock:
            found = set(self._fresh)
            for folder in self._root.glob("*/*/*"):
                if folder.is_dir():
                    party, source_kind = (unquote(part) for part in folder.parts[-3:-1])
                    found.add(ArchiveKey(party, source_kind, unquote(folder.name[2:])))
        return sorted(found)

    def _folder(self, key: ArchiveKey) -> Path:
        # a partner names its sources: the name must not lead out of the folder, nor be too long for one
        name = "s-" + quote(key.source, safe="")
        if len(name) > _MAX_NAME:
            raise RecordError(f"source `{key.source[:40]}` has too long a name for an archive")
        return self._root / quote(key.party, safe="") / quote(key.source_kind, safe="") / name


def _vessels_of(table: pa.Table, from_ms: int, to_ms: int) -> NDArray[np.int64]:
    times, mmsi = (values_of(table, name)[0] for name in ("time_ms", "mmsi"))
    return mmsi[(times >= from_ms) & (times < to_ms)]


def _chosen(rows: pa.Table, box: Box | None, mmsi: Collection[int]) -> pa.Table:
    wanted = np.ones(rows.num_rows, np.bool_)
    if box is not None:
        lat, lon = (values_of(rows, name)[0] for name in ("lat_600000", "lon_600000"))
        west, east = lon >= box.west, lon <= box.east
        wanted &= (lat >= box.south) & (lat <= box.north) & ((west & east) if box.west <= box.east else (west | east))
    if mmsi:
        wanted &= np.isin(values_of(rows, "mmsi")[0], np.fromiter(mmsi, np.int64))
    return rows if wanted.all() else rows.filter(pa.array(wanted))


def newest_rows(table: pa.Table) -> pa.Table:
    """Return each vessel's rows at its newest time: usually one, several where they were told for the same instant."""
    if not table.num_rows:
        return empty()
    mmsi, time_ms = (values_of(table, name)[0] for name in ("mmsi", "time_ms"))
    vessels, place = np.unique(mmsi, return_inverse=True)
    newest = np.full(len(vessels), -1, dtype=np.int64)
    np.maximum.at(newest, place, time_ms)
    return table.filter(pa.array(time_ms == newest[place]))


def _without(rows: pa.Table, struck: pa.Table) -> pa.Table:
    kept = rows.join(struck.select(KEY).group_by(KEY).aggregate([]), keys=KEY, join_type="left anti")
    return kept.select(SCHEMA.names).cast(SCHEMA)


KEY = ["time_ms", "mmsi", "lat_600000", "lon_600000"]
"""What of a row tells whether it was struck."""


def _read_progress(path: Path) -> tuple[int, int]:
    """Return the entries up to which the files hold everything, and hold nothing that was withdrawn.

    Where that cannot be told it is 0, which reads again, and `NEVER`, which looks at everything.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, int])
        return found["seq"], found.get("cleared", NEVER)
    except (OSError, msgspec.MsgspecError, KeyError):
        return 0, NEVER


def _write_progress(root: Path, seq: int, cleared: int) -> None:
    root.mkdir(parents=True, exist_ok=True)
    temporary = root / f"{_PROGRESS}.tmp"
    with temporary.open("wb") as file:
        file.write(msgspec.json.encode({"cleared": cleared, "seq": seq}))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(root / _PROGRESS)
