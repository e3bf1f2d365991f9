"""A real browser before two real nodes: Debian's Chromium, driven by Playwright, and the demo that serves it."""

from __future__ import annotations

import io
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from kizuna.formats.aivdm_out import Fix, position_a, sentences
from kizuna.node.settings import read_settings
from kizuna.web.assets import Assets

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
LINK = re.compile(r"^\s*(India|Japan)\s+(http://127\.0\.0\.1:\d+)(/signin/\S+)", re.MULTILINE)
PARTIES = {"India": "ind", "Japan": "jpn"}
START_S = 150.0
DEGREE = 600_000
SHOWN_MS = 60_000
expect.set_options(timeout=SHOWN_MS)


def chromium() -> str:
    """Return where Chromium is, or an empty text."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


def lacking() -> str:
    """Return why the pages cannot be looked at here, or an empty text."""
    if not chromium():
        return "there is no Chromium: on Debian, apt-get install chromium"
    return "" if Assets().built else "the pages are not built: run `make pages`"


def launch(playwright: Playwright) -> Browser:
    """Return a started Chromium."""
    return playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))


@dataclass
class Demo:
    """A running demo: where each side's pages are, and the link that lets in once."""

    base: dict[str, str] = field(default_factory=dict)
    link: dict[str, str] = field(default_factory=dict)


@contextmanager
def demo(*options: str) -> Iterator[Demo]:
    """Run `kizuna demo` until its links are printed, and end it in order afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kizuna", "demo", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        yield _wait(process.stdout)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(said: IO[str]) -> Demo:
    text, until = "", time.monotonic() + START_S
    while time.monotonic() < until:
        line = said.readline()
        assert line, f"the demo ended: {text}"
        text += line
        found = LINK.findall(text)
        if len(found) == 2:
            return Demo({side: base for side, base, _ in found}, {side: base + path for side, base, path in found})
    raise AssertionError(f"the demo printed no links: {text}")


def second(folder: Path, side: str) -> str:
    """Return the link of a side's second officer, as its administrator would make it; `folder` is where the demo is kept."""
    settings = folder / PARTIES[side] / "node.toml"
    command = [sys.executable, "-m", "kizuna", "account", "link", "second", "--config", str(settings)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"http://\S+/signin/\S+", told)
    assert found, told
    return found[0]


def heard(folder: Path, mmsi: int, lat: float, lon: float) -> float:
    """Let Japan's receiver hear a ship, and return when that was."""
    config = next(path for path in folder.rglob("*.toml") if path.read_text(encoding="utf-8").startswith('node = "jpn'))
    host, _, port = read_settings(config).feeds[0].address.rpartition(":")
    at = time.time()
    fix = Fix(
        mmsi=mmsi, lon_600000=round(lon * DEGREE), lat_600000=round(lat * DEGREE), speed_dkn=121, course_ddeg=450, heading_deg=45,
        second=int(at) % 60,
    )  # fmt: skip
    lines = sentences(position_a(fix, 0), channel="A", sequence=1, received_ms=int(at * 1000), station="test")
    with socket.create_connection((host, int(port)), timeout=10) as feed:
        feed.sendall(b"".join(line.rstrip() + b"\r\n" for line in lines))
    return at


def partners_ship(page: Page) -> tuple[float, float]:
    """Return where a ship is that India knows from Japan alone: beside it a new one is heard and may be shown."""
    found = page.evaluate("fetch('/picture/vessels?origin=partner').then((answer) => answer.json())")
    return found["vessels"][0]["lat"], found["vessels"][0]["lon"]


@dataclass
class Watched:
    """A page in the browser, with all that went wrong on it: errors, breaches of its policy, requests to anyone else."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Open a page of the node."""
        self.page.goto(self.base + path)
        return self.page

    @property
    def foreign(self) -> list[str]:
        """Requests that went elsewhere than to the node."""
        return [url for url in self.requests if not url.startswith((self.base, "data:", "blob:"))]


def watched(context: BrowserContext, base: str) -> Watched:
    """Return a fresh page that keeps what goes wrong on it."""
    made = Watched(context.new_page(), base)
    made.page.set_default_timeout(SHOWN_MS)
    made.page.on("console", lambda said: made.faults.append(said.text) if said.type == "error" else None)
    made.page.on("pageerror", lambda error: made.faults.append(str(error)))
    made.page.on("request", lambda request: made.requests.append(request.url))
    return made


def drawn(page: Page) -> int:
    """Wait until the chart shows vessels and land, and return how many vessels there are."""
    chart = page.locator("#map")
    expect(chart).to_have_attribute("data-ready", "true")
    expect(chart).to_have_attribute("data-drawn", re.compile("[1-9]"))
    page.wait_for_timeout(2500)  # the chart draws what it was given in frames of its own
    return int(page.locator("#map").get_attribute("data-drawn") or 0)


def look(context: BrowserContext, base: str, palette: str, language: str = "en") -> None:
    """Choose palette and language as the form of the page does."""
    for name, value in (("palette", palette), ("language", language)):
        context.add_cookies([{"name": f"kizuna-{name}", "value": value, "url": base}])


def colours(page: Page, selector: str) -> dict[str, int]:
    """Return how many pixels of what is on the screen have each colour, as `#rrggbb`."""
    shown = Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB")
    found = shown.getcolors(shown.width * shown.height) or []
    return {"#" + bytes(colour).hex(): count for count, colour in found}


def violations(page: Page, *, contrast_alone: bool = False) -> list[str]:
    """Return what axe-core finds against WCAG 2.2 AA; of contrast alone where the page is the same in another light."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    only = {"type": "rule", "values": ["color-contrast"]} if contrast_alone else {"type": "tag", "values": tags}
    found: dict[str, Any] = page.evaluate(
        "(only) => axe.run(document, { runOnly: only, resultTypes: ['violations'] })", only
    )
    return [
        f"{each['id']}: {node['target']} {node['failureSummary'][:200]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]
