"""`kizuna plug` and what the doctor says of plugs."""

from pathlib import Path

from tests.cli.conftest import Party
from tests.cli.test_release import allied as _allied
from tests.cli.test_release import say

PLUGS = """
[[plugs]]
name = "chart"
kind = "nmea-tcp"
party = "own"
clearance = 0
nationality = "ind"
purpose = "maritime-domain-awareness"
address = "127.0.0.1:10110"

[[plugs]]
name = "liaison-desk"
kind = "nmea-udp"
party = "jpn"
purpose = "search-and-rescue"
address = "127.0.0.1:10111"

[[plugs]]
name = "unset"
kind = "nmea-udp"
party = "own"
address = "127.0.0.1:10112"
"""
allied = _allied


def test_plugs_are_listed_examined_and_explained(allied: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = allied
    assert "No plugs are set" in india("plug", "list").out
    record = say(india)
    config = india.folder / "node.toml"
    config.write_text(config.read_text(encoding="utf-8") + PLUGS, encoding="utf-8")
    listed = india.ok("plug", "list")
    assert [plug["name"] for plug in listed["plugs"]] == ["chart", "liaison-desk", "unset"]
    assert listed["plugs"][2]["unset"] == ["purpose", "clearance", "nationality"]
    assert listed["handed"] == []
    assert "own (ind)" in india("plug", "list").out

    (looked,) = [check for check in india.ok("doctor")["checks"] if check["name"] == "plugs"]
    assert looked["said"] == "3 plugs; given nothing, see `kizuna plug list`: unset"
    config.write_text(config.read_text(encoding="utf-8").replace('party = "jpn"', 'party = "aus"'), encoding="utf-8")
    assert "no partner of `aus` is enrolled" in india("doctor").out
    config.write_text(config.read_text(encoding="utf-8").replace('party = "aus"', 'party = "jpn"'), encoding="utf-8")

    # made without a kind of source: it cannot pass for heard
    said = india.ok("plug", "explain", "chart", record[:12])
    assert (said["permit"], said["reason"], said["discloses"]) == (False, "simulated", [])
    assert said["sentence"].startswith("The plug carries either made-up traffic or real traffic")
    assert india.ok("plug", "explain", "unset", record)["reason"] in {"unset", "simulated"}
    assert "there is no plug `nobody`" in india("plug", "explain", "nobody", record).err
    assert japan.ok("plug", "list")["plugs"] == []
