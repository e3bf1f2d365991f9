"""A plug that stands for a partner is given what the partner's channel is, decided by the same code, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from kizuna.domains.maritime.records import POSITION_BATCH, STATIC_REPORTED
from kizuna.domains.maritime.rules import cell_name, cell_numbers, lies_in
from kizuna.domains.maritime.traffic import Traffic
from kizuna.formats.ogc_features import Ask
from kizuna.formats.positions_arrow import values_of
from kizuna.kernel.instrument import Obligations
from kizuna.kernel.label import Grade
from kizuna.kernel.record import Record
from kizuna.node import effects as fx
from kizuna.node.acts.handing import handed
from kizuna.node.held.facts import load_record
from kizuna.node.plug_settings import Plug
from kizuna.node.plugs import showing as showings
from kizuna.node.plugs.forms import Nmea, Told
from kizuna.node.plugs.plugging import Plugging, rules_of
from kizuna.node.plugs.recipients import Gate, Recipient
from kizuna.node.plugs.showing import Positions, Showing
from kizuna.sim.federation import Federation, SimNode
from tests.sim.test_maritime import OWN, Sea, SimClock, SimDoer, waters
from tests.sim.test_positions import BENGAL, exchange
from tests.sim.world import suspend

JAPAN = Recipient(name="coast-guard", party="jpn", purpose="maritime-domain-awareness", simulated=True)


def held_by(node: SimNode, prefix: str = "maritime.") -> list[Record]:
    ids = node.store.query("SELECT id FROM record WHERE type LIKE ? ORDER BY seq", (f"{prefix}%",))
    found = [load_record(node.store, record_id) for (record_id,) in ids]
    return [held for held in found if held is not None]


@pytest.fixture(scope="module")
def sea(tmp_path_factory: pytest.TempPathFactory) -> Sea:
    made = Sea("plugs", tmp_path_factory.mktemp("plugs"))
    traffic = Traffic(7, 80, made.federation.now_ms)
    made.hear(traffic.history(1))
    for _ in range(5):
        made.federation.run(1_000)
        made.hear(traffic.step(made.federation.now_ms))
    made.settle()
    return made


def test_a_partners_plug_is_given_what_its_channel_is(sea: Sea) -> None:
    now_ms, node = sea.federation.now_ms, sea.delhi
    gate = Gate(rules_of(node.core.world), JAPAN)
    ours, tables, statics = held_by(node), [], 0
    assert {POSITION_BATCH, STATIC_REPORTED} <= {held.clear.type for held in ours}
    for held in ours:
        given = gate.rule(held, now_ms)
        theirs = load_record(sea.yokosuka.store, held.id)
        assert given.permit is (theirs is not None), held.clear.type
        assert given.names == (frozenset() if theirs is None else frozenset(theirs.disclosures))
        if given.permit and held.clear.type == POSITION_BATCH:
            tables.append(gate.positions(held, given))
        if given.permit and held.clear.type == STATIC_REPORTED:
            statics += 1
            assert "beam_m" not in gate.said(held, given), "no clause names it"
    shown = pa.concat_tables(tables)
    cells = {
        cell_name(int(each)) for each in cell_numbers(*(values_of(shown, n)[0] for n in ("lat_600000", "lon_600000")))
    }
    assert shown.num_rows > 100
    assert statics > 10
    assert all(any(lies_in(cell, area) for area in waters(sea.navies)) for cell in cells)
    assert OWN.isdisjoint(values_of(shown, "mmsi")[0].tolist())


def test_whatever_is_not_set_or_not_so_denies(sea: Sea) -> None:
    now_ms, rules = sea.federation.now_ms, rules_of(sea.delhi.core.world)
    gate = Gate(rules, JAPAN)
    went = next(held for held in held_by(sea.delhi) if gate.rule(held, now_ms).permit)
    for more, why in (
        ({"purpose": ""}, "unset"),
        ({"purpose": "trade"}, "purpose"),
        ({"party": "aus"}, "no-instrument"),
        ({"simulated": False}, "simulated"),
        ({"exercise": "malabar-2026"}, "exercise"),
        ({"party": "own"}, "unset"),
        ({"party": "own", "clearance": 0}, "unset"),
        ({"party": "own", "clearance": 0, "nationality": "aus"}, "releasability"),
        ({"party": "own", "clearance": 0, "nationality": "jpn", "purpose": "trade"}, "purpose"),
        ({"party": "own", "clearance": 0, "nationality": "jpn"}, "permits"),
    ):
        told = {name: getattr(JAPAN, name) for name in ("name", "party", "purpose", "simulated")} | more
        asked = Gate(rules, Recipient(**told))  # type: ignore[arg-type] # settings of several kinds
        given = asked.rule(went, now_ms)
        assert (given.permit, given.reason) == (why == "permits", why)
        assert asked.explain(went, given, now_ms)[0].endswith(".")
        assert given.permit or not given.names


def test_a_halt_and_a_withdrawal_hold_at_once(tmp_path: Path) -> None:
    sea = Sea("plug-halt", tmp_path)
    sea.federation.run(15_000)
    sea.hear(Traffic(8, 60, sea.federation.now_ms - 10_000).step(sea.federation.now_ms))
    gate = Gate(rules_of(sea.delhi.core.world), JAPAN)
    now_ms = sea.federation.now_ms
    went = next(held for held in held_by(sea.delhi) if gate.rule(held, now_ms).permit)
    sea.delhi.do(fx.Halt(on=True, actor="officer:1:security", reason="drill"))
    assert gate.rule(went, now_ms).reason == "halted"
    sea.delhi.do(fx.Halt(on=False, actor="officer:1:security", reason="drill is over"))
    assert gate.rule(went, now_ms).permit
    sea.delhi.do(fx.Act(went.id, "retract", "a receiver's clock was wrong", "officer:1:watch"))
    assert gate.rule(went, now_ms).reason == "withdrawn"


def test_what_a_clause_lets_go_only_coarser_is_given_coarser_and_late() -> None:
    step = 60_000
    duties = Obligations(areas=(BENGAL,), coarsen_600000=step, time_step_ms=60_000, drop_fields=("speed_dkn",))
    federation, delhi, _, _ = exchange("coarse-plug", duties)
    (exact,) = [held for held in held_by(delhi, POSITION_BATCH) if "payload/place_step_600000" not in held.disclosed]
    gate = Gate(rules_of(delhi.core.world), Recipient(name="chart", party="jpn", purpose="coordination"))
    given = gate.rule(exact, federation.now_ms)
    rows = gate.positions(exact, given).to_pylist()
    assert given.permit
    assert "as coarse as the clause asks" in gate.explain(exact, given, federation.now_ms)[0]
    (row,) = rows
    assert row["mmsi"] == 419_000_001, "the other ship is outside the waters"
    assert row["lat_600000"] % step == row["lon_600000"] % step == row["time_ms"] % 60_000 == 0
    assert row["speed_dkn"] is None
    (line,) = Nmea().positions(gate.positions(exact, given), Told(issuer="ind", source=""))
    assert b"s:ind,c:" in line

    held_back = Obligations(areas=(BENGAL,), delay_ms=3_600_000)
    federation, delhi, _, _ = exchange("late-plug", held_back)
    gate = Gate(rules_of(delhi.core.world), Recipient(name="chart", party="jpn", purpose="coordination"))
    (exact,) = held_by(delhi, POSITION_BATCH)
    given = gate.rule(exact, federation.now_ms)
    assert not given.permit
    assert given.not_before_ms == (exact.at_ms or 0) + 3_600_000
    assert gate.rule(exact, given.not_before_ms).permit


def asked(party: str = "jpn") -> tuple[Plug, ...]:
    return (Plug(name="gis", kind="ogc", party=party, officer="gis", purpose="coordination"),)


class Shown:
    """A plug that is asked, of one node of a federation, without threads."""

    def __init__(self, federation: Federation, node: SimNode) -> None:
        self.federation = federation
        self.plugging = Plugging(SimDoer(node), node.core.world, asked(), SimClock(federation))
        self.showing = Showing(node.store, "ind", (), Grade("ind.desk.v1", 0))

    @property
    def held(self) -> Positions:
        (plug,) = self.plugging.plugs
        assert plug.positions is not None
        return plug.positions

    def ships(self) -> list[int]:
        """Return the vessels that are shown now."""
        (plug,) = self.plugging.plugs
        now_ms = self.federation.now_ms
        return [int(each.id) for each in self.showing.vessels(plug.gate, self.held, Ask(), now_ms, plug.count).found]

    def rows(self) -> int:
        return self.held.rows(self.federation.now_ms)[0].num_rows


def test_what_is_asked_for_follows_the_agreement_at_each_request() -> None:
    federation, delhi, _, _ = exchange("asked-plug", Obligations(areas=(BENGAL,)))
    shown = Shown(federation, delhi)
    shown.plugging.catch_up()
    assert shown.ships() == [419_000_001], "the other ship is outside the waters"
    (made,) = delhi.core.world.agreements
    suspend(delhi, made.instrument)
    assert shown.rows() > 0
    assert shown.ships() == [], "though its rows are still held"
    shown.plugging.catch_up()
    assert shown.rows() == 0


def test_what_came_while_releases_were_halted_is_there_once_they_go_on() -> None:
    federation, delhi, _, _ = exchange("halted-plug", Obligations(areas=(BENGAL,)))
    shown = Shown(federation, delhi)
    delhi.do(fx.Halt(on=True, actor="officer:1:security", reason="drill"))
    shown.plugging.catch_up()
    assert (shown.rows(), shown.ships()) == (0, [])
    delhi.do(fx.Halt(on=False, actor="officer:1:security", reason="over"))
    shown.plugging.catch_up()
    assert shown.ships() == [419_000_001]


def test_a_delay_is_waited_for_and_then_the_rows_are_there() -> None:
    federation, delhi, _, _ = exchange("delayed-plug", Obligations(areas=(BENGAL,), delay_ms=3_600_000))
    shown = Shown(federation, delhi)
    shown.plugging.catch_up()
    assert shown.ships() == []
    federation.run(3_570_000)
    shown.plugging.catch_up()
    assert shown.ships() == []
    federation.run(40_000)
    shown.plugging.catch_up()
    assert shown.ships() == [419_000_001]


def test_the_account_is_journalled_and_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    federation, delhi, _, _ = exchange("counted-plug", Obligations(areas=(BENGAL,)))
    shown = Shown(federation, delhi)
    shown.plugging.catch_up()
    shown.ships()
    federation.run(61_000)
    shown.plugging.catch_up()
    with delhi.store.view() as db:
        (row,) = handed(db)
    assert (row.plug, row.party, row.permit, row.reason) == ("gis", "jpn", True, "provision:notes-ind-jpn")

    monkeypatch.setattr(showings, "MOST_ROWS", 40)
    held = Positions()
    (exact,) = held_by(delhi, POSITION_BATCH)
    gate = Gate(rules_of(delhi.core.world), Recipient(name="gis", party="jpn", purpose="coordination"))
    given = gate.rule(exact, federation.now_ms)
    for number in range(200):
        held.add(f"{number}", given, gate.positions(exact, given))
    table, batches = held.rows(federation.now_ms)
    assert 30 <= table.num_rows <= 40
    assert {batches[number][0] for number in values_of(table, "batch")[0].tolist()} <= {f"{n}" for n in range(150, 200)}
    assert len(batches) <= 41
