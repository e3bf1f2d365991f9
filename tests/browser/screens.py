"""Photographs every page into docs/screens/: `make screens`. Small files: flat colours, a palette of 128, one language or light a page."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import driving
from tests.browser.driving import DESKTOP, PHONE, ROOT, Demo

OUT = ROOT / "docs" / "screens"
SHOTS = (
    ("picture-day-en", "India", "/picture", "day", "en", False),
    ("picture-dusk-ja", "Japan", "/picture", "dusk", "ja", False),
    ("picture-night-hi", "India", "/picture", "night", "hi", False),
    ("picture-phone-en", "India", "/picture", "day", "en", True),
    ("channels-day-en", "India", "/channels", "day", "en", False),
    ("withheld-day-ja", "Japan", "/withheld", "day", "ja", False),
    ("record-day-en", "India", "why", "day", "en", False),
    ("dossier-dusk-en", "India", "vessel", "dusk", "en", False),
    ("desk-day-hi", "India", "/desk/case", "day", "hi", False),
    ("form-day-en", "India", "/desk/case/do/resolve", "day", "en", False),
)
"""Name, side, page, light, language, whether on a phone."""


def _reach(page: Page, base: str, path: str) -> None:
    if path == "why":
        page.goto(f"{base}/withheld")
        page.get_by_role("link", name="Which?").first.click()
        page.get_by_role("link", name="Why?").first.click()
    elif path == "vessel":
        page.goto(f"{base}/picture")
        driving.drawn(page)
        page.locator("#contacts button").first.click()
        page.get_by_role("link", name="All that is known").click()
    else:
        page.goto(base + path)
        if path == "/picture":
            driving.drawn(page)
            page.locator("#contacts button").first.click()
            page.locator("#contact .card").wait_for()
            page.wait_for_timeout(1500)


def shoot(browser: Browser, demo: Demo) -> list[Path]:
    """Photograph every page and return the files."""
    OUT.mkdir(parents=True, exist_ok=True)
    held = {}
    for side, link in demo.link.items():
        context = browser.new_context()
        page = context.new_page()
        page.goto(link)
        page.wait_for_url(f"{demo.base[side]}/picture")
        held[side] = context.storage_state()
        context.close()
    made = []
    for name, side, path, palette, language, phone in SHOTS:
        context = browser.new_context(
            viewport=PHONE if phone else DESKTOP, storage_state=held[side], reduced_motion="reduce"
        )
        driving.look(context, demo.base[side], palette, language)
        page = context.new_page()
        page.set_default_timeout(driving.SHOWN_MS)
        _reach(page, demo.base[side], path)
        file = OUT / f"{name}.png"
        file.write_bytes(driving.smaller(page.screenshot()))
        made.append(file)
        context.close()
    return made


def main() -> None:
    """Start the demo and the browser, photograph, and say what was made."""
    reason = driving.lacking()
    if reason:
        sys.exit(reason)
    with sync_playwright() as playwright, driving.demo("--vessels", "220") as running:
        browser = driving.launch(playwright)
        for file in shoot(browser, running):
            print(f"{file.stat().st_size >> 10:>5} KiB  {file.relative_to(ROOT)}")
        browser.close()


if __name__ == "__main__":
    main()
