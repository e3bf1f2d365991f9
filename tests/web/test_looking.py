"""What a reader's look at the picture is made of: nothing of what they may not see, in any count, cell, order or change."""

from __future__ import annotations

import itertools
import struct

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.node.maritime.sightings import WORLD, Sightings, identity, mercator
from kizuna.storage.positions import Box
from kizuna.web import looking
from kizuna.web.looking import CELL, KINDS, ROW, Notable, Reader, Wanted

NOW = 1_795_000_000_000
DEGREE = 600_000
BOTH, OURS, THEIRS = (Reader(frozenset(parties), "ind") for parties in (("ind", "jpn"), ("ind",), ("jpn",)))
ALL = Wanted()
NOTHING = Notable()
WIDE = str.maketrans("0123456789S", "".join(chr(ord(each) + 0xFEE0) for each in "0123456789S"))
"""What a Japanese keyboard types for these."""


def rows(*told: tuple[int, int, float, float] | tuple[int, int, float, float, int, int]) -> pa.Table:
    """Return positions: MMSI, seconds before now, latitude, longitude, and where given tenths of a knot and heading."""
    made = [(*each, *(80, 90)[len(each) - 4 :]) for each in told]
    columns = zip(*made, strict=True)
    mmsi, ago, lat, lon, speed, heading = (list(column) for column in columns)
    arrays = [
        [NOW - each * 1000 for each in ago], mmsi, [round(each * DEGREE) for each in lat], [round(each * DEGREE) for each in lon],
        speed, [900] * len(made), heading, [0] * len(made),
    ]  # fmt: skip
    return pa.table([pa.array(values, field.type) for values, field in zip(arrays, SCHEMA, strict=True)], schema=SCHEMA)


def look(
    columns: Sightings,
    reader: Reader = BOTH,
    wanted: Wanted = ALL,
    notable: Notable = NOTHING,
    box: Box | None = None,
) -> looking.Found:
    return looking.look(columns, reader, box, wanted, notable, NOW)


