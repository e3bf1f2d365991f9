"""What rules make of events, static data and positions: findings, each worth an alert, without clock or tables.

A rule looks at live and simulated traffic, each by itself; a recording is looked into, not watched. Nothing is judged twice in different words: the
published events are taken as they are, with their own evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kizuna.domains.maritime.queries import EventRow
from kizuna.domains.maritime.watchlog.kinds import KINDS
from kizuna.domains.maritime.watchlog.queries import IdentityRow, InterestRow, RuleRow
from kizuna.domains.maritime.watchlog.rules import alert_name, own_area
from kizuna.formats.positions_arrow import values_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

LOOK_BACK_MS = 43_200_000
"""Twelve hours: what ended longer ago than this, before a rule was written, is no news to it."""
REARM_MS = {"speed": 1_800_000, "vessel-of-interest": 43_200_000}
"""After this long a vessel that is still too fast, or seen again, is an alert anew."""
_NAMES = ("name", "imo_no", "callsign")
_WATCHED = ("live", "simulated")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule found; `evidence` are the ids of records, `to_ms` is None while it lasts."""

    rule: RuleRow
    mmsi: int
    other_mmsi: int | None = None
    area: str = ""
    from_ms: int
    to_ms: int | None
    lat_600000: int | None = None
    lon_600000: int | None = None
    what: str
    evidence: tuple[str, ...]
    source_kind: str

    @property
    def alert(self) -> str:
        """The name of its alert."""
        return alert_name(
            self.rule.rule, self.rule.kind, self.mmsi, self.other_mmsi, self.area, self.from_ms, self.source_kind
        )


class Raised(msgspec.Struct, frozen=True):
    """An alert that was raised, as far as it keeps others from being raised again."""

    alert: str
    rule: str
    mmsi: int | None
    other_mmsi: int | None
    from_ms: int
    to_ms: int | None
    source_kind: str | None


class Sight(msgspec.Struct, frozen=True):
    """A vessel's report, in time UTC and 1/600000 degree, with its speed where it said one; `fast_from_ms` is when it became too fast."""

    mmsi: int
    time_ms: int
    lat_600000: int
    lon_600000: int
    speed_dkn: int | None
    fast_from_ms: int = 0


def of_events(rule: RuleRow, events: Iterable[EventRow], now_ms: int) -> Iterator[Finding]:
    """Yield what a rule makes of events that stand; of several findings of one event the last."""
    latest: dict[tuple[object, ...], EventRow] = {}
    for event in events:
        key = (event.party, event.kind, event.mmsi, event.other_mmsi, event.area, event.from_ms, event.source_kind)
        held = latest.get(key)
        if held is None or _rank(event) > _rank(held):
            latest[key] = event
    for event in sorted(latest.values(), key=lambda each: (each.from_ms or 0, each.record_id)):
        if event.kind not in KINDS[rule.kind].events or event.mmsi is None or event.from_ms is None or not event.stands:
            continue
        if _concerns(rule, event, event.from_ms, now_ms):
            yield Finding(
                rule=rule, mmsi=event.mmsi, other_mmsi=event.other_mmsi, area=event.area or "", from_ms=event.from_ms,
                to_ms=event.to_ms, lat_600000=event.lat_600000, lon_600000=event.lon_600000,
                what=f"{event.kind} told by {event.party}" + (f": {event.what}" if event.what else ""),
                evidence=(event.record_id,), source_kind=event.source_kind or "",
            )  # fmt: skip


def _rank(event: EventRow) -> tuple[bool, int, str]:
    return event.to_ms is not None, event.to_ms or 0, event.record_id


