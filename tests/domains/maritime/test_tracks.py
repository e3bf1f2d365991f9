"""Tracks from positions: what is a double, a jump, a gap, a stop, a voyage, and when two ships use one number."""

import datetime as dt
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.maritime.geodesy import Point, destination, distance_m
from kizuna.domains.maritime.tracks.columns import Track, first_heard, ordered
from kizuna.domains.maritime.tracks.segments import DOUBLE, JUMP, KEPT, Clash, clashes, cut
from kizuna.domains.maritime.tracks.shape import resampled, simplified
from kizuna.domains.maritime.tracks.voyages import Port, pieces, stops, voyages
from kizuna.formats.positions_arrow import SCHEMA

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("KIZUNA_SHARED", ROOT.parent / "shared"))
if not SHARED.exists():
    SHARED = ROOT.parents[1] / "shared"
LABELLED = SHARED / "data" / "ais" / "labelled"

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DEGREE = 600_000
START_MS = 1_700_000_000_000


def table(rows: list[tuple[int, int, Point, int, int]]) -> pa.Table:
    """Return rows of vessel, time, place, speed and course."""
    return pa.Table.from_pylist(
        [
            {
                "time_ms": time_ms, "mmsi": mmsi, "lat_600000": round(place[0] * DEGREE), "lon_600000": round(place[1] * DEGREE),
                "speed_dkn": speed, "course_ddeg": course, "heading_deg": None, "nav_status": None,
            }
            for mmsi, time_ms, place, speed, course in rows
        ],
        schema=SCHEMA,
    )  # fmt: skip


def sailing(
    mmsi: int,
    begin: Point,
    course: float,
    speed_kn: float,
    rows: int,
    step_ms: int = 5 * MINUTE_MS,
    from_ms: int = START_MS,
) -> list[tuple[int, int, Point, int, int]]:
    return [
        (
            mmsi, from_ms + k * step_ms, destination(begin, course, speed_kn * 1852 / 3600 * k * step_ms / 1000),
            round(speed_kn * 10), round(course * 10),
        )
        for k in range(rows)
    ]  # fmt: skip


def track_of(*rows: list[tuple[int, int, Point, int, int]]) -> Track:
    return ordered({"ind/a": table([row for part in rows for row in part])})


EAST = 90.0


def test_a_transmission_that_two_parties_heard_stands_once() -> None:
    heard = sailing(419_000_001, (10.0, 80.0), EAST, 12, 20)
    later = [(mmsi, time_ms + 2_500, *rest) for mmsi, time_ms, *rest in heard]
    track = ordered({"jpn/b": table(later), "ind/a": table(heard)})
    made = cut(track)
    assert Counter(made.reason.tolist()) == {KEPT: 20, DOUBLE: 20}
    assert set(track.source[made.reason == KEPT].tolist()) == {0}
    assert len(made.rows) == 1
    assert made.rows[0] == 20


def test_a_ship_at_anchor_that_says_the_same_again_is_heard_again() -> None:
    rows = [(1, START_MS + k * 3 * MINUTE_MS, (5.0, 5.0), 0, 0) for k in range(10)]
    track = track_of(rows)
    assert first_heard(track).tolist() == list(range(10))


