"""What an event is, and the thresholds it cites."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["gap", "encounter", "zone-entry"]
Confidence = Literal["low", "high"]


class ThresholdSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers that decide; a change of any of them is a new id.

    Values of version 1 are those that Global Fishing Watch publishes (technical documentation, 2025-10).
    """

    area_rearm_ms: int = 1_800_000
    """A vessel enters an area again only after this long outside: no alarm for tacking along its edge."""
    encounter_anchorage_m: int = 10_000
    """Encounters count from this distance from every anchorage."""
    encounter_distance_m: int = 500
    encounter_grid_ms: int = 600_000
    """Tracks are compared at the full multiples of this."""
    encounter_max_interpolation_ms: int = 3_600_000
    """A track is drawn between reports at most this far apart."""
    encounter_min_ms: int = 7_200_000
    encounter_speed_dkn: int = 20
    """Both vessels are slower than this."""
    gap_over_ms: int = 21_600_000
    """A gap is longer than this."""
    id: str = "kizuna.maritime.thresholds.v1"


V1 = ThresholdSet()


class Evidence(msgspec.Struct, frozen=True, order=True):
    """A position report that an event rests on, by vessel and time."""

    mmsi: int
    time_ms: int


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the positions show."""

    area: str | None = None
    """The area that was entered."""
    confidence: Confidence
    """High where the feed was live throughout, low where it was degraded."""
    coverage_ref: str
    """Whose feed states were held against it."""
    evidence: tuple[Evidence, ...]
    from_ms: int
    kind: Kind
    lat_600000: int
    lon_600000: int
    mmsi: tuple[int, ...]
    """The vessels, ascending."""
    threshold_set_id: str
    to_ms: int | None
    """End, exclusive; None while a gap is still open."""


def in_order(events: list[Event]) -> tuple[Event, ...]:
    """Return the events by start, vessels and area, so that equal input gives equal output."""
    return tuple(sorted(events, key=lambda event: (event.from_ms, event.mmsi, event.area or "")))
