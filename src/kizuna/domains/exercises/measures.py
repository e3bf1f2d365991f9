"""Frequency, complexity and diversity of exercises, as published formulas with their raw counts.

A measure is None where what it needs is not known, and then says what lacks. Nothing is estimated: an edition without stated serials has no
complexity, and it is counted among the unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import log
from operator import attrgetter

import msgspec

from kizuna.domains.exercises.rules import days_in_year

WEIGHTS = {"night": Fraction(1, 2), "live_fire": Fraction(1), "cross_deck": Fraction(1, 2)}
"""What a live serial weighs beyond its one, where it is by night, with live fire, or lands on the other's deck. Ours, published here."""
FORMULAS = {
    "frequency": "editions = number of editions held that began in the year; exercise-days = days of the year on which an edition was"
    " held, both ends counted, each edition for itself; an edition whose days are not known to the day adds none and is counted apart",
    "diversity": "H = -sum(p * ln(p)) over the values of one axis (warfare areas, services, unit types, partners); p = share of a value"
    " among all; each edition counts each value that it states once; no value stated: unknown",
    "complexity": "C = participants * domains * (live + 1/2 * night + 1 * live fire + 1/2 * cross-deck); participants = units that take"
    " part; live, night, live fire, cross-deck = counts of live serials; any of them not stated: unknown",
}
AXES = ("warfare_areas", "services", "unit_types", "partners")


class Edition(msgspec.Struct, frozen=True):
    """What the measures need of one edition; a count is None where it is not known, days are day numbers with both ends counted."""

    year: int
    first_day: int | None
    last_day: int | None
    partners: tuple[str, ...]
    domains: tuple[str, ...]
    services: tuple[str, ...]
    warfare_areas: tuple[str, ...]
    unit_types: tuple[str, ...]
    units: int | None
    live: int | None
    night: int | None
    live_fire: int | None
    cross_deck: int | None


class Diversity(msgspec.Struct, frozen=True, kw_only=True):
    """Diversity along one axis: the index, or None; each value's count; how many editions state any."""

    index: float | None
    counts: dict[str, int]
    stated_by: int


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of a group of editions with their raw counts; `complexity` is the sum over the editions for which it is known."""

    editions: int
    exercise_days: int
    days_known: int
    days_unknown: int
    complexity: float | None
    complexity_known: int
    complexity_lacks: dict[str, int]
    diversity: dict[str, Diversity]


def frequency(editions: Sequence[Edition], year: int | None) -> tuple[int, int, int]:
    """Return exercise-days, and how many editions have known days and how many have not; of one year, or of all where it is None."""
    days = known = 0
    for each in editions:
        if each.first_day is None or each.last_day is None:
            continue
        known += 1
        first, last = each.first_day, each.last_day
        days += last - first + 1 if year is None else days_in_year(first, last, year)
    return days, known, len(editions) - known


def diversity(values: Iterable[tuple[str, ...]]) -> Diversity:
    """Return the Shannon index of what editions state, in nats, rounded to four places."""
    counts, stated = Counter[str](), 0
    for words, times in Counter(values).items():  # few differ: each is taken apart once
        stated += times if words else 0
        for word in set(words):
            counts[word] += times
    total = counts.total()
    index = -sum(n / total * log(n / total) for n in counts.values()) if total else None
    rounded = None if index is None else round(index, 4) + 0.0
    return Diversity(index=rounded, counts=dict(sorted(counts.items())), stated_by=stated)


_NEEDED = ("units", "domains", "live serials", "night serials", "live-fire serials", "cross-deck serials")


def _needed(edition: Edition) -> tuple[int | None, ...]:
    return (
        edition.units, len(edition.domains) or None, edition.live, edition.night, edition.live_fire, edition.cross_deck
    )  # fmt: skip


def lacking(edition: Edition) -> tuple[str, ...]:
    """Return what would have to be known for the edition's complexity."""
    return tuple(name for name, value in zip(_NEEDED, _needed(edition), strict=True) if value is None)


def complexity(edition: Edition) -> Fraction | None:
    """Return an edition's complexity, exactly, or None where a count is not known."""
    needed = _needed(edition)
    if None in needed:
        return None
    units, domains, live, night, live_fire, cross_deck = (count or 0 for count in needed)
    weighed = live + WEIGHTS["night"] * night + WEIGHTS["live_fire"] * live_fire + WEIGHTS["cross_deck"] * cross_deck
    return units * domains * weighed


def _complexities(editions: Sequence[Edition]) -> tuple[Fraction, int, Counter[str]]:
    """Return the sum over the editions of which complexity is known, how many these are, and what lacks how often for the others."""
    live = night = live_fire = cross_deck = known = 0
    lacks = Counter[tuple[bool, ...]]()
    for each in editions:
        if (
            each.units is None or each.live is None or each.night is None or each.live_fire is None or each.cross_deck is None
            or not each.domains
        ):  # fmt: skip
            lacks[
                each.units is None, not each.domains, each.live is None, each.night is None, each.live_fire is None, each.cross_deck is None
            ] += 1  # fmt: skip
            continue
        size, known = each.units * len(each.domains), known + 1
        live, night = live + size * each.live, night + size * each.night
        live_fire, cross_deck = live_fire + size * each.live_fire, cross_deck + size * each.cross_deck
    missing = Counter[str]()
    for absent, times in lacks.items():
        missing.update({name: times for name, lack in zip(_NEEDED, absent, strict=True) if lack})
    total = live + WEIGHTS["night"] * night + WEIGHTS["live_fire"] * live_fire + WEIGHTS["cross_deck"] * cross_deck
    return total, known, missing


def measures(editions: Sequence[Edition], year: int | None = None, spilling: Sequence[Edition] = ()) -> Measures:
    """Return the measures of editions; `spilling` are those of the year before that ran into this one, for the days alone."""
    days, known, unknown = frequency(editions, year)
    spilt = frequency(spilling, year)[0] if year is not None else 0
    summed, counted, lacks = _complexities(editions)
    return Measures(
        editions=len(editions),
        exercise_days=days + spilt,
        days_known=known,
        days_unknown=unknown,
        complexity=round(float(summed), 2) if counted else None,
        complexity_known=counted,
        complexity_lacks=dict(sorted(lacks.items())),
        diversity={axis: diversity(map(attrgetter(axis), editions)) for axis in AXES},
    )
