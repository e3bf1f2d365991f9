"""A liaison officer lets Japan pass a ship's particulars on to Australia; later the name is corrected, the consent ends, and all is destroyed.

Three nodes as `kizuna init` makes them, at rest between the couriers who carry their bundles. Australia has no channel with India: its people have
only compared India's card by voice. Everything is typed as an officer types it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kizuna.cli.base import CLOCK
from kizuna.cli.main import main
from kizuna.domains.maritime.records import StaticReported
from kizuna.kernel.label import label
from kizuna.node.effects import Draft, Say
from kizuna.node.service import open_node
from kizuna.node.settings import read_settings
from tests.acceptance.canaries import of_folder

NAVY = "ind-jpn-2018-navy-implementing-arrangement"
PACIFIC = "jpn-aus-example-arrangement"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
Typed = Callable[..., dict[str, Any]]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Return `kizuna ... --json` as typed at a desk, and what it printed; fails, with what it said, where it does not succeed."""

    def call(*words: object, tokens: tuple[str, str] = ("", "")) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["kizuna", *map(str, words), "--json"])
        for name, token in zip(("KIZUNA_TOKEN", "KIZUNA_SECOND_TOKEN"), tokens, strict=True):
            monkeypatch.setenv(name, token)
        capsys.readouterr()
        with contextlib.suppress(SystemExit):
            main()
        shown = capsys.readouterr()
        assert shown.out, (words, shown.err)
        found: dict[str, Any] = json.loads(shown.out)
        return found

    return call


PACIFIC_TOML = f"""
[instrument]
id = "{PACIFIC}"
title = "Example arrangement"
kind = "implementing-arrangement"
parties = ["jpn", "aus"]
in_force_on = "2020-01-01"
basis = "example"

[[citation]]
source = "https://example.org/pacific"

[[provision]]
id = "static-data-to-aus"
effect = "permits"
from = "jpn"
to = "aus"
record_types = ["maritime.static-reported.v1"]
purposes = ["maritime-domain-awareness"]
discloses = ["mmsi", "name", "callsign", "destination"]
equivalence = "pacific@1"

[provision.max_classification]
"aus.example.v1" = 1

[[equivalence]]
id = "pacific"
version = "1"
from_policy = "ind.example.v1"
to_policy = "aus.example.v1"
rows = [[0, [0]], [1, [1]]]
rows_back = [[0, [0]], [1, [1]]]
"""


class Post:
    """One party's node and the desk in front of it."""

    def __init__(self, typed: Typed, folder: Path, node: str, *, bundled: bool) -> None:
        self.typed, self.folder, self.node = typed, folder, node
        party, _, name = node.partition("/")
        instruments = "--instruments" if bundled else "--no-instruments"
        self.fingerprint = typed("init", folder, "--party", party, "--name", name, instruments)["fingerprint"]
        self.card = folder / "card"
        self("partner", "invite", "--out", self.card)

    def __call__(self, *words: object, tokens: tuple[str, str] = ("", "")) -> dict[str, Any]:
        return self.typed(*words, "--config", self.folder / "node.toml", tokens=tokens)

    def token(self, officer: str, role: str) -> str:
        return str(self("token", "add", officer, role)["token"])

    def say(self, body: StaticReported, *to: str) -> str:
        """Let the node report a ship, which an officer's receiver does elsewhere."""
        own = label("ind.example.v1", 0, originator="ind", releasable_to=to, purposes=("maritime-domain-awareness",))
        settings = read_settings(self.folder / "node.toml")
        node = open_node(settings, clock=CLOCK, random=os.urandom, send=lambda _node, _data: None)
        node.runner.start()
        try:
            draft = Draft("maritime.static-reported.v1", body, own, "system:receiver")
            return str(node.runner.do(Say((draft,))).result(20)[0].record_id)
        finally:
            node.close()

    def explain(self, record: str, to: str) -> dict[str, Any]:
        return self("release", "explain", record, "--to", to)

    def holds(self, text: bytes) -> bool:
        return any(text in data for _, data in of_folder(self.folder / "data"))


