"""What a reader gives back is taken only as far as the writer's own signature reaches."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import ForkError, KizunaError, RecordError
from kizuna.kernel import sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.returned import Back, check_returned
from kizuna.kernel.merkle import Tree
from tests.kernel.channel.logs import CHANNEL, WRITER, Log, key

THIEF = key("thief", sign.Purpose.CHECKPOINT)
Given = tuple[wire.Returned, list[bytes]]


def given_back(log: Log, start: int, end: int, held: int, signer: sign.SigningKey = WRITER) -> Given:
    """Return what an honest reader that holds `held` entries gives back, under a checkpoint of all of the log."""
    head = wire.Returned(
        channel=CHANNEL,
        end=end,
        epoch=log.epoch,
        held=held,
        lead=log.proof(held, log.tree.size),
        proof=log.proof(end, held),
        root=log.tree.root(held).hex(),
        start=start,
    )
    return head, [log.signed(signer=signer), *(part for entry in log.entries[start:end] for part in entry)]


def left(log: Log, size: int) -> Tree:
    return Tree([hashlib.sha256(b"\0" + data).digest() for data, _ in log.entries[:size]])


def taken(log: Log, size: int, back: Given) -> tuple[Back, Tree]:
    return check_returned(CHANNEL, left(log, size), *back, [THIEF.public, WRITER.public])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_an_honest_reader_holds_comes_back_page_by_page(data: st.DataObject) -> None:
    log = Log(data.draw(st.integers(1, 40)))
    held = data.draw(st.integers(1, log.tree.size))
    size = data.draw(st.integers(0, held))
    while size < held:
        end = data.draw(st.integers(size + 1, held))
        back, grown = taken(log, size, given_back(log, size, end, held))
        assert [shown.body for shown in back.entries] == [body for _, body in log.entries[size:end]]
        assert (grown.size, grown.root()) == (end, log.tree.root(end))
        assert back.whole == (end == held)
        size = end


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_changed_byte_is_taken(data: st.DataObject) -> None:
    log = Log(data.draw(st.integers(2, 20)))
    held = data.draw(st.integers(2, log.tree.size))
    start = data.draw(st.integers(0, held - 1))
    head, parts = given_back(log, start, held, held)
    at = data.draw(st.integers(0, len(parts) - 1))
    place = data.draw(st.integers(0, len(parts[at]) - 1))
    changed = bytearray(parts[at])
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(KizunaError):
        taken(log, start, (head, [*parts[:at], bytes(changed), *parts[at + 1 :]]))


def test_another_history_is_not_taken_back_whoever_signs_it() -> None:
    log, other = Log(9), Log(9, mark="'", differs_from=4)
    with pytest.raises(ForkError, match="not in the log"):
        taken(log, 6, given_back(other, 6, 9, 9))
    stranger = key("stranger", sign.Purpose.CHECKPOINT)
    with pytest.raises(ForkError, match="no signature of ours"):
        taken(log, 6, given_back(log, 6, 9, 9, stranger))
    back, _ = taken(log, 6, given_back(log, 6, 9, 9, THIEF))  # an earlier key of ours: what it signed still stands
    assert back.whole


@pytest.mark.parametrize(
    "changes",
    [{"start": 5}, {"end": 10}, {"held": 8}, {"channel": "kizuna/a/to/b"}, {"epoch": 1}, {"root": "00" * 32}, {"root": "x"},
     {"lead": ("00" * 32,)}, {"proof": ("zz",)}],
)  # fmt: skip
def test_a_head_that_says_otherwise_is_refused(changes: dict[str, object]) -> None:
    log = Log(9)
    head, parts = given_back(log, 6, 9, 9)
    with pytest.raises(KizunaError):
        taken(log, 6, (msgspec.structs.replace(head, **changes), parts))


def test_headers_alone_and_blobs_that_are_held_come_back() -> None:
    log = Log(2)
    content = b"a large object"
    blob = wire.Blob(hashlib.sha256(content).hexdigest(), len(content))
    log.add(b"shows two", blobs=(blob, blob))
    head, parts = given_back(log, 1, 3, 3)
    bare = [parts[0], parts[1], b"", parts[3], parts[4], content, b""]
    back, _ = taken(log, 1, (head, bare))
    assert [shown.body for shown in back.entries] == [b"", b"shows two"]
    assert back.blobs == ((), (content, b""))
    for wrong in ([*bare[:5], b"another object", b""], bare[:-1], [*bare, b""], parts):
        with pytest.raises(RecordError):
            taken(log, 1, (head, wrong))
