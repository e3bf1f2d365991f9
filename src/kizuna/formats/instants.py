"""Instants as the standards of the web write them (RFC 3339, ISO 8601, xs:dateTime): milliseconds UTC to text."""

from __future__ import annotations

from datetime import UTC, datetime

LAST_MS = 253_402_300_799_999
"""The last instant that a calendar of four-digit years has: the end of 9999, UTC."""


def rfc3339(at_ms: int) -> str:
    """Return an instant, milliseconds UTC, with three digits behind the second; one before 1970 or after 9999 as the nearest that is not."""
    found = datetime.fromtimestamp(max(0, min(at_ms, LAST_MS)) / 1000, UTC)
    return f"{found:%Y-%m-%dT%H:%M:%S}.{found.microsecond // 1000:03}Z"
