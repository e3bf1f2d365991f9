"""Deciding, for one record and one partner, whether it goes, under which clause, and which of its facts are shown.

The rule is `kizuna.kernel.release`; here the record's facts are laid before it and its answer is turned into names to disclose. A domain
whose records are released in portions says which items a provision's obligations let through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel import record
from kizuna.kernel.domain import Derive, Domain, Portion
from kizuna.kernel.instrument import Obligations
from kizuna.kernel.label import Label
from kizuna.kernel.record import Body, Record
from kizuna.kernel.release import Index, ReleaseDecision, ReleaseHeader, covers
from kizuna.node.channel.ledger import Ledger

HOUR_MS = 3_600_000


class Ruling(msgspec.Struct, frozen=True):
    """A decision with the names that it discloses. `kept_back` counts the items that the clause's obligations kept at home."""

    decision: ReleaseDecision
    names: frozenset[str] = frozenset()
    kept_back: int = 0
    asks: Obligations | None = None
    """What a clause that permits asks to be done to the record first, where as it is it stays at home."""

    @property
    def permit(self) -> bool:
        """Whether something of the record may go now."""
        return self.decision.permit

    @property
    def reason(self) -> str:
        """Why not, or why not all of it: a reason code."""
        return f"provision:{self.decision.provision}" if self.decision.permit else self.decision.reason


@lru_cache(maxsize=256)  # records of one type mostly hold facts of the same names
def _shown(held: tuple[str, ...], discloses: frozenset[str], dropped: tuple[str, ...], party: str) -> frozenset[str]:
    """Return which of the names that a record holds a clause shows to a party."""
    at_home = {f"payload/{field}" for field in dropped}
    return frozenset(
        name for name in held if (covers(discloses, name) and name not in at_home) or name == f"releasable_to/{party}"
    )


def header_of(held: Record, already_held: frozenset[str] = frozenset()) -> ReleaseHeader:
    """Return what a decision looks at, before relabels and consents; a label that is malformed or not disclosed counts as missing."""
    label: Label | None
    try:
        label = record.label_of(held)
    except RecordError:
        label = None
    clear = held.clear
    return ReleaseHeader(
        type=clear.type,
        label=label,
        issuer=clear.issuer,
        at_ms=held.at_ms or 0,
        exercise=clear.exercise,
        handling=clear.handling,
        already_held=already_held,
        record_id=held.id,
        closed=frozenset(held.disclosures) if held.closed else frozenset(),
    )


