"""The search for events on PySpark: one machine's cores or a cluster run the very steps that one process runs. Needs the extra `kizuna[spark]`.

Spark reads the archive's files, brings all rows of a share of vessels into one partition, sorted, and hands it to a step as Arrow batches
(`mapInArrow`, once for a partition and never once for a vessel: that takes several times as long). It shuffles, spills and tries again; what is
found is the steps' own. Workers start the Python that runs here, so Kizuna must be installed at the same place on every machine, and the data
folder be reachable under the same path.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from kizuna.domains.maritime.events.shares import HOME, Kind, Parcel
from kizuna.errors import ConfigError
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.node.maritime.archives import KEY, ArchiveKey, Archives
from kizuna.node.maritime.event_search import ParcelStep, Period, RowStep
from kizuna.storage.positions import stretches_of

SHARE_ROWS = 1 << 20
"""Rows of a share: some tens of megabytes for a worker."""
_SAID = "share int, kind string, data binary"
_FIELDS: list[pa.Field[Any]] = [
    pa.field("share", pa.int32()),
    pa.field("kind", pa.string()),
    pa.field("data", pa.binary()),
]
_SAID_ARROW = pa.schema(_FIELDS)
_LOCAL = "local"
_TASKS_A_CORE = 2
"""Where Spark would cut a shuffle into two hundred, whatever it has to shuffle and to do it with."""


class Spark:
    """The engine of a Spark session; open it with `spark`.

    Args:
        session: the session.
        archives: where the rows are; everything is in its files.
        keys: the sources.
        period: of which interval.
        share_rows: how many rows a share holds, if no vessel has more.
    """

    def __init__(
        self, session: Any, archives: Archives, keys: Sequence[ArchiveKey], period: Period, *, share_rows: int
    ) -> None:
        self._session = session
        self._tasks = max(2, _TASKS_A_CORE * session.sparkContext.defaultParallelism)
        session.conf.set("spark.sql.shuffle.partitions", self._tasks)
        self._names = [key.source for key in keys]
        rows = self._rows(archives, keys, period)
        self._sorted = None if rows is None else self._in_shares(rows, share_rows)

    def _rows(self, archives: Archives, keys: Sequence[ArchiveKey], period: Period) -> Any:
        """Return the rows of the period without those that were struck, each with its source's number; None of no file."""
        from pyspark.sql import functions as sql  # noqa: PLC0415 # an extra

        found = None
        for number, key in enumerate(keys):
            files, struck = archives.files(key, period.from_ms, period.to_ms)
            if not files:
                continue
            rows = self._session.read.parquet(*(path.as_uri() for path in files))
            rows = rows.where((sql.col("time_ms") >= period.from_ms) & (sql.col("time_ms") < period.to_ms))
            if struck.num_rows:
                rows = rows.join(self._session.createDataFrame(struck), on=KEY, how="left_anti")
            rows = rows.select(*SCHEMA.names, sql.lit(number).alias("source"))
            found = rows if found is None else found.unionByName(rows)
        return found

    def _in_shares(self, rows: Any, share_rows: int) -> Any:
        """Return the rows in partitions of whole shares, sorted; they are read twice, so they are kept."""
        counts = rows.groupBy("mmsi").count().toArrow()
        mmsi = np.asarray(counts["mmsi"].combine_chunks())
        shares = stretches_of(dict(zip(mmsi.tolist(), counts["count"].to_pylist(), strict=True)), share_rows)
        of_each = np.searchsorted([each.first for each in shares], mmsi, side="right").astype(np.int32) - 1
        numbers = self._session.createDataFrame(pa.table({"mmsi": mmsi, "share": of_each}))
        from pyspark.sql.functions import broadcast  # noqa: PLC0415 # an extra

        placed = rows.join(broadcast(numbers), on="mmsi")
        return placed.repartition(len(shares), "share").sortWithinPartitions("share", "mmsi", "time_ms").persist()

    def of_rows(self, step: RowStep) -> Any:
        """See `event_search.Engine`."""
        if self._sorted is None:
            return self._session.createDataFrame(_SAID_ARROW.empty_table())
        return self._sorted.mapInArrow(Each(OfRows(step, tuple(self._names))), _SAID).persist()

    def of_parcels(self, said: Any, kind: Kind, step: ParcelStep) -> Any:
        """See `event_search.Engine`."""
        parcels = said.where(said.kind == kind).repartition(self._tasks, "share").sortWithinPartitions("share")
        return parcels.mapInArrow(Each(OfParcels(step)), _SAID).persist()

    def home(self, said: Any, kind: Kind) -> list[bytes]:
        """See `event_search.Engine`."""
        found: list[bytes] = said.where(said.kind == kind).select("data").toArrow()["data"].to_pylist()
        return found


