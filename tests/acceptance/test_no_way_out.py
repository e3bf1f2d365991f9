"""What may not be released does not leave: not over the channel, in no bundle, log line, metric or error, and by no call of the API.

India's officers say records with marked values, each of which has one reason to stay at home; beside them records that may go, with marks of their
own, so that it shows that the search would find what it looks for. Then every way out is tried as the partner, as a stranger and as an officer of
the wrong role, and all that came out, and all that the partner holds, is searched.
"""

from __future__ import annotations

import hashlib
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
import pyarrow as pa
import pytest

from kizuna.cli import demo_world
from kizuna.cli.base import CLOCK
from kizuna.cli.base import random as fresh
from kizuna.cli.demo_world import DemoNode
from kizuna.domains.maritime import records as sea
from kizuna.domains.maritime.operations import Statement, cut_batches
from kizuna.errors import ChannelError, RecordError
from kizuna.formats.ogc_features import Ask
from kizuna.formats.positions_arrow import SCHEMA, empty
from kizuna.kernel import bundle
from kizuna.kernel.channel import wire
from kizuna.kernel.label import Grade, Label, label
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
from kizuna.node.settings import read_settings
from kizuna.web.partners import PATH
from tests.acceptance.canaries import Canary, Found, of_folder, search
from tests.acceptance.hosting import Enrolled, Hosted, logged
from tests.acceptance.stories import SOURCE, call, until

PURPOSES = ("maritime-domain-awareness",)
BENGAL, OUTSIDE = (13.5, 88.5), (-30.5, 60.5)
DEGREE = 600_000
HOUR_MS = 3_600_000
ACTOR = "officer:7:watch"

pytestmark = pytest.mark.timeout(170)


class Marks:
    """Makes values that stand nowhere else, and remembers why each must stay, or that it may go."""

    def __init__(self) -> None:
        self.stay: list[Canary] = []
        self.go: list[Canary] = []
        self._last = int.from_bytes(os.urandom(2))

    def text(self, why: str) -> str:
        return str(self._keep(why, f"kanarie-{os.urandom(6).hex()}-é/ü"))

    def mmsi(self, why: str) -> int:
        self._last += 1
        return int(self._keep(why, 901_000_000 + self._last * 97 % 900_000))

    def _keep(self, why: str, value: str | int) -> str | int:
        (self.go if why.startswith("may go") else self.stay).append(Canary(why, value))
        return value


def mark(level: int = 0, to: tuple[str, ...] = ("jpn",), purposes: tuple[str, ...] = PURPOSES) -> Label:
    return label("ind.example.v1", level, originator="ind", releasable_to=to, purposes=purposes)


def static(marks: Marks, why: str, held: Label, hidden: str = "") -> fx.Draft:
    """Return what a ship says of itself, a mark in every text and number; `hidden` says why the facts that no clause names stay."""
    mmsi, stays = marks.mmsi(why), hidden or why
    body = sea.StaticReported(
        mmsi=mmsi,
        imo_no=marks.mmsi(why),
        name=marks.text(why),
        callsign=marks.text(why),
        destination=marks.text(why),
        beam_m=marks.mmsi(stays),
        draught_dm=marks.mmsi(stays),
        source=marks.text(why),
        source_kind="simulated",
        reported_at_ms=CLOCK.now_ms(),
    )
    return fx.Draft(sea.STATIC_REPORTED, body, held, ACTOR, subject="" if hidden else f"vessel:mmsi:{mmsi}")


def event(marks: Marks) -> fx.Draft:
    """Return a finding of which the clause names some facts, and of which the others are marked."""
    stays = "fact that the clause does not name"
    body = sea.EventDetected(
        kind="gap",
        mmsi=marks.mmsi("may go: event"),
        from_ms=CLOCK.now_ms() - HOUR_MS,
        rule=marks.text("may go: event"),
        confidence="low",
        coverage_ref=marks.text(stays),
        batches=(marks.text(stays), marks.text(stays)),
        source_kind="simulated",
    )
    return fx.Draft(sea.EVENT_DETECTED, body, mark(), f"officer:{marks.text(stays)}:watch", subject=marks.text(stays))


def entry_of_area(marks: Marks) -> fx.Draft:
    why, now_ms = "delay of an hour", CLOCK.now_ms()
    body = sea.AreaEntered(
        mmsi=marks.mmsi(why), area=marks.text(why), from_ms=now_ms - 1000, to_ms=now_ms, source_kind="simulated"
    )
    return fx.Draft(sea.AREA_ENTERED, body, mark(), ACTOR)


def positions(
    marks: Marks, places: list[tuple[str, tuple[float, float]]], held: Label, *, own: bool = False
) -> fx.Draft:
    """Return a batch with one ship at each place; the digest of a chunk that stays must stay too."""
    now_ms, ships = CLOCK.now_ms(), [marks.mmsi(why) for why, _ in places]
    whole = {
        "time_ms": [now_ms] * len(places),
        "mmsi": ships,
        "lat_600000": [round(lat * DEGREE) for _, (lat, _) in places],
        "lon_600000": [round(lon * DEGREE) for _, (_, lon) in places],
    }
    columns = [pa.array(whole.get(one.name, [None] * len(places)), type=one.type) for one in SCHEMA]
    table = pa.table(columns, schema=SCHEMA)
    (made,) = cut_batches(
        table, source="canary-receiver", source_kind="simulated", own_units=ships if own else (), window_ms=HOUR_MS
    )
    for blob in made.blobs:
        for (why, _), ship in zip(places, ships, strict=True):
            if ship.to_bytes(4, "little") in blob and not why.startswith("may go"):
                marks.stay.append(Canary(f"digest of: {why}", hashlib.sha256(blob).hexdigest()))
    return draft_of(made, held)


def draft_of(made: Statement, held: Label) -> fx.Draft:
    return fx.Draft(made.type, made.body, held, ACTOR, subject=made.subject, blobs=made.blobs)


def everything_that_stays(marks: Marks) -> list[fx.Draft]:
    return [
        static(marks, "label releasable to nobody", mark(to=())),
        static(marks, "label releasable to a third party", mark(to=("aus",))),
        static(marks, "grade above the clause", mark(level=2)),
        static(marks, "purpose that is no clause's", mark(purposes=("training",))),
        entry_of_area(marks),
        positions(marks, [("own unit", BENGAL)], mark(to=()), own=True),
        positions(marks, [("own unit, though labelled releasable", BENGAL)], mark(), own=True),
        positions(marks, [("chunk outside the areas", OUTSIDE)], mark()),
    ]


def what_goes_in_part(marks: Marks) -> list[fx.Draft]:
    return [
        static(marks, "may go: ship", mark(), hidden="fact that the clause does not name"),
        event(marks),
        positions(marks, [("may go: chunk", BENGAL), ("chunk outside the areas, beside one inside", OUTSIDE)], mark()),
    ]


@dataclass
class Story:
    """What came out, by way; `marks` says what should have."""

    marks: Marks
    ways: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    statuses: dict[str, set[int]] = field(default_factory=dict)

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
