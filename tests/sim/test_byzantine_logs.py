"""A partner whose log or answers lie: its own channel stops, or is asked again later; nobody else notices."""

from __future__ import annotations

import pytest

from kizuna.kernel import note, sign
from kizuna.sim.lies import ANSWERS, LOGS, Lie, fork_its_log
from tests.sim.byzantine import stands, trap
from tests.sim.world import NoteSaid, notes


@pytest.mark.parametrize("lie", LOGS, ids=lambda lie: lie.__name__)
def test_a_broken_log_stops_that_channel_alone_and_tells_security(lie: Lie) -> None:
    federation, victim, honest, evil = trap(lie.__name__)
    evil.say("before")
    federation.run(10_000)
    before = notes(victim)
    held = evil.codes()
    lie(evil)
    pulls = evil.pulls
    federation.run(60_000)
    assert evil.stopped()[0] == "fork"
    assert victim.alerts.count("fork") == 1
    assert evil.pulls <= pulls + 3
    evil.epoch = 0
    assert evil.codes() == held
    assert notes(victim) == before
    stands(federation, victim, honest, evil, stopped=True)


def test_evidence_of_a_fork_is_kept() -> None:
    federation, victim, _, evil = trap("evidence")
    evil.say("before")
    federation.run(10_000)
    fork_its_log(evil)
    federation.run(10_000)
    bodies = [
        bytes(body)
        for (body,) in victim.store.query(
            "SELECT b.body FROM alert a JOIN journal_body b ON b.seq = a.seq WHERE a.kind = 'fork'"
        )
    ]
    assert len(bodies) == 1
    checkpoint = note.open_checkpoint(bodies[0], f"{evil.channel}/0", evil.keys[sign.Purpose.CHECKPOINT].public)
    assert checkpoint.root == evil.tree.root()


@pytest.mark.parametrize("lie", ANSWERS, ids=lambda lie: lie.__name__)
def test_answers_that_do_not_fit_are_passed_over_without_haste(lie: Lie) -> None:
    federation, victim, honest, evil = trap(lie.__name__)
    evil.say("before")
    federation.run(10_000)
    pulls, wire_before = evil.pulls, len(federation.wire)
    lie(evil)
    federation.run(60_000)
    assert evil.pulls - pulls < 200  # it asks again, and no faster than a few times a second
    assert len(federation.wire) - wire_before < 1000
    assert evil.stopped() == ("", "")
    evil.answers = evil.answer
    federation.run(60_000)
    stands(federation, victim, honest, evil)


def test_a_withheld_body_is_a_stub_and_says_so() -> None:
    federation, victim, honest, evil = trap("stub")
    index = evil.add(evil.issue(NoteSaid(text="held back", source="y")).bytes(evil.names()), shown=b"")
    federation.run(30_000)
    assert any(index in receipt.stubs for receipt in evil.receipts)
    assert "held back" not in notes(victim)
    stands(federation, victim, honest, evil)
