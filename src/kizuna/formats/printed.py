"""A form as PDF, by `typst` from the extra `documents`: headings in two languages, pairs, tables, lines to sign on.

What is said comes in as data and is never read as markup. The typesetter brings fonts for Latin script alone; those for Japanese and Devanagari are
made when the package is built, from the fonts of its pages, and lie in `fonts/` beside this file. Where the package was built without, a font of
the system serves; where that has none either, `unset` names the language, and the form says so in its foot and keeps to English, rather than to
print boxes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from kizuna.errors import ConfigError, RecordError

MEDIA_TYPE = "application/pdf"
_FONTS = Path(__file__).with_name("fonts")
_FAMILIES = {
    "ja": (
        "Kizuna Sans JP", "Noto Sans CJK JP", "Noto Sans JP", "Noto Serif CJK JP", "Noto Serif JP", "IPAexGothic", "IPAGothic", "TakaoGothic",
        "VL Gothic", "Source Han Sans", "Hiragino Sans", "Yu Gothic", "MS Gothic",
    ),
    "hi": (
        "Kizuna Sans Devanagari", "Noto Sans Devanagari", "Noto Serif Devanagari", "Lohit Devanagari", "Mukta", "Kohinoor Devanagari", "Mangal",
        "Nirmala UI",
    ),
}  # fmt: skip
"""Families that are known to have a language's script: our own first, then what systems bring."""
_LATIN = "Libertinus Serif"
_BASIC = 0x24F
"""The last code point of extended Latin: what the typesetter's own fonts hold for sure."""
_PUNCTUATION = range(0x2000, 0x2070)

_SOURCE = rb"""
#let d = json(bytes(sys.inputs.data))
#set document(title: d.title, description: d.note, keywords: d.keywords, date: none)
#set text(font: d.fonts, size: 9pt, lang: "en")
#let mark = align(center, text(size: 8pt, weight: "bold", d.marking))
#set page(paper: "a4", margin: (x: 18mm, top: 20mm, bottom: 22mm), numbering: "1 / 1", header: mark, footer: context [
  #set text(size: 7pt, fill: luma(90))
  #d.foot #h(1fr) #counter(page).display("1 / 1", both: true)
  #set text(fill: black)
  #mark
])
#let both(pair) = {
  pair.at(0)
  if pair.at(1) != "" { text(fill: luma(70), size: 0.85em)[ #sym.space #pair.at(1)] }
}
#text(size: 16pt, weight: "bold", both(d.heading))
#if d.note != "" [#block(fill: luma(235), inset: 5pt, width: 100%, text(size: 8pt, d.note))]
#for section in d.sections {
  v(4pt)
  text(size: 11pt, weight: "bold", both(section.heading))
  if section.pairs.len() > 0 {
    table(columns: (auto, 1fr), stroke: 0.4pt + luma(160), inset: 4pt,
      ..section.pairs.map(p => (both(p.at(0)), p.at(1))).flatten())
  }
  if section.columns.len() > 0 {
    table(columns: section.columns.len(), stroke: 0.4pt + luma(160), inset: 4pt,
      table.header(..section.columns.map(c => text(weight: "bold", size: 8pt, both(c)))),
      ..section.rows.flatten().map(c => text(size: 8pt, c)))
  }
}
#if d.signatures.len() > 0 {
  v(14pt)
  grid(columns: (1fr,) * d.signatures.len(), gutter: 10pt,
    ..d.signatures.map(s => block(width: 100%)[#v(22pt) #line(length: 100%, stroke: 0.5pt) #text(size: 8pt, both(s))]))
}
"""

Words = tuple[str, str]
"""The same in English and in a second language."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a form: a heading, then pairs of a name and what stands for it, then a table."""

    heading: Words
    pairs: Sequence[tuple[Words, str]] = ()
    columns: Sequence[Words] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form: `language` is that of the second words (`ja`, `hi`), `note` what its reader must know first.

    `marking` stands at the top and the bottom of each page, `foot` at the bottom.
    """

    heading: Words
    parts: Sequence[Part]
    language: str
    marking: str
    note: str = ""
    foot: str = ""
    signatures: Sequence[Words] = ()
    keywords: Sequence[str] = field(default=())


@lru_cache(maxsize=1)
def _fonts() -> Any:
    return _library().Fonts(font_paths=[str(_FONTS)] if _FONTS.is_dir() else [])


def _library() -> Any:
    try:
        import typst  # noqa: PLC0415 # an extra, and 30 MB: whoever prints no form needs it not
    except ImportError as error:
        raise ConfigError("a PDF form needs `typst`: install the extra `kizuna[documents]`") from error
    return typst


def fonts_for(language: str, families: frozenset[str] | None = None) -> tuple[str, ...]:
    """Return the families at hand that have a language's script, the best first; none where there is none.

    Raises:
        ConfigError: `typst` is not installed.
    """
    held = frozenset(_fonts().families()) if families is None else families
    return tuple(name for name in _FAMILIES.get(language, ()) if name in held)


def unset(form: Form) -> str:
    """Return the language for which no font is at hand, or nothing where all can be set."""
    return "" if fonts_for(form.language) else form.language


def pdf(form: Form) -> bytes:
    """Return a form as PDF; the same form gives the same bytes.

    Raises:
        ConfigError: `typst` is not installed.
        RecordError: the typesetter cannot set it.
    """
    library = _library()
    fonts = fonts_for(form.language)
    foot, keywords = form.foot, list(form.keywords)
    if not fonts:
        foot = f"{foot} No font for `{form.language}` is installed here: set in English alone.".strip()
        keywords.append(f"no-font-{form.language}")
    data = {
        "title": form.heading[0], "heading": _both(form.heading, fonts), "note": _text(form.note, fonts), "foot": _text(foot, fonts),
        "marking": _text(form.marking, fonts),
        "keywords": keywords, "fonts": [_LATIN, *fonts], "signatures": [_both(each, fonts) for each in form.signatures],
        "sections": [
            {
                "heading": _both(part.heading, fonts), "columns": [_both(each, fonts) for each in part.columns],
                "pairs": [[_both(name, fonts), _text(value, fonts)] for name, value in part.pairs],
                "rows": [[_text(cell, fonts) for cell in row] for row in part.rows],
            }
            for part in form.parts
        ],
    }  # fmt: skip
    try:
        made = library.compile(
            _SOURCE, font_paths=_fonts(), format="pdf", sys_inputs={"data": json.dumps(data)}, timestamp=0
        )
    except library.TypstError as error:
        raise RecordError(f"the form cannot be set: {error.message}") from error
    return bytes(made)


def _both(words: Words, fonts: Sequence[str]) -> list[str]:
    return [_text(words[0], fonts), words[1] if fonts else ""]


def _text(text: str, fonts: Sequence[str]) -> str:
    """Return text with what no font can set written by its code points."""
    return "".join(char if fonts or _settable(char) else f"\\u{ord(char):04x}" for char in text)


def _settable(char: str) -> bool:
    return ord(char) <= _BASIC or ord(char) in _PUNCTUATION
