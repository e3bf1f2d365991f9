"""One provision, compiled for one recipient, and each question that a release asks of it.

The rules stand here one by one: time, meaning, label, translation, consent, disclosure. `kizuna.kernel.release` asks them in order and
chooses among clauses; `kizuna.kernel.cedar` says them a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from kizuna.kernel.instrument import Agreement, EquivalenceTable, Obligations, Provision, day_ms
from kizuna.kernel.intervals import ALWAYS, FOREVER, Intervals, both, contains, grow, normal, shrink, without
from kizuna.kernel.label import Grade, Label

REASONS = (
    "no-instrument",
    "no-provision",
    "level",
    "releasability",
    "purpose",
    "expired",
    "no-equivalence",
    "no-consent",
    "clock",
    "halted",
)
"""Why a release was denied, beside `provision:<id>` where a clause that forbids, delays or discloses less held it."""
REFUSALS = (*REASONS[:8], "over-disclosed")
"""Why a received entry is refused, beside `provision:<id>`: the sender's reasons, and more shown than the provision names."""
LABEL_NAMES = frozenset({"at", "caveats/*", "originators", "purposes", "review_by"})
"""Facts that always travel with a record: without them its recipient could not protect it."""
_MOST_GRADED = 1_024
_DISCLOSABLE = ("payload/", "after/", "actor", "exercise", "node", "subject")
"""How the names begin that a provision or a consent must name."""


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """An originator's consent that a relaying party passes its information on: named records, or a type and period.

    `fields` are named as in a provision; `used` tells that a single use has been spent.
    """

    id: str
    originator: str
    relay: str
    recipient: str
    fields: frozenset[str]
    purpose: str
    expires_ms: int
    records: frozenset[str] = frozenset()
    record_type: str = ""
    from_ms: int = 0
    to_ms: int = 0
    single_use: bool = False
    used: bool = False


class ReleaseHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision looks at: facts about a record, none of its values."""

    type: str
    label: Label | None
    issuer: str
    at_ms: int
    exercise: bool = False
    handling: str = "standard"
    fields: frozenset[str] = frozenset()
    """Payload fields present, by name; only `explain` speaks of them."""
    backfill: bool = False
    """Whether two persons asked for it by name, as a record from before its provision was open."""
    already_held: frozenset[str] = frozenset()
    """Committed names that the recipient already holds of this record and its derivations."""
    consents: tuple[Consent, ...] = ()
    record_id: str = ""
    closed: frozenset[str] = frozenset()
    """All committed names of a record that hides nothing from who asks, so that parties may sign it; empty where it may hide something."""


class ReleaseDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Permit or deny, by which clause, and on what terms. A denial names the clause that came nearest, where there is one."""

    permit: bool
    reason: str
    instrument: str = ""
    version: str = ""
    provision: str = ""
    purpose: str = ""
    discloses: frozenset[str] = frozenset()
    """Committed names; one that ends in `/*` covers the items of a list."""
    obligations: Obligations = Obligations()
    label: tuple[Grade, ...] = ()
    """The label translated to the recipient's policy."""
    lane: str = "routine"
    not_before_ms: int = 0
    """When a delay ends; a denial by delay is worth asking again then."""
    consents: tuple[str, ...] = ()
    """Ids of the consents that the permit rests on."""

    def shows(self, name: str) -> bool:
        """Return whether a committed name is disclosed."""
        return covers(self.discloses, name)


class Consulted(msgspec.Struct, frozen=True):
    """One clause that was looked at: `why` is a reason, or `permits`."""

    instrument: str
    provision: str
    why: str
    basis: str


def covers(names: frozenset[str], name: str) -> bool:
    """Return whether a committed name is in a set in which `x/*` stands for the items `x/0`, `x/1`, ..."""
    return name in names or f"{name.rpartition('/')[0]}/*" in names


def committed_names(fields: Iterable[str]) -> frozenset[str]:
    """Return the committed names of what a provision or consent discloses: `x` and `@actor` become `payload/x`, `payload/x/*`, `actor`."""
    names: set[str] = set()
    for field in fields:
        if field == "@after":
            names.add("after/*")
        elif field.startswith("@"):
            names.add(field[1:])
        else:
            names |= {f"payload/{field}", f"payload/{field}/*"}
    return frozenset(names)


