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

MAX_CERTIFICATE_BYTES = 8192

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


class _Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every format of a key set holds: `keys` maps a signing purpose to a public key, `seal` is the X25519 key that bundles are sealed to."""

    keys: dict[str, str]
    made_at_ms: int
    node: str
    party: str
    seal: str
    version: int

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


class KeySetV1(_Keys, frozen=True, forbid_unknown_fields=True):
    """A node's public keys at one version, as the party's root signs them; `tls_sha256` is the digest of its TLS certificate (DER)."""

    tls_sha256: str


class KeySetV2(_Keys, frozen=True, forbid_unknown_fields=True):
    """A key set that carries the TLS certificate itself (DER, base64url), so that a new one needs no new card.

    Until `previous_until_ms` the certificate of the version before counts beside it.
    """

    certificate: str
    previous_until_ms: int

    @property
    def tls_sha256(self) -> str:
        """The digest of the certificate, hex; empty where there is none."""
        return hashlib.sha256(canonical.unb64(self.certificate)).hexdigest() if self.certificate else ""


KeySet = KeySetV1 | KeySetV2


def marks(keyset: KeySet) -> frozenset[str]:
    """Return all that must be one node's alone: its public keys and, where it has one, its certificate's digest, as they are written."""
    return frozenset({*keyset.keys.values(), keyset.seal, keyset.tls_sha256}) - {""}


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A party's word that a version of a node's keys signs no more, for one channel that the node writes.

    Where `compromised`, what stands at `size` of `epoch` or later there does not count, else what stands after this statement; validity goes by
    position and never by a time that the signer of an entry states.
    """

    channel: str
    compromised: bool
    epoch: int
    made_at_ms: int
    node: str
    party: str
    size: int
    version: int


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
    kind = "keyset" if isinstance(keyset, KeySetV1) else "keyset.v2"
    return sign.seal(kind, canonical.encode(keyset), root)


def revoke(revocation: Revocation, root: sign.SigningKey) -> sign.Envelope:
    """Return the revocation signed by the party's root."""
    return sign.seal("key-revocation", canonical.encode(revocation), root)


def is_revocation(envelope: sign.Envelope) -> bool:
    """Return whether a signed statement about keys says that it revokes; nothing in it is verified."""
    return envelope.payload_type == sign.PAYLOAD_TYPES["key-revocation"]


def read_revocation(envelope: sign.Envelope, root_public: bytes) -> Revocation:
    """Return a revocation that the root signed.

    Raises:
        RecordError: it is malformed.
        SignatureError: the root did not sign it.
    """
    revocation = canonical.decode(sign.unseal("key-revocation", envelope, root_public), type=Revocation)
    _check_node(revocation.node, revocation.party)
    where = (revocation.epoch, revocation.size)
    if revocation.version < 1 or min(where) < 0 or (not revocation.compromised and where != (0, 0)):
        raise RecordError("a revocation names a version, and a place in the channel only where the key is compromised")
    return revocation


def _check_node(node: str, party: str) -> None:
    of, _, name = node.partition("/")
    if not PARTY(party) or party != of or not _is_node_name(name):
        raise RecordError(f"node `{node[:80]}` is not a `party/name` of party `{party[:40]}`")


def read_keyset(envelope: sign.Envelope, root_public: bytes, *, newer_than: int = 0) -> KeySet:
    """Return a key set that the root signed, every key of it checked.

    Raises:
        RecordError: it is malformed, or not newer than the version held.
        SignatureError: the root did not sign it, or a key is unacceptable or serves two purposes.
    """
    sign.check_public_key(root_public)
    keyset = _decoded(envelope, root_public)
    if keyset.version <= newer_than:
        raise RecordError(f"key set version `{keyset.version}` is not newer than `{newer_than}`")
    _check_node(keyset.node, keyset.party)
    if set(keyset.keys) != {str(purpose) for purpose in NODE_PURPOSES}:
        raise RecordError(f"a key set has one key for each of `{'`, `'.join(NODE_PURPOSES)}`")
    publics = [keyset.public(purpose) for purpose in NODE_PURPOSES] + [root_public]
    if len(set(publics)) != len(publics):
        raise SignatureError(f"the key set of `{keyset.node}` uses one key for two purposes")
    for public in publics:
        sign.check_public_key(public)
    _check_sealing_key(keyset)
    return keyset


def _decoded(envelope: sign.Envelope, root_public: bytes) -> KeySet:
    if envelope.payload_type == sign.PAYLOAD_TYPES["keyset"]:
        return canonical.decode(sign.unseal("keyset", envelope, root_public), type=KeySetV1)
    keyset = canonical.decode(sign.unseal("keyset.v2", envelope, root_public), type=KeySetV2)
    if len(canonical.unb64(keyset.certificate)) > MAX_CERTIFICATE_BYTES or keyset.previous_until_ms < 0:
        raise RecordError(f"a key set carries a certificate of at most {MAX_CERTIFICATE_BYTES} bytes, and an instant")
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
