"""Events of an archive are the same, whether one table is searched, shares of it, or shares on Spark."""

from __future__ import annotations

import importlib.util
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pytest

from kizuna.domains.maritime.events.area import box
from kizuna.domains.maritime.events.model import V2, Event
from kizuna.domains.maritime.events.shares import Parcel, survey, worded
from kizuna.domains.maritime.tracks.voyages import Port
from kizuna.errors import ConfigError, RecordError
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.event_search import Here, Period, search
from kizuna.node.maritime.landmask import land
from kizuna.node.maritime.searching import Rules, Seen, find, intervals, told_about
from kizuna.node.maritime.spark import Each, OfParcels, OfRows, spark
from tests.sim.test_watchlog import pair

if TYPE_CHECKING:
    from kizuna.kernel.journal import Store

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
DEGREE = 600_000
START = 20_000 * DAY + 18 * HOUR
MIDNIGHT = 20_001 * DAY
END = START + 36 * HOUR
KINDS = ("recorded", "live")
RULES = Rules(
    areas=(box("gate", south=8 * DEGREE + 150_000, west=80 * DEGREE, north=8 * DEGREE + 156_000, east=81 * DEGREE),),
    ports=(Port("HARBOUR", 13 * DEGREE, 80 * DEGREE),), land=land,
)  # fmt: skip
Row = tuple[int, int, int, int]  # MMSI, time, latitude and longitude in 1/600000 degree


def scene() -> Iterator[Row]:
    """Yield what ships do off a coast over a midnight: meet, fall silent, jump together, call at a port, drift, share a number."""
    rng = random.Random(11)
    for mmsi in (201_000_001, 577_000_002, 577_000_003):  # far apart in number, side by side from eight to four
        for at in range(START + 2 * HOUR, START + 10 * HOUR, 7 * MINUTE):
            yield mmsi, at, 5 * DEGREE + mmsi % 10 * 900 + rng.randrange(60), 85 * DEGREE + rng.randrange(60)
    for mmsi in range(301_000_000, 301_000_005):  # under way, and all thrown elsewhere at the same minutes
        for step, at in enumerate(range(START, END, 10 * MINUTE)):
            away = 3 * DEGREE if MIDNIGHT <= at < MIDNIGHT + 50 * MINUTE else 0
            yield mmsi, at + mmsi % 10 * 1000, 8 * DEGREE + step * 1500 + away, 80 * DEGREE + 30_000 + mmsi % 10 * 4000
    for mmsi in range(401_000_000, 401_000_004):  # into the harbour, with a stop, and out again; one falls silent after
        for step, at in enumerate(range(START, END - (14 * HOUR if mmsi % 10 == 3 else 0), 10 * MINUTE)):
            yield (
                mmsi,
                at,
                13 * DEGREE - max(0, 40 - step) * 3000 - max(0, step - 80) * 3000,
                80 * DEGREE + mmsi % 10 * 300,
            )
    for at in range(START, END, 12 * MINUTE):  # one that hardly moves, and two with one number
        yield 501_000_000, at, (9 if at == START + 12 * HOUR else 4) * DEGREE + rng.randrange(300), 86 * DEGREE
        yield 601_000_000, at, 2 * DEGREE + rng.randrange(300), 87 * DEGREE
        yield 601_000_000, at + 5 * MINUTE, -20 * DEGREE, 70 * DEGREE + rng.randrange(300)


def table(rows: list[Row]) -> pa.Table:
    names = ("mmsi", "time_ms", "lat_600000", "lon_600000")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=SCHEMA)


