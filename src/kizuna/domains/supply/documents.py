"""Files of one order: form, receipt, discrepancy letter, invoice, sheet, pack for a ship; and the calendar of what falls due."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kizuna.domains.supply import sheets, terms, words
from kizuna.domains.supply.cases import ORDER
from kizuna.domains.supply.numbers import money, spelled, wrong
from kizuna.domains.supply.queries import DueWanted, due
from kizuna.domains.supply.standing import PROVIDER, REQUESTER, Standing, opened, standing
from kizuna.domains.supply.statement import LANGUAGE
from kizuna.errors import RefusedError
from kizuna.formats import calendar_days, csv_table, printed, qr, xlsx_table
from kizuna.kernel import canonical
from kizuna.kernel.casework import CaseView
from kizuna.kernel.deadline import day_of, moment_of
from kizuna.kernel.operation import Desk, Document, Query, Wanted

ORDER_NO = Annotated[str, Meta(description="The order's number.")]
JSON = "application/json"
_PACK = "supply.order-pack.v1"
_LINE = ("line_no", "category", "description", "nsn", "unit", "basis")


class FormWanted(Wanted, frozen=True):
    """Which order, and in which second language."""

    order_no: ORDER_NO
    language: LANGUAGE = "ja"


class FileWanted(Wanted, frozen=True):
    """Which order."""

    order_no: ORDER_NO


class SheetWanted(FileWanted, frozen=True):
    """Which order, and as which file."""

    kind: Annotated[Literal["xlsx", "csv"], Meta(description="The kind of file.")] = "csv"


class PackMade(FileWanted, frozen=True):
    """Which order, as a code or as its text."""

    kind: Annotated[Literal["svg", "json"], Meta(description="The code, or the text that it holds.")] = "svg"


class PackWanted(Wanted, frozen=True):
    """What was read from a pack's code."""

    pack: Annotated[str, Meta(description="The text of the code.", min_length=1, max_length=10_000)]


class PackShown(msgspec.Struct, frozen=True):
    """Whether this node holds the order of a pack as the pack says it: `same`, `differs` or `not-here`, and what to do."""

    order_no: str
    outcome: str
    advice: str


def _held(desk: Desk, number: str) -> tuple[CaseView, Standing]:
    view = desk.case(ORDER, number)
    return view, opened(view)


def _instant(at_ms: int) -> str:
    return moment_of(at_ms).isoformat(" ", "minutes")[:16]


# --- printed forms ----------------------------------------------------------------------------------------------------------------


def _parties(view: CaseView, found: Standing, language: str) -> printed.Part:
    asked = found.asked
    values = {
        "order_no": view.key, "state": view.state.state, "arrangement": asked.arrangement, "requester": view.sides[REQUESTER],
        "requesting_unit": asked.requesting_unit, "provider": view.sides[PROVIDER],
        "providing_unit": (found.offer.providing_unit if found.offer is not None else "") or asked.providing_unit or "-",
        "activity": asked.activity, "activity_ref": asked.activity_ref or "-", "place": found.place or "-",
        "window": " / ".join(map(_instant, found.window)), "method": asked.method, "currency": asked.currency,
        "total": money(found.total_minor, found.currency) if found.offer is not None else "-",
    }  # fmt: skip
    return printed.Part(
        heading=words.both("parties", language),
        pairs=[(words.both(name, language), value) for name, value in values.items()],
    )


def _signed(view: CaseView, language: str) -> printed.Part:
    """Return who signed what: the records behind the paper, by which anyone with the journal can check it."""
    void = dict(view.state.void)
    rows = [
        (move.step.transition, move.step.party, move.step.actor, _instant(move.step.at_ms), move.step.id[:32])
        for move in view.moves
        if move.step.id not in void and move.step.id not in view.state.pending
    ]
    columns = tuple(words.both(name, language) for name in ("step", "party", "officer", "at", "record"))
    return printed.Part(
        heading=words.both("signed", language), columns=columns, rows=sorted(rows, key=lambda row: (row[3], row[4]))
    )


def _note(desk: Desk, found: Standing) -> str:
    stated = terms.newest(desk.db, desk.party, found.asked.arrangement)
    made: Any = stated.terms if stated is not None else None
    if made is not None and made.basis == "example":
        return "EXAMPLE TERMS: how this order is settled is made up for trying the node and is part of no agreement."
    return ""


def _form(desk: Desk, view: CaseView, found: Standing, name: str, language: str, *parts: printed.Part) -> Document:
    form = printed.Form(
        heading=words.both(name, language), language=language, note=_note(desk, found),
        parts=(_parties(view, found, language), *parts, _signed(view, language)),
        foot=f"{view.key}, as held by {desk.party} on {day_of(desk.now_ms)}. Own layout, not a form of the agreement.",
        signatures=(words.both("for_requester", language), words.both("for_provider", language)), keywords=(view.key,),
        marking=desk.marked(language, subjects=(view.id,)),
    )  # fmt: skip
    return Document(f"{name}-{view.key}.pdf", printed.MEDIA_TYPE, printed.pdf(form))


