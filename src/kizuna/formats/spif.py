"""Security policy information files as XML (Open XML SPIF 2.x): the classifications of a policy, its categories, and how they are marked.

Read are the parts by which a label is understood and marked. Equivalences between policies are passed over: here an agreement says them, not one
side's policy. How a policy's words become a marking is `kizuna.kernel.marking`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from kizuna.errors import RecordError
from kizuna.formats import xml_safe
from kizuna.formats.xml_safe import name_of, required, text_of

NAMESPACE = "http://www.xmlspif.org/spif"
RESTRICTIVE, PERMISSIVE, INFORMATIVE = "RESTRICTIVE", "PERMISSIVE", "INFORMATIVE"
REPLACE_POLICY, NO_NAME, NO_MARKING = "replacePolicy", "noNameDisplay", "noMarkingDisplay"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_KINDS = {
    ("restrictive", ""): RESTRICTIVE,
    ("permissive", ""): PERMISSIVE,
    ("enumerated", "restrictive"): RESTRICTIVE,
    ("enumerated", "permissive"): PERMISSIVE,
    ("tagType7", ""): INFORMATIVE,
    ("informative", ""): INFORMATIVE,
}


@dataclass(frozen=True)
class Marking:
    """How something is marked in one language, empty for any; `phrase` None says nothing, `codes` say where and how."""

    language: str
    phrase: str | None
    codes: frozenset[str]


@dataclass(frozen=True)
class Classification:
    """A classification; of two the higher `hierarchy` protects more."""

    name: str
    lacv: int
    hierarchy: int
    markings: tuple[Marking, ...]


@dataclass(frozen=True)
class Category:
    """A value that a label may bear, but not with the classifications in `excluded`."""

    name: str
    lacv: int
    markings: tuple[Marking, ...]
    excluded: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag with its categories; `qualifiers` are language, `prefix`, `suffix` or `separator`, and the text."""

    name: str
    set_id: str
    kind: str
    single: bool
    categories: tuple[Category, ...]
    qualifiers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Spif:
    """A policy as its file says it; `id` is an object identifier in dots."""

    name: str
    id: str
    version: str
    classifications: tuple[Classification, ...]
    tags: tuple[Tag, ...]


def read(data: bytes) -> Spif:
    """Return the policy that a document is.

    Raises:
        RecordError: it is no SPIF, or a part by which labels are understood is missing, doubled or malformed.
    """
    root = xml_safe.parse(data, "the policy file")
    if name_of(root) != (NAMESPACE, "SPIF"):
        raise RecordError(f"`{name_of(root)[1][:60]}` is no policy file: its root is `SPIF` of `{NAMESPACE}`")
    policies = list(_named(root, "securityPolicyId"))
    if len(policies) != 1:
        raise RecordError(f"the policy file has {len(policies)} times `securityPolicyId`: it names its policy once")
    classifications = tuple(
        _classification(element)
        for holder in _named(root, "securityClassifications")
        for element in _named(holder, "securityClassification")
    )
    tags = tuple(
        _tag(tag, required(tag_set, "id"))
        for holder in _named(root, "securityCategoryTagSets")
        for tag_set in _named(holder, "securityCategoryTagSet")
        for tag in _named(tag_set, "securityCategoryTag")
    )
    _once("classification", [found.name for found in classifications])
    _once("hierarchy", [str(found.hierarchy) for found in classifications])
    _once("tag", [tag.name for tag in tags])
    if not classifications:
        raise RecordError("the policy file has no classification: no label of it could be read")
    return Spif(
        name=required(policies[0], "name"),
        id=required(policies[0], "id"),
        version=root.get("version", ""),
        classifications=tuple(sorted(classifications, key=lambda found: found.hierarchy)),
        tags=tags,
    )


def _named(parent: Element, local: str) -> Iterator[Element]:
    return (child for child in parent if name_of(child) == (NAMESPACE, local))


def _once(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise RecordError(f"{what} `{name[:60]}` stands twice in the policy file: say each once")


def _number(element: Element, attribute: str) -> int:
    text = required(element, attribute)
    if not text.isascii() or not text.isdecimal() or len(text) > 9:  # noqa: PLR2004 # digits enough for any code
        raise RecordError(f"`{attribute}` of `{name_of(element)[1]}` is `{text[:20]}`: give a whole number")
    return int(text)


def _markings(element: Element) -> tuple[Marking, ...]:
    return tuple(
        Marking(
            found.get(_LANGUAGE, ""),
            found.get("phrase"),
            frozenset(text_of(code) for code in _named(found, "code")),
        )
        for found in _named(element, "markingData")
    )


def _classification(element: Element) -> Classification:
    name, lacv = required(element, "name"), _number(element, "lacv")
    return Classification(name, lacv, _number(element, "hierarchy"), _markings(element))


def _tag(element: Element, set_id: str) -> Tag:
    name = required(element, "name")
    kind = _KINDS.get((element.get("tagType", ""), element.get("enumType", "")))
    if kind is None:
        raise RecordError(f"tag `{name[:60]}` is of a type that is not known: what it restricts would be lost")
    categories = tuple(
        Category(
            required(found, "name"),
            _number(found, "lacv"),
            _markings(found),
            frozenset(text_of(excluded) for excluded in _named(found, "excludedClass")),
        )
        for found in _named(element, "tagCategory")
    )
    _once(f"category of `{name[:60]}`", [found.name for found in categories])
    return Tag(
        name=name,
        set_id=set_id,
        kind=kind,
        single=element.get("singleSelection") == "true",
        categories=categories,
        qualifiers=tuple(
            (found.get(_LANGUAGE, ""), required(found, "qualifierCode"), found.get("markingQualifier", ""))
            for holder in _named(element, "markingQualifier")
            for found in _named(holder, "qualifier")
        ),
    )
