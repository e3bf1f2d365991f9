"""Positions: what was welcomed, shared or reaffirmed, kept beside the commitments and never counted among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from kizuna.domains.dialogue import lookup, records
from kizuna.domains.dialogue.meetings import shown
from kizuna.kernel.operation import Desk, Query, Wanted


class PositionsWanted(Wanted, frozen=True):
    """Which positions."""

    meeting: Annotated[str, Meta(description="Only those voiced at this meeting.")] = ""


class PositionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A view that was voiced."""

    position: str
    text: str
    held_by: tuple[str, ...]
    meeting: str
    why: str
    told_by: tuple[str, ...]
    sources: tuple[str, ...]


def positions(desk: Desk, wanted: PositionsWanted) -> Sequence[PositionRow]:
    """Return positions, by name."""
    return [
        PositionRow(
            position=found.name, text=shown(found.body, "text") or "", held_by=shown(found.body, "held_by") or (),
            meeting=shown(found.body, "meeting") or "", why=shown(found.body, "why") or "", told_by=found.told_by, sources=found.sources,
        )
        for found in lookup.told(desk.db, records.POSITION, meeting=wanted.meeting)
    ]  # fmt: skip


QUERIES = (
    Query(name="positions", text="Views that were voiced; no commitments.", asks=PositionsWanted, run=positions),
)
