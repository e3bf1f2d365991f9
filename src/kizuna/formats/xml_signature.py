"""What every profile of XML signatures that is spoken here shares: names, canonical bytes, and how values are read out of a signature.

What is signed, by which transforms and under whose certificates is each profile's own: `kizuna.formats.cise_signature`, and
`kizuna.formats.signed_binding`. None of them is ever a signature of ours elsewhere.

Sources: W3C XML Signature Syntax and Processing 1.1, Exclusive XML Canonicalization 1.0.
"""

from __future__ import annotations

import base64
import binascii

from lxml import etree

from kizuna.errors import RecordError

DSIG = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DSIG}enveloped-signature"
LEAST_RSA_BITS = 2_048


def canonical(node: etree._Element) -> bytes:
    """Return an element in exclusive canonical form, without comments."""
    made: bytes = etree.tostring(node, method="c14n", exclusive=True, with_comments=False, with_tail=False)
    return made


def algorithm_of(parent: etree._Element, name: str) -> str:
    """Return the algorithm that a child of this name states, empty where there is none."""
    found = parent.find(f"{{{DSIG}}}{name}")
    return "" if found is None else found.get("Algorithm", "")


def bytes_of(node: etree._Element, path: str) -> bytes:
    """Return what the base64 text at a path says.

    Raises:
        RecordError: it is none.
    """
    try:
        return base64.b64decode("".join((node.findtext(path) or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RecordError("a part of the signature is not base64") from error
