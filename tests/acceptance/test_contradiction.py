"""Sources disagree on the partnership's own history; two desks hold the same claims, rule each for itself, and read one page with every source.

India's node serves; Japan's is reached by bundles alone. All of it through `kizuna` as the desk officers type it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kizuna.cli.demo_world import DemoNode, Side, free_ports
from kizuna.cli.main import main
from tests.acceptance.stories import SOURCE, call, running, token_of

SUPPLY = "ind-jpn-2020-reciprocal-supplies-services"
PLAN = "ind-jpn-2009-action-plan-security"
FORCE = "entry into force"
SAYS = "in force: 2021; 11 July reported, primary not seen"
CONTRADICTIONS = 14
Kizuna = Callable[..., dict[str, Any]]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Desk(DemoNode):
    """A node with a desk officer at its terminal; the command line is called in this process."""

    call: Kizuna
    token = ""

    @property
    def party(self) -> str:
        return self.side.party

    def kizuna(self, *words: object) -> dict[str, Any]:
        return self.call("", *words, "--config", self.config)

    def officer(self, *words: object) -> dict[str, Any]:
        """Do it as the desk officer, whose token it is."""
        self.token = self.token or self.kizuna("token", "add", "o7", "desk")["token"]
        return self.call(self.token, *words, "--config", self.config)


@pytest.fixture
def commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Kizuna:
    """Return a caller of `kizuna ... --json` with a token."""

    def call(token: str, *words: object) -> dict[str, Any]:
        monkeypatch.setenv("KIZUNA_TOKEN", token)
        monkeypatch.setattr(sys, "argv", ["kizuna", *map(str, words), "--json"])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        shown = capsys.readouterr()
        assert not code, (words, shown)
        found: dict[str, Any] = json.loads(shown.out)
        return found

    return call


def make(commands: Kizuna, folder: Path, node: str) -> Desk:
    party, _, name = node.partition("/")
    partners_port, users_port = free_ports(2)
    commands(
        "", "init", folder, "--party", party, "--name", name, "--instruments", "--listen", f"127.0.0.1:{partners_port}",
        "--users", f"127.0.0.1:{users_port}",
    )  # fmt: skip
    desk = Desk(Side(party, node, party, (), f"{party}-receiver", ""), folder, partners_port, users_port, 0)
    desk.call = commands
    return desk


def enrol(one: Desk, other: Desk, bag: Path) -> None:
    for guest, host in ((one, other), (other, one)):
        card = bag / f"{guest.party}.card"
        invited = guest.kizuna("partner", "invite", "--out", card)
        host.kizuna("partner", "accept", card, "--fingerprint", invited["fingerprint"])
        guest.kizuna("instrument", "sign", PLAN, "--root-key", guest.folder / "root.key")


def carry(sender: Desk, receiver: Desk, bag: Path) -> None:
    """Take a bundle to the other desk, and its receipt back with the next one."""
    file = bag / f"{len(list(bag.glob('*.bundle')))}-{sender.party}.bundle"
    sender.kizuna("channel", "export", receiver.side.node, file)
    assert receiver.kizuna("channel", "import", file)["refused"] == 0


def disagreements(desk: Desk, *more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.kizuna("claim", "disagreements", *more)["rows"]
    return found


def test_fourteen_contradictions(tmp_path: Path, commands: Kizuna, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    bag = tmp_path / "bag"
    bag.mkdir()
    india, japan = make(commands, tmp_path / "ind", "ind/delhi"), make(commands, tmp_path / "jpn", "jpn/tokyo")
    enrol(india, japan, bag)
    carry(india, japan, bag)
    carry(japan, india, bag)
    with running(india):
        # India's desk loads what sources say, and lets Japan have it.
        loaded = india.officer("claim", "load-bundled", "--parts", "disagreements", "--to", "jpn")
        assert loaded["told"]["held already"] == 0
        assert all(said["due"] == ["kizuna/ind/delhi/to/jpn/tokyo"] for said in loaded["said"])
        carry(india, japan, bag)
        ours, theirs = disagreements(india), disagreements(japan)
        assert ours == theirs
        assert len(ours) >= CONTRADICTIONS
        assert {row["state"] for row in theirs} == {"open"}
        assert all(claim["sources"] for row in theirs for claim in row["claims"])

        # Each desk rules for itself, with its reason.
        for desk, reason in ((india, "the ministry's release as reproduced"), (japan, "our own release")):
            held = next(row for row in disagreements(desk, "--subject", SUPPLY) if row["predicate"] == FORCE)
            chosen = next(claim["claim"] for claim in held["claims"] if claim["value"] == "2021-07-11")
            desk.officer(
                "claim", "adjudicate", "--subject", SUPPLY, "--predicate", FORCE, "--chosen", chosen, "--reason", reason,
                "--to", "ind" if desk is japan else "jpn",
            )  # fmt: skip
        carry(japan, india, bag)
        carry(india, japan, bag)
        assert_settled(india)
        assert_settled(japan)

        # What decides policy waits for a primary text, whatever the number of reports.
        ammunition = next(
            row for row in disagreements(japan, "--subject", SUPPLY) if row["predicate"] == "covers ammunition"
        )
        assert ammunition["denied_meanwhile"]

        # The page says as much as is agreed, and where each of it can be read; on the wire of the serving node too.
        for desk in (india, japan):
            page = desk.kizuna("instrument", "page", "--instrument", SUPPLY)
            assert SAYS in page["lines"]
            assert {"https://note.com/wmilitary/n/ncad4cfa441b8", "https://japannews.yomiuri.co.jp/?p=277182"} <= set(
                page["sources"]
            )
        status, body = call(
            india.users_port, "GET", f"/api/v1/instruments/page?instrument={SUPPLY}", token=token_of(india)
        )
        assert status == 200
        assert SAYS in body.decode()


def assert_settled(desk: Desk) -> None:
    """Both rulings are there, each with its reason and the name of who decided."""
    held = next(row for row in disagreements(desk, "--subject", SUPPLY) if row["predicate"] == FORCE)
    assert held["state"] == "settled"
    assert set(held["chosen_by"]) == {"ind", "jpn"}
    assert len(set(held["chosen_by"].values())) == 1
    shown = desk.kizuna("claim", "show", "--claim", held["with_us"])
    rulings = {act["party"]: act["says"] for act in shown["history"] if act["type"] == "claim.adjudicated.v1"}
    assert rulings["ind"]["reason"] == "the ministry's release as reproduced"
    assert rulings["jpn"]["reason"] == "our own release"
    assert all(said["decided_by"].startswith("officer:") for said in rulings.values())
