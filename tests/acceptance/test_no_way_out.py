"""What may not be released does not leave: not over the channel, in no bundle, log line, metric or error, and by no call of the API.

India's officers say records with marked values, each of which has one reason to stay at home; beside them records that may go, with marks of their
own, so that it shows that the search would find what it looks for. Then every way out is tried as the partner, as a stranger and as an officer of
the wrong role, and all that came out, and all that the partner holds, is searched.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from kizuna.cli import demo_world, doctor
from kizuna.cli.base import CLOCK
from kizuna.cli.base import random as fresh
from kizuna.cli.demo_world import DemoNode
from kizuna.cli.reading import reading
from kizuna.domains.maritime import records as sea
from kizuna.errors import ChannelError, RecordError
from kizuna.formats.ogc_features import Ask
from kizuna.formats.positions_arrow import empty
from kizuna.kernel import bundle
from kizuna.kernel.channel import wire
from kizuna.kernel.label import Grade
from kizuna.kernel.record import Record
from kizuna.node import effects as fx
from kizuna.node.channel.releasing import Releaser, Ruling
from kizuna.node.channel.treaties import bundled
from kizuna.node.channel.world import World
from kizuna.node.held.facts import load_record
from kizuna.node.keys import keyfiles
from kizuna.node.people import tokens
from kizuna.node.people.tokens import ROLES, Tokens
from kizuna.node.plug_settings import Plug
from kizuna.node.plugs.forms import Cot, Nmea, Told
from kizuna.node.plugs.plugging import Plugging
from kizuna.node.plugs.showing import Positions, Showing
from kizuna.node.settings import Settings, read_settings
from kizuna.web.partners import PATH
from tests.acceptance import commands
from tests.acceptance.canaries import Found, of_folder, search
from tests.acceptance.hosting import Enrolled, Hosted, logged
from tests.acceptance.marked import (
    ACTOR,
    BENGAL,
    HOUR_MS,
    PURPOSES,
    Marks,
    everything_that_stays,
    mark,
    positions,
    static,
    what_goes_in_part,
)
from tests.acceptance.stories import SOURCE, call, until

pytestmark = pytest.mark.timeout(170)


@dataclass
class Story:
    """What came out, by way; `marks` says what should have."""

    marks: Marks
    ways: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    statuses: dict[str, set[int]] = field(default_factory=dict)
    public: list[str] = field(default_factory=list)
    """What commands wrote for more than its owner."""
    sender: DemoNode | None = None
    """The node that holds everything, at rest."""

    def out(self, way: str, name: str, data: bytes) -> None:
        self.ways.setdefault(way, []).append((name, data))

    def leaks(self, way: str) -> list[Found]:
        return [found for name, data in self.ways[way] for found in search(name, data, self.marks.stay)]

    def arrived(self, way: str) -> set[str]:
        """Return the marks that may go and did."""
        return {found.why for name, data in self.ways[way] for found in search(name, data, self.marks.go)}


def pulls(channel: str, size: int) -> Iterator[tuple[wire.Pull, list[bytes]]]:
    """Yield pulls that a partner has no reason to make."""
    usual = wire.Pull(channel, 0, 1 << 24, 4096, "", 0, 0, 0)
    change = msgspec.structs.replace
    for start in range(size + 1):
        yield change(usual, start=start, seen=start), [b""]
    yield change(usual, max_bytes=1, max_entries=1), [b""]
    yield change(usual, max_bytes=-1, max_entries=-1), [b""]
    for start, seen in ((size + 1, size + 1), (0, size + 9), (1 << 40, 1 << 40), (-1, 0), (5, 1), (-9, -9)):
        yield change(usual, start=start, seen=seen), [b""]
    for epoch in (-1, 1, 2, 1 << 40):
        yield change(usual, epoch=epoch), [b""]
        yield change(usual, epoch=epoch), [b"forged\nnote\n\n"]
    us, them = "jpn/fusion-yokosuka", "ind/fusion-delhi"
    for other in (
        f"kizuna/{us}/to/{them}",
        f"kizuna/{them}/to/aus/one",
        f"kizuna/{them}/to/{them}",
        "",
        "/../",
        "k" * 4000,
    ):
        yield change(usual, channel=other), [b""]
    for forged in ([], [b"", b"forged receipt"], [b"", b"{}"], [b""] * 300):
        yield usual, forged


def say(host: Hosted, drafts: list[fx.Draft]) -> list[str]:
    return [said.record_id for said in host.do(fx.Say(tuple(drafts)))]


def settled(host: Hosted) -> bool:
    rows = host.node.store.query("SELECT size, receipted FROM channel_out")
    due = host.node.store.query("SELECT COUNT(*) FROM outbox WHERE not_before_ms <= ?", (CLOCK.now_ms(),))
    return rows[0][0] == rows[0][1] > 0 and due[0][0] == 0


def as_partner(story: Story, partner: DemoNode, host: Hosted) -> None:
    """Ask for everything that there is, and for much that there is not, with the partner's own certificate."""
    way, asker = "answers to the partner", Enrolled(partner.config, host.config)
    ((channel, size),) = host.node.store.query("SELECT channel, size FROM channel_out")
    for number, (head, parts) in enumerate(pulls(channel, size)):
        data = asker.ask(head, parts)
        story.out(way, f"pull {number}", data)
    every = [(index, place) for index in range(-1, size + 2) for place in (-2, -1, 0, 1, 2, 1000, 1 << 40)]
    for epoch in (0, 1, -1, 1 << 40):
        for first in range(0, len(every), 250):
            data = asker.ask(wire.BlobPull(channel, epoch, tuple(every[first : first + 250])), [])
            for number, part in enumerate(_parts(data)):
                story.out(way, f"blobs of epoch {epoch}, part {number}", part)
    for name in (f"{channel}x", "kizuna/jpn/fusion-yokosuka/to/ind/fusion-delhi", "kizuna/ind/fusion-delhi/to/aus/one"):
        story.out(way, "blobs of another channel", asker.ask(wire.BlobPull(name, 0, tuple(every[:200])), []))
    story.out(way, "too many blobs", asker.ask(wire.BlobPull(channel, 0, ((0, 0),) * 300), []))
    story.out(way, "an answer", asker.ask(wire.BlobAnswer(channel, 0), []))
    for data in (b"", b"\0", b"{}", os.urandom(300), wire.pack_message(wire.Fault("x", "y"), [])[:-3]):
        story.out(way, "no message", asker.post(data)[1])
    for path in ("/", "/metrics", "/api/v1/status", f"{PATH}?a=b", f"{PATH}/../../api/v1/picture"):
        for method in ("GET", "POST", "PUT"):
            story.out(way, f"{method} {path}", asker.post(b"x", path, method)[1])
    story.out(way, "another media type", asker.post(b"x", kind="text/plain")[1])


