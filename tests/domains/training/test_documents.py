"""Pledges out of the bundle and into files: IATI, tables, calendar."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from kizuna.domains.training import DOMAIN
from kizuna.domains.training.documents import (
    ExportWanted,
    activity,
    calendar,
    courses_table,
    gaps_table,
    money_table,
)
from kizuna.domains.training.progress import ProgressWanted
from kizuna.domains.training.queries import AllWanted, industry, pledges
from kizuna.domains.training.records import CourseOffered, EvidenceFiled, TransactionReported
from kizuna.domains.training.register import bundled
from kizuna.errors import RecordError, RefusedError
from kizuna.formats import iati
from kizuna.kernel import labelled
from kizuna.kernel.casework import Kinds
from kizuna.kernel.domain import Fact
from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.kernel.label import label
from kizuna.kernel.operation import Desk
from kizuna.kernel.record import Body
from kizuna.storage.sqlite import open_sqlite

PLEDGE = "jpn-2022-maritime-security"
WANTED = ProgressWanted(pledge=PLEDGE)
NOW_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    mark = label("jpn.example.v1", 0, originator="jpn")
    paid: dict[str, Any] = {"pledge": PLEDGE, "currency": "USD", "beneficiary": "idn"}
    course: dict[str, Any] = {"course": "jpn-law", "counting_rule": "seats", "starts_on": "2023-06-01"}
    bodies: list[Body] = [
        *bundled().pledges,
        *bundled().industry,
        CourseOffered(revision=1, title="Law", seats=9, ends_on="2023-06-28", **course),
        CourseOffered(revision=2, title="Law of the sea", seats=12, **course),
        CourseOffered(
            course="jpn-radar", revision=1, title="Radar", seats=3, counting_rule="seats", starts_on="2023-09"
        ),
        TransactionReported(transaction="t-1", kind="commitment", amount="10.50", value_on="2023-01-31", **paid),
        TransactionReported(
            transaction="t-2", kind="disbursement", amount="4", value_on="2023-02", text="=1+1", **paid
        ),
        EvidenceFiled(about="transaction:t-2", title="receipt", source="https://example.org/r"),
    ]

    def apply(db: Db, _seq: int, entry: Entry) -> None:
        body = bodies[entry.meta["at"]]
        fact = Fact(f"{entry.meta['at']:064x}", "", body, "jpn", "jpn/x", "officer:1:desk", "", 0, mark, "", own=True)
        DOMAIN.apply[type(body)](db, fact)

    store = open_sqlite(
        ":memory:", Projections("1", DOMAIN.schema + labelled.SCHEMA, DOMAIN.tables + labelled.TABLES, apply)
    )
    store.commit([Entry(kind="record", at_ms=0, meta={"at": at}) for at in range(len(bodies))])
    with store.view() as db:
        yield Desk(
            db=db, now_ms=NOW_MS, party="jpn", actor="officer:1:desk", kinds=Kinds({}, {}), random=Random(1).randbytes
        )
    store.close()


def test_the_bundled_facts_are_the_compiled_ones(shared_dir: Path) -> None:
    compiled = json.loads((shared_dir / "data" / "india-japan.json").read_text(encoding="utf-8"))
    facts = bundled()
    assert {f"industry-{each.item}" for each in facts.industry} == {each["id"] for each in compiled["industry_items"]}
    (pledge,) = compiled["pledges"]
    assert facts.pledges[0].persons_min == pledge["persons_min"]["value"]
    assert facts.pledges[0].amount_min == pledge["amount_min"]["value"]["amount"]
    assert facts.pledges[0].announced_on == pledge["announced"]["value"]


def test_the_pledge_is_shown_as_each_source_states_it(desk: Desk) -> None:
    first, second = pledges(desk, AllWanted())
    assert (first.preferred, first.announced_on, first.counting_rule) == (True, "2022-06-10", "unknown")
    assert (second.preferred, second.event) == (False, "Quad leaders' summit, Tokyo")
    assert len(industry(desk, AllWanted())) == 10
    assert all(each.sources for each in (*bundled().pledges, *bundled().industry))


def test_a_pledge_is_an_iati_activity_in_the_order_of_its_schema(desk: Desk) -> None:
    root = ET.fromstring(activity(desk, WANTED).data)  # noqa: S314 # we made it ourselves
    assert (root.tag, root.get("version")) == ("iati-activities", "2.03")
    assert root.get("generated-datetime") == "2023-11-14T22:13:20Z"
    (made,) = root
    assert list(dict.fromkeys(child.tag for child in made)) == [
        "iati-identifier", "reporting-org", "title", "description", "participating-org", "activity-status", "activity-date",
        "recipient-region", "sector", "budget", "transaction", "conditions", "result",
    ]  # fmt: skip
    budget = made.find("budget/value")
    assert budget is not None
    assert (budget.text, budget.get("currency")) == ("2000000000", "USD")
    dates = {date.get("type"): date.get("iso-date") for date in made.findall("activity-date")}
    assert dates == {"1": "2022-06-10", "3": "2025-06-10"}
    (paid,) = made.findall("transaction")
    assert [child.tag for child in paid] == ["transaction-type", "transaction-date", "value", "receiver-org"]
    assert (paid.findtext("value"), paid.get("ref")) == ("10.50", "t-1")
    target = made.find("result/indicator/period/target")
    assert target is not None
    assert target.get("value") == "800"
    assert made.find("result/indicator/period/actual") is None
    said = [text.text or "" for text in made.findall("conditions/condition/narrative")]
    assert any(text.startswith("counting rule not stated") for text in said)


def test_an_unknown_pledge_says_where_to_look(desk: Desk) -> None:
    with pytest.raises(RefusedError, match="nothing is held of a pledge `nothing`: look the name up in `pledges`"):
        activity(desk, ProgressWanted(pledge="nothing"))


def test_tables_hold_the_newest_revision(desk: Desk) -> None:
    rows = list(csv.DictReader(io.StringIO(courses_table(desk, ExportWanted()).data.decode().partition("\r\n")[2])))
    assert [(row["course"], row["title"], row["seats"]) for row in rows] == [
        ("jpn-law", "Law of the sea", "12"), ("jpn-radar", "Radar", "3")
    ]  # fmt: skip
    sums = list(csv.DictReader(io.StringIO(money_table(desk, ExportWanted()).data.decode().partition("\r\n")[2])))
    assert [(row["case"], row["amount"], row["currency"]) for row in sums] == [
        ("transaction:t-1", "10.50", "USD"), ("transaction:t-2", "4", "USD")
    ]  # fmt: skip
    gaps = list(csv.DictReader(io.StringIO(gaps_table(desk, WANTED).data.decode().partition("\r\n")[2])))
    assert "promised, not offered" in {row["gap"] for row in gaps}


def test_the_calendar_shows_courses_with_a_known_day(desk: Desk) -> None:
    events = Calendar.from_ical(calendar(desk, ExportWanted()).data).walk("VEVENT")
    assert [(str(each["summary"]), each["dtstart"].dt.isoformat()) for each in events] == [
        ("Law of the sea", "2023-06-01")
    ]
    assert "last day is not known" in str(events[0]["description"])


@given(st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(("\ufffe", "a\x00", "<&>", "\t\n")))
def test_whatever_a_pledge_says_the_file_is_xml_or_refused(text: str) -> None:
    who = iati.Organisation("XX", "x", iati.FUNDING)
    made = iati.Activity(identifier="i", reporter=who, title=text, text=text, status=iati.CLOSED, conditions=(text,))
    if any((ord(letter) < 0x20 and letter not in "\t\n\r") or letter in "\ufffe\uffff" for letter in text):
        with pytest.raises(RecordError, match="xml cannot say"):
            iati.write([made], "2023-11-14T22:13:20Z", "A--B")
        return
    data = iati.write([made], "2023-11-14T22:13:20Z", "A--B")
    root = ET.fromstring(data)  # noqa: S314 # we made it ourselves
    found = root.findtext("iati-activity/title/narrative") or ""
    assert found.split() == text.split()
