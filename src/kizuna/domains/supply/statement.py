"""The statement of account between two parties: by partner, exercise and fiscal year, as rows, CSV, XLSX and PDF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kizuna.domains.supply import words
from kizuna.domains.supply.numbers import money, wrong
from kizuna.domains.supply.queries import ACTIVITY_REF, MOST, YEAR
from kizuna.formats import csv_table, printed, xlsx_table
from kizuna.kernel.deadline import day_of
from kizuna.kernel.operation import Desk, Document, Query, Wanted

LANGUAGE = Annotated[Literal["ja", "hi"], Meta(description="The second language of the form.")]
_MOST_ROWS = 20_000
_COLUMNS = ("order_no", "at", "activity_ref", "currency", "method", "entry", "they_owe_more", "they_owe_less")


class StatementWanted(Wanted, frozen=True):
    """Which statement; a year or an exercise bounds it."""

    partner: Annotated[str, Meta(description="The other party.", min_length=1)]
    year: YEAR = 0
    activity_ref: ACTIVITY_REF = ""
    after_ms: Annotated[int, Meta(description="Only postings from this instant on: the next page.")] = 0
    limit: Annotated[int, Meta(description="At most so many rows.", ge=1, le=MOST)] = 100


class PrintedWanted(Wanted, frozen=True):
    """Which statement, and in which form."""

    partner: Annotated[str, Meta(description="The other party.", min_length=1)]
    year: YEAR = 0
    activity_ref: ACTIVITY_REF = ""
    language: LANGUAGE = "ja"


class SheetWanted(Wanted, frozen=True):
    """Which statement, and as which file."""

    partner: Annotated[str, Meta(description="The other party.", min_length=1)]
    year: YEAR = 0
    activity_ref: ACTIVITY_REF = ""
    kind: Annotated[Literal["xlsx", "csv"], Meta(description="The kind of file.")] = "xlsx"


class TotalShown(msgspec.Struct, frozen=True):
    """What came to a partner's debt in one currency by one method: more, less, and what is open of it now; negative where we owe."""

    currency: str
    method: str
    they_owe_more: str
    they_owe_less: str
    open: str


class PostingRow(msgspec.Struct, frozen=True):
    """One posting, as our side sees it: either they owe more, or they owe less."""

    order_no: str
    at_ms: int
    activity_ref: str
    currency: str
    method: str
    entry: str
    they_owe_more: str
    they_owe_less: str


class StatementShown(msgspec.Struct, frozen=True):
    """A statement: totals of all its postings, and one page of them."""

    party: str
    partner: str
    year: int
    activity_ref: str
    totals: tuple[TotalShown, ...]
    rows: tuple[PostingRow, ...]


def _where(desk: Desk, wanted: StatementWanted | PrintedWanted | SheetWanted) -> tuple[str, list[object]]:
    if not wanted.year and not wanted.activity_ref:
        wrong("year", wanted.year, "a statement is of a fiscal year or of an exercise", "give `year` or `activity_ref`")
    given: list[object] = [desk.party, wanted.partner]
    where = "party = ? AND partner = ?"
    for test, value in (("fiscal_year = ?", wanted.year), ("activity_ref = ?", wanted.activity_ref)):
        if value:
            where += f" AND {test}"
            given.append(value)
    return where, given


def _totals(desk: Desk, where: str, given: Sequence[object]) -> tuple[TotalShown, ...]:
    rows = desk.db.execute(
        f"SELECT currency, method, SUM(more_minor), SUM(less_minor) FROM supply_total WHERE {where}"
        " GROUP BY currency, method ORDER BY currency, method",
        given,
    )
    return tuple(
        TotalShown(currency, method, money(int(more), currency), money(int(less), currency), money(int(more - less), currency))
        for currency, method, more, less in rows
    )  # fmt: skip


def _rows(desk: Desk, where: str, given: Sequence[object], after_ms: int, limit: int) -> tuple[PostingRow, ...]:
    rows = desk.db.execute(
        "SELECT case_id, at_ms, activity_ref, currency, method, entry, amount_minor FROM supply_ledger"
        f" WHERE {where} AND at_ms >= ? ORDER BY at_ms, case_id, seq LIMIT ?",
        (*given, after_ms, limit),
    )
    return tuple(
        PostingRow(
            case_id.partition(":")[2], at_ms, activity_ref, currency, method, entry,
            money(minor, currency) if minor > 0 else "", money(-minor, currency) if minor < 0 else "",
        )
        for case_id, at_ms, activity_ref, currency, method, entry, minor in rows
    )  # fmt: skip


