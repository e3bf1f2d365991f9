"""JIMEX, from what the papers tell of the past to what both sides sign for the next year: two exercise officers, two real nodes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from icalendar import Calendar

from tests.acceptance.offices import offices

MEMORANDUM = "ind-jpn-2014-memorandum-defence-cooperation"
CASE = "exercises.edition:ind-jimex-2027"
SVG = "{http://www.w3.org/2000/svg}"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_two_exercise_officers_keep_one_register(tmp_path: Path) -> None:
    with offices(tmp_path, "exercise", MEMORANDUM) as (india, japan):
        # India's officer loads what public sources tell, and lets Japan have it. Nothing is said twice.
        told = india.does("exercises load-bundled", to=["jpn"])["told"]
        assert (told["series"], told["known already"]) == (10, 0)
        assert india.does("exercises load-bundled", to=["jpn"])["said"] == []
        japan.waits_until("exercises/editions", lambda rows: len(rows) == 26, "Japan has India's statements")

        # Veer Guardian began on the 12th, says one air force; on the 16th, says the other. Both stand.
        veer = japan.sees("exercises/edition?edition=veer-guardian-2023")
        assert {each["says"]["starts_on"] for each in veer["statements"]} == {"2023-01-12", "2023-01-16"}
        assert "starts_on" in veer["differ"]

        # How often, and how complex? Complexity is unknown for every one of them, and the answer says what lacks.
        before = japan.sees("exercises/measures?from_year=2020")["total"]
        assert before["complexity"] is None
        assert before["complexity_lacks"]["live serials"] == before["editions"]

        # India proposes the next edition. A wrong day is refused with the day; Japan reads it whole and signs.
        days = {"starts_on": "2027-05-03", "ends_on": "2027-05-08"}
        words = india.may_not(
            "exercises propose",
            key="ind-jimex-2027",
            series="jimex",
            parties=["jpn"],
            starts_on="2027-05-33",
            ends_on="2027-05-08",
        )
        assert "`2027-05-33` is not in the calendar" in words
        india.does(
            "exercises propose", key="ind-jimex-2027", series="jimex", name="JIMEX 2027", ordinal=9, parties=["jpn"], **days,
            domains=["maritime"], services=["navy"], instrument=MEMORANDUM, place="Bay of Bengal",
        )  # fmt: skip
        japan.waits_until("case/list?waits_for=jpn", len, "the proposal waits for Japan")
        assert "for the side `host`" in japan.may_not("exercises hold", key="ind-jimex-2027", **days)
        japan.does("case endorse", case=CASE)
        india.waits_until("exercises/editions?state=agreed", len, "the edition is agreed at India's node")

        # It is held a day shorter than planned. Both report; the host's count of serials is the one that the register takes.
        india.does("exercises start", key="ind-jimex-2027", starts_on="2027-05-03")
        india.does("exercises hold", key="ind-jimex-2027", starts_on="2027-05-03", ends_on="2027-05-07")
        ships = [
            {"party": "ind", "unit": "INS Shivalik", "unit_type": "ship", "service": "navy"},
            {"party": "jpn", "unit": "JS Kaga", "unit_type": "ship", "service": "navy"},
        ]
        counts = {"serials_live": 12, "serials_night": 4, "serials_live_fire": 1, "serials_cross_deck": 3}
        india.does(
            "exercises report",
            key="ind-jimex-2027",
            summary="as planned, a day shorter",
            forces=ships,
            warfare_areas=["replenishment"],
            **counts,
        )
        japan.waits_until("exercises/editions?state=reported", len, "the report is at Japan's node")
        japan.does("exercises report", key="ind-jimex-2027", summary="good weather", serials_live=11)
        india.waits_until(
            f"case/show?case={CASE}", lambda case: len(case["steps"]) == 6, "Japan's report is at India's node"
        )
        india.does("exercises close", key="ind-jimex-2027")
        japan.waits_until("case/list?waits_for=jpn", len, "the closing waits for Japan")
        japan.does("case endorse", case=CASE)
        india.waits_until("exercises/editions?state=closed", len, "the edition is closed at India's node")

        # Both nodes now compute the same, and say by which formula: 2 units, 1 domain, 12 + 4/2 + 1 + 3/2 serials.
        for officer in (india, japan):
            shown = officer.sees("exercises/measures?from_year=2027")
            (row,) = shown["rows"]
            assert (row["measures"]["exercise_days"], row["measures"]["complexity"]) == (5, 33.0)
            assert "live fire" in shown["formulas"]["complexity"]

        # The chart goes into the brief, the table to the statistician, the calendar to the attaché.
        drawn = ET.fromstring(india.file("exercises/chart?measure=frequency"))  # noqa: S314 # our own node made it
        assert (drawn.findtext(f"{SVG}title") or "").startswith("Frequency of exercises")
        page = india.file("exercises/chart?measure=complexity&form=html").decode()
        assert "33" in page
        assert "unknown" in page
        rows = list(csv.DictReader(io.StringIO(india.file("exercises/csv").decode().partition("\n")[2])))
        assert {row["edition"] for row in rows} >= {"jimex-2012", "jimex-2027"}
        days_shown = {
            str(event["uid"]) for event in Calendar.from_ical(india.file("exercises/calendar")).walk("VEVENT")
        }
        assert "jimex-2027@exercises.kizuna" in days_shown
