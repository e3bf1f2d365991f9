"""What officers are shown of events: those that stand and those that late positions changed or refuted, and the numbers behind them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.queries import EventRow, ThresholdsRow
from kizuna.kernel.operation import Desk, Query, Wanted

_MOST = 1000


class EventsWanted(Wanted, frozen=True):
    """Which events."""

    kind: Annotated[str, Meta(description="Only this kind, like `encounter`.", max_length=40)] = ""
    mmsi: Annotated[int | None, Meta(description="About this vessel alone.")] = None
    all: Annotated[bool, Meta(description="Also those that late positions changed or refuted.")] = False
    limit: Annotated[int, Meta(description="At most so many rows.", ge=1, le=_MOST)] = 100


class ThresholdsWanted(Wanted, frozen=True):
    """Which sets of thresholds."""

    id: Annotated[str, Meta(description="Only the set of this name.", max_length=100)] = ""


def events(desk: Desk, wanted: EventsWanted) -> list[EventRow]:
    """Return events, the newest first."""
    found = (
        row
        for row in queries.events(desk.db, limit=100_000, standing=not wanted.all)
        if wanted.kind in ("", row.kind) and wanted.mmsi in (None, *row.vessels)
    )
    return [row for _, row in zip(range(wanted.limit), found, strict=False)]


def thresholds(desk: Desk, wanted: ThresholdsWanted) -> list[ThresholdsRow]:
    """Return the sets of numbers that events cite, ours and partners'."""
    return [row for row in queries.thresholds(desk.db) if wanted.id in ("", row.id)]


QUERIES = (
    Query(name="events", text="Events, the newest first.", asks=EventsWanted, run=events),
    Query(name="thresholds", text="The numbers that events cite.", asks=ThresholdsWanted, run=thresholds),
)