def _concerns(rule: RuleRow, event: EventRow, from_ms: int, now_ms: int) -> bool:
    """Return whether an event is one that the rule asks for: its vessels, place and length, and no older than the rule."""
    if event.source_kind not in _WATCHED:
        return False
    if rule.mmsi and not {event.mmsi, event.other_mmsi, *event.vessels} & set(rule.mmsi):
        return False
    if event.to_ms is not None and event.to_ms < rule.at_ms - LOOK_BACK_MS:
        return False
    if rule.kind == "area":
        return event.area == (rule.area or own_area(rule.rule, rule.version))
    lasted_ms = (now_ms if event.to_ms is None else event.to_ms) - from_ms
    return lasted_ms >= (rule.at_least_ms or 0) and lies_in(rule, event.lat_600000, event.lon_600000)


def lies_in(rule: RuleRow, lat_600000: int | None, lon_600000: int | None) -> bool:
    """Return whether a place lies in a rule's box; every place does where it has none, and none that is not known does where it has one."""
    if rule.south_600000 is None or rule.west_600000 is None or rule.north_600000 is None or rule.east_600000 is None:
        return True
    if lat_600000 is None or lon_600000 is None:
        return False
    return rule.south_600000 <= lat_600000 <= rule.north_600000 and rule.west_600000 <= lon_600000 <= rule.east_600000


def of_identities(rule: RuleRow, reports: Iterable[IdentityRow]) -> Iterator[Finding]:
    """Yield each change of name, IMO number or call sign between what one party told of a vessel and what it told before.

    A field that a report leaves out is not changed by it. No place is known of it: a rule with a box asks in vain.
    """
    held: dict[tuple[str, int, str], dict[str, tuple[object, str]]] = {}
    for report in sorted(reports, key=lambda each: (each.reported_at_ms, each.record_id)):
        known = held.setdefault((report.party, report.mmsi, report.source_kind), {})
        changes, behind = [], [report.record_id]
        for name in _NAMES:
            value = getattr(report, name)
            if value is None:
                continue
            if name in known and known[name][0] != value:
                changes.append(f"{name} `{known[name][0]}` became `{value}`")
                behind.append(known[name][1])
            known[name] = (value, report.record_id)
        if not changes or report.source_kind not in _WATCHED or (rule.mmsi and report.mmsi not in rule.mmsi):
            continue
        if report.reported_at_ms >= rule.at_ms - LOOK_BACK_MS:
            yield Finding(
                rule=rule, mmsi=report.mmsi, from_ms=report.reported_at_ms, to_ms=report.reported_at_ms + 1,
                what="; ".join(changes), evidence=tuple(dict.fromkeys(reversed(behind))), source_kind=report.source_kind,
            )  # fmt: skip


def of_sights(
    rule: RuleRow,
    sights: Iterable[Sight],
    interests: Sequence[InterestRow],
    evidence: Sequence[str],
    source_kind: str,
) -> Iterator[Finding]:
    """Yield what a rule on speed or on vessels of interest makes of reports; `evidence` are the batches that hold them.

    A claim by whomever counts while it stands: the alert names its author and what the partner says of it.
    """
    standing = {each.mmsi: each for each in reversed(interests)}
    for sight in sights:
        if rule.mmsi and sight.mmsi not in rule.mmsi:
            continue
        claim = standing.get(sight.mmsi)
        if rule.kind == "vessel-of-interest" and claim is not None and sight.time_ms >= claim.asserted_at_ms:
            what = f"`{claim.interest}`, {claim.state}, of {claim.author}: {claim.basis}"
            started_ms = sight.time_ms
        elif rule.kind == "speed" and sight.speed_dkn is not None:
            what = f"{sight.speed_dkn // 10}.{sight.speed_dkn % 10} kn"
            started_ms = sight.fast_from_ms
        else:
            continue
        yield Finding(
            rule=rule, mmsi=sight.mmsi, from_ms=started_ms, to_ms=sight.time_ms + 1, lat_600000=sight.lat_600000,
            lon_600000=sight.lon_600000, what=what, evidence=tuple(evidence), source_kind=source_kind,
        )  # fmt: skip


