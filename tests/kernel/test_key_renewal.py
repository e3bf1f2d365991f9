"""Key sets that carry their certificate, and revocations: the same rules as ever, and the root's signature on each."""

from __future__ import annotations

import msgspec
import pytest

from kizuna.errors import KizunaError, RecordError, SignatureError
from kizuna.kernel import canonical, keys, sign
from tests.kernel.test_keys import HELD, KEYSET, ROOT, SMALL_ORDER, SMALL_X25519, seed

NEXT = keys.KeySetV2(
    certificate=canonical.b64(b"a certificate"),
    keys=keys.public_keys(HELD),
    made_at_ms=KEYSET.made_at_ms + 1,
    node=KEYSET.node,
    party=KEYSET.party,
    previous_until_ms=KEYSET.made_at_ms + 1_000,
    seal=KEYSET.seal,
    version=2,
)
REVOKED = keys.Revocation(
    channel="kizuna/ind/delhi/to/jpn/yokosuka",
    compromised=True,
    epoch=0,
    made_at_ms=KEYSET.made_at_ms,
    node="ind/delhi",
    party="ind",
    size=7,
    version=1,
)
OTHER = sign.SigningKey(seed("other root"), sign.Purpose.ROOT)


def read(**changes: object) -> keys.KeySet:
    envelope = keys.certify(msgspec.structs.replace(NEXT, **changes), ROOT)
    return keys.read_keyset(envelope, ROOT.public, newer_than=1)


def test_a_key_set_with_its_certificate_is_read() -> None:
    assert read() == NEXT
    assert NEXT.tls_sha256 in keys.marks(NEXT)
    assert keys.marks(NEXT) > set(NEXT.keys.values()) | {NEXT.seal}
    assert msgspec.structs.replace(NEXT, certificate="").tls_sha256 == ""


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_a_rotated_key_of_small_order_is_refused(public: str) -> None:
    for purpose in keys.NODE_PURPOSES:
        with pytest.raises(SignatureError):
            read(keys=NEXT.keys | {str(purpose): canonical.b64(bytes.fromhex(public))})


@pytest.mark.parametrize("public", SMALL_X25519)
def test_a_rotated_seal_of_small_order_is_refused(public: str) -> None:
    with pytest.raises(SignatureError):
        read(seal=canonical.b64(bytes.fromhex(public)))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 1},
        {"node": "jpn/delhi"},
        {"certificate": "="},
        {"certificate": canonical.b64(bytes(keys.MAX_CERTIFICATE_BYTES + 1))},
        {"previous_until_ms": -1},
        {"keys": {"record": NEXT.keys["record"]}},
        {"keys": NEXT.keys | {"record": NEXT.keys["bundle"]}},
    ],
)
def test_a_key_set_that_breaks_a_rule_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(KizunaError):
        read(**changes)


def test_one_format_is_not_read_as_the_other() -> None:
    for kind, said in (("keyset", NEXT), ("keyset.v2", KEYSET)):
        with pytest.raises(RecordError):
            keys.read_keyset(sign.seal(kind, canonical.encode(said), ROOT), ROOT.public)


def test_a_revocation_is_the_roots() -> None:
    assert keys.read_revocation(keys.revoke(REVOKED, ROOT), ROOT.public) == REVOKED
    with pytest.raises(SignatureError):
        keys.read_revocation(keys.revoke(REVOKED, OTHER), ROOT.public)
    with pytest.raises(RecordError):
        keys.read_revocation(keys.certify(NEXT, ROOT), ROOT.public)


@pytest.mark.parametrize(
    "changes", [{"version": 0}, {"size": -1}, {"compromised": False}, {"party": "jpn"}, {"node": "ind/"}]
)
def test_a_revocation_that_says_what_it_cannot_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(RecordError):
        keys.read_revocation(keys.revoke(msgspec.structs.replace(REVOKED, **changes), ROOT), ROOT.public)
