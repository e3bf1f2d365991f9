"""What static data told anew of who vessels are: the changes that all reports give, from few of them, on both engines."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.maritime.events.coverage import Receivers
from kizuna.domains.maritime.events.given import Given
from kizuna.domains.maritime.events.identity import Named, find_changes
from kizuna.domains.maritime.projections import SCHEMA
from kizuna.domains.maritime.queries import names_told
from kizuna.kernel.journal import Db

SINCE_MS = 6
GIVEN = Given(receivers=Receivers([]), now_ms=100)


class Report(NamedTuple):
    """A row of the table."""

    record_id: str
    party: str
    mmsi: int
    source_kind: str
    exercise: str
    reported_at_ms: int
    imo_no: int | None
    name: str | None
    callsign: str | None


class Embedded:
    """The tables in memory."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        for text in SCHEMA:
            self.connection.execute(text)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, params).fetchall()

    def executemany(self, sql: str, rows: Any) -> None:
        self.connection.executemany(sql, rows)


@st.composite
def reports(draw: st.DrawFn) -> list[Report]:
    """Return reports of a few vessels, most of which say what was said; many stand at one time, and some leave things out."""
    text = st.sampled_from([None, "A", "A", "A'", "b"])
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["ind", "ind", "ind", "jpn"]), st.sampled_from([1, 1, 2]), st.sampled_from(["live", "live", "recorded"]),
                st.sampled_from(["", "", "", "x"]), st.integers(0, 14), st.sampled_from([None, 7, 7, 8]), text, text,
            ), max_size=24,
        )
    )  # fmt: skip
    return [Report(f"{k:02}", *row) for k, row in enumerate(rows)]


def put(db: Db, rows: Sequence[Report]) -> None:
    db.execute("DELETE FROM maritime_identity")
    if rows:
        names, marks = ", ".join(Report._fields), ",".join("?" * len(Report._fields))
        db.executemany(f"INSERT INTO maritime_identity ({names}) VALUES ({marks})", rows)


def named(rows: Sequence[Any], party: str) -> list[Named]:
    return [Named(row.mmsi, row.reported_at_ms, party, row.name, row.imo_no, row.callsign) for row in rows]


def everything(rows: Sequence[Report], party: str, source_kind: str, since_ms: int) -> list[Report]:
    """Return all reports since, and the last three of each of these vessels before, read plainly."""
    ours = [row for row in rows if (row.party, row.source_kind, row.exercise) == (party, source_kind, "")]
    recent = [row for row in ours if row.reported_at_ms >= since_ms]
    before: dict[int, list[Report]] = {row.mmsi: [] for row in recent}
    for row in sorted(ours, key=lambda row: (row.reported_at_ms, row.record_id), reverse=True):
        if row.mmsi in before and row.reported_at_ms < since_ms and len(before[row.mmsi]) < 3:
            before[row.mmsi].append(row)
    return [*recent, *(row for each in before.values() for row in each)]


def holds(db: Db, rows: Sequence[Report]) -> None:
    put(db, rows)
    for party in ("ind", "jpn"):
        for kind in ("live", "recorded"):
            few = names_told(db, party, kind, SINCE_MS)
            whole = everything(rows, party, kind, SINCE_MS)
            assert find_changes(named(few, party), GIVEN) == find_changes(named(whole, party), GIVEN)
            assert len(few) <= len(whole)


@given(reports())
@settings(max_examples=200)
def test_few_reports_give_the_changes_that_all_give(rows: list[Report]) -> None:
    holds(Embedded(), rows)


def test_what_is_said_again_is_left_out_and_no_change_is_however_many_there_are() -> None:
    db = Embedded()
    same = [Report(f"a{k:06}", "ind", 1, "live", "", k, 7, "SAME", "CALL") for k in range(SINCE_MS, 12_000)]
    parts = [  # as transponders of class B tell them, in turns
        Report(f"b{k:06}", "ind", 2, "live", "", k, None, *(("NAME", None) if k % 2 else (None, "CALL")))
        for k in range(1000)
    ]
    put(db, [*same, *parts])
    assert {(row.mmsi, row.reported_at_ms) for row in names_told(db, "ind", "live", SINCE_MS)} == {
        (1, SINCE_MS), (2, 3), (2, 4)
    }  # fmt: skip
    changing = [Report(f"c{k:06}", "ind", 3, "live", "", k, None, f"NAME {k % 2}", None) for k in range(12_000)]
    put(db, changing)
    assert len(names_told(db, "ind", "live", 0)) == len(changing)


@pytest.fixture
def server(postgres_conninfo: str) -> Iterator[Db]:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    postgres = pytest.importorskip("kizuna.storage.postgres", reason="psycopg is not installed")
    schema = f"names_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"SET search_path TO {schema}")
        for text in SCHEMA:
            connection.execute(text)
        yield postgres._Db(connection)
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.postgres
def test_both_engines_leave_out_the_same(server: Db) -> None:
    embedded = Embedded()

    @given(reports())
    @settings(max_examples=40)
    def same(rows: list[Report]) -> None:
        holds(server, rows)
        put(embedded, rows)
        assert names_told(server, "ind", "live", SINCE_MS) == names_told(embedded, "ind", "live", SINCE_MS)

    same()
