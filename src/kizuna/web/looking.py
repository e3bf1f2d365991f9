"""One reader's look at the picture: which vessels, in which order, as symbols or as counts by cell, packed for the way to the browser.

Pure code over the columns of last positions. Everything is made of what parties told whose records the reader may see: counts, cells, order and
origin too, so that what may not be seen changes nothing. What is cut last are alarms, vessels of interest, units and the chosen one.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from kizuna.errors import RecordError
from kizuna.node.maritime.sightings import NONE, STATIONS, Array, Ints, Sightings, folded, identity
from kizuna.node.maritime.vessel_rows import within
from kizuna.storage.positions import Box

MOST_SYMBOLS = 5_000
CROWDED = 2_000
"""More vessels than these in a wide view are told as counts by cell."""
WIDE_ZOOM = 6
"""Below this zoom a crowded view is told as counts."""
CELL_BITS = 23
"""At zoom 0 a cell is so many bits of the Mercator square wide, one fewer for each zoom: 16 pixels."""
LOST_MS = 20 * 60_000
MOVING_DKN = 5
ORIGINS = ("own", "partner", "fused")
STATES = ("sleeping", "active", "lost")
KINDS = ("other", "cargo", "tanker", "passenger", "fishing", "tug", "pleasure", "aid", "base", "sart", "aircraft")
_SHIP_TYPES = (
    (70, 80, "cargo"), (80, 90, "tanker"), (60, 70, "passenger"), (30, 31, "fishing"), (31, 33, "tug"), (52, 53, "tug"), (36, 38, "pleasure"),
)  # fmt: skip
"""Ship types by number, ITU-R M.1371-5 table 53."""
_STATION_KINDS = {"aid": "aid", "coast": "base", "device": "sart", "aircraft": "aircraft"}
SORTS = ("priority", "name", "mmsi", "speed", "age", "kind", "flag", "origin")
ROW = np.dtype(
    [
        ("id", "<u4"), ("flags", "<u4"), ("at_s", "<u4"), ("lat", "<i4"), ("lon", "<i4"), ("speed", "<i2"), ("course", "<i2"),
        ("heading", "<i2"), ("length", "<i2"),
    ]
)  # fmt: skip
"""A vessel on the way to the browser, `web/src/wire.ts`: twice the MMSI and one more where it is simulated, seconds UTC, 1/600000 degree, tenths."""
CELL = np.dtype([("x", "<u4"), ("y", "<u4"), ("count", "<u4")])
_HEAD = struct.Struct("<III")
_LATEST = 1 << 42
_REST = 4
"""The rank of vessels that nothing makes stand out."""


class Wanted(msgspec.Struct, frozen=True):
    """The filter that list and map share; what is empty lets all pass."""

    text: str = ""
    origin: str = ""
    kind: str = ""
    state: str = ""
    flag: str = ""
    over_kn: float | None = None
    under_kn: float | None = None
    age_min: float | None = None
    exercise: str = ""


class Notable(NamedTuple):
    """What makes vessels stand out, by their numbers (`sightings.identity`)."""

    alarms: frozenset[int] = frozenset()
    interest: frozenset[int] = frozenset()
    own_units: frozenset[int] = frozenset()
    selected: frozenset[int] = frozenset()


class Found(NamedTuple):
    """Vessels of a look, column by column; `rank` 0 is the last that is cut."""

    slot: Array
    by: Array
    lat: Array
    lon: Array
    at_ms: Array
    origin: Array
    kind: Array
    state: Array
    rank: Array
    alarm: Array
    interest: Array
    unit: Array
    """1 for our own units, 2 for a partner's."""

    def take(self, rows: Ints | NDArray[np.bool_] | slice) -> Found:
        """Return some of the rows."""
        return Found(*(column[rows] for column in self))


class VesselShown(msgspec.Struct, frozen=True):
    """A vessel in the list; degrees, knots and metres, None where not known."""

    mmsi: int
    simulated: bool
    at_ms: int
    lat: float
    lon: float
    speed_kn: float | None
    course_deg: float | None
    heading_deg: int | None
    origin: str
    party: str
    name: str
    kind: str
    flag: str
    length_m: int | None
    state: str
    alarm: bool
    interest: bool
    unit: str


