"""`kizuna release`: explained, stopped, taken back."""

import os
import time
from pathlib import Path

import pytest

from kizuna.domains.maritime.records import StaticReported
from kizuna.kernel.label import label
from kizuna.kernel.release import GUARD_MS
from kizuna.node.clock import SystemClock
from kizuna.node.effects import Draft, Say
from kizuna.node.service import open_node
from kizuna.node.settings import read_settings
from tests.cli.conftest import Party


def test_a_record_that_stays_is_explained(pair: tuple[Party, Party]) -> None:
    india, _ = pair
    record = india.sign()
    said = india.ok("release", "explain", record[:12], "--to", "jpn")
    assert (said["record"], said["permit"], said["reason"]) == (record, False, "no-instrument")
    assert said["sentence"].startswith("No instrument with `jpn` is in force")
    assert "No instrument with `jpn` is in force" in india("release", "explain", record, "--to", "jpn").out
    assert "効力" in india.ok("release", "explain", record, "--to", "jpn", "--language", "ja")["sentence"]


def say(party: Party) -> str:
    """Let the node say something that the arrangement lets go to Japan, and return the record's id."""
    own = label("ind.example.v1", 0, originator="ind", releasable_to=("jpn",), purposes=("maritime-domain-awareness",))
    body = StaticReported(mmsi=419000001, name="SAGAR", beam_m=20)
    settings = read_settings(party.folder / "node.toml")
    node = open_node(settings, clock=SystemClock(), random=os.urandom, send=lambda _node, _data: None)
    node.runner.start()
    try:
        draft = Draft("maritime.static-reported.v1", body, own, "system:test")
        return str(node.runner.do(Say((draft,))).result(20)[0].record_id)
    finally:
        node.close()


@pytest.fixture
def allied(pair: tuple[Party, Party], tmp_path: Path) -> tuple[Party, Party]:
    """Return two nodes between which the arrangement is in force, past the guard band of its signature."""
    india, japan = pair
    india.sign()
    japan.sign()
    india.carry(japan, tmp_path / "signed-1")
    japan.carry(india, tmp_path / "signed-2")
    time.sleep(GUARD_MS / 1000 + 0.5)
    return pair


def test_a_record_that_goes_is_explained_taken_back_and_confirmed(allied: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = allied
    record = say(india)
    said = india.ok("release", "explain", record, "--to", "jpn")
    assert said["permit"]
    assert "payload/mmsi" in said["discloses"]
    assert "payload/beam_m" in said["stays"]
    assert "example rule" in said["sentence"]
    assert india.ok("release", "explain", record, "--to", "aus")["reason"] == "no-instrument"
    assert not india.ok("release", "explain", record, "--to", "jpn", "--at", "2015-01-01")["permit"]
    assert india.carry(japan, tmp_path / "1")["new"] == 1
    assert japan.carry(india, tmp_path / "1-home")["receipt"]
    told = india.ok("release", "withdraw", record, "--act", "recall", "--reason", "released in error")
    assert len(told["channels"]) == 1
    india.carry(japan, tmp_path / "2")
    (waiting,) = india.ok("channel", "status")["channels"]
    assert [one["act"] for one in waiting["out"]["unconfirmed"]] == ["recall"]
    japan.carry(india, tmp_path / "3")
    (settled,) = india.ok("channel", "status")["channels"]
    assert settled["out"]["unconfirmed"] == []
    assert india.ok("channel", "compare", japan.node)["agree"]


def test_receipts_of_two_bundles_come_home_together(allied: tuple[Party, Party], tmp_path: Path) -> None:
    india, japan = allied
    for name in ("1", "2"):
        say(india)
        india.carry(japan, tmp_path / name)
    assert japan.carry(india, tmp_path / "home")["receipt"]
    (channel,) = india.ok("channel", "status")["channels"]
    assert channel["out"]["receipted"] == channel["out"]["size"]


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
    assert india("release", "backfill", "jpn/none", "--from", "2026-01-01", "--to", "2027-01-01").code == 6
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
