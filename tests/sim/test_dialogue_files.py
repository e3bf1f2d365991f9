"""Commitments out of a file and into one, the calendar, and what half a file does: nothing."""

from __future__ import annotations

import csv
import io
from typing import Any

import icalendar
import openpyxl
import pytest

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