class Reader(NamedTuple):
    """Who looks: the parties whose records they may see, and the party whose picture it is."""

    parties: frozenset[str]
    party: str


def wanted_of(asked: Callable[[str], str | None]) -> Wanted:
    """Return the filter that a request asks for.

    Raises:
        RecordError: a number is none.
    """
    texts: dict[str, Any] = {
        name: (asked(name) or "")[:100] for name in ("text", "origin", "kind", "state", "flag", "exercise")
    }
    numbers: dict[str, float | None] = {}
    for name in ("over_kn", "under_kn", "age_min"):
        text = (asked(name) or "").strip()
        try:
            numbers[name] = float(unicodedata.normalize("NFKC", text)) if text else None
        except ValueError as error:
            raise RecordError(f"`{name}` `{text[:20]}` is no number: give one, or leave it empty") from error
    return msgspec.convert(texts | numbers, Wanted)


def kind_of(ship_type: object, station: str = "ship") -> str:
    """Return the kind of ship that a type number says, or of station that its MMSI says."""
    if station in _STATION_KINDS:
        return _STATION_KINDS[station]
    given = ship_type if isinstance(ship_type, int) else NONE
    return next((kind for first, end, kind in _SHIP_TYPES if first <= given < end), "other")


_KIND_OF_TYPE = np.array([KINDS.index(kind_of(number)) for number in range(256)], np.int8)
_KIND_OF_STATION = np.array(
    [KINDS.index(_STATION_KINDS[name]) if name in _STATION_KINDS else NONE for name in STATIONS], np.int8
)


def look(columns: Sightings, reader: Reader, box: Box | None, wanted: Wanted, notable: Notable, now_ms: int) -> Found:
    """Return the vessels in a box that pass the filter, in no order."""
    seen = columns.seen(reader.parties)
    rows = np.ones(len(seen.slot), np.bool_) if box is None else within(box, seen.lat, seen.lon)
    if wanted.age_min is not None:
        rows &= now_ms - seen.at_ms <= wanted.age_min * 60_000
    slot, by, lat, lon, at_ms = (column[rows] for column in seen)
    unit = np.where(columns.column("unit", by, slot), np.where(by == _number(columns, reader.party), 1, 2), 0).astype(
        np.int8
    )
    unit[_marked(columns, notable.own_units)[slot]] = 1
    alarm, interest, chosen = (
        _marked(columns, each)[slot] for each in (notable.alarms, notable.interest, notable.selected)
    )
    rank = np.select([alarm, interest, unit > 0, chosen], [0, 1, 2, 3], _REST).astype(np.int8)
    speed = columns.column("speed_dkn", by, slot)
    state = np.where(now_ms - at_ms > LOST_MS, 2, speed > MOVING_DKN).astype(np.int8)
    found = Found(
        slot,
        by,
        lat,
        lon,
        at_ms,
        _origin(columns, reader, slot),
        _kind(columns, reader, slot),
        state,
        rank,
        alarm,
        interest,
        unit,
    )
    return found.take(_passing(columns, reader, found, wanted))


def _marked(columns: Sightings, ids: frozenset[int]) -> NDArray[np.bool_]:
    """Return by slot whether a vessel is one of some."""
    marks = np.zeros(columns.count, np.bool_)
    marks[columns.slots(ids)] = True
    return marks


def _number(columns: Sightings, party: str) -> int:
    return columns.parties.index(party) if party in columns.parties else NONE


def _origin(columns: Sightings, reader: Reader, slot: Ints) -> NDArray[np.int8]:
    own = columns.told({reader.party} & reader.parties, slot)
    others = columns.told(reader.parties - {reader.party}, slot)
    return np.where(own, np.where(others, 2, 0), 1).astype(np.int8)


def _kind(columns: Sightings, reader: Reader, slot: Ints) -> NDArray[np.int8]:
    types = (
        columns.column("ship_type", columns.stated(reader.parties, slot), slot) if len(slot) else np.empty(0, np.int16)
    )
    of_station = _KIND_OF_STATION[columns.station[slot]]
    return np.where(
        of_station >= 0, of_station, _KIND_OF_TYPE[np.where((types >= 0) & (types < len(_KIND_OF_TYPE)), types, 0)]
    )


