"""Judgements of the dialogue as pure functions: dates that are known in part, scores, ordinals, and the text that both agree on by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import chain, islice, pairwise

from kizuna.domains.dialogue.steps import TextVersion
from kizuna.errors import RecordError
from kizuna.kernel import canonical
from kizuna.kernel.instrument import day_ms, limited_date
from kizuna.kernel.intervals import DAY_MS

GUIDELINE = "kizuna-three-steps@1"
"""The rules of scoring that stand in the domain's README."""
MOST_MISSING = 200
"""So many meetings of a series that nobody has seen are named."""


def bounds(when: object) -> tuple[str, str] | None:
    """Return the first and last day that a date may be, or None where it is unknown, withheld or no date."""
    return _bounds(when) if isinstance(when, str) else None


@lru_cache(maxsize=8192)  # a page counts from the same few days again and again
def _bounds(when: str) -> tuple[str, str] | None:
    try:
        return limited_date(when).bounds()
    except RecordError:
        return None


def exact(when: object) -> str:
    """Return a date that is known to the day, else an empty string."""
    found = bounds(when)
    return found[0] if found is not None and found[0] == found[1] else ""


def days_between(start: object, end: object) -> int | None:
    """Return the days from one date to another, or None unless both are known to the day."""
    first, last = exact(start), exact(end)
    return (date.fromisoformat(last) - date.fromisoformat(first)).days if first and last else None


def ends_ms(when: object) -> int | None:
    """Return the instant at which the last day of a date is over, milliseconds UTC, or None where it is unknown."""
    found = bounds(when)
    return None if found is None else day_ms(found[1]) + DAY_MS


def lies_within(when: object, first_on: object, last_on: object) -> bool:
    """Return whether a date surely lies between two days, both included."""
    found, first, last = bounds(when), exact(first_on), exact(last_on)
    return found is not None and bool(first and last) and first <= found[0] and found[1] <= last


def is_before(when: object, day: object) -> bool:
    """Return whether a date surely lies before another."""
    found, other = bounds(when), bounds(day)
    return found is not None and other is not None and found[1] < other[0]


def paragraph_sha256(text: str) -> str:
    """Return the hash by which a paragraph is quoted: SHA-256 of its UTF-8 text, hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def text_sha256(texts: Sequence[TextVersion]) -> str:
    """Return the hash by which a joint text is agreed: SHA-256 of its canonical JSON in all its languages, hex."""
    plain = [{"language": text.language, "paragraphs": list(text.paragraphs)} for text in texts]
    return hashlib.sha256(canonical.encode(plain)).hexdigest()


def text_fault(texts: object) -> str:
    """Return what is wrong with a joint text, or nothing: its languages must align paragraph by paragraph."""
    if not isinstance(texts, tuple) or not texts:
        return "a joint text needs at least one language"
    languages = [text.language for text in texts]
    counts = {len(text.paragraphs) for text in texts}
    if len(set(languages)) != len(languages):
        return f"the languages {languages} name one twice"
    if len(counts) != 1:
        found = ", ".join(f"{text.language} {len(text.paragraphs)}" for text in texts)
        return f"the languages do not align paragraph by paragraph: {found}"
    if counts == {0} or any(not paragraph.strip() for text in texts for paragraph in text.paragraphs):
        return "a joint text has no empty paragraph"
    return ""


def aggregate(scores: Mapping[str, int]) -> float | None:
    """Return the mean of the sides' last scores, or None where there is none; it is computed, never stored."""
    return sum(scores.values()) / len(scores) if scores else None


def missing_ordinals(known: Iterable[int]) -> list[int]:
    """Return the ordinals of a series that nobody has seen, from 1 to the greatest that was: unknown, not absent.

    At most the first `MOST_MISSING`: whoever signs a meeting may call it the billionth.
    """
    gaps = (range(one + 1, other) for one, other in pairwise([0, *sorted(set(known))]))
    return list(islice(chain.from_iterable(gaps), MOST_MISSING))


def next_host(hosts: Sequence[str], parties: Sequence[str]) -> str:
    """Return who hosts next where two parties alternate, given the hosts so far in order (empty where unknown), or an empty string."""
    last = hosts[-1] if hosts else ""
    return next((party for party in parties if party != last), "") if last in parties else ""


def years_unseen(held: Iterable[str]) -> list[int]:
    """Return the years between the first and the last of some dates in which none of them lies: nothing was seen, which is not "not held"."""
    years = {int(found[0][:4]) for when in held if (found := bounds(when)) is not None}
    return [year for year in range(min(years, default=0), max(years, default=0)) if year not in years]
