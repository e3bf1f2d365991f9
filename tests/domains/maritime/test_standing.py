"""Late, doubled and disordered positions end in the events that they would have given in time, and nothing that was told is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.maritime.events.model import V2, Event, Evidence
from kizuna.domains.maritime.events.standing import Change, Told, changes
from kizuna.domains.maritime.records import RECORDS, EventFound, ThresholdsPublished
from kizuna.domains.maritime.stating import MAX_EVIDENCE, evidence_digest, publish_thresholds, state_event
from kizuna.domains.maritime.watchlog.kinds import KINDS
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.node.maritime.searching import Rules, Seen, find, intervals
from tests.domains.maritime.test_events import AREA, HOUR, MINUTE, PORTS, SEA, Row, positions, table

RULES = Rules(areas=(AREA,), ports=PORTS, land=lambda: SEA)
ROOT = Path(__file__).parents[3]


class Book:
    """What a node has told: every record, and which of them stand."""

    def __init__(self) -> None:
        self.all: list[Told] = []
        self.standing: dict[str, Told] = {}

    def search(self, rows: list[Row], now_ms: int, since_ms: int | None = None) -> list[Change]:
        seen = Seen({"rec": table(rows)}, {}, (), now_ms, since_ms)
        _, found = find(seen, RULES)
        out = changes(found, [*self.standing.values()], since_ms=since_ms)
        for change in out:
            self.tell(change)
        return out

    def tell(self, change: Change) -> None:
        for earlier in change.supersedes:
            del self.standing[earlier]
        values = {name: getattr(change.event, name) for name in Told.__struct_fields__ if name != "record_id"}
        told = Told(record_id=f"r{len(self.all)}", **values)
        self.all.append(told)
        if change.holds:
            self.standing[told.record_id] = told

    def facts(self) -> list[tuple[Any, ...]]:
        return sorted(
            (each.kind, each.mmsi, each.from_ms, each.to_ms or 0, each.place or "", each.what) for each in self.standing.values()
        )  # fmt: skip


@given(positions(), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_any_order_of_arrival_ends_in_the_same_events(rows: list[Row], rng: random.Random, parts: int) -> None:
    now_ms = 60 * HOUR
    at_once, bit_by_bit = Book(), Book()
    at_once.search(rows, now_ms)
    held: list[Row] = []
    for k in range(parts):
        held += rows[k::parts]
        rng.shuffle(held)
        bit_by_bit.search(held + held[:3], now_ms - rng.randrange(20 * HOUR) if k < parts - 1 else now_ms)
    assert bit_by_bit.facts() == at_once.facts()
    assert bit_by_bit.search(rows, now_ms) == at_once.search(rows[::-1], now_ms) == []


def gap(**changed: Any) -> Event:
    values: dict[str, Any] = {
        "kind": "gap", "mmsi": (1,), "from_ms": 100 * HOUR, "to_ms": None, "lat_600000": 1, "lon_600000": 2, "confidence": "low",
        "coverage_ref": "rec", "evidence": (Evidence(1, 100 * HOUR, 1, 2),), "threshold_set_id": V2.id,
    }  # fmt: skip
    return Event(**(values | changed))


def told(event: Event, record_id: str = "r") -> Told:
    values = {name: getattr(event, name) for name in Told.__struct_fields__ if name != "record_id"}
    return Told(record_id=record_id, **values)


def test_a_gap_that_late_positions_fill_is_taken_back_and_one_that_they_end_is_superseded() -> None:
    assert changes([gap()], [told(gap())]) == []
    (taken,) = changes([], [told(gap())])
    assert (taken.holds, taken.supersedes, taken.event.from_ms) == (False, ("r",), 100 * HOUR)
    ended = gap(to_ms=110 * HOUR)
    assert changes([ended], [told(gap())]) == [Change(ended, holds=True, supersedes=("r",))]
    halves = [gap(to_ms=107 * HOUR), gap(from_ms=108 * HOUR, to_ms=115 * HOUR)]
    whole = told(gap(to_ms=115 * HOUR))
    assert [change.supersedes for change in changes(halves, [whole])] == [("r",), ("r",)]
    assert changes([gap(confidence="high")], [told(gap())]) == []  # while it lasts it may sway
    assert len(changes([gap(to_ms=110 * HOUR, confidence="high")], [told(ended)])) == 1


def test_what_began_out_of_sight_is_neither_begun_anew_nor_taken_back() -> None:
    since = 105 * HOUR
    assert changes([], [told(gap())], since_ms=since) == []
    seen = Evidence(1, 130 * HOUR, 5, 6)
    (ended,) = changes([], [told(gap())], since_ms=since, first_heard={1: seen})
    assert (ended.event.to_ms, ended.event.from_ms, ended.supersedes) == (130 * HOUR, 100 * HOUR, ("r",))
    stay = gap(kind="port-visit", place="HARBOUR", from_ms=104 * HOUR, to_ms=120 * HOUR)
    assert changes([stay], [], since_ms=since) == []
    earlier = told(gap(kind="port-visit", place="HARBOUR", from_ms=50 * HOUR))
    (ended,) = changes([stay], [earlier], since_ms=since)
    assert (ended.event.from_ms, ended.event.to_ms) == (50 * HOUR, 120 * HOUR)


def test_jumps_that_one_more_vessel_joins_are_the_same_event() -> None:
    jumps = gap(kind="simultaneous-jumps", mmsi=(1, 2, 3), to_ms=101 * HOUR, what="3 vessels")
    more = gap(kind="simultaneous-jumps", mmsi=(1, 2, 3, 4), to_ms=101 * HOUR, what="4 vessels")
    assert changes([more], [told(jumps)]) == [Change(more, holds=True, supersedes=("r",))]


def test_two_events_of_one_vessel_at_one_time_do_not_supersede_each_other_for_ever() -> None:
    """Two ships under one number that both loiter: each event has its record, and the next search has nothing to say."""
    one = gap(kind="loitering", from_ms=HOUR, to_ms=8 * HOUR)
    other = gap(kind="loitering", from_ms=HOUR + MINUTE, to_ms=9 * HOUR, lat_600000=5)
    known = [told(one, "r1"), told(other, "r2")]
    for found in ([one, other], [other, one]):
        assert changes(found, known) == changes(found, known[::-1]) == changes(found, known, since_ms=0) == []
    longer = msgspec.structs.replace(other, to_ms=10 * HOUR)
    assert changes([one, longer], known) == [Change(longer, holds=True, supersedes=("r2",))]
    assert changes([one, other, longer], known) == [Change(longer, holds=True, supersedes=())]
    assert changes([longer], known) == [Change(longer, holds=True, supersedes=("r1", "r2"))]
    assert changes([one], known) == [Change(one, holds=True, supersedes=("r1", "r2"))]


def test_a_statement_cites_thresholds_by_digest_and_shows_a_few_of_many_positions() -> None:
    seen = tuple(Evidence(1, k, k, k) for k in range(100))
    change = Change(gap(evidence=seen), holds=True, supersedes=("a" * 64,))
    said = state_event(change, source_kind="live", thresholds=V2, batches=("b" * 64,), own_units={1})
    body = said.body
    assert isinstance(body, EventFound)
    assert isinstance(body.evidence, tuple)
    assert said.own_units
    assert said.after == ("a" * 64,)
    assert (len(body.evidence), body.evidence[0].time_ms, body.evidence[-1].time_ms) == (MAX_EVIDENCE, 0, 99)
    assert (body.evidence_count, body.evidence_sha256) == (100, evidence_digest([*seen]))
    numbers = publish_thresholds(V2).body
    assert isinstance(numbers, ThresholdsPublished)
    assert isinstance(numbers.values, tuple)
    assert body.threshold_sha256 == numbers.sha256 == V2.digest()
    values = {each.name: each.value for each in numbers.values} | {"id": numbers.id}
    assert msgspec.convert(values, type(V2)) == V2
    entry = state_event(
        Change(gap(kind="zone-entry", place="strait"), holds=False, supersedes=()),
        source_kind="live", thresholds=V2, batches=(),
    )  # fmt: skip
    assert entry.type == "maritime.area-entered.v2"
    assert {said.type, entry.type, publish_thresholds(V2).type} <= RECORDS.keys()


def test_feed_states_are_intervals_up_to_the_next() -> None:
    made = intervals([(5, "live"), (9, "silent"), (9, "live")], 20)
    assert [(each.from_ms, each.to_ms, each.state) for each in made] == [(5, 9, "live"), (9, 20, "live")]


def test_every_kind_of_rule_says_what_it_looks_for() -> None:
    kinds = {kind for each in KINDS.values() for kind in each.events}
    assert kinds == set(EventFound.__annotations__ and _words()) | {"area-entry"}
    assert all(each.text.endswith(".") for each in KINDS.values())


def _words() -> set[str]:
    from typing import get_args  # noqa: PLC0415 # for one test

    from kizuna.domains.maritime.records import FoundKind  # noqa: PLC0415 # for one test

    return set(get_args(FoundKind)) - {"identity-change"}  # the rule on identities looks at the reports themselves


_SEARCH = """
import hashlib, random, sys
from kizuna.domains.maritime.events.land import Land
import numpy as np
from kizuna.domains.maritime.tracks.voyages import Port
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.node.maritime.searching import Rules, Seen, find
import pyarrow as pa
rng = random.Random(5)
rows = []
for mmsi in range(1, 9):
    lat, lon, t = rng.randrange(1500), rng.randrange(1500), 0
    while t < 20 * 3_600_000:
        rows.append({"mmsi": mmsi, "time_ms": t, "lat_600000": lat, "lon_600000": lon, "speed_dkn": rng.choice([0, 1, 3, 40])})
        t += rng.choice([60_000, 600_000, 1_200_000, 1_200_000, 27_000_000 if rng.random() < 0.1 else 60_000])
        lat, lon = lat + rng.randrange(-30, 31), lon + rng.randrange(-30, 31)
        if mmsi > 5 and rng.random() < 0.02:
            lat += 900_000
        elif lat > 500_000:
            lat -= 900_000
rows += [{"mmsi": 99, "time_ms": t, "lat_600000": 3_000_000, "lon_600000": 0, "speed_dkn": 90} for t in range(0, 90_000_000, 60_000)]
sea = Land(np.zeros(1801, np.int64), np.empty(0, np.int64), 1800)
rules = Rules(ports=(Port("P", 60_000, 0),), land=lambda: sea)
_, found = find(Seen({"rec": pa.Table.from_pylist(rows, schema=SCHEMA)}, {}, (), 90_000_000, None), rules)
print(sorted({event.kind for event in found}), len(found), hashlib.sha256(repr(found).encode()).hexdigest())
"""


def test_the_kernels_give_the_same_without_the_compiler() -> None:
    def run(**more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _SEARCH], env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **more}, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return done.stdout

    compiled = run()
    assert all(kind in compiled for kind in ("encounter", "gap", "impossible-speed", "loitering"))
    assert compiled == run(NUMBA_DISABLE_JIT="1")


def test_a_search_over_nothing_finds_nothing() -> None:
    _, found = find(Seen({"rec": SCHEMA.empty_table()}, {}, (), MINUTE, None), RULES)
    assert found == []
