"""What must hold of dates, texts, scores, ordinals, and of commitments and milestones however their steps come."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.dialogue import DOMAIN, rules, steps
from kizuna.domains.dialogue.commitments import COMMITMENT
from kizuna.domains.dialogue.milestones import MILESTONE
from kizuna.domains.dialogue.steps import TextVersion
from kizuna.kernel import casework
from kizuna.kernel.case import ENDORSED, CaseEndorsed
from kizuna.kernel.casework import CaseKind, CaseView, Move
from kizuna.kernel.journal import Entry, Projections
from kizuna.kernel.record import Body
from kizuna.storage.sqlite import open_sqlite

DAYS = st.dates(date(2008, 1, 1), date(2047, 12, 31)).map(date.isoformat)
AT_MS = 1_790_000_000_000
TEXT = "The ministers agreed to hold a first exercise."


def case(kind: CaseKind, key: str, *said: tuple[str, Body]) -> CaseView:
    """Return a case in which each step follows the one before."""
    moves: list[Move] = []
    for no, (party, body) in enumerate(said):
        name, type_ = f"{no:064x}", ENDORSED if isinstance(body, CaseEndorsed) else "test.v1"
        step = casework.step_of(
            kind, name, type_, body, party, f"officer:{party}:desk", AT_MS + no, frozenset(move.step.id for move in moves[-1:])
        )  # fmt: skip
        moves.append(Move(step=step, type=type_, body=body))
    view = casework.folded(kind, kind.subject(key), moves)
    assert view is not None
    return view


def signed(no: int) -> CaseEndorsed:
    return CaseEndorsed(endorses=f"{no:064x}")


def identified(**more: Any) -> steps.CommitmentIdentified:
    values: dict[str, Any] = {
        "other": "jpn", "text": "x", "actors": ("ind", "jpn"), "meeting": "m", "mechanism": "f", "made_on": "2022-09-08",
        "first_made_at": "m0", "first_made_on": "2019-11-30", "minute": "jpn-text", "paragraph": 1, "language": "en",
        "paragraph_text": TEXT, "paragraph_sha256": rules.paragraph_sha256(TEXT),
    }  # fmt: skip
    return steps.CommitmentIdentified(**(values | more))


def rows(kind: CaseKind, view: CaseView, table: str, columns: str) -> list[Any]:
    store = open_sqlite(
        ":memory:", Projections("1", DOMAIN.schema, DOMAIN.tables, lambda db, _seq, _entry: kind.apply(db, view))
    )
    try:
        store.commit([Entry(kind="record", at_ms=0, meta={})])
        return [*store.query(f"SELECT {columns} FROM {table}")]
    finally:
        store.close()


@given(DAYS, DAYS)
def test_days_are_counted_only_between_days(one: str, other: str) -> None:
    days = rules.days_between(one, other)
    assert days is not None
    assert date.fromisoformat(one) + timedelta(days=days) == date.fromisoformat(other)
    assert rules.days_between(one[:7], other) is None
    assert rules.days_between(one, other[:4]) is None
    assert rules.days_between("2023-02-30", other) is None


@given(st.sampled_from((4, 7, 10)), DAYS, DAYS, DAYS)
def test_what_lies_in_a_window_surely_lies_there(chars: int, when: str, first: str, last: str) -> None:
    if rules.lies_within(when[:chars], first, last):
        assert first <= when <= last
        assert not rules.is_before(when[:chars], first)
        assert not rules.is_before(last, when[:chars])


@given(st.sets(st.integers(1, 60)))
def test_a_gap_in_ordinals_is_named_and_nothing_else(known: set[int]) -> None:
    missing = rules.missing_ordinals(known)
    assert not known & set(missing)
    assert sorted([*known, *missing]) == list(range(1, max(known, default=0) + 1))


def test_a_partner_s_billionth_meeting_costs_nothing() -> None:
    missing = rules.missing_ordinals({2, 2**53 - 1})
    assert missing == [1, *range(3, 2 + rules.MOST_MISSING)]


@given(st.dictionaries(st.sampled_from(("ind", "jpn")), st.sampled_from((-1, 0, 1))))
def test_the_mean_of_scores_recomputes(scores: dict[str, int]) -> None:
    found = rules.aggregate(scores)
    assert found is None if not scores else found is not None and min(scores.values()) <= found <= max(scores.values())


LANGUAGE = st.sampled_from(("en", "ja", "hi"))
WORDS = st.text("abcへकखग", min_size=1, max_size=8)
PARAGRAPHS = st.lists(WORDS, max_size=4).map(tuple)


@given(st.lists(st.builds(TextVersion, LANGUAGE, PARAGRAPHS), max_size=3).map(tuple))
def test_the_languages_of_a_text_align_paragraph_by_paragraph(texts: tuple[TextVersion, ...]) -> None:
    if not rules.text_fault(texts):
        assert len({len(text.paragraphs) for text in texts}) == 1
        assert len({text.language for text in texts}) == len(texts) > 0
        assert texts[0].paragraphs


@given(PARAGRAPHS, PARAGRAPHS)
def test_a_text_is_named_by_its_hash(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    same = rules.text_sha256((TextVersion("en", one),)) == rules.text_sha256((TextVersion("en", other),))
    assert same == (one == other)


@given(st.text(max_size=30) | st.just(TEXT))
def test_a_commitment_whose_paragraph_has_another_hash_is_void(text: str) -> None:
    view = case(COMMITMENT, "ind-a", ("ind", identified(paragraph_text=text)), ("jpn", signed(0)))
    assert (view.state.state == "confirmed") == (text == TEXT)


@settings(max_examples=50, deadline=None)
@given(st.lists(DAYS, max_size=5))
def test_no_restatement_moves_the_first_day(days: list[str]) -> None:
    said: list[tuple[str, Body]] = [("ind", identified()), ("jpn", signed(0))]
    for day in days:
        said += [("jpn", steps.CommitmentRestated(meeting="later", mechanism="f", on=day)), ("ind", signed(len(said)))]
    view = case(COMMITMENT, "ind-a", *said)
    ((first, restated),) = rows(COMMITMENT, view, "dialogue_commitment", "first_made_on, restated_on")
    assert first == "2019-11-30"
    assert restated == max(["2022-09-08", *(day for day in days if day >= first)])
    assert len(rows(COMMITMENT, view, "dialogue_restated", "no")) == len([day for day in days if day >= first])


@settings(max_examples=50, deadline=None)
@given(DAYS, DAYS, DAYS)
def test_a_score_holds_only_where_its_evidence_lies_in_its_window(on: str, from_on: str, as_of: str) -> None:
    attached = steps.EvidenceAttached(on=on, text="x")
    score = steps.ScoreGiven(
        value=1, rationale="x", evidence=(f"{2:064x}",), from_on=from_on, as_of=as_of, guideline="g"
    )
    view = case(COMMITMENT, "ind-a", ("ind", identified()), ("jpn", signed(0)), ("ind", attached), ("jpn", score))
    holds = "2019-11-30" <= from_on <= on <= as_of
    assert (view.last("score") is not None) == holds
    assert len(rows(COMMITMENT, view, "dialogue_score", "no")) == holds


@settings(max_examples=50, deadline=None)
@given(DAYS, st.lists(DAYS, max_size=5))
def test_no_forecast_moves_a_baseline(baseline: str, forecasts: list[str]) -> None:
    plan = steps.MilestonePlanned(other="jpn", owner_party="jpn", title="x", baseline_on=baseline)
    moves = [("jpn", steps.ForecastMoved(forecast_on=day, reason="r")) for day in forecasts]
    view = case(MILESTONE, "ind-m", ("ind", plan), ("jpn", signed(0)), *moves)
    assert rows(MILESTONE, view, "dialogue_milestone", "baseline_on, forecast_on") == [
        (baseline, [baseline, *forecasts][-1])
    ]
    assert [day for (day,) in rows(MILESTONE, view, "dialogue_forecast", "forecast_on")] == forecasts


def test_who_hosts_next_is_not_guessed() -> None:
    assert rules.next_host(["ind", "jpn"], ("ind", "jpn")) == "ind"
    assert rules.next_host(["ind", ""], ("ind", "jpn")) == ""
    assert rules.next_host([], ("ind", "jpn")) == ""


def test_malformed_dates_of_others_are_unknown_and_stop_nothing() -> None:
    for when in ("", "2023-13-01", "soon", None, 7):
        assert rules.bounds(when) is None
        assert rules.exact(when) == ""
        assert rules.ends_ms(when) is None
