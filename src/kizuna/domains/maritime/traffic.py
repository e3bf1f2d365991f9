"""Simulated traffic.

Seeded ships that speak real AIVDM sentences with TAG blocks, on a clock that the caller holds.

The same seed, number and start give the same bytes. A course is a function of time, so a caller may ask for
any
later moment and gets everything that fell due meanwhile. Every receiver is called `sim-...`; the caller
labels what
it makes of the sentences as simulated.
"""

from __future__ import annotations

import heapq
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from kizuna.domains.maritime.courses import Motion, motion
from kizuna.domains.maritime.fleet import AT_ANCHOR, Ship, build
from kizuna.domains.maritime.seas import REGIONS
from kizuna.formats.aivdm_out import (
    Fix,
    Payload,
    position_a,
    position_b,
    sentences,
    static_a,
    static_b,
)

if TYPE_CHECKING:
    from collections.abc import Collection

HOUR_MS = 3_600_000
STATIC_INTERVAL_MS = 360_000
"""ITU-R M.1371-5 section 4.2.1: static data every six minutes."""

HISTORY_INTERVALS_MS = (120_000, 360_000)
"""History comes thinned out: each ship keeps one interval between these two."""

STILL_KN = 0.3
"""Below this a receiver's course is noise and is sent as not available."""

_DEGREE = 600_000
_SEQUENCES = 10


class _Due(NamedTuple):
    at_ms: int
    ship: int
    static: bool


class Traffic:
    """Ships under way from `start_ms` on.

    Call `history` first if the past is wanted, then `step` again and again.

    Args:
        seed: names the whole scene.
        vessels: how many ships, scripted ones included.
        start_ms: milliseconds UTC; the script (silence, meeting) is laid around it.
        regions: which receivers deliver; all of `kizuna.domains.maritime.seas.REGIONS` by default.
    """

    def __init__(self, seed: int, vessels: int, start_ms: int, *, regions: Collection[str] = tuple(REGIONS)) -> None:
        rng = Random(seed)  # noqa: S311 # repeatable scenes are the purpose
        self.fleet = tuple(ship for ship in build(rng, vessels, start_ms) if ship.region in regions)
        """The ships in the chosen regions."""
        self.start_ms = start_ms
        self._sequence = 0
        self._thin_ms = [rng.randrange(*HISTORY_INTERVALS_MS) for _ in self.fleet]
        self._due = [_Due(start_ms + rng.randrange(10_000), n, static=False) for n in range(len(self.fleet))]
        self._due += [
            _Due(start_ms + rng.randrange(STATIC_INTERVAL_MS // 4), n, static=True) for n in range(len(self.fleet))
        ]
        heapq.heapify(self._due)

    def history(self, hours: float) -> list[bytes]:
        """Return the thinned-out sentences of the hours before the start, in order of time, each an item.

        Eight hours hold the whole script: a silence longer than six hours and a meeting of three.
        """
        since_ms = self.start_ms - round(hours * HOUR_MS)
        due: list[_Due] = []
        for n, thin_ms in enumerate(self._thin_ms):
            due += [_Due(at_ms, n, static=False) for at_ms in range(since_ms + thin_ms, self.start_ms, thin_ms)]
            due += [_Due(since_ms + thin_ms // 2, n, static=True)]
        due.sort()
        return [line for item in due for line in self._speak(item)]

    def step(self, now_ms: int) -> list[bytes]:
        """Return the sentences that fell due up to and including `now_ms`, in order of time, each an item."""
        out: list[bytes] = []
        while self._due and self._due[0].at_ms <= now_ms:
            item = self._due[0]
            out += self._speak(item)
            ship = self.fleet[item.ship]
            pause = STATIC_INTERVAL_MS if item.static else reporting_interval_ms(ship, self._motion(item))
            heapq.heapreplace(self._due, item._replace(at_ms=item.at_ms + pause))
        return out

    def _motion(self, item: _Due) -> Motion:
        return motion(self.fleet[item.ship].course, item.at_ms)

    def _speak(self, item: _Due) -> list[bytes]:
        ship = self.fleet[item.ship]
        if ship.silent_ms is not None and ship.silent_ms[0] <= item.at_ms < ship.silent_ms[1]:
            return []
        payloads = _static(ship) if item.static else [_position(ship, self._motion(item), item.at_ms)]
        out: list[bytes] = []
        for payload in payloads:
            self._sequence = (self._sequence + 1) % _SEQUENCES
            out += sentences(
                payload,
                channel="AB"[item.at_ms // 1000 % 2],
                sequence=self._sequence,
                received_ms=item.at_ms,
                station=REGIONS[ship.region],
            )
        return out


def reporting_interval_ms(ship: Ship, moving: Motion) -> int:
    """Return the time to the next position report (ITU-R M.1371-5 table 1), without the rates for turning."""
    steps: tuple[tuple[float, int], ...] = ((14.0, 10_000), (23.0, 6_000), (float("inf"), 2_000))
    if ship.class_b:
        steps = ((2.0, 180_000), (float("inf"), 30_000))
    elif ship.nav_status == AT_ANCHOR:
        steps = ((3.0, 180_000), (float("inf"), 10_000))
    return next(interval_ms for up_to_kn, interval_ms in steps if moving.speed_kn <= up_to_kn)


def _position(ship: Ship, moving: Motion, at_ms: int) -> Payload:
    still = moving.speed_kn < STILL_KN
    fix = Fix(
        mmsi=ship.mmsi,
        lon_600000=round(moving.lon_deg * _DEGREE),
        lat_600000=round(moving.lat_deg * _DEGREE),
        speed_dkn=min(round(moving.speed_kn * 10), 1022),
        course_ddeg=None if still else round(moving.course_deg * 10) % 3600,
        heading_deg=None if still and ship.class_b else round(moving.course_deg) % 360,
        second=at_ms // 1000 % 60,
    )
    return position_b(fix) if ship.class_b else position_a(fix, ship.nav_status)


def _static(ship: Ship) -> list[Payload]:
    if ship.class_b:
        return static_b(
            mmsi=ship.mmsi,
            name=ship.name,
            callsign=ship.callsign,
            ship_type=ship.ship_type,
            length_m=ship.length_m,
            beam_m=ship.beam_m,
        )
    voyage = static_a(
        mmsi=ship.mmsi,
        imo_no=ship.imo_no,
        callsign=ship.callsign,
        name=ship.name,
        ship_type=ship.ship_type,
        length_m=ship.length_m,
        beam_m=ship.beam_m,
        draught_dm=ship.draught_dm,
        destination=ship.destination,
    )
    return [voyage]
