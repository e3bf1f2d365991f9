"""Fills the desks of a demo as its officers would, by the forms of the pages: what is bundled, an order under way, an alert that was shared."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser import driving, finding
from tests.browser.driving import Demo

PARTNER = {"India": "jpn", "Japan": "ind"}
_LOADED = ("dialogue", "exercises", "training", "claim")


class Officer:
    """Someone who is signed in at one side and sends its forms."""

    def __init__(self, context: BrowserContext, base: str, link: str = "") -> None:
        self.context = context
        self.base = base
        if link:
            page = context.new_page()
            page.set_default_timeout(driving.SHOWN_MS)
            page.goto(link)
            page.wait_for_url(f"{base}/picture")
            page.close()

    def act_as(self, role: str) -> None:
        """Change the role."""
        finding.act_as(self.context, self.base, role)

    def do(self, desk: str, operation: str, **fields: str) -> str:
        """Send a desk's form and return the page that says it was done."""
        path = f"{self.base}/desk/{desk}/do/{operation}"
        form = self.context.request.get(path).text()
        found = re.search(r'name="csrf" value="([^"]+)"', form)
        assert found, path
        given = {name.replace("__", "."): value for name, value in fields.items()} | {"csrf": found[1]}
        answer = self.context.request.post(path, form=given, headers={"origin": self.base})
        text = answer.text()
        assert answer.ok, (path, re.findall(r'class="(?:wrong|note refused)[^>]*>(.*?)</', text))
        return text


def furnish(browser: Browser, demo: Demo, folder: Path, officer: BrowserContext) -> None:
    """Fill the desks of India's node, where `officer` is signed in as its first officer, and what Japan's says of the same."""
    driving.look(officer, demo.base["India"], "day", "en")  # buttons are found by their words
    first = Officer(officer, demo.base["India"])
    others = [browser.new_context() for _ in range(3)]
    japan = Officer(others[0], demo.base["Japan"], demo.link["Japan"])
    second, theirs = (
        Officer(context, demo.base[side], driving.second(folder, side))
        for context, side in zip(others[1:], ("India", "Japan"), strict=True)
    )
    for side, each in (("India", first), ("Japan", japan)):
        each.act_as("desk")
        each.do("supply", "state-terms", partner=PARTNER[side], bundled="example")
        each.do("supply", "grant", officer="second", partner=PARTNER[side], duties="order\noffer\naccept")
    for desk in _LOADED:
        first.do(desk, "load-bundled")
    _order(first, second, theirs)
    _share(first)
    for context in others:
        context.close()


def _order(drafts: Officer, asks: Officer, answers: Officer) -> None:
    """Carry one order to its offer, and leave a draft beside it."""
    for each in (drafts, asks, answers):
        each.act_as("logistics")
    begins = datetime.now(UTC) + timedelta(days=1)
    for unit, goods, count in (("INS Demo", "fresh water", "120"), ("INS Second", "diesel fuel", "800")):
        drafts.do(
            "supply", "draft", provider="jpn", activity="joint-training", requesting_unit=unit, method="cash", currency="INR",
            window_from_ms=f"{begins:%Y-%m-%d %H:%M}", window_to_ms=f"{begins + timedelta(days=3):%Y-%m-%d %H:%M}",
            lines__0__line_no="1", lines__0__category="water", lines__0__description=goods, lines__0__unit="m3", lines__0__quantity=count,
        )  # fmt: skip
    page = asks.context.new_page()
    page.set_default_timeout(driving.SHOWN_MS)
    page.goto(f"{asks.base}/desk/supply/drafts")
    number = page.locator("tbody td").first.inner_text()
    asks.do("supply", "request", order_no=number)
    board = answers.context.new_page()
    for _ in range(60):
        board.goto(f"{answers.base}/boards/supply")
        if number in board.locator("main").inner_text():
            break
        board.wait_for_timeout(500)
    answers.do("supply", "offer", order_no=number, price="1=95")


def _share(officer: Officer) -> None:
    """Share the first alert that may be shared, of those that the demo's traffic raises."""
    officer.act_as("watch")
    page = officer.context.new_page()
    page.set_default_timeout(driving.SHOWN_MS)
    button = page.get_by_role("button", name=re.compile("^Share with"))
    for _ in range(60):
        page.goto(f"{officer.base}/watch")
        if button.count() and button.first.is_enabled():
            break
        page.wait_for_timeout(1000)
    button.first.click()
    expect(page.get_by_role("status")).to_be_visible()
    page.close()
