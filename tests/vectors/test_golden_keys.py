"""Golden bytes of key sets that carry their certificate, of revocations, and of what a restored writer asks back: made again and read, for ever."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from kizuna.kernel import canonical, keys, sign
from kizuna.kernel.bundle import sealing_public
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.returned import check_returned
from kizuna.kernel.merkle import Tree
from tests.vectors.test_golden_channel import GOLDEN as CHANNEL
from tests.vectors.test_golden_channel import signer

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "keys-v2.json").read_text(encoding="utf-8"))


def seed(name: str) -> bytes:
    return hashlib.sha256(f"{GOLDEN['seeds']} {name}".encode()).digest()


def test_the_key_set_is_made_again_and_read() -> None:
    keyset = keys.KeySetV2(
        certificate=canonical.b64(b"certificate of version 2"),
        keys=keys.public_keys({str(p): sign.SigningKey(seed(p), p) for p in keys.NODE_PURPOSES}),
        made_at_ms=1_795_000_000_000,
        node="ind/fusion-delhi",
        party="ind",
        previous_until_ms=1_797_592_000_000,
        seal=canonical.b64(sealing_public(seed("seal"))),
        version=2,
    )
    assert canonical.encode(keyset).decode() == GOLDEN["keyset"]
    root = signer("root")
    assert canonical.encode(keys.certify(keyset, root)).decode() == GOLDEN["keyset_envelope"]
    envelope = sign.read_envelope(GOLDEN["keyset_envelope"].encode())
    assert keys.read_keyset(envelope, root.public, newer_than=1) == keyset
    assert keyset.tls_sha256 == hashlib.sha256(b"certificate of version 2").hexdigest()


def test_the_revocation_is_made_again_and_read() -> None:
    revocation = canonical.decode(GOLDEN["revocation"].encode(), type=keys.Revocation)
    assert (revocation.channel, revocation.version, revocation.epoch, revocation.size) == (CHANNEL["channel"], 1, 1, 2)
    root = signer("root")
    assert canonical.encode(keys.revoke(revocation, root)).decode() == GOLDEN["revocation_envelope"]
    envelope = sign.read_envelope(GOLDEN["revocation_envelope"].encode())
    assert keys.is_revocation(envelope)
    assert keys.read_revocation(envelope, root.public) == revocation


def test_what_is_asked_back_and_given_reads_back_and_is_accepted() -> None:
    for name, text in GOLDEN["messages"].items():
        head, parts = wire.unpack_message(bytes.fromhex(text))
        assert wire.pack_message(head, parts).hex() == text
        assert canonical.encode(head).decode() == GOLDEN["heads"][name]
    head, parts = wire.unpack_message(bytes.fromhex(GOLDEN["messages"]["returned"]))
    assert isinstance(head, wire.Returned)
    left = Tree([bytes.fromhex(CHANNEL["entries"][0]["leaf"])])
    back, grown = check_returned(CHANNEL["channel"], left, head, parts, [signer("checkpoint").public])
    assert [shown.header_bytes.decode() for shown in back.entries] == [CHANNEL["entries"][1]["header"]]
    assert (grown.size, back.whole, back.blobs) == (2, False, ((b"",),))
