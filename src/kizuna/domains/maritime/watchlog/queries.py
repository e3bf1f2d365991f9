"""What is shown of the watch log: rules, alerts, hand-overs, incidents with their notes, vessels of interest and requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kizuna.domains.maritime.watchlog.cases import INCIDENT
from kizuna.domains.maritime.watchlog.records import RuleKind
from kizuna.errors import RefusedError
from kizuna.kernel.journal import Db
from kizuna.kernel.operation import Desk, Wanted

LIMIT = Annotated[int, Meta(description="At most so many rows.", ge=1, le=1000)]
MMSI = Annotated[int | None, Meta(description="About this vessel alone.")]


class RuleRow(msgspec.Struct, frozen=True):
    """A rule in its newest version; `standing` says whether it is in force; `at_ms` is when this version was written."""

    record_id: str
    rule: str
    version: int
    kind: RuleKind
    title: str | None
    area: str | None
    south_600000: int | None
    west_600000: int | None
    north_600000: int | None
    east_600000: int | None
    mmsi: tuple[int, ...]
    over_dkn: int | None
    at_least_ms: int | None
    urgent: bool
    by: str
    at_ms: int
    standing: bool


class AlertRow(msgspec.Struct, frozen=True):
    """An alert and where it stands; `by` is who brought it there, `text` the note or reason, `evidence` the records behind it.

    `record` is the one that raised it, `by_record` the one that brought it there: what they say is under their labels.
    """

    alert: str
    state: str
    rule: str
    version: int | None
    rule_record: str | None
    kind: str | None
    urgent: bool
    mmsi: int | None
    other_mmsi: int | None
    area: str | None
    from_ms: int | None
    to_ms: int | None
    lat_600000: int | None
    lon_600000: int | None
    what: str | None
    evidence: tuple[str, ...]
    source_kind: str | None
    raised_at_ms: int
    changed_at_ms: int
    by: str
    text: str | None
    incident: str | None
    record: str
    by_record: str | None


class ActRow(msgspec.Struct, frozen=True):
    """Something that an officer did about an alert."""

    alert: str
    act: str
    by: str
    at_ms: int
    text: str | None
    incident: str | None
    record: str


class AlertShown(msgspec.Struct, frozen=True):
    """An alert with everything that was done about it, the earliest first."""

    alert: AlertRow
    acts: list[ActRow]


class HandoverRow(msgspec.Struct, frozen=True):
    """A change of the watch."""

    at_ms: int
    by: str
    to_officer: str | None
    note: str | None


class IncidentRow(msgspec.Struct, frozen=True):
    """An incident; `lead` is the party that has it in hand, `mmsi` the vessels in it."""

    incident: str
    state: str
    owner: str
    partner: str
    lead: str
    title: str | None
    category: int | None
    mmsi: tuple[int, ...]
    reported_at_ms: int | None
    lat_600000: int | None
    lon_600000: int | None


class NoteRow(msgspec.Struct, frozen=True):
    """A note on an incident, by an officer of a party."""

    record_id: str
    party: str
    by: str
    at_ms: int
    text: str | None


class IncidentShown(msgspec.Struct, frozen=True):
    """An incident with its notes as far as they are held, the earliest first."""

    incident: IncidentRow
    notes: list[NoteRow]


class InterestRow(msgspec.Struct, frozen=True):
    """A claim that a vessel is of interest: whose it is, on what basis, and until when."""

    interest: str
    state: str
    author: str
    partner: str
    mmsi: int | None
    basis: str | None
    confidence_pct: int | None
    asserted_at_ms: int
    expires_at_ms: int | None


class RequestRow(msgspec.Struct, frozen=True):
    """A request for information with its answer, or the reason for which there is none."""

    request: str
    state: str
    asker: str
    addressee: str
    question: str | None
    mmsi: tuple[int, ...]
    incident: str | None
    asked_at_ms: int
    answer_by_ms: int | None
    answer: str | None


class IdentityRow(msgspec.Struct, frozen=True):
    """What one static report told of who a vessel is."""

    record_id: str
    party: str
    mmsi: int
    source_kind: str
    reported_at_ms: int
    imo_no: int | None
    name: str | None
    callsign: str | None


class RulesWanted(Wanted, frozen=True):
    """Which rules."""

    withdrawn: Annotated[bool, Meta(description="Show those too that were withdrawn.")] = False
    limit: LIMIT = 200


class AlertsWanted(Wanted, frozen=True):
    """Which alerts; the newest first."""

    state: Annotated[
        Literal["open", "raised", "acknowledged", "dismissed", "escalated", "any"],
        Meta(description="Where they stand; `open` are those raised or acknowledged."),
    ] = "open"
    since_ms: Annotated[int, Meta(description="Raised at this time or later.")] = 0
    mmsi: MMSI = None
    limit: LIMIT = 200


class AlertWanted(Wanted, frozen=True):
    """Which alert."""

    alert: Annotated[str, Meta(description="The alert's name, 16 letters and digits.")]


class HandoversWanted(Wanted, frozen=True):
    """Which changes of the watch: the latest."""

    limit: LIMIT = 50


class IncidentsWanted(Wanted, frozen=True):
    """Which incidents; the latest reported first."""

    state: Annotated[str, Meta(description="In this state alone; `open` are all that are not closed.")] = ""
    mmsi: MMSI = None
    limit: LIMIT = 200


class IncidentWanted(Wanted, frozen=True):
    """Which incident."""

    key: Annotated[str, Meta(description="The incident, like `ind-2026-0007`.")]


class InterestsWanted(Wanted, frozen=True):
    """Which vessels of interest."""

    past: Annotated[bool, Meta(description="Show those too that were withdrawn or have expired.")] = False
    mmsi: MMSI = None
    limit: LIMIT = 200


class RequestsWanted(Wanted, frozen=True):
    """Which requests; the latest first."""

    state: Annotated[str, Meta(description="In this state alone, like `asked`.")] = ""
    limit: LIMIT = 200


def _vessels(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split())


def key_of(case_id: str) -> str:
    """Return the key of a case without the name of its kind."""
    return case_id.partition(":")[2]


_RULE_FACTS = (
    "r.record_id, r.rule, r.version, r.kind, r.title, r.area, r.south_600000, r.west_600000, r.north_600000, r.east_600000, r.mmsi,"
    " r.over_dkn, r.at_least_ms, r.urgent, r.actor, r.at_ms"
)
_NEWEST_RULE = (
    "NOT EXISTS (SELECT 1 FROM maritime_rule n WHERE n.party = r.party AND n.rule = r.rule AND (n.version > r.version"
    " OR (n.version = r.version AND (n.at_ms > r.at_ms OR (n.at_ms = r.at_ms AND n.record_id > r.record_id)))))"
)
_ENDED = (
    "EXISTS (SELECT 1 FROM maritime_rule_end e WHERE e.party = r.party AND e.rule = r.rule AND e.version >= r.version)"
)


def rules_of(db: Db, party: str, *, withdrawn: bool = False, name: str = "", limit: int = 1000) -> list[RuleRow]:
    """Return a party's rules, each in its newest version: of two versions of one number the later written counts."""
    rows = db.execute(
        f"SELECT {_RULE_FACTS}, CASE WHEN {_ENDED} THEN 0 ELSE 1 END FROM maritime_rule r WHERE r.party = ? AND {_NEWEST_RULE}"
        f" AND (? = 1 OR NOT {_ENDED}) AND (? = '' OR r.rule = ?) ORDER BY r.rule LIMIT ?",
        (party, int(withdrawn), name, name, limit),
    )
    made = [dict(zip(RuleRow.__struct_fields__, row, strict=True)) for row in rows]
    return [
        RuleRow(
            **values
            | {"mmsi": _vessels(values["mmsi"]), "urgent": bool(values["urgent"]), "standing": bool(values["standing"])}
        )
        for values in made
    ]


