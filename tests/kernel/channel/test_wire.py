"""Messages, headers and receipts as bytes: one spelling each, bounded, and nothing but our errors for what is neither."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import canonical, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.frames import pack
from kizuna.kernel.label import Grade
from kizuna.kernel.merkle import leaf_hash
from tests.kernel.channel.logs import CHANNEL, READER, Log, header, receipt

PULL = wire.Pull(channel=CHANNEL, epoch=0, max_bytes=1, max_entries=1, receipt_sha256="", seen=0, start=0, wait_ms=0)
HEADS: tuple[wire.Head, ...] = (
    PULL,
    Log(2).answer(0, 2)[0],
    wire.Fault(code="BadRequest", sentence="no"),
    wire.BlobPull(channel=CHANNEL, epoch=0, items=((0, 0), (3, 1))),
    wire.BlobAnswer(channel=CHANNEL, count=2),
)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: type(head).__name__)
def test_each_message_reads_back(head: wire.Head) -> None:
    parts = [b"", b"one", b"\0" * 100]
    assert wire.unpack_message(wire.pack_message(head, parts)) == (head, parts)


def test_a_name_says_writer_and_reader_in_order() -> None:
    assert wire.channel_name("ind/delhi", "jpn/yokosuka") != wire.channel_name("jpn/yokosuka", "ind/delhi")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"null",
        b"[]",
        b'{"message":"channel.gossip.v1"}',
        canonical.encode(PULL) + b" ",
        canonical.encode(PULL).replace(b'"epoch":0', b'"epoch":0,"epoch":0'),
        canonical.encode(PULL).replace(b'"epoch":0', b'"epoch":0.0'),
        canonical.encode(PULL).replace(b'"epoch":0', b'"epoch":false'),
        canonical.encode(PULL).replace(b'"epoch":0', b'"epoch":9007199254740993'),
        canonical.encode(PULL).replace(b'"epoch":0', b'"epoch":0,"extra":1'),
        canonical.encode(PULL).replace(b"delhi", "de\u0301lhi".encode()),
        b"[" * 100_000,
        b'{"message":' * 50_000,
    ],
    ids=range(13),
)
def test_a_head_with_a_second_spelling_is_refused(head: bytes) -> None:
    with pytest.raises(RecordError):
        wire.unpack_message(pack([head]))


def test_too_many_or_too_large_parts_are_refused() -> None:
    with pytest.raises(RecordError):
        wire.unpack_message(pack([canonical.encode(PULL), *[b""] * wire.MAX_PARTS]))
    with pytest.raises(RecordError):
        wire.unpack_message(pack([canonical.encode(PULL), bytes(wire.MAX_BLOB_BYTES + 1)]))
    with pytest.raises(RecordError):
        wire.unpack_message(bytes(wire.MAX_MESSAGE_BYTES + 1))


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_noise_is_refused_by_our_errors(data: bytes) -> None:
    try:
        wire.unpack_message(data)
    except RecordError:
        return
    pytest.fail("noise was taken for a message")


@given(st.sampled_from(HEADS), st.integers(0, 10_000), st.integers(1, 255), st.integers(0, 600))
@settings(max_examples=200, deadline=None)
def test_an_altered_message_reads_as_itself_or_is_refused(head: wire.Head, at: int, flip: int, cut: int) -> None:
    data = bytearray(wire.pack_message(head, [b"part"]))
    data[at % len(data)] ^= flip
    whole = bytes(data)[: len(data) - cut % 7]
    try:
        back, parts = wire.unpack_message(whole)
    except RecordError:
        return
    assert wire.pack_message(back, parts) == whole


@given(
    st.dictionaries(
        st.sampled_from(["channel", "count", "code", "end", "epoch", "items", "message", "more", "proof", "start"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
            max_leaves=8,
        ),
    )
)
@settings(max_examples=150, deadline=None)
def test_hostile_json_is_refused_by_our_errors(value: object) -> None:
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    for read in (
        lambda: wire.unpack_message(pack([data])),
        lambda: wire.decode_header(data),
        lambda: wire.open_receipt(data, READER.public),
    ):
        with pytest.raises(RecordError):
            read()


def test_a_header_reads_back_and_its_bytes_are_the_leaf() -> None:
    made = header(7, b"body", label=(Grade("jpn.v1", 2, frozenset({"b", "a"})),), blobs=(wire.Blob("ab" * 32, 9),))
    data, leaf = wire.encode_header(made)
    assert leaf == leaf_hash(data)
    assert wire.decode_header(data) == made
    assert wire.encode_header(wire.decode_header(data))[0] == data


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "gossip"},
        {"body_size": -1},
        {"index": -1},
        {"epoch": -1},
        {"receipted": -1},
        {"blobs": (wire.Blob("ab" * 32, -1),)},
        {"blobs": (wire.Blob("../../etc/passwd", 1),)},
        {"blobs": (wire.Blob("AB" * 32, 1),)},
    ],
)
def test_a_header_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(RecordError):
        wire.decode_header(canonical.encode(header(0, b"", **changes)))


def test_an_oversize_header_is_neither_written_nor_read() -> None:
    made = header(0, b"", purpose="x" * wire.MAX_HEADER_BYTES)
    with pytest.raises(RecordError):
        wire.encode_header(made)
    with pytest.raises(RecordError):
        wire.decode_header(canonical.encode(made))


def test_a_receipt_opens_with_its_key_alone_and_for_its_purpose_alone() -> None:
    made = receipt(Log(3), 3, refused=(wire.Refused("time", 1),))
    data = wire.sign_receipt(made, READER)
    assert wire.open_receipt(data, READER.public) == made
    with pytest.raises(SignatureError):
        wire.open_receipt(data, sign.SigningKey(bytes(32)).public)
    other = canonical.encode(sign.seal("statement", canonical.encode(made), READER))
    with pytest.raises(RecordError):
        wire.open_receipt(other, READER.public)
    envelope = sign.seal("receipt", canonical.encode(made) + b" ", READER)
    with pytest.raises(RecordError):
        wire.open_receipt(canonical.encode(envelope), READER.public)


def test_a_receipt_with_two_signatures_or_none_is_refused() -> None:
    envelope = msgspec.to_builtins(sign.seal("receipt", canonical.encode(receipt(Log(1), 1)), READER))
    for signatures in ([], envelope["signatures"] * 2):
        with pytest.raises(RecordError):
            wire.open_receipt(canonical.encode(envelope | {"signatures": signatures}), READER.public)


def test_words_of_the_protocol() -> None:
    assert all(map(wire.is_refusal, (*wire.BODY_REFUSALS, "no-provision", "over-disclosed", "provision:notes-ind-jpn")))
    assert not any(map(wire.is_refusal, ("", "clock", "provision:", "provision:a b", "provision:" + "x" * 200, "fine")))
