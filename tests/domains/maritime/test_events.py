"""Events equal a plain reading of their definitions, whatever the order of the positions."""

import math
import random
from itertools import combinations, groupby, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.maritime.events.area import WatchArea, box, find_entries, inside
from kizuna.domains.maritime.events.coverage import Coverage, FeedInterval, heard_intervals
from kizuna.domains.maritime.events.encounter import find_encounters
from kizuna.domains.maritime.events.gap import find_gaps
from kizuna.domains.maritime.events.model import V1, Event
from kizuna.domains.maritime.events.tracks import Tracks, tracks
from kizuna.domains.maritime.fleet import GAP_MMSI, MEETING_MMSI
from kizuna.domains.maritime.geodesy import KNOT_M_S, distance_m
from kizuna.domains.maritime.seas import ANCHORAGES
from kizuna.domains.maritime.traffic import Traffic
from kizuna.errors import RecordError
from kizuna.formats.ais import AisMessage, AisReader
from kizuna.formats.positions_arrow import SCHEMA, from_reports

MINUTE = 60_000
HOUR = 3_600_000
DEGREE = 600_000
Row = tuple[int, int, int, int]  # mmsi, time, lat, lon


def table(rows: list[Row]) -> pa.Table:
    names = ("mmsi", "time_ms", "lat_600000", "lon_600000")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=SCHEMA)


def heard(from_ms: int = 0, to_ms: int = 10**14) -> Coverage:
    return Coverage("rec", [FeedInterval(from_ms, to_ms, "live")])


# --- plain references
# -------------------------------------------------------------------------------------------


def plain_rank(at_ms: int, states: list[FeedInterval]) -> int:
    ranks = {"silent": 0, "degraded": 1, "live": 2}
    return min((ranks[s.state] for s in states if s.from_ms <= at_ms < s.to_ms), default=0)


def plain_worst(from_ms: int, to_ms: int, states: list[FeedInterval]) -> int:
    edges = {from_ms, to_ms} | {e for s in states for e in (s.from_ms, s.to_ms) if from_ms <= e <= to_ms}
    return min(plain_rank(edge, states) for edge in edges)


def plain_tracks(rows: list[Row]) -> dict[int, list[Row]]:
    kept: dict[tuple[int, int], Row] = {}
    for row in sorted(rows):
        kept.setdefault(row[:2], row)
    return {mmsi: list(track) for mmsi, track in groupby(sorted(kept.values()), key=lambda row: row[0])}


def plain_gaps(rows: list[Row], states: list[FeedInterval], now_ms: int) -> set[tuple[int, int, int | None]]:
    found = set()
    for mmsi, track in plain_tracks(rows).items():
        for a, b in pairwise([*track, (mmsi, now_ms, 0, 0)]):
            if b[1] - a[1] > V1.gap_over_ms and plain_worst(a[1], b[1], states) > 0:
                found.add((mmsi, a[1], None if b[2:] == (0, 0) and b[1] == now_ms else b[1]))
    return found