def filled(archives: Archives, source_kind: str) -> list[ArchiveKey]:
    """Put the scene into the archives of two receivers that share some of it, some rows of it retracted."""
    rng = random.Random(5)
    rows = list(scene())
    coast, hill = ArchiveKey("ind", source_kind, "coast"), ArchiveKey("ind", source_kind, "hill")
    beacon = [(701_000_000, at, 6 * DEGREE, 84 * DEGREE) for at in range(START, END, MINUTE)]  # by it both are heard
    false = [(201_000_001, START + 30 * HOUR, 0, 0), (999_000, START + HOUR, 0, 0)]
    rng.shuffle(rows)
    archives.add(coast, table(rows[: len(rows) // 2] + false + beacon), 1)
    archives.flush()
    archives.add(coast, table(rows[len(rows) // 2 :]), 2)
    archives.add(hill, table(rng.sample(rows, len(rows) // 3) + beacon), 3)
    archives.strike(coast, table(false), 1)
    archives.add(ArchiveKey("jpn", source_kind, "coast"), table([(1, START, 0, 0)]), 5)
    return [coast, hill]


def whole(store: Store, archives: Archives, keys: list[ArchiveKey], period: Period, now_ms: int) -> list[bytes]:
    """Return what one search over one table finds, in no order."""
    tables = {key.source: archives.read(key, period.from_ms, period.to_ms) for key in keys}
    if period.source_kind == "recorded":
        now_ms = max(max(each["time_ms"].to_pylist()) for each in tables.values())
    states, named = told_about(store, keys, period.from_ms)
    told = {source: intervals(found, now_ms) for source, found in states.items()}
    _, events = find(Seen(tables, told, named, now_ms, None), RULES)
    return said(tuple(events))


def said(events: tuple[Event, ...]) -> list[bytes]:
    return sorted(msgspec.json.encode(worded(event)) for event in events)


@pytest.mark.parametrize("source_kind", KINDS)
def test_shares_give_what_one_table_gives(tmp_path: Path, source_kind: str) -> None:
    _, india, _ = pair("shares")
    archives = Archives(tmp_path)
    keys = filled(archives, source_kind)
    period = Period("ind", source_kind, START, END)
    assert period.keys(archives) == keys
    wanted = whole(india.store, archives, keys, period, END)
    kinds = Counter(msgspec.json.decode(each)["kind"] for each in wanted)
    assert {
        "encounter", "gap", "identity-clash", "impossible-speed", "loitering", "port-visit", "simultaneous-jumps", "zone-entry",
    } <= kinds.keys()  # fmt: skip
    for most_rows in (1, 10**6):
        engine = Here(archives, keys, period, most_rows=most_rows)
        found = search(engine, india.store, keys, period, RULES, END)
        assert said(found) == wanted
        assert list(found) == sorted(found, key=lambda event: event.from_ms)
    nothing = Period("ind", source_kind, 0, HOUR)
    assert search(Here(archives, keys, nothing), india.store, keys, nothing, RULES, END) == ()
    assert search(Here(archives, [], period), india.store, [], period, RULES, END) == ()


def test_what_spark_calls_gives_the_same_wherever_it_cuts_its_batches(tmp_path: Path) -> None:
    archives = Archives(tmp_path)
    keys = filled(archives, "live")
    period = Period("ind", "live", START, END)
    step = partial(survey, thresholds=V2)
    here = Here(archives, keys, period, most_rows=2000)
    wanted = sorted(here.of_rows(step))
    parts = []
    for share, vessels in enumerate(here.shares):
        for source, key in enumerate(keys):
            rows = archives.read(key, START, END, vessels=vessels)
            for name, value in (("source", source), ("share", share)):
                rows = rows.append_column(name, pa.array([value] * rows.num_rows, pa.int32()))
            parts.append(rows)
    ordered = pa.concat_tables(parts).sort_by([(name, "ascending") for name in ("share", "mmsi", "time_ms")])
    for most in (97, 10**6):
        said = list(Each(OfRows(step, tuple(key.source for key in keys)))(ordered.to_batches(max_chunksize=most)))
        told = [Parcel(*row.values()) for batch in said for row in batch.to_pylist()]
        assert sorted(told) == wanted
    again = [
        pa.RecordBatch.from_pylist([{"share": share, "kind": "heard", "data": b"%d" % k}])
        for k, share in enumerate((1, 1, 2))
    ]
    counted = list(Each(OfParcels(lambda data: iter([Parcel(len(data), "heard", b"".join(data))])))(again))
    assert [batch.to_pylist() for batch in counted] == [
        [{"share": 2, "kind": "heard", "data": b"01"}], [{"share": 1, "kind": "heard", "data": b"2"}],
    ]  # fmt: skip


READY = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None


@pytest.mark.skipif(not READY, reason="PySpark (the extra `spark`) and Java are not both here: see docs/operations.md")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cluster_of_spark_gives_what_one_table_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path / "scratch"))
    _, india, _ = pair("spark")
    archives = Archives(tmp_path / "positions")
    keys = filled(archives, "live")
    period = Period("ind", "live", START, END)
    wanted = whole(india.store, archives, keys, period, END)
    with spark("local-cluster[2,1,1024]", archives, keys, period, share_rows=2000) as engine:
        assert said(search(engine, india.store, keys, period, RULES, END)) == wanted
    damaged = next((tmp_path / "positions" / "ind").rglob("*.parquet"))
    damaged.write_bytes(b"damaged")
    with pytest.raises(ConfigError, match="did not finish"), spark("local[1]", archives, keys, period):
        pass
    with pytest.raises(RecordError, match="cannot be read"):
        Here(archives, keys, period)


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is not None, reason="PySpark is here")
def test_without_the_extra_a_search_on_spark_says_what_to_install(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"kizuna\[spark\]"),
        spark("local[1]", Archives(tmp_path), [], Period("ind", "live", 0, 1)),
    ):
        pass
