"""Photographs every page into docs/screens/: `make screens`. Which pages there are is found by walking a demo whose desks have something on them.

Each page is one sheet of three looks: English by day and Hindi at dusk on a desktop, Japanese at night on a phone. The pages that people come to
first have a sheet more, of every language in every light. All is made beside the folder that is there, which is replaced at the end, or not at all.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import driving, finding, furnishing
from tests.browser.driving import DESKTOP, PHONE, ROOT, Demo
from tests.browser.finding import Place

OUT = ROOT / "docs" / "screens"
LANGUAGES = ("en", "ja", "hi")
LIGHTS = ("day", "dusk", "night")
FIRST = ("/watch", "/next")
"""Shown in every language in every light; a chart is drawn in software here, and takes half a minute each time."""
GAP = 16
PAPER = (128, 128, 128)
TALL = 2
"""A page is shown to so many heights of its window."""
QUALITY = 68


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    language: str
    light: str
    phone: bool = False

    @property
    def words(self) -> str:
        """What people call it."""
        return f"{self.language}, {self.light}, {'phone' if self.phone else 'desktop'}"


LOOKS = (Look("en", "day"), Look("hi", "dusk"), Look("ja", "night", phone=True))
ALL = tuple(Look(language, light) for light in LIGHTS for language in LANGUAGES)


def name(place: Place) -> str:
    """Return the name of a page's file, without its ending."""
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"[0-9a-f]{64}", "record", place.path.lower())).strip("-")
    return words[:60].rstrip("-") or "start"


class Camera:
    """One signed-in officer before two windows, a desktop's and a phone's."""

    def __init__(self, browser: Browser, base: str) -> None:
        self._base = base
        self.pages = {
            phone: browser.new_context(viewport=PHONE if phone else DESKTOP, reduced_motion="reduce").new_page()
            for phone in (False, True)
        }
        for page in self.pages.values():
            page.set_default_timeout(driving.SHOWN_MS)

    @property
    def desktop(self) -> Page:
        """The window in which the officer signs in."""
        return self.pages[False]

    def enter(self, role: str) -> None:
        """Act in a role, in both windows."""
        finding.act_as(self.desktop.context, self._base, role)
        self.pages[True].context.clear_cookies()
        self.pages[True].context.add_cookies(self.desktop.context.cookies())

    def shot(self, path: str, look: Look) -> Image.Image:
        """Return what a page looks like."""
        page = self.pages[look.phone]
        driving.look(page.context, self._base, look.light, look.language)
        page.bring_to_front()  # what is behind another window may be drawn no frame
        page.goto(self._base + path)
        if path == "/picture":
            driving.drawn(page)
            page.locator("#contacts button").first.click()
            page.locator("#contact .card").wait_for()
        page.evaluate("document.fonts.ready")
        size = PHONE if look.phone else DESKTOP
        high = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": min(high, TALL * size["height"])})
        seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        page.set_viewport_size(size)  # type: ignore[arg-type] # width and height
        return seen


def sheet(parts: list[Image.Image], scale: float, across: int) -> bytes:
    """Return several pictures in rows of so many, smaller, in few bytes."""
    small = [
        each.resize((round(each.width * scale), round(each.height * scale)), Image.Resampling.LANCZOS) for each in parts
    ]
    rows = [small[at : at + across] for at in range(0, len(small), across)]
    width = max(sum(each.width + GAP for each in row) - GAP for row in rows)
    high = [max(each.height for each in row) for row in rows]
    whole = Image.new("RGB", (width, sum(high) + GAP * (len(rows) - 1)), PAPER)
    top = 0
    for row, height in zip(rows, high, strict=True):
        left = 0
        for each in row:
            whole.paste(each, (left, top))
            left += each.width + GAP
        top += height + GAP
    out = io.BytesIO()
    whole.save(out, "WEBP", quality=QUALITY, method=6)
    return out.getvalue()


def shoot(browser: Browser, demo: Demo, folder: Path, out: Path) -> Iterator[tuple[Path, str]]:
    """Photograph every page, and yield each file with what it shows."""
    base = demo.base["India"]
    camera = Camera(browser, base)
    signed_out = camera.shot("/signin", LOOKS[0]), camera.shot("/signin", LOOKS[1]), camera.shot("/signin", LOOKS[2])
    yield _kept(out / "signin.webp", sheet([*signed_out], 0.5, 3)), "/signin"
    camera.desktop.goto(demo.link["India"])
    camera.desktop.wait_for_url(f"{base}/*")
    furnishing.furnish(browser, demo, folder, camera.desktop.context)
    role = ""
    for place in finding.places(camera.desktop.context, base):
        if place.role != role:
            role = place.role
            camera.enter(role)
        said = f"{place.path.partition('?')[0]} ({role})"
        parts = [camera.shot(place.path, look) for look in LOOKS]
        yield _kept(out / f"{name(place)}.webp", sheet(parts, 0.5, 3)), said
        if place.path in FIRST:
            parts = [camera.shot(place.path, look).crop((0, 0, *DESKTOP.values())) for look in ALL]
            yield _kept(out / f"{name(place)}-all.webp", sheet(parts, 0.4, 3)), f"{said}, every language in every light"


def _kept(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file


def index(made: list[tuple[Path, str]]) -> str:
    """Return the page that shows the sheets."""
    looks = "; ".join(look.words for look in LOOKS)
    head = f"# Every page\n\nMade by `make screens` from a demo's India, in the roles named. From the left: {looks}.\n"
    return head + "".join(f"\n## {said}\n\n![{said}]({file.name})\n" for file, said in made)


def main() -> None:
    """Start the demo and the browser, photograph, say what was made, and put it where it is kept."""
    reason = driving.lacking()
    if reason:
        sys.exit(reason)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    begun, made = time.monotonic(), list[tuple[Path, str]]()
    with tempfile.TemporaryDirectory(dir=OUT.parent, prefix=".screens-") as scratch:
        fresh = Path(scratch) / OUT.name
        fresh.mkdir()
        kept = Path(scratch) / "demo"
        with sync_playwright() as playwright, driving.demo("--vessels", "220", "--keep", str(kept)) as running:
            browser = driving.launch(playwright)
            for file, said in shoot(browser, running, kept, fresh):
                made.append((file, said))
                print(f"{time.monotonic() - begun:>5.0f} s {file.stat().st_size >> 10:>5} KiB  {said}", flush=True)
            browser.close()
        (fresh / "README.md").write_text(index(made), encoding="utf-8")
        whole = sum(file.stat().st_size for file in fresh.iterdir())
        shutil.rmtree(OUT, ignore_errors=True)
        fresh.rename(OUT)
    print(f"{len(made)} sheets, {whole / 1e6:.1f} MB, in {OUT.relative_to(ROOT)}/")


if __name__ == "__main__":
    main()
