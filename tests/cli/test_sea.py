"""Recordings go in, and the picture comes out, on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kizuna.cli.reading import reading
from kizuna.domains.maritime.traffic import Traffic
from kizuna.formats.aivdm_out import Fix, position_a, sentences
from kizuna.node.settings import read_settings

if TYPE_CHECKING:
    from conftest import Kizuna

NOW_MS = 1_790_000_000_000
FEED = """
[[feeds]]
source = "bay"
kind = "tcp-server"
address = "127.0.0.1:4001"
simulated = true

[feeds.label]
policy = "ind.example.v1"
classification = 0
releasable_to = ["jpn"]
purposes = ["maritime-domain-awareness"]
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "bay.nmea"
    traffic = Traffic(7, 40, NOW_MS, regions=("bengal",))
    path.write_bytes(b"".join(line + b"\r\n" for line in traffic.history(2)))
    return path


@pytest.fixture
def folder(kizuna: Kizuna, tmp_path: Path) -> Path:
    folder = tmp_path / "node"
    assert kizuna("init", folder, "--party", "ind", "--name", "delhi", "--json").code == 0
    return folder


def test_a_recording_goes_in_and_the_picture_shows_who_told_it(kizuna: Kizuna, folder: Path, recording: Path) -> None:
    config = folder / "node.toml"
    config.write_text(config.read_text(encoding="utf-8") + FEED, encoding="utf-8")
    counted = kizuna("ingest", recording, "--count-only", "--json").json
    done = kizuna("ingest", recording, "--config", config, "--json")
    assert done.code == 0, done.err
    assert done.json["messages_by_type"] == counted["messages_by_type"]
    assert done.json["positions"] > 0
    shown = kizuna("picture", "--config", config, "--json").json
    assert shown["total"] == len(shown["vessels"]) > 0
    assert {vessel["party"] for vessel in shown["vessels"]} == {"ind"}
    assert all(vessel["simulated"] for vessel in shown["vessels"])
    assert kizuna("picture", "--box", "60,0,61,1", "--config", config, "--json").json["total"] == 0
    assert kizuna("journal", "verify", "--config", config).code == 0


def test_without_a_feed_nothing_says_how_records_are_labelled(kizuna: Kizuna, folder: Path, recording: Path) -> None:
    done = kizuna("ingest", recording, "--config", folder / "node.toml")
    assert done.code == 6
    assert "--feed" in done.err


def test_a_box_that_is_none_says_what_to_write(kizuna: Kizuna, folder: Path) -> None:
    done = kizuna("picture", "--box", "5,80,3,95", "--config", folder / "node.toml")
    assert done.code == 3
    assert "south,west,north,east" in done.err


def test_positions_leave_as_files_and_a_grid_shows_where_they_are(
    kizuna: Kizuna, folder: Path, recording: Path
) -> None:
    config = folder / "node.toml"
    config.write_text(config.read_text(encoding="utf-8") + FEED, encoding="utf-8")
    done = kizuna("ingest", recording, "--config", config, "--json").json
    out = folder / "bay.geojson"
    made = kizuna("archive", "export", out, "--form", "geojson", "--simulated", "--config", config, "--json")
    assert made.code == 0, made.err
    assert made.json["positions"] == done["positions"]
    features = json.loads(out.read_bytes())["features"]
    assert len(features) == done["positions"]
    again = kizuna("archive", "export", out, "--form", "geojson", "--config", config)
    assert again.code != 0
    assert "is there already" in again.err
    vessel = features[0]["properties"]["mmsi"]
    one = kizuna(
        "archive",
        "export",
        folder / "one.csv",
        "--form",
        "csv",
        "--mmsi",
        vessel,
        "--simulated",
        "--config",
        config,
        "--json",
    ).json
    assert 0 < one["positions"] == sum(each["properties"]["mmsi"] == vessel for each in features)
    found = kizuna("search", str(vessel), "--kind", "maritime.vessel", "--config", config, "--json").json["groups"]
    assert [hit["ref"] for group in found for hit in group["hits"]] == [str(vessel)]
    assert "nothing has all" in kizuna("search", "nobody", "wrote", "this", "--config", config).out
    real = kizuna("archive", "export", folder / "real.csv", "--form", "csv", "--config", config, "--json").json
    assert real["positions"] == 0, "made-up traffic does not mix with the real one"
    cells = kizuna("archive", "density", "--step", "2", "--simulated", "--config", config, "--json").json["cells"]
    assert sum(cell["positions"] for cell in cells) == done["positions"]
    wrong = kizuna("archive", "export", folder / "x", "--form", "shape", "--config", config)
    assert wrong.code != 0
    assert "geoparquet" in wrong.err