def translate(grades: Sequence[Grade], policy: str, tables: Mapping[str, EquivalenceTable]) -> Grade | None:
    """Return the one grade in the recipient's `policy` that protects all components, or None where one has no row.

    A component in that policy already stands for itself; `tables` are by the policy that they translate from.
    """
    level = -1
    caveats: set[str] = set()
    for grade in grades:
        if grade.policy == policy:
            level = max(level, grade.classification)
            caveats |= grade.caveats
            continue
        table = tables.get(grade.policy)
        found = table.translate(grade.classification) if table is not None else None
        if table is None or found is None or not grade.caveats <= table.caveats.keys():
            return None
        level = max(level, found)
        caveats |= {table.caveats[caveat] for caveat in grade.caveats}
    return Grade(policy, level, frozenset(caveats)) if level >= 0 else None


class Clause(msgspec.Struct, frozen=True):
    """A provision compiled for one recipient."""

    agreement: Agreement
    provision: Provision
    releases: Intervals
    """When it may release, the guard band taken off; for one that forbids, when it does, the guard band added."""
    accepts: Intervals
    """When its sender may have released, without guard band."""
    covers_at: Intervals
    """In which a record's own instant must lie: nothing from before, or from a suspension, comes after."""
    in_term: Intervals
    names: frozenset[str]
    audience: frozenset[str]
    """The names that say to which parties to the instrument a record may go."""
    policy: str
    maximum: int
    tables: dict[str, EquivalenceTable]
    graded: dict[tuple[Grade, ...], Grade | None] = msgspec.field(default_factory=dict)
    """What `grade` has found: there are few grades, and many labels."""
    denials: dict[str, ReleaseDecision] = msgspec.field(default_factory=dict)
    """What `denied` has made, by reason."""

    def grade(self, grades: tuple[Grade, ...]) -> Grade | None:
        """Return the translation of a label's grades to the agreed policy, or None where one has no row."""
        try:
            return self.graded[grades]
        except KeyError:
            found = translate(grades, self.policy, self.tables)
            if len(self.graded) < _MOST_GRADED:
                self.graded[grades] = found
            return found

    def opens(self, header: ReleaseHeader) -> frozenset[str]:
        """Return the committed names that it discloses of a record that is all its sender's own.

        Whoever signs a statement of several parties sees all of it, so also to whom else it goes; but only where that makes it whole: beside a
        party that is none to the instrument, and beside anything that the clause keeps back, the other parties' names stay hidden too.
        """
        if not header.closed:
            return self.names
        wider = self.names | self.audience
        return wider if all(covers(wider, name) for name in header.closed) else self.names

    @property
    def held(self) -> str:
        """The reason by which this clause itself holds a record."""
        return f"provision:{self.provision.id}"


def compile_clause(agreement: Agreement, provision: Provision, guard_ms: int) -> Clause:
    """Return a provision of an agreement as a clause."""
    in_force, current = agreement.in_force, agreement.current
    opened = normal((s.from_ms, s.to_ms) for s in agreement.scopes if s.name == provision.scope)
    if provision.effect == "forbids":  # a suspension stops what is permitted, it does not lift what is forbidden
        opened = opened if provision.scope else ALWAYS
        in_term = accepts = covers_at = both(both(in_force, opened), current)
        releases = both(both(grow(in_force, guard_ms), grow(opened, guard_ms)), current)
    else:
        covers_at = without(in_force, agreement.suspended)
        in_term = both(without(shrink(in_force, guard_ms), grow(agreement.suspended, guard_ms)), current)
        accepts = both(covers_at, current)
        releases = in_term
        if provision.scope:
            releases = both(releases, shrink(opened, guard_ms))
            accepts = both(accepts, opened)
            covers_at = both(covers_at, opened)
    policy, maximum = next(iter(provision.max_classification.items()), ("", -1))
    return Clause(
        agreement=agreement,
        provision=provision,
        releases=releases,
        accepts=accepts,
        covers_at=covers_at,
        in_term=in_term,
        names=committed_names(set(provision.discloses).difference(provision.obligations.drop_fields))
        | LABEL_NAMES
        | {f"releasable_to/{provision.direction.to_party}"},
        audience=frozenset(f"releasable_to/{party}" for party in agreement.instrument.parties),
        policy=policy,
        maximum=maximum,
        tables={
            table.from_policy: table
            for table in agreement.instrument.tables
            if table.name == provision.equivalence and table.to_policy == policy
        },
    )


