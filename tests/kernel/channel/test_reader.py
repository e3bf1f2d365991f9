"""The reader's rules: an answer is accepted whole, or the channel stops; nothing in between."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import ForkError, RecordError
from kizuna.kernel import note
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import Accepted, ReaderState, check_answer, first_state
from kizuna.kernel.merkle import CompactRange
from tests.kernel.channel.logs import CHANNEL, WRITER, Log, header, key


def state(log: Log, size: int, seen: int | None = None) -> ReaderState:
    """Return the state of a reader that holds `size` entries of a log and has seen a checkpoint of `seen`."""
    seen = size if seen is None else seen
    frontier = CompactRange()
    frontier.extend(
        log.tree._levels[0][i * 32 : i * 32 + 32] for i in range(size)
    )  # leaf hashes, as the reader kept them
    return ReaderState(CHANNEL, log.epoch, size, frontier.to_bytes(), seen, log.tree.root(seen))


def accept(at: ReaderState, answer: tuple[wire.Answer, list[bytes]]) -> Accepted:
    return check_answer(at, *answer, WRITER.public)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_every_honest_answer_is_accepted_and_leads_on(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 40))
    log = Log(size)
    at = first_state(CHANNEL)
    while at.size < size:
        start = at.size
        now = data.draw(st.integers(max(start + 1, at.seen_size), size))
        end = data.draw(st.integers(start + 1, now))
        made = accept(at, log.answer(start, end, seen=at.seen_size, size=now))
        assert [shown.header.index for shown in made.entries] == list(range(start, end))
        assert made.root == log.tree.root(end)
        at = ReaderState(CHANNEL, 0, end, made.frontier, made.checkpoint.size, made.checkpoint.root)
    assert at.size == size


@given(st.integers(1, 24), st.integers(0, 23), st.integers(0, 24), st.integers(0, 24))
@settings(max_examples=80, deadline=None)
def test_a_forked_log_is_never_accepted_by_one_who_saw_the_other_branch(
    size: int, differs: int, held: int, more: int
) -> None:
    differs = min(differs, size - 1)
    seen_log = Log(size)
    forked = Log(size + more, mark="!", differs_from=differs)
    at = state(seen_log, min(held, size), size)
    answer = forked.answer(at.size, forked.tree.size, seen=at.seen_size)
    with pytest.raises(ForkError):
        accept(at, answer)


def test_a_checkpoint_that_goes_back_is_a_fault() -> None:
    log = Log(9)
    with pytest.raises(ForkError, match="goes back"):
        accept(state(log, 4, 9), log.answer(4, 6, size=6))


def test_two_roots_of_one_size_are_a_fault() -> None:
    log, other = Log(5), Log(5, mark="!", differs_from=4)
    with pytest.raises(ForkError):
        accept(state(log, 5), other.answer(5, 5, seen=5))


def test_the_empty_log_has_one_root() -> None:
    log = Log(0)
    head, parts = log.answer(0, 0)
    signed = note.sign_checkpoint(note.Checkpoint(f"{CHANNEL}/0", 0, bytes(32)), WRITER).to_bytes()
    with pytest.raises(ForkError):
        accept(first_state(CHANNEL), (head, [signed, *parts[1:]]))


def test_a_checkpoint_of_another_key_channel_or_epoch_is_a_fault() -> None:
    log = Log(3)
    head, parts = log.answer(0, 3)
    for signed in (
        log.signed(signer=key("somebody", "checkpoint")),
        Log(3, epoch=1).signed(),
        parts[0].replace(b"delhi", b"dehli"),
        b"",
        b"\xff\xfe",
        parts[0] + b"trailing",
    ):
        with pytest.raises(ForkError):
            accept(first_state(CHANNEL), (head, [signed, *parts[1:]]))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channel", "kizuna/ind/delhi/to/kor/busan"),
        ("start", 1),
        ("start", -1),
        ("end", 2),
        ("end", 4),
        ("end", -1),
        ("consistency", ("zz",)),
        ("proof", ("00",)),
        ("proof", ("00" * 32,)),
        ("proof", ("00" * 32,) * 100),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(field: str, value: object) -> None:
    log = Log(3)
    with pytest.raises((RecordError, ForkError)):
        accept(state(log, 0, 2), log.answer(0, 3, seen=2, **{field: value}))


def test_a_proof_that_is_missing_or_too_much_is_a_fault() -> None:
    log = Log(9)
    at = state(log, 3, 5)
    honest = log.answer(3, 7, seen=5)
    accept(at, honest)
    for field in ("consistency", "proof"):
        for value in ((), (*getattr(honest[0], field), "00" * 32), getattr(honest[0], field)[:-1]):
            with pytest.raises(ForkError):
                accept(at, log.answer(3, 7, seen=5, **{field: value}))


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 2},
        {"index": 0},
        {"epoch": 1},
        {"channel": "kizuna/kor/busan/to/jpn/yokosuka"},
        {"kind": "gossip"},
        {"body_size": -1},
        {"blobs": (wire.Blob("00" * 32, -1),)},
    ],
)
def test_a_header_out_of_place_or_malformed_stops_the_channel(changes: dict[str, object]) -> None:
    log = Log(1)
    log.add(b"bad", **changes)
    with pytest.raises(ForkError):
        accept(state(log, 1), log.answer(1, 2, seen=1))


def test_an_oversize_header_stops_the_channel() -> None:
    log = Log(1)
    head, parts = log.answer(0, 1)
    parts[2] = wire.canonical.encode(header(0, b"", purpose="x" * wire.MAX_HEADER_BYTES))
    with pytest.raises(ForkError, match="over"):
        accept(first_state(CHANNEL), (head, parts))


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 400), st.integers(1, 255))
@settings(max_examples=80, deadline=None)
def test_no_altered_header_is_accepted(size: int, extra: int, place: int, flip: int) -> None:
    log = Log(size + extra + 1)
    head, parts = log.answer(size, size + extra + 1, seen=size)
    at = 2 + 2 * (place % (extra + 1))
    data = bytearray(parts[at])
    data[place % len(data)] ^= flip
    parts[at] = bytes(data)
    with pytest.raises(ForkError):
        accept(state(log, size), (head, parts))


def test_entries_in_another_order_or_one_left_out_are_a_fault() -> None:
    log = Log(4)
    head, parts = log.answer(0, 4)
    with pytest.raises(ForkError):
        accept(first_state(CHANNEL), (head, [*parts[:2], *parts[4:6], *parts[2:4], *parts[6:]]))
    short = wire.Answer(**{name: getattr(head, name) for name in head.__struct_fields__} | {"end": 3})
    with pytest.raises((ForkError, RecordError)):
        accept(first_state(CHANNEL), (short, [*parts[:2], *parts[4:]]))


def test_a_body_is_not_the_logs_business() -> None:
    """A withheld or altered body is judged entry by entry; the log stands."""
    log = Log(2)
    head, parts = log.answer(0, 2)
    parts[3], parts[5] = b"", b"something else"
    assert [shown.body for shown in accept(first_state(CHANNEL), (head, parts)).entries] == [b"", b"something else"]
