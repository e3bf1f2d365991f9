"""How the picture is drawn and told: frame times of the chart in a browser, questions over a hundred thousand vessels, bytes of the live stream.

Frames are measured in Chromium on the real page of a real node whose picture was filled from memory, while the chart is panned without rest; on a
machine without a graphics processor the browser draws in software, and the base map alone (`map.frame_ms/0`) says what that costs; `near` is close
enough that the node tells symbols, not counts. The other
figures are of the code behind the pages, one thread. Without a browser the frames are left out, and why is said.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.random import Generator

from kizuna.domains.maritime.operations import cut_batches
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.kernel.label import label
from kizuna.node.effects import Say
from kizuna.node.maritime.feeding import drafts
from kizuna.node.maritime.sightings import Sightings
from kizuna.storage.positions import Box
from kizuna.web import looking
from kizuna.web.looking import CELL, Notable, Reader, Wanted
from tests.web.harness import POLICY, Served
from tests.web.pages.test_pages import account

DEGREE = 600_000
VESSELS = 100_000
ROUNDS = 20
READER = Reader(frozenset({"ind", "jpn"}), "ind")
VIEW = Box(5 * DEGREE, 80 * DEGREE, 15 * DEGREE, 95 * DEGREE)
"""The Bay of Bengal, as an officer looks at it."""
SHOWN = 5_000
PACE_S = 0.25
SECONDS = 10
FRAMES_S = 4.0

Row = dict[str, Any]


def row(name: str, value: float, unit: str) -> Row:
    """Return one figure; none of these has a peer."""
    return {"name": name, "value": value, "unit": unit, "peer": None, "ratio": None}


def table(rng: Generator, mmsi: np.ndarray[Any, Any], now_ms: int) -> pa.Table:
    """Return a position for each vessel, anywhere between the Gulf and Japan."""
    count = len(mmsi)
    arrays = [
        np.full(count, now_ms), mmsi, rng.integers(-5 * DEGREE, 40 * DEGREE, count), rng.integers(60 * DEGREE, 145 * DEGREE, count),
        rng.integers(0, 220, count), rng.integers(0, 3600, count), rng.integers(0, 360, count), np.zeros(count),
    ]  # fmt: skip
    return pa.table([pa.array(values, field.type) for values, field in zip(arrays, SCHEMA, strict=True)], schema=SCHEMA)


def filled(columns: Sightings, count: int, now_ms: int) -> np.ndarray[Any, Any]:
    """Put vessels into a picture, a third of them told by two parties, and return their MMSI."""
    rng = np.random.default_rng(11)
    mmsi = np.arange(count) + 419_000_000
    columns.place(table(rng, mmsi, now_ms), "ind", simulated=False)
    columns.place(table(rng, mmsi[::3], now_ms - 1), "jpn", simulated=False)
    for each in mmsi.tolist():
        columns.state("ind", each, {"name": f"SHIP {each}", "ship_type": 60 + each % 30}, now_ms, simulated=False)
    return mmsi


def median_ms(work: Callable[[], object]) -> float:
    """Return the median milliseconds of a call, the first one left out."""
    work()
    times = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        work()
        times.append((time.perf_counter() - before) * 1000)
    return statistics.median(times)


def questions() -> list[Row]:
    """Measure what the pages ask of a hundred thousand vessels."""
    columns, now_ms = Sightings(), int(time.time() * 1000)
    filled(columns, VESSELS, now_ms)

    def look(box: Box | None, wanted: Wanted = Wanted()) -> looking.Found:  # noqa: B008 # never written to
        return looking.look(columns, READER, box, wanted, Notable(), now_ms)

    def view() -> bytes:
        kept = looking.cut(look(VIEW))
        head = {"names": looking.names(columns, READER, kept.slot.tolist())}
        return looking.frame(head, looking.packed_rows(columns, READER, kept), np.empty(0, CELL))

    def page() -> object:
        return looking.shown(
            columns, READER, looking.listed(columns, READER, look(VIEW), "name", down=False).take(slice(0, 50))
        )

    return [
        row("map.viewport_query/100k", median_ms(lambda: looking.cut(look(VIEW))), "ms"),
        row("map.viewport_frame/100k", median_ms(view), "ms"),
        row("map.world_cells/100k", median_ms(lambda: looking.cells(columns, look(None), 3)), "ms"),
        row("map.list_page_by_name/100k", median_ms(page), "ms"),
        row("map.list_by_text/100k", median_ms(lambda: look(None, Wanted(text="ship 4190999"))), "ms"),
    ]


def stream() -> Row:
    """Measure the bytes a second to one browser that looks at 5,000 vessels, each of which reports once a second."""
    columns, now_ms = Sightings(), int(time.time() * 1000)
    mmsi = filled(columns, SHOWN, now_ms)
    rng = np.random.default_rng(5)
    sent, each_frame = 0, int(SHOWN * PACE_S)
    for nth in range(round(SECONDS / PACE_S)):
        step, now_ms = columns.step, now_ms + round(PACE_S * 1000)
        columns.place(table(rng, np.roll(mmsi, nth * each_frame)[:each_frame], now_ms), "ind", simulated=False)
        found = looking.look(columns, READER, None, Wanted(), Notable(), now_ms)
        new = found if nth == 0 else found.take(columns.changed(READER.parties, found.slot) > step)
        names = looking.names(columns, READER, new.slot.tolist()) if nth == 0 else {}
        head = {
            "all": nth == 0,
            "now_ms": now_ms,
            "shown": SHOWN,
            "total": SHOWN,
            "wide": False,
            "bits": 0,
            "names": names,
            "marked": "",
        }
        sent += len(looking.frame(head, looking.packed_rows(columns, READER, new), np.empty(0, CELL)))
    return row("map.stream/5000_updates_a_second", sent / SECONDS, "bytes/s")


# --- in a browser -----------------------------------------------------------------------------------------------------------------

_RECORD = """
() => {
  const times = (window.frames_ms = []);
  let before = performance.now();
  const step = (now) => {
    times.push(now - before);
    before = now;
    if (window.frames_ms === times) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
"""
_RECORDED = "() => { const times = window.frames_ms; window.frames_ms = null; return times; }"


def _panned(page: Any) -> float:
    """Return the median milliseconds between frames while the chart is dragged in a circle."""
    box = page.locator("#map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(_RECORD)
    begun = time.perf_counter()
    while (since := time.perf_counter() - begun) < FRAMES_S:
        page.mouse.move(x + 90 * math.cos(3 * since), y + 90 * math.sin(3 * since))
    times = page.evaluate(_RECORDED)
    page.mouse.up()
    return statistics.median(times[2:])


class _Sea:
    """A node in a thread of its own whose picture is filled from memory, and a link that lets a browser in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()), daemon=True)
        self.served: Served
        self.link = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    async def _run(self) -> None:
        async with Served(self._folder, "ind/delhi") as self.served:
            now_ms = self.served.node.clock.now_ms()
            mark = label(POLICY, 0, originator="ind", releasable_to=("ind",), purposes=("coordination",))
            first = table(np.random.default_rng(1), np.array([419_999_999]), now_ms)
            await self.served.node.do(Say(drafts(cut_batches(first, source="bench", source_kind="live"), mark)))
            held = account(self.served, "7", "watch", password="")
            code = held.invite("7", now_ms=now_ms, ends_ms=now_ms + 3_600_000, random=np.random.default_rng().bytes)
            self.link = f"http://127.0.0.1:{self.served.ports.api}/signin/{code}"
            self._ready.set()
            await self._over.wait()


