"""The story of the sea on two nodes under the example rules: what goes becomes the partner's picture, what stays is never on the wire."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kizuna.domains import instruments
from kizuna.domains.maritime import queries
from kizuna.domains.maritime.events.area import box
from kizuna.domains.maritime.fleet import GAP_MMSI, MEETING_MMSI, OWN_UNITS
from kizuna.domains.maritime.operations import Statement
from kizuna.domains.maritime.records import RECORDS
from kizuna.domains.maritime.rules import cell_name, cell_numbers, lies_in
from kizuna.domains.maritime.seas import ANCHORAGES
from kizuna.domains.maritime.tracks.voyages import Port
from kizuna.domains.maritime.traffic import Traffic
from kizuna.kernel.instrument import Area, Instrument
from kizuna.kernel.instrument_file import load_partnership
from kizuna.node import effects as fx
from kizuna.node.domains import DOMAINS
from kizuna.node.held.facts import load_record
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.detecting import LOOK_BACK_MS, Detecting
from kizuna.node.maritime.feeding import drafts, example_label, groups
from kizuna.node.maritime.intake import Intake
from kizuna.node.maritime.picture import LivePicture
from kizuna.node.maritime.searching import Rules
from kizuna.node.maritime.sources import Feed
from kizuna.sim.federation import Federation, SimNode
from kizuna.storage.positions import Box
from tests.sim.world import sides, sign_instrument

DEGREE = 600_000
OWN = frozenset(OWN_UNITS["ind"])
SOURCE = "sim-coast"
NAVIES = "ind-jpn-2018-navy-implementing-arrangement"


class SimClock:
    def __init__(self, federation: Federation) -> None:
        self._federation = federation

    def now_ms(self) -> int:
        return self._federation.now_ms

    def in_doubt(self) -> bool:
        return False


class SimDoer:
    def __init__(self, node: SimNode) -> None:
        self._node = node

    def do(self, command: fx.Command) -> Future[Any]:
        reply: Future[Any] = Future()
        reply.set_result(self._node.do(command))
        return reply


class Sea:
    """Delhi and Yokosuka under the bundled partnership, Delhi with a feed."""

    def __init__(self, seed: str, folder: Path) -> None:
        self.federation = Federation(seed)
        self.delhi = self.federation.add("ind/delhi", DOMAINS)
        self.yokosuka = self.federation.add("jpn/yokosuka", DOMAINS)
        self.federation.introduce(self.delhi, self.yokosuka)
        self.navies = arrangement()
        for node in (self.delhi, self.yokosuka):
            sign_instrument(node, self.navies)
        self.federation.run(10_000)
        self.clock = SimClock(self.federation)
        self.label = example_label("ind", ["ind", "jpn"])
        feed = Feed(name="coast", source=SOURCE, label=self.label, kind="tcp", source_kind="simulated")
        self.intake = Intake(feed, OWN, self.federation.now_ms)
        self.said: list[Statement] = []
        self.pictures = [self.picture(node, folder) for node in (self.delhi, self.yokosuka)]

    def picture(self, node: SimNode, folder: Path) -> LivePicture:
        archives = Archives(folder / node.identity.party)
        return LivePicture(node.store, node.blobs, archives, node.identity.party, self.clock)

    def hear(self, lines: list[bytes]) -> list[str]:
        """Take in sentences, say what they give, and return the ids of the records."""
        assert self.intake.take(0, b"".join(lines), self.federation.now_ms) == []
        statements = self.intake.flush(self.federation.now_ms)
        self.said += statements
        made = [self.delhi.do(fx.Say(drafts(group, self.label))) for group in groups(statements)]
        return [one.record_id for said in made for one in said]

    def settle(self) -> None:
        self.federation.run(30_000)
        assert sides(self.delhi, self.yokosuka)[0] == sides(self.delhi, self.yokosuka)[1]
        for picture in self.pictures:
            picture.catch_up()

    def detecting(self, rules: Rules) -> Detecting:
        archives = self.pictures[0].archives
        node = self.delhi
        return Detecting(
            SimDoer(node), node.store, archives, "ind", self.label, own_units=OWN, clock=self.clock, rules=rules
        )

    def on_wire(self, data: bytes) -> bool:
        return any(data in sent for _, _, sent in self.federation.wire)


def arrangement() -> Instrument:
    folder = Path(instruments.__file__).parent / "bundled" / "india-japan"
    files = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))]
    known = {name: frozenset(kind.__struct_fields__) for name, kind in RECORDS.items()}
    return next(made for made in load_partnership(files, known) if made.id == NAVIES)


def waters(made: Instrument) -> tuple[Area, ...]:
    return next(p.obligations.areas for p in made.provisions if p.id == "shipping-positions-to-jpn")


def rows(picture: LivePicture, party: str, now_ms: int) -> list[dict[str, Any]]:
    key = ArchiveKey(party, "simulated", SOURCE)
    return picture.archives.read(key, now_ms - 10 * LOOK_BACK_MS, now_ms + LOOK_BACK_MS).to_pylist()


@pytest.fixture(scope="module")
def sea(tmp_path_factory: pytest.TempPathFactory) -> Sea:
    made = Sea("sea", tmp_path_factory.mktemp("sea"))
    traffic = Traffic(7, 120, made.federation.now_ms)
    made.hear(traffic.history(1))
    for _ in range(12):
        made.federation.run(1_000)
        made.hear(traffic.step(made.federation.now_ms))
    made.settle()
    return made


def test_the_partners_picture_is_ours_inside_the_named_waters(sea: Sea) -> None:
    now_ms = sea.federation.now_ms
    ours, theirs = (rows(picture, "ind", now_ms) for picture in sea.pictures)
    areas = waters(sea.navies)
    due = []
    for row in ours:
        place = np.array([row["lat_600000"]]), np.array([row["lon_600000"]])
        cell = cell_name(int(cell_numbers(*place)[0]))
        if row["mmsi"] not in OWN and any(lies_in(cell, area) for area in areas):
            due.append(row)
    assert 0 < len(due) < len(ours)
    assert sorted(map(repr, theirs)) == sorted(map(repr, due))
    shown, total = sea.pictures[1].vessels()
    assert {row.mmsi for row in shown if row.at_ms is not None} == {row["mmsi"] for row in due}
    assert total == len(shown)
    assert all(row.simulated and (row.party, row.source) in {("ind", SOURCE), ("", "")} for row in shown)
    assert any(row.static.get("name") and row.static_by["name"] == f"ind/{SOURCE}" for row in shown)


def test_chunks_outside_the_waters_and_own_units_are_never_on_the_wire(sea: Sea) -> None:
    areas = waters(sea.navies)
    went = stayed = 0
    for said in sea.said:
        chunks = getattr(said.body, "chunks", ())
        for chunk, blob in zip(chunks, said.blobs, strict=True):
            due = not said.own_units and any(lies_in(chunk.cell, area) for area in areas)
            digest = hashlib.sha256(blob).hexdigest()
            assert sea.on_wire(blob) == due
            assert sea.on_wire(digest.encode()) == due
            assert sea.yokosuka.blobs.has(digest) == due
            went, stayed = went + due, stayed + (not due)
    assert went > 0
    assert stayed > 0
    assert any(said.own_units and said.blobs for said in sea.said)
    assert any(said.own_units and not said.blobs for said in sea.said)  # their static data
    assert {row.mmsi for row in sea.pictures[0].vessels()[0]} >= OWN
    assert OWN.isdisjoint(row.mmsi for row in sea.pictures[1].vessels()[0])
    held = dict(sea.delhi.store.query("SELECT reason, count FROM withheld WHERE type = 'maritime.own-unit-batch.v1'"))
    assert set(held) == {"provision:no-own-units-to-jpn"}


def test_every_record_says_that_its_traffic_is_simulated(sea: Sea) -> None:
    for node in (sea.delhi, sea.yokosuka):
        ids = node.store.query("SELECT id FROM record WHERE type LIKE 'maritime.%'")
        held = [load_record(node.store, record_id) for (record_id,) in ids]
        assert held
        assert all(one is not None and one.text("payload/source_kind") == "simulated" for one in held)
    assert sea.pictures[1].vessels(simulated=False) == ([], 0)


def test_latency_is_told_of_live_rows_alone(sea: Sea) -> None:
    taken = sea.pictures[1].latencies_ms()
    assert 0 < len(taken) < sea.pictures[1].counts.partner_positions
    assert all(0 <= each <= 60_000 for each in taken)


def test_a_picture_made_anew_is_the_same(sea: Sea, tmp_path: Path) -> None:
    for node, picture in zip((sea.delhi, sea.yokosuka), sea.pictures, strict=True):
        from_journal = sea.picture(node, tmp_path)
        from_journal.rebuild()
        assert from_journal.vessels() == picture.vessels()
        from_journal.archives.flush()
        again = sea.picture(node, tmp_path)
        assert again.archives.seq > 0
        again.rebuild()
        assert again.vessels() == picture.vessels()


def test_a_box_and_a_limit_say_how_many_there_are(sea: Sea) -> None:
    everyone, total = sea.pictures[0].vessels()
    first, of = sea.pictures[0].vessels(limit=3)
    assert (first, of) == (everyone[:3], total)
    placed = next(row for row in everyone if row.lat_600000 is not None)
    lat, lon = placed.lat_600000 or 0, placed.lon_600000 or 0
    assert placed in sea.pictures[0].vessels(Box(lat, lon, lat, lon))[0]
    assert sea.pictures[0].vessels(Box(-90 * DEGREE, lon, -80 * DEGREE, lon))[1] == 0


def test_a_recalled_batch_leaves_both_pictures(tmp_path: Path) -> None:
    sea = Sea("recall", tmp_path)
    traffic = Traffic(8, 60, sea.federation.now_ms)
    sea.federation.run(15_000)
    ids = sea.hear(traffic.step(sea.federation.now_ms))
    sea.settle()
    before = [picture.vessels()[1] for picture in sea.pictures]
    assert all(before)
    for record_id in ids:
        sea.delhi.do(fx.Act(record_id, "recall", "a receiver's clock was wrong", "officer:1:watch"))
    sea.settle()
    for picture in sea.pictures:
        assert [row for row in picture.vessels()[0] if row.at_ms is not None] == []
        assert rows(picture, "ind", sea.federation.now_ms) == []


def test_events_are_said_once_and_again_when_they_end(tmp_path: Path) -> None:
    sea = Sea("events", tmp_path)
    traffic = Traffic(9, 160, sea.federation.now_ms)
    sea.hear(traffic.history(8))
    sea.settle()
    places = tuple(Port(each.name, *(round(part * DEGREE) for part in each.centre)) for each in ANCHORAGES)
    area = box("strait", south=1 * DEGREE, west=102 * DEGREE, north=4 * DEGREE, east=104 * DEGREE)
    job = sea.detecting(Rules(areas=(area,), ports=places))
    first = job.once()
    assert first
    assert job.once() == []
    found = told(sea.delhi)
    assert [row.to_ms for row in found if row.mmsi == GAP_MMSI and row.kind == "gap"] == [None]
    (met,) = [row for row in found if row.kind == "encounter"]
    assert {met.mmsi, met.other_mmsi} == set(MEETING_MMSI)
    assert met.rule == "kizuna.maritime.thresholds.v2"
    # two of the made-up ships have one number by chance
    assert {row.kind for row in found} == {"gap", "encounter", "area-entry", "port-visit", "identity-clash"}
    evidence = load_record(sea.delhi.store, met.record_id)
    assert evidence is not None
    batches = evidence.disclosed["payload/batches"]
    assert all(load_record(sea.delhi.store, each) is not None for each in batches)
    # the silent ship speaks again: the gap has an end, said once, by a memory made anew too
    sea.federation.run(10_000)
    sea.hear(traffic.step(sea.federation.now_ms))
    sea.settle()
    assert len(sea.detecting(job.rules).once()) >= 1
    assert sea.detecting(job.rules).once() == []
    sea.settle()
    for node in (sea.delhi, sea.yokosuka):
        gaps = [row for row in told(node, standing=False) if row.mmsi == GAP_MMSI and row.kind == "gap"]
        assert sorted((row.to_ms is None, row.stands) for row in gaps) == [(False, True), (True, False)]
    # the partner learns of gaps and encounters, and of an area entry only after its hour
    theirs = {row.kind for row in told(sea.yokosuka)}
    assert theirs == {"gap", "encounter", "port-visit", "identity-clash"}
    assert not any(b"payload/batches" in data for _, _, data in sea.federation.wire)


def told(node: SimNode, *, standing: bool = True) -> list[queries.EventRow]:
    with node.store.view() as db:
        return queries.events(db, standing=standing)


def test_a_feed_that_falls_silent_is_told_to_the_partner(tmp_path: Path) -> None:
    sea = Sea("silent", tmp_path)
    traffic = Traffic(3, 40, sea.federation.now_ms)
    for _ in range(3):
        sea.federation.run(5_000)
        sea.hear(traffic.step(sea.federation.now_ms))
    sea.settle()
    assert [(row.party, row.source, row.state) for row in sea.pictures[1].feeds()] == [("ind", SOURCE, "live")]
    sea.federation.run(90_000)
    sea.hear([])
    sea.settle()
    assert [(row.source, row.state) for row in sea.pictures[1].feeds()] == [(SOURCE, "silent")]
