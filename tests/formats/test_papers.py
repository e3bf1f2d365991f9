"""Files that people open: joint texts in, papers and tables out, and what is no such file."""

from __future__ import annotations

import io
import zipfile

import docx
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.formats import communique, paper, xlsx_table
from kizuna.formats.gantt import Bar, gantt
from kizuna.formats.paper import Paper, Section


def word_file(*paragraphs: str) -> bytes:
    made = docx.Document()
    for each in paragraphs:
        made.add_paragraph(each)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_a_joint_text_is_the_same_from_text_html_and_docx() -> None:
    wanted = ("The ministers met.", "They agreed to meet again.")
    page = b"<!DOCTYPE html><html><head><title>x</title><style>p{}</style></head><body><nav>menu</nav><p>The  ministers\nmet.</p>"
    page += b"<script>no()</script><div>They agreed to meet again.</div></body></html>"
    for data in (
        b"The ministers\nmet.\n\nThey agreed to meet again.\n",
        b"The ministers met.\nThey agreed to meet again.",
        page,
        word_file(*wanted),
    ):
        assert communique.paragraphs(data) == wanted


def test_text_comes_in_one_normal_form() -> None:
    assert communique.paragraphs("か\u3099".encode()) == ("が",)


@settings(deadline=None)
@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"PK\x03\x04" + tail))
def test_whatever_is_given_is_text_or_refused(data: bytes) -> None:
    for reads in (communique.paragraphs, lambda data: list(xlsx_table.read(data, ("a",), ("a",)))):
        try:
            reads(data)
        except RecordError:
            continue


def test_a_file_that_unpacks_to_too_much_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * (65 << 20))
    for reads in (communique.paragraphs, lambda data: list(xlsx_table.read(data, (), ()))):
        with pytest.raises(RecordError, match="more than 64 MB"):
            reads(out.getvalue())


MADE = Paper(
    language="ja", title="<title>", lead=("a & b",), foot="end", made_ms=1_700_000_000_000, marking="IND <SECRET>",
    sections=(
        Section(heading="期限", columns=("one", "two"), rows=(("<b>", "二"),), empty="nothing"),
        Section(heading="empty", columns=("one",), rows=(), empty="nothing <here>"),
        Section(heading="said", sentences=("first", "second")),
    ),
)  # fmt: skip


def test_a_paper_is_one_page_that_needs_nothing_from_elsewhere() -> None:
    page = paper.to_html(MADE).decode()
    assert '<html lang="ja">' in page
    assert "<td>&lt;b&gt;</td><td>二</td>" in page
    assert "nothing &lt;here&gt;" in page
    assert "<b>" not in page
    assert page.count("IND &lt;SECRET&gt;") == 2
    assert "http" not in page
    assert "<script" not in page
    assert paper.to_html(MADE).decode() == page


def test_a_paper_is_a_word_file() -> None:
    made = docx.Document(io.BytesIO(paper.to_docx(MADE)))
    assert [edge.paragraphs[0].text for edge in (made.sections[0].header, made.sections[0].footer)] == [
        "IND <SECRET>"
    ] * 2
    said = [each.text for each in made.paragraphs]
    assert said == ["<title>", "a & b", "期限", "empty", "nothing <here>", "said", "first", "second", "end"]
    assert [[cell.text for cell in row.cells] for row in made.tables[0].rows] == [["one", "two"], ["<b>", "二"]]


def test_a_workbook_holds_text_and_reads_back() -> None:
    data = xlsx_table.write(("a", "b"), [("=1+1", None), ("二", 3)], "sheet", "A & B")
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    assert sheet["A3"].data_type == "s"
    assert (sheet["A1"].value, sheet.oddHeader.center.text) == ("# A & B", "A && B")
    assert list(xlsx_table.read(data, ("a", "b"), ("a",))) == [(3, {"a": "=1+1"}), (4, {"a": "二", "b": "3"})]
    for known, needed, message in (
        (("a",), (), "column `b` is not known"),
        (("a", "b", "c"), ("c",), "column `c` is missing"),
    ):
        with pytest.raises(RecordError, match=message):
            list(xlsx_table.read(data, known, needed))


def test_a_chart_says_in_words_what_it_shows() -> None:
    bars = [Bar(label="text <1>", planned_on="2026-12-31", expected_on="2027-06-30", state="slipped")]
    chart = gantt("Roadmap", bars, "2026-09-21", "A & B").decode()
    assert chart.count("A &amp; B") == 2
    assert "text &lt;1&gt;: slipped, planned 2026-12-31, now 2027-06-30, +181 days" in chart
    assert gantt("Roadmap", [], "2026-09-21", "").startswith(b"<svg")
