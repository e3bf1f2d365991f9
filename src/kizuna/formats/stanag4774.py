"""Confidentiality labels as XML after STANAG 4774 (ADatP-4774), both ways.

A label names a policy, a classification of it, and categories: restrictive ones (all must be met), permissive ones (one must be met) and informative
ones. Whatever part is not known here is an error and never passed over: it might restrict. What policy and categories mean is told by the policy's
file (`kizuna.formats.spif`); what a label binds to, by `kizuna.formats.stanag4778`.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from kizuna.errors import RecordError
from kizuna.formats import xml_safe
from kizuna.formats.xml_safe import name_of, text_of

NAMESPACE = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
RESTRICTIVE, PERMISSIVE, INFORMATIVE = "RESTRICTIVE", "PERMISSIVE", "INFORMATIVE"
KINDS = (RESTRICTIVE, PERMISSIVE, INFORMATIVE)
FORMS = ("originatorConfidentialityLabel", "alternativeConfidentialityLabel", "metadataConfidentialityLabel")
"""A label of the data by its originator, the same in another policy, or a label of the label itself."""
_PREFIX = "slab"
_LABEL_ATTRIBUTES = frozenset({"Id", "ReviewDateTime"})


@dataclass(frozen=True)
class Category:
    """Values of one tag of the policy; `kind` is one of `KINDS`."""

    tag: str
    kind: str
    values: tuple[str, ...]
    uri: str = ""


@dataclass(frozen=True, kw_only=True)
class ConfidentialityLabel:
    """A label as its file says it; instants are its own text, ISO 8601, and empty where it says none."""

    policy: str
    classification: str
    policy_uri: str = ""
    privacy_marks: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    originator: str = ""
    originator_kind: str = ""
    created_at: str = ""
    review_at: str = ""
    form: str = FORMS[0]


def read(data: bytes) -> ConfidentialityLabel:
    """Return the label that a document is.

    Raises:
        RecordError: the document is no label, or a part of it is malformed or not known.
    """
    return of_element(xml_safe.parse(data, "the label"))


def is_label(element: ET.Element) -> bool:
    """Return whether an element is a label; the first letter of its name may be a capital, as some writers have it."""
    namespace, local = name_of(element)
    return namespace == NAMESPACE and local[:1].lower() + local[1:] in FORMS


def of_element(root: ET.Element) -> ConfidentialityLabel:
    """Return the label that an element is; raises RecordError as `read` does."""
    if not is_label(root):
        raise RecordError(f"`{name_of(root)[1][:60]}` is no label of STANAG 4774: its root is `{FORMS[0]}`")
    strange = set(root.keys()) - _LABEL_ATTRIBUTES
    parts = _children(root, {"ConfidentialityInformation", "OriginatorID", "CreationDateTime"})
    information = parts.get("ConfidentialityInformation")
    if information is None or strange:
        named = f"`{min(strange)[:60]}` is not known" if strange else "`ConfidentialityInformation` is missing"
        raise RecordError(f"{named} in a label: without it nobody can say what the label protects")
    originator, created = parts.get("OriginatorID"), parts.get("CreationDateTime")
    local = name_of(root)[1]
    return _information(
        information,
        ConfidentialityLabel(
            policy="",
            classification="",
            originator=text_of(originator) if originator is not None else "",
            originator_kind=originator.get("IDType", "") if originator is not None else "",
            created_at=text_of(created) if created is not None else "",
            review_at=root.get("ReviewDateTime", ""),
            form=local[:1].lower() + local[1:],
        ),
    )


def _children(parent: ET.Element, known: set[str]) -> dict[str, ET.Element]:
    found: dict[str, ET.Element] = {}
    for child in parent:
        namespace, local = name_of(child)
        if namespace != NAMESPACE or local not in known or local in found:
            raise RecordError(
                f"`{local[:60]}` stands twice in a label, or is not known: what it restricts would be lost, so the label is refused"
            )
        found[local] = child
    return found


def _information(element: ET.Element, made: ConfidentialityLabel) -> ConfidentialityLabel:
    single: dict[str, str] = {}
    marks: list[str] = []
    categories: list[Category] = []
    uri = ""
    for child in element:
        namespace, local = name_of(child)
        if namespace == NAMESPACE and local == "Category":
            categories.append(_category(child))
        elif namespace == NAMESPACE and local == "PrivacyMark":
            marks.append(text_of(child))
        elif namespace == NAMESPACE and local in {"PolicyIdentifier", "Classification"} and local not in single:
            single[local] = text_of(child)
            uri = uri or (_uri(child) if local == "PolicyIdentifier" else "")
        else:
            raise RecordError(f"`{local[:60]}` stands twice in a label, or is not known: the label is refused")
    if not single.get("PolicyIdentifier") or not single.get("Classification"):
        raise RecordError("a label needs `PolicyIdentifier` and `Classification`: without them it says nothing")
    return ConfidentialityLabel(
        policy=single["PolicyIdentifier"],
        classification=single["Classification"],
        policy_uri=uri,
        privacy_marks=tuple(marks),
        categories=tuple(categories),
        originator=made.originator,
        originator_kind=made.originator_kind,
        created_at=made.created_at,
        review_at=made.review_at,
        form=made.form,
    )


def _uri(element: ET.Element) -> str:
    return element.get("URI", "") or element.get("URL", "")  # the public test labels write the latter


def _category(element: ET.Element) -> Category:
    tag, kind = xml_safe.required(element, "TagName"), xml_safe.required(element, "Type").upper()
    if kind not in KINDS:
        raise RecordError(f"category `{tag[:60]}` is of type `{kind[:20]}`: known are {', '.join(KINDS)}")
    values: list[str] = []
    for child in element:
        if name_of(child) != (NAMESPACE, "GenericValue") or not text_of(child):
            raise RecordError(f"category `{tag[:60]}` has a value that is no `GenericValue` with text: write it so")
        values.append(text_of(child))
    if not values:
        raise RecordError(f"category `{tag[:60]}` has no value: give one, or leave it out")
    return Category(tag, kind, tuple(values), _uri(element))


def write(label: ConfidentialityLabel) -> bytes:
    """Return the label as a document, UTF-8."""
    return bytes(ET.tostring(element_of(label), encoding="utf-8", xml_declaration=True)) + b"\n"


def element_of(label: ConfidentialityLabel) -> ET.Element:
    """Return the label as an element that declares its own namespace prefix, to stand anywhere."""
    root = ET.Element(f"{_PREFIX}:{label.form}", {f"xmlns:{_PREFIX}": NAMESPACE})
    if label.review_at:
        root.set("ReviewDateTime", label.review_at)
    information = _put(root, "ConfidentialityInformation")
    _put(information, "PolicyIdentifier", label.policy, URI=label.policy_uri)
    _put(information, "Classification", label.classification)
    for mark in label.privacy_marks:
        _put(information, "PrivacyMark", mark)
    for category in label.categories:
        holder = _put(information, "Category", TagName=category.tag, Type=category.kind, URI=category.uri)
        for value in category.values:
            _put(holder, "GenericValue", value)
    if label.originator:
        _put(root, "OriginatorID", label.originator, IDType=label.originator_kind)
    if label.created_at:
        _put(root, "CreationDateTime", label.created_at)
    return root


def _put(parent: ET.Element, local: str, text: str = "", **attributes: str) -> ET.Element:
    made = ET.SubElement(parent, f"{_PREFIX}:{local}", {name: value for name, value in attributes.items() if value})
    made.text = text or None
    return made
