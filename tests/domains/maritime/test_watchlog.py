"""Rules find what a plain reading of them finds, an alert stands the same in every order, and bad input says what is wrong."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kizuna.domains.maritime.queries import EventRow
from kizuna.domains.maritime.watchlog import judging, projections, rules
from kizuna.domains.maritime.watchlog import records as said
from kizuna.domains.maritime.watchlog.queries import IdentityRow, InterestRow, RuleRow
from kizuna.errors import RefusedError
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.kernel.domain import Fact
from kizuna.kernel.journal import Entry, Projections
from kizuna.kernel.label import label
from kizuna.storage.sqlite import open_sqlite

DEGREE, MINUTE, HOUR = 600_000, 60_000, 3_600_000
NOW = 1_790_000_000_000
SHIPS = (419_000_001, 419_000_002, 431_000_003)


def rule(kind: Any, **changes: Any) -> RuleRow:
    values: dict[str, Any] = {
        "record_id": "r" * 64, "rule": "one", "version": 3, "kind": kind, "title": None, "area": None, "south_600000": None,
        "west_600000": None, "north_600000": None, "east_600000": None, "mmsi": (), "over_dkn": None, "at_least_ms": None,
        "urgent": False, "by": "officer:1:watch", "at_ms": NOW - HOUR, "standing": True,
    }  # fmt: skip
    return RuleRow(**(values | changes))


# --- what rules find --------------------------------------------------------------------------------------------------------------

events = st.builds(
    EventRow,
    record_id=st.sampled_from("abcdef").map(lambda digit: digit * 64),
    party=st.sampled_from(("ind", "jpn")),
    own=st.booleans(),
    kind=st.sampled_from(("gap", "encounter", "area-entry", None)),
    mmsi=st.sampled_from((*SHIPS, None)),
    other_mmsi=st.sampled_from((SHIPS[2], None)),
    area=st.sampled_from(("palk", "one@3", None)),
    from_ms=st.sampled_from((NOW - 20 * HOUR, NOW - 2 * HOUR, NOW - MINUTE, None)),
    to_ms=st.sampled_from((NOW - 19 * HOUR, NOW - HOUR, NOW, None)),
    lat_600000=st.sampled_from((0, 10 * DEGREE, None)),
    lon_600000=st.sampled_from((0, 80 * DEGREE, None)),
    rule=st.just("v1"),
    confidence=st.just("high"),
    coverage_ref=st.just("c"),
    source_kind=st.sampled_from(("live", "simulated", "recorded", None)),
)
any_rule = st.builds(
    rule,
    st.sampled_from(("area", "gap", "meeting")),
    area=st.sampled_from((None, "palk")),
    mmsi=st.sampled_from(((), (SHIPS[0],))),
    at_least_ms=st.sampled_from((None, 90 * MINUTE)),
)


@given(any_rule, st.lists(events, max_size=8, unique_by=lambda event: event.record_id), st.randoms())
def test_events_raise_alerts_once_in_every_order_and_each_cites_its_rule_and_its_records(
    asked: RuleRow, told: list[EventRow], order: Any
) -> None:
    found = list(judging.of_events(asked, told, NOW))
    shuffled = [*told, *told]
    order.shuffle(shuffled)
    assert list(judging.of_events(asked, shuffled, NOW)) == found
    for finding in found:
        (event,) = [each for each in told if (each.record_id,) == finding.evidence]
        assert finding.rule.version == 3
        assert event.source_kind == finding.source_kind != "recorded"
        assert not asked.mmsi or {event.mmsi, event.other_mmsi} & set(asked.mmsi)
        assert asked.kind != "area" or event.area == (asked.area or "one@3")
        ends = NOW if event.to_ms is None else event.to_ms
        assert asked.kind == "area" or ends - finding.from_ms >= (asked.at_least_ms or 0)
    fresh = judging.news(found, ())
    raised = [
        judging.Raised(each.alert, "one", each.mmsi, each.other_mmsi, each.from_ms, each.to_ms, each.source_kind)
        for each in fresh
    ]
    assert judging.news(found, raised) == []
    assert len({each.alert for each in fresh}) == len(fresh)


rows = st.tuples(
    st.sampled_from(SHIPS), st.integers(0, 9), st.sampled_from((0, 5 * DEGREE, 20 * DEGREE)), st.sampled_from((90, 260, None))
)  # fmt: skip


def plain_sights(reports: list[Any], asked: RuleRow, wanted: frozenset[int] | None) -> list[judging.Sight]:
    """Walk each vessel's reports in order, and keep the last that the rule asks for with the first of its run."""
    found = []
    for ship in sorted(set(SHIPS)):
        started, last = None, None
        for _, minute, lat, speed in sorted((r for r in reports if r[0] == ship), key=lambda row: row[1]):
            boxed = asked.south_600000 is None or asked.south_600000 <= lat <= (asked.north_600000 or 0)
            fast = asked.kind != "speed" or (speed is not None and speed > (asked.over_dkn or 0))
            if boxed and fast and (wanted is None or ship in wanted):
                started = minute if started is None else started
                last = judging.Sight(ship, minute * MINUTE, lat, 80 * DEGREE, speed, started * MINUTE)
            else:
                started = None
        if last is not None:
            found.append(last)
    return found


