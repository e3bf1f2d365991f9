"""Events in real recordings: equal to a plain reading of the definitions, the known cases found, and none across a feed that was down."""

from __future__ import annotations

import datetime as dt
import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kizuna.domains.maritime.events.coverage import Coverage, FeedInterval, Receivers
from kizuna.domains.maritime.events.encounter import find_encounters
from kizuna.domains.maritime.events.gap import find_gaps
from kizuna.domains.maritime.events.given import Given
from kizuna.domains.maritime.events.identity import find_clashes
from kizuna.domains.maritime.events.model import V2, ThresholdSet
from kizuna.domains.maritime.events.port import find_visits
from kizuna.domains.maritime.events.search import receivers_of
from kizuna.domains.maritime.ports import PORTS
from kizuna.domains.maritime.tracks.clean import Clean, cleaned
from kizuna.formats.positions_arrow import SCHEMA
from tests.domains.maritime import plain_events as plain

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("KIZUNA_SHARED", ROOT.parent / "shared"))
if not SHARED.exists():
    SHARED = ROOT.parents[1] / "shared"
AIS = SHARED / "data" / "ais"
pytestmark = pytest.mark.skipif(not AIS.is_dir(), reason="the shared recordings are not here (KIZUNA_SHARED)")

DEGREE, HOUR = 600_000, 3_600_000


def recorded(name: str) -> pa.Table:
    """Return a recording of positions as a table of ours; it has no speeds and courses."""
    found = pq.read_table(AIS / "positions" / name)
    names = {"mmsi": "mmsi", "t": "t", "lat": "lat", "lon": "lon"} if "t" in found.column_names else _other_names(found)
    at_ms = np.asarray(found[names["t"]].cast(pa.timestamp("ms")).cast(pa.int64()))
    lat, lon = (np.rint(np.asarray(found[names[each]]) * DEGREE).astype(np.int32) for each in ("lat", "lon"))
    mmsi = np.asarray(found[names["mmsi"]]).astype(np.int32)
    nothing = pa.nulls(len(mmsi), pa.int16())
    return pa.table([at_ms, mmsi, lat, lon, nothing, nothing, nothing, nothing.cast(pa.int8())], schema=SCHEMA)


def _other_names(found: pa.Table) -> dict[str, str]:
    wanted = {
        "mmsi": ("mmsi", "object_id"),
        "t": ("timestamp", "time"),
        "lat": ("latitude", "y"),
        "lon": ("longitude", "x"),
    }
    return {key: next(name for name in found.column_names if name.lower() in words) for key, words in wanted.items()}


def tracks_of(clean: Clean) -> dict[int, list[plain.Row]]:
    out: dict[int, list[plain.Row]] = {}
    columns = (clean.piece, clean.track.time_ms, clean.track.lat, clean.track.lon)
    for piece, time_ms, lat, lon in zip(*(column.tolist() for column in columns), strict=True):
        out.setdefault(piece, []).append((time_ms, (lat, lon)))
    return out


def given_of(tables: dict[str, pa.Table], **more: Any) -> Given:
    now_ms = max(int(np.asarray(table["time_ms"]).max()) for table in tables.values()) + 10**9
    return Given(receivers=receivers_of(tables, {}), **({"now_ms": now_ms} | more))


@pytest.mark.parametrize(
    "name", ["NYHarbor_2020_12_first_week.parquet", "VirginiaBeach_2020_06_04_to_06_filtered.parquet"]
)
def test_encounters_in_recordings_are_those_of_the_published_definition(name: str) -> None:
    clean = cleaned({"rec": recorded(name)})
    always = Receivers([Coverage("rec", [FeedInterval(0, 2**53, "live")])])
    events = find_encounters(clean, Given(receivers=always, now_ms=2**53))
    vessel = dict(zip(clean.piece.tolist(), clean.track.mmsi.tolist(), strict=True))
    theirs = {
        (tuple(sorted((vessel[a], vessel[b]))), from_ms, to_ms) for (a, b), from_ms, to_ms in plain.encounters(tracks_of(clean))
    }  # fmt: skip
    ours = {(event.mmsi, event.from_ms, event.to_ms) for event in events}
    many = {each for each in clean.track.mmsi.tolist() if len({p for p, v in vessel.items() if v == each}) > 1}
    single = lambda found: {each for each in found if not many & set(each[0])}  # noqa: E731 # a word for one line
    assert single(ours) == single(theirs)
    assert len(ours) > 5


