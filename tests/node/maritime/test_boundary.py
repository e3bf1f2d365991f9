"""The node's own borders: read once, served without what else the file says, refused with file and field."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from kizuna.errors import ConfigError
from kizuna.node.maritime.boundary import read_boundary

LINE = {"type": "LineString", "coordinates": [[77.0, 8.0], [78.5, 9.25, 3.0]]}


def written(folder: Path, value: object) -> Path:
    path = folder / "borders.geojson"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_lines_and_areas_are_read_and_nothing_else_of_the_file(tmp_path: Path) -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    features = [
        {"type": "Feature", "properties": {"secret": "x"}, "geometry": LINE},
        {"type": "Feature", "properties": None, "geometry": {"type": "GeometryCollection", "geometries": [square]}},
    ]
    found = msgspec.json.decode(read_boundary(written(tmp_path, {"type": "FeatureCollection", "features": features})))
    assert [each["geometry"] for each in found["features"]] == [LINE, square]
    assert [each["properties"] for each in found["features"]] == [{}, {}]
    assert msgspec.json.decode(read_boundary(written(tmp_path, LINE)))["features"][0]["geometry"] == LINE


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "is not JSON"),
        ([], "`type` is `None`"),
        ({"type": "Point", "coordinates": [1, 2]}, "`type` is `Point`"),
        ({"type": "FeatureCollection"}, "`features` is no list"),
        ({"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": None}]}, "`features[0].geometry.type` is `None`"),
        ({"type": "LineString", "coordinates": []}, "`coordinates` is no list of places"),
        ({"type": "LineString", "coordinates": [[8.0, 77.0], [77.0, 98.0]]}, "`coordinates[1]` `[77.0, 98.0]` is no place"),
        ({"type": "LineString", "coordinates": [[True, 1]]}, "`coordinates[0]`"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_with_file_and_field(tmp_path: Path, value: object, said: str) -> None:
    path = written(tmp_path, value)
    with pytest.raises(ConfigError) as failed:
        read_boundary(path)
    assert str(failed.value).startswith(f"{path}: ")
    assert said in str(failed.value)


def test_a_file_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`boundary` in the settings"):
        read_boundary(tmp_path / "none.geojson")
