"""A paper of headings, paragraphs and tables, as one HTML page or as DOCX (by `python-docx` from the extra `documents`).

The page needs nothing from elsewhere: no script, no font, no address. What is said comes in as text and is escaped here.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from kizuna.errors import ConfigError

HTML = "text/html; charset=utf-8"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_MS = timedelta(milliseconds=1)
_STYLE = (
    "body{font:11pt/1.45 'Noto Sans','Noto Sans CJK JP','Noto Sans Devanagari',sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:1.6rem;border-bottom:1px solid #888}"
    "table{border-collapse:collapse;width:100%}th,td{border:1px solid #999;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "th{background:#eee}td{overflow-wrap:anywhere}.page>*>tr>td{border:0;padding:0}.marking{text-align:center;font-weight:bold}"
    "@media print{body{margin:0;max-width:none}tr{break-inside:avoid}.page>tbody>tr{break-inside:auto}}"
)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with what stands under it: sentences, then a table where `columns` are named; `empty` is said where it has no rows."""

    heading: str
    sentences: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    empty: str = ""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper in one language (`en`, `ja`, `hi`): title, lines under it, sections, a foot line; its marking stands at both ends of each page."""

    language: str
    title: str
    lead: Sequence[str]
    sections: Sequence[Section]
    foot: str
    made_ms: int
    marking: str


def to_html(paper: Paper) -> bytes:
    """Return a paper as one page."""
    parts = [f"<h1>{escape(paper.title)}</h1>", *(f"<p>{escape(line)}</p>" for line in paper.lead)]
    for section in paper.sections:
        parts.append(f"<section><h2>{escape(section.heading)}</h2>")
        parts += [f"<p>{escape(sentence)}</p>" for sentence in section.sentences]
        if section.rows:
            head = "".join(f'<th scope="col">{escape(name)}</th>' for name in section.columns)
            body = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in section.rows
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        elif section.empty:
            parts.append(f"<p>{escape(section.empty)}</p>")
        parts.append("</section>")
    mark = f'<p class="marking">{escape(paper.marking)}</p>'
    page = (
        f'<!DOCTYPE html>\n<html lang="{escape(paper.language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(paper.title)}</title><style>{_STYLE}</style></head><body>'
        f'<table class="page" role="presentation"><thead><tr><td>{mark}</td></tr></thead><tfoot><tr><td>{mark}</td></tr></tfoot><tbody><tr><td><main>'
        f"{''.join(parts)}</main><footer><p>{escape(paper.foot)}</p></footer></td></tr></tbody></table></body></html>\n"
    )
    return page.encode()


def to_docx(paper: Paper) -> bytes:
    """Return a paper as a DOCX file.

    Raises:
        ConfigError: `python-docx` is not installed.
    """
    try:
        import docx  # noqa: PLC0415 # an extra: whoever makes no DOCX needs it not
    except ImportError as error:
        raise ConfigError("a DOCX file needs `python-docx`: install the extra `kizuna[documents]`") from error
    made = docx.Document()
    made.core_properties.title = paper.title
    made.core_properties.language = paper.language
    made.core_properties.author = ""
    made.core_properties.created = made.core_properties.modified = (
        datetime(1970, 1, 1, tzinfo=UTC) + paper.made_ms * _MS
    ).replace(tzinfo=None)
    for edge in (made.sections[0].header, made.sections[0].footer):
        edge.paragraphs[0].text = paper.marking
        edge.paragraphs[0].alignment = 1  # centred
    made.add_heading(paper.title, 0)
    for line in paper.lead:
        made.add_paragraph(line)
    for section in paper.sections:
        _docx_section(made, section)
    made.add_paragraph(paper.foot)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def _docx_section(made: Any, section: Section) -> None:
    made.add_heading(section.heading, 1)
    for sentence in section.sentences:
        made.add_paragraph(sentence)
    if section.rows:
        table = made.add_table(rows=1, cols=len(section.columns), style="Table Grid")
        for cell, name in zip(table.rows[0].cells, section.columns, strict=True):
            cell.text = name
        for row in section.rows:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
    elif section.empty:
        made.add_paragraph(section.empty)
