"""Bar charts as SVG, made of values and nothing else: no script, no font, no address outside the file.

A chart has a title and a description for those who do not see it, and a value that is not known is drawn as a question mark, never as nought. Which
values, and the table that stands beside a chart, are the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape as escape_marks

from kizuna.errors import RecordError

MEDIA_TYPE = "image/svg+xml"
_FILLS = ("#1b5e9e", "#c2571a", "#2f7d4f", "#7a3b8f", "#6b6b6b")
"""Told apart by their lightness too; a legend names each."""
_LEFT, _TOP, _HEIGHT, _FOOT, _SLOT_LEAST, _WIDTH_LEAST = 56, 56, 220, 84, 26, 480
_TICKS = 4
_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 section 2.2 leaves out."""


@dataclass(frozen=True)
class Series:
    """Bars of one kind: its name, and a value for each place on the axis; None where it is not known."""

    name: str
    values: Sequence[float | None]


def bars(title: str, description: str, labels: Sequence[str], series: Sequence[Series], marking: str) -> str:
    """Return a chart with one group of bars for each label, its marking at the top and at the bottom.

    Raises:
        RecordError: a series has not one value for each label, a value is negative, or there are more series than fills.
    """
    if not series or len(series) > len(_FILLS):
        raise RecordError(f"a chart takes one to {len(_FILLS)} series, not {len(series)}")
    for each in series:
        if len(each.values) != len(labels) or any(value is not None and value < 0 for value in each.values):
            raise RecordError(f"series `{each.name[:40]}`: give one value of nought or more for each of {len(labels)}")
    slot = max(_SLOT_LEAST, 14 * len(series) + 12)
    width = max(_WIDTH_LEAST, _LEFT + slot * len(labels) + 16)
    height = _TOP + _HEIGHT + _FOOT
    most = max((value for each in series for value in each.values if value is not None), default=0) or 1
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="t d" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" font-family="sans-serif" font-size="11">'
    )
    parts = [
        opening,
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(description)}</desc>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="14" font-weight="bold">{escape(title)}</text>',
        *(
            f'<text x="{width / 2:g}" y="{y}" font-size="9" font-weight="bold" text-anchor="middle">{escape(marking)}</text>'
            for y in (8, height - 3)
        ),
        *_legend(series),
        *_axis(most, width),
    ]
    for place, label in enumerate(labels):
        parts += _group(place, label, slot, series, most)
    return "\n".join([*parts, "</svg>", ""])


def escape(text: str) -> str:
    """Return a text as a drawing or a page can hold it: marks escaped, and what no XML can say replaced."""
    return escape_marks(_UNSAYABLE.sub("\ufffd", text))


def _legend(series: Sequence[Series]) -> Iterator[str]:
    x = _LEFT
    for fill, each in zip(_FILLS, series, strict=False):
        yield f'<rect x="{x}" y="30" width="10" height="10" fill="{fill}"/>'
        yield f'<text x="{x + 14}" y="39">{escape(each.name)}</text>'
        x += 28 + 6 * len(each.name)


def _axis(most: float, width: int) -> Iterator[str]:
    for tick in range(_TICKS + 1):
        y = _TOP + _HEIGHT - _HEIGHT * tick / _TICKS
        yield f'<line x1="{_LEFT}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ccc"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * tick / _TICKS:.4g}</text>'


def _group(place: int, label: str, slot: int, series: Sequence[Series], most: float) -> Iterator[str]:
    left, base = _LEFT + place * slot + 6, _TOP + _HEIGHT
    for nth, (fill, each) in enumerate(zip(_FILLS, series, strict=False)):
        value, x = each.values[place], left + 14 * nth
        if value is None:
            said = f"{label}, {each.name}: not known"
            yield f'<text x="{x + 6}" y="{base - 4}" text-anchor="middle" fill="{fill}">?<title>{escape(said)}</title></text>'
            continue
        tall = _HEIGHT * value / most
        said = f"{label}, {each.name}: {value:.6g}"
        yield (
            f'<rect x="{x}" y="{base - tall:.1f}" width="12" height="{tall:.1f}" fill="{fill}">'
            f"<title>{escape(said)}</title></rect>"
        )
    middle = left + 7 * len(series)
    yield f'<text transform="translate({middle} {base + 14}) rotate(40)">{escape(label)}</text>'


def page(
    chart: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str], marking: str
) -> str:
    """Return an HTML page with a chart, the table of the same values beside it, notes such as formulas, and its marking first and last."""
    mark = f'<p class="marking"><strong>{escape(marking)}</strong></p>'
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    said = "\n".join(f"<li>{escape(note)}</li>" for note in notes)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head><body>\n{mark}\n'
        f"<h1>{escape(title)}</h1>\n<figure>{chart}</figure>\n<table><caption>{escape(title)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>\n<ul>\n{said}\n</ul>\n{mark}\n</body></html>\n"
    )
