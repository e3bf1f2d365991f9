"""Records with marked values: such as have a reason to stay at home, and such as may go, in whole or in part."""

from __future__ import annotations

import hashlib
import os

import pyarrow as pa

from kizuna.cli.base import CLOCK
from kizuna.domains.maritime import records as sea
from kizuna.domains.maritime.operations import Statement, cut_batches
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.kernel.label import Label, label
from kizuna.node import effects as fx
from tests.acceptance.canaries import Canary

PURPOSES = ("maritime-domain-awareness",)
BENGAL, OUTSIDE = (13.5, 88.5), (-30.5, 60.5)
DEGREE = 600_000
HOUR_MS = 3_600_000
ACTOR = "officer:7:watch"


class Marks:
    """Makes values that stand nowhere else, and remembers why each must stay, or that it may go."""

    def __init__(self) -> None:
        self.stay: list[Canary] = []
        self.go: list[Canary] = []
        self._last = int.from_bytes(os.urandom(2))

    def text(self, why: str) -> str:
        return str(self._keep(why, f"kanarie-{os.urandom(6).hex()}-é/ü"))

    def mmsi(self, why: str) -> int:
        self._last += 1
        return int(self._keep(why, 901_000_000 + self._last * 97 % 900_000))

    def _keep(self, why: str, value: str | int) -> str | int:
        (self.go if why.startswith("may go") else self.stay).append(Canary(why, value))
        return value


def mark(level: int = 0, to: tuple[str, ...] = ("jpn",), purposes: tuple[str, ...] = PURPOSES) -> Label:
    return label("ind.example.v1", level, originator="ind", releasable_to=to, purposes=purposes)


def static(marks: Marks, why: str, held: Label, hidden: str = "") -> fx.Draft:
    """Return what a ship says of itself, a mark in every text and number; `hidden` says why the facts that no clause names stay."""
    mmsi, stays = marks.mmsi(why), hidden or why
    body = sea.StaticReported(
        mmsi=mmsi,
        imo_no=marks.mmsi(why),
        name=marks.text(why),
        callsign=marks.text(why),
        destination=marks.text(why),
        beam_m=marks.mmsi(stays),
        draught_dm=marks.mmsi(stays),
        source=marks.text(why),
        source_kind="simulated",
        reported_at_ms=CLOCK.now_ms(),
    )
    return fx.Draft(sea.STATIC_REPORTED, body, held, ACTOR, subject="" if hidden else f"vessel:mmsi:{mmsi}")


def event(marks: Marks) -> fx.Draft:
    """Return a finding of which the clause names some facts, and of which the others are marked."""
    stays = "fact that the clause does not name"
    body = sea.EventDetected(
        kind="gap",
        mmsi=marks.mmsi("may go: event"),
        from_ms=CLOCK.now_ms() - HOUR_MS,
        rule=marks.text("may go: event"),
        confidence="low",
        coverage_ref=marks.text(stays),
        batches=(marks.text(stays), marks.text(stays)),
        source_kind="simulated",
    )
    return fx.Draft(sea.EVENT_DETECTED, body, mark(), f"officer:{marks.text(stays)}:watch", subject=marks.text(stays))


def entry_of_area(marks: Marks) -> fx.Draft:
    why, now_ms = "delay of an hour", CLOCK.now_ms()
    body = sea.AreaEntered(
        mmsi=marks.mmsi(why), area=marks.text(why), from_ms=now_ms - 1000, to_ms=now_ms, source_kind="simulated"
    )
    return fx.Draft(sea.AREA_ENTERED, body, mark(), ACTOR)


def positions(
    marks: Marks, places: list[tuple[str, tuple[float, float]]], held: Label, *, own: bool = False
) -> fx.Draft:
    """Return a batch with one ship at each place; the digest of a chunk that stays must stay too."""
    now_ms, ships = CLOCK.now_ms(), [marks.mmsi(why) for why, _ in places]
    whole = {
        "time_ms": [now_ms] * len(places),
        "mmsi": ships,
        "lat_600000": [round(lat * DEGREE) for _, (lat, _) in places],
        "lon_600000": [round(lon * DEGREE) for _, (_, lon) in places],
    }
    columns = [pa.array(whole.get(one.name, [None] * len(places)), type=one.type) for one in SCHEMA]
    table = pa.table(columns, schema=SCHEMA)
    (made,) = cut_batches(
        table, source="canary-receiver", source_kind="simulated", own_units=ships if own else (), window_ms=HOUR_MS
    )
    for blob in made.blobs:
        for (why, _), ship in zip(places, ships, strict=True):
            if ship.to_bytes(4, "little") in blob and not why.startswith("may go"):
                marks.stay.append(Canary(f"digest of: {why}", hashlib.sha256(blob).hexdigest()))
    return draft_of(made, held)


def draft_of(made: Statement, held: Label) -> fx.Draft:
    return fx.Draft(made.type, made.body, held, ACTOR, subject=made.subject, blobs=made.blobs)


def everything_that_stays(marks: Marks) -> list[fx.Draft]:
    return [
        static(marks, "label releasable to nobody", mark(to=())),
        static(marks, "label releasable to a third party", mark(to=("aus",))),
        static(marks, "grade above the clause", mark(level=2)),
        static(marks, "purpose that is no clause's", mark(purposes=("training",))),
        entry_of_area(marks),
        positions(marks, [("own unit", BENGAL)], mark(to=()), own=True),
        positions(marks, [("own unit, though labelled releasable", BENGAL)], mark(), own=True),
        positions(marks, [("chunk outside the areas", OUTSIDE)], mark()),
    ]


def what_goes_in_part(marks: Marks) -> list[fx.Draft]:
    return [
        static(marks, "may go: ship", mark(), hidden="fact that the clause does not name"),
        event(marks),
        positions(marks, [("may go: chunk", BENGAL), ("chunk outside the areas, beside one inside", OUTSIDE)], mark()),
    ]