def test_no_gap_of_a_recording_reaches_over_an_outage_of_its_feed() -> None:
    table = recorded("NYHarbor_2020_12_first_week.parquet")
    times = np.asarray(table["time_ms"])
    begin = int(times.min()) + 40 * HOUR
    down = table.filter(pa.array((times < begin) | (times >= begin + 9 * HOUR)))
    before, after = (find_gaps(cleaned({"rec": each}), given_of({"rec": each})) for each in (table, down))
    assert len(before) > 5
    over = [
        event
        for event in after
        if event.from_ms < begin + 8 * HOUR and (event.to_ms is None or event.to_ms > begin + 2 * HOUR)
    ]
    assert over == []
    elsewhere = {(event.mmsi, event.from_ms) for event in after if event.from_ms > begin + 9 * HOUR}
    assert elsewhere == {(event.mmsi, event.from_ms) for event in before if event.from_ms > begin + 9 * HOUR}


def test_gaps_of_the_labelled_sample_are_found() -> None:
    rows = [
        row
        for row in json.loads((AIS / "labelled" / "gfw_gaps_sample_messages.json").read_text(encoding="utf-8"))
        if row["lat"] is not None
    ]
    made = pa.Table.from_pylist(
        [
            {
                "mmsi": int(row["ssvid"]), "time_ms": round(row["timestamp"] * 1000), "lat_600000": round(row["lat"] * DEGREE),
                "lon_600000": round(row["lon"] * DEGREE),
            }
            for row in rows
        ],
        schema=SCHEMA,
    )  # fmt: skip
    over = round(1.2 * HOUR)
    always = Receivers([Coverage("rec", [FeedInterval(0, 2**53, "live")])])
    at = sorted({round(row["timestamp"] * 1000) for row in rows})
    found = find_gaps(
        cleaned({"rec": made}),
        Given(receivers=always, now_ms=at[-1] + 1, thresholds=ThresholdSet(gap_over_ms=over, id="test")),
    )
    assert [(event.from_ms, event.to_ms) for event in found] == [(a, b) for a, b in pairwise(at) if b - a > over]
    assert len(found) >= 1


def test_ships_that_share_a_number_clash_in_the_labelled_data() -> None:
    lines = (AIS / "labelled" / "gpsdio_segmented-416000000.json").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line]
    made = pa.Table.from_pylist(
        [
            {
                "mmsi": row["ssvid"], "time_ms": round(dt.datetime.fromisoformat(row["timestamp"]).timestamp() * 1000),
                "lat_600000": round(row["lat"] * DEGREE), "lon_600000": round(row["lon"] * DEGREE),
            }
            for row in rows
            if row.get("lat") is not None and abs(row["lat"]) <= 90 and abs(row["lon"]) <= 180
        ],
        schema=SCHEMA,
    )  # fmt: skip
    tables = {"rec": made}
    events = find_clashes(cleaned(tables), given_of(tables))
    assert events
    assert {event.mmsi for event in events} == {(416_000_000,)}


def test_ships_call_at_new_york() -> None:
    tables = {"rec": recorded("NYHarbor_2020_12_first_week.parquet")}
    found = find_visits(cleaned(tables), given_of(tables, ports=PORTS))
    assert {event.place for event in found} == {"USNYC New York"}
    grades = {event.what for event in found}
    assert "grade 4 of 4" in grades or "grade 3 of 4" in grades
    assert all(event.threshold_set_id == V2.id for event in found)
