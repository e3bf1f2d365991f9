"""Charts as a page draws them: SVG with classes and no styles of its own, so that every palette and the strict policy hold; each mark is a link.

A chart has a title and a description, and a value that is not known is a question mark, never nought. The table beside it is the page's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import floor, log10

from markupsafe import Markup

_LEFT, _TOP, _HEIGHT, _BAR = 52, 34, 190, 20
_TICKS = 4
_CHAR = 7
_BOX, _BOX_HIGH, _ROW, _COLUMN = 220, 50, 74, 280
_LANE = 26
_ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


_TIP = Markup(
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>'
)


@dataclass(frozen=True)
class Bar:
    """One bar: its value, None where it is not known, and where its records are."""

    value: float | None
    href: str = ""


@dataclass(frozen=True)
class Box:
    """A box of a graph: what it says in two lines, where it leads, and how it is drawn: `good`, `warn` or plain."""

    id: str
    title: str
    under: str
    href: str
    look: str = ""


@dataclass(frozen=True)
class Lane:
    """A line of a time chart: what it is and where it leads, its days with words, and a span from one day to another."""

    title: str
    href: str
    marks: tuple[tuple[str, str], ...] = ()
    span: tuple[str, str] | None = None


def _svg(width: int, height: int, title: str, said: str, parts: Iterable[Markup]) -> Markup:
    opening = Markup(
        '<svg class="chart" role="group" aria-label="{0}" viewBox="0 0 {2} {3}" width="{2}" height="{3}"><desc>{1}</desc>'
    )
    return opening.format(title, said, width, height) + Markup("").join(parts) + Markup("</svg>")


def _text(x: float, y: float, text: str, more: str = "") -> Markup:
    return Markup('<text x="{}" y="{}"{}>{}</text>').format(f"{x:.0f}", f"{y:.0f}", Markup(more), text)  # noqa: S704 # a constant of ours


def _linked(href: str, said: str, part: Markup) -> Markup:
    """Return a part that leads somewhere and says what it is; one that shows a text is called by that text."""
    inner = Markup("{}<title>{}</title>").format(part, said)
    if not href:
        return Markup("<g>{}</g>").format(inner)
    if "<text" in part:
        return Markup('<a href="{}">{}</a>').format(href, inner)
    return Markup('<a href="{}" aria-label="{}">{}</a>').format(href, said, inner)


def _step(values: Sequence[float]) -> float:
    """Return what a line of the grid adds, round, and whole where all values are, so that the top line is no lower than any value."""
    least = max(values, default=0) / _TICKS or 1
    whole = all(float(value).is_integer() for value in values)
    scale = 10.0 ** floor(log10(least))
    steps = (each * scale for each in (*_ROUND, *(10 * each for each in _ROUND)))
    return next(each for each in steps if each >= least and (not whole or each.is_integer()))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() else f"{value:.3g}"


def bars(title: str, labels: Sequence[str], series: Mapping[str, Sequence[Bar]], unknown: str = "?") -> Markup:
    """Return a chart with a group of bars for each label and a bar in it for each series, in the order given."""
    slot = max(64, _BAR * len(series) + 18)
    width = max(360, _LEFT + slot * len(labels) + 10)
    most = _TICKS * _step([bar.value for each in series.values() for bar in each if bar.value is not None])
    base = _TOP + _HEIGHT
    parts: list[Markup] = []
    x = float(_LEFT)
    for nth, name in enumerate(series):
        parts += [
            Markup('<rect class="s{}" x="{}" y="8" width="11" height="11"/>').format(nth, f"{x:.0f}"),
            _text(x + 16, 18, name),
        ]
        x += 34 + _CHAR * _wide(name)
    width = max(width, int(x))
    for tick in range(_TICKS + 1):
        y = base - _HEIGHT * tick / _TICKS
        parts += [
            Markup('<line class="grid" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(_LEFT, width - 6, y=f"{y:.0f}"),
            _text(_LEFT - 6, y + 4, _figure(most * tick / _TICKS), ' text-anchor="end" class="soft"'),
        ]
    said = []
    for place, label in enumerate(labels):
        left = _LEFT + place * slot + 8
        for nth, (name, each) in enumerate(series.items()):
            bar = each[place]
            words = f"{label}, {name}: {unknown if bar.value is None else f'{bar.value:.6g}'}"
            said.append(words)
            at = left + _BAR * nth
            if bar.value is None:
                parts.append(_linked(bar.href, words, _text(at + 5, base - 4, "?")))
                continue
            tall = max(1.0, _HEIGHT * bar.value / most) if bar.value else 0.0
            rect = Markup('<rect class="s{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                nth, at, f"{base - tall:.1f}", _BAR - 3, f"{tall:.1f}"
            )
            parts.append(_linked(bar.href, words, rect))
        parts.append(_text(left - 2, base + 16, label[: max(6, slot // 6)]))
    return _svg(width, base + 26, title, "; ".join(said), parts)


def _wide(text: str) -> int:
    """Return how many letters' room a text takes: those of Japanese take two."""
    return sum(2 if ord(char) > 0x2E80 else 1 for char in text)  # noqa: PLR2004 # where CJK begins


def _cut(text: str, most: int) -> str:
    room = 0
    for place, char in enumerate(text):
        room += _wide(char)
        if room > most:
            return text[: max(1, place - 1)] + "…"
    return text


