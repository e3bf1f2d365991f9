"""TLS between nodes: a node's own certificate, and contexts that trust exactly the certificates which partners' roots have certified.

There is no certificate authority. A certificate is self-signed and counts because its SHA-256 stands in the key set that its party's root signed;
its names are labels for people. Who may connect is therefore a list of `Pin`s, made anew from the journal whenever it changes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import re
import ssl
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kizuna.errors import ConfigError, SignatureError
from kizuna.node.facts import Partner

VALID_DAYS = 730
_DAY_MS = 86_400_000
_BACKDATED_MS = 3_600_000
"""So that a partner whose clock is a little behind accepts a certificate made just now."""
_MOST_COMMON_NAME = 64
_ADDRESS = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}").fullmatch


@dataclass(frozen=True)
class TlsFiles:
    """Where a node keeps its TLS certificate and private key, both PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Pin:
    """One partner's certificate (DER) as its party's root certified it, and the address `host:port` where its node listens; may be empty."""

    node: str
    certificate: bytes
    address: str

    @property
    def sha256(self) -> bytes:
        """The digest that a TLS peer must show."""
        return hashlib.sha256(self.certificate).digest()


# --- making a certificate ---------------------------------------------------------------------------------------------------------


def new_private_key() -> bytes:
    """Return a fresh P-256 private key, PEM, unencrypted: keep it where only the node's own account can read it."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def self_signed(node: str, hosts: Sequence[str], private_key: bytes, now_ms: int, serial: int) -> bytes:
    """Return the node's self-signed certificate, PEM; the same arguments give the same bytes (RFC 6979).

    Args:
        node: The node's name, which becomes the common name.
        hosts: Names and IP addresses under which the node listens.
        private_key: The P-256 key, PEM.
        now_ms: The present, milliseconds UTC; valid from an hour before for `VALID_DAYS` days.
        serial: A positive number of up to 159 bits that was not used before.

    Raises:
        ConfigError: the key is no P-256 key, or a name or the serial does not fit into a certificate.
    """
    try:
        key = serialization.load_pem_private_key(private_key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ConfigError("the tls key is not a p-256 key: make it anew with `kizuna init`")
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node[:_MOST_COMMON_NAME])])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(_instant(now_ms - _BACKDATED_MS))
            .not_valid_after(_instant(now_ms + VALID_DAYS * _DAY_MS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
        made = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"no certificate can be made for `{node}`: {error}") from error
    return made.public_bytes(serialization.Encoding.PEM)


def _instant(at_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC)


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


# --- reading one ------------------------------------------------------------------------------------------------------------------


def read_certificate(pem: bytes) -> x509.Certificate:
    """Return the one certificate of a PEM text.

    Raises:
        SignatureError: there is none, more than one, or it is malformed.
    """
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise SignatureError("a tls certificate is malformed: ask for a new card") from error
    if len(found) != 1:
        raise SignatureError(f"a card carries one tls certificate, this one `{len(found)}`")
    return found[0]


def certificate_sha256(pem: bytes) -> str:
    """Return the SHA-256 of a PEM certificate's DER bytes, hex: what a key set certifies as `tls_sha256`."""
    return hashlib.sha256(_der(pem)).hexdigest()


def certificate_ends_ms(pem: bytes) -> int:
    """Return when a PEM certificate ceases to be valid, milliseconds UTC."""
    return int(read_certificate(pem).not_valid_after_utc.timestamp()) * 1000


def _der(pem: bytes) -> bytes:
    return read_certificate(pem).public_bytes(serialization.Encoding.DER)


def _leaf(pem: bytes) -> bytes:
    """Return the DER bytes of a certificate that can vouch for no other.

    Raises:
        SignatureError: it is malformed, or it does not say that it is no authority: trusting it would trust whatever it signs.
    """
    certificate = read_certificate(pem)
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise SignatureError("a tls certificate does not say that it is no authority: ask for a new card") from error
    if constraints.ca:
        raise SignatureError("a tls certificate is an authority's: ask for a new card")
    return certificate.public_bytes(serialization.Encoding.DER)


def pins_of(partners: Iterable[Partner]) -> tuple[Pin, ...]:
    """Return whom to trust, by node name: partners whose certificate is the one that their newest key set certifies.

    A certificate that two partners claim proves neither, so it is left out for both. An address that is not `host:port` counts as none.
    """
    found = []
    for partner in partners:
        try:
            der = _leaf(partner.certificate_pem.encode())
        except SignatureError:
            continue
        if hashlib.sha256(der).hexdigest() == partner.keyset.tls_sha256:
            address = partner.address if _ADDRESS(partner.address) else ""
            found.append(Pin(partner.node, der, address))
    claims = Counter(pin.certificate for pin in found)
    return tuple(sorted((pin for pin in found if claims[pin.certificate] == 1), key=_by_node))


def _by_node(pin: Pin) -> str:
    return pin.node


# --- contexts ---------------------------------------------------------------------------------------------------------------------


def server_context(files: TlsFiles, pins: Sequence[Pin]) -> ssl.SSLContext:
    """Return a context that asks for a client certificate and accepts those of the pins alone.

    It names no client authorities: who our partners are is not told to whoever knocks. Session tickets are off, so that every connection
    shows its certificate again.

    Raises:
        ConfigError: certificate or key cannot be read.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, files, pins)
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0
    return context


def client_context(files: TlsFiles, pin: Pin) -> ssl.SSLContext:
    """Return a context that accepts one partner's certificate and no other.

    The host name is not compared: the certificate itself is pinned, which says more than a name in it, and a partner may move to another address
    without a new certificate.

    Raises:
        ConfigError: certificate or key cannot be read.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, files, [pin])


def _context(protocol: int, files: TlsFiles, pins: Sequence[Pin]) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # the certificate is pinned, see `client_context`
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"tls certificate and key cannot be loaded ({error}): make them with `kizuna init`",
            where=str(files.certificate),
        ) from error
    for pin in pins:
        context.load_verify_locations(cadata=pin.certificate)
    return context