def order_form(desk: Desk, wanted: FormWanted) -> Document:
    """Return an order as a printed form."""
    view, found = _held(desk, wanted.order_no)
    names = (*_LINE, "ordered", "offered", "unit_price")
    rows = [
        [*_line(line), line.ask.quantity, spelled(line.offered), spelled(line.price)]
        for _, line in sorted(found.lines.items())
    ]
    part = printed.Part(
        heading=words.both("lines", wanted.language), columns=[words.both(name, wanted.language) for name in names],
        rows=rows,
    )  # fmt: skip
    return _form(desk, view, found, "order", wanted.language, part)


def _line(line: Any) -> list[str]:
    return [str(getattr(line.ask, name)) for name in _LINE]


def receipt(desk: Desk, wanted: FormWanted) -> Document:
    """Return what was delivered and accepted as a printed receipt.

    Raises:
        RefusedError: nothing was delivered yet.
    """
    view, found = _held(desk, wanted.order_no)
    language = wanted.language
    if not found.deliveries:
        wrong("order_no", wanted.order_no, "nothing of it was delivered yet", "wait for the delivery")
    measured = []
    for move in view.effective("deliver"):
        body: Any = move.body
        where = (_instant(body.delivered_at_ms), body.place)
        measured += [
            [
                str(each.line_no),
                f"{each.quantity} {each.unit}",
                each.temperature_c or "-",
                each.density_kg_m3 or "-",
                *where,
            ]
            for each in body.lines
        ]
    lines = [
        [str(number), line.ask.description, line.ask.unit, spelled(line.offered), spelled(line.delivered), spelled(line.accepted),
         line.discrepancy or "-"]
        for number, line in sorted(found.lines.items())
    ]  # fmt: skip
    return _form(
        desk, view, found, "receipt", language,
        printed.Part(
            heading=words.both("lines", language), rows=lines,
            columns=[
                words.both(name, language)
                for name in ("line_no", "description", "unit", "offered", "delivered", "accepted", "discrepancy")
            ],
        ),
        printed.Part(
            heading=words.both("measured", language), rows=measured,
            columns=[
                words.both(name, language)
                for name in ("line_no", "delivered", "temperature", "density", "at", "place")
            ],
        ),
    )  # fmt: skip


def letter(desk: Desk, wanted: FormWanted) -> Document:
    """Return what was delivered and not accepted as a letter to the provider.

    Raises:
        RefusedError: all was accepted, or nothing was judged yet.
    """
    view, found = _held(desk, wanted.order_no)
    language = wanted.language
    rows = [
        [str(number), line.ask.description, line.ask.unit, spelled(line.delivered), spelled(line.accepted),
         spelled(line.delivered - line.accepted), line.discrepancy, line.remark or "-"]
        for number, line in sorted(found.lines.items())
        if line.discrepancy
    ]  # fmt: skip
    if not rows:
        wrong("order_no", wanted.order_no, "it has no discrepancy", "there is nothing to report")
    names = ("line_no", "description", "unit", "delivered", "accepted", "missing", "discrepancy", "remark")
    part = printed.Part(
        heading=words.both("discrepancy", language), columns=[words.both(name, language) for name in names], rows=rows
    )
    return _form(desk, view, found, "letter", language, part)


# --- data -------------------------------------------------------------------------------------------------------------------------


def invoice(desk: Desk, wanted: FileWanted) -> Document:
    """Return an order's invoice as JSON, named after the elements of UBL 2.1; a profile of our own, not a validated UBL document.

    Raises:
        RefusedError: no invoice was issued.
    """
    view, found = _held(desk, wanted.order_no)
    body = found.invoice
    if body is None:
        wrong("order_no", wanted.order_no, "no invoice was issued for it", "let the provider issue one")
    move = view.last("invoice")
    made = {
        "Invoice": {
            "ID": body.invoice_no, "IssueDate": day_of(move.step.at_ms) if move is not None else "",
            "DueDate": None if body.due_at_ms is None else day_of(body.due_at_ms),
            "DocumentCurrencyCode": body.currency, "OrderReference": {"ID": view.key},
            "ContractDocumentReference": {"ID": found.asked.arrangement},
            "AccountingSupplierParty": {"Party": view.sides[PROVIDER]},
            "AccountingCustomerParty": {"Party": view.sides[REQUESTER]},
            "InvoiceLine": [
                {
                    "ID": str(line.line_no), "InvoicedQuantity": line.quantity, "unit": found.lines[line.line_no].ask.unit,
                    "Item": {"Description": found.lines[line.line_no].ask.description},
                    "Price": {"PriceAmount": line.unit_price}, "LineExtensionAmount": line.extended_price,
                    "RoundingAmount": line.rounding, "TaxWaivedAmount": line.tax_waived,
                }
                for line in body.lines
            ],
            "LegalMonetaryTotal": {"PayableAmount": body.total},
        }
    }  # fmt: skip
    return Document(f"invoice-{view.key}.json", JSON, msgspec.json.format(msgspec.json.encode(made), indent=2))


