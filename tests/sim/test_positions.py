"""Positions under an arrangement: by whole chunk, or coarser as the releaser's own claim; nothing finer ever leaves."""

from __future__ import annotations

import hashlib

from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.maritime import DOMAIN as MARITIME
from kizuna.domains.maritime.operations import cut_batches
from kizuna.domains.maritime.records import PositionBatch
from kizuna.formats.ais import PositionReport
from kizuna.formats.positions_arrow import from_reports, parse_ipc, values_of
from kizuna.kernel.explain import explain
from kizuna.kernel.instrument import Area, Obligations
from kizuna.kernel.label import label
from kizuna.kernel.record import body_of
from kizuna.node import effects as fx
from kizuna.node.channel.releasing import header_of
from kizuna.node.held.facts import load_record
from kizuna.sim.federation import Federation, SimNode
from tests.sim.world import POLICY, arrangement, provision, sides, sign_instrument

DEGREE = 600_000
BENGAL = Area(south_600000=5 * DEGREE, west_600000=80 * DEGREE, north_600000=20 * DEGREE, east_600000=95 * DEGREE)


def report(mmsi: int, lat: float, lon: float, at_ms: int) -> PositionReport:
    return PositionReport(
        mmsi=mmsi,
        msg_type=1,
        received_ms=at_ms,
        lon_600000=round(lon * DEGREE),
        lat_600000=round(lat * DEGREE),
        speed_dkn=101,
        course_ddeg=900,
        heading_deg=90,
        nav_status=0,
        station="",
    )


def exchange(seed: str, obligations: Obligations) -> tuple[Federation, SimNode, SimNode, list[bytes]]:
    federation = Federation(seed)
    delhi = federation.add("ind/delhi", (INSTRUMENTS, MARITIME))
    yokosuka = federation.add("jpn/yokosuka", (INSTRUMENTS, MARITIME))
    federation.introduce(delhi, yokosuka)
    fields = (
        "window_from_ms",
        "window_to_ms",
        "source",
        "source_kind",
        "chunks",
        "row_count",
        "place_step_600000",
        "time_step_ms",
    )
    clause = provision(
        "ind",
        "jpn",
        record_types=("maritime.position-batch.v1",),
        discloses=fields,
        obligations=obligations,
        lane="bulk",
    )
    made = arrangement("ind", "jpn", clause)
    sign_instrument(delhi, made)
    sign_instrument(yokosuka, made)
    federation.run(10_000)
    now_ms = federation.now_ms
    reports = [report(419_000_001, 10.12345, 90.54321, now_ms), report(419_000_002, 18.9, 72.8, now_ms)]
    statements = cut_batches(from_reports(reports, received_ms=now_ms), source="station-1", source_kind="live")
    own = label(POLICY, 0, originator="ind", releasable_to=("jpn",), purposes=("coordination",))
    drafts = tuple(
        fx.Draft(said.type, said.body, own, "system:feed", subject=said.subject, blobs=said.blobs)
        for said in statements
    )
    delhi.do(fx.Say(drafts))
    federation.run(20_000)
    assert sides(delhi, yokosuka)[0] == sides(delhi, yokosuka)[1]
    return federation, delhi, yokosuka, [blob for said in statements for blob in said.blobs]


def received(node: SimNode) -> list[PositionBatch]:
    ids = node.store.query("SELECT id FROM record WHERE own = 0 AND type = 'maritime.position-batch.v1' ORDER BY id")
    found = [load_record(node.store, record_id) for (record_id,) in ids]
    return [body_of(held, PositionBatch) for held in found if held is not None]


def test_a_chunk_outside_the_waters_of_the_arrangement_stays_home() -> None:
    federation, delhi, yokosuka, blobs = exchange("chunks", Obligations(areas=(BENGAL,)))
    (batch,) = received(yokosuka)
    assert isinstance(batch.chunks, tuple)
    assert [chunk.cell for chunk in batch.chunks] == ["N10E090"]
    crossed = [blob for blob in blobs if any(blob in data for _, _, data in federation.wire)]
    assert [parse_ipc(blob).num_rows for blob in crossed] == [1]
    assert hashlib.sha256(crossed[0]).hexdigest() == batch.chunks[0].blob.sha256
    assert yokosuka.blobs.has(batch.chunks[0].blob.sha256)
    held = delhi.store.query("SELECT reason, count FROM withheld WHERE type = 'maritime.position-batch.v1'")
    assert held == [("provision:notes-ind-jpn", 1)]


def test_where_a_clause_asks_for_coarser_positions_a_derived_batch_goes_and_says_so() -> None:
    step = DEGREE // 10
    duties = Obligations(areas=(BENGAL,), coarsen_600000=step, time_step_ms=60_000)
    federation, delhi, yokosuka, blobs = exchange("coarse", duties)
    (batch,) = received(yokosuka)
    assert (batch.place_step_600000, batch.time_step_ms) == (step, 60_000)
    assert isinstance(batch.chunks, tuple)
    table = parse_ipc(yokosuka.blobs.get(batch.chunks[0].blob.sha256))
    assert values_of(table, "lat_600000")[0].tolist() == [101 * step]
    assert values_of(table, "lon_600000")[0].tolist() == [905 * step]
    assert not any(blob in data for blob in blobs for _, _, data in federation.wire)
    source = delhi.store.query(
        "SELECT id FROM record WHERE own = 1 AND type = 'maritime.position-batch.v1' ORDER BY seq LIMIT 1"
    )
    assert not any(source[0][0].encode() in data for _, _, data in federation.wire)


def test_the_explanation_of_a_batch_that_stays_names_the_clause_that_holds_it() -> None:
    elsewhere = Area(south_600000=0, west_600000=0, north_600000=DEGREE, east_600000=DEGREE)
    _, delhi, yokosuka, _ = exchange("elsewhere", Obligations(areas=(elsewhere,)))
    assert received(yokosuka) == []
    ((record_id,),) = delhi.store.query("SELECT id FROM record WHERE type = 'maritime.position-batch.v1'")
    held = load_record(delhi.store, record_id)
    assert held is not None
    releaser = delhi.core.world.releaser
    ruling = releaser.rule(held, "jpn", delhi.now_ms)
    said = explain(releaser.index, header_of(held), "jpn", delhi.now_ms, ruled=ruling.decision)
    assert not said.permit
    assert said.reason == "provision:notes-ind-jpn"
    assert "holds" in said.sentence
