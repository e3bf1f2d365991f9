"""Commitments out of a file and into one, the calendar, and what half a file does: nothing."""

from __future__ import annotations

import csv
import io
from typing import Any

import icalendar
import openpyxl
import pytest

from kizuna.domains.dialogue.agenda import happenings
from kizuna.errors import RefusedError
from kizuna.sim.federation import Federation, SimNode
from tests.sim.dialogue_world import STATEMENT_2022, agreed_text, asks, does, load, pair, signs

MINISTERIAL = "ind-jpn-2plus2-ministerial-2022-09-08"
HEADER = "commitment,text,minute,paragraph,actors,due_on,restates\n"
GOOD = (
    HEADER
    + 'ind-fighters,"hold a first exercise, in Japan",jpn-text,3,ind jpn,2026-12-31,commitment-fighter-exercise\n'
    + "ind-staff-talks,launch staff talks,jpn-text,4,,,\n"
)


def world(seed: int) -> tuple[Federation, SimNode, SimNode]:
    federation, india, japan = pair(seed)
    load(india, japan)
    agreed_text(federation, japan, india, "jpn-text", MINISTERIAL, STATEMENT_2022)
    return federation, india, japan


def opened(node: SimNode) -> list[Any]:
    return [*node.store.query("SELECT name, due_on, first_made_on, actors FROM dialogue_commitment ORDER BY name")]


def test_commitments_come_from_a_file_and_go_into_one_again() -> None:
    federation, india, japan = world(1)
    done = does(india, "import", file=b"\xef\xbb\xbf" + GOOD.encode())
    assert done.told == {"known": 0, "opened": 2}
    assert opened(india) == [
        ("ind-fighters", "2026-12-31", "2019-11-30", "ind jpn"), ("ind-staff-talks", None, "2022-09-08", "ind jpn"),
    ]  # fmt: skip
    federation.run(5_000)
    signs(japan, "dialogue.commitment:ind-fighters")
    federation.run(5_000)
    for form in ("csv", "xlsx"):
        written = asks(india, "export", form=form)
        assert written.name == f"commitments.{form}"
        assert does(india, "import", file=written.data).told == {"known": 2, "opened": 0}
    rows = list(csv.DictReader(io.StringIO(asks(japan, "export").data.decode().partition("\r\n")[2])))
    assert [(row["commitment"], row["state"], row["text"]) for row in rows] == [
        ("ind-fighters", "confirmed", "hold a first exercise, in Japan"), ("ind-staff-talks", "identified", "launch staff talks"),
    ]  # fmt: skip


def test_a_workbook_opens_commitments_too() -> None:
    _, india, _ = world(2)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["commitment", "text", "minute", "paragraph"])
    sheet.append(["ind-staff-talks", "launch staff talks", "jpn-text", 4])
    out = io.BytesIO()
    book.save(out)
    assert does(india, "import", file=out.getvalue()).told == {"known": 0, "opened": 1}
    sheet.append(["ind-more", "x", "jpn-text", "four"])
    out = io.BytesIO()
    book.save(out)
    with pytest.raises(RefusedError, match="xlsx:3: paragraph `four` is no number from 1"):
        does(india, "import", file=out.getvalue())


def test_half_a_file_changes_nothing_and_says_where() -> None:
    _, india, _ = world(3)
    half = GOOD[: GOOD.index("staff talks,jpn") + 5]
    for text, message in (
        (half, "csv:3: has 2 cells, the header has 7"),
        (GOOD + "ind-more,x,jpn-text,9,,,\n", "csv:4: the text `jpn-text` has no paragraph 9"),
        (GOOD + "ind-more,x,jpn-text,0,,,\n", "csv:4: paragraph `0` is no number from 1"),
        (GOOD + "ind-more,x,jpn-text,4,,2021-01-01,\n", "csv:4: .*before the meeting of `2022-09-08`"),
        (GOOD + "ind-more,x,jpn-none,4,,,\n", "csv:4: the text `jpn-none` is not held here"),
        (GOOD + "ind-fighters,x,jpn-text,4,,,\n", "csv:4: `ind-fighters` stands in row 2 already"),
        (GOOD + "jpn-more,x,jpn-text,4,,,\n", "csv:4: .*its own name comes first"),
        (GOOD + ",x,jpn-text,4,,,\n", "csv:4: `commitment` is empty"),
        (GOOD + f"ind-{'x' * 97},x,jpn-text,4,,,\n", "csv:4: .* has 101 characters"),
        (GOOD + f"ind-more,{'x' * 2001},jpn-text,4,,,\n", "csv:4: .*2000"),
        (GOOD.replace("paragraph", "para"), "csv:1: column `para(graph)?` is"),
        ("", "csv:1: column `commitment` is missing"),
    ):
        with pytest.raises(RefusedError, match=message):
            does(india, "import", file=text.encode())
        assert opened(india) == []
    with pytest.raises(RefusedError, match="is not UTF-8 from byte 0 on"):
        does(india, "import", file=b"\xff\xfe")
    does(india, "import", file=GOOD.encode())
    with pytest.raises(RefusedError, match="csv:3: `ind-staff-talks` is held with another text"):
        does(india, "import", file=GOOD.replace("launch staff talks", "launch talks").encode())


