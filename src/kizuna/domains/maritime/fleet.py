"""The simulated ships: who they are and which course each one keeps.

All names, numbers and call signs are invented.

`kizuna.domains.maritime.traffic` lets them speak; this module only builds them from a seeded `random.Random`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kizuna.domains.maritime import seas
from kizuna.domains.maritime.courses import Course, Timed, Wander, closed_loop, there_and_back
from kizuna.domains.maritime.geodesy import NAUTICAL_MILE_M, destination

if TYPE_CHECKING:
    from random import Random

HOUR_MS = 3_600_000
MINUTE_MS = 60_000

GAP_MMSI = 419_970_101
"""The ship of the script that falls silent."""

MEETING_MMSI = (563_970_201, 419_970_202)
"""The two ships of the script that meet at sea."""

CLASH_MMSI = 525_970_301
"""The number that two ships of the script both use."""

OWN_UNITS = {"ind": (419_990_001, 419_990_002), "jpn": (431_990_001, 431_990_002)}
"""Party to the numbers of its own simulated units: what a release leaves out."""

GAP_BEFORE_START_MS = 7 * HOUR_MS + 30 * MINUTE_MS
"""The silent ship's last report comes this long before the start..."""

GAP_AFTER_START_MS = 4_000
"""...and its next one this long after it."""

MEETING_FROM_MS = -5 * HOUR_MS
MEETING_TO_MS = -2 * HOUR_MS
"""From when to when, seen from the start, the two ships lie alongside."""

CARGO, TANKER, PASSENGER, FISHING, MILITARY = 70, 80, 60, 30, 35
"""Ship types (ITU-R M.1371-5 table 53)."""

AT_ANCHOR, UNDER_WAY, ENGAGED_IN_FISHING = 1, 0, 7


class Ship(NamedTuple):
    """One ship and the silence, if any, that the script gives it."""

    mmsi: int
    name: str
    callsign: str
    imo_no: int | None
    ship_type: int
    length_m: int
    beam_m: int
    draught_dm: int
    destination: str
    nav_status: int
    class_b: bool
    region: str
    course: Course
    silent_ms: tuple[int, int] | None = None
    """Half-open interval in which it sends nothing."""


def build(rng: Random, vessels: int, start_ms: int) -> tuple[Ship, ...]:
    """Return about `vessels` ships.

    The scripted ones and the own units always, the others in fixed shares.
    """
    script = [*_own_units(rng), *_scripted(rng, start_ms)]
    others = max(0, vessels - len(script))
    fishing, anchored, ferries = others // 5, others // 8, others // 16
    ships = script
    ships += [_lane_ship(rng, n) for n in range(others - fishing - anchored - ferries)]
    ships += [_fishing_boat(rng, n) for n in range(fishing)]
    ships += [_anchored_ship(rng, n) for n in range(anchored)]
    ships += [_ferry(rng, n) for n in range(ferries)]
    return tuple(ships)


def _name(rng: Random) -> str:
    first, last = (rng.choice(" ".join(words).split()) for words in (seas.FIRST_NAMES, seas.LAST_NAMES))
    return f"{first} {last}"


def _mmsi(rng: Random, serial: int) -> int:
    return rng.choice(seas.FLAGS) * 10**6 + 100_000 + serial


def _callsign(rng: Random) -> str:
    return "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(3)) + str(rng.randrange(10, 9999))


def _imo_no(rng: Random) -> int:
    """Return seven digits of which the last is the check digit: the sum of the others times 7 down to 2."""
    digits = [9, *(rng.randrange(10) for _ in range(5))]
    check = sum(digit * weight for digit, weight in zip(digits, range(7, 1, -1), strict=True)) % 10
    return int("".join(map(str, [*digits, check])))


