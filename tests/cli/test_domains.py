"""The commands and routes that every domain gets from what it offers, on a node at rest and on a running one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from kizuna.cli.domains import _option_type, _parameters, lines, request
from kizuna.errors import RecordError
from kizuna.kernel.operation import Asked, LabelAsked
from kizuna.node.offering import fields
from kizuna.node.settings import host_port, read_settings
from tests.acceptance.stories import call
from tests.cli.conftest import Party

HOSTILE = (
    b'{"case": "supply.order:x", "case": "supply.order:y"}',
    b'{"case": "supply.order:x", "c\\u0061se": "supply.order:y"}',
    b'{"case": "supply.order:x", "unknown": 1}',
    b'{"case": 1}',
    b'{"case": null}',
    b'{"record": "x"}',
    b'{"case": "x", "label": {"classification": 1.0}}',
    b'{"case": "x", "label": {"classification": true}}',
    b'{"case": "x", "label": {"classification": "1"}}',
    b'{"case": "x", "label": {"classification": 1, "classification": 0}}',
    b'{"case": "x", "label": {"policy": "other.v1"}}',
    b"[]", b"null", b"", b"{} {}", b"\xff",
)  # fmt: skip


@pytest.fixture
def desk(india: Party, monkeypatch: pytest.MonkeyPatch) -> str:
    token = str(india.ok("token", "add", "7", "desk")["token"])
    monkeypatch.setenv("KIZUNA_TOKEN", token)
    return token


def test_an_officer_asks_and_acts_at_rest(india: Party, desk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert india.ok("case", "list") == {"rows": []}
    assert india.ok("case", "dues") == {"rows": []}
    done = india("case", "show", "--case", "supply.order:nobody")
    assert done.code == 6
    done = india("case", "endorse", "--case", "nothing")
    assert (done.code, "names no kind of case" in done.err) == (6, True)
    monkeypatch.delenv("KIZUNA_TOKEN")
    done = india("case", "endorse", "--case", "nothing")
    assert (done.code, "give the officer's token in `KIZUNA_TOKEN`" in done.err) == (6, True)


def test_a_limit_out_of_range_and_a_missing_field_are_told(india: Party, desk: str) -> None:
    done = india("case", "list", "--limit", 0)
    assert done.code == 3
    assert "`list` does not take this" in done.err
    done = india("case", "endorse")
    assert done.code == 3
    assert "`case`" in done.err
    done = india("case", "endorse", "--body", "/nowhere/at/all.json")
    assert done.code == 13


def test_a_running_node_does_the_same_and_refuses_every_hostile_spelling(india: Party, desk: str) -> None:
    port = host_port(read_settings(india.folder / "node.toml").users.listen)[1]
    with india.running():
        assert india.ok("case", "list") == {"rows": []}
        done = india("case", "endorse", "--case", "nothing")
        assert (done.code, "names no kind of case" in done.err) == (6, True)
        for body in HOSTILE:
            status, said = call(port, "POST", "/api/v1/case/endorse", body, desk)
            assert status in {400, 422}, (body, status, said)
        for query in ("?limit=0", "?limit=x", "?nothing=1", "?limit=1&limit=2"):
            assert call(port, "GET", f"/api/v1/case/list{query}", token=desk)[0] in {400, 422}, query
        assert call(port, "GET", "/api/v1/case/list?limit=5", token=desk)[0] == 200
        assert call(port, "GET", "/api/v1/case/list")[0] == 401
        watch = str(india.ok("token", "add", "8", "integrator")["token"])
        assert call(port, "POST", "/api/v1/case/endorse", {"case": "nothing"}, watch)[0] == 403


class Example(Asked, frozen=True):
    """Every kind of field."""

    name: Annotated[str, Meta(description="A name.")]
    count: Annotated[int, Meta(description="A count.")] = 0
    at_ms: Annotated[int | None, Meta(description="An instant.")] = None
    parts: Annotated[tuple[dict[str, int], ...], Meta(description="Lines.")] = ()
    text: Annotated[str, Meta(description="A file.", extra={"file": True})] = ""
    data: Annotated[bytes, Meta(description="A file.", extra={"file": True})] = b""
    step: Annotated[Literal[-1, 0, 1], Meta(description="One of three numbers.")] = 0
    way: Annotated[Literal["up", "down"], Meta(description="One of two words.")] = "up"


def test_options_go_before_the_body_and_files_are_read(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"name": "a", "count": 1, "parts": [{"x": 1}]}')
    csv = tmp_path / "list.csv"
    csv.write_bytes(b"\xef\xbb\xbfname\nx\n")
    values: dict[str, Any] = {
        "name": "b", "at_ms": "2026-09-14T06:30Z", "text": csv, "data": csv, "label_classification": 2,
        "label_releasable_to": ["jpn"], "label_purposes": [], "label_caveats": None, "label_review_by": None,
    }  # fmt: skip
    made = request(Example, values, str(body))
    assert made == Example(
        name="b", count=1, at_ms=1_789_367_400_000, parts=({"x": 1},), text="name\nx\n", data=csv.read_bytes(),
        label=LabelAsked(classification=2, releasable_to=("jpn",)),
    )  # fmt: skip


class Limited(Asked, frozen=True):
    """Types that bring limits of their own."""

    count: Annotated[Annotated[int, Meta(ge=0)], Meta(description="How many.")]
    perhaps: Annotated[Annotated[int, Meta(ge=0)] | None, Meta(description="How many, where it is known.")] = None


def test_a_type_with_limits_of_its_own_is_an_option_with_the_fields_own_words() -> None:
    shown = {each.name: each.annotation.__metadata__[0].help for each in _parameters(Limited)}
    assert shown == {"count": "How many.", "perhaps": "How many, where it is known."}


class Chosen(Asked, frozen=True):
    """One of some."""

    step: Annotated[Literal[-1, 0, 1], Meta(description="Which way.")] = 0
    way: Annotated[Literal["up", "down"], Meta(description="Which way.")] = "up"


def test_one_of_some_numbers_is_taken_as_a_number_and_one_of_some_words_as_a_word() -> None:
    taken = {name: _option_type(field) for name, field in fields(Chosen).items()}
    assert taken == {"step": int | None, "way": str | None}


@pytest.mark.parametrize("body", ["[]", "{", '{"name": "a", "nothing": 1}', '{"name": 1}', "{}"])
def test_a_body_that_does_not_fit_is_refused(tmp_path: Path, body: str) -> None:
    path = tmp_path / "body.json"
    path.write_text(body)
    with pytest.raises(RecordError):
        request(Example, {}, str(path))


def test_text_that_is_not_utf_8_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"name\n\xff\n")
    with pytest.raises(RecordError, match=r"list\.csv: is not UTF-8 text from byte 5 on"):
        request(Example, {"name": "a", "text": path}, "")


def test_what_was_found_is_shown_as_lines_and_tables() -> None:
    shown = lines({"name": "a", "tags": ["x", "y"], "nothing": None, "deep": {"b": 1}, "rows": [{"a": 1}, {"b": 2}]})
    assert shown[:5] == ["name: a", "tags: x, y", "nothing: -", 'deep: {"b": 1}', "rows:"]
    assert [column.header for column in shown[5].columns] == ["a", "b"]
