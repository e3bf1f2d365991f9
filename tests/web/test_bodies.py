"""Bodies are refused unless they spell one thing in one way."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.web import bodies
from kizuna.web.bodies import Asked


class Order(Asked, frozen=True):
    count: int
    on: bool
    text: str
    names: tuple[str, ...] = ()


def test_order_and_spacing_do_not_matter() -> None:
    expected = Order(3, True, "é", ("a",))  # as the struct has it
    for data in (
        '{"count":3,"on":true,"text":"é","names":["a"]}',
        '{ "text" : "\\u00e9", "names":["a"],\n"on":true, "count":3 }',
    ):
        assert bodies.parse(data.encode(), Order) == expected


@pytest.mark.parametrize(
    "data",
    [
        '{"count":3,"on":true,"text":"x","count":0}',
        '{"count":3,"on":true,"text":"x","\\u0063ount":0}',
        '{"count":3,"on":true,"text":"x","extra":0}',
        '{"count":"3","on":true,"text":"x"}',
        '{"count":3.0,"on":true,"text":"x"}',
        '{"count":3e0,"on":true,"text":"x"}',
        '{"count":true,"on":true,"text":"x"}',
        '{"count":9007199254740993,"on":true,"text":"x"}',
        '{"count":Infinity,"on":true,"text":"x"}',
        '{"count":3,"on":1,"text":"x"}',
        '{"count":3,"on":"true","text":"x"}',
        '{"count":3,"on":null,"text":"x"}',
        '{"count":3,"on":true,"text":"e\\u0301"}',
        '{"count":3,"on":true,"text":"\\ud800"}',
        '{"count":3,"on":true,"text":"x"}{}',
        '{"count":3,"on":true,"text":"x",}',
        '\ufeff{"count":3,"on":true,"text":"x"}',
        '{"count":3,"on":true,"text":"x","names":' + "[" * 5000,
        '{"count":' + "9" * 5000 + ',"on":true,"text":"x"}',
    ],
)
def test_hostile_spellings_are_refused(data: str) -> None:
    with pytest.raises(RecordError):
        bodies.parse(data.encode("utf-8"), Order)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_our_error(data: bytes) -> None:
    with pytest.raises(RecordError):
        bodies.parse(data, Order)


@given(st.integers(1 - 2**53, 2**53 - 1), st.booleans(), st.text(st.characters(codec="ascii"), max_size=20))
def test_what_json_writes_is_read(count: int, on: bool, text: str) -> None:  # noqa: FBT001 # hypothesis fills it in
    data = json.dumps({"count": count, "on": on, "text": text}).encode()
    assert bodies.parse(data, Order) == Order(count, on, text)


def test_every_body_forbids_unknown_fields() -> None:
    kinds = [kind for kind in Asked.__subclasses__() if kind.__module__.startswith("kizuna.")]
    assert all(msgspec.structs.fields(kind) and kind.__struct_config__.forbid_unknown_fields for kind in kinds)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("sheet.html", 'attachment; filename="sheet.html"'),
        ("帳票 1.pdf", "attachment; filename=\"___1.pdf\"; filename*=UTF-8''%E5%B8%B3%E7%A5%A8%201.pdf"),
        ('a"\r\nb: c', "attachment; filename=\"a___b__c\"; filename*=UTF-8''a%22%0D%0Ab%3A%20c"),
    ],
)
def test_a_files_name_is_told_in_any_script_and_says_nothing_else(name: str, header: str) -> None:
    assert bodies.attachment(name) == {"content-disposition": header}
