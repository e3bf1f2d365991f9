"""The roadmap: roadmap, goals and initiatives as somebody states them, and the milestones that both have agreed, with honest slippage."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from kizuna.domains.dialogue import lookup, records, rules
from kizuna.domains.dialogue.meetings import shown
from kizuna.formats.gantt import Bar, gantt
from kizuna.kernel.operation import Desk, Document, Query, Wanted
from kizuna.kernel.statement import day_of

_OVER = ("done", "cancelled")


class RoadmapWanted(Wanted, frozen=True):
    """Which part of the roadmap."""

    initiative: Annotated[str, Meta(description="Only milestones of this initiative.")] = ""
    owner: Annotated[str, Meta(description="Only milestones that this party owns.")] = ""
    limit: Annotated[int, Meta(description="At most so many milestones, the earliest first.", ge=1, le=1000)] = 200


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """A roadmap, goal or initiative; `horizon_on` is as precise as it is known."""

    item: str
    kind: str
    parent: str
    title: str
    horizon_on: str
    commitment: str
    note: str
    told_by: tuple[str, ...]


class MilestoneRow(msgspec.Struct, frozen=True, kw_only=True):
    """A milestone.

    `baseline_on` never moves; `slipped_days` is forecast, or actual day, minus baseline; `waits_on` are those before it that are not done.
    """

    milestone: str
    state: str
    owner_party: str
    initiative: str
    title: str
    baseline_on: str
    forecast_on: str
    actual_on: str
    slipped_days: int | None
    days_overdue: int
    forecasts: int
    waits_on: tuple[str, ...]
    waits_for: str


class RoadmapShown(msgspec.Struct, frozen=True):
    """The roadmap."""

    items: tuple[ItemRow, ...]
    milestones: tuple[MilestoneRow, ...]


def roadmap(desk: Desk, wanted: RoadmapWanted) -> RoadmapShown:
    """Return the roadmap's frame and its milestones, the earliest baseline first."""
    return RoadmapShown(_items(desk), milestones(desk, wanted))


def _items(desk: Desk) -> tuple[ItemRow, ...]:
    return tuple(
        ItemRow(
            item=found.name, told_by=found.told_by,
            **{name: str(shown(found.body, name) or "") for name in ("kind", "parent", "title", "horizon_on", "commitment", "note")},
        )
        for found in lookup.told(desk.db, records.ROADMAP)
    )  # fmt: skip


def milestones(desk: Desk, wanted: RoadmapWanted) -> tuple[MilestoneRow, ...]:
    """Return milestones, the earliest baseline first."""
    tests = {"m.initiative = ?": wanted.initiative, "m.owner_party = ?": wanted.owner}
    given = {test: value for test, value in tests.items() if value}
    rows = [*desk.db.execute(
        "SELECT m.name, m.state, m.owner_party, m.initiative, m.title, m.baseline_on, m.forecast_on, m.actual_on, m.depends_on, s.waits_for,"
        " (SELECT COUNT(*) FROM dialogue_forecast f WHERE f.case_id = m.case_id)"
        " FROM dialogue_milestone m JOIN case_state s ON s.case_id = m.case_id"
        f" WHERE {' AND '.join(given) or '1 = 1'} ORDER BY m.baseline_on, m.name LIMIT ?",
        (*given.values(), wanted.limit),
    )]  # fmt: skip
    before = sorted({name for row in rows for name in row[8].split()})
    done = {
        name
        for (name,) in desk.db.execute(
            f"SELECT name FROM dialogue_milestone WHERE state = 'done' AND case_id IN ({','.join('?' * len(before)) or 'NULL'})",
            [f"dialogue.milestone:{name}" for name in before],
        )
    }
    today = day_of(desk.now_ms)
    made = []
    for name, state, owner, initiative, title, baseline, forecast, actual, depends_on, waits_for, moved in rows:
        due = rules.days_between(forecast, today) or 0
        made.append(
            MilestoneRow(
                milestone=name, state=state, owner_party=owner, initiative=initiative, title=title, baseline_on=baseline,
                forecast_on=forecast or "", actual_on=actual or "", slipped_days=rules.days_between(baseline, actual or forecast),
                days_overdue=0 if state in _OVER else max(0, due), forecasts=moved,
                waits_on=tuple(each for each in depends_on.split() if each not in done), waits_for=waits_for,
            )
        )  # fmt: skip
    return tuple(made)


def chart(desk: Desk, wanted: RoadmapWanted) -> Document:
    """Return the milestones as a chart: where each was planned, where it is expected, where it was reached; one without a known day is left out."""
    bars = [
        Bar(
            label=f"{row.title} ({row.owner_party})", planned_on=planned, expected_on=rules.exact(row.actual_on or row.forecast_on) or planned,
            state=row.state,
        )
        for row in milestones(desk, wanted)
        if (planned := rules.exact(row.baseline_on))
    ]  # fmt: skip
    return Document(
        "roadmap.svg", "image/svg+xml", gantt("Roadmap", bars, day_of(desk.now_ms), desk.marked(domains=("dialogue",)))
    )


QUERIES = (
    Query(name="roadmap", text="Goals, initiatives and milestones with slippage.", asks=RoadmapWanted, run=roadmap),
    Query(name="chart", text="The milestones as an SVG chart.", asks=RoadmapWanted, run=chart),
)