def as_plug(story: Story, host: Hosted) -> None:
    """Read, as a plug that stands for the partner, all that it is shown, and all that a chart and a team are told of each record."""
    way, now_ms, world = "plugs of the partner", CLOCK.now_ms(), host.node.core.world
    asked = Plug(name="gis", kind="ogc", party="jpn", officer="gis", purpose=PURPOSES[0], simulated=True)
    plugging = Plugging(host.node.runner, world, (asked,), CLOCK)
    plugging.catch_up()
    (plug,) = plugging.plugs
    showing = Showing(host.node.store, "ind", (), Grade("ind.desk.v1", 0))
    held = plug.positions or Positions()
    for name, look in (("vessels", showing.vessels), ("tracks", showing.tracks)):
        story.out(way, name, msgspec.json.encode(look(plug.gate, held, Ask(), now_ms, plug.count)))
    story.out(way, "events", msgspec.json.encode(showing.events(plug.gate, Ask(), now_ms, plug.count)))
    for (record_id,) in host.node.store.query("SELECT id FROM record WHERE type LIKE 'maritime.%' ORDER BY seq"):
        record = load_record(host.node.store, record_id)
        if record is None or record.clear.type not in (sea.POSITION_BATCH, sea.OWN_UNIT_BATCH, sea.STATIC_REPORTED):
            continue
        given = plug.gate.rule(record, now_ms)
        facts = plug.gate.said(record, given)
        told = Told(issuer="ind", source=str(facts.get("source", "")), grades=given.grades, now_ms=now_ms)
        table = (
            plug.gate.positions(record, given) if given.permit and record.clear.type != sea.STATIC_REPORTED else empty()
        )
        for number, said in enumerate(
            [*Cot("ind").positions(table, told), *Nmea().static(facts, told), told.station.encode()]
        ):
            story.out(way, f"record {record_id[:8]}, line {number}", said)


