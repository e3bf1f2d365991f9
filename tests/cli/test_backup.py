"""A backup holds no private key unless it is asked for, and a restore changes nothing before it has verified everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from kizuna.node.settings import read_settings
from tests.cli.conftest import Party


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_backup_comes_back_and_the_mark_stays(pair: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = pair
    folder = tmp_path / "backup"
    extracts = read_settings(india.folder / "node.toml").data / "extracts"
    extracts.mkdir(mode=0o700)
    (extracts / "1.000001.sqlite").write_bytes(bytes(3 << 20))
    made = india.ok("backup", folder)
    assert not [path for path in folder.rglob("*") if "extracts" in path.parts], "they can be made again"
    assert "1 of the journal for readers who may not see all, 3 MiB" in str(india("doctor", "--json").json)
    india.sign()
    india.carry(japan, tmp_path / "bundle")
    mark = read_settings(india.folder / "node.toml").high_water
    marked = mark.read_bytes()
    done = india.ok("restore", folder)
    assert done["seq"] == made["seq"]
    assert mark.read_bytes() == marked
    assert Path(done["before"]).is_dir()
    assert not extracts.exists()
    assert not (Path(done["before"]) / "extracts").exists()
    assert india.ok("journal", "verify")["head"]["seq"] == made["seq"]
    found = {each["name"]: each["ok"] for each in india("doctor", "--json").json["checks"]}
    assert not found["high-water"], "doctor says that the node is behind"


def test_private_keys_are_in_it_only_where_they_were_asked_for(india: Party, tmp_path: Path) -> None:
    seeds = [path.read_bytes().split()[-1] for path in (india.folder / "keys").glob("*.key")]
    assert len(seeds) == 5
    india.ok("instrument", "show")
    india.sign()
    for folder, options in ((tmp_path / "without", ()), (tmp_path / "with", ("--with-keys",))):
        india.ok("backup", folder, *options)
        held = everything(folder)
        assert all((seed in held) == bool(options) for seed in seeds)
        assert (b"PRIVATE KEY" in held) == bool(options)
    assert "never overwritten" in india("backup", tmp_path / "with").err
    assert "never overwritten" in india("restore", tmp_path / "with", "--with-keys").err


def test_nobody_but_its_owner_reads_a_backup(india: Party, tmp_path: Path) -> None:
    india.sign()
    india.ok("token", "add", "7", "security")
    folder = tmp_path / "deep" / "backup"
    india.ok("backup", folder, "--with-keys")
    held = [folder, *folder.rglob("*")]
    assert len(held) > 10
    assert [str(path) for path in held if path.stat().st_mode & 0o077] == []
    india.ok("restore", folder)
    data = read_settings(india.folder / "node.toml").data
    assert [str(path) for path in (data, *data.rglob("*")) if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("name", ["data/journal.sqlite", "data/tokens.json", "node.toml"])
def test_an_altered_backup_changes_nothing(india: Party, tmp_path: Path, name: str) -> None:
    india.sign()
    india.ok("token", "add", "7", "security")
    folder = tmp_path / "backup"
    india.ok("backup", folder)
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    before = india.ok("journal", "head")
    done = india("restore", folder)
    assert done.code == 9
    assert "altered" in done.err
    assert india.ok("journal", "head") == before
    assert not list(india.folder.glob("data.*"))


def test_another_nodes_backup_and_a_running_node_are_refused(india: Party, japan: Party, tmp_path: Path) -> None:
    india.sign()
    japan.sign()
    folder = tmp_path / "backup"
    with india.running():
        india.ok("backup", folder)
        assert "open in process" in india("restore", folder).err
    assert "give the right one" in japan("restore", folder).err
    assert "cannot be read" in japan("restore", tmp_path / "nothing").err