def plain_slots(track: list[Row], states: list[FeedInterval]) -> dict[int, tuple[int, int]]:
    places: dict[int, tuple[int, int]] = {}
    for (_, start, lat_a, lon_a), (_, end, lat_b, lon_b) in pairwise(track):
        moved = distance_m((lat_a / DEGREE, lon_a / DEGREE), (lat_b / DEGREE, lon_b / DEGREE))
        slow = moved / ((end - start) / 1000) < V1.encounter_speed_dkn / 10 * KNOT_M_S
        if end - start > V1.encounter_max_interpolation_ms or not slow or plain_worst(start, end, states) == 0:
            continue
        step = V1.encounter_grid_ms
        for slot in range(math.ceil(start / step), end // step + 1):
            since, whole = slot * step - start, end - start
            lat = lat_a + (lat_b - lat_a) * since // whole
            places.setdefault(slot, (lat, lon_a + (lon_b - lon_a) * since // whole))
    return places


def plain_encounters(rows: list[Row], states: list[FeedInterval]) -> set[tuple[tuple[int, int], int, int]]:
    slots = {mmsi: plain_slots(track, states) for mmsi, track in plain_tracks(rows).items()}
    found = set()
    for a, b in combinations(sorted(slots), 2):
        near = []
        for slot in sorted(slots[a].keys() & slots[b].keys()):
            here, there = ((lat / DEGREE, lon / DEGREE) for lat, lon in (slots[a][slot], slots[b][slot]))
            if distance_m(here, there) <= V1.encounter_distance_m:
                near.append(slot)
        for _, run in groupby(enumerate(near), key=lambda pair: pair[1] - pair[0]):
            together = [slot for _, slot in run]
            from_ms, to_ms = together[0] * V1.encounter_grid_ms, together[-1] * V1.encounter_grid_ms
            if to_ms - from_ms >= V1.encounter_min_ms:
                found.add(((a, b), from_ms, to_ms))
    return found


def plain_entries(rows: list[Row], area: WatchArea, states: list[FeedInterval]) -> set[tuple[int, int, int]]:
    south, west = area.points[0]
    north, east = area.points[2]
    found = set()
    for mmsi, track in plain_tracks(rows).items():
        last_inside: int | None = None
        before: Row | None = None
        for row in track:
            is_in = south <= row[2] < north and west <= row[3] < east
            was_in = before is not None and before[1] == last_inside
            rested = last_inside is None or row[1] - last_inside >= V1.area_rearm_ms
            heard_between = before is not None and plain_worst(before[1], row[1], states) > 0
            if before is not None and is_in and not was_in and rested and heard_between:
                found.add((mmsi, before[1], row[1]))
            last_inside = row[1] if is_in else last_inside
            before = row
    return found


# --- strategies
# -------------------------------------------------------------------------------------------------

STATES = st.lists(
    st.builds(
        lambda start, length, state: FeedInterval(start * HOUR, (start + length) * HOUR, state),
        st.integers(0, 40),
        st.integers(0, 60),
        st.sampled_from(["live", "live", "degraded", "silent"]),
    ),
    max_size=4,
).map(lambda states: [FeedInterval(0, 90 * HOUR, "live"), *states])


@st.composite
def positions(draw: st.DrawFn) -> list[Row]:
    """Vessels that drift within about a kilometre, with gaps in time, in any order and with repeats."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    rows: list[Row] = []
    for mmsi in range(1, draw(st.integers(1, 3)) + 1):
        time_ms, lat, lon = rng.randrange(HOUR), rng.randrange(2000), rng.randrange(2000)
        for _ in range(draw(st.integers(1, 60))):
            rows.append((mmsi, time_ms, lat, lon))
            time_ms += rng.choice([MINUTE, 7 * MINUTE, 10 * MINUTE, 25 * MINUTE, 25 * MINUTE])
            if rng.random() < 0.05:
                time_ms += rng.choice([HOUR, HOUR, HOUR + 1, 6 * HOUR, 6 * HOUR + 1, 9 * HOUR])
            drift = 3000 if rng.random() < 0.03 else rng.choice([60, 200])
            lat, lon = (v + (900 - v) // 20 + rng.randrange(-drift, drift + 1) for v in (lat, lon))
    rows += rng.sample(rows, len(rows) // 3)
    rng.shuffle(rows)
    return rows


def spans(events: tuple[Event, ...]) -> set[tuple[tuple[int, ...], int, int | None]]:
    assert len(events) == len(set(events))
    assert {event.threshold_set_id for event in events} <= {"kizuna.maritime.thresholds.v1"}
    return {(event.mmsi, event.from_ms, event.to_ms) for event in events}


@given(positions(), STATES)
@settings(max_examples=120)
def test_gaps_equal_a_plain_reading(rows: list[Row], states: list[FeedInterval]) -> None:
    events = find_gaps(tracks(table(rows)), Coverage("rec", states), now_ms=80 * HOUR)
    assert spans(events) == {((mmsi,), a, b) for mmsi, a, b in plain_gaps(rows, states, 80 * HOUR)}
    for event in events:
        worst = plain_worst(event.from_ms, event.to_ms or 80 * HOUR, states)
        assert event.confidence == ("high" if worst == 2 else "low")


@given(positions(), STATES)
@settings(max_examples=120)
def test_encounters_equal_a_plain_reading(rows: list[Row], states: list[FeedInterval]) -> None:
    events = find_encounters(tracks(table(rows)), Coverage("rec", states))
    assert spans(events) == plain_encounters(rows, states)
    for event in events:
        assert {e.mmsi for e in event.evidence} == set(event.mmsi)
        assert {(e.mmsi, e.time_ms) for e in event.evidence} <= {row[:2] for row in rows}


@given(positions(), STATES)
@settings(max_examples=120)
def test_entries_equal_a_plain_reading(rows: list[Row], states: list[FeedInterval]) -> None:
    area = box("port", south=300, west=300, north=1500, east=1500)
    events = find_entries(tracks(table(rows)), area, Coverage("rec", states))
    assert spans(events) == {((mmsi,), a, b) for mmsi, a, b in plain_entries(rows, area, states)}


@given(positions(), STATES, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_order_and_repeats_change_nothing(rows: list[Row], states: list[FeedInterval], rng: random.Random) -> None:
    shuffled = [*rows, *rng.choices(rows, k=5)]
    rng.shuffle(shuffled)
    one, two = Coverage("rec", states), Coverage("rec", [*reversed(states), *states])
    before, after = tracks(table(rows)), tracks(table(shuffled))
    assert find_gaps(before, one, now_ms=80 * HOUR) == find_gaps(after, two, now_ms=80 * HOUR)
    assert find_encounters(before, one) == find_encounters(after, two)


# --- stories
# ----------------------------------------------------------------------------------------------------


def alongside(hours: float, *, apart: int = 1000, step_ms: int = 10 * MINUTE) -> Tracks:
    times = range(0, round(hours * HOUR) + 1, step_ms)
    return tracks(table([(mmsi, t, 0, mmsi * apart) for mmsi in (1, 2) for t in times]))


def test_two_hours_within_500_m_is_an_encounter_and_less_is_not() -> None:
    assert len(find_encounters(alongside(2), heard())) == 1
    assert find_encounters(alongside(1.9), heard()) == ()
    assert find_encounters(alongside(2, apart=2699), heard()) == ()
    assert len(find_encounters(alongside(2, apart=2697), heard())) == 1
    assert len(find_encounters(alongside(4, step_ms=HOUR), heard())) == 1
    assert find_encounters(alongside(6, step_ms=HOUR + 1), heard()) == ()


def test_no_encounter_near_an_anchorage_or_across_a_silent_feed() -> None:
    rows = alongside(3)
    assert find_encounters(rows, heard(), anchorages=[(53_000, 0)]) == ()
    assert len(find_encounters(rows, heard(), anchorages=[(55_000, 0)])) == 1
    broken = Coverage("rec", [FeedInterval(0, 10**9, "live"), FeedInterval(80 * MINUTE, 81 * MINUTE, "silent")])
    assert find_encounters(rows, broken) == ()
    assert find_encounters(rows, Coverage("rec", [])) == ()


def test_encounters_are_found_across_180_degrees_and_midnight() -> None:
    edge = 180 * DEGREE
    times = range(23 * HOUR, 26 * HOUR, 10 * MINUTE)
    rows = [(1, t, 0, edge - 500) for t in times] + [(2, t, 0, -edge + 500) for t in times]
    (event,) = find_encounters(tracks(table(rows)), heard())
    assert (event.from_ms, event.to_ms) == (23 * HOUR, 26 * HOUR - 10 * MINUTE)


def test_no_gap_where_the_feed_was_silent_or_unknown() -> None:
    rows = tracks(table([(1, 0, 0, 0), (1, 7 * HOUR, 0, 0)]))
    assert len(find_gaps(rows, heard(), now_ms=8 * HOUR)) == 1
    silent = FeedInterval(3 * HOUR, 3 * HOUR + 1, "silent")
    live = FeedInterval(0, 10 * HOUR, "live")
    assert find_gaps(rows, Coverage("rec", [live, silent]), now_ms=8 * HOUR) == ()
    assert find_gaps(rows, Coverage("rec", [FeedInterval(0, 6 * HOUR, "live")]), now_ms=8 * HOUR) == ()
    assert find_gaps(tracks(table([])), heard(), now_ms=8 * HOUR) == ()


def test_coverage_is_read_from_the_times_of_what_came() -> None:
    times = np.array([5, 0, 3, 5, 100, 102])
    assert heard_intervals(times, 10) == [FeedInterval(0, 15, "live"), FeedInterval(100, 112, "live")]
    assert heard_intervals(times, 95) == [FeedInterval(0, 197, "live")]
    assert heard_intervals(np.array([], dtype=np.int64), 10) == []


def test_an_open_gap_has_no_end_and_one_witness() -> None:
    (event,) = find_gaps(tracks(table([(1, 0, 5, 6)])), heard(), now_ms=7 * HOUR)
    assert (event.to_ms, len(event.evidence), event.lat_600000, event.lon_600000) == (None, 1, 5, 6)


def test_a_vessel_first_heard_inside_or_tacking_along_the_edge_does_not_enter() -> None:
    area = box("port", south=0, west=0, north=100, east=100)
    inside_first = tracks(table([(1, 0, 50, 50), (1, MINUTE, 50, 60)]))
    assert find_entries(inside_first, area, heard()) == ()
    tacking = [(1, k * MINUTE, 50, -10 if k % 2 else 10) for k in range(1, 30)]
    assert len(find_entries(tracks(table(tacking)), area, heard())) == 1


@given(st.integers(-50, 150), st.integers(-50, 150))
def test_polygons_of_any_turning_agree(lat: int, lon: int) -> None:
    points = ((0, 0), (0, 100), (40, 50), (100, 100), (100, 0))
    place = np.array([lat]), np.array([lon])
    forth = inside(WatchArea("notch", points), *place)[0]
    assert forth == inside(WatchArea("notch", points[::-1]), *place)[0] or lat in (0, 40, 100) or lon in (0, 100)
    if not (0 <= lat <= 100 and 0 <= lon <= 100):
        assert not forth
    if 0 < lat < 100 and 0 < lon < 50:
        assert forth
    if (lat, lon) == (50, 90):
        assert not forth


def test_an_area_needs_corners() -> None:
    with pytest.raises(RecordError, match="corners"):
        inside(WatchArea("line", ((0, 0), (1, 1))), np.array([0]), np.array([0]))


def test_the_simulated_script_shows_its_gap_and_its_meeting_and_little_else() -> None:
    start_ms = 1_790_000_000_000
    traffic = Traffic(7, 200, start_ms, regions=("bengal",))
    reader = AisReader()
    lines = traffic.history(8) + traffic.step(start_ms + 30_000)
    reports = [item.position for item in reader.feed(b"".join(lines)) if isinstance(item, AisMessage)]
    rows = tracks(from_reports([report for report in reports if report is not None], received_ms=0))
    coverage = Coverage("sim-chennai", heard_intervals(rows.time_ms, 60_000))
    (gap,) = find_gaps(rows, coverage, now_ms=start_ms + 30_000)
    assert gap.mmsi == (GAP_MMSI,)
    assert gap.to_ms is not None
    anchorages = [(round(lat * DEGREE), round(lon * DEGREE)) for *_, (lat, lon) in ANCHORAGES]
    (meeting,) = find_encounters(rows, coverage, anchorages=anchorages)
    assert meeting.mmsi == tuple(sorted(MEETING_MMSI))
