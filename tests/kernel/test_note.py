"""Signed notes against the published example, checkpoints and cosignatures against their own spelling."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import KizunaError, RecordError, SignatureError
from kizuna.kernel import note as notes
from kizuna.kernel.note import Checkpoint, Note, decode_checkpoint, encode_checkpoint, parse_note
from kizuna.kernel.sign import SigningKey

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
ORIGIN = "kizuna.example/ind/fusion-delhi/jpn/fusion-yokosuka/1"
SENDER = SigningKey(bytes(range(32)), "checkpoint")
READER = SigningKey(bytes(range(1, 33)), "receipt")
CHECKPOINT = Checkpoint(ORIGIN, 123_456, sha256(b"root").digest())
SENT = notes.sign_checkpoint(CHECKPOINT, SENDER)
HELD = notes.cosign(SENT, "jpn/fusion-yokosuka", READER, 1_700_000_000)


def test_the_published_note_verifies_and_is_written_back_the_same() -> None:
    name, key_hash, key = PETER.split("+", 2)
    data = b64decode(key)
    assert data[0] == notes.KEY_ED25519
    assert notes.key_hash(name, data[1:]).hex() == key_hash
    note = parse_note(PETERS_NOTE)
    assert note.text == PETERS_NOTE.decode().split("\n\n")[0] + "\n"
    notes.verify_note(note, name, data[1:])
    assert note.to_bytes() == PETERS_NOTE
    with pytest.raises(SignatureError):
        notes.verify_note(note._replace(text=note.text.replace("problem", "hope")), name, data[1:])


def test_a_checkpoint_is_three_lines() -> None:
    text = encode_checkpoint(CHECKPOINT)
    assert text == f"{ORIGIN}\n123456\n{b64encode(CHECKPOINT.root).decode()}\n"
    assert decode_checkpoint(text) == CHECKPOINT
    extended = CHECKPOINT._replace(extensions=("more", "lines"))
    assert decode_checkpoint(encode_checkpoint(extended)) == extended


def test_sender_signs_and_reader_cosigns() -> None:
    note = parse_note(HELD.to_bytes())
    assert note == HELD
    notes.verify_note(note, ORIGIN, SENDER.public)
    assert notes.verify_cosignature(note, "jpn/fusion-yokosuka", READER.public) == 1_700_000_000


def test_a_checkpoint_is_opened_only_as_its_own_log_and_by_its_own_key() -> None:
    assert notes.open_checkpoint(HELD.to_bytes(), ORIGIN, SENDER.public) == CHECKPOINT
    with pytest.raises(SignatureError):
        notes.open_checkpoint(SENT.to_bytes(), ORIGIN, READER.public)
    other = notes.sign_note(encode_checkpoint(CHECKPOINT._replace(origin="ind/other")), ORIGIN, SENDER)
    with pytest.raises(RecordError, match="`ind/other` where"):
        notes.open_checkpoint(other.to_bytes(), ORIGIN, SENDER.public)


def test_a_cosignature_signs_its_time_before_the_text() -> None:
    stamped = HELD.signatures[1].signature
    message = b"cosignature/v1\ntime 1700000000\n" + HELD.text.encode()
    assert stamped == (1_700_000_000).to_bytes(8, "big") + READER.sign(message)
    later = HELD.signatures[1]._replace(signature=(1_700_000_001).to_bytes(8, "big") + stamped[8:])
    with pytest.raises(SignatureError):
        notes.verify_cosignature(Note(HELD.text, (later,)), "jpn/fusion-yokosuka", READER.public)


@pytest.mark.parametrize(
    ("name", "key"),
    [("ind/other", SENDER.public), (ORIGIN, READER.public), ("jpn/fusion-yokosuka", READER.public)],
)
def test_a_signature_counts_only_under_its_name_key_and_kind(name: str, key: bytes) -> None:
    with pytest.raises(SignatureError, match="no signature by"):
        notes.verify_note(HELD, name, key)
    with pytest.raises(SignatureError, match="no signature by"):
        notes.verify_cosignature(SENT, name, key)


@pytest.mark.parametrize("stamped", [b"x", bytes(72), b"\xff" * 72, (1).to_bytes(8, "big") + bytes(63)])
def test_a_cosignature_of_the_wrong_shape_does_not_verify(stamped: bytes) -> None:
    line = HELD.signatures[1]._replace(signature=stamped)
    with pytest.raises(SignatureError):
        notes.verify_cosignature(Note(HELD.text, (line,)), line.name, READER.public)


@pytest.mark.parametrize("time_s", [0, -1, 1 << 53])
def test_a_time_that_is_none_is_not_cosigned(time_s: int) -> None:
    with pytest.raises(RecordError, match="cosignature time"):
        notes.cosign(SENT, "jpn/x", READER, time_s)


ROOT64 = b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "o\n",
        "o\n1\n",
        f"o\n1\n{ROOT64}",
        f"\n1\n{ROOT64}\n",
        f"o\n01\n{ROOT64}\n",
        f"o\n+1\n{ROOT64}\n",
        f"o\n-1\n{ROOT64}\n",
        f"o\n 1\n{ROOT64}\n",
        f"o\n1_0\n{ROOT64}\n",
        f"o\n\u0661\n{ROOT64}\n",
        f"o\n1.0\n{ROOT64}\n",
        f"o\n{1 << 53}\n{ROOT64}\n",
        f"o\n{'9' * 5000}\n{ROOT64}\n",
        f"o\n\n{ROOT64}\n",
        f"o\n1\n{ROOT64[:-1]}\n",
        f"o\n1\n{ROOT64[:-2]}B=\n",
        f"o\n1\n {ROOT64}\n",
        f"o\n1\n{ROOT64[:40]}\n",
        f"o\n1\n{ROOT64}\n\n",
        f"o\n1\n{ROOT64}\n\nx\n",
        f"o\n1\r\n{ROOT64}\n",
        f"o\t\n1\n{ROOT64}\n",
    ],
)
def test_a_second_spelling_of_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        decode_checkpoint(text)


@pytest.mark.parametrize(
    "broken",
    [
        CHECKPOINT._replace(origin=""),
        CHECKPOINT._replace(origin="a\nb"),
        CHECKPOINT._replace(origin="a\0b"),
        CHECKPOINT._replace(origin="a\ud800"),
        CHECKPOINT._replace(size=-1),
        CHECKPOINT._replace(size=1 << 53),
        CHECKPOINT._replace(root=bytes(31)),
        CHECKPOINT._replace(extensions=("",)),
        CHECKPOINT._replace(extensions=("a\nb",)),
    ],
)
def test_what_could_not_be_read_back_is_not_written(broken: Checkpoint) -> None:
    with pytest.raises(RecordError):
        encode_checkpoint(broken)


LINE = SENT.to_bytes().split(b"\n\n")[1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n" + LINE[:-1],
        b"text\n\n" + LINE + b"\n",
        b"text\n\n" + LINE + b"garbage\n",
        b"text\n\n" + LINE + b"garbage",
        b"text\n" + LINE,
        b"te\rxt\n\n" + LINE,
        b"te\xffxt\n\n" + LINE,
        b"text\n\n" + LINE * 2,
        b"text\n\n" + LINE.replace("—".encode(), b"-"),
        b"text\n\n" + LINE.replace(b" k", b"  k", 1),
        b"text\n\n" + LINE.replace(b"=\n", b"\n"),
        b"text\n\n" + "— a+b AAAAAAA=\n".encode(),
        b"text\n\n" + "— a\u00a0b AAAAAAA=\n".encode(),
        b"text\n\n" + "— a AAAAAA==\n".encode(),
        b"text\n\n" + "— a AAAAAAA= x\n".encode(),
        b"text\n\n" + "— a\n".encode(),
        b"text\n\n" + b"".join(f"— n{i} AAAAAAA=\n".encode() for i in range(17)),
        b"x" * 16_384 + b"\n\n" + LINE,
    ],
)
def test_what_is_not_one_whole_note_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError):
        parse_note(data)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\ud800"])
def test_a_name_that_would_break_a_line_is_refused(name: str) -> None:
    with pytest.raises(RecordError, match="key name"):
        notes.sign_note("text\n", name, SENDER)
    with pytest.raises(RecordError, match="key name"):
        notes.cosign(SENT, name, READER, 1)


@given(st.binary(max_size=200) | st.text(alphabet="—\n aA=+1", max_size=40).map(str.encode))
def test_any_bytes_give_a_note_or_a_record_error(data: bytes) -> None:
    try:
        note = parse_note(data)
    except RecordError:
        return
    assert note.to_bytes() == data


@given(st.integers(0, len(HELD.to_bytes()) * 8 - 1))
def test_every_flipped_bit_is_noticed(bit: int) -> None:
    data = bytearray(HELD.to_bytes())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(KizunaError):
        _check_all(bytes(data))


def _check_all(data: bytes) -> None:
    note = parse_note(data)
    notes.verify_note(note, ORIGIN, SENDER.public)
    notes.verify_cosignature(note, "jpn/fusion-yokosuka", READER.public)
