"""Parts of a table are encoded together: the same bytes as each by itself."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from kizuna.formats.positions_arrow import SCHEMA, canonical_ipc, canonical_parts, empty

ROWS = st.fixed_dictionaries(
    {
        "time_ms": st.integers(0, 3) | st.just(2**53 - 1),
        "mmsi": st.integers(1, 2),
        "lat_600000": st.integers(-2, 2),
        "lon_600000": st.just(0),
        "speed_dkn": st.none() | st.integers(0, 2),
        "course_ddeg": st.none() | st.just(3599),
        "heading_deg": st.none(),
        "nav_status": st.none() | st.integers(0, 1),
    }
)


@given(st.lists(st.tuples(ROWS, st.integers(-2, 2), st.integers(0, 1)), max_size=25))
def test_each_part_is_encoded_as_if_it_stood_alone(rows: list[tuple[dict[str, int | None], int, int]]) -> None:
    table = pa.Table.from_pylist([row for row, _, _ in rows], schema=SCHEMA)
    groups = [np.array([row[place] for row in rows], dtype=np.int64) for place in (1, 2)]
    parts = canonical_parts(table, groups)
    assert [part.key for part in parts] == sorted({row[1:] for row in rows})
    for part in parts:
        alone = [row for row, *key in rows if tuple(key) == part.key]
        assert part.blob == canonical_ipc(pa.Table.from_pylist(alone, schema=SCHEMA))
        times = [row["time_ms"] for row in alone]
        assert (part.rows, part.first_ms, part.last_ms) == (len(alone), min(times), max(times))


def test_no_rows_give_no_parts() -> None:
    assert canonical_parts(empty(), (np.zeros(0, dtype=np.int64),)) == []
