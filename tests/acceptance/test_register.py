"""A study of which India numbers two copies and Japan receives one: registrars of two parties, two real nodes, until both close what went wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.acceptance.offices import offices
from tests.acceptance.stories import kizuna

AGREEMENT = "ind-jpn-2015-classified-military-information"
STUDY, COPY, REPORT = "ind-2027-0001", "ind-2027-0001-c2", "jpn-2027-x1"
DAY = "2027-03-01"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]


def test_two_registrars_carry_a_copy_from_its_number_to_the_end_of_an_inquiry(tmp_path: Path) -> None:
    with offices(tmp_path, "security", AGREEMENT, two=True) as (india, japan):
        # India registers a study and numbers a copy for itself and one for Japan; the register itself crosses to nobody.
        noted = india.keeps(
            "protection register-document", document=STUDY, title="A study of straits", policy="ind.example.v1", level=3,
            registered_on=DAY,
        )  # fmt: skip
        assert not noted["said"][0]["due"]
        assert india.keeps("protection register-copies", document=STUDY)["told"]["copies"] == ["ind-2027-0001-c1"]
        india.does("protection register-copies", document=STUDY, holder="jpn")
        india.does("protection dispatch", copy=COPY, on=DAY, receipt_within_days=7, carrier="attaché")
        japan.waits_until(
            "protection/copies?state=dispatched", len, "Japan's registrar knows that a copy is on its way"
        )
        japan.does("protection receipt", copy=COPY, on=DAY)
        india.waits_until("protection/copies?register=jpn", len, "the receipt is at India's node")
        assert "in the register of `jpn`" in india.may_not(
            "protection destroy", copy=COPY, on=DAY, method="burnt", certificate="D 1"
        )

        # Two officers of India downgrade it; alone, neither may. Every copy is ordered, and Japan's registrar acknowledges.
        downgrade = {"document": STUDY, "level": 1, "reason": "the plan was made public"}
        alone = dataclasses.replace(india, second="")
        assert "two persons" in alone.may_not("protection order-regrade", **downgrade)
        assert india.keeps("protection order-regrade", **downgrade)["told"]["copies"] == ["ind-2027-0001-c1", COPY]
        japan.waits_until(
            "protection/copies", lambda rows: [row["level"] for row in rows] == [1], "the order is at Japan's node"
        )
        japan.does("protection acknowledge-regrade", copy=COPY)

        # A third party: not without India's signature, and then this recipient and this scope alone.
        wish = {"copy": COPY, "recipient": "aus"}
        japan.does("protection request-onward", scope="chapter 3", reason="a joint plan", **wish)
        assert "no consent of the originator" in japan.may_not("protection pass-on", on=DAY, **wish)
        india.waits_until("protection/onward?state=requested", len, "the request is at India's node")
        india.does("protection consent-onward", until_on="2027-04-01", **wish)
        japan.waits_until("protection/onward?state=consented", len, "the consent is at Japan's node")
        japan.does("protection pass-on", on=DAY, **wish)

        # Two persons count the register in Tokyo; the copy is not there. The report names at once who has the study.
        missed = japan.keeps("protection take-inventory", on=DAY, copies=[])
        assert missed["told"]["missing"] == [COPY]
        japan.does("protection lose", copy=COPY, on=DAY, circumstances="a move of offices")
        told = japan.does(
            "protection report", compromise=REPORT, documents=[STUDY], what="not found after a move", discovered_on=DAY,
            action="search, and treat as known", suspected_reach=["unknown"],
        )["told"]  # fmt: skip
        assert told["holders"] == [f"aus passed-on {COPY}", f"jpn lost {COPY}"]
        india.waits_until("protection/compromises", len, "the report is at India's node")
        holders = kizuna("protection", "holders", "--document", STUDY, "--config", india.node.config)["rows"]
        assert {(each["party"], each["how"]) for each in holders} == {
            ("aus", "passed-on"),
            ("ind", "register"),
            ("jpn", "lost"),
        }

        # India acknowledges and assesses, Japan inquires and remedies, both sign that it is closed.
        india.does("protection acknowledge", compromise=REPORT, text="seen")
        japan.waits_until("case/list?state=notified", len, "the acknowledgement is at Japan's node")
        japan.does("protection inquire", compromise=REPORT, text="by the inspector")
        india.waits_until("case/list?state=inquiry", len, "the inquiry is at India's node")
        india.does("protection assess", compromise=REPORT, text="little: it was downgraded")
        japan.waits_until("case/list?state=assessed", len, "the assessment is at Japan's node")
        japan.does("protection remedy", compromise=REPORT, text="moves are inventoried now")
        japan.does("protection close", compromise=REPORT, text="nothing is left")
        india.waits_until("case/list?waits_for=ind", len, "the proposal to close waits for India")
        india.does("case endorse", case=f"protection.compromise:{REPORT}")
        japan.waits_until("case/list?state=closed", len, "it is closed at Japan's node")
        assert b"A study of straits" in japan.file("protection/register")
