"""The search for events, cut into steps of which each works on its share alone, so that one machine and many do the same work.

`survey` and `look` take all rows of some vessels, `meet` where vessels were at some grid times, `join` what some pairs of vessels did together.
What one step has to say to another goes in parcels, columns as Arrow bytes, each addressed to a share of the next step. Nothing is searched by time
with overlaps: an encounter over midnight, or of vessels of two shares, is found as in one table. However the shares are cut and in whatever order
parcels come, `told_by` gives the events that one search over all rows gives. Who runs the steps, and where, is decided elsewhere.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from kizuna.domains.maritime.events.coverage import FeedInterval, heard_intervals
from kizuna.domains.maritime.events.encounter import Pairs, Slots, meetings, near, slots_of
from kizuna.domains.maritime.events.given import Unread
from kizuna.domains.maritime.events.model import Event, Evidence, Outline, ThresholdSet, in_order
from kizuna.domains.maritime.events.moves import find_together, jumps_of
from kizuna.domains.maritime.events.reception import Reception, added, reception_of
from kizuna.domains.maritime.events.search import of_vessels, receivers_heard
from kizuna.domains.maritime.tracks.clean import Clean, cleaned, heard_of
from kizuna.domains.maritime.tracks.columns import NOT_TOLD, Track
from kizuna.formats.positions_arrow import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from kizuna.domains.maritime.events.coverage import Receivers
    from kizuna.domains.maritime.events.given import Given

Kind = Literal["events", "first", "heard", "jumps", "pairs", "received", "slots"]
Columns = dict[str, "NDArray[np.int64]"]

BLOCK_SLOTS = 36
"""Grid times of one share of `meet`: six hours, so that a day of the whole earth is four."""
PAIR_SHARES = 64
HOME = -1
"""The address of what goes to no further step."""
_WORD = 32
"""Bits for a row or a piece beside an MMSI's thirty."""
_REPORT = ("time_ms", "lat", "lon", "source")
_PACKING = pa.ipc.IpcWriteOptions(compression="zstd")


class Parcel(NamedTuple):
    """What a step says, and which share of the next step it is for."""

    to: int
    kind: Kind
    data: bytes


class Surveyed(NamedTuple):
    """What a first look at all shares tells: when each source was heard, what was received where, and the time of the last row; 0 of none."""

    receivers: Receivers
    reception: Reception
    last_ms: int


def survey(
    tables: Mapping[str, pa.Table], *, thresholds: ThresholdSet, since_ms: int | None = None
) -> Iterator[Parcel]:
    """Yield when the sources delivered rows of some vessels, where these were heard, and their first reports from an instant on.

    Args:
        tables: all rows of the vessels by the name of their source; every source is named, also one that told nothing of them.
        thresholds: after which time a source was silent.
        since_ms: the instant; None where nobody asks.
    """
    for number, name in enumerate(sorted(tables)):
        heard = heard_intervals(values_of(tables[name], "time_ms")[0], thresholds.feed_silent_ms)
        edges = np.array([(each.from_ms, each.to_ms) for each in heard], np.int64).reshape(-1, 2)
        yield Parcel(
            HOME,
            "heard",
            _packed({"source": np.full(len(edges), number), "from_ms": edges[:, 0], "to_ms": edges[:, 1]}),
        )
    track = heard_of(tables)
    reception = reception_of(track)
    yield Parcel(HOME, "received", _packed({"keys": reception.keys, "counts": reception.counts}))
    if since_ms is not None:
        yield Parcel(HOME, "first", _packed(_first(track, since_ms)))


def surveyed(
    heard: Iterable[bytes],
    received: Iterable[bytes],
    names: Sequence[str],
    told: Mapping[str, Iterable[FeedInterval]],
    thresholds: ThresholdSet,
) -> Surveyed:
    """Return what the surveys of all shares tell together; `names` are those of the sources, `told` the feed states that were told of them."""
    spans: dict[str, list[FeedInterval]] = {name: [] for name in names}
    last_ms = 0
    for columns in map(_columns, heard):
        for source, from_ms, to_ms in zip(*(column.tolist() for column in columns.values()), strict=True):
            spans[sorted(names)[source]].append(FeedInterval(from_ms, to_ms, "live"))
            last_ms = max(last_ms, to_ms - thresholds.feed_silent_ms)
    counts = [Reception(columns["keys"], columns["counts"]) for columns in map(_columns, received)]
    return Surveyed(
        receivers_heard(spans, told), added(counts) if counts else Reception(*np.empty((2, 0), np.int64)), last_ms
    )


