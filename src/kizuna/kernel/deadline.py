"""Deadlines that anyone can recompute: a rule, what it counts from, how much, and on which calendar.

A deadline is never stored; it follows from the case's history. That one has passed is for the node to say, which has a clock, under the rule's id.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta

import msgspec

from kizuna.errors import ConfigError
from kizuna.kernel.intervals import FOREVER

CALENDARS = ("business-days", "days", "hours", "months")
_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS, _LAST_MS = (
    (day.replace(tzinfo=UTC) - _EPOCH) // _MS
    for day in (datetime.min, datetime.max)  # noqa: DTZ901 # made aware
)


def moment_of(at_ms: int) -> datetime:
    """Return an instant in milliseconds UTC; one beyond the calendar, which a partner's record may bear, is the calendar's first or last."""
    return _EPOCH + min(max(at_ms, _FIRST_MS), _LAST_MS) * _MS


def day_of(at_ms: int) -> str:
    """Return the UTC day of an instant as `YYYY-MM-DD`; see `moment_of`."""
    return moment_of(at_ms).date().isoformat()


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """By when a transition is due.

    `rule` is its id, `anchor` the transition from whose last effect it counts, `offset` how many units of `calendar`: `hours`, `days` of 24
    hours, `months` (the same day of a later month, or that month's last where it is shorter), or `business-days` (Monday to Friday but holidays).
    """

    rule: str
    anchor: str
    offset: int
    calendar: str = "days"

    def __post_init__(self) -> None:
        if self.calendar not in CALENDARS or self.offset < 0:
            raise ConfigError(f"deadline `{self.rule}`: count forwards, in one of {list(CALENDARS)}")

    def at_ms(self, anchor_ms: int, holidays: frozenset[str] = frozenset()) -> int:
        """Return the instant that lies the offset after the anchor, both in milliseconds UTC; `holidays` are days, `YYYY-MM-DD`.

        What would lie beyond the calendar is never due: a partner's record may bear the calendar's last day, and a fold refuses nothing.
        """
        try:
            start = _EPOCH + anchor_ms * _MS
            if self.calendar == "months":
                due = _months_after(start, self.offset)
            elif self.calendar == "business-days":
                due = _business_days_after(start, self.offset, holidays)
            else:
                due = start + timedelta(**{self.calendar: self.offset})
        except (OverflowError, ValueError):
            return FOREVER
        return (due - _EPOCH) // _MS


def _months_after(start: datetime, count: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return start.replace(year=year, month=month + 1, day=min(start.day, last))


def _business_days_after(start: datetime, count: int, holidays: frozenset[str]) -> datetime:
    due = start
    while count > 0:
        due += timedelta(days=1)
        count -= _is_business_day(due.date(), holidays)
    return due


def _is_business_day(day: date, holidays: frozenset[str]) -> bool:
    return day.weekday() < calendar.SATURDAY and day.isoformat() not in holidays
