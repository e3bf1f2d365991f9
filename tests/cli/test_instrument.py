"""`kizuna instrument`: agreements as data."""

from pathlib import Path

import pytest

from tests.cli.conftest import ARRANGEMENT, SOURCE, Kizuna, Party

BUNDLED = SOURCE / "kizuna" / "domains" / "instruments" / "bundled" / "india-japan"


def state(party: Party, *options: object) -> str:
    (one,) = party.ok("instrument", "show", ARRANGEMENT, *options)["instruments"]
    return str(one["state"])


@pytest.fixture
def signed(pair: tuple[Party, Party], tmp_path: Path) -> tuple[Party, Party]:
    india, japan = pair
    india.sign()
    japan.sign()
    india.carry(japan, tmp_path / "1")
    japan.carry(india, tmp_path / "2")
    return pair


def test_the_bundled_files_are_well_formed(kizuna: Kizuna) -> None:
    done = kizuna("instrument", "check", BUNDLED, "--json")
    assert done.code == 0
    assert len(done.json["instruments"]) == 12
    assert ARRANGEMENT in kizuna("instrument", "check", BUNDLED).out


def test_a_fault_is_told_as_file_and_line(kizuna: Kizuna, tmp_path: Path) -> None:
    text = (BUNDLED / "2018-navy-implementing-arrangement.toml").read_text(encoding="utf-8")
    path = tmp_path / "faulty.toml"
    path.write_text(text.replace('signed_on = "2018-10"', 'signed_on = "2018-13"'))
    done = kizuna("instrument", "check", path)
    assert done.code == 13
    line = next(i for i, said in enumerate(path.read_text().splitlines(), 1) if "signed_on" in said)
    assert f"{path}:{line}" in done.err


def test_what_is_no_instrument_file_is_told(kizuna: Kizuna, tmp_path: Path) -> None:
    binary = tmp_path / "x.toml"
    binary.write_bytes(b"\xff\xfe")
    assert kizuna("instrument", "check", binary).code == 13
    assert kizuna("instrument", "check", tmp_path / "none.toml").code == 13
    (tmp_path / "empty").mkdir()
    assert kizuna("instrument", "check", tmp_path / "empty").code == 13


def test_both_signatures_put_it_in_force(signed: tuple[Party, Party]) -> None:
    assert {state(party) for party in signed} == {"in-force"}
    assert state(signed[0], "--on", "2017-01-01") == "unsigned"


def test_one_signature_does_not(pair: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = pair
    india.sign()
    india.carry(japan, tmp_path / "1")
    (one,) = japan.ok("instrument", "show", ARRANGEMENT)["instruments"]
    assert (one["state"], one["signed_by"]) == ("unsigned", ["ind"])


def test_only_the_party_s_own_root_key_signs(pair: tuple[Party, Party]) -> None:
    india, japan = pair
    for key in (japan.folder / "root.key", india.folder / "keys" / "record.key", india.folder / "none"):
        assert india("instrument", "sign", ARRANGEMENT, "--root-key", key).code == 13
    assert india("instrument", "sign", "no-such", "--root-key", india.folder / "root.key").code == 6
    wrong = india("instrument", "sign", ARRANGEMENT, "--root-key", india.folder / "root.key", "--version", "ffff")
    assert wrong.code == 6
    assert state(india) == "unsigned"


def test_a_suspension_holds_until_its_party_lifts_it(signed: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = signed
    india.ok("instrument", "suspend", ARRANGEMENT, "--reason", "a drill")
    assert state(india) == "suspended"
    assert state(japan) == "in-force"
    india.carry(japan, tmp_path / "3")
    assert state(japan) == "suspended"
    refused = japan("instrument", "resume", ARRANGEMENT)
    assert refused.code == 6
    assert "only who suspended" in refused.err
    india.ok("instrument", "resume", ARRANGEMENT)
    assert state(india) == "in-force"
    assert india("instrument", "resume", ARRANGEMENT).code == 6


def test_a_terminated_instrument_does_not_come_back(signed: tuple[Party, Party]) -> None:
    india, _ = signed
    india.ok("instrument", "terminate", ARRANGEMENT, "--reason", "ended")
    assert state(india) == "terminated"


def test_instruments_can_be_loaded_later_and_again(kizuna: Kizuna, tmp_path: Path) -> None:
    party = Party(kizuna, tmp_path / "node", "ind", "delhi", "--no-instruments")
    assert party("instrument", "show").out.strip() == "No instrument is held."
    assert party("instrument", "load").code == 2
    first = party.ok("instrument", "load", BUNDLED)
    head = party.ok("journal", "head")
    assert party.ok("instrument", "load", "--bundled") == first
    assert party.ok("journal", "head") == head


def test_an_unknown_id_or_date_is_told(india: Party) -> None:
    assert india("instrument", "show", "no-such").code == 6
    assert india("instrument", "suspend", "no-such", "--reason", "x").code == 6
    assert india("instrument", "show", "--on", "someday").code == 3


def test_a_scope_opens_once_both_have_opened_it_alike(signed: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = signed
    opening = ("instrument", "open-scope", ARRANGEMENT, "milan", "--from", "2026-01-01", "--to", "2036-01-01")
    record = india.ok(*opening)["record"]
    assert india.ok("instrument", "show", ARRANGEMENT)["instruments"][0]["scopes"] == []
    japan.ok(*opening)
    japan.carry(india, tmp_path / "3")
    (scope,) = india.ok("instrument", "show", ARRANGEMENT)["instruments"][0]["scopes"]
    assert (scope["name"], scope["open"]) == ("milan", True)
    assert "scope `milan` is open" in india("instrument", "show", ARRANGEMENT).out
    india.ok("instrument", "close-scope", ARRANGEMENT, record)
    (scope,) = india.ok("instrument", "show", ARRANGEMENT)["instruments"][0]["scopes"]
    assert not scope["open"]


def test_a_wrong_scope_is_refused(signed: tuple[Party, Party]) -> None:
    india, _ = signed
    period = ("--from", "2026-01-01", "--to", "2027-01-01")
    assert india("instrument", "open-scope", ARRANGEMENT, "regatta", *period).code == 6
    assert (
        india("instrument", "open-scope", ARRANGEMENT, "milan", "--from", "2027-01-01", "--to", "2026-01-01").code == 6
    )
    assert india("instrument", "open-scope", "no-such", "milan", *period).code == 6
    assert india("instrument", "close-scope", ARRANGEMENT, "ab" * 32).code == 6
