"""How long the pages of exercises and training wait: each query at 5,000 editions, 20,000 seats and 2,000 investments, the slowest of five.

Rows are written straight into the tables that records would fill; the time is the CPU time of the query as the interface runs it, in milliseconds.
"""

import random
import time
from collections.abc import Callable
from typing import Any

from kizuna.domains.exercises import DOMAIN as EXERCISES
from kizuna.domains.exercises.projections import EDITION_COLUMNS, insert, row_of
from kizuna.domains.exercises.records import Force
from kizuna.domains.training import DOMAIN as TRAINING
from kizuna.kernel import canonical, labelled
from kizuna.kernel.casework import Kinds
from kizuna.kernel.domain import Domain
from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.kernel.label import label
from kizuna.kernel.operation import Desk
from kizuna.storage.sqlite import open_sqlite

EDITIONS, SEATS, INVESTMENTS, COURSES, TRANSACTIONS = 5_000, 20_000, 2_000, 1_000, 2_000
RECORDS = 100_000
"""Whose labels a document joins: some for each row."""
MARK = canonical.encode(label("bench.v1", 0, originator="jpn")).decode()
RUNS = 5
STATES = ("offered", "nominated", "confirmed", "attending", "graduated", "followed-up", "withdrawn")
PLEDGE = "jpn-pledge"
ASKED: dict[str, dict[str, Any]] = {
    "edition": {"edition": "series-17-77"}, "progress": {"pledge": PLEDGE}, "iati": {"pledge": PLEDGE}, "gaps-csv": {"pledge": PLEDGE},
    "retention": {"on": "2030-01-01"},
}  # fmt: skip


def editions(db: Db, rng: random.Random) -> None:
    """Put the editions into the table."""
    for number in range(EDITIONS):
        year, month, day = 2000 + number % 28, 1 + number % 12, 1 + number % 20
        forces = tuple(
            Force(
                party=party,
                unit=f"unit {rng.randrange(90)}",
                unit_type=rng.choice(("ship", "combat-aircraft", "infantry-unit")),
            )
            for party in ("ind", "jpn")
        )
        live = rng.randrange(30) if number % 3 else None
        values = {
            "edition": f"series-{number % 60}-{number}", "series": f"series-{number % 60}", "name": f"Exercise {number}", "state": "held",
            "starts_on": f"{year}-{month:02}-{day:02}", "ends_on": f"{year}-{month:02}-{day + 5:02}", "place": "Bay of Bengal",
            "host": "ind", "parties": ("ind", rng.choice(("jpn", "usa", "aus", "fra")), "jpn"), "domains": ("maritime",),
            "services": ("navy",), "warfare_areas": tuple(rng.sample(("mine", "anti-submarine", "boarding"), 2)), "forces": forces,
            "serials_live": live, "serials_night": live, "serials_live_fire": 0, "serials_cross_deck": 0, "preferred": True,
            "confidence": "news", "sources": ("https://example.org",), "stated_by": "ind",
        }  # fmt: skip
        insert(db, "exercises_edition", EDITION_COLUMNS, row_of(values, case_id="", record_id=f"{number:064x}"))


