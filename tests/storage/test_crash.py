"""Power losses under the real SQLite store: what was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import pytest

from kizuna.sim import crashes

CASES = 1_000


def test_a_power_loss_at_any_step_loses_nothing_acknowledged() -> None:
    found = [crashes.case(seed) for seed in range(CASES)]
    assert [wrong for _, wrong in found if wrong] == []
    # The cases must have crashed before, amid and after the work.
    assert {0, 1, crashes.COMMITS // 2, crashes.COMMITS} <= {acknowledged for acknowledged, _ in found}


def test_the_disk_would_show_a_store_that_does_not_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness can fail: with flushes ignored, acknowledged entries do get lost."""
    monkeypatch.setattr("kizuna.sim.disk._File.flush", lambda file: None)
    assert sum(bool(wrong) for _, wrong in map(crashes.case, range(40))) > 10


def test_the_same_seed_crashes_the_same_way() -> None:
    assert [crashes.case(seed) for seed in range(30)] == [crashes.case(seed) for seed in range(30)]
