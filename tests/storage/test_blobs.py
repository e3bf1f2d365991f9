"""Blob files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from kizuna.errors import ConfigError, JournalCorruptError, RecordError, RefusedError
from kizuna.storage.blobs import Blobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = b"a chart of the bay" * 100
DIGEST = hashlib.sha256(DATA).hexdigest()


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_blob_is_found_by_its_digest(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    assert not blobs.has(DIGEST)
    assert blobs.put(DATA) == blobs.put(DATA) == DIGEST
    assert blobs.has(DIGEST)
    assert Blobs(tmp_path).get(DIGEST) == DATA
    assert files(tmp_path) == [tmp_path / DIGEST[:2] / DIGEST[2:]]
    assert blobs.get(blobs.put(b"")) == b""


@pytest.mark.parametrize("count", [0, 1, 40])
def test_blobs_stored_side_by_side_are_each_found(tmp_path: Path, count: int) -> None:
    items = [b"%d" % (number % 30) for number in range(count)]  # some of them twice
    blobs = Blobs(tmp_path)
    digests = blobs.put_all(items)
    assert digests == [hashlib.sha256(data).hexdigest() for data in items]
    assert [blobs.get(digest) for digest in digests] == items
    assert len(files(tmp_path)) == len(set(items))


def test_one_of_many_that_cannot_be_stored_is_told(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    (tmp_path / DIGEST[:2]).write_bytes(b"in the way")
    with pytest.raises(ConfigError):
        blobs.put_all([b"first", DATA, b"last"])


def test_a_stream_is_cut_at_its_limit_and_leaves_nothing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    with pytest.raises(RecordError, match="longer than the `250` bytes"):
        blobs.put_stream(iter([b"x" * 100] * 3), limit=250)
    assert files(tmp_path) == []
    assert blobs.put_stream(iter([b"x" * 100] * 3), limit=300) == (hashlib.sha256(b"x" * 300).hexdigest(), 300)


def test_a_stream_of_another_digest_leaves_nothing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    with pytest.raises(RecordError, match="fetch it again"):
        blobs.put_stream([b"other"], limit=10, expected=DIGEST)
    assert files(tmp_path) == []
    assert blobs.put_stream([DATA], limit=len(DATA), expected=DIGEST).sha256 == DIGEST


def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"first"
        raise ConnectionResetError

    with pytest.raises(ConfigError):
        Blobs(tmp_path).put_stream(broken(), limit=100)
    assert files(tmp_path) == []


def test_an_altered_blob_is_never_returned_and_a_new_put_heals_it(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blobs.put(DATA)
    path = tmp_path / DIGEST[:2] / DIGEST[2:]
    path.write_bytes(DATA[:-1] + b"X")
    with pytest.raises(JournalCorruptError, match="altered"):
        blobs.get(DIGEST)
    blobs.put(DATA)
    assert blobs.get(DIGEST) == DATA


def test_an_erased_blob_is_gone(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blobs.put(DATA)
    assert blobs.erase(DIGEST)
    assert not blobs.erase(DIGEST)
    assert not blobs.has(DIGEST)
    with pytest.raises(RefusedError, match="fetch it first"):
        blobs.get(DIGEST)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", DIGEST.upper(), DIGEST[:-1], DIGEST + "\n", "incoming"])
def test_only_a_digest_names_a_blob(tmp_path: Path, name: str) -> None:
    blobs = Blobs(tmp_path)
    for act in (blobs.get, blobs.has, blobs.erase):
        with pytest.raises(RecordError, match="not a sha-256 digest"):
            act(name)
