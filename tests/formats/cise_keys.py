"""Keys and certificates of a small network of that kind, made for a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from kizuna.formats.cise_signature import Key

NOW_MS = 1_790_000_000_000
_PEM = serialization.Encoding.PEM


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _made(name: str, issuer: str, key: rsa.RSAPrivateKey, by: rsa.RSAPrivateKey, days: int) -> x509.Certificate:
    at = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    builder = x509.CertificateBuilder(_name(issuer), _name(name), key.public_key(), x509.random_serial_number())
    return (
        builder.not_valid_before(at - timedelta(days=3_000))
        .not_valid_after(at + timedelta(days=days))
        .sign(by, hashes.SHA256())
    )


class Network:
    """An authority, and participants whom it certifies."""

    def __init__(self, name: str = "signing-ca.example") -> None:
        self.name = name
        self._key = rsa.generate_private_key(65_537, 2_048)
        self.authority = _made(name, name, self._key, self._key, 3_000)

    @property
    def authorities(self) -> bytes:
        return self.authority.public_bytes(_PEM)

    def participant(self, name: str, days: int = 3_000) -> tuple[bytes, bytes]:
        """Return key and certificate, PEM."""
        key = rsa.generate_private_key(65_537, 2_048)
        secret = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return secret, _made(name, self.name, key, self._key, days).public_bytes(_PEM)

    def key(self, name: str, days: int = 3_000) -> Key:
        return Key(*self.participant(name, days))
