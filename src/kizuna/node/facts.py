"""Reading what this node holds: records by id, instruments, partners' keys.

Everything here reads a store's snapshot and never writes. What is decoded once is kept in bounded caches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from kizuna.errors import KizunaError, RefusedError, SignatureError
from kizuna.kernel import canonical, keys, record, sign
from kizuna.kernel.journal import Db, Store
from kizuna.kernel.record import Record
from kizuna.node import noting
from kizuna.node.parsed import parse
from kizuna.node.tables import whole


class BlobReader(Protocol):
    """Reads large objects by their digest."""

    def get(self, sha256: str) -> bytes:
        """Return the object, verified against its digest."""
        ...

    def has(self, sha256: str) -> bool:
        """Return whether it is held."""
        ...


@dataclass(frozen=True)
class Identity:
    """Who this node is: its name `party/node`, its keys by purpose, its bundle sealing key, and what its party's root certified."""

    node: str
    keys: dict[str, sign.SigningKey]
    seal_private: bytes
    keyset: sign.Envelope
    root_public: bytes

    @property
    def party(self) -> str:
        """The party that this node speaks for."""
        return self.node.partition("/")[0]


@dataclass(frozen=True)
class Partner:
    """A pinned partner: its newest key set, all record keys that it ever had by id, its root and where it listens."""

    node: str
    party: str
    root: bytes
    keyset: keys.KeySet
    record_keys: dict[str, bytes]
    address: str
    certificate_pem: str


def check_unshared(card: keys.Card, keyset: keys.KeySet, identity: Identity, partners: Iterable[Partner]) -> None:
    """Accept a card none of whose keys is another node's: what is signed, sealed or shown in a handshake must mean one node.

    Raises:
        RefusedError: a key, the certificate, or another party's root stands on it.
    """
    ours = keys.read_keyset(identity.keyset, identity.root_public)
    taken = dict.fromkeys(ours.marks | {canonical.b64(identity.root_public)}, identity.node)
    for partner in partners:
        if partner.node != keyset.node:
            old = {canonical.b64(public) for public in partner.record_keys.values()}
            taken |= dict.fromkeys(partner.keyset.marks | old, partner.node)
        if partner.party != keyset.party:
            taken[canonical.b64(partner.root)] = partner.node
    for mark in sorted(keyset.marks | {card.root}):
        if mark in taken:
            raise RefusedError(
                f"the card of `{keyset.node}` shows a key of `{taken[mark]}`: one of the two is not who it says, ask both"
            )


def load_record(store: Store, record_id: str) -> Record | None:
    """Return a held record with every disclosure of every holding, or None where it is not held or its body was erased."""
    rows = store.query(
        "SELECT b.body FROM holding h JOIN journal_body b ON b.seq = h.seq WHERE h.record_id = ? AND b.body IS NOT NULL"
        " ORDER BY h.seq LIMIT 1",
        (record_id,),
    )
    if not rows:
        return None
    held = parse(bytes(rows[0][0]))
    with store.view() as db:
        return whole(db, held)


def body_at(store: Store, seq: int) -> bytes | None:
    """Return the body of a journal entry, or None where there is none or it was erased."""
    rows = store.query("SELECT body FROM journal_body WHERE seq = ?", (seq,))
    return bytes(rows[0][0]) if rows and rows[0][0] is not None else None


def load_partners(store: Store) -> dict[str, Partner]:
    """Return the partners that are enrolled and not removed, by node name."""
    found: dict[str, Partner] = {}
    for node, party, card_bytes in store.query(
        "SELECT node, party, card FROM partner WHERE removed_at_ms = 0 ORDER BY node"
    ):
        card, keyset = keys.read_card(bytes(card_bytes))
        record_keys = {keyset.key_id(sign.Purpose.RECORD): keyset.public(sign.Purpose.RECORD)}
        for (envelope,) in store.query("SELECT envelope FROM keyset WHERE node = ? ORDER BY version", (node,)):
            try:
                newer = keys.read_keyset(sign.read_envelope(bytes(envelope)), card.root_bytes)
            except KizunaError:
                continue  # of a root that was pinned before this one
            record_keys[newer.key_id(sign.Purpose.RECORD)] = newer.public(sign.Purpose.RECORD)
            keyset = newer if newer.version > keyset.version else keyset
        found[node] = Partner(node, party, card.root_bytes, keyset, record_keys, card.address, card.certificate_pem)
    return found


def load_issuers(store: Store, partners: Iterable[Partner]) -> dict[str, dict[str, bytes]]:
    """Return the record keys, by id, of every party whose root is pinned here: of partners, and of those who were only introduced."""
    found: dict[str, dict[str, bytes]] = {}
    for partner in partners:
        found.setdefault(partner.party, {}).update(partner.record_keys)
    for party, card in store.query("SELECT party, card FROM introduced ORDER BY node, version"):
        _, keyset = keys.read_card(bytes(card))
        found.setdefault(party, {})[keyset.key_id(sign.Purpose.RECORD)] = keyset.public(sign.Purpose.RECORD)
    return found


def introduced_roots(store: Store) -> dict[str, bytes]:
    """Return the root that each introduced party is pinned under."""
    rows = store.query("SELECT party, card FROM introduced ORDER BY node, version")
    return {party: keys.read_card(bytes(card))[0].root_bytes for party, card in rows}


def outstanding_bundles(db: Db, channel: str, now_ms: int) -> list[tuple[int, int, int]]:
    """Return from which to which entry each bundle goes that may still be taken in and is not receipted whole, and until when."""
    rows = db.execute(
        "SELECT b.from_size, b.to_size, b.not_after_ms FROM bundle_out b JOIN channel_out c ON c.channel = b.channel"
        " WHERE b.channel = ? AND b.epoch = c.epoch AND b.to_size > c.receipted AND b.not_after_ms > ? ORDER BY b.seq",
        (channel, now_ms),
    )
    return [(int(first), int(last), int(until_ms)) for first, last, until_ms in rows]


def blobs_of(held: Record, names: frozenset[str]) -> tuple[tuple[str, int], ...]:
    """Return digest and size of each blob that the named facts show, sorted."""
    return tuple(sorted(noting.blobs_of(held, names)))


def check_author(held: Record, partner: Partner) -> None:
    """Accept a partner's signature on its own record.

    Raises:
        SignatureError: the key is not one that the partner's root certified, or the signature does not verify.
        RefusedError: the record was not issued by that partner's party.
    """
    if held.clear.issuer != partner.party:
        raise RefusedError(f"record is issued by `{held.clear.issuer}`, not by `{partner.party}`")
    public = partner.record_keys.get(held.clear.key)
    if public is None:
        raise SignatureError(f"key `{held.clear.key}` is not one of `{partner.node}`")
    record.verify(held, public)
