"""The live search through shares says the same records in the same order as in one table, and adding goes on while it reads."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.operations import state_static
from kizuna.node import effects as fx
from kizuna.node.held.facts import load_record
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.detecting import Detecting
from kizuna.node.maritime.feeding import drafts
from kizuna.sim.federation import SimNode
from tests.node.maritime.test_event_search import DEGREE, END, HOUR, MINUTE, RULES, START, Row, scene, table
from tests.sim.test_maritime import SimDoer
from tests.sim.test_watchlog import mark, pair

SOURCES = ("coast", "hill")
BEACON = 701_000_000
SEARCHES = (START + 20 * HOUR, START + 30 * HOUR, END + HOUR, END + 2 * HOUR, START + 75 * HOUR)
"""When is searched; by the last time a ship that fell silent is heard again, and its silence began before what is looked at."""


class Hand:
    """A clock that is set."""

    now_ms_ = 0

    def now_ms(self) -> int:
        return self.now_ms_

    def in_doubt(self) -> bool:
        return False


def deliveries(seed: str) -> list[dict[str, list[Row]]]:
    """Return what each of two receivers delivers before each search: out of order, some late by searches, some twice."""
    rng = random.Random(seed)
    rows = list(scene())
    rows += [(401_000_003, SEARCHES[-1] - ago * MINUTE, 13 * DEGREE, 80 * DEGREE) for ago in range(100, 120)]
    made: list[dict[str, list[Row]]] = [{source: [] for source in SOURCES} for _ in SEARCHES]
    for row in rows:
        due = next(k for k, at_ms in enumerate(SEARCHES) if row[1] < at_ms)
        for source in rng.choice((SOURCES, SOURCES[:1], SOURCES[:1] * 2, SOURCES[1:])):
            late = rng.choice((0, 0, 0, 0, 0, 1, 2))
            made[min(due + late, len(made) - 1)][source].append(row)
    for at in range(START, SEARCHES[-1] + 1, MINUTE):  # by it both are heard
        for source in SOURCES:
            made[next(k for k, at_ms in enumerate(SEARCHES) if at <= at_ms)][source].append(
                (BEACON, at, 6 * DEGREE, 84 * DEGREE)
            )
    for delivered in made:
        for each in delivered.values():
            rng.shuffle(each)
    return made


def story(folder: Path, seed: str, share_rows: int, source_kind: Any = "live") -> list[list[tuple[Any, ...]]]:
    """Return what each search said: of every record its id and all that it tells."""
    _, india, _ = pair(seed)
    clock, archives, rng = Hand(), Archives(folder / str(share_rows)), random.Random(seed)
    job = Detecting(
        SimDoer(india), india.store, archives, "ind", mark("ind"), own_units=frozenset({301_000_001}), clock=clock,
        rules=RULES, share_rows=share_rows,
    )  # fmt: skip
    out = []
    for number, (at_ms, delivered) in enumerate(zip(SEARCHES, deliveries(seed), strict=True)):
        clock.now_ms_ = at_ms
        name(india, at_ms - HOUR, f"NAME {number // 2}", source_kind)
        for source, rows in delivered.items():
            key = ArchiveKey("ind", source_kind, source)
            archives.add(key, table(rows), number + 1)
            if rng.random() < 0.5:
                archives.flush()
            ships = [row for row in rows if row[0] != BEACON]
            archives.strike(key, table(rng.sample(ships, min(3, len(ships)))), number + 1)
        out.append([worded(india, said.record_id) for said in job.once()])
    with india.store.view() as db:
        out.append([(row.kind, row.vessels, row.from_ms, row.to_ms) for row in queries.events(db, standing=True)])
    return out


def name(node: SimNode, at_ms: int, called: str, source_kind: Any) -> None:
    values: dict[str, object] = {"name": called, "callsign": "CALL"}
    said = state_static(501_000_000, values, source_kind=source_kind, source="coast", reported_at_ms=at_ms)
    node.do(fx.Say(drafts([said], mark("ind"))))


def worded(node: SimNode, record_id: str) -> tuple[Any, ...]:
    record = load_record(node.store, record_id)
    assert record is not None
    return record_id, sorted(record.disclosed.items(), key=repr)


@pytest.mark.parametrize(("seed", "share_rows"), [("tide", 1), ("ebb", 1500)])
def test_shares_say_the_records_of_one_table(tmp_path: Path, seed: str, share_rows: int) -> None:
    whole = story(tmp_path, seed, 10**6)
    assert sum(map(bool, whole)) > len(whole) // 2, "most searches have something to say"
    kinds = {kind for kind, *_ in whole[-1]}
    assert {"encounter", "gap", "identity-change", "identity-clash", "port-visit", "simultaneous-jumps"} <= kinds
    silences = [row for row in whole[-1] if row[0] == "gap" and row[1] == (401_000_003,)]
    assert [to_ms for _, _, _, to_ms in silences] == [SEARCHES[-1] - 119 * MINUTE]
    assert story(tmp_path, seed, share_rows) == whole


def test_shares_of_a_recording_say_the_records_of_one_table(tmp_path: Path) -> None:
    assert story(tmp_path, "tape", 1500, "recorded") == story(tmp_path, "tape", 10**6, "recorded")


def test_what_is_still_stays_while_rows_are_added_and_days_are_put_in_order(tmp_path: Path) -> None:
    archives, key = Archives(tmp_path / "positions"), ArchiveKey("ind", "live", "coast")
    rows = list(scene())[:400]
    archives.add(key, table(rows[:200]), 1)
    archives.flush()
    archives.add(key, table(rows[200:]), 2)
    archives.strike(key, table(rows[:1]), 1)
    with archives.still([key], START, END) as still:
        before = still.read(key, START, END).sort_by([("mmsi", "ascending"), ("time_ms", "ascending")])
        assert before.num_rows == 399
        archives.add(key, table([(1, START, 0, 0)]), 3)
        archives.strike(key, table(rows[:100]), 1)
        archives.flush()
        for files in archives.contents():
            assert archives.replace(files, table(rows[:10]), np.full(10, 1))
        assert still.read(key, START, END).sort_by([("mmsi", "ascending"), ("time_ms", "ascending")]) == before
        assert sum(still.counts(key, START, END).values()) == 400
    assert not list(tmp_path.glob("extract-*"))
