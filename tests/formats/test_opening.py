"""Packed and plain streams give the same bytes, and say where they are damaged."""

import gzip
import io

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.formats.opening import CHUNK_BYTES, chunks

TEXT = b"".join(b"!AIVDM,1,1,,A,%d,0*00\n" % n for n in range(20_000))
PACKERS = {"gzip": gzip.compress, "zstd": zstandard.compress}


def unpacked(data: bytes) -> bytes:
    return b"".join(chunks(io.BytesIO(data)))


@pytest.mark.parametrize("name", PACKERS)
def test_streams_and_concatenated_streams_are_unpacked(name: str) -> None:
    pack = PACKERS[name]
    assert unpacked(TEXT) == TEXT
    assert unpacked(pack(TEXT)) == TEXT
    assert unpacked(pack(TEXT) + pack(b"more\n") + pack(b"")) == TEXT + b"more\n"
    assert unpacked(pack(b"")) == b""


def test_gzip_padding_is_skipped() -> None:
    assert unpacked(gzip.compress(TEXT) + bytes(70_000)) == TEXT


@pytest.mark.parametrize("name", PACKERS)
def test_a_cut_stream_is_refused_with_its_offset(name: str) -> None:
    packed = PACKERS[name](TEXT)
    for cut in (12, len(packed) // 2, len(packed) - 1):
        with pytest.raises(RecordError, match=f"packed byte {cut}"):
            unpacked(packed[:cut])


@pytest.mark.parametrize("name", PACKERS)
def test_small_packed_bombs_come_in_small_chunks(name: str) -> None:
    packed = PACKERS[name](bytes(50_000_000))
    sizes = [len(chunk) for chunk in chunks(io.BytesIO(packed))]
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= CHUNK_BYTES


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]))
def test_any_bytes_are_read_or_refused(data: bytes, magic: bytes) -> None:
    try:
        out = unpacked(magic + data)
    except RecordError:
        assert magic or data[:2] in (b"\x1f\x8b", b"\x28\xb5")
    else:
        assert magic or data[:2] == b"\x1f\x8b" or out == data
