"""Global Fishing Watch's shape: queries are understood or refused, and what is not known stays null."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.formats.gfw_events import Asked, entry, listed, read_body, read_query

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["types", "vessels", "geometry", "type", "coordinates", "x"]), inner),
    max_leaves=8,
)  # fmt: skip


@given(
    JSON | st.binary(max_size=40),
    st.lists(st.tuples(st.sampled_from(["limit", "offset", "q"]), st.text(max_size=6)), max_size=2),
)
def test_any_query_is_understood_or_refused(value: Any, pairs: list[tuple[str, str]]) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        asked = read_body(data, pairs)
    except RecordError:
        return
    assert asked.wants({"kind": "gap", "mmsi": 1, "from_ms": 0, "lat_600000": 0, "lon_600000": 0}) in {True, False}


NAMES = st.sampled_from(["types[0]", "vessels[1]", "datasets[0]", "start-date", "limit"]) | st.text(max_size=9)


@given(st.lists(st.tuples(NAMES, st.text(max_size=12)), max_size=4))
def test_any_address_is_understood_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        read_query(pairs)
    except RecordError:
        return


SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]}


@pytest.mark.parametrize(
    ("body", "meets"),
    [
        ({}, True),
        ({"types": ["GAP"]}, True),
        ({"types": ["ENCOUNTER"]}, False),
        ({"datasets": ["public-global-gaps-events:latest"], "types": ["GAP"]}, True),
        ({"datasets": ["public-global-fishing-events:latest"]}, False),
        ({"vessels": ["mmsi:000000007"]}, True),
        ({"vessels": ["8"]}, False),
        ({"startDate": "1970-01-02"}, False),
        ({"startDate": "1970-01-01", "endDate": "1970-01-02"}, True),
        ({"endDate": "1970-01-01"}, False),
        ({"geometry": SQUARE}, True),
        ({"geometry": SQUARE | {"coordinates": [[[20, 0], [30, 0], [30, 10], [20, 0]]]}}, False),
    ],
)
def test_filters_choose(body: dict[str, Any], meets: bool) -> None:  # noqa: FBT001 # a table
    facts = {"kind": "gap", "mmsi": 7, "from_ms": 5, "to_ms": 9, "lat_600000": 3_000_000, "lon_600000": 3_000_000}
    assert read_body(json.dumps(body).encode(), []).wants(facts) is meets


@pytest.mark.parametrize(
    "body",
    [
        b'{"types": ["GAP"], "types": []}', b'{"flags": ["IND"]}', b'{"geometry": {"type": "Point", "coordinates": [1, 2]}}',
        b'{"datasets": ["private"]}', b'{"startDate": "soon"}', b'{"geometry": {"type": "Polygon", "coordinates": 3}}',
        b'{"types": ["GAP"], "datasets": ["public-global-encounters-events"]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_cannot_be_applied_is_refused(body: bytes) -> None:
    with pytest.raises(RecordError):
        read_body(body, [])


def test_entries_keep_what_is_not_known_null() -> None:
    made = entry("a", {"kind": "gap", "mmsi": 7, "from_ms": 0}, "IND UNCLASSIFIED", ["ind"])
    assert (made["end"], made["position"], made["gap"]["durationHours"]) == (None, None, None)
    assert made["vessel"] == {"id": "mmsi:000000007", "ssvid": "000000007"}
    page = listed([made, made, made], Asked(limit=2))
    assert (page["nextOffset"], page["total"], len(page["entries"])) == (2, 3, 2)
    assert listed([made], Asked(offset=5))["entries"] == []