@given(
    st.lists(rows, max_size=25, unique_by=lambda row: row[:2]),
    st.sampled_from(("speed", "vessel-of-interest")),
    st.booleans(),
)
def test_the_last_sights_are_those_of_a_plain_walk(reports: list[Any], kind: str, boxed: bool) -> None:  # noqa: FBT001 # drawn
    edges = {"south_600000": 0, "west_600000": 0, "north_600000": 10 * DEGREE, "east_600000": 90 * DEGREE}
    asked = rule(kind, over_dkn=250, **(edges if boxed else {}))
    wanted = frozenset(SHIPS[:2]) if kind == "vessel-of-interest" else None
    named = ("mmsi", "time_ms", "lat_600000", "speed_dkn", "lon_600000")
    table = pa.Table.from_pylist(
        [dict(zip(named, (m, t * MINUTE, lat, speed, 80 * DEGREE), strict=True)) for m, t, lat, speed in reports],
        schema=SCHEMA,
    )
    assert judging.last_sights(table, asked, wanted) == plain_sights(reports, asked, wanted)


def test_a_vessel_that_stays_fast_is_one_alert_and_one_that_is_fast_again_later_another() -> None:
    asked = rule("speed", over_dkn=250)

    def at(minute: int, since: int) -> judging.Finding:
        sight = judging.Sight(SHIPS[0], NOW + minute * MINUTE, 0, 0, 301, NOW + since * MINUTE)
        (finding,) = judging.of_sights(asked, [sight], (), ("b" * 64,), "live")
        return finding

    first = at(1, 0)
    assert first.what == "30.1 kn"
    assert first.evidence == ("b" * 64,)
    told = [judging.Raised(first.alert, "one", SHIPS[0], None, first.from_ms, first.to_ms, "live")]
    assert judging.news([at(9, 0), at(25, 5)], told) == []
    later = at(60, 59)
    assert judging.news([later], told) == [later]


def interest(**changes: Any) -> InterestRow:
    values: dict[str, Any] = {
        "interest": "ind-voi", "state": "disputed", "author": "ind", "partner": "jpn", "mmsi": SHIPS[0], "basis": "two gaps",
        "confidence_pct": 50, "asserted_at_ms": NOW, "expires_at_ms": NOW + HOUR,
    }  # fmt: skip
    return InterestRow(**(values | changes))


def test_a_sight_names_whose_claim_it_is_and_one_before_the_claim_is_none() -> None:
    asked = rule("vessel-of-interest")
    sights = [judging.Sight(SHIPS[0], NOW + MINUTE, 0, 0, None), judging.Sight(SHIPS[1], NOW + MINUTE, 0, 0, None)]
    (finding,) = judging.of_sights(asked, sights, [interest()], ("b",), "live")
    assert finding.what == "`ind-voi`, disputed, of ind: two gaps"
    assert not list(judging.of_sights(asked, sights, [interest(asserted_at_ms=NOW + HOUR)], ("b",), "live"))


reports_of_identity = st.builds(
    IdentityRow,
    record_id=st.sampled_from("abcdef").map(lambda digit: digit * 64),
    party=st.sampled_from(("ind", "jpn")),
    mmsi=st.sampled_from(SHIPS[:2]),
    source_kind=st.just("live"),
    reported_at_ms=st.sampled_from((NOW, NOW + 1, NOW + 2)),
    imo_no=st.sampled_from((None, 9_000_001)),
    name=st.sampled_from((None, "ASHA", "UMI")),
    callsign=st.none(),
)


