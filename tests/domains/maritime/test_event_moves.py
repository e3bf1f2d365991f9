"""Moves that no ship makes, identities that change or clash, and what lies in an area."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.domains.maritime.events.area import WatchArea, inside
from kizuna.domains.maritime.events.identity import Named, find_changes, find_clashes
from kizuna.domains.maritime.events.moves import find_on_land, find_speeds, find_together, find_turns
from kizuna.domains.maritime.geodesy import Point, destination
from kizuna.errors import RecordError
from tests.domains.maritime.test_events import DEGREE, HOUR, MINUTE, Row, clean, land_of, told


def sailing(mmsi: int, begin: Point, course: float, speed_kn: float, rows: int, step_ms: int = 5 * MINUTE) -> list[Row]:
    places = [destination(begin, course, speed_kn * 1852 / 3600 * k * step_ms / 1000) for k in range(rows)]
    return [(mmsi, k * step_ms, round(lat * DEGREE), round(lon * DEGREE)) for k, (lat, lon) in enumerate(places)]


def test_a_jump_is_an_impossible_speed_with_the_reason_of_cleaning() -> None:
    rows = sailing(1, (10.0, 80.0), 90.0, 12, 30)
    rows[11] = (1, rows[11][1], 12 * DEGREE, 81 * DEGREE)
    (event,) = find_speeds(clean(rows), told())
    assert (event.what, [each.time_ms for each in event.evidence]) == ("position-jump", [rows[10][1], rows[11][1]])
    assert find_speeds(clean(sailing(1, (10.0, 80.0), 90.0, 12, 30)), told()) == ()


def test_a_fast_vessel_that_turns_back_at_once_does_what_no_ship_does() -> None:
    forth = sailing(1, (10.0, 80.0), 90.0, 40, 3, step_ms=15_000)
    back = [(1, forth[-1][1] + (k + 1) * 15_000, lat, lon) for k, (_, _, lat, lon) in enumerate(reversed(forth[:-1]))]
    (event,) = find_turns(clean(forth + back), told())
    assert event.what == "180 degrees"
    assert len(event.evidence) == 3
    slow = sailing(1, (10.0, 80.0), 90.0, 5, 3, step_ms=15_000)
    assert find_turns(clean([*slow, (1, 45_000, slow[1][2], slow[1][3])]), told()) == ()


def test_a_vessel_put_on_land_is_told_and_one_that_sails_up_a_river_is_not() -> None:
    continent = land_of({(row, column) for row in range(890, 910) for column in range(1800, 1900)})
    at_sea = [(1, k * 5 * MINUTE, 0, -60_000 + k * 1_000) for k in range(10)]
    inland = [(1, (10 + k) * 5 * MINUTE, 0, 300_000 + k * 10) for k in range(4)]
    (event,) = find_on_land(clean(at_sea + inland), told(land=lambda: continent))
    assert (event.from_ms, event.to_ms, event.confidence) == (50 * MINUTE, 65 * MINUTE + 1, "high")
    river = [(1, k * 5 * MINUTE, 0, -60_000 + k * 9_000) for k in range(60)]
    assert find_on_land(clean(river), told(land=lambda: continent)) == ()
    lake = [(1, k * 5 * MINUTE, 0, 300_000 + k * 70_000) for k in range(3)]
    assert find_on_land(clean(lake), told(land=lambda: continent)) == ()
    assert find_on_land(clean(at_sea + inland), told()) == ()


def test_vessels_that_jump_together_tell_of_interference() -> None:
    def jumping(mmsi: int, at: int) -> list[Row]:
        rows = sailing(mmsi, (43.0 + mmsi / 100, 36.0), 90.0, 10, 40, step_ms=MINUTE)
        return [(m, t, *((26_000_000, 24_000_000) if at <= k < at + 8 else (lat, lon))) for k, (m, t, lat, lon) in enumerate(rows)]  # fmt: skip

    (event, back) = find_together(clean([*jumping(1, 20), *jumping(2, 23), *jumping(3, 21)]), told())
    assert event.mmsi == back.mmsi == (1, 2, 3)
    assert (event.from_ms, event.to_ms, event.what) == (20 * MINUTE, 23 * MINUTE + 1, "3 vessels")
    assert find_together(clean([*jumping(1, 20), *jumping(2, 23)]), told()) == ()
    assert find_together(clean([*jumping(1, 2), *jumping(2, 13), *jumping(3, 26)]), told()) == ()


def test_two_ships_on_one_number_clash_and_a_changed_name_is_told() -> None:
    rows = sailing(1, (10.0, 80.0), 90.0, 12, 40)
    rows += [(m, t + MINUTE, lat, lon) for m, t, lat, lon in sailing(1, (35.0, 130.0), 200.0, 9, 40)]
    (event,) = find_clashes(clean(rows), told())
    assert (event.from_ms, event.to_ms) == (MINUTE, 39 * 5 * MINUTE + 1)
    assert len(event.evidence) == 4
    assert find_clashes(clean(rows), told(now_ms=10 * HOUR))[0].to_ms is None
    reports = [
        Named(1, 5, "a", "OLD", None, "CALL"), Named(1, 9, "a", None, 9_074_729, "CALL"), Named(1, 12, "b", "NEW", None, None),
        Named(1, 20, "a", "NEW", 9_074_729, None),
    ]  # fmt: skip
    for order in itertools.permutations(reports):
        (change,) = find_changes(order, told())
        assert (change.from_ms, change.what) == (20, "name `OLD` became `NEW`")


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