def graph(title: str, boxes: Sequence[Box], edges: Sequence[tuple[str, str, str]]) -> Markup:
    """Return boxes in columns, each to the right of what it rests on; an edge is `(newer, older, kind)`. A circle does not hang the layout."""
    column = _columns([box.id for box in boxes], edges)
    rows: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for box in boxes:
        nth = column[box.id]
        places[box.id] = (10 + nth * _COLUMN, 10 + rows.get(nth, 0) * _ROW)
        rows[nth] = rows.get(nth, 0) + 1
    parts: list[Markup] = [_TIP]
    for newer, older, kind in edges:
        if newer in places and older in places:
            (nx, ny), (ox, oy) = places[newer], places[older]
            from_x, to_x = (nx, ox + _BOX) if nx > ox else (nx + _BOX, ox + _BOX)
            parts.append(
                Markup(
                    '<path class="edge {}" marker-end="url(#tip)" d="M{} {} C{} {} {} {} {} {}"><title>{}</title></path>'
                ).format(
                    kind,
                    from_x,
                    ny + 25,
                    (from_x + to_x) // 2,
                    ny + 25,
                    (from_x + to_x) // 2,
                    oy + 25,
                    to_x,
                    oy + 25,
                    f"{newer} {kind} {older}",
                )
            )
    for box in boxes:
        x, y = places[box.id]
        inner = Markup('<rect class="box {}" x="{}" y="{}" width="{}" height="{}" rx="5"/>').format(
            box.look, x, y, _BOX, _BOX_HIGH
        )
        inner += _text(x + 9, y + 20, _cut(box.title, 30)) + _text(x + 9, y + 38, _cut(box.under, 32), ' class="soft"')
        parts.append(_linked(box.href, f"{box.title}: {box.under}", inner))
    width = 30 + _BOX + _COLUMN * max(rows, default=0)
    return _svg(width, 20 + _ROW * max(rows.values(), default=1), title, "; ".join(box.title for box in boxes), parts)


def _columns(ids: Sequence[str], edges: Sequence[tuple[str, str, str]]) -> dict[str, int]:
    """Return how deep each box stands: one more than the deepest that it rests on, as far as there is no circle."""
    depth = dict.fromkeys(ids, 0)
    for _ in ids:
        moved = False
        for newer, older, _kind in edges:
            if newer in depth and older in depth and depth[older] + 1 > depth[newer] and depth[older] + 1 < len(ids):
                depth[newer], moved = depth[older] + 1, True
        if not moved:
            break
    return depth


def times(title: str, lanes: Sequence[Lane], today: str, now: str) -> Markup:
    """Return lanes over the years: a dot for each day that something happened, a bar for a span, red where it leads to a later day."""
    days = [day for lane in lanes for day, _ in lane.marks if _ordinal(day)] + [today]
    days += [day for lane in lanes if lane.span for day in lane.span if _ordinal(day)]
    first, last = min(map(_ordinal, days)), max(map(_ordinal, days))
    from_year, to_year = date.fromordinal(first).year, date.fromordinal(last).year + 1
    start, end = date(from_year, 1, 1).toordinal(), date(to_year, 1, 1).toordinal()
    label, width = 280, max(620, min(1400, 300 + (to_year - from_year) * 60))

    def across(day: str) -> float:
        return label + (width - label - 20) * (_ordinal(day) - start) / max(1, end - start)

    height = 34 + _LANE * len(lanes)
    parts: list[Markup] = []
    step = max(1, (to_year - from_year) // 12)
    for year in range(from_year, to_year + 1, step):
        x = across(f"{year:04d}-01-01")
        parts += [
            Markup('<line class="grid" x1="{x}" x2="{x}" y1="22" y2="{}"/>').format(height, x=f"{x:.0f}"),
            _text(x, 16, str(year), ' text-anchor="middle" class="soft"'),
        ]
    x = across(today)
    parts.append(
        Markup('<line class="axis" x1="{x}" x2="{x}" y1="22" y2="{}"><title>{}</title></line>').format(
            height, now, x=f"{x:.0f}"
        )
    )
    for nth, lane in enumerate(lanes):
        y = 40 + _LANE * nth
        parts.append(_linked(lane.href, lane.title, _text(8, y + 4, _cut(lane.title, 38))))
        if lane.span and all(map(_ordinal, lane.span)):
            one, other = (across(day) for day in lane.span)
            late = _ordinal(lane.span[1]) > _ordinal(lane.span[0])
            bar = Markup('<line class="{}" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(
                "slip" if late else "early", f"{one:.0f}", f"{other:.0f}", y=y
            )
            parts.append(_linked("", f"{lane.title}: {lane.span[0]} → {lane.span[1]}", bar))
        for day, words in lane.marks:
            if _ordinal(day):
                dot = Markup('<circle class="s{}" cx="{}" cy="{}" r="6"/>').format(
                    1 if lane.span else 0, f"{across(day):.0f}", y
                )
                parts.append(_linked(lane.href, f"{day}: {words}", dot))
    return _svg(width, height + 8, title, "; ".join(lane.title for lane in lanes), parts)


def _ordinal(day: str) -> int:
    """Return a day as a number, of a month or a year its first; 0 where it is none."""
    year, month, on = (*day.split("-"), "1", "1")[:3]
    try:
        return date(int(year), int(month), int(on)).toordinal()
    except ValueError:
        return 0
