"""Events equal a plain reading of their definitions, whatever the order of the positions."""

import random
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.maritime.events.area import WatchArea, box
from kizuna.domains.maritime.events.coverage import Coverage, FeedInterval, Receivers, heard_intervals
from kizuna.domains.maritime.events.encounter import Pairs, find_encounters, meetings, near, slots_of
from kizuna.domains.maritime.events.entry import find_entries
from kizuna.domains.maritime.events.gap import find_gaps
from kizuna.domains.maritime.events.given import Cited, Given
from kizuna.domains.maritime.events.identity import find_clashes
from kizuna.domains.maritime.events.land import Land
from kizuna.domains.maritime.events.loitering import find_loitering
from kizuna.domains.maritime.events.model import V2, Event, Evidence
from kizuna.domains.maritime.events.moves import find_speeds, find_turns
from kizuna.domains.maritime.events.port import find_visits, visits
from kizuna.domains.maritime.events.reception import added, reception_of
from kizuna.domains.maritime.events.search import of_meetings, of_vessels, receivers_of
from kizuna.domains.maritime.fleet import GAP_MMSI, MEETING_MMSI
from kizuna.domains.maritime.seas import ANCHORAGES
from kizuna.domains.maritime.tracks.clean import Clean, cleaned
from kizuna.domains.maritime.tracks.columns import Track
from kizuna.domains.maritime.tracks.voyages import Port
from kizuna.domains.maritime.traffic import Traffic
from kizuna.formats.ais import AisMessage, AisReader
from kizuna.formats.positions_arrow import SCHEMA, from_reports
from tests.domains.maritime import plain_events as plain

MINUTE = 60_000
HOUR = 3_600_000
DEGREE = 600_000
NOW = 200 * HOUR
Row = tuple[int, int, int, int]  # mmsi, time, lat, lon


def table(rows: Sequence[Row], speed_dkn: int | None = None) -> pa.Table:
    names = ("mmsi", "time_ms", "lat_600000", "lon_600000")
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) | {"speed_dkn": speed_dkn} for row in rows], schema=SCHEMA
    )


def clean(rows: Sequence[Row], speed_dkn: int | None = None) -> Clean:
    return cleaned({"rec": table(rows, speed_dkn)})


def live(from_ms: int = 0, to_ms: int = 10**14) -> Receivers:
    return Receivers([Coverage("rec", [FeedInterval(from_ms, to_ms, "live")])])


def told(receivers: Receivers | None = None, **more: Any) -> Given:
    return Given(receivers=live() if receivers is None else receivers, **({"now_ms": NOW} | more))


def states_of(states: list[FeedInterval]) -> Receivers:
    return Receivers([Coverage("rec", states)])


# --- plain references ---------------------------------------------------------------------------------------------------------------


def plain_rank(at_ms: int, states: list[FeedInterval]) -> int:
    ranks = {"silent": 0, "degraded": 1, "live": 2}
    return min((ranks[s.state] for s in states if s.from_ms <= at_ms < s.to_ms), default=0)


def plain_worst(from_ms: int, to_ms: int, states: list[FeedInterval]) -> int:
    edges = {from_ms, to_ms} | {e for s in states for e in (s.from_ms, s.to_ms) if from_ms <= e <= to_ms}
    return min(plain_rank(edge, states) for edge in edges)


def plain_tracks(rows: Sequence[Row]) -> dict[int, list[plain.Row]]:
    return {
        mmsi: [(row[1], row[2:]) for row in track] for mmsi, track in groupby(sorted(set(rows)), key=lambda row: row[0])
    }


def plain_gaps(rows: Sequence[Row], states: list[FeedInterval], now_ms: int) -> set[tuple[int, int, int | None]]:
    found = set()
    edges = sorted({e for s in states for e in (s.from_ms, s.to_ms)})
    for mmsi, track in plain_tracks(rows).items():
        for (start, _), after in pairwise([*track, None]):
            next_ms = now_ms if after is None else after[0]
            until = next((e for e in edges if e > start and plain_rank(e, states) == 0), start)
            until = start if plain_rank(start, states) == 0 else until
            if min(until, next_ms) - start > V2.gap_over_ms:
                found.add((mmsi, start, None if after is None and until > next_ms else min(until, next_ms)))
    return found


