"""Release of positions: what is excluded, dropped or coarsened is gone from the bytes."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.maritime.release_filter import Area, Transformation, apply_transformation, snap
from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import SCHEMA, canonical_ipc

DEGREE = 600_000
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "time_ms": st.integers(0, 10**12),
            "mmsi": st.integers(1, 6),
            "lat_600000": st.integers(-90 * DEGREE, 90 * DEGREE),
            "lon_600000": st.integers(-180 * DEGREE, 180 * DEGREE),
            "speed_dkn": st.none() | st.integers(0, 300),
            "course_ddeg": st.none(),
            "heading_deg": st.none() | st.integers(0, 359),
            "nav_status": st.none() | st.integers(0, 14),
        }
    ),
    max_size=20,
)
DEGREES = st.integers(-180, 180)
AREAS = st.builds(
    lambda south, north, west, east: Area(east * DEGREE, north * DEGREE, south * DEGREE, west * DEGREE),
    st.integers(-90, 90),
    st.integers(-90, 90),
    DEGREES,
    DEGREES,
)


def table(rows: list[dict[str, int | None]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def stays(row: dict[str, int], areas: tuple[Area, ...] | None, excluded: frozenset[int]) -> bool:
    if row["mmsi"] in excluded:
        return False
    if areas is None:
        return True
    for area in areas:
        crosses = area.west_600000 > area.east_600000
        west, east = row["lon_600000"] >= area.west_600000, row["lon_600000"] <= area.east_600000
        if area.south_600000 <= row["lat_600000"] <= area.north_600000 and (
            (west or east) if crosses else (west and east)
        ):
            return True
    return False


@given(
    ROWS,
    st.none() | st.lists(AREAS, max_size=2).map(tuple),
    st.frozensets(st.integers(1, 6)),
    st.sampled_from([1, 600, 60_000]),
    st.sampled_from([1, 600_000]),
)
@settings(max_examples=80)
def test_rows_equal_those_chosen_one_by_one(
    rows: list[dict[str, int]],
    areas: tuple[Area, ...] | None,
    excluded: frozenset[int],
    grid: int,
    step_ms: int,
) -> None:
    transformation = Transformation(
        areas=areas,
        coarsen_600000=grid,
        drop_fields=frozenset({"heading_deg"}),
        exclude_mmsi=excluded,
        time_step_ms=step_ms,
    )
    expected = []
    for row in rows:
        if stays(row, areas, excluded):
            coarse = row | {
                "heading_deg": None,
                "time_ms": row["time_ms"] // step_ms * step_ms,
                "lat_600000": row["lat_600000"] // grid * grid,
                "lon_600000": row["lon_600000"] // grid * grid,
            }
            if coarse not in expected or grid == step_ms == 1:
                expected.append(coarse)
    assert apply_transformation(table(rows), transformation).to_pylist() == expected


def test_no_areas_keeps_nothing_and_unset_areas_keep_all() -> None:
    rows = table([{"time_ms": 1, "mmsi": 1, "lat_600000": 0, "lon_600000": 0}])
    assert apply_transformation(rows, Transformation()).num_rows == 1
    assert apply_transformation(rows, Transformation(areas=())).num_rows == 0


def test_own_units_leave_no_bytes() -> None:
    rows = [
        {"time_ms": 10**12 + n, "mmsi": mmsi, "lat_600000": 77_777 + n, "lon_600000": 5, "heading_deg": 123}
        for n, mmsi in enumerate([419_990_001, 563_000_001, 419_990_001])
    ]
    transformation = Transformation(exclude_mmsi=frozenset({419_990_001}), drop_fields=frozenset({"heading_deg"}))
    blob = canonical_ipc(apply_transformation(table(rows), transformation))
    assert (419_990_001).to_bytes(4, "little") not in blob
    assert (77_777).to_bytes(4, "little") not in blob
    assert blob == canonical_ipc(table([rows[1] | {"heading_deg": None}]))


@given(st.integers(-(10**8), 10**8), st.integers(1, 10**6))
def test_snapping_is_a_fixed_grid(value: int, step: int) -> None:
    (once,) = snap(np.array([value]), step)
    assert once % step == 0
    assert 0 <= value - once < step
    assert snap(np.array([once]), step)[0] == once


def test_wrong_transformations_are_refused() -> None:
    rows = table([])
    with pytest.raises(RecordError, match="step"):
        apply_transformation(rows, Transformation(coarsen_600000=0))
    for name in ("mmsi", "colour"):
        with pytest.raises(RecordError, match=name):
            apply_transformation(rows, Transformation(drop_fields=frozenset({name})))
