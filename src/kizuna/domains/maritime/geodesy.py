"""Distances, bearings and interpolation on the sphere: metres and degrees, plain Python.

A sphere of mean radius is within 0.6 percent of the ellipsoid, far below what AIS thresholds can tell apart.
The vectorised form for events is in `kizuna.domains.maritime.events`.
"""

from __future__ import annotations

import math

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the earth (IUGG)."""

NAUTICAL_MILE_M = 1852.0
KNOT_M_S = NAUTICAL_MILE_M / 3600.0

Point = tuple[float, float]
"""Latitude north and longitude east, degrees."""


def distance_m(a: Point, b: Point) -> float:
    """Return the great-circle distance in metres (haversine)."""
    lat_a, lat_b = math.radians(a[0]), math.radians(b[0])
    half_lat = (lat_b - lat_a) / 2
    half_lon = math.radians(b[1] - a[1]) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def bearing_deg(a: Point, b: Point) -> float:
    """Return the initial true bearing from `a` to `b`, 0 up to 360 degrees."""
    lat_a, lat_b = math.radians(a[0]), math.radians(b[0])
    d_lon = math.radians(b[1] - a[1])
    east = math.sin(d_lon) * math.cos(lat_b)
    north = math.cos(lat_a) * math.sin(lat_b) - math.sin(lat_a) * math.cos(lat_b) * math.cos(d_lon)
    return math.degrees(math.atan2(east, north)) % 360.0


def destination(a: Point, bearing: float, distance: float) -> Point:
    """Return the point `distance` metres from `a` along the great circle that starts at `bearing` degrees."""
    angle = distance / EARTH_RADIUS_M
    lat, theta = math.radians(a[0]), math.radians(bearing)
    sin_lat = math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(theta)
    east = math.sin(theta) * math.sin(angle) * math.cos(lat)
    north = math.cos(angle) - math.sin(lat) * sin_lat
    lon = a[1] + math.degrees(math.atan2(east, north))
    return math.degrees(math.asin(sin_lat)), (lon + 540.0) % 360.0 - 180.0


def between(a: Point, b: Point, share: float) -> Point:
    """Return the point that lies `share` (0 to 1) of the way from `a` to `b` on their great circle."""
    return destination(a, bearing_deg(a, b), distance_m(a, b) * share)
