"""Pledges, courses and sums as files: IATI activities, tables for spreadsheets, a calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kizuna.domains.training.progress import Progress, ProgressWanted, progress, stated, transactions
from kizuna.domains.training.queries import COURSES, LISTS
from kizuna.domains.training.rules import day_of
from kizuna.formats import calendar_days, csv_table, iati
from kizuna.kernel.operation import Desk, Document, Query, Wanted

_MOST = 20_000
_COUNTRIES = {
    "aus": "AU", "bgd": "BD", "fji": "FJ", "idn": "ID", "ind": "IN", "jpn": "JP", "lka": "LK", "mdv": "MV", "mus": "MU", "mys": "MY",
    "phl": "PH", "png": "PG", "syc": "SC", "tha": "TH", "usa": "US", "vnm": "VN",
}  # fmt: skip
"""ISO 3166 letters of parties that IATI's country list has; any other beneficiary is written as a region by its own name."""
_EXPORTED = ("gap", "what")


class ExportWanted(Wanted, frozen=True):
    """All that are held."""


def _organisation(party: str, role: str) -> iati.Organisation:
    return iati.Organisation(ref=f"XX-KIZUNA-{party.upper()}", name=party, role=role)


def activity(desk: Desk, wanted: ProgressWanted) -> Document:
    """Return a pledge as an IATI activity: its promise as budget, its transactions, and its people as a result.

    Transactions that do not count, and those without a known day, are left out; conditions name the gaps. The reporter is the giver.

    Raises:
        RefusedError: nothing is held of the pledge.
    """
    found = progress(desk, wanted)
    facts = stated(desk, wanted.pledge)
    now = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=desk.now_ms)).strftime("%Y-%m-%dT%H:%M:%SZ")
    beneficiaries = (facts["beneficiaries"] or "").splitlines()
    start, end = day_of(found.announced_on), day_of(found.ends_on)
    budget = None
    if start and end and found.money.promised:
        ((currency, amount),) = found.money.promised.items()
        budget = (start, end, amount, currency)
    made = iati.Activity(
        identifier=f"XX-KIZUNA-{found.given_by.upper()}-{found.pledge}", reporter=_organisation(found.given_by, iati.FUNDING),
        title=found.pledge, text=found.text,
        status=iati.CLOSED if any(gap.gap == "its time is over" for gap in found.gaps) else iati.IMPLEMENTATION,
        organisations=(_organisation(found.given_by, iati.FUNDING),),
        dates=tuple((kind, day) for kind, day in ((iati.PLANNED_START, start), (iati.PLANNED_END, end)) if day),
        countries=tuple(_COUNTRIES[party] for party in beneficiaries if party in _COUNTRIES),
        region=" ".join(party for party in beneficiaries if party not in _COUNTRIES), sector="maritime-security-capacity",
        budget=budget, payments=_payments(desk, found), conditions=tuple(f"{gap.gap}: {gap.what}" for gap in found.gaps),
        results=_results(found, start, end),
    )  # fmt: skip
    return Document(
        name=f"{wanted.pledge}.xml",
        media_type=iati.MEDIA_TYPE,
        data=iati.write([made], now, desk.marked(domains=("training",))),
    )


def _payments(desk: Desk, found: Progress) -> tuple[iati.Payment, ...]:
    kinds = {"commitment": iati.COMMITMENT, "disbursement": iati.DISBURSEMENT}
    return tuple(
        iati.Payment(
            ref=each.transaction, kind=kinds[each.kind], day=day, amount=each.amount, currency=each.currency, text=each.text,
            receiver=each.beneficiary,
        )
        for each in transactions(desk, found.pledge, found.given_by)
        if each.counts and (day := day_of(each.value_on))
    )  # fmt: skip


def _results(found: Progress, start: str, end: str) -> tuple[iati.Result, ...]:
    if found.people.promised is None or not start or not end:
        return ()
    rule = found.people.rule if found.people.rule != "unknown" else "counting rule not stated"
    made = iati.Result(
        title="People trained", indicator=f"people trained ({rule})", baseline=0, target=found.people.promised,
        actual=found.people.counted, first=start, last=end,
    )  # fmt: skip
    return (made,)


