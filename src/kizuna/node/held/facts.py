"""Reading what this node holds: records by id, instruments, partners' keys.

Everything here reads a store's snapshot and never writes. What is decoded once is kept in bounded caches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import msgspec

from kizuna.errors import KizunaError, RecordError, RefusedError, SignatureError
from kizuna.kernel import canonical, keys, lifecycle, note, record, sign
from kizuna.kernel.journal import Db, Store
from kizuna.kernel.keys import KeySet
from kizuna.kernel.label import MAX_CLASSIFICATION, Label
from kizuna.kernel.lifecycle import Act
from kizuna.kernel.record import Record
from kizuna.node.held import noting
from kizuna.node.held.parsed import parse
from kizuna.node.held.relabelled import held_whole
from kizuna.node.held.tables import whole


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
    former: tuple[Identity, ...] = ()
    """The same node with its earlier keys, the newest first: what they signed still stands, and partners learn of new ones one by one."""

    @cached_property
    def public(self) -> KeySet:
        """The certified key set."""
        return keys.read_keyset(self.keyset, self.root_public)

    @property
    def every(self) -> tuple[Identity, ...]:
        """This identity and its former ones."""
        return (self, *self.former)

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
    envelope: bytes = b""
    """The newest key set as it came."""
    former: tuple[keys.KeySet, ...] = ()
    """Earlier key sets, the newest first."""
    revoked: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """By version, the first place (epoch, index) in the partner's channel at which its keys do not count."""

    @property
    def valid(self) -> tuple[keys.KeySet, ...]:
        """The key sets that are not revoked, the newest first."""
        return tuple(each for each in (self.keyset, *self.former) if each.version not in self.revoked)

    def signer(self, purpose: sign.Purpose, key_id: str) -> bytes:
        """Return the public key that an envelope names: that of a key set not revoked, else the newest one's, under which it will not verify."""
        for each in self.valid:
            if each.key_id(purpose) == key_id:
                return each.public(purpose)
        return self.keyset.public(purpose)

    def is_revoked(self, purpose: sign.Purpose, key_id: str) -> bool:
        """Return whether a key of this id is one of the partner's that counts no more."""
        return any(
            each.key_id(purpose) == key_id for each in (self.keyset, *self.former) if each.version in self.revoked
        )

    def noted(self, purpose: sign.Purpose, data: bytes, name: str, key_type: int = note.KEY_ED25519) -> bytes:
        """Return the public key under which a note says to be signed as `name`; see `signer`."""
        with suppress(KizunaError):
            hashes = {line.key_hash for line in note.parse_note(data).signatures if line.name == name}
            for each in self.valid:
                if note.key_hash(name, each.public(purpose), key_type) in hashes:
                    return each.public(purpose)
        return self.keyset.public(purpose)

    def counts(self, key_id: str, epoch: int, index: int) -> bool:
        """Return whether a record key counts at a place of the partner's channel: it is not revoked there."""
        if not self.revoked:
            return True
        for each in (self.keyset, *self.former):
            if each.key_id(sign.Purpose.RECORD) == key_id:
                return (epoch, index) < self.revoked.get(each.version, (epoch + 1, 0))
        return True


def without_expired(partner: Partner, now_ms: int) -> Partner:
    """Return a partner without the key sets whose certificates no longer count beside the newest one's."""
    newest = partner.keyset
    if isinstance(newest, keys.KeySetV2) and now_ms < newest.previous_until_ms:
        return replace(partner, former=partner.former[:1])
    return replace(partner, former=())


def check_unshared(root: str, keyset: keys.KeySet, identity: Identity, partners: Iterable[Partner]) -> None:
    """Accept a key set none of whose keys is another node's: what is signed, sealed or shown in a handshake must mean one node.

    `root` is the public root key that stands behind it, as it is written.

    Raises:
        RefusedError: a key, the certificate, or another party's root stands on it.
    """
    taken = {canonical.b64(identity.root_public): identity.node}
    for own in identity.every:
        taken |= dict.fromkeys(keys.marks(own.public), identity.node)
    for partner in partners:
        if partner.node != keyset.node:
            old = {canonical.b64(public) for public in partner.record_keys.values()}
            taken |= dict.fromkeys(keys.marks(partner.keyset) | old, partner.node)
        if partner.party != keyset.party:
            taken[canonical.b64(partner.root)] = partner.node
    for mark in sorted(keys.marks(keyset) | {root}):
        if mark in taken:
            raise RefusedError(
                f"the key set of `{keyset.node}` shows a key of `{taken[mark]}`: one of the two is not who it says, ask both"
            )


def load_record(store: Store, record_id: str) -> Record | None:
    """Return a held record with every disclosure of every holding, or None where it is not held or its body was erased."""
    with store.view() as db:
        return held_whole(db, record_id)