def mmsi(columns: Sightings, found: looking.Found) -> list[int]:
    return sorted((columns.ids[found.slot] // 2).tolist())


def test_the_order_of_arrival_makes_no_difference() -> None:
    told = [rows((419000001, age, 10 + age / 100, 80)) for age in (30, 20, 10)] + [rows((419000001, 10, 9, 80))]
    found = set()
    for order in itertools.permutations(told):
        columns = Sightings()
        for table in order:
            columns.place(table, "ind", simulated=False)
        found.add(look(columns).lat.tolist()[0])
    assert len(found) == 1
    twice = Sightings()
    twice.place(pa.concat_tables(told), "ind", simulated=False)
    assert look(twice).lat.tolist() == list(found)


def test_each_reader_sees_the_newest_place_that_is_theirs_to_see() -> None:
    columns = Sightings()
    columns.place(rows((419000001, 60, 10, 80), (419000002, 60, 11, 80)), "ind", simulated=False)
    columns.place(rows((419000001, 5, 20, 130), (431000003, 5, 30, 130)), "jpn", simulated=False)
    columns.place(rows((419000001, 5, 1, 70)), "jpn", simulated=True)
    assert mmsi(columns, look(columns, OURS)) == [419000001, 419000002]
    assert look(columns, OURS).lat.tolist() == [10 * DEGREE, 11 * DEGREE]
    both = look(columns, BOTH)
    assert dict(zip(columns.ids[both.slot].tolist(), both.origin.tolist(), strict=True)) == {
        identity(419000001, simulated=False): 2, identity(419000001, simulated=True): 1, identity(419000002, simulated=False): 0,
        identity(431000003, simulated=False): 1,
    }  # fmt: skip
    assert look(columns, Reader(frozenset(), "ind")).slot.tolist() == []
    # what another party tells of a vessel is no news to who may not see that party
    before = columns.step
    columns.place(rows((419000002, 1, 12, 80)), "jpn", simulated=False)
    assert columns.changed(OURS.parties, look(columns, OURS).slot).max() <= before
    assert columns.changed(BOTH.parties, look(columns, BOTH).slot).max() > before
    # nor does what it says of a vessel name it, or find it
    columns.state("jpn", 419000002, {"name": "HIDDEN", "ship_type": 80}, NOW, simulated=False)
    hidden = Wanted(text="hidden")
    assert mmsi(columns, look(columns, BOTH, hidden)) == [419000002]
    assert mmsi(columns, look(columns, OURS, hidden)) == []
    assert mmsi(columns, look(columns, OURS, Wanted(kind="tanker"))) == []
    assert looking.shown(columns, OURS, look(columns, OURS))[1].name == ""


def test_the_filter() -> None:
    columns = Sightings()
    columns.place(
        rows(
            (419000001, 10, 10, 80, 0, 90), (419000002, 30 * 60, 10, 81, 120, 90), (538000003, 10, 10, 82, 250, 90),
            (992351000, 10, 10, 83, 0, 0), (970012345, 10, 10, 84, 0, 0), (4310001, 10, 10, 85, 0, 0),
        ),
        "ind", simulated=False,
    )  # fmt: skip
    columns.place(rows((431000009, 10, 10, 86)), "jpn", simulated=True)
    columns.state("ind", 538000003, {"name": "Sea Star".translate(WIDE), "ship_type": 70}, NOW, simulated=False)
    for wanted, expected in (
        (Wanted(text="sea star"), [538000003]), (Wanted(text="4190".translate(WIDE)), [419000001, 419000002]), (Wanted(kind="cargo"), [538000003]),
        (Wanted(kind="aid"), [992351000]), (Wanted(kind="sart"), [970012345]), (Wanted(kind="base"), [4310001]), (Wanted(state="lost"), [419000002]),
        (Wanted(state="active"), [431000009, 538000003]), (Wanted(over_kn=12), [419000002, 538000003]), (Wanted(flag="mh"), [538000003]),
        (Wanted(over_kn=20, under_kn=25), [538000003]), (Wanted(age_min=5, flag="IN"), [419000001]), (Wanted(origin="partner"), [431000009]),
        (Wanted(origin="simulated"), [431000009]), (Wanted(kind="submarine"), []), (Wanted(flag="XX"), []),
    ):  # fmt: skip
        assert mmsi(columns, look(columns, BOTH, wanted)) == expected, wanted
    given = {"over_kn": "12".translate(WIDE), "text": "a" * 300}
    assert looking.wanted_of(given.get).over_kn == 12
    with pytest.raises(RecordError, match="`age_min` `soon` is no number"):
        looking.wanted_of({"age_min": "soon"}.get)


def test_what_stands_out_is_cut_last_and_the_count_is_honest() -> None:
    columns = Sightings()
    numbers = range(419000000, 419000100)
    columns.place(rows(*((number, number - 419000000, 10, 80) for number in numbers)), "ind", simulated=False)
    columns.place(
        rows((419000099, 99, 10, 80)), "ind", simulated=False, unit=True
    )  # said again as a unit, and no newer
    columns.place(rows((419000098, 1, 10, 80)), "ind", simulated=False, unit=True)
    notable = Notable(
        alarms=looking.numbers_of([419000097]),
        interest=looking.numbers_of([419000096]),
        selected=frozenset({identity(419000095, simulated=False)}),
    )
    found = look(columns, BOTH, ALL, notable)
    kept = looking.cut(found, 6)
    assert (columns.ids[kept.slot] // 2).tolist() == [419000097, 419000096, 419000098, 419000095, 419000000, 419000001]
    assert mmsi(columns, looking.notable_only(found)) == [419000095, 419000096, 419000097, 419000098]
    assert len(found.slot) == 100
    assert mmsi(columns, look(columns, BOTH, Wanted(state="notable"), notable)) == [
        419000095,
        419000096,
        419000097,
        419000098,
    ]


def test_cells_count_what_is_found_and_lie_where_it_is() -> None:
    columns = Sightings()
    columns.place(
        rows(
            (419000001, 1, 10, 80), (419000002, 1, 10.01, 80.01), (419000003, 1, -33, -70), (419000004, 1, 88, 179.99)
        ),
        "ind",
        simulated=False,
    )
    columns.place(rows((431000001, 1, 10, 80)), "jpn", simulated=False)
    counted, bits = looking.cells(columns, look(columns, OURS), 3)
    assert counted.dtype == CELL
    assert sorted(counted["count"].tolist()) == [1, 1, 2]
    assert int(looking.cells(columns, look(columns, BOTH), 3)[0]["count"].sum()) == 5
    x, y = mercator(np.array([10 * DEGREE]), np.array([80 * DEGREE]))
    assert {(x[0] >> bits, y[0] >> bits)} <= {(cell["x"], cell["y"]) for cell in counted}
    assert [int(each[0]) for each in mercator(np.array([0]), np.array([0]))] == [WORLD // 2, WORLD // 2]


def test_a_list_is_in_the_order_that_was_asked_for() -> None:
    columns = Sightings()
    columns.place(
        rows((419000001, 10, 10, 80, 50, 1), (538000002, 20, 10, 80, 150, 1), (431000003, 5, 10, 80, 100, 1)),
        "ind",
        simulated=False,
    )
    for number, name in ((419000001, "Beta"), (538000002, "alpha")):
        columns.state("ind", number, {"name": name}, NOW, simulated=False)
    for sort, expected in (
        ("name", [538000002, 419000001, 431000003]), ("mmsi", [419000001, 431000003, 538000002]), ("speed", [419000001, 431000003, 538000002]),
        ("age", [431000003, 419000001, 538000002]), ("flag", [419000001, 431000003, 538000002]), ("priority", [419000001, 431000003, 538000002]),
    ):  # fmt: skip
        for down in (False, True):
            found = looking.listed(columns, BOTH, look(columns), sort, down=down)
            in_order = (columns.ids[found.slot] // 2).tolist()
            assert in_order == (expected[::-1] if down and sort != "priority" else expected), sort
    with pytest.raises(RecordError, match="is no order"):
        looking.listed(columns, BOTH, look(columns), "beauty", down=False)


def test_a_frame_says_what_the_browser_reads() -> None:
    columns = Sightings()
    columns.place(rows((419000001, 70, 10, 80, 100, 350)), "ind", simulated=False)
    columns.place(rows((419000001, 10, -10.5, 80, 100, 10)), "ind", simulated=False, unit=True)
    columns.state("ind", 419000001, {"name": "SEA STAR", "ship_type": 81, "length_m": 200}, NOW, simulated=False)
    found = look(columns, BOTH, ALL, Notable(alarms=looking.numbers_of([419000001])))
    data = looking.frame(
        {"all": True, "names": looking.names(columns, BOTH, found.slot.tolist())},
        looking.packed_rows(columns, BOTH, found),
        np.empty(0, CELL),
    )
    text, count, cells = struct.unpack_from("<III", data)
    assert (count, cells, len(data)) == (1, 0, 12 + text + ROW.itemsize)
    assert msgspec.json.decode(data[12 : 12 + text])["names"] == {"838000002": "SEA STAR"}
    row = np.frombuffer(data[12 + text :], ROW)[0]
    assert (row["id"], row["lat"], row["speed"], row["heading"], row["length"]) == (838000002, -6_300_000, 100, 10, 200)
    flags = int(row["flags"])
    assert (flags & 3, (flags >> 2) & 15, (flags >> 6) & 3, flags >> 8 & 1, (flags >> 10) & 3) == (
        0,
        KINDS.index("tanker"),
        1,
        1,
        1,
    )


def test_a_hundred_thousand_vessels_are_kept_and_asked() -> None:
    count = 100_000
    rng = np.random.default_rng(7)
    lat, lon = rng.integers(-60 * DEGREE, 60 * DEGREE, count), rng.integers(-180 * DEGREE, 180 * DEGREE, count)
    arrays = [np.full(count, NOW), np.arange(count) + 200_000_000, lat, lon, *(np.zeros(count) for _ in range(4))]
    columns = Sightings()
    columns.place(
        pa.table([pa.array(values, field.type) for values, field in zip(arrays, SCHEMA, strict=True)], schema=SCHEMA),
        "ind",
        simulated=False,
    )
    box = Box(0, 170 * DEGREE, 20 * DEGREE, -170 * DEGREE)
    inside = (lat >= 0) & (lat <= 20 * DEGREE) & ((lon >= 170 * DEGREE) | (lon <= -170 * DEGREE))
    found = look(columns, BOTH, ALL, Notable(), box)
    assert len(found.slot) == int(inside.sum()) > 300
    assert len(looking.cut(look(columns)).slot) == looking.MOST_SYMBOLS
    assert int(looking.cells(columns, look(columns), 2)[0]["count"].sum()) == count
