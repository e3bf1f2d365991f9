"""What a plug says of the rows and facts that it was given, in the form that its reader knows: values in, bytes out.

Nothing is decided here. A form may remember what was given before, such as a vessel's name, within bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from kizuna.errors import RecordError
from kizuna.formats.aivdm_out import Fix, Payload, position_a, position_b, sentences, sixbit, static_a
from kizuna.formats.cot import Event, Standing, event_xml, vessel_type
from kizuna.kernel.label import Grade, Label
from kizuna.kernel.marking import marking

if TYPE_CHECKING:
    import pyarrow as pa

MOST_STATION = 15
"""Characters of a source in a TAG block (NMEA 0183 4.10)."""
_LINES = 1_000
_SEQUENCES = 10
_MOST_DKN = 1_022
_MOST_SIDE_M = 1_022
_MOST_BEAM_M = 126
_MOST_DRAUGHT_DM = 255
_NO_SECOND = 60
_DEGREE = 600_000
_STALE_MS, _STILL_STALE_MS = 360_000, 1_200_000
"""For how long a position is worth showing: a ship that moves reports every few seconds, one that lies still every three minutes."""
_MOST_NAMES = 100_000


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is known of the record behind some rows or facts, as far as it was given."""

    issuer: str
    source: str
    """The receiver; empty where it was not given."""
    own_unit: bool = False
    """Whether its issuer says that it is about the issuer's own ships."""
    simulated: bool = False
    exercise: str = ""
    grades: tuple[Grade, ...] = ()
    releasable_to: frozenset[str] = frozenset()
    now_ms: int = 0

    @property
    def marking(self) -> str:
        """The marking under which it goes."""
        label = Label(self.grades, frozenset({self.issuer}), releasable_to=self.releasable_to) if self.grades else None
        return marking(label, exercise=bool(self.exercise))

    @property
    def station(self) -> str:
        """Who told it, as a TAG block names it: the party, and its receiver where that was given; made-up traffic says so first."""
        words = ("sim",) if self.simulated and not self.source.startswith("sim") else ()
        text = "-".join((*words, self.issuer, *((self.source,) if self.source else ())))
        return "".join(char if char.isascii() and (char.isalnum() or char == "-") else "-" for char in text)[
            :MOST_STATION
        ]


class Form(Protocol):
    """How one kind of plug says things; each item of an answer stands for itself."""

    def positions(self, table: pa.Table, told: Told) -> list[bytes]:
        """Return what is said of rows of positions, in their order."""
        ...

    def static(self, facts: dict[str, Any], told: Told) -> list[bytes]:
        """Return what is said of a vessel's facts, those of a static report."""
        ...


class Nmea:
    """AIVDM sentences with TAG blocks: source, time and line count (NMEA 0183 4.10, ITU-R M.1371-5).

    A row does not say by which kind of station it was sent: one with a navigational status goes as type 1, another as type 18.
    """

    def __init__(self) -> None:
        self._line = 0
        self._sequence = 0

    def positions(self, table: pa.Table, told: Told) -> list[bytes]:
        """Return one message for each row."""
        return [self._said(_position(row), row["time_ms"], told) for row in table.to_pylist()]

    def static(self, facts: dict[str, Any], told: Told) -> list[bytes]:
        """Return one message of type 5; nothing where the vessel or the time was not given."""
        mmsi, at_ms = facts.get("mmsi"), facts.get("reported_at_ms")
        if not isinstance(mmsi, int) or not isinstance(at_ms, int):
            return []
        return [self._said(_static(mmsi, facts), at_ms, told)]

    def _said(self, payload: Payload, at_ms: int, told: Told) -> bytes:
        self._sequence = (self._sequence + 1) % _SEQUENCES
        lines = sentences(
            payload, sequence=self._sequence, received_ms=at_ms, station=told.station, line_no=self._line + 1
        )
        self._line = (self._line + len(lines)) % _LINES
        return b"".join(lines)


