"""What holds for every domain that the node runs: one visible shape, and the same tables for every order of arrival.

A new domain is covered here on the day that it enters the tuple.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kizuna.kernel.domain import Domain, Fact
from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.kernel.label import label
from kizuna.kernel.record import WITHHELD, Body, Withheld
from kizuna.node.domains import DOMAINS
from kizuna.node.people.tokens import ROLES
from kizuna.storage.sqlite import open_sqlite

MODULES = ("records", "projections", "queries")
WIRE_NAME = re.compile(r"([a-z]+)\.[a-z]+(?:-[a-z]+)*\.v[1-9][0-9]*").fullmatch
HEX = "0123456789abcdef"

every_domain = pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)


@every_domain
def test_a_domain_has_the_one_shape(domain: Domain) -> None:
    package = importlib.import_module(f"kizuna.domains.{domain.name}")
    assert package.DOMAIN is domain
    assert package.__doc__
    folder = Path(inspect.getfile(package)).parent
    for module in MODULES:
        assert importlib.import_module(f"kizuna.domains.{domain.name}.{module}").__doc__
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert 8 <= len(lines) <= 60, "half a page: vocabulary and one story"


@every_domain
def test_records_are_frozen_statements_under_explicit_wire_names(domain: Domain) -> None:
    for name, kind in domain.records.items():
        found = WIRE_NAME(name)
        assert found is not None, name
        assert found[1] == domain.name
        assert issubclass(kind, Body)
        assert kind.__struct_config__.frozen
        assert kind.__struct_config__.forbid_unknown_fields
        assert kind.__doc__
        hints = get_type_hints(kind)
        assert all(Withheld in get_args(hints[field]) for field in kind.__struct_fields__), (
            "each field is `T | Withheld`"
        )
        assert kind.__each__ <= set(kind.__struct_fields__)
    assert set(domain.apply) <= set(domain.records.values())
    for hooks in (domain.portions, domain.derivations, domain.blob_checks):
        assert set(hooks) <= set(domain.records.values())


@every_domain
def test_tables_bear_the_domains_name(domain: Domain) -> None:
    made = [re.match(r"CREATE TABLE (\w+)", statement) for statement in domain.schema]
    assert tuple(found[1] for found in made if found) == domain.tables
    assert all(table.startswith(f"{domain.name}_") for table in domain.tables)


@every_domain
def test_operations_and_queries_say_what_they_do_and_who_may(domain: Domain) -> None:
    offered = [*domain.operations, *domain.queries]
    assert len({each.name for each in offered}) == len(offered), "an operation and a query share a name"
    for each in offered:
        assert re.fullmatch(r"[a-z]+(?:-[a-z]+)*", each.name), each.name
        assert each.text.endswith("."), each.name
        assert each.roles <= set(ROLES), each.name
        assert each.asks.__struct_config__.forbid_unknown_fields
        assert each.asks.__doc__
        msgspec.json.schema(each.asks)  # the interface's own description is made of it
        hints = get_type_hints(each.asks, include_extras=True)
        for field in each.asks.__struct_fields__:
            if field != "label":
                notes = [note for note in get_args(hints[field]) if isinstance(note, msgspec.Meta)]
                assert notes, f"{each.name}: `{field}` needs a description"
                assert notes[-1].description, f"{each.name}: `{field}` needs a description"
    assert all(operation.roles for operation in domain.operations), "an operation without roles is nobody's"
    for kind in domain.cases:
        assert kind.name.startswith(f"{domain.name}.")
        assert set(kind.tables) <= set(domain.tables)
        assert kind.purposes, "a step without a purpose goes to nobody"
        assert set(kind.steps) <= set(domain.records.values())


# --- every order of arrival -------------------------------------------------------------------------------------------------------


def values(hint: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 # one return for each kind of type
    """Return values of a field's type, few of each, so that records meet."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return constrained(args[0], args[1])
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple:
        return st.lists(values(args[0]), max_size=2).map(tuple)
    if origin is UnionType or len(args) > 1:
        return st.one_of([values(arg) for arg in args])
    if hint is Withheld:
        return st.just(WITHHELD)
    if hint is type(None):
        return st.none()
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        fields = get_type_hints(hint, include_extras=True)
        return st.builds(
            hint, **{name: values(kind) for name, kind in fields.items() if name in hint.__struct_fields__}
        )
    return {int: st.integers(0, 3), str: st.sampled_from(("a", "b")), bool: st.booleans()}[hint]


def constrained(kind: Any, meta: msgspec.Meta) -> st.SearchStrategy[Any]:
    if meta.pattern is not None:
        return st.from_regex(meta.pattern).map(str)
    return values(kind)


def facts(kind: type[Body], name: str) -> st.SearchStrategy[Fact[Any]]:
    hints = get_type_hints(kind, include_extras=True)
    bodies = st.builds(kind, **{field: values(hints[field]) for field in kind.__struct_fields__})
    mark = label("ind.example.v1", 0, originator="ind")

    def fact(body: Body, identity: str, party: str, at_ms: int) -> Fact[Any]:
        return Fact(
            record_id=identity * 64,
            type=name,
            body=body,
            issuer=party,
            node=f"{party}/node",
            actor="system:test",
            subject="",
            at_ms=at_ms,
            label=mark,
            exercise="",
            own=party == "ind",
        )

    return st.builds(fact, bodies, st.sampled_from(HEX), st.sampled_from(("ind", "jpn")), st.integers(0, 3))


def stories(domain: Domain) -> st.SearchStrategy[list[Fact[Any]]]:
    """Return records of a domain; one id is one record, as its hash makes sure."""
    each = [facts(kind, name) for name, kind in sorted(domain.records.items()) if kind in domain.apply]
    if not each:
        return st.just([])  # cases are told in `test_every_order_of_a_case_gives_the_same_tables`
    return st.lists(st.one_of(each), max_size=6, unique_by=lambda fact: fact.record_id)


def tables(domain: Domain, arrived: list[Fact[Any]]) -> list[Any]:
    def apply(db: Db, _seq: int, entry: Entry) -> None:
        fact = arrived[entry.meta["at"]]
        domain.apply[type(fact.body)](db, fact)

    store = open_sqlite(":memory:", Projections("1", domain.schema, domain.tables, apply))
    try:
        if arrived:
            store.commit([Entry(kind="record", at_ms=0, meta={"at": place}) for place in range(len(arrived))])
        return [sorted(map(repr, store.query(f"SELECT * FROM {table}"))) for table in domain.tables]
    finally:
        store.close()


@every_domain
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)  # a domain has some forty classes to draw from; a busy machine is no fault
@given(data=st.data())
def test_every_order_of_arrival_gives_the_same_tables(domain: Domain, data: st.DataObject) -> None:
    story = data.draw(stories(domain))
    expected = tables(domain, story)
    shuffled = data.draw(st.permutations(story))
    again = data.draw(st.lists(st.sampled_from(story), max_size=3)) if story else []
    assert tables(domain, [*shuffled, *again]) == expected
