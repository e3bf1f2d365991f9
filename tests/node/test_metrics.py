"""Figures for monitoring, without a word of content."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kizuna.node import effects as fx
from kizuna.node.metrics import Health, Metrics, disk_space, reason_word
from tests.web.harness import note, partnership, secret, until

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
CANARY = "canary-41c0"


def health(**changes: object) -> Health:
    values: dict[str, object] = {
        "halted": False,
        "clock_in_doubt": False,
        "core_stopped": False,
        "certificate_ends_ms": NOW_MS + 100 * DAY_MS,
        "disk_free_bytes": 50 << 30,
        "disk_total_bytes": 100 << 30,
        "now_ms": NOW_MS,
    }
    return Health(**(values | changes))  # type: ignore[arg-type] # tests name what they change


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"certificate_ends_ms": NOW_MS + 30 * DAY_MS}, []),
        ({"certificate_ends_ms": NOW_MS + 30 * DAY_MS - 1}, ["certificate"]),
        ({"certificate_ends_ms": NOW_MS - 1}, ["certificate"]),
        ({"disk_free_bytes": 5 << 30}, []),
        ({"disk_free_bytes": (5 << 30) - 1}, ["disk"]),
        ({"disk_free_bytes": (1 << 30) - 1, "disk_total_bytes": 2 << 30}, ["disk"]),
        ({"clock_in_doubt": True}, ["clock"]),
        ({"halted": True, "core_stopped": True}, ["core-stopped", "halted"]),
    ],
)
def test_warnings_come_at_their_thresholds(changes: dict[str, object], codes: list[str]) -> None:
    assert [code for code, _ in health(**changes).warnings] == codes


def test_a_reason_names_no_clause() -> None:
    assert reason_word("provision:secret-name") == "provision"
    assert reason_word("level") == "level"
    assert reason_word("bad-signature") == "bad-signature"
    assert reason_word(CANARY) == "other"


def test_a_disk_has_space(tmp_path: Path) -> None:
    free, total = disk_space(tmp_path)
    assert 0 < free <= total


def test_an_exchange_shows_in_figures_and_its_content_does_not(tmp_path: Path) -> None:
    async def story() -> tuple[str, str]:
        one, other = await partnership(tmp_path)
        figures = [Metrics(node.store, health) for node in (one, other)]
        one.runner.observe(figures[0].count)
        other.runner.observe(figures[1].count)
        await one.do(fx.Say((note(CANARY, "ind", "ind", "jpn"), note(CANARY, "ind", "ind"), secret(CANARY, "ind"))))
        await until(lambda: other.notes() == {CANARY})
        await until(lambda: one.store.query("SELECT 1 FROM channel_out WHERE size = receipted"))
        texts = tuple(each.text().decode() for each in figures)
        await one.stop()
        await other.stop()
        return texts[0], texts[1]

    sent, received = asyncio.run(story())
    for line in (
        'kizuna_channel_released{partner="jpn/yokosuka"} 2.0',
        'kizuna_channel_receipted{partner="jpn/yokosuka"} 2.0',
        'kizuna_channel_due{partner="jpn/yokosuka"} 0.0',
        'kizuna_withheld{reason="releasability"} 1.0',
        'kizuna_entries_committed_total{kind="record"} 3.0',
        "kizuna_halted 0.0",
        "kizuna_certificate_days 100.0",
    ):
        assert line in sent
    assert 'kizuna_channel_received{partner="ind/delhi"} 2.0' in received
    assert CANARY not in sent + received
