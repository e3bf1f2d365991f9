"""The pages of the sea over plain HTTP: one picture for each clearance, exercises apart, dossiers with their history, drawings for whom they are."""

from __future__ import annotations

import asyncio
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from kizuna.domains.maritime.operations import cut_batches, state_static
from kizuna.formats.ais import PositionReport
from kizuna.formats.positions_arrow import from_reports
from kizuna.kernel.label import label
from kizuna.node.effects import Say
from kizuna.node.maritime.feeding import drafts
from kizuna.web.looking import ROW
from tests.web.harness import POLICY, Served
from tests.web.pages.test_pages import Browser, signed_in

DEGREE = 600_000
SHIP, UNIT, DRILL = 419_000_001, 419_990_001, 419_000_077
MARK = label(POLICY, 2, originator="ind", releasable_to=("ind", "jpn"), purposes=("coordination",))


def report(mmsi: int, at_ms: int, lat: float, lon: float) -> PositionReport:
    return PositionReport(
        mmsi=mmsi, msg_type=1, received_ms=at_ms, station=None, lat_600000=round(lat * DEGREE), lon_600000=round(lon * DEGREE), speed_dkn=120,
        course_ddeg=900, heading_deg=90, nav_status=0,
    )  # fmt: skip


async def sea(served: Served) -> int:
    """Say of one ship where it was for an hour and two names, of one own unit, and of one ship of an exercise."""
    now = served.node.clock.now_ms()
    times = [now - 3_600_000, now - 3_500_000, now - 60_000, now - 10_000]
    told = [report(SHIP, at_ms, 10 + nth / 100, 80) for nth, at_ms in enumerate(times)] + [report(UNIT, now, 12, 82)]
    made = cut_batches(
        from_reports(told, received_ms=now), source="coast", source_kind="live", window_ms=86_400_000, own_units={UNIT}
    )
    said: dict[str, object] = {"ship_type": 70, "length_m": 120, "draught_dm": 81, "destination": "KOCHI"}
    made += [
        state_static(SHIP, said | {"name": name}, reported_at_ms=at_ms, source="coast", source_kind="live")
        for at_ms, name in ((now - 50_000, "OLD NAME"), (now, "NEW NAME"))
    ]
    drill = cut_batches(from_reports([report(DRILL, now, 11, 81)], received_ms=now), source="range", source_kind="live")
    await served.node.do(Say((*drafts(made, MARK), *(replace(each, exercise="milan") for each in drafts(drill, MARK)))))
    return now


