"""The hand-over sheet: what the watch that comes must know, on one plain page; and the list of everything that is shown of the watch log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta

from kizuna.domains.maritime.watchlog.queries import (
    AlertsWanted,
    AlertWanted,
    HandoversWanted,
    IncidentsWanted,
    IncidentWanted,
    InterestsWanted,
    RequestsWanted,
    RulesWanted,
    acts_since,
    alert,
    alerts,
    handovers,
    incident,
    incidents,
    interests,
    requests,
    rules,
    rules_of,
)
from kizuna.formats import paper
from kizuna.formats.paper import Paper, Section
from kizuna.kernel.operation import Desk, Document, Query, Wanted

_MOST = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SheetWanted(Wanted, frozen=True):
    """The sheet of which watch: of the one that runs."""

    since_ms: Annotated[
        int | None,
        Meta(description="Tell what was done from this time on, instead of since the last change of the watch."),
    ] = None


def time_words(at_ms: int | None) -> str:
    """Return an instant as an officer writes it, in UTC."""
    if at_ms is None:
        return ""
    try:
        return f"{_EPOCH + timedelta(milliseconds=at_ms):%Y-%m-%d %H:%M:%SZ}"
    except OverflowError:  # a partner may sign any number
        return str(at_ms)


def _cells(*values: Any) -> tuple[str, ...]:
    return tuple("" if value is None else str(value) for value in values)


def _whole(rows: list[Any]) -> tuple[str, ...]:
    """Return the sentence that a list was cut, where it was: a sheet does not keep silent about what it leaves out."""
    return (f"Only the first {_MOST} are printed here.",) if len(rows) >= _MOST else ()


def sheet(desk: Desk, wanted: SheetWanted) -> Document:
    """Return the hand-over sheet as one HTML page: open alerts, what was done since the last change and by whom, what runs with partners."""
    last = next(iter(handovers(desk, HandoversWanted(limit=1))), None)
    since_ms = wanted.since_ms if wanted.since_ms is not None else (0 if last is None else last.at_ms)
    lead = [f"{desk.party}, made {time_words(desk.now_ms)}. All times are UTC."]
    if last is not None:
        lead.append(
            f"The watch last changed at {time_words(last.at_ms)}: {last.by} gave it to {last.to_officer or 'the next'}."
        )
        lead.append(f"Left to say: {last.note}" if last.note else "Nothing was left to say.")
    else:
        lead.append("No change of the watch is on record.")
    made = Paper(
        language="en", title="Hand-over sheet", lead=lead, sections=(*_alert_sections(desk, since_ms), *_partner_sections(desk)),
        foot="Made from the records that this node holds.", made_ms=desk.now_ms, marking=desk.marked(domains=("maritime",)),
    )  # fmt: skip
    return Document(name="hand-over.html", media_type=paper.HTML, data=paper.to_html(made))


def _alert_sections(desk: Desk, since_ms: int) -> tuple[Section, ...]:
    open_alerts = alerts(desk, AlertsWanted(limit=_MOST))
    done = acts_since(desk, since_ms, _MOST)
    written = [row for row in rules_of(desk.db, desk.party, withdrawn=True) if row.at_ms >= since_ms]
    titles = {row.rule: row.title or row.rule for row in rules_of(desk.db, desk.party, withdrawn=True)}
    return (
        Section(
            heading="Open alerts", sentences=_whole(open_alerts), empty="No alert is open.",
            columns=("alert", "raised", "state", "rule", "vessels", "what", "taken by", "note", "traffic"),
            rows=[
                _cells(
                    row.alert, time_words(row.raised_at_ms), row.state + (", urgent" if row.urgent else ""),
                    f"{titles.get(row.rule, row.rule)} (version {row.version})",
                    ", ".join(str(each) for each in (row.mmsi, row.other_mmsi) if each is not None), row.what, row.by, row.text,
                    row.source_kind,
                )
                for row in open_alerts
            ],
        ),
        Section(
            heading="Done since the last change of the watch", sentences=_whole(done), empty="Nothing was done about an alert.",
            columns=("time", "by", "alert", "what", "in words", "incident"),
            rows=[_cells(time_words(row.at_ms), row.by, row.alert, row.act, row.text, row.incident) for row in done],
        ),
        Section(
            heading="Rules written since", empty="No rule was written.", columns=("time", "by", "rule", "version", "in force"),
            rows=[
                _cells(time_words(row.at_ms), row.by, row.title or row.rule, row.version, "yes" if row.standing else "withdrawn")
                for row in written
            ],
        ),
    )  # fmt: skip


def _partner_sections(desk: Desk) -> tuple[Section, ...]:
    running = incidents(desk, IncidentsWanted(state="open", limit=_MOST))
    asked = requests(desk, RequestsWanted(state="asked", limit=_MOST))
    watched = interests(desk, InterestsWanted(limit=_MOST))
    return (
        Section(
            heading="Incidents that run", sentences=_whole(running), empty="No incident runs.",
            columns=("incident", "state", "category", "title", "owner", "lead", "reported"),
            rows=[
                _cells(row.incident, row.state, row.category, row.title, row.owner, row.lead, time_words(row.reported_at_ms))
                for row in running
            ],
        ),
        Section(
            heading="Requests that wait for an answer", sentences=_whole(asked), empty="No request waits.",
            columns=("request", "asked by", "of", "question", "answer by"),
            rows=[_cells(row.request, row.asker, row.addressee, row.question, time_words(row.answer_by_ms)) for row in asked],
        ),
        Section(
            heading="Vessels of interest", sentences=_whole(watched), empty="No vessel is claimed to be of interest.",
            columns=("claim", "vessel", "author", "state", "basis", "until"),
            rows=[
                _cells(row.interest, row.mmsi, row.author, row.state, row.basis, time_words(row.expires_at_ms))
                for row in watched
            ],
        ),
    )  # fmt: skip


QUERIES = (
    Query(name="rules", text="Our rules for alerts.", asks=RulesWanted, run=rules),
    Query(name="alerts", text="Alerts, the newest first.", asks=AlertsWanted, run=alerts),
    Query(name="alert", text="One alert with what was done about it.", asks=AlertWanted, run=alert),
    Query(name="handovers", text="Changes of the watch, the latest first.", asks=HandoversWanted, run=handovers),
    Query(name="hand-over", text="The hand-over sheet as a page.", asks=SheetWanted, run=sheet),
    Query(name="incidents", text="Incidents, the latest first.", asks=IncidentsWanted, run=incidents),
    Query(name="incident", text="One incident with its notes.", asks=IncidentWanted, run=incident),
    Query(name="interests", text="Vessels of interest: whose claim, on what basis, until when.", asks=InterestsWanted, run=interests),
    Query(name="requests", text="Requests for information, the latest first.", asks=RequestsWanted, run=requests),
)  # fmt: skip