def rules(desk: Desk, wanted: RulesWanted) -> list[RuleRow]:
    """Return our rules in force, by name."""
    return rules_of(desk.db, desk.party, withdrawn=wanted.withdrawn, limit=wanted.limit)


_ALERT = (
    "SELECT n.alert, n.state, a.rule, a.version, a.rule_record, a.kind, a.urgent, a.mmsi, a.other_mmsi, a.area, a.from_ms, a.to_ms,"
    " a.lat_600000, a.lon_600000, a.what, a.evidence, a.source_kind, n.raised_at_ms, n.changed_at_ms, n.by_actor, n.text, n.incident,"
    " n.raised, (SELECT MIN(t.record_id) FROM maritime_alert_act t WHERE t.party = n.party AND t.alert = n.alert AND t.at_ms = n.changed_at_ms"
    " AND t.actor = n.by_actor) FROM maritime_alert_now n JOIN maritime_alert a ON a.record_id = n.raised"
)


def _alert(row: Sequence[Any]) -> AlertRow:
    values = dict(zip(AlertRow.__struct_fields__, row, strict=True))
    return AlertRow(**values | {"urgent": bool(values["urgent"]), "evidence": tuple(values["evidence"].split())})


def alerts(desk: Desk, wanted: AlertsWanted) -> list[AlertRow]:
    """Return alerts, the newest first."""
    states = {"open": ("raised", "acknowledged"), "any": ("raised", "acknowledged", "dismissed", "escalated")}
    chosen = states.get(wanted.state, (wanted.state,))
    marks = ",".join("?" * len(chosen))
    vessel = "" if wanted.mmsi is None else " AND (n.mmsi = ? OR n.other_mmsi = ?)"
    rows = desk.db.execute(
        f"{_ALERT} WHERE n.party = ? AND n.state IN ({marks}) AND n.raised_at_ms >= ?{vessel}"
        " ORDER BY n.raised_at_ms DESC, n.alert LIMIT ?",
        (desk.party, *chosen, wanted.since_ms, *([wanted.mmsi] * 2 if vessel else []), wanted.limit),
    )
    return [_alert(row) for row in rows]