def courses_table(desk: Desk, _wanted: ExportWanted) -> Document:
    """Return all courses with their seats as CSV."""
    columns = (
        "course",
        "title",
        "school",
        "starts_on",
        "ends_on",
        "pledge",
        "counting_rule",
        "seats",
        "offered",
        "delivered",
    )
    rows = desk.db.execute(
        "SELECT c.course, c.title, c.school, c.starts_on, c.ends_on, c.pledge, c.counting_rule, c.seats, COALESCE(s.offered, 0),"
        f" COALESCE(s.delivered, 0) FROM {COURSES} c LEFT JOIN (SELECT course, COUNT(*) AS offered, SUM(delivered) AS delivered"
        " FROM training_seat WHERE state <> 'withdrawn' GROUP BY course) s ON s.course = c.course WHERE c.nth = 1 ORDER BY c.course LIMIT ?",
        (_MOST,),
    )
    return Document(
        name="courses.csv",
        media_type=csv_table.MEDIA_TYPE,
        data=csv_table.write(columns, list(rows), desk.marked(domains=("training",))),
    )


def money_table(desk: Desk, _wanted: ExportWanted) -> Document:
    """Return every sum as CSV, each with its stage, currency and day; nothing is converted."""
    columns = ("case", "kind", "stage", "pledge", "amount", "currency", "value_on", "evidence_sha256")
    rows = list[Any](
        desk.db.execute(
            "SELECT case_id, kind, stage, pledge, amount, currency, value_on, evidence FROM training_money ORDER BY case_id, nth LIMIT ?",
            (_MOST,),
        )
    )
    rows += desk.db.execute(
        "SELECT 'transaction:' || transaction_key, 'transaction', kind, pledge, amount, currency, value_on, '' FROM training_transaction"
        " WHERE amount IS NOT NULL ORDER BY transaction_key, record_id LIMIT ?",
        (_MOST,),
    )
    return Document(
        name="money.csv",
        media_type=csv_table.MEDIA_TYPE,
        data=csv_table.write(columns, rows, desk.marked(domains=("training",))),
    )


def calendar(desk: Desk, _wanted: ExportWanted) -> Document:
    """Return courses and ends of support whose days are known as an iCalendar file."""
    days = [
        calendar_days.Day(
            uid=f"{course}@training.kizuna", title=title or course, first=first, last=max(first, day_of(ends_on) or first), place=school or "",
            text="" if day_of(ends_on) else "the last day is not known",
        )
        for course, title, school, starts_on, ends_on in desk.db.execute(
            f"SELECT course, title, school, starts_on, ends_on FROM {COURSES} c WHERE nth = 1 ORDER BY course LIMIT ?", (_MOST,)
        )
        if (first := day_of(starts_on))
    ]  # fmt: skip
    days += [
        calendar_days.Day(uid=f"{key}-support@training.kizuna", title=f"{item}: support ends", first=last, last=last)
        for key, item, until in desk.db.execute(
            "SELECT grant_key, item, support_until FROM training_grant WHERE state = 'supported' ORDER BY grant_key LIMIT ?",
            (_MOST,),
        )
        if (last := day_of(until))
    ]
    data = calendar_days.calendar("Training and grants", days, desk.now_ms, desk.marked(domains=("training",)))
    return Document(name="training.ics", media_type=calendar_days.MEDIA_TYPE, data=data)


def gaps_table(desk: Desk, wanted: ProgressWanted) -> Document:
    """Return what lacks between a pledge and its evidence as CSV.

    Raises:
        RefusedError: nothing is held of the pledge.
    """
    rows = [(gap.gap, gap.what) for gap in progress(desk, wanted).gaps]
    return Document(
        name=f"{wanted.pledge}-gaps.csv",
        media_type=csv_table.MEDIA_TYPE,
        data=csv_table.write(_EXPORTED, rows, desk.marked(domains=("training",))),
    )


QUERIES = (
    *LISTS,
    Query(name="progress", text="How far a pledge has come, with every gap named.", asks=ProgressWanted, run=progress),
    Query(name="iati", text="A pledge as an IATI activity.", asks=ProgressWanted, run=activity),
    Query(
        name="gaps-csv",
        text="What lacks between a pledge and its evidence, as a table.",
        asks=ProgressWanted,
        run=gaps_table,
    ),
    Query(name="courses-csv", text="Courses and seats as a table.", asks=ExportWanted, run=courses_table),
    Query(
        name="money-csv", text="Every sum with its stage and currency as a table.", asks=ExportWanted, run=money_table
    ),
    Query(name="calendar", text="Courses and ends of support as a calendar file.", asks=ExportWanted, run=calendar),
)
