"""The order sheet: the lines of an order as rows of a CSV or XLSX file, in and out."""

from __future__ import annotations

from collections.abc import Iterable

from kizuna.domains.supply import numbers, rules
from kizuna.domains.supply.records import OrderLine
from kizuna.errors import RefusedError
from kizuna.formats import csv_table, xlsx_table

COLUMNS = ("line_no", "category", "description", "quantity", "unit", "nsn", "local_code", "condition_code", "basis")
REQUIRED = ("line_no", "category", "description", "quantity", "unit")


def read_lines(text: str) -> tuple[OrderLine, ...]:
    """Return the lines of a CSV order sheet.

    Raises:
        RecordError: it is no such sheet; says the line.
        RefusedError: a cell is wrong; says the line, field, value, rule and remedy.
    """
    return _lines("csv", csv_table.read(text, COLUMNS, REQUIRED))


def read_book(data: bytes) -> tuple[OrderLine, ...]:
    """Return the lines of an XLSX order sheet; errors as for `read_lines`."""
    return _lines("xlsx", xlsx_table.read(data, COLUMNS, REQUIRED))


def _lines(kind: str, rows: Iterable[tuple[int, dict[str, str]]]) -> tuple[OrderLine, ...]:
    made = []
    for place, cells in rows:
        try:
            for name in REQUIRED:
                if name not in cells:
                    numbers.wrong(name, "", "it is empty", "fill the cell")
            number = cells.pop("line_no")
            if not number.isdecimal() or len(number) > 4:  # noqa: PLR2004 # far more than an order may have
                numbers.wrong("line_no", number, "it is a line's number", "number the lines from 1 on")
            line = OrderLine(line_no=int(number), **cells)
            rules.require_lines((line,))
        except RefusedError as error:
            raise RefusedError(f"{kind}:{place}: {error}; nothing of the sheet was taken") from error
        made.append(line)
    return tuple(made)


def rows_of(lines: Iterable[OrderLine]) -> list[list[object]]:
    """Return the rows of an order sheet, one for each line."""
    return [[getattr(line, name) for name in COLUMNS] for line in lines]