def test_the_calendar_holds_meetings_due_days_and_milestones() -> None:
    federation, india, japan = world(4)
    does(india, "import", file=GOOD.encode())
    does(
        japan,
        "propose-meeting",
        key="jpn-2plus2-4",
        mechanism="ind-jpn-2plus2-ministerial",
        guest="ind",
        starts_on="2026-10-05",
        ends_on="2026-10-06",
    )
    does(
        japan,
        "plan-milestone",
        key="jpn-m",
        other="ind",
        owner_party="ind",
        title="text of the roadmap",
        baseline_on="2027-03-31",
    )
    federation.run(5_000)
    for case in ("dialogue.meeting:jpn-2plus2-4", "dialogue.milestone:jpn-m"):
        signs(india, case)
    made = icalendar.Calendar.from_ical(asks(india, "calendar").data)
    days = {
        str(event["uid"]): (event["dtstart"].dt.isoformat(), event["dtend"].dt.isoformat())
        for event in made.walk("VEVENT")
    }
    assert days == {
        "dialogue.meeting:jpn-2plus2-4": ("2026-10-05", "2026-10-07"),
        "dialogue.commitment:ind-fighters": ("2026-12-31", "2027-01-01"),
        "dialogue.milestone:jpn-m": ("2027-03-31", "2027-04-01"),
    }
    past = icalendar.Calendar.from_ical(asks(india, "calendar", from_on="2022-01-01").data)
    assert f"dialogue.cited:{MINISTERIAL}" in {str(event["uid"]) for event in past.walk("VEVENT")}
    with pytest.raises(RefusedError, match="`soon` is no day"):
        asks(india, "calendar", from_on="soon")


def test_a_document_that_was_explained_is_told_by_both_and_counts_among_what_happened() -> None:
    federation, india, japan = world(6)
    given = {"exchange": "jpn-strategy", "giver": "jpn", "taker": "ind", "text": "the new strategy", "on": "2022-12-16"}
    does(japan, "note-document", **given, meeting=MINISTERIAL, to=("ind",))
    federation.run(5_000)
    for node in (india, japan):
        assert "the new strategy" in str(asks(node, "meeting", meeting=MINISTERIAL).documents)
        with node.store.view() as db:
            assert [each.title for each in happenings(db, "2022-12-01", "2022-12-31") if each.kind == "document"] == [
                "the new strategy"
            ]


def test_the_chart_reaches_the_last_day_of_the_calendar_and_shows_a_baseline_beside_its_forecast() -> None:
    federation, india, japan = world(7)
    for key, baseline in (("ind-text", "2026-12-31"), ("ind-far", "9999-12-31")):
        does(
            india,
            "plan-milestone",
            key=key,
            other="jpn",
            owner_party="ind",
            title="<text> & more",
            baseline_on=baseline,
        )
        federation.run(5_000)
        signs(japan, f"dialogue.milestone:{key}")
    does(india, "start-milestone", key="ind-text")
    does(india, "move-forecast", key="ind-text", forecast_on="2027-03-31", reason="talks go on")
    federation.run(5_000)
    for node in (india, japan):
        shown = asks(node, "chart").data.decode()
        assert shown.count("<title>&lt;text&gt; &amp; more (ind): ") == 2
        assert "planned 2026-12-31, now 2027-03-31, +90 days" in shown
        assert "planned 9999-12-31, now 9999-12-31, +0 days" in shown


def _rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode().partition("\r\n")[2])))


def test_the_years_of_a_pair_count_what_its_days_list_and_a_promise_in_its_first_year() -> None:
    federation, india, japan = world(5)
    cited = _rows(asks(japan, "dyad-days").data)
    does(india, "import", file=GOOD.encode())
    federation.run(5_000)
    for key in ("ind-fighters", "ind-staff-talks"):
        signs(japan, f"dialogue.commitment:{key}")
    federation.run(5_000)
    days = _rows(asks(india, "dyad-days").data)
    assert days == _rows(asks(japan, "dyad-days").data)
    made = {(row["name"], row["basis"]): row["on"] for row in days if row["kind"] == "commitment made"}
    assert made["ind-fighters", "case"] == "2019-11-30"
    assert ("commitment-fighter-exercise", "cited") not in made, "a case has taken it up"
    assert len(days) == len(cited) - 2 + 3, "its promise and its fulfilment are the case's now: two made, one restated"
    assert [row["on"] for row in days if row["kind"] == "commitment restated"] == ["2022-09-08"]
    assert {row["precision"] for row in days} <= {"day", "month", "year", "unknown"}
    years = _rows(asks(india, "dyad-years", first=2000, last=2030).data)
    assert {(row["party_a"], row["party_b"]) for row in years} == {("ind", "jpn")}
    columns = {
        "meeting held": "meetings_held", "commitment made": "commitments_made", "commitment restated": "commitments_restated",
        "commitment fulfilled": "commitments_fulfilled",
    }  # fmt: skip
    for row in years:
        for kind, column in columns.items():
            listed = [each for each in days if each["kind"] == kind and each["on"][:4] == row["year"]]
            assert int(row[column]) == len(listed), (row["year"], kind)
    unknown = [each for each in days if each["on"] == "unknown"]
    assert {int(row["with_unknown_dates"]) for row in years} == {len(unknown)}
    assert next(row for row in years if row["year"] == "2001")["meetings_held"] == "0"
    with pytest.raises(RefusedError, match="`last` `2000` lies before `first` `2001`"):
        asks(india, "dyad-years", first=2001, last=2000)
