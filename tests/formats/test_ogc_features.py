"""OGC API - Features: whatever stands in an address is understood or refused by our error, and documents hold together."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.formats.instants import rfc3339
from kizuna.formats.ogc_features import Ask, Bounds, Collection, Feature, box, collections, items, read_ask

TEXT = st.text(max_size=60) | st.sampled_from(
    ["1,2,3,4", "../..", "2026-09-14", "2026-09-14T06:30:00Z/..", "10", "json"]
)


@given(st.lists(st.tuples(st.sampled_from(["bbox", "datetime", "limit", "after", "f", "x"]) | TEXT, TEXT), max_size=5))
def test_any_query_is_understood_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        asked = read_ask(pairs)
    except RecordError:
        return
    assert 1 <= asked.limit <= 1_000
    assert asked.from_ms is None or asked.to_ms is None or asked.from_ms <= asked.to_ms


@pytest.mark.parametrize(
    ("pairs", "asked"),
    [
        ([], Ask()),
        ([("limit", "5000"), ("f", "json")], Ask(limit=1_000)),
        ([("bbox", "170,-10,-170,10")], Ask(bounds=Bounds(170, -10, -170, 10))),
        ([("bbox", "1,2,0,3,4,9")], Ask(bounds=Bounds(1, 2, 3, 4))),
        ([("datetime", "1970-01-02")], Ask(from_ms=86_400_000, to_ms=172_799_999)),
        ([("datetime", "1970-01-01T00:00:01Z")], Ask(from_ms=1000, to_ms=1000)),
        ([("datetime", "1970-01-01T00:00:01+00:01/..")], Ask(from_ms=-59_000)),
        ([("datetime", "../1970-01-01T00:00:01z")], Ask(to_ms=1000)),
        ([("datetime", "../..")], Ask()),
    ],
)
def test_what_is_asked_for_is_read(pairs: list[tuple[str, str]], asked: Ask) -> None:
    assert read_ask(pairs) == asked


@pytest.mark.parametrize(
    "pair",
    [
        ("bbox", "nan,0,1,1"), ("bbox", "0,5,1,4"), ("bbox", "0,0,200,1"), ("bbox", ""), ("limit", "-1"), ("limit", "٣"),
        ("datetime", "2026-02-30"), ("datetime", "2026-09-15/2026-09-14"), ("f", "html"), ("after", "\n"),
    ],
)  # fmt: skip
def test_what_says_nothing_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(RecordError):
        read_ask([pair])


def test_boxes_over_180_degrees_hold_and_are_cut_there() -> None:
    bounds = Bounds(170, -10, -170, 10)
    assert bounds.holds(175, 0)
    assert bounds.holds(-175, 0)
    assert not bounds.holds(0, 0)
    assert len(box(bounds)["coordinates"]) == 2
    assert box(Bounds(1, 2, 3, 4))["type"] == "Polygon"


def test_links_keep_what_was_asked_and_go_on_after_the_last() -> None:
    made = items(
        "http://h/ogc",
        "vessels",
        [Feature("1 2", None, {})],
        asked=[("limit", "1"), ("after", "0")],
        after="1 2",
        now_ms=0,
    )
    links = {link["rel"]: link["href"] for link in made["links"]}
    assert links["next"] == "http://h/ogc/collections/vessels/items?limit=1&after=1+2"
    assert made["timeStamp"] == "1970-01-01T00:00:00.000Z"
    assert (
        json.loads(json.dumps(collections("http://h/ogc", [Collection("a", "A", "a")])))["collections"][0]["itemType"]
        == "feature"
    )
    assert rfc3339(-5) == rfc3339(0)
    assert rfc3339(10**18).startswith("9999-12-31")
