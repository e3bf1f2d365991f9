"""How fast supply answers with a year's orders, and how fast its tables are made anew from the journal.

A few orders are brought through their steps by two simulated nodes; the rows that their fold fills are then repeated, under numbers and instants of
their own, to `ORDERS`. Queries run on that store as a page would ask them, and are given in milliseconds of CPU time, since the wall hangs on the
neighbours. The rebuild is of the journal of a node with `REBUILT` real orders: every record is parsed as on any start, every case folded with its
guards.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kizuna.domains.supply import cases
from kizuna.kernel import casework
from kizuna.kernel.journal import Db, Entry, Projections, Store
from kizuna.kernel.operation import Desk
from kizuna.node.held.filling import kinds_of, projections
from kizuna.sim.federation import SimNode
from kizuna.storage.sqlite import open_sqlite

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.sim import supply_world as world

ORDERS = 100_000
REBUILT = 60
BATCH = 5_000
REPEATS = 15
LIMIT_MS = 50.0
START_MS = 1_790_000_000_000
STEP_MS = 300_000
EDITIONS = 40
NUMBER = re.compile(r"(jpn|ind)-2026-navy-[0-9]{4}")


class Recorder:
    """Keeps what a projection writes."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Sequence[Any]]] = []

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Keep one write."""
        self.rows.append((sql, tuple(params)))
        return []

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Keep one write for each row."""
        self.rows += [(sql, tuple(row)) for row in rows]


def templates() -> tuple[SimNode, list[Recorder]]:
    """Return a node and the rows of orders at several stages, most of them settled, as in a year's books."""
    federation, india, japan = world.pair("bench")
    closed = world.invoiced(federation, japan, india)
    world.operate(japan, "pay", world.PAYER, order_no=closed, payment_ref="p")
    federation.run(3_000)
    world.operate(india, "settle", world.PAYER, order_no=closed)
    federation.run(3_000)
    kind = world.accepted(federation, india, japan, method="kind", currency="JPY")
    owing = world.invoiced(federation, japan, india)
    agreed = world.agreed(federation, india, japan, currency="JPY")
    found = {}
    with india.store.view() as db:
        for number in (closed, kind, owing, agreed):
            view = casework.view(db, india.core.world.kinds, f"supply.order:{number}")
            assert view is not None
            found[number] = recorder = Recorder()
            cases.apply(recorder, view)
            for rule, due_ms in cases.dues(view):
                recorder.execute("INSERT INTO case_due (case_id, rule, due_ms) VALUES (?,?,?)", (view.id, rule, due_ms))
    return india, [found[closed]] * 8 + [found[kind], found[owing], found[agreed]]


def _changed(value: Any, number: str, shift_ms: int, edition: str) -> Any:
    if isinstance(value, int) and value > START_MS:
        return value + shift_ms
    if not isinstance(value, str):
        return value
    return edition if value == "exercise-jimex-2026" else NUMBER.sub(number, value)


def rows_of(at: int, recorder: Recorder) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield what fills the tables with one more order like one that was recorded."""
    for sql, params in recorder.rows:
        party = next(found[1] for value in params if isinstance(value, str) and (found := NUMBER.search(value)))
        number, edition = f"{party}-2026-navy-{at + 10_000:06}", f"exercise-{at % EDITIONS}"
        yield sql, tuple(_changed(value, number, at * STEP_MS, edition) for value in params)


def loaded(path: Path, node: SimNode, kinds: list[Recorder]) -> Store:
    """Return a store with the synthetic orders, and the node's own cases, terms and authorities."""
    whole = projections(node.domains)
    tables = [table for table in whole.tables if table.startswith(("case_", "supply_"))]
    copied = {table: node.store.query(f"SELECT * FROM {table}") for table in tables}

    def apply(db: Db, _seq: int, entry: Entry) -> None:
        if entry.kind == "copy":
            for table, rows in copied.items():
                for row in rows:
                    db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
            return
        many: dict[str, list[tuple[Any, ...]]] = {}
        for at in range(entry.meta["from"], entry.meta["to"]):
            for sql, params in rows_of(at, kinds[at % len(kinds)]):
                many.setdefault(sql, []).append(params)
        for sql, rows in many.items():
            db.executemany(sql, rows)

    store = open_sqlite(str(path), Projections("1", whole.schema, whole.tables, apply))
    store.commit([Entry("copy", 0, {})])
    for start in range(0, ORDERS, BATCH):
        store.commit([Entry("load", 0, {"from": start, "to": min(start + BATCH, ORDERS)})])
    return store


