"""Who signs for whom: a party's root certifies each node's key set; a partner's card carries both.

A party holds one root key, kept offline. A node has one key for each purpose; the root signs the set with a version that only grows. Two people
read the card's fingerprint to each other before it is pinned. Private keys and files are the node's business.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec

from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import canonical, sign
from kizuna.kernel.label import PARTY

_is_node_name = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}").fullmatch
"""What stands after `party/` in a node's name: it is part of channel names, so it holds no space, slash or plus."""

NODE_PURPOSES = (sign.Purpose.RECORD, sign.Purpose.CHECKPOINT, sign.Purpose.RECEIPT, sign.Purpose.BUNDLE)


_P = 2**255 - 19
_SMALL_X25519 = frozenset(
    {
        0,
        1,
        0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
        0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
        _P - 1,
        _P,
        _P + 1,
    }
)
"""The points of order 1, 2, 4 and 8 of curve25519 and its twist, with second spellings (RFC 7748 §6.1)."""


class KeySet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node's public keys at one version, as the party's root signs them.

    `keys` maps a signing purpose to a public key, `seal` is the X25519 key that bundles are sealed to, `tls_sha256` the digest of the node's
    TLS certificate (DER).
    """

    keys: dict[str, str]
    made_at_ms: int
    node: str
    party: str
    seal: str
    tls_sha256: str
    version: int

    @property
    def marks(self) -> frozenset[str]:
        """Everything that must be this node's alone: its public keys and, where it has one, its certificate's digest, as they are written."""
        return frozenset({*self.keys.values(), self.seal, self.tls_sha256}) - {""}

    def public(self, purpose: str) -> bytes:
        """Return the 32-byte public key for a purpose.

        Raises:
            SignatureError: the set has no key for it.
        """
        text = self.keys.get(purpose)
        if text is None:
            raise SignatureError(f"the key set of `{self.node}` has no `{purpose}` key")
        return canonical.unb64(text)

    def key_id(self, purpose: str) -> str:
        """Return the id of the key for a purpose."""
        return sign.key_id(purpose, self.public(purpose))


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a partner hands over to be enrolled: root key, certified key set, TLS certificate and address."""

    address: str
    certificate_pem: str
    keyset: sign.Envelope
    root: str

    @property
    def root_bytes(self) -> bytes:
        """The party's root public key."""
        return canonical.unb64(self.root)


def certify(keyset: KeySet, root: sign.SigningKey) -> sign.Envelope:
    """Return the key set signed by the party's root."""
    return sign.seal("keyset", canonical.encode(keyset), root)


def read_keyset(envelope: sign.Envelope, root_public: bytes, *, newer_than: int = 0) -> KeySet:
    """Return a key set that the root signed, every key of it checked.

    Raises:
        RecordError: it is malformed, or not newer than the version held.
        SignatureError: the root did not sign it, or a key is unacceptable or serves two purposes.
    """
    sign.check_public_key(root_public)
    keyset = canonical.decode(sign.unseal("keyset", envelope, root_public), type=KeySet)
    if keyset.version <= newer_than:
        raise RecordError(f"key set version `{keyset.version}` is not newer than `{newer_than}`")
    party, _, name = keyset.node.partition("/")
    if not PARTY(keyset.party) or party != keyset.party or not _is_node_name(name):
        raise RecordError(f"node `{keyset.node[:80]}` is not a `party/name` of party `{keyset.party[:40]}`")
    if set(keyset.keys) != {str(purpose) for purpose in NODE_PURPOSES}:
        raise RecordError(f"a key set has one key for each of `{'`, `'.join(NODE_PURPOSES)}`")
    publics = [keyset.public(purpose) for purpose in NODE_PURPOSES] + [root_public]
    if len(set(publics)) != len(publics):
        raise SignatureError(f"the key set of `{keyset.node}` uses one key for two purposes")
    for public in publics:
        sign.check_public_key(public)
    _check_sealing_key(keyset)
    return keyset


def _check_sealing_key(keyset: KeySet) -> None:
    seal = canonical.unb64(keyset.seal)
    if len(seal) != sign.KEY_BYTES:
        raise SignatureError(f"the sealing key of `{keyset.node}` has not {sign.KEY_BYTES} bytes")
    if int.from_bytes(seal, "little") % (1 << 255) in _SMALL_X25519:
        raise SignatureError(f"the sealing key of `{keyset.node}` is of small order: everyone could open the seal")


def read_card(data: bytes) -> tuple[Card, KeySet]:
    """Return a partner's card and its verified key set.

    Raises:
        RecordError: the card is malformed.
        SignatureError: its root did not sign its key set.
    """
    card = canonical.decode(data, type=Card)
    return card, read_keyset(card.keyset, card.root_bytes)


def fingerprint(card: bytes) -> str:
    """Return what two people read to each other: eight groups of four hex digits of the card's SHA-256."""
    text = hashlib.sha256(b"kizuna.card.v1\0" + card).hexdigest()[:32]
    return " ".join(text[i : i + 4] for i in range(0, 32, 4))


def public_keys(keys: Mapping[str, sign.SigningKey]) -> dict[str, str]:
    """Return the public halves, base64url, by purpose."""
    return {str(purpose): canonical.b64(keys[purpose].public) for purpose in NODE_PURPOSES}
