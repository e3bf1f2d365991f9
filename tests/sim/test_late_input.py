"""The pictures of two nodes stay right when input is late, doubled, out of order or wrong by hours, and a restart goes on where it was."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from kizuna.domains.maritime.traffic import Traffic
from kizuna.formats.nmea_tag import make_tag
from kizuna.node import effects as fx
from kizuna.node.maritime.feeding import drafts, groups
from tests.sim.test_maritime import Sea

HOUR_MS = 3_600_000
BLOCK = 40


def take(sea: Sea, lines: list[bytes]) -> None:
    """Take in lines whatever is wrong with them, and say what they give."""
    now_ms = sea.federation.now_ms
    sea.intake.take(0, b"".join(line.rstrip(b"\r\n") + b"\r\n" for line in lines), now_ms)
    for group in groups(sea.intake.flush(now_ms)):
        sea.delhi.do(fx.Say(drafts(group, sea.label)))


def shown(sea: Sea) -> list[dict[int, Any]]:
    """Return where each picture has each vessel, and when it was there."""
    return [
        {row.mmsi: (row.at_ms, row.lat_600000, row.lon_600000) for row in picture.vessels()[0] if row.at_ms is not None}
        for picture in sea.pictures
    ]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[bytes], list[dict[int, Any]]]:
    sea = Sea("late", tmp_path_factory.mktemp("clean"))
    told = list(Traffic(11, 60, sea.federation.now_ms).history(1))
    take(sea, told)
    sea.settle()
    return told, shown(sea)


@pytest.mark.parametrize("seed", [1, 2])
def test_late_doubled_and_disordered_input_gives_the_same_pictures(
    clean: tuple[list[bytes], list[dict[int, Any]]], tmp_path: Path, seed: int
) -> None:
    told, wanted = clean
    rng = Random(seed)
    sea = Sea("late", tmp_path)
    blocks = [told[at : at + BLOCK] for at in range(0, len(told), BLOCK)]
    blocks += rng.sample(blocks, len(blocks) // 2)
    rng.shuffle(blocks)
    half = len(blocks) // 2
    for block in blocks[:half]:
        take(sea, block)
        sea.federation.run(500)
    sea.settle()
    sea.federation.run(2 * HOUR_MS)
    for block in blocks[half:]:
        take(sea, block)
    sea.settle()
    assert shown(sea) == wanted
    for picture, folder in zip(sea.pictures, ("a", "b"), strict=True):
        node = sea.delhi if folder == "a" else sea.yokosuka
        again = sea.picture(node, tmp_path / folder)
        again.rebuild()
        assert again.vessels() == picture.vessels()


def test_a_receiver_whose_clock_is_wrong_by_hours_moves_no_vessel_into_the_future(
    clean: tuple[list[bytes], list[dict[int, Any]]], tmp_path: Path
) -> None:
    told, wanted = clean
    sea = Sea("late", tmp_path)
    take(sea, told)
    bare = [line[line.index(b"!") :] for line in told[: 4 * BLOCK]]
    now_ms = sea.federation.now_ms
    behind = [make_tag(received_ms=now_ms - 5 * HOUR_MS, station="slow") + line for line in bare]
    take(sea, behind)
    sea.settle()
    assert shown(sea) == wanted, "what was heard hours ago wins over nothing newer"
    ahead = [make_tag(received_ms=sea.federation.now_ms + 5 * HOUR_MS, station="fast") + line for line in bare]
    take(sea, ahead)
    sea.settle()
    latest = sea.federation.now_ms
    for picture in shown(sea):
        assert all(at_ms <= latest for at_ms, _, _ in picture.values())
    assert sea.intake.status(latest).times_replaced > 0
