"""What became of the pledge of 2022, and of one seat and one investment: desk officers of two ministries, two real nodes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.acceptance.canaries import of_folder
from tests.acceptance.offices import Officer, offices

MEMORANDUM = "ind-jpn-2014-memorandum-defence-cooperation"
EQUIPMENT = "ind-jpn-2015-equipment-technology-transfer"
PLEDGE = "jpn-2022-maritime-security"
COURSE, SEAT = "jpn-law-2027", "jpn-law-2027-001"
NAME = "Anjali Raghunathan"
DIGEST = "ab" * 32

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]


def gaps(officer: Officer) -> dict[str, str]:
    return {gap["gap"]: gap["what"] for gap in officer.sees(f"training/progress?pledge={PLEDGE}")["gaps"]}


def test_two_desk_officers_follow_a_pledge_to_its_evidence(tmp_path: Path) -> None:
    with offices(tmp_path, "desk", MEMORANDUM, EQUIPMENT) as (india, japan):
        # Japan's officer loads the pledge as public sources tell it; both desks see what nobody has stated.
        japan.does("training load-bundled", to=["ind"])
        india.waits_until("training/pledges", lambda rows: len(rows) == 2, "India has both statements of the pledge")
        assert gaps(india)["promised, not committed"] == "2000000000 of 2000000000 USD"
        assert gaps(india)["counting rule not stated"].startswith("whether 800 counts persons or seats")

        # One course, one seat for India. India notes at home who it is, and names a pseudonym; a name would not cross.
        course = {
            "course": COURSE,
            "title": "Law of the sea",
            "counting_rule": "persons",
            "pledge": PLEDGE,
            "to": ["ind"],
        }
        japan.does("training offer-course", **course, seats=1, starts_on="2027-06-01", ends_on="2027-06-28")
        japan.does("training offer-seats", course=COURSE, beneficiary="ind")
        india.waits_until("training/seats", len, "the seat is at India's node")
        assert "a name does not cross" in india.may_not("training nominate", course=COURSE, person=NAME)
        noted = india.keeps("training note-person", person="ind-p-17", name=NAME, retain_until="2029-06-30")
        assert not noted["said"][0]["due"]
        india.does("training nominate", course=COURSE, person="ind-p-17")
        assert "every seat offered to us is given" in india.may_not(
            "training nominate", course=COURSE, person="ind-p-18"
        )

        # Japan vets and proposes, India signs; the person attends and graduates, and the school's list is filed.
        japan.waits_until("training/seats?state=nominated", len, "the nomination is at Japan's node")
        japan.does("training vet", seat=SEAT)
        japan.does("training confirm", seat=SEAT)
        india.waits_until("case/list?waits_for=ind", len, "the confirmation waits for India")
        india.does("case endorse", case=f"training.seat:{SEAT}")
        india.does("training travel", seat=SEAT, on="2027-05-30")
        japan.waits_until("training/seats?state=travelling", len, "the person is on the way")
        japan.does("training attend", seat=SEAT, on="2027-06-01")
        japan.does("training graduate", seat=SEAT, on="2027-06-28")
        japan.does(
            "training file-evidence", about=f"course:{COURSE}", title="the school's list", sha256=DIGEST, to=["ind"]
        )
        progress = india.waits_until(
            f"training/progress?pledge={PLEDGE}",
            lambda found: found["people"]["seats_with_evidence"] == 1,
            "evidence at India's node",
        )
        assert (progress["people"]["seats_delivered"], progress["people"]["persons_delivered"]) == (1, 1)
        assert progress["people"]["counted"] is None
        assert gaps(india)["promised, not offered"] == "799 of 800"

        # Money: the donor reports, exactly and in its own currency; who benefits may not.
        paid = {
            "pledge": PLEDGE,
            "kind": "disbursement",
            "amount": "1250000.50",
            "currency": "USD",
            "value_on": "2024-03-31",
        }
        assert "who benefits does not report it" in india.may_not(
            "training report-transaction", transaction="i-1", beneficiary="ind", **paid
        )
        japan.does("training report-transaction", transaction="j-1", beneficiary="phl", to=["ind"], **paid)
        assert gaps(japan)["disbursed, without evidence"] == "1250000.5 of 1250000.5 USD"
        activity = ET.fromstring(japan.file(f"training/iati?pledge={PLEDGE}"))  # noqa: S314 # our own node made it
        assert activity.findtext("iati-activity/transaction/value") == "1250000.50"

        # An investment goes from a company's word to a part that the host has evidence for; announced is not realised.
        key = "jpn-engines-2027"
        japan.does(
            "training express", investment=key, host="ind", company="a maker of engines", kind="joint-venture", amount="5000000000",
            currency="JPY", announced_on="2027-01",
        )  # fmt: skip
        japan.does("training agree-investment", investment=key, memorandum="between both makers")
        india.waits_until("case/list?waits_for=ind", len, "the memorandum waits for India")
        india.does("case endorse", case=f"training.investment:{key}")
        india.does("training approve", investment=key, approval="a-1")
        japan.waits_until("case/list?state=approved", len, "the approval is at Japan's node")
        japan.does("training commit", investment=key, amount="700000000", currency="INR", committed_on="2027-05-01")
        india.waits_until("case/list?state=committed", len, "the commitment is at India's node")
        spent = {"investment": key, "currency": "INR", "realised_on": "2028-01-01", "evidence_sha256": DIGEST}
        assert "more than the `700000000` INR committed" in india.may_not(
            "training realise", amount="700000001", **spent
        )
        india.does("training realise", amount="250000000", **spent)
        found = japan.waits_until(
            "training/investments", lambda shown: shown["realised"], "the realisation is at Japan's node"
        )
        assert (found["announced"], found["committed"], found["realised"]) == (
            {"JPY": "5000000000"}, {"INR": "700000000"}, {"INR": "250000000"}
        )  # fmt: skip

    # Nothing that Japan's node keeps holds the person's name.
    assert NAME.encode() in b"".join(data for _, data in of_folder(india.node.folder))
    assert NAME.encode() not in b"".join(data for _, data in of_folder(japan.node.folder))
