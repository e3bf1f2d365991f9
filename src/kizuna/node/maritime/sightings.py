"""Where vessels were last seen, as columns by vessel and party that told of it: so a reader's picture is made of what they may see.

The live picture writes here and the pages ask. Nothing is filtered row by row: a question over a hundred thousand vessels is a few passes over
arrays. Which parties a reader may see is said with every question; of the others neither a place nor a change nor a count comes back.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kizuna.domains.maritime.identity import flag_of, station_of
from kizuna.formats.positions_arrow import values_of

NONE = -1
"""A number that was not told."""
NO_PLACE = np.iinfo(np.int32).min
WORLD = 1 << 28
"""The width of the earth in units of the Mercator square; y runs south from 85 degrees north."""
STATIONS = ("ship", "coast", "aid", "craft", "device", "aircraft", "unknown")
"""Kinds of station by their number, as the columns keep them; groups and handhelds are unknown here."""
_FIRST = 1024
_TURN_MS = 180_000
"""Two headings so close in time tell a turn."""
_TURNING_DEG = 3
"""Degrees a minute from which a vessel is turning."""
_TOP = 85.051129
_DEGREE = 600_000
_COLUMNS: Mapping[str, tuple[type, int]] = {
    "at_ms": (np.int64, NONE), "lat": (np.int32, NO_PLACE), "lon": (np.int32, NO_PLACE), "x": (np.int32, NONE), "y": (np.int32, NONE),
    "speed_dkn": (np.int16, NONE), "course_ddeg": (np.int16, NONE), "heading_deg": (np.int16, NONE), "nav_status": (np.int8, NONE),
    "turn": (np.int8, 0), "unit": (np.bool_, 0), "stated_ms": (np.int64, NONE), "ship_type": (np.int16, NONE), "length_m": (np.int16, NONE),
    "changed": (np.int64, 0),
}  # fmt: skip

Array = NDArray[Any]
Ints = NDArray[np.int64]


class Seen(NamedTuple):
    """One reader's view: a row for each vessel that a party of theirs told of, with who told its place."""

    slot: Array
    """Where the vessel stands in the columns."""
    by: Array
    """The party that told its newest place, by number."""
    lat: Array
    lon: Array
    at_ms: Array


def identity(mmsi: int, *, simulated: bool) -> int:
    """Return the number under which a vessel stands here; a made-up vessel is another than a real one of the same MMSI."""
    return mmsi * 2 + int(simulated)


