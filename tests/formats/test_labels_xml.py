"""Labels, bindings and policy files as XML: what is written is read again, what is hostile or not understood is refused by our errors alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.formats import spif, stanag4774, stanag4778, xml_safe
from kizuna.formats.stanag4774 import KINDS, Category, ConfidentialityLabel

VECTORS = Path(__file__).parents[1] / "vectors" / "label"
NS = f'xmlns="{stanag4774.NAMESPACE}"'
INSIDE = "<PolicyIdentifier>P</PolicyIdentifier><Classification>C</Classification>"
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
LABELS = st.builds(
    ConfidentialityLabel,
    policy=WORDS,
    classification=WORDS,
    policy_uri=st.just("") | st.just("urn:oid:2.999"),
    privacy_marks=st.lists(WORDS, max_size=2).map(tuple),
    categories=st.lists(
        st.builds(Category, WORDS, st.sampled_from(KINDS), st.lists(WORDS, min_size=1, max_size=3).map(tuple)), max_size=3
    ).map(tuple),
    originator=WORDS,
    originator_kind=st.just("uniformResourceIdentifier"),
    created_at=st.just("2030-01-01T00:00:00Z"),
    review_at=st.just("") | st.just("2031-01-01T00:00:00Z"),
    form=st.sampled_from(stanag4774.FORMS),
)  # fmt: skip
DATA = st.binary(min_size=1, max_size=60)


def label(inside: str = INSIDE, around: str = "", attributes: str = "") -> bytes:
    """Return a label with something put into it."""
    root = "originatorConfidentialityLabel"
    information = f"<ConfidentialityInformation>{inside}</ConfidentialityInformation>"
    return f"<{root} {NS}{attributes}>{information}{around}</{root}>".encode()


@given(LABELS)
def test_a_written_label_is_read_as_it_was(made: ConfidentialityLabel) -> None:
    assert stanag4774.read(stanag4774.write(made)) == made


@given(LABELS, LABELS, DATA, DATA)
def test_a_binding_is_of_its_data_and_of_no_other(
    one: ConfidentialityLabel, other: ConfidentialityLabel, data: bytes, more: bytes
) -> None:
    for form in (stanag4778.ENCAPSULATING, stanag4778.DETACHED):
        found = stanag4778.read(stanag4778.bind((one, other), data, form, "text/plain"))
        assert found.labels == (one, other)
        assert found.form == form
        assert stanag4778.is_bound(found, data)
        assert stanag4778.is_bound(found, more) is (data == more)
    assert found.data is None


@pytest.mark.parametrize(
    "document",
    [
        b"<a><b/></a>",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<a>text</a>\n<!-- </a> -->\n<?end here?>\n',
        b"<a><!-- </a> --><![CDATA[</a>]]></a>",
    ],
)
def test_a_document_takes_a_binding_in_and_keeps_all_that_it_had(document: bytes) -> None:
    made = stanag4774.read(label())
    embedded = stanag4778.bind((made,), document, stanag4778.EMBEDDED)
    found = stanag4778.read(embedded)
    assert (found.form, found.labels, found.references) == (stanag4778.EMBEDDED, (made,), ("",))
    start = embedded.index(b"<mb:BindingInformation")
    end = embedded.index(b"</mb:BindingInformation>") + len(b"</mb:BindingInformation>")
    assert embedded[:start] + embedded[end:] == document
    assert not stanag4778.is_bound(found, document), "an empty address proves nothing about a file beside it"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"<a/>", "root is empty"),
        (b"<a>", "well-formed"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a>x</a>', "UTF-8"),
        (stanag4778.bind((stanag4774.read(label()),), b"<a>x</a>", stanag4778.EMBEDDED), "already"),
    ],
)
def test_what_can_take_no_binding_in_is_said(document: bytes, why: str) -> None:
    with pytest.raises(RecordError, match=why):
        stanag4778.bind((stanag4774.read(label()),), document, stanag4778.EMBEDDED)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (label(INSIDE + "<Colour>red</Colour>"), "`Colour`"),
        (label(INSIDE + "<Classification>D</Classification>"), "twice"),
        (label("<Classification>C</Classification>"), "PolicyIdentifier"),
        (label(around="<SuccessionHandling/>"), "SuccessionHandling"),
        (label(attributes=' Expires="2030"'), "Expires"),
        (label(INSIDE + '<Category TagName="T" Type="RESTRICTIVE"/>'), "no value"),
        (label(INSIDE + '<Category TagName="T" Type="OTHER"><GenericValue>x</GenericValue></Category>'), "OTHER"),
        (label(INSIDE + '<Category TagName="T" Type="PERMISSIVE"><BitStringValue>1</BitStringValue></Category>'), "GenericValue"),
        (label(INSIDE + '<Category Type="PERMISSIVE"><GenericValue>x</GenericValue></Category>'), "TagName"),
        (b"<originatorConfidentialityLabel/>", "no label of STANAG 4774"),
        (b"", "well-formed"),
        (b"\xff\xfe\x00", "well-formed"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "well-formed"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "document type or entity"),
        (b'<!DOCTYPE a SYSTEM "http://example.invalid/a.dtd"><a/>', "document type or entity"),
        (b"<a>" * (xml_safe.MOST_DEPTH + 1), "levels"),
        (b"<a>" + b"<b/>" * xml_safe.MOST_ELEMENTS + b"</a>", "elements"),
        (b" " * (xml_safe.MOST_BYTES + 1), "at most"),
    ],
)  # fmt: skip
def test_what_is_not_understood_or_hostile_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(RecordError, match=why):
        stanag4774.read(data)


@pytest.mark.parametrize("read", [stanag4774.read, stanag4778.read, spif.read])
@given(data=st.data())
def test_nothing_but_our_errors_leaves_a_reader(read: Callable[[bytes], object], data: st.DataObject) -> None:
    names = ("policy.xml", "open-staff.xml")
    whole = [(VECTORS / name).read_bytes() for name in names]
    whole.append(stanag4778.bind((stanag4774.read(whole[1]),), b"x", stanag4778.ENCAPSULATING))
    text = data.draw(st.sampled_from(whole))
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 40))
    broken = text[:at] + data.draw(st.binary(max_size=8)) + text[at + cut :]
    with contextlib.suppress(RecordError):
        read(broken)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('tagType="restrictive"', 'tagType="strange"', "not known"),
        ('hierarchy="3"', 'hierarchy="0"', "hierarchy `0` stands twice"),
        ('hierarchy="3"', 'hierarchy="three"', "whole number"),
        ('name="AIR"', 'name="DEEP WATER"', "stands twice"),
        ('<spif:securityPolicyId name="ARDEN" id="2.999.7.1"/>', "", "0 times"),
        ("http://www.xmlspif.org/spif", "http://example.invalid/spif", "no policy file"),
    ],
)
def test_a_policy_file_that_could_mislead_is_refused(old: str, new: str, why: str) -> None:
    text = (VECTORS / "policy.xml").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(RecordError, match=why):
        spif.read(text.replace(old, new, 1 if "http" not in old else -1).encode())


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("", "0 parts"),
        ("<MetadataBinding/>", "has a label"),
        ("<MetadataBinding><Metadata>LABEL</Metadata></MetadataBinding>", "either one"),
        ("<MetadataBinding><Metadata>LABEL</Metadata><Data>?</Data></MetadataBinding>", "base64"),
        (
            "<MetadataBinding><Metadata>LABEL</Metadata><Data>eA==</Data><DataReference URI='x'/></MetadataBinding>",
            "either one",
        ),
    ],
)
def test_a_binding_that_says_too_little_or_too_much_is_refused(inside: str, why: str) -> None:
    held = inside.replace("LABEL", label().decode())
    text = f'<BindingInformation xmlns="{stanag4778.NAMESPACE}"><MetadataBindingContainer>{held}</MetadataBindingContainer></BindingInformation>'
    with pytest.raises(RecordError, match=why):
        stanag4778.read(text.encode())
