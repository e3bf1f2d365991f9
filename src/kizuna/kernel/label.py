"""Confidentiality labels: the lattice in which records combine.

A label says how a record is graded in each marking policy that it carries, to which parties it may be released, for which purposes, and who
originated it. Joining labels can only restrict. Translation between policies is not here but in an agreement's equivalence table
(`kizuna.kernel.instrument`); the marking text is in `kizuna.kernel.marking`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from functools import reduce

import msgspec

from kizuna.errors import RecordError

MAX_CLASSIFICATION = 15
PARTY = re.compile(r"[a-z][a-z0-9-]{1,31}").fullmatch
WORD = re.compile(r"[a-z0-9][a-z0-9.:-]{0,63}").fullmatch


class Grade(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """A classification in one policy: 0 is the lowest, the policy gives each number its name."""

    policy: str
    classification: int
    caveats: frozenset[str] = frozenset()


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may have a record, and how it is to be handled.

    `releasable_to` and `purposes` deny when empty; `originators` keeps every party whose information is in the record; `review_by` is a
    date, `YYYY-MM-DD`, from which the label has expired and denies.
    """

    grades: tuple[Grade, ...]
    originators: frozenset[str]
    purposes: frozenset[str] = frozenset()
    releasable_to: frozenset[str] = frozenset()
    review_by: str | None = None


def label(  # a label has this many parts
    policy: str,
    classification: int,
    *,
    originator: str,
    releasable_to: tuple[str, ...] | frozenset[str] = (),
    purposes: tuple[str, ...] | frozenset[str] = (),
    caveats: tuple[str, ...] | frozenset[str] = (),
    review_by: str | None = None,
) -> Label:
    """Return a checked label of one policy.

    Raises:
        RecordError: a part is not well-formed; the message names it.
    """
    made = Label(
        grades=(Grade(policy, classification, frozenset(caveats)),),
        originators=frozenset({originator}),
        purposes=frozenset(purposes),
        releasable_to=frozenset(releasable_to),
        review_by=review_by,
    )
    check(made)
    return made


def check(value: Label) -> None:
    """Accept a well-formed label.

    Raises:
        RecordError: it has no grade, a grade out of range, grades out of order, no originator, or a malformed name or date.
    """
    if not value.grades or not value.originators:
        raise RecordError("a label needs at least one grade and one originator")
    policies = [grade.policy for grade in value.grades]
    if policies != sorted(set(policies)):
        raise RecordError(f"grades `{policies}` must stand once for each policy, sorted by policy")
    for grade in value.grades:
        if not 0 <= grade.classification <= MAX_CLASSIFICATION:
            raise RecordError(f"classification `{grade.classification}` is not between 0 and {MAX_CLASSIFICATION}")
        _names("caveat", grade.caveats | {grade.policy}, WORD)
    _names("purpose", value.purposes, WORD)
    _names("party", value.releasable_to | value.originators, PARTY)
    if value.review_by is not None and not is_date(value.review_by):
        raise RecordError(f"review date `{value.review_by}` is not a day as `YYYY-MM-DD`")


def is_date(text: str) -> bool:
    """Return whether the text is a day of the calendar in the one spelling `YYYY-MM-DD`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _names(what: str, names: frozenset[str], pattern: Callable[[str], object]) -> None:
    for name in names:
        if not pattern(name):
            raise RecordError(f"{what} `{name}` is not a lower-case name")


def _earliest(one: str | None, other: str | None) -> str | None:
    dates = [day for day in (one, other) if day is not None]
    return min(dates) if dates else None


def join(one: Label, other: Label) -> Label:
    """Return the least restrictive label that protects both: the least upper bound.

    Within a policy the higher classification and all caveats; across policies one grade each, never a translation. Releasability and
    purposes are intersected, originators united, the earlier review date kept.
    """
    grades = {grade.policy: grade for grade in one.grades}
    for grade in other.grades:
        mine = grades.get(grade.policy)
        if mine is not None:
            grade = Grade(  # noqa: PLW2901 # the joined grade takes the place of its part
                grade.policy, max(mine.classification, grade.classification), mine.caveats | grade.caveats
            )
        grades[grade.policy] = grade
    return Label(
        grades=tuple(grades[policy] for policy in sorted(grades)),
        originators=one.originators | other.originators,
        purposes=one.purposes & other.purposes,
        releasable_to=one.releasable_to & other.releasable_to,
        review_by=_earliest(one.review_by, other.review_by),
    )


def aggregate(labels: Iterable[Label | None], *, of: Label | None = None) -> Label | None:
    """Return the label of what is made of labelled parts, a page, a file, a log: the join of all of them, and of its own label `of`.

    None, which is handled at the highest grade and goes to nobody, where a part has none, or where there is neither part nor own label: nothing
    vouches for it.
    """
    parts = [*labels, *([] if of is None else [of])]
    known = [part for part in parts if part is not None]
    return reduce(join, known) if known and len(known) == len(parts) else None


class Counted(msgspec.Struct, frozen=True):
    """A count and the label under which it may be told; None where nothing was counted, and the count says nothing."""

    count: int
    label: Label | None


def counted(labels: Iterable[Label | None], admits: Callable[[Label], bool]) -> Counted:
    """Return the count of those labels that a reader is admitted to, labelled like all that it counts.

    What the reader may not see, or what has no label, is neither counted nor in the label: the same number is told whether it is there or not.
    """
    seen = [each for each in labels if each is not None and admits(each)]
    return Counted(len(seen), aggregate(seen))


def dominates(high: Label, low: Label) -> bool:
    """Return whether `high` protects at least as much as `low` in every part: the lattice's order."""
    return join(high, low) == high


def expired(value: Label, on: str) -> bool:
    """Return whether the label has reached its review date on the day `on`, `YYYY-MM-DD`."""
    return value.review_by is not None and on >= value.review_by