class Sightings:
    """Columns of last positions and static data, by party. Not for several threads: whoever holds one locks it."""

    def __init__(self) -> None:
        self.parties: list[str] = []
        self.count = 0
        self.step = 0
        """Counts the updates; a row's `changed` is the step in which its party last told something new."""
        self.ids: Ints = np.zeros(_FIRST, np.int64)
        self.flag: NDArray[np.int16] = np.full(_FIRST, NONE, np.int16)
        self.station: NDArray[np.int8] = np.zeros(_FIRST, np.int8)
        self.flags: list[str] = []
        """ISO 3166 codes; `flag` counts into them."""
        self.names: list[list[str]] = []
        """By party and slot; empty where the party told none."""
        self.folded: list[list[str]] = []
        """The same as they are compared."""
        self._slots: dict[int, int] = {}
        self._columns: dict[str, NDArray[Any]] = {
            name: np.full((0, _FIRST), empty, kind) for name, (kind, empty) in _COLUMNS.items()
        }

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    # --- writing ------------------------------------------------------------------------------------------------------------------

    def slot(self, mmsi: int, *, simulated: bool) -> int | None:
        """Return where a vessel stands, None where nothing was told of it."""
        return self._slots.get(identity(mmsi, simulated=simulated))

    def slots(self, ids: Collection[int]) -> Ints:
        """Return where the vessels of these numbers stand, without those that are not here."""
        return np.array([found for each in ids if (found := self._slots.get(each)) is not None], np.int64)

    def place(self, table: pa.Table, party: str, *, simulated: bool, unit: bool = False) -> None:
        """Take in the newest positions of one party; older ones than are held, and doubles, change nothing.

        Args:
            table: rows of `positions_arrow.SCHEMA`, usually one for each vessel.
            party: who told them.
            simulated: whether they were made up.
            unit: whether the party says that these are its own units.
        """
        if not table.num_rows:
            return
        told = {
            name: np.where(known, values, NONE)
            for name in table.schema.names
            for values, known in [values_of(table, name)]
        }
        p = self._party(party)
        order = np.lexsort(
            [
                told[name]
                for name in (
                    "nav_status",
                    "heading_deg",
                    "course_ddeg",
                    "speed_dkn",
                    "lon_600000",
                    "lat_600000",
                    "time_ms",
                    "mmsi",
                )
            ]
        )
        told = {name: values[order] for name, values in told.items()}
        last = np.append(told["mmsi"][1:] != told["mmsi"][:-1], True)
        told = {name: values[last] for name, values in told.items()}
        slots = np.array([self._slot(mmsi * 2 + int(simulated)) for mmsi in told["mmsi"].tolist()], np.int64)
        wins = self._wins(p, slots, told)
        self._write(p, slots[wins], {name: values[wins] for name, values in told.items()}, unit=unit)

    def _wins(self, p: int, slots: Ints, told: Mapping[str, Ints]) -> NDArray[np.bool_]:
        """Return which rows are newer than what is held; at the same time the greater content counts, so that the order of arrival does not."""
        wins, same = np.zeros(len(slots), np.bool_), np.ones(len(slots), np.bool_)
        for column, name in (
            ("at_ms", "time_ms"), ("lat", "lat_600000"), ("lon", "lon_600000"), ("speed_dkn", "speed_dkn"),
            ("course_ddeg", "course_ddeg"), ("heading_deg", "heading_deg"), ("nav_status", "nav_status"),
        ):  # fmt: skip
            held = self._columns[column][p, slots]
            wins |= same & (told[name] > held)
            same &= told[name] == held
        return wins

    def _write(self, p: int, slots: Ints, told: Mapping[str, Ints], *, unit: bool) -> None:
        columns = self._columns
        self.step += 1
        since = told["time_ms"] - columns["at_ms"][p, slots]
        before, heading = columns["heading_deg"][p, slots].astype(np.int64), told["heading_deg"]
        swing = (heading - before + 180) % 360 - 180
        known = (before >= 0) & (heading >= 0) & (since > 0) & (since <= _TURN_MS)
        turning = known & (np.abs(swing) * 60_000 >= _TURNING_DEG * since)
        columns["turn"][p, slots] = np.where(turning, np.sign(swing), 0)
        for column, name in (("at_ms", "time_ms"), ("lat", "lat_600000"), ("lon", "lon_600000")):
            columns[column][p, slots] = told[name]
        for name in ("speed_dkn", "course_ddeg", "heading_deg", "nav_status"):
            columns[name][p, slots] = told[name]
        columns["x"][p, slots], columns["y"][p, slots] = mercator(told["lat_600000"], told["lon_600000"])
        columns["unit"][p, slots] = unit
        columns["changed"][p, slots] = self.step

    def state(self, party: str, mmsi: int, facts: Mapping[str, Any], at_ms: int, *, simulated: bool) -> None:
        """Take in what a party says that a vessel is; an older statement fills only what is not known."""
        p, slot = self._party(party), self._slot(identity(mmsi, simulated=simulated))
        columns = self._columns
        newer = at_ms >= columns["stated_ms"][p, slot]
        columns["stated_ms"][p, slot] = max(at_ms, int(columns["stated_ms"][p, slot]))
        for name in ("ship_type", "length_m"):
            value = facts.get(name)
            if isinstance(value, int) and 0 <= value < 1 << 15 and (newer or columns[name][p, slot] == NONE):
                columns[name][p, slot] = value
        called = facts.get("name")
        if isinstance(called, str) and called and (newer or not self.names[p][slot]):
            self.names[p][slot], self.folded[p][slot] = called, folded(called)
        self.step += 1
        columns["changed"][p, slot] = self.step

    def _party(self, party: str) -> int:
        if party not in self.parties:
            self.parties.append(party)
            self.names.append([""] * len(self.ids))
            self.folded.append([""] * len(self.ids))
            for name, (kind, empty) in _COLUMNS.items():
                self._columns[name] = np.vstack((self._columns[name], np.full((1, len(self.ids)), empty, kind)))
        return self.parties.index(party)

    def _slot(self, number: int) -> int:
        found = self._slots.get(number)
        if found is None:
            found = self._slots[number] = self.count
            if found == len(self.ids):
                self._grow()
            mmsi = number // 2
            self.ids[found] = number
            self.flag[found] = self._flag(flag_of(mmsi))
            station = station_of(mmsi)
            self.station[found] = STATIONS.index(station if station in STATIONS else "unknown")
            self.count += 1
        return found

    def _flag(self, code: str | None) -> int:
        if code is None:
            return NONE
        if code not in self.flags:
            self.flags.append(code)
        return self.flags.index(code)

    def _grow(self) -> None:
        more = len(self.ids)
        self.ids = np.concatenate((self.ids, np.zeros(more, np.int64)))
        self.flag = np.concatenate((self.flag, np.full(more, NONE, np.int16)))
        self.station = np.concatenate((self.station, np.zeros(more, np.int8)))
        for names in (*self.names, *self.folded):
            names.extend([""] * more)
        for name, (kind, empty) in _COLUMNS.items():
            held = self._columns[name]
            self._columns[name] = np.hstack((held, np.full((held.shape[0], more), empty, kind)))

    # --- asking -------------------------------------------------------------------------------------------------------------------

    def numbers(self, parties: Collection[str]) -> Ints:
        """Return the numbers of these parties."""
        return np.array([p for p, party in enumerate(self.parties) if party in parties], np.int64)

    def seen(self, parties: Collection[str]) -> Seen:
        """Return the vessels that some parties told a place of, each with the newest of their places; at one time the first party's by name."""
        wanted = np.array(sorted(self.numbers(parties), key=lambda p: self.parties[p]), np.int64)
        count = self.count
        if not len(wanted):
            nothing = np.empty(0, np.int64)
            return Seen(nothing, nothing, nothing.astype(np.int32), nothing.astype(np.int32), nothing)
        times = self._columns["at_ms"][wanted, :count]
        if len(wanted) == 1:
            slot = np.flatnonzero(times[0] >= 0)
            by = np.full(len(slot), wanted[0])
        else:
            best = times.argmax(axis=0)
            slot = np.flatnonzero(times.max(axis=0) >= 0)
            by = wanted[best[slot]]
        return Seen(
            slot, by, self.column("lat", by, slot), self.column("lon", by, slot), self.column("at_ms", by, slot)
        )

    def column(self, name: str, by: Ints, slot: Ints) -> NDArray[Any]:
        """Return of a column the values that parties told of vessels, by the numbers of both."""
        held = self._columns[name]
        found: NDArray[Any] = held.reshape(-1)[by * held.shape[1] + slot]
        return found

    def stated(self, parties: Collection[str], slot: Ints) -> Ints:
        """Return which of some parties last stated what each vessel is; the lowest number where none did."""
        wanted = self.numbers(parties)
        found: Ints = wanted[self._columns["stated_ms"][wanted[:, None], slot[None, :]].argmax(axis=0)]
        return found

    def told(self, parties: Collection[str], slot: Ints) -> NDArray[np.bool_]:
        """Return whether any of some parties told anything of each vessel."""
        wanted = self.numbers(parties)[:, None], slot[None, :]
        told: NDArray[np.bool_] = (self["at_ms"][wanted] >= 0) | (self["stated_ms"][wanted] >= 0)
        return np.asarray(told.any(axis=0), np.bool_)

    def changed(self, parties: Collection[str], slot: Ints) -> Ints:
        """Return in which step any of some parties last told something new of each vessel."""
        found: Ints = self._columns["changed"][self.numbers(parties)[:, None], slot[None, :]].max(axis=0, initial=0)
        return found

    def called(self, parties: Collection[str], slots: Sequence[int], *, compared: bool = False) -> list[str]:
        """Return the names that some parties last stated of vessels, as they are compared if so asked; empty where none did."""
        wanted, held = self.numbers(parties).tolist(), self.folded if compared else self.names
        if len(wanted) < 2:  # noqa: PLR2004 # one party's word needs no choice
            return [held[wanted[0]][slot] if wanted else "" for slot in slots]
        best = self.stated(parties, np.array(slots, np.int64)).tolist() if slots else []
        return [
            held[p][slot] or next((held[other][slot] for other in wanted if held[other][slot]), "")
            for p, slot in zip(best, slots, strict=True)
        ]


def folded(text: str) -> str:
    """Return a text as it is compared: full-width digits and case make no difference."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def mercator(lat: NDArray[Any], lon: NDArray[Any]) -> tuple[Ints, Ints]:
    """Return places, in 1/600000 degree, in the Mercator square of `WORLD` units; beyond 85 degrees they lie on its edge."""
    phi = np.radians(np.clip(lat / _DEGREE, -_TOP, _TOP))
    y = (1 - np.log(np.tan(np.pi / 4 + phi / 2)) / np.pi) / 2
    x = (lon / _DEGREE + 180) / 360
    return tuple(np.clip(each * WORLD, 0, WORLD - 1).astype(np.int64) for each in (x, y))  # type: ignore[return-value] # two of two
