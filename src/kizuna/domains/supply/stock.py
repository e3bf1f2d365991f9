"""What a party has and what it asks for it: stock tables and price lists, read from CSV, kept at home, written out again.

A count replaces the one before it of the same place, a price list the one before it in the same currency from its day on; both are kept. Neither
binds anybody: what was offered and agreed stands in the order. The columns are our own, in the manner of a logistics report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from kizuna.domains.supply import numbers, rules
from kizuna.domains.supply.numbers import wrong
from kizuna.domains.supply.records import OrderLine
from kizuna.errors import RefusedError
from kizuna.formats import csv_table
from kizuna.kernel.deadline import day_of
from kizuna.kernel.domain import Fact
from kizuna.kernel.journal import Db
from kizuna.kernel.operation import Asked, Desk, Document, Operation, Outcome, Query, Statement, Wanted
from kizuna.kernel.record import WITHHELD, Body, Withheld

COUNTED, PRICED = "supply.stock-counted.v1", "supply.prices-listed.v1"
MOST_LINES = 500
_LOGISTICS = frozenset({"logistics"})


class StockLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing in store; `quantity` is a decimal in `unit`, nothing included."""

    category: str
    description: str
    quantity: str
    unit: str
    nsn: str = ""
    local_code: str = ""
    condition_code: str = ""


class PriceLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one `unit` of a thing costs, in the list's currency."""

    category: str
    description: str
    unit: str
    unit_price: str
    nsn: str = ""
    local_code: str = ""


class StockCounted(Body, frozen=True):
    """A party counted what one place holds, whole: what is not in it, the place has not."""

    place: str | Withheld = WITHHELD
    counted_on: str | Withheld = WITHHELD
    lines: tuple[StockLine, ...] | Withheld = WITHHELD


class PricesListed(Body, frozen=True):
    """A party listed its unit prices in one currency from a day on."""

    title: str | Withheld = WITHHELD
    currency: str | Withheld = WITHHELD
    from_on: str | Withheld = WITHHELD
    lines: tuple[PriceLine, ...] | Withheld = WITHHELD


RECORDS: Mapping[str, type[Body]] = {COUNTED: StockCounted, PRICED: PricesListed}
L = TypeVar("L", StockLine, PriceLine)

# --- tables -----------------------------------------------------------------------------------------------------------------------

SCHEMA = (
    """CREATE TABLE supply_stock (
        record_id TEXT NOT NULL, no BIGINT NOT NULL, place TEXT NOT NULL, counted_on TEXT NOT NULL, at_ms BIGINT NOT NULL,
        category TEXT NOT NULL, description TEXT NOT NULL, quantity TEXT NOT NULL, unit TEXT NOT NULL, nsn TEXT NOT NULL,
        local_code TEXT NOT NULL, condition_code TEXT NOT NULL, PRIMARY KEY (record_id, no))""",
    "CREATE INDEX supply_stock_by_place ON supply_stock (place, counted_on, at_ms)",
    """CREATE TABLE supply_price (
        record_id TEXT NOT NULL, no BIGINT NOT NULL, title TEXT NOT NULL, currency TEXT NOT NULL, from_on TEXT NOT NULL,
        at_ms BIGINT NOT NULL, category TEXT NOT NULL, description TEXT NOT NULL, unit TEXT NOT NULL, unit_price TEXT NOT NULL,
        nsn TEXT NOT NULL, local_code TEXT NOT NULL, PRIMARY KEY (record_id, no))""",
    "CREATE INDEX supply_price_by_currency ON supply_price (currency, from_on, at_ms)",
)
TABLES = ("supply_stock", "supply_price")