def _parts(data: bytes) -> list[bytes]:
    """Return the parts of an answer that stand behind its HTTP headers, or all of it where it is none."""
    at = data.find(b"]")
    try:
        return wire.unpack_message(data[at + 1 :])[1]
    except RecordError:
        return [data]


def as_user(story: Story, host: Hosted, ids: list[str]) -> None:
    """Call every route of the users' API without a token, with a wrong one, and in every role; search what was refused."""
    port, now_ms = int(host.settings.users.listen.rpartition(":")[2]), CLOCK.now_ms()
    held, bearer = Tokens(host.settings.tokens), {"nobody": "", "a stranger": f"{tokens.PREFIX}{'x' * 43}"}
    for role in ROLES:
        text, token = tokens.make(role[:3], role, now_ms=now_ms, ends_ms=now_ms + HOUR_MS, random=fresh)
        held.add(token)
        bearer[role] = text
    paths = json.loads(call(port, "GET", "/api/openapi.json")[1])["paths"]
    assert len(paths) > 20
    numbers = [canary.value for canary in story.marks.stay if isinstance(canary.value, int)]
    for path, methods in {**paths, "/nowhere": {"get": 0}}.items():
        known = {"record_id": ids[0], "mmsi": str(numbers[0]), "party": "aus", "name": "nobody"}
        url = re.sub(r"\{(\w+)[^}]*\}", lambda found: known.get(found[1], "nobody"), path)  # noqa: B023 # used at once
        for method in methods:
            for who, token in bearer.items():
                if path.endswith("/stream") and who in ROLES:
                    continue  # goes on for ever, for those who may
                status, body = call(port, method.upper(), url, b"" if method == "post" else None, token)
                story.statuses.setdefault(who, set()).add(status)
                if path in ("/api/v1/health", "/api/openapi.json", "/metrics") or status >= 400:
                    story.out("refusals and open routes of the users' api", f"{method} {path} as {who}", body)
                else:
                    assert who in ROLES, f"`{path}` is open to {who}"
    for record_id in ids:
        for who in ("nobody", "a stranger", "integrator"):
            status, body = call(port, "GET", f"/api/v1/records/{record_id}", token=bearer[who])
            assert status in (401, 403)
            story.out("refusals and open routes of the users' api", f"record as {who}", body)


def shout(host: Hosted, marks: Marks) -> None:
    """Send the receiver lines that it cannot use, with a mark in each."""
    with socket.create_connection(("127.0.0.1", int(host.settings.feeds[0].address.rpartition(":")[2]))) as feed:
        for line in ("!AIVDM,1,1,,A,{},0*00", "{}", "\\s:{},c:1*00\\!AIVDM,1,1,,B,x,0*00", "$GPGGA,{}*11"):
            feed.sendall(line.format(marks.text("line of a receiver that could not be used")).encode() + b"\r\n")
    time.sleep(0.5)


