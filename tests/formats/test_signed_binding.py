"""Signed bindings of STANAG 4778: what is signed verifies by the pinned certificate, and every way to make it say something else is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree

from kizuna.errors import ConfigError, KizunaError, RecordError, RefusedError, SignatureError
from kizuna.formats import signed_binding, stanag4778
from kizuna.formats.signed_binding import Signer, pinned, verify
from kizuna.formats.stanag4774 import ConfidentialityLabel
from kizuna.formats.stanag4778 import DETACHED, EMBEDDED, ENCAPSULATING, NAMESPACE
from kizuna.formats.xml_signature import DSIG, MORE, canonical

NOW_MS = 1_790_000_000_000
_PEM = serialization.Encoding.PEM
LABEL = ConfidentialityLabel(
    policy="ARDEN", classification="SHUT", policy_uri="", privacy_marks=(), categories=(), originator="arden",
    originator_kind="uniformResourceIdentifier", created_at="2030-01-01T00:00:00Z", review_at="", form="originatorConfidentialityLabel",
)  # fmt: skip
DATA = b"<plan>the plan</plan>"


def made(private: Any = None, days: int = 30) -> tuple[bytes, bytes]:
    """Return key and certificate in one file, and the certificate alone, PEM."""
    private = private or ec.generate_private_key(ec.SECP256R1())
    at = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "labels.example")])
    builder = x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
    algorithm = None if isinstance(private, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    ends = builder.not_valid_before(at - timedelta(days=60)).not_valid_after(at + timedelta(days=days))
    certificate = ends.sign(private, algorithm).public_bytes(_PEM)
    secret = private.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + certificate, certificate


FILE, CERTIFICATE = made()
SIGNER, PINNED = Signer(FILE), pinned(CERTIFICATE)


def bound(form: str, data: bytes = DATA, signer: Signer = SIGNER) -> bytes:
    return signed_binding.bind((LABEL,), data, form, signer, NOW_MS, "text/xml")


def beside(form: str) -> bytes | None:
    return DATA if form == DETACHED else None


@pytest.mark.parametrize("form", stanag4778.FORMS)
@pytest.mark.parametrize(
    "private",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()), lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: ec.generate_private_key(ec.SECP521R1()), lambda: rsa.generate_private_key(65_537, 2_048),
    ],
    ids=["p-256", "p-384", "p-521", "rsa"],
)  # fmt: skip
def test_what_is_signed_verifies_and_is_read_as_it_was(form: str, private: Callable[[], Any]) -> None:
    file, certificate = made(private())
    document = bound(form, signer=Signer(file))
    found = verify(document, pinned(CERTIFICATE + certificate), NOW_MS, beside(form))
    assert (found.binding.form, found.binding.labels, found.subject) == (form, (LABEL,), "CN=labels.example")
    assert stanag4778.read(document) == found.binding, "who does not verify reads the same"
    assert stanag4778.is_signed(document)
    assert not stanag4778.is_signed(stanag4778.bind((LABEL,), DATA, form))
    assert found.binding.data == (DATA if form == ENCAPSULATING else None)
    root = etree.fromstring(document)
    information = root if form != EMBEDDED else root[-1]
    assert etree.QName(information[0]).localname == "Signature", "where the standard puts it"
    with pytest.raises(SignatureError, match="by a certificate"):
        verify(document, PINNED, NOW_MS, beside(form))


def test_an_embedded_binding_leaves_the_document_as_it_was() -> None:
    document = b"<plan a='1'><![CDATA[x]]><!-- a word -->the plan</plan>"
    signed = bound(EMBEDDED, document)
    start, end = (
        signed.index(b"<mb:Binding"),
        signed.index(b"</mb:BindingInformation>") + len(b"</mb:BindingInformation>"),
    )
    assert signed[:start] + signed[end:] == document


# --- what is not what was signed --------------------------------------------------------------------------------------------------


def changed(document: bytes, old: bytes, new: bytes) -> bytes:
    assert document.count(old) == 1, old
    return document.replace(old, new)


def refused(document: bytes, why: str, data: bytes | None = None, trusted: Any = PINNED, now_ms: int = NOW_MS) -> None:
    with pytest.raises(KizunaError, match=why):
        verify(document, trusted, now_ms, data)


@pytest.mark.parametrize("form", stanag4778.FORMS)
def test_another_label_or_other_data_is_refused(form: str) -> None:
    document = bound(form)
    refused(changed(document, b"SHUT", b"OPEN"), "not what was signed", beside(form))
    refused(changed(document, b"ARDEN", b"ARDEM"), "not what was signed", beside(form))
    if form == DETACHED:
        refused(document, "not what was signed", DATA + b" ")
        with pytest.raises(RefusedError, match="give the data"):
            verify(document, PINNED, NOW_MS)
    elif form == EMBEDDED:
        refused(changed(document, b"the plan", b"a plan"), "not what was signed")
        refused(document.replace(b"<plan>", b"<plan old='1'>"), "not what was signed")
        refused(b"<?xml-stylesheet href='x'?>" + document, "outside")
        refused(b"<around>" + document + b"</around>", "not what was signed")
    else:
        refused(changed(document, base64.b64encode(DATA), base64.b64encode(b"other")), "not what was signed")


def test_a_binding_of_one_file_does_not_serve_another() -> None:
    one, other = bound(DETACHED), bound(DETACHED, b"another plan")
    start, end = b"<ds:Signature ", b"</ds:Signature>"
    signature = other[other.index(start) : other.index(end) + len(end)]
    held = one[: one.index(start)] + signature + one[one.index(end) + len(end) :]
    refused(held, "refer", DATA)
    address = stanag4778.digest_address(DATA).encode()
    refused(one.replace(address, stanag4778.digest_address(b"another plan").encode()), "does not verify", DATA)


def test_a_second_signature_and_a_missing_one_are_refused() -> None:
    document = bound(ENCAPSULATING)
    start, end = document.index(b"<ds:Signature "), document.index(b"</ds:Signature>") + len(b"</ds:Signature>")
    signature = document[start:end]
    refused(document[:end] + signature + document[end:], "2 elements `Signature`")
    refused(document[:start] + document[end:], "0 elements `Signature`")
    refused(changed(document, b"</ds:KeyInfo>", b"</ds:KeyInfo><ds:Object/>"), "parts that this profile")


def test_a_signature_is_not_wrapped_around_something_else() -> None:
    """The signed binding is kept, where it counts for nothing, and another one stands where a reader looks."""
    document = bound(ENCAPSULATING)
    start, end = (
        document.index(b"<mb:MetadataBinding "),
        document.index(b"</mb:MetadataBinding>") + len(b"</mb:MetadataBinding>"),
    )
    signed = document[start:end]
    forged = signed.replace(b"SHUT", b"OPEN")
    other = forged.replace(b'Id="binding-', b'Id="other-')
    for inner in (signed + other, other + signed, other + b"<mb:Extra>" + signed + b"</mb:Extra>", forged + signed):
        refused(document[:start] + inner + document[end:], "parts `MetadataBinding`|elements `MetadataBinding`")
    hidden = changed(document, b"</ds:Signature>", b"<ds:Object>" + signed + b"</ds:Object></ds:Signature>")
    refused(hidden.replace(signed, other, 2).replace(other, signed, 1), "elements `MetadataBinding`")
    inside = signed.replace(f"{NAMESPACE}".encode(), b"urn:other")
    wrapped = b"<a:x xmlns:a='urn:a'>" + inside.replace(b"mb:", b"a:") + b"</a:x>"
    refused(document[:start] + other + wrapped + document[end:], "do not stand|no `Id`|refer")
    twice = other.replace(b"<mb:Metadata>", b'<mb:Metadata id="' + signed.split(b'"')[1] + b'">')
    refused(document[:start] + twice + document[end:], "refer")
    embedded = bound(EMBEDDED)
    refused(
        changed(embedded, b"<plan>", b"<plan><x Id='" + embedded.split(b'Id="')[1].split(b'"')[0] + b"'/>"), "no `Id`"
    )


def test_a_bare_key_beside_the_certificate_counts_for_nothing() -> None:
    document, end = bound(ENCAPSULATING), b"</ds:X509Data>"
    for rubbish in (
        b"<k:DEREncodedKeyValue xmlns:k='http://www.w3.org/2009/xmldsig11#'/>",
        b"<ds:KeyValue><k:ECKeyValue xmlns:k='http://www.w3.org/2009/xmldsig11#'/></ds:KeyValue>",
        b"<ds:KeyValue/>",
    ):
        refused(changed(document, end, end + rubbish), "does not verify")


def test_a_comment_does_not_split_what_was_signed() -> None:
    found = verify(changed(bound(ENCAPSULATING), b">SHUT<", b">SH<!-- -->UT<"), PINNED, NOW_MS)
    assert found.binding.labels == (LABEL,)


def test_a_document_type_is_refused() -> None:
    refused(b'<!DOCTYPE a [<!ENTITY x "y">]>' + bound(ENCAPSULATING).partition(b"?>")[2], "document type")


# --- signatures that a key was asked for, in a way that does not count -------------------------------------------------------------


def resigned(change: Callable[[etree._Element], None], sign: Callable[[bytes], bytes] = SIGNER.sign) -> bytes:
    """Return a binding whose `SignedInfo` was changed and then signed again by the same key."""
    root = etree.fromstring(bound(ENCAPSULATING))
    info = root.find(f".//{{{DSIG}}}SignedInfo")
    assert info is not None
    change(info)
    value = root.find(f".//{{{DSIG}}}SignatureValue")
    assert value is not None
    value.text = base64.b64encode(sign(canonical(info))).decode()
    return bytes(etree.tostring(root))


def put(path: str, **attributes: str) -> Callable[[etree._Element], None]:
    def change(info: etree._Element) -> None:
        found = info.find("/".join(f"{{{DSIG}}}{step}" for step in path.split("/")))
        assert found is not None
        found.attrib.update(attributes)

    return change


def test_signed_again_unchanged_it_verifies() -> None:
    assert verify(resigned(lambda _: None), PINNED, NOW_MS).binding.labels == (LABEL,)


def test_sha_1_is_refused() -> None:
    private = serialization.load_pem_private_key(FILE, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    refused(resigned(put("SignatureMethod", Algorithm=f"{MORE}ecdsa-sha1")), "method")

    def weak(info: etree._Element) -> None:
        put("Reference/DigestMethod", Algorithm=f"{DSIG}sha1")(info)
        root = info.getroottree().getroot()
        (binding,) = root.iter(f"{{{NAMESPACE}}}MetadataBinding")
        (value,) = info.iter(f"{{{DSIG}}}DigestValue")
        value.text = base64.b64encode(hashlib.sha1(canonical(binding)).digest()).decode()  # noqa: S324 # what is refused

    refused(resigned(weak), "digest")


def test_the_public_key_is_not_taken_for_a_secret() -> None:
    (certificate,) = PINNED
    secrets = [
        CERTIFICATE, certificate.public_bytes(serialization.Encoding.DER),
        certificate.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    ]  # fmt: skip
    for secret in secrets:
        by_mac = resigned(
            put("SignatureMethod", Algorithm=f"{MORE}hmac-sha256"),
            lambda data, key=secret: hmac.digest(key, data, "sha256"),
        )
        refused(by_mac, "method")


def test_references_and_transforms_are_those_of_the_profile() -> None:
    def more(info: etree._Element) -> None:
        extra = etree.fromstring(etree.tostring(info[2]))
        extra.set("URI", "")
        info.append(extra)

    def fewer(info: etree._Element) -> None:
        info.remove(info[2])

    def stylesheet(info: etree._Element) -> None:
        steps = info.find(f"{{{DSIG}}}Reference/{{{DSIG}}}Transforms")
        assert steps is not None
        etree.SubElement(steps, f"{{{DSIG}}}Transform", Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116")

    for change in (more, fewer, stylesheet, put("Reference", URI=""), put("Reference", URI="http://example.invalid/a")):
        refused(resigned(change), "refer")
    refused(
        resigned(put("CanonicalizationMethod", Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315")),
        "canonical",
    )


def test_a_signature_of_another_key_under_the_pinned_name_is_refused() -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    refused(resigned(lambda _: None, Signer(made(stranger)[0]).sign), "does not verify")
    rsa_file, rsa_certificate = made(rsa.generate_private_key(65_537, 2_048))
    private = serialization.load_pem_private_key(rsa_file, None)
    assert isinstance(private, rsa.RSAPrivateKey)
    by_rsa = resigned(
        put("SignatureMethod", Algorithm=f"{MORE}rsa-sha256"),
        lambda data: private.sign(data, padding.PKCS1v15(), hashes.SHA256()),
    )
    refused(by_rsa, "does not verify")
    refused(by_rsa, "by a certificate", trusted=pinned(rsa_certificate))


def test_a_certificate_counts_in_its_period_alone() -> None:
    document, day = bound(ENCAPSULATING), 86_400_000
    refused(document, "out of its period", now_ms=NOW_MS + 31 * day)
    refused(document, "out of its period", now_ms=NOW_MS - 61 * day)
    with pytest.raises(SignatureError, match="out of its period"):
        bound(ENCAPSULATING, signer=Signer(made(days=-1)[0]))
    refused(document, "by a certificate", trusted=())


def test_keys_that_are_not_of_the_profile_are_refused() -> None:
    for private in (
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65_537, 1_024),  # noqa: S505 # what is refused
        ec.generate_private_key(ec.SECP256K1()),
    ):
        file, certificate = made(private)
        with pytest.raises(ConfigError):
            Signer(file)
        with pytest.raises(ConfigError):
            pinned(certificate)
    for text in (b"", CERTIFICATE, FILE[: FILE.index(b"-----BEGIN CERT")], made()[0][:250] + CERTIFICATE):
        with pytest.raises(ConfigError):
            Signer(text)
    with pytest.raises(ConfigError, match="not the key of its certificate"):
        Signer(FILE[: FILE.index(b"-----BEGIN CERT")] + made()[1])
    with pytest.raises(ConfigError):
        pinned(b"no certificate")


def test_what_is_to_be_signed_and_cannot_be_covered_is_refused() -> None:
    with pytest.raises(RecordError, match="outside"):
        bound(EMBEDDED, b"<?old way?><plan>x</plan>")
    with pytest.raises(RecordError, match="already"):
        bound(EMBEDDED, bound(EMBEDDED))