@given(st.lists(reports_of_identity, max_size=6, unique_by=lambda row: row.record_id), st.randoms())
def test_only_what_the_same_party_told_otherwise_before_is_a_change_of_identity(
    told: list[IdentityRow], order: Any
) -> None:
    found = list(judging.of_identities(rule("identity"), told))
    shuffled = list(told)
    order.shuffle(shuffled)
    assert list(judging.of_identities(rule("identity"), shuffled)) == found
    by_id = {row.record_id: row for row in told}
    for finding in found:
        cited = [by_id[each] for each in finding.evidence]
        assert len(cited) > 1
        assert len({(row.party, row.mmsi) for row in cited}) == 1
        assert len({row.name for row in cited if row.name is not None}) > 1
    for party in ("ind", "jpn"):
        for ship in SHIPS[:2]:
            names = {row.name for row in told if row.party == party and row.mmsi == ship and row.name is not None}
            cited_names = [each for each in found if each.mmsi == ship and by_id[each.evidence[0]].party == party]
            assert bool(cited_names) == (len(names) > 1)


# --- how an alert stands ----------------------------------------------------------------------------------------------------------


def act(nth: int, body: Any, at_ms: int) -> Fact[Any]:
    return Fact(
        record_id=f"{nth:064x}", type="t", body=body, issuer="ind", node="ind/delhi", actor=f"officer:{nth}:watch", subject="",
        at_ms=at_ms, label=label("ind.example.v1", 0, originator="ind"), exercise="", own=True,
    )  # fmt: skip


def stands(facts: list[Fact[Any]], forgotten: str = "") -> list[Any]:
    def apply(db: Any, _seq: int, entry: Entry) -> None:
        if entry.meta["at"] < 0:
            projections.forget(db, forgotten)
            for table in ("maritime_alert", "maritime_alert_act"):
                db.execute(f"DELETE FROM {table} WHERE record_id = ?", (forgotten,))
        else:
            fact = facts[entry.meta["at"]]
            projections.APPLY[type(fact.body)](db, fact)

    store = open_sqlite(":memory:", Projections("1", projections.SCHEMA, projections.TABLES, apply))
    try:
        places = [*range(len(facts)), *([-1] if forgotten else [])]
        store.commit([Entry(kind="record", at_ms=0, meta={"at": place}) for place in places])
        return [sorted(map(repr, store.query(f"SELECT * FROM {table}"))) for table in projections.TABLES]
    finally:
        store.close()


bodies = st.sampled_from(
    (
        said.AlertRaised(alert="a", rule="one", version=1, mmsi=1, from_ms=1),
        said.AlertAcknowledged(alert="a"),
        said.AlertNoted(alert="a", note="n"),
        said.AlertDismissed(alert="a", reason="r"),
        said.AlertEscalated(alert="a", incident="ind-1"),
    )
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(bodies, st.integers(0, 3)), min_size=1, max_size=7), st.data())
def test_an_alert_stands_the_same_in_every_order_and_as_if_an_erased_record_had_never_been(
    told: list[Any], data: st.DataObject
) -> None:
    facts = [act(nth, body, at_ms) for nth, (body, at_ms) in enumerate(told)]
    assert stands(data.draw(st.permutations(facts))) == stands(facts)
    gone = data.draw(st.sampled_from(facts))
    assert stands(facts, gone.record_id) == stands([fact for fact in facts if fact is not gone])


def test_an_incident_is_not_lost_where_another_officer_dismissed_the_same_alert() -> None:
    kinds = (
        said.AlertRaised(alert="a", rule="one", version=1),
        said.AlertEscalated(alert="a", incident="ind-1"),
        said.AlertDismissed(alert="a", reason="nothing"),
    )
    shown = stands([act(nth, body, nth) for nth, body in enumerate(kinds)])
    now = shown[projections.TABLES.index("maritime_alert_now")]
    assert len(now) == 1
    assert "'escalated', 'officer:1:watch', 1, None, 'ind-1'" in now[0]


# --- bad input --------------------------------------------------------------------------------------------------------------------


@example("1,1,1,9e999999999")
@example("1,9e999999999")
@example("1,9e-999999999")
@given(st.text(alphabet="0123456789,.-+eNaNinf ", max_size=24))
def test_a_box_or_a_place_is_read_or_refused_and_never_fails_otherwise(text: str) -> None:
    for read in (rules.box, rules.place):
        with suppress(RefusedError):
            assert all(abs(value) <= 180 * DEGREE for value in read(text))


@pytest.mark.parametrize("text", ["", "12345678", "41900000x", "٤١٩٠٠٠٠٠١", "4190000011"])
def test_what_is_no_mmsi_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="nine digits"):
        rules.vessels((text,))


def test_a_category_beyond_four_is_no_record() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"category":5}', type=said.IncidentOpened)
