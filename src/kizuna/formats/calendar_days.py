"""Whole days as an iCalendar file (RFC 5545), by `icalendar` from the extra `documents`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from kizuna.errors import ConfigError

MEDIA_TYPE = "text/calendar; charset=utf-8"
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True)
class Day:
    """One event of whole days: `first` and `last` are `YYYY-MM-DD`, both of them part of it; `uid` names it for ever."""

    uid: str
    title: str
    first: str
    last: str
    place: str = ""
    text: str = ""


def calendar(name: str, days: Sequence[Day], made_ms: int, marking: str) -> bytes:
    """Return a calendar; the same days and instant give the same bytes. Its marking stands in its description, and first in each event's.

    Raises:
        ConfigError: the library is not installed.
    """
    try:
        from icalendar import Calendar, Event  # noqa: PLC0415 # an extra: whoever exports no calendar needs it not
    except ImportError as error:
        raise ConfigError("a calendar needs `icalendar`: install the extra `kizuna[documents]`") from error
    made = Calendar()
    made.add("prodid", "-//Kizuna//cooperation node//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", name)
    made.add("x-wr-caldesc", marking)
    for day in days:
        event = Event()
        event.add("uid", day.uid)
        event.add("dtstamp", datetime(1970, 1, 1, tzinfo=UTC) + made_ms * _MS)
        event.add("summary", day.title)
        event.add("dtstart", date.fromisoformat(day.first))
        last = date.fromisoformat(day.last)
        if last < date.max:  # else nothing follows it, and an event without an end is of one day
            event.add("dtend", last + timedelta(days=1))
        if day.place:
            event.add("location", day.place)
        event.add("description", "\n".join(filter(None, (marking, day.text))))
        made.add_component(event)
    return bytes(made.to_ical())
