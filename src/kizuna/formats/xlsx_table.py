"""Tables as XLSX, both ways, by `openpyxl` from the extra `documents`: one sheet, one header row, text in every cell.

The marking stands in the sheet's first row and last row, after `# `, and at the top and bottom of each printed page; rows that begin so are passed
over when a table is read.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from kizuna.errors import ConfigError, RecordError

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_ROWS = 20_000
_MOST_COLUMNS = 256
_MAX_UNPACKED = 64 << 20


def _library() -> Any:
    try:
        import openpyxl  # noqa: PLC0415 # an extra: whoever uses no XLSX needs it not
    except ImportError as error:
        raise ConfigError("an XLSX file needs `openpyxl`: install the extra `kizuna[documents]`") from error
    return openpyxl


def write(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str, marking: str) -> bytes:
    """Return a workbook of one sheet under its marking; a cell never holds a formula.

    Raises:
        ConfigError: `openpyxl` is not installed.
    """
    book = _library().Workbook()
    sheet = book.active
    sheet.title = title[:31]
    mark = (f"# {marking}",)
    for edge in (sheet.oddHeader, sheet.oddFooter):
        edge.center.text = marking.replace("&", "&&")  # an ampersand begins a code there
    for place, row in enumerate((mark, columns, *rows, mark), 1):
        for column, value in enumerate(row, 1):
            if value is not None:
                cell = sheet.cell(row=place, column=column)
                cell.value = str(value)
                cell.data_type = "s"
    sheet.freeze_panes = "A3"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(data: bytes, known: Sequence[str], needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row of the first sheet with its row number, as column name to text; empty cells and rows are left out.

    Raises:
        RecordError: it is no XLSX, its header lacks a needed column or names an unknown one or one twice, or there are too many rows.
        ConfigError: `openpyxl` is not installed.
    """
    rows = ((nth, row) for nth, row in enumerate(_rows(data), 1) if not _text(next(iter(row), None)).startswith("#"))
    top, first = next(rows, (1, ()))
    header = [_text(value) for value in first]
    while header and not header[-1]:
        header.pop()
    for name in needed:
        if name not in header:
            raise RecordError(
                f"xlsx:{top}: column `{name}` is missing: the first row names the columns {', '.join(known)}"
            )
    for place, name in enumerate(header):
        if name not in known or name in header[:place]:
            raise RecordError(f"xlsx:{top}: column `{name[:40]}` is not known, or stands twice: use {', '.join(known)}")
    for number, row in rows:
        if number > _MOST_ROWS:
            raise RecordError(f"xlsx:{number}: more than {_MOST_ROWS} rows: divide the file")
        if any(_text(value) for value in row[len(header) :]):
            raise RecordError(f"xlsx:{number}: has more cells than the header: mend the row")
        found = {name: text for name, value in zip(header, row, strict=False) if (text := _text(value))}
        if found:
            yield number, found


def _rows(data: bytes) -> list[Sequence[object]]:
    library = _library()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(item.file_size for item in archive.infolist())
        book = (
            library.load_workbook(io.BytesIO(data), read_only=True, data_only=True) if size <= _MAX_UNPACKED else None
        )
        # one cell far out makes the library fill everything before it: what is read is bounded, not only the file
        edges = {"max_row": _MOST_ROWS + 1, "max_col": _MOST_COLUMNS}
        found = [] if book is None else list(book.worksheets[0].iter_rows(values_only=True, **edges))
    except Exception as error:
        raise RecordError(f"the file is no XLSX that can be read: {type(error).__name__}: save it anew") from error
    if size > _MAX_UNPACKED:
        raise RecordError(f"the XLSX file unpacks to {size >> 20} MB, more than {_MAX_UNPACKED >> 20} MB: divide it")
    return found


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value).strip()
