"""How a finding becomes a statement, and how the numbers behind it are published."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from kizuna.domains.maritime.operations import Statement, vessel_subject
from kizuna.domains.maritime.records import (
    AREA_ENTRY_FOUND,
    EVENT_FOUND,
    THRESHOLDS_PUBLISHED,
    AreaEntryFound,
    EventFound,
    Sighting,
    SourceKind,
    Threshold,
    ThresholdsPublished,
)
from kizuna.kernel import canonical
from kizuna.kernel.record import WITHHELD

if TYPE_CHECKING:
    from collections.abc import Collection

    from kizuna.domains.maritime.events.model import Evidence, ThresholdSet
    from kizuna.domains.maritime.events.standing import Change

MAX_EVIDENCE = 24
"""Positions that an event shows; of more the first, the last and some between them, evenly."""


def state_event(
    change: Change,
    *,
    source_kind: SourceKind,
    thresholds: ThresholdSet,
    batches: tuple[str, ...],
    own_units: Collection[int] = (),
) -> Statement:
    """Return a change of the events as a statement; `batches` are the records that hold its first and last evidence."""
    event, said = change.event, _said(change, thresholds)
    said |= {"batches": batches, "source_kind": source_kind}
    subject, own = vessel_subject(event.mmsi[0]), not set(own_units).isdisjoint(event.mmsi)
    if event.kind == "zone-entry":
        entered = AreaEntryFound(area=event.place or "", **said)
        return Statement(AREA_ENTRY_FOUND, entered, (), subject, own, change.supersedes)
    found = EventFound(kind=event.kind, port=_told(event.place), **said)
    return Statement(EVENT_FOUND, found, (), subject, own, change.supersedes)


def _said(change: Change, thresholds: ThresholdSet) -> dict[str, Any]:
    event = change.event
    seen = sorted(event.evidence)
    return {
        "vessels": event.mmsi,
        "from_ms": event.from_ms,
        "to_ms": _told(event.to_ms),
        "lat_600000": _told(event.lat_600000),
        "lon_600000": _told(event.lon_600000),
        "what": event.what,
        "confidence": event.confidence,
        "holds": change.holds,
        "supersedes": change.supersedes,
        "threshold_set": thresholds.id,
        "threshold_sha256": thresholds.digest(),
        "evidence": tuple(Sighting(*msgspec.structs.astuple(each)) for each in _some(seen)),
        "evidence_count": len(seen),
        "evidence_sha256": evidence_digest(seen),
        "coverage_ref": event.coverage_ref,
    }


def _told(value: Any) -> Any:
    return WITHHELD if value is None else value


def _some(seen: list[Evidence]) -> list[Evidence]:
    """Return at most `MAX_EVIDENCE` of them, evenly."""
    if len(seen) <= MAX_EVIDENCE:
        return seen
    return [seen[k * (len(seen) - 1) // (MAX_EVIDENCE - 1)] for k in range(MAX_EVIDENCE)]


def evidence_digest(seen: list[Evidence]) -> str:
    """Return the SHA-256 of all positions that an event rests on: canonical JSON of vessel, time, latitude and longitude, in this order."""
    return hashlib.sha256(canonical.encode([list(msgspec.structs.astuple(each)) for each in sorted(seen)])).hexdigest()


def publish_thresholds(thresholds: ThresholdSet) -> Statement:
    """Return the statement that publishes a set of thresholds, so that whoever reads an event can look up what it cites."""
    values: dict[str, Any] = msgspec.to_builtins(thresholds)
    body = ThresholdsPublished(
        id=thresholds.id,
        sha256=thresholds.digest(),
        values=tuple(Threshold(name, values[name]) for name in sorted(values) if name != "id"),
    )
    return Statement(THRESHOLDS_PUBLISHED, body, subject=f"thresholds:{thresholds.id}")
