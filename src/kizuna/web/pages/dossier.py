"""The dossier of one vessel: who it says it is and was, who said so and when, its voyage, track and events, and what of it went to whom.

Each fact is judged by the record that says it; what the officer may not see is not there and is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.identity import flag_of, vessel_of
from kizuna.domains.maritime.identity_desk import held_links
from kizuna.domains.maritime.operations import vessel_subject
from kizuna.domains.maritime.records import SIMULATED, STATIC_FIELDS, STATIC_REPORTED, StaticReported
from kizuna.domains.maritime.watchlog.queries import InterestRow, standing_interests
from kizuna.kernel import record
from kizuna.kernel.journal import Db
from kizuna.node.held import facts
from kizuna.node.maritime import tracks
from kizuna.web import shown
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.looking import kind_of
from kizuna.web.pages.page import View, route
from kizuna.web.pages.sea import MARITIME, Sea

MOST_EVENTS = 30
MOST_SAID = 200
MOST_BATCHES = 40
MOST_POINTS = 50
TRACK_MS = 24 * 3_600_000


class Told(msgspec.Struct, frozen=True):
    """What one party's newest report says a vessel is."""

    party: str
    source: str
    at_ms: int
    record: str
    facts: dict[str, int | str]


class Changed(msgspec.Struct, frozen=True):
    """A fact that a party once said otherwise; `before` is None where it had not said it."""

    party: str
    at_ms: int
    name: str
    before: int | str | None
    after: int | str
    record: str


class Went(msgspec.Struct, frozen=True):
    """A record about the vessel that was released: to which channel, and whether it is receipted."""

    record: str
    type: str
    channel: str
    receipted: bool


class Alerted(msgspec.Struct, frozen=True):
    """An alert that speaks of the vessel, and where it stands."""

    alert: str
    rule: str
    kind: str
    state: str
    at_ms: int
    record: str


def dossier_pages(sea: Sea) -> list[ControllerRouterHandler]:
    """Return the route of dossiers."""
    pages = sea.pages

    @get(
        "/vessels/{mmsi:int}", **route(pages, OFFICERS),
        sync_to_thread=True,
    )  # fmt: skip
    def dossier(request: Call, mmsi: FromPath[int]) -> Response[str]:
        view = pages.view(request)
        asked = request.query_params.get("simulated")
        simulated = asked == "true" or (asked is None and sea.picture_of(view).vessel(mmsi) is None)
        row = sea.vessel(view, mmsi, simulated=simulated)
        parties = view.sight.issuers({MARITIME})
        track = tracks.track_of(
            sea.picture_of(view).archives, mmsi, parties, view.now_ms - TRACK_MS, view.now_ms + 1, simulated=simulated
        )
        return view.page(
            "dossier.html", vessel=row, track=track, points=_points(track), place=shown.place, flag=flag_of(mmsi) or "",
            kind=kind_of(row.static.get("ship_type")), origin=_origin(row.told_by, sea.party), **_said(sea, view, mmsi, simulated=simulated),
        )  # fmt: skip

    return [dossier]


def _origin(told_by: Iterable[str], party: str) -> str:
    parties = {who.partition("/")[0] for who in told_by}
    return "own" if parties == {party} else "fused" if party in parties else "partner"


def _points(track: tracks.TrackShown) -> list[dict[str, object]]:
    """Return the newest rows of a track, the newest first."""
    count = len(track.time_ms)
    return [
        {
            "time_ms": track.time_ms[nth], "lat_600000": track.lat_600000[nth], "lon_600000": track.lon_600000[nth],
            "speed_dkn": tracks.told(track.speed_dkn[nth]), "course_ddeg": tracks.told(track.course_ddeg[nth]),
            "source": track.sources[track.source[nth]],
        }
        for nth in range(count - 1, max(-1, count - 1 - MOST_POINTS), -1)
    ]  # fmt: skip


def _said(sea: Sea, view: View, mmsi: int, *, simulated: bool) -> dict[str, Any]:
    """Return what records say of a vessel, as far as the officer may see them."""
    seen, parties = view.sight.record, view.sight.issuers({MARITIME})
    with view.node.store.view() as db:
        reports = [each for each in said_of(view, db, mmsi, simulated=simulated) if seen(each.record)]
        links = [link for link in held_links(db) if seen(link.record_id)]
        used = () if simulated else vessel_of(f"mmsi:{mmsi:09}", links)[1]
        events = [each for each in events_of(db, mmsi, simulated=simulated) if seen(each.record_id)]
        alerts = [each for each in alerts_of(db, mmsi, sea.party, simulated=simulated) if seen(each.record)]
        interests = [each for each in _interests(db, mmsi, view.now_ms) if each.author in parties]
        went = [each for each in released_of(db, mmsi) if seen(each.record)]
        batches = [each for each in batches_of(db) if seen(each.record)]
    held = {each.record for each in batches if mmsi in sea.picture_of(view).vessels_in(each.record)}
    return {
        "told": newest(reports), "changes": changes(reports), "links": used, "events": events,
        "alerts": alerts, "interests": interests, "went": went, "batches": [each for each in batches if each.record in held],
    }  # fmt: skip


