"""How fast the pages of the dialogue answer with five thousand commitments, and how fast their tables are made anew from the journal.

A partnership of some 700 meetings in twelve mechanisms, each commitment with owners, evidence, progress, scores and a restatement, some three
hundred milestones; every case is folded from its steps by the code that the node runs. The steps are put into the tables without signatures: what
is measured is the folding and the queries.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.dialogue import DOMAIN, steps
from kizuna.domains.dialogue.records import MechanismDescribed
from kizuna.domains.dialogue.rules import paragraph_sha256
from kizuna.kernel import canonical, casework, labelled
from kizuna.kernel.case import CaseEndorsed
from kizuna.kernel.casework import Kinds
from kizuna.kernel.domain import Fact, tellers
from kizuna.kernel.instrument import day_ms
from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.kernel.label import label
from kizuna.kernel.operation import Desk
from kizuna.kernel.record import Body
from kizuna.storage.sqlite import SqliteStore, open_sqlite

COMMITMENTS = 5_000
MEETINGS = 720
MILESTONES = 300
MECHANISMS = 12
REPEATS = 30
NOW_MS = day_ms("2026-09-21")
START = date(2008, 1, 1)
DAY_MS = 86_400_000
DOMAINS = (CASE, DOMAIN)
KINDS = Kinds.of((domain.records, domain.cases) for domain in DOMAINS)
TEXT = "The two ministers agreed to hold the exercise of their forces at an early date, and to report on it at their next meeting."
MARK = label("bench.v1", 0, originator="ind")
Said = tuple[str, Body | int]
"""A party with a step, or with the place of the step that it signs."""


def _day(number: int) -> str:
    return (START + timedelta(days=number)).isoformat()


def _meeting(number: int) -> Iterator[Said]:
    day = _day(number * 9)
    when = {"starts_on": day, "ends_on": day, "place": "Tokyo"}
    mechanism, ordinal = f"mechanism-{number % MECHANISMS:02}", number // MECHANISMS + 1
    yield (
        "ind",
        steps.MeetingProposed(mechanism=mechanism, guest="jpn", ordinal=ordinal, title=f"meeting {number}", **when),
    )
    yield "jpn", 0
    for item in range(4):
        yield "ind", steps.AgendaItemAdded(title=f"item {item}", owner_party="jpn")
    yield "ind", steps.MeetingHeld(**when)
    open_before = range(number % MECHANISMS, MEETINGS - 24, MECHANISMS) if number >= MEETINGS - 24 else ()
    carried = [
        f"ind-commitment-{each}" for meeting in open_before for each in range(meeting, COMMITMENTS, MEETINGS - 24)
    ]
    yield "ind", steps.MeetingReported(
        decisions=(steps.Decision("decided"),), dispositions=tuple(steps.Disposition(name, "carried") for name in carried[1:])
    )  # fmt: skip


def _commitment(number: int) -> Iterator[Said]:
    meeting = number % (MEETINGS - 24)
    made_on = _day(meeting * 9)
    due_on = None if number % 3 else _day(meeting * 9 + 900)
    given: dict[str, Any] = {} if due_on is None else {"due_on": due_on}
    yield "ind", steps.CommitmentIdentified(
        other="jpn", text=f"commitment {number} of the two parties", strength="agrees", actors=("ind", "jpn"), meeting=f"ind-meeting-{meeting}",
        mechanism=f"mechanism-{meeting % MECHANISMS:02}", made_on=made_on, first_made_at=f"ind-meeting-{meeting}", first_made_on=made_on,
        minute="ind-text", paragraph=1, language="en", paragraph_text=TEXT, paragraph_sha256=paragraph_sha256(TEXT), **given,
    )  # fmt: skip
    yield "jpn", 0
    yield "ind", steps.OwnerAssigned(owner=f"office-{number % 60}")
    yield "jpn", steps.OwnerAssigned(owner=f"bureau-{number % 60}")
    yield "ind", steps.WorkStarted()
    yield "jpn", steps.EvidenceAttached(on=_day(meeting * 9 + 200), text="exercise held", ref="exercise")
    yield "ind", steps.ProgressReported(assessment="on-course", text="as planned", as_of=_day(meeting * 9 + 300))
    for party in ("ind", "jpn"):
        yield party, steps.ScoreGiven(
            value=1, rationale="done", evidence=(_id(f"commitment-{number}", 5),), from_on=made_on, as_of=_day(meeting * 9 + 400), guideline="g@1"
        )  # fmt: skip
    if number % 5 == 0:
        yield "ind", steps.DoneClaimed(done_on=_day(meeting * 9 + 210), text="done")
        yield "jpn", steps.DoneAccepted()


def _milestone(number: int) -> Iterator[Said]:
    day = 7_000 + number * 20
    yield (
        "ind",
        steps.MilestonePlanned(
            other="jpn",
            owner_party="ind",
            initiative=f"initiative-{number % 20}",
            title=f"m {number}",
            baseline_on=_day(day),
        ),
    )
    yield "jpn", 0
    yield "ind", steps.ForecastMoved(forecast_on=_day(day + 90), reason="talks go on")


def _id(case: str, place: int) -> str:
    return canonical.b64(f"{case}/{place}".encode().ljust(48, b"."))[:64]


def _rows(kind: str, key: str, said: Iterator[Said], at_ms: int) -> Iterator[tuple[Any, ...]]:
    """Yield the steps of a case as rows, each after the one before."""
    wire = {record_class: name for name, record_class in DOMAIN.records.items()}
    case = f"dialogue.{kind}:ind-{key}"
    for place, (party, each) in enumerate(said):
        body = CaseEndorsed(endorses=_id(key, each)) if isinstance(each, int) else each
        type_ = "case.endorsed.v1" if isinstance(each, int) else wire[type(body)]
        after = [_id(key, place - 1)] if place else []
        yield (
            _id(key, place), case, type_, party, f"officer:{party}:desk", at_ms + place, 1, canonical.encode(after).decode(),
            canonical.encode(body).decode(),
        )  # fmt: skip


def _steps() -> Iterator[tuple[Any, ...]]:
    for number in range(MEETINGS):
        yield from _rows("meeting", f"meeting-{number}", _meeting(number), NOW_MS - DAY_MS + 100 * number)
    for number in range(COMMITMENTS):
        yield from _rows("commitment", f"commitment-{number}", _commitment(number), NOW_MS - 2 * DAY_MS)
    for number in range(MILESTONES):
        yield from _rows("milestone", f"milestone-{number}", _milestone(number), NOW_MS - DAY_MS)


def fill(db: Db, _seq: int, _entry: Entry) -> None:
    """Put mechanisms, and the steps of all cases, into the tables."""
    for number in range(MECHANISMS):
        name = f"mechanism-{number:02}"
        body = MechanismDescribed(
            mechanism=name, title=name, level="minister", parties=("ind", "jpn"), cadence_months=12
        )
        DOMAIN.apply[MechanismDescribed](db, Fact(
            record_id=f"{number:064x}", type="dialogue.mechanism-described.v1", body=body, issuer="ind", node="ind/n", actor="officer:1:desk",
            subject="", at_ms=0, label=MARK, exercise="", own=True,
        ))  # fmt: skip
    rows = [*_steps()]
    db.executemany(
        "INSERT INTO case_step (record_id, case_id, type, party, actor, at_ms, closed, after, body) VALUES (?,?,?,?,?,?,?,?,?)",
        rows,
    )
    mark = canonical.encode(MARK).decode()
    db.executemany(
        "INSERT INTO labelled (record_id, type, subject, label, exercise) VALUES (?,?,?,?,0)",
        [(row[0], row[2], row[1], mark) for row in rows],
    )
    db.executemany(
        "INSERT INTO case_dirty (case_id) VALUES (?) ON CONFLICT (case_id) DO NOTHING", [(row[1],) for row in rows]
    )


def _made() -> tuple[SqliteStore, float]:
    store = open_sqlite(":memory:", Projections(
        "1", (*labelled.SCHEMA, *(each for domain in DOMAINS for each in domain.schema)),
        (*labelled.TABLES, *(each for domain in DOMAINS for each in domain.tables)), fill,
        lambda db: casework.settle(db, KINDS),
    ))  # fmt: skip
    store.commit([Entry(kind="record", at_ms=0, meta={})])
    started = time.perf_counter()
    store.rebuild()
    return store, time.perf_counter() - started


ASKED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("board", "commitments", {}),
    ("board_owner", "commitments", {"owner": "office-7"}),
    ("board_overdue", "commitments", {"overdue": True}),
    ("board_mechanism", "commitments", {"mechanism": "mechanism-03"}),
    ("meeting", "meeting", {"meeting": "ind-meeting-700"}),
    ("mechanisms", "mechanisms", {}),
    ("series", "series", {"mechanism": "mechanism-03"}),
    ("commitment", "commitment", {"commitment": "ind-commitment-4321"}),
    ("vanished", "vanished", {}),
    ("roadmap", "roadmap", {}),
    ("brief", "brief", {"mechanism": "mechanism-03"}),
)


def _measured(store: SqliteStore, name: str, wanted: dict[str, Any]) -> float:
    query = next(query for query in DOMAIN.queries if query.name == name)

    def ask() -> Any:
        with store.view() as db:
            desk = Desk(
                db=db,
                now_ms=NOW_MS,
                party="ind",
                actor="officer:1:desk",
                kinds=KINDS,
                random=bytes,
                tellers=tellers(DOMAINS),
            )
            return query.run(desk, query.asks(**wanted))

    assert ask(), name
    return statistics.median(_timed(ask) for _ in range(REPEATS)) * 1e3


def _timed(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def run() -> list[dict[str, Any]]:
    """Measure the queries that pages show, and the making of the tables."""
    store, rebuilt_s = _made()
    (count,) = store.query("SELECT COUNT(*) FROM dialogue_commitment WHERE state <> 'identified'")
    assert count == (COMMITMENTS,), count
    (scores,) = store.query("SELECT COUNT(*) FROM dialogue_score")
    assert scores == (2 * COMMITMENTS,), scores
    cases = COMMITMENTS + MEETINGS + MILESTONES
    rows = [(f"dialogue.query.{name}", _measured(store, query, wanted), "ms") for name, query, wanted in ASKED]
    rows.append(("dialogue.rebuild", cases / rebuilt_s, "cases/s"))
    store.close()
    return [{"name": name, "value": value, "unit": unit, "peer": None, "ratio": None} for name, value, unit in rows]
