"""XML of unknown origin, read without risk: no document type, no entity, nothing fetched, bounded in size, depth and number of elements.

What the elements mean is left to the formats that are written in XML.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from kizuna.errors import RecordError

MEDIA_TYPE = "application/xml"
MOST_BYTES = 4 << 20
MOST_DEPTH = 64
MOST_ELEMENTS = 100_000


class _Bounded(TreeBuilder):
    """Builds the tree, and stops where it grows out of bounds."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._depth = self._elements = 0

    def start(self, tag: Any, attrs: Any, /) -> Element:
        self._depth += 1
        self._elements += 1
        if self._depth > MOST_DEPTH or self._elements > MOST_ELEMENTS:
            raise RecordError(
                f"{self._what} has more than {MOST_DEPTH} levels or {MOST_ELEMENTS} elements: give a plainer file"
            )
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def parse(data: bytes, what: str) -> Element:
    """Return the root of a document; `what` names it in errors.

    Raises:
        RecordError: it is no well-formed XML, out of bounds, or declares a document type or entity.
    """
    if len(data) > MOST_BYTES:
        raise RecordError(f"{what} has {len(data)} bytes: at most {MOST_BYTES} are read")
    parser = DefusedXMLParser(target=_Bounded(what), forbid_dtd=True)
    try:
        parser.feed(data)
        root = parser.close()
    except DefusedXmlException as error:
        raise RecordError(f"{what} declares a document type or entity: write it without") from error
    except (ParseError, LookupError, ValueError) as error:
        raise RecordError(f"{what} is no well-formed xml: {str(error)[:100]}") from error
    if not isinstance(root, Element):
        raise RecordError(f"{what} has no element: give the whole file")
    return root


def name_of(element: Element) -> tuple[str, str]:
    """Return namespace and local name of an element."""
    tag = str(element.tag)
    namespace, found, local = tag.removeprefix("{").partition("}")
    return (namespace, local) if found else ("", tag)


def text_of(element: Element) -> str:
    """Return what stands in an element, without the space around it.

    Raises:
        RecordError: other elements stand in it.
    """
    if len(element):
        raise RecordError(f"`{name_of(element)[1][:40]}` holds elements where it should hold text: mend the file")
    return (element.text or "").strip()


def required(element: Element, attribute: str) -> str:
    """Return an attribute that must be there.

    Raises:
        RecordError: it is not, or it is empty.
    """
    value = element.get(attribute, "").strip()
    if not value:
        raise RecordError(f"`{name_of(element)[1][:40]}` has no `{attribute}`: mend the file")
    return value
