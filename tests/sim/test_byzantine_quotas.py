"""Blobs that are not what they are said to be, and floods: what a partner can cost, and no more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from kizuna.kernel import canonical, sign
from kizuna.kernel.channel import wire
from kizuna.node.channel.world import Limits
from tests.sim.byzantine import PICTURES, Byzantine, Picture, stands, trap
from tests.sim.world import NoteSaid, notes

Lie = Callable[[Byzantine], None]
Make = Callable[[Byzantine], tuple[int, str]]


def pictured(evil: Byzantine, blobs: list[tuple[bytes, int]], seed: str = "") -> int:
    """Append a note that shows blobs; each is (bytes served, size that the record states)."""
    shown: dict[str, object] = {}
    heads = []
    for data, size in blobs:
        digest = hashlib.sha256(data + seed.encode()).hexdigest() if seed else hashlib.sha256(data).hexdigest()
        shown["blob"] = {"sha256": digest, "size": size}
        heads.append(wire.Blob(digest, size))
    held = evil.issue(Picture(text="pictured", picture=shown))
    index = evil.add(held.bytes(evil.names("payload/picture")), blobs=tuple(heads))
    for place, (data, _) in enumerate(blobs):
        evil.blobs[index, place] = data
    return index


@pytest.mark.parametrize(
    ("served", "size", "seed", "code"),
    [
        (b"a picture", 9, "", ""),
        (b"", 0, "", ""),
        (b"another picture", 15, "x", "blob-malformed"),
        (b"short", 9, "", "blob-malformed"),
        (b"", 9, "x", "blob-missing"),
        (b"huge", wire.MAX_BLOB_BYTES + 1, "", "oversize"),
    ],
)
def test_a_wrong_blob_costs_its_entry_alone(served: bytes, size: int, seed: str, code: str) -> None:
    federation, victim, honest, evil = trap(f"blob-{served!r}-{code}", PICTURES)
    index = pictured(evil, [(served, size)], seed)
    beside = evil.say("beside it")
    federation.run(60_000)
    assert evil.codes()[index] == code
    assert evil.codes()[beside] == ""
    stands(federation, victim, honest, evil)


def test_a_blob_that_the_record_does_not_show_is_refused() -> None:
    federation, victim, honest, evil = trap("blob-not-shown", PICTURES)
    held = evil.issue(Picture(text="x", picture={"blob": {"sha256": "ab" * 32, "size": 5}}))
    index = evil.add(held.bytes(evil.names("payload/picture")), blobs=())
    other = evil.add(evil.issue(NoteSaid(text="x")).bytes(evil.names()), blobs=(wire.Blob("ab" * 32, 5),))
    true = evil.issue(Picture(text="x", picture={"blob": {"sha256": "ab" * 32, "size": True}}))
    third = evil.add(true.bytes(evil.names("payload/picture")), blobs=(wire.Blob("ab" * 32, 1),))
    path = evil.issue(Picture(text="x", picture={"blob": {"sha256": "../../x", "size": 1}}))
    fourth = evil.add(path.bytes(evil.names("payload/picture")))
    federation.run(60_000)
    codes = evil.codes()
    assert {codes[index], codes[other], codes[third]} == {"blob-malformed"}
    assert codes[fourth] == ""  # what is no digest is no blob: nobody asks for it
    stands(federation, victim, honest, evil)


def blob_answers(evil: Byzantine) -> list[bytes]:
    return [
        wire.pack_message(wire.BlobAnswer(channel=evil.channel, count=0), []),
        wire.pack_message(wire.BlobAnswer(channel=evil.channel, count=5), [b"x"] * 5),
        wire.pack_message(wire.Fault(code="NetworkError", sentence="ha"), []),
        wire.pack_message(wire.Fault(code="ServerError", sentence="ha"), []),
        wire.pack_message(evil.head(wire.Pull(evil.channel, 0, 1, 1, "", 0, 0, 0)), [evil.checkpoint(), b""]),
        b"noise",
    ]


@pytest.mark.parametrize("number", range(6))
def test_a_partner_that_serves_no_blobs_is_asked_again_later(number: int) -> None:
    federation, victim, honest, evil = trap(f"no-blobs-{number}", PICTURES)
    index = pictured(evil, [(b"a picture", 9)])
    evil.answers_blobs = lambda _asked: blob_answers(evil)[number]
    before = len(federation.wire)
    federation.run(60_000)
    assert len(federation.wire) - before < 1000
    evil.answers_blobs = evil.answer_blobs
    federation.run(60_000)
    assert evil.codes()[index] == ""
    stands(federation, victim, honest, evil)


def test_blobs_do_not_fill_the_memory() -> None:
    federation, victim, honest, evil = trap("blob-flood", PICTURES)
    most = 0
    for number in range(6):
        pictured(evil, [(bytes([number]) * (30 << 20), 30 << 20)])
    asked: list[int] = []

    def counted(pull: wire.BlobPull) -> bytes | None:
        asked.append(len(pull.items))
        return evil.answer_blobs(pull)

    evil.answers_blobs = counted
    federation.run(60_000)
    assert most <= max(asked) <= 3  # at most 64 MiB of blobs wait for one commit
    assert set(evil.codes().values()) == {""}
    stands(federation, victim, honest, evil)


def test_a_flood_of_what_might_be_cured_stops_at_the_quota() -> None:
    quota = 64_000
    federation, victim, honest, evil = trap("flood", limits=Limits(quarantine_bytes=quota))
    stray = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    for number in range(40):
        held = evil.issue(NoteSaid(text=f"{number}" + "x" * 4000, source="y"), key=stray)
        evil.add(held.bytes(evil.names()))
        if number % 8 == 0:
            federation.run(2_000)
    federation.run(60_000)
    codes = list(evil.codes().values())
    assert codes.count("unknown-key") > 5
    assert codes.count("quota") > 5
    kept = victim.store.query(
        "SELECT SUM(LENGTH(b.body)) FROM leaf_in l JOIN journal_body b ON b.seq = l.seq WHERE l.code <> ''"
    )
    assert kept[0][0] <= quota
    assert victim.store.query("SELECT quarantined FROM channel_in WHERE node = ?", (evil.name,))[0][0] <= quota
    before = victim.store.query("SELECT quarantined FROM channel_in ORDER BY channel")
    victim.store.rebuild()
    assert victim.store.query("SELECT quarantined FROM channel_in ORDER BY channel") == before
    stands(federation, victim, honest, evil)


def test_what_a_new_key_cures_is_let_in_once_and_said_so() -> None:
    federation, victim, honest, evil = trap("cure")
    new = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    index = evil.add(evil.issue(NoteSaid(text="cured", source="y"), key=new).bytes(evil.names()))
    federation.run(30_000)
    assert evil.codes()[index] == "unknown-key"
    assert notes(victim) == set()
    evil.keys[sign.Purpose.RECORD] = new
    evil.add(canonical.encode(evil.keyset(version=2)), kind="keys")
    federation.run(60_000)
    assert evil.codes()[index] == ""
    assert notes(victim) == {"cured"}
    assert {receipt.cured for receipt in evil.receipts if receipt.cured} == {(index,)}
    stands(federation, victim, honest, evil)