def held_alert(desk: Desk, name: str) -> AlertRow:
    """Return an alert.

    Raises:
        RefusedError: none is called so.
    """
    rows = [_alert(row) for row in desk.db.execute(f"{_ALERT} WHERE n.party = ? AND n.alert = ?", (desk.party, name))]
    if not rows:
        raise RefusedError(f"no alert is called `{name[:40]}`: choose one of `kizuna maritime alerts`")
    return rows[0]


def alert(desk: Desk, wanted: AlertWanted) -> AlertShown:
    """Return one alert with what was done about it.

    Raises:
        RefusedError: none is called so.
    """
    rows = desk.db.execute(
        "SELECT alert, act, actor, at_ms, text, incident, record_id FROM maritime_alert_act WHERE party = ? AND alert = ? ORDER BY at_ms, record_id",
        (desk.party, wanted.alert),
    )
    return AlertShown(held_alert(desk, wanted.alert), [ActRow(*row) for row in rows])


def acts_since(desk: Desk, since_ms: int, limit: int = 1000) -> list[ActRow]:
    """Return what was done about alerts from an instant on, the earliest first."""
    rows = desk.db.execute(
        "SELECT alert, act, actor, at_ms, text, incident, record_id FROM maritime_alert_act WHERE party = ? AND at_ms >= ?"
        " ORDER BY at_ms, record_id LIMIT ?",
        (desk.party, since_ms, limit),
    )
    return [ActRow(*row) for row in rows]


def handovers(desk: Desk, wanted: HandoversWanted) -> list[HandoverRow]:
    """Return changes of the watch, the latest first."""
    rows = desk.db.execute(
        "SELECT at_ms, actor, to_officer, note FROM maritime_handover WHERE party = ? ORDER BY at_ms DESC, record_id LIMIT ?",
        (desk.party, wanted.limit),
    )
    return [HandoverRow(*row) for row in rows]


_INCIDENT = "SELECT case_id, state, owner, partner, lead, title, category, mmsi, reported_at_ms, lat_600000, lon_600000 FROM maritime_incident"


def _incident(row: Sequence[Any]) -> IncidentRow:
    values = dict(zip(IncidentRow.__struct_fields__, row, strict=True))
    return IncidentRow(**values | {"incident": key_of(values["incident"]), "mmsi": _vessels(values["mmsi"])})


def incidents(desk: Desk, wanted: IncidentsWanted) -> list[IncidentRow]:
    """Return incidents, the latest reported first."""
    vessel = "" if wanted.mmsi is None else f" {wanted.mmsi} "
    rows = desk.db.execute(
        f"{_INCIDENT} WHERE (? = '' OR state = ? OR (? = 'open' AND state <> 'closed')) AND (? = '' OR mmsi LIKE ?)"
        " ORDER BY COALESCE(reported_at_ms, 0) DESC, case_id LIMIT ?",
        (wanted.state, wanted.state, wanted.state, vessel, f"%{vessel}%", wanted.limit),
    )
    return [_incident(row) for row in rows]


