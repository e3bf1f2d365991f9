"""How long pages wait at a partnership's load, how many bytes they are, and when a vessel that Japan hears is on India's screen.

A node holds 100,000 orders, 5,000 commitments of 720 meetings, 5,000 editions of exercises, a pledge of 20,000 seats: the rows of the benchmarks of
supply, dialogue and exercises. Every step of a case that a page may show has a record with a label of its own, for each page asks for the labels of
what it shows. The node is asked over HTTP by an officer who is signed in, page by page: the middle of `TIMES`, the worst, and the CPU time of the
middle, on which neighbours do not weigh. Of the forms of a desk, and of the pages that hardly differ, one stands for all.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import os
import random
import re
import statistics
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import bench_dialogue, bench_exercises, bench_supply
from kizuna.kernel.journal import Db, Entry
from kizuna.node.held.filling import projections
from kizuna.sim.federation import SimNode
from kizuna.storage.sqlite import open_sqlite
from tests.web.harness import OFFERED, Served
from tests.web.pages.test_pages import Browser, signed_in

TIMES = 7
LIMIT_MS = 200.0
BATCH = 5_000
SHOWN_ORDERS = 1_200
"""Of so many orders, the newest, the steps are held with their records: no page shows more at once."""
PAGES: tuple[tuple[str, str, str], ...] = (
    ("next", "desk", "/next"),
    ("cases", "desk", "/cases"),
    ("case", "desk", "/cases/dialogue.commitment:ind-commitment-4321"),
    ("search", "desk", "/search?q=commitment"),
    ("desks", "desk", "/desk"),
    ("board/dialogue", "desk", "/boards/dialogue"),
    ("board/dialogue/mechanism", "desk", "/boards/dialogue?mechanism=mechanism-03"),
    ("board/roadmap", "desk", "/boards/roadmap"),
    ("dialogue/commitments", "desk", "/desk/dialogue/commitments"),
    ("dialogue/commitment", "desk", "/desk/dialogue/commitment?commitment=ind-commitment-4321"),
    ("dialogue/meeting", "desk", "/desk/dialogue/meeting?meeting=ind-meeting-700"),
    ("dialogue/mechanisms", "desk", "/desk/dialogue/mechanisms"),
    ("dialogue/series", "desk", "/desk/dialogue/series?mechanism=mechanism-03"),
    ("dialogue/vanished", "desk", "/desk/dialogue/vanished"),
    ("dialogue/brief", "desk", "/desk/dialogue/brief?mechanism=mechanism-03"),
    ("board/exercises", "exercise", "/boards/exercises"),
    ("board/exercises/partner", "exercise", "/boards/exercises?by=partner"),
    ("exercises/editions", "exercise", "/desk/exercises/editions"),
    ("exercises/edition", "exercise", "/desk/exercises/edition?edition=series-17-77"),
    ("exercises/measures", "exercise", "/desk/exercises/measures"),
    ("exercises/chart", "exercise", "/desk/exercises/chart"),
    ("training/progress", "desk", f"/desk/training/progress?pledge={bench_exercises.PLEDGE}"),
    ("training/retention", "desk", "/desk/training/retention?on=2030-01-01"),
    ("board/supply", "logistics", "/boards/supply"),
    ("board/supply/state", "logistics", "/boards/supply?state=agreed"),
    ("supply/orders", "logistics", "/desk/supply/orders"),
    ("supply/order", "logistics", "/cases/{order}"),
    ("supply/balance", "logistics", "/desk/supply/balance"),
    ("supply/statement", "logistics", "/desk/supply/statement?partner=jpn&year=2026"),
    ("supply/due", "logistics", "/desk/supply/due"),
    ("supply/form", "logistics", "/desk/supply/do/draft"),
    ("board/claims", "desk", "/boards/claims"),
    ("picture", "watch", "/picture"),
    ("watch", "watch", "/watch"),
    ("channels", "liaison", "/channels"),
    ("withheld", "liaison", "/withheld"),
    ("alerts", "liaison", "/alerts"),
    ("security", "security", "/security"),
)
"""What is asked: a stable name, the role, and where."""
SIGNATURE_BYTES = 64
CENTURY_MS = 100 * 365 * 86_400_000
VESSELS = 9
FIRST_MMSI = 431_770_000
Row = dict[str, Any]


def row(name: str, value: float, unit: str, limit: float | None = None) -> Row:
    """Return one figure; `limit` is what it should stay below."""
    peer = None if limit is None else f"limit {limit:.0f} {unit}"
    return {"name": name, "value": value, "unit": unit, "peer": peer, "ratio": None if limit is None else value / limit}


# --- the load -----------------------------------------------------------------------------------------------------------------------


def _orders(db: Db, node: SimNode, kinds: list[bench_supply.Recorder]) -> None:
    many: dict[str, list[tuple[Any, ...]]] = {}
    for table in projections(node.domains).tables:
        if table.startswith(("case_", "supply_")):
            for held in node.store.query(f"SELECT * FROM {table}"):
                many.setdefault(f"INSERT INTO {table} VALUES ({','.join('?' * len(held))})", []).append(held)
    for at in range(bench_supply.ORDERS):
        for sql, params in bench_supply.rows_of(at, kinds[at % len(kinds)]):
            many.setdefault(sql, []).append(params)
    for sql, rows in many.items():
        db.executemany(sql, rows)
    like = db.execute("SELECT MIN(case_id) FROM case_step WHERE case_id LIKE 'supply.order:%'")[0][0]
    steps = db.execute(
        "SELECT type, party, actor, at_ms, closed, after, body FROM case_step WHERE case_id = ?", (like,)
    )
    newest = db.execute(
        "SELECT case_id FROM supply_order WHERE case_id NOT IN (SELECT case_id FROM case_step) ORDER BY changed_at_ms DESC LIMIT ?",
        (SHOWN_ORDERS,),
    )
    db.executemany(
        "INSERT INTO case_step (record_id, case_id, type, party, actor, at_ms, closed, after, body) VALUES (?,?,?,?,?,?,?,?,?)",
        [(os.urandom(32).hex(), case_id, *step) for (case_id,) in newest for step in steps],
    )


def _bodies(node: SimNode) -> Iterator[bytes]:
    """Yield bodies of records that differ in their signatures alone: what is in the journal is not checked again, and each is parsed for itself."""
    ((body,),) = node.store.query(
        "SELECT b.body FROM journal_body b JOIN record r ON r.seq = b.seq WHERE r.own = 1 AND r.type LIKE 'supply.%' ORDER BY b.seq LIMIT 1"
    )
    before, _, after = re.split(rb'(?<="sig":")([^"]+)', bytes(body), maxsplit=1)
    while True:
        yield before + b64encode(os.urandom(SIGNATURE_BYTES)) + after


def load(path: Path) -> str:
    """Write the journal of a node that holds all of it, and return the number of one of its orders."""
    node, kinds = bench_supply.templates()
    rng = random.Random(7)  # noqa: S311 # a benchmark repeats itself

    def fill(db: Db, seq: int, entry: Entry) -> None:
        if entry.kind == "load":
            _orders(db, node, kinds)
            bench_dialogue.fill(db, seq, entry)
            bench_exercises.editions(db, rng)
            bench_exercises.training(db, rng)
        elif entry.kind == "put-off":
            db.execute("UPDATE case_due SET due_ms = due_ms + ?", (CENTURY_MS,))
        else:
            db.execute(
                "INSERT INTO record (seq, id, type, issuer, subject, at_ms, exercise, own, standing) VALUES (?, ?, '', '', '', 0, 0, 1, '')",
                (seq, entry.meta["record"]),
            )
            db.execute("INSERT INTO holding (seq, record, channel, epoch, idx) VALUES (?, ?, '', 0, 0)", (seq, seq))

    whole = projections(OFFERED)
    store = open_sqlite(str(path), dataclasses.replace(whole, apply=fill))
    store.commit([Entry("load", 0, {})])
    store.commit(
        [Entry("put-off", 0, {})]
    )  # a node says it where a deadline has passed, and these cases have no records to follow
    records = [record for (record,) in store.query("SELECT record_id FROM case_step ORDER BY record_id")]
    made = zip(records, _bodies(node), strict=False)
    while some := [Entry("held", 0, {"record": record}, body) for record, body in itertools.islice(made, BATCH)]:
        store.commit(some)
    ((case_id,),) = store.query("SELECT MIN(case_id) FROM case_state WHERE kind = 'supply.order'")
    store.close()
    return str(case_id)


# --- pages --------------------------------------------------------------------------------------------------------------------------


async def _asked(browser: Browser, name: str, path: str) -> list[Row]:
    times, used, size = [], [], 0
    for _ in range(TIMES):
        begun, busy = time.perf_counter(), time.process_time()
        status, text = await browser.open(path)
        times.append((time.perf_counter() - begun) * 1000)
        used.append((time.process_time() - busy) * 1000)
        if status != 200:  # noqa: PLR2004 # HTTP's OK
            raise RuntimeError(f"`{path}` answered {status}")
        size = len(text.encode())
    return [
        row(f"page.ms/{name}", statistics.median(times), "ms", LIMIT_MS),
        row(f"page.worst_ms/{name}", max(times), "ms"),
        row(f"page.cpu_ms/{name}", statistics.median(used), "CPU ms, node and browser"),
        row(f"page.bytes/{name}", size, "bytes"),
    ]


async def pages(folder: Path) -> list[Row]:
    """Return what each page takes."""
    order = load(folder / "journal.db")
    found = []
    async with Served(folder, "ind/delhi", domains=OFFERED) as served:
        officers = {role: await signed_in(served, role, role) for role in sorted({role for _, role, _ in PAGES})}
        for name, role, path in PAGES:
            found += await _asked(officers[role], name, path.format(order=order))
    return found


# --- from Japan's receiver to India's screen ----------------------------------------------------------------------------------------

_NOTED = """
() => {
  const count = document.getElementById("count");
  window.seen = [];
  new MutationObserver(() => window.seen.push([parseInt(count.textContent), Date.now()]))
    .observe(count, { childList: true, characterData: true, subtree: true });
}
"""


def screen() -> list[Row]:
    """Return the milliseconds from a sentence at Japan's receiver to the vessel in India's browser; nothing where there is no browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 # a tool of the tests

    from tests.browser import driving  # noqa: PLC0415 # the same

    reason = driving.lacking()
    if reason:
        print(f"browser.vessel left out: {reason}", file=sys.stderr)
        return []
    took = []
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch) / "nodes"
        with driving.demo("--vessels", "120", "--keep", str(folder)) as running:
            browser = driving.launch(playwright)
            page = browser.new_page(viewport=driving.DESKTOP)
            page.goto(running.link["India"])
            driving.drawn(page)
            lat, lon = driving.partners_ship(page)
            page.locator("#filter-text").fill(str(FIRST_MMSI)[:6])
            for _ in range(4):
                page.get_by_role("button", name="Zoom out").click()
            page.wait_for_timeout(1500)
            page.evaluate(_NOTED)
            for number in range(VESSELS):
                at = driving.heard(folder, FIRST_MMSI + number, lat + 0.01 * number, lon + 0.05)
                page.wait_for_timeout(1500)
                seen = [ms for count, ms in page.evaluate("window.seen") if count == number + 1]
                took += [seen[0] - at * 1000] if seen else []
            browser.close()
    if not took:
        raise RuntimeError("no vessel came onto the screen within a second and a half of the next")
    return [
        row("browser.vessel", statistics.median(took), "ms", 2_000.0),
        row("browser.vessel.worst", max(took), "ms"),
        row("browser.vessel.seen", len(took) / VESSELS, "of vessels heard"),
    ]


def run() -> list[Row]:
    """Run all of it."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-pages-") as folder:
        found = asyncio.run(pages(Path(folder)))
    return [*found, *screen()]


if __name__ == "__main__":
    for each in run():
        print(f"{each['name']:36} {each['value']:12,.1f} {each['unit']}")
