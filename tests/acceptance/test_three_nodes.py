"""India works with Japan over the wire and with Australia by courier; neither of the two can tell that the other is there.

All of it through `kizuna` as its administrators type it. Japan's node is cut off for a while; Australia's is never reached but by bundle files. At
the end every channel has the same root on both sides.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kizuna.cli.base import CLOCK
from kizuna.cli.demo_world import DemoNode, Side, free_ports
from kizuna.domains.maritime.traffic import Traffic
from kizuna.kernel import bundle
from kizuna.kernel.channel import wire
from kizuna.node.keys import keyfiles
from kizuna.node.settings import read_settings
from tests.acceptance.canaries import Canary, of_folder, search
from tests.acceptance.hosting import Enrolled
from tests.acceptance.stories import SOURCE, call, kizuna, token_of, until

INDIA, JAPAN, AUSTRALIA = "ind/delhi", "jpn/yokosuka", "aus/canberra"
NAVY = "ind-jpn-2018-navy-implementing-arrangement"
COURIERS = "ind-aus-courier-arrangement"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Station(DemoNode):
    """A node that its administrator has made with `kizuna init`."""

    @property
    def name(self) -> str:
        return self.side.node

    def kizuna(self, *args: str | Path) -> dict[str, Any]:
        return kizuna(*args, "--config", self.config)


def make(folder: Path, node: str, regions: tuple[str, ...], partners: tuple[str, ...], *, wired: bool) -> Station:
    """Make a node, and give it a receiver whose records may go to these parties."""
    party, _, name = node.partition("/")
    partners_port, users_port, feed_port = free_ports(3)
    at = ["--address", f"127.0.0.1:{partners_port}"] if wired else []
    bundled = ["--instruments" if "jpn" in (party, *partners) else "--no-instruments"]
    kizuna(
        "init", folder, "--party", party, "--name", name, *at, *bundled,
        "--listen", f"127.0.0.1:{partners_port}", "--users", f"127.0.0.1:{users_port}",
    )  # fmt: skip
    side = Side(party, node, party, regions, f"{party}-receiver", "")
    station = Station(side, folder, partners_port, users_port, feed_port)
    to = ", ".join(f'"{partner}"' for partner in partners)
    with station.config.open("a", encoding="utf-8") as settings:
        settings.write(
            f'\n[[feeds]]\nsource = "{side.source}"\nkind = "tcp-server"\naddress = "127.0.0.1:{feed_port}"\nsimulated = true\n'
            f'\n[feeds.label]\npolicy = "{party}.example.v1"\nclassification = 0\nreleasable_to = [{to}]\n'
            'purposes = ["maritime-domain-awareness"]\n'
        )
    return station


def enrol(one: Station, other: Station, desk: Path, *, wired: bool) -> None:
    """Hand each other's cards over, with the fingerprint that was read out by voice; a card for a courier's partner names no address."""
    for guest, host in ((one, other), (other, one)):
        card = desk / f"{guest.side.party}-for-{host.side.party}.card"
        settings = guest.config
        if not wired:
            text = guest.config.read_text(encoding="utf-8")
            settings = guest.folder / "without-address.toml"
            settings.write_text(re.sub(r'(?m)^address = "127[^"]*"(?=  #)', 'address = ""', text), encoding="utf-8")
        invited = kizuna("partner", "invite", "--out", card, "--config", settings)
        assert (b'"address":""' in card.read_bytes()) != wired
        fingerprint = invited["fingerprint"]
        assert host.kizuna("partner", "accept", card, "--fingerprint", fingerprint)["node"] == guest.name


def sign(name: str, *stations: Station) -> None:
    for station in stations:
        station.kizuna("instrument", "sign", name, "--root-key", station.folder / "root.key")


def arrangement_with_australia(folder: Path) -> list[Path]:
    """Write an arrangement of India's and Australia's own, with the clauses of the bundled example."""
    bundled = files("kizuna.domains.instruments") / "bundled" / "india-japan" / "example-rules.toml"
    text = bundled.read_text(encoding="utf-8")
    rules = folder / "rules.toml"
    rules.write_text(text.replace(NAVY, COURIERS).replace("jpn", "aus").replace("Japan", "Australia"), encoding="utf-8")
    head = folder / "arrangement.toml"
    head.write_text(
        f'[instrument]\nid = "{COURIERS}"\ntitle = "By courier"\nkind = "implementing-arrangement"\n'
        'parties = ["ind", "aus"]\nbasis = "example"\n\n[[citation]]\nsource = "https://example.org/courier"\n',
        encoding="utf-8",
    )
    return [head, rules]


@contextmanager
def at_sea(*stations: Station) -> Iterator[dict[str, Traffic]]:
    """Run nodes, each with ships to hear; none is left behind."""
    now_ms = CLOCK.now_ms()
    try:
        for station in stations:
            station.start()
        for station in stations:
            station.wait_ready(lambda _text: None)
        yield {station.name: Traffic(3, 60, now_ms, regions=station.side.regions) for station in stations}
    finally:
        for station in stations:
            station.stop()


def hear(seas: dict[str, Traffic], seconds: float, *stations: Station) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for station in stations:
            station.say(seas[station.name].step(CLOCK.now_ms()))
        time.sleep(0.1)


def settled(station: Station, node: str) -> bool:
    state = station.get("/api/v1/status") or {"channels": []}
    return any(
        one["node"] == node
        and one["out_size"] == one["out_receipted"] > 0
        and not one["out_due"]
        and one["in_size"] == one["in_seen"] > 0
        for one in state["channels"]
    )


def carry(sender: Station, receiver: Station, desk: Path) -> dict[str, Any]:
    """Take a bundle from one node to the other in a bag and return what the import said."""
    number = len(list(desk.glob("*.bundle")))
    file = desk / f"{number}-{sender.side.party}.bundle"
    sender.kizuna("channel", "export", receiver.name, file)
    done = receiver.kizuna("channel", "import", file)
    assert done["refused"] == 0
    return done


def test_one_cut_off_one_by_courier_and_all_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    desk = tmp_path / "desk"
    desk.mkdir()
    india = make(tmp_path / "ind", INDIA, ("bengal", "malacca"), ("jpn", "aus"), wired=True)
    japan = make(tmp_path / "jpn", JAPAN, ("east-china",), ("ind",), wired=True)
    australia = make(tmp_path / "aus", AUSTRALIA, ("malacca",), ("ind",), wired=False)
    enrol(india, japan, desk, wired=True)
    enrol(india, australia, desk, wired=False)
    sign(NAVY, india, japan)
    for station in (india, australia):
        station.kizuna("instrument", "load", *arrangement_with_australia(desk))
    sign(COURIERS, india, australia)
    carry(india, australia, desk)
    carry(australia, india, desk)

    with at_sea(india, japan, australia) as seas:
        hear(seas, 2.5, india, japan, australia)
        until(lambda: settled(india, JAPAN) and settled(japan, INDIA), "India and Japan have what they may")
        before = (japan.get("/api/v1/status") or {})["channels"][0]["in_size"]

        japan.stop()  # the cable is cut
        hear(seas, 2.5, india, australia)
        assert carry(india, australia, desk)["new"] > 0, "the courier goes while the node runs"
        assert carry(australia, india, desk)["receipt"], "and brings the receipt home"
        japan.start()
        japan.wait_ready(lambda _text: None)
        hear(seas, 1.5, india, japan, australia)
        until(lambda: settled(india, JAPAN) and settled(japan, INDIA), "Japan has caught up")
        assert (japan.get("/api/v1/status") or {})["channels"][0]["in_size"] > before
        assert_no_request_tells_of_the_other(india, japan, of="aus/canberra")
        answers = {station.name: api_answers(station) for station in (japan, australia)}

    for sender, receiver in ((india, australia), (australia, india), (india, australia)):
        carry(sender, receiver, desk)
    again = australia.kizuna("channel", "import", max(desk.glob("*.bundle")))
    assert (again["new"], again["refused"]) == (0, 0), "taking a bundle in twice does no harm"
    for one, other in ((india, japan), (india, australia)):
        assert_agree(one, other, desk)
    assert_does_not_know(japan, australia, answers[JAPAN])
    assert_does_not_know(australia, japan, answers[AUSTRALIA])
    assert_bundles_do_not_name(desk, india, australia, japan)


def assert_agree(one: Station, other: Station, desk: Path) -> None:
    """Both sides hold the same leaves under the same root, all of it receipted, and say so of each other's words."""
    theirs = other.kizuna("channel", "compare", one.name, "--leaves")
    said = desk / f"{other.side.party}-says.json"
    said.write_text(json.dumps(theirs), encoding="utf-8")
    ours = one.kizuna("channel", "compare", other.name, "--theirs", said)
    assert ours["agree"], ours["findings"]
    for out, held in ((ours["out"], theirs["in"]), (theirs["out"], ours["in"])):
        assert (out["size"], out["root"], out["epoch"]) == (held["size"], held["root"], held["epoch"])
        assert out["receipted"] == out["size"] > 3
        assert held["refused"] == out["refused"] == []


