"""What originators have said about records, folded for a release: which consents stand and are unspent, and which relabels hold.

Read from the store and kept in memory: notices are few, decisions are many. The folds are `kizuna.kernel.lifecycle`'s and hold in every order
of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel import lifecycle
from kizuna.kernel.clause import Consent, ReleaseHeader, opened
from kizuna.kernel.journal import Store
from kizuna.kernel.lifecycle import Act, ConsentGranted
from kizuna.node.held import facts, noting

_FOLDED = (noting.GRANTED, noting.REVOKED, noting.RELABELLED)


class Ledger:
    """The notices that this node holds, as releases need them. It grows by `refresh` alone."""

    def __init__(self) -> None:
        self.consents: tuple[Consent, ...] = ()
        """Those that stand, by id; expired ones too, for that depends on when one asks."""
        self.granted: tuple[Consent, ...] = ()
        """Every consent ever granted, revoked or not: who was let have a record must also hear of its end."""
        self.relabels: Mapping[str, tuple[Act, ...]] = {}
        """By the id of their record."""
        self._acts: dict[str, Act] = {}
        self._spent: set[str] = set()

    def refresh(self, store: Store) -> None:
        """Take up what has come since, and which single uses are spent."""
        marks = ",".join("?" * len(_FOLDED))
        for (record_id,) in store.query(f"SELECT record_id FROM notice WHERE type IN ({marks})", _FOLDED):
            held = facts.load_record(store, record_id)  # a second holding may disclose more
            if held is not None:
                try:
                    self._acts[record_id] = lifecycle.act_of(held, noting.body_of(held))
                except RecordError:
                    continue  # a payload that does not fit its type says nothing
        self._spent = {
            consent
            for (consent,) in store.query(
                "SELECT DISTINCT u.consent FROM consent_use u LEFT JOIN leaf_out l"
                " ON l.channel = u.channel AND l.epoch = u.epoch AND l.idx = u.idx WHERE COALESCE(l.outcome, '') <> 'stub'"
            )
        }
        acts = self._acts.values()
        self.consents = lifecycle.consents_of(acts)
        self.granted = lifecycle.consents_of(act for act in acts if isinstance(act.body, ConsentGranted))
        relabels: dict[str, tuple[Act, ...]] = {}
        for act in acts:
            target = getattr(act.body, "target", None)
            if isinstance(target, str):
                relabels[target] = (*relabels.get(target, ()), act)
        self.relabels = relabels

    def spend(self, consents: Iterable[str]) -> None:
        """Take consents for used: the release that rests on them is on its way into the journal."""
        self._spent.update(consents)

    def fold(
        self,
        header: ReleaseHeader,
        own_party: str,
        *,
        only: frozenset[str] | None = None,
        unspent: frozenset[str] = frozenset(),
    ) -> ReleaseHeader:
        """Return a header with the label as it is now and the consents that speak of third parties' information.

        `only` leaves those that an entry names; the `unspent` count as unused: what rests on them is the very use that is asked about.
        """
        label = header.label
        relabels = self.relabels.get(header.record_id)
        if relabels and label is not None:
            try:
                label = lifecycle.label_now(header.record_id, header.issuer, label, relabels)
            except RecordError:
                label = None
            header = msgspec.structs.replace(header, label=label)
        if not self.consents or (header.issuer == own_party and (label is None or label.originators == {own_party})):
            return header
        parties = {header.issuer} | (label.originators if label is not None else frozenset())
        consents = tuple(
            msgspec.structs.replace(consent, used=consent.id in self._spent and consent.id not in unspent)
            for consent in self.consents
            if consent.originator in parties and (only is None or consent.id in only)
        )
        return msgspec.structs.replace(header, consents=consents)

    def opened(self, header: ReleaseHeader, relay: str, now_ms: int) -> frozenset[str]:
        """Return which of a record's facts its originator opens to a relay for the sake of its consents."""
        return opened(self.consents, header, relay, now_ms) if self.consents else frozenset()

    def relabels_of(self, record_id: str) -> tuple[str, ...]:
        """Return the ids of a record's relabels, in the order in which they follow one another as far as they say, else by id."""
        return tuple(sorted(act.id for act in self.relabels.get(record_id, ())))
