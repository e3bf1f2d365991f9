"""`kizuna channel`: bundles, and whether both sides hold the same."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Party


@pytest.fixture
def exported(pair: tuple[Party, Party], tmp_path: Path) -> Path:
    india, japan = pair
    india.sign()
    path = tmp_path / "bundle"
    india.ok("channel", "export", japan.node, path)
    return path


def test_a_bundle_is_taken_in_once_however_often_it_comes(pair: tuple[Party, Party], exported: Path) -> None:
    _, japan = pair
    assert japan.ok("channel", "import", exported)["new"] == 1
    again = japan.ok("channel", "import", exported)
    assert (again["new"], again["known"]) == (0, 1)


def test_receipts_come_home(pair: tuple[Party, Party], exported: Path, tmp_path: Path) -> None:
    india, japan = pair
    japan.ok("channel", "import", exported)
    (channel,) = india.ok("channel", "status")["channels"]
    assert [(bundle["from"], bundle["to"]) for bundle in channel["out"]["bundles"]] == [(0, 1)]
    assert japan.carry(india, tmp_path / "back")["receipt"]
    (channel,) = india.ok("channel", "status")["channels"]
    assert channel["out"]["receipted"] == channel["out"]["size"] == 1
    assert channel["out"]["bundles"] == []


@pytest.mark.parametrize("harm", ["cut", "altered", "empty", "other", "longer"])
def test_a_harmed_bundle_changes_nothing(pair: tuple[Party, Party], exported: Path, tmp_path: Path, harm: str) -> None:
    _, japan = pair
    data = exported.read_bytes()
    bad = tmp_path / "bad"
    changed = bytearray(data)
    changed[5000] ^= 1
    bad.write_bytes(
        {"cut": data[:-1000], "altered": bytes(changed), "empty": b"", "other": b"hello", "longer": data + b"x"}[harm]
    )
    head = japan.ok("journal", "head")
    done = japan("channel", "import", bad)
    assert done.code == 12, done.err
    assert japan.ok("journal", "head") == head


def test_a_bundle_for_another_node_is_refused(pair: tuple[Party, Party], exported: Path) -> None:
    assert pair[0]("channel", "import", exported).code == 12


def test_nothing_is_released_where_the_file_cannot_be_written(pair: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = pair
    india.sign()
    (tmp_path / "there").write_text("mine")
    for path in (tmp_path / "there", tmp_path / "no" / "folder"):
        assert india("channel", "export", japan.node, path).code == 13
    assert (tmp_path / "there").read_text() == "mine"
    assert india.ok("channel", "status")["channels"][0]["out"]["size"] == 0


def test_nobody_gets_no_bundle(india: Party, tmp_path: Path) -> None:
    assert india("channel", "export", "jpn/yokosuka", tmp_path / "x").code == 6
    assert india("channel", "compare", "jpn/yokosuka").code == 6
    assert india("channel", "import", tmp_path / "none").code == 13
    assert india("channel", "reopen", "kizuna/x/to/y", "--reason", "x").code == 6


def test_what_one_side_lacks_is_named_by_index(pair: tuple[Party, Party], exported: Path, tmp_path: Path) -> None:
    india, japan = pair
    theirs = tmp_path / "theirs.json"
    theirs.write_text(json.dumps(japan.ok("channel", "compare", india.node, "--leaves")))
    said = india.ok("channel", "compare", japan.node, "--theirs", theirs)
    assert said["agree"]
    assert {(f.get("first"), f.get("last")) for f in said["findings"]} == {(0, 0)}
    assert any("does not hold entries 0 to 0" in f["sentence"] for f in said["findings"])


def test_logs_that_differ_are_a_fault(pair: tuple[Party, Party], exported: Path, tmp_path: Path) -> None:
    india, japan = pair
    japan.ok("channel", "import", exported)
    said = japan.ok("channel", "compare", india.node, "--leaves")
    theirs = tmp_path / "theirs.json"
    theirs.write_text(json.dumps(said))
    assert india("channel", "compare", japan.node, "--theirs", theirs).code == 0
    said["in"]["leaves"][0] = "00" * 32
    theirs.write_text(json.dumps(said))
    done = india("channel", "compare", japan.node, "--theirs", theirs, "--json")
    assert done.code == 11
    assert not done.json["agree"]
    assert "differ from entry 0" in done.out


def test_a_writer_that_lost_entries_is_seen(pair: tuple[Party, Party], exported: Path, tmp_path: Path) -> None:
    india, japan = pair
    japan.ok("channel", "import", exported)
    said = japan.ok("channel", "compare", india.node, "--leaves")
    said["in"]["leaves"].append("00" * 32)
    said["in"]["size"] = 2
    theirs = tmp_path / "theirs.json"
    theirs.write_text(json.dumps(said))
    done = india("channel", "compare", japan.node, "--theirs", theirs)
    assert done.code == 11
    assert "the writer has lost entries 1 to 1" in done.out


@pytest.mark.parametrize(
    "text", ["", "{}", '{"of":1}', '{"in":{},"out":{},"of":"jpn/yokosuka","node":"ind/fusion-delhi"}']
)
def test_what_is_no_comparison_is_told(pair: tuple[Party, Party], tmp_path: Path, text: str) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(text)
    assert pair[0]("channel", "compare", pair[1].node, "--theirs", path).code == 3


def test_the_comparison_of_another_pair_is_refused(pair: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = pair
    path = tmp_path / "own.json"
    path.write_text(json.dumps(india.ok("channel", "compare", japan.node, "--leaves")))
    assert india("channel", "compare", japan.node, "--theirs", path).code == 6
