"""The liaison officer's pages: channels, what was withheld and by which clause, alerts, and each record with where it went and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from kizuna.kernel.channel import wire
from kizuna.kernel.label import PARTY, Grade, Label
from kizuna.node.held.facts import outstanding_bundles
from kizuna.web import reads
from kizuna.web.access import CARRIERS, LIAISONS, OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.catalogue import Words
from kizuna.web.errors import NotHeldError
from kizuna.web.pages.compare import entries
from kizuna.web.pages.exchange import taken_back
from kizuna.web.pages.page import Pages, Task, View, number, route
from kizuna.web.pages.rehearsals import Clause, clause_named

CHANNELS = Task("/channels", "Channels", OFFICERS)
WITHHOLDERS = LIAISONS | {"desk", "watch"}
WITHHELD = Task("/withheld", "Withheld", WITHHOLDERS)
ALERTS = Task("/alerts", "Alerts", OFFICERS)
_CLAUSE = "provision:"
_LOOKED_AT = 2000
_MOST_RECORDS = 100
_ALERTS = 50
REASONS = {
    "no-instrument": "no agreement between the two was in force",
    "no-provision": "no clause speaks of this kind of record",
    "releasability": "its label does not name the partner",
    "level": "it is graded above what the clause allows",
    "purpose": "label and clause share no purpose",
    "expired": "label or agreement was not in force",
    "no-equivalence": "the agreement does not translate its marking",
    "no-consent": "its originator's consent is not at hand",
    "held": "the partner holds what it may of it already",
}


def liaison_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of channels, withholding, alerts and records."""
    return [*_lists(pages), *_record(pages)]


def _lists(pages: Pages) -> list[ControllerRouterHandler]:
    @get("/channels", sync_to_thread=True, **route(pages, OFFICERS))
    def channels(request: Call) -> Response[str]:
        view = pages.view(request)
        state = reads.status(view.node, view.office.health())
        with view.node.store.view() as db:
            bundles = {
                each.node: outstanding_bundles(db, wire.channel_name(state.node, each.node), state.now_ms)
                for each in state.channels
            }
        lags = {each.node: _lag_s(each, state.now_ms) for each in state.channels}
        unconfirmed = {
            each.node: sum(not row.confirmed_at_ms for row in taken_back(view, each.node)) for each in state.channels
        }
        parted = {each.node: _parted_ms(view, each) for each in state.channels}
        instruments = sorted(reads.instruments(view.agreements, state.now_ms), key=_in_force_first)
        return view.page(
            "channels.html", state=state, bundles=bundles, instruments=instruments, lags=lags, unconfirmed=unconfirmed, parted=parted,
            may_compare=view.role in CARRIERS and view.sees_all,
        )  # fmt: skip

    @get("/withheld", sync_to_thread=True, **route(pages, WITHHOLDERS))
    def withheld(request: Call) -> Response[str]:
        view = pages.view(request)
        with view.node.store.view() as db:
            rows = [(row, clause_of(view, row.reason)) for row in reads.withheld(db) if _within(view, row.grade)]
        view.sight.labels += [_counted(view, row.grade) for row, _ in rows]
        return view.page("withheld.html", rows=rows, reasons=REASONS)

    @get("/withheld/records", sync_to_thread=True, **route(pages, WITHHOLDERS))
    def records(request: Call) -> Response[str]:
        view = pages.view(request)
        asked = {name: request.query_params.get(name, "") for name in ("party", "type", "reason")}
        found = [row for row in _records(view, **asked) if view.sight.record(row["record"])]
        return view.page(
            "withheld_records.html", rows=found, asked=asked, clause=clause_of(view, asked["reason"]), reasons=REASONS
        )

    @get("/alerts", sync_to_thread=True, **route(pages, OFFICERS))
    def alerts(request: Call) -> Response[str]:
        view = pages.view(request)
        before = request.query_params.get("before", "")
        with view.node.store.view() as db:
            found = reads.alerts(db, number(before, 1 << 53), _ALERTS)
        return view.page("alerts.html", alerts=found, more=len(found) == _ALERTS)

    return [channels, withheld, records, alerts]


def _lag_s(channel: reads.ChannelState, now_ms: int) -> int | None:
    """Return for how many seconds the oldest thing that may go waits; None where nothing does."""
    return max(0, now_ms - channel.out_due_since_ms) // 1000 if channel.out_due else None


