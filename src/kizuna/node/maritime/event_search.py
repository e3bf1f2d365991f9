"""The search for events over a stretch of the archive, however long: the steps of `events.shares`, run here or wherever an engine runs them.

`through_shares` holds one share of vessels at a time and finds what `searching.find` finds in one table. The job of `detecting` calls it for the last
two days where they are more than one share; `search` looks back, and says nothing: it returns what the same rules find in all that one party's
sources of one kind told. What is returned does not depend on the engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec
import pyarrow as pa

from kizuna.domains.maritime.events.given import Given
from kizuna.domains.maritime.events.identity import Named, find_changes
from kizuna.domains.maritime.events.model import Event, Evidence, in_order
from kizuna.domains.maritime.events.shares import (
    Kind,
    Parcel,
    first_told,
    join,
    look,
    meet,
    survey,
    surveyed,
    told_by,
    worded,
)
from kizuna.kernel.journal import Store
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.searching import RECORDED, Rules, States, intervals, told_about
from kizuna.storage.positions import MOST_ROWS, Vessels, stretches_of

RowStep = Callable[[dict[str, pa.Table]], Iterator[Parcel]]
"""Takes all rows of some vessels by the name of their source; every source is named."""
ParcelStep = Callable[[list[bytes]], Iterator[Parcel]]


class Period(msgspec.Struct, frozen=True):
    """Which rows are looked at: those that one party's sources of one kind told, of a half-open interval."""

    party: str
    source_kind: str
    from_ms: int
    to_ms: int

    def keys(self, archives: Archives) -> list[ArchiveKey]:
        """Return the archives of the sources, in the order of their names."""
        return [key for key in archives.keys() if (key.party, key.source_kind) == (self.party, self.source_kind)]  # noqa: SIM118 # not a mapping


class Engine(Protocol):
    """Runs steps over shares. What they said stays where the engine keeps it, under a handle of its own, until it is taken home."""

    def of_rows(self, step: RowStep) -> Any:
        """Run a step over the rows, a share of vessels at a time, and return the handle of what it said."""
        ...

    def of_parcels(self, said: Any, kind: Kind, step: ParcelStep) -> Any:
        """Run a step over parcels of one kind, those of one address at a time."""
        ...

    def home(self, said: Any, kind: Kind) -> list[bytes]:
        """Return the parcels of one kind, in any order."""
        ...


class Here:
    """The engine of one process, which holds one share of rows at a time.

    Args:
        archives: where the rows are.
        keys: the sources.
        period: of which interval.
        most_rows: how many rows a share holds, if no vessel has more.
    """

    def __init__(
        self, archives: Archives, keys: Sequence[ArchiveKey], period: Period, *, most_rows: int = MOST_ROWS
    ) -> None:
        self._archives, self._keys, self._period = archives, keys, period
        counts = Counter[int]()
        for key in keys:
            counts.update(archives.counts(key, period.from_ms, period.to_ms))
        self.shares = stretches_of(counts, most_rows)
        """The stretches of vessels, a share each."""

    def rows(self, share: Vessels) -> dict[str, pa.Table]:
        """Return the rows of a share by the name of their source."""
        span = self._period.from_ms, self._period.to_ms
        return {key.source: self._archives.read(key, *span, vessels=share) for key in self._keys}

    def of_rows(self, step: RowStep) -> list[Parcel]:
        """See `Engine`."""
        return [parcel for share in self.shares for parcel in step(self.rows(share))]

    def of_parcels(self, said: list[Parcel], kind: Kind, step: ParcelStep) -> list[Parcel]:
        """See `Engine`."""
        shares: dict[int, list[bytes]] = {}
        for each in said:
            if each.kind == kind:
                shares.setdefault(each.to, []).append(each.data)
        return [parcel for to in sorted(shares) for parcel in step(shares[to])]

    def home(self, said: list[Parcel], kind: Kind) -> list[bytes]:
        """See `Engine`."""
        return [each.data for each in said if each.kind == kind]


class About(NamedTuple):
    """What a search is given besides rows and rules."""

    states: States
    """Of every source, by name."""
    named: tuple[Named, ...]
    until_ms: int | None
    """Up to when the positions tell; None up to the last row."""
    since_ms: int | None = None
    """From when on the first report of each vessel is asked for."""


class Found(NamedTuple):
    """What a search finds."""

    events: tuple[Event, ...]
    """In order."""
    last_ms: int
    """The time of the last row; 0 where there is none."""
    first: Mapping[int, Evidence]
    """The first report of each vessel since the instant that was asked for."""


def through_shares(engine: Engine, about: About, rules: Rules) -> Found:
    """Return what an engine's shares of rows show, which is what `searching.find` sees in one table of them.

    Raises:
        RecordError: a file of the archive is damaged.
        ConfigError: the engine cannot work.
    """
    thresholds, names = rules.thresholds, sorted(about.states)
    said = engine.of_rows(partial(survey, thresholds=thresholds, since_ms=about.since_ms))
    heard, received, first = (engine.home(said, kind) for kind in ("heard", "received", "first"))
    last_ms = surveyed(heard, received, names, {}, thresholds).last_ms
    until_ms = last_ms if about.until_ms is None else about.until_ms
    told = {source: intervals(found, until_ms) for source, found in about.states.items()}
    known = surveyed(heard, received, names, told, thresholds)
    given = Given(
        receivers=known.receivers, now_ms=until_ms, areas=rules.areas, ports=rules.ports, reception=known.reception,
        land=rules.land, thresholds=thresholds,
    )  # fmt: skip
    changes = find_changes(about.named, given)
    if not received:
        return Found(changes, last_ms, {})
    looked = engine.of_rows(partial(look, given=given))
    own, jumps = (engine.home(looked, kind) for kind in ("events", "jumps"))
    near = engine.of_parcels(looked, "slots", partial(meet, thresholds=thresholds))
    del looked  # the places at all grid times, and what was near, are the most that is held at once
    met = engine.of_parcels(near, "pairs", partial(join, given=given, names=names))
    events = told_by([*own, *engine.home(met, "events")], jumps, given=given, names=names)
    return Found(in_order([*events, *changes]), last_ms, first_told(first))


def search(
    engine: Engine, store: Store, keys: Sequence[ArchiveKey], period: Period, rules: Rules, now_ms: int
) -> tuple[Event, ...]:
    """Return the events of a period: what began before it is seen only as far as its rows tell.

    Args:
        engine: runs the steps.
        store: knows what was told of the sources and vessels.
        keys: the sources.
        period: the same as the engine's.
        rules: what is looked for; what gives the land must be something that other processes can be handed.
        now_ms: live positions tell up to then, or to the end of the period; recordings up to their last row.

    Raises:
        RecordError: a file of the archive is damaged.
        ConfigError: the engine cannot work.
    """
    if not keys:
        return ()
    states, named = told_about(store, keys, period.from_ms)
    told = tuple(each for each in named if each.reported_at_ms < period.to_ms)
    until_ms = None if period.source_kind == RECORDED else min(period.to_ms, now_ms)
    return tuple(map(worded, through_shares(engine, About(states, told, until_ms), rules).events))