def test_ports_leave_as_a_file_and_a_node_takes_a_file_of_its_own(kizuna: Kizuna, folder: Path) -> None:
    config = folder / "node.toml"
    for name in ("ports.csv", "ports.geojson"):
        made = kizuna("ports", "export", folder / name, "--config", config, "--json")
        assert made.code == 0, made.err
        looked = kizuna("ports", "check", folder / name, "--json")
        assert looked.json["places"] == made.json["places"] > looked.json["ports"] > 100
    own = "name,lat_deg,lon_deg\nQUIET BAY,11.5,92.7\n"
    (folder / "own.csv").write_text(own, encoding="utf-8")
    config.write_text('ports = "own.csv"\n' + config.read_text(encoding="utf-8"), encoding="utf-8")
    assert kizuna("ports", "export", folder / "again.csv", "--config", config, "--json").json == {"places": 1}
    (folder / "own.csv").write_text(own + "NORTH BAY,115,92.7\n", encoding="utf-8")
    faulty = kizuna("ports", "export", folder / "more.csv", "--config", config)
    assert faulty.code == 13
    assert f"{folder / 'own.csv'}:3: `lat_deg`: `115.0` is not between -90 and 90" in faulty.err
    assert kizuna("ports", "check", folder / "ports.txt").code == 13


def test_what_was_destroyed_at_rest_is_said_to_lie_there_until_it_is_cleared(
    kizuna: Kizuna, folder: Path, recording: Path
) -> None:
    config = folder / "node.toml"
    config.write_text(config.read_text(encoding="utf-8") + FEED, encoding="utf-8")
    done = kizuna("ingest", recording, "--config", config, "--json").json
    assert kizuna("archive", "retain", "--config", config).code == 0  # now all is in files
    with reading(read_settings(config)) as node:
        batches = [str(each) for (each,) in node.store.query("SELECT record_id FROM maritime_batch ORDER BY record_id")]
    assert kizuna("release", "withdraw", batches[0], "--act", "destroy", "--reason", "x", "--config", config).code == 0
    said = kizuna("journal", "verify", "--config", config, "--json")
    assert said.code == 0, "the journal itself has no fault"
    assert len(said.json["archive"]["left"]) >= 1
    assert "still holds positions" in kizuna("journal", "verify", "--config", config).out
    looked = kizuna("doctor", "--config", config, "--json").json["checks"]
    (archive,) = [each for each in looked if each["name"] == "archive"]
    assert not archive["ok"]
    assert "kizuna archive retain" in archive["said"]
    assert kizuna("archive", "retain", "--config", config).code == 0
    assert kizuna("journal", "verify", "--config", config, "--json").json["archive"]["left"] == []
    cells = kizuna("archive", "density", "--simulated", "--config", config, "--json").json["cells"]
    assert 0 < sum(cell["positions"] for cell in cells) < done["positions"]


def test_positions_whose_time_has_passed_end_and_the_events_of_the_others_are_found(
    kizuna: Kizuna, folder: Path, recording: Path
) -> None:
    config = folder / "node.toml"
    rule = '[[retention]]\ndays = 1\nsource_kind = "simulated"\n'
    odd = folder / "odd.nmea"
    fixes = [
        Fix(mmsi=419_000_900, lon_600000=54_000_000, lat_600000=(30 if k == 7 else 10) * 600_000, speed_dkn=0, course_ddeg=0,
            heading_deg=None, second=60)
        for k in range(15)
    ]  # fmt: skip
    said = [
        sentences(position_a(fix, 0), received_ms=NOW_MS + k * 60_000, station="sim-bay") for k, fix in enumerate(fixes)
    ]
    odd.write_bytes(b"".join(line.rstrip() + b"\r\n" for lines in said for line in lines))
    config.write_text(config.read_text(encoding="utf-8") + FEED, encoding="utf-8")
    done = kizuna("ingest", recording, odd, "--config", config, "--json").json
    found = kizuna("archive", "events", "--sources", "simulated", "--config", config, "--json")
    assert found.code == 0, found.err
    jumps = [each for each in found.json["events"] if each["kind"] == "impossible-speed"]
    assert [each["mmsi"] for each in jumps] == [[419_000_900]]
    assert kizuna("archive", "events", "--sources", "dreamt", "--config", config).code == 6
    assert kizuna("archive", "retain", "--config", config, "--json").json == {"ended": True, "ends": []}
    config.write_text(config.read_text(encoding="utf-8") + rule, encoding="utf-8")
    would = kizuna("archive", "retain", "--dry-run", "--config", config, "--json").json
    assert sum(each["positions"] for each in would["ends"]) == done["positions"]
    assert {each["rule"] for each in would["ends"]} == {"settings, any/simulated/any: 1 days"}
    did = kizuna("archive", "retain", "--config", config, "--json")
    assert did.json["ends"] == would["ends"], did.err
    assert not list((folder / "data" / "positions").rglob("*.parquet"))
    density = kizuna("archive", "density", "--simulated", "--config", config, "--json")
    assert density.json["cells"] == []
    assert kizuna("archive", "retain", "--dry-run", "--config", config, "--json").json["ends"] == []
    assert kizuna("journal", "verify", "--config", config).code == 0
