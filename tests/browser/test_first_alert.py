"""The first five minutes: an alert appears, one click shares it, the other browser has it, and what was not shared names its clause."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import driving
from tests.browser.conftest import Sides

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
MINUTE_MS = 60_000


def test_an_alert_appears_is_shared_by_one_click_and_arrives_at_the_other_browser(sides: Sides) -> None:
    india, japan = sides.officer("India"), sides.officer("Japan")
    at_japan = japan.open("/watch")
    expect(at_japan.locator("#live")).to_have_text("live")
    expect(at_japan.locator("#incidents li.theirs")).to_have_count(0)
    page = india.open("/watch")
    first = page.locator("#alerts li.raised a").first
    expect(first).to_be_visible(timeout=MINUTE_MS)
    first.click()

    # what the click will say, to whom, under which label and by which clause stands there before it
    share = page.locator("section.share")
    expect(share.get_by_role("heading", name="To Japan")).to_be_visible()
    expect(share).to_contain_text("example 7")
    expect(share).to_contain_text("REL TO")
    title = share.locator("dt:text-is('Title') + dd").inner_text()
    share.get_by_role("button", name="Share with Japan").click()
    expect(page.get_by_role("status")).to_contain_text("Shared with Japan.")

    # the other browser has it without being touched
    theirs = at_japan.locator("#incidents li.theirs").filter(has_text=title)
    expect(theirs).to_be_visible()
    expect(theirs).to_contain_text("from India")
    assert int(at_japan.locator("body").get_attribute("data-alarms") or 0) >= 1
    expect(page.locator("#queue .tag.good").first).to_contain_text("confirmed by Japan")

    # one more click on what was not shared names the clause that held it
    page.goto(f"{india.base}/watch")
    kept = page.locator("aside li", has_text="maritime.own-unit-batch.v1")
    kept.get_by_role("link", name="Why?").click()
    why = page.locator("section.note.refused")
    expect(why).to_contain_text("no-own-units-to-jpn")
    assert not india.faults + japan.faults
    assert not india.foreign + japan.foreign


def test_two_sides_carry_an_incident_and_keep_what_they_keep(sides: Sides) -> None:
    india, japan = sides.officer("India"), sides.officer("Japan")
    at_japan = japan.open("/watch")
    at_japan.locator("#incidents li.theirs a").first.click()
    at_japan.get_by_label("Write a note").fill("We see her on our coastal station.")
    at_japan.get_by_role("button", name="Say it").click()
    expect(at_japan.locator(".chat")).to_contain_text("confirmed by India")
    at_japan.get_by_label("Write a note").fill("Source is ours alone.")
    at_japan.get_by_label(re.compile("Only at home")).check()
    at_japan.get_by_role("button", name="Say it").click()
    expect(at_japan.locator(".chat li").last).to_contain_text("stays at home")

    # a note of a higher grade: the page that stands open beside is marked so without being touched
    beside = japan.open(at_japan.url.removeprefix(japan.base))
    expect(beside.locator("#live")).to_have_text("live")
    before = beside.locator("#marking-head").inner_text()
    at_japan.get_by_label("Write a note").fill("A matter for few.")
    at_japan.get_by_label(re.compile("Only at home")).check()
    at_japan.get_by_text("Label it other than usual").click()
    at_japan.get_by_label("Grade, as its number in our policy").fill("2")
    at_japan.get_by_role("button", name="Say it").click()
    expect(beside.locator(".chat")).to_contain_text("A matter for few.")
    after = at_japan.locator("#marking-head").inner_text()
    assert before != after
    for place in ("head", "foot"):
        expect(beside.locator(f"#marking-{place}")).to_have_text(after)
    beside.close()
    page = india.open("/watch")
    page.locator("#incidents li.ours a").first.click()
    expect(page.locator(".chat")).to_contain_text("We see her on our coastal station.")
    assert "Source is ours alone." not in page.content()

    # a rule is written in a form, the watch is handed over on a sheet that is marked
    page.goto(f"{india.base}/watch/rules")
    page.locator("#field-rule").fill("too-fast")
    page.locator("#field-kind").select_option("speed")
    page.locator("#field-over_dkn").fill("150")
    page.get_by_role("button", name="Write it").click()
    expect(page.locator("table")).to_contain_text("15.0 kn")
    page.goto(f"{india.base}/watch/hand-over")
    page.get_by_label("Who takes it over").fill("9")
    page.get_by_label("What is left to say").fill("Ask Yokosuka again at 06:00.")
    page.get_by_role("button", name="Hand it over").click()
    expect(page.locator("main")).to_contain_text("Ask Yokosuka again at 06:00.")
    expect(page.locator(".marking").first).to_contain_text("IND")

    # the queue by keyboard, and an alarm that was muted stays muted
    page.goto(f"{india.base}/watch")
    page.locator(".queue a").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".queue a").nth(1)).to_be_focused()
    page.get_by_role("button", name="Alarm sounds").click()
    page.reload()
    expect(page.get_by_role("button", name="Alarm is muted")).to_have_attribute("aria-pressed", "true")
    assert not india.faults + japan.faults
    assert driving.violations(page) == []
