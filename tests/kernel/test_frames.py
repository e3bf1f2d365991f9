"""The message container: what is packed comes back, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.kernel.frames import pack, unpack


def test_bytes_of_a_message() -> None:
    assert pack([b"{}", b"", b"abc"]) == b"\0\0\0\2{}\0\0\0\0\0\0\0\3abc"


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20))
def test_what_is_packed_comes_back(parts: list[bytes]) -> None:
    assert unpack(pack(parts), 20, 300) == parts
    assert unpack(memoryview(pack(iter(parts))), 20, 300) == parts


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5), st.data())
def test_a_message_cut_anywhere_is_refused_or_ends_at_a_part(parts: list[bytes], data: st.DataObject) -> None:
    whole = pack(parts)
    cut = data.draw(st.integers(0, len(whole) - 1))
    ends = [len(pack(parts[: count + 1])) for count in range(len(parts))]
    if cut in ends:
        assert unpack(whole[:cut], 5, 30) == parts[: ends.index(cut) + 1]
    else:
        with pytest.raises(RecordError):
            unpack(whole[:cut], 5, 30)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty message"),
        (b"\0\0\0", "inside the length of part `0`"),
        (b"\0\0\0\1a\0", "inside the length of part `1`"),
        (b"\0\0\0\2a", "inside part `0`"),
        (b"\0\0\0\5aaaaa", "at most 4"),
        (b"\xff\xff\xff\xff", "at most 4"),
        (b"\0\0\0\0" * 4, "more than 3 parts"),
    ],
)
def test_a_malformed_message_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(RecordError, match=sentence):
        unpack(data, 3, 4)


def test_a_message_without_a_head_is_not_packed() -> None:
    with pytest.raises(RecordError, match="at least its head"):
        pack([])
