"""Judgements about claims: what disagrees, what the evidence suggests, what may be quoted, and what a gap means. Pure; nobody decides here.

A suggestion never counts sources: the majority can be wrong. A person decides, and says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise

import msgspec

from kizuna.errors import RecordError, RefusedError
from kizuna.kernel.claim import BASES, Status
from kizuna.kernel.claimbook import HeldClaim
from kizuna.kernel.instrument import limited_date

ALSO_CALLED = "also called"
NAME = "name"
TOOK_PART = "took part"
SEVERAL = frozenset({ALSO_CALLED, TOOK_PART})
"""Predicates that may have many values at once: two of them are no disagreement."""
OFFICIAL_WORDING = "official wording"
"""The one predicate whose value may be quoted as official text."""
DECIDES_POLICY = "covers "
"""Predicates that begin so decide what a node permits: only a primary text settles them, and until then the answer is no."""
DATED = frozenset({"day", "month", "year"})
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Suggested(msgspec.Struct, frozen=True):
    """The claim that the evidence speaks for, and why; `claim` is empty where it speaks for none."""

    claim: str
    why: str


def check_value(predicate: str, value: str, precision: str, basis: str) -> None:
    """Accept what is to be asserted.

    Raises:
        RefusedError: a value is not as precise as it says, or a paraphrase would pass for official text.
    """
    if precision in DATED:
        try:
            found = limited_date(value).precision
        except RecordError as error:
            raise RefusedError(f"`value`: {error}; or say the precision `unknown`") from error
        if found != precision:
            raise RefusedError(f"`value` `{value}` is known to the {found}, not to the {precision}: say that precision")
    if predicate == OFFICIAL_WORDING and basis != BASES[0]:
        raise RefusedError(
            f"`{OFFICIAL_WORDING}` needs the basis `primary`: a paraphrase is never official text, assert it as `wording`"
        )


def precision_of(value: str) -> str:
    """Return how precisely a value is known: that of the date that it is, else `unknown`."""
    try:
        return limited_date(value).precision
    except RecordError:
        return "unknown"


def weekday_day(weekday: str, published_on: str) -> str | None:
    """Return the day `YYYY-MM-DD` that a weekday's name means in a text published on a day: the last such day, that day itself included.

    None where the text's day is not known to the day: a weekday alone is no date.
    """
    if precision_of(published_on) != "day":
        return None
    published = date.fromisoformat(published_on)
    back = (published.weekday() - _DAYS.index(weekday.capitalize())) % 7
    return date.fromordinal(published.toordinal() - back).isoformat()


def is_on(day: str, weekday: str) -> bool:
    """Return whether a day `YYYY-MM-DD` falls on a weekday."""
    return _DAYS[date.fromisoformat(day).weekday()] == weekday.capitalize()


def settles_policy(predicate: str) -> bool:
    """Return whether what is chosen decides what a node permits."""
    return predicate.startswith(DECIDES_POLICY)


def denied_meanwhile(predicate: str, claims: Iterable[HeldClaim]) -> bool:
    """Return whether a matter of policy is to be denied: it is until a primary text is chosen."""
    return settles_policy(predicate) and not any(
        claim.status == Status.CHOSEN and claim.basis == BASES[0] for claim in claims
    )


def suggestion(claims: Sequence[HeldClaim]) -> Suggested:
    """Return which claim the evidence speaks for: a primary text's, or the one that is only more precise. Numbers of sources decide nothing."""
    standing = [claim for claim in claims if claim.status != Status.WITHDRAWN]
    primary = [claim for claim in standing if claim.basis == BASES[0]]
    if len({(claim.value, claim.qualifier) for claim in primary}) == 1:
        return Suggested(primary[0].claim, "it alone rests on a primary text")
    plain = [claim for claim in standing if not claim.qualifier]
    values = sorted({claim.value for claim in plain}, key=len)
    if len(values) > 1 and all(precision_of(value) in DATED for value in values) and _nested(values):
        finest = next(claim for claim in plain if claim.value == values[-1])
        return Suggested(finest.claim, "the others agree with it, less precisely; no primary text was seen")
    return Suggested("", "no primary text decides, and the number of sources does not: a person weighs them")


def _nested(values: Sequence[str]) -> bool:
    return all(longer.startswith(shorter) for shorter, longer in pairwise(values))


class Cadence(msgspec.Struct, frozen=True):
    """How regularly something was seen. What was not seen is unknown: it is never said not to have been held."""

    seen: tuple[int, ...]
    not_seen: tuple[int, ...]
    ordinals: tuple[int, ...]
    ordinals_unknown: tuple[int, ...]
    words: str


def cadence(years: Iterable[int], ordinals: Iterable[int], every_years: int = 1) -> Cadence:
    """Return the years in which something was seen, and those, between the first and the last, in which it was due and none was seen.

    Ordinals are contiguous from 1; those between that were not seen are unknown.
    """
    seen, numbers = tuple(sorted(set(years))), tuple(sorted(set(ordinals)))
    due = range(seen[0], seen[-1] + 1) if seen else range(0)
    gaps = tuple(year for year in due if not any(abs(year - other) < every_years for other in seen))
    missing = tuple(number for number in range(1, (numbers[-1] if numbers else 0) + 1) if number not in numbers)
    words = f"seen in {', '.join(map(str, seen))}" if seen else "none seen"
    if gaps:
        words += f"; none seen for {', '.join(map(str, gaps))}, which is not to say that none was held"
    return Cadence(seen, gaps, numbers, missing, words)


def canonical_names(aliases: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return each variant of a name with the subject that it means, in lower case; one that means two subjects means none.

    Names are compared whole: no rank or title is ever parsed out of one, for what looks like a rank may be a given name.
    """
    found: dict[str, set[str]] = {}
    for subject, variant in aliases:
        found.setdefault(variant.casefold(), set()).add(subject)
    return {variant: next(iter(subjects)) for variant, subjects in found.items() if len(subjects) == 1}
