"""A binding of STANAG 4778 with its cryptographic artefact: an XML signature over the label, what it is bound to, and the data itself.

The signature stands first in `BindingInformation` and refers to the one `MetadataBinding` by its `Id`, and to each data object by the address that
the binding names: the octets of a detached file, or, by the empty address, the whole document around an embedded binding. Exclusive canonical form,
SHA-384 digests; ECDSA or RSA by an X.509 certificate. Verifying is the library's (`signxml`); what it verified is alone read on, and it is asked only
about signatures of just this shape: one signature, the expected references and transforms, a certificate that the caller has pinned. Signing is
written here, for the library signs no address outside the document. Needs the extra `kizuna[xmldsig]`.

Sources: ADatP-4778 Edition A, ADatP-4778.2 Edition A, annex A, as far as published descriptions tell them; W3C XML Signature 1.1; RFC 9231.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidCertificate, InvalidDigest, SignXMLException
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from kizuna.errors import ConfigError, RecordError, RefusedError, SignatureError
from kizuna.formats import stanag4778
from kizuna.formats.stanag4774 import ConfidentialityLabel
from kizuna.formats.stanag4778 import NAMESPACE, Binding
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

METHODS = frozenset({
    SignatureMethod.ECDSA_SHA256, SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512, SignatureMethod.RSA_SHA256,
    SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512, SignatureMethod.SHA256_RSA_MGF1, SignatureMethod.SHA384_RSA_MGF1,
    SignatureMethod.SHA512_RSA_MGF1,
})  # fmt: skip
"""By which a signature counts: none that a public key could be a secret of, none by SHA-1."""
DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_CURVES: dict[str, tuple[int, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]]] = {
    "secp256r1": (256, hashes.SHA256),
    "secp384r1": (384, hashes.SHA384),
    "secp521r1": (512, hashes.SHA512),
}
_SHA384 = f"{MORE}sha384"
_INSIDE = (b"<signed>", b"</signed>")
_BEGIN = f'<mb:BindingInformation xmlns:mb="{NAMESPACE}"><mb:MetadataBindingContainer>'.encode()
_END = b"</mb:MetadataBindingContainer></mb:BindingInformation>"
_FAULTS = (
    SignXMLException,
    etree.LxmlError,
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,  # the library asserts what a file may lack
)


@dataclass(frozen=True)
class Verified:
    """What a signature stands for: the binding as it was signed, and whose certificate it is."""

    binding: Binding
    subject: str


class Signer:
    """A private key and its certificate, which sign bindings and nothing of ours."""

    def __init__(self, pem: bytes) -> None:
        try:
            private = serialization.load_pem_private_key(pem, None)
            self.certificate = x509.load_pem_x509_certificates(pem)[0]
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigError(
                "the signer's file is not pem with a key without a password and its certificate"
            ) from error
        if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise ConfigError("the signer's key is neither rsa nor of an elliptic curve of nist: give another")
        if private.public_key() != self.certificate.public_key():
            raise ConfigError("the signer's key is not the key of its certificate: mend the file")
        _check_key(self.certificate)
        self._private = private
        self.method = f"{MORE}rsa-sha256"
        if isinstance(private, ec.EllipticCurvePrivateKey):
            self.method = f"{MORE}ecdsa-sha{_CURVES[private.curve.name][0]}"

    def sign(self, data: bytes) -> bytes:
        """Return the signature of bytes, by `method`."""
        if isinstance(self._private, rsa.RSAPrivateKey):
            return self._private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        found = self._private.sign(data, ec.ECDSA(_CURVES[self._private.curve.name][1]()))
        size = (self._private.key_size + 7) // 8
        return b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(found))


def pinned(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates by which signatures count.

    Raises:
        ConfigError: there is none in the text, or a key is too short or of no known kind.
    """
    try:
        found = tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise ConfigError("there is no pem certificate in the file: give those whose signatures count") from error
    for certificate in found:
        _check_key(certificate)
    return found