def _fill(db: Db, table: str, fact: Fact[Any], head: tuple[object, ...]) -> None:
    lines = fact.body.lines
    if not fact.own or not isinstance(lines, tuple) or not all(isinstance(each, str) for each in head):
        return  # what a partner might say of its stores is its own affair
    rows = [(fact.record_id, no, *head, fact.at_ms, *msgspec.structs.astuple(line)) for no, line in enumerate(lines)]
    for row in rows:
        marks = ",".join("?" * len(row))
        db.execute(f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT (record_id, no) DO NOTHING", row)


def _counted(db: Db, fact: Fact[StockCounted]) -> None:
    _fill(db, "supply_stock", fact, (fact.body.place, fact.body.counted_on))


def _priced(db: Db, fact: Fact[PricesListed]) -> None:
    _fill(db, "supply_price", fact, (fact.body.title, fact.body.currency, fact.body.from_on))


APPLY: Mapping[type[Body], Callable[[Db, Fact[Any]], None]] = {StockCounted: _counted, PricesListed: _priced}

# --- in ---------------------------------------------------------------------------------------------------------------------------


class StockAsked(Asked, frozen=True):
    """Say what a place holds, from a table; it stays at home."""

    place: Annotated[str, Meta(description="The port, base or ship.", min_length=1, max_length=200)]
    csv: Annotated[str, Meta(description="A CSV file (UTF-8) of what it holds, whole.", extra={"file": True})]
    counted_on: Annotated[str, Meta(description="The day of the count, YYYY-MM-DD; today where none is given.")] = ""


class PricesAsked(Asked, frozen=True):
    """List unit prices, from a table; they stay at home until they are offered."""

    title: Annotated[str, Meta(description="What the list is called.", min_length=1, max_length=200)]
    currency: Annotated[str, Meta(description="The currency, by ISO 4217.")]
    csv: Annotated[str, Meta(description="A CSV file (UTF-8) of unit prices.", extra={"file": True})]
    from_on: Annotated[str, Meta(description="The first day, YYYY-MM-DD; today where none is given.")] = ""


def load_stock(desk: Desk, asked: StockAsked) -> Outcome:
    """Say what a place holds.

    Raises:
        RecordError: the file is no such table; says the line.
        RefusedError: the day is none, or a row is wrong; says the line. Nothing is said then.
    """
    counted_on = rules.require_day("counted_on", asked.counted_on or day_of(desk.now_ms))
    lines = tuple(_lines(asked.csv, StockLine, _check_stock))
    body = StockCounted(place=asked.place, counted_on=counted_on, lines=lines)
    return Outcome((Statement(type=COUNTED, body=body, subject=f"place:{asked.place}"),), {"lines": len(lines)})


def load_prices(desk: Desk, asked: PricesAsked) -> Outcome:
    """List unit prices.

    Raises:
        RecordError: the file is no such table; says the line.
        RefusedError: day or currency is none, or a row is wrong; says the line. Nothing is said then.
    """
    from_on = rules.require_day("from_on", asked.from_on or day_of(desk.now_ms))
    numbers.exponent("currency", asked.currency)
    lines = tuple(_lines(asked.csv, PriceLine, _check_price))
    body = PricesListed(title=asked.title, currency=asked.currency, from_on=from_on, lines=lines)
    return Outcome((Statement(type=PRICED, body=body, subject=f"prices:{asked.currency}"),), {"lines": len(lines)})


def _check_stock(line: StockLine) -> None:
    numbers.quantity("quantity", line.quantity)


def _check_price(line: PriceLine) -> None:
    numbers.price("unit_price", line.unit_price)


def _lines(text: str, kind: type[L], check: Callable[[L], None]) -> Iterator[L]:
    needed = [field.name for field in msgspec.structs.fields(kind) if field.required]
    seen: dict[tuple[str, ...], int] = {}
    for place, cells in csv_table.read(text, kind.__struct_fields__, needed):
        try:
            for name in needed:
                if name not in cells:
                    wrong(name, "", "it is empty", "fill the cell")
            line = kind(**cells)
            rules.require_item("row", line)
            check(line)
            before = seen.setdefault(_named(line), place)
            if before != place:
                wrong("description", line.description, f"row {before} says it already", "say each thing once")
            if len(seen) > MOST_LINES:
                wrong("csv", f"row {place}", f"a table has at most {MOST_LINES} rows", "divide the file")
        except RefusedError as error:
            raise RefusedError(f"csv:{place}: {error}; nothing of the file was taken") from error
        yield line


def _named(line: Any) -> tuple[str, ...]:
    """Return which thing it is: by its stock number where it has one, else by category and words; in its unit and condition."""
    thing = (line.nsn.replace("-", ""),) if line.nsn else (line.category, line.description.casefold())
    return (*thing, line.unit, getattr(line, "condition_code", ""))


# --- out --------------------------------------------------------------------------------------------------------------------------


class StockRow(StockLine, frozen=True, kw_only=True):
    """One thing in store, where, and on which day it was counted."""

    place: str
    counted_on: str


class PriceRow(PriceLine, frozen=True, kw_only=True):
    """One unit price, of which list, in which currency, from which day on."""

    title: str
    currency: str
    from_on: str


class StockWanted(Wanted, frozen=True):
    """Of which place."""

    place: Annotated[str, Meta(description="Only what this place holds.")] = ""


class PricesWanted(Wanted, frozen=True):
    """Which prices."""

    currency: Annotated[str, Meta(description="Only prices in this currency.")] = ""
    on: Annotated[str, Meta(description="As of this day, YYYY-MM-DD; today where none is given.")] = ""


_STOCK = (*StockLine.__struct_fields__, "place", "counted_on")
_PRICES = (*PriceLine.__struct_fields__, "title", "currency", "from_on")


def stock(desk: Desk, wanted: StockWanted) -> Sequence[StockRow]:
    """Return what each place held when it was last counted."""
    rows = desk.db.execute(
        f"SELECT {', '.join(f's.{name}' for name in _STOCK)} FROM supply_stock s WHERE s.record_id = (SELECT n.record_id FROM supply_stock n"
        " WHERE n.place = s.place ORDER BY n.counted_on DESC, n.at_ms DESC, n.record_id DESC LIMIT 1)"
        f"{' AND s.place = ?' if wanted.place else ''} ORDER BY s.place, s.no",
        (wanted.place,) if wanted.place else (),
    )
    return [StockRow(**dict(zip(_STOCK, row, strict=True))) for row in rows]


def prices(desk: Desk, wanted: PricesWanted) -> Sequence[PriceRow]:
    """Return the unit prices of the list that holds on a day, of each currency.

    Raises:
        RefusedError: the day is none.
    """
    on = rules.require_day("on", wanted.on or day_of(desk.now_ms))
    rows = desk.db.execute(
        f"SELECT {', '.join(f'p.{name}' for name in _PRICES)} FROM supply_price p WHERE p.record_id = (SELECT n.record_id FROM supply_price n"
        " WHERE n.currency = p.currency AND n.from_on <= ? ORDER BY n.from_on DESC, n.at_ms DESC, n.record_id DESC LIMIT 1)"
        f"{' AND p.currency = ?' if wanted.currency else ''} ORDER BY p.currency, p.no",
        (on, wanted.currency) if wanted.currency else (on,),
    )
    return [PriceRow(**dict(zip(_PRICES, row, strict=True))) for row in rows]


def price_all(desk: Desk, lines: Sequence[OrderLine], currency: str) -> tuple[str, ...]:
    """Return the lines of an order with today's list prices, as an offer gives them: `1=0.7253`.

    Raises:
        RefusedError: one of them is not listed in that currency and in its unit.
    """
    known = {_named(row)[:-1]: row.unit_price for row in prices(desk, PricesWanted(currency=currency))}
    for line in lines:
        if _named(line)[:-1] not in known:
            wrong(
                f"price[{line.line_no}]", line.description, f"no price of a `{line.unit}` of it is listed in `{currency}` today",
                "list it with `load-prices`, or give `price`",
            )  # fmt: skip
    return tuple(f"{line.line_no}={known[_named(line)[:-1]]}" for line in lines)


def stock_sheet(desk: Desk, wanted: StockWanted) -> Document:
    """Return what one or all places hold as CSV; of one place, in the columns in which it is read."""
    columns = StockLine.__struct_fields__ if wanted.place else _STOCK
    rows = [[getattr(row, name) for name in columns] for row in stock(desk, wanted)]
    return Document("stock.csv", csv_table.MEDIA_TYPE, csv_table.write(columns, rows, desk.marked(domains=("supply",))))


def price_sheet(desk: Desk, wanted: PricesWanted) -> Document:
    """Return unit prices as CSV; of one currency, in the columns in which they are read."""
    columns = PriceLine.__struct_fields__ if wanted.currency else _PRICES
    rows = [[getattr(row, name) for name in columns] for row in prices(desk, wanted)]
    return Document(
        "prices.csv", csv_table.MEDIA_TYPE, csv_table.write(columns, rows, desk.marked(domains=("supply",)))
    )


OPERATIONS = (
    Operation(name="load-stock", text="Say what a place holds, from a CSV table.", asks=StockAsked, run=load_stock, roles=_LOGISTICS),
    Operation(name="load-prices", text="List unit prices, from a CSV table.", asks=PricesAsked, run=load_prices, roles=_LOGISTICS),
)  # fmt: skip
QUERIES = (
    Query(name="stock", text="What each place held when it was last counted.", asks=StockWanted, run=stock),
    Query(name="stock-sheet", text="What each place holds, as CSV.", asks=StockWanted, run=stock_sheet),
    Query(name="prices", text="Our unit prices of a day.", asks=PricesWanted, run=prices),
    Query(name="price-sheet", text="Our unit prices of a day, as CSV.", asks=PricesWanted, run=price_sheet),
)
