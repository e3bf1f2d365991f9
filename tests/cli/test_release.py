"""`kizuna release`: explained, stopped, taken back."""

from pathlib import Path

import pytest

from tests.cli.conftest import Party


def test_a_record_that_stays_is_explained(pair: tuple[Party, Party]) -> None:
    india, _ = pair
    record = india.sign()
    said = india.ok("release", "explain", record[:12], "--to", "jpn")
    assert (said["record"], said["permit"], said["reason"]) == (record, False, "no-instrument")
    assert said["sentence"].startswith("No instrument with `jpn` is in force")
    assert "No instrument with `jpn` is in force" in india("release", "explain", record, "--to", "jpn").out
    assert "効力" in india.ok("release", "explain", record, "--to", "jpn", "--language", "ja")["sentence"]


def test_what_is_not_held_cannot_be_explained(india: Party) -> None:
    assert india("release", "explain", "ab" * 32, "--to", "jpn").code == 6
    assert india("release", "explain", "ab", "--to", "jpn", "--at", "noon").code == 6
    assert india("release", "explain", "ab", "--to", "jpn", "--language", "xx").code == 2


def test_a_halt_stands_until_it_is_lifted(pair: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = pair
    assert india("release", "halt").code == 2
    assert india.ok("release", "halt", "--reason", "a drill") == {"halted": True}
    refused = india("channel", "export", japan.node, tmp_path / "x")
    assert refused.code == 10
    assert "halted" in refused.err
    assert not (tmp_path / "x").exists()
    assert india.ok("release", "halt", "--off", "--reason", "over") == {"halted": False}
    india.ok("channel", "export", japan.node, tmp_path / "x")


def test_a_backfill_takes_two_persons(pair: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch) -> None:
    india, japan = pair
    words = ("release", "backfill", japan.node, "--from", "2026-01-01", "--to", "2027-01-01")
    assert india.ok(*words)["records"] == []
    assert india(*words, "--queue").code == 6
    one, again, two = (india.ok("token", "add", who, "liaison")["token"] for who in ("7", "7", "8"))
    monkeypatch.setenv("KIZUNA_TOKEN", one)
    monkeypatch.setenv("KIZUNA_SECOND_TOKEN", again)
    assert "first person's too" in india(*words, "--queue").err
    monkeypatch.setenv("KIZUNA_SECOND_TOKEN", "nonsense")
    assert india(*words, "--queue").code == 6
    monkeypatch.setenv("KIZUNA_SECOND_TOKEN", two)
    assert india.ok(*words, "--queue")["queued"]
    assert india("release", "backfill", "jpn/none", "--from", "2026-01-01", "--to", "2027-01-01").code == 10
    assert india("release", "backfill", japan.node, "--from", "2027-01-01", "--to", "2026-01-01").code == 6


def test_only_what_is_ours_can_be_taken_back(pair: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = pair
    record = india.sign()
    india.carry(japan, tmp_path / "1")
    assert india("release", "withdraw", record, "--act", "burn", "--reason", "x").code == 2
    assert japan("release", "withdraw", record, "--act", "recall", "--reason", "x").code == 6
    assert india.ok("release", "withdraw", record, "--act", "retract", "--reason", "x")["act"] == "retract"
    assert india("release", "withdraw", "ab" * 32, "--act", "recall", "--reason", "x").code == 6


def test_a_token_names_the_officer_in_the_journal(india: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZUNA_TOKEN", india.ok("token", "add", "7", "security")["token"])
    india.ok("release", "halt", "--reason", "a drill")
    entry = india.ok("journal", "show", india.ok("journal", "head")["seq"])
    assert (entry["kind"], entry["meta"]["actor"]) == ("setting", "officer:7:security")