def _timed(name: str, ask: Callable[[], Any]) -> dict[str, Any]:
    ask()
    taken = []
    for _ in range(REPEATS):
        start = time.process_time()
        ask()
        taken.append((time.process_time() - start) * 1000)
    value = statistics.median(taken)
    return {
        "name": f"supply.query.{name}",
        "value": value,
        "unit": "ms",
        "peer": "limit 50 ms",
        "ratio": value / LIMIT_MS,
    }


def queries(store: Store, node: SimNode) -> list[dict[str, Any]]:
    """Return how long each query of a page takes."""
    own = node.store.query("SELECT order_no FROM supply_order ORDER BY order_no LIMIT 1")[0][0]
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "orders": ("orders", {}),
        "orders_by_state": ("orders", {"state": "accepted"}),
        "orders_by_partner": ("orders", {"partner": "jpn", "limit": 100}),
        "orders_by_exercise": ("orders", {"activity_ref": "exercise-7"}),
        "orders_by_year": ("orders", {"year": 2026}),
        "order": ("order", {"order_no": own}),
        "states": ("states", {}),
        "balance": ("balance", {}),
        "statement_by_exercise": ("statement", {"partner": "jpn", "activity_ref": "exercise-7"}),
        "statement_by_year": ("statement", {"partner": "jpn", "year": 2026}),
        "due": ("due", {}),
        "overdue": ("overdue", {}),
    }
    kinds = kinds_of(node.domains)
    found = []
    for name, (query, fields) in asked.items():

        def ask(query: str = query, fields: dict[str, Any] = fields) -> Any:
            with store.view() as db:
                desk = Desk(
                    db=db,
                    now_ms=START_MS,
                    party="ind",
                    actor="officer:1:logistics",
                    kinds=kinds,
                    random=node.rng.randbytes,
                )
                return world.QUERIES[query].run(desk, world.msgspec.convert(fields, world.QUERIES[query].asks))

        found.append(_timed(name, ask))
    return found


def rebuild(node: SimNode, path: Path) -> list[dict[str, Any]]:
    """Return how many real orders a second a rebuild of the journal brings back."""
    entries = [stored.entry for stored in node.store.read(1, 1_000_000)]
    store = open_sqlite(str(path), projections(node.domains))
    store.commit(entries)
    count = store.query("SELECT COUNT(*) FROM supply_order")[0][0]
    wall, cpu = time.perf_counter(), time.process_time()
    store.rebuild()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert store.query("SELECT COUNT(*) FROM supply_order")[0][0] == count >= REBUILT
    folded = _folds(store, kinds_of(node.domains))
    store.close()
    return [
        {"name": "supply.fold.cpu", "value": folded, "unit": "orders/CPU-s", "peer": None, "ratio": None},
        {"name": "supply.rebuild", "value": count / wall, "unit": "orders/s", "peer": None, "ratio": None},
        {"name": "supply.rebuild.cpu", "value": count / cpu, "unit": "orders/CPU-s", "peer": None, "ratio": None},
    ]


def _folds(store: Store, kinds: casework.Kinds) -> float:
    """Return how many orders a second of CPU time are read out of the tables and folded, with their guards."""
    with store.view() as db:
        cases_held = [case_id for (case_id,) in db.execute("SELECT case_id FROM case_state")]
        start = time.process_time()
        for case_id in cases_held * REPEATS:
            casework.view(db, kinds, case_id)
        return len(cases_held) * REPEATS / (time.process_time() - start)


def real_orders() -> SimNode:
    """Return a node that holds `REBUILT` orders, each brought to its invoice."""
    federation, india, japan = world.pair("bench rebuild")
    numbers = [world.draft(japan, "ind") for _ in range(REBUILT)]
    for node, name, actor, fields in (
        (japan, "request", world.SIGNER, {}), (india, "offer", world.SIGNER, {"price": ("1=7.12", "2=95")}),
        (japan, "agree", world.SIGNER, {}), (india, "sign", world.SIGNER, {}), (india, "deliver", world.SIGNER, {}),
        (japan, "accept", world.CERTIFIER, {}), (india, "invoice", world.CERTIFIER, {}),
    ):  # fmt: skip
        for number in numbers:
            world.operate(node, name, actor, order_no=number, **fields)
        federation.run(10_000)
    return india


def run() -> list[dict[str, Any]]:
    """Return the figures of a store in the working directory."""
    node, kinds = templates()
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-supply-") as directory:
        store = loaded(Path(directory) / "load.db", node, kinds)
        results = queries(store, node)
        store.close()
        return [*results, *rebuild(real_orders(), Path(directory) / "rebuild.db")]


if __name__ == "__main__":
    for each in run():
        print(f"{each['name']:36} {each['value']:12,.2f} {each['unit']}")
