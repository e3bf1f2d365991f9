"""OGC API - Features as a GIS reads it: OWSLib and GDAL against a running node, and what a plug may not have is not there."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from owslib.ogcapi.features import Features

from kizuna.node import effects as fx
from tests.web.harness import Served, until
from tests.web.plugs_asked import OWN, own, sail


def pages(of: Any, name: str, limit: int) -> list[dict[str, Any]]:
    """Return the features of a collection, following `next` links."""
    page = of.collection_items(name, limit=limit)
    found = list(page["features"])
    while follow := [link["href"] for link in page["links"] if link["rel"] == "next"]:
        assert len(page["features"]) == limit
        query = dict(part.split("=") for part in urlsplit(follow[0]).query.split("&"))
        page = of.collection_items(name, **query)
        found += page["features"]
    return found


PLUGS = (own("ogc", "gis", "int"), own("ogc", "guest", "lia", nationality="jpn"), own("ogc", "shut", "sec", None))


def client(served: Served, role: str) -> Any:
    return Features(f"http://127.0.0.1:{served.ports.api}/ogc", headers={"Authorization": served.bearer[role]})


def describes_itself(gis: Any) -> None:
    assert set(gis.feature_collections()) == {"vessels", "tracks", "events", "areas"}
    assert gis.conformance()["conformsTo"][0].endswith("/conf/core")
    document = gis.api()
    assert document["openapi"].startswith("3.0")
    assert {f"/collections/{name}/items" for name in gis.feature_collections()} < set(document["paths"])
    assert gis.collection("vessels")["crs"] == ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"]


def shows_the_sea(gis: Any) -> set[int]:
    ships = pages(gis, "vessels", 7)
    ids = [ship["id"] for ship in ships]
    assert len(ids) > 20
    assert ids == sorted(set(ids))
    assert any(ship["properties"].get("name") for ship in ships)
    assert all("COMMON" in ship["properties"]["marking"].upper() for ship in ships)
    assert gis.collection_item("vessels", ids[3])["geometry"] == ships[3]["geometry"]
    lon, lat = ships[0]["geometry"]["coordinates"]
    near = gis.collection_items("vessels", bbox=[lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01])["features"]
    assert ids[0] in [ship["id"] for ship in near]
    assert len(near) < len(ships)
    assert gis.collection_items("vessels", datetime_="../2001-01-01T00:00:00Z")["features"] == []

    tracks = pages(gis, "tracks", 10)
    assert [track["id"] for track in tracks] == ids
    assert any(track["geometry"]["type"] == "LineString" for track in tracks)
    assert all(len(track["properties"]["times"]) >= 1 for track in tracks)

    found = pages(gis, "events", 1)
    assert [each["properties"]["kind"] for each in found] == ["area-entry", "encounter", "gap"], "not the secret one"
    assert gis.collection_item("events", found[0]["id"])["properties"]["area"] == "strait"
    assert [each["id"] for each in gis.collection_items("areas")["features"]] == ["strait"]
    assert gis.collection_items("areas", bbox=[0, 50, 10, 60])["features"] == []
    return {int(each) for each in ids}


def read(served: Served) -> None:
    gis = client(served, "integrator")
    describes_itself(gis)
    ours = shows_the_sea(gis)
    assert ours >= OWN
    guest = client(served, "liaison")
    assert {int(ship["id"]) for ship in pages(guest, "vessels", 100)} == ours - OWN
    assert guest.collection_items("areas")["features"] == []
    shut = client(served, "security")
    assert all(shut.collection_items(name)["features"] == [] for name in gis.feature_collections())


def test_a_gis_reads_what_its_plug_may_have(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi", plugs=PLUGS) as one:
            await sail(one)
            await until(lambda: one.plugging.caught_up(one.node.store.head().seq))
            await asyncio.to_thread(read, one)
            await refuses_what_says_nothing(one)
            await leaves_out_what_may_no_longer_be_had(one)

    asyncio.run(story())


def converted(served: Served, name: str, *options: str) -> list[dict[str, Any]]:
    """Return the features of a collection as GDAL reads them, the library under QGIS and most other GIS."""
    headers = f"Authorization: {served.bearer['integrator']}"
    source = f"OAPIF:http://127.0.0.1:{served.ports.api}/ogc"
    command = [
        "ogr2ogr",
        "--config",
        "GDAL_HTTP_HEADERS",
        headers,
        "-f",
        "GeoJSON",
        "/vsistdout/",
        *options,
        source,
        name,
    ]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(done.stdout)["features"]
    return found


def converts(served: Served) -> None:
    told = pages(client(served, "integrator"), "vessels", 100)
    whole = {ship["properties"]["mmsi"]: ship["geometry"]["coordinates"] for ship in told}
    ships = converted(served, "vessels", "-oo", "PAGE_SIZE=7")
    found = {ship["properties"]["mmsi"]: ship["geometry"]["coordinates"] for ship in ships}
    assert len(ships) == len(found) == len(whole) > 20
    assert found == {mmsi: pytest.approx(place, abs=1e-6) for mmsi, place in whole.items()}
    mmsi, (lon, lat) = next(iter(found.items()))
    edges = [str(edge) for edge in (lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01)]
    near = [ship["properties"]["mmsi"] for ship in converted(served, "vessels", "-spat", *edges)]
    assert mmsi in near
    assert len(near) < len(ships)
    events = [each["properties"]["kind"] for each in converted(served, "events")]
    assert sorted(events) == ["area-entry", "encounter", "gap"]
    assert {each["geometry"]["type"] for each in converted(served, "areas")} == {"Polygon"}


def test_gdal_reads_what_its_plug_may_have(tmp_path: Path) -> None:
    if shutil.which("ogr2ogr") is None:
        pytest.skip("GDAL is not installed: it is in Debian's `gdal-bin`")

    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi", plugs=PLUGS) as one:
            await sail(one)
            await until(lambda: one.plugging.caught_up(one.node.store.head().seq))
            await asyncio.to_thread(converts, one)

    asyncio.run(story())


async def refuses_what_says_nothing(one: Served) -> None:
    for path, said in (
        ("vessels/items?colour=red", "is unknown"),
        ("vessels/items?limit=0", "whole number"),
        ("vessels/items?bbox=1,2,3", "west,south,east,north"),
        ("vessels/items?datetime=yesterday", "no instant"),
        ("vessels/items?limit=1&limit=2", "stands twice"),
        ("events/items?after=nothing", "begin anew"),
    ):
        status, answer = await one.call("GET", f"/ogc/collections/{path}", role="integrator")
        assert (status, said in answer["sentence"]) == (400, True), (path, answer)
    for path in ("nothing", "nothing/items", "vessels/items/1", "events/items/1", "areas/items/1"):
        assert (await one.call("GET", f"/ogc/collections/{path}", role="integrator"))[0] == 404
    assert (await one.call("GET", "/ogc", role="watch"))[0] == 403, "no plug stands for this officer"
    assert (await one.call("GET", "/ogc"))[0] == 401


async def leaves_out_what_may_no_longer_be_had(one: Served) -> None:
    ((gap,),) = one.node.store.query("SELECT record_id FROM maritime_event WHERE kind = 'gap' AND mmsi = 419000001")
    await one.node.do(fx.Act(gap, "retract", "the receiver was down", "officer:1:watch"))
    path = "/ogc/collections/events/items"
    assert gap.encode() not in (await one.call("GET", path, role="integrator"))[1]
    await one.node.do(fx.Halt(on=True, actor="officer:1:security", reason="drill"))
    for each in (path, "/ogc/collections/vessels/items"):
        assert b'"features":[]' in (await one.call("GET", each, role="integrator"))[1]
    await asyncio.to_thread(one.plugging.stop)
    shown = (await one.call("GET", "/api/v1/plugs", role="watch"))[1]
    reasons = {(row["plug"], row["reason"]) for row in shown["handed"]}
    expected = {("gis", "permits"), ("gis", "level"), ("gis", "halted"), ("guest", "releasability"), ("shut", "unset")}
    assert expected <= reasons
    assert b'kizuna_plug_withheld{plug="shut",reason="unset"}' in (await one.call("GET", "/metrics"))[1]
