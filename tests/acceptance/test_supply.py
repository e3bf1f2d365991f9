"""JIMEX 2022: a Japanese ship orders fuel at sea from an Indian tanker, and no wire joins the two.

India's node runs; Japan's is reached by bundle files alone. All of it through `kizuna` as officers type it, each with an own token. At the end both
nodes show the same order, closed, and the same balance.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from kizuna.cli.main import main
from tests.cli.conftest import Done, Party, ports

RPSS = "ind-jpn-2020-reciprocal-supplies-services"
DUTIES = {"o1": ("order", "offer"), "o2": ("accept", "invoice"), "o3": ("pay", "receive", "order", "offer")}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Done]]:
    """Return `kizuna`, called in this process: some eighty commands would else each start an interpreter."""
    kept = logging.getLogger().handlers[:], logging.getLogger().level, sys.excepthook, threading.excepthook

    def call(*words: object, token: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["kizuna", *map(str, words)])
        monkeypatch.setenv("KIZUNA_TOKEN", token) if token else monkeypatch.delenv("KIZUNA_TOKEN", raising=False)
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        shown = capsys.readouterr()
        return Done(code, shown.out, shown.err)

    yield call
    root = logging.getLogger()
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = kept
    structlog.reset_defaults()


class Staff:
    """The officers of one node, each with a token."""

    def __init__(self, station: Party) -> None:
        self.station = station
        people = {"unit": "logistics", "m1": "desk", **dict.fromkeys(DUTIES, "logistics")}
        self.tokens = {
            officer: str(station.ok("token", "add", officer, role)["token"]) for officer, role in people.items()
        }

    def call(self, officer: str, *args: str | Path) -> Done:
        config = self.station.folder / "node.toml"
        return self.station.kizuna("supply", *args, "--config", config, "--json", token=self.tokens[officer])

    def __call__(self, officer: str, *args: str | Path) -> Any:
        done = self.call(officer, *args)
        assert done.code == 0, (args, done.out, done.err)
        return json.loads(done.out)

    def refused(self, officer: str, *args: str | Path) -> str:
        done = self.call(officer, *args)
        assert done.code != 0, args
        return done.err


def carry(sender: Party, receiver: Party, desk: Path) -> None:
    """Take a bundle from one node to the other in a bag."""
    done = sender.carry(receiver, desk / f"{len([*desk.iterdir()])}.bundle")
    assert done["refused"] == 0


def fuel_order(category: str) -> tuple[str, ...]:
    return (
        "draft", "--provider", "ind", "--activity", "joint-training", "--activity-ref", "exercise-jimex-2022",
        "--requesting-unit", "JS Takanami", "--providing-unit", "INS Jyoti", "--place", "Bay of Bengal",
        "--window-from", "2022-09-13T00:00Z", "--window-to", "2022-09-14T00:00Z", "--method", "cash", "--currency", "INR",
        "--category", category, "--description", "F-76 naval distillate fuel", "--quantity", "300000", "--unit", "litre",
        "--basis", "standard",
    )  # fmt: skip


def test_fuel_is_ordered_at_sea_settled_and_both_nodes_show_the_same_balance(
    command: Callable[..., Done], tmp_path: Path
) -> None:
    desk = tmp_path / "desk"
    desk.mkdir()
    india = Party(command, tmp_path / "ind", "ind", "delhi", *ports())
    japan = Party(command, tmp_path / "jpn", "jpn", "takanami", *ports())
    india.accept(japan)
    japan.accept(india)
    for station in (india, japan):
        station.ok("instrument", "sign", RPSS, "--root-key", station.folder / "root.key")
    ours, theirs = Staff(india), Staff(japan)
    with india.running():
        both = ((india, japan), (japan, india))
        for sender, receiver in (*both, *both):
            carry(sender, receiver, desk)
        for staff, partner in ((ours, "jpn"), (theirs, "ind")):
            staff("m1", "state-terms", "--partner", partner, "--bundled", "example")
            for officer, duties in DUTIES.items():
                words = [word for duty in duties for word in ("--duties", duty)]
                staff("m1", "grant", "--officer", officer, "--partner", partner, *words)
        for sender, receiver in both:
            carry(sender, receiver, desk)
        number = order_at_sea(ours, theirs, desk)
        settle(ours, theirs, number, desk)
        assert_same(ours, theirs, number, tmp_path)


def order_at_sea(ours: Staff, theirs: Staff, desk: Path) -> str:
    """Order fuel without a link and return the order's number; a line of ammunition cannot even be drafted."""
    said = theirs.refused("unit", *fuel_order("ammunition"))
    assert "`lines[1].category` is `ammunition`: arms and ammunition are never ordered here; take the line out" in said
    number = str(theirs("unit", *fuel_order("petroleum-oils-lubricants"))["told"]["order_no"])
    assert "no authority for `order`" in theirs.refused("o2", "request", "--order-no", number)
    theirs("o1", "request", "--order-no", number)
    pack = theirs.station.folder / "pack.json"
    theirs("o1", "order-pack", "--order-no", number, "--kind", "json", "--out", pack)
    scanned = pack.read_text(encoding="utf-8")
    assert ours("o1", "check-pack", "--pack", scanned)["outcome"] == "not-here"
    carry(theirs.station, ours.station, desk)
    assert ours("o1", "check-pack", "--pack", scanned)["outcome"] == "same"
    ours("o1", "offer", "--order-no", number, "--price", "1=71.2535")
    carry(ours.station, theirs.station, desk)
    theirs("o1", "agree", "--order-no", number)
    carry(theirs.station, ours.station, desk)
    ours("o1", "sign", "--order-no", number)
    ours("o1", "deliver", "--order-no", number, "--line", "1=304000 litre @31.5", "--density", "1=845.2")
    carry(ours.station, theirs.station, desk)
    return number


