"""The files of an order: what is printed, tabled, scanned and put into calendars is what both sides signed."""

from __future__ import annotations

import io
import json

import pytest

from kizuna.domains.supply import sheets
from kizuna.errors import RefusedError
from kizuna.formats import printed, xlsx_table
from kizuna.kernel import labelled
from kizuna.kernel.label import MAX_CLASSIFICATION
from kizuna.node import effects as fx
from kizuna.node.held.facts import label_held
from kizuna.node.held.relabelled import relabels_of
from kizuna.sim.federation import Federation, SimNode
from tests.formats.test_printed import characters
from tests.sim.supply_world import CERTIFIER, FUEL, WATER, agreed, ask, draft, operate, pair

pytest.importorskip("typst", reason="the extra `documents` is not installed")
openpyxl = pytest.importorskip("openpyxl", reason="the extra `documents` is not installed")

Story = tuple[Federation, SimNode, SimNode, str]


@pytest.fixture(scope="module")
def story() -> Story:
    federation, india, japan = pair("documents")
    number = agreed(federation, japan, india, requesting_unit='JS Takanami #strong[x] $y$ @z "q"')
    operate(india, "deliver", order_no=number, line=("1=300000 litre @31.5", "2=120"), density=("1=845.2",))
    federation.run(3_000)
    operate(japan, "accept", CERTIFIER, order_no=number, line=("1=299500 litre @31.5 !short",))
    federation.run(3_000)
    operate(india, "invoice", CERTIFIER, order_no=number)
    federation.run(3_000)
    return federation, india, japan, number


@pytest.mark.parametrize("name", ["order-form", "receipt", "discrepancy-letter"])
@pytest.mark.parametrize("language", ["ja", "hi"])
def test_a_form_is_printed_and_says_where_a_script_could_not_be_set(story: Story, name: str, language: str) -> None:
    _, india, _, number = story
    made = ask(india, name, order_no=number, language=language)
    assert made.data.startswith(b"%PDF-")
    assert number in made.name
    assert (f"no-font-{language}".encode() in made.data) == (not printed.fonts_for(language))
    assert made.data == ask(india, name, order_no=number, language=language).data


def test_what_is_made_of_several_records_bears_the_join_of_their_labels() -> None:
    federation, india, japan = pair("markings")
    number = draft(japan, "ind")
    operate(japan, "request", order_no=number)
    federation.run(3_000)
    low = ask(india, "order-sheet", order_no=number).data.decode().splitlines()[0]
    assert low == "# JPN UNCLASSIFIED (KOKAI)//REL TO IND, JPN//ORIGIN JPN//EXAMPLE MARKING"
    operate(india, "offer", order_no=number, price=("1=7.12", "2=95"), label={"classification": 1})
    federation.run(3_000)
    for node in (india, japan):
        text = "IND RESTRICTED//JPN UNCLASSIFIED (KOKAI)//REL TO IND, JPN//ORIGIN IND, JPN//EXAMPLE MARKING"
        assert ask(node, "order-sheet", order_no=number).data.decode().splitlines()[0] == f"# {text}"
        assert ask(node, "order-pack", order_no=number).data.decode().count(text) == 3
        made = ask(node, "order-sheet", order_no=number, kind="xlsx").data
        sheet = openpyxl.load_workbook(io.BytesIO(made)).active
        assert sheet.oddHeader.center.text == sheet.oddFooter.center.text == text
        assert sheet.cell(1, 1).value == sheet.cell(sheet.max_row, 1).value == f"# {text}"
        assert [line for line, _ in xlsx_table.read(made, sheets.COLUMNS, ())] == [3, 4], (
            "what marks a sheet is no row of it"
        )
    ((asked,),) = japan.store.query("SELECT id FROM record WHERE type = 'supply.order-requested.v1'")
    japan.do(
        fx.Relabel(str(asked), "it names a berth", "officer:o1:desk", "officer:s1:security", {"jpn.example.v1": 1})
    )
    federation.run(3_000)
    for node, level in ((india, MAX_CLASSIFICATION), (japan, 1)):
        with node.store.view() as db:
            assert label_held(db, str(asked), relabels_of(db, str(asked)))[1] == level, (
                "who has no translation of a grade that was raised takes it for the highest"
            )
        raised = text.replace("JPN UNCLASSIFIED (KOKAI)", "JPN CHUI")
        assert ask(node, "order-sheet", order_no=number).data.decode().splitlines()[0] == f"# {raised}"
        before = [node.store.query(f"SELECT * FROM {table} ORDER BY 1") for table in labelled.TABLES]
        node.store.rebuild()
        assert [node.store.query(f"SELECT * FROM {table} ORDER BY 1") for table in labelled.TABLES] == before
    pdf = ask(india, "order-form", order_no=number, language="ja").data
    if printed.fonts_for("ja"):
        assert set("レストリクテッド注意提供先発信") <= characters(pdf)