def frames() -> list[Row]:
    """Measure the median time between frames of the chart at some, many and very many vessels; nothing where there is no browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 # a tool of the tests

    from tests.browser import driving  # noqa: PLC0415 # the same

    reason = driving.lacking()
    if reason:
        print(f"map.frame_ms left out: {reason}", file=sys.stderr)
        return []
    found = []
    with tempfile.TemporaryDirectory() as folder, _Sea(Path(folder)) as sea, sync_playwright() as playwright:
        browser = driving.launch(playwright)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(sea.link)
        page.wait_for_url("**/picture")
        for count in (0, 1_000, 10_000, VESSELS):
            with sea.served.watch.picture.sightings() as columns:
                filled(columns, count, sea.served.node.clock.now_ms())
            page.reload()
            _settled(page)
            found.append(row(f"map.frame_ms/{count}", _panned(page), "ms"))
        for _ in range(3):
            page.get_by_role("button", name="Zoom in").click()
            page.wait_for_timeout(1000)
        shown = _settled(page)
        found.append(row("map.frame_ms/near", _panned(page), "ms"))
        found.append(row("map.symbols/near", shown, "symbols"))
        browser.close()
    return found


def _settled(page: Any) -> int:
    """Wait until the chart stands and shows vessels, as symbols or as counts, and return how many symbols."""
    page.wait_for_selector("#map[data-ready=true]")
    chart = page.locator("#map")
    while not any(int(chart.get_attribute(name) or 0) for name in ("data-drawn", "data-cells")):
        page.wait_for_timeout(200)  # the pages' policy forbids what a browser would wait for by itself
    page.wait_for_timeout(2_500)
    return int(chart.get_attribute("data-drawn") or 0)


def run() -> list[Row]:
    """Run all of it."""
    return [*questions(), stream(), *frames()]
