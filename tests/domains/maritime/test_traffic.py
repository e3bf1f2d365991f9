"""Simulated traffic is repeatable, plausible and follows its script."""

from collections import defaultdict
from itertools import pairwise

import pytest
from pyais import decode as pyais_decode

from kizuna.domains.maritime.courses import motion
from kizuna.domains.maritime.fleet import (
    CLASH_MMSI,
    GAP_AFTER_START_MS,
    GAP_BEFORE_START_MS,
    GAP_MMSI,
    HOUR_MS,
    MEETING_FROM_MS,
    MEETING_MMSI,
    MEETING_TO_MS,
    OWN_UNITS,
)
from kizuna.domains.maritime.geodesy import KNOT_M_S, distance_m
from kizuna.domains.maritime.traffic import Traffic
from kizuna.formats.ais import AisMessage, AisReader, PositionReport

START_MS = 1_790_000_000_000

# rough boxes of land (south, west, north, east) that lanes pass near
LAND = [
    (8.5, 77.2, 13.0, 79.7),  # Tamil Nadu
    (6.2, 80.0, 8.5, 81.3),  # Sri Lanka
    (11.6, 92.5, 11.68, 92.7),  # South Andaman
    (-2.0, 98.5, 2.0, 100.9),  # Sumatra
    (2.6, 101.7, 6.0, 103.0),  # Malay peninsula
    (1.5, 103.1, 2.5, 104.0),  # Johor
    (31.2, 130.2, 33.2, 131.4),  # Kyushu
    (33.6, 133.0, 34.2, 134.0),  # Shikoku
    (33.6, 135.5, 34.5, 136.1),  # Kii
    (34.8, 137.0, 36.0, 139.0),  # Honshu
    (24.0, 120.6, 25.0, 121.6),  # Taiwan
    (29.0, 119.0, 31.5, 121.7),  # Zhejiang
]


def positions(lines: list[bytes]) -> list[PositionReport]:
    reader = AisReader()
    items = reader.feed(b"".join(lines)) + reader.close()
    assert not reader.counts.rejected
    messages = [item for item in items if isinstance(item, AisMessage)]
    return [message.position for message in messages if message.position is not None]


@pytest.fixture(scope="module")
def told() -> tuple[Traffic, list[PositionReport], list[PositionReport]]:
    traffic = Traffic(7, 150, START_MS)
    return traffic, positions(traffic.history(8)), positions(traffic.step(START_MS + 30_000))


def test_the_same_seed_speaks_the_same_bytes_however_it_is_asked() -> None:
    one, two = Traffic(3, 60, START_MS), Traffic(3, 60, START_MS)
    assert one.history(1) == two.history(1)
    at_once = one.step(START_MS + 600_000)
    in_steps = [line for k in range(1, 61) for line in two.step(START_MS + k * 10_000)]
    assert at_once == in_steps
    assert Traffic(4, 60, START_MS).step(START_MS + 600_000) != at_once


def test_history_and_live_are_in_order_of_time_and_inside_it(
    told: tuple[Traffic, list[PositionReport], list[PositionReport]],
) -> None:
    _, history, live = told
    times = [report.received_ms or 0 for report in history + live]
    assert times == sorted(times)
    assert times[0] >= START_MS - 8 * HOUR_MS
    assert (history[-1].received_ms or 0) < START_MS <= (live[0].received_ms or 0)


def test_every_sentence_passes_pyais_with_its_checksum() -> None:
    for line in Traffic(5, 80, START_MS).step(START_MS + 5_000):
        bare = line.rpartition(b"\\")[2].strip()
        if b",1,1,," in bare:
            pyais_decode(bare, error_if_checksum_invalid=True)


def test_ships_move_as_they_say(told: tuple[Traffic, list[PositionReport], list[PositionReport]]) -> None:
    tracks = defaultdict(list)
    for report in told[1]:
        tracks[report.mmsi].append(report)
    for mmsi, track in tracks.items():
        if mmsi == CLASH_MMSI:
            continue
        for a, b in pairwise(track):
            seconds = ((b.received_ms or 0) - (a.received_ms or 0)) / 1000
            here = (a.lat_600000 or 0) / 600_000, (a.lon_600000 or 0) / 600_000
            there = (b.lat_600000 or 0) / 600_000, (b.lon_600000 or 0) / 600_000
            assert distance_m(here, there) / seconds / KNOT_M_S < 24


def test_ships_stay_on_water() -> None:
    traffic = Traffic(11, 200, START_MS)
    for ship in traffic.fleet:
        for hours in range(0, 400, 7):
            fix = motion(ship.course, START_MS + hours * HOUR_MS)
            for south, west, north, east in LAND:
                on_land = south < fix.lat_deg < north and west < fix.lon_deg < east
                assert not on_land, (ship.name, ship.region, fix)


def test_the_script_has_its_silence_its_meeting_and_its_clash(
    told: tuple[Traffic, list[PositionReport], list[PositionReport]],
) -> None:
    _, history, live = told
    silent = [r.received_ms or 0 for r in history + live if r.mmsi == GAP_MMSI]
    before = max(t for t in silent if t < START_MS)
    after = min(t for t in silent if t >= START_MS)
    assert before < START_MS - GAP_BEFORE_START_MS
    assert START_MS + GAP_AFTER_START_MS <= after < START_MS + 30_000
    one, two = ([r for r in history if r.mmsi == mmsi] for mmsi in MEETING_MMSI)
    inside = [r for r in one + two if MEETING_FROM_MS <= (r.received_ms or 0) - START_MS < MEETING_TO_MS - 60_000]
    assert all((r.speed_dkn or 0) < 20 for r in inside)
    traffic = told[0]
    courses = [ship.course for ship in traffic.fleet if ship.mmsi in MEETING_MMSI]
    for minute in range(180):
        a, b = (course.at(START_MS + MEETING_FROM_MS + minute * 60_000) for course in courses)
        assert distance_m(a, b) < 400
    places = {round((r.lon_600000 or 0) / 6_000_000) for r in history if r.mmsi == CLASH_MMSI}
    assert len(places) >= 2


def test_regions_split_the_fleet_and_own_units_are_there() -> None:
    east = Traffic(7, 150, START_MS, regions=("east-china",))
    both = Traffic(7, 150, START_MS)
    assert {ship.region for ship in east.fleet} == {"east-china"}
    assert set(OWN_UNITS["jpn"]) <= {ship.mmsi for ship in east.fleet}
    assert len(both.fleet) == 150
    assert {mmsi for numbers in OWN_UNITS.values() for mmsi in numbers} <= {s.mmsi for s in both.fleet}
    assert len({ship.mmsi // 10**6 for ship in both.fleet}) > 8