def test_the_statement_is_the_same_on_both_sides_in_every_form(story: Story) -> None:
    _, india, japan, number = story
    ours = ask(india, "statement", partner="jpn", year=2026)
    theirs = ask(japan, "statement", partner="ind", activity_ref="exercise-jimex-2026")
    assert [(t.method, t.they_owe_more, t.they_owe_less, t.open) for t in ours.totals] == [
        ("cash", "21351823.25", "0.00", "21351823.25")
    ]
    assert [(t.they_owe_more, t.they_owe_less, t.open) for t in theirs.totals] == [
        ("0.00", "21351823.25", "-21351823.25")
    ]
    sheet = ask(india, "statement-sheet", partner="jpn", year=2026, kind="csv").data.decode()
    assert f"{number},2026-09-21,exercise-jimex-2026,INR,cash,accepted,21351823.25," in sheet
    assert ask(india, "statement-sheet", partner="jpn", year=2026).data[:2] == b"PK"
    assert ask(india, "statement-print", partner="jpn", year=2026).data.startswith(b"%PDF-")
    with pytest.raises(RefusedError, match="of a fiscal year or of an exercise"):
        ask(india, "statement", partner="jpn")


def test_the_invoice_is_data_whose_lines_sum_to_its_total(story: Story) -> None:
    _, india, japan, number = story
    made = json.loads(ask(japan, "invoice-file", order_no=number).data)["Invoice"]
    assert made["DocumentCurrencyCode"] == "INR"
    assert [line["InvoicedQuantity"] for line in made["InvoiceLine"]] == ["299500", "120"]
    assert made["LegalMonetaryTotal"]["PayableAmount"] == "21351823.25"
    assert ask(india, "invoice-file", order_no=number).data == ask(japan, "invoice-file", order_no=number).data


def test_a_sheet_that_went_out_can_be_drafted_again(story: Story) -> None:
    _, _, japan, number = story
    text = ask(japan, "order-sheet", order_no=number).data.decode()
    again = draft(japan, "ind", lines=(), lines_csv=text)
    book = ask(japan, "order-sheet", order_no=number, kind="xlsx").data
    third = draft(japan, "ind", lines=(), lines_xlsx=book)
    assert {row.order_no: row.lines for row in ask(japan, "drafts")}[again] == (
        "300000 litre F-76 naval distillate fuel", "120 m3 fresh water",
    )  # fmt: skip
    assert third != again
    with pytest.raises(RefusedError, match="the lines come in one way"):
        draft(japan, "ind", lines_csv=text)


def test_a_scanned_pack_is_held_against_what_was_signed(story: Story) -> None:
    federation, india, japan, number = story
    made = ask(japan, "order-pack", order_no=number)
    assert made.data.startswith(b"<?xml")
    text = ask(japan, "order-pack", order_no=number, kind="json").data.decode()
    assert ask(india, "check-pack", pack=text).outcome == "same"
    changed = text.replace('"quantity":"300000"', '"quantity":"900000"')
    assert changed != text
    assert ask(india, "check-pack", pack=changed).outcome == "differs"
    assert "channel import" in ask(india, "check-pack", pack=text.replace(number, "jpn-2026-navy-0099")).advice
    with pytest.raises(RefusedError, match="it is no order pack"):
        ask(india, "check-pack", pack="hello")
    many = tuple(FUEL | {"line_no": number} for number in range(1, 40))
    big = agreed(federation, japan, india, lines=many, price=("1=5",))
    assert ask(japan, "order-pack", order_no=big).data.startswith(b"<?xml")
    digest = ask(japan, "order-pack", order_no=big, kind="json").data.decode()
    assert "order" not in json.loads(digest)
    assert ask(india, "check-pack", pack=digest).outcome == "same"


def test_what_falls_due_opens_in_a_planner(story: Story) -> None:
    _, india, _, number = story
    made = ask(india, "due-calendar").data.decode()
    assert f"SUMMARY:{number}: overdue" in made
    assert "DTSTART;VALUE=DATE:20270921" in made


def test_other_documents_say_what_they_lack(story: Story) -> None:
    federation, india, japan, _ = story
    number = agreed(federation, india, japan, currency="JPY", lines=(WATER,), price=("2=95",))
    for name, said in (
        ("receipt", "nothing of it was delivered"),
        ("invoice-file", "no invoice"),
        ("discrepancy-letter", "no discrepancy"),
    ):
        with pytest.raises(RefusedError, match=said):
            ask(india, name, order_no=number)
