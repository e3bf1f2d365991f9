"""What may be ordered, under which terms, by which sheet."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.domains.supply import notation, rules, sheets, terms
from kizuna.domains.supply.records import RECORDS, OrderLine, OrderRequested
from kizuna.errors import RecordError, RefusedError
from kizuna.formats import xlsx_table
from kizuna.node.channel.treaties import bundled

FACTS = terms.bundled(example=False)
EXAMPLE = terms.bundled(example=True)
LINE = OrderLine(line_no=1, category="water", description="water", quantity="1", unit="m3")
NOW = 1_790_000_000_000


def order(**changes: Any) -> OrderRequested:
    values: dict[str, Any] = {
        "order_no": "jpn-2026-navy-0001", "provider": "ind", "arrangement": "a", "terms": rules.version(EXAMPLE),
        "requesting_unit": "JS Takanami", "providing_unit": "", "activity": "joint-training", "activity_ref": "",
        "legal_basis": "", "place": "", "lat_600000": None, "lon_600000": None, "window_from_ms": NOW,
        "window_to_ms": NOW + 1, "method": "cash", "currency": "INR", "lines": (LINE,), "remarks": "",
        "drafted_by": "officer:1:logistics", "requester_authority": "",
    }  # fmt: skip
    return OrderRequested(**values | changes)


def test_the_bundled_facts_are_those_of_the_public_text() -> None:
    made: Any = FACTS
    assert (len(made.activities), len(made.categories)) == (5, 15)
    assert {item.id for item in made.exclusions} >= {"ammunition", "weapons"}
    assert all(item.sources for item in (*made.activities, *made.categories, *made.exclusions))
    assert (made.methods, made.currencies, made.deadlines, made.ceilings) == ((), (), (), ())
    made = EXAMPLE
    assert made.basis == "example"
    assert "example" in made.price_rule
    for each in (FACTS, EXAMPLE):
        rules.require_whole(each)
        rules.require_terms(each)


@pytest.mark.parametrize("activity", [item.id for item in FACTS.activities])  # type: ignore[union-attr] # the file has them
@pytest.mark.parametrize("category", [item.id for item in FACTS.categories])  # type: ignore[union-attr] # the same
def test_each_permitted_activity_and_category_may_be_ordered(activity: str, category: str) -> None:
    line = msgspec.structs.replace(LINE, category=category)
    basis = "self-defense forces act, article 84-5" if activity == "other-permitted-by-law" else ""
    rules.require_permitted(order(activity=activity, lines=(line,), legal_basis=basis), EXAMPLE, NOW)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"activity": "unilateral-training"}, "`activity` is `unilateral-training`: the agreement's rules exclude it"),
        (
            {"activity": "war"},
            "`activity` is `war`: the agreement's rules do not name it, and what is not named is denied",
        ),
        ({"activity": "other-permitted-by-law"}, "needs the law that permits it; name the law"),
        ({"lines": (msgspec.structs.replace(LINE, category="flowers"),)}, r"`lines[1].category` is `flowers`"),
        ({"lines": (msgspec.structs.replace(LINE, category="ammunition"),)}, "exclude it"),
        ({"method": "barter"}, "`method` is `barter`: it is not in the list; use one of cash, kind, equal-value"),
        ({"currency": "EUR"}, "`currency` is `EUR`: it is not in the list; use one of INR, JPY, USD"),
    ],
)
def test_what_the_rules_do_not_name_is_denied(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        rules.require_permitted(order(**changes), EXAMPLE, NOW)
    assert said in str(refused.value)


@pytest.mark.parametrize("day_ms", [1_625_961_599_000, 1_600_000_000_000])
def test_no_terms_hold_before_their_first_day(day_ms: int) -> None:
    with pytest.raises(RefusedError, match="they hold from 2021-07-11 on"):
        rules.require_permitted(order(), EXAMPLE, day_ms)


@given(st.sampled_from(rules.NEVER), st.sampled_from(("", "small-", "naval-")))
def test_arms_are_never_a_line_whatever_they_are_called(word: str, before: str) -> None:
    with pytest.raises(RefusedError, match="arms and ammunition are never ordered here"):
        rules.require_lines((msgspec.structs.replace(LINE, category=before + word),))


@given(st.sampled_from(rules.NSN_NEVER), st.from_regex(r"\A[0-9]{2}-[0-9]{2}-[0-9]{3}-[0-9]{4}\Z"))
def test_a_stock_number_of_arms_is_found_whatever_the_category_says(group: str, rest: str) -> None:
    with pytest.raises(RefusedError, match="weapons or ammunition"):
        rules.require_lines((msgspec.structs.replace(LINE, category="parts-and-components", nsn=group + rest),))


@given(
    st.sampled_from(("ind", "jpn", "aus-navy")),
    st.integers(1, 9999),
    st.sampled_from(("navy", "air")),
    st.integers(1, 99_999_999),
)
def test_an_order_number_is_read_as_it_was_made(party: str, year: int, service: str, sequence: int) -> None:
    assert rules.parts_of(rules.order_no(party, year, service, sequence)) == (party, year, service, sequence)


def test_the_fiscal_year_begins_in_its_month() -> None:
    assert [rules.fiscal_year(ms, 4) for ms in (1_774_999_999_000, 1_775_001_600_000)] == [2025, 2026]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("methods", ("barter",), "`methods` is `barter`"), ("currencies", ("XXX",), "no currency"),
        ("categories", (EXAMPLE.exclusions[0],), "no terms permit arms"),  # type: ignore[index] # the file has them
        ("valid_from_on", "yesterday", "`valid_from_on` is `yesterday`: it is no day"),
        ("volume_share_per_c", "0.5", "less than a hundredth"), ("fiscal_year_from_month", 13, "it is a month"),
        ("tolerance_permille", -1, "0 to 1000"),
    ],
)  # fmt: skip
def test_bad_terms_are_refused(field: str, value: object, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        rules.require_terms(msgspec.structs.replace(EXAMPLE, **{field: value}))


def test_the_example_rules_let_every_record_but_the_draft_cross_whole() -> None:
    made = next(each for each in bundled() if each.id == EXAMPLE.arrangement)
    shown = {
        (wire_name, clause.direction.to_party): set(clause.discloses)
        for clause in made.provisions
        for wire_name in clause.record_types
    }
    header = {"@actor", "@after", "@node", "@subject"}
    for to in ("ind", "jpn"):
        for name, kind in RECORDS.items():
            if name == "supply.order-drafted.v1":
                assert (name, to) not in shown
            else:
                assert shown[name, to] == header | set(kind.__struct_fields__)
    assert all(clause.basis == "example" for clause in made.provisions)


# --- sheets and notation ----------------------------------------------------------------------------------------------------------

SHEET = "line_no,category,description,quantity,unit,nsn\r\n1,water,fresh water,120,m3,\r\n2,food,rice,500,kg,\r\n"


def test_a_sheet_is_read_from_csv_and_from_a_workbook_alike() -> None:
    lines = sheets.read_lines(SHEET)
    assert [(line.line_no, line.category, line.quantity) for line in lines] == [(1, "water", "120"), (2, "food", "500")]
    book = xlsx_table.write(sheets.COLUMNS, sheets.rows_of(lines), "order", "A")
    assert sheets.read_book(book) == lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SHEET.replace(",kg,", ",furlong,"), "csv:3: `lines[2].unit` is `furlong`: it is no unit of the table"),
        (SHEET.replace("2,food", "2,weapons"), "csv:3: `lines[2].category` is `weapons`"),
        (SHEET.replace("500", ""), "csv:3: `quantity` is ``: it is empty; fill the cell"),
        (SHEET[: SHEET.index("rice")], "csv:3: has 3 cells"),
        (SHEET.replace("unit", "unti"), "csv:1: column `unit` is missing"),
    ],
)
def test_a_bad_or_half_sheet_is_refused_whole_with_its_line(text: str, said: str) -> None:
    with pytest.raises((RefusedError, RecordError)) as refused:
        sheets.read_lines(text)
    assert said in str(refused.value)


def test_lines_are_read_as_people_type_them() -> None:
    (found,) = notation.measured(("1=300000 litre @-31.5 !short",))
    assert found == notation.Measured(1, "300000", "litre", "-31.5", "short")
    assert notation.prices(("1=0.7253", "2=95")) == {1: "0.7253", 2: "95"}
    for text in ("1", "=5", "1=5 litre 31", "1=five"):
        with pytest.raises(RefusedError, match="`line` is"):
            notation.measured((text,))
    with pytest.raises(RefusedError, match="each line once"):
        notation.prices(("1=5", "1=6"))
