"""What originators say about their own records, as rows: consents, relabels, successors, withdrawals; and what hangs on a record.

A *notice* is a record of the kernel's about other records. It travels on a channel of the parties that it concerns and needs no provision
(decision 0015). The rows here are filled from the journal like all tables (`kizuna.node.held.tables` calls `fill` for every entry); what notices mean
for a release is read from them by `kizuna.node.channel.ledger`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TypedDict

from msgspec import UNSET

from kizuna.kernel import lifecycle, record
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.wire import EntryHeader
from kizuna.kernel.journal import Db, Entry
from kizuna.kernel.record import Record
from kizuna.node.held import retained
from kizuna.node.held.parsed import header_of, parse

GRANTED = "consent.granted.v1"
REVOKED = "consent.revoked.v1"
RELABELLED = "record.relabelled.v1"
SUPERSEDED = "record.superseded.v1"
WITHDRAWALS = {
    "record.destroyed.v1": "destroy",
    "record.recalled.v1": "recall",
    "record.retracted.v1": "retract",
}
"""The signed form of each act: it goes where an originator has no channel, by the relay that it consented to."""
NOTICE_TYPES = frozenset({GRANTED, REVOKED, RELABELLED, SUPERSEDED, *WITHDRAWALS})

SCHEMA = (
    "CREATE TABLE notice (record_id TEXT PRIMARY KEY, type TEXT NOT NULL, issuer TEXT NOT NULL, target TEXT NOT NULL)",
    "CREATE INDEX notice_by_target ON notice (target)",
    """CREATE TABLE consent_use (
        consent TEXT NOT NULL, channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, PRIMARY KEY (consent, channel, epoch, idx))""",
    "CREATE TABLE backfilled (channel TEXT NOT NULL, item TEXT NOT NULL, PRIMARY KEY (channel, item))",
    """CREATE TABLE introduced (
        node TEXT NOT NULL, version BIGINT NOT NULL, party TEXT NOT NULL, card BYTES NOT NULL, introduced_at_ms BIGINT NOT NULL,
        PRIMARY KEY (node, version))""",
    "CREATE TABLE derivation (record_id TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (record_id, source))",
    "CREATE INDEX derivation_by_source ON derivation (source)",
    "CREATE TABLE blob_use (sha256 TEXT NOT NULL, record_id TEXT NOT NULL, PRIMARY KEY (sha256, record_id))",
    "CREATE INDEX blob_use_by_record ON blob_use (record_id)",
    "CREATE TABLE blob_erased (sha256 TEXT PRIMARY KEY, seq BIGINT NOT NULL)",
    *retained.SCHEMA,
)

_AT_ONCE = 500


def target_of(held: Record) -> str:
    """Return the record or consent that a notice is about, or the empty string: a grant names several, or none."""
    named = held.disclosed.get("payload/target", held.disclosed.get("payload/consent"))
    return named if isinstance(named, str) else ""


def body_of(held: Record) -> record.Body:
    """Return what a notice says.

    Raises:
        RecordError: its payload does not fit its type.
    """
    return record.body_of(held, lifecycle.KERNEL_RECORDS[held.clear.type])


def blobs_of(held: Record, names: Container[str]) -> set[tuple[str, int]]:
    """Return digest and size of each blob that the named facts show.

    A fact shows a blob by the key `blob` of its value: `{"blob": {"sha256": ..., "size": ...}, ...}`.
    """
    found = set()
    for name, value in held.disclosed.items():
        if not isinstance(value, dict) or name not in names:  # few values are
            continue
        blob = value.get("blob")
        if isinstance(blob, dict):
            sha256, size = blob.get("sha256"), blob.get("size")
            if isinstance(sha256, str) and wire.is_digest(sha256) and type(size) is int and size >= 0:
                found.add((sha256, size))
    return found


def standings(db: Db, record_ids: Sequence[str]) -> dict[str, str]:
    """Return what has become of those of these records that are asserted no longer: `superseded`, `retract`, `recall` or `destroy`."""
    found: dict[str, str] = {}
    for start in range(0, len(record_ids), _AT_ONCE):
        some = record_ids[start : start + _AT_ONCE]
        rows = db.execute(
            f"SELECT id, standing FROM record WHERE standing <> '' AND id IN ({','.join('?' * len(some))})", tuple(some)
        )
        found.update((record_id, standing) for record_id, standing in rows)
    return found


def fallen(db: Db, first: int, last: int) -> frozenset[int]:
    """Return which entries, of those from `first` to `last`, brought a record that is asserted no longer."""
    rows = db.execute(
        "SELECT h.seq FROM holding h JOIN record r ON r.seq = h.record WHERE h.seq BETWEEN ? AND ? AND r.standing <> ''",
        (first, last),
    )
    return frozenset(seq for (seq,) in rows)


def shown_to(held: Record, party: str, opened: frozenset[str]) -> frozenset[str]:
    """Return which facts of a notice a partner is shown: all but to whom else its record may go, where that is not `opened` to it.

    A consent and its revocation are shown whole to both whom they concern.
    """
    if held.clear.type in {GRANTED, REVOKED}:
        return frozenset(held.disclosures)
    return frozenset(
        name
        for name in held.disclosures
        if not name.startswith("releasable_to/") or name == f"releasable_to/{party}" or name in opened
    )


class Sequenced(TypedDict):
    """On what the entry that is asked for again was decided, for `Releaser.rule`."""

    backfill: bool
    unspent: frozenset[str]


def as_sequenced(header: bytes) -> Sequenced:
    """Return by whose word an entry was sequenced: two persons', or consents whose single use it is."""
    made = wire.decode_header(header)
    consents = frozenset() if made.consents is UNSET else frozenset(made.consents)
    return {"backfill": made.backfill is True, "unspent": consents}


