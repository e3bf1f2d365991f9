"""The job that looks for events in the recent tracks of our own sources, and says what a search changes of what it said before.

All sources of one kind are looked at together: each transmission counts once, and a vessel that one receiver loses and another hears was not
silent. The search is made anew every so often over the positions of two days, or a whole recording, so late, doubled and disordered ones give
the events that they would have given in time; an event that late positions change is superseded, and one that they refute is taken back, both
by a record. What began before those two days only ends. Nothing is kept but what the tables hold: a node that starts again goes on.

One share of rows is in memory at a time: as one table where there are no more, else by the steps of `event_search`. Both find the same. Nothing is
carried from one search to the next, for the two days move with the clock, and with them what a silence or a meeting has become.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

import msgspec
import pyarrow as pa

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.events.area import WatchArea
from kizuna.domains.maritime.events.model import Event
from kizuna.domains.maritime.events.shares import first_heard
from kizuna.domains.maritime.events.standing import Change, Told, changes
from kizuna.domains.maritime.operations import Statement
from kizuna.domains.maritime.stating import publish_thresholds, state_event
from kizuna.formats.positions_arrow import values_of
from kizuna.kernel.journal import Store
from kizuna.kernel.label import Label
from kizuna.kernel.ports import Clock
from kizuna.node.effects import Said, Say
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.event_search import About, Found, Here, Period, through_shares
from kizuna.node.maritime.feeding import Doer, drafts
from kizuna.node.maritime.repeating import Repeating
from kizuna.node.maritime.searching import RECORDED, Rules, Seen, find, intervals, told_about

FIRST_S = 1.0
EVERY_S = 10.0
LOOK_BACK_MS = 2 * 86_400_000
"""Two days: a gap that is suspected takes half a day of silence and half a day before it, and input may be late by hours."""
BEFORE_MS = 3 * 3_600_000
"""What lies before that is read so far, to see what goes on into it."""
SHARE_ROWS = 1 << 21
"""Rows that are in memory at a time: some 600 MB while they are cleaned and searched."""
REPLY_S = 60.0
AT_ONCE = 500
"""So many events are said in one command."""
ACTOR = "system:events"
_AREA_ENTRY = {"area-entry": "zone-entry"}


def told_of(row: queries.EventRow) -> Told | None:
    """Return an own event of the tables as something that was told, None where it is not one of the second version."""
    if row.kind is None or row.from_ms is None or not row.vessels:
        return None
    return Told(
        record_id=row.record_id, kind=_AREA_ENTRY.get(row.kind, row.kind), mmsi=row.vessels, from_ms=row.from_ms,  # type: ignore[arg-type] # kinds of ours
        to_ms=row.to_ms, lat_600000=row.lat_600000, lon_600000=row.lon_600000, place=row.area, what=row.what or "",
        confidence=row.confidence or "low", coverage_ref=row.coverage_ref or "", threshold_set_id=row.rule or "",  # type: ignore[arg-type] # the same
    )  # fmt: skip


def in_one_table(tables: dict[str, pa.Table], about: About, rules: Rules) -> Found:
    """Return what `through_shares` does where there is one share: rows are cleaned once, and nothing is packed."""
    last_ms = max((int(values_of(table, "time_ms")[0].max()) for table in tables.values() if table.num_rows), default=0)
    now_ms = last_ms if about.until_ms is None else about.until_ms
    states = {source: intervals(found, now_ms) for source, found in about.states.items()}
    clean, events = find(Seen(tables, states, about.named, now_ms, about.since_ms), rules)
    first = first_heard(clean.heard, about.since_ms) if about.since_ms is not None else {}
    return Found(tuple(events), last_ms, first)


class Detecting(Repeating):
    """Looks for events every so often; `once` looks now.

    Args:
        runner: says the records.
        store: where events, batches, feed states and static data are known from.
        archives: the positions; only our own are looked at.
        party: our party.
        label: how events are labelled.
        own_units: MMSI of the party's own ships.
        clock: the node's clock.
        rules: what is looked for.
        more_areas: the areas that officers' rules watch besides, asked anew for every search.
        share_rows: how many rows are in memory at a time, if no vessel has more.
    """

    def __init__(
        self,
        runner: Doer,
        store: Store,
        archives: Archives,
        party: str,
        label: Label,
        *,
        own_units: frozenset[int],
        clock: Clock,
        rules: Rules | None = None,
        more_areas: Callable[[], tuple[WatchArea, ...]] = tuple,
        share_rows: int = SHARE_ROWS,
    ) -> None:
        super().__init__("events", first_s=FIRST_S, every_s=EVERY_S)
        self._runner = runner
        self._store = store
        self._archives = archives
        self._party = party
        self._label = label
        self._own_units = own_units
        self._clock = clock
        self.rules = rules or Rules()
        self._more_areas = more_areas
        self._share_rows = share_rows
        self._recorded: object = None
        """What the last search of recordings looked at."""
        self._once = threading.Lock()

    def once(self) -> list[Said]:
        """Look now, say what is new, and return the records.

        Raises:
            KizunaError: the records were refused, or an archive is damaged.
        """
        with self._once:
            said: list[Said] = []
            kinds: dict[str, list[str]] = {}
            for key in self._archives.keys():  # noqa: SIM118 # not a mapping
                if key.party == self._party:
                    kinds.setdefault(key.source_kind, []).append(key.source)
            for source_kind, sources in sorted(kinds.items()):
                said += self._search(source_kind, sources)
            return said

    def _search(self, source_kind: str, sources: Sequence[str]) -> list[Said]:
        rules = msgspec.structs.replace(self.rules, areas=self.rules.areas + self._more_areas())
        keys = [ArchiveKey(self._party, source_kind, source) for source in sources]
        since_ms = None if source_kind == RECORDED else self._clock.now_ms() - LOOK_BACK_MS
        said_of = told_about(self._store, keys, (since_ms or BEFORE_MS) - BEFORE_MS)
        looked_at = (rules.areas, [self._archives.changes(key) for key in keys], said_of)
        if source_kind == RECORDED and looked_at == self._recorded:
            return []  # a recording that nothing was added to tells what it told
        until_ms = None if since_ms is None else since_ms + LOOK_BACK_MS
        found = self._look(keys, About(*said_of, until_ms, since_ms), rules)
        if not found.last_ms:
            return []
        with self._store.view() as db:
            rows = queries.standing_events(db, source_kind, since_ms or 0)
            known = any(
                row.party == self._party and row.sha256 == rules.thresholds.digest() for row in queries.thresholds(db)
            )
        told = [each for row in rows if (each := told_of(row)) is not None]
        worth = changes(found.events, told, since_ms=since_ms, first_heard=found.first)
        statements = [self._state(change, source_kind, rules) for change in worth]
        if statements and not known:
            statements.insert(0, publish_thresholds(rules.thresholds))
        said = self._say(statements)
        if source_kind == RECORDED:
            self._recorded = looked_at
        return said

    def _look(self, keys: Sequence[ArchiveKey], about: About, rules: Rules) -> Found:
        """Return what the recent positions of sources show: of recordings all, for those are looked into, and their own end is now."""
        begin_ms = 0 if about.since_ms is None else about.since_ms - BEFORE_MS
        end_ms = 2**53 if about.until_ms is None else about.until_ms + 1
        period = Period(self._party, keys[0].source_kind, begin_ms, end_ms)
        with self._archives.still(keys, begin_ms, end_ms) as still:
            engine = Here(still, keys, period, most_rows=self._share_rows)
            if len(engine.shares) > 1:
                return through_shares(engine, about, rules)
            return in_one_table(engine.rows(engine.shares[0]), about, rules)

    def _state(self, change: Change, source_kind: str, rules: Rules) -> Statement:
        return state_event(
            change,
            source_kind=source_kind,  # type: ignore[arg-type] # the folder was named by a record's kind
            thresholds=rules.thresholds,
            batches=self._batches(change.event),
            own_units=self._own_units,
        )

    def _batches(self, event: Event) -> tuple[str, ...]:
        """Return the batches that hold the first and the last report of each vessel in the event."""
        ends: set[int] = set()
        for mmsi in event.mmsi:
            times = [each.time_ms for each in event.evidence if each.mmsi == mmsi]
            ends |= {min(times), max(times)} if times else set()
        sources: Iterable[str] = event.coverage_ref.split(", ")
        with self._store.view() as db:
            held = [
                each for source in sources for at_ms in sorted(ends) for each in queries.batches_at(db, source, at_ms)
            ]
        return tuple(dict.fromkeys(held))

    def _say(self, statements: Sequence[Statement]) -> list[Said]:
        said: list[Said] = []
        for first in range(0, len(statements), AT_ONCE):
            command = Say(drafts(statements[first : first + AT_ONCE], self._label, ACTOR))
            said += self._runner.do(command).result(REPLY_S)
        return said
