"""Cursor on Target at a plug: pytak receives it, our own ships are friends, nobody is hostile, and every event bears its label."""

from __future__ import annotations

import asyncio
from configparser import ConfigParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytak

from kizuna.domains.maritime.traffic import Traffic
from kizuna.formats.ais import PositionReport
from kizuna.formats.positions_arrow import from_reports
from kizuna.kernel.label import Grade
from kizuna.node.plugs.forms import Cot, Told
from tests.node.plugs.plugged import OWN, START_MS, hear, opened, own_plug


class Receiver(pytak.RXWorker):  # type: ignore[misc] # the library has no types
    """Reads events as a client of the library does."""


def test_a_team_sees_ships_with_their_labels(tmp_path: Path) -> None:
    async def receive(port: int, say: object) -> list[ET.Element]:
        config = ConfigParser()
        config.read_dict({"kizuna": {"COT_URL": f"tcp://127.0.0.1:{port}"}})
        reader, writer = await pytak.protocol_factory(config["kizuna"])
        worker = Receiver(asyncio.Queue(), config["kizuna"], reader)
        await asyncio.to_thread(say)  # type: ignore[arg-type] # a function
        found = []
        while True:
            try:
                data = await asyncio.wait_for(worker.readcot(), 3 if not found else 0.7)
            except TimeoutError:
                break
            found.append(ET.fromstring(data.strip()))  # noqa: S314 # our own
        writer.close()
        await writer.wait_closed()
        return found

    with opened(tmp_path, (own_plug("team", "cot-tcp", address="127.0.0.1:0"),)) as (node, plugging):
        lines = Traffic(5, 40, START_MS - 120_000).step(START_MS)
        events = asyncio.run(receive(plugging.statuses()[0].port, lambda: hear(node, lines + lines[-200:])))

    assert len(events) > 100
    by_ship = {event.get("uid"): event for event in events}
    kinds = {event.get("type", "")[:5] for event in events}
    assert kinds == {"a-f-S", "a-u-S"}
    assert {uid for uid, event in by_ship.items() if event.get("type") == "a-f-S"} == {
        f"kizuna.sim.mmsi.{each}" for each in OWN
    }
    for event in events:
        assert event.get("access") == "ind.example.v1:0"
        assert (event.get("how"), event.get("opex")) == ("m-s", "s-simulated")
        assert event.get("start", "") < event.get("stale", "")
        assert "UNCLASSIFIED" in (event.findtext("detail/remarks") or "")
        own = event.get("type") == "a-f-S"
        assert event.get("releasableTo") == ("" if own else "jpn")


def test_whose_a_ship_is_follows_its_issuers_own_word_and_an_exercise_says_so() -> None:
    fix = PositionReport(
        mmsi=431_990_001, msg_type=1, received_ms=START_MS, lon_600000=61_800_000, lat_600000=1_200_000, speed_dkn=0, course_ddeg=None,
        heading_deg=None, nav_status=1, station=None,
    )  # fmt: skip
    table = from_reports([fix], received_ms=START_MS)
    grades = (Grade("ind.example.v1", 1, frozenset({"eyes-only"})),)

    def event(issuer: str, *, own_unit: bool, exercise: str = "") -> ET.Element:
        told = Told(issuer=issuer, source="coast", own_unit=own_unit, exercise=exercise, grades=grades, now_ms=START_MS)
        form = Cot("ind")
        form.static({"mmsi": 431_990_001, "name": "KONGO & CO", "ship_type": 35}, told)
        (made,) = form.positions(table, told)
        return ET.fromstring(made)  # noqa: S314 # our own

    assert event("jpn", own_unit=True).get("type") == "a-a-S"
    assert event("ind", own_unit=True).get("type") == "a-f-S"
    other = event("jpn", own_unit=False, exercise="malabar-2026")
    assert (other.get("type"), other.get("opex"), other.get("how")) == ("a-u-S", "e-malabar-2026", "m-g")
    assert (other.get("access"), other.get("caveat"), other.get("releasableTo")) == (
        "ind.example.v1:1",
        "eyes-only",
        "",
    )
    assert other.find("detail/contact").get("callsign") == "KONGO & CO"  # type: ignore[union-attr] # it has one
    assert "EXERCISE" in (other.findtext("detail/remarks") or "")
