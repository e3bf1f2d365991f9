"""Lists of ports go out and come back the same, and what does not fit is said with its place and field."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.formats import port_list
from kizuna.formats.port_list import Form, Place

WORD = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
PLACES = st.builds(
    Place,
    st.sampled_from(["", "INMAA", "JPYOK", "GB2LA"]),
    WORD,
    st.integers(-90_000_000, 90_000_000).map(lambda degrees: degrees / 1e6),
    st.integers(-180_000_000, 180_000_000).map(lambda degrees: degrees / 1e6),
)
POINT = '{"type": "Feature", "properties": {"name": "A"}, "geometry": {"type": "Point", "coordinates": [80, 13]}}'


@given(st.lists(PLACES, max_size=6), st.sampled_from(["csv", "geojson"]))
def test_what_was_written_is_read(places: list[Place], form: Form) -> None:
    assert port_list.read(form, port_list.write(form, places, "unmarked")) == places


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,lat_deg\nA,1\n", "line 1: column `lon_deg` is missing"),
        ("name,lat_deg,lon_deg,depth_m\nA,1,2,3\n", "line 1: column `depth_m` is not known"),
        ("name,lat_deg,lon_deg\nA,1\n", "line 2: has 2 cells"),
        ("name,lat_deg,lon_deg\n\nA,13 N,80\n", "line 3, `lat_deg`: `13 N` is no number"),
        ("name,lat_deg,lon_deg\nA,1,\n", "line 2, `lon_deg`: `` is no number"),
        ("name,lat_deg,lon_deg\nA,1,2\nB,91,2\n", "line 3, `lat_deg`: `91.0` is not between -90 and 90"),
        ("name,lat_deg,lon_deg\nA,nan,2\n", "line 2, `lat_deg`: `nan` is not between"),
        ("name,lat_deg,lon_deg\n,1,2\n", "line 2, `name`: `` is no name"),
        ("locode,name,lat_deg,lon_deg\nMadras,A,1,2\n", "line 2, `locode`: `Madras` is no UN/LOCODE"),
    ],
)
def test_a_faulty_row_is_said_with_line_and_field(text: str, said: str) -> None:
    with pytest.raises(RecordError) as caught:
        port_list.read("csv", text.encode())
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"Point"', '"Polygon"', "`features[1].geometry.type`: is `Polygon`"),
        ("[80, 13]", "[80]", "`features[1].geometry.coordinates`: `[80]` is no place"),
        ("[80, 13]", '["80", true]', "`features[1].geometry.coordinates`: `['80', True]` is no place"),
        ("[80, 13]", "[13, 120]", "features[1].properties, `lat_deg`: `120.0` is not between -90 and 90"),
        ('"A"', "3", "features[1].properties, `name`: `` is no name"),
        ('"A"', '"A", "locode": "x"', "features[1].properties, `locode`: `x` is no UN/LOCODE"),
        ("[80, 13]", "[80, 13", "line 3: is not JSON"),
    ],
)
def test_a_faulty_feature_is_said_with_its_field(old: str, new: str, said: str) -> None:
    faulty = POINT.replace(old, new)
    assert faulty != POINT
    with pytest.raises(RecordError) as caught:
        port_list.read("geojson", f'{{"type": "FeatureCollection",\n"features": [{POINT},\n{faulty}]}}'.encode())
    assert str(caught.value).startswith(said)


def test_a_list_of_a_gis_is_read_with_its_other_properties_and_several_places_of_one_port() -> None:
    geometry = {"type": "MultiPoint", "coordinates": [[80.3, 13.1, 0.0], [80.38, 13.12]]}
    feature = {
        "type": "Feature",
        "id": 7,
        "properties": {"name": "Chennai", "locode": "INMAA", "fuel": True},
        "geometry": geometry,
    }
    collection = {"type": "FeatureCollection", "crs": None, "features": [feature]}
    found = port_list.read("geojson", json.dumps(collection).encode())
    assert found == [Place("INMAA", "Chennai", 13.1, 80.3), Place("INMAA", "Chennai", 13.12, 80.38)]
    for other in (b"[]", b'{"type": "Feature"}', b'{"type": "FeatureCollection", "features": 3}'):
        with pytest.raises(RecordError, match="FeatureCollection"):
            port_list.read("geojson", other)
    with pytest.raises(RecordError, match="line 2: is not UTF-8"):
        port_list.read("csv", b"name,lat_deg,lon_deg\n\xff,1,2\n")
