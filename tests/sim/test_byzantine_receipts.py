"""A partner that lies as a reader: receipts, pulls and requests that cannot be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from kizuna.kernel import canonical, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.frames import pack
from kizuna.node import effects as fx
from tests.sim.byzantine import Byzantine, pulled, stands, trap
from tests.sim.world import note as note_draft

Lie = Callable[[Byzantine], None]
Make = Callable[[Byzantine], tuple[int, str]]


def test_receipts_for_records_never_sent_stop_that_channel_alone() -> None:
    for number, lie in enumerate((lambda size, root: (size + 5, root), lambda size, _root: (size, "00" * 32))):
        federation, victim, honest, evil = trap(f"receipt-{number}")
        size, root = pulled(evil)
        came = evil.ask(evil.receipt(*lie(size, root)))
        assert came is not None
        assert isinstance(came[0], wire.Fault)
        assert evil.stopped() == ("", "fork")
        assert victim.store.query("SELECT receipted FROM channel_out WHERE node = ?", (evil.name,)) == [(0,)]
        stands(federation, victim, honest, evil)


def test_contradictory_receipts_change_nothing() -> None:
    federation, victim, honest, evil = trap("contradict")
    size, root = pulled(evil)
    first = evil.receipt(size, root)
    evil.ask(first)
    evil.ask(evil.receipt(size, root, refused=(wire.Refused("label", 0),)))
    evil.ask(first, evil.receipt(size, root, previous_sha256=hashlib.sha256(first).hexdigest()))
    rows = victim.store.query("SELECT receipted, receipt FROM channel_out WHERE node = ?", (evil.name,))
    assert rows == [(size, first)]
    assert victim.store.query("SELECT DISTINCT outcome FROM leaf_out") == [("",)]
    stands(federation, victim, honest, evil)


def test_a_receipt_beside_one_that_is_malformed_is_not_taken_in_memory_alone() -> None:
    federation, victim, honest, evil = trap("half")
    size, root = pulled(evil)
    good = evil.receipt(size, root)
    came = evil.ask(good, b"noise")
    assert came is not None
    assert isinstance(came[0], wire.Fault)
    evil.ask(good)
    assert victim.store.query("SELECT receipted FROM channel_out WHERE node = ?", (evil.name,)) == [(size,)]
    stands(federation, victim, honest, evil)


def test_a_receipt_is_taken_for_no_other_act_than_it_names() -> None:
    federation, victim, honest, evil = trap("applied")
    said = victim.do(fx.Say((note_draft("to be recalled", "jpn", "ind"),)))[0]
    evil.ask()
    victim.do(fx.Act(said.record_id, "recall", "in error", "officer:2:security"))
    evil.ask()
    size, root = evil.out_root()
    evil.ask(evil.receipt(size, root, applied=(wire.Applied("retract", 0, size - 1),)))
    rows = victim.store.query("SELECT confirmed_at_ms FROM act WHERE act = 'recall' AND channel <> ''")
    assert rows == [(0,)]
    stands(federation, victim, honest, evil)


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "kizuna/jpn/yokosuka/to/aus/perth"},
        {"start": -1},
        {"start": 5, "seen": 3},
        {"seen": 10**9},
        {"epoch": 10**9},
        {"epoch": -1},
        {"max_entries": -1},
        {"max_bytes": -1},
        {"wait_ms": -1},
        {"wait_ms": 2**52},
        {"receipt_sha256": "e" * 100},
    ],
    ids=str,
)
def test_a_pull_that_cannot_be_is_answered_and_harms_nothing(changes: dict[str, object]) -> None:
    federation, victim, honest, evil = trap(f"pull-{changes}")
    size, root = pulled(evil)
    evil.ask(**changes)
    federation.run(60_000)
    assert evil.out_root() == (size, root)
    assert evil.stopped() == ("", "")
    stands(federation, victim, honest, evil)


def test_others_see_no_difference_between_what_is_not_theirs_and_what_is_not() -> None:
    federation, victim, honest, evil = trap("blobs-asked")
    size, _ = pulled(evil)
    items = ((0, 0), (-1, 0), (0, -1), (size - 1, 0), (10**9, 10**9), (2**52, 2**52))
    came = evil.ask_bytes(wire.pack_message(wire.BlobPull(channel=evil.reverse, epoch=0, items=items), []))
    assert came is not None
    assert came[1] == [b""] * len(items)
    stands(federation, victim, honest, evil)


NOISE = {
    "empty": b"",
    "noise": b"noise",
    "outside nfc": pack(['{"code":"e\u0301","message":"channel.fault.v1","sentence":""}'.encode()]),
    "key outside ascii": pack(['{"é":1,"message":"channel.fault.v1"}'.encode()]),
    "surrogate": pack([b'{"code":"\\ud800","message":"channel.fault.v1","sentence":""}']),
    "an answer": pack([b'{"code":"","message":"channel.fault.v1","sentence":""}']),
    "nested": pack([b"[" * 200_000]),
    "half a frame": pack([b"{}"])[:-1],
}


@pytest.mark.parametrize("name", NOISE)
def test_requests_that_are_none_get_a_fault(name: str) -> None:
    federation, victim, honest, evil = trap(f"noise-{name}")
    came = evil.ask_bytes(NOISE[name])
    assert came is not None
    assert isinstance(came[0], wire.Fault)
    stands(federation, victim, honest, evil)


def test_receipts_outside_nfc_get_a_fault() -> None:
    federation, victim, honest, evil = trap("receipt-nfc")
    pulled(evil)
    statement = '{"channel":"e\u0301"}'.encode()
    envelope = sign.seal("receipt", statement, evil.keys[sign.Purpose.RECEIPT])
    came = evil.ask(canonical.encode(envelope))
    assert came is not None
    assert isinstance(came[0], wire.Fault)
    stands(federation, victim, honest, evil)


def test_a_partner_removed_in_the_middle_takes_nothing_down() -> None:
    federation, victim, honest, evil = trap("removed")
    for number in range(30):
        evil.say(f"note {number}")
    size, root = pulled(evil)
    assert evil.ask(start=size, seen=size, wait_ms=20_000, seen_note=b"") is None
    victim.do(fx.RemovePartner(evil.name, "officer:1:liaison"))
    federation.run(60_000)
    victim.do(fx.Enrol(evil.card(), "officer:1:liaison"))
    federation.run(60_000)
    assert evil.out_root()[0] >= size
    assert root
    stands(federation, victim, honest, evil)


def test_a_partner_enrolled_again_under_a_new_root_leaves_no_old_key_behind() -> None:
    federation, victim, honest, evil = trap("new-root")
    evil.add(canonical.encode(evil.keyset(version=2)), kind="keys")
    federation.run(10_000)
    victim.do(fx.RemovePartner(evil.name, "officer:1:liaison"))
    evil.root = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.ROOT)
    victim.do(fx.Enrol(evil.card(), "officer:1:liaison"))
    victim.crash()
    federation.run(30_000)
    assert victim.core.world.partners[evil.name].root == evil.root.public
    stands(federation, victim, honest, evil, stopped=True)
