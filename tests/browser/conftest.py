"""One demo and one browser for all that looks at the pages; skipped where there is no browser.

They end with the module: while the browser's driver runs, its event loop stands in the way of every test that begins one of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import driving
from tests.browser.driving import Demo, Watched


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    reason = driving.lacking()
    if reason:
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = driving.launch(playwright)
        yield started
        started.close()


@pytest.fixture(scope="module")
def demo(browser: Browser) -> Iterator[Demo]:
    with driving.demo("--vessels", "120") as running:
        yield running


@pytest.fixture(scope="module")
def signed_in(browser: Browser, demo: Demo) -> dict[str, Any]:
    """Follow each side's link once and return what the browser then holds."""
    held: dict[str, Any] = {}
    for side, link in demo.link.items():
        context = browser.new_context(viewport=driving.DESKTOP)
        page = context.new_page()
        page.goto(link)
        page.wait_for_url(f"{demo.base[side]}/picture")
        held[side] = context.storage_state()
        context.close()
    return held


class Sides:
    """Opens pages of either side's node, as its officer."""

    def __init__(self, browser: Browser, demo: Demo, held: dict[str, Any]) -> None:
        self._browser = browser
        self._held = held
        self.demo = demo
        self._opened: list[Any] = []

    def officer(self, side: str, *, palette: str = "day", language: str = "en", phone: bool = False) -> Watched:
        size = driving.PHONE if phone else driving.DESKTOP
        context = self._browser.new_context(viewport=size, storage_state=self._held[side], reduced_motion="reduce")
        driving.look(context, self.demo.base[side], palette, language)
        self._opened.append(context)
        return driving.watched(context, self.demo.base[side])

    def close(self) -> None:
        for context in self._opened:
            context.close()


@pytest.fixture
def sides(browser: Browser, demo: Demo, signed_in: dict[str, Any]) -> Iterator[Sides]:
    made = Sides(browser, demo, signed_in)
    yield made
    made.close()
