"""An order is requested in one browser and accepted in the other, each step offered where it is possible; and a brief downloads and opens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import driving
from tests.browser.driving import Demo

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


@pytest.fixture(scope="module")
def kept(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, Path]]:
    folder = tmp_path_factory.mktemp("kept") / "demo"
    with driving.demo("--vessels", "20", "--keep", str(folder)) as running:
        yield running, folder


def _arrive(browser: Browser, demo: Demo, side: str, link: str) -> Page:
    page = browser.new_context(viewport=driving.DESKTOP, accept_downloads=True).new_page()
    page.set_default_timeout(driving.SHOWN_MS)
    page.goto(link)
    page.wait_for_url(f"{demo.base[side]}/picture")
    return page


def _role(page: Page, base: str, role: str) -> None:
    page.goto(f"{base}/channels")
    page.locator("summary").first.click()
    page.locator("#role").select_option(role)
    page.wait_for_function("(role) => document.querySelector('#role')?.value === role", arg=role)


def _do(page: Page, path: str, **fields: str) -> None:
    """Fill in a desk's form and record it; a page that opened with a field filled keeps it."""
    page.goto(path)
    for name, value in fields.items():
        control = page.locator(f"[name='{name.replace('__', '.')}']")
        if control.evaluate("each => each.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()


def _until(page: Page, text: str) -> None:
    """Reload a page until it says something: what the other side says arrives by itself, within seconds."""
    for _ in range(60):
        if text in page.locator("main").inner_text():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(f"`{text}` did not come: {page.locator('main').inner_text()}")


def _agree_terms(page: Page, base: str, partner: str) -> None:
    """State the example terms and name the other officer, who may then bind the party: nobody grants that to itself; then act in logistics."""
    _role(page, base, "desk")
    _do(page, f"{base}/desk/supply/do/state-terms", partner=partner, bundled="example")
    _do(page, f"{base}/desk/supply/do/grant", officer="second", partner=partner, duties="order\noffer\naccept")
    _role(page, base, "logistics")


def test_an_order_is_requested_in_one_browser_and_accepted_in_the_other(
    browser: Browser, kept: tuple[Demo, Path]
) -> None:
    demo, folder = kept
    asked, answers = demo.base["India"], demo.base["Japan"]
    india, ministry = (_arrive(browser, demo, side, demo.link[side]) for side in ("India", "Japan"))
    _agree_terms(india, asked, "jpn")
    _agree_terms(ministry, answers, "ind")
    begins = datetime.now(UTC) + timedelta(days=1)
    _do(
        india, f"{asked}/desk/supply/do/draft", provider="jpn", activity="joint-training", requesting_unit="INS Demo",
        window_from_ms=f"{begins:%Y-%m-%d %H:%M}", window_to_ms=f"{begins + timedelta(days=3):%Y-%m-%d %H:%M}", method="cash",
        currency="INR", lines__0__line_no="1", lines__0__category="water", lines__0__description="fresh water", lines__0__unit="m3",
        lines__0__quantity="120",
    )  # fmt: skip
    second = _arrive(browser, demo, "India", driving.second(folder, "India"))
    japan = _arrive(browser, demo, "Japan", driving.second(folder, "Japan"))
    _role(second, asked, "logistics")
    _role(japan, answers, "logistics")
    second.goto(f"{asked}/desk/supply/drafts")
    number = second.locator("tbody td").first.inner_text()
    _do(second, f"{asked}/desk/supply/do/request", order_no=number)

    # the other side finds it, is offered what is possible now, and is told why the rest is not
    japan.goto(f"{answers}/boards/supply")
    _until(japan, number)
    japan.get_by_role("link", name=number).first.click()
    expect(japan.locator("aside")).to_contain_text("Offer quantities and prices.")
    japan.get_by_text("Not possible now").click()
    expect(japan.locator("aside details")).to_contain_text("the other side does that")
    japan.get_by_role("link", name="Offer quantities and prices.").click()
    japan.locator("[name='price']").fill("1=95")
    japan.get_by_role("button", name="Record it").click()
    expect(japan.get_by_role("heading", name="Done")).to_be_visible()
    second.goto(f"{asked}/cases/supply.order:{number}")
    _until(second, "offered")
    _do(second, f"{asked}/desk/supply/do/agree", order_no=number)
    japan.goto(f"{answers}/cases/supply.order:{number}")
    _until(japan, "waits for our signature")
    _do(japan, f"{answers}/desk/supply/do/sign", order_no=number)
    for page, base in ((second, asked), (japan, answers)):
        page.goto(f"{base}/boards/supply?state=agreed")
        _until(page, number)


def test_a_brief_downloads_and_opens(browser: Browser, kept: tuple[Demo, Path], tmp_path: Path) -> None:
    demo, folder = kept
    page = _arrive(browser, demo, "Japan", driving.second(folder, "Japan"))
    _role(page, demo.base["Japan"], "desk")
    _do(page, f"{demo.base['Japan']}/desk/dialogue/do/load-bundled")
    page.goto(f"{demo.base['Japan']}/boards/dialogue")
    forum = page.get_by_role("link", name="Defence ministerial meeting", exact=True)
    card = page.locator("section.card").filter(has=forum)
    with page.expect_download() as caught:
        card.get_by_role("link", name="Brief").click()
    brief = tmp_path / "brief.html"
    caught.value.save_as(brief)
    page.goto(brief.as_uri())
    expect(page.locator("h1")).to_be_visible()
