"""What a new search changes of what was told before: late positions may give an event another end, or take away what it rested on.

Nothing that was told is deleted: another event supersedes it, or the word that it holds no more does. Whatever the order in which positions
arrive, what stands at the end is what one search over all of them finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from kizuna.domains.maritime.events.model import Event, Evidence, Outline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SILENCES = ("gap", "disabling-suspected")
_TOGETHER = "simultaneous-jumps"
_FOREVER = 2**62


class Told(Outline, frozen=True, kw_only=True):
    """An event that was told and stands: neither superseded nor taken back."""

    record_id: str


class Change(NamedTuple):
    """Something to be told: an event, whether it holds, and the records of what it supersedes."""

    event: Event
    holds: bool
    supersedes: tuple[str, ...]


def changes(
    found: Iterable[Event],
    told: Sequence[Told],
    *,
    since_ms: int | None = None,
    first_heard: Mapping[int, Evidence] | None = None,
) -> list[Change]:
    """Return what is to be told after a search.

    Args:
        found: all events of the search.
        told: what stands of earlier ones about the same sources.
        since_ms: from when on the search saw everything; what began earlier it may see in part. None where it saw all that there is.
        first_heard: the first report of each vessel from `since_ms` on: it ends the silences that began earlier.
    """
    out: list[Change] = []
    met: set[str] = set()
    for event, old in _with_told(list(found), told, since_ms):
        seen = event
        if since_ms is not None:
            earlier = [each for each in old if each.from_ms < since_ms]
            if earlier:
                seen = msgspec.structs.replace(event, from_ms=min(each.from_ms for each in earlier))
            elif event.from_ms < since_ms:
                continue
        met |= {each.record_id for each in old}
        if len(old) != 1 or not _tells(old[0], seen):
            out.append(Change(seen, holds=True, supersedes=tuple(sorted(each.record_id for each in old))))
    for each in told:
        if each.record_id in met or (since_ms is not None and each.kind == "identity-change"):
            continue  # what two reports told is not refuted because the first of them is out of sight
        if since_ms is None or each.from_ms >= since_ms:
            out.append(Change(_event(each), holds=False, supersedes=(each.record_id,)))
        elif each.kind in _SILENCES and each.to_ms is None and first_heard and each.mmsi[0] in first_heard:
            seen_again = first_heard[each.mmsi[0]]
            ended = msgspec.structs.replace(_event(each), to_ms=seen_again.time_ms, evidence=(seen_again,))
            out.append(Change(ended, holds=True, supersedes=(each.record_id,)))
    return out


def _with_told(
    events: Sequence[Event], told: Sequence[Told], since_ms: int | None
) -> Iterator[tuple[Event, list[Told]]]:
    """Yield each event with what was told of it, or of what it may be.

    Several events of one matter may overlap, as those of two ships under one number do: a record that is still the whole truth of one of them is none
    of the others', and what is nobody's goes to those that were never told so.
    """
    by_matter = _by_matter(told)
    there = [[each for each in by_matter.get(_matter(event), ()) if _same_time(event, each)] for event in events]
    settled: dict[str, int] = {}
    for number, event in enumerate(events):
        for each in there[number]:
            is_earlier = since_ms is not None and each.from_ms < since_ms
            seen = msgspec.structs.replace(event, from_ms=each.from_ms) if is_earlier else event
            if each.record_id not in settled and _tells(each, seen):
                settled[each.record_id] = number
                break
    known = set(settled.values())
    claimed = {each.record_id for number, old in enumerate(there) if number not in known for each in old}
    for number, (event, old) in enumerate(zip(events, there, strict=True)):
        others = claimed - settled.keys() if number in known else set[str]()
        yield (
            event,
            [each for each in old if settled.get(each.record_id, number) == number and each.record_id not in others],
        )


def _matter(event: Event | Told) -> object:
    """Return what events share that may be one: kind, place and vessels; of vessels that jump together some may be others."""
    return event.kind, event.place, () if event.kind == _TOGETHER else event.mmsi


def _by_matter(told: Iterable[Told]) -> dict[object, list[Told]]:
    found: dict[object, list[Told]] = {}
    for each in told:
        found.setdefault(_matter(each), []).append(each)
    return found


def _same_time(event: Event, told: Told) -> bool:
    """Return whether both of one matter are about the same time; vessels that jump together share at least one."""
    if event.kind == _TOGETHER and set(event.mmsi).isdisjoint(told.mmsi):
        return False
    ends = [_FOREVER if each.to_ms is None else each.to_ms for each in (event, told)]
    return event.from_ms == told.from_ms or (event.from_ms < ends[1] and told.from_ms < ends[0])


def _tells(told: Told, event: Event) -> bool:
    """Return whether what was told is still the whole truth; how sure it is counts once it is over, for until then it may sway."""
    same = (told.mmsi, told.from_ms, told.to_ms, told.what) == (event.mmsi, event.from_ms, event.to_ms, event.what)
    return same and (event.to_ms is None or told.confidence == event.confidence)


def _event(told: Told) -> Event:
    values = {name: getattr(told, name) for name in Told.__struct_fields__ if name != "record_id"}
    return Event(evidence=(), **values)
