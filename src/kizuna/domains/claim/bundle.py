"""The bundled facts of the India-Japan partnership as claims: where sources disagree, other names, and the meetings and exercises that are known."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import msgspec

from kizuna.domains.claim.events import event_facts
from kizuna.domains.claim.matching import KnownEvent
from kizuna.domains.claim.rules import ALSO_CALLED, NAME, precision_of
from kizuna.kernel.claim import ClaimAssertedV2, ClaimSource

PARTS = ("disagreements", "names", "events")


class _Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: str
    basis: str
    sources: tuple[int, ...]
    qualifier: str | None = None
    precision: str = "unknown"
    asserted_by: str | None = None
    note: str | None = None


class _Disagreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    subject: str
    predicate: str
    handling: str
    claims: tuple[_Claim, ...]


class _Alias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: str
    also_called: tuple[str, ...]
    note: str
    sources: tuple[int, ...]
    name: str = ""


class _Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    kind: str
    date: str
    basis: str
    sources: tuple[int, ...]
    ordinal: int | None = None
    end: str = ""
    place: str = ""
    people: tuple[str, ...] = ()
    state: str = "held"


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: str
    sources: tuple[str, ...]
    disagreements: tuple[_Disagreement, ...]
    aliases: tuple[_Alias, ...]
    series: dict[str, tuple[str, ...]]
    events: tuple[_Event, ...]
    not_found: tuple[str, ...]


def facts() -> _Facts:
    """Return the bundled file, decoded."""
    data = (files("kizuna.domains.claim") / "bundled" / "india-japan.json").read_bytes()
    return msgspec.json.decode(data, type=_Facts)


def bundled(parts: tuple[str, ...] = PARTS) -> tuple[ClaimAssertedV2, ...]:
    """Return the bundled claims of some parts, each with its sources."""
    held = facts()
    makers = {"disagreements": _disagreements, "names": _names, "events": _events}
    return tuple(claim for part in parts for claim in makers[part](held))


def _made(held: _Facts, sources: tuple[int, ...], **fields: Any) -> ClaimAssertedV2:
    given = {
        "asserted_by": None, "confidence_pct": None, "note": None, "precision": "unknown", "qualifier": None,
        "valid_from": None, "valid_to": None,
    }  # fmt: skip
    return ClaimAssertedV2(**(given | fields), sources=tuple(ClaimSource(held.sources[at]) for at in sources))


def _disagreements(held: _Facts) -> Iterator[ClaimAssertedV2]:
    for topic in held.disagreements:
        for each in topic.claims:
            yield _made(
                held, each.sources, subject=topic.subject, predicate=topic.predicate, value=each.value,
                qualifier=each.qualifier, precision=each.precision, asserted_by=each.asserted_by, basis=each.basis,
                note=each.note,
            )  # fmt: skip


def _names(held: _Facts) -> Iterator[ClaimAssertedV2]:
    for alias in held.aliases:
        named = [(NAME, alias.name)] if alias.name else []
        for predicate, value in (*named, *((ALSO_CALLED, other) for other in alias.also_called)):
            yield _made(
                held,
                alias.sources,
                subject=alias.subject,
                predicate=predicate,
                value=value,
                basis="news",
                note=alias.note,
            )
    for series, names in held.series.items():
        for place, value in enumerate(names):
            sources = next((event.sources for event in held.events if event.kind == series), ())
            yield _made(
                held, sources, subject=series, predicate=ALSO_CALLED if place else NAME, value=value, basis="news"
            )


def _events(held: _Facts) -> Iterator[ClaimAssertedV2]:
    for event in held.events:
        known = KnownEvent(
            id=event.id, kind=event.kind, date=event.date, end=event.end, ordinal=event.ordinal, place=event.place,
            people=event.people,
        )  # fmt: skip
        for predicate, value in event_facts(known, event.state):
            yield _made(
                held, event.sources, subject=event.id, predicate=predicate, value=value, precision=precision_of(value)
                if predicate in ("date", "end") else "unknown", basis=event.basis,
            )  # fmt: skip
