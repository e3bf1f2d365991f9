"""Small federations on a simulated clock, network and disk: the seam is real, and the promises hold under weather."""

from __future__ import annotations

from contextlib import suppress

import pytest

from kizuna.node import effects as fx
from kizuna.sim.disk import PowerLossError
from kizuna.sim.federation import Federation, Weather
from tests.sim.world import DOMAINS, arrangement, note, notes, pair, sides, sign_instrument, suspend


def test_a_note_crosses_and_is_receipted() -> None:
    federation, delhi, yokosuka, _ = pair(1)
    said = delhi.do(fx.Say((note("two ships meet", "ind", "jpn"),)))[0]
    assert said.due
    federation.run(5_000)
    assert notes(yokosuka) == {"two ships meet"}
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert delhi.alerts == yokosuka.alerts == []


def test_what_no_clause_permits_stays_and_says_why() -> None:
    federation, delhi, yokosuka, _ = pair(2)
    for draft, reason in (
        (note("too high", "ind", "jpn", level=3), "level"),
        (note("not for them", "ind"), "releasability"),
    ):
        said = delhi.do(fx.Say((draft,)))[0]
        assert said.due == ()
        assert said.held == (("jpn", reason),)
    federation.run(10_000)
    assert notes(yokosuka) == set()
    assert not any(b"too high" in data or b"not for them" in data for _, _, data in federation.wire)


def test_what_a_provision_does_not_name_stays_closed() -> None:
    federation, delhi, _yokosuka, _ = pair(3)
    delhi.do(fx.Say((note("shown", "ind", "jpn", source="canary-agent-7"),)))
    federation.run(5_000)
    assert any(b"shown" in data for _, _, data in federation.wire)
    assert not any(b"canary-agent-7" in data for _, _, data in federation.wire)


def test_before_both_have_signed_nothing_flows() -> None:
    federation = Federation(4)
    delhi, yokosuka = federation.add("ind/delhi", DOMAINS), federation.add("jpn/yokosuka", DOMAINS)
    federation.introduce(delhi, yokosuka)
    made = arrangement("ind", "jpn")
    sign_instrument(delhi, made)
    federation.run(5_000)
    delhi.do(fx.Say((note("too early", "ind", "jpn"),)))
    federation.run(5_000)
    assert notes(yokosuka) == set()
    sign_instrument(yokosuka, made)
    federation.run(10_000)
    delhi.do(fx.Say((note("now", "ind", "jpn"),)))
    federation.run(5_000)
    assert "now" in notes(yokosuka)


def test_suspension_stops_what_waits_and_leaves_no_hole() -> None:
    federation, delhi, yokosuka, made = pair(5)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    delhi.do(fx.Say((note("waits", "ind", "jpn"),)))
    suspend(delhi, made)
    federation.run(30_000)
    federation.weather.cut.clear()
    federation.run(60_000)
    assert notes(yokosuka) == set()
    out, read = sides(delhi, yokosuka)
    assert out == read


def test_halt_stops_everything_at_once() -> None:
    federation, delhi, yokosuka, _ = pair(6)
    delhi.do(fx.Halt(on=True, actor="officer:2:security", reason="exercise"))
    delhi.do(fx.Say((note("held by the halt", "ind", "jpn"),)))
    federation.run(30_000)
    assert notes(yokosuka) == set()
    delhi.do(fx.Halt(on=False, actor="officer:2:security", reason="over"))
    federation.run(30_000)
    assert notes(yokosuka) == {"held by the halt"}


def test_the_same_seed_gives_the_same_trace() -> None:
    traces = []
    for _ in range(2):
        federation, delhi, _, _ = pair("twin", weather=Weather(loss=0.1, twice=0.1, delay_ms=(1, 2_000)))
        for number in range(10):
            delhi.do(fx.Say((note(f"note {number}", "ind", "jpn"),)))
            federation.run(500)
        federation.run(60_000)
        traces.append(federation.trace.hexdigest())
    assert traces[0] == traces[1]


@pytest.mark.parametrize("seed", range(6))
def test_weather_and_power_loss_lose_nothing_and_double_nothing(seed: int) -> None:
    weather = Weather(loss=0.15, twice=0.2, delay_ms=(1, 1_500))
    federation, delhi, yokosuka, _ = pair(f"storm-{seed}", weather=weather)
    for number in range(40):
        for node, party, other in ((delhi, "ind", "jpn"), (yokosuka, "jpn", "ind")):
            if federation.rng.random() < 0.2:
                node.disk.fail_at = node.disk.steps + federation.rng.randint(1, 30)
            with suppress(PowerLossError):  # what the node died of was not acknowledged
                node.do(fx.Say((note(f"{party} note {number}", party, other),)))
        federation.run(federation.rng.randint(10, 2_000))
    federation.weather.loss = federation.weather.twice = 0.0
    delhi.disk.fail_at = yokosuka.disk.fail_at = None
    federation.run(180_000)
    assert delhi.crashes + yokosuka.crashes > 0
    for writer, reader, party in ((delhi, yokosuka, "ind"), (yokosuka, delhi, "jpn")):
        out, read = sides(writer, reader)
        assert out == read
        held = {row[0] for row in reader.store.query("SELECT record_id FROM note WHERE issuer = ?", (party,))}
        assert set(writer.acknowledged) & {row[0] for row in writer.store.query("SELECT record_id FROM note")} <= held
        assert set(writer.acknowledged) <= {row[0] for row in writer.store.query("SELECT id FROM record")}
        assert reader.store.query("SELECT COUNT(*) - COUNT(DISTINCT record_id) FROM note") == [(0,)]
        assert writer.store.verify().findings == ()
        assert "fork" not in writer.alerts