def last_sights(table: pa.Table, rule: RuleRow, wanted: frozenset[int] | None = None) -> list[Sight]:
    """Return the last report of each vessel inside a rule's box; of a rule on speed the last that is too fast, with the first of its run.

    A run is broken by a report of the vessel that is not too fast. `wanted` limits the vessels where it is given.
    """
    mmsi, time_ms, lat, lon = (values_of(table, name)[0] for name in ("mmsi", "time_ms", "lat_600000", "lon_600000"))
    speed, said = values_of(table, "speed_dkn")
    hit = _in_box(rule, lat, lon)
    if rule.kind == "speed":
        hit &= said & (speed > (rule.over_dkn or 0))
    if wanted is not None:
        hit &= np.isin(mmsi, np.array([*wanted], np.int64))
    order = np.flatnonzero(np.isin(mmsi, np.unique(mmsi[hit])))  # the rest need no sorting
    order = order[np.lexsort((lon[order], lat[order], time_ms[order], mmsi[order]))]
    mmsi, time_ms, lat, lon, speed = (each[order] for each in (mmsi, time_ms, lat, lon, speed))
    said, hit = said[order], hit[order]
    if not hit.any():
        return []
    rows = np.arange(len(mmsi))
    follows = np.zeros(len(mmsi), dtype=np.bool_)
    follows[1:] = hit[:-1] & (mmsi[1:] == mmsi[:-1])
    starts = np.maximum.accumulate(np.where(hit & ~follows, rows, 0))
    hits = rows[hit]
    last = np.append(mmsi[hits][1:] != mmsi[hits][:-1], [True])
    return [
        Sight(
            int(mmsi[row]), int(time_ms[row]), int(lat[row]), int(lon[row]), int(speed[row]) if said[row] else None,
            int(time_ms[starts[row]]),
        )
        for row in hits[last].tolist()
    ]  # fmt: skip


def _in_box(rule: RuleRow, lat: NDArray[np.int64], lon: NDArray[np.int64]) -> NDArray[np.bool_]:
    edges = (rule.south_600000, rule.west_600000, rule.north_600000, rule.east_600000)
    if None in edges:
        return np.ones(len(lat), dtype=np.bool_)
    south, west, north, east = (edge or 0 for edge in edges)
    result: NDArray[np.bool_] = (lat >= south) & (lat <= north) & (lon >= west) & (lon <= east)
    return result


def news(findings: Iterable[Finding], raised: Iterable[Raised]) -> list[Finding]:
    """Return the findings that no alert told yet: those of another name, and for what goes on those that do not touch one told."""
    known = list(raised)
    names = {each.alert for each in known}
    fresh: list[Finding] = []
    for finding in findings:
        if finding.alert in names or any(_goes_on(finding, each) for each in known):
            continue
        names.add(finding.alert)
        known.append(_as_raised(finding))
        fresh.append(finding)
    return fresh


def _as_raised(finding: Finding) -> Raised:
    return Raised(
        finding.alert, finding.rule.rule, finding.mmsi, finding.other_mmsi, finding.from_ms, finding.to_ms, finding.source_kind
    )  # fmt: skip


def _goes_on(finding: Finding, told: Raised) -> bool:
    """Return whether a finding is the same thing going on: an event that touches one told, or a vessel still fast or seen again soon."""
    if (finding.rule.rule, finding.mmsi, finding.other_mmsi, finding.source_kind) != (
        told.rule, told.mmsi, told.other_mmsi, told.source_kind,
    ):  # fmt: skip
        return False
    if KINDS[finding.rule.kind].lasts:
        return finding.from_ms <= (told.to_ms or told.from_ms) and told.from_ms <= (finding.to_ms or finding.from_ms)
    rearm_ms = REARM_MS.get(finding.rule.kind)
    return rearm_ms is not None and finding.from_ms <= (told.to_ms or told.from_ms) + rearm_ms