def said_of(view: View, db: Db, mmsi: int, *, simulated: bool) -> list[Told]:
    """Return what parties said that a vessel is, every report that is held, the newest first."""
    rows = db.execute(
        "SELECT id FROM record WHERE subject = ? AND type = ? AND exercise = 0 ORDER BY seq DESC LIMIT ?",
        (vessel_subject(mmsi), STATIC_REPORTED, MOST_SAID),
    )
    found = []
    for (record_id,) in rows:
        held = facts.load_record(view.node.store, record_id)
        body = record.body_of(held, StaticReported) if held is not None else None
        if held is None or body is None or (body.source_kind == SIMULATED) is not simulated:
            continue
        values = {name: getattr(body, name) for name in STATIC_FIELDS}
        known = {name: value for name, value in values.items() if isinstance(value, int | str)}
        at_ms = body.reported_at_ms if isinstance(body.reported_at_ms, int) else 0
        found.append(
            Told(held.clear.issuer, body.source if isinstance(body.source, str) else "", at_ms, record_id, known)
        )
    return sorted(found, key=lambda each: -each.at_ms)


def newest(reports: Sequence[Told]) -> list[Told]:
    """Return each party's newest report, by party."""
    first: dict[str, Told] = {}
    for each in reports:
        first.setdefault(each.party, each)
    return [first[party] for party in sorted(first)]


def changes(reports: Sequence[Told]) -> list[Changed]:
    """Return what each party has said otherwise before, the latest change first."""
    found = []
    for party in {each.party for each in reports}:
        for later, earlier in pairwise([each for each in reports if each.party == party]):
            found += [
                Changed(party, later.at_ms, name, earlier.facts.get(name), value, later.record)
                for name, value in later.facts.items()
                if earlier.facts.get(name) != value
            ]
    return sorted(found, key=lambda each: (-each.at_ms, each.party, each.name))


def events_of(db: Db, mmsi: int, *, simulated: bool) -> list[queries.EventRow]:
    """Return the newest events of a vessel."""
    return [
        row
        for row in queries.events(db)
        if mmsi in (row.mmsi, row.other_mmsi) and (row.source_kind == SIMULATED) is simulated
    ][:MOST_EVENTS]


def alerts_of(db: Db, mmsi: int, party: str, *, simulated: bool) -> list[Alerted]:
    """Return the newest alerts of our rules that speak of a vessel."""
    rows = db.execute(
        "SELECT n.alert, a.rule, a.kind, n.state, n.raised_at_ms, a.record_id, a.source_kind FROM maritime_alert_now n"
        " JOIN maritime_alert a ON a.record_id = n.raised WHERE n.party = ? AND (n.mmsi = ? OR n.other_mmsi = ?)"
        " ORDER BY n.raised_at_ms DESC LIMIT ?",
        (party, mmsi, mmsi, MOST_EVENTS),
    )
    return [Alerted(*facts_said) for *facts_said, kind in rows if (kind == SIMULATED) is simulated]


def _interests(db: Db, mmsi: int, now_ms: int) -> list[InterestRow]:
    return [row for row in standing_interests(db, now_ms) if row.mmsi == mmsi]


_WENT = (
    "SELECT l.record_id, l.type, l.channel, CASE WHEN l.epoch = c.epoch AND l.idx < c.receipted THEN 1 ELSE 0 END"
    " FROM leaf_out l JOIN channel_out c ON c.channel = l.channel"
)


def released_of(db: Db, mmsi: int) -> list[Went]:
    """Return the newest records about a vessel that went into a channel; its positions go in batches of many vessels."""
    rows = db.execute(
        f"{_WENT} JOIN record r ON r.seq = l.record WHERE r.subject = ? AND r.own = 1 ORDER BY l.seq DESC LIMIT ?",
        (vessel_subject(mmsi), MOST_EVENTS),
    )
    return [Went(record_id, type_, channel, bool(receipted)) for record_id, type_, channel, receipted in rows]


def batches_of(db: Db) -> list[Went]:
    """Return the newest own position batches that went into a channel."""
    rows = db.execute(
        f"{_WENT} JOIN record r ON r.seq = l.record JOIN maritime_batch b ON b.record_id = r.id"
        " WHERE b.own = 1 AND b.exercise = '' ORDER BY l.seq DESC LIMIT ?",
        (MOST_BATCHES,),
    )
    return [Went(record_id, type_, channel, bool(receipted)) for record_id, type_, channel, receipted in rows]