def _parted_ms(view: View, channel: reads.ChannelState) -> int:
    """Return since when the first entry beyond the partner's receipt is in our log, 0 where there is none."""
    log = {"channel": wire.channel_name(view.office.node.identity.node, channel.node), "epoch": channel.out_epoch}
    return next((each.at_ms for each in entries(view, "out", log, channel.out_receipted, 1)), 0)


def _in_force_first(state: reads.InstrumentState) -> tuple[bool, str, str]:
    return not (state.in_force and state.current), state.id, state.version


def _counted(view: View, grade: str) -> Label:
    """Return the label of what is counted, of which only the grades are kept."""
    parts = [part.rpartition(":") for part in grade.split(",") if part]
    return Label(
        tuple(Grade(policy, int(level)) for policy, _, level in sorted(parts)),
        frozenset({view.office.node.identity.party}),
    )


def _within(view: View, grade: str) -> bool:
    levels = [int(part.rpartition(":")[2]) for part in grade.split(",") if part]
    account = view.account
    return account is not None and not view.sight.foreign and max(levels, default=1 << 10) <= account.clearance


def _records(view: View, party: str, type: str, reason: str) -> Iterator[dict[str, Any]]:  # noqa: A002 # the word of the page's address
    """Yield the newest own records of a type that were withheld from a party for a reason, as the journal says."""
    rows = view.node.store.query(
        "SELECT r.id, r.at_ms, r.subject, e.header FROM"
        " (SELECT id, at_ms, subject, seq FROM record WHERE own = 1 AND type = ? ORDER BY seq DESC LIMIT ?) r"
        " JOIN journal_entry e ON e.seq = r.seq ORDER BY r.seq DESC",
        (type, _LOOKED_AT),
    )
    count = 0
    for record_id, at_ms, subject, header in rows:
        held = msgspec.json.decode(bytes(header))["meta"].get("held", ())
        if any(to == party and why == reason for to, why, _ in held):
            yield {"record": record_id, "at_ms": at_ms, "subject": subject}
            count += 1
            if count == _MOST_RECORDS:
                return


def clause_of(view: View, reason: str) -> Clause | None:
    """Return the clause that a reason names, None where it names none that is held."""
    return clause_named(view, reason.removeprefix(_CLAUSE)) if reason.startswith(_CLAUSE) else None


# --- one record -------------------------------------------------------------------------------------------------------------------


def _record(pages: Pages) -> list[ControllerRouterHandler]:
    options = route(pages, OFFICERS)

    @get("/records/{record_id:str}", sync_to_thread=True, **options)
    def record(request: Call, record_id: FromPath[str]) -> Response[str]:
        view = pages.view(request)
        if not view.sight.record(record_id):
            raise NotHeldError("no such record is held")
        found = reads.record_shown(view.node, record_id)
        view.words = Words(
            view.words.language, found.type.partition(".")[0]
        )  # its fields are called as its desk calls them
        to = request.query_params.get("to", "")
        parties = sorted({each.party for each in reads.partners(view.node)})
        why = explained(view, record_id, to) if PARTY(to) else None
        clauses = {place.provision: clause_of(view, _CLAUSE + place.provision) for place in found.released}
        payload, about = _facts(found.facts)
        return view.page(
            "record.html", record=found, payload=payload, about=about, to=to, parties=parties, why=why, clauses=clauses,
        )  # fmt: skip

    return [record]


def explained(view: View, record_id: str, to: str) -> reads.Explained:
    """Return why a record may or may not go to a party now, in the reader's language."""
    return reads.explained(view.node, record_id, to, view.now_ms, view.words.language, "")


def _facts(facts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a record says, items of a list together, and what it says of itself."""
    payload: dict[str, Any] = {}
    about: dict[str, Any] = {}
    for name, value in facts.items():
        first, _, rest = name.partition("/")
        if first == "releasable_to":
            about.setdefault(first, []).append(rest)
        elif first == "caveats":
            about.setdefault(first, []).extend(value if isinstance(value, list) else [])
        elif first != "payload":
            about[name] = value
        elif "/" in rest:
            payload.setdefault(rest.partition("/")[0], []).append(value)
        else:
            payload[rest] = value
    return payload, about
