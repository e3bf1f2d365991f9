"""The high-water mark against a node restored from an old backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kizuna.errors import ConfigError, ForkError, JournalCorruptError
from kizuna.kernel import canonical
from kizuna.storage.highwater import HighWater, Mark

if TYPE_CHECKING:
    from pathlib import Path

ROOT_A, ROOT_B = b"\x0a" * 32, b"\x0b" * 32


def test_a_mark_rises_and_is_there_after_a_restart(tmp_path: Path) -> None:
    marks = HighWater(tmp_path / "marks.json")
    assert marks.get("ind/a>jpn/b") is None
    marks.raise_to("ind/a>jpn/b", 1, 5, ROOT_A)
    marks.raise_to("ind/a>jpn/b", 1, 5, ROOT_A)
    marks.raise_to("ind/a>aus/c", 1, 0, ROOT_A)
    marks.raise_to("ind/a>jpn/b", 2, 0, ROOT_B)
    again = HighWater(tmp_path / "marks.json")
    assert again.get("ind/a>jpn/b") == Mark(epoch=2, root=canonical.b64(ROOT_B), size=0)
    assert again.get("ind/a>aus/c") == Mark(epoch=1, root=canonical.b64(ROOT_A), size=0)


@pytest.mark.parametrize(("epoch", "size", "root"), [(2, 4, ROOT_A), (1, 99, ROOT_A), (2, 5, ROOT_B)])
def test_a_head_behind_the_mark_or_beside_it_is_a_fork(tmp_path: Path, epoch: int, size: int, root: bytes) -> None:
    marks = HighWater(tmp_path / "marks.json")
    marks.raise_to("c", 2, 5, ROOT_A)
    with pytest.raises(ForkError, match="old backup"):
        marks.raise_to("c", epoch, size, root)
    assert HighWater(tmp_path / "marks.json").get("c") == Mark(epoch=2, root=canonical.b64(ROOT_A), size=5)


@pytest.mark.parametrize("content", [b"", b"{", b'{"c":{"epoch":1,"size":5}}', b'{"c": {}}'])
def test_a_damaged_file_stops_the_node(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "marks.json").write_bytes(content)
    with pytest.raises(JournalCorruptError, match="do not sign"):
        HighWater(tmp_path / "marks.json")


def test_a_mark_that_cannot_be_written_is_not_raised(tmp_path: Path) -> None:
    marks = HighWater(tmp_path / "none" / "marks.json")
    with pytest.raises(ConfigError, match="cannot write"):
        marks.raise_to("c", 1, 1, ROOT_A)
    assert marks.get("c") is None
