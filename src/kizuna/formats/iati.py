"""Activities as IATI XML (International Aid Transparency Initiative, activity standard 2.03), written in the order that its schema asks for.

Only what is known is written: a date that is not known to the day has no element. Identifiers are the caller's; whether they are registered is not
known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from kizuna.errors import RecordError

MEDIA_TYPE = "application/xml"
VERSION = "2.03"
GOVERNMENT = "10"
FUNDING, ACCOUNTABLE, IMPLEMENTING = "1", "2", "4"
PLANNED_START, ACTUAL_START, PLANNED_END, ACTUAL_END = "1", "2", "3", "4"
COMMITMENT, DISBURSEMENT = "2", "3"
IMPLEMENTATION, CLOSED = "2", "4"
_OWN = "99"
"""The vocabulary of a code that the reporting organisation gives itself."""
_OUTPUT, _UNIT = "1", "1"
_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]").search
"""What XML 1.0 section 2.2 leaves out."""


@dataclass(frozen=True)
class Organisation:
    """Who takes part: reference, name, role (`FUNDING` and the like)."""

    ref: str
    name: str
    role: str


@dataclass(frozen=True, kw_only=True)
class Payment:
    """A transaction: `kind` is `COMMITMENT` or `DISBURSEMENT`, `day` is `YYYY-MM-DD`, `amount` decimal text."""

    ref: str
    kind: str
    day: str
    amount: str
    currency: str
    text: str
    receiver: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """An indicator with what was aimed at and what was reached; None where it is not known."""

    title: str
    indicator: str
    baseline: int
    target: int | None
    actual: int | None
    first: str
    last: str


@dataclass(frozen=True, kw_only=True)
class Activity:
    """One activity; `dates` pairs a kind such as `PLANNED_START` with a day, `countries` are ISO 3166 letters."""

    identifier: str
    reporter: Organisation
    title: str
    text: str
    status: str
    organisations: tuple[Organisation, ...] = ()
    dates: tuple[tuple[str, str], ...] = ()
    countries: tuple[str, ...] = ()
    region: str = ""
    sector: str = ""
    budget: tuple[str, str, str, str] | None = None
    """First day, last day, amount, currency."""
    payments: tuple[Payment, ...] = ()
    conditions: tuple[str, ...] = ()
    results: tuple[Result, ...] = field(default=())


def write(activities: list[Activity], made: str, marking: str) -> bytes:
    """Return a file of activities, its marking as a comment first and last; `made` is when, as `YYYY-MM-DDThh:mm:ssZ`.

    Raises:
        RecordError: a text holds a character that XML cannot say.
    """
    root = ET.Element("iati-activities", {"version": VERSION, "generated-datetime": made})
    mark = f" {marking.replace('--', '- -')} "  # a comment holds no two hyphens
    root.append(ET.Comment(mark))
    for each in activities:
        root.append(_activity(each))
    root.append(ET.Comment(mark))
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    bad = _UNSAYABLE(data.decode())
    if bad is not None:
        raise RecordError(f"a text holds the character `U+{ord(bad[0]):04X}`, which xml cannot say: remove it")
    return data + b"\n"


def _activity(each: Activity) -> ET.Element:
    made = ET.Element("iati-activity", {"default-currency": each.budget[3]} if each.budget else {})
    ET.SubElement(made, "iati-identifier").text = each.identifier
    reporter = ET.SubElement(made, "reporting-org", {"ref": each.reporter.ref, "type": GOVERNMENT})
    _narrative(reporter, each.reporter.name)
    _narrative(ET.SubElement(made, "title"), each.title)
    _narrative(ET.SubElement(made, "description", {"type": "1"}), each.text or each.title)
    for organisation in each.organisations:
        took = ET.SubElement(
            made, "participating-org", {"ref": organisation.ref, "type": GOVERNMENT, "role": organisation.role}
        )
        _narrative(took, organisation.name)
    ET.SubElement(made, "activity-status", {"code": each.status})
    for kind, day in each.dates:
        ET.SubElement(made, "activity-date", {"type": kind, "iso-date": day})
    for country in each.countries:
        ET.SubElement(made, "recipient-country", {"code": country})
    if each.region:
        _narrative(ET.SubElement(made, "recipient-region", {"vocabulary": _OWN, "code": each.region}), each.region)
    if each.sector:
        _narrative(ET.SubElement(made, "sector", {"vocabulary": _OWN, "code": each.sector}), each.sector)
    if each.budget:
        first, last, amount, currency = each.budget
        budget = ET.SubElement(made, "budget", {"type": "1", "status": "1"})
        ET.SubElement(budget, "period-start", {"iso-date": first})
        ET.SubElement(budget, "period-end", {"iso-date": last})
        ET.SubElement(budget, "value", {"currency": currency, "value-date": first}).text = amount
    for payment in each.payments:
        made.append(_payment(payment))
    if each.conditions:
        conditions = ET.SubElement(made, "conditions", {"attached": "1"})
        for text in each.conditions:
            _narrative(ET.SubElement(conditions, "condition", {"type": "1"}), text)
    made.extend(_results(each))
    return made


def _payment(payment: Payment) -> ET.Element:
    made = ET.Element("transaction", {"ref": payment.ref})
    ET.SubElement(made, "transaction-type", {"code": payment.kind})
    ET.SubElement(made, "transaction-date", {"iso-date": payment.day})
    ET.SubElement(made, "value", {"currency": payment.currency, "value-date": payment.day}).text = payment.amount
    if payment.text:
        _narrative(ET.SubElement(made, "description"), payment.text)
    if payment.receiver:
        _narrative(ET.SubElement(made, "receiver-org", {"ref": payment.receiver, "type": GOVERNMENT}), payment.receiver)
    return made


def _results(each: Activity) -> Iterator[ET.Element]:
    for result in each.results:
        made = ET.Element("result", {"type": _OUTPUT})
        _narrative(ET.SubElement(made, "title"), result.title)
        indicator = ET.SubElement(made, "indicator", {"measure": _UNIT})
        _narrative(ET.SubElement(indicator, "title"), result.indicator)
        ET.SubElement(indicator, "baseline", {"year": result.first[:4], "value": str(result.baseline)})
        period = ET.SubElement(indicator, "period")
        ET.SubElement(period, "period-start", {"iso-date": result.first})
        ET.SubElement(period, "period-end", {"iso-date": result.last})
        for name, value in (("target", result.target), ("actual", result.actual)):
            if value is not None:
                ET.SubElement(period, name, {"value": str(value)})
        yield made


def _narrative(parent: ET.Element, text: str) -> None:
    ET.SubElement(parent, "narrative").text = text
