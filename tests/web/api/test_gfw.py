"""Events in Global Fishing Watch's shape from a running node; its own client reads them where it is installed."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.web.harness import Served
from tests.web.plugs_asked import own, sail

PLUGS = (own("gfw", "analyst", "int"), own("gfw", "guest", "lia", nationality="aus"))
PATH = "/gfw/v3/events"


def test_an_analysts_program_reads_what_its_plug_may_have(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi", plugs=PLUGS) as one:
            await sail(one, 10, 5)

            async def ask(body: dict[str, Any], role: str = "integrator") -> Any:
                status, said = await one.call("POST", f"{PATH}?limit=10", body, role=role)
                assert status == 200, said
                return said

            found = await ask({})
            assert [each["type"] for each in found["entries"]] == ["ENCOUNTER", "GAP"], (
                "neither the entry nor the secret one"
            )
            assert (found["total"], found["nextOffset"]) == (2, None)
            assert found["entries"][0]["encounter"]["vessel"]["ssvid"] == "431000001"
            assert found["entries"][1]["gap"]["durationHours"] == 7
            assert all(each["marking"] for each in found["entries"])
            assert [e["type"] for e in (await ask({"vessels": ["mmsi:431000001"]}))["entries"]] == ["ENCOUNTER"]
            status, page = await one.call("GET", f"{PATH}?types[0]=GAP&limit=1", role="integrator")
            assert (status, len(page["entries"])) == (200, 1)
            event_id = page["entries"][0]["id"]
            assert (await one.call("GET", f"{PATH}/{event_id}", role="integrator"))[1] == page["entries"][0]

            assert (await ask({}, "liaison"))["entries"] == []
            assert (await one.call("GET", f"{PATH}/{event_id}", role="liaison"))[0] == 404
            assert (await one.call("GET", PATH, role="watch"))[0] == 403
            assert (await one.call("POST", PATH, {"flags": ["IND"]}, role="integrator"))[0] == 400

    asyncio.run(story())


def test_the_official_client_reads_them(tmp_path: Path) -> None:
    if find_spec("gfwapiclient") is None:
        pytest.skip("gfw-api-python-client is not installed: it brings pandas and geopandas")
    import gfwapiclient  # noqa: PLC0415 # see above

    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi", plugs=PLUGS) as one:
            await sail(one, 10, 5)
            client = gfwapiclient.Client(
                base_url=f"http://127.0.0.1:{one.ports.api}/gfw/v3/",
                access_token=one.bearer["integrator"].removeprefix("Bearer "),
            )
            result = await client.events.get_all_events(
                datasets=["public-global-encounters-events:latest", "public-global-gaps-events:latest"],
                start_date="2020-01-01", end_date="2100-01-01", limit=10,
            )  # fmt: skip
            assert [each.type for each in result.data()] == ["ENCOUNTER", "GAP"]

    asyncio.run(story())
