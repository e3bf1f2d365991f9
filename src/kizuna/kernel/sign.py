"""Ed25519 over DSSE's pre-authentication encoding: the only place where wire signatures are made and judged.

Libraries disagree on edge cases of Ed25519; a partner that can craft a signature which one node accepts and another refuses can split a
federation. The wire's rule is libsodium's: S below the group order, canonical A, small-order A and R refused. Signatures are verified one at
a time, never in batches, and by no other library.
"""

from __future__ import annotations

import hashlib
from binascii import a2b_base64, b2a_base64
from enum import StrEnum
from functools import lru_cache

import msgspec
import nacl.bindings
import nacl.exceptions

from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import canonical

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_SMALL_ORDER = frozenset(
    bytes.fromhex(text)
    for text in (
        # the eight points of order 1, 2, 4 and 8 with their non-canonical spellings (RFC 8032 §5.1.3 arithmetic)
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)


class Purpose(StrEnum):
    """What a key is for; a key signs for one purpose alone."""

    ROOT = "root"
    RECORD = "record"
    CHECKPOINT = "checkpoint"
    RECEIPT = "receipt"
    BUNDLE = "bundle"
    SEAL = "seal"
    TLS = "tls"


PAYLOAD_TYPES = {
    "statement": "application/vnd.kizuna.statement.v1+json",
    "receipt": "application/vnd.kizuna.receipt.v1+json",
    "bundle": "application/vnd.kizuna.bundle-manifest.v1+json",
    "keyset": "application/vnd.kizuna.keyset.v1+json",
    "keyset.v2": "application/vnd.kizuna.keyset.v2+json",
    "key-revocation": "application/vnd.kizuna.key-revocation.v1+json",
    "instrument": "application/vnd.kizuna.instrument-signature.v1+json",
}
"""One DSSE payload type for each purpose, so that bytes signed for one can never be shown as another."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE v1's pre-authentication encoding: what is signed and what a record's id is the hash of."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Accept a signature by libsodium's rule.

    Raises:
        SignatureError: the signature is not that key's over that message.
    """
    if len(signature) != SIGNATURE_BYTES or len(public_key) != KEY_BYTES:
        raise SignatureError(f"a signature has {SIGNATURE_BYTES} bytes and a key {KEY_BYTES}")
    try:
        nacl.bindings.crypto_sign_open(signature + message, public_key)
    except nacl.exceptions.BadSignatureError as error:
        raise SignatureError("the signature does not verify under this key") from error


def check_public_key(public_key: bytes) -> None:
    """Accept a public key for enrolment.

    Raises:
        SignatureError: the bytes are no point of the curve's prime-order group in canonical form.
    """
    if len(public_key) != KEY_BYTES:
        raise SignatureError(f"an ed25519 public key has {KEY_BYTES} bytes, not {len(public_key)}")
    masked = public_key[:-1] + bytes([public_key[-1] & 0x7F])
    if masked in _SMALL_ORDER or not nacl.bindings.crypto_core_ed25519_is_valid_point(public_key):
        raise SignatureError("not an acceptable ed25519 public key: ask the partner for a freshly made one")


@lru_cache(maxsize=256)  # asked for with each record that is verified
def key_id(purpose: str, public_key: bytes) -> str:
    """Return the 32 hex digits that name a key in statements and envelopes."""
    digest = hashlib.sha256(b"kizuna.key.v1\0" + purpose.encode() + b"\0" + public_key)
    return digest.hexdigest()[:32]


class SigningKey:
    """A private Ed25519 key, made from a 32-byte seed, for one purpose."""

    __slots__ = ("_secret", "key_id", "public", "purpose")

    def __init__(self, seed: bytes, purpose: str = Purpose.RECORD) -> None:
        self.public, self._secret = nacl.bindings.crypto_sign_seed_keypair(seed)
        self.purpose = str(purpose)
        self.key_id = key_id(self.purpose, self.public)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over the message."""
        return nacl.bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]


class EnvelopeSignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature of a DSSE envelope."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"payload_type": "payloadType"}):
    """A DSSE v1 envelope with exactly one signature."""

    payload: str
    payload_type: str
    signatures: tuple[EnvelopeSignature]

    def payload_bytes(self) -> bytes:
        """Return the signed bytes.

        Raises:
            RecordError: the payload is not standard base64 in its one spelling.
        """
        return _strict_b64(self.payload)

    def signature_bytes(self) -> bytes:
        """Return the 64 bytes of the one signature.

        Raises:
            RecordError: it is not standard base64 in its one spelling, or of another length.
        """
        signature = _strict_b64(self.signatures[0].sig)
        if len(signature) != SIGNATURE_BYTES:
            raise RecordError(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
        return signature

    @property
    def key_id(self) -> str:
        """The id of the key that signed."""
        return self.signatures[0].keyid


def _strict_b64(text: str) -> bytes:
    try:
        data = a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise RecordError("the envelope holds text that is not base64") from error
    if _b64(data) != text:
        raise RecordError("the envelope holds a second spelling of its base64")
    return data


def _b64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def seal(kind: str, payload: bytes, key: SigningKey) -> Envelope:
    """Return the envelope of a payload, signed by one key; `kind` names a row of `PAYLOAD_TYPES`."""
    return enclose(kind, payload, key.key_id, key.sign(pae(PAYLOAD_TYPES[kind], payload)))


def enclose(kind: str, payload: bytes, keyid: str, signature: bytes) -> Envelope:
    """Return the envelope of a payload and the signature that the named key made over it."""
    signatures = (EnvelopeSignature(keyid, _b64(signature)),)
    return Envelope(_b64(payload), PAYLOAD_TYPES[kind], signatures)


def unseal(kind: str, envelope: Envelope, public_key: bytes) -> bytes:
    """Return the payload of an envelope after verifying its one signature.

    Raises:
        RecordError: the envelope is malformed or of another payload type.
        SignatureError: the signature does not verify.
    """
    if envelope.payload_type != PAYLOAD_TYPES[kind]:
        raise RecordError(f"expected a `{kind}` envelope, got payload type `{envelope.payload_type[:80]}`")
    payload = envelope.payload_bytes()
    verify(public_key, pae(envelope.payload_type, payload), envelope.signature_bytes())
    return payload


def read_envelope(data: bytes) -> Envelope:
    """Return the envelope in canonical bytes.

    Raises:
        RecordError: the bytes are not one canonical DSSE envelope with exactly one signature.
    """
    return canonical.decode(data, type=Envelope)