def heard(clause: Clause, label: Label, claimed: Sequence[Grade]) -> Grade | None:
    """Return the higher of our own and the sender's translation, or None where either is not in the agreed policy."""
    own = clause.grade(label.grades)
    if own is None or any(grade.policy != clause.policy for grade in claimed):
        return None
    return translate((own, *claimed), clause.policy, {})


def meant_for(terms: Provision, header: ReleaseHeader) -> bool:
    """Return whether the provision speaks of records of this exercise mark and handling class."""
    return terms.exercise == header.exercise and header.handling in terms.handling


def barred_by_label(header: ReleaseHeader, recipient: str, now_ms: int) -> str:
    """Return why the label alone keeps the record from this recipient (`releasability`, `expired`), or the empty string."""
    label = header.label
    if label is None or recipient not in label.releasable_to:
        return "releasability"
    return "expired" if now_ms >= review_ms(label) else ""


class Consented(msgspec.Struct, frozen=True):
    """For which purpose and by which consents foreign information may pass; `fields` None: it is all our own."""

    purpose: str
    ids: tuple[str, ...] = ()
    fields: frozenset[str] | None = None

    def narrow(self, names: frozenset[str]) -> frozenset[str]:
        """Return the names that clause and consents both disclose."""
        if self.fields is None:
            return names
        return frozenset(name for name in names if name in self.fields or not name.startswith(_DISCLOSABLE))


def is_own(header: ReleaseHeader, label: Label, relay: str) -> bool:
    """Return whether information is all the relaying party's own: it needs no consent."""
    return header.issuer == relay and len(label.originators) == 1 and relay in label.originators


def consent_for(
    header: ReleaseHeader, label: Label, relay: str, recipient: str, purposes: Sequence[str], now_ms: int
) -> Iterator[Consented]:
    """Yield, for each purpose that has them, the consents of everyone whose information this is but the relaying party.

    Information that is all the relaying party's own needs none, and passes for each purpose.
    """
    if is_own(header, label, relay):
        for purpose in purposes:
            yield Consented(purpose)
        return
    foreign = sorted({header.issuer, *label.originators} - {relay})
    for purpose in purposes:
        given = [
            next((c for c in header.consents if _given(c, party, relay, recipient, purpose, header, now_ms)), None)
            for party in foreign
        ]
        found = [consent for consent in given if consent is not None]
        if len(found) == len(foreign):
            fields = frozenset.intersection(*(committed_names(consent.fields) for consent in found))
            yield Consented(purpose, tuple(consent.id for consent in found), fields)


def _given(
    consent: Consent, party: str, relay: str, recipient: str, purpose: str, header: ReleaseHeader, now_ms: int
) -> bool:
    meant = (consent.originator, consent.relay, consent.recipient, consent.purpose) == (
        party,
        relay,
        recipient,
        purpose,
    )
    return meant and consent_reaches(consent, header, now_ms)


def consent_reaches(consent: Consent, header: ReleaseHeader, now_ms: int) -> bool:
    """Return whether a consent speaks of this record and is neither expired nor spent."""
    if now_ms >= consent.expires_ms or (consent.single_use and consent.used):
        return False
    if header.record_id and header.record_id in consent.records:
        return True
    return consent.record_type == header.type and consent.from_ms <= header.at_ms < consent.to_ms


