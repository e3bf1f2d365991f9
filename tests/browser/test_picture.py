"""The picture through a night: what Japan hears is in India's browser at once, what is withheld never is, and all tools work by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Route, expect

from kizuna.domains.maritime.fleet import GAP_MMSI, OWN_UNITS
from kizuna.node.maritime.sightings import mercator
from kizuna.web import looking
from tests.browser import driving
from tests.browser.conftest import Sides
from tests.browser.driving import Demo

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
NEW = 431_777_001
WITHHELD = OWN_UNITS["jpn"][0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("picture") / "nodes"


@pytest.fixture(scope="module")
def demo(browser: Browser, folder: Path) -> Iterator[Demo]:  # without a browser there is nothing to start
    with driving.demo("--vessels", "120", "--keep", str(folder)) as running:
        yield running


def test_what_japan_hears_india_sees_by_itself_and_what_is_withheld_never(sides: Sides, folder: Path) -> None:
    india, japan = sides.officer("India"), sides.officer("Japan")
    page = india.open("/picture")
    driving.drawn(page)
    lat, lon = driving.partners_ship(page)
    page.locator("#filter-text").fill(str(NEW))
    expect(page.locator("#count")).to_have_text("0 of 0 shown")
    for _ in range(4):
        page.get_by_role("button", name="Zoom out").click()
    page.wait_for_timeout(1000)
    page.evaluate(
        """() => {
          const count = document.getElementById("count");
          const seen = new MutationObserver(() => {
            if (count.textContent.startsWith("1 of 1")) (window.seenAt = Date.now()), seen.disconnect();
          });
          seen.observe(count, { childList: true, characterData: true, subtree: true });
        }"""
    )
    at = driving.heard(folder, NEW, lat + 0.05, lon + 0.05)
    expect(page.locator("#count")).to_have_text("1 of 1 shown")
    took_s = page.evaluate("window.seenAt") / 1000 - at
    expect(page.locator("#map")).to_have_attribute("data-drawn", "1")
    expect(page.locator("#contacts button")).to_contain_text(str(NEW))
    page.locator("#contacts button").click()
    for _ in range(4):
        page.get_by_role("button", name="Zoom in").click()
    page.wait_for_timeout(2500)
    ink = page.evaluate("getComputedStyle(document.body).getPropertyValue('--partner').trim()")
    assert driving.colours(page, ".sea").get(ink, 0) > 20
    print(f"on the screen after {took_s:.2f} s")  # `make bench ONLY=pages` measures it

    assert japan.open(f"/vessels/{WITHHELD}?simulated=true").locator("h1").inner_text().startswith("SIM PATROL")
    driving.heard(folder, WITHHELD, lat + 0.04, lon + 0.04)
    driving.heard(folder, NEW, lat + 0.051, lon + 0.051)
    page.locator("#filter-text").fill("")
    page.wait_for_timeout(3000)
    seen = page.evaluate(
        """async (mmsi) => {
          const texts = [];
          for (const path of ['/picture', `/picture/vessels?text=${mmsi}`, '/picture/vessels', `/picture/contact?mmsi=${mmsi}&simulated=true`])
            texts.push(await (await fetch(path)).text());
          const stop = new AbortController();
          const reader = (await fetch(`/picture/stream?selected=${2 * mmsi + 1}`, { signal: stop.signal })).body.getReader();
          const bytes = [];
          for (let until = Date.now() + 3000; Date.now() < until;) bytes.push(...((await reader.read()).value ?? []));
          stop.abort();
          return { texts: texts.join(), bytes };
        }""",
        WITHHELD,
    )
    assert str(WITHHELD) not in seen["texts"]
    stream = bytes(seen["bytes"])
    for number in (2 * WITHHELD, 2 * WITHHELD + 1):
        assert number.to_bytes(4, "little") not in stream
    assert (2 * NEW + 1).to_bytes(4, "little") in stream
    assert india.page.request.get(f"{india.base}/vessels/{WITHHELD}?simulated=true").status == 404
    (asked_for,) = india.faults  # the card of what is withheld
    assert "404" in asked_for
    assert not india.foreign


def test_every_act_on_the_chart_is_done_from_the_list_by_keyboard(sides: Sides) -> None:
    officer = sides.officer("India")
    page = officer.open("/picture")
    driving.drawn(page)
    page.locator("#filter-text").fill(str(GAP_MMSI))
    expect(page.locator("#contacts button")).to_have_count(1)
    page.locator("#contacts button").focus()
    page.keyboard.press("Enter")
    card = page.locator("#contact .card")
    expect(card).to_contain_text("SIM QUIET TRADER")
    for act in ("centre", "rings", "track", "measure"):
        card.locator(f"[data-act={act}]").focus()
        page.keyboard.press("Enter")
    expect(page.locator("#replay")).to_be_visible()
    expect(page.locator("#rings-at")).to_contain_text(re.compile(r"N \d"))
    page.locator("#measure-place").fill("10 30.0N 085 00.0E")
    page.keyboard.press("Enter")
    expect(page.locator("#measured")).to_contain_text(re.compile(r"→ 10°30\.0.N 085°00\.0.E: [\d.]+ nm · \d{3}°"))
    page.locator("#measure-place").fill("nowhere")
    page.keyboard.press("Enter")
    expect(page.locator("#measured")).to_contain_text("that is no position")
    page.locator("#measure-clear").click()
    page.locator("#replay-slider").focus()
    page.keyboard.press("Home")
    first = page.locator("#replay-time").inner_text()
    page.keyboard.press("PageUp")
    assert page.locator("#replay-time").inner_text() != first
    expect(page.locator("#replay-places")).to_contain_text(
        "no report here"
    )  # it was silent for hours, and nobody knows where it was
    page.locator("#replay-play").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#replay-play")).to_have_text("Pause")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    ink = page.evaluate("getComputedStyle(document.body).getPropertyValue('--focus').trim()")
    assert driving.colours(page, ".sea").get(ink, 0) > 30
    page.locator("#filter-text").fill("")
    page.locator("#sort").select_option("speed")
    page.locator("#down").check()
    expect(page.locator("#listed")).to_contain_text("page 1 of")
    page.wait_for_timeout(1500)
    speeds = [float(text.split()[0]) for text in page.locator("#contacts .figures").all_inner_texts() if "kn" in text]
    assert speeds == sorted(speeds, reverse=True)
    page.locator("#contacts button").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#contacts button").nth(1)).to_be_focused()
    assert not driving.violations(page)
    assert not officer.faults


def test_an_area_is_drawn_shared_and_watched(sides: Sides) -> None:
    officer = sides.officer("India")
    page = officer.open("/picture")
    driving.drawn(page)
    page.locator("[data-mode=area]").click()
    box = page.locator("#map").bounding_box()
    assert box is not None
    for x, y in ((250, 300), (500, 300), (500, 500)):
        page.mouse.click(box["x"] + x, box["y"] + y)
    page.locator("#drawing-points").press("End")
    page.locator("#drawing-points").press_sequentially("\n5 0N 85 0E")
    page.locator("#drawing-name").fill("Night watch")
    page.locator("#drawing-shared").check()
    page.locator("#drawing-form").get_by_role("button", name="Keep").click()
    expect(page.locator("#drawings")).to_contain_text("Ten Degree Channel")  # watched by the settings, and shown
    line = page.locator("#drawings li", has_text="Night watch")
    expect(line).to_contain_text("shared by demo")
    page.wait_for_timeout(1500)
    sea = page.evaluate("getComputedStyle(document.body).getPropertyValue('--link').trim()")
    assert driving.colours(page, ".sea").get(sea, 0) > 100
    line.get_by_role("link", name="Alert on entry").click()
    expect(page.locator("[name=area]")).to_have_value("drawn:Night watch")
    page.locator("[name=rule]").fill("night-watch")
    page.get_by_role("button", name="Record it").click()
    expect(page.locator("main")).to_contain_text("night-watch")
    assert not officer.faults


def test_a_crowd_is_shaded_by_its_count_and_says_how_many(sides: Sides) -> None:
    officer = sides.officer("India", palette="night")
    lat, lon = np.meshgrid(np.arange(5, 15, 0.05), np.arange(82, 92, 0.05))
    x, y = (
        each.ravel() >> 18 for each in mercator((lat * driving.DEGREE).astype(int), (lon * driving.DEGREE).astype(int))
    )
    places, counts = np.unique(np.stack((x, y)), axis=1, return_counts=True)
    cells = np.empty(len(counts), looking.CELL)
    cells["x"], cells["y"], cells["count"] = places[0], places[1], counts

    def crowd(route: Route) -> None:
        head = {
            "all": True,
            "now_ms": 1_795_000_000_000,
            "shown": 0,
            "total": int(counts.sum()),
            "wide": True,
            "bits": 18,
            "names": {},
            "marked": "",
        }
        route.fulfill(body=looking.frame(head, b"", cells), content_type="application/octet-stream")

    officer.page.route("**/picture/stream?*", crowd)
    page = officer.open("/picture")
    expect(page.locator("#count")).to_have_text("40,000 vessels counted by cell, 0 shown that stand out")
    expect(page.locator("#map")).to_have_attribute("data-ready", "true")
    page.wait_for_timeout(2500)
    shaded = {
        colour: count
        for colour, count in driving.colours(page, ".sea").items()
        if int(colour[1:3], 16) > 60 > int(colour[5:7], 16)
    }
    assert sum(shaded.values()) > 10_000
