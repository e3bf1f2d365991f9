"""What is shown of training, grants and investment: courses, seats, money by stage, and how far a pledge has come, with every gap named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kizuna.domains.training.cases import TAKEN
from kizuna.domains.training.rules import sums
from kizuna.kernel.operation import Desk, Query, Wanted

_MOST = 1000
RANKED = "CASE confidence WHEN 'primary' THEN 0 WHEN 'stated-in-source' THEN 1 WHEN 'news' THEN 2 WHEN 'derived' THEN 3 ELSE 4 END"
COURSES = (
    "(SELECT c.*, ROW_NUMBER() OVER (PARTITION BY course ORDER BY COALESCE(revision, 0) DESC, record_id) AS nth FROM training_course c"
    " WHERE course LIKE stated_by || '-%')"
)
"""Of each course its newest revision, as its own donor states it."""
LIMIT = Annotated[int, Meta(description="At most so many.", ge=1, le=_MOST)]
_IN = ",".join(f"'{state}'" for state in TAKEN)


class AllWanted(Wanted, frozen=True):
    """All that are held."""

    limit: LIMIT = 200


class SeatsWanted(Wanted, frozen=True):
    """Which seats."""

    course: Annotated[str, Meta(description="Only seats of this course.")] = ""
    state: Annotated[str, Meta(description="Only seats in this state.")] = ""
    limit: LIMIT = 200


class RetentionWanted(Wanted, frozen=True):
    """Which persons: those whose day is past."""

    on: Annotated[
        str, Meta(description="The day on which to look, YYYY-MM-DD.", pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
    ]
    limit: LIMIT = 200


class PledgeShown(msgspec.Struct, frozen=True):
    """One statement of a pledge; several of one pledge stand side by side, the preferred one first."""

    pledge: str
    preferred: bool
    given_by: str | None
    persons_min: int | None
    counting_rule: str | None
    amount_min: str | None
    currency: str | None
    announced_on: str | None
    event: str | None
    period_years: int | None
    beneficiaries: str | None
    asserted_by: str | None
    sources: str | None
    note: str | None


class CourseShown(msgspec.Struct, frozen=True):
    """A course: seats stated, offered to parties, given to persons, delivered; `too_many` tells that more were offered than it has."""

    course: str
    seats: int | None
    offered: int
    too_many: bool
    given: int
    delivered: int
    title: str | None
    school: str | None
    starts_on: str | None
    ends_on: str | None
    pledge: str | None
    counting_rule: str | None


class SeatShown(msgspec.Struct, frozen=True):
    """A seat; the person is a pseudonym, and stands here only while it has the seat."""

    seat: str
    course: str
    beneficiary: str
    state: str
    person: str
    graduated_on: str


class GrantShown(msgspec.Struct, frozen=True):
    """A grant of equipment: how many were pledged and how many handed over."""

    grant: str
    pledge: str
    donor: str
    beneficiary: str
    state: str
    item: str
    quantity: int
    handed_over: int
    handed_over_on: str
    support_until: str


class InvestmentShown(msgspec.Struct, frozen=True):
    """An investment with its sums by stage; a stage without a stated sum has none."""

    investment: str
    home: str
    host: str
    company: str
    kind: str
    corridor: str
    state: str
    announced: dict[str, str]
    committed: dict[str, str]
    realised: dict[str, str]


class InvestmentsShown(msgspec.Struct, frozen=True):
    """Investments and the exact totals of each stage by currency, over all that are held, withdrawn ones apart: announced is not realised."""

    announced: dict[str, str]
    committed: dict[str, str]
    realised: dict[str, str]
    withdrawn: dict[str, str]
    rows: tuple[InvestmentShown, ...]


class IndustryShown(msgspec.Struct, frozen=True):
    """An item of industrial cooperation as somebody states it."""

    item: str
    stage: str | None
    kind: str | None
    stated_on: str | None
    text: str | None
    organisations: str | None
    confidence: str | None
    sources: str | None
    note: str | None


class PersonDue(msgspec.Struct, frozen=True):
    """A note on a person whose day is past; `kizuna release withdraw RECORD --act destroy` destroys it."""

    record: str
    person: str
    retain_until: str


def pledges(desk: Desk, wanted: AllWanted) -> Sequence[PledgeShown]:
    """Return statements of pledges."""
    rows = desk.db.execute(
        "SELECT pledge, COALESCE(preferred, 0), given_by, persons_min, counting_rule, amount_min, currency, announced_on, event,"
        " period_years, beneficiaries, asserted_by, sources, note FROM training_pledge WHERE pledge IS NOT NULL"
        f" ORDER BY pledge, COALESCE(preferred, 0) DESC, {RANKED}, record_id LIMIT ?",
        (wanted.limit,),
    )
    return [PledgeShown(pledge, bool(preferred), *facts) for pledge, preferred, *facts in rows]


def courses(desk: Desk, wanted: AllWanted) -> Sequence[CourseShown]:
    """Return courses, the latest first, with what became of their seats."""
    rows = desk.db.execute(
        "SELECT c.course, c.seats, COALESCE(s.offered, 0), COALESCE(s.given, 0), COALESCE(s.delivered, 0), c.title, c.school, c.starts_on,"
        " c.ends_on, c.pledge, c.counting_rule"
        f" FROM {COURSES} c LEFT JOIN (SELECT course, SUM(CASE WHEN state <> 'withdrawn' THEN 1 ELSE 0 END) AS offered,"
        f" SUM(CASE WHEN state IN ({_IN}) THEN 1 ELSE 0 END) AS given, SUM(delivered) AS delivered FROM training_seat GROUP BY course) s"
        " ON s.course = c.course WHERE c.nth = 1 ORDER BY COALESCE(c.starts_on, '') DESC, c.course LIMIT ?",
        (wanted.limit,),
    )
    return [
        CourseShown(course, stated, offered, offered > (stated or 0), *facts)
        for course, stated, offered, *facts in rows
    ]


def seats(desk: Desk, wanted: SeatsWanted) -> Sequence[SeatShown]:
    """Return seats in their order."""
    limits = {"course = ?": wanted.course, "state = ?": wanted.state}
    given = {test: value for test, value in limits.items() if value}
    where = " AND ".join(given) or "1 = 1"
    rows = desk.db.execute(
        f"SELECT seat, course, beneficiary, state, person, graduated_on FROM training_seat WHERE {where} ORDER BY course, seat_no LIMIT ?",
        (*given.values(), wanted.limit),
    )
    return [SeatShown(*row) for row in rows]


def grants(desk: Desk, wanted: AllWanted) -> Sequence[GrantShown]:
    """Return grants by name."""
    rows = desk.db.execute(
        "SELECT grant_key, pledge, donor, beneficiary, state, item, quantity, handed_over, handed_over_on, support_until"
        " FROM training_grant ORDER BY grant_key LIMIT ?",
        (wanted.limit,),
    )
    return [GrantShown(*row) for row in rows]


def investments(desk: Desk, wanted: AllWanted) -> InvestmentsShown:
    """Return investments by name, with the totals of each stage."""
    states = dict(desk.db.execute("SELECT case_id, state FROM training_investment"))
    money: dict[str, list[tuple[str, str]]] = {}
    by_case: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for case_id, stage, amount, currency in desk.db.execute(
        "SELECT case_id, stage, amount, currency FROM training_money WHERE kind = 'investment'"
    ):
        group = "withdrawn" if states.get(case_id) == "withdrawn" else stage
        if stage in (group, "announced"):
            money.setdefault(group, []).append((amount, currency))
        by_case.setdefault((case_id, stage), []).append((amount, currency))
    rows = desk.db.execute(
        "SELECT case_id, investment, home, host, company, kind, corridor, state FROM training_investment ORDER BY investment LIMIT ?",
        (wanted.limit,),
    )
    stages = ("announced", "committed", "realised")
    return InvestmentsShown(
        **{stage: sums(money.get(stage, ())) for stage in (*stages, "withdrawn")},
        rows=tuple(
            InvestmentShown(*facts, *(sums(by_case.get((case_id, stage), ())) for stage in stages))
            for case_id, *facts in rows
        ),
    )


def industry(desk: Desk, wanted: AllWanted) -> Sequence[IndustryShown]:
    """Return items of industrial cooperation, the latest first."""
    rows = desk.db.execute(
        "SELECT item, stage, kind, stated_on, text, organisations, confidence, sources, note FROM training_industry"
        " WHERE item IS NOT NULL ORDER BY COALESCE(stated_on, '') DESC, item, record_id LIMIT ?",
        (wanted.limit,),
    )
    return [IndustryShown(*row) for row in rows]


def retention(desk: Desk, wanted: RetentionWanted) -> Sequence[PersonDue]:
    """Return the notes on persons whose day is past; names are not among what is shown."""
    rows = desk.db.execute(
        "SELECT record_id, person, retain_until FROM training_person WHERE retain_until < ? ORDER BY retain_until, record_id LIMIT ?",
        (wanted.on, wanted.limit),
    )
    return [PersonDue(*row) for row in rows]


def _query(name: str, text: str, asks: type[Wanted], run: Any) -> Query:
    return Query(name=name, text=text, asks=asks, run=run)


LISTS = (
    _query("pledges", "Pledges, as each source states them.", AllWanted, pledges),
    _query("courses", "Courses, and what became of their seats.", AllWanted, courses),
    _query("seats", "Seats of courses.", SeatsWanted, seats),
    _query("grants", "Grants of equipment.", AllWanted, grants),
    _query("investments", "Investments, with exact totals by stage and currency.", AllWanted, investments),
    _query("industry", "Items of industrial cooperation.", AllWanted, industry),
    Query(
        name="retention",
        text="Notes on persons whose day is past.",
        asks=RetentionWanted,
        run=retention,
        roles=frozenset({"desk"}),
    ),
)
