"""How fast the journal is: durable appends alone and grouped, and the rebuild of a trivial projection.

Rates are per second of wall time; the same per second of CPU time is given beside them, since the wall hangs on the disk and the neighbours.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.storage.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable

    from kizuna.kernel.journal import Store

SINGLE = 2_000
GROUP = 512
GROUPS = 40
BODY = os.urandom(1_024)


def _apply(db: Db, seq: int, entry: Entry) -> None:
    db.execute(
        "INSERT INTO newest (subject, seq) VALUES (?, ?) ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq",
        (entry.meta["subject"], seq),
    )


PROJECTIONS = Projections(
    "1", ("CREATE TABLE newest (subject TEXT PRIMARY KEY, seq BIGINT NOT NULL)",), ("newest",), _apply
)


def _entry(number: int) -> Entry:
    return Entry("record", 1_700_000_000_000 + number, {"id": "ab" * 32, "subject": f"vessel-{number % 500}"}, BODY)


def _rate(name: str, count: int, work: Callable[[], None]) -> list[dict[str, Any]]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return [
        {"name": name, "value": count / wall, "unit": "entries/s", "peer": None, "ratio": None},
        {"name": f"{name}.cpu", "value": count / cpu, "unit": "entries/CPU-s", "peer": None, "ratio": None},
    ]


def measure(store: Store) -> list[dict[str, Any]]:
    """Return the rates of one empty store."""
    groups = [[_entry(group * GROUP + number) for number in range(GROUP)] for group in range(GROUPS)]
    singles = [[_entry(number)] for number in range(SINGLE)]

    def commit_all(batches: list[list[Entry]]) -> None:
        for batch in batches:
            store.commit(batch)

    results = _rate("journal.append_single", SINGLE, lambda: commit_all(singles))
    results += _rate("journal.append_grouped", GROUP * GROUPS, lambda: commit_all(groups))
    total = store.head().seq
    assert total == SINGLE + GROUP * GROUPS
    results += _rate("journal.rebuild", total, store.rebuild)
    results += _rate("journal.verify", total, store.verify)
    assert store.query("SELECT COUNT(*), MAX(seq) FROM newest") == [(500, total)]
    return results


def _flushes_per_second(path: Path) -> float:
    """Return how often this disk makes 1 KiB durable in a plain file: no store can commit more often."""
    with path.open("wb", buffering=0) as file:
        start = time.perf_counter()
        for _ in range(SINGLE):
            file.write(BODY)
            os.fdatasync(file.fileno())
        return SINGLE / (time.perf_counter() - start)


def run() -> list[dict[str, Any]]:
    """Return the rates of the SQLite store in the working directory, and of PostgreSQL where KIZUNA_TEST_POSTGRES names a server."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-journal-") as directory:
        store = open_sqlite(str(Path(directory) / "journal.db"), PROJECTIONS)
        results = measure(store)
        store.close()
        flushes = _flushes_per_second(Path(directory) / "plain")
    results[0] |= {"peer": "plain file, fdatasync", "ratio": results[0]["value"] / flushes}
    conninfo = os.environ.get("KIZUNA_TEST_POSTGRES")
    return results + (_postgres(conninfo) if conninfo else [])


def _postgres(conninfo: str) -> list[dict[str, Any]]:
    import psycopg  # noqa: PLC0415 # psycopg is optional

    from kizuna.storage.postgres import open_postgres  # noqa: PLC0415 # psycopg is optional

    drop = "DROP SCHEMA IF EXISTS bench_journal CASCADE"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(drop)
        store = open_postgres(conninfo, PROJECTIONS, schema="bench_journal")
        results = [{**each, "name": f"{each['name']}.postgres"} for each in measure(store)]
        store.close()
        connection.execute(drop)
    return results


if __name__ == "__main__":
    for each in run():
        print(f"{each['name']:36} {each['value']:12,.0f} {each['unit']:14} {each['ratio'] or ''}")