def told(folder: Path, *, halt_refuses: bool = True) -> Story:
    """Live through it once and return all that came out."""
    story = Story(Marks())
    marks = story.marks
    india, japan = demo_world.prepare(folder, bundled(), CLOCK, fresh)
    with logged() as log, ExitStack() as stack:
        host = Hosted(india.config)
        stack.callback(host.stop)
        host.start()
        say(host, what_goes_in_part(marks))
        ids = say(host, everything_that_stays(marks))
        shout(host, marks)
        export(story, host, japan)  # nothing is receipted yet: the bundle holds all that the wire will
        stack.callback(japan.stop)
        japan.start()
        japan.wait_ready(lambda _text: None)
        until(lambda: settled(host), "what may go is receipted", 40)
        as_partner(story, japan, host)
        as_plug(story, host)
        host.do(fx.Halt(on=True, actor=ACTOR, reason="a test"))
        ids += say(
            host,
            [static(marks, "releases are halted", mark()), positions(marks, [("releases are halted", BENGAL)], mark())],
        )
        as_partner(story, japan, host)
        as_plug(story, host)
        try:
            export(story, host, japan)
            assert not halt_refuses, "a bundle was made while releases were halted"
        except ChannelError as error:
            story.out("bundle", "refusal while halted", str(error).encode())
        as_user(story, host, ids)
        time.sleep(1.0)
        japan.stop()
    for name, data in of_folder(japan.folder):
        story.out("what the partner holds", name, data)
    story.out("log", "the sender's log", log.getvalue().encode())
    if halt_refuses:
        story.sender = india
        line = marks.text("line of a receiver that could not be used")
        story.public = commands.as_owner(story.out, india, ids, line, folder / "sender")
        commands.as_owner_of_partner(story.out, japan, folder / "partner")
    return story


def export(story: Story, host: Hosted, partner: DemoNode) -> None:
    """Have a bundle made and open it with the recipient's key."""
    data = host.do(fx.ExportBundle("jpn/fusion-yokosuka", CLOCK.now_ms() + HOUR_MS, ACTOR))
    story.out("bundle", "the sealed file", data)
    settings = read_settings(partner.config)
    private = keyfiles.load_identity(settings.keys, settings.node).seal_private
    key = host.node.identity.keys["bundle"].public
    opened, members = bundle.open_bundle(
        data,
        settings.node,
        {bundle.sealing_key_id(bundle.sealing_public(private)): private},
        CLOCK.now_ms(),
        lambda _sender, _key_id: key,
    )
    story.out("bundle", "manifest", msgspec.json.encode(opened))
    for member in members:
        story.out("bundle", member.name, member.data)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SOURCE))
        return told(tmp_path_factory.mktemp("out") / "demo")


EVERYTHING_THAT_MAY = {"may go: ship", "may go: event", "may go: chunk"}


def test_the_partner_holds_nothing_that_should_have_stayed(story: Story) -> None:
    assert story.arrived("what the partner holds") == EVERYTHING_THAT_MAY
    assert not story.leaks("what the partner holds")


def test_no_request_of_the_partner_brings_it_out(story: Story) -> None:
    assert story.arrived("answers to the partner") == EVERYTHING_THAT_MAY
    assert not story.leaks("answers to the partner")


def test_no_plug_that_stands_for_the_partner_shows_it(story: Story) -> None:
    assert story.arrived("plugs of the partner") >= {"may go: event", "may go: chunk"}
    assert not story.leaks("plugs of the partner")


def test_no_bundle_carries_it(story: Story) -> None:
    assert story.arrived("bundle") == EVERYTHING_THAT_MAY
    assert not story.leaks("bundle")


def test_no_log_line_tells_it_nor_what_may_go(story: Story) -> None:
    assert b'"event"' in story.ways["log"][0][1], "something was logged"
    assert not story.leaks("log")
    assert not story.arrived("log")


