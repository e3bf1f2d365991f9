"""Every domain on a database server: what a journal of all of them fills there, and what it shows, is what the embedded store has."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kizuna.errors import ConfigError, KizunaError
from kizuna.kernel.domain import Domain, tellers
from kizuna.kernel.operation import Desk, Document, Query
from kizuna.node import effects as fx
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import projections
from tests.sim import supply_world as supply
from tests.sim.partnership import partners

if TYPE_CHECKING:
    from kizuna.kernel.journal import Store
    from kizuna.sim.federation import SimNode

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
postgres = pytest.importorskip("kizuna.storage.postgres", reason="psycopg is not installed")
pytestmark = pytest.mark.postgres
ROLE = {
    "claim": "desk",
    "dialogue": "desk",
    "exercises": "exercise",
    "training": "desk",
    "maritime": "watch",
    "protection": "security",
}


@dataclass(frozen=True)
class Both:
    """The same journal in both engines."""

    node: SimNode
    embedded: Store
    server: Store


def do(node: SimNode, domain: str, name: str, **asked: Any) -> Any:
    """Do an operation of a domain in the role that it wants."""
    offered = next(each for found in DOMAINS if found.name == domain for each in found.operations if each.name == name)
    actor = f"officer:1:{ROLE.get(domain, 'logistics')}"
    assert actor.split(":")[2] in offered.roles, (domain, name, sorted(offered.roles))
    return node.do(fx.Operate(domain, name, msgspec.convert(asked, offered.asks), actor, actor.replace(":1:", ":2:")))


def told() -> SimNode:
    """Return a node at which something happened in every domain."""
    federation, india, japan = partners("all domains", DOMAINS, supply.ARRANGEMENT)
    for domain in ("claim", "dialogue", "exercises", "training"):
        do(india, domain, "load-bundled")
    for node, partner in ((india, "jpn"), (japan, "ind")):
        supply.operate(node, "state-terms", supply.MINISTRY, partner=partner, bundled="example")
        for officer, duties in supply.DUTIES.items():
            supply.operate(node, "grant", supply.MINISTRY, partner=partner, officer=officer, duties=duties)
    federation.run(10_000)
    supply.invoiced(federation, japan, india)
    supply.agreed(federation, india, japan, currency="JPY")
    do(
        india,
        "maritime",
        "assert-interest",
        key="ind-vessel-1",
        mmsi="419000001",
        basis="loiters",
        expires_at_ms=india.now_ms + supply.DAY_MS,
    )
    do(
        india, "protection", "register-document", document="ind-2027-0001", title="A study", policy="ind.example.v1", level=3,
        registered_on="2027-03-01",
    )  # fmt: skip
    do(india, "protection", "register-copies", document="ind-2027-0001")
    federation.run(5_000)
    return india


@pytest.fixture(scope="module")
def both(postgres_conninfo: str) -> Iterator[Both]:
    node = told()
    schema = f"domains_{uuid.uuid4().hex[:12]}"
    server = postgres.open_postgres(postgres_conninfo, projections(DOMAINS), schema=schema)
    server.commit([stored.entry for stored in node.store.read(1, 1_000_000)])
    yield Both(node, node.store, server)
    server.close()
    with psycopg.connect(postgres_conninfo, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


def rows(store: Store, domain: Domain) -> dict[str, list[str]]:
    return {table: sorted(map(repr, store.query(f"SELECT * FROM {table}"))) for table in domain.tables}


def asked_of(domain: Domain, both: Both) -> list[tuple[Query, Any]]:
    """Return each query of a domain that can be asked with what there is: without any needed field, or with names that are held."""
    order = both.embedded.query("SELECT order_no FROM supply_order ORDER BY order_no LIMIT 1")[0][0]
    known = {
        "order_no": order, "partner": "jpn", "year": 2026, "first": 2000, "last": 2026, "mechanism": "defence-ministerial",
        "case": f"supply.order:{order}", "series": "jimex", "edition": "jimex-2022", "activity_ref": "",
    }  # fmt: skip
    found = []
    for query in domain.queries:
        fields = {field.name: field.required for field in msgspec.structs.fields(query.asks)}
        if all(name in known for name, needed in fields.items() if needed):
            given = {name: known[name] for name in fields if name in known and (fields[name] or name == "year")}
            found.append((query, msgspec.convert(given, query.asks)))
    return found


def answer(store: Store, both: Both, query: Query, wanted: Any) -> Any:
    with store.view() as db:
        desk = Desk(
            db=db, now_ms=both.node.now_ms, party="ind", actor="officer:1:desk", kinds=both.node.core.world.kinds,
            random=random.Random(1).randbytes, agreements=both.node.core.world.agreements, tellers=tellers(DOMAINS),
        )  # fmt: skip
        try:
            found = query.run(desk, wanted)
        except ConfigError:
            raise
        except KizunaError as error:
            return type(error), str(error)
    return found if isinstance(found, Document) else msgspec.to_builtins(found)


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_a_domain_fills_and_shows_the_same_on_both_engines(domain: Domain, both: Both) -> None:
    expected = rows(both.embedded, domain)
    assert any(expected.values()), "nothing happened in this domain: give it a story in `told`"
    assert rows(both.server, domain) == expected
    asked = asked_of(domain, both)
    assert asked, "no query of this domain can be asked"
    for query, wanted in asked:
        assert answer(both.server, both, query, wanted) == answer(both.embedded, both, query, wanted), query.name


def test_a_rebuild_on_the_server_changes_nothing(both: Both) -> None:
    before = [rows(both.server, domain) for domain in DOMAINS]
    both.server.rebuild()
    assert [rows(both.server, domain) for domain in DOMAINS] == before
