"""How fast an extract of the journal is made for readers who may not see all, and how long their first page waits after a restart.

A journal of `ENTRIES` notes, half of which the readers may see (`KIZUNA_BENCH_EXTRACT` gives another number). *Made* is the extract put together
from nothing; the *first page* waits for a file that an earlier process left at the journal's end to be opened and asked. The peer is the rebuild of
the node's own tables: the same projections over all entries, without a judgement.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kizuna.kernel import record, sign
from kizuna.kernel.journal import Entry, Store
from kizuna.kernel.label import label
from kizuna.node.held.filling import projections
from kizuna.node.held.tables import clear_meta
from kizuna.node.readers.extract import ExtractBehindError, Extracts
from kizuna.node.readers.thinning import Readers
from kizuna.storage.extracts import ExtractFolder
from kizuna.storage.sqlite import open_sqlite

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.sim.world import DOMAINS, POLICY, NoteSaid

ENTRIES = int(os.environ.get("KIZUNA_BENCH_EXTRACT", "20000"))
BATCH = 1_000
START_MS = 1_790_000_000_000
LOW = Readers(1)


def write(store: Store) -> None:
    """Fill a journal."""
    key = sign.SigningKey(os.urandom(32), sign.Purpose.RECORD)
    marks = [label(POLICY, grade, originator="ind", purposes=("coordination",)) for grade in (1, 2)]
    for start in range(0, ENTRIES, BATCH):
        entries = []
        for number in range(start, start + BATCH):
            facts = record.Facts(node="ind/delhi", actor="officer:7:watch", at_ms=START_MS + number)
            body = NoteSaid(text=f"note {number} about the weather off the coast", source="desk")
            held = record.issue("notes.note-said.v1", body, marks[number % 2], facts, key, os.urandom)
            meta = {"clear": clear_meta(held), "due": [], "held": [], "item": held.id}
            entries.append(Entry("record", START_MS + number, meta, held.bytes()))
        store.commit(entries)


def asked(extracts: Extracts) -> Store:
    """Ask as a page does, again and again, until it is there."""
    while True:
        with contextlib.suppress(ExtractBehindError):
            return extracts.of(LOW)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that some work took, of wall time and of CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def row(name: str, value: float, unit: str, peer: str | None = None, ratio: float | None = None) -> dict[str, Any]:
    """Return one figure."""
    return {"name": name, "value": value, "unit": unit, "peer": peer, "ratio": ratio}


def run() -> list[dict[str, Any]]:
    """Return the rates and waits of one journal."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 50, 100)  # as a running node does
    try:
        with tempfile.TemporaryDirectory(dir=".", prefix=".bench-extract-") as folder:
            return _measured(Path(folder))
    finally:
        gc.set_threshold(*before)


def _measured(folder: Path) -> list[dict[str, Any]]:
    source = open_sqlite(str(folder / "journal"), projections(DOMAINS))
    write(source)

    def opened() -> Extracts:
        return Extracts(source, projections(DOMAINS), ExtractFolder(folder / "extracts"))

    _, rebuilt_s = timed(source.rebuild)
    first = opened()
    wall_s, cpu_s = timed(lambda: asked(first))
    assert asked(first).query("SELECT COUNT(*) FROM note") == [(ENTRIES // 2,)]
    first.close()
    again = opened()
    wait_s, _ = timed(lambda: asked(again).query("SELECT text FROM note ORDER BY record_id LIMIT 50"))
    again.close()
    source.close()
    return [
        row("extract.made", ENTRIES / wall_s, "entries/s"),
        row(
            "extract.made.cpu", ENTRIES / cpu_s, "entries/CPU-s", "rebuild of the node's own tables", rebuilt_s / cpu_s
        ),
        row(f"extract.first_page.{ENTRIES}", wait_s * 1000, "ms after a restart"),
    ]


if __name__ == "__main__":
    for each in run():
        print(f"{each['name']:36} {each['value']:12,.1f} {each['unit']:24} {each['ratio'] or ''}")