def incident(desk: Desk, wanted: IncidentWanted) -> IncidentShown:
    """Return one incident with its notes; only those of its own parties are shown.

    Raises:
        RefusedError: none is held of that key.
    """
    case_id = INCIDENT.subject(wanted.key)
    found = [_incident(row) for row in desk.db.execute(f"{_INCIDENT} WHERE case_id = ?", (case_id,))]
    if not found:
        raise RefusedError(f"no incident is called `{wanted.key[:100]}`: choose one of `kizuna maritime incidents`")
    notes = desk.db.execute(
        "SELECT record_id, party, actor, at_ms, text FROM maritime_incident_note WHERE incident = ? AND party IN (?,?)"
        " ORDER BY at_ms, record_id LIMIT 1000",
        (case_id, found[0].owner, found[0].partner),
    )
    return IncidentShown(found[0], [NoteRow(*row) for row in notes])


def standing_interests(db: Db, now_ms: int, limit: int = 1000) -> list[InterestRow]:
    """Return the claims that stand at an instant, the earliest first: none outlives its own expiry, whatever the clock has said yet."""
    rows = db.execute(
        f"{_INTEREST} WHERE state IN ('asserted','supported','disputed') AND expires_at_ms > ? ORDER BY asserted_at_ms, case_id LIMIT ?",
        (now_ms, limit),
    )
    return [_interest(row) for row in rows]


_INTEREST = "SELECT case_id, state, author, partner, mmsi, basis, confidence_pct, asserted_at_ms, expires_at_ms FROM maritime_interest"


def _interest(row: Sequence[Any]) -> InterestRow:
    return InterestRow(key_of(row[0]), *row[1:])


def interests(desk: Desk, wanted: InterestsWanted) -> list[InterestRow]:
    """Return vessels of interest, the latest claim first."""
    rows = desk.db.execute(
        f"{_INTEREST} WHERE (? = 1 OR (state IN ('asserted','supported','disputed') AND expires_at_ms > ?)) AND (CAST(? AS TEXT) IS NULL OR mmsi = ?)"
        " ORDER BY asserted_at_ms DESC, case_id LIMIT ?",
        (int(wanted.past), desk.now_ms, wanted.mmsi, wanted.mmsi, wanted.limit),
    )
    return [_interest(row) for row in rows]


def requests(desk: Desk, wanted: RequestsWanted) -> list[RequestRow]:
    """Return requests for information, the latest first."""
    rows = desk.db.execute(
        "SELECT case_id, state, asker, addressee, question, mmsi, incident, asked_at_ms, answer_by_ms, answer FROM maritime_request"
        " WHERE (? = '' OR state = ?) ORDER BY asked_at_ms DESC, case_id LIMIT ?",
        (wanted.state, wanted.state, wanted.limit),
    )
    made = [dict(zip(RequestRow.__struct_fields__, row, strict=True)) for row in rows]
    return [RequestRow(**row | {"request": key_of(row["request"]), "mmsi": _vessels(row["mmsi"])}) for row in made]


def identities_since(db: Db, since_ms: int, limit: int = 10_000) -> list[IdentityRow]:
    """Return what was reported since of who vessels are, with the last report of each of these vessels before that."""
    names = "record_id, party, mmsi, source_kind, reported_at_ms, imo_no, name, callsign"
    rows = list(
        db.execute(
            f"SELECT {names} FROM maritime_identity WHERE exercise = '' AND reported_at_ms >= ? ORDER BY reported_at_ms DESC, record_id LIMIT ?",
            (since_ms, limit),
        )
    )
    before: list[Any] = []
    for mmsi, party, kind in sorted({(row[2], row[1], row[3]) for row in rows}):
        before += db.execute(
            f"SELECT {names} FROM maritime_identity WHERE exercise = '' AND mmsi = ? AND party = ? AND source_kind = ?"
            " AND reported_at_ms < ? ORDER BY reported_at_ms DESC, record_id DESC LIMIT 3",
            (mmsi, party, kind, since_ms),
        )
    return [IdentityRow(*row) for row in (*before, *rows)]


def batches_holding(db: Db, party: str, source: str, time_ms: int, limit: int = 4) -> list[str]:
    """Return the ids of a party's batches of a source whose window holds an instant."""
    rows = db.execute(
        "SELECT record_id FROM maritime_batch WHERE own IN (0, 1) AND source = ? AND window_from_ms <= ? AND window_to_ms > ? AND party = ?"
        " ORDER BY window_from_ms DESC, record_id LIMIT ?",
        (source, time_ms, time_ms, party, limit),
    )
    return [record_id for (record_id,) in rows]
