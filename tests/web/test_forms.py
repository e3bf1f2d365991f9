"""Forms made from requests and read back: strict, with what is wrong beside its field, and nothing that escapes its place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from kizuna.kernel.operation import Asked
from kizuna.web import forms, shown
from kizuna.web.catalogue import Words
from kizuna.web.pages.page import number

EN = Words("en")


class LineAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    item: Annotated[str, Meta(min_length=1)]
    count: Annotated[int, Meta(ge=1, description="How many.")]


class OrderAsked(Asked, frozen=True):
    port: Annotated[str, Meta(description="Where.", min_length=1, max_length=40)]
    kind: Literal["fuel", "water"]
    at_ms: int
    lines: tuple[LineAsked, ...] = ()
    remarks: Annotated[str, Meta(max_length=2000)] = ""
    days: Annotated[int, Meta(ge=1, le=30)] = 5
    urgent: bool = False
    parties: tuple[str, ...] = ()
    paper: Annotated[bytes, Meta(extra={"file": True})] = b""
    until_ms: int | None = None


WHOLE = {
    "port": "Kochi", "kind": "fuel", "at_ms": "2026-09-14 06:30", "lines.0.item": "F-76", "lines.0.count": "3", "lines.2.item": "oil",
    "lines.2.count": "1", "remarks": "two\nlines", "days": "7", "urgent": "true", "parties": "ind\n\n jpn \n", "paper": "aGk=",
}  # fmt: skip


def test_a_form_shows_each_field_as_what_it_is() -> None:
    made = forms.form_of(OrderAsked, labelled=True)
    kinds = {field.name: field.kind for field in made.fields}
    assert kinds == {
        "port": "text", "kind": "choice", "at_ms": "instant", "lines": "table", "remarks": "long", "days": "number", "urgent": "check",
        "parties": "lines", "paper": "file", "until_ms": "instant",
    }  # fmt: skip
    port, days = made.fields[0], next(field for field in made.fields if field.name == "days")
    assert (port.title, port.hint, port.needed, port.limits["maxlength"]) == ("Port", "Where.", True, 40)
    assert (days.value, days.needed, days.limits) == ("5", False, {"min": 1, "max": 30})
    assert made.uploads
    assert {field.name for field in made.label} >= {"label.classification", "label.review_by"}


def test_what_is_filled_in_is_the_request() -> None:
    asked, wrong = forms.request_of(OrderAsked, WHOLE | {"label.classification": "2", "label.releasable_to": "jpn"})
    assert wrong == {}
    assert asked is not None
    assert (asked.port, asked.kind, asked.at_ms, asked.days, asked.urgent) == (
        "Kochi",
        "fuel",
        1_789_367_400_000,
        7,
        True,
    )
    assert asked.lines == (LineAsked("F-76", 3), LineAsked("oil", 1))
    assert (asked.parties, asked.paper, asked.remarks, asked.until_ms) == (("ind", "jpn"), b"hi", "two\nlines", None)
    assert asked.label is not None
    assert (asked.label.classification, asked.label.releasable_to, asked.label.purposes) == (2, ("jpn",), None)


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"port": ""}, "port", "this is needed"),
        ({"port": "x" * 41}, "port", "this is too short or too long"),
        ({"kind": "coal"}, "kind", "choose one of the list"),
        ({"days": "31"}, "days", "this number is too small or too large"),
        ({"days": "many"}, "days", "a whole number is needed"),
        ({"at_ms": "tomorrow"}, "at_ms", "an instant is written like 2026-09-14 06:30, in UTC"),
        ({"at_ms": "2026-02-30 00:00"}, "at_ms", "there is no such instant"),
        ({"lines.0.count": "0"}, "lines.0.count", "this number is too small or too large"),
        ({"lines.0.item": ""}, "lines.0.item", "this is needed"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(change: dict[str, str], field: str, sentence: str) -> None:
    given_fields = WHOLE | change
    asked, wrong = forms.request_of(OrderAsked, given_fields)
    assert asked is None
    assert wrong == {field: sentence}
    made = forms.form_of(OrderAsked, given_fields, wrong=wrong)
    everything = [*made.fields, *(part for each in made.fields for row in each.rows for part in row)]
    assert [each.wrong for each in everything if each.name == field] == [sentence]
    assert next(each for each in made.fields if each.name == "remarks").value == "two\nlines"


@given(st.dictionaries(st.sampled_from([*WHOLE, "unknown", "label.caveats", "lines.1.item"]), st.text(max_size=30)))
def test_whatever_is_sent_is_a_request_or_a_fault(fields: dict[str, str]) -> None:
    try:
        asked, wrong = forms.request_of(OrderAsked, fields)
    except ValueError as error:
        pytest.fail(f"left the reader: {error!r}")
    assert (asked is None) == bool(wrong)
    forms.form_of(OrderAsked, fields, wrong=wrong, labelled=True)


HOSTILE = "<script>alert(1)</script>\"'><img src=x>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", HOSTILE),
        ("state", HOSTILE),
        ("list", [HOSTILE]),
        ("map", {HOSTILE: HOSTILE}),
        ("deep", [{HOSTILE: [1]}]),
    ],
)
def test_no_value_becomes_markup(name: str, value: Any) -> None:
    made = str(shown.cell(name, value, EN))
    assert "<script" not in made
    assert "<img" not in made


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("at_ms", 1_789_367_400_000, "2026-09-14 06:30:00Z"),
        ("mmsi", 419000001, '<a href="/vessels/419000001">419000001</a>'),
        ("speed_kn", 12, "12 kn"),
        ("draught_dm", 78, "7.8 m"),
        ("own", True, "yes"),
        ("state", "", "\N{EN DASH}"),
        ("case", "supply.order:ind-1", '<a href="/cases/supply.order:ind-1">supply.order:ind-1</a>'),
    ],
)
def test_a_value_looks_like_what_it_is(name: str, value: object, text: str) -> None:
    assert text in str(shown.cell(name, value, EN))


def test_places_read_as_on_a_chart() -> None:
    assert shown.place(4_230_000, 49_860_000) == "07°03.0\N{PRIME}N 083°06.0\N{PRIME}E"
    assert shown.place(-599_999, -1) == "01°00.0\N{PRIME}S 000°00.0\N{PRIME}W"
    assert shown.place(None, 1) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7", 7),
        ("007", 7),
        ("", 5),
        ("-1", 5),
        ("\u00b2", 5),
        ("\u0967", 5),
        ("1.0", 5),
        ("9" * 16, 5),
        ("9" * 5000, 5),
    ],
)
def test_a_number_in_an_address_is_one_or_counts_as_none(text: str, found: int) -> None:
    """A superscript two is a digit to Python, and no number: a page failed on it."""
    assert number(text, 5) == found