def training(db: Db, rng: random.Random) -> None:
    """Put a pledge with its courses, seats, money and investments into the tables."""
    db.execute(
        "INSERT INTO training_pledge (record_id, stated_by, pledge, given_by, persons_min, counting_rule, amount_min, currency, period_years,"
        " announced_on, preferred, text) VALUES ('1', 'jpn', ?, 'jpn', 20000, 'persons', '2000000000', 'USD', 3, '2026-01-01', 1, 'x')",
        (PLEDGE,),
    )
    for number in range(COURSES):
        db.execute(
            "INSERT INTO training_course (record_id, stated_by, course, revision, pledge, title, starts_on, ends_on, seats, counting_rule)"
            " VALUES (?, 'jpn', ?, 1, ?, 'A course', '2027-01-01', '2027-01-28', 20, 'persons')",
            (f"c{number}", f"jpn-course-{number}", PLEDGE),
        )
        db.execute(
            "INSERT INTO training_evidence (record_id, stated_by, about, title, sha256) VALUES (?, 'jpn', ?, 'list', 'x')",
            (f"e{number}", f"course:jpn-course-{2 * number}"),
        )
    for number in range(SEATS):
        course, state = f"jpn-course-{number % COURSES}", rng.choice(STATES)
        person = "" if state in ("offered", "withdrawn") else f"ind-p-{number}"
        db.execute(
            "INSERT INTO training_seat (case_id, seat, course, seat_no, pledge, donor, beneficiary, state, person, graduated_on, certificate,"
            " delivered) VALUES (?,?,?,?,?, 'jpn', 'ind', ?, ?, '', '', ?)",
            (
                f"s{number}", f"{course}-{number // COURSES:03}", course, number // COURSES, PLEDGE, state, person,
                int(state in ("graduated", "followed-up")),
            ),
        )  # fmt: skip
    for number in range(TRANSACTIONS):
        db.execute(
            "INSERT INTO training_transaction (record_id, stated_by, transaction_key, pledge, kind, amount, currency, value_on, beneficiary)"
            " VALUES (?, 'jpn', ?, ?, ?, ?, 'USD', '2026-05-01', 'idn')",
            (
                f"t{number}",
                f"t-{number}",
                PLEDGE,
                rng.choice(("commitment", "disbursement")),
                f"{rng.randrange(10**6)}.25",
            ),
        )
    for number in range(INVESTMENTS):
        key = f"training.investment:jpn-{number}"
        db.execute(
            "INSERT INTO training_investment (case_id, investment, home, host, state, company, corridor, kind)"
            " VALUES (?, ?, 'jpn', 'ind', 'realised', 'a firm', '', 'fdi')",
            (key, f"jpn-{number}"),
        )
        for nth, stage in enumerate(("announced", "committed", "realised")):
            db.execute(
                "INSERT INTO training_money (case_id, nth, kind, stage, pledge, amount, currency, value_on, evidence)"
                " VALUES (?, ?, 'investment', ?, '', ?, 'INR', '2026-01-01', '')",
                (key, nth, stage, str(rng.randrange(10**9))),
            )


def _slowest(domain: Domain, fill: Callable[[Db, random.Random], None]) -> list[dict[str, Any]]:
    def apply(db: Db, _seq: int, _entry: Entry) -> None:
        fill(db, random.Random(7))  # noqa: S311 # a benchmark repeats itself
        types = sorted(domain.records)
        db.executemany(
            "INSERT INTO labelled (record_id, type, subject, label, exercise) VALUES (?,?,'',?,0)",
            [(f"{number:064x}", types[number % len(types)], MARK) for number in range(RECORDS)],
        )

    store = open_sqlite(
        ":memory:", Projections("1", (*labelled.SCHEMA, *domain.schema), (*labelled.TABLES, *domain.tables), apply)
    )
    store.commit([Entry(kind="record", at_ms=0, meta={})])
    rows = []
    for query in domain.queries:
        asked = query.asks(**ASKED.get(query.name, {}))
        worst = 0.0
        for _ in range(RUNS):
            with store.view() as db:
                desk = Desk(
                    db=db, now_ms=1_800_000_000_000, party="ind", actor="officer:1:desk", kinds=Kinds({}, {}),
                    random=random.Random(1).randbytes,  # noqa: S311 # the same
                )  # fmt: skip
                start = time.thread_time()
                query.run(desk, asked)
                worst = max(worst, time.thread_time() - start)
        name = f"{domain.name}.query.{query.name}"
        rows.append({"name": name, "value": worst * 1000, "unit": "CPU ms, slowest of 5", "peer": None, "ratio": None})
    store.close()
    return rows


def run() -> list[dict[str, Any]]:
    """Return the slowest of five runs of every query."""
    return [*_slowest(EXERCISES, editions), *_slowest(TRAINING, training)]
