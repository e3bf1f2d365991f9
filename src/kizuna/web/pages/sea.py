"""What the pages of the sea stand on: the picture as one officer may see it, and what makes vessels stand out in it."""

from __future__ import annotations

import threading
from collections.abc import Collection

import msgspec

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.records import SIMULATED
from kizuna.domains.maritime.watchlog.queries import rules_of, standing_interests
from kizuna.kernel.journal import Db
from kizuna.node.maritime.picture import LivePicture
from kizuna.node.maritime.sightings import Sightings, identity
from kizuna.node.maritime.vessel_rows import VesselRow
from kizuna.node.maritime.watch import Watch
from kizuna.storage.positions import Box
from kizuna.web import looking
from kizuna.web.api.picture import box_of
from kizuna.web.books import ByStore
from kizuna.web.errors import NotHeldError
from kizuna.web.looking import Notable, Reader
from kizuna.web.pages.page import Pages, View

MARITIME = "maritime"
ALARM_MS = 24 * 3_600_000
"""An event of the last day makes its vessels stand out."""
_KEPT_MS = 1_000
"""What stands out is looked up this often at most."""


class Sea:
    """The picture of one node, for its pages."""

    def __init__(self, pages: Pages, watch: Watch, own_units: frozenset[int]) -> None:
        self.pages = pages
        self.watch = watch
        self.picture: LivePicture = watch.picture
        self.own_units = looking.numbers_of(own_units)
        self._lock = threading.Lock()
        self._notable: ByStore[dict[frozenset[str], tuple[int, Notable]]] = ByStore(lambda _store: {})

    @property
    def party(self) -> str:
        """Whose picture it is."""
        return self.pages.office.node.identity.party

    def picture_of(self, view: View) -> LivePicture:
        """Return the picture that is made of what the officer may see."""
        return self.picture.of(view.node.store)

    def reader(self, view: View) -> Reader:
        """Return who looks: the parties all of whose maritime records the officer may see."""
        return Reader(view.sight.issuers({MARITIME}), self.party)

    def notable(self, view: View, reader: Reader, exercise: str = "") -> Notable:
        """Return what stands out for those who see some parties' records: events of the last day, alerts that stand, vessels of interest.

        In an exercise nothing of the real picture does.
        """
        if exercise:
            return Notable()
        now_ms = self.pages.office.clock.now_ms()
        with self._lock:
            kept = self._notable.of(view.node.store).get(reader.parties)
        if kept is not None and now_ms - kept[0] < _KEPT_MS:
            return kept[1]
        with view.node.store.view() as db:
            found = Notable(
                alarms=alarms(db, reader.parties, self.party, now_ms), interest=interest(db, reader.parties, self.party, now_ms),
                own_units=self.own_units if self.party in reader.parties else frozenset(),
            )  # fmt: skip
        with self._lock:
            self._notable.of(view.node.store)[reader.parties] = (now_ms, found)
        return found

    def drilled(self, view: View, mmsi: int, exercise: str, *, simulated: bool) -> VesselRow:
        """Return a vessel of an exercise's own picture as the officer may see it.

        Raises:
            NotHeldError: nothing of it may be seen, or nothing is known.
        """
        parties = view.sight.issuers({MARITIME})
        view.sight.exercise = True
        with self.picture_of(view).sightings(exercise) as columns:
            slot = columns.slot(mmsi, simulated=simulated)
            told = (
                []
                if slot is None
                else [p for p in columns.numbers(parties).tolist() if columns["changed"][p, slot] > 0]
            )
            if slot is None or not told:
                raise NotHeldError("nothing is known of this vessel")
            name, told_by = columns.called(parties, [slot])[0], tuple(sorted(columns.parties[p] for p in told))
            row = VesselRow(
                mmsi=mmsi, simulated=simulated, at_ms=None, lat_600000=None, lon_600000=None, speed_dkn=None, course_ddeg=None, heading_deg=None,
                nav_status=None, party="", source="", told_by=told_by, static={"name": name} if name else {}, static_by={},
            )  # fmt: skip
            return _placed(row, columns, parties, slot)

    def vessel(self, view: View, mmsi: int, *, simulated: bool) -> VesselRow:
        """Return a vessel as the officer may see it: the newest place and facts of those whose records they may see.

        Raises:
            NotHeldError: nothing of it may be seen, or nothing is known.
        """
        parties = view.sight.issuers({MARITIME})
        picture = self.picture_of(view)
        found = picture.vessel(mmsi, simulated=simulated)
        with picture.sightings() as columns:
            seen = None if found is None else as_seen(found, columns, parties)
        if seen is None:
            raise NotHeldError("nothing is known of this vessel")
        return seen


