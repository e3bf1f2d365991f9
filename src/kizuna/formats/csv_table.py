"""Tables as CSV, both ways: UTF-8, one header line, every fault said with its line.

The first line of a written table is its marking, after `# `; lines that begin so before the header are passed over when a table is read.
A cell that a spreadsheet would take for a formula is written with an apostrophe before it, and read back without it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from kizuna.errors import RecordError

MEDIA_TYPE = "text/csv; charset=utf-8"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
MOST_ROWS = 20_000


def write(columns: Sequence[str], rows: Sequence[Sequence[object]], marking: str) -> bytes:
    """Return a table under its marking; None becomes an empty cell."""
    out = io.StringIO()
    out.write(f"# {' '.join(marking.split())}\r\n")
    made = csv.writer(out, lineterminator="\r\n")
    made.writerow(columns)
    made.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(("'", *_FORMULA)):
        return f"'{value}"
    return "" if value is None else value


def read(text: str, known: Sequence[str], needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with its line number, as column name to text; empty cells are left out.

    Raises:
        RecordError: the header lacks a needed column or names an unknown one, a row has other cells than the header, or there are too many.
    """
    text, marked = text.removeprefix("\ufeff"), 0
    while text.startswith("#"):
        text, marked = text.partition("\n")[2], marked + 1
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_header(header, known, needed, marked + 1)
        for count, row in enumerate(lines):
            if not any(cell.strip() for cell in row):
                continue
            line = lines.line_num + marked
            if count >= MOST_ROWS:
                raise RecordError(f"csv:{line}: more than {MOST_ROWS} rows: divide the file")
            if len(row) != len(header):
                raise RecordError(f"csv:{line}: has {len(row)} cells, the header has {len(header)}: mend the row")
            yield (
                line,
                {name: _plain(cell.strip()) for name, cell in zip(header, row, strict=True) if cell.strip()},
            )
    except csv.Error as error:
        raise RecordError(f"csv:{lines.line_num + marked}: is no csv ({error}): mend the line") from error


def _plain(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(("'", *_FORMULA)) else cell


def _check_header(header: Sequence[str], known: Sequence[str], needed: Sequence[str], line: int) -> None:
    for name in needed:
        if name not in header:
            raise RecordError(
                f"csv:{line}: column `{name}` is missing: the first line names the columns {', '.join(known)}"
            )
    for place, name in enumerate(header):
        if name not in known:
            raise RecordError(f"csv:{line}: column `{name[:40]}` is not known: use {', '.join(known)}")
        if name in header[:place]:
            raise RecordError(f"csv:{line}: column `{name}` stands twice: say each thing once")