def _orders(desk: Desk, where: str, given: Sequence[object]) -> list[str]:
    """Return the cases that a statement is made of."""
    found = desk.db.execute(f"SELECT DISTINCT case_id FROM supply_total WHERE {where} ORDER BY case_id", given)
    return [case_id for (case_id,) in found]


def statement(desk: Desk, wanted: StatementWanted) -> StatementShown:
    """Return a statement.

    Raises:
        RefusedError: neither a year nor an exercise is named.
    """
    where, given = _where(desk, wanted)
    return StatementShown(
        desk.party, wanted.partner, wanted.year, wanted.activity_ref, _totals(desk, where, given),
        _rows(desk, where, given, wanted.after_ms, wanted.limit),
    )  # fmt: skip


def _name(desk: Desk, wanted: PrintedWanted | SheetWanted) -> str:
    parts = (desk.party, wanted.partner, str(wanted.year or ""), wanted.activity_ref)
    return "statement-" + "-".join("".join(c for c in part if c.isalnum() or c == "-") for part in parts if part)


def sheet(desk: Desk, wanted: SheetWanted) -> Document:
    """Return a statement as XLSX or CSV; each amount is text, so that no number is rounded by a spreadsheet."""
    where, given = _where(desk, wanted)
    rows = [
        [row.order_no, day_of(row.at_ms), *msgspec.structs.astuple(row)[2:]]
        for row in _rows(desk, where, given, 0, _MOST_ROWS)
    ]
    rows += [
        ["", "", "", total.currency, total.method, "total", total.they_owe_more, total.they_owe_less]
        for total in _totals(desk, where, given)
    ]
    mark = desk.marked(subjects=_orders(desk, where, given))
    if wanted.kind == "csv":
        return Document(f"{_name(desk, wanted)}.csv", csv_table.MEDIA_TYPE, csv_table.write(_COLUMNS, rows, mark))
    data = xlsx_table.write(_COLUMNS, rows, "statement", mark)
    return Document(f"{_name(desk, wanted)}.xlsx", xlsx_table.MEDIA_TYPE, data)


def print_out(desk: Desk, wanted: PrintedWanted) -> Document:
    """Return a statement as PDF."""
    where, given = _where(desk, wanted)

    def both(name: str) -> tuple[str, str]:
        return words.both(name, wanted.language)

    form = printed.Form(
        heading=both("statement"), language=wanted.language,
        foot=f"{desk.party} and {wanted.partner}, as of {day_of(desk.now_ms)}. Own layout.", signatures=(both("party"), both("partner")),
        marking=desk.marked(wanted.language, subjects=_orders(desk, where, given)),
        parts=(
            printed.Part(
                heading=both("parties"),
                pairs=(
                    (both("party"), desk.party), (both("partner"), wanted.partner), (both("year"), str(wanted.year or "-")),
                    (both("activity_ref"), wanted.activity_ref or "-"),
                ),
            ),
            printed.Part(
                heading=both("totals"), columns=tuple(map(both, ("currency", "method", "debit", "credit", "open"))),
                rows=[msgspec.structs.astuple(total) for total in _totals(desk, where, given)],
            ),
            printed.Part(
                heading=both("lines"),
                columns=tuple(map(both, ("order_no", "at", "activity_ref", "currency", "method", "entry", "debit", "credit"))),
                rows=[
                    [row.order_no, day_of(row.at_ms), *msgspec.structs.astuple(row)[2:]]
                    for row in _rows(desk, where, given, 0, MOST)
                ],
            ),
        ),
    )  # fmt: skip
    return Document(f"{_name(desk, wanted)}.pdf", printed.MEDIA_TYPE, printed.pdf(form))


QUERIES = (
    Query(name="statement", text="The account with a partner, by year or exercise.", asks=StatementWanted, run=statement),
    Query(name="statement-print", text="The account with a partner as PDF.", asks=PrintedWanted, run=print_out),
    Query(name="statement-sheet", text="The account with a partner as XLSX or CSV.", asks=SheetWanted, run=sheet),
)  # fmt: skip
