"""Judging what comes by a relay: another party's records, and its word about them.

A relay is believed in nothing that the originator has not signed. The originator's key is one whose root two people have compared here, of a
partner or of a party that was only introduced (decision 0015); a card that a relay hands over counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import UNSET

from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import record
from kizuna.kernel.channel import wire
from kizuna.kernel.lifecycle import ConsentGranted
from kizuna.kernel.record import Record
from kizuna.kernel.release import ReleaseHeader
from kizuna.node.channel.ledger import Ledger
from kizuna.node.channel.releasing import Releaser
from kizuna.node.held import noting
from kizuna.node.held.facts import Partner


class Relayed:
    """Judges for one answer of one partner what others than it have issued."""

    def __init__(
        self, ledger: Ledger, issuers: Mapping[str, Mapping[str, bytes]], partner: Partner, own_party: str
    ) -> None:
        self._ledger = ledger
        self._issuers = issuers
        self._partner = partner
        self._own_party = own_party
        self._spent: set[str] = set()

    def spend(self, consents: Iterable[str]) -> None:
        """Take consents for used by an entry that was accepted in this answer."""
        self._spent.update(consents)

    def record(self, held: Record) -> str:
        """Return why a record of a third party is none that this partner may pass on, or the empty string; its terms are judged after."""
        return self._signed(held) if self._consented(held.clear.issuer) else "no-consent"

    def _consented(self, originator: str) -> bool:
        """Return whether an originator has ever let this partner pass something on to us."""
        pair = (originator, self._partner.party, self._own_party)
        return any((c.originator, c.relay, c.recipient) == pair for c in self._ledger.granted)

    def _signed(self, held: Record) -> str:
        """Return why the signature of a record's issuer does not count, or the empty string."""
        if held.clear.issuer == self._partner.party:
            public = self._partner.record_keys.get(held.clear.key)
        else:
            public = self._issuers.get(held.clear.issuer, {}).get(held.clear.key)
        if public is None:
            return "unknown-key"
        try:
            record.verify(held, public)
        except SignatureError:
            return "bad-signature"
        return ""

    def notice(self, held: Record) -> str:
        """Return why a notice does not count here, or the empty string.

        A consent is for its relay, from the originator, and for its recipient, from originator or relay. Whatever else an originator says of its
        records a relay may pass on only where it was let pass something on.
        """
        code = self._signed(held)
        if code:
            return code
        try:
            body = noting.body_of(held)
        except RecordError:
            return "body-malformed"
        issuer, sender = held.clear.issuer, self._partner.party
        if isinstance(body, ConsentGranted):
            direct = issuer == sender and self._own_party in {body.relay, body.recipient}
            relayed = (body.relay, body.recipient) == (sender, self._own_party)
            return "" if held.closed and (direct or relayed) else "no-consent"
        return "" if issuer == sender or self._consented(issuer) else "no-consent"

    def header(self, releaser: Releaser, held: Record, header: wire.EntryHeader) -> ReleaseHeader:
        """Return what the judgement of an entry looks at: of consents those that it names, or from the originator itself all of its own."""
        if held.clear.issuer == self._partner.party and header.consents is UNSET:
            about = releaser.header(held)
        else:
            named = frozenset[str]() if header.consents is UNSET else frozenset(header.consents)
            about = releaser.header(held, only=named)
            consents = tuple(
                msgspec.structs.replace(c, used=True) if c.id in self._spent else c for c in about.consents
            )
            about = msgspec.structs.replace(about, consents=consents)
        return msgspec.structs.replace(about, backfill=True) if header.backfill is True else about