def settle(ours: Staff, theirs: Staff, number: str, desk: Path) -> None:
    """Receipt, charge, pay and close the order, every word by a bundle."""
    theirs("o2", "accept", "--order-no", number, "--line", "1=303500 litre @31.5 !short")
    carry(theirs.station, ours.station, desk)
    ours("o2", "invoice", "--order-no", number)
    carry(ours.station, theirs.station, desk)
    for staff, sign_ in ((ours, ""), (theirs, "-")):
        (row,) = staff("o3", "balance")["rows"]
        assert (row["amount"], row["both"]) == (f"{sign_}21325708.69", "0.00")
    theirs("o3", "pay", "--order-no", number, "--payment-ref", "treasury-77")
    carry(theirs.station, ours.station, desk)
    ours("o3", "settle", "--order-no", number)
    ours("o3", "close", "--order-no", number)
    carry(ours.station, theirs.station, desk)
    theirs("o3", "sign", "--order-no", number)
    carry(theirs.station, ours.station, desk)


def assert_same(ours: Staff, theirs: Staff, number: str, folder: Path) -> None:
    """Both nodes show the same closed order, the same account, and print the same receipt."""
    mine, other = (staff("o1", "order", "--order-no", number) for staff in (ours, theirs))
    assert mine == other
    assert (mine["state"], mine["owed"], mine["void"], mine["findings"]) == ("closed", {}, [], [])
    assert mine["activity_ref"] == "exercise-jimex-2022"
    assert [(each["entry"], each["amount"]) for each in mine["postings"]] == [
        ("accepted", "21325708.69"), ("paid", "-21325708.69"),
    ]  # fmt: skip
    for staff, partner in ((ours, "jpn"), (theirs, "ind")):
        assert staff("o1", "balance") == {"rows": []}
        found = staff("o1", "statement", "--partner", partner, "--activity-ref", "exercise-jimex-2022")
        assert [total["open"] for total in found["totals"]] == ["0.00"]
        out = folder / f"receipt-{partner}.pdf"
        staff("o1", "receipt", "--order-no", number, "--out", out)
        assert out.read_bytes().startswith(b"%PDF-")
