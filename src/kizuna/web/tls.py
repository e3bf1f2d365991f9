"""TLS between nodes: contexts that trust exactly the certificates which partners' roots have certified.

There is no certificate authority. A certificate is self-signed and counts because its SHA-256 stands in the key set that its party's root signed;
its names are labels for people. Who may connect is therefore a list of `Pin`s, made anew from the journal whenever it changes.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from kizuna.errors import ConfigError, RecordError, SignatureError
from kizuna.kernel import canonical, keys
from kizuna.node.held.facts import Partner

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
    former: tuple[bytes, ...] = ()
    """Certificates of earlier keys that still count beside it for a while."""

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Every certificate that counts."""
        return (self.certificate, *self.former)

    @property
    def digests(self) -> frozenset[bytes]:
        """The digests of which a TLS peer must show one."""
        return frozenset(hashlib.sha256(each).digest() for each in self.certificates)


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


def _leaf(certificate: x509.Certificate) -> bytes:
    """Return the DER bytes of a certificate that can vouch for no other.

    Raises:
        SignatureError: it does not say that it is no authority: trusting it would trust whatever it signs.
    """
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise SignatureError("a tls certificate does not say that it is no authority: ask for a new card") from error
    if constraints.ca:
        raise SignatureError("a tls certificate is an authority's: ask for a new card")
    return certificate.public_bytes(serialization.Encoding.DER)


def pins_of(partners: Iterable[Partner]) -> tuple[Pin, ...]:
    """Return whom to trust, by node name: partners whose certificate is one that a key set of theirs certifies which is not revoked.

    A certificate that two partners claim proves neither, so it is left out for both. An address that is not `host:port` counts as none.
    """
    found = []
    for partner in partners:
        shown = [der for der in (_certified(partner, keyset) for keyset in partner.valid) if der]
        if shown:
            address = partner.address if _ADDRESS(partner.address) else ""
            found.append(Pin(partner.node, shown[0], address, tuple(shown[1:])))
    claims = Counter(each for pin in found for each in set(pin.certificates))
    alone = (pin for pin in found if all(claims[each] == 1 for each in pin.certificates))
    return tuple(sorted(alone, key=_by_node))


def _certified(partner: Partner, keyset: keys.KeySet) -> bytes:
    """Return the certificate (DER) of a key set: carried by it, or by the card for the set that names its digest; empty where there is none."""
    try:
        if isinstance(keyset, keys.KeySetV2):
            return _leaf(x509.load_der_x509_certificate(canonical.unb64(keyset.certificate)))
        der = _leaf(read_certificate(partner.certificate_pem.encode()))
    except (SignatureError, RecordError, ValueError):
        return b""
    return der if hashlib.sha256(der).hexdigest() == keyset.tls_sha256 else b""


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
    # Without it a certificate is looked up by its subject alone, and two of one name stand in each other's way.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"tls certificate and key cannot be loaded ({error}): make them with `kizuna init`",
            where=str(files.certificate),
        ) from error
    for pin in pins:
        for certificate in pin.certificates:
            context.load_verify_locations(cadata=certificate)
    return context