def plain_entries(rows: Sequence[Row], area: WatchArea, states: list[FeedInterval]) -> set[tuple[int, int, int]]:
    south, west = area.points[0]
    north, east = area.points[2]
    found = set()
    for mmsi, track in plain_tracks(rows).items():
        last_inside: int | None = None
        before: plain.Row | None = None
        for at_ms, (lat, lon) in track:
            is_in = south <= lat < north and west <= lon < east
            was_in = before is not None and before[0] == last_inside
            rested = last_inside is None or at_ms - last_inside >= V2.area_rearm_ms
            heard_between = before is not None and plain_worst(before[0], at_ms, states) > 0
            if before is not None and is_in and not was_in and rested and heard_between:
                found.add((mmsi, before[0], at_ms))
            last_inside = at_ms if is_in else last_inside
            before = (at_ms, (lat, lon))
    return found


# --- strategies ---------------------------------------------------------------------------------------------------------------------

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
    assert {event.threshold_set_id for event in events} <= {V2.id}
    return {(event.mmsi, event.from_ms, event.to_ms) for event in events}


@given(positions(), STATES)
@settings(max_examples=120, deadline=None)
def test_gaps_equal_a_plain_reading(rows: list[Row], states: list[FeedInterval]) -> None:
    events = find_gaps(clean(rows), told(states_of(states), now_ms=80 * HOUR))
    assert spans(events) == {((mmsi,), a, b) for mmsi, a, b in plain_gaps(rows, states, 80 * HOUR)}
    assert all(plain_worst(event.from_ms, (event.to_ms or 80 * HOUR) - 1, states) > 0 for event in events)


@given(positions(), STATES)
@settings(max_examples=120, deadline=None)
def test_encounters_equal_a_plain_reading(rows: list[Row], states: list[FeedInterval]) -> None:
    events = find_encounters(clean(rows), told(states_of(states)))
    heard = lambda a, b: plain_worst(a, b, states) > 0  # noqa: E731 # a word for one line
    assert spans(events) == plain.encounters(dict(plain_tracks(rows)), heard=heard)
    for event in events:
        assert {each.mmsi for each in event.evidence} == set(event.mmsi)
        assert {(e.mmsi, e.time_ms, e.lat_600000, e.lon_600000) for e in event.evidence} <= set(rows)


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_places_at_grid_times_equal_a_plain_reading_all_over_the_earth(seed: int) -> None:
    rng = random.Random(seed)
    times = sorted(rng.choices([*range(0, 30 * HOUR, 5 * MINUTE), *rng.choices(range(30 * HOUR), k=300)], k=150))
    place = lambda: (rng.randint(-90 * DEGREE, 90 * DEGREE), rng.randint(-180 * DEGREE, 180 * DEGREE - 1))  # noqa: E731 # a word for one line
    rows = [(at_ms, place()) for at_ms in times]
    still = np.zeros(len(rows), np.int64)
    lat, lon = np.array([at for _, at in rows]).T.copy()
    track = Track(still + 1, np.array(times), lat, lon, still, still, still, still)
    found = slots_of(clean([])._replace(track=track, piece=still), V2)
    assert dict(zip(found.slot.tolist(), zip(found.lat.tolist(), found.lon.tolist(), strict=True), strict=True)) == (
        plain.resampled(rows)
    )


