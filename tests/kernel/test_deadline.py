"""Deadlines follow from an anchor, an offset and a calendar, and from nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kizuna.errors import ConfigError
from kizuna.kernel.deadline import Deadline
from kizuna.kernel.intervals import FOREVER


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("calendar", "offset", "anchor", "due"),
    [
        ("hours", 36, "2026-02-28T12:00", "2026-03-02T00:00"),
        ("days", 0, "2026-02-28T12:00:00.123", "2026-02-28T12:00:00.123"),
        ("days", 30, "2026-01-31T08:30", "2026-03-02T08:30"),
        ("months", 1, "2026-01-31T08:30", "2026-02-28T08:30"),
        ("months", 1, "2024-01-31T08:30", "2024-02-29T08:30"),
        ("months", 1, "2026-02-28T08:30", "2026-03-28T08:30"),
        ("months", 11, "2026-02-15T00:00", "2027-01-15T00:00"),
        ("months", 24, "2024-02-29T00:00", "2026-02-28T00:00"),
        ("business-days", 1, "2026-08-14T09:00", "2026-08-17T09:00"),
        ("business-days", 5, "2026-08-12T09:00", "2026-08-19T09:00"),
        ("business-days", 1, "2026-08-15T09:00", "2026-08-17T09:00"),
    ],
)
def test_offsets(calendar: str, offset: int, anchor: str, due: str) -> None:
    rule = Deadline(rule="r", anchor="accept", offset=offset, calendar=calendar)
    assert rule.at_ms(ms(anchor)) == ms(due)


def test_holidays_are_no_business_days() -> None:
    rule = Deadline(rule="r", anchor="accept", offset=1, calendar="business-days")
    assert rule.at_ms(ms("2026-08-14T09:00"), frozenset({"2026-08-17"})) == ms("2026-08-18T09:00")


@pytest.mark.parametrize("changed", [{"calendar": "weeks"}, {"offset": -1}])
def test_other_calendars_and_ways_back_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Deadline(**({"rule": "r", "anchor": "a", "offset": 1} | changed))  # type: ignore[arg-type] # wrong parts are the point


@pytest.mark.parametrize("calendar", ["hours", "days", "months", "business-days"])
@pytest.mark.parametrize("anchor_ms", [253_402_300_799_999, 2**53 - 1])
def test_what_would_lie_beyond_the_calendar_is_never_due(calendar: str, anchor_ms: int) -> None:
    """A partner may sign a record on the calendar's last day; a fold that fails on it would stop this node."""
    assert Deadline(rule="r", anchor="a", offset=40, calendar=calendar).at_ms(anchor_ms) == FOREVER
