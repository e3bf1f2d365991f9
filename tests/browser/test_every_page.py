"""Every page of every role, as a walk finds them: for all who read, in each light, on a phone, by keyboard and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import driving, finding
from tests.browser.conftest import Sides
from tests.browser.finding import Place

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]
WHITE = 40
"""Of 255: no colour of a page's ground is brighter than this at night."""


def opened(sides: Sides, found: list[Place], **look: Any) -> Iterator[tuple[Place, Page, Any]]:
    """Yield each page, opened in the role in which it was found."""
    officer = sides.officer("India", **look)
    role = ""
    for place in found:
        if place.role != role:
            role = place.role
            finding.act_as(officer.page.context, officer.base, role)
        yield place, officer.open(place.path), officer


@pytest.fixture(scope="module")
def found(browser: Any, demo: Any, signed_in: Any) -> list[Place]:
    context = browser.new_context(storage_state=signed_in["India"])
    made = finding.places(context, demo.base["India"])
    signed_in["India"] = context.storage_state()
    context.close()
    assert len(made) >= 20, made
    return made


def test_axe_finds_nothing_on_any_page_in_any_light(sides: Sides, found: list[Place], signed_in: Any) -> None:
    faults: dict[str, Any] = {}
    for palette in ("day", "dusk", "night"):
        for place, page, officer in opened(sides, found, palette=palette):
            seen = driving.violations(page, contrast_alone=palette != "day")
            if palette == "night":
                ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
                if max(int(part) for part in re.findall(r"\d+", ground)[:3]) > WHITE:
                    seen.append(f"the ground is {ground}")
            if seen:
                faults[f"{palette} {place.role} {place.path}"] = seen
            kept = officer
        signed_in["India"] = kept.page.context.storage_state()
        assert not [fault for fault in kept.faults if "404" not in fault]
        assert not kept.foreign
    assert not faults


def test_a_phone_shows_every_page_without_scrolling_sideways(sides: Sides, found: list[Place], signed_in: Any) -> None:
    wide = []
    for language in ("hi", "ja"):
        for place, page, officer in opened(sides, found, phone=True, language=language):
            assert page.locator("html").get_attribute("lang") == language
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                wide.append(f"{language} {place.path}")
            kept = officer
        signed_in["India"] = kept.page.context.storage_state()
    assert not wide


def test_search_is_a_key_away_and_paper_bears_the_marking(sides: Sides) -> None:
    page = sides.officer("India").open("/cases")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("sea")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/search"))
    expect(page.locator(".hits a").first).to_be_visible()
    assert page.locator("#marking-head").inner_text() == page.locator("#marking-foot").inner_text()
    page.emulate_media(media="print")
    for place in ("head", "foot"):
        style = page.locator(f"#marking-{place}").evaluate(
            "(each) => [getComputedStyle(each).position, getComputedStyle(each).display]"
        )
        assert style == ["fixed", "block"], "on each sheet"
    expect(page.locator(".head")).to_be_hidden()
