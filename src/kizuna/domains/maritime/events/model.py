"""What an event is, and the thresholds it cites."""

from __future__ import annotations

import hashlib
from collections.abc import Collection  # msgspec reads the annotations of a struct
from typing import Literal

import msgspec

from kizuna.kernel import canonical

Kind = Literal[
    "disabling-suspected", "encounter", "gap", "identity-change", "identity-clash", "impossible-speed", "impossible-turn",
    "loitering", "on-land", "port-visit", "simultaneous-jumps", "zone-entry",
]  # fmt: skip
Confidence = Literal["low", "medium", "high"]


class ThresholdSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers that decide; a change of any of them is a new id, and the digest tells if somebody forgot that.

    Those of encounter, loitering, port visit, gap and suspected disabling are what Global Fishing Watch publishes (technical documentation,
    2025-10); the others are ours.
    """

    area_rearm_ms: int = 1_800_000
    """A vessel enters an area again only after this long outside: no alarm for tacking along its edge."""
    disabling_before_ms: int = 43_200_000
    disabling_before_rows: int = 14
    """So many positions of the vessel in the time before a gap, or its silence says nothing."""
    disabling_over_ms: int = 43_200_000
    """A gap that is suspected lasts at least this long."""
    disabling_reception_per_day: int = 10
    """More positions a day than this were received of others in the cell where the gap begins."""
    disabling_shore_m: int = 92_600
    """It begins at least 50 nautical miles from the shore."""
    encounter_anchorage_m: int = 10_000
    """Encounters count from this distance from every anchorage and port."""
    encounter_between_ms: int = 14_400_000
    """Meetings of one pair with less than this between them are one."""
    encounter_distance_m: int = 500
    encounter_grid_ms: int = 600_000
    """Tracks are compared at the full multiples of this."""
    encounter_max_interpolation_ms: int = 3_600_000
    """A track is drawn between reports that are less than this apart."""
    encounter_min_ms: int = 7_200_000
    encounter_part_ms: int = 3_600_000
    """A stretch of a meeting counts from this length."""
    encounter_speed_dkn: int = 20
    """The median speed of both is below this."""
    feed_silent_ms: int = 60_000
    """A source that brought no position for so long was silent."""
    gap_over_ms: int = 21_600_000
    """A gap is longer than this."""
    id: str = "kizuna.maritime.thresholds.v2"
    jumps_least: int = 3
    """So many vessels that jump at once are no faults of their own."""
    jumps_within_m: int = 50_000
    """They leave places and reach places that lie so near each other."""
    jumps_within_ms: int = 600_000
    land_depth_m: int = 3_000
    """A place on land has no sea within this: harbours, rivers and coasts are left out."""
    land_leg_m: int = 10_000
    """A vessel was put on land, and did not sail up a river, where its track reaches there by a leg of this length."""
    loitering_hour_ms: int = 3_600_000
    loitering_min_ms: int = 14_400_000
    loitering_shore_m: int = 37_040
    """Twenty nautical miles."""
    loitering_speed_dkn: int = 20
    """The mean speed of each hour is below this."""
    port_enter_m: int = 3_000
    port_exit_m: int = 4_000
    port_gap_ms: int = 14_400_000
    port_stop_begin_ckn: int = 20
    """A stop begins at a speed of so many hundredths of a knot, or below."""
    port_stop_end_ckn: int = 50
    turn_deg: int = 120
    turn_leg_m: int = 150
    turn_speed_dkn: int = 150
    """No ship that is faster turns by so many degrees between two legs of that length..."""
    turn_within_ms: int = 60_000
    """...in this time."""

    def digest(self) -> str:
        """Return the SHA-256 of the set's canonical JSON."""
        return hashlib.sha256(canonical.encode(msgspec.to_builtins(self))).hexdigest()


V2 = ThresholdSet()


class Evidence(msgspec.Struct, frozen=True, order=True):
    """A position report that an event rests on."""

    mmsi: int
    time_ms: int
    lat_600000: int
    lon_600000: int


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the positions show, without the reports that show it."""

    kind: Kind
    mmsi: tuple[int, ...]
    """The vessels, ascending."""
    from_ms: int
    to_ms: int | None
    """End, exclusive; None while it may still go on."""
    lat_600000: int | None
    lon_600000: int | None
    place: str | None = None
    """The area that was entered, or the port."""
    what: str = ""
    """What the kind and the vessels do not tell, such as why a row was set aside."""
    confidence: Confidence
    """High where the feed was live throughout, low where it was degraded; for other reasons too, which the kind's file gives."""
    coverage_ref: str
    """Whose feed states were held against it."""
    threshold_set_id: str


class Event(Outline, frozen=True, kw_only=True):
    """One thing that the positions show."""

    evidence: Collection[Evidence]
    """The reports by time; `given.Unread` puts them into words when they are read."""


def in_order(events: list[Event]) -> tuple[Event, ...]:
    """Return the events by start, vessels, kind, place and all else but their evidence, so that equal input gives equal output."""
    return tuple(sorted(events, key=_rank))


def _rank(event: Event) -> tuple[object, ...]:
    place = event.lat_600000 is None, event.lat_600000 or 0, event.lon_600000 or 0
    end = event.to_ms is None, event.to_ms or 0
    rest = (*end, *place, event.confidence, event.coverage_ref)
    return event.from_ms, event.mmsi, event.kind, event.place or "", event.what, *rest
