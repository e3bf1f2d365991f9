"""The search for events on a node: late and doubled positions, a new start, a feed that was down, and claims of spoofing that a partner disputes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.events.land import Land
from kizuna.domains.maritime.events_desk import EventsWanted, ThresholdsWanted
from kizuna.domains.maritime.tracks.voyages import Port
from kizuna.domains.maritime.watchlog import operations as ops
from kizuna.domains.maritime.watchlog import shared
from kizuna.domains.maritime.watchlog.queries import InterestsWanted
from kizuna.domains.maritime.watchlog.spoofing import SpoofingAsked
from kizuna.errors import RecordError, RefusedError
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.node.maritime.alerting import Alerting
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.detecting import Detecting
from kizuna.node.maritime.landmask import LandAtNeed, kept_shores, mask_file, read_mask
from kizuna.node.maritime.searching import Rules
from kizuna.sim.federation import SimNode
from tests.sim.test_maritime import SimClock, SimDoer
from tests.sim.test_watchlog import DAY_MS, OTHER, SHIP, do, mark, pair, see

MINUTE_MS = 60_000
DEGREE = 600_000
Row = tuple[int, int, float]  # MMSI, minutes ago, latitude


def rows_of(node: SimNode, rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"mmsi": mmsi, "time_ms": node.now_ms - ago * MINUTE_MS, "lat_600000": round(lat * DEGREE), "lon_600000": 80 * DEGREE}
            for mmsi, ago, lat in rows
        ],
        schema=SCHEMA,
    )  # fmt: skip


def job(federation: Any, node: SimNode, archives: Archives) -> Detecting:
    return Detecting(
        SimDoer(node), node.store, archives, node.identity.party, mark("ind"), own_units=frozenset(), clock=SimClock(federation),
        rules=Rules(ports=(Port("HARBOUR", 0, 0),)),
    )  # fmt: skip


def told(node: SimNode, *, standing: bool = True) -> list[tuple[str | None, bool, bool]]:
    with node.store.view() as db:
        return sorted((row.kind, row.to_ms is None, row.stands) for row in queries.events(db, standing=standing))  # type: ignore[type-var] # has kinds


def test_late_positions_take_a_gap_back_and_a_new_start_says_nothing_anew(tmp_path: Any) -> None:
    federation, india, japan = pair("late")
    key, archives = ArchiveKey("ind", "live", "coast"), Archives(tmp_path)
    beacon = [(OTHER, ago, 12.0) for ago in range(600)]
    quiet = [(SHIP, ago, 10.0) for ago in range(500, 600, 5)]
    archives.add(key, rows_of(india, beacon + quiet), 1)
    assert len(job(federation, india, archives).once()) == 2  # the gap, and the thresholds that it cites
    assert told(india) == [("gap", True, True)]
    do(india, "write-rule", ops.RuleAsked(rule="dark", kind="gap"))
    alerts = Alerting(SimDoer(india), india.store, archives, "ind", mark("ind"), clock=SimClock(federation))
    assert len(alerts.once()) == 1
    # the same again, in another order, from another receiver: nothing is new, also to a job that starts anew
    archives.add(key, rows_of(india, quiet[::-1]), 2)
    archives.add(ArchiveKey("ind", "live", "hill"), rows_of(india, quiet), 3)
    assert job(federation, india, archives).once() == []
    # hours later what another receiver held back comes in: the ship was never silent
    archives.add(key, rows_of(india, [(SHIP, ago, 10.0) for ago in range(0, 500, 5)]), 4)
    assert len(job(federation, india, archives).once()) == 1
    assert told(india) == []
    assert told(india, standing=False) == [("gap", True, False), ("gap", True, False)]
    assert job(federation, india, archives).once() == []
    assert alerts.once() == []
    federation.run(30_000)
    assert told(japan) == []
    assert len(told(japan, standing=False)) == 2
    assert see(india, "events", EventsWanted()) == []
    assert len(see(india, "events", EventsWanted(all=True, kind="gap", mmsi=SHIP))) == 2
    (numbers,) = see(japan, "thresholds", ThresholdsWanted(id="kizuna.maritime.thresholds.v2"))
    assert "gap_over_ms=21600000" in numbers.numbers


def test_a_feed_that_was_down_raises_nothing_on_a_node(tmp_path: Any) -> None:
    federation, india, _ = pair("down")
    archives = Archives(tmp_path)
    rows = [
        (mmsi, ago, lat) for mmsi, lat in ((SHIP, 10.0), (OTHER, 12.0)) for ago in range(1500) if not 200 < ago <= 1100
    ]
    archives.add(ArchiveKey("ind", "live", "coast"), rows_of(india, rows), 5)
    assert job(federation, india, archives).once() == []


def test_a_recording_is_looked_into_again_only_when_something_was_added(tmp_path: Any) -> None:
    federation, india, _ = pair("recorded")
    key, archives = ArchiveKey("ind", "recorded", "tape"), Archives(tmp_path)
    archives.add(key, rows_of(india, [(OTHER, ago, 12.0) for ago in range(600)]), 6)
    archives.flush()
    search = job(federation, india, archives)
    assert search.once() == []
    (part,) = tmp_path.rglob("*.parquet")
    held = part.read_bytes()
    part.write_bytes(b"damaged")
    assert search.once() == []  # it is not even read
    archives.add(key, rows_of(india, [(SHIP, ago, 10.0) for ago in range(500, 600, 5)]), 7)
    with pytest.raises(RecordError, match="cannot be read"):
        search.once()
    part.write_bytes(held)
    assert len(search.once()) == 2
    assert told(india) == [("gap", True, True)]


def test_spoofing_is_a_claim_on_an_event_that_the_partner_disputes(tmp_path: Any) -> None:
    federation, india, japan = pair("spoof")
    archives = Archives(tmp_path)
    track = [(SHIP, ago, 40.0 if ago == 7 else 10.0) for ago in range(20)]
    archives.add(ArchiveKey("ind", "live", "coast"), rows_of(india, track), 8)
    job(federation, india, archives).once()
    with india.store.view() as db:
        (event,) = queries.events(db)
    assert (event.kind, event.what) == ("impossible-speed", "position-jump")
    asked = SpoofingAsked(
        key="ind-voi-7", event=event.record_id[:12], basis="seen elsewhere", expires_at_ms=india.now_ms + DAY_MS, partner="jpn"
    )  # fmt: skip
    with pytest.raises(RefusedError, match="names `0` events"):
        do(
            india,
            "claim-spoofing",
            SpoofingAsked(key="ind-voi-8", event="0" * 8, basis="x", expires_at_ms=india.now_ms + DAY_MS),
        )
    do(india, "claim-spoofing", asked)
    federation.run(30_000)
    do(japan, "dispute-interest", shared.ReasonAsked(key="ind-voi-7", reason="our own radar saw it there"))
    federation.run(30_000)
    for node in (india, japan):
        (claim,) = see(node, "interests", InterestsWanted())
        assert (claim.state, claim.author) == ("disputed", "ind")
        assert claim.basis.startswith(f"spoofing, on impossible-speed `{event.record_id}`")


def test_the_mask_of_land_is_read_a_band_at_a_time(tmp_path: Any) -> None:
    path = mask_file()
    assert path is not None
    land = read_mask(path).land()
    places = {
        "Delhi": (28.6, 77.2, True),
        "Bay of Bengal": (15.0, 88.0, False),
        "Antarctica": (-89.0, 0.0, True),
        "pole": (90.0, 0.0, False),
    }
    for name, (lat, lon, is_land) in places.items():
        at = np.array([round(lat * DEGREE)]), np.array([round(lon * DEGREE)])
        assert bool(land.on_land(*at)[0]) is is_land, name
    first, again = LandAtNeed(), LandAtNeed()
    first.keep_in(tmp_path)
    again.keep_in(tmp_path)
    at = np.array([0]), np.array([25 * DEGREE])
    assert first() is not None
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    for damaged in (whole[:-9], whole[:400] + bytes(4_000) + whole[4_400:], b"no archive"):
        kept.write_bytes(damaged)
        mended = kept_shores(tmp_path, path)
        assert mended.land().on_land(*at)[0], "what is damaged is read anew"
        assert kept.read_bytes() == whole
    stamp = kept.stat().st_mtime_ns
    found = again()
    assert found is not None
    assert found.on_land(*at)[0]
    assert kept.stat().st_mtime_ns == stamp, "what is kept is not read from the mask again"
    none = LandAtNeed()
    none._asked = True  # as where no mask is installed
    assert none() is None
    assert isinstance(land, Land)