def _position(row: dict[str, Any]) -> Payload:
    speed = row["speed_dkn"]
    fix = Fix(
        mmsi=row["mmsi"],
        lon_600000=row["lon_600000"],
        lat_600000=row["lat_600000"],
        speed_dkn=None if speed is None else min(speed, _MOST_DKN),
        course_ddeg=row["course_ddeg"],
        heading_deg=row["heading_deg"],
        second=_NO_SECOND,  # a row holds when it was received
    )
    return position_b(fix) if row["nav_status"] is None else position_a(fix, row["nav_status"])


def _static(mmsi: int, facts: dict[str, Any]) -> Payload:
    numbers = {name: facts.get(name) or 0 for name in ("ship_type", "length_m", "beam_m", "draught_dm", "imo_no")}
    try:
        return static_a(
            mmsi=mmsi,
            imo_no=numbers["imo_no"],
            callsign=sixbit(facts.get("callsign") or "", 7),
            name=sixbit(facts.get("name") or "", 20),
            ship_type=numbers["ship_type"],
            length_m=min(numbers["length_m"], _MOST_SIDE_M),
            beam_m=min(numbers["beam_m"], _MOST_BEAM_M),
            draught_dm=min(numbers["draught_dm"], _MOST_DRAUGHT_DM),
            destination=sixbit(facts.get("destination") or "", 20),
        )
    except (
        RecordError
    ):  # a number of a partner's that no field of the standard holds: the name is worth more than that number
        return static_a(
            mmsi=mmsi, imo_no=0, callsign="", name=sixbit(facts.get("name") or "", 20), ship_type=0, length_m=0,
            beam_m=0, draught_dm=0, destination="",
        )  # fmt: skip


class Cot:
    """Cursor on Target: one event for each row, under a name that a static report gave and with the label of its own record.

    Args:
        own_party: our party: only what it or its issuer says of its own ships is a friend's.
    """

    def __init__(self, own_party: str) -> None:
        self._own_party = own_party
        self._known: dict[int, dict[str, Any]] = {}

    def positions(self, table: pa.Table, told: Told) -> list[bytes]:
        """Return one event for each row."""
        return [event_xml(self._event(row, told)) for row in table.to_pylist()]

    def static(self, facts: dict[str, Any], told: Told) -> list[bytes]:  # noqa: ARG002 # the form's signature
        """Remember what a ship is called, as far as it was given; said with its next position."""
        mmsi = facts.get("mmsi")
        if isinstance(mmsi, int):
            known = self._known.pop(mmsi, {})
            self._known[mmsi] = known | {
                name: facts[name] for name in ("name", "callsign", "ship_type") if name in facts
            }
            if len(self._known) > _MOST_NAMES:
                del self._known[next(iter(self._known))]
        return []

    def _event(self, row: dict[str, Any], told: Told) -> Event:
        mmsi, known = row["mmsi"], self._known.get(row["mmsi"], {})
        standing: Standing = "vessel"
        if told.own_unit:
            standing = "own" if told.issuer == self._own_party else "partner"
        moved, course = row["speed_dkn"], row["course_ddeg"]
        return Event(
            uid=f"kizuna.{'sim.' if told.simulated else ''}mmsi.{mmsi:09}",
            type=vessel_type(standing, known.get("ship_type")),
            at_ms=row["time_ms"],
            sent_ms=told.now_ms,
            stale_ms=row["time_ms"] + (_STILL_STALE_MS if not moved else _STALE_MS),
            lat_deg=row["lat_600000"] / _DEGREE,
            lon_deg=row["lon_600000"] / _DEGREE,
            callsign=str(known.get("name") or f"MMSI {mmsi:09}"),
            access=" ".join(f"{grade.policy}:{grade.classification}" for grade in told.grades),
            caveat=", ".join(sorted({caveat for grade in told.grades for caveat in grade.caveats})),
            releasable_to=", ".join(sorted(told.releasable_to)),
            course_deg=None if course is None else course / 10,
            speed_kn=None if moved is None else moved / 10,
            exercise=told.exercise,
            simulated=told.simulated,
            remarks=f"told by {told.station}; {told.marking}",
        )
