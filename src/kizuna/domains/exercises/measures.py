"""Frequency, complexity and diversity of exercises, as published formulas with their raw counts.

A measure is None where what it needs is not known, and then says what lacks. Nothing is estimated: an edition without stated serials has no
complexity, and it is counted among the unknown. What is added up of the editions of a group is told as SQL, so that the store does it: `AGGREGATES`
gives a `Tally` a group, tallies add up, and `measures` makes the figures of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import lcm, log
from typing import Any

import msgspec

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


_TEXTS = {"warfare_areas": "warfare_areas", "services": "services", "unit_types": "unit_types", "partners": "parties"}
"""The column of each axis: words of one edition, a space between them."""
_DOMAINS = "NULLIF(domains, '')"
_NEEDED = {
    "units": "units", "domains": f"LENGTH({_DOMAINS})", "live serials": "live", "night serials": "night", "live-fire serials": "live_fire",
    "cross-deck serials": "cross_deck",
}  # fmt: skip
"""What complexity needs, and the number that is NULL where it is not known."""
_SCALE = lcm(*(weight.denominator for weight in WEIGHTS.values()))
_SERIALS = " + ".join((f"{_SCALE} * live", *(f"{int(weight * _SCALE)} * {name}" for name, weight in WEIGHTS.items())))
_COMPLEXITY = f"units * (LENGTH({_DOMAINS}) - LENGTH(REPLACE(domains, ' ', '')) + 1) * ({_SERIALS})"
_BETWEEN = "\x1f"
"""Stands between the texts of editions, and in no word."""


def _ends(year: str) -> str:
    """Return the SQL of the day number of a year's last day, as `date.toordinal` counts."""
    return f"(({year}) * 365 + ({year}) / 4 - ({year}) / 100 + ({year}) / 400)"


_LONG = f"last_day - first_day > 365 AND last_day > {_ends('year + 1')}"
AGGREGATES = (
    "COUNT(*)",
    "COUNT(first_day + last_day)",
    "CAST(COALESCE(SUM(last_day - first_day + 1), 0) AS BIGINT)",
    f"CAST(COALESCE(SUM(CASE WHEN last_day > {_ends('year')} THEN last_day - {_ends('year')} END), 0) AS BIGINT)",
    f"CAST(COALESCE(SUM(CASE WHEN {_LONG} THEN last_day - {_ends('year + 1')} END), 0) AS BIGINT)",
    "COALESCE(MAX(last_day), 0)",
    f"CAST(COALESCE(SUM({_COMPLEXITY}), 0) AS BIGINT)",
    f"COUNT({' + '.join(_NEEDED.values())})",
    *(f"COUNT({number})" for number in _NEEDED.values()),
    *(f"STRING_AGG(COALESCE({text}, ''), '{_BETWEEN}')" for text in _TEXTS.values()),
)
"""What is selected of a group of editions whose year is known, in the order in which `Tally.of` takes it."""
_NUMBERS = len(AGGREGATES) - len(_NEEDED) - len(_TEXTS)


class Tally(msgspec.Struct):
    """What is added up of some editions."""

    editions: int = 0
    days_known: int = 0
    days: int = 0
    over: int = 0
    """Days after the end of the year in which their edition began."""
    beyond: int = 0
    """Those of them that lie after the end of the next one too."""
    last_day: int = 0
    weighed: int = 0
    """The sum of known complexities, in the smallest part of a weight."""
    complexity_known: int = 0
    known: Counter[str] = msgspec.field(default_factory=Counter)
    """How many editions tell each thing that complexity needs."""
    texts: dict[str, Counter[str]] = msgspec.field(default_factory=lambda: {axis: Counter() for axis in AXES})
    """The texts of each axis, and how many editions have each."""

    @classmethod
    def of(cls, row: Sequence[Any]) -> Tally:
        """Return what a row of `AGGREGATES` says."""
        counts, told = row[_NUMBERS : _NUMBERS + len(_NEEDED)], row[_NUMBERS + len(_NEEDED) :]
        texts = {axis: Counter(text.split(_BETWEEN)) for axis, text in zip(_TEXTS, told, strict=True)}
        values = (*row[:_NUMBERS], Counter(dict(zip(_NEEDED, counts, strict=True))), texts)
        return cls(**dict(zip(cls.__struct_fields__, values, strict=True)))

    def add(self, other: Tally) -> None:
        """Add up other editions too."""
        self.editions += other.editions
        self.days_known += other.days_known
        self.days += other.days
        self.over += other.over
        self.beyond += other.beyond
        self.last_day = max(self.last_day, other.last_day)
        self.weighed += other.weighed
        self.complexity_known += other.complexity_known
        self.known.update(other.known)
        for axis, texts in other.texts.items():
            self.texts[axis].update(texts)


def partners_of(parties: str, party: str) -> list[str]:
    """Return the parties of an edition but for our own."""
    return [each for each in parties.split() if each != party]


def diversity(stated: Iterable[tuple[Sequence[str], int]]) -> Diversity:
    """Return the Shannon index of what editions state, in nats, rounded to four places: each list of words with how many editions state it."""
    counts, stated_by = Counter[str](), 0
    for words, times in stated:
        stated_by += times if words else 0
        for word in set(words):
            counts[word] += times
    total = counts.total()
    index = -sum(n / total * log(n / total) for n in counts.values()) if total else None
    rounded = None if index is None else round(index, 4) + 0.0
    return Diversity(index=rounded, counts=dict(sorted(counts.items())), stated_by=stated_by)


def measures(tally: Tally, party: str, exercise_days: int) -> Measures:
    """Return the measures of a group of editions, as a party sees them: its partners are the others."""
    lacks = {name: tally.editions - tally.known[name] for name in sorted(_NEEDED)}
    found = {
        axis: diversity(
            (partners_of(text, party) if axis == "partners" else text.split(), times)
            for text, times in tally.texts[axis].items()
        )
        for axis in AXES
    }
    return Measures(
        editions=tally.editions,
        exercise_days=exercise_days,
        days_known=tally.days_known,
        days_unknown=tally.editions - tally.days_known,
        complexity=round(tally.weighed / _SCALE, 2) if tally.complexity_known else None,
        complexity_known=tally.complexity_known,
        complexity_lacks={name: count for name, count in lacks.items() if count},
        diversity=found,
    )
