"""The release rules a second time, as Cedar policies: for auditors to read, and for an independent engine to check the index.

Text and plain data alone; nothing here decides, and no engine is imported. The conditions are written from the agreements themselves, not
from `kizuna.kernel.clause`, so that a mistake there does not repeat itself here. What Cedar cannot say, a walk over a set of unknown names,
is prepared in the request: the label's parts by policy, and the consents that are alive, by purpose.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from kizuna.kernel.clause import Consent, ReleaseHeader
from kizuna.kernel.instrument import Agreement, EquivalenceTable, Provision, day_ms
from kizuna.kernel.intervals import BEGINNING, FOREVER, Intervals, normal
from kizuna.kernel.label import MAX_CLASSIFICATION, Label

ACTION = 'Action::"release"'


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _texts(values: Iterable[str]) -> str:
    return f"[{', '.join(_text(value) for value in sorted(values))}]"


def _all_of(what: str, values: Iterable[str]) -> str:
    """Write that each of a set is among the values; Cedar types no empty list."""
    known = _texts(values)
    return f"{what}.isEmpty()" if known == "[]" else f"{known}.containsAll({what})"


def _any(conditions: Sequence[str]) -> str:
    return f"({' || '.join(conditions)})" if conditions else "false"


def _within(what: str, intervals: Intervals, inner_ms: int) -> str:
    """Write that an instant lies in one of the intervals, kept off each boundary by a margin (or let over it by a negative one)."""
    conditions = []
    for start, end in intervals:
        parts = []
        if start > BEGINNING or inner_ms < 0:
            parts.append(f"context.{what} >= {start + inner_ms}")
        else:
            parts.append(f"context.{what} >= {BEGINNING}")
        parts.append(f"context.{what} < {end - inner_ms if end < FOREVER else FOREVER}")
        conditions.append(" && ".join(parts))
    return _any(conditions)


def _times(agreement: Agreement, provision: Provision, guard_ms: int) -> list[str]:
    opened = normal((scope.from_ms, scope.to_ms) for scope in agreement.scopes if scope.name == provision.scope)
    conditions = [_within("now", agreement.current, 0)]
    if provision.effect == "forbids":
        conditions.append(_within("now", agreement.in_force, -guard_ms))
        return conditions + ([_within("now", opened, -guard_ms)] if provision.scope else [])
    made_in_time = [_within("at", agreement.in_force, 0)]
    conditions.append(_within("now", agreement.in_force, guard_ms))
    if agreement.suspended:
        conditions.append(f"!{_within('now', agreement.suspended, -guard_ms)}")
        made_in_time.append(f"!{_within('at', agreement.suspended, 0)}")
    if provision.scope:
        conditions.append(_within("now", opened, guard_ms))
        made_in_time.append(_within("at", opened, 0))
    inside = " && ".join(made_in_time)
    conditions.append(f"(context.backfill || ({inside}))" if provision.backfill is True else inside)
    if provision.obligations.delay_ms:
        conditions.append(f"context.now >= context.at + {provision.obligations.delay_ms}")
    return conditions


def _levels(agreement: Agreement, provision: Provision) -> list[str]:
    ((policy, maximum),) = provision.max_classification.items()
    allowed = {policy: [level for level in range(MAX_CLASSIFICATION + 1) if level <= maximum]}
    conditions = []
    for table in agreement.instrument.tables:
        if table.name == provision.equivalence and table.to_policy == policy:
            allowed[table.from_policy] = _lower(table, maximum)
            name = _text(table.from_policy)
            known = _all_of(f"context.caveats[{name}]", table.caveats)
            conditions.append(f"(if context.caveats has {name} then {known} else true)")
    conditions.append(f"!context.policies.isEmpty() && {_all_of('context.policies', allowed)}")
    for name, levels in sorted(allowed.items()):
        quoted = _text(name)
        conditions.append(
            f"(if context.grades has {quoted} then {_one_of(f'context.grades[{quoted}]', levels)} else true)"
        )
    return conditions


def _one_of(what: str, levels: list[int]) -> str:
    return f"{levels}.contains({what})" if levels else "false"


def _lower(table: EquivalenceTable, maximum: int) -> list[int]:
    return [row.from_level for row in table.rows if row.to_levels and all(to <= maximum for to in row.to_levels)]


def _purposes(provision: Provision) -> str:
    options = []
    for purpose in provision.purposes:
        name = _text(purpose)
        options.append(
            f"(context.purposes.contains({name}) && (context.purpose == {_text('')} || context.purpose == {name})"
            f" && (!context.foreign || (context.consented has {name}"
            f" && context.consented[{name}].containsAll(context.held))))"
        )
    return _any(options)


def _covered(agreement: Agreement, provision: Provision) -> str:
    """Write that what is held already is within what this opens: of our own closed records also to whom they may go, where that makes them whole."""
    named = set(provision.discloses) - set(provision.obligations.drop_fields)
    usual = _all_of("context.held", named)
    signed = named | {f"!releasable_to/{party}" for party in agreement.instrument.parties}
    whole = f"!context.closed.isEmpty() && !context.foreign && {_all_of('context.closed', signed)}"
    return f"(if {whole} then {_all_of('context.held', signed)} else {usual})"


def _policy(agreement: Agreement, provision: Provision, guard_ms: int) -> str:
    types = ", ".join(f"RecordType::{_text(name)}" for name in provision.record_types)
    conditions = [f"resource in [{types}]", *_times(agreement, provision, guard_ms)]
    recipient = provision.direction.to_party
    if provision.effect != "forbids":
        conditions += [
            f"context.exercise == {str(provision.exercise).lower()}",
            _any([f"context.handling == {_text(name)}" for name in provision.handling]),
            f"(context.provision == {_text('')} || context.provision == {_text(provision.id)})",
            f"context.releasable_to.contains({_text(recipient)})",
            "context.now < context.review",
            *_levels(agreement, provision),
            _covered(agreement, provision),
            _purposes(provision),
        ]
    head = "forbid" if provision.effect == "forbids" else "permit"
    body = " &&\n  ".join(conditions)
    return (
        f"// {agreement.instrument.title}: {provision.text or provision.id} [{provision.basis}]\n"
        f"@id({_text(policy_id(agreement, provision))})\n"
        f"{head} (\n  principal == Party::{_text(recipient)},\n  action == {ACTION},\n  resource\n)\n"
        f"when {{\n  {body}\n}};\n"
    )


def policy_id(agreement: Agreement, provision: Provision) -> str:
    """Return how a provision of one version is named among the policies."""
    return f"{agreement.instrument.id}/{agreement.version[:12]}/{provision.id}"


def policies(own_party: str, partner: str, agreements: Iterable[Agreement], guard_ms: int) -> str:
    """Return the Cedar policies that govern what one party releases to one partner, one for each provision."""
    written = []
    for agreement in agreements:
        if not agreement.in_force or not {own_party, partner} <= set(agreement.instrument.parties):
            continue
        for provision in agreement.instrument.provisions:
            if (provision.direction.from_party, provision.direction.to_party) != (own_party, partner):
                continue
            if provision.record_types and (provision.effect == "forbids" or len(provision.max_classification) == 1):
                written.append(_policy(agreement, provision, guard_ms))
    return "\n".join(sorted(written))


def schema(agreements: Iterable[Agreement]) -> str:
    """Return the Cedar schema of the policies, with the marking policies and purposes that the agreements name."""
    held = tuple(agreements)
    provisions = [provision for agreement in held for provision in agreement.instrument.provisions]
    tables = [table for agreement in held for table in agreement.instrument.tables]
    marks = {name for p in provisions for name in p.max_classification} | {table.from_policy for table in tables}
    purposes = {purpose for provision in provisions for purpose in provision.purposes}

    def record(names: set[str], kind: str) -> str:
        return "{ " + ", ".join(f"{_text(name)}?: {kind}" for name in sorted(names)) + " }"

    return (
        "entity Party;\nentity RecordType;\n"
        'action "release" appliesTo {\n  principal: Party,\n  resource: RecordType,\n  context: {\n'
        "    at: Long,\n    backfill: Bool,\n"
        f"    caveats: {record(marks, 'Set<String>')},\n"
        "    closed: Set<String>,\n"
        f"    consented: {record(purposes, 'Set<String>')},\n"
        "    exercise: Bool,\n    foreign: Bool,\n"
        f"    grades: {record(marks, 'Long')},\n"
        "    handling: String,\n    held: Set<String>,\n    now: Long,\n    policies: Set<String>,\n"
        "    provision: String,\n    purpose: String,\n    purposes: Set<String>,\n    releasable_to: Set<String>,\n"
        "    review: Long,\n  }\n};\n"
    )


def request(
    own_party: str, header: ReleaseHeader, recipient: str, now_ms: int, purpose: str = "", provision: str = ""
) -> dict[str, Any]:
    """Return one release as a Cedar request: principal, action, resource and context."""
    label = header.label
    grades = label.grades if label is not None else ()
    foreign = {header.issuer} | (set(label.originators) if label is not None else set())
    foreign.discard(own_party)
    return {
        "principal": f"Party::{_text(recipient)}",
        "action": ACTION,
        "resource": f"RecordType::{_text(header.type)}",
        "context": {
            "at": header.at_ms,
            "backfill": header.backfill,
            "caveats": {grade.policy: sorted(grade.caveats) for grade in grades},
            "closed": sorted({_clause_word(name) for name in header.closed} - {""}),
            "consented": _consented(own_party, header, recipient, now_ms, foreign),
            "exercise": header.exercise,
            "foreign": bool(foreign),
            "grades": {grade.policy: grade.classification for grade in grades},
            "handling": header.handling,
            "held": sorted({_clause_word(name) for name in header.already_held} - {f"!releasable_to/{recipient}", ""}),
            "now": now_ms,
            "policies": [grade.policy for grade in grades],
            "provision": provision,
            "purpose": purpose,
            "purposes": sorted(label.purposes) if label is not None else [],
            "releasable_to": sorted(label.releasable_to) if label is not None else [],
            "review": _review(label),
        },
    }


def _review(label: Label | None) -> int:
    if label is None or label.review_by is None:
        return FOREVER
    try:
        return day_ms(label.review_by)
    except ValueError:
        return BEGINNING


def _clause_word(name: str) -> str:
    """Say a committed name in a provision's words; empty for what always travels, with a mark for what no provision can name."""
    first, _, rest = name.partition("/")
    if name in ("at", "originators", "purposes", "review_by") or (first == "caveats" and rest and "/" not in rest):
        return ""
    if first == "payload":
        field, _, item = rest.partition("/")
        return field if field and "/" not in item else f"!{name}"
    if name in ("actor", "node", "subject", "exercise") or (first == "after" and rest and "/" not in rest):
        return f"@{first}"
    return f"!{name}"


def _alive(consent: Consent, header: ReleaseHeader, now_ms: int) -> bool:
    named = bool(header.record_id) and header.record_id in consent.records
    in_class = consent.record_type == header.type and consent.from_ms <= header.at_ms < consent.to_ms
    spent = consent.single_use and consent.used
    return (named or in_class) and now_ms < consent.expires_ms and not spent


def _consented(
    own_party: str, header: ReleaseHeader, recipient: str, now_ms: int, foreign: set[str]
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for purpose in {consent.purpose for consent in header.consents}:
        words: list[set[str]] = []
        for party in foreign:
            for consent in header.consents:
                meant = (consent.originator, consent.relay, consent.recipient, consent.purpose)
                if meant == (party, own_party, recipient, purpose) and _alive(consent, header, now_ms):
                    words.append(set(consent.fields))
                    break
        if len(words) == len(foreign) and words:
            found[purpose] = sorted(set.intersection(*words))
    return found
