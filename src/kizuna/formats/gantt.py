"""A chart of dates as SVG: for each line where it was planned, where it is expected or was reached, and how far it slipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

_LEFT, _WIDTH, _ROW, _TOP = 330, 640, 22, 54
_MARGIN_DAYS = 30
_YEARS_A_TICK = 12
_SHORT = 46


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One line: `planned_on` and `expected_on` are `YYYY-MM-DD`; `state` is a word that is shown with it."""

    label: str
    planned_on: str
    expected_on: str
    state: str


def gantt(title: str, bars: Sequence[Bar], today: str, marking: str) -> bytes:
    """Return the chart, its marking at the top and at the bottom; what is shown by place and colour stands in words too."""
    days = [date.fromisoformat(day).toordinal() for bar in bars for day in (bar.planned_on, bar.expected_on)]
    now = date.fromisoformat(today).toordinal()
    first = max(min([*days, now]) - _MARGIN_DAYS, date.min.toordinal())
    last = min(max([*days, now]) + _MARGIN_DAYS, date.max.toordinal())
    height = _TOP + _ROW * len(bars) + 28

    def x(ordinal: int) -> float:
        return _LEFT + _WIDTH * (ordinal - first) / (last - first)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" role="img" font-family="sans-serif" font-size="11">',
        f'<title>{escape(title)}</title><text x="8" y="20" font-size="15">{escape(title)}</text>',
    ]
    parts += [
        f'<text x="{(_LEFT + _WIDTH + 20) / 2:g}" y="{y}" font-size="9" font-weight="bold" text-anchor="middle">{escape(marking)}</text>'
        for y in (8, height - 3)
    ]
    years = range(date.fromordinal(first).year + 1, date.fromordinal(last).year + 1)
    for year in years[:: 1 + len(years) // _YEARS_A_TICK]:
        at = x(date(year, 1, 1).toordinal())
        parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP - 8}" y2="{height - 20}" stroke="#ccc"/>'
            f'<text x="{at:.1f}" y="{_TOP - 12}" text-anchor="middle">{year}</text>'
        )
    at = x(now)
    parts.append(
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP - 8}" y2="{height - 20}" stroke="#b00" stroke-dasharray="4 3"/>'
    )
    parts += [_line(place, bar, x) for place, bar in enumerate(bars)]
    return ("".join(parts) + "</svg>\n").encode()


def _line(place: int, bar: Bar, x: Callable[[int], float]) -> str:
    planned, expected = date.fromisoformat(bar.planned_on), date.fromisoformat(bar.expected_on)
    slipped = (expected - planned).days
    y = _TOP + _ROW * place + 10
    one, other = x(planned.toordinal()), x(expected.toordinal())
    said = f"{bar.label}: {bar.state}, planned {bar.planned_on}, now {bar.expected_on}, {slipped:+d} days"
    short = bar.label if len(bar.label) <= _SHORT else bar.label[: _SHORT - 1] + "…"
    return (
        f"<g><title>{escape(said)}</title>"
        f'<text x="8" y="{y + 4}">{escape(short)}</text>'
        f'<line x1="{one:.1f}" x2="{other:.1f}" y1="{y}" y2="{y}" stroke="#c60" stroke-width="4"/>'
        f'<path d="M{one:.1f} {y - 6}l6 6l-6 6l-6 -6z" fill="none" stroke="#036" stroke-width="1.5"/>'
        f'<circle cx="{other:.1f}" cy="{y}" r="4" fill="{"#060" if bar.state == "done" else "#c60" if slipped > 0 else "#036"}"/>'
        f"</g>"
    )