def first_heard(heard: Track, since_ms: int) -> dict[int, Evidence]:
    """Return the first report of each vessel at an instant or later; see `Clean.heard`."""
    return _reports(_first(heard, since_ms))


def first_told(parcels: Iterable[bytes]) -> dict[int, Evidence]:
    """Return the first report of each vessel, from what the surveys of all shares tell."""
    return {mmsi: report for data in parcels for mmsi, report in _reports(_columns(data)).items()}


def _first(heard: Track, since_ms: int) -> Columns:
    rows = np.flatnonzero(heard.time_ms >= since_ms)
    rows = rows[np.unique(heard.mmsi[rows], return_index=True)[1]]
    columns = (column[rows] for column in (heard.mmsi, heard.time_ms, heard.lat, heard.lon))
    return dict(zip(Evidence.__struct_fields__, columns, strict=True))


def _reports(columns: Columns) -> dict[int, Evidence]:
    rows = zip(*(columns[name].tolist() for name in Evidence.__struct_fields__), strict=True)
    return {row[0]: Evidence(*row) for row in rows}


def look(tables: Mapping[str, pa.Table], *, given: Given) -> Iterator[Parcel]:
    """Yield what the tracks of some vessels show, where they were at grid times, and their jumps; see `survey` for the tables."""
    clean = cleaned(tables)
    yield Parcel(HOME, "events", _said(of_vessels(clean, given)))
    yield Parcel(HOME, "jumps", _packed(_jumps(clean)))
    slots = slots_of(clean, given.thresholds)
    track = clean.track
    reports = {
        f"{side}_{name}": column[slots.row + step]
        for step, side in enumerate(("before", "after"))
        for name, column in zip(_REPORT, (track.time_ms, track.lat, track.lon, track.source), strict=True)
    }
    columns = {"mmsi": track.mmsi[slots.row], **slots._asdict(), **reports}
    yield from _addressed("slots", columns, slots.slot // BLOCK_SLOTS)


def meet(parcels: Iterable[bytes], *, thresholds: ThresholdSet) -> Iterator[Parcel]:
    """Yield the pairs of vessels that were near each other at the grid times of a block, one row of each after the other."""
    told, piece = _by_piece(_joined(parcels))
    found = near(Slots(piece, told["slot"], told["lat"], told["lon"], told["row"]), thresholds, every=1)
    # pieces are numbered by vessel, so the first of a pair is the vessel with the lower number
    apart = told["mmsi"][found.a] != told["mmsi"][found.b]
    a, b = found.a[apart], found.b[apart]
    share = (told["mmsi"][a] * 31 + told["mmsi"][b]) % PAIR_SHARES
    rows = np.stack((a, b), axis=1).reshape(-1)
    yield from _addressed("pairs", {name: column[rows] for name, column in told.items()}, np.repeat(share, 2))


def join(parcels: Iterable[bytes], *, given: Given, names: Sequence[str]) -> Iterator[Parcel]:
    """Yield the encounters of some pairs of vessels, from all that `meet` said of them; `names` are those of the sources, in order."""
    both = _joined(parcels)
    places = np.stack((both["mmsi"], both["piece"], both["slot"]))
    _, first, place = np.unique(places, axis=1, return_index=True, return_inverse=True)
    told, piece = _by_piece({name: column[first] for name, column in both.items()})
    row = (told["mmsi"] << _WORD) + told["row"]  # one number for a report, in the order of vessels and their tracks
    keys, first = np.unique(np.concatenate((row, row + 1)), return_index=True)
    reports = [np.concatenate((told[f"before_{name}"], told[f"after_{name}"]))[first] for name in _REPORT]
    clean = _clean(keys >> _WORD, reports, np.concatenate((piece, piece))[first], names)
    slots = Slots(piece, told["slot"], told["lat"], told["lon"], np.searchsorted(keys, row))
    pairs = Pairs(place.reshape(-1)[0::2], place.reshape(-1)[1::2])
    yield Parcel(HOME, "events", _said(meetings(clean, slots, pairs, given)))


def worded(event: Event) -> Event:
    """Return an event with its evidence in words, as it is told and compared."""
    return msgspec.structs.replace(event, evidence=tuple(event.evidence))


def _said(events: Iterable[Event]) -> bytes:
    return msgspec.msgpack.encode([worded(event) for event in events])


class Packed(Unread):
    """Evidence as a parcel brought it.

    Args:
        data: MessagePack, part of the parcel.
    """

    def __init__(self, data: msgspec.Raw) -> None:
        self._data = data

    def _worded(self) -> tuple[Evidence, ...]:
        return msgspec.msgpack.decode(self._data, type=tuple[Evidence, ...])


class _Sent(Outline, frozen=True, kw_only=True):
    """An event of a parcel: all but its evidence is read."""

    evidence: msgspec.Raw


def _unpacked(data: msgspec.Raw) -> Event:
    sent = msgspec.msgpack.decode(data, type=_Sent)
    return Event(**msgspec.structs.asdict(sent) | {"evidence": Packed(sent.evidence)})


def told_by(
    events: Iterable[bytes], jumps: Iterable[bytes], *, given: Given, names: Sequence[str]
) -> tuple[Event, ...]:
    """Return all events of a search, in order: those that the steps told, and the jumps of several vessels at once, which are few enough for one.

    A vessel that drifts for days cites all its reports, so what was told stays packed until it is read.
    """
    sent = [event for data in events for event in msgspec.msgpack.decode(data, type=tuple[msgspec.Raw, ...])]
    found = [_unpacked(event) for event in sorted(sent, key=lambda event: hashlib.sha256(event).digest())]
    told = _joined(jumps)
    order = np.lexsort((told["row"], told["mmsi"]))
    rows = {name: column[order] for name, column in told.items()}
    clean = _clean(rows["mmsi"], [rows[name] for name in _REPORT], rows["segment"], names)
    found += map(worded, find_together(clean, given))
    return in_order(found)


def _by_piece(told: Columns) -> tuple[Columns, NDArray[np.int64]]:
    """Return places by vessel, piece and time, and their pieces, numbered anew in this order."""
    order = np.lexsort((told["slot"], told["piece"], told["mmsi"]))
    rows = {name: column[order] for name, column in told.items()}
    return rows, np.unique((rows["mmsi"] << _WORD) + rows["piece"], return_inverse=True)[1]


def _jumps(clean: Clean) -> Columns:
    """Return the rows at which vessels jump, and those before them: no other row lies between the two."""
    row = jumps_of(clean).row
    rows, heard = np.unique(np.concatenate((row - 1, row))), clean.heard
    columns = (heard.mmsi[rows], rows, clean.segment[rows], *(column[rows] for column in _report(heard)))
    return dict(zip(("mmsi", "row", "segment", *_REPORT), columns, strict=True))


def _report(track: Track) -> tuple[NDArray[np.int64], ...]:
    return track.time_ms, track.lat, track.lon, track.source


def _clean(
    mmsi: NDArray[np.int64], reports: Sequence[NDArray[np.int64]], piece: NDArray[np.int64], names: Sequence[str]
) -> Clean:
    """Return the part of cleaned tracks that parcels brought: no speeds or courses, which nothing that is asked of it needs."""
    time_ms, lat, lon, source = reports
    nothing = np.full(len(mmsi), NOT_TOLD)
    track = Track(mmsi, time_ms, lat, lon, nothing, nothing, nothing, source)
    return Clean(track, piece, track, piece, np.zeros(len(mmsi), np.uint8), (), tuple(sorted(names)))


def _addressed(kind: Kind, columns: Columns, to: NDArray[np.int64]) -> Iterator[Parcel]:
    """Yield the rows in a parcel for each address."""
    if not len(to):
        return
    order = np.argsort(to, kind="stable")
    addresses, first = np.unique(to[order], return_index=True)
    for address, rows in zip(addresses.tolist(), np.split(order, first[1:]), strict=True):
        yield Parcel(address, kind, _packed({name: column[rows] for name, column in columns.items()}))


def _packed(columns: Mapping[str, NDArray[np.int64]]) -> bytes:
    table = pa.table(dict(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_PACKING) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _columns(data: bytes) -> Columns:
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        table = reader.read_all()
    return {name: np.asarray(table[name].combine_chunks()) for name in table.column_names}


def _joined(parcels: Iterable[bytes]) -> Columns:
    """Return the rows of parcels of one kind; there is at least one."""
    parts = [_columns(data) for data in parcels]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
