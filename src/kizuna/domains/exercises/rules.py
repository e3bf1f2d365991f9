"""Judgements on editions: days, and words that are counted. Pure: no store, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kizuna.errors import RecordError, RefusedError
from kizuna.kernel.instrument import limited_date

WARFARE_AREAS = (
    "air-combat", "air-defence", "amphibious", "anti-air", "anti-submarine", "anti-surface", "boarding", "counter-terrorism",
    "cyber", "disaster-relief", "electronic", "helicopter", "logistics", "mine", "refuelling", "replenishment",
    "search-and-rescue", "special-operations", "surveillance", "transport", "urban",
)  # fmt: skip
"""The words by which warfare areas are counted: a second spelling of one would count as diversity."""


def bounds(text: object) -> tuple[str, str] | None:
    """Return the first and last day that a stated date may be, or None where it is unknown or no date."""
    if not isinstance(text, str):
        return None
    try:
        return limited_date(text).bounds()
    except RecordError:
        return None


def period_fault(starts_on: object, ends_on: object, *, starts: str = "starts_on", ends: str = "ends_on") -> str:
    """Return what is wrong with a period, or nothing; either date may be imprecise or `unknown`."""
    for field, value in ((starts, starts_on), (ends, ends_on)):
        if isinstance(value, str):
            try:
                limited_date(value)
            except RecordError as error:
                return f"`{field}`: {error}"
    first, last = bounds(starts_on), bounds(ends_on)
    if first and last and last[1] < first[0]:
        return f"`{ends}` `{ends_on}` lies before `{starts}` `{starts_on}`"
    return ""


def exact_days(starts_on: object, ends_on: object) -> tuple[str, str] | None:
    """Return first and last day where both are known to the day and in order, else None."""
    first, last = bounds(starts_on), bounds(ends_on)
    if first is None or last is None or first[0] != first[1] or last[0] != last[1] or last[0] < first[0]:
        return None
    return first[0], last[0]


def day_number(day: str) -> int:
    """Return a day as a number, so that one day after another is one more."""
    return date.fromisoformat(day).toordinal()


def check_words(field: str, words: Sequence[str], known: Sequence[str]) -> None:
    """Accept words of a vocabulary.

    Raises:
        RefusedError: one is not in it, or stands twice.
    """
    for place, word in enumerate(words):
        if word not in known:
            raise RefusedError(f"`{field}`: `{word[:40]}` is not one of {', '.join(known)}")
        if word in words[:place]:
            raise RefusedError(f"`{field}`: `{word}` stands twice: say each thing once")


def serials_fault(live: object, *parts: object) -> str:
    """Return what is wrong with counts of live serials: none of a kind can be more than all."""
    if isinstance(live, int) and any(isinstance(part, int) and part > live for part in parts):
        return f"more serials of one kind than the `{live}` live ones in all"
    return ""