def carry(desk: Path, *way: Post) -> dict[str, Any]:
    """Take bundles along a way; return what the last import said."""
    said: dict[str, Any] = {}
    for sender, receiver in itertools.pairwise(way):
        file = desk / f"{len(list(desk.iterdir()))}.bundle"
        sender("channel", "export", receiver.node, file)
        said = receiver("channel", "import", file)
        assert said["refused"] == 0, said
    return said


def test_a_ship_is_passed_on_corrected_and_taken_back(typed: Typed, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    desk.mkdir()
    india = Post(typed, tmp_path / "ind", "ind/delhi", bundled=True)
    japan = Post(typed, tmp_path / "jpn", "jpn/yokosuka", bundled=True)
    australia = Post(typed, tmp_path / "aus", "aus/canberra", bundled=False)
    for one, other in ((india, japan), (japan, australia)):
        for host, guest in ((one, other), (other, one)):
            host("partner", "accept", guest.card, "--fingerprint", guest.fingerprint)
    arrangement = tmp_path / "pacific.toml"
    arrangement.write_text(PACIFIC_TOML, encoding="utf-8")
    for post in (japan, australia):
        post("instrument", "load", arrangement)
        post("instrument", "sign", PACIFIC, "--root-key", post.folder / "root.key")
    for post in (india, japan):
        post("instrument", "sign", NAVY, "--root-key", post.folder / "root.key")
    carry(desk, india, japan, australia, japan, india)

    ship = india.say(StaticReported(mmsi=419000001, name="SAGAR", callsign="VTAB", destination="CHENNAI"), "jpn", "aus")
    carry(desk, india, japan, australia)
    assert japan.explain(ship, "aus")["reason"] == "releasability"

    # Without a comparison of India's card by voice nothing that it signed counts in Canberra.
    granted = india(
        "release", "consent", "--relay", "jpn", "--recipient", "aus", "--field", "mmsi", "--field", "name",
        "--purpose", "maritime-domain-awareness", "--expires", "2099-01-01", "--record", ship,
    )["id"]  # fmt: skip
    australia("partner", "introduce", india.card, "--fingerprint", india.fingerprint)
    carry(desk, india, japan, australia)
    shown = australia.explain(ship, "jpn")
    assert {"payload/mmsi", "payload/name"} <= set(shown["stays"] + shown["discloses"])
    assert not {"payload/callsign", "payload/destination"} & set(shown["stays"] + shown["discloses"])
    assert not australia.holds(b"CHENNAI")
    assert not australia.holds(b"VTAB")

    # The label is raised by two persons, and Canberra hears of it.
    one, two = india.token("7", "liaison"), india.token("8", "security")
    relabelled = india(
        "release", "relabel", ship, "--grade", "ind.example.v1=1", "--reason", "the owner asked",
        tokens=(one, two),
    )["id"]  # fmt: skip
    # The particulars are corrected; who passes them on needs no new permission for a correction of what it passed.
    right = india.say(StaticReported(mmsi=419000001, name="SAGAR II", callsign="VTAB"), "jpn", "aus")
    india("release", "supersede", ship, "--by", right, "--reason", "renamed")
    carry(desk, india, japan, australia)
    for post in (japan, australia):
        assert post.holds(relabelled.encode())

    # Then consent ends: the corrected particulars stay in Japan.
    india("release", "revoke", granted, "--reason", "the cruise is over")
    carry(desk, india, japan, australia)
    assert japan.holds(b"SAGAR II")
    assert not australia.holds(b"SAGAR II")

    # And what was passed on is destroyed on India's word, two nodes away; every journal still verifies.
    later = india.say(StaticReported(mmsi=419000002, name="CANARY OF THE SEA"), "jpn", "aus")
    india(
        "release", "consent", "--relay", "jpn", "--recipient", "aus", "--field", "name",
        "--purpose", "maritime-domain-awareness", "--expires", "2099-01-01", "--record", later,
    )  # fmt: skip
    carry(desk, india, japan, australia)
    assert australia.holds(b"CANARY OF THE SEA")
    india("release", "withdraw", later, "--act", "destroy", "--reason", "never to be seen")
    carry(desk, india, japan, australia, japan, india)
    for post in (india, japan, australia):
        found = post("journal", "verify")
        assert found["ok"]
        assert found["erased"] >= 1
