"""Maritime records: how batches are cut, which chunks go, and that tables do not depend on the order of arrival."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains import instruments
from kizuna.domains.maritime import DOMAIN
from kizuna.domains.maritime.operations import MAX_CHUNKS, cut_batches, state_static
from kizuna.domains.maritime.projections import TABLES
from kizuna.domains.maritime.records import (
    RECORDS,
    AreaEntryFound,
    EventDetected,
    EventFound,
    FeedReported,
    OwnUnitBatch,
    PositionBatch,
    StaticReported,
    Threshold,
    ThresholdsPublished,
)
from kizuna.domains.maritime.rules import check_chunks, corner_of, releasable_chunks
from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import SCHEMA, canonical_ipc, parse_ipc
from kizuna.kernel.domain import Fact
from kizuna.kernel.instrument import Area, Obligations
from kizuna.kernel.instrument_file import load_partnership
from kizuna.kernel.label import label
from kizuna.kernel.record import WITHHELD, Body

DEGREE = 600_000
OWN = 419_990_001
LABEL = label("ind.example.v1", 0, originator="ind")
Row = tuple[int, int, int, int]  # time, mmsi, lat, lon


class MemoryDb:
    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:")
        for statement in DOMAIN.schema:
            self.execute(statement)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, params).fetchall()

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)

    def close(self) -> list[list[tuple[Any, ...]]]:
        """Return all rows of all tables, in order, and close."""
        rows = [sorted(self.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES]
        self._connection.close()
        return rows


def table(rows: list[Row]) -> pa.Table:
    names = ("time_ms", "mmsi", "lat_600000", "lon_600000")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=SCHEMA)


def cut(rows: list[Row], **more: Any) -> list[Any]:
    return cut_batches(table(rows), source="chennai", source_kind="live", own_units={OWN}, **more)


# --- cutting ------------------------------------------------------------------------------------------------------------------------

PLACES = st.tuples(
    st.integers(0, 5_000),
    st.sampled_from([OWN, 1, 2]),
    st.sampled_from([-90 * DEGREE, -1, 0, DEGREE, 90 * DEGREE]),
    st.sampled_from([-180 * DEGREE, -1, 0, DEGREE - 1, 180 * DEGREE]),
)


@given(st.lists(PLACES, max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_every_row_is_in_one_chunk_that_is_what_its_record_says(rows: list[Row], rng: Any) -> None:
    made = cut(rows)
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert cut(shuffled) == made
    found: list[dict[str, Any]] = []
    for one in made:
        assert one.own_units == isinstance(one.body, OwnUnitBatch)
        assert one.body.window_to_ms - one.body.window_from_ms <= 1_000
        assert one.body.row_count == sum(chunk.rows for chunk in one.body.chunks)
        window = one.body.window_from_ms, one.body.window_to_ms
        tables = [parse_ipc(blob) for blob in one.blobs]
        check_chunks(tables, [(chunk.cell, chunk.rows) for chunk in one.body.chunks], window)
        for held in tables:
            assert all((row["mmsi"] == OWN) == one.own_units for row in held.to_pylist())
            found += held.to_pylist()
    assert sorted(map(repr, found)) == sorted(map(repr, table(rows).to_pylist()))


def test_a_cell_is_named_by_its_south_west_corner() -> None:
    (made,) = cut([(0, 1, 5 * DEGREE, 95 * DEGREE), (0, 1, -1, -1), (0, 1, 90 * DEGREE, 180 * DEGREE)])
    cells = [chunk.cell for chunk in made.body.chunks]
    assert cells == ["S01W001", "N05E095", "N89W180"]
    assert [corner_of(cell) for cell in cells] == [(-1, -1), (5, 95), (89, -180)]


def test_a_batch_has_a_bounded_number_of_chunks() -> None:
    rows = [(0, 1, 0, lon * DEGREE) for lon in range(-50, 51)]
    assert [len(one.body.chunks) for one in cut(rows)] == [MAX_CHUNKS, MAX_CHUNKS, 5]


@pytest.mark.parametrize("beside", [[], [(0, 7, 0, 0)], [(0, 7, 0, 0), (0, 8, 1, 1)]])
@pytest.mark.parametrize(
    "change",
    [{"cell": "N06E095"}, {"rows": 2}, {"window_ms": (1, 2)}, {"window_ms": (-1, 0)}],
)
def test_a_chunk_that_is_not_what_its_record_says_is_refused(
    change: dict[str, Any], beside: list[tuple[int, int, int, int]]
) -> None:
    others = [(table(beside), "N00E000")] if beside else []

    def judged(rows: list[tuple[int, int, int, int]], given: dict[str, Any]) -> None:
        for chunks in ([*others, (table(rows), given["cell"])], [(table(rows), given["cell"]), *others, *others]):
            said = [(cell, given["rows"] if cell == given["cell"] else held.num_rows) for held, cell in chunks]
            check_chunks([held for held, _ in chunks], said, given["window_ms"])

    given: dict[str, Any] = {"cell": "N05E095", "rows": 1, "window_ms": (0, 1)}
    judged([(0, 1, 5 * DEGREE, 95 * DEGREE)], given)
    with pytest.raises(RecordError):
        judged([(0, 1, 5 * DEGREE, 95 * DEGREE)], given | change)
    with pytest.raises(RecordError):
        judged([(0, 1, 5 * DEGREE, 95 * DEGREE), (0, 1, 0, 0)], given | {"rows": 2})


def test_chunks_without_rows_are_what_they_say() -> None:
    check_chunks([], [], (0, 1))
    check_chunks([table([]), table([(0, 1, 0, 0)])], [("N05E095", 0), ("N00E000", 1)], (0, 1))


# --- which chunks go ----------------------------------------------------------------------------------------------------------------


def area(south: int, west: int, north: int, east: int) -> Area:
    edges = {"south_600000": south, "west_600000": west, "north_600000": north, "east_600000": east}
    return Area(**{name: value * DEGREE for name, value in edges.items()})


def four_cells() -> PositionBatch:
    corners = ((4, 95), (5, 94), (5, 95), (5, 179))
    (made,) = cut([(0, 1, lat * DEGREE, lon * DEGREE) for lat, lon in corners])
    assert isinstance(made.body, PositionBatch)
    return made.body


@pytest.mark.parametrize(
    ("areas", "places"),
    [
        ((), {0, 1, 2, 3}),
        ((area(5, 95, 6, 96),), {2}),
        ((area(4, 95, 6, 96),), {0, 2}),
        ((area(4, 94, 6, 96), area(5, 170, 6, 180)), {0, 1, 2, 3}),
        ((area(5, 178, 6, -170),), {3}),
        ((area(5, -180, 6, -170),), set()),
    ],
)
def test_chunks_go_whose_whole_cell_lies_in_an_area(areas: tuple[Area, ...], places: set[int]) -> None:
    names = releasable_chunks(four_cells(), Obligations(areas=areas))
    assert names == {f"payload/chunks/{place}" for place in places}


def test_an_area_that_cuts_a_cell_lets_none_of_it_through() -> None:
    half = Area(south_600000=5 * DEGREE, west_600000=95 * DEGREE + 1, north_600000=6 * DEGREE, east_600000=96 * DEGREE)
    assert releasable_chunks(four_cells(), Obligations(areas=(half,))) == frozenset()


@pytest.mark.parametrize("coarser", [{"coarsen_600000": 6000}, {"time_step_ms": 60_000}, {"unlinkable": True}])
def test_what_asks_for_coarser_rows_gets_no_whole_chunk(coarser: dict[str, Any]) -> None:
    assert releasable_chunks(four_cells(), Obligations(**coarser)) == frozenset()


def test_a_batch_with_missing_chunks_is_not_cut_again() -> None:
    whole = four_cells()
    assert isinstance(whole.chunks, tuple)
    assert releasable_chunks(msgspec.structs.replace(whole, chunks=whole.chunks[1:]), Obligations()) == frozenset()
    assert releasable_chunks(msgspec.structs.replace(whole, chunks=WITHHELD), Obligations()) == frozenset()


def test_a_blob_in_another_encoding_is_refused() -> None:
    good = canonical_ipc(table([(0, 1, 0, 0)]))
    check = DOMAIN.blob_checks[PositionBatch]
    check(good)
    with pytest.raises(RecordError):
        check(good + b"\0")


def test_what_nobody_reported_is_left_out() -> None:
    said = state_static(7, {"name": "KIZUNA"}, reported_at_ms=5, source="a", source_kind="live", own_units={7})
    assert said.own_units
    assert isinstance(said.body, StaticReported)
    assert said.body.name == "KIZUNA"
    assert said.body.imo_no is WITHHELD


STAY_AT_HOME = {"maritime.own-unit-batch.v1", "maritime.identity-linked.v1", "maritime.identity-unlinked.v1"}
"""Of these the example rules let nothing go."""


def test_the_example_rules_name_our_records_and_their_fields() -> None:
    folder = Path(instruments.__file__).parent / "bundled" / "india-japan"
    files = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))]
    known = {name: frozenset(kind.__struct_fields__) for name, kind in DOMAIN.records.items()}
    named = {
        (wire_name, field)
        for made in load_partnership(files, known)
        for clause in made.provisions
        for wire_name in clause.record_types
        if wire_name in DOMAIN.records
        for field in clause.discloses
        if wire_name.startswith("maritime.")
    }
    traffic = {wire_name for wire_name, _ in named if wire_name in RECORDS}
    assert traffic == RECORDS.keys() - STAY_AT_HOME
    assert all((wire_name, "source_kind") in named for wire_name in traffic - {"maritime.thresholds-published.v1"})


# --- tables -------------------------------------------------------------------------------------------------------------------------


def fact(record_id: str, type_: str, body: Body, party: str = "ind", **more: Any) -> Fact[Body]:
    made = Fact(record_id, type_, body, party, f"{party}/node", "system:feed", "", 0, LABEL, "", party == "ind")
    return replace(made, **more)


def story() -> list[Fact[Body]]:
    """Return facts of every class, some of them told twice, first in part and then in full."""
    whole = four_cells()
    assert isinstance(whole.chunks, tuple)
    part = msgspec.structs.replace(whole, chunks=whole.chunks[2:3], row_count=WITHHELD)

    def static(at_ms: int | Any, **fields: Any) -> StaticReported:
        return StaticReported(mmsi=7, source_kind="live", reported_at_ms=at_ms, **fields)

    def found(supersedes: Any, *, holds: bool = True) -> EventFound:
        return EventFound(kind="encounter", vessels=(7, 8), from_ms=1, what="x", holds=holds, supersedes=supersedes)

    event = EventDetected(kind="gap", mmsi=7, from_ms=1, rule="v1", source_kind="live")
    return [
        fact("b1", "maritime.position-batch.v1", part, "jpn"),
        fact("b1", "maritime.position-batch.v1", whole, "jpn"),
        fact("s1", "maritime.static-reported.v1", static(WITHHELD, name="OLD")),
        fact("s1", "maritime.static-reported.v1", static(5, name="OLD", callsign="A")),
        fact("s2", "maritime.static-reported.v1", static(5, name="NEW")),
        fact("s3", "maritime.static-reported.v1", static(4, name="LATE"), "jpn"),
        fact("e1", "maritime.event-detected.v1", event),
        fact("e1", "maritime.event-detected.v1", msgspec.structs.replace(event, to_ms=9)),
        fact("e2", "maritime.event-detected.v2", found(WITHHELD)),
        fact("e2", "maritime.event-detected.v2", found(("e1" * 32,))),
        fact("e3", "maritime.event-detected.v2", found(("e2",), holds=False)),
        fact("e4", "maritime.area-entered.v2", AreaEntryFound(vessels=(7,), area="strait", from_ms=2, holds=True)),
        fact(
            "t1",
            "maritime.thresholds-published.v1",
            ThresholdsPublished(id="v9", values=(Threshold("gap_over_ms", 5),)),
        ),
        fact("f1", "maritime.feed-reported.v1", FeedReported(source="a", source_kind="live", state="live", from_ms=1)),
        fact(
            "f2", "maritime.feed-reported.v1", FeedReported(source="a", source_kind="live", state="silent", from_ms=2)
        ),
    ]


def rows_after(facts: Sequence[Fact[Body]]) -> list[list[tuple[Any, ...]]]:
    db = MemoryDb()
    for one in facts:
        DOMAIN.apply[type(one.body)](db, one)
    return db.close()


@pytest.mark.parametrize("type_", ["batch", "static", "event", "area-entered", "thresholds", "feed"])
def test_every_order_of_arrival_gives_the_same_rows(type_: str) -> None:
    facts = [one for one in story() if type_ in one.type]
    wanted = rows_after(facts)
    assert any(wanted)
    for order in itertools.permutations(facts):
        assert rows_after(order) == wanted
        assert rows_after([*order, *order]) == wanted


def test_the_tables_say_what_was_told() -> None:
    batch, static, _, event, feed, *_ = rows_after(story())
    assert [row[-4:] for row in batch] == [(4, 4, 4, 0)]
    assert [(row[0], row[4], row[7], row[8]) for row in static] == [
        ("ind", "s2", "NEW", None),
        ("jpn", "s3", "LATE", None),
    ]
    assert [(row[4], row[8], row[9]) for row in event] == [
        ("gap", 1, 9), ("encounter", 1, None), ("encounter", 1, None), ("area-entry", 2, None),
    ]  # fmt: skip
    assert [row[-2] for row in event] == [None, "7 8", "7 8", "7"]
    *_, supersedes, thresholds, states = rows_after(story())
    assert supersedes == [("e2", "e1" * 32, "ind"), ("e3", "e2", "ind")]
    assert [row[4:] for row in thresholds] == [("v9", None, "gap_over_ms=5")]
    assert [(row[5], row[6]) for row in states] == [(1, "live"), (2, "silent")]
    assert [(row[3], row[5]) for row in feed] == [("f2", "silent")]


def test_simulated_and_exercise_traffic_stand_apart() -> None:
    def static(kind: Any) -> StaticReported:
        return StaticReported(mmsi=7, source_kind=kind, reported_at_ms=5, name=kind)

    type_ = "maritime.static-reported.v1"
    made = [fact("s1", type_, static("live")), fact("s2", type_, static("simulated"))]
    made.append(fact("s3", type_, static("live"), exercise="milan"))
    assert len(rows_after(made)[1]) == 3