def test_evidence_is_put_into_words_when_it_is_read_each_report_once_by_time() -> None:
    made = clean([(mmsi, t, mmsi, t) for mmsi in (1, 2) for t in (0, HOUR)])
    seen = Cited(made.track, np.array([3, 1, 0, 3]))
    told_ = (Evidence(1, 0, 1, 0), Evidence(1, HOUR, 1, HOUR), Evidence(2, HOUR, 2, HOUR))
    assert (seen, hash(seen), len(seen), repr(seen), sorted(seen)) == (told_, hash(told_), 3, repr(told_), [*told_])
    assert told_[0] in seen
    assert seen == Cited(made.track, np.array([0, 1, 3]))
    assert seen != Cited(made.track, np.array([0, 1]))


@given(positions(), STATES)
@settings(max_examples=120, deadline=None)
def test_entries_equal_a_plain_reading(rows: list[Row], states: list[FeedInterval]) -> None:
    area = box("port", south=300, west=300, north=1500, east=1500)
    events = find_entries(clean(rows), area, told(states_of(states)))
    assert spans(events) == {((mmsi,), a, b) for mmsi, a, b in plain_entries(rows, area, states)}


@given(positions(), STATES)
@settings(max_examples=80, deadline=None)
def test_loitering_equals_a_plain_reading(rows: list[Row], states: list[FeedInterval]) -> None:
    found = spans(find_loitering(clean(rows), told(states_of(states), land=lambda: SEA)))
    heard = lambda a, b: plain_worst(a, b, states) > 0  # noqa: E731 # a word for one line
    assert found == {
        ((mmsi,), a, b)
        for mmsi, track in plain_tracks(rows).items()
        for a, b in plain.loitering(track, heard, far=lambda _: True)
    }


PORTS = (Port("ONE", 900, 900), Port("TWO", 60_000, 900))


def search(made: Clean, receivers: Receivers, **more: Any) -> tuple[Event, ...]:
    given_ = told(receivers, land=lambda: SEA, ports=PORTS, areas=(AREA,), reception=reception_of(made.heard), **more)
    return of_vessels(made, given_) + of_meetings(made, given_)


AREA = box("port", south=300, west=300, north=1500, east=1500)


