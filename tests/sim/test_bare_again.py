"""What a restore lost may not be handed over when its reader asks for it again: it comes once it may."""

from __future__ import annotations

from kizuna.kernel.instrument import Instrument
from kizuna.sim.federation import Federation, SimNode
from kizuna.sim.partnership import resume
from tests.sim.test_after_restore import backup_of, codes, restored, say
from tests.sim.world import notes, pair, suspend


def test_what_a_restored_reader_lost_comes_when_the_suspension_ends() -> None:
    """India suspends the agreement; then Japan's node goes back to before a note of hers."""
    federation, delhi, yokosuka, made = pair("lost and suspended")
    before = backup_of(yokosuka)
    said = say(delhi, "held once")
    federation.run(10_000)
    assert notes(yokosuka) == {"held once"}
    suspended = suspend(delhi, made)
    restored(yokosuka, before)
    it_comes(federation, delhi, yokosuka, said, made, suspended)


def test_a_receipt_that_a_restored_reader_gave_before_does_not_hide_what_it_lost() -> None:
    """It is under way while the reader goes back, and arrives after what it speaks of was served again without its body."""
    federation, delhi, yokosuka, made = pair("late receipt")
    before = backup_of(yokosuka)
    federation.weather.delay_ms = (3_000, 3_010)
    said = say(delhi, "held once")
    federation.run(5_900)  # the answer took three seconds, and the receipt needs three more
    assert notes(yokosuka) == {"held once"}
    suspended = suspend(delhi, made)
    federation.weather.delay_ms = (1, 5)
    restored(yokosuka, before)
    out = delhi.core.world.out_channel(yokosuka.name)
    while not out.bare:
        federation.run(1)
    assert out.receipted == 1, "the receipt has not come yet"
    federation.weather.delay_ms = (3_000, 3_010)
    federation.run(3_000)
    federation.weather.delay_ms = (1, 40)
    it_comes(federation, delhi, yokosuka, said, made, suspended)


def it_comes(
    federation: Federation, delhi: SimNode, yokosuka: SimNode, said: str, made: Instrument, suspended: str
) -> None:
    federation.run(60_000)
    assert notes(yokosuka) == set()
    assert delhi.store.query("SELECT item FROM outbox WHERE kind = 'record'") == [(said,)], "it waits, and says so"
    resume(delhi, made, suspended)
    say(delhi, "new")
    federation.run(120_000)
    assert notes(yokosuka) == {"held once", "new"}
    assert codes(yokosuka) == {""}
    assert delhi.store.query("SELECT COUNT(*) FROM outbox") == [(0,)]


def test_what_stays_denied_waits_and_fills_no_journal() -> None:
    federation, delhi, yokosuka, made = pair("lost, and stays denied")
    before = backup_of(yokosuka)
    say(delhi, "held once")
    federation.run(10_000)
    suspend(delhi, made)
    for _ in range(3):
        restored(yokosuka, before)
        federation.run(60_000)
    queued = [stored for stored in delhi.store.read(1, 10_000) if stored.entry.kind == "queued"]
    assert len(queued) == 1
    assert delhi.store.query("SELECT COUNT(*) FROM leaf_out WHERE kind = 'record'") == [(1,)]
