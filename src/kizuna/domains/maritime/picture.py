"""The last-known picture: for each vessel its newest position and static data, and who told them.

And feed health.

Pure state without clock or store. Newest by time wins; of two at the same time the greater by content, so
that the
picture does not depend on the order of arrival. Records and projections stand elsewhere; this is what a live
map asks.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from kizuna.formats.ais import PositionReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kizuna.domains.maritime.events.coverage import State
    from kizuna.formats.ais import StaticReport


class Provenance(msgspec.Struct, frozen=True, order=True):
    """Who contributed a fact."""

    party: str
    receiver: str
    """The receiver or feed, as the party names it."""
    simulated: bool = False
    """Whether the fact was made, not observed; the pictures of both are kept apart."""


class Fact(msgspec.Struct, frozen=True):
    """A newest value, when it was true, and who told it."""

    at_ms: int
    value: PositionReport | StaticReport
    source: Provenance


class Vessel(msgspec.Struct):
    """What is known of one vessel."""

    mmsi: int
    position: Fact | None = None
    static: dict[str, Fact] = msgspec.field(default_factory=dict)
    """Newest static report that filled a field, by the field's name."""
    sources: set[Provenance] = msgspec.field(default_factory=set)
    """Everyone who contributed."""


_STATIC_FIELDS = (
    "imo_no",
    "name",
    "callsign",
    "ship_type",
    "length_m",
    "beam_m",
    "draught_dm",
    "destination",
    "eta",
)


class Picture:
    """Vessels by MMSI; real and simulated ones never mix, for each kind has its own picture."""

    def __init__(self, *, simulated: bool = False) -> None:
        self.simulated = simulated
        self._vessels: dict[int, Vessel] = {}

    def __len__(self) -> int:
        return len(self._vessels)

    def __iter__(self) -> Iterator[Vessel]:
        return (self._vessels[mmsi] for mmsi in sorted(self._vessels))

    def numbers(self) -> list[int]:
        """Return the MMSI of all vessels, ascending."""
        return sorted(self._vessels)

    def vessel(self, mmsi: int) -> Vessel | None:
        """Return what is known of a vessel, None if nothing is."""
        return self._vessels.get(mmsi)

    def update(self, report: PositionReport | StaticReport, source: Provenance, *, received_ms: int) -> bool:
        """Take in a report; return whether the picture changed by it.

        Args:
            report: a decoded report; a position report without a place tells nothing here.
            source: who told it; a simulated one is left out of a real picture, and a real one of a simulated.
            received_ms: the time to use where the report has none.
        """
        if source.simulated != self.simulated:
            return False
        at_ms = received_ms if report.received_ms is None else report.received_ms
        fact = Fact(at_ms, report, source)
        if isinstance(report, PositionReport) and report.lat_600000 is None:
            return False
        vessel = self._vessels.setdefault(report.mmsi, Vessel(report.mmsi))
        changed = source not in vessel.sources
        vessel.sources.add(source)
        if isinstance(report, PositionReport):
            if _wins(fact, vessel.position):
                vessel.position = fact
                return True
            return changed
        for name in _STATIC_FIELDS:
            if getattr(report, name) is not None and _wins(fact, vessel.static.get(name)):
                vessel.static[name] = fact
                changed = True
        return changed


def _wins(new: Fact, old: Fact | None) -> bool:
    if old is None or new.at_ms != old.at_ms:
        return old is None or new.at_ms > old.at_ms
    # of two at the same time the bytes settle it, the same way on every node
    return _bytes(new) > _bytes(old)


def _bytes(fact: Fact) -> bytes:
    return msgspec.json.encode((fact.value, fact.source))


class FeedHealth:
    """The state of one feed from what was measured: silent is not empty.

    A feed is silent when nothing came for `silent_ms`, degraded when less than `degraded_share` percent of
    its usual rate
    comes, live otherwise. The usual rate is that of `window_ms`; until a whole window has passed the feed is
    judged by
    silence alone.

    Args:
        silent_ms: this long without a sentence is silence.
        window_ms: over this time the usual rate is measured, its last tenth being the present rate.
        degraded_share: percent of the usual rate below which the feed is degraded.
    """

    def __init__(self, *, silent_ms: int = 60_000, window_ms: int = 600_000, degraded_share: int = 30) -> None:
        self.silent_ms = silent_ms
        self.window_ms = window_ms
        self.degraded_share = degraded_share
        self.last_seen_ms: int | None = None
        self.first_seen_ms: int | None = None
        self._counts: deque[tuple[int, int]] = deque()
        """Start of each second with sentences, and how many.

        A second or more late ones count with the newest.
        """

    def observe(self, sentences: int, now_ms: int) -> None:
        """Note that `sentences` arrived at `now_ms`; times that go backwards count as the newest seen."""
        if sentences <= 0:
            return
        now_ms = max(now_ms, self.last_seen_ms or 0)
        self.last_seen_ms = now_ms
        self.first_seen_ms = now_ms if self.first_seen_ms is None else self.first_seen_ms
        second = now_ms // 1000 * 1000
        if self._counts and self._counts[-1][0] == second:
            sentences += self._counts.pop()[1]
        self._counts.append((second, sentences))
        while self._counts[0][0] < now_ms - self.window_ms:
            self._counts.popleft()

    def rate_per_min(self, now_ms: int, over_ms: int) -> int:
        """Return sentences a minute over the last `over_ms`."""
        return sum(n for at_ms, n in self._counts if at_ms > now_ms - over_ms) * 60_000 // over_ms

    def state(self, now_ms: int) -> State:
        """Return the state at `now_ms`; a feed that never spoke is silent."""
        if self.last_seen_ms is None or self.first_seen_ms is None:
            return "silent"
        if now_ms - self.last_seen_ms >= self.silent_ms:
            return "silent"
        if now_ms - self.first_seen_ms < self.window_ms:
            return "live"
        usual = self.rate_per_min(now_ms, self.window_ms)
        present = self.rate_per_min(now_ms, self.window_ms // 10)
        return "degraded" if present * 100 < usual * self.degraded_share else "live"
