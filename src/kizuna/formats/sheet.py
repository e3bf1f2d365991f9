"""Sheets of rows under a heading: CSV and XLSX in and out, each cell as text, exactly as it was written.

A sheet that is read gives every row with its place, `file:line`, so that a fault can be shown where it stands; what the columns mean is the caller's.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from kizuna.errors import ConfigError, RecordError

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
MAX_ROWS = 100_000
_MAX_UNPACKED = 64 << 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Row = tuple[str, dict[str, str]]
"""Where a row stands, as `name:line`, and its cells by column."""


def read_csv(text: str, columns: Sequence[str], required: Sequence[str], name: str = "sheet.csv") -> list[Row]:
    """Return the rows of a CSV text whose first line names its columns.

    Raises:
        RecordError: a column is missing, unknown or stands twice, or a row has too many or too few cells; says `name:line`.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    cells: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            cells.append((reader.line_num, row))
            if len(cells) > MAX_ROWS:
                raise RecordError(f"{name}:{reader.line_num}: more than {MAX_ROWS} rows: split the sheet")
    except csv.Error as error:
        raise RecordError(f"{name}:{reader.line_num}: is no CSV: {error}; save the sheet whole again") from error
    return _rows(cells, columns, required, name)


def read_xlsx(data: bytes, columns: Sequence[str], required: Sequence[str], name: str = "sheet.xlsx") -> list[Row]:
    """Return the rows of the first sheet of a workbook whose first row names its columns; formulas are not computed.

    Raises:
        RecordError: it is no workbook, or as for `read_csv`.
        ConfigError: the extra `kizuna[documents]` is not installed.
    """
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 # an extra, and slow to import
    except ImportError as error:
        raise ConfigError("workbooks need openpyxl: install the extra `kizuna[documents]`") from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(member.file_size for member in packed.infolist())
    except zipfile.BadZipFile as error:
        raise RecordError(f"{name}: is no workbook: save it as XLSX again") from error
    if unpacked > _MAX_UNPACKED:
        raise RecordError(f"{name}: unpacks to more than {_MAX_UNPACKED >> 20} MB: split the sheet")
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False)
        sheet = book.worksheets[0]
        cells = [
            (number, [_text(cell) for cell in row])
            for number, row in enumerate(sheet.iter_rows(values_only=True, max_row=MAX_ROWS), 1)
        ]
    except Exception as error:  # the library raises what its parsers raise: bad XML, missing parts
        raise RecordError(f"{name}: is no workbook: save it as XLSX again") from error
    return _rows(cells, columns, required, name)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return format(Decimal(repr(cell)).normalize(), "f")  # as a person reads it: no binary tail, no exponent
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    return str(cell).strip()


def _rows(cells: list[tuple[int, list[str]]], columns: Sequence[str], required: Sequence[str], name: str) -> list[Row]:
    cells = [(line, row) for line, row in cells if any(cell.strip() for cell in row)]
    if not cells:
        raise RecordError(f"{name}:1: is empty: the first line names the columns {', '.join(columns)}")
    line, heading = cells[0]
    heading = [cell.strip().lower() for cell in heading]
    while heading and not heading[-1]:
        heading.pop()
    wrong = [column for column in heading if column not in columns or heading.count(column) > 1]
    missing = [column for column in required if column not in heading]
    if wrong or missing:
        said = f"column `{wrong[0]}` is unknown or stands twice" if wrong else f"column `{missing[0]}` is missing"
        raise RecordError(f"{name}:{line}: {said}: use {', '.join(columns)}")
    found = []
    for number, row in cells[1:]:
        if len(row) < len(heading) or any(cell.strip() for cell in row[len(heading) :]):
            raise RecordError(
                f"{name}:{number}: has {len(row)} cells under {len(heading)} columns: nothing was taken; is the file whole?"
            )
        found.append((f"{name}:{number}", {column: cell.strip() for column, cell in zip(heading, row, strict=False)}))
    return found


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a CSV file, UTF-8 with the mark that spreadsheets look for; text that they would run as a formula is quoted."""
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerow(columns)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + made.getvalue().encode()


def _safe(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdecimal()


def write_xlsx(sheets: Sequence[tuple[str, Sequence[str], Iterable[Sequence[object]]]]) -> bytes:
    """Return a workbook of sheets, each a title, its columns and its rows; every cell is text, so that no number is rounded by a spreadsheet.

    Raises:
        ConfigError: the extra `kizuna[documents]` is not installed.
    """
    try:
        from openpyxl import Workbook  # noqa: PLC0415 # an extra, and slow to import
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 # the same
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # noqa: PLC0415 # the same
    except ImportError as error:
        raise ConfigError("workbooks need openpyxl: install the extra `kizuna[documents]`") from error
    book = Workbook(write_only=True)
    for title, columns, rows in sheets:
        sheet = book.create_sheet(title[:31])
        for row in ([*columns], *rows):
            made = []
            for value in row:
                cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", "" if value is None else str(value)))
                cell.data_type = "s"  # text, also where it begins with `=`
                made.append(cell)
            sheet.append(made)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
