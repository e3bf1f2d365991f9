"""The search of the leak hunts finds what it looks for, whatever it is packed in."""

from __future__ import annotations

import pyarrow as pa
import pytest

from kizuna.formats import paper, printed
from kizuna.formats.positions_arrow import SCHEMA, canonical_ipc
from tests.acceptance.canaries import Canary, Found, planted, search

pytest.importorskip("typst", reason="the extra `documents` is not installed")
pytest.importorskip("docx", reason="the same")
VALUES = ("kanarie-1f2e3d-é/ü", 901_234_567)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_found_in_every_disguise(value: str | int) -> None:
    canary = Canary("why", value)
    for data in planted(canary):
        assert search("here", data, [canary]) == [Found(canary.why, "here")], data
    assert not search("here", b"nothing of the kind", [canary])


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_found_on_paper(value: str | int) -> None:
    said = f"Ordered: {value} and more"
    part = printed.Part(heading=("One", ""), columns=[("what", "")], rows=[["before"], [said]])
    form = printed.Form(heading=("Order", "発注"), language="ja", marking="", parts=[part])
    section = paper.Section(heading="One", columns=["what"], rows=[[said]])
    sheet = paper.Paper(language="en", title="", lead=[], sections=[section], foot="", made_ms=0, marking="")
    for made in (printed.pdf(form), paper.to_docx(sheet), paper.to_html(sheet)):
        assert search("paper", made, [Canary("why", value)]), made[:8]
        assert not search("paper", made, [Canary("why", f"{value}9")])


def test_a_ship_is_found_among_rows() -> None:
    whole = {"time_ms": [1], "mmsi": [901_234_567], "lat_600000": [0], "lon_600000": [0]}
    table = pa.table([pa.array(whole.get(one.name, [None]), type=one.type) for one in SCHEMA], schema=SCHEMA)
    assert search("blob", canonical_ipc(table), [Canary("ship", 901_234_567)])
