"""`kizuna init`: a whole node, or nothing."""

from pathlib import Path

import pytest

from tests.cli.conftest import Kizuna, Party


def init(kizuna: Kizuna, folder: Path, *options: object) -> int:
    return kizuna("init", folder, "--party", "ind", "--name", "fusion-delhi", *options).code


def test_a_new_node_has_keys_settings_and_the_bundled_instruments(india: Party) -> None:
    assert (india.folder / "root.key").stat().st_mode & 0o777 == 0o600
    assert (india.folder / "node.toml").exists()
    shown = india.ok("instrument", "show")["instruments"]
    assert len(shown) == 12
    assert {one["state"] for one in shown} == {"unsigned"}
    assert india.ok("journal", "verify")["ok"]


def test_what_comes_next_is_told(kizuna: Kizuna, tmp_path: Path) -> None:
    done = kizuna("init", tmp_path / "new", "--party", "ind", "--name", "delhi", "--no-instruments")
    assert done.code == 0
    assert "offline" in done.out
    assert "kizuna partner invite" in done.out
    assert "No instruments are loaded" in done.out


def test_a_node_is_not_made_where_there_is_one(india: Party, kizuna: Kizuna) -> None:
    before = (india.folder / "root.key").read_bytes()
    assert init(kizuna, india.folder) == 6
    assert (india.folder / "root.key").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--address", "nowhere"), 3),
        (("--address", "https://host:99999"), 3),
        (("--listen", "x"), 3),
        (("--users", "0.0.0.0:7080"), 6),
        (("--address", "bad host:1"), 3),
    ],
)
def test_a_wrong_address_makes_nothing(kizuna: Kizuna, tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    assert init(kizuna, tmp_path / "new", *options) == code
    assert not list(tmp_path.iterdir())


def test_a_failure_half_way_leaves_what_was_there_and_nothing_else(kizuna: Kizuna, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    root = tmp_path / "root.key"
    root.write_text("not a key")
    root.chmod(0o600)
    assert init(kizuna, tmp_path) == 13
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "root.key"]


def test_a_root_key_that_others_may_read_is_refused(kizuna: Kizuna, india: Party, tmp_path: Path) -> None:
    (india.folder / "root.key").chmod(0o644)
    done = kizuna("init", tmp_path / "new", "--party", "ind", "--name", "two", "--root-key", india.folder / "root.key")
    assert done.code == 13
    assert "chmod 600" in done.err
    assert not (tmp_path / "new").exists()


def test_two_nodes_of_a_party_have_one_root(kizuna: Kizuna, india: Party, tmp_path: Path) -> None:
    Party(kizuna, tmp_path / "two", "ind", "mumbai", "--root-key", india.folder / "root.key", "--no-instruments")
    assert (tmp_path / "two" / "keys" / "root.pub").read_bytes() == (india.folder / "keys" / "root.pub").read_bytes()
    assert not (tmp_path / "two" / "root.key").exists()


@pytest.mark.parametrize(("party", "name"), [("Ind", "delhi"), ("ind", "Delhi"), ("ind", "a/b"), ("i n", "delhi")])
def test_a_name_that_is_none_is_refused(kizuna: Kizuna, tmp_path: Path, party: str, name: str) -> None:
    assert kizuna("init", tmp_path / "new", "--party", party, "--name", name).code == 3
    assert not (tmp_path / "new").exists()


def test_without_a_terminal_nothing_is_asked(kizuna: Kizuna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = kizuna("init", tmp_path / "new")
    assert done.code == 2
    assert "--party" in done.err
