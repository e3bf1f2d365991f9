"""The writer's rules: a receipt goes on from the last one, is an old one, or is refused."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import ForkError, KizunaError, RecordError, SignatureError
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.writer import NO_RECEIPT, WriterState, check_receipt
from tests.kernel.channel.logs import CHANNEL, READER, WRITER, Log, key, receipt


def signed(log: Log, size: int, /, **changes: object) -> bytes:
    return wire.sign_receipt(receipt(log, size, **changes), READER)


def check(log: Log, at: WriterState, data: bytes) -> wire.Receipt | None:
    return check_receipt(at, log.tree, data, READER.public)


START = WriterState(CHANNEL, 0, 0)


@given(st.integers(1, 30), st.data())
@settings(max_examples=50, deadline=None)
def test_a_chain_of_receipts_is_accepted_once_each(size: int, data: st.DataObject) -> None:
    log, at, held = Log(size), START, list[bytes]()
    while at.receipted < size:
        upto = data.draw(st.integers(at.receipted + 1, size))
        refused = tuple(wire.Refused("time", i) for i in range(at.receipted, upto) if data.draw(st.booleans()))
        made = signed(log, upto, previous_sha256=at.receipt_sha256, refused=refused)
        accepted = check(log, at, made)
        assert accepted is not None
        assert accepted.refused == refused
        at = WriterState(CHANNEL, 0, upto, hashlib.sha256(made).hexdigest())
        held.append(made)
        for old in held:
            assert check(log, at, old) is None  # a replay says nothing new


def test_a_receipt_whose_predecessor_is_missing_waits() -> None:
    log = Log(5)
    first = signed(log, 2)
    second = signed(log, 4, previous_sha256=hashlib.sha256(first).hexdigest())
    assert check(log, START, second) is None
    assert check(log, WriterState(CHANNEL, 0, 2, hashlib.sha256(first).hexdigest()), second) is not None


def test_a_second_receipt_that_contradicts_the_one_held_changes_nothing() -> None:
    log = Log(5)
    first, other = signed(log, 3), signed(log, 3, refused=(wire.Refused("label", 1),))
    assert check(log, WriterState(CHANNEL, 0, 3, hashlib.sha256(first).hexdigest()), other) is None


def test_receipts_for_what_was_never_written_are_faults() -> None:
    log, longer = Log(3), Log(6)
    for made in (signed(longer, 6), signed(Log(3, epoch=1), 3)):
        with pytest.raises(ForkError, match="never written"):
            check(log, START, made)
    with pytest.raises(ForkError, match="another root"):
        check(log, START, signed(log, 3, root="00" * 32))
    with pytest.raises(ForkError, match="another root"):
        check(log, WriterState(CHANNEL, 0, 3), signed(log, 2, root="00" * 32))


def test_a_receipt_of_an_epoch_that_is_over_says_nothing() -> None:
    assert check(Log(3, epoch=2), WriterState(CHANNEL, 2, 0), signed(Log(9, epoch=1), 9)) is None


def test_only_the_readers_receipt_key_signs_receipts() -> None:
    log = Log(3)
    for signer in (WRITER, key("somebody", "receipt")):
        with pytest.raises(SignatureError):
            check(log, START, wire.sign_receipt(receipt(log, 3), signer))


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "kizuna/ind/delhi/to/kor/busan"},
        {"size": -1},
        {"refused": (wire.Refused("time", 3),)},
        {"refused": (wire.Refused("time", -1),)},
        {"refused": (wire.Refused("time", 1), wire.Refused("time", 0))},
        {"refused": (wire.Refused("time", 1), wire.Refused("label", 1))},
        {"refused": (wire.Refused("i did not like it", 1),)},
        {"refused": (wire.Refused("provision:" + "x" * 500, 1),)},
        {"stubs": (0, 0)},
        {"stubs": (3,)},
        {"stubs": (1,), "refused": (wire.Refused("time", 1),)},
        {"applied": (wire.Applied("forget", 0, 1),)},
        {"applied": (wire.Applied("recall", 0, 7),)},
        {"cured": (0,)},
        {"cured": (-1,)},
    ],
)
def test_a_receipt_that_says_what_cannot_be_is_refused(changes: dict[str, object]) -> None:
    log = Log(5)
    with pytest.raises(RecordError):
        check(log, START, signed(log, 3, **changes))


def test_cured_entries_were_receipted_before_and_stand_once() -> None:
    log = Log(5)
    at = WriterState(CHANNEL, 0, 3, NO_RECEIPT)
    accepted = check(log, at, signed(log, 3, cured=(0, 2)))
    assert accepted is not None
    for cured in ((3,), (2, 0), (1, 1)):
        with pytest.raises(RecordError):
            check(log, at, signed(log, 3, cured=cured))


def test_a_receipt_that_says_nothing_new_is_refused() -> None:
    """Else a reader could have its writer's journal grow without an entry being written."""
    log = Log(5)
    with pytest.raises(RecordError, match="nothing new"):
        check(log, WriterState(CHANNEL, 0, 3, NO_RECEIPT), signed(log, 3))


@given(st.binary(min_size=1, max_size=300))
@settings(max_examples=100, deadline=None)
def test_noise_is_refused_by_our_errors(data: bytes) -> None:
    with pytest.raises(KizunaError):
        check(Log(1), START, data)
