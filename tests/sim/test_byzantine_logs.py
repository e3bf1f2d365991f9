"""A partner whose log or answers lie: its own channel stops, or is asked again later; nobody else notices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from kizuna.kernel import canonical, note, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.frames import pack
from kizuna.kernel.merkle import Tree
from tests.sim.byzantine import Byzantine, stands, trap
from tests.sim.world import NoteSaid, notes

Lie = Callable[[Byzantine], None]
Make = Callable[[Byzantine], tuple[int, str]]


def fork_its_log(evil: Byzantine) -> None:
    """Serve another history after the one that the victim has seen."""
    data, body = evil.entries[-1]
    header = wire.decode_header(data)
    evil.tree = Tree()
    evil.entries, old = [], evil.entries
    for kept, shown in old[:-1]:
        evil.tree.append(wire.leaf_hash(kept))
        evil.entries.append((kept, shown))
    evil.add(body, kind=header.kind, type=header.type, released_at_ms=header.released_at_ms + 1)
    evil.say("after the fork")


def go_back(evil: Byzantine) -> None:
    evil.entries.pop()
    evil.tree = Tree(wire.leaf_hash(data) for data, _ in evil.entries)
    evil.answers = lambda pull: wire.pack_message(evil.head(pull, end=pull.start), [evil.checkpoint(), b""])


def sign_with_another_key(evil: Byzantine) -> None:
    evil.say("x")
    evil.keys[sign.Purpose.CHECKPOINT] = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.CHECKPOINT)


def leave_an_entry_out(evil: Byzantine) -> None:
    evil.say("hidden")
    evil.say("shown")
    evil.answers = lambda pull: wire.pack_message(
        evil.head(pull, end=pull.start + 1), [evil.checkpoint(), b"", *evil.entries[-1]]
    )


def oversize_header(evil: Byzantine) -> None:
    evil.say("x")
    data, body = evil.entries[-1]
    evil.entries[-1] = (data[:-1] + b" " * wire.MAX_HEADER_BYTES + b"}", body)


def header_outside_nfc(evil: Byzantine) -> None:
    evil.say("x")
    data, body = evil.entries[-1]
    evil.entries[-1] = (data.replace(b'"coordination"', '"e\u0301"'.encode()), body)


def header_of_an_unknown_kind(evil: Byzantine) -> None:
    evil.say("x", kind="gossip")


def new_epoch_without_a_word(evil: Byzantine) -> None:
    evil.epoch, evil.entries, evil.tree = 1, [], Tree()
    evil.say("in the new epoch")


def new_epoch_naming_another_root(evil: Byzantine) -> None:
    size = evil.tree.size
    evil.epoch, evil.entries, evil.tree = 1, [], Tree()
    evil.add(canonical.encode({"epoch": 0, "root": "00" * 32, "size": size}), kind="epoch")


def new_epoch_with_another_body(evil: Byzantine) -> None:
    size, root = evil.tree.size, evil.tree.root().hex()
    evil.epoch, evil.entries, evil.tree = 1, [], Tree()
    evil.add(
        canonical.encode({"epoch": 0, "root": "00" * 32, "size": size}),
        kind="epoch",
        shown=canonical.encode({"epoch": 0, "root": root, "size": size}),
    )


FORKS = [
    fork_its_log,
    go_back,
    sign_with_another_key,
    leave_an_entry_out,
    oversize_header,
    header_outside_nfc,
    header_of_an_unknown_kind,
    new_epoch_without_a_word,
    new_epoch_naming_another_root,
    new_epoch_with_another_body,
]


@pytest.mark.parametrize("lie", FORKS, ids=lambda lie: lie.__name__)
def test_a_broken_log_stops_that_channel_alone_and_tells_security(lie: Lie) -> None:
    federation, victim, honest, evil = trap(lie.__name__)
    evil.say("before")
    federation.run(10_000)
    before = notes(victim)
    held = evil.codes()
    lie(evil)
    pulls = evil.pulls
    federation.run(60_000)
    assert evil.stopped()[0] == "fork"
    assert victim.alerts.count("fork") == 1
    assert evil.pulls <= pulls + 3
    evil.epoch = 0
    assert evil.codes() == held
    assert notes(victim) == before
    stands(federation, victim, honest, evil, stopped=True)


def test_evidence_of_a_fork_is_kept() -> None:
    federation, victim, _, evil = trap("evidence")
    evil.say("before")
    federation.run(10_000)
    fork_its_log(evil)
    federation.run(10_000)
    bodies = [
        bytes(body)
        for (body,) in victim.store.query(
            "SELECT b.body FROM alert a JOIN journal_body b ON b.seq = a.seq WHERE a.kind = 'fork'"
        )
    ]
    assert len(bodies) == 1
    checkpoint = note.open_checkpoint(bodies[0], f"{evil.channel}/0", evil.keys[sign.Purpose.CHECKPOINT].public)
    assert checkpoint.root == evil.tree.root()


def replay_old_answers(evil: Byzantine) -> None:
    old = wire.pack_message(
        evil.head(wire.Pull(evil.channel, 0, 1, 1, "", 0, 0, 0)),
        [evil.checkpoint(), b"", *[part for entry in evil.entries for part in entry]],
    )
    evil.answers = lambda _pull: old


def answer_noise(evil: Byzantine) -> None:
    evil.answers = lambda _pull: b"\x00\x00\x00\x05noise"


def answer_text_outside_nfc(evil: Byzantine) -> None:
    evil.answers = lambda _pull: pack(['{"code":"e\u0301","message":"channel.fault.v1","sentence":"e\u0301"}'.encode()])


def answer_with_faults(evil: Byzantine) -> None:
    evil.answers = lambda _pull: wire.pack_message(wire.Fault(code="NetworkError", sentence="ha"), [])


def answer_with_blobs(evil: Byzantine) -> None:
    evil.answers = lambda _pull: wire.pack_message(wire.BlobAnswer(channel=evil.channel, count=1), [b"x"])


def answer_with_a_request(evil: Byzantine) -> None:
    evil.answers = lambda pull: wire.pack_message(pull, [])


def answer_of_another_channel(evil: Byzantine) -> None:
    evil.answers = lambda pull: wire.pack_message(evil.head(pull, channel=evil.reverse), [evil.checkpoint(), b""])


def answer_nothing_at_once(evil: Byzantine) -> None:
    evil.answers = lambda pull: wire.pack_message(evil.head(pull, more=True), [evil.checkpoint(), b""])


def answer_with_a_receipt_of_its_own(evil: Byzantine) -> None:
    fake = evil.receipt(10**6, "00" * 32)
    evil.answers = lambda pull: wire.pack_message(
        evil.head(pull, receipt_sha256=hashlib.sha256(fake).hexdigest()), [evil.checkpoint(), fake]
    )


def answer_never(evil: Byzantine) -> None:
    evil.answers = lambda _pull: None


ANSWERS = [
    replay_old_answers,
    answer_noise,
    answer_text_outside_nfc,
    answer_with_faults,
    answer_with_blobs,
    answer_with_a_request,
    answer_of_another_channel,
    answer_nothing_at_once,
    answer_with_a_receipt_of_its_own,
    answer_never,
]


@pytest.mark.parametrize("lie", ANSWERS, ids=lambda lie: lie.__name__)
def test_answers_that_do_not_fit_are_passed_over_without_haste(lie: Lie) -> None:
    federation, victim, honest, evil = trap(lie.__name__)
    evil.say("before")
    federation.run(10_000)
    pulls, wire_before = evil.pulls, len(federation.wire)
    lie(evil)
    federation.run(60_000)
    assert evil.pulls - pulls < 200  # it asks again, and no faster than a few times a second
    assert len(federation.wire) - wire_before < 1000
    assert evil.stopped() == ("", "")
    evil.answers = evil.answer
    federation.run(60_000)
    stands(federation, victim, honest, evil)


def test_a_withheld_body_is_a_stub_and_says_so() -> None:
    federation, victim, honest, evil = trap("stub")
    index = evil.add(evil.issue(NoteSaid(text="held back", source="y")).bytes(evil.names()), shown=b"")
    federation.run(30_000)
    assert any(index in receipt.stubs for receipt in evil.receipts)
    assert "held back" not in notes(victim)
    stands(federation, victim, honest, evil)