def names_of(other: Station) -> list[Canary]:
    """Return everything by which a third node could be known: its names, and every key and certificate of its."""
    settings = read_settings(other.config)
    identity = keyfiles.load_identity(settings.keys, settings.node)
    card = keyfiles.card(identity, settings.keys, settings.partners.address)
    keyset = json.loads(identity.keyset.payload_bytes())
    party = other.side.party
    known = [other.name, other.name.partition("/")[2], f'"{party}"', f"{party}.example.v1", f"releasable_to/{party}"]
    known += [*map(str, keyset["keys"].values()), keyset["seal"], keyset["tls_sha256"], json.loads(card)["root"]]
    known += [f"127.0.0.1:{other.partners_port}", other.side.source]
    return [Canary(f"tells of {other.name}", value) for value in known]


def api_answers(station: Station) -> list[tuple[str, bytes]]:
    """Return all that a node tells its own administrator by routes that only read."""
    token = token_of(station)
    paths = json.loads(call(station.users_port, "GET", "/api/openapi.json")[1])["paths"]
    reads = [path for path, methods in paths.items() if "get" in methods and "{" not in path and "stream" not in path]
    assert len(reads) > 8
    return [(path, call(station.users_port, "GET", path, token=token)[1]) for path in reads]


def assert_does_not_know(station: Station, other: Station, answers: list[tuple[str, bytes]]) -> None:
    """Nothing on this node's disk and nothing that its API says tells of the other; what it does know is found by the same search."""
    held = [*of_folder(station.folder), *answers]
    (india,) = (Canary("tells of India", f'"{INDIA}"'),)
    assert [found for name, data in held for found in search(name, data, [india])], "the search finds what is there"
    assert not [found for name, data in held for found in search(name, data, names_of(other))]