def test_no_refusal_no_metric_and_no_open_route_of_the_api_tells_it(story: Story) -> None:
    way = "refusals and open routes of the users' api"
    names = {name for name, _ in story.ways[way]}
    assert "get /metrics as nobody" in names
    assert story.statuses["nobody"] == story.statuses["a stranger"] == {200, 401, 404}
    assert 403 in story.statuses["integrator"]
    assert not story.leaks(way)
    assert not story.arrived(way)


def test_no_command_that_shows_no_record_names_one_and_no_error_does(story: Story) -> None:
    assert story.arrived("records shown") >= EVERYTHING_THAT_MAY - {"may go: event"}
    assert story.leaks("records shown"), "who may read the node's keys is shown its records"
    assert not story.leaks("commands that show no record")
    assert not story.arrived("commands that show no record")


def test_a_command_that_names_a_record_would_be_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(settings: Settings) -> str:
        with reading(settings) as node:
            return str(node.store.query("SELECT name FROM maritime_static"))

    monkeypatch.setitem(doctor._LOOKS, "store", careless)
    assert story.sender is not None
    said, _ = commands.run(story.sender, ("doctor",))
    assert search("doctor", said, story.marks.stay)


def test_no_command_of_the_partner_shows_what_stayed(story: Story) -> None:
    # of an event whose exercise is not disclosed no list tells, for it may be none of the real picture
    assert story.arrived("commands of the partner") >= EVERYTHING_THAT_MAY - {"may go: event"}
    assert not story.leaks("commands of the partner")


def test_what_commands_write_its_owner_alone_may_read(story: Story) -> None:
    assert not story.public


def test_every_command_is_tried_in_one_way() -> None:
    says, shows = commands.of_domains()
    ways = [commands.SHOW_NOTHING, commands.SHOW_RECORDS, commands.ELSEWHERE, says, shows]
    assert sorted(name for way in ways for name in way) == sorted(commands.every_command())
    assert len(list(commands.questions())) == len(shows)
    assert all(Path(where).exists() for where in commands.ELSEWHERE.values())


def test_every_reason_to_stay_was_tried(story: Story) -> None:
    assert {canary.why for canary in story.marks.stay if not canary.why.startswith("digest")} == {
        "chunk outside the areas",
        "chunk outside the areas, beside one inside",
        "delay of an hour",
        "fact that the clause does not name",
        "grade above the clause",
        "label releasable to a third party",
        "label releasable to nobody",
        "line of a receiver that could not be used",
        "own unit",
        "own unit, though labelled releasable",
        "purpose that is no clause's",
        "releases are halted",
    }


def test_a_leak_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that asks no clause and knows no halt: all facts of all records go, under whatever clause permitted the last one."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    honest = Releaser.rule
    last: list[Ruling] = []

    def leaky(self: Releaser, held: Record, party: str, now_ms: int, *more: object, **named: object) -> Ruling:
        ruling = honest(self, held, party, now_ms, *more, **named)  # type: ignore[arg-type] # passed through
        last[:] = [ruling] if ruling.permit else last
        return Ruling(last[0].decision, frozenset(held.disclosures)) if last else ruling

    monkeypatch.setattr(Releaser, "rule", leaky)
    monkeypatch.setattr(World, "releasing", True)
    leaked = told(tmp_path / "demo", halt_refuses=False)
    reasons = {canary.why for canary in leaked.marks.stay} - {"line of a receiver that could not be used"}
    assert {found.why for found in leaked.leaks("answers to the partner")} == reasons
    assert {found.why for found in leaked.leaks("bundle")} >= {why for why in reasons if "halted" not in why}
    # An honest partner refuses what no clause covers and keeps no body of it: the headers still show digests of blobs.
    assert {found.why for found in leaked.leaks("what the partner holds")} >= {
        "digest of: chunk outside the areas",
        "digest of: own unit, though labelled releasable",
    }
