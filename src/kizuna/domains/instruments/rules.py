"""Judgements about the life of agreements: what a date bounds, what state a past day saw, and that supersession runs in no circle. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel.instrument import limited_date

UNKNOWN = "unknown"
_EPOCH = date(1970, 1, 1)
STATE_AFTER: Mapping[str, str] = {
    "negotiate": "negotiating", "sign": "signed", "enter-force": "in-force", "use": "operational", "supersede": "superseded",
    "expire": "expired",
}  # fmt: skip
"""The state that a step leads to; approvals are counted by party."""


class LifeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A step of an agreement's life that took effect: `on` is a date as precisely as it is known, `parties` are those whose word it is."""

    step: str
    on: str
    parties: tuple[str, ...]
    until: str = ""
    by: str = ""
    note: str = ""


def bounds(on: str) -> tuple[str, str] | None:
    """Return the first and last day that a date may be, or None where it is unknown or none."""
    try:
        return limited_date(on or UNKNOWN).bounds()
    except RecordError:
        return None


def precision(on: str) -> str:
    """Return how precisely a date is known, `unknown` where it is not."""
    return limited_date(on).precision if bounds(on) is not None else UNKNOWN


def day_after_epoch(days: int) -> str:
    """Return the day `YYYY-MM-DD` that lies so many days after 1 January 1970."""
    return (_EPOCH + timedelta(days=days)).isoformat()


def days_before(day: str, count: int) -> str:
    """Return the day that lies so many days before a day `YYYY-MM-DD`."""
    return (date.fromisoformat(day) - timedelta(days=count)).isoformat()


def date_fault(on: object) -> str:
    """Return what is wrong with a date, or nothing."""
    try:
        limited_date(on if isinstance(on, str) else "")
    except RecordError as error:
        return str(error)
    return ""


def order_fault(earlier: Iterable[LifeEvent], on: str) -> str:
    """Return what speaks against a date after steps that went before: it cannot lie before them, whatever the precision."""
    found = bounds(on)
    for event in earlier:
        before = bounds(event.on)
        if found is not None and before is not None and found[1] < before[0]:
            return f"`{on}` lies before `{event.step}` on `{event.on}`"
    return ""


def state_on(events: Sequence[LifeEvent], parties: Iterable[str], day: str) -> str:
    """Return the state of an agreement on a day `YYYY-MM-DD` by its own steps, in their order; `unknown` where none of them counts by then.

    A date that is known to the month or year counts from its last day; an unknown one never. It is `approved` once every party has approved.
    """
    state, approved = UNKNOWN, set[str]()
    for event in events:
        found = bounds(event.on)
        if found is None or found[1] > day:
            continue
        if event.step == "approve":
            approved.update(event.parties)
        state = STATE_AFTER.get(event.step, state)
        if state == "signed" and approved >= set(parties):
            state = "approved"
    return state


def cycles(supersedes: Mapping[str, Iterable[str]]) -> frozenset[tuple[str, str]]:
    """Return the edges, from newer to older, that lie on a circle: none of them counts, for nothing takes its own place."""
    edges = {newer: set(older) for newer, older in supersedes.items()}
    return frozenset(
        (newer, older) for newer, targets in edges.items() for older in targets if newer in _reached(edges, older)
    )


def _reached(edges: Mapping[str, set[str]], start: str) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        for target in edges.get(waiting.pop(), ()):
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found
