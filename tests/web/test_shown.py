"""How values look on a page: in the reader's language, escaped, and never as the code spells them."""

from __future__ import annotations

import re

import pytest

from kizuna.web import charts, shown
from kizuna.web.catalogue import Words


def test_what_stands_in_backticks_is_code_and_nothing_else_is_markup() -> None:
    assert shown.coded("use `a<b>`, not <i>") == "use <code>a&lt;b&gt;</code>, not &lt;i&gt;"
    assert shown.coded("one ` alone") == "one ` alone"


@pytest.mark.parametrize(
    ("number", "language", "said"),
    [
        ("128324700.00", "en", "128,324,700.00"),
        ("-128324700", "hi", "-12,83,24,700"),
        ("0.50", "ja", "0.50"),
        ("1e5", "en", "1e5"),
    ],
)
def test_thousands_stand_apart_as_the_language_writes_them(number: str, language: str, said: str) -> None:
    assert shown.grouped(number, language) == said


def test_an_alert_is_told_in_the_readers_language_with_its_area_and_what_more_was_found() -> None:
    what = "Ten Degree Channel: area-entry told by ind: <x>"
    assert shown.told(what, Words("hi")) == "Ten Degree Channel: क्षेत्र प्रवेश, भारत ने बताया: <x>"
    assert shown.told("a title of one's own", Words("hi")) == "a title of one's own"


def test_parties_are_called_by_their_names_wherever_they_stand() -> None:
    words = Words("hi")
    assert shown.cell("partner", "jpn", words) == "जापान"
    assert shown.cell("parties", ["ind", "jpn"], words) == shown.cell("parties", "ind jpn", words) == "भारत, जापान"
    assert shown.cell("owner", {"ind": "office-7"}, words) == "भारत: office-7"
    assert shown.cell("title", "ind", words) == "ind"
    unsigned = "this version is not signed by `ind`, `jpn`"
    assert shown.noted(unsigned, Words("en")) == "this version is not signed by India, Japan"


def test_a_list_of_things_is_a_line_for_each_and_no_json() -> None:
    said = shown.cell("evidence", [{"mmsi": 1, "name": "<i>"}, {"time_ms": 1_700_000_000_000}], Words("en"))
    assert said.count("<br>") == 1
    assert "&lt;i&gt;" in said
    assert "2023-11-14 22:13:20Z" in said
    assert shown.cell("meetings", [["a", "b"], ["c"]], Words("en")) == "a · b<br>c"


@pytest.mark.parametrize(
    ("values", "top"), [((46, 6), "60"), ((0.57, 0.2), "0.6"), ((100_000,), "100,000"), ((3,), "4"), ((0,), "4")]
)
def test_the_grid_of_a_chart_is_round_and_no_lower_than_any_bar(values: tuple[float, ...], top: str) -> None:
    drawn = charts.bars("t", [str(value) for value in values], {"s": [charts.Bar(value) for value in values]})
    assert re.findall(r'class="soft">([^<]+)<', drawn)[4] == top