class Releaser:
    """Rules over an index of agreements, what originators have said since, and the domains' record classes."""

    def __init__(self, index: Index, domains: Sequence[Domain], ledger: Ledger) -> None:
        self.index = index
        self.ledger = ledger
        self._classes = {name: kind for domain in domains for name, kind in domain.records.items()}
        self._portions: dict[type[Body], Portion] = {}
        self._derivations: dict[type[Body], Derive] = {}
        for domain in domains:
            self._portions.update(domain.portions)
            self._derivations.update(domain.derivations)

    def header(self, held: Record, *, only: frozenset[str] | None = None) -> ReleaseHeader:
        """Return what a decision looks at: the label as relabels have left it, and the consents that stand, or of them `only` the named."""
        return self.ledger.fold(header_of(held), self.index.own_party, only=only)

    def rule(
        self,
        held: Record,
        party: str,
        now_ms: int,
        already_held: frozenset[str] = frozenset(),
        purpose: str = "",
        *,
        backfill: bool = False,
        unspent: frozenset[str] = frozenset(),
    ) -> Ruling:
        """Return whether and what of a record may go to a party at this instant.

        `backfill` says that two persons asked for it, `unspent` names consents whose single use is this one.
        """
        kind = self._classes.get(held.clear.type)
        if kind is None:
            return Ruling(ReleaseDecision(permit=False, reason="no-provision"))
        told = already_held and frozenset(name for name in already_held if not name.startswith("releasable_to/"))
        header = self.ledger.fold(header_of(held, told), self.index.own_party, unspent=unspent)
        if backfill:
            header = msgspec.structs.replace(header, backfill=True)
        decision = self.index.decide(header, party, now_ms, purpose)
        if not decision.permit:
            return Ruling(decision)
        names = _shown(tuple(held.disclosures), decision.discloses, decision.obligations.drop_fields, party)
        if header.issuer == self.index.own_party:
            names |= self.ledger.opened(header, party, now_ms).intersection(held.disclosures)
        return self._in_portions(held, kind, decision, names)

    def _in_portions(self, held: Record, kind: type[Body], decision: ReleaseDecision, names: frozenset[str]) -> Ruling:
        portion = self._portions.get(kind)
        duties = decision.obligations
        if duties.unlinkable and not self._unlinked(held, decision):
            return self._held_by(decision)
        if portion is None:
            if duties.transforms and msgspec.structs.replace(duties, unlinkable=False).transforms:
                return self._held_by(decision)  # what cannot be done to a record on its way out keeps it at home
            return Ruling(decision, names)
        items = frozenset(name for name in names for field in kind.__each__ if name.startswith(f"payload/{field}/"))
        let_through = items & portion(record.body_of(held, kind), decision.obligations)
        if items and not let_through:
            return self._held_by(decision, len(items))
        return Ruling(decision, names - items | let_through, kept_back=len(items) - len(let_through))

    def _unlinked(self, held: Record, decision: ReleaseDecision) -> bool:
        """Return whether a record was made for one party alone: its id, salts and instant then tell nobody which record of another party's it is."""
        duties = decision.obligations
        own = held.clear.issuer == self.index.own_party and "derived_from/0" in held.disclosed
        return own and len(held.label.releasable_to) == 1 and (held.at_ms or 0) == bucket_ms(held.at_ms or 0, duties)

    def _held_by(self, decision: ReleaseDecision, count: int = 0) -> Ruling:
        denied = ReleaseDecision(
            permit=False,
            reason=f"provision:{decision.provision}",
            instrument=decision.instrument,
            version=decision.version,
            provision=decision.provision,
        )
        return Ruling(denied, kept_back=count, asks=decision.obligations)

    def derivation(self, held: Record, ruling: Ruling) -> Derive | None:
        """Return what makes of a record that a clause keeps at home only as it is another that may go, or None where nothing does."""
        kind = self._classes.get(held.clear.type)
        if kind is None or ruling.asks is None:
            return None
        if ruling.asks.rewrites:
            return self._derivations.get(kind)
        return _said_again if ruling.asks.unlinkable else None

    def coarser(self, held: Record, ruling: Ruling, blob_of: Callable[[str], bytes]) -> tuple[bytes, ...]:
        """Return the large objects, made coarser as the clause asks, that stand for a record which stays at home as it is; none where nothing may go.

        For those who are shown values and no record, such as plugs. What must not be linked stays: it needs a record of its own.

        Raises:
            RecordError: a large object of it is damaged.
        """
        derive = self.derivation(held, ruling)
        kind = self._classes.get(held.clear.type)
        portion = self._portions.get(kind) if kind is not None else None
        if kind is None or derive is None or portion is None or ruling.asks is None or ruling.asks.unlinkable:
            return ()
        made = derive(record.body_of(held, kind), blob_of, ruling.asks)
        if made is None:
            return ()
        body, blobs = made
        through = portion(body, ruling.asks)
        return tuple(blob for place, blob in enumerate(blobs) if f"payload/chunks/{place}" in through)


def bucket_ms(at_ms: int, duties: Obligations) -> int:
    """Return the instant that a record shows in place of its own where it must not be linked: the start of its time step, else of its hour."""
    step_ms = duties.time_step_ms if duties.time_step_ms > 1 else HOUR_MS
    return at_ms // step_ms * step_ms


def _said_again(
    body: Body, _blob_of: Callable[[str], bytes], _asks: Obligations
) -> tuple[Body, tuple[bytes, ...]] | None:
    """Return the same payload, for a record that has its own id and salts."""
    return body, ()
