"""The search for events over a stretch of the archive, however long: the steps of `events.shares`, run here or wherever an engine runs them.

The job of `detecting` looks at the last two days in one table and says what is new. This looks back, holds one share of vessels at a time, and says
nothing: it returns what the same rules find in all that one party's sources of one kind told. What it returns does not depend on the engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec
import numpy as np
import pyarrow as pa

from kizuna.domains.maritime.events.given import Given
from kizuna.domains.maritime.events.identity import find_changes
from kizuna.domains.maritime.events.model import Event, in_order
from kizuna.domains.maritime.events.shares import Kind, Parcel, join, look, meet, survey, surveyed, told_by
from kizuna.formats.positions_arrow import values_of
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.journal import Store
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.detecting import RECORDED, Rules, intervals, told_about
from kizuna.storage.positions import MOST_ROWS, stretches_of

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
        self.shares = stretches_of(self._counts(), most_rows)
        """The stretches of vessels, a share each."""

    def _counts(self) -> Counter[int]:
        """Return how many rows each vessel has, counted a day of a source at a time."""
        period, counts = self._period, Counter[int]()
        for key in self._keys:
            for day in self._archives.days(key):
                begin, end = max(period.from_ms, day * DAY_MS), min(period.to_ms, (day + 1) * DAY_MS)
                if begin < end:
                    mmsi = values_of(self._archives.read(key, begin, end), "mmsi")[0]
                    counts.update(
                        dict(zip(*(each.tolist() for each in np.unique(mmsi, return_counts=True)), strict=True))
                    )
        return counts

    def of_rows(self, step: RowStep) -> list[Parcel]:
        """See `Engine`."""
        said: list[Parcel] = []
        for vessels in self.shares:
            span = self._period.from_ms, self._period.to_ms
            said += step({key.source: self._archives.read(key, *span, vessels=vessels) for key in self._keys})
        return said

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
    thresholds, names = rules.thresholds, [key.source for key in keys]
    said = engine.of_rows(partial(survey, thresholds=thresholds))
    states, named = told_about(store, keys, period.from_ms)
    heard, received = engine.home(said, "heard"), engine.home(said, "received")
    last_ms = surveyed(heard, received, names, {}, thresholds).last_ms
    until_ms = last_ms if period.source_kind == RECORDED else min(period.to_ms, now_ms)
    told = {source: intervals(found, until_ms) for source, found in states.items()}
    known = surveyed(heard, received, names, told, thresholds)
    given = Given(
        receivers=known.receivers, now_ms=until_ms, areas=rules.areas, ports=rules.ports, reception=known.reception,
        land=rules.land, thresholds=thresholds,
    )  # fmt: skip
    changes = find_changes([each for each in named if each.reported_at_ms < period.to_ms], given)
    if not received:
        return changes
    looked = engine.of_rows(partial(look, given=given))
    near = engine.of_parcels(looked, "slots", partial(meet, thresholds=thresholds))
    met = engine.of_parcels(near, "pairs", partial(join, given=given, names=names))
    events = [*engine.home(looked, "events"), *engine.home(met, "events")]
    return in_order([*told_by(events, engine.home(looked, "jumps"), given=given, names=names), *changes])
