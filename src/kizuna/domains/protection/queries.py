"""What a security officer sees: the register, who holds what, what is overdue or unexplained, and what was compromised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kizuna.domains.protection.holders import holders_of
from kizuna.domains.protection.records import Holder
from kizuna.domains.protection.rules import ROLE
from kizuna.formats import csv_table
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.marking_policy import BUNDLED
from kizuna.kernel.operation import Desk, Document, Query, Wanted

ROLES = frozenset({ROLE, "administrator"})
_MOST = 1000
LIMIT = Annotated[int, Meta(description="At most so many.", ge=1, le=_MOST)]
DOCUMENT = Annotated[str, Meta(description="The document, by its register number.")]


class DocumentsWanted(Wanted, frozen=True):
    """Which documents."""

    limit: LIMIT = 100


class CopiesWanted(Wanted, frozen=True):
    """Which copies."""

    document: DOCUMENT = ""
    state: Annotated[str, Meta(description="Only copies in this state.")] = ""
    register: Annotated[str, Meta(description="Only copies in this party's register.")] = ""
    limit: LIMIT = 100


class HoldersWanted(Wanted, frozen=True):
    """Whose holders."""

    document: DOCUMENT


class OnwardWanted(Wanted, frozen=True):
    """Which requests for third parties."""

    document: DOCUMENT = ""
    state: Annotated[
        Literal["", "requested", "consented", "refused", "revoked", "passed-on", "passed-on-revoked"],
        Meta(description="Only requests in this state."),
    ] = ""
    limit: LIMIT = 100


class InventoryWanted(Wanted, frozen=True):
    """What our register must show."""

    unseen_days: Annotated[
        int, Meta(description="Only copies that nobody has sighted for so many days.", ge=0, le=3660)
    ] = 0
    limit: LIMIT = 100


class AlarmsWanted(Wanted, frozen=True):
    """What needs an officer."""

    limit: LIMIT = 100


class CompromisesWanted(Wanted, frozen=True):
    """Which reports."""

    limit: LIMIT = 100


class RegisterWanted(Wanted, frozen=True):
    """The register as a table."""


class DocumentRow(msgspec.Struct, frozen=True):
    """A document of ours; `grade` is its name in its own policy where that is bundled."""

    document: str
    title: str
    policy: str
    level: int
    grade: str
    copies: int
    out: int
    destroyed: int
    record: str


class CopyRow(msgspec.Struct, frozen=True):
    """A copy; `register` is the party whose register it is in, empty once it is destroyed."""

    copy: str
    case: str
    title: str
    policy: str
    level: int
    form: str
    originator: str
    holder: str
    state: str
    register: str
    orders_open: int
    certificate: str
    destroyed_on: str


class OnwardRow(msgspec.Struct, frozen=True):
    """A request to let a third party have something, and what became of it."""

    copy: str
    request: str
    recipient: str
    scope: str
    state: str
    until_on: str
    consent: str


class InventoryRow(msgspec.Struct, frozen=True):
    """A copy that our register must show; `sighted_ms` is 0 where no inventory has."""

    copy: str
    title: str
    form: str
    state: str
    custodian: str
    sighted_ms: int


class Alarm(msgspec.Struct, frozen=True):
    """Something that an officer must look after, with the copy or report that it is about."""

    kind: str
    about: str
    what: str
    since_ms: int


class CompromiseRow(msgspec.Struct, frozen=True):
    """A report with the holders that its reporter knew when it was made."""

    compromise: str
    case: str
    reporter: str
    originator: str
    state: str
    documents: tuple[str, ...]
    what: str
    discovered_on: str
    action: str
    damage: str
    reported_ms: int
    holders: tuple[Holder, ...]


def grade_name(policy: str, level: int) -> str:
    """Return what a policy calls a grade, or the number where the policy is not bundled."""
    found = BUNDLED.get(policy)
    return (found.name(level, "en") if found is not None else "") or f"{policy}:{level}"


def level_now(desk: Desk, document: str) -> tuple[str, str, int, str] | None:
    """Return title, policy, grade as it is now, and record of a document of ours, or None where there is none."""
    rows = desk.db.execute(
        "SELECT title, policy, level, record FROM protection_document WHERE document = ? AND stated_by = ? ORDER BY at_ms, record_id LIMIT 1",
        (document, desk.party),
    )
    if not rows:
        return None
    title, policy, level, record = rows[0]
    changed = desk.db.execute(
        "SELECT level FROM protection_regrade WHERE document = ? AND stated_by = ? ORDER BY at_ms DESC, record_id DESC LIMIT 1",
        (document, desk.party),
    )
    return title or "", policy or "", int(changed[0][0] if changed else level or 0), record or ""


def documents(desk: Desk, wanted: DocumentsWanted) -> Sequence[DocumentRow]:
    """Return the documents of our register, the newest first."""
    rows = desk.db.execute(
        "SELECT document FROM protection_document WHERE stated_by = ? GROUP BY document ORDER BY MAX(at_ms) DESC, document LIMIT ?",
        (desk.party, wanted.limit),
    )
    return [_document(desk, document) for (document,) in rows if document]


def _document(desk: Desk, document: str) -> DocumentRow:
    title, policy, level, record = level_now(desk, document) or ("", "", 0, "")
    ((copies, out, destroyed),) = desk.db.execute(
        "SELECT COUNT(*), COALESCE(SUM(CASE WHEN register <> originator AND register <> '' THEN 1 ELSE 0 END), 0),"
        " COALESCE(SUM(CASE WHEN state = 'destroyed' THEN 1 ELSE 0 END), 0) FROM protection_copy WHERE document = ? AND state <> 'new'",
        (document,),
    )
    return DocumentRow(
        document, title, policy, level, grade_name(policy, level), copies, int(out), int(destroyed), record
    )


def copies(desk: Desk, wanted: CopiesWanted) -> Sequence[CopyRow]:
    """Return copies, ours and those that partners gave us, in the order of their numbers."""
    given = {"document = ?": wanted.document, "state = ?": wanted.state, "register = ?": wanted.register}
    limits = {test: value for test, value in given.items() if value}
    where = " AND ".join([*limits, "state <> 'new'"])
    rows = desk.db.execute(
        "SELECT copy, case_id, title, policy, level, form, originator, holder, state, register, orders_open, certificate, destroyed_on"
        f" FROM protection_copy WHERE {where} ORDER BY document, copy_no LIMIT ?",
        (*limits.values(), wanted.limit),
    )
    return [CopyRow(*row) for row in rows]


def holders(desk: Desk, wanted: HoldersWanted) -> Sequence[Holder]:
    """Return everybody known to have a document."""
    return holders_of(desk, wanted.document)


def onward(desk: Desk, wanted: OnwardWanted) -> Sequence[OnwardRow]:
    """Return requests to let third parties have something."""
    given = {"document = ?": wanted.document, "state = ?": wanted.state}
    limits = {test: value for test, value in given.items() if value}
    where = " AND ".join(limits) or "1 = 1"
    rows = desk.db.execute(
        "SELECT copy, request, recipient, scope, state, until_on, consent FROM protection_onward"
        f" WHERE {where} ORDER BY copy, request LIMIT ?",
        (*limits.values(), wanted.limit),
    )
    return [OnwardRow(*row) for row in rows]


def inventory(desk: Desk, wanted: InventoryWanted) -> Sequence[InventoryRow]:
    """Return what our register must show, the longest unseen first."""
    rows = desk.db.execute(
        "SELECT c.copy, c.title, c.form, c.state,"
        " COALESCE((SELECT u.taken_by FROM protection_custody u WHERE u.copy = c.copy ORDER BY u.at_ms DESC, u.record_id DESC LIMIT 1), ''),"
        " COALESCE((SELECT MAX(s.at_ms) FROM protection_sighting s WHERE s.copy = c.copy AND s.finding = 'sighted'), 0) AS seen_ms"
        " FROM protection_copy c WHERE c.register = ? AND c.state <> 'new' ORDER BY seen_ms, c.copy LIMIT ?",
        (desk.party, wanted.limit),
    )
    oldest_ms = desk.now_ms - wanted.unseen_days * DAY_MS
    return [InventoryRow(*row) for row in rows if not wanted.unseen_days or row[-1] < oldest_ms]


def alarms(desk: Desk, wanted: AlarmsWanted) -> Sequence[Alarm]:
    """Return missing receipts, lost copies, orders and reports that nobody acknowledged, and what was passed on after its consent had gone."""
    rows = desk.db.execute(
        "SELECT 'receipt missing' AS kind, copy AS about, holder AS what, dispatched_ms AS since_ms FROM protection_copy WHERE state = 'overdue'"
        " UNION ALL SELECT 'copy lost', copy, register, receipted_ms FROM protection_copy WHERE state = 'lost'"
        " UNION ALL SELECT 'order not acknowledged', copy, holder, dispatched_ms FROM protection_copy WHERE orders_open > 0 AND missed > 0"
        " UNION ALL SELECT 'report not acknowledged', compromise, originator, reported_ms FROM protection_compromise"
        " WHERE state = 'reported' AND missed > 0"
        " UNION ALL SELECT 'passed on after revocation', copy, recipient, passed_ms FROM protection_onward WHERE state = 'passed-on-revoked'"
        " UNION ALL SELECT 'not found by inventory', s.copy, '', s.at_ms FROM protection_sighting s WHERE s.finding <> 'sighted'"
        " AND NOT EXISTS (SELECT 1 FROM protection_sighting t WHERE t.copy = s.copy AND t.at_ms > s.at_ms)"
        " ORDER BY since_ms, kind, about LIMIT ?",
        (wanted.limit,),
    )
    return [Alarm(*row) for row in rows]


def compromises(desk: Desk, wanted: CompromisesWanted) -> Sequence[CompromiseRow]:
    """Return reports of compromise, the newest first, each with its holders."""
    rows = desk.db.execute(
        "SELECT compromise, case_id, reporter, originator, state, documents, what, discovered_on, action, damage, reported_ms, holders"
        " FROM protection_compromise WHERE state <> 'new' ORDER BY reported_ms DESC, compromise LIMIT ?",
        (wanted.limit,),
    )
    return [
        CompromiseRow(
            compromise=row[0], case=row[1], reporter=row[2], originator=row[3], state=row[4], documents=tuple(row[5].split()), what=row[6],
            discovered_on=row[7], action=row[8], damage=row[9], reported_ms=row[10],
            holders=msgspec.json.decode(row[11], type=tuple[Holder, ...]),
        )
        for row in rows
    ]  # fmt: skip


def register(desk: Desk, _wanted: RegisterWanted) -> Document:
    """Return the register as CSV: every copy that is, or was, in it."""
    rows = desk.db.execute(
        "SELECT copy, title, policy, level, form, originator, holder, state, register, certificate, destroyed_on, witness"
        " FROM protection_copy WHERE state <> 'new' ORDER BY document, copy_no"
    )
    columns = (
        "copy", "title", "policy", "level", "form", "originator", "holder", "state", "register", "certificate", "destroyed_on", "witness",
    )  # fmt: skip
    return Document(
        "register.csv", csv_table.MEDIA_TYPE, csv_table.write(columns, rows, desk.marked(domains=("protection",)))
    )


QUERIES = (
    Query(name="documents", text="Our registered documents with their copies.", asks=DocumentsWanted, run=documents, roles=ROLES),
    Query(name="copies", text="Numbered copies: where each is and in whose register.", asks=CopiesWanted, run=copies, roles=ROLES),
    Query(name="holders", text="Everybody known to have a document, at once.", asks=HoldersWanted, run=holders, roles=ROLES),
    Query(name="onward", text="Requests to let third parties have something.", asks=OnwardWanted, run=onward, roles=ROLES),
    Query(name="inventory", text="What our register must show, the longest unseen first.", asks=InventoryWanted, run=inventory, roles=ROLES),
    Query(name="alarms", text="What is overdue, lost or unexplained.", asks=AlarmsWanted, run=alarms, roles=ROLES),
    Query(name="compromises", text="Reports of compromise with their holders.", asks=CompromisesWanted, run=compromises, roles=ROLES),
    Query(name="register", text="The register as a table (CSV).", asks=RegisterWanted, run=register, roles=ROLES),
)  # fmt: skip
