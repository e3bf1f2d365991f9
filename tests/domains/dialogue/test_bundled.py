"""The shipped facts: every known interval recomputes, what is unknown is said to be so, and one event told twice is one event."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from kizuna.domains.dialogue import DOMAIN, agenda, board, positions
from kizuna.domains.dialogue.ops_statements import LoadAsked, bundled, load
from kizuna.domains.dialogue.records import MEETING_CITED, MeetingCited
from kizuna.kernel.casework import SCHEMA, TABLES, Kinds
from kizuna.kernel.domain import Fact
from kizuna.kernel.instrument import day_ms
from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.kernel.label import label
from kizuna.kernel.operation import Desk
from kizuna.kernel.record import Body
from kizuna.storage.sqlite import SqliteStore, open_sqlite

MARK = label("ind.example.v1", 0, originator="ind")
NOW_MS = day_ms("2025-09-30")


def fact(name: str, body: Body, party: str = "ind", no: int = 0) -> Fact[Any]:
    return Fact(
        record_id=f"{no:064x}", type=name, body=body, issuer=party, node=f"{party}/n", actor="officer:1:desk", subject="", at_ms=no, label=MARK,
        exercise="", own=party == "ind",
    )  # fmt: skip


def store_of(facts: list[Fact[Any]]) -> SqliteStore:
    def apply(db: Db, _seq: int, entry: Entry) -> None:
        one = facts[entry.meta["at"]]
        DOMAIN.apply[type(one.body)](db, one)

    store = open_sqlite(":memory:", Projections("1", (*SCHEMA, *DOMAIN.schema), (*TABLES, *DOMAIN.tables), apply))
    store.commit([Entry(kind="record", at_ms=0, meta={"at": place}) for place in range(len(facts))])
    return store


def desk(db: Db) -> Desk:
    return Desk(db=db, now_ms=NOW_MS, party="ind", actor="officer:1:desk", kinds=Kinds({}, {}), random=bytes)


def shipped(party: str = "ind", start: int = 0) -> list[Fact[Any]]:
    return [fact(wire, body, party, start + no) for no, (wire, _, body) in enumerate(bundled())]


@pytest.mark.parametrize(
    ("commitment", "first", "restated"),
    [
        ("commitment-fighter-exercise", 1139, 126),
        ("commitment-conclude-supply-agreement", 681, 284),
        ("commitment-unicorn-early-signing", 87, None),
        ("commitment-update-2008-declaration", 374, None),
        ("commitment-dpd-7-tokyo-2019", 1689, None),
        ("commitment-joint-service-staff-talks", None, None),
    ],
)
def test_known_intervals_recompute(commitment: str, first: int | None, restated: int | None) -> None:
    with store_of(shipped()).view() as db:
        shown = board.commitment(desk(db), board.CommitmentWanted(commitment=commitment))
    assert (shown.days_from_first, shown.days_from_restatement) == (first, restated)


def test_the_series_of_ministerial_meetings_has_its_intervals() -> None:
    with store_of(shipped()).view() as db:
        found = agenda.series(desk(db), agenda.SeriesWanted(mechanism="ind-jpn-2plus2-ministerial"))
        assert [(row.ordinal, row.days_since) for row in found.meetings] == [(1, None), (2, 1013), (3, 712)]
        assert (found.unknown_ordinals, found.next_host) == ((), "jpn")
        policy = agenda.series(desk(db), agenda.SeriesWanted(mechanism="ind-jpn-defence-policy-dialogue"))
        assert policy.unknown_ordinals == (1, 2, 3, 5, 6)
        annual = agenda.series(desk(db), agenda.SeriesWanted(mechanism="ind-jpn-defence-ministerial"))
        assert annual.years_unseen == (2010, 2012, 2013, 2020, 2021, 2023)


def test_promises_and_views_are_counted_apart() -> None:
    with store_of(shipped()).view() as db:
        rows = board.commitments(desk(db), board.BoardWanted(limit=100))
        assert sorted(row.state for row in rows) == ["open"] * 4 + ["standing"] * 6
        assert {row.commitment for row in rows if row.state == "open"} == {
            "commitment-next-defence-policy-dialogue", "commitment-roadmap-2047", "commitment-ship-maintenance-talks",
            "commitment-defence-consultation-body",
        }  # fmt: skip
        views = positions.positions(desk(db), positions.PositionsWanted())
        assert len(views) == 5
        assert not {row.commitment for row in rows} & {row.position for row in views}
        carried = agenda.carried(db, "ind-jpn-defence-policy-dialogue", "2025-09-30")
        assert [row.commitment for row in carried] == [
            "commitment-next-defence-policy-dialogue",
            "commitment-space-and-cyber",
        ]


def test_a_meeting_told_by_two_parties_is_one_meeting_with_the_sources_of_both() -> None:
    theirs = fact(
        MEETING_CITED,
        MeetingCited(meeting="m", mechanism="f", state="held", starts_on="2023-04-05", sources=("theirs", "both")),
        "jpn",
        900,
    )
    ours = fact(
        MEETING_CITED,
        MeetingCited(meeting="m", mechanism="f", state="held", starts_on="2023-04-06", sources=("both",)),
        "ind",
        1,
    )
    with store_of([theirs, ours]).view() as db:
        (told,) = agenda.lookup.told(db, MEETING_CITED)
        assert (told.told_by, told.body.starts_on) == (("ind", "jpn"), "2023-04-06")
        assert set(told.sources) == {"theirs", "both"}
        assert [each.ref for each in agenda.happenings(db, "2023-01-01", "2023-12-31")] == ["m"]


def test_loading_states_only_what_is_not_held_yet() -> None:
    with store_of([]).view() as db:
        fresh = load(desk(db), LoadAsked())
    assert (len(fresh.statements), dict(fresh.told)) == (72, {"loaded": 72, "held": 0})
    with store_of(shipped()).view() as db:
        assert dict(load(desk(db), LoadAsked()).told) == {"loaded": 0, "held": 72}


def test_every_shipped_fact_names_its_sources() -> None:
    data = json.loads((files("kizuna.domains.dialogue") / "bundled" / "india-japan.json").read_bytes())
    for part, rows in data.items():
        assert rows, part
        for row in rows:
            assert row["sources"], row
            assert row["confidence"], row