def label_held(db: Db, record_id: str, relabels: Collection[Act] = ()) -> tuple[Label | None, int, bool]:
    """Return a held record's label, as disclosed and as relabels left it, its grade in this node's policy, and whether it is an exercise's.

    Where label or grade is not known: None, and the highest.
    """
    rows = db.execute(
        "SELECT h.channel, e.header, b.body FROM record r JOIN holding h ON h.record = r.seq JOIN journal_entry e ON e.seq = h.seq"
        " JOIN journal_body b ON b.seq = h.seq WHERE r.id = ? AND b.body IS NOT NULL ORDER BY h.seq",
        (record_id,),
    )
    if not rows:
        return None, MAX_CLASSIFICATION, False
    held = whole(db, parse(bytes(rows[0][2])))
    try:
        made = record.label_of(held)
        label = lifecycle.label_now(held.id, held.clear.issuer, made, relabels) if relabels else made
    except RecordError:
        return None, MAX_CLASSIFICATION, held.clear.exercise
    own = all(not channel for channel, _, _ in rows)
    if label != made and (own or _raised(made, label)):
        return label, _highest(label) if own else MAX_CLASSIFICATION, held.clear.exercise
    return label, max(_level(channel, bytes(header), held) for channel, header, _ in rows), held.clear.exercise


def labels_held(db: Db, record_ids: Sequence[str]) -> dict[str, tuple[Label | None, int, bool]]:
    """Return what `label_held` does of those records, at most some hundreds, that came once and that nobody relabelled; the others are left out."""
    marks = ",".join("?" * len(record_ids))
    several = {
        target
        for (target,) in db.execute(
            f"SELECT target FROM notice WHERE target IN ({marks}) AND type = ?", (*record_ids, noting.RELABELLED)
        )
    }
    came: dict[str, tuple[str, bytes, bytes]] = {}
    for record_id, *row in db.execute(
        "SELECT r.id, h.channel, e.header, b.body FROM record r JOIN holding h ON h.record = r.seq JOIN journal_entry e ON e.seq = h.seq"
        f" JOIN journal_body b ON b.seq = h.seq WHERE r.id IN ({marks}) AND b.body IS NOT NULL",
        record_ids,
    ):
        if record_id in came:
            several.add(record_id)
        came[record_id] = (row[0], bytes(row[1]), bytes(row[2]))
    return {
        record_id: _label_of(channel, header, parse(body))
        for record_id, (channel, header, body) in came.items()
        if record_id not in several
    }


def _label_of(channel: str, header: bytes, held: Record) -> tuple[Label | None, int, bool]:
    try:
        return record.label_of(held), _level(channel, header, held), held.clear.exercise
    except RecordError:
        return None, MAX_CLASSIFICATION, held.clear.exercise


def _raised(made: Label, label: Label) -> bool:
    before = {grade.policy: grade.classification for grade in made.grades}
    return any(grade.classification > before.get(grade.policy, -1) for grade in label.grades)


def _highest(label: Label) -> int:
    return max((grade.classification for grade in label.grades), default=MAX_CLASSIFICATION)


def _level(channel: str, header: bytes, held: Record) -> int:
    if not channel:
        return max((grade.classification for grade in held.clear.label), default=MAX_CLASSIFICATION)
    said = msgspec.json.decode(msgspec.json.decode(header)["meta"]["header"])
    told = [grade["classification"] for grade in said["label"]] or _of_agreements(held)
    return max(told, default=MAX_CLASSIFICATION)


def _of_agreements(held: Record) -> list[int]:
    """Return the grades of what a party says about its agreements, in the policy that is everyone's for that and is not translated."""
    own = f"{held.clear.issuer}.agreements.v1"
    grades = [grade.classification for grade in held.clear.label if grade.policy == own]
    return grades if len(grades) == len(held.clear.label) else []


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
        held = {keyset.version: (keyset, canonical.encode(card.keyset))}
        for (envelope,) in store.query("SELECT envelope FROM keyset WHERE node = ? ORDER BY version", (node,)):
            try:
                newer = keys.read_keyset(sign.read_envelope(bytes(envelope)), card.root_bytes)
            except KizunaError:
                continue  # of a root that was pinned before this one
            held[newer.version] = (newer, bytes(envelope))
        every = [held[version] for version in sorted(held, reverse=True)]
        revoked = store.query("SELECT version, epoch, idx FROM revoked_key WHERE node = ?", (node,))
        found[node] = Partner(
            node,
            party,
            card.root_bytes,
            every[0][0],
            {each.key_id(sign.Purpose.RECORD): each.public(sign.Purpose.RECORD) for each, _ in every},
            card.address,
            card.certificate_pem,
            every[0][1],
            tuple(each for each, _ in every[1:]),
            {int(version): (int(epoch), int(index)) for version, epoch, index in revoked},
        )
    return found


def load_issuers(store: Store, partners: Iterable[Partner]) -> dict[str, dict[str, bytes]]:
    """Return the record keys, by id, of every party whose root is pinned here: of partners, and of those who were only introduced.

    Revoked ones are left out: by a relay nothing comes that says where in its issuer's channel it stood.
    """
    found: dict[str, dict[str, bytes]] = {}
    for partner in partners:
        current = {each.key_id(sign.Purpose.RECORD): each.public(sign.Purpose.RECORD) for each in partner.valid}
        found.setdefault(partner.party, {}).update(current)
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