@contextmanager
def spark(
    master: str, archives: Archives, keys: Sequence[ArchiveKey], period: Period, *, share_rows: int = SHARE_ROWS
) -> Iterator[Spark]:
    """Give the engine of a session that ends afterwards.

    Args:
        master: where Spark runs, as Spark writes it: `local[*]`, `local-cluster[2,1,1024]`, `spark://host:7077`, `yarn`.
        archives: where the rows are; what they hold is written to files first.
        keys: the sources.
        period: of which interval.
        share_rows: how many rows a share holds, if no vessel has more.

    Raises:
        ConfigError: the extra is not installed, no session starts, for want of Java or of a cluster, or a task failed.
    """
    archives.flush()
    session = _session(master)
    from py4j.protocol import Py4JError  # noqa: PLC0415 # comes with the extra
    from pyspark.errors import PySparkException  # noqa: PLC0415 # the same

    try:
        yield Spark(session, archives, keys, period, share_rows=share_rows)
    except (PySparkException, Py4JError) as error:
        raise ConfigError(
            f"Spark did not finish at `{master}` ({type(error).__name__}): what it printed above says which task failed"
        ) from error
    finally:
        session.stop()


def _session(master: str) -> Any:
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 # an extra: whoever searches here needs it not
        from pyspark.sql import SparkSession  # noqa: PLC0415 # the same
    except ImportError as error:
        raise ConfigError("a search on Spark needs the extra `kizuna[spark]`: install it") from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the workers' Python is told by the environment alone
    made = SparkSession.builder.master(master).appName("kizuna")
    settings = {"spark.ui.enabled": "false", "spark.log.level": "ERROR", "spark.sql.session.timeZone": "UTC"}
    if master.startswith(_LOCAL):
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    for name, value in settings.items():
        made = made.config(name, value)
    try:
        return made.getOrCreate()
    except (PySparkException, OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"Spark does not start at `{master}` ({type(error).__name__}): it needs Java 17 or newer, and a master that answers"
        ) from error


class OfRows:
    """A step over rows, from the one table of a share that Spark brings; `names` are those of the sources, by their number in it."""

    def __init__(self, step: RowStep, names: tuple[str, ...]) -> None:
        self._step, self._names = step, names

    def __call__(self, share: pa.Table) -> Iterator[Parcel]:
        """Return what the step says of a share."""
        source = np.asarray(share["source"].combine_chunks())
        rows = share.select(SCHEMA.names).cast(SCHEMA)
        return self._step({name: rows.filter(pa.array(source == number)) for number, name in enumerate(self._names)})


class OfParcels:
    """A step over parcels, from the one table of those of an address."""

    def __init__(self, step: ParcelStep) -> None:
        self._step = step

    def __call__(self, share: pa.Table) -> Iterator[Parcel]:
        """Return what the step says of what an address was sent."""
        return self._step([data for data in share["data"].to_pylist() if data is not None])


class Each:
    """What Spark calls with the batches of a partition, sorted by share: the step, once a share."""

    def __init__(self, work: Callable[[pa.Table], Iterator[Parcel]]) -> None:
        self._work = work

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield a row for each parcel, a batch of its own: some are large."""
        for share in _shares(batches):
            for parcel in self._work(share):
                said = dict(zip(_SAID_ARROW.names, parcel, strict=True))
                yield pa.RecordBatch.from_pylist([said], schema=_SAID_ARROW)


def _shares(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the rows of each share as one table; only one is held."""
    held: list[pa.RecordBatch] = []
    now = HOME
    for batch in batches:
        share = np.asarray(batch.column("share"))
        edges = [0, *(np.flatnonzero(share[1:] != share[:-1]) + 1).tolist(), len(share)]
        for begin, end in pairwise(edges):
            if begin == end:
                continue
            if held and int(share[begin]) != now:
                yield pa.Table.from_batches(held)
                held = []
            now = int(share[begin])
            held.append(batch.slice(begin, end - begin))
    if held:
        yield pa.Table.from_batches(held)
