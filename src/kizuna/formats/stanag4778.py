"""A label bound to data after STANAG 4778 (ADatP-4778): around the data, beside it, or inside it.

*Encapsulating*: the binding holds the data. *Detached*: the binding is a file of its own and names the data by the digest of RFC 6920, so that other
data is told from it, or by any other address, which proves nothing. *Embedded*: the binding stands inside an XML document and refers to the whole of
it by an empty address. Its XML signatures are `kizuna.formats.signed_binding`'s; in Kizuna the record that carries a file signs its digest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from kizuna.errors import RecordError
from kizuna.formats import stanag4774, xml_safe
from kizuna.formats.stanag4774 import ConfidentialityLabel
from kizuna.formats.xml_safe import name_of, text_of

NAMESPACE = "urn:nato:stanag:4778:bindinginformation:1:0"
ENCAPSULATING, DETACHED, EMBEDDED = "encapsulating", "detached", "embedded"
FORMS = (ENCAPSULATING, DETACHED, EMBEDDED)
_XMIME = "http://www.w3.org/2005/05/xmlmime"
_SIGNATURE = ("http://www.w3.org/2000/09/xmldsig#", "Signature")
_DIGEST = "ni:///sha-256;"
_END_TAG = re.compile(rb"</[^<>]+>\Z").search
_DECLARED = re.compile(rb"\A\s*<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']").match


@dataclass(frozen=True, kw_only=True)
class Binding:
    """Labels bound to data; `data` is what the binding itself holds, `references` are the addresses of what it does not."""

    form: str
    labels: tuple[ConfidentialityLabel, ...]
    references: tuple[str, ...] = ()
    data: bytes | None = None
    media_type: str = ""


def read(document: bytes) -> Binding:
    """Return the one binding in a document: its root, or somewhere inside it.

    Raises:
        RecordError: there is none or more than one, or it is malformed.
    """
    root = xml_safe.parse(document, "the binding")
    found = [element for element in root.iter() if name_of(element) == (NAMESPACE, "BindingInformation")]
    if len(found) != 1:
        raise RecordError(
            f"the document holds {len(found)} bindings of STANAG 4778: exactly one says how it is labelled"
        )
    bindings = [
        child
        for holder in _named(found[0], "MetadataBindingContainer")
        for child in _named(holder, "MetadataBinding")
    ]  # fmt: skip
    if len(bindings) != 1:
        raise RecordError(f"the binding has {len(bindings)} parts `MetadataBinding`: one is read")
    return _binding(bindings[0], inside=found[0] is not root)


def is_signed(document: bytes) -> bool:
    """Return whether a document bears an XML signature, whoever made it.

    Raises:
        RecordError: it is malformed, out of bounds, or declares a document type.
    """
    return any(name_of(each) == _SIGNATURE for each in xml_safe.parse(document, "the binding").iter())


def _named(parent: ET.Element, local: str) -> Iterator[ET.Element]:
    return (child for child in parent if name_of(child) == (NAMESPACE, local))


def _binding(element: ET.Element, *, inside: bool) -> Binding:
    labels = tuple(
        stanag4774.of_element(child)
        for metadata in _named(element, "Metadata")
        for child in metadata
        if stanag4774.is_label(child)
    )
    references = tuple(child.get("URI", "") for child in _named(element, "DataReference"))
    held = list(_named(element, "Data"))
    if not labels or len(held) > 1 or bool(held) is bool(references):
        raise RecordError("a binding has a label, and either one `Data` or what a `DataReference` names: mend the file")
    if not held:
        if inside and references != ("",):
            raise RecordError("an embedded binding is of the document in which it stands: its `URI` is empty")
        return Binding(form=EMBEDDED if inside else DETACHED, labels=labels, references=references)
    try:
        data = base64.b64decode("".join(text_of(held[0]).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RecordError("`Data` of the binding is no base64: write it again from the file") from error
    return Binding(form=ENCAPSULATING, labels=labels, data=data, media_type=held[0].get(f"{{{_XMIME}}}contentType", ""))


def bind(labels: Sequence[ConfidentialityLabel], data: bytes, form: str, media_type: str = "", name: str = "") -> bytes:
    """Return a document in which labels are bound to `data`: an originator's and its alternatives.

    Where `form` is `EMBEDDED`, `data` is the XML document that takes the binding in. `name` is the `Id` by which a signature means the binding.

    Raises:
        RecordError: the form is not known, or `data` is to take a label in and is no UTF-8 XML document that can.
    """
    if form == ENCAPSULATING:
        return _document(labels, "", base64.b64encode(data).decode(), media_type, name)
    if form == DETACHED:
        return _document(labels, digest_address(data), "", media_type, name)
    if form != EMBEDDED:
        raise RecordError(f"`{form[:40]}` is no form of binding: choose {', '.join(FORMS)}")
    return _embedded(labels, data, name)


def _document(labels: Sequence[ConfidentialityLabel], address: str, held: str, media_type: str, name: str) -> bytes:
    made = _element(labels, address, held, media_type, name)
    return bytes(ET.tostring(made, encoding="utf-8", xml_declaration=True)) + b"\n"


def _element(labels: Sequence[ConfidentialityLabel], address: str, held: str, media_type: str, name: str) -> ET.Element:
    root = ET.Element("mb:BindingInformation", {"xmlns:mb": NAMESPACE, "xmlns:xmime": _XMIME})
    binding = ET.SubElement(
        ET.SubElement(root, "mb:MetadataBindingContainer"), "mb:MetadataBinding", {"Id": name} if name else {}
    )
    ET.SubElement(binding, "mb:Metadata").extend(stanag4774.element_of(label) for label in labels)
    attributes = {"xmime:contentType": media_type} if media_type else {}
    if held:
        ET.SubElement(binding, "mb:Data", attributes).text = held
    else:
        ET.SubElement(binding, "mb:DataReference", {"URI": address, **attributes})
    return root


def _embedded(labels: Sequence[ConfidentialityLabel], document: bytes, name: str) -> bytes:
    root = xml_safe.parse(document, "the document")
    declared = _DECLARED(document)
    if any(name_of(element)[0] == NAMESPACE for element in root.iter()):
        raise RecordError("the document has a binding already: take it out first, one says how it is labelled")
    if declared is not None and declared[1].lower() not in {b"utf-8", b"us-ascii"}:
        raise RecordError(f"the document is in `{declared[1].decode()[:20]}`: give it in UTF-8")
    end = _end_of_root(document)
    made = document[:end] + bytes(ET.tostring(_element(labels, "", "", "", name), encoding="utf-8")) + document[end:]
    read(made)
    return made


def _end_of_root(document: bytes) -> int:
    """Return where the root's end tag begins: what may follow it are comments, instructions and space."""
    rest = document.rstrip()
    while rest.endswith((b"-->", b"?>")):
        rest = rest[: rest.rfind(b"<!--" if rest.endswith(b"-->") else b"<?")].rstrip()
    found = _END_TAG(rest, max(rest.rfind(b"</"), 0))
    if found is None:
        raise RecordError("the document's root is empty or ends strangely: it takes no binding in")
    return found.start()


def digest_address(data: bytes) -> str:
    """Return the address of data by its SHA-256 digest, RFC 6920."""
    return _DIGEST + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def is_bound(binding: Binding, data: bytes) -> bool:
    """Return whether a binding is of just this data: it holds it, or names its digest; any other address proves nothing."""
    return data == binding.data if binding.data is not None else digest_address(data) in binding.references