def as_seen(row: VesselRow, columns: Sightings, parties: Collection[str]) -> VesselRow | None:
    """Return of a vessel what some parties told of it, None where they told nothing."""
    told = tuple(who for who in row.told_by if who.partition("/")[0] in parties)
    if len(told) == len(row.told_by):
        return row
    if not told:
        return None
    static = {name: value for name, value in row.static.items() if row.static_by[name].partition("/")[0] in parties}
    slot = columns.slot(row.mmsi, simulated=row.simulated)
    name = columns.called(parties, [slot])[0] if slot is not None else ""
    static |= {"name": name} if name else {}
    by = {each: row.static_by[each] for each in static if row.static_by[each].partition("/")[0] in parties}
    row = msgspec.structs.replace(row, told_by=told, static=static, static_by=by)
    return row if row.party in parties else _placed(row, columns, parties, slot)


def _placed(row: VesselRow, columns: Sightings, parties: Collection[str], slot: int | None) -> VesselRow:
    """Return a vessel at the newest place that some parties told, which is not the newest of all."""
    numbers = [p for p in columns.numbers(parties).tolist() if slot is not None and columns["at_ms"][p, slot] >= 0]
    values: dict[str, int | None] = dict.fromkeys(
        ("at_ms", "lat_600000", "lon_600000", "speed_dkn", "course_ddeg", "heading_deg", "nav_status")
    )
    party = ""
    if numbers and slot is not None:
        p = max(numbers, key=lambda p: int(columns["at_ms"][p, slot]))
        party = columns.parties[p]
        held = {name: int(columns[name.removesuffix("_600000")][p, slot]) for name in values}
        values = {name: held[name] if name.endswith("_600000") or held[name] >= 0 else None for name in values}
    return msgspec.structs.replace(row, party=party, source="", **values)


def alarms(db: Db, parties: Collection[str], party: str, now_ms: int) -> frozenset[int]:
    """Return the vessels of which events of the last day or alerts that stand speak, as far as these parties told."""
    found = {
        identity(mmsi, simulated=row.source_kind == SIMULATED)
        for row in queries.events(db, since_ms=now_ms - ALARM_MS)
        if row.party in parties
        for mmsi in (row.mmsi, row.other_mmsi)
        if mmsi is not None
    }
    if party in parties:
        rows = db.execute(
            "SELECT a.mmsi, a.other_mmsi, a.source_kind FROM maritime_alert_now n JOIN maritime_alert a ON a.record_id = n.raised"
            " WHERE n.party = ? AND n.state IN ('raised','acknowledged')",
            (party,),
        )
        found |= {
            identity(mmsi, simulated=kind == SIMULATED)
            for one, other, kind in rows
            for mmsi in (one, other)
            if mmsi is not None
        }
    return frozenset(found)


def interest(db: Db, parties: Collection[str], party: str, now_ms: int) -> frozenset[int]:
    """Return the vessels that these parties hold to be of interest, or that our own rules name."""
    found = {row.mmsi for row in standing_interests(db, now_ms) if row.author in parties and row.mmsi is not None}
    if party in parties:
        found |= {mmsi for rule in rules_of(db, party) for mmsi in rule.mmsi}
    return looking.numbers_of(found)


def view_box(south: float, west: float, north: float, east: float) -> Box | None:
    """Return the box of what a chart shows, in degrees; west beyond east crosses 180 degrees. None for the whole earth.

    Raises:
        RecordError: it is no box of the earth.
    """
    if west <= east:
        return box_of(south, west, north, east)
    left, right = box_of(south, west, north, 180), box_of(south, -180, north, east)
    return None if left is None or right is None else left._replace(east=right.east)