def fill(db: Db, seq: int, entry: Entry) -> None:
    """Fill the rows of this module from one journal entry."""
    filled = _FILLED.get(entry.kind)
    if filled is not None:
        filled(db, seq, entry)


def _record(db: Db, _seq: int, entry: Entry) -> None:
    if entry.body is not None:
        _held(db, parse(entry.body), entry.meta["clear"][0])


def _released(db: Db, _seq: int, entry: Entry) -> None:
    if '"consents"' in entry.meta["header"]:
        _used(db, header_of(entry.meta["header"]))


def _queued(db: Db, _seq: int, entry: Entry) -> None:
    for channel, item, *_ in entry.meta["rows"] if entry.meta.get("second_actor") else ():
        db.execute(
            "INSERT INTO backfilled (channel, item) VALUES (?,?) ON CONFLICT (channel, item) DO NOTHING",
            (channel, item),
        )


def _introduced(db: Db, _seq: int, entry: Entry) -> None:
    meta = entry.meta
    db.execute(
        "INSERT INTO introduced (node, version, party, card, introduced_at_ms) VALUES (?,?,?,?,?) ON CONFLICT (node, version) DO NOTHING",
        (meta["node"], meta["version"], meta["party"], entry.body, entry.at_ms),
    )


def _blob_erased(db: Db, seq: int, entry: Entry) -> None:
    db.execute(
        "INSERT INTO blob_erased (sha256, seq) VALUES (?,?) ON CONFLICT (sha256) DO UPDATE SET seq = excluded.seq",
        (entry.meta["sha256"], seq),
    )


def _received(db: Db, _seq: int, entry: Entry) -> None:
    if entry.meta["code"] or entry.meta["stub"]:
        return
    if '"consents"' in entry.meta["header"]:
        _used(db, header_of(entry.meta["header"]))
    if entry.body is not None and entry.meta["kind"] in {"notice", "record"}:
        held = parse(entry.body)
        _held(db, held, held.clear.type)
        if '"retain_days":0' not in entry.meta["header"]:  # most have no term
            retained.note_term(db, held.id, header_of(entry.meta["header"]))


def _used(db: Db, header: EntryHeader) -> None:
    for consent in header.consents or ():
        db.execute(
            "INSERT INTO consent_use (consent, channel, epoch, idx) VALUES (?,?,?,?) ON CONFLICT (consent, channel, epoch, idx) DO NOTHING",
            (consent, header.channel, header.epoch, header.index),
        )


def _held(db: Db, held: Record, type_: str) -> None:
    for sha256, _ in blobs_of(held, held.disclosed):
        db.execute(
            "INSERT INTO blob_use (sha256, record_id) VALUES (?,?) ON CONFLICT (sha256, record_id) DO NOTHING",
            (sha256, held.id),
        )
    if "derived_from/0" in held.disclosed:
        for source in held.listed("derived_from"):
            db.execute(
                "INSERT INTO derivation (record_id, source) VALUES (?,?) ON CONFLICT (record_id, source) DO NOTHING",
                (held.id, source),
            )
    retained.note(db, held)
    if type_ in NOTICE_TYPES:
        _note(db, held)


def forget(db: Db, record_id: str) -> None:
    """Take out what hung on a record whose body was erased."""
    for table in ("blob_use", "derivation", "retained"):
        db.execute(f"DELETE FROM {table} WHERE record_id = ?", (record_id,))


def _note(db: Db, held: Record) -> None:
    target = target_of(held)
    db.execute(
        "INSERT INTO notice (record_id, type, issuer, target) VALUES (?,?,?,?)"
        " ON CONFLICT (record_id) DO UPDATE SET target = CASE WHEN notice.target = '' THEN excluded.target ELSE notice.target END",
        (held.id, held.clear.type, held.clear.issuer, target),
    )
    word = "superseded" if held.clear.type == SUPERSEDED else WITHDRAWALS.get(held.clear.type, "")
    if word and target:
        stand(db, f"signed/{held.clear.issuer}", 0, 0, word, target)


STANDINGS = ("", "superseded", "retract", "recall", "destroy")
"""From the weakest to the strongest: a stronger one holds in every order of arrival."""


def standing_of(record_id: str, issuer: str) -> str:
    """Return the SQL of a record's standing: the strongest act of its own originator; what others say of it counts for nothing."""
    return (
        f"COALESCE((SELECT act FROM act WHERE record_id = {record_id} AND (channel = '' OR channel LIKE 'kizuna/' || {issuer} || '/%'"
        f" OR channel = 'signed/' || {issuer}) ORDER BY strength DESC LIMIT 1), '')"
    )


def stand(db: Db, channel: str, epoch: int, index: int, act: str, record_id: str) -> None:  # a row
    """Note an act, by where it was said, and what has become of its record."""
    db.execute(
        "INSERT INTO act (record_id, channel, epoch, idx, act, strength, confirmed_at_ms, backups_pending_until_ms)"
        " VALUES (?,?,?,?,?,?,0,0) ON CONFLICT (record_id, channel, act) DO NOTHING",
        (record_id, channel, epoch, index, act, STANDINGS.index(act)),
    )
    db.execute(f"UPDATE record SET standing = {standing_of('record.id', 'record.issuer')} WHERE id = ?", (record_id,))


_FILLED: dict[str, Callable[[Db, int, Entry], None]] = {
    "blob-erased": _blob_erased,
    "introduced": _introduced,
    retained.ENDED: retained.note_ended,
    "queued": _queued,
    "received": _received,
    "record": _record,
    "released": _released,
}