@settings(deadline=None, max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_neither_order_of_rows_nor_of_tables_matters(rng: object, parts: int) -> None:
    rows = (
        sailing(1, (10.0, 80.0), 45.0, 14, 12)
        + sailing(2, (11.0, 80.0), 200.0, 9, 12)
        + sailing(1, (30.0, 10.0), 10.0, 5, 12)
    )
    rng.shuffle(rows)  # type: ignore[attr-defined] # hypothesis gives a `random.Random`
    names = [f"p/{k}" for k in range(parts)]
    split = {name: table(rows[k::parts]) for k, name in enumerate(names)}
    one = ordered({"p/0": table(rows)})
    other = ordered(dict(reversed(split.items())))
    assert all((a == b).all() for a, b in zip(one[:-1], other[:-1], strict=True))
    assert (cut(one).segment == cut(other).segment).all()


def test_a_jump_is_set_aside_with_its_reason_and_the_track_goes_on() -> None:
    rows = sailing(1, (10.0, 80.0), EAST, 12, 30)
    rows[11] = (1, rows[11][1], (12.0, 81.0), 120, 900)
    made = cut(track_of(rows))
    assert np.flatnonzero(made.reason == JUMP).tolist() == [11]
    assert made.segment[10] == made.segment[12]
    assert not clashes(track_of(rows), made)


def test_two_ships_on_one_number_are_two_segments_and_a_clash() -> None:
    rows = sailing(1, (10.0, 80.0), EAST, 12, 40) + sailing(
        1, (35.0, 130.0), 200.0, 9, 40, from_ms=START_MS + MINUTE_MS
    )
    track = track_of(rows)
    made = cut(track)
    assert sorted(made.rows.tolist()) == [40, 40]
    north = track.lat > 20 * DEGREE
    assert len(set(made.segment[north].tolist())) == len(set(made.segment[~north].tolist())) == 1
    from_ms, to_ms = START_MS + MINUTE_MS, START_MS + 39 * 5 * MINUTE_MS
    assert clashes(track, made) == (Clash(1, (0, 1), from_ms, to_ms + 1),)


def test_two_ships_near_each_other_are_told_apart_by_where_they_would_be() -> None:
    one = sailing(1, (10.0, 80.0), EAST, 20, 40, step_ms=MINUTE_MS)
    two = sailing(1, (10.05, 80.3), 270.0, 20, 40, step_ms=MINUTE_MS, from_ms=START_MS + 30_000)
    track = track_of(one, two)
    made = cut(track)
    purest = sum(
        Counter(made.segment[track.course_ddeg == course].tolist()).most_common(1)[0][1] for course in (900, 2700)
    )
    assert purest >= 76


def test_a_day_of_silence_ends_a_segment() -> None:
    rows = sailing(1, (10.0, 80.0), EAST, 12, 10)
    rows += sailing(1, (10.0, 81.0), EAST, 12, 10, from_ms=rows[-1][1] + 25 * HOUR_MS)
    assert sorted(cut(track_of(rows)).rows.tolist()) == [10, 10]


def test_a_track_over_180_degrees_is_one() -> None:
    track = track_of(sailing(1, (0.0, 179.8), EAST, 20, 30))
    made = cut(track)
    assert len(made.rows) == 1
    assert (made.reason == KEPT).all()
    places = resampled(track, MINUTE_MS, HOUR_MS)
    hops = [
        distance_m((a / DEGREE, b / DEGREE), (c / DEGREE, d / DEGREE))
        for a, b, c, d in zip(places.lat[:-1], places.lon[:-1], places.lat[1:], places.lon[1:], strict=True)
    ]
    assert max(hops) < 700
    assert len(simplified(track, 50.0)) == 2


def test_places_at_even_times_lie_between_rows_and_in_no_gap() -> None:
    rows = sailing(1, (10.0, 80.0), EAST, 12, 5, step_ms=7 * MINUTE_MS)
    rows += sailing(1, (10.0, 81.0), EAST, 12, 3, step_ms=7 * MINUTE_MS, from_ms=rows[-1][1] + 3 * HOUR_MS)
    places = resampled(track_of(rows), 10 * MINUTE_MS, HOUR_MS)
    assert (places.time_ms % (10 * MINUTE_MS) == 0).all()
    inside = (places.time_ms >= rows[0][1]) & (places.time_ms <= rows[4][1])
    after = places.time_ms >= rows[5][1]
    assert (inside | after).all()
    assert inside.sum() == rows[4][1] // (10 * MINUTE_MS) - (rows[0][1] - 1) // (10 * MINUTE_MS)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=2, max_size=60), st.floats(10, 20_000))
def test_a_simplified_line_leaves_no_row_farther_than_the_tolerance(places: list[Point], tolerance_m: float) -> None:
    track = track_of([(1, START_MS + k * MINUTE_MS, place, 0, 0) for k, place in enumerate(places)])
    kept = simplified(track, tolerance_m)
    assert kept[0] == 0
    assert kept[-1] == len(places) - 1
    for a, b in zip(kept[:-1].tolist(), kept[1:].tolist(), strict=True):
        for row in range(a + 1, b):
            assert _from_chord(track, row, a, b) <= tolerance_m * 1.001 + 1


def _from_chord(track: Track, row: int, a: int, b: int) -> float:
    """Return the distance in metres of a row from a chord, sought along it in small steps."""
    share = np.linspace(0, 1, 401)
    lat, lon = (column[a] + share * (column[b] - column[a]) for column in (track.lat, track.lon))
    at = (track.lat[row] / DEGREE, track.lon[row] / DEGREE)
    nearest = min(distance_m(at, (y / DEGREE, x / DEGREE)) for y, x in zip(lat, lon, strict=True))
    length = distance_m((track.lat[a] / DEGREE, track.lon[a] / DEGREE), (track.lat[b] / DEGREE, track.lon[b] / DEGREE))
    return nearest - length / 400


def test_pieces_and_stops() -> None:
    rows = sailing(1, (10.0, 80.0), EAST, 12, 10)
    quiet = [
        (1, rows[-1][1] + (k + 1) * 5 * MINUTE_MS, (rows[-1][2][0] + 0.0001 * (k % 2), rows[-1][2][1]), 0, 0)
        for k in range(12)
    ]
    rows += quiet
    rows += sailing(1, quiet[-1][2], 0.0, 12, 10, from_ms=quiet[-1][1] + 5 * MINUTE_MS)
    rows += sailing(1, (10.6, 80.2), 0.0, 12, 5, from_ms=rows[-1][1] + 2 * HOUR_MS)
    track = track_of(rows)
    parts = pieces(track, HOUR_MS)
    assert list(zip(parts.first.tolist(), parts.last.tolist(), strict=True)) == [(0, 31), (32, 36)]
    found = stops(track, within_m=200.0, least_ms=30 * MINUTE_MS)
    assert list(zip(found.first.tolist(), found.last.tolist(), strict=True)) == [(9, 22)]
    assert len(pieces(track.take(np.empty(0, np.int64)), HOUR_MS).first) == 0
    assert len(stops(track.take(np.empty(0, np.int64)), 200.0, HOUR_MS).first) == 0


def test_voyages_lead_from_port_to_port() -> None:
    chennai, colombo = (
        Port("Chennai", round(13.1 * DEGREE), round(80.3 * DEGREE)),
        Port("Colombo", round(6.95 * DEGREE), round(79.85 * DEGREE)),
    )
    stay = [(1, START_MS + k * 10 * MINUTE_MS, (13.1, 80.3), 0, 0) for k in range(6)]
    away = [
        (1, stay[-1][1] + (k + 1) * HOUR_MS, (13.1 - 0.5 * k - 0.2, 80.3 + (0.9 if 3 < k < 8 else 0)), 120, 1800)
        for k in range(11)
    ]
    there = [(1, away[-1][1] + (k + 1) * HOUR_MS, (6.95, 79.85), 0, 0) for k in range(4)]
    # Along the pier and past the mole, between the two distances, it is still there.
    there[2] = (1, there[2][1], (6.95 + 3.5 / 111.2, 79.85), 10, 0)
    found = voyages(track_of(stay + away + there), [colombo, chennai])
    assert [(each.from_port, each.to_port) for each in found] == [("Chennai", "Colombo")]
    assert found[0].departed_ms == away[0][1]
    assert found[0].arrived_ms == there[0][1]


@pytest.mark.skipif(not LABELLED.is_dir(), reason="the shared labelled data are not here (KIZUNA_SHARED)")
def test_ships_that_share_a_number_are_parted_as_the_labelled_data_have_them() -> None:
    lines = (LABELLED / "gpsdio_segmented-416000000.json").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line]
    rows = [row for row in rows if row.get("lat") is not None and abs(row["lat"]) <= 90 and abs(row["lon"]) <= 180]
    at_ms = [round(dt.datetime.fromisoformat(row["timestamp"]).timestamp() * 1000) for row in rows]
    made = table(
        [(row["ssvid"], time_ms, (row["lat"], row["lon"]), 0, 0) for row, time_ms in zip(rows, at_ms, strict=True)]
    )
    track = ordered({"labelled": made})
    found = cut(track)
    places = [(round(row["lat"] * DEGREE), round(row["lon"] * DEGREE)) for row in rows]
    label = {(time_ms, *place): row["segment"] for row, time_ms, place in zip(rows, at_ms, places, strict=True)}
    theirs = np.array(
        [label[key] for key in zip(track.time_ms.tolist(), track.lat.tolist(), track.lon.tolist(), strict=True)]
    )
    kept = found.reason == KEPT
    returns = 0
    for segment in set(found.segment[kept].tolist()):
        labels = theirs[kept & (found.segment == segment)]
        returns += int((labels[1:] != labels[:-1]).sum()) - (len(set(labels.tolist())) - 1)
    assert returns <= 0.01 * kept.sum(), (
        "a segment of ours may join theirs one behind the other, but does not mix two ships"
    )
    assert len(clashes(track, found)) >= 1
