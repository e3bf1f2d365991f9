"""`kizuna partner`: cards and fingerprints."""

from pathlib import Path

import pytest

from tests.cli.conftest import Kizuna, Party, ports


def test_two_parties_enrol_each_other(pair: tuple[Party, Party]) -> None:
    india, japan = pair
    (listed,) = india.ok("partner", "list")["partners"]
    assert (listed["node"], listed["party"]) == (japan.node, "jpn")
    assert listed["address"].startswith("127.0.0.1:")


def test_the_card_holds_no_private_key(india: Party) -> None:
    card = india.card().read_bytes()
    for path in (india.folder / "keys").glob("*.key"):
        assert path.read_bytes().split()[-1] not in card


@pytest.mark.parametrize("said", ["0000 0000 0000 0000 0000 0000 0000 0000", "x", "own"])
def test_another_fingerprint_enrols_nobody(india: Party, japan: Party, said: str) -> None:
    done = india("partner", "accept", japan.card(), "--fingerprint", india.fingerprint if said == "own" else said)
    assert done.code == 4
    assert "compare it again" in done.err
    assert india.ok("partner", "list")["partners"] == []


def test_spaces_dashes_and_capitals_do_not_matter(india: Party, japan: Party) -> None:
    india.ok("partner", "accept", japan.card(), "--fingerprint", japan.fingerprint.upper().replace(" ", "-"))


def test_a_damaged_card_is_told(india: Party, japan: Party, tmp_path: Path) -> None:
    card = japan.card().read_bytes()
    cut, other = tmp_path / "cut", tmp_path / "other"
    cut.write_bytes(card[:-40])
    other.write_bytes(card.replace(b'"address":"127', b'"address":"128'))
    assert india("partner", "accept", cut, "--fingerprint", japan.fingerprint).code == 3
    assert india("partner", "accept", other, "--fingerprint", japan.fingerprint).code == 4
    assert india("partner", "accept", tmp_path / "none", "--fingerprint", "x").code == 13


def test_our_own_party_is_no_partner(kizuna: Kizuna, india: Party, tmp_path: Path) -> None:
    other = Party(kizuna, tmp_path / "two", "ind", "mumbai", *ports(), "--no-instruments")
    done = india("partner", "accept", other.card(), "--fingerprint", other.fingerprint)
    assert done.code == 6
    assert "our own party" in done.err


def test_a_partner_can_be_removed_once(pair: tuple[Party, Party]) -> None:
    india, japan = pair
    india.ok("partner", "remove", japan.node)
    assert india.ok("partner", "list")["partners"] == []
    assert india("partner", "remove", japan.node).code == 6


def test_the_people_are_asked_where_no_fingerprint_is_given(
    india: Party, japan: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.prompt", lambda _text, **_kw: japan.fingerprint)
    assert india("partner", "accept", japan.card()).code == 0