def _check_key(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS:
        return
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise ConfigError(
            f"the certificate's key is neither rsa of {LEAST_RSA_BITS} bits nor of a curve p-256, p-384 or p-521: give another"
        )


# --- signing ----------------------------------------------------------------------------------------------------------------------


def bind(
    labels: Sequence[ConfidentialityLabel], data: bytes, form: str, signer: Signer, now_ms: int, media_type: str = ""
) -> bytes:
    """Return a document in which labels are bound to `data` as `kizuna.formats.stanag4778.bind` does, and signed.

    Raises:
        RecordError: the form is not known, or `data` is to take a label in and cannot, or not so that all of it is signed.
        SignatureError: the signer's certificate is out of its period.
    """
    name = "binding-" + hashlib.sha256(data).hexdigest()[:16]
    made = stanag4778.bind(labels, data, form, media_type, name)
    root = _parsed(made)
    if form == stanag4778.EMBEDDED:
        _check_alone(root)
    found = stanag4778.read(made)
    label = ("#" + name, (EXCLUSIVE,), canonical(_one(root, "MetadataBinding")))
    digests: list[tuple[str, tuple[str, ...], bytes]] = [label]
    for address in found.references:
        steps = () if address else (ENVELOPED, EXCLUSIVE)
        digests.append((address, steps, data if address else canonical(root)))
    signature = _signature(digests, signer)
    at = made.rindex(b"<mb:MetadataBindingContainer>")
    signed = made[:at] + signature + made[at:]
    verify(signed, (signer.certificate,), now_ms, data if form == stanag4778.DETACHED else None)
    return signed


def _signature(digests: Sequence[tuple[str, tuple[str, ...], bytes]], signer: Signer) -> bytes:
    root = etree.Element(f"{{{DSIG}}}Signature", nsmap={"ds": DSIG})

    def add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
        made = etree.SubElement(parent, f"{{{DSIG}}}{name}", attributes)
        made.text = text or None
        return made

    info = add(root, "SignedInfo")
    add(info, "CanonicalizationMethod", Algorithm=EXCLUSIVE)
    add(info, "SignatureMethod", Algorithm=signer.method)
    for address, transforms, data in digests:
        reference = add(info, "Reference", URI=address)
        if transforms:
            steps = add(reference, "Transforms")
            for algorithm in transforms:
                add(steps, "Transform", Algorithm=algorithm)
        add(reference, "DigestMethod", Algorithm=_SHA384)
        add(reference, "DigestValue", base64.b64encode(hashlib.sha384(data).digest()).decode())
    add(root, "SignatureValue", base64.b64encode(signer.sign(canonical(info))).decode())
    der = signer.certificate.public_bytes(serialization.Encoding.DER)
    add(add(add(root, "KeyInfo"), "X509Data"), "X509Certificate", base64.b64encode(der).decode())
    return bytes(etree.tostring(root))


# --- verifying --------------------------------------------------------------------------------------------------------------------


def verify(document: bytes, trusted: Sequence[x509.Certificate], now_ms: int, data: bytes | None = None) -> Verified:
    """Return the binding that one of the certificates has signed, read from the signed bytes alone; `data` is what a detached one is of.

    Raises:
        RecordError: there is not one binding, or the document is malformed.
        RefusedError: a detached binding is to be verified without its data.
        SignatureError: it is not signed, not in this shape, not by one of these certificates in its period, or label or data is another.
    """
    inside = stanag4778.read(document).form == stanag4778.EMBEDDED
    root = _parsed(document)
    signature, binding = _parts(root, inside=inside)
    expected = _expected(root, binding, inside=inside)
    if any(address and not address.startswith("#") for address, _ in expected) and data is None:
        raise RefusedError("the binding is of data beside it: give the data, for the signature covers it")
    _check_shape(signature, expected)
    certificate = _certificate(signature, trusted)
    results = _verified(root, certificate, len(expected), now_ms, data)
    before, after = _INSIDE if inside else (b"", b"")
    found = stanag4778.read(before + _BEGIN + results[0].signed_data + _END + after)
    return Verified(found, certificate.subject.rfc4514_string())


def _verified(
    root: etree._Element, certificate: x509.Certificate, count: int, now_ms: int, data: bytes | None
) -> list[VerifyResult]:
    config = SignatureConfiguration(
        require_x509=True, location=".//", expect_references=count, signature_methods=METHODS, digest_algorithms=DIGESTS,
        verification_time=datetime.fromtimestamp(now_ms / 1000, UTC),
    )  # fmt: skip
    try:
        found = XMLVerifier().verify(
            root, x509_cert=certificate, id_attribute="Id", expect_config=config, uri_resolver=lambda _address: data
        )
    except InvalidDigest as error:
        raise SignatureError("the label or the data is not what was signed") from error
    except InvalidCertificate as error:
        raise SignatureError("the certificate of the signature is out of its period") from error
    except _FAULTS as error:
        raise SignatureError(f"the signature does not verify ({type(error).__name__})") from error
    results = found if isinstance(found, list) else [found]
    signed = results[0].signed_xml
    if len(results) != count or signed is None or signed.tag != f"{{{NAMESPACE}}}MetadataBinding":
        raise SignatureError("the signature does not cover the binding")
    return results


def _parsed(document: bytes) -> etree._Element:
    """Return the root of a document that `stanag4778.read` has taken: bounded, without document type. Comments, which nobody signs, are left out."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, huge_tree=False
    )
    try:
        root: etree._Element = etree.fromstring(document, parser)
    except etree.LxmlError as error:
        raise RecordError("the binding is no well-formed xml") from error
    return root


def _one(root: etree._Element, name: str, namespace: str = NAMESPACE) -> etree._Element:
    found = list(root.iter(f"{{{namespace}}}{name}"))
    if len(found) != 1:
        raise SignatureError(f"the document has {len(found)} elements `{name}`: a signed binding has one")
    return found[0]


def _parts(root: etree._Element, *, inside: bool) -> tuple[etree._Element, etree._Element]:
    """Return signature and binding, each the only one of the document and in its own place."""
    information = _one(root, "BindingInformation")
    container, binding = _one(root, "MetadataBindingContainer"), _one(root, "MetadataBinding")
    signature = _one(root, "Signature", DSIG)
    if list(information) != [signature, container] or list(container) != [binding] or (information is root) is inside:
        raise SignatureError("signature and binding do not stand where the standard puts them")
    if inside:
        _check_alone(root)
    return signature, binding


def _check_alone(root: etree._Element) -> None:
    """Accept a document that is nothing but its root: what stands outside is not covered by a signature of the whole."""
    if root.getprevious() is not None or root.getnext() is not None:
        raise RecordError(
            "an instruction stands outside of the document's root, where no signature covers it: remove it"
        )


def _expected(root: etree._Element, binding: etree._Element, *, inside: bool) -> list[tuple[str, list[str]]]:
    """Return the references that such a binding's signature has, each with its transforms."""
    name = binding.get("Id", "")
    same = [each for each in root.iter() for key, value in each.attrib.items() if _is_id(str(key)) and value == name]
    if not name or same != [binding]:
        raise SignatureError("the binding has no `Id` of its own, by which a signature could mean it")
    addresses = [each.get("URI", "") for each in binding.findall(f"{{{NAMESPACE}}}DataReference")]
    if inside:
        return [("#" + name, [EXCLUSIVE]), ("", [ENVELOPED, EXCLUSIVE])]
    if len(addresses) > 1 or any(not address or address.startswith("#") for address in addresses):
        raise SignatureError("the signed binding is of several files, or of a part of itself: one file is verified")
    return [("#" + name, [EXCLUSIVE]), *((address, []) for address in addresses)]


def _is_id(name: str) -> bool:
    return etree.QName(name).localname.lower() == "id"


def _check_shape(signature: etree._Element, expected: Sequence[tuple[str, list[str]]]) -> None:
    """Accept a signature that is made of just what this profile makes it of."""
    info = signature.find(f"{{{DSIG}}}SignedInfo")
    names = [
        etree.QName(child).localname if isinstance(child.tag, str) else ""  # type: ignore[redundant-expr] # a comment's is a function
        for child in signature
    ]
    if info is None or names not in (["SignedInfo", "SignatureValue", "KeyInfo"], ["SignedInfo", "SignatureValue"]):
        raise SignatureError("the signature has parts that this profile does not know")
    if algorithm_of(info, "CanonicalizationMethod") != EXCLUSIVE or len(info[0]):
        raise SignatureError("the signature is not over the exclusive canonical form")
    method = algorithm_of(info, "SignatureMethod")
    if method not in {each.value for each in METHODS}:
        raise SignatureError(f"signature method `{method[:80]}` is not taken: sign by ecdsa or rsa with sha-2")
    references = info.findall(f"{{{DSIG}}}Reference")
    said = [(each.get("URI"), _transforms(each)) for each in references]
    if said != [(address, list(steps)) for address, steps in expected] or len(info) != 2 + len(references):
        raise SignatureError("the signature does not refer to the binding and its data, to just these and in this way")
    for each in references:
        digest = algorithm_of(each, "DigestMethod")
        if digest not in {kind.value for kind in DIGESTS}:
            raise SignatureError(f"digest `{digest[:80]}` is not taken: use sha-2")


def _transforms(reference: etree._Element) -> list[str]:
    """Return the algorithms of a reference's transforms; one with parameters is named by none."""
    steps = reference.findall(f"{{{DSIG}}}Transforms/{{{DSIG}}}Transform")
    return ["" if len(step) or (step.text or "").strip() else step.get("Algorithm", "") for step in steps]


def _certificate(signature: etree._Element, trusted: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return the pinned certificate that the signature shows; what it shows beside that, and any bare key, counts for nothing."""
    shown = {bytes_of(each, ".") for each in signature.iter(f"{{{DSIG}}}X509Certificate")}
    fitting = [each for each in trusted if not shown or each.public_bytes(serialization.Encoding.DER) in shown]
    if len(fitting) != 1:
        raise SignatureError("the signature is not by a certificate that was given to verify it with")
    return fitting[0]
