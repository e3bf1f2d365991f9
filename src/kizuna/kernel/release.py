"""The release decision: which provision in force permits this record to this partner, and what it discloses.

No instrument, no release: whatever is empty, missing or unknown denies. Agreements compile to an index that decides in about a
microsecond; `kizuna.kernel.cedar` says the same rules in Cedar's language, and the tests compare the two. `kizuna.kernel.explain` puts
the same reasons in words. Handing over, journalling and counting are the node's; so are the reasons `clock` and `halted`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from kizuna.kernel.clause import (
    LABEL_NAMES,
    REASONS,
    REFUSALS,
    Clause,
    Consent,
    Consented,
    Consulted,
    ReleaseDecision,
    ReleaseHeader,
    barred_by_clause,
    barred_by_grade,
    barred_by_label,
    by_id,
    committed_names,
    compile_clause,
    consent_for,
    consent_reaches,
    consulted,
    covers,
    denied,
    heard,
    is_own,
    opened,
    refused_by_clause,
    refused_by_terms,
    review_ms,
    translate,
)
from kizuna.kernel.instrument import Agreement
from kizuna.kernel.intervals import contains, segment
from kizuna.kernel.label import Grade, Label

__all__ = [
    "GUARD_MS",
    "LABEL_NAMES",
    "REASONS",
    "REFUSALS",
    "Clause",
    "Consent",
    "Consulted",
    "Index",
    "ReleaseDecision",
    "ReleaseHeader",
    "committed_names",
    "consent_reaches",
    "covers",
    "opened",
    "translate",
]

GUARD_MS = 2_000
"""How far from each boundary in time nothing is released, so that clocks that differ a little cannot disagree about it."""
_MEMO_SIZE = 65_536
_JUDGED_SIZE = 4_096  # its keys hold what a partner wrote


class Bucket(msgspec.Struct, frozen=True):
    """The clauses for one partner and record type, by instrument and provision id, and when decisions under them may change."""

    permits: tuple[Clause, ...] = ()
    forbids: tuple[Clause, ...] = ()
    now_edges: tuple[int, ...] = ()
    at_edges: tuple[int, ...] = ()
    delayed: bool = False
    """Whether a decision depends on how old the record is."""


def _bucket(clauses: Iterable[Clause]) -> Bucket:
    ordered = sorted(clauses, key=by_id)
    return Bucket(
        permits=tuple(clause for clause in ordered if clause.provision.effect == "permits"),
        forbids=tuple(clause for clause in ordered if clause.provision.effect != "permits"),
        now_edges=tuple(sorted({e for c in ordered for pair in (*c.releases, *c.in_term) for e in pair})),
        at_edges=tuple(sorted({e for c in ordered for pair in c.covers_at for e in pair})),
        delayed=any(clause.provision.obligations.delay_ms for clause in ordered),
    )


_EMPTY = Bucket()
_RANK = {"no-provision": 0, "expired": 1, "purpose": 2, "no-equivalence": 3, "level": 4, "no-consent": 5}
_Said = tuple[str, str, frozenset[str], tuple[Grade, ...]]
"""What a sender says of an entry: who it is, for which purpose, the names that it shows, its translation of the label."""
_Key = tuple[str, str, Label | None] | tuple[str, str, Label | None, bool, str, str, str, frozenset[str]]


class Index:
    """The agreements of one party, compiled to decide what it may release and what it may accept.

    An index never changes: a new signature, status or scope makes a new one.
    """

    def __init__(self, own_party: str, agreements: Sequence[Agreement], guard_ms: int) -> None:
        self.own_party = own_party
        self.agreements = tuple(agreements)
        self._partners: set[str] = set()
        self._known: set[tuple[str, str, str]] = set()
        self._cited: dict[tuple[str, str, str, str], Clause] = {}
        self._memo: dict[_Key, tuple[int, int, int, int, ReleaseDecision]] = {}
        self._judged: dict[tuple[object, ...], tuple[int, int, int, int, str | None]] = {}
        sent: dict[tuple[str, str], list[Clause]] = {}
        received: dict[tuple[str, str], list[Clause]] = {}
        for agreement in agreements:
            parties = agreement.instrument.parties
            if not agreement.in_force or own_party not in parties:
                continue
            self._partners |= set(parties) - {own_party}
            self._known |= {(party, agreement.instrument.id, agreement.version) for party in parties}
            for provision in agreement.instrument.provisions:
                source, target = provision.direction.from_party, provision.direction.to_party
                if own_party not in (source, target) or source == target or not {source, target} <= set(parties):
                    continue
                clause = compile_clause(agreement, provision, guard_ms)
                filed, partner = (sent, target) if source == own_party else (received, source)
                for wire_name in provision.record_types:
                    filed.setdefault((partner, wire_name), []).append(clause)
                if target == own_party:
                    self._cited[partner, agreement.instrument.id, agreement.version, provision.id] = clause
        self._out = {key: _bucket(clauses) for key, clauses in sent.items()}
        self._in = {key: _bucket(clauses) for key, clauses in received.items()}

    @classmethod
    def build(cls, own_party: str, agreements: Sequence[Agreement], guard_ms: int = GUARD_MS) -> Index:
        """Return the index of a party's agreements (`kizuna.kernel.instrument.agreements`)."""
        return cls(own_party, agreements, guard_ms)

    def with_party(self, partner: str) -> tuple[Agreement, ...]:
        """Return the agreements, in force or not, that this party has with another."""
        pair = {self.own_party, partner}
        return tuple(a for a in self.agreements if partner != self.own_party and pair <= set(a.instrument.parties))

    def types_towards(self, recipient: str) -> tuple[str, ...]:
        """Return the record types, sorted, that some provision speaks of towards a recipient."""
        return tuple(sorted(wire_name for partner, wire_name in self._out if partner == recipient))

    def decide(
        self, header: ReleaseHeader, recipient: str, now_ms: int, purpose: str = "", provision: str = ""
    ) -> ReleaseDecision:
        """Return whether the record may be released to the recipient at this instant, and on what terms.

        Any clause that forbids wins. Of several that permit, the one with the caller's `purpose` and `provision` id, else the first by
        instrument and provision id, of a closed record the first that leaves it whole; without a `purpose`, the first by name that label and
        provision share.
        """
        label = header.label
        key: _Key = (recipient, header.type, label)
        if purpose or provision or header.exercise or header.closed or header.handling != "standard":
            handled = (header.exercise, header.handling, purpose, provision, header.closed)
            key = (recipient, header.type, label, *handled)
        plain = header.issuer == self.own_party and not (header.already_held or header.consents or header.backfill)
        if plain:
            memo = self._memo.get(key)
            if memo is not None and memo[0] <= now_ms < memo[1] and memo[2] <= header.at_ms < memo[3]:
                return memo[4]
        bucket = self._out.get((recipient, header.type), _EMPTY)
        decision = self._decide(bucket, header, recipient, now_ms, purpose, provision)
        if plain and not bucket.delayed:
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
            now_edges = bucket.now_edges
            if label is not None and label.review_by is not None:
                now_edges = tuple(sorted((*now_edges, review_ms(label))))
            self._memo[key] = (*segment(now_edges, now_ms), *segment(bucket.at_edges, header.at_ms), decision)
        return decision

    def _decide(
        self, bucket: Bucket, header: ReleaseHeader, recipient: str, now_ms: int, purpose: str, provision: str
    ) -> ReleaseDecision:
        if recipient not in self._partners:
            return ReleaseDecision(permit=False, reason="no-instrument")
        for clause in bucket.forbids:
            if contains(clause.releases, now_ms):
                return denied(clause.held, clause)
        if not bucket.permits:
            return ReleaseDecision(permit=False, reason="no-provision")
        barred = barred_by_label(header, recipient, now_ms)
        if header.label is None or barred:
            return denied(barred, bucket.permits[0])
        near, rank = ReleaseDecision(permit=False, reason="no-provision"), -1
        in_part: ReleaseDecision | None = None
        for clause in bucket.permits:
            barred = barred_by_clause(clause, header, now_ms, provision)
            decision = denied(barred, clause) if barred else self._under(clause, header, header.label, now_ms, purpose)
            if decision.permit:
                if all(decision.shows(name) for name in header.closed):
                    return decision
                in_part = in_part or decision
            step = _RANK.get(decision.reason, len(_RANK))
            if step > rank:
                near, rank = decision, step
        return in_part or near

    def _under(self, clause: Clause, header: ReleaseHeader, label: Label, now_ms: int, purpose: str) -> ReleaseDecision:
        terms = clause.provision
        shared = label.purposes.intersection(terms.purposes)
        if purpose:
            shared = shared & {purpose}
        chosen = sorted(shared) if len(shared) > 1 else tuple(shared)
        if not chosen:
            return denied("purpose", clause)
        grade = clause.grade(label.grades)
        over = barred_by_grade(clause, grade)
        if grade is None or over:
            return denied(over, clause)
        own = is_own(header, label, self.own_party)
        options = (
            (Consented(chosen[0]),)
            if own
            else tuple(consent_for(header, label, self.own_party, terms.direction.to_party, chosen, now_ms))
        )
        if not options:
            return denied("no-consent", clause)
        not_before_ms = header.at_ms + terms.obligations.delay_ms if terms.obligations.delay_ms else 0
        if now_ms < not_before_ms:
            return denied(clause.held, clause, not_before_ms)
        names = clause.opens(header) if own else clause.names
        consent = next((option for option in options if _covers_held(option.narrow(names), header)), None)
        if consent is None:
            return denied(clause.held, clause)
        return ReleaseDecision(
            permit=True,
            reason=clause.held,
            instrument=clause.agreement.instrument.id,
            version=clause.agreement.version,
            provision=terms.id,
            purpose=consent.purpose,
            discloses=consent.narrow(names),
            obligations=terms.obligations,
            label=(grade,),
            lane=terms.lane,
            not_before_ms=not_before_ms,
            consents=consent.ids,
        )

    def consult(self, header: ReleaseHeader, recipient: str, now_ms: int, purpose: str = "") -> tuple[Consulted, ...]:
        """Return every clause on this record type towards the recipient and what it says of the record."""
        bucket = self._out.get((recipient, header.type), _EMPTY)
        barred = barred_by_label(header, recipient, now_ms)
        found = [consulted(c, "forbids" if contains(c.releases, now_ms) else "expired") for c in bucket.forbids]
        for clause in bucket.permits:
            why = barred or barred_by_clause(clause, header, now_ms)
            if not why and header.label is not None:
                decision = self._under(clause, header, header.label, now_ms, purpose)
                why = "permits" if decision.permit else decision.reason
            found.append(consulted(clause, why))
        return tuple(found)

    def judge(
        self,
        header: ReleaseHeader,
        sender: str,
        released_at_ms: int,
        *,
        instrument: str,
        version: str,
        provision: str,
        purpose: str,
        names: Iterable[str],
        label: Sequence[Grade] = (),
    ) -> str | None:
        """Return None where an entry that a partner released is permitted, else the refusal code.

        Judged by the sender's `released_at_ms` and the clause that it cites; `names` are the committed names disclosed, `label` the sender's
        translation. No guard band: the sender kept it.
        """
        clause = self._cited.get((sender, instrument, version, provision))
        if clause is None:
            return "no-provision" if (sender, instrument, version) in self._known else "no-instrument"
        said = (sender, purpose, frozenset(names), tuple(label))
        if header.consents or header.backfill or clause.provision.obligations.delay_ms:
            return self._judge(clause, header, released_at_ms, said)
        cited = (instrument, version, provision)
        key = (*cited, *said, header.type, header.label, header.issuer, header.exercise, header.handling, header.closed)
        memo = self._judged.get(key)
        if memo is not None and memo[0] <= released_at_ms < memo[1] and memo[2] <= header.at_ms < memo[3]:
            return memo[4]
        code = self._judge(clause, header, released_at_ms, said)
        if len(self._judged) >= _JUDGED_SIZE:
            self._judged.clear()
        forbids = self._in.get((sender, header.type), _EMPTY).forbids
        edges = {edge for each in (clause, *forbids) for pair in each.accepts for edge in pair}
        released = segment(tuple(sorted((*edges, review_ms(header.label)))), released_at_ms)
        covered = segment(tuple(sorted(edge for pair in clause.covers_at for edge in pair)), header.at_ms)
        self._judged[key] = (*released, *covered, code)
        return code

    def _judge(self, clause: Clause, header: ReleaseHeader, released_at_ms: int, said: _Said) -> str | None:
        sender, purpose, names, label = said
        for forbid in self._in.get((sender, header.type), _EMPTY).forbids:
            if contains(forbid.accepts, released_at_ms):
                return forbid.held
        barred = refused_by_clause(clause, header, released_at_ms) or barred_by_label(
            header, self.own_party, released_at_ms
        )
        if header.label is None or barred:
            return barred
        parties = (sender, self.own_party)
        terms = (parties, released_at_ms, purpose, names, label)
        return refused_by_terms(clause, header, header.label, *terms) or None

    def received_grade(
        self, header: ReleaseHeader, sender: str, instrument: str, version: str, provision: str, label: Sequence[Grade]
    ) -> Grade | None:
        """Return the grade that an accepted entry is held under here: the higher of our own and the sender's translation."""
        clause = self._cited.get((sender, instrument, version, provision))
        return None if clause is None or header.label is None else heard(clause, header.label, label)


def _covers_held(names: frozenset[str], header: ReleaseHeader) -> bool:
    """Tell whether the clause covers the union of what it would add and what the recipient already holds."""
    return not header.already_held or all(covers(names, name) for name in header.already_held)
