"""Photographs every page into docs/screens/: `make screens`. Which pages there are is found by walking.

Each page is one sheet of six: three languages on a desktop and three on a phone, in lights that go round from page to page, so that every page is
seen in every language, and every language in every light. Small files: flat colours, a palette of 64, half size.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser import driving, finding
from tests.browser.driving import DESKTOP, PHONE, ROOT, Demo
from tests.browser.finding import Place

OUT = ROOT / "docs" / "screens"
LANGUAGES = ("en", "ja", "hi")
LIGHTS = ("day", "dusk", "night")
GAP = 12
PAPER = (128, 128, 128)


def name(place: Place) -> str:
    """Return the name of a page's file."""
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"[0-9a-f]{64}", "record", place.path.lower())).strip("-")
    return f"{words[:60] or 'start'}.png"


def ready(page: Page, path: str) -> None:
    """Wait until a page shows what it has."""
    if path == "/picture":
        driving.drawn(page)
        page.locator("#contacts button").first.click()
        page.locator("#contact .card").wait_for()
    page.evaluate("document.fonts.ready")


def shot(context: BrowserContext, url: str, path: str) -> Image.Image:
    """Return what a page looks like, at half its size."""
    page = context.new_page()
    page.set_default_timeout(driving.SHOWN_MS)
    page.goto(url)
    ready(page, path)
    seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.close()
    return seen.resize((seen.width // 2, seen.height // 2), Image.Resampling.LANCZOS)


def sheet(parts: list[Image.Image]) -> bytes:
    """Return several pictures side by side, in few bytes."""
    width = sum(each.width + GAP for each in parts) - GAP
    whole = Image.new("RGB", (width, max(each.height for each in parts)), PAPER)
    at = 0
    for each in parts:
        whole.paste(each, (at, 0))
        at += each.width + GAP
    out = io.BytesIO()
    whole.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def shoot(browser: Browser, demo: Demo) -> list[Path]:
    """Photograph every page and return the files."""
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.png"):
        old.unlink()
    base = demo.base["India"]
    looks = [
        browser.new_context(viewport=size, reduced_motion="reduce") for size in (DESKTOP, PHONE) for _ in LANGUAGES
    ]
    first = looks[0].new_page()
    first.goto(demo.link["India"])
    first.wait_for_url(f"{base}/*")
    first.close()
    made, role = [], ""
    places = [Place("", "/signin"), *finding.places(looks[0], base)]
    for number, place in enumerate(places):
        if place.role and place.role != role:
            role = place.role
            finding.act_as(looks[0], base, role)
        cookies = looks[0].cookies() if place.role else []
        parts = []
        for at, context in enumerate(looks):
            if at:
                context.clear_cookies()
                context.add_cookies(cookies)  # one officer, six windows
            elif not place.role:
                continue
            driving.look(
                context,
                base,
                LIGHTS[(at + number + at // len(LANGUAGES)) % len(LIGHTS)],
                LANGUAGES[at % len(LANGUAGES)],
            )
            parts.append(shot(context, base + place.path, place.path))
        made.append(OUT / name(place))
        made[-1].write_bytes(sheet(parts))
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
