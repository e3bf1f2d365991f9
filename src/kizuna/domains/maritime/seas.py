"""Where simulated ships sail: lanes, ferry lines, fishing grounds, anchorages and patrol areas, all on water.

Waypoints were chosen by hand in open water from general knowledge of the coasts; they are not for navigation.
Only `kizuna.domains.maritime.traffic` reads this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kizuna.domains.maritime.geodesy import Point


class Lane(NamedTuple):
    """A shipping lane; ships keep to starboard of its centre line, at most `width_nm` away."""

    region: str
    name: str
    width_nm: float
    points: tuple[Point, ...]


class Ground(NamedTuple):
    """A round patch of sea."""

    region: str
    name: str
    radius_nm: float
    centre: Point


REGIONS = {
    "bengal": "sim-chennai",
    "malacca": "sim-singapore",
    "east-china": "sim-naha",
}
"""Region to the name of its simulated receiver; the prefix `sim-` tells that nothing here is real."""

LANES = (
    Lane(
        "bengal",
        "CHENNAI",
        4.0,
        ((13.10, 80.55), (12.20, 83.00), (10.00, 87.50), (7.60, 92.00), (6.40, 94.50)),
    ),
    Lane(
        "bengal",
        "HALDIA",
        4.0,
        ((20.80, 88.30), (17.50, 88.60), (13.00, 89.50), (9.00, 92.00), (6.45, 94.40)),
    ),
    Lane(
        "bengal",
        "COLOMBO",
        3.0,
        ((5.60, 80.50), (5.75, 83.00), (6.00, 88.00), (6.30, 93.00), (6.40, 94.50)),
    ),
    Lane(
        "malacca",
        "SINGAPORE",
        0.4,
        (
            (6.38, 94.60),
            (6.32, 95.70),
            (5.90, 97.40),
            (4.90, 98.90),
            (3.60, 100.20),
            (2.88, 100.92),
            (2.32, 101.72),
            (1.93, 102.20),
            (1.55, 102.80),
            (1.25, 103.38),
            (1.16, 103.66),
            (1.19, 103.87),
            (1.25, 104.10),
            (1.28, 104.40),
            (1.90, 105.10),
        ),
    ),
    Lane(
        "east-china",
        "YOKOHAMA",
        3.0,
        (
            (26.40, 121.60),
            (28.50, 124.00),
            (30.60, 127.60),
            (30.95, 129.60),
            (30.91, 130.66),
            (31.30, 131.80),
            (32.20, 133.40),
            (33.10, 135.80),
            (34.10, 138.30),
        ),
    ),
    Lane("east-china", "SHANGHAI", 3.0, ((30.90, 123.30), (31.00, 125.50), (32.00, 127.90), (32.60, 128.30))),
    Lane("east-china", "OKINAWA", 2.0, ((26.15, 127.40), (27.60, 127.70), (29.00, 128.80), (30.85, 129.55))),
)

FERRIES = (
    Lane("bengal", "HAVELOCK", 0.2, ((11.72, 92.82), (11.85, 92.90), (11.97, 92.91))),
    Lane("malacca", "PENANG", 0.5, ((5.50, 100.12), (4.80, 99.50), (3.98, 98.88))),
    Lane("east-china", "FUKUE", 0.3, ((32.70, 129.66), (32.75, 129.30), (32.72, 128.98))),
)

FISHING = (
    Ground("bengal", "VIZAG BANK", 9.0, (17.15, 84.20)),
    Ground("bengal", "SANDHEADS", 8.0, (20.55, 88.75)),
    Ground("bengal", "COROMANDEL", 7.0, (10.70, 80.75)),
    Ground("malacca", "ACEH", 8.0, (5.85, 98.30)),
    Ground("east-china", "DANJO", 10.0, (31.20, 127.40)),
    Ground("east-china", "SENTO", 10.0, (29.30, 125.80)),
)

ANCHORAGES = (
    Ground("bengal", "CHENNAI", 2.5, (13.12, 80.43)),
    Ground("malacca", "SINGAPORE", 2.0, (1.42, 104.42)),
    Ground("east-china", "SHANGHAI", 3.0, (30.90, 122.95)),
)

PATROLS = (
    ("ind", Lane("bengal", "", 1.0, ((9.0, 88.5), (10.2, 89.6), (11.0, 88.6), (10.0, 87.4)))),
    ("ind", Lane("bengal", "", 1.0, ((7.3, 92.6), (7.8, 92.2), (8.6, 91.4), (7.9, 91.0)))),
    (
        "jpn",
        Lane("east-china", "", 1.0, ((28.20, 126.40), (29.20, 127.20), (29.90, 126.50), (28.90, 125.60))),
    ),
    (
        "jpn",
        Lane("east-china", "", 1.0, ((32.10, 127.60), (31.50, 128.60), (30.95, 128.30), (31.60, 127.20))),
    ),
)
"""Party and closed course of its own units."""

MEETING: Point = (9.20, 86.40)
"""Where two ships of the script meet: open sea, far from every anchorage."""

FIRST_NAMES = (
    "AMBER BLUE CORAL DAWN EASTERN FALCON GOLDEN HARBOUR INDIGO JADE KITE LOTUS MERIDIAN NORTHERN OPAL",
    "PEARL QUIET RIVER SILVER TIDE UPLAND VALIANT WESTERN YELLOW ZEPHYR",
)
LAST_NAMES = (
    "ALLIANCE BREEZE CREST DELTA ENDEAVOUR FORTUNE GLORY HORIZON ISLAND JOURNEY KEEL LANTERN MONSOON",
    "NAVIGATOR OCEAN PIONEER QUEST RESOLVE SPIRIT TRADER UNITY VOYAGER WIND",
)
"""Words of invented ship names."""

FLAGS = (419, 431, 432, 563, 525, 533, 636, 538, 477, 352, 405, 417, 567, 440, 574)
"""Maritime identification digits: India, Japan (2), Singapore, Indonesia, Malaysia, Liberia and others."""