def _passing(columns: Sightings, reader: Reader, found: Found, wanted: Wanted) -> NDArray[np.bool_]:
    rows = np.ones(len(found.slot), np.bool_)
    ids = columns.ids[found.slot]
    if wanted.origin:
        rows &= ids % 2 == 1 if wanted.origin == "simulated" else found.origin == _index(ORIGINS, wanted.origin)
    if wanted.kind:
        rows &= found.kind == _index(KINDS, wanted.kind)
    if wanted.state == "alarm":
        rows &= found.alarm
    elif wanted.state == "notable":
        rows &= found.rank < _REST
    elif wanted.state:
        rows &= found.state == _index(STATES, wanted.state)
    if wanted.flag:
        rows &= columns.flag[found.slot] == _index(columns.flags, wanted.flag.upper())
    speed = columns.column("speed_dkn", found.by, found.slot)
    if wanted.over_kn is not None:
        rows &= speed >= wanted.over_kn * 10
    if wanted.under_kn is not None:
        rows &= (speed >= 0) & (speed <= wanted.under_kn * 10)
    return rows & _of_text(columns, reader, found, folded(wanted.text)) if wanted.text else rows


def _of_text(columns: Sightings, reader: Reader, found: Found, text: str) -> NDArray[np.bool_]:
    """Return which vessels have a text in their MMSI, or in a name that one of the reader's parties told."""
    slots = found.slot.tolist()
    named = np.array([text in str(number // 2) for number in columns.ids[found.slot].tolist()], np.bool_)
    for told in (columns.folded[p] for p in columns.numbers(reader.parties).tolist()):
        named |= np.array([text in told[slot] for slot in slots], np.bool_)
    return named


def _index(of: Iterable[str], value: str) -> int:
    """Return the place of a value; what is unknown is at no place, and nothing passes it."""
    return next((place for place, each in enumerate(of) if each == value), NONE - 1)


def cut(found: Found, most: int = MOST_SYMBOLS) -> Found:
    """Return at most so many, by rank and then the newest first."""
    key = found.rank.astype(np.int64) * _LATEST + (_LATEST - 1 - found.at_ms)
    if len(key) <= most:
        return found.take(np.argsort(key, kind="stable"))
    rows = np.argpartition(key, most)[:most]
    return found.take(rows[np.argsort(key[rows], kind="stable")])


def notable_only(found: Found) -> Found:
    """Return those that something makes stand out."""
    return found.take(found.rank < _REST)


def cells(columns: Sightings, found: Found, zoom: int) -> tuple[NDArray[Any], int]:
    """Return counts by cell of the Mercator square, `CELL`, and how many bits of it a cell is wide."""
    bits = max(8, CELL_BITS - zoom)
    x, y = (columns.column(name, found.by, found.slot).astype(np.int64) >> bits for name in ("x", "y"))
    if not len(x):
        return np.empty(0, CELL), bits
    west, north = x.min(), y.min()
    width = int(x.max() - west) + 1
    counts = np.bincount((y - north) * width + (x - west))
    filled = np.flatnonzero(counts)
    made = np.empty(len(filled), CELL)
    made["x"], made["y"], made["count"] = filled % width + west, filled // width + north, counts[filled]
    return made, bits


def packed_rows(columns: Sightings, reader: Reader, found: Found) -> bytes:
    """Return vessels as `ROW`s."""
    made = np.empty(len(found.slot), ROW)
    made["id"], made["at_s"], made["lat"], made["lon"] = (
        columns.ids[found.slot],
        found.at_ms // 1000,
        found.lat,
        found.lon,
    )
    for name, column in (("speed", "speed_dkn"), ("course", "course_ddeg"), ("heading", "heading_deg")):
        made[name] = columns.column(column, found.by, found.slot)
    made["length"] = (
        columns.column("length_m", columns.stated(reader.parties, found.slot), found.slot) if len(found.slot) else NONE
    )
    turn = columns.column("turn", found.by, found.slot).astype(np.uint32) & 3
    status = columns.column("nav_status", found.by, found.slot)
    made["flags"] = (
        found.origin.astype(np.uint32) | (found.kind.astype(np.uint32) << 2) | (turn << 6) | (found.alarm.astype(np.uint32) << 8)
        | (found.interest.astype(np.uint32) << 9) | (found.unit.astype(np.uint32) << 10) | (np.isin(status, (1, 5, 6)).astype(np.uint32) << 12)
    )  # fmt: skip
    return made.tobytes()


def frame(head: dict[str, Any], rows: bytes, counted: NDArray[Any]) -> bytes:
    """Return one frame of the stream: three lengths, a head in JSON filled up to four bytes, rows, cells."""
    text = msgspec.json.encode(head)
    text += b" " * (-len(text) % 4)
    return _HEAD.pack(len(text), len(rows) // ROW.itemsize, len(counted)) + text + rows + counted.tobytes()


def names(columns: Sightings, reader: Reader, slots: Sequence[int]) -> dict[str, str]:
    """Return the names of vessels by their numbers, without those that have none."""
    called = columns.called(reader.parties, slots)
    return {str(columns.ids[slot]): name for slot, name in zip(slots, called, strict=True) if name}


def listed(columns: Sightings, reader: Reader, found: Found, sort: str, *, down: bool) -> Found:
    """Return vessels in the order of a list; those of equal value by MMSI.

    Raises:
        RecordError: there is no such order.
    """
    if sort not in SORTS:
        raise RecordError(f"`sort` `{sort[:20]}` is no order: give one of {', '.join(SORTS)}")
    ids = columns.ids[found.slot]
    keys: dict[str, Callable[[], Any]] = {
        "name": lambda: np.array(columns.called(reader.parties, found.slot.tolist(), compared=True), str),
        "mmsi": lambda: ids,
        "priority": lambda: found.rank.astype(np.int64),
        "speed": lambda: columns.column("speed_dkn", found.by, found.slot).astype(np.int64),
        "age": lambda: -found.at_ms,
        "kind": lambda: found.kind.astype(np.int64),
        "flag": lambda: np.array([*columns.flags, ""], str)[columns.flag[found.slot]],
        "origin": lambda: found.origin.astype(np.int64),
    }  # fmt: skip
    key = keys[sort]()
    if key.dtype.kind == "U":  # what is not known comes last
        key = np.unique(key, return_inverse=True)[1] + np.where(key == "", len(key), 0)
    return found.take(np.lexsort((ids, -key if down else key)))


def shown(columns: Sightings, reader: Reader, found: Found) -> list[VesselShown]:
    """Return vessels as the list shows them."""
    said = columns.stated(reader.parties, found.slot) if len(found.slot) else found.by
    values = zip(
        columns.ids[found.slot].tolist(), columns.called(reader.parties, found.slot.tolist()),
        found.at_ms.tolist(), found.lat.tolist(), found.lon.tolist(),
        columns.column("speed_dkn", found.by, found.slot).tolist(), columns.column("course_ddeg", found.by, found.slot).tolist(),
        columns.column("heading_deg", found.by, found.slot).tolist(), columns.column("length_m", said, found.slot).tolist(),
        found.origin.tolist(), found.kind.tolist(), found.state.tolist(), found.by.tolist(), found.alarm.tolist(), found.interest.tolist(),
        found.unit.tolist(), columns.flag[found.slot].tolist(), strict=True,
    )  # fmt: skip
    return [
        VesselShown(
            mmsi=number // 2, simulated=bool(number % 2), at_ms=at_ms, lat=round(lat / 600_000, 5), lon=round(lon / 600_000, 5),
            speed_kn=None if speed < 0 else speed / 10, course_deg=None if course < 0 else course / 10,
            heading_deg=None if heading < 0 else heading, origin=ORIGINS[origin], party=columns.parties[by],
            name=name, kind=KINDS[kind], flag=columns.flags[flag] if flag >= 0 else "",
            length_m=None if length < 0 else length, state=STATES[state], alarm=alarm, interest=interest, unit=("", "own", "partner")[unit],
        )
        for number, name, at_ms, lat, lon, speed, course, heading, length, origin, kind, state, by, alarm, interest, unit, flag in values
    ]  # fmt: skip


def flags_of(columns: Sightings, found: Found) -> tuple[str, ...]:
    """Return the flags that vessels bear, as their numbers claim."""
    return tuple(sorted(columns.flags[flag] for flag in np.unique(columns.flag[found.slot]).tolist() if flag >= 0))


def numbers_of(mmsi: Iterable[int]) -> frozenset[int]:
    """Return the numbers of vessels whether they are made up or real."""
    return frozenset(identity(each, simulated=kind) for each in mmsi for kind in (False, True))