def _merchant(rng: Random, mmsi: int, region: str, course: Course, to: str) -> Ship:
    length_m = rng.randrange(90, 366)
    return Ship(
        mmsi,
        _name(rng),
        _callsign(rng),
        _imo_no(rng),
        rng.choice((CARGO, CARGO, TANKER)),
        length_m,
        min(61, length_m // 6),
        rng.randrange(60, 145),
        to,
        UNDER_WAY,
        class_b=False,
        region=region,
        course=course,
    )


def _lane_ship(rng: Random, serial: int) -> Ship:
    lane = seas.LANES[serial % len(seas.LANES)]
    offset_nm = rng.uniform(0.25, 1.0) * lane.width_nm
    course = there_and_back(lane.points, offset_nm, rng.uniform(9.5, 20.5), rng.random())
    return _merchant(rng, _mmsi(rng, serial), lane.region, course, lane.name)


def _fishing_boat(rng: Random, serial: int) -> Ship:
    ground = seas.FISHING[serial % len(seas.FISHING)]
    bearing, away_m = rng.uniform(0, 360), rng.uniform(0, ground.radius_nm) * NAUTICAL_MILE_M
    radius_m = rng.uniform(1500, 4500)
    # a mean of some three knots along the curve
    period_ms = radius_m * 4.0 / 1.6 * 1000
    periods = period_ms * rng.uniform(0.8, 1.0), period_ms * rng.uniform(1.05, 1.4)
    course = Wander(destination(ground.centre, bearing, away_m), radius_m, periods, _phases(rng))
    return Ship(
        _mmsi(rng, 20_000 + serial),
        _name(rng),
        _callsign(rng),
        None,
        FISHING,
        rng.randrange(14, 40),
        rng.randrange(4, 9),
        30,
        ground.name,
        ENGAGED_IN_FISHING,
        class_b=rng.random() < 0.7,  # noqa: PLR2004 # most boats carry the smaller set
        region=ground.region,
        course=course,
    )


def _phases(rng: Random) -> tuple[float, float]:
    return rng.uniform(0, 6.28), rng.uniform(0, 6.28)


def _anchored_ship(rng: Random, serial: int) -> Ship:
    ground = seas.ANCHORAGES[serial % len(seas.ANCHORAGES)]
    bearing, away_m = rng.uniform(0, 360), rng.uniform(0.1, 1.0) * ground.radius_nm * NAUTICAL_MILE_M
    # a ship swings with the tide, on about twice her length of chain
    periods = 12.4 * HOUR_MS, 12.4 * HOUR_MS * rng.uniform(0.9, 1.1)
    course = Wander(destination(ground.centre, bearing, away_m), rng.uniform(80, 160), periods, _phases(rng))
    ship = _merchant(rng, _mmsi(rng, 40_000 + serial), ground.region, course, ground.name)
    return ship._replace(nav_status=AT_ANCHOR)


def _ferry(rng: Random, serial: int) -> Ship:
    line = seas.FERRIES[serial % len(seas.FERRIES)]
    stay_ms = rng.randrange(15, 40) * MINUTE_MS
    course = there_and_back(line.points, line.width_nm, rng.uniform(13.0, 22.0), rng.random(), stay_ms)
    ship = _merchant(rng, _mmsi(rng, 60_000 + serial), line.region, course, line.name)
    return ship._replace(ship_type=PASSENGER, length_m=80, beam_m=14, draught_dm=35)


def _own_units(rng: Random) -> list[Ship]:
    """Return the patrol ships; their routes are closed and they name no destination."""
    ships: list[Ship] = []
    for party, numbers in OWN_UNITS.items():
        patrols = [lane for of, lane in seas.PATROLS if of == party]
        for number, lane in zip(numbers, patrols, strict=True):
            course = closed_loop(lane.points, rng.uniform(11.0, 15.0), rng.random())
            ship = _merchant(rng, number, lane.region, course, "")
            name = f"SIM PATROL {number % 100}"
            ships.append(ship._replace(name=name, imo_no=None, ship_type=MILITARY, length_m=140, beam_m=17))
    return ships


def _scripted(rng: Random, start_ms: int) -> list[Ship]:
    """Return the ship that falls silent, the two that meet, and the two that share a number."""
    bengal, malacca, east_china = seas.LANES[0], seas.LANES[3], seas.LANES[4]
    course = there_and_back(bengal.points, 2.0, 12.5, rng.random())
    silent = start_ms - GAP_BEFORE_START_MS, start_ms + GAP_AFTER_START_MS
    gap = _merchant(rng, GAP_MMSI, "bengal", course, bengal.name)._replace(name="SIM QUIET TRADER", silent_ms=silent)
    ships = [gap, *_meeting(rng, start_ms)]
    for lane in (malacca, east_china):
        course = there_and_back(lane.points, lane.width_nm / 2, rng.uniform(11.0, 14.0), rng.random())
        ships.append(_merchant(rng, CLASH_MMSI, lane.region, course, lane.name))
    return ships


def _meeting(rng: Random, start_ms: int) -> list[Ship]:
    """Return two ships that come from different sides, drift side by side for three hours, and part."""
    begin, end = start_ms + MEETING_FROM_MS, start_ms + MEETING_TO_MS
    alongside = destination(seas.MEETING, 0, 220)
    ships: list[Ship] = []
    for number, berth, came, leaves in (
        (MEETING_MMSI[0], seas.MEETING, 250, 150),
        (MEETING_MMSI[1], alongside, 320, 200),
    ):
        drifted = destination(berth, 90, 1.4 * NAUTICAL_MILE_M)
        course = Timed(
            (begin - 6 * HOUR_MS, begin, end, end + 40 * HOUR_MS),
            (
                destination(berth, came, 64 * NAUTICAL_MILE_M),
                berth,
                drifted,
                destination(drifted, leaves, 400 * NAUTICAL_MILE_M),
            ),
        )
        ships.append(_merchant(rng, number, "bengal", course, "FOR ORDERS"))
    return ships
