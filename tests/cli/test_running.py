"""The same commands on a node that runs and on one at rest; and how a running node starts and stops."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import ARRANGEMENT, Party


@pytest.fixture(params=["at rest", "running"])
def reached(request: pytest.FixtureRequest, india: Party) -> Iterator[Party]:
    """Return a node that is reached in one of the two ways."""
    with india.running() if request.param == "running" else contextlib.nullcontext():
        yield india


def test_every_operation_goes_both_ways(reached: Party, japan: Party, tmp_path: Path) -> None:
    reached.accept(japan)
    japan.accept(reached)
    assert reached.ok("release", "halt", "--reason", "a drill")["halted"]
    assert not reached.ok("release", "halt", "--off", "--reason", "over")["halted"]
    reached.ok("instrument", "load", "--bundled")
    reached.sign()
    japan.sign()
    assert reached.carry(japan, tmp_path / "1")["new"] == 1
    assert japan.carry(reached, tmp_path / "2") == {
        "known": 0,
        "new": 1,
        "node": japan.node,
        "receipt": True,
        "refused": 0,
    }
    assert reached.ok("instrument", "show", ARRANGEMENT)["instruments"][0]["state"] == "in-force"
    reached.ok("instrument", "suspend", ARRANGEMENT, "--reason", "a drill")
    reached.ok("instrument", "resume", ARRANGEMENT)
    opened = reached.ok("instrument", "open-scope", ARRANGEMENT, "milan", "--from", "2026-01-01", "--to", "2036-01-01")
    reached.ok("instrument", "close-scope", ARRANGEMENT, opened["record"])
    assert reached.ok("channel", "compare", japan.node)["agree"]
    reached.ok("partner", "remove", japan.node)
    assert reached.ok("partner", "list")["partners"] == []
    assert reached.ok("journal", "verify")["ok"]


def test_refusals_are_the_same_both_ways(reached: Party, japan: Party, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"not a bundle")
    bad = ("partner", "accept", japan.card(), "--fingerprint", "0000")
    assert reached(*bad).code == 4
    assert reached("channel", "import", tmp_path / "bad").code == 12
    assert reached("release", "halt", "--reason", "x", "--json").code == 0


def test_officers_act_by_their_token_and_role(india: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = india.ok("token", "add", "7", "watch")["token"]
    security = india.ok("token", "add", "9", "security")["token"]
    with india.running():
        monkeypatch.setenv("KIZUNA_TOKEN", watch)
        refused = india("release", "halt", "--reason", "a drill")
        assert refused.code == 6
        assert "role `watch` may not do this" in refused.err
        monkeypatch.setenv("KIZUNA_TOKEN", security)
        assert india.ok("release", "halt", "--reason", "a drill")["halted"]
        entry = india.ok("journal", "show", india.ok("journal", "head")["seq"])
        assert entry["meta"]["actor"] == "officer:9:security"
        monkeypatch.setenv("KIZUNA_TOKEN", "nonsense")
        refused = india("release", "halt", "--reason", "a drill")
        assert refused.code == 6
        assert "KIZUNA_TOKEN" in refused.err


def test_a_second_process_is_told_who_was_first(india: Party) -> None:
    with india.running() as process:
        done = india("run")
        assert done.code == 6
        assert f"process `{process.pid}`" in done.err
        assert india("journal", "rebuild").code == 6


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_gracefully(india: Party, number: signal.Signals) -> None:
    with india.running() as process:
        token = (india.folder / "data" / "admin.token").read_text()
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0, said
    assert (india.folder / "data" / "admin.token").stat().st_mode & 0o777 == 0o600
    with india.running():
        assert (india.folder / "data" / "admin.token").read_text() == token
    assert len(india.ok("token", "list")["tokens"]) == 1


def test_a_killed_node_starts_again(india: Party) -> None:
    with india.running() as process:
        india.ok("release", "halt", "--reason", "a drill")
        process.kill()
        process.communicate(timeout=20)
    assert india.ok("journal", "verify")["ok"]
    with india.running():
        assert not india.ok("release", "halt", "--off", "--reason", "over")["halted"]


def test_a_port_that_is_taken_is_a_faulty_setting(india: Party, japan: Party) -> None:
    with japan.running():
        path = india.folder / "node.toml"
        theirs = (japan.folder / "node.toml").read_text().split("[users]")[1]
        path.write_text(path.read_text().split("[users]")[0] + "[users]" + theirs)
        assert india("run").code == 13
        assert india("doctor").code == 13


def test_a_token_that_cannot_be_read_is_told(india: Party) -> None:
    with india.running():
        (india.folder / "data" / "admin.token").rename(india.folder / "elsewhere")
        done = india("release", "halt", "--reason", "x")
        assert done.code == 13
        assert "KIZUNA_TOKEN" in done.err