async def first_frame(browser: Browser, query: str = "") -> tuple[dict[str, Any], list[int]]:
    """Return head and MMSI of the first frame of the live picture."""
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    async with browser._calls.get(f"{browser._base}/picture/stream?{query}", headers={"cookie": cookie}) as answer:
        assert answer.status == 200, await answer.text()
        text, rows, cells = struct.unpack("<III", await answer.content.readexactly(12))
        head = json.loads(await answer.content.readexactly(text))
        data = await answer.content.readexactly(rows * ROW.itemsize)
    assert cells == 0
    return head, sorted({number // 2 for number, *_ in struct.iter_unpack("<IIIiihhhh", data)})


async def listed(browser: Browser, query: str = "") -> dict[str, Any]:
    status, text = await browser.open(f"/picture/vessels?{query}")
    assert status == 200, text
    found: dict[str, Any] = msgspec.json.decode(text)
    return found


def test_what_may_not_be_seen_is_in_no_page_list_stream_or_count(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            await sea(served)
            high = await signed_in(served, "high", "watch")
            await _until_total(high, 2)
            low, guest = (
                await signed_in(served, "low", "watch", clearance=1),
                await signed_in(served, "guest", "watch", nationality="phl"),
            )
            named = await signed_in(served, "named", "watch", nationality="jpn")
            head, ships = await first_frame(named)
            assert (head["shown"], head["total"], ships) == (1, 1, [SHIP]), "our units are released to nobody"
            head, ships = await first_frame(high)
            assert (head["shown"], head["total"], ships) == (2, 2, [SHIP, UNIT])
            assert head["names"] == {str(SHIP * 2): "NEW NAME"}
            assert [each["mmsi"] for each in (await listed(high, "sort=speed&flag=IN"))["vessels"]] == [SHIP, UNIT]
            for browser in (low, guest):
                head, ships = await first_frame(browser)
                assert (head["shown"], head["total"], ships, head["names"]) == (0, 0, [], {})
                found = await listed(browser)
                assert (found["total"], found["vessels"], found["flags"]) == (0, [], [])
                for path in (f"/vessels/{SHIP}", f"/picture/contact?mmsi={SHIP}", f"/picture/track?mmsi={SHIP}"):
                    status, text = await browser.open(path)
                    assert status == 404
                    absent = (await browser.open(path.replace(str(SHIP), "419000999")))[1]
                    assert text.replace(str(SHIP), "419000999") == absent
                text = (await browser.open("/picture"))[1]
                assert "NEW NAME" not in text
                assert "milan" not in text
            assert (await high.open("/picture/stream?south=99"))[0] == 400
            assert (await high.open("/picture/vessels?over_kn=fast"))[0] == 400

    asyncio.run(story())


async def _until_total(browser: Browser, total: int) -> None:
    for _ in range(200):
        if (await listed(browser))["total"] == total:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the picture did not fill")


def test_an_exercise_has_a_picture_of_its_own_that_a_restart_brings_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            await sea(served)
            browser = await signed_in(served, "7", "watch")
            await _until_total(browser, 2)
            assert 'href="/picture?exercise=milan"' in (await browser.open("/picture"))[1]
            assert [each["mmsi"] for each in (await listed(browser, "exercise=milan"))["vessels"]] == [DRILL]
            assert (await first_frame(browser, "exercise=milan"))[1] == [DRILL]
            assert "nothing here is real" in (await browser.open("/picture?exercise=milan"))[1]
            part = (await browser.open(f"/picture/contact?mmsi={DRILL}&exercise=milan"))[1]
            assert "11°00.0" in part
            assert (
                "/vessels/" not in part
            )  # what leads to the real ship of that number stands on no page of an exercise
            for path in (
                f"/picture/contact?mmsi={DRILL}",
                f"/picture/contact?mmsi={SHIP}&exercise=milan",
                f"/vessels/{DRILL}",
            ):
                assert (await browser.open(path))[0] == 404
            picture = served.watch.picture
            await asyncio.to_thread(picture.rebuild)
            with picture.sightings("milan") as columns:
                assert (columns.ids[: columns.count] // 2).tolist() == [DRILL]
            with picture.sightings() as columns:
                assert columns["unit"][0, columns.slot(UNIT, simulated=False)]
            assert (await listed(browser))["vessels"][0]["unit"] == "own"

    asyncio.run(story())


def test_the_dossier_has_history_voyage_track_and_where_each_stands(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            now = await sea(served)
            browser = await signed_in(served, "7", "watch")
            await _until_total(browser, 2)
            text = (await browser.open(f"/vessels/{SHIP}"))[1]
            for part in (
                "NEW NAME",
                "OLD NAME",
                "KOCHI",
                "8.1 m",
                "flag IN",
                "4 reports of the last day from ind/coast",
                "No record about this vessel alone",
            ):
                assert part in text, part
            assert (await browser.open(f"/vessels/{UNIT}"))[0] == 200  # of which nothing but places is known
            found = msgspec.json.decode((await browser.open(f"/picture/track?mmsi={SHIP}&hours=6"))[1])
            assert found["sources"] == ["ind/coast"]
            assert found["time_ms"] == [now - 3_600_000, now - 3_500_000, now - 60_000, now - 10_000]
            assert len(set(found["line"])) == 1  # one way, with a gap in it for the browser to dash
            assert (await browser.open(f"/picture/track?mmsi={SHIP}&hours=0"))[0] == 400

    asyncio.run(story())


def test_drawings_are_for_whom_their_author_lets(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            author, peer = await signed_in(served, "author", "watch"), await signed_in(served, "peer", "watch")
            low = await signed_in(served, "low", "watch", clearance=3)
            guest = await signed_in(served, "guest", "watch", nationality="jpn")
            assert await _drawings(author) == []
            csrf = await author.csrf("/picture")
            area = {"csrf": csrf, "name": "North patrol", "kind": "area", "points": "10,80 11,80 11,81"}
            assert (await author.open("/picture/drawings", area))[0] == 201
            assert [each["name"] for each in await _drawings(author)] == ["North patrol"]
            assert await _drawings(peer) == []
            assert (await author.open("/picture/drawings", area | {"shared": "true"}))[0] == 201
            (shown,) = await _drawings(peer)
            assert (shown["mine"], shown["officer"], shown["points"][0]) == (False, "author", [10, 80])
            assert "area=drawn%3ANorth+patrol" in shown["rule"]
            assert 'value="drawn:North patrol"' in (await peer.open(shown["rule"]))[1]
            assert await _drawings(low) == await _drawings(guest) == []
            drawings = served.watch.drawings
            assert [area.id for area in drawings.areas({"drawn:North patrol"})] == ["drawn:North patrol"]
            assert drawings.areas({"Ten Degree Channel"}) == ()
            mark = await peer.csrf("/picture")
            for wrong, sentence in (
                ({"points": "10,80 11,80"}, "3 to 200 points"),
                ({"points": "10 80"}, "is no place"),
                ({"points": "95,80 11,80 11,81"}, "no place of the earth"),
                ({"kind": "circle"}, "neither `area` nor `line`"),
                ({"name": ""}, "needs a name"),
                ({"shared": "true"}, "another's shared drawing"),
                ({"points": "10,-179 11,179 12,179"}, "crosses 180 degrees"),
            ):
                status, text = await peer.open("/picture/drawings", area | {"csrf": mark} | wrong)
                assert 400 <= status < 500
                assert sentence in msgspec.json.decode(text)["sentence"]
            assert (await peer.open("/picture/drawings/remove", {"csrf": mark, "name": "North patrol"}))[0] == 409
            assert (await author.open("/picture/drawings", area | {"csrf": "forged"}))[0] == 403
            assert (await author.open("/picture/drawings/remove", {"csrf": csrf, "name": "North patrol"}))[0] == 201
            assert await _drawings(author) == []

    asyncio.run(story())


async def _drawings(browser: Browser) -> list[dict[str, Any]]:
    status, text = await browser.open("/picture/drawings")
    assert status == 200
    found: list[dict[str, Any]] = msgspec.json.decode(text)
    return found