def opened(consents: Iterable[Consent], header: ReleaseHeader, relay: str, now_ms: int) -> frozenset[str]:
    """Return the facts that an originator opens to its relay beside a record: that it may be released to whom its consents name."""
    return frozenset(
        f"releasable_to/{consent.recipient}"
        for consent in consents
        if (consent.originator, consent.relay) == (header.issuer, relay) and consent_reaches(consent, header, now_ms)
    )


def by_id(clause: Clause) -> tuple[str, str, str]:
    """Return the order of clauses: by instrument, provision and version."""
    return clause.agreement.instrument.id, clause.provision.id, clause.agreement.version


def consulted(clause: Clause, why: str) -> Consulted:
    """Return what a clause said, for people."""
    return Consulted(clause.agreement.instrument.id, clause.provision.id, why, clause.provision.basis)


def denied(reason: str, clause: Clause, not_before_ms: int = 0) -> ReleaseDecision:
    """Return a denial that names the clause which came nearest."""
    made = clause.denials.get(reason)
    if made is None:
        made = clause.denials[reason] = ReleaseDecision(
            permit=False,
            reason=reason,
            instrument=clause.agreement.instrument.id,
            version=clause.agreement.version,
            provision=clause.provision.id,
        )
    return made if not not_before_ms else msgspec.structs.replace(made, not_before_ms=not_before_ms)


def review_ms(label: Label | None) -> int:
    """Return from when the label denies, in milliseconds UTC."""
    if label is None or label.review_by is None:
        return FOREVER
    try:
        return day_ms(label.review_by)
    except ValueError:
        return 0  # a date that no calendar has denies


def barred_by_clause(clause: Clause, header: ReleaseHeader, now_ms: int, provision: str = "") -> str:
    """Return why the clause does not reach this record now (`no-provision`, `expired`), or the empty string."""
    if not meant_for(clause.provision, header) or provision not in ("", clause.provision.id):
        return "no-provision"
    if not contains(clause.releases, now_ms):
        return "no-provision" if contains(clause.in_term, now_ms) else "expired"
    return "" if _reaches(clause, header) else "expired"


def _reaches(clause: Clause, header: ReleaseHeader) -> bool:
    """Tell whether the record's own instant lies inside, or the parties agreed that two persons may go back behind it."""
    return contains(clause.covers_at, header.at_ms) or (header.backfill and clause.provision.backfill is True)


def refused_by_clause(clause: Clause, header: ReleaseHeader, released_at_ms: int) -> str:
    """Return why a clause that a sender cites does not reach this entry (`no-provision`, `expired`), or the empty string."""
    terms = clause.provision
    if terms.effect != "permits" or header.type not in terms.record_types or not meant_for(terms, header):
        return "no-provision"
    reached = contains(clause.accepts, released_at_ms) and _reaches(clause, header)
    return "" if reached else "expired"


def barred_by_grade(clause: Clause, grade: Grade | None) -> str:
    """Return why a translated grade does not pass (`no-equivalence`, `level`), or the empty string."""
    if grade is None:
        return "no-equivalence"
    return "level" if grade.classification > clause.maximum else ""


def refused_by_terms(
    clause: Clause,
    header: ReleaseHeader,
    label: Label,
    parties: tuple[str, str],
    released_at_ms: int,
    purpose: str,
    names: Iterable[str],
    claimed: Sequence[Grade],
) -> str:
    """Return which of the clause's terms an entry from one of `parties` to the other breaks, or the empty string."""
    terms = clause.provision
    if purpose not in terms.purposes or purpose not in label.purposes:
        return "purpose"
    over = barred_by_grade(clause, heard(clause, label, claimed))
    if over:
        return over
    delay_ms = terms.obligations.delay_ms
    if delay_ms and released_at_ms < header.at_ms + delay_ms:
        return clause.held
    consent = next(consent_for(header, label, *parties, [purpose], released_at_ms), None)
    if consent is None:
        return "no-consent"
    own = is_own(header, label, parties[0])
    allowed = consent.narrow(clause.opens(header) if own else clause.names)
    if parties[0] == header.issuer:
        allowed |= opened(header.consents, header, parties[1], released_at_ms)
    return "" if all(covers(allowed, name) for name in names) else "over-disclosed"
