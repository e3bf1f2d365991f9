"""The signature of a CISE message: enveloped XML-DSig over what its stylesheet leaves, by an X.509 certificate in the message.

A profile of that network and of nothing else: no key, certificate or signature of it is ever one of ours elsewhere. Its transform is a stylesheet
that every message repeats; it is not run, but compared with the one that is known, whose effect is written here in Python: names without
namespaces, no attributes, no white space between elements, no signature. SHA-1 is taken in, and told to be weak.

Sources: W3C XML Signature Syntax and Processing 1.1, Exclusive XML Canonicalization 1.0; ETSI GS CDM 005.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from kizuna.errors import ConfigError, RecordError, SignatureError
from kizuna.formats.cise import SIGNATURE
from kizuna.formats.xml_signature import (
    DSIG,
    ENVELOPED,
    EXCLUSIVE,
    LEAST_RSA_BITS,
    MORE,
    algorithm_of,
    bytes_of,
    canonical,
)

_XSL = "http://www.w3.org/1999/XSL/Transform"
_XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
_SIGNED_BY: dict[str, type[hashes.SHA1 | hashes.SHA256 | hashes.SHA512]] = {
    f"{DSIG}rsa-sha1": hashes.SHA1,
    f"{MORE}rsa-sha256": hashes.SHA256,
    f"{MORE}rsa-sha512": hashes.SHA512,
}
_DIGESTS = {
    f"{DSIG}sha1": "sha1",
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_BLANK = " \t\r\n"
_STYLESHEET = (
    f'<xsl:stylesheet xmlns:xsl="{_XSL}" xmlns:s="{DSIG}" version="1.0"><xsl:strip-space elements="*"/>'
    '<xsl:output indent="no" method="xml" omit-xml-declaration="yes"/><xsl:template match="*[not(self::s:Signature)]">'
    '<xsl:element name="{local-name()}"><xsl:apply-templates select="*|text()"/></xsl:element></xsl:template>'
    '<xsl:template match="s:Signature"/></xsl:stylesheet>'
)
"""The transform as it stands in what we sign. `indent` says `no`, which processors accept that refuse the usual `false`."""


class Signer(msgspec.Struct, frozen=True):
    """Who signed a message, and whether the way is one that should count no more."""

    subject: str
    weak: bool


class Key:
    """A private key of that network with its certificate."""

    def __init__(self, key_pem: bytes, certificate_pem: bytes) -> None:
        try:
            key = serialization.load_pem_private_key(key_pem, None)
            self.certificate = x509.load_pem_x509_certificate(certificate_pem)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigError("key or certificate of the CISE adaptor is no PEM file without a password") from error
        if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != self.certificate.public_key():
            raise ConfigError("the key of the CISE adaptor is not the RSA key of its certificate")
        self.private = key


def authorities(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates under which others' count.

    Raises:
        ConfigError: there is none in the text.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise ConfigError("the authorities of the CISE adaptor are no PEM certificates") from error


def essence(root: etree._Element) -> bytes:
    """Return what the stylesheet leaves of a message, canonical: element names without namespace, and text that is not blank."""
    parts: list[str] = []
    waiting: list[etree._Element | str] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            parts.append(node)
            continue
        if node.tag == SIGNATURE or not isinstance(node.tag, str):
            continue
        name = etree.QName(node).localname
        parts.append(f"<{name}>{_shown(node.text)}")
        waiting.append(f"</{name}>")
        for child in reversed(node):
            waiting += [_shown(child.tail), child]
    return "".join(parts).encode()


def _shown(text: str | None) -> str:
    if not text or not text.strip(_BLANK):
        return ""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def verify(root: etree._Element, trusted: Sequence[x509.Certificate], now_ms: int) -> Signer:
    """Return who signed a message.

    Raises:
        RecordError: it bears no signature of this form.
        SignatureError: digest, signature or certificate do not verify, or the certificate is no authority's.
    """
    found = root.findall(SIGNATURE)
    if len(found) != 1:
        raise SignatureError("the message does not bear one signature")
    signature = found[0]
    info = signature.find(f"{{{DSIG}}}SignedInfo")
    if info is None:
        raise RecordError("the signature signs nothing")
    weak = _check_digest(root, info)
    certificate = _certificate(signature)
    method = algorithm_of(info, "SignatureMethod")
    algorithm = _SIGNED_BY.get(method)
    key = certificate.public_key()
    if (
        algorithm is None
        or algorithm_of(info, "CanonicalizationMethod") != EXCLUSIVE
        or not isinstance(key, rsa.RSAPublicKey)
    ):
        raise RecordError(f"signature method `{method[:80]}` is not one of this profile's")
    if key.key_size < LEAST_RSA_BITS:
        raise SignatureError("the key of the signature is too short")
    value = bytes_of(signature, f"{{{DSIG}}}SignatureValue")
    if not any(_verifies(key, value, form, algorithm()) for form in _forms(info)):
        raise SignatureError("the signature does not verify")
    _check_certificate(certificate, trusted, now_ms)
    return Signer(certificate.subject.rfc4514_string(), weak or algorithm is hashes.SHA1)


def _verifies(key: rsa.RSAPublicKey, value: bytes, data: bytes, algorithm: hashes.HashAlgorithm) -> bool:
    try:
        key.verify(value, data, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _forms(info: etree._Element) -> list[bytes]:
    """Return what may have been signed: as it stands, and as it was before somebody indented it."""
    plain = etree.fromstring(
        etree.tostring(info, with_tail=False), etree.XMLParser(remove_blank_text=True, resolve_entities=False)
    )
    return [canonical(info), canonical(plain)]


def _check_digest(root: etree._Element, info: etree._Element) -> bool:
    """Accept the digest of the message; return whether its algorithm is weak."""
    references = info.findall(f"{{{DSIG}}}Reference")
    if len(references) != 1 or references[0].get("URI") != "":
        raise RecordError("the signature does not refer to the whole message, and to it alone")
    (reference,) = references
    transforms = reference.findall(f"{{{DSIG}}}Transforms/{{{DSIG}}}Transform")
    if [each.get("Algorithm") for each in transforms] != [_XSLT, ENVELOPED] or not _is_known(transforms[0]):
        raise RecordError("the signature transforms the message in another way than this profile")
    name = _DIGESTS.get(algorithm_of(reference, "DigestMethod"))
    if name is None:
        raise RecordError("the digest of the message is of no known kind")
    if hashlib.new(name, essence(root)).digest() != bytes_of(reference, f"{{{DSIG}}}DigestValue"):
        raise SignatureError("the message is not what was signed")
    return name == "sha1"


def _is_known(transform: etree._Element) -> bool:
    """Return whether a transform is the stylesheet of this profile, but for how it would be written out."""
    known = etree.fromstring(_STYLESHEET)
    return len(transform) == 1 and _sheet(transform[0]) == _sheet(known)


def _sheet(node: etree._Element) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    return [
        (str(each.tag), tuple(sorted((str(name), str(value)) for name, value in each.attrib.items())))
        for each in node.iter()
        if each.tag != f"{{{_XSL}}}output"
    ]


def _certificate(signature: etree._Element) -> x509.Certificate:
    data = bytes_of(signature, f"{{{DSIG}}}KeyInfo/{{{DSIG}}}X509Data/{{{DSIG}}}X509Certificate")
    try:
        return x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise SignatureError("the message brings no certificate that can be read") from error


def _check_certificate(certificate: x509.Certificate, trusted: Sequence[x509.Certificate], now_ms: int) -> None:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise SignatureError("the certificate of the message is out of its period")
    for authority in trusted:
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        if authority.not_valid_before_utc <= now <= authority.not_valid_after_utc:
            return
    raise SignatureError("the certificate of the message is issued by no authority that is trusted here")


def sign(root: etree._Element, key: Key, *, unsafe_sha1: bool = False) -> None:
    """Put a signature into a message, after its payload or its services."""
    method = f"{DSIG}rsa-sha1" if unsafe_sha1 else f"{MORE}rsa-sha256"
    digest = f"{DSIG}sha1" if unsafe_sha1 else "http://www.w3.org/2001/04/xmlenc#sha256"
    value = base64.b64encode(hashlib.new(_DIGESTS[digest], essence(root)).digest()).decode()
    info = (
        f'<SignedInfo xmlns="{DSIG}"><CanonicalizationMethod Algorithm="{EXCLUSIVE}"/><SignatureMethod Algorithm="{method}"/>'
        f'<Reference URI=""><Transforms><Transform Algorithm="{_XSLT}">{_STYLESHEET}</Transform><Transform Algorithm="{ENVELOPED}"/>'
        f'</Transforms><DigestMethod Algorithm="{digest}"/><DigestValue>{value}</DigestValue></Reference></SignedInfo>'
    )
    signed = key.private.sign(canonical(etree.fromstring(info)), padding.PKCS1v15(), _SIGNED_BY[method]())
    certificate = base64.b64encode(key.certificate.public_bytes(serialization.Encoding.DER)).decode()
    whole = (
        f'<Signature xmlns="{DSIG}">{info}<SignatureValue>{base64.b64encode(signed).decode()}</SignatureValue>'
        f"<KeyInfo><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></Signature>"
    )
    before = next(
        (each for name in ("Payload", "Recipient", "Sender", "RequiresAck") if (each := root.find(name)) is not None),
        None,
    )
    place = len(root) if before is None else root.index(before) + 1
    root.insert(place, etree.fromstring(whole))