def assert_bundles_do_not_name(desk: Path, sender: Station, receiver: Station, other: Station) -> None:
    """Australia opens what the couriers brought: not a byte of it tells of Japan."""
    settings = read_settings(receiver.config)
    private = keyfiles.load_identity(settings.keys, settings.node).seal_private
    theirs = read_settings(sender.config)
    key = keyfiles.load_identity(theirs.keys, theirs.node).keys["bundle"].public
    brought = sorted(desk.glob("*-ind.bundle"))
    assert len(brought) == 4
    for file in brought:
        opened, members = bundle.open_bundle(
            file.read_bytes(),
            settings.node,
            {bundle.sealing_key_id(bundle.sealing_public(private)): private},
            CLOCK.now_ms(),
            lambda _sender, _key_id: key,
        )
        for data in (msgspec.json.encode(opened), *(member.data for member in members)):
            assert not search(file.name, data, names_of(other))


def assert_no_request_tells_of_the_other(india: Station, japan: Station, of: str) -> None:
    """Whatever Japan asks of the channel with Australia, it gets the answer that it would get of a channel with nobody."""
    asker = Enrolled(japan.config, india.config)
    usual = wire.Pull("", 0, 1 << 20, 100, "", 0, 0, 0)

    def answers(node: str) -> list[bytes]:
        found = []
        for channel in (f"kizuna/{INDIA}/to/{node}", f"kizuna/{node}/to/{INDIA}"):
            for start in (0, 1, 1 << 30):
                pull = msgspec.structs.replace(usual, channel=channel, start=start, seen=start)
                found.append(asker.ask(pull, [b""]))
            found.append(asker.ask(wire.BlobPull(channel, 0, ((0, 0), (1, 0))), []))
        return [re.sub(rb"'Date', '[^']*'", b"", answer) for answer in found]

    assert answers(of) == answers("nzl/nobody")