def order_sheet(desk: Desk, wanted: SheetWanted) -> Document:
    """Return the lines of an order as a sheet that can be drafted again."""
    view, found = _held(desk, wanted.order_no)
    rows = sheets.rows_of(found.asked.lines)
    if wanted.kind == "csv":
        return Document(
            f"order-{view.key}.csv",
            csv_table.MEDIA_TYPE,
            csv_table.write(sheets.COLUMNS, rows, desk.marked(subjects=(view.id,))),
        )
    return Document(
        f"order-{view.key}.xlsx",
        xlsx_table.MEDIA_TYPE,
        xlsx_table.write(sheets.COLUMNS, rows, "order", desk.marked(subjects=(view.id,))),
    )


def due_calendar(desk: Desk, wanted: DueWanted) -> Document:
    """Return what falls due as a calendar that any planner opens."""
    found = due(desk, wanted)
    mark = desk.marked(subjects=[ORDER.subject(row.order_no) for row in found])
    days = [
        calendar_days.Day(
            uid=f"{row.order_no}-{row.rule}@kizuna", title=f"{row.order_no}: {row.rule.removeprefix('supply-')}",
            first=day_of(row.due_ms), last=day_of(row.due_ms),
            text=f"{row.open} {row.currency} open, {row.requester} owes {row.provider}",
        )
        for row in found
    ]  # fmt: skip
    return Document(
        "supply-due.ics", calendar_days.MEDIA_TYPE, calendar_days.calendar("Supply", days, desk.now_ms, mark)
    )


# --- the pack ---------------------------------------------------------------------------------------------------------------------


def _pack(view: CaseView, found: Standing, *, whole: bool) -> bytes:
    """Return the pack of an order: its number, state, the records that it follows, and the order or its digest alone."""
    order = canonical.encode(found.asked)
    made: dict[str, Any] = {
        "pack": _PACK, "order_no": view.key, "state": view.state.state, "sha256": hashlib.sha256(order).hexdigest(),
        "records": [move.step.id for move in view.effective("request")],
    }  # fmt: skip
    if whole:
        made["order"] = msgspec.json.decode(order)
    return canonical.encode(made)


def order_pack(desk: Desk, wanted: PackMade) -> Document:
    """Return an order as a QR code for paper, or the text that the code holds.

    A code of the largest size holds some 2,300 bytes: an order of about six lines goes in whole, a larger one as its digest. The signatures travel in
    the bundle file (`kizuna channel export`); the code names the signed record, so that paper and bundle can be held against each other.
    """
    view, found = _held(desk, wanted.order_no)
    data = _pack(view, found, whole=True)
    if len(data) > qr.MAX_BYTES:
        data = _pack(view, found, whole=False)
    if wanted.kind == "json":
        return Document(f"pack-{view.key}.json", JSON, data)
    return Document(f"pack-{view.key}.svg", qr.MEDIA_TYPE, qr.svg(data, view.key, desk.marked(subjects=(view.id,))))


def check_pack(desk: Desk, wanted: PackWanted) -> PackShown:
    """Return whether the order of a scanned pack is held here as the pack says.

    Raises:
        RefusedError: the text is no pack.
    """
    try:
        found = msgspec.json.decode(wanted.pack, type=dict[str, Any])
        number, digest, records = str(found["order_no"]), str(found["sha256"]), [*map(str, found["records"])]
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise RefusedError(f"`pack` is `{wanted.pack[:40]}`: it is no order pack; scan the whole code") from error
    view = desk.find(ORDER, number)
    if view is None or standing(view).asked is None:
        return PackShown(number, "not-here", "import the bundle file that came with it: `kizuna channel import`")
    own = _pack(view, standing(view), whole=False)
    mine = msgspec.json.decode(own)
    printed_order = found.get("order")
    true_to_itself = printed_order is None or hashlib.sha256(canonical.encode(printed_order)).hexdigest() == digest
    if (digest, records) == (mine["sha256"], mine["records"]) and true_to_itself:
        return PackShown(number, "same", "the paper says what was signed")
    return PackShown(number, "differs", "trust the signed record, and ask who printed the paper")


QUERIES = (
    Query(name="order-form", text="An order as a printed form.", asks=FormWanted, run=order_form),
    Query(name="receipt", text="A delivery as a printed receipt.", asks=FormWanted, run=receipt),
    Query(name="discrepancy-letter", text="What was not accepted, as a letter.", asks=FormWanted, run=letter),
    Query(name="invoice-file", text="An invoice as JSON.", asks=FileWanted, run=invoice),
    Query(name="order-sheet", text="An order's lines as a sheet.", asks=SheetWanted, run=order_sheet),
    Query(name="order-pack", text="An order as a QR code for paper.", asks=PackMade, run=order_pack),
    Query(name="check-pack", text="Whether a scanned pack says what is held here.", asks=PackWanted, run=check_pack),
    Query(name="due-calendar", text="What falls due, as a calendar.", asks=DueWanted, run=due_calendar),
)