@given(positions(), STATES, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_and_repeats_change_nothing(rows: list[Row], states: list[FeedInterval], rng: random.Random) -> None:
    shuffled = [*rows, *rng.choices(rows, k=5)]
    rng.shuffle(shuffled)
    one, two = states_of(states), states_of([*reversed(states), *states])
    assert search(clean(rows), one) == search(clean(shuffled), two)


@given(positions(), STATES)
@settings(max_examples=25, deadline=None)
def test_partitions_by_vessel_and_by_time_give_what_one_table_gives(
    rows: list[Row], states: list[FeedInterval]
) -> None:
    whole, receivers = clean(rows), states_of(states)
    parts = [clean([row for row in rows if row[0] == mmsi]) for mmsi in sorted({row[0] for row in rows})]
    reception = added([reception_of(part.heard) for part in parts])
    assert (reception.keys.tolist(), reception.counts.tolist()) == (
        reception_of(whole.heard).keys.tolist(), reception_of(whole.heard).counts.tolist(),
    )  # fmt: skip
    given_ = told(receivers, land=lambda: SEA, ports=PORTS, reception=reception)
    apart = [event for part in parts for event in of_vessels(part, given_)]
    assert sorted(apart, key=repr) == sorted(of_vessels(whole, given_), key=repr)
    slots = slots_of(whole, V2)
    found = [near(type(slots)(*(column[slots.slot % 3 == k] for column in slots)), V2) for k in range(3)]
    back = [np.flatnonzero(slots.slot % 3 == k) for k in range(3)]
    joined = Pairs(
        np.concatenate([rows_[pair.a] for pair, rows_ in zip(found, back, strict=True)]),
        np.concatenate([rows_[pair.b] for pair, rows_ in zip(found, back, strict=True)]),
    )
    assert set(meetings(whole, slots, joined, given_)) == set(find_encounters(whole, given_))


# --- encounters and gaps ------------------------------------------------------------------------------------------------------------


def alongside(hours: float, *, apart: int = 1000, step_ms: int = 10 * MINUTE) -> Clean:
    times = range(0, round(hours * HOUR) + 1, step_ms)
    return clean([(mmsi, t, 0, mmsi * apart) for mmsi in (1, 2) for t in times])


def test_two_hours_within_500_m_is_an_encounter_and_less_is_not() -> None:
    assert len(find_encounters(alongside(2), told())) == 1
    assert find_encounters(alongside(1.9), told()) == ()
    assert find_encounters(alongside(2, apart=2699), told()) == ()
    assert len(find_encounters(alongside(2, apart=2697), told())) == 1
    assert len(find_encounters(alongside(4, step_ms=HOUR - 1), told())) == 1
    assert find_encounters(alongside(6, step_ms=HOUR), told()) == ()


def test_meetings_of_an_hour_within_four_hours_are_one_and_fast_ones_are_none() -> None:
    def pair(*hours: tuple[int, int]) -> Clean:
        times = range(0, 13 * HOUR, 10 * MINUTE)
        near_at = lambda t: any(a * HOUR <= t <= b * HOUR for a, b in hours)  # noqa: E731 # a word for one line
        rows = [(1, t, 0, 0) for t in times] + [(2, t, 0, 500 if near_at(t) else 40_000) for t in times]
        return clean(rows)

    (one,) = find_encounters(pair((0, 1), (3, 4)), told())
    assert (one.from_ms, one.to_ms) == (0, 4 * HOUR)
    assert find_encounters(pair((0, 1), (6, 7)), told()) == ()
    both = find_encounters(pair((0, 2), (7, 9)), told())
    assert [(each.from_ms, each.to_ms) for each in both] == [(0, 2 * HOUR), (7 * HOUR, 9 * HOUR)]
    underway = [(mmsi, t, mmsi * 500, t // 100) for mmsi in (1, 2) for t in range(0, 4 * HOUR, 10 * MINUTE)]
    assert find_encounters(clean(underway), told()) == ()


def test_no_encounter_near_an_anchorage_or_across_a_silent_feed() -> None:
    rows = alongside(3)
    assert find_encounters(rows, told(ports=(Port("NEAR", 53_000, 0),))) == ()
    assert len(find_encounters(rows, told(ports=(Port("FAR", 55_000, 0),)))) == 1
    silent = [FeedInterval(0, 10**9, "live"), FeedInterval(80 * MINUTE, 81 * MINUTE, "silent")]
    assert find_encounters(rows, told(states_of(silent))) == ()
    assert find_encounters(rows, told(states_of([]))) == ()


def test_encounters_are_found_across_180_degrees_and_midnight_and_go_on() -> None:
    edge = 180 * DEGREE
    times = range(23 * HOUR, 26 * HOUR, 10 * MINUTE)
    rows = [(1, t, 0, edge - 500) for t in times] + [(2, t, 0, -edge + 500) for t in times]
    (event,) = find_encounters(clean(rows), told())
    assert (event.from_ms, event.to_ms) == (23 * HOUR, 26 * HOUR - 10 * MINUTE)
    (event,) = find_encounters(clean(rows), told(now_ms=27 * HOUR))
    assert event.to_ms is None


def test_two_numbers_of_one_ship_meet_but_two_ships_on_one_number_do_not() -> None:
    times = range(0, 3 * HOUR, 10 * MINUTE)
    one = [(1, t, 0, 0) for t in times] + [(1, t + MINUTE, 0, 1000) for t in times]
    assert find_encounters(clean(one), told()) == ()


def test_a_feed_outage_raises_no_gap() -> None:
    rows = [
        (mmsi, t, mmsi, 0) for mmsi in (1, 2, 3) for t in range(0, 40 * HOUR, MINUTE) if not 9 * HOUR <= t < 24 * HOUR
    ]
    made = clean(rows)
    receivers = receivers_of({"rec": table(rows)}, {})
    assert find_gaps(made, told(receivers, now_ms=40 * HOUR)) == ()
    quiet = [row for row in rows if row[0] != 1 or row[1] < HOUR]
    (gap,) = find_gaps(clean(quiet), told(receivers, now_ms=40 * HOUR))
    assert (gap.mmsi, gap.from_ms, gap.what) == ((1,), HOUR - MINUTE, "its feed fell silent")
    assert gap.to_ms == 9 * HOUR
    degraded = receivers_of({"rec": table(rows)}, {"rec": [FeedInterval(2 * HOUR, 10 * HOUR, "silent")]})
    assert find_gaps(clean(quiet), told(degraded, now_ms=40 * HOUR)) == ()


def test_no_gap_where_the_feed_was_silent_or_unknown() -> None:
    rows = clean([(1, 0, 0, 0), (1, 7 * HOUR, 0, 0)])
    assert len(find_gaps(rows, told(now_ms=8 * HOUR))) == 1
    silent = FeedInterval(3 * HOUR, 3 * HOUR + 1, "silent")
    states = [FeedInterval(0, 10 * HOUR, "live"), silent]
    assert find_gaps(rows, told(states_of(states), now_ms=8 * HOUR)) == ()
    assert find_gaps(rows, told(states_of([FeedInterval(0, 6 * HOUR, "live")]), now_ms=8 * HOUR)) == ()
    assert find_gaps(clean([]), told(now_ms=8 * HOUR)) == ()


def test_coverage_is_read_from_the_times_of_what_came() -> None:
    times = np.array([5, 0, 3, 5, 100, 102])
    assert heard_intervals(times, 10) == [FeedInterval(0, 15, "live"), FeedInterval(100, 112, "live")]
    assert heard_intervals(times, 95) == [FeedInterval(0, 197, "live")]
    assert heard_intervals(np.array([], dtype=np.int64), 10) == []


def test_an_open_gap_has_no_end_and_one_witness_and_says_how_sure_it_is() -> None:
    (event,) = find_gaps(clean([(1, 0, 5, 6)]), told(now_ms=7 * HOUR))
    assert (event.to_ms, len(event.evidence), event.lat_600000, event.lon_600000) == (None, 1, 5, 6)
    assert event.confidence == "low"  # nobody else was heard there
    with_others = clean([(1, 0, 5, 6), (2, 3 * HOUR, 5, 6)])
    (event,) = find_gaps(with_others, told(now_ms=7 * HOUR, reception=reception_of(with_others.heard)))
    assert event.confidence == "high"


def test_another_source_that_hears_a_vessel_ends_its_gap() -> None:
    far = cleaned({"a": table([(1, 0, 0, 0)]), "b": table([(1, 3 * HOUR, 0, 0), (1, 8 * HOUR, 0, 0)])})
    both = Receivers([Coverage(name, [FeedInterval(0, 10**12, "live")]) for name in "ab"])
    assert find_gaps(far, told(both, now_ms=9 * HOUR)) == ()
    (event,) = find_gaps(far, told(both, now_ms=15 * HOUR))
    assert (event.from_ms, event.coverage_ref) == (8 * HOUR, "b")


def test_a_long_silence_far_out_amid_reception_is_suspected() -> None:
    def rows(before: int, others: int) -> Clean:
        own = [(1, t * 10 * MINUTE, 5, 6) for t in range(before)]
        end = own[-1][1]
        near_by = [(2, end + (t + 1) * 13 * HOUR // (others + 1), 5, 5000) for t in range(others)]
        return clean([*own, *near_by, (1, end + 13 * HOUR, 5, 6)])

    def kinds(made: Clean, land: Land | None) -> list[str]:
        given_ = told(now_ms=16 * HOUR, land=lambda: land, reception=reception_of(made.heard))
        return [event.kind for event in find_gaps(made, given_) if event.mmsi == (1,)]

    assert kinds(rows(14, 20), SEA) == ["disabling-suspected", "gap"]
    assert kinds(rows(13, 20), SEA) == ["gap"]
    assert kinds(rows(14, 4), SEA) == ["gap"]
    assert kinds(rows(14, 20), ISLAND) == ["gap"]
    assert kinds(rows(14, 20), None) == ["gap"]


# --- areas --------------------------------------------------------------------------------------------------------------------------


def test_a_vessel_first_heard_inside_or_tacking_along_the_edge_does_not_enter() -> None:
    area = box("port", south=0, west=0, north=100, east=100)
    assert find_entries(clean([(1, 0, 50, 50), (1, MINUTE, 50, 60)]), area, told()) == ()
    tacking = [(1, k * MINUTE, 50, -10 if k % 2 else 10) for k in range(1, 30)]
    assert len(find_entries(clean(tacking), area, told())) == 1


# --- land and loitering -------------------------------------------------------------------------------------------------------------


def land_of(cells: set[tuple[int, int]], rows: int = 1800) -> Land:
    """Return a mask of tenths of a degree in which these cells, from north and from 180 degrees west, are land."""
    starts, edges = [0], list[int]()
    for row in range(rows):
        mine = sorted(column for at, column in cells if at == row)
        changes = [c for c in mine if c - 1 not in mine] + [c + 1 for c in mine if c + 1 not in mine]
        edges += sorted(changes)
        starts.append(len(edges))
    return Land(np.array(starts, np.int64), np.array(edges, np.int64), rows)


SEA = land_of(set())
ISLAND = land_of({(900, 1800), (900, 1801), (900, 3599), (901, 0)})
"""Land from the equator a tenth of a degree south, around longitude 0 and on both sides of 180 degrees."""


@given(st.integers(-300, 300), st.sampled_from([0, 1800, 3599]), st.integers(0, 40_000))
def test_distance_from_land_is_that_of_its_cells(off: int, column: int, metres: int) -> None:
    lat = -30_000 + off * 600
    lon = (column * 60_000 + 30_000 - 180 * DEGREE) + off * 300
    lon = (lon + 180 * DEGREE) % (360 * DEGREE) - 180 * DEGREE
    nearest = min(
        plain.metres((lat, lon), ((-60_000 * (row - 900)) - dy, (x * 60_000 - 180 * DEGREE) + dx))
        for row, x in ((900, 1800), (900, 1801), (900, 3599), (901, 0))
        for dx in range(0, 60_001, 2000)
        for dy in range(0, 60_001, 2000)
    )
    far = bool(ISLAND.farther(np.array([lat]), np.array([lon]), metres)[0])
    if abs(nearest - metres) > 11_200:  # a cell, and the step of this search
        assert far == (nearest > metres)


def test_land_is_where_its_cells_are_and_inland_is_where_no_sea_is_near() -> None:
    at = lambda lat, lon: (np.array([lat]), np.array([lon]))  # noqa: E731 # a word for one line
    assert ISLAND.on_land(*at(-1, 1))[0]
    assert not ISLAND.on_land(*at(1, 1))[0]
    assert ISLAND.on_land(*at(-1, 180 * DEGREE - 1))[0]
    assert not ISLAND.on_land(*at(-1, -180 * DEGREE))[0]
    assert not ISLAND.deeper(*at(-30_000, 60_000), 6_000)[0]
    assert ISLAND.deeper(*at(-30_000, 60_000), 5_000)[0]
    assert not SEA.deeper(*at(0, 0), 1)[0]


def test_four_slow_hours_far_out_are_loitering() -> None:
    rows = [(1, t, t // 40_000, 0) for t in range(0, 5 * HOUR, 10 * MINUTE)]
    (event,) = find_loitering(clean(rows), told(land=lambda: SEA))
    assert (event.from_ms, event.to_ms) == (0, 5 * HOUR - 10 * MINUTE)
    assert find_loitering(clean(rows[:18]), told(land=lambda: SEA)) == ()
    assert find_loitering(clean(rows), told(land=lambda: ISLAND)) == ()
    assert find_loitering(clean(rows), told()) == ()
    fast = [(1, t, t // 100, 0) for t in range(0, 5 * HOUR, 10 * MINUTE)]
    assert find_loitering(clean(fast), told(land=lambda: SEA)) == ()
    assert find_loitering(clean(rows), told(land=lambda: SEA, now_ms=5 * HOUR))[0].to_ms is None


# --- ports --------------------------------------------------------------------------------------------------------------------------

NORTH = 5_400  # of a kilometre, in 1/600000 degree


def call(kilometres: Sequence[float], speed_dkn: Sequence[int], step_ms: int = 10 * MINUTE) -> Clean:
    rows = [(1, k * step_ms, round(km * NORTH), 0) for k, km in enumerate(kilometres)]
    made = table(rows).set_column(4, SCHEMA.field("speed_dkn"), pa.array(speed_dkn, pa.int16()))
    return cleaned({"rec": made.cast(SCHEMA)})


def test_a_port_visit_is_graded_by_what_was_seen_of_it() -> None:
    harbour = told(ports=(Port("HARBOUR", 0, 0),))
    way_in, berth, way_out = [9.0, 6.0, 3.5], [2.5, 1.0, 0.5, 0.5], [3.5, 5.0, 8.0]
    whole = call([*way_in, *berth, *way_out], [100] * 4 + [20, 2, 1] + [100] * 3)
    (event,) = find_visits(whole, harbour)
    assert (event.place, event.what, event.confidence) == ("HARBOUR", "grade 4 of 4", "high")
    assert (event.from_ms, event.to_ms) == (30 * MINUTE, 80 * MINUTE)  # still in port between the two distances
    (event,) = find_visits(call([*way_in, *berth], [100] * 4 + [20, 2, 1]), told(ports=harbour.ports, now_ms=2 * HOUR))
    assert (event.what, event.to_ms) == ("grade 3 of 4", None)
    (event,) = find_visits(call(berth, [1] * 4), harbour)
    assert (event.what, event.to_ms) == ("grade 2 of 4", 30 * MINUTE + 1)
    passing = call([*way_in, *berth, *way_out], [100] * 10)
    assert find_visits(passing, harbour) == ()
    assert [visit.grade for visit in visits(passing, harbour)] == [1]
    silent = call([9.0, 1.0, 1.0, 9.0], [100] * 4, step_ms=4 * HOUR)
    assert [visit.grade for visit in visits(silent, harbour)] == [4]
    assert find_visits(whole, told()) == ()


def test_aircraft_and_beacons_are_no_ships() -> None:
    rows = [(mmsi, t * MINUTE, t * 60_000, 0) for mmsi in (111_232_506, 970_011_111, 992_351_000) for t in range(5)]
    assert len(clean(rows).heard.mmsi) == 0


def test_the_set_of_thresholds_is_known_by_its_digest() -> None:
    assert V2.digest() == "90a207ae5dab030cb92ad8308fbc14c0f48e09159d572232fec08970f8424f5d"
    assert V2.id == "kizuna.maritime.thresholds.v2"


def test_the_simulated_script_shows_its_gap_and_its_meeting() -> None:
    start_ms = 1_790_000_000_000
    traffic = Traffic(7, 200, start_ms, regions=("bengal",))
    reader = AisReader()
    lines = traffic.history(8) + traffic.step(start_ms + 30_000)
    reports = [item.position for item in reader.feed(b"".join(lines)) if isinstance(item, AisMessage)]
    tables = {"sim": from_reports([report for report in reports if report is not None], received_ms=0)}
    made = cleaned(tables)
    anchorages = tuple(Port(each.name, *(round(part * DEGREE) for part in each.centre)) for each in ANCHORAGES)
    given_ = told(receivers_of(tables, {}), now_ms=start_ms + 30_000, ports=anchorages)
    (gap,) = find_gaps(made, given_)
    assert gap.mmsi == (GAP_MMSI,)
    assert gap.to_ms is not None
    (meeting,) = find_encounters(made, given_)
    assert meeting.mmsi == tuple(sorted(MEETING_MMSI))
    assert find_speeds(made, given_) == find_turns(made, given_) == find_clashes(made, given_) == ()
