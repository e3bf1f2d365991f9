"""What agreements rest on: dates keep their precision, supersession runs in no circle, and a partner more changes nothing for another."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import icalendar
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.instruments import DOMAIN, queries, rules
from kizuna.domains.instruments.rules import LifeEvent
from kizuna.errors import RefusedError
from kizuna.kernel import claimbook, labelled
from kizuna.kernel.instrument import (
    Agreement,
    Direction,
    Instrument,
    Provision,
    agreements,
    day_ms,
    limited_date,
    version_of,
)
from kizuna.kernel.instrument_file import load_partnership
from kizuna.kernel.intervals import ALWAYS
from kizuna.kernel.journal import Projections
from kizuna.kernel.label import label
from kizuna.kernel.operation import Desk, Document
from kizuna.kernel.release import Index, ReleaseHeader
from kizuna.node.held.filling import kinds_of
from kizuna.storage.sqlite import open_sqlite

BUNDLED = Path(queries.__file__).parent / "bundled" / "india-japan"
NOW = day_ms("2026-11-26")
DAYS = st.dates().map(lambda day: day.isoformat())
DATES = st.one_of(DAYS, DAYS.map(lambda day: day[:7]), DAYS.map(lambda day: day[:4]), st.just("unknown"))


def partnership() -> list[Instrument]:
    return load_partnership([(path.name, path.read_text(encoding="utf-8")) for path in sorted(BUNDLED.glob("*.toml"))])


def held(made: Sequence[Instrument]) -> tuple[Agreement, ...]:
    return tuple(Agreement(each, version_of(each), ALWAYS) for each in made)


def ask(name: str, made: Sequence[Agreement], **wanted: Any) -> Any:
    query = next(each for each in DOMAIN.queries if each.name == name)
    schema, tables = (
        DOMAIN.schema + claimbook.SCHEMA + labelled.SCHEMA,
        DOMAIN.tables + claimbook.TABLES + labelled.TABLES,
    )
    store = open_sqlite(":memory:", Projections("1", schema, tables, lambda *_: None))
    try:
        with store.view() as db:
            desk = Desk(
                db=db, now_ms=NOW, party="ind", actor="officer:1:desk", kinds=kinds_of((DOMAIN,)), random=bytes,
                agreements=tuple(made),
            )  # fmt: skip
            return query.run(desk, query.asks(**wanted))
    finally:
        store.close()


def rows_of(document: Document) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(document.data.decode().partition("\r\n")[2])))


# --- the graph --------------------------------------------------------------------------------------------------------------------


def test_the_bundled_graph_hangs_together() -> None:
    found = ask("graph", held(partnership()))
    assert len(found.nodes) == 12
    edges = {(edge.newer, edge.older, edge.kind) for edge in found.edges}
    assert ("ind-jpn-2025-joint-declaration-security", "ind-jpn-2008-joint-declaration-security", "supersedes") in edges
    assert (
        "ind-jpn-2018-navy-implementing-arrangement",
        "ind-jpn-2014-memorandum-defence-cooperation",
        "parent",
    ) in edges
    assert all(edge.counts for edge in found.edges)
    assert {node.state for node in found.nodes} == {"unknown"}, "no party has signed a step: news makes no status"


NAMES = st.sampled_from("abcd")


@settings(max_examples=200)
@given(st.dictionaries(NAMES, st.sets(NAMES, max_size=3), max_size=4))
def test_what_counts_of_supersession_has_no_circle(edges: dict[str, set[str]]) -> None:
    circles = rules.cycles(edges)
    counted = {newer: {older for older in found if (newer, older) not in circles} for newer, found in edges.items()}
    assert rules.cycles(counted) == frozenset()
    for newer, older in circles:
        assert older in edges[newer]


# --- dates ------------------------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(signed=DATES, force=DATES, ends=st.one_of(st.none(), DATES))
def test_a_date_keeps_its_precision_through_every_export(signed: str, force: str, ends: str | None) -> None:
    made = Instrument(
        basis="news", id="pact", kind="treaty", parties=("ind", "jpn"), title="Pact", signed_on=limited_date(signed),
        in_force_on=limited_date(force), terminates_on=None if ends is None else limited_date(ends),
    )  # fmt: skip
    (row,) = rows_of(ask("register", held([made])))
    for column, text in (("signed", signed), ("in_force", force), ("terminates", ends)):
        assert row[f"{column}_on"] == (text or "")
        assert row[f"{column}_precision"] == ("" if text is None else limited_date(text).precision)
    told = {row.what: (row.on, row.precision) for row in ask("timeline", held([made]))}
    assert told["signed"] == (signed, limited_date(signed).precision)
    (node,) = ask("graph", held([made])).nodes
    assert (node.signed_on, node.in_force_on) == (signed, force)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(["sign", "enter-force", "use"]), DATES), max_size=4), DAYS)
def test_a_date_counts_from_the_last_day_that_it_may_be(told: list[tuple[str, str]], day: str) -> None:
    events = [LifeEvent(step=step, on=on, parties=("ind", "jpn")) for step, on in told]
    counted = [step for step, on in told if (found := rules.bounds(on)) is not None and found[1] <= day]
    expected = rules.STATE_AFTER[counted[-1]] if counted else "unknown"
    assert rules.state_on(events, ("ind", "jpn"), day) == expected


def test_approved_is_what_every_party_has_approved() -> None:
    events = [
        LifeEvent(step="sign", on="2020", parties=("ind", "jpn")),
        LifeEvent(step="approve", on="2021-02", parties=("jpn",)),
        LifeEvent(step="approve", on="2021-05-19", parties=("ind",)),
    ]
    seen = [rules.state_on(events, ("ind", "jpn"), day) for day in ("2020-12-30", "2021-05-18", "2021-05-19")]
    assert seen == ["unknown", "signed", "approved"]


# --- files ------------------------------------------------------------------------------------------------------------------------


def test_the_years_of_a_pair_say_how_much_of_them_is_unknown() -> None:
    rows = rows_of(ask("years", held(partnership()), first=2013, last=2021))
    by_year = {row["year"]: row for row in rows}
    assert {(row["party_a"], row["party_b"]) for row in rows} == {("ind", "jpn")}
    assert (by_year["2015"]["instruments_signed"], by_year["2014"]["instruments_signed"]) == ("2", "1")
    known = {made.id: made.in_force_on.bounds() for made in partnership()}  # a domain's example rules may assume a date
    unknown = [name for name, bounds in known.items() if bounds is None]
    assert len(unknown) >= 4
    assert by_year["2013"]["with_unknown_dates"] == str(len(unknown)), "a missing agreement is unknown, not absent"
    binding = {made.id for made in partnership() if made.binding}
    begun = [name for name in binding if (bounds := known[name]) is not None and bounds[1] <= "2021-12-31"]
    assert "ind-jpn-2020-reciprocal-supplies-services" in begun
    assert by_year["2021"]["binding_in_force"] == str(len(begun))


def test_the_calendar_has_the_end_of_a_term_and_the_year_before_it() -> None:
    made = partnership()[0]
    dated = msgspec.structs.replace(made, id="dated", terminates_on=limited_date("2031-07-11"))
    vague = msgspec.structs.replace(made, id="vague", terminates_on=limited_date("2030-02"))
    data = ask("calendar", held([made, dated, vague])).data
    events = {str(event["uid"]): event for event in icalendar.Calendar.from_ical(data).walk("VEVENT")}
    assert set(events) == {"dated-ends@kizuna", "dated-renewal@kizuna", "vague-ends@kizuna"}
    assert events["dated-renewal@kizuna"]["dtstart"].dt.isoformat() == "2030-07-11"
    assert events["vague-ends@kizuna"]["dtstart"].dt.isoformat() == "2030-02-01"
    assert events["vague-ends@kizuna"]["dtend"].dt.isoformat() == "2030-03-01"
    assert "known to the month" in str(events["vague-ends@kizuna"]["description"])


# --- release ----------------------------------------------------------------------------------------------------------------------


def clause(number: int, to: str, levels: int, *, forbids: bool, kind: str) -> Provision:
    return Provision(
        basis="example", direction=Direction(from_party="ind", to_party=to), discloses=("text",),
        effect="forbids" if forbids else "permits", id=f"clause-{number}", max_classification={} if forbids else {"common.v1": levels},
        purposes=() if forbids else ("coordination",), record_types=(kind,),
    )  # fmt: skip


KINDS = st.sampled_from(["notes.note-said.v1", "notes.secret-said.v1"])
CLAUSES = st.lists(st.tuples(st.integers(0, 3), st.booleans(), KINDS), max_size=4)


def pact(to: str, told: list[tuple[int, bool, str]]) -> Agreement:
    made = Instrument(
        basis="example", id=f"ind-{to}", kind="memorandum", parties=("ind", to), title=to,
        provisions=tuple(clause(at, to, level, forbids=forbids, kind=kind) for at, (level, forbids, kind) in enumerate(told)),
    )  # fmt: skip
    return Agreement(made, version_of(made), ALWAYS)


@settings(max_examples=100, deadline=None)
@given(japan=CLAUSES, others=st.lists(CLAUSES, max_size=3), level=st.integers(0, 3), kind=KINDS)
def test_a_partner_more_never_changes_what_an_existing_one_receives(
    japan: list[tuple[int, bool, str]], others: list[list[tuple[int, bool, str]]], level: int, kind: str
) -> None:
    mark = label(
        "common.v1", level, originator="ind", releasable_to=("jpn", "p0", "p1", "p2"), purposes=("coordination",)
    )
    header = ReleaseHeader(type=kind, label=mark, issuer="ind", at_ms=NOW)
    alone = pact("jpn", japan)
    more = [pact(f"p{at}", told) for at, told in enumerate(others)]
    decided = Index.build("ind", [alone]).decide(header, "jpn", NOW)
    assert Index.build("ind", [*more, alone]).decide(header, "jpn", NOW) == decided
    assert ask("permitted", [alone], to="jpn") == ask("permitted", [*more, alone], to="jpn")


def test_what_is_permitted_is_asked_by_day() -> None:
    navies = next(made for made in partnership() if made.id == "ind-jpn-2018-navy-implementing-arrangement")
    outward = {each.id for each in navies.provisions if each.direction.to_party == "jpn" and each.effect == "permits"}
    assert "events-to-jpn" in outward
    assert {row.provision for row in ask("permitted", held([navies]), to="jpn", on="2026-01-01")} == outward
    assert ask("permitted", held([navies]), to="aus") == ()
    with pytest.raises(RefusedError, match="is no day"):
        ask("permitted", held([navies]), to="jpn", on="2026-01")


def test_an_unsigned_agreement_is_closed_for_release_and_says_why() -> None:
    made = agreements(partnership(), ())
    rows = {row.instrument: row for row in ask("state", made)}
    supply = rows["ind-jpn-2020-reciprocal-supplies-services"]
    assert (supply.for_release, supply.state) == ("closed", "unknown")
    assert "is not signed by" in supply.why


def test_a_page_without_claims_says_the_date_as_it_was_loaded_and_on_what() -> None:
    shown = ask("page", held(partnership()), instrument="ind-jpn-2020-reciprocal-supplies-services")
    assert "in force: 2021-07-11 as loaded, no claim on it is held" in shown.lines
    assert any(source.startswith("https://www.shugiin.go.jp/") for source in shown.sources)
    unknown = ask("page", held(partnership()), instrument="ind-jpn-2025-joint-declaration-security")
    assert "in force: unknown" in unknown.lines
    with pytest.raises(RefusedError, match="no instrument `nothing` is held"):
        ask("page", (), instrument="nothing")
